//! All cards of a person, from the log of what they did.

use super::{Card, Rating};
use crate::store::{Answer, Verdict};
use std::collections::BTreeMap;

/// What a card is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Item {
    /// A question of the lesson, by its id.
    Question(String),
    /// A mistake that a check found in the person's own code, by the bug's id.
    Bug(String),
    /// Writing the exercise.
    Exercise,
}

/// Before the id of a bug, in the name of a question about it. A question's own id has no colon.
const BUG: &str = "bug:";

impl Item {
    /// What answers that are kept under this name are about: `why-scale`, or `bug:no-scale`.
    pub fn asked(name: &str) -> Item {
        match name.strip_prefix(BUG) {
            Some(bug) => Item::Bug(bug.to_string()),
            None => Item::Question(name.to_string()),
        }
    }

    /// The name under which answers are kept; none for an exercise.
    pub fn name(&self) -> Option<String> {
        match self {
            Item::Question(id) => Some(id.clone()),
            Item::Bug(id) => Some(format!("{BUG}{id}")),
            Item::Exercise => None,
        }
    }
}

/// A card with what it is about.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    pub lesson: &'a str,
    pub item: &'a Item,
    pub card: &'a Card,
}

/// Every card, by lesson and item.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Deck {
    cards: BTreeMap<(String, Item), Card>,
}

impl Deck {
    /// Replays a log, oldest first; `day` gives the day of a moment (milliseconds since 1970, UTC).
    ///
    /// An exercise is reviewed once a day at most: solved at the first check it went well, solved after
    /// failures with difficulty, otherwise not. A mistake that a check names is a card that was forgotten
    /// on that day, so it comes back on the next.
    pub fn replay(answers: &[Answer], verdicts: &[Verdict], day: impl Fn(i64) -> i64) -> Deck {
        let mut deck = Deck::default();
        let mut reviews: Vec<(i64, &str, Item, Rating)> = Vec::new();
        for answer in answers {
            let (item, rating) = (Item::asked(&answer.question), Rating::of(answer.score));
            reviews.push((answer.at, &answer.lesson, item, rating));
        }
        for verdict in verdicts {
            for bug in &verdict.bugs {
                let item = Item::Bug(bug.clone());
                reviews.push((verdict.at, &verdict.lesson, item, Rating::Again));
            }
        }
        for (at, lesson, rating) in exercises(verdicts, &day) {
            reviews.push((at, lesson, Item::Exercise, rating));
        }
        // Stable: what happened at the same moment stays in order.
        reviews.sort_by_key(|(at, ..)| *at);
        for (at, lesson, item, rating) in reviews {
            deck.review(lesson, item, day(at), rating);
        }
        deck
    }

    /// Adds one review.
    pub fn review(&mut self, lesson: &str, item: Item, day: i64, rating: Rating) {
        self.cards
            .entry((lesson.to_string(), item))
            .and_modify(|card| card.review(day, rating))
            .or_insert_with(|| Card::new(day, rating));
    }

    /// The card of an item; none where it is new.
    pub fn card(&self, lesson: &str, item: &Item) -> Option<&Card> {
        self.cards.get(&(lesson.to_string(), item.clone()))
    }

    /// All cards.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.cards
            .iter()
            .map(|((lesson, item), card)| Entry { lesson, item, card })
    }

    /// What is due on `day`, longest overdue first.
    pub fn due(&self, day: i64) -> Vec<Entry<'_>> {
        let mut due: Vec<Entry> = self
            .entries()
            .filter(|entry| entry.card.due <= day)
            .collect();
        due.sort_by_key(|entry| entry.card.due);
        due
    }

    pub(super) fn cards_mut(&mut self) -> impl Iterator<Item = &mut Card> {
        self.cards.values_mut()
    }
}

/// One review of each exercise for each day on which it was checked: the moment of the day's last check, and
/// how the day went.
fn exercises<'a>(
    verdicts: &'a [Verdict],
    day: &impl Fn(i64) -> i64,
) -> Vec<(i64, &'a str, Rating)> {
    let mut days: BTreeMap<(&str, i64), (i64, Rating)> = BTreeMap::new();
    for verdict in verdicts {
        let passed = verdict.verdict == "passed";
        let first = if passed { Rating::Good } else { Rating::Again };
        days.entry((&verdict.lesson, day(verdict.at)))
            .and_modify(|(at, rating)| {
                *at = verdict.at.max(*at);
                if passed && *rating == Rating::Again {
                    *rating = Rating::Hard;
                }
            })
            .or_insert((verdict.at, first));
    }
    let days = days.into_iter();
    days.map(|((lesson, _), (at, rating))| (at, lesson, rating))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Outcome;

    const DAY: i64 = 86_400_000;

    fn day(at: i64) -> i64 {
        at.div_euclid(DAY)
    }

    fn answer(question: &str, score: f64, at: i64) -> Answer {
        Answer {
            uid: String::new(),
            lesson: "rope".to_string(),
            question: question.to_string(),
            seed: 1,
            typed: String::new(),
            outcome: Outcome::of(score),
            score,
            seconds: 1.0,
            at,
        }
    }

    fn verdict(verdict: &str, bugs: &[&str], at: i64) -> Verdict {
        Verdict {
            uid: String::new(),
            lesson: "rope".to_string(),
            verdict: verdict.to_string(),
            seed: 1,
            convention: None,
            bugs: bugs.iter().map(|bug| bug.to_string()).collect(),
            seconds: 1.0,
            learner: None,
            production: None,
            at,
        }
    }

    #[test]
    fn a_mistake_that_a_check_names_comes_back_tomorrow() {
        let verdicts = [
            verdict("wrong-values", &["no-scale"], 10 * DAY),
            verdict("passed", &[], 10 * DAY + 1000),
        ];
        let deck = Deck::replay(&[], &verdicts, day);
        assert!(deck.due(10).is_empty());
        let due: Vec<&Item> = deck.due(11).iter().map(|entry| entry.item).collect();
        let bug = Item::Bug("no-scale".to_string());
        assert!(due.contains(&&bug), "{due:?}");
        // Solved after a failure: the exercise itself was hard, so it comes back tomorrow too.
        let exercise = deck.card("rope", &Item::Exercise).unwrap();
        assert_eq!((exercise.rating, exercise.reviews), (Rating::Hard, 1));

        let right = [answer("bug:no-scale", 1.0, 11 * DAY)];
        let deck = Deck::replay(&right, &verdicts, day);
        assert!(deck.card("rope", &bug).unwrap().due > 11);
    }

    #[test]
    fn the_log_decides_and_not_its_order() {
        let log: Vec<Answer> = (0..20)
            .map(|i| answer("why-pairs", f64::from(i % 3) / 2.0, i64::from(i) * 2 * DAY))
            .collect();
        let mut shuffled = log.clone();
        shuffled.reverse();
        let deck = Deck::replay(&log, &[], day);
        assert_eq!(deck, Deck::replay(&shuffled, &[], day));
        assert_eq!(deck.entries().next().unwrap().card.reviews, 20);
    }

    #[test]
    fn an_exercise_is_reviewed_once_a_day() {
        let failed = |at| verdict("wrong-values", &[], at);
        let passed = |at| verdict("passed", &[], at);
        let rating = |verdicts: &[Verdict]| {
            let deck = Deck::replay(&[], verdicts, day);
            let card = deck.card("rope", &Item::Exercise).unwrap().clone();
            (card.rating, card.reviews)
        };
        assert_eq!(rating(&[failed(1), failed(2)]), (Rating::Again, 1));
        assert_eq!(rating(&[passed(1), failed(2)]), (Rating::Good, 1));
        let next_day = [failed(1), passed(2), passed(DAY)];
        assert_eq!(rating(&next_day), (Rating::Good, 2));
    }
}
