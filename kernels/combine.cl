/* A sampler's update in place: state = sum of k[index + i] in_i for i < COUNT, in that order; an input may be the state
 * itself. An input whose coefficient is 0 counts as 0 whatever it holds: before the first step there is no previous
 * value. Item i takes VEC REPEATS floats.
 *
 * Macros: VEC floats a vector, REPEATS vectors an item, COUNT 1 to 4, CLAMP 0 or 1. */

#define INPUT(in) global const float *in, uint in##_first
#define TERM(T, load, at) (k[at] != 0.0f ? load(in##at + in##at##_first + i) * k[at] : (T)(0.0f))
#define VALUE(p) (*(p))
#if COUNT == 1
#define SUM(T, load) TERM(T, load, 0)
#elif COUNT == 2
#define SUM(T, load) (TERM(T, load, 0) + TERM(T, load, 1))
#elif COUNT == 3
#define SUM(T, load) (TERM(T, load, 0) + TERM(T, load, 1) + TERM(T, load, 2))
#else
#define SUM(T, load) (TERM(T, load, 0) + TERM(T, load, 1) + TERM(T, load, 2) + TERM(T, load, 3))
#endif
#if CLAMP
#define RESULT(T, y) LIMIT(T, y, 1.0f)
#else
#define RESULT(T, y) (y)
#endif

/* The caller repeats an input for those past COUNT. */
KERNEL(combine)(global float *state, INPUT(in0), INPUT(in1), INPUT(in2), INPUT(in3), global const float *coefficients,
                uint first, int index, int count) {
    size_t i = get_global_id(0) * (VEC * REPEATS);
    const size_t end = min(i + VEC * REPEATS, (size_t)count);
    float k[COUNT];
    for (int at = 0; at < COUNT; at++)
        k[at] = coefficients[first + index + at];
    for (; i + VEC <= end; i += VEC) {
        const FLOATS y = SUM(FLOATS, LOAD);
        STORE(RESULT(FLOATS, y), state + i);
    }
    for (; i < end; i++) {
        const float y = SUM(float, VALUE);
        state[i] = RESULT(float, y);
    }
}
