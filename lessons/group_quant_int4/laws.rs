//! What must hold for every right implementation.

use super::problem::tolerance;
use super::production::product;
use super::reference::{Arguments, unpack};
use crate::problem::{Deviation, Law};
use crate::tensor::{Outputs, Value};
use crate::text::Text;
use ndarray::{Array2, Axis, Ix2, s};

pub const LAWS: &[Law] = &[
    Law {
        id: "kernel-runs-it",
        sentence: Text::new(
            "the production W4A16 kernel, given your packed weights, scales and zeros, computes your y",
            "生产级 W4A16 kernel 读取你打包的权重、scale 和 zero，算出的就是你的 y",
        ),
        except: &[],
        kinds: &[
            "ordinary",
            "short-group",
            "one-sign",
            "zero-group",
            "larger-groups",
        ],
        check: |inputs, run| {
            let outputs = run(inputs);
            match product(inputs, &outputs) {
                Ok(y) => Deviation::between(
                    &vec![outputs[3].clone()],
                    &vec![y.mapv(f64::from)],
                    2.0 * tolerance(inputs).value,
                ),
                Err(_) => BROKEN,
            }
        },
    },
    Law {
        id: "half-a-step",
        sentence: Text::new(
            "unpacked and read back, no weight is farther off than half of its group's step",
            "解包并还原后，权重误差不超过所在组的半步",
        ),
        except: &[],
        kinds: &["ordinary", "short-group", "one-sign", "larger-groups"],
        check: |inputs, run| {
            let (given, outputs) = (Arguments::of(inputs), run(inputs));
            let Some([q, scale, zero]) = parts(&outputs) else {
                return BROKEN;
            };
            let q = q.slice(s![.., ..given.w.ncols()]);
            let (s, z) = (given.spread(&scale), given.spread(&zero));
            let steps = ((&q - &z) - &given.w / &s).mapv(f64::abs);
            let excess = steps
                .indexed_iter()
                .map(|(at, steps)| (steps - 0.5) * s[at]);
            Deviation::worst(excess, tolerance(inputs).value)
        },
    },
    Law {
        id: "bytes-and-nibbles",
        sentence: Text::new(
            "packed holds integers from 0 to 255, zero integers from 0 to 15",
            "packed 是 0 到 255 的整数，zero 是 0 到 15 的整数",
        ),
        except: &[],
        kinds: &["ordinary", "one-sign", "zero-group"],
        check: |inputs, run| {
            let outputs = run(inputs);
            let off =
                |most: f64| move |x: &f64| (x - x.round()).abs() + (-x).max(x - most).max(0.0);
            let bytes = outputs[0].iter().map(off(255.0));
            Deviation::worst(bytes.chain(outputs[2].iter().map(off(15.0))), 0.0)
        },
    },
    Law {
        id: "zero-is-exact",
        sentence: Text::new(
            "a weight of 0 has its group's zero point as its code: it comes back as exactly 0",
            "值为 0 的权重，其码就是所在组的 zero_point：还原后恰为 0",
        ),
        except: &[],
        kinds: &["ordinary", "short-group", "one-sign"],
        check: |inputs, run| {
            let mut w = inputs.float("w").clone();
            w.index_axis_mut(Axis(1), 1).fill(0.0);
            let outputs = run(&inputs.clone().with("w", Value::Float(w)));
            let Some([q, _, zero]) = parts(&outputs) else {
                return BROKEN;
            };
            let gaps = q.column(1).to_owned() - zero.column(0);
            Deviation::worst(gaps.iter().map(|gap| gap.abs()), 0.0)
        },
    },
    Law {
        id: "rows-alone",
        sentence: Text::new(
            "an output's bytes, scales and zeros do not depend on the other outputs: no group straddles two rows",
            "某个输出的字节、scale、zero 与其他输出无关：没有组跨行",
        ),
        except: &[],
        kinds: &["ordinary", "short-group"],
        check: |inputs, run| {
            let row = inputs.float("w").select(Axis(0), &[1]);
            let all = run(inputs);
            let want = vec![
                all[0].select(Axis(0), &[1]),
                all[1].select(Axis(0), &[1]),
                all[2].select(Axis(0), &[1]),
                all[3].select(Axis(1), &[1]),
            ];
            let alone = run(&inputs.clone().with("w", Value::Float(row)));
            Deviation::between(&alone, &want, 2.0 * tolerance(inputs).value)
        },
    },
];

const BROKEN: Deviation = Deviation {
    err: f64::NAN,
    tol: 0.0,
};

/// Codes, scales and zeros of an answer.
fn parts(outputs: &Outputs) -> Option<[Array2<f64>; 3]> {
    let matrix = |i: usize| outputs[i].clone().into_dimensionality::<Ix2>().ok();
    Some([unpack(&matrix(0)?), matrix(1)?, matrix(2)?])
}
