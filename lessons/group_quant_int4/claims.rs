//! What the notes say about 4 bits, and what is true: their «10-line GPTQ» is rounding to nearest.

use crate::lesson::{Claim, Verdict};
use crate::lessons::affine_quantization::grid::Grid;
use crate::lessons::hessian_saliency::inverse;
use crate::lessons::weight_only_int8::norm;
use crate::problem::Case;
use crate::text::{Lang, Text};
use ndarray::{Array2, ArrayView1, Axis, Ix2, s};
use std::collections::BTreeMap;

pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "C008",
        verdict: Verdict::Wrong,
        quote: "7.2 4-bit 量化落地",
        right: Text::new(
            "Section 7 of the notes has no subsections (its second point is NTK-RoPE); 4-bit quantization is point 3 of section 9 and section 10.2.",
            "笔记第 7 节没有小节（第 2 点讲的是 NTK-RoPE）；4 bit 量化在第 9 节第 3 点和 10.2 节。",
        ),
        demo: Some(link),
    },
    Claim {
        id: "C144",
        verdict: Verdict::Wrong,
        quote: "10 行 GPTQ 量化(W4A16 核心)",
        right: Text::new(
            "Seven lines, and not GPTQ: there is no X, no H = 2·XXᵀ, no error passed on to later columns. It is group-wise rounding to nearest, with a mean shift that makes it worse.",
            "只有 7 行，而且不是 GPTQ：没有 X，没有 H = 2·XXᵀ，误差也没有传给后面的列。它是分组就近取整，外加一个帮倒忙的均值偏移。",
        ),
        demo: Some(not_gptq),
    },
    Claim {
        id: "C145",
        verdict: Verdict::Imprecise,
        quote: "W.reshape(-1, groupsize)",
        right: Text::new(
            "Right only where group_size divides the row. Otherwise it fails (when it does not divide the number of weights), or groups silently straddle two rows.",
            "只有 group_size 整除行长才对。否则要么报错（不整除权重总数时），要么悄悄让一组跨两行。",
        ),
        demo: Some(straddle),
    },
    Claim {
        id: "C148",
        verdict: Verdict::Wrong,
        quote: "W_q   = ((W - zero) / scale).round().clamp(-8, 7)",
        right: Text::new(
            "The scale comes from |W|, the codes from W − zero: range and shift disagree. A group far from 0 uses a few of the 16 codes; a group with one opposite outlier is cut off.",
            "scale 来自 |W|，码却来自 W − zero，区间与偏移对不上。远离 0 的组只用到 16 个码中的几个；有一个反向离群值的组会被截断。",
        ),
        demo: Some(disagree),
    },
    Claim {
        id: "C150",
        verdict: Verdict::Imprecise,
        quote: "return W_q.to(torch.int8), scale, zero",
        right: Text::new(
            "Not packed: a code takes 8 bits, and scale and zero are two f32 per group: 8.5 bits per weight in groups of 128. Packed, with f16 scale and zero, it is 4.25; with a 4-bit zero point 4.16.",
            "没有打包：一个码占 8 位，每组还有两个 f32：128 一组时每权重 8.5 位。打包后（f16 的 scale 和 zero）是 4.25 位；zero_point 用 4 位则为 4.16 位。",
        ),
        demo: Some(bits),
    },
    Claim {
        id: "C151",
        verdict: Verdict::Wrong,
        quote: "shape = W.shape",
        right: Text::new(
            "The shape is kept and never used: the function returns [numel/128, 128] in place of W's shape.",
            "存下 shape 却没用：函数返回的是 [numel/128, 128]，不是 W 的形状。",
        ),
        demo: Some(shape),
    },
    Claim {
        id: "C152",
        verdict: Verdict::Wrong,
        quote: "scale = W.abs().max(dim=1, keepdim=True)[0] / 7",
        right: Text::new(
            "There is no guard for a group of zeros (padding, a pruned block): 0/0 is not a number before the cast and an arbitrary code after it. GPTQ's quantizer takes the range [−1, 1] there.",
            "没有防范全零组（padding、被剪掉的块）：0/0 在转换前不是数，转换后成了任意的码。GPTQ 的量化器此时取区间 [−1, 1]。",
        ),
        demo: Some(zeros),
    },
    Claim {
        id: "C153",
        verdict: Verdict::Imprecise,
        quote: "W4A16 核心",
        right: Text::new(
            "Half of it at best: there is no ŵ = q·scale + zero and no product with activations. What makes W4A16 fast is a kernel that reads packed codes and restores weights in registers.",
            "顶多算一半：没有 ŵ = q·scale + zero，也没有与激活相乘。W4A16 快在 kernel 直接读打包的码、在寄存器里还原权重。",
        ),
        demo: Some(product),
    },
];

fn normal(name: &str, n: usize, k: usize) -> Array2<f64> {
    let case = Case {
        kind: "demo",
        seed: 6,
        settings: BTreeMap::from([("n", n), ("k", k)]),
    };
    let drawn = case.normal(name, "n k", 1.0).mapv(f64::from);
    let matrix = drawn.into_dimensionality::<Ix2>();
    matrix.unwrap_or_else(|_| Array2::zeros((n, k)))
}

fn size(a: &Array2<f64>) -> f64 {
    norm(&a.clone().into_dyn())
}

/// Every group of `g` neighbours of a row as `back` returns it.
fn by_group(w: &Array2<f64>, g: usize, back: impl Fn(ArrayView1<f64>) -> Vec<f64>) -> Array2<f64> {
    let mut out = w.clone();
    for mut row in out.rows_mut() {
        for mut group in row.axis_chunks_iter_mut(Axis(0), g) {
            let values = back(group.view());
            group.iter_mut().zip(values).for_each(|(to, w)| *to = w);
        }
    }
    out
}

fn ends(group: ArrayView1<f64>) -> (f64, f64) {
    let fold = |(low, high): (f64, f64), w: &f64| (low.min(*w), high.max(*w));
    group.iter().fold((f64::INFINITY, f64::NEG_INFINITY), fold)
}

fn asymmetric(group: ArrayView1<f64>) -> Grid {
    let (low, high) = ends(group);
    Grid::asymmetric(low, high, 4.0)
}

fn symmetric(group: ArrayView1<f64>) -> Grid {
    let (low, high) = ends(group);
    Grid::symmetric(low.abs().max(high.abs()), 4.0)
}

fn nearest(of: impl Fn(ArrayView1<f64>) -> Grid) -> impl Fn(ArrayView1<f64>) -> Vec<f64> {
    move |group| {
        let grid = of(group);
        group.iter().map(|w| grid.nearest(*w)).collect()
    }
}

/// The notes' lines for one group: scale, zero, codes.
fn notes(group: ArrayView1<f64>) -> (f64, f64, Vec<f64>) {
    let (low, high) = ends(group);
    let scale = low.abs().max(high.abs()) / 7.0;
    let zero = group.sum() / group.len() as f64;
    let code = |w: &f64| ((w - zero) / scale).round_ties_even().clamp(-8.0, 7.0);
    (scale, zero, group.iter().map(code).collect())
}

/// And what they would be read back as.
fn notes_back(group: ArrayView1<f64>) -> Vec<f64> {
    let (scale, zero, codes) = notes(group);
    codes.iter().map(|q| q * scale + zero).collect()
}

/// GPTQ (Frantar et al. 2022), a column at a time: each column's error is made up for by the columns
/// after it, as far as H⁻¹ says. H = 2·XXᵀ + λI; grids from the weights as they are at a group's start.
fn gptq(w: &Array2<f64>, x: &Array2<f64>, g: usize) -> Array2<f64> {
    let k = w.ncols();
    let mut h = x.t().dot(x) * 2.0;
    let damp = 0.01 * h.diag().sum() / k as f64;
    h.diag_mut().mapv_inplace(|h| h + damp);
    let (mut inverse, mut w, mut out) = (inverse(&h), w.clone(), w.clone());
    let mut grids = Vec::new();
    for i in 0..k {
        if i % g == 0 {
            let group = w.slice(s![.., i..k.min(i + g)]);
            grids = group.rows().into_iter().map(asymmetric).collect();
        }
        let row = inverse.row(i).to_owned();
        for (r, grid) in grids.iter().enumerate() {
            out[[r, i]] = grid.nearest(w[[r, i]]);
            let error = (w[[r, i]] - out[[r, i]]) / row[i];
            for j in i + 1..k {
                w[[r, j]] -= error * row[j];
            }
        }
        // Column i is done: it leaves H.
        let column = row.clone().insert_axis(Axis(1));
        inverse -= &(column.dot(&row.clone().insert_axis(Axis(0))) / row[i]);
    }
    out
}

fn link(lang: Lang) -> String {
    const HEADINGS: [&str; 3] = [
        "7 长序列外推:面试现问现答",
        "9 线上部署:3. 量化GPTQ W4A16",
        "10.2 10 行 GPTQ 量化(W4A16 核心)",
    ];
    let topic: Vec<&str> = HEADINGS
        .iter()
        .copied()
        .filter(|h| h.contains("量化"))
        .collect();
    let [a, b] = lang.pick(
        ["the link goes to:", "the topic is in:"],
        ["链接指向：", "主题所在："],
    );
    format!("{a} 7.2 ({})\n{b} {}\n", HEADINGS[0], topic.join("; "))
}

/// The same weights by the notes, by rounding to nearest and by GPTQ, for inputs that are correlated
/// and for inputs that are not.
fn not_gptq(lang: Lang) -> String {
    let (n, k, g) = (48, 96, 32);
    let w = normal("w", n, k);
    let plain = normal("x", 384, k);
    // Each input shares most of itself with the one before.
    let mut correlated = plain.clone();
    for j in 1..k {
        let before = correlated.column(j - 1).to_owned();
        let mut column = correlated.column_mut(j);
        column *= 0.5;
        column.scaled_add(0.85, &before);
    }
    let head = lang.pick(
        "4 bits, groups of 32       weights %   outputs % (inputs correlated)   (independent)",
        "4 位，32 一组              权重 %      输出 %（输入相关）              （独立）",
    );
    let line = |name: &str, make: &dyn Fn(&Array2<f64>) -> Array2<f64>| {
        let cost = |x: &Array2<f64>| {
            let back = make(x);
            let (gap, y) = (x.dot(&(&back - &w).t()), x.dot(&w.t()));
            [size(&(&back - &w)) / size(&w), size(&gap) / size(&y)].map(|part| 100.0 * part)
        };
        let ([weights, outputs], [_, apart]) = (cost(&correlated), cost(&plain));
        format!("{name:<26} {weights:<11.2} {outputs:<31.2} {apart:.2}")
    };
    let names = lang.pick(
        [
            "the notes",
            "round to nearest, ±7",
            "round to nearest, 0 … 15",
            "GPTQ",
        ],
        ["笔记", "就近取整，±7", "就近取整，0 … 15", "GPTQ"],
    );
    let lines = [
        line(names[0], &|_| by_group(&w, g, notes_back)),
        line(names[1], &|_| by_group(&w, g, nearest(symmetric))),
        line(names[2], &|_| by_group(&w, g, nearest(asymmetric))),
        line(names[3], &|x| gptq(&w, x, g)),
    ];
    format!("{head}\n{}\n", lines.join("\n"))
}

fn straddle(lang: Lang) -> String {
    let (rows, columns, g) = (4usize, 96usize, 128usize);
    let group = |flat: usize| (flat / g, flat / columns, flat % columns);
    let mut out = lang.pick(
        format!("W {rows}×{columns}, reshape(−1, {g}):\n"),
        format!("W {rows}×{columns}，reshape(−1, {g})：\n"),
    );
    for first in (0..rows * columns).step_by(g) {
        let (number, row, column) = group(first);
        let (_, last_row, last) = group(first + g - 1);
        out += &lang.pick(
            format!("group {number}: row {row} column {column} … row {last_row} column {last}\n"),
            format!("第 {number} 组：第 {row} 行第 {column} 列 … 第 {last_row} 行第 {last} 列\n"),
        );
    }
    out
}

fn disagree(lang: Lang) -> String {
    let head = lang.pick(
        "256×512, σ .02, groups of 128     notes: error %  codes a group   0 … 15: error %",
        "256×512，σ .02，128 一组          笔记：误差 %    每组用到的码    0 … 15：误差 %",
    );
    let line = |shift: f64| {
        let w = normal("w", 256, 512).mapv(|w| 0.02 * (w + shift));
        let used = |group: ArrayView1<f64>| {
            let mut codes = notes(group).2;
            codes.sort_by(f64::total_cmp);
            codes.dedup();
            codes.len() as f64
        };
        let groups = w.len() / 128;
        let codes: f64 = w
            .rows()
            .into_iter()
            .flat_map(|row| {
                row.axis_chunks_iter(Axis(0), 128)
                    .map(used)
                    .collect::<Vec<_>>()
            })
            .sum();
        let error = |back: Array2<f64>| 100.0 * size(&(back - &w)) / size(&w);
        format!(
            "mean {shift:>4}σ                        {:<15.2} {:<15.1} {:.2}",
            error(by_group(&w, 128, notes_back)),
            codes / groups as f64,
            error(by_group(&w, 128, nearest(asymmetric))),
        )
    };
    let mut far = ndarray::Array1::from_elem(16, 0.376);
    far[0] = -1.0;
    let back = notes_back(far.view());
    let clipped = lang.pick(
        format!(
            "15 weights of .376 and one of −1: the notes return {:.3} for −1",
            back[0]
        ),
        format!("15 个 .376 和一个 −1：笔记把 −1 还原成 {:.3}", back[0]),
    );
    format!("{head}\n{}\n{}\n{clipped}\n", line(0.0), line(10.0))
}

fn bits(lang: Lang) -> String {
    let head = lang.pick(
        "bits per weight        g = 32   64      128",
        "每权重的位数           g = 32   64      128",
    );
    let line = |name: &str, code: f64, group: f64| {
        let cells = [32.0, 64.0, 128.0].map(|g| format!("{:<8.3}", code + group / g));
        format!("{name:<22} {}", cells.concat().trim_end())
    };
    let names = lang.pick(
        [
            "the notes' int8, f32",
            "packed, f16 s and z",
            "packed, f16 s, 4-bit z",
        ],
        [
            "笔记：int8、f32",
            "打包，f16 的 s、z",
            "打包，f16 s、4 位 z",
        ],
    );
    let lines = [
        line(names[0], 8.0, 64.0),
        line(names[1], 4.0, 32.0),
        line(names[2], 4.0, 20.0),
    ];
    format!("{head}\n{}\n", lines.join("\n"))
}

fn shape(lang: Lang) -> String {
    let line = |[n, k]: [usize; 2]| {
        lang.pick(
            format!("W [{n}, {k}] → the notes return [{}, 128]", n * k / 128),
            format!("W [{n}, {k}] → 笔记返回 [{}, 128]", n * k / 128),
        )
    };
    format!("{}\n{}\n", line([8, 256]), line([4096, 4096]))
}

fn zeros(lang: Lang) -> String {
    let group = ndarray::Array1::zeros(4);
    let (scale, zero, codes) = notes(group.view());
    let lost = codes.iter().filter(|q| !q.is_finite()).count();
    let grid = asymmetric(group.view());
    lang.pick(
        format!(
            "group of 4 zeros, the notes: scale {scale}, zero {zero}, {lost} of 4 codes are 0/0\nguarded: scale {}, zero point {}, codes {}\n",
            grid.scale,
            grid.zero_point,
            grid.code(0.0)
        ),
        format!(
            "4 个零的组，笔记：scale {scale}，zero {zero}，4 个码中 {lost} 个是 0/0\n加上防范：scale {}，zero_point {}，码 {}\n",
            grid.scale,
            grid.zero_point,
            grid.code(0.0)
        ),
    )
}

fn product(lang: Lang) -> String {
    let (w, x) = (normal("w", 64, 128), normal("x", 16, 128));
    let y = x.dot(&w.t());
    let error = |w: Array2<f64>| 100.0 * size(&(x.dot(&w.t()) - &y)) / size(&y);
    let codes = error(by_group(&w, 128, |group| notes(group).2));
    let right = error(by_group(&w, 128, nearest(asymmetric)));
    let names = lang.pick(
        [
            "error of x·codesᵀ, all that the notes return:",
            "error of x·ŵᵀ with ŵ = s·(q − z):",
        ],
        [
            "x·码ᵀ 的误差（笔记返回的只有码）：",
            "x·ŵᵀ 的误差，ŵ = s·(q − z)：",
        ],
    );
    format!("{} {codes:.1} %\n{} {right:.1} %\n", names[0], names[1])
}
