//! What holds for every right answer, whatever the numbers are.

use crate::ops::matmul;
use crate::problem::{Deviation, Law, Run};
use crate::tensor::{Inputs, Outputs, Tensor, Value};
use crate::text::Text;
use ndarray::{ArrayD, Axis, Slice};

const OPEN: &[&str] = &["ordinary", "whole-tiles", "single-keys"];

pub const LAWS: &[Law] = &[
    Law {
        id: "any-tile-size",
        sentence: Text::new(
            "the size of the tiles changes nothing: 1, 2, and all keys at once give the same",
            "块大小不影响结果：每块 1 个、2 个、或一次全取，输出都一样",
        ),
        except: &[],
        kinds: &["ordinary", "causal", "prompt", "large-magnitude"],
        check: any_tile_size,
    },
    Law {
        id: "order-of-tiles",
        sentence: Text::new(
            "permuting keys and values together changes nothing: tiles may come in any order",
            "同时打乱 key 与 value，输出不变：各块的先后无关紧要",
        ),
        except: &[],
        kinds: &["ordinary", "whole-tiles", "large-magnitude"],
        check: order_of_tiles,
    },
    Law {
        id: "two-halves-merge",
        sentence: Text::new(
            "two halves of the keys, each done alone, merge to the whole with the weights e^(lse_half − lse)",
            "把 key 分成两半各自计算，再按权重 e^(lse_half − lse) 合并，等于整体的结果",
        ),
        except: &[],
        kinds: OPEN,
        check: two_halves_merge,
    },
    Law {
        id: "weights-from-lse",
        sentence: Text::new(
            "lse gives the weights back: the sum of e^(q·k/√d − lse)·v over the keys is the output",
            "由 lse 可还原权重：对所有 key 求和 e^(q·k/√d − lse)·v，等于输出",
        ),
        except: &[],
        kinds: OPEN,
        check: weights_from_lse,
    },
    Law {
        id: "causality",
        sentence: Text::new(
            "under the causal mask, the last key and value change the last query only",
            "因果掩码下，改动最后一个 key/value 只影响最后一个 query",
        ),
        except: &[],
        kinds: &["causal", "prompt"],
        check: causality,
    },
];

fn tol(inputs: &Inputs) -> f64 {
    (super::PROBLEM.tolerance)(inputs).value
}

fn any_tile_size(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let want = run(inputs);
    let tol = 2.0 * tol(inputs);
    let all = inputs.float("k").shape()[2] as f64;
    let with = |block| inputs.clone().with("block", Value::Number(block));
    let mut worst = Deviation { err: 0.0, tol };
    for block in [1.0, 2.0, all] {
        let now = Deviation::between(&run(&with(block)), &want, tol);
        // NaN is the worst of all.
        if !(now.err <= worst.err) {
            worst = now;
        }
    }
    worst
}

fn order_of_tiles(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let m = inputs.float("k").shape()[2];
    let order: Vec<usize> = (0..m).map(|j| (m - 1 - j + m / 2) % m).collect();
    let mut moved = inputs.clone();
    for name in ["k", "v"] {
        let x = inputs.float(name).select(Axis(2), &order);
        moved.set(name, Value::Float(x));
    }
    Deviation::between(&run(inputs), &run(&moved), 2.0 * tol(inputs))
}

fn two_halves_merge(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let whole = run(inputs);
    let m = inputs.float("k").shape()[2];
    let mut merged = ArrayD::<f64>::zeros(whole[0].raw_dim());
    for half in [Slice::from(..m / 2), Slice::from(m / 2..)] {
        let mut part = inputs.clone();
        for name in ["k", "v"] {
            let x = inputs.float(name).slice_axis(Axis(2), half).to_owned();
            part.set(name, Value::Float(x));
        }
        let part = run(&part);
        let share = (&part[1] - &whole[1]).mapv(f64::exp);
        merged += &(&part[0] * &share.insert_axis(Axis(3)));
    }
    Deviation::between(&vec![merged], &whole[..1].to_vec(), 6.0 * tol(inputs))
}

fn weights_from_lse(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let got = run(inputs);
    let (q, k) = (inputs.f64("q"), inputs.f64("k"));
    let mut keys = k.view();
    keys.swap_axes(2, 3);
    let scores = matmul(&q, &keys.to_owned()) / (q.shape()[3] as f64).sqrt();
    let weights = (scores - got[1].clone().insert_axis(Axis(3))).mapv(f64::exp);
    let out = matmul(&weights, &inputs.f64("v"));
    Deviation::between(&vec![out], &got[..1].to_vec(), 4.0 * tol(inputs))
}

fn causality(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let last = inputs.float("k").shape()[2] - 1;
    let mut changed = inputs.clone();
    for name in ["k", "v"] {
        let mut x: Tensor = inputs.float(name).clone();
        x.index_axis_mut(Axis(2), last)
            .mapv_inplace(|x| 3.0 - 2.0 * x);
        changed.set(name, Value::Float(x));
    }
    let but_last = |outputs: Outputs| -> Outputs {
        let cut = |x: &ArrayD<f64>| x.slice_axis(Axis(2), Slice::from(..-1)).to_owned();
        outputs.iter().map(cut).collect()
    };
    let tol = tol(inputs) + tol(&changed);
    Deviation::between(&but_last(run(inputs)), &but_last(run(&changed)), tol)
}
