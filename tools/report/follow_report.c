/* follow-report: makes soundtracks and measures how they follow and whether they are music (docs/follow). */
#include <errno.h>
#include <getopt.h>
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/file.h"
#include "core/json.h"
#include "report.h"

static const char usage[] =
    "usage: follow-report [-n SEEDS] [-j JOBS] [--json] [--pictures FOLDER] [--only seeing|sound|long]\n"
    "                     --model MODEL --work FOLDER (VIDEO... | --samples FOLDER)\n"
    "Makes soundtracks of the videos and prints how they follow and whether they are music. Beside a video may lie a\n"
    ".json with its true events (\"events_s\"). Sounds and rhythms go into the folder named by --work; rhythms of\n"
    "drawings that lie there already are not watched again. Exit status 7: a bar is missed.\n";

typedef struct options {
    char *model, *pictures, *work; /* absolute; free() */
    const char *only, *samples;
    int seeds, jobs;
    bool json;
} options;

void tell(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

/* ---- clips ------------------------------------------------------------------------------------------------------- */

static loris_status read_truth(clip *c) {
    char path[4096], *data;
    size_t size, stem = strlen(c->path);
    while (stem > 0 && c->path[stem - 1] != '.')
        stem--;
    snprintf(path, sizeof path, "%.*sjson", (int)stem, c->path);
    if (access(path, R_OK) != 0)
        return LORIS_OK;
    arena *a = arena_new();
    const json *root, *events;
    loris_status status = a ? file_read(path, (size_t)1 << 20, &data, &size) : fail_memory("events");
    if (status == LORIS_OK) {
        status = json_parse(&root, a, data, size, path);
        free(data);
    }
    if (status == LORIS_OK)
        status = json_need_array(root, "events_s", &events, path);
    if (status == LORIS_OK && !(c->truth = calloc(events->count + 1, sizeof *c->truth)))
        status = fail_memory("events");
    if (status == LORIS_OK) {
        c->truth_count = events->count;
        for (size_t i = 0; i < events->count; i++)
            c->truth[i] = events->item[i].number;
    }
    arena_free(a);
    return status;
}

static loris_status open_clip(const report *r, clip *c) {
    char json_path[96], svg[4096];
    snprintf(json_path, sizeof json_path, "%s.rhythm.json", c->name);
    if (r->pictures)
        snprintf(svg, sizeof svg, "%s/%s-rhythm.svg", r->pictures, c->name);
    TRY(read_truth(c));
    TRY(watch_clip(r->engine, c->path, json_path, r->pictures ? svg : NULL, &c->seen));
    return accents_seen(&c->seen, &c->accents);
}

static void close_clips(report *r) {
    for (size_t i = 0; i < r->clip_count; i++) {
        free(r->clips[i].path);
        free(r->clips[i].truth);
        free(r->clips[i].accents.times);
        rhythm_free(&r->clips[i].seen);
    }
    for (size_t i = 0; i < r->drawn_count; i++)
        free(r->drawn[i].times);
    free(r->drawn);
    results_free(&r->results);
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

static bool wants(const options *o, const char *which) {
    return !o->only || !strcmp(o->only, which);
}

static loris_status make_report(report *r, const options *o) {
    TRY(loris_engine_open(&r->engine, NULL));
    for (size_t i = 0; wants(o, "sound") && i < r->clip_count; i++)
        TRY(open_clip(r, &r->clips[i]));
    if (wants(o, "seeing") || wants(o, "sound")) /* drawn clips are other videos to the soundtracks */
        TRY(report_seeing(r));
    if (wants(o, "sound"))
        TRY(report_sound(r));
    return wants(o, "long") ? report_long(r) : LORIS_OK;
}

static loris_status print_report(const report *r, bool as_json) {
    text out = {0};
    loris_device_info device;
    TRY(loris_engine_device(r->engine, &device));
    if (as_json) {
        results_json(&out, &r->results);
    } else {
        text_printf(&out, "# Report\n\nloris-cl %s, seeds 0 to %d, on %s through %s.\n\n", loris_version(),
                    r->seeds - 1, device.name, device.platform);
        results_markdown(&out, &r->results);
    }
    bool printed = !text_failed(&out) && fputs(out.data, stdout) >= 0 && fflush(stdout) == 0;
    text_free(&out);
    return printed ? LORIS_OK : fail(LORIS_ERROR_OUTPUT, NULL, "the report cannot be printed");
}

/* A path that stays right in another current folder. */
static char *absolute(const char *path) {
    char *real = realpath(path, NULL);
    if (!real)
        fprintf(stderr, "follow-report: %s: %s\n", path, strerror(errno));
    return real;
}

/* False when they are wrong. */
static bool read_options(options *o, int argc, char **argv) {
    static const struct option long_options[] = {{"json", no_argument, NULL, 'J'},
                                                 {"pictures", required_argument, NULL, 'p'},
                                                 {"model", required_argument, NULL, 'm'},
                                                 {"only", required_argument, NULL, 'o'},
                                                 {"work", required_argument, NULL, 'w'},
                                                 {"samples", required_argument, NULL, 's'},
                                                 {0}};
    for (int c; (c = getopt_long(argc, argv, "n:j:", long_options, NULL)) != -1;) {
        if (c == 'n')
            o->seeds = atoi(optarg);
        else if (c == 'j')
            o->jobs = atoi(optarg);
        else if (c == 'J')
            o->json = true;
        else if (c == 'o')
            o->only = optarg;
        else if (c == 's')
            o->samples = optarg;
        else if (c == 'p' && folder_make(optarg, 0777) == LORIS_OK)
            o->pictures = absolute(optarg);
        else if (c == 'm')
            o->model = absolute(optarg);
        else if (c == 'w')
            o->work = absolute(optarg);
        else
            return false;
    }
    bool known = !o->only || !strcmp(o->only, "seeing") || !strcmp(o->only, "sound") || !strcmp(o->only, "long");
    return known && o->model && o->work && o->seeds >= 1 && o->seeds <= SEEDS_MAX && o->jobs >= 1;
}

/* The videos that are named, or else those of the samples' folder. */
static bool list_clips(report *r, const options *o, char **named, int count) {
    char pattern[4096];
    glob_t found = {0};
    if (!count && o->samples) {
        snprintf(pattern, sizeof pattern, "%s/*.mp4", o->samples);
        glob(pattern, 0, NULL, &found);
        named = found.gl_pathv;
        count = (int)found.gl_pathc;
    }
    bool listed = count > 0 && count <= VIDEOS_MAX;
    for (int i = 0; listed && i < count; i++) {
        clip *c = &r->clips[r->clip_count];
        const char *slash = strrchr(named[i], '/'), *name = slash ? slash + 1 : named[i];
        snprintf(c->name, sizeof c->name, "%.*s", (int)strcspn(name, "."), name);
        c->path = absolute(named[i]);
        listed = c->path != NULL;
        r->clip_count += listed;
    }
    globfree(&found);
    return listed;
}

static loris_status run(const options *o, report *r) {
    if (chdir(o->work))
        return fail(LORIS_ERROR_OUTPUT, NULL, "%s: %s", o->work, strerror(errno));
    TRY(make_report(r, o));
    TRY(print_report(r, o->json));
    return results_meet(&r->results) ? LORIS_OK : LORIS_MISMATCH;
}

int main(int argc, char **argv) {
    options o = {.seeds = 5, .jobs = 1};
    clip clips[VIDEOS_MAX] = {0};
    report r = {.clips = clips};
    loris_status status = LORIS_ERROR_ARGUMENT;
    if (read_options(&o, argc, argv) && list_clips(&r, &o, argv + optind, argc - optind)) {
        r.model = o.model;
        r.seeds = o.seeds;
        r.jobs = o.jobs;
        r.pictures = o.pictures;
        status = run(&o, &r);
        if (status != LORIS_OK && status != LORIS_MISMATCH)
            fprintf(stderr, "follow-report: %s\n%s\n", loris_error_message(), loris_error_hint());
    } else {
        fputs(usage, stderr);
    }
    loris_engine_close(r.engine);
    close_clips(&r);
    free(o.model);
    free(o.pictures);
    free(o.work);
    return (int)status;
}
