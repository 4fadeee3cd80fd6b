//! The lesson's kernel on the GPU: bf16 on tensor cores.

use crate::kernels::attention::{self as cpu, Shape};
use crate::kernels::cuda::attention::{Options, Version, attention_by};
use crate::kernels::cuda::{Gpu, Trouble};
use crate::lessons::gpu::{Ladder, Launch, OnGpu, Rung, download, noise, of_f32, shared, told};
use crate::problem::Problem;
use crate::tensor::{Inputs, Outputs, Value, max_abs};
use crate::text::Text;
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
    let [q, k, v] = ["q", "k", "v"].map(|name| inputs.float(name));
    let [b, h, n, d] = [0, 1, 2, 3].map(|axis| q.shape()[axis]);
    let (m, dv) = (k.shape()[2], v.shape()[3]);
    let shape = Shape { b, h, n, m, d, dv };
    let operands = [q, k, v].map(|x| x.iter().map(|x| bf16::from_f32(*x)).collect());
    launch(gpu, Version::best(gpu), operands, shape)
}

/// One version on `q`, `k` and `v`.
fn launch(
    gpu: &'static Gpu,
    version: Version,
    [q, k, v]: [Vec<bf16>; 3],
    shape: Shape,
) -> Result<Launch, Trouble> {
    let upload = |x: &[bf16]| gpu.stream.clone_htod(x);
    let (q, k, v) = (upload(&q)?, upload(&k)?, upload(&v)?);
    let whole = [shape.b, shape.h, shape.n, shape.dv];
    let out = shared(gpu.stream.alloc_zeros::<bf16>(whole.iter().product())?);
    let written = Rc::clone(&out);
    let run = move || {
        let out = &mut *out.borrow_mut();
        let out = &mut out.as_view_mut();
        let operands = [&q.as_view(), &k.as_view(), &v.as_view()];
        attention_by(version, gpu, out, None, operands, Options::default(), shape).map_err(told)
    };
    let values = move || Ok(vec![download(gpu, &written.borrow(), &whole)?]);
    Ok(Launch {
        run: Box::new(run),
        values: Box::new(values),
    })
}

/// Sizes of the ladder: enough work for every multiprocessor.
const SHAPE: Shape = Shape {
    b: 1,
    h: 16,
    n: 4096,
    m: 4096,
    d: 128,
    dv: 128,
};
const ELEMENTS: usize = SHAPE.b * SHAPE.h * SHAPE.n * SHAPE.d;

pub const LADDER: Ladder = Ladder {
    lesson: "attention",
    case: "b=1 h=16 n=m=4096 d=128, bf16, no mask",
    flops: 4.0 * (ELEMENTS * SHAPE.m) as f64,
    bytes: 2.0 * 4.0 * ELEMENTS as f64,
    truth,
    rungs: &[
        rung::<1>(Text::new(
            "mma.sync, ldmatrix, cp.async: tensor cores as every GPU since Ampere has them",
            "mma.sync、ldmatrix、cp.async：Ampere 起每代 GPU 都有的 tensor core 用法",
        )),
        rung::<2>(Text::new(
            "wgmma reads tiles from shared memory by itself, TMA brings them: Hopper's own way",
            "wgmma 直接从共享内存取分块，TMA 负责搬运：Hopper 的方式",
        )),
        rung::<3>(Text::new(
            "warps with roles: one warpgroup only loads and gives its registers to two that compute",
            "warp 分工：一个 warpgroup 只管加载，把寄存器让给两个计算 warpgroup",
        )),
        rung::<4>(Text::new(
            "the two take turns: the softmax of one runs under the products of the other",
            "两个计算 warpgroup 轮流：一个算 softmax 时另一个做矩阵乘",
        )),
        rung::<5>(Text::new(
            "the softmax of one tile runs under the product of the next, within a warpgroup too",
            "同一 warpgroup 内，上一块的 softmax 与下一块的矩阵乘重叠",
        )),
        rung::<6>(Text::new(
            "one block for each multiprocessor, which fetches its next piece of work by itself",
            "每个 SM 一个常驻 block，自行领取下一份任务",
        )),
    ],
};

const fn rung<const V: usize>(adds: Text) -> Rung {
    const NAMES: [&str; 7] = ["", "v1", "v2", "v3", "v4", "v5", "v6"];
    Rung {
        name: NAMES[V],
        adds,
        prepare: version::<V>,
    }
}

const VERSIONS: [Version; 7] = [
    Version::V1,
    Version::V1,
    Version::V2,
    Version::V3,
    Version::V4,
    Version::V5,
    Version::V6,
];

fn operands() -> [Vec<bf16>; 3] {
    [1, 2, 3].map(|seed| noise(seed, ELEMENTS))
}

fn truth() -> (Outputs, f64) {
    let [q, k, v] = operands().map(|x| x.iter().map(|x| x.to_f32()).collect::<Vec<f32>>());
    let mut out = vec![0f32; ELEMENTS];
    cpu::attention(&mut out, &q, &k, &v, None, SHAPE).expect("the shape's lengths");
    let out = out.into_iter().map(f64::from).collect();
    let whole = IxDyn(&[SHAPE.b, SHAPE.h, SHAPE.n, SHAPE.dv]);
    // |v| is 1 at most; weights and outputs are rounded to bf16, and f32's sums add little.
    (
        vec![ArrayD::from_shape_vec(whole, out).expect("as long")],
        2.0 * 2f64.powi(-9) + 1e-4,
    )
}

fn version<const V: usize>(gpu: &'static Gpu) -> Result<Launch, Trouble> {
    launch(gpu, VERSIONS[V], operands(), SHAPE)
}
