//! The mock interview: its scripts, its course, its report, and the real program in a
//! pseudo-terminal with a clock that the test holds.
#![cfg(feature = "terminal")]

mod pty;

use llmlab::cli::columns;
use llmlab::interview::{Back, Event, Interview, Judged, Out, Script, Style, back, html};
use llmlab::lesson::Track;
use llmlab::quiz::{self, Body, Question, draw, grade};
use llmlab::store::Store;
use llmlab::text::Lang;
use pty::Terminal;
use std::path::{Path, PathBuf};

const LANGS: [Lang; 2] = [Lang::En, Lang::Zh];

fn bank(lesson: &str, id: &str) -> Option<Question> {
    let lesson = llmlab::lessons::find(lesson)?;
    let questions = quiz::parse(lesson.id, lesson.quiz, lesson.problem.bugs).ok()?;
    questions.into_iter().find(|question| question.id == id)
}

fn script(track: Track) -> Script {
    Script::read(track, &bank).unwrap_or_else(|error| panic!("{error}"))
}

fn questions(script: &Script) -> impl Iterator<Item = &Question> {
    script.prompts.iter().flat_map(|prompt| {
        let follows = prompt.follows.iter().map(|follow| &follow.question);
        std::iter::once(&prompt.question).chain(follows)
    })
}

#[test]
fn every_script_is_whole() {
    for (track, least) in [
        (Track::Phone, 12),
        (Track::Whiteboard, 5),
        (Track::Leader, 10),
        (Track::Algorithms, 10),
    ] {
        let script = script(track);
        assert!(script.prompts.len() >= least, "{}", track.id());
        for prompt in &script.prompts {
            let id = &prompt.question.id;
            for lesson in prompt.lessons.iter().chain(&prompt.task) {
                let known = llmlab::lessons::LESSONS
                    .iter()
                    .any(|known| known.id == lesson);
                assert!(known, "{id}: there is no lesson {lesson}");
            }
            assert_eq!(prompt.task.is_some(), track == Track::Whiteboard, "{id}");
            assert!(!prompt.follows.is_empty(), "{id} has no follow-up");
            if track == Track::Phone {
                assert!(prompt.follows.len() >= 2, "{id} has one follow-up");
            }
            let points = match &prompt.question.kind {
                quiz::Kind::Short(points) => points.len(),
                _ => 0,
            };
            for follow in &prompt.follows {
                if let llmlab::interview::When::Missed(point) = follow.when {
                    assert!(point < points, "{id} has no point {}", point + 1);
                }
            }
        }
        for question in questions(&script) {
            let texts = [&question.ask, &question.why];
            assert!(texts.iter().all(|t| !t.en.is_empty() && !t.zh.is_empty()));
            if let quiz::Kind::Short(points) = &question.kind {
                assert!(points.len() >= 2, "{}", question.id);
            }
            for seed in 0..100 {
                let [en, zh] = LANGS.map(|lang| draw(question, seed, lang));
                assert_eq!(en.answer(), zh.answer(), "{}", question.id);
                let right = grade::grade(&en, &en.answer());
                assert_eq!(right.score(), Some(1.0), "{}: {}", question.id, en.answer());
                if let Body::Numeric { value, .. } = en.body {
                    assert!(value.is_finite(), "{}", question.id);
                }
                for text in [&en.ask, &en.why, &zh.ask, &zh.why] {
                    assert!(
                        !text.contains(['{', '}']) && !text.contains("NaN"),
                        "{text}"
                    );
                }
            }
        }
    }
    let back = back().unwrap();
    assert_eq!(back.len(), 3);
}

/// An interview that is told what happens, at times that the test chooses.
struct Held<'a> {
    interview: Interview<'a>,
    events: Vec<(Event, i64)>,
    at: i64,
}

impl<'a> Held<'a> {
    fn begin(script: &'a Script, back: &'a [Back], seed: u64, minutes: u64) -> Held<'a> {
        let interview = Interview::new(script, back, seed, minutes, Lang::En);
        let (events, at) = (Vec::new(), 1_000_000);
        let mut held = Held {
            interview,
            events,
            at,
        };
        held.step(Event::Begin);
        held
    }

    fn step(&mut self, event: Event) -> Vec<Out> {
        let out = self.interview.step(&event, self.at);
        self.events.push((event, self.at));
        out
    }

    /// Types a line after so many seconds.
    fn after(&mut self, seconds: i64, line: &str) -> Vec<Out> {
        self.at += 1000 * seconds;
        self.step(Event::Line(line.to_string()))
    }
}

fn words(out: &[Out]) -> String {
    let texts = out.iter().filter_map(|out| match out {
        Out::Say(say) => Some(say.text.as_str()),
        _ => None,
    });
    texts.collect::<Vec<_>>().join("\n")
}

/// A seed with which `prompt` comes first.
fn seed(script: &Script, back: &[Back], prompt: &str) -> u64 {
    let prompt = script.prompts.iter().find(|p| p.question.id == prompt);
    let prompt = prompt.unwrap();
    let first = |seed: &u64| {
        let mut interview = Interview::new(script, back, *seed, 1, Lang::En);
        let out = interview.step(&Event::Begin, 0);
        let ask = draw(&prompt.question, *seed, Lang::En).ask;
        match &prompt.task {
            Some(task) => out.contains(&Out::Write(task.clone())),
            None => words(&out).contains(&ask),
        }
    };
    (0..1000)
        .find(first)
        .expect("every prompt comes first once")
}

#[test]
fn points_decide_what_follows_and_the_clock_is_fair() {
    let (script, back) = (script(Track::Phone), back().unwrap());
    let seed = seed(&script, &back, "attention-scale");
    let mut held = Held::begin(&script, &back, seed, 1);
    assert_eq!(held.interview.ask(held.at).prompt, "[3:00] > ");
    assert!(held.after(19, "softmax of q k over root d").is_empty());
    assert_eq!(held.interview.ask(held.at).prompt, "[2:41] > ");
    assert!(words(&held.after(1, "t")).contains("2:40 left for this question"));
    // A pause takes no time, however long.
    held.after(0, "p");
    assert!(held.interview.ask(held.at).prompt.contains("paused"));
    held.after(5_000, "");
    assert_eq!(held.interview.ask(held.at).prompt, "[2:40] > ");
    // Late is said once, and the answer counts.
    assert!(words(&held.after(170, "and more")).contains("Time is up, 0:10 ago"));
    assert!(held.after(1, "and more").is_empty());
    assert!(words(&held.after(1, "")).contains("1. softmax(q·kᵀ/√d)·v"));
    assert!(words(&held.after(900, "what?")).contains("Type the numbers"));
    // Point 2 is missed: its follow-up comes.
    let out = held.after(0, "1 3");
    assert!(words(&out).contains("2 of 3 points"), "{}", words(&out));
    assert!(words(&out).contains("divides by d instead of √d"));
    assert_eq!(held.interview.ask(held.at).prompt, "[1:00] > ");
    held.after(5, "");
    let out = held.after(0, "none");
    assert!(words(&out).contains("0 of 2 points"));
    // Then one out of the lesson's quiz, which counts there.
    let asked = draw(
        &bank("attention", "standard-deviation").unwrap(),
        seed,
        Lang::En,
    );
    assert!(words(&out).contains(&asked.ask), "{}", words(&out));
    let out = held.after(10, &asked.answer());
    let kept = out.iter().find_map(|out| match out {
        Out::Keep(answer) => Some(answer),
        _ => None,
    });
    let kept = kept.expect("a quiz answer");
    assert_eq!(
        (kept.lesson.as_str(), kept.score, kept.seconds),
        ("attention", 1.0, 10.0)
    );
    // One opening fits a minute: now the person may ask.
    assert!(words(&out).contains("questions for us"));
    held.after(0, "How long are <your> prompts?");
    assert!(held.after(0, "").contains(&Out::Done));

    let report = held.interview.report();
    assert_eq!(report.entries.len(), 3);
    let opening = &report.entries[0];
    assert!(opening.late() && opening.used == 192_000, "{opening:?}");
    assert_eq!(
        opening.answer,
        "softmax of q k over root d\nand more\nand more"
    );
    assert_eq!(report.asked_back, "How long are <your> prompts?");
    // (2·⅔ + 0 + 1) / 4
    assert!((report.concepts[0].score - 7.0 / 12.0).abs() < 1e-9);
    assert_eq!(report.read(), ["attention", "stable-softmax"]);

    // The events bring it all back, in either language.
    for lang in LANGS {
        let mut again = Interview::new(&script, &back, seed, 1, lang);
        for (event, at) in &held.events {
            let json = serde_json::to_string(event).unwrap();
            again.step(&serde_json::from_str(&json).unwrap(), *at);
        }
        assert!(again.done());
        let page = html(&again.report());
        well_formed(&page);
        assert!(page.contains("&lt;your&gt;") && !page.contains("<your>"));
        assert_eq!(again.report().used, report.used);
    }
}

#[test]
fn an_interview_goes_on_where_it_was_broken_off_at_any_line() {
    let (script, back) = (script(Track::Leader), back().unwrap());
    let mut held = Held::begin(&script, &back, 7, 12);
    let lines = [
        "?", "all", "", "3", "none", "p", "", "b", "1 2", "", "s", "a", "t", "all", "q",
    ];
    for (i, line) in lines.iter().enumerate() {
        held.after(7 + i as i64, line);
    }
    assert!(held.interview.done());
    let whole = held.interview.report();
    for cut in 1..held.events.len() {
        let mut first = Interview::new(&script, &back, 7, 12, Lang::En);
        for (event, at) in &held.events[..cut] {
            first.step(event, *at);
        }
        let gap = 1_000_000_000;
        let (_, last) = held.events[cut - 1];
        first.step(&Event::Resumed, last + gap);
        for (event, at) in &held.events[cut..] {
            first.step(event, at + gap);
        }
        let report = first.report();
        // A pause does not outlive a break; nothing else differs, and the gap is on no clock.
        if cut != 7 {
            assert_eq!(report.entries, whole.entries, "cut at {cut}");
        }
    }
}

#[test]
fn any_lines_at_all_come_to_an_end() {
    let back = back().unwrap();
    let typed = [
        "",
        "a",
        "1",
        "all",
        "none",
        "3.5",
        "?",
        "t",
        "p",
        "s",
        "1 2",
        "ｓ",
        "x\u{1b}[2J",
        "q q",
        "-",
    ];
    for track in Track::ALL {
        let script = script(track);
        for seed in 0..40 {
            let mut interview = Interview::new(&script, &back, seed, 60, Lang::Zh);
            let mut events = vec![Event::Begin];
            let mut at = 0;
            for i in 0..4000_usize {
                if interview.done() {
                    break;
                }
                let event = events.pop().unwrap_or_else(|| {
                    Event::Line(
                        typed[(i * 7 + seed as usize * 3 + i / 11) % typed.len()].to_string(),
                    )
                });
                at += 1500;
                for out in interview.step(&event, at) {
                    match out {
                        Out::Write(_) if seed % 2 == 0 => events.push(Event::File("x.rs".into())),
                        Out::Write(_) => events.push(Event::NoJudge("no cargo".into())),
                        Out::Judge { .. } => events.push(match i % 3 {
                            0 => Event::Refused("error".into()),
                            i => Event::Judged(Judged {
                                passed: i == 1,
                                ..Judged::default()
                            }),
                        }),
                        _ => {}
                    }
                }
                interview.ask(at);
            }
            assert!(interview.done(), "{} {seed}", track.id());
            let report = interview.report();
            assert!(!report.text(&|rest| rest.to_string()).is_empty());
            well_formed(&html(&report));
        }
    }
}

#[test]
fn what_the_judge_measured_decides_the_follow_ups() {
    let (script, back) = (script(Track::Whiteboard), back().unwrap());
    let seed = seed(&script, &back, "write-attention");
    let mut held = Held::begin(&script, &back, seed, 1);
    let out = held.step(Event::File("/tmp/attention.rs".into()));
    assert!(words(&out).contains("/tmp/attention.rs"));
    assert_eq!(
        held.interview.ask(held.at).prompt,
        "[2:00] Enter = judge > "
    );
    let out = held.after(60, "");
    assert!(matches!(&out[..], [Out::Judge { lesson, .. }] if lesson == "attention"));
    let attention = llmlab::lessons::find("attention").unwrap();
    let bug = attention.problem.bugs[0];
    let both = |text: llmlab::text::Text| quiz::Both {
        en: text.en.to_string(),
        zh: text.zh.to_string(),
    };
    let out = held.step(Event::Judged(Judged {
        bugs: vec![llmlab::interview::Bugged {
            sentence: both(bug.sentence),
            repair: both(bug.repair),
        }],
        verdict: quiz::Both {
            en: "wrong values".into(),
            zh: "数值错误".into(),
        },
        stage: Some(quiz::Both {
            en: "values".into(),
            zh: "数值".into(),
        }),
        ..Judged::default()
    }));
    let asked = words(&out);
    assert!(asked.contains("✗ wrong values (values)") && asked.contains(bug.sentence.en));
    assert!(!asked.contains(bug.repair.en), "the repair comes after");
    let out = held.after(20, "");
    assert!(words(&out).contains(bug.repair.en));
    let out = held.after(20, "all");
    assert!(words(&out).contains("Mend it"));
    assert_eq!(
        held.interview.ask(held.at).prompt,
        "[1:00] Enter = judge > "
    );
    // After the two minutes it is judged all the same.
    assert!(words(&held.after(70, "")).contains("Time is up, 0:10 ago"));
    let out = held.step(Event::Judged(Judged {
        passed: true,
        learner: Some(0.2),
        production: Some(0.01),
        held: Some(34 << 20),
        matrix: Some(16 << 20),
        ..Judged::default()
    }));
    assert!(words(&out).contains("20.0 times"), "{}", words(&out));
    assert!(words(&out).contains("34.0 MiB beyond inputs and output: room for 2.1"));
    assert!(words(&out).contains("your version makes an n×n matrix for each head"));
    held.after(1, "s");
    held.after(1, "s");
    assert!(words(&held.after(1, "?")).contains("t = time left"));
    let report = held.interview.report();
    let task = report.entries.iter().find(|entry| entry.opening).unwrap();
    assert_eq!(
        (task.score, task.used, task.late()),
        (Some(0.7), 130_000, true)
    );
    assert!(report.entries[0].opening);
    assert_eq!(report.entries[1].id, "explain-the-bug");
}

/// Every tag is closed, in the right order; nothing comes from elsewhere.
fn well_formed(page: &str) {
    let mut open = Vec::new();
    for tag in page.split('<').skip(1) {
        let tag = tag.split('>').next().unwrap();
        let name = tag.split_whitespace().next().unwrap();
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{tag}"),
            None if matches!(name, "!DOCTYPE" | "meta") => {}
            None => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?}");
    for word in ["<script", "http", "src=", "href=", "url("] {
        assert!(!page.contains(word), "{word}");
    }
    assert!(page.contains("prefers-color-scheme") && page.contains("width=device-width"));
}

/// A directory with a clock.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        let place = Place {
            dir: tempfile::tempdir().unwrap(),
        };
        place.set_clock(1_767_225_600_000);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn set_clock(&self, ms: i64) {
        std::fs::write(self.path("clock"), ms.to_string()).unwrap();
    }

    fn start(&self, words: &[&str], cols: u16) -> Terminal {
        self.start_in(Lang::En, words, cols)
    }

    fn start_in(&self, lang: Lang, words: &[&str], cols: u16) -> Terminal {
        let (data, clock) = (self.path("data"), self.path("clock"));
        let lang = Path::new(lang.pick("en", "zh"));
        let variables: [(&str, &Path); 3] = [
            ("LLMLAB_DATA", &data),
            ("LLMLAB_CLOCK", &clock),
            ("LLMLAB_LANG", lang),
        ];
        Terminal::start_with(self.dir.path(), words, cols, &variables)
    }

    fn store(&self) -> Store {
        Store::open(&self.path("data/progress.db")).unwrap()
    }
}

fn phone_seed() -> String {
    seed(&script(Track::Phone), &back().unwrap(), "attention-scale").to_string()
}

fn phone_words(seed: &str) -> [&str; 7] {
    let [track, minutes] = ["phone", "10"];
    [
        "interview",
        "--track",
        track,
        "--seed",
        seed,
        "--minutes",
        minutes,
    ]
}

#[test]
fn a_phone_interview_in_a_terminal() {
    let place = Place::new();
    let seed = phone_seed();
    let words = phone_words(&seed);
    let mut phone = place.start(&[&words[..], &["--html", "report.html"]].concat(), 100);
    phone.expect("Mock interview, phone");
    phone.expect("[3:00] > ");
    place.set_clock(1_767_225_600_000 + 19_000);
    phone.press("softmax <of> q·kᵀ\r");
    phone.expect("[2:41] > ");
    phone.press("p\r");
    phone.expect("paused");
    place.set_clock(1_767_225_600_000 + 600_000);
    phone.press("\r");
    phone.expect("[2:41] > ");
    place.set_clock(1_767_225_600_000 + 600_000 + 170_000);
    phone.press("\r");
    phone.expect("Time is up");
    phone.expect("points you had > ");
    phone.press("all\r");
    phone.expect("3 of 3 points");
    phone.expect("follow-up");
    phone.press("q\r");
    phone.expect("1 of");
    phone.expect("bad sign");
    phone.expect("wrote report.html");
    phone.end();
    let page = std::fs::read_to_string(place.path("report.html")).unwrap();
    well_formed(&page);
    assert!(page.contains("softmax &lt;of&gt; q·kᵀ"));
    let kept = place.store().interviews().unwrap();
    assert!(kept.len() == 1 && kept[0].over, "{kept:?}");
}

#[test]
fn a_kill_loses_no_line() {
    let place = Place::new();
    let seed = phone_seed();
    let words = phone_words(&seed);
    let mut phone = place.start(&words, 100);
    phone.expect("[3:00] > ");
    phone.press("the first half\r");
    phone.expect("[3:00] > ");
    phone.kill();
    // A day later, in the other language.
    place.set_clock(1_767_225_600_000 + 86_400_000);
    let mut phone = place.start_in(Lang::Zh, &["interview", "--resume"], 100);
    phone.expect("│ the first half");
    phone.expect("[3:00] > ");
    phone.press("the second\r");
    phone.expect("[3:00] > ");
    phone.press("\r");
    phone.expect("答到的要点 > ");
    phone.kill();
    // Without --resume it is offered.
    let mut phone = place.start(&["interview", "--track", "phone"], 100);
    phone.expect("was broken off after 0 of");
    phone.press("\r");
    phone.expect("points you had > ");
    phone.press("1\r");
    phone.expect("1 of 3 points");
    phone.press("\x04");
    phone.expect("interview --resume");
    phone.end();
    let mut phone = place.start(&["interview", "--track", "phone"], 100);
    phone.expect("n begins anew > ");
    phone.press("n\r");
    phone.expect("Mock interview");
    phone.expect("[3:00] > ");
    phone.press("q\r");
    phone.end();
    let mut phone = place.start(&["interview", "--resume"], 100);
    phone.expect("no interview was broken off");
    phone.ends();

    // It travels: whole, once, and what came later is added.
    let export = place.store().export().unwrap();
    let there = Place::new();
    let mut early = export.clone();
    early["interviews"][0]["events"]
        .as_array_mut()
        .unwrap()
        .truncate(2);
    assert_eq!(
        there.store().import(&early.to_string()).unwrap().interviews,
        2
    );
    assert_eq!(
        there
            .store()
            .import(&export.to_string())
            .unwrap()
            .interviews,
        1
    );
    assert_eq!(
        there.store().import(&export.to_string()).unwrap(),
        Default::default()
    );
    assert_eq!(
        there.store().interviews().unwrap(),
        place.store().interviews().unwrap()
    );
}

#[test]
fn nothing_is_wider_than_60_columns() {
    for (lang, track) in [
        (Lang::En, "phone"),
        (Lang::Zh, "leader"),
        (Lang::Zh, "algorithms"),
    ] {
        let place = Place::new();
        let words = [
            "interview",
            "--track",
            track,
            "--seed",
            "3",
            "--minutes",
            "8",
        ];
        let mut room = place.start_in(lang, &words, 60);
        let mut prompts = 0;
        // Whatever is asked: an answer, a tick, a number, until the report.
        while room_waits(&mut room, lang) {
            let tick = lang.pick("points you had > ", "答到的要点 > ");
            let shown = room.shown();
            let line = match () {
                () if shown.ends_with(tick) => "1",
                () if shown.rsplit('\n').next().unwrap().starts_with("> ") => "",
                () => ["12", "", "a", "1", "s"][prompts % 5],
            };
            room.press(&format!("{line}\r"));
            prompts += 1;
            assert!(prompts < 400, "it does not end:\n{shown}");
        }
        for line in room.end().lines() {
            assert!(columns(line) <= 60, "{} columns: {line}", columns(line));
        }
    }
}

/// Waits for a prompt; false where the report has come.
fn room_waits(room: &mut Terminal, lang: Lang) -> bool {
    let start = std::time::Instant::now();
    let mut before = String::new();
    loop {
        let shown = room.shown();
        if shown.contains(lang.pick("As a page:", "保存为网页：")) {
            return false;
        }
        // What was typed is echoed: a prompt that is bare is a new one.
        if shown.ends_with("> ") && shown == before {
            return true;
        }
        assert!(start.elapsed() < pty::patience(), "no prompt:\n{shown}");
        before = shown;
        std::thread::sleep(std::time::Duration::from_millis(40));
    }
}

#[test]
fn a_whiteboard_is_judged() {
    let place = Place::new();
    let (script, back) = (script(Track::Whiteboard), back().unwrap());
    let seed = seed(&script, &back, "write-attention").to_string();
    let mine = "// not to be touched\n";
    std::fs::write(place.path("attention.rs"), mine).unwrap();
    let words = [
        "interview",
        "--track",
        "whiteboard",
        "--seed",
        &seed,
        "--minutes",
        "1",
    ];
    let mut board = place.start(&words, 100);
    board.expect("attention_2.rs");
    board.expect("Enter = judge > ");
    let file = place.path("attention_2.rs");
    let right = llmlab::lessons::find("attention").unwrap().solution;
    // What does not compile is no verdict.
    std::fs::write(&file, "fn attention(").unwrap();
    board.press("\r");
    board.expect("error");
    board.expect("Mend it");
    // A known bug is to be explained before its repair is shown.
    let wrong = "use llmlab::prelude::*;\n\npub fn attention(q: &Tensor, k: &Tensor, v: &Tensor, mask: Option<&Tensor>) -> Tensor {\n    let mut scores = einsum(\"b h n d, b h m d -> b h n m\", &[q, k]);\n    if let Some(mask) = mask {\n        scores += mask;\n    }\n    let mut weights = softmax(&scores, 3);\n    weights.mapv_inplace(|w| if w.is_nan() { 0.0 } else { w });\n    einsum(\"b h n m, b h m v -> b h n v\", &[&weights, v])\n}\n";
    std::fs::write(&file, wrong).unwrap();
    board.press("\r");
    board.expect("without the 1/√d scale");
    board.press("it grows with d\r");
    board.press("\r");
    board.expect("Divide q·kᵀ by √d");
    board.press("all\r");
    board.expect("Mend it");
    std::fs::write(&file, right).unwrap();
    board.press("\r");
    board.expect("✓ passed");
    board.expect("MiB beyond inputs and output");
    board.expect("n×n matrix for each head");
    board.press("q\r");
    board.expect("✗ wrong values");
    board.expect("✓ passed");
    board.end();
    assert_eq!(
        std::fs::read_to_string(place.path("attention.rs")).unwrap(),
        mine
    );
    // The verdicts count as those of `llmlab check` do.
    assert_eq!(place.store().passed().unwrap(), ["attention"]);
}

#[test]
fn styles_are_used() {
    // A report in colour says the same without.
    let (script, back) = (script(Track::Phone), back().unwrap());
    let report = Interview::new(&script, &back, 0, 20, Lang::En).report();
    let text = report.text(&|rest| format!("llmlab {rest}"));
    assert!(text.iter().any(|say| say.style == Style::Strong));
    assert!(
        text.iter()
            .filter(|say| say.text.contains("bad sign"))
            .count()
            == 3
    );
}
