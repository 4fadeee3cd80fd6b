//! What holds for every right encoding, whatever its layout.

use super::problem::tolerance;
use crate::ops::einsum;
use crate::problem::{Deviation, Law, Run};
use crate::tensor::{Inputs, Outputs, Tensor, Value, max_abs};
use crate::text::Text;
use ndarray::{Axis, Slice};

const ALL: &[&str] = &["ordinary", "ragged", "left-padding", "far"];
/// By how many tokens the law shifts positions.
const SHIFT: i64 = 7;

pub const LAWS: &[Law] = &[
    Law {
        id: "constant-length",
        sentence: Text::new(
            "the encoding of every position has the length √(d/2)",
            "任何位置的编码长度都是 √(d/2)",
        ),
        except: &[],
        kinds: ALL,
        check: constant_length,
    },
    Law {
        id: "offset-only",
        sentence: Text::new(
            "the dot product of two encodings depends on the distance of the positions only",
            "两个位置编码的点积只取决于位置之差",
        ),
        except: &[],
        kinds: ALL,
        check: offset_only,
    },
    Law {
        id: "embeddings-come-scaled",
        sentence: Text::new(
            "adding x to the embeddings adds √d·x to the output",
            "embedding 增加 x，输出增加 √d·x",
        ),
        except: &[],
        kinds: &["ordinary", "ragged", "decode"],
        check: embeddings_come_scaled,
    },
    Law {
        id: "tokens-are-alone",
        sentence: Text::new(
            "a token gets the same vector with and without the others",
            "有没有其他 token，一个 token 得到的向量都一样",
        ),
        except: &[],
        kinds: &["ordinary", "ragged", "left-padding"],
        check: tokens_are_alone,
    },
];

/// The same positions under embeddings of zeros.
fn bare(inputs: &Inputs) -> Inputs {
    let zeros = Tensor::zeros(inputs.float("embeddings").raw_dim());
    inputs.clone().with("embeddings", Value::Float(zeros))
}

fn constant_length(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let squares: Outputs = run(&bare(inputs))
        .iter()
        .map(|x| (x * x).sum_axis(Axis(2)))
        .collect();
    let d = inputs.float("embeddings").shape()[2] as f64;
    let want = squares.iter().map(|x| x.mapv(|_| d / 2.0)).collect();
    // sin² + cos² is 1 within a few ε, whatever the angle.
    Deviation::between(&squares, &want, 4.0 * d * f64::from(f32::EPSILON))
}

fn offset_only(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let here = bare(inputs);
    let moved = inputs.int("positions").mapv(|m| m + SHIFT);
    let there = here.clone().with("positions", Value::Int(moved));
    let mut products = |inputs: &Inputs| -> Outputs {
        let each = run(inputs);
        each.iter()
            .map(|x| einsum("b n d, b m d -> b n m", &[x, x]))
            .collect()
    };
    let (near, far) = (products(&here), products(&there));
    // d products of two factors, at most 1 each and off by the tolerance.
    let d = inputs.float("embeddings").shape()[2] as f64;
    let tol = 2.0 * d * (tolerance(&here).value + tolerance(&there).value);
    Deviation::between(&near, &far, tol)
}

fn embeddings_come_scaled(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let x = inputs.float("embeddings");
    let root = (x.shape()[2] as f64).sqrt();
    let with = run(inputs);
    let without = run(&bare(inputs));
    let gained: Outputs = with.iter().zip(&without).map(|(a, b)| a - b).collect();
    let want = vec![x.mapv(|x| root * f64::from(x))];
    let tol = 2.0 * tolerance(inputs).value + f64::from(f32::EPSILON) * max_abs(x);
    Deviation::between(&gained, &want, tol)
}

fn tokens_are_alone(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let last = Slice::from(-1..);
    let alone = inputs
        .clone()
        .with(
            "embeddings",
            Value::Float(
                inputs
                    .float("embeddings")
                    .slice_axis(Axis(1), last)
                    .to_owned(),
            ),
        )
        .with(
            "positions",
            Value::Int(inputs.int("positions").slice_axis(Axis(1), last).to_owned()),
        );
    let whole = run(inputs);
    let ends: Outputs = whole
        .iter()
        .map(|x| x.slice_axis(Axis(1), last).to_owned())
        .collect();
    Deviation::between(&run(&alone), &ends, 2.0 * tolerance(inputs).value)
}
