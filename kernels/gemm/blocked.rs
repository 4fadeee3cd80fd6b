//! Large products: panels of `b` for all threads, then blocks of rows of `a`, each thread its own.

use super::pack::{columns, rows, rows_between};
use super::registers::{Block, TileBlock, Vectors};
use super::{Engine, Form, Of, Out, Shape, Unit};
use crate::kernels::cpu::{each, second_cache, split, threads};
use crate::kernels::simd::{Kernel, Simd, dispatch_bf16, round};
use half::bf16;
use std::cell::Cell;
use std::ops::Range;
use std::sync::Mutex;

/// Words of `b` that are packed at a time, 8 MiB: a third level of cache, or a part of one.
const PACKED: usize = 2 << 20;
/// Words of the largest block of results.
const RESULTS: usize = 32 * 64;
/// Words of columns that are packed at a time from a matrix that lies row by row.
const ROWS: usize = 16;
/// Words of a sum between two visits of a result: a panel of 64 columns takes 128 KiB.
const RUN: usize = 512;
/// Sizes of blocks of results: how many rows and columns, their multiples, and that of words.
#[derive(Clone, Copy)]
pub struct Sizes {
    pub rows: usize,
    pub lanes: usize,
    pub wide: usize,
    pub step: usize,
}

impl Sizes {
    fn of<B: Block>() -> Sizes {
        Sizes {
            rows: B::ROWS,
            lanes: B::LANES,
            wide: B::WIDE,
            step: B::STEP,
        }
    }
}

/// Those of an engine.
pub fn sizes(engine: Engine) -> Sizes {
    dispatch_bf16(engine.tier, Ask(engine.unit))
}

struct Ask(Unit);

impl Kernel for Ask {
    type Out = Sizes;
    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> Sizes {
        match self.0 {
            Unit::Fma | Unit::Dot => Sizes::of::<Vectors<S, false>>(),
            #[cfg(target_arch = "x86_64")]
            Unit::Amx => Sizes::of::<TileBlock<crate::kernels::amx::Amx>>(),
            #[cfg(test)]
            Unit::Model => Sizes::of::<TileBlock<crate::kernels::amx::Model>>(),
        }
    }
}

/// Writes a·b.
pub fn product(engine: Engine, out: Out<'_>, a: Of<'_>, b: Of<'_>, form: Form, shape: Shape) {
    let Shape { m, n, k } = shape;
    if m * n == 0 {
        return;
    }
    let sizes = sizes(engine);
    let panel = sizes.wide * sizes.lanes;
    let words = engine
        .words(b, k)
        .next_multiple_of(sizes.step)
        .max(sizes.step);

    // Columns at a time, and rows a task.
    let most = (PACKED / words / panel).max(1);
    let panels = n.div_ceil(panel);
    let at_a_time = panels.div_ceil(panels.div_ceil(most));
    let blocks = m.div_ceil(sizes.rows);
    // A thread packs so many rows at a time that they fill half of the second cache: the more, the less
    // often panels are read.
    let most = (second_cache() / 8 / RUN.min(words) / sizes.rows).max(1);
    let tasks = threads() * blocks.div_ceil(threads() * most);
    let tasks = tasks.min(blocks);
    // Few rows: several tasks share them, each with some of the panels.
    let shares = threads().div_ceil(tasks).min(at_a_time);

    let mut out = Rows::of(out, n);
    let mut scratch = Scratch::new(at_a_time * words * panel);
    let packed = scratch.words();
    for first in (0..panels).step_by(at_a_time) {
        let count = at_a_time.min(panels - first);
        let packed = &mut packed[..count * words * panel];
        split(packed, words * panel, |items, part| {
            let pack = Pack {
                b,
                pairs: engine.pairs(),
                form,
                shape,
                lanes: sizes.lanes,
                panels: first + items.start..first + items.end,
                to: part,
                panel,
            };
            dispatch_bf16(engine.tier, pack);
        });
        let mut parts = Vec::new();
        let mut rest = out.columns(first * panel..n.min((first + count) * panel));
        for i in 0..tasks {
            let end = ((i + 1) * blocks / tasks * sizes.rows).min(m);
            let later = rest.split_off(end - i * blocks / tasks * sizes.rows);
            let mut mine = std::mem::replace(&mut rest, later);
            for j in 0..shares {
                let [from, to] = [j, j + 1].map(|j| j * count / shares);
                let (now, later) = mine.split_columns((to - from) * panel);
                mine = later;
                let start = i * blocks / tasks * sizes.rows;
                parts.push(Mutex::new((start..end, from..to, now)));
            }
        }
        each(parts.len(), |i| {
            let mut part = parts[i].lock().expect("a task is done once");
            let (rows, panels, out) = &mut *part;
            let part = Part {
                unit: engine.unit,
                a,
                k,
                words,
                rows: rows.clone(),
                b: &packed[panels.start * words * panel..panels.end * words * panel],
                panel,
                out,
            };
            dispatch_bf16(engine.tier, part);
        });
    }
}

/// Some columns of some rows of results.
pub enum Rows<'a> {
    F32(Vec<&'a mut [f32]>),
    Bf16(Vec<&'a mut [bf16]>),
}

impl<'a> Rows<'a> {
    pub fn of(out: Out<'a>, n: usize) -> Rows<'a> {
        match out {
            Out::F32(out) => Rows::F32(out.chunks_exact_mut(n).collect()),
            Out::Bf16(out) => Rows::Bf16(out.chunks_exact_mut(n).collect()),
        }
    }

    fn columns(&mut self, columns: Range<usize>) -> Rows<'_> {
        match self {
            Rows::F32(rows) => Rows::F32(
                rows.iter_mut()
                    .map(|row| &mut row[columns.clone()])
                    .collect(),
            ),
            Rows::Bf16(rows) => Rows::Bf16(
                rows.iter_mut()
                    .map(|row| &mut row[columns.clone()])
                    .collect(),
            ),
        }
    }

    /// Takes the rows from `at` on.
    fn split_off(&mut self, at: usize) -> Rows<'a> {
        match self {
            Rows::F32(rows) => Rows::F32(rows.split_off(at)),
            Rows::Bf16(rows) => Rows::Bf16(rows.split_off(at)),
        }
    }

    /// The first `count` columns, and the others.
    pub fn split_columns(self, count: usize) -> (Rows<'a>, Rows<'a>) {
        fn halves<T>(rows: Vec<&mut [T]>, count: usize) -> (Vec<&mut [T]>, Vec<&mut [T]>) {
            rows.into_iter()
                .map(|row| row.split_at_mut(count.min(row.len())))
                .unzip()
        }
        match self {
            Rows::F32(rows) => {
                let (a, b) = halves(rows, count);
                (Rows::F32(a), Rows::F32(b))
            }
            Rows::Bf16(rows) => {
                let (a, b) = halves(rows, count);
                (Rows::Bf16(a), Rows::Bf16(b))
            }
        }
    }

    /// Writes a result, rounded where it must be.
    #[inline(always)]
    pub fn set(&mut self, row: usize, column: usize, x: f32) {
        match self {
            Rows::F32(rows) => rows[row][column] = x,
            Rows::Bf16(rows) => rows[row][column] = round(x),
        }
    }

    pub fn width(&self) -> usize {
        match self {
            Rows::F32(rows) => rows.first().map_or(0, |row| row.len()),
            Rows::Bf16(rows) => rows.first().map_or(0, |row| row.len()),
        }
    }
}

/// Panels of `b` to be packed.
struct Pack<'a> {
    b: Of<'a>,
    pairs: bool,
    form: Form,
    shape: Shape,
    lanes: usize,
    panels: Range<usize>,
    to: &'a mut [f32],
    panel: usize,
}

impl Kernel for Pack<'_> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Shape { n, k, .. } = self.shape;
        let of = (self.b, self.pairs);
        let len = self.to.len() / self.panels.len().max(1);
        let words = len / self.panel;
        // Of a matrix that lies row by row, some rows for all panels: neighbours in memory are read
        // one after the other.
        let at_a_time = match self.form {
            Form::Plain => ROWS,
            Form::Transposed => words,
        };
        for start in (0..words).step_by(at_a_time) {
            let count = at_a_time.min(words - start);
            for (i, p) in self.panels.clone().enumerate() {
                let from = p * self.panel..n.min((p + 1) * self.panel);
                let width = from.len().next_multiple_of(self.lanes);
                let to = &mut self.to[i * len + start * width..][..count * width];
                match self.form {
                    Form::Plain => rows_between(s, of, (from, n), (k, start), (to, width)),
                    Form::Transposed => columns(s, of, (from, k), (to, width)),
                }
            }
        }
    }
}

/// Some rows of `a` times some panels.
struct Part<'a, 'b> {
    unit: Unit,
    a: Of<'a>,
    k: usize,
    words: usize,
    rows: Range<usize>,
    b: &'a [f32],
    panel: usize,
    out: &'a mut Rows<'b>,
}

impl Kernel for Part<'_, '_> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        match self.unit {
            Unit::Fma => self.with(s, Vectors::<S, false>(s)),
            Unit::Dot => self.with(s, Vectors::<S, true>(s)),
            #[cfg(target_arch = "x86_64")]
            Unit::Amx => self.with(s, TileBlock(crate::kernels::amx::Amx::take())),
            #[cfg(test)]
            Unit::Model => self.with(s, TileBlock(crate::kernels::amx::Model::unset())),
        }
    }
}

impl Part<'_, '_> {
    #[inline(always)]
    fn with<S: Simd, B: Block>(self, s: S, mut block: B) {
        let (count, width) = (self.rows.len(), self.out.width());
        let pairs = self.unit != Unit::Fma;
        let runs = self.words.div_ceil(RUN);
        let run = self.words.div_ceil(runs).next_multiple_of(B::STEP);
        // Rows that start a multiple of 4 KiB apart would share a few places of the first cache.
        let by = run + 16;
        let padded = count.next_multiple_of(B::ROWS);
        // Where results are bf16, sums of several runs need a place of their own.
        let columns = width.next_multiple_of(B::LANES);
        let kept = match self.out {
            Rows::Bf16(_) if runs > 1 => count * columns,
            _ => 0,
        };
        let mut scratch = Scratch::new(padded * by + RESULTS + kept);
        let (a, rest) = scratch.words().split_at_mut(padded * by);
        let (results, sums) = rest.split_at_mut(RESULTS);

        for first in (0..self.words).step_by(run) {
            let len = run.min(self.words - first);
            let last = first + len == self.words;
            rows(
                s,
                (self.a, pairs),
                (self.rows.clone(), self.k),
                (first, len),
                (a, by),
            );
            let panels = self.b.chunks_exact(self.words * self.panel);
            for (p, b) in panels.enumerate() {
                let start = p * self.panel;
                let used = self.panel.min(width - start);
                let wide = used.div_ceil(B::LANES);
                let b = &b[first * wide * B::LANES..][..len * wide * B::LANES];
                for i in (0..count).step_by(B::ROWS) {
                    let here = B::ROWS.min(count - i);
                    let c = (&mut results[..], wide * B::LANES);
                    block.multiply(here, (&a[i * by..], by), (b, wide), len, c, false);
                    for r in 0..here {
                        let row = &results[r * wide * B::LANES..][..used];
                        match &mut *self.out {
                            Rows::F32(out) => {
                                collect(s, &mut out[i + r][start..start + used], row, first > 0);
                            }
                            Rows::Bf16(out) => {
                                let out = &mut out[i + r][start..start + used];
                                if runs == 1 {
                                    narrow(s, out, row);
                                    continue;
                                }
                                let sums = &mut sums[(i + r) * columns + start..][..used];
                                collect(s, sums, row, first > 0);
                                if last {
                                    narrow(s, out, sums);
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Writes a row of results, or adds it to what is there. Counts instead of zipping slices, as in
/// `pack.rs`.
#[inline(always)]
fn collect<S: Simd>(s: S, to: &mut [f32], row: &[f32], add: bool) {
    if !add {
        return to.copy_from_slice(row);
    }
    let mut i = 0;
    while i + S::LANES <= row.len() {
        let sum = s.add(s.load(&to[i..]), s.load(&row[i..]));
        s.store(&mut to[i..], sum);
        i += S::LANES;
    }
    while i < row.len() {
        to[i] += row[i];
        i += 1;
    }
}

/// Writes a row rounded to bf16.
#[inline(always)]
fn narrow<S: Simd>(s: S, to: &mut [bf16], row: &[f32]) {
    let mut i = 0;
    while i + 2 * S::LANES <= row.len() {
        let pairs = s.narrow(s.load(&row[i..]), s.load(&row[i + S::LANES..]));
        s.store_bf16(&mut to[i..], pairs);
        i += 2 * S::LANES;
    }
    while i < row.len() {
        to[i] = round(row[i]);
        i += 1;
    }
}

/// Words of memory that stay this thread's: fresh memory from the system costs more than packing what
/// goes into it. No closure is called with them, for closures are compiled without the instructions
/// of the kernel around them.
pub struct Scratch {
    kept: Vec<f32>,
    len: usize,
}

/// Words of a line of the caches: loads of whole registers should not cross two.
const LINE: usize = 16;

thread_local! {
    static KEPT: Cell<Vec<Vec<f32>>> = const { Cell::new(Vec::new()) };
}

impl Scratch {
    /// `len` words of any content, at the start of a line of the caches.
    pub fn new(len: usize) -> Scratch {
        let mut all = KEPT.take();
        let mut kept = all.pop().unwrap_or_default();
        KEPT.set(all);
        if kept.len() < len + LINE {
            kept = vec![0.0; len + LINE];
        }
        Scratch { kept, len }
    }

    pub fn words(&mut self) -> &mut [f32] {
        // Where it cannot be told, the start is as good.
        let start = self.kept.as_ptr().align_offset(4 * LINE).min(LINE);
        &mut self.kept[start..start + self.len]
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is larger than usual goes back to the system.
        if self.kept.len() <= PACKED + PACKED / 4 {
            let mut all = KEPT.take();
            all.push(std::mem::take(&mut self.kept));
            KEPT.set(all);
        }
    }
}
