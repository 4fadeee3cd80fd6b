//! Running code that may crash, hang or eat all memory, in a forked child.
//!
//! The child is a copy of this process, so it needs no second program and no compiled entry point:
//! the same code serves a file, the REPL and a notebook. It sends frames through a pipe (progress,
//! then the result); its stdout and stderr go through another.

use super::ended::{Death, Ended};
use super::report::Verdict;
use crate::solution::Candidate;
use serde::{Serialize, de::DeserializeOwned};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Memory that the child may take on top of what this process has.
const MEMORY: u64 = 4 << 30;
/// The stack of the learner's thread: that of a main thread on Linux.
const STACK: usize = 8 << 20;
/// What is kept of the output.
const PRINTED: usize = 4096;

/// How much address space a child may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// So much that a function which allocates without end is stopped.
    Bounded,
    /// As much as it asks for: a GPU's driver maps more than the machine has.
    Free,
}

impl Room {
    pub fn of(candidate: &dyn Candidate) -> Room {
        match candidate.on_gpu() {
            true => Room::Free,
            false => Room::Bounded,
        }
    }
}

/// Runs `work` in a child and waits for it, `limit` at the longest. `work` may say where it is.
pub fn run<R>(
    limit: Duration,
    room: Room,
    work: impl FnOnce(&mut dyn FnMut(&[u8])) -> R,
) -> Ended<R>
where
    R: Serialize + DeserializeOwned,
{
    let (Ok((frames, frames_in)), Ok((output, output_in))) = (pipe(), pipe()) else {
        let words = "no pipe could be opened for the judge; close some programs and try again";
        return Ended::Died(Death::unborn(words.to_string()));
    };
    let _ = std::io::stdout().flush();
    // SAFETY: the child runs `work` and leaves by `_exit`; it returns into nothing of its parent.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        drop((frames, output));
        child(frames_in, output_in, room, work);
    }
    drop((frames_in, output_in));
    if pid < 0 {
        let words = std::io::Error::last_os_error().to_string();
        return Ended::Died(Death::unborn(words));
    }
    supervise(pid, File::from(frames), File::from(output), limit)
}

fn pipe() -> std::io::Result<(OwnedFd, OwnedFd)> {
    let mut ends = [0; 2];
    // SAFETY: `ends` has room for the two handles.
    if unsafe { libc::pipe(ends.as_mut_ptr()) } != 0 {
        return Err(std::io::Error::last_os_error());
    }
    // SAFETY: pipe() has just opened both, and nothing else owns them.
    Ok(unsafe { (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) })
}

const PROGRESS: u8 = b'p';
const RESULT: u8 = b'r';
const OVERFLOW: u8 = b'o';

fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_le_bytes();
    [&[kind][..], &length, payload].concat()
}

/// Something that is handed to one thread while no other uses it.
struct Handed<T>(T);
// SAFETY: the child's first thread only waits for the thread that gets this.
unsafe impl<T> Send for Handed<T> {}

impl<T> Handed<T> {
    fn take(self) -> T {
        self.0
    }
}

fn child<R: Serialize>(
    frames: OwnedFd,
    output: OwnedFd,
    room: Room,
    work: impl FnOnce(&mut dyn FnMut(&[u8])) -> R,
) -> ! {
    redirect(&output);
    limit_resources(room);
    // A panic is caught by the judge; its words go into the report, not to a terminal.
    std::panic::set_hook(Box::new(|_| {}));
    let pipe = frames.as_raw_fd();
    let handed = Handed(move || {
        guard_stack(pipe);
        let mut frames = File::from(frames);
        let mut tell = |words: &[u8]| {
            let _ = frames.write_all(&frame(PROGRESS, words));
        };
        let result = work(&mut tell);
        let bytes = serde_json::to_vec(&result).unwrap_or_default();
        let _ = std::io::stdout().flush();
        let _ = frames.write_all(&frame(RESULT, &bytes));
    });
    let done = std::thread::scope(|scope| {
        std::thread::Builder::new()
            .stack_size(STACK)
            .spawn_scoped(scope, move || (handed.take())())
            .is_ok_and(|thread| thread.join().is_ok())
    });
    // SAFETY: leaves without running this process' exit handlers, which belong to its parent.
    unsafe { libc::_exit(if done { 0 } else { 101 }) }
}

/// stdin gives nothing, stdout and stderr go to the judge.
fn redirect(output: &OwnedFd) {
    // SAFETY: plain system calls on handles that are open.
    unsafe {
        let null = libc::open(c"/dev/null".as_ptr(), libc::O_RDONLY);
        libc::dup2(null, 0);
        libc::dup2(output.as_raw_fd(), 1);
        libc::dup2(output.as_raw_fd(), 2);
    }
}

fn limit_resources(room: Room) {
    let set = |resource, value: u64| {
        let limit = libc::rlimit {
            rlim_cur: value as libc::rlim_t,
            rlim_max: value as libc::rlim_t,
        };
        // SAFETY: `limit` is valid for the call.
        unsafe { libc::setrlimit(resource, &limit) };
    };
    set(libc::RLIMIT_CORE, 0);
    if room == Room::Bounded {
        set(libc::RLIMIT_AS, address_space() + MEMORY);
    }
    #[cfg(target_os = "linux")]
    // SAFETY: asks to be killed with the judge, so that an interrupted check leaves nothing behind.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
    }
}

/// Bytes of address space in use; a generous guess where the system does not say.
fn address_space() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|line| line.split(' ').next()?.parse::<u64>().ok());
    pages.map_or(16 << 30, |pages| pages * 4096)
}

static PIPE: AtomicI32 = AtomicI32::new(-1);
/// The lowest address of the learner's stack.
static STACK_END: AtomicUsize = AtomicUsize::new(0);

/// Tells a stack overflow from another bad memory access, on a stack of the handler's own.
fn guard_stack(pipe: RawFd) {
    extern "C" fn on_fault(signal: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
        // SAFETY: only async-signal-safe calls; `info` is the kernel's.
        unsafe {
            let address = (*info).si_addr() as usize;
            let end = STACK_END.load(Ordering::Relaxed);
            // Large frames may step over the guard page: allow for one of 1 MiB.
            if address.abs_diff(end) < 1 << 20 {
                let bytes = [OVERFLOW, 0, 0, 0, 0];
                libc::write(PIPE.load(Ordering::Relaxed), bytes.as_ptr().cast(), 5);
            }
            libc::signal(signal, libc::SIG_DFL);
            libc::raise(signal);
        }
    }
    let here = 0u8;
    PIPE.store(pipe, Ordering::Relaxed);
    STACK_END.store(&raw const here as usize - STACK, Ordering::Relaxed);
    let space = Box::leak(vec![0u8; 64 << 10].into_boxed_slice());
    // SAFETY: the alternate stack is leaked, so it outlives the handler; both structs are complete.
    unsafe {
        let stack = libc::stack_t {
            ss_sp: space.as_mut_ptr().cast(),
            ss_flags: 0,
            ss_size: space.len(),
        };
        libc::sigaltstack(&stack, std::ptr::null_mut());
        let mut action: libc::sigaction = std::mem::zeroed();
        let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) = on_fault;
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        for signal in [libc::SIGSEGV, libc::SIGBUS] {
            libc::sigaction(signal, &action, std::ptr::null_mut());
        }
    }
}

/// Reads what the child sends until it ends or the time is up.
fn supervise<R: DeserializeOwned>(
    pid: libc::pid_t,
    mut frames: File,
    mut output: File,
    limit: Duration,
) -> Ended<R> {
    let start = Instant::now();
    let (mut received, mut printed) = (Vec::new(), Vec::new());
    let mut timed_out = false;
    let mut open = [true, true];
    // The child's own children may keep the pipe for output open: its end is that of the frames.
    while open[0] {
        let Some(left) = limit.checked_sub(start.elapsed()) else {
            timed_out = true;
            break;
        };
        let handles = [frames.as_raw_fd(), output.as_raw_fd()];
        let mut polled = [0, 1].map(|i| libc::pollfd {
            fd: if open[i] { handles[i] } else { -1 },
            events: libc::POLLIN,
            revents: 0,
        });
        let wait = left.as_millis().clamp(1, 1000) as libc::c_int;
        // SAFETY: `polled` is valid for the call.
        unsafe { libc::poll(polled.as_mut_ptr(), 2, wait) };
        if polled[0].revents != 0 {
            open[0] = take(&mut frames, &mut received, usize::MAX);
        }
        if polled[1].revents != 0 {
            open[1] = take(&mut output, &mut printed, PRINTED);
        }
        if received_result(&received) {
            break;
        }
    }
    drain(&mut output, &mut printed);
    let mut status = 0;
    // SAFETY: `pid` is our child, not waited for yet.
    unsafe {
        libc::kill(pid, if timed_out { libc::SIGKILL } else { 0 });
        if received_result(&received) {
            // Threads that the learner left running do not keep us.
            libc::kill(pid, libc::SIGKILL);
        }
        libc::waitpid(pid, &mut status, 0);
    }
    drain(&mut output, &mut printed);
    let printed = String::from_utf8_lossy(&printed).into_owned();
    ended(&received, printed, timed_out.then_some(limit), status)
}

/// Appends what can be read now; false at the end of the pipe.
fn take(pipe: &mut File, into: &mut Vec<u8>, keep: usize) -> bool {
    let mut buffer = [0; 16 << 10];
    match pipe.read(&mut buffer) {
        Ok(0) | Err(_) => false,
        Ok(count) => {
            let room = keep.saturating_sub(into.len()).min(count);
            into.extend_from_slice(&buffer[..room]);
            true
        }
    }
}

/// Takes what is left in the pipe without waiting for more.
fn drain(pipe: &mut File, into: &mut Vec<u8>) {
    // SAFETY: a plain system call on an open handle.
    unsafe { libc::fcntl(pipe.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) };
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(50) && take(pipe, into, PRINTED) {}
}

/// The frames that have come in whole.
fn frames(mut bytes: &[u8]) -> Vec<(u8, &[u8])> {
    let mut all = Vec::new();
    while let [kind, a, b, c, d, rest @ ..] = bytes {
        let length = u32::from_le_bytes([*a, *b, *c, *d]) as usize;
        let Some((payload, rest)) = rest.split_at_checked(length) else {
            break;
        };
        all.push((*kind, payload));
        bytes = rest;
    }
    all
}

fn received_result(bytes: &[u8]) -> bool {
    frames(bytes)
        .last()
        .is_some_and(|(kind, _)| *kind == RESULT)
}

fn ended<R: DeserializeOwned>(
    received: &[u8],
    printed: String,
    timed_out: Option<Duration>,
    status: libc::c_int,
) -> Ended<R> {
    let all = frames(received);
    if let Some((RESULT, payload)) = all.last()
        && let Ok(result) = serde_json::from_slice(payload)
    {
        return Ended::Done(result, printed);
    }
    let last = all.iter().rfind(|(kind, _)| *kind == PROGRESS);
    let last = last.map(|(_, words)| words.to_vec()).unwrap_or_default();
    let refused = printed
        .split("memory allocation of ")
        .nth(1)
        .and_then(|rest| rest.split(" bytes failed").next());
    let (verdict, message) = if let Some(limit) = timed_out {
        let seconds = format!("{} s", limit.as_secs_f64());
        (Verdict::TimedOut, seconds)
    } else if all.iter().any(|(kind, _)| *kind == OVERFLOW) {
        (Verdict::StackOverflow, format!("{} MiB", STACK >> 20))
    } else if let Some(bytes) = refused {
        (Verdict::OutOfMemory, bytes.to_string())
    } else if libc::WIFSIGNALED(status) {
        (Verdict::Crashed, signal(libc::WTERMSIG(status)))
    } else {
        let code = libc::WEXITSTATUS(status);
        (Verdict::Exited, code.to_string())
    };
    Ended::Died(Death {
        verdict,
        message,
        last,
        printed,
    })
}

fn signal(number: libc::c_int) -> String {
    match number {
        libc::SIGSEGV => "SIGSEGV, a bad memory access".to_string(),
        libc::SIGBUS => "SIGBUS, a bad memory access".to_string(),
        libc::SIGABRT => "SIGABRT, an abort".to_string(),
        libc::SIGILL => "SIGILL, an illegal instruction".to_string(),
        libc::SIGFPE => "SIGFPE, an arithmetic error".to_string(),
        libc::SIGKILL => "SIGKILL".to_string(),
        other => format!("signal {other}"),
    }
}
