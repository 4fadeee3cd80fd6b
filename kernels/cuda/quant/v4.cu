// W4A16 and W8A16 for many activations, version 4: Hopper's products of four warps (wgmma), W from registers.
//
// out' = W·x' again. A block has CONSUMERS slabs of 64 rows and COLUMNS activations:
//
//                        x [COLUMNS][64 of k], by TMA, swizzled: the right operand of all
//                        v
//   warpgroup 0: slab 0  |  words -> registers: A (64×16), four of them   D 64 × COLUMNS in registers
//   warpgroup 1: slab 1  |  ...
//   two more warps: the producers, which fill a ring of DEPTH steps with x and with records of weights
//
// A warpgroup turns the words of half a step into A while its products of the half before run: wgmma goes on by
// itself, so each of the two has registers of its own. A weight is (q - zero)·scale rounded to T once, which is
// what weights in T would be; sums are f32. Where D is small, LANES times as many warpgroups take the steps of k in
// turn, so that more of them can wait at a time.
//
// Where there are too few blocks for all multiprocessors, SPLIT blocks of a cluster share k and add their sums
// through each other's shared memory.

// Warpgroups that multiply: CONSUMERS for each of LANES of k.
constexpr int GROUPS = CONSUMERS * LANES, THREADS = GROUPS * 128 + 2 * WARP;
constexpr int X_TILE = COLUMNS * 64 * 2, X_BYTES = STEP / 64 * X_TILE;
// Products of 16 of k in half a step.
constexpr int PRODUCTS = STEP / 2 / 16;

// A's registers for half a step of k.
struct left { u32 at[PRODUCTS][4]; };

// A lane's share of a tile, from `k` of the step on.
__device__ inline void dequantize(left& a, u32 record, int tile, int k, int lane) {
    u32 words[PRODUCTS * PRODUCT_WORDS];
    shared_words(words, record + tile * TILE_BYTES, k, lane);
#if BITS == 4
    group_side side;
    u32 scales[2];
#endif
#pragma unroll
    for (int p = 0; p < PRODUCTS; p++) {
#if BITS == 4
        if (p == 0 || p * 16 % GROUP == 0) {
            side = side_of(record, tile, k + p * 16, lane);
            scales[0] = __byte_perm(side.scales, 0, 0x1010);
            scales[1] = __byte_perm(side.scales, 0, 0x3232);
        }
        nibbles<T>(a.at[p], words[p], side.zeros);
#pragma unroll
        for (int j = 0; j < 4; j++) a.at[p][j] = times(a.at[p][j], scales[j % 2], T{});
#else
        bytes(a.at[p], words[2 * p], words[2 * p + 1]);
#endif
    }
}

extern "C" __global__ void __launch_bounds__(THREADS, 1)
#if SPLIT > 1
    __cluster_dims__(1, SPLIT, 1)
#endif
    many(T* out, const __grid_constant__ tensor_map x, const u8* __restrict__ records, const u8* __restrict__ scales,
         int m, int n, int k) {
    extern __shared__ __align__(1024) u8 shared[];
    __shared__ u64 full[DEPTH], empty[DEPTH];
    u8* record_ring = shared + DEPTH * X_BYTES;
    // The shuffle tells the compiler that a warp's threads agree: what follows from it is computed once a warp.
    int group = __shfl_sync(0xffffffff, threadIdx.x / 128, 0), lane = threadIdx.x % WARP;
    int m0 = blockIdx.z * COLUMNS;
    int steps = (k + STEP - 1) / STEP, slabs = (n + SLAB - 1) / SLAB;
    int first = steps * int(blockIdx.y) / SPLIT, count = steps * int(blockIdx.y + 1) / SPLIT - first;
    if (threadIdx.x == 0) {
        for (int i = 0; i < DEPTH; i++) {
            mbarrier_init(&full[i], 1);
            mbarrier_init(&empty[i], CONSUMERS * 4);
        }
        mbarrier_init_fence();
    }
    __syncthreads();

    if (threadIdx.x / WARP == GROUPS * 4) {
        // The producer of x, which announces the bytes of both.
        if (lane == 0) {
            tma_prefetch(x);
            ring<DEPTH> at;
            for (int i = 0; i < count; i++, at.next()) {
                mbarrier_wait(&empty[at.stage], at.parity ^ 1);
                mbarrier_arrive_expect(&full[at.stage], X_BYTES + CONSUMERS * RECORD_BYTES);
#pragma unroll
                for (int tile = 0; tile < STEP / 64; tile++)
                    tma_load(shared + at.stage * X_BYTES + tile * X_TILE, x, &full[at.stage], (first + i) * STEP + tile * 64,
                             m0, EVICT_LAST);
            }
        }
    } else if (threadIdx.x / WARP > GROUPS * 4) {
        // The producer of weights.
        if (lane == 0) {
            const u8* from[CONSUMERS];
#pragma unroll
            for (int c = 0; c < CONSUMERS; c++)
                from[c] = records + (u64(min(int(blockIdx.x) * CONSUMERS + c, slabs - 1)) * steps + first) * RECORD_BYTES;
            ring<DEPTH> at;
            for (int i = 0; i < count; i++, at.next()) {
                mbarrier_wait(&empty[at.stage], at.parity ^ 1);
#pragma unroll
                for (int c = 0; c < CONSUMERS; c++) {
                    tma_load_bytes(record_ring + (at.stage * CONSUMERS + c) * RECORD_BYTES, from[c], RECORD_BYTES,
                                   &full[at.stage], EVICT_FIRST);
                    from[c] += RECORD_BYTES;
                }
            }
        }
    } else {
        float sums[COLUMNS / 2];
        left first_half, second_half;
        int warp = threadIdx.x / WARP % 4;
        // Known to be 0 where there is one lane.
        int slab = group % CONSUMERS, deep = LANES == 1 ? 0 : group / CONSUMERS;
        ring<DEPTH> at;
        u32 before = 0;
        for (int i = 0; i < deep; i++) at.next();
        auto multiply = [&](left& a, u64 b, bool add) {
            wgmma_fence();
#pragma unroll
            for (int p = 0; p < PRODUCTS; p++) wgmma<T>(sums, a.at[p], b + 2 * p, add || p > 0);
            wgmma_commit();
            // Those of the half step before are done: their registers are free.
            wgmma_wait<1>();
        };
        for (int i = deep; i < count; i += LANES) {
            mbarrier_wait(&full[at.stage], at.parity);
            u32 record = shared_address(record_ring + (at.stage * CONSUMERS + slab) * RECORD_BYTES);
            u64 b = k_major(shared + at.stage * X_BYTES);
            dequantize(first_half, record, warp, 0, lane);
            multiply(first_half, b, i > deep);
            if (i > deep && lane == 0) mbarrier_arrive(&empty[before]);
            dequantize(second_half, record, warp, STEP / 2, lane);
            multiply(second_half, b + (X_TILE >> 4), true);
            before = at.stage;
#pragma unroll
            for (int l = 0; l < LANES; l++) at.next();
        }
        wgmma_wait<0>();
        pin(sums);
        if (deep >= count)
            for (int i = 0; i < COLUMNS / 2; i++) sums[i] = 0.f;
        // Before others' products are done, the ring still has what they read.
        named_barrier_sync(1, GROUPS * 128);
        float* own = reinterpret_cast<float*>(shared) + group * COLUMNS * SUM_STRIDE;
#pragma unroll
        for (int t = 0; t < COLUMNS / 8; t++) keep_sums(own, warp, t, lane, sums + 4 * t);
    }
    __syncthreads();
    write_sums<CONSUMERS, COLUMNS, LANES, THREADS>(out, reinterpret_cast<float*>(shared), scales, m0, min(COLUMNS, m - m0), n);
}
