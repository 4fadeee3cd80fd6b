//! What running code prints, on its way to the terminal.

/// Code can print faster than a terminal shows: while more lines than this wait, lines are left
/// out.
pub const MOST: usize = 50_000;

/// Starts a thread that turns lines from evcxr's channel into events. (A macro because the
/// channel's type belongs to a crate that we do not depend on.)
macro_rules! forward {
    ($lines:ident, $stream:expr, $out:expr) => {{
        let out: SyncSender<Event> = $out;
        std::thread::spawn(move || {
            let mut dropped = 0;
            while let Ok(line) = $lines.recv() {
                if $lines.len() > $crate::cli::workbench::stream::MOST {
                    dropped += 1;
                    continue;
                }
                let gap = std::mem::take(&mut dropped);
                if gap > 0 && out.send(Event::Dropped(gap)).is_err() {
                    return;
                }
                if out.send(Event::Line($stream, line)).is_err() {
                    return;
                }
            }
        });
    }};
}
pub(super) use forward;
