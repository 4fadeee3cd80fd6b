//! Class-weighted cross-entropy over rows of logits.
//!
//! One pass over memory: a block of a row is read, its maximum found, and its exponentials are
//! added to a running sum that is rescaled when the maximum grows (online softmax, Milakov and
//! Gimelshein 2018, arXiv 1805.02867). Rows are shared out over threads.

use super::cpu;
use crate::tiered;
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
    let Shape {
        rows,
        classes,
        ignored,
    } = shape;
    for (name, want, got) in [
        ("losses", rows, losses.len()),
        ("logits", rows * classes, logits.len()),
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
    cpu::split(losses, 1, |range, losses| {
        for (i, loss) in range.zip(losses) {
            *loss = if targets[i] == ignored {
                0.0
            } else {
                let row = &logits[i * classes..(i + 1) * classes];
                row_loss(row, targets[i] as usize)
            };
        }
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

const LANES: usize = 16;
/// Logits that are read together: 1 KiB stays in the first cache between its two uses.
const BLOCK: usize = 16 * LANES;

tiered! {
    /// `max + ln Σ exp(z − max) − z[target]`
    fn row_loss(row: &[f32], target: usize) -> f32 {
        let mut max = f32::MIN;
        let mut sums = [0f32; LANES];
        for block in row.chunks(BLOCK) {
            let block_max = maximum(block);
            if block_max > max {
                let shrink = exp(max - block_max);
                sums.iter_mut().for_each(|sum| *sum *= shrink);
                max = block_max;
            }
            let (whole, rest) = block.as_chunks::<LANES>();
            for lanes in whole {
                for (sum, &z) in sums.iter_mut().zip(lanes) {
                    *sum += exp(z - max);
                }
            }
            for (sum, &z) in sums.iter_mut().zip(rest) {
                *sum += exp(z - max);
            }
        }
        let sum: f32 = sums.iter().sum();
        max - row[target] + sum.ln()
    }
}

#[inline(always)]
fn maximum(block: &[f32]) -> f32 {
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    let mut best = [f32::MIN; LANES];
    let (whole, rest) = block.as_chunks::<LANES>();
    for lanes in whole {
        for (best, &z) in best.iter_mut().zip(lanes) {
            *best = larger(*best, z);
        }
    }
    let lanes = best.into_iter().fold(f32::MIN, larger);
    rest.iter().fold(lanes, |best, &z| larger(best, z))
}

/// eˣ for x ≤ 0 with a relative error below 2e-7; about 1e-38 for all x under −87. Without
/// branches, so that a loop over lanes vectorises.
#[inline(always)]
fn exp(x: f32) -> f32 {
    // Adding and subtracting 1.5·2²³ rounds to a whole number.
    const ROUND: f32 = 12_582_912.0;
    let x = if x < -87.0 { -87.0 } else { x };
    let whole = (x * std::f32::consts::LOG2_E + ROUND) - ROUND;
    // ln 2 in two parts: the first has few digits, so that its product is exact.
    let r = (x - whole * 0.693_359_4) + whole * 2.121_944_4e-4;
    // Cephes' polynomial for |r| ≤ ln 2 / 2.
    let p = 8.333_452e-3 + r * (1.398_2e-3 + r * 1.987_569_2e-4);
    let p = 0.5 + r * (1.666_666_5e-1 + r * (4.166_579_6e-2 + r * p));
    let e = 1.0 + (r + r * r * p);
    // 2^whole, written into the exponent bits of a float.
    e * f32::from_bits(((whole as i32 + 127) as u32) << 23)
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
        ] {
            for (scale, offset) in [(3.0, 0.0), (3.0, 1000.0), (2000.0, 0.0)] {
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
                let mut losses = vec![0.0; rows];
                let got = weighted_losses(&mut losses, &z, &y, &w, shape)
                    .unwrap()
                    .mean();
                let (mut loss, mut weight) = (0.0, 0.0);
                for (i, row) in z.chunks(classes).enumerate() {
                    let (y, want) = (y[i] as usize, plain(row, y[i] as usize));
                    let tol = 1e-6 * (1.0 + f64::from(scale + offset));
                    let err = (f64::from(losses[i]) - want).abs();
                    assert!(
                        err <= tol,
                        "{rows}×{classes}·{scale}+{offset}: {err} > {tol}"
                    );
                    loss += f64::from(w[y]) * want;
                    weight += f64::from(w[y]);
                }
                assert!((got - loss / weight).abs() <= 1e-6 * (1.0 + f64::from(scale + offset)));
            }
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

    #[test]
    fn exp_is_precise_to_a_few_digits_in_the_last_place() {
        for i in 0..=87_000 {
            let x = -(i as f32) / 1000.0;
            let want = f64::from(x).exp();
            let err = (f64::from(exp(x)) / want - 1.0).abs();
            assert!(err <= 2e-7, "exp({x}): {err}");
        }
    }
}
