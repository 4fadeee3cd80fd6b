// What this GPU's tensor cores can do at best: products of numbers that are there already, and nothing else.
//
// The numbers are of mixed bits, as real ones are: zeros take less power, and the clock would not fall as it does
// under real work.

// A number from 1 to 2 or from -2 to -1, by its place.
__device__ inline u32 two_numbers(u32 place) {
    u32 bits = place * 2654435761u;
    bits ^= bits >> 15;
    return 0x3f803f80u | (bits & 0x807f807fu);
}

#ifdef WGMMA_LIMIT
// Two warpgroups, 64 × 256 each; both operands in shared memory, which the tensor cores read by themselves.
extern "C" __global__ void __launch_bounds__(256, 1) tensor_limit(float* out, int rounds) {
    extern __shared__ __align__(1024) u8 shared[];
    u32* words = reinterpret_cast<u32*>(shared);
    for (int i = threadIdx.x; i < (128 + 256) * 32; i += 256) words[i] = two_numbers(i);
    proxy_fence();
    __syncthreads();
    u64 a = k_major(shared + threadIdx.x / 128 * 8192), b = k_major(shared + 16384);
    float d[128];
    for (int i = 0; i < rounds; i++) {
        wgmma_fence();
#pragma unroll
        for (int p = 0; p < 4; p++) wgmma<bf16>(d, a + 2 * p, b + 2 * p, i + p > 0);
        wgmma_commit();
        wgmma_wait<0>();
    }
    pin(d);
    float sum = 0.f;
    for (int i = 0; i < 128; i++) sum += d[i];
    out[blockIdx.x * 256 + threadIdx.x] = sum;
}
#else
// Eight warps, each with eight products under way.
extern "C" __global__ void __launch_bounds__(256) tensor_limit(float* out, int rounds) {
    u32 a[4], b[8][2];
    float d[8][4] = {};
#pragma unroll
    for (int i = 0; i < 4; i++) a[i] = two_numbers(threadIdx.x * 4 + i);
#pragma unroll
    for (int i = 0; i < 16; i++) b[i / 2][i % 2] = two_numbers(threadIdx.x * 16 + i + 4096);
    for (int i = 0; i < rounds; i++)
#pragma unroll
        for (int j = 0; j < 8; j++) mma<T>(d[j], a, b[j]);
    float sum = 0.f;
#pragma unroll
    for (int j = 0; j < 32; j++) sum += d[j / 4][j % 4];
    out[blockIdx.x * 256 + threadIdx.x] = sum;
}
#endif
