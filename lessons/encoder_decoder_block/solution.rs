use llmlab::prelude::*;

/// One encoder and one decoder layer (arXiv 1706.03762, section 3.1), pre-LN or post-LN.
pub fn encoder_decoder_block(
    src: &Tensor,
    tgt: &Tensor,
    src_mask: &Labels,
    bos: &Tensor,
    attn: &Tensor,
    up: &Tensor,
    down: &Tensor,
    gamma: &Tensor,
    norm_first: f64,
) -> (Tensor, Tensor) {
    let part = |stacked: &Tensor, i: usize| stacked.index_axis(Axis(0), i).to_owned();
    let norm = |x: &Tensor, i: usize| {
        let mean = |x: &Tensor| x.mean_axis(Axis(2)).unwrap().insert_axis(Axis(2));
        let centred = x - &mean(x);
        let std = mean(&(&centred * &centred)).mapv(|v| (v + 1e-5).sqrt());
        centred / std * part(gamma, i)
    };
    let attend = |i: usize, q: &Tensor, kv: &Tensor, mask: &Tensor| {
        let w = part(attn, i);
        let (q, k, v) = (
            matmul(q, &part(&w, 0)),
            matmul(kv, &part(&w, 1)),
            matmul(kv, &part(&w, 2)),
        );
        let root = (q.shape()[2] as f32).sqrt();
        let scores = einsum("b n d, b m d -> b n m", &[&q, &k]) / root + mask;
        let read = einsum("b n m, b m d -> b n d", &[&softmax(&scores, 2), &v]);
        matmul(&read, &part(&w, 3))
    };
    let ffn = |i: usize, x: &Tensor| {
        matmul(
            &matmul(x, &part(up, i)).mapv(|z| z.max(0.0)),
            &part(down, i),
        )
    };
    let sublayer = |x: &Tensor, i: usize, f: &dyn Fn(&Tensor) -> Tensor| match norm_first == 1.0 {
        true => x + &f(&norm(x, i)),
        false => norm(&(x + &f(x)), i),
    };

    // [b 1 m], for every row that reads the source.
    let padding = src_mask.mapv(|keep| if keep == 0 { f32::NEG_INFINITY } else { 0.0 });
    let padding = padding.insert_axis(Axis(1));
    let x = sublayer(src, 0, &|y| attend(0, y, y, &padding));
    let memory = sublayer(&x, 1, &|y| ffn(0, y));

    let (b, n, d) = (tgt.shape()[0], tgt.shape()[1], tgt.shape()[2]);
    let mut shifted = Tensor::zeros(vec![b, n, d]);
    shifted.slice_mut(s![.., ..1, ..]).assign(bos);
    shifted
        .slice_mut(s![.., 1.., ..])
        .assign(&tgt.slice(s![.., ..n - 1, ..]));
    let x = sublayer(&shifted, 2, &|y| attend(1, y, y, &causal_mask(n, n)));
    let x = sublayer(&x, 3, &|y| attend(2, y, &memory, &padding));
    let out = sublayer(&x, 4, &|y| ffn(1, y));
    (memory, out)
}
