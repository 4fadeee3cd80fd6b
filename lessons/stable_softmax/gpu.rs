//! The lesson's kernel on the GPU: the softmax alone, without the two logarithms.

use crate::kernels::cuda::softmax::softmax_rows;
use crate::kernels::cuda::{Gpu, Trouble};
use crate::lessons::gpu::{Launch, OnGpu, as_they_are, download, of_f32, shared, told, upload};
use crate::tensor::Inputs;
use std::rc::Rc;

pub const KERNEL: OnGpu = OnGpu {
    lesson: "stable-softmax",
    name: "softmax alone, f32",
    bits: 32,
    rounded: as_they_are,
    tolerance: of_f32,
    prepare,
};

fn prepare(gpu: &'static Gpu, inputs: &Inputs) -> Result<Launch, Trouble> {
    let x = upload(gpu, inputs.float("x"))?;
    let whole = inputs.float("x").shape().to_vec();
    let m = whole[1];
    let out = shared(gpu.stream.alloc_zeros::<f32>(x.len())?);
    let written = Rc::clone(&out);
    let run = move || {
        let mut out = out.borrow_mut();
        softmax_rows(gpu, &mut out.as_view_mut(), &x.as_view(), m).map_err(told)
    };
    let values = move || Ok(vec![download(gpu, &written.borrow(), &whole)?]);
    Ok(Launch {
        run: Box::new(run),
        values: Box::new(values),
    })
}
