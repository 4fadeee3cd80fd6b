//! What must hold for every right saliency.

use super::PROBLEM;
use super::reference::{loss, matrix};
use crate::problem::{Deviation, Law, Run};
use crate::tensor::{Inputs, Outputs, Value};
use crate::text::Text;
use ndarray::{Array2, ArrayD, Axis, Ix2};

const fn law(
    id: &'static str,
    sentence: [&'static str; 2],
    kinds: &'static [&'static str],
    check: fn(&Inputs, Run<'_>) -> Deviation,
) -> Law {
    Law {
        id,
        sentence: Text::new(sentence[0], sentence[1]),
        except: &[],
        kinds,
        check,
    }
}

pub const LAWS: &[Law] = &[
    law(
        "obs-below-obd",
        [
            "OBS is nowhere above OBD: adjusting the others can only help",
            "OBS 处处不大于 OBD：允许其余权重调整只会更好",
        ],
        &["ordinary", "wide", "strong", "loud"],
        below,
    ),
    law(
        "equal-when-white",
        [
            "uncorrelated inputs: OBS equals OBD, and removal changes nothing else",
            "输入不相关时：OBS 等于 OBD，删除不影响其余权重",
        ],
        &["white"],
        equal_when_white,
    ),
    law(
        "stationary",
        [
            "what is kept is the best there is: H·(pruned − w) is 0 on every kept weight",
            "保留的权重已是最优：H·(pruned − w) 在每个保留位置上为 0",
        ],
        &["ordinary", "wide", "few", "strong", "dead"],
        stationary,
    ),
    law(
        "no-worse",
        [
            "the loss is no more than without adjusting the others",
            "损失不高于不做补偿时的损失",
        ],
        &["ordinary", "wide", "few", "strong"],
        no_worse,
    ),
    law(
        "order-of-inputs",
        [
            "renumbering the inputs renumbers the answer: the order of removal does not matter",
            "给输入重新编号，结果随之重排：删除的先后顺序无关",
        ],
        &["ordinary", "wide", "few"],
        order_of_inputs,
    ),
];

fn tol(inputs: &Inputs) -> f64 {
    2.0 * (PROBLEM.tolerance)(inputs).value
}

fn two(x: &ArrayD<f64>) -> Array2<f64> {
    let fixed = x.clone().into_dimensionality::<Ix2>();
    fixed.unwrap_or_else(|_| Array2::from_elem((1, 1), f64::NAN))
}

fn damped(inputs: &Inputs) -> Array2<f64> {
    let x = matrix(inputs, "x");
    let mut h = x.t().dot(&x) * (2.0 / x.nrows() as f64);
    let mean = h.diag().sum() / h.nrows() as f64;
    h += &(Array2::<f64>::eye(h.nrows()) * (mean * inputs.number("percdamp")));
    h
}

/// The largest value; NaN wins.
fn largest(values: impl IntoIterator<Item = f64>) -> f64 {
    let worse = |err: f64, x: f64| if x <= err { err } else { x };
    values.into_iter().fold(0.0, worse)
}

fn below(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let outputs = run(inputs);
    let over = outputs[2]
        .iter()
        .zip(&outputs[1])
        .map(|(obs, obd)| obs - obd);
    // Scores may be sums over tokens; their errors are relative to the largest.
    let scale = largest(outputs[1].iter().copied());
    let truth = largest(run_of(inputs)[1].iter().copied());
    Deviation {
        err: largest(over) * truth / scale.max(f64::MIN_POSITIVE),
        tol: tol(inputs),
    }
}

fn run_of(inputs: &Inputs) -> Outputs {
    (PROBLEM.variant)(inputs, &Default::default())
}

fn equal_when_white(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let outputs = run(inputs);
    let simply = (inputs.f64("w") * inputs.f64("mask")).into_dyn();
    let (got, want): (Outputs, Outputs) = (
        vec![outputs[2].clone(), outputs[3].clone()],
        vec![outputs[1].clone(), simply],
    );
    let t = inputs.float("x").len_of(Axis(0)) as f64;
    Deviation::between(&got, &want, t * tol(inputs))
}

fn stationary(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let pruned = two(&run(inputs)[3]);
    let (w, mask, h) = (matrix(inputs, "w"), matrix(inputs, "mask"), damped(inputs));
    let slope = (&pruned - &w).dot(&h) * &mask;
    Deviation {
        err: largest(slope.iter().map(|x| x.abs())),
        tol: h.nrows() as f64 * largest(h.iter().copied()) * tol(inputs),
    }
}

fn no_worse(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let pruned = two(&run(inputs)[3]);
    let (w, mask, h) = (matrix(inputs, "w"), matrix(inputs, "mask"), damped(inputs));
    let (ours, plain) = (loss(&pruned, &w, &h), loss(&(&w * &mask), &w, &h));
    Deviation {
        err: if ours <= plain {
            0.0
        } else {
            ours / plain - 1.0
        },
        tol: 1e-4,
    }
}

fn order_of_inputs(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let plain = run(inputs);
    let k = inputs.float("w").len_of(Axis(1));
    let backwards: Vec<usize> = (0..k).rev().collect();
    let mut turned = inputs.clone();
    for name in ["w", "grad", "x", "mask"] {
        let x = inputs.float(name).select(Axis(1), &backwards);
        turned.set(name, Value::Float(x.as_standard_layout().into_owned()));
    }
    let back = run(&turned);
    let back = back.iter().map(|x| match x.ndim() {
        2 if x.len_of(Axis(1)) == k => x.select(Axis(1), &backwards),
        _ => x.clone(),
    });
    // Two runs, and scores that may be sums over tokens.
    let t = inputs.float("x").len_of(Axis(0)) as f64;
    Deviation::between(&back.collect(), &plain, t * tol(inputs))
}
