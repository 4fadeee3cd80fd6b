//! What can be measured on a wrong answer that no planted bug explains.

use super::compare::equal;
use super::report::Fact;
use crate::problem::Problem;
use crate::tensor::{Outputs, max_abs};
use ndarray::{ArrayD, Axis};

/// Measures the answer against the truth. Shapes are equal, and at least one output is wrong.
pub fn measure(problem: &Problem, got: &Outputs, want: &Outputs, tol: f64) -> Vec<Fact> {
    let mut facts = Vec::new();
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        let (name, axes) = problem.outputs[i];
        let axes: Vec<&str> = axes.split_whitespace().collect();
        if equal(got, want, tol) {
            if problem.outputs.len() > 1 {
                let output = name.to_string();
                facts.push(Fact::Right { output });
            }
        } else {
            facts.extend(of_output(name, &axes, got, want, tol));
        }
    }
    facts
}

fn of_output(
    name: &str,
    axes: &[&str],
    got: &ArrayD<f64>,
    want: &ArrayD<f64>,
    tol: f64,
) -> Vec<Fact> {
    let output = name.to_string();
    if got.iter().all(|x| x.is_nan()) {
        return vec![Fact::AllNan { output }];
    }
    if got.iter().all(|&x| x == 0.0) {
        return vec![Fact::AllZero { output }];
    }
    let mut facts = Vec::new();
    let bad: Vec<Vec<usize>> = got
        .indexed_iter()
        .filter(|(_, x)| !x.is_finite())
        .map(|(index, _)| ndarray::Dimension::slice(&index).to_vec())
        .collect();
    if let Some(first) = bad.first() {
        facts.push(Fact::NotFinite {
            output: output.clone(),
            count: bad.len(),
            total: got.len(),
            first: first.clone(),
        });
    }
    // Wrong answers carry more rounding than right ones; what is measured here is a pattern.
    let loose = (32.0 * tol).max(1e-4 * max_abs(want));
    if got.len() > 1 && bad.is_empty() {
        let first = got.iter().next().copied().unwrap_or(0.0);
        if got.iter().all(|&x| (x - first).abs() <= tol) {
            facts.push(Fact::Constant {
                output,
                value: first,
            });
            return facts;
        }
        if let Some(fact) = affine(&output, got, want, loose) {
            facts.push(fact);
            return facts;
        }
        if let Some(fact) = rearranged(&output, axes, got, want, loose) {
            facts.push(fact);
            return facts;
        }
    }
    facts.extend(where_wrong(&output, axes, got, want, tol));
    facts
}

/// answer = factor × truth, or truth + offset.
fn affine(output: &str, got: &ArrayD<f64>, want: &ArrayD<f64>, tol: f64) -> Option<Fact> {
    let norm: f64 = want.iter().map(|y| y * y).sum();
    let factor = got.iter().zip(want).map(|(x, y)| x * y).sum::<f64>() / norm;
    let output = output.to_string();
    if norm > 0.0
        && factor.abs() > 1e-3
        && equal(got, &(want * factor), tol * factor.abs().max(1.0))
    {
        return Some(Fact::Factor { output, factor });
    }
    let offset = (got - want).mean()?;
    equal(got, &(want + offset), tol).then_some(Fact::Offset { output, offset })
}

/// The truth with two axes exchanged, read backwards or shifted.
fn rearranged(
    output: &str,
    axes: &[&str],
    got: &ArrayD<f64>,
    want: &ArrayD<f64>,
    tol: f64,
) -> Option<Fact> {
    let output = output.to_string();
    let shape = want.shape();
    for i in 0..shape.len() {
        for j in i + 1..shape.len() {
            let mut swapped = want.view();
            swapped.swap_axes(i, j);
            // Also where the sizes differ: the same numbers, read in another order.
            let flat: Vec<f64> = swapped.iter().copied().collect();
            let reread = ArrayD::from_shape_vec(shape.to_vec(), flat).ok()?;
            if equal(got, &reread, tol) {
                let (first, second) = (axes[i].to_string(), axes[j].to_string());
                return Some(Fact::Transposed {
                    output,
                    first,
                    second,
                });
            }
        }
    }
    for (i, &size) in shape.iter().enumerate().filter(|(_, size)| **size > 1) {
        let axis = axes[i].to_string();
        let moved = |place: &dyn Fn(usize) -> usize| {
            let order: Vec<usize> = (0..size).map(place).collect();
            want.select(Axis(i), &order)
        };
        if equal(got, &moved(&|at| size - 1 - at), tol) {
            return Some(Fact::Reversed { output, axis });
        }
        for by in 1..size {
            if equal(got, &moved(&|at| (at + size - by) % size), tol) {
                let by = by as i64;
                return Some(Fact::Shifted { output, axis, by });
            }
        }
        if equal(got, &moved(&|_| 0), tol) {
            return Some(Fact::RepeatsFirst { output, axis });
        }
    }
    None
}

/// The positions along each axis that hold errors, where that says something.
fn where_wrong(
    output: &str,
    axes: &[&str],
    got: &ArrayD<f64>,
    want: &ArrayD<f64>,
    tol: f64,
) -> Vec<Fact> {
    let mut facts = Vec::new();
    for (i, &size) in want
        .shape()
        .iter()
        .enumerate()
        .filter(|(_, size)| **size > 1)
    {
        let pairs = got.axis_iter(Axis(i)).zip(want.axis_iter(Axis(i)));
        let at: Vec<usize> = pairs
            .enumerate()
            .filter(|(_, (got, want))| !equal(&got.to_owned(), &want.to_owned(), tol))
            .map(|(at, _)| at)
            .collect();
        let (output, axis) = (output.to_string(), axes[i].to_string());
        if at.is_empty() || at.len() == size {
            continue;
        }
        let from = at[0];
        if from > 0 && at.len() == size - from {
            facts.push(Fact::RightUpTo { output, axis, from });
        } else {
            facts.push(Fact::WrongAt {
                output,
                axis,
                at,
                size,
            });
        }
    }
    facts
}
