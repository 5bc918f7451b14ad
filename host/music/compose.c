#include "music/compose.h"

#include <math.h>
#include <stdlib.h>

#include "music/composer.h"

/* Streams of the composer lie apart from those of the sampler's noise. */
static const uint64_t STREAM_BASE = UINT64_C(0x6d75736963) << 8;

random_state composer_random(const composer *c, concern which) {
    return random_begin(c->seed, STREAM_BASE + (uint64_t)which);
}

const char *composer_pattern(random_state *r, const pattern *choices) {
    int count = 0;
    while (count < PATTERN_CHOICES && choices[count])
        count++;
    return choices[random_below(r, count)];
}

int composer_program(random_state *r, const int *choices) {
    int count = 0;
    while (count < PROGRAM_CHOICES && choices[count] >= 0)
        count++;
    return choices[random_below(r, count)];
}

/* How hard drums are struck, as a share of what is written for them: at all of it their strokes are the peaks of the
 * piece, for whose sake everything else has to be quiet. */
static const double drum_share[LANE_COUNT] = {
    [LANE_KICK] = 0.45, [LANE_SNARE] = 0.45, [LANE_CLAP] = 0.45, [LANE_HAT] = 0.7,        [LANE_OPENHAT] = 0.7,
    [LANE_RIDE] = 0.7,  [LANE_CRASH] = 0.5,  [LANE_TOM] = 0.45,  [LANE_PERCUSSION] = 0.4, [LANE_SHAKER] = 0.35};

loris_status composer_play(composer *c, random_state *r, phrase_note n) {
    static const double SHORTEST = 0.03;       /* pitched note, seconds */
    static const double SHORTEST_ENTRY = 0.25; /* left of a held note that started before the clip */
    bool drum = n.part == PART_DRUMS;
    double drift = random_gauss(r, 0, n.loose), share = drum ? drum_share[n.pitch] : 1;
    double velocity = share * (n.velocity + random_gauss(r, 0, 4));
    double time = n.time;
    bool on_hit = accents_bend(c, &time);
    double end = fmin(fmin(time + n.duration, n.until), c->seconds);
    if (drum && (time < 0 || accents_mask(c, time)))
        return LORIS_OK;
    if (!on_hit)
        time += fmin(fmax(drift, -2 * n.loose), 2 * n.loose);
    double start = fmax(0, time);
    if (end - start < (drum ? 0 : n.time < 0 ? SHORTEST_ENTRY : SHORTEST) || start >= end)
        return LORIS_OK;
    return score_add_note(c->out, (note){start, end - start, n.part, n.pitch, (int)fmin(fmax(velocity, 1), 127)});
}

/* ---- style ------------------------------------------------------------------------------------------------------- */

static double mean_energy(const rhythm *r) {
    double sum = 0;
    for (size_t i = 0; i < r->energy_count; i++)
        sum += (double)r->energy[i].value;
    return r->energy_count ? sum / (double)r->energy_count : 0.5;
}

/* The style whose tempo and energy lie nearest; chance decides between near ones. */
static style choose_style(const composer *c, const compose_settings *s) {
    double bpm = s->bpm > 0 ? s->bpm : tempo_of_rhythm(c->rhythm);
    if (s->bpm == COMPOSE_FREE || (bpm <= 0 && c->rhythm->event_count > 0 && s->follow > 0))
        return STYLE_FREE;
    random_state r = composer_random(c, CONCERN_STYLE);
    double energy = mean_energy(c->rhythm), best = HUGE_VAL;
    style chosen = STYLE_HOUSE;
    for (int i = 0; i < STYLE_COUNT; i++) {
        const style_profile *p = style_profile_of((style)i);
        if (p->bpm_low <= 0)
            continue;
        double cost = fabs(p->energy - energy) + random_range(&r, 0, 0.2);
        if (bpm > 0) {
            double folded = style_fold_bpm(p, bpm);
            double outside = fmax(log2(p->bpm_low / folded), log2(folded / p->bpm_high));
            cost += 2 * fmax(0, outside) + 0.25 * fabs(log2(folded / bpm));
        }
        if (cost < best) {
            best = cost;
            chosen = (style)i;
        }
    }
    return chosen;
}

/* ---- tidying ----------------------------------------------------------------------------------------------------- */

static int compare_doubles(double a, double b) {
    return (a > b) - (a < b);
}

static int by_time(const void *a, const void *b) {
    const note *x = a, *y = b;
    int order = compare_doubles(x->time, y->time);
    order = order ? order : (int)x->part - (int)y->part;
    order = order ? order : x->pitch - y->pitch;
    order = order ? order : y->velocity - x->velocity;
    return order ? order : compare_doubles(y->duration, x->duration);
}

static int by_accent_time(const void *a, const void *b) {
    const accent *x = a, *y = b;
    int order = compare_doubles(x->time, y->time);
    return order ? order : compare_doubles(y->strength, x->strength);
}

/* Sorts; makes one note of those of one pitch struck within 30 ms (the groove's and a hit's); ends a note where its
 * pitch is struck again, as one string or key would; a chord struck again sounds at least as long as it was meant to
 * before, so that a stab does not take it away. */
static void tidy_notes(score *s) {
    static const double SAME = 0.03;
    size_t kept = 0, last[PART_COUNT][128] = {{0}}; /* index + 1 */
    if (s->note_count > 0)
        qsort(s->notes, s->note_count, sizeof *s->notes, by_time);
    for (size_t i = 0; i < s->note_count; i++) {
        note n = s->notes[i];
        size_t *slot = &last[n.part][n.pitch];
        note *before = *slot ? &s->notes[*slot - 1] : NULL;
        if (before && n.time - before->time < SAME) {
            before->velocity = n.velocity > before->velocity ? n.velocity : before->velocity;
            before->duration = fmax(before->duration, n.time + n.duration - before->time);
            continue;
        }
        if (before) {
            if (n.part == PART_HARMONY)
                n.duration = fmax(n.duration, before->time + before->duration - n.time);
            before->duration = fmin(before->duration, n.time - before->time);
        }
        s->notes[kept++] = n;
        *slot = kept;
    }
    s->note_count = kept;
}

/* Sorts, and keeps the strongest of accents at one time. */
static void tidy_accents(score *s) {
    static const double SAME = 1e-3;
    size_t kept = 0;
    if (s->accent_count > 0)
        qsort(s->accents, s->accent_count, sizeof *s->accents, by_accent_time);
    for (size_t i = 0; i < s->accent_count; i++) {
        accent a = s->accents[i];
        if (kept > 0 && a.time - s->accents[kept - 1].time < SAME)
            s->accents[kept - 1].strength = fmax(s->accents[kept - 1].strength, a.strength);
        else
            s->accents[kept++] = a;
    }
    s->accent_count = kept;
}

/* ---- composing --------------------------------------------------------------------------------------------------- */

static loris_status check_settings(const rhythm *r, const compose_settings *s) {
    if (!(r->duration > 0 && r->duration <= COMPOSE_SECONDS_MAX))
        return fail(LORIS_ERROR_ARGUMENT, "cut the clip into shorter ones",
                    "composing: a duration of %g s is not within 0..%g s", r->duration, COMPOSE_SECONDS_MAX);
    if (s->style < COMPOSE_STYLE_AUTO || s->style >= STYLE_COUNT)
        return fail(LORIS_ERROR_ARGUMENT, NULL, "composing: style number %d does not exist", s->style);
    if (s->bpm != COMPOSE_BPM_AUTO && s->bpm != COMPOSE_FREE &&
        !(s->bpm >= COMPOSE_BPM_LOW && s->bpm <= COMPOSE_BPM_HIGH))
        return fail(LORIS_ERROR_ARGUMENT, NULL, "composing: a tempo of %g BPM is not within %g..%g", s->bpm,
                    COMPOSE_BPM_LOW, COMPOSE_BPM_HIGH);
    if (!(s->follow >= 0 && s->follow <= 1))
        return fail(LORIS_ERROR_ARGUMENT, NULL, "composing: following events by %g is not within 0..1", s->follow);
    if (s->bpm > 0 && s->style == STYLE_FREE)
        return fail(LORIS_ERROR_ARGUMENT, "choose another style, or leave the tempo out",
                    "composing: the free style has no tempo, but %g BPM is asked for", s->bpm);
    return LORIS_OK;
}

static loris_status write_parts(composer *c) {
    TRY(harmony_play(c));
    TRY(groove_play(c));
    TRY(bass_play(c));
    TRY(melody_play(c));
    return accents_play(c);
}

compose_settings compose_defaults(void) {
    return (compose_settings){.style = COMPOSE_STYLE_AUTO, .seed = 0, .bpm = COMPOSE_BPM_AUTO, .follow = 1};
}

loris_status compose(score *out, const rhythm *r, const compose_settings *s) {
    *out = (score){0};
    TRY(check_settings(r, s));
    loris_status status;
    composer c = {.out = out, .rhythm = r, .seed = s->seed, .seconds = r->duration, .follow = s->follow};
    out->style = s->style == COMPOSE_STYLE_AUTO ? choose_style(&c, s) : (style)s->style;
    c.profile = style_profile_of(out->style);
    random_state instruments = composer_random(&c, CONCERN_INSTRUMENTS);
    out->program[PART_BASS] = composer_program(&instruments, c.profile->bass);
    out->program[PART_HARMONY] = composer_program(&instruments, c.profile->harmony);
    out->program[PART_LEAD] = composer_program(&instruments, c.profile->lead);

    tempo_choose(&c, s);
    if (!c.pulse)
        out->style = STYLE_FREE; /* what the network knows without a pulse; the instruments stay */
    TRY_GOTO(accents_gather(&c));
    tempo_place(&c);
    TRY_GOTO(accents_settle(&c));
    TRY_GOTO(sections_plan(&c));
    arrangement_plan(&c);
    TRY_GOTO(harmony_plan(&c));
    out->seconds = c.seconds;
    out->bpm = c.pulse ? c.grid.bpm : 0;
    out->offset = c.pulse ? c.grid.offset : 0;
    TRY_GOTO(write_parts(&c));
    tidy_notes(out);
    tidy_accents(out);
done:
    free(c.hits);
    free(c.bars);
    free(c.changes);
    if (status != LORIS_OK)
        score_free(out);
    return status;
}
