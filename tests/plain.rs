//! `--plain`: what a screen reader gets has words only, and the same facts.
#![cfg(feature = "terminal")]

use llmlab::cli::VERBS;
use llmlab::lessons::{LESSONS, parent};
use std::io::Write;
use std::process::{Command, Stdio};

/// What the program says, on both streams.
fn said(words: &[&str], typed: &str) -> String {
    let data = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_llmlab"))
        .args(words)
        .env("LLMLAB_DATA", data.path())
        .env_remove("LLMLAB_PLAIN")
        .env("COLUMNS", "60")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A verb that asks nothing may be gone already.
    let _ = child.stdin.take().unwrap().write_all(typed.as_bytes());
    let output = child.wait_with_output().unwrap();
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

/// Letters, digits, punctuation, and the signs that formulas are written with.
fn can_be_read(c: char) -> bool {
    let drawn = '\u{2500}'..='\u{25ff}';
    let marks = '\u{2700}'..='\u{27bf}';
    c == '\n' || !(c.is_control() || drawn.contains(&c) || marks.contains(&c) || c == '•')
}

fn read(words: &[&str], typed: &str) -> [String; 2] {
    ["en", "zh"].map(|lang| {
        let words = [words, &["--plain", "--lang", lang, "--color", "always"]].concat();
        let text = said(&words, typed);
        assert!(!text.trim().is_empty(), "{words:?}");
        let odd = text.lines().find(|line| !line.chars().all(can_be_read));
        assert_eq!(odd, None, "{words:?}");
        text
    })
}

#[test]
fn the_map_reads_well() {
    for words in [&[][..], &["map"], &["list"], &["list", "--track", "phone"]] {
        for text in read(words, "") {
            assert!(!text.contains(['·', '←', '└', '…']), "{text}");
            assert!(text.contains("attention"));
        }
    }
    // Lines are folded at the width.
    let squeezed = |text: &str| text.split_whitespace().collect::<String>();
    let [en, zh] = read(&["list"], "").map(|text| squeezed(&text));
    for lesson in LESSONS {
        let (id, needs) = (lesson.id, lesson.needs);
        let first = |text: &str, label: &str, comma: &str| match needs {
            [] => text.to_string(),
            needs => format!("{text}{label}{}", needs.join(comma)),
        };
        let further = parent(lesson).map_or(["".to_string(), "".to_string()], |parent| {
            [
                format!("; a further exercise of {}", parent.id),
                format!("；{} 的另一道练习", parent.id),
            ]
        });
        let said = first(
            &format!("{id}: {}{}", lesson.title.en, further[0]),
            "; do first: ",
            ", ",
        );
        assert!(en.contains(&squeezed(&said)), "{said}");
        let said = first(
            &format!("{id}：{}{}", lesson.title.zh, further[1]),
            "；先修：",
            "、",
        );
        assert!(zh.contains(&squeezed(&said)), "{said}");
    }
}

#[test]
fn every_lesson_and_trace_can_be_read() {
    for lesson in LESSONS {
        // A table says as many things as it had cells.
        let [en, zh] = read(&["lesson", lesson.id], "");
        for (text, markdown) in [(en, lesson.text.en), (zh, lesson.text.zh)] {
            let bare = |text: &str| {
                text.chars()
                    .filter(|c| c.is_alphanumeric())
                    .collect::<String>()
            };
            let text = bare(&text);
            let rows = markdown
                .lines()
                .filter(|line| line.starts_with('|') && !line.contains("---"));
            for cell in rows.flat_map(|row| row.split('|')) {
                let cell = bare(cell.split(['`', '*', '[', '\\']).next().unwrap_or_default());
                assert!(text.contains(&cell), "{}: {cell}", lesson.id);
            }
        }
        let [en, zh] = read(&["trace", lesson.id, "--values"], "");
        let table = said(&["trace", lesson.id, "--lang", "en"], "");
        let steps =
            |text: &str, word: &str| text.lines().filter(|line| line.starts_with(word)).count();
        let count = table
            .lines()
            .filter(|line| {
                line.get(..3)
                    .is_some_and(|mark| mark.trim().parse::<u32>().is_ok() && mark.ends_with(' '))
            })
            .count();
        assert!(
            count > 0 && steps(&en, "step ") == count,
            "{}\n{en}\n{table}",
            lesson.id
        );
        assert_eq!(steps(&zh, "第 "), count, "{zh}");
    }
}

#[test]
fn every_other_verb_can_be_read() {
    read(&["claims"], "");
    read(&["claims", "C047"], "");
    for text in read(&["doctor"], "") {
        assert!(
            text.contains("kernels") && !text.contains(['·', '→']),
            "{text}"
        );
    }
    for words in [
        &["schema"][..],
        &["help", "json"],
        &["help"],
        &["--help"],
        &["completions"],
        &["nonsense"],
        &["check"],
    ] {
        read(words, "");
    }
    for verb in VERBS {
        read(&["help", verb.name], "");
    }
}

/// Minutes without optimisation: `cargo test --release --test plain -- --ignored`.
#[test]
#[ignore = "quantizes the model many times"]
fn the_model_and_every_claim_can_be_read() {
    for claim in LESSONS.iter().flat_map(|lesson| lesson.claims) {
        read(&["claims", claim.id], "");
    }
    let [en, zh] = read(&["model"], "");
    assert!(
        en.contains("method: int8 RTN; bits: ") && zh.contains("方法: int8 RTN; bit 数: "),
        "{en}\n{zh}"
    );
}

#[test]
fn a_quiz_can_be_read() {
    for lesson in ["attention", "rope", "affine-quantization"] {
        let typed = "?\na\nb c\n1\nall\n2 3\n7\na b c d\n".repeat(20);
        let [en, zh] = read(&["quiz", lesson, "--seed", "1"], &typed);
        assert!(en.contains("wrong") && zh.contains("错误"));
        assert!(en.contains("missed: ") && zh.contains("答错："));
    }
}

#[test]
fn a_bench_can_be_read() {
    let words = ["bench", "layer-norm-residual", "--seconds", "1"];
    let [en, zh] = read(&words, "");
    assert!(
        en.contains("% of the limit") && zh.contains("达到极限的"),
        "{en}\n{zh}"
    );
}

/// What programs read is the same with it.
#[test]
fn json_stays_as_it_is() {
    for words in [
        &["list", "--format", "json"][..],
        &["quiz", "alibi", "--seed", "3", "--format", "json"],
        &["trace", "rope", "--format", "html"],
    ] {
        assert_eq!(
            said(&[words, &["--plain"]].concat(), ""),
            said(words, ""),
            "{words:?}"
        );
    }
}
