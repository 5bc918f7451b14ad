/* The sound of one video with a LORIS checkpoint, for loris-cl run. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "loris/features.h"

bool is_loris_model(const char *path) {
    loris_model_info info;
    if (loris_model_describe(path, NULL, &info) != LORIS_OK)
        return false;
    const bool loris = strncmp(info.kind, "loris", 5) == 0;
    loris_model_info_free(&info);
    return loris;
}

/* Its weights are not ours to give: whoever has none is told where they are. */
char *find_i3d(const char *name) {
    const bool ours = strcmp(name, DEFAULT_I3D) == 0;
    char *path = find_model(name, ours);
    if (!path && ours)
        complain(EXIT_INPUT, "fetch its weights with tools/get-i3d.sh, or name a file of 'loris-cl convert'",
                 "there is no model of I3D to watch the video with");
    return path;
}

static bool is_sound(const char *output) {
    const char *dot = strrchr(output, '.');
    return dot && (!strcmp(dot, ".wav") || !strcmp(dot, ".flac") || !strcmp(dot, ".ogg"));
}

static loris_status from_files(loris_engine *engine, const clip_request *r, const loris_infer_settings *settings,
                               loris_infer_report *report) {
    const loris_clip clip = {.i3d = r->i3d,
                             .pose = r->pose,
                             .genre = r->genre,
                             .output = r->output,
                             .video = is_sound(r->output) ? NULL : r->video};
    return loris_infer(engine, settings, &clip, 1, report);
}

static loris_status from_video(loris_engine *engine, const clip_request *r, const loris_infer_settings *settings,
                               const char *i3d, const char *eyes, loris_infer_report *report) {
    loris_features_settings watch;
    loris_features *features;
    loris_features_defaults(&watch);
    watch.i3d_model = i3d;
    watch.pose_model = eyes;
    watch.keep = r->keep;
    watch.progress = progress_update;
    loris_status status = loris_features_watch(engine, &watch, r->video, &features);
    if (status == LORIS_OK)
        status = loris_infer_video(engine, settings, features, r->genre, r->video, r->output, report);
    loris_features_free(features);
    return status;
}

static void print_report(const clip_request *r, const loris_infer_report *report) {
    if (r->json) {
        fputs("{\"output\": ", stdout);
        print_json_string(r->output);
        printf(", \"seed\": %llu, \"clips\": %zu, \"evaluations\": %d, \"seconds\": ",
               (unsigned long long)r->settings.seed, report->clips, report->evaluations);
        print_json_number(report->seconds);
        puts("}");
    } else if (!r->quiet) {
        char name[4096];
        snprintf(name, sizeof name, "%s", r->output);
        make_printable(name);
        printf("%s: seed %llu, made in %.1f s\n", name, (unsigned long long)r->settings.seed, report->seconds);
    }
}

int make_clip(const clip_request *r) {
    loris_engine *engine = NULL;
    loris_infer_report report;
    loris_infer_settings settings = r->settings;
    char *i3d = NULL, *eyes = NULL;
    if (!r->i3d && (!(i3d = find_i3d(r->i3d_model)) || !(eyes = find_model(r->eyes, false)))) {
        free(i3d);
        return EXIT_INPUT;
    }
    settings.progress = progress_update;
    progress_begin(r->quiet, r->verbose);
    loris_status status = loris_engine_open(&engine, r->engine);
    if (status == LORIS_OK)
        status =
            r->i3d ? from_files(engine, r, &settings, &report) : from_video(engine, r, &settings, i3d, eyes, &report);
    progress_end(status == LORIS_OK);
    loris_engine_close(engine);
    free(i3d);
    free(eyes);
    if (status != LORIS_OK)
        return complain_library(status);
    print_report(r, &report);
    return EXIT_DONE;
}
