//! On which days a person learned.

use std::collections::BTreeMap;

/// How many answers, checks and interviews each day has; days without any are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Activity(pub BTreeMap<i64, usize>);

impl Activity {
    /// Of moments (milliseconds since 1970, UTC); `day` gives the day of one.
    pub fn new(moments: impl IntoIterator<Item = i64>, day: impl Fn(i64) -> i64) -> Activity {
        let mut days = BTreeMap::new();
        for at in moments {
            *days.entry(day(at)).or_default() += 1;
        }
        Activity(days)
    }

    pub fn on(&self, day: i64) -> usize {
        self.0.get(&day).copied().unwrap_or(0)
    }

    /// Days in a row up to today; a today without anything does not break it yet.
    pub fn streak(&self, today: i64) -> usize {
        let last = match self.on(today) {
            0 => today - 1,
            _ => today,
        };
        (0..).take_while(|back| self.on(last - back) > 0).count()
    }

    /// The longest streak of all.
    pub fn longest(&self) -> usize {
        let (mut longest, mut run, mut before) = (0, 0, None);
        for day in self.0.keys() {
            run = match before {
                Some(before) if before + 1 == *day => run + 1,
                _ => 1,
            };
            longest = longest.max(run);
            before = Some(*day);
        }
        longest
    }

    /// From 0 (nothing) to 4: quarters of the busiest day.
    pub fn level(&self, day: i64) -> usize {
        let most = self.0.values().max().copied().unwrap_or(1);
        (self.on(day) * 4).div_ceil(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streaks_end_with_a_day_without_anything() {
        let days = [1, 2, 3, 4, 7, 8, 10, 11].map(|day| (day, 2));
        let activity = Activity(days.into());
        let streaks = [11, 12, 13, 9, 8].map(|today| activity.streak(today));
        assert_eq!(streaks, [2, 2, 0, 2, 2]);
        assert_eq!(activity.longest(), 4);
        assert_eq!(Activity::default().longest(), 0);
        assert_eq!(Activity::default().streak(5), 0);
    }

    #[test]
    fn levels_go_up_to_the_busiest_day() {
        let activity = Activity([(1, 1), (2, 10), (3, 20), (4, 11)].into());
        let levels = [0, 1, 2, 3, 4].map(|day| activity.level(day));
        assert_eq!(levels, [0, 1, 2, 4, 3]);
        assert_eq!(Activity::default().level(0), 0);
    }
}
