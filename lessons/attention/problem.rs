//! What the attention lesson asks, and on which inputs.

use super::bugs::BUGS;
use super::laws::LAWS;
use super::reference::reference;
use super::variants::variant;
use crate::kernels::attention::{self as kernel, Mask, Shape};
use crate::kernels::cpu::{Tier, threads};
use crate::ops::{causal_mask, einsum};
use crate::problem::{
    Arg, ArgKind, Case, Kind, Prepared, Problem, Production, Setting, Tolerance, Work,
};
use crate::tensor::{Inputs, Tensor, Value, max_abs};
use crate::text::Text;
use ndarray::{ArrayViewD, Axis, IxDyn};
use rand::RngExt;

crate::exercise!(q: tensor, k: tensor, v: tensor, mask: optional);

/// Scaled dot-product attention with an additive mask.
pub static PROBLEM: Problem = Problem {
    signature: "fn attention(q: &Tensor, k: &Tensor, v: &Tensor, mask: Option<&Tensor>) -> Tensor",
    args: &[
        Arg {
            name: "q",
            kind: ArgKind::Float("b h n d"),
        },
        Arg {
            name: "k",
            kind: ArgKind::Float("b h m d"),
        },
        Arg {
            name: "v",
            kind: ArgKind::Float("b h m dv"),
        },
        Arg {
            name: "mask",
            kind: ArgKind::OptionalBroadcast("b h n m"),
        },
    ],
    outputs: &[("out", "b h n dv")],
    settings: &[
        Setting::axis("b", 2, Text::new("batch", "批大小")),
        Setting::axis("h", 3, Text::new("heads", "头数")),
        Setting::axis("n", 5, Text::new("queries", "查询长度")),
        Setting::axis("m", 7, Text::new("keys and values", "键/值长度")),
        Setting::axis("d", 8, Text::new("head size of q and k", "q、k 的头维度")),
        Setting::axis("dv", 6, Text::new("head size of v", "v 的头维度")),
        Setting::option(
            "mask",
            0,
            0,
            4,
            Text::new(
                "0 none, 1 causal [n m], 2 padding [b 1 1 m], 3 random [b h n m] with fully masked rows, 4 distance bias [h n m]",
                "0 无，1 因果 [n m]，2 padding [b 1 1 m]，3 随机 [b h n m]（含整行被屏蔽），4 距离偏置 [h n m]",
            ),
        ),
        Setting::option(
            "magnitude",
            1,
            1,
            10_000,
            Text::new("standard deviation of q", "q 的标准差"),
        ),
    ],
    kinds: &[
        Kind {
            id: "ordinary",
            about: Text::new("no mask, all sizes different", "无掩码，各轴大小互不相同"),
            settings: &[],
            ragged: false,
        },
        Kind {
            id: "causal",
            about: Text::new(
                "a causal mask [n m], aligned at the end",
                "因果掩码 [n m]，右下对齐",
            ),
            settings: &[("mask", 1)],
            ragged: false,
        },
        Kind {
            id: "padding",
            about: Text::new("a padding mask [b 1 1 m]", "padding 掩码 [b 1 1 m]"),
            settings: &[("mask", 2)],
            ragged: false,
        },
        Kind {
            id: "bias",
            about: Text::new(
                "a finite mask [h n m] as ALiBi has it: nothing is dropped",
                "有限值掩码 [h n m]（ALiBi 式偏置）：不屏蔽任何键",
            ),
            settings: &[("mask", 4)],
            ragged: false,
        },
        Kind {
            id: "masked-rows",
            about: Text::new(
                "a random mask [b h n m]: 0, −∞, finite numbers, and rows without any key",
                "随机掩码 [b h n m]：0、−∞、有限值，以及没有任何可见键的行",
            ),
            settings: &[("mask", 3)],
            ragged: false,
        },
        Kind {
            id: "decode",
            about: Text::new(
                "one query against a cache of 9 keys, causal",
                "解码：1 个查询对 9 个缓存键，因果掩码",
            ),
            settings: &[("n", 1), ("m", 9), ("mask", 1)],
            ragged: false,
        },
        Kind {
            id: "more-queries",
            about: Text::new(
                "more queries than keys, causal: the first queries see nothing",
                "查询多于键且因果：最前面的查询看不到任何键",
            ),
            settings: &[("n", 7), ("m", 4), ("mask", 1)],
            ragged: false,
        },
        Kind {
            id: "tiny",
            about: Text::new("all sizes 1", "所有轴大小均为 1"),
            settings: &[("b", 1), ("h", 1), ("n", 1), ("m", 1), ("d", 1), ("dv", 1)],
            ragged: false,
        },
        Kind {
            id: "ragged",
            about: Text::new(
                "sizes from 1 to 8 and a random mask",
                "各轴大小在 1 到 8 之间，随机掩码",
            ),
            settings: &[("mask", 3)],
            ragged: true,
        },
        Kind {
            id: "large-magnitude",
            about: Text::new(
                "scores in the hundreds: exp overflows f32 unless the row maximum is taken off",
                "分数达到数百：不减去行最大值，exp 会让 f32 溢出",
            ),
            settings: &[("magnitude", 100)],
            ragged: false,
        },
    ],
    inputs,
    reference,
    variant,
    bugs: BUGS,
    conventions: &[],
    tolerance,
    laws: LAWS,
    memory: None,
    production: Production {
        name: || format!("attention, {}, {} threads", Tier::f32().name(), threads()),
        prepare,
        scale: &[
            ("b", 1),
            ("h", 4),
            ("n", 1024),
            ("m", 1024),
            ("d", 64),
            ("dv", 64),
        ],
        work,
    },
};

/// Seeded inputs of a case; the options `mask` and `magnitude` choose what they are like.
fn inputs(case: &Case) -> Inputs {
    let mask = mask(case).map_or(Value::Absent, Value::Float);
    Inputs::new()
        .with(
            "q",
            Value::Float(case.normal("q", "b h n d", case.size("magnitude") as f32)),
        )
        .with("k", Value::Float(case.normal("k", "b h m d", 1.0)))
        .with("v", Value::Float(case.normal("v", "b h m dv", 1.0)))
        .with("mask", mask)
}

fn mask(case: &Case) -> Option<Tensor> {
    let [b, h, n, m] = ["b", "h", "n", "m"].map(|axis| case.size(axis));
    let mut rng = case.rng("mask");
    match case.size("mask") {
        1 => Some(causal_mask(n, m)),
        2 => {
            // The first sequence is always padded where it can be; none is empty.
            let lengths: Vec<usize> = (0..b)
                .map(|i| rng.random_range(1..=if i == 0 { m.max(2) - 1 } else { m }))
                .collect();
            Some(Tensor::from_shape_fn(IxDyn(&[b, 1, 1, m]), |at| {
                if at[3] < lengths[at[0]] {
                    0.0
                } else {
                    f32::NEG_INFINITY
                }
            }))
        }
        3 => {
            // A third of the keys dropped, a third biased, a third free; every third row has no key.
            let noise = case.normal("bias", "b h n m", 1.0);
            let mut mask = noise.mapv(|x| match rng.random_range(0..3) {
                0 => f32::NEG_INFINITY,
                1 => x,
                _ => 0.0,
            });
            for (i, mut row) in mask.rows_mut().into_iter().enumerate() {
                if i % 3 == 2 {
                    row.fill(f32::NEG_INFINITY);
                }
            }
            Some(mask)
        }
        4 => {
            let slope = |head: usize| 2f32.powf(-8.0 * (head + 1) as f32 / h as f32);
            Some(Tensor::from_shape_fn(IxDyn(&[h, n, m]), |at| {
                let distance = (at[1] + m).abs_diff(at[2] + n);
                -4.0 * slope(at[0]) * distance as f32
            }))
        }
        _ => None,
    }
}

/// How far a right f32 answer may be off.
///
/// A dot product of `d` terms is off by at most `d·u·Σ|q·k|` (`u = ε/2`), in any order of
/// summation. An error δ of a score changes its weight by the factor 1 ± δ, and the normalisation
/// doubles that. The sum over `m` keys and a streaming softmax's rescaling add a few roundings per
/// key.
fn tolerance(inputs: &Inputs) -> Tolerance {
    let (q, k, v) = (inputs.f64("q"), inputs.f64("k"), inputs.f64("v"));
    let (m, d) = (k.shape()[2], k.shape()[3]);
    let sizes = einsum(
        "b h n d, b h m d -> b h n m",
        &[&q.mapv(f64::abs), &k.mapv(f64::abs)],
    );
    let bias = inputs.optional("mask").map_or(0.0, max_abs);
    let score = max_abs(&sizes) / (d as f64).sqrt() + bias;
    let size = max_abs(&v);
    let eps = f64::from(f32::EPSILON);
    Tolerance {
        value: eps * ((d as f64 + 4.0) * score + 2.0 * m as f64 + 8.0) * size,
        formula: format!(
            "ε·((d+4)·S + 2m + 8)·max|v|, ε = {eps:.2e}, d = {d}, m = {m}, max|v| = {size:.3}, S = max(Σ|q||k|/√d + |bias|) = {score:.3}"
        ),
    }
}

/// Lays the operands out row-major (they nearly always are) and the mask by strides.
fn prepare(inputs: &Inputs) -> Prepared<'_> {
    let [q, k, v] = ["q", "k", "v"].map(|name| inputs.float(name).as_standard_layout());
    let mask = inputs
        .optional("mask")
        .map(|mask| mask.as_standard_layout());
    let [b, h, n, d] = [0, 1, 2, 3].map(|axis| q.len_of(Axis(axis)));
    let (m, dv) = (k.shape()[2], v.shape()[3]);
    let shape = Shape { b, h, n, m, d, dv };
    let out = Tensor::zeros(IxDyn(&[b, h, n, dv]));
    Prepared::new(vec![out], move |outputs| {
        let [q, k, v] = [&q, &k, &v].map(|x| x.as_slice().expect("standard layout"));
        let mask = mask.as_ref().map(|mask| Mask {
            values: mask.as_slice().expect("standard layout"),
            strides: strides(mask.view(), shape),
        });
        let out = outputs[0].as_slice_mut().expect("standard layout");
        kernel::attention(out, q, k, v, mask, shape).unwrap_or_else(|misfit| panic!("{misfit}"));
    })
}

/// The strides with which a mask in standard layout broadcasts to `[b h n m]`: 0 along an axis
/// that it repeats.
fn strides(mask: ArrayViewD<f32>, shape: Shape) -> [usize; 4] {
    let wide = [shape.b, shape.h, shape.n, shape.m];
    let view = mask
        .broadcast(IxDyn(&wide))
        .expect("the mask's shape was checked");
    [0, 1, 2, 3].map(|axis| view.stride_of(Axis(axis)).unsigned_abs())
}

/// Two matrix products; every operand is read once and the output written once.
fn work(case: &Case) -> Work {
    let [b, h, n, m, d, dv] = ["b", "h", "n", "m", "d", "dv"].map(|axis| case.size(axis) as f64);
    Work {
        flops: 2.0 * b * h * n * m * (d + dv),
        bytes: 4.0 * b * h * (n * d + m * d + m * dv + n * dv),
    }
}
