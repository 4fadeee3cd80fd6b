use llmlab::prelude::*;

/// Σ over the student's layers of MSE(H_s·W, H_t of the mapped layer), and its gradient for W.
pub fn hidden_state_distillation(
    student: &Tensor,
    teacher: &Tensor,
    projection: &Tensor,
    mask: &Labels,
) -> (f32, Tensor) {
    let (l, m) = (student.shape()[0], teacher.shape()[0]);
    let map: Vec<usize> = (0..l)
        .map(|i| if l > 1 { i * (m - 1) / (l - 1) } else { 0 })
        .collect();

    let projected = einsum("l n p, p q -> l n q", &[student, projection]);
    let mut difference = projected - teacher.select(Axis(0), &map);
    for (mut token, &counts) in difference.axis_iter_mut(Axis(1)).zip(mask) {
        token *= counts as f32;
    }
    let count = mask.sum().max(1) as f32 * teacher.shape()[2] as f32;
    let loss = difference.mapv(|d| d * d).sum() / count;
    let gradient = einsum("l n p, l n q -> p q", &[student, &difference]);
    (loss, gradient * (2.0 / count))
}
