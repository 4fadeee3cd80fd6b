//! The cost of attention, step by step in f64.

use crate::tensor::{Inputs, Outputs};
use crate::trace::Trace;
use ndarray::{Array1, Array2, arr0};

/// `n [c]`, `seconds [c]` and the sizes of a layer → `counts [c kind]`: GFLOP of the projections, GFLOP
/// of scores and weights·v, GiB of q, k, v and out, GiB of stored scores; `rate [c]` in GFLOP/s;
/// the exponent of seconds over n.
///
/// Vaswani et al. 2017, arXiv 1706.03762, table 1; Dao et al. 2022, arXiv 2205.14135.
pub fn reference(inputs: &Inputs, trace: &mut Trace) -> Outputs {
    let n: Array1<f64> = inputs.int("n").iter().map(|n| *n as f64).collect();
    let seconds: Array1<f64> = inputs
        .float("seconds")
        .iter()
        .map(|t| f64::from(*t))
        .collect();
    let number = |name: &str| inputs.number(name);
    let (heads, width) = (number("heads"), number("width"));
    let (model, kv) = (
        heads * number("head_dim"),
        number("kv_heads") * number("head_dim"),
    );
    let gib = width / f64::from(1 << 30);

    // pairs of tokens whose score is computed   [c]
    let causal = number("causal") != 0.0;
    let pairs = n.mapv(|n| if causal { n * (n + 1.0) / 2.0 } else { n * n });
    let formula = if causal { "n(n + 1)/2" } else { "n²" };
    trace.step("pairs", formula, "c", &pairs);

    // projections: q and out n·D·D, k and v n·D·D_kv, 2 FLOP a multiply-add   [c]
    let projections = n.mapv(|n| 4.0 * n * model * (model + kv) / 1e9);
    trace
        .step("projections", "4·n·D·(D + D_kv)/1e9", "c", &projections)
        .note(format!("D = {model}, D_kv = {kv}; linear in n"));

    // attention: q·kᵀ and weights·v, d multiply-adds per pair and head each   [c]
    let attention = pairs.mapv(|pairs| 4.0 * pairs * model / 1e9);
    let equal = (model + kv) * if causal { 2.0 } else { 1.0 };
    trace
        .step("attention", "4·pairs·D/1e9", "c", &attention)
        .note(format!("more than the projections from n = {equal} on"));

    // operands: q, k, v and out   [c]
    let operands = n.mapv(|n| 2.0 * n * (model + kv) * gib);
    trace.step("operands", "2·n·(D + D_kv)·width/2^30", "c", &operands);

    // scores: one number per head and pair, masked or not, whatever d is   [c]
    let scores = n.mapv(|n| heads * n * n * gib);
    trace
        .step("scores", "h·n²·width/2^30", "c", &scores)
        .note("no d in it; 0 where scores are never stored");

    // counts: the four as columns   [c kind]
    let columns = [&projections, &attention, &operands, &scores];
    let counts = Array2::from_shape_fn((n.len(), 4), |(i, kind)| columns[kind][i]);
    trace
        .step(
            "counts",
            "projections, attention, operands, scores",
            "c kind",
            &counts,
        )
        .note("GFLOP, GFLOP, GiB, GiB");

    // rate: what the core did in a second   [c]
    let rate = &attention / &seconds;
    trace
        .step("rate", "attention/seconds", "c", &rate)
        .note("GFLOP/s");

    // exponent: slope of ln t over ln n, least squares   []
    let (x, y) = (n.mapv(f64::ln), seconds.mapv(f64::ln));
    let exponent = slope(&x, &y);
    trace
        .step(
            "exponent",
            "Σ(x − x̄)(y − ȳ)/Σ(x − x̄)², x = ln n, y = ln t",
            "",
            &arr0(exponent),
        )
        .note(format!("t grows like n^{exponent:.2}"));
    vec![
        counts.into_dyn(),
        rate.into_dyn(),
        arr0(exponent).into_dyn(),
    ]
}

/// The least-squares slope of y over x; 0 where all x are equal.
pub fn slope(x: &Array1<f64>, y: &Array1<f64>) -> f64 {
    let mean = |values: &Array1<f64>| values.sum() / values.len().max(1) as f64;
    let (dx, dy) = (x - mean(x), y - mean(y));
    let spread = (&dx * &dx).sum();
    // Equal numbers leave rounding behind.
    match spread > 1e-12 {
        true => (dx * dy).sum() / spread,
        false => 0.0,
    }
}
