//! The lesson's kernel on the GPU.

use crate::kernels::cuda::rope::Table;
use crate::kernels::cuda::{Gpu, Trouble};
use crate::kernels::rope::{self, Layout, Shape};
use crate::lessons::gpu::{Launch, OnGpu, as_they_are, download, of_f32, shared, told, upload};
use crate::tensor::Inputs;
use std::rc::Rc;

pub const KERNEL: OnGpu = OnGpu {
    lesson: "rope",
    name: "rope, f32",
    bits: 32,
    rounded: as_they_are,
    tolerance: of_f32,
    prepare,
};

fn prepare(gpu: &'static Gpu, inputs: &Inputs) -> Result<Launch, Trouble> {
    let operands = [
        upload(gpu, inputs.float("q"))?,
        upload(gpu, inputs.float("k"))?,
    ];
    let whole = inputs.float("q").shape().to_vec();
    let [batch, heads, rows, head_dim] = [0, 1, 2, 3].map(|axis| whole[axis]);
    let shape = Shape {
        batch,
        heads,
        rows,
        head_dim,
    };
    let positions: Vec<i64> = inputs.int("positions").iter().copied().collect();
    let table = rope::Table::new(shape, &positions, inputs.number("rope_theta")).map_err(told)?;
    let table = Table::new(gpu, &table)?;
    let rooms = [0, 1].map(|at: usize| gpu.stream.alloc_zeros::<f32>(operands[at].len()));
    let [q, k] = rooms;
    let out = shared([q?, k?]);
    let written = Rc::clone(&out);
    let run = move || {
        let mut out = out.borrow_mut();
        for (x, out) in operands.iter().zip(out.iter_mut()) {
            let (x, mut out) = (x.as_view(), out.as_view_mut());
            table
                .rotate(gpu, &mut out, &x, heads, Layout::Interleaved)
                .map_err(told)?;
        }
        Ok(())
    };
    let values = move || {
        let turned = written.borrow();
        turned
            .iter()
            .map(|out| download(gpu, out, &whole))
            .collect()
    };
    Ok(Launch {
        run: Box::new(run),
        values: Box::new(values),
    })
}
