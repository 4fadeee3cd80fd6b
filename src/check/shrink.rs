//! Making a failing case as small as it can be while it still fails.

use crate::problem::{Case, Problem};
use std::time::{Duration, Instant};

/// Shrinking is for reading, so it stops early.
const TIME: Duration = Duration::from_millis(300);

/// The smallest case, by settings, on which `fails` is still true.
pub fn shrink(problem: &Problem, case: &Case, mut fails: impl FnMut(&Case) -> bool) -> Case {
    let start = Instant::now();
    let mut best = case.clone();
    let mut shrunk = true;
    while shrunk {
        shrunk = false;
        for setting in problem.settings {
            let now = best.size(setting.name);
            let simpler = match setting.axis {
                true => smaller(now, setting.min, setting.multiple_of),
                // An option is simplest where a person left it.
                false => vec![setting.default],
            };
            for value in simpler.into_iter().filter(|value| *value != now) {
                if start.elapsed() > TIME {
                    return best;
                }
                let mut trial = best.clone();
                trial.settings.insert(setting.name, value);
                if fails(&trial) {
                    best = trial;
                    shrunk = true;
                    break;
                }
            }
        }
    }
    best
}

/// Values below `now`, smallest first: the minimum, then its neighbours, then half.
fn smaller(now: usize, min: usize, step: usize) -> Vec<usize> {
    let half = min + (now.saturating_sub(min) / 2) / step * step;
    let mut values = vec![min, min + step, min + 2 * step, half];
    values.retain(|value| *value < now);
    values.dedup();
    values
}
