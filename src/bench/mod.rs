//! Timing the reference and the production kernel on the large case, next to what this machine
//! can do at best.

mod growth;

pub use growth::{Growth, Point, growth};

#[cfg(feature = "cuda")]
use crate::cuda::Measured;
use crate::kernels::cpu::{Tier, threads};
use crate::kernels::machine::{self, Machine};
use crate::lesson::Lesson;
use crate::problem::{Deviation, Work};
use crate::text::Lang;
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
    /// The GPU, where there is one.
    #[cfg(feature = "cuda")]
    pub gpu: Option<Measured>,
    pub rows: Vec<Row>,
}

/// A learner's own runs on the large case, measured by the judge.
#[derive(Clone, Debug)]
pub struct Learner {
    pub seconds: Vec<f64>,
    pub on_gpu: bool,
}

/// The times of one implementation.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// `reference` (f64, step by step), `kernel`, `cuda` or `learner`.
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

/// Checks the kernel against the reference on the large case, then times both in turn for about `budget`, and
/// checks once more. Where there is a GPU, its kernel is checked and timed too.
///
/// # Errors
/// A sentence when the kernel's output is not the reference's: a wrong kernel is not timed.
pub fn bench(
    lesson: &'static Lesson,
    seed: u64,
    budget: Duration,
    learner: Option<Learner>,
    lang: Lang,
) -> Result<Bench, String> {
    let problem = lesson.problem;
    let case = crate::check::large(problem, seed);
    let inputs = (problem.inputs)(&case);
    let reference = || (problem.reference)(&inputs, &mut Trace::new());
    let mut kernel = (problem.production.prepare)(&inputs);
    let name = (problem.production.name)();

    // These runs warm caches and threads too.
    let (first, truth) = timed(reference);
    let tolerance = (problem.tolerance)(&inputs).value;
    kernel.run();
    let agreement = Deviation::between(&kernel.values(), &truth, tolerance);
    if !agreement.holds() {
        return Err(off(agreement.err, tolerance, lang));
    }

    // Alternating, so that what else the machine does falls on both.
    let (mut slow, mut fast) = (Vec::new(), Vec::new());
    let start = Instant::now();
    while fast.len() < 5 || start.elapsed() < budget {
        fast.push(timed(|| kernel.run()).0);
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
    let still = Deviation::between(&kernel.values(), &truth, tolerance);
    if !still.holds() {
        return Err(off(still.err, tolerance, lang));
    }

    let machine = machine::measure();
    let work = (problem.production.work)(&case);
    let (limit_s, bound) = machine.limit(work.flops, work.bytes);
    let seconds = |times: &[Duration]| times.iter().map(Duration::as_secs_f64).collect::<Vec<_>>();
    let limits = Limits {
        copy_gb_s: machine.copy_gb_s,
        peak_gflop_s: machine.fma_gflop_s,
        limit_s,
    };
    let mut rows = vec![
        row("reference", seconds(&slow), work, limits),
        row("kernel", seconds(&fast), work, limits),
    ];
    #[cfg(feature = "cuda")]
    let gpu = crate::cuda::measure(lesson, seed, Duration::from_secs(20), lang).transpose()?;
    #[cfg(feature = "cuda")]
    let own = match &gpu {
        Some(gpu) if learner.as_ref().is_some_and(|learner| learner.on_gpu) => Limits {
            copy_gb_s: gpu.copy_gb_s,
            peak_gflop_s: gpu.fma_gflop_s,
            limit_s: gpu.limit_s,
        },
        _ => limits,
    };
    #[cfg(not(feature = "cuda"))]
    let own = limits;
    #[cfg(feature = "cuda")]
    if let Some((gpu, kernel)) = gpu
        .as_ref()
        .and_then(|gpu| Some((gpu, gpu.kernel.as_ref()?)))
    {
        let limits = Limits {
            copy_gb_s: gpu.copy_gb_s,
            peak_gflop_s: kernel.peak_gflop_s,
            limit_s: kernel.limit_s,
        };
        let bytes = kernel.bytes;
        let work = Work { bytes, ..work };
        rows.push(row("cuda", kernel.runs.clone(), work, limits));
    }
    rows.extend(learner.map(|learner| row("learner", learner.seconds, work, own)));
    Ok(Bench {
        lesson: lesson.id,
        settings: case.settings.clone(),
        kernel: name,
        tier: Tier::f32().name(),
        threads: threads(),
        flops: work.flops,
        bytes: work.bytes,
        error: agreement.err,
        tolerance,
        machine,
        limit_s,
        bound,
        #[cfg(feature = "cuda")]
        gpu,
        rows,
    })
}

/// Why nothing is timed.
fn off(err: f64, tolerance: f64, lang: Lang) -> String {
    lang.pick(
        format!("the kernel is off by {err:.3e}, allowed is {tolerance:.3e}; it is not timed until it is right"),
        format!("内核误差为 {err:.3e}，允许 {tolerance:.3e}；结果正确之前不计时"),
    )
}

fn timed<R>(work: impl FnOnce() -> R) -> (Duration, R) {
    let start = Instant::now();
    let result = black_box(work());
    (start.elapsed(), result)
}

/// The middle of the times, which are sorted.
fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    let middle = times.len() / 2;
    match times.len() % 2 {
        1 => times[middle],
        _ => (times[middle - 1] + times[middle]) / 2.0,
    }
}

/// What the processor that ran it can do at best.
#[derive(Clone, Copy)]
struct Limits {
    copy_gb_s: f64,
    peak_gflop_s: f64,
    limit_s: f64,
}

fn row(name: &'static str, mut times: Vec<f64>, work: Work, limits: Limits) -> Row {
    let median = median(&mut times);
    let (gflop_s, gb_s) = (work.flops / median / 1e9, work.bytes / median / 1e9);
    Row {
        name,
        runs: times.len(),
        median_s: median,
        min_s: times[0],
        max_s: times[times.len() - 1],
        gflop_s,
        gb_s,
        of_copy: gb_s / limits.copy_gb_s,
        of_fma: gflop_s / limits.peak_gflop_s,
        of_limit: limits.limit_s / median,
    }
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
        let limits = Limits {
            copy_gb_s: 10.0,
            peak_gflop_s: 100.0,
            limit_s: 0.2,
        };
        let row = row("kernel", vec![4.0, 1.0, 2.0, 2.0], work, limits);
        assert_eq!((row.min_s, row.median_s, row.max_s), (1.0, 2.0, 4.0));
        assert_eq!((row.gflop_s, row.gb_s), (2.0, 1.0));
        assert_eq!((row.of_fma, row.of_copy, row.of_limit), (0.02, 0.1, 0.1));
    }
}
