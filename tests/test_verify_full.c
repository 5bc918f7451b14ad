/* The whole LORIS network, 766.5 M made-up parameters, against golden samples of one guided evaluation of 2^16 samples.
 * The same at 2^19 samples lies beside it for `verify`: it takes minutes on small machines. */
#include <stdlib.h>
#include <string.h>

#include "loris/loris.h"

#include "compare.h"

typedef struct results {
    int count, failed;
} results;

static void collect(void *user, const loris_quantity *q) {
    results *r = user;
    r->count++;
    r->failed += !q->pass;
    if (!q->pass)
        print_message("%s: error %g, scale %g\n", q->name, q->max_abs_error, q->scale);
}

static void the_full_network_matches_the_reference(void **state) {
    (void)state;
    loris_engine *engine;
    loris_engine_settings settings;
    loris_engine_defaults(&settings);
    settings.device = getenv("LORIS_TEST_DEVICE");
    settings.cache_dir = "";
    assert_ok(loris_engine_open(&engine, &settings));
    results r = {0};
    const loris_verify_settings checks = {.quantity = collect, .quantity_user = &r};
    loris_status status = loris_verify(engine, LORIS_TEST_DATA "/full-16", &checks);
    loris_engine_close(engine);
    assert_ok(status);
    assert_int_equal(r.count, 4);
    assert_int_equal(r.failed, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_full_network_matches_the_reference)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
