// What every kernel starts from. NVRTC has no headers, so the names are our own.

using u8 = unsigned char;
using u16 = unsigned short;
using u32 = unsigned int;
using u64 = unsigned long long;
using i8 = signed char;
using i32 = int;
using i64 = long long;

#define INFINITY_F32 __uint_as_float(0x7f800000u)
constexpr float LOG2_E = 1.4426950408889634f;
constexpr int WARP = 32;

// ---- Numbers of 16 bits, kept as their bits: arithmetic happens in f32.

struct bf16 { u16 bits; };
struct f16 { u16 bits; };

// A bf16 is the upper half of an f32.
__device__ inline float to_f32(bf16 x) { return __uint_as_float(u32(x.bits) << 16); }

__device__ inline float to_f32(f16 x) {
    float y;
    asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x.bits));
    return y;
}

__device__ inline float to_f32(float x) { return x; }

// From f32 by its type, to the nearest, ties to even.
template <class T> __device__ inline T from_f32(float x);

template <> __device__ inline float from_f32<float>(float x) { return x; }

template <> __device__ inline f16 from_f32<f16>(float x) {
    f16 y;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(y.bits) : "f"(x));
    return y;
}

template <> __device__ inline bf16 from_f32<bf16>(float x) {
#if __CUDA_ARCH__ >= 800
    bf16 y;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(y.bits) : "f"(x));
    return y;
#else
    // Turing has no such instruction: half of the last place is added, and one more where that ties to odd.
    u32 bits = __float_as_uint(x);
    if (x != x) return bf16{u16(0x7fff)};
    return bf16{u16((bits + 0x7fff + (bits >> 16 & 1)) >> 16)};
#endif
}

// ---- Memory, 16 bytes at once: the widest access that a thread has.

template <class T> struct alignas(16) vec16 {
    static constexpr int N = 16 / sizeof(T);
    T at[N];
};

// Reads what no other thread will read again: past L1, and first to leave L2.
template <class T> __device__ inline vec16<T> load_once(const T* from) {
    vec16<T> to;
    u32* w = reinterpret_cast<u32*>(&to);
    asm volatile("ld.global.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(w[0]), "=r"(w[1]), "=r"(w[2]), "=r"(w[3])
                 : "l"(from));
    return to;
}

// Reads what is read again soon.
template <class T> __device__ inline vec16<T> load16(const T* from) {
    return *reinterpret_cast<const vec16<T>*>(from);
}

template <class T> __device__ inline void store16(T* to, vec16<T> x) {
    *reinterpret_cast<vec16<T>*>(to) = x;
}

// ---- Functions.

// (x & mask) | bits in one instruction: the compiler makes two of it where both are constants.
__device__ inline u32 and_or(u32 x, u32 mask, u32 bits) {
    u32 y;
    asm("lop3.b32 %0, %1, %2, %3, 0xea;" : "=r"(y) : "r"(x), "r"(mask), "r"(bits));
    return y;
}

// 2^x within two places of the last bit; 0 at -inf.
__device__ inline float exp2_fast(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

// ---- Reductions.

__device__ inline float warp_sum(float x) {
#pragma unroll
    for (int step = WARP / 2; step > 0; step /= 2) x += __shfl_xor_sync(0xffffffff, x, step);
    return x;
}

__device__ inline float warp_max(float x) {
#pragma unroll
    for (int step = WARP / 2; step > 0; step /= 2) x = fmaxf(x, __shfl_xor_sync(0xffffffff, x, step));
    return x;
}
