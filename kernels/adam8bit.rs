//! AdamW whose two moments are kept in 8 bits: 2 bytes a parameter, and 8 for each block of 256.
//!
//! Moments are codes of a table, times their block's largest magnitude (Dettmers et al. 2021,
//! arXiv 2110.02861). A step decodes them, updates moments and parameters in f32 (Kingma and Ba 2014,
//! arXiv 1412.6980; decoupled weight decay: Loshchilov and Hutter 2017, arXiv 1711.05101), and codes
//! the moments again. Parameters are updated with the moments as they were before coding.
//!
//! The table has a decade for each power of ten from 10⁻⁶ to 1, each with twice as many values as the
//! one below, evenly spaced: many digits where numbers are large, and a wide range. Neither direction
//! needs to look the table up. Values of a decade are a line in their number, and the decade is the
//! exponent of that number as a float: number 1 is in the first decade, 2 and 3 in the second, and so
//! on. The other way, the decade comes from seven comparisons and the number from the inverse line.

use super::cpu::{Tier, each};
use super::simd::{Kernel, Simd, dispatch};
use std::fmt;
use std::sync::Mutex;
use std::sync::OnceLock;

/// Sizes of blocks: that of the paper is 2048, and 256 is what newer programs use.
pub const BLOCK_SIZES: [usize; 2] = [256, 2048];

/// How far a step goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hyper {
    pub lr: f32,
    /// How much of the first and second moment stays, from 0 to below 1.
    pub betas: [f32; 2],
    /// Added to the root of the second moment.
    pub eps: f32,
    /// Decoupled: parameters shrink by lr·weight_decay of themselves.
    pub weight_decay: f32,
}

impl Default for Hyper {
    fn default() -> Hyper {
        Hyper {
            lr: 1e-3,
            betas: [0.9, 0.999],
            eps: 1e-8,
            weight_decay: 1e-2,
        }
    }
}

/// Both moments of `len` parameters.
#[derive(Clone, Debug)]
pub struct State {
    block_size: usize,
    steps: u32,
    m: Vec<u8>,
    v: Vec<u8>,
    /// The largest magnitudes of each block's two moments.
    scales: Vec<[f32; 2]>,
}

impl State {
    /// Moments of 0.
    ///
    /// # Errors
    /// When the block size is not one of [`BLOCK_SIZES`].
    pub fn new(len: usize, block_size: usize) -> Result<State, Misfit> {
        if !BLOCK_SIZES.contains(&block_size) {
            return Err(Misfit::BlockSize(block_size));
        }
        Ok(State {
            block_size,
            steps: 0,
            m: vec![Map::SIGNED_ZERO; len],
            v: vec![0; len],
            scales: vec![[0.0; 2]; len.div_ceil(block_size)],
        })
    }

    /// Codes of the first moment, in [`signed_map`].
    pub fn m(&self) -> &[u8] {
        &self.m
    }

    /// Codes of the second moment, in [`unsigned_map`].
    pub fn v(&self) -> &[u8] {
        &self.v
    }

    /// What each block's values of the map are multiplied with, for the first and second moment.
    pub fn scales(&self) -> &[[f32; 2]] {
        &self.scales
    }

    pub fn steps(&self) -> u32 {
        self.steps
    }

    /// The bytes that it takes.
    pub fn bytes(&self) -> usize {
        self.m.len() + self.v.len() + size_of_val(self.scales.as_slice())
    }
}

/// Why a step cannot be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Misfit {
    Length {
        operand: &'static str,
        want: usize,
        got: usize,
    },
    BlockSize(usize),
    Beta(f32),
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Misfit::Length { operand, want, got } => write!(
                f,
                "`{operand}` should have {want} elements, as many as the state, it has {got}"
            ),
            Misfit::BlockSize(got) => write!(
                f,
                "the block size should be 256 or 2048, it is {got}; take 256"
            ),
            Misfit::Beta(got) => write!(
                f,
                "a beta should be from 0 to below 1, it is {got}; usual are 0.9 and 0.999"
            ),
        }
    }
}

impl std::error::Error for Misfit {}

/// The 256 values of the first moment's codes, in order: 127 below 0, 0, 127 above, and 1.
pub fn signed_map() -> [f64; 256] {
    std::array::from_fn(|code| match code {
        0..127 => -value(127 - code, 6),
        127 => 0.0,
        255 => 1.0,
        _ => value(code - 127, 6),
    })
}

/// The 256 values of the second moment's codes, in order: 0, 254 above, and 1.
pub fn unsigned_map() -> [f64; 256] {
    std::array::from_fn(|code| match code {
        0 => 0.0,
        255 => 1.0,
        _ => value(code + 1, 7),
    })
}

/// The value of a number from 2ᵉ to below 2ᵉ⁺¹, whose decade ends at 10^(e − last): the middle of
/// its part when the decade is cut into 2ᵉ parts.
fn value(number: usize, last: i32) -> f64 {
    let e = number.ilog2();
    let parts = f64::from(1u32 << e);
    let part = number as f64 - parts;
    10f64.powi(e as i32 - last) * (0.1 + 0.9 * (part + 0.5) / parts)
}

/// A map as lines, one for each decade. Tables are in the order of [`Simd::pick`].
struct Map {
    /// Where the nearest value changes from 0 to the first decade, from each to the next, and from
    /// the last to 1.
    borders: [f32; 8],
    /// From values to numbers, by decades counted from 1; 0 and 1 share a line.
    encode: [[f32; 8]; 2],
    /// The largest number of each decade.
    top: [f32; 8],
    /// From numbers to values, by the exponent of the number.
    decode: [[f32; 8]; 2],
}

impl Map {
    const SIGNED_ZERO: u8 = 127;

    fn signed() -> &'static Map {
        static MAP: OnceLock<Map> = OnceLock::new();
        MAP.get_or_init(|| Map::new(6, 0))
    }

    fn unsigned() -> &'static Map {
        static MAP: OnceLock<Map> = OnceLock::new();
        MAP.get_or_init(|| Map::new(7, 1))
    }

    /// Numbers from 2^first on; seven decades, of which the last ends at 1.
    fn new(last: i32, first: usize) -> Map {
        let slot = |e: usize| (127 + e) % 8;
        let mut map = Map {
            borders: [0.0; 8],
            encode: [[0.0; 8]; 2],
            top: [0.0; 8],
            decode: [[0.0; 8]; 2],
        };
        // The number of 0, and of 1.
        let [zero, one] = [first, 1 << (first + 7)];
        let values = |number: usize| match number {
            number if number == zero => 0.0,
            number if number == one => 1.0,
            number => value(number, last),
        };
        let mut line = |e: usize, decade: usize, low: f64, slope: f64, number: f64, top: usize| {
            let (at, by) = (slot(decade), slot(e));
            map.encode[0][at] = (1.0 / slope) as f32;
            map.encode[1][at] = (number - low / slope) as f32;
            map.top[at] = top as f32;
            map.decode[0][by] = slope as f32;
            map.decode[1][by] = (low - slope * number) as f32;
        };
        // The line of 0 and 1 first: 1 has an exponent of its own where numbers begin at 0.
        let slope = 1.0 / (one - zero) as f64;
        line(first + 7, 0, 0.0, slope, zero as f64, one);
        for decade in 1..=7 {
            let e = decade - 1 + first;
            let number = 1 << e;
            let slope = 0.9 * 10f64.powi(e as i32 - last) / number as f64;
            line(
                e,
                decade,
                value(number, last),
                slope,
                number as f64,
                2 * number - 1,
            );
        }
        for (decade, border) in map.borders.iter_mut().enumerate() {
            let above = 1 << (decade + first);
            let below = if decade == 0 { zero } else { above - 1 };
            *border = ((values(below) + values(above)) / 2.0) as f32;
        }
        map
    }

    /// The number of the nearest value, for x from 0 to 1.
    #[inline(always)]
    fn encode<S: Simd>(&self, s: S, x: S::V) -> S::V {
        let mut decade = s.splat(1.0);
        for (i, border) in self.borders.iter().enumerate() {
            let next = s.splat((2 << i) as f32);
            decade = s.choose(x, s.splat(*border), next, decade);
        }
        let [slope, offset] = &self.encode;
        let number = s.fma(x, s.pick(slope, decade), s.pick(offset, decade));
        // Past the last value of a decade the line goes on, to numbers of the next.
        let top = s.pick(&self.top, decade);
        let number = s.choose(top, number, number, top);
        let round = s.splat(ROUND);
        s.add(s.add(number, round), s.splat(-ROUND))
    }

    /// The value of a number above 0.
    #[inline(always)]
    fn decode<S: Simd>(&self, s: S, number: S::V) -> S::V {
        let [slope, offset] = &self.decode;
        s.fma(number, s.pick(slope, number), s.pick(offset, number))
    }
}

/// A line from values to their numbers in a map, and the number where it ends.
#[cfg(feature = "cuda")]
#[derive(Clone, Copy)]
pub(super) struct Line {
    pub slope: f32,
    pub offset: f32,
    pub top: f32,
}

/// Where one line of a map takes over from the line before, and its lines: of 0, the seven decades, and 1.
#[cfg(feature = "cuda")]
pub(super) fn lines(signed: bool) -> ([f32; 8], [Line; 9]) {
    let map = if signed {
        Map::signed()
    } else {
        Map::unsigned()
    };
    let line = |passed: usize| {
        let at = (127 + passed) % 8;
        Line {
            slope: map.encode[0][at],
            offset: map.encode[1][at],
            top: map.top[at],
        }
    };
    (map.borders, std::array::from_fn(line))
}

/// 1.5·2²³: adding it rounds to an integer.
const ROUND: f32 = 12_582_912.0;

/// One step of AdamW on `params`, in place; `state` has both moments. Bias is corrected as in the first
/// paper. A NaN gradient makes its parameter NaN, and from the next step on its block.
///
/// # Errors
/// When lengths differ, or a beta is not from 0 to below 1.
pub fn adam8bit_step(
    params: &mut [f32],
    grads: &[f32],
    state: &mut State,
    hyper: Hyper,
) -> Result<(), Misfit> {
    step_on(Tier::current(), params, grads, state, hyper)
}

fn step_on(
    tier: Tier,
    params: &mut [f32],
    grads: &[f32],
    state: &mut State,
    hyper: Hyper,
) -> Result<(), Misfit> {
    let want = state.m.len();
    for (operand, got) in [("params", params.len()), ("grads", grads.len())] {
        if got != want {
            return Err(Misfit::Length { operand, want, got });
        }
    }
    if let Some(beta) = hyper
        .betas
        .into_iter()
        .find(|beta| !(0.0..1.0).contains(beta))
    {
        return Err(Misfit::Beta(beta));
    }
    state.steps += 1;
    let corrections = hyper
        .betas
        .map(|beta| 1.0 - f64::from(beta).powf(state.steps.into()));
    let rates = Rates {
        keep: hyper.betas,
        take: hyper.betas.map(|beta| 1.0 - beta),
        root: (1.0 / corrections[1].sqrt()) as f32,
        eps: hyper.eps,
        decay: (1.0 - f64::from(hyper.lr) * f64::from(hyper.weight_decay)) as f32,
        rate: (f64::from(hyper.lr) / corrections[0]) as f32,
    };
    let size = state.block_size;
    // Parts that a thread takes at a time.
    let blocks = PART / size;
    let parts = params
        .chunks_mut(PART)
        .zip(grads.chunks(PART))
        .zip(state.m.chunks_mut(PART).zip(state.v.chunks_mut(PART)))
        .zip(state.scales.chunks_mut(blocks));
    let parts = parts.map(|(((params, grads), (m, v)), scales)| {
        Mutex::new(Part {
            params,
            grads,
            m,
            v,
            scales,
        })
    });
    let parts: Vec<_> = parts.collect();
    each(parts.len(), |i| {
        let mut part = parts[i].lock().unwrap_or_else(|poison| poison.into_inner());
        dispatch(
            tier,
            Step {
                part: &mut part,
                size,
                rates,
            },
        );
    });
    Ok(())
}

/// A whole number of blocks of any size.
const PART: usize = 1 << 15;

/// Some parameters and what belongs to them.
struct Part<'a> {
    params: &'a mut [f32],
    grads: &'a [f32],
    m: &'a mut [u8],
    v: &'a mut [u8],
    scales: &'a mut [[f32; 2]],
}

/// What a step multiplies with.
#[derive(Clone, Copy)]
struct Rates {
    keep: [f32; 2],
    take: [f32; 2],
    root: f32,
    eps: f32,
    decay: f32,
    rate: f32,
}

struct Step<'a, 'b> {
    part: &'a mut Part<'b>,
    size: usize,
    rates: Rates,
}

impl Kernel for Step<'_, '_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Step { part, size, rates } = self;
        let mut moments = [[0.0; BLOCK_SIZES[1]]; 2];
        let blocks = part
            .params
            .chunks_mut(size)
            .zip(part.grads.chunks(size))
            .zip(part.m.chunks_mut(size).zip(part.v.chunks_mut(size)))
            .zip(part.scales.iter_mut());
        for (((params, grads), (m, v)), scales) in blocks {
            let len = params.len();
            let whole = len.next_multiple_of(WIDEST);
            if len == whole {
                block(s, rates, params, grads, [m, v], scales, &mut moments);
                continue;
            }
            // The last block of all: what is missing is 0 and stays so.
            let (mut p, mut g) = (vec![0.0; whole], vec![0.0; whole]);
            let (mut a, mut b) = (vec![Map::SIGNED_ZERO; whole], vec![0; whole]);
            p[..len].copy_from_slice(params);
            g[..len].copy_from_slice(grads);
            a[..len].copy_from_slice(m);
            b[..len].copy_from_slice(v);
            block(s, rates, &mut p, &g, [&mut a, &mut b], scales, &mut moments);
            params.copy_from_slice(&p[..len]);
            m.copy_from_slice(&a[..len]);
            v.copy_from_slice(&b[..len]);
        }
    }
}

/// The most lanes of a register.
const WIDEST: usize = 16;

/// One block, of whole registers; new moments have room until their largest are known.
// Indices and no zips: nested iterators are calls, which vectors do not come through in registers.
#[inline(always)]
fn block<S: Simd>(
    s: S,
    rates: Rates,
    params: &mut [f32],
    grads: &[f32],
    [m, v]: [&mut [u8]; 2],
    scales: &mut [f32; 2],
    [new_m, new_v]: &mut [[f32; BLOCK_SIZES[1]]; 2],
) {
    let (signed, unsigned) = (Map::signed(), Map::unsigned());
    let len = params.len();
    let (grads, m, v) = (&grads[..len], &mut m[..len], &mut v[..len]);
    let (new_m, new_v) = (&mut new_m[..len], &mut new_v[..len]);
    let splat = |x: f32| s.splat(x);
    let zero = splat(0.0);
    let (mut largest_m, mut largest_v, mut wrong) = (zero, zero, zero);
    let old_m = splat(scales[0] * rates.keep[0]);
    let old_v = splat(scales[1] * rates.keep[1]);
    for i in (0..len).step_by(S::LANES) {
        let g = s.load(&grads[i..]);
        let number = s.add(s.codes(&m[i..]), splat(-127.0));
        let size = s.max(number, s.mul(number, splat(-1.0)));
        let value = s.choose(size, splat(1.0), signed.decode(s, size), zero);
        let value = s.choose(number, zero, value, s.mul(value, splat(-1.0)));
        let m = s.fma(g, splat(rates.take[0]), s.mul(value, old_m));

        let value = unsigned.decode(s, s.add(s.codes(&v[i..]), splat(1.0)));
        let v = s.fma(s.mul(g, g), splat(rates.take[1]), s.mul(value, old_v));

        let root = s.fma(s.sqrt(v), splat(rates.root), splat(rates.eps));
        let step = s.div(s.mul(m, splat(-rates.rate)), root);
        let params = &mut params[i..];
        s.store(params, s.fma(s.load(params), splat(rates.decay), step));

        s.store(&mut new_m[i..], m);
        s.store(&mut new_v[i..], v);
        largest_m = s.max(s.max(m, s.mul(m, splat(-1.0))), largest_m);
        largest_v = s.max(v, largest_v);
        // v is infinite or NaN where m is; then so is this.
        wrong = s.fma(v, zero, wrong);
    }
    let wrong = s.sum(wrong);
    *scales = [s.largest(largest_m) + wrong, s.largest(largest_v) + wrong];
    // What no inverse can be had of is 0.
    let inverse = |scale: f32| splat(if scale < 1e-37 { 0.0 } else { 1.0 / scale });
    let (by_m, by_v) = (inverse(scales[0]), inverse(scales[1]));
    for i in (0..len).step_by(S::LANES) {
        let x = s.mul(s.load(&new_m[i..]), by_m);
        let number = signed.encode(s, s.max(x, s.mul(x, splat(-1.0))));
        // 1 has a code, and −1 has none.
        let last = splat(127.0);
        let below = s.mul(s.choose(last, number, number, last), splat(-1.0));
        let number = s.choose(x, zero, number, below);
        s.store_codes(&mut m[i..], s.add(number, last));

        let number = unsigned.encode(s, s.mul(s.load(&new_v[i..]), by_v));
        s.store_codes(&mut v[i..], s.add(number, splat(-1.0)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    /// Gradients of many magnitudes, some of them 0.
    fn gradients(seed: u64, len: usize, range: f32) -> Vec<f32> {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut draw = || match rng.random_range(0..9) {
            0 => 0.0,
            i => [1.0, -1.0][i % 2] * 10f32.powf(range * rng.random_range(-1.0..0.0)),
        };
        (0..len).map(|_| draw()).collect()
    }

    /// The code of the nearest value, and how far the border to the next nearest is.
    fn nearest(map: &[f64; 256], x: f64) -> (u8, f64) {
        let above = map.partition_point(|value| *value < x).min(255);
        let below = above.saturating_sub(1);
        let border = (map[below] + map[above]) / 2.0;
        let code = if x > border { above } else { below };
        // The border below matters too, where a value is alone.
        (code as u8, (x - border).abs())
    }

    #[test]
    fn maps_are_sorted_and_as_the_paper_says() {
        for map in [signed_map(), unsigned_map()] {
            assert!(map.windows(2).all(|pair| pair[0] < pair[1]));
            assert_eq!(map[255], 1.0);
        }
        let (signed, unsigned) = (signed_map(), unsigned_map());
        assert_eq!([signed[127], unsigned[0]], [0.0, 0.0]);
        // One value in the first decade, the middle of 1e-7 and 1e-6; in the last 64, from 0.1 to 1.
        assert!((signed[128] - 5.5e-7).abs() < 1e-15);
        assert!((signed[191] - (0.1 + 0.45 / 64.0)).abs() < 1e-12);
        assert!((unsigned[1] - 3.25e-7).abs() < 1e-15);
        assert!((unsigned[254] - (1.0 - 0.45 / 128.0)).abs() < 1e-12);
        for i in 1..=127 {
            assert_eq!(signed[127 - i], -signed[127 + i]);
        }
    }

    /// One step against f64 from the same state, for five steps.
    ///
    /// A decoded value is off by 2⁻²¹ of itself: its line's offset is at most nine times as large, and
    /// three roundings of 2⁻²⁴ come in. Moments add two roundings, and 2⁻²⁰ has room for the rest.
    #[test]
    fn steps_equal_f64_on_ragged_lengths() {
        let hyper = Hyper {
            lr: 0.02,
            ..Hyper::default()
        };
        const TOL: f64 = 1.0 / 1_048_576.0;
        for (seed, len) in [0, 1, 7, 16, 255, 256, 257, 1000, 5000, 40_000]
            .into_iter()
            .enumerate()
        {
            for (tier, size) in Tier::all()
                .into_iter()
                .flat_map(|tier| BLOCK_SIZES.map(|size| (tier, size)))
            {
                let mut params = gradients(seed as u64 + 100, len + 1, 2.0);
                let params = &mut params[1..];
                let mut state = State::new(len, size).unwrap();
                for t in 1..=5 {
                    let grads = gradients(seed as u64 + 10 * t, len, 8.0);
                    let (old, before) = (state.clone(), params.to_vec());
                    step_on(tier, params, &grads, &mut state, hyper).unwrap();
                    let (signed, unsigned) = (signed_map(), unsigned_map());
                    let [b1, b2] = hyper.betas.map(f64::from);
                    for (b, scales) in state.scales.iter().enumerate() {
                        let block = b * size..len.min((b + 1) * size);
                        let moments = block.clone().map(|i| {
                            let [sm, sv] = old.scales[b].map(f64::from);
                            let g = f64::from(grads[i]);
                            let m = [b1 * sm * signed[usize::from(old.m[i])], (1.0 - b1) * g];
                            let v = b2 * sv * unsigned[usize::from(old.v[i])] + (1.0 - b2) * g * g;
                            (m[0] + m[1], v, m[0].abs() + m[1].abs())
                        });
                        let moments: Vec<_> = moments.collect();
                        let largest = |f: &dyn Fn(&(f64, f64, f64)) -> f64| {
                            moments.iter().map(f).fold(0.0, f64::max)
                        };
                        let want = [largest(&|x| x.0.abs()), largest(&|x| x.1)];
                        for (got, want) in scales.iter().zip(want) {
                            assert!(
                                (f64::from(*got) - want).abs() <= 8.0 * TOL * want.max(1e-30),
                                "{got} {want}"
                            );
                        }
                        for (i, (m, v, size)) in block.zip(&moments) {
                            let root =
                                (v / (1.0 - b2.powi(t as i32))).sqrt() + f64::from(hyper.eps);
                            let rate = f64::from(hyper.lr) / (1.0 - b1.powi(t as i32)) / root;
                            let decay = 1.0 - f64::from(hyper.lr) * f64::from(hyper.weight_decay);
                            let want = f64::from(before[i]) * decay - rate * m;
                            let tol = TOL * (want.abs() + before[i].abs() as f64 + rate * size);
                            let got = f64::from(params[i]);
                            assert!(
                                (got - want).abs() <= tol,
                                "{tier:?} {len} {i}: {got} is not {want}"
                            );
                            for (map, code, x, scale, size) in [
                                (&signed, state.m[i], *m, scales[0], *size),
                                (&unsigned, state.v[i], *v, scales[1], *v),
                            ] {
                                if scale == 0.0 {
                                    assert_eq!(map[usize::from(code)], 0.0);
                                    continue;
                                }
                                let x = x / f64::from(scale);
                                let (want, gap) = nearest(map, x);
                                let near = gap <= TOL * (2.0 * size / f64::from(scale) + x.abs());
                                assert!(
                                    code == want || near && code.abs_diff(want) == 1,
                                    "{tier:?} {len} {i}: {x} has {code}, not {want}"
                                );
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn nan_stays_in_its_block_and_zero_stays_zero() {
        for tier in Tier::all() {
            let mut state = State::new(600, 256).unwrap();
            let mut params = vec![1.0; 600];
            let mut grads = vec![0.0; 600];
            let hyper = Hyper {
                weight_decay: 0.0,
                ..Hyper::default()
            };
            step_on(tier, &mut params, &grads, &mut state, hyper).unwrap();
            assert!(params.iter().all(|x| *x == 1.0));
            assert!(
                state.m.iter().all(|code| *code == 127) && state.v.iter().all(|code| *code == 0)
            );
            grads[300] = f32::NAN;
            step_on(tier, &mut params, &grads, &mut state, hyper).unwrap();
            let nan: Vec<usize> = (0..600).filter(|i| params[*i].is_nan()).collect();
            assert_eq!(nan, [300], "{tier:?}");
            step_on(tier, &mut params, &grads, &mut state, hyper).unwrap();
            let nan: Vec<usize> = (0..600).filter(|i| params[*i].is_nan()).collect();
            assert_eq!(nan, (256..512).collect::<Vec<_>>(), "{tier:?}");
        }
    }

    #[test]
    fn gradients_may_be_extreme() {
        for tier in Tier::all() {
            for g in [1e-30, 1e-20, 1e4, 1e15] {
                let mut state = State::new(20, 256).unwrap();
                let mut params = vec![1.0; 20];
                let hyper = Hyper {
                    lr: 0.1,
                    eps: 1e-36,
                    weight_decay: 0.0,
                    ..Hyper::default()
                };
                step_on(tier, &mut params, &[g; 20], &mut state, hyper).unwrap();
                // The first step is lr, unless g² is nothing.
                let want = if g == 1e-30 { 1.0 - 0.1 * 1e6 } else { 0.9 };
                for p in params {
                    assert!((p - want).abs() <= 1e-3 * want.abs(), "{tier:?} {g}: {p}");
                }
            }
        }
    }

    #[test]
    fn a_state_takes_two_bytes_a_parameter_and_eight_a_block() {
        assert_eq!(State::new(1024, 256).unwrap().bytes(), 2 * 1024 + 4 * 8);
    }

    #[test]
    fn misfits_are_sentences() {
        let mut state = State::new(3, 256).unwrap();
        let mut words = |params: &mut [f32], hyper| {
            adam8bit_step(params, &[0.0; 3], &mut state, hyper)
                .unwrap_err()
                .to_string()
        };
        assert!(
            words(&mut [0.0; 2], Hyper::default()).starts_with("`params` should have 3 elements")
        );
        let hyper = Hyper {
            betas: [0.9, 1.0],
            ..Hyper::default()
        };
        assert!(
            words(&mut [0.0; 3], hyper).starts_with("a beta should be from 0 to below 1, it is 1")
        );
        let size = State::new(3, 100).unwrap_err().to_string();
        assert!(size.starts_with("the block size should be 256 or 2048, it is 100"));
    }
}
