//! Weights in the order in which tensor cores use them: `weights.cu` says which.

use half::bf16;
use rayon::prelude::*;

/// Rows that are packed together, and weights of a row.
pub const SLAB: usize = 64;
pub const STEP: usize = 128;

/// A lane's A of a product of 16 rows by 16 of k has four registers of two weights. The row and the column of
/// weight `e` of register `j`.
fn place(lane: usize, j: usize, e: usize) -> [usize; 2] {
    [lane / 4 + 8 * (j % 2), 8 * (j / 2) + 2 * (lane % 4) + e]
}

/// Weights of 4 bits with their scales and zeros, as they come.
pub struct Int4<'a> {
    /// `[n k/2]`, two weights a byte; signed where there are no zeros.
    pub q: &'a [u8],
    /// `[n k/group_size]`
    pub scales: &'a [bf16],
    pub zeros: Option<&'a [u8]>,
    pub n: usize,
    pub k: usize,
    pub group_size: usize,
}

impl Int4<'_> {
    pub fn packed(&self) -> Vec<u8> {
        let Int4 {
            n, k, group_size, ..
        } = *self;
        // Signed weights become unsigned with 8 for zero.
        let flip = if self.zeros.is_some() { 0 } else { 8 };
        let weight = |row: usize, column: usize| match row < n && column < k {
            true => u32::from(self.q[(row * k + column) / 2] >> (column % 2 * 4) & 15 ^ flip),
            false => 0,
        };
        let groups = k / group_size;
        records([n, k], 4, STEP / group_size, |record, row, column| {
            let (words, side) = record.split_at_mut(SLAB * STEP / 2);
            // [tile 4][half 2][lane 32][product 4]: register j at bits 4j and 16 + 4j.
            for (at, bytes) in words.chunks_exact_mut(4).enumerate() {
                let (tile, product, lane) = (at / 256, at / 128 % 2 * 4 + at % 4, at / 4 % 32);
                let word = (0..8).fold(0, |word, i| {
                    let (j, e) = (i / 2, i % 2);
                    let [down, along] = place(lane, j, e);
                    let weight = weight(row + tile * 16 + down, column + product * 16 + along);
                    word | weight << (4 * j + 16 * e)
                });
                bytes.copy_from_slice(&word.to_le_bytes());
            }
            // [group][tile 4][row 8][that row and the one 8 below]
            let (scales, zeros) = side.split_at_mut(side.len() / 3 * 2);
            for (at, zero) in zeros.iter_mut().enumerate() {
                let row = row + at % SLAB / 16 * 16 + at % 16 / 2 + at % 2 * 8;
                let group = column / group_size + at / SLAB;
                if row < n && group < groups {
                    let from = row * groups + group;
                    *zero = self.zeros.map_or(8, |zeros| zeros[from]);
                    scales[2 * at..2 * at + 2].copy_from_slice(&self.scales[from].to_le_bytes());
                }
            }
        })
    }
}

/// Takes `q [n k]`.
pub fn int8(q: &[i8], [n, k]: [usize; 2]) -> Vec<u8> {
    let weight = |row: usize, column: usize| match row < n && column < k {
        true => q[row * k + column] as u8,
        false => 0,
    };
    records([n, k], 8, 0, |record, row, column| {
        // [tile 4][quarter 4][lane 32][product 2][half of A 2]: register j at bits 8j and 16 + 8j.
        for (at, byte) in record.iter_mut().enumerate() {
            let (word, e, j) = (at / 4, at % 4 / 2, at % 2);
            let (tile, quarter, lane) = (word / 512, word / 128 % 4, word / 4 % 32);
            let (product, part) = (2 * quarter + word / 2 % 2, word % 2);
            let [down, along] = place(lane, 2 * part + j, e);
            *byte = weight(row + tile * 16 + down, column + product * 16 + along);
        }
    })
}

/// Bytes of a record: a slab's weights for a step, and scales of 2 bytes and zeros of 1 for so many groups.
pub const fn record_bytes(bits: usize, groups: usize) -> usize {
    SLAB * STEP * bits / 8 + groups * SLAB * 3
}

/// `[slab][step][record]`. Each record of zeros is filled, which begins at a row and a column.
fn records(
    [n, k]: [usize; 2],
    bits: usize,
    groups: usize,
    fill: impl Fn(&mut [u8], usize, usize) + Sync,
) -> Vec<u8> {
    let (record, steps) = (record_bytes(bits, groups), k.div_ceil(STEP));
    let mut packed = vec![0u8; n.div_ceil(SLAB) * steps * record];
    let slabs = packed.par_chunks_exact_mut((steps * record).max(1));
    slabs.enumerate().for_each(|(slab, records)| {
        for (step, record) in records.chunks_exact_mut(record).enumerate() {
            fill(record, slab * SLAB, step * STEP);
        }
    });
    packed
}
