/* The projection onto signals below a ceiling. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "media/ceiling.h"

enum { COUNT = 400, REACH = 60 };

/* The band-limited signal at time t, in samples: a sinc of +-REACH under a Hann window. */
static double signal_at(const float *x, double t) {
    const double pi = 3.14159265358979323846;
    double sum = 0;
    for (int i = (int)floor(t) - REACH; i <= (int)floor(t) + REACH; i++) {
        const double d = t - i;
        if (i >= 0 && i < COUNT)
            sum += x[i] * (fabs(d) < 1e-9 ? 1 : sin(pi * d) / (pi * d) * pow(cos(pi * d / (2 * REACH + 2)), 2));
    }
    return sum;
}

/* The largest magnitude at samples and quarters between them, away from the ends. */
static double true_peak(const float *x) {
    double peak = 0;
    for (int i = 4 * REACH; i < 4 * (COUNT - REACH); i++)
        peak = fmax(peak, fabs(signal_at(x, i / 4.0)));
    return peak;
}

/* A burst whose samples are all 0.7 of the peak between two of them. One pass leaves what its windowed taps and the
 * quarters miss; phase recovery makes a hundred. */
static void test_peaks_between_samples_are_found(void **state) {
    (void)state;
    ceiling_filter f;
    float x[COUNT];
    ceiling_filter_make(&f);
    for (int i = 0; i < COUNT; i++)
        x[i] = (float)(cos(3.14159265358979323846 * (i - 200.5) / 2) * exp(-pow((i - 200.5) / 20, 2)));
    float highest = 0;
    for (int i = 0; i < COUNT; i++)
        highest = fmaxf(highest, fabsf(x[i]));
    assert_true(highest < 0.71 && true_peak(x) > 0.99);
    ceiling_apply(&f, x, COUNT, 0.75f); /* above every sample */
    assert_true(true_peak(x) < 0.75 * 1.06); /* 0.5 dB */
}

static void test_what_is_below_stays(void **state) {
    (void)state;
    ceiling_filter f;
    float x[COUNT], before[COUNT];
    ceiling_filter_make(&f);
    for (int i = 0; i < COUNT; i++)
        before[i] = x[i] = (float)sin(0.1 * i) * 0.5f;
    ceiling_apply(&f, x, COUNT, 0.51f);
    assert_memory_equal(x, before, sizeof x);
}

/* Lengths below, at and above the taps; nothing beyond the end is touched. */
static void test_any_length(void **state) {
    (void)state;
    ceiling_filter f;
    ceiling_filter_make(&f);
    for (int count = 0; count <= 2 * CEILING_TAPS + 1; count++) {
        float *x = malloc(((size_t)count + 1) * sizeof *x);
        assert_non_null(x);
        for (int i = 0; i < count; i++)
            x[i] = i % 2 ? -3.0f : 2.0f;
        x[count] = 9;
        ceiling_apply(&f, x, count, 0.5f);
        for (int i = 0; i < count; i++)
            assert_true(fabsf(x[i]) < 0.75f);
        assert_true(x[count] == 9);
        free(x);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_peaks_between_samples_are_found),
        cmocka_unit_test(test_what_is_below_stays),
        cmocka_unit_test(test_any_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
