//! What must hold for every right implementation.

use super::problem::tolerance;
use super::reference::Arguments;
use crate::problem::{Deviation, Law};
use crate::tensor::{Inputs, Outputs, Value};
use crate::text::Text;
use ndarray::{ArrayD, Axis};

pub const LAWS: &[Law] = &[
    Law {
        id: "half-a-step",
        sentence: Text::new(
            "inside the range no number moves by more than half a step",
            "区间内的数，误差不超过半步",
        ),
        except: &[],
        kinds: &["ordinary", "symmetric", "four-bits", "above-zero"],
        check: |inputs, run| {
            let (given, outputs) = (Arguments::of(inputs), run(inputs));
            let grids = given.grids();
            let excess = given.x.indexed_iter().map(|((c, i), &x)| {
                let grid = &grids[c];
                let ends = [grid.value(grid.least), grid.value(grid.most)];
                match (ends[0]..=ends[1]).contains(&x) {
                    true => (x - outputs[3][[c, i]]).abs() - grid.scale / 2.0,
                    false => 0.0,
                }
            });
            Deviation::worst(excess, tolerance(inputs).value)
        },
    },
    Law {
        id: "zero-is-exact",
        sentence: Text::new("0.0 comes back as exactly 0.0", "0.0 还原后仍恰为 0.0"),
        except: &[],
        kinds: &["ordinary", "symmetric", "above-zero", "large"],
        check: |inputs, run| {
            let zeros = inputs.float("x").mapv(|_| 0.0);
            let outputs = run(&inputs.clone().with("x", Value::Float(zeros)));
            Deviation::worst(outputs[3].iter().map(|x| x.abs()), 0.0)
        },
    },
    Law {
        id: "integers-of-b-bits",
        sentence: Text::new(
            "codes and zero points are integers between the least and the greatest code",
            "码和 zero_point 都是上下限之间的整数",
        ),
        except: &[],
        kinds: &[
            "ordinary",
            "symmetric",
            "two-bits",
            "four-bits-symmetric",
            "above-zero",
        ],
        check: |inputs, run| {
            let (given, outputs) = (Arguments::of(inputs), run(inputs));
            let grid = given.grids()[0];
            let off =
                |q: &f64| (q - q.round()).abs() + (grid.least - q).max(q - grid.most).max(0.0);
            Deviation::worst(outputs[1].iter().chain(&outputs[2]).map(off), 0.0)
        },
    },
    Law {
        id: "idempotent",
        sentence: Text::new(
            "quantising what was quantised changes nothing",
            "对已量化的值再量化一次，结果不变",
        ),
        except: &[],
        kinds: &["ordinary", "symmetric", "four-bits", "zeros"],
        check: |inputs, run| {
            let first = run(inputs);
            let again = run(&with_x(inputs, &first[3]));
            Deviation::between(&first, &again, 2.0 * tolerance(inputs).value)
        },
    },
    Law {
        id: "scales-along",
        sentence: Text::new(
            "with x and its range doubled the codes are the same, and the scale and x_hat double",
            "x 与区间同时翻倍，码不变，scale 与 x_hat 翻倍",
        ),
        except: &[],
        kinds: &["ordinary", "symmetric", "above-zero", "large"],
        check: |inputs, run| {
            let mut doubled = inputs.clone();
            for name in ["x", "low", "high"] {
                doubled.set(name, Value::Float(inputs.float(name) * 2.0));
            }
            let (mut once, twice) = (run(inputs), run(&doubled));
            once[0] *= 2.0;
            once[3] *= 2.0;
            Deviation::between(&once, &twice, 3.0 * tolerance(inputs).value)
        },
    },
    Law {
        id: "channels-alone",
        sentence: Text::new(
            "a channel's codes do not depend on the other channels",
            "某个通道的码与其他通道无关",
        ),
        except: &[],
        kinds: &["ordinary", "symmetric", "four-bits"],
        check: |inputs, run| {
            let mut alone = inputs.clone();
            for name in ["x", "low", "high"] {
                let first = inputs.float(name).select(Axis(0), &[0]);
                alone.set(name, Value::Float(first));
            }
            let first: Outputs = run(inputs)
                .iter()
                .map(|a| a.select(Axis(0), &[0]))
                .collect();
            Deviation::between(&first, &run(&alone), 2.0 * tolerance(inputs).value)
        },
    },
];

fn with_x(inputs: &Inputs, x: &ArrayD<f64>) -> Inputs {
    let x = Value::Float(x.mapv(|x| x as f32));
    inputs.clone().with("x", x)
}
