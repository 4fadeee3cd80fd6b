//! Whether operands have the elements that a shape asks for.

use std::fmt;

/// An operand that has fewer or more elements than the shape asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Length {
    pub operand: &'static str,
    pub want: usize,
    pub got: usize,
}

impl Length {
    /// # Errors
    /// When there are not as many as there should be.
    pub fn check(operand: &'static str, want: usize, got: usize) -> Result<(), Length> {
        match want == got {
            true => Ok(()),
            false => Err(Length { operand, want, got }),
        }
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Length { operand, want, got } = self;
        write!(
            f,
            "{operand} has {got} elements and should have {want}; pass it whole and row-major"
        )
    }
}

impl std::error::Error for Length {}

/// The product of sizes, unless it overflows.
pub fn product<const N: usize>(sizes: [usize; N]) -> Option<usize> {
    sizes.into_iter().try_fold(1, usize::checked_mul)
}
