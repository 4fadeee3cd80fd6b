use llmlab::prelude::*;

/// α·CE(student, targets) + β·T²·KL(softmax(teacher/T) ‖ softmax(student/T)) and its gradient with respect to student: logits [n c], targets [n] (−100 = ignored in both terms); means over the rows that take part, 0 if there is none.
pub fn logit_distillation(
    student: &Tensor,
    teacher: &Tensor,
    targets: &Labels,
    temperature: f64,
    alpha: f64,
    beta: f64,
) -> (f32, Tensor) {
    todo!()
}
