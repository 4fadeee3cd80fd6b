//! The truth, step by step in f64.

use crate::ops::einsum;
use crate::tensor::{Inputs, Outputs};
use crate::trace::Trace;
use ndarray::{Array1, Array2, Array3, Axis, Ix1, Ix2, Ix3, arr0};

/// The exercise's arguments with static ranks.
pub struct Arguments {
    /// `[l n p]`: the embeddings and the student's layers.
    pub student: Array3<f64>,
    /// `[m n q]`: the embeddings and the teacher's layers.
    pub teacher: Array3<f64>,
    /// `[p q]`
    pub projection: Array2<f64>,
    /// `[n]`: 1 for a token, 0 for padding.
    pub mask: Array1<f64>,
}

const CHECKED: &str = "ranks were checked against the problem's args";

pub fn arguments(inputs: &Inputs) -> Arguments {
    let states = |name: &str| {
        let states = inputs.f64(name).into_dimensionality::<Ix3>();
        states.expect(CHECKED)
    };
    let projection = inputs.f64("projection").into_dimensionality::<Ix2>();
    let mask = inputs.int("mask").mapv(|counts| counts as f64);
    Arguments {
        student: states("student"),
        teacher: states("teacher"),
        projection: projection.expect(CHECKED),
        mask: mask.into_dimensionality::<Ix1>().expect(CHECKED),
    }
}

/// The teacher's layer for each of the student's `l`, of `m`: ⌊i·(m − 1)/(l − 1)⌋, embeddings to
/// embeddings and the last to the last.
pub fn layer_map(l: usize, m: usize) -> Vec<usize> {
    let of = |i: usize| (i * (m - 1)).checked_div(l - 1).unwrap_or(0);
    (0..l).map(of).collect()
}

/// Σ_l MSE(H_s·W, H_t) and its gradient for W `[p q]`, of student states `[l n p]` and teacher states
/// `[m n q]` over the tokens of the mask `[n]` (Jiao et al. 2019, arXiv 1909.10351).
pub fn reference(inputs: &Inputs, trace: &mut Trace) -> Outputs {
    let Arguments {
        student,
        teacher,
        projection,
        mask,
    } = arguments(inputs);
    let (l, n, _) = student.dim();
    let (m, _, q) = teacher.dim();

    // 1. Which of the teacher's layers each of the student's learns: g(i) = ⌊i·L_t/L_s⌋     [l]
    let map = layer_map(l, m);
    let pairs: Vec<String> = map
        .iter()
        .enumerate()
        .map(|(i, g)| format!("{i}→{g}"))
        .collect();
    trace
        .step(
            "layer_map",
            "⌊i·(m − 1)/(l − 1)⌋",
            "l",
            &map.iter().map(|&g| g as f64).collect::<Array1<f64>>(),
        )
        .note(format!("{}; 0 are the embeddings", pairs.join(" ")));

    // 2. The teacher's states of these layers                                          [l n q]
    let target = teacher.select(Axis(0), &map);
    trace.step("target", "H_t[g(i)]", "m n q -> l n q", &target);

    // 3. The student's states in the teacher's space: H_s·W                            [l n q]
    let student = student.into_dyn();
    let projected = einsum("l n p, p q -> l n q", &[&student, &projection.into_dyn()]);
    trace
        .step("projected", "H_s·W", "l n p, p q -> l n q", &projected)
        .note("one W for all layers; not needed after training");

    // 4. What is missing, 0 at padding: D = mask·(H_s·W − H_t)                          [l n q]
    let column = mask.clone().insert_axis(Axis(1));
    let difference = (&projected - &target) * &column;
    trace
        .step(
            "difference",
            "mask·(H_s·W − H_t)",
            "l n q, l n q -> l n q",
            &difference,
        )
        .note(format!(
            "{} of {n} tokens are padding",
            n as f64 - mask.sum()
        ));

    // 5. Mean square of each layer, over its tokens and dimensions                      [l]
    let count = (mask.sum() * q as f64).max(1.0);
    let squares = difference.mapv(|d| d * d);
    let mse = squares.sum_axis(Axis(2)).sum_axis(Axis(1)) / count;
    let power = (target.mapv(|t| t * t) * &column)
        .sum_axis(Axis(2))
        .sum_axis(Axis(1))
        / count;
    let worst = mse.iter().zip(&power).map(|(e, p)| e / p.max(1e-300));
    let worst: Vec<String> = worst.map(|share| format!("{share:.2}")).collect();
    trace
        .step("mse", "Σ_n,q D²/(N·q)", "l n q -> l", &mse)
        .note(format!(
            "in units of the teacher's mean square: {}",
            worst.join(" ")
        ));

    // 6. The loss: the sum over the layers                                              []
    let loss = arr0(mse.sum());
    trace.step("loss", "Σ_l mse", "l -> ", &loss);

    // 7. Gradient for the projection: 2/(N·q)·Σ_l H_sᵀ·D                                [p q]
    let gradient = einsum("l n p, l n q -> p q", &[&student, &difference]) * (2.0 / count);
    trace
        .step(
            "grad_projection",
            "2/(N·q)·Σ_l H_sᵀ·D",
            "l n p, l n q -> p q",
            &gradient,
        )
        .note("the teacher gets none");
    vec![loss.into_dyn(), gradient]
}
