//! What holds for every right ALiBi, whatever the scores are.

use crate::problem::{Deviation, Law, Run};
use crate::tensor::{Inputs, Outputs, Tensor, Value, max_abs};
use crate::text::Text;
use ndarray::{ArrayD, Axis, Slice};

const ALL: &[&str] = &["ordinary", "prompt", "twelve-heads", "decode", "ragged"];

pub const LAWS: &[Law] = &[
    Law {
        id: "rows-sum-to-one",
        sentence: Text::new(
            "the weights of every query sum to 1",
            "每个 query 的权重之和为 1",
        ),
        except: &[],
        kinds: ALL,
        check: rows_sum_to_one,
    },
    Law {
        id: "future-is-unseen",
        sentence: Text::new(
            "scores of keys that come after the query change nothing",
            "改动 query 之后的 key 的分数，输出不变",
        ),
        except: &[],
        kinds: &["ordinary", "prompt", "three-heads", "ragged"],
        check: future_is_unseen,
    },
    Law {
        id: "row-shift",
        sentence: Text::new(
            "adding one number to all scores of a row changes nothing (so +m_h·j is as good as −m_h·(i − j))",
            "给一行的所有分数加同一个数，输出不变（因此 +m_h·j 与 −m_h·(i − j) 等价）",
        ),
        except: &[],
        kinds: ALL,
        check: row_shift,
    },
    Law {
        id: "decode-is-the-last-row",
        sentence: Text::new(
            "the last query alone, as in decoding, gets the last row of the whole prompt",
            "单独算最后一个 query（解码），结果等于整段 prompt 的最后一行",
        ),
        except: &[],
        kinds: &["ordinary", "prompt", "twelve-heads", "ragged"],
        check: decode_is_the_last_row,
    },
    Law {
        id: "one-step-one-factor",
        sentence: Text::new(
            "with equal scores, a key that is one token farther has its weight multiplied by the same factor below 1, at every distance and for every query",
            "分数全相等时，key 每远一个 token，权重就乘同一个小于 1 的因子，与距离和 query 无关",
        ),
        except: &[],
        kinds: &["ordinary", "prompt", "twelve-heads"],
        check: one_step_one_factor,
    },
];

fn tolerance(inputs: &Inputs) -> f64 {
    super::problem::tolerance(inputs).value
}

fn with_scores(scores: Tensor) -> Inputs {
    Inputs::new().with("scores", Value::Float(scores))
}

fn rows_sum_to_one(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let sums: Outputs = run(inputs).iter().map(|w| w.sum_axis(Axis(3))).collect();
    let ones = sums.iter().map(|sums| ArrayD::ones(sums.raw_dim()));
    let m = inputs.float("scores").shape()[3] as f64;
    let tol = (m + 8.0) * f64::from(f32::EPSILON);
    Deviation::between(&sums, &ones.collect(), tol)
}

fn future_is_unseen(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let mut scores = inputs.float("scores").clone();
    let (n, m) = (scores.shape()[2], scores.shape()[3]);
    for (at, score) in scores.indexed_iter_mut() {
        if at[3] + n > at[2] + m {
            *score = 3.0 - *score;
        }
    }
    let before = run(inputs);
    Deviation::between(&before, &run(&with_scores(scores)), 2.0 * tolerance(inputs))
}

fn row_shift(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let mut moved = inputs.float("scores").clone();
    for (r, mut row) in moved.rows_mut().into_iter().enumerate() {
        row += (r % 5) as f32 - 2.0;
    }
    let moved = with_scores(moved);
    let tol = tolerance(inputs) + tolerance(&moved);
    Deviation::between(&run(inputs), &run(&moved), tol)
}

fn decode_is_the_last_row(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let last = Slice::from(inputs.float("scores").shape()[2] - 1..);
    let row = inputs.float("scores").slice_axis(Axis(2), last).to_owned();
    let whole = run(inputs);
    let ends: Outputs = whole
        .iter()
        .map(|w| w.slice_axis(Axis(2), last).to_owned())
        .collect();
    Deviation::between(&run(&with_scores(row)), &ends, 2.0 * tolerance(inputs))
}

fn one_step_one_factor(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let flat = with_scores(Tensor::zeros(inputs.float("scores").raw_dim()));
    let tol = 2.0 * tolerance(&flat);
    let mut err = 0.0_f64;
    for w in run(&flat) {
        let (n, m) = (w.shape()[2], w.shape()[3]);
        for (b, h) in ndarray::indices((w.shape()[0], w.shape()[1])) {
            let at = |r: usize, j: usize| w[[b, h, r, j]];
            let factor = at(n - 1, m - 2) / at(n - 1, m - 1);
            let mut worst = if factor < 1.0 { 0.0 } else { f64::INFINITY };
            for r in 0..n {
                for j in 1..=(r + m - n) {
                    let gap = (at(r, j - 1) - factor * at(r, j)).abs();
                    worst = if gap <= worst { worst } else { gap };
                }
            }
            err = if worst <= err { err } else { worst };
        }
        if max_abs(&w) == 0.0 {
            err = f64::INFINITY;
        }
    }
    Deviation { err, tol }
}
