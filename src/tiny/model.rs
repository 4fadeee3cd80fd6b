//! The model: Hugging Face's Llama in f32 (RMSNorm, RoPE as in `rotate_half`, SwiGLU, no biases).

use crate::kernels::attention::{self, Options};
use crate::kernels::gemm::{self, Form, gemm_f32};
use crate::kernels::layer_norm::rms_norm;
use crate::kernels::rope::{self, Layout, Table};
use half::bf16;
use ndarray::{Array1, Array2, Array3, ArrayD, ArrayView2, Axis, Dimension};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use safetensors::{Dtype, SafeTensors};
use std::collections::HashMap;
use std::fmt;

const WEIGHTS: &[u8] = include_bytes!("weights.safetensors");

/// What the shapes of the weights do not say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    pub num_attention_heads: usize,
    pub head_dim: usize,
    pub rms_norm_eps: f32,
    pub rope_theta: f64,
}

/// One block. A linear layer's weight is `[out in]`.
#[derive(Clone, Debug)]
pub struct Layer {
    pub input_layernorm: Array1<f32>,
    pub q_proj: Array2<f32>,
    pub k_proj: Array2<f32>,
    pub v_proj: Array2<f32>,
    pub o_proj: Array2<f32>,
    pub post_attention_layernorm: Array1<f32>,
    pub gate_proj: Array2<f32>,
    pub up_proj: Array2<f32>,
    pub down_proj: Array2<f32>,
}

/// The model. Weights may be changed, or replaced by smaller ones that fit each other: the sizes of a
/// block are those of its weights.
#[derive(Clone, Debug)]
pub struct Tiny {
    pub config: Config,
    /// The frequencies of RoPE, `[head_dim/2]`: theta^(−2i/head_dim), for longer contexts to change.
    pub inv_freq: Vec<f64>,
    /// `[vocab hidden]`
    pub embed_tokens: Array2<f32>,
    pub layers: Vec<Layer>,
    pub norm: Array1<f32>,
    /// `[vocab hidden]`
    pub lm_head: Array2<f32>,
}

/// What `distil.py` trained a smaller model on. All of them began alike, and saw the same sequences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Student {
    /// The next tokens alone.
    Labels,
    /// The next tokens, and the teacher's logits.
    Logits,
    /// The next tokens, the teacher's logits, and its hidden states.
    States,
}

/// Why bytes are no model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed(String);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; write the file with src/tiny/train.py", self.0)
    }
}

impl std::error::Error for Malformed {}

/// A tensor of the file, widened to f32.
fn tensor<D: Dimension>(
    file: &SafeTensors<'_>,
    name: &str,
) -> Result<ndarray::Array<f32, D>, Malformed> {
    let wrong = |what: &dyn fmt::Display| Malformed(format!("tensor `{name}`: {what}"));
    let view = file.tensor(name).map_err(|error| wrong(&error))?;
    let bytes = view.data();
    let values: Vec<f32> = match view.dtype() {
        Dtype::F32 => bytes
            .as_chunks()
            .0
            .iter()
            .map(|b| f32::from_le_bytes(*b))
            .collect(),
        Dtype::BF16 => {
            let halves = bytes.as_chunks().0.iter();
            halves.map(|b| bf16::from_le_bytes(*b).to_f32()).collect()
        }
        other => return Err(wrong(&format!("is {other:?} and should be BF16 or F32"))),
    };
    let shaped = ArrayD::from_shape_vec(view.shape().to_vec(), values);
    let ranked = shaped.and_then(|array| array.into_dimensionality::<D>());
    ranked.map_err(|error| wrong(&error))
}

fn setting<T: std::str::FromStr>(
    metadata: &HashMap<String, String>,
    name: &str,
) -> Result<T, Malformed> {
    let value = metadata.get(name).and_then(|value| value.parse().ok());
    value.ok_or_else(|| Malformed(format!("the metadata have no valid `{name}`")))
}

impl Tiny {
    /// The trained model that llmlab carries.
    pub fn trained() -> Tiny {
        Tiny::from_safetensors(WEIGHTS).expect("the file is in the binary, and a test reads it")
    }

    /// A smaller model that learned from few sequences, and in one of three ways from this one.
    pub fn student(student: Student) -> Tiny {
        let bytes: &[u8] = match student {
            Student::Labels => include_bytes!("student_labels.safetensors"),
            Student::Logits => include_bytes!("student_logits.safetensors"),
            Student::States => include_bytes!("student_states.safetensors"),
        };
        Tiny::from_safetensors(bytes).expect("the file is in the binary, and a test reads it")
    }

    /// The same model before training: N(0, 0.02²), norms 1.
    pub fn untrained(seed: u64) -> Tiny {
        let mut model = Tiny::trained();
        let mut rng = StdRng::seed_from_u64(seed);
        let mut normal = move |_: f32| {
            let radius = (-2.0 * (1.0 - rng.random::<f32>()).ln()).sqrt();
            0.02 * radius * (std::f32::consts::TAU * rng.random::<f32>()).cos()
        };
        for layer in &mut model.layers {
            layer.input_layernorm.fill(1.0);
            layer.post_attention_layernorm.fill(1.0);
        }
        model.norm.fill(1.0);
        model.embed_tokens.mapv_inplace(&mut normal);
        model.lm_head.mapv_inplace(&mut normal);
        for (_, weight) in model.linears_mut() {
            weight.mapv_inplace(&mut normal);
        }
        model
    }

    /// Reads what `train.py` wrote: Hugging Face's names, and the settings as metadata.
    ///
    /// # Errors
    /// [`Malformed`], when something is missing, of another type, or does not fit the rest.
    pub fn from_safetensors(bytes: &[u8]) -> Result<Tiny, Malformed> {
        let broken = |error| Malformed(format!("this is no safetensors file: {error}"));
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(broken)?;
        let file = SafeTensors::deserialize(bytes).map_err(broken)?;
        let none = HashMap::new();
        let metadata = header.metadata().as_ref().unwrap_or(&none);
        let embed_tokens: Array2<f32> = tensor(&file, "model.embed_tokens.weight")?;
        let num_attention_heads: usize = setting(metadata, "num_attention_heads")?;
        let head_dim = embed_tokens
            .ncols()
            .checked_div(num_attention_heads)
            .unwrap_or(0);
        let config = Config {
            num_attention_heads,
            head_dim,
            rms_norm_eps: setting(metadata, "rms_norm_eps")?,
            rope_theta: setting(metadata, "rope_theta")?,
        };
        let is_layer = |i: &usize| {
            let prefix = format!("model.layers.{i}.");
            file.names().iter().any(|name| name.starts_with(&prefix))
        };
        let layers = (0..).take_while(is_layer).map(|i| Layer::read(&file, i));
        let frequency = |i: usize| config.rope_theta.powf(-2.0 * i as f64 / head_dim as f64);
        let model = Tiny {
            config,
            inv_freq: (0..head_dim / 2).map(frequency).collect(),
            layers: layers.collect::<Result<_, _>>()?,
            norm: tensor(&file, "model.norm.weight")?,
            lm_head: tensor(&file, "lm_head.weight")?,
            embed_tokens,
        };
        match model.misfit() {
            None => Ok(model),
            Some(what) => Err(Malformed(what)),
        }
    }

    /// What does not fit together, in words.
    fn misfit(&self) -> Option<String> {
        let Config {
            num_attention_heads: heads,
            head_dim,
            ..
        } = self.config;
        let hidden = self.embed_tokens.ncols();
        if head_dim == 0 || !head_dim.is_multiple_of(2) || heads * head_dim != hidden {
            return Some(format!(
                "{heads} heads do not share a hidden size of {hidden} in even parts"
            ));
        }
        let mut sizes = vec![
            (
                "model.norm".to_string(),
                vec![self.norm.len()],
                vec![hidden],
            ),
            (
                "lm_head".to_string(),
                self.lm_head.shape().to_vec(),
                self.embed_tokens.shape().to_vec(),
            ),
        ];
        for (i, layer) in self.layers.iter().enumerate() {
            let inner = layer.gate_proj.nrows();
            for norm in [&layer.input_layernorm, &layer.post_attention_layernorm] {
                sizes.push((format!("layer {i}: a norm"), vec![norm.len()], vec![hidden]));
            }
            let want = [
                [hidden; 2],
                [hidden; 2],
                [hidden; 2],
                [hidden; 2],
                [inner, hidden],
                [inner, hidden],
                [hidden, inner],
            ];
            for ((name, weight), want) in layer.linears().into_iter().zip(want) {
                sizes.push((
                    format!("layer {i}: {name}"),
                    weight.shape().to_vec(),
                    want.to_vec(),
                ));
            }
        }
        let (name, got, want) = sizes.into_iter().find(|(_, got, want)| got != want)?;
        Some(format!("{name} has shape {got:?} and should have {want:?}"))
    }

    /// The linear layers of the blocks in the order in which they run, with their names
    /// (`layers.0.self_attn.q_proj`). Embedding and output layer are not among them: methods leave
    /// them alone, as they do in practice.
    pub fn linears(&self) -> impl Iterator<Item = (String, &Array2<f32>)> {
        let layers = self.layers.iter().enumerate();
        layers.flat_map(|(i, layer)| {
            let named = move |(name, w)| (format!("layers.{i}.{name}"), w);
            layer.linears().map(named)
        })
    }

    /// The same, to be changed.
    pub fn linears_mut(&mut self) -> impl Iterator<Item = (String, &mut Array2<f32>)> {
        let layers = self.layers.iter_mut().enumerate();
        layers.flat_map(|(i, layer)| {
            let named = move |(name, w)| (format!("layers.{i}.{name}"), w);
            layer.linears_mut().map(named)
        })
    }

    /// The number of all weights.
    pub fn parameters(&self) -> usize {
        let norms = self.norm.len() * (1 + 2 * self.layers.len());
        let linears: usize = self.linears().map(|(_, weight)| weight.len()).sum();
        self.embed_tokens.len() + self.lm_head.len() + norms + linears
    }

    /// The logits `[b n vocab]` of `tokens` `[b n]`.
    ///
    /// # Panics
    /// When a token is not in the vocabulary, or weights were replaced by such that do not fit.
    pub fn forward(&self, tokens: &Array2<i64>) -> Array3<f32> {
        self.forward_with(tokens, &mut |_, _| {})
    }

    /// The same; `watch(name, x)` sees what each linear layer reads, `x` `[b·n in]`, before it runs: what
    /// calibration collects.
    ///
    /// # Panics
    /// As [`Tiny::forward`].
    pub fn forward_with(
        &self,
        tokens: &Array2<i64>,
        watch: &mut dyn FnMut(&str, ArrayView2<'_, f32>),
    ) -> Array3<f32> {
        let (b, n) = tokens.dim();
        let rows: Vec<usize> = tokens.iter().map(|&token| token as usize).collect();
        let mut x = self.embed_tokens.select(Axis(0), &rows);
        for (i, layer) in self.layers.iter().enumerate() {
            let mut linear = |name: &str, x: &Array2<f32>, w: &Array2<f32>| {
                watch(&format!("layers.{i}.{name}"), x.view());
                linear(x, w)
            };
            let h = self.normed(&x, &layer.input_layernorm);
            let q = linear("self_attn.q_proj", &h, &layer.q_proj);
            let k = linear("self_attn.k_proj", &h, &layer.k_proj);
            let v = linear("self_attn.v_proj", &h, &layer.v_proj);
            let out = self.attend([q, k, v], [b, n]);
            x += &linear("self_attn.o_proj", &out, &layer.o_proj);
            let h = self.normed(&x, &layer.post_attention_layernorm);
            let mut gate = linear("mlp.gate_proj", &h, &layer.gate_proj);
            let up = linear("mlp.up_proj", &h, &layer.up_proj);
            gate.zip_mut_with(&up, |g, up| *g = *g / (1.0 + (-*g).exp()) * up);
            x += &linear("mlp.down_proj", &gate, &layer.down_proj);
        }
        let logits = linear(&self.normed(&x, &self.norm), &self.lm_head);
        let shape = (b, n, self.lm_head.nrows());
        logits
            .into_shape_with_order(shape)
            .expect("as many rows as tokens")
    }

    /// The mean cross-entropy, in nats, of each token of `tokens` `[b n]` but the first of a sequence.
    ///
    /// # Panics
    /// As [`Tiny::forward`].
    pub fn loss(&self, tokens: &Array2<i64>) -> f64 {
        let losses = self.losses(tokens);
        losses.sum() / losses.len().max(1) as f64
    }

    /// The cross-entropy, in nats, of tokens 1 to n − 1 of each sequence, `[b n−1]`.
    ///
    /// # Panics
    /// As [`Tiny::forward`].
    pub fn losses(&self, tokens: &Array2<i64>) -> Array2<f64> {
        let logits = self.forward(tokens);
        let (b, n) = tokens.dim();
        Array2::from_shape_fn((b, n.saturating_sub(1)), |(i, t)| {
            let row = logits.slice(ndarray::s![i, t, ..]);
            let max = row.fold(f32::NEG_INFINITY, |max, &z| max.max(z));
            let sum: f64 = row.iter().map(|z| f64::from(z - max).exp()).sum();
            sum.ln() + f64::from(max) - f64::from(row[tokens[[i, t + 1]] as usize])
        })
    }

    fn normed(&self, x: &Array2<f32>, gamma: &Array1<f32>) -> Array2<f32> {
        let mut out = Array2::zeros(x.dim());
        rms_norm(
            slice_mut(&mut out),
            slice(x),
            gamma.as_slice().expect("one row"),
            self.config.rms_norm_eps,
        )
        .expect("norms fit the hidden size");
        out
    }

    /// Causal attention with RoPE: q, k, v and the result are `[b·n heads·head_dim]`.
    fn attend(&self, [q, k, v]: [Array2<f32>; 3], [b, n]: [usize; 2]) -> Array2<f32> {
        let d = self.config.head_dim;
        let h = q.ncols() / d;
        let shape = rope::Shape {
            batch: b,
            heads: h,
            rows: n,
            head_dim: d,
        };
        let positions: Vec<i64> = (0..b).flat_map(|_| 0..n as i64).collect();
        let table = Table::with(shape, &positions, &self.inv_freq).expect("one frequency a pair");
        let heads = |x: Array2<f32>| swap(x.as_slice().expect("rows in order"), [b, n, h, d]);
        let turned = |x: Array2<f32>| {
            let x = heads(x);
            let mut out = vec![0.0; x.len()];
            table
                .rotate(&mut out, &x, h, Layout::HalfSplit)
                .expect("whole heads");
            out
        };
        let shape = attention::Shape {
            b,
            h,
            n,
            m: n,
            d,
            dv: d,
        };
        let options = Options {
            causal: true,
            ..Options::default()
        };
        let mut out = vec![0.0; b * h * n * d];
        attention::attention_with(&mut out, &turned(q), &turned(k), &heads(v), options, shape)
            .expect("q, k and v are alike");
        Array2::from_shape_vec((b * n, h * d), swap(&out, [b, h, n, d])).expect("b·n·h·d numbers")
    }
}

impl Layer {
    fn read(file: &SafeTensors<'_>, i: usize) -> Result<Layer, Malformed> {
        let name = |what: &str| format!("model.layers.{i}.{what}.weight");
        let matrix = |what: &str| tensor(file, &name(what));
        let vector = |what: &str| tensor(file, &name(what));
        Ok(Layer {
            input_layernorm: vector("input_layernorm")?,
            q_proj: matrix("self_attn.q_proj")?,
            k_proj: matrix("self_attn.k_proj")?,
            v_proj: matrix("self_attn.v_proj")?,
            o_proj: matrix("self_attn.o_proj")?,
            post_attention_layernorm: vector("post_attention_layernorm")?,
            gate_proj: matrix("mlp.gate_proj")?,
            up_proj: matrix("mlp.up_proj")?,
            down_proj: matrix("mlp.down_proj")?,
        })
    }

    /// The linear layers in the order in which they run.
    pub fn linears(&self) -> [(&'static str, &Array2<f32>); 7] {
        [
            ("self_attn.q_proj", &self.q_proj),
            ("self_attn.k_proj", &self.k_proj),
            ("self_attn.v_proj", &self.v_proj),
            ("self_attn.o_proj", &self.o_proj),
            ("mlp.gate_proj", &self.gate_proj),
            ("mlp.up_proj", &self.up_proj),
            ("mlp.down_proj", &self.down_proj),
        ]
    }

    /// The same, to be changed.
    pub fn linears_mut(&mut self) -> [(&'static str, &mut Array2<f32>); 7] {
        [
            ("self_attn.q_proj", &mut self.q_proj),
            ("self_attn.k_proj", &mut self.k_proj),
            ("self_attn.v_proj", &mut self.v_proj),
            ("self_attn.o_proj", &mut self.o_proj),
            ("mlp.gate_proj", &mut self.gate_proj),
            ("mlp.up_proj", &mut self.up_proj),
            ("mlp.down_proj", &mut self.down_proj),
        ]
    }
}

/// x·wᵀ: `x` `[rows in]`, `w` `[out in]`.
fn linear(x: &Array2<f32>, w: &Array2<f32>) -> Array2<f32> {
    let shape = gemm::Shape {
        m: x.nrows(),
        n: w.nrows(),
        k: w.ncols(),
    };
    let mut out = Array2::zeros((shape.m, shape.n));
    let w = w.as_standard_layout();
    let weights = w.as_slice().expect("in order");
    gemm_f32(
        slice_mut(&mut out),
        slice(x),
        weights,
        Form::Transposed,
        shape,
    )
    .expect("weights fit what they read");
    out
}

fn slice(x: &Array2<f32>) -> &[f32] {
    x.as_slice().expect("made in order")
}

fn slice_mut(x: &mut Array2<f32>) -> &mut [f32] {
    x.as_slice_mut().expect("made in order")
}

/// `[b n h d]` as `[b h n d]`.
fn swap(x: &[f32], [b, n, h, d]: [usize; 4]) -> Vec<f32> {
    let mut out = Vec::with_capacity(x.len());
    for (i, head) in (0..b).flat_map(|i| (0..h).map(move |head| (i, head))) {
        for t in 0..n {
            out.extend_from_slice(&x[((i * n + t) * h + head) * d..][..d]);
        }
    }
    out
}
