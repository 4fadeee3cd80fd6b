//! The CUDA kernels against this GPU's limits, and beside another library.
//!
//! `cargo bench --bench gpu -- [PART OF A NAME]` checks and times every case whose name has the part.
//! `--list` prints the names. `--serve` is for `compare.py --gpu`: see `kernels.rs`.

mod draws;
mod gpu_cases;

use gpu_cases::Case;
use llmlab::kernels::cuda::{self, Gpu, Limits, Trouble};
use std::io::{BufRead, Write};
use std::time::{Duration, Instant};

/// How long a case runs before the run that counts. The same in compare.py.
const WARM: Duration = Duration::from_millis(30);
/// Launches in a run: enough that the two events around them cost nothing beside them.
const LAUNCHES: usize = 20;

fn main() {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    let first = words.first().map(String::as_str);
    if first == Some("--list") {
        return gpu_cases::all()
            .iter()
            .for_each(|(name, _)| println!("{name}"));
    }
    let gpu = match cuda::gpu() {
        Ok(gpu) => gpu,
        Err(absent) => return println!("skipped: {absent}"),
    };
    let done = match first {
        Some("--serve") => serve(gpu),
        part => table(gpu, part.unwrap_or_default()),
    };
    if let Err(trouble) = done {
        eprintln!("{trouble}");
        std::process::exit(1);
    }
}

fn said(limits: Limits) -> String {
    let tensor = limits.tensor_gflop_s / 1e3;
    format!(
        "copy {:.0} GB/s, tensor cores {tensor:.0} TFLOP/s",
        limits.copy_gb_s
    )
}

/// Checks, times, and checks again.
fn table(gpu: &'static Gpu, part: &str) -> Result<(), Trouble> {
    let limits = cuda::limits(gpu)?;
    println!("{}: {}\n", gpu.name, said(limits));
    println!(
        "{:44} {:>10} {:>10} {:>9} {:>9} {:>7}",
        "case", "median µs", "best µs", "TFLOP/s", "GB/s", "limit"
    );
    for (name, prepare) in gpu_cases::all() {
        if !name.contains(part) {
            continue;
        }
        let mut case = prepare(gpu)?;
        check(gpu, name, &mut case)?;
        warm(gpu, &mut case)?;
        let mut times = Vec::new();
        for _ in 0..15 {
            times.push(seconds(gpu, &mut case)?);
        }
        check(gpu, name, &mut case)?;
        times.sort_by(f64::total_cmp);
        let (median, best) = (times[times.len() / 2], times[0]);
        println!(
            "{name:44} {:10.1} {:10.1} {:9.1} {:9.1} {:5.1} %",
            1e6 * median,
            1e6 * best,
            case.flops / median / 1e12,
            case.bytes / median / 1e9,
            1e2 * limit(limits, &case) / median,
        );
    }
    Ok(())
}

/// Ends the program when a case computes something wrong: a wrong kernel is not timed.
fn check(gpu: &Gpu, name: &str, case: &mut Case) -> Result<(), Trouble> {
    (case.launch)()?;
    gpu.wait()?;
    let (err, tolerance) = (case.error)()?;
    if !(err <= tolerance) {
        eprintln!("{name} is off by {err:.2e}, allowed is {tolerance:.2e}");
        std::process::exit(1);
    }
    Ok(())
}

fn warm(gpu: &Gpu, case: &mut Case) -> Result<(), Trouble> {
    let start = Instant::now();
    while start.elapsed() < WARM {
        (case.launch)()?;
        gpu.wait()?;
    }
    Ok(())
}

/// The seconds of one launch.
fn seconds(gpu: &Gpu, case: &mut Case) -> Result<f64, Trouble> {
    let all = gpu.seconds(|| (0..LAUNCHES).try_for_each(|_| (case.launch)()));
    gpu.wait()?;
    Ok(all? / LAUNCHES as f64)
}

/// The least seconds that this GPU allows.
fn limit(limits: Limits, case: &Case) -> f64 {
    let bytes = case.bytes / (limits.copy_gb_s * 1e9);
    let products = case.flops / (limits.tensor_gflop_s * 1e9);
    bytes.max(products)
}

fn serve(gpu: &'static Gpu) -> Result<(), Trouble> {
    let limits = cuda::limits(gpu)?;
    println!("{}", said(limits));
    let mut open: Option<(String, Case)> = None;
    for line in std::io::stdin().lock().lines() {
        let name = line.expect("names come as text");
        if open.as_ref().is_none_or(|(at, _)| *at != name) {
            // What ran well at first may have gone wrong since.
            if let Some((before, mut case)) = open.take() {
                check(gpu, &before, &mut case)?;
            }
            let Some((_, prepare)) = gpu_cases::all().into_iter().find(|(at, _)| *at == name)
            else {
                println!("no case is called `{name}`; `--list` prints the names");
                continue;
            };
            let mut case = prepare(gpu)?;
            check(gpu, &name, &mut case)?;
            open = Some((name, case));
        }
        let (_, case) = open.as_mut().expect("it was opened above");
        warm(gpu, case)?;
        let seconds = seconds(gpu, case)?;
        let of_limit = limit(limits, case) / seconds;
        println!("{seconds:.9} {} {of_limit:.4}", case.flops);
        std::io::stdout().flush().expect("the reader is there");
    }
    Ok(())
}
