//! Distillation of soft targets: the KL divergence of a student from its teacher, and its gradient
//! (Hinton, Vinyals and Dean 2015, arXiv 1503.02531).
//!
//! Both rows are read from memory once, side by side, by the online softmax. For the gradient, their
//! exponentials wait in buffers of one row until the sums are known.

use super::cpu::{Tier, split, split_pair};
use super::online::{BLOCK, Online, Scale};
use super::simd::{Kernel, Simd, dispatch};
use super::stream::{Writer, is_large, load};
use std::fmt;

/// Why the kernel refuses its arguments.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Error {
    /// A slice has the wrong length.
    Length {
        name: &'static str,
        want: usize,
        got: usize,
    },
    /// A temperature that is not a positive number.
    Temperature(f32),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Length { name, want, got } => write!(
                f,
                "`{name}` should have {want} elements for this shape, it has {got}; student and teacher have one row of `classes` logits for each loss"
            ),
            Error::Temperature(t) => write!(
                f,
                "the temperature is {t}; give a number above 0, such as 2"
            ),
        }
    }
}

impl std::error::Error for Error {}

/// Logits of both, row-major `[rows classes]`, and the temperature that divides them.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    pub student: &'a [f32],
    pub teacher: &'a [f32],
    pub classes: usize,
    pub temperature: f32,
}

impl Input<'_> {
    /// Refuses what does not fit `rows`.
    fn check(&self, rows: usize) -> Result<(), Error> {
        let want = rows.saturating_mul(self.classes);
        for (name, got) in [
            ("student", self.student.len()),
            ("teacher", self.teacher.len()),
        ] {
            if want != got {
                return Err(Error::Length { name, want, got });
            }
        }
        match self.temperature > 0.0 && self.temperature.is_finite() {
            true => Ok(()),
            false => Err(Error::Temperature(self.temperature)),
        }
    }
}

/// Writes T²·KL(softmax(teacher / T) ‖ softmax(student / T)) of each row to `losses` `[rows]`, and
/// returns their mean: `F.kl_div(…, reduction="batchmean")·T²`; 0 without rows.
///
/// A class that the teacher gives no weight adds nothing; one that only the student excludes (−∞)
/// makes the row's loss +∞. NaN and rows of −∞ alone give NaN.
///
/// # Errors
/// Where a slice does not fit, or the temperature is not a positive number.
pub fn distillation(losses: &mut [f32], input: Input<'_>) -> Result<f64, Error> {
    distillation_on(Tier::current(), losses, input)
}

fn distillation_on(tier: Tier, losses: &mut [f32], input: Input<'_>) -> Result<f64, Error> {
    input.check(losses.len())?;
    split(losses, 1, |rows, losses| {
        let input = part(input, rows);
        dispatch(tier, Losses { losses, input });
    });
    Ok(mean(losses))
}

/// The same, and the gradient of that mean with respect to the student's logits, `[rows classes]`:
/// T·(softmax(student / T) − softmax(teacher / T)) / rows.
///
/// # Errors
/// As for [`distillation`], and where `gradient` does not fit.
pub fn distillation_gradient(
    losses: &mut [f32],
    gradient: &mut [f32],
    input: Input<'_>,
) -> Result<f64, Error> {
    distillation_gradient_on(Tier::current(), losses, gradient, input)
}

fn distillation_gradient_on(
    tier: Tier,
    losses: &mut [f32],
    gradient: &mut [f32],
    input: Input<'_>,
) -> Result<f64, Error> {
    input.check(losses.len())?;
    let (want, got) = (input.student.len(), gradient.len());
    if want != got {
        let name = "gradient";
        return Err(Error::Length { name, want, got });
    }
    let stream = is_large(gradient);
    let factor = input.temperature / losses.len() as f32;
    let items = (gradient, input.classes);
    split_pair((&mut *losses, 1), items, |rows, losses, gradient| {
        let input = part(input, rows);
        let gradients = Gradients {
            losses: Losses { losses, input },
            gradient,
            factor,
            stream,
        };
        dispatch(tier, gradients);
    });
    Ok(mean(losses))
}

fn mean(losses: &[f32]) -> f64 {
    let sum: f64 = losses.iter().map(|loss| f64::from(*loss)).sum();
    sum / losses.len().max(1) as f64
}

fn part(input: Input<'_>, rows: std::ops::Range<usize>) -> Input<'_> {
    let range = rows.start * input.classes..rows.end * input.classes;
    Input {
        student: &input.student[range.clone()],
        teacher: &input.teacher[range],
        ..input
    }
}

struct Losses<'a> {
    losses: &'a mut [f32],
    input: Input<'a>,
}

impl Kernel for Losses<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let scale = Scale::new(s, self.input.temperature);
        for (i, loss) in self.losses.iter_mut().enumerate() {
            let mut pair = Pair::new(s);
            for (start, count) in blocks(i, self.input.classes) {
                let block = pair.raise(s, &scale, self.input, start, count);
                let mut i = 0;
                while i < count {
                    pair.add(s, &scale, block, i);
                    i += S::LANES;
                }
            }
            *loss = pair.loss(s, self.input.temperature);
        }
    }
}

/// Starts and sizes of the blocks of row `i`.
#[inline(always)]
fn blocks(i: usize, classes: usize) -> impl Iterator<Item = (usize, usize)> {
    let end = (i + 1) * classes;
    let starts = (i * classes..end).step_by(BLOCK);
    starts.map(move |start| (start, BLOCK.min(end - start)))
}

struct Gradients<'a> {
    losses: Losses<'a>,
    gradient: &'a mut [f32],
    factor: f32,
    stream: bool,
}

impl Kernel for Gradients<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Losses { losses, input } = self.losses;
        let classes = input.classes;
        let scale = Scale::new(s, input.temperature);
        // Room behind the end: registers are loaded and stored whole.
        let mut kept = [(); 2].map(|()| vec![0.0; classes + 2 * S::LANES]);
        let mut maxima = vec![[0.0; 2]; classes.div_ceil(BLOCK)];
        for (i, loss) in losses.iter_mut().enumerate() {
            let mut pair = Pair::new(s);
            let row = i * classes;
            for ((start, count), maxima) in blocks(i, classes).zip(&mut maxima) {
                let block = pair.raise(s, &scale, input, start, count);
                let mut i = 0;
                while i < count {
                    let at = start - row + i;
                    let [e_student, e_teacher] = pair.add(s, &scale, block, i);
                    s.store(&mut kept[0][at..], e_student);
                    s.store(&mut kept[1][at..], e_teacher);
                    i += S::LANES;
                }
                *maxima = [pair.student.max, pair.teacher.max];
            }
            *loss = pair.loss(s, input.temperature);
            let inverse = [pair.student.sum(s), pair.teacher.sum(s)].map(|sum| self.factor / sum);
            let row = &mut self.gradient[row..][..classes];
            for (block, (out, maxima)) in row.chunks_mut(BLOCK).zip(&maxima).enumerate() {
                let student = inverse[0] * scale.shrink(maxima[0] - pair.student.max);
                let teacher = inverse[1] * scale.shrink(maxima[1] - pair.teacher.max);
                let (student, teacher) = (s.splat(student), s.splat(-teacher));
                let e_student = &kept[0][block * BLOCK..];
                let e_teacher = &kept[1][block * BLOCK..];
                let mut to = Writer::new(s, out, self.stream);
                while let Some(i) = to.at() {
                    let teacher = s.mul(s.load(&e_teacher[i..]), teacher);
                    to.put(s, s.fma(s.load(&e_student[i..]), student, teacher));
                }
            }
        }
        s.fence();
    }
}

/// What is known of the two rows so far.
struct Pair<S: Simd> {
    student: Online<S>,
    teacher: Online<S>,
    /// Σ e·(u − v), where u and v are the teacher's and the student's logits below their maxima and
    /// e = exp(u / T).
    dots: S::V,
}

impl<S: Simd> Pair<S> {
    #[inline(always)]
    fn new(s: S) -> Pair<S> {
        Pair {
            student: Online::new(s),
            teacher: Online::new(s),
            dots: s.splat(0.0),
        }
    }

    /// Gives the student's and the teacher's logits from `start` on, after taking their maxima in.
    #[inline(always)]
    fn raise<'a>(
        &mut self,
        s: S,
        scale: &Scale<S>,
        input: Input<'a>,
        start: usize,
        count: usize,
    ) -> [&'a [f32]; 2] {
        let student = &input.student[start..start + count];
        let teacher = &input.teacher[start..start + count];
        let before = self.student.max - self.teacher.max;
        let earlier = self.teacher;
        self.student.raise(s, scale, student);
        let factor = self.teacher.raise(s, scale, teacher);
        let moved = (self.student.max - self.teacher.max) - before;
        if moved != 0.0 || factor != 1.0 {
            // Each earlier u − v moved by the same, and each e shrank.
            let dots = earlier.weigh(s, moved, self.dots);
            self.dots = s.mul(dots, s.splat(factor));
        }
        [student, teacher]
    }

    /// Adds the registers at `i` of a block, and gives their exponentials.
    #[inline(always)]
    fn add(
        &mut self,
        s: S,
        scale: &Scale<S>,
        [student, teacher]: [&[f32]; 2],
        i: usize,
    ) -> [S::V; 2] {
        s.prefetch(student, i + BLOCK);
        s.prefetch(teacher, i + BLOCK);
        let v = load(s, &student[i..], f32::NEG_INFINITY);
        let v = s.sub(v, s.splat(self.student.max));
        let u = load(s, &teacher[i..], f32::NEG_INFINITY);
        let u = s.sub(u, s.splat(self.teacher.max));
        let (e_student, e_teacher) = (scale.exp(s, v), scale.exp(s, u));
        self.student.add(s, e_student);
        self.teacher.add(s, e_teacher);
        let between = s.weighed(e_teacher, s.sub(u, v));
        self.dots = s.fma(e_teacher, between, self.dots);
        [e_student, e_teacher]
    }

    /// T²·Σ p·(ln p − ln q) = T²·(Σ p·(u − v) / T − ln Σ exp(u / T) + ln Σ exp(v / T)).
    #[inline(always)]
    fn loss(&self, s: S, temperature: f32) -> f32 {
        let [student, teacher] = [&self.student, &self.teacher].map(|row| f64::from(row.sum(s)));
        let t = f64::from(temperature);
        let cross = f64::from(s.sum(self.dots)) / teacher / t;
        (t * t * (cross - teacher.ln() + student.ln())) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOW: f32 = f32::NEG_INFINITY;

    fn softmax(x: &[f32], t: f64) -> Vec<f64> {
        let max = x.iter().fold(f64::MIN, |a, b| a.max(f64::from(*b)));
        let e: Vec<f64> = x
            .iter()
            .map(|x| ((f64::from(*x) - max) / t).exp())
            .collect();
        let sum: f64 = e.iter().sum();
        e.iter().map(|e| e / sum).collect()
    }

    /// T²·KL by the definition, and the gradient of the mean over `rows`.
    fn plain(student: &[f32], teacher: &[f32], t: f64, rows: usize) -> (f64, Vec<f64>) {
        let log = |x: &[f32]| -> Vec<f64> {
            let max = x.iter().fold(f64::MIN, |a, b| a.max(f64::from(*b)));
            let d: Vec<f64> = x.iter().map(|x| (f64::from(*x) - max) / t).collect();
            let sum: f64 = d.iter().map(|d| d.exp()).sum();
            d.iter().map(|d| d - sum.ln()).collect()
        };
        let (ls, lt) = (log(student), log(teacher));
        let terms = lt.iter().zip(&ls).filter(|(p, _)| p.exp() > 0.0);
        let kl: f64 = terms.map(|(p, q)| p.exp() * (p - q)).sum();
        let gradient = softmax(student, t).into_iter().zip(softmax(teacher, t));
        let gradient = gradient.map(|(q, p)| t * (q - p) / rows as f64).collect();
        (t * t * kl, gradient)
    }

    fn run(
        tier: Tier,
        student: &[f32],
        teacher: &[f32],
        classes: usize,
        t: f32,
    ) -> (Vec<f32>, Vec<f32>) {
        let input = Input {
            student,
            teacher,
            classes,
            temperature: t,
        };
        let rows = student.len() / classes;
        let [mut losses, mut again] = [(); 2].map(|()| vec![9.0; rows]);
        let mut gradient = vec![9.0; student.len() + 1];
        let mean = distillation_on(tier, &mut losses, input).unwrap();
        // Not aligned.
        let same = distillation_gradient_on(tier, &mut again, &mut gradient[1..], input).unwrap();
        assert_eq!(mean.to_bits(), same.to_bits());
        (losses, gradient.split_off(1))
    }

    #[test]
    fn equals_the_definition_on_ragged_shapes_scales_and_temperatures() {
        for (rows, classes) in [(1, 1), (3, 2), (2, 17), (3, 100), (2, 2049), (2, 5003)] {
            for (scale, offset, t) in [(3.0, 0.0, 1.0), (3.0, 1e4, 4.0), (300.0, -50.0, 2.5)] {
                let student: Vec<f32> = (0..rows * classes)
                    .map(|i| scale * (i as f32 * 0.77).sin())
                    .collect();
                // Its maximum grows from block to block.
                let teacher: Vec<f32> = (0..rows * classes)
                    .map(|i| scale * (i as f32 * 0.31).cos() + (i % classes) as f32 * 1e-3 + offset)
                    .collect();
                for tier in Tier::all() {
                    let (losses, gradient) = run(tier, &student, &teacher, classes, t);
                    for (row, loss) in losses.iter().enumerate() {
                        let at = row * classes..(row + 1) * classes;
                        let (want, slopes) = plain(
                            &student[at.clone()],
                            &teacher[at.clone()],
                            f64::from(t),
                            rows,
                        );
                        // Relative to the terms u − v, which cancel: up to 4·scale/T, times T².
                        let tol = 4e-6 * f64::from(4.0 * scale * t + t * t * 10.0);
                        let err = (f64::from(*loss) - want).abs();
                        assert!(err <= tol, "{tier:?} {classes} {scale}: {err} > {tol}");
                        for (got, want) in gradient[at].iter().zip(slopes) {
                            let err = (f64::from(*got) - want).abs();
                            assert!(err <= 3e-6 * f64::from(t), "{tier:?} {classes}: {err}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_same_logits_have_no_loss_and_excluded_classes_count_as_they_should() {
        let x = [1.0, -3.0, LOW, 2.0, 8.0];
        for tier in Tier::all() {
            let (losses, gradient) = run(tier, &x, &x, 5, 3.0);
            assert!(losses[0].abs() <= 1e-5, "{tier:?} {losses:?}");
            assert!(gradient.iter().all(|g| g.abs() <= 1e-6), "{tier:?}");
            // The teacher excludes a class: its term is 0·ln 0 = 0.
            let (losses, _) = run(tier, &[0.0, 0.0], &[0.0, LOW], 2, 1.0);
            let err = (losses[0] - 2f32.ln()).abs();
            assert!(err <= 1e-6, "{tier:?} {losses:?}");
            // The student excludes what the teacher does not.
            let (losses, gradient) = run(tier, &[0.0, LOW], &[0.0, 0.0], 2, 1.0);
            assert_eq!(losses, [f32::INFINITY], "{tier:?}");
            assert_eq!(gradient, [0.5, -0.5], "{tier:?}");
            for bad in [[f32::NAN, 0.0], [LOW, LOW]] {
                let (losses, _) = run(tier, &bad, &[0.0, 1.0], 2, 1.0);
                assert!(losses[0].is_nan(), "{tier:?} {bad:?}");
                let (losses, _) = run(tier, &[0.0, 1.0], &bad, 2, 1.0);
                assert!(losses[0].is_nan(), "{tier:?} {bad:?}");
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_with_a_sentence() {
        let input = Input {
            student: &[0.0; 6],
            teacher: &[0.0; 5],
            classes: 3,
            temperature: 2.0,
        };
        let mut losses = [0.0; 2];
        let short = distillation(&mut losses, input).unwrap_err();
        assert!(short.to_string().contains("`teacher` should have 6"));
        let teacher = &[0.0; 6];
        let input = Input { teacher, ..input };
        let error = distillation_gradient(&mut losses, &mut [0.0; 5], input).unwrap_err();
        assert!(error.to_string().contains("`gradient` should have 6"));
        for temperature in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            let input = Input {
                temperature,
                ..input
            };
            let error = distillation(&mut losses, input).unwrap_err();
            assert!(error.to_string().contains("above 0"), "{error}");
        }
    }
}
