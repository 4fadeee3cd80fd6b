//! What holds for every right tokenizer, embedding and head.

use super::reference::{SPACE, encode};
use crate::problem::{Deviation, Law, Run};
use crate::tensor::{Inputs, Labels, Outputs, Tensor, Value, max_abs};
use crate::text::Text;
use ndarray::{ArrayD, Axis, Slice};

pub const LAWS: &[Law] = &[
    Law {
        id: "lossless",
        sentence: Text::new(
            "no symbol is lost: the lengths of a text's tokens sum to its length",
            "不丢符号：一条文本各 token 的长度之和等于文本长度",
        ),
        except: &["embedding-scaled"],
        kinds: &["ordinary", "one-word", "runs", "crossing", "ragged"],
        check: lossless,
    },
    Law {
        id: "words-apart",
        sentence: Text::new(
            "a word's tokens do not depend on the words behind it",
            "一个词的 token 与后面的词无关",
        ),
        except: &[],
        kinds: &["ordinary", "crossing", "long"],
        check: words_apart,
    },
    Law {
        id: "linear-head",
        sentence: Text::new(
            "the head is linear: twice the hidden state gives twice the logits",
            "输出头是线性的：隐藏状态加倍，logits 加倍",
        ),
        except: &[],
        kinds: &["ordinary", "one-word", "ragged"],
        check: linear_head,
    },
];

fn tolerance(inputs: &Inputs) -> f64 {
    2.0 * (super::problem::PROBLEM.tolerance)(inputs).value
}

/// Runs on a table whose first column says how many symbols a token stands for.
fn lossless(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let (text, merges, table) = (
        inputs.int("text"),
        inputs.int("merges"),
        inputs.float("table"),
    );
    let base = table.shape()[0] - merges.shape()[0];
    let mut lengths = vec![1.0f32; base];
    for pair in merges.rows() {
        let length = |id: i64| lengths.get(id as usize).copied().unwrap_or(0.0);
        let joined = length(pair[0]) + length(pair[1]);
        lengths.push(joined);
    }
    let counting = Tensor::from_shape_fn(table.raw_dim(), |at| match at[1] {
        0 => lengths[at[0]],
        _ => 0.0,
    });
    let counted = inputs.clone().with("table", Value::Float(counting));
    let outputs: Outputs = run(&counted).into_iter().take(1).collect();
    let sums = outputs
        .iter()
        .map(|out| out.sum_axis(Axis(2)).sum_axis(Axis(1)));
    let n = text.shape()[1] as f64;
    let want = ArrayD::from_elem(vec![text.shape()[0]], n);
    Deviation::between(&sums.collect(), &vec![want], 1e-6 * n)
}

/// Changes what stands behind the last space.
fn words_apart(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let (text, merges, table) = (
        inputs.int("text"),
        inputs.int("merges"),
        inputs.float("table"),
    );
    let base = table.shape()[0] as i64 - merges.shape()[0] as i64;
    let mut other: Labels = text.clone();
    let mut kept = Vec::new();
    for mut row in other.axis_iter_mut(Axis(0)) {
        let last = (1..row.len()).rev().find(|at| row[*at] == SPACE);
        let prefix: Vec<i64> = row
            .iter()
            .take(last.unwrap_or(row.len()))
            .copied()
            .collect();
        kept.push(encode(&prefix, merges, base).len());
        for symbol in row.iter_mut().skip(prefix.len() + 1) {
            *symbol = 1 + (*symbol + 1) % (base - 1);
        }
    }
    let changed = inputs.clone().with("text", Value::Int(other));
    let firsts = |outputs: Outputs| -> Outputs {
        let rows = kept.iter().enumerate().map(|(text, kept)| {
            let row = outputs[0].index_axis(Axis(0), text);
            row.slice_axis(Axis(0), Slice::from(..*kept)).to_owned()
        });
        rows.collect()
    };
    let (a, b) = (firsts(run(inputs)), firsts(run(&changed)));
    Deviation::between(&a, &b, tolerance(inputs))
}

fn linear_head(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let doubled = inputs.float("hidden") * 2.0;
    let changed = inputs.clone().with("hidden", Value::Float(doubled));
    let logits = |outputs: Outputs| outputs.into_iter().skip(1).collect::<Outputs>();
    let twice: Outputs = logits(run(inputs)).iter().map(|out| out * 2.0).collect();
    let there = logits(run(&changed));
    let tol = tolerance(&changed) + 1e-6 * there.iter().map(max_abs).fold(0.0, f64::max);
    Deviation::between(&twice, &there, tol)
}
