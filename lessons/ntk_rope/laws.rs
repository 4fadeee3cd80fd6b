//! What holds for every right stretching, whatever its convention.

use super::problem::tolerance;
use super::reference::Ask;
use crate::problem::{Deviation, Law, Run};
use crate::tensor::{Inputs, Outputs, Value};
use crate::text::Text;
use ndarray::{Axis, Slice};

const ALL: &[&str] = &[
    "ordinary",
    "static",
    "dynamic",
    "dynamic-decode",
    "by-parts",
    "ragged",
];

pub const LAWS: &[Law] = &[
    Law {
        id: "no-stretch-is-rope",
        sentence: Text::new(
            "with factor 1 and a text that fits into the training length, the tables are those of plain RoPE",
            "factor 为 1 且文本不超过训练长度时，得到的就是普通 RoPE 的表",
        ),
        except: &[],
        kinds: ALL,
        check: no_stretch_is_rope,
    },
    Law {
        id: "first-pair-is-spared",
        sentence: Text::new(
            "the fastest pair keeps its frequency: stretched or not, it has the same angles",
            "最快的一对频率不变：拉伸与否，角度都相同",
        ),
        except: &[],
        kinds: ALL,
        check: first_pair_is_spared,
    },
    Law {
        id: "last-pair-is-slowed-by-s",
        sentence: Text::new(
            "the slowest pair is slowed by exactly s: at s times the position it stands where plain RoPE has it",
            "最慢的一对恰好慢 s 倍：位置放大 s 倍时，它正好落在普通 RoPE 的原处",
        ),
        except: &[],
        kinds: &["static", "tiny", "by-parts", "base-500000"],
        check: last_pair_is_slowed_by_s,
    },
    Law {
        id: "one-heat",
        sentence: Text::new(
            "cos² + sin² is the same number everywhere: 1, or (0.1·ln s + 1)² for YaRN",
            "cos² + sin² 处处相同：等于 1，YaRN 则为 (0.1·ln s + 1)²",
        ),
        except: &[],
        kinds: &["ordinary", "static", "dynamic", "by-parts", "factor-1"],
        check: one_heat,
    },
];

/// The tables without their heat: cos and sin over √(cos² + sin²).
fn directions(outputs: &Outputs) -> Outputs {
    match outputs.as_slice() {
        [cos, sin] if cos.shape() == sin.shape() => {
            let length = (cos * cos + sin * sin).mapv(f64::sqrt);
            vec![cos / &length, sin / &length]
        }
        _ => vec![],
    }
}

fn pair(outputs: &Outputs, last: bool) -> Outputs {
    let one = |x: &ndarray::ArrayD<f64>| {
        let i = match last {
            true => x.shape()[1].saturating_sub(1),
            false => 0,
        };
        x.slice_axis(Axis(1), Slice::from(i..=i)).to_owned()
    };
    outputs.iter().map(one).collect()
}

fn unstretched(inputs: &Inputs) -> Inputs {
    let room = 2.0 * Ask::of(inputs).length;
    let trained = inputs.number("trained").max(room);
    let plain = inputs.clone().with("trained", Value::Number(trained));
    plain.with("factor", Value::Number(1.0))
}

fn no_stretch_is_rope(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let plain = unstretched(inputs);
    let ask = Ask::of(&plain);
    let theta = crate::lessons::rope::inv_freq(ask.head_dim, ask.base);
    let positions = plain.int("positions");
    let table = |wave: fn(f64) -> f64| {
        let shape = ndarray::IxDyn(&[positions.len(), theta.len()]);
        ndarray::ArrayD::from_shape_fn(shape, |at| wave(positions[at[0]] as f64 * theta[at[1]]))
    };
    let want = vec![table(f64::cos), table(f64::sin)];
    Deviation::between(&run(&plain), &want, tolerance(&plain).value)
}

fn first_pair_is_spared(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let [far, near] = [inputs, &unstretched(inputs)].map(|x| pair(&directions(&run(x)), false));
    Deviation::between(&far, &near, 2.0 * tolerance(inputs).value)
}

fn last_pair_is_slowed_by_s(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let factor = inputs.number("factor") as i64;
    let far = inputs.int("positions").mapv(|m| m * factor);
    let far = inputs.clone().with("positions", Value::Int(far));
    let near = inputs.clone().with("factor", Value::Number(1.0));
    let tol = tolerance(&far).value + tolerance(&near).value;
    let [far, near] = [&far, &near].map(|x| pair(&directions(&run(x)), true));
    Deviation::between(&far, &near, tol)
}

fn one_heat(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let ask = Ask::of(inputs);
    let heat = ask.heat(ask.stretch());
    let squares: Outputs = match run(inputs).as_slice() {
        [cos, sin] if cos.shape() == sin.shape() => vec![cos * cos + sin * sin],
        _ => vec![],
    };
    let want = squares.iter().map(|x| x.mapv(|_| heat * heat)).collect();
    let tol = 8.0 * f64::from(f32::EPSILON) * heat * heat;
    Deviation::between(&squares, &want, tol)
}
