//! What is asked: inputs, cases, tolerance and the production kernel.

use super::bugs::{BUGS, CONVENTIONS};
use super::laws::LAWS;
use super::reference::{arguments, codes, reference, scales, smoothing};
use super::variants::{product, variant};
use crate::kernels::w8a8::{self, Weights, w8a8};
use crate::problem::{
    Arg, Case, Kind, Prepared, Problem, Production, Setting, Tolerance, Variant, Work,
};
use crate::tensor::{Inputs, Tensor, Value};
use crate::text::Text;
use ndarray::Axis;
use rand::{Rng, RngExt};

crate::exercise!(x: tensor, weight: tensor, act_max: tensor, alpha: number);

pub static PROBLEM: Problem = Problem {
    signature: "fn w8a8_quantization(x: &Tensor, weight: &Tensor, act_max: &Tensor, alpha: f64) -> Tensor",
    args: &[
        Arg::float("x", "n c"),
        Arg::float("weight", "r c"),
        Arg::float("act_max", "c"),
        Arg::number("alpha"),
    ],
    outputs: &[("y", "n r")],
    settings: &[
        Setting::axis("n", 4, Text::new("tokens", "token 数")),
        Setting::axis("c", 8, Text::new("input features", "输入特征数")),
        Setting::axis("r", 5, Text::new("output features", "输出特征数")),
        Setting::option(
            "alpha_percent",
            60,
            0,
            100,
            Text::new(
                "α in percent: how much of the size moves into the weights",
                "α（百分数）：把多少尺度移到权重里",
            ),
        ),
        Setting::option(
            "inputs",
            1,
            0,
            3,
            Text::new(
                "0 features of different size, 1 two of them 60 times as large, 2 a token, an input and a row of weights are 0, 3 everything is positive",
                "0 各特征大小不一，1 其中两个大 60 倍，2 有全零的 token、输入通道和权重行，3 全部为正",
            ),
        ),
    ],
    kinds: &[
        Kind::new(
            "ordinary",
            &[],
            Text::new(
                "two features 60 times as large as the others",
                "两个特征比其余大 60 倍",
            ),
        ),
        Kind::new(
            "tiny",
            &[("n", 1), ("c", 1), ("r", 1)],
            Text::new("one product: exact but for the scales", "只有一个乘积"),
        ),
        Kind::new(
            "ragged",
            &[],
            Text::new("sizes drawn by the seed", "大小由种子抽取"),
        )
        .ragged(),
        Kind::new(
            "plain",
            &[("inputs", 0), ("n", 6), ("r", 7)],
            Text::new("features of different size", "各特征大小不一"),
        ),
        Kind::new(
            "outliers",
            &[("n", 6), ("c", 12), ("r", 7)],
            Text::new(
                "twelve features, two of them 60 times as large",
                "12 个特征，其中两个大 60 倍",
            ),
        ),
        Kind::new(
            "alpha",
            &[("alpha_percent", 85), ("c", 9)],
            Text::new("α = 0.85 and outliers", "α = 0.85，带离群通道"),
        ),
        Kind::new(
            "zeros",
            &[("inputs", 2), ("n", 5), ("r", 6)],
            Text::new(
                "a token, an input and a row of zeros",
                "有全零的 token、输入通道和权重行",
            ),
        ),
        Kind::new(
            "long",
            &[("inputs", 3), ("n", 3), ("c", 48), ("r", 2)],
            Text::new(
                "all is positive: sums need more than 16 bits",
                "全部为正：和超过 16 位",
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
        name: w8a8::name,
        prepare,
        scale: &[("n", 128), ("c", 512), ("r", 384)],
        // A multiply-add for each product; activations and results in f32, weights in bytes.
        work: |case: &Case| {
            let [n, c, r] = ["n", "c", "r"].map(|axis| case.size(axis) as f64);
            Work {
                flops: 2.0 * n * c * r,
                bytes: 4.0 * n * (c + r) + r * c,
            }
        },
    },
};

/// How near to a tie a code may come. Two powers, two quotients, a maximum's scale and a quotient, each
/// rounded once or twice, are 8 relative roundings of a code of up to 127; twice that is kept free.
const MARGIN: f64 = 2.0 * 8.0 * 127.0 * f32::EPSILON as f64;

/// Sizes up to which values keep away from ties for wrong answers too, so that these can be named.
const SMALL: usize = 64;

/// A token or a row of weights that comes too near to a tie, where a right answer could take another
/// code, is drawn again.
fn inputs(case: &Case) -> Inputs {
    let (n, c, r) = (case.size("n"), case.size("c"), case.size("r"));
    let mut rng = case.rng("features");
    let mut size: Vec<f32> = (0..c).map(|_| rng.random_range(0.3..2.5)).collect();
    if case.size("inputs") == 1 {
        for j in [c / 3, 2 * c / 3] {
            size[j] *= 60.0;
        }
    }
    // The calibration saw other tokens.
    let seen = size.iter().map(|s| s * rng.random_range(1.5..3.5));
    let mut act_max: Tensor = seen.collect::<ndarray::Array1<f32>>().into_dyn();
    let zeros = case.size("inputs") == 2;
    let mut again = case.rng("again");
    let mut x = case.normal("x", "n c", 1.0);
    let mut weight = case.normal("weight", "r c", 0.3);
    let token = |x: &mut Tensor, t: usize, rng: &mut dyn Rng| {
        for (j, x) in x.index_axis_mut(Axis(0), t).iter_mut().enumerate() {
            let fresh = (0..6).map(|_| rng.random::<f32>()).sum::<f32>() - 3.0;
            *x = size[j] * 1.4 * fresh;
        }
    };
    for t in 0..n {
        token(&mut x, t, &mut rng);
    }
    if zeros && c > 1 {
        act_max[1] = 0.0;
    }
    let mut guarded = vec![Variant::default()];
    if c <= SMALL {
        let bugs = BUGS.iter().map(|bug| bug.id);
        let ids = bugs.chain(CONVENTIONS.iter().map(|known| known.id));
        guarded.extend(ids.map(|id| Variant(vec![id])));
    }
    let mut inputs = Inputs::new();
    for _ in 0..200 {
        if case.size("inputs") == 3 {
            x.mapv_inplace(f32::abs);
            weight.mapv_inplace(f32::abs);
        }
        if zeros {
            x.index_axis_mut(Axis(0), n - 1).fill(0.0);
            weight.index_axis_mut(Axis(0), r - 1).fill(0.0);
            if c > 1 {
                x.index_axis_mut(Axis(1), 1).fill(0.0);
            }
        }
        inputs = Inputs::new()
            .with("x", Value::Float(x.clone()))
            .with("weight", Value::Float(weight.clone()))
            .with("act_max", Value::Float(act_max.clone()))
            .with(
                "alpha",
                Value::Number(case.size("alpha_percent") as f64 / 100.0),
            );
        let args = arguments(&inputs);
        let (mut tokens, mut rows) = (vec![false; n], vec![false; r]);
        for variant in &guarded {
            let run = product(&args, variant);
            let mark = |bad: &mut [bool], ties: &[f64]| {
                for (bad, tie) in bad.iter_mut().zip(ties) {
                    *bad |= *tie < MARGIN;
                }
            };
            mark(&mut tokens, &run.tokens);
            mark(&mut rows, &run.rows);
        }
        if !tokens.iter().chain(&rows).any(|bad| *bad) {
            break;
        }
        for t in (0..n).filter(|t| tokens[*t]) {
            token(&mut x, t, &mut again);
        }
        for row in (0..r).filter(|row| rows[*row]) {
            let fresh = |_: f32| 0.3 * ((0..6).map(|_| again.random::<f32>()).sum::<f32>() - 3.0);
            weight.index_axis_mut(Axis(0), row).mapv_inplace(fresh);
        }
    }
    inputs
}

/// Codes are the same in every right answer, since none is near a tie. Both scales carry 8 relative
/// roundings; y is their product with a sum, which is exact in int32 and rounded c times in f32.
pub fn tolerance(inputs: &Inputs) -> Tolerance {
    let args = arguments(inputs);
    let smooth = smoothing(&args.act_max, &args.weight, args.alpha);
    let size = |rows: ndarray::Array2<f64>| {
        let scale = scales(&rows);
        let q = codes(&rows, &scale).mapv(f64::abs);
        q * &scale.insert_axis(Axis(1))
    };
    let (x, w) = (size(&args.x / &smooth), size(&args.weight * &smooth));
    let largest = x.dot(&w.t()).fold(0.0, |max: f64, y| max.max(*y));
    let c = x.ncols();
    Tolerance {
        value: f64::from(f32::EPSILON) * (c + 20) as f64 * largest,
        formula: format!(
            "ε·(c + 20)·max s_x·s_w·Σ|q_x·q_w| = 1.19e-7·{}·{largest:.3}",
            c + 20
        ),
    }
}

/// Weights are quantised before: they do not change from token to token.
fn prepare(inputs: &Inputs) -> Prepared<'_> {
    let args = arguments(inputs);
    let smooth = smoothing(&args.act_max, &args.weight, args.alpha);
    let smooth: Vec<f32> = smooth.iter().map(|s| *s as f32).collect();
    let (n, r) = (args.x.nrows(), args.weight.nrows());
    let weight = inputs.float("weight").as_standard_layout();
    let weights = Weights::new(weight.as_slice().unwrap_or_default(), &smooth, r);
    let x = inputs.float("x").as_standard_layout();
    Prepared::new(vec![Tensor::zeros(vec![n, r])], move |outputs| {
        let x = x.as_slice().unwrap_or_default();
        let out = outputs[0].as_slice_mut().unwrap_or_default();
        // Shapes were checked against `args`; the judge shows NaN as a failure of the kernel.
        let done = weights
            .as_ref()
            .is_ok_and(|weights| w8a8(out, x, weights, n).is_ok());
        if !done {
            out.fill(f32::NAN);
        }
    })
}
