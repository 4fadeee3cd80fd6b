//! What must hold for every right implementation.

use super::problem::tolerance;
use super::variants::weights;
use crate::ops::einsum;
use crate::problem::{Deviation, Law};
use crate::tensor::{Inputs, Tensor, Value};
use crate::text::Text;
use ndarray::{ArrayD, Axis};

pub const LAWS: &[Law] = &[
    Law {
        id: "scale-before-or-after",
        sentence: Text::new(
            "y is x times the weights that its own codes and scales stand for",
            "y 等于 x 乘以自己的码和 scale 所还原的权重",
        ),
        except: &[],
        kinds: &["ordinary", "decode", "outliers"],
        check: |inputs, run| {
            let outputs = run(inputs);
            let want = einsum("m k, n k -> m n", &[&inputs.f64("x"), &weights(&outputs)]);
            between(&outputs[0], &want, 2.0 * tolerance(inputs).value)
        },
    },
    Law {
        id: "half-a-step",
        sentence: Text::new(
            "no weight moves by more than half of its row's step",
            "任何权重的误差都不超过所在行的半步",
        ),
        except: &[],
        kinds: &["ordinary", "square", "zero-row"],
        check: |inputs, run| {
            let outputs = run(inputs);
            let gap = (weights(&outputs) - inputs.f64("w")).mapv(f64::abs);
            let excess = gap - &(&outputs[2].clone().insert_axis(Axis(1)) / 2.0);
            worst(&excess, tolerance(inputs).value)
        },
    },
    Law {
        id: "linear-in-x",
        sentence: Text::new(
            "the sum of two activations gives the sum of their results: activations are not rounded",
            "两份激活之和的结果等于各自结果之和：激活没有被取整",
        ),
        except: &[],
        kinds: &["ordinary", "outliers"],
        check: |inputs, run| {
            // Sums of f16 numbers of these sizes are exact in f32.
            let x = inputs.float("x");
            let backwards: Vec<usize> = (0..x.shape()[0]).rev().collect();
            let turned = x.select(Axis(0), &backwards);
            let sum = with(inputs, "x", x + &turned);
            let y = run(inputs)[0].clone();
            let want = &y + &y.select(Axis(0), &backwards);
            let tol = 2.0 * tolerance(inputs).value + tolerance(&sum).value;
            between(&run(&sum)[0], &want, tol)
        },
    },
    Law {
        id: "rows-alone",
        sentence: Text::new(
            "an output's codes and scale do not depend on the other outputs",
            "某个输出的码和 scale 与其他输出无关",
        ),
        except: &[],
        kinds: &["ordinary", "square"],
        check: |inputs, run| {
            let first = with(inputs, "w", inputs.float("w").select(Axis(0), &[1]));
            let all = run(inputs);
            let want = vec![
                all[0].select(Axis(1), &[1]),
                all[1].select(Axis(0), &[1]),
                all[2].select(Axis(0), &[1]),
            ];
            Deviation::between(&run(&first), &want, 2.0 * tolerance(inputs).value)
        },
    },
    Law {
        id: "twice-the-weights",
        sentence: Text::new(
            "with w doubled the codes stay and the scales double",
            "w 翻倍，码不变，scale 翻倍",
        ),
        except: &[],
        kinds: &["ordinary", "decode"],
        check: |inputs, run| {
            let doubled = with(inputs, "w", inputs.float("w") * 2.0);
            let mut once = run(inputs);
            once[0] *= 2.0;
            once[2] *= 2.0;
            let tol = 2.0 * tolerance(inputs).value + tolerance(&doubled).value;
            Deviation::between(&once, &run(&doubled), tol)
        },
    },
];

fn with(inputs: &Inputs, name: &'static str, value: Tensor) -> Inputs {
    inputs.clone().with(name, Value::Float(value))
}

fn between(a: &ArrayD<f64>, b: &ArrayD<f64>, tol: f64) -> Deviation {
    Deviation::between(&vec![a.clone()], &vec![b.clone()], tol)
}

/// The largest of these, which should not be above `tol`; NaN where one is NaN.
fn worst(values: &ArrayD<f64>, tol: f64) -> Deviation {
    let larger = |a: f64, b: &f64| {
        if a.is_nan() || b.is_nan() {
            f64::NAN
        } else {
            a.max(*b)
        }
    };
    let err = values.iter().fold(0.0, larger);
    Deviation { err, tol }
}
