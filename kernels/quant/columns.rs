//! A row-major matrix whose columns are written by several threads.

use super::Real;
use crate::kernels::simd::Simd;
use std::marker::PhantomData;

/// `[rows n]`, shared by threads that write to different columns.
pub struct Columns<'a, T> {
    first: *mut T,
    rows: usize,
    n: usize,
    matrix: PhantomData<&'a mut [T]>,
}

// SAFETY: all that can be done with it is `write`, whose callers keep to different columns.
unsafe impl<T: Send> Sync for Columns<'_, T> {}

impl<'a, T: Real> Columns<'a, T> {
    pub fn new(out: &'a mut [T], n: usize) -> Columns<'a, T> {
        Columns {
            rows: out.len().checked_div(n).unwrap_or(0),
            first: out.as_mut_ptr(),
            n,
            matrix: PhantomData,
        }
    }

    /// Writes as many values as there are columns from `column` on; nothing to a row past the last.
    ///
    /// # Safety
    /// No other thread writes to these columns meanwhile.
    #[inline(always)]
    pub unsafe fn write<S: Simd>(&self, s: S, row: usize, column: usize, values: &[f32]) {
        if row >= self.rows || column >= self.n {
            return;
        }
        let count = values.len().min(self.n - column);
        // SAFETY: the part lies in row `row` of the slice that `new` borrowed, and is this thread's.
        let out =
            unsafe { std::slice::from_raw_parts_mut(self.first.add(row * self.n + column), count) };
        let mut i = 0;
        while i + S::LANES <= count {
            T::store(s, &mut out[i..], s.load(&values[i..]));
            i += S::LANES;
        }
        while i < count {
            out[i] = T::rounded(values[i]);
            i += 1;
        }
    }
}
