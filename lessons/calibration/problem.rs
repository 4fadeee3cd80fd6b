//! What is asked: inputs, cases, tolerance and the production kernel.

use super::bugs::{BUGS, CONVENTIONS};
use super::laws::LAWS;
use super::reference::{Arguments, max_abs, reference};
use super::variants::variant;
use crate::kernels::{calibrate, cpu};
use crate::problem::{
    Arg, ArgKind, Case, Kind, Prepared, Problem, Production, Setting, Tolerance, Variant, Work,
};
use crate::tensor::{Inputs, Outputs, Tensor, Value};
use crate::text::Text;
use ndarray::IxDyn;
use rand::RngExt;

crate::exercise!(x: tensor, bits: number, percentile: number, averaging_constant: number, bins: number);

pub static PROBLEM: Problem = Problem {
    signature: "fn calibration(x: &Tensor, bits: f64, percentile: f64, averaging_constant: f64, bins: f64) -> (Tensor, Tensor, Tensor)",
    args: &[
        Arg {
            name: "x",
            kind: ArgKind::Float("k n"),
        },
        Arg::number("bits"),
        Arg::number("percentile"),
        Arg::number("averaging_constant"),
        Arg::number("bins"),
    ],
    outputs: &[("thresholds", "5"), ("mse", "t"), ("divergence", "t")],
    settings: &[
        Setting::axis("k", 4, Text::new("calibration batches", "校准批数")),
        Setting {
            min: 12,
            max: 1 << 20,
            ..Setting::axis("n", 60, Text::new("numbers in a batch", "每批的元素数"))
        },
        Setting::option("bits", 4, 3, 8, Text::new("bits of a code", "码的位数")),
        Setting::option(
            "percentile",
            97,
            50,
            100,
            Text::new("percentage that must not saturate", "不允许饱和的百分比"),
        ),
        Setting::option(
            "bins",
            48,
            16,
            2048,
            Text::new("bins of the histogram", "直方图的 bin 数"),
        ),
        Setting::option(
            "shape",
            0,
            0,
            4,
            Text::new(
                "0 normal, 1 heavy tails, 2 one outlier, 3 after ReLU, 4 uniform",
                "0 正态，1 重尾，2 一个离群值，3 ReLU 之后，4 均匀",
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
        name: || format!("calibrate, {} threads", cpu::threads()),
        prepare,
        scale: &[("k", 8), ("n", 8192)],
        // Each candidate quantises every number: a division, two limits, a rounding, a product, a
        // difference, its square and a sum.
        work: |case: &Case| {
            let numbers = (case.size("k") * case.size("n")) as f64;
            let levels = 1 << (case.size("bits") - 1);
            let candidates = (case.size("bins") - levels + 1) as f64;
            Work {
                flops: 8.0 * numbers * candidates,
                bytes: 4.0 * numbers,
            }
        },
    },
};

const KINDS: &[Kind] = &[
    Kind::new(
        "ordinary",
        &[],
        Text::new(
            "normal numbers; batches differ in size, the negative tail is longer",
            "正态分布；各批幅度不同，负侧尾巴更长",
        ),
    ),
    Kind::new(
        "heavy-tails",
        &[("shape", 1), ("n", 83)],
        Text::new("heavy tails", "重尾分布"),
    ),
    Kind::new(
        "outlier",
        &[("shape", 2), ("n", 71)],
        Text::new(
            "one number eight times as large as the rest: most bins are empty",
            "有一个数是其余的八倍：大多数 bin 是空的",
        ),
    ),
    Kind::new(
        "after-relu",
        &[("shape", 3), ("bins", 64)],
        Text::new("half of the numbers are 0", "一半的数是 0"),
    ),
    Kind::new(
        "uniform",
        &[("shape", 4), ("bits", 3)],
        Text::new("no tails: clipping cannot help", "没有尾巴：截断没有好处"),
    ),
    Kind::new(
        "more-bits",
        &[("bits", 6), ("bins", 80), ("shape", 1)],
        Text::new("6 bits: less reason to clip", "6 位：截断的理由变少"),
    ),
    Kind::new(
        "one-batch",
        &[("k", 1), ("n", 37), ("bins", 16)],
        Text::new("a single batch", "只有一批"),
    ),
    Kind::new(
        "ragged",
        &[],
        Text::new("sizes drawn by the seed", "大小由种子抽取"),
    )
    .ragged(),
];

/// How near to a bin's edge a number may be, in bins, so that f32 counts it in the same.
const NEAR: f64 = 0.02;
/// By how much the best candidate must beat the next, relative to it, beside what a long sum in f32
/// is off.
const MARGIN: f64 = 3e-4;

fn inputs(case: &Case) -> Inputs {
    let work = ["k", "n", "bins"]
        .map(|name| case.size(name))
        .iter()
        .product::<usize>();
    // Looking for a tie costs as much as the reference: large inputs are not drawn so often.
    let attempts = ((1 << 26) / work).clamp(1, 64);
    let mut attempt = 0;
    loop {
        let inputs = drawn(case, attempt);
        attempt += 1;
        // A tie between two candidates would be broken by rounding.
        if attempt == attempts || clear(&inputs) {
            return inputs;
        }
    }
}

fn clear(inputs: &Inputs) -> bool {
    let truth = variant(inputs, &Variant::default());
    let margin = MARGIN + f64::from(f32::EPSILON) * inputs.float("x").len() as f64 / 8.0;
    truth[1..].iter().all(|curve| {
        let mut sorted: Vec<f64> = curve.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        match sorted[..] {
            [best, next, ..] => next - best > margin * best.abs() + 2e-5,
            _ => true,
        }
    })
}

fn drawn(case: &Case, attempt: usize) -> Inputs {
    let (k, n, bins) = (case.size("k"), case.size("n"), case.size("bins"));
    let mut rng = case.rng(&format!("x{attempt}"));
    let mut normal = move || {
        // A sum of four uniform numbers with variance 1.
        (0..4).map(|_| rng.random_range(-1.0..1.0f32)).sum::<f32>() * 0.75f32.sqrt()
    };
    let mut x = Tensor::from_shape_simple_fn(IxDyn(&[k, n]), || {
        let z = normal();
        match case.size("shape") {
            0 | 2 if z < 0.0 => 1.4 * z,
            0 | 2 => z,
            1 => 0.6 * z * z * z.abs().max(0.3),
            3 => z.max(0.0),
            // Nearly uniform: a normal number folded into ±1.
            _ => (z * 1.3).sin() + 0.05 * z,
        }
    });
    // The batch in the middle is the largest, and the last one is not.
    for (b, mut batch) in x.outer_iter_mut().enumerate() {
        batch *= if b == k / 2 {
            1.0
        } else {
            0.7 - 0.08 * (b % 4) as f32
        };
    }
    let largest = |x: &Tensor| x.iter().fold(0f32, |max, x| x.abs().max(max));
    if case.size("shape") == 2 {
        x[[k / 2, n / 3]] = -8.0 * largest(&x);
    }
    // No number at the edge of a bin. Zeros stay in the first, the largest in the last.
    let max = f64::from(largest(&x));
    x.mapv_inplace(|x| {
        let at = f64::from(x.abs()) / max * bins as f64;
        let edge = at.rem_euclid(1.0);
        match x != 0.0 && at < bins as f64 && !(NEAR..1.0 - NEAR).contains(&edge) {
            true => ((at.floor() + 0.3) * max / bins as f64) as f32 * x.signum(),
            false => x,
        }
    });
    Inputs::new()
        .with("x", Value::Float(x))
        .with("bits", Value::Number(case.size("bits") as f64))
        .with("percentile", Value::Number(case.size("percentile") as f64))
        .with("averaging_constant", Value::Number(0.25))
        .with("bins", Value::Number(bins as f64))
}

/// Rounding of f32, with N numbers and no number at a bin's edge. Thresholds: a few roundings of the
/// largest number, and of the place N·p among the sorted, which moves the percentile by that part of
/// the gap between its neighbours. Square errors: a difference is off by 4·ε·max, the mean of its
/// squares by 8·ε·max·√mse (Cauchy and Schwarz), and a sum of N by N·ε·mse; rounding the other way at
/// a tie changes no error. Divergences: each term is off by a few ε·p·(1 + |ln(p/q)|).
pub fn tolerance(inputs: &Inputs) -> Tolerance {
    let given = Arguments::of(inputs);
    let truth = variant(inputs, &Variant::default());
    let finite = |curve: &ndarray::ArrayD<f64>| {
        let finite = curve.iter().filter(|x| x.is_finite());
        finite.fold(0.0, |most: f64, x| most.max(*x))
    };
    let (mse, divergence) = (finite(&truth[1]), finite(&truth[2]));
    let (max, n) = (max_abs(given.x.iter()), given.x.len() as f64);
    let mut sizes: Vec<f64> = given.x.iter().map(|x| x.abs()).collect();
    sizes.sort_by(f64::total_cmp);
    let at = ((n - 1.0) * given.percentile / 100.0) as usize;
    let gap = sizes[(at + 1).min(sizes.len() - 1)] - sizes[at];
    let value = f64::from(f32::EPSILON)
        * (4.0 * max
            + 2.0 * n * gap
            + n * mse
            + 8.0 * max * mse.sqrt()
            + (given.bins + 16) as f64 * (1.0 + divergence));
    Tolerance {
        value,
        formula: format!(
            "ε·(4·max + 2·N·gap + N·mse + 8·max·√mse + (bins + 16)·(1 + D)) = 1.19e-7·(4·{max:.3} + 2·{n}·{gap:.4} + {n}·{mse:.4} + 8·{max:.3}·{:.4} + {}·{:.3})",
            mse.sqrt(),
            given.bins + 16,
            1.0 + divergence
        ),
    }
}

fn prepare(inputs: &Inputs) -> Prepared<'_> {
    let x = inputs.float("x").as_standard_layout();
    let given = Arguments::of(inputs);
    let candidates = given.candidates().count();
    let curve = || Tensor::zeros(IxDyn(&[candidates]));
    let outputs = vec![Tensor::zeros(IxDyn(&[5])), curve(), curve()];
    Prepared::new(outputs, move |outputs| {
        if answer(outputs, x.as_slice().unwrap_or_default(), &given).is_err() {
            // Sizes were checked; the judge shows NaN as a failure of the kernel.
            outputs[0].fill(f32::NAN);
        }
    })
}

fn answer(outputs: &mut [Tensor], x: &[f32], given: &Arguments) -> Result<(), calibrate::Error> {
    let (bins, levels) = (given.bins, given.levels());
    let batches: Vec<f32> = x.chunks(given.x.ncols()).map(calibrate::max_abs).collect();
    let max = calibrate::max_abs(&batches);
    let c = given.averaging_constant as f32;
    let first = batches.first().copied().unwrap_or(0.0);
    let average = batches.iter().fold(first, |t, m| t + c * (m - t));
    let [thresholds, mse, divergence] = outputs else {
        return Ok(());
    };
    let mse = mse.as_slice_mut().unwrap_or_default();
    calibrate::square_errors(mse, x, max, levels, bins)?;
    let divergence = divergence.as_slice_mut().unwrap_or_default();
    let counts = calibrate::histogram(x, max, bins);
    calibrate::divergences(divergence, &counts, levels)?;
    let at = |curve: &[f32]| {
        let best = curve.iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1));
        (levels + best.map_or(0, |(i, _)| i)) as f32 * (max / bins as f32)
    };
    let found = [
        max,
        average,
        calibrate::percentile_abs(x, given.percentile),
        at(mse),
        at(divergence),
    ];
    thresholds.iter_mut().zip(found).for_each(|(to, t)| *to = t);
    Ok(())
}

/// Changes one number argument.
pub fn with_number(inputs: &Inputs, name: &'static str, number: f64) -> Inputs {
    inputs.clone().with(name, Value::Number(number))
}

/// Changes x.
pub fn with_x(inputs: &Inputs, x: Tensor) -> Inputs {
    inputs.clone().with("x", Value::Float(x))
}

/// The outputs without the moving average, which alone depends on the order of batches.
pub fn without_average(mut outputs: Outputs) -> Outputs {
    outputs[0][1] = 0.0;
    outputs
}
