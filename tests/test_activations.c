/* erf_fast, gelu and silu of kernels/common.clh against libm in double, for every vector width. */
#include "compare.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compute/program.h"
#include "temporary.h"

static const char source_text[] = "KERNEL(apply)(global T *y, global const T *x) {\n"
                                  "    size_t i = get_global_id(0);\n"
                                  "    y[i] = FUNCTION(x[i]);\n"
                                  "}\n";

/* Dense around 0 and where the erf ends (4.2, and 4.2 sqrt 2 in GELU), every magnitude from subnormal to huge,
 * both signs. The count is a multiple of 16 * 16. */
enum { DENSE = 1 << 16, MAGNITUDES = 1 << 12, COUNT = 2 * (DENSE + MAGNITUDES) };

static float *make_inputs(void) {
    float *x = malloc(COUNT * sizeof *x);
    assert_non_null(x);
    for (int i = 0; i < DENSE; i++)
        x[i] = 8.0f * (float)i / DENSE;
    for (int i = 0; i < MAGNITUDES; i++)
        x[DENSE + i] = (float)ldexp(1.0 + (i % 7) / 7.0, i % 270 - 145);
    for (int i = 0; i < COUNT / 2; i++)
        x[COUNT / 2 + i] = -x[i];
    return x;
}

/* One program of every function at every width. */
enum { FUNCTIONS = 4, WIDTHS = 5 };
static const char *const functions[FUNCTIONS] = {"erf_fast", "gelu", "silu", "ACTIVATE"};
static const int widths[WIDTHS] = {1, 2, 4, 8, 16};

typedef struct bench {
    char folder[TEMPORARY_PATH_MAX];
    compute *c;
    program *p;
    int section[FUNCTIONS][WIDTHS];
    cl_mem in, out;
} bench;

static int begin(void **state) {
    static bench b;
    static const char *const suffixes[WIDTHS] = {"", "2", "4", "8", "16"};
    temporary_make(b.folder);
    temporary_write(b.folder, "apply.cl", source_text, strlen(source_text), NULL);
    assert_ok(compute_open(&b.c, &(compute_settings){.kernels_dir = b.folder, .cache_dir = ""}));
    assert_ok(program_new(&b.p, b.c));
    for (int f = 0; f < FUNCTIONS; f++) {
        for (int w = 0; w < WIDTHS; w++) {
            char defines[128];
            snprintf(defines, sizeof defines, "T=float%s FUNCTION=%s%s ACTIVATION=2", suffixes[w], functions[f],
                     suffixes[w]);
            assert_ok(program_section(b.p, "apply", defines, &b.section[f][w]));
        }
    }
    assert_ok(program_build(b.p));
    assert_ok(buffer_new(b.c, &b.in, COUNT * sizeof(float), NULL, "x"));
    assert_ok(buffer_new(b.c, &b.out, COUNT * sizeof(float), NULL, "y"));
    *state = &b;
    return 0;
}

static int end(void **state) {
    bench *b = *state;
    buffer_free(&b->in);
    buffer_free(&b->out);
    program_free(b->p);
    compute_close(b->c);
    temporary_remove(b->folder);
    return 0;
}

static void apply(bench *b, int function, int width, const float *x, float *y) {
    cl_kernel kernel;
    assert_ok(buffer_write(b->c, b->in, 0, x, COUNT * sizeof *x, "x"));
    assert_ok(program_kernel(b->p, b->section[function][width], "apply", &kernel));
    clSetKernelArg(kernel, 0, sizeof b->out, &b->out);
    clSetKernelArg(kernel, 1, sizeof b->in, &b->in);
    const size_t global = COUNT / (size_t)widths[width], local = 16;
    assert_ok(compute_pace(b->c, COUNT, functions[function]));
    assert_int_equal(clEnqueueNDRangeKernel(b->c->queue, kernel, 1, NULL, &global, &local, 0, NULL, NULL), CL_SUCCESS);
    assert_ok(buffer_read(b->c, b->out, 0, y, COUNT * sizeof *y, "y"));
    clReleaseKernel(kernel);
}

static double want_erf(double x) {
    return erf(x);
}

static double want_gelu(double x) {
    return 0.5 * x * erfc(-x * 0.70710678118654752440);
}

static double want_silu(double x) {
    return x / (1 + exp(-x));
}

/* As stated in common.clh. A subnormal result may be flushed to zero. */
static double erf_bound(double x, double want) {
    (void)x;
    (void)want;
    return 4e-7;
}

static double gelu_bound(double x, double want) {
    (void)want;
    return 4e-7 * fmax(1, fabs(x));
}

static double silu_bound(double x, double want) {
    /* below -87 exp(-x) nears the end of f32's range, and the result, at most 87 exp(-87) = 1.4e-36 large, may become 0
     */
    return x < -87 ? 1.5e-36 : 1e-6 * fabs(want) + 0x1p-126;
}

static void check(bench *b, int function, double want_of(double x), double bound_of(double x, double want)) {
    float *x = make_inputs(), *y = malloc(COUNT * sizeof *y);
    assert_non_null(y);
    for (int w = 0; w < WIDTHS; w++) {
        apply(b, function, w, x, y);
        for (int i = 0; i < COUNT; i++) {
            double want = want_of(x[i]), error = fabs(y[i] - want);
            if (!(error <= bound_of(x[i], want)))
                fail_msg("%s, width %d, of %a = %a, want %a: %g off", functions[function], widths[w], (double)x[i],
                         (double)y[i], want, error);
        }
    }
    free(x);
    free(y);
}

static void erf_is_within_its_bound(void **state) {
    check(*state, 0, want_erf, erf_bound);
}

static void gelu_is_within_its_bound(void **state) {
    check(*state, 1, want_gelu, gelu_bound);
}

static void silu_is_within_its_bound(void **state) {
    check(*state, 2, want_silu, silu_bound);
}

static void activate_is_what_its_macro_says(void **state) {
    check(*state, 3, want_gelu, gelu_bound);
}

static void the_ends_are_exact(void **state) {
    float *x = make_inputs(), *y = malloc(COUNT * sizeof *y);
    assert_non_null(y);
    for (int w = 0; w < WIDTHS; w++) {
        apply(*state, 1, w, x, y);
        for (int i = 0; i < COUNT; i++) {
            if (fabsf(x[i]) >= 6)
                assert_true(y[i] == (x[i] > 0 ? x[i] : 0));
        }
        apply(*state, 0, w, x, y);
        for (int i = 0; i < COUNT / 2; i++)
            assert_true(y[i] == -y[COUNT / 2 + i]); /* odd */
    }
    const float special[4] = {INFINITY, NAN, 0, 1};
    memcpy(x, special, sizeof special);
    for (int function = 1; function <= 2; function++) {
        apply(*state, function, 0, x, y);
        assert_true(y[0] == INFINITY && isnan(y[1]) && y[2] == 0);
    }
    free(x);
    free(y);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(erf_is_within_its_bound),  cmocka_unit_test(gelu_is_within_its_bound),
        cmocka_unit_test(silu_is_within_its_bound), cmocka_unit_test(activate_is_what_its_macro_says),
        cmocka_unit_test(the_ends_are_exact),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
