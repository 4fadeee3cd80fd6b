//! Right and wrong answers to group-wise INT4, as learners write them.

use llmlab::lessons::group_quant_int4::candidate;
use llmlab::prelude::*;
use llmlab::solution::Candidate;

/// What `llmlab start` writes.
#[expect(unused_variables, reason = "the body is the learner's")]
#[path = "../../lessons/group_quant_int4/exercise.rs"]
pub mod exercise;
#[path = "../../lessons/group_quant_int4/solution.rs"]
mod solution;

type Named<T> = Vec<(T, Box<dyn Candidate>)>;
type Four = (Tensor, Tensor, Tensor, Tensor);

fn boxed<T, C: Candidate + 'static>(name: T, solution: C) -> (T, Box<dyn Candidate>) {
    (name, Box::new(solution))
}

/// The parts of an answer, each of which somebody may get wrong.
#[derive(Clone, Copy)]
struct Parts {
    /// Scale and zero of a group.
    grid: fn(&[f32]) -> (f32, f32),
    code: fn(f32, f32, f32) -> f32,
    /// A weight from its code, its grid, and its row's first scale.
    back: fn(f32, f32, f32, f32) -> f32,
    /// A row of codes as bytes.
    pack: fn(&[f32]) -> Vec<f32>,
    /// What is stored for a zero point.
    stored: fn(f32) -> f32,
    /// Whether the grid is that of the whole row.
    whole_row: bool,
}

const RIGHT: Parts = Parts {
    grid: |group| {
        let (low, high) = ends(group);
        let scale = if high == low {
            1.0
        } else {
            (high - low) / 15.0
        };
        (scale, (-low / scale).round_ties_even())
    },
    code: |w, s, z| ((w / s).round_ties_even() + z).clamp(0.0, 15.0),
    back: |q, s, z, _| s * (q - z),
    pack: |codes| {
        let byte = |pair: &[f32]| (pair[0] as u8 | (pair[1] as u8) << 4).into();
        codes.chunks(2).map(byte).collect()
    },
    stored: |z| z,
    whole_row: false,
};

/// Least and greatest, and 0.
fn ends(group: &[f32]) -> (f32, f32) {
    let fold = |(low, high): (f32, f32), w: &f32| (low.min(*w), high.max(*w));
    group.iter().fold((0.0, 0.0), fold)
}

fn largest(group: &[f32]) -> f32 {
    let (low, high) = ends(group);
    high.max(-low)
}

fn put_together(parts: Parts) -> impl Fn(&Tensor, &Tensor, f64) -> Four {
    move |x, w, group_size| {
        let (n, k, g) = (w.shape()[0], w.shape()[1], group_size as usize);
        let (mut packed, mut scale, mut zero) = (vec![], vec![], vec![]);
        let mut back = w.clone();
        for (i, row) in w.outer_iter().enumerate() {
            let row: Vec<f32> = row.iter().copied().collect();
            let mut codes = vec![];
            let mut first = None;
            for group in row.chunks(g) {
                let (s, z) = (parts.grid)(if parts.whole_row { &row } else { group });
                let first = *first.get_or_insert(s);
                for &w in group {
                    let q = (parts.code)(w, s, z);
                    back[[i, codes.len()]] = (parts.back)(q, s, z, first);
                    codes.push(q);
                }
                scale.push(s);
                zero.push((parts.stored)(z));
            }
            packed.extend((parts.pack)(&codes));
        }
        let groups = k.div_ceil(g);
        let matrix =
            |columns, values| Tensor::from_shape_vec(IxDyn(&[n, columns]), values).unwrap();
        (
            matrix(k / 2, packed),
            matrix(groups, scale),
            matrix(groups, zero),
            einsum("m k, n k -> m n", &[x, &back]),
        )
    }
}

fn made(parts: Parts) -> impl Candidate {
    candidate(put_together(parts))
}

// ---- Right answers. ------------------------------------------------------------------------

/// Rows padded with zeros to whole groups and seen as [n groups g]; whole tensors from there on.
fn padded(x: &Tensor, w: &Tensor, group_size: f64) -> Four {
    let (n, k, g) = (w.shape()[0], w.shape()[1], group_size as usize);
    let groups = k.div_ceil(g);
    let mut wide = Tensor::zeros(IxDyn(&[n, groups * g]));
    wide.slice_mut(s![.., ..k]).assign(w);
    let wide = wide.into_shape_with_order(IxDyn(&[n, groups, g])).unwrap();
    let low = wide.fold_axis(Axis(2), 0f32, |a, b| a.min(*b));
    let high = wide.fold_axis(Axis(2), 0f32, |a, b| a.max(*b));
    let scale = ((&high - &low) / 15.0).mapv(|s| if s > 0.0 { s } else { 1.0 });
    let zero = (-&low / &scale).mapv(f32::round_ties_even);
    let (s, z) = (
        scale.clone().insert_axis(Axis(2)),
        zero.clone().insert_axis(Axis(2)),
    );
    let q = ((&wide / &s).mapv(f32::round_ties_even) + &z).mapv(|q| q.clamp(0.0, 15.0));
    let back = (&q - &z) * &s;
    let flat = |a: Tensor| {
        let flat = a.into_shape_with_order(IxDyn(&[n, groups * g])).unwrap();
        flat.slice(s![.., ..k]).to_owned().into_dyn()
    };
    let (q, back) = (flat(q), flat(back));
    let packed = &q.slice(s![.., 0..;2]) + &(&q.slice(s![.., 1..;2]) * 16.0);
    let y = matmul(x, &back.t().to_owned());
    (packed.into_dyn(), scale, zero, y)
}

pub fn right() -> Named<&'static str> {
    vec![
        boxed("solution", candidate(solution::group_quant_int4)),
        boxed("padded", candidate(padded)),
        boxed("parts", made(RIGHT)),
        boxed(
            "two products, half away from 0, inverse of the scale",
            made(Parts {
                code: |w, s, z| (w * (1.0 / s) + z).round().clamp(0.0, 15.0),
                back: |q, s, z, _| s * q - s * z,
                ..RIGHT
            }),
        ),
    ]
}

// ---- Wrong answers. ------------------------------------------------------------------------

fn nibble(q: f32) -> u8 {
    q as i8 as u8 & 15
}

/// `w.reshape(-1, g)`: the grid of weight (i, j) is that of flat group (i·k + j)/g.
fn flattened(x: &Tensor, w: &Tensor, group_size: f64) -> Four {
    let (n, k, g) = (w.shape()[0], w.shape()[1], group_size as usize);
    let flat: Vec<f32> = w.iter().copied().collect();
    let grids: Vec<(f32, f32)> = flat.chunks(g).map(RIGHT.grid).collect();
    let at = |i: usize, j: usize| grids[(i * k + j) / g];
    let code = |(i, j): (usize, usize)| (RIGHT.code)(w[[i, j]], at(i, j).0, at(i, j).1);
    let q = Array2::from_shape_fn((n, k), code);
    let back = Array2::from_shape_fn((n, k), |(i, j)| at(i, j).0 * (q[[i, j]] - at(i, j).1));
    let packed = Array2::from_shape_fn((n, k / 2), |(i, j)| {
        q[[i, 2 * j]] + 16.0 * q[[i, 2 * j + 1]]
    });
    let groups = (n, k.div_ceil(g));
    (
        packed.into_dyn(),
        Array2::from_shape_fn(groups, |(i, j)| at(i, j * g).0).into_dyn(),
        Array2::from_shape_fn(groups, |(i, j)| at(i, j * g).1).into_dyn(),
        einsum("m k, n k -> m n", &[x, &back.into_dyn()]),
    )
}

pub fn wrong() -> Named<&'static str> {
    vec![
        boxed(
            "mean-as-zero",
            made(Parts {
                grid: |group| {
                    let (low, high) = ends(group);
                    let scale = if high == low {
                        1.0
                    } else {
                        (high - low) / 15.0
                    };
                    (scale, group.iter().sum::<f32>() / group.len() as f32)
                },
                code: |w, s, z| ((w - z) / s).round_ties_even().clamp(-8.0, 7.0),
                back: |q, s, z, _| q * s + z,
                pack: |codes| {
                    let byte = |pair: &[f32]| (nibble(pair[0]) | nibble(pair[1]) << 4).into();
                    codes.chunks(2).map(byte).collect()
                },
                ..RIGHT
            }),
        ),
        boxed(
            "scale-ignores-zero",
            made(Parts {
                grid: |group| {
                    let scale = if largest(group) == 0.0 {
                        1.0
                    } else {
                        largest(group) / 7.0
                    };
                    (scale, (-ends(group).0 / scale).round_ties_even())
                },
                ..RIGHT
            }),
        ),
        boxed(
            "symmetric",
            made(Parts {
                grid: |group| {
                    let max = largest(group);
                    (if max == 0.0 { 1.0 } else { max / 7.0 }, 8.0)
                },
                ..RIGHT
            }),
        ),
        boxed(
            "range-without-zero",
            made(Parts {
                grid: |group| {
                    let low = group.iter().copied().fold(f32::INFINITY, f32::min);
                    let high = group.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                    let scale = if high == low {
                        1.0
                    } else {
                        (high - low) / 15.0
                    };
                    (scale, (-low / scale).round_ties_even())
                },
                ..RIGHT
            }),
        ),
        boxed(
            "sixteen-steps",
            made(Parts {
                grid: |group| {
                    let (low, high) = ends(group);
                    let scale = if high == low {
                        1.0
                    } else {
                        (high - low) / 16.0
                    };
                    (scale, (-low / scale).round_ties_even())
                },
                ..RIGHT
            }),
        ),
        boxed(
            "zero-group-nan",
            made(Parts {
                grid: |group| {
                    let (low, high) = ends(group);
                    let scale = (high - low) / 15.0;
                    (scale, (-low / scale).round_ties_even())
                },
                pack: |codes| {
                    codes
                        .chunks(2)
                        .map(|pair| pair[0] + 16.0 * pair[1])
                        .collect()
                },
                ..RIGHT
            }),
        ),
        boxed(
            "one-group-a-row",
            made(Parts {
                whole_row: true,
                ..RIGHT
            }),
        ),
        boxed("group-straddles-rows", candidate(flattened)),
        boxed(
            "zero-not-rounded",
            made(Parts {
                grid: |group| {
                    let (scale, _) = (RIGHT.grid)(group);
                    (scale, -ends(group).0 / scale)
                },
                code: |w, s, z| (w / s + z).round_ties_even().clamp(0.0, 15.0),
                ..RIGHT
            }),
        ),
        boxed(
            "zero-minus-one",
            made(Parts {
                stored: |z| ((z as i32 - 1) & 15) as f32,
                ..RIGHT
            }),
        ),
        boxed(
            "zero-forgotten",
            made(Parts {
                back: |q, s, _, _| q * s,
                ..RIGHT
            }),
        ),
        boxed(
            "truncates",
            made(Parts {
                code: |w, s, z| ((w / s) as i32 as f32 + z).clamp(0.0, 15.0),
                ..RIGHT
            }),
        ),
        boxed(
            "nibble-swapped",
            made(Parts {
                pack: |codes| {
                    let byte = |pair: &[f32]| ((pair[0] as u8) << 4 | pair[1] as u8).into();
                    codes.chunks(2).map(byte).collect()
                },
                ..RIGHT
            }),
        ),
        boxed(
            "halves-packed",
            made(Parts {
                pack: |codes| {
                    let (low, high) = codes.split_at(codes.len() / 2);
                    let byte = |(a, b): (&f32, &f32)| a + 16.0 * b;
                    low.iter().zip(high).map(byte).collect()
                },
                ..RIGHT
            }),
        ),
        boxed(
            "signed-nibbles",
            made(Parts {
                pack: |codes| {
                    let signed = |q: f32| nibble(q - 8.0);
                    let byte = |pair: &[f32]| (signed(pair[0]) | signed(pair[1]) << 4).into();
                    codes.chunks(2).map(byte).collect()
                },
                ..RIGHT
            }),
        ),
        boxed(
            "scale-of-first-group",
            made(Parts {
                back: |q, _, z, first| first * (q - z),
                ..RIGHT
            }),
        ),
    ]
}

pub fn pairs() -> Named<[&'static str; 2]> {
    vec![
        boxed(
            ["nibble-swapped", "zero-minus-one"],
            made(Parts {
                pack: |codes| {
                    codes
                        .chunks(2)
                        .map(|pair| 16.0 * pair[0] + pair[1])
                        .collect()
                },
                stored: |z| ((z as i32 - 1) & 15) as f32,
                ..RIGHT
            }),
        ),
        boxed(
            ["zero-forgotten", "one-group-a-row"],
            made(Parts {
                back: |q, s, _, _| q * s,
                whole_row: true,
                ..RIGHT
            }),
        ),
        boxed(
            ["truncates", "sixteen-steps"],
            made(Parts {
                grid: |group| {
                    let (low, high) = ends(group);
                    let scale = if high == low {
                        1.0
                    } else {
                        (high - low) / 16.0
                    };
                    (scale, (-low / scale).round_ties_even())
                },
                code: |w, s, z| ((w / s).trunc() + z).clamp(0.0, 15.0),
                ..RIGHT
            }),
        ),
    ]
}
