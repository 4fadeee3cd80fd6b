//! The same computation, compactly, with every planted bug behind its id.

use super::reference::arguments;
use crate::problem::Variant;
use crate::tensor::{Inputs, Outputs};
use ndarray::{ArrayD, arr0};

pub fn variant(inputs: &Inputs, v: &Variant) -> Outputs {
    let args = arguments(inputs);
    let (s, z, qmin) = (args.scale, args.zero_point, args.qmin);
    let qmax = args.qmax + f64::from(u8::from(v.has("one-level-more")));
    let mut x_hat = args.x.clone();
    let mut grad_x: ArrayD<f64> = args.grad_out.clone();
    let mut sum = 0.0;
    for ((x_hat, grad_x), (&x, &g)) in x_hat
        .iter_mut()
        .zip(&mut grad_x)
        .zip(args.x.iter().zip(&args.grad_out))
    {
        let u = x / s;
        let rounded = match v.has("floor") {
            true => u.floor(),
            false => u.round_ties_even(),
        };
        let code = match () {
            () if v.has("zero-point-subtracted") => rounded - z,
            () if v.has("clamp-before-zero-point") => rounded,
            () => rounded + z,
        };
        let mut q = match v.has("no-clamp") {
            true => code,
            false => code.clamp(qmin, qmax),
        };
        if v.has("clamp-before-zero-point") {
            q += z;
        }
        let back = if v.has("zero-point-left-in") { 0.0 } else { z };
        *x_hat = s * (q - back);
        // Whether the code was clipped, or by how much x itself is beyond the ends.
        let inside = match () {
            () if v.has("unrounded-mask") => u + z >= qmin && u + z <= qmax,
            () if v.has("ends-clipped") => code > qmin && code < qmax,
            () if v.has("no-clamp") => code >= qmin && code <= qmax,
            () if v.has("clamp-before-zero-point") => q - z == code,
            () => q == code,
        };
        *grad_x = match () {
            () if v.has("true-gradient") => 0.0,
            () if v.has("no-clip-mask") => g,
            () => g * f64::from(u8::from(inside != v.has("mask-inverted"))),
        };
        if v.has("gradient-times-scale") {
            *grad_x *= s;
        }
        if v.has("gradient-over-scale") {
            *grad_x /= s;
        }
        let end = match () {
            () if v.has("scale-gradient-forgets-z") => q,
            // The end that x lies beyond.
            () if v.has("unrounded-mask") && !inside => {
                (if u + z > qmax { qmax } else { qmin }) - z
            }
            () => q - z,
        };
        let slope = match inside || v.has("scale-gradient-inside-everywhere") {
            true if v.has("scale-gradient-without-round") => -u,
            true => rounded - u,
            false if v.has("scale-gradient-zero-outside") => 0.0,
            false => end,
        };
        sum += slope * if v.has("upstream-forgotten") { 1.0 } else { g };
    }
    let n = args.x.len() as f64 * args.qmax;
    let grad_scale = match () {
        () if v.has("no-gradient-scale") => sum,
        () if v.has("gradient-scale-without-root") => sum / n,
        () => sum / n.sqrt(),
    };
    vec![x_hat, grad_x, arr0(grad_scale).into_dyn()]
}
