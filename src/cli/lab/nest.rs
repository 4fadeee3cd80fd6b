//! One session's own project, with the compiled library already in it.

#[cfg(feature = "repl")]
use super::Lab;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A private directory in the cache, removed at the end.
#[derive(Debug)]
pub struct Nest {
    path: PathBuf,
    /// Whether this handle removes the directory at its end.
    owner: bool,
}

impl Nest {
    /// An empty directory of this process.
    ///
    /// # Errors
    /// A sentence when it cannot be made.
    pub fn new() -> Result<Nest, String> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let nests = super::cache_dir()?.join("nests");
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = nests.join(format!("{}-{count}", std::process::id()));
        let made = fs::remove_dir_all(&path)
            .or_else(|error| match error.kind() {
                io::ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            })
            .and_then(|()| fs::create_dir_all(&path));
        made.map_err(|error| format!("cannot write to {}: {error}", nests.display()))?;
        Ok(Nest { path, owner: true })
    }

    /// A second handle, which leaves the removal to the first.
    #[cfg(feature = "repl")]
    pub fn share(&self) -> Nest {
        let path = self.path.clone();
        Nest { path, owner: false }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A folder that stands for the standard library's sources. Reading the real ones takes evcxr half
    /// a minute at each start, to infer types that rustc tells at once (`workbench/infer.rs`).
    #[cfg(feature = "repl")]
    pub fn no_sources(&self) -> PathBuf {
        let folder = self.path.join("no-sources");
        // Where this fails, the start is slow, and that is all.
        let _ = fs::create_dir_all(folder.join("core"));
        folder
    }

    /// Brings what is compiled and not yet here: the dependencies, so that this project
    /// compiles only itself.
    ///
    /// # Errors
    /// A file that can be neither linked nor copied.
    #[cfg(feature = "repl")]
    pub fn seed(&self, lab: &Lab) -> io::Result<()> {
        let warm = lab.warm();
        let lock = self.path.join("Cargo.lock");
        if !lock.exists() {
            fs::copy(warm.join("Cargo.lock"), lock)?;
        }
        link_tree(&warm.join("target"), &self.path.join("target"))
    }
}

impl Drop for Nest {
    fn drop(&mut self) {
        if self.owner {
            // What cannot be removed now is stale for the next session.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// Compiled crates are never written again and are linked; everything else is small, may be
/// written in place, and is copied. Cargo compares times, so these stay.
#[cfg(feature = "repl")]
fn link_tree(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        let (source, target) = (entry.path(), to.join(&name));
        let own = name.to_string_lossy();
        if !source.is_dir() && target.exists() {
            continue;
        }
        if own == "incremental" || own.starts_with("ctx-") || own.starts_with("libctx") {
            continue;
        }
        if entry.file_type()?.is_dir() {
            link_tree(&source, &target)?;
            continue;
        }
        let compiled = matches!(
            source.extension().and_then(|ending| ending.to_str()),
            Some("rlib" | "rmeta" | "so" | "dylib" | "dll")
        );
        if !compiled || fs::hard_link(&source, &target).is_err() {
            fs::copy(&source, &target)?;
            let times = fs::FileTimes::new().set_modified(entry.metadata()?.modified()?);
            fs::File::options()
                .write(true)
                .open(&target)?
                .set_times(times)?;
        }
    }
    Ok(())
}

/// Removes what sessions left that were killed.
pub fn remove_stale() {
    let Ok(nests) = super::cache_dir().map(|cache| cache.join("nests")) else {
        return;
    };
    for entry in fs::read_dir(nests).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name.to_string_lossy();
        let owner = owner.split('-').next().and_then(|pid| pid.parse().ok());
        if owner.is_some_and(|pid| pid != std::process::id() && !is_alive(pid)) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn is_alive(pid: u32) -> bool {
    #[cfg(unix)]
    {
        // SAFETY: signal 0 only asks whether the process exists.
        let found = unsafe { libc::kill(pid as libc::pid_t, 0) } == 0;
        found || io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
    }
    #[cfg(not(unix))]
    {
        let _ = pid;
        true
    }
}
