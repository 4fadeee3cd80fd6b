//! What is asked: inputs, cases, tolerance and the production kernel.

use super::bugs::{BUGS, CONVENTIONS};
use super::grid::{settled, settled_high};
use super::laws::LAWS;
use super::reference::{Arguments, reference};
use super::variants::variant;
use crate::kernels::{affine, cpu};
use crate::problem::{Arg, Case, Kind, Prepared, Problem, Production, Setting, Tolerance, Work};
use crate::tensor::{Inputs, Tensor, Value};
use crate::text::Text;
use ndarray::IxDyn;
use rand::RngExt;

crate::exercise!(x: tensor, low: tensor, high: tensor, bits: number, symmetric: number);

pub static PROBLEM: Problem = Problem {
    signature: "fn affine_quantization(x: &Tensor, low: &Tensor, high: &Tensor, bits: f64, symmetric: f64) -> (Tensor, Tensor, Tensor, Tensor)",
    args: &[
        Arg::float("x", "c n"),
        Arg::float("low", "c"),
        Arg::float("high", "c"),
        Arg::number("bits"),
        Arg::number("symmetric"),
    ],
    outputs: &[
        ("scale", "c"),
        ("zero_point", "c"),
        ("q", "c n"),
        ("x_hat", "c n"),
    ],
    settings: &[
        Setting::axis(
            "c",
            3,
            Text::new(
                "channels, each with a range of its own",
                "通道数，每个通道有自己的区间",
            ),
        ),
        Setting::axis(
            "n",
            20,
            Text::new("numbers in a channel", "每个通道的元素数"),
        ),
        Setting::option("bits", 8, 2, 8, Text::new("bits of a code", "码的位数")),
        Setting::option(
            "symmetric",
            0,
            0,
            1,
            Text::new(
                "1: codes ±(2^(b−1) − 1) and no zero point",
                "1：码为 ±(2^(b−1) − 1)，没有 zero_point",
            ),
        ),
        Setting::option(
            "range",
            0,
            0,
            4,
            Text::new(
                "0 around 0, 1 above 0, 2 one channel of zeros, 3 exact ties (with bits=4), 4 numbers in the hundreds",
                "0 跨过 0，1 全为正，2 有一个全零通道，3 恰为一半（配 bits=4），4 数值上百",
            ),
        ),
    ],
    kinds: KINDS,
    inputs,
    reference,
    variant,
    bugs: BUGS,
    conventions: CONVENTIONS,
    tolerance,
    laws: LAWS,
    memory: None,
    production: Production {
        name: || format!("affine quantize, {} threads", cpu::threads()),
        prepare,
        scale: &[("c", 1024), ("n", 4096)],
        // A division, a rounding, two limits, an addition and a product; a number is read, its code
        // and its value are written.
        work: |case: &Case| {
            let numbers = (case.size("c") * case.size("n")) as f64;
            Work {
                flops: 6.0 * numbers,
                bytes: 12.0 * numbers,
            }
        },
    },
};

const KINDS: &[Kind] = &[
    Kind::new(
        "ordinary",
        &[],
        Text::new(
            "8 bits, asymmetric; a few numbers outside the range",
            "8 位非对称；少数元素落在区间外",
        ),
    ),
    Kind::new(
        "symmetric",
        &[("symmetric", 1)],
        Text::new("8 bits, symmetric", "8 位对称"),
    ),
    Kind::new(
        "four-bits",
        &[("bits", 4), ("c", 4)],
        Text::new("16 codes", "16 个码"),
    ),
    Kind::new(
        "four-bits-symmetric",
        &[("bits", 4), ("symmetric", 1), ("c", 5)],
        Text::new("15 codes: −7 … 7", "15 个码：−7 … 7"),
    ),
    Kind::new(
        "two-bits",
        &[("bits", 2), ("c", 2), ("n", 9)],
        Text::new("4 codes", "4 个码"),
    ),
    Kind::new(
        "tiny",
        &[("c", 1), ("n", 1)],
        Text::new("one number", "只有一个数"),
    ),
    Kind::new(
        "ragged",
        &[],
        Text::new("sizes drawn by the seed", "大小由种子抽取"),
    )
    .ragged(),
    Kind::new(
        "above-zero",
        &[("range", 1)],
        Text::new(
            "ranges such as 5 … 8, which do not hold 0",
            "形如 5 … 8、不含 0 的区间",
        ),
    ),
    Kind::new(
        "above-zero-symmetric",
        &[("range", 1), ("symmetric", 1), ("bits", 6)],
        Text::new(
            "the same, symmetric: half of the codes are never used",
            "同上但对称：一半的码永远用不到",
        ),
    ),
    Kind::new(
        "zeros",
        &[("range", 2)],
        Text::new(
            "a channel of zeros: range 0 … 0",
            "有一个全零通道：区间 0 … 0",
        ),
    ),
    Kind::new(
        "zeros-symmetric",
        &[("range", 2), ("symmetric", 1)],
        Text::new("a channel of zeros, symmetric", "全零通道，对称"),
    ),
    Kind::new(
        "ties",
        &[("range", 3), ("bits", 4)],
        Text::new(
            "a scale that is a power of two, and numbers halfway between two codes",
            "scale 为 2 的幂，元素恰在两个码正中间",
        ),
    ),
    Kind::new(
        "large",
        &[("range", 4), ("n", 11)],
        Text::new(
            "numbers in the hundreds: the scale is above 1",
            "数值上百：scale 大于 1",
        ),
    ),
];

fn inputs(case: &Case) -> Inputs {
    let (c, n, bits) = (case.size("c"), case.size("n"), case.size("bits") as f64);
    let (symmetric, range) = (case.size("symmetric"), case.size("range"));
    let mut rng = case.rng("range");
    let ranges: Vec<[f32; 2]> = (0..c)
        .map(|channel| {
            // Channels differ much in size, and in which side is longer.
            let size = [1.0, 7.0, 0.3][channel % 3] * if range == 4 { 300.0 } else { 1.0 };
            let short = size * rng.random_range(0.3..0.6f32);
            let long = size * rng.random_range(1.0..1.5f32);
            let [low, high] = match range {
                1 => [size + short, size + short + long],
                2 if channel + 1 == c => [0.0, 0.0],
                // scale 2^(channel mod 3 − 1), zero point 8.
                3 => [-8.0, 7.0].map(|q| q * 2f32.powi(channel as i32 % 3 - 1)),
                _ if channel % 2 == 0 => [-long, short],
                _ => [-short, long],
            };
            [low, settled_high(low, high, bits)]
        })
        .collect();
    let end = |i: usize| Tensor::from_shape_fn(IxDyn(&[c]), |at| ranges[at[0]][i]);
    let inputs = Inputs::new()
        .with("x", Value::Float(Tensor::zeros(IxDyn(&[c, n]))))
        .with("low", Value::Float(end(0)))
        .with("high", Value::Float(end(1)))
        .with("bits", Value::Number(bits))
        .with("symmetric", Value::Number(symmetric as f64));
    let grids = Arguments::of(&inputs).grids();
    let mut rng = case.rng("x");
    let x = Tensor::from_shape_fn(IxDyn(&[c, n]), |at| {
        let ([low, high], scale) = (ranges[at[0]], grids[at[0]].scale);
        // One zero, one number far outside on each side, and a fifth of the rest a little outside.
        let u: f32 = rng.random_range(-0.1..1.1);
        match at[1] {
            _ if low == high => 0.0,
            // Odd multiples of half a step: exact in f32.
            _ if range == 3 => (rng.random_range(-9..8) as f32 + 0.5) * scale as f32,
            1 => 0.0,
            2 => settled(low - (high - low), scale),
            3 => settled(high + (high - low), scale),
            _ => settled(low + u * (high - low), scale),
        }
    });
    inputs.with("x", Value::Float(x))
}

/// Codes and zero points are integers, and inputs are so far from ties that f32 rounds to the same
/// (except ties on purpose, which are exact). The scale has three roundings (difference, quotient,
/// result), x̂ = s·(q − z) two more; s·q − s·z has them relative to the terms, which are at most twice
/// the largest x̂ or range.
pub fn tolerance(inputs: &Inputs) -> Tolerance {
    let given = Arguments::of(inputs);
    let largest = given.grids().iter().fold(0.0, |most: f64, grid| {
        most.max(grid.scale * (grid.most - grid.least))
    });
    let value = 6.0 * f64::from(f32::EPSILON) * largest;
    Tolerance {
        value,
        formula: format!("6·ε·max s·(most − least) = 6·1.19e-7·{largest:.3}"),
    }
}

fn prepare(inputs: &Inputs) -> Prepared<'_> {
    let x = inputs.float("x").as_standard_layout();
    let grids = Arguments::of(inputs).grids();
    let each = |of: fn(&super::grid::Grid) -> f64| {
        Tensor::from_shape_fn(IxDyn(&[grids.len()]), |at| of(&grids[at[0]]) as f32)
    };
    let outputs = vec![
        each(|grid| grid.scale),
        each(|grid| grid.zero_point),
        Tensor::zeros(x.raw_dim()),
        Tensor::zeros(x.raw_dim()),
    ];
    let grids: Vec<affine::Grid> = grids.into_iter().map(Into::into).collect();
    Prepared::new(outputs, move |outputs| {
        let [_, _, q, x_hat] = outputs else { return };
        let (Some(q), Some(x_hat), Some(x)) =
            (q.as_slice_mut(), x_hat.as_slice_mut(), x.as_slice())
        else {
            return;
        };
        if affine::quantize(q, x_hat, x, &grids).is_err() {
            // Shapes were checked against `args`; the judge shows NaN as a failure of the kernel.
            q.fill(f32::NAN);
        }
    })
}
