//! From a learner's file to a verdict.

use super::rustc::{self, Rejected};
use super::{Lab, Nest, Progress, judge, nest};
use crate::check::{Options, Report};
use crate::cli::Session;
use crate::lesson::Lesson;
use std::env::consts::DLL_EXTENSION;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

/// What a solution may be long at most.
const LARGEST: u64 = 1 << 20;

/// Why there is no verdict.
#[derive(Clone, Debug)]
pub enum Refusal {
    /// One sentence: what is wrong and what to type next.
    Sentence(String),
    /// rustc's errors, as rustc shows them.
    Errors(String),
}

impl From<String> for Refusal {
    fn from(sentence: String) -> Refusal {
        Refusal::Sentence(sentence)
    }
}

/// Compiles the file and judges its function.
///
/// # Errors
/// [`Refusal`]: the file cannot be read or does not compile, or there is no compiler.
pub fn check_file(
    session: &Session,
    lesson: &Lesson,
    path: &Path,
    options: &Options,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, Refusal> {
    // A library that exports its function: a notebook's cell.
    if path.extension().is_some_and(|end| end == DLL_EXTENSION) && path.is_file() {
        return run(session, lesson, path, options);
    }
    let text = read(session, lesson, path)?;
    if path.extension().is_some_and(|end| end == "cu") {
        return super::gpu::judge(session, lesson, path, &text, options);
    }
    let lab = Lab::open()?;
    let built = lab.build(progress)?;
    nest::remove_stale();
    let nest = Nest::new()?;
    let library = rustc::compile(&lab, &built, &nest, lesson, path, &text)
        .map_err(|rejected| refuse(session, lesson, path, rejected))?;
    run(session, lesson, &library, options)
}

fn read(session: &Session, lesson: &Lesson, path: &Path) -> Result<String, String> {
    let (shown, lang) = (path.display(), session.lang);
    let next = lang.pick("type", "请输入");
    let start = session.command(&format!("start {}", lesson.id));
    let other = session.command(&format!("check {} PATH", lesson.id));
    let advice = lang.pick(
        format!("{next} `{start}` to write one, or `{other}` for another file"),
        format!("{next} `{start}` 生成一个，或用 `{other}` 指定别的文件"),
    );
    let metadata = std::fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => lang.pick(
            format!("there is no file {shown}: {advice}"),
            format!("没有文件 {shown}：{advice}"),
        ),
        _ => lang.pick(
            format!("{shown} cannot be read ({error}): {advice}"),
            format!("无法读取 {shown}（{error}）：{advice}"),
        ),
    })?;
    if !metadata.is_file() {
        return Err(lang.pick(
            format!("{shown} is not a file: {advice}"),
            format!("{shown} 不是文件：{advice}"),
        ));
    }
    if metadata.len() > LARGEST {
        return Err(lang.pick(
            format!("{shown} is larger than 1 MiB, too large for a solution: {advice}"),
            format!("{shown} 超过 1 MiB，不像是解答：{advice}"),
        ));
    }
    let bytes = std::fs::read(path).map_err(|error| {
        lang.pick(
            format!("{shown} cannot be read ({error}): {advice}"),
            format!("无法读取 {shown}（{error}）：{advice}"),
        )
    })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let byte = error.utf8_error().valid_up_to();
        lang.pick(
            format!("{shown} is not UTF-8 text (at byte {byte}): save it as UTF-8, or {advice}"),
            format!("{shown} 不是 UTF-8 文本（第 {byte} 字节处）：请存为 UTF-8，或{advice}"),
        )
    })?;
    if text.trim().is_empty() {
        return Err(lang.pick(
            format!("{shown} is empty: {advice} (add --force to overwrite)"),
            format!("{shown} 是空的：{advice}（加 --force 可覆盖）"),
        ));
    }
    Ok(text)
}

fn refuse(session: &Session, lesson: &Lesson, path: &Path, rejected: Rejected) -> Refusal {
    let name = lesson.id.replace('-', "_");
    let (shown, asked) = (path.display(), lesson.problem.signature);
    Refusal::Sentence(match rejected {
        Rejected::Errors(errors) => return Refusal::Errors(errors),
        Rejected::NoFunction => session.lang.pick(
            format!("{shown} defines no function `{name}`: write\n  {asked}"),
            format!("{shown} 里没有函数 `{name}`：请写\n  {asked}"),
        ),
        Rejected::Signature => session.lang.pick(
            format!(
                "the function `{name}` in {shown} does not have the exercise's signature:\n  \
                 {asked}\na last argument `trace: &mut Trace` is optional"
            ),
            format!(
                "{shown} 里的函数 `{name}` 与题目要求的签名不符：\n  {asked}\n\
                 最后可以再加一个参数 `trace: &mut Trace`"
            ),
        ),
        Rejected::Trouble(trouble) => session.lang.pick(
            format!("rustc could not be run: {trouble}"),
            format!("无法运行 rustc：{trouble}"),
        ),
    })
}

/// Runs the judge, which guards itself; a limit from outside guards the guard.
fn run(
    session: &Session,
    lesson: &Lesson,
    library: &Path,
    options: &Options,
) -> Result<Report, Refusal> {
    let mut child = judge::command(lesson, library, options, session.lang)
        .spawn()
        .map_err(|error| format!("the judge cannot be started: {error}"))?;
    let stdout = child.stdout.take();
    let reader = std::thread::spawn(move || {
        let lines = stdout.map(|out| BufReader::new(out).lines());
        let mut lines = lines.into_iter().flatten().map_while(Result::ok);
        lines.find_map(|line| judge::report(&line))
    });
    // Three times over: the stages, the large case, and what surrounds them.
    let seconds = (3.0 * options.timeout + 10.0).clamp(10.0, 1e6);
    wait(&mut child, Duration::from_secs_f64(seconds));
    let report = reader.join().ok().flatten();
    report.ok_or_else(|| {
        let words = session.lang.pick(
            "the judge ended without a verdict: try again, and with --timeout 30 if it is slow",
            "判题程序没有给出结果就结束了：请再试一次；如果很慢，可加 --timeout 30",
        );
        Refusal::Sentence(words.to_string())
    })
}

/// Waits until the child ends, `limit` at the longest.
fn wait(child: &mut Child, limit: Duration) {
    let start = Instant::now();
    while matches!(child.try_wait(), Ok(None)) {
        if start.elapsed() > limit {
            let _ = child.kill();
            let _ = child.wait();
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
