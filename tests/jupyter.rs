//! The kernel as a notebook meets it: the real program, spoken to over its sockets.
#![cfg(all(unix, feature = "repl"))]

mod pty;

use jupyter_zmq_client::{
    CompleteRequest, IsCompleteReplyStatus, IsCompleteRequest, JupyterMessageContent as Content,
    KernelInfoRequest, ReplyStatus,
};
use llmlab::cli::jupyter::client::{Client, Ran};
use pty::{cache, patience};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_llmlab"));
    command
        .env("LLMLAB_CACHE", cache())
        .env("LLMLAB_DATA", cache().join("data"))
        .env("LLMLAB_LANG", "en")
        .stdin(Stdio::null());
    command
}

fn kernel() -> Client {
    let mut command = program();
    command.args(["jupyter", "kernel"]);
    Client::start(command, patience()).unwrap()
}

fn fine(kernel: &mut Client, code: &str) -> Ran {
    let ran = kernel.run(code).unwrap();
    assert_eq!(ran.reply.status, ReplyStatus::Ok, "{code}: {ran:?}");
    ran
}

fn value(kernel: &mut Client, code: &str) -> String {
    let ran = fine(kernel, code);
    ran.shown("text/plain")
        .unwrap_or_else(|| panic!("{code}: {ran:?}"))
}

/// The error's name and text.
fn error(kernel: &mut Client, code: &str) -> (String, String) {
    let ran = kernel.run(code).unwrap();
    assert_eq!(ran.reply.status, ReplyStatus::Error, "{code}: {ran:?}");
    ran.error().unwrap_or_else(|| panic!("{code}: {ran:?}"))
}

#[test]
fn a_whole_notebook() {
    let mut kernel = kernel();
    let Content::KernelInfoReply(info) = kernel.ask(KernelInfoRequest {}).unwrap() else {
        panic!("no kernel info");
    };
    assert_eq!(info.language_info.name, "rust");
    assert_eq!(info.language_info.file_extension.as_deref(), Some(".rs"));

    // The first cell of every notebook; the library is there already.
    let start = Instant::now();
    let first = ":dep llmlab = { path = \"..\", default-features = false }\n\
                 use llmlab::prelude::*;\nlet t: Tensor = array![[1.0, 2.0]].into_dyn();\nt.sum()";
    assert_eq!(value(&mut kernel, first), "3.0");
    println!("first cell after {:?}", start.elapsed());
    let start = Instant::now();
    let ran = fine(&mut kernel, "1 + 1");
    println!("`1 + 1` takes {:?}", start.elapsed());
    assert_eq!(ran.shown("text/plain").as_deref(), Some("2"));
    assert_eq!(ran.reply.execution_count.value(), 2);
    assert!(fine(&mut kernel, "").outputs.is_empty());
    assert!(fine(&mut kernel, "()").outputs.is_empty());

    // Definitions stay.
    fine(&mut kernel, "let kept = 40;");
    fine(&mut kernel, "fn two() -> i32 {\n    2\n}");
    assert_eq!(value(&mut kernel, "kept + two()"), "42");

    // Errors point into the cell.
    let (name, text) = error(&mut kernel, "let a = 1;\nlet three: i32 = \"three\";");
    assert_eq!(name, "CompileError");
    assert!(text.contains("mismatched types"), "{text}");
    assert!(text.contains("--> input:2:18"), "{text}");
    let ran = kernel
        .run("println!(\"before\");\npanic!(\"out of luck\")")
        .unwrap();
    assert_eq!(ran.stdout(), "before\n");
    assert!(ran.stderr().contains("panic at input:2:1:"), "{ran:?}");
    assert!(ran.stderr().contains("out of luck"), "{ran:?}");
    assert_eq!(value(&mut kernel, "kept"), "40");

    // Whatever code does, the kernel goes on.
    let (_, text) = error(&mut kernel, "std::process::exit(3)");
    assert!(text.contains("exit code 3"), "{text}");
    let (_, text) = error(&mut kernel, "kept");
    assert!(text.contains("kept"), "{text}");
    assert_eq!(value(&mut kernel, "two()"), "2");

    // Rich contents.
    let html = "println!(\"EVCXR_BEGIN_CONTENT text/html\\n<b>bold</b>\\nEVCXR_END_CONTENT\");";
    let ran = fine(&mut kernel, html);
    assert_eq!(ran.shown("text/html").as_deref(), Some("<b>bold</b>"));
    assert_eq!(ran.stdout(), "");

    let ended = kernel.shut_down().unwrap();
    println!("shut down after {ended:?}");
}

#[test]
fn cells_print_while_they_run_and_can_be_stopped() {
    let mut kernel = kernel();
    // A first use says on stderr that the library is compiled.
    fine(&mut kernel, "0");
    let id = kernel
        .post(
            "for i in 0.. { println!(\"round {i}\"); \
             std::thread::sleep(std::time::Duration::from_millis(50)); }",
            false,
        )
        .unwrap();
    let Some(Content::StreamContent(stream)) = kernel.output(&id).unwrap() else {
        panic!("nothing is printed");
    };
    assert!(stream.text.starts_with("round 0\n"), "{}", stream.text);
    let waits = kernel.post("1 + 1", false).unwrap();
    let start = Instant::now();
    kernel.interrupt().unwrap();
    let ran = kernel.rest(&id).unwrap();
    println!("stopped after {:?}", start.elapsed());
    assert!(start.elapsed() < Duration::from_secs(20));
    assert_eq!(ran.reply.status, ReplyStatus::Error);
    let (name, text) = ran.error().unwrap();
    assert_eq!(name, "Stopped");
    assert!(text.contains("variables are lost"), "{text}");
    // Cells behind a failed one do not run.
    let ran = kernel.rest(&waits).unwrap();
    assert_eq!(ran.reply.status, ReplyStatus::Aborted);
    assert!(ran.outputs.is_empty(), "{ran:?}");
    // An interrupt that comes too late stops nothing.
    kernel.interrupt().unwrap();
    assert_eq!(value(&mut kernel, "1 + 2"), "3");
    let (name, _) = {
        let id = kernel.post("loop {}", false).unwrap();
        std::thread::sleep(Duration::from_secs(3));
        kernel.interrupt().unwrap();
        kernel.rest(&id).unwrap().error().unwrap()
    };
    assert_eq!(name, "Stopped");
    assert_eq!(value(&mut kernel, "2 + 2"), "4");

    // Much output comes whole, or says what was left out.
    let ran = fine(
        &mut kernel,
        "for i in 0..20_000 { println!(\"{i}\"); }\nprintln!(\"end\");",
    );
    let out = ran.stdout();
    assert!(out.starts_with("0\n1\n"), "{}", &out[..40]);
    assert!(out.ends_with("19999\nend\n"));
}

#[test]
fn commands_work_in_cells() {
    let mut kernel = kernel();
    let said = fine(&mut kernel, ":help").stdout();
    assert!(said.contains(":check <lesson> [file]"), "{said}");
    let said = fine(&mut kernel, "// a comment\n:trace rope n=4 d=8").stdout();
    assert!(said.contains("rope"), "{said}");
    let (_, text) = error(&mut kernel, ":chekc rope");
    assert!(text.contains("did you mean `:check`?"), "{text}");
    let wrong = "fn rope(q: &Tensor, k: &Tensor, _: &Labels, _: f64) -> (Tensor, Tensor) {\n\
                 (q.clone(), k.clone())\n}\n:check rope --no-scale";
    let said = fine(&mut kernel, wrong).stdout();
    assert!(said.contains("✗ rope"), "{said}");
    assert!(said.contains("your output equals rope with"), "{said}");
    let solution = llmlab::lessons::find("rope").unwrap().solution;
    fine(&mut kernel, solution);
    let said = fine(&mut kernel, ":check rope --no-scale").stdout();
    assert!(said.contains("✓ rope: passed"), "{said}");
    let (_, text) = error(&mut kernel, ":quit");
    assert!(text.contains("Jupyter"), "{text}");

    // Questions reach the person, or say that they cannot.
    let ran = fine(&mut kernel, ":solution attention");
    assert!(ran.stderr().contains("takes none"), "{ran:?}");
    assert_eq!(ran.stdout(), "");
    let id = kernel.post(":solution attention", true).unwrap();
    let question = kernel.answer_question("y").unwrap();
    assert!(question.contains("[y/N]"), "{question}");
    let said = kernel.rest(&id).unwrap().stdout();
    assert!(said.contains("fn attention("), "{said}");

    // Tab, and whether a cell is whole.
    fine(&mut kernel, "fn very_long_name() {}");
    let mut complete = |code: &str| {
        let request = CompleteRequest {
            code: code.to_string(),
            cursor_pos: code.chars().count(),
        };
        match kernel.ask(request).unwrap() {
            Content::CompleteReply(reply) => (reply.matches, reply.cursor_start, reply.cursor_end),
            other => panic!("{other:?}"),
        }
    };
    let one = |word: &str| vec![word.to_string()];
    assert_eq!(complete("let x = very_"), (one("very_long_name"), 8, 13));
    assert_eq!(complete("1;\n:check rop"), (one("rope"), 10, 13));
    let mut is_complete = |code: &str| {
        let code = code.to_string();
        match kernel.ask(IsCompleteRequest { code }).unwrap() {
            Content::IsCompleteReply(reply) => (reply.status, reply.indent),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        is_complete("fn f() {"),
        (IsCompleteReplyStatus::Incomplete, "    ".to_string())
    );
    assert_eq!(is_complete("f()").0, IsCompleteReplyStatus::Complete);
}

#[test]
fn the_kernel_ends_with_jupyter() {
    // A shell that stands for Jupyter: the kernel is its child, and goes on when it is killed.
    let mut command = Command::new("sh");
    command
        .args([
            "-c",
            "JPY_PARENT_PID=$$ \"$@\" & echo $! > \"$PID_FILE\"; wait",
            "sh",
        ])
        .arg(env!("CARGO_BIN_EXE_llmlab"))
        .args(["jupyter", "kernel"])
        .env("LLMLAB_CACHE", cache())
        .env("LLMLAB_LANG", "en");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    command.env("PID_FILE", &file);
    let mut kernel = Client::start(command, patience()).unwrap();
    let pid: u32 = std::fs::read_to_string(file)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    let alive = || {
        Path::new(&format!("/proc/{pid}/cmdline")).exists()
            || Command::new("kill")
                .args(["-0", &pid.to_string()])
                .stderr(Stdio::null())
                .status()
                .unwrap()
                .success()
    };
    assert!(alive());
    kernel.child.kill().unwrap();
    kernel.child.wait().unwrap();
    let start = Instant::now();
    while alive() {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "the kernel goes on"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    println!("the kernel ended {:?} after its parent", start.elapsed());
}

fn jupyter(words: &[&str], data: &Path) -> Output {
    program()
        .arg("jupyter")
        .args(words)
        .env("JUPYTER_DATA_DIR", data)
        .output()
        .unwrap()
}

#[test]
fn installs_and_uninstalls() {
    let data = tempfile::tempdir().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let row = |name: &str| {
        let output = jupyter(&["doctor", "--format", "json"], data.path());
        let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let rows = value["checks"].as_array().unwrap().clone();
        rows.into_iter().find(|row| row["name"] == name).unwrap()
    };
    let folder = data.path().join("kernels/llmlab");
    assert_eq!(row("kernel")["fix"], "llmlab jupyter install");
    for _ in 0..2 {
        let output = jupyter(&["install"], data.path());
        assert!(output.status.success(), "{output:?}");
        let said = text(&output.stdout);
        assert!(
            said.contains("installed the kernel llmlab (Rust)"),
            "{said}"
        );
        assert!(said.contains("jupyter lab"), "{said}");
    }
    let spec = std::fs::read(folder.join("kernel.json")).unwrap();
    let mut spec: serde_json::Value = serde_json::from_slice(&spec).unwrap();
    assert_eq!(spec["argv"][0], env!("CARGO_BIN_EXE_llmlab"));
    assert_eq!(spec["interrupt_mode"], "message");
    assert!(folder.join("logo-svg.svg").is_file());
    assert_eq!(row("kernel")["ok"], true);
    let start = row("start");
    assert_eq!(start["ok"], true, "{start}");
    println!("{}", start["found"]);

    // A program that has moved.
    spec["argv"][0] = "/nowhere/llmlab".into();
    std::fs::write(folder.join("kernel.json"), spec.to_string()).unwrap();
    let stale = row("kernel");
    assert_eq!(stale["fix"], "llmlab jupyter install");
    assert!(stale["found"].as_str().unwrap().contains("/nowhere/llmlab"));

    assert!(jupyter(&["uninstall"], data.path()).status.success());
    assert!(!folder.exists());
    let again = jupyter(&["uninstall"], data.path());
    assert!(text(&again.stdout).contains("nothing to remove"));
    let wrong = jupyter(&["instal"], data.path());
    assert!(text(&wrong.stderr).contains("did you mean `install`?"));
}

#[test]
fn without_a_toolchain_a_cell_says_what_is_missing() {
    let home = tempfile::tempdir().unwrap();
    let mut command = program();
    command.args(["jupyter", "kernel"]);
    for name in ["CARGO", "RUSTC", "CARGO_HOME", "RUSTUP_HOME"] {
        command.env_remove(name);
    }
    command.env("PATH", home.path()).env("HOME", home.path());
    let mut kernel = Client::start(command, patience()).unwrap();
    let (_, text) = error(&mut kernel, "1 + 1");
    assert!(text.contains("https://rustup.rs"), "{text}");
    let said = fine(&mut kernel, ":lesson rope").stdout();
    assert!(said.contains("RoPE"), "{said}");
}
