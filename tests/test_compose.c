/* What every composed score must be, over all styles, many seeds, and rhythms of several kinds. */
#include "compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/random.h"
#include "music/compose.h"

enum { SEEDS = 12, EVENTS_MAX = 256 };

/* ---- rhythms ----------------------------------------------------------------------------------------------------- */

typedef struct clip {
    rhythm rhythm;
    rhythm_event events[EVENTS_MAX];
    rhythm_energy energy[EVENTS_MAX];
    double beats[EVENTS_MAX], downbeats[EVENTS_MAX], cuts[4];
} clip;

static void clip_begin(clip *c, double seconds) {
    *c = (clip){0};
    c->rhythm = (rhythm){.duration = seconds,
                         .beats = c->beats,
                         .downbeats = c->downbeats,
                         .cuts = c->cuts,
                         .energy = c->energy,
                         .events = c->events};
}

static void add_event(clip *c, double time, double strength, event_kind kind) {
    c->events[c->rhythm.event_count++] = (rhythm_event){time, kind, (float)strength};
}

static void add_beats(clip *c, double bpm, double first) {
    c->rhythm.bpm = bpm;
    c->rhythm.tempo_confidence = 0.9;
    for (double t = first; t < c->rhythm.duration && c->rhythm.beat_count < EVENTS_MAX; t += 60 / bpm) {
        if (c->rhythm.beat_count % 4 == 0)
            c->downbeats[c->rhythm.downbeat_count++] = t;
        c->beats[c->rhythm.beat_count++] = t;
    }
}

/* Events at irregular distances of 0.1 to 1.3 s, off any grid. */
static void add_scattered(clip *c, uint64_t seed) {
    random_state r = random_begin(seed, 1);
    for (double t = random_range(&r, 0.1, 0.9); t < c->rhythm.duration; t += random_range(&r, 0.1, 1.3))
        add_event(c, t, random_uniform(&r), random_below(&r, 2) ? EVENT_ONSET : EVENT_IMPACT);
}

static void add_energy(clip *c) {
    for (double t = 0; t < c->rhythm.duration; t += 0.5)
        c->energy[c->rhythm.energy_count++] = (rhythm_energy){t, (float)(0.5 + 0.4 * sin(t / 5))};
}

enum { CLIP_EMPTY, CLIP_BEATS, CLIP_SCATTERED_ON_BEATS, CLIP_SCATTERED_FREE, CLIP_FULL, CLIP_KINDS };

static void make_clip(clip *c, int kind, uint64_t seed) {
    static const double seconds[CLIP_KINDS] = {37, 26, 31, 23, 60};
    clip_begin(c, seconds[kind]);
    if (kind == CLIP_BEATS || kind == CLIP_SCATTERED_ON_BEATS || kind == CLIP_FULL)
        add_beats(c, 97.3, 0.41);
    if (kind == CLIP_BEATS)
        for (size_t i = 0; i < c->rhythm.beat_count; i++)
            add_event(c, c->beats[i], 0.7, EVENT_ONSET);
    if (kind == CLIP_SCATTERED_ON_BEATS || kind == CLIP_SCATTERED_FREE || kind == CLIP_FULL)
        add_scattered(c, seed);
    if (kind == CLIP_FULL) {
        add_energy(c);
        c->cuts[c->rhythm.cut_count++] = 21.3;
        c->cuts[c->rhythm.cut_count++] = 44;
    }
}

/* ---- properties -------------------------------------------------------------------------------------------------- */

static double end_of(const note *n) {
    return n->time + n->duration;
}

static void check_ranges(const score *s) {
    static const int low[PART_COUNT] = {0, 28, 45, 55}, high[PART_COUNT] = {LANE_COUNT - 1, 51, 81, 91};
    for (size_t i = 0; i < s->note_count; i++) {
        const note *n = &s->notes[i];
        assert_true(n->velocity >= 1 && n->velocity <= 127);
        assert_true(n->time >= 0 && n->time < s->seconds);
        assert_true(n->duration > 0 && end_of(n) <= s->seconds + 1e-9);
        assert_in_range(n->pitch, low[n->part], high[n->part]);
        assert_true(i == 0 || s->notes[i - 1].time <= n->time);
    }
    for (size_t i = 0; i < s->accent_count; i++) {
        assert_true(s->accents[i].time >= 0 && s->accents[i].time < s->seconds);
        assert_true(s->accents[i].strength > 0 && s->accents[i].strength <= 1);
        assert_true(i == 0 || s->accents[i - 1].time < s->accents[i].time);
    }
}

static void check_sections(const score *s) {
    assert_true(s->section_count >= 1);
    assert_true(s->sections[0].time == 0);
    for (size_t i = 0; i < s->section_count; i++) {
        assert_true(s->sections[i].energy >= 0 && s->sections[i].energy <= 1);
        assert_true(s->sections[i].time < s->seconds);
        assert_true(i == 0 || s->sections[i].time > s->sections[i - 1].time);
    }
}

/* Pitch classes fit one diatonic scale; jazz bass approaches by semitones and is left out. */
static void check_key(const score *s) {
    static const int major[] = {0, 2, 4, 5, 7, 9, 11};
    bool used[12] = {false}, fits = false;
    for (size_t i = 0; i < s->note_count; i++)
        if (s->notes[i].part != PART_DRUMS && !(s->style == STYLE_JAZZ && s->notes[i].part == PART_BASS))
            used[s->notes[i].pitch % 12] = true;
    for (int root = 0; root < 12 && !fits; root++) { /* a minor key has the tones of a major one */
        int inside = 0, all = 0;
        for (int k = 0; k < 7; k++)
            inside += used[(root + major[k]) % 12];
        for (int k = 0; k < 12; k++)
            all += used[k];
        fits = inside == all;
    }
    assert_true(fits);
}

/* Lead notes on the first and third beat (all of them without a pulse) against the harmony that sounds under them for
 * longer than the few milliseconds by which notes are moved. */
static void check_clashes(const score *s) {
    static const double BRIEF = 0.03, NEAR = 0.05;
    for (size_t i = 0; i < s->note_count; i++) {
        const note *lead = &s->notes[i];
        double half_bars = (lead->time - s->offset) * s->bpm / 120;
        if (lead->part != PART_LEAD || (s->bpm > 0 && fabs(half_bars - round(half_bars)) * 120 / s->bpm > NEAR))
            continue;
        for (size_t k = 0; k < s->note_count; k++) {
            const note *h = &s->notes[k];
            if (h->part != PART_HARMONY || fmin(end_of(h), end_of(lead)) - fmax(h->time, lead->time) < BRIEF)
                continue;
            int interval = abs(h->pitch - lead->pitch) % 12;
            if (interval == 1 || interval == 11)
                fail_msg("%s: lead %d at %g against harmony %d at %g", style_name(s->style), lead->pitch, lead->time,
                         h->pitch, h->time);
        }
    }
}

/* A busy bar of two seconds has about 16 strokes of hat, 10 other drums, 8 notes of bass and lead each and 5 chords of
 * four: 31 notes a second. These clips have 1.4 events a second on average, of up to seven notes: 41. Half more would
 * be a fault. */
static void check_density(const score *s) {
    assert_true((double)s->note_count <= 60 * s->seconds + 20);
    for (int p = 0; p < PART_COUNT; p++) {
        size_t count = 0;
        for (size_t i = 0; i < s->note_count; i++)
            count += s->notes[i].part == (part)p;
        assert_true((double)count <= 25 * s->seconds + 8);
    }
}

/* Something sounds in every two seconds. */
static void check_no_holes(const score *s) {
    double sounding_until = 0;
    for (size_t i = 0; i < s->note_count; i++) {
        assert_true(s->notes[i].time - sounding_until < 2);
        sounding_until = fmax(sounding_until, end_of(&s->notes[i]));
    }
    assert_true(s->seconds - sounding_until < 2);
}

/* Events with no other within 0.3 s, which could be the other end of their move: their hits must be there, 0 to 20 ms
 * late, with a kick and another voice at the hit's very time, written at 60 or more of 127, of which drums are struck
 * at 0.45 at least. With a pulse, weak ones may be left out. */
static void check_hits(const score *s, const rhythm *r) {
    static const double WEAK = 0.25;
    static const int SOFTEST = 27;
    for (size_t e = 0; e < r->event_count; e++) {
        double time = r->events[e].time;
        bool alone = s->bpm <= 0 || (double)r->events[e].strength >= WEAK;
        for (size_t k = 0; k < r->event_count; k++)
            alone &= k == e || fabs(r->events[k].time - time) >= 0.3;
        if (!alone)
            continue;
        bool kick = false, second = false, stressed = false;
        for (size_t i = 0; i < s->note_count; i++) {
            double late = s->notes[i].time - time;
            if (late < 0 || late > 0.02 + 1e-9)
                continue;
            kick |= s->notes[i].part == PART_DRUMS && s->notes[i].pitch == LANE_KICK && s->notes[i].velocity >= SOFTEST;
            second |=
                s->notes[i].part == PART_DRUMS && s->notes[i].pitch != LANE_KICK && s->notes[i].velocity >= SOFTEST;
        }
        for (size_t i = 0; i < s->accent_count; i++)
            stressed |= s->accents[i].time >= time && s->accents[i].time <= time + 0.02 + 1e-9;
        if (!kick || !second || !stressed)
            fail_msg("%s: event at %g has %s%s%s", style_name(s->style), time, kick ? "" : "no kick ",
                     second ? "" : "no second ", stressed ? "" : "no accent");
    }
}

/* No drum sounds just before a hit, where it would be heard instead. */
static void check_no_flams(const score *s) {
    for (size_t a = 0; a < s->accent_count; a++)
        for (size_t i = 0; i < s->note_count; i++) {
            double early = s->accents[a].time - s->notes[i].time;
            bool of_another = false;
            for (size_t k = 0; k < s->accent_count; k++)
                of_another |= s->notes[i].time == s->accents[k].time;
            if (s->notes[i].part == PART_DRUMS && !of_another)
                assert_true(early <= 0 || early > 0.08);
        }
}

static void test_every_score_is_sound(void **state) {
    (void)state;
    clip *c = malloc(sizeof *c);
    assert_non_null(c);
    for (int kind = 0; kind < CLIP_KINDS; kind++)
        for (int style_number = 0; style_number < STYLE_COUNT; style_number++)
            for (uint64_t seed = 0; seed < SEEDS; seed++) {
                compose_settings settings = {.style = style_number, .seed = seed, .bpm = COMPOSE_BPM_AUTO, .follow = 1};
                score s;
                make_clip(c, kind, seed);
                assert_ok(compose(&s, &c->rhythm, &settings));
                assert_int_equal(s.style, style_number);
                assert_true(s.seconds == c->rhythm.duration);
                check_ranges(&s);
                check_sections(&s);
                check_key(&s);
                check_clashes(&s);
                check_density(&s);
                check_no_holes(&s);
                if (c->rhythm.event_count > 0) {
                    check_hits(&s, &c->rhythm);
                    check_no_flams(&s);
                }
                score_free(&s);
            }
    free(c);
}

static void test_any_length(void **state) {
    (void)state;
    static const double lengths[] = {1e-6, 0.04, 0.5, 0.77, 1.9, 4, 7.3, 12.288, 181, 600};
    clip *c = malloc(sizeof *c);
    assert_non_null(c);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        for (int style_number = 0; style_number < STYLE_COUNT; style_number++)
            for (int with = 0; with < 2; with++) {
                compose_settings settings = {.style = style_number, .seed = 3, .bpm = COMPOSE_BPM_AUTO, .follow = 1};
                score s;
                clip_begin(c, lengths[i]);
                if (with) {
                    add_beats(c, 120, lengths[i] / 3);
                    add_event(c, lengths[i] / 2, 1, EVENT_IMPACT);
                    add_event(c, nextafter(lengths[i], 0), 1, EVENT_IMPACT);
                    add_event(c, lengths[i], 1, EVENT_IMPACT); /* beyond the end */
                }
                assert_ok(compose(&s, &c->rhythm, &settings));
                check_ranges(&s);
                check_sections(&s);
                if (lengths[i] >= 0.5) {
                    assert_true(s.note_count > 0);
                    check_no_holes(&s);
                }
                score_free(&s);
            }
    free(c);
}

/* ---- seeds ------------------------------------------------------------------------------------------------------- */

static void test_same_seed_same_score(void **state) {
    (void)state;
    clip *c = malloc(sizeof *c);
    assert_non_null(c);
    for (int style_number = COMPOSE_STYLE_AUTO; style_number < STYLE_COUNT; style_number++) {
        compose_settings settings = {.style = style_number, .seed = 77, .bpm = COMPOSE_BPM_AUTO, .follow = 1};
        score a, b;
        make_clip(c, CLIP_FULL, 5);
        assert_ok(compose(&a, &c->rhythm, &settings));
        assert_ok(compose(&b, &c->rhythm, &settings));
        assert_int_equal(a.note_count, b.note_count);
        for (size_t i = 0; i < a.note_count; i++) {
            assert_true(a.notes[i].time == b.notes[i].time && a.notes[i].duration == b.notes[i].duration);
            assert_int_equal(a.notes[i].pitch, b.notes[i].pitch);
            assert_int_equal(a.notes[i].velocity, b.notes[i].velocity);
        }
        assert_int_equal(a.accent_count, b.accent_count);
        assert_true(a.bpm == b.bpm && a.offset == b.offset && a.style == b.style);
        score_free(&a);
        score_free(&b);
    }
    free(c);
}

/* The share of a's lead notes that b has too: same pitch within 50 ms. */
static double shared_melody(const score *a, const score *b) {
    size_t count = 0, shared = 0;
    for (size_t i = 0; i < a->note_count; i++) {
        if (a->notes[i].part != PART_LEAD)
            continue;
        count++;
        for (size_t k = 0; k < b->note_count; k++)
            if (b->notes[k].part == PART_LEAD && b->notes[k].pitch == a->notes[i].pitch &&
                fabs(b->notes[k].time - a->notes[i].time) < 0.05) {
                shared++;
                break;
            }
    }
    return count ? (double)shared / (double)count : 0;
}

static void test_another_seed_another_melody(void **state) {
    (void)state;
    clip *c = malloc(sizeof *c);
    assert_non_null(c);
    for (int kind = 0; kind < CLIP_KINDS; kind++)
        for (int style_number = 0; style_number < STYLE_COUNT; style_number++) {
            score s[SEEDS];
            make_clip(c, kind, 9); /* one clip, many seeds */
            for (uint64_t seed = 0; seed < SEEDS; seed++) {
                compose_settings settings = {.style = style_number, .seed = seed, .bpm = COMPOSE_BPM_AUTO, .follow = 1};
                assert_ok(compose(&s[seed], &c->rhythm, &settings));
            }
            for (int i = 0; i < SEEDS; i++)
                for (int k = 0; k < SEEDS; k++)
                    if (i != k && shared_melody(&s[i], &s[k]) >= 0.6)
                        fail_msg("%s: seeds %d and %d share %g of the melody", style_name(s[i].style), i, k,
                                 shared_melody(&s[i], &s[k]));
            for (int i = 0; i < SEEDS; i++)
                score_free(&s[i]);
        }
    free(c);
}

/* ---- tempo and style --------------------------------------------------------------------------------------------- */

/* Beats at 97.3 BPM from 0.41 s: the grid keeps to them over the clip, doubled or halved as the style asks. */
static void test_grid_follows_beats(void **state) {
    (void)state;
    clip *c = malloc(sizeof *c);
    assert_non_null(c);
    for (int style_number = 0; style_number < STYLE_FREE; style_number++) {
        score s;
        compose_settings settings = {.style = style_number, .bpm = COMPOSE_BPM_AUTO, .follow = 1};
        clip_begin(c, 60);
        add_beats(c, 97.3, 0.41);
        c->rhythm.bpm = 97; /* as read from an autocorrelation: 0.3 % off, a third of a beat over a minute */
        assert_ok(compose(&s, &c->rhythm, &settings));
        double octaves = log2(s.bpm / 97.3);
        assert_true(fabs(octaves - round(octaves)) < 1e-6);
        assert_true(s.offset >= 0 && s.offset < 240 / s.bpm);
        for (size_t i = 0; i < c->rhythm.downbeat_count && s.bpm > 80; i++) { /* at half the tempo every other is one */
            double bars = (c->downbeats[i] - s.offset) * s.bpm / 240;
            assert_true(fabs(bars - round(bars)) * 240 / s.bpm < 0.001);
        }
        score_free(&s);
    }
    free(c);
}

static void test_tempo_settings(void **state) {
    (void)state;
    clip *c = malloc(sizeof *c);
    assert_non_null(c);
    score s;
    make_clip(c, CLIP_SCATTERED_ON_BEATS, 1);

    compose_settings settings = {.style = STYLE_POP, .bpm = 96, .follow = 1};
    assert_ok(compose(&s, &c->rhythm, &settings));
    assert_true(s.bpm == 96);
    assert_true(s.accent_count > 0);
    for (size_t i = 0; i < s.accent_count; i++) { /* not the clip's tempo: events meet its grid or are not heard */
        double sixteenths = (s.accents[i].time - s.offset) * 96 / 15;
        assert_true(fabs(sixteenths - round(sixteenths)) < 1e-6);
    }
    score_free(&s);

    settings.bpm = COMPOSE_FREE;
    assert_ok(compose(&s, &c->rhythm, &settings));
    assert_true(s.bpm == 0 && s.style == STYLE_FREE);
    check_hits(&s, &c->rhythm);
    score_free(&s);

    settings.bpm = COMPOSE_BPM_AUTO;
    c->rhythm.tempo_confidence = 0.34; /* just below what counts as a pulse: a style brings one of its own */
    assert_ok(compose(&s, &c->rhythm, &settings));
    assert_true(s.bpm >= 92 && s.bpm <= 126 && s.style == STYLE_POP);
    check_hits(&s, &c->rhythm);
    score_free(&s);
    settings.style = COMPOSE_STYLE_AUTO;
    assert_ok(compose(&s, &c->rhythm, &settings));
    assert_true(s.bpm == 0 && s.style == STYLE_FREE);
    score_free(&s);
    settings.style = STYLE_POP;

    clip_begin(c, 10); /* no events and no tempo: one of the style's */
    assert_ok(compose(&s, &c->rhythm, &settings));
    assert_true(s.bpm >= 92 && s.bpm <= 126);
    score_free(&s);
    free(c);
}

static void test_automatic_style(void **state) {
    (void)state;
    clip *c = malloc(sizeof *c);
    assert_non_null(c);
    int calm_tally[STYLE_COUNT] = {0}, lively_tally[STYLE_COUNT] = {0};
    for (uint64_t seed = 0; seed < 50; seed++) {
        compose_settings settings = compose_defaults();
        settings.seed = seed;
        score s;
        clip_begin(c, 12);
        add_scattered(c, seed);
        assert_ok(compose(&s, &c->rhythm, &settings)); /* events without a pulse */
        assert_int_equal(s.style, STYLE_FREE);
        score_free(&s);

        clip_begin(c, 20);
        add_beats(c, 66, 0);
        c->energy[c->rhythm.energy_count++] = (rhythm_energy){0, 0.05f};
        assert_ok(compose(&s, &c->rhythm, &settings));
        calm_tally[s.style]++;
        score_free(&s);

        c->rhythm.bpm = 0;
        c->rhythm.beat_count = c->rhythm.downbeat_count = 0;
        add_beats(c, 124, 0);
        c->energy[0].value = 0.9f;
        assert_ok(compose(&s, &c->rhythm, &settings));
        lively_tally[s.style]++;
        score_free(&s);
    }
    assert_true(calm_tally[STYLE_AMBIENT] > 25);
    assert_int_equal(calm_tally[STYLE_ROCK] + calm_tally[STYLE_HOUSE], 0);
    assert_int_equal(lively_tally[STYLE_AMBIENT] + lively_tally[STYLE_ORCHESTRAL], 0);
    assert_true(lively_tally[STYLE_ROCK] + lively_tally[STYLE_HOUSE] > 25);
    free(c);
}

/* Of events closer than 80 ms the stronger makes the hit. */
static void test_close_events_merge(void **state) {
    (void)state;
    clip *c = malloc(sizeof *c);
    assert_non_null(c);
    clip_begin(c, 4);
    add_event(c, 1.00, 0.3, EVENT_ONSET);
    add_event(c, 1.05, 0.9, EVENT_IMPACT);
    add_event(c, 1.10, 0.2, EVENT_ONSET);
    add_event(c, 1.20, 0.1, EVENT_ONSET);
    score s;
    compose_settings settings = compose_defaults();
    assert_ok(compose(&s, &c->rhythm, &settings));
    assert_int_equal(s.accent_count, 2);
    assert_true(s.accents[0].time == 1.05 && fabs(s.accents[0].strength - 0.94) < 1e-6);
    assert_true(s.accents[1].time == 1.20);
    score_free(&s);
    free(c);
}

/* A start and the stop of one move are one accent, at the end that this clip's moves stress. */
static void test_one_accent_a_move(void **state) {
    (void)state;
    static const double strength[2][2] = {{0.8, 0.5}, {0.4, 0.9}};
    clip *c = malloc(sizeof *c);
    assert_non_null(c);
    for (int stressed = 0; stressed < 2; stressed++) {
        clip_begin(c, 10);
        for (int i = 0; i < 9; i++) {
            add_event(c, 0.5 + i, strength[stressed][0], EVENT_ONSET);
            add_event(c, 0.62 + i, strength[stressed][1], EVENT_IMPACT);
        }
        score s;
        compose_settings settings = compose_defaults();
        assert_ok(compose(&s, &c->rhythm, &settings));
        assert_int_equal(s.accent_count, 9);
        for (int i = 0; i < 9; i++)
            assert_true(s.accents[i].time == (stressed ? 0.62 : 0.5) + i);
        score_free(&s);
    }
    free(c);
}

/* Around the beat at 2.4 s: what the hit's time becomes for an event so many seconds off it. */
static void test_hits_lean_late(void **state) {
    (void)state;
    static const struct {
        double off, strength, follow, expected; /* NAN: not heard */
    } cases[] = {{-0.015, 0.5, 1, 0},     {-0.030, 0.5, 1, -0.010}, {0.010, 0.5, 1, 0.010},   {0.044, 0.5, 1, 0.044},
                 {-0.060, 0.5, 1, -0.06}, {-0.060, 0.1, 1, NAN},    {0.060, 0.9, 1, 0.060},   {0, 0.1, 1, 0},
                 {0.020, 0.5, 0.5, 0},    {-0.030, 0.5, 0.5, 0},    {0.040, 0.5, 0.5, 0.0175}};
    clip *c = malloc(sizeof *c);
    assert_non_null(c);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        clip_begin(c, 12);
        add_beats(c, 100, 0);
        add_event(c, 2.4 + cases[k].off, cases[k].strength, EVENT_IMPACT);
        score s;
        compose_settings settings = {.style = STYLE_ROCK, .bpm = COMPOSE_BPM_AUTO, .follow = cases[k].follow};
        assert_ok(compose(&s, &c->rhythm, &settings));
        if (isnan(cases[k].expected)) {
            assert_int_equal(s.accent_count, 0);
        } else {
            assert_int_equal(s.accent_count, 1);
            if (fabs(s.accents[0].time - 2.4 - cases[k].expected) > 1e-6)
                fail_msg("an event %g s off the beat is heard %g s off it", cases[k].off, s.accents[0].time - 2.4);
        }
        score_free(&s);
    }
    free(c);
}

/* The share that is followed is the strongest; at 0 the groove has accents of its own. */
static void test_follow(void **state) {
    (void)state;
    clip *c = malloc(sizeof *c);
    assert_non_null(c);
    clip_begin(c, 20);
    for (int i = 0; i < 10; i++)
        add_event(c, 1 + 1.7 * i, 0.05 + 0.1 * i, EVENT_IMPACT);
    score s;
    compose_settings settings = {.style = STYLE_FREE, .bpm = COMPOSE_BPM_AUTO, .follow = 0.4};
    assert_ok(compose(&s, &c->rhythm, &settings));
    assert_int_equal(s.accent_count, 4);
    for (int i = 0; i < 4; i++)
        assert_true(s.accents[i].time == 1 + 1.7 * (6 + i));
    score_free(&s);
    settings = (compose_settings){.style = STYLE_HOUSE, .bpm = COMPOSE_BPM_AUTO, .follow = 0};
    assert_ok(compose(&s, &c->rhythm, &settings));
    assert_true(s.accent_count > 20 && s.bpm > 0);
    score_free(&s);
    free(c);
}

/* The last accent, two seconds before the end, brings the tonic; nothing is struck after it and its chord is held. */
static void test_ending_resolves(void **state) {
    (void)state;
    clip *c = malloc(sizeof *c);
    assert_non_null(c);
    for (int style_number = 0; style_number < STYLE_COUNT; style_number++)
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            clip_begin(c, 26);
            add_beats(c, 100, 0);
            for (int i = 0; i < 20; i++)
                add_event(c, 1.2 * (i + 1), 0.7, EVENT_IMPACT);
            score s;
            compose_settings settings = {.style = style_number, .seed = seed, .bpm = COMPOSE_BPM_AUTO, .follow = 1};
            assert_ok(compose(&s, &c->rhythm, &settings));
            double last = s.accents[s.accent_count - 1].time;
            assert_true(fabs(last - 24) < 0.021);
            int root = -1, held = 0;
            for (size_t i = 0; i < s.note_count; i++) {
                assert_true(s.notes[i].time <= last + 0.05); /* a strum's width */
                held += s.notes[i].part == PART_HARMONY && end_of(&s.notes[i]) > 25;
                if (s.notes[i].part == PART_BASS && s.notes[i].time >= last - 0.01)
                    root = s.notes[i].pitch % 12;
            }
            assert_true(root >= 0);
            assert_true(held >= 3);
            bool third = false, fifth = false, other = false;
            for (size_t i = 0; i < s.note_count; i++) {
                if (s.notes[i].part != PART_HARMONY || s.notes[i].time < last - 0.01)
                    continue;
                int above = (s.notes[i].pitch - root + 24) % 12;
                third |= above == 3 || above == 4;
                fifth |= above == 7;
                other |= above != 0 && above != 3 && above != 4 && above != 7 && above != 10 && above != 11;
            }
            assert_true(third && fifth && !other);
            score_free(&s);
        }
    free(c);
}

/* A cut near an eight-bar line begins the section. */
static void test_sections_meet_cuts(void **state) {
    (void)state;
    clip *c = malloc(sizeof *c);
    assert_non_null(c);
    clip_begin(c, 64);
    add_beats(c, 120, 0); /* bars of two seconds */
    c->cuts[c->rhythm.cut_count++] = 20.1;
    score s;
    compose_settings settings = {.style = STYLE_HOUSE, .bpm = COMPOSE_BPM_AUTO, .follow = 1};
    assert_ok(compose(&s, &c->rhythm, &settings));
    assert_true(s.section_count >= 3);
    assert_true(fabs(s.sections[1].time - 20) < 0.01);
    assert_true(fabs(s.sections[2].time - 36) < 0.01);
    score_free(&s);
    free(c);
}

static void test_energy_decides_the_layers(void **state) {
    (void)state;
    clip *c = malloc(sizeof *c);
    assert_non_null(c);
    clip_begin(c, 64);
    add_beats(c, 120, 0);
    for (int i = 0; i < 64; i++)
        c->energy[c->rhythm.energy_count++] = (rhythm_energy){i, i < 32 ? 0.02f : 0.8f};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        score s;
        size_t notes[2] = {0}, loud[2] = {0};
        compose_settings settings = {.style = STYLE_POP, .seed = seed, .bpm = COMPOSE_BPM_AUTO, .follow = 1};
        assert_ok(compose(&s, &c->rhythm, &settings));
        for (size_t i = 0; i < s.note_count; i++) {
            notes[s.notes[i].time >= 32]++;
            loud[s.notes[i].time >= 32] += (size_t)s.notes[i].velocity;
        }
        assert_true(notes[1] > notes[0]);
        assert_true(loud[1] * notes[0] > loud[0] * notes[1]); /* a higher mean velocity */
        score_free(&s);
    }
    free(c);
}

/* Equal events: crashes are few, at most one a bar, and on downbeats. */
static void test_peaks_are_rare(void **state) {
    (void)state;
    clip *c = malloc(sizeof *c);
    assert_non_null(c);
    make_clip(c, CLIP_BEATS, 0); /* 42 beats from the first downbeat at 0.41 s */
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        score s;
        size_t crashes = 0;
        compose_settings settings = {
            .style = STYLE_FUNK, .seed = seed, .bpm = COMPOSE_BPM_AUTO, .follow = 1}; /* no crashes of its own */
        assert_ok(compose(&s, &c->rhythm, &settings));
        for (size_t i = 0; i < s.note_count; i++) {
            double bars = (s.notes[i].time - 0.41) * 97.3 / 240;
            if (s.notes[i].part != PART_DRUMS || s.notes[i].pitch != LANE_CRASH ||
                s.notes[i].time >= s.accents[s.accent_count - 1].time) /* the ending has one, wherever it is */
                continue;
            assert_true(fabs(bars - round(bars)) < 0.01);
            crashes++;
        }
        assert_in_range(crashes, 4, 5);
        score_free(&s);
    }
    free(c);
}

/* Rhythms that no file could hold still make a score in range. */
static void test_hostile_rhythms(void **state) {
    (void)state;
    static const double odd[] = {NAN, INFINITY, -INFINITY, 1e300, -1e300, -5, 0, 1e-300};
    enum { ODD = sizeof odd / sizeof *odd };
    clip *c = malloc(sizeof *c);
    assert_non_null(c);
    for (int i = 0; i < ODD; i++)
        for (int style_number = COMPOSE_STYLE_AUTO; style_number < STYLE_COUNT; style_number++)
            for (int with = 0; with < 2; with++) {
                compose_settings settings = {.style = style_number, .seed = 1, .bpm = COMPOSE_BPM_AUTO, .follow = 1};
                score s;
                make_clip(c, with ? CLIP_FULL : CLIP_EMPTY, 0);
                c->rhythm.bpm = with ? 100 : odd[i];
                c->rhythm.tempo_confidence = with ? 1 : odd[i];
                c->beats[0] = c->downbeats[0] = c->cuts[0] = c->energy[1].time = odd[i];
                c->rhythm.beat_count += c->rhythm.beat_count == 0;
                c->rhythm.downbeat_count += c->rhythm.downbeat_count == 0;
                c->events[3] = (rhythm_event){odd[i], EVENT_ONSET, (float)odd[i]};
                c->energy[0].value = (float)odd[i];
                assert_ok(compose(&s, &c->rhythm, &settings));
                check_ranges(&s);
                score_free(&s);
            }
    free(c);
}

static void test_refuses_impossible_settings(void **state) {
    (void)state;
    score s;
    rhythm r = {.duration = 5};
    compose_settings settings = compose_defaults();
    settings.style = STYLE_COUNT;
    assert_fails(compose(&s, &r, &settings), LORIS_ERROR_ARGUMENT, "style");
    settings = (compose_settings){.style = STYLE_POP, .bpm = 29, .follow = 1};
    assert_fails(compose(&s, &r, &settings), LORIS_ERROR_ARGUMENT, "29");
    settings.bpm = NAN;
    assert_fails(compose(&s, &r, &settings), LORIS_ERROR_ARGUMENT, NULL);
    settings = (compose_settings){.style = STYLE_FREE, .bpm = 100, .follow = 1};
    assert_fails(compose(&s, &r, &settings), LORIS_ERROR_ARGUMENT, "free");
    settings = (compose_settings){.style = STYLE_POP, .bpm = COMPOSE_BPM_AUTO, .follow = 1.5};
    assert_fails(compose(&s, &r, &settings), LORIS_ERROR_ARGUMENT, "1.5");
    static const double durations[] = {0, -1, 3601, NAN, INFINITY};
    settings = compose_defaults();
    for (size_t i = 0; i < sizeof durations / sizeof *durations; i++) {
        r.duration = durations[i];
        assert_fails(compose(&s, &r, &settings), LORIS_ERROR_ARGUMENT, "duration");
    }
    assert_null(s.notes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_score_is_sound),
        cmocka_unit_test(test_any_length),
        cmocka_unit_test(test_same_seed_same_score),
        cmocka_unit_test(test_another_seed_another_melody),
        cmocka_unit_test(test_grid_follows_beats),
        cmocka_unit_test(test_tempo_settings),
        cmocka_unit_test(test_automatic_style),
        cmocka_unit_test(test_close_events_merge),
        cmocka_unit_test(test_one_accent_a_move),
        cmocka_unit_test(test_hits_lean_late),
        cmocka_unit_test(test_follow),
        cmocka_unit_test(test_ending_resolves),
        cmocka_unit_test(test_sections_meet_cuts),
        cmocka_unit_test(test_energy_decides_the_layers),
        cmocka_unit_test(test_peaks_are_rare),
        cmocka_unit_test(test_hostile_rhythms),
        cmocka_unit_test(test_refuses_impossible_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
