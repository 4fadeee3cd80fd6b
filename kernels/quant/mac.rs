//! Multiply and accumulate: one number of f32 per lane and step, or a pair of bf16.

use crate::kernels::cpu::Tier;
use crate::kernels::simd::{Kernel, Simd, dispatch};

/// Rows of weights in a block.
pub const BLOCK: usize = 16;

/// Columns of weights in a chunk: a u32 of 4-bit weights.
pub const CHUNK: usize = 8;

/// Decodes weights and multiplies them with activations, on a vector of `LANES` rows. A step is as
/// many columns as a lane of activations holds: 1 of f32 or 2 of bf16.
///
/// A value is a proof of the processor's instructions, as with [`Simd`].
pub trait Mac: Copy {
    /// A register of sums in f32.
    type V: Copy;
    /// A register of decoded weights.
    type W: Copy;
    const LANES: usize;
    /// Steps in a chunk.
    const STEPS: usize;

    /// The step's columns of a chunk of 4-bit weights, whose first row's is `from[0]`.
    fn nibbles(self, from: &[u32], step: usize) -> Self::W;
    /// The same for 8-bit weights.
    fn bytes(self, from: &[i8], step: usize) -> Self::W;
    /// w·x + sum; x is the same for all rows.
    fn mac(self, w: Self::W, x: u32, sum: Self::V) -> Self::V;

    fn splat(self, x: f32) -> Self::V;
    fn load(self, from: &[f32]) -> Self::V;
    fn store(self, to: &mut [f32], v: Self::V);
    /// a·b + c
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;

    /// Has the processor fetch what stands `ahead` elements after all of `from`, if it is there.
    #[inline(always)]
    fn fetch<T>(self, from: &[T], ahead: usize) {
        #[cfg(target_arch = "x86_64")]
        for line in 0..size_of_val(from).div_ceil(64) {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            let at = from.as_ptr().wrapping_add(ahead).cast::<i8>();
            // SAFETY: a prefetch reads nothing that the program sees, and any address will do.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(at.wrapping_add(64 * line)) };
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = (from, ahead);
    }
}

/// Work that is written for any [`Mac`].
pub trait Work {
    /// To be marked `#[inline(always)]`.
    fn run<M: Mac>(self, mac: M);
}

/// Whether `tier` multiplies pairs of bf16.
pub fn pairs(tier: Tier) -> bool {
    cfg!(target_arch = "x86_64") && tier.min(Tier::detected()) >= Tier::Avx512Bf16
}

/// Runs the work on activations in f32.
pub fn in_f32(tier: Tier, work: impl Work) {
    dispatch(tier, Widened(work));
}

/// Runs the work on pairs of bf16, where [`pairs`] says that the machine can.
pub fn in_pairs(work: impl Work) {
    #[cfg(target_arch = "x86_64")]
    if pairs(Tier::detected()) {
        // SAFETY: this machine has the instructions.
        return unsafe { x86::run(work) };
    }
    let _ = work;
    unreachable!("callers ask `pairs` first");
}

struct Widened<W>(W);

impl<W: Work> Kernel for Widened<W> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        self.0.run(F32(s));
    }
}

#[derive(Clone, Copy)]
struct F32<S>(S);

impl<S: Simd> Mac for F32<S> {
    type V = S::V;
    type W = S::V;
    const LANES: usize = S::LANES;
    const STEPS: usize = CHUNK;

    #[inline(always)]
    fn nibbles(self, from: &[u32], step: usize) -> S::V {
        self.0.nibbles(from, super::int4::bit(step) as u32)
    }
    #[inline(always)]
    fn bytes(self, from: &[i8], step: usize) -> S::V {
        self.0.bytes(&from[step * BLOCK..])
    }
    #[inline(always)]
    fn mac(self, w: S::V, x: u32, sum: S::V) -> S::V {
        self.0.fma(self.0.splat(f32::from_bits(x)), w, sum)
    }
    #[inline(always)]
    fn splat(self, x: f32) -> S::V {
        self.0.splat(x)
    }
    #[inline(always)]
    fn load(self, from: &[f32]) -> S::V {
        self.0.load(from)
    }
    #[inline(always)]
    fn store(self, to: &mut [f32], v: S::V) {
        self.0.store(to, v);
    }
    #[inline(always)]
    fn fma(self, a: S::V, b: S::V, c: S::V) -> S::V {
        self.0.fma(a, b, c)
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{BLOCK, CHUNK, Mac, Work};
    use std::arch::x86_64::*;

    /// Proof of AVX-512 with BF16.
    #[derive(Clone, Copy)]
    struct Bf16(());

    #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx512bf16,avx2,fma,f16c")]
    pub fn run(work: impl Work) {
        work.run(Bf16(()));
    }

    impl Mac for Bf16 {
        type V = __m512;
        type W = __m512bh;
        const LANES: usize = BLOCK;
        const STEPS: usize = CHUNK / 2;

        #[inline(always)]
        fn nibbles(self, from: &[u32], step: usize) -> __m512bh {
            let from: &[u32; 16] = from.first_chunk().expect("a whole register");
            // SAFETY: `self` proves AVX-512 with BF16, here and below, and 16 words are there. The
            // index has five bits, of which one is the next weight's: the table has each twice.
            unsafe {
                const TABLE: [u16; 32] = table();
                let table = _mm512_loadu_si512(TABLE.as_ptr().cast());
                let words = _mm512_loadu_si512(from.as_ptr().cast());
                let shifted = _mm512_srlv_epi16(words, _mm512_set1_epi16(4 * step as i16));
                let pairs = _mm512_permutexvar_epi16(shifted, table);
                std::mem::transmute::<__m512i, __m512bh>(pairs)
            }
        }
        #[inline(always)]
        fn bytes(self, from: &[i8], step: usize) -> __m512bh {
            let from: &[i8; 32] = from[2 * step * BLOCK..].first_chunk().expect("two columns");
            // SAFETY: 2·16 bytes are there. Whole numbers to 128 have no bits in the lower half of
            // their f32.
            unsafe {
                let column = |bytes: *const i8| {
                    let wide = _mm512_cvtepi8_epi32(_mm_loadu_si128(bytes.cast()));
                    _mm512_castps_si512(_mm512_cvtepi32_ps(wide))
                };
                let first = _mm512_srli_epi32::<16>(column(from.as_ptr()));
                let second = column(from.as_ptr().add(BLOCK));
                let pairs = _mm512_or_si512(first, second);
                std::mem::transmute::<__m512i, __m512bh>(pairs)
            }
        }
        #[inline(always)]
        fn mac(self, w: __m512bh, x: u32, sum: __m512) -> __m512 {
            // SAFETY: as for `nibbles`.
            unsafe {
                let x = _mm512_set1_epi32(x as i32);
                _mm512_dpbf16_ps(sum, w, std::mem::transmute::<__m512i, __m512bh>(x))
            }
        }
        #[inline(always)]
        fn splat(self, x: f32) -> __m512 {
            // SAFETY: as for `nibbles`.
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
        fn fma(self, a: __m512, b: __m512, c: __m512) -> __m512 {
            // SAFETY: as for `nibbles`.
            unsafe { _mm512_fmadd_ps(a, b, c) }
        }
    }

    /// 0 to 7 and −8 to −1 in bf16, twice.
    const fn table() -> [u16; 32] {
        let mut table = [0; 32];
        let mut i = 0;
        while i < 32 {
            let q = ((i as i8) << 4) >> 4;
            table[i] = ((q as f32).to_bits() >> 16) as u16;
            i += 1;
        }
        table
    }
}
