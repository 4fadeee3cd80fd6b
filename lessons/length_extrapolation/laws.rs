//! What holds for every right measurement.

use super::problem::tolerance;
use crate::problem::{Deviation, Law, Run};
use crate::tensor::{Inputs, Outputs, Value};
use crate::text::Text;

const ALL: &[&str] = &["ordinary", "clean", "ragged", "stride-1", "collapse"];

pub const LAWS: &[Law] = &[
    Law {
        id: "same-targets",
        sentence: Text::new(
            "a model whose losses depend on the token alone, not on its context, is flat: all contexts have one perplexity and the ratio is 1",
            "若损失只取决于 token 而与上下文无关，结果必须持平：各上下文的困惑度相同，比值为 1",
        ),
        except: &[],
        kinds: ALL,
        check: same_targets,
    },
    Law {
        id: "padding-is-ignored",
        sentence: Text::new(
            "losses of positions that do not count change nothing",
            "改动不计分位置的损失，结果不变",
        ),
        except: &[],
        kinds: ALL,
        check: padding_is_ignored,
    },
    Law {
        id: "a-nat-is-a-factor-e",
        sentence: Text::new(
            "one nat more on every loss multiplies the perplexities by e and leaves the ratio as it was",
            "所有损失各加 1 nat，困惑度乘 e，比值不变",
        ),
        except: &[],
        kinds: ALL,
        check: a_nat_is_a_factor_e,
    },
    Law {
        id: "the-far-end-counts",
        sentence: Text::new(
            "losses in the shortest contexts of later windows do not touch the sliding perplexity or the longest context",
            "后续窗口中上下文最短的那些损失，不影响滑动困惑度和最长上下文的困惑度",
        ),
        except: &[],
        kinds: &["ordinary", "clean", "stride-1", "collapse"],
        check: the_far_end_counts,
    },
];

/// The inputs with a loss for each window, position and old loss.
fn with_losses(inputs: &Inputs, loss: impl Fn(usize, usize, f32) -> f32) -> Inputs {
    let mut losses = inputs.float("losses").clone();
    for (at, x) in losses.indexed_iter_mut() {
        *x = loss(at[0], at[1], *x);
    }
    inputs.clone().with("losses", Value::Float(losses))
}

fn same_targets(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let stride = inputs.number("stride") as usize;
    // The words of the text: some hard, some easy.
    let words = with_losses(inputs, |i, at, _| {
        1.0 + ((i * stride + at) * 7 % 11) as f32 * 0.2
    });
    let outputs = run(&words);
    let [by_context, _, ratio] = outputs.as_slice() else {
        return Deviation {
            err: f64::INFINITY,
            tol: 0.0,
        };
    };
    let first = by_context.iter().copied().next().unwrap_or(f64::NAN);
    let got: Outputs = vec![by_context / first, ratio.clone()];
    let want = got.iter().map(|x| x.mapv(|_| 1.0)).collect();
    Deviation::between(&got, &want, 2.0 * tolerance(&words).value)
}

fn padding_is_ignored(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let counted = inputs.int("counted").clone();
    let other = with_losses(inputs, |i, at, x| match counted[[i, at]] {
        0 => 3.0,
        _ => x,
    });
    Deviation::between(&run(inputs), &run(&other), 2.0 * tolerance(inputs).value)
}

fn a_nat_is_a_factor_e(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let more = with_losses(inputs, |_, _, x| x + 1.0);
    let mut want = run(inputs);
    for perplexity in want.iter_mut().take(2) {
        *perplexity *= std::f64::consts::E;
    }
    let tol = 3.0 * tolerance(inputs).value + tolerance(&more).value;
    Deviation::between(&want, &run(&more), tol)
}

fn the_far_end_counts(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let stride = inputs.number("stride") as usize;
    let other = with_losses(inputs, |i, at, x| match i > 0 && at < stride {
        true => x + 2.0,
        false => x,
    });
    // Where buckets are more than one, the last is not the first.
    let part = |outputs: Outputs| -> Outputs {
        let last = outputs.first().and_then(|x| x.iter().last().copied());
        let last = ndarray::arr0(last.unwrap_or(f64::NAN)).into_dyn();
        outputs.into_iter().skip(1).take(1).chain([last]).collect()
    };
    let (before, after) = (part(run(inputs)), part(run(&other)));
    Deviation::between(&before, &after, 2.0 * tolerance(inputs).value)
}
