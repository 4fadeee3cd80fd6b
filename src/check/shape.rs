//! Saying what is wrong with a shape, in axis names.

use super::report::{ShapeCause, ShapeFact};
use crate::problem::{Case, Problem};
use crate::tensor::Outputs;

/// What is wrong with the shapes of an answer, if anything is.
pub fn wrong_shape(
    problem: &Problem,
    case: &Case,
    got: &Outputs,
    want: &Outputs,
) -> Option<ShapeFact> {
    let name = |i: usize| problem.outputs[i].0.to_string();
    if got.len() != want.len() {
        return Some(ShapeFact {
            output: name(0),
            axes: axes_of(problem, 0),
            want: want[0].shape().to_vec(),
            got: got.first().map_or(Vec::new(), |a| a.shape().to_vec()),
            cause: ShapeCause::Count {
                got: got.len(),
                want: want.len(),
            },
        });
    }
    let at = (0..want.len()).find(|&i| got[i].shape() != want[i].shape())?;
    let (axes, got, want) = (axes_of(problem, at), got[at].shape(), want[at].shape());
    Some(ShapeFact {
        output: name(at),
        cause: cause(case, &axes, got, want),
        axes,
        want: want.to_vec(),
        got: got.to_vec(),
    })
}

fn axes_of(problem: &Problem, output: usize) -> Vec<String> {
    let axes = problem.outputs[output].1;
    axes.split_whitespace().map(String::from).collect()
}

fn cause(case: &Case, axes: &[String], got: &[usize], want: &[usize]) -> ShapeCause {
    // Which setting has this size; only a single candidate is a name.
    let named = |size: usize| {
        let mut known = case.settings.iter().filter(|(_, value)| **value == size);
        match (known.next(), known.next()) {
            (Some((name, _)), None) => Some(name.to_string()),
            _ => None,
        }
    };
    if got.len() == want.len() {
        let differ: Vec<usize> = (0..got.len()).filter(|&i| got[i] != want[i]).collect();
        if let [i, j] = differ[..]
            && got[i] == want[j]
            && got[j] == want[i]
        {
            return ShapeCause::Swapped(axes[i].clone(), axes[j].clone());
        }
        if let [i] = differ[..] {
            return ShapeCause::Size {
                axis: axes[i].clone(),
                got: got[i],
                looks_like: named(got[i]).filter(|name| *name != axes[i]),
            };
        }
        let (mut a, mut b) = (got.to_vec(), want.to_vec());
        a.sort_unstable();
        b.sort_unstable();
        let order: Vec<String> = got
            .iter()
            .filter_map(|size| want.iter().position(|w| w == size))
            .map(|i| axes[i].clone())
            .collect();
        if a == b && order.len() == got.len() {
            return ShapeCause::Order(order);
        }
    }
    if got.len() == want.len() + 1
        && let Some(i) = (0..got.len()).find(|&i| without(got, i) == want)
    {
        let name = named(got[i]).filter(|_| got[i] != 1);
        return ShapeCause::Extra(name.unwrap_or_else(|| got[i].to_string()), i);
    }
    if got.len() + 1 == want.len()
        && let Some(i) = (0..want.len()).find(|&i| without(want, i) == got)
    {
        return ShapeCause::Missing(axes[i].clone());
    }
    ShapeCause::Other
}

fn without(shape: &[usize], at: usize) -> Vec<usize> {
    let mut shape = shape.to_vec();
    shape.remove(at);
    shape
}
