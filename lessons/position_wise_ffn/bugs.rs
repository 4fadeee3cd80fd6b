//! The mistakes that people make with feed-forward networks, and the GELUs that are all right.

use crate::problem::{Bug, Convention};
use crate::text::Text;

pub const BUGS: &[Bug] = &[
    Bug {
        id: "no-activation",
        sentence: Text::new(
            "without the activation: two matrices that collapse into one",
            "但没有激活函数：两个矩阵塌缩成一个",
        ),
        repair: Text::new(
            "Put GELU between the two products; otherwise x·W_up·W_down is one linear map.",
            "两次矩阵乘之间要有 GELU，否则 x·W_up·W_down 只是一个线性映射。",
        ),
    },
    Bug {
        id: "activation-first",
        sentence: Text::new(
            "with GELU on x, before the first product",
            "但 GELU 作用在 x 上，放在了第一次乘法之前",
        ),
        repair: Text::new(
            "Activate the hidden units: GELU(x·W_up + b_up).",
            "激活的是隐藏单元：GELU(x·W_up + b_up)。",
        ),
    },
    Bug {
        id: "activation-last",
        sentence: Text::new(
            "with GELU on the output, after the second product",
            "但 GELU 作用在输出上，放在了第二次乘法之后",
        ),
        repair: Text::new(
            "Activate between the products; the output is linear in the hidden units.",
            "激活放在两次乘法之间；输出对隐藏单元是线性的。",
        ),
    },
    Bug {
        id: "relu",
        sentence: Text::new(
            "with ReLU in place of GELU (the network of 2017)",
            "但用了 ReLU 而非 GELU（2017 年的网络）",
        ),
        repair: Text::new(
            "Use GELU(z) = z·Φ(z): smooth, and slightly negative for z < 0.",
            "用 GELU(z) = z·Φ(z)：光滑，z < 0 时略为负。",
        ),
    },
    Bug {
        id: "silu-for-gelu",
        sentence: Text::new(
            "with SiLU in place of GELU in the first network",
            "但第一个网络用了 SiLU 而非 GELU",
        ),
        repair: Text::new(
            "GELU is z·Φ(z), SiLU is z·σ(z); they differ by up to 0.2.",
            "GELU 是 z·Φ(z)，SiLU 是 z·σ(z)，最多相差 0.2。",
        ),
    },
    Bug {
        id: "cdf-without-x",
        sentence: Text::new("with Φ(z) in place of z·Φ(z)", "但用了 Φ(z) 而非 z·Φ(z)"),
        repair: Text::new(
            "GELU gates z by Φ(z): multiply by z.",
            "GELU 用 Φ(z) 给 z 加门：别漏了乘 z。",
        ),
    },
    Bug {
        id: "erf-without-sqrt2",
        sentence: Text::new(
            "with erf(z) in place of erf(z/√2)",
            "但用了 erf(z) 而非 erf(z/√2)",
        ),
        repair: Text::new("Φ(z) = (1 + erf(z/√2))/2.", "Φ(z) = (1 + erf(z/√2))/2。"),
    },
    Bug {
        id: "gelu-without-half",
        sentence: Text::new(
            "with GELU twice as large: the factor ½ is missing",
            "但 GELU 大了一倍：漏了系数 ½",
        ),
        repair: Text::new(
            "GELU(z) = ½·z·(1 + erf(z/√2)).",
            "GELU(z) = ½·z·(1 + erf(z/√2))。",
        ),
    },
    Bug {
        id: "no-up-bias",
        sentence: Text::new("without b_up", "但没有加 b_up"),
        repair: Text::new("Add b_up before the activation.", "激活之前加上 b_up。"),
    },
    Bug {
        id: "no-down-bias",
        sentence: Text::new("without b_down", "但没有加 b_down"),
        repair: Text::new(
            "Add b_down after the second product.",
            "第二次乘法之后加上 b_down。",
        ),
    },
    Bug {
        id: "bias-after-activation",
        sentence: Text::new(
            "with b_up added after the activation",
            "但 b_up 加在了激活之后",
        ),
        repair: Text::new(
            "Add b_up first, then activate: it shifts the threshold of each unit.",
            "先加 b_up 再激活：它移动的是每个单元的阈值。",
        ),
    },
    Bug {
        id: "swiglu-with-biases",
        sentence: Text::new(
            "with the biases in the SwiGLU network too",
            "但 SwiGLU 网络也加了偏置",
        ),
        repair: Text::new(
            "The SwiGLU network has no biases: (SiLU(x·W_gate)⊙(x·W_up))·W_down.",
            "SwiGLU 网络没有偏置：(SiLU(x·W_gate)⊙(x·W_up))·W_down。",
        ),
    },
    Bug {
        id: "gate-up-swapped",
        sentence: Text::new(
            "with SiLU on the wrong branch: SiLU(x·W_up)⊙(x·W_gate)",
            "但 SiLU 加在了另一支上：SiLU(x·W_up)⊙(x·W_gate)",
        ),
        repair: Text::new(
            "Activate x·W_gate and leave x·W_up linear; with fused weights mind which half comes first.",
            "激活 x·W_gate，x·W_up 保持线性；权重融合存储时注意哪一半在前。",
        ),
    },
    Bug {
        id: "gate-sigmoid",
        sentence: Text::new(
            "with σ in place of SiLU on the gate: that is GLU",
            "但门上用了 σ 而非 SiLU：那是 GLU",
        ),
        repair: Text::new(
            "Multiply by the gate's own value: SiLU(g) = g·σ(g).",
            "还要乘 g 自身：SiLU(g) = g·σ(g)。",
        ),
    },
    Bug {
        id: "gate-gelu",
        sentence: Text::new(
            "with GELU in place of SiLU on the gate: that is GEGLU",
            "但门上用了 GELU 而非 SiLU：那是 GEGLU",
        ),
        repair: Text::new(
            "Use SiLU(g) = g·σ(g) on the gate.",
            "门上用 SiLU(g) = g·σ(g)。",
        ),
    },
    Bug {
        id: "gate-relu",
        sentence: Text::new(
            "with ReLU in place of SiLU on the gate: that is ReGLU",
            "但门上用了 ReLU 而非 SiLU：那是 ReGLU",
        ),
        repair: Text::new(
            "Use SiLU(g) = g·σ(g) on the gate.",
            "门上用 SiLU(g) = g·σ(g)。",
        ),
    },
    Bug {
        id: "gate-linear",
        sentence: Text::new(
            "without an activation on the gate: that is the bilinear variant",
            "但门上没有激活：那是 bilinear 变体",
        ),
        repair: Text::new(
            "Apply SiLU to x·W_gate before multiplying.",
            "相乘之前对 x·W_gate 做 SiLU。",
        ),
    },
    Bug {
        id: "silu-on-both",
        sentence: Text::new("with SiLU on both branches", "但两支都做了 SiLU"),
        repair: Text::new(
            "Only the gate is activated; x·W_up stays linear.",
            "只有门激活，x·W_up 保持线性。",
        ),
    },
    Bug {
        id: "gate-is-up",
        sentence: Text::new(
            "with W_up for both branches: W_gate is not used",
            "但两支都用了 W_up，没有用到 W_gate",
        ),
        repair: Text::new("Compute the gate as x·W_gate.", "门应是 x·W_gate。"),
    },
    Bug {
        id: "gate-alone",
        sentence: Text::new(
            "with SiLU(x·W_gate) alone: nothing is multiplied by x·W_up",
            "但只有 SiLU(x·W_gate)，没有乘 x·W_up",
        ),
        repair: Text::new(
            "Multiply the activated gate by x·W_up, unit by unit.",
            "激活后的门要逐单元乘 x·W_up。",
        ),
    },
    Bug {
        id: "gate-added",
        sentence: Text::new(
            "with the gate added in place of multiplied",
            "但门是加上去的，不是乘",
        ),
        repair: Text::new("A gate multiplies: SiLU(g)⊙u.", "门是相乘：SiLU(g)⊙u。"),
    },
    Bug {
        id: "reshaped-not-permuted",
        sentence: Text::new(
            "with x [b n d] reshaped to [b d n] for the convolution in place of permuted: positions and features are mixed",
            "但为了卷积把 x [b n d] 直接 reshape 成 [b d n]，没有转置：位置与特征混在了一起",
        ),
        repair: Text::new(
            "Use permute/transpose(1, 2), which moves the numbers; reshape only counts them anew.",
            "用 permute/transpose(1, 2) 真正交换轴；reshape 只是按原顺序重新数一遍。",
        ),
    },
    Bug {
        id: "residual-included",
        sentence: Text::new(
            "with the residual x already added",
            "但已经把残差 x 加进去了",
        ),
        repair: Text::new(
            "Give out FFN(x) alone; the block adds x.",
            "只输出 FFN(x)，残差由 block 来加。",
        ),
    },
];

pub const CONVENTIONS: &[Convention] = &[
    Convention {
        id: "gelu-tanh",
        sentence: Text::new(
            "GELU in its tanh form, ½·z·(1 + tanh(√(2/π)·(z + 0.044715·z³)))",
            "GELU 取 tanh 形式：½·z·(1 + tanh(√(2/π)·(z + 0.044715·z³)))",
        ),
        who: Text::new(
            "tanh: GPT-2 (gelu_new), Gemma, Flax's default; erf: BERT, torch.nn.GELU's default",
            "tanh：GPT-2（gelu_new）、Gemma、Flax 默认；erf：BERT、torch.nn.GELU 默认",
        ),
    },
    Convention {
        id: "quick-gelu",
        sentence: Text::new("GELU as z·σ(1.702·z)", "GELU 取 z·σ(1.702·z)"),
        who: Text::new(
            "sigmoid form: OpenAI's CLIP (quick_gelu); erf: BERT, torch.nn.GELU's default",
            "sigmoid 形式：OpenAI 的 CLIP（quick_gelu）；erf：BERT、torch.nn.GELU 默认",
        ),
    },
];
