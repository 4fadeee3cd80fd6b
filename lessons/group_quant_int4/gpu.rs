//! The ladder of the W4A16 product on the GPU: one activation (a step of decoding), then 32.

use crate::kernels::cuda::quant::{Order, PackedInt4, Version, w4a16_by};
use crate::kernels::cuda::{Gpu, Trouble};
use crate::kernels::quant::{self as cpu, Nibbles, pack_int4};
use crate::lessons::gpu::{Ladder, Launch, Rung, download, noise, shared, told};
use crate::tensor::Outputs;
use crate::text::Text;
use half::bf16;
use ndarray::Array1;
use std::rc::Rc;

const N: usize = 8192;
const K: usize = 8192;
const GROUP: usize = 128;
/// Copies of the weights that launches take in turn: one alone would fit into L2.
const COPIES: usize = 4;

pub const ONE: Ladder = Ladder {
    lesson: "group-quant-int4",
    case: "W [8192 8192], groups of 128 with zero points, M=1, bf16 activations",
    flops: 2.0 * (N * K) as f64,
    bytes: bytes(1),
    truth: truth::<1>,
    rungs: &[
        rung::<1, 1>(Text::new(
            "a warp for each output; 128-bit loads, two codes become floats by one lop3",
            "每个输出一个 warp；128 位加载，一条 lop3 把两个码变成浮点数",
        )),
        rung::<2, 1>(Text::new(
            "a row is split among warps and four loads are under way at once",
            "一行分给多个 warp，同时有四个加载在途",
        )),
        rung::<3, 1>(Text::new(
            "tensor cores on weights reordered at packing, behind rings of asynchronous copies",
            "打包时重排权重供 tensor core 使用，并用异步拷贝环形缓冲预取",
        )),
    ],
};

pub const MANY: Ladder = Ladder {
    lesson: "group-quant-int4",
    case: "the same, M=32",
    flops: 64.0 * (N * K) as f64,
    bytes: bytes(32),
    truth: truth::<32>,
    rungs: &[
        rung::<3, 32>(Text::new(
            "mma.sync: eight activations cost what one costs, then more",
            "mma.sync：8 个激活与 1 个代价相同，再多则增加",
        )),
        rung::<4, 32>(Text::new(
            "wgmma with the weights as its register operand, x by TMA",
            "wgmma 以寄存器中的权重为操作数，x 由 TMA 搬运",
        )),
    ],
};

/// Codes, scales in 16 bits, zero points in 8; activations and results in bf16.
const fn bytes(m: usize) -> f64 {
    (N * K / 2 + N * K / GROUP * 3 + 2 * m * (K + N)) as f64
}

const fn rung<const V: usize, const M: usize>(adds: Text) -> Rung {
    const NAMES: [&str; 5] = ["", "v1", "v2", "v3", "v4"];
    Rung {
        name: NAMES[V],
        adds,
        prepare: version::<V, M>,
    }
}

/// Packed codes, scales and zero points.
fn weights() -> (Vec<u8>, Vec<bf16>, Vec<u8>) {
    let code = |x: &bf16| ((x.to_f32() + 1.0) * 8.0).clamp(0.0, 15.0) as i8;
    let q: Vec<i8> = noise(1, N * K).iter().map(code).collect();
    let packed = pack_int4(&q, Nibbles::Unsigned).expect("codes of four bits");
    let zeros = noise(3, N * K / GROUP)
        .iter()
        .map(|x| code(x) as u8)
        .collect();
    (packed, noise(2, N * K / GROUP), zeros)
}

fn truth<const M: usize>() -> (Outputs, f64) {
    let (q, scales, zeros) = weights();
    let w = cpu::PackedInt4::new(&q, &scales, Some(&zeros), [N, K], GROUP).expect("sizes that fit");
    let x: Vec<f32> = noise(4, M * K).iter().map(|x| x.to_f32()).collect();
    let mut out = vec![0f32; M * N];
    cpu::w4a16(&mut out, &x, &w, M).expect("sizes that fit");
    let out: Array1<f64> = out.into_iter().map(f64::from).collect();
    let largest = out.iter().fold(0f64, |largest, y| largest.max(y.abs()));
    // A result is rounded to bf16, and so may be each weight; their errors add up as a random walk.
    (vec![out.into_dyn()], 2f64.powi(-7) * largest)
}

fn version<const V: usize, const M: usize>(gpu: &'static Gpu) -> Result<Launch, Trouble> {
    let (version, order) = [
        (Version::V1, Order::Rows),
        (Version::V1, Order::Rows),
        (Version::V2, Order::Rows),
        (Version::V3, Order::Tiles),
        (Version::V4, Order::Tiles),
    ][V];
    let (q, scales, zeros) = weights();
    let w =
        PackedInt4::in_order(gpu, order, &q, &scales, Some(&zeros), [N, K], GROUP).map_err(told)?;
    let copies = vec![w; COPIES];
    let x = gpu.stream.clone_htod(&noise(4, M * K))?;
    let out = shared(gpu.stream.alloc_zeros::<bf16>(M * N)?);
    let written = Rc::clone(&out);
    let mut turn = 0;
    let run = move || {
        turn += 1;
        let mut out = out.borrow_mut();
        let w = &copies[turn % COPIES];
        w4a16_by(version, gpu, &mut out.as_view_mut(), &x.as_view(), w, M).map_err(told)
    };
    let values = move || Ok(vec![download(gpu, &written.borrow(), &[M * N])?]);
    Ok(Launch {
        run: Box::new(run),
        values: Box::new(values),
    })
}
