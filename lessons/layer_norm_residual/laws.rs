//! What holds for every right residual sum, LayerNorm and RMSNorm.

use crate::problem::{Deviation, Law, Run};
use crate::tensor::{Inputs, Outputs, Tensor, Value, max_abs};
use crate::text::Text;
use ndarray::{Axis, Slice};

const EPS: f64 = f32::EPSILON as f64;

pub const LAWS: &[Law] = &[
    Law {
        id: "exchange",
        sentence: Text::new(
            "a residual is a sum: exchanging x and the sublayer's output changes nothing",
            "残差就是相加：x 与子层输出对调，结果不变",
        ),
        except: &[],
        kinds: &["ordinary", "large-magnitude"],
        check: exchange,
    },
    Law {
        id: "standardised",
        sentence: Text::new(
            "with γ = 1, β = 0 every row of LayerNorm has mean 0 and variance σ²/(σ² + ε)",
            "γ = 1、β = 0 时，LayerNorm 每行均值为 0、方差为 σ²/(σ² + ε)",
        ),
        except: &[],
        kinds: &["ordinary", "ragged", "large-eps"],
        check: standardised,
    },
    Law {
        id: "shift",
        sentence: Text::new(
            "adding 4096 to every feature leaves LayerNorm as it was (a variance computed in f32 as mean(h²) − μ² loses its digits here)",
            "所有特征加 4096，LayerNorm 不变（f32 下用 mean(h²) − μ² 算方差，在这里会丢光有效位）",
        ),
        except: &[],
        kinds: &["ordinary"],
        check: shift,
    },
    Law {
        id: "scale",
        sentence: Text::new(
            "with ε = 0, multiplying x and the sublayer's output by 8 changes neither norm",
            "ε = 0 时，x 与子层输出同乘 8，两种归一化都不变",
        ),
        except: &[],
        kinds: &["ordinary", "large-magnitude"],
        check: scale,
    },
    Law {
        id: "token-alone",
        sentence: Text::new(
            "a token is normalised by itself: the other tokens have no influence",
            "每个 token 独立归一化：其他 token 不影响它",
        ),
        except: &[],
        kinds: &["ordinary", "ragged", "offset"],
        check: token_alone,
    },
];

fn tolerance(inputs: &Inputs) -> f64 {
    (super::problem::PROBLEM.tolerance)(inputs).value
}

fn exchange(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let straight = run(inputs);
    let swapped = inputs
        .clone()
        .with("x", inputs.get("sublayer").clone())
        .with("sublayer", inputs.get("x").clone());
    Deviation::between(&straight, &run(&swapped), tolerance(inputs))
}

fn standardised(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let gamma = inputs.float("gamma").raw_dim();
    let plain = inputs
        .clone()
        .with("gamma", Value::Float(Tensor::ones(gamma.clone())))
        .with("beta", Value::Float(Tensor::zeros(gamma)));
    let outputs = run(&plain);
    let Some(layer) = outputs.get(1).filter(|layer| layer.ndim() == 3) else {
        return Deviation::between(&outputs, &vec![], 0.0);
    };
    let moments = |x: &ndarray::ArrayD<f64>| {
        let d = x.len_of(Axis(2)) as f64;
        let mean = x.sum_axis(Axis(2)) / d;
        let square = x.mapv(|x| x * x).sum_axis(Axis(2)) / d;
        let variance = square - &mean * &mean;
        [mean, variance]
    };
    let [_, variance] = moments(&(inputs.f64("x") + inputs.f64("sublayer")));
    let eps = inputs.number("eps");
    let zero = ndarray::ArrayD::zeros(variance.raw_dim());
    // An error δ of x̂ moves its mean by δ at most, and its variance by 2·max|x̂|·δ.
    let slack = 1.0 + 2.0 * max_abs(layer);
    Deviation::between(
        &moments(layer).to_vec(),
        &vec![zero, variance.mapv(|v| v / (v + eps))],
        slack * tolerance(&plain),
    )
}

/// The nearest multiple of 1/1024, so that sums with 4096 are exact in f32.
fn coarse(x: &Tensor) -> Tensor {
    x.mapv(|x| (x * 1024.0).round() / 1024.0)
}

fn shift(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let x = coarse(inputs.float("x"));
    let here = inputs
        .clone()
        .with("sublayer", Value::Float(coarse(inputs.float("sublayer"))))
        .with("x", Value::Float(x.clone()));
    let there = here.clone().with("x", Value::Float(x + 4096.0));
    let layer = |mut outputs: Outputs| -> Outputs { outputs.drain(1..2).collect() };
    // What summing d features near 4096 in f32 costs the mean, divided by the smallest σ and
    // multiplied by γ. mean(h²) − μ² costs 4096 times as much.
    let sum = inputs.f64("x") + inputs.f64("sublayer");
    let d = sum.len_of(Axis(2)) as f64;
    let least = sum.lanes(Axis(2)).into_iter().map(|h| h.std(0.0));
    let least = least.fold(f64::INFINITY, f64::min);
    let gamma = max_abs(inputs.float("gamma"));
    let tol = EPS * (4096.0 + max_abs(&sum)) * (d / 2.0 + 3.0) * gamma / least;
    Deviation::between(
        &layer(run(&here)),
        &layer(run(&there)),
        tol + tolerance(&here),
    )
}

fn scale(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let exact = inputs.clone().with("eps", Value::Number(0.0));
    let times = |name| Value::Float(inputs.float(name) * 8.0);
    let larger = exact
        .clone()
        .with("x", times("x"))
        .with("sublayer", times("sublayer"));
    let norms = |outputs: Outputs| -> Outputs { outputs.into_iter().skip(1).collect() };
    let tol = 2.0 * tolerance(&exact);
    Deviation::between(&norms(run(&exact)), &norms(run(&larger)), tol)
}

fn token_alone(inputs: &Inputs, run: Run<'_>) -> Deviation {
    let last = |axis: usize, array: &ndarray::ArrayD<f64>| {
        array.slice_axis(Axis(axis), Slice::from(-1..)).to_owned()
    };
    let own = |outputs: &Outputs| -> Outputs {
        let three = outputs.iter().filter(|output| output.ndim() == 3);
        three.map(|output| last(1, &last(0, output))).collect()
    };
    // All others become something else.
    let other = |name| {
        let mut x: Tensor = inputs.float(name).mapv(|x| 2.0 - 3.0 * x);
        let at = [x.shape()[0] - 1, x.shape()[1] - 1];
        let kept = inputs.float(name).index_axis(Axis(0), at[0]);
        let kept = kept.index_axis(Axis(0), at[1]).to_owned();
        x.index_axis_mut(Axis(0), at[0])
            .index_axis_mut(Axis(0), at[1])
            .assign(&kept);
        Value::Float(x)
    };
    let changed = inputs
        .clone()
        .with("x", other("x"))
        .with("sublayer", other("sublayer"));
    Deviation::between(&own(&run(inputs)), &own(&run(&changed)), tolerance(inputs))
}
