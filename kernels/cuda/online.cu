// A maximum and the sum of exponentials below it, in one pass (online softmax, Milakov and Gimelshein 2018,
// arXiv 1805.02867). It begins at the lowest finite number, so that no difference of two infinities appears
// in a row of −∞ alone: its sum is 0.

constexpr float LOWEST = -3.402823466e38f;

struct Online {
    float max, sum;

    static __device__ Online none() { return Online{LOWEST, 0.f}; }

    // Takes numbers in. A maximum of +∞ counts how often it came; NaN stays in the sum.
    template <class T> __device__ void add(Floats<T> x) {
        float top = max;
#pragma unroll
        for (int k = 0; k < x.N; k++) top = fmaxf(top, x.at[k]);
        if (top == INFINITY_F32) return add_infinite(x);
        sum *= exp2_fast((max - top) * LOG2_E);
        max = top;
#pragma unroll
        for (int k = 0; k < x.N; k++) sum += exp2_fast((x.at[k] - top) * LOG2_E);
    }

    __device__ void merge(Online other) {
        float top = fmaxf(max, other.max);
        // No fused multiply-add: both sides of a merge must get the same bits.
        sum = __fadd_rn(__fmul_rn(sum, shrink(max, top)), __fmul_rn(other.sum, shrink(other.max, top)));
        max = top;
    }

private:
    static __device__ float shrink(float from, float to) {
        return from == to ? 1.f : exp2_fast((from - to) * LOG2_E);
    }

    template <class T> __device__ void add_infinite(Floats<T> x) {
        if (max < INFINITY_F32) sum *= 0.f;
        max = INFINITY_F32;
#pragma unroll
        for (int k = 0; k < x.N; k++) sum += x.at[k] == max ? 1.f : x.at[k] != x.at[k] ? x.at[k] : 0.f;
    }
};

// The sum of a whole row that is read once and not kept: the next vectors are on their way while these are
// added up.
template <int VECS, class T>
__device__ inline Online read_online(const Cut<T>& cut, const T* row, u32 member, u32 size) {
    Online online = Online::none();
    Vec<T> next[VECS];
    cut.read(next, row, member, size, -INFINITY_F32);
    for (u32 v = member; v < cut.vectors; v += VECS * size) {
        Vec<T> x[VECS];
#pragma unroll
        for (int i = 0; i < VECS; i++) x[i] = next[i];
        if (v + VECS * size < cut.vectors) cut.read(next, row, v + VECS * size, size, -INFINITY_F32);
#pragma unroll
        for (int i = 0; i < VECS; i++) online.add(floats(x[i]));
    }
    return online;
}
