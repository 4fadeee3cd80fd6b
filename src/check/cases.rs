//! Which cases a candidate meets.

use crate::problem::{Case, Kind, Problem, Setting};
use rand::RngExt;
use std::collections::BTreeMap;

/// Ragged kinds are tried with this many seeds; their sizes differ each time.
const RAGGED_SEEDS: u64 = 3;

/// Every case of the values stage: each kind once, ragged kinds with several seeds.
pub fn all(problem: &Problem, seed: u64) -> Vec<Case> {
    let mut cases = Vec::new();
    for kind in problem.kinds {
        let seeds = if kind.ragged { RAGGED_SEEDS } else { 1 };
        for i in 0..seeds {
            cases.push(build(problem, kind, seed.wrapping_add(i), &[]));
        }
    }
    cases
}

/// The large case of the scale stage.
pub fn large(problem: &Problem, seed: u64) -> Case {
    build(problem, &problem.kinds[0], seed, problem.production.scale)
}

/// One case by name, with settings of the caller's choosing.
///
/// # Errors
/// A sentence with the valid names or sizes.
pub fn case(
    problem: &Problem,
    kind: &str,
    seed: u64,
    wanted: &[(String, usize)],
) -> Result<Case, String> {
    let Some(kind) = problem.kinds.iter().find(|known| known.id == kind) else {
        let known: Vec<&str> = problem.kinds.iter().map(|kind| kind.id).collect();
        return Err(format!(
            "no case is called `{kind}`; the cases are {}",
            known.join(", ")
        ));
    };
    let mut chosen = Vec::new();
    for (name, value) in wanted {
        chosen.push((valid(problem, name, *value)?.name, *value));
    }
    Ok(build(problem, kind, seed, &chosen))
}

/// The setting of this name, if it can have this value.
fn valid(problem: &Problem, name: &str, value: usize) -> Result<&'static Setting, String> {
    let Some(setting) = problem.settings.iter().find(|known| known.name == name) else {
        let known: Vec<&str> = problem.settings.iter().map(|known| known.name).collect();
        return Err(format!(
            "there is no setting `{name}`; the settings are {}",
            known.join(", ")
        ));
    };
    let step = match setting.multiple_of {
        1 => String::new(),
        step => format!(", in multiples of {step}"),
    };
    if value < setting.min || value > setting.max || !value.is_multiple_of(setting.multiple_of) {
        return Err(format!(
            "{name}={value} cannot be: {name} goes from {} to {}{step}",
            setting.min, setting.max
        ));
    }
    Ok(setting)
}

fn build(problem: &Problem, kind: &Kind, seed: u64, chosen: &[(&'static str, usize)]) -> Case {
    let mut case = Case {
        kind: kind.id,
        seed,
        settings: BTreeMap::new(),
    };
    for setting in problem.settings {
        let drawn = if kind.ragged && setting.axis {
            let steps = case.rng(setting.name).random_range(0..8usize);
            (setting.min + steps * setting.multiple_of).min(setting.max)
        } else {
            setting.default
        };
        case.settings.insert(setting.name, drawn);
    }
    case.settings.extend(kind.settings.iter().copied());
    case.settings.extend(chosen.iter().copied());
    case
}
