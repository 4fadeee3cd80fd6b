//! Kernels are written once, over [`Simd`], and compiled for every instruction set.
//!
//! A value of a type that implements [`Simd`] is a proof that the processor has its instructions:
//! only [`dispatch`] makes one, after looking. So kernels need no `unsafe`; it stands here, one
//! instruction at a time. Everything that takes a [`Simd`] is `#[inline(always)]`: only what is
//! inlined into the functions of [`dispatch`] is compiled with their instructions.

use super::cpu::Tier;
use half::bf16;

/// One vector register of f32, and what kernels do with it.
pub trait Simd: Copy {
    /// A register.
    type V: Copy;
    /// The numbers in a register.
    const LANES: usize;
    /// The registers that a block of results may use across: 4 of 32, or 2 of 16.
    const WIDE: usize;

    fn splat(self, x: f32) -> Self::V;
    /// The first `LANES` numbers, which need no alignment. Panics when there are fewer.
    fn load(self, from: &[f32]) -> Self::V;
    /// Writes the first `LANES` numbers. Panics when there is no room.
    fn store(self, to: &mut [f32], v: Self::V);
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    /// a·b + c, rounded once where the processor can.
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// The larger; `b` where one of the two is NaN.
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    /// The sum of all lanes.
    fn sum(self, v: Self::V) -> f32;
    /// The largest of all lanes.
    fn largest(self, v: Self::V) -> f32;
    /// y·2ⁿ for a whole n from −126 to 127; 0 where x < `least`, whatever n is. NaN stays NaN.
    fn scale(self, y: Self::V, n: Self::V, x: Self::V, least: f32) -> Self::V;
    /// The lanes of the first and of the second half, each twice in a row.
    fn twice(self, v: Self::V) -> [Self::V; 2];
    /// Pairs (x₀, x₁) → (x₀·cos − x₁·sin, x₁·cos + x₀·sin).
    fn turn(self, x: Self::V, cos: Self::V, sin: Self::V) -> Self::V;

    /// The polynomial in r with these coefficients, that of the highest power first (Horner).
    #[inline(always)]
    fn polynomial(self, r: Self::V, coefficients: &[f32]) -> Self::V {
        let mut p = self.splat(coefficients[0]);
        for c in &coefficients[1..] {
            p = self.fma(p, r, self.splat(*c));
        }
        p
    }

    /// eˣ for x ≤ 88 within 2 ulp; 0 below −87, where eˣ < 2e-38. NaN stays NaN.
    ///
    /// x = n·ln 2 + r with |r| ≤ ln 2 / 2, and eʳ is a polynomial, fitted at Chebyshev's points.
    #[inline(always)]
    fn exp(self, x: Self::V) -> Self::V {
        let shifted = self.fma(x, self.splat(std::f32::consts::LOG2_E), self.splat(ROUND));
        let n = self.add(shifted, self.splat(-ROUND));
        // ln 2 in two parts: the first has few digits, so that its product is exact.
        let r = self.fma(n, self.splat(-0.693_359_4), x);
        let r = self.fma(n, self.splat(2.121_944_4e-4), r);
        self.scale(self.polynomial(r, &POLYNOMIAL), n, x, LEAST)
    }

    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    /// `y` in the lanes where `w` is not 0, and 0 elsewhere: 0·∞ is then 0.
    fn weighed(self, w: Self::V, y: Self::V) -> Self::V;
    /// y·2ⁿ, where n + 127 ≥ 0 stands in the low bits of `biased`; 0 for n = −127.
    fn times_power(self, y: Self::V, biased: Self::V) -> Self::V;
    /// Fewer than `LANES` numbers, which need no alignment, then copies of `fill`.
    fn load_part(self, from: &[f32], fill: f32) -> Self::V;
    /// Writes the first lanes, as many as there is room for, but fewer than `LANES`.
    fn store_part(self, to: &mut [f32], v: Self::V);
    /// As [`Simd::store`], past the caches where the address is a multiple of the register's bytes:
    /// the line is not read before it is overwritten. Call [`Simd::fence`] after the last.
    fn stream(self, to: &mut [f32], v: Self::V);
    /// The first `LANES` numbers as f32. Panics when there are fewer.
    fn widen(self, from: &[bf16]) -> Self::V;
    /// The first `LANES` numbers rounded to the nearest bf16, ties to even. Panics without room.
    fn round_to(self, to: &mut [bf16], v: Self::V);
    /// As [`Simd::round_to`] and [`Simd::stream`].
    fn stream_round_to(self, to: &mut [bf16], v: Self::V);
    /// Makes what was streamed visible to other threads.
    fn fence(self);
    /// Asks for the cache line of element `at`, which may lie behind the end.
    fn prefetch<T>(self, from: &[T], at: usize);

    /// 2^(c·d) for c·d ≤ 127 and `least` = −127/c; 0 for d ≤ `least`. NaN stays NaN. The relative
    /// error is 2e-7 + |c·d|·1e-7: with c = log₂e / T, for exp(d / T) in one step less than `exp`.
    ///
    /// c·d = n + r with |r| ≤ ½, and 2ʳ is a polynomial with the least relative error (9e-8) among
    /// those that give 2⁰ = 1.
    #[inline(always)]
    fn exp_scaled(self, d: Self::V, c: Self::V, least: Self::V) -> Self::V {
        let d = self.max(least, d);
        let round = self.splat(ROUND + 127.0);
        let biased = self.fma(d, c, round);
        let r = self.fma(d, c, self.sub(round, biased));
        self.times_power(self.polynomial(r, &POWER_OF_TWO), biased)
    }

    /// The nearest whole number.
    fn round(self, v: Self::V) -> Self::V;
    /// `x` where a ≤ b, −∞ elsewhere.
    fn at_most(self, a: Self::V, b: Self::V, x: Self::V) -> Self::V;
    /// Sums over lanes of `LANES` registers: lane i has the sum of `v[i]`.
    fn sums(self, v: &[Self::V]) -> Self::V;
    /// Writes the transpose of `LANES` rows of `LANES` numbers; rows start every so many elements.
    fn transpose(self, from: &[f32], by: usize, to: &mut [f32], to_by: usize);

    /// 2ˣ for x ≤ 127 within 2.1 ulp; 0 below −126.5. NaN stays NaN. Cheaper than [`Simd::exp`]: the
    /// remainder is exact in one step.
    ///
    /// x = n + r with |r| ≤ ½, and 2ʳ is a polynomial of degree 5 with the least relative error
    /// (9e-8) among those that give 2⁰ = 1.
    #[inline(always)]
    fn exp2(self, x: Self::V) -> Self::V {
        let n = self.round(x);
        let r = self.sub(x, n);
        self.scale(self.polynomial(r, &POWER_OF_TWO), n, n, -126.0)
    }

    /// 2ˣ for x ≤ 127 within 2⁻¹³ of itself, for results that are rounded to bf16 or sums of them; 0
    /// below −87. NaN stays NaN.
    ///
    /// x = n + r with |r| ≤ 1/2; the cubic has the least relative error there.
    #[inline(always)]
    fn exp2_rough(self, x: Self::V) -> Self::V {
        let n = self.add(self.add(x, self.splat(ROUND)), self.splat(-ROUND));
        let r = self.sub(x, n);
        self.scale(self.polynomial(r, &CUBIC), n, x, LEAST)
    }

    /// The 4 bits from bit `at` on of the first `LANES` words, as numbers from −8 to 7 in two's
    /// complement: quantised weights.
    fn nibbles(self, from: &[u32], at: u32) -> Self::V;
    /// The first `LANES` bytes: quantised weights.
    fn bytes(self, from: &[i8]) -> Self::V;
    /// The first `LANES` bytes: codes of 8-bit states.
    fn codes(self, from: &[u8]) -> Self::V;
    /// Writes whole numbers from 0 to 255 to the first `LANES` bytes.
    fn store_codes(self, to: &mut [u8], v: Self::V);
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    fn sqrt(self, v: Self::V) -> Self::V;
    /// `x` where a ≥ b, else `y`.
    fn choose(self, a: Self::V, b: Self::V, x: Self::V, y: Self::V) -> Self::V;
    /// The table's entry at the lowest three bits of each number's exponent: at (127 + e) mod 8 for
    /// numbers from 2ᵉ to below 2ᵉ⁺¹. What differs from one power of two to the next.
    fn pick(self, table: &[f32; 8], v: Self::V) -> Self::V;
    /// c + a·b in each lane, where `a` and `b` hold pairs of bf16 as bits, the first of a pair in the
    /// low half: two products and two sums. Where the processor has the instruction, it takes
    /// denormals for zeros.
    fn dot(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// The first 2·`LANES` numbers as pairs, as their bits lie. Panics when there are fewer.
    fn load_bf16(self, from: &[bf16]) -> Self::V;
    /// Writes pairs to the first 2·`LANES` numbers. Panics when there is no room.
    fn store_bf16(self, to: &mut [bf16], pairs: Self::V);
    /// The numbers of `a`, then those of `b`, rounded to bf16: as many pairs as lanes.
    fn narrow(self, a: Self::V, b: Self::V) -> Self::V;
    /// The first `LANES` numbers of both as pairs. Panics when there are fewer.
    fn pairs(self, first: &[bf16], second: &[bf16]) -> Self::V;
    /// Weights 2·`step` and 2·`step` + 1 of the first `LANES` words, as pairs of bf16: 4 bits in two's
    /// complement each, in the low bits of a word's halves after a shift by 4·`step`.
    fn nibble_pairs(self, from: &[u32], step: usize) -> Self::V;
    /// The first `LANES` bytes of both as pairs of bf16.
    fn byte_pairs(self, first: &[i8], second: &[i8]) -> Self::V;
    /// Whether a lane of `a` is above that of `b`; NaN is not.
    fn any_above(self, a: Self::V, b: Self::V) -> bool;
}

/// The coefficients of r³ to r⁰ for 2ʳ.
const CUBIC: [f32; 4] = [0.055_171_67, 0.242_611_12, 0.693_261, 0.999_928_1];

/// Two numbers as one word.
#[inline(always)]
pub fn pair(first: bf16, second: bf16) -> f32 {
    f32::from_bits(u32::from(first.to_bits()) | u32::from(second.to_bits()) << 16)
}

/// The two numbers of a word.
#[inline(always)]
pub fn unpair(word: f32) -> [f32; 2] {
    let bits = word.to_bits();
    [
        f32::from_bits(bits << 16),
        f32::from_bits(bits & 0xffff_0000),
    ]
}

/// As [`bf16::to_f32`], without a branch, so that loops over it become vectors.
#[inline(always)]
pub fn wide(x: bf16) -> f32 {
    f32::from_bits(u32::from(x.to_bits()) << 16)
}

/// The nearest bf16, ties to even; NaN stays NaN. Without a branch, so that loops over it become
/// vectors.
#[inline(always)]
pub fn round(x: f32) -> bf16 {
    let bits = x.to_bits();
    let nearest = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16;
    let nan = bits >> 16 | 0x40;
    bf16::from_bits(if x.is_nan() { nan } else { nearest } as u16)
}

/// The coefficients of r⁵ to r⁰ in 2ʳ.
#[expect(
    clippy::approx_constant,
    reason = "fitted; close to ln 2, as it must be"
)]
const POWER_OF_TWO: [f32; 6] = [
    1.326_472_7e-3,
    9.671_513e-3,
    5.550_733_6e-2,
    2.402_224_2e-1,
    6.931_47e-1,
    1.0,
];

/// The coefficients of r⁶ to r⁰.
const POLYNOMIAL: [f32; 7] = [
    1.392_618_4e-3,
    8.363_179e-3,
    4.166_655_5e-2,
    1.666_657_7e-1,
    0.5,
    1.0,
    1.0,
];

/// 1.5·2²³: adding it rounds to an integer, which then stands in the low bits.
const ROUND: f32 = 12_582_912.0;

/// Below this, eˣ is taken as 0: 2ⁿ would leave the exponent's range.
const LEAST: f32 = -87.0;

/// Work that is written for any instruction set.
pub trait Kernel {
    type Out;
    /// To be marked `#[inline(always)]`.
    fn run<S: Simd>(self, simd: S) -> Self::Out;
}

/// Runs the kernel with the instructions of `tier`, or of the best tier below that this machine has.
pub fn dispatch<K: Kernel>(tier: Tier, kernel: K) -> K::Out {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma,f16c")]
        fn avx512<K: Kernel>(kernel: K) -> K::Out {
            kernel.run(x86::Avx512::<false>(()))
        }
        #[target_feature(enable = "avx2,fma,f16c")]
        fn avx2<K: Kernel>(kernel: K) -> K::Out {
            kernel.run(x86::Avx2(()))
        }
        match tier.min(Tier::detected()) {
            // SAFETY: this machine has the tier's instructions.
            Tier::Avx512 | Tier::Avx512Bf16 | Tier::Amx => return unsafe { avx512(kernel) },
            // SAFETY: as above.
            Tier::Avx2 => return unsafe { avx2(kernel) },
            Tier::Scalar => {}
        }
    }
    kernel.run(Portable)
}

/// The same for kernels that use [`Simd::dot`]: with its instruction where the tier has it. Others
/// are not compiled a fourth time.
pub fn dispatch_bf16<K: Kernel>(tier: Tier, kernel: K) -> K::Out {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx512bf16,avx2,fma,f16c")]
        fn avx512bf16<K: Kernel>(kernel: K) -> K::Out {
            kernel.run(x86::Avx512::<true>(()))
        }
        if tier.min(Tier::detected()) >= Tier::Avx512Bf16 {
            // SAFETY: this machine has the tier's instructions.
            return unsafe { avx512bf16(kernel) };
        }
    }
    dispatch(tier, kernel)
}

/// Plain Rust on four lanes: what any processor has, if the compiler sees it.
#[derive(Clone, Copy)]
struct Portable;

#[inline(always)]
fn lanes(f: impl Fn(usize) -> f32) -> [f32; 4] {
    [f(0), f(1), f(2), f(3)]
}

impl Simd for Portable {
    type V = [f32; 4];
    const LANES: usize = 4;
    const WIDE: usize = 2;

    #[inline(always)]
    fn splat(self, x: f32) -> [f32; 4] {
        [x; 4]
    }
    #[inline(always)]
    fn load(self, from: &[f32]) -> [f32; 4] {
        *from.first_chunk().expect("a whole register")
    }
    #[inline(always)]
    fn store(self, to: &mut [f32], v: [f32; 4]) {
        *to.first_chunk_mut().expect("a whole register") = v;
    }
    #[inline(always)]
    fn add(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        lanes(|i| a[i] + b[i])
    }
    #[inline(always)]
    fn mul(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        lanes(|i| a[i] * b[i])
    }
    /// Two roundings: without the instruction, one rounding is a slow call.
    #[inline(always)]
    fn fma(self, a: [f32; 4], b: [f32; 4], c: [f32; 4]) -> [f32; 4] {
        lanes(|i| a[i] * b[i] + c[i])
    }
    #[inline(always)]
    fn max(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        lanes(|i| if a[i] > b[i] { a[i] } else { b[i] })
    }
    #[inline(always)]
    fn sum(self, v: [f32; 4]) -> f32 {
        (v[0] + v[1]) + (v[2] + v[3])
    }
    #[inline(always)]
    fn largest(self, v: [f32; 4]) -> f32 {
        v[0].max(v[1]).max(v[2].max(v[3]))
    }
    #[inline(always)]
    fn scale(self, y: [f32; 4], n: [f32; 4], x: [f32; 4], least: f32) -> [f32; 4] {
        // n + 127 in the exponent's bits is 2ⁿ.
        let power = |i: usize| f32::from_bits((n[i] + ROUND).to_bits().wrapping_add(127) << 23);
        lanes(|i| if x[i] < least { 0.0 } else { y[i] * power(i) })
    }
    #[inline(always)]
    fn twice(self, v: [f32; 4]) -> [[f32; 4]; 2] {
        [[v[0], v[0], v[1], v[1]], [v[2], v[2], v[3], v[3]]]
    }
    #[inline(always)]
    fn turn(self, x: [f32; 4], cos: [f32; 4], sin: [f32; 4]) -> [f32; 4] {
        let sign = [-1.0, 1.0, -1.0, 1.0];
        lanes(|i| x[i] * cos[i] + sign[i] * x[i ^ 1] * sin[i])
    }
    #[inline(always)]
    fn dot(self, a: [f32; 4], b: [f32; 4], c: [f32; 4]) -> [f32; 4] {
        lanes(|i| {
            let (a, b) = (unpair(a[i]), unpair(b[i]));
            c[i] + a[0] * b[0] + a[1] * b[1]
        })
    }
    #[inline(always)]
    fn load_bf16(self, from: &[bf16]) -> [f32; 4] {
        let from: &[bf16; 8] = from.first_chunk().expect("a whole register");
        lanes(|i| pair(from[2 * i], from[2 * i + 1]))
    }
    #[inline(always)]
    fn narrow(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        let mut numbers = [bf16::ZERO; 8];
        self.round_to(&mut numbers, a);
        self.round_to(&mut numbers[4..], b);
        self.load_bf16(&numbers)
    }
    #[inline(always)]
    fn store_bf16(self, to: &mut [bf16], pairs: [f32; 4]) {
        let to: &mut [bf16; 8] = to.first_chunk_mut().expect("a whole register");
        for (i, pair) in pairs.into_iter().enumerate() {
            let bits = pair.to_bits();
            to[2 * i] = bf16::from_bits(bits as u16);
            to[2 * i + 1] = bf16::from_bits((bits >> 16) as u16);
        }
    }
    #[inline(always)]
    fn pairs(self, first: &[bf16], second: &[bf16]) -> [f32; 4] {
        lanes(|i| pair(first[i], second[i]))
    }
    #[inline(always)]
    fn nibble_pairs(self, from: &[u32], step: usize) -> [f32; 4] {
        let at = 4 * step as u32;
        let (first, second) = (self.nibbles(from, at), self.nibbles(from, at + 16));
        lanes(|i| pair(bf16::from_f32(first[i]), bf16::from_f32(second[i])))
    }
    #[inline(always)]
    fn byte_pairs(self, first: &[i8], second: &[i8]) -> [f32; 4] {
        lanes(|i| pair(bf16::from(first[i]), bf16::from(second[i])))
    }
    #[inline(always)]
    fn any_above(self, a: [f32; 4], b: [f32; 4]) -> bool {
        (0..4).any(|i| a[i] > b[i])
    }
    #[inline(always)]
    fn nibbles(self, from: &[u32], at: u32) -> [f32; 4] {
        let from: &[u32; 4] = from.first_chunk().expect("a whole register");
        lanes(|i| ((from[i] << (28 - at)) as i32 >> 28) as f32)
    }
    #[inline(always)]
    fn bytes(self, from: &[i8]) -> [f32; 4] {
        let from: &[i8; 4] = from.first_chunk().expect("a whole register");
        lanes(|i| f32::from(from[i]))
    }
    #[inline(always)]
    fn codes(self, from: &[u8]) -> [f32; 4] {
        let from: &[u8; 4] = from.first_chunk().expect("a whole register");
        lanes(|i| f32::from(from[i]))
    }
    #[inline(always)]
    fn store_codes(self, to: &mut [u8], v: [f32; 4]) {
        let to: &mut [u8; 4] = to.first_chunk_mut().expect("a whole register");
        *to = v.map(|x| x as u8);
    }
    #[inline(always)]
    fn div(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        lanes(|i| a[i] / b[i])
    }
    #[inline(always)]
    fn sqrt(self, v: [f32; 4]) -> [f32; 4] {
        lanes(|i| v[i].sqrt())
    }
    #[inline(always)]
    fn choose(self, a: [f32; 4], b: [f32; 4], x: [f32; 4], y: [f32; 4]) -> [f32; 4] {
        lanes(|i| if a[i] >= b[i] { x[i] } else { y[i] })
    }
    #[inline(always)]
    fn pick(self, table: &[f32; 8], v: [f32; 4]) -> [f32; 4] {
        lanes(|i| table[(v[i].to_bits() >> 23 & 7) as usize])
    }
    #[inline(always)]
    fn sub(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        lanes(|i| a[i] - b[i])
    }
    #[inline(always)]
    fn weighed(self, w: [f32; 4], y: [f32; 4]) -> [f32; 4] {
        lanes(|i| if w[i] == 0.0 { 0.0 } else { y[i] })
    }
    #[inline(always)]
    fn times_power(self, y: [f32; 4], biased: [f32; 4]) -> [f32; 4] {
        lanes(|i| y[i] * f32::from_bits(biased[i].to_bits() << 23))
    }
    #[inline(always)]
    fn load_part(self, from: &[f32], fill: f32) -> [f32; 4] {
        lanes(|i| from.get(i).copied().unwrap_or(fill))
    }
    #[inline(always)]
    fn store_part(self, to: &mut [f32], v: [f32; 4]) {
        to.copy_from_slice(&v[..to.len()]);
    }
    #[inline(always)]
    fn stream(self, to: &mut [f32], v: [f32; 4]) {
        self.store(to, v);
    }
    #[inline(always)]
    fn widen(self, from: &[bf16]) -> [f32; 4] {
        let from: &[bf16; 4] = from.first_chunk().expect("a whole register");
        lanes(|i| from[i].to_f32())
    }
    #[inline(always)]
    fn round_to(self, to: &mut [bf16], v: [f32; 4]) {
        let to: &mut [bf16; 4] = to.first_chunk_mut().expect("a whole register");
        *to = v.map(bf16::from_f32);
    }
    #[inline(always)]
    fn stream_round_to(self, to: &mut [bf16], v: [f32; 4]) {
        self.round_to(to, v);
    }
    #[inline(always)]
    fn fence(self) {}
    #[inline(always)]
    fn prefetch<T>(self, _: &[T], _: usize) {}
    #[inline(always)]
    fn round(self, v: [f32; 4]) -> [f32; 4] {
        // Above 2²² in size there is nothing to round that this trick could see.
        let near = |x: f32| {
            if x.abs() < 4e6 {
                (x + ROUND) - ROUND
            } else {
                x
            }
        };
        lanes(|i| near(v[i]))
    }
    #[inline(always)]
    fn at_most(self, a: [f32; 4], b: [f32; 4], x: [f32; 4]) -> [f32; 4] {
        lanes(|i| {
            if a[i] <= b[i] {
                x[i]
            } else {
                f32::NEG_INFINITY
            }
        })
    }
    #[inline(always)]
    fn sums(self, v: &[[f32; 4]]) -> [f32; 4] {
        lanes(|i| self.sum(v[i]))
    }
    #[inline(always)]
    fn transpose(self, from: &[f32], by: usize, to: &mut [f32], to_by: usize) {
        for i in 0..4 {
            let row: [f32; 4] = self.load(&from[i * by..]);
            for (j, x) in row.into_iter().enumerate() {
                to[j * to_by + i] = x;
            }
        }
    }
}

/// One instruction for each function, on unaligned data.
#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Simd, bf16};
    use std::arch::x86_64::*;

    /// Proof of AVX-512, and of AVX-512 BF16 where `BF16`.
    #[derive(Clone, Copy)]
    pub struct Avx512<const BF16: bool>(pub(super) ());

    impl<const BF16: bool> Simd for Avx512<BF16> {
        type V = __m512;
        const LANES: usize = 16;
        const WIDE: usize = 4;

        #[inline(always)]
        fn splat(self, x: f32) -> __m512 {
            // SAFETY: `self` proves AVX-512, here and in the functions below.
            unsafe { _mm512_set1_ps(x) }
        }
        #[inline(always)]
        fn load(self, from: &[f32]) -> __m512 {
            let from: &[f32; 16] = from.first_chunk().expect("a whole register");
            // SAFETY: 16 numbers are there.
            unsafe { _mm512_loadu_ps(from.as_ptr()) }
        }
        #[inline(always)]
        fn store(self, to: &mut [f32], v: __m512) {
            let to: &mut [f32; 16] = to.first_chunk_mut().expect("a whole register");
            // SAFETY: there is room for 16 numbers.
            unsafe { _mm512_storeu_ps(to.as_mut_ptr(), v) }
        }
        #[inline(always)]
        fn add(self, a: __m512, b: __m512) -> __m512 {
            // SAFETY: as for `splat`.
            unsafe { _mm512_add_ps(a, b) }
        }
        #[inline(always)]
        fn mul(self, a: __m512, b: __m512) -> __m512 {
            // SAFETY: as for `splat`.
            unsafe { _mm512_mul_ps(a, b) }
        }
        #[inline(always)]
        fn fma(self, a: __m512, b: __m512, c: __m512) -> __m512 {
            // SAFETY: as for `splat`.
            unsafe { _mm512_fmadd_ps(a, b, c) }
        }
        #[inline(always)]
        fn max(self, a: __m512, b: __m512) -> __m512 {
            // SAFETY: as for `splat`.
            unsafe { _mm512_max_ps(a, b) }
        }
        #[inline(always)]
        fn sum(self, v: __m512) -> f32 {
            // SAFETY: as for `splat`.
            unsafe { _mm512_reduce_add_ps(v) }
        }
        #[inline(always)]
        fn largest(self, v: __m512) -> f32 {
            // SAFETY: as for `splat`.
            unsafe { _mm512_reduce_max_ps(v) }
        }
        #[inline(always)]
        fn scale(self, y: __m512, n: __m512, x: __m512, least: f32) -> __m512 {
            // SAFETY: as for `splat`. «Not less than» keeps NaN.
            unsafe {
                let kept = _mm512_cmp_ps_mask::<_CMP_NLT_UQ>(x, _mm512_set1_ps(least));
                _mm512_maskz_scalef_ps(kept, y, n)
            }
        }
        #[inline(always)]
        fn twice(self, v: __m512) -> [__m512; 2] {
            // SAFETY: as for `splat`.
            unsafe {
                let first = _mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
                let second = _mm512_add_epi32(first, _mm512_set1_epi32(8));
                [
                    _mm512_permutexvar_ps(first, v),
                    _mm512_permutexvar_ps(second, v),
                ]
            }
        }
        #[inline(always)]
        fn turn(self, x: __m512, cos: __m512, sin: __m512) -> __m512 {
            // SAFETY: as for `splat`. `fmaddsub` subtracts in even lanes and adds in odd ones.
            unsafe {
                let swapped = _mm512_permute_ps::<0b10_11_00_01>(x);
                _mm512_fmaddsub_ps(x, cos, _mm512_mul_ps(swapped, sin))
            }
        }
        #[inline(always)]
        fn dot(self, a: __m512, b: __m512, c: __m512) -> __m512 {
            // SAFETY: as for `splat`; `BF16` proves the first. The types are of one size, and any
            // bits are numbers.
            unsafe {
                if BF16 {
                    let a: __m512bh = std::mem::transmute(a);
                    let b: __m512bh = std::mem::transmute(b);
                    return _mm512_dpbf16_ps(c, a, b);
                }
                let low = |x| _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_castps_si512(x)));
                let mask = _mm512_castsi512_ps(_mm512_set1_epi32(0xffff_0000_u32.cast_signed()));
                let high = |x| _mm512_and_ps(x, mask);
                let c = _mm512_fmadd_ps(low(a), low(b), c);
                _mm512_fmadd_ps(high(a), high(b), c)
            }
        }
        #[inline(always)]
        fn load_bf16(self, from: &[bf16]) -> __m512 {
            let from: &[bf16; 32] = from.first_chunk().expect("a whole register");
            // SAFETY: as for `splat`; 64 bytes are there, and the load needs no alignment.
            unsafe { _mm512_loadu_ps(from.as_ptr().cast()) }
        }
        #[inline(always)]
        fn narrow(self, a: __m512, b: __m512) -> __m512 {
            if BF16 {
                // SAFETY: `BF16` proves the instruction; the types are of one size.
                return unsafe {
                    std::mem::transmute::<__m512bh, __m512>(_mm512_cvtne2ps_pbh(b, a))
                };
            }
            let mut numbers = [bf16::ZERO; 32];
            self.round_to(&mut numbers, a);
            self.round_to(&mut numbers[16..], b);
            self.load_bf16(&numbers)
        }
        #[inline(always)]
        fn store_bf16(self, to: &mut [bf16], pairs: __m512) {
            let to: &mut [bf16; 32] = to.first_chunk_mut().expect("a whole register");
            // SAFETY: as for `splat`; there is room for 64 bytes, and the store needs no alignment.
            unsafe { _mm512_storeu_ps(to.as_mut_ptr().cast(), pairs) }
        }
        #[inline(always)]
        fn pairs(self, first: &[bf16], second: &[bf16]) -> __m512 {
            let first: &[bf16; 16] = first.first_chunk().expect("a whole register");
            let second: &[bf16; 16] = second.first_chunk().expect("a whole register");
            // SAFETY: 16 numbers are there in both.
            unsafe {
                let first = _mm512_cvtepu16_epi32(_mm256_loadu_si256(first.as_ptr().cast()));
                let second = _mm512_cvtepu16_epi32(_mm256_loadu_si256(second.as_ptr().cast()));
                let high = _mm512_slli_epi32::<16>(second);
                _mm512_castsi512_ps(_mm512_or_si512(first, high))
            }
        }
        #[inline(always)]
        fn nibble_pairs(self, from: &[u32], step: usize) -> __m512 {
            let from: &[u32; 16] = from.first_chunk().expect("a whole register");
            // SAFETY: 16 words are there. The index has five bits, of which one is the next weight's:
            // the table has each twice.
            unsafe {
                const TABLE: [u16; 32] = nibbles_twice();
                let table = _mm512_loadu_si512(TABLE.as_ptr().cast());
                let words = _mm512_loadu_si512(from.as_ptr().cast());
                let shifted = _mm512_srlv_epi16(words, _mm512_set1_epi16(4 * step as i16));
                _mm512_castsi512_ps(_mm512_permutexvar_epi16(shifted, table))
            }
        }
        #[inline(always)]
        fn byte_pairs(self, first: &[i8], second: &[i8]) -> __m512 {
            // SAFETY: as for `splat`. Whole numbers to 128 have no bits in the lower half of their f32.
            unsafe {
                let first = _mm512_castps_si512(self.bytes(first));
                let second = _mm512_castps_si512(self.bytes(second));
                let low = _mm512_srli_epi32::<16>(first);
                _mm512_castsi512_ps(_mm512_or_si512(low, second))
            }
        }
        #[inline(always)]
        fn any_above(self, a: __m512, b: __m512) -> bool {
            // SAFETY: as for `splat`.
            unsafe { _mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b) != 0 }
        }
        #[inline(always)]
        fn nibbles(self, from: &[u32], at: u32) -> __m512 {
            let from: &[u32; 16] = from.first_chunk().expect("a whole register");
            // SAFETY: 16 words are there. The permutation looks at the lowest 4 bits of its index.
            unsafe {
                let table = _mm512_setr_ps(
                    0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, -8.0, -7.0, -6.0, -5.0, -4.0, -3.0,
                    -2.0, -1.0,
                );
                let words = _mm512_loadu_si512(from.as_ptr().cast());
                let at = _mm512_set1_epi32(at as i32);
                _mm512_permutexvar_ps(_mm512_srlv_epi32(words, at), table)
            }
        }
        #[inline(always)]
        fn bytes(self, from: &[i8]) -> __m512 {
            let from: &[i8; 16] = from.first_chunk().expect("a whole register");
            // SAFETY: 16 bytes are there.
            unsafe {
                let bytes = _mm_loadu_si128(from.as_ptr().cast());
                _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes))
            }
        }
        #[inline(always)]
        fn codes(self, from: &[u8]) -> __m512 {
            let from: &[u8; 16] = from.first_chunk().expect("a whole register");
            // SAFETY: 16 bytes are there.
            unsafe {
                let bytes = _mm_loadu_si128(from.as_ptr().cast());
                _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes))
            }
        }
        #[inline(always)]
        fn store_codes(self, to: &mut [u8], v: __m512) {
            let to: &mut [u8; 16] = to.first_chunk_mut().expect("a whole register");
            // SAFETY: there is room for 16 bytes.
            unsafe {
                let bytes = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(v));
                _mm_storeu_si128(to.as_mut_ptr().cast(), bytes);
            }
        }
        #[inline(always)]
        fn div(self, a: __m512, b: __m512) -> __m512 {
            // SAFETY: as for `splat`.
            unsafe { _mm512_div_ps(a, b) }
        }
        #[inline(always)]
        fn sqrt(self, v: __m512) -> __m512 {
            // SAFETY: as for `splat`.
            unsafe { _mm512_sqrt_ps(v) }
        }
        #[inline(always)]
        fn choose(self, a: __m512, b: __m512, x: __m512, y: __m512) -> __m512 {
            // SAFETY: as for `splat`.
            unsafe { _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_GE_OQ>(a, b), y, x) }
        }
        #[inline(always)]
        fn pick(self, table: &[f32; 8], v: __m512) -> __m512 {
            // SAFETY: 8 numbers are there. The permutation looks at the lowest 4 bits of its index.
            unsafe {
                let table = _mm512_broadcast_f32x8(_mm256_loadu_ps(table.as_ptr()));
                let exponent = _mm512_srli_epi32::<23>(_mm512_castps_si512(v));
                _mm512_permutexvar_ps(exponent, table)
            }
        }
        #[inline(always)]
        fn sub(self, a: __m512, b: __m512) -> __m512 {
            // SAFETY: as for `splat`.
            unsafe { _mm512_sub_ps(a, b) }
        }
        #[inline(always)]
        fn weighed(self, w: __m512, y: __m512) -> __m512 {
            // SAFETY: as for `splat`. «Not equal» keeps NaN.
            unsafe {
                let kept = _mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(w, _mm512_setzero_ps());
                _mm512_maskz_mov_ps(kept, y)
            }
        }
        #[inline(always)]
        fn times_power(self, y: __m512, biased: __m512) -> __m512 {
            // SAFETY: as for `splat`. n + 127 in the exponent's bits is 2ⁿ.
            unsafe {
                let power = _mm512_slli_epi32::<23>(_mm512_castps_si512(biased));
                _mm512_mul_ps(y, _mm512_castsi512_ps(power))
            }
        }
        #[inline(always)]
        fn load_part(self, from: &[f32], fill: f32) -> __m512 {
            let mask = first_lanes(from.len());
            // SAFETY: as for `splat`; lanes behind the end are not read.
            unsafe { _mm512_mask_loadu_ps(_mm512_set1_ps(fill), mask, from.as_ptr()) }
        }
        #[inline(always)]
        fn store_part(self, to: &mut [f32], v: __m512) {
            let mask = first_lanes(to.len());
            // SAFETY: as for `splat`; lanes behind the end are not written.
            unsafe { _mm512_mask_storeu_ps(to.as_mut_ptr(), mask, v) }
        }
        #[inline(always)]
        fn stream(self, to: &mut [f32], v: __m512) {
            let to: &mut [f32; 16] = to.first_chunk_mut().expect("a whole register");
            // SAFETY: there is room for 16 numbers, and the address is aligned where it must be.
            unsafe {
                match to.as_ptr().addr() % 64 {
                    0 => _mm512_stream_ps(to.as_mut_ptr(), v),
                    _ => _mm512_storeu_ps(to.as_mut_ptr(), v),
                }
            }
        }
        #[inline(always)]
        fn widen(self, from: &[bf16]) -> __m512 {
            let from: &[bf16; 16] = from.first_chunk().expect("a whole register");
            // SAFETY: 16 numbers are there. A bf16 is the upper half of an f32.
            unsafe {
                let bits = _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.as_ptr().cast()));
                _mm512_castsi512_ps(_mm512_slli_epi32::<16>(bits))
            }
        }
        #[inline(always)]
        fn round_to(self, to: &mut [bf16], v: __m512) {
            let to: &mut [bf16; 16] = to.first_chunk_mut().expect("a whole register");
            // SAFETY: there is room for 16 numbers.
            unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), rounded_512(v)) }
        }
        #[inline(always)]
        fn stream_round_to(self, to: &mut [bf16], v: __m512) {
            let to: &mut [bf16; 16] = to.first_chunk_mut().expect("a whole register");
            // SAFETY: there is room for 16 numbers, and the address is aligned where it must be.
            unsafe {
                match to.as_ptr().addr() % 32 {
                    0 => _mm256_stream_si256(to.as_mut_ptr().cast(), rounded_512(v)),
                    _ => _mm256_storeu_si256(to.as_mut_ptr().cast(), rounded_512(v)),
                }
            }
        }
        #[inline(always)]
        fn fence(self) {
            // SAFETY: every x86-64 processor has it.
            unsafe { _mm_sfence() }
        }
        #[inline(always)]
        fn prefetch<T>(self, from: &[T], at: usize) {
            // SAFETY: a prefetch of any address is allowed; it reads nothing.
            unsafe { _mm_prefetch::<_MM_HINT_T1>(from.as_ptr().wrapping_add(at).cast()) }
        }
        #[inline(always)]
        fn round(self, v: __m512) -> __m512 {
            // SAFETY: as for `splat`.
            unsafe { _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(v) }
        }
        #[inline(always)]
        fn at_most(self, a: __m512, b: __m512, x: __m512) -> __m512 {
            // SAFETY: as for `splat`.
            unsafe {
                let kept = _mm512_cmp_ps_mask::<_CMP_LE_OQ>(a, b);
                _mm512_mask_blend_ps(kept, _mm512_set1_ps(f32::NEG_INFINITY), x)
            }
        }
        #[inline(always)]
        fn sums(self, v: &[__m512]) -> __m512 {
            let v: &[__m512; 16] = v.first_chunk().expect("a square of registers");
            // SAFETY: as for `splat`.
            unsafe {
                let a = across(four(v[0], v[1], v[2], v[3]), four(v[4], v[5], v[6], v[7]));
                let b = across(
                    four(v[8], v[9], v[10], v[11]),
                    four(v[12], v[13], v[14], v[15]),
                );
                across(a, b)
            }
        }
        #[inline(always)]
        fn transpose(self, from: &[f32], by: usize, to: &mut [f32], to_by: usize) {
            // SAFETY: as for `splat`. Two by two, four by four, then the squares of four change places.
            unsafe {
                let mut rows = [_mm512_setzero_ps(); 16];
                for (i, row) in rows.iter_mut().enumerate() {
                    *row = self.load(&from[i * by..]);
                }
                let mut fours = [_mm512_setzero_ps(); 16];
                for i in 0..4 {
                    let [a, b, c, d] = [
                        rows[4 * i],
                        rows[4 * i + 1],
                        rows[4 * i + 2],
                        rows[4 * i + 3],
                    ];
                    let [low, low_2] = [_mm512_unpacklo_ps(a, b), _mm512_unpacklo_ps(c, d)];
                    let [high, high_2] = [_mm512_unpackhi_ps(a, b), _mm512_unpackhi_ps(c, d)];
                    let pairs = [(low, low_2), (high, high_2)];
                    for (j, (x, y)) in pairs.into_iter().enumerate() {
                        let (x, y) = (_mm512_castps_pd(x), _mm512_castps_pd(y));
                        fours[4 * i + 2 * j] = _mm512_castpd_ps(_mm512_unpacklo_pd(x, y));
                        fours[4 * i + 2 * j + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(x, y));
                    }
                }
                for j in 0..4 {
                    let [a, b, c, d] = [fours[j], fours[4 + j], fours[8 + j], fours[12 + j]];
                    let even = [
                        _mm512_shuffle_f32x4::<0b10_00_10_00>(a, b),
                        _mm512_shuffle_f32x4::<0b10_00_10_00>(c, d),
                    ];
                    let odd = [
                        _mm512_shuffle_f32x4::<0b11_01_11_01>(a, b),
                        _mm512_shuffle_f32x4::<0b11_01_11_01>(c, d),
                    ];
                    for (first, [x, y]) in [(0, even), (1, odd)] {
                        let near = _mm512_shuffle_f32x4::<0b10_00_10_00>(x, y);
                        let far = _mm512_shuffle_f32x4::<0b11_01_11_01>(x, y);
                        self.store(&mut to[(4 * first + j) * to_by..], near);
                        self.store(&mut to[(4 * first + 8 + j) * to_by..], far);
                    }
                }
            }
        }
    }

    /// In each 128 bits a partial sum of each of four registers.
    ///
    /// # Safety
    /// AVX-512 is there.
    #[inline(always)]
    unsafe fn four(a: __m512, b: __m512, c: __m512, d: __m512) -> __m512 {
        // SAFETY: as the caller promises. Each step adds halves of two registers into one.
        unsafe {
            let ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
            let cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
            let (ab, cd) = (_mm512_castps_pd(ab), _mm512_castps_pd(cd));
            let low = _mm512_castpd_ps(_mm512_unpacklo_pd(ab, cd));
            _mm512_add_ps(low, _mm512_castpd_ps(_mm512_unpackhi_pd(ab, cd)))
        }
    }

    /// Neighbouring quarters added: two sums of `a`, then two of `b`.
    ///
    /// # Safety
    /// AVX-512 is there.
    #[inline(always)]
    unsafe fn across(a: __m512, b: __m512) -> __m512 {
        // SAFETY: as the caller promises.
        unsafe {
            let even = _mm512_shuffle_f32x4::<0b10_00_10_00>(a, b);
            _mm512_add_ps(even, _mm512_shuffle_f32x4::<0b11_01_11_01>(a, b))
        }
    }

    /// Proof of AVX2 and FMA.
    #[derive(Clone, Copy)]
    pub struct Avx2(pub(super) ());

    impl Simd for Avx2 {
        type V = __m256;
        const LANES: usize = 8;
        const WIDE: usize = 2;

        #[inline(always)]
        fn splat(self, x: f32) -> __m256 {
            // SAFETY: `self` proves AVX2 and FMA, here and in the functions below.
            unsafe { _mm256_set1_ps(x) }
        }
        #[inline(always)]
        fn load(self, from: &[f32]) -> __m256 {
            let from: &[f32; 8] = from.first_chunk().expect("a whole register");
            // SAFETY: 8 numbers are there.
            unsafe { _mm256_loadu_ps(from.as_ptr()) }
        }
        #[inline(always)]
        fn store(self, to: &mut [f32], v: __m256) {
            let to: &mut [f32; 8] = to.first_chunk_mut().expect("a whole register");
            // SAFETY: there is room for 8 numbers.
            unsafe { _mm256_storeu_ps(to.as_mut_ptr(), v) }
        }
        #[inline(always)]
        fn add(self, a: __m256, b: __m256) -> __m256 {
            // SAFETY: as for `splat`.
            unsafe { _mm256_add_ps(a, b) }
        }
        #[inline(always)]
        fn mul(self, a: __m256, b: __m256) -> __m256 {
            // SAFETY: as for `splat`.
            unsafe { _mm256_mul_ps(a, b) }
        }
        #[inline(always)]
        fn fma(self, a: __m256, b: __m256, c: __m256) -> __m256 {
            // SAFETY: as for `splat`.
            unsafe { _mm256_fmadd_ps(a, b, c) }
        }
        #[inline(always)]
        fn max(self, a: __m256, b: __m256) -> __m256 {
            // SAFETY: as for `splat`.
            unsafe { _mm256_max_ps(a, b) }
        }
        #[inline(always)]
        fn sum(self, v: __m256) -> f32 {
            // SAFETY: as for `splat`. Halves are added until one lane is left.
            unsafe {
                let v = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
                let v = _mm_add_ps(v, _mm_movehl_ps(v, v));
                _mm_cvtss_f32(_mm_add_ss(v, _mm_movehdup_ps(v)))
            }
        }
        #[inline(always)]
        fn largest(self, v: __m256) -> f32 {
            // SAFETY: as for `splat`. As the sum.
            unsafe {
                let v = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
                let v = _mm_max_ps(v, _mm_movehl_ps(v, v));
                _mm_cvtss_f32(_mm_max_ss(v, _mm_movehdup_ps(v)))
            }
        }
        #[inline(always)]
        fn scale(self, y: __m256, n: __m256, x: __m256, least: f32) -> __m256 {
            // SAFETY: as for `splat`. n + 127 in the exponent's bits is 2ⁿ.
            unsafe {
                let kept = _mm256_cmp_ps::<_CMP_NLT_UQ>(x, _mm256_set1_ps(least));
                let n = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
                let power = _mm256_castsi256_ps(_mm256_slli_epi32::<23>(n));
                _mm256_and_ps(kept, _mm256_mul_ps(y, power))
            }
        }
        #[inline(always)]
        fn twice(self, v: __m256) -> [__m256; 2] {
            // SAFETY: as for `splat`.
            unsafe {
                let first = _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3);
                let second = _mm256_add_epi32(first, _mm256_set1_epi32(4));
                [
                    _mm256_permutevar8x32_ps(v, first),
                    _mm256_permutevar8x32_ps(v, second),
                ]
            }
        }
        #[inline(always)]
        fn turn(self, x: __m256, cos: __m256, sin: __m256) -> __m256 {
            // SAFETY: as for `splat`. As for AVX-512.
            unsafe {
                let swapped = _mm256_permute_ps::<0b10_11_00_01>(x);
                _mm256_fmaddsub_ps(x, cos, _mm256_mul_ps(swapped, sin))
            }
        }
        #[inline(always)]
        fn dot(self, a: __m256, b: __m256, c: __m256) -> __m256 {
            // SAFETY: as for `splat`.
            unsafe {
                let low = |x| _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_castps_si256(x)));
                let mask = _mm256_castsi256_ps(_mm256_set1_epi32(0xffff_0000_u32.cast_signed()));
                let high = |x| _mm256_and_ps(x, mask);
                let c = _mm256_fmadd_ps(low(a), low(b), c);
                _mm256_fmadd_ps(high(a), high(b), c)
            }
        }
        #[inline(always)]
        fn load_bf16(self, from: &[bf16]) -> __m256 {
            let from: &[bf16; 16] = from.first_chunk().expect("a whole register");
            // SAFETY: as for `splat`; 32 bytes are there, and the load needs no alignment.
            unsafe { _mm256_loadu_ps(from.as_ptr().cast()) }
        }
        #[inline(always)]
        fn narrow(self, a: __m256, b: __m256) -> __m256 {
            let mut numbers = [bf16::ZERO; 16];
            self.round_to(&mut numbers, a);
            self.round_to(&mut numbers[8..], b);
            self.load_bf16(&numbers)
        }
        #[inline(always)]
        fn store_bf16(self, to: &mut [bf16], pairs: __m256) {
            let to: &mut [bf16; 16] = to.first_chunk_mut().expect("a whole register");
            // SAFETY: as for `splat`; there is room for 32 bytes, and the store needs no alignment.
            unsafe { _mm256_storeu_ps(to.as_mut_ptr().cast(), pairs) }
        }
        #[inline(always)]
        fn pairs(self, first: &[bf16], second: &[bf16]) -> __m256 {
            let first: &[bf16; 8] = first.first_chunk().expect("a whole register");
            let second: &[bf16; 8] = second.first_chunk().expect("a whole register");
            // SAFETY: 8 numbers are there in both.
            unsafe {
                let first = _mm256_cvtepu16_epi32(_mm_loadu_si128(first.as_ptr().cast()));
                let second = _mm256_cvtepu16_epi32(_mm_loadu_si128(second.as_ptr().cast()));
                let high = _mm256_slli_epi32::<16>(second);
                _mm256_castsi256_ps(_mm256_or_si256(first, high))
            }
        }
        #[inline(always)]
        fn nibble_pairs(self, from: &[u32], step: usize) -> __m256 {
            let at = 4 * step as u32;
            // SAFETY: as for `splat`.
            unsafe { halves_256(self.nibbles(from, at), self.nibbles(from, at + 16)) }
        }
        #[inline(always)]
        fn byte_pairs(self, first: &[i8], second: &[i8]) -> __m256 {
            // SAFETY: as for `splat`.
            unsafe { halves_256(self.bytes(first), self.bytes(second)) }
        }
        #[inline(always)]
        fn any_above(self, a: __m256, b: __m256) -> bool {
            // SAFETY: as for `splat`.
            unsafe { _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(a, b)) != 0 }
        }
        #[inline(always)]
        fn nibbles(self, from: &[u32], at: u32) -> __m256 {
            let from: &[u32; 8] = from.first_chunk().expect("a whole register");
            // SAFETY: 8 words are there.
            unsafe {
                let words = _mm256_loadu_si256(from.as_ptr().cast());
                let high = _mm256_sllv_epi32(words, _mm256_set1_epi32(28 - at as i32));
                _mm256_cvtepi32_ps(_mm256_srai_epi32::<28>(high))
            }
        }
        #[inline(always)]
        fn bytes(self, from: &[i8]) -> __m256 {
            let from: &[i8; 8] = from.first_chunk().expect("a whole register");
            // SAFETY: 8 bytes are there.
            unsafe {
                let bytes = _mm_loadl_epi64(from.as_ptr().cast());
                _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes))
            }
        }
        #[inline(always)]
        fn codes(self, from: &[u8]) -> __m256 {
            let from: &[u8; 8] = from.first_chunk().expect("a whole register");
            // SAFETY: 8 bytes are there.
            unsafe {
                let bytes = _mm_loadl_epi64(from.as_ptr().cast());
                _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes))
            }
        }
        #[inline(always)]
        fn store_codes(self, to: &mut [u8], v: __m256) {
            let to: &mut [u8; 8] = to.first_chunk_mut().expect("a whole register");
            // SAFETY: there is room for 8 bytes.
            unsafe {
                let words = _mm256_cvtps_epi32(v);
                let low = _mm256_castsi256_si128(words);
                let halves = _mm_packus_epi32(low, _mm256_extracti128_si256::<1>(words));
                _mm_storel_epi64(to.as_mut_ptr().cast(), _mm_packus_epi16(halves, halves));
            }
        }
        #[inline(always)]
        fn div(self, a: __m256, b: __m256) -> __m256 {
            // SAFETY: as for `splat`.
            unsafe { _mm256_div_ps(a, b) }
        }
        #[inline(always)]
        fn sqrt(self, v: __m256) -> __m256 {
            // SAFETY: as for `splat`.
            unsafe { _mm256_sqrt_ps(v) }
        }
        #[inline(always)]
        fn choose(self, a: __m256, b: __m256, x: __m256, y: __m256) -> __m256 {
            // SAFETY: as for `splat`.
            unsafe { _mm256_blendv_ps(y, x, _mm256_cmp_ps::<_CMP_GE_OQ>(a, b)) }
        }
        #[inline(always)]
        fn pick(self, table: &[f32; 8], v: __m256) -> __m256 {
            // SAFETY: 8 numbers are there. The permutation looks at the lowest 3 bits of its index.
            unsafe {
                let exponent = _mm256_srli_epi32::<23>(_mm256_castps_si256(v));
                _mm256_permutevar8x32_ps(_mm256_loadu_ps(table.as_ptr()), exponent)
            }
        }
        #[inline(always)]
        fn sub(self, a: __m256, b: __m256) -> __m256 {
            // SAFETY: as for `splat`.
            unsafe { _mm256_sub_ps(a, b) }
        }
        #[inline(always)]
        fn weighed(self, w: __m256, y: __m256) -> __m256 {
            // SAFETY: as for `splat`. «Not equal» keeps NaN.
            unsafe { _mm256_and_ps(_mm256_cmp_ps::<_CMP_NEQ_UQ>(w, _mm256_setzero_ps()), y) }
        }
        #[inline(always)]
        fn times_power(self, y: __m256, biased: __m256) -> __m256 {
            // SAFETY: as for `splat`. n + 127 in the exponent's bits is 2ⁿ.
            unsafe {
                let power = _mm256_slli_epi32::<23>(_mm256_castps_si256(biased));
                _mm256_mul_ps(y, _mm256_castsi256_ps(power))
            }
        }
        #[inline(always)]
        fn load_part(self, from: &[f32], fill: f32) -> __m256 {
            // SAFETY: as for `splat`; lanes behind the end are not read.
            unsafe {
                let mask = first_lanes_256(from.len());
                let v = _mm256_maskload_ps(from.as_ptr(), mask);
                _mm256_blendv_ps(_mm256_set1_ps(fill), v, _mm256_castsi256_ps(mask))
            }
        }
        #[inline(always)]
        fn store_part(self, to: &mut [f32], v: __m256) {
            // SAFETY: as for `splat`; lanes behind the end are not written.
            unsafe { _mm256_maskstore_ps(to.as_mut_ptr(), first_lanes_256(to.len()), v) }
        }
        #[inline(always)]
        fn stream(self, to: &mut [f32], v: __m256) {
            let to: &mut [f32; 8] = to.first_chunk_mut().expect("a whole register");
            // SAFETY: there is room for 8 numbers, and the address is aligned where it must be.
            unsafe {
                match to.as_ptr().addr() % 32 {
                    0 => _mm256_stream_ps(to.as_mut_ptr(), v),
                    _ => _mm256_storeu_ps(to.as_mut_ptr(), v),
                }
            }
        }
        #[inline(always)]
        fn widen(self, from: &[bf16]) -> __m256 {
            let from: &[bf16; 8] = from.first_chunk().expect("a whole register");
            // SAFETY: 8 numbers are there. A bf16 is the upper half of an f32.
            unsafe {
                let bits = _mm256_cvtepu16_epi32(_mm_loadu_si128(from.as_ptr().cast()));
                _mm256_castsi256_ps(_mm256_slli_epi32::<16>(bits))
            }
        }
        #[inline(always)]
        fn round_to(self, to: &mut [bf16], v: __m256) {
            let to: &mut [bf16; 8] = to.first_chunk_mut().expect("a whole register");
            // SAFETY: there is room for 8 numbers.
            unsafe { _mm_storeu_si128(to.as_mut_ptr().cast(), rounded_256(v)) }
        }
        #[inline(always)]
        fn stream_round_to(self, to: &mut [bf16], v: __m256) {
            let to: &mut [bf16; 8] = to.first_chunk_mut().expect("a whole register");
            // SAFETY: there is room for 8 numbers, and the address is aligned where it must be.
            unsafe {
                match to.as_ptr().addr() % 16 {
                    0 => _mm_stream_si128(to.as_mut_ptr().cast(), rounded_256(v)),
                    _ => _mm_storeu_si128(to.as_mut_ptr().cast(), rounded_256(v)),
                }
            }
        }
        #[inline(always)]
        fn fence(self) {
            // SAFETY: every x86-64 processor has it.
            unsafe { _mm_sfence() }
        }
        #[inline(always)]
        fn prefetch<T>(self, from: &[T], at: usize) {
            // SAFETY: a prefetch of any address is allowed; it reads nothing.
            unsafe { _mm_prefetch::<_MM_HINT_T1>(from.as_ptr().wrapping_add(at).cast()) }
        }
        #[inline(always)]
        fn round(self, v: __m256) -> __m256 {
            // SAFETY: as for `splat`.
            unsafe { _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(v) }
        }
        #[inline(always)]
        fn at_most(self, a: __m256, b: __m256, x: __m256) -> __m256 {
            // SAFETY: as for `splat`.
            unsafe {
                let kept = _mm256_cmp_ps::<_CMP_LE_OQ>(a, b);
                _mm256_blendv_ps(_mm256_set1_ps(f32::NEG_INFINITY), x, kept)
            }
        }
        #[inline(always)]
        fn sums(self, v: &[__m256]) -> __m256 {
            let v: &[__m256; 8] = v.first_chunk().expect("a square of registers");
            // SAFETY: as for `splat`. `hadd` adds neighbours of two registers.
            unsafe {
                let (ab, cd) = (_mm256_hadd_ps(v[0], v[1]), _mm256_hadd_ps(v[2], v[3]));
                let (ef, gh) = (_mm256_hadd_ps(v[4], v[5]), _mm256_hadd_ps(v[6], v[7]));
                let (a, b) = (_mm256_hadd_ps(ab, cd), _mm256_hadd_ps(ef, gh));
                let low = _mm256_permute2f128_ps::<0x20>(a, b);
                _mm256_add_ps(low, _mm256_permute2f128_ps::<0x31>(a, b))
            }
        }
        #[inline(always)]
        fn transpose(self, from: &[f32], by: usize, to: &mut [f32], to_by: usize) {
            // SAFETY: as for `splat`. Two by two, four by four, then halves change places.
            unsafe {
                let mut fours = [_mm256_setzero_ps(); 8];
                for i in 0..2 {
                    let from = &from[4 * i * by..];
                    let (a, b) = (self.load(from), self.load(&from[by..]));
                    let (c, d) = (self.load(&from[2 * by..]), self.load(&from[3 * by..]));
                    let [low, low_2] = [_mm256_unpacklo_ps(a, b), _mm256_unpacklo_ps(c, d)];
                    let [high, high_2] = [_mm256_unpackhi_ps(a, b), _mm256_unpackhi_ps(c, d)];
                    fours[4 * i] = _mm256_shuffle_ps::<0b01_00_01_00>(low, low_2);
                    fours[4 * i + 1] = _mm256_shuffle_ps::<0b11_10_11_10>(low, low_2);
                    fours[4 * i + 2] = _mm256_shuffle_ps::<0b01_00_01_00>(high, high_2);
                    fours[4 * i + 3] = _mm256_shuffle_ps::<0b11_10_11_10>(high, high_2);
                }
                for j in 0..4 {
                    let (a, b) = (fours[j], fours[4 + j]);
                    let near = _mm256_permute2f128_ps::<0x20>(a, b);
                    self.store(&mut to[j * to_by..], near);
                    let far = _mm256_permute2f128_ps::<0x31>(a, b);
                    self.store(&mut to[(4 + j) * to_by..], far);
                }
            }
        }
    }

    /// −8 to 7 in bf16 at their lowest four bits in two's complement, twice.
    const fn nibbles_twice() -> [u16; 32] {
        let mut table = [0; 32];
        let mut i = 0;
        while i < 32 {
            let q = ((i as i8) << 4) >> 4;
            table[i] = ((q as f32).to_bits() >> 16) as u16;
            i += 1;
        }
        table
    }

    /// Pairs of bf16 from numbers that have no bits below them.
    ///
    /// # Safety
    /// AVX2 is there.
    #[inline(always)]
    unsafe fn halves_256(first: __m256, second: __m256) -> __m256 {
        // SAFETY: as the caller promises.
        unsafe {
            let low = _mm256_srli_epi32::<16>(_mm256_castps_si256(first));
            _mm256_castsi256_ps(_mm256_or_si256(low, _mm256_castps_si256(second)))
        }
    }

    /// A bit for each of the first `count` < 16 lanes.
    #[inline(always)]
    fn first_lanes(count: usize) -> u16 {
        assert!(count < 16, "less than a register");
        (1 << count) - 1
    }

    /// All bits of the first `count` < 8 lanes.
    #[inline(always)]
    fn first_lanes_256(count: usize) -> __m256i {
        const ENDS: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
        let lanes: &[i32; 8] = ENDS[8 - count..]
            .first_chunk()
            .expect("less than a register");
        // SAFETY: 8 numbers are there; only `Avx2` calls this.
        unsafe { _mm256_loadu_si256(lanes.as_ptr().cast()) }
    }

    /// The upper halves after adding half of the last kept digit (a little less where the digit is
    /// even, so that ties go there). A NaN only loses digits, and its first stays.
    ///
    /// # Safety
    /// For a processor with AVX-512.
    #[inline(always)]
    unsafe fn rounded_512(v: __m512) -> __m256i {
        // SAFETY: the caller has AVX-512.
        unsafe {
            let bits = _mm512_castps_si512(v);
            let odd = _mm512_and_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(1));
            let up = _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff));
            let nan = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(v, v);
            let quiet = _mm512_or_si512(bits, _mm512_set1_epi32(0x40_0000));
            let bits = _mm512_mask_mov_epi32(_mm512_add_epi32(bits, up), nan, quiet);
            _mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(bits))
        }
    }

    /// # Safety
    /// For a processor with AVX2. The rest is as for 512 bits.
    #[inline(always)]
    unsafe fn rounded_256(v: __m256) -> __m128i {
        // SAFETY: the caller has AVX2. Packing works on each half: the third quarter goes second.
        unsafe {
            let bits = _mm256_castps_si256(v);
            let odd = _mm256_and_si256(_mm256_srli_epi32::<16>(bits), _mm256_set1_epi32(1));
            let up = _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff));
            let nan = _mm256_castps_si256(_mm256_cmp_ps::<_CMP_UNORD_Q>(v, v));
            let quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x40_0000));
            let bits = _mm256_blendv_epi8(_mm256_add_epi32(bits, up), quiet, nan);
            let halves = _mm256_srli_epi32::<16>(bits);
            let packed = _mm256_packus_epi32(halves, halves);
            _mm256_castsi256_si128(_mm256_permute4x64_epi64::<0b10_00>(packed))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answers of `kernel` on every tier of this machine.
    fn everywhere<K: Kernel + Copy>(kernel: K) -> Vec<(Tier, K::Out)> {
        let tiers = Tier::all().into_iter();
        tiers.map(|tier| (tier, dispatch(tier, kernel))).collect()
    }

    /// Numbers through one of the exponentials, a register at a time.
    #[derive(Clone, Copy)]
    struct Through<'a>(Exponential, &'a [f32]);

    #[derive(Clone, Copy)]
    enum Exponential {
        Exp,
        Exp2,
        Exp2Rough,
        /// exp(x / T) by `exp_scaled`.
        Scaled(f32),
    }

    impl Kernel for Through<'_> {
        type Out = Vec<f32>;
        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> Vec<f32> {
            let mut out = self.1.to_vec();
            for to in out.chunks_exact_mut(S::LANES) {
                let x = s.load(to);
                let y = match self.0 {
                    Exponential::Exp => s.exp(x),
                    Exponential::Exp2 => s.exp2(x),
                    Exponential::Exp2Rough => s.exp2_rough(x),
                    Exponential::Scaled(t) => {
                        let c = std::f32::consts::LOG2_E / t;
                        s.exp_scaled(x, s.splat(c), s.splat(-127.0 / c))
                    }
                };
                s.store(to, y);
            }
            out
        }
    }

    #[test]
    fn exp_is_within_two_ulp_of_f64_over_its_range() {
        // Steps of 2⁻¹⁶ from −87 to 88, in whole registers.
        let count = 175 << 16;
        let xs: Vec<f32> = (0..=count).map(|i| i as f32 / 65536.0 - 87.0).collect();
        let xs = &xs[..count & !15];
        for (tier, got) in everywhere(Through(Exponential::Exp, xs)) {
            let mut worst: f64 = 0.0;
            for (x, y) in xs.iter().zip(got) {
                let want = f64::from(*x).exp();
                let ulp = f64::from((want as f32).next_up()) - f64::from(want as f32);
                worst = worst.max((f64::from(y) - want).abs() / ulp);
            }
            assert!(worst <= 2.0, "{tier:?}: {worst} ulp");
        }
    }

    #[test]
    fn exp_at_the_ends() {
        let payload = f32::from_bits(0x7fc0_1234);
        let mut xs = [0.0; 16];
        xs[..6].copy_from_slice(&[f32::NEG_INFINITY, -1e30, -87.1, f32::NAN, payload, -0.0]);
        for (tier, got) in everywhere(Through(Exponential::Exp, &xs)) {
            assert_eq!(got[..3], [0.0; 3], "{tier:?}");
            assert!(got[3].is_nan() && got[4].is_nan(), "{tier:?}");
            assert_eq!(got[5..], [1.0; 11], "{tier:?}");
        }
    }

    #[test]
    fn scaled_exp_keeps_its_error_at_any_temperature() {
        for t in [1.0f32, 0.01, 3.7, 1e6] {
            let xs: Vec<f32> = (0..1 << 16)
                .map(|i| (i as f32 / 400.0 - 87.0) * t)
                .collect();
            for (tier, got) in everywhere(Through(Exponential::Scaled(t), &xs)) {
                for (x, y) in xs.iter().zip(got) {
                    let d = f64::from(*x) / f64::from(t);
                    let err = (f64::from(y) / d.exp() - 1.0).abs();
                    let bound = 2e-7 + 1.5e-7 * d.abs();
                    assert!(err <= bound, "{tier:?} T {t}: {x} is off by {err}");
                }
            }
        }
        let payload = f32::from_bits(0x7fc0_1234);
        let mut xs = [0.0; 16];
        xs[..6].copy_from_slice(&[f32::NEG_INFINITY, -1e30, -88.1, f32::NAN, payload, -0.0]);
        for (tier, got) in everywhere(Through(Exponential::Scaled(1.0), &xs)) {
            assert_eq!(got[..3], [0.0; 3], "{tier:?}");
            assert!(got[3].is_nan() && got[4].is_nan(), "{tier:?}");
            assert_eq!(got[5..], [1.0; 11], "{tier:?}");
        }
    }

    /// Numbers to bf16 and back.
    #[derive(Clone, Copy)]
    struct Rounded<'a>(&'a [f32]);

    impl Kernel for Rounded<'_> {
        type Out = (Vec<bf16>, Vec<f32>);
        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> Self::Out {
            let (mut short, mut wide) = (vec![bf16::ZERO; self.0.len()], self.0.to_vec());
            let mut i = 0;
            while i < self.0.len() {
                s.round_to(&mut short[i..], s.load(&self.0[i..]));
                s.store(&mut wide[i..], s.widen(&short[i..]));
                i += S::LANES;
            }
            (short, wide)
        }
    }

    #[test]
    fn bf16_is_rounded_as_the_crate_half_does() {
        // Ties, infinities, NaN with and without upper digits, denormals, and what overflows.
        let bits = (0..1u32 << 16).map(|i| i.wrapping_mul(0x9E37_79B9));
        let special = [
            0x3f80_8000,
            0x3f81_8000,
            0x3f80_7fff,
            0x3f80_8001,
            0x7f80_0000,
            0xff80_0000,
            0x7f7f_ffff,
            0x7f80_0001,
            0x7fc0_0000,
            0xffff_ffff,
            0x0000_0001,
            0x8000_8000,
            0,
            0x8000_0000,
            1,
            2,
        ];
        let xs: Vec<f32> = bits.chain(special).map(f32::from_bits).collect();
        for (tier, (short, wide)) in everywhere(Rounded(&xs)) {
            for ((x, short), wide) in xs.iter().zip(short).zip(wide) {
                let want = bf16::from_f32(*x);
                assert_eq!(short.to_bits(), want.to_bits(), "{tier:?}: {x:?}");
                assert_eq!(wide.to_bits(), u32::from(want.to_bits()) << 16, "{tier:?}");
            }
        }
    }

    #[derive(Clone, Copy)]
    struct Weighed;

    impl Kernel for Weighed {
        type Out = [f32; 5];
        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> [f32; 5] {
            let high = f32::INFINITY;
            let pairs = [
                (0.0, high),
                (-0.0, f32::NAN),
                (1e-40, high),
                (2.0, 3.0),
                (f32::NAN, 1.0),
            ];
            pairs.map(|(w, y)| s.sum(s.weighed(s.splat(w), s.splat(y))) / S::LANES as f32)
        }
    }

    #[test]
    fn what_weighs_nothing_is_zero() {
        for (tier, got) in everywhere(Weighed) {
            assert_eq!(got, [0.0, 0.0, f32::INFINITY, 3.0, 1.0], "{tier:?}");
        }
    }

    #[test]
    fn exp2_is_within_its_error_and_zero_at_the_end() {
        // The polynomial is off by 9.2e-8, which is 1.54 ulp just below a power of two; Horner's last
        // step adds half an ulp, and the steps before it together less than a tenth.
        let count = 253 << 14;
        let xs: Vec<f32> = (0..count).map(|i| i as f32 / 16384.0 - 126.0).collect();
        for (tier, got) in everywhere(Through(Exponential::Exp2, &xs)) {
            for (x, y) in xs.iter().zip(got) {
                let want = f64::from(*x).exp2();
                let ulp = f64::from((want as f32).next_up()) - f64::from(want as f32);
                let err = (f64::from(y) - want).abs() / ulp;
                assert!(err <= 2.2, "{tier:?}: {err} ulp at {x}");
            }
        }
        let mut xs = [0.0; 16];
        xs[..5].copy_from_slice(&[f32::NEG_INFINITY, f32::MIN, -127.0, -1e7, f32::NAN]);
        for (tier, got) in everywhere(Through(Exponential::Exp2, &xs)) {
            assert_eq!(got[..4], [0.0; 4], "{tier:?}");
            assert!(got[4].is_nan(), "{tier:?}");
            assert_eq!(got[5..], [1.0; 11], "{tier:?}");
        }
    }

    /// A transpose of a square, sums over its rows, and its lanes that are at most 5.
    #[derive(Clone, Copy)]
    struct Square<'a>(&'a [f32]);

    impl Kernel for Square<'_> {
        type Out = (usize, Vec<f32>, Vec<f32>, Vec<f32>);
        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> Self::Out {
            let n = S::LANES;
            let (mut turned, mut sums, mut kept) = (vec![0.0; n * 20], vec![0.0; n], vec![0.0; n]);
            s.transpose(self.0, 17, &mut turned, 20);
            let rows: Vec<S::V> = self.0.chunks(17).take(n).map(|row| s.load(row)).collect();
            s.store(&mut sums, s.sums(&rows));
            let x = s.load(self.0);
            s.store(&mut kept, s.at_most(x, s.splat(5.0), x));
            (n, turned, sums, kept)
        }
    }

    #[test]
    fn squares_are_turned_and_summed() {
        let x: Vec<f32> = (0..16 * 17).map(|i| (i * 29 % 64) as f32).collect();
        for (tier, (n, turned, sums, kept)) in everywhere(Square(&x)) {
            for i in 0..n {
                let row = &x[17 * i..][..n];
                let column: Vec<f32> = (0..n).map(|j| turned[20 * j + i]).collect();
                assert_eq!(row, column, "{tier:?}");
                assert_eq!(sums[i], row.iter().sum::<f32>(), "{tier:?}");
                let want = if x[i] <= 5.0 { x[i] } else { f32::NEG_INFINITY };
                assert_eq!(kept[i], want, "{tier:?}");
            }
        }
    }

    #[derive(Clone, Copy)]
    struct Lanes;

    impl Kernel for Lanes {
        type Out = (usize, f32, f32, Vec<f32>, Vec<f32>);
        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> Self::Out {
            let count: Vec<f32> = (0..S::LANES).map(|i| i as f32).collect();
            let x = s.load(&count);
            let (mut twice, mut turned) = (vec![0.0; 2 * S::LANES], vec![0.0; S::LANES]);
            let [first, second] = s.twice(x);
            s.store(&mut twice, first);
            s.store(&mut twice[S::LANES..], second);
            s.store(&mut turned, s.turn(x, s.splat(2.0), s.splat(3.0)));
            (
                S::LANES,
                s.sum(x),
                s.largest(s.max(x, s.splat(1.0))),
                twice,
                turned,
            )
        }
    }

    #[test]
    fn sums_and_shuffles_see_every_lane() {
        for (tier, (count, sum, largest, twice, turned)) in everywhere(Lanes) {
            assert_eq!(sum as usize, count * (count - 1) / 2, "{tier:?}");
            assert_eq!(largest as usize, count - 1, "{tier:?}");
            let want: Vec<f32> = (0..2 * count).map(|i| (i / 2) as f32).collect();
            assert_eq!(twice, want, "{tier:?}");
            for (i, pair) in turned.chunks(2).enumerate() {
                let (x0, x1) = (2.0 * i as f32, 2.0 * i as f32 + 1.0);
                assert_eq!(pair, [2.0 * x0 - 3.0 * x1, 2.0 * x1 + 3.0 * x0], "{tier:?}");
            }
        }
    }

    /// Pairs of bf16, and a matrix to be transposed.
    #[derive(Clone, Copy)]
    struct Pairs<'a>(&'a [f32]);

    impl Kernel for Pairs<'_> {
        type Out = (usize, Vec<f32>, Vec<f32>, Vec<f32>);
        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> Self::Out {
            let [a, b] = [s.load(self.0), s.load(&self.0[S::LANES..])];
            let mut pairs = vec![0.0; S::LANES];
            s.store(&mut pairs, s.narrow(a, b));
            let numbers: Vec<bf16> = pairs
                .iter()
                .flat_map(|x| unpair(*x).map(bf16::from_f32))
                .collect();
            let mut dots = vec![0.0; S::LANES];
            let c = s.load(self.0);
            s.store(&mut dots, s.dot(s.load(&pairs), s.load_bf16(&numbers), c));
            let (by, to_by) = (S::LANES + 1, S::LANES + 3);
            let mut flipped = vec![0.0; S::LANES * to_by];
            s.transpose(self.0, by, &mut flipped, to_by);
            (S::LANES, pairs, dots, flipped)
        }
    }

    #[test]
    fn pairs_are_rounded_multiplied_and_summed_and_matrices_transposed() {
        let mut xs: Vec<f32> = (0..17 * 16).map(|i| (i as f32 - 9.3) * 0.37).collect();
        xs[3] = f32::NAN;
        let tiers = Tier::all().into_iter();
        for (tier, (lanes, pairs, dots, flipped)) in
            tiers.map(|tier| (tier, dispatch_bf16(tier, Pairs(&xs))))
        {
            for (i, (word, dot)) in pairs.iter().zip(dots).enumerate() {
                let [a, b] = unpair(*word);
                let want = [2 * i, 2 * i + 1].map(|i| bf16::from_f32(xs[i]).to_f32());
                assert_eq!(a.to_bits(), want[0].to_bits(), "{tier:?} {i}");
                assert_eq!(b.is_nan(), want[1].is_nan(), "{tier:?} {i}");
                assert!(b.is_nan() || b == want[1], "{tier:?} {i}");
                let (a, b, c) = (f64::from(a), f64::from(b), f64::from(xs[i]));
                let (sum, size) = (c + a * a + b * b, c.abs() + a * a + b * b);
                let nan = sum.is_nan() && dot.is_nan();
                let err = (f64::from(dot) - sum).abs();
                assert!(nan || err <= 2.0 * size * 2f64.powi(-24), "{tier:?} {i}");
            }
            for i in 0..lanes {
                for j in 0..lanes {
                    let (x, y) = (xs[i * (lanes + 1) + j], flipped[j * (lanes + 3) + i]);
                    assert_eq!(x.to_bits(), y.to_bits(), "{tier:?}: {i}, {j}");
                }
            }
        }
    }

    /// Quantised weights and two rows as pairs, written as numbers; and comparisons.
    #[derive(Clone, Copy)]
    struct Halves<'a>(&'a [u32], &'a [i8]);

    impl Kernel for Halves<'_> {
        type Out = (usize, Vec<bf16>, [bool; 3]);
        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> Self::Out {
            let mut numbers = vec![bf16::ZERO; 2 * S::LANES * 6];
            for step in 0..4 {
                let pairs = s.nibble_pairs(self.0, step);
                s.store_bf16(&mut numbers[2 * S::LANES * step..], pairs);
            }
            let pairs = s.byte_pairs(self.1, &self.1[S::LANES..]);
            s.store_bf16(&mut numbers[2 * S::LANES * 4..], pairs);
            let (first, second) = numbers.split_at(3 * S::LANES);
            let pairs = s.pairs(first, second);
            s.store_bf16(&mut numbers[2 * S::LANES * 5..], pairs);
            let mut x = vec![1.0; S::LANES];
            let ones = s.load(&x);
            x[S::LANES - 2] = f32::NAN;
            let none = s.any_above(s.load(&x), ones);
            x[S::LANES - 1] = 1.5;
            let one = s.any_above(s.load(&x), ones);
            (
                S::LANES,
                numbers,
                [none, one, s.any_above(ones, s.load(&x))],
            )
        }
    }

    #[test]
    fn quantised_weights_become_pairs() {
        let words: Vec<u32> = (0..16)
            .map(|i| 0x9e37_79b9_u32.wrapping_mul(i + 1))
            .collect();
        let bytes: Vec<i8> = (0..32).map(|i| (i * 37 % 256 - 128) as i8).collect();
        for (tier, (lanes, numbers, above)) in everywhere(Halves(&words, &bytes)) {
            let nibble = |word: u32, at: usize| ((word << (28 - at)) as i32 >> 28) as f32;
            for (at, got) in numbers.iter().enumerate() {
                let (step, lane, half) = (at / 2 / lanes, at / 2 % lanes, at % 2);
                let want = match step {
                    0..4 => nibble(words[lane], 4 * step + 16 * half),
                    4 => f32::from(bytes[half * lanes + lane]),
                    _ => numbers[half * 3 * lanes + lane].to_f32(),
                };
                assert_eq!(got.to_f32(), want, "{tier:?} {at}");
            }
            assert_eq!(above, [false, true, false], "{tier:?}");
        }
    }

    #[test]
    fn rounding_to_bf16_is_that_of_half() {
        for bits in (0..=u32::MAX)
            .step_by(4099)
            .chain([0x3f80_8000, 0x3f81_8000, 0x7f7f_ffff])
        {
            let (x, want) = (f32::from_bits(bits), bf16::from_f32(f32::from_bits(bits)));
            let got = round(x);
            assert!(
                got == want && got.is_sign_negative() == want.is_sign_negative()
                    || x.is_nan() && got.is_nan(),
                "{x}"
            );
        }
    }

    #[test]
    fn exp2_rough_is_as_near_as_it_says() {
        let mut xs: Vec<f32> = (0..214 << 10).map(|i| i as f32 / 1024.0 - 87.0).collect();
        xs.extend([f32::NEG_INFINITY, -87.5, -1e30, f32::NAN].repeat(4));
        for (tier, got) in everywhere(Through(Exponential::Exp2Rough, &xs)) {
            for (x, y) in xs.iter().zip(got) {
                let want = f64::from(*x).exp2();
                let near = (f64::from(y) / want - 1.0).abs() <= 2f64.powi(-13);
                let right = if *x < -87.0 { y == 0.0 } else { near };
                assert!(right || x.is_nan() && y.is_nan(), "{tier:?}: {x} gives {y}");
            }
        }
    }
}
