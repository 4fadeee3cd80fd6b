//! Calibration: which range a quantizer should have.

use crate::lesson::{Lesson, Part, Track};
use crate::text::Text;

mod bugs;
mod claims;
mod laws;
mod pictures;
mod problem;
mod reference;
#[cfg(test)]
mod tests;
mod variants;

pub use problem::{Exercise, candidate};

pub static LESSON: Lesson = Lesson {
    id: "calibration",
    aliases: &["ptq", "observers", "ptq-calibration"],
    title: Text::new("Calibration", "校准"),
    summary: Text::new(
        "run a few hundred samples and choose the range of each activation: largest value, moving average, percentile, least square error or least KL divergence",
        "跑几百条样本，为每个激活选定量化区间：最大值、滑动平均、百分位、均方误差最小或 KL 散度最小",
    ),
    part: Part::Compression,
    tracks: &[Track::Phone, Track::Leader],
    needs: &["affine-quantization"],
    text: Text::new(include_str!("lesson.md"), include_str!("lesson.zh.md")),
    problem: &problem::PROBLEM,
    quiz: include_str!("quiz.toml"),
    trace: include_str!("trace.txt"),
    starter: include_str!("exercise.rs"),
    solution: include_str!("solution.rs"),
    hints: &[
        Text::new(
            "Five thresholds in the order of the signature. The first three need no quantizer at all: a maximum of |x|, its moving average over batches, a quantile of |x|.",
            "五个阈值按签名里的次序。前三个根本用不到量化器：|x| 的最大值、逐批最大值的滑动平均、|x| 的分位数。",
        ),
        Text::new(
            "Candidates for the other two: T_i = i·max/bins for i from levels = 2^(bits−1) to bins. For the square error quantise every x with s = T_i/(levels − 1), clamp to ±(levels − 1), and take the mean of (x − x̂)².",
            "另外两个的候选：T_i = i·max/bins，i 从 levels = 2^(bits−1) 到 bins。均方误差：取 s = T_i/(levels − 1)，clamp 到 ±(levels − 1)，求 (x − x̂)² 的均值。",
        ),
        Text::new(
            "KL: P = the first i counts, with all that lie behind added to the last of them. Q = the first i counts as they are, merged into `levels` (bin j goes to level j·levels/i), each level's sum divided by its number of non-empty bins and given to these.",
            "KL：P 是前 i 个计数，后面的全加到其中最后一个上。Q 用未加过的前 i 个计数，合并成 levels 级（第 j 个 bin 归 j·levels/i 级），每级之和平分给该级里非空的 bin。",
        ),
        Text::new(
            "Divide P and Q by their own sums, add up p·ln(p/q) over p > 0 (q = 0 gives ∞, which never wins), and take the first i with the least value; the threshold is i·max/bins.",
            "P、Q 各除以自己的和，对 p > 0 累加 p·ln(p/q)（q = 0 得 ∞，不会被选中），取值最小的第一个 i，阈值为 i·max/bins。",
        ),
    ],
    claims: claims::CLAIMS,
    pictures: pictures::PICTURES,
};
