//! A cell's function before the judge, which is the program: it loads the cell's library.

use super::program::{ask, lang, options as read};
use super::rich::both;
use super::{Rich, Shown, Trouble};
use crate::export::Entry;

/// The judge's verdict.
#[derive(Clone, Debug)]
pub struct Report {
    /// Whether the answer is right.
    pub passed: bool,
    html: String,
}

impl Rich for Report {
    fn contents(&self) -> Vec<(&'static str, String)> {
        both(self.html.clone())
    }
}

/// Judges a function by its entry; what [`check!`](crate::check) calls.
///
/// # Errors
/// The program's sentence, or that there is none.
pub fn check_library(lesson: &str, entry: Entry, options: &str) -> Result<Report, Trouble> {
    let mut words = judged("check", lesson, entry, options)?;
    words.extend(["--format", "html"].map(String::from));
    let said = ask(&words)?;
    Ok(Report {
        passed: said.code == 0,
        html: said.stdout,
    })
}

/// Times a function by its entry; what [`bench!`](crate::bench) calls.
///
/// # Errors
/// The program's sentence, or that there is none.
pub fn bench_library(lesson: &str, entry: Entry, options: &str) -> Result<Shown, Trouble> {
    let words = judged("bench", lesson, entry, options)?;
    super::timed(words)
}

/// `check rope library.so …`
fn judged(verb: &str, lesson: &str, entry: Entry, options: &str) -> Result<Vec<String>, Trouble> {
    let library = library(entry).ok_or_else(|| {
        Trouble::new(lang().pick(
            "the library of this cell is not found on this system: put the function in a file and type `llmlab check`",
            "在此系统上找不到本单元格的动态库：请把函数写进文件，再用 `llmlab check` 检查",
        ))
    })?;
    let mut words = vec![verb.to_string(), lesson.replace('_', "-"), library];
    words.extend(read(options));
    Ok(words)
}

/// The file of the shared library in which this function is.
#[cfg(unix)]
fn library(entry: Entry) -> Option<String> {
    use std::ffi::{CStr, c_char, c_int, c_void};

    /// As `dlfcn.h` has it.
    #[repr(C)]
    struct Found {
        file: *const c_char,
        base: *mut c_void,
        symbol: *const c_char,
        address: *mut c_void,
    }
    unsafe extern "C" {
        fn dladdr(address: *const c_void, found: *mut Found) -> c_int;
    }
    let mut found = Found {
        file: std::ptr::null(),
        base: std::ptr::null_mut(),
        symbol: std::ptr::null(),
        address: std::ptr::null_mut(),
    };
    // SAFETY: dladdr looks the address up and writes to `found` only.
    let known = unsafe { dladdr(entry as *const c_void, &raw mut found) };
    if known == 0 || found.file.is_null() {
        return None;
    }
    // SAFETY: a C string of the loader's, which lives as long as the library.
    let file = unsafe { CStr::from_ptr(found.file) };
    Some(file.to_str().ok()?.to_string())
}

#[cfg(not(unix))]
fn library(_: Entry) -> Option<String> {
    None
}
