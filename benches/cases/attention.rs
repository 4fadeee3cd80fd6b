//! Attention forward.

use super::{Case, Named, noise};
use llmlab::kernels::attention::{Shape, attention};
use std::cell::RefCell;
use std::rc::Rc;

pub const CASES: &[Named] = &[
    ("attention f32 full 1,8,1024,64", || full(1024, 64)),
    ("attention f32 full 1,8,2048,64", || full(2048, 64)),
    ("attention f32 full 1,8,1024,128", || full(1024, 128)),
];

fn full(n: usize, d: usize) -> Case {
    let (b, h) = (1, 8);
    let shape = Shape {
        b,
        h,
        n,
        m: n,
        d,
        dv: d,
    };
    let [q, k, v] = [0, 1, 2].map(|seed| Rc::new(noise(seed, h * n * d)));
    let out = Rc::new(RefCell::new(vec![0.0; h * n * d]));
    let run = {
        let (q, k, v, out) = (q.clone(), k.clone(), v.clone(), out.clone());
        move || attention(&mut out.borrow_mut(), &q, &k, &v, None, shape).expect("sizes fit")
    };
    let error = move || {
        let out = out.borrow();
        // The first, a middle and the last query.
        let errors = [0, h * n / 2 + 3, h * n - 1].map(|row| {
            let head = row / n;
            let query = &q[row * d..][..d];
            let score = |j: usize| {
                let key = &k[(head * n + j) * d..][..d];
                let dot: f64 = query.iter().zip(key).map(|(q, k)| f64::from(q * k)).sum();
                dot / (d as f64).sqrt()
            };
            let scores: Vec<f64> = (0..n).map(score).collect();
            let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let weights: Vec<f64> = scores.iter().map(|s| (s - max).exp()).collect();
            let sum: f64 = weights.iter().sum();
            let value = |t: usize| -> f64 {
                let value = |(j, w): (usize, &f64)| w / sum * f64::from(v[(head * n + j) * d + t]);
                weights.iter().enumerate().map(value).sum()
            };
            let errors = (0..d).map(|t| (value(t) - f64::from(out[row * d + t])).abs());
            // A sum that NaN comes through.
            errors.fold(0.0, |a, b| if b <= a { a } else { b })
        });
        errors
            .into_iter()
            .fold(0.0, |a, b| if b <= a { a } else { b })
    };
    Case {
        flops: 4.0 * (h * n * n * d) as f64,
        bytes: 4.0 * 4.0 * (h * n * d) as f64,
        run: Box::new(run),
        error: Box::new(error),
        tolerance: 1e-4,
    }
}
