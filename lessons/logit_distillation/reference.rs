//! The truth, step by step in f64.

use crate::ops::{log_softmax, softmax};
use crate::tensor::{Inputs, Outputs};
use crate::trace::Trace;
use ndarray::{Array1, Array2, ArrayD, Axis, Ix1, Ix2, arr0};

/// A target of this value takes no part in either term (PyTorch's default `ignore_index`).
pub const IGNORED: i64 = -100;

/// The exercise's arguments with static ranks.
pub struct Arguments {
    /// `[n c]`
    pub student: Array2<f64>,
    /// `[n c]`
    pub teacher: Array2<f64>,
    /// `[n]`
    pub targets: Array1<i64>,
    pub temperature: f64,
    pub alpha: f64,
    pub beta: f64,
}

const CHECKED: &str = "ranks were checked against the problem's args";

pub fn arguments(inputs: &Inputs) -> Arguments {
    let logits = |name: &str| {
        let logits = inputs.f64(name).into_dimensionality::<Ix2>();
        logits.expect(CHECKED)
    };
    let targets = inputs.int("targets").clone().into_dimensionality::<Ix1>();
    Arguments {
        student: logits("student"),
        teacher: logits("teacher"),
        targets: targets.expect(CHECKED),
        temperature: inputs.number("temperature"),
        alpha: inputs.number("alpha"),
        beta: inputs.number("beta"),
    }
}

/// An operation of the prelude on the classes.
pub fn rows(
    operation: fn(&ArrayD<f64>, usize) -> ArrayD<f64>,
    logits: &Array2<f64>,
) -> Array2<f64> {
    let values = operation(&logits.clone().into_dyn(), 1);
    values.into_dimensionality().expect(CHECKED)
}

/// The loss α·CE + β·T²·KL and its gradient `[n c]` for student and teacher `[n c]`, targets `[n]`
/// (Hinton, Vinyals and Dean 2015, arXiv 1503.02531).
pub fn reference(inputs: &Inputs, trace: &mut Trace) -> Outputs {
    let Arguments {
        student,
        teacher,
        targets,
        temperature: t,
        alpha,
        beta,
    } = arguments(inputs);
    let used = targets.mapv(|y| f64::from(u8::from(y != IGNORED)));
    let count = used.sum().max(1.0);

    // 1. What the teacher believes, softened: p = softmax(z_t / T)                    [n c]
    let log_p = rows(log_softmax, &(&teacher / t));
    let p = rows(softmax, &(&teacher / t));
    let plogp = ndarray::Zip::from(&p)
        .and(&log_p)
        .map_collect(|&p, &log_p| if p > 0.0 { p * log_p } else { 0.0 });
    let entropy = -plogp.sum() / p.nrows() as f64;
    trace
        .step("p_teacher", "softmax(z_t/T)", "n c -> n c", &p)
        .note(format!(
            "mean entropy {entropy:.3} of at most {:.3}",
            (p.ncols() as f64).ln()
        ));

    // 2. What the student believes, at the same temperature: ln q = log_softmax(z_s / T)   [n c]
    let log_q = rows(log_softmax, &(&student / t));
    trace.step("log_q_student", "log_softmax(z_s/T)", "n c -> n c", &log_q);

    // 3. How far the student is from the teacher: KL_i = Σ_k p·(ln p − ln q)              [n]
    let cross = ndarray::Zip::from(&p)
        .and(&log_q)
        .map_collect(|&p, &log_q| if p > 0.0 { p * log_q } else { 0.0 });
    let kl = (&plogp - &cross).sum_axis(Axis(1));
    trace
        .step("kl", "Σ_k p·(ln p − ln q)", "n c, n c -> n", &kl)
        .note("0 where p = q, never below");

    // 4. The hard term, at temperature 1: ℓ_i = −log_softmax(z_s)[i, y_i]                 [n]
    let log_hard = rows(log_softmax, &student);
    let nll = Array1::from_shape_fn(targets.len(), |i| match targets[i] {
        IGNORED => 0.0,
        y => -log_hard[[i, y as usize]],
    });
    trace.step("nll", "−log_softmax(z_s)[y_i]", "n c -> n", &nll);

    // 5. Means over the rows that take part: L = α·CE + β·T²·KL                            []
    let soft = (&used * &kl).sum() / count;
    let hard = nll.sum() / count;
    let loss = arr0(alpha * hard + beta * t * t * soft);
    trace
        .step("loss", "α·mean(nll) + β·T²·mean(kl)", "n, n -> ", &loss)
        .note(format!(
            "CE {hard:.4}, KL {soft:.4}, T²·KL {:.4}; {} of {} rows ignored",
            t * t * soft,
            used.iter().filter(|used| **used == 0.0).count(),
            used.len()
        ));

    // 6. Gradient of the soft term: T²·(1/T)·(q − p) = T·(q − p)                           [n c]
    let weight = used.insert_axis(Axis(1)) / count;
    let soft = (log_q.mapv(f64::exp) - &p) * &weight * (beta * t);
    let norm = |m: &Array2<f64>| m.mapv(|g| g * g).sum().sqrt();
    trace
        .step("soft_grad", "β·T·(q − p)/N", "n c, n c -> n c", &soft)
        .note(format!(
            "norm {:.4}; without T² {:.4}",
            norm(&soft),
            norm(&soft) / (t * t)
        ));

    // 7. Gradient of the hard term: softmax(z_s) − onehot(y)                               [n c]
    let mut hard = log_hard.mapv(f64::exp);
    for (mut row, &y) in hard.rows_mut().into_iter().zip(&targets) {
        if y != IGNORED {
            row[y as usize] -= 1.0;
        }
    }
    let hard = hard * &weight * alpha;
    trace
        .step("hard_grad", "α·(softmax(z_s) − 1_y)/N", "n c -> n c", &hard)
        .note(format!("norm {:.4}", norm(&hard)));

    // 8. Both                                                                             [n c]
    let grad = soft + hard;
    trace
        .step("grad", "soft_grad + hard_grad", "n c, n c -> n c", &grad)
        .note("each row sums to 0");
    vec![loss.into_dyn(), grad.into_dyn()]
}
