//! Attention forward and decoding.

use super::{Case, Named};
use crate::draws::noise;
use llmlab::kernels::attention::{Options, Shape, attention_with};
use std::cell::RefCell;
use std::rc::Rc;

pub const CASES: &[Named] = &[
    ("attention f32 full 1,8,1024,64", || square(1024, 64, FULL)),
    ("attention f32 full 1,8,2048,64", || square(2048, 64, FULL)),
    ("attention f32 full 1,8,1024,128", || {
        square(1024, 128, FULL)
    }),
    ("attention f32 causal 1,8,1024,64", || {
        square(1024, 64, CAUSAL)
    }),
    ("attention f32 causal 1,8,2048,64", || {
        square(2048, 64, CAUSAL)
    }),
    ("attention f32 causal 1,8,1024,128", || {
        square(1024, 128, CAUSAL)
    }),
    ("attention f32 window 256 1,8,2048,64", || {
        square(
            2048,
            64,
            Options {
                window: Some(256),
                ..CAUSAL
            },
        )
    }),
    ("attention f32 alibi 1,8,1024,64", || {
        square(
            1024,
            64,
            Options {
                slopes: Some(&[
                    0.5, 0.25, 0.125, 0.0625, 0.03125, 0.015625, 0.0078125, 0.00390625,
                ]),
                ..CAUSAL
            },
        )
    }),
    ("attention f32 causal gqa 1,32/8,1024,128", || {
        let shape = shape([1, 32, 1024, 1024, 128]);
        case(
            shape,
            Options {
                kv_heads: Some(8),
                ..CAUSAL
            },
        )
    }),
    ("attention f32 decode 8,32/8,4096,128", || {
        case(
            shape([8, 32, 1, 4096, 128]),
            Options {
                kv_heads: Some(8),
                ..CAUSAL
            },
        )
    }),
    ("attention f32 decode 1,32/8,16384,128", || {
        case(
            shape([1, 32, 1, 16384, 128]),
            Options {
                kv_heads: Some(8),
                ..CAUSAL
            },
        )
    }),
    ("attention f32 decode 8,8/8,4096,128", || {
        case(shape([8, 8, 1, 4096, 128]), CAUSAL)
    }),
];

const FULL: Options<'static> = Options {
    mask: None,
    causal: false,
    window: None,
    globals: 0,
    slopes: None,
    kv_heads: None,
    lengths: None,
};

const CAUSAL: Options<'static> = Options {
    causal: true,
    ..FULL
};

fn shape([b, h, n, m, d]: [usize; 5]) -> Shape {
    Shape {
        b,
        h,
        n,
        m,
        d,
        dv: d,
    }
}

fn square(n: usize, d: usize, options: Options<'static>) -> Case {
    case(shape([1, 8, n, n, d]), options)
}

/// The keys that query i sees.
fn seen(i: usize, options: Options<'_>, Shape { n, m, .. }: Shape) -> std::ops::Range<usize> {
    let end = if options.causal { i + m + 1 - n } else { m };
    let first = options
        .window
        .map_or(0, |window| (i + m + 1 - n).saturating_sub(window));
    first..end
}

fn case(shape: Shape, options: Options<'static>) -> Case {
    let Shape { b, h, n, m, d, .. } = shape;
    let kv_heads = options.kv_heads.unwrap_or(h);
    let [rows, keys] = [b * h * n, b * kv_heads * m];
    let q = Rc::new(noise(0, rows * d));
    let [k, v] = [1, 2].map(|seed| Rc::new(noise(seed, keys * d)));
    let out = Rc::new(RefCell::new(vec![0.0; rows * d]));
    let run = {
        let (q, k, v, out) = (q.clone(), k.clone(), v.clone(), out.clone());
        move || {
            attention_with(&mut out.borrow_mut(), &q, &k, &v, options, shape).expect("sizes fit")
        }
    };
    let error = move || {
        let out = out.borrow();
        // The first, a middle and the last query.
        let errors = [0, rows / 2 + 3, rows - 1].map(|row| {
            let (head, i) = (row / n, row % n);
            let shared = head / h * kv_heads + head % h * kv_heads / h;
            let slope = options.slopes.map_or(0.0, |slopes| slopes[head % h]);
            let query = &q[row * d..][..d];
            let seen = seen(i, options, shape);
            let score = |j: usize| {
                let key = &k[(shared * m + j) * d..][..d];
                let dot: f64 = query.iter().zip(key).map(|(q, k)| f64::from(q * k)).sum();
                dot / (d as f64).sqrt() - f64::from(slope) * (i + m - n - j.min(i + m - n)) as f64
            };
            let scores: Vec<f64> = seen.clone().map(score).collect();
            let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let weights: Vec<f64> = scores.iter().map(|s| (s - max).exp()).collect();
            let sum: f64 = weights.iter().sum();
            let value = |t: usize| -> f64 {
                let value =
                    |(j, w): (usize, &f64)| w / sum * f64::from(v[(shared * m + j) * d + t]);
                seen.clone().zip(&weights).map(value).sum()
            };
            let errors = (0..d).map(|t| (value(t) - f64::from(out[row * d + t])).abs());
            // A sum that NaN comes through.
            errors.fold(0.0, |a, b| if b <= a { a } else { b })
        });
        errors
            .into_iter()
            .fold(0.0, |a, b| if b <= a { a } else { b })
    };
    let pairs: usize = (0..n).map(|i| seen(i, options, shape).len()).sum();
    Case {
        flops: 4.0 * (b * h * pairs * d) as f64,
        bytes: 4.0 * 2.0 * ((rows + keys) * d) as f64,
        run: Box::new(run),
        error: Box::new(error),
        tolerance: 1e-4,
    }
}
