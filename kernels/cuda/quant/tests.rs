use super::*;
use crate::kernels::cuda::{self, guarded::Guarded};
use crate::kernels::quant::{Nibbles, pack_int4};
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// Weights as anybody would write them.
struct Plain {
    q: Vec<i8>,
    zeros: Option<Vec<u8>>,
    scales: Vec<bf16>,
    n: usize,
    k: usize,
    group: usize,
}

impl Plain {
    fn new(seed: u64, bits: u32, zeros: bool, [n, k]: [usize; 2], group: usize) -> Plain {
        let mut rng = StdRng::seed_from_u64(seed);
        let [least, most] = match (bits, zeros) {
            (4, true) => [0, 15],
            (4, false) => [-8, 7],
            _ => [-128, 127],
        };
        let groups = n * k / group.max(1);
        Plain {
            q: (0..n * k).map(|_| rng.random_range(least..=most)).collect(),
            zeros: zeros.then(|| (0..groups).map(|_| rng.random_range(0..16)).collect()),
            scales: (0..groups)
                .map(|_| bf16::from_f32(rng.random_range(0.002..0.1)))
                .collect(),
            n,
            k,
            group,
        }
    }

    fn weight(&self, row: usize, column: usize) -> f64 {
        let at = (row * self.k + column) / self.group;
        let zero = self.zeros.as_ref().map_or(0, |zeros| zeros[at]);
        (f64::from(self.q[row * self.k + column]) - f64::from(zero)) * self.scales[at].to_f64()
    }

    /// Checks results `[m n]`: they are off by at most twice what weights rounded to bf16 and summed in f32 one
    /// after the other are off by, and on average by no more than 1.2 times that.
    fn check(&self, x: &[bf16], out: &[bf16], name: &str) {
        let weights: Vec<f64> = (0..self.n * self.k)
            .map(|i| self.weight(i / self.k, i % self.k))
            .collect();
        let rounded: Vec<f32> = weights
            .iter()
            .map(|w| bf16::from_f64(*w).to_f32())
            .collect();
        let [mut worst, mut sum, mut usual_worst, mut usual_sum] = [0f64; 4];
        for (x, out) in x.chunks(self.k).zip(out.chunks(self.n)) {
            for (row, got) in out.iter().enumerate() {
                let w = &weights[row * self.k..][..self.k];
                let want: f64 = w.iter().zip(x).map(|(w, x)| w * x.to_f64()).sum();
                let w = &rounded[row * self.k..][..self.k];
                let usual: f32 = w.iter().zip(x).map(|(w, x)| w * x.to_f32()).sum();
                let err = (got.to_f64() - want).abs();
                let usual = (bf16::from_f32(usual).to_f64() - want).abs();
                // So that NaN stays.
                worst = if err <= worst { worst } else { err };
                sum += err;
                usual_worst = usual_worst.max(usual);
                usual_sum += usual;
            }
        }
        let Plain { n, k, group, .. } = self;
        // Where there are few results, the usual way may be exact by chance.
        let step: f64 = out
            .iter()
            .map(|out| out.to_f64().abs() / 512.0)
            .fold(0.0, f64::max);
        assert!(
            worst <= 2.0 * usual_worst + step && sum <= 1.2 * usual_sum + step,
            "{name}, {n} × {k} by {group}, {} activations: off by {worst:e} at most, usual is {usual_worst:e}; {sum:e} together, usual is {usual_sum:e}",
            x.len() / k
        );
    }
}

fn numbers(seed: u64, len: usize, by: f32) -> Vec<bf16> {
    let mut rng = StdRng::seed_from_u64(seed);
    (0..len)
        .map(|_| bf16::from_f32(by * rng.random_range(-1.0..1.0)))
        .collect()
}

/// Two runs of a version, which write the same bits and nothing else.
fn twice(
    gpu: &Gpu,
    len: usize,
    x: &[bf16],
    run: impl Fn(&mut CudaViewMut<'_, bf16>, &CudaView<'_, bf16>) -> Result<(), Error>,
) -> Vec<bf16> {
    let x = gpu.stream.clone_htod(x).unwrap();
    let once = || {
        let mut out = Guarded::<bf16>::new(gpu, len).unwrap();
        run(&mut out.room(), &x.as_view()).unwrap();
        out.values(gpu).unwrap().unwrap()
    };
    let (first, second) = (once(), once());
    let bits = |out: &[bf16]| out.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert!(bits(&first) == bits(&second), "two runs differ");
    first
}

fn versions(gpu: &Gpu) -> Vec<Version> {
    let mut all = vec![Version::V1, Version::V2];
    if gpu.capability >= (8, 0) {
        all.push(Version::V3);
    }
    if gpu.capability == (9, 0) {
        all.push(Version::V4);
    }
    all
}

fn packed(gpu: &Gpu, plain: &Plain, order: Order) -> PackedInt4 {
    let nibbles = match plain.zeros {
        Some(_) => Nibbles::Unsigned,
        None => Nibbles::Signed,
    };
    let q = pack_int4(&plain.q, nibbles).unwrap();
    let (zeros, sizes) = (plain.zeros.as_deref(), [plain.n, plain.k]);
    PackedInt4::in_order(gpu, order, &q, &plain.scales, zeros, sizes, plain.group).unwrap()
}

fn check4(gpu: &Gpu, plain: &Plain, ms: &[usize], by: f32) {
    let [rows, tiles] = [Order::Rows, Order::Tiles].map(|order| packed(gpu, plain, order));
    for m in ms {
        let x = numbers(*m as u64, m * plain.k, by);
        for version in versions(gpu) {
            let w = match version {
                Version::V1 | Version::V2 => &rows,
                Version::V3 | Version::V4 => &tiles,
            };
            let out = twice(gpu, m * plain.n, &x, |out, x| {
                w4a16_by(version, gpu, out, x, w, *m)
            });
            plain.check(&x, &out, &format!("{version:?}"));
        }
    }
}

fn check8(gpu: &Gpu, plain: &Plain, ms: &[usize], by: f32) {
    let w = PackedInt8::new(gpu, &plain.q, &plain.scales, [plain.n, plain.k]).unwrap();
    for m in ms {
        let x = numbers(*m as u64, m * plain.k, by);
        for version in versions(gpu).into_iter().skip(2) {
            let out = twice(gpu, m * plain.n, &x, |out, x| {
                w8a16_by(version, gpu, out, x, &w, *m)
            });
            plain.check(&x, &out, &format!("{version:?}, 8 bits"));
        }
    }
}

macro_rules! gpu_or_skip {
    () => {
        match cuda::gpu() {
            Ok(gpu) => gpu,
            Err(_) => return println!("skipped: no GPU"),
        }
    };
}

#[test]
fn four_bits_equal_f64_on_ragged_shapes() {
    let gpu = gpu_or_skip!();
    let shapes = [
        (1, 32, 32),
        (63, 96, 32),
        (65, 64, 64),
        (127, 192, 64),
        (129, 128, 128),
        (300, 384, 128),
    ];
    for (seed, (n, k, group)) in shapes.into_iter().enumerate() {
        for zeros in [false, true] {
            let plain = Plain::new(seed as u64, 4, zeros, [n, k], group);
            check4(gpu, &plain, &[1, 3, 8, 9, 16, 17, 33, 65, 129], 1.0);
        }
    }
}

#[test]
fn four_bits_equal_f64_on_long_rows() {
    let gpu = gpu_or_skip!();
    for group in [32, 64, 128] {
        let plain = Plain::new(7, 4, true, [70, 8192 + 256], group);
        check4(gpu, &plain, &[1, 7, 13, 32, 64], 1.0);
    }
}

#[test]
fn eight_bits_equal_f64_on_ragged_shapes() {
    let gpu = gpu_or_skip!();
    if gpu.capability < (8, 0) {
        return println!("skipped: no tensor cores for bf16");
    }
    for (seed, (n, k)) in [
        (1, 8),
        (63, 40),
        (65, 64),
        (129, 136),
        (300, 392),
        (70, 8200),
    ]
    .into_iter()
    .enumerate()
    {
        let plain = Plain::new(seed as u64, 8, false, [n, k], k);
        check8(gpu, &plain, &[1, 3, 8, 9, 16, 17, 33, 65, 129], 1.0);
    }
}

#[test]
fn activations_may_be_large() {
    let gpu = gpu_or_skip!();
    let plain = Plain::new(3, 4, true, [70, 256], 128);
    check4(gpu, &plain, &[1, 16, 40], 1e30);
}

#[test]
fn nan_stays_in_its_row() {
    let gpu = gpu_or_skip!();
    let plain = Plain::new(3, 4, true, [70, 128], 32);
    let [rows, tiles] = [Order::Rows, Order::Tiles].map(|order| packed(gpu, &plain, order));
    for version in versions(gpu) {
        let w = match version {
            Version::V1 | Version::V2 => &rows,
            Version::V3 | Version::V4 => &tiles,
        };
        let mut x = numbers(1, 5 * 128, 1.0);
        x[2 * 128 + 77] = bf16::NAN;
        let out = twice(gpu, 5 * 70, &x, |out, x| {
            w4a16_by(version, gpu, out, x, w, 5)
        });
        for (i, out) in out.chunks(70).enumerate() {
            assert!(out.iter().all(|x| x.is_nan() == (i == 2)), "{version:?}");
        }
    }
}

#[test]
fn a_dimension_may_be_zero() {
    let gpu = gpu_or_skip!();
    for [m, n, k] in [[0, 3, 32], [2, 0, 32], [2, 3, 0]] {
        let none: [f32; 0] = [];
        let ones = vec![1f32; n * k / 32];
        let w = PackedInt4::new(gpu, &vec![0; n * k / 2], &ones, None, [n, k], 32).unwrap();
        // A view of no elements begins nowhere.
        let x = gpu.stream.clone_htod(&vec![bf16::ONE; m * k + 1]).unwrap();
        let mut out = Guarded::<bf16>::new(gpu, m * n).unwrap();
        w4a16(gpu, &mut out.room(), &x.slice(..m * k), &w, m).unwrap();
        let out = out.values(gpu).unwrap().unwrap();
        assert!(out.iter().all(|x| *x == bf16::ZERO));
        assert!(PackedInt4::new(gpu, &[0; 16], &none, None, [1, 32], 32).is_err());
    }
}

#[test]
fn what_does_not_fit_is_told() {
    let gpu = gpu_or_skip!();
    let plain = Plain::new(3, 4, false, [4, 64], 32);
    let w = packed(gpu, &plain, Order::Tiles);
    let x = gpu.stream.clone_htod(&vec![bf16::ONE; 129]).unwrap();
    let mut out = gpu.stream.alloc_zeros::<bf16>(8).unwrap();
    let mut out = out.as_view_mut();
    let words = |result: Result<(), Error>| result.unwrap_err().to_string();
    let short = w4a16(gpu, &mut out, &x.slice(..127), &w, 2);
    assert!(words(short).starts_with("`x` should have 128 elements"));
    let askew = w4a16(gpu, &mut out, &x.slice(1..), &w, 2);
    assert!(words(askew).starts_with("`x` should begin at a multiple of 16 bytes"));
    let order = w4a16_by(Version::V1, gpu, &mut out, &x.slice(..128), &w, 2);
    assert!(words(order).starts_with("V1 cannot read weights in the order Tiles"));
    let ragged = PackedInt8::new(gpu, &[0; 7], &[1f32], [1, 7])
        .err()
        .unwrap();
    assert!(
        ragged
            .to_string()
            .starts_with("k should be a multiple of 8")
    );
}

#[test]
fn instances_fit_into_shared_memory() {
    for few in &FEW {
        let room = if few.big { 227 * 1024 } else { 99 * 1024 };
        assert!(
            few.shared_bytes(few.columns()) <= room,
            "{:?}",
            few.source.defines
        );
    }
    for many in &MANY {
        let barriers = 1024;
        assert!(
            many.shared_bytes() + barriers <= 227 * 1024,
            "{:?}",
            many.source.defines
        );
    }
}

/// Every weight stands where the kernels look for it, on a machine without a GPU too.
#[test]
fn packing_is_a_permutation() {
    let (n, k) = (64, 256);
    let q: Vec<i8> = (0..n * k).map(|i| (i * 7 % 16) as i8).collect();
    let zeros: Vec<u8> = (0..n * 4).map(|i| (i % 16) as u8).collect();
    let scales: Vec<bf16> = (0..n * 4).map(|i| bf16::from_f32(i as f32)).collect();
    let int4 = pack::Int4 {
        q: &pack_int4(&q, Nibbles::Unsigned).unwrap(),
        scales: &scales,
        zeros: Some(&zeros),
        n,
        k,
        group_size: 64,
    };
    let packed = int4.packed();
    let record = pack::record_bytes(4, 2);
    assert_eq!(packed.len(), 2 * record);
    // Step 1, tile 2, half 1, lane 14, product 3 of the half: register 1 is row g + 8, columns c and c + 1.
    let (lane, g, c) = (14, 3, 4);
    let at = record + (((2 * 2 + 1) * 32 + lane) * 4 + 3) * 4;
    let word = u32::from_le_bytes(packed[at..at + 4].try_into().unwrap());
    let (row, column) = (2 * 16 + g + 8, 128 + 64 + 3 * 16 + c);
    assert_eq!(word >> 4 & 15, q[row * k + column] as u32);
    assert_eq!(word >> 20 & 15, q[row * k + column + 1] as u32);
    // Group 3, the second of step 1, of the same row.
    let place = 64 + 2 * 16 + g * 2 + 1;
    let scale = record + n * 64 + 2 * place;
    let scale = bf16::from_le_bytes(packed[scale..scale + 2].try_into().unwrap());
    assert_eq!(scale, scales[row * 4 + 3]);
    assert_eq!(
        packed[record + n * 64 + 2 * 128 + place],
        zeros[row * 4 + 3]
    );
    let bytes: Vec<i8> = (0..n * k).map(|i| (i % 251) as i8).collect();
    let mut packed = pack::int8(&bytes, [n, k]);
    let mut all: Vec<u8> = bytes.iter().map(|q| *q as u8).collect();
    packed.sort_unstable();
    all.sort_unstable();
    assert_eq!(packed, all);
}
