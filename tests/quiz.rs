//! Quiz files, grading and progress: what the format promises, whatever is typed or read.
#![cfg(feature = "terminal")]

use llmlab::problem::Bug;
use llmlab::quiz::{Body, Drawn, Grade, Question, draw, grade, letter, parse};
use llmlab::store::{Answer, Outcome, SCHEMA, Store, Verdict};
use llmlab::text::{Lang, Text};
use rand::{RngExt, SeedableRng, rngs::StdRng};

const SAMPLE: &str = include_str!("data/quiz.toml");
const LANGS: [Lang; 2] = [Lang::En, Lang::Zh];

const fn bug(id: &'static str, en: &'static str, zh: &'static str) -> Bug {
    Bug {
        id,
        sentence: Text::new(en, zh),
        repair: Text::new("mend it", "修正"),
    }
}

const BUGS: &[Bug] = &[
    bug("no-scale", "without the scale", "没有缩放"),
    bug(
        "wrong-axis",
        "softmax over the wrong axis",
        "softmax 的轴不对",
    ),
    bug("no-max", "without the maximum taken off", "没有减去最大值"),
];

fn sample() -> Vec<Question> {
    parse("sample", SAMPLE, BUGS).expect("the sample is valid")
}

/// Every question file that there is: the sample and the catalogue.
fn files() -> Vec<(String, Vec<Question>)> {
    let mut files = vec![("sample".to_string(), sample())];
    for lesson in llmlab::lessons::LESSONS {
        let questions = parse(lesson.id, lesson.quiz, lesson.problem.bugs);
        files.push((
            lesson.id.to_string(),
            questions.unwrap_or_else(|error| panic!("{error}")),
        ));
    }
    files
}

/// Answers that are well written, and wrong.
fn wrong(question: &Drawn) -> Vec<String> {
    match &question.body {
        Body::Pick {
            options,
            right,
            several: false,
        } => (0..options.len())
            .filter(|i| !right.contains(i))
            .map(|i| letter(i).to_string())
            .collect(),
        Body::Pick { options, right, .. } => (0..options.len())
            .map(|i| letter(i).to_string())
            .filter(|typed| right.len() > 1 || *typed != letter(right[0]).to_string())
            .collect(),
        Body::Numeric { value, .. } => vec![
            format!("{}", value * 1.7 + 3.0),
            format!("{}", -value - 1.0),
        ],
        Body::Shape(sizes) => {
            let mut longer = sizes.clone();
            longer.push(17);
            vec![format!("{longer:?}")]
        }
        Body::Order { right, .. } => {
            let mut turned = right.clone();
            turned.rotate_left(1);
            vec![turned.iter().map(|&i| letter(i)).collect()]
        }
        Body::Short(_) => vec!["none".to_string()],
    }
}

#[test]
fn right_answers_are_right_and_wrong_ones_wrong() {
    let mut tried = 0;
    for (file, questions) in files() {
        for question in &questions {
            let texts = [&question.ask, &question.why];
            assert!(
                texts
                    .iter()
                    .all(|text| !text.en.is_empty() && !text.zh.is_empty())
            );
            for seed in 0..50 {
                for lang in LANGS {
                    let drawn = draw(question, seed, lang);
                    let at = format!("{file}, {}, seed {seed}: {drawn:?}", question.id);
                    assert_eq!(
                        grade::grade(&drawn, &drawn.answer()).score(),
                        Some(1.0),
                        "{at}"
                    );
                    for typed in wrong(&drawn) {
                        let graded = grade::grade(&drawn, &typed);
                        assert_eq!(graded.score(), Some(0.0), "{typed} for {at}");
                    }
                    assert!(!drawn.ask.is_empty() && !drawn.why.is_empty(), "{at}");
                    tried += 1;
                }
            }
        }
    }
    println!("{tried} instances graded, right and wrong");
}

#[test]
fn a_lesson_has_enough_questions_of_every_kind() {
    for lesson in llmlab::lessons::LESSONS {
        let questions = parse(lesson.id, lesson.quiz, lesson.problem.bugs).unwrap();
        let (id, count) = (lesson.id, questions.len());
        // A further exercise asks about what is its own.
        if llmlab::lessons::parent(lesson).is_some() {
            assert!(count >= 4, "{id} has {count} questions");
            continue;
        }
        assert!(count >= 12, "{id} has {count} questions");
        for kind in [
            "choice", "several", "numeric", "shape", "order", "bug", "short",
        ] {
            let found = questions.iter().any(|question| question.kind.id() == kind);
            assert!(found, "{id} has no question of kind {kind}");
        }
    }
}

#[test]
fn both_languages_draw_the_same() {
    for question in sample() {
        let [en, zh] = LANGS.map(|lang| draw(&question, 5, lang));
        assert_eq!(en.answer(), zh.answer());
        assert_eq!(draw(&question, 5, Lang::En), en);
    }
}

/// A drawn question with this body.
fn drawn(body: Body) -> Drawn {
    let mut drawn = draw(&sample()[0], 0, Lang::En);
    drawn.body = body;
    drawn
}

fn all_right(body: &Body, typed: &[&str]) {
    for text in typed {
        assert_eq!(
            grade::grade(&drawn(body.clone()), text),
            Grade::Right,
            "{text:?}"
        );
    }
}

fn all_wrong(body: &Body, typed: &[&str]) {
    for text in typed {
        let graded = grade::grade(&drawn(body.clone()), text);
        assert!(
            matches!(graded, Grade::Wrong { .. }),
            "{text:?}: {graded:?}"
        );
    }
}

fn none_understood(body: &Body, typed: &[&str]) {
    for text in typed {
        let graded = grade::grade(&drawn(body.clone()), text);
        assert!(
            matches!(graded, Grade::NotUnderstood(_)),
            "{text:?}: {graded:?}"
        );
    }
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

#[test]
fn choices_are_read_generously() {
    let one = Body::Pick {
        options: texts(&["one", "two", "√d"]),
        right: vec![1],
        several: false,
    };
    all_right(
        &one,
        &[
            "b", "B", "2", " b) ", "(b)", "b.", "ｂ", "２", "b、", "two", "TWO", "b b",
        ],
    );
    all_wrong(&one, &["a", "3", "√d"]);
    none_understood(
        &one,
        &["", " ", "d", "9", "0", "a b", "bb?c", "NaN", "为什么", "-1"],
    );

    let numbers = Body::Pick {
        options: texts(&["4", "8", "2"]),
        right: vec![2],
        several: false,
    };
    all_right(&numbers, &["c", "2"]);
    all_wrong(
        &numbers,
        &["a", "4", "3"].map(|text| if text == "3" { "b" } else { text }),
    );

    let several = Body::Pick {
        options: texts(&["p", "q", "r", "s"]),
        right: vec![0, 2],
        several: true,
    };
    all_right(
        &several,
        &[
            "a c",
            "ac",
            "a,c",
            "1 3",
            "13",
            "c a",
            "A、C",
            "ａｃ",
            "１，３",
            "(a) (c)",
            "a c a",
        ],
    );
    all_wrong(&several, &["a", "b", "a b c", "all", "bd"]);
    none_understood(&several, &["", "e", "a e", "none", "a or", "0"]);
}

#[test]
fn numbers_are_read_generously() {
    let whole = Body::Numeric {
        value: 1024.0,
        unit: None,
        tolerance: 0.0,
    };
    all_right(
        &whole,
        &[
            "1024",
            "1,024",
            "1 024",
            "1_024",
            "1'024",
            "2^10",
            "2**10",
            "1.024e3",
            "１０２４",
            "１，０２４",
            "= 1024",
            "4*256",
            "4 x 256",
            "32²",
            "（2）^１０",
            "1024.",
            "1024.0",
            "≈1024",
            "1024。",
            "约1024",
            "1024个",
        ],
    );
    all_wrong(
        &whole,
        &["1025", "-1024", "0", "1e300", "1024.5", "12 345", "2^9"],
    );
    none_understood(
        &whole,
        &[
            "",
            "abc",
            "NaN",
            "nan",
            "inf",
            "-inf",
            "infinity",
            "1/0",
            "10^400",
            "0/0",
            "1e999",
            "10 24",
            "10,24",
            "0,125",
            "1024 MiB",
            "1e",
            "--",
            "二",
            "2^",
            "(((",
            "1024 1024",
        ],
    );
    let tenth = Body::Numeric {
        value: 1.0 / 3.0,
        unit: None,
        tolerance: 0.01,
    };
    all_right(
        &tenth,
        &[
            "1/3",
            "0.333",
            ".3333",
            "33.3%",
            "1 / 3",
            "sqrt(1/9)",
            "１／３",
            "０．３３３",
        ],
    );

    let mib = Body::Numeric {
        value: 3.2,
        unit: Some("MiB".to_string()),
        tolerance: 0.01,
    };
    all_right(
        &mib,
        &[
            "3.2",
            "3.2 MiB",
            "3.2MiB",
            "3.2 mib",
            "3.2 M",
            "3276.8 KiB",
            "3.3554 MB",
            "0.003125 GiB",
            "3.2*2^20 bytes",
            "3355443 B",
            "3355443字节",
            "３．２ＭｉＢ",
            "3,355,443 bytes",
        ],
    );
    all_wrong(&mib, &["3.2 GB", "3.2 MB", "6.4 MiB", "3.2 kB"]);
    none_understood(&mib, &["3.2 s", "MiB", "3.2 apples", "3.2 G", "M"]);
    let graded = grade::grade(&drawn(mib), "3.2*1024");
    assert_eq!(
        graded,
        Grade::Wrong {
            hint: Some("Yours is 1024 times too large.".to_string())
        }
    );

    let heads = Body::Numeric {
        value: 8.0,
        unit: Some("heads".to_string()),
        tolerance: 0.0,
    };
    all_right(&heads, &["8", "8 heads", "8 head"]);
    let zero = Body::Numeric {
        value: 0.0,
        unit: None,
        tolerance: 0.01,
    };
    all_right(&zero, &["0", "-0", "0.0"]);
    all_wrong(&zero, &["0.001"]);
    let gflop = Body::Numeric {
        value: 2000.0,
        unit: Some("GFLOP".to_string()),
        tolerance: 0.01,
    };
    all_right(&gflop, &["2 TFLOP", "2000", "2e12 flops", "2000 GFLOPs"]);
    let ms = Body::Numeric {
        value: 5.0,
        unit: Some("ms".to_string()),
        tolerance: 0.01,
    };
    all_right(&ms, &["5", "5 ms", "5000 µs", "0.005 s", "5000us"]);
    none_understood(&ms, &["5 MB"]);
}

#[test]
fn shapes_are_read_generously() {
    let shape = Body::Shape(vec![2, 4, 8, 8]);
    all_right(
        &shape,
        &[
            "2 4 8 8",
            "[2,4,8,8]",
            "(2, 4, 8, 8)",
            "2x4x8x8",
            "2×4×8×8",
            "２，４，８，８",
            "【2、4、8、8】",
            "b=2 h=4 n=8 m=8",
            "torch.Size([2, 4, 8, 8])",
            "[2 4 8 8].",
            "2*4*8*8",
        ],
    );
    all_wrong(
        &shape,
        &["2 8 4 8", "2 4 8", "[]", "2 4 8 8 1", "scalar", "0 0 0 0"],
    );
    none_understood(
        &shape,
        &[
            "",
            "b h n n",
            "2 4 8 x8y",
            "2.5 4 8 8",
            "-2 4 8 8",
            "NaN",
            "2 4 8 99999999999999999999999",
            ",",
        ],
    );
    let scalar = Body::Shape(vec![]);
    all_right(
        &scalar,
        &[
            "()",
            "[]",
            "scalar",
            "标量",
            "（）",
            "[ ]",
            "Scalar",
            "torch.Size([])",
        ],
    );
    all_wrong(&scalar, &["1", "[1]", "2 3"]);
    none_understood(&scalar, &["", "none"]);
}

#[test]
fn orders_are_read_generously() {
    let steps = texts(&["w", "x", "y", "z"]);
    let order = Body::Order {
        steps,
        right: vec![2, 0, 1, 3],
    };
    all_right(
        &order,
        &[
            "c a b d",
            "3 1 2 4",
            "cabd",
            "3124",
            "c, a, b, d",
            "c>a>b>d",
            "C→A→B→D",
            "ｃａｂｄ",
            "３、１、２、４",
        ],
    );
    all_wrong(&order, &["a b c d", "c a d b"]);
    none_understood(&order, &["", "c a b", "c a b d d", "c a b e", "w", "1.5"]);
    let short = Body::Short(texts(&["p", "q", "r"]));
    for (typed, had) in [
        ("1 3", 2),
        ("all", 3),
        ("none", 0),
        ("0", 0),
        ("全部", 3),
        ("没有", 0),
        ("２", 1),
        ("a c", 2),
        ("1 1", 1),
    ] {
        assert_eq!(
            grade::grade(&drawn(short.clone()), typed),
            Grade::Points { had, of: 3 },
            "{typed}"
        );
    }
    none_understood(&short, &["", "4", "some", "yes"]);
}

/// The file with one place changed is refused, and the sentence has these words.
#[track_caller]
fn refused(change: (&str, &str), words: &[&str]) {
    assert!(
        SAMPLE.contains(change.0),
        "the sample has no {:?}",
        change.0
    );
    let text = SAMPLE.replacen(change.0, change.1, 1);
    let error = parse("my/quiz.toml", &text, BUGS).expect_err(change.1);
    for word in ["my/quiz.toml"].iter().chain(words) {
        assert!(error.contains(word), "{error:?} lacks {word:?}");
    }
}

#[test]
fn a_mistake_in_a_file_gets_a_sentence_with_the_repair() {
    refused(
        ("id = \"two-bytes\"\n", ""),
        &["question 1", "no id", "id = "],
    );
    refused(
        ("\"two-bytes\"", "\"Two Bytes\""),
        &["question 1", "hyphens"],
    );
    refused(
        ("\"sum-to-one\"", "\"two-bytes\""),
        &["`two-bytes`", "another"],
    );
    refused(
        ("kind = \"choice\"", "kind = \"quiz\""),
        &["`two-bytes`", "choice, several"],
    );
    refused(("kind = \"choice\"\n", ""), &["`two-bytes`", "no `kind`"]);
    refused((", right = true", ""), &["`two-bytes`", "right = true"]);
    refused(
        ("zh = \"float32\" }", "zh = \"float32\", right = true }"),
        &["`two-bytes`", "several"],
    );
    refused(
        ("zh = \"float32\" }", "zh = \"\" }"),
        &["`two-bytes`", "option 2", "`zh`"],
    );
    refused(
        ("{ en = \"float32\", zh = \"float32\" }", "\"float32\""),
        &["option 2", "both languages"],
    );
    refused(
        (
            "\"float64\", zh = \"float64\"",
            "\"float32\", zh = \"float64\"",
        ),
        &["read the same"],
    );
    refused(("why = {", "Why = {"), &["`two-bytes`", "no `why`"]);
    refused(
        ("options = [", "hint = 1\noptions = ["),
        &["`hint` is not known", "options"],
    );
    refused(
        ("by {m}?", "by {k}?"),
        &["`weights-size`", "{k}", "values", "{{k}}"],
    );
    refused(("by {m}?", "by {answer}?"), &["gives the answer away"]);
    refused(
        ("m = [512, 1024]", "m = [512, 1024], z = [1]"),
        &["`z` is never used"],
    );
    refused(("m = [512, 1024]", "m = []"), &["`m`", "list of numbers"]);
    refused(
        ("m = [512, 1024]", "m = [0.0, nan]"),
        &["`m`", "list of numbers"],
    );
    refused(
        ("2 * n * m / 2^20", "2 * n * p"),
        &["cannot be computed", "`p`"],
    );
    refused(
        ("2 * n * m / 2^20", "n / (m - 512)"),
        &["is inf with m=512, n=1024"],
    );
    refused(
        ("n * n + n\"", "n / 3\""),
        &["`parameters`", "tolerance = 0"],
    );
    refused(("tolerance = 0", "tolerance = 3"), &["0.00001 to 0.5"]);
    refused(
        ("\"2*d\"]", "\"d/3\"]"),
        &["`product-shape`", "whole number"],
    );
    refused(
        (
            "  { en = \"forward\", zh = \"前向计算\" },\n  { en = \"loss\", zh = \"计算损失\" },\n",
            "",
        ),
        &["`training-step`", "3 steps", "4 to 9"],
    );
    refused(
        ("bug = \"no-scale\"", "bug = \"nope\""),
        &["`spot`", "no bug `nope`", "no-scale, wrong-axis"],
    );
    refused(
        ("[\"wrong-axis\", \"no-max\"]", "[\"no-scale\"]"),
        &["named twice"],
    );
    refused(("[[question]]", "[question]"), &["line"]);
    refused(("id = \"two-bytes\"", "id = two-bytes"), &["line 4"]);
    assert!(parse("f", "", BUGS).unwrap_err().contains("[[question]]"));
    assert!(
        parse("f", "title = 1", BUGS)
            .unwrap_err()
            .contains("`title`")
    );
}

/// Random text from a few alphabets, in the manner of what a cat, a tester and an IME produce.
fn noise(rng: &mut StdRng) -> String {
    const PIECES: &[&str] = &[
        "a",
        "b",
        "c",
        "1",
        "2",
        "8",
        "0",
        "9",
        "e",
        "x",
        " ",
        ",",
        ".",
        "-",
        "+",
        "*",
        "/",
        "^",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "=",
        "%",
        "１",
        "，",
        "。",
        "．",
        "、",
        "（",
        "）",
        "【",
        "】",
        "标量",
        "scalar",
        "all",
        "NaN",
        "inf",
        "MiB",
        "GB",
        "FLOP/s",
        "sqrt",
        "ln(",
        "min(",
        "²",
        "×",
        "−",
        "_",
        "'",
        "\u{0}",
        "\u{1b}[31m",
        "\u{301}",
        "👩\u{200d}💻",
        "ß",
        "İ",
        "\u{202e}",
        "\u{feff}",
        "1e",
        "e308",
        "999999999999",
        "torch.Size",
        "\n",
        "\t",
        "q",
        "é",
        "字",
    ];
    let length = match rng.random_range(0..200) {
        0 => 5000,
        _ => rng.random_range(0..12),
    };
    let mut text = String::new();
    for _ in 0..length {
        match rng.random_range(0..12) {
            0 => text.extend(char::from_u32(rng.random_range(0..0x0011_0000))),
            _ => text += PIECES[rng.random_range(0..PIECES.len())],
        }
    }
    text
}

/// A valid text with bytes changed, pieces cut out, doubled or moved.
fn mutated(valid: &str, rng: &mut StdRng) -> Vec<u8> {
    let mut bytes = valid.as_bytes().to_vec();
    for _ in 0..rng.random_range(1..4) {
        if bytes.is_empty() {
            break;
        }
        let at = rng.random_range(0..bytes.len());
        let end = (at + rng.random_range(0..40)).min(bytes.len());
        match rng.random_range(0..5) {
            0 => bytes[at] = rng.random(),
            1 => bytes[at] = b"\"[]{}=,.-#'0e\n"[rng.random_range(0..14)],
            2 => drop(bytes.drain(at..end)),
            3 => {
                let piece = bytes[at..end].to_vec();
                let to = rng.random_range(0..bytes.len());
                bytes.splice(to..to, piece);
            }
            _ => {
                bytes.splice(at..at, noise(rng).into_bytes());
            }
        }
    }
    bytes
}

fn random_bytes(rng: &mut StdRng) -> Vec<u8> {
    let length = rng.random_range(0..200);
    (0..length).map(|_| rng.random()).collect()
}

#[test]
fn any_quiz_file_is_read_or_refused() {
    let mut rng = StdRng::seed_from_u64(1);
    let (mut tried, mut read) = (0, 0);
    for i in 0..24_000 {
        let bytes = match i % 4 {
            0 => random_bytes(&mut rng),
            _ => mutated(SAMPLE, &mut rng),
        };
        let text = String::from_utf8_lossy(&bytes);
        tried += 1;
        match parse("f", &text, BUGS) {
            Ok(questions) => {
                // What is accepted can be asked, and its own answer is right.
                for question in &questions {
                    let drawn = draw(question, i, Lang::En);
                    let graded = grade::grade(&drawn, &drawn.answer());
                    assert_eq!(graded.score(), Some(1.0), "{drawn:?}");
                }
                read += 1;
            }
            Err(error) => assert!(error.starts_with('f') && error.len() > 10, "{error}"),
        }
    }
    println!("quiz files: {tried} tried, {read} of them valid, none panicked");
}

#[test]
fn anything_typed_gets_a_grade() {
    let mut rng = StdRng::seed_from_u64(2);
    let questions = sample();
    let mut counts = [0; 3];
    for i in 0..6_000 {
        for question in &questions {
            let drawn = draw(question, i, LANGS[(i % 2) as usize]);
            let typed = noise(&mut rng);
            match grade::grade(&drawn, &typed) {
                Grade::NotUnderstood(sentence) => {
                    assert!(sentence.chars().count() > 5, "{typed:?}: {sentence}");
                    counts[0] += 1;
                }
                Grade::Right => counts[1] += 1,
                _ => counts[2] += 1,
            }
        }
    }
    let [not_understood, right, wrong] = counts;
    let tried = counts.iter().sum::<usize>();
    println!(
        "answers: {tried} tried: {not_understood} not understood, {right} right, {wrong} wrong, none panicked"
    );
    for question in &questions {
        let drawn = draw(question, 0, Lang::En);
        for piece in ["(", "9", "a ", "1,", "，", "-", "sqrt("] {
            let _ = grade::grade(&drawn, &piece.repeat(100_000));
        }
    }
}

fn answer(at: i64) -> Answer {
    Answer {
        uid: String::new(),
        lesson: "rope".to_string(),
        question: "why-pairs".to_string(),
        seed: u64::MAX,
        typed: "3,2 “MiB” \u{0} 标量".to_string(),
        outcome: Outcome::Part,
        score: 0.5,
        seconds: 1.5,
        at,
    }
}

fn verdict(verdict: &str) -> Verdict {
    Verdict {
        uid: String::new(),
        lesson: "rope".to_string(),
        verdict: verdict.to_string(),
        seed: 7,
        convention: Some("half-split".to_string()),
        bugs: vec!["no-scale".to_string(), "wrong axis".to_string()],
        seconds: 0.25,
        learner: None,
        production: Some(0.5),
        at: 3,
    }
}

/// A store in a new directory, which goes when the second is dropped.
fn store() -> (Store, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&directory.path().join("new/progress.db")).unwrap();
    (store, directory)
}

#[test]
fn progress_comes_back_and_merges_once() {
    let (mut here, _kept) = store();
    for at in 0..5 {
        here.record_answer(&answer(at)).unwrap();
    }
    here.record_verdict(&verdict("wrong-values")).unwrap();
    assert!(here.passed().unwrap().is_empty());
    here.record_verdict(&verdict("passed")).unwrap();
    here.set("lang", "zh").unwrap();
    assert_eq!(here.passed().unwrap(), ["rope"]);
    let answers = here.answers(Some("rope")).unwrap();
    assert_eq!(answers.len(), 5);
    assert_eq!(
        Answer {
            uid: String::new(),
            ..answers[4].clone()
        },
        answer(4)
    );
    assert!(here.answers(Some("attention")).unwrap().is_empty());

    let export = here.export().unwrap().to_string();
    let (mut there, _kept_too) = store();
    there.record_answer(&answer(9)).unwrap();
    let first = there.import(&export).unwrap();
    assert_eq!((first.answers, first.verdicts, first.settings), (5, 2, 1));
    assert_eq!(there.import(&export).unwrap(), Default::default());
    assert_eq!(here.import(&export).unwrap(), Default::default());
    assert_eq!(there.answers(None).unwrap().len(), 6);
    assert_eq!(there.verdicts(None).unwrap(), here.verdicts(None).unwrap());
    assert_eq!(there.setting("lang").unwrap().as_deref(), Some("zh"));
    let back = there.export().unwrap().to_string();
    assert_eq!(here.import(&back).unwrap().answers, 1);
}

#[test]
fn an_import_is_whole_or_nothing() {
    let (mut here, _kept) = store();
    here.record_answer(&answer(1)).unwrap();
    here.record_verdict(&verdict("passed")).unwrap();
    let export = here.export().unwrap();
    let (mut there, _kept_too) = store();
    let mut half = export.clone();
    half["answers"]
        .as_array_mut()
        .unwrap()
        .push(serde_json::json!({"uid": "x"}));
    let mut newer = export.clone();
    newer["version"] = 2.into();
    let mut score = export.clone();
    score["answers"][0]["score"] = 7.into();
    for text in [
        half.to_string(),
        newer.to_string(),
        score.to_string(),
        "{}".into(),
        "[]".into(),
        String::new(),
    ] {
        let trouble = there.import(&text).unwrap_err();
        assert!(
            trouble.en.contains("llmlab") && trouble.zh.contains("llmlab"),
            "{trouble}"
        );
    }
    assert!(there.answers(None).unwrap().is_empty() && there.verdicts(None).unwrap().is_empty());
}

#[test]
fn any_import_is_read_or_refused() {
    let (mut here, _kept) = store();
    here.record_answer(&answer(1)).unwrap();
    here.record_verdict(&verdict("passed")).unwrap();
    here.set("lang", "zh").unwrap();
    let export = format!("{:#}", here.export().unwrap());
    let (mut there, _kept_too) = store();
    let mut rng = StdRng::seed_from_u64(3);
    let (mut tried, mut read) = (0, 0);
    for i in 0..20_000 {
        let bytes = match i % 4 {
            0 => random_bytes(&mut rng),
            _ => mutated(&export, &mut rng),
        };
        let text = String::from_utf8_lossy(&bytes);
        tried += 1;
        match there.import(&text) {
            // Each merge waits for the disk, so only some are made twice.
            Ok(_) if read % 50 == 0 => {
                assert_eq!(there.import(&text).unwrap(), Default::default());
                read += 1;
            }
            Ok(_) => read += 1,
            Err(trouble) => assert!(trouble.en.len() > 20, "{trouble}"),
        }
    }
    println!("imports: {tried} tried, {read} of them valid, none panicked");
    there.export().expect("whatever came in can go out");
}

#[test]
fn an_older_schema_migrates_and_a_newer_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("progress.db");
    let old = rusqlite::Connection::open(&path).unwrap();
    // The schema of version 1, as that version made it.
    old.execute_batch(
        "CREATE TABLE verdicts (id INTEGER PRIMARY KEY, lesson TEXT NOT NULL, verdict TEXT NOT NULL,
            seed INTEGER NOT NULL, convention TEXT, bugs TEXT NOT NULL, seconds REAL NOT NULL,
            learner REAL, production REAL, at INTEGER NOT NULL);
        CREATE TABLE answers (id INTEGER PRIMARY KEY, lesson TEXT NOT NULL, question TEXT NOT NULL,
            seed INTEGER NOT NULL, typed TEXT NOT NULL, outcome TEXT NOT NULL, score REAL NOT NULL,
            seconds REAL NOT NULL, at INTEGER NOT NULL);
        CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
        INSERT INTO verdicts VALUES (1, 'rope', 'passed', 3, NULL, '[\"a\"]', 0.5, NULL, NULL, 10);
        INSERT INTO answers VALUES (1, 'rope', 'q', 3, 'b', 'right', 1.0, 2.0, 11);
        INSERT INTO answers VALUES (2, 'rope', 'q', 3, 'a', 'wrong', 0.0, 2.0, 12);
        PRAGMA user_version = 1;",
    )
    .unwrap();
    drop(old);
    let mut store = Store::open(&path).unwrap();
    let answers = store.answers(None).unwrap();
    assert_eq!(answers.len(), 2);
    assert!(answers[0].uid.len() == 32 && answers[0].uid != answers[1].uid);
    assert_eq!(answers[1].outcome, Outcome::Wrong);
    assert!(store.passed().unwrap() == ["rope"]);
    assert_eq!(store.verdicts(None).unwrap()[0].bugs, ["a"]);
    store.record_answer(&answer(13)).unwrap();
    drop(store);
    assert_eq!(Store::open(&path).unwrap().answers(None).unwrap().len(), 3);

    let newer = rusqlite::Connection::open(&path).unwrap();
    newer
        .pragma_update(None, "user_version", SCHEMA as i64 + 1)
        .unwrap();
    drop(newer);
    let before = std::fs::read(&path).unwrap();
    let trouble = Store::open(&path).err().expect("a newer schema is refused");
    assert!(trouble.en.contains("newer llmlab"), "{trouble}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_broken_place_gives_a_sentence() {
    let directory = tempfile::tempdir().unwrap();
    let garbage = directory.path().join("garbage.db");
    std::fs::write(&garbage, "this is no database, whatever its name says").unwrap();
    let below = garbage.join("progress.db");
    for path in [&garbage, &below, directory.path()] {
        let trouble = Store::open(path).err().expect("no store can be there");
        assert!(trouble.en.contains("progress is not kept"), "{trouble}");
        assert!(trouble.zh.contains("不保存进度"), "{}", trouble.zh);
    }
    // Cut off in the middle, as a full disk or a bad copy leaves it.
    let (mut whole, kept) = store();
    for at in 0..200 {
        whole.record_answer(&answer(at)).unwrap();
    }
    drop(whole);
    let path = kept.path().join("new/progress.db");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let outcome = Store::open(&path).and_then(|mut store| {
        store.record_answer(&answer(1))?;
        store.answers(None)
    });
    if let Err(trouble) = outcome {
        assert!(trouble.en.contains("progress is not kept"), "{trouble}");
    }
}

/// The program, with its progress in `data`.
fn llmlab(data: &std::path::Path, words: &[&str]) -> std::process::Command {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_llmlab"));
    command
        .args(words)
        .env("LLMLAB_DATA", data)
        .env("LLMLAB_LANG", "en")
        .env("NO_COLOR", "1")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    command
}

/// Runs the program on these lines: what it printed (both streams), and whether all was well.
fn typed(data: &std::path::Path, words: &[&str], lines: &str) -> (String, bool) {
    let mut child = llmlab(data, words).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8(printed).unwrap();
    // Lines are folded at words: read as one text, but for JSON, whose texts hold no line break.
    let printed = match words.contains(&"json") || words[0] == "export" {
        true => printed,
        false => printed.split_whitespace().collect::<Vec<_>>().join(" "),
    };
    (printed, output.status.success())
}

/// The lines that answer every question of a lesson right, with the ids of the questions.
fn right_lines(data: &std::path::Path, lesson: &str, seed: &str) -> (String, Vec<String>) {
    let (json, _) = typed(
        data,
        &["quiz", lesson, "--seed", seed, "--format", "json"],
        "",
    );
    let document: serde_json::Value = serde_json::from_str(&json).unwrap();
    let (mut lines, mut ids) = (String::new(), Vec::new());
    for question in document["questions"].as_array().unwrap() {
        if question["kind"] == "short" {
            lines += "in my own words\n";
        }
        lines += question["answer"].as_str().unwrap();
        lines.push('\n');
        ids.push(question["id"].as_str().unwrap().to_string());
    }
    (lines, ids)
}

#[test]
fn the_program_asks_keeps_and_sums_up() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    for lesson in llmlab::lessons::LESSONS {
        let quiz = ["quiz", lesson.id, "--seed", "11"];
        let (lines, ids) = right_lines(data, lesson.id, "11");
        let (printed, well) = typed(data, &quiz, &lines);
        let (id, count) = (lesson.id, ids.len());
        assert!(
            well && printed.contains(&format!("Score {count} of {count};")),
            "{id}: {printed}"
        );
        let store = Store::open(&data.join("progress.db")).unwrap();
        let answers = store.answers(Some(id)).unwrap();
        assert!(
            answers
                .iter()
                .all(|answer| answer.outcome == Outcome::Right)
        );
        let kept: Vec<&String> = answers.iter().map(|answer| &answer.question).collect();
        assert_eq!(kept, ids.iter().collect::<Vec<_>>());

        // Asks again what it did not understand, explains, skips, and ends where the input does.
        let first = lines.lines().next().unwrap();
        let (printed, well) = typed(data, &quiz, &format!("?\n…\n\n{first}\ns\n"));
        assert!(
            well && printed.contains("Score 1 of 1 answered"),
            "{printed}"
        );
        assert!(
            printed.contains("skipped") && printed.contains("quiz --resume"),
            "{printed}"
        );
        assert_eq!(store.answers(Some(id)).unwrap().len(), count + 1);

        let only = ["quiz", lesson.id, "--only", &ids[1..3].join(",")];
        let (printed, _) = typed(data, &only, "q\n");
        assert!(printed.contains("2 questions") && printed.contains("No question was answered"));
        let (printed, well) = typed(data, &["quiz", lesson.id, "--only", "nope"], "");
        assert!(!well && printed.contains(&ids[0]), "{printed}");
        let (printed, _) = typed(data, &["quiz", lesson.id, "--questions", "3"], "");
        assert!(printed.contains("3 questions"), "{printed}");
    }
}

#[test]
fn a_quiz_goes_on_without_progress() {
    let Some(lesson) = llmlab::lessons::LESSONS.first() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let (lines, ids) = right_lines(&file, lesson.id, "1");
    let (printed, well) = typed(&file, &["quiz", lesson.id, "--seed", "1"], &lines);
    let count = ids.len();
    assert!(
        well && printed.contains("progress is not kept"),
        "{printed}"
    );
    assert!(
        printed.contains(&format!("Score {count} of {count}; nothing was kept")),
        "{printed}"
    );
}

#[test]
fn progress_moves_to_another_machine() {
    let Some(lesson) = llmlab::lessons::LESSONS.first() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let [here, there] = ["here", "there"].map(|name| directory.path().join(name));
    let (lines, ids) = right_lines(&here, lesson.id, "1");
    typed(&here, &["quiz", lesson.id, "--seed", "1"], &lines);
    let file = directory.path().join("progress.json");
    let file = file.to_str().unwrap();
    let count = ids.len();
    let added = format!("{count} quiz answers");
    for words in [&["export", file][..], &["export", file, "--force"]] {
        let (printed, well) = typed(&here, words, "");
        assert!(well && printed.contains(&added), "{printed}");
    }
    let (printed, well) = typed(&here, &["export", file], "");
    assert!(!well && printed.contains("--force"), "{printed}");
    let (printed, well) = typed(&there, &["import", file], "");
    assert!(well && printed.contains(&added), "{printed}");
    let (again, well) = typed(
        &there,
        &["import", "-"],
        &std::fs::read_to_string(file).unwrap(),
    );
    assert!(well && again.contains("added: 0 quiz answers"), "{again}");
    let [one, other] = [&here, &there].map(|data| typed(data, &["export"], "").0);
    assert_eq!(one, other);
    std::fs::write(file, [0xff, 0xfe, 0x00]).unwrap();
    for words in [
        &["import", file][..],
        &["import"],
        &["import", "/nowhere/at/all"],
    ] {
        let (printed, well) = typed(&there, words, "");
        assert!(
            !well && printed.contains("export") | printed.contains("import"),
            "{printed}"
        );
    }
}

/// What a kill may not do: lose an answer whose outcome was shown, or break the file.
#[test]
fn a_kill_loses_no_finished_answer() {
    const KILLS: usize = 50;
    let Some(lesson) = llmlab::lessons::LESSONS.first() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    let (lines, ids) = right_lines(data, lesson.id, "5");
    let quiz = ["quiz", lesson.id, "--seed", "5"];
    // How long an undisturbed run takes, so that the kills fall all over it.
    let begun = std::time::Instant::now();
    typed(data, &quiz, &lines);
    let mut whole = begun.elapsed().as_secs_f64();
    let (mut acknowledged, mut kept, mut cut) = (ids.len(), 0, 0);
    let mut rng = StdRng::seed_from_u64(4);
    for _ in 0..KILLS {
        let mut child = llmlab(data, &quiz).spawn().unwrap();
        let (mut stdin, lines) = (child.stdin.take().unwrap(), lines.clone());
        let feeder = std::thread::spawn(move || {
            // The pipe breaks when the program is killed.
            let _ = std::io::Write::write_all(&mut stdin, lines.as_bytes());
        });
        std::thread::sleep(std::time::Duration::from_secs_f64(
            whole * rng.random::<f64>(),
        ));
        child.kill().unwrap();
        let output = child.wait_with_output().unwrap();
        feeder.join().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        // `1/20  why-scale`, …, `✓ right   score 1 of 1`
        let shown = printed.lines().filter(|line| line.contains("✓ ")).count();
        cut += usize::from(shown < ids.len());
        // The load of the machine changes: keep the kills within a run.
        whole *= if shown < ids.len() { 1.05 } else { 0.8 };
        acknowledged += shown;
        let db = rusqlite::Connection::open(data.join("progress.db")).unwrap();
        let check = db.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0));
        assert_eq!(check.unwrap(), "ok");
        let in_order = "SELECT question FROM answers ORDER BY id";
        let mut rows = db.prepare(in_order).unwrap();
        let rows = rows.query_map([], |row| row.get::<_, String>(0)).unwrap();
        let rows: Vec<String> = rows.map(Result::unwrap).collect();
        // This run's answers are the first questions, at least as many as were acknowledged.
        let run = &rows[kept.max(ids.len())..];
        assert!(
            run.len() >= shown,
            "{shown} shown, {} kept:\n{printed}",
            run.len()
        );
        assert_eq!(run, &ids[..run.len()]);
        kept = rows.len();
    }
    println!(
        "{KILLS} kills, {cut} of them in the middle of a quiz: {acknowledged} answers acknowledged, {kept} kept, 0 lost"
    );
    assert!(cut >= KILLS / 4, "only {cut} of {KILLS} kills hit a quiz");
}

#[test]
fn a_passed_report_is_kept_as_passed() {
    let mut report: llmlab::check::Report = serde_json::from_value(serde_json::json!({
        "lesson": "rope", "verdict": "wrong-values", "seed": 3, "stages": [],
        "convention": "half-split", "failure": null, "timing": null, "seconds": 0.5,
    }))
    .unwrap();
    let (mut here, _kept) = store();
    here.record_verdict(&Verdict::of(&report, 1)).unwrap();
    assert!(here.passed().unwrap().is_empty());
    report.verdict = llmlab::check::Verdict::Passed;
    here.record_verdict(&Verdict::of(&report, 2)).unwrap();
    assert_eq!(here.passed().unwrap(), ["rope"]);
    let kept = here.verdicts(Some("rope")).unwrap();
    let shown = (
        kept[0].verdict.as_str(),
        kept[1].verdict.as_str(),
        kept[1].convention.as_deref(),
    );
    assert_eq!(shown, ("wrong-values", "passed", Some("half-split")));
}
