// Attention, version 2: Hopper's products by warpgroups (wgmma) and copies of whole tiles (TMA), all warps
// alike.
//
// A block has 128 queries of one head, a warpgroup 64 of them; a ring of STAGES tiles of keys and values each
// is filled by one thread, while all work on the tiles before. Why it is faster than version 1: products read
// shared memory themselves, so no fragments of K and V pass the registers, and copies cost one thread an
// instruction a tile.
//
// What it lacks: each warpgroup waits for its products, and the tensor cores wait for its softmax.

constexpr int STAGES = 2, ROWS = 128, THREADS = 256;

struct shared_memory {
    u8 q[ROWS * D * 2];
    u8 k[STAGES][KEYS * D * 2], v[STAGES][KEYS * D * 2];
    u64 q_full, k_full[STAGES], v_full[STAGES];
};

extern "C" __global__ void __launch_bounds__(THREADS, 1)
attention(T* __restrict__ out, const __grid_constant__ tensor_map q, const __grid_constant__ tensor_map k,
          const __grid_constant__ tensor_map v, const __grid_constant__ call c) {
    extern __shared__ __align__(1024) u8 memory[];
    shared_memory& shared = *reinterpret_cast<shared_memory*>(memory);
    int warpgroup = threadIdx.x / 128;
    int tile_count = (c.n + ROWS - 1) / ROWS;
    int tile = tile_count - 1 - blockIdx.x % tile_count, head = blockIdx.x / tile_count;
    int sequence = head / c.h, shared_head = sequence * c.kv_heads + head % c.h * c.kv_heads / c.h;
    int first_query = tile * ROWS;
    int first_row = first_query + threadIdx.x / WARP * 16;
    const sight at = look(c, sequence, first_query, ROWS);
    const float slope = RULES == ANY && c.slopes ? c.slopes[head % c.h] * LOG2_E / c.scale : 0.f;

    auto load_k = [&](int i) {
        u64* full = &shared.k_full[i % STAGES];
        mbarrier_arrive_expect(full, KEYS * D * 2);
        load_tile<KEYS>(shared.k[i % STAGES], k, full, at.first_key(i), shared_head);
    };
    auto load_v = [&](int i) {
        u64* full = &shared.v_full[i % STAGES];
        mbarrier_arrive_expect(full, KEYS * D * 2);
        load_tile<KEYS>(shared.v[i % STAGES], v, full, at.first_key(i), shared_head);
    };
    if (threadIdx.x == 0) {
        mbarrier_init(&shared.q_full, 1);
        for (int stage = 0; stage < STAGES; stage++) {
            mbarrier_init(&shared.k_full[stage], 1);
            mbarrier_init(&shared.v_full[stage], 1);
        }
        mbarrier_init_fence();
    }
    __syncthreads();
    if (threadIdx.x == 0 && at.tiles > 0) {
        mbarrier_arrive_expect(&shared.q_full, ROWS * D * 2);
        load_tile<ROWS>(shared.q, q, &shared.q_full, first_query, head);
        for (int i = 0; i < min(STAGES, at.tiles); i++) {
            load_k(i);
            load_v(i);
        }
    }

    float o[D / 2] = {}, s[KEYS / 2];
    u32 p[KEYS / 16][4];
    softmax sums;
    if (at.tiles > 0) mbarrier_wait(&shared.q_full, 0);
    for (int i = 0; i < at.tiles; i++) {
        int stage = i % STAGES, parity = i / STAGES % 2, key = at.first_key(i);
        mbarrier_wait(&shared.k_full[stage], parity);
        wgmma_fence();
        multiply_qk<ROWS>(s, shared.q + warpgroup * 64 * 128, shared.k[stage]);
        wgmma_commit();
        wgmma_wait<0>();
        pin(s);
        if (!at.whole(i)) hide(s, c, at.length, first_row, key, slope);
        float factor[2];
        if (sums.weigh(s, c.scale, factor)) rescale(o, factor);
        pack(p, s);
        mbarrier_wait(&shared.v_full[stage], parity);
        if (key + KEYS > at.length && at.length < c.m) clear_values(shared.v[stage], at.length - key, 1 + warpgroup);
        pin(o);
        pin_all(p);
        wgmma_fence();
        multiply_pv(o, p, shared.v[stage]);
        wgmma_commit();
        wgmma_wait<0>();
        pin(o);
        // Both warpgroups are through with this stage.
        __syncthreads();
        if (threadIdx.x == 0 && i + STAGES < at.tiles) {
            load_k(i + STAGES);
            load_v(i + STAGES);
        }
    }
    i64 line = i64(head) * c.n + first_row;
    store_rows(out + line * D, c.lse ? c.lse + line : nullptr, c.n - first_row, o, sums, c.scale);
}
