//! The instances of the kernels.

use super::pack::{SLAB, STEP, record_bytes};
use crate::kernels::cuda::source::{Gpus, HOPPER, PRELUDE, Part, Source, TENSOR_CORE};

const WEIGHTS: Part = ("weights.cu", include_str!("weights.cu"));
const NIBBLES: Part = ("nibbles.cu", include_str!("nibbles.cu"));

const fn rows(file: &'static str, text: &'static str) -> Source {
    Source {
        file,
        text,
        parts: &[PRELUDE, NIBBLES],
        defines: &["-DT=bf16"],
        gpus: Gpus::From(7, 5),
    }
}

pub static V1: Source = rows("v1.cu", include_str!("v1.cu"));
pub static V2: Source = rows("v2.cu", include_str!("v2.cu"));

/// Weights' bits and groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Group32,
    Group64,
    Group128,
    Int8,
}

impl Format {
    const fn record_bytes(self) -> usize {
        match self {
            Format::Group32 => record_bytes(4, 4),
            Format::Group64 => record_bytes(4, 2),
            Format::Group128 => record_bytes(4, 1),
            Format::Int8 => record_bytes(8, 0),
        }
    }
}

/// An instance of version 3.
pub struct Few {
    pub source: Source,
    pub format: Format,
    /// For Hopper's shared memory, or for the smallest.
    pub big: bool,
    /// Activations, by 8.
    pub mt: usize,
    /// Warps along rows and along k, blocks along k, steps in the ring.
    pub wn: usize,
    pub wk: usize,
    pub split: usize,
    pub depth: usize,
}

impl Few {
    pub fn columns(&self) -> usize {
        8 * self.mt
    }

    /// The ring, or the sums that take its place.
    pub fn shared_bytes(&self, m: usize) -> usize {
        let x = m.min(self.columns()) * STEP * 2;
        let ring = self.wk * self.depth * (self.wn * self.format.record_bytes() + x);
        ring.max(self.wk * self.wn * self.columns() * (SLAB + 4) * 4)
    }
}

/// An instance of version 4.
pub struct Many {
    pub source: Source,
    pub format: Format,
    /// Activations of a block.
    pub columns: usize,
    /// Slabs of a block; warpgroups for each; blocks along k; steps in the ring.
    pub consumers: usize,
    pub lanes: usize,
    pub split: usize,
    pub depth: usize,
}

impl Many {
    pub fn shared_bytes(&self) -> usize {
        let step = self.columns * STEP * 2 + self.consumers * self.format.record_bytes();
        (self.depth * step).max(self.lanes * self.consumers * self.columns * (SLAB + 4) * 4)
    }
}

macro_rules! few {
    ($format:ident, $bits:literal, $group:literal, $big:literal, $mt:literal, $wn:literal, $wk:literal, $split:literal, $depth:literal) => {
        Few {
            source: Source {
                file: "v3.cu",
                text: include_str!("v3.cu"),
                parts: match $big {
                    true => &[PRELUDE, TENSOR_CORE, HOPPER, WEIGHTS],
                    false => &[PRELUDE, TENSOR_CORE, WEIGHTS],
                },
                defines: &[
                    "-DT=bf16",
                    concat!("-DBITS=", $bits),
                    concat!("-DGROUP=", $group),
                    concat!("-DMT=", $mt),
                    concat!("-DWN=", $wn),
                    concat!("-DWK=", $wk),
                    concat!("-DSPLIT=", $split),
                    concat!("-DDEPTH=", $depth),
                ],
                gpus: match $big {
                    true => Gpus::Hopper,
                    false => Gpus::From(8, 0),
                },
            },
            format: Format::$format,
            big: $big,
            mt: $mt,
            wn: $wn,
            wk: $wk,
            split: $split,
            depth: $depth,
        }
    };
}

/// From the fewest columns to the most.
pub static FEW: [Few; 24] = [
    few!(Group32, 4, 32, true, 1, 1, 8, 1, 3),
    few!(Group32, 4, 32, true, 2, 1, 8, 1, 3),
    few!(Group32, 4, 32, true, 4, 2, 4, 2, 3),
    few!(Group64, 4, 64, true, 1, 1, 8, 1, 3),
    few!(Group64, 4, 64, true, 2, 1, 8, 1, 3),
    few!(Group64, 4, 64, true, 4, 2, 4, 2, 3),
    few!(Group128, 4, 128, true, 1, 1, 8, 1, 3),
    few!(Group128, 4, 128, true, 2, 1, 8, 1, 3),
    few!(Group128, 4, 128, true, 4, 2, 4, 2, 3),
    few!(Int8, 8, 0, true, 1, 1, 8, 1, 2),
    few!(Int8, 8, 0, true, 2, 2, 4, 2, 2),
    few!(Int8, 8, 0, true, 4, 2, 2, 2, 3),
    few!(Group32, 4, 32, false, 1, 1, 6, 1, 2),
    few!(Group32, 4, 32, false, 2, 2, 3, 1, 2),
    few!(Group32, 4, 32, false, 4, 2, 2, 1, 2),
    few!(Group64, 4, 64, false, 1, 1, 6, 1, 2),
    few!(Group64, 4, 64, false, 2, 2, 3, 1, 2),
    few!(Group64, 4, 64, false, 4, 2, 2, 1, 2),
    few!(Group128, 4, 128, false, 1, 1, 6, 1, 2),
    few!(Group128, 4, 128, false, 2, 2, 3, 1, 2),
    few!(Group128, 4, 128, false, 4, 2, 2, 1, 2),
    few!(Int8, 8, 0, false, 1, 1, 4, 1, 2),
    few!(Int8, 8, 0, false, 2, 2, 2, 1, 2),
    few!(Int8, 8, 0, false, 4, 4, 1, 1, 2),
];

macro_rules! many {
    ($format:ident, $bits:literal, $group:literal, $columns:literal, $consumers:literal, $lanes:literal, $split:literal, $depth:literal) => {
        Many {
            source: Source {
                file: "v4.cu",
                text: include_str!("v4.cu"),
                parts: &[PRELUDE, TENSOR_CORE, HOPPER, WEIGHTS],
                defines: &[
                    "-DT=bf16",
                    concat!("-DBITS=", $bits),
                    concat!("-DGROUP=", $group),
                    concat!("-DCOLUMNS=", $columns),
                    concat!("-DCONSUMERS=", $consumers),
                    concat!("-DLANES=", $lanes),
                    concat!("-DSPLIT=", $split),
                    concat!("-DDEPTH=", $depth),
                ],
                gpus: Gpus::Hopper,
            },
            format: Format::$format,
            columns: $columns,
            consumers: $consumers,
            lanes: $lanes,
            split: $split,
            depth: $depth,
        }
    };
}

/// From the fewest columns to the most, and from the least split to the most.
pub static MANY: [Many; 16] = [
    many!(Group32, 4, 32, 32, 2, 2, 2, 10),
    many!(Group32, 4, 32, 64, 2, 2, 2, 8),
    many!(Group32, 4, 32, 128, 2, 1, 1, 5),
    many!(Group32, 4, 32, 128, 2, 1, 2, 5),
    many!(Group64, 4, 64, 32, 2, 2, 2, 10),
    many!(Group64, 4, 64, 64, 2, 2, 2, 8),
    many!(Group64, 4, 64, 128, 2, 1, 1, 5),
    many!(Group64, 4, 64, 128, 2, 1, 2, 5),
    many!(Group128, 4, 128, 32, 2, 2, 2, 10),
    many!(Group128, 4, 128, 64, 2, 2, 2, 8),
    many!(Group128, 4, 128, 128, 2, 1, 1, 5),
    many!(Group128, 4, 128, 128, 2, 1, 2, 5),
    many!(Int8, 8, 0, 32, 2, 2, 2, 8),
    many!(Int8, 8, 0, 64, 2, 2, 2, 6),
    many!(Int8, 8, 0, 128, 2, 1, 1, 4),
    many!(Int8, 8, 0, 128, 2, 1, 2, 4),
];

/// All of them.
pub static SOURCES: [Source; 2 + FEW.len() + MANY.len()] = {
    let mut all = [V1; 2 + FEW.len() + MANY.len()];
    all[1] = V2;
    let mut i = 0;
    while i < FEW.len() {
        all[2 + i] = FEW[i].source;
        i += 1;
    }
    let mut i = 0;
    while i < MANY.len() {
        all[2 + FEW.len() + i] = MANY[i].source;
        i += 1;
    }
    all
};
