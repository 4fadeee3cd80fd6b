//! What the lesson asks, and on which inputs.

use super::bugs::BUGS;
use super::laws::LAWS;
use super::reference::reference;
use super::variants::variant;
use crate::kernels::cpu::{Tier, threads};
use crate::kernels::softmax::{Out, softmax};
use crate::problem::{
    Arg, ArgKind, Case, Kind, Prepared, Problem, Production, Setting, Tolerance, Work,
};
use crate::tensor::{Inputs, Tensor, Value, max_abs};
use crate::text::Text;
use rand::RngExt;

crate::exercise!(x: tensor);

const LOW: f32 = f32::NEG_INFINITY;

pub static PROBLEM: Problem = Problem {
    signature: "fn stable_softmax(x: &Tensor) -> (Tensor, Tensor, Tensor)",
    args: &[Arg {
        name: "x",
        kind: ArgKind::Float("n m"),
    }],
    outputs: &[
        ("softmax", "n m"),
        ("log_softmax", "n m"),
        ("logsumexp", "n"),
    ],
    settings: &[
        Setting::axis("n", 4, Text::new("rows", "行数")),
        Setting::axis("m", 6, Text::new("entries of a row", "每行元素数")),
        Setting::option(
            "values",
            0,
            0,
            8,
            Text::new(
                "0 normal, 1 around 1000, 2 around −1000, 3 a third lowered by 200, 4 row i around −150·i, 5 some −∞, 6 whole rows of −∞, 7 some +∞, 8 tens of thousands",
                "0 正态，1 在 1000 附近，2 在 −1000 附近，3 三分之一低 200，4 第 i 行在 −150·i 附近，5 部分 −∞，6 整行 −∞，7 部分 +∞，8 数万",
            ),
        ),
    ],
    kinds: &[
        Kind::new(
            "ordinary",
            &[],
            Text::new("4 rows of 6 numbers", "4 行，每行 6 个数"),
        ),
        Kind::new(
            "tiny",
            &[("n", 1), ("m", 1)],
            Text::new("one number: softmax is 1", "只有一个数：softmax 为 1"),
        ),
        Kind::new(
            "ragged",
            &[],
            Text::new("sizes from 1 to 8", "各轴大小在 1 到 8 之间"),
        )
        .ragged(),
        Kind::new(
            "large",
            &[("values", 1)],
            Text::new(
                "numbers around 1000: exp overflows",
                "数值在 1000 附近：直接 exp 会上溢",
            ),
        ),
        Kind::new(
            "negative",
            &[("values", 2)],
            Text::new(
                "numbers around −1000: every exp underflows, and 0/0 is NaN",
                "数值在 −1000 附近：每个 exp 都下溢，0/0 得 NaN",
            ),
        ),
        Kind::new(
            "spread",
            &[("values", 3)],
            Text::new(
                "probabilities that underflow to 0 while their logarithm is about −200",
                "概率下溢为 0，而其对数约为 −200",
            ),
        ),
        Kind::new(
            "rows-apart",
            &[("values", 4)],
            Text::new(
                "rows on different levels: one maximum for all of them is not enough",
                "各行数值水平不同：全局只取一个最大值不够",
            ),
        ),
        Kind::new(
            "masked",
            &[("values", 5)],
            Text::new("some entries are −∞", "部分元素为 −∞"),
        ),
        Kind::new(
            "masked-rows",
            &[("n", 5), ("m", 3), ("values", 6)],
            Text::new("every second row is −∞ throughout", "每隔一行整行都是 −∞"),
        ),
        Kind::new(
            "infinite",
            &[("values", 7)],
            Text::new(
                "one +∞ in the first row, two in the second",
                "第一行有一个 +∞，第二行有两个",
            ),
        ),
        Kind::new(
            "huge",
            &[("n", 3), ("m", 8), ("values", 8)],
            Text::new("numbers up to some 30000", "数值可达约 30000"),
        ),
    ],
    inputs,
    reference,
    variant,
    bugs: BUGS,
    conventions: &[],
    tolerance,
    laws: LAWS,
    memory: None,
    production: Production {
        name: || {
            let tier = Tier::f32().name();
            format!("softmax, {tier}, {} threads", threads())
        },
        prepare,
        scale: &[("n", 2048), ("m", 4096)],
        // A subtraction, an exp (counted as 1), an addition, a quotient and the logarithm's
        // subtraction on each entry, which is read once and written twice.
        work: |case| {
            let (n, m) = (case.size("n") as f64, case.size("m") as f64);
            Work {
                flops: 5.0 * n * m,
                bytes: 4.0 * n * (3.0 * m + 1.0),
            }
        },
    },
};

/// Differences inside a row are either small or beyond the range of exp in f32, so that no
/// probability is a subnormal number, whose digits depend on how it was computed.
fn inputs(case: &Case) -> Inputs {
    let mut x = case.normal("x", "n m", 2.0);
    let mut rng = case.rng("values");
    let m = case.size("m");
    match case.size("values") {
        1 => x += 1000.0,
        2 => x -= 1000.0,
        3 => {
            // The first entry of a row stays; the last is surely lowered.
            for mut row in x.rows_mut() {
                for j in 1..m {
                    if j == m - 1 || rng.random_bool(0.3) {
                        row[j] -= 200.0;
                    }
                }
            }
        }
        4 => {
            for (i, mut row) in x.rows_mut().into_iter().enumerate() {
                row -= 150.0 * i as f32;
            }
        }
        values @ (5 | 6) => {
            for (i, mut row) in x.rows_mut().into_iter().enumerate() {
                let kept = rng.random_range(0..m);
                for (j, x) in row.iter_mut().enumerate() {
                    if j != kept && rng.random_bool(0.4) {
                        *x = LOW;
                    }
                }
                if values == 6 && i % 2 == 1 {
                    row.fill(LOW);
                }
            }
        }
        7 => {
            for (i, mut row) in x.rows_mut().into_iter().enumerate().take(3) {
                let first = rng.random_range(0..m);
                match i {
                    0 => row[first] = f32::INFINITY,
                    1 => {
                        row[first] = f32::INFINITY;
                        row[(first + m / 2) % m] = f32::INFINITY;
                    }
                    _ => row[first] = LOW,
                }
            }
        }
        8 => x.mapv_inplace(|x| 4096.0 * x.round() + rng.random_range(-2.0..2.0)),
        _ => {}
    }
    Inputs::new().with("x", Value::Float(x))
}

/// How far a right f32 answer may be off.
///
/// x − max and max + ln Σ are rounded at the size of 2·max|x|, and log_softmax may be computed as
/// x − logsumexp: three roundings of u = ε/2 at that size, so 4·ε·max|x| with room. A sum of m terms in
/// any order, rescaled on the way or not, is off by at most 2m·ε relatively, which its logarithm
/// turns into an absolute error.
pub fn tolerance(inputs: &Inputs) -> Tolerance {
    let x = inputs.float("x");
    let (m, max) = (x.shape()[1], max_abs(x));
    let eps = f64::from(f32::EPSILON);
    Tolerance {
        value: eps * (4.0 * max + 2.0 * m as f64 + 8.0),
        formula: format!(
            "ε·(4·max|x| + 2m + 8), ε = {eps:.2e}, max|x| = {max:.3} (finite entries), m = {m}"
        ),
    }
}

fn prepare(inputs: &Inputs) -> Prepared<'_> {
    let x = inputs.float("x").as_standard_layout();
    let (n, m) = (x.shape()[0], x.shape()[1]);
    let outputs = [vec![n, m], vec![n, m], vec![n]].map(Tensor::zeros);
    Prepared::new(outputs.to_vec(), move |outputs| {
        let [p, log, lse] = outputs else {
            unreachable!("three outputs were given")
        };
        let out = Out {
            softmax: p.as_slice_mut().expect("standard layout"),
            log_softmax: log.as_slice_mut().expect("standard layout"),
            logsumexp: lse.as_slice_mut().expect("standard layout"),
        };
        let x = x.as_slice().expect("standard layout");
        softmax(out, x, m).unwrap_or_else(|error| panic!("{error}"));
    })
}
