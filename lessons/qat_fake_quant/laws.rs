//! What must hold for every right implementation.

use super::problem::tolerance;
use super::reference::arguments;
use crate::problem::{Deviation, Law, Run};
use crate::tensor::{Inputs, Outputs, Value};
use crate::text::Text;

const ALL: &[&str] = &["ordinary", "signed", "int8"];

pub const LAWS: &[Law] = &[
    Law {
        id: "idempotent",
        sentence: Text::new(
            "values on the grid stay where they are, and pass every gradient",
            "已在网格上的值不再变化，梯度全部通过",
        ),
        except: &["unrounded-mask"],
        kinds: ALL,
        check: |inputs, run| {
            let first = run(inputs);
            let x_hat = first[0].mapv(|x| x as f32);
            let again = run(&inputs.clone().with("x", Value::Float(x_hat)));
            let want: Outputs = vec![first[0].clone(), inputs.f64("grad_out")];
            let got: Outputs = vec![again[0].clone(), again[1].clone()];
            Deviation::between(&got, &want, 2.0 * tolerance(inputs).value)
        },
    },
    Law {
        id: "on-the-grid",
        sentence: Text::new(
            "x̂/s + z is a whole number from qmin to qmax",
            "x̂/s + z 是 qmin 到 qmax 之间的整数",
        ),
        except: &[],
        kinds: ALL,
        check: |inputs, run| {
            let args = arguments(inputs);
            let x_hat = run(inputs).swap_remove(0);
            let off = |x: &f64| {
                let q = x / args.scale + args.zero_point;
                let beyond = (args.qmin - q).max(q - args.qmax).max(0.0);
                (q - q.round()).abs().max(beyond) + 0.0 * q
            };
            let err =
                x_hat.iter().map(off).fold(
                    0.0,
                    |err: f64, gap| {
                        if gap > err || gap.is_nan() { gap } else { err }
                    },
                );
            Deviation {
                err,
                tol: tolerance(inputs).value / args.scale,
            }
        },
    },
    Law {
        id: "units",
        sentence: Text::new(
            "x and s twice as large: x̂ twice as large, gradients as before",
            "x 与 s 同时加倍：x̂ 加倍，梯度不变",
        ),
        except: &[],
        kinds: ALL,
        check: |inputs, run| {
            let changed = inputs
                .clone()
                .with("x", Value::Float(inputs.float("x") * 2.0))
                .with("scale", Value::Number(2.0 * inputs.number("scale")));
            let mut want = run(inputs);
            want[0] *= 2.0;
            Deviation::between(&run(&changed), &want, 4.0 * tolerance(inputs).value)
        },
    },
    Law {
        id: "linear-in-the-gradient",
        sentence: Text::new(
            "four times the incoming gradient gives four times both gradients",
            "输入梯度放大 4 倍，两个梯度都放大 4 倍",
        ),
        except: &[],
        kinds: ALL,
        check: |inputs, run| {
            let grad_out = Value::Float(inputs.float("grad_out") * 4.0);
            let mut want = run(inputs);
            want[1] *= 4.0;
            want[2] *= 4.0;
            let changed = inputs.clone().with("grad_out", grad_out);
            Deviation::between(&run(&changed), &want, 5.0 * tolerance(inputs).value)
        },
    },
    Law {
        id: "shift-of-codes",
        sentence: Text::new(
            "zero-point, qmin and qmax all larger by 3: other codes, the same values and gradients (but for √qmax)",
            "zero-point、qmin、qmax 同加 3：编码变了，数值与梯度不变（除 √qmax 外）",
        ),
        except: &[],
        kinds: ALL,
        check: shift_of_codes,
    },
];

fn shift_of_codes(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let mut changed = inputs.clone();
    for name in ["zero_point", "qmin", "qmax"] {
        changed.set(name, Value::Number(inputs.number(name) + 3.0));
    }
    let qmax = inputs.number("qmax");
    let mut want = run(inputs);
    // The factor knows qmax.
    want[2] *= (qmax / (qmax + 3.0)).sqrt();
    Deviation::between(&run(&changed), &want, 2.0 * tolerance(inputs).value)
}
