//! A mistake that a check found → a question about it.

use super::{Both, Choice, Kind, Question};
use crate::problem::Bug;

/// How many repairs are offered at most.
const OPTIONS: usize = 4;

/// What mends `bug`? The other options mend other bugs of the lesson `lesson`. None where no other repair
/// reads otherwise. `id` is the question's.
pub fn repair(id: String, lesson: &str, bug: &Bug, bugs: &[Bug]) -> Option<Question> {
    // Brackets in a text of a question stand for values.
    let plain = |text: &str| text.replace('{', "{{").replace('}', "}}");
    let option = |bug: &Bug, right| Choice {
        text: Both {
            en: plain(bug.repair.en),
            zh: plain(bug.repair.zh),
        },
        right,
    };
    let mut options = vec![option(bug, true)];
    // Those that follow in the lesson's list, and then from its front: each bug has neighbours of its own.
    let at = bugs.iter().position(|known| known.id == bug.id)?;
    for other in bugs[at..].iter().chain(&bugs[..at]).skip(1) {
        let other = option(other, false);
        let same =
            |known: &Choice| known.text.en == other.text.en || known.text.zh == other.text.zh;
        if options.len() < OPTIONS && !options.iter().any(same) {
            options.push(other);
        }
    }
    let (en, zh) = (plain(bug.sentence.en), plain(bug.sentence.zh));
    (options.len() > 1).then(|| Question {
        id,
        ask: Both {
            en: format!("A check of yours found: your output equals {lesson} {en}. What mends it?"),
            zh: format!("你的一次检查发现：你的输出等于 {lesson} {zh}。该怎么改？"),
        },
        why: Both {
            en: format!("Write it again from memory: llmlab start {lesson}"),
            zh: format!("再凭记忆写一遍：llmlab start {lesson}"),
        },
        values: Vec::new(),
        kind: Kind::Choice(options),
    })
}
