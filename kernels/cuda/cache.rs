//! Compiled kernels on disk: compiling takes a quarter of a second or more, loading a tenth of that.

use super::Trouble;
use std::path::PathBuf;

/// A name for everything that the result depends on.
pub fn key(source: &str, arch: &str, options: &[&str], nvrtc: (i32, i32)) -> String {
    let text = format!("{nvrtc:?}\0{arch}\0{}\0{source}", options.join("\0"));
    // Two FNV-1a hashes of 64 bits with different seeds: 128 bits, the same on every machine.
    let hash = |seed: u64| {
        let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        text.bytes().fold(seed, step)
    };
    let (first, second) = (hash(0xcbf2_9ce4_8422_2325), hash(0x9ae1_6a3b_2f90_404f));
    format!("{first:016x}{second:016x}.cubin")
}

/// The kept bytes of this name, or what `make` makes, which is kept. A directory that cannot be read or
/// written only costs time.
pub fn kept(
    directory: Option<&PathBuf>,
    key: &str,
    make: impl FnOnce() -> Result<Vec<u8>, Trouble>,
) -> Result<Vec<u8>, Trouble> {
    let Some(directory) = directory else {
        return make();
    };
    let path = directory.join(key);
    if let Some(bytes) = std::fs::read(&path).ok().filter(|bytes| whole(bytes)) {
        return Ok(bytes);
    }
    let bytes = make()?;
    // Written beside and renamed, so that a reader never sees half of it.
    let part = directory.join(format!("{key}.{}", std::process::id()));
    let written = std::fs::create_dir_all(directory)
        .and_then(|()| std::fs::write(&part, &bytes))
        .and_then(|()| std::fs::rename(&part, &path));
    if written.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    Ok(bytes)
}

/// Whether it begins as an ELF file does.
fn whole(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x7fELF")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_not_made_again_and_what_is_broken_is() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("deep");
        let directory = Some(deep.clone());
        let elf = || Ok(b"\x7fELF and more".to_vec());
        let never = || -> Result<Vec<u8>, Trouble> { panic!("it was kept") };
        let first = kept(directory.as_ref(), "a", elf).unwrap();
        assert_eq!(kept(directory.as_ref(), "a", never).unwrap(), first);
        std::fs::write(deep.join("a"), "half").unwrap();
        assert_eq!(kept(directory.as_ref(), "a", elf).unwrap(), first);
        let failed = || Err(Trouble::Compile("log".to_string()));
        assert!(kept(directory.as_ref(), "b", failed).is_err());
        // A file where the directory should be.
        let file = Some(deep.join("a"));
        assert_eq!(kept(file.as_ref(), "c", elf).unwrap(), first);
    }

    #[test]
    fn everything_that_matters_is_in_the_key() {
        let one = key("s", "sm_80", &["-a"], (13, 0));
        assert_eq!(one, key("s", "sm_80", &["-a"], (13, 0)));
        for other in [
            key("t", "sm_80", &["-a"], (13, 0)),
            key("s", "sm_90a", &["-a"], (13, 0)),
            key("s", "sm_80", &["-b"], (13, 0)),
            key("s", "sm_80", &["-a"], (12, 8)),
        ] {
            assert_ne!(one, other);
        }
    }
}
