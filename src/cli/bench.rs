//! `llmlab bench`: the reference and the production kernel against the machine's limits.

use super::lab::Refusal;
use super::verbs::{Arg, FORMAT, LESSON, Shape, Values, Verb};
use super::wrap::wrap;
use super::{Session, check, markdown};
use crate::bench::{Bench, Row, bench};
use crate::check::{Options, Verdict};
use crate::kernels::machine::Machine;
use crate::lesson::Lesson;
use crate::show::si;
use crate::text::{Lang, Text};
use colored::Colorize;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

pub const VERB: Verb = Verb {
    name: "bench",
    about: Text::new(
        "time reference and kernel on the large case, against the machine's limits",
        "在大用例上比较参考实现与内核的耗时，并对照本机极限",
    ),
    args: &[
        LESSON,
        Arg {
            name: "file",
            shape: Shape::OptionalFile,
            about: Text::new(
                "your solution, to be timed beside them",
                "你的实现文件，一并计时",
            ),
        },
        Arg {
            name: "seconds",
            shape: Shape::Option("N"),
            about: Text::new("how long to measure (2)", "测量时长，单位秒（默认 2）"),
        },
        Arg {
            name: "seed",
            shape: Shape::Option("N"),
            about: Text::new("seed of the inputs (0)", "输入的种子（默认 0）"),
        },
        FORMAT,
    ],
    run,
};

fn run(session: &mut Session, values: &Values) -> Result<ExitCode, String> {
    let lesson = values.lesson()?;
    let seed = values.number("seed")?.unwrap_or(0);
    let seconds = values.number("seconds")?.unwrap_or(2).min(600);
    let lang = session.lang;
    let learner = match values.text("file") {
        Some(file) => Some(learner(session, lesson, Path::new(file), seed)?),
        None => None,
    };
    let result = bench(lesson, seed, Duration::from_secs(seconds), learner, lang)?;
    match values.json() {
        true => session.say(serde_json::json!(result).to_string()),
        false => session.say(text(&result, session.width, lang)),
    }
    Ok(ExitCode::SUCCESS)
}

/// The seconds that a solution takes on the large case. The judge runs it, so a wrong one is not
/// timed.
fn learner(session: &Session, lesson: &Lesson, file: &Path, seed: u64) -> Result<f64, String> {
    let options = Options {
        seed,
        ..Options::default()
    };
    let report = match check::judge(session, lesson, file, &options) {
        Ok(report) => report,
        Err(Refusal::Sentence(words) | Refusal::Errors(words)) => return Err(words),
    };
    let seconds = report.timing.and_then(|timing| timing.learner);
    seconds
        .filter(|_| report.verdict == Verdict::Passed)
        .ok_or_else(|| {
            let shown = file.display();
            let command = session.command(&format!("check {} {shown}", lesson.id));
            session.lang.pick(
                format!("{shown} does not pass yet, so it is not timed; {command} says why"),
                format!("{shown} 尚未通过，因此不计时；用 {command} 查看原因"),
            )
        })
}

/// The measurement as text, with a bar for how near each comes to the limit.
pub fn text(bench: &Bench, width: usize, lang: Lang) -> String {
    let settings = bench
        .settings
        .iter()
        .map(|(name, size)| format!("{name}={size}"));
    let settings: Vec<String> = settings.collect();
    let (work, bytes) = (si(bench.flops, "FLOP"), si(bench.bytes, "B"));
    let intensity = bench.flops / bench.bytes;
    let mut out = String::new();
    let mut put = |line: String| {
        out += &wrap(&line, width, 2);
        out.push('\n');
    };
    put(format!("{} {}", bench.lesson.bold(), settings.join(" ")));
    put(lang.pick(
        format!("work: {work} on at least {bytes}, {intensity:.1} FLOP per byte"),
        format!("计算量：{work}，至少读写 {bytes}，每字节 {intensity:.1} FLOP"),
    ));
    let Machine {
        copy_gb_s: copy,
        fma_gflop_s: fma,
        ..
    } = bench.machine;
    let (tier, threads, limit) = (bench.tier, bench.threads, time(bench.limit_s));
    let bound = match (bench.bound, lang) {
        ("memory", Lang::Zh) => "内存带宽",
        (_, Lang::Zh) => "算力",
        (bound, Lang::En) => bound,
    };
    put(lang.pick(
        format!("machine: copies {copy:.1} GB/s, {fma:.0} GFLOP/s of FMA ({tier}, {threads} threads); so at best {limit}, bound by {bound}"),
        format!("本机：拷贝 {copy:.1} GB/s，FMA {fma:.0} GFLOP/s（{tier}，{threads} 线程）；极限 {limit}，受限于{bound}"),
    ));
    let (error, tolerance) = (bench.error, bench.tolerance);
    put(lang.pick(
        format!(
            "kernel: {}; off by {error:.1e}, allowed {tolerance:.1e}",
            bench.kernel
        ),
        format!(
            "内核：{}；误差 {error:.1e}，允许 {tolerance:.1e}",
            bench.kernel
        ),
    ));
    out.push('\n');
    for row in &bench.rows {
        out += &line(row, lang);
    }
    out
}

fn line(row: &Row, lang: Lang) -> String {
    let name = match row.name {
        "reference" => lang.pick("reference", "参考实现"),
        "kernel" => lang.pick("kernel", "内核"),
        _ => lang.pick("yours", "你的实现"),
    };
    let spread = match row.runs {
        1 => lang.pick("one run".to_string(), "运行 1 次".to_string()),
        runs => {
            let (min, max) = (time(row.min_s), time(row.max_s));
            lang.pick(
                format!("{min} to {max} in {runs} runs"),
                format!("{runs} 次运行，{min} 至 {max}"),
            )
        }
    };
    let filled = ((30.0 * row.of_limit).round() as usize).min(30);
    let bar = format!("{}{}", "█".repeat(filled), "·".repeat(30 - filled));
    let (percent, copy, fma) = (
        100.0 * row.of_limit,
        100.0 * row.of_copy,
        100.0 * row.of_fma,
    );
    let of_limit = lang.pick(
        format!("{percent:.1} % of the limit"),
        format!("达到极限的 {percent:.1} %"),
    );
    format!(
        "{} {:>9}  {}\n  {} {of_limit}\n  {:.1} GFLOP/s ({fma:.1} % FMA)  {:.1} GB/s ({copy:.1} % copy)\n",
        markdown::pad(name, 10).cyan(),
        time(row.median_s),
        spread.dimmed(),
        bar.green(),
        row.gflop_s,
        row.gb_s,
    )
}

fn time(seconds: f64) -> String {
    match seconds {
        s if s >= 1.0 => format!("{s:.2} s"),
        s if s >= 1e-3 => format!("{:.2} ms", s * 1e3),
        s => format!("{:.1} µs", s * 1e6),
    }
}
