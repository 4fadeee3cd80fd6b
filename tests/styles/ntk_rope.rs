//! Answers to `ntk-rope` as people write them: right ones in many styles, one for each convention,
//! and one wrong one for every planted bug.

use llmlab::lessons::ntk_rope::candidate;
use llmlab::prelude::*;
use llmlab::solution::Candidate;

/// What `llmlab start` writes.
#[expect(unused_variables, reason = "the body is the learner's")]
#[path = "../../lessons/ntk_rope/exercise.rs"]
pub mod exercise;
#[path = "../../lessons/ntk_rope/solution.rs"]
mod solution;

type Named<T> = Vec<(T, Box<dyn Candidate>)>;
type Both = (Tensor, Tensor);

const TAU: f32 = std::f32::consts::TAU;

/// What a dynamic s is made from.
#[derive(Clone, Copy)]
struct Text {
    last: f32,
    rows: f32,
    trained: f32,
    factor: f32,
}

/// A straightforward answer with its choices.
#[derive(Clone, Copy)]
struct Plain {
    dynamic: fn(Text) -> f32,
    fixed: fn(f32) -> f32,
    /// The frequency of pair i under another base: i, d, base, s.
    rebased: fn(f32, f32, f32, f32) -> f32,
    /// γ from θ, L and s.
    gamma: fn(f32, f32, f32) -> f32,
    blend: fn(f32, f32, f32) -> f32,
    /// The factor of the tables from s and the method.
    heat: fn(f32, f64) -> f32,
}

const PLAIN: Plain = Plain {
    dynamic: |t| ((t.last + 1.0) / t.trained).max(1.0),
    fixed: |factor| factor.max(1.0),
    rebased: |i, d, base, s| (base * s.powf(d / (d - 2.0))).powf(-2.0 * i / d),
    gamma: |theta, trained, _| ((trained * theta / TAU - 1.0) / 31.0).clamp(0.0, 1.0),
    blend: |theta, s, gamma| (1.0 - gamma) * theta / s + gamma * theta,
    heat: |s, method| {
        if method == 3.0 {
            0.1 * s.ln() + 1.0
        } else {
            1.0
        }
    },
};

impl Plain {
    fn inv_freq(&self, d: f64, base: f64, trained: f64, method: f64, s: f32) -> Vec<f32> {
        let (pairs, d, base) = (d as usize / 2, d as f32, base as f32);
        (0..pairs)
            .map(|i| {
                if method < 2.0 {
                    return (self.rebased)(i as f32, d, base, s);
                }
                let theta = 1.0 / base.powf(2.0 * i as f32 / d);
                (self.blend)(theta, s, (self.gamma)(theta, trained as f32, s))
            })
            .collect()
    }
}

fn plain(choices: Plain) -> Box<dyn Candidate> {
    Box::new(candidate(
        move |positions: &Labels,
              d: f64,
              base: f64,
              trained: f64,
              factor: f64,
              method: f64|
              -> Both {
            let s = if method == 1.0 {
                (choices.dynamic)(Text {
                    last: positions[positions.len() - 1] as f32,
                    rows: positions.len() as f32,
                    trained: trained as f32,
                    factor: factor as f32,
                })
            } else {
                (choices.fixed)(factor as f32)
            };
            let inv_freq = choices.inv_freq(d, base, trained, method, s);
            tables(positions, &inv_freq, (choices.heat)(s, method))
        },
    ))
}

fn tables(positions: &Labels, inv_freq: &[f32], heat: f32) -> Both {
    let mut cos = Tensor::zeros(vec![positions.len(), inv_freq.len()]);
    let mut sin = cos.clone();
    for (n, m) in positions.iter().enumerate() {
        for (i, theta) in inv_freq.iter().enumerate() {
            let angle = *m as f32 * theta;
            cos[[n, i]] = heat * angle.cos();
            sin[[n, i]] = heat * angle.sin();
        }
    }
    (cos, sin)
}

pub fn right() -> Named<&'static str> {
    vec![
        (
            "the lesson's solution",
            Box::new(candidate(solution::ntk_rope)),
        ),
        ("f32 loops", plain(PLAIN)),
        (
            "slowing pair by pair: s^(−i/(p − 1))",
            plain(Plain {
                rebased: |i, d, base, s| base.powf(-2.0 * i / d) * s.powf(-i / (d / 2.0 - 1.0)),
                ..PLAIN
            }),
        ),
        (
            "wavelengths, as LLaMA 3's code has them",
            plain(Plain {
                gamma: |theta, trained, _| {
                    let wavelength = TAU / theta;
                    if wavelength > trained {
                        0.0
                    } else if wavelength < trained / 32.0 {
                        1.0
                    } else {
                        (trained / wavelength - 1.0) / (32.0 - 1.0)
                    }
                },
                ..PLAIN
            }),
        ),
        (
            "exp of logarithms",
            plain(Plain {
                rebased: |i, d, base, s| {
                    let ln_base = base.ln() + s.ln() * d / (d - 2.0);
                    (-ln_base * 2.0 * i / d).exp()
                },
                ..PLAIN
            }),
        ),
        ("outer product, f64, traced", Box::new(candidate(outer))),
        (
            "transformers: index ramp, factor in dynamic",
            Box::new(candidate(hugging)),
        ),
        (
            "YaRN's ramp, the paper's dynamic",
            Box::new(candidate(yarn_code)),
        ),
        (
            "dynamic with a factor",
            plain(Plain {
                dynamic: with_factor,
                ..PLAIN
            }),
        ),
    ]
}

fn with_factor(t: Text) -> f32 {
    let length = t.trained.max(t.last + 1.0);
    t.factor * length / t.trained - (t.factor - 1.0)
}

fn outer(
    positions: &Labels,
    d: f64,
    base: f64,
    trained: f64,
    factor: f64,
    method: f64,
    trace: &mut Trace,
) -> (ArrayD<f64>, ArrayD<f64>) {
    let last = positions.iter().copied().max().unwrap_or(0) as f64;
    let s = match method as u8 {
        1 if last + 1.0 > trained => (last + 1.0) / trained,
        1 => 1.0,
        _ => factor,
    };
    let pairs = d as usize / 2;
    let theta = ArrayD::from_shape_fn(IxDyn(&[pairs]), |at| {
        let theta = base.powf(-2.0 * at[0] as f64 / d);
        let turns = trained * theta / std::f64::consts::TAU;
        match method as u8 {
            0 | 1 => theta / s.powf(at[0] as f64 / (pairs - 1) as f64),
            _ if turns <= 1.0 => theta / s,
            _ if turns >= 32.0 => theta,
            _ => theta / s + (theta - theta / s) * (turns - 1.0) / 31.0,
        }
    });
    trace.step("scaled", "θ'", "p", &theta);
    let m = positions.mapv(|m| m as f64);
    let angles = einsum("n, p -> n p", &[&m, &theta]);
    let heat = if method == 3.0 {
        1.0 + s.ln() / 10.0
    } else {
        1.0
    };
    (
        angles.mapv(|a| a.cos() * heat),
        angles.mapv(|a| a.sin() * heat),
    )
}

/// The index ramp of YaRN's code and of transformers.
fn index_ramp(d: f64, base: f64, trained: f64, s: f64) -> Vec<f32> {
    let find =
        |turns: f64| d * (trained / (turns * std::f64::consts::TAU)).ln() / (2.0 * base.ln());
    let low = find(32.0).floor().max(0.0) as f32;
    let mut high = find(1.0).ceil().min(d - 1.0) as f32;
    if low == high {
        high += 0.001;
    }
    (0..d as usize / 2)
        .map(|i| {
            let extrapolation = 1.0 / (base as f32).powf(2.0 * i as f32 / d as f32);
            let interpolation = extrapolation / s as f32;
            let ramp = ((i as f32 - low) / (high - low)).clamp(0.0, 1.0);
            interpolation * ramp + extrapolation * (1.0 - ramp)
        })
        .collect()
}

fn hugging(positions: &Labels, d: f64, base: f64, trained: f64, factor: f64, method: f64) -> Both {
    yarn(positions, d, base, trained, factor, method, true)
}

fn yarn_code(
    positions: &Labels,
    d: f64,
    base: f64,
    trained: f64,
    factor: f64,
    method: f64,
) -> Both {
    yarn(positions, d, base, trained, factor, method, false)
}

fn yarn(
    positions: &Labels,
    d: f64,
    base: f64,
    trained: f64,
    factor: f64,
    method: f64,
    by_factor: bool,
) -> Both {
    if method >= 2.0 {
        let heat = if method == 3.0 {
            0.1 * factor.ln() + 1.0
        } else {
            1.0
        };
        return tables(
            positions,
            &index_ramp(d, base, trained, factor),
            heat as f32,
        );
    }
    let length = trained.max(positions.iter().copied().max().unwrap_or(0) as f64 + 1.0);
    let s = match (method as u8, by_factor) {
        (1, true) => factor * length / trained - (factor - 1.0),
        (1, false) => length / trained,
        _ => factor,
    };
    let base = base * s.powf(d / (d - 2.0));
    let inv_freq: Vec<f32> = (0..d as usize / 2)
        .map(|i| (1.0 / base.powf(2.0 * i as f64 / d)) as f32)
        .collect();
    tables(positions, &inv_freq, 1.0)
}

/// Dynamic NTK whose keys were rotated when they came.
fn stale(positions: &Labels, d: f64, base: f64, trained: f64, factor: f64, method: f64) -> Both {
    if method != 1.0 {
        return solution::ntk_rope(positions, d, base, trained, factor, method);
    }
    let rows: Vec<Both> = positions
        .iter()
        .map(|m| {
            let alone = Labels::from_elem(vec![1], *m);
            solution::ntk_rope(&alone, d, base, trained, factor, method)
        })
        .collect();
    let join = |pick: fn(&Both) -> &Tensor| {
        let views: Vec<_> = rows.iter().map(|row| pick(row).view()).collect();
        ndarray::concatenate(Axis(0), &views).unwrap()
    };
    (join(|row| &row.0), join(|row| &row.1))
}

pub fn wrong() -> Named<&'static str> {
    let mut all: Named<&'static str> = vec![("stale-cache", Box::new(candidate(stale)))];
    let mut add = |id, choices: Plain| all.push((id, plain(choices)));
    add(
        "no-scale",
        Plain {
            dynamic: |_| 1.0,
            fixed: |_| 1.0,
            ..PLAIN
        },
    );
    add(
        "factor-inverted",
        Plain {
            fixed: |factor| 1.0 / factor,
            ..PLAIN
        },
    );
    let dynamic = |dynamic| Plain { dynamic, ..PLAIN };
    add("dynamic-is-static", dynamic(|t| t.factor));
    add(
        "dynamic-below-trained",
        dynamic(|t| (t.last + 1.0) / t.trained),
    );
    add(
        "factor-times-length",
        dynamic(|t| {
            if t.last + 1.0 > t.trained {
                t.factor * (t.last + 1.0) / t.trained
            } else {
                1.0
            }
        }),
    );
    add("length-of-rows", dynamic(|t| (t.rows / t.trained).max(1.0)));
    add(
        "length-too-short",
        dynamic(|t| (t.last / t.trained).max(1.0)),
    );
    let rebased = |rebased| Plain { rebased, ..PLAIN };
    add(
        "base-times-s",
        rebased(|i, d, base, s| (base * s).powf(-2.0 * i / d)),
    );
    add(
        "exponent-inverted",
        rebased(|i, d, base, s| (base * s.powf((d - 2.0) / d)).powf(-2.0 * i / d)),
    );
    add(
        "exponent-of-pairs",
        rebased(|i, d, base, s| {
            let p = d / 2.0;
            (base * s.powf(p / (p - 2.0))).powf(-2.0 * i / d)
        }),
    );
    add(
        "base-divided",
        rebased(|i, d, base, s| (base / s.powf(d / (d - 2.0))).powf(-2.0 * i / d)),
    );
    add(
        "linear",
        rebased(|i, d, base, s| base.powf(-2.0 * i / d) / s),
    );
    add(
        "base-and-positions",
        rebased(|i, d, base, s| (base * s.powf(d / (d - 2.0))).powf(-2.0 * i / d) / s),
    );
    let gamma = |gamma| Plain { gamma, ..PLAIN };
    add(
        "turns-without-tau",
        gamma(|theta, trained, _| ((trained * theta - 1.0) / 31.0).clamp(0.0, 1.0)),
    );
    add(
        "turns-of-target",
        gamma(|theta, trained, s| ((trained * s * theta / TAU - 1.0) / 31.0).clamp(0.0, 1.0)),
    );
    add(
        "ramp-reversed",
        gamma(|theta, trained, _| 1.0 - ((trained * theta / TAU - 1.0) / 31.0).clamp(0.0, 1.0)),
    );
    add(
        "ramp-unclamped",
        gamma(|theta, trained, _| (trained * theta / TAU - 1.0) / 31.0),
    );
    add(
        "ramp-step",
        gamma(|theta, trained, _| if trained * theta < TAU { 0.0 } else { 1.0 }),
    );
    add(
        "blends-wavelengths",
        Plain {
            blend: |theta, s, gamma| {
                let wavelength = TAU / theta;
                TAU / ((1.0 - gamma) * wavelength * s + gamma * wavelength)
            },
            ..PLAIN
        },
    );
    let heat = |heat| Plain { heat, ..PLAIN };
    add("no-heat", heat(|_, _| 1.0));
    add(
        "heat-inverted",
        heat(|s, method| {
            if method == 3.0 {
                1.0 / (0.1 * s.ln() + 1.0)
            } else {
                1.0
            }
        }),
    );
    add(
        "heat-squared",
        heat(|s, method| {
            if method == 3.0 {
                (0.1 * s.ln() + 1.0).powi(2)
            } else {
                1.0
            }
        }),
    );
    add(
        "heat-log10",
        heat(|s, method| {
            if method == 3.0 {
                0.1 * s.log10() + 1.0
            } else {
                1.0
            }
        }),
    );
    add(
        "heat-in-parts",
        heat(|s, method| {
            if method >= 2.0 {
                0.1 * s.ln() + 1.0
            } else {
                1.0
            }
        }),
    );
    all
}

pub fn pairs() -> Named<[&'static str; 2]> {
    vec![
        (
            ["base-times-s", "no-heat"],
            plain(Plain {
                rebased: |i, d, base, s| (base * s).powf(-2.0 * i / d),
                heat: |_, _| 1.0,
                ..PLAIN
            }),
        ),
        (
            ["dynamic-below-trained", "ramp-reversed"],
            plain(Plain {
                dynamic: |t| (t.last + 1.0) / t.trained,
                gamma: |theta, trained, _| {
                    1.0 - ((trained * theta / TAU - 1.0) / 31.0).clamp(0.0, 1.0)
                },
                ..PLAIN
            }),
        ),
        (
            ["length-of-rows", "turns-without-tau"],
            plain(Plain {
                dynamic: |t| (t.rows / t.trained).max(1.0),
                gamma: |theta, trained, _| ((trained * theta - 1.0) / 31.0).clamp(0.0, 1.0),
                ..PLAIN
            }),
        ),
        (
            ["exponent-inverted", "heat-squared"],
            plain(Plain {
                rebased: |i, d, base, s| (base * s.powf((d - 2.0) / d)).powf(-2.0 * i / d),
                heat: |s, method| {
                    if method == 3.0 {
                        (0.1 * s.ln() + 1.0).powi(2)
                    } else {
                        1.0
                    }
                },
                ..PLAIN
            }),
        ),
        (
            ["linear", "dynamic-is-static"],
            plain(Plain {
                dynamic: |t| t.factor,
                rebased: |i, d, base, s| base.powf(-2.0 * i / d) / s,
                ..PLAIN
            }),
        ),
    ]
}
