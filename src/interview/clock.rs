//! A stopwatch that is told the time.

/// Milliseconds that ran, and since when it runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stopwatch {
    used: i64,
    since: Option<i64>,
}

impl Stopwatch {
    pub fn start(&mut self, at: i64) {
        self.since.get_or_insert(at);
    }

    pub fn stop(&mut self, at: i64) {
        self.used = self.used(at);
        self.since = None;
    }

    /// Leaves out the time from `left` to `back`, when nobody was there.
    pub fn leave_out(&mut self, left: i64, back: i64) {
        if self.since.is_some() {
            self.stop(left);
            self.start(back);
        }
    }

    /// A clock that was set back takes nothing away.
    pub fn used(&self, at: i64) -> i64 {
        self.used
            + self
                .since
                .map_or(0, |since| at.saturating_sub(since).max(0))
    }
}

/// `2:41`, and `-0:05` where it is negative.
pub fn minutes(ms: i64) -> String {
    let sign = if ms <= -1000 { "-" } else { "" };
    // What is left is rounded up: 3:00 at the start, 0:00 only at the end.
    let seconds = match ms {
        0.. => (ms + 999) / 1000,
        _ => ms.unsigned_abs().cast_signed() / 1000,
    };
    format!("{sign}{}:{:02}", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_reads_as_minutes() {
        let shown = [180_000, 161_000, 160_001, 0, -300, -5_000, -61_000].map(minutes);
        assert_eq!(
            shown,
            ["3:00", "2:41", "2:41", "0:00", "0:00", "-0:05", "-1:01"]
        );
    }

    #[test]
    fn a_pause_takes_no_time() {
        let mut watch = Stopwatch::default();
        watch.start(1_000);
        watch.stop(3_000);
        watch.start(60_000);
        assert_eq!(watch.used(61_500), 3_500);
        assert_eq!(watch.used(50_000), 2_000);
    }
}
