//! Against plain loops in f64, and no further off than twice the straightforward computation in the same type.

use super::*;
use crate::kernels::cuda::guarded::{Guarded, Plain};
use half::{bf16, f16};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use rayon::prelude::*;

/// A type of 16 bits, and the way to and from f32.
trait Float: Number + Plain + Send + Sync + PartialEq {
    fn from(x: f32) -> Self;
    fn to(self) -> f32;
}

impl Float for bf16 {
    fn from(x: f32) -> Self {
        bf16::from_f32(x)
    }
    fn to(self) -> f32 {
        self.to_f32()
    }
}

impl Float for f16 {
    fn from(x: f32) -> Self {
        f16::from_f32(x)
    }
    fn to(self) -> f32 {
        self.to_f32()
    }
}

/// The rules of a case: those of [`Options`], on the CPU.
#[derive(Clone, Copy, Debug, Default)]
struct Case {
    causal: bool,
    window: Option<usize>,
    globals: usize,
    alibi: bool,
    lengths: bool,
}

fn slopes(h: usize) -> Vec<f32> {
    (0..h).map(|i| 0.5 / (i + 1) as f32).collect()
}

fn lengths(b: usize, m: usize) -> Vec<i32> {
    (0..b).map(|s| (m * (s + 2) / (b + 2)) as i32).collect()
}

/// Outputs, and the logarithms of the sums; the weights pass through `round`.
fn plain<T: Float>(
    [q, k, v]: [&[T]; 3],
    case: Case,
    kv: usize,
    shape: Shape,
    round: impl Fn(f64) -> f64 + Sync,
) -> (Vec<f64>, Vec<f64>) {
    let Shape { b, h, n, m, d, .. } = shape;
    let (slopes, lengths) = (slopes(h), lengths(b, m));
    let rows = (0..b * h * n).into_par_iter().map(|row| {
        let (s, head, i) = (row / n / h, row / n % h, row % n);
        let shared = s * kv + head * kv / h;
        let len = if case.lengths { lengths[s] as usize } else { m };
        let at = (i + len) as i64 - n as i64;
        let score = |j: usize| {
            let behind = at - j as i64;
            let global = |x: i64| x >= 0 && x < case.globals as i64;
            let near = case.window.is_none_or(|w| behind.abs() < w as i64);
            let seen = near || global(at) || global(j as i64);
            if !seen || (case.causal && behind < 0) {
                return f64::NEG_INFINITY;
            }
            let key = &k[(shared * m + j) * d..][..d];
            let products = q[row * d..]
                .iter()
                .zip(key)
                .map(|(q, k)| f64::from(q.to()) * f64::from(k.to()));
            let slope = if case.alibi { slopes[head] } else { 0.0 };
            products.sum::<f64>() / (d as f64).sqrt() - f64::from(slope) * behind.abs() as f64
        };
        let scores: Vec<f64> = (0..len).map(score).collect();
        let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if max == f64::NEG_INFINITY {
            return (vec![0.0; d], max);
        }
        let sum: f64 = scores.iter().map(|s| (s - max).exp()).sum();
        let mut out = vec![0.0; d];
        for (j, s) in scores.iter().enumerate() {
            let weight = round((s - max).exp());
            let value = &v[(shared * m + j) * d..][..d];
            if weight != 0.0 {
                for (out, v) in out.iter_mut().zip(value) {
                    *out += weight * f64::from(v.to()) / sum;
                }
            }
        }
        (out, max + sum.ln())
    });
    let (outs, logs): (Vec<Vec<f64>>, Vec<f64>) = rows.unzip();
    (outs.concat(), logs)
}

const VERSIONS: [Version; 6] = [
    Version::V1,
    Version::V2,
    Version::V3,
    Version::V4,
    Version::V5,
    Version::V6,
];

/// Runs every version that has the case, twice each.
fn compare<T: Float>(
    gpu: &Gpu,
    [b, h, kv, n, m, d]: [usize; 6],
    case: Case,
    scale: f32,
    seed: u64,
) -> usize {
    let shape = Shape {
        b,
        h,
        n,
        m,
        d,
        dv: d,
    };
    let mut rng = StdRng::seed_from_u64(seed);
    let mut noise = |len: usize| -> Vec<T> {
        (0..len)
            .map(|_| T::from(scale * rng.random_range(-1.0f32..1.0)))
            .collect()
    };
    let (q, mut k, mut v) = (
        noise(b * h * n * d),
        noise(b * kv * m * d),
        noise(b * kv * m * d),
    );
    let (slopes, lengths) = (slopes(h), lengths(b, m));
    if case.lengths {
        // What lies behind the end of a sequence may be anything.
        for head in 0..b * kv {
            let end = lengths[head / kv] as usize;
            for x in [&mut k, &mut v] {
                x[(head * m + end) * d..(head + 1) * m * d].fill(T::from(f32::NAN));
            }
        }
    }
    let (want, want_lse) = plain([&q, &k, &v], case, kv, shape, |x| x);
    let round = |x: f64| f64::from(T::from(x as f32).to());
    let (near, _) = plain([&q, &k, &v], case, kv, shape, round);
    let errors = |got: &mut dyn Iterator<Item = f64>| {
        let (mut most, mut sum) = (0f64, 0f64);
        for (got, want) in got.zip(&want) {
            let error = (got - want).abs();
            // f64::max would lose a NaN.
            most = if error > most || error.is_nan() {
                error
            } else {
                most
            };
            sum += error;
        }
        (most, sum / want.len().max(1) as f64)
    };
    let (most, mean) = errors(&mut near.iter().map(|x| round(*x)));

    let on = |x: &[T]| gpu.stream.clone_htod(x).unwrap();
    let (q, k, v) = (on(&q), on(&k), on(&v));
    let slopes = gpu.stream.clone_htod(&slopes).unwrap();
    let lengths = gpu.stream.clone_htod(&lengths).unwrap();
    let (slopes, lengths) = (slopes.as_view(), lengths.as_view());
    let options = Options {
        causal: case.causal,
        window: case.window,
        globals: case.globals,
        slopes: case.alibi.then_some(&slopes),
        kv_heads: Some(kv),
        lengths: case.lengths.then_some(&lengths),
    };
    let mut ran = 0;
    for version in VERSIONS {
        let run = || {
            let mut out = Guarded::<T>::new(gpu, b * h * n * d).unwrap();
            let mut lse = Guarded::<f32>::new(gpu, b * h * n).unwrap();
            let operands = [&q.as_view(), &k.as_view(), &v.as_view()];
            let (out_room, lse_room) = (&mut out.room(), &mut lse.room());
            attention_by(
                version,
                gpu,
                out_room,
                Some(lse_room),
                operands,
                options,
                shape,
            )?;
            gpu.wait()?;
            let values = (out.values(gpu)?, lse.values(gpu)?);
            Ok::<_, Error>((values.0.unwrap(), values.1.unwrap()))
        };
        let (out, lse) = match run() {
            Ok(values) => values,
            Err(Error::Tier { .. }) => continue,
            Err(error) => panic!("{version:?} {case:?} {shape:?}: {error}"),
        };
        ran += 1;
        let what = format!("{version:?} {} {case:?} {shape:?} ×{scale}", T::NAME);
        let (got_most, got_mean) = errors(&mut out.iter().map(|x| f64::from(x.to())));
        assert!(
            got_most <= 2.0 * most + 1e-9 && got_mean <= 1.5 * mean + 1e-9,
            "{what}: off by {got_most:.2e} (mean {got_mean:.2e}), the straightforward way by {most:.2e} ({mean:.2e})"
        );
        for (row, (got, want)) in lse.iter().zip(&want_lse).enumerate() {
            let error = (f64::from(*got) - want).abs();
            assert!(
                error <= 1e-3 * want.abs().max(1.0) || f64::from(*got) == *want,
                "{what}: lse of row {row} is {got}, not {want}"
            );
        }
        let again = run().unwrap();
        assert!(
            again.0 == out && again.1 == lse,
            "{what}: two runs, two results"
        );
    }
    ran
}

/// Runs where there is a GPU.
#[test]
fn every_version_equals_plain_loops() {
    let Ok(gpu) = crate::kernels::cuda::gpu() else {
        return println!("skipped: no GPU");
    };
    let full = Case::default();
    let causal = Case {
        causal: true,
        ..full
    };
    let window = Case {
        window: Some(40),
        ..full
    };
    let cases = [
        full,
        causal,
        Case {
            lengths: true,
            ..full
        },
        Case {
            lengths: true,
            ..causal
        },
        window,
        Case {
            globals: 140,
            ..window
        },
        Case {
            window: Some(150),
            globals: 4,
            ..causal
        },
        Case {
            alibi: true,
            ..causal
        },
        Case {
            alibi: true,
            lengths: true,
            globals: 1,
            window: Some(70),
            ..causal
        },
        Case {
            window: Some(0),
            ..full
        },
    ];
    // b, h, kv_heads, n, m
    let sizes = [
        [1, 1, 1, 1, 1],
        [1, 2, 1, 63, 65],
        [2, 4, 2, 129, 127],
        [1, 1, 1, 128, 128],
        [1, 2, 2, 200, 450],
        [2, 1, 1, 130, 90],
    ];
    let mut ran = 0;
    for (seed, [b, h, kv, n, m]) in sizes.into_iter().enumerate() {
        for d in [64, 128] {
            for case in cases {
                let sizes = [b, h, kv, n, m, d];
                ran += compare::<bf16>(gpu, sizes, case, 2.0, seed as u64);
                ran += compare::<f16>(gpu, sizes, case, 2.0, seed as u64);
            }
        }
    }
    // Scores of some hundreds.
    ran += compare::<bf16>(gpu, [1, 2, 1, 129, 257, 128], causal, 12.0, 9);
    ran += compare::<f16>(gpu, [1, 2, 1, 129, 257, 64], full, 12.0, 9);
    println!("{ran} runs");
    assert!(ran > 0);
}

/// Decoding of one shape, dense and in pages, which are in no order and whose rests are NaN.
fn compare_decoding<T: Float>(gpu: &Gpu, [b, h, kv, n, m, d]: [usize; 6], seed: u64) {
    use super::decode::{Cache, Decoder};
    let shape = Shape {
        b,
        h,
        n,
        m,
        d,
        dv: d,
    };
    let case = Case {
        causal: true,
        lengths: true,
        ..Case::default()
    };
    let mut rng = StdRng::seed_from_u64(seed);
    let mut noise = |len: usize| -> Vec<T> {
        (0..len)
            .map(|_| T::from(rng.random_range(-2.0f32..2.0)))
            .collect()
    };
    let q = noise(b * h * n * d);
    let (mut k, mut v) = (noise(b * kv * m * d), noise(b * kv * m * d));
    let lengths = lengths(b, m);
    for head in 0..b * kv {
        let end = lengths[head / kv] as usize;
        for x in [&mut k, &mut v] {
            x[(head * m + end) * d..(head + 1) * m * d].fill(T::from(f32::NAN));
        }
    }
    let (want, _) = plain([&q, &k, &v], case, kv, shape, |x| x);
    let round = |x: f64| f64::from(T::from(x as f32).to());
    let (near, _) = plain([&q, &k, &v], case, kv, shape, round);
    let most = |got: &mut dyn Iterator<Item = f64>| {
        got.zip(&want).fold(0f64, |most, (got, want)| {
            let error = (got - want).abs();
            if error <= most { most } else { error }
        })
    };
    let allowed = 2.0 * most(&mut near.iter().map(|x| round(*x))) + 1e-9;

    let on_gpu = gpu.stream.clone_htod(&q).unwrap();
    let lengths = gpu.stream.clone_htod(&lengths).unwrap();
    let mut decoder = Decoder::new(gpu, shape, kv).unwrap();
    for page in [0, 16, 64] {
        let columns = if page > 0 { m.div_ceil(page) } else { 0 };
        let place = |i: usize| b * columns - i;
        let paged = |x: &[T]| {
            if page == 0 {
                return x.to_vec();
            }
            let mut to = vec![T::from(f32::NAN); (b * columns + 1) * kv * page * d];
            for (row, from) in x.chunks(d).enumerate() {
                let (s, head, key) = (row / m / kv, row / m % kv, row % m);
                let at = (place(s * columns + key / page) * kv + head) * page + key % page;
                to[at * d..][..d].copy_from_slice(from);
            }
            to
        };
        let table: Vec<i32> = (0..b * columns).map(|i| place(i) as i32).collect();
        let table = gpu.stream.clone_htod(&[&table[..], &[0]].concat()).unwrap();
        let table = table.slice(0..b * columns);
        let (k, v) = (paged(&k), paged(&v));
        let k = gpu.stream.clone_htod(&k).unwrap();
        let v = gpu.stream.clone_htod(&v).unwrap();
        let (k, v) = (&k.as_view(), &v.as_view());
        let mut run = || {
            let mut out = Guarded::<T>::new(gpu, b * h * n * d).unwrap();
            let table = &table;
            let cache = match page {
                0 => Cache::Dense { k, v },
                _ => Cache::Paged { k, v, table, page },
            };
            let (q, lengths) = (&on_gpu.as_view(), &lengths.as_view());
            decoder
                .run(gpu, &mut out.room(), q, cache, lengths)
                .unwrap();
            out.values(gpu).unwrap().unwrap()
        };
        let out = run();
        let error = most(&mut out.iter().map(|x| f64::from(x.to())));
        assert!(
            error <= allowed,
            "{} {shape:?} pages of {page}: off by {error:.2e}, allowed is {allowed:.2e}",
            T::NAME
        );
        assert!(
            run() == out,
            "{shape:?} pages of {page}: two runs, two results"
        );
    }
}

/// Runs where there is a GPU.
#[test]
fn decoding_equals_plain_loops() {
    let Ok(gpu) = crate::kernels::cuda::gpu() else {
        return println!("skipped: no GPU");
    };
    if gpu.capability < (8, 0) {
        return println!("skipped: {} does not decode", gpu.name);
    }
    let sizes = [
        [1, 1, 1, 1, 1],
        [2, 4, 2, 1, 70],
        [3, 8, 2, 1, 1000],
        [2, 8, 1, 3, 300],
        [1, 40, 1, 1, 130],
        [1, 2, 2, 9, 5],
    ];
    for (seed, [b, h, kv, n, m]) in sizes.into_iter().enumerate() {
        for d in [64, 128] {
            compare_decoding::<bf16>(gpu, [b, h, kv, n, m, d], seed as u64);
            compare_decoding::<f16>(gpu, [b, h, kv, n, m, d], seed as u64);
        }
    }
}

/// Runs where there is a GPU.
#[test]
fn what_does_not_fit_is_said() {
    let Ok(gpu) = crate::kernels::cuda::gpu() else {
        return println!("skipped: no GPU");
    };
    let q = gpu.stream.alloc_zeros::<bf16>(64 * 64 + 8).unwrap();
    let mut out = gpu.stream.alloc_zeros::<bf16>(64 * 64).unwrap();
    let mut run = |from: usize, d: usize, options: Options<'_>| {
        let shape = Shape {
            b: 1,
            h: 1,
            n: 64,
            m: 64,
            d,
            dv: d,
        };
        let x = q.slice(from..from + 64 * 64);
        let mut out = out.as_view_mut();
        attention(gpu, &mut out, None, [&x, &x, &x], options, shape)
    };
    assert_eq!(run(0, 64, Options::default()), Ok(()));
    assert_eq!(run(1, 64, Options::default()), Err(Error::Misaligned("q")));
    assert_eq!(
        run(0, 32, Options::default()),
        Err(Error::HeadSize { d: 32, dv: 32 })
    );
    let two = Options {
        kv_heads: Some(2),
        ..Options::default()
    };
    assert_eq!(
        run(0, 64, two),
        Err(Error::Misfit(Misfit::Heads { h: 1, kv_heads: 2 }))
    );
    assert!(matches!(
        run(0, 128, Options::default()),
        Err(Error::Misfit(Misfit::Length(_)))
    ));
    gpu.wait().unwrap();
}
