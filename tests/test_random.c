/* Philox against Random123's known answers; what is drawn from it against probability. Everything is deterministic: a
 * statistical bound of 5 standard deviations is a fact about these seeds, not a chance. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "core/random.h"

/* Random123 1.14, tests/kat_vectors: philox4x32 10. */
static void test_philox_known_answers(void **state) {
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } known[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        uint32_t out[4];
        philox4x32(known[i].counter, known[i].key, out);
        assert_memory_equal(out, known[i].out, sizeof out);
    }
}

/* Values of an independent implementation (Python, arbitrary precision integers). Tolerance: nine printed digits. */
static void test_normal_known_answers(void **state) {
    (void)state;
    float got[5];
    static const float first[5] = {0.991137679f, -0.924662588f, -0.61760896f, -0.482068587f, -0.15363823f};
    random_normal(got, 0, 0, 0, 5);
    assert_arrays_close(got, first, 5, 1e-7);
    /* A seed and a stream above 32 bits, elements that start in mid-block and beyond 2^34 - so counters beyond 2^32. */
    static const float far[5] = {-0.709935723f, 0.0786182418f, 1.43652422f, 0.0463568616f, 0.053145659f};
    random_normal(got, 0x123456789abcdef0u, (uint64_t)7 << 33 | 5, ((uint64_t)1 << 35) + 3, 5);
    assert_arrays_close(got, far, 5, 2e-7);
}

static void test_normal_is_independent_of_the_range(void **state) {
    (void)state;
    enum { COUNT = 211 };
    static const size_t pieces[] = {1, 2, 3, 4, 5, 7, 8, 13, 64};
    const uint64_t starts[] = {0, 1, 3, ((uint64_t)1 << 34) - 5, UINT64_MAX - COUNT};
    for (size_t s = 0; s < sizeof starts / sizeof *starts; s++) {
        float whole[COUNT], cut[COUNT];
        random_normal(whole, 42, 9, starts[s], COUNT);
        for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++) {
            for (size_t at = 0; at < COUNT; at += pieces[p])
                random_normal(cut + at, 42, 9, starts[s] + at, COUNT - at < pieces[p] ? COUNT - at : pieces[p]);
            assert_memory_equal(cut, whole, sizeof whole);
        }
    }
    float untouched = 7.0f;
    random_normal(&untouched, 42, 9, 2, 0);
    assert_true(untouched == 7.0f);
}

static void test_seeds_and_streams_differ(void **state) {
    (void)state;
    float a[8], b[8];
    static const uint64_t pairs[][2] = {{1, 0}, {0, 1}, {(uint64_t)1 << 32, 0}, {0, (uint64_t)1 << 32}, {1, 1}};
    random_normal(a, 0, 0, 0, 8);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        random_normal(b, pairs[i][0], pairs[i][1], 0, 8);
        for (int k = 0; k < 8; k++)
            assert_true(a[k] != b[k]);
    }
}

static int compare_floats(const void *left, const void *right) {
    float l = *(const float *)left, r = *(const float *)right;
    return (l > r) - (l < r);
}

static void test_normal_distribution(void **state) {
    (void)state;
    enum { COUNT = 1 << 19 };
    const double n = COUNT;
    float *x = malloc(COUNT * sizeof *x);
    assert_non_null(x);
    random_normal(x, 2024, 3, 0, COUNT);
    double moment[5] = {0}, neighbours = 0.0;
    for (size_t i = 0; i < COUNT; i++) {
        double power = 1.0;
        for (int k = 1; k <= 4; k++)
            moment[k] += power *= (double)x[i];
        if (i > 0)
            neighbours += (double)x[i] * (double)x[i - 1];
    }
    /* Standard deviations of the sample moments of N(0,1): k-th moment sqrt((E x^2k - (E x^k)^2) / n). */
    assert_true(fabs(moment[1] / n) < 5.0 * sqrt(1.0 / n));
    assert_true(fabs(moment[2] / n - 1.0) < 5.0 * sqrt(2.0 / n));
    assert_true(fabs(moment[3] / n) < 5.0 * sqrt(15.0 / n));
    assert_true(fabs(moment[4] / n - 3.0) < 5.0 * sqrt(96.0 / n));
    assert_true(fabs(neighbours / n) < 5.0 * sqrt(1.0 / n));
    /* Kolmogorov-Smirnov: P(sqrt(n) D > 1.95) = 0.001. */
    qsort(x, COUNT, sizeof *x, compare_floats);
    double distance = 0.0;
    for (size_t i = 0; i < COUNT; i++) {
        double below = 0.5 * erfc(-(double)x[i] / sqrt(2.0));
        distance = fmax(distance, fmax(fabs(below - (double)i / n), fabs(below - (double)(i + 1) / n)));
    }
    assert_true(sqrt(n) * distance < 1.95);
    free(x);
}

static void test_sequence_reads_the_stream_word_by_word(void **state) {
    (void)state;
    random_state r = random_begin(0, 0);
    static const uint32_t words[4] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
    for (int i = 0; i < 4; i++)
        assert_int_equal(random_u32(&r), words[i]);
    const uint32_t counter[4] = {1, 0, 0, 0}, key[2] = {0, 0};
    uint32_t next[4];
    philox4x32(counter, key, next);
    assert_int_equal(random_u32(&r), next[0]);
    random_state again = random_begin(0, 0);
    again.next = 4;
    assert_int_equal(random_u32(&again), next[0]);
}

static void test_uniform(void **state) {
    (void)state;
    enum { COUNT = 200000, BINS = 97 };
    random_state r = random_begin(5, 6);
    int bins[BINS] = {0}, odd = 0;
    for (int i = 0; i < COUNT; i++) {
        double u = random_uniform(&r);
        assert_true(u >= 0.0 && u < 1.0);
        bins[(int)(u * BINS)]++;
        odd += (int)((uint64_t)(u * 9007199254740992.0) & 1); /* the 53rd bit is alive */
    }
    double chi = 0.0, expected = (double)COUNT / BINS;
    for (int i = 0; i < BINS; i++)
        chi += (bins[i] - expected) * (bins[i] - expected) / expected;
    /* Chi-square with 96 degrees of freedom: mean 96, variance 192. */
    assert_true(fabs(chi - 96.0) < 5.0 * sqrt(192.0));
    assert_true(fabs(odd - COUNT / 2.0) < 5.0 * sqrt(COUNT / 4.0));
    for (int i = 0; i < 1000; i++) {
        double u = random_range(&r, -3.0, 5.0);
        assert_true(u >= -3.0 && u < 5.0);
    }
    assert_true(random_range(&r, 2.5, 2.5) == 2.5);
}

/* For 3 * 2^29 results, words mapped without rejection would reach residues 0, 1, 2 modulo 3 with frequencies 3 : 3
 * : 2. */
static void test_below_has_no_bias(void **state) {
    (void)state;
    static const int ranges[] = {2, 3, 7, 12, 3 << 29};
    enum { COUNT = 60000 };
    random_state r = random_begin(77, 1);
    for (size_t k = 0; k < sizeof ranges / sizeof *ranges; k++) {
        int classes = ranges[k] < 13 ? ranges[k] : 3;
        int bins[12] = {0};
        for (int i = 0; i < COUNT; i++) {
            int value = random_below(&r, ranges[k]);
            assert_true(value >= 0 && value < ranges[k]);
            bins[value % classes]++;
        }
        double chi = 0.0, expected = (double)COUNT / classes;
        for (int i = 0; i < classes; i++)
            chi += (bins[i] - expected) * (bins[i] - expected) / expected;
        /* Mean `classes - 1`, variance twice that; the bias above would give chi = 480. */
        assert_true(chi < classes - 1 + 5.0 * sqrt(2.0 * (classes - 1)));
    }
    for (int i = 0; i < 10; i++)
        assert_int_equal(random_below(&r, 1), 0);
}

static void test_gauss(void **state) {
    (void)state;
    enum { COUNT = 100000 };
    random_state r = random_begin(8, 8);
    double sum = 0.0, squares = 0.0;
    for (int i = 0; i < COUNT; i++) {
        double x = random_gauss(&r, 10.0, 2.0);
        sum += x;
        squares += (x - 10.0) * (x - 10.0);
    }
    assert_true(fabs(sum / COUNT - 10.0) < 5.0 * 2.0 / sqrt(COUNT));
    assert_true(fabs(squares / COUNT - 4.0) < 5.0 * 4.0 * sqrt(2.0 / COUNT));
    assert_true(random_gauss(&r, 3.0, 0.0) == 3.0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_philox_known_answers),
        cmocka_unit_test(test_normal_known_answers),
        cmocka_unit_test(test_normal_is_independent_of_the_range),
        cmocka_unit_test(test_seeds_and_streams_differ),
        cmocka_unit_test(test_normal_distribution),
        cmocka_unit_test(test_sequence_reads_the_stream_word_by_word),
        cmocka_unit_test(test_uniform),
        cmocka_unit_test(test_below_has_no_bias),
        cmocka_unit_test(test_gauss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
