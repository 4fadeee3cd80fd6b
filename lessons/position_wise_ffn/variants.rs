//! The same computation with every mistake and every convention behind a switch.

use super::reference::{erf, gelu, silu};
use crate::ops::{einsum, permute};
use crate::problem::Variant;
use crate::tensor::{Inputs, Outputs};
use ndarray::ArrayD;

/// Both networks in f64 with planted bugs and conventions; with none it equals the reference.
pub fn variant(inputs: &Inputs, variant: &Variant) -> Outputs {
    let on = |id| variant.has(id);
    let [given, w_up, w_gate, w_down] =
        ["x", "w_up", "w_gate", "w_down"].map(|name| inputs.f64(name));
    let [b_up, b_down] = ["b_up", "b_down"].map(|name| inputs.f64(name));
    let into = |x: &ArrayD<f64>, w: &ArrayD<f64>| einsum("b n d, d f -> b n f", &[x, w]);
    let out_of = |h: &ArrayD<f64>| einsum("b n f, f d -> b n d", &[h, &w_down]);
    let smooth = |z: f64| match () {
        () if on("gelu-tanh") => {
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (z + 0.044715 * z * z * z);
            0.5 * z * (1.0 + inner.tanh())
        }
        () if on("quick-gelu") => z / (1.0 + (-1.702 * z).exp()),
        () => gelu(z),
    };
    let relu = |z: f64| z.max(0.0);
    let x = if on("reshaped-not-permuted") {
        scrambled(&given)
    } else {
        given.clone()
    };
    let up = into(&x, &w_up);

    let plain = on("no-activation") || on("activation-first") || on("activation-last");
    let act = |z: f64| match () {
        () if plain => z,
        () if on("relu") => relu(z),
        () if on("silu-for-gelu") => silu(z),
        () if on("cdf-without-x") => 0.5 * (1.0 + erf(z / 2f64.sqrt())),
        () if on("erf-without-sqrt2") => 0.5 * z * (1.0 + erf(z)),
        () if on("gelu-without-half") => 2.0 * smooth(z),
        () => smooth(z),
    };
    let mut hidden = if on("activation-first") {
        into(&x.mapv(smooth), &w_up)
    } else {
        up.clone()
    };
    let early = !on("no-up-bias") && !on("bias-after-activation");
    if early {
        hidden += &b_up;
    }
    hidden.mapv_inplace(act);
    if on("bias-after-activation") {
        hidden += &b_up;
    }
    let mut ffn = out_of(&hidden);
    if !on("no-down-bias") {
        ffn += &b_down;
    }
    if on("activation-last") {
        ffn.mapv_inplace(smooth);
    }

    let biased = on("swiglu-with-biases");
    let wide = if biased { &up + &b_up } else { up.clone() };
    let gate = if on("gate-is-up") {
        up
    } else {
        into(&x, &w_gate)
    };
    let (gate, wide) = if on("gate-up-swapped") {
        (wide, gate)
    } else {
        (gate, wide)
    };
    let opened = gate.mapv(|z| match () {
        () if on("gate-sigmoid") => 1.0 / (1.0 + (-z).exp()),
        () if on("gate-gelu") => smooth(z),
        () if on("gate-relu") => relu(z),
        () if on("gate-linear") => z,
        () => silu(z),
    });
    let wide = if on("silu-on-both") {
        wide.mapv(silu)
    } else {
        wide
    };
    let gated = match () {
        () if on("gate-alone") => opened,
        () if on("gate-added") => opened + wide,
        () => opened * wide,
    };
    let mut swiglu = out_of(&gated);
    if biased {
        swiglu += &b_down;
    }

    [ffn, swiglu]
        .map(|out| {
            let out = if on("reshaped-not-permuted") {
                unscrambled(&out)
            } else {
                out
            };
            if on("residual-included") {
                out + &given
            } else {
                out
            }
        })
        .to_vec()
}

/// [b n d] read as [b d n] without moving a number, then permuted back to tokens.
fn scrambled(x: &ArrayD<f64>) -> ArrayD<f64> {
    let shape = [x.shape()[0], x.shape()[2], x.shape()[1]];
    let channels = x.to_shape(&shape[..]).expect("the same number of elements");
    permute("b d n -> b n d", &channels.into_owned())
}

fn unscrambled(out: &ArrayD<f64>) -> ArrayD<f64> {
    let channels = permute("b n d -> b d n", out)
        .as_standard_layout()
        .into_owned();
    let back = channels.to_shape(out.shape());
    back.expect("the same number of elements").into_owned()
}
