//! Affine quantisation: a number becomes the integer that stands for it, and back (Jacob et al. 2017,
//! arXiv 1712.05877, eq. 1).
//!
//! Memory-bound: a number is read once and two are written. The loop has no branch and no call, so
//! that the compiler keeps it in registers of any width.

use super::cpu::split_pair;
use std::fmt;

/// Code q stands for scale·(q − zero_point).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    pub scale: f32,
    pub zero_point: f32,
    /// The least and the greatest code.
    pub codes: [f32; 2],
}

/// A slice that does not have the elements that the rows ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    pub name: &'static str,
    pub want: usize,
    pub got: usize,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Error { name, want, got } = self;
        write!(
            f,
            "`{name}` should have {want} elements, it has {got}; give rows of one length, one grid for each, and outputs as long as x"
        )
    }
}

impl std::error::Error for Error {}

/// 1.5·2²³: to add and subtract it rounds a number below 2²² to the nearest integer, half to even.
const ROUND: f32 = 12_582_912.0;

/// Writes the codes of `x [rows columns]` and the numbers that they stand for, with one of `grids
/// [rows]` for each row: q = clamp(round(x/scale) + zero_point), x̂ = scale·(q − zero_point). Rounds
/// half to even. NaN stays NaN.
///
/// # Errors
/// [`Error`], where a slice does not fit.
pub fn quantize(
    codes: &mut [f32],
    values: &mut [f32],
    x: &[f32],
    grids: &[Grid],
) -> Result<(), Error> {
    let columns = x.len().checked_div(grids.len()).unwrap_or(0);
    let lengths = [
        ("x", x.len(), columns * grids.len()),
        ("codes", codes.len(), x.len()),
        ("values", values.len(), x.len()),
    ];
    for (name, got, want) in lengths {
        if got != want {
            return Err(Error { name, want, got });
        }
    }
    if columns == 0 {
        return Ok(());
    }
    split_pair(
        (codes, columns),
        (values, columns),
        |rows, codes, values| {
            let x = x[rows.start * columns..rows.end * columns].chunks_exact(columns);
            let outputs = codes
                .chunks_exact_mut(columns)
                .zip(values.chunks_exact_mut(columns));
            for ((x, (codes, values)), grid) in x.zip(outputs).zip(&grids[rows]) {
                row(codes, values, x, *grid);
            }
        },
    );
    Ok(())
}

fn row(codes: &mut [f32], values: &mut [f32], x: &[f32], grid: Grid) {
    let Grid {
        scale,
        zero_point,
        codes: [least, most],
    } = grid;
    for ((x, code), value) in x.iter().zip(codes).zip(values) {
        // Clamped first, which for integer limits is the same, so that ROUND is in its range.
        let step = (x / scale).clamp(least - zero_point, most - zero_point);
        let step = step + ROUND - ROUND;
        *code = step + zero_point;
        *value = scale * step;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_rounded_half_to_even_and_saturate() {
        let grid = Grid {
            scale: 0.5,
            zero_point: 8.0,
            codes: [0.0, 15.0],
        };
        let x = [
            0.0,
            0.25,
            0.75,
            -0.25,
            -0.75,
            0.26,
            1e9,
            -1e30,
            3.5,
            f32::NAN,
        ];
        let (mut codes, mut values) = ([0.0; 10], [0.0; 10]);
        quantize(&mut codes, &mut values, &x, &[grid]).unwrap();
        assert_eq!(codes[..9], [8.0, 8.0, 10.0, 8.0, 6.0, 9.0, 15.0, 0.0, 15.0]);
        assert_eq!(values[..9], [0.0, 0.0, 1.0, 0.0, -1.0, 0.5, 3.5, -4.0, 3.5]);
        assert!(codes[9].is_nan() && values[9].is_nan());
    }

    #[test]
    fn each_row_has_its_grid_and_what_does_not_fit_is_a_sentence() {
        let grid = |scale| Grid {
            scale,
            zero_point: 0.0,
            codes: [-127.0, 127.0],
        };
        let x: Vec<f32> = (0..600).map(|i| i as f32 - 300.0).collect();
        let (mut codes, mut values) = (vec![0.0; 600], vec![0.0; 600]);
        let grids: Vec<Grid> = (1..=100).map(|i| grid(i as f32)).collect();
        quantize(&mut codes, &mut values, &x, &grids).unwrap();
        for (i, x) in x.iter().enumerate() {
            let scale = (i / 6 + 1) as f32;
            let q = (x / scale).round_ties_even().clamp(-127.0, 127.0);
            assert_eq!([codes[i], values[i]], [q, q * scale]);
        }
        let short = quantize(&mut codes[1..], &mut values, &x, &grids).unwrap_err();
        assert!(short.to_string().contains("`codes` should have 600"));
        assert!(quantize(&mut [], &mut [], &x, &[]).is_err());
        assert!(quantize(&mut [], &mut [], &[], &grids).is_ok());
    }
}
