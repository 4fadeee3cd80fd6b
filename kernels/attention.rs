//! Attention with a streaming softmax: exact, with memory linear in the number of keys.
//!
//! The n×m scores are never stored. Keys come in tiles of 16; each row keeps its largest score so far, the
//! sum of its weights and its weighted sum of values, and rescales them when the maximum grows
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
    /// An operand has another length than the shape says.
    Length {
        operand: &'static str,
        want: usize,
        got: usize,
    },
    /// The mask's strides reach beyond its values.
    Mask { reach: usize, got: usize },
    /// The shape cannot be: the head size is 0, or a product of sizes overflows.
    Shape(Shape),
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Misfit::Length { operand, want, got } => write!(
                f,
                "{operand} has {got} elements and the shape asks for {want}; pass it whole, in row-major order"
            ),
            Misfit::Mask { reach, got } => write!(
                f,
                "the mask has {got} elements and its strides reach element {reach}; give an axis that it repeats stride 0"
            ),
            Misfit::Shape(shape) => write!(
                f,
                "the shape {shape:?} cannot be: d must be at least 1, and the operands must fit into memory"
            ),
        }
    }
}

impl std::error::Error for Misfit {}

const LANES: usize = 16;
/// Rows that share the loads of a tile of keys.
const ROWS: usize = 4;
type Lanes = [f32; LANES];

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
        let product = sizes
            .iter()
            .try_fold(1usize, |product, &size| product.checked_mul(size));
        product.filter(|_| d > 0).ok_or(Misfit::Shape(shape))
    };
    for (operand, got, sizes) in [
        ("q", q.len(), [b, h, n, d]),
        ("k", k.len(), [b, h, m, d]),
        ("v", v.len(), [b, h, m, dv]),
    ] {
        let want = product(sizes)?;
        if got != want {
            return Err(Misfit::Length { operand, want, got });
        }
    }
    if let Some(Mask { values, strides }) = mask
        && product([b, h, n, m])? > 0
    {
        let last = [b - 1, h - 1, n - 1, m - 1];
        let reach = last.iter().zip(strides).map(|(i, stride)| i * stride).sum();
        if reach >= values.len() {
            return Err(Misfit::Mask {
                reach,
                got: values.len(),
            });
        }
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
    /// Some rows of one head; the mask starts at the first of them.
    fn one_head(q: &[f32], k: &[f32], v: &[f32], mask: Option<Mask<'_>>, shape: Shape, out: &mut [f32]) {
        let Shape { m, d, dv, .. } = shape;
        let scale = 1.0 / (d as f32).sqrt();
        let (keys, values) = (pack_keys(k, m, d), pack_values(v, m, dv));
        let chunks = dv.div_ceil(LANES);
        let mut acc = vec![[0.0; LANES]; ROWS * chunks];
        let mut block = vec![[0.0; ROWS]; d];
        for (i, out) in out.chunks_mut(ROWS * dv).enumerate() {
            let rows = out.len() / dv;
            for r in 0..rows {
                for t in 0..d {
                    block[t][r] = scale * q[(i * ROWS + r) * d + t];
                }
            }
            acc.fill([0.0; LANES]);
            let (mut max, mut sum) = ([f32::NEG_INFINITY; ROWS], [0.0; ROWS]);
            for tile in 0..m.div_ceil(LANES) {
                let mut s = scores(&block, &keys[tile * d..(tile + 1) * d]);
                for r in 0..rows {
                    add_mask(&mut s[r], mask, i * ROWS + r, tile * LANES, m);
                    let keep = weigh(&mut s[r], &mut max[r], &mut sum[r]);
                    if keep != 1.0 {
                        acc[r * chunks..(r + 1) * chunks].iter_mut().flatten().for_each(|x| *x *= keep);
                    }
                }
                let values = &values[tile * LANES * chunks..];
                for r in 0..rows {
                    accumulate(&mut acc[r * chunks..(r + 1) * chunks], &s[r], values);
                }
            }
            for (r, row) in out.chunks_mut(dv).enumerate() {
                let scale = if sum[r] == 0.0 { 0.0 } else { 1.0 / sum[r] };
                for (x, acc) in row.iter_mut().zip(acc[r * chunks..].iter().flatten()) {
                    *x = acc * scale;
                }
            }
        }
    }
}

/// Keys as tiles `[tile][d]` of 16 keys side by side, so that scores need no sum across lanes.
#[inline(always)]
fn pack_keys(k: &[f32], m: usize, d: usize) -> Vec<Lanes> {
    let mut packed = vec![[0.0; LANES]; m.div_ceil(LANES) * d];
    for (j, key) in k.chunks_exact(d).enumerate() {
        for (t, &x) in key.iter().enumerate() {
            packed[j / LANES * d + t][j % LANES] = x;
        }
    }
    packed
}

/// Values with rows padded to whole lanes, and as many rows as the tiles have.
#[inline(always)]
fn pack_values(v: &[f32], m: usize, dv: usize) -> Vec<Lanes> {
    let chunks = dv.div_ceil(LANES);
    let mut packed = vec![[0.0; LANES]; m.div_ceil(LANES) * LANES * chunks];
    for (j, value) in v.chunks_exact(dv).enumerate() {
        for (t, &x) in value.iter().enumerate() {
            packed[j * chunks + t / LANES][t % LANES] = x;
        }
    }
    packed
}

#[inline(always)]
fn scores(q: &[[f32; ROWS]], keys: &[Lanes]) -> [Lanes; ROWS] {
    let mut s = [[0.0; LANES]; ROWS];
    for (q, key) in q.iter().zip(keys) {
        for r in 0..ROWS {
            for l in 0..LANES {
                s[r][l] += q[r] * key[l];
            }
        }
    }
    s
}

/// Adds the mask to one row of a tile that starts at key `first`; lanes without a key get −∞.
#[inline(always)]
fn add_mask(s: &mut Lanes, mask: Option<Mask<'_>>, row: usize, first: usize, m: usize) {
    let keys = LANES.min(m - first);
    if let Some(Mask { values, strides }) = mask {
        for (l, s) in s[..keys].iter_mut().enumerate() {
            *s += values[row * strides[2] + (first + l) * strides[3]];
        }
    }
    s[keys..].fill(f32::NEG_INFINITY);
}

/// Turns scores into weights relative to the largest score so far, and gives the factor by which
/// everything gathered before must be multiplied.
#[inline(always)]
fn weigh(s: &mut Lanes, max: &mut f32, sum: &mut f32) -> f32 {
    let new = s.iter().fold(*max, |max, &s| if s > max { s } else { max });
    if new == f32::NEG_INFINITY && s.iter().all(|s| *s == f32::NEG_INFINITY) {
        // exp(−∞ − (−∞)) would be NaN: a tile without a key adds nothing.
        *s = [0.0; LANES];
        return 1.0;
    }
    let keep = if new > *max { (*max - new).exp() } else { 1.0 };
    let mut total = 0.0;
    for s in s.iter_mut() {
        *s = exp(*s - new);
    }
    for s in s.iter() {
        total += s;
    }
    *sum = *sum * keep + total;
    *max = new;
    keep
}

#[inline(always)]
fn accumulate(acc: &mut [Lanes], weights: &Lanes, values: &[Lanes]) {
    let chunks = acc.len();
    for (c, acc) in acc.iter_mut().enumerate() {
        let mut a = *acc;
        for (j, w) in weights.iter().enumerate() {
            let value = &values[j * chunks + c];
            for l in 0..LANES {
                a[l] += w * value[l];
            }
        }
        *acc = a;
    }
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
