/* The public functions on rhythms: watching, describing, writing. */
#include <stdlib.h>
#include <string.h>

#include "api/engine.h"
#include "api/rhythm.h"
#include "core/file.h"
#include "core/markup.h"
#include "media/thumbnail.h"
#include "media/video.h"
#include "rhythm/fallback.h"
#include "rhythm/picture.h"
#include "rhythm/watch.h"

typedef struct watching {
    loris_progress_function *progress;
    void *user;
} watching;

static void tell(double fraction, void *user) {
    const watching *w = user;
    if (w->progress)
        w->progress(w->user, "watch", fraction, 1);
}

loris_status rhythm_new(loris_rhythm **out, const char *path) {
    *out = calloc(1, sizeof **out);
    if (*out && ((*out)->path = strdup(path)))
        return LORIS_OK;
    free(*out);
    *out = NULL;
    return fail_memory("a rhythm");
}

loris_status rhythm_publish(loris_rhythm *r) {
    r->events = calloc(r->seen.event_count + 1, sizeof *r->events);
    if (!r->events)
        return fail_memory("the events");
    for (size_t i = 0; i < r->seen.event_count; i++) {
        const rhythm_event *e = &r->seen.events[i];
        r->events[i] =
            (loris_event){.time = e->time, .impact = e->kind == EVENT_IMPACT, .strength = (double)e->strength};
    }
    return LORIS_OK;
}

static loris_status watch(loris_rhythm *r, loris_engine *engine, watching *w) {
    watch_settings settings = watch_defaults();
    motion m;
    TRY(watch_motion(&m, engine->compute, r->path, &settings, tell, w));
    loris_status status = watch_rhythm(&r->seen, &m, &r->curves);
    motion_free(&m);
    TRY(status);
    return rhythm_publish(r);
}

loris_status loris_watch(loris_engine *engine, const char *path, loris_progress_function *progress, void *progress_user,
                         loris_rhythm **out) {
    *out = NULL;
    watching w = {progress, progress_user};
    loris_rhythm *r;
    TRY(rhythm_new(&r, path));
    loris_status status = watch(r, engine, &w);
    if (status == LORIS_OK)
        *out = r;
    else
        loris_rhythm_free(r);
    return status;
}

void loris_rhythm_free(loris_rhythm *r) {
    if (!r)
        return;
    rhythm_free(&r->seen);
    flux_free(&r->curves);
    free(r->events);
    free(r->path);
    free(r);
}

void loris_rhythm_describe(const loris_rhythm *r, loris_rhythm_info *info) {
    const rhythm *s = &r->seen;
    *info = (loris_rhythm_info){.duration = s->duration,
                                .bpm = s->bpm,
                                .tempo_confidence = s->tempo_confidence,
                                .beats = s->beats,
                                .downbeats = s->downbeats,
                                .cuts = s->cuts,
                                .events = r->events,
                                .beat_count = s->beat_count,
                                .downbeat_count = s->downbeat_count,
                                .cut_count = s->cut_count,
                                .event_count = s->event_count};
    rhythm_note(s, info->note);
}

loris_status loris_rhythm_json(const loris_rhythm *r, char **out) {
    json_writer w;
    json_begin(&w, 1);
    loris_status status = rhythm_to_json(&r->seen, &w);
    *out = status == LORIS_OK ? w.out.data : NULL;
    if (status != LORIS_OK)
        text_free(&w.out);
    return status;
}

loris_status loris_rhythm_write_json(const loris_rhythm *r, const char *path) {
    return rhythm_write(&r->seen, path);
}

static loris_status aspect_of(const char *path, double *aspect) {
    video *v;
    TRY(video_open(&v, path, PICTURE_THUMBNAIL, VIDEO_RGB));
    const video_info *info = video_get_info(v);
    *aspect = (double)info->width / info->height;
    video_close(v);
    return LORIS_OK;
}

loris_status loris_rhythm_write_svg(const loris_rhythm *r, const char *output) {
    double aspect, *times = NULL;
    size_t count = 0;
    thumbnail *frames = NULL;
    text svg = {0};
    loris_status status;
    TRY_GOTO(aspect_of(r->path, &aspect));
    TRY_GOTO(picture_moments(&times, &count, &r->seen, aspect));
    frames = calloc(count + 1, sizeof *frames);
    if (!frames) {
        status = fail_memory("thumbnails");
        goto done;
    }
    TRY_GOTO(thumbnails_take(frames, times, count, r->path, PICTURE_THUMBNAIL));
    TRY_GOTO(picture_svg(&svg, &r->seen, &r->curves, base_name(r->path), frames, count));
    status = file_write(output, svg.data, svg.length);
done:
    thumbnails_free(frames, frames ? count : 0);
    free(frames);
    free(times);
    text_free(&svg);
    return status;
}
