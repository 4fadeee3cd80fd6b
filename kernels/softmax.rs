//! Softmax, log_softmax and logsumexp of rows, together.
//!
//! A row is read three times (maximum, exponentials, results) and stays in the cache between; each
//! output is written once. Rows are shared out over threads.

use super::cpu::{Tier, threads};
use super::simd::{Kernel, Simd, dispatch};
use std::fmt;

/// Room for the three results of `rows` rows of `m` numbers, row-major.
pub struct Out<'a> {
    /// `[rows m]`
    pub softmax: &'a mut [f32],
    /// `[rows m]`
    pub log_softmax: &'a mut [f32],
    /// `[rows]`
    pub logsumexp: &'a mut [f32],
}

/// Why the kernel refuses its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// A row without entries has no maximum and no softmax.
    EmptyRow,
    /// A slice has the wrong length.
    Length {
        name: &'static str,
        want: usize,
        got: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::EmptyRow => write!(f, "m is 0; a softmax needs at least one entry in a row"),
            Error::Length { name, want, got } => write!(
                f,
                "`{name}` should have {want} elements for this shape, it has {got}"
            ),
        }
    }
}

impl std::error::Error for Error {}

/// Softmax, log_softmax and logsumexp of the rows of `x` `[rows m]`. A row of −∞ alone gives 0, −∞
/// and −∞; where k entries are +∞ they share the weight and logsumexp is +∞. NaN spreads over its row.
///
/// # Errors
/// When `m` is 0 or a slice does not fit.
pub fn softmax(out: Out<'_>, x: &[f32], m: usize) -> Result<(), Error> {
    softmax_on(Tier::current(), out, x, m)
}

fn softmax_on(tier: Tier, out: Out<'_>, x: &[f32], m: usize) -> Result<(), Error> {
    let rows = out.logsumexp.len();
    if m == 0 {
        return Err(Error::EmptyRow);
    }
    let want = rows.saturating_mul(m);
    for (name, got) in [
        ("x", x.len()),
        ("softmax", out.softmax.len()),
        ("log_softmax", out.log_softmax.len()),
    ] {
        if got != want {
            return Err(Error::Length { name, want, got });
        }
    }
    let each = rows.div_ceil(threads()).max(1);
    let parts = x
        .chunks(each * m)
        .zip(out.softmax.chunks_mut(each * m))
        .zip(out.log_softmax.chunks_mut(each * m))
        .zip(out.logsumexp.chunks_mut(each));
    let parts = parts.map(|(((x, softmax), log_softmax), logsumexp)| {
        let out = Out {
            softmax,
            log_softmax,
            logsumexp,
        };
        Rows { x, out, m }
    });
    if rows <= each {
        parts.for_each(|part| dispatch(tier, part));
        return Ok(());
    }
    std::thread::scope(|scope| {
        for part in parts {
            scope.spawn(move || dispatch(tier, part));
        }
    });
    Ok(())
}

/// Some rows, and room for what they give.
struct Rows<'a> {
    x: &'a [f32],
    out: Out<'a>,
    m: usize,
}

impl Kernel for Rows<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let rows = self.x.chunks_exact(self.m);
        let softmax = self.out.softmax.chunks_exact_mut(self.m);
        let log = self.out.log_softmax.chunks_exact_mut(self.m);
        for (((x, softmax), log), lse) in rows.zip(softmax).zip(log).zip(self.out.logsumexp) {
            *lse = row(s, x, softmax, log);
        }
    }
}

/// Writes softmax and log_softmax of one row and returns its logsumexp.
#[inline(always)]
fn row<S: Simd>(s: S, x: &[f32], softmax: &mut [f32], log: &mut [f32]) -> f32 {
    let mut largest = s.splat(f32::NEG_INFINITY);
    for x in x.chunks(S::LANES) {
        largest = s.max(load(s, x), largest);
    }
    let max = s.largest(largest);
    if max.is_infinite() {
        return limit(x, max, softmax, log);
    }
    let (shift, mut sums) = (s.splat(-max), s.splat(0.0));
    for (x, exp) in x.chunks(S::LANES).zip(softmax.chunks_mut(S::LANES)) {
        let e = s.exp(s.add(load(s, x), shift));
        sums = s.add(sums, e);
        store(s, exp, e);
    }
    let sum = s.sum(sums);
    let (inverse, log_sum) = (s.splat(1.0 / sum), s.splat(-sum.ln()));
    let outputs = softmax.chunks_mut(S::LANES).zip(log.chunks_mut(S::LANES));
    for (x, (exp, log)) in x.chunks(S::LANES).zip(outputs) {
        let p = s.mul(load(s, exp), inverse);
        store(s, exp, p);
        store(s, log, s.add(s.add(load(s, x), shift), log_sum));
    }
    max + sum.ln()
}

/// A row whose maximum is infinite: +∞ shares the weight, −∞ has none.
#[inline(never)]
fn limit(x: &[f32], max: f32, softmax: &mut [f32], log: &mut [f32]) -> f32 {
    if x.iter().any(|x| x.is_nan()) {
        softmax.fill(f32::NAN);
        log.fill(f32::NAN);
        return f32::NAN;
    }
    let count = x.iter().filter(|x| **x == f32::INFINITY).count() as f32;
    for ((x, p), log) in x.iter().zip(softmax).zip(log) {
        (*p, *log) = match *x == f32::INFINITY {
            true => (1.0 / count, -count.ln()),
            false => (0.0, f32::NEG_INFINITY),
        };
    }
    max
}

/// A register; what is missing at the end of a row comes as −∞, whose exponential is 0.
#[inline(always)]
fn load<S: Simd>(s: S, from: &[f32]) -> S::V {
    if from.len() >= S::LANES {
        return s.load(from);
    }
    let mut padded = [f32::NEG_INFINITY; 16];
    padded[..from.len()].copy_from_slice(from);
    s.load(&padded)
}

/// As much of a register as there is room for.
#[inline(always)]
fn store<S: Simd>(s: S, to: &mut [f32], v: S::V) {
    if to.len() >= S::LANES {
        return s.store(to, v);
    }
    let mut padded = [0.0; 16];
    s.store(&mut padded, v);
    to.copy_from_slice(&padded[..to.len()]);
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOW: f32 = f32::NEG_INFINITY;

    fn run(tier: Tier, x: &[f32], m: usize) -> Result<[Vec<f32>; 3], Error> {
        let rows = x.len() / m.max(1);
        let [mut softmax, mut log] = [vec![9.0; x.len()], vec![9.0; x.len()]];
        let mut lse = vec![9.0; rows];
        let out = Out {
            softmax: &mut softmax,
            log_softmax: &mut log,
            logsumexp: &mut lse,
        };
        softmax_on(tier, out, x, m)?;
        Ok([softmax, log, lse])
    }

    #[test]
    fn equals_plain_loops_in_f64_on_ragged_shapes_and_any_scale() {
        for (rows, m) in [(1, 1), (3, 5), (2, 16), (7, 17), (4, 33), (5, 1003)] {
            for (scale, offset) in [(2.0, 0.0), (2.0, -1000.0), (300.0, 1000.0)] {
                let x = |i: usize| scale * (i as f32 * 0.77).sin() + offset;
                let x: Vec<f32> = (0..rows * m).map(x).collect();
                for tier in Tier::all() {
                    let [softmax, log, lse] = run(tier, &x, m).unwrap();
                    for (i, row) in x.chunks(m).enumerate() {
                        let row: Vec<f64> = row.iter().map(|x| f64::from(*x)).collect();
                        let max = row.iter().fold(f64::MIN, |a, b| a.max(*b));
                        let sum: f64 = row.iter().map(|x| (x - max).exp()).sum();
                        let tol = 1e-6 * (1.0 + f64::from(scale + offset.abs()));
                        assert!((f64::from(lse[i]) - max - sum.ln()).abs() <= tol);
                        for (j, x) in row.iter().enumerate() {
                            let want = (x - max).exp() / sum;
                            let got = f64::from(softmax[i * m + j]);
                            assert!((got - want).abs() <= 2e-6, "{tier:?} {rows} {m}");
                            let got = f64::from(log[i * m + j]);
                            assert!((got - (x - max - sum.ln())).abs() <= tol);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn infinities_are_taken_as_limits_and_nan_spreads() {
        let high = f32::INFINITY;
        let x = [
            LOW,
            LOW,
            LOW,
            high,
            1.0,
            high,
            LOW,
            5.0,
            LOW,
            0.0,
            f32::NAN,
            high,
        ];
        for tier in Tier::all() {
            let [softmax, log, lse] = run(tier, &x, 3).unwrap();
            assert_eq!(softmax[..9], [0.0, 0.0, 0.0, 0.5, 0.0, 0.5, 0.0, 1.0, 0.0]);
            let half = -(2f32.ln());
            assert_eq!(log[..9], [LOW, LOW, LOW, half, LOW, half, LOW, 0.0, LOW]);
            assert_eq!(lse[..3], [LOW, high, 5.0]);
            assert!(softmax[9..].iter().chain(&log[9..]).all(|x| x.is_nan()));
            assert!(lse[3].is_nan());
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_with_a_sentence() {
        assert_eq!(run(Tier::Scalar, &[], 0), Err(Error::EmptyRow));
        let short = run(Tier::Scalar, &[0.0; 7], 3).unwrap_err();
        let want = "`x` should have 6 elements for this shape, it has 7";
        assert_eq!(short.to_string(), want);
    }
}
