//! Which work there is, and who does it.

use super::dots::{self, Dots};
use super::sight::{Seen, Sight, union};
use super::tiles::{self, Tiles};
use super::{Mask, Options, Shape};
use crate::kernels::cpu::{Tier, each, threads};
use crate::kernels::simd::{Kernel, Simd, dispatch};
use std::cell::RefCell;
use std::ops::Range;
use std::sync::Mutex;

pub use std::f32::consts::{LN_2, LOG2_E};

/// A part of the keys is at least so long, or splitting costs more than it brings.
const LEAST_KEYS: usize = 256;

/// A query: what it sees, its head's slope (times −log₂e), and where its row of the mask starts.
#[derive(Clone, Copy, Default)]
pub struct Row {
    pub seen: Seen,
    pub slope: f32,
    pub mask: usize,
}

/// Some queries, with the keys and values that they share.
pub struct Block<'a> {
    /// `[rows d]`
    pub q: &'a [f32],
    /// `[len d]`
    pub k: &'a [f32],
    /// `[len dv]`
    pub v: &'a [f32],
    pub rows: &'a [Row],
    /// Other keys belong to other parts of the work.
    pub keys: Range<usize>,
    pub mask: Option<Mask<'a>>,
    /// Whether rows have slopes.
    pub slopes: bool,
    pub d: usize,
    pub dv: usize,
    /// `[rows dv]`
    pub out: &'a mut [f32],
    /// `[rows]`, or empty where it is not asked for.
    pub lse: &'a mut [f32],
}

impl Block<'_> {
    /// The keys that some query of the block sees.
    pub fn ranges(&self) -> [Range<usize>; 2] {
        let Range { start, end } = self.keys;
        union(self.rows.iter().map(|row| row.seen))
            .map(|range| range.start.max(start)..range.end.min(end).max(range.start.max(start)))
    }
}

/// 1/sum; 0 where nothing was seen.
pub fn inverse(sum: f32) -> f32 {
    if sum == 0.0 { 0.0 } else { 1.0 / sum }
}

/// Memory for a block, which a thread keeps: fresh pages would cost as much as some of the work.
#[derive(Default)]
pub struct Room(Vec<f32>);

thread_local! {
    static ROOM: RefCell<Room> = RefCell::default();
}

/// Numbers in a cache line: a register that lies across two is loaded at half the speed.
const LINE: usize = 16;

impl Room {
    /// Parts of these sizes, with numbers of earlier blocks in them; the first starts at a cache line.
    pub fn parts<const N: usize>(&mut self, sizes: [usize; N]) -> [&mut [f32]; N] {
        let size = sizes.iter().sum::<usize>() + LINE;
        if self.0.len() < size {
            self.0 = vec![0.0; size];
        }
        let skip = self.0.as_ptr().align_offset(4 * LINE).min(LINE);
        let mut room = &mut self.0[skip..];
        sizes.map(|size| {
            let part;
            (part, room) = std::mem::take(&mut room).split_at_mut(size);
            part
        })
    }
}

/// One call, whose operands fit.
pub struct Call<'a> {
    pub tier: Tier,
    pub q: &'a [f32],
    pub k: &'a [f32],
    pub v: &'a [f32],
    pub options: Options<'a>,
    pub kv_heads: usize,
    pub shape: Shape,
}

/// Queries `rows` of the h/kv_heads · n that read head `head` of the b·kv_heads of k and v.
struct Item<'a> {
    head: usize,
    rows: Range<usize>,
    keys: Range<usize>,
    out: &'a mut [f32],
    lse: &'a mut [f32],
}

/// The lanes of a register.
struct Lanes;

impl Kernel for Lanes {
    type Out = usize;
    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> usize {
        S::LANES
    }
}

impl Call<'_> {
    /// `lse` may be empty.
    pub fn run(&self, out: &mut [f32], lse: &mut [f32]) {
        let Shape { h, n, dv, .. } = self.shape;
        if out.is_empty() && lse.is_empty() {
            return;
        }
        let group = h / self.kv_heads;
        let lanes = dispatch(self.tier, Lanes);
        let few = group * n <= dots::ROWS.min(lanes / 2);
        let blocks = match few {
            true => std::iter::once(0..group * n).collect(),
            false => blocks(group, n, lanes),
        };
        let mut items = Vec::new();
        let (mut out, mut lse) = (out, lse);
        let with_lse = usize::from(!lse.is_empty());
        for head in 0..self.shape.b * self.kv_heads {
            for rows in &blocks {
                let (part, part_lse);
                (part, out) = out.split_at_mut(rows.len() * dv);
                (part_lse, lse) = lse.split_at_mut(rows.len() * with_lse);
                items.push(Item {
                    head,
                    rows: rows.clone(),
                    keys: 0..self.len(head),
                    out: part,
                    lse: part_lse,
                });
            }
        }
        // Later queries see more under a causal rule: the longest work comes first.
        items.reverse();
        let parts = (4 * threads()).div_ceil(items.len());
        let longest = items.iter().map(|item| item.keys.len()).max().unwrap_or(0);
        let parts = parts.min(longest / LEAST_KEYS);
        if parts <= 1 || threads() == 1 {
            self.work(items, few);
        } else {
            self.work_in_parts(items, parts, few);
        }
    }

    /// Keys of the sequence that a head of k and v belongs to.
    fn len(&self, head: usize) -> usize {
        let lengths = self.options.lengths;
        lengths.map_or(self.shape.m, |lengths| lengths[head / self.kv_heads])
    }

    fn work(&self, items: Vec<Item<'_>>, few: bool) {
        let items: Vec<_> = items
            .into_iter()
            .map(|item| Mutex::new(Some(item)))
            .collect();
        each(items.len(), |i| {
            let item = items[i].lock().map(|mut item| item.take());
            if let Ok(Some(item)) = item {
                self.item(item, few);
            }
        });
    }

    fn item(&self, item: Item<'_>, few: bool) {
        let Shape { h, n, m, d, dv, .. } = self.shape;
        let (head, len, group) = (item.head, self.len(item.head), h / self.kv_heads);
        let Options {
            mask,
            causal,
            window,
            globals,
            slopes,
            ..
        } = self.options;
        let sight = Sight {
            causal,
            window,
            globals,
            n,
            len,
        };
        let strides = mask.map_or([0; 4], |mask| mask.strides);
        let row = |row: usize| {
            let (sequence, head) = (head / self.kv_heads, head % self.kv_heads * group + row / n);
            Row {
                seen: sight.query(row % n),
                slope: slopes.map_or(0.0, |slopes| -LOG2_E * slopes[head]),
                mask: sequence * strides[0] + head * strides[1] + row % n * strides[2],
            }
        };
        let rows: Vec<Row> = item.rows.clone().map(row).collect();
        let first = head * group * n;
        let block = Block {
            q: &self.q[(first + item.rows.start) * d..(first + item.rows.end) * d],
            k: &self.k[head * m * d..][..len * d],
            v: &self.v[head * m * dv..][..len * dv],
            rows: &rows,
            keys: item.keys,
            mask,
            slopes: slopes.is_some(),
            d,
            dv,
            out: item.out,
            lse: item.lse,
        };
        match few {
            true => dispatch(self.tier, Dots(block)),
            false => ROOM.with_borrow_mut(|room| dispatch(self.tier, Tiles(block, room))),
        }
    }

    /// The same with the keys of each item in several parts, whose outputs are merged.
    fn work_in_parts(&self, items: Vec<Item<'_>>, parts: usize, few: bool) {
        let dv = self.shape.dv;
        let rows: usize = items.iter().map(|item| item.rows.len()).sum();
        let (mut outs, mut lses) = (vec![0.0; parts * rows * dv], vec![0.0; parts * rows]);
        let (mut out_room, mut lse_room) = (&mut outs[..], &mut lses[..]);
        let mut pieces = Vec::new();
        for item in &items {
            let (rows, len) = (item.rows.len(), item.keys.len());
            for part in 0..parts {
                let (out, lse);
                (out, out_room) = out_room.split_at_mut(rows * dv);
                (lse, lse_room) = lse_room.split_at_mut(rows);
                pieces.push(Item {
                    head: item.head,
                    rows: item.rows.clone(),
                    keys: len * part / parts..len * (part + 1) / parts,
                    out,
                    lse,
                });
            }
        }
        self.work(pieces, few);
        let (mut outs, mut lses) = (&outs[..], &lses[..]);
        for item in items {
            let rows = item.rows.len();
            let (out, lse);
            (out, outs) = outs.split_at(parts * rows * dv);
            (lse, lses) = lses.split_at(parts * rows);
            merge(item.out, item.lse, out, lse, rows);
        }
    }
}

/// Merges outputs `[parts rows dv]` of parts of the keys by the logarithms of their sums, `[parts rows]`.
fn merge(out: &mut [f32], lse: &mut [f32], outs: &[f32], lses: &[f32], rows: usize) {
    let dv = out.len() / rows;
    out.fill(0.0);
    for i in 0..rows {
        let of_row = lses.iter().skip(i).step_by(rows);
        let max = of_row
            .clone()
            .copied()
            .fold(f32::NEG_INFINITY, f32::max)
            .max(f32::MIN);
        let sum: f32 = of_row.clone().map(|lse| (lse - max).exp()).sum();
        for (part, part_lse) in of_row.enumerate() {
            let weight = (part_lse - max).exp() * inverse(sum);
            let from = &outs[(part * rows + i) * dv..][..dv];
            let to = out[i * dv..][..dv].iter_mut();
            to.zip(from).for_each(|(to, from)| *to += weight * from);
        }
        if let Some(lse) = lse.get_mut(i) {
            *lse = match sum == 0.0 {
                true => f32::NEG_INFINITY,
                false => max + sum.ln(),
            };
        }
    }
}

/// The queries of a group of heads in blocks of whole registers, of nearly the same number. Where a
/// head has too few for a block, those of several heads share one.
fn blocks(group: usize, n: usize, lanes: usize) -> Vec<Range<usize>> {
    let (heads, n) = match n < tiles::WIDE * lanes {
        true => (1, group * n),
        false => (group, n),
    };
    let registers = n.div_ceil(lanes);
    let count = registers.div_ceil(tiles::WIDE);
    let cut = |i: usize| n.min(registers * i / count * lanes);
    let of_head = |head: usize| (0..count).map(move |i| head * n + cut(i)..head * n + cut(i + 1));
    (0..heads).flat_map(of_head).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_cover_every_query_once_and_fit() {
        for (group, n, lanes) in [
            (1, 1024, 16),
            (4, 5, 16),
            (3, 49, 8),
            (2, 65, 16),
            (1, 9, 4),
        ] {
            let mut next = 0;
            for rows in blocks(group, n, lanes) {
                assert_eq!(rows.start, next);
                assert!(!rows.is_empty() && rows.len() <= tiles::WIDE * lanes);
                next = rows.end;
            }
            assert_eq!(next, group * n);
        }
    }
}
