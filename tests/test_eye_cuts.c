/* Cuts from small grey copies of frames. */
#include <math.h>
#include <string.h>

#include "compare.h"
#include "eyes/cuts.h"

enum { WIDTH = 97, HEIGHT = 61 };
static uint8_t frame[WIDTH * HEIGHT * 3];

static uint8_t byte(double v) {
    return (uint8_t)fmin(255, fmax(0, v));
}

/* A scene of soft blobs, shifted by (x, y) pixels, times a gain. */
static void draw(int scene, double x, double y, double gain) {
    for (int r = 0; r < HEIGHT; r++)
        for (int q = 0; q < WIDTH; q++)
            for (int c = 0; c < 3; c++) {
                const double u = (q + x) / 15, v = (r + y) / 12, turn = 1.7 * scene;
                const double value =
                    128 + 60 * sin(u * cos(turn) + v * sin(turn) + scene) + 50 * sin(1.3 * v - u * scene + c);
                frame[(r * WIDTH + q) * 3 + c] = byte(gain * value);
            }
}

static void fill(int grey) {
    memset(frame, grey, sizeof frame);
}

static bool next(cut_finder *f) {
    return cuts_next(f, frame, WIDTH, HEIGHT);
}

static void shots_hold_together(void **state) {
    (void)state;
    cut_finder f = {0};
    draw(1, 0, 0, 1);
    assert_false(next(&f));        /* the first frame */
    for (int i = 1; i < 12; i++) { /* a pan of 2 pixels a frame, light that flickers by a third */
        draw(1, 2.0 * i, i, i % 2 ? 0.7 : 1);
        assert_false(next(&f));
    }
    for (int i = 0; i < 12; i++) { /* somebody crosses a quarter of the picture */
        draw(1, 24, 12, 1);
        for (int r = 10; r < 50; r++)
            memset(frame + (r * WIDTH + 5 * i) * 3, 250, 36 * 3);
        if (i)
            assert_false(next(&f));
        else
            next(&f);
    }
}

static void another_scene_is_a_cut(void **state) {
    (void)state;
    cut_finder f = {0};
    for (int scene = 1; scene < 6; scene++)
        for (int i = 0; i < 3; i++) {
            draw(scene, i, 0, 1);
            assert_int_equal(next(&f), scene > 1 && i == 0);
        }
}

static void plain_pictures(void **state) {
    (void)state;
    cut_finder f = {0};
    fill(0);
    assert_false(next(&f));
    fill(5);
    assert_false(next(&f)); /* noise of darkness */
    fill(200);
    assert_true(next(&f)); /* black to white */
    draw(2, 0, 0, 1);
    assert_true(next(&f)); /* white to a scene */
    fill(0);
    assert_true(next(&f));
    draw(2, 0, 0, 0.05); /* it dawns */
    assert_false(next(&f));
}

static void tiny_frames(void **state) {
    (void)state;
    static const int sizes[][2] = {{1, 1}, {2, 1}, {1, 7}, {23, 25}, {24, 24}};
    for (int i = 0; i < 5; i++) {
        cut_finder f = {0};
        fill(10);
        assert_false(cuts_next(&f, frame, sizes[i][0], sizes[i][1]));
        assert_false(cuts_next(&f, frame, sizes[i][0], sizes[i][1]));
        fill(240);
        assert_true(cuts_next(&f, frame, sizes[i][0], sizes[i][1]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shots_hold_together),
        cmocka_unit_test(another_scene_is_a_cut),
        cmocka_unit_test(plain_pictures),
        cmocka_unit_test(tiny_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
