//! Attention in bf16 with a streaming softmax: exact up to rounding, with memory linear in the keys.
//!
//! As in the kernel for f32, keys come in tiles, and each query keeps its largest score so far, the sum
//! of its weights and its weighted sum of values, all in f32 (Milakov and Gimelshein 2018, arXiv
//! 1805.02867; Dao et al. 2022, arXiv 2205.14135). Scores are sums in f32 of products of bf16; weights
//! are rounded to bf16 for their product with the values, as FlashAttention does (Dao 2023, arXiv
//! 2307.08691).
//!
//! Both products are blocks of [`gemm`](super::gemm), in vector registers or in tiles. Keys and values
//! are packed for them once; the queries of all heads that share them follow each other in memory, so
//! they are rows of one matrix. Since weights are rounded to 8 bits, their exponential is a cubic.

use super::cpu::{Tier, each, split, threads};
use super::gemm::{
    Block, Engine, Of, Scratch, Sizes, TileBlock, Unit, Vectors, columns, rows, rows_between, sizes,
};
use super::operand::{Length, product};
use super::simd::{Kernel, Simd, dispatch_bf16, round};
use half::bf16;
use std::fmt;
use std::ops::Range;
use std::sync::Mutex;

/// Sizes: batch, heads of q, heads of k and v (of which `h` is a multiple), queries, keys, head size of
/// q and k, head size of v.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub b: usize,
    pub h: usize,
    pub kv: usize,
    pub n: usize,
    pub m: usize,
    pub d: usize,
    pub dv: usize,
}

/// Why a call cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    Length(Length),
    /// The head size is 0, heads cannot be shared evenly, or a product of sizes overflows.
    Shape(Shape),
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Misfit::Length(length) => length.fmt(f),
            Misfit::Shape(shape) => write!(
                f,
                "{shape:?} cannot be: give d of at least 1, h that is a multiple of kv, and sizes whose products fit into memory"
            ),
        }
    }
}

impl std::error::Error for Misfit {}

impl From<Length> for Misfit {
    fn from(length: Length) -> Misfit {
        Misfit::Length(length)
    }
}

impl Shape {
    fn check(self, out: usize, q: usize, k: usize, v: usize) -> Result<(), Misfit> {
        let Shape {
            b,
            h,
            kv,
            n,
            m,
            d,
            dv,
        } = self;
        if d == 0 || (h > 0 && (kv == 0 || h % kv > 0)) {
            return Err(Misfit::Shape(self));
        }
        for (operand, sizes, got) in [
            ("q", [b, h, n, d], q),
            ("k", [b, kv, m, d], k),
            ("v", [b, kv, m, dv], v),
            ("out", [b, h, n, dv], out),
        ] {
            let want = product(sizes).ok_or(Misfit::Shape(self))?;
            Length::check(operand, want, got)?;
        }
        Ok(())
    }
}

/// Keys in a tile: with d = 64 its keys and its values take 16 KiB each.
const TILE: usize = 128;
/// Up to so many words of a key, a tile of keys is twice as long where tiles of the processor multiply:
/// sums of values are then loaded and stored half as often.
const WIDE: usize = 32;
/// Rows of queries in a task, at most: a multiple of the rows of any block.
const ROWS: usize = 96;
/// Words of packed keys and values at a time, 8 MiB.
const PACKED: usize = 2 << 20;

/// Writes `softmax(q·kᵀ/√d)·v` to `out`; all are row-major: `q [b h n d]`, `k [b kv m d]`,
/// `v [b kv m dv]`, `out [b h n dv]`. Heads i·h/kv to (i + 1)·h/kv − 1 of q use head i of k and v. With
/// `causal`, the last query sees all keys, and each one before sees one fewer; a query that sees none
/// gives zeros. Values of keys that are not seen must be finite: they count, times 0.
///
/// The processor's instructions for bf16 take denormals for zeros; other tiers keep them.
///
/// # Errors
/// [`Misfit`], when an operand's length does not fit the shape.
pub fn attention_bf16(
    out: &mut [bf16],
    q: &[bf16],
    k: &[bf16],
    v: &[bf16],
    causal: bool,
    shape: Shape,
) -> Result<(), Misfit> {
    attention_on(Engine::bf16(Tier::current()), out, q, k, v, causal, shape)
}

fn attention_on(
    engine: Engine,
    out: &mut [bf16],
    q: &[bf16],
    k: &[bf16],
    v: &[bf16],
    causal: bool,
    shape: Shape,
) -> Result<(), Misfit> {
    shape.check(out.len(), q.len(), k.len(), v.len())?;
    let Shape {
        b,
        h,
        kv,
        n,
        m,
        d,
        dv,
    } = shape;
    if out.is_empty() {
        return Ok(());
    }
    if m == 0 {
        out.fill(bf16::ZERO);
        return Ok(());
    }
    let plan = Plan::new(engine, shape, causal);
    let tiles = m.div_ceil(plan.keys);
    // The queries that share a head of keys.
    let group = h / kv * n;
    let heads = (PACKED / (tiles * plan.tile)).clamp(1, b * kv);
    let most = (b * h * n / (4 * threads())).clamp(plan.sizes.rows, ROWS);
    let block = most / plan.sizes.rows * plan.sizes.rows;

    let mut scratch = Scratch::new(heads * tiles * plan.tile);
    for first in (0..b * kv).step_by(heads) {
        let heads = heads.min(b * kv - first);
        let packed = &mut scratch.words()[..heads * tiles * plan.tile];
        split(packed, plan.tile, |items, part| {
            for (at, to) in items.zip(part.chunks_exact_mut(plan.tile)) {
                let (head, key) = (first + at / tiles, at % tiles * plan.keys);
                let keys = key..m.min(key + plan.keys);
                let k = &k[head * m * d..][..m * d];
                let v = &v[head * m * dv..][..m * dv];
                dispatch_bf16(
                    engine.tier,
                    Pack {
                        plan,
                        k,
                        v,
                        keys,
                        to,
                    },
                );
            }
        });
        let packed = &*packed;
        let mut parts = Vec::new();
        let outs = out[first * group * dv..][..heads * group * dv].chunks_mut(group * dv);
        for (head, out) in outs.enumerate() {
            for (i, out) in out.chunks_mut(block * dv).enumerate() {
                parts.push(Mutex::new((head, i * block, out)));
            }
        }
        // Head after head, whose keys and values stay in the second cache. Under a causal mask later
        // queries have more to do: they go first.
        parts.sort_by_key(|part| {
            let part = part.lock().expect("nobody has it yet");
            (part.0, std::cmp::Reverse(part.1 % n))
        });
        each(parts.len(), |i| {
            let mut part = parts[i].lock().expect("a task is done once");
            let (head, start, out) = &mut *part;
            let count = out.len() / dv;
            let q = &q[((first + *head) * group + *start) * d..][..count * d];
            let part = Queries {
                plan,
                q,
                start: *start,
                packed: &packed[*head * tiles * plan.tile..][..tiles * plan.tile],
                out,
            };
            dispatch_bf16(engine.tier, part);
        });
    }
    Ok(())
}

/// How a call is laid out.
#[derive(Clone, Copy)]
struct Plan {
    unit: Unit,
    shape: Shape,
    causal: bool,
    sizes: Sizes,
    /// Keys in a tile.
    keys: usize,
    /// Words of a key, and of a column of a tile's values.
    key: usize,
    column: usize,
    /// Columns of values, with those that fill registers.
    columns: usize,
    /// Words of a tile's keys and values.
    tile: usize,
}

impl Plan {
    fn new(engine: Engine, shape: Shape, causal: bool) -> Plan {
        let sizes = sizes(engine);
        let words = |k| engine.words(Of::Bf16(&[]), k);
        let key = words(shape.d).next_multiple_of(sizes.step);
        let keys = match engine.unit {
            Unit::Fma | Unit::Dot => TILE,
            _ if key > WIDE => TILE,
            _ => 2 * TILE,
        };
        let column = words(keys);
        let columns = shape.dv.next_multiple_of(sizes.lanes);
        Plan {
            unit: engine.unit,
            shape,
            causal,
            sizes,
            keys,
            key,
            column,
            columns,
            tile: keys * key + column * columns,
        }
    }

    fn panel(self) -> usize {
        self.sizes.wide * self.sizes.lanes
    }

    fn pairs(self) -> bool {
        self.unit != Unit::Fma
    }

    /// How many keys the query in that row of its group sees.
    fn seen(self, row: usize) -> usize {
        let Shape { n, m, .. } = self.shape;
        match self.causal {
            true => (row % n + m + 1).saturating_sub(n),
            false => m,
        }
    }
}

/// A tile's keys, as panels `[key panel]`, and its values, as panels `[column panel]`, the last of which
/// may be narrower.
struct Pack<'a> {
    plan: Plan,
    k: &'a [bf16],
    v: &'a [bf16],
    keys: Range<usize>,
    to: &'a mut [f32],
}

impl Kernel for Pack<'_> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Pack {
            plan,
            k,
            v,
            keys,
            to,
        } = self;
        let Shape { d, dv, .. } = plan.shape;
        let panel = plan.panel();
        let (to, values) = to.split_at_mut(plan.keys * plan.key);
        for (i, to) in to.chunks_exact_mut(panel * plan.key).enumerate() {
            let first = (keys.start + i * panel).min(keys.end);
            let last = (first + panel).min(keys.end);
            if first < last {
                let of = (Of::Bf16(k), plan.pairs());
                columns(s, of, (first..last, d), (to, panel));
            }
        }
        let of = (Of::Bf16(&v[keys.start * dv..]), plan.pairs());
        for (i, to) in values.chunks_mut(plan.column * panel).enumerate() {
            let from = i * panel..dv.min((i + 1) * panel);
            let width = to.len() / plan.column;
            rows_between(s, of, (from, dv), (keys.len(), 0), (to, width));
        }
    }
}

/// Some queries of a group, with the keys and values of all.
struct Queries<'a> {
    plan: Plan,
    q: &'a [bf16],
    /// The row of the first one in its group.
    start: usize,
    packed: &'a [f32],
    out: &'a mut [bf16],
}

impl Kernel for Queries<'_> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        match self.plan.unit {
            Unit::Fma => self.with::<S, _, false>(s, Vectors::<S, false>(s)),
            Unit::Dot => self.with::<S, _, true>(s, Vectors::<S, true>(s)),
            #[cfg(target_arch = "x86_64")]
            Unit::Amx => self.with::<S, _, true>(s, TileBlock(crate::kernels::amx::Amx::take())),
            #[cfg(test)]
            Unit::Model => {
                self.with::<S, _, true>(s, TileBlock(crate::kernels::amx::Model::unset()))
            }
        }
    }
}

impl Queries<'_> {
    #[inline(always)]
    fn with<S: Simd, B: Block, const PAIRS: bool>(self, s: S, mut block: B) {
        let plan = self.plan;
        let Shape { m, d, dv, .. } = plan.shape;
        let panel = plan.panel();
        let count = self.q.len() / d;
        let padded = count.next_multiple_of(B::ROWS);
        // Scores in units of log 2.
        let scale = std::f32::consts::LOG2_E / (d as f32).sqrt();

        // Rows that start a multiple of a page apart would share a few places of the first cache.
        let (by, scores_by) = (plan.key + 16, plan.keys + 16);
        let mut scratch =
            Scratch::new(B::ROWS * scores_by + padded * (by + plan.columns + S::LANES));
        let (scores, rest) = scratch.words().split_at_mut(B::ROWS * scores_by);
        let (q, rest) = rest.split_at_mut(padded * by);
        let (sums, totals) = rest.split_at_mut(padded * plan.columns);
        rows(
            s,
            (Of::Bf16(self.q), PAIRS),
            (0..count, d),
            (0, plan.key),
            (q, by),
        );
        sums.fill(0.0);
        totals.fill(0.0);
        let mut bases = [f32::NEG_INFINITY; ROWS];

        for (tile, packed) in self.packed.chunks_exact(plan.tile).enumerate() {
            let first = tile * plan.keys;
            let (keys, values) = packed.split_at(plan.keys * plan.key);
            for i in (0..count).step_by(B::ROWS) {
                let here = B::ROWS.min(count - i);
                let mut len = 0;
                for r in i..i + here {
                    len = len.max(plan.seen(self.start + r));
                }
                let len = len.min(m).saturating_sub(first).min(plan.keys);
                if len == 0 {
                    continue;
                }
                // A whole number of steps of the second product.
                let whole = len.next_multiple_of(32);
                let a = (&q[i * by..], by);
                for (p, keys) in keys.chunks_exact(panel * plan.key).enumerate() {
                    if p * panel >= len {
                        break;
                    }
                    let b = (keys, B::WIDE);
                    let c = (&mut scores[p * panel..], scores_by);
                    block.multiply(here, a, b, plan.key, c, false);
                }
                for r in 0..here {
                    let scores = &mut scores[r * scores_by..][..whole];
                    let seen = plan.seen(self.start + i + r).saturating_sub(first);
                    if seen < whole {
                        scores[seen.min(len)..].fill(f32::NEG_INFINITY);
                    }
                    let total = &mut totals[(i + r) * S::LANES..][..S::LANES];
                    let sums = &mut sums[(i + r) * plan.columns..][..plan.columns];
                    let base = rebase(s, scores, scale, &mut bases[i + r], total, sums);
                    weigh::<S, PAIRS>(s, scores, scale, base, total);
                }
                let words = if PAIRS { whole / 2 } else { whole };
                let sums = &mut sums[i * plan.columns..];
                for (p, values) in values.chunks(plan.column * panel).enumerate() {
                    let b = (values, values.len() / plan.column / B::LANES);
                    let c = (&mut sums[p * panel..], plan.columns);
                    block.multiply(here, (scores, scores_by), b, words, c, true);
                }
            }
        }
        for (i, out) in self.out.chunks_exact_mut(dv).enumerate() {
            let total = s.sum(s.load(&totals[i * S::LANES..]));
            let scale = if total == 0.0 { 0.0 } else { 1.0 / total };
            let sums = &sums[i * plan.columns..][..plan.columns];
            let mut at = 0;
            while at + S::LANES <= dv {
                s.round_to(&mut out[at..], s.mul(s.load(&sums[at..]), s.splat(scale)));
                at += S::LANES;
            }
            while at < dv {
                out[at] = round(sums[at] * scale);
                at += 1;
            }
        }
    }
}

// Loops here count instead of zipping slices, and there are no closures: what the compiler does not
// inline, it compiles without the instructions of the kernel around it, and calls spill registers.

/// 2^(score·scale − base).
#[inline(always)]
fn weight<S: Simd>(s: S, scores: &[f32], scale: S::V, base: S::V) -> S::V {
    s.exp2_rough(s.fma(s.load(scores), scale, base))
}

/// Weights in place of a query's scores, whole steps of 32; with `PAIRS`, rounded to bf16, they take the
/// first half. They are added to the total.
#[inline(always)]
fn weigh<S: Simd, const PAIRS: bool>(
    s: S,
    scores: &mut [f32],
    scale: f32,
    base: f32,
    total: &mut [f32],
) {
    let (scale, base) = (s.splat(scale), s.splat(-base));
    let (mut even, mut odd) = (s.load(total), s.splat(0.0));
    let mut at = 0;
    while at + 2 * S::LANES <= scores.len() {
        let a = weight(s, &scores[at..], scale, base);
        let b = weight(s, &scores[at + S::LANES..], scale, base);
        (even, odd) = (s.add(even, a), s.add(odd, b));
        if PAIRS {
            s.store(&mut scores[at / 2..], s.narrow(a, b));
        } else {
            s.store(&mut scores[at..], a);
            s.store(&mut scores[at + S::LANES..], b);
        }
        at += 2 * S::LANES;
    }
    s.store(total, s.add(even, odd));
}

/// How far a score may be above the one that weights are relative to, in units of log 2: weights stay
/// below 2⁸, far from overflow, and what came before is rarely rescaled.
const SLACK: f32 = 8.0;

/// What is to be taken off a query's scaled scores. `base` is the score of a weight of 1; where one is
/// above it by more than the slack, it becomes the largest, and what came before is rescaled.
#[inline(always)]
fn rebase<S: Simd>(
    s: S,
    scores: &[f32],
    scale: f32,
    base: &mut f32,
    total: &mut [f32],
    sums: &mut [f32],
) -> f32 {
    let least = s.splat(f32::NEG_INFINITY);
    let (mut even, mut odd) = (least, least);
    let mut at = 0;
    while at + 2 * S::LANES <= scores.len() {
        even = s.max(s.load(&scores[at..]), even);
        odd = s.max(s.load(&scores[at + S::LANES..]), odd);
        at += 2 * S::LANES;
    }
    let max = s.max(even, odd);
    if s.any_above(max, s.splat(*base + SLACK / scale)) {
        let max = s.largest(max);
        if *base > f32::NEG_INFINITY {
            let keep = s.splat(((*base - max) * scale).exp2());
            let sum = s.mul(s.load(total), keep);
            s.store(total, sum);
            let mut at = 0;
            while at + S::LANES <= sums.len() {
                let sum = s.mul(s.load(&sums[at..]), keep);
                s.store(&mut sums[at..], sum);
                at += S::LANES;
            }
        }
        *base = max;
    }
    // −∞ − (−∞) would be NaN: without a key so far, weights are 2^(−∞ − 0).
    if *base == f32::NEG_INFINITY {
        0.0
    } else {
        *base * scale
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    fn noise(seed: u64, len: usize, scale: f32) -> Vec<bf16> {
        let mut rng = StdRng::seed_from_u64(seed);
        let number = |_| bf16::from_f32(scale * rng.random_range(-1.0..1.0));
        (0..len).map(number).collect()
    }

    /// Plain loops in f64: the results, and the weighted sums of the values' sizes, and the largest
    /// sum of the sizes of a score's products.
    fn plain(q: &[bf16], k: &[bf16], v: &[bf16], causal: bool, shape: Shape) -> Vec<[f64; 3]> {
        let Shape {
            b,
            h,
            kv,
            n,
            m,
            d,
            dv,
        } = shape;
        let mut out = Vec::new();
        for row in 0..b * h * n {
            let (head, i) = (row / n / h * kv + row / n % h / (h / kv), row % n);
            let seen = if causal {
                (i + m + 1).saturating_sub(n).min(m)
            } else {
                m
            };
            let products = |j: usize| {
                let key = &k[(head * m + j) * d..][..d];
                let pairs = q[row * d..][..d].iter().zip(key);
                pairs.map(|(q, k)| q.to_f64() * k.to_f64() / (d as f64).sqrt())
            };
            let scores: Vec<f64> = (0..seen).map(|j| products(j).sum()).collect();
            let sizes = (0..seen).map(|j| products(j).map(f64::abs).sum());
            let size = sizes.fold(0.0, f64::max);
            let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = scores.iter().map(|s| (s - max).exp()).sum();
            for t in 0..dv {
                let mut result = [0.0, 0.0, size];
                for (j, s) in scores.iter().enumerate() {
                    let x = (s - max).exp() / sum * v[(head * m + j) * dv + t].to_f64();
                    result[0] += x;
                    result[1] += x.abs();
                }
                out.push(result);
            }
        }
        out
    }

    /// Off by how much of the weighted sum of sizes: weights by their rounding (2⁻⁸) and the cubic
    /// (2⁻¹³) in the product and 2⁻¹³ in their sum, by what d + 2 roundings make of a score of that
    /// size, relative to the largest one, twice; sums over m keys by (m + 2) roundings, twice. Then the result is
    /// rounded (2⁻⁸). Weights below 2⁻⁸⁷ are lost.
    fn bound([want, sizes, size]: [f64; 3], shape: Shape) -> f64 {
        let ulp = 2f64.powi(-24);
        let score = size * (shape.d as f64 + 4.0) * ulp * 2.0;
        let weights = 2f64.powi(-8) + 2f64.powi(-12) + 2.0 * score.exp_m1();
        let sums = 2.0 * (shape.m as f64 + 4.0) * ulp;
        1.01 * (sizes * (weights + sums) + want.abs() * 2f64.powi(-8)) + 1e-25
    }

    #[test]
    fn ragged_shapes_equal_plain_loops() {
        let sizes = [
            // b, h, kv, n, m, d, dv
            [1, 1, 1, 1, 1, 1, 1],
            [1, 2, 1, 1, 129, 8, 5],
            [2, 2, 2, 7, 13, 3, 4],
            [1, 6, 2, 5, 70, 33, 17],
            [1, 2, 2, 33, 31, 64, 64],
            [1, 4, 2, 40, 260, 40, 80],
            [1, 1, 1, 130, 97, 16, 16],
            [2, 1, 1, 3, 0, 4, 2],
            [1, 1, 1, 0, 3, 4, 2],
        ];
        for [b, h, kv, n, m, d, dv] in sizes {
            let shape = Shape {
                b,
                h,
                kv,
                n,
                m,
                d,
                dv,
            };
            // One more in front, so that nothing is aligned.
            let q = noise(1, b * h * n * d + 1, 3.0);
            let k = noise(2, b * kv * m * d + 1, 3.0);
            let v = noise(3, b * kv * m * dv + 1, 1.0);
            let (q, k, v) = (&q[1..], &k[1..], &v[1..]);
            for causal in [false, true] {
                let want = plain(q, k, v, causal, shape);
                for engine in Engine::all() {
                    let mut out = vec![bf16::NAN; b * h * n * dv];
                    attention_on(engine, &mut out, q, k, v, causal, shape).unwrap();
                    for (at, (got, want)) in out.iter().zip(&want).enumerate() {
                        let err = (got.to_f64() - want[0]).abs();
                        assert!(
                            err <= bound(*want, shape),
                            "{engine:?} {shape:?} causal {causal}, {at}: {got} for {}",
                            want[0]
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn large_scores_do_not_overflow_and_nan_spreads_over_its_row() {
        let (n, m, d, dv) = (3, 40, 4, 2);
        let shape = Shape {
            b: 1,
            h: 1,
            kv: 1,
            n,
            m,
            d,
            dv,
        };
        for engine in Engine::all() {
            let mut q = vec![bf16::from_f32(1e4); n * d];
            let mut k = vec![bf16::from_f32(-1e4); m * d];
            k[5 * d..6 * d].fill(bf16::from_f32(1e4));
            let v: Vec<bf16> = (0..m * dv).map(|i| bf16::from_f32(i as f32)).collect();
            let mut out = vec![bf16::ZERO; n * dv];
            q[d] = bf16::NAN;
            attention_on(engine, &mut out, &q, &k, &v, false, shape).unwrap();
            assert!(out[2].is_nan() && out[3].is_nan(), "{engine:?}");
            for x in [out[0], out[4]] {
                assert_eq!(x.to_f32(), 10.0, "{engine:?}");
            }
            k[0] = bf16::INFINITY;
            attention_on(engine, &mut out, &q, &k, &v, false, shape).unwrap();
            assert!(out.iter().all(|x| x.is_nan()), "{engine:?}");
        }
    }

    #[test]
    fn misfits_are_sentences() {
        let shape = Shape {
            b: 1,
            h: 2,
            kv: 1,
            n: 1,
            m: 3,
            d: 4,
            dv: 2,
        };
        let words = |lens: [usize; 4], shape| {
            let [mut out, q, k, v] = lens.map(|len| vec![bf16::ZERO; len]);
            attention_bf16(&mut out, &q, &k, &v, false, shape)
                .unwrap_err()
                .to_string()
        };
        assert!(words([4, 7, 12, 6], shape).starts_with("q has 7 elements and should have 8"));
        assert!(words([4, 8, 11, 6], shape).starts_with("k has 11 elements and should have 12"));
        assert!(words([4, 8, 12, 7], shape).starts_with("v has 7 elements and should have 6"));
        assert!(words([3, 8, 12, 6], shape).starts_with("out has 3 elements and should have 4"));
        assert!(words([4, 8, 12, 6], Shape { kv: 3, ..shape }).contains("multiple of kv"));
        assert!(words([4, 8, 12, 6], Shape { d: 0, ..shape }).contains("d of at least 1"));
        let huge = Shape {
            b: usize::MAX,
            ..shape
        };
        assert!(words([4, 8, 12, 6], huge).contains("fit into memory"));
    }
}
