//! The library's own source, carried in the program, so that it works without a checkout.

use include_dir::{Dir, DirEntry, include_dir};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

static FOLDERS: [(&str, Dir<'_>); 3] = [
    ("src", include_dir!("$CARGO_MANIFEST_DIR/src")),
    ("lessons", include_dir!("$CARGO_MANIFEST_DIR/lessons")),
    ("kernels", include_dir!("$CARGO_MANIFEST_DIR/kernels")),
];

static FILES: [(&str, &[u8]); 2] = [
    (
        "Cargo.toml",
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")),
    ),
    ("Cargo.lock", LOCK),
];

/// The versions that this program was tested with.
pub const LOCK: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock"));

/// Calls `visit` with the path and the bytes of every file.
///
/// # Errors
/// The first error of `visit`.
fn each<E>(visit: &mut impl FnMut(&Path, &[u8]) -> Result<(), E>) -> Result<(), E> {
    for (name, bytes) in FILES {
        visit(Path::new(name), bytes)?;
    }
    // Learners' code does not link the program itself.
    let mut visit = |path: &Path, bytes: &[u8]| match path.starts_with("src/cli") {
        true => Ok(()),
        false => visit(path, bytes),
    };
    FOLDERS
        .iter()
        .try_for_each(|(name, dir)| walk(Path::new(name), dir, &mut visit))
}

fn walk<E>(
    root: &Path,
    dir: &Dir<'_>,
    visit: &mut impl FnMut(&Path, &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    dir.entries().iter().try_for_each(|entry| match entry {
        DirEntry::Dir(dir) => walk(root, dir, visit),
        DirEntry::File(file) => visit(&root.join(file.path()), file.contents()),
    })
}

/// Changes whenever a file of the library does.
pub fn hash() -> u64 {
    let mut hasher = DefaultHasher::new();
    let Ok(()) = each::<std::convert::Infallible>(&mut |path, bytes| {
        path.hash(&mut hasher);
        bytes.hash(&mut hasher);
        Ok(())
    });
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
    each(&mut |path, bytes| {
        let path = fresh.join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(&fresh))?;
        std::fs::write(path, bytes)
    })?;
    std::fs::rename(&fresh, target)
}
