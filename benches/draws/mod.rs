//! What both bench programs draw, and compute to compare with.

use rand::{RngExt, SeedableRng, rngs::StdRng};

/// Numbers from −1 to 1, the same in each run.
pub fn noise(seed: u64, len: usize) -> Vec<f32> {
    let mut rng = StdRng::seed_from_u64(seed);
    (0..len).map(|_| rng.random_range(-1.0..1.0)).collect()
}

/// Integers from `least` on, `count` of them.
pub fn integers(seed: u64, len: usize, least: i32, count: i32) -> Vec<i8> {
    let integer = |x: f32| ((x + 1.0) / 2.0 * count as f32) as i32;
    let noise = noise(seed, len).into_iter();
    noise
        .map(|x| (least + integer(x).min(count - 1)) as i8)
        .collect()
}

/// Softmax of a row by its definition.
pub fn plain_softmax(x: &[f64]) -> Vec<f64> {
    let max = x.iter().copied().fold(f64::MIN, f64::max);
    let e: Vec<f64> = x.iter().map(|x| (x - max).exp()).collect();
    let sum: f64 = e.iter().sum();
    e.into_iter().map(|e| e / sum).collect()
}
