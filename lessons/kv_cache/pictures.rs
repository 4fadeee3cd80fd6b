//! The memory of a KV cache as a picture.

use super::problem::PROBLEM;
use crate::problem::{Case, Setting};
use crate::show::{Axis, Curve, Example, Parts, Picture, Plot, Style};
use crate::text::{Lang, Text};

pub const PICTURES: &[Picture] = &[Picture {
    id: "kv-cache-memory",
    title: Text::new("What a KV cache takes", "KV cache 占多少内存"),
    caption: Text::new(
        "It grows with every token, and with the heads that have keys of their own: sharing them in groups (GQA) divides all of it.",
        "随每个 token 增长，也随独立的 K/V 头数增长：分组共享（GQA）把整条线按倍数压低。",
    ),
    settings: &[
        Setting::option("layers", 32, 1, 256, Text::new("layers", "层数")),
        Setting::option("h", 32, 8, 256, Text::new("query heads", "查询头数")).multiple_of(8),
        Setting::option("d", 128, 2, 512, Text::new("head_dim", "head_dim")).multiple_of(2),
        Setting::option(
            "bytes",
            2,
            1,
            4,
            Text::new("bytes of a number", "每个数的字节数"),
        ),
    ],
    draw: memory,
}];

/// Numbers that the reference's cache holds for a token and a layer, from its own shapes.
fn per_token(g: usize, d: usize) -> usize {
    let settings = [
        ("b", 1),
        ("g", g),
        ("n", 1),
        ("d", d),
        ("group", 1),
        ("past", 0),
        ("spare", 0),
    ];
    let example = Example::new(&PROBLEM, 0, &settings);
    ["present_k", "present_v"]
        .map(|name| example.step(name).len())
        .iter()
        .sum()
}

fn memory(case: &Case, lang: Lang) -> Parts {
    let [layers, h, d, bytes] = ["layers", "h", "d", "bytes"].map(|name| case.size(name));
    let curve = |name: String, mark, g: usize| {
        let each = (per_token(g, d) * layers * bytes) as f64 / f64::from(1 << 30);
        let lengths = (10..=17).map(|power| f64::from(1 << power));
        Curve::new(name, mark, Style::Joined, lengths.map(|n| (n, each * n)))
    };
    let heads = |name: &str, g: usize| {
        lang.pick(
            format!("{name}: {g} heads of K and V"),
            format!("{name}：{g} 个 K/V 头"),
        )
    };
    Parts::Plots(vec![Plot {
        title: String::new(),
        x: Axis::log(lang.pick("tokens in the cache", "cache 中的 token 数")),
        y: Axis::log(lang.pick("memory of one sequence (GiB)", "一条序列占用的内存（GiB）")),
        curves: vec![
            curve(heads("MHA", h), 'h', h),
            curve(heads("GQA", h / 4), 'g', h / 4),
            curve(heads("GQA", h / 8), '8', h / 8),
            curve(heads("MQA", 1), '1', 1),
        ],
    }])
}
