//! Timing a launch, and checking it before and after.

use crate::kernels::cuda::{Gpu, Trouble};
use crate::lessons::gpu::Launch;
use crate::problem::Deviation;
use crate::tensor::Outputs;

/// The seconds of one launch in each of `runs` runs of `launches`, by the GPU's clock, and how far its outputs are
/// from `truth`, of which there may be more. Where they are too far at first, nothing is timed.
///
/// # Errors
/// [`Trouble`] of the launch.
pub fn time(
    gpu: &Gpu,
    launch: &mut Launch,
    truth: &Outputs,
    tolerance: f64,
    [runs, launches]: [usize; 2],
) -> Result<(Vec<f64>, Deviation), Trouble> {
    let off = |launch: &mut Launch| -> Result<Deviation, Trouble> {
        gpu.wait()?;
        let values = (launch.values)()?;
        let truth = truth[..values.len()].to_vec();
        Ok(Deviation::between(&values, &truth, tolerance))
    };
    // The first run warms.
    (launch.run)()?;
    let first = off(launch)?;
    let mut seconds = Vec::new();
    while first.holds() && seconds.len() < runs {
        let all = gpu.seconds(|| (0..launches).try_for_each(|_| (launch.run)()))?;
        gpu.wait()?;
        seconds.push(all / launches as f64);
    }
    let again = off(launch)?;
    Ok((seconds, if again.holds() { first } else { again }))
}
