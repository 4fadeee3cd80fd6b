//! The laws about content: each complaint names the file and the repair.

use llmlab::check::{Options, Verdict, judge};
use llmlab::lesson::Lesson;
use llmlab::lessons::{LESSONS, exercises, parent};
use llmlab::problem::ArgKind;
use llmlab::text::{Lang, Text};
use llmlab::trace::Trace;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn module(lesson: &Lesson) -> String {
    lesson.id.replace('-', "_")
}

/// A further exercise has its folder within its lesson's.
fn folder(lesson: &Lesson) -> String {
    match parent(lesson) {
        Some(parent) => format!("{}/{}", module(parent), module(lesson)),
        None => module(lesson),
    }
}

/// Runs a law over the catalogue and reports every complaint at once.
fn law(check: impl Fn(&'static Lesson, &mut dyn FnMut(String))) {
    let mut complaints = Vec::new();
    for lesson in LESSONS {
        check(lesson, &mut |words| {
            complaints.push(format!("lessons/{}/{words}", folder(lesson)))
        });
    }
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn ids_are_unique_and_needs_come_first() {
    let mut seen = BTreeSet::new();
    law(|lesson, complain| {
        let kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !lesson.id.chars().all(kebab) {
            complain(format!("mod.rs: id `{}` is not kebab-case", lesson.id));
        }
        if lesson.tracks.is_empty() {
            complain("mod.rs: name at least one track".to_string());
        }
        let mut before = LESSONS.iter().take_while(|other| other.id != lesson.id);
        if let Some(other) = before.find(|other| other.part > lesson.part) {
            complain(format!(
                "mod.rs: part {:?} stands behind `{}` of {:?}; reorder lessons/mod.rs",
                lesson.part, other.id, other.part
            ));
        }
        for need in lesson.needs {
            let known = LESSONS.iter().take_while(|other| other.id != lesson.id);
            if !known.into_iter().any(|other| other.id == *need) {
                complain(format!(
                    "mod.rs: needs `{need}`, which is no lesson before it; reorder lessons/mod.rs or mend the id"
                ));
            }
        }
    });
    // A further exercise stands behind its lesson, so that lists show them together.
    for lesson in LESSONS {
        let at = LESSONS.iter().position(|other| other.id == lesson.id);
        for (i, further) in exercises(lesson).enumerate() {
            assert_eq!(LESSONS[at.unwrap() + 1 + i].id, further.id);
        }
    }
    for lesson in LESSONS {
        for name in std::iter::once(&lesson.id).chain(lesson.aliases) {
            assert!(seen.insert(*name), "two lessons are called `{name}`");
        }
    }
}

/// The sections of every lesson, in order; others may stand between them.
const SECTIONS: [(&str, &str); 11] = [
    ("One line", "一句话"),
    ("Three minutes", "三分钟回答"),
    ("Derivation", "推导"),
    ("Shapes", "形状"),
    ("Code", "代码"),
    ("Edge cases", "边界情况"),
    ("Conventions", "各家约定"),
    ("What the notes get wrong", "笔记错在哪里"),
    ("Typical mistakes", "常见错误"),
    ("Follow-up questions", "追问"),
    ("Sources", "出处"),
];

#[test]
fn every_text_is_there_in_both_languages() {
    law(|lesson, complain| {
        let problem = lesson.problem;
        let mut texts: Vec<(&str, Text)> = vec![
            ("mod.rs: title", lesson.title),
            ("mod.rs: summary", lesson.summary),
        ];
        texts.extend(lesson.hints.iter().map(|text| ("mod.rs: a hint", *text)));
        for bug in problem.bugs {
            texts.extend([(bug.id, bug.sentence), (bug.id, bug.repair)]);
        }
        for convention in problem.conventions {
            texts.extend([
                (convention.id, convention.sentence),
                (convention.id, convention.who),
            ]);
        }
        texts.extend(problem.laws.iter().map(|law| (law.id, law.sentence)));
        texts.extend(problem.kinds.iter().map(|kind| (kind.id, kind.about)));
        texts.extend(
            problem
                .settings
                .iter()
                .map(|setting| (setting.name, setting.about)),
        );
        texts.extend(lesson.claims.iter().map(|claim| (claim.id, claim.right)));
        for (what, text) in texts {
            if text.en.trim().is_empty() || text.zh.trim().is_empty() {
                complain(format!("{what}: write it in English and Chinese"));
            }
        }
        if lesson.hints.len() < 3 {
            complain(
                "mod.rs: give at least 3 hints, from a nudge to nearly the answer".to_string(),
            );
        }
        for (file, text, sections) in [
            ("lesson.md", lesson.text.en, SECTIONS.map(|(en, _)| en)),
            ("lesson.zh.md", lesson.text.zh, SECTIONS.map(|(_, zh)| zh)),
        ] {
            let heads = text.lines().filter_map(|line| line.strip_prefix("## "));
            let mut heads = heads.map(str::trim);
            for section in sections {
                if !heads.any(|head| head == section) {
                    complain(format!(
                        "{file}: `## {section}` is missing or out of order; the order is {sections:?}"
                    ));
                    break;
                }
            }
        }
        let heads = |text: &str| text.lines().filter(|line| line.starts_with('#')).count();
        let (en, zh) = (lesson.text.en, lesson.text.zh);
        if heads(en) != heads(zh) {
            complain(format!(
                "lesson.md has {} headings, lesson.zh.md {}; give both the same",
                heads(en),
                heads(zh)
            ));
        }
        let chinese = |c: &char| ('\u{4e00}'..='\u{9fff}').contains(c);
        if zh.chars().filter(chinese).count() * 10 < zh.chars().count() {
            complain("lesson.zh.md is not in Chinese".to_string());
        }
    });
}

#[test]
fn no_mark_of_the_template_is_left() {
    law(|lesson, complain| {
        let folder = root().join("lessons").join(folder(lesson));
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for (i, line) in text.lines().enumerate() {
                if line.contains(llmlab::cli::MARK) {
                    let name = path.file_name().unwrap().to_string_lossy().into_owned();
                    complain(format!("{name}:{}: {}", i + 1, line.trim()));
                }
            }
        }
    });
}

#[test]
fn the_problem_is_well_formed() {
    law(|lesson, complain| {
        let problem = lesson.problem;
        let settings: BTreeSet<&str> = problem.settings.iter().map(|s| s.name).collect();
        for arg in problem.args {
            let axes = match arg.kind {
                ArgKind::Float(axes) | ArgKind::Int(axes) | ArgKind::OptionalBroadcast(axes) => {
                    axes
                }
                ArgKind::Number => "",
            };
            for axis in axes
                .split_whitespace()
                .filter(|axis| !settings.contains(axis))
            {
                complain(format!(
                    "problem.rs: axis {axis} of `{}` is no setting",
                    arg.name
                ));
            }
            if !problem.signature.contains(&format!("{}:", arg.name)) {
                complain(format!(
                    "problem.rs: the signature does not name `{}`",
                    arg.name
                ));
            }
        }
        let call = format!("fn {}(", module(lesson));
        for (file, text) in [
            ("problem.rs: signature", problem.signature),
            ("exercise.rs", lesson.starter),
            ("solution.rs", lesson.solution),
        ] {
            if !text.contains(&call) {
                complain(format!("{file}: it should hold `{call}…`"));
            }
        }
        let bugs: BTreeSet<&str> = problem.bugs.iter().map(|bug| bug.id).collect();
        if bugs.len() != problem.bugs.len() {
            complain("two planted bugs have one id".to_string());
        }
        // An axis swap cannot hide where all sizes differ.
        let first = llmlab::check::case(problem, problem.kinds[0].id, 0, &[]).unwrap();
        let axes = problem.settings.iter().filter(|setting| setting.axis);
        let sizes: Vec<usize> = axes.map(|axis| first.size(axis.name)).collect();
        if sizes.iter().collect::<BTreeSet<_>>().len() != sizes.len() {
            complain(format!(
                "problem.rs: the first case has sizes {sizes:?}; make them all different"
            ));
        }
    });
}

#[test]
fn the_reference_and_the_kernel_agree_on_every_case() {
    law(|lesson, complain| {
        let problem = lesson.problem;
        for seed in 0..20 {
            for case in llmlab::check::all(problem, seed) {
                let inputs = (problem.inputs)(&case);
                let truth = (problem.reference)(&inputs, &mut Trace::new());
                let tol = (problem.tolerance)(&inputs).value;
                for (who, got) in [
                    (
                        "variant without bugs",
                        (problem.variant)(&inputs, &Default::default()),
                    ),
                    ("production kernel", problem.production.answer(&inputs)),
                ] {
                    if let Some(place) = llmlab::check::worst(&got, &truth, tol) {
                        complain(format!(
                            "{} seed {seed}: the {who} is off: {place:?}",
                            case.kind
                        ));
                    }
                }
            }
        }
    });
}

/// The reference as a candidate must pass its own check.
#[test]
fn the_reference_passes_its_own_check() {
    struct Reference(&'static Lesson);
    impl llmlab::solution::Candidate for Reference {
        fn run(
            &self,
            inputs: &llmlab::tensor::Inputs,
            trace: &mut Trace,
        ) -> Vec<llmlab::solution::Answer> {
            let outputs = (self.0.problem.reference)(inputs, trace);
            let answer = |value| llmlab::solution::Answer {
                dtype: "f64",
                value,
            };
            outputs.into_iter().map(answer).collect()
        }
    }
    law(|lesson, complain| {
        let report = judge(lesson, &Reference(lesson), &Options::default(), &mut |_| {});
        if report.verdict != Verdict::Passed {
            complain(format!("reference.rs: {:?}", report.failure));
        }
    });
}

#[test]
fn every_demonstration_runs_in_both_languages() {
    law(|lesson, complain| {
        for claim in lesson.claims {
            let Some(demo) = claim.demo else { continue };
            for lang in [Lang::En, Lang::Zh] {
                let start = Instant::now();
                let shown = demo(lang);
                if shown.trim().is_empty() || !shown.contains(|c: char| c.is_ascii_digit()) {
                    complain(format!("claims.rs: {} shows no figure", claim.id));
                }
                if start.elapsed() > Duration::from_secs(10) {
                    complain(format!(
                        "claims.rs: {} takes {:?}",
                        claim.id,
                        start.elapsed()
                    ));
                }
            }
        }
    });
}

/// `LLMLAB_BLESS=1` writes the golden traces anew.
#[test]
fn the_golden_trace_is_current() {
    law(|lesson, complain| {
        let output = Command::new(env!("CARGO_BIN_EXE_llmlab"))
            .args(["--lang", "en", "trace", lesson.id])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        if std::env::var_os("LLMLAB_BLESS").is_some() {
            let path = root()
                .join("lessons")
                .join(folder(lesson))
                .join("trace.txt");
            std::fs::write(path, &text).unwrap();
        } else if text != lesson.trace {
            complain(format!(
                "trace.txt is not what `llmlab trace {}` prints; run LLMLAB_BLESS=1 cargo test --test laws and read the difference",
                lesson.id
            ));
        }
    });
}

/// The judge is proved on every lesson.
#[test]
fn every_lesson_has_answers_in_many_styles() {
    let proof = std::fs::read_to_string(root().join("tests/judge.rs")).unwrap();
    let proved = proof
        .lines()
        .find(|line| line.starts_with("prove!("))
        .unwrap_or_default();
    let names: Vec<&str> = proved
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .collect();
    law(|lesson, complain| {
        let module = module(lesson);
        if !names.contains(&module.as_str()) {
            complain(format!(
                "mod.rs: the judge is not proved on it; add `{module}` to both lists of tests/judge.rs, and right and wrong answers in tests/styles/{module}.rs"
            ));
        }
    });
}

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(root()).unwrap().to_path_buf(), text));
            }
        }
    }
    found
}

/// Imports run one way: `cli → lessons → vocabulary`, `lessons → kernels`.
#[test]
fn imports_run_one_way() {
    let mut complaints = Vec::new();
    let mut forbid = |folder: &str, words: &[&str], except: &[&str]| {
        for (path, text) in sources(folder) {
            let name = path.to_string_lossy().replace('\\', "/");
            if name.ends_with("/tests.rs") || except.iter().any(|end| name.starts_with(end)) {
                continue;
            }
            // Tests may print, and look at anything.
            let code = text
                .lines()
                .take_while(|line| !line.starts_with("#[cfg(test)]"));
            for (i, line) in code.enumerate() {
                let code = line.split("//").next().unwrap_or_default();
                for word in words.iter().filter(|word| code.contains(**word)) {
                    complaints.push(format!("{name}:{}: `{word}` does not belong here", i + 1));
                }
            }
        }
    };
    let outer = ["crate::cli", "crate::store", "crate::quiz"];
    forbid(
        "kernels",
        &[
            "crate::lessons",
            "crate::check",
            "crate::problem",
            "crate::trace",
            "crate::cli",
        ],
        &[],
    );
    forbid("lessons", &outer, &[]);
    let vocabulary = [
        "src/cli/",
        "src/check/",
        "src/quiz/",
        "src/bench/",
        "src/cuda/",
        "src/tiny/",
        "src/lib.rs",
        "src/main.rs",
    ];
    forbid("src", &["crate::lessons", "crate::kernels"], &vocabulary);
    forbid("src/check", &outer, &[]);
    forbid("src/cuda", &outer, &[]);
    forbid("src/tiny", &["crate::lessons", "crate::check"], &[]);
    forbid("src/tiny", &outer, &[]);
    // Only cli talks to a terminal; the judge's entry points speak for code that has no cli.
    forbid(
        "src",
        &["println!", "print!(", "clap::", "rustyline", "evcxr::"],
        &["src/cli/", "src/main.rs", "src/check/entry.rs"],
    );
    forbid("lessons", &["println!", "print!("], &[]);
    forbid("kernels", &["println!", "print!("], &[]);
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}
