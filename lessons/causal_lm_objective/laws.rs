//! What holds for every right language-model loss.

use super::reference::ignored;
use crate::problem::{Deviation, Law, Run};
use crate::tensor::{Inputs, Tensor, Value};
use crate::text::Text;
use ndarray::{Axis, arr0, concatenate};

pub const LAWS: &[Law] = &[
    Law {
        id: "constant",
        sentence: Text::new(
            "adding a number to all logits of a position changes nothing",
            "给某个位置的所有 logits 加同一个数，结果不变",
        ),
        except: &[],
        kinds: &["ordinary", "padded", "trained", "ragged"],
        check: constant,
    },
    Law {
        id: "unused-ends",
        sentence: Text::new(
            "the last row of logits and the first label of a sequence have no influence",
            "每条序列的最后一行 logits 和第一个标签不影响结果",
        ),
        except: &[],
        kinds: &["ordinary", "padded", "prompt", "trained", "ragged"],
        check: unused_ends,
    },
    Law {
        id: "more-padding",
        sentence: Text::new(
            "one more column of ignored labels changes nothing",
            "再多一列被忽略的标签，结果不变",
        ),
        except: &[],
        kinds: &["ordinary", "padded", "pad-is-token-0", "ragged"],
        check: more_padding,
    },
    Law {
        id: "uniform",
        sentence: Text::new(
            "equal logits give the perplexity v, the size of the vocabulary",
            "logits 全部相等时，困惑度等于词表大小 v",
        ),
        except: &[],
        kinds: &["ordinary", "padded", "prompt", "ragged"],
        check: uniform,
    },
];

/// Twice the tolerance of the two inputs that are compared.
fn tol(a: &Inputs, b: &Inputs) -> f64 {
    let of = |inputs| (super::PROBLEM.tolerance)(inputs).value;
    2.0 * of(a).max(of(b))
}

fn same(inputs: &Inputs, changed: &Inputs, run: Run<'_>) -> Deviation {
    Deviation::between(&run(inputs), &run(changed), tol(inputs, changed))
}

fn constant(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let mut logits = inputs.float("logits").clone();
    for (at, z) in logits.indexed_iter_mut() {
        *z += 3.0 * at[0] as f32 - 2.0 * at[1] as f32 + 4.0;
    }
    let changed = inputs.clone().with("logits", Value::Float(logits));
    same(inputs, &changed, run)
}

fn unused_ends(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let (mut logits, mut labels) = (inputs.float("logits").clone(), inputs.int("labels").clone());
    let (last, v) = (logits.shape()[1] - 1, logits.shape()[2] as i64);
    for (i, mut row) in logits
        .index_axis_mut(Axis(1), last)
        .outer_iter_mut()
        .enumerate()
    {
        row[i % v as usize] += 5.0;
    }
    let ignore = ignored(inputs);
    for label in labels.index_axis_mut(Axis(1), 0) {
        // Ignored becomes a token and a token is ignored.
        *label = if *label == ignore { v - 1 } else { ignore };
    }
    let changed = inputs
        .clone()
        .with("logits", Value::Float(logits))
        .with("labels", Value::Int(labels));
    same(inputs, &changed, run)
}

fn more_padding(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let (logits, labels) = (inputs.float("logits"), inputs.int("labels"));
    let row = logits.index_axis(Axis(1), 0).mapv(|z| 1.0 - 2.0 * z);
    let ignore = labels.index_axis(Axis(1), 0).mapv(|_| ignored(inputs));
    let (row, ignore) = (row.insert_axis(Axis(1)), ignore.insert_axis(Axis(1)));
    let logits = concatenate(Axis(1), &[logits.view(), row.view()]).expect("one row more");
    let labels = concatenate(Axis(1), &[labels.view(), ignore.view()]).expect("one column more");
    // Row-major, as the inputs of every case are.
    let (logits, labels) = (logits.as_standard_layout(), labels.as_standard_layout());
    let changed = inputs
        .clone()
        .with("logits", Value::Float(logits.into_owned()))
        .with("labels", Value::Int(labels.into_owned()));
    same(inputs, &changed, run)
}

fn uniform(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let shape = inputs.float("logits").raw_dim();
    let v = shape[2] as f64;
    let changed = inputs
        .clone()
        .with("logits", Value::Float(Tensor::from_elem(shape, -2.5)));
    let labels = inputs
        .int("labels")
        .slice_axis(Axis(1), (1..).into())
        .to_owned();
    let count = labels.iter().filter(|&&y| y != ignored(inputs)).count() as f64;
    let bits = count * v.log2() / inputs.number("bytes");
    let want = [v.ln(), v, bits].map(|x| arr0(x).into_dyn()).to_vec();
    Deviation::between(&run(&changed), &want, tol(&changed, &changed))
}
