//! Answers to `rope` as people write them: right ones in many styles, and one wrong one for every
//! planted bug, in both layouts where the bug has two.

use llmlab::lessons::rope::candidate;
use llmlab::prelude::*;
use llmlab::solution::Candidate;

/// What `llmlab start` writes.
#[expect(unused_variables, reason = "the body is the learner's")]
#[path = "../../lessons/rope/exercise.rs"]
pub mod exercise;
#[path = "../../lessons/rope/solution.rs"]
mod solution;

type Named<T> = Vec<(T, Box<dyn Candidate>)>;
type Both = (Tensor, Tensor);
/// Turns one tensor.
type One = fn(&Tensor, &Labels, f64) -> Tensor;
/// What turns the token at [h, n]: from its position, and the one in sequence 0.
type Position = fn([usize; 2], i64, i64) -> f32;
/// θ of pair i for head_dim, heads and base.
type Theta = fn(usize, usize, usize, f32) -> f32;
/// x0, x1, cos, sin to the turned pair.
type Mix = fn(f32, f32, f32, f32) -> [f32; 2];

pub fn right() -> Named<&'static str> {
    vec![
        ("the lesson's solution", Box::new(candidate(solution::rope))),
        ("plain f32 loops", plain(INTERLEAVED)),
        ("plain f32 loops, half-split", plain(HALF)),
        ("complex numbers, traced", Box::new(candidate(complex))),
        (
            "rotation matrices and einsum",
            Box::new(candidate(matrices)),
        ),
        (
            "x·cos + (x·P)·sin with matmul",
            Box::new(candidate(swapped)),
        ),
        ("static rank, f64 throughout", Box::new(candidate(wide))),
        ("in place on chunks of two", Box::new(candidate(chunks))),
        (
            "rotate_half as in transformers",
            Box::new(candidate(hugging)),
        ),
        (
            "frequencies by repeated multiplication",
            Box::new(candidate(running)),
        ),
        (
            "exp of a logarithm in f32",
            plain(Turn {
                theta: |i, d, _, base| (-base.ln() * (2 * i) as f32 / d as f32).exp(),
                ..INTERLEAVED
            }),
        ),
        (
            "read interleaved, written in halves",
            Box::new(candidate(deepseek)),
        ),
    ]
}

pub fn wrong() -> Named<&'static str> {
    let mut all: Named<&'static str> = Vec::new();
    for layout in [INTERLEAVED, HALF] {
        let mut add = |id, q: Turn, k: Turn| all.push((id, both(q, k)));
        let flipped = Turn {
            mix: |x0, x1, c, s| [x0 * c + x1 * s, x1 * c - x0 * s],
            ..layout
        };
        add("sign-flip", flipped, flipped);
        add("k-opposite-sign", layout, flipped);
        let other = if (layout.pair)(1, 8) == [1, 5] {
            INTERLEAVED
        } else {
            HALF
        };
        add("mixed-conventions", layout, other);
        let still = Turn {
            mix: |x0, x1, _, _| [x0, x1],
            ..layout
        };
        add("only-q", layout, still);
        add("only-k", still, layout);
        let twice = Turn {
            mix: |x0, x1, c, s| {
                let (y0, y1) = (x0 * c - x1 * s, x0 * s + x1 * c);
                [y0 * c - y1 * s, y0 * s + y1 * c]
            },
            ..layout
        };
        add("k-rotated-twice", layout, twice);

        let mut same = |id, turn: Turn| all.push((id, plain(turn)));
        let theta = |theta: Theta| Turn { theta, ..layout };
        same(
            "angle-per-dim-not-pair",
            theta(|i, d, _, base| base.powf(-(i as f32) / d as f32)),
        );
        same(
            "base-exponent-d-model",
            theta(|i, d, heads, base| 1.0 / base.powf((2 * i) as f32 / (heads * d) as f32)),
        );
        same(
            "exponent-half-dim",
            theta(|i, d, _, base| 1.0 / base.powf((2 * i) as f32 / (d / 2) as f32)),
        );
        same(
            "exponent-endpoint",
            theta(|i, d, _, base| {
                let steps = (d / 2 - 1).max(1);
                1.0 / base.powf(i as f32 / steps as f32)
            }),
        );
        same(
            "exp-without-ln-base",
            theta(|i, d, _, _| (-((2 * i) as f32) / d as f32).exp()),
        );
        same(
            "base-10000",
            theta(|i, d, _, _| 10_000f32.powf(-((2 * i) as f32) / d as f32)),
        );
        same(
            "single-theta",
            theta(|i, d, _, base| base.powi(-((2 * i / d) as i32))),
        );
        same(
            "frequencies-reversed",
            theta(|i, d, _, base| base.powf(-((d - 2 - 2 * i) as f32) / d as f32)),
        );
        same(
            "pairs-from-1",
            theta(|i, d, _, base| base.powf(-2.0 * (i + 1) as f32 / d as f32)),
        );
        same(
            "degrees",
            theta(|i, d, _, base| base.powf(-((2 * i) as f32) / d as f32).to_radians()),
        );

        let position = |position: Position| Turn { position, ..layout };
        same("offset-ignored", position(|[_, n], _, _| n as f32));
        same("positions-from-1", position(|_, own, _| (own + 1) as f32));
        same("batch-row-0", position(|_, _, row_0| row_0 as f32));
        same("head-as-position", position(|[h, _], _, _| h as f32));
        same(
            "bf16-positions",
            position(|_, own, _| {
                let bits = (own as f32).to_bits();
                let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1));
                f32::from_bits(rounded & 0xffff_0000)
            }),
        );

        let mix = |mix: Mix| Turn { mix, ..layout };
        same(
            "sin-cos-swapped",
            mix(|x0, x1, c, s| [x0 * s - x1 * c, x0 * c + x1 * s]),
        );
        same(
            "rotate-half-no-minus",
            mix(|x0, x1, c, s| [x0 * c + x1 * s, x1 * c + x0 * s]),
        );
        same(
            "overwritten-first",
            mix(|mut x0, mut x1, c, s| {
                x0 = x0 * c - x1 * s;
                x1 = x0 * s + x1 * c;
                [x0, x1]
            }),
        );

        let scaled = move |q: &Tensor, k: &Tensor, m: &Labels, base: f64| {
            let d = q.shape()[3] as f32;
            (layout.run(q, m, base) / d.sqrt(), layout.run(k, m, base))
        };
        all.push(("q-scaled", Box::new(candidate(scaled))));
    }
    let tables: [(&str, One); 6] = [
        ("angle-per-dim", |x, m, base| {
            by_table(x, m, base, every_two, |j, d| j as f64 / d as f64)
        }),
        ("angle-per-dim", |x, m, base| {
            by_table(x, m, base, rotate_half, |j, d| j as f64 / d as f64)
        }),
        ("table-layout", |x, m, base| {
            by_table(x, m, base, every_two, |j, d| {
                (2 * (j % (d / 2))) as f64 / d as f64
            })
        }),
        ("table-layout", |x, m, base| {
            by_table(x, m, base, rotate_half, |j, d| {
                (j / 2 * 2) as f64 / d as f64
            })
        }),
        ("exponent-sign", |x, m, base| {
            by_table(x, m, base, every_two, |j, d| {
                -((j / 2 * 2) as f64) / d as f64
            })
        }),
        ("exponent-sign", |x, m, base| {
            by_table(x, m, base, rotate_half, |j, d| {
                -((2 * (j % (d / 2))) as f64) / d as f64
            })
        }),
    ];
    for (id, turn) in tables {
        let answer = move |q: &Tensor, k: &Tensor, m: &Labels, base: f64| {
            (turn(q, m, base), turn(k, m, base))
        };
        all.push((id, Box::new(candidate(answer))));
    }
    all
}

pub fn pairs() -> Named<[&'static str; 2]> {
    let from_1: Position = |_, own, _| (own + 1) as f32;
    let row_0: Position = |_, _, row_0| row_0 as f32;
    let ignored: Position = |[_, n], _, _| n as f32;
    let flipped: Mix = |x0, x1, c, s| [x0 * c + x1 * s, x1 * c - x0 * s];
    let no_minus: Mix = |x0, x1, c, s| [x0 * c + x1 * s, x1 * c + x0 * s];
    let halved: Theta = |i, d, _, base| base.powf(-(i as f32) / d as f32);
    let fixed: Theta = |i, d, _, _| 1e4f32.powf(-((2 * i) as f32) / d as f32);
    let still = Turn {
        mix: |x0, x1, _, _| [x0, x1],
        ..INTERLEAVED
    };
    let late = Turn {
        position: from_1,
        ..INTERLEAVED
    };
    vec![
        (
            ["sign-flip", "angle-per-dim-not-pair"],
            plain(Turn {
                mix: flipped,
                theta: halved,
                ..HALF
            }),
        ),
        (
            ["offset-ignored", "rotate-half-no-minus"],
            plain(Turn {
                position: ignored,
                mix: no_minus,
                ..INTERLEAVED
            }),
        ),
        (
            ["base-10000", "batch-row-0"],
            plain(Turn {
                theta: fixed,
                position: row_0,
                ..HALF
            }),
        ),
        (["positions-from-1", "only-q"], both(late, still)),
        (
            ["base-10000", "mixed-conventions"],
            both(
                Turn {
                    theta: fixed,
                    ..INTERLEAVED
                },
                Turn {
                    theta: fixed,
                    ..HALF
                },
            ),
        ),
        (["k-opposite-sign", "base-exponent-d-model"], {
            let inner: Theta =
                |i, d, heads, base| base.powf(-((2 * i) as f32) / (d * heads) as f32);
            both(
                Turn {
                    theta: inner,
                    ..INTERLEAVED
                },
                Turn {
                    theta: inner,
                    mix: flipped,
                    ..INTERLEAVED
                },
            )
        }),
    ]
}

/// One way to turn a tensor, loop by loop in f32.
#[derive(Clone, Copy)]
struct Turn {
    position: Position,
    theta: Theta,
    /// The two dimensions of pair i.
    pair: fn(usize, usize) -> [usize; 2],
    mix: Mix,
}

const INTERLEAVED: Turn = Turn {
    position: |_, own, _| own as f32,
    theta: |i, d, _, base| 1.0 / base.powf((2 * i) as f32 / d as f32),
    pair: |i, _| [2 * i, 2 * i + 1],
    mix: |x0, x1, cos, sin| [x0 * cos - x1 * sin, x0 * sin + x1 * cos],
};

const HALF: Turn = Turn {
    pair: |i, d| [i, i + d / 2],
    ..INTERLEAVED
};

impl Turn {
    fn run(&self, x: &Tensor, positions: &Labels, base: f64) -> Tensor {
        let mut out = x.clone();
        let [batch, heads, rows, d] = sizes(x);
        for (b, h, n) in ndarray::indices((batch, heads, rows)) {
            let m = (self.position)([h, n], positions[[b, n]], positions[[0, n]]);
            for i in 0..d / 2 {
                let angle = m * (self.theta)(i, d, heads, base as f32);
                let [p, q] = (self.pair)(i, d);
                let [y0, y1] =
                    (self.mix)(x[[b, h, n, p]], x[[b, h, n, q]], angle.cos(), angle.sin());
                out[[b, h, n, p]] = y0;
                out[[b, h, n, q]] = y1;
            }
        }
        out
    }
}

fn sizes(x: &Tensor) -> [usize; 4] {
    [0, 1, 2, 3].map(|axis| x.shape()[axis])
}

fn plain(turn: Turn) -> Box<dyn Candidate> {
    both(turn, turn)
}

fn both(for_q: Turn, for_k: Turn) -> Box<dyn Candidate> {
    Box::new(candidate(
        move |q: &Tensor, k: &Tensor, m: &Labels, base: f64| {
            (for_q.run(q, m, base), for_k.run(k, m, base))
        },
    ))
}

/// cos and sin [b 1 n d] in f32, from an exponent for each dimension.
fn table(x: &Tensor, positions: &Labels, base: f64, exponent: fn(usize, usize) -> f64) -> Both {
    let [batch, _, rows, d] = sizes(x);
    let angle = |at: &IxDyn| positions[[at[0], at[2]]] as f64 * base.powf(-exponent(at[3], d));
    let shape = IxDyn(&[batch, 1, rows, d]);
    (
        Tensor::from_shape_fn(shape.clone(), |at| angle(&at).cos() as f32),
        Tensor::from_shape_fn(shape, |at| angle(&at).sin() as f32),
    )
}

/// x·cos + rotate(x)·sin, as Python code has it.
fn by_table(
    x: &Tensor,
    m: &Labels,
    base: f64,
    rotate: fn(&Tensor) -> Tensor,
    exponent: fn(usize, usize) -> f64,
) -> Tensor {
    let (cos, sin) = table(x, m, base, exponent);
    x * &cos + rotate(x) * &sin
}

/// (−x₂, x₁) of a head's two halves.
fn rotate_half(x: &Tensor) -> Tensor {
    let half = x.shape()[3] / 2;
    let (x1, x2) = x.view().split_at(Axis(3), half);
    ndarray::concatenate(Axis(3), &[(-&x2).view(), x1]).unwrap()
}

/// (−x₁, x₀, −x₃, x₂ …).
fn every_two(x: &Tensor) -> Tensor {
    Tensor::from_shape_fn(x.raw_dim(), |mut at| {
        let j = at[3];
        at[3] = j ^ 1;
        if j % 2 == 0 { -x[&at] } else { x[&at] }
    })
}

fn hugging(q: &Tensor, k: &Tensor, positions: &Labels, rope_theta: f64) -> Both {
    let (cos, sin) = table(q, positions, rope_theta, |j, d| {
        (2 * (j % (d / 2))) as f64 / d as f64
    });
    (
        q * &cos + rotate_half(q) * &sin,
        k * &cos + rotate_half(k) * &sin,
    )
}

fn deepseek(q: &Tensor, k: &Tensor, positions: &Labels, rope_theta: f64) -> Both {
    let halves = |x: &Tensor| {
        let (even, odd) = (
            x.slice(s![.., .., .., ..;2]),
            x.slice(s![.., .., .., 1..;2]),
        );
        ndarray::concatenate(Axis(3), &[even, odd])
            .unwrap()
            .into_dyn()
    };
    hugging(&halves(q), &halves(k), positions, rope_theta)
}

fn complex(q: &Tensor, k: &Tensor, positions: &Labels, rope_theta: f64, trace: &mut Trace) -> Both {
    let [batch, _, rows, d] = sizes(q);
    let inv_freq = Array1::from_shape_fn(d / 2, |i| rope_theta.powf(-2.0 * i as f64 / d as f64));
    trace.step("inv_freq", "θ", "p", &inv_freq);
    let angles = Array3::from_shape_fn((batch, rows, d / 2), |(b, n, i)| {
        positions[[b, n]] as f64 * inv_freq[i]
    });
    trace.step("angles", "mθ", "b n p", &angles);
    let product = |a: (f64, f64), b: (f64, f64)| (a.0 * b.0 - a.1 * b.1, a.0 * b.1 + a.1 * b.0);
    let turn = |x: &Tensor| {
        Tensor::from_shape_fn(x.raw_dim(), |at| {
            let (b, h, n, i) = (at[0], at[1], at[2], at[3] / 2);
            let z = (
                f64::from(x[[b, h, n, 2 * i]]),
                f64::from(x[[b, h, n, 2 * i + 1]]),
            );
            let (re, im) = product(z, (angles[[b, n, i]].cos(), angles[[b, n, i]].sin()));
            if at[3] % 2 == 0 { re as f32 } else { im as f32 }
        })
    };
    let out = (turn(q), turn(k));
    trace.step("q_rot", "q·e^{iφ}", "b h n d", &out.0);
    out
}

fn matrices(q: &Tensor, k: &Tensor, positions: &Labels, rope_theta: f64) -> Both {
    let [batch, _, rows, d] = sizes(q);
    // R[b n e d]: one block-diagonal matrix for each token.
    let mut r = Tensor::zeros(vec![batch, rows, d, d]);
    for (b, n, i) in ndarray::indices((batch, rows, d / 2)) {
        let (sin, cos) =
            (positions[[b, n]] as f64 / rope_theta.powf((2 * i) as f64 / d as f64)).sin_cos();
        r[[b, n, 2 * i, 2 * i]] = cos as f32;
        r[[b, n, 2 * i, 2 * i + 1]] = -sin as f32;
        r[[b, n, 2 * i + 1, 2 * i]] = sin as f32;
        r[[b, n, 2 * i + 1, 2 * i + 1]] = cos as f32;
    }
    let turn = |x| einsum("b h n d, b n e d -> b h n e", &[x, &r]);
    (turn(q), turn(k))
}

fn swapped(q: &Tensor, k: &Tensor, positions: &Labels, rope_theta: f64) -> Both {
    let d = q.shape()[3];
    let swap = Tensor::from_shape_fn(vec![d, d], |at| match (at[0], at[1]) {
        (from, to) if to % 2 == 0 && from == to + 1 => -1.0,
        (from, to) if to % 2 == 1 && from + 1 == to => 1.0,
        _ => 0.0,
    });
    let (cos, sin) = table(q, positions, rope_theta, |j, d| {
        (j / 2 * 2) as f64 / d as f64
    });
    let turn = |x: &Tensor| x * &cos + matmul(x, &swap) * &sin;
    (turn(q), turn(k))
}

fn wide(q: &Tensor, k: &Tensor, positions: &Labels, rope_theta: f64) -> (Array4<f64>, Array4<f64>) {
    let turn = |x: &Tensor| {
        let [b, h, n, d] = sizes(x);
        Array4::from_shape_fn((b, h, n, d), |(b, h, n, j)| {
            let angle =
                positions[[b, n]] as f64 * (-rope_theta.ln() * (j / 2 * 2) as f64 / d as f64).exp();
            let partner = f64::from(x[[b, h, n, j ^ 1]]) * if j % 2 == 0 { -1.0 } else { 1.0 };
            f64::from(x[[b, h, n, j]]) * angle.cos() + partner * angle.sin()
        })
    };
    (turn(q), turn(k))
}

fn chunks(q: &Tensor, k: &Tensor, positions: &Labels, rope_theta: f64) -> Both {
    let [_, heads, rows, d] = sizes(q);
    let turn = |x: &Tensor| {
        let mut values: Vec<f32> = x.iter().copied().collect();
        for (at, row) in values.chunks_mut(d).enumerate() {
            let m = positions[[at / (heads * rows), at % rows]] as f32;
            for (i, pair) in row.chunks_mut(2).enumerate() {
                let (sin, cos) =
                    (m * (rope_theta as f32).powf(-((2 * i) as f32) / d as f32)).sin_cos();
                let first = pair[0];
                pair[0] = first * cos - pair[1] * sin;
                pair[1] = first * sin + pair[1] * cos;
            }
        }
        Tensor::from_shape_vec(x.raw_dim(), values).unwrap()
    };
    (turn(q), turn(k))
}

fn running(q: &Tensor, k: &Tensor, positions: &Labels, rope_theta: f64) -> Both {
    let [batch, heads, rows, d] = sizes(q);
    let ratio = rope_theta.powf(-2.0 / d as f64);
    let mut out = (q.clone(), k.clone());
    for (b, h, n) in ndarray::indices((batch, heads, rows)) {
        let mut theta = 1.0;
        for i in 0..d / 2 {
            let (sin, cos) = (positions[[b, n]] as f64 * theta).sin_cos();
            let (sin, cos) = (sin as f32, cos as f32);
            for x in [&mut out.0, &mut out.1] {
                let (x0, x1) = (x[[b, h, n, 2 * i]], x[[b, h, n, 2 * i + 1]]);
                x[[b, h, n, 2 * i]] = x0 * cos - x1 * sin;
                x[[b, h, n, 2 * i + 1]] = x0 * sin + x1 * cos;
            }
            theta *= ratio;
        }
    }
    out
}
