//! Softmax as different people write it: right, wrong in every way that the lesson knows, and wrong
//! in two ways at once.

use llmlab::lessons::stable_softmax::candidate;
use llmlab::prelude::*;
use llmlab::solution::Candidate;

/// What `llmlab start` writes.
#[expect(unused_variables, reason = "the body is the learner's")]
#[path = "../../lessons/stable_softmax/exercise.rs"]
pub mod exercise;
#[path = "../../lessons/stable_softmax/solution.rs"]
mod solution;

type Named<T> = Vec<(T, Box<dyn Candidate>)>;
type Three = (Tensor, Tensor, Tensor);
/// Softmax, log_softmax and logsumexp of one row.
type Row = (Vec<f32>, Vec<f32>, f32);

const LOW: f32 = f32::NEG_INFINITY;
const HIGH: f32 = f32::INFINITY;

pub fn right() -> Named<&'static str> {
    vec![
        (
            "the lesson's solution",
            Box::new(candidate(solution::stable_softmax)),
        ),
        ("plain f32 loops", each(|x| guarded(x, plain))),
        ("one pass, rescaled on the way", each(online)),
        (
            "softmax as exp(x − logsumexp)",
            each(|x| guarded(x, by_lse)),
        ),
        ("f64 throughout, static ranks", Box::new(candidate(wide))),
        (
            "the prelude, then the special rows",
            Box::new(candidate(prelude)),
        ),
        ("whole arrays, traced", Box::new(candidate(traced))),
        ("in place on the outputs", Box::new(candidate(in_place))),
        (
            "as in the lesson's text",
            Box::new(candidate(as_in_the_text)),
        ),
    ]
}

pub fn wrong() -> Named<&'static str> {
    let with = |id, f: fn(&[f32]) -> Row| (id, each(f));
    vec![
        with("no-max", |x| guarded(x, |x, _| shifted(x, 0.0))),
        with("lse-no-max", |x| {
            guarded(x, |x, max| {
                let lse = x.iter().map(|x| x.exp()).sum::<f32>().ln();
                let log = x.iter().map(|x| x - lse).collect();
                (shifted(x, max).0, log, lse)
            })
        }),
        ("max-of-tensor", Box::new(candidate(max_of_tensor))),
        ("max-of-column", Box::new(candidate(max_of_column))),
        with("max-from-zero", |x| {
            guarded(x, |x, _| shifted(x, x.iter().fold(0.0, |a, b| a.max(*b))))
        }),
        with("min-not-max", |x| {
            guarded(x, |x, _| shifted(x, x.iter().fold(HIGH, |a, b| a.min(*b))))
        }),
        ("wrong-axis", Box::new(candidate(wrong_axis))),
        ("whole-matrix", Box::new(candidate(whole_matrix))),
        with("no-normalise", |x| {
            guarded(x, |x, max| {
                let (_, log, lse) = plain(x, max);
                (x.iter().map(|x| (x - max).exp()).collect(), log, lse)
            })
        }),
        with("sum-misses-last", |x| {
            guarded(x, |x, max| {
                let mut sum = 0.0;
                for x in &x[..x.len() - 1] {
                    sum += (x - max).exp();
                }
                from_sum(x, max, sum)
            })
        }),
        with("online-no-rescale", |x| {
            guarded(x, |x, _| {
                let (mut max, mut sum) = (LOW, 0.0);
                for &x in x {
                    if x == LOW {
                        continue;
                    }
                    max = x.max(max);
                    sum += (x - max).exp();
                }
                from_sum(x, max, sum)
            })
        }),
        with("log-of-softmax", |x| {
            relog(guarded(x, plain), |p| p.iter().map(|p| p.ln()).collect())
        }),
        with("log-add-1e-9", |x| {
            relog(guarded(x, plain), |p| {
                p.iter().map(|p| (p + 1e-9).ln()).collect()
            })
        }),
        with("log-softmax-of-probs", |x| {
            relog(guarded(x, plain), |p| {
                let max = p.iter().fold(LOW, |a, b| a.max(*b));
                plain(p, max).1
            })
        }),
        with("log-max-not-subtracted", |x| {
            guarded(x, |x, max| {
                let (p, _, lse) = plain(x, max);
                let log_sum = x.iter().map(|x| (x - max).exp()).sum::<f32>().ln();
                (p, x.iter().map(|x| x - log_sum).collect(), lse)
            })
        }),
        with("max-not-added-back", |x| {
            guarded(x, |x, max| {
                let (p, log, _) = plain(x, max);
                (p, log, x.iter().map(|x| (x - max).exp()).sum::<f32>().ln())
            })
        }),
        with("log-mean-exp", |x| {
            guarded(x, |x, max| {
                let (p, log, _) = plain(x, max);
                let mean = x.iter().map(|x| (x - max).exp()).sum::<f32>() / x.len() as f32;
                (p, log, max + mean.ln())
            })
        }),
        with("log2", |x| {
            guarded(x, |x, max| {
                let sum: f32 = x.iter().map(|x| (x - max).exp()).sum();
                let log = x.iter().map(|x| x - max - sum.log2()).collect();
                (plain(x, max).0, log, max + sum.log2())
            })
        }),
        with("no-guard", |x| plain(x, maximum(x))),
        with("nan-on-masked-row", |x| {
            let max = maximum(x);
            if max == HIGH {
                guarded(x, plain)
            } else {
                plain(x, max)
            }
        }),
        with("torch-on-masked-row", |x| match maximum(x) {
            LOW => (vec![f32::NAN; x.len()], vec![f32::NAN; x.len()], LOW),
            _ => guarded(x, plain),
        }),
        with("zeros-on-masked-row", |x| match maximum(x) {
            LOW => (vec![0.0; x.len()], vec![0.0; x.len()], 0.0),
            _ => guarded(x, plain),
        }),
        with("finite-fill", |x| {
            let filled: Vec<f32> = x.iter().map(|x| x.max(-1e9)).collect();
            guarded(&filled, plain)
        }),
        with("nan-on-infinity", |x| {
            let max = maximum(x);
            if max == LOW {
                guarded(x, plain)
            } else {
                plain(x, max)
            }
        }),
        with("infinity-one-hot", |x| {
            let Some(first) = x.iter().position(|x| *x == HIGH) else {
                return guarded(x, plain);
            };
            let (mut p, mut log) = (vec![0.0; x.len()], vec![LOW; x.len()]);
            (p[first], log[first]) = (1.0, 0.0);
            (p, log, HIGH)
        }),
    ]
}

pub fn pairs() -> Named<[&'static str; 2]> {
    vec![
        (["no-max", "no-guard"], each(|x| shifted(x, 0.0))),
        (
            ["log-of-softmax", "no-guard"],
            each(|x| relog(plain(x, maximum(x)), |p| p.iter().map(|p| p.ln()).collect())),
        ),
        (
            ["log-add-1e-9", "max-not-added-back"],
            each(|x| {
                let (p, _, lse) = guarded(x, |x, max| {
                    let (p, log, _) = plain(x, max);
                    (p, log, x.iter().map(|x| (x - max).exp()).sum::<f32>().ln())
                });
                let log = p.iter().map(|p| (p + 1e-9).ln()).collect();
                (p, log, lse)
            }),
        ),
        (
            ["no-guard", "wrong-axis"],
            Box::new(candidate(|x: &Tensor| {
                let lse = x.map_axis(Axis(1), |row| {
                    let row = row.to_vec();
                    plain(&row, maximum(&row)).2
                });
                (softmax(x, 0), log_softmax(x, 0), lse)
            })),
        ),
        (
            ["max-from-zero", "no-normalise"],
            each(|x| {
                guarded(x, |x, _| {
                    let max = x.iter().fold(0.0f32, |a, b| a.max(*b));
                    let e: Vec<f32> = x.iter().map(|x| (x - max).exp()).collect();
                    let sum: f32 = e.iter().sum();
                    let log = x.iter().map(|x| x - max - sum.ln()).collect();
                    (e, log, max + sum.ln())
                })
            }),
        ),
    ]
}

/// A candidate that works on one row after the other.
fn each(f: fn(&[f32]) -> Row) -> Box<dyn Candidate> {
    Box::new(candidate(move |x: &Tensor| rows(x, f)))
}

fn rows(x: &Tensor, f: impl Fn(&[f32]) -> Row) -> Three {
    let (n, m) = (x.shape()[0], x.shape()[1]);
    let (mut p, mut log, mut lse) = (Vec::new(), Vec::new(), Vec::new());
    for row in x.rows() {
        let (a, b, c) = f(&row.to_vec());
        p.extend(a);
        log.extend(b);
        lse.push(c);
    }
    let tensor = |shape: &[usize], values| Tensor::from_shape_vec(shape, values).unwrap();
    (tensor(&[n, m], p), tensor(&[n, m], log), tensor(&[n], lse))
}

fn maximum(x: &[f32]) -> f32 {
    x.iter().fold(LOW, |a, b| a.max(*b))
}

/// The rows that the exercise treats by themselves; `f` does the others.
fn guarded(x: &[f32], f: impl Fn(&[f32], f32) -> Row) -> Row {
    let max = maximum(x);
    let m = x.len();
    if max == LOW {
        return (vec![0.0; m], vec![LOW; m], LOW);
    }
    if max == HIGH {
        let count = x.iter().filter(|x| **x == HIGH).count() as f32;
        let pick = |yes, no| {
            x.iter()
                .map(|x| if *x == HIGH { yes } else { no })
                .collect()
        };
        return (pick(1.0 / count, 0.0), pick(-count.ln(), LOW), HIGH);
    }
    f(x, max)
}

fn from_sum(x: &[f32], shift: f32, sum: f32) -> Row {
    (
        x.iter().map(|x| (x - shift).exp() / sum).collect(),
        x.iter().map(|x| x - shift - sum.ln()).collect(),
        shift + sum.ln(),
    )
}

fn shifted(x: &[f32], shift: f32) -> Row {
    let mut sum = 0.0;
    for x in x {
        sum += (x - shift).exp();
    }
    from_sum(x, shift, sum)
}

fn plain(x: &[f32], max: f32) -> Row {
    shifted(x, max)
}

fn relog((p, _, lse): Row, f: impl Fn(&[f32]) -> Vec<f32>) -> Row {
    let log = f(&p);
    (p, log, lse)
}

fn by_lse(x: &[f32], max: f32) -> Row {
    let lse = max + x.iter().map(|x| (x - max).exp()).sum::<f32>().ln();
    let log: Vec<f32> = x.iter().map(|x| x - lse).collect();
    (log.iter().map(|l| l.exp()).collect(), log, lse)
}

fn online(x: &[f32]) -> Row {
    guarded(x, |x, _| {
        let (mut max, mut sum) = (LOW, 0.0f32);
        for &x in x.iter().filter(|x| **x > LOW) {
            if x > max {
                sum *= (max - x).exp();
                max = x;
            }
            sum += (x - max).exp();
        }
        from_sum(x, max, sum)
    })
}

fn wide(x: &Tensor) -> (Array2<f64>, Array2<f64>, Array1<f64>) {
    let (n, m) = (x.shape()[0], x.shape()[1]);
    let mut out = (
        Array2::zeros((n, m)),
        Array2::zeros((n, m)),
        Array1::zeros(n),
    );
    for i in 0..n {
        let row: Vec<f64> = (0..m).map(|j| f64::from(x[[i, j]])).collect();
        let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let level = |x: f64| match x == max {
            true if max == f64::NEG_INFINITY => max,
            true => 0.0,
            false => x - max,
        };
        let sum: f64 = row.iter().map(|x| level(*x).exp()).sum();
        for (j, x) in row.iter().enumerate() {
            let e = level(*x).exp();
            out.0[[i, j]] = if sum > 0.0 { e / sum } else { 0.0 };
            out.1[[i, j]] = if e > 0.0 || x.is_finite() && max.is_finite() {
                level(*x) - sum.ln()
            } else {
                f64::NEG_INFINITY
            };
        }
        out.2[i] = max + sum.ln();
    }
    out
}

/// The lanes of the prelude are right where the maximum is finite.
fn prelude(x: &Tensor) -> Three {
    let (mut p, mut log) = (softmax(x, 1), log_softmax(x, 1));
    let mut lse = Tensor::zeros(vec![x.shape()[0]]);
    for (i, row) in x.rows().into_iter().enumerate() {
        let best = row
            .iter()
            .enumerate()
            .max_by(|a, b| a.1.total_cmp(b.1))
            .unwrap()
            .0;
        lse[i] = row[best] - log[[i, best]];
        if row[best].is_infinite() {
            let (a, b, c) = guarded(&row.to_vec(), plain);
            p.rows_mut()
                .into_iter()
                .nth(i)
                .unwrap()
                .assign(&Array1::from(a));
            log.rows_mut()
                .into_iter()
                .nth(i)
                .unwrap()
                .assign(&Array1::from(b));
            lse[i] = c;
        }
    }
    (p, log, lse)
}

fn traced(x: &Tensor, trace: &mut Trace) -> Three {
    let row_max = x.map_axis(Axis(1), |row| row.fold(LOW, |a, b| a.max(*b)));
    trace.step("row_max", "max over m", "n", &row_max);
    let wide = row_max.view().insert_axis(Axis(1));
    let mut level = x.clone();
    level.zip_mut_with(&wide.broadcast(x.raw_dim()).unwrap(), |x, max| {
        *x = if *x == LOW {
            LOW
        } else if x == max {
            0.0
        } else {
            *x - max
        }
    });
    trace.step("shifted", "x − row_max", "n m", &level);
    let e = level.mapv(f32::exp);
    let sum = e.sum_axis(Axis(1));
    trace.step("sum", "Σ exp", "n", &sum);
    let log_sum = sum.mapv(f32::ln);
    let p = &e
        / &sum
            .mapv(|s| if s == 0.0 { 1.0 } else { s })
            .insert_axis(Axis(1));
    let log = &level
        - &log_sum
            .mapv(|l| if l == LOW { 0.0 } else { l })
            .insert_axis(Axis(1));
    (p, log, row_max + log_sum)
}

fn in_place(x: &Tensor) -> Three {
    let mut p = x.clone();
    let mut log = x.clone();
    let mut lse = vec![0.0; x.shape()[0]];
    let lanes = p.rows_mut().into_iter().zip(log.rows_mut()).zip(&mut lse);
    for ((mut p, mut log), lse) in lanes {
        let max = p.iter().copied().fold(LOW, f32::max);
        if max == LOW {
            p.fill(0.0);
            *lse = LOW;
            continue;
        }
        if max == HIGH {
            p.mapv_inplace(|x| if x == HIGH { 0.0 } else { LOW });
        } else {
            p -= max;
        }
        log.assign(&p);
        p.mapv_inplace(f32::exp);
        let sum = p.sum();
        p /= sum;
        log -= sum.ln();
        *lse = max + sum.ln();
    }
    (
        p,
        log,
        Tensor::from_shape_vec(vec![x.shape()[0]], lse).unwrap(),
    )
}

fn as_in_the_text(x: &Tensor) -> Three {
    let low = f32::NEG_INFINITY;
    let max = x.map_axis(Axis(1), |row| row.fold(low, |a, &b| a.max(b)));
    let mut shifted = x.clone();
    for (mut row, &max) in shifted.rows_mut().into_iter().zip(&max) {
        // Where x equals the maximum the difference is 0, also for ∞ − ∞; −∞ stays.
        row.mapv_inplace(|x| {
            if x == low {
                low
            } else if x == max {
                0.0
            } else {
                x - max
            }
        });
    }
    let exp = shifted.mapv(f32::exp);
    let sum = exp.sum_axis(Axis(1));
    let log_sum = sum.mapv(f32::ln);
    // A row of −∞ alone has sum 0: 0/1 = 0 and −∞ − 0 = −∞ are what is wanted there.
    let divisor = sum.mapv(|s| if s == 0.0 { 1.0 } else { s });
    let softmax = &exp / &divisor.view().insert_axis(Axis(1));
    let log_softmax = &shifted - &divisor.mapv(f32::ln).insert_axis(Axis(1));
    (softmax, log_softmax, max + log_sum)
}

fn right_lse(x: &Tensor) -> Tensor {
    rows(x, |x| guarded(x, plain)).2
}

fn max_of_tensor(x: &Tensor) -> Three {
    let max = x.fold(LOW, |a, b| a.max(*b));
    rows(x, |row| guarded(row, |row, _| shifted(row, max)))
}

fn max_of_column(x: &Tensor) -> Three {
    let columns = x.map_axis(Axis(0), |column| column.fold(LOW, |a, b| a.max(*b)));
    rows(x, |row| {
        let (p, log, lse) = guarded(row, plain);
        if !maximum(row).is_finite() {
            return (p, log, lse);
        }
        let level: Vec<f32> = row.iter().zip(&columns).map(|(x, c)| x - c).collect();
        let (p, log, _) = shifted(&level, 0.0);
        (p, log, lse)
    })
}

fn wrong_axis(x: &Tensor) -> Three {
    let columns = x.t().as_standard_layout().into_owned();
    let (p, log, _) = rows(&columns, |x| guarded(x, plain));
    (p.reversed_axes(), log.reversed_axes(), right_lse(x))
}

fn whole_matrix(x: &Tensor) -> Three {
    let flat: Vec<f32> = x.iter().copied().collect();
    let (p, log, _) = guarded(&flat, plain);
    let shaped = |values| Tensor::from_shape_vec(x.raw_dim(), values).unwrap();
    (shaped(p), shaped(log), right_lse(x))
}
