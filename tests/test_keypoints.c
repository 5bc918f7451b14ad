/* MoveNet's decoding against a scalar one, and known answers. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reference.h"
#include "support_net.h"

#include "compare.h"

typedef struct maps {
    array center, heatmaps, regressions, offsets;
} maps;

static maps maps_new(int batch, int height, int width, int joints) {
    return (maps){array_new(shape_2d(batch, height, width, 1)), array_new(shape_2d(batch, height, width, joints)),
                  array_new(shape_2d(batch, height, width, 2 * joints)),
                  array_new(shape_2d(batch, height, width, 2 * joints))};
}

static void maps_free(maps *m) {
    array_free(&m->center);
    array_free(&m->heatmaps);
    array_free(&m->regressions);
    array_free(&m->offsets);
}

static int peak(const float *map, int channels, int channel, int height, int width, double y, double x) {
    double best = -1;
    int at = 0;
    for (int i = 0; i < height * width; i++) {
        const double v =
            1 / (1 + exp(-(double)map[i * channels + channel])) / (hypot(i / width - y, i % width - x) + 1.8);
        if (v > best) {
            best = v;
            at = i;
        }
    }
    return at;
}

static void decode(float *out, const maps *m, int b, int height, int width, int joints) {
    const float *heat = array_block(&m->heatmaps, 0, b), *offsets = array_block(&m->offsets, 0, b);
    const int person = peak(array_block(&m->center, 0, b), 1, 0, height, width, height / 2, width / 2);
    for (int j = 0; j < joints; j++) {
        const float *expected = array_block(&m->regressions, 0, b) + (person * joints + j) * 2;
        const double y = person / width + expected[0], x = person % width + expected[1];
        const int at = peak(heat, joints, j, height, width, y, x);
        out[3 * j] = (float)((at / width + (double)offsets[(at * joints + j) * 2]) / height);
        out[3 * j + 1] = (float)((at % width + (double)offsets[(at * joints + j) * 2 + 1]) / width);
        out[3 * j + 2] = (float)(1 / (1 + exp(-(double)heat[at * joints + j])));
    }
}

static void run(const maps *m, int kind, array *got) {
    pretend_kind(kind);
    net *n = net_new(support_compute(), NULL, "test", 1);
    tensor c = staged_input(n, "center", PHASE_STEP, m->center.s),
           h = staged_input(n, "heatmaps", PHASE_STEP, m->heatmaps.s);
    tensor r = staged_input(n, "regressions", PHASE_STEP, m->regressions.s),
           o = staged_input(n, "offsets", PHASE_STEP, m->offsets.s);
    net_output(n, "out", keypoints(n, c, h, r, o));
    const support_input inputs[] = {{"center", m->center.v, m->center.count * sizeof(float)},
                                    {"heatmaps", m->heatmaps.v, m->heatmaps.count * sizeof(float)},
                                    {"regressions", m->regressions.v, m->regressions.count * sizeof(float)},
                                    {"offsets", m->offsets.v, m->offsets.count * sizeof(float)},
                                    {0}};
    support_run(n, inputs, 0, "out", got->v, got->count);
}

/* Random maps in which each peak stands out by more than rounding can move it: values are on a lattice of 1/64. */
static void check(int batch, int height, int width, int joints, int kind) {
    maps m = maps_new(batch, height, width, joints);
    array *all[] = {&m.center, &m.heatmaps, &m.regressions, &m.offsets};
    for (size_t k = 0; k < 4; k++)
        support_fill(all[k]->v, all[k]->count, 20 + k);
    for (size_t i = 0; i < m.regressions.count; i++)
        m.regressions.v[i] *= (float)height;
    for (size_t i = 0; i < m.heatmaps.count; i++)
        m.heatmaps.v[i] *= 9;
    array want = array_new(shape_1d(batch, joints, 3)), got = array_new(want.s);
    for (int b = 0; b < batch; b++)
        decode(array_block(&want, 0, b), &m, b, height, width, joints);
    run(&m, kind, &got);
    assert_arrays_close(got.v, want.v, want.count,
                        8 * ROUNDOFF); /* results are below 2, after four roundings and an exp */
    maps_free(&m);
    array_free(&want);
    array_free(&got);
}

static void test_shapes(void **state) {
    (void)state;
    static const int cases[][4] = {{1, 1, 1, 1},    {1, 3, 5, 2},   {2, 7, 9, 17},
                                   {1, 48, 48, 17}, {1, 13, 31, 3}, {3, 2, 33, 5}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int kind = 0; kind < DEVICE_KINDS; kind++)
            check(cases[i][0], cases[i][1], cases[i][2], cases[i][3], kind);
}

/* One person in the middle and one at the side, equally likely: the middle one counts; a joint's heat beside the other
 * person is too far away, though it is a little hotter. */
static void test_the_person_in_the_middle(void **state) {
    (void)state;
    enum { SIDE = 16 };
    maps m = maps_new(1, SIDE, SIDE, 1);
    for (int i = 0; i < SIDE * SIDE; i++)
        m.center.v[i] = m.heatmaps.v[i] = -9;
    m.center.v[8 * SIDE + 9] = m.center.v[3 * SIDE + 1] = 2;
    m.heatmaps.v[6 * SIDE + 10] = 1;
    m.heatmaps.v[2 * SIDE + 1] = 1.2f;
    m.regressions.v[(8 * SIDE + 9) * 2] = -2; /* two rows above, one column to the right */
    m.regressions.v[(8 * SIDE + 9) * 2 + 1] = 1;
    m.offsets.v[(6 * SIDE + 10) * 2] = 0.25f;
    m.offsets.v[(6 * SIDE + 10) * 2 + 1] = -0.5f;
    array got = array_new(shape_1d(1, 1, 3));
    run(&m, 0, &got);
    assert_float_equal(got.v[0], 6.25f / SIDE, 0);
    assert_float_equal(got.v[1], 9.5f / SIDE, 0);
    assert_float_equal(got.v[2], 1 / (1 + expf(-1)), 2 * ROUNDOFF);
    array_free(&got);
    maps_free(&m);
}

/* Of equal peaks the first one counts, whatever the group's size. */
static void test_ties(void **state) {
    (void)state;
    maps m = maps_new(1, 5, 5, 1);
    for (int i = 0; i < 25; i++)
        m.heatmaps.v[i] = -50;
    m.heatmaps.v[7] = m.heatmaps.v[17] = m.heatmaps.v[11] = m.heatmaps.v[13] = 3; /* all one from the middle */
    array got = array_new(shape_1d(1, 1, 3));
    for (int kind = 0; kind < DEVICE_KINDS; kind++) {
        run(&m, kind, &got);
        assert_float_equal(got.v[0], 0.2f, 0);
        assert_float_equal(got.v[1], 0.4f, 0);
    }
    array_free(&got);
    maps_free(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_the_person_in_the_middle),
        cmocka_unit_test(test_ties),
    };
    return cmocka_run_group_tests(tests, support_open, support_close);
}
