//! AdamW with moments of 8 bits on the GPU; see `adam8bit.cu` and the CPU's `adam8bit`.

use super::rows::{self, Error, Number, PARTS};
use super::{Gpu, Source};
pub use crate::kernels::adam8bit::{BLOCK_SIZES, Hyper};
use crate::kernels::adam8bit::{Line, lines, signed_map, unsigned_map};
use cudarc::driver::{CudaSlice, CudaView, CudaViewMut, DeviceRepr, PushKernelArg};

/// For each type of the gradients, for aligned and other tensors, for each block size.
const INSTANCES: [Source; 12] = rows::instances(
    "adam8bit.cu",
    include_str!("adam8bit.cu"),
    PARTS,
    [
        &["-DTYPE=float", "-DRAGGED=0", "-DBLOCK_SIZE=256"],
        &["-DTYPE=float", "-DRAGGED=0", "-DBLOCK_SIZE=2048"],
        &["-DTYPE=float", "-DRAGGED=1", "-DBLOCK_SIZE=256"],
        &["-DTYPE=float", "-DRAGGED=1", "-DBLOCK_SIZE=2048"],
        &["-DTYPE=bf16", "-DRAGGED=0", "-DBLOCK_SIZE=256"],
        &["-DTYPE=bf16", "-DRAGGED=0", "-DBLOCK_SIZE=2048"],
        &["-DTYPE=bf16", "-DRAGGED=1", "-DBLOCK_SIZE=256"],
        &["-DTYPE=bf16", "-DRAGGED=1", "-DBLOCK_SIZE=2048"],
        &["-DTYPE=f16", "-DRAGGED=0", "-DBLOCK_SIZE=256"],
        &["-DTYPE=f16", "-DRAGGED=0", "-DBLOCK_SIZE=2048"],
        &["-DTYPE=f16", "-DRAGGED=1", "-DBLOCK_SIZE=256"],
        &["-DTYPE=f16", "-DRAGGED=1", "-DBLOCK_SIZE=2048"],
    ],
);
pub(super) const SOURCES: &[Source] = &INSTANCES;

/// Parameters of a thread block, and its threads. The same in adam8bit.cu.
const TOGETHER: usize = 2048;
const THREADS: u32 = 256;
/// Octaves below 1, and the one that begins there.
const OCTAVES: i32 = 25;

/// Both moments of `len` parameters.
pub struct State {
    len: usize,
    block_size: usize,
    steps: u32,
    m: CudaSlice<u8>,
    v: CudaSlice<u8>,
    scales: CudaSlice<f32>,
    maps: CudaSlice<f32>,
}

impl State {
    /// Moments of 0.
    ///
    /// # Errors
    /// When the block size is not one of [`BLOCK_SIZES`], or there is no room.
    pub fn new(gpu: &Gpu, len: usize, block_size: usize) -> Result<State, Error> {
        if !BLOCK_SIZES.contains(&block_size) {
            return Err(Error::BlockSize(block_size));
        }
        let room = len.div_ceil(TOGETHER).max(1) * TOGETHER;
        // The first moment's code of 0 is 127.
        let m = gpu.stream.clone_htod(&vec![127u8; room])?;
        Ok(State {
            len,
            block_size,
            steps: 0,
            m,
            v: gpu.stream.alloc_zeros(room)?,
            scales: gpu.stream.alloc_zeros(2 * room / block_size)?,
            maps: gpu.stream.clone_htod(&maps())?,
        })
    }

    /// Codes of the first moment, in the CPU's `signed_map`.
    pub fn m(&self) -> CudaView<'_, u8> {
        self.m.slice(..self.len)
    }

    /// Codes of the second moment, in the CPU's `unsigned_map`.
    pub fn v(&self) -> CudaView<'_, u8> {
        self.v.slice(..self.len)
    }

    /// What each block's values of the map are multiplied with, for the first and second moment: `[blocks 2]`.
    pub fn scales(&self) -> CudaView<'_, f32> {
        self.scales.slice(..2 * self.len.div_ceil(self.block_size))
    }

    pub fn steps(&self) -> u32 {
        self.steps
    }
}

/// Values of both maps, and their lines below and above the border of each octave: `Maps` of adam8bit.cu.
fn maps() -> Vec<f32> {
    let mut all = Vec::new();
    for (values, (borders, lines)) in [(signed_map(), lines(true)), (unsigned_map(), lines(false))]
    {
        all.extend(values.map(|value| value as f32));
        for octave in 0..OCTAVES {
            let start = 2f32.powi(octave - OCTAVES + 1);
            let within = |border: &&f32| **border >= start && **border < 2.0 * start;
            let border = borders.iter().find(within).copied();
            let below = borders.iter().filter(|border| **border < start).count();
            for above in [0, usize::from(border.is_some())] {
                let Line { slope, offset, top } = lines[below + above];
                all.extend([slope, offset, top, border.unwrap_or(f32::INFINITY)]);
            }
        }
    }
    all
}

/// What a step multiplies with: `Rates` of adam8bit.cu.
#[repr(C)]
#[derive(Clone, Copy)]
struct Rates {
    keep: [f32; 2],
    take: [f32; 2],
    root: f32,
    eps: f32,
    decay: f32,
    rate: f32,
}

// SAFETY: eight floats, as in the kernel.
unsafe impl DeviceRepr for Rates {}

/// One step of AdamW on `params`, in place; `state` has both moments. Bias is corrected as in the first paper. A
/// NaN gradient makes its parameter NaN, and from the next step on its block. Does not wait.
///
/// # Errors
/// When lengths differ, a beta is not from 0 to below 1, or the GPU refuses.
pub fn adam8bit_step<G: Number>(
    gpu: &Gpu,
    params: &mut CudaViewMut<'_, f32>,
    grads: &CudaView<'_, G>,
    state: &mut State,
    hyper: Hyper,
) -> Result<(), Error> {
    let len = state.len;
    rows::lengths(&[("params", len, params.len()), ("grads", len, grads.len())])?;
    let outside = |beta: &f32| !(0.0..1.0).contains(beta);
    if let Some(beta) = hyper.betas.into_iter().find(outside) {
        return Err(Error::Beta(beta));
    }
    let aligned = rows::address(gpu, params) % 16 == 0
        && rows::address(gpu, grads) % (4 * size_of::<G>()) as u64 == 0;
    let size = usize::from(state.block_size == BLOCK_SIZES[1]);
    let instance = 4 * G::INDEX + 2 * usize::from(!aligned) + size;
    let kernel = gpu.kernel(&INSTANCES[instance], "step")?;
    let blocks = len.div_ceil(TOGETHER);
    if i32::try_from(blocks).is_err() {
        return Err(Error::TooLarge { rows: 1, cols: len });
    }
    state.steps += 1;
    let corrections = hyper
        .betas
        .map(|beta| 1.0 - f64::from(beta).powf(state.steps.into()));
    let rates = Rates {
        keep: hyper.betas,
        take: hyper.betas.map(|beta| 1.0 - beta),
        root: (1.0 / corrections[1].sqrt()) as f32,
        eps: hyper.eps,
        decay: (1.0 - f64::from(hyper.lr) * f64::from(hyper.weight_decay)) as f32,
        rate: (f64::from(hyper.lr) / corrections[0]) as f32,
    };
    let count = len as u64;
    let mut launch = gpu.stream.launch_builder(&kernel);
    launch.arg(&mut *params).arg(grads);
    launch
        .arg(&mut state.m)
        .arg(&mut state.v)
        .arg(&mut state.scales);
    launch.arg(&state.maps).arg(&count).arg(&rates);
    // SAFETY: the arguments are those of the kernel; states have room for whole thread blocks.
    unsafe { launch.launch(rows::config(blocks, [THREADS, 1])) }?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::rows::check::noise;
    use super::*;
    use half::{bf16, f16};

    /// Gradients of many magnitudes, some of them 0.
    fn gradients(seed: u64, len: usize, range: f32) -> Vec<f32> {
        let pairs = noise(seed, 2 * len);
        let pairs = pairs.chunks(2).enumerate();
        let values = pairs.map(|(i, x)| match i % 9 {
            0 => 0.0,
            _ => x[0].signum() as f32 * 10f32.powf(-range * x[1].abs() as f32),
        });
        values.collect()
    }

    /// The code of the nearest value, and how far the border to the next nearest is.
    fn nearest(map: &[f64; 256], x: f64) -> (u8, f64) {
        let above = map.partition_point(|value| *value < x).min(255);
        let below = above.saturating_sub(1);
        let border = (map[below] + map[above]) / 2.0;
        let code = if x > border { above } else { below };
        (code as u8, (x - border).abs())
    }

    struct Copied {
        m: Vec<u8>,
        v: Vec<u8>,
        scales: Vec<f32>,
    }

    fn copied(gpu: &Gpu, state: &State) -> Copied {
        Copied {
            m: gpu.stream.clone_dtoh(&state.m()).unwrap(),
            v: gpu.stream.clone_dtoh(&state.v()).unwrap(),
            scales: gpu.stream.clone_dtoh(&state.scales()).unwrap(),
        }
    }

    /// One step against f64 from the same state, for four steps; see the CPU's test for the bound.
    fn steps_equal_f64<G: Number>(gpu: &Gpu, len: usize, size: usize, from: usize) {
        const TOL: f64 = 1.0 / 1_048_576.0;
        let hyper = Hyper {
            lr: 0.02,
            ..Hyper::default()
        };
        let range = if size_of::<G>() == 4 { 8.0 } else { 3.0 };
        let mut params = gpu
            .stream
            .clone_htod(&gradients(len as u64 + 100, len + from, 2.0))
            .unwrap();
        let mut state = State::new(gpu, len, size).unwrap();
        let (signed, unsigned) = (signed_map(), unsigned_map());
        let [b1, b2] = hyper.betas.map(f64::from);
        for t in 1..=4 {
            let grads = gradients(len as u64 + 10 * t, len + from, range);
            let grads: Vec<G> = grads.iter().map(|g| G::rounded(f64::from(*g))).collect();
            let there = gpu.stream.clone_htod(&grads).unwrap();
            let (old, before) = (copied(gpu, &state), gpu.stream.clone_dtoh(&params).unwrap());
            let (own, there) = (&mut params.slice_mut(from..), there.slice(from..));
            adam8bit_step(gpu, own, &there, &mut state, hyper).unwrap();
            let (new, after) = (copied(gpu, &state), gpu.stream.clone_dtoh(&params).unwrap());
            assert_eq!(before[..from], after[..from]);
            let (before, after, grads) = (&before[from..], &after[from..], &grads[from..]);
            for b in 0..len.div_ceil(size) {
                let block = b * size..len.min((b + 1) * size);
                let moments = block.clone().map(|i| {
                    let [sm, sv] = [0, 1].map(|k| f64::from(old.scales[2 * b + k]));
                    let g = grads[i].number();
                    let m = [b1 * sm * signed[usize::from(old.m[i])], (1.0 - b1) * g];
                    let v = b2 * sv * unsigned[usize::from(old.v[i])] + (1.0 - b2) * g * g;
                    (m[0] + m[1], v, m[0].abs() + m[1].abs())
                });
                let moments: Vec<_> = moments.collect();
                let largest =
                    |f: &dyn Fn(&(f64, f64, f64)) -> f64| moments.iter().map(f).fold(0.0, f64::max);
                let want = [largest(&|x| x.0.abs()), largest(&|x| x.1)];
                let scales = [0, 1].map(|k| f64::from(new.scales[2 * b + k]));
                for (got, want) in scales.iter().zip(want) {
                    let tol = 8.0 * TOL * want.max(1e-30);
                    assert!((got - want).abs() <= tol, "{len} {size}: {got} {want}");
                }
                for (i, (m, v, extent)) in block.zip(&moments) {
                    let root = (v / (1.0 - b2.powi(t as i32))).sqrt() + f64::from(hyper.eps);
                    let rate = f64::from(hyper.lr) / (1.0 - b1.powi(t as i32)) / root;
                    let decay = 1.0 - f64::from(hyper.lr) * f64::from(hyper.weight_decay);
                    let want = f64::from(before[i]) * decay - rate * m;
                    let tol = TOL * (want.abs() + f64::from(before[i].abs()) + rate * extent);
                    let got = f64::from(after[i]);
                    assert!(
                        (got - want).abs() <= tol,
                        "{len} {size} {i}: {got} is not {want}"
                    );
                    for (map, code, x, scale, extent) in [
                        (&signed, new.m[i], *m, scales[0], *extent),
                        (&unsigned, new.v[i], *v, scales[1], *v),
                    ] {
                        if scale == 0.0 {
                            assert_eq!(map[usize::from(code)], 0.0);
                            continue;
                        }
                        let x = x / scale;
                        let (want, gap) = nearest(map, x);
                        let near = gap <= TOL * (2.0 * extent / scale + x.abs());
                        assert!(
                            code == want || near && code.abs_diff(want) == 1,
                            "{len} {size} {i}: {x} has {code}, not {want}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn steps_equal_f64_on_ragged_lengths() {
        let Ok(gpu) = crate::kernels::cuda::gpu() else {
            return println!("skipped: no GPU");
        };
        for len in [1, 7, 255, 256, 257, 1000, 2047, 5000, 40_000] {
            for (size, from) in BLOCK_SIZES
                .into_iter()
                .flat_map(|size| [(size, 0), (size, 1)])
            {
                steps_equal_f64::<f32>(gpu, len, size, from);
                steps_equal_f64::<bf16>(gpu, len, size, from);
                steps_equal_f64::<f16>(gpu, len, size, from);
            }
        }
    }

    /// Parameters after one step each, the state after them.
    fn run(gpu: &Gpu, steps: &[Vec<f32>], hyper: Hyper) -> (Vec<f32>, Copied) {
        let len = steps[0].len();
        let mut state = State::new(gpu, len, 256).unwrap();
        let mut params = gpu.stream.clone_htod(&vec![1f32; len]).unwrap();
        for grads in steps {
            let grads = gpu.stream.clone_htod(grads).unwrap();
            let params = &mut params.as_view_mut();
            adam8bit_step(gpu, params, &grads.as_view(), &mut state, hyper).unwrap();
        }
        (gpu.stream.clone_dtoh(&params).unwrap(), copied(gpu, &state))
    }

    #[test]
    fn nan_stays_in_its_block_zero_stays_zero_and_runs_are_equal() {
        let Ok(gpu) = crate::kernels::cuda::gpu() else {
            return println!("skipped: no GPU");
        };
        let hyper = Hyper {
            weight_decay: 0.0,
            ..Hyper::default()
        };
        let zeros = vec![0f32; 600];
        let (params, state) = run(gpu, std::slice::from_ref(&zeros), hyper);
        assert!(params.iter().all(|x| *x == 1.0));
        assert!(state.m.iter().all(|code| *code == 127) && state.v.iter().all(|code| *code == 0));
        let mut wrong = zeros.clone();
        wrong[300] = f32::NAN;
        let nan =
            |params: &[f32]| -> Vec<usize> { (0..600).filter(|i| params[*i].is_nan()).collect() };
        assert_eq!(nan(&run(gpu, std::slice::from_ref(&wrong), hyper).0), [300]);
        let (params, _) = run(gpu, &[wrong, zeros], hyper);
        assert_eq!(nan(&params), (256..512).collect::<Vec<_>>());
        let steps: Vec<_> = (0..3).map(|seed| gradients(seed, 5000, 6.0)).collect();
        let [first, second] = [0, 1].map(|_| run(gpu, &steps, Hyper::default()));
        let bits = |x: &[f32]| -> Vec<u32> { x.iter().map(|x| x.to_bits()).collect() };
        assert_eq!(bits(&first.0), bits(&second.0));
        assert!(first.1.m == second.1.m && first.1.v == second.1.v);
        assert_eq!(bits(&first.1.scales), bits(&second.1.scales));
    }

    #[test]
    fn gradients_may_be_extreme_and_misfits_are_refused() {
        let Ok(gpu) = crate::kernels::cuda::gpu() else {
            return println!("skipped: no GPU");
        };
        for g in [1e-30, 1e-20, 1e4, 1e15] {
            let hyper = Hyper {
                lr: 0.1,
                eps: 1e-36,
                weight_decay: 0.0,
                ..Hyper::default()
            };
            // The first step is lr, unless g² is nothing.
            let want = if g == 1e-30 { 1.0 - 0.1 * 1e6 } else { 0.9 };
            for p in run(gpu, &[vec![g; 20]], hyper).0 {
                assert!((p - want).abs() <= 1e-3 * want.abs(), "{g}: {p}");
            }
        }
        assert_eq!(State::new(gpu, 3, 100).err(), Some(Error::BlockSize(100)));
        let mut state = State::new(gpu, 3, 256).unwrap();
        let mut params = gpu.stream.alloc_zeros::<f32>(3).unwrap();
        let grads = gpu.stream.alloc_zeros::<f32>(2).unwrap();
        let (params, hyper) = (&mut params.as_view_mut(), Hyper::default());
        let short = adam8bit_step(gpu, params, &grads.as_view(), &mut state, hyper);
        assert!(short.unwrap_err().to_string().starts_with("grads has 2"));
    }

    #[test]
    fn every_octave_has_one_border_at_most_and_lines_meet_the_maps() {
        for (values, (borders, lines)) in
            [(signed_map(), lines(true)), (unsigned_map(), lines(false))]
        {
            for pair in borders.windows(2) {
                assert!(pair[1] > 2.0 * pair[0]);
            }
            let first = 2f32.powi(1 - OCTAVES);
            assert!(borders[0] >= first);
            // Codes above 0 of the map, by the line of their value.
            for (code, value) in values.iter().enumerate().filter(|(_, value)| **value > 0.0) {
                let x = *value as f32;
                let passed = borders.iter().filter(|border| x > **border).count();
                let Line { slope, offset, top } = lines[passed];
                let place = (x * slope + offset).min(top).round() as usize;
                let zero = values.iter().position(|value| *value == 0.0).unwrap();
                let first = usize::from(zero == 0);
                assert_eq!(place, code - zero + first, "{value}");
            }
        }
    }
}
