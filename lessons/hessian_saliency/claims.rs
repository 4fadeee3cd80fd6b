//! What the notes say about saliency, and what is true.

use super::reference::{inverse, loss, remove};
use crate::lesson::{Claim, Verdict};
use crate::lessons::methods::Calibration;
use crate::text::{Lang, Text};
use crate::tiny::Tiny;
use ndarray::{Array1, Array2};
use rand::{RngExt, SeedableRng, rngs::StdRng};

pub const CLAIMS: &[Claim] = &[Claim {
    id: "C085",
    verdict: Verdict::Wrong,
    quote: "magnitude vs 一阶 Hessian",
    right: Text::new(
        "A Hessian is the matrix of second derivatives, so there is no first-order one. First order is Taylor, |g·w| (Molchanov et al. 2016), which is 0 for every weight at an optimum; second order is OBD, ½·H_qq·w_q² (LeCun et al. 1989), and OBS, w_q²/(2·[H⁻¹]_qq) with the others adjusted (Hassibi and Stork 1992). The notes give no formula.",
        "Hessian 就是二阶导数矩阵，没有「一阶 Hessian」。一阶的是 Taylor：|g·w|（Molchanov 等 2016），在最优点处对所有权重都等于 0；二阶的是 OBD：½·H_qq·w_q²（LeCun 等 1989），以及带补偿的 OBS：w_q²/(2·[H⁻¹]_qq)（Hassibi 和 Stork 1992）。笔记没有给出公式。",
    ),
    demo: Some(compare),
}];

/// The change of the outputs, relative to them: √(δᵀHδ / wᵀHw).
fn relative(pruned: &Array2<f64>, w: &Array2<f64>, h: &Array2<f64>) -> f64 {
    (loss(pruned, w, h) / loss(&Array2::zeros(w.dim()), w, h)).sqrt()
}

/// The half of each row of least score set to 0.
fn prune(w: &Array2<f64>, score: impl Fn(usize, f64) -> f64) -> Array2<f64> {
    let mut pruned = w.clone();
    for mut row in pruned.rows_mut() {
        let mut order: Vec<usize> = (0..row.len()).collect();
        order.sort_by(|&a, &b| score(a, row[a]).total_cmp(&score(b, row[b])));
        order[..row.len() / 2].iter().for_each(|&q| row[q] = 0.0);
    }
    pruned
}

/// OBS as it is meant: the least of all that are left, again and again.
fn surgeon(w: &Array2<f64>, inv: &Array2<f64>) -> Array2<f64> {
    let mut pruned = w.clone();
    for mut row in pruned.rows_mut() {
        let (mut left, mut inv): (Array1<f64>, _) = (row.to_owned(), inv.clone());
        let mut here: Vec<usize> = (0..left.len()).collect();
        for _ in 0..left.len() / 2 {
            let score = |q: usize| left[q] * left[q] / inv[[q, q]];
            let least = (0..here.len()).min_by(|&a, &b| score(here[a]).total_cmp(&score(here[b])));
            let q = here.swap_remove(least.expect("half are left"));
            remove(&mut left, &mut inv, q);
        }
        row.assign(&left);
    }
    pruned
}

/// Magnitude, OBD without and with adjusting, OBS: errors of the outputs.
fn errors(w: &Array2<f64>, h: &Array2<f64>) -> [f64; 4] {
    let inv = inverse(h);
    let diag = h.diag();
    let obd = prune(w, |q, w| diag[q] * w * w);
    let mut adjusted = w.clone();
    for (mut row, obd) in adjusted.rows_mut().into_iter().zip(obd.rows()) {
        let (mut left, mut inv) = (row.to_owned(), inv.clone());
        for q in (0..left.len()).filter(|&q| obd[q] == 0.0) {
            remove(&mut left, &mut inv, q);
        }
        row.assign(&left);
    }
    [prune(w, |_, w| w.abs()), obd, adjusted, surgeon(w, &inv)]
        .map(|pruned| relative(&pruned, w, h))
}

fn compare(lang: Lang) -> String {
    const K: usize = 64;
    let mut rng = StdRng::seed_from_u64(11);
    let mut normal = move || {
        let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
        radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()
    };
    // Neighbours are correlated, and inputs of different size.
    let mut x = Array2::from_shape_simple_fn((1024, K), &mut normal);
    for mut row in x.rows_mut() {
        for j in 1..K {
            row[j] = 0.8 * row[j - 1] + 0.6 * row[j];
        }
        for j in 0..K {
            row[j] *= 4f64.powf(((j * 29) % K) as f64 / K as f64);
        }
    }
    let w = Array2::from_shape_simple_fn((8, K), &mut normal);
    let damped = |x: &Array2<f64>| {
        let h = x.t().dot(x) * (2.0 / x.nrows() as f64);
        let mean = h.diag().sum() / h.nrows() as f64;
        &h + &(Array2::<f64>::eye(h.nrows()) * (0.01 * mean))
    };

    // A layer of the small model, on its own inputs.
    let model = Tiny::trained();
    let calibration = Calibration::new(&model, 8);
    let name = "layers.1.mlp.up_proj";
    let (_, layer) = model
        .linears()
        .find(|(known, _)| known == name)
        .expect("a layer of the model");
    let layer = layer.slice(ndarray::s![..16, ..]).mapv(f64::from);
    let seen = calibration.inputs(name).mapv(f64::from);

    let h = damped(&x);
    // A layer fitted to noisy targets by least squares, w = (XᵀX)⁻¹·Xᵀy: there the gradient is 0.
    let noise = Array2::from_shape_simple_fn((x.nrows(), 8), &mut normal);
    let targets = x.dot(&w.t()) + noise;
    let product = x.t().dot(&x);
    let fitted = inverse(&product).dot(&x.t().dot(&targets));
    let slope = |w: &Array2<f64>| {
        let g = x.t().dot(&(x.dot(w) - &targets)) * (2.0 / x.nrows() as f64);
        g.fold(0.0, |max: f64, g| max.max(g.abs()))
    };
    let (start, end) = (slope(&Array2::zeros(fitted.dim())), slope(&fitted));
    let mut lines = vec![
        lang.pick(
            "Half of the weights of each row removed; change of the outputs, relative.\n  inputs                          magnitude     OBD   OBD, adjusted     OBS",
            "每行删一半权重；输出的相对变化。\n  输入                            幅值          OBD   OBD 加补偿        OBS",
        )
        .to_string(),
    ];
    let drawn = lang.pick("64 correlated ones    ", "64 维，相关           ");
    for (what, w, h) in [(drawn, &w, &h), (name, &layer, &damped(&seen))] {
        let [magnitude, obd, adjusted, obs] = errors(w, h);
        lines.push(format!(
            "  {what:<30} {magnitude:>9.4} {obd:>9.4} {adjusted:>11.4} {obs:>11.4}"
        ));
    }
    lines.push(lang.pick(
        format!("First order has nothing to say at an optimum: a layer fitted to noisy targets has max|g| {start:.1} at w = 0 and {end:.0e} when it is fitted, so |g·w| is 0 for all."),
        format!("一阶在最优点无话可说：对带噪目标做最小二乘，w = 0 处 max|g| 为 {start:.1}，拟合之后为 {end:.0e}，所有 |g·w| 都是 0。"),
    ));
    lines.join("\n")
}
