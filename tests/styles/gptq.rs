//! Right and wrong answers to GPTQ, as learners write them.

use llmlab::lessons::gptq::candidate;
use llmlab::prelude::*;
use llmlab::solution::Candidate;

/// What `llmlab start` writes.
#[expect(unused_variables, reason = "the body is the learner's")]
#[path = "../../lessons/gptq/exercise.rs"]
pub mod exercise;
#[path = "../../lessons/gptq/solution.rs"]
mod solution;

type Named = (&'static str, Box<dyn Candidate>);
type M = Vec<Vec<f32>>;

fn boxed<C: Candidate + 'static>(name: &'static str, solution: C) -> Named {
    (name, Box::new(solution))
}

// ---- Pieces that learners reuse. -----------------------------------------------------------

fn rows(a: &Tensor) -> M {
    let lines = a.outer_iter();
    lines.map(|line| line.iter().copied().collect()).collect()
}

fn tensor(rows: &M) -> Tensor {
    let shape = vec![rows.len(), rows[0].len()];
    Tensor::from_shape_vec(shape, rows.concat()).unwrap()
}

/// xᵀx·2/n.
fn hessian(x: &M) -> M {
    let c = x[0].len();
    let mut h = vec![vec![0.0; c]; c];
    for row in x {
        for i in 0..c {
            for j in 0..c {
                h[i][j] += row[i] * row[j] * 2.0 / x.len() as f32;
            }
        }
    }
    h
}

/// The lower factor.
fn cholesky(a: &M) -> M {
    let c = a.len();
    let mut l = vec![vec![0.0f32; c]; c];
    for i in 0..c {
        for j in 0..=i {
            let sum = a[i][j] - (0..j).map(|k| l[i][k] * l[j][k]).sum::<f32>();
            // A factor that people check: f32 leaves crumbs where the pivot should be 0.
            l[i][j] = match i == j {
                true if sum <= 1e-6 * a[i][i] => f32::NAN,
                true => sum.sqrt(),
                false => sum / l[j][j],
            };
        }
    }
    l
}

/// Gauss and Jordan.
fn invert(a: &M) -> M {
    let c = a.len();
    let mut left = a.clone();
    let mut right = vec![vec![0.0; c]; c];
    (0..c).for_each(|i| right[i][i] = 1.0);
    for i in 0..c {
        let pivot = left[i][i];
        left[i].iter_mut().for_each(|x| *x /= pivot);
        right[i].iter_mut().for_each(|x| *x /= pivot);
        for other in (0..c).filter(|other| *other != i) {
            let factor = left[other][i];
            for j in 0..c {
                left[other][j] -= factor * left[i][j];
                right[other][j] -= factor * right[i][j];
            }
        }
    }
    right
}

fn transposed(a: &M) -> M {
    let c = a.len();
    (0..c).map(|i| (0..c).map(|j| a[j][i]).collect()).collect()
}

fn step(values: &[f32], most: f32) -> f32 {
    let max = values.iter().fold(0f32, |max, w| max.max(w.abs()));
    if max > 0.0 { max / most } else { 1.0 }
}

/// GPTQ with every choice that one can get wrong.
struct Recipe {
    hessian: fn(&M) -> M,
    /// The shares U_ij/U_ii of a damped Hessian.
    shares: fn(&M) -> M,
    /// percdamp and the measured diagonal.
    damp: fn(f32, &[f32]) -> f32,
    zero_dead: bool,
    /// The order for a measured diagonal.
    order: fn(&[f32]) -> Vec<usize>,
    put_back: bool,
    step: fn(&[f32], f32) -> f32,
    clamp: bool,
    /// Whether column i's error reaches column j, in groups of g.
    reaches: fn(usize, usize, usize) -> bool,
    /// Scales from the original weights, in groups of this many columns if not of group_size.
    fixed: Option<usize>,
}

fn upper_shares(h: &M) -> M {
    shares_of(transposed(&cholesky(&invert(h))))
}

fn shares_of(mut upper: M) -> M {
    for (i, row) in upper.iter_mut().enumerate() {
        let by = row[i];
        row.iter_mut().for_each(|u| *u /= by);
    }
    upper
}

fn mean_damp(percdamp: f32, diagonal: &[f32]) -> f32 {
    percdamp * diagonal.iter().sum::<f32>() / diagonal.len() as f32
}

fn largest_first(diagonal: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..diagonal.len()).collect();
    order.sort_by(|&i, &j| diagonal[j].partial_cmp(&diagonal[i]).unwrap());
    order
}

fn right_recipe() -> Recipe {
    Recipe {
        hessian,
        shares: upper_shares,
        damp: mean_damp,
        zero_dead: true,
        order: largest_first,
        put_back: true,
        step,
        clamp: true,
        reaches: |_, _, _| true,
        fixed: None,
    }
}

fn cook(recipe: Recipe) -> impl Fn(&Tensor, &Tensor, f64, f64, f64, f64) -> Tensor {
    move |weight, x, bits, group_size, percdamp, act_order| {
        let (mut w, x) = (rows(weight), rows(x));
        let (c, most, g) = (
            w[0].len(),
            2f32.powi(bits as i32 - 1) - 1.0,
            group_size as usize,
        );
        let mut h = (recipe.hessian)(&x);
        let diagonal: Vec<f32> = (0..c).map(|j| h[j][j]).collect();
        let lambda = (recipe.damp)(percdamp as f32, &diagonal);
        for j in 0..c {
            if diagonal[j] == 0.0 {
                h[j][j] = 1.0;
                if recipe.zero_dead {
                    w.iter_mut().for_each(|row| row[j] = 0.0);
                }
            }
            h[j][j] += lambda;
        }
        let order = match act_order == 1.0 {
            true => (recipe.order)(&diagonal),
            false => (0..c).collect(),
        };
        let pick = |row: &Vec<f32>| order.iter().map(|&j| row[j]).collect::<Vec<f32>>();
        let h: M = order.iter().map(|&i| pick(&h[i])).collect();
        let shares = (recipe.shares)(&h);
        let mut out = w.clone();
        for (w, out) in w.iter().zip(&mut out) {
            let original = w;
            let mut w = pick(w);
            let mut s = 1.0;
            for i in 0..c {
                if let Some(columns) = recipe.fixed {
                    let columns = if columns == 0 { g } else { columns };
                    let group = original.chunks(columns).nth(order[i] / columns).unwrap();
                    s = (recipe.step)(group, most);
                } else if i % g == 0 {
                    s = (recipe.step)(&w[i..c.min(i + g)], most);
                }
                let mut code = (w[i] / s).round();
                if recipe.clamp {
                    code = code.clamp(-most, most);
                }
                let error = w[i] - code * s;
                for j in i + 1..c {
                    if (recipe.reaches)(i, j, g) {
                        w[j] -= error * shares[i][j];
                    }
                }
                out[if recipe.put_back { order[i] } else { i }] = code * s;
            }
        }
        tensor(&out)
    }
}

// ---- Right answers. ------------------------------------------------------------------------

/// OBQ as it is told: after a column is fixed, it is eliminated from H⁻¹. In f64.
fn elimination(
    weight: &Tensor,
    x: &Tensor,
    bits: f64,
    group_size: f64,
    percdamp: f64,
    act_order: f64,
) -> ArrayD<f64> {
    let (w, x) = (weight.mapv(f64::from), x.mapv(f64::from));
    let (c, most, g) = (w.shape()[1], (bits - 1.0).exp2() - 1.0, group_size as usize);
    let h = einsum("n i, n j -> i j", &[&x, &x]);
    let mean = (0..c).map(|j| h[[j, j]]).sum::<f64>() / c as f64;
    let mut w = w;
    let mut a = vec![vec![0.0; c]; c];
    for i in 0..c {
        for j in 0..c {
            a[i][j] = h[[i, j]];
        }
        if h[[i, i]] == 0.0 {
            a[i][i] = 1.0;
            w.index_axis_mut(Axis(1), i).fill(0.0);
        }
        a[i][i] += percdamp * mean;
    }
    // The inverse, by elimination without an order of pivots: a is positive definite.
    let mut inverse = vec![vec![0.0; c]; c];
    (0..c).for_each(|i| inverse[i][i] = 1.0);
    for i in 0..c {
        let pivot = a[i][i];
        for j in 0..c {
            a[i][j] /= pivot;
            inverse[i][j] /= pivot;
        }
        for other in (0..c).filter(|other| *other != i) {
            let factor = a[other][i];
            for j in 0..c {
                a[other][j] -= factor * a[i][j];
                inverse[other][j] -= factor * inverse[i][j];
            }
        }
    }
    let mut order: Vec<usize> = (0..c).collect();
    if act_order != 0.0 {
        order.sort_by(|&i, &j| h[[j, j]].total_cmp(&h[[i, i]]));
    }
    let mut s = vec![1.0; w.shape()[0]];
    let mut w_hat = ArrayD::zeros(w.raw_dim());
    for (place, &i) in order.iter().enumerate() {
        if place % g == 0 {
            for (row, s) in s.iter_mut().enumerate() {
                let group = &order[place..c.min(place + g)];
                let max = group.iter().map(|&j| w[[row, j]].abs()).fold(0.0, f64::max);
                *s = if max == 0.0 { 1.0 } else { max / most };
            }
        }
        for row in 0..s.len() {
            let q = (w[[row, i]] / s[row])
                .round_ties_even()
                .max(-most)
                .min(most)
                * s[row];
            let error = (w[[row, i]] - q) / inverse[i][i];
            w_hat[[row, i]] = q;
            for &j in &order[place + 1..] {
                w[[row, j]] -= error * inverse[i][j];
            }
        }
        let row = inverse[i].clone();
        for line in &mut inverse {
            let factor = line[i] / row[i];
            line.iter_mut()
                .zip(&row)
                .for_each(|(x, r)| *x -= factor * r);
        }
    }
    w_hat
}

/// Blocks of 3 columns, whose errors reach the columns behind the block all at once.
fn lazy(
    weight: &Tensor,
    x: &Tensor,
    bits: f64,
    group_size: f64,
    percdamp: f64,
    act_order: f64,
) -> Tensor {
    if act_order != 0.0 {
        return solution::gptq(weight, x, bits, group_size, percdamp, act_order);
    }
    let (mut w, x) = (rows(weight), rows(x));
    let (c, most, g) = (
        w[0].len(),
        2f32.powi(bits as i32 - 1) - 1.0,
        group_size as usize,
    );
    let mut h = hessian(&x);
    let diagonal: Vec<f32> = (0..c).map(|j| h[j][j]).collect();
    for j in 0..c {
        if diagonal[j] == 0.0 {
            h[j][j] = 1.0;
            w.iter_mut().for_each(|row| row[j] = 0.0);
        }
        h[j][j] += mean_damp(percdamp as f32, &diagonal);
    }
    let u = transposed(&cholesky(&invert(&h)));
    for row in &mut w {
        let mut s = 1.0;
        let mut errors = vec![0.0; c];
        // A block ends where a group ends, so that the next scale sees every error.
        let mut start = 0;
        while start < c {
            let end = c.min(start + 3).min((start / g + 1) * g);
            for i in start..end {
                if i % g == 0 {
                    s = step(&row[i..c.min(i + g)], most);
                }
                let q = (row[i] / s).round().clamp(-most, most) * s;
                errors[i] = (row[i] - q) / u[i][i];
                for j in i + 1..end {
                    row[j] -= errors[i] * u[i][j];
                }
                row[i] = q;
            }
            for j in end..c {
                let sum: f32 = (start..end).map(|i| errors[i] * u[i][j]).sum();
                row[j] -= sum;
            }
            start = end;
        }
    }
    tensor(&w)
}

fn traced(
    weight: &Tensor,
    x: &Tensor,
    bits: f64,
    group_size: f64,
    percdamp: f64,
    act_order: f64,
    trace: &mut Trace,
) -> Tensor {
    let h = einsum("n i, n j -> i j", &[x, x]) * (2.0 / x.shape()[0] as f32);
    trace.step("hessian", "2·xᵀx/n", "c k", &h);
    solution::gptq(weight, x, bits, group_size, percdamp, act_order)
}

/// The authors' way with dead inputs: 1 before the mean is taken.
fn ones_in_the_mean(percdamp: f32, diagonal: &[f32]) -> f32 {
    let live = |h: &f32| if *h == 0.0 { 1.0 } else { *h };
    percdamp * diagonal.iter().map(live).sum::<f32>() / diagonal.len() as f32
}

pub fn right() -> Vec<Named> {
    vec![
        boxed("the lesson's solution", candidate(solution::gptq)),
        boxed("elimination in f64", candidate(elimination)),
        boxed("lazy blocks", candidate(lazy)),
        boxed("Gauss and Jordan", candidate(cook(right_recipe()))),
        boxed("traced", candidate(traced)),
        boxed(
            "static groups",
            candidate(cook(Recipe {
                // The authors zero dead weights first; a dead weight would widen the scale.
                fixed: Some(0),
                ..right_recipe()
            })),
        ),
        boxed(
            "dead inputs in the mean",
            candidate(cook(Recipe {
                damp: ones_in_the_mean,
                ..right_recipe()
            })),
        ),
    ]
}

// ---- Wrong answers. ------------------------------------------------------------------------

/// What the notes call GPTQ, put into shape: no x in it.
fn nearest(weight: &Tensor, _: &Tensor, bits: f64, group_size: f64, _: f64, _: f64) -> Tensor {
    let most = 2f32.powf(bits as f32 - 1.0) - 1.0;
    let mut w = rows(weight);
    for group in w
        .iter_mut()
        .flat_map(|row| row.chunks_mut(group_size as usize))
    {
        let s = step(group, most);
        group
            .iter_mut()
            .for_each(|w| *w = (*w / s).round().clamp(-most, most) * s);
    }
    tensor(&w)
}

/// Column by column for all rows, with a scale of the whole block.
fn per_tensor(
    weight: &Tensor,
    x: &Tensor,
    bits: f64,
    group_size: f64,
    percdamp: f64,
    act_order: f64,
) -> Tensor {
    let (mut w, x) = (rows(weight), rows(x));
    let (c, most, g) = (
        w[0].len(),
        2f32.powi(bits as i32 - 1) - 1.0,
        group_size as usize,
    );
    let mut h = hessian(&x);
    let diagonal: Vec<f32> = (0..c).map(|j| h[j][j]).collect();
    for j in 0..c {
        if diagonal[j] == 0.0 {
            h[j][j] = 1.0;
            w.iter_mut().for_each(|row| row[j] = 0.0);
        }
        h[j][j] += mean_damp(percdamp as f32, &diagonal);
    }
    let order = match act_order == 1.0 {
        true => largest_first(&diagonal),
        false => (0..c).collect(),
    };
    let pick = |row: &Vec<f32>| order.iter().map(|&j| row[j]).collect::<Vec<f32>>();
    let shares = upper_shares(&order.iter().map(|&i| pick(&h[i])).collect());
    let mut w: M = w.iter().map(pick).collect();
    let mut out = w.clone();
    let mut s = 1.0;
    for i in 0..c {
        if i % g == 0 {
            let block: Vec<f32> = w
                .iter()
                .flat_map(|row| row[i..c.min(i + g)].to_vec())
                .collect();
            s = step(&block, most);
        }
        for (w, out) in w.iter_mut().zip(&mut out) {
            let q = (w[i] / s).round().clamp(-most, most) * s;
            let error = w[i] - q;
            (i + 1..c).for_each(|j| w[j] -= error * shares[i][j]);
            out[order[i]] = q;
        }
    }
    tensor(&out)
}

fn centred(x: &M) -> M {
    let n = x.len() as f32;
    let mean: Vec<f32> = (0..x[0].len())
        .map(|j| x.iter().map(|row| row[j]).sum::<f32>() / n)
        .collect();
    let off = |row: &Vec<f32>| row.iter().zip(&mean).map(|(x, m)| x - m).collect();
    hessian(&x.iter().map(off).collect())
}

pub fn wrong() -> Vec<Named> {
    let with = |name, recipe| boxed(name, candidate(cook(recipe)));
    vec![
        boxed("no-hessian", candidate(nearest)),
        with(
            "lower-cholesky",
            Recipe {
                shares: |h| shares_of(cholesky(&invert(h))),
                ..right_recipe()
            },
        ),
        with(
            "no-compensation-beyond-group",
            Recipe {
                reaches: |i, j, g| i / g == j / g,
                ..right_recipe()
            },
        ),
        with(
            "chol-of-h",
            Recipe {
                shares: |h| shares_of(transposed(&cholesky(h))),
                ..right_recipe()
            },
        ),
        with(
            "stale-inverse",
            Recipe {
                shares: |h| shares_of(invert(h)),
                ..right_recipe()
            },
        ),
        with(
            "centred",
            Recipe {
                hessian: centred,
                ..right_recipe()
            },
        ),
        with(
            "not-divided",
            Recipe {
                shares: |h| transposed(&cholesky(&invert(h))),
                ..right_recipe()
            },
        ),
        with(
            "divided-by-square",
            Recipe {
                shares: |h| {
                    let upper = transposed(&cholesky(&invert(h)));
                    let of = |(i, row): (usize, &Vec<f32>)| {
                        let by = upper[i][i] * upper[i][i];
                        row.iter().map(|u| u / by).collect()
                    };
                    upper.iter().enumerate().map(of).collect()
                },
                ..right_recipe()
            },
        ),
        with(
            "wrong-sign",
            Recipe {
                shares: |h| {
                    let mut shares = upper_shares(h);
                    shares.iter_mut().flatten().for_each(|share| *share *= -1.0);
                    shares
                },
                ..right_recipe()
            },
        ),
        with(
            "damp-absolute",
            Recipe {
                damp: |percdamp, _| percdamp,
                ..right_recipe()
            },
        ),
        with(
            "no-damping",
            Recipe {
                damp: |_, _| 0.0,
                shares: |h| {
                    // A library's Cholesky refuses, and the NaN goes everywhere.
                    let bad = cholesky(h).iter().flatten().any(|l| l.is_nan());
                    match bad {
                        true => vec![vec![f32::NAN; h.len()]; h.len()],
                        false => upper_shares(h),
                    }
                },
                ..right_recipe()
            },
        ),
        with(
            "dead-not-zeroed",
            Recipe {
                zero_dead: false,
                ..right_recipe()
            },
        ),
        with(
            "groups-ignored",
            Recipe {
                fixed: Some(usize::MAX),
                ..right_recipe()
            },
        ),
        boxed("scale-of-all-rows", candidate(per_tensor)),
        with(
            "no-clamp",
            Recipe {
                clamp: false,
                ..right_recipe()
            },
        ),
        with(
            "zero-group-nan",
            Recipe {
                step: |values, most| values.iter().fold(0f32, |max, w| max.max(w.abs())) / most,
                ..right_recipe()
            },
        ),
        with(
            "act-order-ignored",
            Recipe {
                order: |diagonal| (0..diagonal.len()).collect(),
                ..right_recipe()
            },
        ),
        with(
            "act-order-ascending",
            Recipe {
                order: |diagonal| {
                    let mut order: Vec<usize> = (0..diagonal.len()).collect();
                    order.sort_by(|&i, &j| diagonal[i].total_cmp(&diagonal[j]));
                    order
                },
                ..right_recipe()
            },
        ),
        with(
            "forgot-inverse-perm",
            Recipe {
                put_back: false,
                ..right_recipe()
            },
        ),
    ]
}

// ---- Two mistakes at once. -----------------------------------------------------------------

pub fn pairs() -> Vec<([&'static str; 2], Box<dyn Candidate>)> {
    vec![
        (
            ["no-clamp", "forgot-inverse-perm"],
            Box::new(candidate(cook(Recipe {
                clamp: false,
                put_back: false,
                ..right_recipe()
            }))),
        ),
        (
            ["dead-not-zeroed", "chol-of-h"],
            Box::new(candidate(cook(Recipe {
                zero_dead: false,
                shares: |h| shares_of(transposed(&cholesky(h))),
                ..right_recipe()
            }))),
        ),
        (
            ["act-order-ignored", "no-compensation-beyond-group"],
            Box::new(candidate(cook(Recipe {
                reaches: |i, j, g| i / g == j / g,
                order: |diagonal| (0..diagonal.len()).collect(),
                ..right_recipe()
            }))),
        ),
    ]
}
