//! The judge's findings as sentences.

use super::report::{Divergence, Fact, ShapeCause, ShapeFact, Verdict};
use crate::text::Lang;

pub fn verdict(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Passed => ("passed", "通过"),
        Verdict::WrongShape => ("wrong shape", "形状错误"),
        Verdict::WrongValues => ("wrong values", "数值错误"),
        Verdict::BrokenLaw => ("a law does not hold", "不满足应有的性质"),
        Verdict::TooMuchMemory => ("right values, too much memory", "数值正确，但占用内存过多"),
        Verdict::MutatedInputs => ("changed its input", "修改了输入"),
        Verdict::Panicked => ("panicked", "发生 panic"),
        Verdict::TimedOut => ("took too long", "超时"),
        Verdict::StackOverflow => ("stack overflow", "栈溢出"),
        Verdict::OutOfMemory => ("out of memory", "内存不足"),
        Verdict::Crashed => ("crashed", "崩溃"),
        Verdict::Unlaunched => ("could not be launched", "无法启动"),
        Verdict::Strayed => ("wrote outside its output", "写到了输出之外"),
        Verdict::Unwritten => ("left a part of its output unwritten", "有输出未写"),
        Verdict::Exited => ("ended the program", "直接退出了程序"),
    }
}

pub fn stage_zh(id: &str) -> &str {
    match id {
        "shape" => "形状",
        "values" => "数值",
        "laws" => "性质",
        "memory" => "内存",
        "scale" => "规模",
        other => other,
    }
}

/// How the function ended without an answer.
pub fn death(verdict: Verdict, message: &str, lang: Lang) -> String {
    match (verdict, lang) {
        (Verdict::Panicked, Lang::En) if message.starts_with("not yet implemented") => {
            "the `todo!()` is still in it: write the body of the function".to_string()
        }
        (Verdict::Panicked, Lang::Zh) if message.starts_with("not yet implemented") => {
            "函数里还留着 `todo!()`：请写出函数体".to_string()
        }
        (Verdict::Panicked, Lang::En) => format!("your function panicked: {message}"),
        (Verdict::Panicked, Lang::Zh) => format!("你的函数 panic 了：{message}"),
        (Verdict::MutatedInputs, Lang::En) => {
            format!("your function changed its input {message}; work on a copy")
        }
        (Verdict::MutatedInputs, Lang::Zh) => {
            format!("你的函数修改了输入 {message}；请在副本上计算")
        }
        (Verdict::TimedOut, Lang::En) => format!(
            "no answer within {message}; look for a loop that does not end (or give it longer: --timeout 60)"
        ),
        (Verdict::TimedOut, Lang::Zh) => format!(
            "{message} 内没有给出结果；请检查是否有不会结束的循环（也可放宽时限：--timeout 60）"
        ),
        (Verdict::StackOverflow, Lang::En) => format!(
            "your function used up its stack of {message}; look for a recursion that does not end or a huge local array"
        ),
        (Verdict::StackOverflow, Lang::Zh) => {
            format!("你的函数用完了 {message} 的栈；请检查是否有不会结束的递归或过大的局部数组")
        }
        (Verdict::OutOfMemory, lang) => {
            let bytes: f64 = message.parse().unwrap_or(0.0);
            let size = format!("{:.1} GB", bytes / 1e9);
            lang.pick(
                format!(
                    "your function asked for {size} of memory at once; the judge gives 4 GiB in all"
                ),
                format!("你的函数一次申请了 {size} 内存；判题时总共只给 4 GiB"),
            )
        }
        (Verdict::Unlaunched, _) => message.to_string(),
        (Verdict::Strayed, Lang::En) => format!("{message}; look at the bounds of its index"),
        (Verdict::Strayed, Lang::Zh) => format!("{message}；请检查下标的范围"),
        (Verdict::Unwritten, Lang::En) => format!(
            "elements left unwritten: {message} is the first; does the launch cover the whole output?"
        ),
        (Verdict::Unwritten, Lang::Zh) => {
            format!("有元素没有写入：{message} 是第一个；启动的线程覆盖了整个输出吗？")
        }
        (Verdict::Exited, Lang::En) => format!(
            "your function ended the whole program (exit code {message}); return a value instead"
        ),
        (Verdict::Exited, Lang::Zh) => {
            format!("你的函数结束了整个程序（退出码 {message}）；请改为返回结果")
        }
        (_, Lang::En) => format!("your function ended with {message}"),
        (_, Lang::Zh) => format!("你的函数因 {message} 而终止"),
    }
}

/// What is wrong with a shape.
pub fn shape(fact: &ShapeFact, lang: Lang) -> String {
    let list = |sizes: &[usize]| {
        let words: Vec<String> = sizes.iter().map(usize::to_string).collect();
        format!("[{}]", words.join(" "))
    };
    let named: Vec<String> = fact
        .axes
        .iter()
        .zip(&fact.want)
        .map(|(axis, size)| format!("{axis}={size}"))
        .collect();
    let (output, want, got) = (&fact.output, named.join(" "), list(&fact.got));
    let cause = match (&fact.cause, lang) {
        (ShapeCause::Count { got, want }, Lang::En) => {
            return format!(
                "expected {want} output(s), got {got}; return them as a tuple in the order of the signature"
            );
        }
        (ShapeCause::Count { got, want }, Lang::Zh) => {
            return format!("应返回 {want} 个输出，得到 {got} 个；请按签名的顺序以元组返回");
        }
        (ShapeCause::Swapped(a, b), Lang::En) => format!(": axes {a} and {b} are swapped"),
        (ShapeCause::Swapped(a, b), Lang::Zh) => format!("：{a} 轴与 {b} 轴对调了"),
        (ShapeCause::Order(axes), Lang::En) => {
            format!(": the axes came in the order {}", axes.join(" "))
        }
        (ShapeCause::Order(axes), Lang::Zh) => format!("：轴的顺序成了 {}", axes.join(" ")),
        (ShapeCause::Extra(axis, place), Lang::En) => format!(
            ": there is an extra axis ({axis}) at place {place}; sum over it or index it away"
        ),
        (ShapeCause::Extra(axis, place), Lang::Zh) => {
            format!("：第 {place} 个位置多了一个轴（{axis}）；请对它求和或取下标")
        }
        (ShapeCause::Missing(axis), Lang::En) => format!(": axis {axis} is missing"),
        (ShapeCause::Missing(axis), Lang::Zh) => format!("：缺少 {axis} 轴"),
        (
            ShapeCause::Size {
                axis,
                got,
                looks_like: Some(other),
            },
            Lang::En,
        ) => {
            format!(": axis {axis} has {got}, the size of {other}")
        }
        (
            ShapeCause::Size {
                axis,
                got,
                looks_like: Some(other),
            },
            Lang::Zh,
        ) => {
            format!("：{axis} 轴的大小是 {got}，那是 {other} 的大小")
        }
        (
            ShapeCause::Size {
                axis,
                got,
                looks_like: None,
            },
            Lang::En,
        ) => format!(": axis {axis} has size {got}"),
        (
            ShapeCause::Size {
                axis,
                got,
                looks_like: None,
            },
            Lang::Zh,
        ) => format!("：{axis} 轴的大小是 {got}"),
        (ShapeCause::Other, _) => String::new(),
    };
    match lang {
        Lang::En => format!("{output}: expected [{want}], got {got}{cause}"),
        Lang::Zh => format!("{output}：应为 [{want}]，得到 {got}{cause}"),
    }
}

/// What was measured on a wrong answer that no planted bug explains.
pub fn fact(fact: &Fact, lang: Lang) -> String {
    let at = |places: &[usize]| {
        let words: Vec<String> = places.iter().map(usize::to_string).collect();
        format!("[{}]", words.join(" "))
    };
    // An axis of fixed size is called by its size.
    let named = |axis: &str| match axis.parse::<usize>() {
        Ok(_) => ("index".to_string(), "下标".to_string()),
        Err(_) => (axis.to_string(), format!(" {axis} ")),
    };
    let (en, zh) = match fact {
        Fact::AllZero { output } => (
            format!("every element of {output} is 0"),
            format!("{output} 的每个元素都是 0"),
        ),
        Fact::AllNan { output } => (
            format!("every element of {output} is NaN; look for 0/0, ∞−∞ or an exp that overflows"),
            format!("{output} 的每个元素都是 NaN；请检查 0/0、∞−∞ 或 exp 溢出"),
        ),
        Fact::NotFinite {
            output,
            count,
            total,
            first,
        } => (
            format!(
                "{count} of {total} elements of {output} are NaN or infinite, the first at {}",
                at(first)
            ),
            format!(
                "{output} 的 {total} 个元素中有 {count} 个是 NaN 或无穷，第一个在 {}",
                at(first)
            ),
        ),
        Fact::Constant { output, value } => (
            format!("every element of {output} is {value:.6}"),
            format!("{output} 的每个元素都是 {value:.6}"),
        ),
        Fact::Factor { output, factor } => (
            format!("{output} is {factor:.6} times the right answer everywhere"),
            format!("{output} 处处是正确答案的 {factor:.6} 倍"),
        ),
        Fact::Offset { output, offset } => (
            format!("{output} is the right answer plus {offset:.6} everywhere"),
            format!("{output} 处处等于正确答案加 {offset:.6}"),
        ),
        Fact::Transposed {
            output,
            first,
            second,
        } => (
            format!("{output} is the right answer with axes {first} and {second} exchanged"),
            format!("{output} 是把 {first} 轴与 {second} 轴对调后的正确答案"),
        ),
        Fact::Reversed { output, axis } => (
            format!("{output} is the right answer read backwards along {axis}"),
            format!("{output} 是沿 {axis} 轴倒序的正确答案"),
        ),
        Fact::Shifted { output, axis, by } => (
            format!("{output} is the right answer shifted by {by} along {axis}"),
            format!("{output} 是沿 {axis} 轴平移 {by} 位的正确答案"),
        ),
        Fact::RightUpTo { output, axis, from } => {
            let (en, zh) = named(axis);
            (
                format!("{output} is right for {en} < {from} and wrong from there on"),
                format!("{output} 在{} < {from} 处正确，从那里起错误", zh.trim_end()),
            )
        }
        Fact::WrongAt {
            output,
            axis,
            at: wrong,
            size,
        } => {
            let right: Vec<usize> = (0..*size).filter(|i| !wrong.contains(i)).collect();
            // The shorter list says it.
            let (is, zh_is, places) = match right.len() < wrong.len() {
                true => ("right", "正确", at(&right)),
                false => ("wrong", "错误", at(wrong)),
            };
            let (en, zh) = named(axis);
            (
                format!("{output} is {is} only at {en} in {places} (of {size})"),
                format!("{output} 只在{zh}属于 {places}（共 {size}）处{zh_is}"),
            )
        }
        Fact::RepeatsFirst { output, axis } => (
            format!("{output} repeats the right answer of {axis}=0 for every {axis}"),
            format!("{output} 在每个 {axis} 处都重复了 {axis}=0 的正确答案"),
        ),
        Fact::Right { output } => (format!("{output} is right"), format!("{output} 是对的")),
    };
    lang.pick(en, zh)
}

pub fn divergence(divergence: &Divergence, lang: Lang) -> String {
    let Divergence {
        last_equal,
        step,
        formula,
        same_name,
    } = divergence;
    let last = last_equal
        .as_ref()
        .map_or(String::new(), |last| match lang {
            Lang::En => format!("your run agrees with the reference up to step {last}; "),
            Lang::Zh => format!("到 {last} 这一步为止与参考实现一致；"),
        });
    match (same_name, lang) {
        (true, Lang::En) => format!("{last}step {step} = {formula} is the first that differs"),
        (true, Lang::Zh) => format!("{last}第一个不同的步骤是 {step} = {formula}"),
        (false, Lang::En) => format!("{last}{step} = {formula} is nowhere in it"),
        (false, Lang::Zh) => format!("{last}其中没有出现 {step} = {formula}"),
    }
}

/// Bytes as people say them: `16.8 MB`, `4.1 kB`.
pub fn bytes(bytes: u64) -> String {
    match bytes as f64 {
        b if b >= 1e9 => format!("{:.1} GB", b / 1e9),
        b if b >= 1e5 => format!("{:.1} MB", b / 1e6),
        b if b >= 1e3 => format!("{:.1} kB", b / 1e3),
        b => format!("{b} B"),
    }
}

/// A time with three digits: `1.23 ms`.
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if s >= 1.0 => format!("{s:.2} s"),
        s if s >= 1e-3 => format!("{:.2} ms", s * 1e3),
        s => format!("{:.1} µs", s * 1e6),
    }
}
