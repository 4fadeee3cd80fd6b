use super::*;
use rand::{RngExt, SeedableRng, rngs::StdRng};

fn noise(seed: u64, len: usize) -> Vec<f32> {
    let mut rng = StdRng::seed_from_u64(seed);
    (0..len).map(|_| rng.random_range(-1.0..1.0)).collect()
}

fn narrow(x: &[f32]) -> Vec<bf16> {
    x.iter().map(|x| bf16::from_f32(*x)).collect()
}

fn widen(x: &[bf16]) -> Vec<f32> {
    x.iter().map(|x| x.to_f32()).collect()
}

/// a·b in f64, and the sum of the products' sizes.
fn plain(a: &[f32], b: &[f32], form: Form, shape: Shape) -> Vec<(f64, f64)> {
    let Shape { m, n, k } = shape;
    let product = |i: usize, j: usize| {
        let products = (0..k).map(|t| {
            let b = match form {
                Form::Plain => b[t * n + j],
                Form::Transposed => b[j * k + t],
            };
            f64::from(a[i * k + t]) * f64::from(b)
        });
        products.fold((0.0, 0.0), |(sum, size), x| (sum + x, size + x.abs()))
    };
    (0..m * n).map(|at| product(at / n, at % n)).collect()
}

/// Each of at most k + 2 additions, in any order, rounds by 2⁻²⁴ of a partial sum, which is at most the
/// sum of sizes (Higham 2002, section 3.1); a product of f32 rounds too. What flushes denormals loses at most
/// 2⁻¹²⁶ a number.
fn bound(size: f64, k: usize) -> f64 {
    (k as f64 + 3.0) * (size * 2f64.powi(-24) * 1.01 + 2f64.powi(-125))
}

const SIZES: [[usize; 3]; 17] = [
    [0, 3, 2],
    [3, 0, 2],
    [3, 2, 0],
    [1, 1, 1],
    [1, 70, 33],
    [2, 17, 64],
    [5, 16, 32],
    [6, 64, 2],
    [7, 65, 3],
    [13, 31, 95],
    [16, 33, 131],
    [17, 100, 66],
    [31, 15, 17],
    [33, 48, 1],
    [64, 130, 40],
    [19, 35, 1100],
    [18, 21, 2113],
];

#[test]
fn f32_of_ragged_shapes_equals_plain_loops() {
    for tier in Tier::all() {
        for [m, n, k] in SIZES {
            for form in [Form::Plain, Form::Transposed] {
                let shape = Shape { m, n, k };
                // One more in front, so that nothing is aligned.
                let (a, b) = (noise(1, m * k + 1), noise(2, k * n + 1));
                let (a, b) = (&a[1..], &b[1..]);
                let mut out = vec![f32::NAN; m * n + 1];
                let engine = Engine::f32(tier);
                gemm_on(
                    engine,
                    Out::F32(&mut out[1..]),
                    Of::F32(a),
                    Of::F32(b),
                    form,
                    shape,
                )
                .unwrap();
                for (got, (want, size)) in out[1..].iter().zip(plain(a, b, form, shape)) {
                    let err = (f64::from(*got) - want).abs();
                    assert!(
                        err <= bound(size, k),
                        "{tier:?} {form:?} {shape:?}: {got} for {want}"
                    );
                }
            }
        }
    }
}

#[test]
fn bf16_of_ragged_shapes_equals_plain_loops() {
    for engine in Engine::all() {
        for [m, n, k] in SIZES {
            for form in [Form::Plain, Form::Transposed] {
                let shape = Shape { m, n, k };
                let (a, b) = (narrow(&noise(1, m * k + 1)), narrow(&noise(2, k * n + 1)));
                let (a, b) = (&a[1..], &b[1..]);
                let want = plain(&widen(a), &widen(b), form, shape);
                let mut out = vec![f32::NAN; m * n + 1];
                let mut short = vec![bf16::NAN; m * n + 1];
                let of = (Of::Bf16(a), Of::Bf16(b));
                gemm_on(engine, Out::F32(&mut out[1..]), of.0, of.1, form, shape).unwrap();
                gemm_on(engine, Out::Bf16(&mut short[1..]), of.0, of.1, form, shape).unwrap();
                for ((got, short), (want, size)) in out[1..].iter().zip(&short[1..]).zip(want) {
                    let err = (f64::from(*got) - want).abs();
                    assert!(
                        err <= bound(size, k),
                        "{engine:?} {form:?} {shape:?}: {got} for {want}"
                    );
                    assert_eq!(
                        *short,
                        bf16::from_f32(*got),
                        "{engine:?} {form:?} {shape:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn large_numbers_nan_and_infinity_go_where_they_should() {
    let (k, n) = (70, 20);
    for engine in Engine::all() {
        for (m, form) in [
            (3, Form::Plain),
            (3, Form::Transposed),
            (20, Form::Plain),
            (20, Form::Transposed),
        ] {
            let shape = Shape { m, n, k };
            let mut a = vec![bf16::from_f32(1e4); m * k];
            let mut b = vec![bf16::from_f32(-1e4); k * n];
            // NaN in row 0 of a, infinity in the last column of b.
            a[k - 1] = bf16::NAN;
            let last = match form {
                Form::Plain => 2 * n + n - 1,
                Form::Transposed => (n - 1) * k + 2,
            };
            b[last] = bf16::INFINITY;
            let mut out = vec![bf16::ZERO; m * n];
            gemm_on(
                engine,
                Out::Bf16(&mut out),
                Of::Bf16(&a),
                Of::Bf16(&b),
                form,
                shape,
            )
            .unwrap();
            let large = f64::from(bf16::from_f32(1e4).to_f32());
            for (at, x) in out.iter().enumerate() {
                match (at / n, at % n) {
                    (0, _) => assert!(x.is_nan(), "{engine:?} {form:?} {at}"),
                    (_, 19) => assert_eq!(*x, bf16::INFINITY, "{engine:?} {form:?} {at}"),
                    _ => {
                        let want = -large * large * k as f64;
                        let err = (x.to_f64() - want).abs();
                        assert!(err <= want.abs() / 256.0, "{engine:?} {form:?} {at}: {x}");
                    }
                }
            }
        }
    }
}

#[test]
fn denormals_are_themselves_or_zeros() {
    let shape = Shape { m: 2, n: 2, k: 3 };
    let tiny = bf16::from_bits(3);
    let a = [tiny; 6];
    let b = [bf16::from_f32(2f32.powi(100)); 6];
    for engine in Engine::all() {
        let mut out = [f32::NAN; 4];
        gemm_on(
            engine,
            Out::F32(&mut out),
            Of::Bf16(&a),
            Of::Bf16(&b),
            Form::Plain,
            shape,
        )
        .unwrap();
        let want = 3.0 * tiny.to_f32() * 2f32.powi(100);
        assert!(
            out.iter().all(|x| *x == want || *x == 0.0),
            "{engine:?}: {out:?}"
        );
    }
}

#[test]
fn misfits_are_sentences() {
    let shape = Shape { m: 2, n: 3, k: 4 };
    let words = |a: usize, b: usize, out: usize, shape| {
        let (a, b, mut out) = (vec![0.0; a], vec![0.0; b], vec![0.0; out]);
        gemm_f32(&mut out, &a, &b, Form::Plain, shape)
            .unwrap_err()
            .to_string()
    };
    assert!(words(7, 12, 6, shape).starts_with("a has 7 elements and should have 8"));
    assert!(words(8, 11, 6, shape).starts_with("b has 11 elements and should have 12"));
    assert!(words(8, 12, 5, shape).starts_with("out has 5 elements and should have 6"));
    let huge = Shape {
        m: usize::MAX,
        ..shape
    };
    assert!(words(8, 12, 6, huge).contains("fit into memory"));
}
