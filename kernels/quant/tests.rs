use super::int4::w4a16_on;
use super::int8::w8a16_on;
use super::*;
use crate::kernels::cpu::Tier;
use crate::kernels::gemm::{Engine, Unit};
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// 2⁻²⁴: half of what f32 distinguishes at 1.
const UNIT: f64 = 1.0 / 16_777_216.0;

/// Integers `[n k]` from least to most, of which many are one of the two.
fn integers(seed: u64, len: usize, [least, most]: [i8; 2]) -> Vec<i8> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut draw = || match rng.random_range(0..8) {
        0 => least,
        1 => most,
        _ => rng.random_range(least..=most),
    };
    (0..len).map(|_| draw()).collect()
}

/// Numbers of magnitudes 10^−range to 10^range, of both signs, and a zero now and then.
fn numbers(seed: u64, len: usize, range: f32) -> Vec<f32> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut draw = || {
        let magnitude = 10f32.powf(range * rng.random_range(-1.0..1.0));
        magnitude * [1.0, -1.0, 1.0, -1.0, 0.0][rng.random_range(0..5)]
    };
    (0..len).map(|_| draw()).collect()
}

fn halves(x: &[f32]) -> Vec<bf16> {
    x.iter().map(|x| bf16::rounded(*x)).collect()
}

/// Weights as the lessons have them: w = (q − zero)·scale.
struct Plain {
    q: Vec<i8>,
    zeros: Vec<u8>,
    /// Whether there are zeros.
    unsigned: bool,
    scales: Vec<f32>,
    n: usize,
    k: usize,
    group: usize,
}

impl Plain {
    fn weight(&self, row: usize, column: usize) -> [f64; 3] {
        let at = row * self.k.div_ceil(self.group) + column / self.group;
        let [q, zero] = [
            f64::from(self.q[row * self.k + column]),
            f64::from(self.zeros[at]),
        ];
        [q, zero, f64::from(self.scales[at])]
    }

    /// Checks results `[m n]`.
    ///
    /// A sum of products, in any order, with c additions or multiplications on the way of each
    /// summand, is off by at most c·u/(1 − c·u) times the sum of their magnitudes (Higham 2002, §3.1),
    /// u = 2⁻²⁴. A summand goes through at most one operation for each column of its group, one for
    /// each group, and eight around them. Where there are zeros, x·(q − 8) and x·(8 − zero) are summands
    /// of their own. A rounding of bf16 products flushes what is below 2⁻¹²⁶, before scaling.
    fn check<X: Real, O: Real>(&self, x: &[X], out: &[O], name: &str) {
        for (i, (x, out)) in x
            .chunks(self.k.max(1))
            .zip(out.chunks(self.n.max(1)))
            .enumerate()
        {
            for (row, got) in out.iter().enumerate() {
                let (mut want, mut magnitude, mut flushed) = (0.0, 0.0, 0.0);
                for (column, x) in x.iter().enumerate() {
                    let ([q, zero, scale], x) = (self.weight(row, column), f64::from(x.number()));
                    want += x * (q - zero) * scale;
                    magnitude += (x * scale).abs()
                        * match self.unsigned {
                            false => q.abs(),
                            true => (q - 8.0).abs() + (8.0 - zero).abs(),
                        };
                    flushed += 130.0 * 2f64.powi(-126) * scale.abs();
                }
                let count = (self.k.min(256) + self.k.div_ceil(32) + 8) as f64;
                let mut tol =
                    count * UNIT / (1.0 - count * UNIT) * magnitude + flushed + 2f64.powi(-148);
                if O::HALF {
                    tol += (want.abs() + tol) / 256.0;
                }
                let err = (f64::from(got.number()) - want).abs();
                assert!(
                    err <= tol,
                    "{name}, {} × {}, activation {i}, row {row}: {} is not {want}, off by {err:e} of {tol:e}",
                    self.n,
                    self.k,
                    got.number(),
                );
            }
        }
    }
}

/// The fastest of every tier, and those that are there for tests, on the best one.
fn engines() -> Vec<Engine> {
    let fastest = Tier::all().into_iter().map(Engine::bf16);
    let tier = Tier::detected();
    let others = [Unit::Dot, Unit::Model].map(|unit| Engine { tier, unit });
    fastest.chain(others).collect()
}

/// Every engine and every pair of types, on slices that start anywhere.
fn everywhere(
    x: &[f32],
    plain: &Plain,
    m: usize,
    run: &dyn Fn(Engine, Call<'_>) -> Result<(), Misfit>,
) {
    let half = halves(x);
    let mut wide = vec![bf16::ZERO; 1];
    wide.extend(&half);
    for engine in engines() {
        let mut out = vec![f32::NAN; m * plain.n + 1];
        run(engine, Call::Wide(&mut out[1..], x)).unwrap();
        plain.check(x, &out[1..], &format!("{engine:?} f32 → f32, m {m}"));
        out.fill(f32::NAN);
        run(engine, Call::Mixed(&mut out[1..], &wide[1..])).unwrap();
        plain.check(&half, &out[1..], &format!("{engine:?} bf16 → f32, m {m}"));
        let mut out = vec![bf16::NAN; m * plain.n + 1];
        run(engine, Call::Half(&mut out[1..], &wide[1..])).unwrap();
        plain.check(&half, &out[1..], &format!("{engine:?} bf16 → bf16, m {m}"));
    }
}

enum Call<'a> {
    Wide(&'a mut [f32], &'a [f32]),
    Mixed(&'a mut [f32], &'a [bf16]),
    Half(&'a mut [bf16], &'a [bf16]),
}

fn int4(
    seed: u64,
    [n, k]: [usize; 2],
    group: usize,
    zeros: bool,
    range: f32,
) -> (Plain, PackedInt4) {
    let nibbles = if zeros {
        Nibbles::Unsigned
    } else {
        Nibbles::Signed
    };
    let q = integers(seed, n * k, nibbles.range());
    let count = n * k / group;
    let scales = numbers(seed + 1, count, range);
    let zero: Vec<u8> = integers(seed + 2, count, [0, 15])
        .iter()
        .map(|z| *z as u8)
        .collect();
    let packed = pack_int4(&q, nibbles).unwrap();
    assert_eq!(unpack_int4(&packed, nibbles), q);
    let given = zeros.then_some(zero.as_slice());
    let weights = PackedInt4::new(&packed, &scales, given, [n, k], group).unwrap();
    let unsigned = zeros;
    let zeros = if zeros { zero } else { vec![0; count] };
    let plain = Plain {
        q,
        zeros,
        unsigned,
        scales,
        n,
        k,
        group,
    };
    (plain, weights)
}

fn int8(seed: u64, [n, k]: [usize; 2], range: f32) -> (Plain, PackedInt8) {
    let q = integers(seed, n * k, [-128, 127]);
    let scales = numbers(seed + 1, n, range);
    let weights = PackedInt8::new(&q, &scales, [n, k]).unwrap();
    let (zeros, group) = (vec![0; n], k.max(1));
    (
        Plain {
            q,
            zeros,
            unsigned: false,
            scales,
            n,
            k,
            group,
        },
        weights,
    )
}

fn check4(seed: u64, sizes: [usize; 2], group: usize, m: usize, range: f32) {
    for zeros in [false, true] {
        let (plain, w) = int4(seed, sizes, group, zeros, range);
        let x = numbers(seed + 3, m * sizes[1], range);
        everywhere(&x, &plain, m, &|engine, call| match call {
            Call::Wide(out, x) => w4a16_on(engine, out, x, &w, m),
            Call::Mixed(out, x) => w4a16_on(engine, out, x, &w, m),
            Call::Half(out, x) => w4a16_on(engine, out, x, &w, m),
        });
    }
}

fn check8(seed: u64, sizes: [usize; 2], m: usize, range: f32) {
    let (plain, w) = int8(seed, sizes, range);
    let x = numbers(seed + 3, m * sizes[1], range);
    everywhere(&x, &plain, m, &|engine, call| match call {
        Call::Wide(out, x) => w8a16_on(engine, out, x, &w, m),
        Call::Mixed(out, x) => w8a16_on(engine, out, x, &w, m),
        Call::Half(out, x) => w8a16_on(engine, out, x, &w, m),
    });
}

#[test]
fn four_bits_equal_f64_on_ragged_shapes() {
    let shapes = [
        (1, 32, 32),
        (5, 64, 64),
        (16, 96, 32),
        (37, 128, 128),
        (70, 256, 64),
        (150, 384, 128),
    ];
    for (seed, (n, k, group)) in shapes.into_iter().enumerate() {
        for m in [1, 2, 3, 7] {
            check4(seed as u64, [n, k], group, m, 1.0);
        }
    }
}

#[test]
fn four_bits_equal_f64_for_any_number_of_activations() {
    for m in 1..=40 {
        check4(m as u64, [33, 64], 32, m, 0.5);
    }
}

#[test]
fn eight_bits_equal_f64_on_ragged_shapes() {
    let shapes = [
        (1, 1),
        (5, 7),
        (16, 8),
        (37, 33),
        (70, 255),
        (150, 300),
        (3, 700),
    ];
    for (seed, (n, k)) in shapes.into_iter().enumerate() {
        for m in [1, 2, 3, 7] {
            check8(seed as u64, [n, k], m, 1.0);
        }
    }
}

#[test]
fn eight_bits_equal_f64_for_any_number_of_activations() {
    for m in 1..=40 {
        check8(m as u64, [33, 41], m, 0.5);
    }
}

#[test]
fn scales_and_activations_may_be_extreme() {
    for m in [1, 5, 16] {
        check4(7, [40, 128], 32, m, 15.0);
        check8(8, [40, 77], m, 15.0);
    }
}

#[test]
fn a_dimension_may_be_zero() {
    for [m, n, k] in [[0, 3, 32], [2, 0, 32], [2, 3, 0]] {
        check4(1, [n, k], 32, m, 1.0);
        check8(1, [n, k], m, 1.0);
        let (_, w) = int8(1, [n, k], 1.0);
        let mut out = vec![f32::NAN; m * n];
        w8a16(&mut out, &vec![1.0f32; m * k], &w, m).unwrap();
        assert!(k > 0 || out.iter().all(|x| *x == 0.0));
    }
}

#[test]
fn nan_comes_through() {
    for engine in engines() {
        for m in [1, 5] {
            let mut x = vec![bf16::ONE; m * 32];
            x[m * 32 - 9] = bf16::NAN;
            let [mut four, mut eight] = [(); 2].map(|()| vec![bf16::ZERO; m * 3]);
            w4a16_on(engine, &mut four, &x, &int4(1, [3, 32], 32, true, 0.1).1, m).unwrap();
            w8a16_on(engine, &mut eight, &x, &int8(1, [3, 32], 0.1).1, m).unwrap();
            for out in [four, eight] {
                let (rest, last) = out.split_at(m * 3 - 3);
                assert!(last.iter().all(|x| x.is_nan()), "{engine:?}");
                assert!(!rest.iter().any(|x| x.is_nan()), "{engine:?}");
            }
        }
    }
}

#[test]
fn dequantised_weights_are_the_plain_ones_rounded_once() {
    let equal = |plain: &Plain, got: Vec<f32>| {
        assert_eq!(got.len(), plain.n * plain.k);
        for (i, got) in got.iter().enumerate() {
            let [q, zero, scale] = plain.weight(i / plain.k, i % plain.k);
            assert_eq!(*got, ((q - zero) * scale) as f32, "weight {i}");
        }
    };
    for group in [32, 64, 128] {
        for zeros in [false, true] {
            let (plain, w) = int4(3, [19, 256], group, zeros, 3.0);
            equal(&plain, w.dequantize());
        }
    }
    let (plain, w) = int8(4, [19, 45], 3.0);
    equal(&plain, w.dequantize());
}

#[test]
fn scales_may_be_bf16() {
    let scales = halves(&numbers(1, 6, 1.0));
    let wide: Vec<f32> = scales.iter().map(|scale| scale.number()).collect();
    let q = vec![0x71; 3 * 32];
    let [half, wide] = [
        PackedInt4::new(&q, &scales, None, [3, 64], 32).unwrap(),
        PackedInt4::new(&q, &wide, None, [3, 64], 32).unwrap(),
    ];
    assert_eq!(half.dequantize(), wide.dequantize());
}

#[test]
fn a_byte_holds_the_first_weight_in_its_low_bits() {
    assert_eq!(
        pack_int4(&[1, -2, -8, 7], Nibbles::Signed),
        Ok(vec![0xe1, 0x78])
    );
    assert_eq!(pack_int4(&[1, 14], Nibbles::Unsigned), Ok(vec![0xe1]));
    assert_eq!(unpack_int4(&[0xe1], Nibbles::Signed), [1, -2]);
    assert_eq!(unpack_int4(&[0xe1], Nibbles::Unsigned), [1, 14]);
}

#[test]
fn narrowing_is_that_of_half() {
    let specials = [
        0.0,
        -0.0,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::MAX,
        1e-40,
        1.003_906_2,
        1.011_718_8,
    ];
    for x in specials.into_iter().chain(numbers(5, 1000, 30.0)) {
        assert_eq!(bf16::rounded(x), bf16::from_f32(x), "{x}");
    }
    assert!(
        bf16::rounded(f32::NAN).is_nan() && bf16::rounded(f32::from_bits(0x7f80_0001)).is_nan()
    );
}

#[test]
fn misfits_are_sentences() {
    let words = |result: Result<PackedInt4, Misfit>| result.unwrap_err().to_string();
    let (q, ones) = ([0u8; 64], [1.0f32; 4]);
    let new = |q: &[u8], scales: &[f32], zeros: Option<&[u8]>, sizes, group| {
        words(PackedInt4::new(q, scales, zeros, sizes, group))
    };
    assert!(
        new(&q, &ones, None, [2, 64], 16)
            .starts_with("the group size should be 32, 64 or 128, it is 16")
    );
    assert!(
        new(&q, &ones, None, [2, 80], 32)
            .starts_with("a row of 80 weights is not made of whole groups of 32")
    );
    assert!(new(&q, &ones, None, [3, 64], 32).starts_with("`q` should have 96 elements"));
    assert!(new(&q, &ones[1..], None, [2, 64], 32).starts_with("`scales` should have 4 elements"));
    assert!(
        new(&q, &ones, Some(&[0; 3]), [2, 64], 32).starts_with("`zeros` should have 4 elements")
    );
    assert!(
        new(&q, &ones, Some(&[0, 0, 16, 0]), [2, 64], 32)
            .starts_with("`zeros[2]` should be from 0 to 15, it is 16")
    );
    assert!(new(&q, &ones, None, [usize::MAX / 2, 64], 32).contains("do not fit into memory"));
    let words = |q: &[i8], nibbles| pack_int4(q, nibbles).unwrap_err().to_string();
    assert!(words(&[0, 8], Nibbles::Signed).starts_with("`q[1]` should be from -8 to 7, it is 8"));
    assert!(
        words(&[-1, 8], Nibbles::Unsigned).starts_with("`q[0]` should be from 0 to 15, it is -1")
    );
    assert!(words(&[1], Nibbles::Signed).contains("should be even, it is 1"));
    let w = PackedInt4::new(&q, &ones, None, [2, 64], 32).unwrap();
    let mut out = [0.0f32; 2];
    let short = w4a16(&mut out, &[0.0f32; 63], &w, 1).unwrap_err();
    assert!(short.to_string().starts_with("`x` should have 64 elements"));
    let w = PackedInt8::new(&[0; 6], &[1.0f32; 2], [2, 3]).unwrap();
    let short = w8a16(&mut out[1..], &[0.0f32; 3], &w, 1).unwrap_err();
    assert!(
        short
            .to_string()
            .starts_with("`out` should have 2 elements")
    );
    let short = PackedInt8::new(&[0; 6], &[1.0f32; 3], [2, 3]).unwrap_err();
    assert!(
        short
            .to_string()
            .starts_with("`scales` should have 2 elements")
    );
}
