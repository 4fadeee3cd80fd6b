//! Ctrl-C as a question that a loop asks, where it should end the loop and not the program.

use std::sync::atomic::{AtomicBool, Ordering};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C sets a flag for [`interrupted`] and ends nothing.
#[cfg(feature = "repl")]
pub fn on_interrupt() {
    #[cfg(unix)]
    {
        extern "C" fn handle(_: libc::c_int) {
            INTERRUPTED.store(true, Ordering::SeqCst);
        }
        let handle: extern "C" fn(libc::c_int) = handle;
        // SAFETY: the handler only stores to an atomic, which is async-signal-safe.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handle as libc::sighandler_t;
            action.sa_flags = libc::SA_RESTART;
            libc::sigemptyset(&mut action.sa_mask);
            libc::sigaction(libc::SIGINT, &action, std::ptr::null_mut());
        }
    }
}

/// From now on this process leads its group, so that [`interrupt`] reaches what it started.
#[cfg(feature = "repl")]
pub fn lead() {
    #[cfg(unix)]
    // SAFETY: no pointers are involved. Fails where this process leads a session: its group too.
    unsafe {
        libc::setpgid(0, 0);
    }
}

/// Ctrl-C without a terminal: for this process and for what works in its group, such as rustc.
#[cfg(feature = "repl")]
pub fn interrupt() {
    INTERRUPTED.store(true, Ordering::SeqCst);
    #[cfg(unix)]
    // SAFETY: no pointers are involved.
    unsafe {
        if libc::getpgrp() == libc::getpid() {
            libc::kill(0, libc::SIGINT);
        }
    }
}

/// Whether Ctrl-C came since the last call.
pub fn interrupted() -> bool {
    INTERRUPTED.swap(false, Ordering::SeqCst)
}
