//! A learner's kernel as something that the judge can run.

use super::launch::Launch;
use super::{all_axes, name};
use crate::kernels::cuda::guarded::Guarded;
use crate::kernels::cuda::{self, Gpu, Nvrtc, Trouble as Refusal};
use crate::lesson::Lesson;
use crate::problem::{ArgKind, Problem};
use crate::solution::{Answer, Candidate, Run, Trouble, Watch};
use crate::tensor::{Inputs, Value};
use crate::text::Lang;
use crate::trace::Trace;
use cudarc::driver::{CudaFunction, CudaSlice, CudaViewMut, LaunchConfig, PushKernelArg, sys};
use ndarray::{ArrayD, ArrayViewD, IxDyn};
use std::collections::BTreeMap;

/// Dynamic shared memory beyond this must be asked for.
const USUAL_SHARED: u32 = 48 << 10;

/// A kernel of a learner's.
pub struct Kernel {
    problem: &'static Problem,
    name: String,
    text: String,
    launch: Launch,
    signature: String,
    lang: Lang,
}

/// The file with what stands before it: the few names that people expect and NVRTC does not have.
pub(super) fn whole(text: &str, file: &str) -> String {
    let file = file.replace(['"', '\\', '\n'], "_");
    format!(
        "#define INFINITY __int_as_float(0x7f800000)\n#define NAN __int_as_float(0x7fffffff)\n\
         #define FLT_MAX 3.402823466e38f\n#line 1 \"{file}\"\n{text}"
    )
}

impl Kernel {
    /// The kernel of a file, whose name is for the compiler's messages.
    ///
    /// # Errors
    /// A sentence about its launch notes.
    pub fn new(lesson: &Lesson, text: &str, file: &str, lang: Lang) -> Result<Kernel, String> {
        Ok(Kernel {
            problem: lesson.problem,
            name: name(lesson),
            text: whole(text, file),
            launch: Launch::read(text, lang)?,
            signature: super::signature(lesson, lang),
            lang,
        })
    }

    /// Whether it compiles for the GPU that is here, and has the parameters that it is called with. Where there
    /// is no GPU but a compiler, faults of the text are told all the same.
    ///
    /// # Errors
    /// The compiler's words, or a sentence.
    pub fn ready(&self) -> Result<(), String> {
        let absent = match cuda::gpu() {
            Ok(gpu) => return self.function(gpu).map(|_| ()),
            Err(absent) => absent,
        };
        if let Ok(nvrtc) = Nvrtc::find() {
            let compiled = nvrtc.compile(&self.text, "sm_80", &[]);
            compiled.map_err(|refusal| match refusal {
                Refusal::Compile(log) => log,
                other => other.to_string(),
            })?;
        }
        Err(self.lang.pick(
            format!("a `.cu` file is judged on an NVIDIA GPU: {absent}. `llmlab start` without --cuda writes the exercise in Rust"),
            format!("`.cu` 文件要在 NVIDIA GPU 上判定：{absent}。不带 --cuda 的 `llmlab start` 会生成 Rust 版练习"),
        ))
    }

    fn function(&self, gpu: &Gpu) -> Result<CudaFunction, String> {
        let asked = self.signature.trim_end();
        let name = &self.name;
        let function = gpu
            .function(&self.text, &[], name)
            .map_err(|refusal| match refusal {
                Refusal::Compile(log) => log,
                Refusal::Driver(words) if words.contains("NOT_FOUND") => self.lang.pick(
                    format!("the file has no kernel `{name}`; it is declared so:\n{asked}"),
                    format!("文件里没有 kernel `{name}`；应声明为：\n{asked}"),
                ),
                other => other.to_string(),
            })?;
        match parameters(&function) == self.sizes_of_parameters() {
            true => Ok(function),
            false => Err(self.lang.pick(
                format!("the parameters of `{name}` are not those that it is called with; it is declared so:\n{asked}"),
                format!("`{name}` 的参数与调用时的不一致；应声明为：\n{asked}"),
            )),
        }
    }

    /// The bytes of each parameter, in order: pointers have 8, numbers 4.
    fn sizes_of_parameters(&self) -> Vec<usize> {
        let outputs = self.problem.outputs.iter().map(|_| 8);
        let args = self.problem.args.iter().map(|arg| match arg.kind {
            ArgKind::Number => 4,
            _ => 8,
        });
        let sizes = all_axes(self.problem).into_iter().map(|_| 4);
        outputs.chain(args).chain(sizes).collect()
    }

    /// The size of every axis, and the shape of every output.
    fn sizes(&self, inputs: &Inputs) -> (BTreeMap<&'static str, usize>, Vec<Vec<usize>>) {
        let mut sizes = BTreeMap::new();
        for arg in self.problem.args {
            let shape = inputs.get(arg.name).shape();
            let named = arg.kind.axes().split_whitespace();
            if matches!(arg.kind, ArgKind::Float(_) | ArgKind::Int(_)) {
                sizes.extend(named.zip(shape.iter().copied()));
            }
        }
        let known = |sizes: &BTreeMap<&str, usize>, axes: &str| {
            let size = |axis| sizes.get(axis).copied();
            axes.split_whitespace()
                .map(size)
                .collect::<Option<Vec<_>>>()
        };
        let outputs = self.problem.outputs;
        let shapes: Option<Vec<Vec<usize>>> = outputs
            .iter()
            .map(|(_, axes)| known(&sizes, axes))
            .collect();
        // An output may have an axis that no input has: then the reference knows.
        let shapes = shapes.unwrap_or_else(|| {
            let truth = (self.problem.reference)(inputs, &mut Trace::new());
            truth.iter().map(|array| array.shape().to_vec()).collect()
        });
        for ((_, axes), shape) in outputs.iter().zip(&shapes) {
            sizes.extend(axes.split_whitespace().zip(shape.iter().copied()));
        }
        // Axes of absent inputs only.
        for axis in all_axes(self.problem) {
            sizes.entry(axis).or_insert(0);
        }
        (sizes, shapes)
    }

    fn run_on(&self, gpu: &'static Gpu, inputs: &Inputs) -> Result<Run, Trouble> {
        let crashed = |refusal: Refusal| Trouble::Crashed(refusal.to_string());
        let function = self.function(gpu).map_err(Trouble::Unlaunched)?;
        let (sizes, shapes) = self.sizes(inputs);
        let config = self
            .launch
            .config(&sizes, self.lang)
            .map_err(Trouble::Unlaunched)?;
        if config.shared_bytes > USUAL_SHARED {
            let most = sys::CUfunction_attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
            let set = function.set_attribute(most, config.shared_bytes as i32);
            set.map_err(|error| crashed(error.into()))?;
        }
        let lengths = shapes.iter().map(|shape| shape.iter().product());
        let outputs: Result<Vec<_>, _> = lengths.map(|len| Guarded::<f32>::new(gpu, len)).collect();
        let mut outputs = outputs.map_err(crashed)?;
        let operands: Result<Vec<Operand>, _> = self
            .problem
            .args
            .iter()
            .map(|arg| Operand::new(gpu, inputs.get(arg.name), arg.kind, &sizes))
            .collect();
        let operands = operands.map_err(crashed)?;

        let mut rooms: Vec<CudaViewMut<'_, f32>> = outputs.iter_mut().map(Guarded::room).collect();
        let order = all_axes(self.problem);
        let ints: Vec<i32> = order.iter().map(|axis| sizes[axis] as i32).collect();
        let mut launch = gpu.stream.launch_builder(&function);
        for room in &mut rooms {
            launch.arg(room);
        }
        for operand in &operands {
            match operand {
                Operand::Floats(floats) => launch.arg(floats),
                Operand::Ints(ints) => launch.arg(ints),
                Operand::Number(number) => launch.arg(number),
                Operand::Null(null) => launch.arg(null),
            };
        }
        for int in &ints {
            launch.arg(int);
        }
        let [grid, block] = [config.grid, config.block].map(|[x, y, z]| (x, y, z));
        let config = LaunchConfig {
            grid_dim: grid,
            block_dim: block,
            shared_mem_bytes: config.shared_bytes,
        };
        let seconds = gpu.seconds(|| {
            // SAFETY: the parameters have the sizes that the kernel declares. What it does with them is its
            // own: this process is there to be lost, and guards tell what it writes beside its outputs.
            unsafe { launch.launch(config) }?;
            Ok(())
        });
        let seconds = seconds.and_then(|seconds| gpu.wait().map(|()| seconds));
        let seconds = seconds.map_err(|refusal| Trouble::Crashed(self.fault(refusal)))?;
        drop(rooms);

        let mut answers = Vec::new();
        for ((output, shape), (name, _)) in outputs.iter().zip(shapes).zip(self.problem.outputs) {
            let written = output.values(gpu).map_err(crashed)?;
            let values = written.map_err(|stray| Trouble::Strayed(format!("`{name}`: {stray}")))?;
            let is_poison = |x: &&f32| x.to_bits() == u32::MAX;
            let left = values.iter().filter(is_poison).count();
            if let Some(first) = values.iter().position(|x| x.to_bits() == u32::MAX) {
                let total = values.len();
                let at = place(first, &shape);
                return Err(Trouble::Unwritten(format!(
                    "{left} / {total} `{name}`, {at}"
                )));
            }
            let value = ArrayD::from_shape_vec(IxDyn(&shape), values).expect("the shape's length");
            answers.push(Answer {
                dtype: "f32",
                value: value.mapv(f64::from),
            });
        }
        for (arg, operand) in self.problem.args.iter().zip(&operands) {
            if operand
                .changed(gpu, inputs.get(arg.name), arg.kind, &sizes)
                .map_err(crashed)?
            {
                return Err(Trouble::Mutated(arg.name.to_string()));
            }
        }
        Ok(Run {
            answers,
            trace: Trace::new(),
            seconds,
            peak: None,
        })
    }

    /// What the driver says of a kernel that ended badly.
    fn fault(&self, refusal: Refusal) -> String {
        let words = match refusal {
            Refusal::Driver(words) => words,
            other => other.to_string(),
        };
        let advice = match () {
            () if words.contains("ILLEGAL_ADDRESS") => self.lang.pick(
                "; look for an index beyond an array, and for threads that should have returned",
                "；请检查越界的下标，以及本应提前返回的线程",
            ),
            () if words.contains("INVALID_VALUE") || words.contains("OUT_OF_RESOURCES") => {
                self.lang.pick(
                    "; look at the launch notes: grid, block and shared",
                    "；请检查启动说明：grid、block、shared",
                )
            }
            () => "",
        };
        format!("{words}{advice}")
    }
}

impl Candidate for Kernel {
    fn run(&self, inputs: &Inputs, _: &mut Trace) -> Vec<Answer> {
        match self.attempt(inputs, Watch::Nothing) {
            Ok(run) => run.answers,
            Err(trouble) => panic!("{}", trouble.words()),
        }
    }

    fn attempt(&self, inputs: &Inputs, _: Watch) -> Result<Run, Trouble> {
        let gpu = cuda::gpu().map_err(|absent| Trouble::Unlaunched(absent.to_string()))?;
        self.run_on(gpu, inputs)
    }

    fn on_gpu(&self) -> bool {
        true
    }
}

/// `[0 2 1]`, the index of an element by its place in row-major order.
fn place(mut flat: usize, shape: &[usize]) -> String {
    let mut index = vec![0; shape.len()];
    for (at, size) in index.iter_mut().zip(shape).rev() {
        *at = flat % size;
        flat /= size;
    }
    let words: Vec<String> = index.iter().map(usize::to_string).collect();
    format!("[{}]", words.join(" "))
}

/// The bytes of each parameter that a kernel declares.
fn parameters(function: &CudaFunction) -> Vec<usize> {
    let mut sizes = Vec::new();
    let (mut offset, mut size) = (0, 0);
    // SAFETY: it writes two numbers, and says so where there is no such parameter.
    while unsafe {
        sys::cuFuncGetParamInfo(function.cu_function(), sizes.len(), &mut offset, &mut size)
    } == sys::CUresult::CUDA_SUCCESS
    {
        sizes.push(size);
    }
    sizes
}

/// An input on the GPU.
enum Operand {
    Floats(CudaSlice<f32>),
    Ints(CudaSlice<i32>),
    Number(f32),
    /// An optional input that is not there: a null pointer.
    Null(u64),
}

impl Operand {
    fn new(
        gpu: &Gpu,
        value: &Value,
        kind: ArgKind,
        sizes: &BTreeMap<&str, usize>,
    ) -> Result<Operand, Refusal> {
        Ok(match value {
            Value::Float(_) => Operand::Floats(gpu.stream.clone_htod(&floats(value, kind, sizes))?),
            Value::Int(_) => Operand::Ints(gpu.stream.clone_htod(&ints(value))?),
            Value::Number(number) => Operand::Number(*number as f32),
            Value::Absent => Operand::Null(0),
        })
    }

    /// Whether what is on the GPU is not what was put there.
    fn changed(
        &self,
        gpu: &Gpu,
        value: &Value,
        kind: ArgKind,
        sizes: &BTreeMap<&str, usize>,
    ) -> Result<bool, Refusal> {
        let bits = |x: &f32| x.to_bits();
        Ok(match self {
            Operand::Floats(slice) => {
                let now = gpu.stream.clone_dtoh(slice)?;
                !now.iter()
                    .map(bits)
                    .eq(floats(value, kind, sizes).iter().map(bits))
            }
            Operand::Ints(slice) => gpu.stream.clone_dtoh(slice)? != ints(value),
            Operand::Number(_) | Operand::Null(_) => false,
        })
    }
}

/// The values row-major; those that broadcast, repeated to their whole shape.
fn floats(value: &Value, kind: ArgKind, sizes: &BTreeMap<&str, usize>) -> Vec<f32> {
    let Value::Float(array) = value else {
        return Vec::new();
    };
    let view: ArrayViewD<'_, f32> = array.view();
    if let ArgKind::OptionalBroadcast(axes) = kind {
        let shape: Vec<usize> = axes.split_whitespace().map(|axis| sizes[axis]).collect();
        if let Some(wide) = view.broadcast(IxDyn(&shape)) {
            return wide.iter().copied().collect();
        }
    }
    view.iter().copied().collect()
}

fn ints(value: &Value) -> Vec<i32> {
    match value {
        Value::Int(array) => array.iter().map(|x| *x as i32).collect(),
        _ => Vec::new(),
    }
}
