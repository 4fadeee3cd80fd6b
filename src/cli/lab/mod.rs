//! The workshop: where learners' code is compiled, in the user's cache directory.
//!
//! One folder for each version of llmlab and of rustc holds the library's source, its compiled
//! form; beside them is one private nest for each running session.

mod build;
mod carried;
mod file;
mod gpu;
mod interrupt;
pub mod judge;
pub mod lexer;
mod nest;
mod rustc;
mod toolchain;

#[cfg(feature = "repl")]
pub use build::detach;
pub use build::{Built, Progress};
pub use file::{Refusal, check_file};
pub use interrupt::interrupted;
#[cfg(feature = "repl")]
pub use interrupt::{interrupt, lead, on_interrupt};
pub use nest::Nest;
#[cfg(feature = "repl")]
pub use nest::remove_stale;
#[cfg(feature = "repl")]
pub use rustc::{joined, primary};
pub use toolchain::Toolchain;

use std::path::PathBuf;

/// The workshop of this program and this compiler.
#[derive(Clone, Debug)]
pub struct Lab {
    pub root: PathBuf,
    pub toolchain: Toolchain,
}

impl Lab {
    /// Finds the compiler and unpacks the library's source.
    ///
    /// # Errors
    /// A sentence: no toolchain, or a cache directory that cannot be written.
    pub fn open() -> Result<Lab, String> {
        let toolchain = Toolchain::find()?;
        let name = format!(
            "{}-{:016x}-{:08x}",
            env!("CARGO_PKG_VERSION"),
            carried::hash(),
            short_hash(&toolchain.version)
        );
        let lab = Lab {
            root: cache_dir()?.join(name),
            toolchain,
        };
        let write = |error| {
            format!(
                "cannot write to {}: {error}; set LLMLAB_CACHE to a directory that can be written",
                lab.root.display()
            )
        };
        std::fs::create_dir_all(&lab.root).map_err(write)?;
        let _lock = lab.lock("source").map_err(write)?;
        carried::unpack(&lab.source()).map_err(write)?;
        Ok(lab)
    }

    /// The library's source.
    pub fn source(&self) -> PathBuf {
        self.root.join("source")
    }

    /// Waits until no other process works on `what`. The lock ends with its holder, however that
    /// dies.
    fn lock(&self, what: &str) -> std::io::Result<std::fs::File> {
        let file = std::fs::File::create(self.root.join(format!("{what}.lock")))?;
        file.lock()?;
        Ok(file)
    }
}

/// `LLMLAB_CACHE`, or llmlab's folder in the platform's cache directory.
///
/// # Errors
/// A sentence when there is neither that nor a home directory.
pub fn cache_dir() -> Result<PathBuf, String> {
    let set = |name| std::env::var_os(name).filter(|value: &std::ffi::OsString| !value.is_empty());
    if let Some(path) = set("LLMLAB_CACHE") {
        // A relative path would mean something else in every directory.
        return std::path::absolute(PathBuf::from(path)).map_err(|error| error.to_string());
    }
    let base = if cfg!(windows) {
        set("LOCALAPPDATA").map(PathBuf::from)
    } else if cfg!(target_os = "macos") {
        std::env::home_dir().map(|home| home.join("Library/Caches"))
    } else {
        let xdg = set("XDG_CACHE_HOME").map(PathBuf::from);
        xdg.filter(|path| path.is_absolute())
            .or_else(|| Some(std::env::home_dir()?.join(".cache")))
    };
    base.map(|base| base.join("llmlab"))
        .ok_or_else(|| "there is no home directory: set LLMLAB_CACHE to a directory".to_string())
}

fn short_hash(text: &str) -> u32 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish() as u32
}
