/* Cuts, the even grid, events and energy, on motion whose truth is known exactly. */
#include "compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/random.h"
#include "rhythm/energy.h"
#include "rhythm/events.h"
#include "rhythm/motion.h"
#include "rhythm/watch.h"

/* ---- motion made of pieces --------------------------------------------------------------------------------------- */

/* Distance travelled from the clip's start to time t in direction `bin`, in lengths of the picture. */
typedef double travel_function(double t, int bin, const void *user);

enum { SIDE = 100 };

/* What the device would hand back for frames at these times. */
static motion motion_of(travel_function *travel, const void *user, const double *times, size_t frames) {
    motion m = {.width = SIDE, .height = 60, .frames = frames};
    m.time = malloc(frames * sizeof *m.time);
    m.features = calloc(frames * FLOW_FEATURES, sizeof *m.features);
    assert_non_null(m.time);
    assert_non_null(m.features);
    for (size_t i = 0; i < frames; i++) {
        m.time[i] = times[i];
        if (i + 1 == frames)
            break;
        float *row = m.features + i * FLOW_FEATURES;
        for (int b = 0; b < FLOW_BINS; b++) {
            row[FLOW_OWN + b] = (float)(SIDE * (travel(times[i + 1], b, user) - travel(times[i], b, user)));
            row[FLOW_SEEN + b] = row[FLOW_OWN + b];
            row[FLOW_OWN_MAGNITUDE] += row[b];
        }
        row[FLOW_SEEN_MAGNITUDE] = row[FLOW_OWN_MAGNITUDE];
        row[FLOW_DIFFERENCE] = 20.0f * row[FLOW_SEEN_MAGNITUDE];
        row[FLOW_SUM_AA] = row[FLOW_SUM_BB] = row[FLOW_SUM_AB] = 2500.0f; /* both frames show the same */
    }
    m.duration = times[frames - 1] + (frames > 1 ? times[frames - 1] / (double)(frames - 1) : 0.04);
    return m;
}

static size_t even_times(double *times, double seconds, double rate) {
    size_t frames = (size_t)lround(seconds * rate);
    for (size_t i = 0; i < frames; i++)
        times[i] = (double)i / rate;
    return frames;
}

static rhythm rhythm_of(travel_function *travel, const void *user, const double *times, size_t frames) {
    motion m = motion_of(travel, user, times, frames);
    rhythm r;
    assert_ok(watch_rhythm(&r, &m, NULL));
    motion_free(&m);
    return r;
}

/* The event of a kind nearest to `time`; its error in seconds, or 9 when there is none. */
static double error_at(const rhythm *r, event_kind kind, double time) {
    double best = 9.0;
    for (size_t i = 0; i < r->event_count; i++)
        if (r->events[i].kind == kind && fabs(r->events[i].time - time) < fabs(best))
            best = r->events[i].time - time;
    return best;
}

static size_t count_kind(const rhythm *r, event_kind kind) {
    size_t count = 0;
    for (size_t i = 0; i < r->event_count; i++)
        count += r->events[i].kind == kind;
    return count;
}

/* ---- sharp events ------------------------------------------------------------------------------------------------ */

typedef struct moves {
    double first, period, length; /* seconds */
    double speed;                 /* lengths a second */
} moves;

/* Even moves in one direction with rests between. */
static double travel_moves(double t, int bin, const void *user) {
    const moves *m = user;
    if (bin != 5 || t <= m->first)
        return 0.0;
    double whole = floor((t - m->first) / m->period), rest = t - m->first - whole * m->period;
    return m->speed * (whole * m->length + fmin(rest, m->length));
}

static void check_moves(const double *times, size_t frames, const moves *m, double seconds, double tolerance) {
    rhythm r = rhythm_of(travel_moves, m, times, frames);
    size_t count = 0;
    for (double t = m->first; t + m->length < seconds - 0.5; t += m->period, count++) {
        double start = error_at(&r, EVENT_ONSET, t), stop = error_at(&r, EVENT_IMPACT, t + m->length);
        if (fabs(start) > tolerance || fabs(stop) > tolerance)
            fail_msg("move at %.3f of %.3f s: onset off by %.4f, impact by %.4f s", t, m->length, start, stop);
    }
    assert_true(count_kind(&r, EVENT_ONSET) <= count + 1 && count_kind(&r, EVENT_IMPACT) <= count + 1);
    rhythm_free(&r);
}

/* However starts and stops lie between frames, they are found between them. An even move splits its flux exactly. */
static void test_between_frames(void **state) {
    (void)state;
    double times[1000];
    for (int i = 0; i < 10; i++) {
        moves m = {0.7, 0.8 + 0.0037 * i, 0.23, 0.5};
        size_t frames = even_times(times, 12.0, 25.0);
        check_moves(times, frames, &m, 12.0, 0.002);
        frames = even_times(times, 12.0, 30000.0 / 1001.0);
        check_moves(times, frames, &m, 12.0, 0.002);
        frames = even_times(times, 12.0, 60.0); /* two frames a cell, of which the move's ends may split both */
        check_moves(times, frames, &m, 12.0, 0.005);
    }
    moves m = {0.9, 1.1, 0.4, 0.5};
    check_moves(times, even_times(times, 20.0, 12.0), &m, 20.0, 0.002);
}

/* Time stamps carry time: frames that come when they like move no event by more than a frame's own uncertainty. */
static void test_variable_frame_rate(void **state) {
    (void)state;
    double times[1000];
    random_state random = random_begin(1, 0);
    moves m = {0.7, 0.83, 0.23, 0.5};
    size_t frames = 0;
    for (double t = 0.0; t < 12.0; t += random_range(&random, 0.02, 0.055))
        times[frames++] = t;
    check_moves(times, frames, &m, 12.0, 0.03);
    frames = 0;
    for (int i = 0; i < 12 * 25; i++) /* every third frame lost: gaps of 80 ms, whose middle is at most 40 ms off */
        if (i % 3 != 2)
            times[frames++] = i * 0.04;
    check_moves(times, frames, &m, 12.0, 0.04);
}

/* 24 frames a second shown at 60: each is repeated once or twice. */
static double travel_pulled_down(double t, int bin, const void *user) {
    long shown = (long)floor(t * 60.0 + 0.5);
    long film = shown / 5 * 2 + (shown % 5 >= 3);
    return travel_moves((double)film / 24.0, bin, user);
}

static void test_repeated_frames(void **state) {
    (void)state;
    double times[1000];
    size_t frames = even_times(times, 12.0, 60.0);
    moves m = {0.7, 0.9, 0.3, 0.5};
    rhythm r = rhythm_of(travel_pulled_down, &m, times, frames);
    assert_int_equal(count_kind(&r, EVENT_ONSET), 13);
    assert_int_equal(count_kind(&r, EVENT_IMPACT), 13);
    for (double t = m.first; t < 11.4; t += m.period)
        assert_true(fabs(error_at(&r, EVENT_ONSET, t)) < 0.05 && fabs(error_at(&r, EVENT_IMPACT, t + m.length)) < 0.05);
    rhythm_free(&r);
}

/* A ball that bounces: the speed stays, the direction flips. */
static double travel_ball(double t, int bin, const void *user) {
    double period = *(const double *)user, half = fmod(t, 2.0 * period), whole = floor(t / (2.0 * period)) * period;
    if (bin == 9)
        return 0.4 * (whole + fmin(half, period));
    return bin == 27 ? 0.4 * (whole + fmax(half - period, 0.0)) : 0.0;
}

static void test_bounce_at_full_speed(void **state) {
    (void)state;
    double times[1000], period = 0.73;
    rhythm r = rhythm_of(travel_ball, &period, times, even_times(times, 10.0, 25.0));
    for (double t = period; t < 9.5; t += period)
        assert_true(fabs(error_at(&r, EVENT_IMPACT, t)) < 0.005);
    assert_int_equal(count_kind(&r, EVENT_IMPACT), 13);
    rhythm_free(&r);
}

/* ---- gradual ones ------------------------------------------------------------------------------------------------ */

/* A pendulum with swings of two lengths in turn, standing still for an instant between them. */
static double travel_pendulum(double t, int bin, const void *user) {
    const double *swing = user;
    double both = swing[0] + swing[1], whole = floor(t / both), rest = t - whole * both, distance = 0.0;
    if (bin == 0)
        distance = 0.5 * (1.0 - cos(acos(-1.0) * fmin(rest / swing[0], 1.0)));
    if (bin == 18)
        distance = 0.5 * (1.0 - cos(acos(-1.0) * fmax(rest - swing[0], 0.0) / swing[1]));
    return bin == 0 || bin == 18 ? 0.2 * (whole + distance) : 0.0;
}

static void test_turns(void **state) {
    (void)state;
    static const double swings[][2] = {{0.625, 0.625}, {0.5, 0.7}, {0.45, 0.45}, {0.8, 0.5}};
    for (size_t i = 0; i < sizeof swings / sizeof *swings; i++) {
        double times[1000];
        size_t turns = 0;
        rhythm r = rhythm_of(travel_pendulum, swings[i], times, even_times(times, 12.0, 25.0));
        for (double t = swings[i][0]; t < 11.3; t += swings[i][++turns % 2])
            if (fabs(error_at(&r, EVENT_IMPACT, t)) > 0.03)
                fail_msg("swings of %.2f and %.2f s: turn at %.2f is off by %.3f", swings[i][0], swings[i][1], t,
                         error_at(&r, EVENT_IMPACT, t));
        assert_true(count_kind(&r, EVENT_IMPACT) <= turns + 1);
        assert_true(count_kind(&r, EVENT_ONSET) <= 1); /* a turn is one event, not a stop and a start */
        rhythm_free(&r);
    }
}

/* Speed rises and falls linearly over 0.25 s, with rests of 0.8 s. */
static double travel_ramps(double t, int bin, const void *user) {
    static const double ramp = 0.25, flat = 0.3, period = 1.6;
    (void)user;
    if (bin != 20)
        return 0.0;
    double whole = floor(t / period), x = t - whole * period, distance = 0.0;
    double rising = fmin(x, ramp), even = fmin(fmax(x - ramp, 0.0), flat),
           falling = fmin(fmax(x - ramp - flat, 0.0), ramp);
    distance = 0.5 * rising * rising / ramp + even + falling - 0.5 * falling * falling / ramp;
    return 0.3 * (whole * (ramp + flat) + distance);
}

static void test_gradual_moves(void **state) {
    (void)state;
    double times[1000];
    rhythm r = rhythm_of(travel_ramps, NULL, times, even_times(times, 13.0, 25.0));
    for (double t = 1.6; t < 11.0; t += 1.6) {
        assert_true(fabs(error_at(&r, EVENT_ONSET, t)) < 0.07);
        assert_true(fabs(error_at(&r, EVENT_IMPACT, t + 0.8)) < 0.07);
    }
    rhythm_free(&r);
}

/* ---- where nothing happens --------------------------------------------------------------------------------------- */

static double travel_steadily(double t, int bin, const void *user) {
    return bin == 3 || bin == 4 ? *(const double *)user * t : 0.0;
}

static double travel_trembling(double t, int bin, const void *user) {
    (void)user;
    long frame = lround(t * 25.0); /* up to 20 % more or less from frame to frame */
    double sum = 0.0;
    for (long i = 0; i < frame; i++)
        sum += 0.01 * (1.0 + 0.2 * sin(12.9898 * (double)i + bin));
    return bin == 10 ? sum : 0.0;
}

static void test_no_events(void **state) {
    (void)state;
    double times[1000], speed = 0.3, still = 0.0, faint = 1e-5;
    size_t frames = even_times(times, 10.0, 25.0);
    const double *speeds[] = {&speed, &still, &faint};
    for (int i = 0; i < 3; i++) {
        rhythm r = rhythm_of(travel_steadily, speeds[i], times, frames);
        assert_int_equal(r.event_count, 0); /* not even at the clip's ends */
        assert_true(r.bpm == 0.0);
        for (size_t k = 0; k < r.energy_count; k++)
            assert_true(i == 0 ? r.energy[k].value > 0.99f : r.energy[k].value < 0.2f);
        rhythm_free(&r);
    }
    rhythm r = rhythm_of(travel_trembling, NULL, times, frames);
    assert_int_equal(r.event_count, 0);
    rhythm_free(&r);
    for (size_t count = 1; count <= 4; count++) {
        r = rhythm_of(travel_steadily, &speed, times, count);
        assert_int_equal(r.event_count + r.beat_count + r.cut_count, 0);
        assert_true(isfinite(r.duration) && r.duration > 0.0 && r.energy_count >= 1 && isfinite(r.energy[0].value));
        rhythm_free(&r);
    }
}

/* ---- cuts -------------------------------------------------------------------------------------------------------- */

static double travel_two_shots(double t, int bin, const void *user) {
    (void)user; /* slow, then from 4 s on fast, with one real stop at 6.5 s */
    return bin == 7 ? 0.05 * fmin(t, 4.0) : bin == 25 ? 0.5 * fmin(fmax(t - 4.0, 0.0), 2.5) : 0.0;
}

static void test_cut_is_masked(void **state) {
    (void)state;
    double times[1000];
    size_t frames = even_times(times, 9.0, 25.0);
    motion m = motion_of(travel_two_shots, NULL, times, frames);
    float *row = m.features + 99 * FLOW_FEATURES; /* from 3.96 to 4.00 s */
    row[FLOW_SUM_AB] = 500.0f;
    for (int b = 0; b < FLOW_BINS; b++)
        row[FLOW_OWN + b] = row[FLOW_SEEN + b] =
            3.0f; /* what the search makes of two pictures that have nothing in common */
    rhythm r;
    assert_ok(watch_rhythm(&r, &m, NULL));
    assert_int_equal(r.cut_count, 1);
    assert_true(fabs(r.cuts[0] - 4.0) < 1e-9);
    assert_int_equal(r.event_count, 1);
    assert_true(r.events[0].kind == EVENT_IMPACT && fabs(r.events[0].time - 6.5) < 0.005);
    rhythm_free(&r);
    /* a flash: unlike for one frame, there and back */
    m.features[100 * FLOW_FEATURES + FLOW_SUM_AB] = 500.0f;
    assert_ok(watch_rhythm(&r, &m, NULL));
    assert_int_equal(r.cut_count, 0);
    rhythm_free(&r);
    motion_free(&m);
}

/* ---- energy ------------------------------------------------------------------------------------------------------ */

static double travel_louder(double t, int bin, const void *user) {
    (void)user;
    return bin == 0 ? 0.1 * t + 0.3 * fmax(t - 5.0, 0.0) : 0.0;
}

static void test_energy(void **state) {
    (void)state;
    double times[1000];
    rhythm r = rhythm_of(travel_louder, NULL, times, even_times(times, 10.0, 25.0));
    assert_int_equal(r.energy_count, 21); /* every half second of 10 s */
    for (size_t i = 0; i < r.energy_count; i++) {
        assert_true(r.energy[i].time == 0.5 * (double)i);
        double want = r.energy[i].time < 5.0 ? 0.25 : r.energy[i].time > 5.0 ? 1.0 : 0.625;
        assert_true(fabs((double)r.energy[i].value - want) < 0.05); /* a cell of the average either way */
    }
    rhythm_free(&r);
}

/* Frames bunched together or an age apart make a grid of bounded size. */
static void test_absurd_times(void **state) {
    (void)state;
    double speed = 0.1, times[] = {0.0, 1e-9, 2e-9, 3e-9, 5000.0, 5000.1};
    rhythm r = rhythm_of(travel_steadily, &speed, times, 6);
    assert_true(r.event_count < 20);
    rhythm_free(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_between_frames),  cmocka_unit_test(test_variable_frame_rate),
        cmocka_unit_test(test_repeated_frames), cmocka_unit_test(test_bounce_at_full_speed),
        cmocka_unit_test(test_turns),           cmocka_unit_test(test_gradual_moves),
        cmocka_unit_test(test_no_events),       cmocka_unit_test(test_cut_is_masked),
        cmocka_unit_test(test_energy),          cmocka_unit_test(test_absurd_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
