//! The judge is itself judged: planted bugs are caught and named, right answers pass.
//!
//! `LLMLAB_SEEDS` sets the number of seeds: usually 8, 40 for the lessons of three different kinds on which
//! the judge was built, and 4 for two that take long.

use llmlab::check::{Options, Report, Verdict, judge};
use llmlab::lesson::Lesson;
use llmlab::problem::Variant;
use llmlab::solution::{Answer, Candidate};
use llmlab::tensor::Inputs;
use llmlab::trace::Trace;

// Answers are written as people write them.
#[allow(clippy::needless_range_loop)]
mod styles {
    pub mod affine_quantization;
    pub mod alibi;
    pub mod attention;
    pub mod attention_complexity;
    pub mod attention_expressivity;
    pub mod attention_mask;
    pub mod calibration;
    pub mod causal_lm_objective;
    pub mod class_weighted_ce;
    pub mod cross_attention;
    pub mod einsum_attention;
    pub mod encoder_decoder_block;
    pub mod flash_attention;
    pub mod gptq;
    pub mod group_quant_int4;
    pub mod hessian_saliency;
    pub mod hidden_state_distillation;
    pub mod kv_cache;
    pub mod layer_norm_residual;
    pub mod length_extrapolation;
    pub mod logit_distillation;
    pub mod magnitude_pruning;
    pub mod multi_head_attention;
    pub mod ntk_rope;
    pub mod position_interpolation;
    pub mod position_wise_ffn;
    pub mod qat_fake_quant;
    pub mod rope;
    pub mod sinusoidal_position;
    pub mod sliding_window_attention;
    pub mod stable_softmax;
    pub mod structured_pruning;
    pub mod tokens_and_embedding;
    pub mod w8a8_quantization;
    pub mod weight_only_int8;
}

type Named<T> = Vec<(T, Box<dyn Candidate>)>;

/// A planted bug as a candidate.
struct Planted(&'static Lesson, Variant);

impl Candidate for Planted {
    fn run(&self, inputs: &Inputs, _: &mut Trace) -> Vec<Answer> {
        let outputs = (self.0.problem.variant)(inputs, &self.1);
        // As f32, as a learner's would be.
        let single = |value: ndarray::ArrayD<f64>| Answer {
            dtype: "f32",
            value: value.mapv(|x| f64::from(x as f32)),
        };
        outputs.into_iter().map(single).collect()
    }
}

fn seeds(lesson: &Lesson) -> u64 {
    let usual = match lesson.id {
        "attention" | "rope" | "class-weighted-ce" => 40,
        // Their references take longer than all others together.
        "calibration" | "gptq" => 4,
        _ => 8,
    };
    let asked = std::env::var("LLMLAB_SEEDS").ok();
    asked.and_then(|count| count.parse().ok()).unwrap_or(usual)
}

fn run(lesson: &Lesson, candidate: &dyn Candidate, seed: u64) -> Report {
    let options = Options {
        seed,
        ..Options::default()
    };
    judge(lesson, candidate, &options, &mut |_| {})
}

fn named(report: &Report) -> Vec<&str> {
    let bugs = report.failure.iter().flat_map(|failure| &failure.bugs);
    bugs.map(String::as_str).collect()
}

fn prove(
    lesson: &'static Lesson,
    right: Named<&'static str>,
    wrong: Named<&'static str>,
    pairs: Named<[&'static str; 2]>,
) {
    let mut rejected = Vec::new();
    let mut missed = Vec::new();
    let mut misnamed = Vec::new();
    let (mut rights, mut wrongs) = (0, 0);
    for seed in 0..seeds(lesson) {
        for (name, candidate) in &right {
            rights += 1;
            let report = run(lesson, candidate.as_ref(), seed);
            if report.verdict != Verdict::Passed {
                rejected.push(format!("seed {seed}: {name}: {:?}", report.failure));
            }
        }
        let mut judge_wrong = |what: &str, candidate: &dyn Candidate, bugs: &[&str]| {
            wrongs += 1;
            let report = run(lesson, candidate, seed);
            if report.verdict == Verdict::Passed {
                missed.push(format!("seed {seed}: {what} {bugs:?}"));
            }
            let mut found = named(&report);
            let mut bugs = bugs.to_vec();
            found.sort_unstable();
            bugs.sort_unstable();
            if found != bugs {
                let facts = report.failure.as_ref().map(|failure| &failure.facts);
                misnamed.push(format!(
                    "seed {seed}: {what} {bugs:?} was called {found:?} ({:?}, {facts:?})",
                    report.verdict
                ));
            }
        };
        for bug in lesson.problem.bugs {
            let planted = Planted(lesson, Variant(vec![bug.id]));
            judge_wrong("planted", &planted, &[bug.id]);
        }
        for (bug, candidate) in &wrong {
            judge_wrong("written", candidate.as_ref(), &[bug]);
        }
        for (bugs, candidate) in &pairs {
            judge_wrong("written", candidate.as_ref(), bugs);
        }
    }
    println!(
        "{}: caught {}/{wrongs}, named {}/{wrongs}, wrongly rejected {}/{rights} ({} bugs, {} written wrong, {} pairs, {} right answers, {} seeds)",
        lesson.id,
        wrongs - missed.len(),
        wrongs - misnamed.len(),
        rejected.len(),
        lesson.problem.bugs.len(),
        wrong.len(),
        pairs.len(),
        right.len(),
        seeds(lesson),
    );
    let first = |list: &[String]| list.iter().take(8).cloned().collect::<Vec<_>>().join("\n");
    assert!(
        rejected.is_empty(),
        "wrongly rejected:\n{}",
        first(&rejected)
    );
    assert!(missed.is_empty(), "not caught:\n{}", first(&missed));
    assert!(misnamed.is_empty(), "not named:\n{}", first(&misnamed));
}

/// What `llmlab start` writes compiles, and is not a solution.
fn unsolved(lesson: &Lesson, starter: &dyn Candidate) {
    let report = run(lesson, starter, 0);
    assert_eq!(report.verdict, Verdict::Panicked);
    let words = report.failure.and_then(|failure| failure.message);
    assert_eq!(words.as_deref(), Some("not yet implemented"));
}

macro_rules! prove {
    ($($lesson:ident)*) => {$(
        #[test]
        fn $lesson() {
            use llmlab::lessons::$lesson::candidate;
            unsolved(
                &llmlab::lessons::$lesson::LESSON,
                &candidate(styles::$lesson::exercise::$lesson),
            );
            prove(
                &llmlab::lessons::$lesson::LESSON,
                styles::$lesson::right(),
                styles::$lesson::wrong(),
                styles::$lesson::pairs(),
            );
        }
    )*};
}
prove!(tokens_and_embedding stable_softmax attention einsum_attention attention_mask multi_head_attention cross_attention layer_norm_residual position_wise_ffn encoder_decoder_block causal_lm_objective attention_expressivity attention_complexity flash_attention sinusoidal_position rope alibi length_extrapolation position_interpolation ntk_rope sliding_window_attention affine_quantization calibration weight_only_int8 group_quant_int4 gptq w8a8_quantization qat_fake_quant magnitude_pruning hessian_saliency structured_pruning logit_distillation hidden_state_distillation kv_cache class_weighted_ce);
/// Lessons with a memory stage: lean answers pass it, greedy ones with right values do not.
mod memory {
    use super::*;
    use llmlab::check::{Verdict, check};

    fn prove(lesson: &Lesson, lean: Named<&str>, greedy: Named<&str>) {
        let report = |candidate: &dyn Candidate| {
            let options = Options {
                timeout: 120.0,
                scale: false,
                ..Options::default()
            };
            check(lesson, candidate, &options, &mut |_| {})
        };
        for (name, candidate) in lean {
            let report = report(candidate.as_ref());
            assert_eq!(report.verdict, Verdict::Passed, "{name}: {report:?}");
            let held = report.memory.expect("measured");
            println!(
                "{}: {name}: {:?} of {}",
                lesson.id, held.extra, held.allowed
            );
            assert!(held.exact && held.extra.is_some(), "{name}: {held:?}");
        }
        for (name, candidate) in greedy {
            let report = report(candidate.as_ref());
            assert_eq!(report.verdict, Verdict::TooMuchMemory, "{name}: {report:?}");
        }
    }

    macro_rules! prove {
        ($($lesson:ident)*) => {$(
            #[test]
            fn $lesson() {
                use super::styles::$lesson::{greedy, lean};
                prove(&llmlab::lessons::$lesson::LESSON, lean(), greedy());
            }
        )*};
    }
    prove!(flash_attention sliding_window_attention);
}
