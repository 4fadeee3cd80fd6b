// Softmax of rows: read once, held in registers by a team, see rows.cu; written once.
//
// A thread's numbers give it a maximum and a sum below that; one merge over the team gives those of the row.
// Rows too long for registers are read twice.

__device__ inline Vec<TYPE> weights(Vec<TYPE> x, Online row) {
    Floats<TYPE> y = floats(x);
    // A row of −∞ alone has no weight to share.
    float inverse = row.sum == 0.f ? 0.f : 1.f / row.sum;
    if (row.max == INFINITY_F32) {
        // Where k numbers are +∞, they share the weight; a NaN in the sum is everywhere.
#pragma unroll
        for (int k = 0; k < y.N; k++) y.at[k] = (y.at[k] == INFINITY_F32 ? 1.f : 0.f) * inverse;
    } else {
#pragma unroll
        for (int k = 0; k < y.N; k++) y.at[k] = exp2_fast((y.at[k] - row.max) * LOG2_E) * inverse;
    }
    return rounded<TYPE>(y);
}

template <int VECS, int SIZE>
__device__ inline void softmax(TYPE* __restrict__ out, const TYPE* __restrict__ x, u64 rows, u32 m) {
    Team<SIZE> team;
    team.template fetch<VECS>(x, rows, m, 0);
    do {
        u32 cols = m;
        u64 at = team.begin(rows, cols);
        Cut<TYPE> cut(x + at, cols);
        Vec<TYPE> held[VECS];
        team.take(held, cut, x + at, -INFINITY_F32);
        team.template fetch<VECS>(x, rows, m, 1);
        Online online = Online::none();
#pragma unroll
        for (int i = 0; i < VECS; i++) online.add(floats(held[i]));
        Online row = team.template reduce<0>(online);
#pragma unroll
        for (int i = 0; i < VECS; i++) cut.write(out + at, team.member + i * team.size, weights(forget(held[i]), row));
    } while (team.next(rows));
}

#if CLUSTERS
CLUSTER_KERNEL(BLOCKS) cluster4(TYPE* out, const TYPE* x, u64 rows, u32 cols) { softmax<4, CLUSTER>(out, x, rows, cols); }
CLUSTER_KERNEL(BLOCKS) cluster8(TYPE* out, const TYPE* x, u64 rows, u32 cols) { softmax<8, CLUSTER>(out, x, rows, cols); }
#else
ROWS_KERNEL held4(TYPE* out, const TYPE* x, u64 rows, u32 cols) { softmax<4, 1>(out, x, rows, cols); }
ROWS_KERNEL held8(TYPE* out, const TYPE* x, u64 rows, u32 cols) { softmax<8, 1>(out, x, rows, cols); }

ROWS_KERNEL twice(TYPE* __restrict__ out, const TYPE* __restrict__ x, u64 rows, u32 cols) {
    constexpr int VECS = 4;
    Team<1> team;
    u64 at = team.begin(rows, cols);
    Cut<TYPE> cut(x + at, cols);
    Online row = team.reduce<0>(read_online<VECS>(cut, x + at, team.member, team.size));
    for (u32 v = team.member; v < cut.vectors; v += VECS * team.size) {
        Vec<TYPE> y[VECS];
        cut.read(y, x + at, v, team.size, 0.f);
#pragma unroll
        for (int i = 0; i < VECS; i++) cut.write(out + at, v + i * team.size, weights(y[i], row));
    }
}
#endif
