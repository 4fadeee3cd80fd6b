//! Products of bf16 activations with weights of 4 and 8 bits.

use super::{Case, Named, told};
use crate::draws::{integers, noise};
use half::bf16;
use llmlab::kernels::cuda::quant::{
    Error, Order, PackedInt4, PackedInt8, Version, w4a16, w4a16_by, w8a16,
};
use llmlab::kernels::cuda::{Gpu, Trouble};
use llmlab::kernels::quant::{Nibbles, pack_int4};
use std::cell::RefCell;
use std::rc::Rc;

pub const CASES: &[Named] = &[
    ("W4A16 g128 zeros 1,8192,8192", |gpu| {
        int4(gpu, 1, 128, true)
    }),
    ("W4A16 g128 zeros 16,8192,8192", |gpu| {
        int4(gpu, 16, 128, true)
    }),
    ("W4A16 g128 zeros 64,8192,8192", |gpu| {
        int4(gpu, 64, 128, true)
    }),
    ("W4A16 g128 zeros 256,8192,8192", |gpu| {
        int4(gpu, 256, 128, true)
    }),
    ("W4A16 g128 symmetric 1,8192,8192", |gpu| {
        int4(gpu, 1, 128, false)
    }),
    ("W4A16 g128 symmetric 16,8192,8192", |gpu| {
        int4(gpu, 16, 128, false)
    }),
    ("W4A16 g32 zeros 1,8192,8192", |gpu| int4(gpu, 1, 32, true)),
    ("W4A16 g32 zeros 16,8192,8192", |gpu| {
        int4(gpu, 16, 32, true)
    }),
    // Against PyTorch's own kernel for 4 bits.
    ("W4A16 tinygemm 1,8192,8192", |gpu| int4(gpu, 1, 128, true)),
    ("W4A16 tinygemm 16,8192,8192", |gpu| {
        int4(gpu, 16, 128, true)
    }),
    ("W4A16 tinygemm 64,8192,8192", |gpu| {
        int4(gpu, 64, 128, true)
    }),
    // The steps on the way.
    ("W4A16 version 1 1,8192,8192", |gpu| {
        step(gpu, 1, Version::V1)
    }),
    ("W4A16 version 2 1,8192,8192", |gpu| {
        step(gpu, 1, Version::V2)
    }),
    ("W4A16 version 3 1,8192,8192", |gpu| {
        step(gpu, 1, Version::V3)
    }),
    ("W4A16 version 3 32,8192,8192", |gpu| {
        step(gpu, 32, Version::V3)
    }),
    ("W4A16 version 4 32,8192,8192", |gpu| {
        step(gpu, 32, Version::V4)
    }),
    ("W8A16 1,8192,8192", |gpu| int8(gpu, 1)),
    ("W8A16 16,8192,8192", |gpu| int8(gpu, 16)),
    ("W8A16 64,8192,8192", |gpu| int8(gpu, 64)),
    ("W8A16 256,8192,8192", |gpu| int8(gpu, 256)),
];

const N: usize = 8192;
const K: usize = 8192;
/// Copies of the weights that launches take in turn: one alone would fit into L2.
const COPIES: usize = 4;

fn int4(gpu: &'static Gpu, m: usize, group: usize, zeros: bool) -> Result<Case, Trouble> {
    product4(gpu, m, group, zeros, Order::Tiles, w4a16)
}

fn step(gpu: &'static Gpu, m: usize, version: Version) -> Result<Case, Trouble> {
    let order = match version {
        Version::V1 | Version::V2 => Order::Rows,
        Version::V3 | Version::V4 => Order::Tiles,
    };
    product4(gpu, m, 128, true, order, move |gpu, out, x, w, m| {
        w4a16_by(version, gpu, out, x, w, m)
    })
}

type Out<'a> = cudarc::driver::CudaViewMut<'a, bf16>;
type In<'a> = cudarc::driver::CudaView<'a, bf16>;

fn product4(
    gpu: &'static Gpu,
    m: usize,
    group: usize,
    zeros: bool,
    order: Order,
    run: impl Fn(&Gpu, &mut Out<'_>, &In<'_>, &PackedInt4, usize) -> Result<(), Error> + 'static,
) -> Result<Case, Trouble> {
    let (nibbles, least) = match zeros {
        true => (Nibbles::Unsigned, 0),
        false => (Nibbles::Signed, -8),
    };
    let q = integers(1, N * K, least, 16);
    let packed = pack_int4(&q, nibbles).expect("four bits");
    let scales: Vec<bf16> = noise(2, N * K / group)
        .into_iter()
        .map(bf16::from_f32)
        .collect();
    let zero: Vec<u8> = integers(3, N * K / group, 0, 16)
        .iter()
        .map(|z| *z as u8)
        .collect();
    let zero = zeros.then_some(zero);
    let w = PackedInt4::in_order(gpu, order, &packed, &scales, zero.as_deref(), [N, K], group);
    let w = w.map_err(told)?;
    let bytes = w.bytes();
    let weight = move |row: usize, column: usize| {
        let at = (row * K + column) / group;
        let zero = zero.as_ref().map_or(0, |zero| zero[at]);
        (f64::from(q[row * K + column]) - f64::from(zero)) * scales[at].to_f64()
    };
    let copies = vec![w; COPIES];
    product(gpu, m, bytes, weight, move |gpu, out, x, turn| {
        run(gpu, out, x, &copies[turn % COPIES], m)
    })
}

fn int8(gpu: &'static Gpu, m: usize) -> Result<Case, Trouble> {
    let q = integers(1, N * K, -128, 256);
    let scales: Vec<bf16> = noise(2, N).into_iter().map(bf16::from_f32).collect();
    let w = PackedInt8::new(gpu, &q, &scales, [N, K]).map_err(told)?;
    let bytes = w.bytes();
    let weight =
        move |row: usize, column: usize| f64::from(q[row * K + column]) * scales[row].to_f64();
    let copies = vec![w; COPIES];
    product(gpu, m, bytes, weight, move |gpu, out, x, turn| {
        w8a16(gpu, out, x, &copies[turn % COPIES], m)
    })
}

/// Weights of so many bytes.
fn product(
    gpu: &'static Gpu,
    m: usize,
    bytes: usize,
    weight: impl Fn(usize, usize) -> f64,
    run: impl Fn(&Gpu, &mut Out<'_>, &In<'_>, usize) -> Result<(), Error> + 'static,
) -> Result<Case, Trouble> {
    let host: Vec<bf16> = noise(4, m * K).into_iter().map(bf16::from_f32).collect();
    let x = gpu.stream.clone_htod(&host)?;
    let out = Rc::new(RefCell::new(gpu.stream.alloc_zeros::<bf16>(m * N)?));
    // Every 61st row, which is in every place of a tile.
    let rows: Vec<(usize, Vec<f64>)> = (0..N)
        .step_by(61)
        .map(|row| (row, (0..K).map(|column| weight(row, column)).collect()))
        .collect();
    let written = out.clone();
    let error = move || {
        let out = gpu.stream.clone_dtoh(&*written.borrow())?;
        let mut worst = 0.0;
        for i in [0, m / 2, m - 1] {
            for (row, w) in &rows {
                let terms = host[i * K..].iter().zip(w).map(|(x, w)| x.to_f64() * w);
                let (want, square) = terms.fold((0.0, 0.0), |(sum, square), term| {
                    (sum + term, square + term * term)
                });
                // Against the usual size of such a sum, at which results are rounded.
                let size = f64::max(square.sqrt(), f64::abs(want));
                let err = (out[i * N + row].to_f64() - want).abs() / size;
                worst = if err <= worst { worst } else { err };
            }
        }
        // Half of bf16's step, 2⁻⁸, and as much for weights that are rounded.
        Ok((worst, 2.0 / 256.0))
    };
    let mut turn = 0;
    let launch = move || {
        turn += 1;
        let out = &mut *out.borrow_mut();
        run(gpu, &mut out.as_view_mut(), &x.as_view(), turn).map_err(told)
    };
    Ok(Case {
        launch: Box::new(launch),
        error: Box::new(error),
        flops: 2.0 * (m * N * K) as f64,
        bytes: (bytes + 2 * m * (K + N)) as f64,
    })
}
