//! What the lesson asks, and on which inputs.

use super::bugs::{BUGS, CONVENTIONS};
use super::laws::LAWS;
use super::reference::reference;
use super::variants::variant;
use crate::kernels::cpu::threads;
use crate::kernels::mask::{Shape, mask};
use crate::problem::{
    Arg, ArgKind, Case, Kind, Prepared, Problem, Production, Setting, Tolerance, Work,
};
use crate::tensor::{Inputs, Labels, Tensor, Value};
use crate::text::Text;
use ndarray::IxDyn;
use rand::RngExt;

crate::exercise!(keep: labels, queries: number, window: number);

pub static PROBLEM: Problem = Problem {
    signature: "fn attention_mask(keep: &Labels, queries: f64, window: f64) -> Tensor",
    args: &[
        Arg {
            name: "keep",
            kind: ArgKind::Int("b m"),
        },
        Arg {
            name: "queries",
            kind: ArgKind::Number,
        },
        Arg {
            name: "window",
            kind: ArgKind::Number,
        },
    ],
    outputs: &[("mask", "b 1 n m")],
    settings: &[
        Setting::axis("b", 2, Text::new("batch", "批大小")),
        Setting::axis(
            "n",
            4,
            Text::new("queries: the last n positions", "查询数：最后 n 个位置"),
        ),
        Setting::axis("m", 6, Text::new("keys", "键的个数")),
        Setting::option(
            "padding",
            1,
            0,
            3,
            Text::new(
                "0 none, 1 at the right, 2 at the left, 3 anywhere",
                "0 无，1 右侧 padding，2 左侧 padding，3 任意位置",
            ),
        ),
        Setting::option(
            "window",
            0,
            0,
            4096,
            Text::new(
                "keys that a query sees at most; 0: all",
                "每个查询最多看几个键；0 表示不限",
            ),
        ),
    ],
    kinds: &[
        Kind::new(
            "ordinary",
            &[],
            Text::new(
                "4 queries at the end of 6 keys, padding at the right",
                "6 个键，查询是最后 4 个位置，右侧 padding",
            ),
        ),
        Kind::new(
            "left-padding",
            &[("b", 3), ("n", 5), ("m", 5), ("padding", 2)],
            Text::new(
                "padding at the left: the first queries see no key",
                "左侧 padding：最前面的查询看不到任何键",
            ),
        ),
        Kind::new(
            "holes",
            &[("b", 3), ("n", 5), ("m", 7), ("padding", 3)],
            Text::new("keys dropped anywhere", "任意位置的键被丢弃"),
        ),
        Kind::new(
            "no-padding",
            &[("b", 1), ("n", 5), ("m", 5), ("padding", 0)],
            Text::new("one whole sequence", "一条完整序列"),
        ),
        Kind::new(
            "decode",
            &[("b", 3), ("n", 1), ("m", 7), ("padding", 2)],
            Text::new(
                "one new query against 7 cached keys",
                "解码：1 个新查询对 7 个缓存键",
            ),
        ),
        Kind::new(
            "more-queries",
            &[("n", 6), ("m", 4)],
            Text::new(
                "more queries than keys: the first ones stand before the first key",
                "查询多于键：最前面的查询在第一个键之前",
            ),
        ),
        Kind::new(
            "batch-is-queries",
            &[("b", 4), ("n", 4), ("m", 5)],
            Text::new(
                "b = n: a [b m] mask would broadcast without a word",
                "b = n：[b m] 的掩码会悄悄广播",
            ),
        ),
        Kind::new(
            "window",
            &[("n", 5), ("m", 8), ("window", 3)],
            Text::new("a window of 3 keys", "窗口为 3 个键"),
        ),
        Kind::new(
            "window-of-one",
            &[("n", 3), ("m", 5), ("padding", 0), ("window", 1)],
            Text::new(
                "a window of 1: each query sees itself",
                "窗口为 1：每个查询只看自己",
            ),
        ),
        Kind::new(
            "window-left-padding",
            &[("n", 6), ("m", 6), ("padding", 2), ("window", 2)],
            Text::new(
                "a window of 2 and padding at the left",
                "窗口为 2，左侧 padding",
            ),
        ),
        Kind::new(
            "tiny",
            &[("b", 1), ("n", 1), ("m", 1)],
            Text::new("all sizes 1", "所有轴大小均为 1"),
        ),
        Kind::new(
            "ragged",
            &[("padding", 3)],
            Text::new("sizes from 1 to 8", "各轴大小在 1 到 8 之间"),
        )
        .ragged(),
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
        name: || format!("mask, rows filled by runs, {} threads", threads()),
        prepare,
        scale: &[("b", 2), ("n", 1024), ("m", 2048)],
        // Nothing is computed: the mask is written once, `keep` is read once.
        work: |case| {
            let [b, n, m] = ["b", "n", "m"].map(|axis| case.size(axis) as f64);
            Work {
                flops: 0.0,
                bytes: 4.0 * b * n * m + 8.0 * b * m,
            }
        },
    },
};

fn inputs(case: &Case) -> Inputs {
    let [b, m] = ["b", "m"].map(|axis| case.size(axis));
    let mut rng = case.rng("keep");
    // Sequences are padded differently, and one of the first two is padded.
    let first = rng.random_range(0..m);
    let pads = |s: usize| (first + s) % m;
    let kept = |s: usize, j: usize, coin: bool| match case.size("padding") {
        1 => j < m - pads(s),
        2 => j >= pads(s),
        3 => coin,
        _ => true,
    };
    let keep = Labels::from_shape_fn(IxDyn(&[b, m]), |at| {
        i64::from(kept(at[0], at[1], rng.random_bool(0.6)))
    });
    Inputs::new()
        .with("keep", Value::Int(keep))
        .with("queries", Value::Number(case.size("n") as f64))
        .with("window", Value::Number(case.size("window") as f64))
}

/// Nothing is rounded: 0 is 0 and −∞ is −∞.
fn tolerance(_: &Inputs) -> Tolerance {
    Tolerance {
        value: 1e-6,
        formula: "1e-6: a mask holds 0 and −∞, nothing is rounded".to_string(),
    }
}

fn prepare(inputs: &Inputs) -> Prepared<'_> {
    let keep: Vec<bool> = inputs.int("keep").iter().map(|keep| *keep != 0).collect();
    let [n, window] = ["queries", "window"].map(|name| inputs.number(name) as usize);
    let (b, m) = (inputs.int("keep").shape()[0], inputs.int("keep").shape()[1]);
    let shape = Shape { b, n, m, window };
    Prepared::new(vec![Tensor::zeros(vec![b, 1, n, m])], move |outputs| {
        let out = outputs[0].as_slice_mut().expect("standard layout");
        mask(out, &keep, shape).unwrap_or_else(|error| panic!("{error}"));
    })
}
