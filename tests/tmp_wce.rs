#[path = "styles/class_weighted_ce.rs"]
mod styles;
use llmlab::check::{Options, Verdict, judge};
use llmlab::lessons::class_weighted_ce::LESSON;
#[test]
fn all() {
    std::panic::set_hook(Box::new(|_| {}));
    let seeds: u64 = std::env::var("SEEDS")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(20);
    let mut bad = 0;
    let t = std::time::Instant::now();
    for seed in 0..seeds {
        let options = Options {
            seed,
            ..Options::default()
        };
        for (name, c) in styles::right() {
            let r = judge(&LESSON, &*c, &options, &mut |_| {});
            let conv = r.convention.clone();
            let ok = r.verdict == Verdict::Passed && conv.is_some() == name.contains("divide-by-n");
            if !ok {
                bad += 1;
                println!(
                    "right {name} seed {seed}: {:?} {conv:?} {:?}",
                    r.verdict, r.failure
                );
            }
        }
        for (name, c) in styles::wrong() {
            let r = judge(&LESSON, &*c, &options, &mut |_| {});
            let bugs = r
                .failure
                .as_ref()
                .map(|f| f.bugs.clone())
                .unwrap_or_default();
            if r.verdict == Verdict::Passed || bugs != [name] {
                bad += 1;
                println!("wrong {name} seed {seed}: {:?} {bugs:?}", r.verdict);
            }
        }
        for (names, c) in styles::pairs() {
            let r = judge(&LESSON, &*c, &options, &mut |_| {});
            let mut bugs = r
                .failure
                .as_ref()
                .map(|f| f.bugs.clone())
                .unwrap_or_default();
            bugs.sort();
            let mut n = names.map(String::from).to_vec();
            n.sort();
            if r.verdict == Verdict::Passed || bugs != n {
                bad += 1;
                println!("pair {names:?} seed {seed}: {:?} {bugs:?}", r.verdict);
            }
        }
    }
    let covered: Vec<_> = styles::wrong().iter().map(|w| w.0).collect();
    for b in LESSON.problem.bugs {
        assert!(covered.contains(&b.id), "{}", b.id);
    }
    let r = llmlab::check::check(
        &LESSON,
        &*styles::right().remove(0).1,
        &Options::default(),
        &mut |_| {},
    );
    println!(
        "{}",
        llmlab::check::render(&LESSON, &r, llmlab::text::Lang::Zh)
    );
    for name in ["weight-twice", "no-max"] {
        let c = styles::wrong().into_iter().find(|w| w.0 == name).unwrap().1;
        let r = llmlab::check::check(&LESSON, &*c, &Options::default(), &mut |_| {});
        println!(
            "{}",
            llmlab::check::render(&LESSON, &r, llmlab::text::Lang::En)
        );
        println!(
            "{}",
            llmlab::check::render(&LESSON, &r, llmlab::text::Lang::Zh)
        );
    }
    println!("{seeds} seeds, {bad} bad, {:?}", t.elapsed());
}
