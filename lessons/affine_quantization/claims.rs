//! What the notes say about scale and zero point, and what is true.

use super::grid::Grid;
use crate::lesson::{Claim, Verdict};
use crate::problem::Case;
use crate::text::{Lang, Text};
use std::collections::BTreeMap;

pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "C146",
        verdict: Verdict::Imprecise,
        quote: "scale = W.abs().max(dim=1, keepdim=True)[0] / 7",
        right: Text::new(
            "Right for symmetric quantization of 4 bits, where nothing is subtracted. Together with a `zero` that is subtracted, the codes must cover what is left after the subtraction: max|W − zero|, or (max − min)/15.",
            "对不减任何东西的 4 位对称量化是对的。一旦还要减 `zero`，码要覆盖的是减完之后的范围：max|W − zero|，或者 (max − min)/15。",
        ),
        demo: Some(ranges),
    },
    Claim {
        id: "C147",
        verdict: Verdict::Wrong,
        quote: "zero = W.mean(dim=1, keepdim=True)",
        right: Text::new(
            "A zero point is the integer code of 0.0, z = round(−min/s). The mean is a float shift in units of the weights: it costs 16 or 32 bits more per group, must be added back, and 0.0 no longer has a code.",
            "zero_point 是 0.0 对应的整数码：z = round(−min/s)。均值则是权重单位的浮点偏移：每组多占 16 或 32 位，还原时要加回去，而且 0.0 不再有对应的码。",
        ),
        demo: Some(zero),
    },
    Claim {
        id: "C149",
        verdict: Verdict::Imprecise,
        quote: ".round().clamp(-8, 7)",
        right: Text::new(
            "An asymmetric clamp for a symmetric scale: with max|W|/7 the code −8 is never reached where nothing is subtracted, so 15 of 16 codes are in use. Take ±7 with /7, or 0 … 15 with (max − min)/15.",
            "对称的 scale 配了不对称的 clamp：scale = max|W|/7 且不减偏移时永远到不了 −8，16 个码只用 15 个。要么 /7 配 ±7，要么 (max − min)/15 配 0 … 15。",
        ),
        demo: Some(codes),
    },
];

/// Normal numbers around `mean`, as the demonstrations use them.
fn weights(mean: f64) -> Vec<f64> {
    let case = Case {
        kind: "demo",
        seed: 3,
        settings: BTreeMap::from([("n", 128)]),
    };
    let normal = case.normal("w", "n", 1.0);
    normal.iter().map(|&w| mean + f64::from(w)).collect()
}

fn rmse(w: &[f64], back: impl Fn(f64) -> f64) -> f64 {
    let square = |w: &f64| (w - back(*w)).powi(2);
    (w.iter().map(square).sum::<f64>() / w.len() as f64).sqrt()
}

fn ends(w: &[f64]) -> (f64, f64) {
    let fold = |(low, high): (f64, f64), w: &f64| (low.min(*w), high.max(*w));
    w.iter().fold((f64::INFINITY, f64::NEG_INFINITY), fold)
}

/// The notes' quantiser: codes from −8 to 7, and what each number comes back as.
fn notes(w: &[f64]) -> (Vec<f64>, impl Fn(f64) -> f64) {
    let (low, high) = ends(w);
    let scale = low.abs().max(high.abs()) / 7.0;
    let zero = w.iter().sum::<f64>() / w.len() as f64;
    let code = move |w: f64| ((w - zero) / scale).round_ties_even().clamp(-8.0, 7.0);
    let codes = w.iter().map(|&w| code(w)).collect();
    (codes, move |w| code(w) * scale + zero)
}

/// How many different codes there are.
fn used(mut codes: Vec<f64>) -> usize {
    codes.sort_by(f64::total_cmp);
    codes.dedup();
    codes.len()
}

fn ranges(lang: Lang) -> String {
    let head = lang.pick(
        "128 weights, σ = 1      RMSE of the notes (codes used)   RMSE of min/max (codes used)",
        "128 个权重，σ = 1       笔记的 RMSE（用到的码）          min/max 的 RMSE（用到的码）",
    );
    let line = |mean: f64| {
        let w = weights(mean);
        let (codes, back) = notes(&w);
        let (low, high) = ends(&w);
        // A shift to the group's middle, and the whole range in 15 steps.
        let shift = Grid::asymmetric(0.0, high - low, 4.0);
        let right = rmse(&w, |w| low + shift.nearest(w - low));
        let right_codes = used(w.iter().map(|&w| shift.code(w - low)).collect());
        format!(
            "mean {mean:>4}               {:.4} ({:>2})                      {right:.4} ({right_codes})",
            rmse(&w, back),
            used(codes),
        )
    };
    format!("{head}\n{}\n{}\n{}\n", line(0.0), line(3.0), line(10.0))
}

fn zero(lang: Lang) -> String {
    let w = weights(0.4);
    let (low, high) = ends(&w);
    let grid = Grid::asymmetric(low, high, 4.0);
    let (_, back) = notes(&w);
    let mean = w.iter().sum::<f64>() / w.len() as f64;
    let lines = lang.pick(
        [
            "zero of the notes (a weight):",
            "  what 0.0 comes back as:",
            "zero point (a code):",
            "  what 0.0 comes back as:",
        ],
        [
            "笔记的 zero（权重单位）：",
            "  0.0 还原为：",
            "zero_point（一个码）：",
            "  0.0 还原为：",
        ],
    );
    format!(
        "{} {mean:.4}\n{} {:.4}\n{} {}\n{} {:.4}\n",
        lines[0],
        lines[1],
        back(0.0),
        lines[2],
        grid.zero_point,
        lines[3],
        grid.nearest(0.0)
    )
}

fn codes(lang: Lang) -> String {
    let w = weights(0.0);
    let (low, high) = ends(&w);
    let max = low.abs().max(high.abs());
    let symmetric: Vec<f64> = w
        .iter()
        .map(|w| (w * 7.0 / max).round_ties_even().clamp(-8.0, 7.0))
        .collect();
    let (least, most) = ends(&symmetric);
    let range = Grid::asymmetric(low, high, 4.0);
    let (first, last) = ends(&w.iter().map(|&w| range.code(w)).collect::<Vec<_>>());
    let words = lang.pick(
        [
            "max|W|/7, clamp(−8, 7): codes from",
            "to",
            "(max − min)/15, clamp(0, 15): codes from",
        ],
        [
            "max|W|/7，clamp(−8, 7)：码从",
            "到",
            "(max − min)/15，clamp(0, 15)：码从",
        ],
    );
    let [a, to, b] = words;
    format!("{a} {least} {to} {most}\n{b} {first} {to} {last}\n")
}
