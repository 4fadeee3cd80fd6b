//! The lessons' methods on the small model: what each costs in loss, and saves in bytes.

use crate::kernels::gptq::{Options, Shape, gptq};
use crate::kernels::obs::{Hessian, sparsegpt};
use crate::text::Text;
use crate::tiny::{Corpus, Student, Tiny};
use ndarray::{Array1, Array2, ArrayViewMut1, Axis};
use std::collections::HashMap;

/// One method. It changes the linear layers of the blocks, or puts a smaller model in the place of the
/// whole, and gives the bits that it stores for each weight that the layers had before.
pub struct Method {
    pub name: &'static str,
    pub about: Text,
    pub apply: fn(&mut Tiny, &Calibration) -> f64,
}

/// What each linear layer read on some sequences that the model was trained on, by the layer's name:
/// `[tokens in]`.
pub struct Calibration(HashMap<String, Array2<f32>>);

impl Calibration {
    /// The inputs of all linear layers on the first `count` training sequences.
    pub fn new(model: &Tiny, count: usize) -> Calibration {
        let tokens = Corpus::trained(count).tokens;
        let mut inputs = HashMap::new();
        model.forward_with(&tokens, &mut |name, x| {
            inputs.insert(name.to_string(), x.to_owned());
        });
        Calibration(inputs)
    }

    /// What the linear layer of this name read.
    ///
    /// # Panics
    /// When the model has no such layer.
    pub fn inputs(&self, name: &str) -> &Array2<f32> {
        &self.0[name]
    }
}

/// Every method, in the order of the lessons. A row is one line.
pub const METHODS: &[Method] = &[
    row(
        "int8 RTN",
        "8 bits, one scale per output channel, rounded to nearest",
        "8 位，每个输出通道一个 scale，就近取整",
        |model, _| each(model, |w, _| round_to_nearest(w, 8, w.ncols())),
    ),
    row(
        "int4 RTN g128",
        "4 bits, scale and zero point per 128 weights, rounded to nearest",
        "4 位，每 128 个权重一组 scale 和 zero point，就近取整",
        |model, _| each(model, |w, _| round_to_nearest(w, 4, 128)),
    ),
    row(
        "int3 RTN g128",
        "the same with 3 bits",
        "同上，3 位",
        |model, _| each(model, |w, _| round_to_nearest(w, 3, 128)),
    ),
    row(
        "int2 RTN g32",
        "the same with 2 bits, groups of 32",
        "同上，2 位，每组 32 个",
        |model, _| each(model, |w, _| round_to_nearest(w, 2, 32)),
    ),
    row(
        "int3 symmetric RTN",
        "3 bits, one scale per 128 weights and no zero point, rounded to nearest",
        "3 位，每 128 个权重一个 scale，无 zero point，就近取整",
        |model, _| each(model, |w, _| symmetric(w, 3, 128)),
    ),
    row(
        "int3 GPTQ",
        "the same grid; each column's error is spread over the columns that are left",
        "同样的网格；每一列的误差由剩余各列补偿",
        |model, x| each(model, |w, name| compensated(w, x.inputs(name), 3, 128)),
    ),
    row(
        "int2 symmetric RTN",
        "2 bits, one scale per 32 weights and no zero point, rounded to nearest",
        "2 位，每 32 个权重一个 scale，无 zero point，就近取整",
        |model, _| each(model, |w, _| symmetric(w, 2, 32)),
    ),
    row(
        "int2 GPTQ",
        "the same grid, with errors spread",
        "同样的网格，补偿误差",
        |model, x| each(model, |w, name| compensated(w, x.inputs(name), 2, 32)),
    ),
    row(
        "magnitude 50 %",
        "the smaller half of each layer's weights set to 0",
        "每层把绝对值较小的一半权重置 0",
        |model, _| each(model, |w, _| magnitude(w, 0.5)),
    ),
    row(
        "magnitude 75 %",
        "the smallest three quarters of each layer's weights set to 0",
        "每层把绝对值最小的四分之三权重置 0",
        |model, _| each(model, |w, _| magnitude(w, 0.75)),
    ),
    row(
        "Wanda 75 %",
        "of each output's weights the three quarters of least size times ‖x‖ set to 0",
        "每个输出通道按「绝对值 × ‖x‖」把最小的四分之三权重置 0",
        |model, x| each(model, |w, name| wanda(w, x.inputs(name), 0.75)),
    ),
    row(
        "SparseGPT 75 %",
        "the same share, chosen by w²/[H⁻¹], and the others adjusted",
        "同样比例，按 w²/[H⁻¹] 选择，并补偿其余权重",
        |model, x| each(model, |w, name| second_order(w, x.inputs(name), 0.75)),
    ),
    row(
        "2:4",
        "the two smaller of every four weights set to 0",
        "每 4 个权重中较小的 2 个置 0",
        |model, _| each(model, |w, _| two_of_four(w)),
    ),
    row(
        "MLP 192 of 256",
        "in each block the 64 hidden units of least ‖gate‖·‖up‖·‖down‖ removed",
        "每块删去 64 个 ‖gate‖·‖up‖·‖down‖ 最小的隐藏单元",
        |model, _| narrow(model, 192),
    ),
    row(
        "student, labels",
        "2 layers, hidden size 64, trained on 512 sequences with labels alone",
        "2 层、隐藏维度 64，在 512 条序列上只用标签训练",
        |model, _| replaced(model, Student::Labels),
    ),
    row(
        "student, logits",
        "the same, with T²·KL(teacher ‖ student) as half of the loss, T = 2",
        "同上，损失的一半换成 T²·KL(教师 ‖ 学生)，T = 2",
        |model, _| replaced(model, Student::Logits),
    ),
    row(
        "student, states",
        "the same, with hidden states drawn to the teacher's through a projection",
        "同上，再让隐藏态经投影向教师的隐藏态看齐",
        |model, _| replaced(model, Student::States),
    ),
];

const fn row(
    name: &'static str,
    en: &'static str,
    zh: &'static str,
    apply: fn(&mut Tiny, &Calibration) -> f64,
) -> Method {
    let about = Text::new(en, zh);
    Method { name, about, apply }
}

/// A method's result.
pub struct Row {
    pub method: &'static Method,
    /// Weights that are left, zeros among them.
    pub parameters: usize,
    /// Stored bits for each weight that the linear layers had before, scales and masks among them.
    pub bits: f64,
    /// Stored bytes of the whole model, the rest in bf16.
    pub bytes: f64,
    /// In nats per token, on held-out sequences.
    pub loss: f64,
}

/// The small model before and after every method.
pub struct Report {
    pub parameters: usize,
    /// Bytes in bf16, as the weights are carried.
    pub bytes: f64,
    /// Held-out sequences on which losses are measured.
    pub sequences: usize,
    /// The source's own loss on them: the optimum.
    pub entropy: f64,
    pub loss: f64,
    pub untrained_loss: f64,
    pub rows: Vec<Row>,
}

/// Applies every method to the trained model, and measures the losses on held-out sequences.
pub fn report() -> Report {
    const SEQUENCES: usize = 32;
    let corpus = Corpus::held_out(SEQUENCES);
    let model = Tiny::trained();
    let calibration = Calibration::new(&model, 16);
    let before = linear_weights(&model) as f64;
    let rows = METHODS.iter().map(|method| {
        let mut changed = model.clone();
        let bits = (method.apply)(&mut changed, &calibration);
        let rest = changed.parameters() - linear_weights(&changed);
        Row {
            method,
            parameters: changed.parameters(),
            bits,
            bytes: 2.0 * rest as f64 + bits / 8.0 * before,
            loss: changed.loss(&corpus.tokens),
        }
    });
    Report {
        rows: rows.collect(),
        parameters: model.parameters(),
        bytes: 2.0 * model.parameters() as f64,
        sequences: SEQUENCES,
        entropy: corpus.entropy(),
        loss: model.loss(&corpus.tokens),
        untrained_loss: Tiny::untrained(0).loss(&corpus.tokens),
    }
}

/// The number of weights in the linear layers of the blocks.
fn linear_weights(model: &Tiny) -> usize {
    model.linears().map(|(_, w)| w.len()).sum()
}

/// Changes every linear layer; gives the mean of the bits, weighted by the number of weights.
pub fn each(model: &mut Tiny, mut change: impl FnMut(&mut Array2<f32>, &str) -> f64) -> f64 {
    let (mut bits, mut weights) = (0.0, 0.0);
    for (name, weight) in model.linears_mut() {
        let count = weight.len() as f64;
        bits += count * change(weight, &name);
        weights += count;
    }
    bits / weights
}

/// Asymmetric rounding to the nearest of 2^bits levels, for each group of `group_size` weights of a row
/// `[out in]`: the range holds 0, and 0 is a level. A scale takes 16 bits, a zero point as many as a
/// weight.
fn round_to_nearest(w: &mut Array2<f32>, bits: u32, group_size: usize) -> f64 {
    let most = ((1u32 << bits) - 1) as f32;
    for mut row in w.rows_mut() {
        for mut group in row.axis_chunks_iter_mut(Axis(0), group_size) {
            let (low, high) = group.fold((0f32, 0f32), |(low, high), &x| (low.min(x), high.max(x)));
            let scale = (high - low) / most;
            if scale > 0.0 {
                let zero = (-low / scale).round_ties_even();
                let level = |x: f32| ((x / scale).round_ties_even() + zero).clamp(0.0, most);
                group.mapv_inplace(|x| scale * (level(x) - zero));
            }
        }
    }
    f64::from(bits) + f64::from(16 + bits) / group_size.min(w.ncols()) as f64
}

/// Symmetric rounding to the nearest of 2^bits − 1 levels around 0, for each group of `group_size` weights of
/// a row `[out in]`.
fn symmetric(w: &mut Array2<f32>, bits: u32, group_size: usize) -> f64 {
    let most = ((1u32 << (bits - 1)) - 1) as f32;
    for mut row in w.rows_mut() {
        for mut group in row.axis_chunks_iter_mut(Axis(0), group_size) {
            let scale = group.fold(0f32, |largest, x| largest.max(x.abs())) / most;
            if scale > 0.0 {
                group.mapv_inplace(|x| scale * (x / scale).round_ties_even().clamp(-most, most));
            }
        }
    }
    symmetric_bits(w, bits, group_size)
}

fn symmetric_bits(w: &Array2<f32>, bits: u32, group_size: usize) -> f64 {
    f64::from(bits) + 16.0 / group_size.min(w.ncols()) as f64
}

/// Frantar et al. 2022, arXiv 2210.17323, on the grid of [`symmetric`].
fn compensated(w: &mut Array2<f32>, x: &Array2<f32>, bits: u32, group_size: usize) -> f64 {
    let x = x.as_standard_layout();
    let inputs = x.as_slice().expect("in order");
    let shape = Shape {
        rows: w.nrows(),
        columns: w.ncols(),
        tokens: x.nrows(),
    };
    let options = Options {
        bits,
        group_size,
        percdamp: 0.01,
        act_order: false,
    };
    let weight = w.as_standard_layout().into_owned();
    let weight = weight.as_slice().expect("in order");
    let w_hat = w.as_slice_mut().expect("weights are in order");
    gptq(w_hat, weight, inputs, shape, options).expect("a damped Hessian is not singular");
    symmetric_bits(w, bits, group_size)
}

/// Sets the `sparsity` of weights with the least scores to 0, in all of `w`.
fn prune(mut w: ArrayViewMut1<'_, f32>, scores: &Array1<f32>, sparsity: f64) {
    let mut order: Vec<usize> = (0..w.len()).collect();
    order.sort_by(|&i, &j| scores[i].total_cmp(&scores[j]));
    for i in &order[..(sparsity * w.len() as f64).round() as usize] {
        w[*i] = 0.0;
    }
}

/// Bits for a weight where a mask says which are there: bf16 for those, and a bit for each.
fn masked_bits(sparsity: f64) -> f64 {
    16.0 * (1.0 - sparsity) + 1.0
}

fn magnitude(w: &mut Array2<f32>, sparsity: f64) -> f64 {
    let scores = w.iter().map(|w| w.abs()).collect();
    let len = w.len();
    let flat = w
        .view_mut()
        .into_shape_with_order(len)
        .expect("weights are in order");
    prune(flat, &scores, sparsity);
    masked_bits(sparsity)
}

/// Sun et al. 2023, arXiv 2306.11695: |w|·‖x‖₂, compared within an output's row.
fn wanda(w: &mut Array2<f32>, x: &Array2<f32>, sparsity: f64) -> f64 {
    let norms = x.map_axis(Axis(0), |column| column.dot(&column).sqrt());
    for row in w.rows_mut() {
        let scores = &row.mapv(f32::abs) * &norms;
        prune(row, &scores, sparsity);
    }
    masked_bits(sparsity)
}

/// Frantar and Alistarh 2023, arXiv 2301.00774.
fn second_order(w: &mut Array2<f32>, x: &Array2<f32>, sparsity: f64) -> f64 {
    let x = x.as_standard_layout();
    let inputs = x.as_slice().expect("in order");
    let hessian = Hessian::new(inputs, x.nrows(), x.ncols(), 0.01).expect("damping is positive");
    let weights = w.as_slice_mut().expect("weights are in order");
    sparsegpt(weights, &hessian, sparsity).expect("whole rows");
    masked_bits(sparsity)
}

/// Mishra et al. 2021, arXiv 2104.08378: half of the weights, and two bits for the place of each.
fn two_of_four(w: &mut Array2<f32>) -> f64 {
    for mut row in w.rows_mut() {
        for four in row.axis_chunks_iter_mut(Axis(0), 4) {
            let scores = four.mapv(f32::abs);
            prune(four, &scores, 0.5);
        }
    }
    0.5 * (16.0 + 2.0)
}

/// Keeps the `units` hidden units of each block's MLP whose rows of gate and up and column of down have
/// the largest product of norms.
fn narrow(model: &mut Tiny, units: usize) -> f64 {
    let before = linear_weights(model);
    for layer in &mut model.layers {
        let norms = |w: &Array2<f32>, axis| w.map_axis(Axis(axis), |line| line.dot(&line).sqrt());
        let scores =
            norms(&layer.gate_proj, 1) * norms(&layer.up_proj, 1) * norms(&layer.down_proj, 0);
        let mut kept: Vec<usize> = (0..scores.len()).collect();
        kept.sort_by(|&i, &j| scores[j].total_cmp(&scores[i]));
        kept.truncate(units);
        layer.gate_proj = layer.gate_proj.select(Axis(0), &kept);
        layer.up_proj = layer.up_proj.select(Axis(0), &kept);
        layer.down_proj = layer.down_proj.select(Axis(1), &kept);
    }
    kept_bits(model, before)
}

/// Bits where fewer weights are stored, in bf16, than there were `before`.
fn kept_bits(model: &Tiny, before: usize) -> f64 {
    16.0 * linear_weights(model) as f64 / before as f64
}

/// Puts the student in the model's place.
fn replaced(model: &mut Tiny, student: Student) -> f64 {
    let before = linear_weights(model);
    *model = Tiny::student(student);
    kept_bits(model, before)
}
