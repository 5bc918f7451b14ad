/* What makes tokens: embeddings, learned rows and peaks, Hawkes encoding, rows and stacks, against plain scalar
 * versions. */
#include <math.h>
#include <string.h>

#include "reference.h"
#include "support_net.h"

#include "compare.h"

static weights *new_weights(void) {
    weights *w = NULL;
    assert_ok(weights_new_empty(&w, support_compute()));
    return w;
}

static void embeddings_take_rows(void **state) {
    (void)state;
    static const int cases[][4] = {{1, 1, 1, 1}, {2, 5, 2, 3}, {1, 31, 10, 48}, {2, 67, 2, 129}, {1, 398, 2, 64}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int kind = 0; kind < DEVICE_KINDS; kind++) {
            const int batch = cases[i][0], length = cases[i][1], count = cases[i][2], width = cases[i][3];
            array want = array_new(shape_1d(batch, length, width)), got = array_new(want.s);
            weights *w = new_weights();
            const float *table = support_weight(w, "e.weight", 2, (const int64_t[]){count, width}, 1, 1, 0);
            cl_int indices[2 * 398];
            const int rows = batch * length;
            for (int r = 0; r < rows; r++) {
                indices[r] = r == 3 ? count + 5 : r == 4 ? -1 : r * 7 % count; /* beyond the table: its ends */
                const int row = indices[r] < 0 ? 0 : indices[r] >= count ? count - 1 : indices[r];
                memcpy(want.v + r * width, table + row * width, (size_t)width * sizeof(float));
            }
            pretend_kind(kind);
            net *n = net_new(support_compute(), w, "test", 1);
            tensor t = net_input(n, "i", PHASE_CLIP, shape_1d(batch, length, 1), STORE_I32);
            net_output(n, "out", embedding(n, t, "e", count, width));
            support_run(n, (const support_input[]){{"i", indices, (size_t)rows * sizeof *indices}, {0}}, 0, "out",
                        got.v, got.count);
            assert_arrays_close(got.v, want.v, want.count, 0);
            weights_free(w);
            array_free(&want);
            array_free(&got);
        }
}

static void learned_rows_are_the_first(void **state) {
    (void)state;
    for (int kind = 0; kind < DEVICE_KINDS; kind++) {
        array got = array_new(shape_1d(1, 13, 33));
        weights *w = new_weights();
        const float *table = support_weight(w, "e", 2, (const int64_t[]){17, 33}, 1, 1, 0);
        pretend_kind(kind);
        net *n = net_new(support_compute(), w, "test", 1);
        tensor t = learned_rows(n, "e", 17, 33, 13);
        assert_int_equal(phase_of(n, t), PHASE_LOAD);
        net_output(n, "out", t);
        support_run(n, NULL, 0, "out", got.v, got.count);
        assert_arrays_close(got.v, table, got.count, 0);
        weights_free(w);
        array_free(&got);
    }
}

/* As "row - min, over its max, truncated" in float, which is 1 at the maximum of the rows taken alone. */
static void learned_peaks_are_the_largest(void **state) {
    (void)state;
    float row[37];
    support_fill(row, 37, 3);
    row[30] = 2;             /* beyond the 29 rows taken */
    row[5] = row[20] = 1.5f; /* twice the maximum */
    row[11] = 1.4999f;       /* just below it */
    for (int flat = 0; flat < 2; flat++) {
        weights *w = new_weights();
        if (flat)
            for (int i = 0; i < 37; i++)
                row[i] = 0.25f;
        assert_ok(weights_add(w, "e", 2, (const int64_t[]){37, 1}, row));
        net *n = net_new(support_compute(), w, "test", 1);
        net_output(n, "out", learned_peaks(n, "e", 37, 29));
        cl_int got[29];
        plan *p = support_plan(n, NULL);
        assert_ok(plan_read(p, "out", got, sizeof got));
        for (int i = 0; i < 29; i++)
            assert_int_equal(got[i], !flat && (i == 5 || i == 20));
        plan_free(p);
        weights_free(w);
    }
}

static void hawkes_encoding_adds_waves(void **state) {
    (void)state;
    static const int cases[][3] = {{1, 1, 2}, {2, 7, 6}, {1, 398, 34}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const int batch = cases[i][0], length = cases[i][1], channels = cases[i][2], half = channels / 2;
        array x = array_random(shape_1d(batch, length, channels), 1), want = array_new(x.s), got = array_new(x.s);
        float position[400], frequency[64];
        for (int k = 0; k < 400; k++)
            position[k] = (float)k;
        for (int k = 0; k < half; k++)
            frequency[k] = expf((float)k * -0.1f);
        weights *w = new_weights();
        assert_ok(weights_add(w, "p.position", 2, (const int64_t[]){400, 1}, position));
        assert_ok(weights_add(w, "p.div_term", 1, (const int64_t[]){half}, frequency));
        const float *shift = support_weight(w, "p.Wt.weight", 2, (const int64_t[]){half, 1}, 2, 1, 0);
        for (int r = 0; r < batch * length; r++)
            for (int c = 0; c < channels; c++) {
                const float arc =
                    position[r % length] * frequency[c % half] + shift[c % half]; /* rounded as the kernel does */
                const double wave = c < half ? sin(arc) : cos(arc);
                want.v[r * channels + c] = (float)(sqrt(channels) * x.v[r * channels + c] + wave);
            }
        net *n = net_new(support_compute(), w, "test", 1);
        net_output(n, "out", hawkes_encoding(n, net_input(n, "x", PHASE_CLIP, x.s, STORE_F32), "p", 400));
        support_run(n, (const support_input[]){{"x", x.v, x.count * sizeof(float)}, {0}}, 0, "out", got.v, got.count);
        /* sin and cos are 4 ulp off at most; factor, product and sum round once each at up to sqrt C + 1. */
        assert_arrays_close(got.v, want.v, want.count, (8 + 3 * (sqrt(channels) + 1)) * ROUNDOFF);
        weights_free(w);
        array_free(&x);
        array_free(&want);
        array_free(&got);
    }
}

static void stacks_lie_above_each_other(void **state) {
    (void)state;
    static const int cases[][4] = {{1, 1, 1, 1}, {1, 1, 31, 17}, {2, 3, 7, 5}, {1, 2, 1031, 4}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int kind = 0; kind < DEVICE_KINDS; kind++) {
            array a = array_random(shape_1d(cases[i][0], cases[i][2], cases[i][3]), 1);
            array b = array_random(shape_1d(cases[i][1], cases[i][2], cases[i][3]), 2);
            array got = array_new(shape_1d(cases[i][0] + cases[i][1], cases[i][2], cases[i][3]));
            pretend_kind(kind);
            net *n = net_new(support_compute(), NULL, "test", 1);
            net_output(n, "out",
                       stack(n, staged_input(n, "a", PHASE_CLIP, a.s), staged_input(n, "b", PHASE_STEP, b.s)));
            const support_input inputs[] = {
                {"a", a.v, a.count * sizeof(float)}, {"b", b.v, b.count * sizeof(float)}, {0}};
            support_run(n, inputs, 0, "out", got.v, got.count);
            assert_arrays_close(got.v, a.v, a.count, 0);
            assert_arrays_close(got.v + a.count, b.v, b.count, 0);
            array_free(&a);
            array_free(&b);
            array_free(&got);
        }
}

static void repeats_follow_each_other(void **state) {
    (void)state;
    static const int cases[][4] = {{2, 4, 1, 1}, {3, 9, 31, 17}, {2, 6, 1031, 4}, {1, 5, 7, 3}, {3, 2, 7, 3}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int kind = 0; kind < DEVICE_KINDS; kind++) {
            array x = array_random(shape_1d(cases[i][0], cases[i][2], cases[i][3]), 1);
            const int times = cases[i][0] == 1 || cases[i][1] < cases[i][0] ? 1 : cases[i][1] / cases[i][0];
            array got = array_new(shape_1d(times * cases[i][0], cases[i][2], cases[i][3]));
            pretend_kind(kind);
            net *n = net_new(support_compute(), NULL, "test", 1);
            net_output(n, "out", repeat_to(n, staged_input(n, "x", PHASE_STEP, x.s), cases[i][1]));
            support_run(n, (const support_input[]){{"x", x.v, x.count * sizeof(float)}, {0}}, 0, "out", got.v,
                        got.count);
            for (int t = 0; t < times; t++)
                assert_arrays_close(got.v + (size_t)t * x.count, x.v, x.count, 0);
            array_free(&x);
            array_free(&got);
        }
}

static void rows_are_added_to_all_rows(void **state) {
    (void)state;
    static const int cases[][4] = {{1, 1, 1, 1}, {1, 2, 19, 33}, {2, 2, 67, 16}, {2, 1, 7, 129}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int kind = 0; kind < DEVICE_KINDS; kind++) {
            const int length = cases[i][2], channels = cases[i][3];
            array x = array_random(shape_1d(cases[i][0], length, channels), 1);
            array row = array_random(shape_1d(cases[i][1], 1, channels), 2);
            const int batch = cases[i][0] > cases[i][1] ? cases[i][0] : cases[i][1];
            array want = array_new(shape_1d(batch, length, channels)), got = array_new(want.s);
            for (int b = 0; b < batch; b++)
                for (int k = 0; k < length * channels; k++)
                    array_block(&want, 0, b)[k] = array_block(&x, 0, b)[k] + array_block(&row, 0, b)[k % channels];
            pretend_kind(kind);
            net *n = net_new(support_compute(), NULL, "test", 1);
            net_output(n, "out",
                       add_row(n, staged_input(n, "x", PHASE_STEP, x.s), staged_input(n, "row", PHASE_CLIP, row.s)));
            const support_input inputs[] = {
                {"x", x.v, x.count * sizeof(float)}, {"row", row.v, row.count * sizeof(float)}, {0}};
            support_run(n, inputs, 0, "out", got.v, got.count);
            assert_arrays_close(got.v, want.v, want.count, 0); /* one rounding, the host's too */
            array_free(&x);
            array_free(&row);
            array_free(&want);
            array_free(&got);
        }
}

static void narrow_takes_channels(void **state) {
    (void)state;
    static const int cases[][4] = {{1, 1, 0, 1}, {19, 67, 33, 34}, {7, 64, 16, 31}, {1031, 5, 4, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int kind = 0; kind < DEVICE_KINDS; kind++) {
            const int length = cases[i][0], width = cases[i][1], first = cases[i][2], channels = cases[i][3];
            array x = array_random(shape_1d(1, length, width), 1);
            array want = array_new(shape_1d(1, length, channels)), got = array_new(want.s);
            for (int r = 0; r < length; r++)
                memcpy(want.v + r * channels, x.v + r * width + first, (size_t)channels * sizeof(float));
            pretend_kind(kind);
            net *n = net_new(support_compute(), NULL, "test", 1);
            net_output(n, "out", narrow(n, staged_input(n, "x", PHASE_STEP, x.s), first, channels));
            support_run(n, (const support_input[]){{"x", x.v, x.count * sizeof(float)}, {0}}, 0, "out", got.v,
                        got.count);
            assert_arrays_close(got.v, want.v, want.count, 0);
            array_free(&x);
            array_free(&want);
            array_free(&got);
        }
}

static void impossible_shapes_are_refused(void **state) {
    (void)state;
    weights *w = new_weights();
    support_weight(w, "e.weight", 2, (const int64_t[]){3, 4}, 1, 1, 0);
    support_weight(w, "e", 2, (const int64_t[]){3, 4}, 1, 1, 0);
    for (int i = 0; i < 7; i++) {
        net *n = net_new(support_compute(), w, "test", 1);
        tensor x = net_input(n, "x", PHASE_CLIP, shape_1d(2, 3, 5), STORE_F32);
        tensor y = net_input(n, "y", PHASE_CLIP, shape_1d(3, 1, 5), STORE_F32);
        tensor k = net_input(n, "k", PHASE_CLIP, shape_1d(1, 3, 1), STORE_I32);
        tensor bad[] = {embedding(n, k, "e", 3, i == 0 ? 5 : 4), k, k, k, k, k, k};
        if (i == 1)
            bad[1] = learned_rows(n, "e", 3, 4, 4);
        if (i == 2)
            bad[2] = hawkes_encoding(n, x, "p", 8);
        if (i == 3)
            bad[3] = stack(n, x, y);
        if (i == 4)
            bad[4] = add_row(n, x, y);
        if (i == 5)
            bad[5] = narrow(n, x, 3, 3);
        if (i == 6)
            bad[6] = embedding(n, x, "e", 3, 4);
        net_output(n, "out", bad[i]);
        plan *p = NULL;
        assert_int_not_equal(plan_build(&p, n), LORIS_OK);
    }
    weights_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(embeddings_take_rows),          cmocka_unit_test(learned_rows_are_the_first),
        cmocka_unit_test(learned_peaks_are_the_largest), cmocka_unit_test(hawkes_encoding_adds_waves),
        cmocka_unit_test(stacks_lie_above_each_other),   cmocka_unit_test(rows_are_added_to_all_rows),
        cmocka_unit_test(repeats_follow_each_other),     cmocka_unit_test(narrow_takes_channels),
        cmocka_unit_test(impossible_shapes_are_refused),
    };
    return cmocka_run_group_tests(tests, support_open, support_close);
}
