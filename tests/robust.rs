//! Whatever a learner's function does, the judge gives a verdict within its time and goes on.

use llmlab::check::{Options, Report, Verdict, check};
use llmlab::lessons::attention::{LESSON, candidate};
use llmlab::prelude::*;
use llmlab::solution::{Plain, Solution};
use std::io::Write;
use std::time::{Duration, Instant};

fn verdict<S, M>(solution: S) -> Report
where
    S: Solution<llmlab::lessons::attention::Exercise, M>,
{
    let options = Options {
        timeout: 3.0,
        scale: false,
        ..Options::default()
    };
    let start = Instant::now();
    let report = check(&LESSON, &candidate(solution), &options, &mut |_| {});
    let took = start.elapsed();
    assert!(took < Duration::from_secs(10), "a verdict took {took:?}");
    report
}

fn message(report: &Report) -> String {
    let failure = report.failure.as_ref().expect("a failure");
    assert!(failure.case.is_some(), "the case is named");
    failure.message.clone().unwrap_or_default()
}

type Args<'a> = (&'a Tensor, &'a Tensor, &'a Tensor, Option<&'a Tensor>);

fn zeros((q, _, v, _): Args) -> Tensor {
    let (q, v) = (q.shape(), v.shape());
    Tensor::zeros(IxDyn(&[q[0], q[1], q[2], v[3]]))
}

#[test]
fn a_panic_is_a_verdict_with_its_words() {
    fn attention(_: &Tensor, _: &Tensor, _: &Tensor, _: Option<&Tensor>) -> Tensor {
        panic!("the mask has {} axes", 3)
    }
    let report = verdict(attention);
    assert_eq!(report.verdict, Verdict::Panicked);
    assert_eq!(message(&report), "the mask has 3 axes");
}

#[test]
fn an_endless_loop_is_a_verdict() {
    fn attention(q: &Tensor, _: &Tensor, _: &Tensor, _: Option<&Tensor>) -> Tensor {
        let mut i = 0_u64;
        while std::hint::black_box(i) < u64::MAX {
            i = i.wrapping_add(2) / 2;
        }
        q.clone()
    }
    assert_eq!(verdict(attention).verdict, Verdict::TimedOut);
}

#[test]
fn sleeping_forever_is_a_verdict_too() {
    fn attention(q: &Tensor, _: &Tensor, _: &Tensor, _: Option<&Tensor>) -> Tensor {
        std::thread::sleep(Duration::from_secs(600));
        q.clone()
    }
    assert_eq!(verdict(attention).verdict, Verdict::TimedOut);
}

#[test]
#[expect(unconditional_recursion, reason = "that is what is tested")]
fn a_stack_overflow_is_told_from_a_segfault() {
    fn deep(depth: u64) -> f32 {
        let room = std::hint::black_box([depth as f32; 256]);
        deep(depth + 1) + room[depth as usize % 256]
    }
    fn attention(q: &Tensor, _: &Tensor, _: &Tensor, _: Option<&Tensor>) -> Tensor {
        q.mapv(|x| x + deep(0))
    }
    assert_eq!(verdict(attention).verdict, Verdict::StackOverflow);
    fn wild(q: &Tensor, _: &Tensor, _: &Tensor, _: Option<&Tensor>) -> Tensor {
        // SAFETY: none; a learner's mistake is what is tested.
        let x = unsafe { std::ptr::read_volatile(std::hint::black_box(64_usize) as *const f32) };
        q.mapv(|y| x + y)
    }
    let report = verdict(wild);
    assert_eq!(report.verdict, Verdict::Crashed);
    assert!(message(&report).contains("SIGSEGV"));
}

#[test]
fn abort_and_exit_are_verdicts() {
    fn abort(_: &Tensor, _: &Tensor, _: &Tensor, _: Option<&Tensor>) -> Tensor {
        std::process::abort()
    }
    let report = verdict(abort);
    assert_eq!(report.verdict, Verdict::Crashed);
    assert!(message(&report).contains("SIGABRT"));
    fn exit(_: &Tensor, _: &Tensor, _: &Tensor, _: Option<&Tensor>) -> Tensor {
        std::process::exit(0)
    }
    assert_eq!(verdict(exit).verdict, Verdict::Exited);
}

#[test]
fn a_hundred_gigabytes_are_a_verdict() {
    fn attention(q: &Tensor, _: &Tensor, _: &Tensor, _: Option<&Tensor>) -> Tensor {
        let huge = std::hint::black_box(vec![1.0_f32; 25_000_000_000]);
        q.mapv(|x| x + huge[7])
    }
    let report = verdict(attention);
    assert_eq!(report.verdict, Verdict::OutOfMemory);
    assert_eq!(message(&report), "100000000000");
}

#[test]
fn changed_inputs_are_named() {
    fn attention(q: &Tensor, k: &Tensor, v: &Tensor, mask: Option<&Tensor>) -> Tensor {
        // SAFETY: none; a learner's mistake is what is tested.
        unsafe { *k.as_ptr().cast_mut() += 1.0 }
        zeros((q, k, v, mask))
    }
    let report = verdict(attention);
    assert_eq!(report.verdict, Verdict::MutatedInputs);
    assert_eq!(message(&report), "k");
}

#[test]
fn zeros_nan_and_infinities_never_pass() {
    for fill in [0.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1.0, 1e30] {
        let filled = move |q: &Tensor, k: &Tensor, v: &Tensor, mask: Option<&Tensor>| {
            let mut out = zeros((q, k, v, mask));
            out.fill(fill);
            out
        };
        assert_eq!(
            verdict::<_, Plain>(filled).verdict,
            Verdict::WrongValues,
            "{fill}"
        );
    }
}

#[test]
fn an_extra_axis_is_named_with_its_place() {
    fn attention(q: &Tensor, k: &Tensor, v: &Tensor, mask: Option<&Tensor>) -> Tensor {
        zeros((q, k, v, mask)).insert_axis(Axis(2))
    }
    let report = verdict(attention);
    assert_eq!(report.verdict, Verdict::WrongShape);
    let shape = report.failure.unwrap().shape.unwrap();
    assert_eq!(
        shape.cause,
        llmlab::check::ShapeCause::Extra("1".to_string(), 2)
    );
}

#[test]
fn what_the_function_prints_is_kept_and_cut() {
    fn attention(q: &Tensor, k: &Tensor, v: &Tensor, mask: Option<&Tensor>) -> Tensor {
        // Not `println!`: the test harness would keep it.
        for _ in 0..10_000 {
            std::io::stdout().write_all(b"noise\n").unwrap();
        }
        zeros((q, k, v, mask))
    }
    let report = verdict(attention);
    assert_eq!(report.verdict, Verdict::WrongValues);
    assert!(report.printed.len() <= 4096);
    assert!(report.printed.contains("noise"));
}
