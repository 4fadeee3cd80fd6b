//! The program as people meet it: the binary, its words, its widths, its exit codes.

use llmlab::check::{Options, Report};
use llmlab::cli::{JSON, VERBS, columns, verbs};
use llmlab::lesson::Lesson;
use llmlab::lessons::LESSONS;
use llmlab::problem::{Setting, Variant};
use llmlab::solution::{Answer, Candidate};
use llmlab::tensor::Inputs;
use llmlab::text::Lang;
use llmlab::trace::Trace;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::Value;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::process::{Command, Output, Stdio};

/// The program with nothing of the developer's environment that changes its words.
fn llmlab() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_llmlab"));
    for name in [
        "LLMLAB_LANG",
        "LC_ALL",
        "LC_MESSAGES",
        "LANG",
        "COLUMNS",
        "NO_COLOR",
        "PAGER",
        "CLICOLOR_FORCE",
    ] {
        command.env_remove(name);
    }
    command.env(
        "LLMLAB_DATA",
        std::env::temp_dir().join("llmlab-test-no-progress"),
    );
    command
}

fn run(words: &[&str]) -> Output {
    llmlab().args(words).output().expect("the program starts")
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

/// What a run that succeeds prints.
fn said(words: &[&str]) -> String {
    let output = run(words);
    assert!(output.status.success(), "{words:?}: {}", err(&output));
    out(&output)
}

/// What a run complains about: exit code 2, nothing on stdout, one sentence.
fn refused(words: &[&str]) -> String {
    let output = run(words);
    let sentence = err(&output);
    assert_eq!(output.status.code(), Some(2), "{words:?}: {sentence}");
    assert_eq!(out(&output), "", "{words:?}");
    assert_eq!(sentence.trim().lines().count(), 1, "{words:?}: {sentence}");
    sentence
}

fn chinese(text: &str) -> bool {
    text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c))
}

#[test]
fn help_names_every_verb_in_both_languages() {
    for (lang, is_chinese) in [("en", false), ("zh", true)] {
        let help = said(&["--lang", lang, "--help"]);
        assert_eq!(help, said(&["help", "--lang", lang]));
        assert_eq!(chinese(&help), is_chinese, "{help}");
        for verb in VERBS {
            assert!(help.contains(verb.name), "{} in {lang}", verb.name);
            let own = said(&["help", verb.name, "--lang", lang]);
            assert_eq!(own, said(&[verb.name, "--help", "--lang", lang]));
            assert_eq!(chinese(&own), is_chinese, "{own}");
            for arg in verb.args {
                assert!(
                    own.contains(arg.about.get(Lang::parse(lang).unwrap_or_default())),
                    "{} of {}",
                    arg.name,
                    verb.name
                );
            }
        }
    }
    assert!(said(&["--version"]).contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn every_text_of_the_table_is_in_both_languages() {
    for verb in VERBS {
        let texts = verb.args.iter().map(|arg| arg.about).chain([verb.about]);
        for text in texts {
            assert!(
                chinese(text.zh) && !chinese(text.en),
                "{}: {text:?}",
                verb.name
            );
        }
    }
}

#[test]
fn the_language_comes_from_the_option_then_the_variable_then_the_locale() {
    let with = |env: &[(&str, &str)], words: &[&str]| {
        let output = llmlab()
            .envs(env.iter().copied())
            .args(words)
            .output()
            .expect("it starts");
        chinese(&out(&output))
    };
    assert!(!with(&[], &[]));
    assert!(with(&[("LC_ALL", "zh_CN.UTF-8")], &[]));
    assert!(!with(
        &[("LC_ALL", "zh_CN.UTF-8"), ("LLMLAB_LANG", "en")],
        &[]
    ));
    assert!(with(&[("LLMLAB_LANG", "en")], &["--lang", "zh"]));
    assert!(with(&[], &["list", "--lang=zh"]));
}

#[test]
fn mistakes_get_one_sentence_with_the_repair() {
    assert!(refused(&["lst"]).contains("`list`"));
    assert!(refused(&["lst", "--lang", "zh"]).contains("`list`"));
    assert!(refused(&["list", "--formt", "json"]).contains("--format"));
    assert!(refused(&["list", "--format", "xml"]).contains("json"));
    assert!(refused(&["list", "--lang", "fr"]).contains("zh"));
    assert!(refused(&["help", "traec"]).contains("`trace`"));
    let missing = refused(&["trace"]);
    for lesson in LESSONS {
        let id = lesson.id;
        assert!(missing.contains(id), "{missing}");
        let slip: String = id.chars().take(id.len() - 1).collect();
        for lang in ["en", "zh"] {
            assert!(refused(&["lesson", &slip, "--lang", lang]).contains(&format!("`{id}`")));
            assert!(
                refused(&["trace", id, "--set", "nosuch=1", "--lang", lang]).contains("nosuch")
            );
            assert!(
                refused(&["trace", id, "--case", "ordinry", "--lang", lang]).contains("ordinary")
            );
        }
        let settings = refused(&["trace", id, "nosuch=1"]);
        for Setting { name, min, max, .. } in lesson.problem.settings {
            assert!(settings.contains(&format!("{name}=")), "{settings}");
            let over = format!("{name}={}", max + 1);
            assert!(
                refused(&["trace", id, &over]).contains(&max.to_string()),
                "{over}"
            );
            if *min > 0 {
                let under = format!("{name}={}", min - 1);
                assert!(refused(&["trace", id, "--set", &under]).contains(&min.to_string()));
            }
        }
        for word in [
            "n",
            "n=",
            "n=x",
            "n=-1",
            "n=1.5",
            "=3",
            "n=99999999999999999999",
        ] {
            refused(&["trace", id, word]);
        }
        refused(&["trace", id, "--seed", "x"]);
        refused(&["trace", id, "--inputs", "/nonexistent.npz"]);
        refused(&["trace", id, "--save", "/nonexistent/a.npz"]);
    }
}

#[test]
fn a_trace_that_would_not_fit_in_memory_is_refused_before_it_starts() {
    for lesson in LESSONS {
        let axes = lesson
            .problem
            .settings
            .iter()
            .filter(|setting| setting.axis);
        let most: Vec<String> = axes
            .map(|axis| format!("{}={}", axis.name, axis.max))
            .collect();
        let mut words = vec!["trace", lesson.id];
        words.extend(most.iter().map(String::as_str));
        let output = run(&words);
        if output.status.code() == Some(2) {
            assert!(err(&output).contains("GB"), "{}", err(&output));
        }
    }
}

/// Every command whose output is for reading, for every lesson.
fn readings() -> Vec<Vec<&'static str>> {
    let mut all = vec![
        vec![],
        vec!["list"],
        vec!["claims"],
        vec!["doctor"],
        vec!["stats"],
    ];
    for lesson in LESSONS {
        all.push(vec!["lesson", lesson.id]);
        all.push(vec!["trace", lesson.id]);
        all.push(vec!["trace", lesson.id, "--values"]);
        for kind in lesson.problem.kinds {
            all.push(vec!["trace", lesson.id, "--case", kind.id]);
        }
        all.push(vec!["claims", lesson.id]);
        all.extend(lesson.claims.iter().map(|claim| vec!["claims", claim.id]));
    }
    all
}

#[test]
fn no_line_is_wider_than_the_terminal_and_piped_output_is_plain() {
    let mut lines = 0;
    for words in readings() {
        for (width, lang) in [("60", "en"), ("80", "zh"), ("120", "en"), ("60", "zh")] {
            let output = llmlab()
                .args(&words)
                .args(["--lang", lang])
                .env("COLUMNS", width)
                .output();
            let text = out(&output.expect("it starts"));
            assert!(!text.is_empty(), "{words:?}");
            assert!(!text.contains('\u{1b}'), "{words:?}");
            for line in text.lines() {
                lines += 1;
                let wide = columns(line);
                // A path or a link cannot be broken.
                let unbreakable = words == ["doctor"] || line.contains("http");
                assert!(
                    wide <= width.parse().unwrap_or(0) || unbreakable,
                    "{words:?} at {width}: {wide}: {line}"
                );
            }
        }
    }
    println!("{lines} lines measured");
}

#[test]
fn colour_is_there_when_asked_for_and_never_else() {
    let coloured = |words: &[&str], env: &[(&str, &str)]| {
        let output = llmlab().args(words).envs(env.iter().copied()).output();
        out(&output.expect("it starts")).contains('\u{1b}')
    };
    assert!(coloured(&["--color", "always"], &[]));
    assert!(coloured(&["list", "--color=always"], &[("NO_COLOR", "1")]));
    assert!(!coloured(&["--color", "auto"], &[]));
    assert!(!coloured(&["--color", "never"], &[]));
    assert!(!coloured(&[], &[("NO_COLOR", "1")]));
}

#[test]
fn a_pipe_that_closes_early_is_no_error() {
    for words in [vec!["list"], vec!["help", "json"], vec!["claims"]] {
        let child = llmlab()
            .args(&words)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.expect("it starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{words:?}: {}", err(&output));
        assert_eq!(err(&output), "", "{words:?}");
    }
}

#[test]
fn start_writes_once() {
    let directory = tempfile::tempdir().expect("a directory");
    for lesson in LESSONS {
        let start = |more: &[&str]| {
            let mut command = llmlab();
            command
                .current_dir(directory.path())
                .args(["start", lesson.id])
                .args(more);
            command.output().expect("it starts")
        };
        let path = directory
            .path()
            .join(format!("{}.rs", lesson.id.replace('-', "_")));
        let first = start(&[]);
        assert!(
            out(&first).contains(&format!("check {}", lesson.id)),
            "{}",
            err(&first)
        );
        assert_eq!(
            std::fs::read_to_string(&path).expect("a file"),
            lesson.starter
        );
        std::fs::write(&path, "mine").expect("a file");
        let second = start(&[]);
        assert_eq!(second.status.code(), Some(2));
        assert!(err(&second).contains("--force"), "{}", err(&second));
        assert_eq!(std::fs::read_to_string(&path).expect("a file"), "mine");
        assert!(start(&["--force"]).status.success());
        assert_eq!(
            std::fs::read_to_string(&path).expect("a file"),
            lesson.starter
        );
        assert!(start(&["--out", "other.rs", "--force"]).status.success());
        assert!(directory.path().join("other.rs").is_file());
    }
}

#[test]
fn claims_are_listed_and_demonstrated() {
    let all: Value = serde_json::from_str(&said(&["claims", "--format", "json"])).expect("JSON");
    let count: usize = LESSONS.iter().map(|lesson| lesson.claims.len()).sum();
    assert_eq!(all["claims"].as_array().map(Vec::len), Some(count));
    let listed = said(&["claims"]);
    for claim in LESSONS.iter().flat_map(|lesson| lesson.claims) {
        assert!(listed.contains(claim.id), "{}", claim.id);
        let one = said(&["claims", &claim.id.to_lowercase()]);
        if let Some(demo) = claim.demo {
            let shown = demo(Lang::En);
            let word = shown.split_whitespace().next().unwrap_or_default();
            assert!(
                !word.is_empty() && one.contains(word),
                "{}: {one}",
                claim.id
            );
        }
    }
    assert!(refused(&["claims", "C9999"]).contains("claims"));
}

#[test]
fn completions_know_verbs_and_lessons() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = said(&["completions", shell]);
        for verb in VERBS {
            assert!(script.contains(verb.name), "{} in {shell}", verb.name);
        }
        for lesson in LESSONS {
            assert!(script.contains(lesson.id), "{} in {shell}", lesson.id);
        }
    }
    assert!(refused(&["completions", "cmd"]).contains("bash"));
}

#[test]
fn trace_gives_a_table_as_html_whose_rows_unfold() {
    for lesson in LESSONS {
        let html = said(&["trace", lesson.id, "--format", "html"]);
        for tag in ["tr", "details"] {
            let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
            assert_eq!(html.matches(&open).count(), html.matches(&close).count());
        }
        assert!(html.matches("<details>").count() > 1, "{}", lesson.id);
        assert!(html.starts_with("<div") && html.trim_end().ends_with("</div>"));
        assert!(!html.contains("<script"));
    }
}

#[test]
fn every_step_is_a_heat_map_that_fits_and_a_picture() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("step.svg");
    let file = file.to_str().unwrap();
    let mut maps = 0;
    for lesson in LESSONS {
        let trace = said(&["trace", lesson.id, "--format", "json"]);
        let trace: Value = serde_json::from_str(&trace).unwrap();
        for step in trace["steps"].as_array().unwrap() {
            let name = step["name"].as_str().unwrap();
            let words = ["trace", lesson.id, "--step", name, "--save", file];
            let output = llmlab().args(words).env("COLUMNS", "60").output();
            let output = output.expect("it starts");
            if step["axes"].as_array().is_some_and(Vec::is_empty) {
                assert!(err(&output).contains("single number"), "{words:?}");
                continue;
            }
            maps += 1;
            let text = out(&output);
            assert!(output.status.success(), "{words:?}: {}", err(&output));
            for line in text.lines().filter(|line| !line.contains(file)) {
                assert!(columns(line) <= 60, "{words:?}: {line}");
            }
            let svg = std::fs::read_to_string(file).unwrap();
            assert!(svg.contains(&format!("{}: {name}", lesson.id)), "{words:?}");
        }
    }
    assert!(maps > LESSONS.len());
    let steps = refused(&["trace", "attention", "--step", "nosuch"]);
    assert!(steps.contains("weights"), "{steps}");
    assert!(refused(&["trace", "attention", "--save", "a.png"]).contains("--step"));
}

#[test]
fn a_wrong_answer_is_shown_beside_the_right_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    let [asked, other, svg] = ["asked.npz", "other.npz", "wrong.svg"].map(path);
    said(&["trace", "attention", "--save", &asked]);
    said(&["trace", "attention", "--seed", "1", "--save", &other]);
    let arrays = ["--inputs", &asked, "--outputs", &other];
    let judged = |words: &[&str]| {
        let words = [&["check", "attention"], &arrays[..], words].concat();
        let output = llmlab().args(words).env("COLUMNS", "60").output();
        let output = output.expect("it starts");
        assert_eq!(output.status.code(), Some(1), "{}", err(&output));
        out(&output)
    };
    for (lang, titles) in [
        (
            "en",
            ["out: expected", "out: yours", "out: yours − expected"],
        ),
        ("zh", ["out: 应为", "out: 你的", "out: 你的 − 应为"]),
    ] {
        let text = judged(&["--heat", "--save", &svg, "--lang", lang]);
        let picture = std::fs::read_to_string(&svg).unwrap();
        for title in titles {
            assert!(
                text.contains(title) && picture.contains(title),
                "{title}: {text}"
            );
        }
        for line in text.lines().filter(|line| !line.contains(&svg)) {
            assert!(columns(line) <= 60, "{line}");
        }
    }
    let report: Value =
        serde_json::from_str(&judged(&["--format", "json", "--save", &svg])).unwrap();
    let seen = &report["failure"]["seen"];
    let sizes = seen["shape"].as_array().unwrap().iter();
    let elements: u64 = sizes.map(|size| size.as_u64().unwrap()).product();
    assert_eq!(seen["want"].as_array().unwrap().len() as u64, elements);
    assert_eq!(seen["got"].as_array().unwrap().len() as u64, elements);
}

/// The paths of all fields in a JSON value; names of settings become `*`.
fn fields(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        // Facts and causes are named by what they are; the table describes them in words.
        Value::Object(_) if path.ends_with("facts[]") || path.ends_with("cause") => {}
        Value::Object(object) => {
            for (name, value) in object {
                let free = ["settings", "changed"]
                    .iter()
                    .any(|free| path.ends_with(free));
                let name = if free { "*" } else { name };
                let path = if path.is_empty() {
                    name.to_string()
                } else {
                    format!("{path}.{name}")
                };
                found.insert(path.clone());
                fields(value, &path, found);
            }
        }
        Value::Array(items) => {
            for item in items {
                fields(item, &format!("{path}[]"), found);
            }
        }
        _ => {}
    }
}

/// The fields that `json.md` documents for a verb.
fn documented(verb: &str) -> BTreeSet<String> {
    let start = JSON
        .find(&format!("## `llmlab {verb}"))
        .unwrap_or_else(|| panic!("no section on {verb}"));
    let section = &JSON[start..];
    let rows = section
        .lines()
        .skip(1)
        .take_while(|line| !line.starts_with("## "));
    let names = rows.filter_map(|row| row.strip_prefix("| `")?.split_once('`'));
    names.map(|(name, _)| name.to_string()).collect()
}

/// The report on a lesson's planted bugs.
fn judged(lesson: &'static Lesson, bugs: Vec<&'static str>) -> Report {
    struct Planted(&'static Lesson, Variant);
    impl Candidate for Planted {
        fn run(&self, inputs: &Inputs, _: &mut Trace) -> Vec<Answer> {
            let outputs = (self.0.problem.variant)(inputs, &self.1);
            let answer = |value| Answer {
                dtype: "f32",
                value,
            };
            outputs.into_iter().map(answer).collect()
        }
    }
    let planted = Planted(lesson, Variant(bugs));
    llmlab::check::judge(lesson, &planted, &Options::default(), &mut |_| {})
}

#[test]
fn the_documented_json_is_the_real_one() {
    let first = LESSONS[0].id;
    let runs: [(&str, Vec<&str>); 9] = [
        ("list", vec!["list"]),
        ("lesson", vec!["lesson", first]),
        ("trace", vec!["trace", first, "--values"]),
        ("claims", vec!["claims"]),
        (
            "bench",
            vec!["bench", LESSONS[LESSONS.len() - 1].id, "--seconds", "0"],
        ),
        (
            "bench LESSON --grow",
            vec!["bench", "rope", "--grow", "n", "--seconds", "0"],
        ),
        ("model", vec!["model"]),
        ("doctor", vec!["doctor"]),
        ("quiz", vec!["quiz", first]),
    ];
    for (verb, words) in &runs {
        let mut words = words.clone();
        words.extend(["--format", "json"]);
        let text = out(&run(&words));
        let value: Value =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{verb}: {error}: {text}"));
        let mut found = BTreeSet::new();
        fields(&value, "", &mut found);
        let mut known = documented(verb);
        // A machine without a GPU has nothing to say of one.
        known.retain(|name| !name.starts_with("gpu.") || value["gpu"].is_object());
        assert_eq!(found, known, "{verb}");
    }
    let checked = documented("check");
    for lesson in LESSONS {
        for bug in lesson.problem.bugs {
            let report = judged(lesson, vec![bug.id]);
            let mut found = BTreeSet::new();
            fields(&serde_json::json!(report), "", &mut found);
            let missing: Vec<_> = found.difference(&checked).collect();
            assert!(missing.is_empty(), "{}: {missing:?}", bug.id);
        }
    }
    // Every example is JSON with documented fields only.
    for verb in runs.iter().map(|(verb, _)| *verb).chain(["check"]) {
        let start = JSON.find(&format!("## `llmlab {verb}")).expect("a section");
        let example = JSON[start..]
            .split("```json\n")
            .nth(1)
            .and_then(|text| text.split("```").next());
        let value: Value = serde_json::from_str(example.expect("an example")).expect(verb);
        let mut found = BTreeSet::new();
        fields(&value, "", &mut found);
        assert!(found.is_subset(&documented(verb)), "{verb}: {found:?}");
    }
    let offered = VERBS.iter().filter(|verb| {
        verb.args.iter().any(|arg| matches!(arg.shape, llmlab::cli::Shape::OneOf(values) if values.contains(&"json")))
    });
    for verb in offered {
        assert!(
            JSON.contains(&format!("## `llmlab {}", verb.name)),
            "{} is not documented",
            verb.name
        );
    }
}

#[test]
fn no_command_line_makes_the_parser_panic() {
    let mut rng = StdRng::seed_from_u64(7);
    let mut known: Vec<String> = [
        "--lang",
        "zh",
        "--color",
        "always",
        "--",
        "-",
        "",
        "n=6",
        "=",
        "C047",
        "\u{feff}",
        "注意力",
        "--set",
        "-h",
        "-V",
        "--format",
        "json",
        "--format=xml",
        "\"",
        "a b",
        "--lang=",
        "99999999999999999999",
    ]
    .map(String::from)
    .to_vec();
    for verb in VERBS {
        known.push(verb.name.to_string());
        known.extend(verb.args.iter().map(|arg| format!("--{}", arg.name)));
    }
    known.extend(LESSONS.iter().map(|lesson| lesson.id.to_string()));
    let (mut tried, mut taken) = (0, 0);
    for _ in 0..4000 {
        let mut words: Vec<OsString> = vec!["llmlab".into()];
        for _ in 0..rng.random_range(0..7) {
            words.push(match rng.random_range(0..4) {
                0 => {
                    let bytes: Vec<u8> =
                        (0..rng.random_range(0..12)).map(|_| rng.random()).collect();
                    raw(bytes)
                }
                _ => known[rng.random_range(0..known.len())].clone().into(),
            });
        }
        tried += 1;
        match verbs::parse(words) {
            Ok((verb, matches)) => {
                taken += 1;
                let values = llmlab::cli::Values(&matches);
                // Looking an argument up never panics, whatever its shape.
                for arg in verb.args {
                    let _ = (
                        values.flag(arg.name),
                        values.text(arg.name),
                        values.many(arg.name),
                    );
                }
                let _ = values.lesson();
            }
            Err(error) => {
                for lang in [Lang::En, Lang::Zh] {
                    assert!(!verbs::refusal(&error, lang).trim().is_empty());
                }
            }
        }
    }
    println!("{tried} command lines tried, {taken} taken");
    assert!(taken > 100);
}

#[cfg(unix)]
fn raw(bytes: Vec<u8>) -> OsString {
    std::os::unix::ffi::OsStringExt::from_vec(bytes)
}

#[cfg(not(unix))]
fn raw(bytes: Vec<u8>) -> OsString {
    String::from_utf8_lossy(&bytes).into_owned().into()
}

#[test]
fn a_trace_takes_less_than_30_ms() {
    for lesson in LESSONS {
        let once = || {
            let start = std::time::Instant::now();
            said(&["trace", lesson.id]);
            start.elapsed()
        };
        let best = (0..10).map(|_| once()).min().unwrap_or_default();
        println!("trace {}: {best:?}", lesson.id);
        assert!(best.as_millis() < 30, "{}: {best:?}", lesson.id);
    }
}
