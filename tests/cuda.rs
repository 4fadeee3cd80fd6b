//! Learners' CUDA before the judge: a right kernel passes, a wrong one is named, and one that ends badly is a
//! verdict. Where there is no GPU, that is said.
//!
//! Nothing here may touch the GPU in this process: the judge's children could not use it then.
#![cfg(feature = "terminal")]

use llmlab::check::{Options, Report, Verdict, check, on_gpu, render};
use llmlab::cuda::Kernel;
use llmlab::lessons::attention;
use llmlab::text::Lang;
use std::process::Command;

const RIGHT: &str = include_str!("data/attention.cu");

fn kernel(text: &str) -> Kernel {
    Kernel::new(&attention::LESSON, text, "mine.cu", Lang::En).unwrap()
}

/// The compiler's and the GPU's words before anything runs.
fn ready(text: &str) -> Result<(), String> {
    let (kernel, options) = (kernel(text), Options::default());
    on_gpu(options.limit(), Lang::En, || kernel.ready()).unwrap()
}

/// Whether there is a GPU, found out in a child.
fn here() -> bool {
    match ready(RIGHT) {
        Ok(()) => true,
        Err(words) => {
            println!("skipped: {words}");
            false
        }
    }
}

fn judged(text: &str, options: &Options) -> (Report, String) {
    let report = check(&attention::LESSON, &kernel(text), options, &mut |_| {});
    let words = render(&attention::LESSON, &report, "llmlab ", Lang::En);
    println!("{words}");
    (report, words)
}

fn quick() -> Options {
    Options {
        scale: false,
        timeout: 4.0,
        ..Options::default()
    }
}

#[test]
fn a_right_kernel_passes_and_is_timed() {
    if !here() {
        return;
    }
    let (report, words) = judged(RIGHT, &Options::default());
    assert_eq!(report.verdict, Verdict::Passed, "{words}");
    let timing = report.timing.unwrap();
    assert!(
        timing
            .learner
            .is_some_and(|seconds| seconds > 0.0 && seconds < 1.0)
    );
}

#[test]
fn a_wrong_kernel_is_named() {
    if !here() {
        return;
    }
    let text = RIGHT.replace("score *= rsqrtf((float)d);", "");
    let (report, words) = judged(&text, &quick());
    assert_eq!(report.verdict, Verdict::WrongValues);
    assert!(words.contains("without the 1/√d scale"), "{words}");
}

#[test]
fn every_bad_end_is_a_verdict() {
    if !here() {
        return;
    }
    let cases = [
        (
            "score = 0.f;",
            "score = 0.f; while (clock() != 0) {}",
            Verdict::TimedOut,
            "within 4 s",
        ),
        (
            "float top = -INFINITY;",
            "float top = ((const float*)8)[0];",
            Verdict::Crashed,
            "ILLEGAL_ADDRESS",
        ),
        (
            "// grid: n, b * h",
            "// grid: n, b",
            Verdict::Unwritten,
            "elements left unwritten",
        ),
        (
            "out[(head * n + i) * dv + c] =",
            "out[(head * n + i) * dv + c + 1] =",
            Verdict::Strayed,
            "behind its output, at byte 0",
        ),
        (
            "float sum = 0.f;",
            "float sum = 0.f; ((float*)q)[0] = 1e9f;",
            Verdict::MutatedInputs,
            "changed its input q",
        ),
        (
            "// grid: n, b * h",
            "// grid: n / 2, b * h",
            Verdict::Unlaunched,
            "line 2, `grid`: n / 2 = 2.5 cannot be",
        ),
    ];
    for (from, to, verdict, words) in cases {
        let text = RIGHT.replacen(from, to, 1);
        assert_ne!(text, RIGHT, "{from}");
        let (report, told) = judged(&text, &quick());
        assert_eq!(report.verdict, verdict, "{to}: {told}");
        assert!(told.contains(words), "{to}: {told}");
    }
}

#[test]
fn what_cannot_start_is_told() {
    if !here() {
        return;
    }
    let fault = ready(&RIGHT.replace("float sum = 0.f;", "float sum = nothing;")).unwrap_err();
    assert!(
        fault.contains("mine.cu(") && fault.contains("nothing"),
        "{fault}"
    );
    let fault = ready(&RIGHT.replace("void attention(", "void another(")).unwrap_err();
    assert!(fault.contains("has no kernel `attention`"), "{fault}");
    let fault = ready(&RIGHT.replace("int dv)", "int dv, int more)")).unwrap_err();
    assert!(fault.contains("parameters of `attention`"), "{fault}");
    assert!(Kernel::new(&attention::LESSON, "x", "mine.cu", Lang::En).is_err());
}

#[test]
fn without_a_gpu_the_program_says_so_and_what_there_is_instead() {
    let folder = tempfile::tempdir().unwrap();
    let llmlab = |words: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_llmlab"))
            .args(words)
            .current_dir(folder.path())
            .env("LLMLAB_DATA", folder.path())
            .env("LLMLAB_CACHE", folder.path())
            .env("LLMLAB_LANG", "en")
            .output()
            .unwrap()
    };
    let started = llmlab(&["start", "attention", "--cuda"]);
    assert!(started.status.success());
    let text = std::fs::read_to_string(folder.path().join("attention.cu")).unwrap();
    assert!(text.contains("extern \"C\" __global__ void attention("));
    assert_eq!(
        llmlab(&["start", "attention", "--cuda"]).status.code(),
        Some(2)
    );
    let checked = llmlab(&["check", "attention", "attention.cu"]);
    let words = String::from_utf8_lossy(&checked.stderr) + String::from_utf8_lossy(&checked.stdout);
    match here() {
        true => assert!(words.contains("unwritten"), "{words}"),
        false => assert!(words.contains("judged on an NVIDIA GPU"), "{words}"),
    }
    assert!(!words.contains("panicked at"), "{words}");
}
