/* The dense flow against known fields on textured images, and what is made of it: camera motion and directions. */
#include "support_net.h"

#include "compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nets/flow.h"

static const double pi = 3.14159265358979323846;

/* ---- a texture known at every real position ---------------------------------------------------------------------- */

enum { WAVES = 60 };

typedef struct texture {
    double x[WAVES], y[WAVES], phase[WAVES], gain[WAVES];
} texture;

/* Waves of 5 to 60 pixels in random directions, the longer the stronger, as in natural images. */
static void texture_make(texture *t, uint64_t seed) {
    float random[3 * WAVES];
    support_fill(random, 3 * WAVES, seed);
    double power = 0.0;
    for (int k = 0; k < WAVES; k++) {
        double length = 5.0 * pow(12.0, 0.5 + 0.5 * (double)random[3 * k]), turn = pi * (double)random[3 * k + 1];
        t->x[k] = 2.0 * pi / length * cos(turn);
        t->y[k] = 2.0 * pi / length * sin(turn);
        t->phase[k] = pi * (double)random[3 * k + 2];
        t->gain[k] = sqrt(length);
        power += 0.5 * length;
    }
    for (int k = 0; k < WAVES; k++)
        t->gain[k] *= 40.0 / sqrt(power);
}

static double texture_at(const texture *t, double x, double y) {
    double sum = 128.0;
    for (int k = 0; k < WAVES; k++)
        sum += t->gain[k] * sin(t->x[k] * x + t->y[k] * y + t->phase[k]);
    return sum;
}

static uint8_t luma(double value) {
    return (uint8_t)lround(fmin(fmax(value, 0.0), 255.0));
}

/* ---- fields ------------------------------------------------------------------------------------------------------ */

/* u = a[0] + a[1] x + a[2] y, v = a[3] + a[4] x + a[5] y, from the picture's centre in pixels */
typedef struct field {
    const char *name;
    double a[6];
} field;

static void field_at(const field *f, double x, double y, double *u, double *v) {
    *u = f->a[0] + f->a[1] * x + f->a[2] * y;
    *v = f->a[3] + f->a[4] * x + f->a[5] * y;
}

/* Two frames: the texture, and the texture after every point has moved along the field. `noise` and `brighter` on the
 * second. */
static uint8_t *draw_pair(const field *f, int width, int height, double noise, double brighter) {
    texture t;
    texture_make(&t, 7);
    size_t size = (size_t)width * (size_t)height;
    uint8_t *frames = malloc(2 * size);
    float *random = support_values(2 * size, 3);
    assert_non_null(frames);
    double xx = 1.0 + f->a[1], yy = 1.0 + f->a[5], determinant = xx * yy - f->a[2] * f->a[4];
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            size_t i = (size_t)y * (size_t)width + (size_t)x;
            double cx = x - 0.5 * (width - 1), cy = y - 0.5 * (height - 1);
            double tx = cx - f->a[0], ty = cy - f->a[3]; /* where did this point come from? */
            double from_x = (yy * tx - f->a[2] * ty) / determinant, from_y = (xx * ty - f->a[4] * tx) / determinant;
            frames[i] = luma(texture_at(&t, cx, cy) + noise * (double)random[i]);
            frames[size + i] = luma(texture_at(&t, from_x, from_y) + brighter + noise * (double)random[size + i]);
        }
    free(random);
    return frames;
}

/* Mean end-point error over the whole picture, its borders, whose content has left, included. */
static double end_point_error(const field *f, int width, int height, double noise, double brighter, float *features) {
    uint8_t *frames = draw_pair(f, width, height, noise, brighter);
    float *flow = malloc((size_t)(2 * width * height) * sizeof *flow), rows[2 * FLOW_FEATURES];
    assert_non_null(flow);
    flow_net *stream = NULL;
    assert_ok(flow_net_new(&stream, support_compute(), width, height, 2));
    assert_ok(flow_net_push(stream, frames, 2));
    assert_ok(flow_net_collect(stream, rows, 2));
    assert_ok(flow_net_read(stream, flow));
    flow_net_free(stream);
    double sum = 0.0;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            double u, v;
            field_at(f, x - 0.5 * (width - 1), y - 0.5 * (height - 1), &u, &v);
            const float *got = flow + 2 * (y * width + x);
            sum += hypot((double)got[0] - u, (double)got[1] - v);
        }
    if (features)
        memcpy(features, rows + FLOW_FEATURES, FLOW_FEATURES * sizeof *features);
    free(flow);
    free(frames);
    return sum / (width * height);
}

static const field fields[] = {
    {"rest", {0}},
    {"pan right", {5.0, 0, 0, 0, 0, 0}},
    {"pan left", {-5.0, 0, 0, 0, 0, 0}},
    {"pan down", {0, 0, 0, 5.0, 0, 0}},
    {"pan up", {0, 0, 0, -5.0, 0, 0}},
    {"part of a pixel", {0.37, 0, 0, -0.61, 0, 0}},
    {"zoom in", {0, 0.03, 0, 0, 0, 0.03}},
    {"zoom out", {0, -0.03, 0, 0, 0, -0.03}},
    {"turn right", {0, 0, -0.035, 0, 0.035, 0}},
    {"turn left", {0, 0, 0.035, 0, -0.035, 0}},
    {"shear and pan", {2.0, 0.01, 0.03, -1.5, -0.02, 0.015}},
};

static void test_known_fields(void **state) {
    (void)state;
    static const int sizes[][2] = {{256, 144}, {251, 187}, {144, 256}, {97, 61}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
            double error = end_point_error(&fields[i], sizes[s][0], sizes[s][1], 0.0, 0.0, NULL);
            if (!(error <= 0.5))
                fail_msg("%s at %d x %d: mean end-point error %.3f px", fields[i].name, sizes[s][0], sizes[s][1],
                         error);
        }
}

static void test_grain_and_flicker(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        double error = end_point_error(&fields[i], 256, 144, 12.0, 25.0, NULL);
        if (!(error <= 0.5))
            fail_msg("%s with grain and flicker: mean end-point error %.3f px", fields[i].name, error);
    }
}

/* The camera's model is the field, in units of half the longer side, and nothing is left to move by itself. */
static void test_camera_is_removed(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        float features[FLOW_FEATURES];
        end_point_error(&fields[i], 256, 144, 0.0, 0.0, features);
        for (int k = 0; k < 6; k++) {
            double want = fields[i].a[k] * (k % 3 ? 128.0 : 1.0);
            /* the ridges hold shifts back by 0.5 % and slopes by 2.5 / (1/3 of a patch's weight): below 8 % */
            assert_true(fabs((double)features[FLOW_CAMERA + k] - want) <= 0.08 * fabs(want) + 0.15);
        }
        assert_true(features[FLOW_FOLLOWING] > 0.3f); /* fully believed */
        assert_true(features[FLOW_OWN_MAGNITUDE] < 0.03f);
    }
}

/* A textured square moves over a textured ground that pans: its own direction is found, the pan's is not. */
static void test_direction(void **state) {
    (void)state;
    enum { WIDTH = 160, HEIGHT = 120, SIZE = 40, STEPS = 8 };
    texture ground, square;
    texture_make(&ground, 1);
    texture_make(&square, 2);
    for (int step = 0; step < STEPS; step++) {
        double turn = 2.0 * pi * step / STEPS, own_x = 4.0 * cos(turn), own_y = 4.0 * sin(turn), pan_x = 3.0,
               pan_y = -2.0;
        uint8_t frames[2 * WIDTH * HEIGHT];
        for (int k = 0; k < 2; k++)
            for (int y = 0; y < HEIGHT; y++)
                for (int x = 0; x < WIDTH; x++) {
                    double sx = x - 60.0 - k * (pan_x + own_x), sy = y - 40.0 - k * (pan_y + own_y);
                    bool inside = sx >= 0.0 && sx < SIZE && sy >= 0.0 && sy < SIZE;
                    frames[(k * HEIGHT + y) * WIDTH + x] =
                        luma(inside ? texture_at(&square, sx, sy) : texture_at(&ground, x - k * pan_x, y - k * pan_y));
                }
        float rows[2 * FLOW_FEATURES];
        flow_net *stream = NULL;
        assert_ok(flow_net_new(&stream, support_compute(), WIDTH, HEIGHT, 2));
        assert_ok(flow_net_push(stream, frames, 2));
        assert_ok(flow_net_collect(stream, rows, 2));
        flow_net_free(stream);
        const float *bins = rows + FLOW_FEATURES + FLOW_OWN;
        double x = 0.0, y = 0.0, sum = 0.0;
        for (int b = 0; b < FLOW_BINS; b++) {
            x += (double)bins[b] * cos(2.0 * pi * b / FLOW_BINS);
            y += (double)bins[b] * sin(2.0 * pi * b / FLOW_BINS);
            sum += (double)bins[b];
        }
        assert_true(fabs(sum - (double)rows[FLOW_FEATURES + FLOW_OWN_MAGNITUDE]) < 1e-3 * sum);
        double off = atan2(y, x) - turn;
        assert_true(cos(off) > cos(15.0 * pi / 180.0)); /* one and a half bins */
        assert_true(hypot(x, y) > 0.7 * sum);           /* and nearly all of it points there */
    }
}

/* However a stream is cut into batches, the rows are the same to the bit: the pyramids of the frame before are kept. */
static void test_batches(void **state) {
    (void)state;
    enum { WIDTH = 53, HEIGHT = 41, FRAMES = 7 };
    texture t;
    texture_make(&t, 5);
    uint8_t frames[FRAMES * WIDTH * HEIGHT];
    for (int k = 0; k < FRAMES; k++)
        for (int y = 0; y < HEIGHT; y++)
            for (int x = 0; x < WIDTH; x++)
                frames[(k * HEIGHT + y) * WIDTH + x] = luma(texture_at(&t, x - k * k * 0.3, y + k));
    static const int cuts[2][4] = {{7, 0}, {1, 3, 2, 1}};
    float rows[2][FRAMES * FLOW_FEATURES];
    for (int c = 0; c < 2; c++) {
        flow_net *stream = NULL;
        assert_ok(flow_net_new(&stream, support_compute(), WIDTH, HEIGHT, FRAMES));
        for (int part = 0, done = 0; part < 4 && cuts[c][part]; done += cuts[c][part++]) {
            assert_ok(flow_net_push(stream, frames + done * WIDTH * HEIGHT, cuts[c][part]));
            assert_ok(flow_net_collect(stream, rows[c] + done * FLOW_FEATURES, cuts[c][part]));
        }
        flow_net_free(stream);
    }
    assert_memory_equal(rows[0] + FLOW_FEATURES, rows[1] + FLOW_FEATURES, (FRAMES - 1) * FLOW_FEATURES * sizeof(float));
}

static void test_wrong_use(void **state) {
    (void)state;
    flow_net *stream = NULL;
    assert_fails(flow_net_new(&stream, support_compute(), 0, 10, 2), LORIS_ERROR_ARGUMENT, "0 x 10");
    assert_null(stream);
    assert_ok(flow_net_new(&stream, support_compute(), 16, 16, 2));
    uint8_t frames[3 * 16 * 16] = {0};
    assert_fails(flow_net_push(stream, frames, 3), LORIS_ERROR_INTERNAL, "3 frames");
    assert_fails(flow_net_push(stream, frames, 0), LORIS_ERROR_INTERNAL, "0 frames");
    flow_net_free(stream);
    flow_net_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_fields),      cmocka_unit_test(test_grain_and_flicker),
        cmocka_unit_test(test_camera_is_removed), cmocka_unit_test(test_direction),
        cmocka_unit_test(test_batches),           cmocka_unit_test(test_wrong_use),
    };
    return cmocka_run_group_tests(tests, support_open, support_close);
}
