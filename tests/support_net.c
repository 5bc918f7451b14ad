#include <stdlib.h>
#include <string.h>

#include "core/number.h"
#include "core/random.h"
#include "ops/product.h"
#include "support_net.h"

static compute *device_under_test;

product_precision support_precision(void) {
    const char *precision = getenv("LORIS_TEST_PRECISION");
    if (!precision)
        return PRECISION_AUTO;
    return !strcmp(precision, "f16") ? PRECISION_F16 : !strcmp(precision, "bf16") ? PRECISION_BF16 : PRECISION_F32;
}

int support_open(void **state) {
    (void)state;
    compute_settings settings = {.device = getenv("LORIS_TEST_DEVICE"), .cache_dir = ""};
    const char *backend = getenv("LORIS_TEST_BACKEND");
    if (backend)
        settings.backend = !strcmp(backend, "clblast")  ? BACKEND_CLBLAST
                           : !strcmp(backend, "onednn") ? BACKEND_ONEDNN
                           : !strcmp(backend, "own")    ? BACKEND_OWN
                                                        : BACKEND_AUTO;
    settings.precision = support_precision();
    if (compute_open(&device_under_test, &settings) != LORIS_OK) {
        print_error("%s\n%s\n", loris_error_message(), loris_error_hint());
        return -1;
    }
    return 0;
}

int support_close(void **state) {
    (void)state;
    compute_close(device_under_test);
    device_under_test = NULL;
    return 0;
}

compute *support_compute(void) {
    return device_under_test;
}

void support_fill(float *values, size_t count, uint64_t seed) {
    for (size_t i = 0; i < count; i += 4) {
        uint32_t out[4];
        const uint32_t counter[4] = {(uint32_t)(i / 4), (uint32_t)(i >> 34), 0, 0};
        const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
        philox4x32(counter, key, out);
        for (size_t k = 0; k < 4 && i + k < count; k++)
            values[i + k] = (float)(out[k] >> 8) * (2.0f / (1 << 24)) - 1.0f;
    }
}

float *support_values(size_t count, uint64_t seed) {
    float *values = malloc((count ? count : 1) * sizeof *values);
    assert_non_null(values);
    support_fill(values, count, seed);
    return values;
}

/* To what products keep: the same weights for the reference, exact in any precision. */
static void round_to_storage(float *values, size_t count) {
    const number_type type = product_storage(device_under_test);
    void *narrow = malloc(count * sizeof *values);
    assert_non_null(narrow);
    assert_true(number_from_f32(narrow, type, values, count) && number_to_f32(values, narrow, type, count));
    free(narrow);
}

const float *support_weight(weights *w, const char *name, int rank, const int64_t *dim, uint64_t seed, float scale,
                            float offset) {
    size_t count = 1;
    for (int i = 0; i < rank; i++)
        count *= (size_t)dim[i];
    float *values = support_values(count, seed);
    for (size_t i = 0; i < count; i++)
        values[i] = values[i] * scale + offset;
    if (rank > 1)
        round_to_storage(values, count);
    assert_ok(weights_add(w, name, rank, dim, values));
    free(values);
    return (const float *)weights_find(w, name)->source->data;
}

plan *support_plan(net *n, const support_input *inputs) {
    plan *p = NULL;
    assert_ok(plan_build(&p, n));
    assert_ok(plan_poison(p));
    for (; inputs && inputs->name; inputs++)
        assert_ok(plan_write(p, inputs->name, inputs->data, inputs->bytes));
    assert_ok(plan_run(p, PHASE_CLIP, 0));
    assert_ok(plan_run(p, PHASE_RUN, 0));
    return p;
}

void support_run(net *n, const support_input *inputs, int evaluation, const char *output, float *got, size_t count) {
    plan *p = support_plan(n, inputs);
    assert_ok(plan_run(p, PHASE_STEP, evaluation));
    assert_ok(plan_read(p, output, got, count * sizeof *got));
    plan_free(p);
}
