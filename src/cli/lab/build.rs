//! Compiles the light library once, for the REPL's sessions and for learners' files alike.

use super::{Lab, carried};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How far the first build is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Another session builds; this one waits for it.
    Waiting,
    /// So many crates of so many.
    Crates { done: usize, total: usize },
}

/// The compiled library.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Built {
    /// `libllmlab-….rlib`
    pub rlib: PathBuf,
}

impl Lab {
    /// The project whose dependencies are compiled: a twin of the REPL's.
    pub fn warm(&self) -> PathBuf {
        self.root.join("warm")
    }

    /// Where compiled crates for this machine are.
    pub fn deps(&self) -> PathBuf {
        let target = self.warm().join("target").join(&self.toolchain.host);
        target.join("debug/deps")
    }

    /// Where compiled procedural macros are.
    pub fn host_deps(&self) -> PathBuf {
        self.warm().join("target/debug/deps")
    }

    /// Compiles the library unless that is done. A killed build goes on where it was.
    ///
    /// # Errors
    /// A sentence that names the log.
    pub fn build(&self, progress: &mut dyn FnMut(Progress)) -> Result<Built, String> {
        if let Some(built) = self.built() {
            return Ok(built);
        }
        let say =
            |error: std::io::Error| format!("cannot write to {}: {error}", self.root.display());
        progress(Progress::Waiting);
        let _lock = self.lock("build").map_err(say)?;
        if let Some(built) = self.built() {
            return Ok(built);
        }
        self.write_project().map_err(say)?;
        let log = self.root.join("build.log");
        std::fs::write(&log, "").map_err(say)?;
        // Without network first: what `cargo install llmlab` fetched is still there.
        let offline = self.compile(true, &log, progress);
        let built = match offline {
            Err(Trouble::Compile) => offline,
            Err(_) => self.compile(false, &log, progress),
            Ok(_) => offline,
        };
        let built = built.map_err(|trouble| {
            let log = log.display();
            match trouble {
                Trouble::Compile => format!("the library does not compile here; {log} says why"),
                Trouble::Fetch => format!(
                    "cargo could not fetch the library's dependencies: the first use needs the \
                     network once; {log} says more"
                ),
                Trouble::Io(error) => format!("cannot run cargo: {error}"),
            }
        })?;
        let json = serde_json::to_string(&built).map_err(|error| error.to_string())?;
        let fresh = self.root.join("built.new");
        std::fs::write(&fresh, json).map_err(say)?;
        std::fs::rename(fresh, self.root.join("built.json")).map_err(say)?;
        Ok(built)
    }

    /// The compiled library, if it is there already.
    pub fn built(&self) -> Option<Built> {
        let json = std::fs::read(self.root.join("built.json")).ok()?;
        let built: Built = serde_json::from_slice(&json).ok()?;
        built.rlib.is_file().then_some(built)
    }

    fn write_project(&self) -> std::io::Result<()> {
        let warm = self.warm();
        std::fs::create_dir_all(warm.join("src"))?;
        std::fs::write(warm.join("src/lib.rs"), "")?;
        if !warm.join("Cargo.lock").exists() {
            std::fs::write(warm.join("Cargo.lock"), carried::LOCK)?;
        }
        std::fs::write(warm.join("Cargo.toml"), self.manifest())
    }

    /// How the REPL's project names the library.
    pub fn dependency(&self) -> String {
        let path = self.source().to_string_lossy().replace('\\', "\\\\");
        let path = path.replace('"', "\\\"");
        format!("{{ path = \"{path}\", default-features = false }}")
    }

    /// The profile is that of evcxr's projects: with another one nothing could be shared.
    fn manifest(&self) -> String {
        format!(
            "[package]\nname = \"ctx\"\nversion = \"1.0.0\"\nedition = \"2024\"\n\n\
             [lib]\ncrate-type = [\"cdylib\"]\npath = \"src/lib.rs\"\n\n\
             [profile.dev]\nopt-level = 2\ndebug = false\nstrip = \"debuginfo\"\nrpath = true\n\
             lto = false\ndebug-assertions = true\ncodegen-units = 16\npanic = 'unwind'\n\
             incremental = true\noverflow-checks = true\n\n\
             [dependencies]\nllmlab = {}\n",
            self.dependency()
        )
    }

    fn cargo(&self, subcommand: &str, offline: bool) -> Command {
        let mut command = Command::new(&self.toolchain.cargo);
        command
            .arg(subcommand)
            .args(offline.then_some("--offline"))
            .current_dir(self.warm())
            .env("CARGO_TARGET_DIR", "target")
            .env("CARGO_BUILD_BUILD_DIR", "target")
            .env("RUSTC", &self.toolchain.rustc)
            .env("RUSTFLAGS", "-Cprefer-dynamic")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env_remove("RUSTC_WRAPPER")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .stdout(Stdio::piped());
        detach(&mut command);
        command
    }

    fn compile(
        &self,
        offline: bool,
        log: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Built, Trouble> {
        let total = self.count_crates(offline, log)?;
        progress(Progress::Crates { done: 0, total });
        let mut rlib = None;
        let mut seen = HashSet::new();
        let mut command = self.cargo("build", offline);
        self.cargo_run(&mut command, log, &mut |message| {
            let id = message["package_id"].as_str().unwrap_or_default();
            if message["target"]["name"] == "llmlab" {
                let files = message["filenames"].as_array();
                let mut files = files.into_iter().flatten().filter_map(Value::as_str);
                rlib = files
                    .find(|name| name.ends_with(".rlib"))
                    .map(PathBuf::from);
            }
            if seen.insert(id.to_string()) {
                let done = seen.len().min(total);
                progress(Progress::Crates { done, total });
            }
        })?;
        rlib.map(|rlib| Built { rlib }).ok_or(Trouble::Compile)
    }

    /// Fetches the crates of every platform: the REPL's cargo looks at them all before it builds for this one.
    /// Needs no network where they are there already.
    ///
    /// # Errors
    /// A sentence, where they are not and there is no network.
    #[cfg(feature = "repl")]
    pub fn fetch(&self) -> Result<(), String> {
        let fetched = |offline| {
            let output = self.cargo("fetch", offline).output();
            output.is_ok_and(|output| output.status.success())
        };
        match fetched(true) || fetched(false) {
            true => Ok(()),
            false => Err(
                "cargo could not fetch what Rust at the prompt needs: its first use needs the network once"
                    .to_string(),
            ),
        }
    }

    /// Prepares what the REPL needs for the error messages of some lines; nobody waits for it.
    /// True when it has been done now, and not before.
    #[cfg(feature = "repl")]
    pub fn check(&self) -> bool {
        let done = self.root.join("checked");
        if done.exists() {
            return false;
        }
        let Ok(_lock) = self.lock("build") else {
            return false;
        };
        let log = self.root.join("check.log");
        let mut command = self.cargo("check", true);
        let ran = std::fs::write(&log, "")
            .map_err(Trouble::from)
            .and_then(|()| self.cargo_run(&mut command, &log, &mut |_| {}));
        ran.is_ok() && std::fs::write(done, "").is_ok()
    }

    fn count_crates(&self, offline: bool, log: &Path) -> Result<usize, Trouble> {
        let mut command = self.cargo("tree", offline);
        command.args(["--prefix=none", "--edges=normal,build", "--target"]);
        let output = command.arg(&self.toolchain.host).output()?;
        if !output.status.success() {
            append(log, &output.stderr)?;
            return Err(Trouble::Fetch);
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let crates: HashSet<&str> = text
            .lines()
            .map(|line| line.trim_end_matches(" (*)"))
            .filter(|line| !line.is_empty())
            .collect();
        Ok(crates.len())
    }

    fn cargo_run(
        &self,
        command: &mut Command,
        log: &Path,
        artifact: &mut dyn FnMut(&Value),
    ) -> Result<(), Trouble> {
        command.args(["--target", &self.toolchain.host, "--message-format=json"]);
        let stderr = std::fs::OpenOptions::new().append(true).open(log)?;
        let mut child = command.stderr(stderr).spawn()?;
        let mut compile = false;
        let mut rendered = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            for line in BufReader::new(stdout).lines() {
                let Ok(message) = serde_json::from_str::<Value>(&line?) else {
                    continue;
                };
                match message["reason"].as_str() {
                    Some("compiler-artifact") => artifact(&message),
                    Some("compiler-message") => {
                        compile |= message["message"]["level"] == "error";
                        let text = message["message"]["rendered"].as_str();
                        rendered.extend_from_slice(text.unwrap_or_default().as_bytes());
                    }
                    _ => {}
                }
            }
        }
        let status = child.wait()?;
        append(log, &rendered)?;
        match status.success() {
            true => Ok(()),
            false if compile => Err(Trouble::Compile),
            false => Err(Trouble::Fetch),
        }
    }
}

enum Trouble {
    Compile,
    Fetch,
    Io(std::io::Error),
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Trouble {
        Trouble::Io(error)
    }
}

fn append(log: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    let mut file = std::fs::OpenOptions::new().append(true).open(log)?;
    file.write_all(bytes)
}

/// Ctrl-C at the terminal is not meant for this process, but it ends with ours.
pub fn detach(command: &mut Command) {
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        command.process_group(0);
        #[cfg(target_os = "linux")]
        // SAFETY: prctl is async-signal-safe, and nothing else runs between fork and exec.
        unsafe {
            command.pre_exec(|| {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                Ok(())
            });
        }
    }
}
