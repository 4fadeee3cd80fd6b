//! The lesson's kernel on the GPU.

use super::reference::{IGNORED, class_weights};
use crate::kernels::cuda::cross_entropy::{Input, Shape, sums, weighted_losses};
use crate::kernels::cuda::{Gpu, Trouble};
use crate::lessons::gpu::{Launch, OnGpu, as_they_are, of_f32, shared, told, upload};
use crate::tensor::Inputs;
use ndarray::arr0;
use std::rc::Rc;

pub const KERNEL: OnGpu = OnGpu {
    lesson: "class-weighted-ce",
    name: "cross-entropy, f32",
    bits: 32,
    rounded: as_they_are,
    tolerance: of_f32,
    prepare,
};

fn prepare(gpu: &'static Gpu, inputs: &Inputs) -> Result<Launch, Trouble> {
    let stream = &gpu.stream;
    let logits = upload(gpu, inputs.float("logits"))?;
    let targets: Vec<i64> = inputs.int("targets").iter().copied().collect();
    let counts = inputs.int("class_counts").iter().map(|&n| n as f64);
    let weights: Vec<f32> = class_weights(&counts.collect())
        .iter()
        .map(|w| *w as f32)
        .collect();
    let shape = Shape {
        rows: targets.len(),
        classes: weights.len(),
        ignored: IGNORED,
    };
    let (targets, weights) = (stream.clone_htod(&targets)?, stream.clone_htod(&weights)?);
    let mut losses = stream.alloc_zeros::<f32>(shape.rows)?;
    let mut logsumexp = stream.alloc_zeros::<f32>(shape.rows)?;
    let out = shared(stream.alloc_zeros::<f64>(2)?);
    let written = Rc::clone(&out);
    let run = move || {
        let (logits, targets, weights) = (logits.as_view(), targets.as_view(), weights.as_view());
        let input = Input {
            logits: &logits,
            targets: &targets,
            weights: &weights,
            shape,
        };
        let mut out = out.borrow_mut();
        let [losses, logsumexp] = [&mut losses, &mut logsumexp].map(|slice| slice.as_view_mut());
        let (mut losses, mut logsumexp) = (losses, logsumexp);
        weighted_losses(
            gpu,
            &mut losses,
            &mut logsumexp,
            &mut out.as_view_mut(),
            input,
        )
        .map_err(told)
    };
    let values = move || {
        let both = gpu.stream.clone_dtoh(&*written.borrow())?;
        let mean = sums([both[0], both[1]]).mean();
        Ok(vec![arr0(mean).into_dyn()])
    };
    Ok(Launch {
        run: Box::new(run),
        values: Box::new(values),
    })
}
