//! What came of an interview.

use super::clock::minutes;
use super::engine::facts;
use super::event::{Judged, Say, Style};
use crate::lesson::Track;
use crate::text::Lang;

/// From this share of points on, a concept is strong …
const STRONG: f64 = 0.75;
/// … and below this one, weak.
const WEAK: f64 = 0.5;

/// Everything that the report says.
#[derive(Clone, Debug)]
pub struct Report {
    pub track: Track,
    pub lang: Lang,
    pub seed: u64,
    /// Milliseconds on the clock.
    pub used: i64,
    /// How many openings were answered, of how many.
    pub openings: (usize, usize),
    pub entries: Vec<Entry>,
    pub concepts: Vec<Concept>,
    /// What the person asked at the end.
    pub asked_back: String,
    /// Questions to ask back: the question, a good answer, a bad sign.
    pub back: Vec<[String; 3]>,
}

/// One question that is over.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entry {
    pub id: String,
    pub opening: bool,
    pub concept: String,
    pub lessons: Vec<String>,
    pub ask: String,
    /// What was typed, or where the file is.
    pub answer: String,
    /// The points, and whether they were had.
    pub points: Vec<(String, bool)>,
    /// The right answer, where there is one.
    pub right: Option<String>,
    /// From 0 to 1; none where it was skipped.
    pub score: Option<f64>,
    pub why: String,
    /// Milliseconds.
    pub used: i64,
    pub limit: i64,
    pub judged: Vec<Judged>,
    /// How often there was no verdict, since the file did not compile.
    pub refused: usize,
}

impl Entry {
    pub fn late(&self) -> bool {
        self.used > self.limit
    }

    /// `✓`, `◐` or `✗`, and the style that goes with it.
    pub fn mark(&self) -> (&'static str, Style) {
        match self.score {
            Some(score) if score >= 1.0 => ("✓", Style::Good),
            Some(score) if score > 0.0 => ("◐", Style::Part),
            _ => ("✗", Style::Bad),
        }
    }

    /// `1:12 of 3:00, late`
    pub fn time(&self, lang: Lang) -> String {
        let (used, limit) = (spent(self.used), minutes(self.limit));
        let late = match self.late() {
            true => lang.pick(", late", "，超时"),
            false => "",
        };
        let skipped = match self.score {
            None => lang.pick(", not answered", "，未作答"),
            Some(_) => "",
        };
        format!("{used} / {limit}{late}{skipped}")
    }
}

/// One concept with what its questions brought.
#[derive(Clone, Debug, PartialEq)]
pub struct Concept {
    pub name: String,
    /// From 0 to 1.
    pub score: f64,
    pub lessons: Vec<String>,
}

impl Concept {
    /// `the KV cache 75 %`
    pub fn words(&self, lang: Lang) -> String {
        let percent = (100.0 * self.score).round();
        let gap = lang.pick(" ", "");
        format!("{} {percent}{gap}%", self.name)
    }
}

impl Report {
    /// The concepts of these entries, in their order.
    pub fn concepts(entries: &[Entry]) -> Vec<Concept> {
        let mut concepts: Vec<(Concept, f64)> = Vec::new();
        for entry in entries {
            let known = concepts
                .iter()
                .position(|(concept, _)| concept.name == entry.concept);
            let at = known.unwrap_or_else(|| {
                let concept = Concept {
                    name: entry.concept.clone(),
                    score: 0.0,
                    lessons: entry.lessons.clone(),
                };
                concepts.push((concept, 0.0));
                concepts.len() - 1
            });
            let (concept, weight) = &mut concepts[at];
            // An opening says more than a question that follows on it.
            let share = if entry.opening { 2.0 } else { 1.0 };
            concept.score += share * entry.score.unwrap_or(0.0);
            *weight += share;
        }
        let mean = |(concept, weight): (Concept, f64)| Concept {
            score: concept.score / weight,
            ..concept
        };
        concepts.into_iter().map(mean).collect()
    }

    pub fn strong(&self) -> impl Iterator<Item = &Concept> {
        self.concepts.iter().filter(|c| c.score >= STRONG)
    }

    pub fn middling(&self) -> impl Iterator<Item = &Concept> {
        let middling = |c: &&Concept| (WEAK..STRONG).contains(&c.score);
        self.concepts.iter().filter(middling)
    }

    pub fn weak(&self) -> impl Iterator<Item = &Concept> {
        self.concepts.iter().filter(|c| c.score < WEAK)
    }

    /// What to read: the lessons of the weakest concepts first, each once.
    pub fn read(&self) -> Vec<&str> {
        let mut concepts: Vec<&Concept> = self.weak().chain(self.middling()).collect();
        concepts.sort_by(|a, b| a.score.total_cmp(&b.score));
        let mut lessons: Vec<&str> = Vec::new();
        for lesson in concepts.iter().flat_map(|concept| &concept.lessons) {
            if !lessons.contains(&lesson.as_str()) {
                lessons.push(lesson);
            }
        }
        lessons
    }

    /// `Phone interview: 3 of 6 openings answered, 12:40 on the clock`
    pub fn title(&self) -> String {
        let ((done, all), used) = (self.openings, spent(self.used));
        let (en, zh) = track(self.track);
        self.lang.pick(
            format!("{en}: {done} of {all} openings answered, {used} on the clock"),
            format!("{zh}：{all} 个主问题答了 {done} 个，计时 {used}"),
        )
    }

    /// The report for a terminal; `command` is how a command is typed there.
    pub fn text(&self, command: &dyn Fn(&str) -> String) -> Vec<Say> {
        let lang = self.lang;
        let mut out = vec![Say::new(Style::Strong, format!("\n{}", self.title()))];
        let mut list = |title: &str, style, names: Vec<&Concept>| {
            if !names.is_empty() {
                let names: Vec<String> = names.iter().map(|c| c.words(lang)).collect();
                let line = format!("{title}{}", names.join(lang.pick(", ", "、")));
                out.push(Say::new(style, line).hanging(2));
            }
        };
        let strong = self.strong().collect();
        list(lang.pick("Strong: ", "强项："), Style::Good, strong);
        let middling = self.middling().collect();
        list(lang.pick("Halfway: ", "一般："), Style::Part, middling);
        let weak = self.weak().collect();
        list(lang.pick("Weak: ", "弱项："), Style::Bad, weak);
        let read = self.read();
        if !read.is_empty() {
            out.push(Say::new(Style::Plain, lang.pick("To read:", "建议阅读：")));
            for lesson in read {
                let line = format!("  {}", command(&format!("lesson {lesson}")));
                out.push(Say::new(Style::Code, line).hanging(4));
            }
        }
        for entry in &self.entries {
            out.extend(self.entry(entry));
        }
        out.push(Say::new(
            Style::Strong,
            lang.pick(
                "\nTo ask back, and what the answer tells",
                "\n反问面试官，以及如何判断对方的回答",
            ),
        ));
        if !self.asked_back.is_empty() {
            let label = lang.pick("You asked: ", "你问了：");
            let line = format!("{label}{}", self.asked_back.replace('\n', " / "));
            out.push(Say::new(Style::Plain, line).hanging(2));
        }
        let (good, bad) = (
            lang.pick("good: ", "好的回答："),
            lang.pick("bad sign: ", "不好的信号："),
        );
        for (i, [ask, sounds, sign]) in self.back.iter().enumerate() {
            out.push(Say::new(Style::Plain, format!("{}. {ask}", i + 1)).hanging(3));
            out.push(Say::new(Style::Good, format!("   {good}{sounds}")).hanging(5));
            out.push(Say::new(Style::Bad, format!("   {bad}{sign}")).hanging(5));
        }
        out
    }

    fn entry(&self, entry: &Entry) -> Vec<Say> {
        let lang = self.lang;
        let (mark, style) = entry.mark();
        let kind = match entry.opening {
            true => format!("\n{mark} {}", entry.concept),
            false => format!("{mark} {}", lang.pick("follow-up", "追问")),
        };
        let line = format!("{kind}   {}", entry.time(lang));
        let mut out = vec![
            Say::new(style, line).hanging(2),
            Say::new(Style::Dim, format!("  {}", entry.ask.replace('\n', " "))).hanging(2),
        ];
        for judged in &entry.judged {
            let mark = if judged.passed { "✓" } else { "✗" };
            let line = format!("  {mark} {}", judged.verdict.get(lang));
            out.push(Say::new(Style::Plain, line).hanging(4));
            for fact in facts(judged, lang) {
                out.push(Say::new(Style::Plain, format!("    {fact}")).hanging(4));
            }
        }
        for (point, had) in &entry.points {
            let mark = if *had { "✓" } else { "✗" };
            out.push(Say::new(Style::Plain, format!("  {mark} {point}")).hanging(4));
        }
        if let Some(right) = &entry.right {
            let yours = match entry.score {
                Some(score) if score >= 1.0 => String::new(),
                None => String::new(),
                _ => lang.pick(
                    format!("yours: {}; ", entry.answer),
                    format!("你的回答：{}；", entry.answer),
                ),
            };
            let label = lang.pick("right: ", "正确答案：");
            out.push(Say::new(Style::Plain, format!("  {yours}{label}{right}")).hanging(4));
        }
        if entry.score.is_none_or(|score| score < 1.0) {
            out.push(Say::new(Style::Plain, format!("  {}", entry.why)).hanging(2));
        }
        out
    }
}

/// Time that is over counts in full seconds.
fn spent(ms: i64) -> String {
    minutes(ms / 1000 * 1000)
}

/// The name of a kind of interview.
fn track(track: Track) -> (&'static str, &'static str) {
    match track {
        Track::Phone => ("Phone interview", "电话面试"),
        Track::Whiteboard => ("Whiteboard interview", "白板面试"),
        Track::Leader => ("Interview with the team lead", "Leader 面试"),
        Track::Algorithms => ("Algorithms interview", "算法面试"),
    }
}
