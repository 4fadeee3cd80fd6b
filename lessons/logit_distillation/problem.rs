//! What is asked: inputs, cases, tolerance and the production kernel.

use super::bugs::{BUGS, CONVENTIONS};
use super::laws::LAWS;
use super::reference::{IGNORED, arguments, reference};
use super::variants::variant;
use crate::kernels::cpu::{Tier, threads};
use crate::kernels::distillation::{Input, distillation_gradient};
use crate::problem::{Arg, Case, Kind, Prepared, Problem, Production, Setting, Tolerance, Work};
use crate::tensor::{Inputs, Tensor, Value, max_abs};
use crate::text::Text;
use ndarray::{Axis, arr0};
use rand::RngExt;

crate::exercise!(student: tensor, teacher: tensor, targets: labels, temperature: number, alpha: number, beta: number);

pub static PROBLEM: Problem = Problem {
    signature: "fn logit_distillation(student: &Tensor, teacher: &Tensor, targets: &Labels, temperature: f64, alpha: f64, beta: f64) -> (f32, Tensor)",
    args: &[
        Arg::float("student", "n c"),
        Arg::float("teacher", "n c"),
        Arg::int("targets", "n"),
        Arg::number("temperature"),
        Arg::number("alpha"),
        Arg::number("beta"),
    ],
    outputs: &[("loss", ""), ("grad", "n c")],
    settings: &[
        Setting::axis(
            "n",
            7,
            Text::new("rows: samples or tokens", "行数：样本或 token"),
        ),
        Setting {
            min: 2,
            max: 65536,
            ..Setting::axis(
                "c",
                5,
                Text::new("classes, or the vocabulary", "类别数，或词表大小"),
            )
        },
        Setting::option(
            "temperature",
            3,
            1,
            100,
            Text::new(
                "T, which divides both models' logits",
                "温度 T，同时除两个模型的 logits",
            ),
        ),
        Setting::option(
            "alpha_percent",
            30,
            0,
            1000,
            Text::new(
                "weight of the hard term in percent",
                "硬标签项的权重（百分数）",
            ),
        ),
        Setting::option(
            "beta_percent",
            70,
            0,
            1000,
            Text::new(
                "weight of the soft term in percent",
                "软目标项的权重（百分数）",
            ),
        ),
        Setting::option(
            "logits",
            0,
            0,
            3,
            Text::new(
                "0 ordinary, 1 all near 1000, 2 a teacher that is certain, 3 a student that is certain",
                "0 普通，1 全部在 1000 附近，2 教师极其确定，3 学生极其确定",
            ),
        ),
        Setting::option(
            "ignored",
            0,
            0,
            2,
            Text::new(
                "targets of −100: 0 none, 1 some, 2 all",
                "标签 −100：0 没有，1 一部分，2 全部",
            ),
        ),
    ],
    kinds: &[
        Kind::new(
            "ordinary",
            &[],
            Text::new("7 rows, 5 classes, T = 3", "7 行、5 类、T = 3"),
        ),
        Kind::new(
            "tiny",
            &[("n", 1), ("c", 2)],
            Text::new("one row, two classes", "一行、两类"),
        ),
        Kind::new(
            "ragged",
            &[],
            Text::new("sizes drawn by the seed", "大小由种子抽取"),
        )
        .ragged(),
        Kind::new(
            "hot",
            &[("temperature", 10), ("n", 6)],
            Text::new(
                "T = 10: nearly a regression on logits",
                "T = 10：近似于 logits 回归",
            ),
        ),
        Kind::new(
            "wide",
            &[("n", 4), ("c", 40), ("temperature", 2)],
            Text::new("more classes than rows", "类别比行多"),
        ),
        Kind::new(
            "soft-only",
            &[("alpha_percent", 0), ("beta_percent", 100)],
            Text::new("α = 0", "α = 0"),
        ),
        Kind::new(
            "hard-only",
            &[("beta_percent", 0), ("n", 6)],
            Text::new("β = 0", "β = 0"),
        ),
        Kind::new(
            "offset",
            &[("logits", 1), ("temperature", 2)],
            Text::new(
                "logits near 1000: exp overflows",
                "logits 在 1000 附近：exp 上溢",
            ),
        ),
        Kind::new(
            "certain-teacher",
            &[("logits", 2), ("n", 6)],
            Text::new(
                "the teacher's other probabilities underflow to 0",
                "教师的其余概率下溢为 0",
            ),
        ),
        Kind::new(
            "certain-student",
            &[("logits", 3), ("n", 6)],
            Text::new(
                "the student's other probabilities underflow to 0",
                "学生的其余概率下溢为 0",
            ),
        ),
        Kind::new(
            "ignored",
            &[("ignored", 1), ("n", 9)],
            Text::new("some rows are padding", "部分行是填充"),
        ),
        Kind::new(
            "all-ignored",
            &[("ignored", 2), ("n", 3)],
            Text::new(
                "nothing but padding: loss and gradient are 0",
                "全是填充：损失与梯度都为 0",
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
        name: || {
            format!(
                "distillation, {}, {} threads",
                Tier::f32().name(),
                threads()
            )
        },
        prepare,
        scale: &[("n", 512), ("c", 8192)],
        // For either term and model a subtraction, an exp (counted as 1) and an addition on each
        // logit, and the difference of the two.
        work: |case: &Case| {
            let (n, c) = (case.size("n") as f64, case.size("c") as f64);
            Work {
                flops: 12.0 * n * c,
                bytes: 4.0 * 3.0 * n * c,
            }
        },
    },
};

fn inputs(case: &Case) -> Inputs {
    let c = case.size("c");
    let mut targets = case.integers("targets", "n", 0..c as i64);
    let mut student = case.normal("student", "n c", 1.5);
    let mut teacher = case.normal("teacher", "n c", 2.0);
    match case.size("logits") {
        1 => {
            student += 1000.0;
            teacher += 1000.0;
        }
        option @ (2 | 3) => {
            // Far below what f32 can hold, at this temperature too; not so far that ln(softmax) of
            // an f64 gives up.
            let certain = if option == 2 {
                &mut teacher
            } else {
                &mut student
            };
            for (i, mut row) in certain.outer_iter_mut().enumerate() {
                row[i % c] += 130.0 * case.size("temperature") as f32;
            }
        }
        _ => {}
    }
    let mut rng = case.rng("ignored");
    for (i, y) in targets.iter_mut().enumerate() {
        // Of some, the second is surely ignored and the first surely not.
        let some = (i == 1 || rng.random_bool(0.3)) && i != 0;
        if case.size("ignored") == 2 || case.size("ignored") == 1 && some {
            *y = IGNORED;
        }
    }
    let percent = |name: &str| Value::Number(case.size(name) as f64 / 100.0);
    Inputs::new()
        .with("student", Value::Float(student))
        .with("teacher", Value::Float(teacher))
        .with("targets", Value::Int(targets))
        .with(
            "temperature",
            Value::Number(case.size("temperature") as f64),
        )
        .with("alpha", percent("alpha_percent"))
        .with("beta", percent("beta_percent"))
}

/// Rounding of f32. A log-probability passes through numbers of the size of max|z| (z/T, the maximum,
/// a difference: four roundings) and a sum of c terms. The hard term has one, the soft term has two
/// and sums them with weights p, whose own error is that of their logarithm: 4·max|z|/T + c again,
/// times a difference of logarithms of at most D = 2·max|z|/T + ln c. A mean of n terms adds n + 4
/// relative roundings of its value, which is at most D too. T² and the weights are factors.
pub fn tolerance(inputs: &Inputs) -> Tolerance {
    let args = arguments(inputs);
    let (n, c) = args.student.dim();
    let spread = |logits: &ndarray::Array2<f64>| {
        let row = |row: ndarray::ArrayView1<'_, f64>| {
            let (low, high) = row.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &z| {
                (low.min(z), high.max(z))
            });
            high - low
        };
        logits
            .map_axis(Axis(1), row)
            .fold(0.0, |a: f64, &b| a.max(b))
    };
    let largest = max_abs(inputs.float("student")).max(max_abs(inputs.float("teacher")));
    let t = args.temperature;
    // Of one log-probability, at temperature t.
    let log = |t: f64| 4.0 * largest / t + c as f64;
    let worst = spread(&args.student).max(spread(&args.teacher)) + (c as f64).ln();
    let mean = (n + 4) as f64;
    let hard = log(1.0) + mean * worst;
    // Differences of logarithms are as large as D only where p is small: p·D ≤ 1 + ln c on average.
    let soft = log(t) * (3.0 + (c as f64).ln()) + mean * worst / t;
    let value = f64::from(f32::EPSILON) * (args.alpha * hard + args.beta * t * t * soft);
    Tolerance {
        value,
        formula: format!(
            "ε·(α·(4·max|z| + c + (n + 4)·D) + β·T²·((4·max|z|/T + c)·(3 + ln c) + (n + 4)·D/T)) = 1.19e-7·({:.3}·{hard:.1} + {:.3}·{soft:.1})",
            args.alpha,
            args.beta * t * t
        ),
    }
}

/// The hard term is the divergence from the label's own distribution: a teacher with one class.
fn prepare(inputs: &Inputs) -> Prepared<'_> {
    let args = arguments(inputs);
    let (n, c) = args.student.dim();
    let kept: Vec<usize> = (0..n).filter(|&i| args.targets[i] != IGNORED).collect();
    let gather = |name: &str| {
        let rows = inputs.float(name).select(Axis(0), &kept);
        rows.as_standard_layout()
            .iter()
            .copied()
            .collect::<Vec<f32>>()
    };
    let (student, teacher) = (gather("student"), gather("teacher"));
    let mut labels = vec![f32::NEG_INFINITY; student.len()];
    for (row, &i) in kept.iter().enumerate() {
        labels[row * c + args.targets[i] as usize] = 0.0;
    }
    let mut losses = vec![0.0; kept.len()];
    let mut grads = [(); 2].map(|()| vec![0.0; student.len()]);
    let outputs = vec![arr0(0.0).into_dyn(), Tensor::zeros(vec![n, c])];
    Prepared::new(outputs, move |outputs| {
        let mut loss = 0.0;
        let terms = [
            (&teacher, args.temperature as f32, args.beta),
            (&labels, 1.0, args.alpha),
        ];
        for ((teacher, temperature, weight), grad) in terms.into_iter().zip(&mut grads) {
            let input = Input {
                student: &student,
                teacher,
                classes: c,
                temperature,
            };
            // Shapes were checked against `args`; the judge shows NaN as a failure of the kernel.
            let mean = distillation_gradient(&mut losses, grad, input).unwrap_or(f64::NAN);
            loss += if weight > 0.0 { weight * mean } else { 0.0 };
        }
        outputs[0].fill(loss as f32);
        let (beta, alpha) = (args.beta as f32, args.alpha as f32);
        let rows = grads[0].chunks_exact(c).zip(grads[1].chunks_exact(c));
        for ((soft, hard), &i) in rows.zip(&kept) {
            let mut row = outputs[1].index_axis_mut(Axis(0), i);
            for ((out, soft), hard) in row.iter_mut().zip(soft).zip(hard) {
                *out = beta * soft + alpha * hard;
            }
        }
    })
}
