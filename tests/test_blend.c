/* Overlapping windows added into a clip. */
#include <math.h>
#include <string.h>

#include "reference.h"
#include "support_net.h"

#include "compare.h"

typedef struct blending {
    plan *p;
    int start, fresh;
    array clip, x, w, want;
} blending;

static blending blending_new(int batch, int clip_length, int length, int channels, int kind) {
    blending k = {.clip = array_random(shape_1d(batch, clip_length, channels), 1),
                  .x = array_random(shape_1d(batch, length, channels), 2),
                  .w = array_random(shape_1d(1, length, 1), 3),
                  .want = array_new(shape_1d(batch, clip_length, channels))};
    memcpy(k.want.v, k.clip.v, k.clip.count * sizeof(float));
    pretend_kind(kind);
    net *n = net_new(support_compute(), NULL, "test", 1);
    k.start = net_parameter(n, "start");
    k.fresh = net_parameter(n, "fresh");
    tensor clip = net_state(n, "clip", k.clip.s, STORE_F32);
    blend(n, clip, staged_input(n, "x", PHASE_STEP, k.x.s), staged_input(n, "w", PHASE_STEP, k.w.s), k.start, k.fresh);
    const support_input inputs[] = {{"clip", k.clip.v, k.clip.count * sizeof(float)},
                                    {"x", k.x.v, k.x.count * sizeof(float)},
                                    {"w", k.w.v, k.w.count * sizeof(float)},
                                    {0}};
    k.p = support_plan(n, inputs);
    return k;
}

static void blending_free(blending *k) {
    plan_free(k->p);
    array_free(&k->clip);
    array_free(&k->x);
    array_free(&k->w);
    array_free(&k->want);
}

static void blend_at(blending *k, unsigned start, unsigned fresh) {
    const size_t channels = (size_t)k->x.s.channels;
    for (int b = 0; b < k->x.s.batch; b++)
        for (size_t l = 0; l < (size_t)k->x.s.length && start + l < (size_t)k->clip.s.length; l++)
            for (size_t c = 0; c < channels; c++) {
                float *to = &array_block(&k->want, 0, b)[(start + l) * channels + c];
                const double x = array_block(&k->x, 0, b)[l * channels + c];
                *to = (float)((start + l >= fresh ? 0.0 : *to) + (double)k->w.v[l] * x);
            }
    plan_set(k->p, k->start, start);
    plan_set(k->p, k->fresh, fresh);
    assert_ok(plan_run(k->p, PHASE_STEP, 0));
}

/* Three windows: the first assigns all its rows, the second adds where it overlaps the first, the third passes the
 * clip's end. */
static void check(int batch, int clip_length, int length, int channels, int kind) {
    blending k = blending_new(batch, clip_length, length, channels, kind);
    const unsigned hop = ((unsigned)length + 1) / 2, last = (unsigned)clip_length - 1;
    blend_at(&k, 0, 0);
    blend_at(&k, hop, (unsigned)length);
    blend_at(&k, last, last + 1);
    blend_at(&k, last + 2, 0); /* nothing at all */
    assert_ok(plan_read(k.p, "clip", k.clip.v, k.clip.count * sizeof(float)));
    /* At most three terms within [-1, 1] meet in a number, a rounding of the product and of the sum for each. */
    assert_arrays_close(k.clip.v, k.want.v, k.want.count, 3 * 2 * 3 * ROUNDOFF);
    blending_free(&k);
}

static void test_shapes(void **state) {
    (void)state;
    static const int cases[][3] = {{1, 1, 1}, {29, 13, 3}, {64, 32, 176}, {37, 64, 17}, {1031, 600, 5}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int kind = 0; kind < DEVICE_KINDS; kind++)
            check(1 + (int)i % 3, cases[i][0], cases[i][1], cases[i][2], kind);
}

/* What is assigned takes nothing from what was there. */
static void test_fresh_rows_forget(void **state) {
    (void)state;
    blending k = blending_new(1, 7, 7, 5, 0);
    for (size_t i = 0; i < k.clip.count; i++)
        k.clip.v[i] = NAN;
    assert_ok(plan_write(k.p, "clip", k.clip.v, k.clip.count * sizeof(float)));
    blend_at(&k, 0, 0);
    assert_ok(plan_read(k.p, "clip", k.clip.v, k.clip.count * sizeof(float)));
    assert_arrays_close(k.clip.v, k.want.v, k.want.count, ROUNDOFF); /* one product */
    blending_free(&k);
}

static void test_refuses(void **state) {
    (void)state;
    net *n = net_new(support_compute(), NULL, "test", 1);
    tensor clip = net_state(n, "clip", shape_1d(1, 9, 4), STORE_F32);
    blend(n, clip, net_input(n, "x", PHASE_STEP, shape_1d(1, 3, 5), STORE_F32),
          net_input(n, "w", PHASE_STEP, shape_1d(1, 3, 1), STORE_F32), 0, 0);
    plan *p = NULL;
    assert_int_equal(plan_build(&p, n), LORIS_ERROR_INTERNAL);
    assert_non_null(strstr(loris_error_message(), "blend"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_fresh_rows_forget),
        cmocka_unit_test(test_refuses),
    };
    return cmocka_run_group_tests(tests, support_open, support_close);
}
