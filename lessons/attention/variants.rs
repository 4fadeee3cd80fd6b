//! Every wrong attention that we know, as one function with switches.

use crate::ops::einsum;
use crate::problem::Variant;
use crate::tensor::{Inputs, Outputs};
use ndarray::{ArrayD, ArrayViewMut1, Axis, IxDyn, Slice};

const DROP: f64 = f64::NEG_INFINITY;

/// Bugs that apply the mask to the weights and not to the scores.
const LATE: [&str; 3] = [
    "mask-after-softmax",
    "exp-mask-after-softmax",
    "mask-on-weights",
];

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
        let cut = |x: &ArrayD<f64>, axis| {
            x.slice_axis(Axis(axis), Slice::from(..m.saturating_sub(1)))
                .to_owned()
        };
        (k, v, mask) = (cut(&k, 2), cut(&v, 2), mask.map(|mask| cut(&mask, 3)));
    }
    if has("mask-ignored") {
        mask = None;
    }

    let divisor = divisor(variant, [h, n, m, d, dv]);
    let mut scores = einsum("b h n d, b h m d -> b h n m", &[&q, &k]) / divisor;
    mask = mask.map(|mask| mask.mapv(reread(variant)));
    let late = LATE.iter().any(|id| has(id));
    if let Some(mask) = mask.as_ref().filter(|_| !late) {
        scores = masked(variant, scores, mask, divisor);
    }
    if has("causal-top-left") || has("causal-bottom-right") {
        // Key j may be seen by query i where j + behind ≤ i + ahead.
        let (behind, ahead) = match has("causal-top-left") {
            true => (0, 0),
            false => (n, m),
        };
        for (at, s) in scores.indexed_iter_mut() {
            if at[3] + behind > at[2] + ahead {
                *s = DROP;
            }
        }
    }

    let mut weights = soften(variant, scores);
    if has("softmax-twice") {
        weights = soften(variant, weights);
    }
    if has("scale-after-softmax") {
        weights /= (d as f64).sqrt();
    }
    if let Some(mask) = mask.filter(|_| late) {
        let apply: fn(&mut f64, &f64) = if has("mask-on-weights") {
            |w, x| *w += x
        } else if has("exp-mask-after-softmax") {
            |w, x| *w *= x.exp()
        } else {
            |w, x| *w = if *x == DROP { 0.0 } else { *w }
        };
        weights.zip_mut_with(&mask, apply);
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

type Misread = fn(f64) -> f64;

/// How an element of the mask is misread.
fn reread(variant: &Variant) -> Misread {
    let known: [(&str, Misread); 6] = [
        ("bias-ignored", |x| if x == DROP { DROP } else { 0.0 }),
        ("bias-drops", |x| if x == 0.0 { 0.0 } else { DROP }),
        ("mask-inverted", |x| if x == 0.0 { DROP } else { 0.0 }),
        ("keep-mask-added", |x| if x == DROP { 0.0 } else { 1.0 }),
        ("drop-mask-added", |x| if x == DROP { 1.0 } else { 0.0 }),
        ("mask-subtracted", |x| -x),
    ];
    let wrong = known.iter().find(|(id, _)| variant.has(id));
    wrong.map_or(|x| x, |(_, misread)| *misread)
}

/// The scores with the mask, or with what is done in its place.
fn masked(variant: &Variant, scores: ArrayD<f64>, mask: &ArrayD<f64>, divisor: f64) -> ArrayD<f64> {
    let has = |id: &str| variant.has(id);
    let dropped = match () {
        () if has("masked-score-zero") => Some(0.0),
        () if has("uniform-on-masked-row") => Some(-1e9),
        () => None,
    };
    let (multiply, shrink) = (has("mask-multiply"), has("mask-before-scale"));
    let mut out = scores.clone();
    out.zip_mut_with(mask, |s, &x| {
        *s = match dropped {
            Some(value) if x == DROP => value,
            _ if multiply => *s * x,
            _ if shrink => *s + x / divisor,
            _ => *s + x,
        }
    });
    if has("masked-row-unmasked") {
        for (mut row, unmasked) in out.rows_mut().into_iter().zip(scores.rows()) {
            if row.iter().all(|s| *s == DROP) {
                row.assign(&unmasked);
            }
        }
    }
    out
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
