//! What the GPU can do at best: the bandwidth of a copy, the peak of f32 multiply-adds and the rate of its
//! tensor cores, measured.

use super::{Gpu, Gpus, HOPPER, PRELUDE, Part, Source, TENSOR_CORE, Trouble};
use cudarc::driver::{LaunchConfig, PushKernelArg, sys};
use std::sync::OnceLock;

/// A copy; then tensor cores, from the newest to the oldest.
pub(super) static SOURCES: [Source; 4] = [
    Source {
        file: "limits.cu",
        text: include_str!("limits.cu"),
        parts: &[PRELUDE],
        defines: &[],
        gpus: Gpus::From(7, 5),
    },
    tensor(
        &[PRELUDE, TENSOR_CORE, HOPPER],
        &["-DWGMMA_LIMIT"],
        Gpus::Hopper,
    ),
    tensor(&[PRELUDE, TENSOR_CORE], &["-DT=bf16"], Gpus::From(8, 0)),
    tensor(&[PRELUDE, TENSOR_CORE], &["-DT=f16"], Gpus::From(7, 5)),
];

const fn tensor(parts: &'static [Part], defines: &'static [&'static str], gpus: Gpus) -> Source {
    Source {
        file: "tensor_limit.cu",
        text: include_str!("tensor_limit.cu"),
        parts,
        defines,
        gpus,
    }
}

/// The limits of a GPU, measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// 10⁹ bytes read and written a second.
    pub copy_gb_s: f64,
    /// 10⁹ operations of f32 a second, two for each multiply-add.
    pub fma_gflop_s: f64,
    /// 10⁹ additions and multiplications a second in products of 16-bit numbers, summed in f32; 0 where the GPU
    /// has no units for them.
    pub tensor_gflop_s: f64,
}

impl Limits {
    /// The least seconds for so many bytes and so many operations on units that do `peak` of them a second, and
    /// which of the two sets it: `memory` or `arithmetic`.
    pub fn limit(&self, flops: f64, bytes: f64, peak_gflop_s: f64) -> (f64, &'static str) {
        let memory = bytes / self.copy_gb_s / 1e9;
        let arithmetic = flops / peak_gflop_s / 1e9;
        match arithmetic > memory && arithmetic.is_finite() {
            true => (arithmetic, "arithmetic"),
            false => (memory, "memory"),
        }
    }
}

/// Measured once a process, in about 0.2 s.
///
/// # Errors
/// [`Trouble`], where the GPU cannot be used.
pub fn limits(gpu: &Gpu) -> Result<Limits, Trouble> {
    static LIMITS: OnceLock<Limits> = OnceLock::new();
    if let Some(known) = LIMITS.get() {
        return Ok(*known);
    }
    let measured = measure(gpu)?;
    Ok(*LIMITS.get_or_init(|| measured))
}

fn measure(gpu: &Gpu) -> Result<Limits, Trouble> {
    Ok(Limits {
        copy_gb_s: copy(gpu)?,
        fma_gflop_s: fma(gpu)?,
        tensor_gflop_s: tensor_cores(gpu)? / 1e9,
    })
}

fn fma(gpu: &Gpu) -> Result<f64, Trouble> {
    let mut to = gpu.stream.alloc_zeros::<f32>(1)?;
    let peak = gpu.kernel(&SOURCES[0], "fma_peak")?;
    let (blocks, threads, rounds) = (gpu.multiprocessors as u32 * 4, 512, 1000);
    let config = LaunchConfig {
        grid_dim: (blocks, 1, 1),
        block_dim: (threads, 1, 1),
        shared_mem_bytes: 0,
    };
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let seconds = gpu.seconds(|| {
            let mut launch = gpu.stream.launch_builder(&peak);
            launch.arg(&mut to).arg(&0.5f32).arg(&rounds);
            // SAFETY: it writes one number at most.
            unsafe { launch.launch(config) }?;
            Ok(())
        })?;
        best = best.min(seconds);
    }
    let flops = 2.0 * 8.0 * 16.0 * f64::from(rounds) * f64::from(blocks) * f64::from(threads);
    Ok(flops / best / 1e9)
}

fn copy(gpu: &Gpu) -> Result<f64, Trouble> {
    // Far more than L2 holds, and no more than an eighth of the memory.
    let bytes = (1 << 30).min(gpu.memory_bytes / 8) / 16 * 16;
    let from = gpu.stream.alloc_zeros::<u8>(bytes)?;
    let mut to = gpu.stream.alloc_zeros::<u8>(bytes)?;
    let copy = gpu.kernel(&SOURCES[0], "copy16")?;
    let vectors = (bytes / 16) as u64;
    let config = LaunchConfig {
        grid_dim: (gpu.multiprocessors as u32 * 16, 1, 1),
        block_dim: (512, 1, 1),
        shared_mem_bytes: 0,
    };
    let mut best = f64::INFINITY;
    for _ in 0..10 {
        let seconds = gpu.seconds(|| {
            let mut launch = gpu.stream.launch_builder(&copy);
            launch.arg(&mut to).arg(&from).arg(&vectors);
            // SAFETY: both have `vectors` times 16 bytes.
            unsafe { launch.launch(config) }?;
            Ok(())
        })?;
        best = best.min(seconds);
    }
    Ok(2.0 * bytes as f64 / best / 1e9)
}

/// Additions and multiplications a second.
fn tensor_cores(gpu: &Gpu) -> Result<f64, Trouble> {
    const ROUNDS: i32 = 4096;
    let fits = |source: &&Source| source.gpus.has(gpu.capability);
    let Some(source) = SOURCES[1..].iter().find(fits) else {
        return Ok(0.0);
    };
    // A round of a block: 2 warpgroups by 64·256·64, or 8 warps by 8 products of 16·8·16; blocks, shared bytes.
    let (products, blocks, shared) = match source.gpus {
        Gpus::Hopper => (2 * 64 * 256 * 64, 1, (128 + 256) * 128),
        Gpus::From(..) => (8 * 8 * 16 * 8 * 16, 2, 0),
    };
    let kernel = gpu.kernel(source, "tensor_limit")?;
    let blocks = gpu.multiprocessors as u32 * blocks;
    let mut out = gpu.stream.alloc_zeros::<f32>(blocks as usize * 256)?;
    let config = LaunchConfig {
        grid_dim: (blocks, 1, 1),
        block_dim: (256, 1, 1),
        shared_mem_bytes: shared,
    };
    let mut best = f64::INFINITY;
    for _ in 0..10 {
        let seconds = gpu.seconds(|| {
            let mut launch = gpu.stream.launch_builder(&kernel);
            launch.arg(&mut out).arg(&ROUNDS);
            // SAFETY: every thread of the grid has a number to write.
            unsafe { launch.launch(config) }?;
            Ok(())
        })?;
        best = best.min(seconds);
    }
    Ok(2.0 * f64::from(products) * f64::from(blocks) * f64::from(ROUNDS) / best)
}

impl Gpu {
    /// What the launches of `work` take on the GPU, by its own clock.
    ///
    /// # Errors
    /// Those of `work`, or the driver's.
    pub fn seconds(&self, work: impl FnOnce() -> Result<(), Trouble>) -> Result<f64, Trouble> {
        let timed = Some(sys::CUevent_flags::CU_EVENT_DEFAULT);
        let start = self.stream.record_event(timed)?;
        work()?;
        let end = self.stream.record_event(timed)?;
        Ok(f64::from(start.elapsed_ms(&end)?) / 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs where there is a GPU.
    #[test]
    fn copies_and_products_run_at_speeds_that_a_gpu_can_have() {
        let Ok(gpu) = super::super::gpu() else { return };
        let limits = limits(gpu).unwrap();
        println!("{limits:?}");
        assert!(limits.copy_gb_s > 100.0 && limits.copy_gb_s < 20_000.0);
        assert!(limits.fma_gflop_s > 1e3 && limits.fma_gflop_s < 1e6);
        let tensor = limits.tensor_gflop_s;
        assert!(tensor > 5e3 && tensor < 1e7);
    }
}
