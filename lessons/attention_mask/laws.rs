//! What holds for a mask whatever the sizes are.

use crate::problem::{Deviation, Law, Run};
use crate::tensor::{Inputs, Labels, Outputs, Value};
use crate::text::Text;
use ndarray::{ArrayD, Axis, Slice};

pub const LAWS: &[Law] = &[
    Law {
        id: "last-rows",
        sentence: Text::new(
            "the mask of the last query alone is the last row of the mask of all",
            "只算最后一个查询得到的掩码，等于完整掩码的最后一行",
        ),
        except: &[],
        kinds: &["ordinary", "left-padding", "window", "more-queries"],
        check: last_rows,
    },
    Law {
        id: "batch",
        sentence: Text::new(
            "a sequence's mask does not depend on the others in the batch",
            "某条序列的掩码与批内其他序列无关",
        ),
        except: &[],
        kinds: &["ordinary", "left-padding", "holes", "batch-is-queries"],
        check: batch,
    },
    Law {
        id: "count",
        sentence: Text::new(
            "without padding, the query at position p sees p + 1 keys, or the window if that is less",
            "没有 padding 时，位置 p 的查询恰好看到 p + 1 个键（有窗口时不超过窗口大小）",
        ),
        except: &["empty-rows-open", "hugging-face"],
        kinds: &["no-padding", "ordinary", "decode", "window"],
        check: count,
    },
    Law {
        id: "padding-only-drops",
        sentence: Text::new(
            "a key that becomes padding is dropped for every query, and nothing else changes",
            "某个键变成 padding 后，所有查询都看不到它，其余不变",
        ),
        except: &["empty-rows-open", "hugging-face"],
        kinds: &["ordinary", "no-padding", "holes", "window"],
        check: padding_only_drops,
    },
];

/// 1 where a key is seen, 0 where it is dropped, whatever number stands for that; NaN stays.
fn seen(outputs: Outputs) -> ArrayD<f64> {
    let one = |x: f64| {
        if x.is_nan() {
            x
        } else {
            f64::from(u8::from(x.abs() < 0.5))
        }
    };
    outputs[0].mapv(one)
}

fn gap(got: ArrayD<f64>, want: ArrayD<f64>) -> Deviation {
    Deviation::between(&vec![got], &vec![want], 0.0)
}

fn last_rows(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let all = seen(run(inputs));
    let one = inputs.clone().with("queries", Value::Number(1.0));
    let want = all.slice_axis(Axis(2), Slice::from(-1..)).to_owned();
    gap(seen(run(&one)), want)
}

fn batch(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let last = |x: &ArrayD<f64>| x.slice_axis(Axis(0), Slice::from(-1..)).to_owned();
    let keep = inputs.int("keep").slice_axis(Axis(0), Slice::from(-1..));
    let alone = inputs.clone().with("keep", Value::Int(keep.to_owned()));
    gap(seen(run(&alone)), last(&seen(run(inputs))))
}

fn count(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let keep = Labels::ones(inputs.int("keep").raw_dim());
    let (n, m) = (inputs.number("queries"), keep.shape()[1] as f64);
    let window = match inputs.number("window") {
        0.0 => m,
        window => window,
    };
    let open = inputs.clone().with("keep", Value::Int(keep));
    let counts = seen(run(&open)).sum_axis(Axis(3));
    let mut want = counts.clone();
    for (at, want) in want.indexed_iter_mut() {
        *want = (at[2] as f64 + m - n + 1.0).clamp(0.0, window);
    }
    gap(counts, want)
}

fn padding_only_drops(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let mut keep = inputs.int("keep").clone();
    let key = keep.shape()[1] / 2;
    keep.index_axis_mut(Axis(1), key).fill(0);
    let mut want = seen(run(inputs));
    want.index_axis_mut(Axis(3), key).fill(0.0);
    let changed = inputs.clone().with("keep", Value::Int(keep));
    gap(seen(run(&changed)), want)
}
