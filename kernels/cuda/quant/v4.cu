// W4A16 and W8A16 for many activations, version 4: Hopper's products of four warps (wgmma), W from registers.
//
// out' = W·x' again. A block has CONSUMERS slabs of 64 rows and COLUMNS activations:
//
//                        x [COLUMNS][64 of k], by TMA, swizzled: the right operand of all
//                        v
//   warpgroup 0: slab 0  |  words -> registers: A (64×16), four of them   D 64 × COLUMNS in registers
//   warpgroup 1: slab 1  |  ...
//   one more warp: the producer, which fills a ring of DEPTH steps with x, words, scales and zeros
//
// A warpgroup turns the words of one step into A while its products of the step before run: wgmma goes on by
// itself, so each of the two has registers of its own. A weight is (q - zero)·scale rounded to T once, which is
// what weights in T would be; sums are f32.
//
// Where there are too few blocks for all multiprocessors, SPLIT blocks of a cluster share k and add their sums
// through each other's shared memory.

constexpr int THREADS = CONSUMERS * 128 + WARP;
constexpr int X_BYTES = COLUMNS * STEP * 2;
constexpr int OWN_BYTES = BLOCK_BYTES + SIDE_BYTES;

// A's registers for a step of k.
struct left { u32 at[PRODUCTS][4]; };

// Words of a lane at `own`, a block of weights and what is beside it, for rows lane / 4 and 8 below in tile `warp`.
__device__ inline void dequantize(left& a, u32 own, bool with_zeros, int warp, int lane) {
    u32 words[PRODUCTS * PRODUCT_WORDS];
    shared_words(words, own + warp * (BLOCK_BYTES / TILES), 0, lane);
#if BITS == 4
    u32 scales[2], zeros[2];
#pragma unroll
    for (int p = 0; p < PRODUCTS; p++) {
        if (p % (PRODUCTS / STEP_GROUPS) == 0) {
            int group = p / (PRODUCTS / STEP_GROUPS);
            u32 both = shared_u32(own + BLOCK_BYTES + group * SCALE_BYTES + warp * 32 + lane / 4 * 4), zero = 0x0808;
            if (with_zeros)
                zero = shared_u16(own + BLOCK_BYTES + STEP_GROUPS * SCALE_BYTES + group * ZERO_BYTES + warp * 16 + lane / 4 * 2);
            scales[0] = __byte_perm(both, 0, 0x1010);
            scales[1] = __byte_perm(both, 0, 0x3232);
            zeros[0] = minus_zero<T>(zero & 0xff);
            zeros[1] = minus_zero<T>(zero >> 8);
        }
        nibbles<T>(a.at[p], words[p], zeros);
#pragma unroll
        for (int j = 0; j < 4; j++) a.at[p][j] = times(a.at[p][j], scales[j % 2], T{});
    }
#else
#pragma unroll
    for (int p = 0; p < PRODUCTS; p++) bytes(a.at[p], words[2 * p], words[2 * p + 1]);
#endif
}

extern "C" __global__ void __launch_bounds__(THREADS, 1)
#if SPLIT > 1
    __cluster_dims__(1, SPLIT, 1)
#endif
    many(T* out, const __grid_constant__ tensor_map x, const u8* __restrict__ weights, const u8* __restrict__ scales,
         const u8* __restrict__ zeros, int m, int n, int k) {
    extern __shared__ __align__(1024) u8 shared[];
    __shared__ u64 full[DEPTH], empty[DEPTH];
    u8* own_ring = shared + DEPTH * X_BYTES;
    int group = threadIdx.x / 128, lane = threadIdx.x % WARP;
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

    if (group == CONSUMERS) {
        // The producer. Each of its first lanes copies for a slab; the first copies x too.
        int slab = min(int(blockIdx.x) * CONSUMERS + lane, slabs - 1);
        const u8* words = weights + (u64(slab) * steps + first) * BLOCK_BYTES;
        ring<DEPTH> at;
        for (int i = 0; i < count; i++, at.next()) {
            if (i >= DEPTH) mbarrier_wait(&empty[at.stage], at.parity ^ 1);
            if (lane == 0) {
                u32 side = SIDE_BYTES;
#if BITS == 4
                if (!zeros) side = STEP_GROUPS * SCALE_BYTES;
#endif
                mbarrier_arrive_expect(&full[at.stage], X_BYTES + CONSUMERS * (BLOCK_BYTES + side));
                tma_load(shared + at.stage * X_BYTES, x, &full[at.stage], (first + i) * STEP, m0, EVICT_LAST);
            }
            __syncwarp();
            if (lane < CONSUMERS) {
                u8* own = own_ring + (at.stage * CONSUMERS + lane) * OWN_BYTES;
                tma_load_bytes(own, words + u64(i) * BLOCK_BYTES, BLOCK_BYTES, &full[at.stage], EVICT_FIRST);
#if BITS == 4
                u64 group = u64(slab) * groups_of(steps) + group_of(first + i);
                own += BLOCK_BYTES;
                tma_load_bytes(own, scales + group * SCALE_BYTES, STEP_GROUPS * SCALE_BYTES, &full[at.stage]);
                if (zeros)
                    tma_load_bytes(own + STEP_GROUPS * SCALE_BYTES, zeros + group * ZERO_BYTES, STEP_GROUPS * ZERO_BYTES,
                                   &full[at.stage]);
#endif
            }
        }
    } else {
        float sums[COLUMNS / 2];
        left even, odd;
        int warp = threadIdx.x / WARP % 4;
        bool with_zeros = zeros != nullptr;
        ring<DEPTH> at;
        u32 before = 0;
        // One step: its words become `a` while the products of the step before run.
        auto step = [&](left& a, int i) {
            mbarrier_wait(&full[at.stage], at.parity);
            dequantize(a, shared_address(own_ring + (at.stage * CONSUMERS + group) * OWN_BYTES), with_zeros, warp, lane);
            u64 b = k_major(shared + at.stage * X_BYTES);
            wgmma_fence();
#pragma unroll
            for (int p = 0; p < PRODUCTS; p++) wgmma<T>(sums, a.at[p], b + 2 * p, i + p > 0);
            wgmma_commit();
            wgmma_wait<1>();
            if (i > 0 && lane == 0) mbarrier_arrive(&empty[before]);
            before = at.stage;
            at.next();
        };
        int i = 0;
        for (; i + 1 < count; i += 2) {
            step(even, i);
            step(odd, i + 1);
        }
        if (i < count) step(even, i);
        wgmma_wait<0>();
        pin(sums);
        // Before others' products are done, the ring still has what they read.
        named_barrier_sync(1, CONSUMERS * 128);
        float* own = reinterpret_cast<float*>(shared) + group * COLUMNS * SUM_STRIDE;
#pragma unroll
        for (int t = 0; t < COLUMNS / 8; t++) keep_sums(own, warp, t, lane, sums + 4 * t);
    }
    __syncthreads();
    write_sums<CONSUMERS, COLUMNS, 1, THREADS>(out, reinterpret_cast<float*>(shared), scales, m0, min(COLUMNS, m - m0), n);
}
