//! What holds for every right cross-attention.

use crate::problem::{Deviation, Law, Run};
use crate::tensor::{Inputs, Labels, Tensor, Value};
use crate::text::Text;
use ndarray::{Axis, Slice};

const ALL: &[&str] = &["ordinary", "other-width", "short-sources", "ragged"];

pub const LAWS: &[Law] = &[
    Law {
        id: "order-of-the-source",
        sentence: Text::new(
            "permuting the source tokens, with their mask, changes nothing",
            "源 token 连同掩码一起打乱，输出不变",
        ),
        except: &[],
        kinds: ALL,
        check: order_of_the_source,
    },
    Law {
        id: "padding",
        sentence: Text::new(
            "what stands in the padding of the source changes nothing",
            "源序列的 padding 是什么都不影响输出",
        ),
        except: &[],
        kinds: ALL,
        check: padding,
    },
    Law {
        id: "targets-apart",
        sentence: Text::new(
            "a target token changes its own output only",
            "每个目标 token 只影响自己的输出",
        ),
        except: &[],
        kinds: ALL,
        check: targets_apart,
    },
    Law {
        id: "batch",
        sentence: Text::new(
            "a sequence's output does not depend on the others in the batch",
            "某条序列的输出与批内其他序列无关",
        ),
        except: &[],
        kinds: ALL,
        check: batch,
    },
];

/// Twice the tolerance of these inputs: two runs are compared.
fn tol(inputs: &Inputs) -> f64 {
    2.0 * (super::PROBLEM.tolerance)(inputs).value
}

fn float(array: Tensor) -> Value {
    Value::Float(array)
}

fn order_of_the_source(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let m = inputs.float("memory").shape()[1];
    let order: Vec<usize> = (0..m).map(|j| (m - 1 - j + m / 2) % m).collect();
    let memory = inputs.float("memory").select(Axis(1), &order);
    let mask: Labels = inputs.int("memory_mask").select(Axis(1), &order);
    let changed = inputs
        .clone()
        .with("memory", float(memory))
        .with("memory_mask", Value::Int(mask));
    Deviation::between(&run(inputs), &run(&changed), tol(inputs))
}

fn padding(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let mask = inputs.int("memory_mask");
    let mut memory = inputs.float("memory").clone();
    for (at, x) in memory.indexed_iter_mut() {
        if mask[[at[0], at[1]]] == 0 {
            *x = 3.0 - 2.0 * *x;
        }
    }
    let changed = inputs.clone().with("memory", float(memory));
    let tol = tol(inputs).max(tol(&changed));
    Deviation::between(&run(inputs), &run(&changed), tol)
}

fn targets_apart(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let mut x = inputs.float("x").clone();
    x.index_axis_mut(Axis(1), 0).mapv_inplace(|x| 1.0 - 2.0 * x);
    let changed = inputs.clone().with("x", float(x));
    let but_first = |outputs: Vec<ndarray::ArrayD<f64>>| {
        vec![outputs[0].slice_axis(Axis(1), Slice::from(1..)).to_owned()]
    };
    let tol = tol(inputs).max(tol(&changed));
    Deviation::between(&but_first(run(inputs)), &but_first(run(&changed)), tol)
}

fn batch(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let last = Slice::from(inputs.float("x").shape()[0] - 1..);
    let only = |name: &str| float(inputs.float(name).slice_axis(Axis(0), last).to_owned());
    let mask = inputs
        .int("memory_mask")
        .slice_axis(Axis(0), last)
        .to_owned();
    let alone = inputs
        .clone()
        .with("x", only("x"))
        .with("memory", only("memory"))
        .with("memory_mask", Value::Int(mask));
    let want = vec![run(inputs)[0].slice_axis(Axis(0), last).to_owned()];
    Deviation::between(&run(&alone), &want, tol(inputs))
}
