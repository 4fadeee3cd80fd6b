//! What a person typed → right, wrong, or not understood, as generously as a person would.

use super::draw::{Body, Drawn};
use super::{letter, number};
use crate::expr;
use crate::text::Lang;

/// The outcome of one answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Grade {
    Right,
    /// With a sentence about this particular mistake, where there is one to say.
    Wrong {
        hint: Option<String>,
    },
    /// How many of the points of a short answer were there.
    Points {
        had: usize,
        of: usize,
    },
    /// The format is not that of an answer: what is expected. Ask again.
    NotUnderstood(String),
}

impl Grade {
    /// From 0 to 1; none where the answer was not understood.
    pub fn score(&self) -> Option<f64> {
        match self {
            Grade::Right => Some(1.0),
            Grade::Wrong { .. } => Some(0.0),
            #[allow(clippy::cast_precision_loss)]
            Grade::Points { had, of } => Some(*had as f64 / *of as f64),
            Grade::NotUnderstood(_) => None,
        }
    }
}

/// Grades what was typed.
pub fn grade(question: &Drawn, typed: &str) -> Grade {
    let lang = question.lang;
    let text = normalise(typed);
    let text = text.trim();
    match &question.body {
        Body::Pick {
            options,
            right,
            several,
        } => pick(options, right, *several, text, lang),
        Body::Numeric {
            value,
            unit,
            tolerance,
        } => numeric(*value, unit.as_deref(), *tolerance, text, lang),
        Body::Shape(want) => shape(want, text, lang),
        Body::Order { steps, right } => order(steps.len(), right, text, lang),
        Body::Short(points) => short(points.len(), text, lang),
    }
}

/// How to answer, in one sentence.
pub fn expected(question: &Drawn) -> String {
    let lang = question.lang;
    match &question.body {
        Body::Pick {
            options,
            several: false,
            ..
        } => {
            let last = letter(options.len() - 1);
            lang.pick(
                format!("Type one letter from a to {last}."),
                format!("请输入 a 到 {last} 中的一个字母。"),
            )
        }
        Body::Pick { options, .. } => {
            let last = letter(options.len() - 1);
            lang.pick(
                format!("Type the letters of all right options (one or more from a to {last}), such as: a {last}"),
                format!("请输入所有正确选项的字母（a 到 {last}，可能不止一个），例如：a {last}"),
            )
        }
        Body::Numeric { unit, .. } => match unit {
            Some(unit) => lang.pick(
                format!("Type a number in {unit}; 3.2, 1e3, 2^10 and 1/3 are all fine."),
                format!("请输入一个数，单位为 {unit}；3.2、1e3、2^10、1/3 这样的写法都可以。"),
            ),
            None => lang.pick(
                "Type a number; 3.2, 1e3, 2^10 and 1/3 are all fine.".to_string(),
                "请输入一个数；3.2、1e3、2^10、1/3 这样的写法都可以。".to_string(),
            ),
        },
        Body::Shape(_) => lang.pick(
            "Type the size of each axis, such as: 2 3 5 (a scalar is [] or the word scalar)."
                .to_string(),
            "请依次输入每个轴的大小，例如：2 3 5（标量写 [] 或“标量”）。".to_string(),
        ),
        Body::Order { steps, .. } => {
            let example: Vec<String> = (0..steps.len())
                .rev()
                .map(|i| letter(i).to_string())
                .collect();
            let (example, last) = (example.join(" "), letter(steps.len() - 1));
            lang.pick(
                format!("Type the letters from a to {last} in the right order, each once, such as: {example}"),
                format!("请按正确顺序输入 a 到 {last} 的字母，每个恰好一次，例如：{example}"),
            )
        }
        Body::Short(points) => {
            let count = points.len();
            lang.pick(
                format!("Type the numbers of the points you had (1 to {count}), such as: 1 2; or all, or none."),
                format!("请输入你答到的要点的编号（1 到 {count}），例如：1 2；也可以输入 all（全部）或 none（没有）。"),
            )
        }
    }
}

/// Full-width signs of a Chinese input method and typographic ones as plain ASCII.
fn normalise(typed: &str) -> String {
    let mut plain = String::with_capacity(typed.len());
    for c in typed.chars() {
        match c {
            '！'..='～' => plain.extend(char::from_u32(u32::from(c) - 0xfee0)),
            '\u{3000}' | '\u{a0}' | '\u{202f}' | '\t' | '\n' | '\r' => plain.push(' '),
            '。' => plain.push('.'),
            '、' => plain.push(','),
            '【' | '〔' | '「' => plain.push('['),
            '】' | '〕' | '」' => plain.push(']'),
            '×' | '·' | '⋅' | '∗' => plain.push('*'),
            '÷' => plain.push('/'),
            '−' | '–' | '—' => plain.push('-'),
            '²' => plain.push_str("^2"),
            '³' => plain.push_str("^3"),
            '’' | '‘' => plain.push('\''),
            // Zero-width marks that come along when a text is pasted.
            '\u{200b}'..='\u{200f}' | '\u{feff}' => {}
            c => plain.push(c),
        }
    }
    plain
}

/// The letters or numbers in `text` as places among `count`, in the order typed: `a c`, `ac`,
/// `(a), c)`, `1 3`, `13`. None where anything else is in it.
fn places(text: &str, count: usize) -> Option<Vec<usize>> {
    let text = text.to_lowercase();
    // `-1` is no option, though `c-a-b-d` is an order.
    if text.starts_with(['-', '+']) {
        return None;
    }
    let mut places = Vec::new();
    for word in text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
    {
        for c in word.chars() {
            let place = match c {
                'a'..='z' => c as usize - 'a' as usize,
                '1'..='9' => c as usize - '1' as usize,
                _ => return None,
            };
            if place >= count {
                return None;
            }
            places.push(place);
        }
    }
    (!places.is_empty()).then_some(places)
}

fn is_all(text: &str) -> bool {
    ["all", "全部", "全", "都有", "都"].contains(&text.to_lowercase().as_str())
}

fn is_none(text: &str) -> bool {
    ["none", "0", "no", "无", "没有", "都没有"].contains(&text.to_lowercase().as_str())
}

fn pick(options: &[String], right: &[usize], several: bool, text: &str, lang: Lang) -> Grade {
    let last = letter(options.len() - 1);
    // Options may themselves be numbers: who types a number that stands there means that option.
    let letters_only = text.chars().all(|c| !c.is_ascii_digit());
    let same = |option: &String| normalise(option).trim().eq_ignore_ascii_case(text);
    let by_text = options.iter().position(same);
    let by_label = match is_all(text) && several {
        true => Some((0..options.len()).collect()),
        false => places(text, options.len()),
    };
    let by_text = by_text.map(|i| vec![i]);
    let picked = match letters_only {
        true => by_label.or(by_text),
        false => by_text.or(by_label),
    };
    let Some(mut picked) = picked else {
        let what = excerpt(text);
        return Grade::NotUnderstood(match (text.is_empty(), several) {
            (true, false) => lang.pick(
                format!("Nothing came. Type one letter from a to {last}, such as: b"),
                format!("没有收到内容。请输入 a 到 {last} 中的一个字母，例如：b"),
            ),
            (true, true) => lang.pick(
                format!("Nothing came, and at least one option is right. Type letters from a to {last}, such as: a b"),
                format!("没有收到内容，而至少有一个选项是对的。请输入 a 到 {last} 中的字母，例如：a b"),
            ),
            (false, false) => lang.pick(
                format!("“{what}” is not one of the options. Type one letter from a to {last}, such as: b"),
                format!("“{what}”不是选项。请输入 a 到 {last} 中的一个字母，例如：b"),
            ),
            (false, true) => lang.pick(
                format!("“{what}” does not name options. Type letters from a to {last}, such as: a b"),
                format!("“{what}”不是选项。请输入 a 到 {last} 中的字母，例如：a b"),
            ),
        });
    };
    picked.sort_unstable();
    picked.dedup();
    if !several && picked.len() > 1 {
        return Grade::NotUnderstood(lang.pick(
            format!("Only one option is right here. Type one letter from a to {last}."),
            format!("这里只有一个选项正确。请输入 a 到 {last} 中的一个字母。"),
        ));
    }
    if picked == right {
        return Grade::Right;
    }
    if !several {
        return Grade::Wrong { hint: None };
    }
    let list = |places: Vec<&usize>| {
        let letters: Vec<String> = places.into_iter().map(|&i| letter(i).to_string()).collect();
        letters.join(lang.pick(", ", "、"))
    };
    let missed = list(right.iter().filter(|i| !picked.contains(i)).collect());
    let extra = list(picked.iter().filter(|i| !right.contains(i)).collect());
    let hint = match (missed.is_empty(), extra.is_empty()) {
        (false, true) => lang.pick(
            format!("You missed {missed}."),
            format!("漏选了 {missed}。"),
        ),
        (true, false) => lang.pick(format!("Not right: {extra}."), format!("多选了 {extra}。")),
        _ => lang.pick(
            format!("You missed {missed}; not right: {extra}."),
            format!("漏选了 {missed}，多选了 {extra}。"),
        ),
    };
    Grade::Wrong { hint: Some(hint) }
}

fn order(count: usize, right: &[usize], text: &str, lang: Lang) -> Grade {
    let last = letter(count - 1);
    let example = (0..count)
        .rev()
        .map(|i| letter(i).to_string())
        .collect::<Vec<_>>()
        .join(" ");
    let Some(typed) = places(text, count) else {
        return Grade::NotUnderstood(lang.pick(
            format!("Type the letters from a to {last} in the right order, such as: {example}"),
            format!("请按正确顺序输入 a 到 {last} 的字母，例如：{example}"),
        ));
    };
    if let Some(twice) = (0..count).find(|i| typed.iter().filter(|t| *t == i).count() > 1) {
        let twice = letter(twice);
        return Grade::NotUnderstood(lang.pick(
            format!(
                "{twice} came more than once. Type each of a to {last} once, such as: {example}"
            ),
            format!("{twice} 出现了不止一次。a 到 {last} 每个字母恰好输入一次，例如：{example}"),
        ));
    }
    if let Some(missing) = (0..count).find(|i| !typed.contains(i)) {
        let missing = letter(missing);
        return Grade::NotUnderstood(lang.pick(
            format!("{missing} is missing. Type each of a to {last} once, such as: {example}"),
            format!("缺少 {missing}。a 到 {last} 每个字母恰好输入一次，例如：{example}"),
        ));
    }
    match typed
        .iter()
        .zip(right)
        .position(|(typed, right)| typed != right)
    {
        None => Grade::Right,
        Some(0) => Grade::Wrong {
            hint: Some(
                lang.pick("The first step is another one.", "第一步就不对。")
                    .to_string(),
            ),
        },
        Some(at) => Grade::Wrong {
            hint: Some(lang.pick(
                format!("The first {at} are right, then it goes astray."),
                format!("前 {at} 步正确，之后开始出错。"),
            )),
        },
    }
}

fn short(count: usize, text: &str, lang: Lang) -> Grade {
    match ticked(count, text) {
        Some(ticked) => Grade::Points {
            had: ticked.len(),
            of: count,
        },
        None => Grade::NotUnderstood(lang.pick(
            format!("Type the numbers of the points you had (1 to {count}), such as: 1 2; or all, or none."),
            format!("请输入你答到的要点的编号（1 到 {count}），例如：1 2；也可以输入 all（全部）或 none（没有）。"),
        )),
    }
}

/// Which of `count` points were ticked, in their order; none where the text ticks nothing.
pub fn ticked(count: usize, typed: &str) -> Option<Vec<usize>> {
    let text = normalise(typed);
    let text = text.trim();
    if is_all(text) {
        return Some((0..count).collect());
    }
    if is_none(text) {
        return Some(Vec::new());
    }
    let mut ticked = places(text, count)?;
    ticked.sort_unstable();
    ticked.dedup();
    Some(ticked)
}

fn shape(want: &[usize], text: &str, lang: Lang) -> Grade {
    let not_understood = |en: String, zh: String| {
        let en = format!(
            "{en} Type the size of each axis, such as: 2 3 5 (a scalar is [] or the word scalar)."
        );
        let zh = format!("{zh}请依次输入每个轴的大小，例如：2 3 5（标量写 [] 或“标量”）。");
        Grade::NotUnderstood(lang.pick(en, zh))
    };
    let lower = text.to_lowercase();
    let bare = lower
        .trim_start_matches("torch.size")
        .trim_start_matches("shape");
    let bare = bare.trim_matches(|c: char| " =:.".contains(c));
    // `n = 8` is as good as `n=8`.
    let bare = &bare.replace(" =", "=").replace("= ", "=");
    let is_scalar = ["scalar", "标量", "0d", "0-d"].contains(&bare.as_str())
        || !bare.is_empty() && bare.chars().all(|c| "()[] ".contains(c));
    let mut got = Vec::new();
    if !is_scalar {
        let between = |c: char| c == ' ' || "()[],;x*".contains(c);
        let words = bare.split(between).filter(|word| !word.is_empty());
        for word in words {
            // `n=8` is as good as `8`.
            let size = word.rsplit_once('=').map_or(word, |(_, size)| size);
            match size.parse::<usize>() {
                Ok(size) => got.push(size),
                Err(_) => {
                    let word = excerpt(word);
                    return not_understood(
                        format!("“{word}” is not a size."),
                        format!("“{word}”不是轴的大小。"),
                    );
                }
            }
        }
        if got.is_empty() {
            return not_understood("No sizes came.".to_string(), "没有收到形状。".to_string());
        }
    }
    if got == want {
        return Grade::Right;
    }
    let (mut sorted_got, mut sorted_want) = (got.clone(), want.to_vec());
    sorted_got.sort_unstable();
    sorted_want.sort_unstable();
    let (have, need) = (got.len(), want.len());
    let hint = if need == 0 {
        Some(
            lang.pick(
                "A single number comes out: a scalar has no axes.",
                "结果是一个数：标量没有轴。",
            )
            .to_string(),
        )
    } else if have != need {
        Some(lang.pick(
            format!("It has {need} axes, not {have}."),
            format!("它有 {need} 个轴，不是 {have} 个。"),
        ))
    } else if sorted_got == sorted_want {
        Some(
            lang.pick(
                "The sizes are right, their order is not.",
                "各轴大小都对，但顺序不对。",
            )
            .to_string(),
        )
    } else {
        None
    };
    Grade::Wrong { hint }
}

fn numeric(want: f64, unit: Option<&str>, tolerance: f64, text: &str, lang: Lang) -> Grade {
    let got = match read_number(text, unit, lang) {
        Ok(got) => got,
        Err(sentence) => return Grade::NotUnderstood(sentence),
    };
    // Whole numbers may come out of an expression with a last bit astray.
    let near = |got: f64| (got - want).abs() <= tolerance.max(1e-12) * want.abs();
    if near(got) {
        return Grade::Right;
    }
    let factors = [
        2.0,
        4.0,
        8.0,
        10.0,
        100.0,
        1000.0,
        1024.0,
        1e6,
        1_048_576.0,
        1e9,
        1_073_741_824.0,
    ];
    let times = factors.iter().find(|&&factor| near(got / factor));
    let part = factors.iter().find(|&&factor| near(got * factor));
    let hint = if let Some(confused) = confusion(got, want, unit, tolerance, lang) {
        Some(confused)
    } else if got != 0.0 && near(-got) {
        Some(
            lang.pick("The sign is the other way.", "符号反了。")
                .to_string(),
        )
    } else if let Some(factor) = times.filter(|_| want != 0.0) {
        let factor = number(*factor);
        Some(lang.pick(
            format!("Yours is {factor} times too large."),
            format!("你的答案大了 {factor} 倍。"),
        ))
    } else if let Some(factor) = part.filter(|_| want != 0.0) {
        let factor = number(*factor);
        Some(lang.pick(
            format!("Yours is {factor} times too small."),
            format!("你的答案只有正确值的 1/{factor}。"),
        ))
    } else {
        None
    };
    Grade::Wrong { hint }
}

/// The sentence for a number that is right in another count: 1000 for 1024, bits for bytes, a
/// fraction for percent.
fn confusion(
    got: f64,
    want: f64,
    unit: Option<&str>,
    tolerance: f64,
    lang: Lang,
) -> Option<String> {
    let ratio = got / want;
    // Steps of 1.024 are told apart, however generous the question is.
    let is = |factor: f64| (ratio - factor).abs() <= tolerance.clamp(1e-9, 0.008) * factor;
    let Some(unit) = unit else {
        let percent = is(100.0) && want > 0.0 && want <= 1.0;
        return percent.then(|| {
            lang.pick(
                "That is in percent; the fraction is asked for.",
                "这是百分数；题目要的是小数。",
            )
            .to_string()
        });
    };
    if unit == "%" && is(0.01) {
        let sentence = lang.pick(
            "That is the fraction; percent is asked for.",
            "这是小数；题目要的是百分数。",
        );
        return Some(sentence.to_string());
    }
    let steps = (1..=4).find(|&power| is(1.024_f64.powi(power)) || is(1.024_f64.powi(-power)));
    if steps.is_some() {
        let thousands = match counting(unit)? {
            Counting::In1024 => false,
            Counting::In1000 => true,
            Counting::One => ratio > 1.0,
        };
        return Some(match thousands {
            true => lang.pick(
                format!("You used 1024 for 1000: {unit} counts in thousands."),
                format!("你用了 1024，应为 1000：{unit} 按 1000 进位。"),
            ),
            false => lang.pick(
                format!("You used 1000 for 1024: {unit} counts in steps of 1024."),
                format!("你用了 1000，应为 1024：{unit} 按 1024 进位。"),
            ),
        });
    }
    let eightfold = match measure(unit)?.0 {
        Base::Bit if unit.to_lowercase().contains("bit") => is(0.125).then_some(false),
        Base::Bit => is(8.0).then_some(true),
        _ => None,
    };
    eightfold.map(|in_bits| match in_bits {
        true => lang.pick(
            format!("That is in bits; {unit} is asked for, and a byte has 8 bits."),
            format!("这是比特数；题目要的是 {unit}，1 字节等于 8 比特。"),
        ),
        false => lang.pick(
            format!("That is in bytes; {unit} is asked for, and a byte has 8 bits."),
            format!("这是字节数；题目要的是 {unit}，1 字节等于 8 比特。"),
        ),
    })
}

/// By what a unit's prefix counts.
enum Counting {
    In1000,
    In1024,
    One,
}

/// `None` where neither is used, as for seconds and tokens.
fn counting(unit: &str) -> Option<Counting> {
    match unit {
        "K" | "k" | "M" | "G" | "T" => return Some(Counting::In1000),
        "Ki" | "Mi" | "Gi" | "Ti" => return Some(Counting::In1024),
        _ => {}
    }
    measure(unit).filter(|(base, _)| *base != Base::Second)?;
    let lower = unit.to_lowercase();
    Some(match lower.as_bytes() {
        [b'k' | b'm' | b'g' | b't', b'i', ..] => Counting::In1024,
        [b'k' | b'm' | b'g' | b't', ..] => Counting::In1000,
        _ => Counting::One,
    })
}

/// The number that was typed, in the question's unit.
fn read_number(text: &str, unit: Option<&str>, lang: Lang) -> Result<f64, String> {
    let ask = match unit {
        Some(unit) => lang.pick(
            format!("Type a number in {unit}, such as: 3.2"),
            format!("请输入以 {unit} 为单位的数，例如：3.2"),
        ),
        None => lang.pick(
            "Type a number, such as: 3.2".to_string(),
            "请输入一个数，例如：3.2".to_string(),
        ),
    };
    let sorry =
        |en: String, zh: String| Err(lang.pick(format!("{en} {ask}"), format!("{zh}{ask}")));
    let text = text.trim_start_matches(|c: char| "=≈~ ".contains(c));
    let text = text.trim_start_matches("约").trim_end_matches('.').trim();
    let percent = text
        .strip_prefix("百分之")
        .map(|number| format!("{number}%"));
    let text = percent.as_deref().unwrap_or(text);
    if text.is_empty() {
        return sorry("Nothing came.".to_string(), "没有收到内容。".to_string());
    }
    let what = excerpt(text);
    let plain = match ungrouped(text) {
        Ok(plain) => plain,
        Err(Grouping::Spaces) => {
            return sorry(
                format!("“{what}” is more than one number."),
                format!("“{what}”不止一个数。"),
            );
        }
        Err(Grouping::Commas) => {
            return sorry(
                format!(
                    "In “{what}” the comma does not group thousands; write decimals with a point."
                ),
                format!("“{what}”中的逗号不是千位分隔符；小数请用小数点。"),
            );
        }
    };
    let as_asked = unit.and_then(|unit| {
        let lower = plain.to_lowercase();
        evaluate(lower.strip_suffix(normalise(unit).to_lowercase().trim())?)
    });
    let (amount, typed_unit) = split_unit(&plain);
    let read = evaluate(&plain).or(as_asked).map(|value| (value, ""));
    let read = read.or_else(|| Some((evaluate(amount)?, typed_unit)));
    let Some((value, typed_unit)) = read else {
        return sorry(
            format!("“{what}” is not a number."),
            format!("“{what}”不是一个数。"),
        );
    };
    if !value.is_finite() {
        return sorry(
            format!("“{what}” is not a finite number."),
            format!("“{what}”不是有限的数。"),
        );
    }
    match convert(typed_unit, unit) {
        Some(factor) => Ok(value * factor),
        None => sorry(
            format!("The unit “{}” does not fit here.", excerpt(typed_unit)),
            format!("单位“{}”在这里不适用。", excerpt(typed_unit)),
        ),
    }
}

enum Grouping {
    Spaces,
    Commas,
}

/// Takes out what groups thousands (`1,024`, `1 024`, `1_024`, `1'024`), and writes products with
/// `*` and powers with `^`.
fn ungrouped(text: &str) -> Result<String, Grouping> {
    let chars: Vec<char> = text.replace("**", "^").chars().collect();
    let digit = |i: usize| chars.get(i).is_some_and(char::is_ascii_digit);
    let mut plain = String::new();
    // Where the number began whose digits are being read, and whether it can have groups.
    let mut lead: Option<usize> = None;
    let mut i = 0;
    while i < chars.len() {
        let c = chars[i];
        if c.is_ascii_digit() {
            lead = lead.or(Some(i));
            plain.push(c);
        } else if i > 0 && digit(i - 1) && digit(i + 1) && matches!(c, ',' | ' ' | '_' | '\'') {
            let front = lead.unwrap_or(i);
            let after_point = front > 0 && chars[front - 1] == '.';
            let thousands = digit(i + 2) && digit(i + 3) && !digit(i + 4);
            let groups = !after_point && chars[front] != '0' && (grouped(&chars[front..i]));
            match c {
                _ if thousands && groups => {}
                ',' => return Err(Grouping::Commas),
                ' ' => return Err(Grouping::Spaces),
                // Left for the reader of expressions to complain about.
                other => plain.push(other),
            }
        } else {
            lead = None;
            let product = matches!(c, 'x' | 'X');
            let neighbours = [
                chars[..i].iter().rfind(|c| **c != ' '),
                chars[i + 1..].iter().find(|c| **c != ' '),
            ];
            let between = neighbours
                .iter()
                .all(|c| c.is_some_and(|c| c.is_ascii_digit() || "()".contains(*c)));
            plain.push(if product && between { '*' } else { c });
        }
        i += 1;
    }
    Ok(plain)
}

/// Whether these are one to three digits, followed by groups of three.
fn grouped(front: &[char]) -> bool {
    let text: String = front.iter().collect();
    let mut groups = text.split([',', ' ', '_', '\'']);
    let first = groups.next().map_or(0, str::len);
    (1..=3).contains(&first) && groups.all(|group| group.len() == 3)
}

fn evaluate(text: &str) -> Option<f64> {
    expr::eval(text, &|_| None).ok()
}

/// `2^10 MiB` → `2^10`, `MiB`
fn split_unit(text: &str) -> (&str, &str) {
    let in_unit = |c: char| c.is_alphabetic() || "%/ ".contains(c);
    let amount = text.trim_end_matches(in_unit);
    (amount, text[amount.len()..].trim())
}

/// What a number with the typed unit is to be multiplied with, to be in the unit asked for.
fn convert(typed: &str, asked: Option<&str>) -> Option<f64> {
    if typed.is_empty() {
        return Some(1.0);
    }
    let singular = |unit: &str| unit.trim().trim_end_matches(['s', 'S']).to_lowercase();
    let Some(asked) = asked else {
        return match typed {
            "%" | "percent" => Some(0.01),
            "万" => Some(1e4),
            "亿" => Some(1e8),
            "个" | "次" | "倍" | "位" | "维" | "x" => Some(1.0),
            _ => None,
        };
    };
    if asked == "%" && typed.eq_ignore_ascii_case("percent") {
        return Some(1.0);
    }
    let (from, to) = (measure(typed), measure(asked));
    if singular(typed) == singular(asked) && from == to {
        return Some(1.0);
    }
    match (from, to) {
        (Some((base, from)), Some((other, to))) if base == other => Some(from / to),
        // `3.2 M` where MiB are asked: the same prefix, the base left out.
        (None, Some(_)) => {
            let same = asked
                .get(..1)
                .is_some_and(|prefix| typed.eq_ignore_ascii_case(prefix));
            let has_prefix = matches!(counting(asked), Some(Counting::In1000 | Counting::In1024));
            (same && has_prefix).then_some(1.0)
        }
        _ => None,
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Base {
    Bit,
    Flop,
    FlopPerSecond,
    BitPerSecond,
    Second,
}

/// A unit's base and its factor; a byte is 8 bits.
fn measure(unit: &str) -> Option<(Base, f64)> {
    let unit = unit
        .trim()
        .replace("字节", "B")
        .replace('秒', "s")
        .replace("比特", "bit")
        .replace('千', "k")
        .replace('兆', "M")
        .replace('吉', "G")
        .replace('太', "T");
    let lower = unit.to_lowercase();
    // Longer names first: `flop/s` ends with `s`.
    let bases = [
        ("flop/s", Base::FlopPerSecond, 1.0),
        ("bytes/s", Base::BitPerSecond, 8.0),
        ("byte/s", Base::BitPerSecond, 8.0),
        ("bits/s", Base::BitPerSecond, 1.0),
        ("bit/s", Base::BitPerSecond, 1.0),
        ("b/s", Base::BitPerSecond, 8.0),
        ("flops", Base::Flop, 1.0),
        ("flop", Base::Flop, 1.0),
        ("bytes", Base::Bit, 8.0),
        ("byte", Base::Bit, 8.0),
        ("bits", Base::Bit, 1.0),
        ("bit", Base::Bit, 1.0),
        ("b", Base::Bit, 8.0),
        ("seconds", Base::Second, 1.0),
        ("second", Base::Second, 1.0),
        ("sec", Base::Second, 1.0),
        ("s", Base::Second, 1.0),
    ];
    bases.iter().find_map(|&(name, base, whole)| {
        let prefix = lower.strip_suffix(name)?.trim();
        let small = base == Base::Second;
        let factor = match prefix {
            "" => 1.0,
            "万" if !small => 1e4,
            "亿" if !small => 1e8,
            "k" | "kilo" if !small => 1e3,
            "m" | "mega" if !small => 1e6,
            "g" | "giga" if !small => 1e9,
            "t" | "tera" if !small => 1e12,
            "p" | "peta" if !small => 1e15,
            "ki" if !small => 1024.0,
            "mi" if !small => 1_048_576.0,
            "gi" if !small => 1_073_741_824.0,
            "ti" if !small => 1_099_511_627_776.0,
            "m" | "milli" if small => 1e-3,
            "u" | "µ" | "μ" | "micro" if small => 1e-6,
            "n" | "nano" if small => 1e-9,
            _ => return None,
        };
        Some((base, whole * factor))
    })
}

/// The beginning of what was typed, fit to be shown in a sentence.
fn excerpt(text: &str) -> String {
    let shown: String = text.chars().filter(|c| !c.is_control()).take(24).collect();
    match text.chars().count() > 24 {
        true => format!("{shown}…"),
        false => shown,
    }
}
