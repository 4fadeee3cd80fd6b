use llmlab::prelude::*;

/// Sliding windows and contexts on the same targets, as in Press et al. 2021 (arXiv 2108.12409).
pub fn length_extrapolation(
    losses: &Tensor,
    counted: &Labels,
    stride: f64,
    trained: f64,
) -> (Tensor, f64, f64) {
    let (w, n) = (losses.shape()[0], losses.shape()[1]);
    let stride = stride as usize;
    let k = n / stride;
    let mut by_context = vec![Mean::default(); k];
    let mut sliding = Mean::default();
    for i in 0..w {
        for at in 0..k * stride {
            if counted[[i, at]] == 0 {
                continue;
            }
            let (c, loss) = (at / stride, losses[[i, at]] as f64);
            if (k - 1..w).contains(&(i + c)) {
                by_context[c].add(loss);
            }
            if i == 0 || c == k - 1 {
                sliding.add(loss);
            }
        }
    }
    let perplexities: Vec<f64> = by_context.iter().map(Mean::perplexity).collect();
    let reference = (trained as usize / stride).clamp(1, k) - 1;
    let ratio = perplexities[k - 1] / perplexities[reference];
    let table = Array1::from(perplexities).mapv(|p| p as f32);
    (table.into_dyn(), sliding.perplexity(), ratio)
}

#[derive(Clone, Default)]
struct Mean {
    sum: f64,
    tokens: f64,
}

impl Mean {
    fn add(&mut self, loss: f64) {
        self.sum += loss;
        self.tokens += 1.0;
    }

    fn perplexity(&self) -> f64 {
        (self.sum / self.tokens).exp()
    }
}
