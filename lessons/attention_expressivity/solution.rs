use llmlab::prelude::*;

/// Path lengths (arXiv 1706.03762, section 4) and rank collapse (arXiv 2103.03404).
pub fn attention_expressivity(
    x: &Tensor,
    w: &Tensor,
    sees: &Labels,
    skip: f64,
) -> (Tensor, Tensor) {
    let n = x.shape()[0];
    // Breadth first: who knows token j after `step` layers?
    let mut layers = Tensor::from_elem(vec![n, n], -1.0);
    for j in 0..n {
        let mut newest = vec![j];
        let mut step = 0.0;
        while !newest.is_empty() {
            newest.iter().for_each(|i| layers[[*i, j]] = step);
            step += 1.0;
            let news =
                |i: &usize| layers[[*i, j]] < 0.0 && newest.iter().any(|k| sees[[*i, *k]] == 1);
            newest = (0..n).filter(news).collect();
        }
    }

    let mask = sees.mapv(|sees| if sees == 1 { 0.0 } else { f32::NEG_INFINITY });
    let norm = |x: &Tensor| x.iter().map(|x| x * x).sum::<f32>().sqrt();
    let mut x = x.clone();
    let mut collapse = Vec::new();
    for w in w.axis_iter(Axis(0)) {
        let part = |i| matmul(&x, &w.index_axis(Axis(0), i).to_owned());
        let (q, k, v) = (part(0), part(1), part(2));
        let scores = einsum("n d, m d -> n m", &[&q, &k]) / (x.shape()[1] as f32).sqrt();
        let read = matmul(&softmax(&(scores + &mask), 1), &v);
        x = if skip == 1.0 { x + read } else { read };
        let mean = x.mean_axis(Axis(0)).unwrap();
        collapse.push(norm(&(&x - &mean)) / norm(&x));
    }
    (layers, Array1::from(collapse).into_dyn())
}
