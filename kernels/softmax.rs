//! Softmax of rows, alone or with log_softmax and logsumexp.
//!
//! A row is read from memory once. Its exponentials, each below the maximum so far, wait in a buffer
//! of one row until the whole maximum and sum are known; each output is written once. Rows are shared
//! out over threads.

use super::cpu::{Tier, split, threads};
use super::online::{BLOCK, Online, Scale};
use super::simd::{Kernel, Simd, dispatch};
use super::stream::{Number, Writer, is_large, load};
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
    let stream = is_large(out.softmax);
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
        Some(All { x, out, m, stream })
    });
    let mut parts: Vec<_> = parts.collect();
    split(&mut parts, 1, |_, parts| {
        for part in parts.iter_mut().filter_map(Option::take) {
            dispatch(tier, part);
        }
    });
    Ok(())
}

/// Softmax alone of the rows of `x` `[rows m]`, in f32 or bf16 with sums in f32; infinities and NaN as
/// for [`softmax`].
///
/// # Errors
/// When `m` is 0, or `x` and `out` are not whole rows of one number.
pub fn softmax_rows<T: Number>(out: &mut [T], x: &[T], m: usize) -> Result<(), Error> {
    softmax_rows_on(Tier::current(), out, x, m)
}

fn softmax_rows_on<T: Number>(tier: Tier, out: &mut [T], x: &[T], m: usize) -> Result<(), Error> {
    if m == 0 {
        return Err(Error::EmptyRow);
    }
    let want = x.len() / m * m;
    for (name, got) in [("x", x.len()), ("out", out.len())] {
        if got != want {
            return Err(Error::Length { name, want, got });
        }
    }
    let stream = is_large(out);
    split(out, m, |rows, out| {
        let x = &x[rows.start * m..rows.end * m];
        dispatch(tier, Alone { x, out, m, stream });
    });
    Ok(())
}

/// Some rows, and room for what they give.
struct All<'a> {
    x: &'a [f32],
    out: Out<'a>,
    m: usize,
    stream: bool,
}

impl Kernel for All<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let All { x, out, m, stream } = self;
        let mut row = Row::new(s, m);
        let softmax = out.softmax.chunks_exact_mut(m);
        let log = out.log_softmax.chunks_exact_mut(m);
        for (i, ((softmax, log), lse)) in softmax.zip(log).zip(out.logsumexp).enumerate() {
            let sum = row.read(s, x, i * m);
            let x = &x[i * m..][..m];
            if is_limit(row.max, sum) {
                limit(softmax, x);
                *lse = limit_of_log(log, softmax, row.max);
                continue;
            }
            row.write(s, softmax, x, stream, sum);
            let (max, log_sum) = (s.splat(row.max), s.splat(sum.ln()));
            let mut to = Writer::new(s, log, stream);
            while let Some(i) = to.at() {
                let below = s.sub(load(s, &x[i..], 0.0), max);
                to.put(s, s.sub(below, log_sum));
            }
            *lse = row.max + sum.ln();
        }
        s.fence();
    }
}

struct Alone<'a, T> {
    x: &'a [T],
    out: &'a mut [T],
    m: usize,
    stream: bool,
}

impl<T: Number> Kernel for Alone<'_, T> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let mut row = Row::new(s, self.m);
        for (i, out) in self.out.chunks_exact_mut(self.m).enumerate() {
            let sum = row.read(s, self.x, i * self.m);
            match is_limit(row.max, sum) {
                true => limit(out, &self.x[i * self.m..][..self.m]),
                false => row.write(s, out, &self.x[i * self.m..], self.stream, sum),
            }
        }
        s.fence();
    }
}

/// Rows up to this size are asked for while the row before is worked on; both fit the second cache.
const NEAR: usize = 32 << 10;

/// What is known of a row before its softmax can be written.
struct Row<S: Simd> {
    scale: Scale<S>,
    m: usize,
    /// The exponentials of each block below the maximum so far. Some room behind the end: registers
    /// are loaded and stored whole.
    exponentials: Vec<f32>,
    /// The maximum so far, for each block.
    maxima: Vec<f32>,
    max: f32,
}

impl<S: Simd> Row<S> {
    #[inline(always)]
    fn new(s: S, m: usize) -> Row<S> {
        Row {
            scale: Scale::new(s, 1.0),
            m,
            exponentials: vec![0.0; m + 2 * S::LANES],
            maxima: vec![0.0; m.div_ceil(BLOCK)],
            max: f32::MIN,
        }
    }

    /// Reads the row that starts at `at`, and gives the sum of its exponentials.
    #[inline(always)]
    fn read<T: Number>(&mut self, s: S, x: &[T], at: usize) -> f32 {
        let mut online = Online::new(s);
        let blocks = (0..self.m).step_by(BLOCK).zip(&mut self.maxima);
        for (start, max) in blocks {
            let count = BLOCK.min(self.m - start);
            let block = &x[at + start..][..count];
            online.raise(s, &self.scale, block);
            *max = online.max;
            // Half of the next row comes now, half while this one is written.
            let ahead = if self.m <= NEAR {
                self.m - start / 2
            } else {
                BLOCK
            };
            let (shift, kept) = (s.splat(*max), &mut self.exponentials[start..]);
            let mut i = 0;
            while i < count {
                let ahead = if self.m <= NEAR { ahead - i / 2 } else { ahead };
                let e = self.scale.read(s, block, i, shift, ahead);
                s.store(&mut kept[i..], e);
                online.add(s, e);
                i += S::LANES;
            }
        }
        self.max = online.max;
        online.sum(s)
    }

    #[inline(always)]
    fn write<T: Number>(&mut self, s: S, out: &mut [T], x: &[T], stream: bool, sum: f32) {
        let mut start = 0;
        while start < self.m {
            let factor = self.scale.shrink(self.maxima[start / BLOCK] - self.max);
            if factor != 1.0 {
                let end = self.m.next_multiple_of(S::LANES).min(start + BLOCK);
                shrink(s, &mut self.exponentials[start..end], factor);
            }
            start += BLOCK;
        }
        let inverse = s.splat(1.0 / sum);
        let mut to = Writer::new(s, out, stream);
        let half = self.m + self.m / 2;
        while let Some(i) = to.at() {
            s.prefetch(x, half + i / 2);
            to.put(s, s.mul(s.load(&self.exponentials[i..]), inverse));
        }
    }
}

/// Whole registers times `factor`; the rest stays.
#[inline(always)]
fn shrink<S: Simd>(s: S, x: &mut [f32], factor: f32) {
    let (mut i, factor) = (0, s.splat(factor));
    while i + S::LANES <= x.len() {
        let shrunk = s.mul(s.load(&x[i..]), factor);
        s.store(&mut x[i..], shrunk);
        i += S::LANES;
    }
}

/// Whether the maximum is infinite.
#[inline(always)]
fn is_limit(max: f32, sum: f32) -> bool {
    // The exponential of a finite maximum is 1.
    max == f32::INFINITY || sum == 0.0
}

/// Softmax of a row whose maximum is infinite: +∞ shares the weight, −∞ has none.
#[inline(never)]
fn limit<T: Number>(out: &mut [T], x: &[T]) {
    let is_high = |x: &T| x.number() == f32::INFINITY;
    let count = x.iter().filter(|x| is_high(x)).count() as f32;
    let any_nan = x.iter().any(|x| x.number().is_nan());
    for (out, x) in out.iter_mut().zip(x) {
        *out = T::rounded(match (any_nan, is_high(x)) {
            (true, _) => f32::NAN,
            (false, true) => 1.0 / count,
            (false, false) => 0.0,
        });
    }
}

/// Its logarithms, and logsumexp.
#[inline(never)]
fn limit_of_log(log: &mut [f32], softmax: &[f32], max: f32) -> f32 {
    for (log, p) in log.iter_mut().zip(softmax) {
        *log = p.ln();
    }
    match (log[0].is_nan(), max == f32::INFINITY) {
        (true, _) => f32::NAN,
        (false, true) => f32::INFINITY,
        (false, false) => f32::NEG_INFINITY,
    }
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

    /// Softmax alone, with and without stores past the caches, from unaligned slices.
    fn alone<T: Number>(tier: Tier, x: &[T], m: usize) -> Vec<f32> {
        let mut twice = [false, true].map(|stream| {
            let mut out = vec![T::rounded(9.0); x.len() + 1];
            let part = Alone {
                x,
                out: &mut out[1..],
                m,
                stream,
            };
            dispatch(tier, part);
            out[1..].iter().map(|x| x.number()).collect::<Vec<f32>>()
        });
        let bits = |x: &[f32]| -> Vec<u32> { x.iter().map(|x| x.to_bits()).collect() };
        assert_eq!(bits(&twice[0]), bits(&twice[1]));
        std::mem::take(&mut twice[0])
    }

    fn alone_on_rows_of_any_size<T: Number>(tolerance: f64) {
        let sizes = [
            (1, 1),
            (3, 5),
            (7, 17),
            (5, 500),
            (3, 2048),
            (4, 5003),
            (2, NEAR + 1),
        ];
        for (rows, m) in sizes {
            for rise in [0.0, 30.0, -30.0] {
                // The maximum grows, or falls, from block to block.
                let x = |i: usize| (i as f32 * 0.77).sin() + rise * (i % m) as f32 / m as f32;
                let x: Vec<T> = (0..rows * m + 1).map(|i| T::rounded(x(i))).collect();
                for tier in Tier::all() {
                    let got = alone(tier, &x[1..], m);
                    for (x, got) in x[1..].chunks(m).zip(got.chunks(m)) {
                        let row: Vec<f64> = x.iter().map(|x| f64::from(x.number())).collect();
                        let max = row.iter().fold(f64::MIN, |a, b| a.max(*b));
                        let sum: f64 = row.iter().map(|x| (x - max).exp()).sum();
                        for (x, got) in row.iter().zip(got) {
                            let want = (x - max).exp() / sum;
                            let err = (f64::from(*got) - want).abs();
                            let bound = tolerance * want + 1e-38;
                            assert!(err <= bound, "{tier:?} {rows}×{m} {rise}: {err} {want}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn alone_it_equals_plain_loops_in_both_widths() {
        // exp: 2e-7 + 30·1.5e-7; the factor of a block as much; the sum of up to 2¹¹ registers and
        // the two products a few roundings. bf16 rounds once more, by 2⁻⁸.
        alone_on_rows_of_any_size::<f32>(2e-5);
        alone_on_rows_of_any_size::<half::bf16>(2e-5 + 1.0 / 256.0);
    }

    #[test]
    fn alone_it_takes_limits_row_by_row() {
        let (high, nan) = (f32::INFINITY, f32::NAN);
        let x = [
            LOW, LOW, 0.0, 0.0, high, 1.0, 0.0, LOW, nan, 1.0, high, nan, 2.0, 2.0,
        ];
        for tier in Tier::all() {
            let got = alone(tier, &x, 2);
            assert_eq!(
                got[..8],
                [0.0, 0.0, 0.5, 0.5, 1.0, 0.0, 1.0, 0.0],
                "{tier:?}"
            );
            assert!(got[8..12].iter().all(|x| x.is_nan()), "{tier:?}: {got:?}");
            assert_eq!(got[12..], [0.5, 0.5], "{tier:?}");
        }
        assert_eq!(softmax_rows::<f32>(&mut [], &[], 0), Err(Error::EmptyRow));
        let short = softmax_rows(&mut [0.0; 5], &[0.0; 6], 3).unwrap_err();
        assert!(short.to_string().contains("`out` should have 6"), "{short}");
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
