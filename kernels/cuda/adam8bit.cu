// AdamW whose two moments are kept in 8 bits, see adam8bit.rs of the CPU: codes of a table, times the largest
// magnitude of their block.
//
// A team of BLOCK_SIZE / 8 threads holds a block in registers: reads codes, parameters and gradients once, takes the
// step, merges the largest magnitudes over the team, and writes codes of the new moments.
//
//   thread      0        1        2                     of a block of 256: 4 numbers, and 4 more 128 later
//   numbers     0–3      4–7      8–11  …  | 128–131 …
//
// A code is decoded by the table, in shared memory. The other way, the table is a line in each of its decades.
// An exponent of the number, its octave, has one border between two decades at most: one comparison finds the
// line.

constexpr int THREADS = 256;
constexpr int TEAM = BLOCK_SIZE / 8;
constexpr int OCTAVES = 25;
// As many as registers allow, by what each compiler back end needs.
constexpr int BLOCKS_AT_ONCE = sizeof(TYPE) == 2 && __CUDA_ARCH__ >= 900 ? 5 : 4;

// From numbers between 0 and 1 to their place in the table: x·slope + offset, and no further than `top`.
struct alignas(16) Line {
    float slope, offset, top, border;
};

struct Map {
    float values[256];
    // Below and above the border of each octave; octave 24 begins at 1.
    Line lines[OCTAVES][2];

    // The place nearest to x, from 0 to 1, as a float. What is below the first octave is nearest to 0, as its
    // beginning is; NaN has any place.
    __device__ float place(float x) const {
        constexpr int FIRST = 127 - (OCTAVES - 1);
        x = fmaxf(fminf(x, 1.f), __uint_as_float(u32(FIRST) << 23));
        const Line* line = lines[int(__float_as_uint(x) >> 23) - FIRST];
        line += x > line->border;
        return fminf(__fmaf_rn(x, line->slope, line->offset), line->top);
    }
};

struct Maps {
    Map signed_, unsigned_;
};

// What a step multiplies with.
struct Rates {
    float keep[2], take[2], root, eps, decay, rate;
};

// 1.5·2²³: adding it leaves the nearest integer in the lowest bits.
constexpr float ROUND = 12582912.f;

__device__ inline float sqrt_fast(float x) {
    float y;
    asm("sqrt.approx.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

__device__ inline float inverse_fast(float x) {
    float y;
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

__device__ inline u32 load_codes(const u8* from) {
    u32 codes;
    asm volatile("ld.global.L1::no_allocate.u32 %0, [%1];" : "=r"(codes) : "l"(from));
    return codes;
}

// Four numbers of which `count` are there, at once where they can be.
struct Four {
    float at[4];

    template <class T> __device__ void read(const T* from, u32 count) {
        if (!RAGGED && count == 4) {
            u32 word[sizeof(T)];
            if constexpr (sizeof(T) == 4) {
                vec16<u32> x = load_once(reinterpret_cast<const u32*>(from));
                for (int w = 0; w < 4; w++) word[w] = x.at[w];
            } else {
                asm volatile("ld.global.L1::no_allocate.v2.u32 {%0, %1}, [%2];"
                             : "=r"(word[0]), "=r"(word[1])
                             : "l"(from));
            }
#pragma unroll
            for (int w = 0; w < int(sizeof(T)); w++) unpack(at + w * (4 / sizeof(T)), word[w], static_cast<T*>(nullptr));
            return;
        }
#pragma unroll
        for (int i = 0; i < 4; i++) {
            at[i] = 0.f;
            if (i < count) at[i] = to_f32(from[i]);
        }
    }

    __device__ void write(float* to, u32 count) const {
        if (!RAGGED && count == 4) {
            Vec<float> x;
            for (int i = 0; i < 4; i++) x.word[i] = __float_as_uint(at[i]);
            return store_vec(to, x);
        }
#pragma unroll
        for (int i = 0; i < 4; i++)
            if (i < count) to[i] = at[i];
    }
};

// The largest magnitudes of a team's moments, and 0 or NaN.
struct Largest {
    float m, v, wrong;
    static __device__ Largest none() { return Largest{0.f, 0.f, 0.f}; }
    __device__ void merge(Largest other) {
        m = fmaxf(m, other.m);
        v = fmaxf(v, other.v);
        wrong += other.wrong;
    }
};

extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS_AT_ONCE)
    step(float* __restrict__ params, const TYPE* __restrict__ grads, u8* __restrict__ m_codes,
         u8* __restrict__ v_codes, float* __restrict__ scales, const u32* __restrict__ maps_from, u64 len,
         Rates rates) {
    __shared__ Maps maps;
    u64 block = u64(blockIdx.x) * (THREADS / TEAM) + threadIdx.x / TEAM;
    u32 own = threadIdx.x % TEAM * 4;
    bool mine = block * BLOCK_SIZE < len;
    Four p[2], g[2];
    u32 codes_m[2], codes_v[2], count[2];
    u64 at[2];
    float scale_m = 0.f, scale_v = 0.f;
    if (mine) scale_m = scales[2 * block], scale_v = scales[2 * block + 1];
#pragma unroll
    for (int k = 0; k < 2; k++) {
        at[k] = block * BLOCK_SIZE + k * (4 * TEAM) + own;
        count[k] = at[k] >= len ? 0 : at[k] + 4 <= len ? 4 : u32(len - at[k]);
        p[k].read(params + at[k], count[k]);
        g[k].read(grads + at[k], count[k]);
        codes_m[k] = 0x7f7f7f7fu;
        codes_v[k] = 0;
        // There is room for codes up to the end of the last block.
        if (mine) codes_m[k] = load_codes(m_codes + at[k]), codes_v[k] = load_codes(v_codes + at[k]);
    }
    for (u32 i = threadIdx.x; i < sizeof(Maps) / 4; i += THREADS) reinterpret_cast<u32*>(&maps)[i] = maps_from[i];
    __syncthreads();

    float m[8], v[8];
    scale_m *= rates.keep[0];
    scale_v *= rates.keep[1];
    Largest largest = Largest::none();
#pragma unroll
    for (int i = 0; i < 8; i++) {
        float gradient = g[i / 4].at[i % 4], &param = p[i / 4].at[i % 4];
        u32 code_m = codes_m[i / 4] >> i % 4 * 8 & 0xff, code_v = codes_v[i / 4] >> i % 4 * 8 & 0xff;
        m[i] = __fmaf_rn(gradient, rates.take[0], maps.signed_.values[code_m] * scale_m);
        v[i] = __fmaf_rn(gradient * gradient, rates.take[1], maps.unsigned_.values[code_v] * scale_v);
        float root = __fmaf_rn(sqrt_fast(v[i]), rates.root, rates.eps);
        param = __fmaf_rn(param, rates.decay, m[i] * -rates.rate * inverse_fast(root));
        largest.m = fmaxf(largest.m, fabsf(m[i]));
        largest.v = fmaxf(largest.v, v[i]);
        // v is infinite or NaN where m is; then so is this.
        largest.wrong = __fmaf_rn(v[i], 0.f, largest.wrong);
    }
#pragma unroll
    for (int k = 0; k < 2; k++) p[k].write(params + at[k], count[k]);

#pragma unroll
    for (int lanes = WARP / 2; lanes > 0; lanes /= 2)
        largest.merge(Largest{__shfl_xor_sync(0xffffffff, largest.m, lanes),
                              __shfl_xor_sync(0xffffffff, largest.v, lanes),
                              __shfl_xor_sync(0xffffffff, largest.wrong, lanes)});
    if constexpr (TEAM > WARP) {
        __shared__ Largest warps[THREADS / WARP];
        if (threadIdx.x % WARP == 0) warps[threadIdx.x / WARP] = largest;
        __syncthreads();
        largest = Largest::none();
#pragma unroll
        for (int warp = 0; warp < THREADS / WARP; warp++) largest.merge(warps[warp]);
    }
    if (!mine) return;
    scale_m = largest.m + largest.wrong;
    scale_v = largest.v + largest.wrong;
    if (own == 0) scales[2 * block] = scale_m, scales[2 * block + 1] = scale_v;
    // What no inverse can be had of is 0.
    float by_m = scale_m < 1e-37f ? 0.f : 1.f / scale_m, by_v = scale_v < 1e-37f ? 0.f : 1.f / scale_v;
#pragma unroll
    for (int k = 0; k < 2; k++) {
        u32 new_m = 0, new_v = 0;
#pragma unroll
        for (int i = 0; i < 4; i++) {
            float x = m[4 * k + i] * by_m, place = maps.signed_.place(fabsf(x));
            // 1 has a code, and −1 has none.
            place = x > 0.f ? place : -fminf(place, 127.f);
            new_m |= (__float_as_uint(place + ROUND + 127.f) & 0xff) << 8 * i;
            place = maps.unsigned_.place(v[4 * k + i] * by_v);
            new_v |= (__float_as_uint(place + ROUND - 1.f) & 0xff) << 8 * i;
        }
        *reinterpret_cast<u32*>(m_codes + at[k]) = new_m;
        *reinterpret_cast<u32*>(v_codes + at[k]) = new_v;
    }
}
