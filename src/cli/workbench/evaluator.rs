//! evcxr in a thread of its own: it starts while the person reads the prompt.

use super::stream::forward;
use super::{infer, lets};
use crate::check::{Options, Report};
use crate::cli::Stream;
use crate::cli::lab::{self, Lab, Nest, Progress, judge};
use crate::lesson::Lesson;
use crate::text::Lang;
use evcxr::{CommandContext, CompilationError, EvalContext, EvalOutputs};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// How far the start is.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// The library is compiled, for the first time on this machine.
    Building(Progress),
    Starting,
    Ready,
    /// There will be no Rust in this session: why.
    Failed(String),
}

/// What the evaluator is asked.
enum Request {
    Run(String),
    /// Judge what was typed for this lesson.
    Check(&'static Lesson, Options),
    Reset,
}

/// What comes back, in order; `Done` is the last for each request.
pub enum Event {
    Line(Stream, String),
    /// So many lines came faster than they can be shown, and were left out.
    Dropped(usize),
    Done(Outcome),
}

/// What an evaluation gives to be shown, by media type: `text/plain`, `text/html`, …
pub type Contents = BTreeMap<String, String>;

/// How an evaluation ended.
#[derive(Debug)]
pub enum Outcome {
    /// The last expression's value, and what the code gave to be shown.
    Value(Contents),
    Verdict(Box<Report>),
    Errors(Vec<CompilationError>),
    /// The process that ran the code is gone: its exit status in evcxr's words.
    Died(String),
    /// A sentence of evcxr's.
    Message(String),
}

/// What the prompt may know without asking: for completion, `:vars` and `:check`.
#[derive(Clone, Debug, Default)]
pub struct Names {
    pub items: Vec<String>,
    /// Names and types.
    pub variables: Vec<(String, String)>,
}

struct Shared {
    state: Mutex<State>,
    names: Mutex<Names>,
    child: Mutex<Option<Arc<Mutex<Child>>>>,
    /// The judge, while it works.
    judge: Mutex<Option<Child>>,
    /// Whether the running evaluation was killed on purpose.
    killed: AtomicBool,
}

/// The handle of the thread.
pub struct Evaluator {
    shared: Arc<Shared>,
    requests: Option<Sender<Request>>,
    events: Receiver<Event>,
    thread: Option<std::thread::JoinHandle<()>>,
    /// Dropped last: evcxr works in it.
    nest: Option<Nest>,
}

impl Evaluator {
    /// Starts evcxr in the background. Call it before there are other threads: evcxr takes its
    /// directory from the environment.
    pub fn start(lang: Lang) -> Evaluator {
        let (nest, state) = match Nest::new() {
            Ok(nest) => (Some(nest), State::Starting),
            Err(sentence) => (None, State::Failed(sentence)),
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            names: Mutex::default(),
            child: Mutex::default(),
            judge: Mutex::default(),
            killed: AtomicBool::new(false),
        });
        let (requests, to_do) = channel();
        let (out, events) = sync_channel(1024);
        let thread = nest.as_ref().map(|nest| {
            // SAFETY: no other thread of this program runs yet.
            unsafe {
                std::env::set_var("EVCXR_TMPDIR", nest.path());
                std::env::set_var("RUST_SRC_PATH", nest.no_sources());
                std::env::remove_var("CARGO_ENCODED_RUSTFLAGS");
            }
            let inside = Arc::clone(&shared);
            let nest = nest.share();
            std::thread::spawn(move || {
                let work = || work(&inside, &nest, &to_do, &out, lang);
                // A panic of evcxr's has been shown by then.
                let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
                let gone = || Err("Rust has stopped working in this session".to_string());
                if let Err(sentence) = ended.unwrap_or_else(|_| gone()) {
                    set(&inside.state, State::Failed(sentence));
                }
            })
        });
        Evaluator {
            shared,
            requests: Some(requests),
            events,
            thread,
            nest,
        }
    }

    pub fn state(&self) -> State {
        lock(&self.shared.state).clone()
    }

    pub fn names(&self) -> Names {
        lock(&self.shared.names).clone()
    }

    /// The same for another thread.
    pub fn names_elsewhere(&self) -> impl Fn() -> Names + Send + 'static {
        let shared = Arc::clone(&self.shared);
        move || lock(&shared.names).clone()
    }

    /// The file that was compiled last: typed lines among evcxr's own.
    pub fn compiled(&self) -> Option<String> {
        let nest = self.nest.as_ref()?;
        std::fs::read_to_string(nest.path().join("src/lib.rs")).ok()
    }

    /// Whether the thread has ended: no event will come.
    pub fn is_gone(&self) -> bool {
        self.thread
            .as_ref()
            .is_none_or(|thread| thread.is_finished())
    }

    /// Evaluates Rust. Events follow.
    pub fn run(&self, code: String) {
        self.ask(Request::Run(code));
    }

    /// Judges the function that was typed. Events follow.
    pub fn check(&self, lesson: &'static Lesson, options: &Options) {
        self.ask(Request::Check(lesson, options.clone()));
    }

    /// Forgets functions and variables. Events follow.
    pub fn reset(&self) {
        self.ask(Request::Reset);
    }

    fn ask(&self, request: Request) {
        self.shared.killed.store(false, Ordering::SeqCst);
        if let Some(requests) = &self.requests {
            // An evaluator that is gone says so by its state.
            let _ = requests.send(request);
        }
    }

    /// The next event; none when nothing came in that time.
    pub fn event(&self, patience: Duration) -> Option<Event> {
        self.events.recv_timeout(patience).ok()
    }

    /// Kills the judge where it works; otherwise the process that runs the code, with all its
    /// children, and with the variables: true. The evaluator starts a new one.
    pub fn kill(&self) -> bool {
        if let Some(judge) = &mut *lock(&self.shared.judge) {
            // Its own children die with it. Fails when it is dead already.
            let _ = judge.kill();
            return false;
        }
        self.shared.killed.store(true, Ordering::SeqCst);
        let child = lock(&self.shared.child).clone();
        let Some(child) = child else { return false };
        let mut child = lock(&child);
        #[cfg(unix)]
        if matches!(child.try_wait(), Ok(None)) {
            // SAFETY: the child leads a process group of its own, and was not waited for: the
            // number is still its own.
            unsafe { libc::kill(-(child.id() as libc::pid_t), libc::SIGKILL) };
        }
        // Fails when it is dead already.
        let _ = child.kill();
        true
    }
}

impl Drop for Evaluator {
    /// Ends the process that runs the code, so that the private directory can go.
    fn drop(&mut self) {
        self.requests.take();
        self.kill();
        let (_, nobody) = sync_channel(1);
        self.events = nobody;
        let ready = self.state() == State::Ready;
        if let Some(thread) = self.thread.take().filter(|_| ready) {
            // A panic in there has been shown; there is nothing left to do about it.
            let _ = thread.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn set<T>(mutex: &Mutex<T>, value: T) {
    *lock(mutex) = value;
}

/// The thread: prepares, then answers until the prompt is gone.
fn work(
    shared: &Arc<Shared>,
    nest: &Nest,
    to_do: &Receiver<Request>,
    out: &SyncSender<Event>,
    lang: Lang,
) -> Result<(), String> {
    let lab = Lab::open()?;
    lab.build(&mut |at| set(&shared.state, State::Building(at)))?;
    lab.fetch()?;
    set(&shared.state, State::Starting);
    nest.seed(&lab)
        .map_err(|error| format!("cannot write to {}: {error}", nest.path().display()))?;

    let mut context =
        context(&lab, shared, out).map_err(|error| format!("Rust does not start: {error}"))?;

    set(&shared.state, State::Ready);
    let checked = Arc::new(AtomicBool::new(false));
    let (flag, background) = (Arc::clone(&checked), lab.clone());
    std::thread::spawn(move || {
        lab::remove_stale();
        flag.store(background.check(), Ordering::SeqCst);
    });
    while let Ok(request) = to_do.recv() {
        if checked.swap(false, Ordering::SeqCst) {
            // Where this fails, some error messages take longer, and that is all.
            let _ = nest.seed(&lab);
        }
        let outcome = match request {
            Request::Run(code) => outcome(evaluate(&mut context, &code, (&lab, nest))),
            Request::Check(lesson, options) => {
                let function = lesson.id.replace('-', "_");
                let entry = judge::entry(lesson.problem, &function);
                match context.execute(&format!("{entry};")) {
                    Ok(_) => judged(shared, &lab, nest, lesson, &options, (out, lang)),
                    failed => outcome(failed),
                }
            }
            Request::Reset => {
                let cleared = context.execute(":clear");
                let begun = cleared.and_then(|_| begin(&mut context, &lab));
                // What evcxr says about its settings is nobody's business.
                outcome(begun.map(|_| EvalOutputs::new()))
            }
        };
        set(&shared.names, names(&context));
        if out.send(Event::Done(outcome)).is_err() {
            break;
        }
        if revive(&mut context, shared) {
            set(&shared.names, names(&context));
        }
    }
    Ok(())
}

/// Runs the judge on the library of the evaluation before.
fn judged(
    shared: &Shared,
    lab: &Lab,
    nest: &Nest,
    lesson: &'static Lesson,
    options: &Options,
    (out, lang): (&SyncSender<Event>, Lang),
) -> Outcome {
    let words = lang.pick("the judge was stopped", "判题已中断");
    let stopped = || Outcome::Message(words.to_string());
    let Some(library) = newest(lab, nest) else {
        return stopped();
    };
    let mut command = judge::command(lesson, &library, options, lang);
    find_std(&mut command, lab);
    lab::detach(&mut command);
    let child = command.stderr(Stdio::piped()).spawn();
    let (mut child, stdout, stderr) = match child {
        Ok(mut child) => {
            let (out, err) = (child.stdout.take(), child.stderr.take());
            (child, out, err)
        }
        Err(error) => return Outcome::Message(error.to_string()),
    };
    let (Some(stdout), Some(stderr)) = (stdout, stderr) else {
        let _ = child.kill();
        return stopped();
    };
    *lock(&shared.judge) = Some(child);
    let teller = out.clone();
    let told = std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            let _ = teller.send(Event::Line(Stream::Err, line));
        }
    });
    let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
    let report = lines.find_map(|line| judge::report(&line));
    let _ = told.join();
    if let Some(mut child) = lock(&shared.judge).take() {
        let _ = child.wait();
    }
    match report {
        Some(report) => Outcome::Verdict(Box::new(report)),
        None => stopped(),
    }
}

/// The library that evcxr compiled last: `libcode_7.so`.
fn newest(lab: &Lab, nest: &Nest) -> Option<PathBuf> {
    let target = nest.path().join("target").join(&lab.toolchain.host);
    let folders = [target.join("debug"), target.join("debug/deps")];
    let files = folders.iter().filter_map(|folder| folder.read_dir().ok());
    let numbered = files.flatten().flatten().filter_map(|entry| {
        let path = entry.path();
        let stem = path.file_stem()?.to_str()?;
        let number: u32 = stem.split_once("code_")?.1.parse().ok()?;
        Some((number, path))
    });
    numbered.max().map(|(_, path)| path)
}

/// A process that was killed between two evaluations would fail the next one. True if it was dead.
fn revive(context: &mut CommandContext, shared: &Shared) -> bool {
    if shared.killed.load(Ordering::SeqCst) {
        // The kill may still be on its way.
        std::thread::sleep(Duration::from_millis(20));
    }
    let handle = context.process_handle();
    let dead = || matches!(lock(&handle).try_wait(), Ok(Some(_)));
    let was_dead = dead();
    for _ in 0..3 {
        if !dead() {
            break;
        }
        // This fails, upon which evcxr starts a new process and forgets the variables. A Ctrl-C may
        // stop its compiler.
        let _ = context.execute("()");
    }
    was_dead
}

fn context(
    lab: &Lab,
    shared: &Arc<Shared>,
    out: &SyncSender<Event>,
) -> Result<CommandContext, evcxr::Error> {
    let program = std::env::current_exe()?;
    let mut command = Command::new(&program);
    // What the library asks this program for.
    command.env("LLMLAB_PROGRAM", program);
    find_std(&mut command, lab);
    lab::detach(&mut command);
    let (context, outputs) = EvalContext::with_subprocess_command(command)?;

    set(&shared.child, Some(context.process_handle()));
    let mut context = CommandContext::with_eval_context(context);
    let (stdout, stderr) = (outputs.stdout, outputs.stderr);
    forward!(stdout, Stream::Out, out.clone());
    forward!(stderr, Stream::Err, out.clone());
    begin(&mut context, lab)?;
    Ok(context)
}

/// Where the workshop and the toolchain are in one home directory, the path to the standard library
/// that evcxr's objects carry is a level off.
fn find_std(command: &mut Command, lab: &Lab) {
    let variable = match cfg!(target_os = "macos") {
        true => "DYLD_LIBRARY_PATH",
        false => "LD_LIBRARY_PATH",
    };
    let known = std::env::var_os(variable).unwrap_or_default();
    let libraries = [lab.toolchain.libraries.clone()].into_iter();
    let libraries = libraries.chain(std::env::split_paths(&known));
    if let Ok(path) = std::env::join_paths(libraries) {
        command.env(variable, path);
    }
}

/// Runs Rust. Variables whose type evcxr does not know get it from rustc.
fn evaluate(
    context: &mut CommandContext,
    code: &str,
    (lab, nest): (&Lab, &Nest),
) -> Result<EvalOutputs, evcxr::Error> {
    let result = fetched(context, code);
    // Errors without any: rustc has none, and yet the variable cannot be kept.
    let unkept = || Err(evcxr::Error::CompilationErrors(Vec::new()));
    match &result {
        Err(evcxr::Error::Message(words)) if infer::is_closure(words) => return unkept(),
        Err(evcxr::Error::Message(words)) if infer::is_untyped(words) => {}
        Err(evcxr::Error::CompilationErrors(errors)) if errors.iter().all(infer::is_evcxrs) => {}
        _ => return result,
    }
    let types = infer::types(lab, nest).unwrap_or_default();
    match lets::with_types(code, &types) {
        Ok(typed) if typed == code => result,
        Ok(typed) => fetched(context, &typed),
        Err(lets::Nameless) => unkept(),
    }
}

/// Runs Rust. A crate that is named by `:dep` and not on this machine is fetched.
fn fetched(context: &mut CommandContext, code: &str) -> Result<EvalOutputs, evcxr::Error> {
    let result = context.execute(code);
    match &result {
        // Dependencies come before the code: none of it has run.
        Err(evcxr::Error::CompilationErrors(errors))
            if errors
                .iter()
                .any(|error| error.message().contains("--offline")) => {}
        _ => return result,
    }
    context.execute(":offline 0")?;
    let result = context.execute(code);
    context.execute(":offline 1")?;
    result
}

/// What every session starts with. The linker and cargo's offline mode are those of the first
/// build, whose results could not be used otherwise.
fn begin(context: &mut CommandContext, lab: &Lab) -> Result<EvalOutputs, evcxr::Error> {
    let dependency = lab.dependency();
    context.execute(&format!(
        ":linker system\n:offline 1\n:dep llmlab = {dependency}\nuse llmlab::prelude::*;"
    ))
}

fn names(context: &CommandContext) -> Names {
    Names {
        items: context.defined_item_names().map(str::to_string).collect(),
        variables: variables(context),
    }
}

fn variables(context: &CommandContext) -> Vec<(String, String)> {
    let all = context.variables_and_types();
    let mut all: Vec<_> = all.map(|(a, b)| (a.to_string(), b.to_string())).collect();
    all.sort();
    all
}

fn outcome(result: Result<EvalOutputs, evcxr::Error>) -> Outcome {
    match result {
        Ok(outputs) => Outcome::Value(outputs.content_by_mime_type.into_iter().collect()),
        Err(evcxr::Error::CompilationErrors(errors)) => Outcome::Errors(errors),
        Err(evcxr::Error::SubprocessTerminated(words)) => {
            let status = words.lines().last().unwrap_or_default();
            Outcome::Died(status.to_string())
        }
        Err(error) => Outcome::Message(error.to_string()),
    }
}
