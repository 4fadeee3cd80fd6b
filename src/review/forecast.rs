//! How ready a person is, today and later.

use super::{Deck, Item, Rating};

/// The items that count: lesson, and what is to be known of it.
pub type Scope = [(String, Item)];

/// What happens from today on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// Nothing is reviewed.
    Rest,
    /// What is due is reviewed on its day, and so many new items are learned each day.
    Daily(usize),
}

/// The expected share of `scope` that is remembered, for today and each of `days` days after it: from 0 to 1.
/// What was never asked counts as not known. Reviews of [`Pace::Daily`] go well.
pub fn readiness(deck: &Deck, scope: &Scope, today: i64, days: usize, pace: Pace) -> Vec<f64> {
    let mut deck = deck.clone();
    let mut new = scope
        .iter()
        .filter(|(lesson, item)| deck.card(lesson, item).is_none())
        .cloned()
        .collect::<Vec<_>>()
        .into_iter();
    let mut shares = Vec::with_capacity(days + 1);
    for day in (today..).take(days + 1) {
        if let Pace::Daily(count) = pace
            && day > today
        {
            for card in deck.cards_mut().filter(|card| card.due <= day) {
                card.review(day, Rating::Good);
            }
            for (lesson, item) in new.by_ref().take(count) {
                deck.review(&lesson, item, day, Rating::Good);
            }
        }
        let known = scope
            .iter()
            .filter_map(|(lesson, item)| deck.card(lesson, item))
            .map(|card| card.recall(day))
            // A sum over nothing would be −0.
            .fold(0.0, |sum, recall| sum + recall);
        shares.push(known / scope.len().max(1) as f64);
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_falls_at_rest_and_grows_with_work() {
        let scope: Vec<(String, Item)> = (0..40)
            .map(|i| ("rope".to_string(), Item::Question(format!("q{i}"))))
            .collect();
        let mut deck = Deck::default();
        assert_eq!(readiness(&deck, &scope, 5, 2, Pace::Rest), [0.0; 3]);
        for (lesson, item) in &scope[..10] {
            deck.review(lesson, item.clone(), 5, Rating::Good);
        }
        let rest = readiness(&deck, &scope, 5, 30, Pace::Rest);
        assert_eq!(rest[0], 0.25);
        assert!(rest.windows(2).all(|pair| pair[1] < pair[0]));
        let work = readiness(&deck, &scope, 5, 30, Pace::Daily(5));
        assert_eq!(work[0], 0.25);
        assert!(work[30] > 0.9, "{}", work[30]);
        assert_eq!(readiness(&deck, &[], 5, 1, Pace::Rest), [0.0; 2]);
    }
}
