//! What holds for every right answer, whatever the numbers are.

use super::reference::Sight;
use crate::problem::{Deviation, Law, Run};
use crate::tensor::{Inputs, Outputs, Tensor, Value};
use crate::text::Text;
use ndarray::{ArrayD, Axis, Slice};

const CACHED: &[&str] = &["ordinary", "no-globals", "odd-window", "decode"];

pub const LAWS: &[Law] = &[
    Law {
        id: "wide-window-is-full",
        sentence: Text::new(
            "a window over everything and all tokens global are the same: full attention",
            "窗口盖住全文，与所有 token 都是全局，结果相同：都是完整注意力",
        ),
        except: &[],
        kinds: &["ordinary", "both-sides", "decode", "ragged"],
        check: wide_window_is_full,
    },
    Law {
        id: "rows-sum-to-one",
        sentence: Text::new(
            "values that are all 1 give outputs that are all 1",
            "v 全为 1 时输出也全为 1",
        ),
        except: &[],
        kinds: &[
            "ordinary",
            "prompt",
            "both-sides",
            "many-globals",
            "large-magnitude",
        ],
        check: rows_sum_to_one,
    },
    Law {
        id: "a-small-cache-is-enough",
        sentence: Text::new(
            "for the last query, a cache of the globals and the last w keys gives the same as all keys",
            "对最后一个 query，只缓存全局 token 与最近 w 个 key，结果与保留全部 key 相同",
        ),
        except: &[],
        kinds: CACHED,
        check: a_small_cache_is_enough,
    },
    Law {
        id: "outside-is-unseen",
        sentence: Text::new(
            "what stands in keys and values that no query sees changes nothing",
            "没有任何 query 看得到的 key/value 改成什么都不影响输出",
        ),
        except: &[],
        kinds: &["both-sides-end", "own-key-only", "decode"],
        check: outside_is_unseen,
    },
    Law {
        id: "rows-do-not-meet",
        sentence: Text::new(
            "the last query alone gives the last row",
            "单独算最后一个 query，结果等于最后一行",
        ),
        except: &[],
        kinds: &["ordinary", "both-sides", "both-sides-end", "many-globals"],
        check: rows_do_not_meet,
    },
];

fn tol(inputs: &Inputs) -> f64 {
    (super::PROBLEM.tolerance)(inputs).value
}

fn number(inputs: &Inputs, name: &'static str, value: usize) -> Inputs {
    inputs.clone().with(name, Value::Number(value as f64))
}

fn wide_window_is_full(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let m = inputs.float("k").shape()[2];
    let windowed = number(&number(inputs, "window", m), "globals", 0);
    let global = number(&number(inputs, "window", 1), "globals", m);
    let tol = tol(&windowed) + tol(&global);
    Deviation::between(&run(&windowed), &run(&global), tol)
}

fn rows_sum_to_one(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let ones = Tensor::ones(inputs.float("v").raw_dim());
    let changed = inputs.clone().with("v", Value::Float(ones));
    let got = run(&changed);
    let want = got.iter().map(|out| ArrayD::ones(out.raw_dim())).collect();
    Deviation::between(&got, &want, tol(&changed))
}

/// The last query's inputs and the last row of outputs.
fn last_query(inputs: &Inputs) -> Inputs {
    let q = inputs.float("q");
    let row = Slice::from(q.shape()[2] - 1..);
    let q = q.slice_axis(Axis(2), row).to_owned();
    inputs.clone().with("q", Value::Float(q))
}

fn last_row(outputs: &Outputs) -> Outputs {
    let cut = |out: &ArrayD<f64>| {
        let row = Slice::from(out.shape()[2] - 1..);
        out.slice_axis(Axis(2), row).to_owned()
    };
    outputs.iter().map(cut).collect()
}

fn a_small_cache_is_enough(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let sight = Sight::of(inputs);
    let m = inputs.float("k").shape()[2];
    let (w, g) = (sight.window as usize, sight.globals as usize);
    let kept: Vec<usize> = (0..m).filter(|&j| j < g || j + w >= m).collect();
    let mut small = last_query(inputs);
    for name in ["k", "v"] {
        let x = inputs.float(name).select(Axis(2), &kept);
        small.set(name, Value::Float(x));
    }
    Deviation::between(&run(&small), &last_row(&run(inputs)), 2.0 * tol(inputs))
}

fn outside_is_unseen(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let sight = Sight::of(inputs);
    let (n, m) = (inputs.float("q").shape()[2], inputs.float("k").shape()[2]);
    let seen: Vec<usize> = (0..n).flat_map(|r| sight.keys(r, n, m)).collect();
    let mut changed = inputs.clone();
    for name in ["k", "v"] {
        let mut x = inputs.float(name).clone();
        for (j, mut row) in x.axis_iter_mut(Axis(2)).enumerate() {
            if !seen.contains(&j) {
                row.mapv_inplace(|x| 5.0 - 2.0 * x);
            }
        }
        changed.set(name, Value::Float(x));
    }
    let tol = tol(inputs) + tol(&changed);
    Deviation::between(&run(inputs), &run(&changed), tol)
}

fn rows_do_not_meet(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let alone = run(&last_query(inputs));
    Deviation::between(&alone, &last_row(&run(inputs)), 2.0 * tol(inputs))
}
