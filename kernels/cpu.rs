//! Which instructions a kernel uses, chosen at run time, and how work is split over threads.

use std::ops::Range;
use std::sync::OnceLock;

/// An instruction set that kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    Scalar,
    Avx2,
    Avx512,
}

impl Tier {
    pub fn name(self) -> &'static str {
        match self {
            Tier::Scalar => "scalar",
            Tier::Avx2 => "AVX2+FMA",
            Tier::Avx512 => "AVX-512",
        }
    }

    /// The best tier of this machine, or a lower one that `LLMLAB_CPU` (`scalar`, `avx2`,
    /// `avx512`) asks for.
    pub fn current() -> Tier {
        static TIER: OnceLock<Tier> = OnceLock::new();
        *TIER.get_or_init(|| {
            let asked = match std::env::var("LLMLAB_CPU").as_deref() {
                Ok("scalar") => Tier::Scalar,
                Ok("avx2") => Tier::Avx2,
                _ => Tier::Avx512,
            };
            asked.min(Tier::detected())
        })
    }

    /// The best tier of this machine.
    #[cfg(target_arch = "x86_64")]
    pub fn detected() -> Tier {
        let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        let avx512 = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl");
        match (avx2, avx512) {
            (true, true) => Tier::Avx512,
            (true, false) => Tier::Avx2,
            (false, _) => Tier::Scalar,
        }
    }

    /// The best tier of this machine.
    #[cfg(not(target_arch = "x86_64"))]
    pub fn detected() -> Tier {
        Tier::Scalar
    }

    /// Every tier that this machine has.
    pub fn all() -> Vec<Tier> {
        let mut tiers = vec![Tier::Scalar, Tier::Avx2, Tier::Avx512];
        tiers.retain(|tier| *tier <= Tier::detected());
        tiers
    }
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

/// Cuts `out` into items of `len` elements and works on runs of them, one run per thread:
/// `work(items, their elements)`.
///
/// Threads are scoped, not pooled: the judge forks, and a pool does not survive a fork.
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
    std::thread::scope(|scope| {
        for first in (0..items).step_by(each) {
            let count = each.min(items - first);
            let (part_a, part_b);
            (part_a, a) = a.split_at_mut(count * len_a);
            (part_b, b) = b.split_at_mut(count * len_b);
            let work = &work;
            scope.spawn(move || work(first..first + count, part_a, part_b));
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
        }
    }
}
