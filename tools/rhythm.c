/* loris-cl rhythm: what is seen in a video, as a table, as JSON, as a picture. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "loris/poses.h"

typedef struct rhythm_arguments {
    loris_engine_settings engine;
    const char *output, *svg, *eyes;
    int from; /* a loris_rhythm_source */
    bool json, quiet, verbose;
} rhythm_arguments;

static int run(int argc, char **argv);

static const option options[] = {
    {.kind = OPTION_FILE,
     .letter = 'o',
     .name = "output",
     .argument = "FILE",
     .field = offsetof(rhythm_arguments, output),
     .help = "write the rhythm as JSON",
     .detail = "which 'run --rhythm FILE' follows, edited or not"},
    {.kind = OPTION_FILE,
     .name = "svg",
     .argument = "FILE",
     .field = offsetof(rhythm_arguments, svg),
     .help = "draw the rhythm",
     .detail = "envelopes, events, beats, cuts and energy over time, with frames of the video at the strongest events"},
    OPTION_JSON(rhythm_arguments, "the rhythm"),
    OPTION_RHYTHM_FROM(rhythm_arguments, from),
    OPTION_EYES(rhythm_arguments),
    OPTION_DEVICE(rhythm_arguments),
    OPTION_KERNELS(rhythm_arguments),
    OPTION_QUIET(rhythm_arguments),
    OPTION_VERBOSE(rhythm_arguments),
    OPTIONS_STANDARD};

const command command_rhythm = {
    .name = "rhythm",
    .summary = "show what is seen in a video",
    .description = "Watches a video and tells what its music would follow: onsets (a move starts) and impacts (a move "
                   "stops dead) with their strength, tempo and beats, cuts. Prints a table unless --json, --svg or -o "
                   "asks for something else.",
    .options = options,
    .operand = {.name = "VIDEO", .required = true, .kind = OPTION_FILE},
    .run = run};

/* ---- the table --------------------------------------------------------------------------------------------------- */

static bool has_pulse(const loris_rhythm_info *r) {
    return r->bpm > 0 && r->beat_count > 0;
}

static void print_summary(const char *video, const loris_rhythm_info *r) {
    char name[4096];
    size_t impacts = 0;
    for (size_t i = 0; i < r->event_count; i++)
        impacts += r->events[i].impact;
    snprintf(name, sizeof name, "%s", video);
    make_printable(name);
    printf("%s: %.1f s, ", name, r->duration);
    if (has_pulse(r))
        printf("%.4g BPM (confidence %.2f), %zu beats in %zu bars, ", r->bpm, r->tempo_confidence, r->beat_count,
               r->downbeat_count);
    else
        printf("no pulse (confidence %.2f), ", r->tempo_confidence);
    printf("%zu onsets, %zu impacts, %zu cuts\n", r->event_count - impacts, impacts, r->cut_count);
    if (*r->note)
        printf("%s\n", r->note);
}

/* Where a time lies: "12.3 +15 ms", the nearest beat's bar and number in it, and how far after it. Beats before the
 * first downbeat are bar 0. */
static void print_place(const loris_rhythm_info *r, double time) {
    size_t nearest = 0, bar = 0, in_bar = 1;
    if (!has_pulse(r))
        return;
    for (size_t i = 1; i < r->beat_count; i++)
        if (fabs(r->beats[i] - time) < fabs(r->beats[nearest] - time))
            nearest = i;
    const double beat = r->beats[nearest], slack = 1e-6;
    while (bar < r->downbeat_count && r->downbeats[bar] <= beat + slack)
        bar++;
    for (size_t i = 0; i < nearest; i++)
        in_bar += r->beats[i] <= beat && (bar == 0 || r->beats[i] >= r->downbeats[bar - 1] - slack);
    printf("  %4zu.%zu %+5.0f ms", bar, in_bar, 1000 * (time - beat));
}

static void print_event(const loris_rhythm_info *r, const loris_event *e) {
    enum { BAR = 20 };
    static const char bar[] = "####################";
    int filled = (int)lround(e->strength * BAR);
    printf("%9.3f  %-6s  %.2f %-*.*s", e->time, e->impact ? "impact" : "onset", e->strength, BAR,
           filled < 0 ? 0 : filled, bar);
    print_place(r, e->time);
    putchar('\n');
}

static void print_table(const char *video, const loris_rhythm_info *r) {
    size_t cut = 0;
    print_summary(video, r);
    if (r->event_count + r->cut_count == 0)
        return;
    printf("\n%9s  %-6s  %-25s%s\n", "seconds", "event", "strength", has_pulse(r) ? "  bar.beat" : "");
    for (size_t i = 0; i <= r->event_count; i++) {
        for (; cut < r->cut_count && (i == r->event_count || r->cuts[cut] <= r->events[i].time); cut++) {
            printf("%9.3f  %-6s  %-25s", r->cuts[cut], "cut", "");
            print_place(r, r->cuts[cut]);
            putchar('\n');
        }
        if (i < r->event_count)
            print_event(r, &r->events[i]);
    }
}

/* ---- the run ----------------------------------------------------------------------------------------------------- */

static loris_status write_files(const rhythm_arguments *a, const loris_rhythm *rhythm) {
    loris_status status = a->output ? loris_rhythm_write_json(rhythm, a->output) : LORIS_OK;
    if (status == LORIS_OK && a->svg) {
        progress_update(NULL, "draw", 0, 0);
        status = loris_rhythm_write_svg(rhythm, a->svg);
    }
    return status;
}

static loris_status print(const rhythm_arguments *a, const char *video, const loris_rhythm *rhythm) {
    loris_rhythm_info info;
    char *json;
    loris_rhythm_describe(rhythm, &info);
    if (a->json) {
        loris_status status = loris_rhythm_json(rhythm, &json);
        if (status != LORIS_OK)
            return status;
        fputs(json, stdout);
        loris_free(json);
    } else if (!a->output && !a->svg) {
        print_table(video, &info);
    } else if (!a->quiet) {
        print_summary(video, &info);
    }
    return LORIS_OK;
}

static loris_status watch_joints(loris_engine *engine, const char *model, const char *video, loris_rhythm **rhythm) {
    loris_poses *poses = NULL;
    loris_status status = loris_poses_watch(engine, model, video, progress_update, NULL, &poses);
    if (status == LORIS_OK)
        status = loris_poses_rhythm(poses, rhythm);
    loris_poses_free(poses);
    return status;
}

/* `eyes` is NULL unless the rhythm is that of joints. */
static loris_status watch(const rhythm_arguments *a, const char *eyes, const char *video) {
    loris_engine *engine = NULL;
    loris_rhythm *rhythm = NULL;
    progress_begin(a->quiet, a->verbose);
    loris_status status = loris_engine_open(&engine, &a->engine);
    if (status == LORIS_OK)
        status = eyes ? watch_joints(engine, eyes, video, &rhythm)
                      : loris_watch(engine, video, progress_update, NULL, &rhythm);
    if (status == LORIS_OK)
        status = write_files(a, rhythm);
    progress_end(status == LORIS_OK);
    if (status == LORIS_OK)
        status = print(a, video, rhythm);
    loris_rhythm_free(rhythm);
    loris_engine_close(engine);
    return status;
}

static int run(int argc, char **argv) {
    rhythm_arguments a = {.eyes = DEFAULT_EYES};
    const char *video;
    int exit_status;
    char *eyes = NULL;
    loris_engine_defaults(&a.engine);
    if (!parse_options(&command_rhythm, argc, argv, &a, &video, &exit_status))
        return exit_status;
    show_messages(a.quiet, a.verbose);
    exit_status = check_video(video);
    if (exit_status == EXIT_DONE)
        exit_status = check_names((const char *const[]){video, a.output, a.svg}, 3);
    if (exit_status != EXIT_DONE)
        return exit_status;
    if (a.from == LORIS_RHYTHM_POSE && !(eyes = find_model(a.eyes, false)))
        return EXIT_INPUT;
    loris_status status = watch(&a, eyes, video);
    free(eyes);
    return status == LORIS_OK ? EXIT_DONE : complain_library(status);
}
