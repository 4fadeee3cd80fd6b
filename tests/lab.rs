//! `llmlab check` on files of all sorts: the real program, the real compiler.
#![cfg(feature = "terminal")]

use std::path::{Path, PathBuf};
use std::process::Command;

struct Run {
    code: i32,
    out: String,
    err: String,
}

fn check(dir: &Path, args: &[&str]) -> Run {
    let cache = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("repl-cache");
    let output = Command::new(env!("CARGO_BIN_EXE_llmlab"))
        .arg("check")
        .args(args)
        .current_dir(dir)
        .env("LLMLAB_CACHE", cache)
        .env("LLMLAB_DATA", dir.join("data"))
        .env("LLMLAB_LANG", "en")
        .output()
        .unwrap();
    Run {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn rope() -> &'static llmlab::lesson::Lesson {
    llmlab::lessons::find("rope").unwrap()
}

#[test]
fn verdicts_and_exit_codes() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    // The usual name is found, and the function need not be `pub`.
    write("rope.rs", &rope().solution.replace("pub fn", "fn"));
    let run = check(dir.path(), &["rope", "--no-scale"]);
    assert_eq!(run.code, 0, "{}{}", run.out, run.err);
    assert!(run.out.contains("passed"), "{}", run.out);

    let run = check(dir.path(), &["rope", "--no-scale", "--format", "json"]);
    let report: llmlab::check::Report = serde_json::from_str(&run.out).unwrap();
    assert_eq!(report.verdict, llmlab::check::Verdict::Passed);

    write("wrong.rs", rope().starter);
    let run = check(dir.path(), &["rope", "wrong.rs"]);
    assert_eq!(run.code, 1, "{}{}", run.out, run.err);
    assert!(
        run.out.contains("the `todo!()` is still in it"),
        "{}",
        run.out
    );
}

#[test]
fn rustc_speaks_of_the_learners_file_only() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |text: &str| {
        std::fs::create_dir_all(dir.path().join("sub")).unwrap();
        std::fs::write(dir.path().join("sub/mine.rs"), text).unwrap();
        let run = check(dir.path(), &["rope", "sub/mine.rs"]);
        assert_eq!(run.code, 2, "{}", run.err);
        for internal in ["__llmlab", "solution", "main.rs", "nests"] {
            assert!(!run.err.contains(internal), "{internal} in:\n{}", run.err);
        }
        run.err
    };
    let err = refused("use llmlab::prelude::*;\n\nfn rope() -> i32 {\n    \"1\"\n}\n");
    assert!(err.contains("error[E0308]"), "{err}");
    assert!(err.contains("--> sub/mine.rs:4:5"), "{err}");
    let err = refused("fn rope() {\n");
    assert!(err.contains("unclosed delimiter"), "{err}");
    let err = refused("fn other() {}\n");
    assert!(err.contains("defines no function `rope`"), "{err}");
    assert!(err.contains(rope().problem.signature), "{err}");
    let err = refused("fn rope(x: f32) -> f32 { x }\n");
    assert!(
        err.contains("does not have the exercise's signature"),
        "{err}"
    );
}

#[test]
fn files_that_cannot_be_read_get_a_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |name: &str, words: &str| {
        let run = check(dir.path(), &["rope", name]);
        assert_eq!(run.code, 2, "{}", run.err);
        assert!(run.err.contains(words), "{}", run.err);
        assert!(run.err.contains("start rope"), "{}", run.err);
    };
    refused("missing.rs", "there is no file missing.rs");
    refused(".", "is not a file");
    std::fs::write(dir.path().join("empty.rs"), " \n").unwrap();
    refused("empty.rs", "empty.rs is empty");
    std::fs::write(dir.path().join("bytes.rs"), b"fn \xff").unwrap();
    refused("bytes.rs", "not UTF-8");
    std::fs::write(dir.path().join("huge.rs"), vec![b' '; 2 << 20]).unwrap();
    refused("huge.rs", "larger than 1 MiB");
}
