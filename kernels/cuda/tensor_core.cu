// The tensor cores of every GPU since Turing, a warp at a time (mma.sync), and what feeds them: ldmatrix from
// shared memory, cp.async into it. Hopper's own way, by warpgroups, is in hopper.cu.
//
// A fragment is a warp's share of a matrix, spread over its 32 lanes. With g = lane / 4 and c = 2 (lane % 4),
// a lane holds of a product D (16×8) = A (16×16) · B (16×8):
//
//   A: 4 registers of two numbers      B: 2 registers of two      D: 4 registers of one
//        k:  c, c+1      c+8, c+9        n = g:                      n:  c      c+1
//   row g      a[0]        a[2]          k  c, c+1     b[0]          row g    d[0]   d[1]
//   row g+8    a[1]        a[3]          k  c+8, c+9   b[1]          row g+8  d[2]   d[3]
//
// Hence D of one product, packed in pairs, is A of the next: that of columns 16i to 16i+15 is
// a = {pack(d of block 2i: 0, 1), pack(2, 3), pack(d of block 2i+1: 0, 1), pack(2, 3)}.

// Where an object lies in the block's shared memory, as the instructions below want it.
__device__ inline u32 shared_address(const void* at) { return u32(__cvta_generic_to_shared(at)); }

// ---- Two numbers of 16 bits in one register, the first in the low half.

template <class T> __device__ inline u32 pack2(float low, float high);

template <> __device__ inline u32 pack2<f16>(float low, float high) {
#if __CUDA_ARCH__ >= 800
    u32 y;
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(y) : "f"(high), "f"(low));
    return y;
#else
    return u32(from_f32<f16>(low).bits) | u32(from_f32<f16>(high).bits) << 16;
#endif
}

template <> __device__ inline u32 pack2<bf16>(float low, float high) {
#if __CUDA_ARCH__ >= 800
    u32 y;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(y) : "f"(high), "f"(low));
    return y;
#else
    return u32(from_f32<bf16>(low).bits) | u32(from_f32<bf16>(high).bits) << 16;
#endif
}

// ---- Products.

// d += a · b for 16×16 by 16×8, f32 sums.
template <class T> __device__ inline void mma(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2]);

template <> __device__ inline void mma<bf16>(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

template <> __device__ inline void mma<f16>(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) {
#if __CUDA_ARCH__ >= 800
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    // Turing multiplies half as much at a time: the left and the right half of A, the upper and the lower of B.
    asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(b[0]));
    asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[2]), "r"(a[3]), "r"(b[1]));
#endif
}

// ---- Fragments from shared memory.

// Four 8×8 matrices of 16-bit numbers. Lanes 8i to 8i+7 give the addresses of the rows of matrix i, 16 bytes
// each; lane l gets of each matrix the pair at row l / 4, columns 2 (l % 4) and the next.
__device__ inline void ldmatrix(u32 (&x)[4], u32 row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(x[0]), "=r"(x[1]), "=r"(x[2]), "=r"(x[3])
                 : "r"(row)
                 : "memory");
}

// The same with each matrix transposed: lane l gets column l / 4, rows 2 (l % 4) and the next.
__device__ inline void ldmatrix_transposed(u32 (&x)[4], u32 row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(x[0]), "=r"(x[1]), "=r"(x[2]), "=r"(x[3])
                 : "r"(row)
                 : "memory");
}

// ---- From global to shared memory past the registers: a thread starts many copies and goes on. Turing has no
// such copies and moves 16 bytes through registers.

// 16 bytes; zeros where `there` is false (the address must be valid even so). L1 does not keep them.
__device__ inline void copy_async16(u32 to, const void* from, bool there = true) {
#if __CUDA_ARCH__ >= 800
    int bytes = there ? 16 : 0;
    asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(bytes) : "memory");
#else
    u32 x[4] = {0, 0, 0, 0};
    if (there)
        asm volatile("ld.global.v4.u32 {%0, %1, %2, %3}, [%4];"
                     : "=r"(x[0]), "=r"(x[1]), "=r"(x[2]), "=r"(x[3])
                     : "l"(from));
    asm volatile("st.shared.v4.u32 [%0], {%1, %2, %3, %4};" ::"r"(to), "r"(x[0]), "r"(x[1]), "r"(x[2]), "r"(x[3])
                 : "memory");
#endif
}

// Ends a group of copies: this thread waits by groups.
__device__ inline void copy_async_commit() {
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

// Waits until at most LEFT of this thread's newest groups are under way. What other threads copied is there
// after a barrier only.
template <int LEFT> __device__ inline void copy_async_wait() {
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.wait_group %0;" ::"n"(LEFT) : "memory");
#endif
}

// Where 16-byte column `column` of row `row` lies, in bytes, in a tile whose rows have 128 bytes: the column's
// number is XORed with the row's, so that 8 rows of one column, which ldmatrix reads at once, are in 8
// different groups of banks. TMA's and wgmma's 128-byte swizzle is the same.
__device__ inline u32 swizzled(u32 row, u32 column) { return row * 128 + ((column ^ (row & 7)) * 16); }
