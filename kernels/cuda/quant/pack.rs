//! Weights in the order in which tensor cores use them: `weights.cu` says which.

use rayon::prelude::*;

/// Rows that are packed together, and weights of a row.
pub const SLAB: usize = 64;
pub const STEP: usize = 64;

/// A lane's A of a product of 16 rows by 16 of k has four registers of two weights. The row and the column of
/// weight `e` of register `j`.
fn place(lane: usize, j: usize, e: usize) -> [usize; 2] {
    [lane / 4 + 8 * (j % 2), 8 * (j / 2) + 2 * (lane % 4) + e]
}

/// Takes `q [n k/2]`, two weights a byte. `flip` makes signed weights unsigned.
pub fn int4(q: &[u8], flip: u8, [n, k]: [usize; 2]) -> Vec<u8> {
    let weight = |row: usize, column: usize| match row < n && column < k {
        true => u32::from((q[(row * k + column) / 2] ^ flip) >> (column % 2 * 4) & 15),
        false => 0,
    };
    // [tile 4][lane 32][product 4]: register j at bits 4j and 16 + 4j.
    let word = |at: usize| {
        let (tile, lane, product) = (at / 128, at / 4 % 32, at % 4);
        move |row: usize, column: usize| {
            (0..8).fold(0, |word, i| {
                let (j, e) = (i / 2, i % 2);
                let [down, along] = place(lane, j, e);
                let weight = weight(row + tile * 16 + down, column + product * 16 + along);
                word | weight << (4 * j + 16 * e)
            })
        }
    };
    blocks([n, k], 512, |row, column, at| word(at)(row, column))
}

/// Takes `q [n k]`.
pub fn int8(q: &[i8], [n, k]: [usize; 2]) -> Vec<u8> {
    let weight = |row: usize, column: usize| match row < n && column < k {
        true => u32::from(q[row * k + column] as u8),
        false => 0,
    };
    // [tile 4][half step 2][lane 32][product 2][half of A 2]: register j at bits 8j and 16 + 8j.
    blocks([n, k], 1024, |row, column, at| {
        let (tile, half, lane) = (at / 256, at / 128 % 2, at / 4 % 32);
        let (product, part) = (2 * half + at / 2 % 2, at % 2);
        (0..4).fold(0, |word, i| {
            let (j, e) = (i / 2, i % 2);
            let [down, along] = place(lane, 2 * part + j, e);
            let weight = weight(row + tile * 16 + down, column + product * 16 + along);
            word | weight << (8 * j + 16 * e)
        })
    })
}

/// The words of all blocks `[slab][step][words]`, each of its block's first row and column, and its place.
fn blocks(
    [n, k]: [usize; 2],
    words: usize,
    word: impl Fn(usize, usize, usize) -> u32 + Sync,
) -> Vec<u8> {
    let steps = k.div_ceil(STEP);
    let mut packed = vec![0u8; n.div_ceil(SLAB) * steps * words * 4];
    let each = packed.par_chunks_exact_mut((steps * words * 4).max(1));
    each.enumerate().for_each(|(slab, packed)| {
        for (i, bytes) in packed.chunks_exact_mut(4).enumerate() {
            let word = word(slab * SLAB, i / words * STEP, i % words);
            bytes.copy_from_slice(&word.to_le_bytes());
        }
    });
    packed
}

/// Scales or zeros `[n k/group_size]` as `[slab][group][tile][row 0 to 7][that row and the one 8 below]`, with
/// whole steps' groups.
pub fn by_group<T: Copy>(of: &[T], none: T, [n, k]: [usize; 2], group_size: usize) -> Vec<T> {
    let (groups, slabs) = (k / group_size, n.div_ceil(SLAB));
    let padded = k.next_multiple_of(group_size.max(STEP)) / group_size;
    let mut packed = vec![none; slabs * padded * SLAB];
    for (at, of) in of.iter().enumerate() {
        let (row, group) = (at / groups, at % groups);
        let (slab, tile, down) = (row / SLAB, row % SLAB / 16, row % 16);
        packed[(slab * padded + group) * SLAB + tile * 16 + down % 8 * 2 + down / 8] = *of;
    }
    packed
}
