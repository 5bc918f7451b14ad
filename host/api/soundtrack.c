/* The main job: soundtracks of one video, all of whose outputs appear together. */
#include <string.h>

#include "api/job.h"
#include "api/sheet.h"
#include "music/compose.h"

void loris_settings_defaults(loris_settings *settings) {
    *settings = (loris_settings){.guidance = -1, .style = "auto", .bpm = LORIS_BPM_AUTO, .follow = 1, .score = true};
}

static loris_status check_settings(const loris_settings *s) {
    if (!s->model)
        return fail(LORIS_ERROR_ARGUMENT, "set loris_settings.model", "no model was named");
    if (s->steps < 0 || s->steps == 1 || s->steps > 1000)
        return fail(LORIS_ERROR_ARGUMENT, "use 2 to 1000 steps", "%d steps", s->steps);
    if (s->bpm != LORIS_BPM_AUTO && s->bpm != LORIS_BPM_FREE &&
        !(s->bpm >= COMPOSE_BPM_LOW && s->bpm <= COMPOSE_BPM_HIGH))
        return fail(LORIS_ERROR_ARGUMENT, "use auto, free, or a number of beats a minute from 30 to 300",
                    "a tempo of %g BPM", s->bpm);
    if (!(s->follow >= 0 && s->follow <= 1))
        return fail(LORIS_ERROR_ARGUMENT, "use 0 (ignore the events) to 1 (follow each)", "following events by %g",
                    s->follow);
    if (!(s->keep_audio >= 0 && s->keep_audio <= 4))
        return fail(LORIS_ERROR_ARGUMENT, "use a gain from 0 to 4", "the original sound at gain %g", s->keep_audio);
    if (s->guidance >= 0 && !(s->guidance <= 100))
        return fail(LORIS_ERROR_ARGUMENT, "use 1 (none) to about 3", "a guidance scale of %g", s->guidance);
    style ignored;
    if (s->style && strcmp(s->style, "auto"))
        TRY(style_from_name(s->style, &ignored));
    return LORIS_OK;
}

/* An unwritable place is better known now than after the work. */
static loris_status probe(const char *path) {
    output_file file;
    if (!path)
        return LORIS_OK;
    TRY(output_begin(&file, path));
    output_discard(&file);
    return LORIS_OK;
}

loris_status job_check(const loris_settings *s, const loris_take *takes, size_t count, const char *sheet) {
    TRY(check_settings(s));
    if (count < 1 || count > LORIS_TAKES_MAX)
        return fail(LORIS_ERROR_ARGUMENT, "make 1 to 16 at a time", "%zu takes", count);
    for (size_t i = 0; i < count; i++) {
        if (output_kind_of(takes[i].output) == OUTPUT_UNKNOWN)
            return fail(LORIS_ERROR_ARGUMENT, "use .mp4 .mkv .mov for a video, .wav .flac .ogg for the sound alone",
                        "%s: the extension names no format that can be written", takes[i].output);
        TRY(probe(takes[i].output));
        TRY(probe(takes[i].midi_out));
    }
    TRY(probe(s->rhythm_out));
    return probe(sheet);
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

loris_status job_commit(job *j, const text *cards, const char *sheet) {
    const char *rhythm_out = j->settings->rhythm_out;
    output_group_hold(&j->outputs);
    loris_status status = rhythm_out ? rhythm_write(&j->rhythm, rhythm_out) : LORIS_OK;
    if (status == LORIS_OK && sheet)
        status = sheet_write(j, cards, sheet);
    output_group_rest();
    TRY(status);
    return output_group_commit(&j->outputs);
}

static loris_status make_all(job *j, const loris_take *takes, text *cards, const char *sheet, loris_report *reports) {
    double from = seconds_now();
    TRY(job_open(j));
    TRY(job_watch(j));
    for (j->take = 0; j->take < j->takes; j->take++) {
        take t = {.report = {.watch_seconds = j->take ? 0 : j->watch_seconds}};
        loris_status status = take_make(j, &takes[j->take], &t);
        double now = seconds_now();
        t.report.total_seconds = now - from;
        from = now;
        if (status == LORIS_OK && sheet)
            sheet_add(cards, j, &t, &takes[j->take]);
        if (status == LORIS_OK && reports)
            reports[j->take] = t.report;
        take_free(&t);
        TRY(status);
    }
    return job_commit(j, cards, sheet);
}

loris_status loris_takes(loris_engine *engine, const loris_settings *settings, const char *video_path,
                         const loris_take *takes, size_t count, const char *sheet, loris_report *reports) {
    job j = {.engine = engine, .settings = settings, .video = video_path, .takes = count};
    text cards = {0};
    TRY(job_check(settings, takes, count, sheet));
    loris_status status = make_all(&j, takes, &cards, sheet, reports);
    job_close(&j);
    text_free(&cards);
    return status;
}

loris_status loris_soundtrack(loris_engine *engine, const loris_settings *settings, const char *video_path,
                              const char *output, loris_report *report) {
    const loris_take only = {.seed = settings->seed, .output = output, .midi_out = settings->midi_out};
    return loris_takes(engine, settings, video_path, &only, 1, NULL, report);
}
