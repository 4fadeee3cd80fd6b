// What Hopper alone has: copies of whole tiles by one thread (TMA), barriers in shared memory that count their
// bytes (mbarrier), and tensor-core products of four warps that read shared memory and go on by themselves
// (wgmma). For sm_90a; tensor_core.cu stands before it.
//
// A kernel's usual course: one thread of a producer warp tells a barrier how many bytes will come, starts the
// copies, and goes on to the next stage of a ring; the warpgroups of consumers wait on the barrier, multiply
// from shared memory, and arrive on a second barrier, which says that the stage is free again.

// ---- mbarrier: 8 bytes of shared memory. A phase ends when all arrivals and all announced bytes are there;
// phases alternate in parity, and a new barrier is in phase 0.

__device__ inline void mbarrier_init(u64* barrier, u32 arrivals) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)), "r"(arrivals) : "memory");
}

// After the inits, before __syncthreads: the copy engine and the cluster's other blocks see the barriers too.
__device__ inline void mbarrier_init_fence() {
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}

__device__ inline void mbarrier_arrive(u64* barrier) {
    asm volatile("mbarrier.arrive.release.cta.shared::cta.b64 _, [%0];" ::"r"(shared_address(barrier)) : "memory");
}

// Arrives, and lets the phase wait for so many bytes of copies.
__device__ inline void mbarrier_arrive_expect(u64* barrier, u32 bytes) {
    asm volatile("mbarrier.arrive.expect_tx.release.cta.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(barrier)),
                 "r"(bytes)
                 : "memory");
}

// Arrives on the barrier at the same place in another block of the cluster. It tells that shared memory was read;
// writes are not made visible to the cluster, for which the hardware would wait for all of them at each arrival.
__device__ inline void mbarrier_arrive_at(u64* barrier, u32 block) {
    asm volatile("{\n.reg .b32 there;\n"
                 "mapa.shared::cluster.u32 there, %0, %1;\n"
                 "mbarrier.arrive.shared::cluster.b64 _, [there];\n}" ::"r"(shared_address(barrier)),
                 "r"(block)
                 : "memory");
}

// Whether the phase of this parity has ended; waits a moment for it.
__device__ inline bool mbarrier_try(u64* barrier, u32 parity) {
    u32 done;
    asm volatile("{\n.reg .pred done;\n"
                 "mbarrier.try_wait.parity.shared::cta.b64 done, [%1], %2;\n"
                 "selp.u32 %0, 1, 0, done;\n}"
                 : "=r"(done)
                 : "r"(shared_address(barrier)), "r"(parity)
                 : "memory");
    return done != 0;
}

// Waits for the end of the phase of this parity. On a new barrier, parity 1 is over at once.
__device__ inline void mbarrier_wait(u64* barrier, u32 parity) {
    while (!mbarrier_try(barrier, parity)) {
    }
}

// A place in a ring of LENGTH barriers, with the parity that belongs to the round.
template <int LENGTH> struct ring {
    u32 stage = 0, parity = 0;
    __device__ void next() {
        if (++stage == LENGTH) {
            stage = 0;
            parity ^= 1;
        }
    }
};

// ---- TMA. The map describes the tensor and the box; the host makes it (tensor_map.rs), and a kernel gets it
// by value as `const __grid_constant__ tensor_map`. Coordinates count elements, the innermost axis first. What
// lies outside the tensor arrives as zeros, with its bytes counted, and is not stored.

struct alignas(64) tensor_map { u64 words[16]; };

// Fetches the map itself ahead of its first use.
__device__ inline void tma_prefetch(const tensor_map& map) {
    asm volatile("prefetch.tensormap [%0];" ::"l"(&map) : "memory");
}

// How long L2 should keep what a copy reads: for the argument `keep` below.
constexpr u64 EVICT_NORMAL = 0x1000000000000000ull;
constexpr u64 EVICT_FIRST = 0x12f0000000000000ull;
constexpr u64 EVICT_LAST = 0x14f0000000000000ull;

__device__ inline void tma_load(void* to, const tensor_map& map, u64* barrier, int x, int y, u64 keep = EVICT_NORMAL) {
    asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes.L2::cache_hint "
                 "[%0], [%1, {%3, %4}], [%2], %5;" ::"r"(shared_address(to)),
                 "l"(&map), "r"(shared_address(barrier)), "r"(x), "r"(y), "l"(keep)
                 : "memory");
}

__device__ inline void tma_load(void* to, const tensor_map& map, u64* barrier, int x, int y, int z,
                                u64 keep = EVICT_NORMAL) {
    asm volatile("cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes.L2::cache_hint "
                 "[%0], [%1, {%3, %4, %5}], [%2], %6;" ::"r"(shared_address(to)),
                 "l"(&map), "r"(shared_address(barrier)), "r"(x), "r"(y), "r"(z), "l"(keep)
                 : "memory");
}

// The same tile to the same place in every block of the cluster whose bit is set in `blocks`; each block's
// barrier counts the bytes. 2 axes.
__device__ inline void tma_load_multicast(void* to, const tensor_map& map, u64* barrier, u16 blocks, int x, int y,
                                          u64 keep = EVICT_NORMAL) {
    asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster"
                 ".L2::cache_hint [%0], [%1, {%4, %5}], [%2], %3, %6;" ::"r"(shared_address(to)),
                 "l"(&map), "r"(shared_address(barrier)), "h"(blocks), "r"(x), "r"(y), "l"(keep)
                 : "memory");
}

// Plain bytes without a map: a multiple of 16, both addresses too.
__device__ inline void tma_load_bytes(void* to, const void* from, u32 bytes, u64* barrier, u64 keep = EVICT_NORMAL) {
    asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.L2::cache_hint "
                 "[%0], [%1], %2, [%3], %4;" ::"r"(shared_address(to)),
                 "l"(from), "r"(bytes), "r"(shared_address(barrier)), "l"(keep)
                 : "memory");
}

__device__ inline void tma_store(const tensor_map& map, const void* from, int x, int y) {
    asm volatile("cp.async.bulk.tensor.2d.global.shared::cta.bulk_group [%0, {%2, %3}], [%1];" ::"l"(&map),
                 "r"(shared_address(from)), "r"(x), "r"(y)
                 : "memory");
}

__device__ inline void tma_store(const tensor_map& map, const void* from, int x, int y, int z) {
    asm volatile("cp.async.bulk.tensor.3d.global.shared::cta.bulk_group [%0, {%2, %3, %4}], [%1];" ::"l"(&map),
                 "r"(shared_address(from)), "r"(x), "r"(y), "r"(z)
                 : "memory");
}

__device__ inline void tma_store_commit() { asm volatile("cp.async.bulk.commit_group;" ::: "memory"); }

// Waits until at most LEFT of this thread's groups of stores still read their shared memory.
template <int LEFT> __device__ inline void tma_store_wait_read() {
    asm volatile("cp.async.bulk.wait_group.read %0;" ::"n"(LEFT) : "memory");
}

// ---- Fences, barriers and registers.

// After ordinary stores to shared memory that TMA or wgmma reads: in each writing thread, before a barrier.
__device__ inline void proxy_fence() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

// Waits on one of 16 barriers for `threads` threads (0 is that of __syncthreads).
__device__ inline void named_barrier_sync(u32 barrier, u32 threads) {
    asm volatile("bar.sync %0, %1;" ::"r"(barrier), "r"(threads) : "memory");
}

// Counts as one who came, and does not wait.
__device__ inline void named_barrier_arrive(u32 barrier, u32 threads) {
    asm volatile("bar.arrive %0, %1;" ::"r"(barrier), "r"(threads) : "memory");
}

// A warpgroup gives registers back, or waits for more: a producer needs few, so that consumers can have up to
// 240. At the head of each role's branch, in kernels with __launch_bounds__(threads, 1).
template <int REGISTERS> __device__ inline void registers_down() {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(REGISTERS));
}

template <int REGISTERS> __device__ inline void registers_up() {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(REGISTERS));
}

// One lane of a converged warp, always the same.
__device__ inline bool elected() {
    u32 one;
    asm volatile("{\n.reg .pred one;\nelect.sync _|one, 0xffffffff;\nselp.u32 %0, 1, 0, one;\n}" : "=r"(one));
    return one != 0;
}

__device__ inline u32 cluster_rank() {
    u32 rank;
    asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
    return rank;
}

__device__ inline void cluster_sync() {
    asm volatile("barrier.cluster.arrive.release.aligned;\nbarrier.cluster.wait.acquire.aligned;" ::: "memory");
}

// ---- wgmma: D (64×N) += A (64×16) · B (16×N) by a warpgroup. A lane of warp w holds in d[4j + 0..3] what
// tensor_core.cu says of D, for rows 16w to 16w+15 and columns 8j to 8j+7; A from registers likewise.
//
// A matrix in shared memory is given by a descriptor. Tiles here are rows of 128 bytes (64 numbers), swizzled
// as TMA writes them, and 8 rows (1024 bytes) repeat, aligned to 1024; wider ones are several such tiles.

// Rows along M or N, with K (the summed axis) running along the 128 bytes. The next 16 of K: + 2, within the
// same tile.
__device__ inline u64 k_major(const void* at) {
    return u64((shared_address(at) & 0x3ffff) >> 4) | u64(1) << 16 | u64(1024 >> 4) << 32 | u64(1) << 62;
}

// Rows along K, with M or N running along the 128 bytes; the next 64 of M or N are in a tile that begins
// `tile_bytes` later. The next 16 of K: + (2048 >> 4).
__device__ inline u64 mn_major(const void* at, u32 tile_bytes) {
    return u64((shared_address(at) & 0x3ffff) >> 4) | u64(tile_bytes >> 4) << 16 | u64(1024 >> 4) << 32 | u64(1) << 62;
}

// Before the first product, and after registers that a product uses were written.
__device__ inline void wgmma_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }

__device__ inline void wgmma_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }

// Waits until at most LEFT groups of products are under way.
template <int LEFT> __device__ inline void wgmma_wait() {
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(LEFT) : "memory");
}

// The compiler may not move uses of these registers across: it does not know that a product under way
// writes them.
template <int N> __device__ inline void pin(float (&d)[N]) {
#pragma unroll
    for (int i = 0; i < N; i++) asm volatile("" : "+f"(d[i])::"memory");
}

template <int N> __device__ inline void pin(u32 (&d)[N]) {
#pragma unroll
    for (int i = 0; i < N; i++) asm volatile("" : "+r"(d[i])::"memory");
}

template <int N, int M> __device__ inline void pin_all(u32 (&d)[N][M]) {
#pragma unroll
    for (int i = 0; i < N; i++) pin(d[i]);
}

// wgmma<T, B_IS_MN_MAJOR>(d, a, b, add): `a` is a descriptor or four registers, `b` a descriptor; d has N/2
// numbers, of which `add` false makes d = a · b. Each instruction names all its registers, hence the macros.
#define NAMES_0 "%0, %1, %2, %3, %4, %5, %6, %7"
#define NAMES_1 "%8, %9, %10, %11, %12, %13, %14, %15"
#define NAMES_2 "%16, %17, %18, %19, %20, %21, %22, %23"
#define NAMES_3 "%24, %25, %26, %27, %28, %29, %30, %31"
#define NAMES_4 "%32, %33, %34, %35, %36, %37, %38, %39"
#define NAMES_5 "%40, %41, %42, %43, %44, %45, %46, %47"
#define NAMES_6 "%48, %49, %50, %51, %52, %53, %54, %55"
#define NAMES_7 "%56, %57, %58, %59, %60, %61, %62, %63"
#define NAMES_8 "%64, %65, %66, %67, %68, %69, %70, %71"
#define NAMES_9 "%72, %73, %74, %75, %76, %77, %78, %79"
#define NAMES_10 "%80, %81, %82, %83, %84, %85, %86, %87"
#define NAMES_11 "%88, %89, %90, %91, %92, %93, %94, %95"
#define NAMES_12 "%96, %97, %98, %99, %100, %101, %102, %103"
#define NAMES_13 "%104, %105, %106, %107, %108, %109, %110, %111"
#define NAMES_14 "%112, %113, %114, %115, %116, %117, %118, %119"
#define NAMES_15 "%120, %121, %122, %123, %124, %125, %126, %127"
#define VALUES(i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), "+f"(d[i + 4]), "+f"(d[i + 5]), "+f"(d[i + 6]), "+f"(d[i + 7])

#define WGMMA_OF(TYPE, N, NAMES, P0, P1, P2, P3, P4, P5, P6, ...)                                              \
    template <class T, int B_IS_MN_MAJOR = 0>                                                                  \
    __device__ inline same<T, TYPE> wgmma(float (&d)[N / 2], u64 a, u64 b, int add = 1) {                      \
        asm volatile("{\n.reg .pred add;\nsetp.ne.b32 add, " P2 ", 0;\n"                                       \
                     "wgmma.mma_async.sync.aligned.m64n" #N "k16.f32." #TYPE "." #TYPE " {" NAMES "}, " P0     \
                     ", " P1 ", add, 1, 1, 0, " P3 ";\n}"                                                      \
                     : __VA_ARGS__                                                                             \
                     : "l"(a), "l"(b), "r"(add), "n"(B_IS_MN_MAJOR)                                            \
                     : "memory");                                                                              \
    }                                                                                                          \
    template <class T, int B_IS_MN_MAJOR = 0>                                                                  \
    __device__ inline same<T, TYPE> wgmma(float (&d)[N / 2], const u32 (&a)[4], u64 b, int add = 1) {          \
        asm volatile("{\n.reg .pred add;\nsetp.ne.b32 add, " P5 ", 0;\n"                                       \
                     "wgmma.mma_async.sync.aligned.m64n" #N "k16.f32." #TYPE "." #TYPE " {" NAMES "}, {" P0    \
                     ", " P1 ", " P2 ", " P3 "}, " P4 ", add, 1, 1, " P6 ";\n}"                                \
                     : __VA_ARGS__                                                                             \
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(add), "n"(B_IS_MN_MAJOR)        \
                     : "memory");                                                                              \
    }

#define WGMMA(...)             \
    WGMMA_OF(bf16, __VA_ARGS__) \
    WGMMA_OF(f16, __VA_ARGS__)

// void where the types are the same; no function otherwise.
template <class A, class B> struct same_types {};
template <class A> struct same_types<A, A> { using type = void; };
template <class A, class B> using same = typename same_types<A, B>::type;

WGMMA(16, NAMES_0, "%8", "%9", "%10", "%11", "%12", "%13", "%14", VALUES(0))
WGMMA(32, NAMES_0 ", " NAMES_1, "%16", "%17", "%18", "%19", "%20", "%21", "%22", VALUES(0), VALUES(8))
WGMMA(64, NAMES_0 ", " NAMES_1 ", " NAMES_2 ", " NAMES_3, "%32", "%33", "%34", "%35", "%36", "%37", "%38",
      VALUES(0), VALUES(8), VALUES(16), VALUES(24))
WGMMA(80, NAMES_0 ", " NAMES_1 ", " NAMES_2 ", " NAMES_3 ", " NAMES_4, "%40", "%41", "%42", "%43", "%44", "%45",
      "%46", VALUES(0), VALUES(8), VALUES(16), VALUES(24), VALUES(32))
WGMMA(96, NAMES_0 ", " NAMES_1 ", " NAMES_2 ", " NAMES_3 ", " NAMES_4 ", " NAMES_5, "%48", "%49", "%50", "%51",
      "%52", "%53", "%54", VALUES(0), VALUES(8), VALUES(16), VALUES(24), VALUES(32), VALUES(40))
WGMMA(112, NAMES_0 ", " NAMES_1 ", " NAMES_2 ", " NAMES_3 ", " NAMES_4 ", " NAMES_5 ", " NAMES_6, "%56", "%57",
      "%58", "%59", "%60", "%61", "%62", VALUES(0), VALUES(8), VALUES(16), VALUES(24), VALUES(32), VALUES(40),
      VALUES(48))
WGMMA(128, NAMES_0 ", " NAMES_1 ", " NAMES_2 ", " NAMES_3 ", " NAMES_4 ", " NAMES_5 ", " NAMES_6 ", " NAMES_7,
      "%64", "%65", "%66", "%67", "%68", "%69", "%70", VALUES(0), VALUES(8), VALUES(16), VALUES(24), VALUES(32),
      VALUES(40), VALUES(48), VALUES(56))
WGMMA(160, NAMES_0 ", " NAMES_1 ", " NAMES_2 ", " NAMES_3 ", " NAMES_4 ", " NAMES_5 ", " NAMES_6 ", " NAMES_7 ", "
      NAMES_8 ", " NAMES_9, "%80", "%81", "%82", "%83", "%84", "%85", "%86", VALUES(0), VALUES(8), VALUES(16),
      VALUES(24), VALUES(32), VALUES(40), VALUES(48), VALUES(56), VALUES(64), VALUES(72))
WGMMA(176, NAMES_0 ", " NAMES_1 ", " NAMES_2 ", " NAMES_3 ", " NAMES_4 ", " NAMES_5 ", " NAMES_6 ", " NAMES_7 ", "
      NAMES_8 ", " NAMES_9 ", " NAMES_10, "%88", "%89", "%90", "%91", "%92", "%93", "%94", VALUES(0), VALUES(8),
      VALUES(16), VALUES(24), VALUES(32), VALUES(40), VALUES(48), VALUES(56), VALUES(64), VALUES(72), VALUES(80))
WGMMA(192, NAMES_0 ", " NAMES_1 ", " NAMES_2 ", " NAMES_3 ", " NAMES_4 ", " NAMES_5 ", " NAMES_6 ", " NAMES_7 ", "
      NAMES_8 ", " NAMES_9 ", " NAMES_10 ", " NAMES_11, "%96", "%97", "%98", "%99", "%100", "%101", "%102",
      VALUES(0), VALUES(8), VALUES(16), VALUES(24), VALUES(32), VALUES(40), VALUES(48), VALUES(56), VALUES(64),
      VALUES(72), VALUES(80), VALUES(88))
WGMMA(224, NAMES_0 ", " NAMES_1 ", " NAMES_2 ", " NAMES_3 ", " NAMES_4 ", " NAMES_5 ", " NAMES_6 ", " NAMES_7 ", "
      NAMES_8 ", " NAMES_9 ", " NAMES_10 ", " NAMES_11 ", " NAMES_12 ", " NAMES_13, "%112", "%113", "%114", "%115",
      "%116", "%117", "%118", VALUES(0), VALUES(8), VALUES(16), VALUES(24), VALUES(32), VALUES(40), VALUES(48),
      VALUES(56), VALUES(64), VALUES(72), VALUES(80), VALUES(88), VALUES(96), VALUES(104))
WGMMA(256, NAMES_0 ", " NAMES_1 ", " NAMES_2 ", " NAMES_3 ", " NAMES_4 ", " NAMES_5 ", " NAMES_6 ", " NAMES_7 ", "
      NAMES_8 ", " NAMES_9 ", " NAMES_10 ", " NAMES_11 ", " NAMES_12 ", " NAMES_13 ", " NAMES_14 ", " NAMES_15,
      "%128", "%129", "%130", "%131", "%132", "%133", "%134", VALUES(0), VALUES(8), VALUES(16), VALUES(24),
      VALUES(32), VALUES(40), VALUES(48), VALUES(56), VALUES(64), VALUES(72), VALUES(80), VALUES(88), VALUES(96),
      VALUES(104), VALUES(112), VALUES(120))
