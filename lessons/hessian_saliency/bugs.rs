//! Mistakes that people really make with second-order pruning. `variants.rs` plants them.

use crate::problem::{Bug, Convention};
use crate::text::Text;

const fn bug(id: &'static str, sentence: [&'static str; 2], repair: [&'static str; 2]) -> Bug {
    Bug {
        id,
        sentence: Text::new(sentence[0], sentence[1]),
        repair: Text::new(repair[0], repair[1]),
    }
}

pub const CONVENTIONS: &[Convention] = &[
    Convention {
        id: "sum-over-tokens",
        sentence: Text::new(
            "the Hessian is the sum over tokens, 2·XᵀX: scores are t times as large, ranks and pruned weights are the same",
            "Hessian 对 token 求和（2·XᵀX）：分数大 t 倍，排名与剪枝后的权重不变",
        ),
        who: Text::new(
            "sum: the formulas of the OBC, GPTQ and SparseGPT papers; mean: their code (`H += 2/n·x·xᵀ`)",
            "求和：OBC、GPTQ、SparseGPT 论文的公式；求平均：它们的代码（`H += 2/n·x·xᵀ`）",
        ),
    },
    Convention {
        id: "squared",
        sentence: Text::new(
            "the first-order score is squared, (g·w)²: the ranks are the same",
            "一阶分数取平方 (g·w)²：排名不变",
        ),
        who: Text::new(
            "squared: Molchanov et al. 2019; absolute: Molchanov et al. 2016, SNIP",
            "平方：Molchanov 等 2019；绝对值：Molchanov 等 2016、SNIP",
        ),
    },
];

/// Sentences complete «your output equals hessian-saliency …».
pub const BUGS: &[Bug] = &[
    bug(
        "first-order-hessian",
        [
            "with the gradient in the place of the Hessian: ½·|g|·w² called OBD",
            "用梯度冒充 Hessian 的结果：把 ½·|g|·w² 叫作 OBD",
        ],
        [
            "A Hessian is made of second derivatives: for a linear layer H = 2·XᵀX/t, from the inputs alone.",
            "Hessian 是二阶导数：线性层的 H = 2·XᵀX/t，只由输入算出。",
        ],
    ),
    bug(
        "inverse-in-obd",
        [
            "with [H⁻¹]_qq in OBD: ½·[H⁻¹]_qq·w_q²",
            "OBD 里用了 [H⁻¹]_qq 的结果：½·[H⁻¹]_qq·w_q²",
        ],
        [
            "OBD takes the Hessian's own diagonal: ½·H_qq·w_q²; the inverse belongs to OBS, as a divisor.",
            "OBD 用 Hessian 自己的对角线：½·H_qq·w_q²；逆矩阵属于 OBS，且在分母上。",
        ],
    ),
    bug(
        "diag-for-inverse",
        [
            "with 1/H_qq in the place of [H⁻¹]_qq: OBS equals OBD",
            "用 1/H_qq 代替 [H⁻¹]_qq 的结果：OBS 与 OBD 成了一回事",
        ],
        [
            "Invert the matrix first, then take the diagonal: [H⁻¹]_qq ≥ 1/H_qq wherever inputs are correlated.",
            "先对矩阵求逆，再取对角线：输入相关时 [H⁻¹]_qq ≥ 1/H_qq。",
        ],
    ),
    bug(
        "multiplied-by-inverse",
        [
            "with the OBS score multiplied by [H⁻¹]_qq",
            "OBS 分数乘了 [H⁻¹]_qq 而不是除以它的结果",
        ],
        [
            "Divide: w_q²/(2·[H⁻¹]_qq). A large [H⁻¹]_qq says that others can stand in for q.",
            "应当相除：w_q²/(2·[H⁻¹]_qq)。[H⁻¹]_qq 大，说明别的权重能顶替 q。",
        ],
    ),
    bug(
        "elementwise-inverse",
        [
            "with 1/H element by element in the place of the inverse",
            "把 H 逐元素取倒数当成逆矩阵的结果",
        ],
        [
            "Use a matrix inverse (Cholesky or Gauss–Jordan), not 1/H.",
            "要用矩阵求逆（Cholesky 或 Gauss–Jordan），不是 1/H。",
        ],
    ),
    bug(
        "no-damping",
        ["without the damping λ", "没有加阻尼 λ 的结果"],
        [
            "Add percdamp·mean(diag H) to the diagonal before inverting.",
            "求逆之前在对角线上加 percdamp·mean(diag H)。",
        ],
    ),
    bug(
        "damp-absolute",
        [
            "with λ = percdamp, whatever the size of H",
            "λ 直接取 percdamp、不看 H 大小的结果",
        ],
        [
            "λ is relative: percdamp times the mean of the diagonal.",
            "λ 是相对量：percdamp 乘对角线的均值。",
        ],
    ),
    bug(
        "no-half",
        [
            "without the ½ of the second-order term, in OBD and OBS",
            "OBD 与 OBS 都漏了二阶项里的 ½ 的结果",
        ],
        [
            "The Taylor series has ½·δᵀHδ.",
            "泰勒展开的二阶项是 ½·δᵀHδ。",
        ],
    ),
    bug(
        "sign-kept",
        [
            "with g·w and its sign: a weight whose removal helps by first order counts as the least",
            "一阶分数保留了 g·w 的符号的结果",
        ],
        ["Take the absolute value: |g·w|.", "要取绝对值：|g·w|。"],
    ),
    bug(
        "weight-forgotten",
        [
            "with |g| as the first-order score",
            "一阶分数只取了 |g| 的结果",
        ],
        [
            "Removing w changes it by −w, so the first-order change is g·w.",
            "删掉 w 等于让它变化 −w，一阶变化量是 g·w。",
        ],
    ),
    bug(
        "mask-inverted",
        [
            "with the weights removed whose mask is 1, and the others kept",
            "删掉了掩码为 1 的权重、留下其余权重的结果",
        ],
        [
            "Remove q where mask[q] is 0; 1 stays.",
            "删掉 mask[q] 为 0 的 q；1 表示保留。",
        ],
    ),
    bug(
        "no-compensation",
        [
            "with the removed weights set to 0 and the others left as they were",
            "只把被删的权重置 0、其余不动的结果",
        ],
        [
            "Add −w_q/[H⁻¹]_qq·H⁻¹e_q: the others make up for q as far as inputs are correlated.",
            "加上 −w_q/[H⁻¹]_qq·H⁻¹e_q：输入有相关性时，其余权重可以补偿 q。",
        ],
    ),
    bug(
        "wrong-sign",
        [
            "with the compensation of the wrong sign",
            "补偿项符号反了的结果",
        ],
        [
            "w ← w − w_q/[H⁻¹]_qq·H⁻¹e_q: its q-th entry is then w_q − w_q = 0, a quick test.",
            "w ← w − w_q/[H⁻¹]_qq·H⁻¹e_q：此时第 q 个分量恰为 w_q − w_q = 0，可用来自检。",
        ],
    ),
    bug(
        "pivot-forgotten",
        [
            "with the compensation not divided by [H⁻¹]_qq",
            "补偿项没有除以 [H⁻¹]_qq 的结果",
        ],
        [
            "δw = −(w_q/[H⁻¹]_qq)·H⁻¹e_q.",
            "δw = −(w_q/[H⁻¹]_qq)·H⁻¹e_q。",
        ],
    ),
    bug(
        "one-shot-inverse",
        [
            "with the first H⁻¹ used for every removal: what is gone still takes part",
            "每次删除都用最初的 H⁻¹ 的结果：已删的权重还在参与补偿",
        ],
        [
            "After each removal take q out: H⁻¹ −= H⁻¹e_q·e_qᵀH⁻¹/[H⁻¹]_qq.",
            "每删一个就把 q 消去：H⁻¹ −= H⁻¹e_q·e_qᵀH⁻¹/[H⁻¹]_qq。",
        ],
    ),
];
