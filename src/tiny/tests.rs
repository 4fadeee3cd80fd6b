use super::*;
use ndarray::{Array2, s};
use serde_json::Value;

fn golden() -> Value {
    serde_json::from_str(include_str!("golden.json")).unwrap()
}

fn floats(value: &Value) -> Vec<f64> {
    let items = value.as_array().unwrap().iter();
    items.map(|x| x.as_f64().unwrap()).collect()
}

#[test]
fn the_corpus_is_that_of_the_script() {
    let golden = golden();
    let corpus = Corpus::held_out(3);
    for (row, want) in corpus
        .tokens
        .rows()
        .into_iter()
        .zip(golden["tokens"].as_array().unwrap())
    {
        let want: Vec<i64> = floats(want).iter().map(|&x| x as i64).collect();
        assert_eq!(row.to_vec(), want);
    }
}

/// PyTorch's logits are of f64, and written with nine digits; ours round in f32 at every step. Each of
/// the four blocks adds two sums of at most 256 products to a stream of rounded numbers, and RMSNorm
/// takes its scale away: errors are of the size of ε·√256 per sum and layer, relative to the largest
/// logit, and 4 times that is allowed.
#[test]
fn logits_are_those_of_pytorch() {
    let golden = golden();
    let logits = Tiny::trained().forward(&Corpus::held_out(1).tokens);
    let rows = golden["logits"].as_array().unwrap();
    assert_eq!(rows.len(), LENGTH / 16);
    let mut worst = 0f64;
    for (i, row) in rows.iter().enumerate() {
        let want = floats(row);
        let largest = want.iter().fold(0f64, |max, x| max.max(x.abs()));
        let tolerance = 4.0 * f64::from(f32::EPSILON) * 16.0 * 8.0 * largest;
        for (ours, want) in logits.slice(s![0, 16 * i, ..]).iter().zip(want) {
            let gap = (f64::from(*ours) - want).abs();
            worst = worst.max(gap / tolerance);
            assert!(
                gap <= tolerance,
                "position {}: {ours} is not {want}",
                16 * i
            );
        }
    }
    // The tolerance is no wider than a hundred times what is needed.
    assert!(worst > 0.01, "{worst}");
}

#[test]
fn the_loss_is_that_of_pytorch_and_near_the_entropy() {
    let want = golden()["loss"].as_f64().unwrap();
    let model = Tiny::trained();
    let ours = model.loss(&Corpus::held_out(3).tokens);
    assert!((ours - want).abs() < 1e-5, "{ours} is not {want}");

    let corpus = Corpus::held_out(32);
    let (loss, entropy) = (model.loss(&corpus.tokens), corpus.entropy());
    assert!(loss > entropy && loss < entropy + 0.05, "{loss} {entropy}");
    let untrained = Tiny::untrained(0).loss(&corpus.tokens);
    assert!(
        (untrained - (VOCAB as f64).ln()).abs() < 0.05,
        "{untrained}"
    );
}

#[test]
fn the_students_losses_are_those_of_pytorch() {
    let golden: Value = serde_json::from_str(include_str!("students.json")).unwrap();
    let corpus = Corpus::held_out(32).tokens;
    let [labels, logits, states] = [
        ("labels", Student::Labels),
        ("logits", Student::Logits),
        ("states", Student::States),
    ]
    .map(|(name, student)| {
        let model = Tiny::student(student);
        assert_eq!(model.parameters(), 90_432, "{name}");
        let want = golden[name].as_f64().unwrap();
        let ours = model.loss(&Corpus::held_out(3).tokens);
        assert!((ours - want).abs() < 1e-5, "{name}: {ours} is not {want}");
        model.loss(&corpus)
    });
    let teacher = Tiny::trained().loss(&corpus);
    assert!(
        teacher < logits && logits < labels,
        "{teacher} {logits} {labels}"
    );
    assert!(teacher < states, "{teacher} {states}");
}

/// Copies cost nothing: the model looks the names up in its context.
#[test]
fn names_are_copied_over_the_gap() {
    let corpus = Corpus::held_out(16);
    let losses = Tiny::trained().losses(&corpus.tokens);
    let copied = losses
        .indexed_iter()
        .filter(|((i, t), _)| corpus.tokens[[*i, t + 1]] > LETTERS as i64 && *t >= SEGMENT);
    let (sum, count) = copied.fold((0.0, 0), |(sum, count), (_, x)| (sum + x, count + 1));
    assert!(
        count > 100 && sum / f64::from(count) < 0.01,
        "{sum} {count}"
    );
}

#[test]
fn the_source_is_as_described() {
    // A long stream, far from its start, loses what the closed form says: its standard error is about
    // 0.9/√n for tokens with that spread.
    for gap in [4, GAP, 100] {
        let corpus = Corpus::new(7, 1, 200_000, gap);
        let nats = corpus.nats.slice(s![0, 1000..]);
        let (mean, rate) = (nats.mean().unwrap(), entropy_rate(gap));
        let error = nats.std(1.0) / (nats.len() as f64).sqrt();
        assert!(
            (mean - rate).abs() < 5.0 * error,
            "gap {gap}: {mean} {rate} {error}"
        );
    }
    let corpus = Corpus::held_out(200);
    for row in corpus.tokens.rows() {
        let first = row.slice(s![1..=SEGMENT]);
        for (t, _) in row
            .iter()
            .enumerate()
            .filter(|(_, token)| **token == SEPARATOR)
        {
            for (j, name) in row.iter().skip(t + 1).take(SEGMENT).enumerate() {
                assert_eq!(*name, first[j], "a segment is the first one");
            }
        }
        let mut names = first.to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), SEGMENT, "names differ");
    }
    // Longer sequences begin as shorter ones.
    let longer = Corpus::new(HELD_OUT, 2, 3 * LENGTH, GAP);
    let shorter = Corpus::held_out(2);
    assert_eq!(longer.tokens.slice(s![.., ..LENGTH]), shorter.tokens);
}

#[test]
fn calibration_sees_what_each_linear_layer_reads() {
    let model = Tiny::trained();
    let tokens = Corpus::held_out(2).tokens;
    let mut seen = Vec::new();
    let logits = model.forward_with(&tokens, &mut |name, x| {
        seen.push((name.to_string(), x.dim()))
    });
    let want: Vec<_> = model
        .linears()
        .map(|(name, w)| (name, (2 * LENGTH, w.ncols())))
        .collect();
    assert_eq!(seen, want);
    assert_eq!(logits, model.forward(&tokens));
    assert_eq!(model.parameters(), 672_896);
}

/// Blocks may lose heads and hidden units, in the matrices that belong together.
#[test]
fn a_smaller_block_runs() {
    let mut model = Tiny::trained();
    let layer = &mut model.layers[1];
    let keep = s![..96, ..];
    for w in [
        &mut layer.q_proj,
        &mut layer.k_proj,
        &mut layer.v_proj,
        &mut layer.gate_proj,
        &mut layer.up_proj,
    ] {
        *w = w.slice(keep).to_owned();
    }
    for w in [&mut layer.o_proj, &mut layer.down_proj] {
        *w = w.slice(s![.., ..96]).to_owned();
    }
    assert!(model.loss(&Corpus::held_out(2).tokens).is_finite());
}

#[test]
fn what_is_no_model_is_refused_with_a_sentence() {
    let whole = include_bytes!("weights.safetensors");
    for bytes in [&whole[..0], &whole[..7], &whole[..5000], &[255; 64]] {
        let sentence = Tiny::from_safetensors(bytes).unwrap_err().to_string();
        assert!(sentence.contains("train.py"), "{sentence}");
    }
    // A tensor under another name.
    let mut renamed = whole.to_vec();
    let at = renamed
        .windows(12)
        .position(|w| w == b"model.norm.w")
        .unwrap();
    renamed[at] = b'n';
    let sentence = Tiny::from_safetensors(&renamed).unwrap_err().to_string();
    assert!(sentence.contains("model.norm.weight"), "{sentence}");
    let _: Array2<f32> = Tiny::from_safetensors(whole).unwrap().lm_head;
}
