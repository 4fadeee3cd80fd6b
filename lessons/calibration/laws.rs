//! What must hold for every right implementation.

use super::problem::{tolerance, with_number, with_x, without_average};
use super::reference::Arguments;
use crate::lessons::affine_quantization::grid::Grid;
use crate::problem::{Deviation, Law};
use crate::tensor::Outputs;
use crate::text::Text;
use ndarray::{Axis, IxDyn};

pub const LAWS: &[Law] = &[
    Law {
        id: "hundred-percent",
        sentence: Text::new(
            "the percentile 100 is the maximum",
            "百分位取 100 就是最大值",
        ),
        except: &[],
        kinds: &["ordinary", "heavy-tails", "after-relu"],
        check: |inputs, run| {
            let outputs = run(&with_number(inputs, "percentile", 100.0));
            let thresholds = &outputs[0];
            Deviation {
                err: (thresholds[2] - thresholds[0]).abs(),
                tol: tolerance(inputs).value,
            }
        },
    },
    Law {
        id: "either-sign",
        sentence: Text::new(
            "with x negated every threshold stays where it is",
            "x 整体取负，阈值都不变",
        ),
        except: &[],
        kinds: &["ordinary", "after-relu", "outlier"],
        check: |inputs, run| {
            let negated = with_x(inputs, -inputs.float("x"));
            between(&run(inputs), &run(&negated), 2.0 * tolerance(inputs).value)
        },
    },
    Law {
        id: "scales-along",
        sentence: Text::new(
            "with x doubled the thresholds double, the square errors are four times as large, and the divergences stay",
            "x 翻倍，阈值翻倍，均方误差变为四倍，散度不变",
        ),
        except: &[],
        kinds: &["ordinary", "heavy-tails", "uniform"],
        check: |inputs, run| {
            let doubled = with_x(inputs, inputs.float("x") * 2.0);
            let mut once = run(inputs);
            once[0] *= 2.0;
            once[1] *= 4.0;
            let tol = 4.0 * tolerance(inputs).value + tolerance(&doubled).value;
            between(&once, &run(&doubled), tol)
        },
    },
    Law {
        id: "order-of-batches",
        sentence: Text::new(
            "the order of batches matters for the moving average only",
            "批次的先后只影响滑动平均",
        ),
        except: &[],
        kinds: &["ordinary", "heavy-tails", "outlier"],
        check: |inputs, run| {
            let x = inputs.float("x");
            let backwards: Vec<usize> = (0..x.shape()[0]).rev().collect();
            let turned = with_x(inputs, x.select(Axis(0), &backwards));
            let [first, second] = [run(inputs), run(&turned)].map(without_average);
            between(&first, &second, 2.0 * tolerance(inputs).value)
        },
    },
    Law {
        id: "one-batch",
        sentence: Text::new(
            "with all numbers in one batch the moving average is the maximum",
            "所有数放进一批，滑动平均就是最大值",
        ),
        except: &[],
        kinds: &["ordinary", "one-batch"],
        check: |inputs, run| {
            let x = inputs.float("x").as_standard_layout().into_owned();
            let len = x.len();
            let Ok(row) = x.into_shape_with_order(IxDyn(&[1, len])) else {
                return Deviation {
                    err: f64::NAN,
                    tol: 0.0,
                };
            };
            let outputs = run(&with_x(inputs, row));
            Deviation {
                err: (outputs[0][1] - outputs[0][0]).abs(),
                tol: tolerance(inputs).value,
            }
        },
    },
    Law {
        id: "no-worse-than-the-maximum",
        sentence: Text::new(
            "on the calibration data the square-error threshold is no worse than the maximum, and no candidate is better",
            "在校准数据上，均方误差阈值不劣于最大值，也没有更好的候选",
        ),
        except: &[],
        kinds: &["ordinary", "heavy-tails", "outlier", "uniform"],
        check: |inputs, run| {
            let (given, outputs) = (Arguments::of(inputs), run(inputs));
            let error = |threshold: f64| {
                let grid = Grid::symmetric(threshold, given.bits);
                let square = |x: &f64| (x - grid.nearest(*x)).powi(2);
                given.x.iter().map(square).sum::<f64>() / given.x.len() as f64
            };
            let max = super::reference::max_abs(given.x.iter());
            let width = max / given.bins as f64;
            let best = given.candidates().map(|i| error(i as f64 * width));
            let best = best.fold(f64::INFINITY, f64::min);
            Deviation {
                err: error(outputs[0][3]) - best,
                tol: tolerance(inputs).value,
            }
        },
    },
];

/// The largest difference; infinite divergences must be the same.
fn between(a: &Outputs, b: &Outputs, tol: f64) -> Deviation {
    let finite = |outputs: &Outputs| -> Outputs {
        let number = |x: &f64| if *x == f64::INFINITY { 1e9 } else { *x };
        outputs.iter().map(|array| array.map(number)).collect()
    };
    Deviation::between(&finite(a), &finite(b), tol)
}
