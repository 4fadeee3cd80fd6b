//! The GPU: found without a panic, and used where it is. No GPU is the normal case.

//!
//! A kernel is a `.cu` file beside the Rust file that launches it. Nothing is included: the parts that it
//! needs (`prelude.cu` and others) are put before it, see [`Source`]. It is compiled for the GPU that is here,
//! the first time that it is used.

pub mod adam8bit;
pub mod attention;
mod cache;
pub mod cross_entropy;
pub mod distillation;
pub mod gemm;
pub mod guarded;
pub mod layer_norm;
mod limits;
pub mod mixup;
mod nvrtc;
pub mod quant;
pub mod rope;
pub mod rows;
pub mod softmax;
mod source;
pub mod tensor_map;

pub use limits::{Limits, limits};
pub use nvrtc::{Missing, Nvrtc};
pub use source::{Gpus, HOPPER, PRELUDE, Part, SOURCES, Source, TENSOR_CORE, Tier, tiers};

use cudarc::driver::{CudaContext, CudaFunction, CudaModule, CudaStream, DriverError, result, sys};
use cudarc::nvrtc::Ptx;
use std::collections::HashMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

/// The oldest driver whose functions are all known to be there: CUDA 12.8 (570).
const OLDEST_DRIVER: i32 = 12080;

/// One NVIDIA GPU, with a compiler for its kernels.
pub struct Gpu {
    pub name: String,
    /// Compute capability: (9, 0) for Hopper.
    pub capability: (i32, i32),
    /// The newest CUDA that the driver runs, as `13.0`.
    pub driver: String,
    pub memory_bytes: usize,
    pub multiprocessors: i32,
    pub nvrtc: Nvrtc,
    pub stream: Arc<CudaStream>,
    context: Arc<CudaContext>,
    /// What is loaded, by the hash of its source.
    modules: Mutex<HashMap<String, Arc<CudaModule>>>,
    /// Kernels of [`SOURCES`], by the hash of their file, instance and name.
    kernels: Mutex<HashMap<u64, CudaFunction>>,
}

/// Why no GPU is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Absent {
    /// No NVIDIA driver: the normal case.
    NoDriver,
    /// A driver, and no GPU that it shows.
    NoDevice,
    /// The driver speaks a CUDA before 12.8.
    OldDriver(String),
    /// A GPU before Turing (compute capability 7.5).
    OldGpu {
        name: String,
        capability: (i32, i32),
    },
    /// A GPU, and nothing that compiles kernels for it.
    NoCompiler { gpu: String, missing: Missing },
    /// The driver said no.
    Refused(String),
}

impl fmt::Display for Absent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Absent::NoDriver => write!(f, "no NVIDIA driver here, so kernels run on the CPU"),
            Absent::NoDevice => write!(
                f,
                "an NVIDIA driver, but no GPU that this process may use; look at `nvidia-smi` and CUDA_VISIBLE_DEVICES"
            ),
            Absent::OldDriver(version) => write!(
                f,
                "the NVIDIA driver is for CUDA {version}; update it to one for 12.8 or later (570 or later)"
            ),
            Absent::OldGpu { name, capability } => write!(
                f,
                "{name} has compute capability {}.{}; GPU kernels need 7.5 (Turing) or later, so kernels run on the CPU",
                capability.0, capability.1
            ),
            Absent::NoCompiler { gpu, missing } => {
                write!(
                    f,
                    "{gpu} is here, but nothing that compiles kernels: {missing}"
                )
            }
            Absent::Refused(words) => write!(f, "the NVIDIA driver refuses: {words}"),
        }
    }
}

impl std::error::Error for Absent {}

impl Absent {
    /// Whether there is something to mend: a GPU is there and could be used.
    pub fn can_be_mended(&self) -> bool {
        !matches!(self, Absent::NoDriver | Absent::OldGpu { .. })
    }
}

/// The first GPU of this process, looked for once. Not to be called before a fork whose child uses it: a
/// context does not survive a fork.
///
/// # Errors
/// [`Absent`], which says why there is none.
pub fn gpu() -> Result<&'static Gpu, &'static Absent> {
    static GPU: OnceLock<Result<Gpu, Absent>> = OnceLock::new();
    GPU.get_or_init(find).as_ref()
}

/// Whether a driver can be loaded, found out without starting it: what a process may ask whose children use it.
pub fn may_be_here() -> bool {
    // SAFETY: the library is only opened; its initialisers are NVIDIA's own.
    unsafe { sys::is_culib_present() }
}

/// Whether a driver and a device are there.
fn present() -> Result<(), Absent> {
    if !may_be_here() {
        return Err(Absent::NoDriver);
    }
    if let Err(DriverError(error)) = result::init() {
        return Err(match error {
            sys::CUresult::CUDA_ERROR_NO_DEVICE => Absent::NoDevice,
            sys::CUresult::CUDA_ERROR_STUB_LIBRARY => Absent::NoDriver,
            error => Absent::Refused(words(DriverError(error))),
        });
    }
    match result::device::get_count() {
        Ok(count) if count > 0 => Ok(()),
        Ok(_) => Err(Absent::NoDevice),
        Err(error) => Err(Absent::Refused(words(error))),
    }
}

fn find() -> Result<Gpu, Absent> {
    present()?;
    let refused = |error| Absent::Refused(words(error));
    let mut version = 0;
    // SAFETY: the driver is loaded; it writes one number.
    unsafe { sys::cuDriverGetVersion(&mut version) }
        .result()
        .map_err(refused)?;
    let driver = format!("{}.{}", version / 1000, version % 1000 / 10);
    if version < OLDEST_DRIVER {
        return Err(Absent::OldDriver(driver));
    }
    let context = CudaContext::new(0).map_err(refused)?;
    let name = context.name().map_err(refused)?;
    let capability = context.compute_capability().map_err(refused)?;
    if capability < (7, 5) {
        return Err(Absent::OldGpu { name, capability });
    }
    let nvrtc = Nvrtc::find().map_err(|missing| Absent::NoCompiler {
        gpu: name.clone(),
        missing,
    })?;
    let multiprocessors = sys::CUdevice_attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT;
    Ok(Gpu {
        name,
        capability,
        driver,
        memory_bytes: context.total_mem().map_err(refused)?,
        multiprocessors: context.attribute(multiprocessors).map_err(refused)?,
        nvrtc,
        stream: context.default_stream(),
        context,
        modules: Mutex::default(),
        kernels: Mutex::default(),
    })
}

/// The driver's name of an error, and its sentence.
fn words(error: DriverError) -> String {
    let text = |text: Result<&std::ffi::CStr, DriverError>| match text {
        Ok(text) => text.to_string_lossy().into_owned(),
        Err(_) => format!("{:?}", error.0),
    };
    format!(
        "{} ({})",
        text(error.error_name()),
        text(error.error_string())
    )
}

/// Why a kernel cannot be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// NVRTC's log.
    Compile(String),
    /// The driver's words.
    Driver(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Compile(log) => write!(f, "the kernel does not compile:\n{log}"),
            Trouble::Driver(words) => write!(f, "the NVIDIA driver refuses: {words}"),
        }
    }
}

impl std::error::Error for Trouble {}

impl From<DriverError> for Trouble {
    fn from(error: DriverError) -> Trouble {
        Trouble::Driver(words(error))
    }
}

impl Gpu {
    /// What NVRTC calls this GPU: `sm_90a` for Hopper, whose own instructions need the `a`.
    pub fn arch(&self) -> String {
        let (major, minor) = self.capability;
        match major {
            9 => format!("sm_{major}{minor}a"),
            _ => format!("sm_{major}{minor}"),
        }
    }

    /// The kernel `name` of a source, compiled for this GPU the first time that it is asked for. It may use all
    /// the shared memory that a block can have.
    ///
    /// # Errors
    /// [`Trouble`]: the compiler's log, or what the driver says.
    pub fn kernel(&self, source: &Source, name: &str) -> Result<CudaFunction, Trouble> {
        // Not the whole text: this comes before every launch.
        let mut hash = DefaultHasher::new();
        (source.file, source.defines, name).hash(&mut hash);
        let key = hash.finish();
        let mut kernels = self.kernels.lock().unwrap_or_else(|held| held.into_inner());
        if let Some(kernel) = kernels.get(&key) {
            return Ok(kernel.clone());
        }
        let kernel = self.function(&source.whole(), source.defines, name)?;
        use sys::CUfunction_attribute_enum as Of;
        let fixed = kernel.get_attribute(Of::CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES)?;
        let rest = self.shared_bytes()? as i32 - fixed;
        kernel.set_attribute(Of::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, rest)?;
        kernels.insert(key, kernel.clone());
        Ok(kernel)
    }

    /// The most shared memory that a block can have.
    ///
    /// # Errors
    /// [`Trouble::Driver`]
    pub fn shared_bytes(&self) -> Result<usize, Trouble> {
        let most = sys::CUdevice_attribute::CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN;
        Ok(self.context.attribute(most)? as usize)
    }

    /// The same for any text: a learner's.
    ///
    /// # Errors
    /// [`Trouble`]: the compiler's log, or what the driver says.
    pub fn function(
        &self,
        text: &str,
        options: &[&str],
        name: &str,
    ) -> Result<CudaFunction, Trouble> {
        let key = cache::key(text, &self.arch(), options, self.nvrtc.version);
        let mut modules = self.modules.lock().unwrap_or_else(|held| held.into_inner());
        if let Some(module) = modules.get(&key) {
            return Ok(module.load_function(name)?);
        }
        let compile = || self.nvrtc.compile(text, &self.arch(), options);
        let cubin = cache::kept(KEPT.get(), &key, || compile().map(|built| built.cubin))?;
        let module = self.context.load_module(Ptx::from_binary(cubin))?;
        let function = module.load_function(name)?;
        modules.insert(key, module);
        Ok(function)
    }

    /// Waits for all that was launched, and says what went wrong there.
    ///
    /// # Errors
    /// [`Trouble::Driver`]: a kernel's illegal address, for one.
    pub fn wait(&self) -> Result<(), Trouble> {
        Ok(self.stream.synchronize()?)
    }
}

/// Where compiled kernels are kept between runs.
static KEPT: OnceLock<PathBuf> = OnceLock::new();

/// Keeps compiled kernels in `directory` from now on. The first call counts.
pub fn keep_in(directory: PathBuf) {
    let _ = KEPT.set(directory);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_a_gpu_gets_a_sentence() {
        match gpu() {
            Ok(gpu) => assert!(gpu.arch().starts_with("sm_")),
            Err(absent) => {
                let words = absent.to_string();
                assert!(!words.is_empty() && !words.contains("panicked"), "{words}");
            }
        }
    }

    const SCALE: &str = r#"
extern "C" __global__ void scale(float* x, float by, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) x[i] *= by;
}"#;

    /// Runs where there is a GPU.
    #[test]
    fn a_kernel_runs_and_a_fault_of_its_text_is_told() {
        use cudarc::driver::{LaunchConfig, PushKernelArg};
        let Ok(gpu) = gpu() else { return };
        let scale = gpu.function(SCALE, &[], "scale").unwrap();
        let mut x = gpu.stream.clone_htod(&vec![1.5f32; 1000]).unwrap();
        let mut launch = gpu.stream.launch_builder(&scale);
        launch.arg(&mut x).arg(&2.0f32).arg(&999i32);
        // SAFETY: the arguments are those of the kernel, which writes 999 of 1000 numbers.
        unsafe { launch.launch(LaunchConfig::for_num_elems(1000)) }.unwrap();
        let x = gpu.stream.clone_dtoh(&x).unwrap();
        assert_eq!((x[0], x[998], x[999]), (3.0, 3.0, 1.5));
        let wrong = gpu.function("int x = ;", &[], "x").unwrap_err();
        assert!(matches!(wrong, Trouble::Compile(log) if log.contains("error")));
    }
}
