//! The bank of questions: enough of them, fresh values, one right answer, and the truth by the
//! lessons' own references.
#![cfg(feature = "terminal")]

use llmlab::check::case;
use llmlab::lesson::Lesson;
use llmlab::lessons::{LESSONS, find};
use llmlab::quiz::{Body, Drawn, Grade, Kind, Question, draw, grade, parse};
use llmlab::tensor::{Inputs, Value};
use llmlab::text::Lang;
use llmlab::trace::Trace;
use ndarray::{Array, ArrayD, Axis};
use std::collections::{BTreeMap, BTreeSet};

const LANGS: [Lang; 2] = [Lang::En, Lang::Zh];

fn questions(lesson: &Lesson) -> Vec<Question> {
    parse(lesson.id, lesson.quiz, lesson.problem.bugs).unwrap_or_else(|error| panic!("{error}"))
}

/// Every question of every lesson.
fn bank() -> impl Iterator<Item = (&'static Lesson, Question)> {
    LESSONS.iter().flat_map(|lesson| {
        questions(lesson)
            .into_iter()
            .map(move |question| (*lesson, question))
    })
}

fn combinations(question: &Question) -> usize {
    question.values.iter().map(|(_, list)| list.len()).product()
}

#[test]
fn every_lesson_asks_enough_and_draws_fresh_numbers() {
    for lesson in LESSONS {
        let (id, questions) = (lesson.id, questions(lesson));
        let kinds: BTreeSet<&str> = questions
            .iter()
            .map(|question| question.kind.id())
            .collect();
        assert!(
            questions.len() >= 10 && kinds.len() >= 5,
            "{id}: {} questions of {kinds:?}",
            questions.len()
        );
        let drawn = questions.iter().filter(|question| {
            matches!(question.kind, Kind::Numeric { .. }) && combinations(question) >= 4
        });
        assert!(
            drawn.count() >= 2,
            "{id}: give more values to its numeric questions"
        );
    }
}

#[test]
fn numbers_are_worked_out_and_never_constant() {
    for (lesson, question) in bank() {
        let at = format!("{}/{}", lesson.id, question.id);
        if !matches!(question.kind, Kind::Numeric { .. }) {
            continue;
        }
        assert!(combinations(&question) >= 2, "{at} is always the same");
        for why in [&question.why.en, &question.why.zh] {
            assert!(
                why.contains("{answer}"),
                "{at} does not show how the number comes about: {why}"
            );
        }
        for seed in 0..100 {
            let Body::Numeric { value, .. } = draw(&question, seed, Lang::En).body else {
                panic!("{at}")
            };
            assert!(value.is_finite(), "{at}, seed {seed}");
        }
    }
}

#[test]
fn options_are_distinct_and_the_key_is_right_in_both_languages() {
    for (lesson, question) in bank() {
        for seed in 0..100 {
            for lang in LANGS {
                let drawn = draw(&question, seed, lang);
                let at = format!("{}/{}, seed {seed}", lesson.id, question.id);
                let graded = grade::grade(&drawn, &drawn.answer());
                assert_eq!(graded.score(), Some(1.0), "{at}");
                if let Body::Pick { options: shown, .. }
                | Body::Order { steps: shown, .. }
                | Body::Short(shown) = &drawn.body
                {
                    let plain =
                        |text: &String| text.to_lowercase().split_whitespace().collect::<String>();
                    let distinct: BTreeSet<String> = shown.iter().map(plain).collect();
                    assert_eq!(distinct.len(), shown.len(), "{at}: {shown:?}");
                }
                for text in [&drawn.ask, &drawn.why] {
                    assert!(!text.contains("{answer}"), "{at}: {text}");
                }
            }
        }
    }
}

/// What the reference of a lesson computes, by name; and its inputs.
struct Run {
    steps: BTreeMap<String, ArrayD<f64>>,
    inputs: Inputs,
}

impl Run {
    /// The only number of a step, or the one at this place.
    fn at(&self, step: &str, place: usize) -> f64 {
        *self
            .step(step)
            .iter()
            .nth(place)
            .unwrap_or_else(|| panic!("`{step}` has no number {place}"))
    }

    fn step(&self, step: &str) -> &ArrayD<f64> {
        self.steps
            .get(step)
            .unwrap_or_else(|| panic!("no step `{step}` among {:?}", self.steps.keys()))
    }

    fn shape(&self, step: &str) -> Vec<usize> {
        self.step(step).shape().to_vec()
    }

    fn count(&self, step: &str) -> f64 {
        self.step(step).len() as f64
    }

    /// How many numbers an input holds.
    fn numbers(&self, input: &str) -> f64 {
        self.inputs.get(input).shape().iter().product::<usize>() as f64
    }
}

/// Runs the reference at these sizes, on inputs of which some are given.
fn run(lesson: &str, sizes: &[(&str, f64)], given: &[(&'static str, Value)]) -> Run {
    let problem = find(lesson).unwrap().problem;
    let sizes: Vec<(String, usize)> = sizes
        .iter()
        .map(|(name, size)| (name.to_string(), *size as usize))
        .collect();
    let case = case(problem, problem.kinds[0].id, 1, &sizes);
    let case = case.unwrap_or_else(|error| panic!("{lesson}: {}", error.say(Lang::En)));
    let mut inputs = (problem.inputs)(&case);
    for (name, value) in given {
        inputs.set(name, value.clone());
    }
    let mut trace = Trace::default();
    (problem.reference)(&inputs, &mut trace);
    let steps = trace
        .steps()
        .iter()
        .map(|step| (step.name.clone(), step.value.clone()));
    Run {
        steps: steps.collect(),
        inputs,
    }
}

fn floats(shape: &[usize], values: &[f64]) -> Value {
    let values: Vec<f32> = values.iter().map(|x| *x as f32).collect();
    Value::Float(Array::from_shape_vec(shape.to_vec(), values).unwrap())
}

fn ints(shape: &[usize], values: &[f64]) -> Value {
    let values: Vec<i64> = values.iter().map(|x| *x as i64).collect();
    Value::Int(Array::from_shape_vec(shape.to_vec(), values).unwrap())
}

fn zeros(shape: &[usize]) -> Value {
    Value::Float(ArrayD::zeros(shape.to_vec()))
}

/// What a layer of attention costs on n tokens: GFLOP of the projections and of the products, GiB
/// of operands and of scores.
fn cost(n: f64, heads: f64, kv_heads: f64, head_dim: f64, width: f64) -> Run {
    let number = Value::Number;
    run(
        "attention-complexity",
        &[("c", 1.0)],
        &[
            ("n", ints(&[1], &[n])),
            ("heads", number(heads)),
            ("kv_heads", number(kv_heads)),
            ("head_dim", number(head_dim)),
            ("width", number(width)),
            ("causal", number(0.0)),
            ("seconds", floats(&[1], &[1.0])),
        ],
    )
}

/// Numbers that a token adds to the cache of one layer.
fn cached(kv_heads: f64, head_dim: f64) -> f64 {
    let run = run(
        "kv-cache",
        &[
            ("b", 1.0),
            ("g", kv_heads),
            ("d", head_dim),
            ("n", 1.0),
            ("group", 1.0),
        ],
        &[],
    );
    let slots = run.step("present_k").len_of(Axis(2)) as f64;
    (run.count("present_k") + run.count("present_v")) / slots
}

/// The scale and zero point of the range from `low` to `high`.
fn affine(low: f64, high: f64, bits: f64, symmetric: f64) -> Run {
    run(
        "affine-quantization",
        &[("c", 1.0), ("bits", bits)],
        &[
            ("low", floats(&[1], &[low])),
            ("high", floats(&[1], &[high])),
            ("symmetric", Value::Number(symmetric)),
        ],
    )
}

type Drew<'a> = &'a dyn Fn(&str) -> f64;
type Truth = (&'static str, &'static str, fn(Drew) -> f64);

const NUMBERS: &[Truth] = &[
    ("affine-quantization", "scale-of-range", |v| {
        affine(-v("a"), v("c"), v("b"), 0.0).at("scale", 0)
    }),
    ("affine-quantization", "symmetric-scale", |v| {
        affine(-v("m"), v("m"), v("b"), 1.0).at("scale", 0)
    }),
    ("affine-quantization", "zero-point-value", |v| {
        affine(-v("a"), 5.0, v("b"), 0.0).at("zero_point", 0)
    }),
    ("alibi", "slope-of-a-head", |v| {
        run("alibi", &[("h", v("h"))], &[]).at("slopes", v("k") as usize - 1)
    }),
    ("attention", "scores-memory", |v| {
        1024.0 * cost(v("n"), v("h"), v("h"), 64.0, 2.0).at("scores", 0)
    }),
    ("attention", "flops", |v| {
        cost(v("n"), v("h"), v("h"), v("d"), 2.0).at("attention", 0)
    }),
    ("attention", "causal-pairs", |v| {
        run(
            "attention-mask",
            &[("b", 1.0), ("n", v("n")), ("m", v("m"))],
            &[],
        )
        .step("causal")
        .sum()
    }),
    ("attention-complexity", "scores-gib", |v| {
        cost(v("n"), v("h"), v("h"), 64.0, 2.0).at("scores", 0)
    }),
    ("attention-complexity", "attention-flop", |v| {
        cost(v("n"), 1.0, 1.0, v("d"), 2.0).at("attention", 0)
    }),
    ("attention-complexity", "prefill-flop", |v| {
        let cost = cost(v("n"), 32.0, v("g"), 128.0, 2.0);
        (cost.at("projections", 0) + cost.at("attention", 0)) / 1e3
    }),
    ("attention-mask", "causal-pairs", |v| {
        run(
            "attention-mask",
            &[("b", 1.0), ("n", v("n")), ("m", v("n") + v("c"))],
            &[],
        )
        .step("causal")
        .sum()
    }),
    ("flash-attention", "score-bytes", |v| {
        cost(v("n"), v("h"), v("h"), 64.0, 2.0).at("scores", 0)
    }),
    ("calibration", "moving-average", |v| {
        let batches = [[v("a"); 60], [v("b"); 60]].concat();
        run(
            "calibration",
            &[("k", 2.0), ("n", 60.0)],
            &[
                ("x", floats(&[2, 60], &batches)),
                ("averaging_constant", Value::Number(v("c"))),
            ],
        )
        .at("moving_average", 0)
    }),
    ("causal-lm-objective", "chance-level", |v| {
        run(
            "causal-lm-objective",
            &[("b", 1.0), ("n", 2.0), ("v", 5.0)],
            &[
                ("logits", zeros(&[1, 2, v("v") as usize])),
                ("labels", ints(&[1, 2], &[0.0, 1.0])),
            ],
        )
        .at("loss", 0)
    }),
    ("class-weighted-ce", "uniform-loss", |v| {
        let classes = v("c") as usize;
        run(
            "class-weighted-ce",
            &[("n", 1.0)],
            &[
                ("logits", zeros(&[1, classes])),
                ("targets", ints(&[1], &[0.0])),
                ("class_counts", ints(&[classes], &vec![1.0; classes])),
            ],
        )
        .at("loss", 0)
    }),
    ("class-weighted-ce", "root-weight", |v| {
        run(
            "class-weighted-ce",
            &[("n", 1.0), ("c", 2.0)],
            &[
                ("targets", ints(&[1], &[0.0])),
                ("class_counts", ints(&[2], &[v("m"), v("k")])),
            ],
        )
        .at("weights", 1)
    }),
    ("cross-attention", "scores-count", |v| {
        run(
            "cross-attention",
            &[
                ("b", 1.0),
                ("n", v("n") / 32.0),
                ("m", v("m") / 4.0),
                ("h", v("h")),
                ("dk", 1.0),
            ],
            &[],
        )
        .count("scores")
            * 128.0
    }),
    // At a 64th of the width; of three attentions and two FFNs a decoder layer has two and one.
    ("encoder-decoder-block", "decoder-weights", |v| {
        let d = v("d") / 64.0;
        let run = run("encoder-decoder-block", &[("d", d), ("f", 4.0 * d)], &[]);
        let ffn = (run.numbers("up") + run.numbers("down")) / 2.0;
        (run.numbers("attn") * 2.0 / 3.0 + ffn) * 4096.0 / 2f64.powi(20)
    }),
    ("encoder-decoder-block", "score-count", |v| {
        let run = run(
            "encoder-decoder-block",
            &[("b", 1.0), ("n", v("n") / 32.0), ("m", v("m") / 32.0)],
            &[],
        );
        ["enc_weights", "dec_weights", "cross_weights"]
            .map(|step| run.count(step))
            .iter()
            .sum::<f64>()
            * 1024.0
    }),
    // Half a byte of zero point and two bytes of scale for each group.
    ("group-quant-int4", "effective-bits", |v| {
        let run = run(
            "group-quant-int4",
            &[("n", 2.0), ("k", 256.0), ("group_size", v("g"))],
            &[],
        );
        (8.0 * run.count("packed") + 16.0 * run.count("scale") + 4.0 * run.count("zero"))
            / run.count("q")
    }),
    ("group-quant-int4", "read-back", |v| {
        // The codes of an evenly filled group are known: −z·s … (15 − z)·s.
        let (s, z) = (v("s"), v("z"));
        let values: Vec<f64> = (0..32).map(|i| s * (f64::from(i % 16) - z)).collect();
        run(
            "group-quant-int4",
            &[("n", 1.0), ("k", 32.0), ("group_size", 32.0)],
            &[("w", floats(&[1, 32], &values))],
        )
        .at("w_hat", v("q") as usize)
    }),
    ("hidden-state-distillation", "mapped-layer", |v| {
        run(
            "hidden-state-distillation",
            &[("l", v("s") + 1.0), ("m", v("t") + 1.0)],
            &[],
        )
        .at("layer_map", v("i") as usize)
    }),
    ("hidden-state-distillation", "parameters-of-w", |v| {
        run(
            "hidden-state-distillation",
            &[("n", 1.0), ("p", v("p") / 8.0), ("q", v("q") / 8.0)],
            &[],
        )
        .numbers("projection")
            * 64.0
    }),
    ("kv-cache", "bytes-per-token", |v| {
        cached(v("g"), 8.0) * 16.0 * v("l") * v("s") / 1024.0
    }),
    ("kv-cache", "bytes-of-a-batch", |v| {
        cached(8.0, 8.0) * 16.0 * 32.0 * 2.0 * v("b") * v("t") / 2f64.powi(30)
    }),
    ("multi-head-attention", "kv-cache", |v| {
        cached(v("kv"), 8.0) * 16.0 * v("l") * 2.0 * v("n") / 2f64.powi(20)
    }),
    // With heads of size 1; each weight has two axes of which d is one, or d/r.
    ("multi-head-attention", "parameters", |v| {
        let run = run(
            "multi-head-attention",
            &[("dk", 1.0), ("h", v("h")), ("h_kv", v("h") / v("r"))],
            &[],
        );
        let weights = ["w_q", "w_k", "w_v", "w_o"].map(|name| run.numbers(name));
        weights.iter().sum::<f64>() * (v("d") / v("h")).powi(2) / 1e6
    }),
    ("multi-head-attention", "gqa-head", |v| {
        let kv = v("h") / v("g");
        let run = run(
            "multi-head-attention",
            &[
                ("b", 1.0),
                ("n", 1.0),
                ("dk", 2.0),
                ("h", v("h")),
                ("h_kv", kv),
            ],
            &[],
        );
        let head = [0, 1].map(|i| run.at("k_heads", 2 * v("i") as usize + i));
        let same = |j: &usize| [0, 1].map(|i| run.at("k", 2 * j + i)) == head;
        (0..kv as usize).find(same).map_or(f64::NAN, |j| j as f64)
    }),
    ("ntk-rope", "turns", |v| {
        run("ntk-rope", &[("p", 64.0), ("trained", v("l"))], &[]).at("turns", v("i") as usize)
    }),
    ("ntk-rope", "temperature", |v| {
        run("ntk-rope", &[("factor", v("s"))], &[])
            .at("heat", 0)
            .powi(2)
    }),
    ("position-interpolation", "place-of-a-token", |v| {
        run(
            "position-interpolation",
            &[
                ("b", 1.0),
                ("n", 1.0),
                ("trained", v("l")),
                ("target", v("l") * v("s")),
            ],
            &[("positions", ints(&[1, 1], &[v("m")]))],
        )
        .at("places", 0)
    }),
    ("position-interpolation", "neighbour-angle", |v| {
        let run = run(
            "position-interpolation",
            &[
                ("b", 1.0),
                ("h", 1.0),
                ("n", 2.0),
                ("d", 2.0),
                ("trained", 64.0),
                ("target", 64.0 * v("s")),
            ],
            &[("positions", ints(&[1, 2], &[40.0, 41.0]))],
        );
        run.at("angles", 1) - run.at("angles", 0)
    }),
    ("position-wise-ffn", "parameters", |v| {
        let d = v("d") / 64.0;
        let run = run("position-wise-ffn", &[("d", d), ("f", 4.0 * d)], &[]);
        (run.numbers("w_up") + run.numbers("w_down")) * 4096.0 / 2f64.powi(20)
    }),
    ("qat-fake-quant", "value", |v| {
        run(
            "qat-fake-quant",
            &[("n", 1.0), ("c", 1.0)],
            &[
                ("x", floats(&[1, 1], &[v("x")])),
                ("grad_out", floats(&[1, 1], &[1.0])),
                ("scale", Value::Number(v("s"))),
                ("zero_point", Value::Number(0.0)),
                ("qmin", Value::Number(-8.0)),
                ("qmax", Value::Number(7.0)),
            ],
        )
        .at("x_hat", 0)
    }),
    ("rope", "frequency-of-a-pair", |v| {
        run("rope", &[("d", v("d"))], &[]).at("inv_freq", v("i") as usize)
    }),
    ("rope", "tokens-per-turn", |v| {
        let run = run(
            "rope",
            &[("d", v("d"))],
            &[("rope_theta", Value::Number(v("t")))],
        );
        2.0 * std::f64::consts::PI / run.step("inv_freq").iter().last().unwrap()
    }),
    ("sinusoidal-position", "wavelength", |v| {
        2.0 * std::f64::consts::PI
            / run("sinusoidal-position", &[("d", v("d"))], &[]).at("inv_freq", v("i") as usize)
    }),
    ("sinusoidal-position", "first-pair", |v| {
        run(
            "sinusoidal-position",
            &[("b", 1.0), ("n", 1.0)],
            &[("positions", ints(&[1, 1], &[v("m")]))],
        )
        .at("encoding", 0)
    }),
    ("sinusoidal-position", "length-of-vector", |v| {
        let run = run(
            "sinusoidal-position",
            &[("b", 1.0), ("n", 1.0), ("d", v("d"))],
            &[],
        );
        run.step("encoding")
            .iter()
            .map(|x| x * x)
            .sum::<f64>()
            .sqrt()
    }),
    ("sliding-window-attention", "count-pairs", |v| {
        let sizes = [
            ("b", 1.0),
            ("h", 1.0),
            ("n", v("n")),
            ("m", v("n")),
            ("window", v("w")),
            ("globals", 0.0),
            ("causal", 1.0),
        ];
        run("sliding-window-attention", &sizes, &[])
            .step("scores")
            .iter()
            .filter(|score| score.is_finite())
            .count() as f64
    }),
    ("stable-softmax", "lse-of-equal", |v| {
        let m = v("m") as usize;
        run(
            "stable-softmax",
            &[],
            &[("x", floats(&[1, m], &vec![v("c"); m]))],
        )
        .at("logsumexp", 0)
    }),
    ("stable-softmax", "two-logits", |v| {
        run(
            "stable-softmax",
            &[],
            &[("x", floats(&[1, 2], &[v("a") + v("d"), v("a")]))],
        )
        .at("softmax", 0)
    }),
    ("w8a8-quantization", "factor", |v| {
        run(
            "w8a8-quantization",
            &[("n", 1.0), ("c", 1.0), ("r", 1.0)],
            &[
                ("act_max", floats(&[1], &[v("x")])),
                ("weight", floats(&[1, 1], &[v("w")])),
                ("alpha", Value::Number(0.5)),
            ],
        )
        .at("smooth", 0)
    }),
];

type Shape = (
    &'static str,
    &'static str,
    &'static str,
    fn(Drew) -> Vec<(&'static str, f64)>,
);

/// The step whose shape is asked for, and the sizes that it has to be run at.
const SHAPES: &[Shape] = &[
    ("alibi", "shape-of-bias", "bias", |v| {
        vec![("b", v("b")), ("h", v("h")), ("n", v("n")), ("m", v("m"))]
    }),
    ("attention", "scores-shape", "scores", |v| {
        vec![
            ("b", v("b")),
            ("h", v("h")),
            ("n", v("n")),
            ("m", v("m")),
            ("d", v("d")),
        ]
    }),
    ("attention", "out-shape", "out", |v| {
        vec![
            ("b", v("b")),
            ("h", v("h")),
            ("n", v("n")),
            ("m", v("m")),
            ("d", v("d")),
            ("dv", v("v")),
        ]
    }),
    ("attention-mask", "shape-of-mask", "mask", |v| {
        vec![("b", v("b")), ("n", v("n")), ("m", v("m"))]
    }),
    ("calibration", "shape-of-curve", "mse", |v| {
        vec![("bins", v("bins")), ("bits", v("levels").log2() + 1.0)]
    }),
    ("cross-attention", "shape-of-weights", "weights", |v| {
        vec![("b", v("b")), ("h", v("h")), ("n", v("n")), ("m", v("m"))]
    }),
    ("einsum-attention", "shape-of-the-heads", "heads", |v| {
        vec![
            ("b", v("b")),
            ("n", v("n")),
            ("m", v("m")),
            ("h", v("h")),
            ("e", v("e")),
        ]
    }),
    ("class-weighted-ce", "shape-of-weight", "weights", |v| {
        vec![("n", v("n")), ("c", v("c"))]
    }),
    (
        "hidden-state-distillation",
        "shape-of-w",
        "grad_projection",
        |v| {
            vec![
                ("l", 2.0),
                ("m", 2.0),
                ("n", v("n")),
                ("p", v("p")),
                ("q", v("q")),
            ]
        },
    ),
    ("kv-cache", "shape-of-scores", "scores", |v| {
        vec![
            ("b", v("b")),
            ("g", v("g")),
            ("group", v("h") / v("g")),
            ("n", v("n")),
            ("past", v("m") - v("n")),
            ("spare", 0.0),
        ]
    }),
    ("length-extrapolation", "shape-of-buckets", "tokens", |v| {
        vec![("w", v("w")), ("n", v("k") * v("g")), ("stride", v("g"))]
    }),
    ("logit-distillation", "shape-of-gradient", "grad", |v| {
        vec![("n", v("n")), ("c", v("c"))]
    }),
    ("multi-head-attention", "shape-of-scores", "scores", |v| {
        vec![("b", v("b")), ("h", v("h")), ("n", v("n")), ("dk", 2.0)]
    }),
    ("ntk-rope", "shape-of-tables", "cos", |v| {
        vec![("n", v("n")), ("p", v("d") / 2.0)]
    }),
    ("position-interpolation", "shape-of-table", "cos", |v| {
        vec![("b", v("b")), ("h", v("h")), ("n", v("n")), ("d", v("d"))]
    }),
    ("position-wise-ffn", "shape-hidden", "hidden", |v| {
        vec![("b", v("b")), ("n", v("n")), ("d", v("d")), ("f", v("f"))]
    }),
    ("qat-fake-quant", "shape-of-gradients", "grad_x", |v| {
        vec![("n", v("n")), ("c", v("c"))]
    }),
    ("rope", "shape-of-angles", "angles", |v| {
        vec![("b", v("b")), ("h", v("h")), ("n", v("n")), ("d", v("d"))]
    }),
    (
        "sinusoidal-position",
        "shape-of-encoding",
        "encoding",
        |v| vec![("b", v("b")), ("n", v("n")), ("d", v("d"))],
    ),
    ("sinusoidal-position", "shape-of-angles", "angles", |v| {
        vec![("b", v("b")), ("n", v("n")), ("d", v("d"))]
    }),
];

/// The question drawn with up to 100 seeds, each combination of values once.
fn draws(lesson: &str, id: &str) -> Vec<Drawn> {
    let lesson = find(lesson).unwrap_or_else(|| panic!("no lesson {lesson}"));
    let questions = questions(lesson);
    let question = questions.iter().find(|question| question.id == id);
    let question = question.unwrap_or_else(|| panic!("{} has no question {id}", lesson.id));
    let mut seen = BTreeSet::new();
    let all = (0..100).map(|seed| draw(question, seed, Lang::En));
    all.filter(|drawn| seen.insert(format!("{:?}", drawn.values)))
        .collect()
}

fn value(drawn: &Drawn, name: &str) -> f64 {
    let found = drawn.values.iter().find(|(known, _)| known == name);
    found
        .unwrap_or_else(|| panic!("{} draws no `{name}`", drawn.id))
        .1
}

#[test]
fn answers_are_what_the_references_compute() {
    let (mut wrong, mut compared, mut lessons) = (Vec::new(), 0, BTreeSet::new());
    for (lesson, id, truth) in NUMBERS {
        lessons.insert(*lesson);
        for drawn in draws(lesson, id) {
            let Body::Numeric {
                value: said,
                tolerance,
                ..
            } = drawn.body
            else {
                panic!("{lesson}/{id}")
            };
            let truth = truth(&|name| value(&drawn, name));
            compared += 1;
            if !((said - truth).abs() <= tolerance.clamp(1e-6, 1e-3) * truth.abs().max(1e-9)) {
                wrong.push(format!(
                    "{lesson}/{id} with {:?}: the key says {said}, the reference {truth}",
                    drawn.values
                ));
            }
        }
    }
    for (lesson, id, step, sizes) in SHAPES {
        lessons.insert(*lesson);
        for drawn in draws(lesson, id) {
            let Body::Shape(said) = &drawn.body else {
                panic!("{lesson}/{id}")
            };
            let truth = run(lesson, &sizes(&|name| value(&drawn, name)), &[]).shape(step);
            compared += 1;
            // A batch of positions is one axis more than a question without a batch has.
            if *said != truth && said[..] != truth[truth.len().min(1)..] {
                wrong.push(format!(
                    "{lesson}/{id} with {:?}: the key says {said:?}, the reference {truth:?}",
                    drawn.values
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    let questions = NUMBERS.len() + SHAPES.len();
    println!(
        "{questions} questions of {} lessons, {compared} draws",
        lessons.len()
    );
    assert!(questions >= 25 && lessons.len() >= 15);
}

/// A drawn question with this body.
fn asking(body: Body, lang: Lang) -> Drawn {
    let (_, question) = bank().next().unwrap();
    Drawn {
        body,
        ..draw(&question, 0, lang)
    }
}

fn number(value: f64, unit: &str, tolerance: f64) -> Body {
    let unit = Some(unit.to_string()).filter(|unit| !unit.is_empty());
    Body::Numeric {
        value,
        unit,
        tolerance,
    }
}

#[test]
fn sizes_are_understood_in_every_unit() {
    for lang in LANGS {
        for (unit, want) in [
            ("GB", 4.3),
            ("B", 4.3e9),
            ("bytes", 4.3e9),
            ("MB", 4300.0),
            ("GiB", 4.3e9 / 2f64.powi(30)),
        ] {
            let question = asking(number(want, unit, 0.01), lang);
            for typed in [
                "4.3 GB",
                "4.3GB",
                "4.3e9 B",
                "4.3e9B",
                "4 GiB",
                "4,300,000,000 bytes",
                "4300 MB",
                "4300MB",
                "4.3 gb",
                "4.3G字节",
                "4.3 吉字节",
                "43亿字节",
                "4300兆字节",
                "４．３ＧＢ",
                "4.3 GB。",
                "约 4.3 GB",
                "34.4 Gbit",
                "344亿比特",
            ] {
                assert_eq!(
                    grade::grade(&question, typed),
                    Grade::Right,
                    "{typed} for {want} {unit}"
                );
            }
        }
        let many = asking(number(12000.0, "", 0.0), lang);
        for typed in ["1.2万", "12,000", "12 000", "1.2e4"] {
            assert_eq!(grade::grade(&many, typed), Grade::Right, "{typed}");
        }
    }
}

#[test]
fn another_count_is_named() {
    let divided = (4e9 / 2f64.powi(30)).to_string();
    let said = |value, unit, typed, en: &str, zh: &str| {
        for (lang, sentence) in [(Lang::En, en), (Lang::Zh, zh)] {
            let graded = grade::grade(&asking(number(value, unit, 0.01), lang), typed);
            assert_eq!(
                graded,
                Grade::Wrong {
                    hint: Some(sentence.to_string())
                },
                "{typed}"
            );
        }
    };
    let thousands = [
        "You used 1024 for 1000: GB counts in thousands.",
        "你用了 1024，应为 1000：GB 按 1000 进位。",
    ];
    said(4e9 / 1e9, "GB", &divided, thousands[0], thousands[1]);
    let steps = [
        "You used 1000 for 1024: GiB counts in steps of 1024.",
        "你用了 1000，应为 1024：GiB 按 1024 进位。",
    ];
    said(4.0, "GiB", "4.294967", steps[0], steps[1]);
    said(4.0, "GiB", "4 GB", steps[0], steps[1]);
    said(
        4000.0,
        "B",
        "4096",
        "You used 1024 for 1000: B counts in thousands.",
        "你用了 1024，应为 1000：B 按 1000 进位。",
    );
    said(
        2.0,
        "MiB",
        "16",
        "That is in bits; MiB is asked for, and a byte has 8 bits.",
        "这是比特数；题目要的是 MiB，1 字节等于 8 比特。",
    );
    said(
        16.0,
        "bits",
        "2",
        "That is in bytes; bits is asked for, and a byte has 8 bits.",
        "这是字节数；题目要的是 bits，1 字节等于 8 比特。",
    );
    said(
        37.0,
        "%",
        "0.37",
        "That is the fraction; percent is asked for.",
        "这是小数；题目要的是百分数。",
    );
    said(
        0.37,
        "",
        "37",
        "That is in percent; the fraction is asked for.",
        "这是百分数；题目要的是小数。",
    );
    for (value, unit, typed) in [
        (37.0, "%", "37%"),
        (37.0, "%", "37 percent"),
        (37.0, "%", "百分之37"),
        (0.37, "", "37%"),
        (0.37, "", "37 percent"),
        (0.37, "", "百分之 37"),
    ] {
        assert_eq!(
            grade::grade(&asking(number(value, unit, 0.01), Lang::Zh), typed),
            Grade::Right,
            "{typed}"
        );
    }
}

#[test]
fn shapes_are_understood_however_they_are_written() {
    let question = asking(Body::Shape(vec![2, 3, 5]), Lang::En);
    for typed in [
        "(2, 3, 5)",
        "[2,3,5]",
        "2x3x5",
        "2×3×5",
        "2 3 5",
        "torch.Size([2, 3, 5])",
        "b=2 n=3 d=5",
        "2*3*5",
        "b = 2, n = 3, d = 5",
        "2 x 3 x 5",
        "2 × 3 × 5",
        "2X3X5",
        "（2，3，5）",
        "[b=2, n=3, d=5]",
        "shape: (2, 3, 5)",
        "2,3,5",
    ] {
        assert_eq!(grade::grade(&question, typed), Grade::Right, "{typed}");
    }
    let vector = asking(Body::Shape(vec![2]), Lang::En);
    for typed in ["(2,)", "[2]", "2", "torch.Size([2])", "(2)"] {
        assert_eq!(grade::grade(&vector, typed), Grade::Right, "{typed}");
    }
}
