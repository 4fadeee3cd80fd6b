//! Teacher and students as pictures.

use crate::ops::softmax;
use crate::problem::{Case, Setting};
use crate::show::{Axis, Curve, Parts, Picture, Plot, Style};
use crate::text::{Lang, Text};
use crate::tiny::{Corpus, GAP, HELD_OUT, LENGTH, Student, Tiny};
use ndarray::ArrayD;

const TEXTS: Setting = Setting::option(
    "texts",
    8,
    1,
    64,
    Text::new("held-out texts", "留出文本条数"),
);
const BINS: usize = 10;

pub const PICTURES: &[Picture] = &[
    Picture {
        id: "reliability",
        title: Text::new("Is a model as sure as it is right?", "模型的置信度可信吗"),
        caption: Text::new(
            "Of predictions with a confidence of 0.7, 70 % should be right: the student that learned from labels alone is too sure; one temperature, fitted on other texts, mends most of it.",
            "置信度 0.7 的预测应有 70 % 正确：只用标签训练的学生过于自信；在另一批文本上拟合一个温度即可大致纠正。",
        ),
        settings: &[TEXTS],
        draw: reliability,
    },
    Picture {
        id: "student-losses",
        title: Text::new("What a teacher's logits are worth", "教师 logits 的价值"),
        caption: Text::new(
            "Loss over the place of the token: trained on the same few texts, the student that saw the teacher's logits comes close to the teacher, the one with labels alone does not.",
            "损失随位置的变化：训练文本同样少，看到教师 logits 的学生接近教师，只用标签的学生差得远。",
        ),
        settings: &[TEXTS],
        draw: losses,
    },
];

/// The logits `[tokens vocab]` of all tokens but the last of each text, and what came next.
fn predictions(model: &Tiny, corpus: &Corpus) -> (ArrayD<f64>, Vec<usize>) {
    let logits = model.forward(&corpus.tokens).mapv(f64::from);
    let logits = logits.slice(ndarray::s![.., ..-1, ..]).to_owned();
    let (b, n, v) = logits.dim();
    let next = corpus.tokens.slice(ndarray::s![.., 1..]);
    let next = next.iter().map(|token| *token as usize).collect();
    (
        logits
            .into_shape_with_order((b * n, v))
            .expect("as many")
            .into_dyn(),
        next,
    )
}

/// The mean negative log-likelihood at a temperature.
fn nll(logits: &ArrayD<f64>, next: &[usize], t: f64) -> f64 {
    let p = softmax(&(logits / t), 1);
    let losses = next
        .iter()
        .enumerate()
        .map(|(i, y)| -p[[i, *y]].max(1e-300).ln());
    losses.sum::<f64>() / next.len() as f64
}

/// One panel: how often predictions of each confidence are right, and the expected calibration error (Guo et
/// al. 2017, arXiv 1706.04599).
fn diagram(name: &str, logits: &ArrayD<f64>, next: &[usize], t: f64, lang: Lang) -> Plot {
    let p = softmax(&(logits / t), 1);
    let mut bins = [(0.0, 0.0, 0.0); BINS];
    for (row, y) in p.outer_iter().zip(next) {
        let (best, confidence) =
            row.iter().enumerate().fold(
                (0, 0.0),
                |best, (i, p)| {
                    if *p > best.1 { (i, *p) } else { best }
                },
            );
        let bin = &mut bins[((confidence * BINS as f64) as usize).min(BINS - 1)];
        bin.0 += 1.0;
        bin.1 += confidence;
        bin.2 += f64::from(u8::from(best == *y));
    }
    let all = next.len() as f64;
    let ece: f64 = bins
        .iter()
        .map(|(_, sure, right)| (sure - right).abs() / all)
        .sum();
    // Few predictions say little.
    let shown = bins.iter().enumerate().filter(|(_, bin)| bin.0 >= 5.0);
    let points =
        shown.map(|(i, (count, _, right))| ((i as f64 + 0.5) / BINS as f64, right / count));
    Plot {
        title: format!("{name}: ECE {ece:.3}"),
        x: Axis::linear(lang.pick("confidence", "置信度")).within(0.0, 1.0),
        y: Axis::linear(lang.pick("share that is right", "正确率")).within(0.0, 1.0),
        curves: vec![
            Curve::new(lang.pick("predictions", "预测"), '█', Style::Bars, points),
            Curve::new(
                lang.pick("as sure as right", "完全可信"),
                '·',
                Style::Line,
                [(0.0, 0.0), (1.0, 1.0)],
            ),
        ],
    }
}

fn reliability(case: &Case, lang: Lang) -> Parts {
    let texts = case.size("texts");
    let corpus = Corpus::new(HELD_OUT + case.seed, texts, LENGTH, GAP);
    let others = Corpus::new(HELD_OUT + case.seed + texts as u64, texts, LENGTH, GAP);
    let student = Tiny::student(Student::Labels);
    let (fit, fit_next) = predictions(&student, &others);
    let temperatures = (10..=40).map(|i| f64::from(i) / 20.0);
    let best =
        temperatures.min_by(|a, b| nll(&fit, &fit_next, *a).total_cmp(&nll(&fit, &fit_next, *b)));
    let best = best.unwrap_or(1.0);
    let (logits, next) = predictions(&student, &corpus);
    let (teacher, _) = predictions(&Tiny::trained(), &corpus);
    let names = lang.pick(
        [
            "teacher".to_string(),
            "student".to_string(),
            format!("student, T = {best}"),
        ],
        [
            "教师".to_string(),
            "学生".to_string(),
            format!("学生，T = {best}"),
        ],
    );
    Parts::Plots(vec![
        diagram(&names[0], &teacher, &next, 1.0, lang),
        diagram(&names[1], &logits, &next, 1.0, lang),
        diagram(&names[2], &logits, &next, best, lang),
    ])
}

fn losses(case: &Case, lang: Lang) -> Parts {
    const BLOCK: usize = 8;
    let corpus = Corpus::new(HELD_OUT + case.seed, case.size("texts"), LENGTH, GAP);
    let curve = |name: &str, mark, model: Tiny| {
        let losses = model.losses(&corpus.tokens);
        let blocks = losses.axis_chunks_iter(ndarray::Axis(1), BLOCK).enumerate();
        let points = blocks.map(|(i, block)| {
            let place = (i * BLOCK + BLOCK / 2) as f64;
            (place, block.mean().unwrap_or(0.0))
        });
        Curve::new(name, mark, Style::Joined, points.collect::<Vec<_>>())
    };
    let names = lang.pick(
        ["teacher", "student: labels", "student: and logits"],
        ["教师", "学生：只有标签", "学生：加 logits"],
    );
    Parts::Plots(vec![Plot {
        title: String::new(),
        x: Axis::linear(lang.pick("position (tokens)", "位置（token）")),
        y: Axis::linear(lang.pick("loss (nats per token)", "损失（nat/token）")),
        curves: vec![
            curve(names[0], 't', Tiny::trained()),
            curve(names[1], 'l', Tiny::student(Student::Labels)),
            curve(names[2], 'z', Tiny::student(Student::Logits)),
        ],
    }])
}
