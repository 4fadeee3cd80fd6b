//! The memory stage: counted to the byte, and a verdict of its own.

use llmlab::check::{Held, Options, Report, Verdict, check, held, render};
use llmlab::lesson::Lesson;
use llmlab::lessons::attention::{Exercise, LESSON as ATTENTION, candidate};
use llmlab::prelude::*;
use llmlab::problem::{Memory, Problem};
use llmlab::solution::Solution;
use llmlab::text::{Lang, Text};
use std::hint::black_box;

/// The attention lesson, had it a memory stage.
static PROBLEM: Problem = Problem {
    memory: Some(Memory {
        allowed: |_| 2_000_000,
        usual: Text::new(
            "an n×m matrix of scores for all heads",
            "所有头的 n×m 分数矩阵",
        ),
        usual_bytes: |case| {
            4 * ["h", "n", "m"]
                .map(|axis| case.size(axis) as u64)
                .iter()
                .product::<u64>()
        },
        repair: Text::new("Go tile by tile.", "逐块计算。"),
    }),
    ..llmlab::lessons::attention::PROBLEM
};

static LESSON: Lesson = Lesson {
    problem: &PROBLEM,
    ..ATTENTION
};

type Mask<'a> = Option<&'a Tensor>;

fn zeros(q: &Tensor, v: &Tensor) -> Tensor {
    let (q, v) = (q.shape(), v.shape());
    Tensor::zeros(IxDyn(&[q[0], q[1], q[2], v[3]]))
}

fn measure<M>(solution: impl Solution<Exercise, M>) -> Held {
    held(&PROBLEM, &candidate(solution), &Options::default()).expect("the exercise has the stage")
}

fn judge<M>(solution: impl Solution<Exercise, M>) -> Report {
    let options = Options {
        scale: false,
        timeout: 60.0,
        ..Options::default()
    };
    check(&LESSON, &candidate(solution), &options, &mut |_| {})
}

fn touch(bytes: usize) -> Vec<u8> {
    black_box(vec![1; bytes])
}

#[test]
fn every_byte_is_counted_and_nothing_else() {
    let extra = |held: Held| {
        assert!(held.exact && held.trouble.is_none(), "{held:?}");
        held.extra.expect("measured")
    };
    // The shape of the output is a small allocation or none.
    let near = |got: u64, want: u64| assert!((want..want + 512).contains(&got), "{got} for {want}");
    near(
        extra(measure(|q: &Tensor, _: &Tensor, v: &Tensor, _: Mask| {
            zeros(q, v)
        })),
        0,
    );
    near(
        extra(measure(|q: &Tensor, _: &Tensor, v: &Tensor, _: Mask| {
            let held = touch(1_000_000);
            let out = zeros(q, v);
            drop(held);
            out
        })),
        1_000_000,
    );
    // What is freed before the next is asked for counts once.
    near(
        extra(measure(|q: &Tensor, _: &Tensor, v: &Tensor, _: Mask| {
            let out = zeros(q, v);
            (0..10).for_each(|_| drop(touch(300_000)));
            out
        })),
        300_000,
    );
    // An output in f64 is an output.
    near(
        extra(measure(|q: &Tensor, _: &Tensor, v: &Tensor, _: Mask| {
            let (q, v) = (q.shape(), v.shape());
            Array4::<f64>::zeros((q[0], q[1], q[2], v[3]))
        })),
        0,
    );
}

#[test]
fn threads_count_and_a_trace_does_not() {
    let held = measure(|q: &Tensor, _: &Tensor, v: &Tensor, _: Mask| {
        let both = std::sync::Barrier::new(2);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let held = touch(1_000_000);
                    both.wait();
                    drop(held);
                });
            }
        });
        zeros(q, v)
    });
    let extra = held.extra.expect("measured");
    // Less the output, which did not exist at the peak.
    assert!((900_000..2_100_000).contains(&extra), "{extra}");
    let held = measure(
        |q: &Tensor, _: &Tensor, v: &Tensor, _: Mask, trace: &mut Trace| {
            trace.step("q", "q", "b h n d", q);
            zeros(q, v)
        },
    );
    assert!(held.extra.expect("measured") < 4096, "{held:?}");
}

/// Attention as one writes it: right, with all scores at once.
fn whole(q: &Tensor, k: &Tensor, v: &Tensor, mask: Mask) -> Tensor {
    let mut scores = einsum("b h n d, b h m d -> b h n m", &[q, k]) / (q.shape()[3] as f32).sqrt();
    if let Some(mask) = mask {
        scores += mask;
    }
    let mut weights = softmax(&scores, 3);
    weights.mapv_inplace(|w| if w.is_nan() { 0.0 } else { w });
    einsum("b h n m, b h m v -> b h n v", &[&weights, v])
}

/// The same, one query at a time.
fn by_row(q: &Tensor, k: &Tensor, v: &Tensor, mask: Mask) -> Tensor {
    let scale = (q.shape()[3] as f32).sqrt();
    let mut out = zeros(q, v);
    let (h, n, m) = (q.shape()[1], q.shape()[2], k.shape()[2]);
    let wide = mask.map(|mask| mask.broadcast(IxDyn(&[q.shape()[0], h, n, m])).unwrap());
    for (b, h, i) in ndarray::indices((q.shape()[0], h, n)) {
        let q = q.slice(s![b, h, i, ..]);
        let score = |j: usize| {
            let bias = wide.as_ref().map_or(0.0, |mask| mask[[b, h, i, j]]);
            q.dot(&k.slice(s![b, h, j, ..])) / scale + bias
        };
        let scores: Vec<f32> = (0..m).map(score).collect();
        let max = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        if max == f32::NEG_INFINITY {
            continue;
        }
        let sum: f32 = scores.iter().map(|s| (s - max).exp()).sum();
        for (j, s) in scores.iter().enumerate() {
            let weight = (s - max).exp() / sum;
            out.slice_mut(s![b, h, i, ..])
                .scaled_add(weight, &v.slice(s![b, h, j, ..]));
        }
    }
    out
}

#[test]
fn right_values_with_an_n_by_m_matrix_are_a_verdict_of_their_own() {
    let report = judge(whole);
    assert_eq!(report.verdict, Verdict::TooMuchMemory, "{report:?}");
    let memory = report.memory.as_ref().expect("measured");
    assert_eq!(memory.usual, 4 * 1024 * 1024 * 4);
    assert!(
        memory.extra >= Some(2 * memory.usual),
        "scores and weights: {memory:?}"
    );
    let stages: Vec<&str> = report
        .stages
        .iter()
        .map(|stage| stage.id.as_str())
        .collect();
    assert_eq!(stages, ["shape", "values", "laws", "memory"]);
    let shown = render(&LESSON, &report, "llmlab ", Lang::En);
    for words in [
        "too much memory",
        "MB beyond its inputs and output, 2.0 MB are allowed",
        "an n×m matrix of scores for all heads is 16.8 MB",
        "Go tile by tile.",
    ] {
        assert!(shown.contains(words), "{shown}");
    }
    let shown = render(&LESSON, &report, "llmlab ", Lang::Zh);
    assert!(
        shown.contains("所有头的 n×m 分数矩阵是 16.8 MB") && shown.contains("逐块计算"),
        "{shown}"
    );

    let report = judge(by_row);
    assert_eq!(report.verdict, Verdict::Passed, "{report:?}");
    let shown = render(&LESSON, &report, "llmlab ", Lang::En);
    assert!(shown.contains("kB beyond inputs and output"), "{shown}");
}

#[test]
fn trouble_in_the_large_case_is_the_verdict() {
    let report = judge(|q: &Tensor, k: &Tensor, v: &Tensor, mask: Mask| {
        assert!(q.shape()[2] < 1000, "too long for me");
        by_row(q, k, v, mask)
    });
    assert_eq!(report.verdict, Verdict::Panicked, "{report:?}");
    let failure = report.failure.expect("a failure");
    assert_eq!(failure.message.as_deref(), Some("too long for me"));
    assert_eq!(failure.case.expect("a case").settings["n"], 1024);
}
