//! Softmax, log_softmax and logsumexp without overflow, step by step in f64 (Blanchard, Higham and
//! Higham 2019, arXiv 1909.03469).

use crate::tensor::{Inputs, Outputs};
use crate::trace::Trace;
use ndarray::{Array1, Array2, Axis, Ix2, Zip};

/// The input `x [n m]` in f64.
pub fn matrix(inputs: &Inputs) -> Array2<f64> {
    inputs
        .f64("x")
        .into_dimensionality::<Ix2>()
        .expect("the shape was checked")
}

/// `x [n m]` → softmax `[n m]`, log_softmax `[n m]` and logsumexp `[n]` over the last axis.
///
/// A row of −∞ alone gives 0, −∞ and −∞. In a row with +∞, the k entries that are +∞ share the
/// weight: 1/k, −ln k, the others 0 and −∞, and logsumexp is +∞.
pub fn reference(inputs: &Inputs, trace: &mut Trace) -> Outputs {
    let x = matrix(inputs);
    trace.given("n m", x.shape());

    // row_max = max_j x_ij [n]: the number that is taken off.
    let row_max = x.map_axis(Axis(1), |row| row.fold(f64::NEG_INFINITY, |a, &b| a.max(b)));
    trace
        .step("row_max", "max over m", "n m -> n", &row_max)
        .note(format!(
            "{} rows have no finite maximum",
            row_max.iter().filter(|max| !max.is_finite()).count()
        ));

    // shifted = x − row_max [n m]: at most 0, so that exp cannot overflow; ±∞ is read as a limit.
    let mut shifted = x.clone();
    for (mut row, &max) in shifted.rows_mut().into_iter().zip(&row_max) {
        row.mapv_inplace(|x| match () {
            () if x == f64::NEG_INFINITY => x,
            () if x == max => 0.0,
            () => x - max,
        });
    }
    trace
        .step("shifted", "x − row_max", "n m, n -> n m", &shifted)
        .note("at most 0: exp cannot overflow");

    // exp = e^shifted [n m]: in 0 … 1, and 1 at the maximum.
    let exp = shifted.mapv(f64::exp);
    trace
        .step("exp", "exp(shifted)", "n m -> n m", &exp)
        .note("1 at every maximum: the sum is at least 1");

    // sum = Σ_j exp_ij [n]: between 1 and m, or 0 where everything is −∞.
    let sum = exp.sum_axis(Axis(1));
    let empty = sum.iter().filter(|sum| **sum == 0.0).count();
    trace
        .step("sum", "Σ over m", "n m -> n", &sum)
        .note(match empty {
            0 => "between 1 and m".to_string(),
            _ => format!("between 1 and m; {empty} rows of −∞ alone have 0"),
        });

    // softmax = exp / sum [n m]; a row of −∞ alone gives zeros, not 0/0.
    let mut softmax = exp.clone();
    Zip::from(softmax.rows_mut())
        .and(&sum)
        .for_each(|mut row, &sum| row.mapv_inplace(|e| if sum == 0.0 { 0.0 } else { e / sum }));
    trace
        .step("softmax", "exp / sum", "n m, n -> n m", &softmax)
        .note("rows sum to 1");

    // log_softmax = shifted − ln sum [n m]: the logarithm is of the sum, never of a probability.
    let log_sum = sum.mapv(f64::ln);
    let mut log_softmax = shifted.clone();
    Zip::from(log_softmax.rows_mut())
        .and(&log_sum)
        .for_each(|mut row, &log_sum| {
            row.mapv_inplace(|x| match x {
                f64::NEG_INFINITY => x,
                x => x - log_sum,
            })
        });
    trace
        .step(
            "log_softmax",
            "shifted − ln sum",
            "n m, n -> n m",
            &log_softmax,
        )
        .note("finite wherever x is, however small the probability");

    // logsumexp = row_max + ln sum [n]: the maximum comes back.
    let logsumexp: Array1<f64> = &row_max + &log_sum;
    trace
        .step("logsumexp", "row_max + ln sum", "n, n -> n", &logsumexp)
        .note("between max and max + ln m");
    vec![
        softmax.into_dyn(),
        log_softmax.into_dyn(),
        logsumexp.into_dyn(),
    ]
}
