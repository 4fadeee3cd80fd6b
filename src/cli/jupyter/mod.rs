//! `llmlab jupyter`: notebooks.

mod cell;
#[doc(hidden)]
pub mod client;
mod doctor;
mod kernel;
mod server;
mod spec;

use super::Session;
use super::check::Bar;
use super::lab::Lab;
use super::verbs::{Arg, FORMAT, Shape, Values, Verb};
use crate::text::Text;
use colored::Colorize;
use std::process::{Command, ExitCode, Stdio};

pub const VERB: Verb = Verb {
    name: "jupyter",
    about: Text::new(
        "Rust notebooks: install, uninstall or doctor Jupyter's kernel",
        "Rust 笔记本：安装、卸载或检查 Jupyter 内核",
    ),
    args: &[
        Arg {
            name: "action",
            shape: Shape::Word,
            about: Text::new(
                "install, uninstall or doctor; `kernel` is for Jupyter itself",
                "install（安装）、uninstall（卸载）或 doctor（检查）；`kernel` 供 Jupyter 自己调用",
            ),
        },
        Arg {
            name: "file",
            shape: Shape::OptionalFile,
            about: Text::new(
                "the connection file that Jupyter gives `kernel`",
                "Jupyter 交给 `kernel` 的连接文件",
            ),
        },
        Arg {
            name: "prefix",
            shape: Shape::Option("DIR"),
            about: Text::new(
                "a Python environment to install into, instead of your home directory",
                "安装到这个 Python 环境，而不是主目录",
            ),
        },
        FORMAT,
    ],
    run,
};

fn run(session: &mut Session, values: &Values) -> Result<ExitCode, String> {
    let lang = session.lang;
    let action = values.text("action").unwrap_or_default();
    if let (Some(file), true) = (values.text("file"), action != "kernel") {
        return Err(lang.pick(
            format!("`{file}` is not expected here; `llmlab help jupyter` shows what is"),
            format!("这里不需要 `{file}`；`llmlab help jupyter` 查看写法"),
        ));
    }
    let folder = spec::folder(values.text("prefix"), lang)?;
    match (action, values.text("file")) {
        ("install", _) => install(session, &folder),
        ("uninstall", _) => {
            let shown = folder.display();
            session.say(match spec::remove(&folder, lang)? {
                true => lang.pick(format!("removed {shown}"), format!("已删除 {shown}")),
                false => lang.pick(
                    format!("nothing to remove: there is no {shown}"),
                    format!("无需删除：{shown} 不存在"),
                ),
            });
            Ok(ExitCode::SUCCESS)
        }
        ("doctor", _) => {
            let checks = doctor::checks(session, &folder);
            Ok(super::doctor::tell(session, &checks, values.json()))
        }
        ("kernel", Some(file)) => kernel::run(session, file.as_ref()),
        ("kernel", None) => Err(lang
            .pick(
                "Jupyter starts `jupyter kernel` with a connection file; `llmlab jupyter install` prepares that",
                "`jupyter kernel` 由 Jupyter 启动，并传入连接文件；请先运行 `llmlab jupyter install`",
            )
            .to_string()),
        (other, _) => {
            let near = crate::near::nearest(other, ["install", "uninstall", "doctor"]);
            Err(match near {
                Some(near) => lang.pick(
                    format!("there is no `jupyter {other}`; did you mean `{near}`?"),
                    format!("没有 `jupyter {other}`；是不是想输入 `{near}`？"),
                ),
                None => lang.pick(
                    format!("there is no `jupyter {other}`; there are install, uninstall and doctor"),
                    format!("没有 `jupyter {other}`；可用的有 install、uninstall 和 doctor"),
                ),
            })
        }
    }
}

/// Writes the kernel's folder, and compiles what the first cell would wait for.
fn install(session: &Session, folder: &std::path::Path) -> Result<ExitCode, String> {
    let lang = session.lang;
    spec::write(folder, lang)?;
    let (title, shown) = (spec::TITLE.bold(), folder.display());
    session.say(lang.pick(
        format!("installed the kernel {title} in {shown}"),
        format!("内核 {title} 已安装到 {shown}"),
    ));
    let lab = Lab::open()?;
    let mut bar = Bar::new(
        session,
        lang.pick(
            "compiling the library, about half a minute",
            "正在编译库，约半分钟",
        ),
    );
    let built = lab.build(&mut |at| bar.show(at)).and_then(|_| lab.fetch());
    bar.clear();
    built?;
    lab.check();
    let there = Command::new("jupyter")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let open = match there.is_ok_and(|status| status.success()) {
        true => lang.pick("now: ", "接下来：").to_string(),
        false => lang.pick(
            format!(
                "now: {} (Jupyter is not there yet), then ",
                "pip install jupyterlab".cyan()
            ),
            format!(
                "接下来：{}（尚未安装 Jupyter），然后 ",
                "pip install jupyterlab".cyan()
            ),
        ),
    };
    let start = "jupyter lab".cyan();
    session.say(lang.pick(
        format!("{open}{start}, and choose {title} for a notebook"),
        format!("{open}{start}，为笔记本选择 {title}"),
    ));
    Ok(ExitCode::SUCCESS)
}
