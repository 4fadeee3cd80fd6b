// out [m n] = a [m k] · b by warps (mma.sync): every GPU with tensor cores for the type.
//
//   a block's tile of out, 128 × 128, by 8 warps of 32 × 64:     in shared memory, DEPTH steps of 64 of k:
//
//        64    64                                                  a  128 rows of 64 (k)
//      +-----+-----+                                               b  128 rows of 64 (k)           b [n k]
//   32 | w 0 | w 1 |                                                  64 rows of 64 (n), twice     b [k n]
//      +-----+-----+
//   32 | w 2 | w 3 |                                               rows of 128 bytes, swizzled: ldmatrix and
//      +-----+-----+                                               the copies meet no bank conflict
//   ...
//
// A ring of copies (cp.async) runs ahead. For 16 of k a warp reads 2 fragments of a and 8 of b and makes 16
// products of them. b [k n] is turned on the way into registers (ldmatrix.trans). Blocks are numbered in bands of
// BAND tiles, so that those that run at the same time read the same parts of a and b, from L2.

constexpr int TILE = 128, DEEP = 64, THREADS = 256, BAND = 8;
constexpr int OPERAND_BYTES = TILE * DEEP * 2;

// Eight numbers of row `row` from column `column` on; zeros outside of [rows columns]. Where rows do not begin
// at multiples of 16 bytes, one number after the other.
__device__ inline void fetch8(u32 to, const T* from, int row, int column, int rows, int columns, bool aligned) {
    bool there = row < rows && column < columns;
    const T* at = from + (there ? u64(row) * columns + column : 0);
    if (aligned) return copy_async16(to, at, there);
    u32 x[4] = {};
#pragma unroll
    for (int i = 0; i < 8; i++)
        if (there && column + i < columns) x[i / 2] |= u32(at[i].bits) << (16 * (i % 2));
    asm volatile("st.shared.v4.u32 [%0], {%1, %2, %3, %4};" ::"r"(to), "r"(x[0]), "r"(x[1]), "r"(x[2]), "r"(x[3])
                 : "memory");
}

extern "C" __global__ void __launch_bounds__(THREADS)
    gemm_warps(T* __restrict__ out, const T* __restrict__ a, const T* __restrict__ b, int m, int n, int k, int aligned) {
    extern __shared__ __align__(128) u8 shared[];
    int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
    int down = (m + TILE - 1) / TILE, along = (n + TILE - 1) / TILE, steps = (k + DEEP - 1) / DEEP;
    int band = blockIdx.x / (BAND * along), rows = min(BAND, down - band * BAND);
    int inside = blockIdx.x - band * BAND * along;
    int row = (band * BAND + inside % rows) * TILE, column = inside / rows * TILE;

    auto fetch = [&](int step) {
        u32 stage = shared_address(shared) + step % DEPTH * (2 * OPERAND_BYTES);
        if (step < steps) {
#pragma unroll
            for (int i = threadIdx.x; i < TILE * 8; i += THREADS) {
                int y = i / 8, x = i % 8;
                fetch8(stage + swizzled(y, x), a, row + y, step * DEEP + x * 8, m, k, aligned & 1);
                if (PLAIN) {
                    int part = i / (DEEP * 8), y = i / 8 % DEEP;
                    fetch8(stage + OPERAND_BYTES + part * (DEEP * 128) + swizzled(y, x), b, step * DEEP + y,
                           column + part * 64 + x * 8, k, n, aligned & 2);
                } else {
                    fetch8(stage + OPERAND_BYTES + swizzled(y, x), b, column + y, step * DEEP + x * 8, n, k, aligned & 2);
                }
            }
        }
        copy_async_commit();
    };

    float d[2][8][4] = {};
    int first_row = warp / 2 * 32, first_column = warp % 2 * 64;
#pragma unroll
    for (int i = 0; i < DEPTH - 1; i++) fetch(i);
    for (int step = 0; step < steps; step++) {
        copy_async_wait<DEPTH - 2>();
        // This step is there, and the one before is used by all.
        __syncthreads();
        fetch(step + DEPTH - 1);
        u32 left = shared_address(shared) + step % DEPTH * (2 * OPERAND_BYTES), right = left + OPERAND_BYTES;
#pragma unroll
        for (int p = 0; p < DEEP / 16; p++) {
            u32 af[2][4], bf[8][2];
#pragma unroll
            for (int i = 0; i < 2; i++) ldmatrix(af[i], left + swizzled(first_row + i * 16 + lane % 16, p * 2 + lane / 16));
#pragma unroll
            for (int j = 0; j < 4; j++) {
                u32 x[4];
                if (PLAIN)
                    ldmatrix_transposed(x, right + warp % 2 * (DEEP * 128) + swizzled(p * 16 + lane % 16, j * 2 + lane / 16));
                else
                    ldmatrix(x, right + swizzled(first_column + j * 16 + lane / 16 * 8 + lane % 8, p * 2 + lane / 8 % 2));
                bf[2 * j][0] = x[0], bf[2 * j][1] = x[1], bf[2 * j + 1][0] = x[2], bf[2 * j + 1][1] = x[3];
            }
#pragma unroll
            for (int i = 0; i < 2; i++)
#pragma unroll
                for (int j = 0; j < 8; j++) mma<T>(d[i][j], af[i], bf[j]);
        }
    }

#pragma unroll
    for (int i = 0; i < 2; i++)
#pragma unroll
        for (int j = 0; j < 8; j++)
#pragma unroll
            for (int half = 0; half < 2; half++) {
                int y = row + first_row + i * 16 + half * 8 + lane / 4, x = column + first_column + j * 8 + lane % 4 * 2;
                T* to = out + u64(y) * n + x;
                float low = d[i][j][2 * half], high = d[i][j][2 * half + 1];
                if (y >= m || x >= n) continue;
                if (aligned & 4) {
                    *reinterpret_cast<u32*>(to) = pack2<T>(low, high);
                } else {
                    to[0] = from_f32<T>(low);
                    if (x + 1 < n) to[1] = from_f32<T>(high);
                }
            }
}
