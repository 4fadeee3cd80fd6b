//! What must hold for every right implementation.

use super::problem::tolerance;
use super::reference::{arguments, codes, error, largest, scales, smoothing};
use crate::problem::{Deviation, Law, Run};
use crate::tensor::{Inputs, Value};
use crate::text::Text;
use ndarray::{Array1, Array2, Axis, Ix2};

pub const LAWS: &[Law] = &[
    Law {
        id: "near-the-float-product",
        sentence: Text::new(
            "no result is further from x·wᵀ than half a step of every factor allows",
            "任何结果与 x·wᵀ 的距离都不超过各因子半步误差之和",
        ),
        except: &[],
        kinds: &["ordinary", "outliers", "alpha", "zeros"],
        check: near_the_float_product,
    },
    Law {
        id: "better-than-one-scale",
        sentence: Text::new(
            "with outliers the error is at most half of that with one scale for everything",
            "有离群通道时，误差不超过全局单一 scale 的一半",
        ),
        except: &[],
        kinds: &["outliers"],
        check: better_than_one_scale,
    },
    Law {
        id: "tokens-are-independent",
        sentence: Text::new(
            "one token alone has the same result as among others",
            "单独一个 token 的结果与混在批次里时相同",
        ),
        except: &[],
        kinds: &["ordinary", "outliers"],
        check: |inputs, run| {
            let last = inputs.float("x").shape()[0] - 1;
            let x = inputs.float("x").select(Axis(0), &[last]);
            let want = run(inputs)[0].select(Axis(0), &[last]);
            let alone = inputs.clone().with("x", Value::Float(x));
            Deviation::between(&run(&alone), &vec![want], 2.0 * tolerance(inputs).value)
        },
    },
    Law {
        id: "size-of-inputs",
        sentence: Text::new(
            "inputs and their calibrated maxima twice as large give results twice as large",
            "输入及其校准最大值加倍，结果也加倍",
        ),
        except: &[],
        kinds: &["ordinary", "alpha"],
        check: |inputs, run| {
            let doubled = |name: &str| Value::Float(inputs.float(name) * 2.0);
            let changed = inputs
                .clone()
                .with("x", doubled("x"))
                .with("act_max", doubled("act_max"));
            let want = run(inputs)[0].mapv(|y| 2.0 * y);
            Deviation::between(&run(&changed), &vec![want], 4.0 * tolerance(inputs).value)
        },
    },
    Law {
        id: "where-the-size-is",
        sentence: Text::new(
            "an input four times as large with a weight a quarter as large gives the same: smoothing shares the size out in the same way",
            "某个输入放大 4 倍、对应权重缩到 1/4，结果不变：平滑会同样分配尺度",
        ),
        except: &[],
        kinds: &["ordinary", "outliers", "alpha"],
        check: |inputs, run| {
            let mut changed = inputs.clone();
            for (name, factor) in [("x", 4.0), ("act_max", 4.0), ("weight", 0.25)] {
                let mut values = inputs.float(name).clone();
                let axis = values.ndim() - 1;
                values
                    .index_axis_mut(Axis(axis), 0)
                    .mapv_inplace(|x| x * factor);
                changed.set(name, Value::Float(values));
            }
            let want = run(inputs);
            let tol = tolerance(inputs).value + tolerance(&changed).value;
            Deviation::between(&run(&changed), &want, tol)
        },
    },
];

/// Steps of the symmetric codes; those of asymmetric ones are not wider.
fn near_the_float_product(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let args = arguments(inputs);
    let smooth = smoothing(&args.act_max, &args.weight, args.alpha);
    let (x, w) = (&args.x / &smooth, &args.weight * &smooth);
    let half = |rows: &Array2<f64>| scales(rows) / 2.0;
    let (x_half, w_half) = (half(&x), half(&w));
    let size = |rows: &Array2<f64>| -> Array1<f64> { rows.mapv(f64::abs).sum_axis(Axis(1)) };
    let (x_size, w_size) = (size(&x), size(&w));
    let exact = args.x.dot(&args.weight.t());
    let got = run(inputs).swap_remove(0);
    let c = x.ncols() as f64;
    let mut worst = 0.0;
    for ((at, y), got) in exact.indexed_iter().zip(&got) {
        let (t, r) = at;
        // One more half step of the activations: a zero-point rounds too.
        let room =
            x_size[t] * w_half[r] + 2.0 * w_size[r] * x_half[t] + 2.0 * c * x_half[t] * w_half[r];
        let used = (got - y).abs() / (room + tolerance(inputs).value);
        worst = if used > worst || used.is_nan() {
            used
        } else {
            worst
        };
        if worst.is_nan() {
            break;
        }
    }
    Deviation {
        err: worst,
        tol: 1.0,
    }
}

fn better_than_one_scale(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let args = arguments(inputs);
    let one = |rows: &Array2<f64>| {
        let scale = largest(rows.iter()) / 127.0;
        codes(rows, &Array1::from_elem(rows.nrows(), scale)) * scale
    };
    let crude = one(&args.x).dot(&one(&args.weight).t());
    let of = |y: &Array2<f64>| error(y, &args.x, &args.weight);
    let err = match run(inputs).swap_remove(0).into_dimensionality::<Ix2>() {
        Ok(y) => of(&y) / of(&crude),
        Err(_) => f64::NAN,
    };
    Deviation { err, tol: 0.5 }
}
