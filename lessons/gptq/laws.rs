//! What must hold for every right implementation.

use super::problem::tolerance;
use super::reference::{arguments, output_error, round_to_nearest};
use crate::problem::{Deviation, Law, Run};
use crate::tensor::{Inputs, Value};
use crate::text::Text;
use ndarray::{Axis, Ix2, concatenate};

pub const LAWS: &[Law] = &[
    Law {
        id: "better-than-rounding",
        sentence: Text::new(
            "on correlated inputs the layer's output error is at most 0.9 of that of round-to-nearest: codes that are no better are not GPTQ",
            "输入相关时，层输出误差不超过就近舍入（RTN）的 0.9 倍：做不到这一点的编码不是 GPTQ",
        ),
        except: &[],
        kinds: &["correlated"],
        check: better_than_rounding,
    },
    Law {
        id: "diagonal-is-rounding",
        sentence: Text::new(
            "where H is diagonal there is nobody to pass an error to: GPTQ is round-to-nearest",
            "H 为对角阵时误差无处可传：GPTQ 就是就近舍入",
        ),
        except: &[],
        kinds: &["diagonal"],
        check: |inputs, run| {
            let args = arguments(inputs);
            let nearest = round_to_nearest(&args.weight, args.group_size, args.most);
            Deviation::between(
                &run(inputs),
                &vec![nearest.into_dyn()],
                tolerance(inputs).value,
            )
        },
    },
    Law {
        id: "scale-of-inputs",
        sentence: Text::new(
            "inputs four times as large change nothing: H and λ grow alike",
            "输入放大 4 倍，结果不变：H 与 λ 同比例变大",
        ),
        except: &["dead-in-mean"],
        kinds: &["ordinary", "dead", "few-tokens"],
        check: |inputs, run| {
            let x = inputs.float("x") * 4.0;
            same(inputs, &inputs.clone().with("x", Value::Float(x)), run)
        },
    },
    Law {
        id: "repeated-calibration",
        sentence: Text::new(
            "a calibration set that holds every token twice gives the same weights",
            "校准集里每个 token 出现两次，结果不变",
        ),
        except: &[],
        kinds: &["ordinary", "few-tokens", "damped"],
        check: |inputs, run| {
            let x = inputs.float("x");
            let Ok(twice) = concatenate(Axis(0), &[x.view(), x.view()]) else {
                return Deviation {
                    err: f64::NAN,
                    tol: 0.0,
                };
            };
            same(inputs, &inputs.clone().with("x", Value::Float(twice)), run)
        },
    },
    Law {
        id: "rows-are-independent",
        sentence: Text::new(
            "rows do not know of each other: the first row alone gives the same first row",
            "各行互不影响：只给第一行，得到的第一行不变",
        ),
        except: &[],
        kinds: &["ordinary", "act-order-groups"],
        check: |inputs, run| {
            let weight = inputs.float("weight").select(Axis(0), &[0]);
            let want = run(inputs)[0].select(Axis(0), &[0]);
            let alone = inputs.clone().with("weight", Value::Float(weight));
            let tol = 2.0 * tolerance(inputs).value;
            Deviation::between(&run(&alone), &vec![want], tol)
        },
    },
    Law {
        id: "names-of-inputs",
        sentence: Text::new(
            "with act-order it does not matter how the inputs are numbered: permuting them in w and x permutes ŵ",
            "开 act-order 时输入怎么编号都无所谓：w 和 x 的列一起重排，ŵ 随之重排",
        ),
        except: &["static-groups"],
        kinds: &["act-order", "act-order-groups"],
        check: |inputs, run| {
            let backwards: Vec<usize> = (0..inputs.float("x").shape()[1]).rev().collect();
            let turned = |name: &str| Value::Float(inputs.float(name).select(Axis(1), &backwards));
            let changed = inputs
                .clone()
                .with("weight", turned("weight"))
                .with("x", turned("x"));
            let want = run(inputs)[0].select(Axis(1), &backwards);
            let tol = 2.0 * tolerance(inputs).value;
            Deviation::between(&run(&changed), &vec![want], tol)
        },
    },
];

/// The output error in units of round-to-nearest's.
fn better_than_rounding(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let args = arguments(inputs);
    let nearest = round_to_nearest(&args.weight, args.group_size, args.most);
    let lost = |w_hat| output_error(&args.x, &args.weight, w_hat);
    let err = match run(inputs).swap_remove(0).into_dimensionality::<Ix2>() {
        Ok(w_hat) => lost(&w_hat) / lost(&nearest),
        Err(_) => f64::NAN,
    };
    Deviation { err, tol: 0.9 }
}

/// The function's answers on both inputs; each may be off by its own tolerance.
fn same(before: &Inputs, after: &Inputs, run: Run<'_>) -> Deviation {
    let tol = tolerance(before).value + tolerance(after).value;
    let first = run(before);
    Deviation::between(&first, &run(after), tol)
}
