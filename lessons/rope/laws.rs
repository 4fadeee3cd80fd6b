//! What holds for every right RoPE, whatever its layout.

use crate::problem::{Deviation, Law, Run};
use crate::tensor::{Inputs, Labels, Outputs, Tensor, Value, max_abs};
use crate::text::Text;
use ndarray::Axis;

const EPS: f64 = f32::EPSILON as f64;
/// By how many tokens the laws shift positions.
const SHIFT: i64 = 11;

pub const LAWS: &[Law] = &[
    Law {
        id: "norm-preserved",
        sentence: Text::new(
            "a rotation leaves the length of every vector as it was",
            "旋转不改变任何向量的长度",
        ),
        except: &[],
        kinds: &["ordinary", "ragged", "large-magnitude", "long"],
        check: norm_preserved,
    },
    Law {
        id: "identity-at-0",
        sentence: Text::new(
            "at position 0 nothing is turned: q_rot = q, k_rot = k",
            "位置 0 处不旋转：q_rot = q，k_rot = k",
        ),
        except: &["pairs-to-halves"],
        kinds: &["ordinary", "ragged", "theta-500000"],
        check: identity_at_0,
    },
    Law {
        id: "relative",
        sentence: Text::new(
            "scores depend on distances only: shifting all positions together leaves q_rot·k_rot as it was",
            "分数只依赖距离：所有位置一起平移，q_rot·k_rot 不变",
        ),
        except: &[],
        kinds: &["ordinary", "chunk", "left-padding", "theta-500000"],
        check: relative,
    },
    Law {
        id: "turns-add",
        sentence: Text::new(
            "turning by a and then by b is turning by a + b: R_b·R_a = R_(a+b)",
            "先转 a 再转 b 等于转 a + b：R_b·R_a = R_(a+b)",
        ),
        except: &["pairs-to-halves"],
        kinds: &["ordinary", "ragged", "left-padding"],
        check: turns_add,
    },
    Law {
        id: "same-for-q-and-k",
        sentence: Text::new(
            "q and k are treated alike: exchanging them exchanges the outputs",
            "q 与 k 的处理方式相同：输入对调，输出也对调",
        ),
        except: &[],
        kinds: &["ordinary", "decode"],
        check: same_for_q_and_k,
    },
];

/// max|x|, and √2·(m + 4)·ε for the largest position m that the law uses: the relative error of
/// a right f32 answer.
fn scales(inputs: &Inputs, shift: i64) -> (f64, f64) {
    let x = max_abs(inputs.float("q")).max(max_abs(inputs.float("k")));
    let m = inputs.int("positions").iter().fold(0, |m, &p| m.max(p));
    (x, 2f64.sqrt() * ((m + shift) as f64 + 4.0) * EPS)
}

fn norm_preserved(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let length = |x: &ndarray::ArrayD<f64>| x.mapv(|x| x * x).sum_axis(Axis(3)).mapv(f64::sqrt);
    let before: Outputs = ["q", "k"].map(|name| length(&inputs.f64(name))).to_vec();
    let after = run(inputs).iter().map(length).collect();
    // cos² + sin² is 1 within a few ε even where the angle is off.
    let d = inputs.float("q").shape()[3] as f64;
    let (x, _) = scales(inputs, 0);
    Deviation::between(&before, &after, 8.0 * EPS * x * d.sqrt())
}

fn identity_at_0(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let zero = Labels::zeros(inputs.int("positions").raw_dim());
    let got = run(&inputs.clone().with("positions", Value::Int(zero)));
    let (x, _) = scales(inputs, 0);
    Deviation::between(&got, &vec![inputs.f64("q"), inputs.f64("k")], 4.0 * EPS * x)
}

fn relative(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let here = scores(&run(inputs));
    let moved = inputs.int("positions").mapv(|m| m + SHIFT);
    let there = scores(&run(&inputs.clone().with("positions", Value::Int(moved))));
    // Each of the d products has two factors with this relative error, on both sides.
    let d = inputs.float("q").shape()[3] as f64;
    let (x, error) = scales(inputs, SHIFT);
    Deviation::between(&here, &there, 4.0 * d * x * x * error)
}

/// q_rot·k_rotᵀ; nothing where the shapes do not allow it.
fn scores(outputs: &Outputs) -> Outputs {
    match outputs.as_slice() {
        [q, k] if q.ndim() == 4 && q.shape() == k.shape() => {
            vec![crate::ops::einsum("b h n d, b h m d -> b h n m", &[q, k])]
        }
        _ => vec![],
    }
}

fn turns_add(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let first = run(inputs);
    let mut again = inputs.clone();
    for (name, value) in ["q", "k"].into_iter().zip(first) {
        let value: Tensor = value.mapv(|x| x as f32);
        again.set(name, Value::Float(value));
    }
    let by = Labels::from_elem(inputs.int("positions").raw_dim(), SHIFT);
    let twice = run(&again.with("positions", Value::Int(by)));
    let sum = inputs.int("positions").mapv(|m| m + SHIFT);
    let once = run(&inputs.clone().with("positions", Value::Int(sum)));
    let (x, error) = scales(inputs, SHIFT);
    // A pair may have all its length, √2·max|x|, in one element, in each of the three turns.
    Deviation::between(&twice, &once, 3.0 * 2f64.sqrt() * x * error)
}

fn same_for_q_and_k(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let mut straight = run(inputs);
    let swapped = inputs
        .clone()
        .with("q", inputs.get("k").clone())
        .with("k", inputs.get("q").clone());
    let crossed = run(&swapped);
    straight.reverse();
    let (x, error) = scales(inputs, 0);
    Deviation::between(&straight, &crossed, 2.0 * x * error)
}
