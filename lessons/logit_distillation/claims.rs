//! What the notes say about distillation of logits, and what is true.

use crate::lesson::{Claim, Verdict};
use crate::text::{Lang, Text};

pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "C090",
        verdict: Verdict::Right,
        quote: "α·CE(z_student, y_hard)",
        right: Text::new(
            "Right, with the student's logits at T = 1.",
            "正确，其中学生 logits 取 T = 1。",
        ),
        demo: None,
    },
    Claim {
        id: "C091",
        verdict: Verdict::Wrong,
        quote: "KL(z_student/T, z_teacher/T)",
        right: Text::new(
            "KL takes distributions, not logits: softmax(z/T) first. Taken literally, F.kl_div(z_s/T, z_t/T) takes the logarithm of negative logits and returns NaN.",
            "KL 的参数是分布而不是 logits，要先做 softmax(z/T)。照字面写 F.kl_div(z_s/T, z_t/T) 会对负 logit 取对数，得到 NaN。",
        ),
        demo: Some(on_logits),
    },
    Claim {
        id: "C092",
        verdict: Verdict::Wrong,
        quote: "KL(z_student/T, z_teacher/T)，参数顺序（student, teacher）",
        right: Text::new(
            "The distillation loss is KL(p_teacher ‖ p_student) = Σ p_t·ln(p_t/p_s). Read as mathematics the printed order is the reverse KL, which seeks one mode; as PyTorch's call kl_div(input = log p_s, target = p_t) the order is right, but then the arguments are not logits.",
            "蒸馏损失是 KL(p_teacher ‖ p_student) = Σ p_t·ln(p_t/p_s)。按数学记号读，笔记的顺序是反向 KL（只追一个峰）；按 PyTorch 的 kl_div(input = log p_s, target = p_t) 读，顺序对，但参数又不是 logits。",
        ),
        demo: Some(direction),
    },
    Claim {
        id: "C093",
        verdict: Verdict::Wrong,
        quote: "β·KL(z_student/T, z_teacher/T)，没有 T²",
        right: Text::new(
            "Multiply by T² (Hinton et al. 2015, arXiv 1503.02531): gradients of the soft term fall as 1/T², so without it the soft term all but disappears at T = 4.",
            "要乘 T²（Hinton 等 2015，arXiv 1503.02531）：软目标项的梯度按 1/T² 衰减，不乘的话 T = 4 时软目标几乎不起作用。",
        ),
        demo: Some(t_squared),
    },
    Claim {
        id: "C094",
        verdict: Verdict::Unsupported,
        quote: "T=4 … 最常见",
        right: Text::new(
            "No source. T = 4 is the default of repositories for images; the script of DistilBERT uses 2; Hinton et al. went up to 20 and found 2.5 to 4 better for very small students; with language models T = 1 is common.",
            "没有出处。T = 4 是图像蒸馏代码库的默认值；DistilBERT 脚本用 2；Hinton 等人用到 20，并发现很小的学生用 2.5 到 4 更好；语言模型蒸馏常用 T = 1。",
        ),
        demo: None,
    },
    Claim {
        id: "C095",
        verdict: Verdict::Unsupported,
        quote: "α=β=0.5 最常见",
        right: Text::new(
            "No source. Hinton et al. give the hard term «a considerably lower weight»; DistilBERT's weights are 5 (soft), 2 (masked LM) and 1 (cosine). And .5/.5 without T² leaves the soft term next to nothing.",
            "没有出处。Hinton 等人给硬标签「小得多的权重」；DistilBERT 的权重是 5（软目标）、2（MLM）、1（余弦）。而且 .5/.5 若漏掉 T²，软目标几乎没有分量。",
        ),
        demo: Some(shares),
    },
];

fn softmax(z: &[f64], t: f64) -> Vec<f64> {
    let max = z.iter().fold(f64::NEG_INFINITY, |a, &b| a.max(b));
    let e: Vec<f64> = z.iter().map(|z| ((z - max) / t).exp()).collect();
    let sum: f64 = e.iter().sum();
    e.iter().map(|e| e / sum).collect()
}

fn kl(p: &[f64], q: &[f64]) -> f64 {
    p.iter().zip(q).map(|(p, q)| p * (p / q).ln()).sum()
}

const STUDENT: [f64; 4] = [1.0, 0.2, -0.5, 0.3];
const TEACHER: [f64; 4] = [2.0, 1.5, -1.0, -0.5];

fn on_logits(lang: Lang) -> String {
    let terms: Vec<String> = STUDENT
        .iter()
        .zip(TEACHER)
        .map(|(s, t)| {
            let term = t / 2.0 * ((t / 2.0).ln() - s / 2.0);
            let shown = match term.is_nan() {
                true => lang.pick("not a number", "不是数").to_string(),
                false => format!("{term:.3}"),
            };
            format!(
                "{:>5.2}·(ln {:>5.2} − {:>5.2}) = {shown}",
                t / 2.0,
                t / 2.0,
                s / 2.0
            )
        })
        .collect();
    let (p, q) = (softmax(&TEACHER, 2.0), softmax(&STUDENT, 2.0));
    let heads = lang.pick(
        ("on logits, T = 2:", "on distributions:"),
        ("直接用 logits，T = 2：", "用分布："),
    );
    format!(
        "{}\n{}\n{} KL = {:.4}\n",
        heads.0,
        terms.join("\n"),
        heads.1,
        kl(&p, &q)
    )
}

/// A teacher with two modes, and the Gaussians that are nearest in either direction.
fn direction(lang: Lang) -> String {
    let bins: Vec<f64> = (0..41).map(|i| f64::from(i - 20) / 4.0).collect();
    let bell = |at: f64, width: f64| -> Vec<f64> {
        let z: Vec<f64> = bins
            .iter()
            .map(|x| -((x - at) / width).powi(2) / 2.0)
            .collect();
        softmax(&z, 1.0)
    };
    let mix = bell(-2.0, 0.6).into_iter().zip(bell(2.0, 0.6));
    let teacher: Vec<f64> = mix.map(|(a, b)| 0.6 * a + 0.4 * b).collect();
    let mut best = [(f64::INFINITY, 0.0, 0.0); 2];
    for at in (-30..=30).map(|i| f64::from(i) / 10.0) {
        for width in (3..=40).map(|i| f64::from(i) / 10.0) {
            let student = bell(at, width);
            for (best, loss) in best
                .iter_mut()
                .zip([kl(&teacher, &student), kl(&student, &teacher)])
            {
                if loss < best.0 {
                    *best = (loss, at, width);
                }
            }
        }
    }
    let (p, q) = (softmax(&TEACHER, 1.0), softmax(&STUDENT, 1.0));
    let head = lang.pick(
        format!(
            "teacher ‖ student {:.4}, student ‖ teacher {:.4}: not the same number\nteacher: 0.6 at −2 and 0.4 at +2. The nearest single bell:",
            kl(&p, &q),
            kl(&q, &p)
        ),
        format!(
            "teacher ‖ student {:.4}，student ‖ teacher {:.4}：两个数不同\n教师：−2 处占 0.6，+2 处占 0.4。最接近的单峰：",
            kl(&p, &q),
            kl(&q, &p)
        ),
    );
    let names = lang.pick(
        [
            "KL(teacher ‖ student): covers both",
            "KL(student ‖ teacher): takes one",
        ],
        [
            "KL(teacher ‖ student)：两个峰都覆盖",
            "KL(student ‖ teacher)：只取一个峰",
        ],
    );
    let line = |(name, (loss, at, width)): (&str, (f64, f64, f64))| {
        lang.pick(
            format!("{name}: centre {at:+.1}, width {width:.1}, loss {loss:.3}"),
            format!("{name}：中心 {at:+.1}，宽度 {width:.1}，损失 {loss:.3}"),
        )
    };
    let lines: Vec<String> = names.into_iter().zip(best).map(line).collect();
    format!("{head}\n{}\n", lines.join("\n"))
}

/// The norm of ∂KL/∂z_s at temperature t, (q − p)/t.
fn soft_gradient(t: f64) -> f64 {
    let (p, q) = (softmax(&TEACHER, t), softmax(&STUDENT, t));
    let square = |(p, q): (&f64, &f64)| ((q - p) / t).powi(2);
    p.iter().zip(&q).map(square).sum::<f64>().sqrt()
}

/// The norm of ∂CE/∂z_s for target 0.
fn hard_gradient() -> f64 {
    let q = softmax(&STUDENT, 1.0);
    let square = |(k, q): (usize, &f64)| (q - f64::from(u8::from(k == 0))).powi(2);
    q.iter().enumerate().map(square).sum::<f64>().sqrt()
}

fn t_squared(lang: Lang) -> String {
    let head = lang.pick(
        "T     ‖gradient of KL‖   times T²   share of the hard term's without T²",
        "T     ‖KL 的梯度‖        乘 T²      不乘 T² 时相对硬标签梯度",
    );
    let line = |t: f64| {
        let soft = soft_gradient(t);
        format!(
            "{t:<5} {soft:<18.5} {:<10.3} {:.1} %",
            soft * t * t,
            100.0 * soft / hard_gradient()
        )
    };
    let lines: Vec<String> = [1.0, 2.0, 4.0, 8.0, 16.0].map(line).to_vec();
    format!("{head}\n{}\n", lines.join("\n"))
}

/// What α = β = 0.5 means for the gradient.
fn shares(lang: Lang) -> String {
    let line = |t: f64, squared: bool| {
        let factor = if squared { t * t } else { 1.0 };
        let soft = soft_gradient(t) * factor;
        let share = 100.0 * soft / (soft + hard_gradient());
        lang.pick(
            format!(
                "T = {t}, α = β = .5, {}: the soft term has {share:.0} % of the gradient",
                if squared { "with T²" } else { "without T²" }
            ),
            format!(
                "T = {t}，α = β = .5，{}：软目标占梯度的 {share:.0} %",
                if squared { "乘 T²" } else { "不乘 T²" }
            ),
        )
    };
    [line(1.0, true), line(4.0, true), line(4.0, false)].join("\n") + "\n"
}
