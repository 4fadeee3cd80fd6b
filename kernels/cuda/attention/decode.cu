// A step of decoding: few queries of each sequence over its cache of keys and values, which is read once.
//
// The queries of all heads that share a head of the cache are the 16 rows of a tensor core's A; rows beyond them
// are idle, which costs nothing: memory is the limit. A block has a part (split) of one sequence's keys for one
// shared head. Its warps do not wait for each other: each has every WARPSth step of STEP keys, a ring of STAGES
// of its own that cp.async fills, and a softmax of its own. At the end the warps' outputs are merged through
// shared memory, and the splits' by the block that comes last, in the order of the splits.
//
//     keys of a split   | 0 | 1 | 2 | 3 | 0 | 1 | 2 | 3 | …   by warp
//     bytes in flight   WARPS · (STAGES − 1) · 8 KiB a block, two blocks a multiprocessor
//
// PAGED: the cache lies in pages of 2^page_bits keys, [pages kv_heads page D], and `table [b table_columns]` says
// which page has which keys; otherwise it is [b kv_heads m D].

constexpr int WARPS = 4, THREADS = WARPS * WARP, STAGES = 3;
constexpr int STEP = 2048 / D, COLUMNS = D / 8;
constexpr int TILE_BYTES = STEP * D * 2, STAGE_BYTES = 2 * TILE_BYTES;

struct call {
    int h, kv_heads, n, m;
    int page_bits, pages, table_columns, splits;
    // log2(e)/√d
    float scale;
    const int* lengths;
    const int* table;
};

// Tiles of STEP keys lie as columns of 64 numbers (rows of 128 bytes), swizzled.
__device__ inline u32 place(int row, int column16) {
    return column16 / 8 * STEP * 128 + swizzled(row, column16 % 8);
}

// Where the rows of a step's blocks of 16 keys begin in the cache. In pages they are looked up a step ahead of
// their copies, so that no copy waits for the table.
struct rows_of_step {
    i64 row[STEP / 16];

    __device__ inline void find(const call& c, int sequence, int head, int key) {
#pragma unroll
        for (int part = 0; part < STEP / 16; part++) {
            int first = key + 16 * part;
#if PAGED
            int column = first >> c.page_bits;
            int page = column < c.table_columns ? __ldg(&c.table[i64(sequence) * c.table_columns + column]) : 0;
            // A table's fault must not be an address.
            page = min(max(page, 0), c.pages - 1);
            row[part] = ((i64(page) * c.kv_heads + head) << c.page_bits) + (first & ((1 << c.page_bits) - 1));
#else
            row[part] = (i64(sequence) * c.kv_heads + head) * c.m + first;
#endif
        }
    }
};

// Copies STEP keys, by one warp. Those from `length` on become zeros.
__device__ inline void copy_step(u32 to, const T* cache, const rows_of_step& rows, int key, int length) {
    int lane = threadIdx.x % WARP;
#pragma unroll
    for (int part = 0; part < STEP; part += 16) {
        const T* from = cache + (key + part < length ? rows.row[part / 16] * D : 0);
#pragma unroll
        for (int i = 0; i < 16 * COLUMNS / WARP; i++) {
            int at = i * WARP + lane, row = at / COLUMNS, column = at % COLUMNS;
            bool there = key + part + row < length;
            copy_async16(to + place(part + row, column), there ? from + row * D + 8 * column : cache, there);
        }
    }
}

extern "C" __global__ void __launch_bounds__(THREADS, 2)
decode(T* __restrict__ out, float* __restrict__ parts, u32* __restrict__ counters, const T* __restrict__ q,
       const T* __restrict__ k, const T* __restrict__ v, const __grid_constant__ call c) {
    extern __shared__ __align__(1024) u8 memory[];
    const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
    const int split = blockIdx.x, unit = blockIdx.y, block = blockIdx.z;
    const int sequence = unit / c.kv_heads, head = unit % c.kv_heads;
    const int rows = c.h / c.kv_heads * c.n, first_row = 16 * block;
    const int length = min(max(c.lengths[sequence], 0), c.m);
    const int steps = (length + STEP - 1) / STEP;
    const int begin = int(i64(steps) * split / c.splits), end = int(i64(steps) * (split + 1) / c.splits);
    const u32 ring = shared_address(memory) + warp * STAGES * STAGE_BYTES;

    rows_of_step next;
    next.find(c, sequence, head, (begin + warp) * STEP);
    auto load = [&](int i, int stage) {
        int step = begin + warp + i * WARPS;
        rows_of_step now = next;
        next.find(c, sequence, head, (step + WARPS) * STEP);
        if (step < end) {
            u32 to = ring + stage * STAGE_BYTES;
            copy_step(to, k, now, step * STEP, length);
            copy_step(to + TILE_BYTES, v, now, step * STEP, length);
        }
        copy_async_commit();
    };
#pragma unroll
    for (int i = 0; i < STAGES - 1; i++) load(i, i);

    // A of the first product: rows of the group's queries, [h n D] in memory, lie one behind the other.
    u32 a[D / 16][4];
    int limit[2];
#pragma unroll
    for (int half = 0; half < 2; half++) {
        int row = first_row + lane / 4 + 8 * half;
        bool there = row < rows;
        // A query sees the keys up to its own.
        limit[half] = there ? length - c.n + row % c.n + 1 : 0;
        const T* from = q + (i64(unit) * rows + (there ? row : 0)) * D + 2 * (lane % 4);
#pragma unroll
        for (int step = 0; step < D / 16; step++)
#pragma unroll
            for (int side = 0; side < 2; side++) {
                u32 pair = *reinterpret_cast<const u32*>(from + 16 * step + 8 * side);
                a[step][half + 2 * side] = there ? pair : 0;
            }
    }

    float o[D / 2];
#pragma unroll
    for (int i = 0; i < D / 2; i++) o[i] = 0.f;
    softmax sums;
    int stage = 0;
    for (int i = 0; begin + warp + i * WARPS < end; i++) {
        int key = (begin + warp + i * WARPS) * STEP;
        load(i + STAGES - 1, stage == 0 ? STAGES - 1 : stage - 1);
        copy_async_wait<STAGES - 1>();
        __syncwarp();
        u32 k_at = ring + stage * STAGE_BYTES, v_at = k_at + TILE_BYTES;
        float s[STEP / 2];
#pragma unroll
        for (int j = 0; j < STEP / 2; j++) s[j] = 0.f;
#pragma unroll
        for (int step = 0; step < D / 16; step++)
#pragma unroll
            for (int j = 0; j < STEP / 16; j++) {
                u32 b[4];
                ldmatrix(b, k_at + place(16 * j + lane % 8 + lane / 16 * 8, 2 * step + lane / 8 % 2));
#pragma unroll
                for (int half = 0; half < 2; half++)
                    mma<T>(four(s, 2 * j + half), a[step], {b[2 * half], b[2 * half + 1]});
            }
        if (key + STEP > length - c.n + 1) {
#pragma unroll
            for (int j = 0; j < STEP / 2; j++)
                if (key + 8 * (j / 4) + 2 * (lane % 4) + j % 2 >= limit[j / 2 % 2]) s[j] = -INFINITY_F32;
        }
        float factor[2];
        u32 p[STEP / 16][4];
        if (sums.weigh(s, c.scale, factor)) rescale(o, factor);
        pack(p, s);
#pragma unroll
        for (int step = 0; step < STEP / 16; step++)
#pragma unroll
            for (int j = 0; j < D / 16; j++) {
                u32 b[4];
                ldmatrix_transposed(b, v_at + place(16 * step + lane % 16, 2 * j + lane / 16));
#pragma unroll
                for (int half = 0; half < 2; half++)
                    mma<T>(four(o, 2 * j + half), p[step], {b[2 * half], b[2 * half + 1]});
            }
        // All lanes have read the stage that the next turn fills.
        __syncwarp();
        stage = stage == STAGES - 1 ? 0 : stage + 1;
    }

    // The warps' outputs, and the base-2 logarithms of the sums behind them, take the place of the rings.
    copy_async_wait<0>();
    __syncthreads();
    float* outs = reinterpret_cast<float*>(memory);
    float* logs = outs + WARPS * 16 * D;
    float inverse[2], log[2];
    sums.finish(c.scale, inverse, log);
#pragma unroll
    for (int half = 0; half < 2; half++) {
        int row = 16 * warp + lane / 4 + 8 * half;
        if (lane % 4 == 0) logs[row] = log[half] * LOG2_E;
#pragma unroll
        for (int j = 0; j < D / 8; j++)
#pragma unroll
            for (int side = 0; side < 2; side++)
                outs[row * D + 8 * j + 2 * (lane % 4) + side] = o[4 * j + 2 * half + side] * inverse[half];
    }
    __syncthreads();
    const int there = min(rows - first_row, 16);
    const i64 first = i64(unit) * rows + first_row;
    // [units rows splits D], and behind them the logarithms, [units rows splits].
    float* part_logs = parts + i64(gridDim.y) * rows * c.splits * D;
    for (int i = threadIdx.x; i < there * D; i += THREADS) {
        int row = i / D, column = i % D;
        float most = -INFINITY_F32, sum = 0.f, whole = 0.f;
#pragma unroll
        for (int w = 0; w < WARPS; w++) most = fmaxf(most, logs[16 * w + row]);
        if (most == -INFINITY_F32) most = 0.f;
#pragma unroll
        for (int w = 0; w < WARPS; w++) {
            float weight = exp2_fast(logs[16 * w + row] - most);
            whole += weight;
            sum += weight * outs[(16 * w + row) * D + column];
        }
        sum = whole > 0.f ? sum / whole : whole;
        if (c.splits == 1) {
            out[(first + row) * D + column] = from_f32<T>(sum);
        } else {
            i64 at = (first + row) * c.splits + split;
            parts[at * D + column] = sum;
            if (column == 0) part_logs[at] = most + log2f(whole);
        }
    }
    if (c.splits == 1) return;

    // The last block of a unit merges the splits.
    __shared__ bool last;
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) {
        u32* counter = &counters[unit * gridDim.z + block];
        last = atomicAdd(counter, 1) == c.splits - 1;
        if (last) *counter = 0;
    }
    __syncthreads();
    if (!last) return;
    __threadfence();
    // A warp makes a row's weights of its logarithms.
    float* weights = outs;
    for (int row = warp; row < there; row += WARPS) {
        const float* from = part_logs + (first + row) * c.splits;
        float most = -INFINITY_F32, whole = 0.f;
        for (int p = lane; p < c.splits; p += WARP) most = fmaxf(most, __ldcg(&from[p]));
        most = warp_max(most);
        if (most == -INFINITY_F32) most = 0.f;
        for (int p = lane; p < c.splits; p += WARP) {
            float weight = exp2_fast(__ldcg(&from[p]) - most);
            whole += weight;
            weights[row * c.splits + p] = weight;
        }
        whole = warp_sum(whole);
        float inverse_whole = whole != 0.f ? 1.f / whole : 0.f;
        for (int p = lane; p < c.splits; p += WARP) weights[row * c.splits + p] *= inverse_whole;
    }
    __syncthreads();
    for (int i = threadIdx.x; i < there * D / 4; i += THREADS) {
        int row = i / (D / 4), column = i % (D / 4) * 4;
        const float* from = parts + (first + row) * c.splits * D + column;
        float sum[4] = {};
#pragma unroll 8
        for (int p = 0; p < c.splits; p++) {
            float4 x = __ldcg(reinterpret_cast<const float4*>(from + i64(p) * D));
            float weight = weights[row * c.splits + p];
            sum[0] += weight * x.x, sum[1] += weight * x.y, sum[2] += weight * x.z, sum[3] += weight * x.w;
        }
        u32* to = reinterpret_cast<u32*>(out + (first + row) * D + column);
        to[0] = pack2<T>(sum[0], sum[1]);
        to[1] = pack2<T>(sum[2], sum[3]);
    }
}
