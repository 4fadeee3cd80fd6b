//! Causal attention weights with linear biases: bias, mask and softmax in one pass over each row.

use super::cpu::{Tier, split, threads};
use super::simd::{Kernel, Simd, dispatch};
use std::fmt;

/// Sizes: batch, heads, queries, keys. The n queries are the last of the m positions.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub b: usize,
    pub h: usize,
    pub n: usize,
    pub m: usize,
}

/// A slice that has not the length which the shape asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Length {
    pub name: &'static str,
    pub want: usize,
    pub got: usize,
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Length { name, want, got } = self;
        write!(
            f,
            "`{name}` should have {want} elements for this shape, it has {got}; pass it whole and row-major"
        )
    }
}

impl std::error::Error for Length {}

/// The kernel and the path that it takes on this machine.
pub fn name() -> String {
    format!("alibi, {}, {} threads", Tier::current().name(), threads())
}

/// `softmax(scores − slope·(i − j))` over the keys j ≤ i, 0 for those after the query; row-major
/// `weights` and `scores` `[b h n m]`, `slopes` `[h]`. A query before all keys gets zeros.
///
/// # Errors
/// Where a slice does not fit the shape.
pub fn weights(
    weights: &mut [f32],
    scores: &[f32],
    slopes: &[f32],
    shape: Shape,
) -> Result<(), Length> {
    weights_on(Tier::current(), weights, scores, slopes, shape)
}

fn weights_on(
    tier: Tier,
    weights: &mut [f32],
    scores: &[f32],
    slopes: &[f32],
    shape: Shape,
) -> Result<(), Length> {
    let Shape { b, h, n, m } = shape;
    let elements = b.saturating_mul(h).saturating_mul(n).saturating_mul(m);
    for (name, want, got) in [
        ("weights", elements, weights.len()),
        ("scores", elements, scores.len()),
        ("slopes", h, slopes.len()),
    ] {
        if want != got {
            return Err(Length { name, want, got });
        }
    }
    split(weights, m, |rows, weights| {
        let part = Rows {
            first: rows.start,
            weights,
            scores: &scores[rows.start * m..rows.end * m],
            slopes,
            shape,
        };
        dispatch(tier, part);
    });
    Ok(())
}

/// Some rows of scores and room for their weights.
struct Rows<'a> {
    first: usize,
    weights: &'a mut [f32],
    scores: &'a [f32],
    slopes: &'a [f32],
    shape: Shape,
}

impl Kernel for Rows<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Shape { h, n, m, .. } = self.shape;
        if m == 0 {
            return;
        }
        let rows = self.weights.chunks_exact_mut(m);
        for (i, (row, scores)) in rows.zip(self.scores.chunks_exact(m)).enumerate() {
            let at = self.first + i;
            let visible = (at % n + m + 1).saturating_sub(n).min(m);
            let (seen, future) = row.split_at_mut(visible);
            future.fill(0.0);
            soften(s, seen, &scores[..visible], self.slopes[at / n % h]);
        }
    }
}

const RAMP: [f32; 16] = [
    0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0,
];

/// The weights of one row, whose last key is the query's own.
#[inline(always)]
fn soften<S: Simd>(s: S, out: &mut [f32], scores: &[f32], slope: f32) {
    let Some(last) = scores.len().checked_sub(1) else {
        return;
    };
    let (ramp, slopes) = (s.load(&RAMP), s.splat(slope));
    let whole = scores.len() / S::LANES * S::LANES;
    // What does not fill a register comes with −∞, whose exponential is 0.
    let mut rest = [f32::NEG_INFINITY; 16];
    rest[..scores.len() - whole].copy_from_slice(&scores[whole..]);
    let biased = |x: &[f32], j: usize| {
        // Distances, not positions: near keys, which weigh most, get the exact bias.
        let behind = s.add(ramp, s.splat(j as f32 - last as f32));
        s.fma(behind, slopes, s.load(x))
    };
    let mut largest = biased(&rest, whole);
    s.store(&mut rest, largest);
    let parts = out[..whole].chunks_exact_mut(S::LANES);
    for (p, (out, x)) in parts.zip(scores.chunks_exact(S::LANES)).enumerate() {
        let x = biased(x, p * S::LANES);
        s.store(out, x);
        largest = s.max(x, largest);
    }
    // The smallest number, not −∞: −∞ − (−∞) would be NaN.
    let minus = s.splat(-s.largest(largest).max(f32::MIN));
    let mut sum = s.exp(s.add(s.load(&rest), minus));
    s.store(&mut rest, sum);
    for x in out[..whole].chunks_exact_mut(S::LANES) {
        let weight = s.exp(s.add(s.load(x), minus));
        s.store(x, weight);
        sum = s.add(sum, weight);
    }
    let sum = s.sum(sum);
    let by = if sum == 0.0 { 0.0 } else { 1.0 / sum };
    for x in out[..whole].chunks_exact_mut(S::LANES) {
        s.store(x, s.mul(s.load(x), s.splat(by)));
    }
    for (out, x) in out[whole..].iter_mut().zip(rest) {
        *out = x * by;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition in f64.
    fn plain(scores: &[f32], slopes: &[f32], shape: Shape) -> Vec<f64> {
        let Shape { h, n, m, .. } = shape;
        let mut out = Vec::new();
        for (at, row) in scores.chunks(m).enumerate() {
            let (slope, i) = (
                f64::from(slopes[at / n % h]),
                (at % n + m) as f64 - n as f64,
            );
            let exp = |(j, s): (usize, &f32)| match i - j as f64 {
                behind if behind < 0.0 => 0.0,
                behind => (f64::from(*s) - slope * behind).exp(),
            };
            let weights: Vec<f64> = row.iter().enumerate().map(exp).collect();
            let sum: f64 = weights.iter().sum();
            out.extend(
                weights
                    .iter()
                    .map(|w| if sum == 0.0 { 0.0 } else { w / sum }),
            );
        }
        out
    }

    #[test]
    fn every_tier_equals_the_definition_on_ragged_shapes() {
        for (b, h, n, m) in [
            (1, 1, 1, 1),
            (2, 3, 5, 7),
            (1, 2, 4, 16),
            (1, 5, 33, 33),
            (2, 1, 1, 100),
            (1, 2, 6, 3),
        ] {
            let shape = Shape { b, h, n, m };
            let count = b * h * n * m;
            let scores: Vec<f32> = (0..count).map(|i| 3.0 * (i as f32 * 0.7).sin()).collect();
            let slopes: Vec<f32> = (0..h).map(|k| 0.5 / (k + 1) as f32).collect();
            let want = plain(&scores, &slopes, shape);
            for tier in Tier::all() {
                let mut got = vec![f32::NAN; count];
                weights_on(tier, &mut got, &scores, &slopes, shape).unwrap();
                for (got, want) in got.iter().zip(&want) {
                    let err = (f64::from(*got) - want).abs();
                    assert!(err <= 2e-6, "{shape:?} {tier:?}: {got} and {want}");
                }
            }
        }
    }

    #[test]
    fn slices_that_do_not_fit_are_refused() {
        let shape = Shape {
            b: 1,
            h: 2,
            n: 3,
            m: 4,
        };
        let short = weights(&mut [0.0; 24], &[0.0; 24], &[0.5], shape).unwrap_err();
        assert_eq!((short.name, short.want, short.got), ("slopes", 2, 1));
        assert!(weights(&mut [0.0; 23], &[0.0; 24], &[0.5; 2], shape).is_err());
        assert!(short.to_string().contains("2 elements"));
    }
}
