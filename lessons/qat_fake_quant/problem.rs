//! What is asked: inputs, cases, tolerance and the production kernel.

use super::bugs::{BUGS, CONVENTIONS};
use super::laws::LAWS;
use super::reference::{arguments, reference};
use super::variants::variant;
use crate::kernels::fake_quant::{self, Grid, fake_quant};
use crate::problem::{Arg, Case, Kind, Prepared, Problem, Production, Setting, Tolerance, Work};
use crate::tensor::{Inputs, Tensor, Value, max_abs};
use crate::text::Text;
use ndarray::arr0;
use rand::RngExt;

crate::exercise!(x: tensor, grad_out: tensor, scale: number, zero_point: number, qmin: number, qmax: number);

pub static PROBLEM: Problem = Problem {
    signature: "fn qat_fake_quant(x: &Tensor, grad_out: &Tensor, scale: f64, zero_point: f64, qmin: f64, qmax: f64) -> (Tensor, Tensor, f32)",
    args: &[
        Arg::float("x", "n c"),
        Arg::float("grad_out", "n c"),
        Arg::number("scale"),
        Arg::number("zero_point"),
        Arg::number("qmin"),
        Arg::number("qmax"),
    ],
    outputs: &[("x_hat", "n c"), ("grad_x", "n c"), ("grad_scale", "")],
    settings: &[
        Setting::axis("n", 5, Text::new("rows", "行数")),
        Setting::axis("c", 7, Text::new("columns", "列数")),
        Setting::option("bits", 4, 2, 8, Text::new("bits of a code", "编码位数")),
        Setting::option(
            "signed",
            0,
            0,
            1,
            Text::new(
                "1: codes from −2^(bits−1) and zero-point 0; 0: from 0, with a zero-point",
                "1：编码从 −2^(bits−1) 起、zero-point 为 0；0：编码从 0 起、带 zero-point",
            ),
        ),
        Setting::option(
            "values",
            0,
            0,
            2,
            Text::new(
                "0 some beyond the ends, 1 all inside, 2 all beyond",
                "0 部分越界，1 全部在内，2 全部越界",
            ),
        ),
    ],
    kinds: &[
        Kind::new(
            "ordinary",
            &[],
            Text::new(
                "codes 0 … 15 with a zero-point",
                "编码 0 … 15，带 zero-point",
            ),
        ),
        Kind::new(
            "tiny",
            &[("n", 1), ("c", 1)],
            Text::new("one value", "只有一个值"),
        ),
        Kind::new(
            "ragged",
            &[],
            Text::new("sizes drawn by the seed", "大小由种子抽取"),
        )
        .ragged(),
        Kind::new(
            "signed",
            &[("signed", 1), ("n", 6)],
            Text::new("codes −8 … 7, zero-point 0", "编码 −8 … 7，zero-point 为 0"),
        ),
        Kind::new(
            "int8",
            &[("bits", 8), ("n", 8), ("c", 9)],
            Text::new("codes 0 … 255", "编码 0 … 255"),
        ),
        Kind::new(
            "two-bits",
            &[("bits", 2), ("n", 6)],
            Text::new("codes 0 … 3", "编码 0 … 3"),
        ),
        Kind::new(
            "inside",
            &[("values", 1), ("n", 6)],
            Text::new("nothing is clipped", "没有值被截断"),
        ),
        Kind::new(
            "beyond",
            &[("values", 2), ("n", 4)],
            Text::new("everything is clipped", "所有值都被截断"),
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
        name: fake_quant::name,
        prepare,
        scale: &[("n", 128), ("c", 128)],
        // A quotient, a rounding, an addition, two bounds, a subtraction and two products for the
        // value; a comparison, a subtraction and a multiply-add for the gradients.
        work: |case: &Case| {
            let size = (case.size("n") * case.size("c")) as f64;
            Work {
                flops: 12.0 * size,
                bytes: 16.0 * size,
            }
        },
    },
};

/// Values s·(k + u) with 0.08 ≤ |u| ≤ 0.42: neither near a tie nor near a code, so that f32 rounds and
/// clips them as f64 does.
fn inputs(case: &Case) -> Inputs {
    let levels = (1_i64 << case.size("bits")) - 1;
    let mut rng = case.rng("grid");
    let scale = rng.random_range(0.05_f32..0.4);
    let (qmin, zero) = match case.size("signed") {
        1 => (-(levels + 1) / 2, 0),
        _ => (0, rng.random_range(1..levels)),
    };
    let qmax = qmin + levels;
    let (first, last) = (qmin - zero, qmax - zero);
    let mut rng = case.rng("x");
    let mut place = 0;
    let mut draw = || {
        place += 1;
        let off = rng.random_range(0.08_f32..0.42);
        let off = if rng.random_bool(0.5) { off } else { -off };
        let beyond = rng.random_range(1..3 + levels / 4);
        let (k, off) = match (case.size("values"), place) {
            // Beyond the end, but rounded to it; and surely beyond.
            (0, 1) => (last, off.abs()),
            (0, 2) => (first, -off.abs()),
            (0, 3) => (last + beyond, off),
            (0, 4) => (first - beyond, off),
            (2, _) if rng.random_bool(0.5) => (last + beyond, off),
            (2, _) => (first - beyond, off),
            (1, _) if levels > 3 => (rng.random_range(first + 1..last), off),
            (1, _) => (rng.random_range(first..=last), 0.5 * off),
            _ => (
                rng.random_range(first - levels / 4..=last + levels / 4),
                off,
            ),
        };
        // In f64, and rounded once: k + u is exact enough at any size of k.
        (f64::from(scale) * (k as f64 + f64::from(off))) as f32
    };
    let shape = vec![case.size("n"), case.size("c")];
    let x = Tensor::from_shape_simple_fn(shape, &mut draw);
    let number = |value: i64| Value::Number(value as f64);
    Inputs::new()
        .with("x", Value::Float(x))
        .with(
            "grad_out",
            Value::Float(case.normal("grad_out", "n c", 1.0)),
        )
        .with("scale", Value::Number(f64::from(scale)))
        .with("zero_point", number(zero))
        .with("qmin", number(qmin))
        .with("qmax", number(qmax))
}

/// x̂ is an integer times s, rounded twice at the most, and its gradient is exact. The gradient of s sums
/// N products of grad_out with round(u) − u, whose error is that of u, ε·|u|; the sum's own roundings
/// are taken as independent, ε·√N of what is summed.
pub fn tolerance(inputs: &Inputs) -> Tolerance {
    let args = arguments(inputs);
    let n = args.x.len() as f64;
    let pairs = || args.grad_out.iter().zip(&args.x);
    let ratios: f64 = pairs().map(|(g, x)| (g * x / args.scale).abs()).sum();
    let width = (args.qmax - args.zero_point)
        .abs()
        .max((args.qmin - args.zero_point).abs());
    let slopes: f64 = args.grad_out.iter().map(|g| g.abs() * width).sum();
    let of_scale = (2.0 * ratios + (n.sqrt() + 4.0) * slopes) / (n * args.qmax).sqrt();
    let of_x = 2.0 * args.scale * width + max_abs(inputs.float("grad_out"));
    Tolerance {
        value: f64::from(f32::EPSILON) * of_scale.max(of_x),
        formula: format!(
            "ε·max((2·Σ|g·x/s| + (√N + 4)·Σ|g|·max|q − z|)/√(N·qmax), 2·s·max|q − z| + max|g|) = 1.19e-7·max({of_scale:.1}, {of_x:.2})"
        ),
    }
}

fn prepare(inputs: &Inputs) -> Prepared<'_> {
    let x = inputs.float("x").as_standard_layout();
    let grad_out = inputs.float("grad_out").as_standard_layout();
    let number = |name: &str| inputs.number(name) as f32;
    let grid = Grid {
        scale: number("scale"),
        zero_point: number("zero_point"),
        qmin: number("qmin"),
        qmax: number("qmax"),
    };
    let factor = (x.len() as f64 * inputs.number("qmax")).sqrt();
    let outputs = vec![
        Tensor::zeros(x.shape()),
        Tensor::zeros(x.shape()),
        arr0(0.0).into_dyn(),
    ];
    Prepared::new(outputs, move |outputs| {
        let [x_hat, grad_x, grad_scale] = outputs else {
            return;
        };
        let x_hat = x_hat.as_slice_mut().unwrap_or_default();
        let grad_x = grad_x.as_slice_mut().unwrap_or_default();
        let x = x.as_slice().unwrap_or_default();
        let grad_out = grad_out.as_slice().unwrap_or_default();
        // Shapes were checked against `args`; the judge shows NaN as a failure of the kernel.
        let sum = fake_quant(x_hat, grad_x, x, grad_out, grid).unwrap_or(f64::NAN);
        grad_scale.fill((sum / factor) as f32);
    })
}
