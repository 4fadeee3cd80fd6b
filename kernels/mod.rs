//! Production kernels: slices in, slices out. They know no lesson.

pub mod attention;
pub mod cpu;
<<<<<<< HEAD
pub mod rope;
=======
pub mod cross_entropy;
>>>>>>> wce
