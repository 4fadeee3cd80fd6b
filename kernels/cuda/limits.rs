//! What the GPU can do at best: the bandwidth of a copy and the peak of f32 multiply-adds, measured.

use super::{Gpu, Gpus, Source, Trouble, source::PRELUDE};
use cudarc::driver::{LaunchConfig, PushKernelArg, sys};
use std::sync::OnceLock;

pub(super) const SOURCES: &[Source] = &[Source {
    file: "limits.cu",
    text: include_str!("limits.cu"),
    parts: &[PRELUDE],
    defines: &[],
    gpus: Gpus::From(7, 5),
}];

/// The limits of a GPU, measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// 10⁹ bytes read and written a second.
    pub copy_gb_s: f64,
    /// 10⁹ operations of f32 a second, two for each multiply-add.
    pub fma_gflop_s: f64,
}

impl Limits {
    /// The least seconds for so many bytes and so many operations on units that do `peak` of them a second, and
    /// which of the two sets it: `memory` or `arithmetic`.
    pub fn limit(&self, flops: f64, bytes: f64, peak_gflop_s: f64) -> (f64, &'static str) {
        let memory = bytes / self.copy_gb_s / 1e9;
        let arithmetic = flops / peak_gflop_s / 1e9;
        match arithmetic > memory {
            true => (arithmetic, "arithmetic"),
            false => (memory, "memory"),
        }
    }
}

/// Measured once a process, in about 0.1 s.
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
    fn a_copy_runs_at_a_speed_that_memory_can_have() {
        let Ok(gpu) = super::super::gpu() else { return };
        let limits = limits(gpu).unwrap();
        println!("{limits:?}");
        assert!(limits.copy_gb_s > 100.0 && limits.copy_gb_s < 20_000.0);
        assert!(limits.fma_gflop_s > 1e3 && limits.fma_gflop_s < 1e6);
    }
}
