//! The catalogue, in teaching order. One concept = one folder and one line here.

use crate::lesson::Lesson;

pub mod class_weighted_ce;

/// Every lesson, in teaching order.
pub const LESSONS: &[&Lesson] = &[&class_weighted_ce::LESSON];

/// The lesson with this id or alias (`_` and `-` are the same).
pub fn find(name: &str) -> Option<&'static Lesson> {
    let name = name.to_ascii_lowercase().replace('_', "-");
    let matches = |lesson: &&&Lesson| lesson.id == name || lesson.aliases.contains(&name.as_str());
    LESSONS.iter().find(matches).copied()
}
