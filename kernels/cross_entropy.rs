//! Class-weighted cross-entropy over rows of logits.
//!
//! One pass over memory, by the online softmax. Rows are shared out over threads.

use super::cpu::{Tier, split};
use super::online::{BLOCK, Online, Scale};
use super::simd::{Kernel, Simd, dispatch};
use super::stream::load;
use std::fmt;

/// Sizes, and the target value of rows that take no part.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub rows: usize,
    pub classes: usize,
    pub ignored: i64,
}

/// The two sums of a weighted mean. Add those of several ranks before dividing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sums {
    /// Σ w·ℓ
    pub loss: f64,
    /// Σ w
    pub weight: f64,
}

impl Sums {
    /// Σ w·ℓ / Σ w; 0 where nothing has a weight.
    pub fn mean(self) -> f64 {
        if self.weight > 0.0 {
            self.loss / self.weight
        } else {
            0.0
        }
    }
}

/// Why the kernel refuses its arguments.
#[derive(Clone, Debug, PartialEq)]
pub enum Error {
    /// A slice has the wrong length.
    Length {
        name: &'static str,
        want: usize,
        got: usize,
    },
    /// A target that is neither a class nor the ignored value.
    Target {
        row: usize,
        target: i64,
        classes: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Length { name, want, got } => {
                write!(
                    f,
                    "`{name}` should have {want} elements for this shape, it has {got}"
                )
            }
            Error::Target {
                row,
                target,
                classes,
            } => write!(
                f,
                "target {target} of row {row} is not a class: give 0 to {} or the ignored value",
                classes.saturating_sub(1)
            ),
        }
    }
}

impl std::error::Error for Error {}

/// Writes `−log softmax(logits)[target]` of each row to `losses` `[rows]` (0 where ignored) and
/// returns their sums by weight. `logits` `[rows classes]`, `targets` `[rows]`, `weights`
/// `[classes]`.
///
/// # Errors
/// Where a slice does not fit the shape or a target is not a class.
pub fn weighted_losses(
    losses: &mut [f32],
    logits: &[f32],
    targets: &[i64],
    weights: &[f32],
    shape: Shape,
) -> Result<Sums, Error> {
    weighted_losses_on(Tier::current(), losses, logits, targets, weights, shape)
}

fn weighted_losses_on(
    tier: Tier,
    losses: &mut [f32],
    logits: &[f32],
    targets: &[i64],
    weights: &[f32],
    shape: Shape,
) -> Result<Sums, Error> {
    let Shape {
        rows,
        classes,
        ignored,
    } = shape;
    for (name, want, got) in [
        ("losses", rows, losses.len()),
        ("logits", rows.saturating_mul(classes), logits.len()),
        ("targets", rows, targets.len()),
        ("weights", classes, weights.len()),
    ] {
        if want != got {
            return Err(Error::Length { name, want, got });
        }
    }
    let in_range = |y: i64| usize::try_from(y).is_ok_and(|y| y < classes);
    if let Some(row) = targets.iter().position(|&y| y != ignored && !in_range(y)) {
        let target = targets[row];
        return Err(Error::Target {
            row,
            target,
            classes,
        });
    }
    split(losses, 1, |rows, losses| {
        let part = Rows {
            losses,
            logits: &logits[rows.start * classes..rows.end * classes],
            targets: &targets[rows],
            shape,
        };
        dispatch(tier, part);
    });
    let mut sums = Sums {
        loss: 0.0,
        weight: 0.0,
    };
    for (&y, &loss) in targets.iter().zip(&*losses).filter(|(y, _)| **y != ignored) {
        let weight = f64::from(weights[y as usize]);
        sums.loss += weight * f64::from(loss);
        sums.weight += weight;
    }
    Ok(sums)
}

/// Some rows of logits, their targets and room for their losses.
struct Rows<'a> {
    losses: &'a mut [f32],
    logits: &'a [f32],
    targets: &'a [i64],
    shape: Shape,
}

impl Kernel for Rows<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Shape {
            classes, ignored, ..
        } = self.shape;
        let scale = Scale::new(s, 1.0);
        for (i, (loss, &target)) in self.losses.iter_mut().zip(self.targets).enumerate() {
            *loss = if target == ignored {
                0.0
            } else {
                row_loss(
                    s,
                    &scale,
                    self.logits,
                    i * classes,
                    classes,
                    target as usize,
                )
            };
        }
    }
}

/// `max + ln Σ exp(z − max) − z[target]` of the row that starts at `at`.
#[inline(always)]
fn row_loss<S: Simd>(
    s: S,
    scale: &Scale<S>,
    logits: &[f32],
    at: usize,
    classes: usize,
    target: usize,
) -> f32 {
    let mut online = Online::new(s);
    let mut start = at;
    while start < at + classes {
        let block = &logits[start..(start + BLOCK).min(at + classes)];
        let before = online;
        if start == at {
            online.raise(s, scale, block);
        }
        // Mostly the first block's maximum will do for the row; then each number is loaded once.
        let largest = exponentials(s, scale, &mut online, block);
        if !(largest <= online.max + SLACK) {
            online = before;
            online.raise(s, scale, block);
            exponentials(s, scale, &mut online, block);
        }
        start += BLOCK;
    }
    online.max - logits[at + target] + online.sum(s).ln()
}

/// How far logits may lie above the maximum that their exponentials are taken from: the error of
/// `exp_scaled` grows by 1e-7 with each.
const SLACK: f32 = 8.0;

/// Adds the exponentials of a block, and gives its largest number or the maximum so far.
#[inline(always)]
fn exponentials<S: Simd>(s: S, scale: &Scale<S>, online: &mut Online<S>, block: &[f32]) -> f32 {
    let (mut i, max) = (0, s.splat(online.max));
    let mut largest = max;
    while i < block.len() {
        s.prefetch(block, i + BLOCK);
        let z = load(s, &block[i..], f32::NEG_INFINITY);
        largest = s.max(z, largest);
        online.add(s, scale.exp(s, s.sub(z, max)));
        i += S::LANES;
    }
    s.largest(largest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Repeatable numbers in −1 … 1.
    fn noise(i: usize) -> f32 {
        let hash = (i as u32 + 1).wrapping_mul(0x9E37_79B9) ^ 0x5bd1_e995;
        (hash.wrapping_mul(0x85eb_ca6b) >> 8) as f32 / (1 << 23) as f32 - 1.0
    }

    fn plain(row: &[f32], target: usize) -> f64 {
        let max = row.iter().fold(f64::MIN, |max, &z| max.max(f64::from(z)));
        let sum: f64 = row.iter().map(|&z| (f64::from(z) - max).exp()).sum();
        max + sum.ln() - f64::from(row[target])
    }

    #[test]
    fn equals_plain_loops_on_ragged_shapes_and_any_scale() {
        for (rows, classes) in [
            (1, 1),
            (1, 2),
            (3, 15),
            (5, 16),
            (2, 17),
            (7, 255),
            (4, 1003),
            (2, 6001),
        ] {
            for (scale, offset) in [(3.0, 0.0), (3.0, 1000.0), (2000.0, 0.0), (10.0, -1e4)] {
                let z: Vec<f32> = (0..rows * classes)
                    .map(|i| scale * noise(i) + offset)
                    .collect();
                let y: Vec<i64> = (0..rows).map(|i| ((7 * i + 3) % classes) as i64).collect();
                let w: Vec<f32> = (0..classes).map(|k| 1.0 + k as f32 / 3.0).collect();
                let shape = Shape {
                    rows,
                    classes,
                    ignored: -100,
                };
                for tier in Tier::all() {
                    let mut losses = vec![0.0; rows];
                    let got = weighted_losses_on(tier, &mut losses, &z, &y, &w, shape)
                        .unwrap()
                        .mean();
                    let (mut loss, mut weight) = (0.0, 0.0);
                    for (i, row) in z.chunks(classes).enumerate() {
                        let (y, want) = (y[i] as usize, plain(row, y[i] as usize));
                        let tol = 1e-6 * (1.0 + f64::from(scale + offset.abs()));
                        let err = (f64::from(losses[i]) - want).abs();
                        assert!(
                            err <= tol,
                            "{rows}×{classes}·{scale}+{offset}: {err} > {tol}"
                        );
                        loss += f64::from(w[y]) * want;
                        weight += f64::from(w[y]);
                    }
                    assert!(
                        (got - loss / weight).abs()
                            <= 1e-6 * (1.0 + f64::from(scale + offset.abs()))
                    );
                }
            }
        }
    }

    #[test]
    fn nan_and_rising_logits_come_through() {
        let mut z: Vec<f32> = (0..10_000).map(|i| i as f32 * 0.01).collect();
        let shape = Shape {
            rows: 2,
            classes: 5000,
            ignored: -100,
        };
        let want = plain(&z[..5000], 17);
        z[9000] = f32::NAN;
        for tier in Tier::all() {
            let mut losses = [0.0; 2];
            weighted_losses_on(tier, &mut losses, &z, &[17, 17], &[1.0; 5000], shape).unwrap();
            let err = (f64::from(losses[0]) - want).abs();
            assert!(err <= 1e-6 * 50.0, "{tier:?}: {err}");
            assert!(losses[1].is_nan(), "{tier:?}");
        }
    }

    #[test]
    fn masked_classes_and_ignored_rows_take_no_part() {
        let (z, shape) = (
            [f32::NEG_INFINITY, 1.0, 2.0, 9.0, 9.0, 0.0],
            Shape {
                rows: 2,
                classes: 3,
                ignored: -1,
            },
        );
        let mut losses = [0.0; 2];
        let sums = weighted_losses(&mut losses, &z, &[2, -1], &[1.0, 2.0, 3.0], shape).unwrap();
        assert!(
            (sums.mean() - (1.0 + (-1f64).exp()).ln()).abs() < 1e-6,
            "{sums:?}"
        );
        assert_eq!((losses[1], sums.weight), (0.0, 3.0));
        let none = weighted_losses(&mut losses, &z, &[-1, -1], &[1.0; 3], shape).unwrap();
        assert_eq!(none.mean(), 0.0);
    }

    #[test]
    fn what_does_not_fit_is_refused_with_a_sentence() {
        let shape = Shape {
            rows: 2,
            classes: 3,
            ignored: -100,
        };
        let mut losses = [0.0; 2];
        let short = weighted_losses(&mut losses, &[0.0; 5], &[0, 1], &[1.0; 3], shape);
        let want = "`logits` should have 6 elements for this shape, it has 5";
        assert_eq!(short.unwrap_err().to_string(), want);
        let far = weighted_losses(&mut losses, &[0.0; 6], &[0, 3], &[1.0; 3], shape);
        let want = "target 3 of row 1 is not a class: give 0 to 2 or the ignored value";
        assert_eq!(far.unwrap_err().to_string(), want);
    }
}
