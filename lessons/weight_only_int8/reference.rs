//! Weight-only INT8, step by step in f64 (Kim et al. 2022, arXiv 2211.10017; symmetric codes per output
//! channel: Krishnamoorthi 2018, arXiv 1806.08342).

use crate::lessons::affine_quantization::grid::or_one;
use crate::lessons::affine_quantization::histogram::histogram;
use crate::ops::einsum;
use crate::tensor::{Inputs, Outputs, max_abs};
use crate::trace::Trace;
use ndarray::{ArrayD, Axis};

/// `x [m k]` and `w [n k]` → `y [m n]` = x·ŵᵀ, the codes `q [n k]` and `scale [n]`.
pub fn reference(inputs: &Inputs, trace: &mut Trace) -> Outputs {
    let (x, w) = (inputs.f64("x"), inputs.f64("w"));
    trace.given("m k", x.shape());
    trace.given("n k", w.shape());
    let (n, k) = (w.shape()[0], w.shape()[1]);

    // max_n = max_k |w_nk|: the largest weight of each output [n].
    let max = w.map_axis(Axis(1), |row| max_abs(row.into_dyn()));
    trace
        .step("max", "max_k |w|", "n k -> n", &max)
        .note("over the inputs of one output: one number a row");

    // s_n = max_n/127 [n]; 1 for a row of zeros.
    let scale = max.mapv(|max| or_one(max / 127.0));
    trace
        .step("scale", "max/127", "n -> n", &scale)
        .note("from the weights alone: no data, no calibration");

    // q_nk = round(w_nk/s_n): the codes, −127 … 127 [n k]; half to even.
    let column = scale.clone().insert_axis(Axis(1));
    let q = (&w / &column).mapv(f64::round_ties_even);
    let (before, after) = (2 * n * k, n * k + 4 * n);
    trace
        .step("q", "round(w/s)", "n k, n -> n k", &q)
        .note(format!(
            "{}; {before} bytes in f16, {after} now",
            histogram(q.iter().copied(), [-127.0, 127.0], 16)
        ));

    // acc = x·qᵀ: activations are not touched; sums in f32 on a device [m n].
    let acc = einsum("m k, n k -> m n", &[&x, &q]);
    trace
        .step("acc", "x·qᵀ", "m k, n k -> m n", &acc)
        .note("codes become f16 in registers; exact up to 2048");

    // y = s ⊙ acc: the scale of an output leaves the sum over k [m n].
    let y = &acc * &scale;
    trace
        .step("y", "s ⊙ (x·qᵀ)", "m n, n -> m n", &y)
        .note("one product for each output, not for each weight");

    // e = y − x·wᵀ: what quantisation costs [m n].
    let exact = einsum("m k, n k -> m n", &[&x, &w]);
    let error = &y - &exact;
    trace
        .step("error", "y − x·wᵀ", "m n, m n -> m n", &error)
        .note(format!(
            "{:.2} % of the output, {:.2} % of the weights (RMS)",
            100.0 * norm(&error) / norm(&exact),
            100.0 * norm(&(&q * &column - &w)) / norm(&w)
        ));
    vec![y, q, scale]
}

/// √Σx².
pub fn norm(x: &ArrayD<f64>) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}
