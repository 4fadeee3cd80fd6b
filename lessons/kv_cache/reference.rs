//! Attention with a KV cache, step by step in f64 (Pope et al. 2022, arXiv 2211.05102, §2; grouped
//! heads: Ainslie et al. 2023, arXiv 2305.13245; positions: Su et al. 2021, arXiv 2104.09864).

use crate::ops::{einsum, softmax};
use crate::tensor::{Inputs, Outputs};
use crate::trace::Trace;
use ndarray::{ArrayD, Axis, IxDyn, s};

/// Sizes, and what every row continues.
#[derive(Clone, Debug)]
pub struct Rows {
    pub h: usize,
    pub g: usize,
    pub n: usize,
    pub m: usize,
    pub d: usize,
    /// Tokens in every row of the past cache.
    pub lengths: Vec<usize>,
    /// The row of the past cache that each row continues.
    pub parents: Vec<usize>,
}

impl Rows {
    /// # Errors
    /// A sentence, when heads, rows or slots do not fit.
    pub fn of(inputs: &Inputs) -> Result<Rows, String> {
        let (q, cache) = (inputs.float("q").shape(), inputs.float("past_k").shape());
        let (b, h, n, d) = (q[0], q[1], q[2], q[3]);
        let (g, m) = (cache[1], cache[2]);
        if g == 0 || !h.is_multiple_of(g) || !d.is_multiple_of(2) {
            return Err(format!("g = {g} must divide h = {h}, and d = {d} be even"));
        }
        let within = |name: &str, end: usize| -> Result<Vec<usize>, String> {
            let valid = |&x: &i64| usize::try_from(x).ok().filter(|&x| x < end);
            let all: Option<Vec<usize>> = inputs.int(name).iter().map(valid).collect();
            all.ok_or_else(|| format!("{name} must be 0 or more and less than {end}"))
        };
        let lengths = within("lengths", (m + 1).saturating_sub(n))?;
        let parents = within("beam_idx", b)?;
        Ok(Rows {
            h,
            g,
            n,
            m,
            d,
            lengths,
            parents,
        })
    }

    /// Tokens that row i continues.
    pub fn start(&self, i: usize) -> usize {
        self.lengths[self.parents[i]]
    }

    pub fn starts(&self) -> Vec<usize> {
        (0..self.parents.len()).map(|i| self.start(i)).collect()
    }
}

/// `q [b h n d]`, `k`, `v` `[b g n d]`, `past_k`, `past_v` `[b g m d]`, `lengths [b]`, `beam_idx [b]`
/// and the base `rope_theta` → `out [b h n d]`, `present_k`, `present_v` `[b g m d]`. Lengths that do
/// not fit m slots give NaN, and the step says why.
pub fn reference(inputs: &Inputs, trace: &mut Trace) -> Outputs {
    let [q, k, v, past_k, past_v] = ["q", "k", "v", "past_k", "past_v"].map(|x| inputs.f64(x));
    for (axes, x) in [("b h n d", &q), ("b g m d", &past_k)] {
        trace.given(axes, x.shape());
    }
    let rows = match Rows::of(inputs) {
        Ok(rows) => rows,
        Err(why) => {
            let nothing = |x: &ArrayD<f64>| ArrayD::from_elem(x.raw_dim(), f64::NAN);
            let out = nothing(&q);
            trace.step("out", "undefined", "b h n d", &out).note(why);
            return vec![out, nothing(&past_k), nothing(&past_v)];
        }
    };
    let (starts, theta) = (rows.starts(), inputs.number("rope_theta"));

    // position = lengths[beam_idx[i]] + r [b n]: where token r of row i stands in its sequence.
    let positions = ArrayD::from_shape_fn(IxDyn(&[starts.len(), rows.n]), |at| {
        (starts[at[0]] + at[1]) as f64
    });
    trace
        .step("positions", "lengths[beam_idx] + r", "b n", &positions)
        .note("also the slot of the token");

    // q_rot [b h n d], k_rot [b g n d]: RoPE at these absolute positions.
    let q_rot = rotate(&q, &positions, theta, false);
    let k_rot = rotate(&k, &positions, theta, false);
    trace.step(
        "q_rot",
        "RoPE at the position",
        "b h n d -> b h n d",
        &q_rot,
    );
    trace
        .step(
            "k_rot",
            "RoPE at the position",
            "b g n d -> b g n d",
            &k_rot,
        )
        .note("rotated once, before it is cached");

    // present_k, present_v [b g m d]: the rows of beam_idx, the new tokens in their slots.
    let present_k = append(&past_k, &rows.parents, &k_rot, &starts);
    let present_v = append(&past_v, &rows.parents, &v, &starts);
    let filled: usize = starts.iter().map(|start| start + rows.n).sum();
    trace
        .step(
            "present_k",
            "past_k[beam_idx]; slot ← k_rot",
            "b g n d -> b g m d",
            &present_k,
        )
        .note(format!(
            "{filled} of {} slots filled",
            starts.len() * rows.m
        ));
    trace
        .step(
            "present_v",
            "past_v[beam_idx]; slot ← v",
            "b g n d -> b g m d",
            &present_v,
        )
        .note("values are not rotated");

    // scores = q·kᵀ/√d [b h n m], −∞ where slot j > position: the future and the free slots.
    let (keys, values) = (repeat(&present_k, rows.h), repeat(&present_v, rows.h));
    let seen = |i: usize, r: usize, j: usize| j <= starts[i] + r;
    let scores = scores(&q_rot, &keys, (rows.d as f64).sqrt(), seen);
    trace
        .step(
            "scores",
            "q·kᵀ/√d, −∞ where j > position",
            "b h n d, b h m d -> b h n m",
            &scores,
        )
        .note(format!(
            "each cached head serves {} query heads",
            rows.h / rows.g
        ));

    // weights = softmax over the slots [b h n m].
    let weights = softmax(&scores, 3);
    trace
        .step("weights", "softmax over m", "b h n m -> b h n m", &weights)
        .note("rows sum to 1; free slots have 0");

    // out = weights·v [b h n d]: the rows of the full causal pass that belong to the new tokens.
    let out = einsum("b h n m, b h m d -> b h n d", &[&weights, &values]);
    trace.step("out", "weights·v", "b h n m, b h m d -> b h n d", &out);
    vec![out, present_k, present_v]
}

/// Turns every pair of `x [b heads n d]` by position·θ^(−2i/d), positions `[b n]`: pairs (x₀,x₁) …,
/// or the two halves of the head.
pub fn rotate(x: &ArrayD<f64>, positions: &ArrayD<f64>, theta: f64, half: bool) -> ArrayD<f64> {
    let (b, heads, n, d) = (x.shape()[0], x.shape()[1], x.shape()[2], x.shape()[3]);
    let mut out = x.clone();
    for (b, n, i) in ndarray::indices((b, n, d / 2)) {
        let (j0, j1) = if half {
            (i, i + d / 2)
        } else {
            (2 * i, 2 * i + 1)
        };
        // One angle for all heads.
        let angle = positions[[b, n]] * theta.powf(-2.0 * i as f64 / d as f64);
        let (sin, cos) = angle.sin_cos();
        for h in 0..heads {
            let (x0, x1) = (x[[b, h, n, j0]], x[[b, h, n, j1]]);
            out[[b, h, n, j0]] = x0 * cos - x1 * sin;
            out[[b, h, n, j1]] = x0 * sin + x1 * cos;
        }
    }
    out
}

/// Row i of the result is row `parents[i]` of `past [b g m d]`, with `new[i]` from slot `slots[i]` on.
pub fn append(
    past: &ArrayD<f64>,
    parents: &[usize],
    new: &ArrayD<f64>,
    slots: &[usize],
) -> ArrayD<f64> {
    let mut cache = past.select(Axis(0), parents);
    let n = new.shape()[2];
    for (i, &slot) in slots.iter().enumerate() {
        let mut place = cache.slice_mut(s![i, .., slot..slot + n, ..]);
        place.assign(&new.index_axis(Axis(0), i));
    }
    cache
}

/// Cached heads for h query heads: head ⌊i·g/h⌋ at place i.
pub fn repeat(cache: &ArrayD<f64>, h: usize) -> ArrayD<f64> {
    let g = cache.shape()[1];
    let order: Vec<usize> = (0..h).map(|i| i * g / h).collect();
    cache.select(Axis(1), &order)
}

/// `q·kᵀ/divisor`, −∞ where token r of row i does not see slot j.
pub fn scores(
    q: &ArrayD<f64>,
    keys: &ArrayD<f64>,
    divisor: f64,
    seen: impl Fn(usize, usize, usize) -> bool,
) -> ArrayD<f64> {
    let mut scores = einsum("b h n d, b h m d -> b h n m", &[q, keys]) / divisor;
    for (at, score) in scores.indexed_iter_mut() {
        if !seen(at[0], at[2], at[3]) {
            *score = f64::NEG_INFINITY;
        }
    }
    scores
}
