//! What must hold for every right implementation.

use super::problem::tolerance;
use crate::problem::{Deviation, Law, Run};
use crate::tensor::{Inputs, Outputs, Tensor, Value};
use crate::text::Text;
use ndarray::{Axis, arr0};

pub const LAWS: &[Law] = &[
    Law {
        id: "no-loss-for-a-copy",
        sentence: Text::new(
            "a student with the teacher's logits has no soft loss and no soft gradient",
            "学生与教师 logits 相同时，软目标损失和梯度都为 0",
        ),
        except: &["soft-cross-entropy"],
        kinds: &["ordinary", "hot"],
        check: |inputs, run| {
            let copy = inputs
                .clone()
                .with("student", inputs.get("teacher").clone())
                .with("alpha", Value::Number(0.0));
            let got = run(&copy);
            let want = vec![
                arr0(0.0).into_dyn(),
                ndarray::ArrayD::zeros(inputs.float("student").raw_dim()),
            ];
            Deviation::between(&got, &want, tolerance(&copy).value)
        },
    },
    Law {
        id: "shift-of-logits",
        sentence: Text::new(
            "adding a constant to all logits of a row, of either model, changes nothing",
            "给任一模型同一行的 logits 加同一个常数，结果不变",
        ),
        except: &[],
        kinds: &["ordinary", "offset", "ignored"],
        check: |inputs, run| {
            let shifted = |name: &str, by: f32| {
                let mut logits = inputs.float(name).clone();
                for (i, mut row) in logits.outer_iter_mut().enumerate() {
                    row += by * (i as f32 + 1.0);
                }
                Value::Float(logits)
            };
            let changed = inputs
                .clone()
                .with("student", shifted("student", 8.0))
                .with("teacher", shifted("teacher", -4.0));
            let tol = tolerance(inputs).value + tolerance(&changed).value;
            let first = run(inputs);
            Deviation::between(&first, &run(&changed), tol)
        },
    },
    Law {
        id: "gradient-rows-sum-to-zero",
        sentence: Text::new("each row of the gradient sums to 0", "梯度每行之和为 0"),
        except: &[],
        kinds: &["ordinary", "hot", "ignored"],
        check: |inputs, run| {
            let sums = run(inputs)[1].sum_axis(Axis(1));
            let zeros = vec![ndarray::ArrayD::zeros(sums.raw_dim())];
            let c = inputs.float("student").shape()[1] as f64;
            Deviation::between(&vec![sums], &zeros, c * tolerance(inputs).value)
        },
    },
    Law {
        id: "gradient-of-the-loss",
        sentence: Text::new(
            "the gradient says how the loss changes when the student's logits move a little",
            "梯度要与学生 logits 微小变动时损失的变化一致",
        ),
        except: &[],
        kinds: &["ordinary", "hot", "hard-only"],
        check: gradient_of_the_loss,
    },
    Law {
        id: "ignored-rows",
        sentence: Text::new(
            "the logits of a row with target −100 do not matter",
            "标签为 −100 的行，其 logits 不影响结果",
        ),
        except: &[],
        kinds: &["ignored"],
        check: |inputs, run| {
            let mut changed = inputs.clone();
            for name in ["student", "teacher"] {
                let mut logits: Tensor = inputs.float(name).clone();
                let rows = logits.outer_iter_mut().zip(inputs.int("targets"));
                for (mut row, _) in rows.filter(|(_, y)| **y == super::reference::IGNORED) {
                    row.mapv_inplace(|z| -2.0 * z + 1.0);
                }
                changed.set(name, Value::Float(logits));
            }
            let tol = 2.0 * tolerance(inputs).value;
            let first = run(inputs);
            Deviation::between(&first, &run(&changed), tol)
        },
    },
];

/// A step of 1/64 in both directions against the gradient; what is left of the third derivative is
/// below h²·(α + β·T²/T³)/6 for a direction of entries ±1 and probabilities up to 1.
fn gradient_of_the_loss(inputs: &Inputs, run: Run<'_>) -> Deviation {
    const H: f32 = 1.0 / 64.0;
    let student = inputs.float("student");
    let sign = |i: usize| {
        if ((3 * i) % 7).is_multiple_of(2) {
            1.0
        } else {
            -1.0
        }
    };
    let mut turn = 0;
    let direction = student.mapv(|_| {
        turn += 1;
        sign(turn)
    });
    let moved = |by: f32| {
        let moved = student + &(&direction * by);
        inputs.clone().with("student", Value::Float(moved))
    };
    let grad: Outputs = run(inputs);
    let slope: f64 = grad[1]
        .iter()
        .zip(&direction)
        .map(|(g, d)| g * f64::from(*d))
        .sum();
    let (up, down) = (run(&moved(H))[0].sum(), run(&moved(-H))[0].sum());
    let h = f64::from(H);
    let (alpha, beta) = (inputs.number("alpha"), inputs.number("beta"));
    // The third central moment of ±1 is below 1.
    let bend = h * h / 6.0 * (alpha + beta / inputs.number("temperature"));
    let rounding = tolerance(inputs).value / h + grad[1].len() as f64 * tolerance(inputs).value;
    Deviation {
        err: ((up - down) / (2.0 * h) - slope).abs(),
        tol: bend + rounding,
    }
}
