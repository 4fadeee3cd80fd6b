//! Distillation of hidden states: squared differences of projected student states from the teacher's,
//! and the gradient for the projection (Jiao et al. 2019, arXiv 1909.10351).
//!
//! Tokens are taken in blocks, so that a block's differences stay in the cache between the two products.
//! Each thread sums a gradient of its own; these are added in order, so that results do not depend on
//! who was faster. The products are those of the matrixmultiply crate.

use super::cpu::{split, threads};
use super::operand::{Length, product};
use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2};
use std::fmt;

/// Student states `[layers tokens student]`, teacher states `[teacher_layers tokens teacher]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub layers: usize,
    pub teacher_layers: usize,
    pub tokens: usize,
    pub student: usize,
    pub teacher: usize,
}

/// All are row-major.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    pub student: &'a [f32],
    pub teacher: &'a [f32],
    /// `[student teacher]`
    pub projection: &'a [f32],
    /// The teacher's layer for each of the student's: `[layers]`.
    pub map: &'a [usize],
    /// Whether a token counts: `[tokens]`.
    pub mask: &'a [bool],
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    Length(Length),
    /// A product of sizes overflows.
    Size(Shape),
    /// A layer is mapped to one that the teacher does not have.
    Layer {
        layer: usize,
        to: usize,
        of: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Length(length) => length.fmt(f),
            Error::Size(shape) => write!(
                f,
                "{shape:?} cannot be: give sizes whose products fit into memory"
            ),
            Error::Layer { layer, to, of } => write!(
                f,
                "layer {layer} is mapped to the teacher's layer {to}, which has {of}; count from 0"
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

/// The kernel and the path that it takes on this machine.
pub fn name() -> String {
    format!("hidden states, matrixmultiply, {} threads", threads())
}

/// What one thread has summed.
struct Part {
    gradient: Vec<f32>,
    loss: f64,
}

/// Tokens whose differences are computed together.
const BLOCK: usize = 64;

/// Returns Σ_l mean((H_s·W − H_t)²) over the tokens that count and the teacher's dimensions, 0 where no
/// token counts, and writes its gradient for W to `gradient` `[student teacher]`.
///
/// # Errors
/// Where a slice does not fit the shape, or a layer is mapped beyond the teacher's.
pub fn hidden_distillation(
    gradient: &mut [f32],
    input: Input<'_>,
    shape: Shape,
) -> Result<f64, Error> {
    let Shape {
        layers,
        teacher_layers,
        tokens: n,
        student: p,
        teacher: q,
    } = shape;
    for (name, sizes, got) in [
        ("student", [layers, n, p], input.student.len()),
        ("teacher", [teacher_layers, n, q], input.teacher.len()),
        ("projection", [p, q, 1], input.projection.len()),
        ("gradient", [p, q, 1], gradient.len()),
        ("map", [layers, 1, 1], input.map.len()),
        ("mask", [n, 1, 1], input.mask.len()),
    ] {
        Length::check(name, product(sizes).ok_or(Error::Size(shape))?, got)?;
    }
    let beyond = |(_, to): &(usize, &usize)| **to >= teacher_layers;
    if let Some((layer, &to)) = input.map.iter().enumerate().find(beyond) {
        let of = teacher_layers;
        return Err(Error::Layer { layer, to, of });
    }
    gradient.fill(0.0);
    let count = input.mask.iter().filter(|counts| **counts).count();
    if count == 0 || p == 0 || q == 0 {
        return Ok(0.0);
    }
    let blocks = n.div_ceil(BLOCK);
    let tasks = layers * blocks;
    let runs = threads().min(tasks).max(1);
    let mut parts: Vec<Part> = (0..runs)
        .map(|_| Part {
            gradient: vec![0.0; p * q],
            loss: 0.0,
        })
        .collect();
    split(&mut parts, 1, |range, parts| {
        let mut differences = vec![0.0; BLOCK * q];
        for (run, part) in range.zip(parts) {
            for task in run * tasks / runs..(run + 1) * tasks / runs {
                let (layer, start) = (task / blocks, task % blocks * BLOCK);
                let rows = BLOCK.min(n - start);
                let states = |layer: usize, width: usize| {
                    let at = (layer * n + start) * width;
                    at..at + rows * width
                };
                let student = view(&input.student[states(layer, p)], p);
                let differences = &mut differences[..rows * q];
                differences.copy_from_slice(&input.teacher[states(input.map[layer], q)]);
                // H_s·W − H_t
                multiply(differences, student, view(input.projection, q), -1.0);
                let counts = &input.mask[start..start + rows];
                for (row, counts) in differences.chunks_exact_mut(q).zip(counts) {
                    match counts {
                        true => part.loss += row.iter().map(|d| f64::from(d * d)).sum::<f64>(),
                        false => row.fill(0.0),
                    }
                }
                let differences = view(differences, q);
                multiply(
                    &mut part.gradient,
                    student.reversed_axes(),
                    differences,
                    1.0,
                );
            }
        }
    });
    let over = (count * q) as f64;
    for part in &parts {
        let pairs = gradient.iter_mut().zip(&part.gradient);
        pairs.for_each(|(g, part)| *g += part);
    }
    let factor = (2.0 / over) as f32;
    gradient.iter_mut().for_each(|g| *g *= factor);
    Ok(parts.iter().map(|part| part.loss).sum::<f64>() / over)
}

fn view(rows: &[f32], width: usize) -> ArrayView2<'_, f32> {
    ArrayView2::from_shape((rows.len() / width, width), rows).expect("the sizes were checked")
}

/// out = a·b + keep·out.
fn multiply(out: &mut [f32], a: ArrayView2<'_, f32>, b: ArrayView2<'_, f32>, keep: f32) {
    let shape = (a.nrows(), b.ncols());
    let mut out = ArrayViewMut2::from_shape(shape, out).expect("the sizes were checked");
    general_mat_mul(1.0, &a, &b, keep, &mut out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_token_by_hand_and_misfits_in_sentences() {
        let shape = Shape {
            layers: 1,
            teacher_layers: 2,
            tokens: 2,
            student: 1,
            teacher: 2,
        };
        // 3·(1, 2) − (1, 5) = (2, 1): mean 2.5, gradient 2/2·3·(2, 1).
        let input = Input {
            student: &[3.0, 9.0],
            teacher: &[0.0, 0.0, 0.0, 0.0, 1.0, 5.0, 7.0, 7.0],
            projection: &[1.0, 2.0],
            map: &[1],
            mask: &[true, false],
        };
        let mut gradient = [0.0; 2];
        assert_eq!(hidden_distillation(&mut gradient, input, shape), Ok(2.5));
        assert_eq!(gradient, [6.0, 3.0]);
        let beyond = Input { map: &[2], ..input };
        let error = hidden_distillation(&mut gradient, beyond, shape).unwrap_err();
        assert!(error.to_string().contains("layer 0"), "{error}");
        assert!(hidden_distillation(&mut gradient[..1], input, shape).is_err());
        let nobody = Input {
            mask: &[false, false],
            ..input
        };
        assert_eq!(hidden_distillation(&mut gradient, nobody, shape), Ok(0.0));
        assert_eq!(gradient, [0.0, 0.0]);
    }
}
