//! What a person is shown: the question, the time, help.

use super::super::clock::minutes;
use super::super::event::{Out, Say, Style};
use super::{Interview, Item, Phase, Task};
use crate::quiz::{Body, grade, letter};

impl Interview<'_> {
    /// The question with what belongs to it.
    pub(super) fn show(&self, out: &mut Vec<Out>) {
        let Some(item) = self.item.as_ref() else {
            return;
        };
        self.heading(item, out);
        let (drawn, lang) = (&item.drawn, self.lang);
        out.push(Out::Say(Say::new(Style::Plain, drawn.ask.clone())));
        if let Some(code) = &drawn.code {
            for line in code.lines() {
                let line = Say::new(Style::Code, format!("    {line}"));
                out.push(Out::Say(line.hanging(6)));
            }
        }
        if let Body::Pick { options, .. } | Body::Order { steps: options, .. } = &drawn.body {
            for (i, text) in options.iter().enumerate() {
                let line = Say::new(Style::Plain, format!("  {}) {text}", letter(i)));
                out.push(Out::Say(line.hanging(5)));
            }
        }
        let how = match &drawn.body {
            Body::Short(_) => lang
                .pick(
                    "Say it aloud, or type it; an empty line ends the answer.",
                    "请口头作答，或直接打字；输入空行结束作答。",
                )
                .to_string(),
            _ => grade::expected(drawn),
        };
        self.say(out, Style::Dim, how.clone(), how);
    }

    /// `── 2/6 · follow-up · 1:00 ──`
    pub(super) fn heading(&self, item: &Item, out: &mut Vec<Out>) {
        let place = format!("{}/{}", self.place + 1, self.plan.len());
        let time = minutes(item.seconds * 1000);
        let kind = match item.opening {
            true => String::new(),
            false => format!(" · {}", self.lang.pick("follow-up", "追问")),
        };
        let text = format!("\n── {place}{kind} · {time} ──");
        self.say(out, Style::Strong, text.clone(), text);
    }

    /// A whiteboard task with its heading; gives the file in which it is written.
    pub(super) fn show_task(&self, task: &Task, out: &mut Vec<Out>) -> String {
        self.heading(&task.item, out);
        let ask = task.item.drawn.ask.clone();
        out.push(Out::Say(Say::new(Style::Plain, ask)));
        task.file.clone().unwrap_or_default()
    }

    pub(super) fn show_again(&self, out: &mut Vec<Out>) {
        match self.phase {
            Phase::Write => {
                if let Some(task) = &self.task {
                    let file = self.show_task(task, out);
                    self.say(
                        out,
                        Style::Plain,
                        format!("Your file: {file}"),
                        format!("你的文件：{file}"),
                    );
                }
            }
            Phase::Back => self.invite(out),
            Phase::Tick => {
                self.show(out);
                if let Some(Body::Short(points)) = self.item.as_ref().map(|item| &item.drawn.body) {
                    list(points, out);
                }
            }
            _ => {
                self.show(out);
                for line in &self.words {
                    let line = Say::new(Style::Dim, format!("  │ {line}"));
                    out.push(Out::Say(line.hanging(4)));
                }
            }
        }
    }

    /// Says once that time is up, `over` milliseconds ago.
    pub(super) fn warn(&mut self, over: i64, out: &mut Vec<Out>) {
        if over <= 0 || std::mem::replace(&mut self.warned, true) {
            return;
        }
        let by = minutes(over);
        self.say(
            out,
            Style::Part,
            format!("Time is up, {by} ago: the answer counts, and is marked late."),
            format!("时间已到（超出 {by}）：回答仍然有效，但会记为超时。"),
        );
    }

    pub(super) fn tell_time(&self, at: i64, out: &mut Vec<Out>) {
        let now = self.ask(at).left.map(minutes);
        let open = match &self.task {
            Some(task) => {
                self.clock.used(at) * i64::from(self.item.is_some()) + task.clock.used(at)
            }
            None => self.clock.used(at) * i64::from(self.item.is_some()),
        };
        let whole = i64::try_from(self.minutes).unwrap_or(i64::MAX / 60_000) * 60_000;
        let rest = minutes(whole - self.used - open);
        let (en, zh) = match now {
            Some(now) => (
                format!("{now} left for this question, "),
                format!("本题还剩 {now}，"),
            ),
            None => (String::new(), String::new()),
        };
        self.say(
            out,
            Style::Plain,
            format!("{en}{rest} for the interview"),
            format!("{zh}整场还剩 {rest}"),
        );
    }

    pub(super) fn help(&self, out: &mut Vec<Out>) {
        self.say(
            out,
            Style::Plain,
            "t = time left, p = pause, s = skip, q = end with the report, ? = this help. Everything is kept as you type it: Ctrl-C loses nothing, --resume goes on.",
            "t = 剩余时间，p = 暂停，s = 跳过，q = 结束并看报告，? = 本帮助。输入的内容随时保存：按 Ctrl-C 也不会丢失，用 --resume 继续。",
        );
        let (item, lang) = (self.item.as_ref(), self.lang);
        let how = match (self.phase, item) {
            (Phase::Answer, Some(item)) if !matches!(item.drawn.body, Body::Short(_)) => {
                grade::expected(&item.drawn)
            }
            (Phase::Answer, _) => lang
                .pick(
                    "Say it aloud, or type it; an empty line ends the answer.",
                    "请口头作答，或直接打字；输入空行结束作答。",
                )
                .to_string(),
            (Phase::Tick, Some(item)) => grade::expected(&item.drawn),
            (Phase::Write, _) => lang
                .pick(
                    "Enter judges your file, as often as you like.",
                    "按回车判定你的文件，次数不限。",
                )
                .to_string(),
            _ => return,
        };
        self.say(out, Style::Plain, how.clone(), how);
    }

    pub(super) fn ask_back(&mut self, out: &mut Vec<Out>) {
        self.phase = Phase::Back;
        self.item = None;
        self.invite(out);
    }

    pub(super) fn invite(&self, out: &mut Vec<Out>) {
        self.say(
            out,
            Style::Strong,
            "\n“Do you have questions for us?”",
            "\n“你有什么想问我们的吗？”",
        );
        self.say(
            out,
            Style::Dim,
            "Type or say yours; an empty line ends, and the report comes.",
            "请打字或口头提问；输入空行结束并查看报告。",
        );
    }
}

/// The points of a short answer, numbered.
pub(super) fn list(points: &[String], out: &mut Vec<Out>) {
    for (i, point) in points.iter().enumerate() {
        let point = Say::new(Style::Plain, format!("  {}. {point}", i + 1));
        out.push(Out::Say(point.hanging(5)));
    }
}
