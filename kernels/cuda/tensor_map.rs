//! What Hopper's copy engine (TMA) knows of a tensor: where it lies, its sizes, and the box that one copy moves.

use super::{Gpu, Trouble};
use cudarc::driver::{DevicePtr, DeviceRepr, sys};

/// A tensor map: a kernel gets it by value, as `const __grid_constant__ tensor_map`. It has no hold on the
/// memory that it describes, which must outlive the launch.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct TensorMap(sys::CUtensorMap);

// SAFETY: the driver's opaque 128 bytes, made to be a kernel's parameter.
unsafe impl DeviceRepr for TensorMap {}

/// A type of elements that TMA moves.
pub trait Element: DeviceRepr {
    const TYPE: sys::CUtensorMapDataType;
}

impl Element for half::bf16 {
    const TYPE: sys::CUtensorMapDataType =
        sys::CUtensorMapDataType::CU_TENSOR_MAP_DATA_TYPE_BFLOAT16;
}

impl Element for half::f16 {
    const TYPE: sys::CUtensorMapDataType =
        sys::CUtensorMapDataType::CU_TENSOR_MAP_DATA_TYPE_FLOAT16;
}

impl Element for f32 {
    const TYPE: sys::CUtensorMapDataType =
        sys::CUtensorMapDataType::CU_TENSOR_MAP_DATA_TYPE_FLOAT32;
}

impl Element for u8 {
    const TYPE: sys::CUtensorMapDataType = sys::CUtensorMapDataType::CU_TENSOR_MAP_DATA_TYPE_UINT8;
}

impl Element for i32 {
    const TYPE: sys::CUtensorMapDataType = sys::CUtensorMapDataType::CU_TENSOR_MAP_DATA_TYPE_INT32;
}

/// How a box lies in shared memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swizzle {
    /// As in the tensor.
    None,
    /// Rows of 128 bytes at most, whose columns of 16 bytes are XORed with the row's number: what wgmma and
    /// ldmatrix read without bank conflicts.
    Bytes128,
}

impl TensorMap {
    /// A dense tensor of these sizes, innermost axis first, and the box that one copy moves. What a box has
    /// beyond the sizes is zeros. The sizes' product must not be more than the elements there are, the
    /// address and every row a multiple of 16 bytes, and a box's side at most 256.
    ///
    /// # Errors
    /// [`Trouble::Driver`], where the sizes cannot be.
    pub fn new<T: Element, const AXES: usize>(
        gpu: &Gpu,
        tensor: &impl DevicePtr<T>,
        sizes: [usize; AXES],
        box_sizes: [u32; AXES],
        swizzle: Swizzle,
    ) -> Result<TensorMap, Trouble> {
        let there = sizes
            .into_iter()
            .try_fold(1, usize::checked_mul)
            .is_some_and(|elements| elements <= tensor.len());
        if !there {
            return Err(Trouble::Driver(format!(
                "a tensor map of {sizes:?} describes more than the {} elements there are",
                tensor.len()
            )));
        }
        let sizes = sizes.map(|size| size as u64);
        let mut strides = [0u64; AXES];
        let mut bytes = size_of::<T>() as u64;
        for (stride, size) in strides.iter_mut().zip(sizes) {
            bytes *= size;
            *stride = bytes;
        }
        let (address, _reads) = tensor.device_ptr(&gpu.stream);
        let mut map = sys::CUtensorMap { opaque: [0; 16] };
        // SAFETY: every array has an element for each axis; the driver writes the map alone.
        unsafe {
            sys::cuTensorMapEncodeTiled(
                &mut map,
                T::TYPE,
                AXES as u32,
                address as *mut std::ffi::c_void,
                sizes.as_ptr(),
                strides.as_ptr(),
                box_sizes.as_ptr(),
                [1u32; AXES].as_ptr(),
                sys::CUtensorMapInterleave::CU_TENSOR_MAP_INTERLEAVE_NONE,
                match swizzle {
                    Swizzle::None => sys::CUtensorMapSwizzle::CU_TENSOR_MAP_SWIZZLE_NONE,
                    Swizzle::Bytes128 => sys::CUtensorMapSwizzle::CU_TENSOR_MAP_SWIZZLE_128B,
                },
                sys::CUtensorMapL2promotion::CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
                sys::CUtensorMapFloatOOBfill::CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE,
            )
        }
        .result()?;
        Ok(TensorMap(map))
    }
}
