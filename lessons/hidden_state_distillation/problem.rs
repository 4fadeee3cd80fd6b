//! What is asked: inputs, cases, tolerance and the production kernel.

use super::bugs::{BUGS, CONVENTIONS};
use super::laws::LAWS;
use super::reference::{arguments, layer_map, reference};
use super::variants::variant;
use crate::kernels::hidden_distillation::{self, Input, Shape, hidden_distillation};
use crate::problem::{
    Arg, Case, Kind, Prepared, Problem, Production, Setting, Tolerance, Variant, Work,
};
use crate::tensor::{Inputs, Labels, Tensor, Value};
use crate::text::Text;
use ndarray::{Axis, arr0};
use rand::RngExt;

crate::exercise!(student: tensor, teacher: tensor, projection: tensor, mask: labels);

pub static PROBLEM: Problem = Problem {
    signature: "fn hidden_state_distillation(student: &Tensor, teacher: &Tensor, projection: &Tensor, mask: &Labels) -> (f32, Tensor)",
    args: &[
        Arg::float("student", "l n p"),
        Arg::float("teacher", "m n q"),
        Arg::float("projection", "p q"),
        Arg::int("mask", "n"),
    ],
    outputs: &[("loss", ""), ("grad_projection", "p q")],
    settings: &[
        axis(
            "l",
            3,
            "hidden states of the student: embeddings and layers",
            "学生隐藏态个数：嵌入 + 各层",
        ),
        axis(
            "m",
            7,
            "hidden states of the teacher: embeddings and layers",
            "教师隐藏态个数：嵌入 + 各层",
        ),
        axis("n", 5, "tokens", "token 数"),
        axis("p", 4, "width of the student", "学生宽度"),
        axis("q", 6, "width of the teacher", "教师宽度"),
        Setting::option(
            "padding",
            0,
            0,
            2,
            Text::new(
                "padding: 0 none, 1 the last third, 2 everything",
                "填充：0 没有，1 末尾三分之一，2 全部",
            ),
        ),
    ],
    kinds: &[
        Kind::new(
            "ordinary",
            &[],
            Text::new("2 layers learn from 6", "2 层学 6 层"),
        ),
        Kind::new(
            "tiny",
            &[("l", 1), ("m", 1), ("n", 1), ("p", 1), ("q", 1)],
            Text::new(
                "embeddings of one token, one dimension",
                "一个 token 的嵌入，一维",
            ),
        ),
        Kind::new(
            "ragged",
            &[],
            Text::new("sizes drawn by the seed", "大小由种子抽取"),
        )
        .ragged(),
        Kind::new(
            "three-of-twelve",
            &[("l", 4), ("m", 13), ("n", 3)],
            Text::new("3 layers learn from 12", "3 层学 12 层"),
        ),
        Kind::new(
            "uneven",
            &[("l", 4), ("m", 9), ("n", 6)],
            Text::new(
                "8 layers do not divide among 3: rounded down",
                "8 层分给 3 层除不尽：向下取整",
            ),
        ),
        Kind::new(
            "narrow-teacher",
            &[("p", 7), ("q", 3), ("n", 6)],
            Text::new("the teacher is narrower", "教师更窄"),
        ),
        Kind::new(
            "same-width",
            &[("p", 5), ("q", 5), ("n", 6)],
            Text::new("equal widths: W is there all the same", "宽度相同：仍有 W"),
        ),
        Kind::new(
            "padded",
            &[("padding", 1), ("n", 8)],
            Text::new("the last tokens are padding", "末尾若干 token 是填充"),
        ),
        Kind::new(
            "all-padded",
            &[("padding", 2), ("n", 3)],
            Text::new(
                "nothing but padding: 0 by definition",
                "全是填充：按约定为 0",
            ),
        ),
    ],
    inputs,
    reference,
    variant,
    bugs: BUGS,
    conventions: CONVENTIONS,
    tolerance,
    laws: LAWS,
    memory: None,
    production: Production {
        name: hidden_distillation::name,
        prepare,
        scale: &[("l", 4), ("m", 13), ("n", 256), ("p", 96), ("q", 128)],
        // Two products, and a subtraction and a multiply-add for the square.
        work: |case: &Case| {
            let [l, n, p, q] = ["l", "n", "p", "q"].map(|axis| case.size(axis) as f64);
            Work {
                flops: l * n * q * (4.0 * p + 3.0),
                bytes: 4.0 * (l * n * (p + q) + 2.0 * p * q),
            }
        },
    },
};

const fn axis(name: &'static str, default: usize, en: &'static str, zh: &'static str) -> Setting {
    Setting::axis(name, default, Text::new(en, zh))
}

/// Layers that drift away from each other, as in a real network, and a W that is partly right.
fn inputs(case: &Case) -> Inputs {
    let drift = |name: &str, axes: &str| {
        let mut states = case.normal(name, axes, 1.0);
        for layer in 1..states.shape()[0] {
            let before = states.index_axis(Axis(0), layer - 1).to_owned();
            let mut now = states.index_axis_mut(Axis(0), layer);
            now.zip_mut_with(&before, |now, before| *now = 0.7 * *now + 0.7 * before);
        }
        states
    };
    let p = case.size("p") as f32;
    let n = case.size("n");
    let mut rng = case.rng("mask");
    let tokens = match case.size("padding") {
        0 => n,
        1 => (n - n.div_ceil(3) + rng.random_range(0..2usize)).clamp(1, n - n.min(2) / 2),
        _ => 0,
    };
    let mask = Labels::from_shape_fn(vec![n], |at| i64::from(at[0] < tokens));
    Inputs::new()
        .with("student", Value::Float(drift("student", "l n p")))
        .with("teacher", Value::Float(drift("teacher", "m n q")))
        .with(
            "projection",
            Value::Float(case.normal("projection", "p q", 1.0 / p.sqrt())),
        )
        .with("mask", Value::Int(mask))
}

/// Rounding of f32. A projected state is a sum of p products of at most S in all, and the teacher's is
/// taken off: an error of ε·(p + 2)·S on a difference of at most S, squared, averaged and summed over l
/// layers; a mean of N·q squares adds N·q + 4 relative roundings of the loss L. The gradient is a sum
/// of l·N such differences times 2·max|H_s|/(N·q).
pub fn tolerance(inputs: &Inputs) -> Tolerance {
    let args = arguments(inputs);
    let (l, n, p) = args.student.dim();
    let q = args.teacher.dim().2;
    let largest = |x: &mut dyn Iterator<Item = f64>| x.fold(0.0, |max: f64, x| max.max(x));
    let sums = |row: ndarray::ArrayView1<'_, f64>| row.fold(0.0, |sum, x| sum + x.abs());
    let column = largest(&mut args.projection.columns().into_iter().map(sums));
    let student = largest(&mut args.student.iter().map(|x| x.abs()));
    let s = student * column + largest(&mut args.teacher.iter().map(|x| x.abs()));
    let loss = variant(inputs, &Variant::default())[0].sum();
    let of_loss = 2.0 * l as f64 * (p + 2) as f64 * s * s + (n * q + 4) as f64 * loss;
    let of_gradient = 2.0 * student / q as f64 * l as f64 * (p + 2 + n * l) as f64 * s;
    Tolerance {
        value: f64::from(f32::EPSILON) * of_loss.max(of_gradient),
        formula: format!(
            "ε·max(2·l·(p + 2)·S² + (n·q + 4)·L, 2·max|H_s|/q·l·(p + 2 + n·l)·S) = 1.19e-7·max({of_loss:.1}, {of_gradient:.1}), S = max|H_s|·max Σ|W| + max|H_t| = {s:.2}"
        ),
    }
}

fn prepare(inputs: &Inputs) -> Prepared<'_> {
    let student = inputs.float("student").as_standard_layout();
    let teacher = inputs.float("teacher").as_standard_layout();
    let projection = inputs.float("projection").as_standard_layout();
    let mask: Vec<bool> = inputs
        .int("mask")
        .iter()
        .map(|counts| *counts != 0)
        .collect();
    let shape = Shape {
        layers: student.shape()[0],
        teacher_layers: teacher.shape()[0],
        tokens: mask.len(),
        student: student.shape()[2],
        teacher: teacher.shape()[2],
    };
    let map = layer_map(shape.layers, shape.teacher_layers);
    let outputs = vec![arr0(0.0).into_dyn(), Tensor::zeros(projection.shape())];
    Prepared::new(outputs, move |outputs| {
        let input = Input {
            student: student.as_slice().unwrap_or_default(),
            teacher: teacher.as_slice().unwrap_or_default(),
            projection: projection.as_slice().unwrap_or_default(),
            map: &map,
            mask: &mask,
        };
        let gradient = outputs[1].as_slice_mut().unwrap_or_default();
        // Shapes were checked against `args`; the judge shows NaN as a failure of the kernel.
        let loss = hidden_distillation(gradient, input, shape).unwrap_or(f64::NAN);
        outputs[0].fill(loss as f32);
    })
}
