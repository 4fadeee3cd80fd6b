// 32 weights of 4 bits times 32 activations, in f32: for versions 1 and 2.

// Weights stand in `words` one after the other, each q from 0 to 15; `zero` is 128 more than the zero point.
template <class T> __device__ inline float dot32(const vec16<u32>& words, float zero, const T* x) {
    float sum = 0.f;
#pragma unroll
    for (int t = 0; t < 4; t++) {
        vec16<T> at = load16(x + 8 * t);
#pragma unroll
        for (int j = 0; j < 4; j++) {
            // Weights j and j + 4 of eight, as 128 + q in bf16.
            u32 pair = and_or(words.at[t] >> (4 * j), 0x000f000f, 0x43004300);
            sum = fmaf(__uint_as_float(pair << 16) - zero, to_f32(at.at[j]), sum);
            sum = fmaf(__uint_as_float(pair & 0xffff0000u) - zero, to_f32(at.at[j + 4]), sum);
        }
    }
    return sum;
}
