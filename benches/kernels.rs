//! The production kernels against this machine's limits, and beside another library.
//!
//! `cargo bench --bench kernels -- [PART OF A NAME]` checks and times every case whose name has the part.
//! `--list` prints the names. `--serve` is for `compare.py`: it prints this machine's limits, reads
//! a name a line, runs that case until it is warm and once more, and prints the last run's seconds, the
//! case's FLOPs and the fraction of the limit.

mod cases;
mod draws;

use cases::Case;
use llmlab::kernels::machine::{self, Machine};
use std::hint::black_box;
use std::io::{BufRead, Write};
use std::time::{Duration, Instant};

fn main() {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    match words.first().map(String::as_str) {
        Some("--list") => cases::all().iter().for_each(|(name, _)| println!("{name}")),
        Some("--serve") => serve(),
        part => table(part.unwrap_or_default()),
    }
}

/// Checks, times for about a second, and checks again.
fn table(part: &str) {
    let machine = machine::measure();
    println!(
        "copy {:.1} GB/s, FMA {:.0} GFLOP/s, bf16 {:.0} GFLOP/s\n",
        machine.copy_gb_s, machine.fma_gflop_s, machine.bf16_gflop_s
    );
    println!(
        "{:42} {:>10} {:>10} {:>9} {:>9} {:>7}",
        "case", "median ms", "best ms", "GFLOP/s", "GB/s", "limit"
    );
    for (name, prepare) in cases::all() {
        if !name.contains(part) {
            continue;
        }
        let mut case = prepare();
        check(name, &mut case);
        let mut times = Vec::new();
        let start = Instant::now();
        while times.len() < 7 || start.elapsed() < Duration::from_secs(1) {
            times.push(seconds(&mut case));
        }
        check(name, &mut case);
        times.sort_by(f64::total_cmp);
        let (median, best) = (times[times.len() / 2], times[0]);
        let limit = limit(&machine, name, &case);
        println!(
            "{name:42} {:10.3} {:10.3} {:9.1} {:9.1} {:5.1} %",
            1e3 * median,
            1e3 * best,
            case.flops / median / 1e9,
            case.bytes / median / 1e9,
            1e2 * limit / median,
        );
    }
}

/// Ends the program when a case computes something wrong: a wrong kernel is not timed.
fn check(name: &str, case: &mut Case) {
    (case.run)();
    let err = (case.error)();
    if !(err <= case.tolerance) {
        eprintln!(
            "{name} is off by {err:.2e}, allowed is {:.2e}",
            case.tolerance
        );
        std::process::exit(1);
    }
}

fn seconds(case: &mut Case) -> f64 {
    let start = Instant::now();
    black_box(&mut case.run)();
    start.elapsed().as_secs_f64()
}

/// The least seconds that this machine allows.
fn limit(machine: &Machine, name: &str, case: &Case) -> f64 {
    let (limit, _) = match cases::in_bf16(name) {
        true => machine.limit_bf16(case.flops, case.bytes),
        false => machine.limit(case.flops, case.bytes),
    };
    limit
}

/// How long a case runs before the run that counts: the system takes some milliseconds to give threads that
/// were asleep a core each.
const WARM: Duration = Duration::from_millis(30);

fn serve() {
    let all = cases::all();
    let machine = machine::measure();
    println!(
        "copy {:.1} GB/s, FMA {:.0} GFLOP/s, bf16 {:.0} GFLOP/s",
        machine.copy_gb_s, machine.fma_gflop_s, machine.bf16_gflop_s
    );
    let mut open: Option<(String, Case)> = None;
    for line in std::io::stdin().lock().lines() {
        let name = line.expect("names come as text");
        if open.as_ref().is_none_or(|(at, _)| *at != name) {
            let Some((_, prepare)) = all.iter().find(|(at, _)| *at == name) else {
                println!("no case is called `{name}`; `--list` prints the names");
                continue;
            };
            let mut case = prepare();
            check(&name, &mut case);
            open = Some((name, case));
        }
        let (name, case) = open.as_mut().expect("it was opened above");
        let warm = Instant::now();
        while warm.elapsed() < WARM {
            seconds(case);
        }
        let seconds = seconds(case);
        let of_limit = limit(&machine, name, case) / seconds;
        println!("{seconds:.9} {} {of_limit:.4}", case.flops);
        std::io::stdout().flush().expect("the reader is there");
    }
}
