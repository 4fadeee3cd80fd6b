//! A step of AdamW with moments in 8 bits.

use super::{Case, Named};
use crate::draws::noise;
use llmlab::kernels::adam8bit::{Hyper, State, adam8bit_step};
use std::cell::RefCell;
use std::rc::Rc;

pub const CASES: &[Named] = &[(NAME, step)];

/// PyTorch has no 8-bit states: it is asked for its fused step in f32.
const NAME: &str = "AdamW 8-bit (PyTorch: f32, fused) 16777216";

fn step() -> Case {
    let len = 1 << 24;
    let hyper = Hyper {
        lr: 1e-5,
        weight_decay: 0.0,
        ..Hyper::default()
    };
    let grads = Rc::new(noise(1, len));
    let params = Rc::new(RefCell::new(vec![0.0; len]));
    let state = Rc::new(RefCell::new(State::new(len, 256).expect("a block size")));
    let run = {
        let (grads, params, state) = (grads.clone(), params.clone(), state.clone());
        move || {
            let (mut params, mut state) = (params.borrow_mut(), state.borrow_mut());
            adam8bit_step(&mut params, &grads, &mut state, hyper).expect("lengths fit");
        }
    };
    let error = move || {
        // Where gradients do not change, each step is lr times their sign. The mean of some steps'
        // relative errors; those of 8 bits are larger where gradients are small.
        let whole = f64::from(hyper.lr) * f64::from(state.borrow().steps());
        let params = params.borrow();
        let pairs = params.iter().zip(grads.iter()).step_by(4099);
        let errors =
            pairs.map(|(p, g)| (f64::from(*p) / -whole / f64::from(g.signum()) - 1.0).abs());
        errors.sum::<f64>() / len.div_ceil(4099) as f64
    };
    Case {
        flops: 24.0 * len as f64,
        // Parameters and both moments are read and written, gradients read; and 8 bytes a block, twice.
        bytes: (16 * len + 16 * len / 256) as f64,
        run: Box::new(run),
        error: Box::new(error),
        tolerance: 0.05,
    }
}
