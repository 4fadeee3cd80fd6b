//! An output on the GPU that a kernel cannot leave half-written, or write beyond, without being found out.

use super::{Gpu, Trouble};
use cudarc::driver::{CudaSlice, CudaViewMut, DeviceRepr};
use std::fmt;

/// Bytes on either side that no kernel may touch: a multiple of what TMA aligns to.
const GUARD: usize = 4096;
/// A NaN in every float type, and −1 in every integer.
const POISON: u8 = 0xff;

/// Types of which any bytes are a value.
pub trait Plain: DeviceRepr + Copy + 'static {}
impl Plain for f32 {}
impl Plain for half::bf16 {}
impl Plain for half::f16 {}
impl Plain for u8 {}
impl Plain for i8 {}
impl Plain for i32 {}

/// Room for `len` elements between two guards, all of it poisoned.
pub struct Guarded<T> {
    elements: CudaSlice<T>,
    len: usize,
}

/// Where a kernel wrote that it may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stray {
    /// Bytes before the first element (negative) or from the end on.
    pub offset: i64,
}

impl fmt::Display for Stray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let byte = self.offset.unsigned_abs();
        match self.offset < 0 {
            true => write!(f, "the kernel wrote {byte} bytes before its output begins"),
            false => write!(
                f,
                "the kernel wrote behind its output, at byte {byte} after the end"
            ),
        }
    }
}

impl<T: Plain> Guarded<T> {
    /// Elements of one guard.
    const SIDE: usize = GUARD / size_of::<T>();

    /// # Errors
    /// [`Trouble`], where there is no such room.
    pub fn new(gpu: &Gpu, len: usize) -> Result<Guarded<T>, Trouble> {
        // SAFETY: any bytes are a T, see Plain, and none is larger than 16 bytes.
        let poison: T = unsafe { [POISON; 16].as_ptr().cast::<T>().read_unaligned() };
        let elements = gpu.stream.clone_htod(&vec![poison; len + 2 * Self::SIDE])?;
        Ok(Guarded { elements, len })
    }

    /// What a kernel gets.
    pub fn room(&mut self) -> CudaViewMut<'_, T> {
        self.elements.slice_mut(Self::SIDE..Self::SIDE + self.len)
    }

    /// What a kernel wrote, or where it strayed.
    ///
    /// # Errors
    /// [`Trouble`] of the kernels before.
    pub fn values(&self, gpu: &Gpu) -> Result<Result<Vec<T>, Stray>, Trouble> {
        let all = gpu.stream.clone_dtoh(&self.elements)?;
        // SAFETY: the elements' own bytes, none of them padding.
        let bytes: &[u8] =
            unsafe { std::slice::from_raw_parts(all.as_ptr().cast(), size_of_val(&all[..])) };
        let end = bytes.len() - GUARD;
        let mut outside = (0..GUARD).chain(end..bytes.len());
        Ok(match outside.find(|at| bytes[*at] != POISON) {
            Some(at) if at < GUARD => Err(Stray {
                offset: at as i64 - GUARD as i64,
            }),
            Some(at) => Err(Stray {
                offset: (at - end) as i64,
            }),
            None => Ok(all[Self::SIDE..Self::SIDE + self.len].to_vec()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cudarc::driver::{LaunchConfig, PushKernelArg};

    const FILL: &str = r#"
extern "C" __global__ void fill(float* x, int from, int to) {
    for (int i = from + threadIdx.x; i < to; i += blockDim.x) x[i] = 1.f;
}"#;

    /// Runs where there is a GPU.
    #[test]
    fn a_kernel_that_strays_is_found_and_what_it_leaves_is_nan() {
        let Ok(gpu) = super::super::gpu() else { return };
        let fill = gpu.function(FILL, &[], "fill").unwrap();
        let run = |from: i32, to: i32| {
            let mut out = Guarded::<f32>::new(gpu, 100).unwrap();
            let mut room = out.room();
            let mut launch = gpu.stream.launch_builder(&fill);
            launch.arg(&mut room).arg(&from).arg(&to);
            // SAFETY: what it writes outside is within the guards.
            unsafe { launch.launch(LaunchConfig::for_num_elems(32)) }.unwrap();
            out.values(gpu).unwrap()
        };
        let half = run(0, 50).unwrap();
        assert!(half[..50].iter().all(|x| *x == 1.0) && half[50..].iter().all(|x| x.is_nan()));
        assert_eq!(run(-1, 100), Err(Stray { offset: -4 }));
        assert_eq!(run(0, 101), Err(Stray { offset: 0 }));
    }
}
