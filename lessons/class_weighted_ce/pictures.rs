//! Training on a long tail, as pictures.

use super::reference::class_weights;
use crate::ops::softmax;
use crate::problem::{Case, Setting};
use crate::show::{Axis, Curve, Parts, Picture, Plot, Style};
use crate::text::{Lang, Text};
use ndarray::{Array1, Array2, Axis as Along, Ix2};

const STEPS: Setting = Setting::option(
    "steps",
    200,
    10,
    1000,
    Text::new("steps of gradient descent", "梯度下降步数"),
);
const CLASSES: usize = 6;
const FEATURES: usize = 8;

pub const PICTURES: &[Picture] = &[Picture {
    id: "long-tail-training",
    title: Text::new("Learning curves on a long tail", "长尾数据上的学习曲线"),
    caption: Text::new(
        "Logistic regression on six classes, each half as frequent as the one before: class weights raise the recall of rare classes, and cost the frequent ones a little.",
        "六个类别、频率逐类减半的逻辑回归：类别权重提高稀有类的召回率，常见类略有下降。",
    ),
    settings: &[STEPS],
    draw: curves,
}];

/// Classes of Gaussian features around centres of their own: `x [n f]` and targets `[n]`.
fn samples(case: &Case, name: &str, counts: &[usize]) -> (Array2<f64>, Vec<usize>) {
    let targets: Vec<usize> = counts
        .iter()
        .enumerate()
        .flat_map(|(k, n)| vec![k; *n])
        .collect();
    let sizes = Case {
        settings: [("n", targets.len()), ("f", FEATURES), ("c", CLASSES)].into(),
        ..case.clone()
    };
    let centres = sizes.normal("centres", "c f", 0.8);
    let noise = sizes.normal(name, "n f", 1.0);
    let x = Array2::from_shape_fn((targets.len(), FEATURES), |(i, f)| {
        f64::from(noise[[i, f]] + centres[[targets[i], f]])
    });
    (x, targets)
}

/// Gradient descent on the lesson's loss: the loss after each step, and the recall of each class on as many
/// samples of each.
fn trained(case: &Case, weighted: bool) -> (Vec<f64>, Vec<f64>) {
    let counts: Vec<usize> = (0..CLASSES).map(|k| 320 >> k).collect();
    let (x, targets) = samples(case, "training", &counts);
    let weights = match weighted {
        true => class_weights(&counts.iter().map(|n| *n as f64).collect::<Array1<f64>>()),
        false => Array1::ones(CLASSES),
    };
    let row_weights: Array1<f64> = targets.iter().map(|y| weights[*y]).collect();
    let total = row_weights.sum();
    let mut w = Array2::<f64>::zeros((CLASSES, FEATURES));
    let mut b = Array1::<f64>::zeros(CLASSES);
    let losses = (0..case.size("steps")).map(|_| {
        let p = softmax(&(x.dot(&w.t()) + &b).into_dyn(), 1);
        let p = p.into_dimensionality::<Ix2>().expect("axes n c");
        let loss = targets
            .iter()
            .enumerate()
            .map(|(i, y)| -row_weights[i] * p[[i, *y]].ln());
        let loss = loss.sum::<f64>() / total;
        // ∂loss/∂z = w_y·(p − 1_y)/Σw
        let mut gradient = p;
        for (i, y) in targets.iter().enumerate() {
            gradient[[i, *y]] -= 1.0;
        }
        gradient *= &(row_weights.clone() / total).insert_axis(Along(1));
        w.scaled_add(-1.0, &gradient.t().dot(&x));
        b.scaled_add(-1.0, &gradient.sum_axis(Along(0)));
        loss
    });
    let losses: Vec<f64> = losses.collect();
    const EACH: usize = 200;
    let (x, targets) = samples(case, "test", &[EACH; CLASSES]);
    let z = x.dot(&w.t()) + &b;
    let mut right = vec![0.0; CLASSES];
    for (row, y) in z.outer_iter().zip(targets) {
        let best = (0..CLASSES).max_by(|i, j| row[*i].total_cmp(&row[*j]));
        right[y] += f64::from(u8::from(best == Some(y))) / EACH as f64;
    }
    (losses, right)
}

fn curves(case: &Case, lang: Lang) -> Parts {
    let names = lang.pick(["plain", "class weights"], ["不加权", "类别加权"]);
    let runs = [trained(case, false), trained(case, true)];
    let each = || runs.iter().zip(names).zip(['p', 'w']);
    let losses = each().map(|(((losses, _), name), mark)| {
        let points = losses
            .iter()
            .enumerate()
            .map(|(step, loss)| (step as f64, *loss));
        Curve::new(name, mark, Style::Line, points)
    });
    let recall = each().map(|(((_, recall), name), mark)| {
        let points = recall
            .iter()
            .enumerate()
            .map(|(k, recall)| (k as f64, *recall));
        Curve::new(name, mark, Style::Joined, points)
    });
    Parts::Plots(vec![
        Plot {
            title: lang
                .pick("loss, each by its own weights", "损失（各按自己的权重）")
                .to_string(),
            x: Axis::linear(lang.pick("step", "步")),
            y: Axis::linear(lang.pick("loss (nats)", "损失（nat）")),
            curves: losses.collect(),
        },
        Plot {
            title: lang
                .pick("recall on balanced samples", "均衡样本上的召回率")
                .to_string(),
            x: Axis::linear(lang.pick("samples of the class in training", "该类的训练样本数"))
                .labelled((0..CLASSES).map(|k| (320 >> k).to_string())),
            y: Axis::linear(lang.pick("recall", "召回率")).within(0.0, 1.0),
            curves: recall.collect(),
        },
    ])
}
