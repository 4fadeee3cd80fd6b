//! What the KV cache lesson asks, and on which inputs.

use super::bugs::{BUGS, CONVENTIONS};
use super::laws::LAWS;
use super::reference::{Rows, reference};
use super::variants::variant;
use crate::kernels::attention::{self as kernel, Mask};
use crate::kernels::cpu::{Tier, threads};
use crate::kernels::rope::{self, Layout, Table};
use crate::problem::{
    Arg, ArgKind, Case, Kind, Prepared, Problem, Production, Setting, Tolerance, Work,
};
use crate::tensor::{Inputs, Labels, Tensor, Value, max_abs};
use crate::text::Text;
use ndarray::{Axis, IxDyn, s};
use rand::RngExt;

crate::exercise!(q: tensor, k: tensor, v: tensor, past_k: tensor, past_v: tensor, lengths: labels, beam_idx: labels, rope_theta: number);

pub static PROBLEM: Problem = Problem {
    signature: "fn kv_cache(q: &Tensor, k: &Tensor, v: &Tensor, past_k: &Tensor, past_v: &Tensor, lengths: &Labels, beam_idx: &Labels, rope_theta: f64) -> (Tensor, Tensor, Tensor)",
    args: &[
        Arg::float("q", "b h n d"),
        Arg::float("k", "b g n d"),
        Arg::float("v", "b g n d"),
        Arg::float("past_k", "b g m d"),
        Arg::float("past_v", "b g m d"),
        Arg::int("lengths", "b"),
        Arg::int("beam_idx", "b"),
        Arg {
            name: "rope_theta",
            kind: ArgKind::Number,
        },
    ],
    outputs: &[
        ("out", "b h n d"),
        ("present_k", "b g m d"),
        ("present_v", "b g m d"),
    ],
    settings: SETTINGS,
    kinds: KINDS,
    inputs,
    reference,
    variant,
    bugs: BUGS,
    conventions: CONVENTIONS,
    tolerance,
    laws: LAWS,
    memory: None,
    production: Production {
        name: || {
            let tier = Tier::f32().name();
            format!("rope and attention, {tier}, {} threads", threads())
        },
        prepare,
        scale: &[
            ("b", 2),
            ("g", 4),
            ("group", 4),
            ("n", 1),
            ("d", 64),
            ("past", 1023),
            ("even", 1),
        ],
        work,
    },
};

const SETTINGS: &[Setting] = &[
    Setting::axis("b", 2, Text::new("sequences in the batch", "批大小")),
    Setting::axis("g", 3, Text::new("key/value heads", "k/v 头数")),
    Setting::axis("n", 4, Text::new("new tokens", "新 token 数")),
    Setting::axis("d", 8, Text::new("size of a head", "单个头的维度")).multiple_of(2),
    Setting::option(
        "group",
        2,
        1,
        64,
        Text::new(
            "query heads for each key/value head: 1 is MHA",
            "每个 k/v 头服务的查询头数：1 即 MHA",
        ),
    ),
    Setting::option(
        "past",
        5,
        0,
        8192,
        Text::new(
            "tokens in the longest row of the cache",
            "缓存中最长一行的 token 数",
        ),
    ),
    Setting::option(
        "spare",
        2,
        0,
        4096,
        Text::new(
            "slots that stay free in the longest row",
            "最长一行写完之后剩余的空槽位数",
        ),
    ),
    // They follow from the others, so a person cannot set them.
    Setting::option(
        "h",
        0,
        0,
        0,
        Text::new("query heads: always g·group", "查询头数：恒为 g·group"),
    ),
    Setting::option(
        "m",
        0,
        0,
        0,
        Text::new(
            "slots of the cache: always past + n + spare",
            "缓存的槽位数：恒为 past + n + spare",
        ),
    ),
    Setting::option(
        "even",
        0,
        0,
        1,
        Text::new("1: all rows are as long as the longest", "1：各行长度相同"),
    ),
    Setting::option(
        "beam",
        0,
        0,
        1,
        Text::new(
            "1: rows continue other rows (beam search)",
            "1：各行接着别的行写（束搜索）",
        ),
    ),
    Setting::option(
        "rope_theta",
        10_000,
        2,
        100_000_000,
        Text::new("base of the frequencies", "频率的底数 base"),
    ),
    Setting::option(
        "magnitude",
        1,
        1,
        100,
        Text::new("standard deviation of q and k", "q、k 的标准差"),
    ),
];

const KINDS: &[Kind] = &[
    Kind::new(
        "ordinary",
        &[],
        Text::new(
            "4 new tokens behind rows of different lengths, 2 query heads per cached head",
            "4 个新 token，各行已有长度不同，每个缓存头服务 2 个查询头",
        ),
    ),
    Kind::new(
        "prefill",
        &[("past", 0), ("n", 5), ("spare", 3)],
        Text::new(
            "an empty cache: a prompt of 5 tokens",
            "空缓存：5 个 token 的 prompt",
        ),
    ),
    Kind::new(
        "decode",
        &[("b", 3), ("n", 1), ("past", 6)],
        Text::new("one new token per row", "每行一个新 token"),
    ),
    Kind::new(
        "even",
        &[("n", 2), ("even", 1)],
        Text::new("rows of one length", "各行长度相同"),
    ),
    Kind::new(
        "mha",
        &[("g", 2), ("group", 1), ("n", 2)],
        Text::new(
            "as many cached heads as query heads",
            "缓存头数与查询头数相同",
        ),
    ),
    Kind::new(
        "mqa",
        &[("g", 1), ("group", 3), ("n", 3)],
        Text::new(
            "one cached head for 3 query heads",
            "3 个查询头共用 1 个缓存头",
        ),
    ),
    Kind::new(
        "beam",
        &[("b", 4), ("n", 1), ("beam", 1)],
        Text::new(
            "beam search: every row continues another row",
            "束搜索：每一行都接着另一行写",
        ),
    ),
    Kind::new(
        "full",
        &[("n", 3), ("past", 4), ("spare", 0)],
        Text::new(
            "the last new token takes the last slot",
            "最后一个新 token 正好占满最后一个槽位",
        ),
    ),
    Kind::new(
        "tiny",
        &[
            ("b", 1),
            ("g", 1),
            ("group", 1),
            ("n", 1),
            ("d", 2),
            ("past", 0),
            ("spare", 0),
        ],
        Text::new(
            "one token, one head, one slot",
            "一个 token，一个头，一个槽位",
        ),
    ),
    Kind {
        id: "ragged",
        about: Text::new(
            "n from 1 to 8, d from 2 to 16, rows that continue others",
            "n 在 1 到 8、d 在 2 到 16 之间，且各行接着别的行写",
        ),
        settings: &[("b", 3), ("g", 2), ("past", 3), ("beam", 1)],
        ragged: true,
    },
    Kind::new(
        "large-magnitude",
        &[("magnitude", 6)],
        Text::new(
            "scores around 100: exp overflows f32 unless the row maximum is taken off",
            "分数达到一百左右：不减去行最大值，exp 会让 f32 溢出",
        ),
    ),
];

/// Row 0 has `past` tokens, every other one fewer, unless all are to be even.
fn lengths(case: &Case) -> Vec<usize> {
    let (past, mut rng) = (case.size("past"), case.rng("lengths"));
    let mut draw = |i: usize| match i == 0 || past == 0 || case.size("even") == 1 {
        true => past,
        false => rng.random_range(0..past),
    };
    (0..case.size("b")).map(&mut draw).collect()
}

/// In a beam search the rows move round by one or more, and the last one is a second copy.
fn beam_idx(case: &Case) -> Vec<usize> {
    let b = case.size("b");
    let by = case.rng("beam_idx").random_range(1..b.max(2));
    let mut rows: Vec<usize> = match case.size("beam") {
        1 => (0..b).map(|i| (i + by) % b).collect(),
        _ => (0..b).collect(),
    };
    if case.size("beam") == 1 && b > 2 {
        rows[b - 1] = rows[0];
    }
    rows
}

fn inputs(case: &Case) -> Inputs {
    let mut case = case.clone();
    let (lengths, beam_idx) = (lengths(&case), beam_idx(&case));
    let slots = case.size("past") + case.size("n") + case.size("spare");
    case.settings
        .insert("h", case.size("g") * case.size("group"));
    case.settings.insert("m", slots);
    let magnitude = case.size("magnitude") as f32;
    let normal = |name, axes, scale| case.normal(name, axes, scale);
    // Free slots hold zeros, as a new buffer does.
    let cache = |name, scale| {
        let mut cache = normal(name, "b g m d", scale);
        for (row, &length) in lengths.iter().enumerate() {
            cache.slice_mut(s![row, .., length.., ..]).fill(0.0);
        }
        Value::Float(cache)
    };
    let labels = |values: &[usize]| {
        let values: Labels =
            ndarray::Array1::from_iter(values.iter().map(|&x| x as i64)).into_dyn();
        Value::Int(values)
    };
    Inputs::new()
        .with("q", Value::Float(normal("q", "b h n d", magnitude)))
        .with("k", Value::Float(normal("k", "b g n d", magnitude)))
        .with("v", Value::Float(normal("v", "b g n d", 1.0)))
        .with("past_k", cache("past_k", magnitude))
        .with("past_v", cache("past_v", 1.0))
        .with("lengths", labels(&lengths))
        .with("beam_idx", labels(&beam_idx))
        .with("rope_theta", Value::Number(case.size("rope_theta") as f64))
}

/// How far a right f32 answer may be off.
///
/// An f32 angle at position p is off by at most p·ε (the rope lesson), so a rotated vector by
/// (p + 4)·ε times its length; a score by what both sides bring and by its own sum of d products,
/// at most (2(p + 4) + √d)·ε·‖q‖·‖k‖/√d; a weight by the factor 1 ± 2δ for scores off by δ; the
/// output is a mean of values over at most m slots. The cache itself is off by √2·(p + 4)·ε·max|k|.
fn tolerance(inputs: &Inputs) -> Tolerance {
    let eps = f64::from(f32::EPSILON);
    let Ok(rows) = Rows::of(inputs) else {
        let (value, formula) = (eps, "ε".to_string());
        return Tolerance { value, formula };
    };
    let norm = |name: &str| {
        let squares = inputs.f64(name).mapv(|x| x * x).sum_axis(Axis(3));
        max_abs(&squares).sqrt()
    };
    let largest = |a: &str, b: &str| max_abs(inputs.float(a)).max(max_abs(inputs.float(b)));
    let (d, m) = (rows.d as f64, rows.m as f64);
    let p = (rows.lengths.iter().max().unwrap_or(&0) + rows.n + 4) as f64;
    let score = norm("q") * norm("k").max(norm("past_k")) / d.sqrt();
    let (k, v) = (largest("k", "past_k"), largest("v", "past_v"));
    let out = (2.0 * (2.0 * p + d.sqrt()) * score + m.sqrt() + 4.0) * v;
    Tolerance {
        value: eps * out.max(2f64.sqrt() * p * k),
        formula: format!(
            "ε·max((2(2p + √d)·S + √m + 4)·max|v|, √2·p·max|k|), ε = {eps:.2e}, p = {p} (largest position + 4), d = {d}, m = {m}, S = max‖q‖·max‖k‖/√d = {score:.3}, max|v| = {v:.3}, max|k| = {k:.3}"
        ),
    }
}

/// Copies the past into the output buffers, which is where a real cache lies anyway; the kernel
/// rotates and appends the new tokens and attends, one cached head of one row at a time. The query
/// heads of a group are further queries on the same keys.
fn prepare(inputs: &Inputs) -> Prepared<'_> {
    let rows = Rows::of(inputs).unwrap_or_else(|why| panic!("{why}"));
    let starts = rows.starts();
    let Rows { h, g, n, m, d, .. } = rows;
    let [q, k, v] = ["q", "k", "v"].map(|name| inputs.float(name).as_standard_layout());
    let past = |name| inputs.float(name).select(Axis(0), &rows.parents);
    let outputs = vec![
        Tensor::zeros(IxDyn(&[starts.len(), h, n, d])),
        past("past_k"),
        past("past_v"),
    ];
    let (batch, queries) = (starts.len(), h / g * n);
    let shape = rope::Shape {
        batch,
        heads: h,
        rows: n,
        head_dim: d,
    };
    let positions: Vec<i64> = (0..batch * n)
        .map(|at| (starts[at / n] + at % n) as i64)
        .collect();
    let table = Table::new(shape, &positions, inputs.number("rope_theta"))
        .unwrap_or_else(|error| panic!("{error}"));
    // Every query of a chunk but the last one has keys that it must not see.
    let masks: Vec<Vec<f32>> = starts
        .iter()
        .filter(|_| n > 1)
        .map(|&start| {
            let len = start + n;
            let hidden = |at: usize| at % len > start + at / len % n;
            let value = |at| if hidden(at) { f32::NEG_INFINITY } else { 0.0 };
            (0..queries * len).map(value).collect()
        })
        .collect();
    let (mut q_rot, mut k_rot) = (vec![0.0; q.len()], vec![0.0; k.len()]);
    Prepared::new(outputs, move |outputs| {
        let [out, keys, values] = outputs else {
            unreachable!("three outputs, made above")
        };
        let [out, keys, values] =
            [out, keys, values].map(|x| x.as_slice_mut().expect("standard layout"));
        let [q, k, v] = [&q, &k, &v].map(|x| x.as_slice().expect("standard layout"));
        for (turned, x, heads) in [(&mut q_rot, q, h), (&mut k_rot, k, g)] {
            table
                .rotate(turned, x, heads, Layout::Interleaved)
                .unwrap_or_else(|error| panic!("{error}"));
        }
        for at in 0..batch * g {
            let (start, new) = (starts[at / g], at * n * d..(at + 1) * n * d);
            let (slot, end) = ((at * m + start) * d, (at * m + start + n) * d);
            keys[slot..end].copy_from_slice(&k_rot[new.clone()]);
            values[slot..end].copy_from_slice(&v[new]);
            let mask = masks.get(at / g).map(|values| Mask {
                values,
                strides: [0, 0, start + n, 1],
            });
            let shape = kernel::Shape {
                b: 1,
                h: 1,
                n: queries,
                m: start + n,
                d,
                dv: d,
            };
            let (own, seen) = (at * queries * d..(at + 1) * queries * d, at * m * d..end);
            let (out, q) = (&mut out[own.clone()], &q_rot[own]);
            kernel::attention(out, q, &keys[seen.clone()], &values[seen], mask, shape)
                .unwrap_or_else(|misfit| panic!("{misfit}"));
        }
    })
}

/// Two products with every visible slot; the visible slots, q and out pass once, new k and v twice.
fn work(case: &Case) -> Work {
    let lengths = lengths(case);
    let starts = beam_idx(case).into_iter().map(|row| lengths[row] as f64);
    let [b, g, group, n, d] = ["b", "g", "group", "n", "d"].map(|name| case.size(name) as f64);
    let (pairs, slots) = starts.fold((0.0, 0.0), |(pairs, slots), start| {
        (pairs + n * start + n * (n + 1.0) / 2.0, slots + start)
    });
    Work {
        flops: 4.0 * pairs * g * group * d,
        bytes: 4.0 * g * d * (2.0 * slots + b * n * (2.0 * group + 4.0)),
    }
}
