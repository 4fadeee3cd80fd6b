//! The truth, step by step in f64.

use crate::tensor::{Inputs, Outputs};
use crate::trace::Trace;
use ndarray::{Array1, Array2, Axis, Ix1, Ix2};

/// The largest code; the smallest is its negative.
pub const MOST: f64 = 127.0;

/// The exercise's arguments with static ranks.
pub struct Arguments {
    /// `[n c]`: tokens.
    pub x: Array2<f64>,
    /// `[r c]`: one row for each output feature.
    pub weight: Array2<f64>,
    /// `[c]`: the largest |x| of each input feature in the calibration data.
    pub act_max: Array1<f64>,
    pub alpha: f64,
}

pub fn arguments(inputs: &Inputs) -> Arguments {
    const CHECKED: &str = "ranks were checked against the problem's args";
    let matrix = |name: &str| {
        let array = inputs.f64(name).into_dimensionality::<Ix2>();
        array.expect(CHECKED)
    };
    let act_max = inputs.f64("act_max").into_dimensionality::<Ix1>();
    Arguments {
        x: matrix("x"),
        weight: matrix("weight"),
        act_max: act_max.expect(CHECKED),
        alpha: inputs.number("alpha"),
    }
}

/// s_j = max|x_j|^α / max|w_j|^(1 − α) `[c]`; 1 where either is 0.
pub fn smoothing(act_max: &Array1<f64>, weight: &Array2<f64>, alpha: f64) -> Array1<f64> {
    let of = |j: usize| {
        let (x, w) = (act_max[j], largest(weight.column(j)));
        match x > 0.0 && w > 0.0 {
            true => x.powf(alpha) / w.powf(1.0 - alpha),
            false => 1.0,
        }
    };
    (0..act_max.len()).map(of).collect()
}

pub fn largest<'a>(values: impl IntoIterator<Item = &'a f64>) -> f64 {
    values.into_iter().fold(0.0, |max: f64, x| max.max(x.abs()))
}

/// max|row| / 127 of each row, 1 for a row of zeros.
pub fn scales(rows: &Array2<f64>) -> Array1<f64> {
    rows.map_axis(Axis(1), |row| match largest(row.iter()) {
        0.0 => 1.0,
        max => max / MOST,
    })
}

/// round(row / scale), ties to even.
pub fn codes(rows: &Array2<f64>, scales: &Array1<f64>) -> Array2<f64> {
    (rows / &scales.view().insert_axis(Axis(1))).mapv(f64::round_ties_even)
}

/// ‖y − x·wᵀ‖ / ‖x·wᵀ‖.
pub fn error(y: &Array2<f64>, x: &Array2<f64>, w: &Array2<f64>) -> f64 {
    let exact = x.dot(&w.t());
    let norm = |m: &Array2<f64>| m.mapv(|y| y * y).sum().sqrt();
    norm(&(y - &exact)) / norm(&exact)
}

/// y `[n r]` of x `[n c]` and weight `[r c]` through 8-bit integers, smoothed (Xiao et al. 2022, arXiv
/// 2211.10438).
pub fn reference(inputs: &Inputs, trace: &mut Trace) -> Outputs {
    let Arguments {
        x,
        weight,
        act_max,
        alpha,
    } = arguments(inputs);

    // 1. How much of each input's size moves from x into w: s_j = max|x_j|^α/max|w_j|^(1−α)   [c]
    let smooth = smoothing(&act_max, &weight, alpha);
    trace
        .step("smooth", "act_max^α/max|w_j|^(1−α)", "c, r c -> c", &smooth)
        .note("from calibration; folded into the norm before the layer");

    // 2. Smoothed activations: x' = x/s                                                 [n c]
    let x_smooth = &x / &smooth;
    trace
        .step("x_smooth", "x/s", "n c, c -> n c", &x_smooth)
        .note(format!(
            "largest input / median input: {:.1} before, {:.1} after",
            outlier(&x),
            outlier(&x_smooth)
        ));

    // 3. Weights that undo it: w' = w·s, so that x'·w'ᵀ = x·wᵀ                           [r c]
    let w_smooth = &weight * &smooth;
    trace.step("w_smooth", "w·s", "r c, c -> r c", &w_smooth);

    // 4. A scale for each token, found at run time: s_x = max|x'_t|/127                   [n]
    let x_scale = scales(&x_smooth);
    trace.step("x_scale", "max_c|x'|/127", "n c -> n", &x_scale);

    // 5. Codes of the activations                                                       [n c]
    let x_codes = codes(&x_smooth, &x_scale);
    trace
        .step("x_codes", "round(x'/s_x)", "n c, n -> n c", &x_codes)
        .note(format!(
            "median |code| {} of 127, {} without smoothing",
            median(&x_codes),
            median(&codes(&x, &scales(&x)))
        ));

    // 6. A scale for each output feature, once: s_w = max|w'_r|/127                       [r]
    let w_scale = scales(&w_smooth);
    trace.step("w_scale", "max_c|w'|/127", "r c -> r", &w_scale);

    // 7. Codes of the weights                                                           [r c]
    let w_codes = codes(&w_smooth, &w_scale);
    trace
        .step("w_codes", "round(w'/s_w)", "r c, r -> r c", &w_codes)
        .note(format!("median |code| {} of 127", median(&w_codes)));

    // 8. The product of integers, exact in 32 bits up to 133 144 columns                 [n r]
    let sums = x_codes.dot(&w_codes.t());
    trace
        .step("sums", "Σ_c q_x·q_w (int32)", "n c, r c -> n r", &sums)
        .note(format!(
            "largest {:.0}; int16 ends at 32767",
            largest(sums.iter())
        ));

    // 9. Both scales leave the sum: y = s_x·s_w·sums                                     [n r]
    let y = &sums * &x_scale.insert_axis(Axis(1)) * &w_scale;
    let plain = {
        let (x_scale, w_scale) = (scales(&x), scales(&weight));
        let sums = codes(&x, &x_scale).dot(&codes(&weight, &w_scale).t());
        &sums * &x_scale.insert_axis(Axis(1)) * &w_scale
    };
    trace
        .step("y", "s_x·s_w·sums", "n r, n -> n r", &y)
        .note(format!(
            "error {:.2} % of the float product's norm, {:.2} % without smoothing",
            100.0 * error(&y, &x, &weight),
            100.0 * error(&plain, &x, &weight)
        ));
    vec![y.into_dyn()]
}

/// The largest input's size in units of the median one.
fn outlier(x: &Array2<f64>) -> f64 {
    let mut sizes: Vec<f64> = x.columns().into_iter().map(|c| largest(c.iter())).collect();
    sizes.sort_by(f64::total_cmp);
    let (median, last) = (sizes[sizes.len() / 2], sizes[sizes.len() - 1]);
    last / median.max(1e-300)
}

fn median(codes: &Array2<f64>) -> f64 {
    let mut sizes: Vec<f64> = codes.iter().map(|q| q.abs()).collect();
    sizes.sort_by(f64::total_cmp);
    sizes[sizes.len() / 2]
}
