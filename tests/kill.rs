//! A kill in the middle of a check loses no verdict that was shown, and the next check works.
//! (`tests/quiz.rs` does the same for a quiz.)
#![cfg(unix)]

use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const KILLS: usize = 50;

fn llmlab(data: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_llmlab"));
    command
        .args(args)
        .current_dir(data)
        .env("LLMLAB_DATA", data)
        .env(
            "LLMLAB_CACHE",
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("repl-cache"),
        )
        .env("LLMLAB_LANG", "en")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Verdicts that are kept; the file must be whole.
fn kept(data: &Path) -> usize {
    let db = rusqlite::Connection::open(data.join("progress.db")).unwrap();
    let whole = db.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0));
    assert_eq!(whole.unwrap(), "ok");
    let count = "SELECT count(*) FROM verdicts";
    db.query_row(count, [], |row| row.get::<_, i64>(0)).unwrap() as usize
}

/// Kills the check at random moments and returns how many kills came before its verdict.
fn kill_often(data: &Path, check: &[&str], kills: usize) -> usize {
    // The first run may have to build the workshop; the second says how long a check takes.
    llmlab(data, check).output().unwrap();
    let begun = Instant::now();
    let output = llmlab(data, check).output().unwrap();
    let whole = begun.elapsed().as_secs_f64();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        said.starts_with("✓ "),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let (mut shown, mut before) = (kept(data), 0);
    let mut rng = StdRng::seed_from_u64(9);
    for _ in 0..kills {
        let mut child = llmlab(data, check).spawn().unwrap();
        std::thread::sleep(Duration::from_secs_f64(1.2 * whole * rng.random::<f64>()));
        child.kill().unwrap();
        let output = child.wait_with_output().unwrap();
        match String::from_utf8_lossy(&output.stdout).contains("✓ ") {
            true => shown += 1,
            false => before += 1,
        }
        let kept = kept(data);
        assert!(kept >= shown, "{shown} verdicts shown, {kept} kept");
        // A verdict may be kept and not shown.
        shown = kept;
    }
    let output = llmlab(data, check).output().unwrap();
    assert!(
        String::from_utf8_lossy(&output.stdout).starts_with("✓ "),
        "works after the kills"
    );
    before
}

#[test]
fn a_kill_loses_no_verdict() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    let saved = llmlab(data, &["trace", "rope", "--save", "steps.npz"])
        .output()
        .unwrap();
    assert!(saved.status.success());
    // The steps of `trace --save` hold the outputs too: a right answer made elsewhere.
    let arrays = [
        "check",
        "rope",
        "--inputs",
        "steps.npz",
        "--outputs",
        "steps.npz",
    ];
    let before = kill_often(data, &arrays, KILLS);
    println!("{KILLS} kills of a check of arrays, {before} of them before its verdict: none lost");

    let rope = llmlab::lessons::find("rope").unwrap();
    std::fs::write(data.join("rope.rs"), rope.solution).unwrap();
    let before = kill_often(data, &["check", "rope", "--no-scale"], 10);
    println!("10 kills of a check of a file, {before} of them before its verdict: none lost");
}
