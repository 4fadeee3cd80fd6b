//! The lesson's kernel on the GPU: bf16 on tensor cores.

use crate::kernels::attention::Shape;
use crate::kernels::cuda::attention::{Options, attention};
use crate::kernels::cuda::{Gpu, Trouble};
use crate::lessons::gpu::{Launch, OnGpu, of_f32, shared, told};
use crate::problem::Problem;
use crate::tensor::{Inputs, Value, max_abs};
use half::bf16;
use ndarray::{ArrayD, IxDyn};
use std::rc::Rc;

pub const KERNEL: OnGpu = OnGpu {
    lesson: "attention",
    name: "attention, bf16 on tensor cores",
    bits: 16,
    rounded,
    tolerance,
    prepare,
};

fn rounded(mut inputs: Inputs) -> Inputs {
    for name in ["q", "k", "v"] {
        let x = inputs.float(name).mapv(|x| bf16::from_f32(x).to_f32());
        inputs.set(name, Value::Float(x));
    }
    inputs
}

/// A weight rounded to bf16 is off by half a unit of its last place, 2⁻⁹ of it, and so is the output; the rest
/// happens in f32.
fn tolerance(problem: &Problem, inputs: &Inputs) -> f64 {
    of_f32(problem, inputs) + 2.0 * 2f64.powi(-9) * max_abs(inputs.float("v"))
}

/// The large case has no mask.
fn prepare(gpu: &'static Gpu, inputs: &Inputs) -> Result<Launch, Trouble> {
    let upload = |name: &str| -> Result<_, Trouble> {
        let x: Vec<bf16> = inputs
            .float(name)
            .iter()
            .map(|x| bf16::from_f32(*x))
            .collect();
        Ok(gpu.stream.clone_htod(&x)?)
    };
    let (q, k, v) = (upload("q")?, upload("k")?, upload("v")?);
    let [b, h, n, d] = [0, 1, 2, 3].map(|axis| inputs.float("q").shape()[axis]);
    let m = inputs.float("k").shape()[2];
    let dv = inputs.float("v").shape()[3];
    let shape = Shape { b, h, n, m, d, dv };
    let out = shared(gpu.stream.alloc_zeros::<bf16>(b * h * n * dv)?);
    let written = Rc::clone(&out);
    let run = move || {
        let mut out = out.borrow_mut();
        let operands = [&q.as_view(), &k.as_view(), &v.as_view()];
        attention(
            gpu,
            &mut out.as_view_mut(),
            None,
            operands,
            Options::default(),
            shape,
        )
        .map_err(told)
    };
    let values = move || {
        let out = gpu.stream.clone_dtoh(&*written.borrow())?;
        let out = out.iter().map(|x| x.to_f64()).collect();
        let shape = IxDyn(&[b, h, n, dv]);
        Ok(vec![
            ArrayD::from_shape_vec(shape, out).expect("the shape's length"),
        ])
    };
    Ok(Launch {
        run: Box::new(run),
        values: Box::new(values),
    })
}
