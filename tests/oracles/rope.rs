//! ONNX `RotaryEmbedding` (opset 23) in terms of the lesson's rotation.
//!
//! ONNX is given cosines and sines, here random numbers that belong to no angle. So this compares
//! the rotation of q and k alone, not the angles.

use crate::{Case, Pairs};
use llmlab::lessons::rope::turn;
use ndarray::{Array3, ArrayD, Axis, Ix4, IxDyn, concatenate};

pub fn run(case: &mut Case) -> Result<Pairs, &'static str> {
    let x = case.tensor("input").values;
    let shape = x.shape().to_vec();
    // [b h n d], or [b n h·d]
    let x = match case.int("num_heads") {
        Some(h) if x.ndim() == 3 => {
            let (h, [b, n, width]) = (h as usize, [shape[0], shape[1], shape[2]]);
            let x = x.into_shape_with_order(IxDyn(&[b, n, h, width / h]));
            x.expect("heads divide the width")
                .permuted_axes(IxDyn(&[0, 2, 1, 3]))
        }
        _ => x,
    };
    let x = x.into_dimensionality::<Ix4>().expect("axes b h n d");
    let (b, _, n, d) = x.dim();

    let positions = case
        .optional("position_ids")
        .map(|positions| positions.values);
    let table = |cache: ArrayD<f64>| -> Array3<f64> {
        let rows = match &positions {
            Some(positions) => {
                let rows: Vec<usize> = positions.iter().map(|p| *p as usize).collect();
                cache.select(Axis(0), &rows)
            }
            None => cache,
        };
        let pairs = rows.shape()[rows.ndim() - 1];
        rows.into_shape_with_order((b, n, pairs))
            .expect("axes b n p")
    };
    let cos = table(case.tensor("cos_cache").values);
    let sin = table(case.tensor("sin_cache").values);

    // The rest of a head stays as it is.
    let width = match case.int("rotary_embedding_dim") {
        None | Some(0) => d,
        Some(width) => width as usize,
    };
    let (turned, kept) = x.view().split_at(Axis(3), width);

    // The lesson's pairs are neighbours; ONNX's are unless `interleaved` half a width apart.
    let half = width / 2;
    let (to, back): (Vec<usize>, Vec<usize>) = match case.int("interleaved") {
        Some(1) => (0..width).map(|j| (j, j)).unzip(),
        _ => (0..width)
            .map(|j| (j % 2 * half + j / 2, j % half * 2 + j / half))
            .unzip(),
    };
    let turned = turn(&turned.select(Axis(3), &to), &cos, &sin).select(Axis(3), &back);
    let out = concatenate(Axis(3), &[turned.view(), kept]).expect("the same leading axes");

    let out = if shape.len() == 3 {
        out.permuted_axes([0, 2, 1, 3])
    } else {
        out
    };
    let out = out
        .to_shape(IxDyn(&shape))
        .expect("as many values")
        .into_owned();
    Ok(vec![("output", out, case.tensor("output"))])
}
