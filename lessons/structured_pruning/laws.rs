//! What must hold for every right structured pruning.

use super::PROBLEM;
use super::reference::{Net, given};
use crate::problem::{Deviation, Law, Run};
use crate::tensor::{Inputs, Outputs, Value};
use crate::text::Text;
use ndarray::{ArrayD, Axis, Ix1, Ix2};

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
        "it-is-a-network",
        [
            "the outputs are those of the smaller network that is given back",
            "输出正是返回的那个小网络的输出",
        ],
        &["ordinary", "wide", "one-left", "large-bias"],
        is_a_network,
    ),
    law(
        "zero-units-are-free",
        [
            "removing units whose rows and biases are 0 leaves the outputs as they were",
            "删掉行与偏置全为 0 的单元，输出不变",
        ],
        &["ordinary", "wide", "large-bias"],
        zero_units,
    ),
    law(
        "order-of-units",
        [
            "renumbering the hidden units changes no output",
            "给隐藏单元重新编号，输出不变",
        ],
        &["ordinary", "wide", "large-bias"],
        order_of_units,
    ),
];

fn tol(inputs: &Inputs) -> f64 {
    2.0 * (PROBLEM.tolerance)(inputs).value
}

fn last(outputs: Outputs) -> Outputs {
    outputs.into_iter().skip(3).collect()
}

fn is_a_network(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let outputs = run(inputs);
    let matrix = |x: &ArrayD<f64>| x.clone().into_dimensionality::<Ix2>();
    let parts = (
        matrix(&outputs[0]),
        outputs[1].clone().into_dimensionality::<Ix1>(),
        matrix(&outputs[2]),
    );
    let (Ok(w1), Ok(b1), Ok(w2)) = parts else {
        return Deviation {
            err: f64::NAN,
            tol: 0.0,
        };
    };
    let small = Net {
        w1,
        b1,
        w2,
        b2: Net::of(inputs).b2,
    };
    let want = small.run(&given(inputs).0).into_dyn();
    Deviation::between(&last(outputs), &vec![want], tol(inputs))
}

fn zero_units(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let (x, keep) = given(inputs);
    let mut emptied = inputs.clone();
    for name in ["w1", "b1"] {
        let mut part = inputs.float(name).clone();
        // Those in front: whoever takes the first m columns gets them.
        let gone = part.len_of(Axis(0)) - keep;
        part.slice_axis_mut(Axis(0), (..gone).into()).fill(0.0);
        emptied.set(name, Value::Float(part));
    }
    let dense = Net::of(&emptied).run(&x).into_dyn();
    Deviation::between(&last(run(&emptied)), &vec![dense], tol(inputs))
}

fn order_of_units(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let h = inputs.float("b1").len();
    let backwards: Vec<usize> = (0..h).rev().collect();
    let mut turned = inputs.clone();
    for (name, axis) in [("w1", 0), ("b1", 0), ("w2", 1)] {
        let part = inputs.float(name).select(Axis(axis), &backwards);
        turned.set(name, Value::Float(part.as_standard_layout().into_owned()));
    }
    Deviation::between(&last(run(&turned)), &last(run(inputs)), tol(inputs))
}
