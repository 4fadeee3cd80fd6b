//! The REPL as a person meets it: the real program in a pseudo-terminal.
#![cfg(feature = "repl")]

mod pty;

use pty::{Terminal, cache};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Instant;

const WRONG: &str = "fn rope(q: &Tensor, k: &Tensor, _: &Labels, _: f64) -> (Tensor, Tensor) {
(q.clone(), k.clone())
}";

#[test]
fn a_whole_session() {
    let mut repl = Terminal::start(&["repl"]);
    let prompt = repl.expect("llmlab> ");
    println!("prompt after {prompt:?}");
    // Commands work while Rust starts.
    repl.enter(":chekc rope");
    repl.expect("did you mean `:check`?");
    repl.enter(":check rope");
    repl.expect("no function `rope` has been typed yet");
    repl.enter("1 + 1");
    repl.expect("\n2\n");

    // A wrong answer, over several lines, is diagnosed; a right one passes.
    repl.enter(WRONG);
    repl.enter(":check rope --no-scale");
    repl.expect("✗ rope");
    repl.expect("your output equals rope with");
    repl.enter(":hint rope");
    repl.expect("1/");
    let solution = llmlab::lessons::find("rope").unwrap().solution;
    repl.paste(solution);
    repl.enter(":check rope --no-scale");
    repl.expect("✓ rope: passed");
    // After a pass nobody is asked whether it may be shown.
    repl.enter(":solution rope");
    repl.expect("fn rope(");

    // rustc's errors point into what was typed.
    repl.enter("let three: i32 = \"three\";");
    repl.expect("error[E0308]: mismatched types");
    repl.expect("--> input:1:18");
    repl.enter("fn add(n: i32) -> i32 {\nn + missing\n}");
    repl.expect("error[E0425]");
    repl.expect("--> input:2:5");

    // Whatever code does, the session goes on.
    repl.enter("let kept = 40;");
    repl.enter("fn two() -> i32 { 2 }");
    repl.enter("panic!(\"out of luck\")");
    repl.expect("panic at input:1:1:");
    repl.expect("out of luck");
    repl.enter("kept + two()");
    repl.expect("\n42\n");
    repl.enter(
        "loop { println!(\"round\"); std::thread::sleep(std::time::Duration::from_millis(50)); }",
    );
    repl.expect("\nround\nround\n");
    let start = Instant::now();
    repl.press("\x03");
    repl.expect("stopped; variables are lost");
    println!("stopped after {:?}", start.elapsed());
    repl.enter("two() + 5");
    repl.expect("\n7\n");
    repl.enter("fn down(n: u64) -> u64 { if n == u64::MAX { 0 } else { 1 + down(n + 1) } }");
    repl.enter("down(0)");
    repl.expect("stack overflow");
    repl.enter("std::process::abort()");
    repl.expect("the code aborted");
    repl.enter("unsafe { std::ptr::read_volatile(std::ptr::dangling::<u8>()) }");
    repl.expect("segmentation fault");
    repl.enter("std::process::exit(3)");
    repl.expect("exit code 3");
    repl.enter("two() + 6");
    repl.expect("\n8\n");

    // Ctrl-C at the prompt clears the line, Tab completes, Ctrl-D leaves.
    repl.press("not a line");
    repl.expect("not a line");
    repl.press("\x03");
    repl.settle();
    repl.press(":chec\t");
    repl.expect(":check");
    repl.settle();
    repl.press("atten\t");
    repl.expect("attention");
    repl.press("\x03");
    repl.settle();
    repl.enter(":vars");
    repl.expect("two");
    repl.press("\x04");
    let screen = repl.end();
    assert!(!screen.contains("evcxr"), "{screen}");
}

/// Runs a script through a pipe; stdout, and stderr.
fn piped(script: &str, prepare: impl FnOnce(&mut Command)) -> (String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_llmlab"));
    command
        .arg("repl")
        .env("LLMLAB_CACHE", cache())
        .env("LLMLAB_DATA", cache().join("data"))
        .env("LLMLAB_LANG", "en")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    prepare(&mut command);
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(script.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr))
}

#[test]
fn a_variable_needs_no_type() {
    let (out, err) = piped(
        "let x = array![[1.0f32, 2.0]].into_dyn()\n\
         let (mut w, n) = (softmax(&x, 1), x.len());\n\
         w *= 2.0;\n\
         (w.sum(), n)\n\
         let words: Vec<_> = \"a b\".split(' ').collect(); let words = words.len();\n\
         words + 40\n\
         let a = 43; a\n\
         let text = \"abc\"; text.len() + 41\n\
         let list = vec![text.len()]; list.len() + 44\n\
         let f = 2.0; f.sqrt()\n\
         :vars\n\
         let more = [1, 2].into_iter().map(|n| n + 1);\n\
         let y = missing();\n",
        |_| {},
    );
    assert!(out.contains("(2.0, 2)"), "{out}{err}");
    assert!(out.contains("\n42\n"), "{out}{err}");
    for number in ["\n43\n", "\n44\n", "\n45\n"] {
        assert!(out.contains(number), "{out}{err}");
    }
    assert!(out.contains("let w: Tensor\n"), "{out}{err}");
    assert!(err.contains("cannot be kept from one input"), "{err}");
    let said = out + &err;
    assert!(said.contains("cannot find function `missing`"), "{said}");
    assert!(
        said.contains("you must specify a type for this binding, like `f32`"),
        "{said}"
    );
}

#[test]
fn options_are_for_one_command() {
    let (out, _) = piped(
        ":trace rope --plain\n\
         :trace rope --plain --format json\n\
         :trace rope\n",
        |_| {},
    );
    let at = out.find("\n{").expect("the JSON");
    let (plain, rest) = out.split_at(at + 1);
    let (json, usual) = rest.split_once('\n').unwrap();
    assert!(!plain.contains('→') && usual.contains('→'), "{out}");
    assert!(json.contains("θᵢ") && json.ends_with('}'), "{json}");
}

#[test]
fn two_sessions_do_not_disturb_each_other() {
    let session = |n: i32| {
        std::thread::spawn(move || {
            let script =
                format!("let x = {n};\nfn double(x: i32) -> i32 {{\n2 * x\n}}\ndouble(x)\n");
            piped(&script, |_| ())
        })
    };
    let (first, second) = (session(10), session(20));
    assert_eq!(first.join().unwrap().0, "20\n");
    assert_eq!(second.join().unwrap().0, "40\n");
}

#[test]
fn without_a_toolchain_commands_still_work() {
    let home = tempfile::tempdir().unwrap();
    let (out, err) = piped("1 + 1\n:help\n", |command| {
        for name in ["CARGO", "RUSTC", "CARGO_HOME", "RUSTUP_HOME"] {
            command.env_remove(name);
        }
        command.env("PATH", home.path()).env("HOME", home.path());
    });
    assert!(err.contains("https://rustup.rs"), "{err}");
    assert!(out.contains(":check <lesson> [file]"), "{out}");
}

#[test]
fn endless_output_ends_with_its_evaluation() {
    let (out, err) = piped(
        "for i in 0..300_000 { println!(\"{i}\"); }\nprint!(\"end\"); println!()\n",
        |_| (),
    );
    assert_eq!(err, "");
    assert!(out.starts_with("0\n1\n2\n"));
    assert!(out.ends_with("end\n"));
}

/// Every function that reads a typed line, on lines of all sorts.
#[test]
fn any_line_can_be_typed() {
    const LINES: usize = 24_000;
    const PIECES: &[&str] = &[
        ":",
        "check",
        "trace ",
        "attention",
        " rope",
        " --",
        "seed",
        "=",
        "n=8",
        "'",
        "\"",
        "\\",
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        "//",
        "/*",
        "*/",
        "r#\"",
        "\"#",
        "'a",
        "'\\",
        "b'",
        "fn ",
        "let ",
        "1e",
        "0x",
        "1.",
        "\n",
        "\t",
        " ",
        "语",
        "é",
        "🦀",
        "\u{301}",
        "\u{200d}",
        "\0",
        "\u{feff}",
        ";",
        "#[",
        "é\u{301}",
        "--lang",
        "zh",
        "help",
        "?",
    ];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    for _ in 0..LINES {
        let mut line = String::new();
        for _ in 0..random(9) {
            match random(4) {
                0 => line.extend(char::from_u32(random(0x11_0000) as u32)),
                _ => line.push_str(PIECES[random(PIECES.len())]),
            }
        }
        llmlab::cli::repl::read_any(&line);
    }
    println!("{LINES} lines read");
}
