// W4A16 and W8A16 for up to 32 activations a block, version 3: tensor cores, with W as the left operand.
//
// out' = W·x': 16 rows of W times 8 activations are one product (mma), so up to 8 activations cost what one
// costs, and W comes as packed in weights.cu. x is the right operand, from shared memory by ldmatrix.
//
//                 k of this block, in steps of 64
//            |0 |1 |2 |..|WK-1|WK|...
//   slab 0   |lane 0 of k: steps 0, WK, 2·WK, ...           WN slabs of 64 rows × WK lanes of k = the warps;
//   ...      |  |lane 1 of k: steps 1, WK + 1, ...          SPLIT blocks of a cluster share k
//   slab WN-1|  |  |
//
// Each lane of k (WN warps, which share x) has a ring of DEPTH steps in shared memory that copies (cp.async)
// fill ahead: that many bytes are under way while it multiplies, without a register for them, and no other lane
// waits. W is read once, so L2 is told to drop it first. Products of a group are summed with whole numbers for
// weights, and the sum is scaled in f32: weights are never rounded.
//
// At the end the lanes' sums are added in shared memory, then the cluster's blocks': always in the same order.
//
// x is read by every block of rows: with more activations, blocks are wider (WN) and the cluster splits k, so
// that L2 does not carry more of x than of W.

constexpr int THREADS = WN * WK * WARP;
constexpr int COLUMNS = 8 * MT;
// How much of k is summed before it is scaled.
#if BITS == 4
constexpr int SPAN = GROUP == 32 || MT == 4 ? 32 : STEP;
#else
constexpr int SPAN = MT == 4 ? 32 : STEP;
#endif

// 16 bytes that are read once.
__device__ inline void copy_async16_once(u32 to, const void* from, u64 evict_first) {
    asm volatile("cp.async.cg.shared.global.L2::cache_hint.L2::128B [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "l"(evict_first)
                 : "memory");
}

__device__ inline u64 evict_first() {
    u64 policy;
    asm("createpolicy.fractional.L2::evict_first.b64 %0;" : "=l"(policy));
    return policy;
}

extern "C" __global__ void __launch_bounds__(THREADS, 1)
#if SPLIT > 1
    __cluster_dims__(1, SPLIT, 1)
#endif
    few(T* out, const T* __restrict__ x, const u8* __restrict__ weights, const u8* __restrict__ scales,
        const u8* __restrict__ zeros, int m, int n, int k) {
    extern __shared__ __align__(128) u8 shared[];
    int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
    int across = warp % WN, deep = warp / WN;
    int m0 = blockIdx.z * COLUMNS, columns = min(COLUMNS, m - m0);
    int steps = (k + STEP - 1) / STEP, slabs = (n + SLAB - 1) / SLAB;
    // Slabs behind the last are computed as the last, and not written.
    int slab = min(int(blockIdx.x) * WN + across, slabs - 1);
    int first = steps * int(blockIdx.y) / SPLIT + deep, end = steps * int(blockIdx.y + 1) / SPLIT;
    int count = max(0, (end - first + WK - 1) / WK);

    // A stage: for each warp of this lane of k a block of weights and what is beside it; then x, rows of 128 bytes.
    constexpr int OWN_BYTES = BLOCK_BYTES + SIDE_BYTES;
    int stage_bytes = WN * OWN_BYTES + min(COLUMNS, m) * (STEP * 2);
    u32 ring = shared_address(shared) + deep * DEPTH * stage_bytes;
    u64 once = evict_first();

    auto fetch = [&](int i) {
        if (i < count) {
            int step = first + i * WK;
            u32 own = ring + i % DEPTH * stage_bytes + across * OWN_BYTES;
            const u8* from = weights + (u64(slab) * steps + step) * BLOCK_BYTES + lane * 16;
#pragma unroll
            for (int at = 0; at < BLOCK_BYTES; at += WARP * 16) copy_async16_once(own + at + lane * 16, from + at, once);
#if BITS == 4
            u64 group = u64(slab) * groups_of(steps) + group_of(step);
            if (lane * 16 < STEP_GROUPS * SCALE_BYTES)
                copy_async16(own + BLOCK_BYTES + lane * 16, scales + group * SCALE_BYTES + lane * 16);
            else if (zeros && lane * 16 < SIDE_BYTES)
                copy_async16(own + BLOCK_BYTES + lane * 16,
                             zeros + group * ZERO_BYTES + lane * 16 - STEP_GROUPS * SCALE_BYTES);
#endif
            u32 xs = ring + i % DEPTH * stage_bytes + WN * OWN_BYTES;
#pragma unroll
            for (int i = 0; i < COLUMNS * 8 / (WN * WARP); i++) {
                int at = (i * WN + across) * WARP + lane;
                if (at >= columns * 8) break;
                int row = at / 8, column = step * STEP + at % 8 * 8;
                bool there = column < k;
                copy_async16(xs + swizzled(row, at % 8), x + u64(m0 + row) * k + (there ? column : 0), there);
            }
        }
        copy_async_commit();
    };

    float sums[TILES][MT][4] = {};
#pragma unroll
    for (int i = 0; i < DEPTH - 1; i++) fetch(i);
    for (int i = 0; i < count; i++) {
        copy_async_wait<DEPTH - 2>();
        // All of this step is there, and all of the one before is used: its place is filled anew.
        if (WN == 1) __syncwarp();
        else asm volatile("bar.sync %0, %1;" ::"r"(1 + deep), "n"(WN * WARP) : "memory");
        fetch(i + DEPTH - 1);

        u32 stage = ring + i % DEPTH * stage_bytes, own = stage + across * OWN_BYTES, xs = stage + WN * OWN_BYTES;
#pragma unroll
        for (int span = 0; span < STEP; span += SPAN) {
            // Two products' B in one access: 8 activations by 32 of k.
            u32 b[SPAN / 32][MT][4];
#pragma unroll
            for (int h = 0; h < SPAN / 32; h++)
#pragma unroll
                for (int t = 0; t < MT; t++)
                    // Activations behind the last are read as the last: their results are not written.
                    ldmatrix(b[h][t], xs + swizzled(min(t * 8 + lane % 8, columns - 1), (span + 32 * h) / 8 + lane / 8));
#pragma unroll
            for (int tile = 0; tile < TILES; tile++) {
#if BITS == 4
                u32 side = own + BLOCK_BYTES + (STEP_GROUPS == 2 ? span / 32 * SCALE_BYTES : 0);
                u32 scale2 = shared_u32(side + tile * 32 + lane / 4 * 4), zero2 = 0x0808;
                if (zeros)
                    zero2 = shared_u16(own + BLOCK_BYTES + STEP_GROUPS * SCALE_BYTES +
                                       (STEP_GROUPS == 2 ? span / 32 * ZERO_BYTES : 0) + tile * 16 + lane / 4 * 2);
                u32 zero[2] = {minus_zero<T>(zero2 & 0xff), minus_zero<T>(zero2 >> 8)};
                float scale[2] = {to_f32(T{u16(scale2)}), to_f32(T{u16(scale2 >> 16)})};
                float part[MT][4] = {};
#else
                float(&part)[MT][4] = sums[tile];
#endif
                u32 words[SPAN / 16 * PRODUCT_WORDS];
                shared_words(words, own + tile * (BLOCK_BYTES / TILES), span, lane);
#pragma unroll
                for (int s = 0; s < SPAN / 16; s++) {
                    u32 a[4];
#if BITS == 4
                    nibbles<T>(a, words[s], zero);
#else
                    bytes(a, words[2 * s], words[2 * s + 1]);
#endif
#pragma unroll
                    for (int t = 0; t < MT; t++) {
                        u32 pair[2] = {b[s / 2][t][s % 2 * 2], b[s / 2][t][s % 2 * 2 + 1]};
                        mma<T>(part[t], a, pair);
                    }
                }
#if BITS == 4
#pragma unroll
                for (int t = 0; t < MT; t++)
#pragma unroll
                    for (int e = 0; e < 4; e++) sums[tile][t][e] = fmaf(scale[e / 2], part[t][e], sums[tile][t][e]);
#endif
            }
        }
    }

    // The ring is done with, and holds sums now.
    copy_async_wait<0>();
    __syncthreads();
    float* own = reinterpret_cast<float*>(shared) + warp * COLUMNS * SUM_STRIDE;
#pragma unroll
    for (int tile = 0; tile < TILES; tile++)
#pragma unroll
        for (int t = 0; t < MT; t++) keep_sums(own, tile, t, lane, sums[tile][t]);
    __syncthreads();
    write_sums<WN, COLUMNS, WK, THREADS>(out, reinterpret_cast<float*>(shared), scales, m0, columns, n);
}
