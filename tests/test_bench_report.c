/* What is made of records: tables, CSV, the page, comparisons; and the contributed ones in results/. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/report.h"
#include "bench_records.h"
#include "core/file.h"
#include "loris/bench.h"
#include "markup_check.h"
#include "scratch.h"

#include "compare.h"

static const char hostile[] = "<script>alert('1')</script>|\"&\\ *x* =1+1\n";

/* Two devices, of which the second is slower, and one that gave nothing. */
static size_t three_records(record *r, arena *a, const char *name) {
    example_record(&r[0], a, "slow", 2);
    example_record(&r[1], a, name, 1);
    example_record(&r[2], a, "broken", 1);
    r[2].failure = name;
    r[2].quantities = r[2].stages = r[2].probes = r[2].nodes = 0;
    r[1].note[0] = r[1].workload.what = r[1].machine.processor = r[1].device.platform = r[1].device.driver = name;
    r[1].stage[0].detail = r[1].probe[0].reason = r[1].quantity[0].name = name;
    r[1].node[3].name = r[1].node[3].operation = r[1].node[3].place = r[1].node[3].variant = name;
    record_conclude(&r[2]);
    return 3;
}

/* ---- the page ---------------------------------------------------------------------------------------------------- */

static void the_page_is_markup_that_loads_nothing(void **state) {
    (void)state;
    arena *a = arena_new();
    record *r = calloc(3, sizeof *r);
    text page = {0};
    const size_t count = three_records(r, a, hostile);
    report_html(&page, r, count);
    assert_false(text_failed(&page));
    assert_well_formed(page.data);
    assert_int_equal(count_of(page.data, "<script>"), 1); /* its own */
    assert_null(strstr(page.data, "<script>alert"));
    static const char *const loading[] = {"http:",   "https:", "src=", "href=",   "url(",
                                          "@import", "<link",  "<img", "<iframe", "<object"};
    for (size_t i = 0; i < sizeof loading / sizeof *loading; i++)
        if (strstr(page.data, loading[i]))
            fail_msg("the page loads something: %s", loading[i]);
    text_free(&page);
    free(r);
    arena_free(a);
}

static void the_page_has_what_was_measured(void **state) {
    (void)state;
    arena *a = arena_new();
    record *r = calloc(3, sizeof *r);
    text page = {0};
    report_html(&page, r, three_records(r, a, "quick one"));
    assert_int_equal(count_of(page.data, "<svg "), 2);     /* rooflines of those that gave a record */
    assert_int_equal(count_of(page.data, "<circle "), 24); /* of 12 nodes each */
    assert_int_equal(count_of(page.data, "class=\"track\""), 2);
    assert_int_equal(count_of(page.data, "class=\"stack\""), 2);
    assert_int_equal(count_of(page.data, "<details>"), 3);
    assert_int_equal(count_of(page.data, "prefers-color-scheme:dark"), 1);
    assert_int_equal(count_of(page.data, "name=\"viewport\""), 1);
    assert_non_null(strstr(page.data, "no headline: quick one"));
    /* bars: 26 / 1.16 s of sound a second fill the width, the device half as fast half of it */
    assert_non_null(strstr(page.data, "width:100.00%"));
    assert_non_null(strstr(page.data, "width:50.00%"));
    /* the faster comes first, and the broken one last */
    const char *first = strstr(page.data, "quick one"), *second = strstr(page.data, ">slow "),
               *last = strstr(page.data, ">broken ");
    assert_true(first && second && last && first < second && second < last);
    text_free(&page);
    free(r);
    arena_free(a);
}

/* ---- Markdown and CSV -------------------------------------------------------------------------------------------- */

static void tables_keep_their_shape(void **state) {
    (void)state;
    arena *a = arena_new();
    record *r = calloc(3, sizeof *r);
    text table = {0};
    report_table(&table, r, three_records(r, a, hostile));
    assert_int_equal(count_of(table.data, "\n"), 2 + 3);
    for (char *rest = table.data, *line; (line = strsep(&rest, "\n")) && *line;)
        assert_int_equal(count_of(line, "|") - count_of(line, "\\|"), 13); /* 12 columns */
    text_free(&table);
    free(r);
    arena_free(a);
}

/* RFC 4180: every line has as many fields, quotes within fields are doubled. */
static void csv_reads_back(void **state) {
    (void)state;
    enum { FIELDS = 9 };
    arena *a = arena_new();
    record *r = calloc(3, sizeof *r);
    text csv = {0};
    size_t rows = 0, fields = 1, formulas = 0;
    report_csv(&csv, r, three_records(r, a, "=cmd|\"x\""));
    bool quoted = false, begins = true;
    for (const char *c = csv.data; *c; c++) {
        formulas += begins && strchr("=+-@", *c) != NULL;
        begins = false;
        if (*c == '"')
            begins = !quoted && c[1] != '"', quoted = !quoted;
        else if (!quoted && *c == ',')
            fields++;
        else if (!quoted && *c == '\n') {
            assert_int_equal(fields, FIELDS);
            assert_int_equal(c[-1], '\r');
            fields = 1;
            rows++;
        }
    }
    assert_int_equal(formulas, 0);
    /* a heading; of two records headline 3, error 1, stages 3 x (1 + 7), probes 2 x 3, nodes 12, memory 2; of one
     * memory 2 */
    assert_int_equal(rows, 1 + 2 * (3 + 1 + 24 + 6 + 12 + 2) + 2);
    text_free(&csv);
    free(r);
    arena_free(a);
}

static void figures_are_short(void **state) {
    (void)state;
    static const struct {
        double value;
        const char *written;
    } cases[] = {{0, "0"},        {1234.5, "1234"},   {12.345, "12.3"}, {0.012345, "0.0123"},
                 {-2.5, "-2.50"}, {1e-7, "1.00e-07"}, {NAN, "-"},       {INFINITY, "-"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(figure_of(cases[i].value, 3).text, cases[i].written);
}

static void files_are_written_as_their_endings_say(void **state) {
    (void)state;
    arena *a = arena_new();
    record *r = calloc(3, sizeof *r);
    char *whole, *again;
    assert_ok(records_json(&whole, r, three_records(r, a, "device")));
    static const char *const names[] = {"a.json", "a.csv", "a.md", "a.html"}, *const begins[] = {"{", "device,",
                                                                                                 "# loris",
                                                                                                 "<!DOCTYPE"};
    for (size_t i = 0; i < 4; i++) {
        assert_ok(loris_bench_write(whole, scratch(names[i])));
        size_t size;
        char *written = scratch_read(scratch(names[i]), &size);
        assert_true(size > strlen(begins[i]));
        assert_int_equal(strncmp(written, begins[i], strlen(begins[i])), 0);
        free(written);
    }
    assert_fails(loris_bench_write(whole, scratch("a.pdf")), LORIS_ERROR_ARGUMENT, "ending");
    assert_ok(loris_bench_read(scratch("a.json"), &again));
    assert_string_equal(whole, again);
    loris_free(again);
    loris_free(whole);
    free(r);
    arena_free(a);
}

/* ---- comparing --------------------------------------------------------------------------------------------------- */

static const char *record_file(const char *name, const char *device, double slower, bool right) {
    arena *a = arena_new();
    record *r = calloc(1, sizeof *r);
    char *whole;
    example_record(r, a, device, slower);
    if (!right)
        r->quantity[0].max_abs_error = 1;
    assert_ok(records_json(&whole, r, 1));
    const char *path = scratch_file(name, whole, strlen(whole));
    loris_free(whole);
    free(r);
    arena_free(a);
    return path;
}

static void what_is_slower_is_counted(void **state) {
    (void)state;
    char *table;
    int slower;
    record_file("base.json", "device", 1, true);
    record_file("slow.json", "device", 1.5, true);
    assert_ok(loris_bench_compare(scratch("base.json"), scratch("base.json"), 0, &table, &slower));
    assert_int_equal(slower, 0);
    assert_int_equal(count_of(table, "no difference seen"), 3);
    loris_free(table);
    assert_ok(loris_bench_compare(scratch("base.json"), scratch("slow.json"), 0.05, &table, &slower));
    assert_int_equal(count_of(table, "| 1.500 |"), 3);
    assert_int_equal(slower, 2); /* decode's times of 0.10 to 0.16 s are too far apart for seven samples to tell */
    loris_free(table);
    assert_ok(loris_bench_compare(scratch("base.json"), scratch("slow.json"), 0.6, &table, &slower));
    assert_int_equal(slower, 0);
    loris_free(table);
    assert_ok(loris_bench_compare(scratch("slow.json"), scratch("base.json"), 0.05, &table, &slower));
    assert_int_equal(slower, 0);
    assert_true(count_of(table, "faster") >= 1);
    loris_free(table);
}

static void what_cannot_be_compared_is_refused(void **state) {
    (void)state;
    char *table;
    int slower;
    record_file("base.json", "device", 1, true);
    record_file("other.json", "another", 1, true);
    record_file("wrong.json", "device", 1, false);
    assert_fails(loris_bench_compare(scratch("base.json"), scratch("other.json"), 0, &table, &slower),
                 LORIS_ERROR_INPUT, "in common");
    assert_fails(loris_bench_compare(scratch("base.json"), scratch("wrong.json"), 0, &table, &slower),
                 LORIS_ERROR_INPUT, "wrong results");
    assert_fails(loris_bench_compare(scratch("none.json"), scratch("base.json"), 0, &table, &slower), LORIS_ERROR_INPUT,
                 "none.json");
}

/* ---- results/ ---------------------------------------------------------------------------------------------------- */

static void contributed_records_hold(void **state) {
    (void)state;
    char *records;
    bool passed;
    assert_ok(loris_bench_read(LORIS_RESULTS, &records));
    assert_summaries_follow(records);
    assert_ok(loris_bench_passed(records, &passed));
    loris_free(records);
}

/* tools/results-table writes it. */
static void the_readme_shows_the_contributed_records(void **state) {
    (void)state;
    char *records, *table, *readme;
    size_t size;
    assert_ok(loris_bench_read(LORIS_RESULTS, &records));
    assert_ok(loris_bench_table(records, &table));
    assert_ok(file_read(LORIS_README, 1u << 20, &readme, &size));
    if (!strstr(readme, table))
        fail_msg("README.md does not show results/: run tools/results-table");
    free(readme);
    loris_free(table);
    loris_free(records);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_is_markup_that_loads_nothing),
        cmocka_unit_test(the_page_has_what_was_measured),
        cmocka_unit_test(tables_keep_their_shape),
        cmocka_unit_test(csv_reads_back),
        cmocka_unit_test(figures_are_short),
        cmocka_unit_test(files_are_written_as_their_endings_say),
        cmocka_unit_test(what_is_slower_is_counted),
        cmocka_unit_test(what_cannot_be_compared_is_refused),
        cmocka_unit_test(contributed_records_hold),
        cmocka_unit_test(the_readme_shows_the_contributed_records),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
