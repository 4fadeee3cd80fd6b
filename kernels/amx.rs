//! AMX: eight tiles of 16 rows of 64 bytes, and one instruction that multiplies two of them.

use half::bf16;

/// Whether this processor has tiles of bf16, and the system lets this process use them.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub fn available() -> bool {
    use std::arch::x86_64::__cpuid_count;
    const AMX_BF16: u32 = 1 << 22;
    const AMX_TILE: u32 = 1 << 24;
    /// Asks the kernel for permission to use a part of the processor's state that grows the stack of
    /// signals (Linux, Documentation/arch/x86/xstate.rst).
    const ARCH_REQ_XCOMP_PERM: libc::c_int = 0x1023;
    /// The tiles' data.
    const XFEATURE_XTILEDATA: libc::c_ulong = 18;

    let features = __cpuid_count(7, 0).edx;
    if features & (AMX_BF16 | AMX_TILE) != AMX_BF16 | AMX_TILE {
        return false;
    }
    // SAFETY: the call only changes what this process may do; it fails where the system knows it not.
    let refused = unsafe {
        libc::syscall(
            libc::SYS_arch_prctl,
            ARCH_REQ_XCOMP_PERM,
            XFEATURE_XTILEDATA,
        )
    };
    refused == 0
}

#[cfg(all(target_arch = "x86_64", not(target_os = "linux")))]
pub fn available() -> bool {
    false
}

/// Rows of a tile; each has as many words of 32 bits: numbers of f32, or pairs of bf16.
pub const SIDE: usize = 16;

/// Eight tiles of 16 rows of 16 words, all of that size, and what kernels do with them; `T`, `A` and
/// `B` are numbers of tiles, 0 to 7. A value of the type owns its thread's tiles.
pub trait Tiles {
    /// All words of a tile to 0.
    fn zero<const T: u8>(&mut self);
    /// Loads 16 rows of 16 words, which start every `by` words. Panics when there are fewer.
    fn load<const T: u8>(&mut self, from: &[f32], by: usize);
    /// The same, of 32 numbers each, which start every `by` numbers.
    fn load_bf16<const T: u8>(&mut self, from: &[bf16], by: usize);
    /// Writes 16 rows of 16 words, which start every `by` words. Panics when there is no room.
    fn store<const T: u8>(&mut self, to: &mut [f32], by: usize);
    /// Adds to tile `T`: row i of `A` times column j of `B`, each 16 pairs of bf16, summed in f32.
    /// Denormals count as zeros.
    fn dot<const T: u8, const A: u8, const B: u8>(&mut self);
}

/// The processor's own tiles. There is at most one on a thread; dropping it gives them back.
///
/// The compiler knows tiles only as registers that it never uses itself, so what one `asm!` block
/// leaves in them is there in the next one.
#[cfg(target_arch = "x86_64")]
pub struct Amx {
    /// Tiles belong to a thread.
    _thread: std::marker::PhantomData<*const ()>,
}

#[cfg(target_arch = "x86_64")]
mod instructions {
    use super::{Amx, SIDE, Tiles};
    use half::bf16;
    use std::arch::asm;
    use std::cell::Cell;
    use std::marker::PhantomData;

    /// What `ldtilecfg` reads (Intel's Software Developer's Manual, volume 2): palette 1 with eight
    /// tiles of 64 bytes a row and 16 rows.
    #[repr(C, align(64))]
    struct Config {
        palette: u8,
        start_row: u8,
        reserved: [u8; 14],
        row_bytes: [u16; 16],
        rows: [u8; 16],
    }

    const CONFIG: Config = {
        let (mut row_bytes, mut rows) = ([0; 16], [0; 16]);
        let mut tile = 0;
        while tile < 8 {
            (row_bytes[tile], rows[tile]) = (4 * SIDE as u16, SIDE as u8);
            tile += 1;
        }
        Config {
            palette: 1,
            start_row: 0,
            reserved: [0; 14],
            row_bytes,
            rows,
        }
    };

    thread_local! {
        static TAKEN: Cell<bool> = const { Cell::new(false) };
    }

    impl Amx {
        /// This thread's tiles.
        ///
        /// # Panics
        /// When the processor has none, or a kernel on this thread has them already.
        pub fn take() -> Amx {
            assert_eq!(
                crate::kernels::cpu::Tier::detected(),
                crate::kernels::cpu::Tier::Amx,
                "only a machine that has tiles is asked to use them"
            );
            assert!(!TAKEN.replace(true), "tiles are taken once");
            configure(&CONFIG);
            Amx {
                _thread: PhantomData,
            }
        }
    }

    impl Drop for Amx {
        fn drop(&mut self) {
            release();
            TAKEN.set(false);
        }
    }

    /// `ldtilecfg`: says how large tiles are; they are zero after it.
    fn configure(config: &Config) {
        // SAFETY: called where tiles are detected and permitted; it reads the 64 bytes of `config`.
        unsafe {
            asm!("ldtilecfg [{}]", in(reg) config, options(nostack, readonly, preserves_flags),
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _);
        }
    }

    /// `tilerelease`: the system need not save tiles any more when it switches threads.
    fn release() {
        // SAFETY: called by a value that proves that there are tiles.
        unsafe {
            asm!("tilerelease", options(nostack, nomem, preserves_flags),
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _);
        }
    }

    /// `tileloadd`: 16 rows of 64 bytes, which start every `bytes`.
    ///
    /// # Safety
    /// There are tiles, configured, and the rows can be read.
    #[inline(always)]
    unsafe fn load<const T: u8>(from: *const u8, bytes: usize) {
        // SAFETY: the caller's. The compiler keeps nothing in tiles, so none of them need be named as
        // changed.
        unsafe {
            asm!("tileloadd tmm{t}, [{from} + {by}*1]", t = const T,
                from = in(reg) from, by = in(reg) bytes,
                options(nostack, readonly, preserves_flags));
        }
    }

    impl Tiles for Amx {
        /// `tilezero`.
        #[inline(always)]
        fn zero<const T: u8>(&mut self) {
            // SAFETY: `self` proves that there are tiles, configured; here and below.
            unsafe {
                asm!("tilezero tmm{t}", t = const T, options(nostack, nomem, preserves_flags));
            }
        }

        #[inline(always)]
        fn load<const T: u8>(&mut self, from: &[f32], by: usize) {
            let from = &from[..(SIDE - 1) * by + SIDE];
            // SAFETY: as for `zero`; the slice has the last row's end.
            unsafe { load::<T>(from.as_ptr().cast(), 4 * by) }
        }

        #[inline(always)]
        fn load_bf16<const T: u8>(&mut self, from: &[bf16], by: usize) {
            let from = &from[..(SIDE - 1) * by + 2 * SIDE];
            // SAFETY: as for `zero`; the slice has the last row's end.
            unsafe { load::<T>(from.as_ptr().cast(), 2 * by) }
        }

        /// `tilestored`.
        #[inline(always)]
        fn store<const T: u8>(&mut self, to: &mut [f32], by: usize) {
            let to = &mut to[..(SIDE - 1) * by + SIDE];
            // SAFETY: as for `zero`; the slice has room to the last row's end.
            unsafe {
                asm!("tilestored [{to} + {by}*1], tmm{t}", t = const T,
                    to = in(reg) to.as_mut_ptr(), by = in(reg) 4 * by,
                    options(nostack, preserves_flags));
            }
        }

        /// `tdpbf16ps`.
        #[inline(always)]
        fn dot<const T: u8, const A: u8, const B: u8>(&mut self) {
            // SAFETY: as for `zero`.
            unsafe {
                asm!("tdpbf16ps tmm{t}, tmm{a}, tmm{b}", t = const T, a = const A, b = const B,
                    options(nostack, nomem, preserves_flags));
            }
        }
    }
}

/// Tiles in plain Rust, which do what the processor's are said to do: so that kernels are tested where
/// there are none.
#[cfg(test)]
pub struct Model([[[f32; SIDE]; SIDE]; 8]);

#[cfg(test)]
mod model {
    use super::{Model, SIDE, Tiles};
    use crate::kernels::simd::{pair, unpair};
    use half::bf16;

    impl Model {
        /// Tiles full of what nobody should read.
        pub fn unset() -> Model {
            Model([[[f32::NAN; SIDE]; SIDE]; 8])
        }
    }

    fn flushed(x: f32) -> f32 {
        if x.is_subnormal() { 0.0 } else { x }
    }

    impl Tiles for Model {
        fn zero<const T: u8>(&mut self) {
            self.0[T as usize] = [[0.0; SIDE]; SIDE];
        }

        fn load<const T: u8>(&mut self, from: &[f32], by: usize) {
            for (i, row) in self.0[T as usize].iter_mut().enumerate() {
                row.copy_from_slice(&from[i * by..][..SIDE]);
            }
        }

        fn load_bf16<const T: u8>(&mut self, from: &[bf16], by: usize) {
            for (i, row) in self.0[T as usize].iter_mut().enumerate() {
                let from = from[i * by..][..2 * SIDE].chunks(2);
                row.iter_mut()
                    .zip(from)
                    .for_each(|(to, x)| *to = pair(x[0], x[1]));
            }
        }

        fn store<const T: u8>(&mut self, to: &mut [f32], by: usize) {
            for (i, row) in self.0[T as usize].iter().enumerate() {
                to[i * by..][..SIDE].copy_from_slice(row);
            }
        }

        /// The manual sums first and second products apart, and adds both sums to the tile at the end.
        fn dot<const T: u8, const A: u8, const B: u8>(&mut self) {
            let (a, b) = (self.0[A as usize], self.0[B as usize]);
            for (row, a) in self.0[T as usize].iter_mut().zip(a) {
                for (j, to) in row.iter_mut().enumerate() {
                    let mut sums = [0.0; 2];
                    for (a, b) in a.iter().zip(b) {
                        let (a, b) = (unpair(*a).map(flushed), unpair(b[j]).map(flushed));
                        sums = [0, 1].map(|i| flushed(a[i].mul_add(b[i], sums[i])));
                    }
                    *to = flushed(flushed(*to) + flushed(sums[0] + sums[1]));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::simd::pair;

    /// A product of two tiles with numbers whose sums are exact, through `tiles`.
    fn product(mut tiles: impl Tiles) {
        let number = |x: usize| bf16::from_f32((x % 13) as f32 - 6.0);
        // Rows of 16 pairs that start every 17 words; the last has no room after it.
        let words = |shift: usize| {
            let mut words = vec![f32::NAN; 15 * 17 + 16];
            for i in 0..SIDE {
                for j in 0..SIDE {
                    let x = shift + 32 * i + 2 * j;
                    words[17 * i + j] = pair(number(x), number(x * x + 1));
                }
            }
            words
        };
        let (a, b) = (words(1), words(4));
        let numbers: Vec<bf16> = a
            .chunks(17)
            .flat_map(|row| &row[..SIDE])
            .flat_map(|word| {
                let bits = word.to_bits();
                [bits as u16, (bits >> 16) as u16].map(bf16::from_bits)
            })
            .collect();
        let start = vec![0.5; 15 * 20 + 16];
        let mut out = vec![f32::NAN; 15 * 18 + 16];
        tiles.load::<0>(&start, 20);
        tiles.load::<7>(&a, 17);
        tiles.load::<3>(&b, 17);
        tiles.load_bf16::<6>(&numbers, 32);
        tiles.zero::<5>();
        tiles.dot::<0, 7, 3>();
        tiles.dot::<5, 6, 3>();
        tiles.dot::<5, 6, 3>();
        tiles.store::<0>(&mut out, 18);
        let mut twice = vec![f32::NAN; 16 * 16];
        tiles.store::<5>(&mut twice, 16);
        drop(tiles);
        for i in 0..SIDE {
            for j in 0..SIDE {
                let sum = |t: usize| {
                    let (a, b) = (a[17 * i + t].to_bits(), b[17 * t + j].to_bits());
                    let number = |bits: u32| f32::from_bits(bits << 16);
                    number(a & 0xffff) * number(b & 0xffff) + number(a >> 16) * number(b >> 16)
                };
                let want: f32 = (0..SIDE).map(sum).sum();
                assert_eq!(out[18 * i + j], want + 0.5, "row {i}, column {j}");
                assert_eq!(twice[16 * i + j], 2.0 * want, "row {i}, column {j}");
            }
            if i < 15 {
                assert!(out[18 * i + 16..18 * i + 18].iter().all(|x| x.is_nan()));
            }
        }
    }

    #[test]
    fn the_model_multiplies_tiles() {
        product(Model::unset());
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn the_processor_multiplies_tiles_as_the_model_does() {
        if crate::kernels::cpu::Tier::detected() == crate::kernels::cpu::Tier::Amx {
            // Twice, since dropping gives the tiles back.
            product(Amx::take());
            product(Amx::take());
        }
    }
}
