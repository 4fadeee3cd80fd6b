use llmlab::prelude::*;

/// Σ over the student's layers of MSE(H_s·W, H_t of the mapped layer), and its gradient for W: student [l n p] and teacher [m n q] hold the embeddings first, layer i learns from ⌊i·(m − 1)/(l − 1)⌋, means are over the tokens with mask 1 and over q; 0 if there is no such token.
pub fn hidden_state_distillation(
    student: &Tensor,
    teacher: &Tensor,
    projection: &Tensor,
    mask: &Labels,
) -> (f32, Tensor) {
    todo!()
}
