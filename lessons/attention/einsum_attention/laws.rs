//! What holds for every right attention over a memory.

use crate::problem::{Deviation, Law, Run};
use crate::tensor::{Inputs, Tensor, Value};
use crate::text::Text;
use ndarray::{Axis, concatenate};

pub const LAWS: &[Law] = &[
    Law {
        id: "order-of-heads",
        sentence: Text::new(
            "the heads of all four weights in another order give the same output",
            "四个权重的头一起换序，输出不变",
        ),
        except: &[],
        kinds: &["ordinary", "square", "self-causal", "padding"],
        check: order_of_heads,
    },
    Law {
        id: "order-of-memory",
        sentence: Text::new(
            "without a mask, the tokens of the memory in another order give the same output",
            "无掩码时，memory 的 token 换序，输出不变",
        ),
        except: &[],
        kinds: &["ordinary", "square", "large-magnitude"],
        check: order_of_memory,
    },
    Law {
        id: "memory-twice",
        sentence: Text::new(
            "without a mask, a memory that is repeated gives the same output: weights halve",
            "无掩码时，把 memory 重复一遍，输出不变：权重减半而已",
        ),
        except: &[],
        kinds: &["ordinary", "square"],
        check: memory_twice,
    },
    Law {
        id: "rows-alone",
        sentence: Text::new(
            "every row of a batch gives what it gives alone",
            "batch 中每一行的结果与它单独计算时相同",
        ),
        except: &[],
        kinds: &["ordinary", "square", "self-causal"],
        check: rows_alone,
    },
];

/// Twice the tolerance of these inputs: two runs are compared.
fn tol(inputs: &Inputs) -> f64 {
    2.0 * (super::PROBLEM.tolerance)(inputs).value
}

/// Row-major, as the inputs of every case are.
fn float(x: Tensor) -> Value {
    Value::Float(x.as_standard_layout().into_owned())
}

fn order_of_heads(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let h = inputs.float("w_q").shape()[1];
    let backwards: Vec<usize> = (0..h).rev().collect();
    let mut changed = inputs.clone();
    for (name, axis) in [("w_q", 1), ("w_k", 1), ("w_v", 1), ("w_o", 0)] {
        let w = inputs.float(name).select(Axis(axis), &backwards);
        changed.set(name, float(w));
    }
    Deviation::between(&run(inputs), &run(&changed), tol(inputs))
}

fn order_of_memory(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let m = inputs.float("memory").shape()[1];
    let turned: Vec<usize> = (0..m).map(|j| (j + m.div_ceil(2)) % m).collect();
    let memory = inputs.float("memory").select(Axis(1), &turned);
    let changed = inputs.clone().with("memory", float(memory));
    Deviation::between(&run(inputs), &run(&changed), tol(inputs))
}

fn memory_twice(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let memory = inputs.float("memory");
    let twice = concatenate(Axis(1), &[memory.view(), memory.view()]).expect("the same shape");
    let changed = inputs.clone().with("memory", float(twice));
    Deviation::between(&run(inputs), &run(&changed), tol(inputs).max(tol(&changed)))
}

fn rows_alone(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let together = run(inputs);
    let mut worst = Deviation {
        err: 0.0,
        tol: tol(inputs),
    };
    for i in 0..inputs.float("x").shape()[0] {
        let mut alone = inputs.clone();
        for name in ["x", "memory"] {
            let row = inputs.float(name).select(Axis(0), &[i]);
            alone.set(name, float(row));
        }
        let want = together.iter().map(|x| x.select(Axis(0), &[i])).collect();
        let found = Deviation::between(&run(&alone), &want, worst.tol);
        if !(found.err <= worst.err) {
            worst = found;
        }
    }
    worst
}
