//! What must hold for every right implementation.

use super::problem::tolerance;
use super::reference::layer_map;
use crate::ops::einsum;
use crate::problem::{Deviation, Law, Run};
use crate::tensor::{Inputs, Tensor, Value};
use crate::text::Text;
use ndarray::Axis;

pub const LAWS: &[Law] = &[
    Law {
        id: "nothing-to-learn",
        sentence: Text::new(
            "a teacher whose mapped layers are the projected student gives loss 0 and gradient 0",
            "教师对应层恰为投影后的学生时，损失与梯度都为 0",
        ),
        except: &[],
        kinds: &["ordinary", "padded"],
        check: nothing_to_learn,
    },
    Law {
        id: "padding",
        sentence: Text::new(
            "what stands at padding does not matter",
            "填充位置上是什么都不影响结果",
        ),
        except: &[],
        kinds: &["padded"],
        check: |inputs, run| {
            let mut changed = inputs.clone();
            for name in ["student", "teacher"] {
                let mut states: Tensor = inputs.float(name).clone();
                let tokens = states.axis_iter_mut(Axis(1)).zip(inputs.int("mask"));
                for (mut token, _) in tokens.filter(|(_, counts)| **counts == 0) {
                    token.mapv_inplace(|x| 1.0 - x);
                }
                changed.set(name, Value::Float(states));
            }
            same(inputs, &changed, run)
        },
    },
    Law {
        id: "names-of-dimensions",
        sentence: Text::new(
            "numbering the student's dimensions anew, in the states and in W, permutes the gradient's rows and changes nothing else",
            "学生维度重新编号（隐藏态与 W 一起换），只会重排梯度的行",
        ),
        except: &[],
        kinds: &["ordinary", "padded"],
        check: |inputs, run| {
            let p = inputs.float("projection").shape()[0];
            let backwards: Vec<usize> = (0..p).rev().collect();
            let changed = inputs
                .clone()
                .with(
                    "student",
                    Value::Float(inputs.float("student").select(Axis(2), &backwards)),
                )
                .with(
                    "projection",
                    Value::Float(inputs.float("projection").select(Axis(0), &backwards)),
                );
            let mut want = run(inputs);
            want[1] = want[1].select(Axis(0), &backwards);
            Deviation::between(&run(&changed), &want, 2.0 * tolerance(inputs).value)
        },
    },
    Law {
        id: "gradient-of-the-loss",
        sentence: Text::new(
            "the gradient says how the loss changes when W moves",
            "梯度要与 W 变动时损失的变化一致",
        ),
        except: &[],
        kinds: &["ordinary", "padded"],
        check: gradient_of_the_loss,
    },
];

fn nothing_to_learn(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let (student, projection) = (inputs.float("student"), inputs.float("projection"));
    let projected = einsum("l n p, p q -> l n q", &[student, projection]);
    let mut teacher = inputs.float("teacher").clone();
    let map = layer_map(student.shape()[0], teacher.shape()[0]);
    for (layer, of) in map.into_iter().enumerate() {
        teacher
            .index_axis_mut(Axis(0), of)
            .assign(&projected.index_axis(Axis(0), layer));
    }
    let changed = inputs.clone().with("teacher", Value::Float(teacher));
    let got = run(&changed);
    let zeros = got.iter().map(|x| x * 0.0).collect();
    Deviation::between(&got, &zeros, tolerance(&changed).value)
}

/// The loss is a square of W, so that a difference in both directions is exact.
fn gradient_of_the_loss(inputs: &Inputs, run: Run<'_>) -> Deviation {
    const H: f32 = 0.25;
    let projection = inputs.float("projection");
    let mut turn = 0;
    let direction = projection.mapv(|_| {
        turn += 1;
        if turn % 3 == 0 { -1.0 } else { 1.0 }
    });
    let moved = |by: f32| {
        let moved = projection + &(&direction * by);
        inputs.clone().with("projection", Value::Float(moved))
    };
    let grad = run(inputs).swap_remove(1);
    let slope: f64 = grad
        .iter()
        .zip(&direction)
        .map(|(g, d)| g * f64::from(*d))
        .sum();
    let (up, down) = (moved(H), moved(-H));
    let rise = run(&up)[0].sum() - run(&down)[0].sum();
    let rounding = (tolerance(&up).value + tolerance(&down).value) / f64::from(2.0 * H);
    Deviation {
        err: (rise / f64::from(2.0 * H) - slope).abs(),
        tol: rounding + grad.len() as f64 * tolerance(inputs).value,
    }
}

/// The function's answers on both inputs; each may be off by its own tolerance.
fn same(before: &Inputs, after: &Inputs, run: Run<'_>) -> Deviation {
    let tol = tolerance(before).value + tolerance(after).value;
    let first = run(before);
    Deviation::between(&first, &run(after), tol)
}
