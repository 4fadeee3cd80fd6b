//! Affine quantisation, step by step in f64 (Jacob et al. 2017, arXiv 1712.05877, §2.1; Krishnamoorthi
//! 2018, arXiv 1806.08342, §2).

use super::grid::{Grid, or_one};
use super::histogram::histogram;
use crate::tensor::{Inputs, Outputs};
use crate::trace::Trace;
use ndarray::{Array1, Array2, Axis, Ix1, Ix2};

/// The arguments with static ranks.
pub struct Arguments {
    /// `[c n]`
    pub x: Array2<f64>,
    /// `[c]`
    pub low: Array1<f64>,
    /// `[c]`
    pub high: Array1<f64>,
    pub bits: f64,
    pub symmetric: bool,
}

impl Arguments {
    #[expect(clippy::manual_clamp, reason = "NaN becomes a limit")]
    pub fn of(inputs: &Inputs) -> Arguments {
        const CHECKED: &str = "ranks were checked against the problem's args";
        let row = |name: &str| {
            let row = inputs.f64(name).into_dimensionality::<Ix1>();
            row.expect(CHECKED)
        };
        Arguments {
            x: inputs.f64("x").into_dimensionality::<Ix2>().expect(CHECKED),
            low: row("low"),
            high: row("high"),
            // Other numbers count as the nearest of these.
            bits: inputs.number("bits").max(2.0).min(16.0),
            symmetric: inputs.number("symmetric") != 0.0,
        }
    }

    /// The right grid of each channel.
    pub fn grids(&self) -> Vec<Grid> {
        let ranges = self.low.iter().zip(&self.high);
        let grid = |(&low, &high): (&f64, &f64)| match self.symmetric {
            true => Grid::symmetric(low.abs().max(high.abs()), self.bits),
            false => Grid::asymmetric(low, high, self.bits),
        };
        ranges.map(grid).collect()
    }
}

/// `x [c n]`, the range `low`, `high` `[c]` of each channel, `bits` and whether the scheme is
/// symmetric → `scale [c]`, `zero_point [c]`, the codes `q [c n]` and what they stand for,
/// `x_hat [c n]`.
pub fn reference(inputs: &Inputs, trace: &mut Trace) -> Outputs {
    let Arguments {
        x,
        low,
        high,
        bits,
        symmetric,
    } = Arguments::of(inputs);
    trace.given("c n", x.shape());

    // α, β = min(low, 0), max(high, 0), or ∓max(|low|, |high|): the range [c], which holds 0.
    let max = Array1::from_shape_fn(low.len(), |c| low[c].abs().max(high[c].abs()));
    let (alpha, beta) = match symmetric {
        true => (-&max, max),
        false => (low.mapv(|x| x.min(0.0)), high.mapv(|x| x.max(0.0))),
    };
    let formula = match symmetric {
        true => ["−max(|low|, |high|)", "max(|low|, |high|)"],
        false => ["min(low, 0)", "max(high, 0)"],
    };
    trace.step("alpha", formula[0], "c", &alpha);
    trace
        .step("beta", formula[1], "c", &beta)
        .note("the range holds 0, so that 0 has a code");

    // s = (β − α)/(codes − 1): the step [c], with 2^b codes, or 2^b − 1 of them if symmetric.
    let (least, most) = match symmetric {
        true => (1.0 - 2f64.powf(bits - 1.0), 2f64.powf(bits - 1.0) - 1.0),
        false => (0.0, 2f64.powf(bits) - 1.0),
    };
    let scale = (&beta - &alpha).mapv(|range| or_one(range / (most - least)));
    trace
        .step("scale", "(β − α)/(most − least)", "c", &scale)
        .note(format!("codes {least} … {most}: {} steps", most - least));

    // z = least + round(−α/s): the code of 0.0, an integer [c]; 0 if symmetric.
    let zero_point = Array1::from_shape_fn(scale.len(), |c| {
        least + (-alpha[c] / scale[c]).round_ties_even()
    });
    let zero_point = match symmetric {
        true => Array1::zeros(scale.len()),
        false => zero_point,
    };
    trace
        .step("zero_point", "least + round(−α/s)", "c", &zero_point)
        .note("an integer: 0.0 comes back as 0.0");

    // x/s: how many steps from 0, before rounding [c n].
    let column = |row: &Array1<f64>| row.clone().insert_axis(Axis(1));
    let (s, z) = (column(&scale), column(&zero_point));
    let steps = &x / &s;
    let ends = [least, most];
    trace
        .step("steps", "x/s", "c n, c -> c n", &steps)
        .note(format!(
            "before {}",
            histogram((&steps + &z).iter().copied(), ends, 16)
        ));

    // q = clamp(round(x/s) + z, least, most): the codes [c n]; half to even.
    let free = steps.mapv(f64::round_ties_even) + &z;
    let q = free.mapv(|q| q.clamp(least, most));
    let clipped = q.iter().zip(&free).filter(|(q, free)| q != free).count();
    trace
        .step("q", "clamp(round(x/s) + z)", "c n, c -> c n", &q)
        .note(format!(
            "after  {} {clipped} of {} saturate",
            histogram(q.iter().copied(), ends, 16),
            q.len()
        ));

    // x̂ = s·(q − z): what the codes stand for [c n].
    let x_hat = (&q - &z) * &s;
    trace
        .step("x_hat", "s·(q − z)", "c n, c -> c n", &x_hat)
        .note(format!(
            "{bits} bits each, and 40 for a channel (f32 scale, 8-bit zero point): {:.2} bits per number",
            bits + 40.0 / x.ncols() as f64
        ));

    // e = x − x̂: at most s/2 inside the range; as large as it likes outside [c n].
    let error = &x - &x_hat;
    let inside = error.indexed_iter().filter(|(at, _)| q[*at] == free[*at]);
    let largest = inside.fold(0.0, |most: f64, ((c, _), e)| most.max((e / scale[c]).abs()));
    trace
        .step("error", "x − x̂", "c n, c n -> c n", &error)
        .note(format!("inside the range at most {largest:.3} steps"));
    vec![
        scale.into_dyn(),
        zero_point.into_dyn(),
        q.into_dyn(),
        x_hat.into_dyn(),
    ]
}
