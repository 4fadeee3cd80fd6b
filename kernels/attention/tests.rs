//! Against plain loops in f64.

use super::*;
use rand::{RngExt, SeedableRng, rngs::StdRng};

fn noise(seed: u64, len: usize, scale: f32) -> Vec<f32> {
    let mut rng = StdRng::seed_from_u64(seed);
    (0..len)
        .map(|_| scale * rng.random_range(-1.0..1.0))
        .collect()
}

/// Plain loops in f64.
fn plain([q, k, v]: [&[f32]; 3], options: Options<'_>, shape: Shape) -> Vec<f64> {
    let Shape {
        b: _,
        h,
        n,
        m,
        d,
        dv,
    } = shape;
    let kv = options.kv_heads.unwrap_or(h);
    let mut out = vec![0.0; q.len() / d * dv];
    for (row, out) in out.chunks_mut(dv).enumerate() {
        let (s, head, i) = (row / n / h, row / n % h, row % n);
        let shared = s * kv + head * kv / h;
        let len = options.lengths.map_or(m, |lengths| lengths[s]);
        let at = (i + len) as i64 - n as i64;
        let score = |j: usize| {
            let behind = at - j as i64;
            let global = |x: i64| x >= 0 && x < options.globals as i64;
            let near = options.window.is_none_or(|w| behind.abs() < w as i64);
            let seen = near || global(at) || global(j as i64);
            if !seen || (options.causal && behind < 0) {
                return f64::NEG_INFINITY;
            }
            let key = &k[(shared * m + j) * d..][..d];
            let dot = q[row * d..]
                .iter()
                .zip(key)
                .map(|(q, k)| f64::from(*q) * f64::from(*k));
            let from = |by: [usize; 4]| s * by[0] + head * by[1] + i * by[2] + j * by[3];
            let mask = options.mask;
            let mask = mask.map_or(0.0, |mask| f64::from(mask.values[from(mask.strides)]));
            let slope = options.slopes.map_or(0.0, |slopes| f64::from(slopes[head]));
            dot.sum::<f64>() / (d as f64).sqrt() + mask - slope * behind.abs() as f64
        };
        let scores: Vec<f64> = (0..len).map(score).collect();
        let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if max == f64::NEG_INFINITY {
            continue;
        }
        let sum: f64 = scores.iter().map(|s| (s - max).exp()).sum();
        for (j, s) in scores.iter().enumerate() {
            for (t, out) in out.iter_mut().enumerate() {
                *out += (s - max).exp() / sum * f64::from(v[(shared * m + j) * dv + t]);
            }
        }
    }
    out
}

/// Every rule, alone and with others, for few and many queries, with heads that share keys, and in
/// parts that are merged.
#[test]
fn rules_on_ragged_shapes_equal_plain_loops() {
    // b, h, kv_heads, n, m, d, dv
    let sizes = [
        [1, 1, 1, 1, 1, 1, 1],
        [2, 4, 2, 1, 70, 20, 33],
        [1, 8, 1, 1, 1100, 16, 16],
        [1, 3, 1, 1, 9, 5, 40],
        [2, 2, 2, 3, 150, 64, 64],
        [1, 6, 2, 5, 131, 8, 6],
        [1, 2, 1, 60, 60, 17, 9],
        [1, 2, 2, 130, 700, 8, 8],
        [1, 1, 1, 90, 40, 4, 12],
    ];
    for (seed, [b, h, kv, n, m, d, dv]) in sizes.into_iter().enumerate() {
        let shape = Shape { b, h, n, m, d, dv };
        let draw = |salt, len| noise(10 * seed as u64 + salt, len, 2.0);
        let q = draw(0, b * h * n * d);
        let (k, v) = (draw(1, b * kv * m * d), draw(2, b * kv * m * dv));
        let slopes: Vec<f32> = (0..h).map(|i| 0.5 / (i + 1) as f32).collect();
        let lengths: Vec<usize> = (0..b).map(|s| m * (s + 2) / (b + 2)).collect();
        let mut values = draw(3, n * m);
        values
            .iter_mut()
            .step_by(3)
            .for_each(|x| *x = f32::NEG_INFINITY);
        let mask = Mask {
            values: &values,
            strides: [0, 0, m, 1],
        };
        let full = Options {
            kv_heads: Some(kv),
            ..Options::default()
        };
        let causal = Options {
            causal: true,
            ..full
        };
        let window = Options {
            window: Some(20),
            ..full
        };
        let rules = [
            full,
            causal,
            window,
            Options {
                globals: 4,
                ..window
            },
            Options {
                window: Some(20),
                globals: 3,
                ..causal
            },
            Options {
                slopes: Some(&slopes),
                ..full
            },
            Options {
                slopes: Some(&slopes),
                mask: Some(mask),
                ..causal
            },
            Options {
                lengths: Some(&lengths),
                window: Some(50),
                globals: 1,
                slopes: Some(&slopes),
                ..causal
            },
            Options {
                lengths: Some(&lengths),
                ..full
            },
        ];
        for options in rules {
            let want = plain([&q, &k, &v], options, shape);
            for tier in Tier::all() {
                let (mut got, mut lse) = (vec![f32::NAN; want.len()], vec![f32::NAN; b * h * n]);
                attention_on(tier, &mut got, Some(&mut lse), [&q, &k, &v], options, shape).unwrap();
                for (got, want) in got.iter().zip(&want) {
                    let err = (f64::from(*got) - want).abs();
                    assert!(
                        err <= 1e-5,
                        "{tier:?} {shape:?} {options:?}: {got} is not {want}"
                    );
                }
                // A row that sees something has a finite logarithm.
                for (row, lse) in got.chunks(dv).zip(&lse) {
                    assert_eq!(
                        lse.is_finite(),
                        row.iter().any(|x| *x != 0.0),
                        "{tier:?} {lse}"
                    );
                }
            }
        }
    }
}

#[test]
fn lse_is_the_logarithm_of_the_sum() {
    for (h, n, m) in [(1, 1, 9), (2, 1, 2100), (1, 50, 300)] {
        let (d, dv) = (6, 3);
        let shape = Shape {
            b: 1,
            h,
            n,
            m,
            d,
            dv,
        };
        let (q, k, v) = (
            noise(0, h * n * d, 3.0),
            noise(1, h * m * d, 3.0),
            noise(2, h * m * dv, 1.0),
        );
        for tier in Tier::all() {
            let (mut out, mut lse) = (vec![0.0; h * n * dv], vec![0.0; h * n]);
            let full = Options::default();
            attention_on(tier, &mut out, Some(&mut lse), [&q, &k, &v], full, shape).unwrap();
            for (row, lse) in lse.iter().enumerate() {
                let score = |j: usize| -> f64 {
                    let (q, k) = (&q[row * d..][..d], &k[(row / n * m + j) * d..][..d]);
                    let dot: f64 = q
                        .iter()
                        .zip(k)
                        .map(|(q, k)| f64::from(*q) * f64::from(*k))
                        .sum();
                    dot / (d as f64).sqrt()
                };
                let want = (0..m).map(|j| score(j).exp()).sum::<f64>().ln();
                // A score up to 22 is off by some of its ulps, and so is the logarithm.
                assert!(
                    (f64::from(*lse) - want).abs() <= 2e-5,
                    "{tier:?}: {lse} is not {want}"
                );
            }
        }
    }
}

/// Keys that no query sees are not read: NaN in them does not come through.
#[test]
fn hidden_tiles_are_not_computed() {
    let (n, m, d) = (64, 4096, 4);
    let shape = Shape {
        b: 1,
        h: 1,
        n,
        m,
        d,
        dv: d,
    };
    let mut k = noise(1, m * d, 1.0);
    // Queries stand at 4032 to 4095 and see 64 keys back, and the first two.
    k[2 * d..(m - n - 63) * d].fill(f32::NAN);
    let q = noise(0, n * d, 1.0);
    let options = Options {
        causal: true,
        window: Some(64),
        globals: 2,
        ..Options::default()
    };
    for tier in Tier::all() {
        let mut out = vec![0.0; n * d];
        attention_on(tier, &mut out, None, [&q, &k, &k], options, shape).unwrap();
        assert!(out.iter().all(|x| x.is_finite()), "{tier:?}");
    }
}

#[test]
fn ragged_shapes_and_every_kind_of_mask_equal_plain_loops() {
    let sizes = [
        [1, 1, 1, 1, 1, 1],
        [2, 3, 5, 7, 8, 6],
        [1, 2, 9, 40, 33, 17],
        [3, 1, 4, 16, 16, 16],
        [1, 3, 37, 65, 64, 48],
        [1, 1, 13, 129, 24, 65],
        [1, 2, 300, 290, 16, 130],
        [2, 2, 3, 0, 4, 4],
    ];
    for (seed, [b, h, n, m, d, dv]) in sizes.into_iter().enumerate() {
        let shape = Shape { b, h, n, m, d, dv };
        let draw = |salt, len| noise(10 * seed as u64 + salt, len, 2.0);
        let (q, k, v) = (
            draw(0, b * h * n * d),
            draw(1, b * h * m * d),
            draw(2, b * h * m * dv),
        );
        let mut values = draw(3, b * h * n * m);
        // The first tiles of most rows, and now and then a whole row, are dropped.
        for (i, row) in values.chunks_mut(m.max(1)).enumerate() {
            let dropped = [m, m / 2, m * 9 / 10, 0][i % 4];
            row[..dropped].fill(f32::NEG_INFINITY);
        }
        let kinds = [
            (b * h * n * m, [h * n * m, n * m, m, 1]),
            (n * m, [0, 0, m, 1]),
            (b * m, [m, 0, 0, 1]),
            (h * n, [0, n, 1, 0]),
        ];
        let masks = kinds.map(|(len, strides)| Mask {
            values: &values[..len.min(values.len())],
            strides,
        });
        for mask in std::iter::once(None).chain(masks.map(Some)) {
            let want = plain([&q, &k, &v], masked(mask), shape);
            for tier in Tier::all() {
                let mut got = vec![f32::NAN; want.len()];
                attention_on(tier, &mut got, None, [&q, &k, &v], masked(mask), shape).unwrap();
                for (got, want) in got.iter().zip(&want) {
                    let err = (f64::from(*got) - want).abs();
                    assert!(err <= 1e-5, "{tier:?} {shape:?}: {got} is not {want}");
                }
            }
        }
    }
}

/// Scores of ±1e4, on slices that start anywhere.
#[test]
fn large_scores_on_unaligned_slices_equal_plain_loops() {
    let shape = Shape {
        b: 1,
        h: 2,
        n: 20,
        m: 150,
        d: 12,
        dv: 20,
    };
    let noise = |seed, len: usize, scale| noise(seed, len + 3, scale);
    let (q, k, v) = (
        noise(1, 2 * 20 * 12, 5e3),
        noise(2, 2 * 150 * 12, 2.0),
        noise(3, 2 * 150 * 20, 1.0),
    );
    let values = noise(4, 20 * 150, 1e4);
    let mask = Mask {
        values: &values[3..],
        strides: [0, 0, 150, 1],
    };
    for mask in [None, Some(mask)] {
        let want = plain([&q[1..][..480], &k[2..], &v[3..]], masked(mask), shape);
        let (q, k, v) = (&q[1..][..480], &k[2..][..3600], &v[3..]);
        for tier in Tier::all() {
            let mut got = vec![0.0; want.len() + 1];
            attention_on(tier, &mut got[1..], None, [q, k, v], masked(mask), shape).unwrap();
            for (got, want) in got[1..].iter().zip(&want) {
                let err = (f64::from(*got) - want).abs();
                // A score of 1e4 in f32 is off by up to 1e-3, and so is the logarithm of a weight.
                assert!(err <= 2e-2, "{tier:?}: {got} is not {want}");
            }
        }
    }
}

#[test]
fn nan_comes_through_and_large_scores_do_not_overflow() {
    let shape = Shape {
        b: 1,
        h: 1,
        n: 1,
        m: 2,
        d: 1,
        dv: 1,
    };
    for tier in Tier::all() {
        let run = |q: f32, k: [f32; 2]| {
            let mut out = [0.0];
            attention_on(
                tier,
                &mut out,
                None,
                [&[q], &k, &[1.0, 2.0]],
                masked(None),
                shape,
            )
            .unwrap();
            out[0]
        };
        assert_eq!(run(1e4, [1.0, -1.0]), 1.0);
        assert!(run(f32::NAN, [1.0, 1.0]).is_nan());
        assert!(run(1.0, [f32::NAN, 1.0]).is_nan());
        assert!(run(1.0, [f32::INFINITY, 1.0]).is_nan());
    }
}

#[test]
fn misfits_are_sentences() {
    let shape = Shape {
        b: 1,
        h: 1,
        n: 2,
        m: 2,
        d: 1,
        dv: 1,
    };
    let two = [0.0; 2];
    let words = |k: &[f32], mask, shape| {
        attention(&mut [0.0; 2], &two, k, &two, mask, shape)
            .unwrap_err()
            .to_string()
    };
    assert!(words(&[0.0], None, shape).starts_with("k has 1 elements and should have 2"));
    let mask = Some(Mask {
        values: &two,
        strides: [0, 0, 2, 1],
    });
    assert!(words(&two, mask, shape).starts_with("mask has 2 elements and should have 4"));
    assert!(words(&two, None, Shape { d: 0, ..shape }).contains("d of at least 1"));
    assert!(
        words(
            &two,
            None,
            Shape {
                b: usize::MAX,
                ..shape
            }
        )
        .contains("fit into memory")
    );
}

fn masked(mask: Option<Mask<'_>>) -> Options<'_> {
    Options {
        mask,
        ..Options::default()
    }
}
