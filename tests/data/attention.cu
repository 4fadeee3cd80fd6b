// One warp a query: scores into shared memory, their softmax, then the weighted sum of values.
// grid: n, b * h
// block: 32
// shared: 4 * m
extern "C" __global__ void attention(
    float* out,
    const float* q,
    const float* k,
    const float* v,
    const float* mask,
    int b, int h, int n, int d, int m, int dv)
{
    extern __shared__ float weights[];
    int i = blockIdx.x, head = blockIdx.y, lane = threadIdx.x;
    const float* query = q + (head * n + i) * d;
    float top = -INFINITY;
    for (int j = lane; j < m; j += 32) {
        float score = 0.f;
        for (int c = 0; c < d; c++) score += query[c] * k[(head * m + j) * d + c];
        score *= rsqrtf((float)d);
        if (mask) score += mask[(head * n + i) * m + j];
        weights[j] = score;
        top = fmaxf(top, score);
    }
    for (int step = 16; step > 0; step /= 2) top = fmaxf(top, __shfl_xor_sync(~0u, top, step));
    float sum = 0.f;
    for (int j = lane; j < m; j += 32) {
        weights[j] = top == -INFINITY ? 0.f : expf(weights[j] - top);
        sum += weights[j];
    }
    for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(~0u, sum, step);
    __syncwarp();
    for (int c = lane; c < dv; c += 32) {
        float total = 0.f;
        for (int j = 0; j < m; j++) total += weights[j] * v[(head * m + j) * dv + c];
        out[(head * n + i) * dv + c] = sum == 0.f ? 0.f : total / sum;
    }
}
