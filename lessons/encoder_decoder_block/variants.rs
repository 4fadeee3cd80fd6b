//! The same computation with every mistake behind a switch, and with a disturbance that measures how
//! exact an f32 answer can be.

use super::reference::{EPS, row, shift_right};
use crate::ops::{causal_mask, einsum, matmul, softmax};
use crate::problem::Variant;
use crate::tensor::{Inputs, Outputs, max_abs};
use ndarray::{ArrayD, Axis, IxDyn};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::cell::RefCell;

type Array = ArrayD<f64>;

/// Encoder and decoder layer in f64 with planted bugs; with none it equals the reference.
pub fn variant(inputs: &Inputs, variant: &Variant) -> Outputs {
    Net::new(inputs, variant, None).run(inputs)
}

/// A disturbance, as a part of the largest value.
pub const DISTURBANCE: f64 = 1.0 / (1 << 20) as f64;

/// The right outputs, with every value on the way off by up to [`DISTURBANCE`] times the largest
/// value of its tensor.
pub fn disturbed(inputs: &Inputs, seed: u64) -> Outputs {
    let noise = StdRng::seed_from_u64(seed);
    Net::new(inputs, &Variant::default(), Some(noise)).run(inputs)
}

struct Net<'a> {
    variant: &'a Variant,
    attn: Array,
    up: Array,
    down: Array,
    gamma: Array,
    pre: bool,
    noise: RefCell<Option<StdRng>>,
}

impl Net<'_> {
    fn new<'a>(inputs: &Inputs, variant: &'a Variant, noise: Option<StdRng>) -> Net<'a> {
        let pre = inputs.number("norm_first") != 0.0;
        Net {
            variant,
            attn: inputs.f64("attn"),
            up: inputs.f64("up"),
            down: inputs.f64("down"),
            gamma: inputs.f64("gamma"),
            pre: pre != variant.has("norm-order-swapped"),
            noise: RefCell::new(noise),
        }
    }

    fn on(&self, id: &str) -> bool {
        self.variant.has(id)
    }

    fn run(&self, inputs: &Inputs) -> Outputs {
        let [src, tgt, bos] = ["src", "tgt", "bos"].map(|name| inputs.f64(name));
        let (m, n) = (src.shape()[1], tgt.shape()[1]);
        let drop = |keep: i64| if keep == 0 { f64::NEG_INFINITY } else { 0.0 };
        let padding = inputs.int("src_mask").mapv(drop).insert_axis(Axis(1));
        let open = Array::zeros(IxDyn(&[1, 1, 1]));

        let mut reads = match self.on("padding-in-encoder") {
            true => open.clone(),
            false => padding.clone(),
        };
        if self.on("encoder-causal") {
            reads = reads + causal_mask::<f64>(m, m);
        }
        let mut x = self.sublayer(&src, 0, |y| self.attend(0, y, y, &reads));
        if self.on("encoder-cross-attn") {
            x = self.sublayer(&x, 3, |y| self.attend(2, y, &src, &padding));
        }
        let memory = self.sublayer(&x, 1, |y| self.ffn(0, y));

        let input = match self.on("no-shift-right") {
            true => tgt,
            false => shift_right(&tgt, &bos),
        };
        let layer = usize::from(!self.on("shared-weights"));
        let causal = match self.on("decoder-no-mask") {
            true => open.clone(),
            false => causal_mask(n, n),
        };
        let own = |x: &Array| self.sublayer(x, 2, |y| self.attend(layer, y, y, &causal));
        let mut reads = match self.on("padding-in-cross") {
            true => open.clone(),
            false => padding,
        };
        if self.on("causal-on-cross") {
            // Target position i is given the source positions up to i.
            reads = reads + causal_mask::<f64>(n.max(m), m.max(n)).slice(ndarray::s![..n, ..m]);
        }
        let cross = |x: &Array| match () {
            () if self.on("no-cross") => x.clone(),
            () if self.on("cross-reads-target") => {
                self.sublayer(x, 3, |y| self.attend(2, y, y, &open))
            }
            () if self.on("cross-reads-src") => {
                self.sublayer(x, 3, |y| self.attend(2, y, &src, &reads))
            }
            () if self.on("memory-normed") && self.pre => {
                let normed = self.norm(&memory, 3);
                self.sublayer(x, 3, |y| self.attend(2, y, &normed, &reads))
            }
            () => self.sublayer(x, 3, |y| self.attend(2, y, &memory, &reads)),
        };
        let x = match self.on("cross-before-self") {
            true => own(&cross(&input)),
            false => cross(&own(&input)),
        };
        let out = self.sublayer(&x, 4, |y| self.ffn(layer, y));
        vec![memory, out]
    }

    fn sublayer(&self, x: &Array, norm: usize, f: impl FnOnce(&Array) -> Array) -> Array {
        let norm = if self.on("shared-norm") { 0 } else { norm };
        let normed = |x: &Array| match self.on("no-norm") {
            true => x.clone(),
            false => self.norm(x, norm),
        };
        let y = if self.pre { normed(x) } else { x.clone() };
        let change = f(&y);
        let sum = match () {
            () if self.on("no-residual") => change,
            () if self.on("residual-from-normed") => y + change,
            () => x + &change,
        };
        let sum = self.settle(sum);
        match self.pre && !self.on("norm-twice") {
            true => sum,
            false => normed(&sum),
        }
    }

    fn norm(&self, x: &Array, i: usize) -> Array {
        let last = Axis(2);
        let d = x.len_of(last) as f64;
        let centred = x - &(x.sum_axis(last).insert_axis(last) / d);
        let variance = (&centred * &centred).sum_axis(last).insert_axis(last) / d;
        let std = variance.mapv(|v| (v + EPS).sqrt());
        self.settle(centred / std * row(&self.gamma, i))
    }

    fn attend(&self, i: usize, q: &Array, kv: &Array, mask: &Array) -> Array {
        let w = row(&self.attn, i);
        let project = |x: &Array, i| self.settle(matmul(x, &row(&w, i)));
        let (q, k, v) = (project(q, 0), project(kv, 1), project(kv, 2));
        let root = (q.shape()[2] as f64).sqrt();
        let scores = self.settle(einsum("b n d, b m d -> b n m", &[&q, &k]) / root);
        let weights = softmax(&(scores + mask), 2);
        project(&einsum("b n m, b m d -> b n d", &[&weights, &v]), 3)
    }

    fn ffn(&self, i: usize, x: &Array) -> Array {
        let hidden = self.settle(matmul(x, &row(&self.up, i)));
        self.settle(matmul(&hidden.mapv(|z| z.max(0.0)), &row(&self.down, i)))
    }

    /// Disturbs a value, where that is wanted.
    fn settle(&self, mut x: Array) -> Array {
        if let Some(rng) = self.noise.borrow_mut().as_mut() {
            let size = DISTURBANCE * max_abs(&x);
            x.mapv_inplace(|x| x + size * rng.random_range(-1.0..1.0));
        }
        x
    }
}
