//! Attention over a window and global tokens, step by step in f64.

use crate::ops::softmax;
use crate::tensor::{Inputs, Outputs};
use crate::trace::Trace;
use ndarray::{Array2, Array4, Ix4};

/// Which keys a query sees.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight {
    pub window: i64,
    pub globals: i64,
    pub causal: bool,
}

impl Sight {
    pub fn of(inputs: &Inputs) -> Sight {
        Sight {
            window: inputs.number("window") as i64,
            globals: inputs.number("globals") as i64,
            causal: inputs.number("causal") != 0.0,
        }
    }

    /// Whether the query at position i sees key j.
    pub fn sees(self, i: i64, j: i64) -> bool {
        let global = |at: i64| (0..self.globals).contains(&at);
        let near = (i - j).abs() < self.window;
        (near || global(j) || global(i)) && (j <= i || !self.causal)
    }

    /// The keys that row r of n sees among m, in order.
    pub fn keys(self, r: usize, n: usize, m: usize) -> Vec<usize> {
        let (i, m) = ((r + m) as i64 - n as i64, m as i64);
        let (first, last) = match (0..self.globals).contains(&i) {
            true => (0, m),
            false => (
                (i - self.window + 1).clamp(0, m),
                (i + self.window).clamp(0, m),
            ),
        };
        let before = 0..self.globals.min(first);
        let after = last..self.globals.min(m);
        let all = before.chain(first..last).chain(after);
        all.filter(|j| self.sees(i, *j))
            .map(|j| j as usize)
            .collect()
    }
}

/// Attention in which the query at position i = r + m − n sees key j if |i − j| < window, or j or
/// i is one of the first `globals` positions; with `causal` only if j ≤ i too. `q [b h n d]`,
/// `k [b h m d]`, `v [b h m dv]` → `[b h n dv]`; zeros for a query that sees nothing.
///
/// Beltagy, Peters, Cohan 2020, arXiv 2004.05150; Jiang et al. 2023, arXiv 2310.06825.
pub fn reference(inputs: &Inputs, trace: &mut Trace) -> Outputs {
    let array = |name: &str| -> Array4<f64> {
        let array = inputs.f64(name).into_dimensionality::<Ix4>();
        array.expect("q, k and v have four axes")
    };
    let [q, k, v] = ["q", "k", "v"].map(array);
    let ((b, h, n, d), m, dv) = (q.dim(), k.dim().2, v.dim().3);
    let sight = Sight::of(inputs);
    for (axes, x) in [("b h n d", &q), ("b h m d", &k), ("b h m dv", &v)] {
        trace.given(axes, x.shape());
    }

    // keys: what each query sees, in s slots; −1 in a slot that it does not need   [n s]
    let lists: Vec<Vec<usize>> = (0..n).map(|r| sight.keys(r, n, m)).collect();
    let slots = lists.iter().map(Vec::len).max().unwrap_or(0).max(1);
    let keys = Array2::from_shape_fn((n, slots), |(r, s)| {
        lists[r].get(s).map_or(-1.0, |j| *j as f64)
    });
    let seen: usize = lists.iter().map(Vec::len).sum();
    trace
        .step("keys", "j: |i − j| < w, or j < g, or i < g", "n s", &keys)
        .note(format!("{seen} pairs of {}", n * m));

    // scores = q_i·k_j/√d for those keys only   [b h n s]
    let scores = Array4::from_shape_fn((b, h, n, slots), |(b, h, r, s)| {
        lists[r].get(s).map_or(f64::NEG_INFINITY, |&j| {
            let products = (0..d).map(|t| q[[b, h, r, t]] * k[[b, h, j, t]]);
            products.sum::<f64>() / (d as f64).sqrt()
        })
    });
    trace
        .step(
            "scores",
            "q_i·k_j/√d for j in keys",
            "b h n d, b h s d -> b h n s",
            &scores,
        )
        .note("−∞ in empty slots");

    // weights = softmax over the slots   [b h n s]
    let mut weights = softmax(&scores.into_dyn(), 3);
    weights.mapv_inplace(|w| if w.is_nan() { 0.0 } else { w });
    trace
        .step("weights", "softmax over s", "b h n s -> b h n s", &weights)
        .note("one softmax over the union of window and globals");

    // out = Σ weights·v_j over those keys   [b h n dv]
    let out = Array4::from_shape_fn((b, h, n, dv), |(b, h, r, c)| {
        let each = lists[r].iter().enumerate();
        each.map(|(s, &j)| weights[[b, h, r, s]] * v[[b, h, j, c]])
            .sum()
    });
    trace.step(
        "out",
        "Σ weights·v_j",
        "b h n s, b h s dv -> b h n dv",
        &out,
    );
    vec![out.into_dyn()]
}
