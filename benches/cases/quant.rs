//! Products of 16-bit activations with weights of 8 and 4 bits, both in bf16 outside.

use super::{Case, Named};
use crate::draws::{integers, noise};
use half::bf16;
use llmlab::kernels::quant::{Nibbles, PackedInt4, PackedInt8, pack_int4, w4a16, w8a16};
use std::cell::RefCell;
use std::rc::Rc;

pub const CASES: &[Named] = &[
    ("W4A16 g128 zeros 1,4096,4096", || int4(1, 128, true)),
    ("W4A16 g128 symmetric 1,4096,4096", || int4(1, 128, false)),
    ("W4A16 g32 zeros 1,4096,4096", || int4(1, 32, true)),
    ("W4A16 g128 zeros 16,4096,4096", || int4(16, 128, true)),
    ("W4A16 g128 symmetric 16,4096,4096", || int4(16, 128, false)),
    ("W4A16 g32 zeros 16,4096,4096", || int4(16, 32, true)),
    ("W4A16 g128 zeros 256,4096,4096", || int4(256, 128, true)),
    ("W8A16 1,4096,4096", || int8(1)),
    ("W8A16 4,4096,4096", || int8(4)),
    ("W8A16 16,4096,4096", || int8(16)),
    ("W8A16 256,4096,4096", || int8(256)),
];

const N: usize = 4096;
const K: usize = 4096;

fn int4(m: usize, group: usize, zeros: bool) -> Case {
    let groups = N * K / group;
    let (nibbles, least) = match zeros {
        true => (Nibbles::Unsigned, 0),
        false => (Nibbles::Signed, -8),
    };
    let q = pack_int4(&integers(1, N * K, least, 16), nibbles).expect("four bits");
    let scales = noise(2, groups);
    let zero: Vec<u8> = integers(3, groups, 0, 16)
        .iter()
        .map(|z| *z as u8)
        .collect();
    let zero = zeros.then_some(zero.as_slice());
    let w = PackedInt4::new(&q, &scales, zero, [N, K], group).expect("sizes fit");
    let bytes = q.len() + groups * if zeros { 8 } else { 4 };
    let weights = w.dequantize();
    product(m, bytes, weights, move |out, x| {
        w4a16(out, x, &w, m).expect("sizes fit");
    })
}

fn int8(m: usize) -> Case {
    let q = integers(1, N * K, -128, 256);
    let w = PackedInt8::new(&q, &noise(2, N), [N, K]).expect("sizes fit");
    let (bytes, weights) = (q.len() + 4 * N, w.dequantize());
    product(m, bytes, weights, move |out, x| {
        w8a16(out, x, &w, m).expect("sizes fit");
    })
}

/// Weights of so many bytes, which are `weights` in f32.
fn product(
    m: usize,
    bytes: usize,
    weights: Vec<f32>,
    run: impl Fn(&mut [bf16], &[bf16]) + 'static,
) -> Case {
    let x: Rc<Vec<bf16>> = Rc::new(noise(4, m * K).into_iter().map(bf16::from_f32).collect());
    let out = Rc::new(RefCell::new(vec![bf16::ZERO; m * N]));
    let (x_run, out_run) = (x.clone(), out.clone());
    // Every 61st row, which is in every place of a register.
    let rows: Vec<(usize, Vec<f32>)> = (0..N)
        .step_by(61)
        .map(|row| (row, weights[row * K..][..K].to_vec()))
        .collect();
    let error = move || {
        let out = out.borrow();
        let mut worst = 0.0;
        for i in [0, m / 2, m - 1] {
            for (row, w) in &rows {
                let terms = x[i * K..]
                    .iter()
                    .zip(w)
                    .map(|(x, w)| x.to_f64() * f64::from(*w));
                let (want, square) = terms.fold((0.0, 0.0), |(sum, square), term| {
                    (sum + term, square + term * term)
                });
                // Against the usual size of such a sum, at which results are rounded.
                let size = f64::max(square.sqrt(), f64::abs(want));
                let err = (out[i * N + row].to_f64() - want).abs() / size;
                worst = if err <= worst { worst } else { err };
            }
        }
        worst
    };
    Case {
        flops: 2.0 * (m * N * K) as f64,
        bytes: (bytes + 2 * m * (K + N)) as f64,
        run: Box::new(move || run(&mut out_run.borrow_mut(), &x_run)),
        error: Box::new(error),
        // Half of bf16's step, 2⁻⁸, and a little for sums in f32.
        tolerance: 1.0 / 256.0 + 1e-5,
    }
}
