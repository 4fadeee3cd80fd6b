//! The additive attention mask: causal at the bottom right, padding, an optional window.

use super::cpu::split;
use std::fmt;

const DROP: f32 = f32::NEG_INFINITY;

/// Sizes: `b` sequences, `n` queries (the last n positions), `m` keys; `window` keys at most for
/// each query, 0 for all.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub b: usize,
    pub n: usize,
    pub m: usize,
    pub window: usize,
}

/// A slice that does not fit the shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misfit {
    name: &'static str,
    want: usize,
    got: usize,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Misfit { name, want, got } = self;
        write!(
            f,
            "`{name}` should have {want} elements for this shape, it has {got}"
        )
    }
}

impl std::error::Error for Misfit {}

/// Writes 0 where a key is seen and −∞ where not to `out` `[b n m]`, from `keep` `[b m]`.
///
/// # Errors
/// When a slice does not fit.
pub fn mask(out: &mut [f32], keep: &[bool], shape: Shape) -> Result<(), Misfit> {
    let Shape { b, n, m, window } = shape;
    let keys = b.saturating_mul(m);
    for (name, want, got) in [
        ("out", keys.saturating_mul(n), out.len()),
        ("keep", keys, keep.len()),
    ] {
        if want != got {
            return Err(Misfit { name, want, got });
        }
    }
    let padding: Vec<f32> = keep
        .iter()
        .map(|keep| if *keep { 0.0 } else { DROP })
        .collect();
    split(out, m, |rows, part| {
        for (row, out) in rows.zip(part.chunks_exact_mut(m.max(1))) {
            let (sequence, query) = (row / n, row % n);
            // Keys from `first` to before `end` are near and not later than the query.
            let end = (query + 1 + m).saturating_sub(n);
            let first = if window == 0 {
                0
            } else {
                end.saturating_sub(window)
            };
            out[..first].fill(DROP);
            out[first..end].copy_from_slice(&padding[sequence * m..][first..end]);
            out[end..].fill(DROP);
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_the_rule_on_ragged_shapes() {
        for (b, n, m, window) in [
            (1, 1, 1, 0),
            (2, 3, 5, 0),
            (3, 7, 4, 0),
            (2, 5, 9, 3),
            (1, 6, 6, 1),
            (2, 33, 47, 50),
        ] {
            let keep: Vec<bool> = (0..b * m).map(|i| i * 7 % 5 != 1).collect();
            let mut out = vec![9.0; b * n * m];
            mask(&mut out, &keep, Shape { b, n, m, window }).unwrap();
            for (at, x) in out.iter().enumerate() {
                let (s, i, j) = (at / (n * m), at / m % n, at % m);
                let behind = (i + m) as i64 - n as i64 - j as i64;
                let near = window == 0 || behind < window as i64;
                let seen = keep[s * m + j] && behind >= 0 && near;
                assert_eq!(
                    *x,
                    if seen { 0.0 } else { DROP },
                    "{b} {n} {m} {window} at {at}"
                );
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_with_a_sentence() {
        let shape = Shape {
            b: 2,
            n: 2,
            m: 3,
            window: 0,
        };
        let misfit = mask(&mut [0.0; 12], &[true; 5], shape).unwrap_err();
        let want = "`keep` should have 6 elements for this shape, it has 5";
        assert_eq!(misfit.to_string(), want);
        assert!(mask(&mut [0.0; 11], &[true; 6], shape).is_err());
    }
}
