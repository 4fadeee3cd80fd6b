// W4A16, version 2: the row is split among the warps of a block, and four loads are under way at once.
//
//            warp 0           warp 1          ...    warp 7
//   row 0   |..1024 weights..|..1024 weights..| ... |..1024 weights..|   next 8192 weights
//   row 1   |                |                |     |                |
//   row 2   |                |                |     |                |   a lane has 16 bytes of each of the
//   row 3   |                |                |     |                |   four rows
//
// A lane asks for its part of four rows before it uses the first; memory answers after some 600 clocks however
// many ask, so four loads take as long as one. It reads x once for the four rows. Then each warp sums over its
// lanes, and eight warps' sums are added in shared memory, always in the same order.

constexpr int ROWS = 4, WARPS = 8;

extern "C" __global__ void __launch_bounds__(WARPS * 32)
    w4a16_v2(T* out, const T* __restrict__ x, const u8* __restrict__ q, const T* __restrict__ scales,
             const u8* __restrict__ zeros, int n, int k, int group_log2) {
    __shared__ float sums[WARPS][ROWS];
    int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP, first = blockIdx.x * ROWS;
    x += u64(blockIdx.y) * k;
    float sum[ROWS] = {};
    for (int at = threadIdx.x * 32; at < k; at += WARPS * WARP * 32) {
        vec16<u32> words[ROWS];
        u64 groups[ROWS];
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            // Rows behind the last are computed as the last, and not written.
            u64 weight = u64(min(first + r, n - 1)) * k + at;
            words[r] = load_once(reinterpret_cast<const u32*>(q + weight / 2));
            groups[r] = weight >> group_log2;
        }
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            float zero = 128.f + (zeros ? zeros[groups[r]] : 8);
            sum[r] += to_f32(scales[groups[r]]) * dot32(words[r], zero, x + at);
        }
    }
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        sum[r] = warp_sum(sum[r]);
        if (lane == 0) sums[warp][r] = sum[r];
    }
    __syncthreads();
    if (threadIdx.x < ROWS && first + threadIdx.x < n) {
        float total = 0.f;
        for (int w = 0; w < WARPS; w++) total += sums[w][threadIdx.x];
        out[u64(blockIdx.y) * n + first + threadIdx.x] = from_f32<T>(total);
    }
}
