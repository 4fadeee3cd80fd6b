//! What must hold for every right pruning.

use super::PROBLEM;
use crate::problem::{Deviation, Law, Run};
use crate::tensor::{Inputs, Outputs, Value};
use crate::text::Text;
use ndarray::{Axis, Slice};

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
        "sparsity",
        [
            "in every layer the number of zeros in the mask is within one of sparsity·n·k",
            "每层掩码中零的个数与 sparsity·n·k 相差不到 1",
        ],
        &[
            "ordinary", "ragged", "sparse", "uneven", "ties", "zeros", "none", "all",
        ],
        sparsity,
    ),
    law(
        "idempotent",
        [
            "pruning the pruned weights gives the same mask",
            "对剪枝后的权重再剪一次，掩码不变",
        ],
        &["ordinary", "ragged", "sparse", "zeros"],
        idempotent,
    ),
    law(
        "pruned-stays-zero",
        [
            "after the step every pruned weight is still exactly 0",
            "更新一步之后，被剪的权重仍然恰好为 0",
        ],
        &["ordinary", "ragged", "sparse", "ties", "all"],
        stays_zero,
    ),
    law(
        "sign-flip",
        [
            "turning the sign of everything leaves the mask and turns the sign of the weights",
            "所有输入变号：掩码不变，权重变号",
        ],
        &["ordinary", "ragged", "sparse"],
        sign_flip,
    ),
    law(
        "layers-alone",
        [
            "a layer is pruned alone as it is among the others",
            "单独剪某一层，与和其他层一起剪结果相同",
        ],
        &["ordinary", "ragged", "sparse"],
        layers_alone,
    ),
];

fn tol(inputs: &Inputs) -> f64 {
    2.0 * (PROBLEM.tolerance)(inputs).value
}

fn with_all(
    inputs: &Inputs,
    change: impl Fn(&crate::tensor::Tensor) -> crate::tensor::Tensor,
) -> Inputs {
    let mut changed = inputs.clone();
    for name in ["w", "velocity", "grad"] {
        changed.set(name, Value::Float(change(inputs.float(name))));
    }
    changed
}

fn sparsity(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let outputs = run(inputs);
    let mut err = 0.0;
    for layer in outputs[0].axis_iter(Axis(0)) {
        let zeros = layer.len() as f64 - layer.sum();
        let gap = (zeros - inputs.number("sparsity") * layer.len() as f64).abs();
        // NaN is the worst.
        err = if gap <= err { err } else { gap };
    }
    Deviation { err, tol: 0.999 }
}

fn idempotent(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let first = run(inputs);
    let pruned = first[1].mapv(|w| w as f32);
    let again = run(&inputs.clone().with("w", Value::Float(pruned)));
    let masks = |outputs: Outputs| -> Outputs { outputs.into_iter().take(1).collect() };
    Deviation::between(&masks(again), &masks(first), 0.0)
}

fn stays_zero(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let outputs = run(inputs);
    let gone = outputs[2]
        .iter()
        .zip(&outputs[0])
        .filter(|(_, mask)| **mask == 0.0);
    let largest = |err: f64, x: f64| if x.abs() <= err { err } else { x.abs() };
    Deviation {
        err: gone.fold(0.0, |err, (x, _)| largest(err, *x)),
        tol: 0.0,
    }
}

fn sign_flip(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let plain = run(inputs);
    let mut flipped = run(&with_all(inputs, |x| -x));
    flipped[1..].iter_mut().for_each(|x| x.mapv_inplace(|x| -x));
    Deviation::between(&flipped, &plain, tol(inputs))
}

fn layers_alone(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let together = run(inputs);
    let last = inputs.float("w").len_of(Axis(0)) - 1;
    let only = Slice::from(last..=last);
    let alone = run(&with_all(inputs, |x| {
        x.slice_axis(Axis(0), only)
            .as_standard_layout()
            .into_owned()
    }));
    let want = together
        .iter()
        .map(|x| x.slice_axis(Axis(0), only).to_owned());
    Deviation::between(&alone, &want.collect(), tol(inputs))
}
