//! The catalogue, in teaching order. One concept = one folder and one line in each list.
//!
//! A concept may have further exercises. Each is a lesson of its own (id, problem, quiz, trace) in a
//! folder within the concept's, stands behind it in LESSONS, and has a line in PARENTS.

pub mod affine_quantization;
pub mod alibi;
pub mod attention;
pub mod attention_complexity;
pub mod attention_expressivity;
pub mod attention_mask;
pub mod calibration;
pub mod causal_lm_objective;
pub mod class_weighted_ce;
pub mod cross_attention;
pub mod encoder_decoder_block;
pub mod flash_attention;
pub mod gptq;
#[cfg(feature = "cuda")]
pub mod gpu;
pub mod group_quant_int4;
pub mod hessian_saliency;
pub mod hidden_state_distillation;
pub mod kv_cache;
pub mod layer_norm_residual;
pub mod length_extrapolation;
pub mod logit_distillation;
pub mod magnitude_pruning;
pub mod methods;
pub mod multi_head_attention;
pub mod ntk_rope;
pub mod position_interpolation;
pub mod position_wise_ffn;
pub mod qat_fake_quant;
pub mod rope;
pub mod sinusoidal_position;
pub mod sliding_window_attention;
pub mod stable_softmax;
pub mod structured_pruning;
pub mod tokens_and_embedding;
pub mod w8a8_quantization;
pub mod weight_only_int8;

#[cfg(test)]
mod tests;

pub use attention::einsum_attention;

use crate::lesson::Lesson;

/// Every lesson, in teaching order.
pub const LESSONS: &[&Lesson] = &[
    &tokens_and_embedding::LESSON,
    &stable_softmax::LESSON,
    &attention::LESSON,
    &einsum_attention::LESSON,
    &attention_mask::LESSON,
    &multi_head_attention::LESSON,
    &cross_attention::LESSON,
    &layer_norm_residual::LESSON,
    &position_wise_ffn::LESSON,
    &encoder_decoder_block::LESSON,
    &causal_lm_objective::LESSON,
    &attention_expressivity::LESSON,
    &attention_complexity::LESSON,
    &flash_attention::LESSON,
    &sinusoidal_position::LESSON,
    &rope::LESSON,
    &alibi::LESSON,
    &length_extrapolation::LESSON,
    &position_interpolation::LESSON,
    &ntk_rope::LESSON,
    &sliding_window_attention::LESSON,
    &affine_quantization::LESSON,
    &calibration::LESSON,
    &weight_only_int8::LESSON,
    &group_quant_int4::LESSON,
    &gptq::LESSON,
    &w8a8_quantization::LESSON,
    &qat_fake_quant::LESSON,
    &magnitude_pruning::LESSON,
    &hessian_saliency::LESSON,
    &structured_pruning::LESSON,
    &logit_distillation::LESSON,
    &hidden_state_distillation::LESSON,
    &kv_cache::LESSON,
    &class_weighted_ce::LESSON,
];

/// Further exercises: their ids, and the ids of the lessons that they belong to.
const PARENTS: &[(&str, &str)] = &[("einsum-attention", "attention")];

/// The lesson of which this one is a further exercise.
pub fn parent(lesson: &Lesson) -> Option<&'static Lesson> {
    let (_, parent) = PARENTS.iter().find(|(id, _)| *id == lesson.id)?;
    find(parent)
}

/// The further exercises of a lesson.
pub fn exercises(lesson: &Lesson) -> impl Iterator<Item = &'static Lesson> {
    let id = lesson.id;
    let own = move |other: &&Lesson| parent(other).is_some_and(|parent| parent.id == id);
    LESSONS.iter().copied().filter(own)
}

/// The lesson with this id or alias (`_` and `-` are the same).
pub fn find(name: &str) -> Option<&'static Lesson> {
    let name = name.to_ascii_lowercase().replace('_', "-");
    let matches = |lesson: &&&Lesson| lesson.id == name || lesson.aliases.contains(&name.as_str());
    LESSONS.iter().find(matches).copied()
}
