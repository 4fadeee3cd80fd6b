//! A step of decoding on the GPU: few queries of each sequence over its cache, dense or in pages.

use super::{AMPERE, Error, Number, SOFTMAX, aligned};
use crate::kernels::attention::{Misfit, Shape};
use crate::kernels::cuda::source::{PRELUDE, TENSOR_CORE};
use crate::kernels::cuda::{Gpu, Source};
use crate::kernels::operand::{Length, product};
use cudarc::driver::{
    CudaSlice, CudaView, CudaViewMut, DevicePtr, DeviceRepr, LaunchConfig, PushKernelArg,
};

const THREADS: u32 = 128;
/// The rings of four warps: three stages of 8 KiB each, so that two blocks fit on a multiprocessor.
const SHARED_BYTES: u32 = 4 * 3 * 8192;

macro_rules! decode {
    ($number:literal, $since:expr, $d:literal, $paged:literal) => {
        Source {
            file: "attention/decode.cu",
            text: include_str!("decode.cu"),
            parts: &[PRELUDE, TENSOR_CORE, SOFTMAX],
            defines: &[
                concat!("-DT=", $number),
                concat!("-DD=", $d),
                concat!("-DPAGED=", $paged),
            ],
            gpus: $since,
        }
    };
}

/// By type, head size and whether the cache is in pages.
pub(in crate::kernels::cuda) const SOURCES: &[Source] = &[
    decode!("bf16", AMPERE, 64, 0),
    decode!("bf16", AMPERE, 64, 1),
    decode!("bf16", AMPERE, 128, 0),
    decode!("bf16", AMPERE, 128, 1),
    decode!("f16", AMPERE, 64, 0),
    decode!("f16", AMPERE, 64, 1),
    decode!("f16", AMPERE, 128, 0),
    decode!("f16", AMPERE, 128, 1),
];

/// Keys and values of earlier tokens.
#[derive(Clone, Copy)]
pub enum Cache<'a, T> {
    /// `k [b kv_heads m d]`, `v [b kv_heads m d]`
    Dense {
        k: &'a CudaView<'a, T>,
        v: &'a CudaView<'a, T>,
    },
    /// Pages of `page` keys, a power of two from 16 on: `k [pages kv_heads page d]`, `v` likewise. Page
    /// `table[s·columns + i]` has the keys from i·page on of sequence s; `table [b columns]`, with
    /// columns·page ≥ m.
    Paged {
        k: &'a CudaView<'a, T>,
        v: &'a CudaView<'a, T>,
        table: &'a CudaView<'a, i32>,
        page: usize,
    },
}

/// Decoding for one shape, with the memory that it needs beside the operands.
pub struct Decoder {
    shape: Shape,
    kv_heads: usize,
    splits: usize,
    parts: CudaSlice<f32>,
    counters: CudaSlice<u32>,
}

/// The kernel's `call`.
#[repr(C)]
struct Call {
    sizes: [i32; 4],
    page_bits: i32,
    pages: i32,
    table_columns: i32,
    splits: i32,
    scale: f32,
    lengths: u64,
    table: u64,
}

// SAFETY: numbers and addresses, laid out as in decode.cu.
unsafe impl DeviceRepr for Call {}

impl Decoder {
    /// For at most `m` keys a sequence, of which shape.n are the newest queries' own.
    ///
    /// # Errors
    /// [`Error`], when there is no kernel for the shape, or no memory.
    pub fn new(gpu: &Gpu, shape: Shape, kv_heads: usize) -> Result<Decoder, Error> {
        let Shape { b, h, n, m, d, dv } = shape;
        if d != dv || ![64, 128].contains(&d) {
            return Err(Error::HeadSize { d, dv });
        }
        if kv_heads == 0 || !h.is_multiple_of(kv_heads) {
            return Err(Misfit::Heads { h, kv_heads }.into());
        }
        let most = 1 << 30;
        let units = product([b, kv_heads]).filter(|units| *units < 1 << 16);
        let (Some(units), true) = (units, n < 1 << 16 && h < 1 << 16 && m < most) else {
            return Err(Error::Large(shape));
        };
        let blocks = (h / kv_heads * n).div_ceil(16);
        if blocks >= 1 << 16 {
            return Err(Error::Large(shape));
        }
        let splits = splits(gpu, units * blocks, m * d);
        let parts = product([b, h, n, splits, d + 1]).ok_or(Misfit::Shape(shape))?;
        Ok(Decoder {
            shape,
            kv_heads,
            splits,
            parts: gpu.stream.alloc_zeros(parts.max(1))?,
            counters: gpu.stream.alloc_zeros((units * blocks).max(1))?,
        })
    }

    /// Writes the n newest queries' attention over their sequences' caches to `out`, causally: `q [b h n d]`,
    /// `out [b h n d]`, and of sequence s the first `lengths[s]` keys are there, the queries' own among them
    /// (what lies behind is not looked at; lengths beyond m count as m). Every key and value is read once for
    /// all heads of a group. Does not wait.
    ///
    /// # Errors
    /// [`Error`], when operands do not fit the shape, or no kernel runs here.
    pub fn run<T: Number>(
        &mut self,
        gpu: &Gpu,
        out: &mut CudaViewMut<'_, T>,
        q: &CudaView<'_, T>,
        cache: Cache<'_, T>,
        lengths: &CudaView<'_, i32>,
    ) -> Result<(), Error> {
        let Shape { b, h, n, m, d, .. } = self.shape;
        let kv_heads = self.kv_heads;
        let size = |sizes: [usize; 4]| product(sizes).ok_or(Misfit::Shape(self.shape));
        Length::check("q", size([b, h, n, d])?, q.len())?;
        Length::check("out", size([b, h, n, d])?, out.len())?;
        Length::check("lengths", b, lengths.len())?;
        let (k, v, paged) = match cache {
            Cache::Dense { k, v } => (k, v, None),
            Cache::Paged { k, v, table, page } => (k, v, Some((table, page))),
        };
        aligned(gpu, [("q", q), ("k", k), ("v", v)], out)?;
        let (mut page, mut pages, mut columns, mut address) = (1, 0, 0, 0);
        match paged {
            None => {
                Length::check("k", size([b, kv_heads, m, d])?, k.len())?;
                Length::check("v", size([b, kv_heads, m, d])?, v.len())?;
            }
            Some((table, size)) => {
                if !size.is_power_of_two() || !(16..1 << 30).contains(&size) {
                    return Err(Error::Page(size));
                }
                let each = kv_heads * size * d;
                (page, pages) = (size, k.len() / each);
                columns = m.div_ceil(size).max(table.len() / b.max(1));
                Length::check("k", pages.max(1) * each, k.len())?;
                Length::check("v", k.len(), v.len())?;
                Length::check("table", b * columns, table.len())?;
                address = table.device_ptr(&gpu.stream).0;
            }
        }
        if b * h * n == 0 {
            return Ok(());
        }
        let index = SOURCES.iter().position(|source| {
            source.defines[0].ends_with(&format!("={}", T::NAME))
                && source.defines[1] == format!("-DD={d}")
                && source.defines[2].ends_with('1') == paged.is_some()
                && source.gpus.has(gpu.capability)
        });
        let Some(index) = index else {
            return Err(Error::NoDecoding {
                number: T::NAME,
                gpu: gpu.name.clone(),
            });
        };
        let kernel = gpu.kernel(&SOURCES[index], "decode")?;
        let call = Call {
            sizes: [h, kv_heads, n, m].map(|size| size as i32),
            page_bits: page.trailing_zeros() as i32,
            pages: pages as i32,
            table_columns: columns as i32,
            splits: self.splits as i32,
            scale: std::f32::consts::LOG2_E / (d as f32).sqrt(),
            lengths: lengths.device_ptr(&gpu.stream).0,
            table: address,
        };
        let blocks = (h / kv_heads * n).div_ceil(16);
        let config = LaunchConfig {
            grid_dim: (self.splits as u32, (b * kv_heads) as u32, blocks as u32),
            block_dim: (THREADS, 1, 1),
            shared_mem_bytes: SHARED_BYTES,
        };
        let mut launch = gpu.stream.launch_builder(&kernel);
        launch
            .arg(out)
            .arg(&mut self.parts)
            .arg(&mut self.counters)
            .arg(q)
            .arg(k)
            .arg(v)
            .arg(&call);
        // SAFETY: the arguments are those of decode.cu, and every operand has what the call says.
        unsafe { launch.launch(config) }?;
        Ok(())
    }
}

/// Into how many parts a sequence's keys are cut: as many as give a block to almost every multiprocessor, where
/// that can be, and two otherwise. More parts cost more than they balance, and none is without work.
fn splits(gpu: &Gpu, units: usize, elements: usize) -> usize {
    // A block's four warps take 2048 elements of K a step each.
    let steps = elements.div_ceil(4 * 2048).max(1);
    let (units, all) = (units.max(1), gpu.multiprocessors as usize);
    let one_each = all / units;
    let splits = match one_each * units * 10 >= all * 9 {
        true => one_each,
        false => 2 * all / units,
    };
    splits.clamp(1, steps.min(MOST_SPLITS))
}

/// Whose weights have a place in shared memory.
const MOST_SPLITS: usize = 256;
