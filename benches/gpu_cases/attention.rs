//! Attention forward and decoding, in bf16.

use super::{Case, Named, told};
use half::bf16;
use llmlab::kernels::attention::Shape;
use llmlab::kernels::cuda::Gpu;
use llmlab::kernels::cuda::Trouble;
use llmlab::kernels::cuda::attention::decode::{Cache, Decoder};
use llmlab::kernels::cuda::attention::{Options, Version, attention_by};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::cell::RefCell;
use std::rc::Rc;

macro_rules! forward {
    ($($name:literal: $sizes:expr, $causal:literal;)*) => {
        &[$(
            // Two peers, and the same kernel beside both.
            (concat!("attention cudnn ", $name), |gpu| forward(gpu, $sizes, $causal, None)),
            (concat!("attention flash ", $name), |gpu| forward(gpu, $sizes, $causal, None)),
        )*]
    };
}

const FORWARD: &[Named] = forward! {
    "full 2,16,8192,128": [2, 16, 16, 8192, 128], false;
    "causal 2,16,8192,128": [2, 16, 16, 8192, 128], true;
    "full 4,16,2048,128": [4, 16, 16, 2048, 128], false;
    "causal 4,16,2048,128": [4, 16, 16, 2048, 128], true;
    "full 2,16,8192,64": [2, 16, 16, 8192, 64], false;
    "causal 2,16,8192,64": [2, 16, 16, 8192, 64], true;
    "causal gqa 2,32/8,8192,128": [2, 32, 8, 8192, 128], true;
};

macro_rules! ladder {
    ($($version:ident $name:literal: $causal:literal;)*) => {
        &[$((
            concat!("attention ladder ", $name),
            |gpu| forward(gpu, [2, 16, 16, 8192, 128], $causal, Some(Version::$version)),
        )),*]
    };
}

const LADDER: &[Named] = ladder! {
    V1 "v1 full": false;
    V2 "v2 full": false;
    V3 "v3 full": false;
    V4 "v4 full": false;
    V5 "v5 full": false;
    V6 "v6 full": false;
    V1 "v1 causal": true;
    V2 "v2 causal": true;
    V3 "v3 causal": true;
    V4 "v4 causal": true;
    V5 "v5 causal": true;
    V6 "v6 causal": true;
};

const DECODE: &[Named] = &[
    ("decode cudnn 16,32/8,8192,128", |gpu| {
        decode(gpu, [16, 32, 8, 8192, 128], None)
    }),
    ("decode flash 16,32/8,8192,128", |gpu| {
        decode(gpu, [16, 32, 8, 8192, 128], None)
    }),
    ("decode flash 1,32/8,65536,128", |gpu| {
        decode(gpu, [1, 32, 8, 65_536, 128], None)
    }),
    ("decode flash 16,32/8,8192,64", |gpu| {
        decode(gpu, [16, 32, 8, 8192, 64], None)
    }),
    ("decode paged 16 16,32/8,8192,128", |gpu| {
        decode(gpu, [16, 32, 8, 8192, 128], Some(16))
    }),
    ("decode paged 64 16,32/8,8192,128", |gpu| {
        decode(gpu, [16, 32, 8, 8192, 128], Some(64))
    }),
];

pub fn all() -> Vec<Named> {
    [FORWARD, LADDER, DECODE].concat()
}

/// Numbers with mean 0 and variance 1. A pool whose length divides nothing is read from different places on.
fn noise(seed: usize, len: usize) -> Vec<bf16> {
    const POOL: usize = 4_194_301;
    thread_local! {
        static NUMBERS: Vec<bf16> = {
            let mut rng = StdRng::seed_from_u64(1);
            let mut uniform = || rng.random_range(-1.0f32..1.0);
            let three = |_| bf16::from_f32(uniform() + uniform() + uniform());
            (0..POOL).map(three).collect()
        };
    }
    NUMBERS.with(|pool| {
        (0..len)
            .map(|i| pool[(i + 1_234_567 * seed) % POOL])
            .collect()
    })
}

/// Row `query` of head `head` (of all sequences), in f64 with weights that pass through `round`.
fn row(
    [q, k, v]: [&[bf16]; 3],
    (head, query): (usize, usize),
    (h, kv_heads, n, m, d): (usize, usize, usize, usize, usize),
    causal: bool,
    round: impl Fn(f64) -> f64,
) -> Vec<f64> {
    let shared = head / h * kv_heads + head % h * kv_heads / h;
    let seen = if causal { query + m - n + 1 } else { m };
    let q = &q[(head * n + query) * d..][..d];
    let score = |j: usize| {
        let key = &k[(shared * m + j) * d..][..d];
        let dot = q.iter().zip(key).map(|(q, k)| q.to_f32() * k.to_f32());
        f64::from(dot.sum::<f32>()) / (d as f64).sqrt()
    };
    let scores: Vec<f64> = (0..seen).map(score).collect();
    let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = scores.iter().map(|score| (score - max).exp()).sum();
    let mut out = vec![0.0; d];
    for (j, score) in scores.iter().enumerate() {
        let weight = round((score - max).exp()) / sum;
        let value = &v[(shared * m + j) * d..][..d];
        out.iter_mut()
            .zip(value)
            .for_each(|(out, v)| *out += weight * f64::from(v.to_f32()));
    }
    out
}

/// The largest error of some rows, and twice that of the straightforward computation in bf16.
fn errors(
    got: &[bf16],
    operands: [&[bf16]; 3],
    sizes: (usize, usize, usize, usize, usize),
    causal: bool,
) -> (f64, f64) {
    let (n, d) = (sizes.2, sizes.4);
    let rows = got.len() / d;
    let (mut err, mut straight) = (0f64, 0f64);
    for i in 0..24 {
        let at = (i * 7919 + i * rows / 24) % rows;
        let place = (at / n, at % n);
        let want = row(operands, place, sizes, causal, |x| x);
        let near = row(operands, place, sizes, causal, |x| {
            bf16::from_f64(x).to_f64()
        });
        for (t, want) in want.iter().enumerate() {
            let off = (got[at * d + t].to_f64() - want).abs();
            err = if off <= err { err } else { off };
            straight = straight.max((bf16::from_f64(near[t]).to_f64() - want).abs());
        }
    }
    (err, 2.0 * straight)
}

fn forward(
    gpu: &'static Gpu,
    [b, h, kv_heads, n, d]: [usize; 5],
    causal: bool,
    version: Option<Version>,
) -> Result<Case, Trouble> {
    let shape = Shape {
        b,
        h,
        n,
        m: n,
        d,
        dv: d,
    };
    let version = version.unwrap_or(Version::best(gpu));
    let host = [
        noise(1, b * h * n * d),
        noise(2, b * kv_heads * n * d),
        noise(3, b * kv_heads * n * d),
    ];
    let [q, k, v] = [&host[0], &host[1], &host[2]].map(|x| gpu.stream.clone_htod(x));
    let (q, k, v) = (q?, k?, v?);
    let out = Rc::new(RefCell::new(gpu.stream.alloc_zeros::<bf16>(b * h * n * d)?));
    let written = Rc::clone(&out);
    let seen = if causal { 0.5 } else { 1.0 };
    Ok(Case {
        launch: Box::new(move || {
            let options = Options {
                causal,
                kv_heads: Some(kv_heads),
                ..Options::default()
            };
            let operands = [&q.as_view(), &k.as_view(), &v.as_view()];
            let mut out = out.borrow_mut();
            let out = &mut out.as_view_mut();
            attention_by(version, gpu, out, None, operands, options, shape).map_err(told)
        }),
        error: Box::new(move || {
            let got = gpu.stream.clone_dtoh(&*written.borrow())?;
            let operands = [&host[0][..], &host[1], &host[2]];
            Ok(errors(&got, operands, (h, kv_heads, n, n, d), causal))
        }),
        flops: 4.0 * (b * h * n * n * d) as f64 * seen,
        bytes: (2 * (2 * b * h + 2 * b * kv_heads) * n * d) as f64,
    })
}

/// One query of each sequence over a full cache, dense or in pages that lie in no order.
fn decode(
    gpu: &'static Gpu,
    [b, h, kv_heads, m, d]: [usize; 5],
    page: Option<usize>,
) -> Result<Case, Trouble> {
    let shape = Shape {
        b,
        h,
        n: 1,
        m,
        d,
        dv: d,
    };
    let host = [
        noise(1, b * h * d),
        noise(2, b * kv_heads * m * d),
        noise(3, b * kv_heads * m * d),
    ];
    // Page i of the sequences in order lies at i·step modulo the pages: a step that has no factor in common.
    let pages = page.map_or(1, |page| b * m / page);
    let place = |i: usize| i * 7919 % pages;
    let paged = |x: &[bf16]| match page {
        None => x.to_vec(),
        Some(page) => {
            let mut to = vec![bf16::ZERO; x.len()];
            for (i, part) in x.chunks(page * d).enumerate() {
                let (unit, index) = (i / (m / page), i % (m / page));
                let (sequence, head) = (unit / kv_heads, unit % kv_heads);
                let at = place(sequence * (m / page) + index) * kv_heads + head;
                to[at * page * d..][..page * d].copy_from_slice(part);
            }
            to
        }
    };
    let table: Vec<i32> = (0..pages).map(|i| place(i) as i32).collect();
    let q = gpu.stream.clone_htod(&host[0])?;
    let k = gpu.stream.clone_htod(&paged(&host[1]))?;
    let v = gpu.stream.clone_htod(&paged(&host[2]))?;
    let table = gpu.stream.clone_htod(&table)?;
    let lengths = gpu.stream.clone_htod(&vec![m as i32; b])?;
    let mut decoder = Decoder::new(gpu, shape, kv_heads).map_err(told)?;
    let out = Rc::new(RefCell::new(gpu.stream.alloc_zeros::<bf16>(b * h * d)?));
    let written = Rc::clone(&out);
    Ok(Case {
        launch: Box::new(move || {
            let (k, v, table) = (&k.as_view(), &v.as_view(), &table.as_view());
            let cache = match page {
                None => Cache::Dense { k, v },
                Some(page) => Cache::Paged { k, v, table, page },
            };
            let mut out = out.borrow_mut();
            let out = &mut out.as_view_mut();
            decoder
                .run(gpu, out, &q.as_view(), cache, &lengths.as_view())
                .map_err(told)
        }),
        error: Box::new(move || {
            let got = gpu.stream.clone_dtoh(&*written.borrow())?;
            let operands = [&host[0][..], &host[1], &host[2]];
            Ok(errors(&got, operands, (h, kv_heads, 1, m, d), true))
        }),
        flops: 4.0 * (b * h * m * d) as f64,
        bytes: (4 * b * kv_heads * m * d) as f64,
    })
}
