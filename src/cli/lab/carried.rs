//! The library's own source, carried in the program, so that it works without a checkout.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

macro_rules! files {
    ($($path:literal)*) => {
        [$(($path, include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $path)))),*]
    };
}

/// The light library; see `src/lib.rs`. A test holds that it is whole.
static FILES: [(&str, &[u8]); 23] = files![
    "Cargo.toml" "Cargo.lock"
    "src/lib.rs" "src/export.rs" "src/memory.rs" "src/ops.rs" "src/ops/compute.rs" "src/solution.rs"
    "src/tensor.rs" "src/text.rs" "src/trace.rs"
    "src/notebook/mod.rs" "src/notebook/plot.rs" "src/notebook/program.rs" "src/notebook/rich.rs" "src/notebook/run.rs"
    "src/notebook/solution.rs" "src/notebook/verdict.rs"
    "src/show/mod.rs" "src/show/heat_map.rs" "src/show/html.rs" "src/show/style.css"
    "src/show/summary.rs"
];

/// The versions that this program was tested with.
pub const LOCK: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock"));

/// Changes whenever a file of the library does.
pub fn hash() -> u64 {
    let mut hasher = DefaultHasher::new();
    FILES.hash(&mut hasher);
    hasher.finish()
}

/// Writes the source to `target`, which holds either all of it or nothing.
///
/// # Errors
/// A file that cannot be written.
pub fn unpack(target: &Path) -> std::io::Result<()> {
    if target.exists() {
        return Ok(());
    }
    let fresh = target.with_extension(format!("new-{}", std::process::id()));
    if fresh.exists() {
        std::fs::remove_dir_all(&fresh)?;
    }
    for (path, bytes) in FILES {
        let path = fresh.join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(&fresh))?;
        std::fs::write(path, bytes)?;
    }
    std::fs::rename(&fresh, target)
}
