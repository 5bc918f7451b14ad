/* A device's tuning: kept in a file that may be missing, damaged or hostile, asked by shape, made by measuring. */
#include "support_net.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "compute/tuning.h"
#include "core/file.h"
#include "ops/product.h"
#include "ops/stream.h"
#include "reference.h"
#include "temporary.h"
#include "tune/trial.h"
#include "tune/tuner.h"

static const device some_device = {.name = "Some GPU",
                                   .vendor = "Some",
                                   .platform_name = "Platform",
                                   .driver = "1.0",
                                   .extensions = "",
                                   .version = ""};

static int warnings;

static void count_warning(void *user, loris_level level, const char *message) {
    (void)user, (void)message;
    warnings += level == LORIS_LOG_WARNING;
}

static void count_warnings(void) {
    warnings = 0;
    loris_set_log(count_warning, NULL);
}

static tuned_entry entry(int rows, tuned_use use, int size) {
    return (tuned_entry){.shape = {TUNED_PRODUCT, TYPE_F32, 1, rows, 64, 32, 3, 1},
                         .choice = {use, {size, size ? 64 : 0, size ? 8 : 0}},
                         .speed = 2e9,
                         .default_speed = 1e9,
                         .error = 1e-7};
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

static void the_nearest_shape_counts(void **state) {
    (void)state;
    compute *c = support_compute();
    tuning t = {0};
    const tuned_entry small = entry(64, USE_TILE, 32), large = entry(1000, USE_TILE, 64);
    assert_ok(tuning_add(&t, &small));
    assert_ok(tuning_add(&t, &large));
    tuning *own = c->tuning;
    c->tuning = &t;
    tuned_shape s = small.shape;
    assert_ptr_equal(tuning_find(c, &s, 0), &t.entries[0]);
    s.rows = 128; /* a factor of 2 away: still that one */
    assert_ptr_equal(tuning_find(c, &s, 0), &t.entries[0]);
    s.rows = 300;
    assert_null(tuning_find(c, &s, 0));
    s.rows = 400;
    s.batch = 2; /* 800 rows in all */
    assert_ptr_equal(tuning_find(c, &s, 0), &t.entries[1]);
    s.channels++;
    assert_null(tuning_find(c, &s, 0));
    s.channels--;
    s.storage = TYPE_BF16;
    assert_null(tuning_find(c, &s, 0));
    c->tuning = own;
    free(t.entries);
}

static void names_tell_the_choice(void **state) {
    (void)state;
    char name[48];
    tuned_choice_name(&(tuned_choice){USE_TILE, {128, 64, 8}}, TYPE_F32, name);
    assert_string_equal(name, "own tile 128x64x8");
    tuned_choice_name(&(tuned_choice){.use = USE_ONEDNN}, TYPE_BF16, name);
    assert_string_equal(name, "oneDNN bf16");
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

static void the_file_reads_back_as_written(void **state) {
    (void)state;
    char folder[TEMPORARY_PATH_MAX];
    temporary_make(folder);
    arena *a = arena_new();
    const char *path = tuning_path(a, arena_printf(a, "%s/new/loris-cl", folder), &some_device);
    tuning t = {.precision = PRECISION_BF16};
    const tuned_entry e = entry(64, USE_TILE, 32),
                      group = {.shape = {.kind = TUNED_STREAM}, .choice = {USE_SIZE, {256, 0, 0}}};
    assert_ok(tuning_add(&t, &e));
    assert_ok(tuning_add(&t, &group));
    assert_ok(tuning_save(&t, path, &some_device));
    struct stat info;
    assert_int_equal(stat(arena_printf(a, "%s/new/loris-cl", folder), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);

    tuning *back = tuning_load(path, &some_device);
    assert_non_null(back);
    assert_int_equal(back->precision, PRECISION_BF16);
    assert_int_equal(back->count, 2);
    for (int i = 0; i < 2; i++) {
        assert_memory_equal(&back->entries[i].shape, &t.entries[i].shape, sizeof t.entries[i].shape);
        assert_true(tuned_choice_equal(&back->entries[i].choice, &t.entries[i].choice));
        assert_string_equal(back->entries[i].name, t.entries[i].name);
    }
    tuning_free(back);
    free(t.entries);
    arena_free(a);
    temporary_remove(folder);
}

/* Another driver has another file; a file of another device in its place is not believed. */
static void a_tuning_belongs_to_device_and_driver(void **state) {
    (void)state;
    char folder[TEMPORARY_PATH_MAX];
    temporary_make(folder);
    arena *a = arena_new();
    device other = some_device;
    other.driver = "2.0";
    const char *path = tuning_path(a, folder, &some_device), *elsewhere = tuning_path(a, folder, &other);
    assert_string_not_equal(path, elsewhere);
    tuning t = {0};
    assert_ok(tuning_save(&t, elsewhere, &some_device));
    count_warnings();
    assert_null(tuning_load(elsewhere, &other));
    assert_int_equal(warnings, 1);
    loris_set_log(NULL, NULL);
    arena_free(a);
    temporary_remove(folder);
}

static void hostile_files_are_ignored_with_one_warning(void **state) {
    (void)state;
    static const char head[] = "{\"version\":1,\"device\":\"Some GPU\",\"vendor\":\"Some\",\"platform\":\"Platform\","
                               "\"driver\":\"1.0\",";
    static const char *const tails[] = {
        "",
        "\"precision\":\"f99\",\"entries\":[]}",
        "\"precision\":\"auto\",\"entries\":7}",
        "\"precision\":\"auto\",\"entries\":[7]}",
        "\"precision\":\"auto\",\"entries\":[{\"kind\":\"magic\"}]}",
        "\"precision\":\"auto\",\"entries\":[{\"kind\":\"product\",\"use\":\"tile\",\"storage\":\"f32\",\"batch\":1e99}"
        "]}",
        "\"precision\":\"auto\",\"entries\":[{\"kind\":\"product\",\"use\":\"tile\",\"storage\":\"f32\",\"batch\":1,"
        "\"rows\":1,\"columns\":1,\"channels\":1,\"taps\":1,\"stride\":1,\"speed\":1,\"default_speed\":1,\"error\":0,"
        "\"size\":[-4,1,1]}]}",
        "\"precision\":\"auto\",\"entries\":[{\"kind\":\"product\",\"use\":\"tile\",\"storage\":\"f32\",\"batch\":1,"
        "\"rows\":1,\"columns\":1,\"channels\":1,\"taps\":1,\"stride\":1,\"speed\":1,\"default_speed\":1,\"error\":0,"
        "\"size\":[1,2,3,4]}]}"};
    char folder[TEMPORARY_PATH_MAX];
    temporary_make(folder);
    arena *a = arena_new();
    const char *path = tuning_path(a, folder, &some_device);
    count_warnings();
    assert_null(tuning_load(path, &some_device)); /* none: nothing to warn of */
    assert_int_equal(warnings, 0);
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        const char *data = arena_printf(a, "%s%s", head, tails[i]);
        assert_ok(file_write(path, data, strlen(data)));
        assert_null(tuning_load(path, &some_device));
        assert_int_equal(warnings, (int)i + 1);
    }
    loris_set_log(NULL, NULL);
    arena_free(a);
    temporary_remove(folder);
}

/* Sizes that are no candidate on the device would not compile, or worse. */
static void what_the_device_has_not_is_not_chosen(void **state) {
    (void)state;
    compute *c = support_compute();
    weights *w;
    const int64_t dim[] = {64, 32, 3};
    for (int kind = 0; kind < 2; kind++) {
        tuning t = {0};
        tuned_entry wrong = entry(62, kind ? USE_TILE : USE_PANEL, 1024);
        assert_ok(tuning_add(&t, &wrong));
        pretend_kind(kind);
        assert_ok(weights_new_empty(&w, c));
        support_weight(w, "a.weight", 3, dim, 1, 0.1f, 0);
        support_weight(w, "a.bias", 1, dim, 2, 0.1f, 0);
        net *n = net_new(c, w, "tuned", 1);
        net_output(n, "y",
                   conv1d_strided(n, net_input(n, "x", PHASE_STEP, shape_1d(1, 64, 32), STORE_F32), "a", 64, 3, 1, 0));
        c->tuning = &t;
        plan *p;
        assert_ok(plan_draft(&p, n));
        c->tuning = NULL;
        text lines = {0};
        plan_describe(p, &lines);
        assert_null(strstr(lines.data, "1024"));
        text_free(&lines);
        plan_free(p);
        weights_free(w);
        free(t.entries);
    }
    pretend_kind(0);
}

/* What was measured is told as such, also of attention, which oneDNN does not take then, and of norms. */
static void tuned_nodes_say_so(void **state) {
    (void)state;
    compute *c = support_compute();
    const int heads = 2, head = 32;
    weights *w;
    tuning t = {0};
    const tuned_entry entries[] = {
        {.shape = {TUNED_ATTENTION, TYPE_F32, 2, 70, 37, 32, 1, 1}, .choice = {USE_SIZE, {16, 0, 0}}},
        {.shape = {.kind = TUNED_STREAM}, .choice = {USE_SIZE, {64, 0, 0}}}};
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++)
        assert_ok(tuning_add(&t, &entries[i]));
    pretend_kind(1);
    for (int tuned = 0; tuned < 2; tuned++) {
        assert_ok(weights_new_empty(&w, c));
        support_weight(w, "a.weight", 1, (const int64_t[]){64}, 1, 0.1f, 1);
        support_weight(w, "a.bias", 1, (const int64_t[]){64}, 2, 0.1f, 0);
        c->tuning = tuned ? &t : NULL;
        net *n = net_new(c, w, "tuned", 1);
        const tensor q = net_input(n, "q", PHASE_STEP, shape_1d(1, 70, heads * head), STORE_F32);
        const tensor kv = net_input(n, "kv", PHASE_STEP, shape_1d(1, 37, 2 * heads * head), STORE_F32);
        net_output(n, "y", group_norm(n, attention(n, q, kv, heads), "a", 4, (tensor){0}, ACTIVATION_NONE));
        plan *p;
        assert_ok(plan_draft(&p, n));
        c->tuning = NULL;
        assert_int_equal(plan_node_count(p), 2);
        for (int k = 0; k < 2; k++) {
            char dims[96];
            const profile_node told = plan_node(p, k, &dims);
            assert_true(*told.reason);
            assert_int_equal(strcmp(told.reason, TUNED_REASON) == 0, tuned);
        }
        plan_free(p);
        weights_free(w);
    }
    pretend_kind(0);
    free(t.entries);
}

/* ---- trials ------------------------------------------------------------------------------------------------------ */

/* Everything that may be chosen computes what it should, on shapes that fill no tile. Rounding factors to half costs
 * 2^-11 of each; 2e-3 allows for their sum in half as well. f32: sqrt(288) 2^-24 is 1e-6. */
static void all_candidates_compute_the_same(void **state) {
    (void)state;
    compute *c = support_compute();
    const double allowed[] = {[TYPE_F32] = 1e-5, [TYPE_F16] = 2e-3, [TYPE_BF16] = 1e-2};
    const product_precision asked = c->settings.precision;
    for (int kind = 0; kind < 2; kind++)
        for (int type = TYPE_F32; type <= TYPE_BF16; type++) {
            pretend_kind(kind);
            c->settings.precision = PRECISION_AUTO;
            const tuned_shape works[] = {{TUNED_PRODUCT, (number_type)type, 2, 77, 67, 96, 3, 1},
                                         {TUNED_PRODUCT, (number_type)type, 1, 130, 40, 33, 1, 1},
                                         {TUNED_PRODUCT, (number_type)type, 1, 31, 129, 16, 4, 2}};
            tuned_choice candidates[PRODUCT_MAX_CANDIDATES];
            const int count = product_candidates(c, (number_type)type, candidates);
            assert_true(count > 3);
            for (int k = -1; k < count; k++) {
                trial *t;
                double error = 1;
                if (type != TYPE_F32 && k % 4 && candidates[k].use != USE_HALF_TILE)
                    continue; /* storage and sizes have nothing to do with each other */
                assert_ok(trial_new(&t, c, &works[(k + 1) % 3], k < 0 ? NULL : &candidates[k]));
                assert_ok(trial_error(t, &error));
                assert_true(error <= allowed[type]);
                trial_free(t);
            }
        }
    c->settings.precision = asked;
    pretend_kind(0);
}

static void attention_and_streams_run_in_all_sizes(void **state) {
    (void)state;
    compute *c = support_compute();
    pretend_kind(1);
    const tuned_shape works[] = {
        {TUNED_ATTENTION, TYPE_F32, 2, 70, 37, 32, 1, 1}, {.kind = TUNED_STREAM}, {.kind = TUNED_ROWS}};
    for (size_t i = 0; i < sizeof works / sizeof *works; i++) {
        tuned_choice candidates[STREAM_MAX_CANDIDATES];
        const int count = works[i].kind == TUNED_ATTENTION ? attention_candidates(c, works[i].channels, candidates)
                                                           : stream_candidates(c, candidates);
        assert_true(count >= 3);
        for (int k = 0; k < count; k++) {
            trial *t;
            double seconds = 0;
            assert_ok(trial_new(&t, c, &works[i], &candidates[k]));
            assert_ok(trial_time(t, 2, &seconds));
            assert_true(seconds > 0 && trial_work(t) > 0);
            trial_free(t);
        }
    }
    pretend_kind(0);
}

/* ---- choosing ---------------------------------------------------------------------------------------------------- */

/* A made-up device: speeds and errors by choice. */
typedef struct made_up {
    tuned_use fast; /* this use is twice as fast ... */
    double error;   /* ... and has this error */
    bool seen_half;
} made_up;

static loris_status measure_made_up(void *user, compute *c, const tuned_shape *work, const tuned_choice *candidates,
                                    int count, tuner_measure *out) {
    made_up *m = user;
    (void)c, (void)work;
    for (int i = 0; i < count; i++) {
        const bool fast = candidates[i].use == m->fast && candidates[i].use != USE_DEFAULT;
        out[i] = (tuner_measure){fast ? 2e9 : 1e9, fast ? m->error : 0};
        m->seen_half = m->seen_half || candidates[i].use == USE_HALF_TILE;
    }
    return LORIS_OK;
}

static tuned_choice choose(made_up *m, number_type type, bool half) {
    compute *c = support_compute();
    tuner_list works = {0};
    tuning found = {0};
    tuner_note(&works, &(tuned_shape){TUNED_PRODUCT, type, 1, 100, 64, 64, 3, 1}, 1e9);
    const tuner_request q = {
        .compute = c, .works = &works, .half = half, .measure = measure_made_up, .measure_user = m};
    assert_ok(tuner_run(&q, &found));
    assert_int_equal(found.entries[0].shape.kind, TUNED_PRODUCT);
    const tuned_choice choice = found.entries[0].choice;
    free(found.entries);
    tuner_list_free(&works);
    return choice;
}

static void of_equals_the_default_stays(void **state) {
    (void)state;
    made_up equal = {.fast = USE_DEFAULT};
    for (int kind = 0; kind < 2; kind++) {
        pretend_kind(kind);
        assert_int_equal(choose(&equal, TYPE_F32, true).use, USE_DEFAULT);
    }
    pretend_kind(0);
}

static void speed_wins_unless_its_error_is_too_large(void **state) {
    (void)state;
    pretend_kind(1);
    made_up right = {.fast = USE_TILE, .error = 1e-7}, wrong = {.fast = USE_TILE, .error = 1e-3};
    const tuned_choice choice = choose(&right, TYPE_F32, false);
    assert_int_equal(choice.use, USE_TILE);
    assert_int_equal(choice.size[0], 64); /* of equals the first */
    assert_int_equal(choose(&wrong, TYPE_F32, false).use, USE_DEFAULT);
    pretend_kind(0);
    assert_true(tuner_score(&(tuner_measure){1e9, 0.9e-5}, TYPE_F32) < 0.6e9);
    assert_true(tuner_score(&(tuner_measure){1e9, 1.1e-5}, TYPE_F32) == 0);
    assert_true(tuner_score(&(tuner_measure){1e9, NAN}, TYPE_F32) == 0);
}

static void half_precision_must_have_passed_its_test(void **state) {
    (void)state;
    compute *c = support_compute();
    const bool fp16 = c->dev.fp16;
    c->dev.fp16 = true;
    pretend_kind(1);
    made_up half = {.fast = USE_HALF_TILE, .error = 1e-3};
    assert_int_equal(choose(&half, TYPE_F16, false).use, USE_DEFAULT);
    assert_false(half.seen_half);
    assert_int_equal(choose(&half, TYPE_F16, true).use, USE_HALF_TILE);
    half.seen_half = false;
    assert_int_equal(choose(&half, TYPE_F32, true).use, USE_DEFAULT); /* weights kept in f32 stay f32 */
    assert_false(half.seen_half);
    pretend_kind(0);
    c->dev.fp16 = fp16;
}

static void a_precision_is_changed_for_much_speed_only(void **state) {
    (void)state;
    tuner_list works = {0};
    for (int faster = 0; faster < 2; faster++) {
        tuning t = {0};
        for (int type = TYPE_F32; type <= TYPE_BF16; type++) {
            tuned_entry e = entry(64, USE_DEFAULT, 0);
            e.shape.storage = (number_type)type;
            e.error = 0;
            e.speed = type == TYPE_BF16 ? (faster ? 1.3e9 : 1.2e9) : 1e9;
            assert_ok(tuning_add(&t, &e));
            tuner_note(&works, &e.shape, 1e9);
        }
        assert_int_equal(tuner_precision(&works, &t, TYPE_F32), faster ? PRECISION_BF16 : PRECISION_AUTO);
        free(t.entries);
    }
    tuner_list_free(&works);
}

static void the_largest_shapes_are_kept(void **state) {
    (void)state;
    tuner_list works = {0};
    for (int i = 1; i <= 10; i++)
        tuner_note(&works, &(tuned_shape){TUNED_PRODUCT, TYPE_F32, 1, i, 1, 1, 1, 1}, i);
    tuner_note(&works, &(tuned_shape){TUNED_PRODUCT, TYPE_F32, 1, 3, 1, 1, 1, 1}, 7); /* again: 10 in all */
    tuner_note(&works, &(tuned_shape){TUNED_ATTENTION, TYPE_F32, 1, 1, 1, 1, 1, 1}, 0.5);
    assert_int_equal(works.count, 11);
    tuner_list_trim(&works, 0.5); /* 10 + 10 + 9 of 62 do not make half, with 8 they do */
    assert_int_equal(works.count, 5);
    assert_true(works.works[0].flop == 10 && works.works[3].flop == 8);
    assert_int_equal(works.works[4].shape.kind, TUNED_ATTENTION);
    tuner_list_free(&works);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nearest_shape_counts),
        cmocka_unit_test(names_tell_the_choice),
        cmocka_unit_test(the_file_reads_back_as_written),
        cmocka_unit_test(a_tuning_belongs_to_device_and_driver),
        cmocka_unit_test(hostile_files_are_ignored_with_one_warning),
        cmocka_unit_test(what_the_device_has_not_is_not_chosen),
        cmocka_unit_test(tuned_nodes_say_so),
        cmocka_unit_test(all_candidates_compute_the_same),
        cmocka_unit_test(attention_and_streams_run_in_all_sizes),
        cmocka_unit_test(of_equals_the_default_stays),
        cmocka_unit_test(speed_wins_unless_its_error_is_too_large),
        cmocka_unit_test(half_precision_must_have_passed_its_test),
        cmocka_unit_test(a_precision_is_changed_for_much_speed_only),
        cmocka_unit_test(the_largest_shapes_are_kept),
    };
    return cmocka_run_group_tests(tests, support_open, support_close);
}
