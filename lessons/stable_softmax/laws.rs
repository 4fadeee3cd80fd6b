//! What holds for softmax and logsumexp whatever the numbers are.

use crate::problem::{Deviation, Law, Run};
use crate::tensor::{Inputs, Outputs, Tensor, Value};
use crate::text::Text;
use ndarray::{ArrayD, Axis};

const FINITE: &[&str] = &[
    "ordinary",
    "ragged",
    "large",
    "negative",
    "spread",
    "rows-apart",
];

pub const LAWS: &[Law] = &[
    Law {
        id: "rows-sum-to-one",
        sentence: Text::new(
            "softmax is not negative and every row sums to 1 (0 where everything is −∞)",
            "softmax 非负，且每行之和为 1（全为 −∞ 的行为 0）",
        ),
        except: &[],
        kinds: &["ordinary", "ragged", "large", "masked", "masked-rows"],
        check: rows_sum_to_one,
    },
    Law {
        id: "shift",
        sentence: Text::new(
            "adding 100·i to row i changes neither softmax nor log_softmax, and adds 100·i to logsumexp",
            "给第 i 行整体加 100·i，softmax 与 log_softmax 不变，logsumexp 恰好增加 100·i",
        ),
        except: &[],
        kinds: FINITE,
        check: shift,
    },
    Law {
        id: "order",
        sentence: Text::new(
            "reversing the entries of every row reverses softmax and log_softmax, and leaves logsumexp",
            "把每行元素倒序，softmax 与 log_softmax 随之倒序，logsumexp 不变",
        ),
        except: &[],
        kinds: FINITE,
        check: order,
    },
    Law {
        id: "bounds",
        sentence: Text::new(
            "max ≤ logsumexp ≤ max + ln m",
            "max ≤ logsumexp ≤ max + ln m",
        ),
        except: &[],
        kinds: FINITE,
        check: bounds,
    },
    Law {
        id: "exp-of-log",
        sentence: Text::new(
            "exp(log_softmax) is softmax",
            "exp(log_softmax) 就是 softmax",
        ),
        except: &[],
        kinds: &["ordinary", "ragged", "spread", "masked", "masked-rows"],
        check: exp_of_log,
    },
];

/// Twice the tolerance of these inputs: two runs are compared.
fn tol(inputs: &Inputs) -> f64 {
    2.0 * (super::problem::PROBLEM.tolerance)(inputs).value
}

fn rows_sum_to_one(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let softmax = run(inputs).swap_remove(0);
    let want = inputs.float("x").map_axis(Axis(1), |row| {
        f64::from(u8::from(row.iter().any(|x| *x != f32::NEG_INFINITY)))
    });
    let tol = tol(inputs);
    let sums = Deviation::between(&vec![softmax.sum_axis(Axis(1))], &vec![want], tol);
    let below = softmax.fold(0.0, |low: f64, &p| low.max(-p));
    Deviation {
        // NaN of the sums stays NaN.
        err: if below > sums.err { below } else { sums.err },
        tol,
    }
}

fn shift(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let by = |i: usize| 100.0 * (i + 1) as f32;
    let mut x = inputs.float("x").clone();
    for (i, mut row) in x.rows_mut().into_iter().enumerate() {
        row += by(i);
    }
    let mut want = run(inputs);
    for (i, lse) in want[2].iter_mut().enumerate() {
        *lse += f64::from(by(i));
    }
    let changed = inputs.clone().with("x", Value::Float(x));
    // Adding rounds x itself, by half a unit in its last place, which both sides feel.
    let tol = tol(inputs) + tol(&changed);
    Deviation::between(&run(&changed), &want, tol)
}

fn order(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let reversed: Tensor = inputs.float("x").clone();
    let back: Vec<usize> = (0..reversed.shape()[1]).rev().collect();
    let changed = inputs
        .clone()
        .with("x", Value::Float(reversed.select(Axis(1), &back)));
    let turn = |x: &ArrayD<f64>| x.select(Axis(1), &back);
    let got = run(&changed);
    let got: Outputs = vec![turn(&got[0]), turn(&got[1]), got[2].clone()];
    Deviation::between(&got, &run(inputs), tol(inputs))
}

fn bounds(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let x = inputs.f64("x");
    let room = (x.shape()[1] as f64).ln();
    let max = x.map_axis(Axis(1), |row| row.fold(f64::NEG_INFINITY, |a, &b| a.max(b)));
    let outside = |(lse, max): (&f64, &f64)| (max - lse).max(lse - max - room).max(0.0) + 0.0 * lse;
    let lse = run(inputs).swap_remove(2);
    let gaps = lse.iter().zip(&max).map(outside);
    let err = gaps.fold(0.0, |err: f64, gap| {
        if err.is_nan() || gap.is_nan() {
            f64::NAN
        } else {
            err.max(gap)
        }
    });
    let tol = tol(inputs);
    Deviation { err, tol }
}

fn exp_of_log(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let outputs = run(inputs);
    let got = vec![outputs[1].mapv(f64::exp)];
    Deviation::between(&got, &vec![outputs[0].clone()], tol(inputs))
}
