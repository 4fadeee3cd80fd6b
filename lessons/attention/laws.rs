//! What holds for attention whatever the numbers are.

use crate::problem::{Deviation, Law, Run};
use crate::tensor::{Inputs, Outputs, Tensor, Value, max_abs};
use crate::text::Text;
use ndarray::{ArrayD, Axis, IxDyn, Slice};

const MASKED: &[&str] = &[
    "ordinary",
    "causal",
    "padding",
    "bias",
    "masked-rows",
    "ragged",
];

pub const LAWS: &[Law] = &[
    Law {
        id: "rows-sum-to-one",
        sentence: Text::new(
            "values that are all 1 give outputs that are all 1 (0 where no key may be seen): the weights of a row sum to 1",
            "v 全为 1 时输出也全为 1（看不到任何键的行为 0）：每行权重之和为 1",
        ),
        except: &[],
        kinds: MASKED,
        check: rows_sum_to_one,
    },
    Law {
        id: "order-of-keys",
        sentence: Text::new(
            "permuting keys, values and the mask's columns together changes nothing",
            "同时打乱键、值与掩码列的顺序，输出不变",
        ),
        except: &[],
        kinds: MASKED,
        check: order_of_keys,
    },
    Law {
        id: "convex-hull",
        sentence: Text::new(
            "an output lies between the smallest and the largest value of its column",
            "输出落在对应列 v 的最小值与最大值之间",
        ),
        except: &[],
        kinds: &["ordinary", "causal", "padding", "bias", "large-magnitude"],
        check: convex_hull,
    },
    Law {
        id: "causality",
        sentence: Text::new(
            "under a causal mask, the last key and value change the last query's output only",
            "因果掩码下，改动最后一个键/值只影响最后一个查询的输出",
        ),
        except: &[],
        kinds: &["causal"],
        check: causality,
    },
    Law {
        id: "dropped-keys",
        sentence: Text::new(
            "what stands in padded keys and values changes nothing",
            "padding 位置的键和值是什么都不影响输出",
        ),
        except: &[],
        kinds: &["padding"],
        check: dropped_keys,
    },
    Law {
        id: "shift",
        sentence: Text::new(
            "adding one number to all scores of a row changes nothing",
            "给一行的所有分数加上同一个数，输出不变",
        ),
        except: &[],
        kinds: MASKED,
        check: shift,
    },
    Law {
        id: "batch",
        sentence: Text::new(
            "a sequence's output does not depend on the others in the batch",
            "某条序列的输出与批内其他序列无关",
        ),
        except: &[],
        kinds: &["ordinary", "padding", "masked-rows"],
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

/// The mask in full, `[b h n m]`; zeros where there is none.
fn full_mask(inputs: &Inputs) -> Tensor {
    let (q, k) = (inputs.float("q"), inputs.float("k"));
    let shape = IxDyn(&[q.shape()[0], q.shape()[1], q.shape()[2], k.shape()[2]]);
    match inputs.optional("mask") {
        Some(mask) => mask
            .broadcast(shape)
            .expect("the mask's shape was checked")
            .to_owned(),
        None => Tensor::zeros(shape),
    }
}

/// Whether each row `[b h n]` has a key, as 1 or 0.
fn has_key(inputs: &Inputs) -> ArrayD<f64> {
    full_mask(inputs).map_axis(Axis(3), |row| {
        f64::from(u8::from(row.iter().any(|x| *x > f32::NEG_INFINITY)))
    })
}

fn rows_sum_to_one(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let ones = Tensor::ones(inputs.float("v").raw_dim());
    let shape = [
        inputs.float("q").shape()[..3].to_vec(),
        vec![ones.shape()[3]],
    ]
    .concat();
    let changed = inputs.clone().with("v", float(ones));
    let want = has_key(inputs).insert_axis(Axis(3));
    let want = want.broadcast(shape).expect("one value per row").to_owned();
    Deviation::between(&run(&changed), &vec![want], tol(&changed))
}

fn order_of_keys(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let m = inputs.float("k").shape()[2];
    let order: Vec<usize> = (0..m).map(|j| (m - 1 - j + m / 2) % m).collect();
    let mut changed = inputs.clone();
    for name in ["k", "v"] {
        changed.set(name, float(inputs.float(name).select(Axis(2), &order)));
    }
    if let Some(mask) = inputs.optional("mask") {
        let columns = Axis(mask.ndim() - 1);
        if mask.len_of(columns) == m {
            changed.set("mask", float(mask.select(columns, &order)));
        }
    }
    Deviation::between(&run(inputs), &run(&changed), tol(inputs))
}

fn convex_hull(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let v = inputs.f64("v");
    let low = v.map_axis(Axis(2), |column| {
        column.fold(f64::INFINITY, |a, &x| a.min(x))
    });
    let high = v.map_axis(Axis(2), |column| {
        column.fold(f64::NEG_INFINITY, |a, &x| a.max(x))
    });
    let mut err: f64 = 0.0;
    for (at, &x) in run(inputs)[0].indexed_iter() {
        let column = [at[0], at[1], at[3]];
        let outside = (low[&column[..]] - x).max(x - high[&column[..]]);
        err = if x.is_nan() || err.is_nan() {
            f64::NAN
        } else {
            err.max(outside)
        };
    }
    Deviation {
        err,
        tol: tol(inputs),
    }
}

fn causality(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let last = inputs.float("k").shape()[2] - 1;
    let mut changed = inputs.clone();
    for name in ["k", "v"] {
        let mut x = inputs.float(name).clone();
        x.index_axis_mut(Axis(2), last)
            .mapv_inplace(|x| 3.0 - 2.0 * x);
        changed.set(name, float(x));
    }
    let but_last =
        |outputs: Outputs| vec![outputs[0].slice_axis(Axis(2), Slice::from(..-1)).to_owned()];
    Deviation::between(
        &but_last(run(inputs)),
        &but_last(run(&changed)),
        tol(&changed),
    )
}

fn dropped_keys(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let mask = full_mask(inputs);
    let mut changed = inputs.clone();
    for name in ["k", "v"] {
        let mut x = inputs.float(name).clone();
        for (at, x) in x.indexed_iter_mut() {
            if mask[[at[0], at[1], 0, at[2]]] == f32::NEG_INFINITY {
                *x = 5.0 - *x;
            }
        }
        changed.set(name, float(x));
    }
    Deviation::between(&run(inputs), &run(&changed), tol(&changed))
}

fn shift(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let mask = full_mask(inputs);
    let by = max_abs(&mask).min(8.0) as f32 + 1.5;
    let changed = inputs.clone().with("mask", float(mask + by));
    Deviation::between(&run(inputs), &run(&changed), tol(&changed))
}

fn batch(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let whole = run(inputs);
    let last = inputs.float("q").shape()[0] - 1;
    let only = |x: &ArrayD<_>| x.slice_axis(Axis(0), Slice::from(last..)).to_owned();
    let mut alone = Inputs::new();
    for name in ["q", "k", "v"] {
        alone.set(name, float(only(inputs.float(name))));
    }
    if inputs.optional("mask").is_some() {
        alone.set("mask", float(only(&full_mask(inputs))));
    }
    let want = vec![whole[0].slice_axis(Axis(0), Slice::from(last..)).to_owned()];
    Deviation::between(&run(&alone), &want, tol(inputs))
}
