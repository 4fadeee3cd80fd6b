// Attention, versions 3 to 6 for Hopper: warps with roles.
//
// A producer warpgroup, of which one thread works, keeps a ring of STAGES tiles of keys and values full by TMA;
// CONSUMERS warpgroups have 64 queries each and do nothing but multiply and weigh. The producer gives its
// registers to the consumers, which hold 64×KEYS scores, as many weights and 64×D outputs in them.
//
// Version 3 is that. Version 4 (PING_PONG) lets the consumers take turns at the tensor cores, so that one's
// softmax runs under another's products:
//
//     consumer 0   P·V Q·Kᵀ | softmax    | P·V Q·Kᵀ | softmax …
//     consumer 1             | P·V Q·Kᵀ  | softmax  | P·V Q·Kᵀ …
//
// Version 5 (OVERLAP) hides softmax within a consumer too: the product Q·Kᵀ of the next tile is issued before
// P·V of this one, and the next tile's softmax runs while P·V is under way.
//
//     tensor cores   Q·K1ᵀ | P0·V0      | Q·K2ᵀ | P1·V1      | …
//     this consumer         | softmax 1 |        | softmax 2 | …
//
// Version 6 is how it is launched: as many blocks as multiprocessors, each of which takes the next work item
// (a tile of queries of one head) when its producer is through with the last one's keys, so that one item's
// end is hidden under the next one's start. Under causality items differ: the longest go first, within
// sections of heads whose keys and values fit into L2 together. Who computes what varies; the results do not.
// Where registers suffice, q stays in them (Q_IN_REGISTERS), which takes a third of the reads of shared memory
// off Q·Kᵀ. At D = 128 the limit is then the power that the GPU may draw: its clock falls as the tensor cores
// fill. Full attention is a little faster without turns there.

constexpr int ROWS = 64 * CONSUMERS, THREADS = 128 + 128 * CONSUMERS;
// A multiple of 8 for each thread, and no more together than the block begins with.
constexpr int PRODUCER_REGISTERS = CONSUMERS == 2 ? 24 : 32, CONSUMER_REGISTERS = CONSUMERS == 2 ? 240 : 160;
// Named barriers: 1 to CONSUMERS are turns, those after them are for a warpgroup alone.
constexpr u32 TURN = 1, ALONE = 1 + CONSUMERS;

struct shared_memory {
    u8 q[ROWS * D * 2];
    u8 k[STAGES][KEYS * D * 2], v[STAGES][KEYS * D * 2];
    u64 q_full, q_empty, item_full, item_empty;
    u64 k_full[STAGES], k_empty[STAGES], v_full[STAGES], v_empty[STAGES];
    int item;
};

struct schedule {
    // Work items, and heads in a section.
    int items, section;
    // Items given away beyond one for each block, and blocks that are through: zero before and after.
    u32* counters;
};

// One tile of queries of one head.
struct place {
    int head, shared_head, sequence, first_query;
};

__device__ inline place locate(const call& c, const schedule& work, int item) {
    int tiles = (c.n + ROWS - 1) / ROWS, each = work.section * tiles;
    int section = item / each, within = item % each;
    int heads = min(work.section, c.b * c.h - section * work.section);
    place at;
    at.head = section * work.section + within % heads;
    at.first_query = (tiles - 1 - within / heads) * ROWS;
    at.sequence = at.head / c.h;
    at.shared_head = at.sequence * c.kv_heads + at.head % c.h * c.kv_heads / c.h;
    return at;
}

extern "C" __global__ void __launch_bounds__(THREADS, 1)
attention(T* __restrict__ out, const __grid_constant__ tensor_map q, const __grid_constant__ tensor_map k,
          const __grid_constant__ tensor_map v, const __grid_constant__ call c, const __grid_constant__ schedule work) {
    extern __shared__ __align__(1024) u8 memory[];
    shared_memory& shared = *reinterpret_cast<shared_memory*>(memory);
    if (threadIdx.x == 0) {
        constexpr int WARPS = 4 * CONSUMERS;
        mbarrier_init(&shared.q_full, 1);
        mbarrier_init(&shared.q_empty, WARPS);
        mbarrier_init(&shared.item_full, 1);
        mbarrier_init(&shared.item_empty, WARPS);
        for (int stage = 0; stage < STAGES; stage++) {
            mbarrier_init(&shared.k_full[stage], 1);
            mbarrier_init(&shared.k_empty[stage], WARPS);
            mbarrier_init(&shared.v_full[stage], 1);
            mbarrier_init(&shared.v_empty[stage], WARPS);
        }
        mbarrier_init_fence();
    }
    __syncthreads();

    if (threadIdx.x < 128) {
        // ---- The producer.
        registers_down<PRODUCER_REGISTERS>();
        ring<STAGES> stage;
        u32 item_parity = 0, q_parity = 0;
        int item = blockIdx.x;
        while (threadIdx.x == 0) {
            mbarrier_wait(&shared.item_empty, item_parity ^ 1);
            shared.item = item;
            mbarrier_arrive(&shared.item_full);
            item_parity ^= 1;
            if (item >= work.items) break;
            const place at = locate(c, work, item);
            const sight seen = look(c, at.sequence, at.first_query, ROWS);
            if (seen.tiles > 0) {
                mbarrier_wait(&shared.q_empty, q_parity ^ 1);
                q_parity ^= 1;
                mbarrier_arrive_expect(&shared.q_full, ROWS * D * 2);
                load_tile<ROWS>(shared.q, q, &shared.q_full, at.first_query, at.head);
            }
            for (int i = 0; i < seen.tiles; i++) {
                int key = seen.first_key(i);
                mbarrier_wait(&shared.k_empty[stage.stage], stage.parity ^ 1);
                mbarrier_arrive_expect(&shared.k_full[stage.stage], KEYS * D * 2);
                load_tile<KEYS>(shared.k[stage.stage], k, &shared.k_full[stage.stage], key, at.shared_head);
                mbarrier_wait(&shared.v_empty[stage.stage], stage.parity ^ 1);
                mbarrier_arrive_expect(&shared.v_full[stage.stage], KEYS * D * 2);
                load_tile<KEYS>(shared.v[stage.stage], v, &shared.v_full[stage.stage], key, at.shared_head);
                stage.next();
            }
            item = gridDim.x + atomicAdd(&work.counters[0], 1);
        }
        // The last block leaves the counters as it found them.
        if (threadIdx.x == 0 && atomicAdd(&work.counters[1], 1) == gridDim.x - 1)
            work.counters[0] = work.counters[1] = 0;
    } else {
        // ---- A consumer.
        registers_up<CONSUMER_REGISTERS>();
        const int consumer = threadIdx.x / 128 - 1, warp = threadIdx.x / WARP - 4;
        const bool first_lane = threadIdx.x % WARP == 0;
#if Q_IN_REGISTERS
        const u8* const q_at = shared.q + (consumer * 64 + warp % 4 * 16) * 128;
        u32 own_q[D / 16][4];
#else
        const u8* const own_q = shared.q + consumer * 64 * 128;
#endif
        // Each warp says that it is through.
        auto free = [&](u64* barrier) {
            if (first_lane) mbarrier_arrive(barrier);
        };
        // The other consumers' turns come between.
        auto wait_for_turn = [&] {
            if (PING_PONG) named_barrier_sync(TURN + consumer, 256);
        };
        auto pass_turn = [&] {
            if (PING_PONG) named_barrier_arrive(TURN + (consumer + 1) % CONSUMERS, 256);
        };
        if (PING_PONG && consumer == CONSUMERS - 1) pass_turn();

        ring<STAGES> k_at, v_at;
        u32 item_parity = 0, q_parity = 0;
        while (true) {
            mbarrier_wait(&shared.item_full, item_parity);
            item_parity ^= 1;
            const int item = shared.item;
            __syncwarp();
            free(&shared.item_empty);
            if (item >= work.items) break;
            const place at = locate(c, work, item);
            const sight seen = look(c, at.sequence, at.first_query, ROWS);
            const int first_row = at.first_query + 16 * warp;
            const float slope = RULES == ANY && c.slopes ? c.slopes[at.head % c.h] * LOG2_E / c.scale : 0.f;
            float o[D / 2], s[KEYS / 2], factor[2];
            u32 p[KEYS / 16][4];
            softmax sums;
#pragma unroll
            for (int i = 0; i < D / 2; i++) o[i] = 0.f;

            if (seen.tiles > 0) {
                // The first tile's weights.
                const int key = seen.first_key(0);
                mbarrier_wait(&shared.q_full, q_parity);
                q_parity ^= 1;
#if Q_IN_REGISTERS
#pragma unroll
                for (int step = 0; step < D / 16; step++) load_rows<ROWS>(own_q[step], q_at, step);
                free(&shared.q_empty);
#endif
                mbarrier_wait(&shared.k_full[k_at.stage], k_at.parity);
                wgmma_fence();
                multiply_qk<ROWS>(s, own_q, shared.k[k_at.stage]);
                wgmma_commit();
                wgmma_wait<0>();
                pin(s);
                free(&shared.k_empty[k_at.stage]);
                k_at.next();
                hide(s, c, seen.length, first_row, key, slope);
                sums.weigh(s, c.scale, factor);
                pack(p, s);
                if (key + KEYS > seen.length && seen.length < c.m) {
                    mbarrier_wait(&shared.v_full[v_at.stage], v_at.parity);
                    clear_values(shared.v[v_at.stage], seen.length - key, ALONE + consumer);
                }

                // Each turn: the next tile's scores, this one's product with the values, the next one's weights.
                auto turn = [&](bool masked, int i) {
                    mbarrier_wait(&shared.k_full[k_at.stage], k_at.parity);
                    wait_for_turn();
                    pin(o);
                    pin_all(p);
                    wgmma_fence();
                    multiply_qk<ROWS>(s, own_q, shared.k[k_at.stage]);
                    wgmma_commit();
                    mbarrier_wait(&shared.v_full[v_at.stage], v_at.parity);
                    wgmma_fence();
                    multiply_pv(o, p, shared.v[v_at.stage]);
                    wgmma_commit();
                    pass_turn();
                    wgmma_wait<OVERLAP ? 1 : 0>();
                    pin(s);
                    free(&shared.k_empty[k_at.stage]);
                    k_at.next();
                    if (masked) hide(s, c, seen.length, first_row, seen.first_key(i), slope);
                    bool grown = sums.weigh(s, c.scale, factor);
                    if (OVERLAP) wgmma_wait<0>();
                    pin(o);
                    free(&shared.v_empty[v_at.stage]);
                    v_at.next();
                    if (grown) rescale(o, factor);
                    pack(p, s);
                };
                int i = 1;
                if (RULES == ANY) {
                    for (; i < seen.tiles; i++) {
                        if (seen.whole(i))
                            turn(false, i);
                        else
                            turn(true, i);
                    }
                } else {
                    for (; i < seen.masked; i++) turn(true, i);
                    for (; i < seen.tiles; i++) turn(false, i);
                }
                if (!Q_IN_REGISTERS) free(&shared.q_empty);

                mbarrier_wait(&shared.v_full[v_at.stage], v_at.parity);
                pin(o);
                pin_all(p);
                wgmma_fence();
                multiply_pv(o, p, shared.v[v_at.stage]);
                wgmma_commit();
                wgmma_wait<0>();
                pin(o);
                free(&shared.v_empty[v_at.stage]);
                v_at.next();
            }
            i64 line = i64(at.head) * c.n + first_row;
            store_rows(out + line * D, c.lse ? c.lse + line : nullptr, c.n - first_row, o, sums, c.scale);
        }
    }
}
