//! NVRTC, NVIDIA's compiler as a library: found at run time, called for a cubin and its log.

use super::Trouble;
use libloading::{Library, Symbol};
use std::ffi::{CString, c_char, c_int, c_void};
use std::fmt;
use std::path::{Path, PathBuf};

/// The compiler, loaded.
pub struct Nvrtc {
    library: Library,
    /// (13, 0)
    pub version: (i32, i32),
    /// Where it was found; a name without a folder was found by the system.
    pub path: PathBuf,
}

/// A compiled source.
#[derive(Clone, Debug)]
pub struct Built {
    pub cubin: Vec<u8>,
    /// Warnings, of lost speed among them: NVRTC gives them on success too.
    pub log: String,
}

/// No NVRTC was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The folders that were looked into.
    pub looked: Vec<PathBuf>,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.looked.len();
        write!(
            f,
            "libnvrtc is neither where the system looks nor in {count} other folders; `pip install nvidia-cuda-nvrtc` brings it (or set CUDA_HOME to a CUDA toolkit, or LLMLAB_NVRTC to the file)"
        )
    }
}

/// Newest first: a newer compiler knows every GPU that an older one knows, from Turing on.
const NAMES: [&str; 3] = ["libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"];

type Program = *mut c_void;
type Status = c_int;

impl Nvrtc {
    /// Looks at `LLMLAB_NVRTC`, where the system looks, in `CUDA_HOME`, and in Python's packages.
    ///
    /// # Errors
    /// [`Missing`], with the folders that were looked into.
    pub fn find() -> Result<Nvrtc, Missing> {
        if let Some(asked) = std::env::var_os("LLMLAB_NVRTC").map(PathBuf::from) {
            return Nvrtc::open(&asked).ok_or(Missing {
                looked: vec![asked],
            });
        }
        let by_system = NAMES.iter().find_map(|name| Nvrtc::open(Path::new(name)));
        if let Some(found) = by_system {
            return Ok(found);
        }
        let looked = folders();
        let files = looked
            .iter()
            .flat_map(|folder| NAMES.iter().map(|name| folder.join(name)));
        let found = files
            .filter(|file| file.exists())
            .find_map(|file| Nvrtc::open(&file));
        found.ok_or(Missing { looked })
    }

    /// The library at `path`, if it is one that answers.
    pub fn open(path: &Path) -> Option<Nvrtc> {
        open_builtins(path);
        // SAFETY: NVIDIA's library has no initialisers that do more than set it up.
        let library = unsafe { Library::new(path) }.ok()?;
        let (mut major, mut minor) = (0, 0);
        {
            // SAFETY: the signature is that of nvrtc.h.
            let version: Symbol<'_, unsafe extern "C" fn(*mut c_int, *mut c_int) -> Status> =
                unsafe { library.get(b"nvrtcVersion") }.ok()?;
            // SAFETY: it writes two numbers.
            if unsafe { version(&mut major, &mut minor) } != 0 {
                return None;
            }
        }
        Some(Nvrtc {
            library,
            version: (major, minor),
            path: path.to_path_buf(),
        })
    }

    /// Compiles for `arch` (`sm_90a`), without any header.
    ///
    /// # Errors
    /// [`Trouble::Compile`] with the log.
    pub fn compile(&self, source: &str, arch: &str, options: &[&str]) -> Result<Built, Trouble> {
        let fault = |words: &str| Trouble::Compile(words.to_string());
        let source = CString::new(source).map_err(|_| fault("the source has a NUL byte"))?;
        let mut words = vec![
            format!("--gpu-architecture={arch}"),
            "--std=c++17".to_string(),
        ];
        words.extend(options.iter().map(|option| option.to_string()));
        let words: Result<Vec<CString>, _> = words.into_iter().map(CString::new).collect();
        let words = words.map_err(|_| fault("an option has a NUL byte"))?;
        let pointers: Vec<*const c_char> = words.iter().map(|word| word.as_ptr()).collect();

        // SAFETY: every signature below is that of nvrtc.h; sizes are asked for before buffers are filled,
        // and the program is destroyed on every way out.
        unsafe {
            type Create = unsafe extern "C" fn(
                *mut Program,
                *const c_char,
                *const c_char,
                c_int,
                *const *const c_char,
                *const *const c_char,
            ) -> Status;
            let create: Symbol<'_, Create> = self.symbol(b"nvrtcCreateProgram")?;
            let mut program = std::ptr::null_mut();
            let none = std::ptr::null();
            let name = c"kernel.cu".as_ptr();
            if create(&mut program, source.as_ptr(), name, 0, none, none) != 0 {
                return Err(fault("NVRTC takes no more programs"));
            }
            let program = Open(self, program);
            type Compile = unsafe extern "C" fn(Program, c_int, *const *const c_char) -> Status;
            let compile: Symbol<'_, Compile> = self.symbol(b"nvrtcCompileProgram")?;
            let status = compile(program.1, pointers.len() as c_int, pointers.as_ptr());
            let log = self.bytes(&program, b"nvrtcGetProgramLogSize", b"nvrtcGetProgramLog")?;
            let log = String::from_utf8_lossy(&log)
                .trim_end_matches('\0')
                .to_string();
            if status != 0 {
                return Err(Trouble::Compile(match log.trim().is_empty() {
                    true => format!("NVRTC refuses with status {status}"),
                    false => log,
                }));
            }
            let cubin = self.bytes(&program, b"nvrtcGetCUBINSize", b"nvrtcGetCUBIN")?;
            Ok(Built { cubin, log })
        }
    }

    /// # Safety
    /// `T` must be the symbol's type.
    unsafe fn symbol<T>(&self, name: &[u8]) -> Result<Symbol<'_, T>, Trouble> {
        // SAFETY: the caller's.
        unsafe { self.library.get(name) }.map_err(|_| {
            let name = String::from_utf8_lossy(name);
            let path = self.path.display();
            Trouble::Compile(format!(
                "{path} has no {name}; it is too old, install NVRTC 12 or 13"
            ))
        })
    }

    /// What one of the pairs `…Size` and `…` of functions gives.
    ///
    /// # Safety
    /// Both must be such functions.
    unsafe fn bytes(
        &self,
        program: &Open<'_>,
        size: &[u8],
        fill: &[u8],
    ) -> Result<Vec<u8>, Trouble> {
        type Size = unsafe extern "C" fn(Program, *mut usize) -> Status;
        type Fill = unsafe extern "C" fn(Program, *mut c_char) -> Status;
        // SAFETY: the caller's; the buffer has the size that was asked for.
        unsafe {
            let (size, fill): (Symbol<'_, Size>, Symbol<'_, Fill>) =
                (self.symbol(size)?, self.symbol(fill)?);
            let mut len = 0;
            size(program.1, &mut len);
            let mut bytes = vec![0u8; len];
            if len > 0 {
                fill(program.1, bytes.as_mut_ptr().cast());
            }
            Ok(bytes)
        }
    }
}

/// A program that is destroyed with this.
struct Open<'a>(&'a Nvrtc, Program);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        type Destroy = unsafe extern "C" fn(*mut Program) -> Status;
        // SAFETY: the signature is that of nvrtc.h, and the program was made by this library.
        unsafe {
            if let Ok(destroy) = self.0.symbol::<Destroy>(b"nvrtcDestroyProgram") {
                destroy(&mut self.1);
            }
        }
    }
}

/// Loads the library's other half, which Python's packages put beside it without telling the loader so.
fn open_builtins(path: &Path) {
    let folder = path.parent().filter(|folder| folder.is_dir());
    let files = folder.and_then(|folder| std::fs::read_dir(folder).ok());
    for file in files.into_iter().flatten().flatten() {
        let name = file.file_name();
        if name.to_string_lossy().starts_with("libnvrtc-builtins.so")
            // SAFETY: data and code of NVIDIA's compiler, without initialisers of their own.
            && let Ok(library) = unsafe { Library::new(file.path()) }
        {
            // It stays for as long as the process.
            std::mem::forget(library);
        }
    }
}

/// Where toolkits and Python's packages keep it.
fn folders() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for variable in ["CUDA_HOME", "CUDA_PATH"] {
        if let Some(home) = std::env::var_os(variable).map(PathBuf::from) {
            folders.extend([home.join("lib64"), home.join("lib")]);
        }
    }
    folders.push(PathBuf::from("/usr/local/cuda/lib64"));
    let mut sites: Vec<PathBuf> = std::env::var_os("PYTHONPATH")
        .map(|paths| std::env::split_paths(&paths).collect())
        .unwrap_or_default();
    let mut homes: Vec<PathBuf> = ["VIRTUAL_ENV", "CONDA_PREFIX"]
        .into_iter()
        .filter_map(|variable| std::env::var_os(variable).map(PathBuf::from))
        .collect();
    // A virtual environment that is not activated, but whose Python comes first.
    let path = std::env::var_os("PATH").unwrap_or_default();
    let python = std::env::split_paths(&path).find(|folder| folder.join("python3").exists());
    homes.extend(python.and_then(|folder| Some(folder.parent()?.to_path_buf())));
    homes.extend(std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local")));
    homes.extend(["/usr/local", "/usr"].map(PathBuf::from));
    for home in homes {
        for version in subfolders(&home.join("lib"), "python3") {
            sites.extend(["site-packages", "dist-packages"].map(|name| version.join(name)));
        }
    }
    for site in sites {
        for package in subfolders(&site.join("nvidia"), "cu") {
            folders.push(package.join("lib"));
        }
    }
    folders.retain(|folder| folder.is_dir());
    folders
}

/// The folders in `parent` whose names begin so, newest version first.
fn subfolders(parent: &Path, begin: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(begin))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found.reverse();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs where NVRTC is: `LLMLAB_NVRTC=…/libnvrtc.so.13 cargo test nvrtc`.
    #[test]
    fn a_source_compiles_for_a_gpu_that_is_not_there_and_faults_are_told() {
        let Ok(nvrtc) = Nvrtc::find() else { return };
        let source = "extern \"C\" __global__ void f(float* x) { x[threadIdx.x] *= 2.f; }";
        for arch in ["sm_75", "sm_80", "sm_86", "sm_89", "sm_90a", "sm_120"] {
            let built = nvrtc.compile(source, arch, &[]).unwrap();
            assert!(built.cubin.starts_with(b"\x7fELF"), "{arch}");
        }
        let Err(Trouble::Compile(log)) = nvrtc.compile("void f( {}", "sm_80", &[]) else {
            panic!("it compiled");
        };
        assert!(log.contains("kernel.cu(1)"), "{log}");
        let Err(Trouble::Compile(log)) = nvrtc.compile(source, "sm_1", &[]) else {
            panic!("it compiled");
        };
        assert!(log.contains("gpu-architecture"), "{log}");
    }

    #[test]
    fn a_file_that_is_no_nvrtc_is_none() {
        assert!(Nvrtc::open(Path::new("/no/such/libnvrtc.so")).is_none());
        let missing = Missing { looked: vec![] };
        assert!(
            missing
                .to_string()
                .contains("pip install nvidia-cuda-nvrtc")
        );
    }
}
