//! `llmlab model`: the small model, and what the lessons' methods do to it.

use super::Session;
use super::verbs::{FORMAT, Values, Verb};
use crate::lessons::methods::{Report, Row, report};
use crate::text::{Lang, Text};
use crate::tiny::{LENGTH, Tiny, VOCAB, entropy_rate};
use serde_json::{Value, json};
use std::process::ExitCode;

pub const VERB: Verb = Verb {
    name: "model",
    about: Text::new(
        "a small real model: its loss before and after quantization, pruning and distillation",
        "一个真实的小模型：量化、剪枝、蒸馏前后的损失",
    ),
    args: &[FORMAT],
    run: |session: &mut Session, values: &Values| {
        let report = report();
        match values.json() {
            true => session.say(json(&report, session.lang).to_string()),
            false => session
                .page(&session.markdown(&text(&report, session.lang), session.width.min(100))),
        }
        Ok(ExitCode::SUCCESS)
    },
};

/// The report as Markdown.
fn text(report: &Report, lang: Lang) -> String {
    let model = Tiny::trained();
    let (layers, hidden, heads) = (
        model.layers.len(),
        model.embed_tokens.ncols(),
        model.config.num_attention_heads,
    );
    let inner = model.layers[0].gate_proj.nrows();
    let (parameters, kilobytes) = (report.parameters, report.bytes / 1e3);
    let Report {
        sequences,
        entropy,
        loss,
        untrained_loss,
        ..
    } = report;
    let above = loss - entropy;
    let rate = entropy_rate(crate::tiny::GAP);
    let mut out = lang.pick(
        format!(
            "A Llama of {layers} layers, hidden size {hidden}, {heads} heads, SwiGLU of {inner}, {VOCAB} tokens: {parameters} parameters, {kilobytes:.0} kB in bf16. `src/tiny/train.py` trained it in some minutes on sequences of {LENGTH} tokens: text of a known source, in which eight names come back after every gap. The source's entropy is known, so no model can do better.\n\n"
        ),
        format!(
            "一个 Llama：{layers} 层，隐藏维度 {hidden}，{heads} 个头，SwiGLU 中间维度 {inner}，词表 {VOCAB}；共 {parameters} 个参数，bf16 下 {kilobytes:.0} kB。由 `src/tiny/train.py` 用几分钟训练而成，序列长 {LENGTH}；文本来自已知的信源，其中八个名字每隔一段就重现一次。信源的熵已知，任何模型都不可能更低。\n\n"
        ),
    );
    let tokens = sequences * (LENGTH - 1);
    out += &lang.pick(
        format!("Nats per token, on {sequences} held-out sequences ({tokens} tokens):\n\n"),
        format!("留出集 {sequences} 条序列（{tokens} 个 token）上的损失，单位 nat/token：\n\n"),
    );
    let mut table = |cells: [&str; 3]| out += &format!("| {} |\n", cells.join(" | "));
    table(lang.pick(["", "loss", "over the entropy"], ["", "损失", "高出熵"]));
    table(["---", "---:", "---:"]);
    let figure = |x: f64| format!("{x:.4}");
    table([
        lang.pick("entropy of these tokens", "这些 token 的熵"),
        &figure(*entropy),
        "",
    ]);
    table([
        lang.pick("the model", "模型"),
        &figure(*loss),
        &figure(above),
    ]);
    table([
        lang.pick("the model before training", "训练前的模型"),
        &figure(*untrained_loss),
        &figure(untrained_loss - entropy),
    ]);
    out += &lang.pick(
        format!("\nAn endless sequence has {rate:.4} per token: here each one begins with eight new names.\n\n"),
        format!("\n无限长序列每个 token 的熵是 {rate:.4}；这里每条序列开头都有八个新名字，所以更高。\n\n"),
    );
    out += lang.pick(
        "What methods do to it. Bits are stored ones, with scales and masks, for each weight that its linear layers have; embedding and output layer stay in bf16. A student is a smaller model in bf16: its bits are few because its weights are.\n\n",
        "各方法的效果。bit 数是存储位数（含 scale 与掩码）除以原模型线性层的权重数；词嵌入和输出层保持 bf16。学生是更小的 bf16 模型：bit 数小，是因为权重少。\n\n",
    );
    let mut table = |cells: [&str; 6]| out += &format!("| {} |\n", cells.join(" | "));
    table(lang.pick(
        ["method", "bits", "kB", "loss", "more by", "what"],
        ["方法", "bit 数", "kB", "损失", "增加", "做法"],
    ));
    table(["---", "---:", "---:", "---:", "---:", "---"]);
    table([
        lang.pick("none", "无"),
        "16.00",
        &format!("{kilobytes:.0}"),
        &figure(*loss),
        "",
        "bf16",
    ]);
    for Row {
        method,
        bits,
        bytes,
        loss: after,
        ..
    } in &report.rows
    {
        table([
            method.name,
            &format!("{bits:.2}"),
            &format!("{:.0}", bytes / 1e3),
            &figure(*after),
            &figure(after - loss),
            method.about.get(lang),
        ]);
    }
    out += lang.pick(
        "\nStudents of other seeds, and why hidden states do not help here: `llmlab lesson logit-distillation`, `hidden-state-distillation`.\n",
        "\n其他种子的学生，以及隐藏态在这里为何帮不上忙：见 `llmlab lesson logit-distillation`、`hidden-state-distillation`。\n",
    );
    out
}

fn json(report: &Report, lang: Lang) -> Value {
    let rows = report.rows.iter().map(|row| {
        json!({
            "name": row.method.name,
            "about": row.method.about.get(lang),
            "parameters": row.parameters,
            "bits": row.bits,
            "bytes": row.bytes,
            "loss": row.loss,
        })
    });
    json!({
        "parameters": report.parameters,
        "bytes": report.bytes,
        "sequences": report.sequences,
        "entropy": report.entropy,
        "loss": report.loss,
        "untrained_loss": report.untrained_loss,
        "methods": rows.collect::<Vec<_>>(),
    })
}
