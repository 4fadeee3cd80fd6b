// Class-weighted cross-entropy over rows of logits, and its gradient.
//
//   losses        logits → −log softmax(logits)[target], logsumexp      one read, by the online softmax
//   gradient      logits, logsumexp → w·(softmax − one-hot) / Σ w       one read, one write
//   held, cluster both at once: the row stays in registers              one read, one write
//   totals        Σ w·loss and Σ w, in f64 and always in the same order
//
// The loss and gradient of a row whose target is `ignored` are 0. A target that is no class makes
// its row's results NaN.

struct Target {
    i32 class_;
    bool counts, valid;

    __device__ Target(const i64* targets, u64 row, u64 rows, u32 classes, i64 ignored) {
        i64 target = row < rows ? targets[row] : ignored;
        counts = target != ignored;
        valid = target >= 0 && target < i64(classes);
        class_ = valid ? i32(target) : -1;
    }

    __device__ float loss(Online row, float logit) const {
        if (!counts) return 0.f;
        return valid ? row.max - logit + logf(row.sum) : __uint_as_float(0x7fffffffu);
    }

    // w / Σ w
    __device__ float share(const float* weights, const double* sums) const {
        if (!counts) return 0.f;
        if (!valid) return __uint_as_float(0x7fffffffu);
        return sums[1] > 0. ? float(weights[class_] / sums[1]) : 0.f;
    }

    // (e / sum − 1 at the target)·share of a vector of exponentials whose first column is `first`; `by` is
    // share / sum.
    __device__ Vec<TYPE> slope(Floats<TYPE> e, float by, float share, int first) const {
        int hit = class_ - first;
#pragma unroll
        for (int k = 0; k < e.N; k++) e.at[k] = __fmaf_rn(e.at[k], by, k == hit ? -share : 0.f);
        Vec<TYPE> y = rounded<TYPE>(e);
        // Zeros, whatever an ignored row holds.
        if (!counts) y = Vec<TYPE>{0, 0, 0, 0};
        return y;
    }
};

// Exponentials below `max`.
__device__ inline Floats<TYPE> exponentials(Vec<TYPE> x, float max) {
    Floats<TYPE> y = floats(x);
#pragma unroll
    for (int k = 0; k < y.N; k++) y.at[k] = exp2_fast((y.at[k] - max) * LOG2_E);
    return y;
}

// Both at once.
template <int VECS, int SIZE>
__device__ inline void both(float* __restrict__ losses, TYPE* __restrict__ out, const TYPE* __restrict__ logits,
                            const i64* __restrict__ targets, const float* __restrict__ weights,
                            const double* __restrict__ sums, u64 rows, u32 classes, i64 ignored) {
    Team<SIZE> team;
    team.template fetch<VECS>(logits, rows, classes, 0);
    do {
        Target target(targets, team.row, rows, classes, ignored);
        u32 cols = classes;
        u64 at = team.begin(rows, cols);
        Cut<TYPE> cut(logits + at, cols);
        Vec<TYPE> held[VECS];
        team.take(held, cut, logits + at, -INFINITY_F32);
        team.template fetch<VECS>(logits, rows, classes, 1);
        float logit = target.counts && target.valid ? to_f32(logits[at + target.class_]) : 0.f;
        float share = target.share(weights, sums);
        Online online = Online::none();
#pragma unroll
        for (int i = 0; i < VECS; i++) online.add(floats(held[i]));
        Online row = team.template reduce<0>(online);
        if (team.member == 0 && team.row < rows) losses[team.row] = target.loss(row, logit);
        float by = share / row.sum;
#pragma unroll
        for (int i = 0; i < VECS; i++) {
            u32 v = team.member + i * team.size;
            Floats<TYPE> e = exponentials(forget(held[i]), row.max);
            cut.write(out + at, v, target.slope(e, by, share, cut.first(v)));
        }
    } while (team.next(rows));
}

#define BOTH_ARGUMENTS                                                                                        \
    float *losses, TYPE *out, const TYPE *logits, const i64 *targets, const float *weights, const double *sums, \
        u64 rows, u32 cols, i64 ignored
#define BOTH_VALUES losses, out, logits, targets, weights, sums, rows, cols, ignored

#if CLUSTERS
CLUSTER_KERNEL(BLOCKS) cluster4(BOTH_ARGUMENTS) { both<4, CLUSTER>(BOTH_VALUES); }
// Rows of half a megabyte leave no room for a second block.
CLUSTER_KERNEL(1) cluster8(BOTH_ARGUMENTS) { both<8, CLUSTER>(BOTH_VALUES); }
#else
ROWS_KERNEL held4(BOTH_ARGUMENTS) { both<4, 1>(BOTH_VALUES); }
ROWS_KERNEL held8(BOTH_ARGUMENTS) { both<8, 1>(BOTH_VALUES); }

ROWS_KERNEL losses(float* __restrict__ losses, float* __restrict__ logsumexp, const TYPE* __restrict__ logits,
                   const i64* __restrict__ targets, u64 rows, u32 cols, i64 ignored) {
    Team<1> team;
    Target target(targets, team.row, rows, cols, ignored);
    u64 at = team.begin(rows, cols);
    Cut<TYPE> cut(logits + at, cols);
    if (!target.counts) cut.vectors = cut.cols = 0;
    float logit = target.counts && target.valid ? to_f32(logits[at + target.class_]) : 0.f;
    Online row = team.reduce<0>(read_online<4>(cut, logits + at, team.member, team.size));
    if (team.member > 0 || team.row >= rows) return;
    losses[team.row] = target.loss(row, logit);
    logsumexp[team.row] = target.counts ? row.max + logf(row.sum) : 0.f;
}

// A block takes a piece of a row: `pieces` make one.
ROWS_KERNEL gradient(TYPE* __restrict__ out, const TYPE* __restrict__ logits, const float* __restrict__ logsumexp,
                     const i64* __restrict__ targets, const float* __restrict__ weights,
                     const double* __restrict__ sums, u64 rows, u32 cols, i64 ignored, u32 pieces) {
    constexpr int VECS = 2;
    u64 row = u64(blockIdx.x / pieces) * blockDim.y + threadIdx.y;
    if (row >= rows) return;
    Target target(targets, row, rows, cols, ignored);
    u64 at = row * cols;
    Cut<TYPE> cut(logits + at, cols), read = cut;
    if (!target.counts) read.vectors = read.cols = 0;
    u32 first = blockIdx.x % pieces * blockDim.x * VECS + threadIdx.x;
    Vec<TYPE> x[VECS];
    read.read(x, logits + at, first, blockDim.x, -INFINITY_F32);
    float max = logsumexp[row], share = target.share(weights, sums);
#pragma unroll
    for (int i = 0; i < VECS; i++) {
        u32 v = first + i * blockDim.x;
        cut.write(out + at, v, target.slope(exponentials(x[i], max), share, share, cut.first(v)));
    }
}

// One block. `losses` may be null: then only the weights are added up.
extern "C" __global__ void __launch_bounds__(1024) totals(double* __restrict__ sums, const float* __restrict__ losses,
                                                          const i64* __restrict__ targets,
                                                          const float* __restrict__ weights, u64 rows, u32 cols,
                                                          i64 ignored) {
    __shared__ double parts[2][1024];
    double loss = 0., weight = 0.;
    for (u64 row = threadIdx.x; row < rows; row += 1024) {
        Target target(targets, row, rows, cols, ignored);
        if (!target.counts) continue;
        double w = target.valid ? double(weights[target.class_]) : 0.;
        weight += w;
        // NaN where the target is no class.
        if (losses) loss += target.valid ? w * losses[row] : double(losses[row]);
    }
    parts[0][threadIdx.x] = loss;
    parts[1][threadIdx.x] = weight;
    for (u32 step = 512; step > 0; step /= 2) {
        __syncthreads();
        if (threadIdx.x >= step) continue;
        parts[0][threadIdx.x] += parts[0][threadIdx.x + step];
        parts[1][threadIdx.x] += parts[1][threadIdx.x + step];
    }
    if (threadIdx.x < 2) sums[threadIdx.x] = parts[threadIdx.x][0];
}
#endif
