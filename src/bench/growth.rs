//! How the cost grows: counted, and measured on this machine, at sizes that double.

use crate::kernels::machine;
use crate::lesson::Lesson;
use crate::lessons::attention_complexity::slope;
use crate::memory;
use crate::problem::{Case, Deviation, Prepared, Problem};
use crate::text::Lang;
use crate::trace::Trace;
use serde::Serialize;
use std::time::{Duration, Instant};

/// The costs at each size, and the exponents that fit them.
#[derive(Clone, Debug, Serialize)]
pub struct Growth {
    pub lesson: &'static str,
    /// The settings that grow.
    pub settings: Vec<&'static str>,
    pub kernel: String,
    pub points: Vec<Point>,
    /// Counted FLOPs ∝ size^exponent; of the time of each, and of what each holds at its peak. `None`
    /// where there is nothing to fit.
    pub flops_exponent: Option<f64>,
    pub kernel_exponent: Option<f64>,
    pub reference_exponent: Option<f64>,
    pub kernel_memory_exponent: Option<f64>,
    pub reference_memory_exponent: Option<f64>,
}

/// One size.
#[derive(Clone, Debug, Serialize)]
pub struct Point {
    /// The value of the first setting.
    pub size: usize,
    pub flops: f64,
    /// Inputs and outputs.
    pub bytes: f64,
    /// The kernel's median.
    pub kernel_s: f64,
    pub kernel_of_limit: f64,
    /// Peak memory on top of inputs and outputs; `None` where it cannot be measured.
    pub kernel_extra_bytes: Option<u64>,
    /// One run of the f64 reference, and all that it holds.
    pub reference_s: f64,
    pub reference_extra_bytes: Option<u64>,
}

/// Multiples of the large case's sizes, in quarters.
const QUARTERS: [usize; 4] = [1, 2, 4, 8];

/// Times kernel and reference for about `budget` while the settings `names` grow together, from a quarter
/// of the large case's sizes to twice them. Each answer is checked before it is timed.
///
/// # Errors
/// A sentence when there is no such setting, when the sizes cannot double, or when the kernel is wrong.
pub fn growth(
    lesson: &'static Lesson,
    names: &[&str],
    seed: u64,
    budget: Duration,
    lang: Lang,
) -> Result<Growth, String> {
    let problem = lesson.problem;
    let sizes = names
        .iter()
        .map(|name| sizes(problem, name, seed, lang))
        .collect::<Result<Vec<_>, _>>()?;
    let mut points = Vec::new();
    for i in 0..QUARTERS.len() {
        let mut case = crate::check::large(problem, seed);
        case.settings
            .extend(sizes.iter().map(|(name, sizes)| (*name, sizes[i])));
        points.push(point(problem, &case, sizes[0].1[i], budget / 4, lang)?);
    }
    let exponent = |cost: fn(&Point) -> Option<f64>| {
        let costs = points.iter().map(|p| Some((p.size as f64, cost(p)?)));
        exponent(&costs.collect::<Option<Vec<_>>>()?)
    };
    Ok(Growth {
        lesson: lesson.id,
        settings: sizes.iter().map(|(name, _)| *name).collect(),
        kernel: (problem.production.name)(),
        flops_exponent: exponent(|p| Some(p.flops)),
        kernel_exponent: exponent(|p| Some(p.kernel_s)),
        reference_exponent: exponent(|p| Some(p.reference_s)),
        kernel_memory_exponent: exponent(|p| p.kernel_extra_bytes.map(|b| b as f64)),
        reference_memory_exponent: exponent(|p| p.reference_extra_bytes.map(|b| b as f64)),
        points,
    })
}

/// A setting's sizes: a quarter, half, once and twice that of the large case.
fn sizes(
    problem: &Problem,
    name: &str,
    seed: u64,
    lang: Lang,
) -> Result<(&'static str, Vec<usize>), String> {
    let large = crate::check::large(problem, seed);
    let size = large.settings.get(name).copied().unwrap_or(0);
    // Names that are not there are answered with the list of those that are.
    crate::check::case(problem, large.kind, seed, &[(name.to_string(), size)])
        .map_err(|error| error.say(lang))?;
    let setting = problem.settings.iter().find(|known| known.name == name);
    let setting = setting.expect("the case has it");
    let sizes: Vec<usize> = QUARTERS.iter().map(|times| size * times / 4).collect();
    let fits = size % 4 == 0 && sizes.iter().all(|s| s.is_multiple_of(setting.multiple_of));
    if !setting.axis || !fits || sizes[0] < setting.min {
        return Err(lang.pick(
            format!("{name}={size} of the large case cannot be a quarter and twice itself; name an axis that is a multiple of 4"),
            format!("大用例的 {name}={size} 不能缩到四分之一再放大一倍；请指定一个大小为 4 的倍数的轴"),
        ));
    }
    Ok((setting.name, sizes))
}

fn point(
    problem: &Problem,
    case: &Case,
    size: usize,
    budget: Duration,
    lang: Lang,
) -> Result<Point, String> {
    let inputs = (problem.inputs)(case);
    let start = Instant::now();
    let (truth, reference_peak) = memory::peak(|| (problem.reference)(&inputs, &mut Trace::new()));
    let reference_s = start.elapsed().as_secs_f64();
    let mut kernel = (problem.production.prepare)(&inputs);
    let ((), kernel_peak) = memory::peak(|| kernel.run());
    let tolerance = (problem.tolerance)(&inputs).value;
    let right = |kernel: &Prepared<'_>| {
        let err = Deviation::between(&kernel.values(), &truth, tolerance);
        match err.holds() {
            true => Ok(()),
            false => Err(super::off(err.err, tolerance, lang)),
        }
    };
    right(&kernel)?;
    let mut times = Vec::new();
    let start = Instant::now();
    while times.len() < 3 || start.elapsed() < budget && times.len() < 200 {
        times.push(super::timed(|| kernel.run()).0.as_secs_f64());
    }
    right(&kernel)?;
    let kernel_s = super::median(&mut times);
    let work = (problem.production.work)(case);
    let (limit, _) = machine::measure().limit(work.flops, work.bytes);
    Ok(Point {
        size,
        flops: work.flops,
        bytes: work.bytes,
        kernel_s,
        kernel_of_limit: limit / kernel_s,
        kernel_extra_bytes: kernel_peak.map(|peak| peak.bytes),
        reference_s,
        reference_extra_bytes: reference_peak.map(|peak| peak.bytes),
    })
}

/// The exponent of costs over sizes, as the lesson attention-complexity fits it; `None` where a cost is 0
/// or sizes are equal.
fn exponent(costs: &[(f64, f64)]) -> Option<f64> {
    let fits = costs.iter().all(|(size, cost)| *size > 0.0 && *cost > 0.0);
    let grows = costs.iter().any(|(size, _)| *size != costs[0].0);
    (fits && grows).then(|| {
        let logs = |of: fn(&(f64, f64)) -> f64| costs.iter().map(|cost| of(cost).ln()).collect();
        slope(&logs(|cost| cost.0), &logs(|cost| cost.1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponent_is_that_of_a_power() {
        let costs = |p: f64| [1.0, 2.0, 4.0, 8.0].map(|x: f64| (x, 3.0 * x.powf(p)));
        for p in [0.0, 1.0, 1.5, 2.0] {
            let got = exponent(&costs(p)).unwrap();
            assert!((got - p).abs() < 1e-12, "{got} is not {p}");
        }
        assert_eq!(exponent(&[(1.0, 1.0), (1.0, 2.0)]), None);
        assert_eq!(exponent(&[(1.0, 0.0), (2.0, 2.0)]), None);
    }

    #[test]
    fn attention_grows_with_the_square_of_n_and_its_kernel_s_memory_does_not() {
        let lesson = crate::lessons::find("attention").unwrap();
        let no_time = Duration::ZERO;
        let growth = growth(lesson, &["n", "m"], 0, no_time, Lang::En).unwrap();
        let flops = growth.flops_exponent.unwrap();
        assert!((flops - 2.0).abs() < 1e-9, "{flops}");
        // Sums and tiles of each thread; the scores of the last size alone are 64 MiB.
        let last = growth.points.last().unwrap();
        assert!(last.kernel_extra_bytes.unwrap() < 8 << 20, "{last:?}");
        assert!(last.reference_extra_bytes.unwrap() > 64 << 20, "{last:?}");
        let scores = growth.reference_memory_exponent.unwrap();
        assert!((1.7..2.05).contains(&scores), "{scores}");
    }

    #[test]
    fn names_that_cannot_grow_are_refused() {
        let lesson = crate::lessons::find("attention").unwrap();
        let refused =
            |name: &str| growth(lesson, &[name], 0, Duration::ZERO, Lang::En).unwrap_err();
        assert!(refused("nn").contains("there is no setting `nn`"));
        assert!(
            refused("b").contains("cannot be a quarter"),
            "{}",
            refused("b")
        );
    }
}
