//! Weight-only quantised products on the GPU: W4A16 and W8A16, activations and results in bf16.
//!
//! The steps by which the product with 4-bit weights became fast are all here and can be run:
//!
//! | version | what is new | where it is used | µs, 1 · 8192² on an H200 |
//! |---|---|---|---|
//! | 1 | a warp for each result; 16-byte loads; two weights to numbers in one lop3 | | 24 |
//! | 2 | rows split among warps, four loads under way | before sm_80 | 19.5 |
//! | 3 | tensor cores, weights packed in their order, cp.async | few activations | 11.7 |
//! | 4 | wgmma, weights dequantised into its registers | many activations, Hopper | |
//!
//! (Weights in bf16, by cuBLAS: 34.)
//!
//! Versions 1 and 2 read rows as they are; 3 and 4 read tiles, see `weights.cu`. Versions 1 to 3 multiply whole
//! numbers and scale sums in f32; 4 rounds each weight to bf16 first.

mod pack;
mod sources;
#[cfg(test)]
mod tests;

pub(super) use sources::SOURCES;

use super::tensor_map::{Swizzle, TensorMap};
use super::{Gpu, Source, Trouble};
use crate::kernels::quant::{Misfit, Real, int4, length, size};
use cudarc::driver::{CudaFunction, CudaSlice, CudaView, CudaViewMut, DevicePtr, LaunchConfig};
use cudarc::driver::{DeviceRepr, DriverError, PushKernelArg};
use half::bf16;
use sources::{FEW, Few, Format, MANY, Many};
use std::fmt;

/// Why a product cannot be computed on this GPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    Misfit(Misfit),
    /// Rows of activations must begin at multiples of 16 bytes.
    Step {
        k: usize,
    },
    /// An operand begins at an address that 16-byte accesses cannot use.
    Alignment {
        operand: &'static str,
    },
    /// The GPU lacks what a version uses.
    Gpu {
        version: Version,
        name: String,
    },
    /// Weights lie in another order than a version reads.
    Order {
        version: Version,
        order: Order,
    },
    Trouble(Trouble),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Misfit(misfit) => misfit.fmt(f),
            Error::Step { k } => write!(
                f,
                "k should be a multiple of 8 on the GPU, it is {k}; pad rows of weights and activations with zeros"
            ),
            Error::Alignment { operand } => write!(
                f,
                "`{operand}` should begin at a multiple of 16 bytes; pass a view that begins at a multiple of 8 elements"
            ),
            Error::Gpu { version, name } => write!(
                f,
                "{version:?} uses instructions that {name} lacks; let `w4a16` choose, or use the CPU's kernels"
            ),
            Error::Order { version, order } => write!(
                f,
                "{version:?} cannot read weights in the order {order:?}; pack them with `in_order` and the other one"
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

/// The steps by which the kernel became fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    V1,
    V2,
    V3,
    V4,
}

/// How 4-bit weights lie in the GPU's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As on the CPU: for versions 1 and 2.
    Rows,
    /// As tensor cores want them: for versions 3 and 4.
    Tiles,
}

/// A matrix `[n k]` of 4-bit weights, w = (q − zero)·scale, in the GPU's memory, ready for [`w4a16`]. Scales are
/// kept in bf16.
#[derive(Clone)]
pub struct PackedInt4 {
    n: usize,
    k: usize,
    group_size: usize,
    order: Order,
    words: CudaSlice<u8>,
    /// Where weights lie in rows: in tiles, scales and zeros lie among them.
    scales: Option<CudaSlice<bf16>>,
    zeros: Option<CudaSlice<u8>>,
}

impl PackedInt4 {
    /// Takes what the CPU's `PackedInt4::new` takes. Scales are rounded to bf16.
    ///
    /// # Errors
    /// When the group size is not 32, 64 or 128 or does not divide k, a length does not fit, or a zero is above
    /// 15; or the GPU has no room.
    pub fn new<S: Real>(
        gpu: &Gpu,
        q: &[u8],
        scales: &[S],
        zeros: Option<&[u8]>,
        sizes: [usize; 2],
        group_size: usize,
    ) -> Result<PackedInt4, Error> {
        let order = match gpu.capability >= (8, 0) {
            true => Order::Tiles,
            false => Order::Rows,
        };
        PackedInt4::in_order(gpu, order, q, scales, zeros, sizes, group_size)
    }

    /// The same in a given order, for a given version.
    ///
    /// # Errors
    /// Those of [`PackedInt4::new`].
    pub fn in_order<S: Real>(
        gpu: &Gpu,
        order: Order,
        q: &[u8],
        scales: &[S],
        zeros: Option<&[u8]>,
        [n, k]: [usize; 2],
        group_size: usize,
    ) -> Result<PackedInt4, Error> {
        int4::check(q.len(), scales.len(), zeros, [n, k], group_size)?;
        let scales: Vec<bf16> = scales.iter().map(|s| bf16::from_f32(s.number())).collect();
        let scales = scales.as_slice();
        let (words, scales, zeros) = match order {
            Order::Rows => {
                let flip = if zeros.is_some() { 0 } else { 0x88 };
                let words = q.iter().map(|pair| pair ^ flip).collect();
                (words, Some(scales.to_vec()), zeros.map(<[u8]>::to_vec))
            }
            Order::Tiles => {
                let int4 = pack::Int4 {
                    q,
                    scales,
                    zeros,
                    n,
                    k,
                    group_size,
                };
                (int4.packed(), None, None)
            }
        };
        Ok(PackedInt4 {
            n,
            k,
            group_size,
            order,
            words: there(gpu, words)?,
            scales: scales.map(|scales| there(gpu, scales)).transpose()?,
            zeros: zeros.map(|zeros| there(gpu, zeros)).transpose()?,
        })
    }

    /// Rows: results of a product.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Columns: activations of a product.
    pub fn k(&self) -> usize {
        self.k
    }

    pub fn group_size(&self) -> usize {
        self.group_size
    }

    /// Bytes that a product reads of it.
    pub fn bytes(&self) -> usize {
        let scales = self.scales.as_ref().map_or(0, CudaSlice::len);
        let zeros = self.zeros.as_ref().map_or(0, CudaSlice::len);
        self.words.len() + 2 * scales + zeros
    }

    fn matrix(&self) -> Matrix<'_> {
        Matrix {
            n: self.n,
            k: self.k,
            format: match self.group_size {
                32 => Format::Group32,
                64 => Format::Group64,
                _ => Format::Group128,
            },
            words: &self.words,
            scales: self.scales.as_ref(),
            zeros: self.zeros.as_ref(),
        }
    }
}

/// A matrix `[n k]` of 8-bit weights, w = q·scale with a scale for each row, in the GPU's memory, ready for
/// [`w8a16`]. Scales are kept in bf16.
#[derive(Clone)]
pub struct PackedInt8 {
    n: usize,
    k: usize,
    words: CudaSlice<u8>,
    scales: CudaSlice<bf16>,
}

impl PackedInt8 {
    /// Takes `q [n k]` and `scales [n]`, which are rounded to bf16; k must be a multiple of 8.
    ///
    /// # Errors
    /// When a length does not fit, or the GPU has no room.
    pub fn new<S: Real>(
        gpu: &Gpu,
        q: &[i8],
        scales: &[S],
        [n, k]: [usize; 2],
    ) -> Result<PackedInt8, Error> {
        length("q", q.len(), size(n, k)?)?;
        length("scales", scales.len(), n)?;
        if !k.is_multiple_of(8) {
            return Err(Error::Step { k });
        }
        let scales = scales.iter().map(|s| bf16::from_f32(s.number())).collect();
        Ok(PackedInt8 {
            n,
            k,
            words: there(gpu, pack::int8(q, [n, k]))?,
            scales: there(gpu, scales)?,
        })
    }

    /// Rows: results of a product.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Columns: activations of a product.
    pub fn k(&self) -> usize {
        self.k
    }

    /// Bytes that a product reads of it.
    pub fn bytes(&self) -> usize {
        self.words.len() + 2 * self.scales.len()
    }

    fn matrix(&self) -> Matrix<'_> {
        Matrix {
            n: self.n,
            k: self.k,
            format: Format::Int8,
            words: &self.words,
            scales: Some(&self.scales),
            zeros: None,
        }
    }
}

/// A copy in the GPU's memory, which has no room of no bytes.
fn there<T: DeviceRepr + Default>(gpu: &Gpu, mut host: Vec<T>) -> Result<CudaSlice<T>, Trouble> {
    if host.is_empty() {
        host.push(T::default());
    }
    Ok(gpu.stream.clone_htod(&host)?)
}

/// Writes x·wᵀ to `out [m n]`, for activations `x [m k]`, with the version that is fastest here.
///
/// # Errors
/// [`Error`], when an operand does not fit, or the GPU refuses.
pub fn w4a16(
    gpu: &Gpu,
    out: &mut CudaViewMut<'_, bf16>,
    x: &CudaView<'_, bf16>,
    w: &PackedInt4,
    m: usize,
) -> Result<(), Error> {
    let version = match w.order {
        Order::Rows => Version::V2,
        Order::Tiles => by_tiles(gpu, m),
    };
    w4a16_by(version, gpu, out, x, w, m)
}

/// The same by a given version.
///
/// # Errors
/// Those of [`w4a16`]; when the version cannot run here, or cannot read such weights.
pub fn w4a16_by(
    version: Version,
    gpu: &Gpu,
    out: &mut CudaViewMut<'_, bf16>,
    x: &CudaView<'_, bf16>,
    w: &PackedInt4,
    m: usize,
) -> Result<(), Error> {
    let order = match version {
        Version::V1 | Version::V2 => Order::Rows,
        Version::V3 | Version::V4 => Order::Tiles,
    };
    if order != w.order {
        let order = w.order;
        return Err(Error::Order { version, order });
    }
    let product = Product {
        gpu,
        w: w.matrix(),
        m,
    };
    product.run(version, out, x)
}

/// Writes x·wᵀ to `out [m n]`, for activations `x [m k]`, with the version that is fastest here. Needs sm_80
/// (Ampere) or later.
///
/// # Errors
/// [`Error`], when an operand does not fit, or the GPU refuses.
pub fn w8a16(
    gpu: &Gpu,
    out: &mut CudaViewMut<'_, bf16>,
    x: &CudaView<'_, bf16>,
    w: &PackedInt8,
    m: usize,
) -> Result<(), Error> {
    w8a16_by(by_tiles(gpu, m), gpu, out, x, w, m)
}

/// The same by version 3 or 4.
///
/// # Errors
/// Those of [`w8a16`]; when the version cannot run here, or is not one of the two.
pub fn w8a16_by(
    version: Version,
    gpu: &Gpu,
    out: &mut CudaViewMut<'_, bf16>,
    x: &CudaView<'_, bf16>,
    w: &PackedInt8,
    m: usize,
) -> Result<(), Error> {
    if matches!(version, Version::V1 | Version::V2) {
        let order = Order::Tiles;
        return Err(Error::Order { version, order });
    }
    let product = Product {
        gpu,
        w: w.matrix(),
        m,
    };
    product.run(version, out, x)
}

/// From so many activations on, Hopper's version 4 is faster than 3.
const MANY_FROM: usize = 17;

fn by_tiles(gpu: &Gpu, m: usize) -> Version {
    match gpu.capability == (9, 0) && m >= MANY_FROM {
        true => Version::V4,
        false => Version::V3,
    }
}

/// Weights, whatever their bits.
#[derive(Clone, Copy)]
struct Matrix<'a> {
    n: usize,
    k: usize,
    format: Format,
    words: &'a CudaSlice<u8>,
    scales: Option<&'a CudaSlice<bf16>>,
    zeros: Option<&'a CudaSlice<u8>>,
}

struct Product<'a> {
    gpu: &'a Gpu,
    w: Matrix<'a>,
    m: usize,
}

/// What a kernel gets of x: versions 1 and 2, 3, and 4.
enum Activations<'a> {
    Rows(&'a CudaView<'a, bf16>),
    Tiles(&'a CudaView<'a, bf16>),
    Map(&'a TensorMap),
}

/// The most activations of one launch: what a grid's second and third axes hold, and a multiple of every tile.
const LAUNCH_ROWS: usize = 32768;

impl Product<'_> {
    fn run(
        &self,
        version: Version,
        out: &mut CudaViewMut<'_, bf16>,
        x: &CudaView<'_, bf16>,
    ) -> Result<(), Error> {
        let (gpu, m, Matrix { n, k, .. }) = (self.gpu, self.m, self.w);
        length("x", x.len(), size(m, k)?)?;
        length("out", out.len(), size(m, n)?)?;
        if n.max(k) > i32::MAX as usize - 128 {
            return Err(Misfit::Size([n, k]).into());
        }
        let enough = match version {
            Version::V1 | Version::V2 => true,
            Version::V3 => gpu.capability >= (8, 0),
            Version::V4 => gpu.capability == (9, 0),
        };
        if !enough {
            let name = gpu.name.clone();
            return Err(Error::Gpu { version, name });
        }
        if m == 0 || n == 0 {
            return Ok(());
        }
        if k == 0 {
            return Ok(gpu.stream.memset_zeros(out)?);
        }
        if !x.device_ptr(&gpu.stream).0.is_multiple_of(16) {
            return Err(Error::Alignment { operand: "x" });
        }
        for first in (0..m).step_by(LAUNCH_ROWS) {
            let rows = first..m.min(first + LAUNCH_ROWS);
            let x = x.slice(rows.start * k..rows.end * k);
            let mut out = out.slice_mut(rows.start * n..rows.end * n);
            let m = rows.len();
            match version {
                Version::V1 => self.rows(&sources::V1, "w4a16_v1", 4, 128, &mut out, &x, m)?,
                Version::V2 => self.rows(&sources::V2, "w4a16_v2", 4, 256, &mut out, &x, m)?,
                Version::V3 => self.few(&mut out, &x, m)?,
                Version::V4 => self.many(&mut out, &x, m)?,
            }
        }
        Ok(())
    }

    /// Versions 1 and 2: blocks of so many rows and threads.
    #[allow(clippy::too_many_arguments)]
    fn rows(
        &self,
        source: &'static Source,
        name: &'static str,
        rows: usize,
        threads: u32,
        out: &mut CudaViewMut<'_, bf16>,
        x: &CudaView<'_, bf16>,
        m: usize,
    ) -> Result<(), Error> {
        let kernel = self.gpu.kernel(source, name)?;
        let config = LaunchConfig {
            grid_dim: (self.w.n.div_ceil(rows) as u32, m as u32, 1),
            block_dim: (threads, 1, 1),
            shared_mem_bytes: 0,
        };
        let group_log2 = match self.w.format {
            Format::Group32 => 5,
            Format::Group64 => 6,
            _ => 7,
        };
        let sizes = [self.w.n as i32, self.w.k as i32, group_log2];
        // SAFETY: lengths were checked; the weights are in the order of rows.
        unsafe { self.launch(&kernel, config, out, Activations::Rows(x), &sizes) }
    }

    fn few(
        &self,
        out: &mut CudaViewMut<'_, bf16>,
        x: &CudaView<'_, bf16>,
        m: usize,
    ) -> Result<(), Error> {
        let room = self.gpu.shared_bytes()?;
        let big = self.gpu.capability == (9, 0);
        let fits = |few: &&Few| {
            few.format == self.w.format && few.big == big && (few.columns() >= m || few.mt == 4)
        };
        // They stand from the fewest columns to the most.
        let few = FEW.iter().find(fits).expect("there is one of each format");
        let shared = few.shared_bytes(m);
        debug_assert!(shared <= room);
        let kernel = self.gpu.kernel(&few.source, "few")?;
        let slabs = self.w.n.div_ceil(pack::SLAB);
        let config = LaunchConfig {
            grid_dim: (
                slabs.div_ceil(few.wn) as u32,
                few.split as u32,
                m.div_ceil(few.columns()) as u32,
            ),
            block_dim: (few.wn as u32 * few.wk as u32 * 32, 1, 1),
            shared_mem_bytes: shared as u32,
        };
        let sizes = [m, self.w.n, self.w.k].map(|size| size as i32);
        // SAFETY: lengths were checked; the weights are tiles of whole slabs and steps.
        unsafe { self.launch(&kernel, config, out, Activations::Tiles(x), &sizes) }
    }

    fn many(
        &self,
        out: &mut CudaViewMut<'_, bf16>,
        x: &CudaView<'_, bf16>,
        m: usize,
    ) -> Result<(), Error> {
        let slabs = self.w.n.div_ceil(pack::SLAB);
        let blocks = |many: &Many| slabs.div_ceil(many.consumers) * m.div_ceil(many.columns);
        let room = self.gpu.multiprocessors as usize;
        // They stand from the fewest columns to the most, and from the least split to the most.
        let fits = |many: &&Many| {
            many.format == self.w.format
                && (many.columns >= m || many.columns == 128)
                && (many.split > 1 || 2 * blocks(many) > room)
        };
        let many = MANY
            .iter()
            .find(fits)
            .expect("there is one of each format that splits");
        let kernel = self.gpu.kernel(&many.source, "many")?;
        let map = TensorMap::new(
            self.gpu,
            x,
            [self.w.k, m],
            [64, many.columns as u32],
            Swizzle::Bytes128,
        )?;
        let config = LaunchConfig {
            grid_dim: (
                slabs.div_ceil(many.consumers) as u32,
                many.split as u32,
                m.div_ceil(many.columns) as u32,
            ),
            block_dim: ((many.consumers * many.lanes) as u32 * 128 + 64, 1, 1),
            shared_mem_bytes: many.shared_bytes() as u32,
        };
        let sizes = [m, self.w.n, self.w.k].map(|size| size as i32);
        // SAFETY: lengths were checked; the weights are tiles of whole slabs and steps; the map is that of x,
        // which outlives the launch on its stream.
        unsafe { self.launch(&kernel, config, out, Activations::Map(&map), &sizes) }
    }

    /// # Safety
    /// The kernel must take `out`, `x`, weights, scales, perhaps zeros, and three sizes, and stay within them.
    unsafe fn launch<'a>(
        &'a self,
        kernel: &'a CudaFunction,
        config: LaunchConfig,
        out: &'a mut CudaViewMut<'_, bf16>,
        x: Activations<'a>,
        sizes: &'a [i32; 3],
    ) -> Result<(), Error> {
        const NOWHERE: &u64 = &0;
        let mut launch = self.gpu.stream.launch_builder(kernel);
        launch.arg(out);
        match x {
            Activations::Rows(x) | Activations::Tiles(x) => launch.arg(x),
            Activations::Map(map) => launch.arg(map),
        };
        launch.arg(self.w.words);
        match self.w.scales {
            Some(scales) => launch.arg(scales),
            None => launch.arg(NOWHERE),
        };
        if let Activations::Rows(_) = x {
            match self.w.zeros {
                Some(zeros) => launch.arg(zeros),
                None => launch.arg(NOWHERE),
            };
        }
        for size in sizes {
            launch.arg(size);
        }
        // SAFETY: the caller's.
        unsafe { launch.launch(config) }?;
        Ok(())
    }
}
