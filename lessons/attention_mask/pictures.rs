//! Masks as pictures.

use super::problem::PROBLEM;
use crate::problem::{Case, Setting};
use crate::show::{Example, HeatMap, Parts, Picture};
use crate::tensor::{Inputs, Labels, Value};
use crate::text::{Lang, Text};
use ndarray::IxDyn;

pub const PICTURES: &[Picture] = &[Picture {
    id: "attention-masks",
    title: Text::new(
        "Masks: which keys a query may see",
        "掩码：每个查询能看到哪些键",
    ),
    caption: Text::new(
        "Seen keys are light. Causal is a triangle; a window is a band; padding takes out columns, and a padded query may see nothing at all.",
        "能看到的键是亮色。因果掩码是三角形，窗口是一条带；填充会去掉整列，位于填充处的查询可能什么都看不到。",
    ),
    settings: &[
        Setting::axis("n", 16, Text::new("tokens", "token 数")),
        Setting::option("window", 5, 1, 4096, Text::new("window", "窗口")),
    ],
    draw: masks,
}];

fn masks(case: &Case, lang: Lang) -> Parts {
    let (n, window) = (case.size("n"), case.size("window"));
    let panel = |name: &str, window: usize, padding: usize| {
        let keep = Labels::from_shape_fn(IxDyn(&[1, n]), |at| i64::from(at[1] >= padding));
        let inputs = Inputs::new()
            .with("keep", Value::Int(keep))
            .with("queries", Value::Number(n as f64))
            .with("window", Value::Number(window as f64));
        let example = Example::of(&PROBLEM, inputs);
        (name.to_string(), example.matrix("seen"))
    };
    let names = lang.pick(
        ["causal", "sliding window", "causal, left padding"],
        ["因果", "滑动窗口", "因果 + 左填充"],
    );
    let panels = [
        panel(names[0], 0, 0),
        panel(names[1], window, 0),
        panel(names[2], 0, n / 4),
    ];
    let sides = lang.pick(
        ["query i (position)", "key j (position)"],
        ["查询 i（位置）", "键 j（位置）"],
    );
    let title = lang.pick("1 seen, 0 hidden (−∞ is added)", "1 可见，0 遮住（加 −∞）");
    Parts::Heat(vec![HeatMap::beside(title, sides, panels)])
}
