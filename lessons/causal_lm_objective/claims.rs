//! What the notes say about the training objective, and what is true.

use crate::lesson::{Claim, Verdict};
use crate::text::{Lang, Text};
use rand::{RngExt, SeedableRng, rngs::StdRng};

pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "C019",
        verdict: Verdict::Imprecise,
        quote: "目标函数:任务相关 vs 自回归 LM 统一目标",
        right: Text::new(
            "True of the pre-training of decoder-only models. BERT (masked tokens), T5 (span corruption) and UL2 are large pre-trained models with other objectives, fine-tuning adds task objectives again (SFT on answers only, RLHF, DPO), and recurrent language models were autoregressive before Transformers.",
            "对 decoder-only 模型的预训练成立。BERT（掩码 token）、T5（片段破坏）、UL2 同为大规模预训练，目标却不同；微调又会引入任务目标（只对回答计损失的 SFT、RLHF、DPO）；而循环神经网络语言模型早在 Transformer 之前就是自回归的。",
        ),
        demo: Some(targets),
    },
    Claim {
        id: "C020",
        verdict: Verdict::Imprecise,
        quote: "数据:人工标注 vs 自监督 + 海量无标注",
        right: Text::new(
            "Pre-training, yes: the label of each token is the next token. Instruction tuning and preference tuning use human (or synthetic) labels, and self-supervision is older than large models: word2vec and ELMo learned from unlabelled text too.",
            "预训练确实如此：每个 token 的标签就是下一个 token。但指令微调、偏好对齐用的是人工（或合成）标注；自监督也早于大模型：word2vec、ELMo 同样从无标注文本学习。",
        ),
        demo: None,
    },
];

/// Tokens of the demonstration.
const TOKENS: usize = 20_000;

/// What masked language modelling does with a token: nothing, [MASK], another one, or keep it.
fn masked(rng: &mut StdRng) -> usize {
    if !rng.random_bool(0.15) {
        return 0;
    }
    let draw: f64 = rng.random();
    match draw {
        draw if draw < 0.8 => 1,
        draw if draw < 0.9 => 2,
        _ => 3,
    }
}

fn targets(lang: Lang) -> String {
    let words = ["the", "cat", "sat", "on", "the", "mat"];
    let join = |parts: Vec<String>| parts.join("  ");
    let own = |word: &&str| format!("{word:>4}");
    let inputs = join(words.iter().map(own).collect());
    let next = words.iter().skip(1).map(own);
    let causal = join(next.chain([format!("{:>4}", "–")]).collect());
    // In a text so short, one token of six stands for the 15 %.
    let hidden = 2;
    let shown = |i: usize, word: &&str| match i == hidden {
        true => format!("{:>4}", "[M]"),
        false => own(word),
    };
    let corrupted = join(words.iter().enumerate().map(|(i, w)| shown(i, w)).collect());
    let asked = |i: usize, word: &&str| match i == hidden {
        true => own(word),
        false => format!("{:>4}", "–"),
    };
    let recovered = join(words.iter().enumerate().map(|(i, w)| asked(i, w)).collect());
    let mut rng = StdRng::seed_from_u64(19);
    let mut counts = [0; 4];
    for _ in 0..TOKENS {
        counts[masked(&mut rng)] += 1;
    }
    let [_, mask, random, kept] = counts;
    let (all, clm) = (mask + random + kept, TOKENS - 1);
    let percent = |part: usize| 100.0 * part as f64 / TOKENS as f64;
    match lang {
        Lang::En => format!(
            "CLM input   {inputs}\n\
             CLM target  {causal}\n\
             MLM input   {corrupted}\n\
             MLM target  {recovered}\n\
             One text of {TOKENS} tokens: CLM has {clm} targets ({:.1} %), MLM {all} ({:.1} %),\n\
             of which {mask} are [MASK], {random} another token, {kept} left as they are.\n\
             Same text, same network size; other targets, and another mask: causal against none.",
            percent(clm),
            percent(all),
        ),
        Lang::Zh => format!(
            "CLM 输入  {inputs}\n\
             CLM 目标  {causal}\n\
             MLM 输入  {corrupted}\n\
             MLM 目标  {recovered}\n\
             同一段 {TOKENS} 个 token 的文本：CLM 有 {clm} 个目标（{:.1} %），MLM 有 {all} 个（{:.1} %），\n\
             其中 {mask} 个换成 [MASK]，{random} 个换成别的 token，{kept} 个保持原样。\n\
             文本相同、网络大小相同，目标不同，注意力掩码也不同：一个因果，一个没有。",
            percent(clm),
            percent(all),
        ),
    }
}
