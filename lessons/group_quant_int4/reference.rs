//! Group-wise rounding to nearest in 4 bits, step by step in f64 (Yao et al. 2022, ZeroQuant, arXiv
//! 2206.01861, §3; the baseline RTN of Frantar et al. 2022, arXiv 2210.17323).

use crate::lessons::affine_quantization::grid::or_one;
use crate::lessons::affine_quantization::histogram::histogram;
use crate::lessons::weight_only_int8::norm;
use crate::ops::einsum;
use crate::tensor::{Inputs, Outputs};
use crate::trace::Trace;
use ndarray::{Array2, ArrayView1, Axis, Ix2, s};

/// `x [m k]` and `w [n k]` with static ranks, and the size of a group, at least 1.
pub struct Arguments {
    pub x: Array2<f64>,
    pub w: Array2<f64>,
    pub group_size: usize,
}

impl Arguments {
    pub fn of(inputs: &Inputs) -> Arguments {
        let matrix = |name: &str| {
            let matrix = inputs.f64(name).into_dimensionality::<Ix2>();
            matrix.expect("ranks were checked against the problem's args")
        };
        Arguments {
            x: matrix("x"),
            w: matrix("w"),
            group_size: (inputs.number("group_size") as usize).max(1),
        }
    }

    /// Groups of a row; the last one may be short.
    pub fn groups(&self) -> usize {
        self.w.ncols().div_ceil(self.group_size)
    }

    /// `of` of every group of weights: `[n groups]`.
    pub fn each(&self, of: impl Fn(ArrayView1<f64>) -> f64) -> Array2<f64> {
        let k = self.w.ncols();
        Array2::from_shape_fn((self.w.nrows(), self.groups()), |(i, g)| {
            let start = g * self.group_size;
            of(self.w.slice(s![i, start..k.min(start + self.group_size)]))
        })
    }

    /// A number of each group at each of its weights: `[n k]`.
    pub fn spread(&self, groups: &Array2<f64>) -> Array2<f64> {
        self.spread_over(groups, self.w.ncols())
    }

    /// The same for rows of `width`: `[n width]`.
    pub fn spread_over(&self, groups: &Array2<f64>, width: usize) -> Array2<f64> {
        Array2::from_shape_fn((groups.nrows(), width), |(i, j)| {
            groups[[i, j / self.group_size]]
        })
    }
}

/// `x [m k]`, `w [n k]` with an even k, `group_size` → the codes `packed [n k/2]`, two in a byte,
/// `scale` and `zero [n groups]`, and `y [m n]` = x·ŵᵀ.
pub fn reference(inputs: &Inputs, trace: &mut Trace) -> Outputs {
    let given = Arguments::of(inputs);
    let (x, w) = (&given.x, &given.w);
    trace.given("m k", x.shape());
    trace.given("n k", w.shape());

    // α, β = min(0, min w), max(0, max w) of each group of g inputs of one output [n groups].
    let alpha = given.each(|group| group.fold(0.0, |a: f64, &w| a.min(w)));
    let beta = given.each(|group| group.fold(0.0, |b: f64, &w| b.max(w)));
    trace
        .step("alpha", "min(0, min w)", "n k -> n groups", &alpha)
        .note(format!("{} weights share a range", given.group_size));
    trace.step("beta", "max(0, max w)", "n k -> n groups", &beta);

    // s = (β − α)/15 [n groups]; 1 for a group of zeros.
    let scale = (&beta - &alpha).mapv(|range| or_one(range / 15.0));
    trace.step("scale", "(β − α)/15", "n groups -> n groups", &scale);

    // z = round(−α/s): the code of 0, an integer 0 … 15 [n groups].
    let zero = (-&alpha / &scale).mapv(f64::round_ties_even);
    trace
        .step("zero", "round(−α/s)", "n groups -> n groups", &zero)
        .note("an integer of 4 bits, not a float shift");

    // q = round(w/s) + z, 0 … 15 [n k].
    let (s, z) = (given.spread(&scale), given.spread(&zero));
    let q = ((w / &s).mapv(f64::round_ties_even) + &z).mapv(|q| q.clamp(0.0, 15.0));
    trace
        .step("q", "clamp(round(w/s) + z)", "n k -> n k", &q)
        .note(format!(
            "codes 0 … 15: {}",
            histogram(q.iter().copied(), [-0.5, 15.5], 16)
        ));

    // packed_j = q_2j + 16·q_(2j+1): two codes a byte, the first in the low bits [n bytes].
    let packed = pack(&q);
    let weights = w.len() as f64;
    trace
        .step("packed", "q[2j] + 16·q[2j+1]", "n k -> n bytes", &packed)
        .note(format!(
            "{} bytes in f16, {} packed; with f16 scales and 4-bit zeros {:.2} bits per weight",
            2 * w.len(),
            packed.len(),
            4.0 + 20.0 * scale.len() as f64 / weights
        ));

    // ŵ = s·(q − z): what a kernel makes of the bytes, in registers [n k].
    let w_hat = (&q - &z) * &s;
    trace
        .step("w_hat", "s·(q − z)", "n k -> n k", &w_hat)
        .note(format!(
            "error {:.2} % of the weights (RMS), at most {:.3} steps",
            100.0 * norm(&(&w_hat - w).into_dyn()) / norm(&w.clone().into_dyn()),
            ((&w_hat - w) / &s).fold(0.0, |most: f64, e| most.max(e.abs()))
        ));

    // y = x·ŵᵀ [m n].
    let product = |w: &Array2<f64>| {
        let operands = [x.clone().into_dyn(), w.clone().into_dyn()];
        einsum("m k, n k -> m n", &[&operands[0], &operands[1]])
    };
    let (y, exact) = (product(&w_hat), product(w));
    trace.step("y", "x·ŵᵀ", "m k, n k -> m n", &y).note(format!(
        "error {:.2} % of the output",
        100.0 * norm(&(&y - &exact)) / norm(&exact)
    ));
    vec![packed.into_dyn(), scale.into_dyn(), zero.into_dyn(), y]
}

/// Two codes of a row in a byte, the first in the low four bits: `[n k]` to `[n k/2]`. A last odd one
/// is alone in its byte.
pub fn pack(q: &Array2<f64>) -> Array2<f64> {
    let bytes = q.ncols().div_ceil(2);
    Array2::from_shape_fn((q.nrows(), bytes), |(i, j)| {
        q[[i, 2 * j]] + 16.0 * q.get((i, 2 * j + 1)).copied().unwrap_or(0.0)
    })
}

/// The codes that [`pack`] packed, `[n 2·bytes]`.
pub fn unpack(packed: &Array2<f64>) -> Array2<f64> {
    let codes = 2 * packed.len_of(Axis(1));
    Array2::from_shape_fn((packed.nrows(), codes), |(i, j)| {
        let byte = packed[[i, j / 2]];
        match j % 2 {
            0 => byte.rem_euclid(16.0),
            _ => (byte / 16.0).floor(),
        }
    })
}
