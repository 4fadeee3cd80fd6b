//! The catalogue, in teaching order. One concept = one folder and one line in each list.

pub mod alibi;
pub mod attention;
pub mod attention_expressivity;
pub mod attention_mask;
pub mod class_weighted_ce;
pub mod cross_attention;
pub mod encoder_decoder_block;
pub mod layer_norm_residual;
pub mod multi_head_attention;
pub mod position_wise_ffn;
pub mod rope;
pub mod stable_softmax;
pub mod tokens_and_embedding;

use crate::lesson::Lesson;

/// Every lesson, in teaching order.
pub const LESSONS: &[&Lesson] = &[
    &tokens_and_embedding::LESSON,
    &stable_softmax::LESSON,
    &attention::LESSON,
    &attention_mask::LESSON,
    &multi_head_attention::LESSON,
    &cross_attention::LESSON,
    &layer_norm_residual::LESSON,
    &position_wise_ffn::LESSON,
    &encoder_decoder_block::LESSON,
    &attention_expressivity::LESSON,
    &rope::LESSON,
    &alibi::LESSON,
    &class_weighted_ce::LESSON,
];

/// The lesson with this id or alias (`_` and `-` are the same).
pub fn find(name: &str) -> Option<&'static Lesson> {
    let name = name.to_ascii_lowercase().replace('_', "-");
    let matches = |lesson: &&&Lesson| lesson.id == name || lesson.aliases.contains(&name.as_str());
    LESSONS.iter().find(matches).copied()
}
