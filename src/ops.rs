//! The operations that people know from PyTorch, on ndarray and with named axes.
//!
//! They work in f32 and f64 and trace themselves while the judge watches.

mod compute;

use crate::trace::Element;
use ndarray::{ArrayD, IxDyn, LinalgScalar};
use num_traits::Float;

/// f32 or f64. The operations are compiled once for each, in this library: a generic function
/// would be compiled again with every solution, and people wait for that.
pub trait Real: Float + LinalgScalar + Element {
    #[doc(hidden)]
    fn einsum(spec: &str, operands: &[&ArrayD<Self>]) -> ArrayD<Self>;
    #[doc(hidden)]
    fn matmul(a: &ArrayD<Self>, b: &ArrayD<Self>) -> ArrayD<Self>;
    #[doc(hidden)]
    fn softmax(x: &ArrayD<Self>, axis: usize) -> ArrayD<Self>;
    #[doc(hidden)]
    fn log_softmax(x: &ArrayD<Self>, axis: usize) -> ArrayD<Self>;
    #[doc(hidden)]
    fn permute(spec: &str, x: &ArrayD<Self>) -> ArrayD<Self>;
}

macro_rules! real {
    ($($t:ident)*) => {$(
        impl Real for $t {
            #[inline(never)]
            fn einsum(spec: &str, operands: &[&ArrayD<$t>]) -> ArrayD<$t> {
                compute::einsum(spec, operands)
            }
            #[inline(never)]
            fn matmul(a: &ArrayD<$t>, b: &ArrayD<$t>) -> ArrayD<$t> {
                compute::matmul(a, b)
            }
            #[inline(never)]
            fn softmax(x: &ArrayD<$t>, axis: usize) -> ArrayD<$t> {
                compute::softmax(x, axis)
            }
            #[inline(never)]
            fn log_softmax(x: &ArrayD<$t>, axis: usize) -> ArrayD<$t> {
                compute::log_softmax(x, axis)
            }
            #[inline(never)]
            fn permute(spec: &str, x: &ArrayD<$t>) -> ArrayD<$t> {
                compute::permute(spec, x)
            }
        }
    )*};
}
real!(f32 f64);

/// Einstein summation over named axes: `einsum("b h n d, b h m d -> b h n m", &[&q, &k])`.
///
/// Takes one or two operands. An axis that the result does not name is summed over; an axis that
/// both operands and the result name is a batch axis. Runs as a batched matrix product.
///
/// # Panics
/// With a sentence, when the names do not fit the operands (the judge reports it as a verdict).
pub fn einsum<T: Real>(spec: &str, operands: &[&ArrayD<T>]) -> ArrayD<T> {
    T::einsum(spec, operands)
}

/// Matrix product of the last two axes; the axes before them are batch axes and broadcast, as in
/// `torch.matmul`: `[.. n k] × [.. k m] → [.. n m]`.
///
/// # Panics
/// With a sentence, when the shapes do not fit.
pub fn matmul<T: Real>(a: &ArrayD<T>, b: &ArrayD<T>) -> ArrayD<T> {
    T::matmul(a, b)
}

/// `exp(x − max) / Σ exp(x − max)` along `axis`. A row of −∞ alone gives NaN, as in PyTorch.
///
/// # Panics
/// With a sentence, when there is no such axis.
pub fn softmax<T: Real>(x: &ArrayD<T>, axis: usize) -> ArrayD<T> {
    T::softmax(x, axis)
}

/// `x − max − ln Σ exp(x − max)` along `axis`.
///
/// # Panics
/// With a sentence, when there is no such axis.
pub fn log_softmax<T: Real>(x: &ArrayD<T>, axis: usize) -> ArrayD<T> {
    T::log_softmax(x, axis)
}

/// Reorders named axes: `permute("b h n d -> b n h d", &x)`.
///
/// # Panics
/// With a sentence, when the names on both sides differ or do not fit the tensor.
pub fn permute<T: Real>(spec: &str, x: &ArrayD<T>) -> ArrayD<T> {
    T::permute(spec, x)
}

/// The additive causal mask `[n m]`: 0 where key j ≤ i + (m − n), −∞ elsewhere (aligned at the
/// bottom right, as FlashAttention ≥ 2.1 and a KV cache want it).
pub fn causal_mask<T: Real>(n: usize, m: usize) -> ArrayD<T> {
    ArrayD::from_shape_fn(IxDyn(&[n, m]), |at| {
        if at[1] + n <= at[0] + m {
            T::zero()
        } else {
            T::neg_infinity()
        }
    })
}

#[cfg(all(test, feature = "lessons"))]
mod tests {
    use super::*;
    use crate::problem::Case;
    use ndarray::Axis;

    fn normal(name: &str, axes: &str) -> ArrayD<f64> {
        let sizes = [("b", 2), ("h", 3), ("n", 5), ("m", 4), ("d", 6)];
        let case = Case {
            kind: "test",
            seed: 7,
            settings: sizes.into_iter().collect(),
        };
        case.normal(name, axes, 1.0).mapv(f64::from)
    }

    #[test]
    fn einsum_equals_its_definition_as_loops() {
        let (q, k) = (normal("q", "b h n d"), normal("k", "b h m d"));
        let scores = einsum("b h n d, b h m d -> b n h m", &[&q, &k]);
        assert_eq!(scores.shape(), [2, 5, 3, 4]);
        for ((b, n, h, m), &got) in scores
            .view()
            .into_dimensionality::<ndarray::Ix4>()
            .unwrap()
            .indexed_iter()
        {
            let want: f64 = (0..6).map(|d| q[[b, h, n, d]] * k[[b, h, m, d]]).sum();
            assert!((got - want).abs() < 1e-12, "{got} is not {want}");
        }
        let total = einsum("b h n d -> ", &[&q]);
        assert!((total.sum() - q.sum()).abs() < 1e-12);
        let outer = einsum("b h n d, b h m d -> n m", &[&q, &k]);
        let reduced = scores.sum_axis(Axis(0)).sum_axis(Axis(1));
        assert!((outer - reduced).iter().all(|gap| gap.abs() < 1e-12));
    }

    #[test]
    fn matmul_broadcasts_batch_axes_as_torch_does() {
        let (a, b) = (normal("a", "b h n d"), normal("b", "d m"));
        let got = matmul(&a, &b);
        let want = einsum("b h n d, d m -> b h n m", &[&a, &b]);
        assert_eq!(got.shape(), [2, 3, 5, 4]);
        assert!((got - want).iter().all(|gap| gap.abs() < 1e-12));
    }

    #[test]
    fn softmax_rows_sum_to_one_and_log_softmax_is_its_log() {
        let x = normal("x", "b n m");
        for axis in 0..3 {
            let p = softmax(&x, axis);
            assert!(
                p.sum_axis(Axis(axis))
                    .iter()
                    .all(|s| (s - 1.0).abs() < 1e-12)
            );
            let gap = log_softmax(&x, axis) - p.mapv(f64::ln);
            assert!(gap.iter().all(|gap| gap.abs() < 1e-12));
        }
    }

    #[test]
    fn permute_moves_axes_and_the_causal_mask_is_aligned_at_the_end() {
        let x = normal("x", "b h n d");
        assert_eq!(
            permute("b h n d -> d n b h", &x)[[5, 4, 1, 2]],
            x[[1, 2, 4, 5]]
        );
        let mask: ArrayD<f32> = causal_mask(2, 4);
        assert_eq!(mask[[0, 2]], 0.0);
        assert_eq!(mask[[0, 3]], f32::NEG_INFINITY);
        assert!((0..4).all(|j| mask[[1, j]] == 0.0));
    }

    #[test]
    fn a_trace_refuses_axes_that_do_not_fit() {
        let x = normal("x", "b n");
        let lie = std::panic::catch_unwind(|| {
            let mut trace = crate::trace::Trace::new();
            trace.step("x", "x", "b n", &x);
            trace.step("y", "xᵀ", "b n -> n b", &x);
        });
        let words = *lie.unwrap_err().downcast::<String>().unwrap();
        assert!(
            words.contains("axis n has size 2 here and 5 before"),
            "{words}"
        );
    }
}
