/* The rhythm as a picture. */
#include "compare.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "markup_check.h"
#include "rhythm/picture.h"

/* ---- rhythms ----------------------------------------------------------------------------------------------------- */

/* `count` events spread evenly over `duration`, every third an impact; beats every half second. */
static rhythm even_rhythm(double duration, size_t count, size_t cuts) {
    rhythm r = {.duration = duration, .bpm = 120, .tempo_confidence = 0.8};
    r.events = calloc(count + 1, sizeof *r.events);
    r.cuts = calloc(cuts + 1, sizeof *r.cuts);
    r.beat_count = (size_t)(duration / 0.5);
    r.beats = calloc(r.beat_count + 1, sizeof *r.beats);
    r.downbeats = calloc(r.beat_count + 1, sizeof *r.downbeats);
    r.energy = calloc(r.beat_count + 1, sizeof *r.energy);
    assert_true(r.events && r.cuts && r.beats && r.downbeats && r.energy);
    for (size_t i = 0; i < count; i++)
        r.events[r.event_count++] = (rhythm_event){.time = duration * ((double)i + 0.5) / (double)count,
                                                   .kind = i % 3 == 2 ? EVENT_IMPACT : EVENT_ONSET,
                                                   .strength = (float)((i * 7 % 10) + 1) / 10};
    for (size_t i = 0; i < cuts; i++)
        r.cuts[r.cut_count++] = duration * ((double)i + 1) / ((double)cuts + 1);
    for (size_t i = 0; i < r.beat_count; i++) {
        r.beats[i] = 0.5 * (double)i;
        if (i % 4 == 0)
            r.downbeats[r.downbeat_count++] = r.beats[i];
        r.energy[r.energy_count++] = (rhythm_energy){r.beats[i], (float)(i % 5) / 4};
    }
    return r;
}

static char *drawn(const rhythm *r, const flux *f, const char *title) {
    text svg = {0};
    assert_ok(picture_svg(&svg, r, f, title, NULL, 0));
    assert_well_formed(svg.data);
    assert_null(strstr(svg.data, "nan"));
    assert_null(strstr(svg.data, "inf"));
    return svg.data;
}

/* ---- pictures ---------------------------------------------------------------------------------------------------- */

static void every_event_beat_and_cut_is_drawn_once(void **state) {
    (void)state;
    static const double durations[] = {0.5, 7, 20, 20.01, 61};
    for (size_t i = 0; i < sizeof durations / sizeof *durations; i++) {
        rhythm r = even_rhythm(durations[i], 23, 3);
        char *svg = drawn(&r, NULL, "a.mp4");
        assert_int_equal(count_of(svg, "class=\"event onset\""), 16);
        assert_int_equal(count_of(svg, "class=\"event impact\""), 7);
        assert_int_equal(count_of(svg, "<g class=\"cut\">"), 3);
        assert_int_equal(count_of(svg, "class=\"grid"), r.beat_count);
        assert_int_equal(count_of(svg, "class=\"grid bar\""), r.downbeat_count);
        assert_int_equal(count_of(svg, ">seconds<"), (size_t)ceil(durations[i] / 20)); /* one row for each 20 s */
        assert_int_equal(count_of(svg, "class=\"energy\""), 1 + (r.energy_count ? (size_t)ceil(durations[i] / 20) : 0));
        free(svg);
        rhythm_free(&r);
    }
}

/* x1 of the stem of the event whose title begins so. */
static double stem_of(const char *svg, const char *title) {
    const char *at = strstr(svg, title);
    assert_non_null(at);
    at = strstr(at, "x1=\"");
    assert_non_null(at);
    return atof(at + 4);
}

static void time_runs_evenly_from_left_to_right(void **state) {
    (void)state;
    rhythm r = {.duration = 10};
    rhythm_event events[] = {{0, EVENT_ONSET, 1}, {2.5, EVENT_IMPACT, 0.5f}, {10, EVENT_ONSET, 0}};
    r.events = events;
    r.event_count = 3;
    char *svg = drawn(&r, NULL, "a.mp4");
    double left = stem_of(svg, "onset at 0.000 s, strength 1.00"),
           quarter = stem_of(svg, "impact at 2.500 s, strength 0.50"),
           right = stem_of(svg, "onset at 10.000 s, strength 0.00");
    assert_true(left > 50 && right < 1000);
    assert_float_equal(quarter, left + (right - left) / 4, 0.11); /* rounded to tenths, twice */
    free(svg);
}

static void curves_of_any_length_are_drawn(void **state) {
    (void)state;
    rhythm r = even_rhythm(45, 5, 0);
    float values[2000];
    for (size_t i = 0; i < 2000; i++)
        values[i] = (float)(i % 11) / 10;
    static const size_t counts[] = {0, 1, 2, 900, 2000};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        flux f = {.count = counts[i], .step = 0.05, .onset = values, .impact = values};
        char *svg = drawn(&r, &f, "a.mp4");
        assert_int_equal(count_of(svg, "class=\"curve onset\""), counts[i] ? 3 : 0);
        assert_int_equal(count_of(svg, "class=\"curve impact\""), counts[i] ? 3 : 0);
        free(svg);
    }
    rhythm_free(&r);
}

static void names_of_files_are_only_text(void **state) {
    (void)state;
    rhythm r = even_rhythm(3, 2, 0);
    char *svg = drawn(&r, NULL, "</title><script>\"'&\x01\xff.mp4");
    assert_null(strstr(svg, "<script"));
    free(svg);
    rhythm_free(&r);
}

static void a_rhythm_of_nothing_is_drawn(void **state) {
    (void)state;
    rhythm r = {.duration = 2};
    char *svg = drawn(&r, NULL, "still.mp4");
    assert_non_null(strstr(svg, "2.0 s, no pulse, no onsets, no impacts, no cuts"));
    assert_int_equal(count_of(svg, "class=\"event"), 0);
    free(svg);
}

static void the_strongest_events_are_shown_where_there_is_room(void **state) {
    (void)state;
    static const double aspects[] = {16.0 / 9, 9.0 / 16, 1};
    for (int i = 0; i < 3; i++) {
        rhythm r = even_rhythm(50, 211, 0);
        r.events[100].strength = 1.1f;
        double *times, rows = 3, seconds = r.duration / rows;
        size_t count, found = 0;
        assert_ok(picture_moments(&times, &count, &r, aspects[i]));
        /* Of 900 units a thumbnail of 112 and its gap take 120, a narrow one of 63 takes 71. Greedy choice leaves gaps
         * below twice that, so at least half of what fits is taken. */
        double fit = floor(900 / (aspects[i] >= 1 ? 120 : 71));
        assert_in_range(count, (size_t)(rows * fit / 2), (size_t)(rows * (fit + 1)));
        for (size_t k = 0; k < count; k++) {
            assert_true(k == 0 || times[k] > times[k - 1]);
            found += times[k] == r.events[100].time;
        }
        assert_true(seconds > 0 && found == 1);
        free(times);
        rhythm_free(&r);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_event_beat_and_cut_is_drawn_once),
        cmocka_unit_test(time_runs_evenly_from_left_to_right),
        cmocka_unit_test(curves_of_any_length_are_drawn),
        cmocka_unit_test(names_of_files_are_only_text),
        cmocka_unit_test(a_rhythm_of_nothing_is_drawn),
        cmocka_unit_test(the_strongest_events_are_shown_where_there_is_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
