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
