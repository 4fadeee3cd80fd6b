//! `llmlab bench`: the reference and the production kernel against the machine's limits.

use super::lab::Refusal;
use super::verbs::{Arg, FORMAT, LESSON, Shape, Values, Verb};
use super::wrap::wrap;
use super::{Session, check, markdown, picture};
use crate::bench::{Bench, Growth, Learner, Row, bench, growth};
use crate::check::{Options, Verdict, duration};
use crate::cuda::{Climbed, Measured, climb};
use crate::kernels::machine::Machine;
use crate::lesson::Lesson;
use crate::show::{Axis, Curve, Plot, Style, si};
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
        Arg {
            name: "grow",
            shape: Shape::Option("AXES"),
            about: Text::new(
                "how the cost grows with these axes (n,m): time and memory at sizes that double",
                "开销如何随这些轴（如 n,m）增长：大小逐次翻倍，测时间与内存",
            ),
        },
        Arg {
            name: "versions",
            shape: Shape::Flag,
            about: Text::new(
                "the CUDA kernel's versions, from the plainest on: what each step bought",
                "CUDA 内核的各个版本，从最朴素的开始：每一步带来多少",
            ),
        },
        Arg {
            name: "save",
            shape: Shape::Option("FILE"),
            about: Text::new(
                "write the plot to a file.svg or file.png too",
                "同时把图保存为 .svg 或 .png 文件",
            ),
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
    let budget = Duration::from_secs(seconds);
    if values.flag("versions") {
        let climbed = climb(lesson, Duration::from_secs(60), lang)?;
        session.say(match values.json() {
            true => serde_json::json!(climbed).to_string(),
            false => versions(&climbed, session.width, lang),
        });
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(axes) = values.text("grow") {
        if values.text("file").is_some() {
            return Err(lang.pick(
                "--grow times the reference and the kernel only; leave the file out".to_string(),
                "--grow 只给参考实现与内核计时；请去掉文件".to_string(),
            ));
        }
        let axes: Vec<&str> = axes.split(',').map(str::trim).collect();
        let result = growth(lesson, &axes, seed, budget, lang)?;
        let json = serde_json::json!(result).to_string();
        let text = match session.plain {
            true => grown_in_words(&result, lang),
            false => grown(&result, session.width, lang),
        };
        return shown(session, values, text, json, &|lang| growing(&result, lang));
    }
    let learner = match values.text("file") {
        Some(file) => Some(learner(session, lesson, Path::new(file), seed)?),
        None => None,
    };
    let result = bench(lesson, seed, budget, learner, lang)?;
    let json = serde_json::json!(result).to_string();
    let bars = !session.plain;
    let text = text(&result, session.width, bars, lang);
    shown(session, values, text, json, &|lang| roofline(&result, lang))
}

/// Prints the result with its plot, or as JSON, and saves the plot where that is asked for.
fn shown(
    session: &mut Session,
    values: &Values,
    text: String,
    json: String,
    plot: &dyn Fn(Lang) -> Plot,
) -> Result<ExitCode, String> {
    let lang = session.lang;
    let mut saved = String::new();
    if let Some(path) = values.text("save") {
        picture::save(&plot(lang).into(), Path::new(path), lang)?;
        saved = lang.pick(format!("\nsaved to {path}"), format!("\n已保存到 {path}"));
    }
    match values.json() {
        true => session.say(json),
        false => {
            session.say(format!("{text}\n"));
            picture::show(session, &plot(lang).into(), values.text("format").is_some())?;
            if !saved.is_empty() {
                session.say(saved);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The roofline (Williams et al. 2009): what the machine's two limits allow for each number of FLOPs per
/// byte, and where this case's implementations stand under it.
fn roofline(bench: &Bench, lang: Lang) -> Plot {
    let Machine {
        copy_gb_s: copy,
        fma_gflop_s: fma,
        ..
    } = bench.machine;
    let (intensity, ridge) = (bench.flops / bench.bytes, fma / copy);
    let roof = |x: f64| (x, (x * copy).min(fma));
    let (low, high) = (intensity.min(ridge) / 8.0, intensity.max(ridge) * 8.0);
    let mut curves = vec![Curve {
        name: lang.pick("this machine's limit".to_string(), "本机上限".to_string()),
        mark: '·',
        points: [low, ridge, high].map(roof).to_vec(),
        style: Style::Line,
    }];
    curves.extend(bench.rows.iter().map(|row| {
        let (name, mark) = match row.name {
            "reference" => (lang.pick("reference", "参考实现"), 'r'),
            "kernel" => (lang.pick("kernel", "内核"), 'k'),
            "cuda" => ("CUDA", 'c'),
            _ => (lang.pick("yours", "你的实现"), 'y'),
        };
        Curve {
            name: name.to_string(),
            mark,
            points: vec![(intensity, row.gflop_s)],
            style: Style::Points,
        }
    }));
    Plot {
        title: lang.pick(
            format!("roofline of {}", bench.lesson),
            format!("{} 的 roofline", bench.lesson),
        ),
        x: Axis::log(lang.pick("FLOP per byte", "每字节 FLOP")),
        y: Axis::log("GFLOP/s"),
        curves,
    }
}

/// Time over size.
fn growing(growth: &Growth, lang: Lang) -> Plot {
    let curve = |name: &str, mark, seconds: fn(&crate::bench::Point) -> f64| Curve {
        name: name.to_string(),
        mark,
        points: growth
            .points
            .iter()
            .map(|point| (point.size as f64, 1e3 * seconds(point)))
            .collect(),
        style: Style::Joined,
    };
    let axes = growth.settings.join(" = ");
    Plot {
        title: lang.pick(
            format!("{}: time over {axes}", growth.lesson),
            format!("{}：时间随 {axes} 增长", growth.lesson),
        ),
        x: Axis::log(axes),
        y: Axis::log("ms"),
        curves: vec![
            curve(lang.pick("reference", "参考实现"), 'r', |p| {
                p.reference_s
            }),
            curve(lang.pick("kernel", "内核"), 'k', |p| p.kernel_s),
        ],
    }
}

/// A row for each size, and the exponents below.
fn grown(growth: &Growth, width: usize, lang: Lang) -> String {
    let axes = growth.settings.join("=");
    let mut out = format!("{} {}\n", growth.lesson.bold(), growth.kernel.dimmed());
    let bytes = |bytes: Option<u64>| bytes.map_or("–".to_string(), |b| si(b as f64, "B"));
    let mut row = |cells: [&str; 6]| {
        let widths = [6, 11, 10, 10, 11, 10];
        for (cell, width) in cells.iter().zip(widths) {
            out += &markdown::pad_left(cell, width);
        }
        out.push('\n');
    };
    let [kernel, reference, extra] = lang.pick(
        ["kernel", "reference", "extra"],
        ["内核", "参考实现", "额外内存"],
    );
    row([&axes, "FLOP", kernel, extra, reference, extra]);
    for point in &growth.points {
        row([
            &point.size.to_string(),
            &si(point.flops, "FLOP"),
            &duration(point.kernel_s),
            &bytes(point.kernel_extra_bytes),
            &duration(point.reference_s),
            &bytes(point.reference_extra_bytes),
        ]);
    }
    let power = |exponent: Option<f64>| exponent.map_or("–".to_string(), |e| format!("^{e:.2}"));
    row([
        "∝",
        &power(growth.flops_exponent),
        &power(growth.kernel_exponent),
        &power(growth.kernel_memory_exponent),
        &power(growth.reference_exponent),
        &power(growth.reference_memory_exponent),
    ]);
    out += &wrap(
        lang.pick(
            "∝: the cost grows like size^exponent, fitted to the logarithms. extra: memory at the peak, beyond inputs and outputs (of the reference: with them, as it keeps every step).",
            "∝：开销按 大小^指数 增长，在对数坐标上拟合。额外内存：输入输出之外的峰值（参考实现保留每一步，连输出一并计入）。",
        ),
        width,
        2,
    );
    out.push('\n');
    out
}

/// The same as a line for each size.
fn grown_in_words(growth: &Growth, lang: Lang) -> String {
    let axes = growth.settings.join("=");
    let mut out = format!("{}: {}\n", growth.lesson, growth.kernel);
    let memory = |bytes: Option<u64>| {
        let bytes = bytes.map(|bytes| si(bytes as f64, "B"));
        bytes.map_or(String::new(), |bytes| {
            lang.pick(
                format!(", extra memory {bytes}"),
                format!("，额外内存 {bytes}"),
            )
        })
    };
    for point in &growth.points {
        let (size, work) = (point.size, si(point.flops, "FLOP"));
        let kernel = duration(point.kernel_s) + &memory(point.kernel_extra_bytes);
        let reference = duration(point.reference_s) + &memory(point.reference_extra_bytes);
        out += &lang.pick(
            format!("{axes}={size}: {work}; kernel {kernel}; reference {reference}\n"),
            format!("{axes}={size}：{work}；内核 {kernel}；参考实现 {reference}\n"),
        );
    }
    let fitted = [
        (lang.pick("FLOP", "FLOP"), growth.flops_exponent),
        (
            lang.pick("the kernel's time", "内核时间"),
            growth.kernel_exponent,
        ),
        (
            lang.pick("the kernel's extra memory", "内核额外内存"),
            growth.kernel_memory_exponent,
        ),
        (
            lang.pick("the reference's time", "参考实现时间"),
            growth.reference_exponent,
        ),
        (
            lang.pick("the reference's extra memory", "参考实现额外内存"),
            growth.reference_memory_exponent,
        ),
    ];
    for (what, exponent) in fitted {
        let Some(exponent) = exponent else { continue };
        out += &lang.pick(
            format!("{what} grows like {axes} to the power of {exponent:.2}\n"),
            format!("{what}按 {axes} 的 {exponent:.2} 次方增长\n"),
        );
    }
    out
}

/// The seconds of a solution's runs on the large case. The judge runs it, so a wrong one is not
/// timed.
fn learner(session: &Session, lesson: &Lesson, file: &Path, seed: u64) -> Result<Learner, String> {
    let options = Options {
        seed,
        ..Options::default()
    };
    let report = match check::judge(session, lesson, file, &options) {
        Ok(report) => report,
        Err(Refusal::Sentence(words) | Refusal::Errors(words)) => return Err(words),
    };
    let learner = report.timing.map(|timing| Learner {
        seconds: timing.learner_runs,
        on_gpu: timing.on_gpu,
    });
    learner
        .filter(|own| report.verdict == Verdict::Passed && !own.seconds.is_empty())
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
pub fn text(bench: &Bench, width: usize, bars: bool, lang: Lang) -> String {
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
    let (tier, threads, limit) = (bench.tier, bench.threads, duration(bench.limit_s));
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
    if let Some(gpu) = &bench.gpu {
        put(on_gpu(gpu, lang));
    }
    out.push('\n');
    for row in &bench.rows {
        out += &line(row, bars, lang);
    }
    out
}

/// A kernel's versions, one below the other.
fn versions(climbed: &[Climbed], width: usize, lang: Lang) -> String {
    let mut out = String::new();
    for ladder in climbed {
        let (copy, tensor) = (ladder.copy_gb_s, ladder.tensor_gflop_s / 1e3);
        let head = lang.pick(
            format!(
                "{}: copies {copy:.0} GB/s, tensor cores {tensor:.0} TFLOP/s",
                ladder.gpu
            ),
            format!(
                "{}：拷贝 {copy:.0} GB/s，tensor core {tensor:.0} TFLOP/s",
                ladder.gpu
            ),
        );
        out += &wrap(&format!("{}\n", ladder.case.bold()), width, 2);
        out += &wrap(&format!("{head}\n"), width, 2);
        let mut first = None;
        for step in &ladder.steps {
            let figures = match (step.seconds, &step.trouble) {
                (Some(seconds), _) => {
                    let times = *first.get_or_insert(seconds) / seconds;
                    let (tflops, bytes) =
                        (ladder.flops / seconds / 1e12, ladder.bytes / seconds / 1e9);
                    let time = duration(seconds);
                    format!("{time:>9}  {tflops:6.1} TFLOP/s  {bytes:6.0} GB/s  {times:5.2}×")
                }
                (None, Some(trouble)) => trouble.clone(),
                (None, None) => String::new(),
            };
            out += &wrap(&format!("  {} {figures}\n", step.name.cyan()), width, 5);
            out += &wrap(&format!("     {}\n", step.adds.dimmed()), width, 5);
        }
        out.push('\n');
    }
    out.trim_end().to_string()
}

/// What the GPU can do, and how right its kernel is.
fn on_gpu(gpu: &Measured, lang: Lang) -> String {
    let (name, copy, fma) = (&gpu.gpu, gpu.copy_gb_s, gpu.fma_gflop_s / 1e3);
    let limits = lang.pick(
        format!("GPU: {name}, copies {copy:.0} GB/s, {fma:.0} TFLOP/s of FMA"),
        format!("GPU：{name}，拷贝 {copy:.0} GB/s，FMA {fma:.0} TFLOP/s"),
    );
    let Some(kernel) = &gpu.kernel else {
        return lang.pick(
            format!("{limits}; this lesson's kernel runs on the CPU only"),
            format!("{limits}；本课的内核只在 CPU 上运行"),
        );
    };
    let (name, error, tolerance) = (&kernel.name, kernel.error, kernel.tolerance);
    let peak = kernel.peak_gflop_s / 1e3;
    lang.pick(
        format!("{limits}; kernel: {name} (its units do {peak:.0} TFLOP/s); off by {error:.1e}, allowed {tolerance:.1e}"),
        format!("{limits}；内核：{name}（所用单元峰值 {peak:.0} TFLOP/s）；误差 {error:.1e}，允许 {tolerance:.1e}"),
    )
}

fn line(row: &Row, bars: bool, lang: Lang) -> String {
    let name = match row.name {
        "reference" => lang.pick("reference", "参考实现"),
        "kernel" => lang.pick("kernel", "内核"),
        "cuda" => "CUDA",
        _ => lang.pick("yours", "你的实现"),
    };
    // The peak that a kernel on the GPU is measured by is that of its units, tensor cores perhaps.
    let peak = if row.name == "cuda" { "peak" } else { "FMA" };
    let spread = match row.runs {
        1 => lang.pick("one run".to_string(), "运行 1 次".to_string()),
        runs => {
            let (min, max) = (duration(row.min_s), duration(row.max_s));
            lang.pick(
                format!("{min} to {max} in {runs} runs"),
                format!("{runs} 次运行，{min} 至 {max}"),
            )
        }
    };
    let filled = ((30.0 * row.of_limit).round() as usize).min(30);
    let bar = match bars {
        true => format!("{}{} ", "█".repeat(filled), "·".repeat(30 - filled)),
        false => String::new(),
    };
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
        "{} {:>9}  {}\n  {}{of_limit}\n  {:.1} GFLOP/s ({fma:.1} % {peak})  {:.1} GB/s ({copy:.1} % copy)\n",
        markdown::pad(name, 10).cyan(),
        duration(row.median_s),
        spread.dimmed(),
        bar.green(),
        row.gflop_s,
        row.gb_s,
    )
}
