//! What must hold for every right implementation.

use super::problem::tolerance;
use super::reference::IGNORED;
use super::variants::variant;
use crate::problem::{Deviation, Law, Run, Variant};
use crate::tensor::{Inputs, Labels, Outputs, Value};
use crate::text::Text;
use ndarray::{Axis, concatenate};

pub const LAWS: &[Law] = &[
    Law {
        id: "scale-of-counts",
        sentence: Text::new(
            "multiplying every class count by 10 changes nothing: only ratios matter",
            "所有类别计数同乘 10，损失不变：只有比值起作用",
        ),
        except: &[],
        kinds: &["ordinary", "ignored", "unseen-class"],
        check: |inputs, run| {
            let counts = inputs.int("class_counts").mapv(|n| 10 * n);
            same(inputs, &with_int(inputs, "class_counts", counts), run)
        },
    },
    Law {
        id: "shift-of-logits",
        sentence: Text::new(
            "adding a constant to all logits of a row changes nothing",
            "给同一行的所有 logits 加同一个常数，损失不变",
        ),
        except: &[],
        kinds: &["ordinary", "offset", "ignored"],
        check: |inputs, run| {
            let mut logits = inputs.float("logits").clone();
            for (i, mut row) in logits.outer_iter_mut().enumerate() {
                row += 8.0 * (i as f32 + 1.0);
            }
            same(
                inputs,
                &inputs.clone().with("logits", Value::Float(logits)),
                run,
            )
        },
    },
    Law {
        id: "order-of-classes",
        sentence: Text::new(
            "renaming the classes (logit columns, targets and counts together) changes nothing",
            "给类别重新编号（logits 的列、标签、计数一起换），损失不变",
        ),
        except: &[],
        kinds: &["ordinary", "wider", "ignored"],
        check: |inputs, run| {
            let c = inputs.int("class_counts").len() as i64;
            let backwards: Vec<usize> = (0..c as usize).rev().collect();
            let rename = |&y: &i64| if y == IGNORED { y } else { c - 1 - y };
            let renamed = inputs
                .clone()
                .with(
                    "logits",
                    Value::Float(inputs.float("logits").select(Axis(1), &backwards)),
                )
                .with("targets", Value::Int(inputs.int("targets").map(rename)))
                .with(
                    "class_counts",
                    Value::Int(inputs.int("class_counts").select(Axis(0), &backwards)),
                );
            same(inputs, &renamed, run)
        },
    },
    Law {
        id: "order-of-samples",
        sentence: Text::new(
            "the order of the samples does not matter",
            "样本的先后顺序不影响损失",
        ),
        except: &[],
        kinds: &["ordinary", "ignored"],
        check: |inputs, run| {
            let backwards: Vec<usize> = (0..inputs.int("targets").len()).rev().collect();
            same(inputs, &rows(inputs, &backwards), run)
        },
    },
    Law {
        id: "repeated-batch",
        sentence: Text::new(
            "a batch that holds every sample twice has the same loss",
            "每个样本都出现两次的批次，损失不变",
        ),
        except: &[],
        kinds: &["ordinary", "ignored"],
        check: |inputs, run| {
            let n = inputs.int("targets").len();
            let twice: Vec<usize> = (0..n).chain(0..n).collect();
            same(inputs, &rows(inputs, &twice), run)
        },
    },
    Law {
        id: "equal-counts",
        sentence: Text::new(
            "equal counts give plain cross-entropy",
            "各类计数相等时就是普通交叉熵",
        ),
        except: &[],
        kinds: &["ordinary", "ignored", "spread"],
        check: |inputs, run| {
            let counts = inputs.int("class_counts").mapv(|_| 42);
            plain(&with_int(inputs, "class_counts", counts), run)
        },
    },
    Law {
        id: "one-class",
        sentence: Text::new(
            "where all targets are of one class, its weight cancels",
            "所有标签同属一类时，它的权重会约掉",
        ),
        except: &["divide-by-n"],
        kinds: &["ordinary", "ignored"],
        check: |inputs, run| {
            let rarest = inputs.int("class_counts").iter().enumerate();
            let class = rarest.min_by_key(|(_, n)| **n).map_or(0, |(k, _)| k as i64);
            let one = |&y: &i64| if y == IGNORED { y } else { class };
            let targets = inputs.int("targets").map(one);
            plain(&with_int(inputs, "targets", targets), run)
        },
    },
    Law {
        id: "ignored-rows",
        sentence: Text::new(
            "rows with target −100 might as well not be there",
            "标签为 −100 的行等于不存在",
        ),
        except: &[],
        kinds: &["ordinary", "ignored"],
        check: |inputs, run| {
            // Three more rows, copied from those that are there, which nobody should look at.
            let logits = inputs.float("logits");
            let padding = logits.select(Axis(0), &[0, 0, 0]);
            let targets = inputs.int("targets");
            let ignored = Labels::from_elem(vec![3], IGNORED);
            let (Ok(logits), Ok(targets)) = (
                concatenate(Axis(0), &[logits.view(), padding.view()]),
                concatenate(Axis(0), &[targets.view(), ignored.view()]),
            ) else {
                return Deviation {
                    err: f64::NAN,
                    tol: 0.0,
                };
            };
            let padded = inputs
                .clone()
                .with("logits", Value::Float(logits))
                .with("targets", Value::Int(targets));
            same(inputs, &padded, run)
        },
    },
];

fn with_int(inputs: &Inputs, name: &'static str, value: Labels) -> Inputs {
    inputs.clone().with(name, Value::Int(value))
}

/// These samples, in this order.
fn rows(inputs: &Inputs, order: &[usize]) -> Inputs {
    inputs
        .clone()
        .with(
            "logits",
            Value::Float(inputs.float("logits").select(Axis(0), order)),
        )
        .with(
            "targets",
            Value::Int(inputs.int("targets").select(Axis(0), order)),
        )
}

/// The function's losses on both inputs; each may be off by its own tolerance.
fn same(before: &Inputs, after: &Inputs, run: Run<'_>) -> Deviation {
    let tol = tolerance(before).value + tolerance(after).value;
    let first: Outputs = run(before);
    Deviation::between(&first, &run(after), tol)
}

/// The function's loss against the unweighted cross-entropy of the same inputs.
fn plain(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let want = variant(inputs, &Variant(vec!["unweighted"]));
    Deviation::between(&run(inputs), &want, tolerance(inputs).value)
}
