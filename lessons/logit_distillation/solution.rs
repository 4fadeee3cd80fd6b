use llmlab::prelude::*;

/// α·CE(student, targets) + β·T²·KL(softmax(teacher/T) ‖ softmax(student/T)) and its gradient with respect to student.
pub fn logit_distillation(
    student: &Tensor,
    teacher: &Tensor,
    targets: &Labels,
    temperature: f64,
    alpha: f64,
    beta: f64,
) -> (f32, Tensor) {
    let (t, alpha, beta) = (temperature as f32, alpha as f32, beta as f32);
    let count = targets.iter().filter(|y| **y != -100).count().max(1) as f32;
    let log_hard = log_softmax(student, 1);
    let log_q = log_softmax(&(student / t), 1);
    let log_p = log_softmax(&(teacher / t), 1);

    let mut loss = 0.0;
    let mut grad = Tensor::zeros(student.raw_dim());
    for (i, &y) in targets.iter().enumerate() {
        if y == -100 {
            continue;
        }
        let y = y as usize;
        loss -= alpha * log_hard[[i, y]] / count;
        for k in 0..student.shape()[1] {
            let (p, q) = (log_p[[i, k]].exp(), log_q[[i, k]].exp());
            loss += beta * t * t * p * (log_p[[i, k]] - log_q[[i, k]]) / count;
            let hard = log_hard[[i, k]].exp() - if k == y { 1.0 } else { 0.0 };
            grad[[i, k]] = (alpha * hard + beta * t * (q - p)) / count;
        }
    }
    (loss, grad)
}
