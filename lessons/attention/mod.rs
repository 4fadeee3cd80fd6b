//! Scaled dot-product attention (Vaswani et al. 2017, section 3.2.1, arXiv 1706.03762).

pub mod reference;
pub use reference::attention;
