// What this GPU can do at best: every thread moves 16 bytes at a time and does nothing else.

extern "C" __global__ void copy16(float* __restrict__ to, const float* __restrict__ from, u64 vectors) {
    u64 stride = u64(gridDim.x) * blockDim.x;
    for (u64 i = u64(blockIdx.x) * blockDim.x + threadIdx.x; i < vectors; i += stride)
        store16(to + 4 * i, load_once(from + 4 * i));
}

// Multiply-adds of f32: eight chains a thread, so that none waits for the one before.
extern "C" __global__ void fma_peak(float* to, float by, int rounds) {
    float x[8];
#pragma unroll
    for (int i = 0; i < 8; i++) x[i] = float(threadIdx.x + i);
    for (int round = 0; round < rounds; round++) {
#pragma unroll
        for (int step = 0; step < 16; step++) {
#pragma unroll
            for (int i = 0; i < 8; i++) x[i] = fmaf(x[i], by, 1.f);
        }
    }
    float sum = 0.f;
#pragma unroll
    for (int i = 0; i < 8; i++) sum += x[i];
    // Never true, which the compiler does not know.
    if (sum == -1.f) to[0] = sum;
}
