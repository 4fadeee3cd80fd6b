//! What the notes say about tokens, and what counting them shows.

use super::reference::replace;
use crate::lesson::{Claim, Verdict};
use crate::text::{Lang, Text};
use std::collections::BTreeMap;

pub const CLAIMS: &[Claim] = &[Claim {
    id: "C012",
    verdict: Verdict::Imprecise,
    quote: "训练语料 > 1 T token",
    right: Text::new(
        "No definition says so, and as a condition it excludes the models that the notes mean: GPT-3 and Gopher saw 300 B tokens, PaLM 780 B. More than 1 T is usual since LLaMA (1 T to 1.4 T, 2023). A token is a unit of the tokenizer besides, not of text: the same corpus has more or fewer of them with another vocabulary or language.",
        "没有哪个定义这么说；当作条件，它会把笔记所指的模型也排除在外：GPT-3、Gopher 训练了 300 B token，PaLM 780 B。超过 1 T 是 LLaMA（2023，1 T 到 1.4 T）以来的常态。况且 token 是分词器的单位，不是文本的单位：同一份语料换个词表或语言，token 数就不同。",
    ),
    demo: Some(units),
}];

const ENGLISH: &str = "the model reads the text token by token and predicts the next token of the text; the tokens of the text are the units that the model reads, and the next token is what the model predicts";
const CHINESE: &str = "模型逐个读入文本的词元，并预测文本的下一个词元；文本的词元就是模型读入的单位，下一个词元就是模型要预测的东西";

/// Tokens of two texts of the same content, by how many merges were learned from the English one.
fn units(lang: Lang) -> String {
    let bytes = |text: &str| text.bytes().map(i64::from).collect::<Vec<i64>>();
    let (mut english, mut chinese) = (bytes(ENGLISH), bytes(CHINESE));
    let sizes = [english.len(), chinese.len()];
    let mut lines = vec![lang.pick(
        "one corpus, many token counts: bytes merged by a tokenizer that learned from the English text\nmerges   English   per byte   Chinese   per byte".to_string(),
        "同一份语料，token 数各不相同：在英文上学到的分词器合并字节\n合并数   英文      每字节     中文      每字节".to_string(),
    )];
    for merges in 0..=60 {
        if merges % 20 == 0 {
            let [e, c] = [english.len(), chinese.len()];
            let per = |count: usize, size: usize| count as f64 / size as f64;
            lines.push(format!(
                "{merges:6}   {e:7}   {:8.2}   {c:7}   {:8.2}",
                per(e, sizes[0]),
                per(c, sizes[1])
            ));
        }
        let mut counts: BTreeMap<[i64; 2], usize> = BTreeMap::new();
        for pair in english.windows(2) {
            *counts.entry([pair[0], pair[1]]).or_default() += 1;
        }
        let Some((pair, _)) = counts.into_iter().rev().max_by_key(|(_, count)| *count) else {
            break;
        };
        let id = 256 + merges;
        english = replace(&english, pair, id);
        chinese = replace(&chinese, pair, id);
    }
    lines.push(
        lang.pick("«> 1 T tokens» by model:", "「> 1 T token」逐个模型看：")
            .to_string(),
    );
    for (model, billions) in [
        ("GPT-3", 300),
        ("Gopher", 300),
        ("PaLM", 780),
        ("LLaMA-65B", 1400),
    ] {
        let passes = match billions > 1000 {
            true => lang.pick("passes", "符合"),
            false => lang.pick("fails", "不符合"),
        };
        lines.push(format!("  {model}: {billions} B, {passes}"));
    }
    lines.join("\n")
}
