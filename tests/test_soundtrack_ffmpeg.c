/* The whole way from a rhythm to sound: hits are heard where the events are, seeds repeat, outputs are complete. */
#include <math.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "diffusion/bands.h"
#include "markup_check.h"
#include "media/audio.h"
#include "media/phase.h"
#include "music/compose.h"
#include "rhythm/rhythm.h"
#include "scratch.h"
#include "support_net.h"

enum { RATE = 32000, FRAME = RATE / 100, EVENTS = 9 };

static const double event_times[EVENTS] = {0.6, 1.37, 1.9, 2.75, 3.5, 4.21, 5.05, 5.8, 6.6};
static const double clip_seconds = 7.5;

static loris_engine *engine;

static int open_engine(void **state) {
    loris_engine_settings settings;
    loris_engine_defaults(&settings);
    settings.device = getenv("LORIS_TEST_DEVICE");
    settings.cache_dir = "";
    if (loris_engine_open(&engine, &settings) != LORIS_OK || support_open(state))
        return -1;
    return scratch_setup(state);
}

static int close_engine(void **state) {
    loris_engine_close(engine);
    support_close(state);
    return scratch_teardown(state);
}

/* ---- rhythms and what is heard of them --------------------------------------------------------------------------- */

static void events_at(rhythm *r, double shift) {
    memset(r, 0, sizeof *r);
    r->duration = clip_seconds;
    r->events = calloc(EVENTS, sizeof *r->events);
    assert_non_null(r->events);
    r->event_count = EVENTS;
    for (int i = 0; i < EVENTS; i++)
        r->events[i] = (rhythm_event){.time = event_times[i] + shift, .kind = EVENT_IMPACT, .strength = 0.8f};
}

/* The share of events with an attack heard within 70 ms: a rise of the energy of 10 ms frames by more than 6 dB over
 * the mean of the 40 ms before, within the loudest 30 dB. */
static double heard(const float *samples, size_t count, double shift) {
    size_t frames = count / FRAME;
    double *level = calloc(frames, sizeof *level), loudest = -1e9;
    assert_non_null(level);
    for (size_t k = 0; k < frames; k++) {
        double energy = 1e-9;
        for (size_t i = 0; i < FRAME; i++)
            energy += (double)samples[k * FRAME + i] * samples[k * FRAME + i];
        level[k] = 10 * log10(energy);
        loudest = fmax(loudest, level[k]);
    }
    int found = 0;
    for (int e = 0; e < EVENTS; e++) {
        bool attack = false;
        double at = (event_times[e] + shift) * 100;
        for (size_t k = 4; k < frames && !attack; k++) {
            double before = (level[k - 1] + level[k - 2] + level[k - 3] + level[k - 4]) / 4;
            attack = fabs((double)k - at) <= 7 && level[k] > before + 6 && level[k] > loudest - 30;
        }
        found += attack;
    }
    free(level);
    return (double)found / EVENTS;
}

static loris_settings quick_settings(const char *rhythm_path) {
    loris_settings s;
    loris_settings_defaults(&s);
    s.model = LORIS_MODELS "/base";
    s.seed = 3;
    s.style = "free";
    s.rhythm_in = rhythm_path;
    return s;
}

/* Of the two channels, which are the network's one for both speakers, one. */
static audio read_sound(const char *path) {
    SF_INFO info = {0};
    SNDFILE *file = sf_open(path, SFM_READ, &info);
    assert_non_null(file);
    audio a = {.samples = calloc((size_t)(info.frames * info.channels) + 1, sizeof(float)),
               .frames = (size_t)info.frames,
               .channels = info.channels,
               .rate = info.samplerate};
    assert_non_null(a.samples);
    assert_int_equal(sf_readf_float(file, a.samples, info.frames), info.frames);
    sf_close(file);
    assert_int_equal(a.channels, 2);
    for (size_t i = 0; i < a.frames; i++) {
        assert_true(a.samples[2 * i] == a.samples[2 * i + 1]);
        a.samples[i] = a.samples[2 * i];
    }
    a.channels = 1;
    return a;
}

static audio sounded(const loris_settings *s, const char *name) {
    loris_report report;
    const char *path = scratch(name);
    assert_ok(loris_soundtrack(engine, s, "unused.mp4", path, &report));
    assert_true(fabs(report.duration - clip_seconds) < 1e-9);
    assert_true(report.true_peak_db <= -0.9);
    audio a = read_sound(path);
    assert_int_equal(a.rate, RATE);
    assert_int_equal(a.frames, llround(clip_seconds * RATE)); /* as long as the clip, to the sample */
    return a;
}

static void hits_are_heard_at_the_events(void **state) {
    (void)state;
    for (int shifted = 0; shifted < 2; shifted++) {
        double shift = shifted ? 0.3 : 0;
        rhythm r;
        events_at(&r, shift);
        const char *path = scratch("events.json");
        assert_ok(rhythm_write(&r, path));
        loris_settings s = quick_settings(path);
        audio a = sounded(&s, "hits.wav");
        double own = heard(a.samples, a.frames, shift), other = heard(a.samples, a.frames, shift - 0.3);
        print_message("shift %.1f: heard at the events %.2f, 0.3 s before them %.2f\n", shift, own, other);
        assert_true(own >= 0.8);
        assert_true(other <= own - 0.4);
        audio_free(&a);
        rhythm_free(&r);
    }
}

/* The network, told nothing, does not know where the events are. */
static void without_conditioning_the_hits_are_lost(void **state) {
    (void)state;
    model *m;
    weights *w;
    rhythm r;
    score score_given = {0};
    conditioning c = {0};
    sampling_settings sampling;
    events_at(&r, 0);
    assert_ok(model_open(&m, LORIS_MODELS "/base"));
    assert_ok(weights_new(&w, support_compute(), m->file, m->prefix));
    assert_ok(bands_sampling(m, &sampling));
    compose_settings settings = compose_defaults();
    settings.style = STYLE_FREE;
    assert_ok(compose(&score_given, &r, &settings));
    size_t rows = (size_t)(clip_seconds * RATE / m->bands.hop) + 1;
    assert_ok(conditioning_make(&c, &score_given, (size_t)sampling.window, true));
    for (int k = 0; k < CONDITIONING_LEVELS; k++)
        memset(c.level[k], 0,
               (c.frames >> k) * (size_t)(k ? CONDITIONING_DEEP_CHANNELS : CONDITIONING_CHANNELS) * sizeof(float));
    memset(c.features, 0, sizeof c.features);
    uint64_t seed = 3;
    float *bands = malloc(rows * (size_t)m->bands.bands * sizeof *bands);
    bands_request request = {.compute = support_compute(),
                             .model = m,
                             .weights = w,
                             .settings = &sampling,
                             .conditioning = &c,
                             .style = STYLE_FREE,
                             .rows = rows,
                             .noise = seeded_noise,
                             .noise_user = &seed};
    assert_ok(bands_sample(&request, bands, NULL));
    /* The energy of each 12 ms frame as sound samples' would be: attacks show in the bands themselves. */
    float *envelope = calloc(rows * (size_t)m->bands.hop, sizeof *envelope);
    for (size_t row = 0; row < rows; row++) {
        double energy = 0;
        for (int k = 0; k < m->bands.bands; k++)
            energy += exp(2.0 * bands[row * (size_t)m->bands.bands + (size_t)k]);
        for (int i = 0; i < m->bands.hop; i++)
            envelope[row * (size_t)m->bands.hop + (size_t)i] = (float)sqrt(energy);
    }
    double share = heard(envelope, rows * (size_t)m->bands.hop, 0);
    print_message("heard without conditioning: %.2f\n", share);
    assert_true(share <= 0.5);
    free(envelope);
    free(bands);
    conditioning_free(&c);
    score_free(&score_given);
    weights_free(w);
    model_close(m);
    rhythm_free(&r);
}

static void a_seed_repeats_and_another_differs(void **state) {
    (void)state;
    rhythm r;
    events_at(&r, 0);
    const char *path = scratch("seeds.json");
    assert_ok(rhythm_write(&r, path));
    loris_settings s = quick_settings(path);
    s.steps = 4;
    audio first = sounded(&s, "first.wav"), again = sounded(&s, "again.wav");
    s.seed++;
    audio other = sounded(&s, "other.wav");
    assert_int_equal(first.frames, again.frames);
    assert_memory_equal(first.samples, again.samples, first.frames * sizeof *first.samples);
    assert_memory_not_equal(first.samples, other.samples, first.frames * sizeof *first.samples);
    audio_free(&first);
    audio_free(&again);
    audio_free(&other);
    rhythm_free(&r);
}

/* ---- takes ------------------------------------------------------------------------------------------------------- */

enum { TAKES = 3 };

static void name_takes(loris_take takes[TAKES], const char *folder) {
    for (int i = 0; i < TAKES; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s/%d.wav", folder, i);
        takes[i] =
            (loris_take){.seed = 11 + (uint64_t)i, .output = scratch(name), .command = i ? "make <it> again" : NULL};
    }
}

static void takes_differ_and_each_repeats_alone(void **state) {
    (void)state;
    rhythm r;
    char *page;
    size_t size;
    loris_take takes[TAKES];
    loris_report reports[TAKES];
    events_at(&r, 0);
    const char *path = scratch("takes.json");
    assert_ok(rhythm_write(&r, path));
    loris_settings s = quick_settings(path);
    s.steps = 4;
    assert_int_equal(mkdir(scratch("takes"), 0755), 0);
    name_takes(takes, "takes");
    assert_ok(loris_takes(engine, &s, "a.mp4", takes, TAKES, scratch("takes/sheet.html"), reports));
    audio take[TAKES];
    for (int i = 0; i < TAKES; i++) {
        take[i] = read_sound(takes[i].output);
        s.seed = takes[i].seed;
        audio alone = sounded(&s, "alone.wav");
        assert_int_equal(reports[i].seed, takes[i].seed);
        assert_int_equal(take[i].frames, alone.frames);
        assert_memory_equal(take[i].samples, alone.samples, alone.frames * sizeof *alone.samples);
        for (int k = 0; k < i; k++)
            assert_memory_not_equal(take[i].samples, take[k].samples, alone.frames * sizeof *alone.samples);
        audio_free(&alone);
    }
    assert_true(reports[1].watch_seconds == 0 && reports[1].total_seconds > 0);
    page = scratch_read(scratch("takes/sheet.html"), &size);
    char *text_of_page = calloc(size + 1, 1);
    assert_non_null(text_of_page);
    memcpy(text_of_page, page, size);
    assert_well_formed(text_of_page);
    assert_int_equal(count_of(text_of_page, "<article "), TAKES);
    assert_int_equal(count_of(text_of_page, "<audio "), TAKES);
    assert_int_equal(count_of(text_of_page, "src=\"2.wav\""), 1);
    assert_int_equal(count_of(text_of_page, "<code>make &lt;it&gt; again</code>"), TAKES - 1);
    assert_int_equal(count_of(text_of_page, "://"), 0); /* nothing from elsewhere */
    free(text_of_page);
    free(page);
    for (int i = 0; i < TAKES; i++)
        audio_free(&take[i]);
    rhythm_free(&r);
}

/* Pieces whose first sound has a lone peak more than 16 dB above its loudness: -16 LUFS within 1, below -1 dBTP (0.05
 * for what lies between the meter's four samples each). */
static void lone_peaks_do_not_cost_loudness(void **state) {
    (void)state;
    static const struct {
        const char *video, *style;
        uint64_t seed;
    } pieces[] = {{"beats-free", "jazz", 3}, {"beats-free", "hiphop", 3}, {"beats-100bpm", "jazz", 3}};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        char video[256];
        loris_report report;
        snprintf(video, sizeof video, LORIS_TEST_DATA "/videos/%s.mp4", pieces[i].video);
        loris_settings s = quick_settings(NULL);
        s.style = pieces[i].style;
        s.seed = pieces[i].seed;
        s.duration = 20;
        assert_ok(loris_soundtrack(engine, &s, video, scratch("loud.wav"), &report));
        print_message("%s, %s: %.2f LUFS, %.2f dBTP\n", pieces[i].video, pieces[i].style, report.lufs,
                      report.true_peak_db);
        assert_true(fabs(report.lufs + 16) <= 1);
        assert_true(report.true_peak_db <= -0.95);
    }
}

static void cancel_in_second_take(void *user, const char *stage, double done, double total) {
    (void)user;
    (void)done;
    (void)total;
    if (strcmp(stage, "phase 2/3") == 0)
        loris_cancel();
}

static void takes_appear_together_or_not_at_all(void **state) {
    (void)state;
    rhythm r;
    loris_take takes[TAKES];
    events_at(&r, 0);
    const char *path = scratch("half.json");
    assert_ok(rhythm_write(&r, path));
    loris_settings s = quick_settings(path);
    s.steps = 2;
    s.progress = cancel_in_second_take;
    assert_int_equal(mkdir(scratch("half"), 0755), 0);
    s.rhythm_out = scratch("half/seen.json");
    name_takes(takes, "half");
    scratch_write(takes[0].output, "old", 3);
    assert_fails(loris_takes(engine, &s, "a.mp4", takes, TAKES, scratch("half/sheet.html"), NULL), LORIS_CANCELLED,
                 NULL);
    loris_resume();
    assert_int_equal(scratch_entries(scratch("half")), 1);
    size_t size;
    char *kept = scratch_read(takes[0].output, &size);
    assert_int_equal(size, 3);
    free(kept);
    assert_fails(loris_takes(engine, &s, "a.mp4", takes, 0, NULL, NULL), LORIS_ERROR_ARGUMENT, "0 takes");
    assert_fails(loris_takes(engine, &s, "a.mp4", takes, 17, NULL, NULL), LORIS_ERROR_ARGUMENT, "17 takes");
    rhythm_free(&r);
}

/* ---- little movement --------------------------------------------------------------------------------------------- */

/* A slideshow: nothing moves, and the music falls on the cuts. */
static void where_nothing_moves_cuts_are_heard(void **state) {
    (void)state;
    rhythm r = {.duration = clip_seconds, .cut_count = EVENTS};
    loris_report report;
    r.cuts = calloc(EVENTS, sizeof *r.cuts);
    assert_non_null(r.cuts);
    memcpy(r.cuts, event_times, sizeof event_times);
    const char *path = scratch("cuts.json");
    assert_ok(rhythm_write(&r, path));
    loris_settings s = quick_settings(path);
    assert_ok(loris_soundtrack(engine, &s, "slides.mp4", scratch("cuts.wav"), &report));
    assert_string_equal(report.note, "nothing moves: composed to 9 cuts");
    assert_int_equal(report.events, 0);
    audio a = read_sound(scratch("cuts.wav"));
    double own = heard(a.samples, a.frames, 0), other = heard(a.samples, a.frames, -0.3);
    print_message("heard at the cuts %.2f, 0.3 s before them %.2f\n", own, other);
    assert_true(own >= 0.8);
    assert_true(other <= own - 0.4);
    audio_free(&a);
    rhythm_free(&r);
}

/* ---- settings ---------------------------------------------------------------------------------------------------- */

static void impossible_settings_are_refused_before_any_work(void **state) {
    (void)state;
    rhythm r;
    events_at(&r, 0);
    const char *path = scratch("refused.json");
    assert_ok(rhythm_write(&r, path));
    loris_settings s = quick_settings(path);
    assert_fails(loris_soundtrack(engine, &s, "v.mp4", scratch("a.xyz"), NULL), LORIS_ERROR_ARGUMENT, "a.xyz");
    assert_fails(loris_soundtrack(engine, &s, "v.mp4", scratch("no/such/folder/a.wav"), NULL), LORIS_ERROR_OUTPUT,
                 "no/such/folder");
    s.style = "polka";
    assert_fails(loris_soundtrack(engine, &s, "v.mp4", scratch("a.wav"), NULL), LORIS_ERROR_ARGUMENT, "polka");
    s = quick_settings(path);
    s.sampler = "ddim";
    assert_fails(loris_soundtrack(engine, &s, "v.mp4", scratch("a.wav"), NULL), LORIS_ERROR_ARGUMENT, "ddim");
    s = quick_settings(path);
    s.steps = 1;
    assert_fails(loris_soundtrack(engine, &s, "v.mp4", scratch("a.wav"), NULL), LORIS_ERROR_ARGUMENT, NULL);
    s = quick_settings(path);
    s.model = LORIS_TEST_DATA "/unet/uncond";
    assert_fails(loris_soundtrack(engine, &s, "v.mp4", scratch("a.wav"), NULL), LORIS_ERROR_INPUT, "uncond");
    s = quick_settings(path);
    s.bpm = 7;
    assert_fails(loris_soundtrack(engine, &s, "v.mp4", scratch("a.wav"), NULL), LORIS_ERROR_ARGUMENT, "7");
    s = quick_settings(NULL);
    assert_fails(loris_soundtrack(engine, &s, scratch("missing.mp4"), scratch("a.wav"), NULL), LORIS_ERROR_INPUT,
                 "missing.mp4");
    rhythm_free(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hits_are_heard_at_the_events),
        cmocka_unit_test(without_conditioning_the_hits_are_lost),
        cmocka_unit_test(a_seed_repeats_and_another_differs),
        cmocka_unit_test(lone_peaks_do_not_cost_loudness),
        cmocka_unit_test(takes_differ_and_each_repeats_alone),
        cmocka_unit_test(takes_appear_together_or_not_at_all),
        cmocka_unit_test(where_nothing_moves_cuts_are_heard),
        cmocka_unit_test(impossible_settings_are_refused_before_any_work),
    };
    return cmocka_run_group_tests(tests, open_engine, close_engine);
}
