// Attention, version 1: tensor cores by warps (mma.sync), for every GPU since Turing.
//
// A block has 128 queries of one head, a warp BLOCKS times 16 of them; keys and values come in tiles
// of KEYS, one buffer for each, copied past the registers while the other one is in use:
//
//     copy      V0 |   K1   |    V1    |   K2   | …
//     compute   Q·K0ᵀ | softmax, P·V0 | Q·K1ᵀ | softmax, P·V1 | …
//
// Why it is fast: the scores never leave the registers, and the swizzle frees ldmatrix of bank conflicts. With
// BLOCKS = 2 a warp's fragments of K and V serve 32 rows, which halves the reads of shared memory; not every GPU's
// compiler finds the registers for that at D = 128.

#if D == 64 || (__CUDA_ARCH__ >= 800 && __CUDA_ARCH__ < 1000)
constexpr int BLOCKS = 2;
#else
constexpr int BLOCKS = 1;
#endif
constexpr int WARPS = 8 / BLOCKS, ROWS = 128;
constexpr int THREADS = WARPS * WARP;

// Tiles lie as columns of 64 numbers (rows of 128 bytes), swizzled.
__device__ inline u32 place(int rows, int row, int column16) {
    return column16 / 8 * rows * 128 + swizzled(row, column16 % 8);
}

// Copies rows of D numbers; those from `there` on become zeros.
template <int ROWS> __device__ inline void copy_tile(u32 to, const T* from, int there) {
    constexpr int COLUMNS = D / 8;
#pragma unroll 2
    for (int i = threadIdx.x; i < ROWS * COLUMNS; i += THREADS) {
        int row = i / COLUMNS, column = i % COLUMNS;
        bool exists = row < there;
        copy_async16(to + place(ROWS, row, column), from + (exists ? row * D + 8 * column : 0), exists);
    }
}

extern "C" __global__ void __launch_bounds__(THREADS)
attention(T* __restrict__ out, const T* __restrict__ q, const T* __restrict__ k, const T* __restrict__ v,
          const __grid_constant__ call c) {
    extern __shared__ __align__(1024) u8 memory[];
    const u32 q_at = shared_address(memory), k_at = q_at + ROWS * D * 2, v_at = k_at + KEYS * D * 2;
    int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
    // The last queries see most under causality: they start first.
    int tile_count = (c.n + ROWS - 1) / ROWS;
    int tile = tile_count - 1 - blockIdx.x % tile_count, head = blockIdx.x / tile_count;
    int sequence = head / c.h, shared_head = sequence * c.kv_heads + head % c.h * c.kv_heads / c.h;
    int first_query = tile * ROWS, first_row = first_query + 16 * BLOCKS * warp;
    q += i64(head) * c.n * D + i64(first_query) * D;
    k += i64(shared_head) * c.m * D;
    v += i64(shared_head) * c.m * D;
    const sight at = look(c, sequence, first_query, ROWS);
    const float slope = RULES == ANY && c.slopes ? c.slopes[head % c.h] * LOG2_E / c.scale : 0.f;
    float o[BLOCKS][D / 2];
    softmax sums[BLOCKS];
#pragma unroll
    for (int block = 0; block < BLOCKS; block++)
#pragma unroll
        for (int i = 0; i < D / 2; i++) o[block][i] = 0.f;

    if (at.tiles > 0) {
        copy_tile<ROWS>(q_at, q, c.n - first_query);
        int key = at.first_key(0);
        copy_tile<KEYS>(k_at, k + i64(key) * D, at.length - key);
        copy_async_commit();
    }
    for (int i = 0; i < at.tiles; i++) {
        int key = at.first_key(i);
        copy_async_wait<0>();
        __syncthreads();
        copy_tile<KEYS>(v_at, v + i64(key) * D, at.length - key);
        copy_async_commit();

        float s[BLOCKS][KEYS / 2];
#pragma unroll
        for (int block = 0; block < BLOCKS; block++)
#pragma unroll
            for (int j = 0; j < KEYS / 2; j++) s[block][j] = 0.f;
#pragma unroll 2
        for (int step = 0; step < D / 16; step++) {
            u32 a[BLOCKS][4];
#pragma unroll
            for (int block = 0; block < BLOCKS; block++)
                ldmatrix(a[block], q_at + place(ROWS, 16 * (BLOCKS * warp + block) + lane % 16, 2 * step + lane / 16));
#pragma unroll
            for (int j = 0; j < KEYS / 16; j++) {
                u32 b[4];
                ldmatrix(b, k_at + place(KEYS, 16 * j + lane % 8 + lane / 16 * 8, 2 * step + lane / 8 % 2));
#pragma unroll
                for (int block = 0; block < BLOCKS; block++)
#pragma unroll
                    for (int half = 0; half < 2; half++)
                        mma<T>(four(s[block], 2 * j + half), a[block], {b[2 * half], b[2 * half + 1]});
            }
        }
        __syncthreads();
        if (i + 1 < at.tiles) {
            int next = at.first_key(i + 1);
            copy_tile<KEYS>(k_at, k + i64(next) * D, at.length - next);
        }
        copy_async_commit();

        u32 p[BLOCKS][KEYS / 16][4];
#pragma unroll
        for (int block = 0; block < BLOCKS; block++) {
            if (!at.whole(i)) hide(s[block], c, at.length, first_row + 16 * block, key, slope);
            float factor[2];
            if (sums[block].weigh(s[block], c.scale, factor)) rescale(o[block], factor);
            pack(p[block], s[block]);
        }
        copy_async_wait<1>();
        __syncthreads();
#pragma unroll
        for (int step = 0; step < KEYS / 16; step++)
#pragma unroll
            for (int j = 0; j < D / 16; j++) {
                u32 b[4];
                ldmatrix_transposed(b, v_at + place(KEYS, 16 * step + lane % 16, 2 * j + lane / 16));
#pragma unroll
                for (int block = 0; block < BLOCKS; block++)
#pragma unroll
                    for (int half = 0; half < 2; half++)
                        mma<T>(four(o[block], 2 * j + half), p[block][step], {b[2 * half], b[2 * half + 1]});
            }
    }

#pragma unroll
    for (int block = 0; block < BLOCKS; block++) {
        int row = first_row + 16 * block;
        i64 line = i64(head) * c.n + row;
        store_rows(out + line * D, c.lse ? c.lse + line : nullptr, c.n - row, o[block], sums[block], c.scale);
    }
}
