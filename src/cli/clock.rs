//! What time it is.

use std::time::SystemTime;

/// Milliseconds since 1970, UTC.
///
/// Where `LLMLAB_CLOCK` names a file, its number stands for the time: a test holds the clock still, and
/// moves it by writing another one.
pub fn now() -> i64 {
    let file = std::env::var_os("LLMLAB_CLOCK").filter(|file| !file.is_empty());
    let held = file.and_then(|file| std::fs::read_to_string(file).ok());
    if let Some(at) = held.and_then(|text| text.trim().parse().ok()) {
        return at;
    }
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}

/// The day of a moment (milliseconds since 1970, UTC) where the person lives, in days since 1970. A day ends
/// at four in the morning: who learns past midnight is still at it.
pub fn day(at: i64) -> i64 {
    const NIGHT: i64 = 4 * 3_600_000;
    const DAY: i64 = 86_400_000;
    let zone = jiff::tz::TimeZone::system();
    let moment = jiff::Timestamp::from_millisecond(at).unwrap_or_default();
    let offset = i64::from(zone.to_offset(moment).seconds()) * 1000;
    (moment.as_millisecond() + offset - NIGHT).div_euclid(DAY)
}

/// The date of a day.
pub fn date(day: i64) -> jiff::civil::Date {
    let epoch = jiff::civil::date(1970, 1, 1);
    let span = jiff::Span::new().try_days(day);
    span.and_then(|span| epoch.checked_add(span))
        .unwrap_or(epoch)
}
