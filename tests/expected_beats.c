#include "expected_beats.h"

#include <stdlib.h>

#include "compare.h"
#include "core/file.h"
#include "core/json.h"

static double *numbers(arena *memory, const json *object, const char *key, size_t *count) {
    const json *array;
    assert_ok(json_need_array(object, key, &array, "expected.json"));
    double *out = arena_alloc(memory, array->count + 1, sizeof *out);
    assert_non_null(out);
    for (size_t i = 0; i < array->count; i++)
        out[i] = array->item[i].number;
    *count = array->count;
    return out;
}

static double number(const json *object, const char *key) {
    double out;
    assert_ok(json_need_number(object, key, -1e9, 1e9, &out, "expected.json"));
    return out;
}

void expected_beats_read(expected_beats *e) {
    char *data;
    size_t size;
    const json *root, *pairs;
    e->memory = arena_new();
    assert_non_null(e->memory);
    assert_ok(file_read(LORIS_TEST_DATA "/beats/expected.json", 1 << 20, &data, &size));
    assert_ok(json_parse(&root, e->memory, data, size, "expected.json"));
    assert_ok(json_need_array(root, "pairs", &pairs, "expected.json"));
    assert_int_equal(pairs->count, EXPECTED_PAIRS);
    for (size_t i = 0; i < EXPECTED_PAIRS; i++) {
        const json *p = &pairs->item[i];
        expected_pair *to = &e->pair[i];
        size_t bins;
        to->original = numbers(e->memory, p, "gt_onsets", &to->original_count);
        to->generated = numbers(e->memory, p, "gen_onsets", &to->generated_count);
        to->original_bins = numbers(e->memory, p, "gt_bins", &to->bins);
        to->generated_bins = numbers(e->memory, p, "gen_bins", &bins);
        assert_int_equal(to->bins, bins);
        to->bcs = number(p, "bcs");
        to->bhs = number(p, "bhs");
    }
    const json *total = json_get(root, "total");
    e->bcs = number(total, "bcs");
    e->csd = number(total, "csd");
    e->bhs = number(total, "bhs");
    e->hsd = number(total, "hsd");
    e->f1 = number(total, "f1");
    free(data);
}

void expected_beats_free(expected_beats *e) {
    arena_free(e->memory);
}
