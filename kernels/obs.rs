//! Second-order saliency of a linear layer's weights, and their removal with compensation (Optimal
//! Brain Surgeon): rows are spread over the threads.
//!
//! The Hessian is a matrix product in f32; its inverse, and the steps that subtract from it, are in
//! f64, since every removal works on what the last one left.

use super::cpu::{split, threads};
use super::gemm::{self, Form, gemm_f32};
use super::operand::{Length, product};
use std::fmt;

/// `w [n k]`, `x [t k]`.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub n: usize,
    pub k: usize,
    pub t: usize,
}

/// Why there is nothing to compute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Error {
    Length(Length),
    /// The damped Hessian has a pivot that is not positive.
    NotPositive {
        column: usize,
        pivot: f64,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Length(length) => length.fmt(f),
            Error::NotPositive { column, pivot } => write!(
                f,
                "the Hessian has the pivot {pivot} in column {column} and so no inverse; raise percdamp, or check the inputs for NaN"
            ),
        }
    }
}

impl std::error::Error for Error {}

impl From<Length> for Error {
    fn from(length: Length) -> Error {
        Error::Length(length)
    }
}

/// H = 2·XᵀX/t + λI with λ = percdamp·mean(diag H), and its inverse.
pub struct Hessian {
    k: usize,
    pub diag: Vec<f64>,
    /// `[k k]`
    pub inverse: Vec<f64>,
}

impl Hessian {
    /// Of the inputs `x [t k]` of a linear layer.
    ///
    /// # Errors
    /// When `x` does not fit, or there is no inverse.
    pub fn new(x: &[f32], t: usize, k: usize, percdamp: f64) -> Result<Hessian, Error> {
        Length::check("x", product([t, k]).unwrap_or(usize::MAX), x.len())?;
        let mut columns = vec![0.0; x.len()];
        for (i, row) in x.chunks_exact(k.max(1)).enumerate() {
            for (j, &x) in row.iter().enumerate() {
                columns[j * t + i] = x;
            }
        }
        let mut sums = vec![0f32; k * k];
        let shape = gemm::Shape { m: k, n: k, k: t };
        gemm_f32(&mut sums, &columns, x, Form::Plain, shape).expect("lengths were checked");
        let scale = 2.0 / t.max(1) as f64;
        let mut h: Vec<f64> = sums.iter().map(|&x| f64::from(x) * scale).collect();
        let mean = h.iter().step_by(k + 1).sum::<f64>() / k.max(1) as f64;
        h.iter_mut()
            .step_by(k + 1)
            .for_each(|h| *h += percdamp * mean);
        let diag = h.iter().step_by(k + 1).copied().collect();
        let inverse = invert(h, k)?;
        Ok(Hessian { k, diag, inverse })
    }

    /// Removes the weights `gone` from `row` `[k]`, in this order; the others take over what they can.
    pub fn remove(&self, row: &mut [f64], gone: impl Iterator<Item = usize>) {
        let k = self.k;
        let (mut inverse, mut column) = (self.inverse.clone(), vec![0.0; k]);
        for q in gone {
            column.copy_from_slice(&inverse[q * k..(q + 1) * k]);
            let pivot = column[q];
            let factor = row[q] / pivot;
            for (w, c) in row.iter_mut().zip(&column) {
                *w -= factor * c;
            }
            row[q] = 0.0;
            for (line, c) in inverse.chunks_exact_mut(k).zip(&column) {
                let factor = c / pivot;
                for (x, c) in line.iter_mut().zip(&column) {
                    *x -= factor * c;
                }
                // Up to rounding it is 0 already.
                line[q] = 0.0;
            }
            inverse[q * k..(q + 1) * k].fill(0.0);
        }
    }
}

/// The inverse of a positive definite `[k k]`, in place by symmetric elimination.
fn invert(mut h: Vec<f64>, k: usize) -> Result<Vec<f64>, Error> {
    let mut line = vec![0.0; k];
    for p in 0..k {
        let pivot = h[p * k + p];
        if !(pivot > 0.0) {
            return Err(Error::NotPositive { column: p, pivot });
        }
        line.copy_from_slice(&h[p * k..(p + 1) * k]);
        let others = h.chunks_exact_mut(k).enumerate().filter(|(i, _)| *i != p);
        for (_, row) in others {
            let factor = row[p] / pivot;
            for (x, l) in row.iter_mut().zip(&line) {
                *x -= factor * l;
            }
            row[p] = -factor;
        }
        let row = &mut h[p * k..(p + 1) * k];
        row.iter_mut().for_each(|x| *x /= pivot);
        row[p] = 1.0 / pivot;
    }
    Ok(h)
}

/// SparseGPT (Frantar and Alistarh 2023, arXiv 2301.00774) on `w [n k]`: columns from left to right, and
/// an error is taken over by the columns to the right of it, so that one inverse serves all rows. Which
/// `sparsity` of the weights go is chosen for each block of 128 columns by w_q²/U_qq², H⁻¹ = UᵀU.
///
/// # Errors
/// When `w` is not made of rows of k weights.
pub fn sparsegpt(w: &mut [f32], hessian: &Hessian, sparsity: f64) -> Result<(), Length> {
    const BLOCK: usize = 128;
    let k = hessian.k;
    Length::check("w", w.len() - w.len() % k.max(1), w.len())?;
    let u = upper(&hessian.inverse, k);
    let mut wide: Vec<f64> = w.iter().map(|&w| f64::from(w)).collect();
    for start in (0..k).step_by(BLOCK) {
        let end = (start + BLOCK).min(k);
        let mut scores: Vec<(f64, usize)> = (0..wide.len())
            .filter(|i| (start..end).contains(&(i % k)))
            .map(|i| (wide[i] / u[i % k * (k + 1)], i))
            .map(|(root, i)| (root * root, i))
            .collect();
        scores.sort_by(|a, b| a.0.total_cmp(&b.0));
        let count = (sparsity * scores.len() as f64).round() as usize;
        let mut goes = vec![false; wide.len()];
        scores[..count].iter().for_each(|&(_, i)| goes[i] = true);
        split(&mut wide, k, |rows, part| {
            for (i, row) in rows.zip(part.chunks_exact_mut(k)) {
                for q in (start..end).filter(|q| goes[i * k + q]) {
                    let line = &u[q * k..(q + 1) * k];
                    let factor = row[q] / line[q];
                    for (w, u) in row[q..].iter_mut().zip(&line[q..]) {
                        *w -= factor * u;
                    }
                    row[q] = 0.0;
                }
            }
        });
    }
    for (w, wide) in w.iter_mut().zip(wide) {
        *w = wide as f32;
    }
    Ok(())
}

/// The upper triangular U `[k k]` with UᵀU = `a`.
fn upper(a: &[f64], k: usize) -> Vec<f64> {
    let mut u = vec![0.0; k * k];
    for i in 0..k {
        for j in i..k {
            let sum: f64 = (0..i).map(|p| u[p * k + i] * u[p * k + j]).sum();
            let rest = a[i * k + j] - sum;
            u[i * k + j] = match i == j {
                true => rest.sqrt(),
                false => rest / u[i * k + i],
            };
        }
    }
    u
}

/// Scores and pruned weights, all `[n k]`.
pub struct Out<'a> {
    /// |g·w|
    pub taylor: &'a mut [f32],
    /// ½·H_qq·w_q² (LeCun, Denker and Solla 1989)
    pub obd: &'a mut [f32],
    /// w_q²/(2·[H⁻¹]_qq) (Hassibi and Stork 1992)
    pub obs: &'a mut [f32],
    /// The weights after those with mask 0 were removed, one after the other.
    pub pruned: &'a mut [f32],
}

/// Writes the scores of `w [n k]` with gradients `grad [n k]` and inputs `x [t k]`, and the weights after
/// removal of those whose `mask [n k]` is 0.
///
/// # Errors
/// [`Error`], when an operand does not fit, or the Hessian has no inverse.
pub fn saliency(
    out: Out<'_>,
    [w, grad, mask, x]: [&[f32]; 4],
    shape: Shape,
    percdamp: f64,
) -> Result<(), Error> {
    let Shape { n, k, t } = shape;
    let Out {
        taylor,
        obd,
        obs,
        pruned,
    } = out;
    let want = product([n, k]).unwrap_or(usize::MAX);
    let lengths = [
        ("w", w.len()),
        ("grad", grad.len()),
        ("mask", mask.len()),
        ("taylor", taylor.len()),
        ("obd", obd.len()),
        ("obs", obs.len()),
        ("pruned", pruned.len()),
    ];
    for (operand, got) in lengths {
        Length::check(operand, want, got)?;
    }
    let hessian = Hessian::new(x, t, k, percdamp)?;
    for (i, w) in w.iter().enumerate() {
        let (q, square) = (i % k, f64::from(*w) * f64::from(*w));
        taylor[i] = (grad[i] * w).abs();
        obd[i] = (0.5 * hessian.diag[q] * square) as f32;
        obs[i] = (0.5 * square / hessian.inverse[q * (k + 1)]) as f32;
    }
    if want == 0 {
        return Ok(());
    }
    split(pruned, k, |rows, pruned| {
        for (i, pruned) in rows.zip(pruned.chunks_exact_mut(k)) {
            let of = |x: &'_ [f32]| x[i * k..(i + 1) * k].to_vec();
            let mut row: Vec<f64> = of(w).into_iter().map(f64::from).collect();
            let mask = of(mask);
            hessian.remove(&mut row, (0..k).filter(|&q| mask[q] == 0.0));
            for (pruned, w) in pruned.iter_mut().zip(row) {
                *pruned = w as f32;
            }
        }
    });
    Ok(())
}

/// The kernel, and on how many threads.
pub fn name() -> String {
    format!("OBS, f64 elimination, {} threads", threads())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inverse_is_one() {
        let h = [4.0, 1.0, 0.5, 1.0, 3.0, -1.0, 0.5, -1.0, 2.0];
        let inverse = invert(h.to_vec(), 3).unwrap();
        for i in 0..3 {
            for j in 0..3 {
                let x: f64 = (0..3).map(|p| h[i * 3 + p] * inverse[p * 3 + j]).sum();
                assert!((x - f64::from(u8::from(i == j))).abs() < 1e-14);
            }
        }
    }

    /// SparseGPT is OBS in which columns on the left are fixed.
    #[test]
    fn sparsegpt_is_obs_where_order_does_not_matter() {
        // The first weight goes, and all others stand to the right of it.
        let x: Vec<f32> = (0..60)
            .map(|i| ((i * 7919 % 31) as f32 - 15.0) / 8.0)
            .collect();
        let hessian = Hessian::new(&x, 15, 4, 0.1).unwrap();
        let mut w = [1e-3f32, 2.0, -3.0, 1.5];
        let mut row: Vec<f64> = w.iter().map(|w| f64::from(*w)).collect();
        hessian.remove(&mut row, std::iter::once(0));
        sparsegpt(&mut w, &hessian, 0.25).unwrap();
        for (a, b) in w.iter().zip(&row) {
            assert!((f64::from(*a) - b).abs() < 1e-6, "{w:?} {row:?}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused_with_a_sentence() {
        let dead = Hessian::new(&[0.0, 1.0], 1, 2, 0.0).err().unwrap();
        assert!(dead.to_string().contains("percdamp"), "{dead}");
        assert!(Hessian::new(&[f32::NAN; 2], 1, 2, 0.1).is_err());
        assert!(Hessian::new(&[1.0; 3], 1, 2, 0.1).is_err());
    }
}
