// W4A16 and W8A16 for up to 32 activations a block, version 3: tensor cores, with W as the left operand.
//
// out' = W·x': 16 rows of W times 8 activations are one product (mma), so up to 8 activations cost what one
// costs, and W comes as packed in weights.cu. x is the right operand, from shared memory by ldmatrix.
//
//                 k of this block, in steps of 128
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
// How much of k is summed before it is scaled: a group, or less where there are not the registers for its x.
constexpr int MOST = MT <= 2 ? 128 : 32;
#if BITS == 4
constexpr int SPAN = GROUP < MOST ? GROUP : MOST;
#else
constexpr int SPAN = MOST;
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
    few(T* out, const T* __restrict__ x, const u8* __restrict__ records, const u8* __restrict__ scales, int m, int n,
        int k) {
    extern __shared__ __align__(128) u8 shared[];
    int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
    int across = warp % WN, deep = warp / WN;
    int m0 = blockIdx.z * COLUMNS, columns = min(COLUMNS, m - m0);
    int steps = (k + STEP - 1) / STEP, slabs = (n + SLAB - 1) / SLAB;
    // Slabs behind the last are computed as the last, and not written.
    int slab = min(int(blockIdx.x) * WN + across, slabs - 1);
    int first = steps * int(blockIdx.y) / SPLIT + deep, end = steps * int(blockIdx.y + 1) / SPLIT;
    int count = max(0, (end - first + WK - 1) / WK);

    // A stage: for each warp of this lane of k a record; then x, in two tiles of 64 of k, swizzled.
    int x_tile = min(COLUMNS, m) * 128, stage_bytes = WN * RECORD_BYTES + 2 * x_tile;
    u32 ring = shared_address(shared) + deep * DEPTH * stage_bytes, ring_end = ring + DEPTH * stage_bytes;
    u64 once = evict_first();
    const u8* next_record = records + (u64(slab) * steps + first) * RECORD_BYTES + lane * 16;
    const T* next_x = x + u64(m0) * k;
    int next_k = first * STEP, fetched = 0;
    u32 filled = ring;

    // Starts the copies of the next step. Each lane copies what itself will read of the words.
    auto fetch = [&]() {
        if (fetched < count) {
            u32 own = filled + across * RECORD_BYTES + lane * 16;
#pragma unroll
            for (int at = 0; at < RECORD_BYTES; at += WARP * 16)
                if (at + WARP * 16 <= RECORD_BYTES || at + lane * 16 < RECORD_BYTES)
                    copy_async16_once(own + at, next_record + at, once);
            u32 xs = filled + WN * RECORD_BYTES;
#pragma unroll
            for (int i = 0; i < COLUMNS * 16 / (WN * WARP); i++) {
                int at = (i * WN + across) * WARP + lane, row = at / 16;
                if (row >= columns) break;
                int column = next_k + at % 16 * 8;
                bool there = column < k;
                copy_async16(xs + at % 16 / 8 * x_tile + swizzled(row, at % 8), next_x + u64(row) * k + (there ? column : 0),
                             there);
            }
            next_record += WK * RECORD_BYTES;
            next_k += WK * STEP;
            fetched++;
            filled += stage_bytes;
            if (filled == ring_end) filled = ring;
        }
        copy_async_commit();
    };

    // Where this lane's row of x begins in a tile, for each eight activations, and its column's place in it.
    // Activations behind the last are read as the last: their results are not written.
    u32 x_row[MT], x_column[MT];
#pragma unroll
    for (int t = 0; t < MT; t++) {
        int row = min(t * 8 + lane % 8, columns - 1);
        x_row[t] = WN * RECORD_BYTES + row * 128;
        x_column[t] = swizzled(row, lane / 8) - row * 128;
    }

    float sums[TILES][MT][4] = {};
    u32 stage = ring;
#pragma unroll
    for (int i = 0; i < DEPTH - 1; i++) fetch();
    for (int i = 0; i < count; i++) {
        copy_async_wait<DEPTH - 2>();
        // All of this step is there, and all of the one before is used: its place is filled anew.
        if (WN == 1) __syncwarp();
        else asm volatile("bar.sync %0, %1;" ::"r"(1 + deep), "n"(WN * WARP) : "memory");
        fetch();

        u32 record = stage + across * RECORD_BYTES;
        // Unrolled, the compiler would ask for more registers than there are.
#pragma unroll 1
        for (int span = 0; span < STEP; span += SPAN) {
            // Two products' B in one access: 8 activations by 32 of k.
            u32 b[SPAN / 32][MT][4];
#pragma unroll
            for (int h = 0; h < SPAN / 32; h++)
#pragma unroll
                for (int t = 0; t < MT; t++) {
                    int at = span + 32 * h;
                    ldmatrix(b[h][t], stage + at / 64 * x_tile + x_row[t] + (x_column[t] ^ at % 64 * 2));
                }
#pragma unroll
            for (int tile = 0; tile < TILES; tile++) {
#if BITS == 4
                group_side side = side_of(record, tile, span, lane);
                float part[MT][4] = {};
#else
                float(&part)[MT][4] = sums[tile];
#endif
                u32 words[SPAN / 16 * PRODUCT_WORDS];
                shared_words(words, record + tile * TILE_BYTES, span, lane);
#pragma unroll
                for (int s = 0; s < SPAN / 16; s++) {
                    u32 a[4];
#if BITS == 4
                    nibbles<T>(a, words[s], side.zeros);
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
                float scale[2] = {to_f32(T{u16(side.scales)}), to_f32(T{u16(side.scales >> 16)})};
#pragma unroll
                for (int t = 0; t < MT; t++)
#pragma unroll
                    for (int e = 0; e < 4; e++) sums[tile][t][e] = fmaf(scale[e / 2], part[t][e], sums[tile][t][e]);
#endif
            }
        }
        stage += stage_bytes;
        if (stage == ring_end) stage = ring;
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
