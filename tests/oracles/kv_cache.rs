//! ONNX `Attention` in terms of the KV cache lesson, which is causal and rotates q and k.
//!
//! A query that sees every key is the last new token of a row of its own. Heads become four times
//! as wide: two zeros in front, the only pair that turns at rope_theta = ∞, then the head, then a
//! feature for each query through which the keys carry its mask.

use crate::operands::{Operands, float, product};
use crate::{Case, Pairs, step};
use llmlab::tensor::{Inputs, Value};
use llmlab::trace::Trace;
use ndarray::{Array1, Array4, ArrayD, Axis, Ix4, s};

/// How much wider the heads become. The lesson then divides by 2·√d; q makes up for the 2.
const WIDER: usize = 4;
/// The first feature of a head, behind the pair that turns.
const HEAD: usize = 2;
/// −∞ in a mask: 0 times it is still 0, and its weight is.
const DROPPED: f64 = -1e30;
/// Slots that stay free, and what is in them.
const SPARE: (usize, f64) = (1, 9.0);

pub fn run(case: &mut Case) -> Result<Pairs, &'static str> {
    let mut given = Operands::read(case)?;
    let product = product(case)?;
    let causal = std::mem::take(&mut given.causal);
    let mask = given.mask();
    if mask.is_some() && product.as_ref().is_some_and(|(name, _)| *name == "scores") {
        return Err("the lesson traces no scores without the mask");
    }
    let (q, k, v) = (four(&given.q), four(&given.k), four(&given.v));
    let ((b, h, n, d), (_, g, new, _), dv) = (q.dim(), k.dim(), v.dim().3);
    let (past, group) = (given.past_len(), h / g);
    let total = past + new;
    let mask = mask.map(|mask| {
        four(
            &mask
                .broadcast((b, h, n, total))
                .unwrap()
                .into_dyn()
                .to_owned(),
        )
    });

    // Which queries of which sequence a row has, and where among its new tokens.
    let rows: Vec<(usize, Vec<(usize, usize)>)> = match causal {
        true if n > new => return Err("the lesson has a key for every query"),
        true => (0..b)
            .map(|s| (s, (0..n).map(|r| (r, r)).collect()))
            .collect(),
        false => ndarray::indices((b, n))
            .into_iter()
            .map(|(s, r)| (s, vec![(r, new - 1)]))
            .collect(),
    };
    let wide = WIDER * d;
    if dv > wide || HEAD + d + rows[0].1.len() * group > wide {
        return Err("too many features for the lesson's head");
    }

    let zeros = |heads: usize, tokens: usize| Array4::zeros((rows.len(), heads, tokens, wide));
    let (mut wide_q, mut wide_k, mut wide_v) = (zeros(h, new), zeros(g, new), zeros(g, new));
    let (mut past_k, mut past_v) = (zeros(g, total + SPARE.0), zeros(g, total + SPARE.0));
    for cache in [&mut past_k, &mut past_v] {
        cache.slice_mut(s![.., .., past.., ..]).fill(SPARE.1);
    }
    for (row, (sequence, queries)) in rows.iter().enumerate() {
        let at = |x: &Array4<f64>| x.index_axis(Axis(0), *sequence).to_owned();
        let put = |to: &mut Array4<f64>, tokens: usize, first: usize, x: &Array4<f64>| {
            let last = first + x.dim().3;
            to.slice_mut(s![row, .., ..tokens, first..last])
                .assign(&at(x));
        };
        put(&mut wide_k, new, HEAD, &k);
        put(&mut wide_v, new, 0, &v);
        if let Some([k, v]) = &given.past {
            put(&mut past_k, past, HEAD, &four(k));
            put(&mut past_v, past, 0, &four(v));
        }
        for (number, &(query, place)) in queries.iter().enumerate() {
            let head = q
                .slice(s![*sequence, .., query, ..])
                .mapv(|q| q * (WIDER as f64).sqrt());
            wide_q
                .slice_mut(s![row, .., place, HEAD..HEAD + d])
                .assign(&head);
            let Some(mask) = &mask else { continue };
            for i in 0..h {
                let feature = HEAD + d + number * group + i % group;
                wide_q[[row, i, place, feature]] = (wide as f64).sqrt();
                for j in 0..total {
                    let bias = mask[[*sequence, i, query, j]].max(DROPPED);
                    match j.checked_sub(past) {
                        Some(j) => wide_k[[row, i / group, j, feature]] = bias,
                        None => past_k[[row, i / group, j, feature]] = bias,
                    }
                }
            }
        }
    }

    let each = |value: &dyn Fn(usize) -> usize| {
        Value::Int(Array1::from_shape_fn(rows.len(), |row| value(row) as i64).into_dyn())
    };
    let inputs = Inputs::new()
        .with("q", float(&wide_q.into_dyn()))
        .with("k", float(&wide_k.into_dyn()))
        .with("v", float(&wide_v.into_dyn()))
        .with("past_k", float(&past_k.into_dyn()))
        .with("past_v", float(&past_v.into_dyn()))
        .with("lengths", each(&|_| past))
        .with("beam_idx", each(&|row| row))
        .with("rope_theta", Value::Number(f64::INFINITY));
    let mut trace = Trace::new();
    let reference = llmlab::lessons::kv_cache::LESSON.problem.reference;
    let outputs = reference(&inputs, &mut trace);

    // Every query's values [h m], from the row and the place that it has.
    let of_queries = |x: &ArrayD<f64>, width: usize| {
        let x = four(x);
        let mut out = Array4::zeros((b, h, n, width));
        for (row, (sequence, queries)) in rows.iter().enumerate() {
            for &(query, place) in queries {
                out.slice_mut(s![*sequence, .., query, ..])
                    .assign(&x.slice(s![row, .., place, ..width]));
            }
        }
        out.into_dyn()
    };
    // Every sequence's cache, from its first row.
    let per_sequence = rows.len() / b;
    let present = |x: &ArrayD<f64>, first: usize, width: usize| {
        let x = four(x);
        let x = x.slice(s![..;per_sequence, .., ..total, first..first + width]);
        x.into_dyn().to_owned()
    };

    let mut pairs = vec![(
        "Y",
        given.as_given(of_queries(&outputs[0], dv)),
        case.tensor("Y"),
    )];
    let present_k = present(&outputs[1], HEAD, d);
    let present_v = present(&outputs[2], 0, dv);
    for (name, ours) in [("present_key", present_k), ("present_value", present_v)] {
        pairs.extend(case.optional(name).map(|theirs| (name, ours, theirs)));
    }
    pairs.extend(product.map(|(name, theirs)| {
        let name = if name == "masked" { "scores" } else { name };
        let ours = of_queries(&step(&trace, name), total);
        let open = |x: f64| {
            if x < DROPPED / 2.0 {
                f64::NEG_INFINITY
            } else {
                x
            }
        };
        (name, ours.mapv(open), theirs)
    }));
    Ok(pairs)
}

fn four(x: &ArrayD<f64>) -> Array4<f64> {
    let x = x.clone().into_dimensionality::<Ix4>();
    x.expect("axes b h n d")
}
