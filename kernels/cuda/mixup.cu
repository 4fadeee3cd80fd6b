// MixUp: λ·x + (1 − λ)·x[partners], row by row (Zhang et al. 2017, arXiv 1710.09412).
//
// `lambdas` has one λ for each row, or is null: then all have `lambda`. A partner that is no row makes its row NaN.

struct Mix {
    const TYPE *own, *other;
    TYPE* out;
    float share;
    bool valid;

    __device__ Mix(TYPE* out, const TYPE* x, const i64* partners, const float* lambdas, float lambda, u64 row,
                   u64 rows, u32 cols) {
        i64 partner = partners[row];
        valid = partner >= 0 && u64(partner) < rows;
        own = x + row * cols;
        other = x + (valid ? u64(partner) : row) * cols;
        this->out = out + row * cols;
        share = lambdas ? lambdas[row] : lambda;
    }

    __device__ float of(float own, float other) const {
        if (!valid) return __uint_as_float(0x7fffffffu);
        return __fmaf_rn(share, own, (1.f - share) * other);
    }
};

#if !RAGGED

// A block takes a piece of a row: `pieces` make one.
ROWS_KERNEL mixup(TYPE* __restrict__ out, const TYPE* __restrict__ x, const i64* __restrict__ partners,
                  const float* __restrict__ lambdas, float lambda, u64 rows, u32 cols, u32 pieces) {
    constexpr int VECS = 4;
    u64 row = u64(blockIdx.x / pieces) * blockDim.y + threadIdx.y;
    if (row >= rows) return;
    Mix mix(out, x, partners, lambdas, lambda, row, rows, cols);
    Cut<TYPE> cut(mix.own, cols);
    u32 first = blockIdx.x % pieces * blockDim.x * VECS + threadIdx.x;
    Vec<TYPE> own[VECS], other[VECS];
    cut.read(own, mix.own, first, blockDim.x, 0.f);
    cut.read(other, mix.other, first, blockDim.x, 0.f);
#pragma unroll
    for (int i = 0; i < VECS; i++) {
        Floats<TYPE> y = floats(own[i]), z = floats(other[i]);
#pragma unroll
        for (int k = 0; k < y.N; k++) y.at[k] = mix.of(y.at[k], z.at[k]);
        cut.write(mix.out, first + i * blockDim.x, rounded<TYPE>(y));
    }
}

#else

// Rows that begin anywhere: a row and its partner lie differently, so each number is taken by itself.
ROWS_KERNEL mixup(TYPE* __restrict__ out, const TYPE* __restrict__ x, const i64* __restrict__ partners,
                  const float* __restrict__ lambdas, float lambda, u64 rows, u32 cols, u32 pieces) {
    constexpr int EACH = 8;
    u64 row = u64(blockIdx.x / pieces) * blockDim.y + threadIdx.y;
    if (row >= rows) return;
    Mix mix(out, x, partners, lambdas, lambda, row, rows, cols);
    u32 first = blockIdx.x % pieces * blockDim.x * EACH + threadIdx.x;
    TYPE own[EACH], other[EACH];
#pragma unroll
    for (int i = 0; i < EACH; i++) {
        u32 at = first + i * blockDim.x;
        if (at < cols) own[i] = mix.own[at], other[i] = mix.other[at];
    }
#pragma unroll
    for (int i = 0; i < EACH; i++) {
        u32 at = first + i * blockDim.x;
        if (at < cols) mix.out[at] = from_f32<TYPE>(mix.of(to_f32(own[i]), to_f32(other[i])));
    }
}

#endif
