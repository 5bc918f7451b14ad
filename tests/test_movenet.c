/* MoveNet against TensorFlow.js' joints, and what is no MoveNet. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "core/npy.h"
#include "loris/loris.h"
#include "nets/movenet.h"
#include "scratch.h"
#include "support_net.h"

static const char *const kinds[] = {"lightning", "thunder"};

static void in_folder(char path[4096], const char *folder, const char *kind, const char *file) {
    snprintf(path, 4096, "%s/movenet-%s%s%s", folder, kind, *file ? "/" : "", file);
}

static void read_golden(const char *kind, npy *frames, npy *golden) {
    char path[4096];
    in_folder(path, LORIS_TEST_DATA, kind, "frames.npy");
    assert_ok(npy_read(frames, path));
    in_folder(path, LORIS_TEST_DATA, kind, "keypoints.npy");
    assert_ok(npy_read(golden, path));
}

/* The picture `i` in the middle of a frame that has `border` black pixels around it, looked at through a square of its
 * own. */
static void look(movenet_eye *eye, const npy *frames, int i, int border, float *points) {
    const int size = movenet_size(eye), side = size + 2 * border;
    uint8_t *frame = calloc((size_t)(side * side), 3);
    assert_non_null(frame);
    for (int r = 0; r < size; r++)
        for (int k = 0; k < 3 * size; k++)
            frame[(r + border) * side * 3 + border * 3 + k] =
                (uint8_t)frames->i64[((size_t)i * (size_t)size + (size_t)r) * 3 * (size_t)size + (size_t)k];
    assert_ok(movenet_show(eye, frame));
    assert_ok(movenet_look(eye, (square){(float)border, (float)border, (float)size}, points));
    free(frame);
}

/* What is promised: places within 0.01 of the picture, scores within 0.02. A heat map's positions are 1/48 or 1/64
 * apart: places that close are the same position. */
static void expect_golden(const float *points, const float *golden, int size, int border) {
    for (int j = 0; j < MOVENET_JOINTS; j++) {
        const float y = (points[3 * j + 1] - (float)border) / (float)size,
                    x = (points[3 * j] - (float)border) / (float)size;
        assert_true(fabsf(y - golden[3 * j]) <= 0.01f);
        assert_true(fabsf(x - golden[3 * j + 1]) <= 0.01f);
        assert_true(fabsf(points[3 * j + 2] - golden[3 * j + 2]) <= 0.02f);
    }
}

static void joints_are_the_golden_ones(void **state) {
    (void)state;
    for (int k = 0; k < 2; k++) {
        npy frames, golden;
        char model[4096];
        read_golden(kinds[k], &frames, &golden);
        in_folder(model, LORIS_MODELS, kinds[k], "");
        const int borders[] = {0, 7};
        for (int b = 0; b < 2; b++) {
            movenet_eye *eye;
            const int side = (int)frames.dim[1] + 2 * borders[b];
            assert_ok(movenet_open(&eye, support_compute(), model, side, side));
            for (int i = 0; i < (int)frames.dim[0]; i++) {
                float points[MOVENET_JOINTS * 3];
                look(eye, &frames, i, borders[b], points);
                expect_golden(points, golden.f32 + i * MOVENET_JOINTS * 3, movenet_size(eye), borders[b]);
            }
            movenet_close(eye);
        }
        npy_free(&frames);
        npy_free(&golden);
    }
}

/* ---- verification ------------------------------------------------------------------------------------------------ */

typedef struct results {
    int count, passed;
} results;

static void collect(void *user, const loris_quantity *q) {
    results *r = user;
    r->count++;
    r->passed += q->pass;
}

static loris_status verify(loris_engine *engine, const char *folder, const char *named, results *r) {
    *r = (results){0};
    const loris_verify_settings settings = {.quantity = collect, .quantity_user = r, .model = named};
    return loris_verify(engine, folder, &settings);
}

static void verify_knows_such_folders(void **state) {
    (void)state;
    loris_engine_settings settings;
    loris_engine *engine;
    loris_engine_defaults(&settings);
    settings.device = getenv("LORIS_TEST_DEVICE");
    settings.cache_dir = "";
    assert_ok(loris_engine_open(&engine, &settings));
    results r;
    char folder[4096], named[4096], path[4096];
    in_folder(named, LORIS_MODELS, "lightning", "");
    assert_ok(verify(engine, named, NULL, &r)); /* the one that is shipped, with its golden arrays */
    assert_int_equal(r.count, 2);
    in_folder(folder, LORIS_TEST_DATA, "lightning", "");
    assert_ok(verify(engine, folder, named, &r)); /* arrays alone, and a model by name */
    assert_int_equal(r.passed, 2);
    assert_fails(verify(engine, folder, NULL, &r), LORIS_ERROR_INPUT, "model.safetensors");
    in_folder(path, LORIS_MODELS, "thunder", "");
    assert_fails(verify(engine, folder, path, &r), LORIS_ERROR_INPUT, "MoveNet of 256");
    assert_fails(verify(engine, folder, LORIS_MODELS "/base", &r), LORIS_ERROR_INPUT, "is not a MoveNet");
    /* one place two hundredths off */
    npy frames, golden;
    read_golden("lightning", &frames, &golden);
    const char *changed = scratch("changed");
    assert_ok(folder_make(changed, 0777));
    golden.f32[3 * 9] += 0.02f;
    snprintf(path, sizeof path, "%s/frames.npy", changed);
    assert_ok(npy_write_i64(path, frames.rank, frames.dim, frames.i64));
    snprintf(path, sizeof path, "%s/keypoints.npy", changed);
    assert_ok(npy_write_f32(path, golden.rank, golden.dim, golden.f32));
    assert_fails(verify(engine, changed, named, &r), LORIS_MISMATCH, "1 of 2");
    npy_free(&frames);
    npy_free(&golden);
    loris_engine_close(engine);
}

/* Whatever products keep their weights in, and whoever computes them. */
static void other_products_see_the_same(void **state) {
    (void)state;
    static const loris_engine_settings kinds_of_products[] = {{.precision = LORIS_PRECISION_BF16},
                                                              {.precision = LORIS_PRECISION_F16},
                                                              {.backend = LORIS_BACKEND_CLBLAST},
                                                              {.backend = LORIS_BACKEND_ONEDNN}};
    for (size_t i = 0; i < sizeof kinds_of_products / sizeof *kinds_of_products; i++) {
        loris_engine_settings settings = kinds_of_products[i];
        loris_engine *engine;
        results r;
        settings.device = getenv("LORIS_TEST_DEVICE");
        settings.cache_dir = "";
        assert_ok(loris_engine_open(&engine, &settings));
        char folder[4096], named[4096];
        in_folder(folder, LORIS_TEST_DATA, "lightning", "");
        in_folder(named, LORIS_MODELS, "lightning", "");
        assert_ok(verify(engine, folder, named, &r));
        assert_int_equal(r.passed, 2);
        loris_engine_close(engine);
    }
}

/* What `info` tells; there is nothing to convert. */
static void a_movenet_is_described(void **state) {
    (void)state;
    loris_model_info info;
    assert_ok(loris_model_describe(LORIS_MODELS "/movenet-lightning", NULL, &info));
    assert_string_equal(info.kind, "movenet");
    assert_string_equal(info.name, "movenet-lightning");
    assert_string_equal(info.dtypes, "f16");
    assert_int_equal(info.parameters, 2317974);
    assert_int_equal(info.hop, 0);
    assert_non_null(strstr(info.config, "\"size\": 192"));
    loris_model_info_free(&info);
    assert_fails(loris_convert(LORIS_MODELS "/movenet-lightning/model.safetensors", scratch("converted"), NULL, NULL),
                 LORIS_ERROR_INPUT, "of the kind \"movenet\"");
}

/* ---- configurations ---------------------------------------------------------------------------------------------- */

static void expect_config(const char *written, const char *complaint) {
    arena *memory = arena_new();
    const json *parsed;
    movenet_config config;
    assert_ok(json_parse(&parsed, memory, written, strlen(written), "here"));
    if (complaint)
        assert_fails(movenet_config_read(&config, parsed, "here"), LORIS_ERROR_INPUT, complaint);
    else
        assert_ok(movenet_config_read(&config, parsed, "here"));
    arena_free(memory);
}

static void configurations_are_checked(void **state) {
    (void)state;
    expect_config("{\"kind\":\"movenet\",\"size\":64,\"width\":0.5}", NULL);
    expect_config("{\"kind\":\"movenet\",\"size\":100,\"width\":1}", "multiple of 32");
    expect_config("{\"kind\":\"movenet\",\"size\":1e9,\"width\":1}", "size");
    expect_config("{\"kind\":\"movenet\",\"size\":192}", "width");
}

static int setup(void **state) {
    return support_open(state) || scratch_setup(state);
}

static int teardown(void **state) {
    return support_close(state) | scratch_teardown(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joints_are_the_golden_ones),  cmocka_unit_test(verify_knows_such_folders),
        cmocka_unit_test(other_products_see_the_same), cmocka_unit_test(a_movenet_is_described),
        cmocka_unit_test(configurations_are_checked),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
