// What the versions for Hopper share: how tiles lie in shared memory, and the two products by a warpgroup.
// Needs hopper.cu and rules.cu.

// Tiles are columns of 64 numbers: rows of 128 bytes, swizzled by TMA as wgmma reads them.
constexpr int COLUMNS = D / 64;

// Starts the copy of ROWS rows from `row` on; rows beyond the last become zeros.
template <int ROWS> __device__ inline void load_tile(u8* to, const tensor_map& map, u64* barrier, int row, int head) {
#pragma unroll
    for (int column = 0; column < COLUMNS; column++)
        tma_load(to + column * ROWS * 128, map, barrier, 64 * column, row, head);
}

// s = q·kᵀ for the 64 rows at `q` of a tile of ROWS: both operands from shared memory.
template <int ROWS> __device__ inline void multiply_qk(float (&s)[KEYS / 2], const u8* q, const u8* k) {
    const u64 a = k_major(q), b = k_major(k);
#pragma unroll
    for (int step = 0; step < D / 16; step++) {
        int column = step / 4, within = 2 * (step % 4);
        wgmma<T>(s, a + (column * ROWS * 128 >> 4) + within, b + (column * KEYS * 128 >> 4) + within, step > 0);
    }
}

// The same with q in registers, which shared memory has not to give again and again.
template <int ROWS>
__device__ inline void multiply_qk(float (&s)[KEYS / 2], const u32 (&q)[D / 16][4], const u8* k) {
    const u64 b = k_major(k);
#pragma unroll
    for (int step = 0; step < D / 16; step++)
        wgmma<T>(s, q[step], b + (step / 4 * KEYS * 128 >> 4) + 2 * (step % 4), step > 0);
}

// A's registers of the warp's 16 rows at `q`, for 16 columns.
template <int ROWS> __device__ inline void load_rows(u32 (&a)[4], const u8* q, int step) {
    int lane = threadIdx.x % WARP, column = 2 * step + lane / 16;
    ldmatrix(a, shared_address(q) + column / 8 * ROWS * 128 + swizzled(lane % 16, column % 8));
}

// o += p·v, the weights p from registers.
__device__ inline void multiply_pv(float (&o)[D / 2], const u32 (&p)[KEYS / 16][4], const u8* v) {
    const u64 b = mn_major(v, KEYS * 128);
#pragma unroll
    for (int step = 0; step < KEYS / 16; step++) wgmma<T, 1>(o, p[step], b + step * (16 * 128 >> 4));
}

// Where a sequence ends before its room for keys does, the values behind the end are not known to be numbers,
// and weight 0 times NaN is NaN: zeros take their place. By one warpgroup, for itself; several may do so at
// once, as they write the same.
__device__ inline void clear_values(u8* v, int from, u32 barrier) {
    constexpr int VECTORS = COLUMNS * 8;
    for (int i = from * VECTORS + threadIdx.x % 128; i < KEYS * VECTORS; i += 128) {
        int row = i / VECTORS, vector = i % VECTORS;
        store16(reinterpret_cast<u32*>(v + vector / 8 * KEYS * 128 + row * 128 + vector % 8 * 16), vec16<u32>{});
    }
    proxy_fence();
    named_barrier_sync(barrier, 128);
}
