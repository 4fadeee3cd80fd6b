//! The `.cu` file to fill in.

use super::{all_axes, name};
use crate::lesson::Lesson;
use crate::problem::{ArgKind, Problem};
use crate::text::Lang;

/// The kernel's parameters, one a line: type and name, and what it is.
fn parameters(problem: &Problem, lang: Lang) -> Vec<(String, String)> {
    let outputs = problem
        .outputs
        .iter()
        .map(|(name, axes)| (format!("float* {name}"), format!("[{axes}]")));
    let inputs = problem.args.iter().map(|arg| {
        let (kind, about) = match arg.kind {
            ArgKind::Float(axes) => ("const float*", format!("[{axes}]")),
            ArgKind::Int(axes) => ("const int*", format!("[{axes}]")),
            ArgKind::Number => ("float", String::new()),
            ArgKind::OptionalBroadcast(axes) => {
                let absent = lang.pick("or null where there is none", "没有时为空指针");
                ("const float*", format!("[{axes}], {absent}"))
            }
        };
        (format!("{kind} {}", arg.name), about)
    });
    let sizes = all_axes(problem)
        .into_iter()
        .map(|axis| (format!("int {axis}"), String::new()));
    outputs.chain(inputs).chain(sizes).collect()
}

/// The declaration of a lesson's kernel.
pub fn signature(lesson: &Lesson, lang: Lang) -> String {
    let parameters = parameters(lesson.problem, lang);
    let last = parameters.len() - 1;
    let mut text = format!("extern \"C\" __global__ void {}(\n", name(lesson));
    for (at, (parameter, about)) in parameters.iter().enumerate() {
        let comma = if at == last { ")" } else { "," };
        text += &match about.is_empty() {
            true => format!("    {parameter}{comma}\n"),
            false => format!("    {:28}// {about}\n", format!("{parameter}{comma}")),
        };
    }
    text
}

/// The whole file: one thread for each element of the first output, and nothing in it yet.
pub fn starter(lesson: &Lesson, lang: Lang) -> String {
    let problem = lesson.problem;
    let elements = match problem.outputs[0].1 {
        "" => "1".to_string(),
        axes => axes.split_whitespace().collect::<Vec<_>>().join(" * "),
    };
    let (title, module) = (lesson.title.get(lang), name(lesson));
    let head = lang.pick(
        format!(
            "// {title} on the GPU. Fill in the kernel, then: llmlab check {} {module}.cu\n\
             //\n\
             // One launch computes the outputs from the inputs. All are row-major and f32 (integers: int), as\n\
             // float64 does not pay on a GPU. Nothing can be included; expf, rsqrtf, INFINITY and the like are there.\n\
             // The next lines say how it is launched: arithmetic in the sizes, with ceil, min and max. `shared` are\n\
             // bytes, for `extern __shared__ float buffer[];`.\n",
            lesson.id
        ),
        format!(
            "// {title}（GPU 版）。填写 kernel，然后运行：llmlab check {} {module}.cu\n\
             //\n\
             // 启动一次，由输入算出全部输出。数组均为行主序、f32（整数为 int）。不能 include 头文件；\n\
             // expf、rsqrtf、INFINITY 等可直接使用。\n\
             // 下面几行说明如何启动：用各个大小写算式，可用 ceil、min、max。shared 是动态共享内存的字节数，\n\
             // 对应 `extern __shared__ float buffer[];`。\n",
            lesson.id
        ),
    );
    format!(
        "{head}// grid: ceil({elements} / 256)\n// block: 256\n// shared: 0\n{}{{\n}}\n",
        signature(lesson, lang)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cuda::Launch;
    use crate::kernels::cuda::Nvrtc;
    use crate::lessons::LESSONS;

    #[test]
    fn attention_has_the_signature_that_one_expects() {
        let text = signature(&crate::lessons::attention::LESSON, Lang::En);
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(
            words,
            "extern \"C\" __global__ void attention( float* out, // [b h n dv] const float* q, // [b h n d] \
             const float* k, // [b h m d] const float* v, // [b h m dv] \
             const float* mask, // [b h n m], or null where there is none \
             int b, int h, int n, int d, int m, int dv)"
        );
    }

    #[test]
    fn every_lesson_has_a_starter_that_says_how_it_is_launched() {
        for lesson in LESSONS {
            for lang in [Lang::En, Lang::Zh] {
                let text = starter(lesson, lang);
                let launch = Launch::read(&text, lang).unwrap();
                let sizes = all_axes(lesson.problem)
                    .into_iter()
                    .map(|axis| (axis, 3))
                    .collect();
                launch.config(&sizes, lang).unwrap();
            }
        }
    }

    /// Runs where NVRTC is.
    #[test]
    fn every_starter_compiles() {
        let Ok(nvrtc) = Nvrtc::find() else {
            return println!("skipped: no NVRTC here; `pip install nvidia-cuda-nvrtc` brings it");
        };
        for lesson in LESSONS {
            let text = crate::cuda::candidate::whole(&starter(lesson, Lang::Zh), "x.cu");
            if let Err(trouble) = nvrtc.compile(&text, "sm_90a", &[]) {
                panic!("{}: {trouble}", lesson.id);
            }
        }
    }
}
