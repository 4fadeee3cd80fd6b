//! Every wrong saliency that we know, as one function with switches.

use super::reference::{inverse, matrix};
use crate::problem::Variant;
use crate::tensor::{Inputs, Outputs};
use ndarray::Array2;

/// The reference with the bugs of `variant` planted; with none it equals the reference.
pub fn variant(inputs: &Inputs, variant: &Variant) -> Outputs {
    let has = |id: &str| variant.has(id);
    let [w, grad, x, mask] = ["w", "grad", "x", "mask"].map(|name| matrix(inputs, name));
    let (t, k) = x.dim();
    let divisor = match has("sum-over-tokens") {
        true => 1.0,
        false => t as f64,
    };
    let mut hessian = x.t().dot(&x) * (2.0 / divisor);
    let percdamp = inputs.number("percdamp");
    let lambda = match () {
        () if has("no-damping") => 0.0,
        () if has("damp-absolute") => percdamp,
        () => percdamp * hessian.diag().sum() / k as f64,
    };
    hessian += &(Array2::<f64>::eye(k) * lambda);
    let inv = match has("elementwise-inverse") {
        true => hessian.mapv(|h| 1.0 / h),
        false => inverse(&hessian),
    };

    let product = &grad * &w;
    let taylor = match () {
        () if has("sign-kept") => product,
        () if has("weight-forgotten") => grad.mapv(f64::abs),
        () if has("squared") => product.mapv(|x| x * x),
        () => product.mapv(f64::abs),
    };
    let half = if has("no-half") { 1.0 } else { 0.5 };
    let squares = &w * &w;
    let obd = match () {
        () if has("first-order-hessian") => &squares * &grad.mapv(f64::abs) * half,
        () if has("inverse-in-obd") => &squares * &inv.diag() * half,
        () => &squares * &hessian.diag() * half,
    };
    let obs = match () {
        () if has("diag-for-inverse") => &squares * &hessian.diag() * half,
        () if has("multiplied-by-inverse") => &squares * &inv.diag() * half,
        () => &squares / &inv.diag() * half,
    };

    let mut pruned = w.clone();
    for (mut row, mask) in pruned.rows_mut().into_iter().zip(mask.rows()) {
        let mut inv = inv.clone();
        let goes = |q: usize| (mask[q] == 0.0) != has("mask-inverted");
        let gone: Vec<usize> = (0..k).filter(|&q| goes(q)).collect();
        for &q in &gone {
            let (pivot, column) = (inv[[q, q]], inv.column(q).to_owned());
            let factor = match () {
                () if has("no-compensation") => 0.0,
                () if has("wrong-sign") => -row[q] / pivot,
                () if has("pivot-forgotten") => row[q],
                () => row[q] / pivot,
            };
            row.scaled_add(-factor, &column);
            row[q] = 0.0;
            if !has("one-shot-inverse") {
                for (i, mut line) in inv.rows_mut().into_iter().enumerate() {
                    line.scaled_add(-column[i] / pivot, &column);
                }
                inv.row_mut(q).fill(0.0);
                inv.column_mut(q).fill(0.0);
            }
        }
        gone.iter().for_each(|&q| row[q] = 0.0);
    }
    let outputs = [taylor, obd, obs, pruned];
    outputs.map(|output| output.into_dyn()).to_vec()
}
