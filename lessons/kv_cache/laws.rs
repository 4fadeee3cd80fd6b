//! What holds for every right KV cache, however it is fed.

use super::reference::Rows;
use crate::problem::{Deviation, Law, Run};
use crate::tensor::{Inputs, Labels, Outputs, Tensor, Value};
use crate::text::Text;
use ndarray::{ArrayD, Axis, IxDyn, Slice, concatenate, s};

pub const LAWS: &[Law] = &[
    Law {
        id: "token-by-token",
        sentence: Text::new(
            "decoding token by token gives what one pass over all of them gives",
            "逐 token 解码与一次性算完全部 token 结果相同",
        ),
        except: &[],
        kinds: &["prefill", "ordinary", "full", "ragged"],
        check: token_by_token,
    },
    Law {
        id: "two-chunks",
        sentence: Text::new(
            "a prompt cut into two chunks gives what the whole prompt gives",
            "把 prompt 切成两块依次处理，与整段处理结果相同",
        ),
        except: &[],
        kinds: &["prefill", "ordinary", "mqa", "ragged"],
        check: two_chunks,
    },
    Law {
        id: "rows-alone",
        sentence: Text::new(
            "every row of a batch gives what it gives alone",
            "batch 中每一行的结果与它单独计算时相同",
        ),
        except: &[],
        kinds: &["ordinary", "decode", "beam", "ragged"],
        check: rows_alone,
    },
    Law {
        id: "free-slots",
        sentence: Text::new(
            "what lies in the free slots changes no output",
            "空槽位里放什么都不影响输出",
        ),
        except: &[],
        kinds: &["ordinary", "decode", "beam"],
        check: free_slots,
    },
];

/// Twice the tolerance of these inputs: two runs are compared.
fn tol(inputs: &Inputs) -> f64 {
    2.0 * (super::PROBLEM.tolerance)(inputs).value
}

fn rows(inputs: &Inputs) -> Rows {
    Rows::of(inputs).expect("seeded inputs fit")
}

fn single(x: &ArrayD<f64>) -> Value {
    float(x.mapv(|x| x as f32))
}

/// Row-major, as the inputs of every case are.
fn float(x: Tensor) -> Value {
    Value::Float(x.as_standard_layout().into_owned())
}

fn labels(values: impl Iterator<Item = usize>) -> Value {
    let values: Vec<i64> = values.map(|x| x as i64).collect();
    let shape = IxDyn(&[values.len()]);
    Value::Int(Labels::from_shape_vec(shape, values).expect("one axis"))
}

/// Feeds the new tokens in chunks that end at `ends`, each with the cache of the one before.
fn in_chunks(inputs: &Inputs, run: Run<'_>, ends: &[usize]) -> Outputs {
    let starts = rows(inputs).starts();
    let mut cache: Option<Outputs> = None;
    let (mut outs, mut from) = (Vec::new(), 0);
    for &end in ends {
        let mut chunk = inputs.clone();
        for name in ["q", "k", "v"] {
            let part = inputs
                .float(name)
                .slice_axis(Axis(2), Slice::from(from..end));
            chunk.set(name, float(part.to_owned()));
        }
        if let Some(cache) = &cache {
            chunk.set("past_k", single(&cache[1]));
            chunk.set("past_v", single(&cache[2]));
            chunk.set("lengths", labels(starts.iter().map(|start| start + from)));
            chunk.set("beam_idx", labels(0..starts.len()));
        }
        let mut answer = run(&chunk);
        outs.push(answer.remove(0));
        answer.insert(0, ArrayD::zeros(IxDyn(&[0])));
        (cache, from) = (Some(answer), end);
    }
    let views: Vec<_> = outs.iter().map(|out| out.view()).collect();
    let mut all = cache.unwrap_or_default();
    // Shapes that do not fit together cannot be equal to the whole.
    if let Ok(out) = concatenate(Axis(2), &views) {
        all[0] = out;
    }
    all
}

fn token_by_token(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let ends: Vec<usize> = (1..=rows(inputs).n).collect();
    let steps = in_chunks(inputs, run, &ends);
    Deviation::between(&steps, &run(inputs), tol(inputs))
}

fn two_chunks(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let n = rows(inputs).n;
    let steps = in_chunks(inputs, run, &[n.div_ceil(2), n][usize::from(n == 1)..]);
    Deviation::between(&steps, &run(inputs), tol(inputs))
}

fn rows_alone(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let Rows {
        parents, lengths, ..
    } = rows(inputs);
    let together = run(inputs);
    let mut worst = Deviation {
        err: 0.0,
        tol: tol(inputs),
    };
    for (i, &parent) in parents.iter().enumerate() {
        let mut alone = inputs.clone();
        for (name, row) in [
            ("q", i),
            ("k", i),
            ("v", i),
            ("past_k", parent),
            ("past_v", parent),
        ] {
            let one = inputs.float(name).select(Axis(0), &[row]);
            alone.set(name, float(one));
        }
        alone.set("lengths", labels([lengths[parent]].into_iter()));
        alone.set("beam_idx", labels([0].into_iter()));
        let want = together.iter().map(|x| x.select(Axis(0), &[i])).collect();
        let found = Deviation::between(&run(&alone), &want, worst.tol);
        if !(found.err <= worst.err) {
            worst = found;
        }
    }
    worst
}

fn free_slots(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let all = rows(inputs);
    let mut changed = inputs.clone();
    for name in ["past_k", "past_v"] {
        let mut cache: Tensor = inputs.float(name).clone();
        for (row, &length) in all.lengths.iter().enumerate() {
            let mut free = cache.slice_mut(s![row, .., length.., ..]);
            free.fill(30.0);
        }
        changed.set(name, float(cache));
    }
    let filled = |mut outputs: Outputs| {
        for cache in &mut outputs[1..] {
            for (i, start) in all.starts().into_iter().enumerate() {
                let mut free = cache.slice_mut(s![i, .., start + all.n.., ..]);
                free.fill(0.0);
            }
        }
        outputs
    };
    Deviation::between(&filled(run(&changed)), &filled(run(inputs)), tol(inputs))
}
