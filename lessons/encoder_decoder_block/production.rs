//! The layers out of the kernels for attention, norms and feed-forward networks.

use super::reference::EPS;
use crate::kernels::cpu::{Tier, threads};
use crate::kernels::ffn::{Shape as FfnShape, Weights as FfnWeights, feed_forward};
use crate::kernels::layer_norm::{Input, Output, residual_norms};
use crate::kernels::multi_head::{
    CrossShape, Shape, Weights, cross_attention, multi_head_attention,
};
use crate::ops::causal_mask;
use crate::problem::{Case, Prepared, Work};
use crate::tensor::{Inputs, Tensor};

pub fn name() -> String {
    let tier = Tier::f32().name();
    format!(
        "multi_head, layer_norm, feed-forward, {tier}, {} threads",
        threads()
    )
}

/// Weights, row-major, and sizes.
struct Net {
    attn: Vec<f32>,
    up: Vec<f32>,
    down: Vec<f32>,
    gamma: Vec<f32>,
    zeros: Vec<f32>,
    pre: bool,
    b: usize,
    d: usize,
    f: usize,
}

pub fn prepare(inputs: &Inputs) -> Prepared<'_> {
    let flat = |name: &str| inputs.float(name).iter().copied().collect::<Vec<f32>>();
    let (src, tgt) = (inputs.float("src"), inputs.float("tgt"));
    let (b, m, n, d) = (
        src.shape()[0],
        src.shape()[1],
        tgt.shape()[1],
        src.shape()[2],
    );
    let net = Net {
        attn: flat("attn"),
        up: flat("up"),
        down: flat("down"),
        gamma: flat("gamma"),
        zeros: vec![0.0; b * n.max(m) * d],
        pre: inputs.number("norm_first") != 0.0,
        b,
        d,
        f: inputs.float("up").shape()[2],
    };
    let (source, target, bos) = (flat("src"), flat("tgt"), flat("bos"));
    let mut shifted = Vec::with_capacity(target.len());
    for sequence in target.chunks_exact(n * d) {
        shifted.extend_from_slice(&bos);
        shifted.extend_from_slice(&sequence[..(n - 1) * d]);
    }
    let drop = |keep: &i64| if *keep == 0 { f32::NEG_INFINITY } else { 0.0 };
    let padding: Vec<f32> = inputs.int("src_mask").iter().map(drop).collect();
    let causal: Vec<f32> = causal_mask(n, n).iter().copied().collect();
    let outputs = vec![Tensor::zeros(src.raw_dim()), Tensor::zeros(tgt.raw_dim())];
    Prepared::new(outputs, move |outputs| {
        let x = net.sublayer(&source, 0, |y| net.cross(0, y, y, &padding));
        let memory = net.sublayer(&x, 1, |y| net.ffn(0, y));
        let x = net.sublayer(&shifted, 2, |y| net.own(y, &causal));
        let x = net.sublayer(&x, 3, |y| net.cross(2, y, &memory, &padding));
        let out = net.sublayer(&x, 4, |y| net.ffn(1, y));
        for (output, values) in outputs.iter_mut().zip([memory, out]) {
            let output = output.as_slice_mut().expect("standard layout");
            output.copy_from_slice(&values);
        }
    })
}

impl Net {
    fn sublayer(&self, x: &[f32], i: usize, f: impl FnOnce(&[f32]) -> Vec<f32>) -> Vec<f32> {
        match self.pre {
            true => {
                let mut out = f(&self.norm(x, &self.zeros[..x.len()], i));
                out.iter_mut().zip(x).for_each(|(out, x)| *out += x);
                out
            }
            false => self.norm(x, &f(x), i),
        }
    }

    /// LN(x + y)
    fn norm(&self, x: &[f32], y: &[f32], i: usize) -> Vec<f32> {
        let [mut sum, mut layer_norm, mut rms_norm] = [(); 3].map(|()| vec![0.0; x.len()]);
        let out = Output {
            sum: &mut sum,
            layer_norm: &mut layer_norm,
            rms_norm: &mut rms_norm,
        };
        let input = Input {
            x,
            sublayer: y,
            gamma: &self.gamma[i * self.d..][..self.d],
            beta: &self.zeros[..self.d],
            eps: EPS as f32,
        };
        residual_norms(out, input).unwrap_or_else(|error| panic!("{error}"));
        layer_norm
    }

    fn weights(&self, i: usize) -> Weights<'_> {
        let size = self.d * self.d;
        let at = |w: usize| &self.attn[(4 * i + w) * size..][..size];
        let (q, k, v, o) = (at(0), at(1), at(2), at(3));
        Weights { q, k, v, o }
    }

    /// Attention of x over memory, which may be x, with padding.
    fn cross(&self, i: usize, x: &[f32], memory: &[f32], padding: &[f32]) -> Vec<f32> {
        let (b, d) = (self.b, self.d);
        let shape = CrossShape {
            b,
            n: x.len() / (b * d),
            m: memory.len() / (b * d),
            d,
            c: d,
            h: 1,
        };
        let mut out = vec![0.0; x.len()];
        cross_attention(&mut out, x, memory, self.weights(i), padding, shape)
            .unwrap_or_else(|misfit| panic!("{misfit}"));
        out
    }

    /// The decoder's self-attention.
    fn own(&self, x: &[f32], causal: &[f32]) -> Vec<f32> {
        let (b, d) = (self.b, self.d);
        let shape = Shape {
            b,
            n: x.len() / (b * d),
            d,
            h: 1,
            h_kv: 1,
        };
        let mut out = vec![0.0; x.len()];
        multi_head_attention(&mut out, x, self.weights(1), Some(causal), shape)
            .unwrap_or_else(|misfit| panic!("{misfit}"));
        out
    }

    fn ffn(&self, i: usize, x: &[f32]) -> Vec<f32> {
        let (d, f) = (self.d, self.f);
        let shape = FfnShape {
            rows: x.len() / d,
            features: d,
            hidden: f,
        };
        let weights = FfnWeights::Relu {
            up: &self.up[i * d * f..][..d * f],
            down: &self.down[i * d * f..][..d * f],
        };
        let mut out = vec![0.0; x.len()];
        feed_forward(&mut out, x, weights, shape).unwrap_or_else(|error| panic!("{error}"));
        out
    }
}

/// Twelve projections, six products of attention, four of the FFNs; every operand passes once.
pub fn work(case: &Case) -> Work {
    let [b, n, m, d, f] = ["b", "n", "m", "d", "f"].map(|axis| case.size(axis) as f64);
    let projections = 2.0 * b * d * d * (4.0 * m + 4.0 * n + 2.0 * n + 2.0 * m);
    let attention = 4.0 * b * d * (m * m + n * n + n * m);
    let ffn = 4.0 * b * (n + m) * d * f;
    Work {
        flops: projections + attention + ffn,
        bytes: 4.0 * (2.0 * b * (n + m) * d + 12.0 * d * d + 4.0 * d * f),
    }
}
