//! Attention with a streaming softmax: exact, with memory linear in the number of keys.
//!
//! The n×m scores are never stored. Keys come in tiles; each query keeps its largest score so far,
//! the sum of its weights and its weighted sum of values, and rescales them when the maximum grows
//! (Milakov and Gimelshein 2018, arXiv 1805.02867; Dao et al. 2022, arXiv 2205.14135).

use super::cpu::split;
use crate::tiered;
use std::fmt;

/// Sizes: batch, heads, queries, keys, head size of q and k, head size of v.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub b: usize,
    pub h: usize,
    pub n: usize,
    pub m: usize,
    pub d: usize,
    pub dv: usize,
}

/// An additive mask: element `[b h n m]` is at the sum of index × stride. Stride 0 repeats.
#[derive(Clone, Copy, Debug)]
pub struct Mask<'a> {
    pub values: &'a [f32],
    pub strides: [usize; 4],
}

/// Why a call cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// An operand has fewer or more elements than the shape (for a mask: its strides) asks for.
    Length {
        operand: &'static str,
        want: usize,
        got: usize,
    },
    /// The head size is 0, or a product of sizes overflows.
    Shape(Shape),
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Misfit::Length { operand, want, got } => write!(
                f,
                "{operand} has {got} elements and should have {want}; pass it whole and row-major, and give stride 0 to an axis that a mask repeats"
            ),
            Misfit::Shape(shape) => write!(
                f,
                "{shape:?} cannot be: give d of at least 1, and sizes whose products fit into memory"
            ),
        }
    }
}

impl std::error::Error for Misfit {}

/// Keys in a tile: with d = 64 its keys and its values take 32 KiB each.
const TILE: usize = 128;

/// `softmax(q·kᵀ/√d + mask)·v`, row-major: `q [b h n d]`, `k [b h m d]`, `v [b h m dv]` give
/// `[b h n dv]`. A row whose scores are all −∞ gives zeros.
///
/// # Errors
/// [`Misfit`], when an operand's length does not fit the shape.
pub fn attention(
    q: &[f32],
    k: &[f32],
    v: &[f32],
    mask: Option<Mask<'_>>,
    shape: Shape,
) -> Result<Vec<f32>, Misfit> {
    let Shape { b, h, n, m, d, dv } = shape;
    let product = |sizes: [usize; 4]| {
        let checked = |product: usize, &size: &usize| product.checked_mul(size);
        let product = sizes.iter().try_fold(1, checked);
        product.filter(|_| d > 0).ok_or(Misfit::Shape(shape))
    };
    let fits = |operand, want, got| match want == got {
        true => Ok(()),
        false => Err(Misfit::Length { operand, want, got }),
    };
    fits("q", product([b, h, n, d])?, q.len())?;
    fits("k", product([b, h, m, d])?, k.len())?;
    fits("v", product([b, h, m, dv])?, v.len())?;
    if let Some(Mask { values, strides }) = mask
        && product([b, h, n, m])? > 0
    {
        let last = [b - 1, h - 1, n - 1, m - 1];
        let want = 1 + last
            .iter()
            .zip(strides)
            .map(|(i, by)| i * by)
            .sum::<usize>();
        fits("mask", want, values.len())?;
    }
    let mut out = vec![0.0; product([b, h, n, dv])?];
    split(&mut out, dv, |rows, out| {
        let mut first = rows.start;
        while first < rows.end {
            let head = first / n;
            let last = rows.end.min((head + 1) * n);
            let part = &mut out[(first - rows.start) * dv..(last - rows.start) * dv];
            let mask = mask.map(|mask| {
                let at = (head / h) * mask.strides[0]
                    + (head % h) * mask.strides[1]
                    + (first % n) * mask.strides[2];
                Mask {
                    values: &mask.values[at.min(mask.values.len())..],
                    ..mask
                }
            });
            one_head(
                &q[first * d..last * d],
                &k[head * m * d..][..m * d],
                &v[head * m * dv..][..m * dv],
                mask,
                shape,
                part,
            );
            first = last;
        }
    });
    Ok(out)
}

tiered! {
    /// Some queries of one head; the mask starts at the first of them, and `out` holds zeros.
    fn one_head(q: &[f32], k: &[f32], v: &[f32], mask: Option<Mask<'_>>, shape: Shape, out: &mut [f32]) {
        let Shape { m, d, dv, .. } = shape;
        let scale = 1.0 / (d as f32).sqrt();
        let q: Vec<f32> = q.iter().map(|x| x * scale).collect();
        let mut keys = vec![0.0; d * TILE];
        let mut tile = [0.0; TILE];
        // Per query: the largest score so far, and the sum of exp(score − largest).
        let mut state = vec![(f32::NEG_INFINITY, 0.0); q.len() / d];
        for first in (0..m).step_by(TILE) {
            let s = &mut tile[..TILE.min(m - first)];
            let part = first..first + s.len();
            transpose(&k[part.start * d..part.end * d], d, &mut keys);
            let values = &v[part.start * dv..part.end * dv];
            let rows = q.chunks_exact(d).zip(out.chunks_exact_mut(dv)).zip(&mut state);
            for (i, ((q, out), (max, sum))) in rows.enumerate() {
                s.fill(0.0);
                add_rows(s, q, &keys, TILE);
                if let Some(Mask { values, strides }) = mask {
                    for (j, s) in part.clone().zip(s.iter_mut()) {
                        *s += values[i * strides[2] + j * strides[3]];
                    }
                }
                let new = reduce(s, f32::NEG_INFINITY, f32::max).max(*max);
                if new == f32::NEG_INFINITY && s.iter().all(|s| *s == f32::NEG_INFINITY) {
                    // exp(−∞ − (−∞)) would be NaN: a tile without a key adds nothing.
                    continue;
                }
                if new > *max {
                    let keep = (*max - new).exp();
                    *sum *= keep;
                    out.iter_mut().for_each(|x| *x *= keep);
                    *max = new;
                }
                s.iter_mut().for_each(|s| *s = exp(*s - new));
                *sum += reduce(s, 0.0, |a, b| a + b);
                add_rows(out, s, values, dv);
            }
        }
        for (out, (_, sum)) in out.chunks_exact_mut(dv).zip(state) {
            let scale = if sum == 0.0 { 0.0 } else { 1.0 / sum };
            out.iter_mut().for_each(|x| *x *= scale);
        }
    }
}

/// Keys `[.. d]` as columns of `[d TILE]`, so that scores need no sum across lanes.
#[inline(always)]
fn transpose(k: &[f32], d: usize, keys: &mut [f32]) {
    for (j, key) in k.chunks_exact(d).enumerate() {
        for (t, x) in key.iter().enumerate() {
            keys[t * TILE + j] = *x;
        }
    }
}

/// acc += Σ weights[t]·rows[t]; a row starts every `stride` elements. Four rows at a time, so that
/// `acc` is loaded and stored once for four.
#[inline(always)]
fn add_rows(acc: &mut [f32], weights: &[f32], rows: &[f32], stride: usize) {
    let len = acc.len();
    let row = |t: usize| &rows[t * stride..][..len];
    let (fours, rest) = weights.as_chunks::<4>();
    for (i, w) in fours.iter().enumerate() {
        let [a, b, c, d] = [0, 1, 2, 3].map(|t| row(4 * i + t));
        for l in 0..len {
            acc[l] += (w[0] * a[l] + w[1] * b[l]) + (w[2] * c[l] + w[3] * d[l]);
        }
    }
    for (t, w) in rest.iter().enumerate() {
        let last = row(4 * fours.len() + t);
        for l in 0..len {
            acc[l] += w * last[l];
        }
    }
}

/// All elements as one, in 16 independent lanes as long as that goes.
#[inline(always)]
fn reduce(x: &[f32], start: f32, join: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [start; 16];
    let (chunks, rest) = x.as_chunks::<16>();
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane = join(*lane, *x);
        }
    }
    lanes.iter().chain(rest).fold(start, |a, b| join(a, *b))
}

/// eˣ for x ≤ 0 within 2 ulp, written so that it vectorises (Cephes' polynomial). NaN stays NaN.
#[inline(always)]
fn exp(x: f32) -> f32 {
    // Adding 1.5·2²³ rounds to an integer, which then stands in the low bits.
    const MAGIC: f32 = 12_582_912.0;
    let shifted = x * std::f32::consts::LOG2_E + MAGIC;
    let n = shifted - MAGIC;
    let r = (x - n * 0.693_359_4) + n * 2.121_944_4e-4;
    let mut p = 1.987_569_1e-4;
    for c in [
        1.398_199_9e-3,
        8.333_452e-3,
        4.166_579_6e-2,
        1.666_666_6e-1,
        0.5,
    ] {
        p = p * r + c;
    }
    let y = p * r * r + r + 1.0;
    let power = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    if x < -87.0 { 0.0 } else { y * power }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    fn noise(seed: u64, len: usize, scale: f32) -> Vec<f32> {
        let mut rng = StdRng::seed_from_u64(seed);
        (0..len)
            .map(|_| scale * rng.random_range(-1.0..1.0))
            .collect()
    }

    /// Plain loops in f64, and how far an f32 answer may be off.
    fn plain(q: &[f32], k: &[f32], v: &[f32], mask: Option<Mask<'_>>, shape: Shape) -> Vec<f64> {
        let Shape { b, h, n, m, d, dv } = shape;
        let mut out = vec![0.0; b * h * n * dv];
        for (row, out) in out.chunks_mut(dv).enumerate() {
            let (head, i) = (row / n, row % n);
            let score = |j: usize| {
                let dot = (0..d)
                    .map(|t| f64::from(q[row * d + t]) * f64::from(k[(head * m + j) * d + t]));
                let at =
                    |by: [usize; 4]| head / h * by[0] + head % h * by[1] + i * by[2] + j * by[3];
                let mask = mask.map_or(0.0, |mask| f64::from(mask.values[at(mask.strides)]));
                dot.sum::<f64>() / (d as f64).sqrt() + mask
            };
            let scores: Vec<f64> = (0..m).map(score).collect();
            let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            if max == f64::NEG_INFINITY {
                continue;
            }
            let sum: f64 = scores.iter().map(|s| (s - max).exp()).sum();
            for (j, s) in scores.iter().enumerate() {
                for (t, out) in out.iter_mut().enumerate() {
                    *out += (s - max).exp() / sum * f64::from(v[(head * m + j) * dv + t]);
                }
            }
        }
        out
    }

    #[test]
    fn ragged_shapes_and_every_kind_of_mask_equal_plain_loops() {
        let sizes = [
            [1, 1, 1, 1, 1, 1],
            [2, 3, 5, 7, 8, 6],
            [1, 2, 9, 40, 33, 17],
            [3, 1, 4, 16, 16, 16],
            [1, 3, 37, 65, 64, 48],
            [2, 2, 3, 0, 4, 4],
        ];
        for (seed, [b, h, n, m, d, dv]) in sizes.into_iter().enumerate() {
            let shape = Shape { b, h, n, m, d, dv };
            let draw = |salt, len| noise(10 * seed as u64 + salt, len, 2.0);
            let (q, k, v) = (
                draw(0, b * h * n * d),
                draw(1, b * h * m * d),
                draw(2, b * h * m * dv),
            );
            let mut values = draw(3, b * h * n * m);
            // The first tiles of most rows, and now and then a whole row, are dropped.
            for (i, row) in values.chunks_mut(m.max(1)).enumerate() {
                let dropped = [m, m / 2, m * 9 / 10, 0][i % 4];
                row[..dropped].fill(f32::NEG_INFINITY);
            }
            let kinds = [
                (b * h * n * m, [h * n * m, n * m, m, 1]),
                (n * m, [0, 0, m, 1]),
                (b * m, [m, 0, 0, 1]),
                (h * n, [0, n, 1, 0]),
            ];
            let masks = kinds.map(|(len, strides)| Mask {
                values: &values[..len.min(values.len())],
                strides,
            });
            for mask in std::iter::once(None).chain(masks.map(Some)) {
                let got = attention(&q, &k, &v, mask, shape).unwrap();
                let want = plain(&q, &k, &v, mask, shape);
                assert_eq!(got.len(), want.len());
                for (got, want) in got.iter().zip(&want) {
                    let err = (f64::from(*got) - want).abs();
                    assert!(err <= 1e-5, "{shape:?} {mask:?}: {got} is not {want}");
                }
            }
        }
    }

    #[test]
    fn the_fast_exp_is_exp() {
        for i in 0..=8_700_000 {
            let x = -1e-5 * i as f32;
            let want = f64::from(x).exp();
            let err = (f64::from(exp(x)) - want).abs() / want;
            assert!(err <= 2.5e-7, "exp({x}) is off by {err:e}");
        }
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn nan_comes_through_and_large_scores_do_not_overflow() {
        let shape = Shape {
            b: 1,
            h: 1,
            n: 1,
            m: 2,
            d: 1,
            dv: 1,
        };
        let run = |q: f32, k: [f32; 2]| attention(&[q], &k, &[1.0, 2.0], None, shape).unwrap()[0];
        assert_eq!(run(1e4, [1.0, -1.0]), 1.0);
        assert!(run(f32::NAN, [1.0, 1.0]).is_nan());
    }

    #[test]
    fn misfits_are_sentences() {
        let shape = Shape {
            b: 1,
            h: 1,
            n: 2,
            m: 2,
            d: 1,
            dv: 1,
        };
        let two = [0.0; 2];
        let words = |k: &[f32], mask, shape| {
            attention(&two, k, &two, mask, shape)
                .unwrap_err()
                .to_string()
        };
        assert!(words(&[0.0], None, shape).starts_with("k has 1 elements and should have 2"));
        let mask = Some(Mask {
            values: &two,
            strides: [0, 0, 2, 1],
        });
        assert!(words(&two, mask, shape).starts_with("mask has 2 elements and should have 4"));
        assert!(words(&two, None, Shape { d: 0, ..shape }).contains("d of at least 1"));
        assert!(
            words(
                &two,
                None,
                Shape {
                    b: usize::MAX,
                    ..shape
                }
            )
            .contains("fit into memory")
        );
    }

    /// `cargo test --release --lib attention_speed -- --ignored --nocapture`
    #[test]
    #[ignore = "a measurement, not a check"]
    fn attention_speed() {
        let shape = Shape {
            b: 1,
            h: 8,
            n: 1024,
            m: 1024,
            d: 64,
            dv: 64,
        };
        let x = noise(0, 8 * 1024 * 64, 1.0);
        for _ in 0..5 {
            let start = std::time::Instant::now();
            let out = attention(&x, &x, &x, None, shape).unwrap();
            let seconds = start.elapsed().as_secs_f64();
            let gflop = 4.0 * 8.0 * 1024.0 * 1024.0 * 64.0 / 1e9;
            println!(
                "{:.1} ms, {:.1} GFLOP/s ({})",
                1e3 * seconds,
                gflop / seconds,
                out[0]
            );
        }
    }
}
