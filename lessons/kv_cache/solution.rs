use llmlab::prelude::*;

/// Attention of n new tokens over a cache with m slots: `q [b h n d]`, `k` and `v` `[b g n d]` (query
/// head i reads head ⌊i·g/h⌋), `past_k` and `past_v` `[b g m d]`. Row i continues cache row
/// `beam_idx[i]`, which holds `lengths[beam_idx[i]]` tokens, keys rotated; the slots after them are
/// free. Token r of the row stands at position length + r: q and k are rotated (RoPE, pairs
/// (x₀,x₁) …, base `rope_theta`), k and v go into the slot of that number, and it sees the slots up
/// to its own. Gives `(out [b h n d], present_k, present_v)`.
pub fn kv_cache(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    past_k: &Tensor,
    past_v: &Tensor,
    lengths: &Labels,
    beam_idx: &Labels,
    rope_theta: f64,
) -> (Tensor, Tensor, Tensor) {
    let (h, n, d) = (q.shape()[1], q.shape()[2], q.shape()[3]);
    let (g, m) = (past_k.shape()[1], past_k.shape()[2]);
    let rows: Vec<usize> = beam_idx.iter().map(|&row| row as usize).collect();
    let starts: Vec<usize> = rows.iter().map(|&row| lengths[row] as usize).collect();

    let rotate = |x: &Tensor| {
        Tensor::from_shape_fn(x.raw_dim(), |at| {
            let (position, j) = (starts[at[0]] + at[2], at[3]);
            let angle = position as f64 * rope_theta.powf(-((j / 2 * 2) as f64) / d as f64);
            let (sin, cos) = (angle.sin() as f32, angle.cos() as f32);
            let partner = x[[at[0], at[1], at[2], j ^ 1]];
            if j % 2 == 0 {
                x[&at] * cos - partner * sin
            } else {
                x[&at] * cos + partner * sin
            }
        })
    };
    let append = |past: &Tensor, new: &Tensor| {
        let mut cache = past.select(Axis(0), &rows);
        for (i, &start) in starts.iter().enumerate() {
            let new = new.index_axis(Axis(0), i);
            cache
                .slice_mut(s![i, .., start..start + n, ..])
                .assign(&new);
        }
        cache
    };
    let present_k = append(past_k, &rotate(k));
    let present_v = append(past_v, v);

    // Each key/value head serves h/g query heads in a row.
    let heads: Vec<usize> = (0..h).map(|i| i * g / h).collect();
    let (keys, values) = (
        present_k.select(Axis(1), &heads),
        present_v.select(Axis(1), &heads),
    );
    let mut scores = einsum("b h n d, b h m d -> b h n m", &[&rotate(q), &keys]);
    scores /= (d as f32).sqrt();
    for (i, start) in starts.iter().enumerate() {
        for r in 0..n {
            let hidden = (start + r + 1).min(m);
            scores
                .slice_mut(s![i, .., r, hidden..])
                .fill(f32::NEG_INFINITY);
        }
    }
    let weights = softmax(&scores, 3);
    let out = einsum("b h n m, b h m d -> b h n d", &[&weights, &values]);
    (out, present_k, present_v)
}
