//! What holds for every right answer.

use crate::problem::{Deviation, Law, Run};
use crate::tensor::{Inputs, Tensor, Value};
use crate::text::Text;
use ndarray::{ArrayD, Axis};

pub const LAWS: &[Law] = &[
    Law {
        id: "equivariance",
        sentence: Text::new(
            "renumbering the tokens renumbers the paths and leaves the collapse alone",
            "token 重新编号，路径跟着重编号，塌缩程度不变",
        ),
        except: &[],
        kinds: &["ordinary", "causal", "sparse", "ragged"],
        check: equivariance,
    },
    Law {
        id: "equal-tokens",
        sentence: Text::new(
            "tokens that are all equal stay equal: the collapse is 0 after every layer",
            "所有 token 相同则一直相同：每层之后塌缩程度都是 0",
        ),
        except: &[],
        kinds: &["ordinary", "residual", "window"],
        check: equal_tokens,
    },
    Law {
        id: "triangle",
        sentence: Text::new(
            "a path through a third token is never shorter than the shortest",
            "绕经第三个 token 的路径不会比最短路径更短",
        ),
        except: &[],
        kinds: &["window", "sparse", "ragged"],
        check: triangle,
    },
];

fn tol(inputs: &Inputs) -> f64 {
    2.0 * (super::problem::PROBLEM.tolerance)(inputs).value
}

fn equivariance(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let n = inputs.float("x").shape()[0];
    let order: Vec<usize> = (0..n).map(|i| (n - 1 - i + n / 2) % n).collect();
    let sees = inputs
        .int("sees")
        .select(Axis(0), &order)
        .select(Axis(1), &order);
    let moved = inputs
        .clone()
        .with("x", Value::Float(inputs.float("x").select(Axis(0), &order)))
        .with("sees", Value::Int(sees));
    let mut want = run(inputs);
    want[0] = want[0].select(Axis(0), &order).select(Axis(1), &order);
    Deviation::between(&want, &run(&moved), tol(inputs).max(tol(&moved)))
}

fn equal_tokens(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let x = inputs.float("x");
    let first = x.index_axis(Axis(0), 0);
    let equal: Tensor = first
        .broadcast(x.raw_dim())
        .expect("one row for all")
        .to_owned();
    let equal = inputs.clone().with("x", Value::Float(equal));
    let got = run(&equal).into_iter().skip(1).collect();
    let want = vec![ArrayD::zeros(vec![inputs.float("w").shape()[0]])];
    Deviation::between(&got, &want, tol(&equal).max(1e-5))
}

fn triangle(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let layers = &run(inputs)[0];
    let n = layers.shape()[0];
    let sees = inputs.int("sees");
    let mut err: f64 = 0.0;
    for (i, j) in (0..n).flat_map(|i| (0..n).map(move |j| (i, j))) {
        // From j to k, and one layer more to i, which reads k.
        for k in (0..n).filter(|k| sees[[i, *k]] != 0 && *k != i) {
            let (there, via) = (layers[[i, j]], layers[[k, j]]);
            if via >= 0.0 {
                let over = if there < 0.0 {
                    1.0
                } else {
                    there - (via + 1.0)
                };
                err = err.max(over);
            }
        }
        // A token knows itself from the start, and nothing else.
        let zero = layers[[i, j]] == 0.0;
        if zero != (i == j) {
            err = err.max(1.0);
        }
    }
    Deviation { err, tol: 0.0 }
}
