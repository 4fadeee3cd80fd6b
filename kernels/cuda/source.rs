//! The kernels' texts, and for which GPUs each is compiled.

/// A `.cu` file as it is compiled: one instance of it.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// `softmax.cu`: what the compiler's messages call it.
    pub file: &'static str,
    pub text: &'static str,
    /// What stands before it, in this order.
    pub parts: &'static [Part],
    /// `-DHEAD_DIM=128`
    pub defines: &'static [&'static str],
    pub gpus: Gpus,
}

/// A text that kernels share: its file's name and its words.
pub type Part = (&'static str, &'static str);

/// Numbers, vectors of 16 bytes, reductions over a warp and a block.
pub const PRELUDE: Part = ("prelude.cu", include_str!("prelude.cu"));

/// Tensor cores by warps, and what feeds them: every GPU since Turing.
pub const TENSOR_CORE: Part = ("tensor_core.cu", include_str!("tensor_core.cu"));

/// Hopper's TMA, mbarrier and wgmma; after [`TENSOR_CORE`].
pub const HOPPER: Part = ("hopper.cu", include_str!("hopper.cu"));

/// The GPUs that can run an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gpus {
    /// This compute capability and every later one.
    From(i32, i32),
    /// Compute capability 9.0, whose own instructions no later GPU has.
    Hopper,
}

impl Gpus {
    pub fn has(self, capability: (i32, i32)) -> bool {
        match self {
            Gpus::From(major, minor) => capability >= (major, minor),
            Gpus::Hopper => capability == (9, 0),
        }
    }
}

impl Source {
    /// The parts and the file, with lines numbered as they are in each.
    pub fn whole(&self) -> String {
        let numbered = |(file, text): &Part| format!("#line 1 \"{file}\"\n{text}\n");
        let parts: String = self.parts.iter().map(numbered).collect();
        parts + &numbered(&(self.file, self.text))
    }
}

/// Every instance of every kernel, by the kernel's name: what the tests compile for all GPUs.
pub const SOURCES: &[(&str, &[Source])] = &[
    ("attention", super::attention::SOURCES),
    ("decoding", super::attention::decode::SOURCES),
    ("GEMM", &super::gemm::PAIRS),
    ("GEMM", &super::gemm::WARPS),
    ("W4A16 and W8A16", &super::quant::SOURCES),
    ("softmax", super::softmax::SOURCES),
    ("norms", super::layer_norm::SOURCES),
    ("RoPE", super::rope::SOURCES),
    ("cross-entropy", super::cross_entropy::SOURCES),
    ("distillation", super::distillation::SOURCES),
    ("MixUp", super::mixup::SOURCES),
    ("8-bit Adam", super::adam8bit::SOURCES),
    ("limits", &super::limits::SOURCES),
];

/// The best instance that a GPU can run of each kernel.
pub fn tiers(capability: (i32, i32)) -> Vec<(&'static str, Tier)> {
    let mut tiers: Vec<(&str, Tier)> = Vec::new();
    for (name, sources) in SOURCES.iter().filter(|(name, _)| *name != "limits") {
        let fit = sources.iter().filter(|source| source.gpus.has(capability));
        let best = fit
            .map(|source| Tier::of(source.gpus))
            .max()
            .unwrap_or(Tier::Cpu);
        match tiers.iter_mut().find(|(known, _)| known == name) {
            Some((_, tier)) => *tier = (*tier).max(best),
            None => tiers.push((name, best)),
        }
    }
    tiers
}

/// What a kernel's instance is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// No instance runs on this GPU.
    Cpu,
    /// What every GPU since Turing has.
    Turing,
    /// bf16 and asynchronous copies.
    Ampere,
    /// Clusters of blocks.
    Clusters,
    /// Products of four warps and bulk copies: wgmma and TMA.
    Hopper,
}

impl Tier {
    fn of(gpus: Gpus) -> Tier {
        match gpus {
            Gpus::Hopper => Tier::Hopper,
            Gpus::From(major, minor) if (major, minor) >= (9, 0) => Tier::Clusters,
            Gpus::From(major, minor) if (major, minor) >= (8, 0) => Tier::Ampere,
            Gpus::From(..) => Tier::Turing,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Tier::Cpu => "CPU",
            Tier::Turing => "sm_75",
            Tier::Ampere => "sm_80",
            Tier::Clusters => "sm_90 clusters",
            Tier::Hopper => "sm_90a wgmma, TMA",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::cuda::{Nvrtc, Trouble};
    use rayon::prelude::*;

    /// What NVRTC calls the GPUs that are compiled for, and their compute capability.
    const ARCHS: [(&str, (i32, i32)); 6] = [
        ("sm_75", (7, 5)),
        ("sm_80", (8, 0)),
        ("sm_86", (8, 6)),
        ("sm_89", (8, 9)),
        ("sm_90a", (9, 0)),
        ("sm_120", (12, 0)),
    ];

    /// Warnings of speed lost without a word otherwise: wgmma that waits for each other, registers that are
    /// not handed over.
    const SLOW: [&str; 8] = [
        "C7508", "C7509", "C7510", "C7511", "C7512", "C7513", "C7514", "C7515",
    ];

    /// What is wrong with a compiled instance.
    fn complaint(source: &Source, nvrtc: &Nvrtc, arch: &str) -> Option<String> {
        let options: Vec<&str> = source
            .defines
            .iter()
            .copied()
            .chain(["--ptxas-options=-v"])
            .collect();
        let log = match nvrtc.compile(&source.whole(), arch, &options) {
            Ok(built) => built.log,
            Err(Trouble::Compile(log)) => return Some(log),
            Err(trouble) => return Some(trouble.to_string()),
        };
        let spilled = |line: &str| {
            line.contains("spill stores")
                && !line.contains(" 0 bytes spill stores, 0 bytes spill loads")
        };
        let slow = |line: &str| SLOW.iter().any(|code| line.contains(code));
        let warned = |line: &str| line.contains("warning");
        log.lines()
            .find(|line| spilled(line) || slow(line) || warned(line))
            .map(str::to_string)
    }

    /// The GPUs to compile an instance for: the oldest that can run it and Hopper, whose figures are
    /// published; all with `LLMLAB_GPUS=all`, which takes three times as long.
    fn archs(source: &Source) -> Vec<&'static str> {
        let able = ARCHS.iter().filter(|(_, gpu)| source.gpus.has(*gpu));
        let able: Vec<&str> = able.map(|(arch, _)| *arch).collect();
        if std::env::var("LLMLAB_GPUS").is_ok_and(|gpus| gpus == "all") {
            return able;
        }
        let oldest = able.first().copied();
        let kept = |arch: &&str| Some(*arch) == oldest || *arch == "sm_90a";
        able.into_iter().filter(kept).collect()
    }

    /// Runs where NVRTC is: `LLMLAB_NVRTC=…/libnvrtc.so.13 cargo test cuda::source`.
    #[test]
    fn every_kernel_compiles_for_its_gpus_without_spills_and_warnings() {
        let Ok(nvrtc) = Nvrtc::find() else {
            println!("skipped: no NVRTC here; `pip install nvidia-cuda-nvrtc` brings it");
            return;
        };
        let sources: Vec<&Source> = SOURCES.iter().flat_map(|(_, all)| *all).collect();
        let nvrtc = &nvrtc;
        let complaints = sources.into_par_iter().flat_map_iter(|source| {
            archs(source).into_iter().filter_map(move |arch| {
                let words = complaint(source, nvrtc, arch)?;
                Some(format!(
                    "{} {:?} {arch}: {words}",
                    source.file, source.defines
                ))
            })
        });
        let complaints: Vec<String> = complaints.collect();
        assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
    }

    #[test]
    fn what_an_instance_asks_for_is_what_a_gpu_must_have() {
        assert!(Gpus::From(8, 0).has((9, 0)) && !Gpus::From(8, 0).has((7, 5)));
        assert!(Gpus::Hopper.has((9, 0)) && !Gpus::Hopper.has((10, 0)));
        let tier = |capability: (i32, i32), kernel: &str| {
            let all = tiers(capability);
            all.iter()
                .find(|(name, _)| *name == kernel)
                .map(|(_, tier)| *tier)
        };
        assert_eq!(tier((9, 0), "attention"), Some(Tier::Hopper));
        assert_eq!(tier((8, 9), "attention"), Some(Tier::Ampere));
        assert_eq!(tier((7, 5), "softmax"), Some(Tier::Turing));
        assert_eq!(tier((5, 0), "GEMM"), Some(Tier::Cpu));
        let whole = super::super::limits::SOURCES[0].whole();
        assert!(
            whole.starts_with("#line 1 \"prelude.cu\"") && whole.contains("#line 1 \"limits.cu\"")
        );
    }
}
