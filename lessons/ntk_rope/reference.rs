//! Stretched RoPE tables, step by step in f64.

use crate::lessons::rope::inv_freq;
use crate::tensor::{Inputs, Outputs};
use crate::trace::Trace;
use ndarray::{Array1, Array2, Ix1, arr0};
use std::f64::consts::TAU;

/// Pairs with fewer turns than this in training are interpolated whole (α).
pub(super) const SLOW: f64 = 1.0;
/// Pairs with more turns than this in training are left alone (β).
pub(super) const FAST: f64 = 32.0;

/// Static and dynamic NTK, by parts, and YaRN: positions `[n]` → cos, sin `[n p]`, p = head_dim/2.
/// Peng, Quesnelle, Fan, Shippole 2023, arXiv 2309.00071, sections 3.1 to 3.4.
pub fn reference(inputs: &Inputs, trace: &mut Trace) -> Outputs {
    let positions = inputs.int("positions").mapv(|m| m as f64);
    let positions: Array1<f64> = positions.into_dimensionality::<Ix1>().expect("axis n");
    let ask = Ask::of(inputs);

    // How many times longer the text may be, or is by now.   []
    let s = ask.stretch();
    let formula = match ask.method {
        1 => "s = max(1, l/L), l = last position + 1",
        _ => "s = max(1, factor)",
    };
    trace.step("stretch", formula, "", &arr0(s)).note(format!(
        "{}, L = {}",
        ask.name(),
        ask.trained
    ));

    // θᵢ = base^(−2i/d), as trained.   [p]
    let plain = inv_freq(ask.head_dim, ask.base);
    trace.step("inv_freq", "θᵢ = base^(−2i/d)", "p", &plain);

    // How often each pair went round in training.   [p]
    let turns = plain.mapv(|theta| ask.trained * theta / TAU);
    let never = turns.iter().filter(|r| **r < 1.0).count();
    trace
        .step("turns", "r = L·θᵢ/2π", "p -> p", &turns)
        .note(format!("{never} of {} pairs never finish one", turns.len()));

    // The new frequencies: the first pair keeps its own, the last is slowed by s.   [p]
    let scaled = match ask.method {
        0 | 1 => inv_freq(ask.head_dim, ask.base * s.powf(ask.exponent())),
        _ => &plain * &turns.mapv(|r| ramp(r) + (1.0 - ramp(r)) / s),
    };
    let formula = match ask.method {
        0 | 1 => "(base·s^(d/(d−2)))^(−2i/d)",
        _ => "(1−γ)·θᵢ/s + γ·θᵢ, γ = (r−1)/31 in 0 … 1",
    };
    trace
        .step("scaled", formula, "p -> p", &scaled)
        .note(format!(
            "slowed by {:.3} in pair 0, by {:.3} in pair {}",
            plain[0] / scaled[0],
            plain[plain.len() - 1] / scaled[plain.len() - 1],
            plain.len() - 1,
        ));

    // What the tables are multiplied by, so that scores are by its square.   []
    let heat = ask.heat(s);
    let formula = match ask.method {
        3 => "√(1/t) = 0.1·ln s + 1",
        _ => "1",
    };
    trace.step("heat", formula, "", &arr0(heat));

    // φ = m·θ'ᵢ.   [n p]
    let shape = (positions.len(), scaled.len());
    let angles = Array2::from_shape_fn(shape, |(n, i)| positions[n] * scaled[i]);
    trace.step("angles", "m·θ'ᵢ", "n, p -> n p", &angles);

    // Both tables carry the temperature, so q and k get it once each.   [n p]
    let cos = angles.mapv(|phi| heat * phi.cos());
    trace.step("cos", "heat·cos φ", "n p -> n p", &cos);

    // [n p]
    let sin = angles.mapv(|phi| heat * phi.sin());
    trace.step("sin", "heat·sin φ", "n p -> n p", &sin);

    vec![cos.into_dyn(), sin.into_dyn()]
}

/// γ of a pair with r turns in training: 0 interpolates, 1 leaves alone.
pub(super) fn ramp(r: f64) -> f64 {
    ((r - SLOW) / (FAST - SLOW)).clamp(0.0, 1.0)
}

/// What the numbers among the inputs ask for.
#[derive(Clone, Copy)]
pub(super) struct Ask {
    pub head_dim: usize,
    pub base: f64,
    pub trained: f64,
    pub factor: f64,
    pub method: i64,
    /// The last position + 1.
    pub length: f64,
}

impl Ask {
    pub fn of(inputs: &Inputs) -> Ask {
        let last = inputs
            .int("positions")
            .iter()
            .fold(-1, |max, m| max.max(*m));
        Ask {
            // Two dimensions at least, and no more than fit into memory whatever is asked.
            head_dim: (inputs.number("head_dim").min(65_536.0) as usize).max(2) / 2 * 2,
            base: inputs.number("rope_theta"),
            trained: inputs.number("trained"),
            factor: inputs.number("factor"),
            method: inputs.number("method") as i64,
            length: last as f64 + 1.0,
        }
    }

    pub fn stretch(self) -> f64 {
        match self.method {
            1 => (self.length / self.trained).max(1.0),
            _ => self.factor.max(1.0),
        }
    }

    /// d/(d − 2), which makes (s^e)^((d − 2)/d) = s in the last pair.
    pub fn exponent(self) -> f64 {
        let d = self.head_dim as f64;
        d / (d - 2.0)
    }

    /// YaRN's √(1/t).
    pub fn heat(self, s: f64) -> f64 {
        match self.method {
            3 => 0.1 * s.ln() + 1.0,
            _ => 1.0,
        }
    }

    fn name(self) -> &'static str {
        match self.method {
            0 => "NTK-aware",
            1 => "dynamic NTK",
            2 => "NTK-by-parts",
            _ => "YaRN",
        }
    }
}
