//! The README's «add a concept»: a scaffolded lesson builds, is judged, and the laws say what is
//! still to be written, with the repair.

use std::path::Path;
use std::process::Command;

const FOLDERS: [&str; 5] = ["benches", "src", "lessons", "kernels", "tests"];

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).unwrap()),
        }
    }
}

#[test]
fn a_scaffolded_lesson_is_judged_and_the_laws_say_what_is_missing() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let checkout = tempfile::tempdir().unwrap();
    for folder in FOLDERS {
        copy(&root.join(folder), &checkout.path().join(folder));
    }
    for file in ["Cargo.toml", "Cargo.lock", "README.md"] {
        std::fs::copy(root.join(file), checkout.path().join(file)).unwrap();
    }
    let wrote = Command::new(env!("CARGO_BIN_EXE_llmlab"))
        .args(["--lang", "en", "new-lesson", "soft-cap"])
        .current_dir(checkout.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&wrote.stdout);
    assert!(
        wrote.status.success() && said.contains("lessons/soft_cap/"),
        "{said}"
    );

    // A directory of its own: the program there has another lesson.
    let program = Path::new(env!("CARGO_BIN_EXE_llmlab"));
    let target = program.parent().unwrap().join("scaffold");
    let test = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO"))
            .args(["test", "--release", "--locked", "--offline"])
            .args(["--no-default-features", "--features", "terminal"])
            // Compiles sooner, and nothing here is timed.
            .args(["--config", "profile.release.package.llmlab.opt-level=1"])
            .args(arguments)
            .env("CARGO_TARGET_DIR", &target)
            .env("LLMLAB_SEEDS", "5")
            .current_dir(checkout.path())
            .output()
            .unwrap();
        let words =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        (output.status.success(), words.into_owned())
    };
    let (proved, words) = test(&["--test", "judge", "soft_cap", "--", "--nocapture"]);
    assert!(proved, "{words}");
    assert!(
        words.contains("soft-cap: caught 20/20, named 20/20, wrongly rejected 0/10"),
        "{words}"
    );

    let (lawful, words) = test(&["--test", "laws"]);
    assert!(!lawful, "{words}");
    for complaint in [
        "lessons/soft_cap/lesson.md:1: ",
        "lessons/soft_cap/problem.rs:1: ",
        "lessons/soft_cap/mod.rs: give at least 3 hints",
        "lessons/soft_cap/trace.txt is not what `llmlab trace soft-cap` prints; run LLMLAB_BLESS=1",
    ] {
        assert!(words.contains(complaint), "no `{complaint}` in\n{words}");
    }
    // Nothing else is complained about.
    let broken = words.lines().filter(|line| line.contains("... FAILED"));
    let broken: Vec<&str> = broken.filter_map(|line| line.split(' ').nth(1)).collect();
    assert_eq!(broken.len(), 3, "{broken:?}\n{words}");
}
