//! Every wrong attention that we know, as one function with switches.

use crate::ops::einsum;
use crate::problem::Variant;
use crate::tensor::{Inputs, Outputs};
use ndarray::{ArrayD, ArrayViewMut1, Axis, IxDyn, Slice, Zip};

const DROP: f64 = f64::NEG_INFINITY;

/// The reference with the bugs of `variant` planted; with none it equals the reference.
pub fn variant(inputs: &Inputs, variant: &Variant) -> Outputs {
    let has = |id: &str| variant.has(id);
    let (q, mut k, mut v) = (inputs.f64("q"), inputs.f64("k"), inputs.f64("v"));
    let (b, h, n, d) = (q.shape()[0], q.shape()[1], q.shape()[2], q.shape()[3]);
    let (m, dv) = (k.shape()[2], v.shape()[3]);
    let mut mask = inputs.optional("mask").map(|mask| {
        let mask = mask.mapv(f64::from);
        mask.broadcast(IxDyn(&[b, h, n, m]))
            .expect("the mask's shape was checked")
            .to_owned()
    });
    for (id, axis) in [("kv-first-batch", 0), ("kv-first-head", 1)] {
        if has(id) {
            (k, v) = (first(&k, axis), first(&v, axis));
        }
    }
    for (id, axis) in [("mask-first-batch", 0), ("mask-first-head", 1)] {
        if has(id) {
            mask = mask.map(|mask| first(&mask, axis));
        }
    }
    if has("last-key-dropped") {
        let cut = |x: &ArrayD<f64>, axis| x.slice_axis(Axis(axis), Slice::from(..m - 1)).to_owned();
        (k, v, mask) = (cut(&k, 2), cut(&v, 2), mask.map(|mask| cut(&mask, 3)));
    }
    if has("mask-ignored") {
        mask = None;
    }

    let divisor = divisor(variant, [h, n, m, d, dv]);
    let mut scores = einsum("b h n d, b h m d -> b h n m", &[&q, &k]) / divisor;
    if let Some(mask) = &mut mask {
        mask.mapv_inplace(|x| reread(variant, x));
        let before = [
            "mask-after-softmax",
            "exp-mask-after-softmax",
            "mask-on-weights",
        ];
        if !before.iter().any(|id| has(id)) {
            let unmasked = scores.clone();
            Zip::from(&mut scores).and(&*mask).for_each(|s, &x| {
                *s = match x {
                    DROP if has("masked-score-zero") => 0.0,
                    DROP if has("uniform-on-masked-row") => -1e9,
                    x if has("mask-multiply") => *s * x,
                    x if has("mask-before-scale") => *s + x / divisor,
                    x => *s + x,
                }
            });
            if has("masked-row-unmasked") {
                for (mut row, unmasked) in scores.rows_mut().into_iter().zip(unmasked.rows()) {
                    if row.iter().all(|s| *s == DROP) {
                        row.assign(&unmasked);
                    }
                }
            }
        }
    }
    for ((i, j), s) in scores.indexed_iter_mut().map(|(at, s)| ((at[2], at[3]), s)) {
        let top_left = has("causal-top-left") && j > i;
        let bottom_right = has("causal-bottom-right") && j + n > i + m;
        if top_left || bottom_right {
            *s = DROP;
        }
    }

    let mut weights = soften(variant, scores);
    if has("softmax-twice") {
        weights = soften(variant, weights);
    }
    if has("scale-after-softmax") {
        weights /= (d as f64).sqrt();
    }
    if let Some(mask) = &mask {
        Zip::from(&mut weights).and(mask).for_each(|w, &x| {
            if has("mask-on-weights") {
                *w += x;
            } else if has("exp-mask-after-softmax") {
                *w *= x.exp();
            } else if has("mask-after-softmax") && x == DROP {
                *w = 0.0;
            }
        });
    }
    let mut out = einsum("b h n m, b h m dv -> b h n dv", &[&weights, &v]);
    if has("mean-over-keys") {
        out /= m as f64;
    }
    vec![out]
}

/// The first item of an axis in the place of all.
fn first(x: &ArrayD<f64>, axis: usize) -> ArrayD<f64> {
    x.select(Axis(axis), &vec![0; x.shape()[axis]])
}

/// What the scores are divided by.
fn divisor(variant: &Variant, [h, n, m, d, dv]: [usize; 5]) -> f64 {
    let [h, n, m, d, dv] = [h, n, m, d, dv].map(|size| size as f64);
    let known = [
        ("no-scale", 1.0),
        ("scale-after-softmax", 1.0),
        ("scale-dmodel", (h * d).sqrt()),
        ("scale-dk-not-sqrt", d),
        ("scale-fourth-root", d.powf(0.25)),
        ("scale-multiply", 1.0 / d.sqrt()),
        ("scale-dv", dv.sqrt()),
        ("scale-keys", m.sqrt()),
        ("scale-queries", n.sqrt()),
    ];
    let wrong = known.iter().find(|(id, _)| variant.has(id));
    wrong.map_or(d.sqrt(), |(_, divisor)| *divisor)
}

/// How an element of the mask is misread.
fn reread(variant: &Variant, x: f64) -> f64 {
    let dropped = x == DROP;
    if variant.has("bias-ignored") {
        if dropped { DROP } else { 0.0 }
    } else if variant.has("bias-drops") {
        if x == 0.0 { 0.0 } else { DROP }
    } else if variant.has("mask-inverted") {
        if x == 0.0 { DROP } else { 0.0 }
    } else if variant.has("keep-mask-added") {
        if dropped { 0.0 } else { 1.0 }
    } else if variant.has("drop-mask-added") {
        if dropped { 1.0 } else { 0.0 }
    } else if variant.has("mask-subtracted") {
        -x
    } else {
        x
    }
}

/// Softmax over the keys, or what is taken for it.
fn soften(variant: &Variant, mut scores: ArrayD<f64>) -> ArrayD<f64> {
    let has = |id: &str| variant.has(id);
    if has("no-softmax") {
        return scores;
    }
    let shape = scores.shape().to_vec();
    let max = scores.fold(DROP, |max, &s| max.max(s));
    let known = [
        ("softmax-batch", 0),
        ("softmax-heads", 1),
        ("softmax-queries", 2),
    ];
    let wrong = known.iter().find(|(id, _)| has(id));
    let axis = wrong.map_or(3, |(_, axis)| *axis);
    if has("softmax-whole-matrix") {
        let flat = IxDyn(&[shape[0], shape[1], 1, shape[2] * shape[3]]);
        scores = scores
            .into_shape_with_order(flat)
            .expect("as many elements");
    }
    for lane in scores.lanes_mut(Axis(axis)) {
        soften_lane(variant, lane, max);
    }
    scores
        .into_shape_with_order(shape)
        .expect("as many elements")
}

/// One softmax. `highest` is the largest score of the whole tensor.
fn soften_lane(variant: &Variant, mut lane: ArrayViewMut1<'_, f64>, highest: f64) {
    let has = |id: &str| variant.has(id);
    let nothing = if has("nan-on-masked-row") {
        f64::NAN
    } else {
        0.0
    };
    if lane.iter().all(|s| *s == DROP) {
        lane.fill(if has("log-softmax") {
            f64::NAN
        } else {
            nothing
        });
        return;
    }
    let own = lane.fold(DROP, |max, &s| max.max(s));
    let max = match () {
        () if has("no-max") => 0.0,
        () if has("max-of-tensor") => highest,
        () => own,
    };
    let rate = if has("exp2") {
        std::f64::consts::LN_2
    } else {
        1.0
    };
    let exp = |s: f64| ((s - max) * rate).exp();
    if has("log-softmax") {
        let sum = lane.fold(0.0, |sum, &s| sum + exp(s)).ln();
        lane.mapv_inplace(|s| s - max - sum);
        return;
    }
    // These two are wrong by the range of f32 alone: what overflows or vanishes there must do so here.
    let narrow = has("no-max") || has("max-of-tensor");
    let round = |x: f64| if narrow { f64::from(x as f32) } else { x };
    lane.mapv_inplace(|s| round(exp(s)));
    if has("no-normalise") {
        return;
    }
    let sum = round(lane.sum());
    lane.mapv_inplace(|w| if sum == 0.0 { nothing } else { w / sum });
}
