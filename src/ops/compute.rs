//! How the operations work; see their documentation one level up.

use super::Real;
use crate::trace::observe;
use ndarray::{Array2, ArrayD, ArrayView2, Axis, IxDyn, linalg::general_mat_mul};

pub fn einsum<T: Real>(spec: &str, operands: &[&ArrayD<T>]) -> ArrayD<T> {
    let (left, result) = spec
        .split_once("->")
        .unwrap_or_else(|| panic!("einsum `{spec}`: write `operand, operand -> result`"));
    let terms: Vec<Vec<&str>> = left
        .split(',')
        .map(|term| term.split_whitespace().collect())
        .collect();
    let result: Vec<&str> = result.split_whitespace().collect();
    assert!(
        terms.len() == operands.len() && (1..=2).contains(&terms.len()),
        "einsum `{spec}` names {} operands and got {}; it takes one or two",
        terms.len(),
        operands.len(),
    );
    let sizes = axis_sizes(spec, &terms, operands);
    for axis in &result {
        assert!(
            sizes.iter().any(|(name, _)| name == axis),
            "einsum `{spec}`: axis {axis} of the result is in no operand",
        );
    }
    let out = match operands {
        [a, b] => contract(&terms[0], a, &terms[1], b, &result, &sizes),
        [a] => {
            let (kept, summed) = reduce(&terms[0], (*a).clone(), |axis| result.contains(&axis));
            reorder(&kept, summed, &result)
        }
        _ => unreachable!("one or two operands, checked above"),
    };
    observe("einsum", "Σ", Some(spec), &out);
    out
}

/// The size of each axis name, checked over all operands.
fn axis_sizes<'a, T>(
    spec: &str,
    terms: &[Vec<&'a str>],
    operands: &[&ArrayD<T>],
) -> Vec<(&'a str, usize)> {
    let mut sizes: Vec<(&str, usize)> = Vec::new();
    for (i, (term, operand)) in terms.iter().zip(operands).enumerate() {
        assert!(
            term.len() == operand.ndim(),
            "einsum `{spec}`: operand {} is named with {} axes and has shape {:?}",
            i + 1,
            term.len(),
            operand.shape(),
        );
        for (axis, &size) in term.iter().zip(operand.shape()) {
            match sizes.iter().find(|(name, _)| name == axis) {
                Some(&(_, known)) => assert!(
                    known == size,
                    "einsum `{spec}`: axis {axis} has size {known} in one operand and {size} in another",
                ),
                None => sizes.push((axis, size)),
            }
        }
    }
    sizes
}

/// Sums over the axes that are not to be kept.
fn reduce<'a, T: Real>(
    names: &[&'a str],
    mut array: ArrayD<T>,
    keep: impl Fn(&str) -> bool,
) -> (Vec<&'a str>, ArrayD<T>) {
    let mut names = names.to_vec();
    for i in (0..names.len()).rev() {
        if !keep(names[i]) {
            array = array.sum_axis(Axis(i));
            names.remove(i);
        }
    }
    (names, array)
}

/// Puts the axes into the wanted order.
fn reorder<T: Real>(names: &[&str], array: ArrayD<T>, wanted: &[&str]) -> ArrayD<T> {
    let order: Vec<usize> = wanted
        .iter()
        .filter_map(|axis| names.iter().position(|name| name == axis))
        .collect();
    array.permuted_axes(order).as_standard_layout().into_owned()
}

/// Two operands as `[batch, rows, inner] × [batch, inner, columns]`.
fn contract<T: Real>(
    a_names: &[&str],
    a: &ArrayD<T>,
    b_names: &[&str],
    b: &ArrayD<T>,
    result: &[&str],
    sizes: &[(&str, usize)],
) -> ArrayD<T> {
    let keep_a = |axis: &str| result.contains(&axis) || b_names.contains(&axis);
    let keep_b = |axis: &str| result.contains(&axis) || a_names.contains(&axis);
    let (a_names, a) = reduce(a_names, a.clone(), keep_a);
    let (b_names, b) = reduce(b_names, b.clone(), keep_b);
    let size = |axes: &[&str]| -> usize {
        let of = |axis: &&str| {
            sizes
                .iter()
                .find(|(name, _)| name == axis)
                .map_or(1, |s| s.1)
        };
        axes.iter().map(of).product()
    };
    let pick = |from: &[&'_ str], in_other: bool, in_result: bool, other: &[&str]| {
        let wanted =
            |axis: &&&str| other.contains(*axis) == in_other && result.contains(*axis) == in_result;
        from.iter()
            .filter(wanted)
            .map(|axis| axis.to_string())
            .collect::<Vec<_>>()
    };
    let batch = pick(&a_names, true, true, &b_names);
    let inner = pick(&a_names, true, false, &b_names);
    let rows = pick(&a_names, false, true, &b_names);
    let columns = pick(&b_names, false, true, &a_names);
    let join = |parts: [&Vec<String>; 3]| -> Vec<String> {
        parts.into_iter().flatten().cloned().collect()
    };
    let as_refs = |names: &'_ [String]| names.iter().map(|s| s.to_string()).collect::<Vec<_>>();
    let order = |names: Vec<String>, of: &[&str], array: ArrayD<T>| {
        let wanted: Vec<&str> = names.iter().map(String::as_str).collect();
        reorder(of, array, &wanted)
    };
    let count = |names: &[String]| size(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let (nb, nr, ni, nc) = (count(&batch), count(&rows), count(&inner), count(&columns));
    let left = order(join([&batch, &rows, &inner]), &a_names, a);
    let right = order(join([&batch, &inner, &columns]), &b_names, b);
    let left = left.as_slice().expect("reorder gives standard layout");
    let right = right.as_slice().expect("reorder gives standard layout");
    let mut out = vec![T::zero(); nb * nr * nc];
    for i in 0..nb {
        let l = ArrayView2::from_shape((nr, ni), &left[i * nr * ni..(i + 1) * nr * ni]);
        let r = ArrayView2::from_shape((ni, nc), &right[i * ni * nc..(i + 1) * ni * nc]);
        let o =
            ndarray::ArrayViewMut2::from_shape((nr, nc), &mut out[i * nr * nc..(i + 1) * nr * nc]);
        if let (Ok(l), Ok(r), Ok(mut o)) = (l, r, o) {
            general_mat_mul(T::one(), &l, &r, T::zero(), &mut o);
        }
    }
    let names = as_refs(&join([&batch, &rows, &columns]));
    let shape: Vec<usize> = names.iter().map(|axis| size(&[axis.as_str()])).collect();
    let out = ArrayD::from_shape_vec(IxDyn(&shape), out).expect("the product of the sizes");
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    reorder(&names, out, result)
}

pub fn matmul<T: Real>(a: &ArrayD<T>, b: &ArrayD<T>) -> ArrayD<T> {
    let misfit = || -> ! {
        panic!(
            "matmul: {:?} × {:?} does not fit; it needs [.. n k] × [.. k m] with batch axes that broadcast",
            a.shape(),
            b.shape()
        )
    };
    if a.ndim() < 2 || b.ndim() < 2 || a.shape()[a.ndim() - 1] != b.shape()[b.ndim() - 2] {
        misfit()
    }
    let (n, k, m) = (
        a.shape()[a.ndim() - 2],
        a.shape()[a.ndim() - 1],
        b.shape()[b.ndim() - 1],
    );
    let rank = a.ndim().max(b.ndim());
    let padded = |shape: &[usize]| [vec![1; rank - shape.len()], shape.to_vec()].concat();
    let (sa, sb) = (padded(a.shape()), padded(b.shape()));
    let mut batch = Vec::new();
    for (&x, &y) in sa.iter().zip(&sb).take(rank - 2) {
        match (x, y) {
            (x, y) if x == y => batch.push(x),
            (1, y) => batch.push(y),
            (x, 1) => batch.push(x),
            _ => misfit(),
        }
    }
    let wide = |inner: [usize; 2]| IxDyn(&[&batch[..], &inner].concat());
    let (Some(a), Some(b)) = (a.broadcast(wide([n, k])), b.broadcast(wide([k, m]))) else {
        misfit()
    };
    let flat = |view: ndarray::ArrayViewD<'_, T>| view.iter().copied().collect::<Vec<T>>();
    let (left, right) = (flat(a), flat(b));
    let count: usize = batch.iter().product();
    let mut out = Vec::with_capacity(count * n * m);
    for i in 0..count {
        let l = ArrayView2::from_shape((n, k), &left[i * n * k..(i + 1) * n * k]);
        let r = ArrayView2::from_shape((k, m), &right[i * k * m..(i + 1) * k * m]);
        let product: Array2<T> = match (l, r) {
            (Ok(l), Ok(r)) => l.dot(&r),
            _ => misfit(),
        };
        out.extend(product.iter().copied());
    }
    let out = ArrayD::from_shape_vec(wide([n, m]), out).unwrap_or_else(|_| misfit());
    observe("matmul", "a·b", None, &out);
    out
}

pub fn softmax<T: Real>(x: &ArrayD<T>, axis: usize) -> ArrayD<T> {
    assert!(
        axis < x.ndim(),
        "softmax over axis {axis} of a tensor with shape {:?}; the last axis is {}",
        x.shape(),
        x.ndim().saturating_sub(1)
    );
    let mut out = x.clone();
    for mut lane in out.lanes_mut(Axis(axis)) {
        let max = lane.fold(T::neg_infinity(), |a, &b| a.max(b));
        lane.mapv_inplace(|x| (x - max).exp());
        let sum = lane.sum();
        lane.mapv_inplace(|x| x / sum);
    }
    observe("softmax", &format!("softmax over axis {axis}"), None, &out);
    out
}

pub fn log_softmax<T: Real>(x: &ArrayD<T>, axis: usize) -> ArrayD<T> {
    assert!(
        axis < x.ndim(),
        "log_softmax over axis {axis} of a tensor with shape {:?}; the last axis is {}",
        x.shape(),
        x.ndim().saturating_sub(1)
    );
    let mut out = x.clone();
    for mut lane in out.lanes_mut(Axis(axis)) {
        let max = lane.fold(T::neg_infinity(), |a, &b| a.max(b));
        let sum = lane.iter().fold(T::zero(), |sum, &x| sum + (x - max).exp());
        lane.mapv_inplace(|x| x - max - sum.ln());
    }
    observe(
        "log_softmax",
        &format!("log softmax over axis {axis}"),
        None,
        &out,
    );
    out
}

pub fn permute<T: Real>(spec: &str, x: &ArrayD<T>) -> ArrayD<T> {
    let names = |side: &str| {
        side.split_whitespace()
            .map(String::from)
            .collect::<Vec<_>>()
    };
    let (from, to) = spec
        .split_once("->")
        .map(|(from, to)| (names(from), names(to)))
        .unwrap_or_else(|| panic!("permute `{spec}`: write `b h n d -> b n h d`"));
    let (mut a, mut b) = (from.clone(), to.clone());
    a.sort_unstable();
    b.sort_unstable();
    assert!(
        a == b && from.len() == x.ndim(),
        "permute `{spec}` of a tensor with shape {:?}: both sides name every axis once",
        x.shape(),
    );
    let from: Vec<&str> = from.iter().map(String::as_str).collect();
    let to: Vec<&str> = to.iter().map(String::as_str).collect();
    let out = reorder(&from, x.clone(), &to);
    observe("permute", spec, Some(spec), &out);
    out
}
