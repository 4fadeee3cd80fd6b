//! Whiteboard tasks: a file, the judge, and what it measured.

use super::super::event::{Judged, Out, Say, Style};
use super::super::report::Entry;
use super::{Interview, Item, Phase};
use crate::quiz::{self, Body, Both, Question, draw};
use crate::text::Lang;

impl Interview<'_> {
    /// The file is there: the clock starts.
    pub(super) fn written(&mut self, at: i64, out: &mut Vec<Out>) {
        let Some(task) = &self.task else {
            return;
        };
        let file = self.show_task(task, out);
        self.say(
            out,
            Style::Plain,
            format!("Write it in {file}, from memory; Enter has it judged."),
            format!("请凭记忆写在 {file} 中；写完按回车判题。"),
        );
        self.warned = false;
        if let Some(task) = &mut self.task {
            task.clock.start(at);
        }
    }

    /// The points of the solution instead of the judge.
    pub(super) fn without_judge(&mut self, why: &str, at: i64, out: &mut Vec<Out>) {
        let Some(task) = self.task.take() else {
            return;
        };
        self.say(
            out,
            Style::Part,
            format!("Nothing can be judged here: {why}. Write on paper, then tick the points of a right answer."),
            format!("这里无法判题：{why}。请写在纸上，然后对照正确答案的要点勾选。"),
        );
        self.put(task.item, at, out);
    }

    pub(super) fn judged(&mut self, judged: &Judged, at: i64, out: &mut Vec<Out>) {
        let lang = self.lang;
        self.measured(judged, out);
        let Some(task) = &mut self.task else {
            return;
        };
        task.judged.push(judged.clone());
        if judged.passed {
            return self.give_up(at, out);
        }
        let Some(bug) = judged.bugs.first() else {
            return self.again(at, out);
        };
        // To be explained first; the repair is among the points.
        let sentence = bug.sentence.get(lang);
        let lesson = task.lesson.clone();
        let question = Question {
            id: "explain-the-bug".to_string(),
            ask: Both {
                en: format!(
                    "The judge says: your output equals {lesson} {sentence}. Why does that give these numbers, and what do you change?"
                ),
                zh: format!(
                    "判题程序说：你的输出等于 {lesson} {sentence} 的结果。为什么会得到这样的数值？你要改哪里？"
                ),
            },
            why: Both {
                en: "In the room: say what you see, name the cause, then change one line."
                    .to_string(),
                zh: "面试现场：先说现象，再说原因，然后只改一行。".to_string(),
            },
            values: Vec::new(),
            kind: quiz::Kind::Short(vec![bug.sentence.clone(), bug.repair.clone()]),
        };
        let item = Item {
            drawn: draw(&question, self.seed, lang),
            bank: None,
            seconds: 60,
            opening: false,
        };
        self.put(item, at, out);
    }

    /// What the judge measured, in words, without the repair.
    pub(super) fn measured(&self, judged: &Judged, out: &mut Vec<Out>) {
        let lang = self.lang;
        let verdict = judged.verdict.get(lang);
        let style = match judged.passed {
            true => Style::Good,
            false => Style::Bad,
        };
        let mark = if judged.passed { "✓" } else { "✗" };
        let stage = judged.stage.as_ref().filter(|_| !judged.passed);
        let stage = stage.map_or(String::new(), |stage| format!(" ({})", stage.get(lang)));
        let line = format!("{mark} {verdict}{stage}");
        self.say(out, style, line.clone(), line);
        for line in facts(judged, lang) {
            self.say(out, Style::Plain, line.clone(), line);
        }
    }

    /// Back to the file, after an attempt that did not pass.
    pub(super) fn again(&mut self, at: i64, out: &mut Vec<Out>) {
        self.phase = Phase::Write;
        self.say(
            out,
            Style::Dim,
            "Mend it and press Enter; s goes on without.",
            "修改后按回车再判；s 放弃并继续。",
        );
        if let Some(task) = &mut self.task {
            task.clock.start(at);
        }
    }

    /// The task is over, passed or not.
    pub(super) fn give_up(&mut self, at: i64, out: &mut Vec<Out>) {
        let Some(mut task) = self.task.take() else {
            return;
        };
        task.clock.stop(at);
        let passed = task.judged.last().is_some_and(|judged| judged.passed);
        let tries = task.judged.len() + task.refused;
        let points = match &task.item.drawn.body {
            Body::Short(points) if !passed => {
                points.iter().map(|point| (point.clone(), false)).collect()
            }
            _ => Vec::new(),
        };
        if !passed {
            self.say(out, Style::Strong, "A right answer:", "正确答案的要点：");
            for (point, _) in &points {
                let point = Say::new(Style::Plain, format!("  · {point}"));
                out.push(Out::Say(point.hanging(4)));
            }
        }
        let entry = Entry {
            answer: task.file.clone().unwrap_or_default(),
            used: task.clock.used(at),
            score: match (passed, tries) {
                (true, 1) => Some(1.0),
                (true, _) => Some(0.7),
                (false, 0) => None,
                (false, _) => Some(0.0),
            },
            points,
            judged: task.judged,
            refused: task.refused,
            ..self.entry(&task.item, at)
        };
        self.over_at(task.place, task.item, entry, at, out);
    }
}

/// The sentences about speed and memory.
pub(in crate::interview) fn facts(judged: &Judged, lang: Lang) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(ratio) = judged.ratio() {
        lines.push(lang.pick(
            format!(
                "Large case ({}): {ratio:.1} times the production kernel's time.",
                judged.sizes
            ),
            format!(
                "大规模用例（{}）：耗时是生产内核的 {ratio:.1} 倍。",
                judged.sizes
            ),
        ));
    }
    #[allow(clippy::cast_precision_loss)]
    if let Some(held) = judged.held.map(|held| held as f64 / 1_048_576.0) {
        let room = judged.matrices().filter(|matrices| *matrices >= 1.0);
        let (en, zh) = match room {
            Some(room) => (
                format!(": room for {room:.1} n×m matrices per head"),
                format!("：相当于每个头 {room:.1} 个 n×m 矩阵"),
            ),
            None => (String::new(), String::new()),
        };
        lines.push(lang.pick(
            format!("It held {held:.1} MiB beyond inputs and output{en}."),
            format!("输入与输出之外占用 {held:.1} MiB{zh}。"),
        ));
    }
    lines
}
