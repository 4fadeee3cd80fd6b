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

    // Takes maxima in: before any exponential.
    __device__ void see(Floats<TYPE> student, Floats<TYPE> teacher) {
#pragma unroll
        for (int k = 0; k < student.N; k++) {
            max_student = fmaxf(max_student, student.at[k]);
            max_teacher = fmaxf(max_teacher, teacher.at[k]);
        }
    }

    // Adds up exponentials below the maxima, and leaves them in place of the numbers. `factor` is log₂(e) / T.
    __device__ void exponentials(Floats<TYPE>& student, Floats<TYPE>& teacher, float factor) {
#pragma unroll
        for (int k = 0; k < student.N; k++) {
            float below_v = student.at[k] - max_student, below_u = teacher.at[k] - max_teacher;
            student.at[k] = exp2_fast(below_v * factor);
            teacher.at[k] = exp2_fast(below_u * factor);
            sum_student += student.at[k];
            sum_teacher += teacher.at[k];
            dots += weighed(teacher.at[k], below_u - below_v);
        }
    }

    __device__ void add(Floats<TYPE> student, Floats<TYPE> teacher, float factor) {
        Pair seen = *this;
        seen.see(student, teacher);
        raise(seen.max_student, seen.max_teacher, factor);
        exponentials(student, teacher, factor);
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

template <int VECS, int SIZE>
__device__ inline void both(float* __restrict__ losses, TYPE* __restrict__ gradient, const TYPE* __restrict__ student,
                            const TYPE* __restrict__ teacher, u64 rows, u32 classes, float temperature) {
    Team<SIZE> team;
    team.template fetch<VECS>(student, rows, classes, 0);
    team.template fetch<VECS>(teacher, rows, classes, 0, VECS);
    float factor = LOG2_E / temperature, scale = temperature / float(rows);
    do {
        u32 cols = classes;
        u64 at = team.begin(rows, cols);
        Cut<TYPE> cut(student + at, cols);
        Vec<TYPE> v[VECS], u[VECS];
        team.take(v, cut, student + at, -INFINITY_F32);
        team.take(u, cut, teacher + at, -INFINITY_F32, VECS);
        team.template fetch<VECS>(student, rows, classes, 1);
        team.template fetch<VECS>(teacher, rows, classes, 1, VECS);
        // The maxima first: then each exponential is taken once, and kept.
        Pair own = Pair::none();
#pragma unroll
        for (int i = 0; i < VECS; i++) own.see(floats(v[i]), floats(u[i]));
        Floats<TYPE> q[VECS], p[VECS];
#pragma unroll
        for (int i = 0; i < VECS; i++) {
            q[i] = floats(forget(v[i])), p[i] = floats(forget(u[i]));
            own.exponentials(q[i], p[i], factor);
        }
        Pair row = team.template reduce<0>(Scaled{own, factor}).pair;
        if (team.member == 0 && team.row < rows) losses[team.row] = row.loss(temperature);
        // From exponentials below this thread's maxima to softmax of the row.
        float by_q = scale / row.sum_student * exp2_fast((own.max_student - row.max_student) * factor);
        float by_p = scale / row.sum_teacher * exp2_fast((own.max_teacher - row.max_teacher) * factor);
#pragma unroll
        for (int i = 0; i < VECS; i++) {
#pragma unroll
            for (int k = 0; k < q[i].N; k++) q[i].at[k] = q[i].at[k] * by_q - p[i].at[k] * by_p;
            cut.write(gradient + at, team.member + i * team.size, rounded<TYPE>(q[i]));
        }
    } while (team.next(rows));
}

#define BOTH_ARGUMENTS \
    float *losses, TYPE *gradient, const TYPE *student, const TYPE *teacher, u64 rows, u32 cols, float temperature
#define BOTH_VALUES losses, gradient, student, teacher, rows, cols, temperature

#if CLUSTERS
// Exponentials of both rows in f32 leave no room for a second block.
CLUSTER_KERNEL(sizeof(TYPE) == 4 ? BLOCKS : 1) cluster2(BOTH_ARGUMENTS) { both<2, CLUSTER>(BOTH_VALUES); }
CLUSTER_KERNEL(1) cluster4(BOTH_ARGUMENTS) { both<4, CLUSTER>(BOTH_VALUES); }
#else
extern "C" __global__ void __launch_bounds__(512, 1) held4(BOTH_ARGUMENTS) { both<4, 1>(BOTH_VALUES); }

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
