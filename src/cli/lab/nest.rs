//! One session's own project, with the compiled library already in it.

use super::Lab;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A private directory in the workshop, removed at the end.
#[derive(Debug)]
pub struct Nest(PathBuf);

impl Nest {
    /// An empty directory of this process.
    ///
    /// # Errors
    /// A sentence when it cannot be made.
    pub fn new(lab: &Lab) -> Result<Nest, String> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let nests = lab.root.join("nests");
        remove_stale(&nests);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = nests.join(format!("{}-{count}", std::process::id()));
        let made = fs::remove_dir_all(&path)
            .or_else(|error| match error.kind() {
                io::ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            })
            .and_then(|()| fs::create_dir_all(&path));
        made.map_err(|error| format!("cannot write to {}: {error}", nests.display()))?;
        Ok(Nest(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Brings the compiled dependencies in, so that this project compiles only itself.
    ///
    /// # Errors
    /// A file that can be neither linked nor copied.
    pub fn seed(&self, lab: &Lab) -> io::Result<()> {
        let warm = lab.warm();
        fs::copy(warm.join("Cargo.lock"), self.0.join("Cargo.lock"))?;
        link_tree(&warm.join("target"), &self.0.join("target"))
    }
}

impl Drop for Nest {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Compiled crates are never written again and are linked; everything else is small, may be
/// written in place, and is copied. Cargo compares times, so these stay.
fn link_tree(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        let (source, target) = (entry.path(), to.join(&name));
        let own = name.to_string_lossy();
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
fn remove_stale(nests: &Path) {
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
