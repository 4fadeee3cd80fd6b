//! What holds for every right feed-forward network, whichever GELU it has.

use crate::ops::einsum;
use crate::problem::{Deviation, Law, Run};
use crate::tensor::{Inputs, Outputs, Tensor, Value};
use crate::text::Text;
use ndarray::{ArrayD, Axis};

pub const LAWS: &[Law] = &[
    Law {
        id: "position-wise",
        sentence: Text::new(
            "every token is computed by itself: reversing the tokens reverses the outputs",
            "每个 token 独立计算：token 倒序，输出也倒序",
        ),
        except: &[],
        kinds: &["ordinary", "ragged", "large-magnitude"],
        check: position_wise,
    },
    Law {
        id: "units-unordered",
        sentence: Text::new(
            "the order of the hidden units does not matter: permuting W_up, b_up, W_gate and W_down together changes nothing",
            "隐藏单元的顺序无所谓：W_up、b_up、W_gate、W_down 一起置换，结果不变",
        ),
        except: &[],
        kinds: &["ordinary", "square"],
        check: units_unordered,
    },
    Law {
        id: "odd-part",
        sentence: Text::new(
            "GELU(z) − GELU(−z) = z: the network minus the one with W_up and b_up negated is linear",
            "GELU(z) − GELU(−z) = z：原网络减去 W_up、b_up 取负的网络，剩下的是线性的",
        ),
        except: &[],
        kinds: &["ordinary", "ragged", "small-values"],
        check: odd_part,
    },
    Law {
        id: "gate-closed",
        sentence: Text::new(
            "with W_gate = 0 the gate is closed: SwiGLU gives 0",
            "W_gate = 0 时门关闭：SwiGLU 输出 0",
        ),
        except: &[],
        kinds: &["ordinary", "large-magnitude"],
        check: gate_closed,
    },
    Law {
        id: "linear-in-up",
        sentence: Text::new(
            "SwiGLU is linear in W_up: doubling it doubles the output",
            "SwiGLU 对 W_up 是线性的：W_up 加倍，输出加倍",
        ),
        except: &[],
        kinds: &["ordinary", "ragged"],
        check: linear_in_up,
    },
];

fn tolerance(inputs: &Inputs) -> f64 {
    (super::problem::PROBLEM.tolerance)(inputs).value
}

fn changed(inputs: &Inputs, names: &[&'static str], change: impl Fn(&Tensor) -> Tensor) -> Inputs {
    let mut inputs = inputs.clone();
    for name in names {
        let value = change(inputs.float(name));
        inputs.set(name, Value::Float(value));
    }
    inputs
}

fn reversed<T: Clone>(array: &ArrayD<T>, axis: usize) -> ArrayD<T> {
    let mut view = array.view();
    view.invert_axis(Axis(axis));
    view.to_owned()
}

fn position_wise(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let straight: Outputs = run(inputs).iter().map(|out| reversed(out, 1)).collect();
    let there = run(&changed(inputs, &["x"], |x| reversed(x, 1)));
    Deviation::between(&straight, &there, tolerance(inputs))
}

fn units_unordered(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let other = changed(inputs, &["w_up", "w_gate"], |w| reversed(w, 1));
    let other = changed(&other, &["b_up", "w_down"], |w| reversed(w, 0));
    Deviation::between(&run(inputs), &run(&other), tolerance(inputs))
}

fn odd_part(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let negated = changed(inputs, &["w_up", "b_up"], |w| w.mapv(|w| -w));
    let first = |outputs: Outputs| outputs.into_iter().take(1).collect::<Outputs>();
    let (plus, minus) = (first(run(inputs)), first(run(&negated)));
    let up = einsum(
        "b n d, d f -> b n f",
        &[&inputs.f64("x"), &inputs.f64("w_up")],
    );
    let up = up + inputs.f64("b_up");
    let linear = einsum("b n f, f d -> b n d", &[&up, &inputs.f64("w_down")]);
    let odd = plus.iter().zip(&minus);
    let odd = odd.filter(|(plus, minus)| plus.shape() == minus.shape());
    let odd = odd.map(|(plus, minus)| plus - minus).collect();
    Deviation::between(&odd, &vec![linear], 2.0 * tolerance(inputs))
}

fn gate_closed(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let closed = changed(inputs, &["w_gate"], |w| Tensor::zeros(w.raw_dim()));
    let outputs: Outputs = run(&closed).into_iter().skip(1).collect();
    let zero = ArrayD::zeros(inputs.float("x").raw_dim());
    Deviation::between(&outputs, &vec![zero], tolerance(&closed))
}

fn linear_in_up(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let second = |outputs: Outputs| outputs.into_iter().skip(1).collect::<Outputs>();
    let twice: Outputs = second(run(inputs)).iter().map(|out| out * 2.0).collect();
    let doubled = changed(inputs, &["w_up"], |w| w * 2.0);
    Deviation::between(&twice, &second(run(&doubled)), 2.0 * tolerance(&doubled))
}
