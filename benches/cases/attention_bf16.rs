//! Attention forward in bf16, full and causal.

use super::{Case, Named};
use crate::draws::noise;
use half::bf16;
use llmlab::kernels::attention_bf16::{Shape, attention_bf16};
use std::cell::RefCell;
use std::rc::Rc;

pub const CASES: &[Named] = &[
    ("attention bf16 full 1,8,1024,64", || case(1024, 64, false)),
    ("attention bf16 full 1,8,2048,64", || case(2048, 64, false)),
    ("attention bf16 full 1,8,1024,128", || {
        case(1024, 128, false)
    }),
    ("attention bf16 causal 1,8,1024,64", || case(1024, 64, true)),
    ("attention bf16 causal 1,8,2048,64", || case(2048, 64, true)),
    ("attention bf16 causal 1,8,1024,128", || {
        case(1024, 128, true)
    }),
];

fn case(n: usize, d: usize, causal: bool) -> Case {
    let h = 8;
    let shape = Shape {
        b: 1,
        h,
        kv: h,
        n,
        m: n,
        d,
        dv: d,
    };
    let [q, k, v] = [0, 1, 2].map(|seed| -> Rc<Vec<bf16>> {
        let numbers = noise(seed, h * n * d).into_iter();
        Rc::new(numbers.map(bf16::from_f32).collect())
    });
    let out = Rc::new(RefCell::new(vec![bf16::ZERO; h * n * d]));
    let run = {
        let (q, k, v, out) = (q.clone(), k.clone(), v.clone(), out.clone());
        move || {
            attention_bf16(&mut out.borrow_mut(), &q, &k, &v, causal, shape).expect("sizes fit");
        }
    };
    let error = move || {
        let out = out.borrow();
        let mut worst: f64 = 0.0;
        // The first, a middle and the last query.
        for row in [0, h * n / 2 + 3, h * n - 1] {
            let (head, i) = (row / n, row % n);
            let seen = if causal { i + 1 } else { n };
            let score = |j: usize| {
                let key = &k[(head * n + j) * d..][..d];
                let pairs = q[row * d..][..d].iter().zip(key);
                pairs.map(|(q, k)| q.to_f64() * k.to_f64()).sum::<f64>() / (d as f64).sqrt()
            };
            let scores: Vec<f64> = (0..seen).map(score).collect();
            let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let weights: Vec<f64> = scores.iter().map(|s| (s - max).exp()).collect();
            let sum: f64 = weights.iter().sum();
            for t in 0..d {
                let values = (0..seen).map(|j| v[(head * n + j) * d + t].to_f64());
                let want: f64 = weights.iter().zip(values).map(|(w, v)| w / sum * v).sum();
                let err = (out[row * d + t].to_f64() - want).abs();
                // NaN comes through.
                worst = if err <= worst { worst } else { err };
            }
        }
        worst
    };
    // Of n² pairs a causal mask leaves n·(n + 1)/2.
    let pairs = if causal { n * (n + 1) / 2 } else { n * n };
    Case {
        flops: 4.0 * (h * pairs * d) as f64,
        bytes: 2.0 * 4.0 * (h * n * d) as f64,
        run: Box::new(run),
        error: Box::new(error),
        tolerance: 1e-2,
    }
}
