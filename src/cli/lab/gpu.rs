//! From a learner's `.cu` file to a verdict.

use super::Refusal;
use crate::check::{Options, Report, check, on_gpu};
use crate::cli::Session;
use crate::cuda::Kernel;
use crate::lesson::Lesson;
use std::path::Path;

/// Compiles the kernel, in a process of its own as all that touches the GPU, and judges it.
///
/// # Errors
/// [`Refusal`]: its launch notes, the compiler's errors, or no GPU.
pub fn judge(
    session: &Session,
    lesson: &Lesson,
    path: &Path,
    text: &str,
    options: &Options,
) -> Result<Report, Refusal> {
    let file = path.display().to_string();
    let about = |words: String| Refusal::Sentence(format!("{file}: {words}"));
    let kernel = Kernel::new(lesson, text, &file, session.lang).map_err(about)?;
    // A compiler's messages name the file themselves.
    let named = |words: String| match words.contains(&format!("{file}(")) {
        true => Refusal::Errors(words),
        false => about(words),
    };
    on_gpu(options.limit(), session.lang, || kernel.ready())
        .map_err(about)?
        .map_err(named)?;
    Ok(check(lesson, &kernel, options, &mut |_| {}))
}
