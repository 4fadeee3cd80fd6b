//! Right and wrong answers to fake quantization, as learners write them.

use llmlab::lessons::qat_fake_quant::candidate;
use llmlab::prelude::*;
use llmlab::solution::Candidate;

/// What `llmlab start` writes.
#[expect(unused_variables, reason = "the body is the learner's")]
#[path = "../../lessons/qat_fake_quant/exercise.rs"]
pub mod exercise;
#[path = "../../lessons/qat_fake_quant/solution.rs"]
mod solution;

type Named = (&'static str, Box<dyn Candidate>);
type Answer = (Tensor, Tensor, f32);

fn boxed<C: Candidate + 'static>(name: &'static str, solution: C) -> Named {
    (name, Box::new(solution))
}

/// The grid, as everybody unpacks it.
#[derive(Clone, Copy)]
struct Grid {
    s: f32,
    z: f32,
    low: f32,
    high: f32,
}

/// What becomes of one element: its value, the factor of its gradient, its slope for s.
type Element = fn(f32, Grid) -> (f32, f32, f32);

fn element(x: f32, grid: Grid) -> (f32, f32, f32) {
    let Grid { s, z, low, high } = grid;
    let rounded = (x / s).round();
    let code = rounded + z;
    if code > high {
        (s * (high - z), 0.0, high - z)
    } else if code < low {
        (s * (low - z), 0.0, low - z)
    } else {
        (s * rounded, 1.0, rounded - x / s)
    }
}

/// Elements one by one; the last factor is that of the scale's gradient for N and qmax.
fn with(
    element: Element,
    upstream: bool,
    factor: fn(f32, f32) -> f32,
) -> impl Fn(&Tensor, &Tensor, f64, f64, f64, f64) -> Answer {
    move |x, grad_out, scale, zero_point, qmin, qmax| {
        let grid = Grid {
            s: scale as f32,
            z: zero_point as f32,
            low: qmin as f32,
            high: qmax as f32,
        };
        let mut x_hat = Tensor::zeros(x.raw_dim());
        let mut grad_x = Tensor::zeros(x.raw_dim());
        let mut sum = 0.0;
        for i in 0..x.shape()[0] {
            for j in 0..x.shape()[1] {
                let (value, pass, slope) = element(x[[i, j]], grid);
                x_hat[[i, j]] = value;
                grad_x[[i, j]] = pass * grad_out[[i, j]];
                sum += slope * if upstream { grad_out[[i, j]] } else { 1.0 };
            }
        }
        (x_hat, grad_x, sum * factor(x.len() as f32, qmax as f32))
    }
}

fn root(n: f32, qmax: f32) -> f32 {
    1.0 / (n * qmax).sqrt()
}

fn each(element: Element) -> impl Fn(&Tensor, &Tensor, f64, f64, f64, f64) -> Answer {
    with(element, true, root)
}

// ---- Right answers. ------------------------------------------------------------------------

/// Arrays and masks, in f64.
fn arrays(
    x: &Tensor,
    grad_out: &Tensor,
    s: f64,
    z: f64,
    qmin: f64,
    qmax: f64,
) -> (ArrayD<f64>, ArrayD<f64>, f64) {
    let (x, g) = (x.mapv(f64::from), grad_out.mapv(f64::from));
    let ratio = &x / s;
    let code = ratio.mapv(|u| u.round_ties_even() + z);
    let q = code.mapv(|q| q.max(qmin).min(qmax));
    let mask = code.mapv(|q| if q >= qmin && q <= qmax { 1.0 } else { 0.0 });
    let slope = q.mapv(|q| q - z) - &mask * &ratio;
    let total = einsum("n c, n c -> ", &[&g, &slope]).sum();
    let x_hat = q.mapv(|q| s * (q - z));
    (x_hat, &g * &mask, total / (x.len() as f64 * qmax).sqrt())
}

/// Integers between, as a kernel would have them.
fn integers(
    x: &Tensor,
    grad_out: &Tensor,
    scale: f64,
    zero_point: f64,
    qmin: f64,
    qmax: f64,
) -> Answer {
    let (s, z) = (scale as f32, zero_point as i32);
    let codes: Vec<i32> = x.iter().map(|x| (x / s).round() as i32 + z).collect();
    let clamp = |q: &i32| (*q).clamp(qmin as i32, qmax as i32);
    let shape = x.raw_dim();
    let x_hat: Vec<f32> = codes.iter().map(|q| s * (clamp(q) - z) as f32).collect();
    let pairs = || codes.iter().zip(grad_out);
    let grad_x: Vec<f32> = pairs()
        .map(|(q, g)| if clamp(q) == *q { *g } else { 0.0 })
        .collect();
    let slopes = pairs().zip(x).map(|((q, g), x)| {
        let end = (clamp(q) - z) as f32;
        g * if clamp(q) == *q { end - x / s } else { end }
    });
    let grad_scale = slopes.sum::<f32>() / (x.len() as f32 * qmax as f32).sqrt();
    (
        Tensor::from_shape_vec(shape.clone(), x_hat).unwrap(),
        Tensor::from_shape_vec(shape, grad_x).unwrap(),
        grad_scale,
    )
}

fn traced(
    x: &Tensor,
    grad_out: &Tensor,
    scale: f64,
    zero_point: f64,
    qmin: f64,
    qmax: f64,
    trace: &mut Trace,
) -> Answer {
    let ratio = x / scale as f32;
    trace.step("ratio", "x/s", "n c", &ratio);
    solution::qat_fake_quant(x, grad_out, scale, zero_point, qmin, qmax)
}

/// As the LSQ paper writes it: x/s is compared, not its rounding.
fn lsq(x: f32, Grid { s, z, low, high }: Grid) -> (f32, f32, f32) {
    let u = x / s;
    let (least, most) = (low - z, high - z);
    let value = s * u.clamp(least, most).round();
    if u <= least {
        (value, 0.0, least)
    } else if u >= most {
        (value, 0.0, most)
    } else {
        (value, 1.0, u.round() - u)
    }
}

pub fn right() -> Vec<Named> {
    vec![
        boxed("the lesson's solution", candidate(solution::qat_fake_quant)),
        boxed("elements", candidate(each(element))),
        boxed("arrays in f64", candidate(arrays)),
        boxed("integers", candidate(integers)),
        boxed("traced", candidate(traced)),
        boxed("the LSQ paper", candidate(each(lsq))),
    ]
}

// ---- Wrong answers. ------------------------------------------------------------------------

pub fn wrong() -> Vec<Named> {
    let from = |name, element: Element| boxed(name, candidate(each(element)));
    vec![
        from("true-gradient", |x, grid| {
            let (value, _, slope) = element(x, grid);
            (value, 0.0, slope)
        }),
        from("no-clip-mask", |x, grid| {
            let (value, _, slope) = element(x, grid);
            (value, 1.0, slope)
        }),
        from("mask-inverted", |x, grid| {
            let (value, pass, slope) = element(x, grid);
            (value, 1.0 - pass, slope)
        }),
        from("gradient-times-scale", |x, grid| {
            let (value, pass, slope) = element(x, grid);
            (value, pass * grid.s, slope)
        }),
        from("gradient-over-scale", |x, grid| {
            let (value, pass, slope) = element(x, grid);
            (value, pass / grid.s, slope)
        }),
        from("zero-point-left-in", |x, Grid { s, z, low, high }| {
            let code = (x / s).round() + z;
            let q = code.clamp(low, high);
            let inside = q == code;
            let slope = if inside { code - z - x / s } else { q - z };
            (s * q, f32::from(u8::from(inside)), slope)
        }),
        from("zero-point-subtracted", |x, Grid { s, z, low, high }| {
            let rounded = (x / s).round();
            let code = rounded - z;
            let q = code.clamp(low, high);
            let inside = q == code;
            let slope = if inside { rounded - x / s } else { q - z };
            (s * (q - z), f32::from(u8::from(inside)), slope)
        }),
        from("clamp-before-zero-point", |x, Grid { s, z, low, high }| {
            let code = (x / s).round();
            let q = code.clamp(low, high) + z;
            let inside = q - z == code;
            let slope = if inside { code - x / s } else { q - z };
            (s * (q - z), f32::from(u8::from(inside)), slope)
        }),
        from("no-clamp", |x, grid| {
            let Grid { s, z, low, high } = grid;
            let rounded = (x / s).round();
            let inside = (low..=high).contains(&(rounded + z));
            let slope = if inside { rounded - x / s } else { rounded };
            (s * rounded, f32::from(u8::from(inside)), slope)
        }),
        from("floor", |x, Grid { s, z, low, high }| {
            let rounded = (x / s).floor();
            let q = (rounded + z).clamp(low, high);
            let inside = q == rounded + z;
            let slope = if inside { rounded - x / s } else { q - z };
            (s * (q - z), f32::from(u8::from(inside)), slope)
        }),
        from("one-level-more", |x, grid| {
            let high = grid.high + 1.0;
            element(x, Grid { high, ..grid })
        }),
        from("scale-gradient-without-round", |x, grid| {
            let (value, pass, slope) = element(x, grid);
            (value, pass, if pass == 1.0 { -x / grid.s } else { slope })
        }),
        from("scale-gradient-zero-outside", |x, grid| {
            let (value, pass, slope) = element(x, grid);
            (value, pass, pass * slope)
        }),
        from("scale-gradient-inside-everywhere", |x, grid| {
            let (value, pass, _) = element(x, grid);
            (value, pass, (x / grid.s).round() - x / grid.s)
        }),
        from("scale-gradient-forgets-z", |x, grid| {
            let (value, pass, slope) = element(x, grid);
            (
                value,
                pass,
                if pass == 1.0 { slope } else { slope + grid.z },
            )
        }),
        boxed("upstream-forgotten", candidate(with(element, false, root))),
        boxed(
            "no-gradient-scale",
            candidate(with(element, true, |_, _| 1.0)),
        ),
        boxed(
            "gradient-scale-without-root",
            candidate(with(element, true, |n, qmax| 1.0 / (n * qmax))),
        ),
    ]
}

// ---- Two mistakes at once. -----------------------------------------------------------------

pub fn pairs() -> Vec<([&'static str; 2], Box<dyn Candidate>)> {
    let straight: Element = |x, grid| {
        let (value, _, slope) = element(x, grid);
        (value, 1.0, slope)
    };
    let floored: Element = |x, Grid { s, z, low, high }| {
        let rounded = (x / s).floor();
        let q = (rounded + z).clamp(low, high);
        let slope = if q == rounded + z {
            rounded - x / s
        } else {
            q - z
        };
        (s * (q - z), 1.0, slope)
    };
    vec![
        (
            ["no-clip-mask", "no-gradient-scale"],
            Box::new(candidate(with(straight, true, |_, _| 1.0))),
        ),
        (
            ["no-clip-mask", "floor"],
            Box::new(candidate(each(floored))),
        ),
        (
            ["upstream-forgotten", "gradient-scale-without-root"],
            Box::new(candidate(with(element, false, |n, qmax| 1.0 / (n * qmax)))),
        ),
    ]
}
