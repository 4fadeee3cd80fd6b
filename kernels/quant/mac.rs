//! Multiply and accumulate: one number of f32 per lane and step, or a pair of bf16.

use crate::kernels::cpu::Tier;
use crate::kernels::simd::{Kernel, Simd, dispatch, dispatch_bf16};

/// Rows of weights in a block.
pub const BLOCK: usize = 16;

/// Columns of weights in a chunk: a u32 of 4-bit weights.
pub const CHUNK: usize = 8;

/// Decodes weights and multiplies them with activations, on a register of rows. A step is as many
/// columns as a lane of activations holds: 1 of f32 or 2 of bf16.
pub trait Mac: Copy {
    type S: Simd;
    const LANES: usize = <Self::S as Simd>::LANES;
    /// Steps in a chunk.
    const STEPS: usize;

    fn simd(self) -> Self::S;
    /// The step's columns of a chunk of 4-bit weights, whose first row's is `from[0]`.
    fn nibbles(self, from: &[u32], step: usize) -> Register<Self>;
    /// The same for 8-bit weights.
    fn bytes(self, from: &[i8], step: usize) -> Register<Self>;
    /// w·x + sum; x is the same for all rows.
    fn mac(self, w: Register<Self>, x: u32, sum: Register<Self>) -> Register<Self>;

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

/// A register: of sums in f32, or of decoded weights.
pub type Register<M> = <<M as Mac>::S as Simd>::V;

/// Work that is written for any [`Mac`].
pub trait Work {
    /// To be marked `#[inline(always)]`.
    fn run<M: Mac>(self, mac: M);
}

/// Runs the work on activations in f32.
pub fn in_f32(tier: Tier, work: impl Work) {
    dispatch(tier, Widened(work));
}

/// Runs the work on pairs of bf16.
pub fn in_pairs(tier: Tier, work: impl Work) {
    dispatch_bf16(tier, Paired(work));
}

struct Widened<W>(W);

impl<W: Work> Kernel for Widened<W> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        self.0.run(F32(s));
    }
}

struct Paired<W>(W);

impl<W: Work> Kernel for Paired<W> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        self.0.run(Pairs(s));
    }
}

/// A number of f32 in a lane.
#[derive(Clone, Copy)]
struct F32<S>(S);

impl<S: Simd> Mac for F32<S> {
    type S = S;
    const STEPS: usize = CHUNK;

    #[inline(always)]
    fn simd(self) -> S {
        self.0
    }
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
}

/// A pair of bf16 in a lane.
#[derive(Clone, Copy)]
pub struct Pairs<S>(pub S);

impl<S: Simd> Mac for Pairs<S> {
    type S = S;
    const STEPS: usize = CHUNK / 2;

    #[inline(always)]
    fn simd(self) -> S {
        self.0
    }
    #[inline(always)]
    fn nibbles(self, from: &[u32], step: usize) -> S::V {
        self.0.nibble_pairs(from, step)
    }
    #[inline(always)]
    fn bytes(self, from: &[i8], step: usize) -> S::V {
        let from = &from[2 * step * BLOCK..];
        self.0.byte_pairs(from, &from[BLOCK..])
    }
    #[inline(always)]
    fn mac(self, w: S::V, x: u32, sum: S::V) -> S::V {
        self.0.dot(w, self.0.splat(f32::from_bits(x)), sum)
    }
}
