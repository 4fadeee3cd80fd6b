//! Answers to `sinusoidal-position` as people write them: right ones in many styles and layouts, and
//! one wrong one for every planted bug.

use llmlab::lessons::sinusoidal_position::candidate;
use llmlab::prelude::*;
use llmlab::solution::Candidate;

/// What `llmlab start` writes.
#[expect(unused_variables, reason = "the body is the learner's")]
#[path = "../../lessons/sinusoidal_position/exercise.rs"]
pub mod exercise;
#[path = "../../lessons/sinusoidal_position/solution.rs"]
mod solution;

type Named<T> = Vec<(T, Box<dyn Candidate>)>;

/// Where a token is: its sequence, its row, its own position and that of sequence 0.
#[derive(Clone, Copy)]
struct Token {
    b: f32,
    n: f32,
    own: f32,
    row_0: f32,
}

/// A straightforward answer with its choices, in f32.
#[derive(Clone, Copy)]
struct Plain {
    place: fn(Token) -> f32,
    /// The frequency of pair i, dimension j, width d.
    omega: fn(usize, usize, usize) -> f32,
    /// Dimension j of width d: its pair, and whether it is the second of it.
    layout: fn(usize, usize) -> (usize, bool),
    wave: fn(f32, bool) -> f32,
    /// Embedding, wave and √d to the result.
    join: fn(f32, f32, f32) -> f32,
}

const PAIRS: Plain = Plain {
    place: |t| t.own,
    omega: |i, _, d| 1.0 / 10_000f32.powf((2 * i) as f32 / d as f32),
    layout: |j, _| (j / 2, j % 2 == 1),
    wave: |angle, second| if second { angle.cos() } else { angle.sin() },
    join: |x, wave, root| x * root + wave,
};

const HALVES: Plain = Plain {
    layout: |j, d| (j % (d / 2), j >= d / 2),
    ..PAIRS
};

const T2T: Plain = Plain {
    omega: |i, _, d| {
        let step = 10_000f32.ln() / (d / 2 - 1).max(1) as f32;
        (-(i as f32) * step).exp()
    },
    ..HALVES
};

fn plain(choices: Plain) -> Box<dyn Candidate> {
    Box::new(candidate(
        move |embeddings: &Tensor, positions: &Labels| -> Tensor {
            let d = embeddings.shape()[2];
            let mut out = embeddings.clone();
            for (at, x) in out.indexed_iter_mut() {
                let (b, n, j) = (at[0], at[1], at[2]);
                let m = (choices.place)(Token {
                    b: b as f32,
                    n: n as f32,
                    own: positions[[b, n]] as f32,
                    row_0: positions[[0, n]] as f32,
                });
                let (i, second) = (choices.layout)(j, d);
                let wave = (choices.wave)(m * (choices.omega)(i, j, d), second);
                *x = (choices.join)(*x, wave, (d as f32).sqrt());
            }
            out
        },
    ))
}

pub fn right() -> Named<&'static str> {
    vec![
        (
            "the lesson's solution",
            Box::new(candidate(solution::sinusoidal_position)),
        ),
        ("f32 loops", plain(PAIRS)),
        ("f32 loops, halves", plain(HALVES)),
        ("f32 loops, tensor2tensor", plain(T2T)),
        (
            "PyTorch's tutorial: exp of a logarithm",
            plain(Plain {
                omega: |i, _, d| ((2 * i) as f32 * (-10_000f32.ln() / d as f32)).exp(),
                ..PAIRS
            }),
        ),
        (
            "cosine as a sine with a phase",
            plain(Plain {
                wave: |angle, second| {
                    let phase = if second {
                        std::f64::consts::FRAC_PI_2
                    } else {
                        0.0
                    };
                    (f64::from(angle) + phase).sin() as f32
                },
                ..PAIRS
            }),
        ),
        ("outer product, static rank", Box::new(candidate(outer))),
        (
            "marian: two halves concatenated, traced",
            Box::new(candidate(concatenated)),
        ),
        (
            "a table of all positions, looked up",
            Box::new(candidate(table)),
        ),
        (
            "each pair turned on from the last position",
            Box::new(candidate(turning)),
        ),
    ]
}

fn outer(embeddings: &Tensor, positions: &Labels) -> Array3<f64> {
    let (b, n, d) = (
        embeddings.shape()[0],
        embeddings.shape()[1],
        embeddings.shape()[2],
    );
    let m = positions.mapv(|m| m as f64);
    let omega = ArrayD::from_shape_fn(IxDyn(&[d / 2]), |at| {
        10_000f64.powf(-((2 * at[0]) as f64) / d as f64)
    });
    let angles = einsum("b n, p -> b n p", &[&m, &omega]);
    let mut out = Array3::zeros((b, n, d));
    out.slice_mut(s![.., .., 0..;2])
        .assign(&angles.mapv(f64::sin));
    out.slice_mut(s![.., .., 1..;2])
        .assign(&angles.mapv(f64::cos));
    let scaled = embeddings.mapv(|x| f64::from(x) * (d as f64).sqrt());
    out + scaled.into_dimensionality::<ndarray::Ix3>().unwrap()
}

fn concatenated(embeddings: &Tensor, positions: &Labels, trace: &mut Trace) -> Tensor {
    let d = embeddings.shape()[2];
    let shape = vec![positions.shape()[0], positions.shape()[1], d / 2];
    let angles = Tensor::from_shape_fn(shape, |at| {
        positions[[at[0], at[1]]] as f32 / 10_000f32.powf(2.0 * at[2] as f32 / d as f32)
    });
    trace.step("angles", "m·ω", "b n p", &angles);
    let (sin, cos) = (angles.mapv(f32::sin), angles.mapv(f32::cos));
    let encoding = ndarray::concatenate(Axis(2), &[sin.view(), cos.view()]).unwrap();
    embeddings * (d as f32).sqrt() + encoding
}

fn table(embeddings: &Tensor, positions: &Labels) -> Tensor {
    let d = embeddings.shape()[2];
    let longest = positions.iter().max().map_or(0, |m| *m as usize) + 1;
    let mut table = Array2::<f32>::zeros((longest, d));
    for ((m, j), cell) in table.indexed_iter_mut() {
        let angle = m as f64 / 10_000f64.powf((j - j % 2) as f64 / d as f64);
        *cell = [angle.sin(), angle.cos()][j % 2] as f32;
    }
    let mut out = embeddings * (d as f32).sqrt();
    for (m, mut row) in positions.iter().zip(out.rows_mut()) {
        row += &table.row(*m as usize);
    }
    out
}

/// sin and cos of m·ω by the addition theorems, as recurrences have them.
fn turning(embeddings: &Tensor, positions: &Labels) -> Tensor {
    let d = embeddings.shape()[2];
    let mut out = embeddings * (d as f32).sqrt();
    for (m, mut row) in positions.iter().zip(out.rows_mut()) {
        for i in 0..d / 2 {
            let (sin, cos) = 10_000f64.powf(-((2 * i) as f64) / d as f64).sin_cos();
            let (mut s, mut c) = (0.0, 1.0);
            for _ in 0..*m {
                (s, c) = (s * cos + c * sin, c * cos - s * sin);
            }
            row[2 * i] += s as f32;
            row[2 * i + 1] += c as f32;
        }
    }
    out
}

pub fn wrong() -> Named<&'static str> {
    let mut all: Named<&'static str> = Vec::new();
    for layout in [PAIRS, HALVES] {
        let mut add = |id, choices: Plain| all.push((id, plain(choices)));
        let place = |place| Plain { place, ..layout };
        add("positions-from-1", place(|t| t.own + 1.0));
        add("row-positions", place(|t| t.n));
        add("batch-row-0", place(|t| t.row_0));
        add("batch-as-position", place(|t| t.b));
        let wave = |wave| Plain { wave, ..layout };
        add("sin-all", wave(|angle, _| angle.sin()));
        add(
            "cos-sin-swapped",
            wave(|angle, second| if second { angle.sin() } else { angle.cos() }),
        );
        add(
            "degrees",
            wave(|angle, second| {
                let angle = angle * std::f32::consts::PI / 180.0;
                if second { angle.cos() } else { angle.sin() }
            }),
        );
        let omega = |omega| Plain { omega, ..layout };
        add(
            "exponent-i-not-2i",
            omega(|i, _, d| 10_000f32.powf(-(i as f32) / d as f32)),
        );
        add(
            "exponent-half-dim",
            omega(|i, _, d| 10_000f32.powf(-((2 * i) as f32) / (d / 2) as f32)),
        );
        add(
            "exponent-per-dim",
            omega(|_, j, d| 10_000f32.powf(-(j as f32) / d as f32)),
        );
        add(
            "no-logarithm",
            omega(|i, _, d| (-((2 * i) as f32) / d as f32).exp()),
        );
        add(
            "base-1000",
            omega(|i, _, d| 1000f32.powf(-((2 * i) as f32) / d as f32)),
        );
        add(
            "single-frequency",
            omega(|i, _, d| 1.0 / 10_000f32.powi((2 * i / d) as i32)),
        );
        let join = |join| Plain { join, ..layout };
        add("no-root", join(|x, wave, _| x + wave));
        add("divided-by-root", join(|x, wave, root| x / root + wave));
        add("root-on-the-sum", join(|x, wave, root| (x + wave) * root));
        add("multiplied", join(|x, wave, root| x * root * wave));
        add("encoding-only", join(|_, wave, _| wave));
    }
    // In f64: these angles are too large for an f32.
    all.push(("exponent-sign", Box::new(candidate(growing))));
    all
}

fn growing(embeddings: &Tensor, positions: &Labels) -> Tensor {
    let d = embeddings.shape()[2];
    Tensor::from_shape_fn(embeddings.raw_dim(), |at| {
        let m = positions[[at[0], at[1]]] as f64;
        let angle = m * 10_000f64.powf((at[2] / 2 * 2) as f64 / d as f64);
        let wave = [angle.sin(), angle.cos()][at[2] % 2];
        embeddings[&at] * (d as f32).sqrt() + wave as f32
    })
}

pub fn pairs() -> Named<[&'static str; 2]> {
    vec![
        (
            ["no-root", "positions-from-1"],
            plain(Plain {
                place: |t| t.own + 1.0,
                join: |x, wave, _| x + wave,
                ..PAIRS
            }),
        ),
        (
            ["cos-sin-swapped", "base-1000"],
            plain(Plain {
                omega: |i, _, d| 1000f32.powf(-((2 * i) as f32) / d as f32),
                wave: |angle, second| if second { angle.sin() } else { angle.cos() },
                ..HALVES
            }),
        ),
        (
            ["row-positions", "exponent-i-not-2i"],
            plain(Plain {
                place: |t| t.n,
                omega: |i, _, d| 10_000f32.powf(-(i as f32) / d as f32),
                ..PAIRS
            }),
        ),
        (
            ["root-on-the-sum", "no-logarithm"],
            plain(Plain {
                omega: |i, _, d| (-((2 * i) as f32) / d as f32).exp(),
                join: |x, wave, root| (x + wave) * root,
                ..HALVES
            }),
        ),
    ]
}
