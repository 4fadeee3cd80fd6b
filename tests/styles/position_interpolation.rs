//! Answers to `position-interpolation` as people write them: right ones in many styles, and wrong
//! ones for every planted bug, in both layouts.

use llmlab::lessons::position_interpolation::candidate;
use llmlab::prelude::*;
use llmlab::solution::Candidate;

/// What `llmlab start` writes.
#[expect(unused_variables, reason = "the body is the learner's")]
#[path = "../../lessons/position_interpolation/exercise.rs"]
pub mod exercise;
#[path = "../../lessons/position_interpolation/solution.rs"]
mod solution;

type Named<T> = Vec<(T, Box<dyn Candidate>)>;
type Both = (Tensor, Tensor);

/// The lengths that a scale may come from: trained, target, and the tokens that are there.
#[derive(Clone, Copy)]
struct Lengths {
    trained: f32,
    target: f32,
    here: f32,
}

/// One way to turn a tensor, loop by loop in f32.
#[derive(Clone, Copy)]
struct Turn {
    scale: fn(Lengths) -> f32,
    /// Where a token stands: from its position, its row, s and L.
    place: fn(f32, f32, f32, f32) -> f32,
    /// The base of the frequencies, from rope_theta and s.
    base: fn(f32, f32) -> f32,
    /// By how much cos and sin are divided.
    shrink: fn(f32) -> f32,
    pair: fn(usize, usize) -> [usize; 2],
}

const PAIRS: Turn = Turn {
    scale: |l| (l.target / l.trained).max(1.0),
    place: |m, _, s, _| m / s,
    base: |base, _| base,
    shrink: |_| 1.0,
    pair: |i, _| [2 * i, 2 * i + 1],
};

const HALVES: Turn = Turn {
    pair: |i, d| [i, i + d / 2],
    ..PAIRS
};

impl Turn {
    fn run(&self, x: &Tensor, positions: &Labels, base: f64, trained: f64, target: f64) -> Tensor {
        let [batch, heads, rows, d] = [0, 1, 2, 3].map(|axis| x.shape()[axis]);
        let here = positions.iter().max().map_or(0, |last| last + 1) as f32;
        let (trained, target) = (trained as f32, target as f32);
        let s = (self.scale)(Lengths {
            trained,
            target,
            here,
        });
        let base = (self.base)(base as f32, s);
        let mut out = x.clone();
        for (b, h, n) in ndarray::indices((batch, heads, rows)) {
            let m = (self.place)(positions[[b, n]] as f32, n as f32, s, trained);
            for i in 0..d / 2 {
                let angle = m / base.powf((2 * i) as f32 / d as f32);
                let shrink = (self.shrink)(s);
                let (sin, cos) = (angle.sin() / shrink, angle.cos() / shrink);
                let [p, q] = (self.pair)(i, d);
                let (x0, x1) = (x[[b, h, n, p]], x[[b, h, n, q]]);
                out[[b, h, n, p]] = x0 * cos - x1 * sin;
                out[[b, h, n, q]] = x0 * sin + x1 * cos;
            }
        }
        out
    }
}

fn both(for_q: Turn, for_k: Turn) -> Box<dyn Candidate> {
    Box::new(candidate(
        move |q: &Tensor, k: &Tensor, m: &Labels, base: f64, trained: f64, target: f64| {
            (
                for_q.run(q, m, base, trained, target),
                for_k.run(k, m, base, trained, target),
            )
        },
    ))
}

fn plain(turn: Turn) -> Box<dyn Candidate> {
    both(turn, turn)
}

pub fn right() -> Named<&'static str> {
    vec![
        (
            "the lesson's solution",
            Box::new(candidate(solution::position_interpolation)),
        ),
        ("f32 loops", plain(PAIRS)),
        ("f32 loops, half-split", plain(HALVES)),
        (
            "m·L/L', multiplied first",
            plain(Turn {
                scale: |l| l.trained / l.target.max(l.trained),
                place: |m, _, s, _| m * s,
                ..PAIRS
            }),
        ),
        (
            "transformers: inv_freq /= factor",
            Box::new(candidate(hugging)),
        ),
        ("YaRN's code: t /= scale", Box::new(candidate(outer))),
        ("complex numbers, f64, traced", Box::new(candidate(complex))),
        (
            "rotation matrices and einsum",
            Box::new(candidate(matrices)),
        ),
        (
            "read interleaved, written in halves",
            Box::new(candidate(scattered)),
        ),
    ]
}

fn hugging(q: &Tensor, k: &Tensor, m: &Labels, base: f64, trained: f64, target: f64) -> Both {
    let factor = (target / trained).max(1.0) as f32;
    let [batch, _, rows, d] = [0, 1, 2, 3].map(|axis| q.shape()[axis]);
    let inv_freq: Vec<f32> = (0..d / 2)
        .map(|i| 1.0 / (base as f32).powf((2 * i) as f32 / d as f32) / factor)
        .collect();
    let angle = |at: &IxDyn| m[[at[0], at[2]]] as f32 * inv_freq[at[3] % (d / 2)];
    let shape = IxDyn(&[batch, 1, rows, d]);
    let cos = Tensor::from_shape_fn(shape.clone(), |at| angle(&at).cos());
    let sin = Tensor::from_shape_fn(shape, |at| angle(&at).sin());
    let rotate_half = |x: &Tensor| {
        let (x1, x2) = x.view().split_at(Axis(3), d / 2);
        ndarray::concatenate(Axis(3), &[(-&x2).view(), x1]).unwrap()
    };
    (
        q * &cos + rotate_half(q) * &sin,
        k * &cos + rotate_half(k) * &sin,
    )
}

fn outer(q: &Tensor, k: &Tensor, m: &Labels, base: f64, trained: f64, target: f64) -> Both {
    let scale = if target > trained {
        target / trained
    } else {
        1.0
    };
    let t = m.mapv(|m| m as f64 / scale);
    let d = q.shape()[3];
    let freqs: Vec<f64> = (0..d / 2)
        .map(|i| (-base.ln() * 2.0 * i as f64 / d as f64).exp())
        .collect();
    let freqs = ArrayD::from_shape_vec(IxDyn(&[d / 2]), freqs).unwrap();
    let angles = einsum("b n, p -> b n p", &[&t, &freqs]);
    let turn = |x: &Tensor| {
        let mut out = x.clone();
        for ((b, h, n), mut row) in ndarray::indices((x.shape()[0], x.shape()[1], x.shape()[2]))
            .into_iter()
            .zip(out.rows_mut())
        {
            for i in 0..d / 2 {
                let (sin, cos) = angles[[b, n, i]].sin_cos();
                let (x0, x1) = (x[[b, h, n, 2 * i]], x[[b, h, n, 2 * i + 1]]);
                row[2 * i] = (f64::from(x0) * cos - f64::from(x1) * sin) as f32;
                row[2 * i + 1] = (f64::from(x0) * sin + f64::from(x1) * cos) as f32;
            }
        }
        out
    };
    (turn(q), turn(k))
}

fn complex(
    q: &Tensor,
    k: &Tensor,
    m: &Labels,
    base: f64,
    trained: f64,
    target: f64,
    trace: &mut Trace,
) -> (ArrayD<f64>, ArrayD<f64>) {
    let places = m.mapv(|m| m as f64 * trained / target.max(trained));
    trace.step("places", "m·L/L'", "b n", &places);
    let d = q.shape()[3] as f64;
    let turn = |x: &Tensor| {
        ArrayD::from_shape_fn(x.raw_dim(), |at| {
            let i = at[3] / 2;
            let phi = places[[at[0], at[2]]] * base.powf(-2.0 * i as f64 / d);
            let part = |j: usize| f64::from(x[[at[0], at[1], at[2], 2 * i + j]]);
            let (r, angle) = (part(0).hypot(part(1)), part(1).atan2(part(0)) + phi);
            if at[3] % 2 == 0 {
                r * angle.cos()
            } else {
                r * angle.sin()
            }
        })
    };
    (turn(q), turn(k))
}

fn matrices(q: &Tensor, k: &Tensor, m: &Labels, base: f64, trained: f64, target: f64) -> Both {
    let s = f64::max(target / trained, 1.0);
    let [batch, _, rows, d] = [0, 1, 2, 3].map(|axis| q.shape()[axis]);
    let mut r = Tensor::zeros(vec![batch, rows, d, d]);
    for (b, n, i) in ndarray::indices((batch, rows, d / 2)) {
        let angle = m[[b, n]] as f64 / s / base.powf((2 * i) as f64 / d as f64);
        r[[b, n, 2 * i, 2 * i]] = angle.cos() as f32;
        r[[b, n, 2 * i, 2 * i + 1]] = -angle.sin() as f32;
        r[[b, n, 2 * i + 1, 2 * i]] = angle.sin() as f32;
        r[[b, n, 2 * i + 1, 2 * i + 1]] = angle.cos() as f32;
    }
    let turn = |x| einsum("b h n d, b n e d -> b h n e", &[x, &r]);
    (turn(q), turn(k))
}

fn scattered(q: &Tensor, k: &Tensor, m: &Labels, base: f64, trained: f64, target: f64) -> Both {
    let halves = |x: &Tensor| {
        let even = x.slice(s![.., .., .., ..;2]);
        let odd = x.slice(s![.., .., .., 1..;2]);
        ndarray::concatenate(Axis(3), &[even, odd])
            .unwrap()
            .into_dyn()
    };
    hugging(&halves(q), &halves(k), m, base, trained, target)
}

pub fn wrong() -> Named<&'static str> {
    let mut all: Named<&'static str> = Vec::new();
    for layout in [PAIRS, HALVES] {
        let mut add = |id, turn: Turn| all.push((id, plain(turn)));
        let place = |place| Turn { place, ..layout };
        add("inverted-scale", place(|m, _, s, _| m * s));
        add("no-scale", place(|m, _, _, _| m));
        add("scale-twice", place(|m, _, s, _| m / (s * s)));
        add("floored", place(|m, _, s, _| (m / s).floor()));
        add("rounded", place(|m, _, s, _| (m / s).round()));
        add("row-positions", place(|_, n, s, _| n / s));
        add("clamped", place(|m, _, _, trained| m.min(trained - 1.0)));
        add("wrapped", place(|m, _, _, trained| m % trained));
        add(
            "only-beyond",
            place(|m, _, s, trained| if m >= trained { m / s } else { m }),
        );
        let scale = |scale| Turn { scale, ..layout };
        add(
            "square-root",
            scale(|l| (l.target / l.trained).max(1.0).sqrt()),
        );
        add(
            "integer-ratio",
            scale(|l| ((l.target as usize / l.trained as usize) as f32).max(1.0)),
        );
        add(
            "ratio-of-last",
            scale(|l| ((l.target - 1.0) / (l.trained - 1.0)).max(1.0)),
        );
        add("stretches-short", scale(|l| l.target / l.trained));
        add("scale-by-length", scale(|l| (l.here / l.trained).max(1.0)));
        let unmoved = |base| Turn {
            place: |m, _, _, _| m,
            base,
            ..layout
        };
        add("base-over-s", unmoved(|base, s| base / s));
        add("base-times-s", unmoved(|base, s| base * s));
        add(
            "table-divided",
            Turn {
                place: |m, _, _, _| m,
                shrink: |s| s,
                ..layout
            },
        );
        let still = place(|m, _, _, _| m);
        all.push(("scale-only-q", both(layout, still)));
        all.push(("scale-only-k", both(still, layout)));
    }
    all
}

pub fn pairs() -> Named<[&'static str; 2]> {
    let integer: fn(Lengths) -> f32 =
        |l| ((l.target as usize / l.trained as usize) as f32).max(1.0);
    let stretched: fn(Lengths) -> f32 = |l| l.target / l.trained;
    let plain_place: fn(f32, f32, f32, f32) -> f32 = |m, _, _, _| m;
    vec![
        (
            ["inverted-scale", "stretches-short"],
            plain(Turn {
                scale: stretched,
                place: |m, _, s, _| m * s,
                ..PAIRS
            }),
        ),
        (
            ["integer-ratio", "floored"],
            plain(Turn {
                scale: integer,
                place: |m, _, s, _| (m / s).floor(),
                ..HALVES
            }),
        ),
        (
            ["inverted-scale", "row-positions"],
            plain(Turn {
                place: |_, n, s, _| n * s,
                ..PAIRS
            }),
        ),
        (
            ["inverted-scale", "scale-only-q"],
            both(
                Turn {
                    place: |m, _, s, _| m * s,
                    ..HALVES
                },
                Turn {
                    place: plain_place,
                    ..HALVES
                },
            ),
        ),
        (
            ["floored", "scale-only-k"],
            both(
                Turn {
                    place: plain_place,
                    ..PAIRS
                },
                Turn {
                    place: |m, _, s, _| (m / s).floor(),
                    ..PAIRS
                },
            ),
        ),
    ]
}
