//! Which cases a candidate meets.

use crate::near::nearest;
use crate::problem::{Case, Kind, Problem, Setting};
use crate::text::Lang;
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

/// Why there is no such case: with the valid names and sizes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaseError {
    Kind {
        got: String,
        known: Vec<&'static str>,
    },
    Name {
        got: String,
        known: Vec<String>,
    },
    Value {
        setting: &'static str,
        got: usize,
        min: usize,
        max: usize,
        multiple_of: usize,
    },
}

impl CaseError {
    /// One sentence: what came, and what is valid.
    pub fn say(&self, lang: Lang) -> String {
        let meant = |got: &str, known: &[&str]| match nearest(got, known.iter().copied()) {
            Some(near) => lang.pick(
                format!("; did you mean `{near}`?"),
                format!("；是不是想输入 `{near}`？"),
            ),
            None => String::new(),
        };
        match self {
            CaseError::Kind { got, known } => {
                let (list, meant) = (known.join(", "), meant(got, known));
                lang.pick(
                    format!("no case is called `{got}`; the cases are {list}{meant}"),
                    format!("没有名为 `{got}` 的测试用例；可用的有 {list}{meant}"),
                )
            }
            CaseError::Name { got, known } => {
                let names: Vec<&str> = known
                    .iter()
                    .filter_map(|shown| shown.split('=').next())
                    .collect();
                let (list, meant) = (known.join(", "), meant(got, &names));
                lang.pick(
                    format!("there is no setting `{got}`; the settings and their defaults are {list}{meant}"),
                    format!("没有名为 `{got}` 的参数；可设置的参数及默认值：{list}{meant}"),
                )
            }
            CaseError::Value {
                setting,
                got,
                min,
                max,
                multiple_of,
            } => {
                let step = match multiple_of {
                    1 => String::new(),
                    step => lang.pick(
                        format!(", in multiples of {step}"),
                        format!("，且须为 {step} 的倍数"),
                    ),
                };
                lang.pick(
                    format!("{setting}={got} cannot be: {setting} goes from {min} to {max}{step}"),
                    format!("{setting}={got} 不合法：{setting} 的范围是 {min} 到 {max}{step}"),
                )
            }
        }
    }
}

impl From<CaseError> for String {
    fn from(error: CaseError) -> String {
        error.say(Lang::En)
    }
}

/// One case by name, with settings of the caller's choosing.
///
/// # Errors
/// When there is no such kind or setting, or a setting cannot have this value.
pub fn case(
    problem: &Problem,
    kind: &str,
    seed: u64,
    wanted: &[(String, usize)],
) -> Result<Case, CaseError> {
    let Some(kind) = problem.kinds.iter().find(|known| known.id == kind) else {
        return Err(CaseError::Kind {
            got: kind.to_string(),
            known: problem.kinds.iter().map(|kind| kind.id).collect(),
        });
    };
    let mut chosen = Vec::new();
    for (name, value) in wanted {
        chosen.push((valid(problem.settings, name, *value)?.name, *value));
    }
    Ok(build(problem, kind, seed, &chosen))
}

/// A case that has these settings and no problem: what a picture is drawn of.
///
/// # Errors
/// When there is no such setting, or it cannot have this value.
pub fn choose(
    settings: &'static [Setting],
    kind: &'static str,
    seed: u64,
    wanted: &[(String, usize)],
) -> Result<Case, CaseError> {
    let defaults = settings
        .iter()
        .map(|setting| (setting.name, setting.default));
    let mut chosen: BTreeMap<&'static str, usize> = defaults.collect();
    for (name, value) in wanted {
        chosen.insert(valid(settings, name, *value)?.name, *value);
    }
    Ok(Case {
        kind,
        seed,
        settings: chosen,
    })
}

/// The setting of this name, if it can have this value.
fn valid(
    settings: &'static [Setting],
    name: &str,
    value: usize,
) -> Result<&'static Setting, CaseError> {
    let Some(setting) = settings.iter().find(|known| known.name == name) else {
        let shown = |known: &Setting| format!("{}={}", known.name, known.default);
        return Err(CaseError::Name {
            got: name.to_string(),
            known: settings.iter().map(shown).collect(),
        });
    };
    if value < setting.min || value > setting.max || !value.is_multiple_of(setting.multiple_of) {
        return Err(CaseError::Value {
            setting: setting.name,
            got: value,
            min: setting.min,
            max: setting.max,
            multiple_of: setting.multiple_of,
        });
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
