//! Ctrl-C as a question that a loop asks, where it should end the loop and not the program.

use std::sync::atomic::{AtomicBool, Ordering};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C sets a flag for [`interrupted`] and ends nothing.
#[cfg(feature = "repl")]
pub fn on_interrupt() {
    #[cfg(unix)]
    {
        extern "C" fn handle(_: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
            // Our own signal for what works in our group may come when the flag has long been read.
            // SAFETY: the kernel hands over a valid `info`, and getpid is async-signal-safe.
            let own = unsafe { (*info).si_pid() == libc::getpid() };
            if !own {
                INTERRUPTED.store(true, Ordering::SeqCst);
            }
        }
        let handle: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) = handle;
        // SAFETY: the handler only asks for a number and stores to an atomic: async-signal-safe.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handle as libc::sighandler_t;
            action.sa_flags = libc::SA_RESTART | libc::SA_SIGINFO;
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
