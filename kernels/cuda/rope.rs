//! Rotary position embedding on the GPU; see `rope.cu` and the CPU's `rope`.

use super::rows::{self, Error, Number};
use super::{Gpu, Source, Trouble};
use crate::kernels::operand::product;
use crate::kernels::rope;
pub use crate::kernels::rope::{Layout, Shape};
use cudarc::driver::{CudaSlice, CudaView, CudaViewMut, PushKernelArg};

const INSTANCES: [Source; 6] = rows::simple("rope.cu", include_str!("rope.cu"));
pub(super) const SOURCES: &[Source] = &INSTANCES;

/// Heads that a thread turns with the same angles. The same in rope.cu.
const HEADS: usize = 8;
const THREADS: usize = 256;

/// cos and sin of every token's angles, on the GPU.
pub struct Table {
    shape: Shape,
    values: CudaSlice<f32>,
}

impl Table {
    /// # Errors
    /// [`Trouble`], where there is no room for it.
    pub fn new(gpu: &Gpu, table: &rope::Table) -> Result<Table, Trouble> {
        Ok(Table {
            shape: table.shape(),
            values: gpu.stream.clone_htod(table.values())?,
        })
    }

    /// Writes `x` `[batch heads rows head_dim]`, turned, to `out`. There may be any number of heads (grouped k
    /// has fewer than q). Does not wait.
    ///
    /// # Errors
    /// When `x` or `out` does not have the elements of `heads` heads, or the GPU refuses.
    pub fn rotate<T: Number>(
        &self,
        gpu: &Gpu,
        out: &mut CudaViewMut<'_, T>,
        x: &CudaView<'_, T>,
        heads: usize,
        layout: Layout,
    ) -> Result<(), Error> {
        let Shape {
            batch,
            rows,
            head_dim,
            ..
        } = self.shape;
        let want = self.values.len().saturating_mul(heads);
        rows::lengths(&[("x", want, x.len()), ("out", want, out.len())])?;
        if want == 0 {
            return Ok(());
        }
        let each = 16 / size_of::<T>();
        let aligned = rows::both(gpu, out, x).iter().all(|at| at % 16 == 0);
        // Two vectors of a head lie half a head apart.
        let ragged = !aligned || !head_dim.is_multiple_of(2 * each);
        let name = match layout {
            Layout::HalfSplit => "half_split",
            Layout::Interleaved => "interleaved",
        };
        let kernel = gpu.kernel(&INSTANCES[2 * T::INDEX + usize::from(ragged)], name)?;
        let lanes = if ragged {
            head_dim / 2
        } else {
            head_dim / 2 / each
        };
        let groups = heads.div_ceil(HEADS);
        let blocks = (batch * rows * lanes).div_ceil(THREADS) * groups;
        let small = [batch, rows, heads, head_dim].iter().all(|n| *n < 1 << 31);
        if !small || i32::try_from(blocks).is_err() || product([want, 4]).is_none() {
            let cols = head_dim;
            return Err(Error::TooLarge { rows, cols });
        }
        let sizes = [batch, heads, rows, head_dim, groups].map(|n| n as u32);
        let mut launch = gpu.stream.launch_builder(&kernel);
        launch.arg(&mut *out).arg(x).arg(&self.values);
        for size in &sizes {
            launch.arg(size);
        }
        // SAFETY: the arguments are those of the kernel; tensors and table have the sizes of the shape.
        unsafe { launch.launch(rows::config(blocks, [THREADS as u32, 1])) }?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::check::{close, numbers, twice};
    use super::*;
    use half::{bf16, f16};

    /// In f64, or with angles and products in f32.
    fn plain(x: &[f64], shape: Shape, positions: &[i64], layout: Layout, f32s: bool) -> Vec<f64> {
        let d = shape.head_dim;
        let round = |x: f64| if f32s { f64::from(x as f32) } else { x };
        let mut out = vec![0.0; x.len()];
        for at in 0..x.len() / d {
            let (b, n) = (at / (shape.heads * shape.rows), at % shape.rows);
            for i in 0..d / 2 {
                let m = positions[b * shape.rows + n] as f64;
                let angle = m * 1e4f64.powf(-2.0 * i as f64 / d as f64);
                let (p, q) = match layout {
                    Layout::Interleaved => (at * d + 2 * i, at * d + 2 * i + 1),
                    Layout::HalfSplit => (at * d + i, at * d + i + d / 2),
                };
                let (cos, sin) = (round(angle.cos()), round(angle.sin()));
                out[p] = round(x[p] * cos) - round(x[q] * sin);
                out[q] = round(x[p] * sin) + round(x[q] * cos);
            }
        }
        out
    }

    fn equals_f64<T: Number>(gpu: &Gpu, name: &str) {
        let sizes = [
            (1, 1, 1, 2),
            (2, 3, 5, 6),
            (1, 9, 7, 16),
            (2, 2, 33, 64),
            (1, 17, 65, 128),
            (3, 8, 10, 80),
            (1, 2, 3, 250),
        ];
        for (batch, heads, rows, head_dim) in sizes {
            let shape = Shape {
                batch,
                heads,
                rows,
                head_dim,
            };
            let positions: Vec<i64> = (0..batch * rows).map(|i| (i * i % 9001) as i64).collect();
            let table = rope::Table::new(shape, &positions, 1e4).unwrap();
            let table = Table::new(gpu, &table).unwrap();
            for (from, layout) in [0, 1]
                .into_iter()
                .flat_map(|from| [Layout::Interleaved, Layout::HalfSplit].map(|l| (from, l)))
            {
                let len = batch * heads * rows * head_dim;
                let x: Vec<T> = numbers(7, len + from, 8.0);
                let there = gpu.stream.clone_htod(&x).unwrap();
                let got = twice(gpu, len, |out| {
                    table
                        .rotate(gpu, out, &there.slice(from..), heads, layout)
                        .unwrap();
                });
                let x: Vec<f64> = x[from..].iter().map(|x| x.number()).collect();
                let [want, naive] =
                    [false, true].map(|f32s| plain(&x, shape, &positions, layout, f32s));
                let what = format!("rope {name} {layout:?} {shape:?} from {from}");
                close(&what, &got, &want, &naive);
            }
        }
    }

    #[test]
    fn both_layouts_equal_f64_on_any_shape() {
        let Ok(gpu) = crate::kernels::cuda::gpu() else {
            return println!("skipped: no GPU");
        };
        equals_f64::<f32>(gpu, "f32");
        equals_f64::<bf16>(gpu, "bf16");
        equals_f64::<f16>(gpu, "f16");
    }

    #[test]
    fn a_tensor_of_other_heads_is_refused() {
        let Ok(gpu) = crate::kernels::cuda::gpu() else {
            return println!("skipped: no GPU");
        };
        let shape = Shape {
            batch: 1,
            heads: 1,
            rows: 2,
            head_dim: 4,
        };
        let table = rope::Table::new(shape, &[0, 1], 1e4).unwrap();
        let table = Table::new(gpu, &table).unwrap();
        let x = gpu.stream.clone_htod(&[0f32; 8]).unwrap();
        let mut out = gpu.stream.clone_htod(&[0f32; 8]).unwrap();
        let layout = Layout::HalfSplit;
        let refused = table.rotate(gpu, &mut out.as_view_mut(), &x.as_view(), 2, layout);
        let words = refused.unwrap_err().to_string();
        assert!(
            words.starts_with("x has 8 elements and should have 16"),
            "{words}"
        );
    }
}
