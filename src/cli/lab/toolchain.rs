//! Finds cargo and rustc.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The oldest compiler that the library builds with: (1, MINOR).
const MINOR: u32 = 90;

/// A Rust toolchain that works.
#[derive(Clone, Debug)]
pub struct Toolchain {
    pub cargo: PathBuf,
    pub rustc: PathBuf,
    /// `x86_64-unknown-linux-gnu`
    pub host: String,
    /// Where the standard library's shared object is.
    #[cfg(feature = "repl")]
    pub libraries: PathBuf,
    /// What `rustc -vV` prints.
    pub version: String,
}

impl Toolchain {
    /// Looks at `CARGO` and `RUSTC`, then `PATH`, then cargo's own folder.
    ///
    /// # Errors
    /// A sentence that says what to install.
    pub fn find() -> Result<Toolchain, String> {
        const MISSING: &str = "running Rust code needs a Rust toolchain, and there is none here: \
            install it from https://rustup.rs and start again; everything else works without";
        let rustc = program("RUSTC", "rustc").ok_or(MISSING)?;
        let cargo = program("CARGO", "cargo").ok_or(MISSING)?;
        let version = output(Command::new(&rustc).arg("-vV")).map_err(|error| {
            format!(
                "{} does not run ({error}): mend the Rust toolchain with `rustup update`",
                rustc.display()
            )
        })?;
        let field = |name: &str| {
            let line = version.lines().find_map(|line| line.strip_prefix(name));
            line.map(|value| value.trim().to_string())
        };
        let host = field("host:").ok_or("rustc -vV names no host: is this rustc?")?;
        let release = field("release:").unwrap_or_default();
        if minor(&release).is_some_and(|minor| minor < MINOR) {
            return Err(format!(
                "rustc {release} is too old: llmlab needs 1.{MINOR} or later; type `rustup update`"
            ));
        }
        // The tools themselves start faster than rustup's stand-ins for them.
        let print = ["--print", "sysroot", "--print", "target-libdir"];
        let printed = output(Command::new(&rustc).args(print))?;
        let mut lines = printed.lines().map(|line| Path::new(line.trim()));
        let mut folder = || {
            lines
                .next()
                .ok_or("rustc does not say where it is installed")
        };
        let bin = folder()?.join("bin");
        let direct = |tool: &str, known: PathBuf| {
            let path = bin.join(format!("{tool}{}", std::env::consts::EXE_SUFFIX));
            if path.is_file() { path } else { known }
        };
        Ok(Toolchain {
            cargo: direct("cargo", cargo),
            rustc: direct("rustc", rustc),
            #[cfg(feature = "repl")]
            libraries: folder()?.to_path_buf(),
            host,
            version,
        })
    }
}

fn minor(release: &str) -> Option<u32> {
    let mut parts = release.split('.');
    match parts.next()? {
        "1" => parts.next()?.parse().ok(),
        _ => None,
    }
}

fn output(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_string()),
    }
}

fn program(variable: &str, name: &str) -> Option<PathBuf> {
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    let named = std::env::var_os(variable).map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|dir| dir.join(&file));
    let candidates = named.into_iter().chain(on_path).chain(cargo_bin(&file));
    candidates.into_iter().find(|path| path.is_file())
}

fn cargo_bin(file: &str) -> Option<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo")))?;
    Some(home.join("bin").join(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_release_numbers() {
        assert_eq!(minor("1.95.0"), Some(95));
        assert_eq!(minor("1.90.0-nightly"), Some(90));
        assert_eq!(minor("2.0.0"), None);
        assert_eq!(minor(""), None);
    }
}
