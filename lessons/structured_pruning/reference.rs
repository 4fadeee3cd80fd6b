//! The truth, step by step in f64.

use crate::tensor::{Inputs, Outputs};
use crate::trace::Trace;
use ndarray::{Array1, Array2, Axis, Ix1, Ix2};

/// Two layers: y = w2·silu(w1·x + b1) + b2.
#[derive(Clone)]
pub struct Net {
    pub w1: Array2<f64>,
    pub b1: Array1<f64>,
    pub w2: Array2<f64>,
    pub b2: Array1<f64>,
}

const CHECKED: &str = "ranks were checked against the problem's args";

/// `x [b d]`, and how many hidden units to keep.
pub fn given(inputs: &Inputs) -> (Array2<f64>, usize) {
    let x = inputs.f64("x").into_dimensionality::<Ix2>().expect(CHECKED);
    let units = inputs.float("w1").len_of(Axis(0));
    (x, (inputs.number("keep").max(0.0) as usize).min(units))
}

impl Net {
    pub fn of(inputs: &Inputs) -> Net {
        let matrix = |name| {
            inputs
                .f64(name)
                .into_dimensionality::<Ix2>()
                .expect(CHECKED)
        };
        let vector = |name| {
            inputs
                .f64(name)
                .into_dimensionality::<Ix1>()
                .expect(CHECKED)
        };
        Net {
            w1: matrix("w1"),
            b1: vector("b1"),
            w2: matrix("w2"),
            b2: vector("b2"),
        }
    }

    /// The outputs `[b o]` of `x [b d]`.
    pub fn run(&self, x: &Array2<f64>) -> Array2<f64> {
        silu(x.dot(&self.w1.t()) + &self.b1).dot(&self.w2.t()) + &self.b2
    }
}

/// z·σ(z), which is 0 at 0.
pub fn silu(z: Array2<f64>) -> Array2<f64> {
    z.mapv_into(|z| z / (1.0 + (-z).exp()))
}

/// The `keep` units of the largest scores, the best first; of equal ones the first.
pub fn ranked(scores: &Array1<f64>, keep: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    order.truncate(keep);
    order
}

/// Keeps the `keep` hidden units whose rows of `w1 [h d]` have the largest norm, in their old order.
/// Gives the smaller w1 `[m d]`, b1 `[m]`, w2 `[o m]`, and the outputs `[b o]` with them.
///
/// Li et al. 2016, arXiv 1608.08710, for filters.
pub fn reference(inputs: &Inputs, trace: &mut Trace) -> Outputs {
    let (x, keep) = given(inputs);
    let net = Net::of(inputs);
    let (h, d) = net.w1.dim();
    trace.given("b d", x.shape());
    trace.given("h d", net.w1.shape());
    trace.given("o h", net.w2.shape());

    // 1. Score of each hidden unit: ‖w1[i, :]‖₂                                 [h]
    let scores = net.w1.map_axis(Axis(1), |row| row.dot(&row).sqrt());
    trace
        .step("scores", "‖w1[i, :]‖₂", "h d -> h", &scores)
        .note("one for a whole row, not one for each weight");

    // 2. The units that stay, in their old order                                [m]
    let mut kept = ranked(&scores, keep);
    let worst = kept.last().map_or(0.0, |&i| scores[i]);
    kept.sort_unstable();
    let indices: Array1<f64> = kept.iter().map(|&i| i as f64).collect();
    trace
        .step("units", "the m largest scores", "h -> m", &indices)
        .note(format!("the last of them scores {worst:.3}"));

    // 3. Their rows of the first layer                                          [m d]
    let w1 = net.w1.select(Axis(0), &kept);
    trace.step("kept_w1", "w1[kept, :]", "h d -> m d", &w1);

    // 4. Their biases: a bias that stays behind would feed act(b) on            [m]
    let b1 = net.b1.select(Axis(0), &kept);
    trace.step("kept_b1", "b1[kept]", "h -> m", &b1);

    // 5. Their columns of the next layer                                        [o m]
    let w2 = net.w2.select(Axis(1), &kept);
    let (before, after) = (
        net.w1.len() + net.b1.len() + net.w2.len(),
        w1.len() + b1.len() + w2.len(),
    );
    trace
        .step("kept_w2", "w2[:, kept]", "o h -> o m", &w2)
        .note(format!(
            "{before} numbers became {after}: dense matrices, {:.0} % of the FLOP",
            100.0 * kept.len() as f64 / h.max(1) as f64
        ));

    // 6. Hidden activations: silu(x·w1ᵀ + b1)                                   [b m]
    let hidden = silu(x.dot(&w1.t()) + &b1);
    trace.step("hidden", "silu(x·w1ᵀ + b1)", "b d, m d -> b m", &hidden);

    // 7. Outputs: hidden·w2ᵀ + b2                                               [b o]
    let y = hidden.dot(&w2.t()) + &net.b2;
    let dense = net.run(&x);
    let size = |x: &Array2<f64>| x.mapv(|x| x * x).sum().sqrt();
    trace
        .step("y", "hidden·w2ᵀ + b2", "b m, o m -> b o", &y)
        .note(format!(
            "changed by {:.1} % of the dense outputs; {d} inputs and their outputs are as before",
            100.0 * size(&(&y - &dense)) / size(&dense).max(f64::MIN_POSITIVE)
        ));
    vec![w1.into_dyn(), b1.into_dyn(), w2.into_dyn(), y.into_dyn()]
}
