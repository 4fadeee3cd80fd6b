//! Windows and global tokens as pictures.

use super::reference::Sight;
use crate::problem::{Case, Setting};
use crate::show::{Axis, Curve, HeatMap, Parts, Picture, Plot, Style};
use crate::text::{Lang, Text};
use ndarray::Array2;

const WINDOW: Setting = Setting::option("window", 4, 1, 4096, Text::new("window", "窗口"));

pub const PICTURES: &[Picture] = &[
    Picture {
        id: "window-masks",
        title: Text::new("Window and global tokens", "滑动窗口与全局 token"),
        caption: Text::new(
            "A window is a band of fixed width, so that its cells grow with n, not n²; a global token is a full row and a full column.",
            "窗口是宽度固定的带，格数随 n 而不是 n² 增长；全局 token 占满一行一列。",
        ),
        settings: &[
            Setting::option("n", 20, 1, 128, Text::new("tokens", "token 数")),
            WINDOW,
            Setting::option(
                "globals",
                2,
                0,
                64,
                Text::new("global tokens", "全局 token 数"),
            ),
        ],
        draw: masks,
    },
    Picture {
        id: "window-reach",
        title: Text::new("Layers widen what a window sees", "层数扩大窗口的视野"),
        caption: Text::new(
            "The earliest token that reaches the last one: every causal layer with window w adds w − 1 tokens.",
            "能影响到最后一个 token 的最早位置：每层窗口为 w 的因果注意力使视野增加 w − 1。",
        ),
        settings: &[
            Setting::option("n", 64, 2, 256, Text::new("tokens", "token 数")),
            WINDOW,
            Setting::option("layers", 24, 1, 128, Text::new("layers", "层数")),
        ],
        draw: reach,
    },
];

/// 1 where a query sees a key.
fn seen(sight: Sight, n: usize) -> Array2<f64> {
    let mut seen = Array2::zeros((n, n));
    for row in 0..n {
        for key in sight.keys(row, n, n) {
            seen[[row, key]] = 1.0;
        }
    }
    seen
}

fn masks(case: &Case, lang: Lang) -> Parts {
    let n = case.size("n");
    let window = case.size("window") as i64;
    let globals = case.size("globals") as i64;
    let panel = |name: &str, globals: i64, causal: bool| {
        let sight = Sight {
            window,
            globals,
            causal,
        };
        let seen = seen(sight, n);
        let share = 100.0 * seen.sum() / (n * n) as f64;
        (format!("{name}: {share:.0} %"), seen)
    };
    let [window, both, around] = lang.pick(
        ["window", "window + global", "both directions + global"],
        ["窗口", "窗口 + 全局", "双向窗口 + 全局"],
    );
    let panels = [
        panel(window, 0, true),
        panel(both, globals, true),
        panel(around, globals, false),
    ];
    let sides = lang.pick(
        ["query i (position)", "key j (position)"],
        ["查询 i（位置）", "键 j（位置）"],
    );
    let title = lang.pick("1 seen, 0 hidden", "1 可见，0 遮住");
    Parts::Heat(vec![HeatMap::beside(title, sides, panels)])
}

/// Follows the mask back from the last token, layer by layer.
fn reach(case: &Case, lang: Lang) -> Parts {
    let n = case.size("n");
    let sight = Sight {
        window: case.size("window") as i64,
        globals: 0,
        causal: true,
    };
    let seen = seen(sight, n);
    let mut reached = vec![false; n];
    reached[n - 1] = true;
    let mut points = vec![(0.0, 1.0)];
    for layer in 1..=case.size("layers") {
        let before = reached.clone();
        for (key, reached) in reached.iter_mut().enumerate() {
            *reached |= (0..n).any(|query| before[query] && seen[[query, key]] == 1.0);
        }
        let count = reached.iter().filter(|reached| **reached).count();
        points.push((layer as f64, count as f64));
    }
    Parts::Plots(vec![Plot {
        title: String::new(),
        x: Axis::linear(lang.pick("layers", "层数")),
        y: Axis::linear(lang.pick(
            "tokens that the last one depends on",
            "最后一个 token 依赖的 token 数",
        )),
        curves: vec![Curve::new("", 'o', Style::Joined, points)],
    }])
}
