//! Quiz and watch as a person meets them: the real program in a pseudo-terminal.
#![cfg(feature = "terminal")]

mod pty;

use pty::Terminal;

/// What a person types at the prompt `> `, after what is on the screen by then.
fn answer(quiz: &mut Terminal, keys: &str) {
    quiz.expect("\n> ");
    quiz.press(keys);
}

#[test]
fn a_quiz_forgives_slips_and_keeps_what_was_answered() {
    let only = "--only=why-scale,softmax-axis";
    let words = ["quiz", "attention", only, "--seed", "1"];
    let mut quiz = Terminal::start(&words);
    quiz.expect("2 questions");
    quiz.expect("1/2");
    // Nothing, then what is no option, then help: the question waits.
    answer(&mut quiz, "\r");
    answer(&mut quiz, "hello\r");
    answer(&mut quiz, "?\r");
    answer(&mut quiz, "a\r");
    quiz.expect("The answer is");
    quiz.expect("2/2");
    // Ctrl-D in the middle ends the quiz, with the score so far.
    answer(&mut quiz, "\x04");
    quiz.expect("1 answered");
    quiz.expect("what you answered is kept");
    quiz.end();
}

#[test]
fn ctrl_c_ends_a_quiz_at_once() {
    let only = "--only=why-scale,softmax-axis";
    let mut quiz = Terminal::start(&["quiz", "attention", only, "--seed", "1"]);
    answer(&mut quiz, "a\r");
    quiz.expect("2/2");
    // Every answer was kept when it was given (`kill.rs`).
    answer(&mut quiz, "\x03");
    quiz.ends();
}

#[test]
fn watch_judges_at_every_save_and_ends_with_ctrl_c() {
    let rope = llmlab::lessons::find("rope").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("rope.rs");
    let save = |text: &str| std::fs::write(&file, text).unwrap();
    let mut watch = Terminal::start_in(dir.path(), &["watch", "rope", "--no-scale"]);
    watch.expect("there is no file rope.rs");
    watch.expect("waiting for the next save");
    save("fn rope(");
    watch.expect("error");
    watch.expect("waiting for the next save");
    save(rope.starter);
    watch.expect("the `todo!()` is still in it");
    watch.expect("waiting for the next save");
    save(rope.solution);
    watch.expect("rope: passed");
    watch.expect("waiting for the next save");
    watch.press("\x03");
    watch.ends();
}
