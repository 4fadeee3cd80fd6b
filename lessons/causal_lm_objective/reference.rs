//! The causal language-model objective, step by step in f64 (Radford et al. 2018 and 2019).

use crate::ops::log_softmax;
use crate::tensor::{Inputs, Outputs};
use crate::trace::Trace;
use ndarray::{ArrayD, IxDyn, arr0};
use std::f64::consts::LN_2;

/// `logits [b n v]`, `labels [b n]`, the number `ignore_index` and the number `bytes` of text → the
/// mean loss in nats, the perplexity, bits per byte. A label that is no token gives NaN, and the step
/// says why; so does a batch in which nothing counts (0/0, as `torch.nn.CrossEntropyLoss`).
pub fn reference(inputs: &Inputs, trace: &mut Trace) -> Outputs {
    let (logits, labels) = (inputs.f64("logits"), inputs.int("labels"));
    let (ignore, bytes) = (ignored(inputs), inputs.number("bytes"));
    let [b, n, v] = [0, 1, 2].map(|axis| logits.shape()[axis]);
    trace.given("b n v", logits.shape());
    if let Some(why) = misfit(inputs) {
        let nothing = || arr0(f64::NAN).into_dyn();
        trace.step("loss", "undefined", "", &nothing()).note(why);
        return vec![nothing(), nothing(), nothing()];
    }

    // log_probs = z − ln Σ e^z over the vocabulary [b n v]: row t is about token t + 1.
    let log_probs = log_softmax(&logits, 2);
    trace
        .step(
            "log_probs",
            "log softmax over v",
            "b n v -> b n v",
            &log_probs,
        )
        .note("exp of each row sums to 1");

    // targets = labels[:, 1:] [b s], s = n − 1: the last row of logits and the first label drop out.
    let shape = IxDyn(&[b, n.saturating_sub(1)]);
    let targets = ArrayD::from_shape_fn(shape, |at| labels[[at[0], at[1] + 1]] as f64);
    let count = targets.iter().filter(|&&y| y != ignore as f64).count();
    trace
        .step("targets", "labels[:, 1:]", "b s", &targets)
        .note(format!("T = {count} of {} count", targets.len()));

    // nll = −log_probs[t, target] [b s], 0 where the target is ignored.
    let nll = ArrayD::from_shape_fn(targets.raw_dim(), |at| match labels[[at[0], at[1] + 1]] {
        y if y == ignore => 0.0,
        y => -log_probs[[at[0], at[1], y as usize]],
    });
    trace
        .step("nll", "−log_probs[:, :−1][target]", "b n v -> b s", &nll)
        .note(format!("chance is ln {v} = {:.3}", (v as f64).ln()));

    // loss = Σ nll / T: one sum and one count over the whole batch.
    let loss = nll.sum() / count as f64;
    let scalar = |x: f64| arr0(x).into_dyn();
    trace
        .step("loss", "Σ nll / T", "b s ->", &scalar(loss))
        .note("nats per token");

    // perplexity = e^loss: as unsure as between so many equally likely tokens.
    trace
        .step("perplexity", "e^loss", "", &scalar(loss.exp()))
        .note(format!("chance is {v}"));

    // bits_per_token = loss / ln 2.
    trace.step("bits_per_token", "loss / ln 2", "", &scalar(loss / LN_2));

    // bits_per_byte = loss·T / (bytes·ln 2): the same total, shared out over the bytes of the text.
    let bits = loss * count as f64 / (bytes * LN_2);
    trace
        .step("bits_per_byte", "loss·T / (bytes·ln 2)", "", &scalar(bits))
        .note("comparable between tokenizers");
    vec![scalar(loss), scalar(loss.exp()), scalar(bits)]
}

/// The label that takes no part.
pub fn ignored(inputs: &Inputs) -> i64 {
    inputs.number("ignore_index") as i64
}

/// Why the labels are not labels of these logits.
pub fn misfit(inputs: &Inputs) -> Option<String> {
    let v = inputs.float("logits").shape()[2] as i64;
    let ignore = ignored(inputs);
    let wrong = |&&y: &&i64| y != ignore && !(0..v).contains(&y);
    let label = inputs.int("labels").iter().find(wrong)?;
    Some(format!(
        "label {label} is neither a token, 0 to {}, nor ignore_index {ignore}",
        v - 1
    ))
}
