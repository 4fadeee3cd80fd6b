//! A report in words.

use super::report::{CaseId, Failure, Held, LawFact, Pair, Place, Report, Timing, Verdict};
use super::words;
use crate::lesson::Lesson;
use crate::text::Lang;
use colored::Colorize;
use std::collections::BTreeMap;

/// The verdict as a person reads it; in colour where `colored` allows.
///
/// `prompt` stands before the commands in it: `llmlab ` in a shell, `:` in the REPL.
pub fn render(lesson: &Lesson, report: &Report, prompt: &str, lang: Lang) -> String {
    let mut lines = vec![headline(lesson, report, lang)];
    if let Some(convention) = &report.convention
        && let Some(known) = lesson
            .problem
            .conventions
            .iter()
            .find(|c| c.id == convention)
    {
        let label = lang.pick("convention", "约定");
        lines.push(format!("  {label}: {}", known.sentence.get(lang)));
        lines.push(format!("  {}", known.who.get(lang).dimmed()));
    }
    if let Some(failure) = &report.failure {
        lines.extend(explain(lesson, report, failure, prompt, lang));
    }
    if let Some(held) = &report.memory {
        lines.extend(weighed(lesson, held, lang));
    }
    if let Some(timing) = &report.timing {
        lines.extend(timed(lesson, timing, lang));
    }
    if !report.printed.trim().is_empty() {
        let label = lang.pick("your function printed", "你的函数打印了");
        lines.push(format!("  {label}:"));
        lines.extend(
            report
                .printed
                .trim_end()
                .lines()
                .map(|line| format!("  │ {line}")),
        );
    }
    lines.join("\n") + "\n"
}

/// The trace command that shows the reference at work on a case.
pub fn replay(lesson: &str, case: &CaseId) -> String {
    let mut words = format!("trace {lesson} --case {} --seed {}", case.kind, case.seed);
    for (name, value) in &case.changed {
        words += &format!(" {name}={value}");
    }
    words
}

fn headline(lesson: &Lesson, report: &Report, lang: Lang) -> String {
    let (en, zh) = words::verdict(report.verdict);
    let verdict = lang.pick(en, zh);
    let title = match report.verdict {
        Verdict::Passed => format!("✓ {}: {verdict}", lesson.id).green().bold(),
        _ => format!("✗ {}: {verdict}", lesson.id).red().bold(),
    };
    let mut stages: Vec<String> = report
        .stages
        .iter()
        .map(|stage| {
            let name = lang.pick(stage.id.as_str(), words::stage_zh(&stage.id));
            format!("{name} {}/{}", stage.passed, stage.total)
        })
        .collect();
    stages.push(format!("{:.2} s", report.seconds));
    format!("{title}   {}", stages.join(" · ").dimmed())
}

fn explain(
    lesson: &Lesson,
    report: &Report,
    failure: &Failure,
    prompt: &str,
    lang: Lang,
) -> Vec<String> {
    let mut lines = Vec::new();
    match report.verdict {
        Verdict::WrongShape => {
            lines.extend(
                failure
                    .shape
                    .iter()
                    .map(|fact| format!("  {}", words::shape(fact, lang))),
            );
        }
        Verdict::WrongValues => lines.extend(wrong_values(lesson, failure, lang)),
        Verdict::BrokenLaw => {
            lines.extend(
                failure
                    .law
                    .iter()
                    .flat_map(|broken| law(lesson, broken, lang)),
            );
        }
        other => {
            let message = failure.message.as_deref().unwrap_or("");
            lines.push(format!("  {}", words::death(other, message, lang)));
        }
    }
    if let Some(case) = &failure.case {
        let label = match report.verdict {
            Verdict::WrongValues => lang.pick("smallest case that fails", "最小的失败用例"),
            _ => lang.pick("in the case", "所在用例"),
        };
        lines.push(format!("  {label}: {}", described(lesson, case, lang)));
    }
    if report.verdict == Verdict::WrongValues {
        lines.extend(evidence(lesson, failure, lang));
    }
    if let Some(case) = &failure.case {
        let label = lang.pick("the reference on it", "在该用例上看参考实现");
        let command = format!("{prompt}{}", replay(lesson.id, case));
        lines.push(format!("  {label}: {}", command.cyan()));
    }
    lines
}

/// A law that does not hold, and by how much.
fn law(lesson: &Lesson, broken: &LawFact, lang: Lang) -> [String; 2] {
    let law = lesson.problem.laws.iter().find(|law| law.id == broken.id);
    let sentence = law.map_or("", |law| law.sentence.get(lang));
    let label = lang.pick(
        "this must hold and does not",
        "下面这条必须成立，但没有成立",
    );
    let (off, allowed) = lang.pick(("off by", "allowed"), ("偏差", "允许"));
    [
        format!("  {label}: {}", sentence.yellow()),
        format!("  {off} {:.3e}, {allowed} {:.3e}", broken.err, broken.tol),
    ]
}

/// The cause: a planted bug, or what was measured.
fn wrong_values(lesson: &Lesson, failure: &Failure, lang: Lang) -> Vec<String> {
    let bugs = failure.bugs.iter();
    let known = bugs.filter_map(|id| lesson.problem.bugs.iter().find(|bug| bug.id == id));
    let bugs: Vec<_> = known.collect();
    let (total, failed) = failure.explained.unwrap_or_default();
    if bugs.is_empty() {
        let measured = failure
            .facts
            .iter()
            .map(|fact| format!("  {}", words::fact(fact, lang)));
        let unknown = match lang {
            Lang::En => format!(
                "  {failed} of {total} cases are wrong, and no mistake known here, nor two together, gives this answer"
            ),
            Lang::Zh => format!(
                "  {total} 个用例中有 {failed} 个错误；已知的错误（包括两两组合）都得不出这样的结果"
            ),
        };
        let laws = failure
            .law
            .iter()
            .flat_map(|broken| law(lesson, broken, lang));
        return std::iter::once(unknown)
            .chain(measured)
            .chain(laws)
            .collect();
    }
    let covered = failure.covered;
    let and = lang.pick(", and ", "，并且");
    let sentences: Vec<&str> = bugs.iter().map(|bug| bug.sentence.get(lang)).collect();
    let sentences = sentences.join(and).yellow();
    let id = lesson.id;
    let mut lines = vec![match (lang, covered < total) {
        (Lang::En, false) => format!(
            "  your output equals {id} {sentences}   ({total} of {total} cases, {failed} of them wrong)"
        ),
        (Lang::Zh, false) => format!(
            "  你的输出等于 {id} {sentences}   （{total} 个用例全部吻合，其中 {failed} 个是错的）"
        ),
        (Lang::En, true) => format!(
            "  on {covered} of {total} cases your output equals {id} {sentences}; on the others something else is wrong too"
        ),
        (Lang::Zh, true) => format!(
            "  在 {total} 个用例中的 {covered} 个上，你的输出等于 {id} {sentences}；其余用例还有别的错误"
        ),
    }];
    for bug in bugs {
        let label = lang.pick("mend", "修改");
        lines.push(format!("  {label}: {}", bug.repair.get(lang)));
    }
    lines
}

fn evidence(lesson: &Lesson, failure: &Failure, lang: Lang) -> Vec<String> {
    let mut lines = Vec::new();
    for (pair, (name, _)) in failure.values.iter().zip(lesson.problem.outputs) {
        lines.extend(both(name, pair, lang));
    }
    if let Some(place) = &failure.place {
        lines.push(format!("    {}", worst(lesson, place, lang)));
    }
    if let Some(tolerance) = &failure.tolerance {
        let label = lang.pick("allowed", "容差");
        lines.push(format!("    {}", format!("{label}: {tolerance}").dimmed()));
    }
    if let Some(divergence) = &failure.divergence {
        lines.push(format!("  {}", words::divergence(divergence, lang)));
    }
    lines
}

fn both(name: &str, pair: &Pair, lang: Lang) -> [String; 2] {
    let row = |values: &[f64]| {
        let words: Vec<String> = values.iter().map(|x| format!("{x:>9.4}")).collect();
        words.join(" ")
    };
    let (want, got) = lang.pick(("expected", "got     "), ("应为", "得到"));
    [
        format!("    {name} {want} {}", row(&pair.want).green()),
        format!("    {name} {got} {}", row(&pair.got).red()),
    ]
}

fn worst(lesson: &Lesson, place: &Place, lang: Lang) -> String {
    let name = lesson.problem.outputs[place.output].0;
    let index: Vec<String> = place.index.iter().map(usize::to_string).collect();
    let at = match index.is_empty() {
        true => name.to_string(),
        false => format!("{name}[{}]", index.join(" ")),
    };
    let Place {
        got,
        want,
        err,
        tol,
        wrong,
        total,
        ..
    } = place;
    match lang {
        Lang::En => format!(
            "worst at {at}: expected {want:.6}, got {got:.6}, off by {err:.3e}, allowed {tol:.3e}; {wrong} of {total} elements are wrong"
        ),
        Lang::Zh => format!(
            "偏差最大处 {at}：应为 {want:.6}，得到 {got:.6}，相差 {err:.3e}，允许 {tol:.3e}；{total} 个元素中有 {wrong} 个错误"
        ),
    }
}

fn described(lesson: &Lesson, case: &CaseId, lang: Lang) -> String {
    let seed = lang.pick("seed", "种子");
    let sizes = sizes(lesson, &case.settings);
    format!("{} ({seed} {}): {sizes}", case.kind, case.seed)
}

/// Sizes in the problem's order, and the options that are not where they usually are.
fn sizes(lesson: &Lesson, settings: &BTreeMap<String, usize>) -> String {
    let told = lesson.problem.settings.iter().filter_map(|setting| {
        let value = *settings.get(setting.name)?;
        let told = setting.axis || value != setting.default;
        told.then(|| format!("{}={value}", setting.name))
    });
    told.collect::<Vec<_>>().join(" ")
}

/// What the answer held in the large case, and what that most likely is.
fn weighed(lesson: &Lesson, held: &Held, lang: Lang) -> Vec<String> {
    let Some(memory) = &lesson.problem.memory else {
        return Vec::new();
    };
    let usual = memory.usual.get(lang);
    let [allowed, matrix] = [held.allowed, held.usual].map(words::bytes);
    let Some(extra) = held.extra else {
        return match held.trouble {
            Some(_) => Vec::new(),
            None => vec![format!(
                "  {}",
                lang.pick(
                    "memory: it cannot be measured here; `llmlab check` of a file can",
                    "内存：此处无法测量；用 `llmlab check` 判定文件即可测量",
                )
            )],
        };
    };
    let about = match held.exact {
        true => "",
        false => lang.pick("about ", "约 "),
    };
    let extra = format!("{about}{}", words::bytes(extra));
    let sizes = sizes(lesson, &held.settings);
    if !held.too_much() {
        return vec![lang.pick(
            format!(
                "  memory {}   {extra} beyond inputs and output; {usual} is {matrix}",
                sizes.dimmed()
            ),
            format!(
                "  内存 {}   输入与输出之外占用 {extra}；{usual}是 {matrix}",
                sizes.dimmed()
            ),
        )];
    }
    let label = lang.pick("in the case", "所在用例");
    let mend = lang.pick("mend", "修改");
    vec![
        lang.pick(
            format!(
                "  your function held {extra} beyond its inputs and output, {allowed} are allowed; {usual} is {matrix}"
            ),
            format!("  你的函数在输入与输出之外占用了 {extra}，只允许 {allowed}；{usual}是 {matrix}"),
        )
        .yellow()
        .to_string(),
        format!("  {mend}: {}", memory.repair.get(lang)),
        format!("  {label}: {sizes}"),
    ]
}

/// The large case: yours beside the reference and the production kernel.
fn timed(lesson: &Lesson, timing: &Timing, lang: Lang) -> Vec<String> {
    let label = lang.pick("large case", "大规模用例");
    let sizes = sizes(lesson, &timing.settings);
    let mut lines = vec![format!("  {label} {}", sizes.dimmed())];
    let rate = |seconds: f64| match timing.flops > 4.0 * timing.bytes {
        true => format!("{:7.2} GFLOP/s", timing.flops / seconds / 1e9),
        false => format!("{:7.2} GB/s", timing.bytes / seconds / 1e9),
    };
    let mut row = |label: &str, seconds: Option<f64>, part: bool, note: String| {
        if let Some(seconds) = seconds {
            let time = words::duration(seconds);
            let limit = timing.limit.as_ref().filter(|_| part);
            let part = limit.map_or("       ".to_string(), |(least, _)| {
                format!("{:5.1} %", 100.0 * least / seconds)
            });
            lines.push(format!(
                "    {label} {time:>9}  {}  {part}  {note}",
                rate(seconds)
            ));
        }
    };
    // The kernel on the GPU is the measure where the answer ran there: where the limit is the GPU's.
    let on_gpu = timing.cuda.as_ref().filter(|_| timing.on_gpu);
    let measure = on_gpu.map(|(_, seconds)| *seconds).or(timing.production);
    let beside = timing.learner.zip(measure).map(|(own, kernel)| {
        let ratio = own / kernel;
        match lang {
            Lang::En => format!("{ratio:.1}× the kernel's time"),
            Lang::Zh => format!("是生产内核耗时的 {ratio:.1} 倍"),
        }
    });
    let labels = lang.pick(
        ["yours     ", "reference ", "kernel    ", "CUDA      "],
        ["你的    ", "参考实现", "生产内核", "CUDA    "],
    );
    // A part of the limit is of that limit's machine only.
    let here = !timing.on_gpu;
    row(labels[0], timing.learner, true, beside.unwrap_or_default());
    let steps = lang.pick("f64, step by step", "f64，逐步");
    row(labels[1], timing.reference, here, steps.to_string());
    row(labels[2], timing.production, here, timing.kernel.clone());
    if let Some((name, seconds)) = &timing.cuda {
        row(labels[3], Some(*seconds), false, name.clone());
    }
    if let Some((least, bound)) = &timing.limit {
        let least = words::duration(*least);
        let gpu = timing.on_gpu;
        lines.push(match (lang, bound.as_str()) {
            (Lang::En, bound) if gpu => format!("    % of the GPU's limit: {least}, set by {bound} (measured just now)"),
            (Lang::Zh, "memory") if gpu => format!("    百分比以 GPU 极限为准：{least}，受显存带宽限制（刚测得）"),
            (Lang::Zh, _) if gpu => format!("    百分比以 GPU 极限为准：{least}，受计算限制（刚测得）"),
            (Lang::En, "memory") => format!("    % of this machine's limit: {least}, set by memory (copy bandwidth, measured just now)"),
            (Lang::En, _) => format!("    % of this machine's limit: {least}, set by arithmetic (FMA peak, measured just now)"),
            (Lang::Zh, "memory") => format!("    百分比以本机极限为准：{least}，受内存限制（刚测得的拷贝带宽）"),
            (Lang::Zh, _) => format!("    百分比以本机极限为准：{least}，受计算限制（刚测得的 FMA 峰值）"),
        });
    }
    if let Some(place) = &timing.wrong {
        lines.push(format!("    {}", worst(lesson, place, lang).red()));
    }
    if let Some((verdict, message)) = &timing.trouble {
        let words = words::death(*verdict, message, lang);
        lines.push(format!("    {}", words.yellow()));
    }
    lines
}
