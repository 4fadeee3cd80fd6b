//! `llmlab doctor`: what this machine offers, and what to mend.

use super::verbs::{FORMAT, Values, Verb};
use super::wrap::wrap;
use super::{Session, markdown};
use crate::kernels::cpu::{Tier, threads};
use crate::kernels::cuda::{self, Absent};
use crate::lessons::LESSONS;
use crate::store;
use crate::text::{Lang, Text};
use colored::Colorize;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

pub const VERB: Verb = Verb {
    name: "doctor",
    about: Text::new(
        "CPU, kernels, Rust toolchain, directories, terminal: one fix per problem",
        "检查 CPU、内核、Rust 工具链、目录与终端，每个问题给出一条修复办法",
    ),
    args: &[FORMAT],
    run,
};

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    pub name: &'static str,
    pub ok: bool,
    pub found: String,
    /// What to do, where something is wrong.
    pub fix: Option<String>,
}

fn run(session: &mut Session, values: &Values) -> Result<ExitCode, String> {
    Ok(tell(session, &checks(session), values.json()))
}

/// Shows what was found; the exit code is 1 where something is to be mended.
pub fn tell(session: &Session, checks: &[Check], json: bool) -> ExitCode {
    let well = checks.iter().all(|check| check.ok);
    if json {
        session.say(serde_json::json!({ "ok": well, "checks": checks }).to_string());
    } else {
        for check in checks {
            session.say(row(check, session));
        }
        let lang = session.lang;
        session.say(match well {
            true => lang.pick("\nall is well", "\n一切正常").green().to_string(),
            false if session.plain => lang
                .pick("\nsee the lines with fix", "\n请按“修复”各行处理")
                .to_string(),
            false => lang
                .pick("\nsee the lines with →", "\n请按带 → 的行修复")
                .yellow()
                .to_string(),
        });
    }
    match well {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(1),
    }
}

fn row(check: &Check, session: &Session) -> String {
    let (width, lang) = (session.width, session.lang);
    if session.plain {
        let state = match check.ok {
            true => lang.pick("well", "正常"),
            false => lang.pick("to be mended", "需要修复"),
        };
        let (name, found) = (check.name, &check.found);
        let mut facts = vec![lang.pick(
            format!("{name}: {state}; {found}"),
            format!("{name}：{state}；{found}"),
        )];
        facts.extend(
            check
                .fix
                .iter()
                .map(|fix| lang.pick(format!("  fix: {fix}"), format!("  修复：{fix}"))),
        );
        let facts: Vec<String> = facts.iter().map(|fact| wrap(fact, width, 4)).collect();
        return facts.join("\n");
    }
    let mark = if check.ok { "✓".green() } else { "✗".red() };
    let name = markdown::pad(check.name, 10);
    let mut out = wrap(
        &format!("{mark} {} {}", name.bold(), check.found),
        width,
        13,
    );
    if let Some(fix) = &check.fix {
        out += &format!("\n{}", wrap(&format!("             → {fix}"), width, 15));
    }
    out
}

/// Looks at everything.
pub fn checks(session: &Session) -> Vec<Check> {
    let lang = session.lang;
    let fine = |name, found| Check {
        name,
        ok: true,
        found,
        fix: None,
    };
    let colour = match colored::control::SHOULD_COLORIZE.should_colorize() {
        true => lang.pick("colour", "彩色"),
        false => lang.pick("no colour", "无颜色"),
    };
    let terminal = match session.height {
        Some(height) => format!("{} × {height}, {colour}", session.width),
        None => lang.pick(
            format!("output is piped: {} columns, {colour}", session.width),
            format!("输出被重定向：{} 列，{colour}", session.width),
        ),
    };
    vec![
        fine(
            "llmlab",
            session.beside(&[
                env!("CARGO_PKG_VERSION").to_string(),
                format!("{} {}", LESSONS.len(), lang.pick("lessons", "课")),
            ]),
        ),
        fine("cpu", cpu()),
        fine("threads", threads().to_string()),
        kernels(lang),
        gpu(lang),
        tool("rustc", lang),
        tool("cargo", lang),
        directory(
            "progress",
            store::directory().map_err(|trouble| trouble.get(lang).to_string()),
            lang,
        ),
        directory("cache", super::lab::cache_dir(), lang),
        fine("terminal", terminal),
    ]
}

/// The architecture and the instruction sets that kernels ask for.
fn cpu() -> String {
    #[allow(unused_mut)]
    let mut found: Vec<&str> = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        macro_rules! look {
            ($($name:tt)*) => {$( if is_x86_feature_detected!($name) { found.push($name); } )*};
        }
        look!("avx" "f16c" "fma" "avx2" "avx512f" "avx512vl" "avx512bf16" "avx512vnni");
    }
    let found = match found.is_empty() {
        true => String::new(),
        false => format!(": {}", found.join(" ")),
    };
    format!("{}{found}", std::env::consts::ARCH)
}

/// The instructions that kernels use, and whether `LLMLAB_CPU` is one that this machine has.
fn kernels(lang: Lang) -> Check {
    let name = "kernels";
    let ids: Vec<&str> = Tier::all().iter().map(|tier| tier.id()).collect();
    let has = ids.join(", ");
    let used = Tier::current().name();
    let asked = std::env::var("LLMLAB_CPU").unwrap_or_default();
    let refused = match Tier::parse(&asked) {
        None if asked.is_empty() => false,
        Some(tier) => tier > Tier::detected(),
        None => true,
    };
    let fix = lang.pick(
        format!("LLMLAB_CPU={asked} is not among {has}; set it to one of these, or unset it"),
        format!("LLMLAB_CPU={asked} 不在 {has} 之中；请改为其中之一，或取消设置"),
    );
    Check {
        name,
        ok: !refused,
        found: lang.pick(
            format!("{used}; LLMLAB_CPU may be {has}"),
            format!("{used}；LLMLAB_CPU 可取 {has}"),
        ),
        fix: refused.then_some(fix),
    }
}

/// The GPU, its driver and its compiler, or the one thing that is missing. None at all is no fault.
fn gpu(lang: Lang) -> Check {
    let (ok, found, fix) = match cuda::gpu() {
        Ok(gpu) => {
            let (major, minor) = gpu.nvrtc.version;
            let (name, arch, driver) = (&gpu.name, gpu.arch(), &gpu.driver);
            let memory = crate::show::si(gpu.memory_bytes as f64, "B");
            let path = gpu.nvrtc.path.display();
            let tiers = tiers(gpu.capability);
            let found = lang.pick(
                format!("{name} ({arch}, {memory}), driver for CUDA {driver}, NVRTC {major}.{minor} ({path}); kernels: {tiers}"),
                format!("{name}（{arch}，{memory}），驱动支持 CUDA {driver}，NVRTC {major}.{minor}（{path}）；内核：{tiers}"),
            );
            (true, found, None)
        }
        Err(absent) => {
            let (found, fix) = without(absent, lang);
            (!absent.can_be_mended(), found, fix)
        }
    };
    Check {
        name: "gpu",
        ok,
        found,
        fix,
    }
}

/// The kernels by the tier that each takes on this GPU: `attention, GEMM sm_90a; softmax sm_80`.
fn tiers(capability: (i32, i32)) -> String {
    let mut by_tier: Vec<(cuda::Tier, Vec<&str>)> = Vec::new();
    for (kernel, tier) in cuda::tiers(capability) {
        match by_tier.iter_mut().find(|(known, _)| *known == tier) {
            Some((_, kernels)) => kernels.push(kernel),
            None => by_tier.push((tier, vec![kernel])),
        }
    }
    let words = by_tier
        .iter()
        .map(|(tier, kernels)| format!("{} ({})", kernels.join(", "), tier.name()));
    words.collect::<Vec<_>>().join("; ")
}

/// What there is in place of a usable GPU, and what would make it one.
fn without(absent: &Absent, lang: Lang) -> (String, Option<String>) {
    let words = |en: &str, zh: &str| lang.pick(en.to_string(), zh.to_string());
    match absent {
        Absent::NoDriver => (
            words(
                "none (no NVIDIA driver); none is needed, kernels run on the CPU",
                "没有（无 NVIDIA 驱动）；不需要 GPU，内核在 CPU 上运行",
            ),
            None,
        ),
        Absent::NoDevice => (
            words(
                "an NVIDIA driver, but no GPU",
                "有 NVIDIA 驱动，但没有可用的 GPU",
            ),
            Some(words(
                "look at `nvidia-smi` and at CUDA_VISIBLE_DEVICES",
                "请检查 `nvidia-smi` 与 CUDA_VISIBLE_DEVICES",
            )),
        ),
        Absent::OldDriver(version) => (
            lang.pick(
                format!("an NVIDIA driver for CUDA {version}"),
                format!("NVIDIA 驱动只支持 CUDA {version}"),
            ),
            Some(words(
                "update the driver to one for CUDA 12.8 or later (570 or later)",
                "请把驱动更新到支持 CUDA 12.8 的版本（570 或更新）",
            )),
        ),
        Absent::OldGpu { name, capability } => {
            let (major, minor) = capability;
            let found = lang.pick(
                format!("{name} (compute capability {major}.{minor}): GPU kernels need 7.5 or later, kernels run on the CPU"),
                format!("{name}（计算能力 {major}.{minor}）：GPU 内核需要 7.5 以上，内核在 CPU 上运行"),
            );
            (found, None)
        }
        Absent::NoCompiler { gpu, missing } => {
            let count = missing.looked.len();
            let found = lang.pick(
                format!("{gpu}, but no NVRTC to compile its kernels (looked in {count} folders)"),
                format!("{gpu}，但没有编译内核所需的 NVRTC（查找了 {count} 个目录）"),
            );
            let fix = words(
                "`pip install nvidia-cuda-nvrtc`, or set CUDA_HOME to a CUDA toolkit, or LLMLAB_NVRTC to the file",
                "运行 `pip install nvidia-cuda-nvrtc`，或将 CUDA_HOME 指向 CUDA 工具包，或将 LLMLAB_NVRTC 指向库文件",
            );
            (found, Some(fix))
        }
        Absent::Refused(said) => (
            lang.pick(
                format!("the NVIDIA driver refuses: {said}"),
                format!("NVIDIA 驱动拒绝：{said}"),
            ),
            Some(words(
                "look at `nvidia-smi`: the driver and its kernel module must be of one version",
                "请检查 `nvidia-smi`：驱动与内核模块的版本须一致",
            )),
        ),
    }
}

/// A program of the Rust toolchain.
pub fn tool(name: &'static str, lang: Lang) -> Check {
    let asked = std::env::var_os(name.to_uppercase());
    let program = asked
        .filter(|path| !path.is_empty())
        .unwrap_or_else(|| name.into());
    let output = Command::new(program).arg("--version").output();
    let said = output.ok().filter(|output| output.status.success());
    let said = said.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_string());
    let (ok, found) = match said {
        Some(version) => (new_enough(&version), version),
        None => (false, lang.pick("not found", "未找到").to_string()),
    };
    let needed = env!("CARGO_PKG_RUST_VERSION");
    let fix = lang.pick(
        format!("install Rust {needed} or later from https://rustup.rs (or `rustup update`); only checking and running Rust code needs it"),
        format!("从 https://rustup.rs 安装 Rust {needed} 或更新版本（或运行 `rustup update`）；只有评测和运行 Rust 代码才需要它"),
    );
    Check {
        name,
        ok,
        found,
        fix: (!ok).then_some(fix),
    }
}

/// `rustc 1.95.0 (…)` against the version that the package needs.
fn new_enough(version: &str) -> bool {
    let parts = |text: &str| -> Vec<u64> {
        text.split('.')
            .map(|part| part.parse().unwrap_or(0))
            .collect()
    };
    let number = version.split_whitespace().nth(1).unwrap_or_default();
    parts(number) >= parts(env!("CARGO_PKG_RUST_VERSION"))
}

/// Whether a directory is there or can be made, may be written to, and how large it is.
fn directory(name: &'static str, path: Result<PathBuf, String>, lang: Lang) -> Check {
    let path = match path {
        Ok(path) => path,
        Err(fix) => {
            return Check {
                name,
                ok: false,
                found: lang.pick("no directory", "没有可用目录").to_string(),
                fix: Some(fix),
            };
        }
    };
    let there = path.is_dir();
    // The nearest directory that is there decides whether it can be made.
    let nearest = path.ancestors().find(|path| path.exists());
    let ok = nearest.is_some_and(|path| path.is_dir() && writable(path));
    let shown = path.display();
    let found = match there {
        true => format!("{shown} ({:.1} MB)", size(&path, &mut 20_000) as f64 / 1e6),
        false => lang.pick(
            format!("{shown} (is made when it is needed)"),
            format!("{shown}(需要时创建)"),
        ),
    };
    let variable = if name == "cache" {
        "LLMLAB_CACHE"
    } else {
        "LLMLAB_DATA"
    };
    let fix = lang.pick(
        format!("{shown} cannot be written to: set {variable} to a directory of yours"),
        format!("无法写入 {shown}：请把 {variable} 设为可写的目录"),
    );
    Check {
        name,
        ok,
        found,
        fix: (!ok).then_some(fix),
    }
}

fn writable(directory: &Path) -> bool {
    let probe = directory.join(format!(".llmlab-{}", std::process::id()));
    let made = std::fs::File::create_new(&probe).is_ok();
    // Nothing is lost when an empty file stays.
    let _ = std::fs::remove_file(&probe);
    made
}

/// Bytes of all files below, counted up to `most` entries.
fn size(directory: &Path, most: &mut usize) -> u64 {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut total = 0;
    for entry in entries {
        if *most == 0 {
            break;
        }
        *most -= 1;
        total += match entry.metadata() {
            Ok(about) if about.is_dir() => size(&entry.path(), most),
            Ok(about) => about.len(),
            Err(_) => 0,
        };
    }
    total
}
