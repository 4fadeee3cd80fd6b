//! Encoder and decoder layers as different people write them: right, wrong in every way that the
//! lesson knows, and wrong in two ways at once.

use llmlab::lessons::encoder_decoder_block::candidate;
use llmlab::prelude::*;
use llmlab::solution::Candidate;

/// What `llmlab start` writes.
#[expect(unused_variables, reason = "the body is the learner's")]
#[expect(clippy::too_many_arguments, reason = "the exercise has nine")]
#[path = "../../lessons/encoder_decoder_block/exercise.rs"]
pub mod exercise;
#[expect(clippy::too_many_arguments, reason = "the exercise has nine")]
#[path = "../../lessons/encoder_decoder_block/solution.rs"]
mod solution;

type Named<Id> = Vec<(Id, Box<dyn Candidate>)>;

/// The arguments.
#[derive(Clone, Copy)]
struct In<'a> {
    src: &'a Tensor,
    tgt: &'a Tensor,
    keep: &'a Labels,
    bos: &'a Tensor,
    attn: &'a Tensor,
    up: &'a Tensor,
    down: &'a Tensor,
    gamma: &'a Tensor,
    pre: bool,
}

/// x, the number of its norm, and what it does.
type Sublayer = fn(&In, &Tensor, usize, &dyn Fn(&Tensor) -> Tensor) -> Tensor;

macro_rules! solutions {
    ($($id:expr => |$a:ident| $body:expr;)+) => {
        vec![$((
            $id,
            Box::new(candidate(
                |src: &Tensor, tgt: &Tensor, keep: &Labels, bos: &Tensor, attn: &Tensor, up: &Tensor, down: &Tensor, gamma: &Tensor, first: f64| {
                    let $a = In { src, tgt, keep, bos, attn, up, down, gamma, pre: first > 0.5 };
                    $body
                },
            )) as Box<dyn Candidate>,
        )),+]
    };
}

const DROP: f32 = f32::NEG_INFINITY;

fn part(stacked: &Tensor, i: usize) -> Tensor {
    stacked.index_axis(Axis(0), i).to_owned()
}

fn ln(a: &In, x: &Tensor, i: usize) -> Tensor {
    let mut out = x.clone();
    for mut row in out.lanes_mut(Axis(2)) {
        let d = row.len() as f32;
        let mean = row.sum() / d;
        let variance = row.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>() / d;
        let scale = 1.0 / (variance + 1e-5).sqrt();
        for (j, x) in row.iter_mut().enumerate() {
            *x = (*x - mean) * scale * a.gamma[[i, j]];
        }
    }
    out
}

fn attend(a: &In, i: usize, q: &Tensor, kv: &Tensor, mask: &Tensor) -> Tensor {
    let w = part(a.attn, i);
    let [q, k, v] = [(q, 0), (kv, 1), (kv, 2)].map(|(x, j)| matmul(x, &part(&w, j)));
    let scores = matmul(&q, &permute("b m d -> b d m", &k)) / (q.shape()[2] as f32).sqrt();
    matmul(&matmul(&softmax(&(scores + mask), 2), &v), &part(&w, 3))
}

fn ffn(a: &In, i: usize, x: &Tensor) -> Tensor {
    let hidden = matmul(x, &part(a.up, i)).mapv(|z| if z > 0.0 { z } else { 0.0 });
    matmul(&hidden, &part(a.down, i))
}

/// One sublayer, right.
fn sub(a: &In, x: &Tensor, i: usize, f: impl Fn(&Tensor) -> Tensor) -> Tensor {
    if a.pre {
        x + f(&ln(a, x, i))
    } else {
        ln(a, &(x + f(x)), i)
    }
}

fn padding(a: &In) -> Tensor {
    let drop = a.keep.mapv(|keep| if keep == 1 { 0.0 } else { DROP });
    drop.insert_axis(Axis(1))
}

fn open() -> Tensor {
    Tensor::zeros(vec![1, 1, 1])
}

/// −∞ where the column is beyond the row.
fn triu(rows: usize, columns: usize) -> Tensor {
    Tensor::from_shape_fn(
        vec![rows, columns],
        |at| if at[1] > at[0] { DROP } else { 0.0 },
    )
}

fn causal(x: &Tensor) -> Tensor {
    triu(x.shape()[1], x.shape()[1])
}

fn shifted(a: &In) -> Tensor {
    let [b, n, d] = [0, 1, 2].map(|axis| a.tgt.shape()[axis]);
    Tensor::from_shape_fn(vec![b, n, d], |at| match at[1] {
        0 => a.bos[[at[2]]],
        i => a.tgt[[at[0], i - 1, at[2]]],
    })
}

fn encode(a: &In) -> Tensor {
    let x = sub(a, a.src, 0, |y| attend(a, 0, y, y, &padding(a)));
    sub(a, &x, 1, |y| ffn(a, 0, y))
}

fn own(a: &In, x: &Tensor) -> Tensor {
    sub(a, x, 2, |y| attend(a, 1, y, y, &causal(x)))
}

fn cross(a: &In, x: &Tensor, memory: &Tensor) -> Tensor {
    sub(a, x, 3, |y| attend(a, 2, y, memory, &padding(a)))
}

fn decode(a: &In, memory: &Tensor) -> Tensor {
    let x = cross(a, &own(a, &shifted(a)), memory);
    sub(a, &x, 4, |y| ffn(a, 1, y))
}

/// Both layers, with sublayers of another build.
fn built(a: &In, sub: Sublayer) -> (Tensor, Tensor) {
    let x = sub(a, a.src, 0, &|y| attend(a, 0, y, y, &padding(a)));
    let memory = sub(a, &x, 1, &|y| ffn(a, 0, y));
    let start = shifted(a);
    let x = sub(a, &start, 2, &|y| attend(a, 1, y, y, &causal(&start)));
    let x = sub(a, &x, 3, &|y| attend(a, 2, y, &memory, &padding(a)));
    let out = sub(a, &x, 4, &|y| ffn(a, 1, y));
    (memory, out)
}

/// The right encoder, and a decoder with this cross-attention.
fn crossed(a: &In, read: impl Fn(&Tensor, &Tensor) -> Tensor) -> (Tensor, Tensor) {
    let memory = encode(a);
    let x = read(&own(a, &shifted(a)), &memory);
    let out = sub(a, &x, 4, |y| ffn(a, 1, y));
    (memory, out)
}

/// Token by token: each target step runs on what is before it, and only its last row is kept.
fn stepwise(a: &In) -> (Tensor, Tensor) {
    let memory = encode(a);
    let start = shifted(a);
    let mut out = Tensor::zeros(start.raw_dim());
    for t in 0..start.shape()[1] {
        let prefix = start.slice(s![.., ..t + 1, ..]).to_owned().into_dyn();
        let x = sub(a, &prefix, 2, |y| attend(a, 1, y, y, &open()));
        // Rows before the last see what they should not; one layer deep that does not matter.
        let last = x.slice(s![.., t.., ..]).to_owned().into_dyn();
        let x = cross(a, &last, &memory);
        let x = sub(a, &x, 4, |y| ffn(a, 1, y));
        out.slice_mut(s![.., t..t + 1, ..]).assign(&x);
    }
    (memory, out)
}

/// Plain loops for one sequence at a time, over real keys only, in f64.
fn loops(a: &In) -> (ArrayD<f64>, ArrayD<f64>) {
    type Rows = Vec<Vec<f64>>;
    let wide =
        |w: &Tensor, at: &[usize], i: usize, j: usize| f64::from(w[&[at, &[i, j]].concat()[..]]);
    let times = |x: &[f64], columns: usize, w: &dyn Fn(usize, usize) -> f64| -> Vec<f64> {
        let column = |j| x.iter().enumerate().map(|(i, x)| x * w(i, j)).sum();
        (0..columns).map(column).collect()
    };
    let d = a.bos.len();
    let f = a.up.shape()[2];
    let norm = |x: &[f64], i: usize| -> Vec<f64> {
        let mean = x.iter().sum::<f64>() / d as f64;
        let var = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / d as f64;
        let gain = |j: usize| f64::from(a.gamma[[i, j]]);
        let one = |(j, x): (usize, &f64)| (x - mean) / (var + 1e-5).sqrt() * gain(j);
        x.iter().enumerate().map(one).collect()
    };
    let sub = |x: &Rows, i: usize, f: &dyn Fn(&Rows) -> Rows| -> Rows {
        let add = |x: &Rows, y: Rows| -> Rows {
            let row = |(x, y): (&Vec<f64>, Vec<f64>)| x.iter().zip(y).map(|(x, y)| x + y).collect();
            x.iter().zip(y).map(row).collect()
        };
        let all = |x: &Rows| -> Rows { x.iter().map(|x| norm(x, i)).collect() };
        match a.pre {
            true => add(x, f(&all(x))),
            false => all(&add(x, f(x))),
        }
    };
    let attend = |l: usize, q: &Rows, kv: &Rows, sees: &dyn Fn(usize, usize) -> bool| -> Rows {
        let project = |x: &[f64], m: usize| times(x, d, &|i, j| wide(a.attn, &[l, m], i, j));
        let keys: Rows = kv.iter().map(|x| project(x, 1)).collect();
        let values: Rows = kv.iter().map(|x| project(x, 2)).collect();
        let one = |(i, x): (usize, &Vec<f64>)| {
            let q = project(x, 0);
            let (mut total, mut read) = (0.0, vec![0.0; d]);
            let seen = (0..kv.len()).filter(|j| sees(i, *j));
            let scores: Vec<(usize, f64)> = seen
                .map(|j| {
                    (
                        j,
                        q.iter().zip(&keys[j]).map(|(q, k)| q * k).sum::<f64>() / (d as f64).sqrt(),
                    )
                })
                .collect();
            let top = scores.iter().fold(f64::MIN, |top, (_, s)| top.max(*s));
            for (j, score) in scores {
                let weight = (score - top).exp();
                total += weight;
                read.iter_mut()
                    .zip(&values[j])
                    .for_each(|(r, v)| *r += weight * v);
            }
            read.iter_mut().for_each(|r| *r /= total);
            project(&read, 3)
        };
        q.iter().enumerate().map(one).collect()
    };
    let ffn = |l: usize, x: &Rows| -> Rows {
        let one = |x: &Vec<f64>| {
            let mut hidden = times(x, f, &|i, j| wide(a.up, &[l], i, j));
            hidden.iter_mut().for_each(|z| *z = z.max(0.0));
            times(&hidden, d, &|i, j| wide(a.down, &[l], i, j))
        };
        x.iter().map(one).collect()
    };
    let rows = |x: &Tensor, s: usize| -> Rows {
        let x = x.index_axis(Axis(0), s);
        x.rows()
            .into_iter()
            .map(|row| row.iter().map(|x| f64::from(*x)).collect())
            .collect()
    };
    let start = shifted(a);
    let (mut memories, mut outs): (Vec<f64>, Vec<f64>) = (vec![], vec![]);
    for s in 0..a.src.shape()[0] {
        let real = |_: usize, j: usize| a.keep[[s, j]] == 1;
        let x = sub(&rows(a.src, s), 0, &|y| attend(0, y, y, &real));
        let memory = sub(&x, 1, &|y| ffn(0, y));
        let x = sub(&rows(&start, s), 2, &|y| attend(1, y, y, &|i, j| j <= i));
        let x = sub(&x, 3, &|y| attend(2, y, &memory, &real));
        let out = sub(&x, 4, &|y| ffn(1, y));
        memories.extend(memory.concat());
        outs.extend(out.concat());
    }
    let shaped = |like: &Tensor, values| ArrayD::from_shape_vec(like.raw_dim(), values).unwrap();
    (shaped(a.src, memories), shaped(a.tgt, outs))
}

pub fn right() -> Named<&'static str> {
    let mut all = solutions! {
        "functions for encoder and decoder" => |a| {
            let memory = encode(&a);
            let out = decode(&a, &memory);
            (memory, out)
        };
        "a sublayer as an argument" => |a| built(&a, |a, x, i, f| sub(a, x, i, f));
        "token by token" => |a| stepwise(&a);
        "plain loops in f64" => |a| loops(&a);
        "pre-LN written out" => |a| {
            if !a.pre {
                return built(&a, |a, x, i, f| ln(a, &(f(x) + x), i));
            }
            let mut x = a.src.clone();
            let y = ln(&a, &x, 0);
            x += &attend(&a, 0, &y, &y, &padding(&a));
            x += &ffn(&a, 0, &ln(&a, &x, 1));
            let mut z = shifted(&a);
            let y = ln(&a, &z, 2);
            z += &attend(&a, 1, &y, &y, &causal_mask(z.shape()[1], z.shape()[1]));
            z += &attend(&a, 2, &ln(&a, &z, 3), &x, &padding(&a));
            z += &ffn(&a, 1, &ln(&a, &z, 4));
            (x, z)
        };
        "a large negative number for masks" => |a| {
            let finite = |mask: Tensor| mask.mapv(|x| x.max(-1e30));
            let x = sub(&a, a.src, 0, |y| attend(&a, 0, y, y, &finite(padding(&a))));
            let memory = sub(&a, &x, 1, |y| ffn(&a, 0, y));
            let x = shifted(&a);
            let x = sub(&a, &x, 2, |y| attend(&a, 1, y, y, &finite(causal(y))));
            let x = sub(&a, &x, 3, |y| attend(&a, 2, y, &memory, &finite(padding(&a))));
            (memory, sub(&a, &x, 4, |y| ffn(&a, 1, y)))
        };
    };
    all.push((
        "the solution",
        Box::new(candidate(solution::encoder_decoder_block)),
    ));
    all
}

pub fn wrong() -> Named<&'static str> {
    solutions! {
        // The notes' encoder: self-attention, cross-attention, FFN.
        "encoder-cross-attn" => |a| {
            let x = sub(&a, a.src, 0, |y| attend(&a, 0, y, y, &padding(&a)));
            let x = sub(&a, &x, 3, |y| attend(&a, 2, y, a.src, &padding(&a)));
            let memory = sub(&a, &x, 1, |y| ffn(&a, 0, y));
            let out = decode(&a, &memory);
            (memory, out)
        };
        "encoder-causal" => |a| {
            let mask = padding(&a) + causal(a.src);
            let x = sub(&a, a.src, 0, |y| attend(&a, 0, y, y, &mask));
            let memory = sub(&a, &x, 1, |y| ffn(&a, 0, y));
            let out = decode(&a, &memory);
            (memory, out)
        };
        "decoder-no-mask" => |a| {
            let memory = encode(&a);
            let x = sub(&a, &shifted(&a), 2, |y| attend(&a, 1, y, y, &open()));
            let x = cross(&a, &x, &memory);
            (memory, sub(&a, &x, 4, |y| ffn(&a, 1, y)))
        };
        "no-shift-right" => |a| {
            let memory = encode(&a);
            let x = cross(&a, &own(&a, a.tgt), &memory);
            (memory, sub(&a, &x, 4, |y| ffn(&a, 1, y)))
        };
        "cross-before-self" => |a| {
            let memory = encode(&a);
            let x = own(&a, &cross(&a, &shifted(&a), &memory));
            (memory, sub(&a, &x, 4, |y| ffn(&a, 1, y)))
        };
        "no-cross" => |a| crossed(&a, |x, _| x.clone());
        "cross-reads-target" => |a| crossed(&a, |x, _| sub(&a, x, 3, |y| attend(&a, 2, y, y, &open())));
        "cross-reads-src" => |a| crossed(&a, |x, _| cross(&a, x, a.src));
        "causal-on-cross" => |a| crossed(&a, |x, memory| {
            let mask = padding(&a) + triu(x.shape()[1], memory.shape()[1]);
            sub(&a, x, 3, |y| attend(&a, 2, y, memory, &mask))
        });
        "padding-in-encoder" => |a| {
            let x = sub(&a, a.src, 0, |y| attend(&a, 0, y, y, &open()));
            let memory = sub(&a, &x, 1, |y| ffn(&a, 0, y));
            let out = decode(&a, &memory);
            (memory, out)
        };
        "padding-in-cross" => |a| crossed(&a, |x, memory| {
            sub(&a, x, 3, |y| attend(&a, 2, y, memory, &open()))
        });
        "norm-order-swapped" => |a| {
            let a = In { pre: !a.pre, ..a };
            let memory = encode(&a);
            let out = decode(&a, &memory);
            (memory, out)
        };
        "norm-twice" => |a| built(&a, |a, x, i, f| {
            let x = if a.pre { x + f(&ln(a, x, i)) } else { x + f(x) };
            ln(a, &x, i)
        });
        "no-norm" => |a| built(&a, |_, x, _, f| x + f(x));
        "no-residual" => |a| built(&a, |a, x, i, f| match a.pre {
            true => f(&ln(a, x, i)),
            false => ln(a, &f(x), i),
        });
        "residual-from-normed" => |a| built(&a, |a, x, i, f| {
            if !a.pre {
                return ln(a, &(x + f(x)), i);
            }
            let x = ln(a, x, i);
            &x + f(&x)
        });
        "memory-normed" => |a| crossed(&a, |x, memory| {
            if !a.pre {
                return cross(&a, x, memory);
            }
            x + attend(&a, 2, &ln(&a, x, 3), &ln(&a, memory, 3), &padding(&a))
        });
        "shared-weights" => |a| {
            let memory = encode(&a);
            let x = sub(&a, &shifted(&a), 2, |y| attend(&a, 0, y, y, &causal(y)));
            let x = cross(&a, &x, &memory);
            (memory, sub(&a, &x, 4, |y| ffn(&a, 0, y)))
        };
        "shared-norm" => |a| built(&a, |a, x, _, f| sub(a, x, 0, f));
    }
}

pub fn pairs() -> Named<[&'static str; 2]> {
    solutions! {
        ["padding-in-encoder", "padding-in-cross"] => |a| {
            let x = sub(&a, a.src, 0, |y| attend(&a, 0, y, y, &open()));
            let memory = sub(&a, &x, 1, |y| ffn(&a, 0, y));
            let x = own(&a, &shifted(&a));
            let x = sub(&a, &x, 3, |y| attend(&a, 2, y, &memory, &open()));
            (memory, sub(&a, &x, 4, |y| ffn(&a, 1, y)))
        };
        ["decoder-no-mask", "no-shift-right"] => |a| {
            let memory = encode(&a);
            let x = sub(&a, a.tgt, 2, |y| attend(&a, 1, y, y, &open()));
            let x = cross(&a, &x, &memory);
            (memory, sub(&a, &x, 4, |y| ffn(&a, 1, y)))
        };
        ["norm-order-swapped", "causal-on-cross"] => |a| {
            let a = In { pre: !a.pre, ..a };
            crossed(&a, |x, memory| {
                let mask = padding(&a) + triu(x.shape()[1], memory.shape()[1]);
                sub(&a, x, 3, |y| attend(&a, 2, y, memory, &mask))
            })
        };
        ["cross-before-self", "cross-reads-src"] => |a| {
            let memory = encode(&a);
            let x = own(&a, &cross(&a, &shifted(&a), a.src));
            (memory, sub(&a, &x, 4, |y| ffn(&a, 1, y)))
        };
    }
}
