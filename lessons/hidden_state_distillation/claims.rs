//! What the notes say about distillation of hidden states, and what is true.

use crate::lesson::{Claim, Verdict};
use crate::problem::Case;
use crate::text::{Lang, Text};
use ndarray::{Array2, Ix2};
use std::collections::BTreeMap;

pub const CLAIMS: &[Claim] = &[Claim {
    id: "C096",
    verdict: Verdict::Imprecise,
    quote: "隐藏层蒸馏再加 MSE(h_s, h_t)",
    right: Text::new(
        "Right only where both models have the same width and number of layers. TinyBERT learns a projection, MSE(h_s·W, h_t), and maps layer i to i·L_t/L_s; DistilBERT (same width) uses a cosine loss on the last layer. Without W the shapes do not fit, and cutting to the smaller width compares dimensions that have nothing to do with each other.",
        "只有两个模型宽度、层数都相同时才成立。TinyBERT 学一个投影 MSE(h_s·W, h_t)，并把第 i 层映射到 i·L_t/L_s；DistilBERT（宽度相同）对最后一层用余弦损失。没有 W 形状就对不上，硬截到较窄的宽度则是在比较毫不相干的维度。",
    ),
    demo: Some(projection),
}];

/// A student of width 8 that knows everything about a teacher of width 12, in another basis.
fn projection(lang: Lang) -> String {
    let case = Case {
        kind: "demo",
        seed: 3,
        settings: BTreeMap::from([("n", 200), ("p", 8), ("q", 12)]),
    };
    let matrix = |name: &str, axes: &str, scale: f32| -> Array2<f64> {
        let drawn = case.normal(name, axes, scale).mapv(f64::from);
        drawn.into_dimensionality::<Ix2>().unwrap_or_default()
    };
    let student = matrix("student", "n p", 1.0);
    let teacher = student.dot(&matrix("basis", "p q", 8f32.powf(-0.5)));
    let mean = |x: Array2<f64>| x.mapv(|x| x * x).sum() / x.len() as f64;
    let cut = &student - &teacher.slice(ndarray::s![.., ..8]);
    let (cut, power) = (mean(cut), mean(teacher.clone()));
    // Gradient descent on W alone.
    let mut w: Array2<f64> = Array2::zeros((8, 12));
    let mut losses = Vec::new();
    for step in 0..=200 {
        let difference = student.dot(&w) - &teacher;
        if [0, 20, 200].contains(&step) {
            losses.push((step, mean(difference.clone())));
        }
        w.scaled_add(
            -6.0 * 2.0 / difference.len() as f64,
            &student.t().dot(&difference),
        );
    }
    let lines: Vec<String> = losses
        .iter()
        .map(|(step, loss)| {
            lang.pick(
                format!("with W, after {step} steps: {loss:.4}"),
                format!("带 W，{step} 步之后：{loss:.4}"),
            )
        })
        .collect();
    let head = lang.pick(
        format!(
            "student [200 8], teacher [200 12]: MSE(h_s, h_t) has no meaning, 8 ≠ 12\ncut to 8 dimensions: {cut:.4} (the teacher's mean square is {power:.4})"
        ),
        format!(
            "学生 [200 8]，教师 [200 12]：MSE(h_s, h_t) 无从谈起，8 ≠ 12\n截到 8 维：{cut:.4}（教师的均方为 {power:.4}）"
        ),
    );
    format!("{head}\n{}\n", lines.join("\n"))
}
