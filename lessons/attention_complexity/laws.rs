//! What holds for every right count, whatever the sizes are.

use crate::problem::{Deviation, Law, Run};
use crate::tensor::{Inputs, Outputs, Value};
use crate::text::Text;
use ndarray::{ArrayD, Axis};

const ALL: &[&str] = &["ordinary", "causal", "all-heads", "wide-numbers", "ragged"];

pub const LAWS: &[Law] = &[
    Law {
        id: "head-dim-leaves-scores",
        sentence: Text::new(
            "doubling head_dim leaves the bytes of the scores, doubles attention FLOP and operands, and makes the projections four times as large",
            "head_dim 加倍：分数的字节数不变，attention FLOP 与操作数加倍，投影变四倍",
        ),
        except: &[],
        kinds: ALL,
        check: head_dim_leaves_scores,
    },
    Law {
        id: "kv-heads-leave-attention",
        sentence: Text::new(
            "fewer key heads change neither attention FLOP nor scores",
            "减少 key 头数，attention FLOP 与分数都不变",
        ),
        except: &[],
        kinds: ALL,
        check: kv_heads_leave_attention,
    },
    Law {
        id: "slower-machine-same-exponent",
        sentence: Text::new(
            "three times all seconds: a third of the rate, the same exponent",
            "所有时间变成三倍：速率变三分之一，指数不变",
        ),
        except: &[],
        kinds: ALL,
        check: slower_machine,
    },
    Law {
        id: "power-law-is-found",
        sentence: Text::new(
            "seconds that are exactly n^1.5 give the exponent 1.5",
            "时间恰为 n^1.5 时，指数就是 1.5",
        ),
        except: &[],
        kinds: &["ordinary", "causal", "short"],
        check: power_law,
    },
    Law {
        id: "order-of-cases",
        sentence: Text::new(
            "cases in reverse order: rows in reverse order, the same exponent",
            "用例倒序：各行随之倒序，指数不变",
        ),
        except: &[],
        kinds: ALL,
        check: order_of_cases,
    },
];

fn tol(inputs: &Inputs) -> f64 {
    (super::PROBLEM.tolerance)(inputs).value
}

/// Counts with each kind multiplied by a factor.
fn scaled(outputs: &Outputs, factors: [f64; 4]) -> Outputs {
    let factors = ArrayD::from_shape_vec(vec![1, 4], factors.to_vec()).expect("four kinds");
    match outputs[0].shape().get(1) {
        Some(4) => vec![&outputs[0] * &factors],
        _ => vec![outputs[0].clone()],
    }
}

fn head_dim_leaves_scores(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let twice = Value::Number(2.0 * inputs.number("head_dim"));
    let twice = inputs.clone().with("head_dim", twice);
    let want = scaled(&run(inputs), [4.0, 2.0, 2.0, 1.0]);
    let tol = tol(&twice) + 4.0 * tol(inputs);
    Deviation::between(&run(&twice)[..1].to_vec(), &want, tol)
}

fn kv_heads_leave_attention(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let one = inputs.clone().with("kv_heads", Value::Number(1.0));
    let only = [0.0, 1.0, 0.0, 1.0];
    let (few, all) = (scaled(&run(&one), only), scaled(&run(inputs), only));
    Deviation::between(&few, &all, 2.0 * tol(inputs))
}

fn slower_machine(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let slow = inputs.float("seconds").mapv(|t| 3.0 * t);
    let slow = inputs.clone().with("seconds", Value::Float(slow));
    let (before, mut after) = (run(inputs), run(&slow));
    if let Some(rate) = after.get_mut(1) {
        *rate *= 3.0;
    }
    let tol = tol(inputs) + 3.0 * tol(&slow);
    Deviation::between(&before, &after, tol)
}

fn power_law(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let exact = inputs.int("n").mapv(|n| 1e-6 * (n as f32).powf(1.5));
    let exact = inputs.clone().with("seconds", Value::Float(exact));
    let got = run(&exact);
    let want = ArrayD::from_elem(got[got.len() - 1].raw_dim(), 1.5);
    Deviation::between(&got[got.len() - 1..].to_vec(), &vec![want], tol(&exact))
}

fn order_of_cases(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let mut back = inputs.clone();
    let mut n = inputs.int("n").clone();
    n.invert_axis(Axis(0));
    let mut seconds = inputs.float("seconds").clone();
    seconds.invert_axis(Axis(0));
    back.set("n", Value::Int(n.as_standard_layout().into_owned()));
    back.set(
        "seconds",
        Value::Float(seconds.as_standard_layout().into_owned()),
    );
    let mut got = run(&back);
    for array in got.iter_mut().take(2) {
        array.invert_axis(Axis(0));
    }
    Deviation::between(&got, &run(inputs), 2.0 * tol(inputs))
}
