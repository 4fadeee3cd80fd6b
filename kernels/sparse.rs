//! A sparse matrix by rows (CSR) and its product with a dense one: what pruned weights need to save
//! time.

use super::cpu::split;
use super::operand::{Length, product};

/// A matrix `[n k]` of which only the nonzero elements are stored, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Csr {
    columns: usize,
    /// Where each row begins in the two arrays below, and where the last one ends: `[n + 1]`.
    row_ptr: Vec<u32>,
    /// The column of each element, ascending within a row.
    col_indices: Vec<u32>,
    values: Vec<f32>,
}

impl Csr {
    /// The nonzero elements of `w` `[n k]`, row-major.
    ///
    /// # Errors
    /// [`Length`], when `w` does not have n·k elements.
    pub fn new(w: &[f32], [n, k]: [usize; 2]) -> Result<Csr, Length> {
        Length::check("w", product([n, k]).unwrap_or(usize::MAX), w.len())?;
        let mut csr = Csr {
            columns: k,
            row_ptr: vec![0],
            col_indices: Vec::new(),
            values: Vec::new(),
        };
        for row in w.chunks_exact(k.max(1)).take(n) {
            for (j, &w) in row.iter().enumerate().filter(|(_, w)| **w != 0.0) {
                csr.col_indices.push(j as u32);
                csr.values.push(w);
            }
            csr.row_ptr.push(csr.values.len() as u32);
        }
        csr.row_ptr.resize(n + 1, csr.values.len() as u32);
        Ok(csr)
    }

    pub fn rows(&self) -> usize {
        self.row_ptr.len() - 1
    }

    /// Stored elements.
    pub fn nonzeros(&self) -> usize {
        self.values.len()
    }

    /// The matrix with its zeros, `[n k]`.
    pub fn to_dense(&self) -> Vec<f32> {
        let mut dense = vec![0.0; self.rows() * self.columns];
        for i in 0..self.rows() {
            for (j, value) in self.row(i) {
                dense[i * self.columns + j] = value;
            }
        }
        dense
    }

    fn row(&self, i: usize) -> impl Iterator<Item = (usize, f32)> {
        let range = self.row_ptr[i] as usize..self.row_ptr[i + 1] as usize;
        let columns = self.col_indices[range.clone()].iter();
        let values = self.values[range].iter();
        columns.zip(values).map(|(&j, &value)| (j as usize, value))
    }

    /// Writes w·x to `out` `[n m]`, for dense `x` `[k m]`: out_i = Σ_p value_p·x_col(p). Rows are spread
    /// over the threads.
    ///
    /// # Errors
    /// [`Length`], when an operand does not fit.
    pub fn mul(&self, out: &mut [f32], x: &[f32], m: usize) -> Result<(), Length> {
        let size = |rows| product([rows, m]).unwrap_or(usize::MAX);
        Length::check("x", size(self.columns), x.len())?;
        Length::check("out", size(self.rows()), out.len())?;
        if m == 0 {
            return Ok(());
        }
        split(out, m, |rows, out| {
            for (i, out) in rows.zip(out.chunks_exact_mut(m)) {
                out.fill(0.0);
                for (j, value) in self.row(i) {
                    for (out, x) in out.iter_mut().zip(&x[j * m..(j + 1) * m]) {
                        *out += value * x;
                    }
                }
            }
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_dense_product() {
        // An empty row, a full one, and a last column.
        let w = [0.0, 0.0, 0.0, 1.0, -2.0, 3.0, 0.0, 0.0, 4.0];
        let csr = Csr::new(&w, [3, 3]).unwrap();
        assert_eq!((csr.nonzeros(), csr.to_dense()), (4, w.to_vec()));
        let x = [1.0, 10.0, 2.0, 20.0, 3.0, 30.0];
        let mut out = [9.0; 6];
        csr.mul(&mut out, &x, 2).unwrap();
        assert_eq!(out, [0.0, 0.0, 6.0, 60.0, 12.0, 120.0]);
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        assert!(Csr::new(&[1.0; 5], [2, 3]).is_err());
        let csr = Csr::new(&[1.0; 6], [2, 3]).unwrap();
        assert!(csr.mul(&mut [0.0; 2], &[1.0; 2], 1).is_err());
        assert!(csr.mul(&mut [0.0; 3], &[1.0; 3], 1).is_err());
        let empty = Csr::new(&[], [2, 0]).unwrap();
        let mut out = [9.0; 2];
        empty.mul(&mut out, &[], 1).unwrap();
        assert_eq!(out, [0.0; 2]);
    }
}
