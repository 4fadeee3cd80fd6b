//! Kernels are written once, over [`Simd`], and compiled for every instruction set.
//!
//! A value of a type that implements [`Simd`] is a proof that the processor has its instructions:
//! only [`dispatch`] makes one, after looking. So kernels need no `unsafe`; it stands here, one
//! instruction at a time. Everything that takes a [`Simd`] is `#[inline(always)]`: only what is
//! inlined into the functions of [`dispatch`] is compiled with their instructions.

use super::cpu::Tier;

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
    /// y·2ⁿ for a whole n from −126 to 127; 0 where x < −87.
    fn scale(self, y: Self::V, n: Self::V, x: Self::V) -> Self::V;
    /// The lanes of the first and of the second half, each twice in a row.
    fn twice(self, v: Self::V) -> [Self::V; 2];
    /// Pairs (x₀, x₁) → (x₀·cos − x₁·sin, x₁·cos + x₀·sin).
    fn turn(self, x: Self::V, cos: Self::V, sin: Self::V) -> Self::V;

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
        let mut p = self.splat(POLYNOMIAL[0]);
        for c in &POLYNOMIAL[1..] {
            p = self.fma(p, r, self.splat(*c));
        }
        self.scale(p, n, x)
    }

    /// The nearest whole number.
    fn round(self, v: Self::V) -> Self::V;
    /// y·2ⁿ for a whole n ≤ 127; 0 where n < −126. NaN stays NaN.
    fn power(self, y: Self::V, n: Self::V) -> Self::V;
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
        let r = self.add(x, self.mul(n, self.splat(-1.0)));
        let mut p = self.splat(POLYNOMIAL_2[0]);
        for c in &POLYNOMIAL_2[1..] {
            p = self.fma(p, r, self.splat(*c));
        }
        self.power(p, n)
    }
}

/// The coefficients of r⁵ to r⁰ in 2ʳ.
const POLYNOMIAL_2: [f32; 6] = [
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
            kernel.run(x86::Avx512(()))
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
    fn scale(self, y: [f32; 4], n: [f32; 4], x: [f32; 4]) -> [f32; 4] {
        // n + 127 in the exponent's bits is 2ⁿ.
        let power = |i: usize| f32::from_bits((n[i] + ROUND).to_bits().wrapping_add(127) << 23);
        lanes(|i| if x[i] < LEAST { 0.0 } else { y[i] * power(i) })
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
    fn power(self, y: [f32; 4], n: [f32; 4]) -> [f32; 4] {
        let power = |i: usize| f32::from_bits((n[i] + ROUND).to_bits().wrapping_add(127) << 23);
        lanes(|i| if n[i] < -126.0 { 0.0 } else { y[i] * power(i) })
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
    use super::{LEAST, Simd};
    use std::arch::x86_64::*;

    /// Proof of AVX-512.
    #[derive(Clone, Copy)]
    pub struct Avx512(pub(super) ());

    impl Simd for Avx512 {
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
        fn scale(self, y: __m512, n: __m512, x: __m512) -> __m512 {
            // SAFETY: as for `splat`. «Not less than» keeps NaN.
            unsafe {
                let kept = _mm512_cmp_ps_mask::<_CMP_NLT_UQ>(x, _mm512_set1_ps(LEAST));
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
        fn round(self, v: __m512) -> __m512 {
            // SAFETY: as for `splat`.
            unsafe { _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(v) }
        }
        #[inline(always)]
        fn power(self, y: __m512, n: __m512) -> __m512 {
            // SAFETY: as for `splat`. «Not less than» keeps NaN.
            unsafe {
                let kept = _mm512_cmp_ps_mask::<_CMP_NLT_UQ>(n, _mm512_set1_ps(-126.0));
                _mm512_maskz_scalef_ps(kept, y, n)
            }
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
        fn scale(self, y: __m256, n: __m256, x: __m256) -> __m256 {
            // SAFETY: as for `splat`. n + 127 in the exponent's bits is 2ⁿ.
            unsafe {
                let kept = _mm256_cmp_ps::<_CMP_NLT_UQ>(x, _mm256_set1_ps(LEAST));
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
        fn round(self, v: __m256) -> __m256 {
            // SAFETY: as for `splat`.
            unsafe { _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(v) }
        }
        #[inline(always)]
        fn power(self, y: __m256, n: __m256) -> __m256 {
            // SAFETY: as for `splat`. n + 127 in the exponent's bits is 2ⁿ.
            unsafe {
                let kept = _mm256_cmp_ps::<_CMP_NLT_UQ>(n, _mm256_set1_ps(-126.0));
                let n = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
                let power = _mm256_castsi256_ps(_mm256_slli_epi32::<23>(n));
                _mm256_and_ps(kept, _mm256_mul_ps(y, power))
            }
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
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answers of `kernel` on every tier of this machine.
    fn everywhere<K: Kernel + Copy>(kernel: K) -> Vec<(Tier, K::Out)> {
        let tiers = Tier::all().into_iter();
        tiers.map(|tier| (tier, dispatch(tier, kernel))).collect()
    }

    /// A register's worth of copies of x, through exp.
    #[derive(Clone, Copy)]
    struct Exp<'a>(&'a [f32]);

    impl Kernel for Exp<'_> {
        type Out = Vec<f32>;
        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> Vec<f32> {
            let mut out = self.0.to_vec();
            for x in out.chunks_exact_mut(S::LANES) {
                s.store(x, s.exp(s.load(x)));
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
        for (tier, got) in everywhere(Exp(xs)) {
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
        for (tier, got) in everywhere(Exp(&xs)) {
            assert_eq!(got[..3], [0.0; 3], "{tier:?}");
            assert!(got[3].is_nan() && got[4].is_nan(), "{tier:?}");
            assert_eq!(got[5..], [1.0; 11], "{tier:?}");
        }
    }

    #[derive(Clone, Copy)]
    struct Exp2<'a>(&'a [f32]);

    impl Kernel for Exp2<'_> {
        type Out = Vec<f32>;
        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> Vec<f32> {
            let mut out = self.0.to_vec();
            for x in out.chunks_exact_mut(S::LANES) {
                s.store(x, s.exp2(s.load(x)));
            }
            out
        }
    }

    #[test]
    fn exp2_is_within_its_error_and_zero_at_the_end() {
        // The polynomial is off by 9.2e-8, which is 1.54 ulp just below a power of two; Horner's last
        // step adds half an ulp, and the steps before it together less than a tenth.
        let count = 253 << 14;
        let xs: Vec<f32> = (0..count).map(|i| i as f32 / 16384.0 - 126.0).collect();
        for (tier, got) in everywhere(Exp2(&xs)) {
            for (x, y) in xs.iter().zip(got) {
                let want = f64::from(*x).exp2();
                let ulp = f64::from((want as f32).next_up()) - f64::from(want as f32);
                let err = (f64::from(y) - want).abs() / ulp;
                assert!(err <= 2.2, "{tier:?}: {err} ulp at {x}");
            }
        }
        let mut xs = [0.0; 16];
        xs[..5].copy_from_slice(&[f32::NEG_INFINITY, f32::MIN, -127.0, -1e7, f32::NAN]);
        for (tier, got) in everywhere(Exp2(&xs)) {
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
}
