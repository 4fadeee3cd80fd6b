use llmlab::prelude::*;

/// Codes of a matrix's rows, and a scale for each.
fn quantize(rows: &Tensor) -> (Vec<Vec<i32>>, Vec<f32>) {
    let of = |row: ndarray::ArrayViewD<f32>| {
        let max = row.fold(0.0f32, |max, v| max.max(v.abs()));
        let scale = if max > 0.0 { max / 127.0 } else { 1.0 };
        let codes: Vec<i32> = row.iter().map(|v| (v / scale).round() as i32).collect();
        (codes, scale)
    };
    rows.outer_iter().map(of).unzip()
}

/// x·weightᵀ [n r] through 8-bit integers, smoothed.
pub fn w8a8_quantization(x: &Tensor, weight: &Tensor, act_max: &Tensor, alpha: f64) -> Tensor {
    let alpha = alpha as f32;
    let smooth: Vec<f32> = (0..act_max.len())
        .map(|j| {
            let column = weight.index_axis(Axis(1), j);
            let w = column.fold(0.0f32, |max, w| max.max(w.abs()));
            let a = act_max[j];
            if a > 0.0 && w > 0.0 {
                a.powf(alpha) / w.powf(1.0 - alpha)
            } else {
                1.0
            }
        })
        .collect();
    let smooth = Array1::from(smooth);

    let (q_x, s_x) = quantize(&(x / &smooth));
    let (q_w, s_w) = quantize(&(weight * &smooth));
    Tensor::from_shape_fn(vec![q_x.len(), q_w.len()], |at| {
        let (t, r) = (at[0], at[1]);
        let sum: i32 = q_x[t].iter().zip(&q_w[r]).map(|(a, b)| a * b).sum();
        s_x[t] * s_w[r] * sum as f32
    })
}
