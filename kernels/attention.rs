//! Attention with a streaming softmax: exact, with memory linear in the numbers of queries and keys.
//!
//! The n×m scores are never stored. Keys come in tiles; each query keeps its largest score so far,
//! the sum of its weights and its weighted sum of values, and rescales them when the maximum grows
//! (Milakov and Gimelshein 2018, arXiv 1805.02867; Dao et al. 2022, arXiv 2205.14135).
//!
//! Nearly all of the time goes into two products: scores = q·kᵀ and sums += weights·v. Both are one
//! [`Product`], which keeps a block of results in registers (6 rows, and 64 columns with AVX-512), so
//! that a step of 24 multiply-adds loads 4 vectors and 6 numbers. Keys are transposed
//! into panels of that many columns first, once for all queries of the tile; queries and values are
//! padded to whole blocks. A tile in which a mask drops every key for six queries is skipped: half
//! of the work under a causal mask.

use super::cpu::{Tier, split_pair};
use super::matmul::{Product, ROWS, Rows, transpose};
use super::simd::{Kernel, Simd, dispatch};
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

impl Shape {
    /// Whether every operand has the elements that it should have.
    fn check(
        self,
        out: &[f32],
        q: &[f32],
        k: &[f32],
        v: &[f32],
        mask: Option<Mask<'_>>,
    ) -> Result<(), Misfit> {
        let Shape { b, h, n, m, d, dv } = self;
        let product = |sizes: [usize; 4]| {
            let checked = |product: usize, &size: &usize| product.checked_mul(size);
            let product = sizes.iter().try_fold(1, checked);
            product.filter(|_| d > 0).ok_or(Misfit::Shape(self))
        };
        for (operand, sizes, got) in [
            ("q", [b, h, n, d], q.len()),
            ("k", [b, h, m, d], k.len()),
            ("v", [b, h, m, dv], v.len()),
            ("out", [b, h, n, dv], out.len()),
        ] {
            let want = product(sizes)?;
            if want != got {
                return Err(Misfit::Length { operand, want, got });
            }
        }
        if let Some(Mask { values, strides }) = mask
            && product([b, h, n, m])? > 0
        {
            let last = [b - 1, h - 1, n - 1, m - 1];
            let at = last.iter().zip(strides).map(|(i, by)| i.saturating_mul(by));
            let want = at.fold(1, usize::saturating_add);
            if want != values.len() {
                let (operand, got) = ("mask", values.len());
                return Err(Misfit::Length { operand, want, got });
            }
        }
        Ok(())
    }
}

/// Keys in a tile: with d = 64 its keys and its values take 32 KiB each.
const TILE: usize = 128;

/// Writes `softmax(q·kᵀ/√d + mask)·v` to `out`; all are row-major: `q [b h n d]`, `k [b h m d]`,
/// `v [b h m dv]`, `out [b h n dv]`. A row whose scores are all −∞ gives zeros.
///
/// # Errors
/// [`Misfit`], when an operand's length does not fit the shape.
pub fn attention(
    out: &mut [f32],
    q: &[f32],
    k: &[f32],
    v: &[f32],
    mask: Option<Mask<'_>>,
    shape: Shape,
) -> Result<(), Misfit> {
    attention_on(Tier::current(), out, &mut [], q, k, v, mask, shape)
}

/// The same, and to `lse [b h n]` the logarithm of each row's sum of exponentials, which is −∞ where
/// all scores are.
///
/// # Errors
/// [`Misfit`], when an operand's length does not fit the shape.
pub fn attention_with_lse(
    out: &mut [f32],
    lse: &mut [f32],
    q: &[f32],
    k: &[f32],
    v: &[f32],
    mask: Option<Mask<'_>>,
    shape: Shape,
) -> Result<(), Misfit> {
    let (want, got) = (shape.b * shape.h * shape.n, lse.len());
    if want != got {
        let operand = "lse";
        return Err(Misfit::Length { operand, want, got });
    }
    attention_on(Tier::current(), out, lse, q, k, v, mask, shape)
}

/// `lse` may be empty.
#[expect(
    clippy::too_many_arguments,
    reason = "two outputs, three operands, a mask"
)]
fn attention_on(
    tier: Tier,
    out: &mut [f32],
    lse: &mut [f32],
    q: &[f32],
    k: &[f32],
    v: &[f32],
    mask: Option<Mask<'_>>,
    shape: Shape,
) -> Result<(), Misfit> {
    shape.check(out, q, k, v, mask)?;
    let Shape { h, n, m, d, dv, .. } = shape;
    let each = usize::from(!lse.is_empty());
    split_pair((out, dv), (lse, each), |rows, out, lse| {
        let mut first = rows.start;
        while first < rows.end {
            let head = first / n;
            let last = rows.end.min((head + 1) * n);
            let mask = mask.map(|mask| {
                let [b, h] = [head / h * mask.strides[0], head % h * mask.strides[1]];
                let at = b + h + first % n * mask.strides[2];
                let values = mask.values.get(at..).unwrap_or_default();
                Mask { values, ..mask }
            });
            let part = Head {
                q: &q[first * d..last * d],
                k: &k[head * m * d..][..m * d],
                v: &v[head * m * dv..][..m * dv],
                mask,
                shape,
                out: &mut out[(first - rows.start) * dv..(last - rows.start) * dv],
                lse: &mut lse[(first - rows.start) * each..(last - rows.start) * each],
            };
            dispatch(tier, part);
            first = last;
        }
    });
    Ok(())
}

/// Some queries of one head, with its keys and values. The mask starts at the first query.
struct Head<'a> {
    q: &'a [f32],
    k: &'a [f32],
    v: &'a [f32],
    mask: Option<Mask<'a>>,
    shape: Shape,
    out: &'a mut [f32],
    /// Empty where it is not asked for.
    lse: &'a mut [f32],
}

impl Kernel for Head<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Shape { m, d, dv, .. } = self.shape;
        let count = self.q.len() / d;
        let rows = count.next_multiple_of(ROWS);
        let panel = S::WIDE * S::LANES;
        let columns = dv.next_multiple_of(S::LANES);

        let scale = 1.0 / (d as f32).sqrt();
        let mut q = vec![0.0; rows * d];
        for (to, x) in q.iter_mut().zip(self.q) {
            *to = x * scale;
        }
        let mut sums = vec![0.0; rows * columns];
        let mut softmax = vec![Softmax::default(); count];
        let (mut keys, mut values) = (vec![0.0; d * TILE], vec![0.0; TILE * columns]);
        let mut scores = [0.0; ROWS * TILE];

        for first in (0..m).step_by(TILE) {
            let len = TILE.min(m - first);
            let padded = len.next_multiple_of(panel);
            transpose(&self.k[first * d..][..len * d], d, panel, &mut keys);
            let rows_of_v = self.v[first * dv..].chunks_exact(dv).take(len);
            for (to, from) in values.chunks_exact_mut(columns).zip(rows_of_v) {
                to[..dv].copy_from_slice(from);
            }
            for block in (0..count).step_by(ROWS) {
                let used = ROWS.min(count - block);
                let mask = self.mask.map(|mask| mask.block(block, first));
                if mask.is_some_and(|mask| mask.drops_all(used, len)) {
                    continue;
                }
                let a = Rows(&q[block * d..], d);
                for (i, keys) in keys
                    .chunks_exact(panel * d)
                    .enumerate()
                    .take(padded / panel)
                {
                    let b = Rows(keys, panel);
                    let product = Product {
                        a,
                        b,
                        len: d,
                        add: false,
                    };
                    product.write(s, S::WIDE, &mut scores[i * panel..], TILE);
                }
                let sums = &mut sums[block * columns..];
                for (i, weights) in scores.chunks_exact_mut(TILE).enumerate().take(used) {
                    if let Some(mask) = mask {
                        mask.add(i, &mut weights[..len]);
                    }
                    weights[len..padded].fill(f32::NEG_INFINITY);
                    let sums = &mut sums[i * columns..][..columns];
                    softmax[block + i].step(s, &mut weights[..padded], sums);
                }
                let mut first = 0;
                while first < columns {
                    let wide = S::WIDE.min((columns - first) / S::LANES);
                    let (a, b) = (Rows(&scores, TILE), Rows(&values[first..], columns));
                    let product = Product {
                        a,
                        b,
                        len,
                        add: true,
                    };
                    product.write(s, wide, &mut sums[first..], columns);
                    first += wide * S::LANES;
                }
            }
        }
        for (lse, softmax) in self.lse.iter_mut().zip(&softmax) {
            *lse = softmax.max + softmax.sum.ln();
        }
        let rows = self
            .out
            .chunks_exact_mut(dv)
            .zip(sums.chunks_exact(columns));
        for ((out, sums), softmax) in rows.zip(softmax) {
            let scale = if softmax.sum == 0.0 {
                0.0
            } else {
                1.0 / softmax.sum
            };
            out.iter_mut()
                .zip(sums)
                .for_each(|(out, sum)| *out = sum * scale);
        }
    }
}

impl<'a> Mask<'a> {
    /// The mask from query `i` and key `j` on.
    #[inline(always)]
    fn block(self, i: usize, j: usize) -> Mask<'a> {
        let values = &self.values[i * self.strides[2] + j * self.strides[3]..];
        Mask { values, ..self }
    }

    /// Whether none of the first `rows` queries sees one of the first `len` keys.
    #[inline(always)]
    fn drops_all(self, rows: usize, len: usize) -> bool {
        let [_, _, by_row, by_key] = self.strides;
        (0..rows)
            .all(|i| (0..len).all(|j| self.values[i * by_row + j * by_key] == f32::NEG_INFINITY))
    }

    /// Adds query i's row to its scores.
    #[inline(always)]
    fn add(self, i: usize, scores: &mut [f32]) {
        let [_, _, by_row, by_key] = self.strides;
        let row = &self.values[i * by_row..];
        match by_key {
            1 => scores.iter_mut().zip(row).for_each(|(s, x)| *s += x),
            _ => scores
                .iter_mut()
                .enumerate()
                .for_each(|(j, s)| *s += row[j * by_key]),
        }
    }
}

/// A query's largest score so far, and the sum of exp(score − largest).
#[derive(Clone, Copy)]
struct Softmax {
    max: f32,
    sum: f32,
}

impl Default for Softmax {
    fn default() -> Softmax {
        Softmax {
            max: f32::NEG_INFINITY,
            sum: 0.0,
        }
    }
}

impl Softmax {
    /// Turns a tile's scores into weights, and rescales what came before where the maximum grows.
    #[inline(always)]
    fn step<S: Simd>(&mut self, s: S, scores: &mut [f32], sums: &mut [f32]) {
        let mut max = s.splat(self.max);
        for x in scores.chunks_exact(S::LANES) {
            max = s.max(s.load(x), max);
        }
        let max = s.largest(max);
        // −∞ − (−∞) would be NaN: without a key so far, weights are exp(−∞ − 0).
        let base = if max == f32::NEG_INFINITY { 0.0 } else { max };
        if max > self.max {
            let keep = (self.max - base).exp();
            self.sum *= keep;
            for x in sums.chunks_exact_mut(S::LANES) {
                s.store(x, s.mul(s.load(x), s.splat(keep)));
            }
            self.max = max;
        }
        let mut sum = s.splat(0.0);
        for x in scores.chunks_exact_mut(S::LANES) {
            let weights = s.exp(s.add(s.load(x), s.splat(-base)));
            s.store(x, weights);
            sum = s.add(sum, weights);
        }
        self.sum += s.sum(sum);
    }
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
            [1, 1, 13, 129, 24, 65],
            [1, 2, 300, 290, 16, 130],
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
                let want = plain(&q, &k, &v, mask, shape);
                for tier in Tier::all() {
                    let mut got = vec![f32::NAN; want.len()];
                    attention_on(tier, &mut got, &mut [], &q, &k, &v, mask, shape).unwrap();
                    for (got, want) in got.iter().zip(&want) {
                        let err = (f64::from(*got) - want).abs();
                        assert!(err <= 1e-5, "{tier:?} {shape:?}: {got} is not {want}");
                    }
                }
            }
        }
    }

    /// Scores of ±1e4, on slices that start anywhere.
    #[test]
    fn large_scores_on_unaligned_slices_equal_plain_loops() {
        let shape = Shape {
            b: 1,
            h: 2,
            n: 20,
            m: 150,
            d: 12,
            dv: 20,
        };
        let noise = |seed, len: usize, scale| noise(seed, len + 3, scale);
        let (q, k, v) = (
            noise(1, 2 * 20 * 12, 5e3),
            noise(2, 2 * 150 * 12, 2.0),
            noise(3, 2 * 150 * 20, 1.0),
        );
        let values = noise(4, 20 * 150, 1e4);
        let mask = Mask {
            values: &values[3..],
            strides: [0, 0, 150, 1],
        };
        for mask in [None, Some(mask)] {
            let want = plain(&q[1..], &k[2..], &v[3..], mask, shape);
            let (q, k, v) = (&q[1..][..480], &k[2..][..3600], &v[3..]);
            for tier in Tier::all() {
                let mut got = vec![0.0; want.len() + 1];
                attention_on(tier, &mut got[1..], &mut [], q, k, v, mask, shape).unwrap();
                for (got, want) in got[1..].iter().zip(&want) {
                    let err = (f64::from(*got) - want).abs();
                    // A score of 1e4 in f32 is off by up to 1e-3, and so is the logarithm of a weight.
                    assert!(err <= 2e-2, "{tier:?}: {got} is not {want}");
                }
            }
        }
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
        for tier in Tier::all() {
            let run = |q: f32, k: [f32; 2]| {
                let mut out = [0.0];
                attention_on(tier, &mut out, &mut [], &[q], &k, &[1.0, 2.0], None, shape).unwrap();
                out[0]
            };
            assert_eq!(run(1e4, [1.0, -1.0]), 1.0);
            assert!(run(f32::NAN, [1.0, 1.0]).is_nan());
            assert!(run(1.0, [f32::NAN, 1.0]).is_nan());
            assert!(run(1.0, [f32::INFINITY, 1.0]).is_nan());
        }
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
            attention(&mut [0.0; 2], &two, k, &two, mask, shape)
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
        let [b, h, n, d] = [1, 4, 1024, 64];
        let (m, dv) = (n, d);
        let shape = Shape { b, h, n, m, d, dv };
        let x = noise(0, h * n * d, 1.0);
        let mut out = vec![0.0; h * n * d];
        for tier in Tier::all() {
            let mut times = [0.0; 15].map(|_: f64| {
                let start = std::time::Instant::now();
                attention_on(tier, &mut out, &mut [], &x, &x, &x, None, shape).unwrap();
                start.elapsed().as_secs_f64()
            });
            times.sort_by(f64::total_cmp);
            let rate = |seconds: f64| 4.0 * (h * n * n * d) as f64 / seconds / 1e9;
            let (median, best) = (rate(times[7]), rate(times[0]));
            let peak = crate::kernels::machine::measure().fma_gflop_s;
            println!("{tier:?}: {median:.1} GFLOP/s, at best {best:.1}; {peak:.0} of FMA");
        }
    }
}
