//! What this machine can do at best, measured: the limits that kernels are held against.

use super::cpu::{Tier, split, threads};
use super::stream;
use serde::Serialize;
use std::hint::black_box;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// What this machine reached on loops that do nothing else.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Machine {
    /// Copying between buffers beyond the caches, all threads; read and written bytes counted.
    pub copy_gb_s: f64,
    /// Fused multiply-adds on registers in f32, all threads, in the tier that kernels use.
    pub fma_gflop_s: f64,
    /// Products and sums of bf16 with sums in f32, on registers or tiles, all threads, in the tier that
    /// kernels use. Without an instruction for them, bf16 is widened: then it is that of f32.
    pub bf16_gflop_s: f64,
}

impl Machine {
    /// The least seconds that work of so many FLOPs and bytes takes, and which of the two sets it:
    /// `memory` or `arithmetic` (Williams et al. 2009, the roofline).
    pub fn limit(&self, flops: f64, bytes: f64) -> (f64, &'static str) {
        self.roof(flops, bytes, self.fma_gflop_s)
    }

    /// The same where the products are of bf16.
    pub fn limit_bf16(&self, flops: f64, bytes: f64) -> (f64, &'static str) {
        self.roof(flops, bytes, self.bf16_gflop_s)
    }

    fn roof(&self, flops: f64, bytes: f64, gflop_s: f64) -> (f64, &'static str) {
        let memory = bytes / (self.copy_gb_s * 1e9);
        let arithmetic = flops / (gflop_s * 1e9);
        match memory > arithmetic {
            true => (memory, "memory"),
            false => (arithmetic, "arithmetic"),
        }
    }
}

/// The machine's limits: the best of several short runs, at the first call of this process.
pub fn measure() -> Machine {
    static MACHINE: OnceLock<Machine> = OnceLock::new();
    *MACHINE.get_or_init(|| {
        let fma = fma_peak();
        Machine {
            copy_gb_s: copy_bandwidth(),
            fma_gflop_s: fma,
            bf16_gflop_s: bf16_peak().unwrap_or(fma),
        }
    })
}

/// 128 MiB read and 128 MiB written: beyond any cache but the largest servers'. The better of the
/// standard library's copy and stores past the caches.
fn copy_bandwidth() -> f64 {
    const LEN: usize = 32 << 20;
    let from = vec![1.0f32; LEN];
    let mut to = vec![0.0f32; LEN];
    let mut best = f64::INFINITY;
    for run in 0..12 {
        let (to, from) = (black_box(&mut to), black_box(&from));
        let time = seconds(|| match run % 2 {
            0 => split(to, 1, |items, part| part.copy_from_slice(&from[items])),
            _ => stream::copy(Tier::current(), to, from),
        });
        best = best.min(time);
    }
    2.0 * 4.0 * LEN as f64 / best / 1e9
}

/// Steps per call; each works on all chains.
const STEPS: usize = 4096;
/// Independent chains of one register each: enough to hide the latency of an FMA.
const CHAINS: usize = 12;

/// `CHAINS` registers, `STEPS` times: s = s·x + y. Written with intrinsics, since the compiler does
/// not keep such chains in vector registers by itself.
#[cfg(target_arch = "x86_64")]
macro_rules! chains {
    ($name:ident, $features:literal, $set:ident, $first:ident, |$s:ident, $x:ident, $y:ident| $step:expr) => {
        #[target_feature(enable = $features)]
        fn $name(x: f32, y: f32) -> f32 {
            use std::arch::x86_64::*;
            let ($x, $y) = ($set(x), $set(y));
            let mut sums = [$x; CHAINS];
            for _ in 0..STEPS {
                for sum in &mut sums {
                    let $s = *sum;
                    *sum = $step;
                }
            }
            sums.into_iter().map(|sum| $first(sum)).sum()
        }
    };
}

#[cfg(target_arch = "x86_64")]
chains!(
    avx512,
    "avx512f",
    _mm512_set1_ps,
    _mm512_cvtss_f32,
    |s, x, y| _mm512_fmadd_ps(s, x, y)
);
#[cfg(target_arch = "x86_64")]
chains!(
    avx2,
    "avx2,fma",
    _mm256_set1_ps,
    _mm256_cvtss_f32,
    |s, x, y| _mm256_fmadd_ps(s, x, y)
);
#[cfg(target_arch = "x86_64")]
chains!(sse, "sse2", _mm_set1_ps, _mm_cvtss_f32, |s, x, y| {
    _mm_add_ps(_mm_mul_ps(s, x), y)
});

/// The first lane's sum over the chains, and how many lanes there are.
#[cfg(target_arch = "x86_64")]
fn chains(tier: Tier, x: f32, y: f32) -> (f32, usize) {
    match tier {
        // SAFETY: the tier was detected on this machine.
        Tier::Avx512 | Tier::Avx512Bf16 | Tier::Amx => (unsafe { avx512(x, y) }, 16),
        // SAFETY: as above.
        Tier::Avx2 => (unsafe { avx2(x, y) }, 8),
        // SAFETY: every x86-64 processor has SSE2.
        Tier::Scalar => (unsafe { sse(x, y) }, 4),
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn chains(_: Tier, x: f32, y: f32) -> (f32, usize) {
    let mut sums = [x; CHAINS];
    for _ in 0..STEPS {
        for sum in &mut sums {
            *sum = sum.mul_add(x, y);
        }
    }
    (sums.iter().sum(), 1)
}

#[cfg(target_arch = "x86_64")]
chains!(
    pairs,
    "avx512f,avx512bf16",
    _mm512_set1_ps,
    _mm512_cvtss_f32,
    |s, x, y| {
        // SAFETY: types of one size, and any bits are numbers.
        let [a, b] = unsafe { std::mem::transmute::<[__m512; 2], [__m512bh; 2]>([x, y]) };
        _mm512_dpbf16_ps(s, a, b)
    }
);

/// Four tiles of results and four of operands, as in a product: the FLOPs of one call.
#[cfg(target_arch = "x86_64")]
fn tiles() -> usize {
    use super::amx::{Amx, SIDE, Tiles};
    let mut tiles = Amx::take();
    for _ in 0..STEPS / 16 {
        tiles.dot::<0, 4, 6>();
        tiles.dot::<1, 4, 7>();
        tiles.dot::<2, 5, 6>();
        tiles.dot::<3, 5, 7>();
    }
    let mut out = [0.0; SIDE * SIDE];
    tiles.store::<0>(&mut out, SIDE);
    black_box(out);
    2 * STEPS / 16 * 4 * SIDE * SIDE * 2 * SIDE
}

fn fma_peak() -> f64 {
    let tier = Tier::current();
    peak(|| {
        // Below 1, so that the chains neither overflow nor become denormal.
        let (x, y) = (black_box(0.999), black_box(1e-3));
        2 * STEPS * CHAINS * black_box(chains(tier, x, y)).1
    })
}

/// Where the tier has instructions for bf16.
#[cfg(target_arch = "x86_64")]
fn bf16_peak() -> Option<f64> {
    match Tier::current() {
        Tier::Scalar | Tier::Avx2 | Tier::Avx512 => None,
        Tier::Avx512Bf16 => Some(peak(|| {
            // Sums grow by 2e-6 a step: nothing overflows or is denormal.
            let (x, y) = (black_box(1e-3), black_box(1e-3));
            // SAFETY: the tier was detected on this machine.
            black_box(unsafe { pairs(x, y) });
            2 * STEPS * CHAINS * 32
        })),
        Tier::Amx => Some(peak(tiles)),
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn bf16_peak() -> Option<f64> {
    None
}

/// The most GFLOP/s of all threads that call `work`, which says how many FLOPs it did.
fn peak(work: impl Fn() -> usize + Sync) -> f64 {
    const CALLS: usize = 64;
    /// The system takes some milliseconds to give threads that were asleep a core each.
    const WARM: Duration = Duration::from_millis(60);
    let mut best: f64 = 0.0;
    let start = Instant::now();
    while start.elapsed() < WARM {
        let mut flops = vec![0; threads()];
        let time = seconds(|| {
            split(&mut flops, 1, |_, part| {
                for flops in part {
                    *flops = (0..CALLS).map(|_| work()).sum();
                }
            });
        });
        best = best.max(flops.into_iter().sum::<usize>() as f64 / time / 1e9);
    }
    best
}

fn seconds(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slower_of_the_two_limits_counts() {
        let machine = Machine {
            copy_gb_s: 10.0,
            fma_gflop_s: 100.0,
            bf16_gflop_s: 200.0,
        };
        assert_eq!(machine.limit(4e9, 2e9), (0.2, "memory"));
        assert_eq!(machine.limit(4e10, 2e9), (0.4, "arithmetic"));
    }

    #[test]
    fn chains_compute_what_they_say() {
        for tier in [Tier::Scalar, Tier::Avx2, Tier::Avx512] {
            if tier <= Tier::current() {
                // s·x + y has the fixed point y/(1 − x) = 1.
                let (sum, _) = chains(tier, 0.5, 0.5);
                assert!((sum - CHAINS as f32).abs() < 1e-3, "{tier:?}: {sum}");
            }
        }
    }
}
