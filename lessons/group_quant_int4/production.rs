//! The production W4A16 kernel on packed weights: those of the reference, or a learner's.

use super::reference::{Arguments, pack, unpack};
use super::variants::variant;
use crate::kernels::quant::{Misfit, PackedInt4, w4a16};
use crate::problem::{Prepared, Variant};
use crate::tensor::{Inputs, Outputs, Tensor};
use ndarray::{Array2, ArrayD, Ix2, s};

/// An output with its static rank.
pub fn matrix(a: &ArrayD<f64>) -> Array2<f64> {
    let matrix = a.clone().into_dimensionality::<Ix2>();
    matrix.unwrap_or_else(|_| Array2::zeros((0, 0)))
}

/// The W4A16 kernel's product of `x` with packed weights of an answer, `[m n]`. Rows that are no whole
/// groups are padded with codes that stand for 0.
///
/// # Errors
/// The kernel's, where it cannot take these weights.
pub fn product(inputs: &Inputs, outputs: &Outputs) -> Result<Tensor, Misfit> {
    let weights = Weights::of(inputs, outputs)?;
    let mut y = Tensor::zeros(vec![weights.m, weights.packed.n()]);
    weights.multiply(y.as_slice_mut().unwrap_or_default())?;
    Ok(y)
}

/// Packed weights as the kernel takes them, and activations padded to the same rows.
struct Weights {
    packed: PackedInt4,
    x: Vec<f32>,
    m: usize,
}

impl Weights {
    fn of(inputs: &Inputs, outputs: &Outputs) -> Result<Weights, Misfit> {
        let given = Arguments::of(inputs);
        let (k, group_size) = (given.w.ncols(), given.group_size);
        let padded = k.next_multiple_of(group_size);
        let [packed, scale, zero] = [0, 1, 2].map(|i| matrix(&outputs[i]));
        let mut codes = given.spread_over(&zero, padded);
        let own = unpack(&packed);
        let width = own.ncols().min(k);
        codes
            .slice_mut(s![.., ..width])
            .assign(&own.slice(s![.., ..width]));
        let bytes: Vec<u8> = pack(&codes).iter().map(|byte| *byte as u8).collect();
        let scales: Vec<f32> = scale.iter().map(|s| *s as f32).collect();
        let zeros: Vec<u8> = zero.iter().map(|z| *z as u8).collect();
        let mut x = Array2::zeros((given.x.nrows(), padded));
        let floats = given.x.mapv(|x| x as f32);
        x.slice_mut(s![.., ..k]).assign(&floats);
        let n = given.w.nrows();
        Ok(Weights {
            packed: PackedInt4::new(&bytes, &scales, Some(&zeros), [n, padded], group_size)?,
            m: x.nrows(),
            x: x.into_iter().collect(),
        })
    }

    fn multiply(&self, y: &mut [f32]) -> Result<(), Misfit> {
        w4a16(y, &self.x, &self.packed, self.m)
    }
}

/// Codes, scales and zero points come beforehand, once for a model; the kernel is the product.
pub fn prepare(inputs: &Inputs) -> Prepared<'_> {
    let outputs = variant(inputs, &Variant::default());
    let weights = Weights::of(inputs, &outputs);
    let single = |a: &ArrayD<f64>| a.mapv(|x| x as f32);
    let given: Vec<Tensor> = outputs.iter().map(single).collect();
    Prepared::new(given, move |outputs| {
        let y = outputs[3].as_slice_mut().unwrap_or_default();
        let done = weights.as_ref().map(|weights| weights.multiply(y));
        if !matches!(done, Ok(Ok(()))) {
            // Shapes were checked against `args`; the judge shows NaN as a failure of the kernel.
            y.fill(f32::NAN);
        }
    })
}
