// Rotary position embedding: pairs of a head's numbers are turned by angles of their position
// (Su et al. 2021, arXiv 2104.09864).
//
// A thread turns two vectors of 16 bytes of a token, in HEADS heads one after the other: the cosines and sines
// that it needs stay in its registers for all of them.
//
//   half-split     |A A A A . . . .|B B B B . . . .|     Aᵢ and Bᵢ are a pair
//   interleaved    |A A A A . . . .|B B B B . . . .|     A₀ and A₁ are one, A₂ and A₃, B₀ and B₁ …
//
// A row of the table is a token's: the cosines of all pairs, then their sines.

constexpr int HEADS = 8;

struct Tokens {
    u32 batch, heads, rows, head_dim;
};

#if !RAGGED

template <bool INTERLEAVED>
__device__ inline void turn(TYPE* __restrict__ out, const TYPE* __restrict__ x, const float* __restrict__ table,
                            Tokens shape, u32 groups) {
    constexpr int N = Vec<TYPE>::N;
    u32 half = shape.head_dim / 2, lanes = half / N;
    u64 item = u64(blockIdx.x / groups) * blockDim.x + threadIdx.x;
    u64 token = item / lanes;
    if (token >= u64(shape.batch) * shape.rows) return;
    u32 a = u32(item % lanes) * N, b = a + half;
    float cos[N], sin[N];
    const float* angles = table + token * shape.head_dim;
#pragma unroll
    for (int k = 0; k < N; k += 4) {
        // The pair of number k: of Aₖ and Bₖ, or of A₂ₖ and A₂ₖ₊₁ and then of B.
        u32 pair = !INTERLEAVED ? a + k : k < N / 2 ? a / 2 + k : b / 2 + k - N / 2;
        if (INTERLEAVED && N == 4) {
            // Two pairs of A, two of B.
            for (int i = 0; i < 4; i++) {
                u32 p = i < 2 ? a / 2 + i : b / 2 + i - 2;
                cos[i] = angles[p], sin[i] = angles[half + p];
            }
        } else {
            vec16<float> c = load16(angles + pair), s = load16(angles + half + pair);
#pragma unroll
            for (int i = 0; i < 4; i++) cos[k + i] = c.at[i], sin[k + i] = s.at[i];
        }
    }
    u32 first = blockIdx.x % groups * HEADS;
    u64 sequence = token / shape.rows, at_row = token % shape.rows;
    constexpr int TOGETHER = 2;
#pragma unroll
    for (int h = 0; h < HEADS; h += TOGETHER) {
        Vec<TYPE> va[TOGETHER], vb[TOGETHER];
        u64 at[TOGETHER];
#pragma unroll
        for (int i = 0; i < TOGETHER; i++) {
            u32 head = first + h + i;
            at[i] = ((sequence * shape.heads + head) * shape.rows + at_row) * shape.head_dim;
            if (head < shape.heads) va[i] = load_vec(x + at[i] + a), vb[i] = load_vec(x + at[i] + b);
        }
#pragma unroll
        for (int i = 0; i < TOGETHER; i++) {
            if (first + h + i >= shape.heads) break;
            Floats<TYPE> ya = floats(va[i]), yb = floats(vb[i]);
            if constexpr (INTERLEAVED) {
#pragma unroll
                for (int k = 0; k < N / 2; k++) {
                    float a0 = ya.at[2 * k], a1 = ya.at[2 * k + 1], b0 = yb.at[2 * k], b1 = yb.at[2 * k + 1];
                    ya.at[2 * k] = a0 * cos[k] - a1 * sin[k];
                    ya.at[2 * k + 1] = a0 * sin[k] + a1 * cos[k];
                    yb.at[2 * k] = b0 * cos[N / 2 + k] - b1 * sin[N / 2 + k];
                    yb.at[2 * k + 1] = b0 * sin[N / 2 + k] + b1 * cos[N / 2 + k];
                }
            } else {
#pragma unroll
                for (int k = 0; k < N; k++) {
                    float x0 = ya.at[k], x1 = yb.at[k];
                    ya.at[k] = x0 * cos[k] - x1 * sin[k];
                    yb.at[k] = x0 * sin[k] + x1 * cos[k];
                }
            }
            store_vec(out + at[i] + a, rounded<TYPE>(ya));
            store_vec(out + at[i] + b, rounded<TYPE>(yb));
        }
    }
}

extern "C" __global__ void __launch_bounds__(256) half_split(TYPE* out, const TYPE* x, const float* table, u32 batch,
                                                             u32 heads, u32 rows, u32 head_dim, u32 groups) {
    turn<false>(out, x, table, Tokens{batch, heads, rows, head_dim}, groups);
}

extern "C" __global__ void __launch_bounds__(256) interleaved(TYPE* out, const TYPE* x, const float* table, u32 batch,
                                                              u32 heads, u32 rows, u32 head_dim, u32 groups) {
    turn<true>(out, x, table, Tokens{batch, heads, rows, head_dim}, groups);
}

#else

// Heads of any size at any address: a thread turns one pair, in HEADS heads.
template <bool INTERLEAVED>
__device__ inline void turn_each(TYPE* __restrict__ out, const TYPE* __restrict__ x, const float* __restrict__ table,
                                 Tokens shape, u32 groups) {
    u32 half = shape.head_dim / 2;
    u64 item = u64(blockIdx.x / groups) * blockDim.x + threadIdx.x;
    u64 token = item / half;
    if (token >= u64(shape.batch) * shape.rows) return;
    u32 pair = u32(item % half);
    u32 a = INTERLEAVED ? 2 * pair : pair, b = INTERLEAVED ? a + 1 : a + half;
    float cos = table[token * shape.head_dim + pair], sin = table[token * shape.head_dim + half + pair];
    u32 first = blockIdx.x % groups * HEADS;
    u64 sequence = token / shape.rows, at_row = token % shape.rows;
    float x0[HEADS], x1[HEADS];
    u64 at = ((sequence * shape.heads + first) * shape.rows + at_row) * shape.head_dim;
    u64 step = u64(shape.rows) * shape.head_dim;
#pragma unroll
    for (int h = 0; h < HEADS; h++)
        if (first + h < shape.heads) x0[h] = to_f32(x[at + h * step + a]), x1[h] = to_f32(x[at + h * step + b]);
#pragma unroll
    for (int h = 0; h < HEADS; h++) {
        if (first + h >= shape.heads) break;
        out[at + h * step + a] = from_f32<TYPE>(x0[h] * cos - x1[h] * sin);
        out[at + h * step + b] = from_f32<TYPE>(x0[h] * sin + x1[h] * cos);
    }
}

extern "C" __global__ void __launch_bounds__(256) half_split(TYPE* out, const TYPE* x, const float* table, u32 batch,
                                                             u32 heads, u32 rows, u32 head_dim, u32 groups) {
    turn_each<false>(out, x, table, Tokens{batch, heads, rows, head_dim}, groups);
}

extern "C" __global__ void __launch_bounds__(256) interleaved(TYPE* out, const TYPE* x, const float* table, u32 batch,
                                                              u32 heads, u32 rows, u32 head_dim, u32 groups) {
    turn_each<true>(out, x, table, Tokens{batch, heads, rows, head_dim}, groups);
}

#endif
