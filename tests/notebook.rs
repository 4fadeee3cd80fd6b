//! What a notebook gets from the program: runs as arrays, questions, sentences about mistakes.

use llmlab::notebook::{
    Rich, Shown, Trouble, answer, claims, hint, lesson, llmlab, picture, plot, quiz, trace,
};
use std::sync::Once;

/// The program under test, with a data directory of its own.
fn with_program() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let data = tempfile::tempdir().expect("a directory").keep();
        // SAFETY: every test waits here, and none reads the environment before.
        unsafe {
            std::env::set_var("LLMLAB_PROGRAM", env!("CARGO_BIN_EXE_llmlab"));
            std::env::set_var("LLMLAB_DATA", data);
            std::env::set_var("LLMLAB_LANG", "en");
        }
    });
}

fn content(value: &impl Rich, media: &str) -> String {
    let found = value
        .contents()
        .into_iter()
        .find(|(known, _)| *known == media);
    found.unwrap_or_else(|| panic!("no {media}")).1
}

fn sentence<T>(refused: Result<T, Trouble>) -> String {
    match refused {
        Ok(_) => panic!("it should be refused"),
        Err(trouble) => trouble.to_string(),
    }
}

#[test]
fn a_run_has_its_arrays() {
    with_program();
    let run = trace("attention n=3 m=4 d=8 case=causal seed=2").unwrap();
    let weights = run.value("weights").unwrap();
    assert_eq!(weights.shape()[weights.ndim() - 2..], [3, 4]);
    for row in weights.rows() {
        assert!((row.sum() - 1.0).abs() < 1e-12, "{row}");
    }
    let masked = run.value("masked").unwrap();
    assert!(masked.iter().any(|x| *x == f64::NEG_INFINITY), "{masked}");
    // What the reference computed from these inputs is what came.
    let (q, k) = (run.input("q").unwrap(), run.input("k").unwrap());
    let scores = llmlab::ops::einsum("b h n d, b h m d -> b h n m", &[&q, &k]) / 8f32.sqrt();
    let apart = &scores.mapv(f64::from) - &run.value("scores").unwrap();
    assert!(apart.iter().all(|x| x.abs() < 1e-5), "{apart}");
    let html = content(&run, "text/html");
    assert_eq!(html.matches("<details>").count(), run.trace().steps().len());
    assert!(content(&run, "text/plain").contains("softmax"));
}

#[test]
fn mistakes_are_sentences() {
    with_program();
    assert!(sentence(trace("atention")).contains("did you mean `attention`?"));
    assert!(sentence(trace("attention n=x")).contains("`n=x` is not a setting"));
    let run = trace("attention").unwrap();
    assert!(sentence(run.value("wights")).contains("weights"));
    assert!(sentence(run.input("x")).contains("q, k, v"));
    let shown: Result<Shown, Trouble> = quiz("attention --only nothing");
    let html = content(&shown, "text/html");
    assert!(
        html.contains("class=\"llmlab llmlab-trouble\"") && !html.contains("\x1b"),
        "{html}"
    );
    assert!(sentence(answer("rope", "64")).contains("--answer is for one question"));
    assert!(sentence(claims("C999")).contains("C999"));
}

#[test]
fn every_question_can_be_answered_on_a_page() {
    with_program();
    for lesson in llmlab::lessons::LESSONS {
        let bank = llmlab::quiz::bank(lesson).unwrap();
        if bank.is_empty() {
            continue;
        }
        let html = content(&quiz(lesson.id).unwrap(), "text/html");
        assert_eq!(html.matches("class=\"question\"").count(), bank.len());
        assert_eq!(html.matches("<details>").count(), bank.len());
        let clickable = bank
            .iter()
            .filter(|question| ["choice", "several", "bug"].contains(&question.kind.id()));
        assert_eq!(
            html.matches("-0\"><label").count(),
            clickable.count(),
            "{}: the first options",
            lesson.id
        );
    }
}

#[test]
fn a_typed_answer_is_graded_as_it_was_shown() {
    with_program();
    let lesson = llmlab::lessons::find("rope").unwrap();
    for question in llmlab::quiz::bank(lesson).unwrap().iter().take(6) {
        let drawn = llmlab::quiz::draw(question, 0, llmlab::text::Lang::En);
        let name = format!("rope {}", drawn.id);
        let shown = content(&answer(&name, &drawn.answer()).unwrap(), "text/plain");
        assert!(shown.contains('✓'), "{}: {shown}", drawn.id);
    }
    let shown = content(&llmlab("stats").unwrap(), "text/plain");
    assert!(shown.contains('6'), "{shown}");
}

#[test]
fn pictures_and_plots_are_drawn() {
    with_program();
    let html = content(&picture("rope-decay d=32").unwrap(), "text/html");
    assert!(html.contains("<svg"), "{html}");
    assert!(sentence(picture("rope-decoy")).contains("did you mean `rope-decay`?"));
    let curves = plot("cost <n>").x("n (token)").y("time (ms)").log_x();
    let drawn = curves
        .clone()
        .curve("mine", &[(1.0, 2.0), (10.0, 3.0), (f64::NAN, 1.0)]);
    let html = content(&drawn, "text/html");
    assert!(
        html.contains("<svg") && html.contains("cost &lt;n&gt;"),
        "{html}"
    );
    let nothing = content(&curves, "text/html");
    assert!(nothing.contains("the plot has no points"), "{nothing}");
    let below = content(&curves.bars("b", &[(-1.0, 2.0)]), "text/html");
    assert!(below.contains("numbers above 0 only"), "{below}");
}

#[test]
fn texts_come_in_their_form() {
    with_program();
    let text = content(&lesson("rope").unwrap(), "text/markdown");
    assert!(text.contains("## Three minutes"), "{text}");
    let all = llmlab::lessons::find("rope").unwrap().hints;
    let first = content(&hint("rope").unwrap(), "text/plain");
    assert!(
        first.contains(all[0].en) && !first.contains(all[1].en),
        "{first}"
    );
    let two = content(&hint("rope 2").unwrap(), "text/plain");
    assert!(two.contains(all[1].en), "{two}");
    let claim = content(&claims("C047").unwrap(), "text/plain");
    assert!(claim.contains("C047"), "{claim}");
}
