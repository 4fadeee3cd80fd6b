//! Answers to `flash-attention` as people write them: right ones in many styles, right ones that
//! hold too much, and one wrong one for every planted bug.

use llmlab::lessons::flash_attention::candidate;
use llmlab::prelude::*;
use llmlab::solution::Candidate;

/// What `llmlab start` writes.
#[expect(unused_variables, reason = "the body is the learner's")]
#[path = "../../lessons/flash_attention/exercise.rs"]
pub mod exercise;
#[path = "../../lessons/flash_attention/solution.rs"]
mod solution;

type Named<T> = Vec<(T, Box<dyn Candidate>)>;
type Both = (Tensor, Tensor);

pub fn right() -> Named<&'static str> {
    let mut all = lean();
    all.extend(greedy());
    all
}

/// Right, with memory that is linear in n.
pub fn lean() -> Named<&'static str> {
    vec![
        (
            "the lesson's solution",
            Box::new(candidate(solution::flash_attention)),
        ),
        ("plain f32 loops", plain(PLAIN)),
        (
            "lse +∞ where nothing is seen",
            plain(Plain {
                nothing: f32::INFINITY,
                ..PLAIN
            }),
        ),
        (
            "FlashAttention-1: divided in every step",
            Box::new(candidate(version_one)),
        ),
        ("f64 inside, static rank", Box::new(candidate(wide))),
        (
            "tiles of queries too, traced",
            Box::new(candidate(query_tiles)),
        ),
        ("tiles from the last", Box::new(candidate(backwards))),
        (
            "split over the keys and merged by lse",
            Box::new(candidate(split)),
        ),
        (
            "base 2 inside, two passes over a row",
            Box::new(candidate(two_passes)),
        ),
    ]
}

/// Right values, with an n×m matrix.
pub fn greedy() -> Named<&'static str> {
    vec![
        ("all scores at once", Box::new(candidate(whole))),
        (
            "tiles, but a mask of n×m bytes",
            Box::new(candidate(stored_mask)),
        ),
    ]
}

fn sizes(q: &Tensor, k: &Tensor, v: &Tensor) -> [usize; 6] {
    let [b, h, n, d] = [0, 1, 2, 3].map(|axis| q.shape()[axis]);
    [b, h, n, k.shape()[2], d, v.shape()[3]]
}

/// A straightforward answer with its choices.
#[derive(Clone, Copy)]
struct Plain {
    scale: fn(f32) -> f32,
    /// Whether query i may see key j of a tile that begins at `first`; n queries, m keys.
    seen: fn(usize, usize, usize, usize, usize) -> bool,
    causal: bool,
    /// Keys that are gone through, of m in tiles of so many.
    keys: fn(usize, usize) -> usize,
    pad: bool,
    /// From the maximum so far and the tile's.
    max: fn(f32, f32) -> f32,
    max_of_hidden: bool,
    /// The factors of ℓ and of acc, from the old maximum and the new one.
    keep: fn(f32, f32) -> (f32, f32),
    guard: bool,
    /// What is done to acc after each tile, and at the end.
    step: fn(f32, f32) -> f32,
    end: fn(f32, f32) -> f32,
    lse: fn(f32, f32) -> f32,
    nothing: f32,
}

const PLAIN: Plain = Plain {
    scale: |d| 1.0 / d.sqrt(),
    seen: |i, j, _, n, m| j + n <= i + m,
    causal: true,
    keys: |m, _| m,
    pad: false,
    max: f32::max,
    max_of_hidden: false,
    keep: |old, new| ((old - new).exp(), (old - new).exp()),
    guard: true,
    step: |acc, _| acc,
    end: |acc, sum| acc / sum,
    lse: |max, sum| max + sum.ln(),
    nothing: f32::NEG_INFINITY,
};

fn plain(choices: Plain) -> Box<dyn Candidate> {
    Box::new(candidate(
        move |q: &Tensor, k: &Tensor, v: &Tensor, causal: f64, block: f64| -> Both {
            let c = choices;
            let [b, h, n, m, d, dv] = sizes(q, k, v);
            let (causal, block) = (causal != 0.0 && c.causal, block as usize);
            let scale = (c.scale)(d as f32);
            let mut out = Tensor::zeros(IxDyn(&[b, h, n, dv]));
            let mut lse = Tensor::from_elem(IxDyn(&[b, h, n]), c.nothing);
            for (b, h, i) in ndarray::indices((b, h, n)) {
                let (mut max, mut sum, mut acc) = (f32::NEG_INFINITY, 0.0, vec![0.0; dv]);
                let end = (c.keys)(m, block);
                let mut first = 0;
                while first < end {
                    let mut scores = Vec::new();
                    let mut highest = f32::NEG_INFINITY;
                    for j in first..(first + block).min(m) {
                        let mut s = 0.0;
                        for t in 0..d {
                            s += q[[b, h, i, t]] * k[[b, h, j, t]];
                        }
                        s *= scale;
                        let seen = !causal || (c.seen)(i, j, first, n, m);
                        if seen || c.max_of_hidden {
                            highest = highest.max(s);
                        }
                        scores.push(if seen { s } else { f32::NEG_INFINITY });
                    }
                    if c.pad && !causal {
                        while scores.len() < block {
                            scores.push(0.0);
                            highest = highest.max(0.0);
                        }
                    }
                    let new = (c.max)(max, highest);
                    first += block;
                    if c.guard && new == f32::NEG_INFINITY {
                        continue;
                    }
                    let (keep_sum, keep_acc) = match max == f32::NEG_INFINITY && c.guard {
                        true => (0.0, 0.0),
                        false => (c.keep)(max, new),
                    };
                    sum *= keep_sum;
                    acc.iter_mut().for_each(|x| *x *= keep_acc);
                    for (j, s) in scores.iter().enumerate() {
                        let p = (s - new).exp();
                        sum += p;
                        let j = first - block + j;
                        for t in 0..dv {
                            acc[t] += if j < m { p * v[[b, h, j, t]] } else { 0.0 };
                        }
                    }
                    acc.iter_mut().for_each(|x| *x = (c.step)(*x, sum));
                    max = new;
                }
                if sum != 0.0 {
                    lse[[b, h, i]] = (c.lse)(max, sum);
                }
                for t in 0..dv {
                    let x = (c.end)(acc[t], sum);
                    out[[b, h, i, t]] = if sum == 0.0 { 0.0 } else { x };
                }
            }
            (out, lse)
        },
    ))
}

/// acc is the output of the keys so far, at every moment.
fn version_one(q: &Tensor, k: &Tensor, v: &Tensor, causal: f64, block: f64) -> Both {
    let [b, h, n, m, d, dv] = sizes(q, k, v);
    let mut out = Array4::<f32>::zeros((b, h, n, dv));
    let mut lse = Array3::<f32>::from_elem((b, h, n), f32::NEG_INFINITY);
    for (b, h, i) in ndarray::indices((b, h, n)) {
        let (mut max, mut sum) = (f32::NEG_INFINITY, 0.0);
        let q = q.slice(s![b, h, i, ..]);
        for first in (0..m).step_by(block as usize) {
            let keys = first..m.min(first + block as usize);
            let mut s = k.slice(s![b, h, keys.clone(), ..]).dot(&q) / (d as f32).sqrt();
            for (j, s) in keys.clone().zip(&mut s) {
                if causal == 1.0 && j + n > i + m {
                    *s = f32::NEG_INFINITY;
                }
            }
            let tile_max = s.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            if tile_max == f32::NEG_INFINITY {
                continue;
            }
            let p = s.mapv(|s| (s - tile_max).exp());
            let new = f32::max(max, tile_max);
            let (alpha, beta) = ((max - new).exp(), (tile_max - new).exp());
            let new_sum = alpha * sum + beta * p.sum();
            let added = p.dot(&v.slice(s![b, h, keys, ..]));
            let mut row = out.slice_mut(s![b, h, i, ..]);
            row.zip_mut_with(&added, |o, x| *o = (sum * alpha * *o + beta * x) / new_sum);
            (max, sum) = (new, new_sum);
            lse[[b, h, i]] = max + sum.ln();
        }
    }
    (out.into_dyn(), lse.into_dyn())
}

fn wide(q: &Tensor, k: &Tensor, v: &Tensor, causal: f64, _: f64) -> (Array4<f64>, Array3<f64>) {
    let [b, h, n, m, d, dv] = sizes(q, k, v);
    let [q, k, v] = [q, k, v].map(|x| x.mapv(f64::from));
    let mut out = Array4::zeros((b, h, n, dv));
    let mut lse = Array3::from_elem((b, h, n), f64::NEG_INFINITY);
    for (b, h, i) in ndarray::indices((b, h, n)) {
        // One key at a time: a tile of one.
        let (mut max, mut sum) = (f64::NEG_INFINITY, 0.0);
        let mut acc = vec![0.0; dv];
        for j in 0..m {
            if causal != 0.0 && j + n > i + m {
                break;
            }
            let s = (0..d)
                .map(|t| q[[b, h, i, t]] * k[[b, h, j, t]])
                .sum::<f64>()
                / (d as f64).sqrt();
            if s > max {
                let keep = f64::exp(max - s);
                sum *= keep;
                acc.iter_mut().for_each(|x| *x *= keep);
                max = s;
            }
            let p = f64::exp(s - max);
            sum += p;
            for (t, x) in acc.iter_mut().enumerate() {
                *x += p * v[[b, h, j, t]];
            }
        }
        if max > f64::NEG_INFINITY {
            lse[[b, h, i]] = max + sum.ln();
            for (t, x) in acc.iter().enumerate() {
                out[[b, h, i, t]] = x / sum;
            }
        }
    }
    (out, lse)
}

fn query_tiles(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    causal: f64,
    block: f64,
    trace: &mut Trace,
) -> Both {
    let [b, h, n, m, d, dv] = sizes(q, k, v);
    let block = block as usize;
    let mut out = Tensor::zeros(vec![b, h, n, dv]);
    let mut lse = Tensor::from_elem(vec![b, h, n], f32::NEG_INFINITY);
    for (b, h) in ndarray::indices((b, h)) {
        for top in (0..n).step_by(block) {
            let rows = top..n.min(top + block);
            let queries = q.slice(s![b, h, rows.clone(), ..]);
            let mut max = Array1::from_elem(rows.len(), f32::NEG_INFINITY);
            let mut sum = Array1::<f32>::zeros(rows.len());
            let mut acc = Array2::<f32>::zeros((rows.len(), dv));
            for left in (0..m).step_by(block) {
                let keys = left..m.min(left + block);
                // Tiles that lie wholly in the future of all rows.
                if causal == 1.0 && left + n > rows.end - 1 + m {
                    break;
                }
                let mut s =
                    queries.dot(&k.slice(s![b, h, keys.clone(), ..]).t()) / (d as f32).sqrt();
                for ((r, c), s) in s.indexed_iter_mut() {
                    if causal == 1.0 && left + c + n > top + r + m {
                        *s = f32::NEG_INFINITY;
                    }
                }
                for (r, mut s) in s.rows_mut().into_iter().enumerate() {
                    let new = s.fold(max[r], |a, &b| a.max(b));
                    let base = if new == f32::NEG_INFINITY { 0.0 } else { new };
                    let alpha = (max[r] - base).exp();
                    s.mapv_inplace(|s| (s - base).exp());
                    sum[r] = alpha * sum[r] + s.sum();
                    acc.row_mut(r).mapv_inplace(|x| alpha * x);
                    max[r] = new;
                }
                acc += &s.dot(&v.slice(s![b, h, keys, ..]));
            }
            for (r, i) in rows.enumerate() {
                if sum[r] > 0.0 {
                    let row = &acc.row(r) / sum[r];
                    out.slice_mut(s![b, h, i, ..]).assign(&row);
                    lse[[b, h, i]] = sum[r].ln() + max[r];
                }
            }
        }
    }
    trace.step("out", "acc/ℓ", "b h n dv", &out);
    (out, lse)
}

fn backwards(q: &Tensor, k: &Tensor, v: &Tensor, causal: f64, block: f64) -> Both {
    let [b, h, n, m, d, dv] = sizes(q, k, v);
    let block = block as usize;
    let mut out = Tensor::zeros(vec![b, h, n, dv]);
    let mut lse = Tensor::zeros(vec![b, h, n]);
    for (b, h, i) in ndarray::indices((b, h, n)) {
        let mut state = (f32::NEG_INFINITY, 0.0, vec![0.0; dv]);
        for tile in (0..m.div_ceil(block)).rev() {
            for j in tile * block..m.min((tile + 1) * block) {
                if causal > 0.0 && j + n > i + m {
                    continue;
                }
                let dot: f32 = (0..d).map(|t| q[[b, h, i, t]] * k[[b, h, j, t]]).sum();
                let s = dot / (d as f32).sqrt();
                let new = state.0.max(s);
                let (old, now) = ((state.0 - new).exp(), (s - new).exp());
                state.1 = state.1 * old + now;
                for (t, x) in state.2.iter_mut().enumerate() {
                    *x = *x * old + now * v[[b, h, j, t]];
                }
                state.0 = new;
            }
        }
        for (t, x) in state.2.into_iter().enumerate() {
            out[[b, h, i, t]] = if state.1 > 0.0 { x / state.1 } else { 0.0 };
        }
        lse[[b, h, i]] = state.0 + state.1.ln();
    }
    (out, lse)
}

/// As flash-decoding does: every tile alone, then a merge.
fn split(q: &Tensor, k: &Tensor, v: &Tensor, causal: f64, block: f64) -> Both {
    let [b, h, n, m, d, dv] = sizes(q, k, v);
    let block = block as usize;
    let mut out = Tensor::zeros(vec![b, h, n, dv]);
    let mut lse = Tensor::from_elem(vec![b, h, n], f32::NEG_INFINITY);
    for (b, h, i) in ndarray::indices((b, h, n)) {
        let seen = if causal == 1.0 {
            (i + m + 1).saturating_sub(n).min(m)
        } else {
            m
        };
        let mut parts = Vec::new();
        for first in (0..seen).step_by(block) {
            let keys = first..seen.min(first + block);
            let s = k
                .slice(s![b, h, keys.clone(), ..])
                .dot(&q.slice(s![b, h, i, ..]));
            let s = (s / (d as f32).sqrt()).into_dyn();
            let part: f32 = s.iter().copied().fold(f32::MIN, f32::max);
            let total = part + s.mapv(|s| (s - part).exp()).sum().ln();
            let weights = softmax(&s, 0)
                .into_dimensionality::<ndarray::Ix1>()
                .unwrap();
            parts.push((total, weights.dot(&v.slice(s![b, h, keys, ..]))));
        }
        let Some(max) = parts.iter().map(|part| part.0).reduce(f32::max) else {
            continue;
        };
        let total = max
            + parts
                .iter()
                .map(|part| (part.0 - max).exp())
                .sum::<f32>()
                .ln();
        for (part, row) in parts {
            out.slice_mut(s![b, h, i, ..])
                .scaled_add((part - total).exp(), &row);
        }
        lse[[b, h, i]] = total;
    }
    (out, lse)
}

fn two_passes(q: &Tensor, k: &Tensor, v: &Tensor, causal: f64, _: f64) -> Both {
    let [b, h, n, m, d, dv] = sizes(q, k, v);
    let mut out = Tensor::zeros(vec![b, h, n, dv]);
    let mut lse = Tensor::from_elem(vec![b, h, n], f32::NEG_INFINITY);
    let scale = std::f32::consts::LOG2_E / (d as f32).sqrt();
    let mut row = vec![0.0; m];
    for (b, h, i) in ndarray::indices((b, h, n)) {
        let seen = if causal == 1.0 {
            (i + m + 1).saturating_sub(n)
        } else {
            m
        };
        for (j, s) in row[..seen].iter_mut().enumerate() {
            *s = scale
                * (0..d)
                    .map(|t| q[[b, h, i, t]] * k[[b, h, j, t]])
                    .sum::<f32>();
        }
        let max = row[..seen]
            .iter()
            .copied()
            .fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = row[..seen].iter().map(|s| (s - max).exp2()).sum();
        if seen > 0 {
            lse[[b, h, i]] = (max + sum.log2()) * std::f32::consts::LN_2;
        }
        for (j, s) in row[..seen].iter().enumerate() {
            for t in 0..dv {
                out[[b, h, i, t]] += (s - max).exp2() / sum * v[[b, h, j, t]];
            }
        }
    }
    (out, lse)
}

fn whole(q: &Tensor, k: &Tensor, v: &Tensor, causal: f64, _: f64) -> Both {
    let [_, _, n, m, d, _] = sizes(q, k, v);
    let mut scores = einsum("b h n d, b h m d -> b h n m", &[q, k]) / (d as f32).sqrt();
    if causal == 1.0 {
        scores += &causal_mask::<f32>(n, m);
    }
    let mut weights = softmax(&scores, 3);
    weights.mapv_inplace(|w| if w.is_nan() { 0.0 } else { w });
    let lse = scores.map_axis(Axis(3), |row| {
        let max = row.fold(f32::NEG_INFINITY, |a, &b| a.max(b));
        let sum = row.iter().map(|s| (s - max).exp()).sum::<f32>();
        if max == f32::NEG_INFINITY {
            max
        } else {
            max + sum.ln()
        }
    });
    (einsum("b h n m, b h m v -> b h n v", &[&weights, v]), lse)
}

fn stored_mask(q: &Tensor, k: &Tensor, v: &Tensor, causal: f64, block: f64) -> Both {
    let [_, _, n, m, _, _] = sizes(q, k, v);
    let seen = Array2::from_shape_fn((n, m), |(i, j)| causal == 0.0 || j + n <= i + m);
    // Rows that see nothing are left out by the tiles anyway.
    let all = seen.iter().filter(|seen| **seen).count();
    let causal = if all == n * m { 0.0 } else { causal };
    solution::flash_attention(q, k, v, causal, block)
}

fn in_every_tile(q: &Tensor, k: &Tensor, v: &Tensor, causal: f64, block: f64) -> Both {
    let [b, h, n, m, d, dv] = sizes(q, k, v);
    let (_, lse) = solution::flash_attention(q, k, v, causal, block);
    let block = block as usize;
    let mut out = Tensor::zeros(vec![b, h, n, dv]);
    for (b, h, i) in ndarray::indices((b, h, n)) {
        for first in (0..m).step_by(block) {
            let seen = (first..m.min(first + block)).filter(|j| causal == 0.0 || j + n <= i + m);
            let s = seen.map(|j| {
                let dot: f32 = (0..d).map(|t| q[[b, h, i, t]] * k[[b, h, j, t]]).sum();
                (j, dot / (d as f32).sqrt())
            });
            let s: Vec<(usize, f32)> = s.collect();
            let max = s.iter().map(|(_, s)| *s).fold(f32::MIN, f32::max);
            let sum: f32 = s.iter().map(|(_, s)| (s - max).exp()).sum();
            for (j, s) in s {
                for t in 0..dv {
                    out[[b, h, i, t]] += (s - max).exp() / sum * v[[b, h, j, t]];
                }
            }
        }
    }
    (out / m.div_ceil(block) as f32, lse)
}

pub fn wrong() -> Named<&'static str> {
    let mut all: Named<&'static str> =
        vec![("divide-each-tile", Box::new(candidate(in_every_tile)))];
    let mut add = |id, choices: Plain| all.push((id, plain(choices)));
    let keep = |keep| Plain { keep, ..PLAIN };
    add("no-rescale-out", keep(|old, new| ((old - new).exp(), 1.0)));
    add("no-rescale-sum", keep(|old, new| (1.0, (old - new).exp())));
    add("no-rescale", keep(|_, _| (1.0, 1.0)));
    add(
        "rescale-inverted",
        keep(|old, new| ((new - old).exp(), (new - old).exp())),
    );
    add(
        "divide-every-step",
        Plain {
            step: |acc, sum| if sum == 0.0 { acc } else { acc / sum },
            end: |acc, _| acc,
            ..PLAIN
        },
    );
    add(
        "max-of-tile",
        Plain {
            max: |_, tile| tile,
            ..PLAIN
        },
    );
    add(
        "no-max",
        Plain {
            max: |_, _| 0.0,
            ..PLAIN
        },
    );
    add(
        "mask-after-max",
        Plain {
            max_of_hidden: true,
            ..PLAIN
        },
    );
    add(
        "inf-minus-inf",
        Plain {
            guard: false,
            ..PLAIN
        },
    );
    add(
        "mask-ignored",
        Plain {
            causal: false,
            ..PLAIN
        },
    );
    let seen = |seen| Plain { seen, ..PLAIN };
    add("causal-top-left", seen(|i, j, _, _, _| j <= i));
    add(
        "tile-index-mask",
        seen(|i, j, first, n, m| j - first + n <= i + m),
    );
    add(
        "last-tile-dropped",
        Plain {
            keys: |m, block| m / block * block,
            ..PLAIN
        },
    );
    add("padded-keys-counted", Plain { pad: true, ..PLAIN });
    let scale = |scale| Plain { scale, ..PLAIN };
    add("no-scale", scale(|_| 1.0));
    add("scale-twice", scale(|d| 1.0 / d));
    add(
        "no-normalise",
        Plain {
            end: |acc, _| acc,
            ..PLAIN
        },
    );
    let lse = |lse| Plain { lse, ..PLAIN };
    add("lse-without-max", lse(|_, sum| sum.ln()));
    add("lse-no-log", lse(|max, sum| max + sum));
    add(
        "lse-base-2",
        lse(|max, sum| max * std::f32::consts::LOG2_E + sum.log2()),
    );
    all
}

pub fn pairs() -> Named<[&'static str; 2]> {
    vec![
        (
            ["no-rescale-out", "lse-without-max"],
            plain(Plain {
                keep: |old, new| ((old - new).exp(), 1.0),
                lse: |_, sum| sum.ln(),
                ..PLAIN
            }),
        ),
        (
            ["causal-top-left", "last-tile-dropped"],
            plain(Plain {
                seen: |i, j, _, _, _| j <= i,
                keys: |m, block| m / block * block,
                ..PLAIN
            }),
        ),
        (
            ["no-scale", "no-rescale"],
            plain(Plain {
                scale: |_| 1.0,
                keep: |_, _| (1.0, 1.0),
                ..PLAIN
            }),
        ),
        (
            ["mask-ignored", "lse-base-2"],
            plain(Plain {
                causal: false,
                lse: |max, sum| (max + sum.ln()) / std::f32::consts::LN_2,
                ..PLAIN
            }),
        ),
        (
            ["padded-keys-counted", "tile-index-mask"],
            plain(Plain {
                pad: true,
                seen: |i, j, first, n, m| j - first + n <= i + m,
                ..PLAIN
            }),
        ),
    ]
}
