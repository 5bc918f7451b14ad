/* Three minutes: do windows join unheard, and stay tempo, key and palette? */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/file.h"
#include "report.h"

enum { LONG_SEEDS = 3, QUARTERS = 4 };
static const double MINUTES_3 = 180, TEMPO = 104;

/* How much the tempo heard in quarters spreads, percent, a tempo's half and double counting as itself. */
static loris_status tempo_spread(const sound *s, double bpm, double *percent) {
    static const double NEAR = 1.25; /* the search is around the tempo that was written */
    double low = HUGE_VAL, high = 0;
    for (size_t i = 0; i < QUARTERS; i++) {
        size_t from = i * s->count / QUARTERS, to = (i + 1) * s->count / QUARTERS, frames;
        float *strength;
        TRY(audio_onset_strength(s->samples + from, to - from, &strength, &frames));
        double heard = tempo_heard(strength, frames, bpm / NEAR, bpm * NEAR);
        free(strength);
        low = fmin(low, heard);
        high = fmax(high, heard);
    }
    *percent = low > 0 ? 100 * (high / low - 1) : 100;
    return LORIS_OK;
}

static loris_status measure_long(report *r, const char *wav, const loris_report *made, const score *written) {
    static const double HALF_SECOND = 0.5; /* for want of beats */
    char name[64];
    sound s;
    joint_test joints = {0};
    snprintf(name, sizeof name, "3 minutes %llu", (unsigned long long)made->seed);
    result one = result_of(TABLE_LONG, BAR_ALWAYS, name, made->style);
    TRY(sound_read(&s, wav));
    double period = written->bpm > 0 ? 60 / written->bpm : HALF_SECOND;
    loris_status status = joints_heard(&s, made->joints, made->joint_count, period, &joints);
    if (status == LORIS_OK && written->bpm > 0)
        status = tempo_spread(&s, written->bpm, &one.value[LONG_TEMPO_SPREAD]);
    if (status == LORIS_OK)
        status = palette_constancy(&s, QUARTERS, &one.value[LONG_PALETTE]);
    free(s.samples);
    one.value[LONG_JOINTS] = (double)made->joint_count;
    one.value[LONG_FLUX_P] = joints.flux_p;
    one.value[LONG_LEVEL_P] = joints.level_p;
    one.value[LONG_OUTSIDE_KEY] = outside_key(written, QUARTERS);
    tell("%s: flux p %.2f, level p %.2f", name, joints.flux_p, joints.level_p);
    return status == LORIS_OK ? results_add(&r->results, &one) : status;
}

static loris_status make_long(report *r, const char *video, const char *rhythm_path, const rhythm *seen) {
    loris_settings settings;
    loris_report *made = malloc(sizeof *made);
    score written = {0};
    loris_status status = made ? LORIS_OK : fail_memory("a report");
    loris_settings_defaults(&settings);
    settings.model = r->model;
    settings.rhythm_in = rhythm_path;
    for (uint64_t seed = 0; status == LORIS_OK && seed < LONG_SEEDS; seed++) {
        char wav[32];
        settings.seed = seed;
        snprintf(wav, sizeof wav, "long-%d.wav", (int)seed);
        status = loris_soundtrack(r->engine, &settings, video, wav, made);
        if (status == LORIS_OK)
            status = compose_again(seen, seed, LORIS_BPM_AUTO, made, &written);
        if (status == LORIS_OK)
            status = measure_long(r, wav, made, &written);
        score_free(&written);
        written = (score){0};
    }
    free(made);
    return status;
}

loris_status report_long(report *r) {
    static const char video[] = "long.y4m", rhythm_path[] = "long.rhythm.json";
    const drawn_clip c = {.kind = DRAWN_STOPS, .seed = 100, .seconds = MINUTES_3, .bpm = TEMPO, .rests = 0.25};
    rhythm seen;
    if (file_exists(rhythm_path)) { /* of an earlier report */
        TRY(rhythm_read(&seen, rhythm_path));
    } else {
        TRY(drawn_write(&c, video));
        loris_status status = watch_clip(r->engine, video, rhythm_path, NULL, &seen);
        remove(video); /* 350 MB */
        TRY(status);
    }
    loris_status status = make_long(r, video, rhythm_path, &seen);
    rhythm_free(&seen);
    return status;
}
