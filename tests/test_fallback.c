/* What music goes by where little moves. */
#include "compare.h"

#include <stdlib.h>
#include <string.h>

#include "rhythm/fallback.h"
#include "rhythm/tempo.h"

static const double lively = 0.01, lips = 0.0006;

/* `events` and `cuts` spread evenly over 20 s. */
static rhythm even_rhythm(size_t events, size_t cuts, double bpm, double movement) {
    rhythm r = {.duration = 20, .bpm = bpm, .tempo_confidence = bpm > 0 ? 0.8 : 0.1, .movement = movement};
    r.events = calloc(events + 1, sizeof *r.events);
    r.cuts = calloc(cuts + 1, sizeof *r.cuts);
    r.energy = calloc(1, sizeof *r.energy);
    assert_true(r.events && r.cuts && r.energy);
    r.energy_count = 1;
    for (; r.event_count < events; r.event_count++)
        r.events[r.event_count] =
            (rhythm_event){.time = 20 * ((double)r.event_count + 0.5) / (double)events, .strength = 0.5f};
    for (; r.cut_count < cuts; r.cut_count++)
        r.cuts[r.cut_count] = 20 * ((double)r.cut_count + 1) / ((double)cuts + 1);
    return r;
}

static void what_there_is_to_compose_to_is_said(void **state) {
    (void)state;
    static const struct {
        size_t events, cuts;
        double bpm, movement;
        const char *note;
    } cases[] = {{0, 0, 0, 0, "nothing moves: only the duration to compose to"},
                 {0, 1, 0, 0, "nothing moves: composed to one cut"},
                 {0, 3, 100, lips, "nothing moves: composed to 3 cuts"},
                 {1, 3, 0, lively, "little movement: composed to 3 cuts and one movement"},
                 {2, 0, 0, lively, "little movement: only 2 movements to compose to"},
                 {40, 3, 100, lips, "little movement: composed to 3 cuts"},
                 {40, 0, 0, lips, "little movement: only the duration to compose to"},
                 {40, 3, 0, lively, "no steady pulse: composed to 40 movements as they come"},
                 {40, 3, 0, 0, "no steady pulse: composed to 40 movements as they come"},
                 {40, 3, 100, lively, ""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rhythm r = even_rhythm(cases[i].events, cases[i].cuts, cases[i].bpm, cases[i].movement);
        char note[LORIS_NOTE_MAX];
        rhythm_note(&r, note);
        assert_string_equal(note, cases[i].note);
        rhythm_free(&r);
    }
}

static void movement_is_followed_as_seen(void **state) {
    (void)state;
    static const double movements[] = {0.01, 0};
    for (int i = 0; i < 2; i++) {
        rhythm seen = even_rhythm(40, 3, 100, movements[i]), followed;
        assert_ok(rhythm_followed(&followed, &seen));
        assert_int_equal(followed.event_count, 40);
        assert_memory_equal(followed.events, seen.events, 40 * sizeof *seen.events);
        assert_true(followed.bpm == 100 && followed.duration == 20 && followed.cut_count == 3);
        rhythm_free(&followed);
        rhythm_free(&seen);
    }
}

static void cuts_join_few_events(void **state) {
    (void)state;
    rhythm seen = even_rhythm(2, 3, 0, lively), followed;
    assert_ok(rhythm_followed(&followed, &seen));
    assert_int_equal(followed.event_count, 5); /* 5 s, 15 s and cuts at 5, 10, 15 s */
    for (size_t i = 1; i < 5; i++)
        assert_true(followed.events[i].time >= followed.events[i - 1].time);
    assert_float_equal(followed.events[2].time, 10, 1e-9);
    assert_int_equal(followed.events[2].kind, EVENT_IMPACT);
    assert_int_equal(seen.event_count, 2);
    rhythm_free(&followed);
    rhythm_free(&seen);
}

/* Lips that keep time by chance do not set the tempo; cuts every 2 s do. */
static void cuts_replace_what_hardly_moves(void **state) {
    (void)state;
    rhythm seen = even_rhythm(40, 9, 100, lips), followed;
    assert_ok(rhythm_followed(&followed, &seen));
    assert_int_equal(followed.event_count, 9);
    for (size_t i = 0; i < 9; i++)
        assert_float_equal(followed.events[i].time, 2 * (double)(i + 1), 1e-9);
    assert_true(followed.tempo_confidence < TEMPO_FREE || followed.bpm != 100);
    rhythm_free(&followed);
    rhythm_free(&seen);
    seen = even_rhythm(40, 0, 100, lips);
    assert_ok(rhythm_followed(&followed, &seen));
    assert_int_equal(followed.event_count, 0);
    assert_true(followed.bpm == 0);
    rhythm_free(&followed);
    rhythm_free(&seen);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_there_is_to_compose_to_is_said),
        cmocka_unit_test(movement_is_followed_as_seen),
        cmocka_unit_test(cuts_join_few_events),
        cmocka_unit_test(cuts_replace_what_hardly_moves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
