//! What holds for every right multi-head attention.

use super::reference::Sizes;
use crate::problem::{Deviation, Law, Run};
use crate::tensor::{Inputs, Outputs, Tensor, Value};
use crate::text::Text;
use ndarray::{ArrayD, Axis, Slice};

const ALL: &[&str] = &["ordinary", "causal", "gqa", "mqa", "ragged"];

pub const LAWS: &[Law] = &[
    Law {
        id: "order-of-heads",
        sentence: Text::new(
            "permuting the heads, with their rows of w_o, changes nothing",
            "各头连同它们在 w_o 中的行一起换序，输出不变",
        ),
        except: &[],
        kinds: ALL,
        check: order_of_heads,
    },
    Law {
        id: "sum-of-heads",
        sentence: Text::new(
            "the output is the sum of what each head gives alone",
            "输出等于各个头单独贡献之和",
        ),
        except: &[],
        kinds: ALL,
        check: sum_of_heads,
    },
    Law {
        id: "order-of-tokens",
        sentence: Text::new(
            "without a mask, permuting the tokens permutes the outputs",
            "无掩码时，打乱 token，输出随之打乱",
        ),
        except: &[],
        kinds: &["ordinary", "gqa"],
        check: order_of_tokens,
    },
    Law {
        id: "causality",
        sentence: Text::new(
            "under a causal mask, the last token changes the last output only",
            "因果掩码下，改动最后一个 token 只影响最后一个输出",
        ),
        except: &[],
        kinds: &["causal", "ragged"],
        check: causality,
    },
];

/// Twice the tolerance of these inputs: two runs are compared.
fn tol(inputs: &Inputs) -> f64 {
    2.0 * (super::PROBLEM.tolerance)(inputs).value
}

fn float(array: Tensor) -> Value {
    Value::Float(array)
}

fn sizes(inputs: &Inputs) -> Sizes {
    Sizes::of(inputs).expect("seeded inputs fit")
}

fn order_of_heads(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let Sizes { h, h_kv, dk, .. } = sizes(inputs);
    // All heads backwards: query heads of one group stay together.
    let columns = |heads: usize| -> Vec<usize> {
        (0..heads * dk)
            .map(|c| (heads - 1 - c / dk) * dk + c % dk)
            .collect()
    };
    let mut changed = inputs.clone();
    for (name, axis, heads) in [
        ("w_q", 1, h),
        ("w_k", 1, h_kv),
        ("w_v", 1, h_kv),
        ("w_o", 0, h),
    ] {
        let w = inputs.float(name).select(Axis(axis), &columns(heads));
        changed.set(name, float(w));
    }
    Deviation::between(&run(inputs), &run(&changed), tol(inputs))
}

fn sum_of_heads(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let Sizes { h, dk, .. } = sizes(inputs);
    let mut sum = ArrayD::<f64>::zeros(inputs.float("x").raw_dim());
    for head in 0..h {
        let mut w_o = Tensor::zeros(inputs.float("w_o").raw_dim());
        let rows = Slice::from(head * dk..(head + 1) * dk);
        let kept = inputs.float("w_o").slice_axis(Axis(0), rows);
        w_o.slice_axis_mut(Axis(0), rows).assign(&kept);
        let alone = run(&inputs.clone().with("w_o", float(w_o)));
        if alone[0].shape() != sum.shape() {
            let (err, tol) = (f64::INFINITY, tol(inputs));
            return Deviation { err, tol };
        }
        sum += &alone[0];
    }
    Deviation::between(&run(inputs), &vec![sum], 2.0 * tol(inputs))
}

fn order_of_tokens(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let n = inputs.float("x").shape()[1];
    let order: Vec<usize> = (0..n).map(|i| (n - 1 - i + n / 2) % n).collect();
    let moved = inputs.float("x").select(Axis(1), &order);
    let changed = inputs.clone().with("x", float(moved));
    let want = run(inputs)
        .iter()
        .map(|out| out.select(Axis(1), &order))
        .collect();
    Deviation::between(&run(&changed), &want, tol(inputs))
}

fn causality(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let mut x = inputs.float("x").clone();
    let last = x.shape()[1] - 1;
    x.index_axis_mut(Axis(1), last)
        .mapv_inplace(|x| 1.0 - 2.0 * x);
    let changed = inputs.clone().with("x", float(x));
    let but_last =
        |outputs: Outputs| vec![outputs[0].slice_axis(Axis(1), Slice::from(..-1)).to_owned()];
    let tol = tol(inputs).max(tol(&changed));
    Deviation::between(&but_last(run(inputs)), &but_last(run(&changed)), tol)
}
