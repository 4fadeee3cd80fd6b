//! `llmlab jupyter doctor`: whether notebooks run here, and the one command that mends each fault.

use super::client::Client;
use super::spec;
use crate::cli::Session;
use crate::cli::doctor::{Check, tool};
use crate::cli::lab::Lab;
use crate::text::Lang;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long the kernel may take to start: the library may have to be compiled.
const PATIENCE: Duration = Duration::from_secs(120);

/// Looks at everything.
pub fn checks(session: &Session, folder: &Path) -> Vec<Check> {
    let lang = session.lang;
    let mut checks = jupyter(session);
    checks.push(kernel(folder, lang));
    let tools = [tool("rustc", lang), tool("cargo", lang)];
    let usable = tools.iter().all(|tool| tool.ok);
    checks.extend(tools);
    // Without Rust there is nothing to compile or to start.
    if usable {
        let library = library(lang);
        let compiled = library.ok;
        checks.push(library);
        if compiled {
            checks.push(start(session));
        }
    }
    checks
}

/// Jupyter, and what runs notebooks without a browser.
fn jupyter(session: &Session) -> Vec<Check> {
    let lang = session.lang;
    let output = Command::new("jupyter").arg("--version").output();
    let said = output.ok().filter(|output| output.status.success());
    let said = said.map(|output| String::from_utf8_lossy(&output.stdout).to_string());
    let version = |name: &str| {
        let mut lines = said.as_deref()?.lines();
        lines.find_map(|line| {
            let (key, version) = line.split_once(':')?;
            let version = version.trim();
            (key.trim() == name && version.starts_with(|c: char| c.is_ascii_digit()))
                .then(|| format!("{name} {version}"))
        })
    };
    let fronts: Vec<String> = ["jupyterlab", "notebook"]
        .into_iter()
        .filter_map(version)
        .collect();
    let missing = || lang.pick("not found", "未找到").to_string();
    let mut checks = vec![Check {
        name: "jupyter",
        ok: !fronts.is_empty(),
        found: match (said.is_some(), fronts.is_empty()) {
            (false, _) => missing(),
            (true, true) => lang
                .pick(
                    "neither jupyterlab nor notebook",
                    "没有 jupyterlab，也没有 notebook",
                )
                .to_string(),
            (true, false) => session.beside(&fronts),
        },
        fix: fronts
            .is_empty()
            .then(|| "pip install jupyterlab".to_string()),
    }];
    if !fronts.is_empty() {
        let found = version("nbclient");
        checks.push(Check {
            name: "nbclient",
            ok: found.is_some(),
            fix: found.is_none().then(|| "pip install nbclient".to_string()),
            found: found.unwrap_or_else(missing),
        });
    }
    checks
}

/// The kernel's folder, and whether it starts this program.
fn kernel(folder: &Path, lang: Lang) -> Check {
    let shown = folder.display();
    let named = spec::program(folder);
    let this = std::env::current_exe().ok();
    let same = |path: &Path| this.is_some() && path.canonicalize().ok() == canonical(&this);
    let ok = named.as_deref().is_some_and(same);
    let found = match &named {
        None => lang.pick(format!("not in {shown}"), format!("{shown} 中没有")),
        Some(_) if ok => format!("{} ({shown})", spec::TITLE),
        Some(path) if path.exists() => {
            let path = path.display();
            lang.pick(
                format!("{shown} starts another program: {path}"),
                format!("{shown} 启动的是另一个程序：{path}"),
            )
        }
        Some(path) => {
            let path = path.display();
            lang.pick(
                format!("{shown} starts {path}, which is not there"),
                format!("{shown} 启动 {path}，而该文件不存在"),
            )
        }
    };
    Check {
        name: "kernel",
        ok,
        found,
        fix: (!ok).then(|| "llmlab jupyter install".to_string()),
    }
}

fn canonical(path: &Option<std::path::PathBuf>) -> Option<std::path::PathBuf> {
    path.as_ref()?.canonicalize().ok()
}

/// The compiled library.
fn library(lang: Lang) -> Check {
    let (ok, found) = match Lab::open() {
        Err(sentence) => (false, sentence),
        Ok(lab) => match lab.built() {
            Some(_) => (true, lab.root.display().to_string()),
            None => (false, lang.pick("not compiled yet", "尚未编译").to_string()),
        },
    };
    Check {
        name: "library",
        ok,
        found,
        fix: (!ok).then(|| "llmlab jupyter install".to_string()),
    }
}

/// A real start, and a real cell.
fn start(session: &Session) -> Check {
    let lang = session.lang;
    let tried = try_cell(session);
    let (ok, found) = match tried {
        Ok((started, answered)) => {
            let (started, answered) = (started.as_secs_f64(), answered.as_secs_f64());
            (
                true,
                lang.pick(
                    format!(
                        "the kernel answers after {started:.1} s, `1 + 1` after {answered:.1} s"
                    ),
                    format!("内核 {started:.1} 秒后应答，`1 + 1` 在 {answered:.1} 秒后得到结果"),
                ),
            )
        }
        Err(sentence) => (false, sentence),
    };
    Check {
        name: "start",
        ok,
        found,
        fix: (!ok).then(|| "llmlab doctor".to_string()),
    }
}

/// How long from the start to the first answer, and to the first cell's value.
fn try_cell(session: &Session) -> Result<(Duration, Duration), String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    command
        .args(["jupyter", "kernel"])
        .env("LLMLAB_LANG", session.lang.pick("en", "zh"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let start = Instant::now();
    let mut client = Client::start(command, PATIENCE)?;
    let started = start.elapsed();
    let ran = client.run("1 + 1")?;
    let answered = start.elapsed();
    // Its process ends with the client in any case.
    let _ = client.shut_down();
    match (ran.shown("text/plain").as_deref(), ran.error()) {
        (Some("2"), _) => Ok((started, answered)),
        (_, Some((_, words))) => Err(words),
        (other, None) => Err(format!("1 + 1 = {}", other.unwrap_or_default())),
    }
}
