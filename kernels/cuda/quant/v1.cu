// W4A16, version 1: a warp for each result, weights as they come.
//
//   row of W   |....lane 0....|....lane 1....| ... |....lane 31...|   next 1024 weights: the same again
//               32 weights =    32 weights          32 weights
//               16 bytes
//
// A lane reads 16 bytes, 32 weights, at once, which are always of one group; the warp reads 512 bytes in a row.
// A weight becomes a float in the bits: the four bits of q are put in place of the last four of the bf16 128,
// whose last place counts 1, so that it becomes 128 + q; one logical instruction (lop3) does that for two
// weights. A bf16 is the upper half of a float, and 128 + zero is subtracted from that. Sums are f32.
//
// What is slow: each warp has one load of W under way and waits for it.

extern "C" __global__ void __launch_bounds__(128)
    w4a16_v1(T* out, const T* __restrict__ x, const u8* __restrict__ q, const T* __restrict__ scales,
             const u8* __restrict__ zeros, int n, int k, int group_log2) {
    int lane = threadIdx.x % WARP, row = blockIdx.x * 4 + threadIdx.x / WARP;
    if (row >= n) return;
    x += u64(blockIdx.y) * k;
    float sum = 0.f;
    for (int at = lane * 32; at < k; at += WARP * 32) {
        vec16<u32> words = load_once(reinterpret_cast<const u32*>(q + (u64(row) * k + at) / 2));
        u64 group = (u64(row) * k + at) >> group_log2;
        float zero = 128.f + (zeros ? zeros[group] : 8);
        sum += to_f32(scales[group]) * dot32(words, zero, x + at);
    }
    sum = warp_sum(sum);
    if (lane == 0) out[u64(blockIdx.y) * n + row] = from_f32<T>(sum);
}
