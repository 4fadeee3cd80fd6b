//! Attention on the GPU, forward: exact, streaming over tiles of keys, in bf16 and fp16 with head sizes of 64 and
//! 128.
//!
//! The versions are a ladder, and each is kept: `v1.cu` for every GPU since Turing, `v2.cu` and `v3.cu` for
//! Hopper. Their heads say what each adds. `softmax.cu` and `rules.cu` are what they share. Decoding is in `decode.rs`.

pub mod decode;
#[cfg(test)]
mod tests;

use super::source::{HOPPER, PRELUDE, Part, TENSOR_CORE};
use super::tensor_map::{Element, Swizzle, TensorMap};
use super::{Gpu, Gpus, Source, Trouble};
use crate::kernels::attention::{Misfit, Shape};
use crate::kernels::operand::{Length, product};
use cudarc::driver::{
    CudaSlice, CudaView, CudaViewMut, DevicePtr, DevicePtrMut, DeviceRepr, LaunchConfig,
    PushKernelArg,
};
use std::fmt;
use std::sync::OnceLock;

const SOFTMAX: Part = ("attention/softmax.cu", include_str!("softmax.cu"));
const RULES: Part = ("attention/rules.cu", include_str!("rules.cu"));
const TILES: Part = ("attention/hopper_tiles.cu", include_str!("hopper_tiles.cu"));

/// What changes the scores, or who reads what: as in the CPU's [`crate::kernels::attention::Options`], without
/// a mask. Query i of n stands at position p = i + m − n: queries are the last of the keys.
#[derive(Clone, Copy, Default)]
pub struct Options<'a> {
    /// A query sees keys j ≤ p only.
    pub causal: bool,
    /// A query sees keys |p − j| < window only.
    pub window: Option<usize>,
    /// The first tokens, which a window does not hide, and which see beyond it.
    pub globals: usize,
    /// For each head, `[h]`: slope·|p − j| is taken off its scores (ALiBi).
    pub slopes: Option<&'a CudaView<'a, f32>>,
    /// k and v have so many heads; query head i reads head ⌊i·kv_heads/h⌋. Default: h.
    pub kv_heads: Option<usize>,
    /// For each sequence, `[b]`: so many of its m keys are there; its length takes the place of m in p. What
    /// lies behind is not looked at. Lengths beyond m count as m.
    pub lengths: Option<&'a CudaView<'a, i32>>,
}

/// Numbers that attention takes: bf16 and fp16.
pub trait Number: Element + sealed::Sealed {
    /// What the kernels call it.
    const NAME: &'static str;
}

impl Number for half::bf16 {
    const NAME: &'static str = "bf16";
}

impl Number for half::f16 {
    const NAME: &'static str = "f16";
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for half::bf16 {}
    impl Sealed for half::f16 {}
}

/// Why a call cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// An operand or the heads do not fit the shape.
    Misfit(Misfit),
    /// Kernels are made for head sizes of 64 and 128, the same for v.
    HeadSize { d: usize, dv: usize },
    /// An operand does not begin at a multiple of 16 bytes.
    Misaligned(&'static str),
    /// A size is beyond what a kernel counts in 32 bits.
    Large(Shape),
    /// No instance of a kernel runs on this GPU.
    Tier {
        version: Version,
        number: &'static str,
        gpu: String,
    },
    /// No decoding on this GPU in this type.
    NoDecoding { number: &'static str, gpu: String },
    /// A page does not have 16, 32, 64 … keys.
    Page(usize),
    /// The compiler or the driver.
    Trouble(Trouble),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Misfit(misfit) => write!(f, "{misfit}"),
            Error::HeadSize { d, dv } => write!(
                f,
                "attention on the GPU has kernels for d = dv = 64 and 128, not for d = {d}, dv = {dv}: pad the heads with zeros, or run it on the CPU"
            ),
            Error::Misaligned(operand) => write!(
                f,
                "{operand} does not begin at a multiple of 16 bytes: pass it from the beginning of an allocation"
            ),
            Error::Large(shape) => write!(
                f,
                "{shape:?} is more than a kernel counts: cut the batch, or the sequences below 2^30"
            ),
            Error::Tier {
                version,
                number,
                gpu,
            } => write!(
                f,
                "attention {version:?} in {number} does not run on {gpu}: take another version or type, or the CPU"
            ),
            Error::NoDecoding { number, gpu } => write!(
                f,
                "decoding in {number} does not run on {gpu}: it needs compute capability 8.0, so run it on the CPU"
            ),
            Error::Page(page) => write!(
                f,
                "a page of {page} keys cannot be: give pages of 16, 32, 64 … keys"
            ),
            Error::Trouble(trouble) => write!(f, "{trouble}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<Misfit> for Error {
    fn from(misfit: Misfit) -> Error {
        Error::Misfit(misfit)
    }
}

impl From<Length> for Error {
    fn from(length: Length) -> Error {
        Error::Misfit(Misfit::Length(length))
    }
}

impl From<Trouble> for Error {
    fn from(trouble: Trouble) -> Error {
        Error::Trouble(trouble)
    }
}

impl From<cudarc::driver::DriverError> for Error {
    fn from(error: cudarc::driver::DriverError) -> Error {
        Error::Trouble(error.into())
    }
}

/// The steps of the ladder. The heads of the kernels' files say what each adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// mma.sync: every GPU since Turing (there in fp16).
    V1,
    /// Hopper's wgmma and TMA.
    V2,
    /// A warpgroup of producers.
    V3,
    /// Consumers in turns.
    V4,
    /// The softmax of one tile under the product of another.
    V5,
    /// One block for each multiprocessor, and the longest work first.
    V6,
}

impl Version {
    /// The fastest for this GPU.
    pub fn best(gpu: &Gpu) -> Version {
        match Gpus::Hopper.has(gpu.capability) {
            true => Version::V6,
            false => Version::V1,
        }
    }
}

/// What an instance knows of the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rules {
    Full,
    Causal,
    Any,
}

/// An instance of a kernel, and how it is launched.
struct Instance {
    source: Source,
    version: Version,
    number: &'static str,
    d: usize,
    rules: Rules,
    /// Queries of a block, keys of a tile.
    rows: u32,
    keys: u32,
    threads: u32,
    shared_bytes: u32,
}

macro_rules! instance {
    ($version:ident, $file:literal, $parts:expr, $gpus:expr, $number:literal, $d:literal, $rules:ident = $name:literal,
     $rows:expr, $keys:literal, $threads:expr, $shared:expr, [$($define:expr),*]) => {
        Instance {
            source: Source {
                file: concat!("attention/", $file),
                text: include_str!($file),
                parts: $parts,
                defines: &[
                    concat!("-DT=", $number),
                    concat!("-DD=", $d),
                    concat!("-DRULES=", $name),
                    concat!("-DKEYS=", $keys),
                    $($define),*
                ],
                gpus: $gpus,
            },
            version: Version::$version,
            number: $number,
            d: $d,
            rules: Rules::$rules,
            rows: $rows,
            keys: $keys,
            threads: $threads,
            shared_bytes: $shared,
        }
    };
}

macro_rules! v1 {
    ($number:literal, $since:expr, $d:literal, $rules:ident = $name:literal) => {
        instance!(
            V1,
            "v1.cu",
            &[PRELUDE, TENSOR_CORE, SOFTMAX, RULES],
            $since,
            $number,
            $d,
            $rules = $name,
            128,
            64,
            256,
            (128 + 2 * 64) * $d * 2,
            []
        )
    };
}

const ON_HOPPER: &[Part] = &[PRELUDE, TENSOR_CORE, HOPPER, SOFTMAX, RULES, TILES];

macro_rules! v2 {
    ($number:literal, $d:literal, $rules:ident = $name:literal) => {
        instance!(
            V2,
            "v2.cu",
            ON_HOPPER,
            Gpus::Hopper,
            $number,
            $d,
            $rules = $name,
            128,
            128,
            256,
            (128 + 4 * 128) * $d * 2 + 64,
            []
        )
    };
}

/// Versions 3 to 6.
macro_rules! v3 {
    ($version:ident, $number:literal, $d:literal, $rules:ident = $name:literal, $keys:literal, $consumers:literal,
     $stages:literal, $ping_pong:literal, $overlap:literal, $q:literal) => {
        instance!(
            $version,
            "v3.cu",
            ON_HOPPER,
            Gpus::Hopper,
            $number,
            $d,
            $rules = $name,
            64 * $consumers,
            $keys,
            128 + 128 * $consumers,
            (64 * $consumers + 2 * $stages * $keys) * $d * 2 + 32 * $stages + 64,
            [
                concat!("-DCONSUMERS=", $consumers),
                concat!("-DSTAGES=", $stages),
                concat!("-DPING_PONG=", $ping_pong),
                concat!("-DOVERLAP=", $overlap),
                concat!("-DQ_IN_REGISTERS=", $q)
            ]
        )
    };
}

const TURING: Gpus = Gpus::From(7, 5);
const AMPERE: Gpus = Gpus::From(8, 0);

const INSTANCES: &[Instance] = &[
    v1!("bf16", AMPERE, 64, Full = "FULL"),
    v1!("bf16", AMPERE, 64, Causal = "CAUSAL"),
    v1!("bf16", AMPERE, 64, Any = "ANY"),
    v1!("bf16", AMPERE, 128, Full = "FULL"),
    v1!("bf16", AMPERE, 128, Causal = "CAUSAL"),
    v1!("bf16", AMPERE, 128, Any = "ANY"),
    v1!("f16", TURING, 64, Full = "FULL"),
    v1!("f16", TURING, 64, Causal = "CAUSAL"),
    v1!("f16", TURING, 64, Any = "ANY"),
    v1!("f16", TURING, 128, Full = "FULL"),
    v1!("f16", TURING, 128, Causal = "CAUSAL"),
    v1!("f16", TURING, 128, Any = "ANY"),
    // The ladder.
    v2!("bf16", 128, Full = "FULL"),
    v2!("bf16", 128, Causal = "CAUSAL"),
    v3!(V3, "bf16", 128, Full = "FULL", 128, 2, 2, 0, 0, 0),
    v3!(V3, "bf16", 128, Causal = "CAUSAL", 128, 2, 2, 0, 0, 0),
    v3!(V4, "bf16", 128, Full = "FULL", 128, 2, 2, 1, 0, 0),
    v3!(V4, "bf16", 128, Causal = "CAUSAL", 128, 2, 2, 1, 0, 0),
    v3!(V5, "bf16", 128, Full = "FULL", 128, 2, 2, 1, 1, 0),
    v3!(V5, "bf16", 128, Causal = "CAUSAL", 128, 2, 2, 1, 1, 0),
    // Its top.
    v3!(V6, "bf16", 64, Full = "FULL", 128, 3, 2, 1, 1, 0),
    v3!(V6, "bf16", 64, Causal = "CAUSAL", 128, 3, 2, 1, 1, 0),
    v3!(V6, "bf16", 64, Any = "ANY", 128, 3, 2, 1, 1, 0),
    v3!(V6, "bf16", 128, Full = "FULL", 128, 2, 3, 0, 1, 1),
    v3!(V6, "bf16", 128, Causal = "CAUSAL", 128, 2, 3, 1, 1, 1),
    v3!(V6, "bf16", 128, Any = "ANY", 128, 2, 3, 1, 1, 1),
    v3!(V6, "f16", 64, Full = "FULL", 128, 3, 2, 1, 1, 0),
    v3!(V6, "f16", 64, Causal = "CAUSAL", 128, 3, 2, 1, 1, 0),
    v3!(V6, "f16", 64, Any = "ANY", 128, 3, 2, 1, 1, 0),
    v3!(V6, "f16", 128, Full = "FULL", 128, 2, 3, 0, 1, 1),
    v3!(V6, "f16", 128, Causal = "CAUSAL", 128, 2, 3, 1, 1, 1),
    v3!(V6, "f16", 128, Any = "ANY", 128, 2, 3, 1, 1, 1),
];

pub(super) const SOURCES: &[Source] = &{
    let mut sources = [INSTANCES[0].source; INSTANCES.len()];
    let mut i = 0;
    while i < sources.len() {
        sources[i] = INSTANCES[i].source;
        i += 1;
    }
    sources
};

/// The kernels' `call`.
#[repr(C)]
struct Call {
    sizes: [i32; 5],
    scale: f32,
    causal: i32,
    window: i32,
    globals: i32,
    slopes: u64,
    lengths: u64,
    lse: u64,
}

// SAFETY: numbers and addresses, laid out as in rules.cu.
unsafe impl DeviceRepr for Call {}

/// The kernels' `schedule`.
#[repr(C)]
struct Schedule {
    items: i32,
    section: i32,
    counters: u64,
}

// SAFETY: numbers and an address, laid out as in v3.cu.
unsafe impl DeviceRepr for Schedule {}

/// Writes `softmax(q·kᵀ/√d)·v` under the options to `out`, and to `lse [b h n]` the logarithm of each row's sum
/// of exponentials. All are row-major: `q [b h n d]`, `k [b kv_heads m d]`, `v [b kv_heads m dv]`,
/// `out [b h n dv]`, and d = dv is 64 or 128. A query that sees no key gives zeros, and −∞ in `lse`. Does not
/// wait.
///
/// # Errors
/// [`Error`], when operands or options do not fit the shape, or no kernel runs here.
pub fn attention<T: Number>(
    gpu: &Gpu,
    out: &mut CudaViewMut<'_, T>,
    lse: Option<&mut CudaViewMut<'_, f32>>,
    operands: [&CudaView<'_, T>; 3],
    options: Options<'_>,
    shape: Shape,
) -> Result<(), Error> {
    attention_by(Version::best(gpu), gpu, out, lse, operands, options, shape)
}

/// The same by one version of the ladder. Versions 2 to 5 have bf16, d = 128, full and
/// causal alone.
///
/// # Errors
/// [`Error`], when operands or options do not fit the shape, or this version does not run here.
pub fn attention_by<T: Number>(
    version: Version,
    gpu: &Gpu,
    out: &mut CudaViewMut<'_, T>,
    lse: Option<&mut CudaViewMut<'_, f32>>,
    operands: [&CudaView<'_, T>; 3],
    options: Options<'_>,
    shape: Shape,
) -> Result<(), Error> {
    let kv_heads = options.kv_heads.unwrap_or(shape.h);
    check(gpu, out, lse.as_deref(), operands, options, kv_heads, shape)?;
    let Shape { b, h, n, m, d, .. } = shape;
    if b * h * n == 0 {
        return Ok(());
    }
    // A window that hides nothing is none.
    let window = options.window.filter(|window| *window < n + m);
    let rules = match (options.causal, window, options.slopes) {
        (false, None, None) => Rules::Full,
        (true, None, None) => Rules::Causal,
        _ => Rules::Any,
    };
    let found = INSTANCES.iter().position(|instance| {
        instance.version == version
            && instance.number == T::NAME
            && instance.d == d
            && instance.rules == rules
            && instance.source.gpus.has(gpu.capability)
    });
    let Some(index) = found else {
        return Err(Error::Tier {
            version,
            number: T::NAME,
            gpu: gpu.name.clone(),
        });
    };
    let Instance {
        rows,
        keys,
        threads,
        shared_bytes,
        ..
    } = INSTANCES[index];
    let kernel = gpu.kernel(&SOURCES[index], "attention")?;
    let [q, k, v] = operands;
    let address = |lengths: Option<&CudaView<'_, i32>>| {
        lengths.map_or(0, |lengths| lengths.device_ptr(&gpu.stream).0)
    };
    let call = Call {
        sizes: [b, h, kv_heads, n, m].map(|size| size as i32),
        scale: std::f32::consts::LOG2_E / (d as f32).sqrt(),
        causal: options.causal.into(),
        window: window.map_or(i32::MAX, |window| window as i32),
        globals: options.globals.min(n + m) as i32,
        slopes: options
            .slopes
            .map_or(0, |slopes| slopes.device_ptr(&gpu.stream).0),
        lengths: address(options.lengths),
        lse: lse.map_or(0, |lse| lse.device_ptr_mut(&gpu.stream).0),
    };
    // Where a warp of version 1 has two blocks of rows, half as many warps do: as in v1.cu.
    let two = version == Version::V1 && (d == 64 || matches!(gpu.capability.0, 8 | 9));
    let threads = if two { threads / 2 } else { threads };
    let tiles = (n as u32).div_ceil(rows);
    let heads = (b * h) as u32;
    let config = |blocks| LaunchConfig {
        grid_dim: (blocks, 1, 1),
        block_dim: (threads, 1, 1),
        shared_mem_bytes: shared_bytes,
    };
    let mut launch = gpu.stream.launch_builder(&kernel);
    launch.arg(out);
    if version == Version::V1 {
        launch.arg(q).arg(k).arg(v).arg(&call);
        // SAFETY: the arguments are those of v1.cu, and every operand has what the call says.
        unsafe { launch.launch(config(tiles * heads)) }?;
        return Ok(());
    }
    let map = |tensor: &CudaView<'_, T>, length, heads, rows| {
        let (sizes, boxes) = ([d, length, heads], [64, rows, 1]);
        TensorMap::new(gpu, tensor, sizes, boxes, Swizzle::Bytes128)
    };
    let maps = match m {
        // No map has a size of 0, and this one is not looked at.
        0 => [map(q, n, b * h, rows)?; 3],
        _ => [
            map(q, n, b * h, rows)?,
            map(k, m, b * kv_heads, keys)?,
            map(v, m, b * kv_heads, keys)?,
        ],
    };
    launch.arg(&maps[0]).arg(&maps[1]).arg(&maps[2]).arg(&call);
    if version == Version::V2 {
        // SAFETY: the arguments are those of v2.cu, and every operand has what the call says.
        unsafe { launch.launch(config(tiles * heads)) }?;
        return Ok(());
    }
    let persistent = version >= Version::V6;
    let items = tiles * heads;
    let schedule = Schedule {
        items: items as i32,
        section: if persistent && options.causal {
            section(shape, kv_heads)
        } else {
            1
        },
        counters: counters(gpu)?.device_ptr(&gpu.stream).0,
    };
    launch.arg(&schedule);
    let blocks = match persistent {
        true => items.min(gpu.multiprocessors as u32),
        false => items,
    };
    // SAFETY: the arguments are those of v3.cu, and every operand has what the call says.
    unsafe { launch.launch(config(blocks)) }?;
    Ok(())
}

/// Heads whose keys and values fit into L2 together.
fn section(shape: Shape, kv_heads: usize) -> i32 {
    const L2: usize = 32 << 20;
    let Shape { b, h, m, d, .. } = shape;
    let shared = (L2 / (4 * m * d).max(1)).max(1);
    (shared.saturating_mul(h / kv_heads)).clamp(1, b * h) as i32
}

/// Two counters at zero, which every launch leaves so. Launches follow each other on one stream.
fn counters(gpu: &Gpu) -> Result<&'static CudaSlice<u32>, Trouble> {
    static COUNTERS: OnceLock<CudaSlice<u32>> = OnceLock::new();
    if let Some(counters) = COUNTERS.get() {
        return Ok(counters);
    }
    let zeros = gpu.stream.alloc_zeros(2)?;
    Ok(COUNTERS.get_or_init(|| zeros))
}

/// Whether every operand has the elements that it should have, where a kernel can read them.
fn check<T: Number>(
    gpu: &Gpu,
    out: &CudaViewMut<'_, T>,
    lse: Option<&CudaViewMut<'_, f32>>,
    [q, k, v]: [&CudaView<'_, T>; 3],
    options: Options<'_>,
    kv_heads: usize,
    shape: Shape,
) -> Result<(), Error> {
    let Shape { b, h, n, m, d, dv } = shape;
    if d != dv || ![64, 128].contains(&d) {
        return Err(Error::HeadSize { d, dv });
    }
    if h % kv_heads.max(1) != 0 || (kv_heads == 0 && h > 0) {
        return Err(Misfit::Heads { h, kv_heads }.into());
    }
    let size = |sizes| product(sizes).ok_or(Misfit::Shape(shape));
    Length::check("q", size([b, h, n, d])?, q.len())?;
    Length::check("k", size([b, kv_heads, m, d])?, k.len())?;
    Length::check("v", size([b, kv_heads, m, dv])?, v.len())?;
    Length::check("out", size([b, h, n, dv])?, out.len())?;
    if let Some(lse) = lse {
        Length::check("lse", size([b, h, n, 1])?, lse.len())?;
    }
    if let Some(slopes) = options.slopes {
        Length::check("slopes", h, slopes.len())?;
    }
    if let Some(lengths) = options.lengths {
        Length::check("lengths", b, lengths.len())?;
    }
    aligned(gpu, [("q", q), ("k", k), ("v", v)], out)?;
    // Positions and items are counted in 32 bits, and a head's elements by v1.cu too.
    let most = 1 << 30;
    if n.max(m) >= most / d || product([b, h, n.div_ceil(64)]).is_none_or(|items| items >= most) {
        return Err(Error::Large(shape));
    }
    Ok(())
}

/// Whether operands begin where a kernel can read 16 bytes at once.
fn aligned<T: Number>(
    gpu: &Gpu,
    operands: [(&'static str, &CudaView<'_, T>); 3],
    out: &CudaViewMut<'_, T>,
) -> Result<(), Error> {
    let stream = &gpu.stream;
    let addresses = operands.map(|(operand, view)| (operand, view.device_ptr(stream).0));
    let out = ("out", out.device_ptr(stream).0);
    match addresses
        .into_iter()
        .chain([out])
        .find(|at| !at.1.is_multiple_of(16))
    {
        Some((operand, _)) => Err(Error::Misaligned(operand)),
        None => Ok(()),
    }
}
