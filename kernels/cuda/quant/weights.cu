// Weights of 4 and 8 bits as the tensor cores' A, for versions 3 and 4. tensor_core.cu stands before it.
//
// Packing puts W into the order in which it is used: a slab is 64 rows, a step is 128 of k, and a record is
//
//   words [tile of 16 rows][half of the step][lane][4 words]        4 bits: a word is a lane's A of one product
//         [tile of 16 rows][quarter of the step][lane][4 words]     8 bits: two words are
//   scales, zeros [group of the step][tile][row 0 to 7][that row and the one 8 below]      4 bits: bf16, bytes
//
// so that a lane reads with one access of 16 bytes what becomes its A of four (or two) products of 16 of k, a
// warp reads 512 bytes in a row, nothing is shuffled, and all that a step needs comes in one piece.

constexpr int SLAB = 64, STEP = 128;
constexpr int TILES = SLAB / 16;
constexpr int TILE_BYTES = 16 * STEP * BITS / 8, WORDS_BYTES = TILES * TILE_BYTES;
// Words of a product of 16 of k.
constexpr int PRODUCT_WORDS = BITS / 4;
#if BITS == 4
constexpr int STEP_GROUPS = STEP / GROUP, SCALES_BYTES = SLAB * 2, ZEROS_BYTES = SLAB;
constexpr int RECORD_BYTES = WORDS_BYTES + STEP_GROUPS * (SCALES_BYTES + ZEROS_BYTES);
#else
constexpr int RECORD_BYTES = WORDS_BYTES;
#endif

// A number whose last place counts 1, in both halves of a register; the bits of a small integer put into its
// last places are added to it.
template <class T> constexpr u32 ONE_PLACE = 0;
template <> constexpr u32 ONE_PLACE<bf16> = 0x43004300;  // 128
template <> constexpr u32 ONE_PLACE<f16> = 0x64006400;   // 1024

// a + b, exact for the integers here. sm_80 has no addition of bf16, but a·1 + b.
__device__ inline u32 plus(u32 a, u32 b, bf16) {
    u32 y;
    asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(y) : "r"(a), "r"(0x3f803f80), "r"(b));
    return y;
}

__device__ inline u32 plus(u32 a, u32 b, f16) {
    u32 y;
    asm("add.rn.f16x2 %0, %1, %2;" : "=r"(y) : "r"(a), "r"(b));
    return y;
}

__device__ inline u32 times(u32 a, u32 b, bf16) {
    u32 y;
    asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(y) : "r"(a), "r"(b), "r"(0x80008000));
    return y;
}

__device__ inline u32 times(u32 a, u32 b, f16) {
    u32 y;
    asm("mul.rn.f16x2 %0, %1, %2;" : "=r"(y) : "r"(a), "r"(b));
    return y;
}

constexpr u32 NEGATIVE = 0x80008000;

// What is added to ONE_PLACE + q to leave q - zero.
template <class T> __device__ inline u32 minus_zero(u32 zero) { return (ONE_PLACE<T> | NEGATIVE) + zero * 0x00010001; }

// Where weights have 4 bits: q - zero for one product. Register j of A stands at bits 4j and 16 + 4j, as q from
// 0 to 15. `zeros` are the lane's two rows'.
template <class T> __device__ inline void nibbles(u32 (&a)[4], u32 word, const u32 (&zeros)[2]) {
#pragma unroll
    for (int j = 0; j < 4; j++) {
        u32 pair = and_or(word >> (4 * j), 0x000f000f, ONE_PLACE<T>);
        a[j] = plus(pair, zeros[j % 2], T{});
    }
}

// The same where weights have 8 bits, in two's complement: q = (its last seven bits) - 128 (its first bit). In
// bf16, 128 with the last seven bits added is the one; 128 whose bit 7 is set is 256, and that is the other
// with 128 added to it. Registers 0 and 1 of A are in word 0, register j at bits 8j and 16 + 8j; 2 and 3 in word 1.
__device__ inline void bytes(u32 (&a)[4], u32 first, u32 second) {
#pragma unroll
    for (int j = 0; j < 4; j++) {
        u32 word = (j < 2 ? first : second) >> (8 * (j % 2));
        a[j] = plus(and_or(word, 0x007f007f, 0x43004300), and_or(word, 0x00800080, 0xc300c300), bf16{});
    }
}

// ---- From shared memory.

__device__ inline u32 shared_u32(u32 at) {
    u32 x;
    asm volatile("ld.shared.u32 %0, [%1];" : "=r"(x) : "r"(at) : "memory");
    return x;
}

__device__ inline u32 shared_u16(u32 at) {
    u16 x;
    asm volatile("ld.shared.u16 %0, [%1];" : "=h"(x) : "r"(at) : "memory");
    return x;
}

// A lane's words of a tile for so many products, of which the first begins at `k` of the step's k.
template <int N> __device__ inline void shared_words(u32 (&words)[N], u32 tile, int k, int lane) {
    u32 at = tile + k / (256 / BITS) * 512 + lane * 16;
    if (N == 2) {
        // Half of the 16 bytes that a lane has of 4-bit weights.
        asm volatile("ld.shared.v2.u32 {%0, %1}, [%2];"
                     : "=r"(words[0]), "=r"(words[1])
                     : "r"(at + k % 64 / 4)
                     : "memory");
    } else {
#pragma unroll
        for (int i = 0; i + 3 < N; i += 4)
            asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];"
                         : "=r"(words[i]), "=r"(words[i + 1]), "=r"(words[i + 2]), "=r"(words[i + 3])
                         : "r"(at + i / 4 * 512)
                         : "memory");
    }
}

#if BITS == 4
// What scales and zeros a lane's two rows of a tile have in a group of the step; see nibbles().
struct group_side {
    u32 scales;
    u32 zeros[2];
};

__device__ inline group_side side_of(u32 record, int tile, int k, int lane) {
    u32 group = record + WORDS_BYTES + k / GROUP * SCALES_BYTES + tile * 32 + lane / 4 * 4;
    u32 zeros = shared_u16(record + WORDS_BYTES + STEP_GROUPS * SCALES_BYTES + k / GROUP * ZEROS_BYTES + tile * 16 +
                           lane / 4 * 2);
    return {shared_u32(group), {minus_zero<T>(zeros & 0xff), minus_zero<T>(zeros >> 8)}};
}
#endif

// ---- From sums to results. Shared memory has sums of `slabs` slabs, and of several lanes of k, one lane's slabs
// after another's: float [lane of k][slab][activation][row].

// A slab's rows for one activation, padded so that the eight rows of a fragment are in different banks.
constexpr int SUM_STRIDE = SLAB + 4;

// A fragment of a product's result: 16 rows of a slab and 8 activations.
__device__ inline void keep_sums(float* slab, int tile, int activations, int lane, const float* d) {
#pragma unroll
    for (int e = 0; e < 4; e++)
        slab[(activations * 8 + lane % 4 * 2 + e % 2) * SUM_STRIDE + tile * 16 + lane / 4 + e / 2 * 8] = d[e];
}

#if SPLIT > 1
// What stands at this place in another block of the cluster.
__device__ inline float read_at(const float* at, u32 block) {
    float x;
    asm volatile("{\n.reg .b32 there;\nmapa.shared::cluster.u32 there, %1, %2;\nld.shared::cluster.f32 %0, [there];\n}"
                 : "=f"(x)
                 : "r"(shared_address(at)), "r"(block)
                 : "memory");
    return x;
}
#endif

// Adds lanes of k, then the blocks of a cluster (each writes a part), always in the same order. `rows` of a block
// are those of its slabs. Where weights have 8 bits, a row's scale comes last.
template <int SLABS, int WIDTH, int LAYERS, int THREADS, class T>
__device__ inline void write_sums(T* out, float* sums, const u8* scales, int m0, int columns, int n) {
    constexpr int ROWS = SLABS * SLAB;
    auto place = [&](int at) {
        int row = at % ROWS, column = at / ROWS;
        return sums + (row / SLAB * WIDTH + column) * SUM_STRIDE + row % SLAB;
    };
    auto write = [&](int at, float sum) {
        int row = int(blockIdx.x) * ROWS + at % ROWS;
        if (row >= n) return;
#if BITS == 8
        sum *= to_f32(reinterpret_cast<const T*>(scales)[row]);
#endif
        out[u64(m0 + at / ROWS) * n + row] = from_f32<T>(sum);
    };
    for (int at = threadIdx.x; at < ROWS * columns; at += THREADS) {
        float total = 0.f;
        for (int layer = 0; layer < LAYERS; layer++) total += place(at)[layer * SLABS * WIDTH * SUM_STRIDE];
        if (SPLIT == 1) write(at, total);
        else *place(at) = total;
    }
#if SPLIT > 1
    cluster_sync();
    for (int at = blockIdx.y * THREADS + threadIdx.x; at < ROWS * columns; at += SPLIT * THREADS) {
        float total = 0.f;
        for (int block = 0; block < SPLIT; block++) total += read_at(place(at), block);
        write(at, total);
    }
    // No block leaves while another reads its sums.
    cluster_sync();
#endif
}
