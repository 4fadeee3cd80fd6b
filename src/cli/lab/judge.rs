//! A compiled solution before the judge, in a process of its own: what the solution's code does to
//! that process ends with it.

use crate::check::{Options, REPORT, Report, aloud};
use crate::export::{self, Entry};
use crate::lesson::Lesson;
use crate::problem::{ArgKind, Problem};
use crate::solution::{Answer, Candidate, Run, Trouble, Watch};
use crate::tensor::Inputs;
use crate::text::Lang;
use crate::trace::Trace;
use libloading::Library;
use std::cell::OnceCell;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// The first argument of the program when it is the judge of one library.
const WORKER: &str = "--judge-library";

/// The expression that makes `function` the entry of its library.
pub fn entry(problem: &Problem, function: &str) -> String {
    let args: Vec<String> = problem
        .args
        .iter()
        .map(|arg| {
            let kind = match arg.kind {
                ArgKind::Float(_) => "tensor",
                ArgKind::Int(_) => "labels",
                ArgKind::Number => "number",
                ArgKind::OptionalBroadcast(_) => "optional",
            };
            format!("{} {kind}", arg.name)
        })
        .collect();
    format!("llmlab::export!({function}: {})", args.join(", "))
}

/// The judge's process: a line of its stdout that starts with [`REPORT`] holds the verdict, its
/// stderr says how far it is.
pub fn command(lesson: &Lesson, library: &Path, options: &Options, lang: Lang) -> Command {
    let mut command = Command::new(program());
    command
        .arg(WORKER)
        .arg(lesson.id)
        .arg(library)
        .arg(serde_json::to_string(options).unwrap_or_default())
        .env("LLMLAB_LANG", lang.pick("en", "zh"))
        // A backtrace through the judge tells a learner nothing.
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    command
}

/// The verdict in a line of the judge's.
pub fn report(line: &str) -> Option<Report> {
    serde_json::from_str(line.strip_prefix(REPORT)?).ok()
}

/// This program, even where its file has been replaced since it started.
fn program() -> PathBuf {
    let running = PathBuf::from("/proc/self/exe");
    match running.exists() {
        true => running,
        false => std::env::current_exe().unwrap_or_else(|_| "llmlab".into()),
    }
}

/// Does the judge's work where the words of the command line ask for it.
pub fn serve(words: &[OsString]) -> Option<ExitCode> {
    let [_, first, lesson, library, options] = words else {
        return None;
    };
    if first != WORKER {
        return None;
    }
    let lesson = crate::lessons::find(lesson.to_str()?)?;
    let candidate = Loaded::new(lesson.problem, library.into());
    let report = aloud(lesson, &candidate, options.to_str()?).ok()?;
    println!("{REPORT} {}", serde_json::to_string(&report).ok()?);
    Some(ExitCode::SUCCESS)
}

/// A solution in a library, loaded when it first runs: in the process that the judge has set apart
/// for it.
struct Loaded {
    problem: &'static Problem,
    path: PathBuf,
    library: OnceCell<Result<Library, String>>,
}

impl Loaded {
    fn new(problem: &'static Problem, path: PathBuf) -> Loaded {
        Loaded {
            problem,
            path,
            library: OnceCell::new(),
        }
    }

    fn entry(&self) -> Result<Entry, String> {
        let library = self.library.get_or_init(|| {
            // SAFETY: the library's initialisers are the learner's code, which may do anything;
            // this process is there for that.
            unsafe { Library::new(&self.path) }.map_err(|error| error.to_string())
        });
        let library = library.as_ref().map_err(Clone::clone)?;
        // SAFETY: `export!` gave the symbol this type.
        let entry = unsafe { library.get::<Entry>(export::SYMBOL) };
        entry.map(|entry| *entry).map_err(|error| error.to_string())
    }
}

impl Candidate for Loaded {
    fn run(&self, inputs: &Inputs, trace: &mut Trace) -> Vec<Answer> {
        match self.attempt(inputs, Watch::Nothing) {
            Ok(run) => {
                *trace = run.trace;
                run.answers
            }
            Err(trouble) => panic!("{}", trouble.words()),
        }
    }

    fn attempt(&self, inputs: &Inputs, watch: Watch) -> Result<Run, Trouble> {
        let args = self.problem.args.iter();
        let inputs = args.map(|arg| (arg.name, inputs.get(arg.name)));
        export::ask(self.entry().map_err(Trouble::Panic)?, inputs, watch)
    }
}
