//! A kernel's versions side by side: what each step bought.

use crate::check;
use crate::kernels::cuda::{self, Gpu, Trouble};
use crate::lesson::Lesson;
use crate::lessons::gpu::{LADDERS, Ladder, Launch, Rung};
use crate::problem::Deviation;
use crate::text::Lang;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The versions of one kernel on one case.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Climbed {
    pub gpu: String,
    pub case: String,
    pub flops: f64,
    pub bytes: f64,
    pub copy_gb_s: f64,
    pub tensor_gflop_s: f64,
    pub steps: Vec<Step>,
}

/// One version.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Step {
    pub name: String,
    pub adds: String,
    /// The median; absent where this version does not run on this GPU.
    pub seconds: Option<f64>,
    /// Why it does not.
    pub trouble: Option<String>,
}

/// Runs the versions of a lesson's kernel, in a child.
///
/// # Errors
/// A sentence: the lesson has no versions, there is no GPU, or one computes something wrong.
pub fn climb(lesson: &Lesson, limit: Duration, lang: Lang) -> Result<Vec<Climbed>, String> {
    let ladders: Vec<&Ladder> = LADDERS
        .iter()
        .filter(|ladder| ladder.lesson == lesson.id)
        .collect();
    if ladders.is_empty() {
        let mut with: Vec<&str> = LADDERS.iter().map(|ladder| ladder.lesson).collect();
        with.dedup();
        let with = with.join(", ");
        return Err(lang.pick(
            format!(
                "the kernel of {} has no numbered versions; these have: {with}",
                lesson.id
            ),
            format!("{} 的内核没有编号版本；有的是：{with}", lesson.id),
        ));
    }
    check::on_gpu(limit, lang, || {
        let gpu = cuda::gpu().map_err(|absent| {
            lang.pick(
                format!("versions are CUDA kernels and run on an NVIDIA GPU: {absent}"),
                format!("这些版本是 CUDA 内核，需要 NVIDIA GPU：{absent}"),
            )
        })?;
        ladders
            .iter()
            .map(|ladder| climbed(gpu, ladder, lang))
            .collect()
    })?
}

fn climbed(gpu: &'static Gpu, ladder: &Ladder, lang: Lang) -> Result<Climbed, String> {
    let (truth, tolerance) = (ladder.truth)();
    let limits = cuda::limits(gpu).map_err(|trouble| trouble.to_string())?;
    let step = |rung: &Rung| -> Result<Step, String> {
        let timed = timed(gpu, rung, |launch| {
            gpu.wait()?;
            Ok(Deviation::between(&(launch.values)()?, &truth, tolerance))
        });
        let (seconds, trouble) = match timed {
            Ok((_, off)) if !off.holds() => {
                let (name, err) = (rung.name, off.err);
                return Err(format!(
                    "{name} is off by {err:.2e}, allowed is {tolerance:.2e}; nothing is timed until it is right"
                ));
            }
            Ok((seconds, _)) => (Some(seconds), None),
            Err(trouble) => (None, Some(trouble.to_string())),
        };
        Ok(Step {
            name: rung.name.to_string(),
            adds: rung.adds.get(lang).to_string(),
            seconds,
            trouble,
        })
    };
    Ok(Climbed {
        gpu: gpu.name.clone(),
        case: ladder.case.to_string(),
        flops: ladder.flops,
        bytes: ladder.bytes,
        copy_gb_s: limits.copy_gb_s,
        tensor_gflop_s: limits.tensor_gflop_s,
        steps: ladder.rungs.iter().map(step).collect::<Result<_, _>>()?,
    })
}

/// Launches of one run between two events.
const LAUNCHES: usize = 20;

/// The median of some runs, and how far the outputs of the last are off.
fn timed(
    gpu: &'static Gpu,
    rung: &Rung,
    check: impl Fn(&mut Launch) -> Result<Deviation, Trouble>,
) -> Result<(f64, Deviation), Trouble> {
    let mut launch = (rung.prepare)(gpu)?;
    (launch.run)()?;
    let first = check(&mut launch)?;
    if !first.holds() {
        return Ok((f64::NAN, first));
    }
    let mut runs = Vec::new();
    while runs.len() < 9 {
        let run = |launch: &mut Launch| (0..LAUNCHES).try_for_each(|_| (launch.run)());
        let seconds = gpu.seconds(|| run(&mut launch))?;
        gpu.wait()?;
        runs.push(seconds / LAUNCHES as f64);
    }
    runs.sort_by(f64::total_cmp);
    Ok((runs[runs.len() / 2], check(&mut launch)?))
}
