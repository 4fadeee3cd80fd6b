// LayerNorm (Ba et al. 2016, arXiv 1607.06450) and RMSNorm (Zhang and Sennrich 2019, arXiv 1910.07467) of rows:
// read once, held in registers by a team, see rows.cu; written once.
//
// The variance is that of the centred values: mean(x²) − mean(x)² loses all digits where the mean is large.

// Σ (x − mean)² of the row's own numbers.
template <int VECS>
__device__ inline Sum squares(const Cut<TYPE>& cut, const Vec<TYPE> (&x)[VECS], u32 v, u32 step, float mean) {
    Sum squares = Sum::none();
#pragma unroll
    for (int i = 0; i < VECS; i++) {
        u32 at = v + i * step;
        if (at >= cut.vectors) continue;
        Floats<TYPE> y = floats(x[i]);
#pragma unroll
        for (int k = 0; k < y.N; k++) {
            float d = y.at[k] - mean;
            if (cut.has(cut.first(at) + k)) squares.sum += d * d;
        }
    }
    return squares;
}

template <bool LAYER, int VECS, int SIZE>
__device__ inline void norm(TYPE* __restrict__ out, const TYPE* __restrict__ x, const TYPE* __restrict__ gamma,
                            const TYPE* __restrict__ beta, u64 rows, u32 features, float eps) {
    Team<SIZE> team;
    team.template fetch<VECS>(x, rows, features, 0);
    do {
        u32 cols = features;
        u64 at = team.begin(rows, cols);
        Cut<TYPE> cut(x + at, cols);
        Vec<TYPE> held[VECS];
        team.take(held, cut, x + at, 0.f);
        team.template fetch<VECS>(x, rows, features, 1);
        float mean = 0.f;
        if constexpr (LAYER) {
            Sum sum = Sum::none();
#pragma unroll
            for (int i = 0; i < VECS; i++) {
                Floats<TYPE> y = floats(held[i]);
#pragma unroll
                for (int k = 0; k < y.N; k++) sum.sum += y.at[k];
            }
            mean = team.template reduce<0>(sum).sum / float(features);
        }
#pragma unroll
        for (int i = 0; i < VECS; i++) held[i] = forget(held[i]);
        Sum own = squares(cut, held, team.member, team.size, mean);
        float square = team.template reduce<1>(own).sum / float(features);
        float scale = 1.f / sqrtf(square + eps);
#pragma unroll
        for (int i = 0; i < VECS; i++) {
            u32 v = team.member + i * team.size;
            if (v >= cut.vectors) continue;
            Floats<TYPE> y = floats(forget(held[i])), gain = floats(cut.read_shared(gamma, v));
#pragma unroll
            for (int k = 0; k < y.N; k++) y.at[k] = (y.at[k] - mean) * scale * gain.at[k];
            if constexpr (LAYER) {
                Floats<TYPE> shift = floats(cut.read_shared(beta, v));
#pragma unroll
                for (int k = 0; k < y.N; k++) y.at[k] += shift.at[k];
            }
            cut.write(out + at, v, rounded<TYPE>(y));
        }
    } while (team.next(rows));
}

// Rows too long for registers are read twice: once for both sums, once to be written. The squares are taken of
// what lies between a number and the row's first, so that a large mean costs few digits.
template <bool LAYER>
__device__ inline void norm_twice(TYPE* __restrict__ out, const TYPE* __restrict__ x, const TYPE* __restrict__ gamma,
                                  const TYPE* __restrict__ beta, u64 rows, u32 features, float eps) {
    constexpr int VECS = 4;
    Team<1> team;
    u32 cols = features;
    u64 at = team.begin(rows, cols);
    Cut<TYPE> cut(x + at, cols);
    float pivot = LAYER && cols > 0 ? to_f32(x[at]) : 0.f;
    Sum sum = Sum::none(), square = Sum::none();
    for (u32 v = team.member; v < cut.vectors; v += VECS * team.size) {
        Vec<TYPE> y[VECS];
        cut.read(y, x + at, v, team.size, pivot);
        square.merge(squares(cut, y, v, team.size, pivot));
        if constexpr (LAYER) {
#pragma unroll
            for (int i = 0; i < VECS; i++) {
                Floats<TYPE> z = floats(y[i]);
#pragma unroll
                for (int k = 0; k < z.N; k++) sum.sum += z.at[k] - pivot;
            }
        }
    }
    float mean = LAYER ? team.reduce<0>(sum).sum / float(features) : 0.f;
    float variance = team.reduce<1>(square).sum / float(features) - mean * mean;
    float scale = 1.f / sqrtf(fmaxf(variance, 0.f) + eps);
    // fmaxf takes a NaN for nothing.
    if (variance != variance) scale = variance;
    mean += pivot;
    for (u32 v = team.member; v < cut.vectors; v += VECS * team.size) {
        Vec<TYPE> z[VECS];
        cut.read(z, x + at, v, team.size, 0.f);
#pragma unroll
        for (int i = 0; i < VECS; i++) {
            u32 to = v + i * team.size;
            if (to >= cut.vectors) continue;
            Floats<TYPE> y = floats(z[i]), gain = floats(cut.read_shared(gamma, to));
#pragma unroll
            for (int k = 0; k < y.N; k++) y.at[k] = (y.at[k] - mean) * scale * gain.at[k];
            if constexpr (LAYER) {
                Floats<TYPE> shift = floats(cut.read_shared(beta, to));
#pragma unroll
                for (int k = 0; k < y.N; k++) y.at[k] += shift.at[k];
            }
            cut.write(out + at, to, rounded<TYPE>(y));
        }
    }
}

#define NORM_ARGUMENTS TYPE *out, const TYPE *x, const TYPE *gamma, const TYPE *beta, u64 rows, u32 cols, float eps
#define NORM_VALUES out, x, gamma, beta, rows, cols, eps

#if CLUSTERS
CLUSTER_KERNEL(BLOCKS) layer_cluster4(NORM_ARGUMENTS) { norm<true, 4, CLUSTER>(NORM_VALUES); }
CLUSTER_KERNEL(BLOCKS) layer_cluster8(NORM_ARGUMENTS) { norm<true, 8, CLUSTER>(NORM_VALUES); }
CLUSTER_KERNEL(BLOCKS) rms_cluster4(NORM_ARGUMENTS) { norm<false, 4, CLUSTER>(NORM_VALUES); }
CLUSTER_KERNEL(BLOCKS) rms_cluster8(NORM_ARGUMENTS) { norm<false, 8, CLUSTER>(NORM_VALUES); }
#else
ROWS_KERNEL layer_held4(NORM_ARGUMENTS) { norm<true, 4, 1>(NORM_VALUES); }
ROWS_KERNEL layer_held8(NORM_ARGUMENTS) { norm<true, 8, 1>(NORM_VALUES); }
ROWS_KERNEL layer_twice(NORM_ARGUMENTS) { norm_twice<true>(NORM_VALUES); }
ROWS_KERNEL rms_held4(NORM_ARGUMENTS) { norm<false, 4, 1>(NORM_VALUES); }
ROWS_KERNEL rms_held8(NORM_ARGUMENTS) { norm<false, 8, 1>(NORM_VALUES); }
ROWS_KERNEL rms_twice(NORM_ARGUMENTS) { norm_twice<false>(NORM_VALUES); }
#endif
