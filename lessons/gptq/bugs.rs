//! Mistakes that people really make, and the choices that are not mistakes.

use crate::problem::{Bug, Convention};
use crate::text::Text;

/// A bug's sentence and its repair, each in English and Chinese.
const fn bug(id: &'static str, sentence: [&'static str; 2], repair: [&'static str; 2]) -> Bug {
    Bug {
        id,
        sentence: Text::new(sentence[0], sentence[1]),
        repair: Text::new(repair[0], repair[1]),
    }
}

pub const BUGS: &[Bug] = &[
    // Nothing is passed on.
    bug(
        "no-hessian",
        [
            "as plain round-to-nearest: a correct rounding that never looks at x, and no better than that on correlated inputs",
            "但只做了就近舍入：舍入本身没错，却没用到 x，在相关输入上毫无改进",
        ],
        [
            "After each column add its error to the later ones: w_j −= (w_i − q_i)/U_ii·U_ij, with H⁻¹ = UᵀU.",
            "每量化一列，就把误差补偿到后面的列：w_j −= (w_i − q_i)/U_ii·U_ij，其中 H⁻¹ = UᵀU。",
        ],
    ),
    bug(
        "lower-cholesky",
        [
            "with rows of the lower Cholesky factor: right of the diagonal they are 0, so no error is passed on and round-to-nearest is left",
            "但取了下三角 Cholesky 因子的行：对角线右边全是 0，误差传不出去，退化成就近舍入",
        ],
        [
            "Take U = Lᵀ (torch.linalg.cholesky(Hinv, upper=True)) and its rows U[i, i:].",
            "取 U = Lᵀ（torch.linalg.cholesky(Hinv, upper=True)），用它的行 U[i, i:]。",
        ],
    ),
    bug(
        "no-compensation-beyond-group",
        [
            "with errors passed on inside a group only: what is left at its end is lost",
            "但误差只在组内传递，到组末剩下的误差就丢了",
        ],
        [
            "Spread to every later column: after a block, W[:, end:] -= Err·U[block, end:].",
            "要补偿到后面所有列：每个块结束后 W[:, end:] -= Err·U[block, end:]。",
        ],
    ),
    // The wrong matrix.
    bug(
        "chol-of-h",
        [
            "with the Cholesky factor of H instead of H⁻¹",
            "但分解的是 H 而不是 H⁻¹",
        ],
        [
            "Invert first: U = cholesky(cholesky_inverse(cholesky(H)), upper).",
            "先求逆：U = cholesky(cholesky_inverse(cholesky(H)), upper)。",
        ],
    ),
    bug(
        "stale-inverse",
        [
            "with rows of H⁻¹ itself, which still counts the columns that are already fixed",
            "但直接用了 H⁻¹ 的行，里面还算着已经量化好的列",
        ],
        [
            "Use the upper Cholesky factor of H⁻¹ (its rows are those of the inverse for the columns that are left), or eliminate each column from H⁻¹.",
            "用 H⁻¹ 的上三角 Cholesky 因子（其各行对应剩余列的逆），或者每量化一列就从 H⁻¹ 中消去它。",
        ],
    ),
    bug(
        "centred",
        [
            "with the covariance of x (mean taken off) instead of xᵀx",
            "但用了 x 的协方差（减去了均值）而不是 xᵀx",
        ],
        [
            "H is the second derivative of ‖x·Δᵀ‖²: 2·xᵀx, with the mean in it.",
            "H 是 ‖x·Δᵀ‖² 的二阶导数：2·xᵀx，均值要留着。",
        ],
    ),
    // The update.
    bug(
        "not-divided",
        [
            "with errors that are not divided by U_ii",
            "但误差没有除以 U_ii",
        ],
        [
            "e = (w_i − q_i)/U_ii before it is multiplied by the row U_ij.",
            "先算 e = (w_i − q_i)/U_ii，再乘以行 U_ij。",
        ],
    ),
    bug(
        "divided-by-square",
        [
            "with errors divided by U_ii², as if the row were one of H⁻¹",
            "但误差除以了 U_ii²，就像那一行来自 H⁻¹",
        ],
        [
            "Divide by [H⁻¹]_ii with a row of H⁻¹ (OBQ), by U_ii with a row of U (GPTQ).",
            "用 H⁻¹ 的行就除以 [H⁻¹]_ii（OBQ），用 U 的行就除以 U_ii（GPTQ）。",
        ],
    ),
    bug(
        "wrong-sign",
        [
            "with w_j += in the update: every error is doubled in the later columns instead of cancelled",
            "但更新写成了 w_j +=：误差不是被抵消，而是在后面的列里翻倍",
        ],
        [
            "Subtract: w_j −= e·U_ij. U_ij is mostly negative for inputs that go together.",
            "要减：w_j −= e·U_ij。同向变化的输入，U_ij 多为负数。",
        ],
    ),
    // Damping and dead inputs.
    bug(
        "damp-absolute",
        [
            "with λ = percdamp, without the mean of diag H",
            "但 λ = percdamp，没有乘 diag H 的均值",
        ],
        [
            "λ = percdamp·mean(diag H), or it depends on the size of the inputs.",
            "λ = percdamp·mean(diag H)，否则它会随输入尺度而变。",
        ],
    ),
    bug(
        "no-damping",
        [
            "without damping: H is singular where tokens are few",
            "但没有加阻尼：token 少时 H 奇异",
        ],
        [
            "Add percdamp·mean(diag H) to the diagonal before the inversion.",
            "求逆前给对角线加上 percdamp·mean(diag H)。",
        ],
    ),
    bug(
        "dead-not-zeroed",
        [
            "with the weights of dead inputs kept: they do nothing to the output, but widen the scale of their group",
            "但保留了恒零输入的权重：它们对输出没有贡献，却会撑大所在组的 scale",
        ],
        [
            "Where H_jj = 0 set H_jj = 1 and the column of w to 0.",
            "H_jj = 0 处令 H_jj = 1，并把 w 的该列置 0。",
        ],
    ),
    // The grid.
    bug(
        "groups-ignored",
        [
            "with one scale for a whole row: group_size is not looked at",
            "但忽略了 group_size：整行共用一个 scale",
        ],
        [
            "Compute a new scale where i % group_size == 0, from the columns of that group.",
            "在 i % group_size == 0 处用该组的列重新计算 scale。",
        ],
    ),
    bug(
        "scale-of-all-rows",
        [
            "with one scale for all rows of a group: a row of small weights gets the steps of the largest",
            "但同一组的所有行共用一个 scale：权重小的行用上了最大那一行的步长",
        ],
        [
            "Take max|w| along the columns of the group only: one scale for each row.",
            "只沿组内的列取 max|w|：每行一个 scale。",
        ],
    ),
    bug(
        "no-clamp",
        [
            "without clamping the codes: weights that took errors outgrow the grid",
            "但没有截断编码：吸收误差后的权重会超出网格",
        ],
        [
            "Clamp after rounding, to ±(2^(bits − 1) − 1).",
            "舍入后截断到 ±(2^(bits − 1) − 1)。",
        ],
    ),
    bug(
        "zero-group-nan",
        [
            "with scale 0 for a group of zeros: 0/0 is NaN",
            "但全零组的 scale 为 0：0/0 得到 NaN",
        ],
        [
            "Use scale 1 where max|w| = 0.",
            "max|w| = 0 时 scale 取 1。",
        ],
    ),
    // The order.
    bug(
        "act-order-ignored",
        [
            "without act-order: columns are taken as they stand",
            "但没有理会 act_order：按原顺序逐列量化",
        ],
        [
            "With act_order sort the columns by diag(H), largest first.",
            "act_order 打开时按 diag(H) 从大到小排列各列。",
        ],
    ),
    bug(
        "act-order-ascending",
        [
            "with act-order upside down: the smallest H_jj first",
            "但 act-order 排反了：H_jj 小的先量化",
        ],
        [
            "argsort(diag H, descending=True): important inputs are fixed while many can still help.",
            "argsort(diag H, descending=True)：重要的输入先定，此时还有很多列可以补偿它。",
        ],
    ),
    bug(
        "forgot-inverse-perm",
        [
            "in the order of act-order: the columns were never put back",
            "但结果停留在 act-order 的顺序，没有换回原来的列序",
        ],
        [
            "Put the columns back with the inverse permutation: Q[:, argsort(perm)].",
            "用逆排列把列换回来：Q[:, argsort(perm)]。",
        ],
    ),
];

pub const CONVENTIONS: &[Convention] = &[
    Convention {
        id: "static-groups",
        sentence: Text::new(
            "scales come from the original weights, and groups are of neighbouring columns even with act-order",
            "scale 由原始权重算出，即使开 act-order 也按原来相邻的列分组",
        ),
        who: Text::new(
            "static_groups=True in the authors' code and in AutoGPTQ; by default a group's scale is computed when it is reached, from weights that already carry errors",
            "作者代码和 AutoGPTQ 的 static_groups=True；默认是轮到某组时，用已经吸收了误差的权重计算它的 scale",
        ),
    },
    Convention {
        id: "dead-in-mean",
        sentence: Text::new(
            "dead inputs count as 1 in the mean that damping takes, and in act-order",
            "计算阻尼所用的均值（以及 act-order 排序）时，恒零输入按 1 计",
        ),
        who: Text::new(
            "the authors' code, which sets H_jj = 1 first (so that λ depends on the size of the inputs); here they count as 0",
            "作者代码先令 H_jj = 1（于是 λ 会随输入尺度变化）；这里按 0 计",
        ),
    },
];
