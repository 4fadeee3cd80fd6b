// What this GPU can do at best: every thread moves 16 bytes at a time and does nothing else.

extern "C" __global__ void copy16(float* __restrict__ to, const float* __restrict__ from, u64 vectors) {
    u64 stride = u64(gridDim.x) * blockDim.x;
    for (u64 i = u64(blockIdx.x) * blockDim.x + threadIdx.x; i < vectors; i += stride)
        store16(to + 4 * i, load_once(from + 4 * i));
}
