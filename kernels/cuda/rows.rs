//! Kernels over rows: which instance takes rows of a size, and with how many threads. See `rows.cu`.

use super::source::{PRELUDE, Part};
use super::{Gpu, Gpus, Source, Trouble, guarded::Plain};
use crate::kernels::operand::{Length, product};
use cudarc::driver::{CudaFunction, CudaView, CudaViewMut, DevicePtr, LaunchConfig};
use half::{bf16, f16};
use std::fmt;

/// Teams and how rows are cut into vectors.
pub(super) const ROWS: Part = ("rows.cu", include_str!("rows.cu"));
/// Maxima and sums of exponentials in one pass.
pub(super) const ONLINE: Part = ("online.cu", include_str!("online.cu"));
/// What a kernel over rows is compiled with.
pub(super) const PARTS: &[Part] = &[PRELUDE, ROWS];
pub(super) const ONLINE_PARTS: &[Part] = &[PRELUDE, ROWS, ONLINE];

/// The numbers of a tensor on the GPU; kernels compute in f32.
pub trait Number: Plain + sealed::Sealed + 'static {
    /// Where its instances are.
    #[doc(hidden)]
    const INDEX: usize;
    fn rounded(x: f64) -> Self;
    fn number(self) -> f64;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for half::bf16 {}
    impl Sealed for half::f16 {}
}

impl Number for f32 {
    const INDEX: usize = 0;
    fn rounded(x: f64) -> f32 {
        x as f32
    }
    fn number(self) -> f64 {
        self.into()
    }
}

impl Number for bf16 {
    const INDEX: usize = 1;
    fn rounded(x: f64) -> bf16 {
        bf16::from_f64(x)
    }
    fn number(self) -> f64 {
        self.into()
    }
}

impl Number for f16 {
    const INDEX: usize = 2;
    fn rounded(x: f64) -> f16 {
        f16::from_f64(x)
    }
    fn number(self) -> f64 {
        self.into()
    }
}

/// Why a kernel over rows refuses its arguments.
#[derive(Clone, Debug, PartialEq)]
pub enum Error {
    Length(Length),
    /// A row without entries.
    EmptyRow,
    /// More rows or longer ones than a launch can count.
    TooLarge {
        rows: usize,
        cols: usize,
    },
    /// A temperature that is not a positive number.
    Temperature(f32),
    /// RoPE turns pairs.
    HeadDim {
        table: usize,
        got: usize,
    },
    /// A beta that is not from 0 to below 1.
    Beta(f32),
    /// A block size that the states do not come in.
    BlockSize(usize),
    Gpu(Trouble),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Length(length) => length.fmt(f),
            Error::EmptyRow => write!(f, "a row has no entries; it needs at least one"),
            Error::TooLarge { rows, cols } => write!(
                f,
                "{rows} rows of {cols} are more than one launch counts; give fewer rows at a time, and rows below 2³¹"
            ),
            Error::Temperature(t) => write!(
                f,
                "the temperature is {t}; give a number above 0, such as 2"
            ),
            Error::HeadDim { table, got } => write!(
                f,
                "the table has {got} numbers and batch·rows·head_dim is {table}; make them agree, with an even head_dim"
            ),
            Error::Beta(beta) => write!(
                f,
                "a beta should be from 0 to below 1, it is {beta}; usual are 0.9 and 0.999"
            ),
            Error::BlockSize(size) => write!(
                f,
                "the block size should be 256 or 2048, it is {size}; take 256"
            ),
            Error::Gpu(trouble) => trouble.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<Length> for Error {
    fn from(length: Length) -> Error {
        Error::Length(length)
    }
}

impl<T: Into<Trouble>> From<T> for Error {
    fn from(trouble: T) -> Error {
        Error::Gpu(trouble.into())
    }
}

// ---- Instances.

/// One for each type, for aligned and for ragged rows.
const SIMPLE: [&[&str]; 6] = [
    &["-DTYPE=float", "-DRAGGED=0"],
    &["-DTYPE=float", "-DRAGGED=1"],
    &["-DTYPE=bf16", "-DRAGGED=0"],
    &["-DTYPE=bf16", "-DRAGGED=1"],
    &["-DTYPE=f16", "-DRAGGED=0"],
    &["-DTYPE=f16", "-DRAGGED=1"],
];

/// The same, without and with clusters.
const HELD: [&[&str]; 12] = [
    &["-DTYPE=float", "-DRAGGED=0", "-DCLUSTERS=0"],
    &["-DTYPE=float", "-DRAGGED=0", "-DCLUSTERS=1"],
    &["-DTYPE=float", "-DRAGGED=1", "-DCLUSTERS=0"],
    &["-DTYPE=float", "-DRAGGED=1", "-DCLUSTERS=1"],
    &["-DTYPE=bf16", "-DRAGGED=0", "-DCLUSTERS=0"],
    &["-DTYPE=bf16", "-DRAGGED=0", "-DCLUSTERS=1"],
    &["-DTYPE=bf16", "-DRAGGED=1", "-DCLUSTERS=0"],
    &["-DTYPE=bf16", "-DRAGGED=1", "-DCLUSTERS=1"],
    &["-DTYPE=f16", "-DRAGGED=0", "-DCLUSTERS=0"],
    &["-DTYPE=f16", "-DRAGGED=0", "-DCLUSTERS=1"],
    &["-DTYPE=f16", "-DRAGGED=1", "-DCLUSTERS=0"],
    &["-DTYPE=f16", "-DRAGGED=1", "-DCLUSTERS=1"],
];

/// Instances of a kernel that holds rows. Clusters came with Hopper and are in every GPU since.
pub(super) const fn held(
    file: &'static str,
    text: &'static str,
    parts: &'static [Part],
) -> [Source; 12] {
    let mut all = instances(file, text, parts, HELD);
    let mut i = 1;
    while i < all.len() {
        all[i].gpus = Gpus::From(9, 0);
        i += 2;
    }
    all
}

/// Instances of a kernel that holds no rows.
pub(super) const fn simple(file: &'static str, text: &'static str) -> [Source; 6] {
    instances(file, text, PARTS, SIMPLE)
}

pub(super) const fn instances<const N: usize>(
    file: &'static str,
    text: &'static str,
    parts: &'static [Part],
    defines: [&'static [&'static str]; N],
) -> [Source; N] {
    let gpus = Gpus::From(7, 5);
    let first = Source {
        file,
        text,
        parts,
        defines: &[],
        gpus,
    };
    let mut all = [first; N];
    let mut i = 0;
    while i < N {
        all[i].defines = defines[i];
        i += 1;
    }
    all
}

// ---- Rows and teams.

/// Rows of one size, and whether each begins and ends at a multiple of 16 bytes in every operand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows {
    pub rows: usize,
    pub cols: usize,
    pub ragged: bool,
    /// Vectors of 16 bytes that the longest row touches.
    vectors: usize,
}

/// Where an operand begins.
pub(super) fn address<T>(gpu: &Gpu, view: &impl DevicePtr<T>) -> u64 {
    view.device_ptr(&gpu.stream).0
}

impl Rows {
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn new<T: Number>(rows: usize, cols: usize, addresses: &[u64]) -> Result<Rows, Error> {
        let each = 16 / size_of::<T>();
        let large = Error::TooLarge { rows, cols };
        // A launch has up to 2³¹ − 1 blocks, and eight of them may be a cluster.
        if rows >= 1 << 28 || cols >= (1 << 31) - 16 || product([rows, cols, 4]).is_none() {
            return Err(large);
        }
        let ragged = !cols.is_multiple_of(each) || addresses.iter().any(|at| at % 16 != 0);
        Ok(Rows {
            rows,
            cols,
            ragged,
            vectors: cols.div_ceil(each) + usize::from(ragged),
        })
    }

    /// The place of an instance in [`simple`].
    pub fn simple<T: Number>(&self) -> usize {
        2 * T::INDEX + usize::from(self.ragged)
    }

    /// Teams of which each thread takes `vecs` vectors, or more where a row is longer than 512 threads: short
    /// rows take a part of a warp each.
    pub fn teams(&self, vecs: usize) -> LaunchConfig {
        let lanes = self.vectors.div_ceil(vecs).max(1);
        let (lanes, together) = match lanes <= 32 {
            true => {
                let lanes = lanes.next_power_of_two().max(4);
                (lanes, 128 / lanes)
            }
            false => (lanes.next_multiple_of(32).min(BLOCK), 1),
        };
        config(
            self.rows.div_ceil(together),
            [lanes as u32, together as u32],
        )
    }

    /// Teams that take a piece of a row each, and how many pieces a row has.
    pub fn pieces(&self, vecs: usize) -> Result<(LaunchConfig, u32), Error> {
        let mut teams = self.teams(vecs);
        teams.block_dim.0 = teams.block_dim.0.min(256);
        let pieces = self.vectors.div_ceil(teams.block_dim.0 as usize * vecs);
        let blocks = pieces * teams.grid_dim.0 as usize;
        teams.grid_dim.0 = i32::try_from(blocks).map_err(|_| Error::TooLarge {
            rows: self.rows,
            cols: self.cols,
        })? as u32;
        Ok((teams, pieces as u32))
    }

    /// How rows of `operands` tensors are held: threads hold so many vectors of each in one block, or so many in
    /// a cluster.
    pub fn held(&self, gpu: &Gpu, blocks: &[usize], clusters: &[usize], operands: usize) -> Held {
        let fits = |threads: usize| move |vecs: &&usize| self.vectors <= **vecs * threads;
        if let Some(vecs) = blocks.iter().find(fits(BLOCK)) {
            return Held {
                way: Way::Block(*vecs),
                config: self.teams(*vecs),
            };
        }
        match clusters.iter().find(fits(BLOCK * CLUSTER)) {
            Some(vecs) if gpu.capability >= (9, 0) => {
                let mut config = config(self.rows * CLUSTER, [BLOCK as u32, 1]);
                config.shared_mem_bytes = (16 * BLOCK * vecs * operands) as u32;
                let way = Way::Cluster(*vecs);
                Held { way, config }
            }
            _ => Held {
                way: Way::Twice,
                config: self.teams(4),
            },
        }
    }

    /// The kernel of a way, from the instances of [`held`], and its launch.
    ///
    /// # Errors
    /// Those of [`Gpu::kernel`].
    pub fn kernel<T: Number>(
        &self,
        gpu: &Gpu,
        instances: &[Source; 12],
        Held { way, mut config }: Held,
        prefix: &str,
    ) -> Result<(CudaFunction, LaunchConfig), Trouble> {
        let (clusters, name) = match way {
            Way::Block(vecs) => (0, format!("{prefix}held{vecs}")),
            Way::Cluster(vecs) => (1, format!("{prefix}cluster{vecs}")),
            Way::Twice => (0, format!("{prefix}twice")),
        };
        let kernel = gpu.kernel(&instances[2 * self.simple::<T>() + clusters], &name)?;
        // As many clusters as run at once, each with one row after the other.
        if clusters == 1
            && let Ok(at_once @ 1..) = kernel.occupancy_max_active_clusters(config, &gpu.stream)
        {
            config.grid_dim.0 = config.grid_dim.0.min(at_once * CLUSTER as u32);
        }
        Ok((kernel, config))
    }

    /// A kernel that needs no clusters, from the instances of [`held`].
    ///
    /// # Errors
    /// Those of [`Gpu::kernel`].
    pub fn plain<T: Number>(
        &self,
        gpu: &Gpu,
        instances: &[Source; 12],
        name: &str,
    ) -> Result<CudaFunction, Trouble> {
        gpu.kernel(&instances[2 * self.simple::<T>()], name)
    }
}

/// Where a row is while it is worked on, and what that takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub way: Way,
    config: LaunchConfig,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// In the registers of one block or less, as many vectors a thread.
    Block(usize),
    /// In those of a cluster.
    Cluster(usize),
    /// In memory: it is read twice.
    Twice,
}

/// Threads of the largest block, and blocks of a cluster. The same in rows.cu.
const BLOCK: usize = 512;
const CLUSTER: usize = 8;

pub(super) fn config(blocks: usize, [x, y]: [u32; 2]) -> LaunchConfig {
    LaunchConfig {
        grid_dim: (blocks.max(1) as u32, 1, 1),
        block_dim: (x, y, 1),
        shared_mem_bytes: 0,
    }
}

/// # Errors
/// [`Length`] of the first operand that does not fit.
pub(super) fn lengths(all: &[(&'static str, usize, usize)]) -> Result<(), Error> {
    for &(name, want, got) in all {
        Length::check(name, want, got)?;
    }
    Ok(())
}

/// Where an input and an output begin.
pub(super) fn both<T>(gpu: &Gpu, out: &CudaViewMut<'_, T>, x: &CudaView<'_, T>) -> [u64; 2] {
    [address(gpu, out), address(gpu, x)]
}

#[cfg(test)]
pub(super) mod check {
    use super::*;
    use crate::kernels::cuda::guarded::Guarded;

    /// Numbers from −1 to 1, the same for a seed.
    pub fn noise(seed: u64, len: usize) -> Vec<f64> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut draw = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
        };
        (0..len).map(|_| draw()).collect()
    }

    pub fn numbers<T: Number>(seed: u64, len: usize, scale: f64) -> Vec<T> {
        let noise = noise(seed, len).into_iter();
        noise.map(|x| T::rounded(scale * x)).collect()
    }

    pub fn wide<T: Number>(x: &[T]) -> Vec<f64> {
        x.iter().map(|x| x.number()).collect()
    }

    /// Rows of every way, aligned and not.
    pub fn shapes() -> Vec<(usize, usize)> {
        vec![
            (1, 1),
            (70, 3),
            (5, 63),
            (33, 64),
            (7, 65),
            (9, 127),
            (3, 129),
            (6, 500),
            (3, 768),
            (2, 4096),
            (3, 8200),
            (2, 9001),
            (2, 20_000),
            (2, 40_001),
            (2, 128_256),
            (1, 140_001),
            (1, 300_000),
        ]
    }

    /// The largest error is no more than twice that of the plain computation, which is in f32 and rounded to
    /// `T`, and the mean no more than one and a half; both but for some roundings of f32.
    pub fn close<T: Number>(what: &str, got: &[T], want: &[f64], plain: &[f64]) {
        let size = want.iter().fold(0f64, |a, b| a.max(b.abs()));
        close_to(what, got, want, plain, size);
    }

    /// The same, where terms of a larger `size` cancel.
    pub fn close_to<T: Number>(what: &str, got: &[T], want: &[f64], plain: &[f64], size: f64) {
        assert_eq!(got.len(), want.len(), "{what}");
        let rounding = size / f64::from(1 << 22);
        let errors = |x: &mut dyn Iterator<Item = f64>| {
            let (mut worst, mut sum) = (0f64, 0.0);
            for (x, want) in x.zip(want) {
                let err = (x - want).abs();
                if !(err <= worst) {
                    worst = err;
                }
                sum += err;
            }
            (worst, sum / want.len().max(1) as f64)
        };
        let rounded = plain.iter().map(|x| T::rounded(*x).number());
        let (most, mean) = errors(&mut { rounded });
        let (err, own) = errors(&mut got.iter().map(|x| x.number()));
        assert!(
            err <= 2.0 * most + rounding,
            "{what}: {err:.3e} of {size:.3e}, a plain computation is off by {most:.3e}"
        );
        assert!(
            own <= 1.5 * mean + rounding,
            "{what}: mean {own:.3e} of {size:.3e}, that of a plain computation is {mean:.3e}"
        );
    }

    /// What a kernel writes to a guarded output, twice: both must be the same bits.
    pub fn twice<T: Plain>(
        gpu: &Gpu,
        len: usize,
        mut run: impl FnMut(&mut CudaViewMut<'_, T>),
    ) -> Vec<T> {
        let mut once = || {
            let mut out = Guarded::new(gpu, len).unwrap();
            run(&mut out.room());
            gpu.wait().unwrap();
            match out.values(gpu).unwrap() {
                Ok(values) => values,
                Err(stray) => panic!("{stray}"),
            }
        };
        let (first, second) = (once(), once());
        // SAFETY: the elements' own bytes.
        let bytes = |x: &[T]| unsafe {
            std::slice::from_raw_parts(x.as_ptr().cast::<u8>(), size_of_val(x)).to_vec()
        };
        assert!(bytes(&first) == bytes(&second), "two runs differ");
        first
    }
}
