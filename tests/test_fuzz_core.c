/* Thousands of damaged files, the same each time: good ones with bytes flipped, cut, repeated, moved and numbers
 * replaced. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "core/random.h"
#include "core/text.h"
#include "fuzz_targets.h"
#include "make_checkpoint.h"

enum { MUTANTS = 6000, MAX_BYTES = 4096 };

typedef struct bytes {
    uint8_t data[MAX_BYTES];
    size_t size;
} bytes;

static void append(bytes *b, const void *data, size_t size) {
    assert_true(size <= MAX_BYTES - b->size);
    memcpy(b->data + b->size, data, size);
    b->size += size;
}

/* ---- mutations --------------------------------------------------------------------------------------------------- */

/* Replaces `removed` bytes at `at` by `size` others, as far as there is room. */
static void splice(bytes *b, size_t at, size_t removed, const void *data, size_t size) {
    if (removed > b->size - at)
        removed = b->size - at;
    if (b->size - removed + size > MAX_BYTES)
        return;
    uint8_t copy[MAX_BYTES];
    memcpy(copy, data, size);
    memmove(b->data + at + size, b->data + at + removed, b->size - at - removed);
    memcpy(b->data + at, copy, size);
    b->size = b->size - removed + size;
}

static bool is_digit(uint8_t c) {
    return c >= '0' && c <= '9';
}

/* A number of the text becomes one that overflows something. */
static void replace_number(bytes *b, random_state *r) {
    static const char *const numbers[] = {"0",
                                          "-1",
                                          "1e999",
                                          "-0",
                                          "0.5",
                                          "255",
                                          "4294967296",
                                          "1e308",
                                          "2147483647",
                                          "4611686018427387905",
                                          "18446744073709551615",
                                          "9007199254740992",
                                          "9223372036854775807"};
    size_t at = (size_t)random_below(r, (int)b->size), end;
    while (at < b->size && !is_digit(b->data[at]))
        at++;
    for (end = at; end < b->size && is_digit(b->data[end]); end++) {
    }
    const char *number = numbers[random_below(r, (int)(sizeof numbers / sizeof *numbers))];
    if (end > at)
        splice(b, at, end - at, number, strlen(number));
}

static void mutate(bytes *b, random_state *r) {
    static const char *const tokens[] = {"{", "}",   "[",       "]",   ",",    ":",    "\"",           "'", "(",
                                         ")", "\\u", "\\ud83c", "\\",  "null", "\xff", "\xed\xa0\x80", "e", "-",
                                         ".", "F64", "BOOL",    "<f8", "True", "\n",   "__metadata__"};
    if (b->size == 0)
        return;
    size_t at = (size_t)random_below(r, (int)b->size);
    size_t run = 1 + (size_t)random_below(r, random_below(r, 4) ? 4 : 64);
    uint8_t any = (uint8_t)random_below(r, 256);
    const char *token = tokens[random_below(r, (int)(sizeof tokens / sizeof *tokens))];
    switch (random_below(r, 9)) {
    case 0:
        b->data[at] ^= (uint8_t)(1u << random_below(r, 8));
        break;
    case 1:
        b->data[at] = any;
        break;
    case 2:
        splice(b, at, 0, &any, 1);
        break;
    case 3:
        splice(b, at, run, "", 0);
        break;
    case 4: /* a run again, elsewhere */
        if (run > b->size - at)
            run = b->size - at;
        splice(b, (size_t)random_below(r, (int)b->size), 0, b->data + at, run);
        break;
    case 5:
        splice(b, at, (size_t)random_below(r, 3), token, strlen(token));
        break;
    case 6:
        b->size = at;
        break;
    default:
        replace_number(b, r);
        break;
    }
}

static void run_mutants(fuzz_target *target, const bytes *seed, size_t seeds) {
    for (size_t i = 0; i < seeds; i++) {
        loris_status status = LORIS_ERROR_INTERNAL;
        const char *broken = target(seed[i].data, seed[i].size, &status);
        assert_ok(status);
        if (broken)
            fail_msg("seed %zu: %s", i, broken);
    }
    random_state r = random_begin(4, 2026);
    for (int i = 0; i < MUTANTS; i++) {
        bytes mutant = seed[random_below(&r, (int)seeds)];
        for (int rounds = 1 + random_below(&r, 4); rounds > 0; rounds--)
            mutate(&mutant, &r);
        loris_status status = LORIS_ERROR_INTERNAL;
        const char *broken = target(mutant.data, mutant.size, &status);
        if (broken)
            fail_msg("mutant %d: %s (%s)", i, broken, loris_error_message());
    }
}

/* ---- seeds ------------------------------------------------------------------------------------------------------- */

static void test_json(void **state) {
    (void)state;
    static const char *const documents[] = {
        "{\"version\":1,\"duration_s\":12.5,\"tempo\":{\"bpm\":100,\"confidence\":0.9,\"beats\":[0.1,0.7,1.3]},"
        "\"events\":[{\"t\":0.5,\"kind\":\"onset\",\"strength\":1e-2}],\"cuts\":[],\"on\":true,\"off\":false,\"none\":"
        "null}",
        "[[[[[[[[[[\"deep\\n\\t\\u00e9\\ud83c\\udfb5 \xc3\xa9\xe2\x82\xac\xf0\x9f\x8e\xb5\",-0.0,1e-300]]]]]]]]]]",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
    };
    bytes seed[3] = {0};
    for (size_t i = 0; i < 3; i++)
        append(&seed[i], documents[i], strlen(documents[i]));
    run_mutants(fuzz_json, seed, 3);
}

static void test_npy(void **state) {
    (void)state;
    static const char *const types[] = {"<f2", "<f4", "<f8", "<i4", "<i8", "|u1", "|b1"};
    static const size_t sizes[] = {2, 4, 8, 4, 8, 1, 1};
    bytes seed[7] = {0};
    for (size_t i = 0; i < 7; i++) {
        char header[200];
        int length = snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': %s, 'shape': (3, %s5), }\n",
                              types[i], i % 4 < 2 ? "False" : "True", i % 2 ? "" : "1, ");
        append(&seed[i], "\x93NUMPY", 6);
        append(&seed[i], &(uint8_t){(uint8_t)(1 + i % 3)}, 1);
        append(&seed[i], &(uint8_t[5]){0, (uint8_t)length}, i % 3 ? 5 : 3);
        append(&seed[i], header, (size_t)length);
        for (size_t k = 0; k < 15 * sizes[i]; k++)
            append(&seed[i], &(uint8_t){(uint8_t)(k * 37)}, 1);
    }
    run_mutants(fuzz_npy, seed, 7);
}

static void test_safetensors(void **state) {
    (void)state;
    static const char *const headers[] = {
        "{\"__metadata__\":{\"format\":\"pt\"},\"a.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}"
        ","
        "\"a.bias\":{\"dtype\":\"F16\",\"shape\":[4],\"data_offsets\":[24,32]}}",
        "{\"b\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},\"a\":{\"dtype\":\"BF16\",\"shape\":[1,1,16],"
        "\"data_offsets\":[0,32]}}   ",
        "{\"x\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[24,32]},\"y\":{\"dtype\":\"F64\",\"shape\":[3],"
        "\"data_offsets\":[0,24]}}",
    };
    bytes seed[3] = {0};
    for (size_t i = 0; i < 3; i++) {
        size_t length = strlen(headers[i]);
        append(&seed[i], &(uint8_t[8]){(uint8_t)length, (uint8_t)(length >> 8)}, 8);
        append(&seed[i], headers[i], length);
        for (size_t k = 0; k < 32; k++)
            append(&seed[i], &(uint8_t){(uint8_t)(k * 41)}, 1);
    }
    run_mutants(fuzz_safetensors, seed, 3);
}

/* Tensors that are views, share a storage, are empty; small containers, so that most mutations hit something. */
static void make_views(made_checkpoint *c) {
    static const float numbers[6] = {1, 2, 3, 4, 5, 6};
    static const int64_t dim[] = {2, 3}, one[] = {2}, none[] = {0};
    made_add(c, "a", "Float", 4, 2, dim, numbers);
    made_tensor *view = made_add(c, "b", "Float", 4, 1, one, numbers);
    snprintf(view->key, sizeof view->key, "0");
    view->count = 6;
    view->offset = 1;
    view->stride[0] = 3;
    made_add(c, "c", "Half", 2, 1, none, numbers);
}

static void test_pickle(void **state) {
    (void)state;
    static const char plain[] =
        "\x80\x04\x95\x28\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x01x\x94K\x05M\x01\x02"
        "J\xff\xff\xff\xffG?\xf0\x00\x00\x00\x00\x00\x00\x8a\x02\x01\x02K\x07]\x94(h\x01\x88\x89Neu.";
    bytes seed[2] = {0};
    text t = {0};
    made_checkpoint c = {0};
    make_views(&c);
    made_pickle(&t, &c, false);
    append(&seed[0], t.data, t.length);
    append(&seed[1], plain, sizeof plain - 1);
    run_mutants(fuzz_pickle, seed, 2);
    made_free(&c);
    text_free(&t);
}

static void test_checkpoint(void **state) {
    (void)state;
    bytes seed[2] = {0};
    made_checkpoint c = {0};
    make_views(&c);
    for (int legacy = 0; legacy < 2; legacy++) {
        text t = {0};
        (legacy ? made_write_legacy : made_write_zip)(&t, &c);
        append(&seed[legacy], t.data, t.length);
        text_free(&t);
    }
    run_mutants(fuzz_checkpoint, seed, 2);
    made_free(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),   cmocka_unit_test(test_npy),        cmocka_unit_test(test_safetensors),
        cmocka_unit_test(test_pickle), cmocka_unit_test(test_checkpoint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
