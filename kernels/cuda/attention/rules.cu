// The call, and which keys a query sees. RULES and KEYS, the keys of a tile, are defines; needs softmax.cu.

// Sizes and rules, as the host's Options of the same names.
struct call {
    int b, h, kv_heads, n, m;
    // log2(e)/√d: scores become exponents of 2 by one multiplication.
    float scale;
    int causal;
    // None is beyond every distance.
    int window, globals;
    // [h] or null; [b] or null; [b h n] or null.
    const float* slopes;
    const int* lengths;
    float* lse;
};

// RULES: which of them an instance knows. All know lengths.
constexpr int FULL = 0, CAUSAL = 1, ANY = 2;

// What a block of queries of one head sees, in tiles of KEYS keys: those from near_first to near_end, and before
// them the tiles with global keys, 0 to globals_end. They are walked from the last to the first, because the
// ragged end and the diagonal, which have to be hidden in part, come first then and all that follow are whole.
struct sight {
    int length, near_first, near_end, globals_end, tiles;
    // The first `masked` tiles are not seen whole by every query; where any rule may be, those are whole that lie
    // within these keys.
    int masked, whole_begin, whole_end;

    __device__ bool whole(int i) const {
        int key = first_key(i);
        return RULES == ANY ? key >= whole_begin && key + KEYS <= whole_end : i >= masked;
    }

    __device__ int first_key(int i) const {
        int near = near_end - near_first;
        return KEYS * (i < near ? near_end - 1 - i : globals_end - 1 - (i - near));
    }
};

__device__ inline sight look(const call& c, int sequence, int first_query, int queries) {
    sight at;
    at.length = c.lengths ? min(max(c.lengths[sequence], 0), c.m) : c.m;
    int last_query = min(first_query + queries, c.n) - 1;
    int first = first_query + at.length - c.n, last = last_query + at.length - c.n;
    bool causal = RULES == CAUSAL || (RULES == ANY && c.causal);
    int cap = causal ? min(at.length, max(last + 1, 0)) : at.length;
    int begin = 0, end = cap, globals = 0;
    if (RULES == ANY && c.globals > 0) globals = min(c.globals, cap);
    // A global query sees all that causality shows.
    bool windowed = RULES == ANY && c.window < c.n + c.m && !(first < c.globals && last >= 0);
    if (windowed) {
        begin = max(first - c.window + 1, 0);
        end = max(min(cap, last + c.window), 0);
    }
    at.near_first = begin / KEYS;
    at.near_end = end > begin ? (end + KEYS - 1) / KEYS : at.near_first;
    if (end <= begin) at.near_first = at.near_end = (globals + KEYS - 1) / KEYS;
    at.globals_end = windowed ? min((globals + KEYS - 1) / KEYS, at.near_first) : 0;
    at.tiles = at.near_end - at.near_first + at.globals_end;
    int whole = causal ? min(max(first + 1, 0), at.length) / KEYS : at.length / KEYS;
    at.masked = RULES == ANY ? at.tiles : max(at.near_end - whole, 0);
    at.whole_begin = 0;
    at.whole_end = causal ? min(first + 1, at.length) : at.length;
    if (RULES == ANY && c.window < c.n + c.m) {
        at.whole_begin = max(last - c.window + 1, 0);
        at.whole_end = min(at.whole_end, first + c.window);
    }
    // Distances count in every tile.
    if (RULES == ANY && c.slopes) at.whole_end = 0;
    return at;
}

// What one query sees: keys begin to begin + width, and those before `globals`.
struct seen {
    int begin, width, globals, position;
};

__device__ inline seen see(const call& c, int length, int query) {
    int position = query + length - c.n;
    bool causal = RULES == CAUSAL || (RULES == ANY && c.causal);
    int cap = causal ? min(length, max(position + 1, 0)) : length;
    int begin = 0, end = cap;
    if (RULES == ANY && c.window < c.n + c.m && !(position >= 0 && position < c.globals)) {
        begin = max(position - c.window + 1, 0);
        end = max(min(cap, position + c.window), begin);
    }
    return seen{begin, end - begin, RULES == ANY ? min(c.globals, cap) : 0, position};
}

// Takes ALiBi's slope·distance off the scores of a tile, and hides what its rows do not see; first_row is the
// query of the warp's first row. `slope` is in units of the scores before they are scaled.
template <int N>
__device__ inline void hide(float (&s)[N], const call& c, int length, int first_row, int first_key, float slope) {
    int column = first_key + 2 * (threadIdx.x % 4);
#pragma unroll
    for (int row = 0; row < 2; row++) {
        const seen can = see(c, length, first_row + threadIdx.x % WARP / 4 + 8 * row);
        // Distances as f32: exact, and without a conversion for each.
        float behind = float(can.position - column);
        int from = can.begin - column, width = can.width, globals = can.globals - column;
#pragma unroll
        for (int i = 0; i < N; i++) {
            if (i / 2 % 2 != row) continue;
            int at = 8 * (i / 4) + i % 2;
            if (RULES == ANY) s[i] = fmaf(-slope, fabsf(behind - float(at)), s[i]);
            bool visible = RULES == ANY ? u32(at - from) < u32(width) || at < globals : at < width + from;
            s[i] = visible ? s[i] : -INFINITY_F32;
        }
    }
}
