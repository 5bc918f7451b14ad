/* The rhythm's JSON: what is written reads back the same, and what is wrong is refused by name. */
#include "compare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/file.h"
#include "rhythm/rhythm.h"
#include "temporary.h"

typedef struct fixture {
    char folder[TEMPORARY_PATH_MAX], path[TEMPORARY_PATH_MAX + 16];
} fixture;

static int set_up(void **state) {
    fixture *f = calloc(1, sizeof *f);
    if (!f)
        return -1;
    temporary_make(f->folder);
    snprintf(f->path, sizeof f->path, "%s/rhythm.json", f->folder);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    temporary_remove(f->folder);
    free(f);
    return 0;
}

static void test_round_trip(void **state) {
    fixture *f = *state;
    double beats[] = {0.1, 0.7, 1.3000000000000003}, downbeats[] = {0.7}, cuts[] = {0.0, 2.5};
    rhythm_energy energy[] = {{0.0, 0.25f}, {0.5, 1.0f}, {1.0, 0.1f}};
    rhythm_event events[] = {{0.1, EVENT_ONSET, 0.3f}, {0.1, EVENT_IMPACT, 1.0f}, {2.5, EVENT_IMPACT, 0.0f}};
    rhythm r = {.duration = 2.5,
                .bpm = 100.1,
                .tempo_confidence = 0.87,
                .movement = 0.0123,
                .beats = beats,
                .beat_count = 3,
                .downbeats = downbeats,
                .downbeat_count = 1,
                .cuts = cuts,
                .cut_count = 2,
                .energy = energy,
                .energy_count = 3,
                .events = events,
                .event_count = 3};
    assert_ok(rhythm_write(&r, f->path));
    rhythm back;
    assert_ok(rhythm_read(&back, f->path));
    assert_true(back.duration == r.duration && back.bpm == r.bpm && back.tempo_confidence == r.tempo_confidence);
    assert_true(back.movement == 0.0123);
    assert_int_equal(back.beat_count, 3);
    assert_int_equal(back.downbeat_count, 1);
    assert_int_equal(back.cut_count, 2);
    assert_int_equal(back.energy_count, 3);
    assert_int_equal(back.event_count, 3);
    assert_memory_equal(back.beats, beats, sizeof beats);
    assert_memory_equal(back.downbeats, downbeats, sizeof downbeats);
    assert_memory_equal(back.cuts, cuts, sizeof cuts);
    for (size_t i = 0; i < 3; i++) {
        assert_true(back.energy[i].time == energy[i].time && back.energy[i].value == energy[i].value);
        assert_true(back.events[i].time == events[i].time && back.events[i].strength == events[i].strength);
        assert_int_equal(back.events[i].kind, events[i].kind);
    }
    rhythm_free(&back);
    assert_null(back.events);
}

static void test_smallest(void **state) {
    fixture *f = *state;
    const char *smallest = "{\"version\":1,\"duration_s\":0.5,\"events\":[]}";
    assert_ok(file_write(f->path, smallest, strlen(smallest)));
    rhythm r;
    assert_ok(rhythm_read(&r, f->path));
    assert_true(r.duration == 0.5 && r.bpm == 0.0);
    assert_int_equal(r.event_count + r.beat_count + r.cut_count + r.energy_count, 0);
    assert_ok(rhythm_write(&r, f->path)); /* empty lists are written, and read again */
    rhythm_free(&r);
    assert_ok(rhythm_read(&r, f->path));
    rhythm_free(&r);
    rhythm_free(NULL);
}

static void test_hostile(void **state) {
    fixture *f = *state;
    static const struct {
        const char *json, *says;
    } wrong[] = {
        {"", NULL},
        {"[]", "not a rhythm"},
        {"{}", "version"},
        {"{\"version\":2,\"duration_s\":1,\"events\":[]}", "version"},
        {"{\"version\":1,\"events\":[]}", "duration_s"},
        {"{\"version\":1,\"duration_s\":0,\"events\":[]}", "duration_s"},
        {"{\"version\":1,\"duration_s\":-1,\"events\":[]}", "duration_s"},
        {"{\"version\":1,\"duration_s\":1e300,\"events\":[]}", "duration_s"},
        {"{\"version\":1,\"duration_s\":1}", "events"},
        {"{\"version\":1,\"duration_s\":1,\"movement\":-0.1,\"events\":[]}", "movement"},
        {"{\"version\":1,\"duration_s\":1,\"movement\":\"much\",\"events\":[]}", "movement"},
        {"{\"version\":1,\"duration_s\":1,\"events\":{}}", "events"},
        {"{\"version\":1,\"duration_s\":1,\"events\":[3]}", "events[0]"},
        {"{\"version\":1,\"duration_s\":1,\"events\":[{\"t\":0.5,\"kind\":\"onset\"}]}", "events[0]"},
        {"{\"version\":1,\"duration_s\":1,\"events\":[{\"t\":1.5,\"kind\":\"onset\",\"strength\":1}]}", "events[0]"},
        {"{\"version\":1,\"duration_s\":1,\"events\":[{\"t\":0.5,\"kind\":\"blow\",\"strength\":1}]}", "blow"},
        {"{\"version\":1,\"duration_s\":1,\"events\":[{\"t\":0.5,\"kind\":\"onset\",\"strength\":2}]}", "strength"},
        {"{\"version\":1,\"duration_s\":1,\"events\":[{\"t\":0.5,\"kind\":\"onset\",\"strength\":1},"
         "{\"t\":0.4,\"kind\":\"onset\",\"strength\":1}]}",
         "events[1]"},
        {"{\"version\":1,\"duration_s\":1,\"tempo\":[],\"events\":[]}", "tempo"},
        {"{\"version\":1,\"duration_s\":1,\"tempo\":{\"bpm\":-1},\"events\":[]}", "bpm"},
        {"{\"version\":1,\"duration_s\":1,\"tempo\":{\"bpm\":90,\"confidence\":7},\"events\":[]}", "confidence"},
        {"{\"version\":1,\"duration_s\":1,\"tempo\":{\"bpm\":90,\"beats\":[0.1,\"x\"]},\"events\":[]}", "beats[1]"},
        {"{\"version\":1,\"duration_s\":1,\"tempo\":{\"bpm\":90,\"beats\":[0.2,0.1]},\"events\":[]}", "beats[1]"},
        {"{\"version\":1,\"duration_s\":1,\"cuts\":[-0.1],\"events\":[]}", "cuts[0]"},
        {"{\"version\":1,\"duration_s\":1,\"energy\":[0.1],\"events\":[]}", "energy[0]"},
        {"{\"version\":1,\"duration_s\":1,\"energy\":[[0.1,0.2,0.3]],\"events\":[]}", "energy[0]"},
        {"{\"version\":1,\"duration_s\":1,\"energy\":[[0.1,0.2],[0.2,1.2]],\"events\":[]}", "energy[1]"},
        {"{\"version\":1,\"duration_s\":1,\"events\":[]", NULL},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_ok(file_write(f->path, wrong[i].json, strlen(wrong[i].json)));
        rhythm r;
        assert_fails(rhythm_read(&r, f->path), LORIS_ERROR_INPUT, wrong[i].says);
        assert_null(r.events);
        assert_int_equal(r.beat_count, 0);
    }
    unlink(f->path);
    rhythm r;
    assert_fails(rhythm_read(&r, f->path), LORIS_ERROR_INPUT, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_smallest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hostile, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
