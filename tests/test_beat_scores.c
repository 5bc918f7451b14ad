/* Scores of onsets against those published with LORIS, and the matching of events. */
#include "compare.h"

#include <math.h>
#include <stdlib.h>

#include "expected_beats.h"
#include "rhythm/beat_scores.h"

enum { SECONDS_MAX = 64 };

/* Sums of at most 64 ones and a few divisions in double. */
static const double ROUNDING = 1e-12;

static void test_scores_are_published_ones(void **state) {
    (void)state;
    expected_beats e;
    beat_pair pairs[EXPECTED_PAIRS];
    expected_beats_read(&e);
    for (int i = 0; i < EXPECTED_PAIRS; i++) {
        const expected_pair *p = &e.pair[i];
        bool original[SECONDS_MAX], generated[SECONDS_MAX];
        assert_true(p->bins <= SECONDS_MAX);
        beat_bins(p->original, p->original_count, original, p->bins);
        beat_bins(p->generated, p->generated_count, generated, p->bins);
        for (size_t k = 0; k < p->bins; k++) {
            assert_int_equal(original[k], p->original_bins[k] != 0);
            assert_int_equal(generated[k], p->generated_bins[k] != 0);
        }
        pairs[i] = beat_compare(original, generated, p->bins);
        assert_true(fabs(pairs[i].coverage - p->bcs) < ROUNDING);
        assert_true(fabs(pairs[i].hit - p->bhs) < ROUNDING);
    }
    beat_scores s = beat_total(pairs, EXPECTED_PAIRS);
    assert_true(fabs(s.bcs - e.bcs) < ROUNDING && fabs(s.csd - e.csd) < ROUNDING);
    assert_true(fabs(s.bhs - e.bhs) < ROUNDING && fabs(s.hsd - e.hsd) < ROUNDING);
    assert_true(fabs(s.f1 - e.f1) < ROUNDING);
    expected_beats_free(&e);
}

static void test_edges(void **state) {
    (void)state;
    bool none[3] = {false}, all[3] = {true, true, true};
    beat_pair p = beat_compare(none, all, 3);
    assert_true(p.coverage == 0 && p.hit == 0);
    beat_scores s = beat_total(&p, 1);
    assert_true(s.bcs == 0 && s.csd == 0 && s.f1 == 0);
    const double outside[] = {-0.1, 3, 1e300};
    beat_bins(outside, 3, all, 3);
    assert_false(all[0] || all[1] || all[2]);
}

static void check(const double *events, size_t event_count, const double *onsets, size_t onset_count, size_t matched,
                  double late) {
    double lateness[8];
    event_match m = match_events(events, event_count, onsets, onset_count, 0.0501, lateness);
    assert_int_equal(m.matched, matched);
    assert_true(fabs(m.median_late - late) < ROUNDING);
    assert_true(fabs(m.recall - (double)matched / (double)event_count) < ROUNDING);
    assert_true(fabs(m.f - 2 * (double)matched / (double)(event_count + onset_count)) < ROUNDING);
}

static void test_matching(void **state) {
    (void)state;
    const double events[] = {1, 2, 3};
    const double exact[] = {1, 2, 3};
    check(events, 3, exact, 3, 3, 0);
    const double late[] = {1.02, 1.5, 2.03, 3.05};
    check(events, 3, late, 4, 3, 0.03);
    const double nearest[] = {0.96, 0.99, 1.04}; /* one onset an event, the nearest */
    check(events, 1, nearest, 3, 1, -0.01);
    const double close[] = {1, 1.06}, shared[] = {1.03, 1.09}; /* each event its own */
    check(close, 2, shared, 2, 2, 0.03);
    const double greedy[] = {0.97, 1.02}; /* the nearer one is the only one for the second event */
    check(close, 2, greedy, 2, 2, -0.035);
    check(events, 3, NULL, 0, 0, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scores_are_published_ones),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_matching),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
