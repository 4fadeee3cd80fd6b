use clap::{Parser, Subcommand};
use llmlab::{lessons::attention::attention, trace::Trace};
use ndarray::{ArrayD, IxDyn};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::process::ExitCode;

const AXES: [&str; 6] = ["b", "h", "n", "m", "d", "dv"];

/// Learn LLM internals by building them.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Run a lesson's reference step by step and show the shape of each step
    Trace {
        /// The lesson: attention
        lesson: String,
        /// The size of an axis, such as n=8
        #[arg(long = "set")]
        set: Vec<String>,
        /// Hide the keys that come after the query
        #[arg(long)]
        causal: bool,
        /// The seed of the random inputs
        #[arg(long, default_value_t = 0)]
        seed: u64,
    },
}

fn sizes(set: &[String]) -> Result<[usize; 6], String> {
    let mut sizes = [1, 2, 5, 7, 8, 4];
    for item in set {
        let (axis, size) = item
            .split_once('=')
            .ok_or(format!("`{item}` is not axis=size; type for example n=8"))?;
        let at = AXES.iter().position(|a| *a == axis).ok_or(format!(
            "no axis is named `{axis}`; the axes are {}",
            AXES.join(", ")
        ))?;
        sizes[at] = size
            .parse()
            .ok()
            .filter(|s| (1..=1024).contains(s))
            .ok_or(format!(
                "`{size}` is no size for axis {axis}; give 1 to 1024"
            ))?;
    }
    let [b, h, n, m, d, dv] = sizes.map(|s| s as u64);
    if b * h * (n * m + n * d + m * d + m * dv + n * dv) > 1 << 22 {
        return Err("these sizes need over 4 million numbers; make b, h, n or m smaller".into());
    }
    Ok(sizes)
}

fn run(Cli { verb }: Cli) -> Result<String, String> {
    let Verb::Trace {
        lesson,
        set,
        causal,
        seed,
    } = verb;
    if lesson != "attention" {
        return Err(format!("no lesson is named `{lesson}`; try attention"));
    }
    let [b, h, n, m, d, dv] = sizes(&set)?;
    let mut rng = StdRng::seed_from_u64(seed);
    let mut random = |shape: [usize; 4]| {
        ArrayD::from_shape_simple_fn(IxDyn(&shape), || rng.random_range(-1.7..1.7))
    };
    let (q, k, v) = (
        random([b, h, n, d]),
        random([b, h, m, d]),
        random([b, h, m, dv]),
    );
    let mask = causal.then(|| {
        ArrayD::from_shape_fn(IxDyn(&[n, m]), |x| {
            if x[1] + n <= x[0] + m {
                0.0
            } else {
                f64::NEG_INFINITY
            }
        })
    });
    let mut trace = Trace::default();
    attention(&q, &k, &v, mask.as_ref(), &mut trace)?;
    Ok(trace.to_text())
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(text) => {
            use std::io::Write;
            // A closed pipe (`llmlab trace … | head`) is the reader's choice, not an error.
            let _ = std::io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(sentence) => {
            eprintln!("{sentence}");
            ExitCode::FAILURE
        }
    }
}
