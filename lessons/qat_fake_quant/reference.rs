//! The truth, step by step in f64.

use crate::tensor::{Inputs, Outputs};
use crate::trace::Trace;
use ndarray::{ArrayD, Zip, arr0};

/// The exercise's arguments.
pub struct Arguments {
    /// `[n c]`
    pub x: ArrayD<f64>,
    /// `[n c]`: the gradient of the loss for x̂.
    pub grad_out: ArrayD<f64>,
    pub scale: f64,
    pub zero_point: f64,
    pub qmin: f64,
    pub qmax: f64,
}

pub fn arguments(inputs: &Inputs) -> Arguments {
    Arguments {
        x: inputs.f64("x"),
        grad_out: inputs.f64("grad_out"),
        scale: inputs.number("scale"),
        zero_point: inputs.number("zero_point"),
        qmin: inputs.number("qmin"),
        qmax: inputs.number("qmax"),
    }
}

/// x̂, the straight-through gradient of x and the gradient of the scale (Jacob et al. 2017, arXiv
/// 1712.05877; Bengio et al. 2013, arXiv 1308.3432; Esser et al. 2019, arXiv 1902.08153).
pub fn reference(inputs: &Inputs, trace: &mut Trace) -> Outputs {
    let Arguments {
        x,
        grad_out,
        scale: s,
        zero_point: z,
        qmin,
        qmax,
    } = arguments(inputs);

    // 1. In units of the step: u = x/s                                                 [n c]
    let ratio = &x / s;
    trace
        .step("ratio", "x/s", "n c -> n c", &ratio)
        .note(format!("s {s:.4}"));

    // 2. The code before clamping: round(u) + z, ties to even                          [n c]
    let code = ratio.mapv(|u| u.round_ties_even() + z);
    trace
        .step("code", "round(x/s) + z", "n c -> n c", &code)
        .note(format!("codes go from {qmin} to {qmax}, z {z}"));

    // 3. The code: clamp to qmin … qmax                                                [n c]
    let kept = code.mapv(|q| q.clamp(qmin, qmax));
    let clipped = Zip::from(&code)
        .and(&kept)
        .fold(0, |sum, a, b| sum + usize::from(a != b));
    trace
        .step("clamped", "clamp(code, qmin, qmax)", "n c -> n c", &kept)
        .note(format!(
            "{clipped} of {} clipped; per code: {}",
            x.len(),
            histogram(&kept, qmin, qmax)
        ));

    // 4. Back to floats, on the grid: x̂ = s·(q − z)                                    [n c]
    let x_hat = kept.mapv(|q| s * (q - z));
    let lost = (&x - &x_hat).mapv(|d| d * d).sum() / x.len() as f64;
    trace
        .step("x_hat", "s·(q − z)", "n c -> n c", &x_hat)
        .note(format!(
            "RMS error {:.4} with what was clipped; s/√12 = {:.4}",
            lost.sqrt(),
            s / 12f64.sqrt()
        ));

    // 5. Where the gradient passes: the code was not clipped                           [n c]
    let inside = Zip::from(&code)
        .and(&kept)
        .map_collect(|a, b| if a == b { 1.0 } else { 0.0 });
    trace
        .step(
            "inside",
            "qmin ≤ round(x/s) + z ≤ qmax",
            "n c -> n c",
            &inside,
        )
        .note("true derivative of round: 0 almost everywhere");

    // 6. Straight through: ∂x̂/∂x := 1 inside, 0 outside                                [n c]
    let grad_x = &grad_out * &inside;
    trace.step("grad_x", "grad_out·inside", "n c, n c -> n c", &grad_x);

    // 7. How x̂ moves with the step: round(u) − u inside, q − z at the ends             [n c]
    let slope = Zip::from(&inside)
        .and(&kept)
        .and(&ratio)
        .map_collect(|inside, q, u| if *inside == 1.0 { q - z - u } else { q - z });
    trace
        .step("slope", "∂x̂/∂s", "n c, n c -> n c", &slope)
        .note("within ±½ inside");

    // 8. Gradient of the step, scaled as in LSQ: Σ grad_out·∂x̂/∂s / √(N·qmax)             []
    let sum = (&grad_out * &slope).sum();
    let grad_scale = arr0(sum / (x.len() as f64 * qmax).sqrt());
    trace
        .step(
            "grad_scale",
            "Σ grad_out·slope/√(N·qmax)",
            "n c, n c -> ",
            &grad_scale,
        )
        .note(format!(
            "sum {sum:.4}, √(N·qmax) {:.2}",
            (x.len() as f64 * qmax).sqrt()
        ));
    vec![x_hat, grad_x, grad_scale.into_dyn()]
}

/// How many values each code has, `2 0 5 …`; of many codes, of runs of equal length.
fn histogram(codes: &ArrayD<f64>, qmin: f64, qmax: f64) -> String {
    let levels = (qmax - qmin) as usize + 1;
    let run = levels.div_ceil(16);
    let mut counts = vec![0; levels.div_ceil(run)];
    codes
        .iter()
        .for_each(|q| counts[(q - qmin) as usize / run] += 1);
    let counts: Vec<String> = counts.iter().map(usize::to_string).collect();
    counts.join(" ")
}
