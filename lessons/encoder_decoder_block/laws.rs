//! What holds for every right encoder–decoder layer.

use crate::problem::{Deviation, Law, Run};
use crate::tensor::{Inputs, Labels, Outputs, Tensor, Value};
use crate::text::Text;
use ndarray::{Axis, Slice};

const ALL: &[&str] = &["ordinary", "post-norm", "ragged"];

pub const LAWS: &[Law] = &[
    Law {
        id: "encoder-alone",
        sentence: Text::new(
            "the encoder's output does not depend on the target",
            "编码器的输出与目标无关",
        ),
        except: &[],
        kinds: ALL,
        check: encoder_alone,
    },
    Law {
        id: "causal",
        sentence: Text::new(
            "the decoder's output at position i depends on target tokens before i only: the last token changes nothing",
            "解码器在位置 i 的输出只依赖 i 之前的目标 token：改最后一个 token，输出不变",
        ),
        except: &[],
        kinds: ALL,
        check: causal,
    },
    Law {
        id: "padding",
        sentence: Text::new(
            "what stands in the padding of the source changes neither the real source tokens nor the decoder",
            "源序列 padding 里是什么，既不影响真实的源 token，也不影响解码器",
        ),
        except: &[],
        kinds: ALL,
        check: padding,
    },
    Law {
        id: "order-of-the-source",
        sentence: Text::new(
            "without positions, permuting the source permutes the encoder's output and leaves the decoder's alone",
            "没有位置信息时，打乱源序列只是打乱编码器输出，解码器输出不变",
        ),
        except: &[],
        kinds: ALL,
        check: order_of_the_source,
    },
    Law {
        id: "identity-path",
        sentence: Text::new(
            "with all weights 0 a pre-LN layer hands its input on unchanged",
            "权重全为 0 时，pre-LN 层原样输出其输入",
        ),
        except: &[],
        kinds: &["ordinary", "no-padding"],
        check: identity_path,
    },
];

/// Twice the tolerance of either: two runs are compared.
fn tol(a: &Inputs, b: &Inputs) -> f64 {
    let of = |inputs| (super::PROBLEM.tolerance)(inputs).value;
    2.0 * f64::max(of(a), of(b))
}

fn with(inputs: &Inputs, name: &'static str, value: Tensor) -> Inputs {
    inputs.clone().with(name, Value::Float(value))
}

fn encoder_alone(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let other = with(inputs, "tgt", inputs.float("tgt").mapv(|x| 1.0 - 2.0 * x));
    let encoder = |mut outputs: Outputs| {
        outputs.truncate(1);
        outputs
    };
    let (a, b) = (encoder(run(inputs)), encoder(run(&other)));
    Deviation::between(&a, &b, tol(inputs, &other))
}

fn causal(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let mut tgt = inputs.float("tgt").clone();
    let last = tgt.shape()[1] - 1;
    let mut token = tgt.index_axis_mut(Axis(1), last);
    token.mapv_inplace(|x| 1.0 - 2.0 * x);
    let other = with(inputs, "tgt", tgt);
    Deviation::between(&run(inputs), &run(&other), tol(inputs, &other))
}

fn padding(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let mask = inputs.int("src_mask");
    let mut src = inputs.float("src").clone();
    for (at, x) in src.indexed_iter_mut() {
        if mask[[at[0], at[1]]] == 0 {
            *x = 1.0 - 2.0 * *x;
        }
    }
    let other = with(inputs, "src", src);
    let real = |mut outputs: Outputs| {
        if let Some(encoder) = outputs.first_mut().filter(|encoder| encoder.ndim() == 3) {
            for (at, x) in encoder.indexed_iter_mut() {
                if mask[[at[0], at[1]]] == 0 {
                    *x = 0.0;
                }
            }
        }
        outputs
    };
    let (a, b) = (real(run(inputs)), real(run(&other)));
    Deviation::between(&a, &b, tol(inputs, &other))
}

fn order_of_the_source(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let m = inputs.float("src").shape()[1];
    let order: Vec<usize> = (0..m).rev().collect();
    let mask: Labels = inputs.int("src_mask").select(Axis(1), &order);
    let other = with(inputs, "src", inputs.float("src").select(Axis(1), &order))
        .with("src_mask", Value::Int(mask));
    let mut want = run(inputs);
    if let Some(encoder) = want.first_mut().filter(|encoder| encoder.ndim() == 3) {
        *encoder = encoder
            .slice_axis(Axis(1), Slice::new(0, None, -1))
            .to_owned();
    }
    Deviation::between(&want, &run(&other), tol(inputs, &other))
}

fn identity_path(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let mut silent = inputs.clone();
    for name in ["attn", "up", "down"] {
        silent = with(&silent, name, Tensor::zeros(inputs.float(name).raw_dim()));
    }
    let shifted = super::reference::shift_right(&inputs.f64("tgt"), &inputs.f64("bos"));
    let want = vec![inputs.f64("src"), shifted];
    Deviation::between(&run(&silent), &want, tol(inputs, &silent))
}
