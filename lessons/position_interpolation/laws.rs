//! What holds for every right interpolation, whatever its layout.

use super::problem::tolerance;
use crate::problem::{Deviation, Law, Run};
use crate::tensor::{Inputs, Outputs, Value, max_abs};
use crate::text::Text;
use ndarray::{Axis, Slice};

pub const LAWS: &[Law] = &[
    Law {
        id: "interpolates",
        sentence: Text::new(
            "stretching the text and the target by 3 changes nothing: token 3·m of 3·L' stands where token m of L' stood",
            "把位置和 target 同时放大 3 倍，输出不变：3·L' 里的第 3·m 个 token 落在 L' 里第 m 个的位置上",
        ),
        except: &[],
        kinds: &["ordinary", "ragged", "short-prompt", "2k-to-3k"],
        check: interpolates,
    },
    Law {
        id: "shorter-is-plain",
        sentence: Text::new(
            "a target that is not longer than the training changes nothing",
            "target 不超过训练长度时，什么都不变",
        ),
        except: &[],
        kinds: &["ordinary", "shorter-target", "large-magnitude"],
        check: shorter_is_plain,
    },
    Law {
        id: "tokens-are-alone",
        sentence: Text::new(
            "a token is turned the same with and without those after it, so that rotated keys may be cached",
            "有没有后续 token，一个 token 的旋转都一样，因此转好的 key 可以缓存",
        ),
        except: &[],
        kinds: &["ordinary", "ragged", "left-padding", "8k-to-32k"],
        check: tokens_are_alone,
    },
    Law {
        id: "norm-preserved",
        sentence: Text::new(
            "a rotation leaves the length of every vector as it was",
            "旋转不改变任何向量的长度",
        ),
        except: &[],
        kinds: &["ordinary", "ragged", "8k-to-32k"],
        check: norm_preserved,
    },
];

fn interpolates(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let positions = inputs.int("positions").mapv(|m| 3 * m);
    // From a target that is long enough for s not to be cut off at 1.
    let target = inputs.number("target").max(inputs.number("trained"));
    let near = inputs.clone().with("target", Value::Number(target));
    let far = near
        .clone()
        .with("positions", Value::Int(positions))
        .with("target", Value::Number(3.0 * target));
    let tol = tolerance(&near).value + tolerance(&far).value;
    Deviation::between(&run(&near), &run(&far), tol)
}

fn shorter_is_plain(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let trained = inputs.number("trained");
    let [same, shorter] = [1.0, 0.5].map(|part| {
        let target = Value::Number(part * trained);
        inputs.clone().with("target", target)
    });
    let tol = 2.0 * tolerance(&same).value;
    Deviation::between(&run(&same), &run(&shorter), tol)
}

fn tokens_are_alone(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let first = Slice::from(..1);
    let mut alone = inputs.clone();
    for name in ["q", "k"] {
        let head = inputs.float(name).slice_axis(Axis(2), first).to_owned();
        alone.set(name, Value::Float(head));
    }
    let head = inputs.int("positions").slice_axis(Axis(1), first);
    alone.set("positions", Value::Int(head.to_owned()));
    let whole = run(inputs);
    let heads: Outputs = whole
        .iter()
        .map(|x| x.slice_axis(Axis(2), first).to_owned())
        .collect();
    Deviation::between(&run(&alone), &heads, 2.0 * tolerance(inputs).value)
}

fn norm_preserved(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let length = |x: &ndarray::ArrayD<f64>| x.mapv(|x| x * x).sum_axis(Axis(3)).mapv(f64::sqrt);
    let before: Outputs = ["q", "k"].map(|name| length(&inputs.f64(name))).to_vec();
    let after = run(inputs).iter().map(length).collect();
    // cos² + sin² is 1 within a few ε even where the angle is off.
    let d = inputs.float("q").shape()[3] as f64;
    let x = max_abs(inputs.float("q")).max(max_abs(inputs.float("k")));
    let tol = 8.0 * f64::from(f32::EPSILON) * x * d.sqrt();
    Deviation::between(&before, &after, tol)
}
