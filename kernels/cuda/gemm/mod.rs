//! Matrix products of 16-bit numbers on the GPU: out = a·b in bf16 or f16, summed in f32.
//!
//! Hopper has a kernel of its own (`pairs.cu`); it needs rows that begin at multiples of 16 bytes. Everything
//! else is done by warps (`warps.cu`): bf16 since Ampere, f16 since Turing.

#[cfg(test)]
mod tests;

use super::tensor_map::{Element, Swizzle, TensorMap};
use super::{Gpu, Gpus, HOPPER, PRELUDE, Source, TENSOR_CORE, Trouble};
use crate::kernels::gemm::{Form, Misfit, Shape};
use cudarc::driver::{CudaView, CudaViewMut, DevicePtr, DevicePtrMut, DriverError};
use cudarc::driver::{LaunchConfig, PushKernelArg, ValidAsZeroBits};
use half::{bf16, f16};
use std::fmt;

/// Numbers of 16 bits: bf16 and f16.
pub trait Half: Element + ValidAsZeroBits + Copy + sealed::Type + 'static {
    fn from_f32(x: f32) -> Self;
    fn to_f64(self) -> f64;
}

mod sealed {
    /// The instances of a type.
    pub trait Type {
        /// [`super::WARPS`] and [`super::PAIRS`] from here on.
        const AT: usize;
        const NAME: &'static str;
        /// The oldest GPU whose tensor cores have it.
        const SINCE: (i32, i32);
    }

    impl Type for half::bf16 {
        const AT: usize = 0;
        const NAME: &'static str = "bf16";
        const SINCE: (i32, i32) = (8, 0);
    }

    impl Type for half::f16 {
        const AT: usize = 1;
        const NAME: &'static str = "f16";
        const SINCE: (i32, i32) = (7, 5);
    }
}

impl Half for bf16 {
    fn from_f32(x: f32) -> bf16 {
        bf16::from_f32(x)
    }

    fn to_f64(self) -> f64 {
        bf16::to_f64(self)
    }
}

impl Half for f16 {
    fn from_f32(x: f32) -> f16 {
        f16::from_f32(x)
    }

    fn to_f64(self) -> f64 {
        f16::to_f64(self)
    }
}

/// Why a product cannot be computed on this GPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    Misfit(Misfit),
    /// No tensor cores for the type.
    Gpu {
        numbers: &'static str,
        name: String,
    },
    Trouble(Trouble),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Misfit(misfit) => misfit.fmt(f),
            Error::Gpu { numbers, name } => write!(
                f,
                "{name} has no tensor cores for {numbers}; use f16, or the CPU's kernels"
            ),
            Error::Trouble(trouble) => trouble.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<Misfit> for Error {
    fn from(misfit: Misfit) -> Error {
        Error::Misfit(misfit)
    }
}

impl From<Trouble> for Error {
    fn from(trouble: Trouble) -> Error {
        Error::Trouble(trouble)
    }
}

impl From<DriverError> for Error {
    fn from(error: DriverError) -> Error {
        Error::Trouble(error.into())
    }
}

/// A tile of [`WARPS`] is as high and as wide, and a step of k is as deep.
const WARPS_TILE: usize = 128;
const WARPS_STEP_BYTES: usize = 2 * WARPS_TILE * 64 * 2;

macro_rules! warps {
    ($t:literal, $plain:literal, $depth:literal, $gpus:expr) => {
        Source {
            file: "warps.cu",
            text: include_str!("warps.cu"),
            parts: &[PRELUDE, TENSOR_CORE],
            defines: &[
                concat!("-DT=", $t),
                concat!("-DPLAIN=", $plain),
                concat!("-DDEPTH=", $depth),
            ],
            gpus: $gpus,
        }
    };
}

/// By type, then by form; then f16 for Turing, which has room for two steps.
pub(super) static WARPS: [Source; 6] = [
    warps!("bf16", 0, 3, Gpus::From(8, 0)),
    warps!("bf16", 1, 3, Gpus::From(8, 0)),
    warps!("f16", 0, 3, Gpus::From(8, 0)),
    warps!("f16", 1, 3, Gpus::From(8, 0)),
    warps!("f16", 0, 2, Gpus::From(7, 5)),
    warps!("f16", 1, 2, Gpus::From(7, 5)),
];

/// A tile of a pair of blocks of [`PAIRS`] is so high.
const PAIR: usize = 256;

macro_rules! hopper {
    ($t:literal, $plain:literal, $width:literal, $depth:literal) => {
        Source {
            file: "pairs.cu",
            text: include_str!("pairs.cu"),
            parts: &[PRELUDE, TENSOR_CORE, HOPPER],
            defines: &[
                concat!("-DT=", $t),
                concat!("-DPLAIN=", $plain),
                concat!("-DWIDTH=", $width),
                concat!("-DDEPTH=", $depth),
            ],
            gpus: Gpus::Hopper,
        }
    };
}

/// By type, then by form, then by [`WIDTHS`].
pub(super) static PAIRS: [Source; 12] = [
    hopper!("bf16", 0, 256, 4),
    hopper!("bf16", 0, 128, 6),
    hopper!("bf16", 0, 64, 8),
    hopper!("bf16", 1, 256, 4),
    hopper!("bf16", 1, 128, 6),
    hopper!("bf16", 1, 64, 8),
    hopper!("f16", 0, 256, 4),
    hopper!("f16", 0, 128, 6),
    hopper!("f16", 0, 64, 8),
    hopper!("f16", 1, 256, 4),
    hopper!("f16", 1, 128, 6),
    hopper!("f16", 1, 64, 8),
];

/// Columns of a tile, and steps in its ring.
const WIDTHS: [(u32, u32); 3] = [(256, 4), (128, 6), (64, 8)];

/// Writes a·b to `out [m n]`, summed in f32 and rounded (ties to even); all are row-major, `b` lies as `form` says.
///
/// # Errors
/// [`Error`], when an operand's length does not fit the shape, or the GPU has no tensor cores for the type.
pub fn gemm<T: Half>(
    gpu: &Gpu,
    out: &mut CudaViewMut<'_, T>,
    a: &CudaView<'_, T>,
    b: &CudaView<'_, T>,
    form: Form,
    shape: Shape,
) -> Result<(), Error> {
    shape.check(out.len(), a.len(), b.len())?;
    let Shape { m, n, k } = shape;
    if [m, n, k]
        .into_iter()
        .any(|size| size > i32::MAX as usize - 256)
    {
        return Err(Misfit::Shape(shape).into());
    }
    if gpu.capability < T::SINCE {
        return Err(Error::Gpu {
            numbers: T::NAME,
            name: gpu.name.clone(),
        });
    }
    if m == 0 || n == 0 {
        return Ok(());
    }
    if k == 0 {
        return Ok(gpu.stream.memset_zeros(out)?);
    }
    let wide = |address: u64| address.is_multiple_of(16);
    let starts = [
        wide(a.device_ptr(&gpu.stream).0),
        wide(b.device_ptr(&gpu.stream).0),
        wide(out.device_ptr_mut(&gpu.stream).0),
    ];
    let b_row = match form {
        Form::Plain => n,
        Form::Transposed => k,
    };
    let aligned = [
        starts[0] && k.is_multiple_of(8),
        starts[1] && b_row.is_multiple_of(8),
    ];
    if gpu.capability == (9, 0) && aligned == [true; 2] && starts[2] && n.is_multiple_of(8) {
        return on_hopper(gpu, out, a, b, form, shape);
    }
    let plain = usize::from(form == Form::Plain);
    let (at, depth) = match gpu.capability >= (8, 0) {
        true => (2 * T::AT, 3),
        false => (4, 2),
    };
    let kernel = gpu.kernel(&WARPS[at + plain], "gemm_warps")?;
    let config = LaunchConfig {
        grid_dim: (tiles(m, WARPS_TILE, n, WARPS_TILE, shape)?, 1, 1),
        block_dim: (256, 1, 1),
        shared_mem_bytes: (depth * WARPS_STEP_BYTES) as u32,
    };
    let pairs = starts[2] && n.is_multiple_of(2);
    let flags = i32::from(aligned[0]) | i32::from(aligned[1]) << 1 | i32::from(pairs) << 2;
    let sizes = [m, n, k].map(|size| size as i32);
    let mut launch = gpu.stream.launch_builder(&kernel);
    launch.arg(out).arg(a).arg(b);
    for size in &sizes {
        launch.arg(size);
    }
    launch.arg(&flags);
    // SAFETY: lengths were checked, and what is said of alignment holds.
    unsafe { launch.launch(config) }?;
    Ok(())
}

/// Tiles of so many rows and columns, unless they are more than a grid has.
fn tiles(m: usize, down: usize, n: usize, along: usize, shape: Shape) -> Result<u32, Error> {
    let tiles = m.div_ceil(down).checked_mul(n.div_ceil(along));
    let tiles = tiles.filter(|tiles| *tiles <= i32::MAX as usize);
    tiles.map_or(Err(Misfit::Shape(shape).into()), |tiles| Ok(tiles as u32))
}

/// Where every row begins at a multiple of 16 bytes.
fn on_hopper<T: Half>(
    gpu: &Gpu,
    out: &mut CudaViewMut<'_, T>,
    a: &CudaView<'_, T>,
    b: &CudaView<'_, T>,
    form: Form,
    shape: Shape,
) -> Result<(), Error> {
    let Shape { m, n, k } = shape;
    // Pairs of multiprocessors; where wide tiles leave some idle, narrow ones are better.
    let pairs = gpu.multiprocessors as u32 / 2;
    let busy = |width: u32| Ok::<bool, Error>(tiles(m, PAIR, n, width as usize, shape)? >= pairs);
    let which = match (busy(256)?, busy(128)?) {
        (true, _) => 0,
        (false, true) => 1,
        (false, false) => 2,
    };
    let (width, depth) = WIDTHS[which];
    let count = tiles(m, PAIR, n, width as usize, shape)?;
    let plain = form == Form::Plain;
    let at = (T::AT * 2 + usize::from(plain)) * WIDTHS.len() + which;
    let kernel = gpu.kernel(&PAIRS[at], "gemm_pairs")?;
    let swizzle = Swizzle::Bytes128;
    let a = TensorMap::new(gpu, a, [k, m], [64, 128], swizzle)?;
    let b = match form {
        // Half of a tile's columns, by 64; where it has no more than 64, half of the step.
        Form::Plain => TensorMap::new(gpu, b, [n, k], [64, 64.min(width / 2)], swizzle)?,
        Form::Transposed => TensorMap::new(gpu, b, [k, n], [64, width / 2], swizzle)?,
    };
    let to = TensorMap::new(gpu, out, [n, m], [64, 64], swizzle)?;
    let config = LaunchConfig {
        grid_dim: (2 * count.min(pairs), 1, 1),
        block_dim: (384, 1, 1),
        // The ring, and what is written next.
        shared_mem_bytes: depth * (128 + width) * 128 + 2 * 16384,
    };
    let sizes = [m, n, k].map(|size| size as i32);
    let mut launch = gpu.stream.launch_builder(&kernel);
    launch.arg(&a).arg(&b).arg(&to);
    for size in &sizes {
        launch.arg(size);
    }
    // SAFETY: the maps are those of the operands, whose lengths were checked, and which outlive the launch on
    // their stream.
    unsafe { launch.launch(config) }?;
    Ok(())
}
