/* The JSON reader on good and hostile documents, and the writer. */
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "core/json.h"

static int make_arena(void **state) {
    *state = arena_new();
    return *state ? 0 : -1;
}

static int drop_arena(void **state) {
    arena_free(*state);
    return 0;
}

/* The document lies in a block of exactly its size: a reader that looks beyond is caught by AddressSanitizer. */
static loris_status parse_bytes(const json **out, arena *a, const char *data, size_t size) {
    char *exact = malloc(size ? size : 1);
    assert_non_null(exact);
    if (size)
        memcpy(exact, data, size);
    loris_status status = json_parse(out, a, exact, size, "doc.json");
    free(exact); /* nothing of the tree may point there */
    return status;
}

static loris_status parse(const json **out, arena *a, const char *data) {
    return parse_bytes(out, a, data, strlen(data));
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static void test_a_document_becomes_a_tree(void **state) {
    const json *root;
    assert_ok(parse(&root, *state,
                    "\xef\xbb\xbf {\"version\":1, \"tempo\" : {\"bpm\":-12.5e1,\"beats\":[0,0.5 , 1E0]},\r\n"
                    "\t\"on\":true,\"off\":false,\"none\":null,\"\":\"\",\"empty\":[],\"void\":{ }} \n"));
    assert_int_equal(root->type, JSON_OBJECT);
    assert_null(root->key);
    assert_int_equal(root->count, 8);
    assert_string_equal(root->item[0].key, "version"); /* in the document's order */
    assert_true(json_get(root, "version")->number == 1.0);
    const json *tempo = json_get(root, "tempo");
    assert_true(json_get(tempo, "bpm")->number == -125.0);
    const json *beats = json_get(tempo, "beats");
    assert_int_equal(beats->type, JSON_ARRAY);
    assert_int_equal(beats->count, 3);
    assert_true(beats->item[1].number == 0.5 && beats->item[2].number == 1.0);
    assert_null(beats->item[1].key);
    assert_int_equal(json_get(root, "on")->type, JSON_TRUE);
    assert_int_equal(json_get(root, "off")->type, JSON_FALSE);
    assert_int_equal(json_get(root, "none")->type, JSON_NULL);
    assert_string_equal(json_get(root, "")->string, "");
    assert_int_equal(json_get(root, "empty")->count, 0);
    assert_int_equal(json_get(root, "void")->type, JSON_OBJECT);
    assert_null(json_get(root, "absent"));
    assert_null(json_get(beats, "bpm"));
    assert_null(json_get(NULL, "bpm"));
}

static void test_any_value_may_be_the_document(void **state) {
    const json *root;
    assert_ok(parse(&root, *state, "3"));
    assert_true(root->number == 3.0);
    assert_ok(parse(&root, *state, " null "));
    assert_int_equal(root->type, JSON_NULL);
    assert_ok(parse(&root, *state, "\"x\""));
    assert_string_equal(root->string, "x");
}

static void test_strings(void **state) {
    static const struct {
        const char *source, *want;
    } cases[] = {
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
        {"\"\\u0041\\u00e9\\u20AC\\ud83c\\udfb5\"", "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x8e\xb5"},
        {"\"\\uffff\\u07ff\\u0800\"", "\xef\xbf\xbf\xdf\xbf\xe0\xa0\x80"},
        {"\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x8e\xb5\x7f\"", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x8e\xb5\x7f"},
        {"\"\\udbff\\udfff\"", "\xf4\x8f\xbf\xbf"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const json *root;
        assert_ok(parse(&root, *state, cases[i].source));
        assert_string_equal(root->string, cases[i].want);
    }
}

static void test_numbers(void **state) {
    static const struct {
        const char *source;
        double want;
    } cases[] = {
        {"0", 0.0},
        {"-0", 0.0},
        {"-1", -1.0},
        {"10", 10.0},
        {"0.1", 0.1},
        {"1e3", 1000.0},
        {"1E-2", 0.01},
        {"1e+2", 100.0},
        {"5e-324", 5e-324},
        {"1.7976931348623157e308", DBL_MAX},
        {"1e-999", 0.0},
        {"9007199254740993", 9007199254740992.0},
        {"0e99999999999999999999", 0.0},
        {"123456789012345678901234567890", 123456789012345678901234567890.0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const json *root;
        assert_ok(parse(&root, *state, cases[i].source));
        assert_int_equal(root->type, JSON_NUMBER);
        assert_true(root->number == cases[i].want);
    }
}

static void test_damaged_documents(void **state) {
    static const struct {
        const char *source, *what;
    } cases[] = {
        {"", "line 1, column 1: expected a value"},
        {" \n ", "line 2, column 2: expected a value"},
        {"{", "expected a key"},
        {"[", "expected a value"},
        {"]", "expected a value"},
        {"[1", "expected ',' or ']'"},
        {"[1 2]", "column 4: expected ',' or ']'"},
        {"[1,]", "column 4: expected a value"},
        {"[,1]", "expected a value"},
        {"[1}", "expected ',' or ']'"},
        {"{\"a\":1", "expected ',' or '}'"},
        {"{\"a\":1,}", "expected a key"},
        {"{\"a\"}", "expected ':'"},
        {"{\"a\" 1}", "expected ':'"},
        {"{\"a\":}", "expected a value"},
        {"{a:1}", "expected a key"},
        {"{1:1}", "expected a key"},
        {"{\"a\":1]", "expected ',' or '}'"},
        {"1 2", "something follows"},
        {"{} x", "column 4: something follows"},
        {"nul", "expected a value"},
        {"nullx", "something follows"},
        {"True", "expected a value"},
        {"NaN", "expected a value"},
        {"Infinity", "expected a value"},
        {"'a'", "expected a value"},
        {"/* c */ 1", "expected a value"},
        {"\xef\xbb", "expected a value"},
        {"-", "expected a digit"},
        {"+1", "expected a value"},
        {".5", "expected a value"},
        {"1.", "after the point"},
        {"1.e3", "after the point"},
        {"1e", "in the exponent"},
        {"1e+", "in the exponent"},
        {"01", "leading zero"},
        {"-01", "leading zero"},
        {"0x10", "something follows"},
        {"1e999", "too large"},
        {"[1,\n -1e999]", "line 2, column 2: a number too large"},
        {"\"", "closing quote"},
        {"\"abc", "closing quote"},
        {"\"abc\\", "closing quote"},
        {"\"abc\\\"", "closing quote"},
        {"\"\\x\"", "unknown escape"},
        {"\"\\u12\"", "four hexadecimal"},
        {"\"\\u12g4\"", "four hexadecimal"},
        {"\"\\u\"", "four hexadecimal"},
        {"\"\\u0000\"", "\\u0000"},
        {"\"\\ud83c\"", "high surrogate"},
        {"\"\\ud83c\\u0041\"", "high surrogate"},
        {"\"\\ud83c\\ud83c\"", "high surrogate"},
        {"\"\\ud83cx\"", "high surrogate"},
        {"\"\\udfb5\"", "low surrogate"},
        {"\"a\nb\"", "control character"},
        {"\"\x01\"", "control character"},
        {"\"\xff\"", "not UTF-8"},
        {"\"\xc0\xaf\"", "not UTF-8"},
        {"\"\xed\xa0\x80\"", "not UTF-8"},
        {"\"\xf4\x90\x80\x80\"", "not UTF-8"},
        {"\"\xe2\x82\"", "not UTF-8"},
        {"\"\x80\"", "not UTF-8"},
        {"{\"a\":1,\"b\":2,\"a\":3}", "column 14: the key \"a\" appears twice"},
        {"{\"\\u0061\":1,\"a\":3}", "appears twice"},
        {"{\"\":1,\"\":3}", "appears twice"},
        {"[\"\xc3\xa9\", x]", "column 7: expected a value"}, /* columns are characters */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const json *root;
        assert_fails(parse(&root, *state, cases[i].source), LORIS_ERROR_INPUT, cases[i].what);
        assert_non_null(strstr(loris_error_message(), "doc.json: line"));
        assert_null(root);
    }
}

static void test_a_nul_is_no_end(void **state) {
    const json *root;
    assert_fails(parse_bytes(&root, *state, "1\0", 2), LORIS_ERROR_INPUT, "something follows");
    assert_fails(parse_bytes(&root, *state, "\"a\0b\"", 5), LORIS_ERROR_INPUT, "control character");
    assert_fails(parse_bytes(&root, *state, "\"\\\0\"", 4), LORIS_ERROR_INPUT, "unknown escape");
    assert_fails(parse_bytes(&root, *state, "[1,\0", 4), LORIS_ERROR_INPUT, "expected a value");
}

/* Every document cut anywhere is an error, never a crash or a tree. */
static void test_cut_documents(void **state) {
    static const char whole[] = "{\"a\":[1.5e-3,true,null,\"\\ud83c\\udfb5\\n\xc3\xa9\"],\"b\":{\"c\":false}}";
    const json *root;
    assert_ok(parse(&root, *state, whole));
    for (size_t size = 0; size < sizeof whole - 1; size++)
        assert_fails(parse_bytes(&root, *state, whole, size), LORIS_ERROR_INPUT, "doc.json");
}

static void test_nesting_is_bounded(void **state) {
    char deep[200001];
    const json *root;
    for (size_t depth = 64; depth <= 65; depth++) {
        memset(deep, '[', depth);
        memset(deep + depth, ']', depth);
        deep[2 * depth] = '\0';
        if (depth == 64)
            assert_ok(parse(&root, *state, deep));
        else
            assert_fails(parse(&root, *state, deep), LORIS_ERROR_INPUT, "column 65: nested more than 64 deep");
    }
    memset(deep, '[', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    assert_fails(parse(&root, *state, deep), LORIS_ERROR_INPUT, "nested");
    for (size_t i = 0; i + 5 < sizeof deep; i += 5)
        memcpy(deep + i, "{\"a\":", 5);
    assert_fails(parse(&root, *state, deep), LORIS_ERROR_INPUT, "nested");
}

/* 20,000 members: a duplicate is found without comparing all pairs, wherever it stands. */
static void test_wide_objects(void **state) {
    enum { COUNT = 20000 };
    text t = {0};
    text_append(&t, "{", 1);
    for (int i = 0; i < COUNT; i++)
        text_printf(&t, "%s\"key %d\":%d", i ? "," : "", i * 7919 % COUNT, i);
    size_t length = t.length;
    text_append(&t, "}", 1);
    const json *root;
    assert_ok(parse(&root, *state, t.data));
    assert_int_equal(root->count, COUNT);
    for (int i = 0; i < COUNT; i++)
        assert_true(root->item[i].number == i);
    t.length = length;
    text_printf(&t, ",\"key 7\":0}");
    assert_fails(parse(&root, *state, t.data), LORIS_ERROR_INPUT, "\"key 7\" appears twice");
    text_free(&t);
}

static void test_long_numbers(void **state) {
    const json *root;
    char digits[2001];
    memset(digits, '0', sizeof digits);
    memcpy(digits, "0.", 2);
    digits[1000] = '1';
    digits[1023] = '\0';
    assert_ok(parse(&root, *state, digits));
    digits[1023] = '0';
    digits[2000] = '\0';
    assert_fails(parse(&root, *state, digits), LORIS_ERROR_INPUT, "1023 characters");
}

static void test_a_failed_arena_is_out_of_memory(void **state) {
    arena *a = *state;
    arena_alloc(a, (size_t)-1, 2);
    const json *root;
    assert_fails(parse(&root, a, "[1]"), LORIS_ERROR_MEMORY, "doc.json");
}

static void test_needed_members(void **state) {
    const json *root, *array;
    const char *string;
    double number;
    assert_ok(parse(&root, *state, "{\"bpm\":120,\"name\":\"n\",\"list\":[1]}"));
    assert_ok(json_need_number(root, "bpm", 30, 300, &number, "r.json"));
    assert_true(number == 120.0);
    assert_ok(json_need_number(root, "bpm", 120, 120, &number, "r.json"));
    assert_ok(json_need_string(root, "name", &string, "r.json"));
    assert_string_equal(string, "n");
    assert_ok(json_need_array(root, "list", &array, "r.json"));
    assert_int_equal(array->count, 1);
    assert_fails(json_need_number(root, "bpm", 121, 300, &number, "r.json"), LORIS_ERROR_INPUT,
                 "r.json: \"bpm\" is 120, outside 121 to 300");
    assert_fails(json_need_number(root, "bpm", 0, 119, &number, "r.json"), LORIS_ERROR_INPUT, "outside");
    assert_fails(json_need_number(root, "name", 0, 1, &number, "r.json"), LORIS_ERROR_INPUT,
                 "\"name\" is not a number");
    assert_fails(json_need_string(root, "bpm", &string, "r.json"), LORIS_ERROR_INPUT, "\"bpm\" is not a string");
    assert_fails(json_need_array(root, "bpm", &array, "r.json"), LORIS_ERROR_INPUT, "\"bpm\" is not an array");
    assert_fails(json_need_array(root, "absent", &array, "r.json"), LORIS_ERROR_INPUT, "\"absent\" is missing");
    assert_fails(json_need_string(NULL, "x", &string, "r.json"), LORIS_ERROR_INPUT, "\"x\" is missing");
    assert_fails(json_need_string(json_get(root, "list"), "x", &string, "r.json"), LORIS_ERROR_INPUT, "missing");
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static void write_sample(json_writer *w) {
    json_open(w, NULL, '{');
    json_integer(w, "version", 1);
    json_open(w, "beats", '[');
    json_number(w, NULL, 0.1);
    json_number(w, NULL, 2);
    json_close(w, ']');
    json_open(w, "energy", '[');
    for (int i = 0; i < 2; i++) {
        json_open(w, NULL, '[');
        json_integer(w, NULL, i);
        json_bool(w, NULL, i > 0);
        json_close(w, ']');
    }
    json_close(w, ']');
    json_open(w, "none", '[');
    json_close(w, ']');
    json_open(w, "void", '{');
    json_close(w, '}');
    json_null(w, "null");
    json_close(w, '}');
}

static void test_writing_on_one_line(void **state) {
    (void)state;
    json_writer w;
    json_begin(&w, 0);
    write_sample(&w);
    assert_false(text_failed(&w.out));
    assert_string_equal(w.out.data, "{\"version\":1,\"beats\":[0.1,2],\"energy\":[[0,false],[1,true]],\"none\":[],"
                                    "\"void\":{},\"null\":null}");
    text_free(&w.out);
}

static void test_writing_with_an_indent(void **state) {
    (void)state;
    json_writer w;
    json_begin(&w, 2);
    write_sample(&w);
    assert_false(text_failed(&w.out));
    assert_string_equal(w.out.data, "{\n"
                                    "  \"version\": 1,\n"
                                    "  \"beats\": [0.1, 2],\n"
                                    "  \"energy\": [\n"
                                    "    [0, false],\n"
                                    "    [1, true]\n"
                                    "  ],\n"
                                    "  \"none\": [],\n"
                                    "  \"void\": {},\n"
                                    "  \"null\": null\n"
                                    "}\n");
    text_free(&w.out);
}

static void test_strings_are_escaped(void **state) {
    json_writer w = {0};
    json_open(&w, NULL, '{');
    json_string(&w, "a\"b\\c\n\t\x01\x7f \xc3\xa9", "\xf0\x9f\x8e\xb5 \xff \xc3");
    json_close(&w, '}');
    assert_string_equal(
        w.out.data, "{\"a\\\"b\\\\c\\n\\t\\u0001\\u007f \xc3\xa9\":\"\xf0\x9f\x8e\xb5 \xef\xbf\xbd \xef\xbf\xbd\"}");
    const json *root;
    assert_ok(parse(&root, *state, w.out.data));
    assert_string_equal(root->item[0].key, "a\"b\\c\n\t\x01\x7f \xc3\xa9");
    text_free(&w.out);
}

static void test_numbers_read_back_the_same(void **state) {
    static const double values[] = {
        0.0,     -0.0,   0.1,  1.0 / 3.0,     2.0 / 3.0,          1e300, DBL_MAX,
        DBL_MIN, 5e-324, 1e15, 123456789.125, 9007199254740993.0, -1e-7, 3.14159265358979323846};
    enum { COUNT = sizeof values / sizeof *values };
    static const float floats[] = {0.1f, 1.0f / 3.0f, FLT_MAX, FLT_MIN, 1e-45f, 16777217.0f, -2.5f};
    enum { FLOATS = sizeof floats / sizeof *floats };
    json_writer w = {0};
    json_open(&w, NULL, '[');
    for (size_t i = 0; i < COUNT; i++)
        json_number(&w, NULL, values[i]);
    for (size_t i = 0; i < FLOATS; i++)
        json_float(&w, NULL, floats[i]);
    json_number(&w, NULL, INFINITY);
    json_number(&w, NULL, NAN);
    json_float(&w, NULL, -INFINITY);
    json_integer(&w, NULL, INT64_MIN);
    json_close(&w, ']');
    const json *root;
    assert_ok(parse(&root, *state, w.out.data));
    assert_int_equal(root->count, COUNT + FLOATS + 4);
    for (size_t i = 0; i < COUNT; i++)
        assert_true(root->item[i].number == values[i]);
    for (size_t i = 0; i < FLOATS; i++)
        assert_true((float)root->item[COUNT + i].number == floats[i]);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(root->item[COUNT + FLOATS + i].type, JSON_NULL);
    assert_true(root->item[COUNT + FLOATS + 3].number == -9223372036854775808.0);
    /* The fewest digits: 0.1f is not 0.10000000149011612. */
    assert_non_null(strstr(w.out.data, ",0.1,0.33333"));
    assert_null(strstr(w.out.data, "0.10000000"));
    text_free(&w.out);
}

/* Numbers stay JSON under a locale whose decimal point is a comma. The test makes its own point of whatever locales the
 * machine has: one with a comma if there is one, else the C locale's. */
static void test_the_locale_does_not_matter(void **state) {
    static const char *const names[] = {"de_DE.UTF-8", "de_DE", "fr_FR.UTF-8", "C"};
    char *before = strdup(setlocale(LC_NUMERIC, NULL));
    assert_non_null(before);
    for (size_t i = 0; i < 4 && !setlocale(LC_NUMERIC, names[i]); i++) {
    }
    json_writer w = {0};
    json_open(&w, NULL, '[');
    json_number(&w, NULL, -1.25e-30);
    json_float(&w, NULL, 0.5f);
    json_close(&w, ']');
    const json *root = NULL;
    loris_status status = parse(&root, *state, w.out.data);
    setlocale(LC_NUMERIC, before);
    free(before);
    assert_ok(status);
    assert_string_equal(w.out.data, "[-1.25e-30,0.5]");
    assert_true(root->item[0].number == -1.25e-30 && root->item[1].number == 0.5);
    text_free(&w.out);
}

static void test_writer_misuse_is_a_failure(void **state) {
    (void)state;
    json_writer w = {0};
    json_close(&w, ']');
    assert_true(text_failed(&w.out));
    text_free(&w.out);
    json_begin(&w, 1);
    for (int i = 0; i < JSON_MAX_DEPTH; i++)
        json_open(&w, NULL, '[');
    assert_false(text_failed(&w.out));
    json_open(&w, NULL, '[');
    assert_true(text_failed(&w.out));
    text_free(&w.out);
}

#define JSON_TEST(function) cmocka_unit_test_setup_teardown(function, make_arena, drop_arena)

int main(void) {
    const struct CMUnitTest tests[] = {
        JSON_TEST(test_a_document_becomes_a_tree),
        JSON_TEST(test_any_value_may_be_the_document),
        JSON_TEST(test_strings),
        JSON_TEST(test_numbers),
        JSON_TEST(test_damaged_documents),
        JSON_TEST(test_a_nul_is_no_end),
        JSON_TEST(test_cut_documents),
        JSON_TEST(test_nesting_is_bounded),
        JSON_TEST(test_wide_objects),
        JSON_TEST(test_long_numbers),
        JSON_TEST(test_a_failed_arena_is_out_of_memory),
        JSON_TEST(test_needed_members),
        JSON_TEST(test_writing_on_one_line),
        JSON_TEST(test_writing_with_an_indent),
        JSON_TEST(test_strings_are_escaped),
        JSON_TEST(test_numbers_read_back_the_same),
        JSON_TEST(test_the_locale_does_not_matter),
        JSON_TEST(test_writer_misuse_is_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
