//! The lessons, one folder a concept.

pub mod attention;
