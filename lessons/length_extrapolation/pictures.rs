//! Texts longer than those of training, as pictures.

use crate::problem::{Case, Setting};
use crate::show::{Axis, Curve, Parts, Picture, Plot, Style};
use crate::text::{Lang, Text};
use crate::tiny::{Corpus, GAP, HELD_OUT, LENGTH, Tiny};

pub const PICTURES: &[Picture] = &[Picture {
    id: "long-context-loss",
    title: Text::new("A model beyond its training length", "超出训练长度的模型"),
    caption: Text::new(
        "The small model's loss on held-out texts, over the place of the token: with plain RoPE it rises soon after the training length of 128; interpolation without fine-tuning is worse everywhere, NTK without it does better there.",
        "小模型在留出文本上的损失随位置的变化：原始 RoPE 一过训练长度 128 就开始上升；不微调的位置插值处处更差，不微调的 NTK 在那里更好。",
    ),
    settings: &[
        Setting::option("n", 320, 160, 1024, Text::new("tokens", "token 数")),
        Setting::option("texts", 3, 1, 32, Text::new("texts", "文本条数")),
    ],
    draw: losses,
}];

/// Means over blocks of 32 tokens, of the model as trained, with interpolated positions and with a larger
/// base, and of the source itself.
fn losses(case: &Case, lang: Lang) -> Parts {
    const BLOCK: usize = 32;
    let n = case.size("n");
    let corpus = Corpus::new(HELD_OUT + case.seed, case.size("texts"), n, GAP);
    let blocks = |loss: &dyn Fn(usize, usize) -> f64| {
        let texts = corpus.tokens.nrows();
        let mean = |block: usize| {
            let places = block * BLOCK..(block + 1) * BLOCK;
            let all = places.flat_map(|t| (0..texts).map(move |i| (i, t)));
            all.map(|(i, t)| loss(i, t)).sum::<f64>() / (BLOCK * texts) as f64
        };
        let places =
            (0..(n - 1) / BLOCK).map(|block| ((block * BLOCK + BLOCK / 2) as f64, mean(block)));
        places.collect::<Vec<_>>()
    };
    let curve = |name: &str, mark, change: &dyn Fn(&mut Tiny)| {
        let mut model = Tiny::trained();
        change(&mut model);
        let losses = model.losses(&corpus.tokens);
        Curve::new(name, mark, Style::Joined, blocks(&|i, t| losses[[i, t]]))
    };
    let s = n as f64 / LENGTH as f64;
    let curves = vec![
        curve(lang.pick("plain RoPE", "原始 RoPE"), 'r', &|_| {}),
        curve(
            lang.pick("position interpolation", "位置插值"),
            'p',
            &|model| {
                model.inv_freq.iter_mut().for_each(|theta| *theta /= s);
            },
        ),
        curve("NTK-aware", 'n', &|model| {
            let d = model.config.head_dim as f64;
            let base = model.config.rope_theta * s.powf(d / (d - 2.0));
            for (i, theta) in model.inv_freq.iter_mut().enumerate() {
                *theta = base.powf(-2.0 * i as f64 / d);
            }
        }),
        Curve::new(
            lang.pick("entropy of the source", "信源的熵"),
            '·',
            Style::Line,
            blocks(&|i, t| corpus.nats[[i, t + 1]]),
        ),
        Curve::new(
            lang.pick("training length", "训练长度"),
            '|',
            Style::Stems,
            [(LENGTH as f64, 5.0)],
        ),
    ];
    Parts::Plots(vec![Plot {
        title: String::new(),
        x: Axis::linear(lang.pick("position (tokens)", "位置（token）")),
        y: Axis::linear(lang.pick("loss (nats per token)", "损失（nat/token）")).within(0.0, 5.0),
        curves,
    }])
}
