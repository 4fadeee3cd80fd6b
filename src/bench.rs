//! Timing the reference and the production kernel on the large case, next to what this machine
//! can do at best.

use crate::kernels::cpu::{Tier, split, threads};
use crate::lesson::Lesson;
use crate::problem::{Deviation, Work};
use crate::text::Lang;
use crate::tiered;
use crate::trace::Trace;
use serde::Serialize;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// One measurement of everything, in one process.
#[derive(Clone, Debug, Serialize)]
pub struct Bench {
    pub lesson: &'static str,
    /// Settings of the large case.
    pub settings: BTreeMap<&'static str, usize>,
    /// The production kernel's name and path.
    pub kernel: String,
    pub tier: &'static str,
    pub threads: usize,
    /// What the case cannot do without.
    pub flops: f64,
    pub bytes: f64,
    /// The kernel's largest error, and the tolerance.
    pub error: f64,
    pub tolerance: f64,
    pub machine: Machine,
    /// The shortest time that the machine's limits allow, in seconds.
    pub limit_s: f64,
    /// What sets it: `memory` or `arithmetic`.
    pub bound: &'static str,
    pub rows: Vec<Row>,
}

/// What this machine reached on two loops that do nothing else.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Machine {
    /// Copying between buffers beyond the caches, all threads; read and written bytes counted.
    pub copy_gb_s: f64,
    /// Fused multiply-adds on registers in f32, all threads, in the tier that kernels use.
    pub fma_gflop_s: f64,
}

/// The times of one implementation.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// `reference` (f64, step by step), `kernel` or `learner`.
    pub name: &'static str,
    pub runs: usize,
    pub median_s: f64,
    pub min_s: f64,
    pub max_s: f64,
    pub gflop_s: f64,
    pub gb_s: f64,
    pub of_copy: f64,
    pub of_fma: f64,
    /// The limit's time as a fraction of the median.
    pub of_limit: f64,
}

/// Checks the kernel against the reference on the large case, then times both in turn for about
/// `budget`. `learner` is the median of a learner's own function in seconds, measured elsewhere.
///
/// # Errors
/// A sentence when the kernel's output is not the reference's: a wrong kernel is not timed.
pub fn bench(
    lesson: &'static Lesson,
    seed: u64,
    budget: Duration,
    learner: Option<f64>,
    lang: Lang,
) -> Result<Bench, String> {
    let problem = lesson.problem;
    let case = crate::check::large(problem, seed);
    let inputs = (problem.inputs)(&case);
    let reference = || (problem.reference)(&inputs, &mut Trace::new());
    let kernel = || (problem.production.run)(&inputs);
    let name = (problem.production.name)();

    // These runs warm caches and threads too.
    let (first, truth) = timed(reference);
    let tolerance = (problem.tolerance)(&inputs).value;
    let agreement = Deviation::between(&kernel(), &truth, tolerance);
    if !agreement.holds() {
        let err = agreement.err;
        return Err(lang.pick(
            format!("the kernel ({name}) is off by {err:.3e}, allowed is {tolerance:.3e}; it is not timed until it is right"),
            format!("内核（{name}）误差为 {err:.3e}，允许 {tolerance:.3e}；结果正确之前不计时"),
        ));
    }
    drop(truth);

    // Alternating, so that what else the machine does falls on both.
    let (mut slow, mut fast) = (Vec::new(), Vec::new());
    let start = Instant::now();
    while fast.len() < 5 || start.elapsed() < budget {
        fast.push(timed(kernel).0);
        let due = slow.len() < 3 && first < budget || start.elapsed() + 2 * first < budget;
        if due && slow.len() < fast.len() {
            slow.push(timed(reference).0);
        }
        if fast.len() >= 1000 || start.elapsed() > 4 * budget + Duration::from_secs(10) {
            break;
        }
    }
    if slow.is_empty() {
        slow.push(first);
    }

    let machine = machine();
    let work = (problem.production.work)(&case);
    let memory = work.bytes / (machine.copy_gb_s * 1e9);
    let arithmetic = work.flops / (machine.fma_gflop_s * 1e9);
    let limit_s = memory.max(arithmetic);
    let seconds = |times: &[Duration]| times.iter().map(Duration::as_secs_f64).collect::<Vec<_>>();
    let mut rows = vec![
        row("reference", seconds(&slow), work, machine, limit_s),
        row("kernel", seconds(&fast), work, machine, limit_s),
    ];
    rows.extend(learner.map(|median| row("learner", vec![median], work, machine, limit_s)));
    Ok(Bench {
        lesson: lesson.id,
        settings: case.settings.clone(),
        kernel: name,
        tier: Tier::current().name(),
        threads: threads(),
        flops: work.flops,
        bytes: work.bytes,
        error: agreement.err,
        tolerance,
        machine,
        limit_s,
        bound: if memory > arithmetic {
            "memory"
        } else {
            "arithmetic"
        },
        rows,
    })
}

fn timed<R>(work: impl FnOnce() -> R) -> (Duration, R) {
    let start = Instant::now();
    let result = black_box(work());
    (start.elapsed(), result)
}

fn row(name: &'static str, mut times: Vec<f64>, work: Work, machine: Machine, limit: f64) -> Row {
    times.sort_by(f64::total_cmp);
    let middle = times.len() / 2;
    let median = match times.len() % 2 {
        1 => times[middle],
        _ => (times[middle - 1] + times[middle]) / 2.0,
    };
    let (gflop_s, gb_s) = (work.flops / median / 1e9, work.bytes / median / 1e9);
    Row {
        name,
        runs: times.len(),
        median_s: median,
        min_s: times[0],
        max_s: times[times.len() - 1],
        gflop_s,
        gb_s,
        of_copy: gb_s / machine.copy_gb_s,
        of_fma: gflop_s / machine.fma_gflop_s,
        of_limit: limit / median,
    }
}

/// Measures the machine's two limits: the best of several short runs.
pub fn machine() -> Machine {
    Machine {
        copy_gb_s: copy_bandwidth(),
        fma_gflop_s: fma_peak(),
    }
}

/// 128 MiB read and 128 MiB written: beyond any cache but the largest servers'.
fn copy_bandwidth() -> f64 {
    const LEN: usize = 32 << 20;
    let from = vec![1.0f32; LEN];
    let mut to = vec![0.0f32; LEN];
    let mut best = f64::INFINITY;
    for _ in 0..6 {
        let (time, ()) = timed(|| {
            split(black_box(&mut to), 1 << 16, |items, part| {
                let start = items.start << 16;
                part.copy_from_slice(&from[start..start + part.len()]);
            });
        });
        best = best.min(time.as_secs_f64());
    }
    2.0 * 4.0 * LEN as f64 / best / 1e9
}

/// Multiply-adds per chain and call.
const STEPS: usize = 4096;
const LANES: usize = 16;

/// `CHAINS` independent chains of 16 lanes hide the latency of an FMA.
#[inline(always)]
fn chains<const CHAINS: usize, const FUSED: bool>(x: f32, y: f32) -> f32 {
    let mut sums = [[x; LANES]; CHAINS];
    for _ in 0..STEPS {
        for sum in &mut sums {
            for lane in sum {
                *lane = match FUSED {
                    true => lane.mul_add(x, y),
                    false => *lane * x + y,
                };
            }
        }
    }
    sums.iter().flatten().sum()
}

tiered! {
    // Eight chains fill 32 registers of AVX-512 well, five the 16 of AVX2: both are tried.
    fn fused(many: bool, x: f32, y: f32) -> f32 {
        if many { chains::<12, true>(x, y) } else { chains::<5, true>(x, y) }
    }
}

/// Without FMA instructions `mul_add` would be a library call.
fn apart(many: bool, x: f32, y: f32) -> f32 {
    if many {
        chains::<12, false>(x, y)
    } else {
        chains::<5, false>(x, y)
    }
}

fn fma_peak() -> f64 {
    let has_fma = !cfg!(target_arch = "x86_64") || Tier::current() > Tier::Scalar;
    const CALLS: usize = 64;
    let count = threads();
    let mut best: f64 = 0.0;
    for trial in 0..12 {
        let many = trial % 2 == 0;
        let chains = if many { 12 } else { 5 };
        let mut results = vec![0.0f32; count];
        let (time, ()) = timed(|| {
            split(&mut results, 1, |_, part| {
                for result in part {
                    for _ in 0..CALLS {
                        // Below 1, so that the chains neither overflow nor become denormal.
                        let (x, y) = (black_box(0.999), black_box(1e-3));
                        *result += if has_fma {
                            fused(many, x, y)
                        } else {
                            apart(many, x, y)
                        };
                    }
                }
            });
        });
        black_box(&results);
        let flops = (2 * count * CALLS * STEPS * chains * LANES) as f64;
        best = best.max(flops / time.as_secs_f64() / 1e9);
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_stands_between_the_extremes_and_the_rates_follow_from_it() {
        let work = Work {
            flops: 4e9,
            bytes: 2e9,
        };
        let machine = Machine {
            copy_gb_s: 10.0,
            fma_gflop_s: 100.0,
        };
        let row = row("kernel", vec![4.0, 1.0, 2.0, 2.0], work, machine, 0.2);
        assert_eq!((row.min_s, row.median_s, row.max_s), (1.0, 2.0, 4.0));
        assert_eq!((row.gflop_s, row.gb_s), (2.0, 1.0));
        assert_eq!((row.of_fma, row.of_copy, row.of_limit), (0.02, 0.1, 0.1));
    }

    #[test]
    fn chains_compute_what_they_say() {
        // x·s + y has the fixed point y/(1 − x) = 1.
        let sum = fused(true, 0.5, 0.5);
        assert!((sum - 192.0).abs() < 1e-3, "{sum}");
        assert!((apart(false, 0.5, 0.5) - 80.0).abs() < 1e-3);
    }
}
