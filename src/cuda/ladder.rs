//! A kernel's versions side by side: what each step bought.

use super::clock::time;
use crate::check;
use crate::kernels::cuda::{self, Gpu};
use crate::lesson::Lesson;
use crate::lessons::gpu::{LADDERS, Ladder, Rung};
use crate::text::Lang;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Runs, and the launches of each.
const RUNS: [usize; 2] = [9, 20];

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
        let timed = (rung.prepare)(gpu)
            .and_then(|mut launch| time(gpu, &mut launch, &truth, tolerance, RUNS));
        let (seconds, trouble) = match timed {
            Ok((_, off)) if !off.holds() => {
                let (name, err) = (rung.name, off.err);
                return Err(format!(
                    "{name} is off by {err:.2e}, allowed is {tolerance:.2e}; nothing is timed until it is right"
                ));
            }
            Ok((mut runs, _)) => {
                runs.sort_by(f64::total_cmp);
                (Some(runs[runs.len() / 2]), None)
            }
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
