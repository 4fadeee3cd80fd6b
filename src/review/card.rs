//! One card: FSRS-6 with its published default parameters, at whole days.

use fsrs::{FSRS, FSRS6_DEFAULT_DECAY, MemoryState, NextStates, current_retrievability};
use std::sync::LazyLock;

/// A card comes back on the day when it would be remembered with this probability.
const RETENTION: f32 = 0.9;

static ALGORITHM: LazyLock<FSRS> = LazyLock::new(FSRS::default);

/// How well it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rating {
    Again,
    Hard,
    Good,
    Easy,
}

impl Rating {
    /// Of a score from 0 to 1: right, at least half of the points, or less.
    pub fn of(score: f64) -> Rating {
        match score {
            score if score >= 1.0 => Rating::Good,
            score if score >= 0.5 => Rating::Hard,
            _ => Rating::Again,
        }
    }
}

/// What is known of one thing to remember.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    memory: MemoryState,
    /// The days of the first and the last review.
    pub first: i64,
    pub last: i64,
    /// The day on which it should come back; a day after the last review at the earliest.
    pub due: i64,
    pub reviews: u32,
    /// How often it was forgotten.
    pub lapses: u32,
    pub rating: Rating,
}

impl Card {
    /// A card after its first review.
    pub fn new(day: i64, rating: Rating) -> Card {
        let mut card = Card {
            memory: MemoryState {
                stability: 0.0,
                difficulty: 0.0,
            },
            first: day,
            last: day,
            due: day,
            reviews: 0,
            lapses: 0,
            rating,
        };
        card.take(None, day, rating);
        card
    }

    /// A further review. A day before the last one (a clock was set back) counts as the last one.
    pub fn review(&mut self, day: i64, rating: Rating) {
        self.take(Some(self.memory), day.max(self.last), rating);
    }

    fn take(&mut self, memory: Option<MemoryState>, day: i64, rating: Rating) {
        let elapsed = u32::try_from(day - self.last).unwrap_or(u32::MAX);
        let next = ALGORITHM.next_states(memory, RETENTION, elapsed);
        let NextStates {
            again,
            hard,
            good,
            easy,
        } = next.expect("states that the algorithm gave are valid for it");
        let next = match rating {
            Rating::Again => again,
            Rating::Hard => hard,
            Rating::Good => good,
            Rating::Easy => easy,
        };
        self.memory = next.memory;
        self.last = day;
        #[allow(clippy::cast_possible_truncation)]
        let interval = next.interval.round().max(1.0) as i64;
        self.due = day.saturating_add(interval);
        self.reviews += 1;
        self.lapses += u32::from(rating == Rating::Again);
        self.rating = rating;
    }

    /// The probability that it is remembered on `day`, from 0 to 1.
    pub fn recall(&self, day: i64) -> f64 {
        #[allow(clippy::cast_precision_loss)]
        let elapsed = (day - self.last).max(0) as f32;
        f64::from(current_retrievability(
            self.memory,
            elapsed,
            FSRS6_DEFAULT_DECAY,
        ))
    }

    /// Days until the recall falls to 90 %.
    pub fn stability(&self) -> f64 {
        f64::from(self.memory.stability)
    }

    /// From 1 (easy) to 10.
    pub fn difficulty(&self) -> f64 {
        f64::from(self.memory.difficulty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Rating::{Again, Easy, Good, Hard};

    /// Reviews each after so many days.
    fn replay(reviews: &[(i64, Rating)]) -> Card {
        let mut card = Card::new(0, reviews[0].1);
        for (elapsed, rating) in &reviews[1..] {
            card.review(card.last + elapsed, *rating);
        }
        card
    }

    /// Figures of the FSRS project's tests: `test_memory_state` of fsrs-rs 6.6 and `test_memo_state` of
    /// py-fsrs 6.3 give the same two.
    #[test]
    fn memory_is_that_of_the_projects_tests() {
        let reviews = [
            (0, Again),
            (0, Good),
            (1, Good),
            (3, Good),
            (8, Good),
            (21, Good),
        ];
        let card = replay(&reviews);
        assert!((card.stability() - 53.62691).abs() < 1e-4);
        assert!((card.difficulty() - 6.3574867).abs() < 1e-4);
    }

    /// `test_review_card` of py-fsrs 6.3: intervals of a card that always comes back when it is due. Its
    /// cards are shown again within minutes at first and after a lapse; those are the reviews of the same
    /// day here, and have no interval there.
    #[test]
    fn intervals_are_those_of_the_projects_tests() {
        let ratings = [
            Good, Good, Good, Good, Good, Good, Again, Again, Good, Good, Good, Good, Good,
        ];
        let want = [0, 2, 11, 46, 163, 498, 0, 0, 2, 4, 7, 12, 21];
        let mut card = Card::new(0, ratings[0]);
        let mut next = 0;
        for (i, rating) in ratings.iter().enumerate() {
            if i > 0 {
                card.review(next, *rating);
            }
            next = card.last + want[i];
            if want[i] > 0 {
                assert_eq!(card.due - card.last, want[i], "review {i}");
            }
        }
    }

    /// `test_repeated_correct_reviews` of py-fsrs 6.3.
    #[test]
    fn difficulty_does_not_fall_below_1() {
        assert_eq!(replay(&[(0, Easy); 10]).difficulty(), 1.0);
    }

    #[test]
    fn recall_falls_to_nine_tenths_at_the_stability() {
        let card = replay(&[(0, Good), (2, Good), (11, Hard)]);
        let mut day = card.last;
        assert_eq!(card.recall(day), 1.0);
        while card.recall(day) > 0.9 {
            day += 1;
        }
        let days = (day - card.last) as f64;
        assert!((days - card.stability()).abs() <= 1.0, "{days}");
        assert!(card.recall(card.last - 5) == 1.0);
    }

    #[test]
    fn a_clock_set_back_does_no_harm() {
        let mut card = Card::new(100, Good);
        card.review(90, Good);
        assert_eq!((card.last, card.reviews), (100, 2));
        assert!(card.due > 100);
        card.review(i64::MAX / 2, Good);
        assert!(card.due > card.last);
    }

    #[test]
    fn better_answers_come_back_later() {
        let due = [Again, Hard, Good, Easy].map(|rating| Card::new(0, rating).due);
        assert_eq!(due, [1, 1, 2, 8]);
    }
}
