// What every version of attention does with its scores: the softmax that streams over tiles of keys, and the
// way of the output to memory. Needs tensor_core.cu; T and D, the head size, are defines.
//
// A warp has 16 rows of scores as the tensor cores leave them (see tensor_core.cu): lane l has in s[4j + 0, 1]
// row g = l / 4, columns 8j + 2 (l % 4) and the next, and in s[4j + 2, 3] the same of row g + 8. So a row lies
// in the four lanes of a quad, and every lane has two rows.

// Each row keeps its largest score and the sum of its weights (this lane's part of it), and the outputs so far
// are scaled when the maximum grows.
struct softmax {
    float max[2] = {-INFINITY_F32, -INFINITY_F32}, sum[2] = {0.f, 0.f};

    // Makes of the scores of a tile weights 2^(scale·(s − max)); `factor` is what the outputs so far are to be
    // scaled by. Returns whether any of the warp's is not 1. The maximum follows the scores only when it is left
    // behind by more than 2^8: any number near the maximum will do, and most tiles then scale nothing.
    template <int N> __device__ inline bool weigh(float (&s)[N], float scale, float (&factor)[2]) {
        // Several chains, so that one's latency is the others' time.
        float top[2][4], part[2][4];
#pragma unroll
        for (int i = 0; i < N; i++) {
            float& to = top[i / 2 % 2][i % 2 + 2 * (i / 4 % 2)];
            to = i < 8 ? s[i] : fmaxf(to, s[i]);
        }
        float minus[2];
        bool any = false;
#pragma unroll
        for (int row = 0; row < 2; row++) {
            float now = fmaxf(fmaxf(top[row][0], top[row][1]), fmaxf(top[row][2], top[row][3]));
            now = fmaxf(now, __shfl_xor_sync(0xffffffff, now, 1));
            now = fmaxf(now, __shfl_xor_sync(0xffffffff, now, 2));
            bool left_behind = (now - max[row]) * scale > 8.f;
            factor[row] = left_behind ? exp2_fast((max[row] - now) * scale) : 1.f;
            if (left_behind) max[row] = now;
            any |= left_behind;
            // A row that has seen nothing yet: −∞ minus 0, and not −∞ minus −∞.
            minus[row] = max[row] == -INFINITY_F32 ? 0.f : -max[row] * scale;
        }
#pragma unroll
        for (int i = 0; i < N; i++) {
            int row = i / 2 % 2;
            s[i] = exp2_fast(fmaf(s[i], scale, minus[row]));
            float& to = part[row][i % 2 + 2 * (i / 4 % 2)];
            to = i < 8 ? s[i] : to + s[i];
        }
#pragma unroll
        for (int row = 0; row < 2; row++)
            sum[row] = fmaf(sum[row], factor[row], (part[row][0] + part[row][1]) + (part[row][2] + part[row][3]));
        return __any_sync(0xffffffff, any);
    }

    // At the end: the whole rows' sums, and the logarithms of the sums of exponentials.
    __device__ inline void finish(float scale, float (&inverse)[2], float (&lse)[2]) {
#pragma unroll
        for (int row = 0; row < 2; row++) {
            sum[row] += __shfl_xor_sync(0xffffffff, sum[row], 1);
            sum[row] += __shfl_xor_sync(0xffffffff, sum[row], 2);
            inverse[row] = sum[row] > 0.f ? 1.f / sum[row] : 0.f;
            lse[row] = sum[row] > 0.f ? (max[row] * scale + log2f(sum[row])) / LOG2_E : -INFINITY_F32;
            // NaN stays NaN.
            if (sum[row] != sum[row]) inverse[row] = lse[row] = sum[row];
        }
    }
};

template <int N> __device__ inline void rescale(float (&o)[N], const float (&factor)[2]) {
#pragma unroll
    for (int i = 0; i < N; i++) o[i] *= factor[i / 2 % 2];
}

// The weights as A of the next product: 16 keys a step.
template <int N> __device__ inline void pack(u32 (&p)[N / 8][4], const float (&s)[N]) {
#pragma unroll
    for (int i = 0; i < N / 2; i++) p[i / 4][i % 4] = pack2<T>(s[2 * i], s[2 * i + 1]);
}

// ---- To memory. The lanes of a quad exchange their parts of four blocks of 8 columns, so that each has one
// block whole: 16 bytes a store, and 64 together.
__device__ inline void transpose_quad(u32 (&x)[4]) {
    int lane = threadIdx.x;
#pragma unroll
    for (int i = 0; i < 4; i += 2) {
        bool odd = lane & 1;
        u32 got = __shfl_xor_sync(0xffffffff, odd ? x[i] : x[i + 1], 1);
        (odd ? x[i] : x[i + 1]) = got;
    }
#pragma unroll
    for (int i = 0; i < 2; i++) {
        bool high = lane & 2;
        u32 got = __shfl_xor_sync(0xffffffff, high ? x[i] : x[i + 2], 2);
        (high ? x[i] : x[i + 2]) = got;
    }
}

// Writes the 16 rows of a warp, `out` being the first one's, of which `there` exist.
__device__ inline void store_rows(T* out, float* lse, int there, float (&o)[D / 2], softmax& sums, float scale) {
    float inverse[2], logs[2];
    sums.finish(scale, inverse, logs);
    int lane = threadIdx.x % WARP, row = lane / 4;
#pragma unroll
    for (int half = 0; half < 2; half++) {
        bool exists = row + 8 * half < there;
        if (exists && lse && lane % 4 == 0) lse[row + 8 * half] = logs[half];
#pragma unroll
        for (int i = 0; i < D / 32; i++) {
            u32 x[4];
#pragma unroll
            for (int j = 0; j < 4; j++) {
                int at = 16 * i + 4 * j + 2 * half;
                x[j] = pack2<T>(o[at] * inverse[half], o[at + 1] * inverse[half]);
            }
            transpose_quad(x);
            T* to = out + (row + 8 * half) * D + 32 * i + 8 * (lane % 4);
            if (exists) store16(reinterpret_cast<u32*>(to), vec16<u32>{{x[0], x[1], x[2], x[3]}});
        }
    }
}

// The numbers of one block of 8 columns.
template <int N> __device__ inline float (&four(float (&x)[N], int block))[4] {
    return *reinterpret_cast<float(*)[4]>(&x[4 * block]);
}
