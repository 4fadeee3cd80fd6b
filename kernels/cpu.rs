//! Which instructions a kernel uses, chosen at run time, and how work is split over threads.

use rayon::{ThreadPool, ThreadPoolBuilder};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock};

/// An instruction set that kernels are compiled for. Each has those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    Scalar,
    /// 8 lanes of f32, with fused multiply-add and conversion of f16.
    Avx2,
    /// 16 lanes of f32.
    Avx512,
    /// Products of pairs of bf16, summed in f32.
    Avx512Bf16,
    /// Tiles of 16 rows of 32 bf16, multiplied as a whole.
    Amx,
}

impl Tier {
    pub const ALL: [Tier; 5] = [
        Tier::Scalar,
        Tier::Avx2,
        Tier::Avx512,
        Tier::Avx512Bf16,
        Tier::Amx,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Tier::Scalar => "scalar",
            Tier::Avx2 => "AVX2+FMA",
            Tier::Avx512 => "AVX-512",
            Tier::Avx512Bf16 => "AVX-512 BF16",
            Tier::Amx => "AMX",
        }
    }

    /// What `LLMLAB_CPU` calls it.
    pub fn id(self) -> &'static str {
        match self {
            Tier::Scalar => "scalar",
            Tier::Avx2 => "avx2",
            Tier::Avx512 => "avx512",
            Tier::Avx512Bf16 => "avx512bf16",
            Tier::Amx => "amx",
        }
    }

    /// The best tier of this machine, or a lower one that `LLMLAB_CPU` asks for by its id.
    pub fn current() -> Tier {
        static TIER: OnceLock<Tier> = OnceLock::new();
        *TIER.get_or_init(|| {
            let asked = std::env::var("LLMLAB_CPU").unwrap_or_default();
            Tier::parse(&asked)
                .unwrap_or(Tier::Amx)
                .min(Tier::detected())
        })
    }

    /// The tier of this id.
    pub fn parse(id: &str) -> Option<Tier> {
        Tier::ALL.into_iter().find(|tier| tier.id() == id)
    }

    /// The tier of kernels that compute in f32: what comes after AVX-512 is for bf16.
    pub fn f32() -> Tier {
        Tier::current().min(Tier::Avx512)
    }

    /// The best tier of this machine.
    pub fn detected() -> Tier {
        static TIER: OnceLock<Tier> = OnceLock::new();
        *TIER.get_or_init(Tier::detect)
    }

    #[cfg(target_arch = "x86_64")]
    fn detect() -> Tier {
        let has = [
            is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("fma")
                && is_x86_feature_detected!("f16c"),
            is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq"),
            is_x86_feature_detected!("avx512bf16"),
            super::amx::available(),
        ];
        Tier::ALL[has.into_iter().take_while(|has| *has).count()]
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn detect() -> Tier {
        Tier::Scalar
    }

    /// Every tier that this machine has.
    pub fn all() -> Vec<Tier> {
        let mut tiers = Tier::ALL.to_vec();
        tiers.retain(|tier| *tier <= Tier::detected());
        tiers
    }
}

/// Bytes of a core's second cache, as the processor tells; half a MiB where it does not.
pub fn second_cache() -> usize {
    static BYTES: OnceLock<usize> = OnceLock::new();
    *BYTES.get_or_init(|| {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::x86_64::__cpuid;
            /// The leaf that Intel and AMD share.
            const CACHES: u32 = 0x8000_0006;
            if __cpuid(0x8000_0000).eax >= CACHES {
                let kib = (__cpuid(CACHES).ecx >> 16) as usize;
                return kib.clamp(256, 4096) << 10;
            }
        }
        512 << 10
    })
}

/// The threads that kernels use: all of the machine's, or `LLMLAB_THREADS`.
pub fn threads() -> usize {
    static THREADS: OnceLock<usize> = OnceLock::new();
    *THREADS.get_or_init(|| {
        std::env::var("LLMLAB_THREADS")
            .ok()
            .and_then(|count| count.parse().ok())
            .filter(|count| *count > 0)
            .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
    })
}

/// Runs `work(0)` to `work(count - 1)` on all threads; each takes the next that nobody has taken, so
/// that long and short ones may be mixed.
pub fn each(count: usize, work: impl Fn(usize) + Sync) {
    let workers = threads().min(count);
    if workers <= 1 {
        return (0..count).for_each(work);
    }
    let next = AtomicUsize::new(0);
    let take = || {
        loop {
            let i = next.fetch_add(1, Relaxed);
            if i >= count {
                break;
            }
            work(i);
        }
    };
    pool().in_place_scope(|scope| {
        for _ in 1..workers {
            scope.spawn(|_| take());
        }
        take();
    });
}

/// Threads that sleep until there is work; the caller of a kernel works too, so one fewer than
/// [`threads`].
///
/// Threads do not survive a fork, and the judge forks: each process has its own pool.
fn pool() -> &'static ThreadPool {
    static POOL: Mutex<Option<(u32, &'static ThreadPool)>> = Mutex::new(None);
    let process = std::process::id();
    let mut pool = POOL.lock().unwrap_or_else(|poison| poison.into_inner());
    match *pool {
        Some((owner, threads)) if owner == process => threads,
        _ => {
            let threads = ThreadPoolBuilder::new()
                .num_threads(threads() - 1)
                .thread_name(|i| format!("llmlab kernel {i}"))
                .build()
                .expect("the system gives a process its threads");
            let threads: &'static ThreadPool = Box::leak(Box::new(threads));
            *pool = Some((process, threads));
            threads
        }
    }
}

/// Cuts `out` into items of `len` elements and works on runs of them, one run per thread:
/// `work(items, their elements)`.
pub fn split<T: Send>(out: &mut [T], len: usize, work: impl Fn(Range<usize>, &mut [T]) + Sync) {
    split_pair((out, len), (&mut [], 0), |items, out, _| work(items, out));
}

/// The same for two outputs, each with the length of its items: `work(items, their elements in the
/// first, in the second)`. An output of length 0 has no items of its own.
pub fn split_pair<T: Send>(
    (mut a, len_a): (&mut [T], usize),
    (mut b, len_b): (&mut [T], usize),
    work: impl Fn(Range<usize>, &mut [T], &mut [T]) + Sync,
) {
    let items = a.len().checked_div(len_a).unwrap_or(0);
    let each = items.div_ceil(threads()).max(1);
    if items <= each {
        return work(0..items, a, b);
    }
    pool().in_place_scope(|scope| {
        let mut first = 0;
        while first < items {
            let count = each.min(items - first);
            let (part_a, part_b);
            (part_a, a) = a.split_at_mut(count * len_a);
            (part_b, b) = b.split_at_mut(count * len_b);
            let (work, run) = (&work, first..first + count);
            first += count;
            match first < items {
                true => scope.spawn(move |_| work(run, part_a, part_b)),
                false => work(run, part_a, part_b),
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_worked_on_once() {
        for items in [0, 1, 2, 7, 64] {
            let mut out = vec![0.0; items * 3];
            split(&mut out, 3, |range, part| {
                assert_eq!(range.len() * 3, part.len());
                part.iter_mut().for_each(|x| *x += 1.0);
            });
            assert!(out.iter().all(|x| *x == 1.0), "{items} items");
            let mut second = vec![0.0; items];
            split_pair((&mut out, 3), (&mut second, 1), |range, a, b| {
                assert_eq!([range.len() * 3, range.len()], [a.len(), b.len()]);
                a.iter_mut().chain(b).for_each(|x| *x += 1.0);
            });
            assert!(out.iter().all(|x| *x == 2.0) && second.iter().all(|x| *x == 1.0));
            let counts: Vec<AtomicUsize> = (0..items).map(|_| AtomicUsize::new(0)).collect();
            each(items, |i| {
                counts[i].fetch_add(1, Relaxed);
            });
            assert!(counts.iter().all(|count| count.load(Relaxed) == 1));
        }
    }
}
