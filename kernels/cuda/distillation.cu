// Distillation of soft targets: T²·KL(softmax(teacher / T) ‖ softmax(student / T)) of each row, and its gradient
// (Hinton, Vinyals and Dean 2015, arXiv 1503.02531).
//
// Both rows are read side by side, once. With u and v the teacher's and the student's logits below their
// maxima and e = exp(u / T),
//
//   Σ p·(ln p − ln q) = Σ e·(u − v) / (T·Σ e) − ln Σ e + ln Σ exp(v / T)
//
// so that three running sums are enough (the online softmax). For the gradient both rows stay in registers.

// A class without weight adds nothing, whatever it is multiplied with.
__device__ inline float weighed(float weight, float x) { return weight == 0.f ? 0.f : weight * x; }

// Maxima, sums of exponentials, and Σ e·(u − v).
struct Pair {
    float max_student, sum_student, max_teacher, sum_teacher, dots;

    static __device__ Pair none() { return Pair{LOWEST, 0.f, LOWEST, 0.f, 0.f}; }

    // `factor` is log₂(e) / T.
    __device__ void add(Floats<TYPE> student, Floats<TYPE> teacher, float factor) {
        float v = max_student, u = max_teacher;
#pragma unroll
        for (int k = 0; k < student.N; k++) {
            v = fmaxf(v, student.at[k]);
            u = fmaxf(u, teacher.at[k]);
        }
        raise(v, u, factor);
#pragma unroll
        for (int k = 0; k < student.N; k++) {
            float below_v = student.at[k] - v, below_u = teacher.at[k] - u, e = exp2_fast(below_u * factor);
            sum_student += exp2_fast(below_v * factor);
            sum_teacher += e;
            dots += weighed(e, below_u - below_v);
        }
    }

    // Each earlier u − v moves by the same, and each exponential shrinks.
    __device__ void raise(float v, float u, float factor) {
        float moved = __fsub_rn(max_teacher - u, max_student - v);
        float shrink = max_teacher == u ? 1.f : exp2_fast((max_teacher - u) * factor);
        dots = weighed(shrink, __fadd_rn(dots, weighed(sum_teacher, moved)));
        sum_teacher = __fmul_rn(sum_teacher, shrink);
        sum_student = __fmul_rn(sum_student, max_student == v ? 1.f : exp2_fast((max_student - v) * factor));
        max_teacher = u;
        max_student = v;
    }

    __device__ void merge_by(Pair other, float factor) {
        float v = fmaxf(max_student, other.max_student), u = fmaxf(max_teacher, other.max_teacher);
        raise(v, u, factor);
        other.raise(v, u, factor);
        sum_student = __fadd_rn(sum_student, other.sum_student);
        sum_teacher = __fadd_rn(sum_teacher, other.sum_teacher);
        dots = __fadd_rn(dots, other.dots);
    }

    __device__ float loss(float temperature) const {
        double t = temperature, cross = double(dots) / sum_teacher / t;
        return float(t * t * (cross - log(double(sum_teacher)) + log(double(sum_student))));
    }
};

// A pair that brings its factor along to a merge over the team.
struct Scaled {
    Pair pair;
    float factor;
    static __device__ Scaled none() { return Scaled{Pair::none(), 0.f}; }
    __device__ void merge(Scaled other) {
        factor = fmaxf(factor, other.factor);
        pair.merge_by(other.pair, factor);
    }
};

// factor·(softmax(student / T) − softmax(teacher / T))
struct Slopes {
    float max_student, max_teacher, by_student, by_teacher, exponent;

    __device__ Slopes(Pair row, float exponent, float factor)
        : max_student(row.max_student),
          max_teacher(row.max_teacher),
          by_student(factor / row.sum_student),
          by_teacher(factor / row.sum_teacher),
          exponent(exponent) {}

    __device__ Vec<TYPE> of(Vec<TYPE> student, Vec<TYPE> teacher) const {
        Floats<TYPE> q = floats(student), p = floats(teacher);
#pragma unroll
        for (int k = 0; k < q.N; k++) {
            float e = exp2_fast((p.at[k] - max_teacher) * exponent);
            q.at[k] = exp2_fast((q.at[k] - max_student) * exponent) * by_student - e * by_teacher;
        }
        return rounded<TYPE>(q);
    }
};

template <int CLUSTER>
__device__ inline void both(float* __restrict__ losses, TYPE* __restrict__ gradient, const TYPE* __restrict__ student,
                            const TYPE* __restrict__ teacher, u64 rows, u32 cols, float temperature) {
    constexpr int VECS = 4;
    Team<CLUSTER> team;
    u64 at = team.begin(rows, cols);
    Cut<TYPE> cut(student + at, cols);
    Vec<TYPE> v[VECS], u[VECS];
    cut.read(v, student + at, team.member, team.size, -INFINITY_F32);
    cut.read(u, teacher + at, team.member, team.size, -INFINITY_F32);
    float factor = LOG2_E / temperature;
    Scaled own = Scaled{Pair::none(), factor};
#pragma unroll
    for (int i = 0; i < VECS; i++) own.pair.add(floats(v[i]), floats(u[i]), factor);
    Pair row = team.template reduce<0>(own).pair;
    if (team.member == 0 && team.row < rows) losses[team.row] = row.loss(temperature);
    Slopes slopes(row, factor, temperature / float(rows));
#pragma unroll
    for (int i = 0; i < VECS; i++)
        cut.write(gradient + at, team.member + i * team.size, slopes.of(forget(v[i]), forget(u[i])));
}

#define BOTH_ARGUMENTS \
    float *losses, TYPE *gradient, const TYPE *student, const TYPE *teacher, u64 rows, u32 cols, float temperature
#define BOTH_VALUES losses, gradient, student, teacher, rows, cols, temperature

#if CLUSTERS
CLUSTER_KERNEL(2) cluster2(BOTH_ARGUMENTS) { both<2>(BOTH_VALUES); }
CLUSTER_KERNEL(4) cluster4(BOTH_ARGUMENTS) { both<4>(BOTH_VALUES); }
CLUSTER_KERNEL(8) cluster8(BOTH_ARGUMENTS) { both<8>(BOTH_VALUES); }
#else
ROWS_KERNEL held4(BOTH_ARGUMENTS) { both<1>(BOTH_VALUES); }

// The next vectors are on their way while these are added up.
__device__ inline Pair read_pair(const Cut<TYPE>& cut, const TYPE* student, const TYPE* teacher, Team<1> team,
                                 float factor) {
    constexpr int VECS = 2;
    Pair pair = Pair::none();
    Vec<TYPE> next_v[VECS], next_u[VECS];
    cut.read(next_v, student, team.member, team.size, -INFINITY_F32);
    cut.read(next_u, teacher, team.member, team.size, -INFINITY_F32);
    for (u32 at = team.member; at < cut.vectors; at += VECS * team.size) {
        Vec<TYPE> v[VECS], u[VECS];
#pragma unroll
        for (int i = 0; i < VECS; i++) v[i] = next_v[i], u[i] = next_u[i];
        u32 then = at + VECS * team.size;
        if (then < cut.vectors) {
            cut.read(next_v, student, then, team.size, -INFINITY_F32);
            cut.read(next_u, teacher, then, team.size, -INFINITY_F32);
        }
#pragma unroll
        for (int i = 0; i < VECS; i++) pair.add(floats(v[i]), floats(u[i]), factor);
    }
    return pair;
}

ROWS_KERNEL losses(float* __restrict__ losses, const TYPE* __restrict__ student, const TYPE* __restrict__ teacher,
                   u64 rows, u32 cols, float temperature) {
    Team<1> team;
    u64 at = team.begin(rows, cols);
    Cut<TYPE> cut(student + at, cols);
    float factor = LOG2_E / temperature;
    Pair pair = read_pair(cut, student + at, teacher + at, team, factor);
    Pair row = team.reduce<0>(Scaled{pair, factor}).pair;
    if (team.member == 0 && team.row < rows) losses[team.row] = row.loss(temperature);
}

// Rows too long for registers are read twice.
ROWS_KERNEL twice(float* __restrict__ losses, TYPE* __restrict__ gradient, const TYPE* __restrict__ student,
                  const TYPE* __restrict__ teacher, u64 rows, u32 cols, float temperature) {
    constexpr int VECS = 2;
    Team<1> team;
    u64 at = team.begin(rows, cols);
    Cut<TYPE> cut(student + at, cols);
    float factor = LOG2_E / temperature;
    Pair pair = read_pair(cut, student + at, teacher + at, team, factor);
    Pair row = team.reduce<0>(Scaled{pair, factor}).pair;
    if (team.member == 0 && team.row < rows) losses[team.row] = row.loss(temperature);
    Slopes slopes(row, factor, temperature / float(rows));
    for (u32 first = team.member; first < cut.vectors; first += VECS * team.size) {
        Vec<TYPE> v[VECS], u[VECS];
        cut.read(v, student + at, first, team.size, 0.f);
        cut.read(u, teacher + at, first, team.size, 0.f);
#pragma unroll
        for (int i = 0; i < VECS; i++) cut.write(gradient + at, first + i * team.size, slopes.of(v[i], u[i]));
    }
}

// One block: the mean of all losses, in f64 and always in the same order.
extern "C" __global__ void __launch_bounds__(1024) mean(double* __restrict__ out, const float* __restrict__ losses,
                                                        u64 rows) {
    __shared__ double parts[1024];
    double sum = 0.;
    for (u64 row = threadIdx.x; row < rows; row += 1024) sum += losses[row];
    parts[threadIdx.x] = sum;
    for (u32 step = 512; step > 0; step /= 2) {
        __syncthreads();
        if (threadIdx.x < step) parts[threadIdx.x] += parts[threadIdx.x + step];
    }
    if (threadIdx.x == 0) *out = rows > 0 ? parts[0] / double(rows) : 0.;
}
#endif
