//! The folder by which Jupyter knows the kernel.

use crate::text::Lang;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// How Jupyter calls the kernel, and what people choose.
pub const NAME: &str = "llmlab";
pub const TITLE: &str = "llmlab (Rust)";

const LOGOS: [(&str, &[u8]); 3] = [
    ("logo-svg.svg", include_bytes!("logo.svg")),
    ("logo-32x32.png", include_bytes!("logo-32.png")),
    ("logo-64x64.png", include_bytes!("logo-64.png")),
];

/// Where the kernel's folder is: below `prefix` if given, else in the user's Jupyter directory.
///
/// # Errors
/// A sentence when there is neither that nor a home directory.
pub fn folder(prefix: Option<&str>, lang: Lang) -> Result<PathBuf, String> {
    let set = |name| std::env::var_os(name).filter(|value: &std::ffi::OsString| !value.is_empty());
    let home = |rest: &str| Some(std::env::home_dir()?.join(rest));
    let data = match prefix {
        Some(prefix) => Some(Path::new(prefix).join("share/jupyter")),
        None => set("JUPYTER_DATA_DIR").map(PathBuf::from).or_else(|| {
            if cfg!(target_os = "macos") {
                home("Library/Jupyter")
            } else if cfg!(windows) {
                Some(PathBuf::from(set("APPDATA")?).join("jupyter"))
            } else {
                let xdg = set("XDG_DATA_HOME").map(|data| PathBuf::from(data).join("jupyter"));
                xdg.or_else(|| home(".local/share/jupyter"))
            }
        }),
    };
    match data {
        Some(data) => Ok(data.join("kernels").join(NAME)),
        None => Err(lang
            .pick(
                "there is no home directory: set JUPYTER_DATA_DIR to a directory",
                "没有主目录：请把 JUPYTER_DATA_DIR 设为一个目录",
            )
            .to_string()),
    }
}

/// Writes the folder, for this program.
///
/// # Errors
/// A sentence when it cannot be written.
pub fn write(folder: &Path, lang: Lang) -> Result<(), String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let spec = json!({
        "argv": [program.to_string_lossy(), "jupyter", "kernel", "{connection_file}"],
        "display_name": TITLE,
        "language": "rust",
        "interrupt_mode": "message",
    });
    let written = std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(folder.join("kernel.json"), format!("{spec:#}\n")))
        .and_then(|()| {
            let mut logos = LOGOS.iter();
            logos.try_for_each(|(name, bytes)| std::fs::write(folder.join(name), bytes))
        });
    written.map_err(|error| {
        let shown = folder.display();
        lang.pick(
            format!("cannot write to {shown}: {error}; set JUPYTER_DATA_DIR, or give --prefix"),
            format!("无法写入 {shown}：{error}；请设置 JUPYTER_DATA_DIR，或使用 --prefix"),
        )
    })
}

/// Removes the folder. False if there was none.
///
/// # Errors
/// A sentence when it cannot be removed.
pub fn remove(folder: &Path, lang: Lang) -> Result<bool, String> {
    match std::fs::remove_dir_all(folder) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => {
            let shown = folder.display();
            Err(lang.pick(
                format!("cannot remove {shown}: {error}"),
                format!("无法删除 {shown}：{error}"),
            ))
        }
    }
}

/// The program that the folder names, if there is one.
pub fn program(folder: &Path) -> Option<PathBuf> {
    let text = std::fs::read(folder.join("kernel.json")).ok()?;
    let spec: Value = serde_json::from_slice(&text).ok()?;
    spec["argv"][0].as_str().map(PathBuf::from)
}
