//! The band as one batch of small attentions: every block of queries with the keys that some of
//! them see.

use super::reference::Sight;
use crate::kernels::attention::{self as kernel, Mask, Shape};
use crate::kernels::cpu::{Tier, threads};
use crate::problem::Prepared;
use crate::tensor::{Inputs, Tensor};
use ndarray::IxDyn;

/// Queries in a block.
const ROWS: usize = 64;

pub fn name() -> String {
    format!(
        "attention on blocks of {ROWS} queries, {}, {} threads",
        Tier::f32().name(),
        threads()
    )
}

/// A block of queries, and the keys that at least one of them sees.
struct Block {
    rows: std::ops::Range<usize>,
    keys: Vec<usize>,
    /// 0 or −∞, [rows keys].
    mask: Vec<f32>,
}

/// Which keys belong to which block is settled here; the kernel gathers and computes.
pub fn prepare(inputs: &Inputs) -> Prepared<'_> {
    let [q, k, v] = ["q", "k", "v"].map(|name| inputs.float(name).as_standard_layout());
    let [b, h, n, d] = [0, 1, 2, 3].map(|axis| q.shape()[axis]);
    let (m, dv) = (k.shape()[2], v.shape()[3]);
    let sight = Sight::of(inputs);
    let blocks: Vec<Block> = (0..n)
        .step_by(ROWS)
        .map(|first| block(sight, first..n.min(first + ROWS), n, m))
        .collect();
    let (mut keys, mut values) = (Vec::new(), Vec::new());
    let outputs = vec![Tensor::zeros(IxDyn(&[b, h, n, dv]))];
    Prepared::new(outputs, move |outputs| {
        let [q, k, v] = [&q, &k, &v].map(|x| x.as_slice().expect("standard layout"));
        let out = outputs[0].as_slice_mut().expect("standard layout");
        for head in 0..b * h {
            for Block {
                rows,
                keys: seen,
                mask,
            } in &blocks
            {
                keys.clear();
                values.clear();
                for j in seen {
                    keys.extend_from_slice(&k[(head * m + j) * d..][..d]);
                    values.extend_from_slice(&v[(head * m + j) * dv..][..dv]);
                }
                let shape = Shape {
                    b: 1,
                    h: 1,
                    n: rows.len(),
                    m: seen.len(),
                    d,
                    dv,
                };
                let mask = Mask {
                    values: mask,
                    strides: [0, 0, seen.len(), 1],
                };
                let at =
                    |width: usize| (head * n + rows.start) * width..(head * n + rows.end) * width;
                let (q, out) = (&q[at(d)], &mut out[at(dv)]);
                kernel::attention(out, q, &keys, &values, Some(mask), shape)
                    .unwrap_or_else(|misfit| panic!("{misfit}"));
            }
        }
    })
}

fn block(sight: Sight, rows: std::ops::Range<usize>, n: usize, m: usize) -> Block {
    let lists: Vec<Vec<usize>> = rows.clone().map(|r| sight.keys(r, n, m)).collect();
    let mut keys: Vec<usize> = lists.concat();
    keys.sort_unstable();
    keys.dedup();
    let mut mask = vec![f32::NEG_INFINITY; rows.len() * keys.len()];
    for (row, list) in mask.chunks_mut(keys.len().max(1)).zip(&lists) {
        for j in list {
            let at = keys
                .binary_search(j)
                .expect("keys is the union of the lists");
            row[at] = 0.0;
        }
    }
    Block { rows, keys, mask }
}
