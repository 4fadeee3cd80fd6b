// Rows of any length and any alignment, each held by a team of threads in registers.
//
// A team is `blockDim.x` threads: a part of a warp for short rows (a block has `blockDim.y` such teams), a
// block for longer ones, a cluster of blocks for the longest. Its members take the row's vectors of 16 bytes
// in turn, so that each access of a warp is one piece of memory:
//
//      vector   0   1   2  …  63 | 64  65 …            a team of 64 threads, VECS = 4
//      thread   0   1   2  …  63 |  0   1 …
//      i        ------- 0 -------|--- 1 ---|-- 2 --|-- 3 --
//
// All of a thread's loads are on their way before the first is used, and the row is read from memory once:
// what a kernel does with it twice or three times it does from registers.
//
// A vector lies at a multiple of 16 bytes. Rows of a ragged tensor begin and end within one:
//
//      |. . . x x x x x|x x x x x x x x|x x . . . . . .|     8 numbers of 16 bits; shift = 3
//
// Only the first and the last vector are then taken number by number.

// 16 bytes as four words, and what they mean only where it is computed with: a compiler that sees 16-bit numbers
// gives each a register of its own.
template <class T> struct Vec {
    static constexpr int N = 16 / sizeof(T);
    u32 word[4];
};

template <class T> __device__ inline Vec<T> load_vec(const T* from) {
    vec16<u32> x = load_once(reinterpret_cast<const u32*>(from));
    return Vec<T>{x.at[0], x.at[1], x.at[2], x.at[3]};
}

// Writes what is not read soon: first to leave L2.
template <class T> __device__ inline void store_vec(T* to, Vec<T> x) {
    asm volatile("st.global.cs.v4.u32 [%0], {%1, %2, %3, %4};" ::"l"(to), "r"(x.word[0]), "r"(x.word[1]),
                 "r"(x.word[2]), "r"(x.word[3])
                 : "memory");
}

// The same numbers, of which the compiler knows nothing: it does not keep their f32 from before a merge of
// the team until after it, which would take twice the registers.
template <class T> __device__ inline Vec<T> forget(Vec<T> x) {
    asm volatile("" : "+r"(x.word[0]), "+r"(x.word[1]), "+r"(x.word[2]), "+r"(x.word[3]));
    return x;
}

// ---- Vectors as f32.

template <class T> struct Floats {
    static constexpr int N = Vec<T>::N;
    float at[N];
};

__device__ inline void unpack(float* to, u32 word, float*) { to[0] = __uint_as_float(word); }

// A bf16 is the upper half of an f32.
__device__ inline void unpack(float* to, u32 word, bf16*) {
    to[0] = __uint_as_float(word << 16);
    to[1] = __uint_as_float(word & 0xffff0000u);
}

__device__ inline void unpack(float* to, u32 word, f16*) {
    asm("{.reg .b16 low, high; mov.b32 {low, high}, %2; cvt.f32.f16 %0, low; cvt.f32.f16 %1, high;}"
        : "=f"(to[0]), "=f"(to[1])
        : "r"(word));
}

__device__ inline u32 pack(const float* x, float*) { return __float_as_uint(x[0]); }

__device__ inline u32 pack(const float* x, f16*) {
    u32 word;
    asm("{.reg .b16 low, high; cvt.rn.f16.f32 low, %1; cvt.rn.f16.f32 high, %2; mov.b32 %0, {low, high};}"
        : "=r"(word)
        : "f"(x[0]), "f"(x[1]));
    return word;
}

__device__ inline u32 pack(const float* x, bf16*) {
#if __CUDA_ARCH__ >= 800
    // Both are rounded and packed by one instruction.
    u32 word;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(x[1]), "f"(x[0]));
    return word;
#else
    return from_f32<bf16>(x[0]).bits | u32(from_f32<bf16>(x[1]).bits) << 16;
#endif
}

template <class T> __device__ inline Floats<T> floats(Vec<T> x) {
    Floats<T> y;
#pragma unroll
    for (int w = 0; w < 4; w++) unpack(y.at + w * (y.N / 4), x.word[w], static_cast<T*>(nullptr));
    return y;
}

template <class T> __device__ inline Vec<T> rounded(Floats<T> x) {
    Vec<T> y;
#pragma unroll
    for (int w = 0; w < 4; w++) y.word[w] = pack(x.at + w * (x.N / 4), static_cast<T*>(nullptr));
    return y;
}

template <class T> __device__ inline Vec<T> filled(float fill) {
    Floats<T> x;
#pragma unroll
    for (int k = 0; k < x.N; k++) x.at[k] = fill;
    return rounded<T>(x);
}

// Number k, where k is not known to the compiler: an array that is indexed so would leave the registers.
template <class T> __device__ inline T get(Vec<T> x, int k) {
    constexpr int PER_WORD = 4 / sizeof(T);
    u32 word = 0;
#pragma unroll
    for (int w = 0; w < 4; w++)
        if (w == k / PER_WORD) word = x.word[w];
    word >>= k % PER_WORD * 16;
    return *reinterpret_cast<T*>(&word);
}

template <class T> __device__ inline void set(Vec<T>& x, int k, T y) {
    constexpr int PER_WORD = 4 / sizeof(T);
    constexpr u32 ALL = sizeof(T) == 4 ? ~0u : 0xffffu;
    u32 bits = 0, shift = k % PER_WORD * 16;
    *reinterpret_cast<T*>(&bits) = y;
#pragma unroll
    for (int w = 0; w < 4; w++)
        if (w == k / PER_WORD) x.word[w] = (x.word[w] & ~(ALL << shift)) | bits << shift;
}

// ---- How a row is cut into vectors.

template <class T> struct Cut {
    static constexpr int N = Vec<T>::N;
    u32 cols;
    // Numbers of the first vector that are not the row's.
    u32 shift;
    u32 vectors;

    __device__ Cut(const T* row, u32 cols) : cols(cols), shift(0) {
        if constexpr (RAGGED) shift = u32(u64(row) & 15) / sizeof(T);
        vectors = (cols + shift + N - 1) / N;
    }

    // The column of a vector's first number; below 0 where that is not the row's.
    __device__ int first(u32 v) const { return int(v * N) - int(shift); }

    __device__ bool has(int column) const { return !RAGGED || u32(column) < cols; }

    // Whether a vector is the row's own, at an address where `row` can be read or written at once.
    __device__ bool whole(const T* row, u32 v) const {
        if constexpr (!RAGGED) return v < vectors;
        int column = first(v);
        return column >= 0 && column + N <= int(cols) && (u64(row + column) & 15) == 0;
    }

    // Reads vectors v, v + step …; numbers that are not the row's are `fill`.
    template <int VECS>
    __device__ void read(Vec<T> (&x)[VECS], const T* row, u32 v, u32 step, float fill) const {
#pragma unroll
        for (int i = 0; i < VECS; i++) x[i] = filled<T>(fill);
#pragma unroll
        for (int i = 0; i < VECS; i++) {
            u32 at = v + i * step;
            if (whole(row, at)) x[i] = load_vec(row + first(at));
        }
        if constexpr (RAGGED) {
#pragma unroll
            for (int i = 0; i < VECS; i++) {
                u32 at = v + i * step;
                if (at < vectors && !whole(row, at)) read_part(x[i], row, at);
            }
        }
    }

    __device__ void write(T* row, u32 v, Vec<T> x) const {
        if (whole(row, v)) return store_vec(row + first(v), x);
        if constexpr (RAGGED) {
            if (v >= vectors) return;
#pragma unroll 1
            for (int k = 0; k < N; k++)
                if (has(first(v) + k)) row[first(v) + k] = get(x, k);
        }
    }

    // Few threads come here: a loop that takes no registers from the others.
    __device__ void read_part(Vec<T>& x, const T* row, u32 v) const {
#pragma unroll 1
        for (int k = 0; k < N; k++)
            if (has(first(v) + k)) set(x, k, row[first(v) + k]);
    }

    // What every row needs at the same columns, such as a gain: it stays in L1.
    __device__ Vec<T> read_shared(const T* row, u32 v) const {
        if constexpr (!RAGGED) {
            vec16<u32> x = load16(reinterpret_cast<const u32*>(row + first(v)));
            return Vec<T>{x.at[0], x.at[1], x.at[2], x.at[3]};
        } else {
            Floats<T> x;
#pragma unroll
            for (int k = 0; k < N; k++) x.at[k] = has(first(v) + k) ? to_f32(row[first(v) + k]) : 0.f;
            return rounded<T>(x);
        }
    }
};

// ---- Clusters: blocks on neighbouring multiprocessors that see each other's shared memory.

template <int SIZE> __device__ inline u32 cluster_rank() {
    u32 rank = 0;
    if constexpr (SIZE > 1) asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
    return rank;
}

// Two halves of a barrier over the cluster: what was written before the first is seen after the second.
__device__ inline void cluster_arrive() { asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory"); }
__device__ inline void cluster_wait() { asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory"); }

// Writes to where `here` is in the shared memory of block `rank`.
__device__ inline void store_remote(float* here, u32 rank, float x) {
    u32 local = u32(__cvta_generic_to_shared(here)), remote;
    asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(remote) : "r"(local), "r"(rank));
    asm volatile("st.shared::cluster.f32 [%0], %1;" ::"r"(remote), "f"(x) : "memory");
}

// ---- Rows on their way while another is worked on.
//
// A cluster takes one row after the other. As soon as a thread has its vectors of a row in registers, it asks for
// those of its next row: they wait in shared memory, each where only the thread that asked for it will look.

// Blocks of a cluster, and threads of each.
constexpr int CLUSTER = 8;
constexpr u32 BLOCK = 512;

// Copies 16 bytes to shared memory past the registers, some time before `arrived`.
template <class T> __device__ inline void ask(Vec<T>* to, const T* from) {
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(u32(__cvta_generic_to_shared(to))), "l"(from)
                 : "memory");
#endif
}

// Waits for all that this thread asked for.
__device__ inline void arrived() {
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.wait_all;" ::: "memory");
#endif
}

// Where this thread's vectors wait: `slot` counts those of all operands.
template <class T> __device__ inline Vec<T>* waiting(int slot) {
    extern __shared__ u64 stage[];
    return reinterpret_cast<Vec<T>*>(stage) + slot * BLOCK + threadIdx.x;
}

// ---- A team of threads and its row.

template <int SIZE> struct Team {
    // This thread's place in it, and its size.
    u32 member, size;
    u64 row;
    // Shared memory is used in turns, so that no thread writes what another still reads.
    u32 turn = 0;
    bool met = false;

    __device__ Team() {
        member = cluster_rank<SIZE>() * BLOCK + threadIdx.x;
        // Known to the compiler where it can be: then vectors lie at offsets that take no registers.
        size = SIZE == 1 ? blockDim.x : SIZE * BLOCK;
        row = u64(blockIdx.x / SIZE) * blockDim.y + threadIdx.y;
        // Shared memory may be written once its block runs: the wait is in `reduce`.
        if constexpr (SIZE > 1) cluster_arrive();
    }

    // Where its row begins. A team behind the last row gets one without columns: it takes part in merges.
    __device__ u64 begin(u64 rows, u32& cols) const {
        if (row < rows) return row * cols;
        cols = 0;
        return 0;
    }

    // Whether there is another row for this cluster. A block that is no cluster has one.
    __device__ bool next(u64 rows) {
        if constexpr (SIZE == 1) return false;
        row += gridDim.x / SIZE;
        turn ^= 1;
        return row < rows;
    }

    // Asks for the next row, or the first (`ahead` is 0), of the operand whose vectors wait from `slot` on.
    template <int VECS, class T>
    __device__ void fetch(const T* x, u64 rows, u32 cols, u32 ahead, int slot = 0) const {
        u64 then = row + ahead * (gridDim.x / SIZE);
        if (SIZE == 1 || then >= rows) return;
        const T* from = x + then * cols;
        Cut<T> cut(from, cols);
#pragma unroll
        for (int i = 0; i < VECS; i++) {
            u32 v = member + i * size;
            if (cut.whole(from, v)) ask(waiting<T>(slot + i), from + cut.first(v));
        }
    }

    // The vectors of this row, asked for before or read now.
    template <int VECS, class T>
    __device__ void take(Vec<T> (&x)[VECS], const Cut<T>& cut, const T* from, float fill, int slot = 0) const {
        if constexpr (SIZE == 1) return cut.read(x, from, member, size, fill);
        arrived();
#pragma unroll
        for (int i = 0; i < VECS; i++) {
            u32 v = member + i * size;
            x[i] = filled<T>(fill);
            if (cut.whole(from, v)) x[i] = *waiting<T>(slot + i);
            else if (RAGGED && v < cut.vectors) cut.read_part(x[i], from, v);
        }
    }

    // Merges what the members have; all get the same bits. A merge of each kind (KIND) comes once in a kernel,
    // and the first has number 0.
    template <int KIND, class R> __device__ R reduce(R x) {
        u32 lanes = blockDim.x < WARP ? blockDim.x : WARP;
#pragma unroll
        for (int step = WARP / 2; step > 0; step /= 2)
            if (step < lanes) x.merge(from_lane(x, step));
        if (blockDim.x > WARP) {
            __shared__ R all[SIZE == 1 ? 1 : 2][WARP];
            R* warps = all[turn];
            u32 lane = threadIdx.x % WARP;
            if (lane == 0) warps[threadIdx.x / WARP] = x;
            __syncthreads();
            x = lane < blockDim.x / WARP ? warps[lane] : R::none();
#pragma unroll
            for (int step = WARP / 2; step > 0; step /= 2) x.merge(from_lane(x, step));
        }
        if constexpr (SIZE > 1) {
            __shared__ R all[2][SIZE];
            R* blocks = all[turn];
            if (!met) cluster_wait();
            met = true;
            if (threadIdx.x < SIZE) {
#pragma unroll
                for (int word = 0; word < WORDS<R>; word++)
                    store_remote(word + reinterpret_cast<float*>(&blocks[cluster_rank<SIZE>()]), threadIdx.x,
                                 reinterpret_cast<float*>(&x)[word]);
            }
            cluster_arrive();
            cluster_wait();
            x = blocks[0];
#pragma unroll
            for (int rank = 1; rank < SIZE; rank++) x.merge(blocks[rank]);
        }
        return x;
    }

private:
    template <class R> static constexpr int WORDS = sizeof(R) / 4;

    template <class R> static __device__ R from_lane(R x, int step) {
#pragma unroll
        for (int word = 0; word < WORDS<R>; word++) {
            float* w = reinterpret_cast<float*>(&x) + word;
            *w = __shfl_xor_sync(0xffffffff, *w, step);
        }
        return x;
    }
};

// A sum over the team.
struct Sum {
    float sum;
    static __device__ Sum none() { return Sum{0.f}; }
    __device__ void merge(Sum other) { sum += other.sum; }
};

// A kernel of teams that hold rows: no more than 512 threads a block, two such blocks on a multiprocessor. What
// ragged rows need besides, and what the compiler takes for Blackwell, are registers that only one has.
constexpr int BLOCKS = RAGGED || __CUDA_ARCH__ >= 1000 ? 1 : 2;
#define ROWS_KERNEL extern "C" __global__ void __launch_bounds__(512, BLOCKS)
#define CLUSTER_KERNEL(blocks) extern "C" __global__ void __cluster_dims__(CLUSTER) __launch_bounds__(BLOCK, blocks)
