// out [m n] = a [m k] · b on Hopper: wgmma fed by TMA, blocks that stay (persistent), pairs of blocks that share b.
//
//            b: ROWS_B columns of out, 64 of k          a block's tile of out is 128 × WIDTH:
//            |  left half from block 0               |     warpgroup 0: rows 0 to 63     D in registers
//            |  right half from block 1, to both     |     warpgroup 1: rows 64 to 127   D in registers
//   a: 128   +---------------------------------------+     warpgroup 2: the producer, one thread of it
//   rows     | block 0 of the cluster                |
//   of each  +---------------------------------------+   A cluster's two blocks have tiles one above the other,
//            | block 1                               |   so both need the same of b: each fetches half of it and
//            +---------------------------------------+   the copy engine writes it to both (multicast).
//
// Tensor cores want 128·WIDTH·64 products' operands every 1024 clocks (at WIDTH 256); the ring of DEPTH steps of 64
// of k keeps them coming, and goes on into the next tile while the last one is written. Only two operations of a
// consumer wait: for the copies of a step, and for the products of the step before, whose place is then free.
//
// Results go through shared memory, so that whole lines are written, by the copy engine too. Tiles are taken in
// bands of BAND pairs of rows of tiles: the blocks that run at the same time then read the same parts of a and b,
// from L2.

constexpr int HEIGHT = 128, DEEP = 64, THREADS = 384, BAND = 8;
constexpr int A_BYTES = HEIGHT * DEEP * 2, B_BYTES = WIDTH * DEEP * 2, STEP_BYTES = A_BYTES + B_BYTES;
// What a consumer writes at a time: 64 rows of 128 columns, or of all there are, in swizzled tiles of 64.
constexpr int PART = WIDTH < 128 ? WIDTH : 128, OUT_TILE = 64 * 64 * 2, OUT_BYTES = PART / 64 * OUT_TILE;
// Where b is [k n], a tile of it has 64 of n; a block fetches some of them, or the half of one.
constexpr int B_TILE = DEEP * 64 * 2;

// Four 8×8 matrices to shared memory: the inverse of ldmatrix.
__device__ inline void stmatrix(u32 row, u32 x0, u32 x1, u32 x2, u32 x3) {
    asm volatile("stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(row), "r"(x0), "r"(x1),
                 "r"(x2), "r"(x3)
                 : "memory");
}

// The tiles of a cluster, one after the other.
struct tiles {
    int down, along, at, of;
    __device__ tiles(int m, int n) {
        down = (m + 2 * HEIGHT - 1) / (2 * HEIGHT);
        along = (n + WIDTH - 1) / WIDTH;
        at = blockIdx.x / 2;
        of = gridDim.x / 2;
    }
    __device__ bool left() const { return at < down * along; }
    __device__ void next() { at += of; }
    // The first row and column of this block's tile.
    __device__ void place(int& row, int& column) const {
        int band = at / (BAND * along), first = band * BAND, rows = min(BAND, down - first);
        int inside = at - band * BAND * along;
        row = (2 * (first + inside % rows) + int(cluster_rank())) * HEIGHT;
        column = inside / rows * WIDTH;
    }
};

extern "C" __global__ void __launch_bounds__(THREADS, 1) __cluster_dims__(2, 1, 1)
    gemm_pairs(const __grid_constant__ tensor_map a, const __grid_constant__ tensor_map b,
                const __grid_constant__ tensor_map out, int m, int n, int k) {
    extern __shared__ __align__(1024) u8 shared[];
    __shared__ u64 full[DEPTH], empty[DEPTH];
    // The shuffle tells the compiler that a warp's threads agree: descriptors are then computed once a warp.
    int group = __shfl_sync(0xffffffff, threadIdx.x / 128, 0);
    int warp = threadIdx.x / WARP % 4, lane = threadIdx.x % WARP;
    u32 rank = cluster_rank();
    int steps = (k + DEEP - 1) / DEEP;
    if (threadIdx.x == 0) {
        for (int i = 0; i < DEPTH; i++) {
            mbarrier_init(&full[i], 1);
            // Two consumers of each of two blocks: half of b is written to both.
            mbarrier_init(&empty[i], 4);
        }
        mbarrier_init_fence();
    }
    // The other block's barriers must be there before anything arrives on them.
    cluster_sync();

    if (group == 2) {
        registers_down<40>();
        if (threadIdx.x == 2 * 128) {
            tma_prefetch(a);
            tma_prefetch(b);
            ring<DEPTH> at;
            for (tiles tile(m, n); tile.left(); tile.next()) {
                int row, column;
                tile.place(row, column);
                for (int i = 0; i < steps; i++) {
                    // On a new barrier, the phase before the first is over.
                    mbarrier_wait(&empty[at.stage], at.parity ^ 1);
                    u8* stage = shared + at.stage * STEP_BYTES;
                    mbarrier_arrive_expect(&full[at.stage], STEP_BYTES);
                    tma_load(stage, a, &full[at.stage], i * DEEP, row);
                    u8* half = stage + A_BYTES + rank * (B_BYTES / 2);
                    int from = column + int(rank) * (WIDTH / 2);
                    if (!PLAIN) {
                        tma_load_multicast(half, b, &full[at.stage], 3, i * DEEP, from);
                    } else if (WIDTH > 64) {
#pragma unroll
                        for (int x = 0; x < WIDTH / 2; x += 64)
                            tma_load_multicast(half + x / 64 * B_TILE, b, &full[at.stage], 3, from + x, i * DEEP);
                    } else {
                        tma_load_multicast(half, b, &full[at.stage], 3, column, i * DEEP + int(rank) * (DEEP / 2));
                    }
                    at.next();
                }
            }
        }
    } else {
        registers_up<232>();
        float d[WIDTH / 2];
        u8* staged = shared + DEPTH * STEP_BYTES + group * OUT_BYTES;
        ring<DEPTH> at;
        // One thread of each consumer says to each block that a step's place is free.
        auto release = [&](u32 stage) {
            if (threadIdx.x % 128 < 2) mbarrier_arrive_at(&empty[stage], threadIdx.x % 128);
        };
        for (tiles tile(m, n); tile.left(); tile.next()) {
            u32 before = 0;
            for (int i = 0; i < steps; i++) {
                mbarrier_wait(&full[at.stage], at.parity);
                u8* stage = shared + at.stage * STEP_BYTES;
                u64 left = k_major(stage + group * (A_BYTES / 2));
                u64 right = PLAIN ? mn_major(stage + A_BYTES, B_TILE) : k_major(stage + A_BYTES);
                wgmma_fence();
#pragma unroll
                for (int p = 0; p < DEEP / 16; p++)
                    wgmma<T, PLAIN>(d, left + 2 * p, right + (PLAIN ? 2048 >> 4 : 2) * p, i + p > 0);
                wgmma_commit();
                wgmma_wait<1>();
                if (i > 0) release(before);
                before = at.stage;
                at.next();
            }
            wgmma_wait<0>();
            pin(d);
            release(before);

            int row, column;
            tile.place(row, column);
#pragma unroll
            for (int part = 0; part < WIDTH / PART; part++) {
                // What was written here before has been read.
                if (threadIdx.x % 128 == 0) tma_store_wait_read<0>();
                named_barrier_sync(1 + group, 128);
#pragma unroll
                for (int j = 0; j < PART / 16; j++) {
                    const float* x = d + part * (PART / 2) + j * 8;
                    u32 to = shared_address(staged + j / 4 * OUT_TILE) +
                             swizzled(warp * 16 + lane % 16, j % 4 * 2 + lane / 16);
                    stmatrix(to, pack2<T>(x[0], x[1]), pack2<T>(x[2], x[3]), pack2<T>(x[4], x[5]), pack2<T>(x[6], x[7]));
                }
                proxy_fence();
                named_barrier_sync(1 + group, 128);
                if (threadIdx.x % 128 == 0) {
#pragma unroll
                    for (int j = 0; j < PART / 64; j++)
                        tma_store(out, staged + j * OUT_TILE, column + part * PART + j * 64, row + group * 64);
                    tma_store_commit();
                }
            }
        }
        if (threadIdx.x % 128 == 0) tma_store_wait_read<0>();
    }
    // No block leaves while the other writes to it or arrives on its barriers.
    cluster_sync();
}
