/* loris-cl poses: where the joints of the person in a video are. */
#include <stdlib.h>

#include "cli.h"
#include "loris/poses.h"

typedef struct poses_arguments {
    loris_engine_settings engine;
    const char *output, *eyes;
    bool json, quiet, verbose;
} poses_arguments;

static int run(int argc, char **argv);

static const option options[] = {{.kind = OPTION_FILE,
                                  .letter = 'o',
                                  .name = "output",
                                  .argument = "FILE.npy",
                                  .field = offsetof(poses_arguments, output),
                                  .help = "write the poses as .npy",
                                  .detail = "[rows, 17, 3]: x and y in pixels and score of COCO's key points, 16 rows "
                                            "a second; 'run --pose' and 'infer' take it"},
                                 OPTION_JSON(poses_arguments, "the poses"),
                                 OPTION_EYES(poses_arguments),
                                 OPTION_DEVICE(poses_arguments),
                                 OPTION_BACKEND(poses_arguments),
                                 OPTION_PRECISION(poses_arguments),
                                 OPTION_KERNELS(poses_arguments),
                                 OPTION_QUIET(poses_arguments),
                                 OPTION_VERBOSE(poses_arguments),
                                 OPTIONS_STANDARD};

const command command_poses = {.name = "poses",
                               .summary = "find the joints of the person in a video",
                               .description =
                                   "Follows the person that each shot of a video is about (large, near the middle, "
                                   "moving) with MoveNet and tells where "
                                   "the 17 key points of COCO are, 16 times a second. A joint that is not seen (score "
                                   "below 0.3) keeps its last place; where "
                                   "nobody is seen all is 0. Prints a summary unless --json asks for all of it.",
                               .options = options,
                               .operand = {.name = "VIDEO", .required = true, .kind = OPTION_FILE},
                               .run = run};

static void print_summary(const char *video, const loris_poses_info *info) {
    char name[4096];
    snprintf(name, sizeof name, "%s", video);
    make_printable(name);
    printf("%s: %.1f s, %zu rows, somebody is followed in %.0f %% of %zu frames, %zu cut%s\n", name, info->duration,
           info->row_count, 100 * info->followed, info->frames, info->cut_count, info->cut_count == 1 ? "" : "s");
    if (*info->note)
        printf("%s\n", info->note);
}

static void tell_times(const loris_poses_info *info) {
    const double each = info->frames ? 1000.0 / (double)info->frames : 0;
    fprintf(stderr,
            "%zu looks at %zu frames; a frame: %.1f ms of looking, %.1f ms of waiting for the decoder; %.1f MB on the "
            "device\n",
            info->looks, info->frames, each * info->look_seconds, each * info->decode_seconds,
            1e-6 * (double)info->device_memory);
}

static loris_status report(const poses_arguments *a, const char *video, const loris_poses *poses) {
    loris_poses_info info;
    char *json;
    loris_poses_describe(poses, &info);
    if (a->verbose)
        tell_times(&info);
    if (a->json) {
        loris_status status = loris_poses_json(poses, &json);
        if (status != LORIS_OK)
            return status;
        fputs(json, stdout);
        loris_free(json);
    } else if (!a->quiet) {
        print_summary(video, &info);
    }
    return LORIS_OK;
}

static loris_status watch(const poses_arguments *a, const char *model, const char *video) {
    loris_engine *engine = NULL;
    loris_poses *poses = NULL;
    progress_begin(a->quiet, a->verbose);
    loris_status status = loris_engine_open(&engine, &a->engine);
    if (status == LORIS_OK)
        status = loris_poses_watch(engine, model, video, progress_update, NULL, &poses);
    if (status == LORIS_OK && a->output)
        status = loris_poses_write_npy(poses, a->output);
    progress_end(status == LORIS_OK);
    if (status == LORIS_OK)
        status = report(a, video, poses);
    loris_poses_free(poses);
    loris_engine_close(engine);
    return status;
}

static int run(int argc, char **argv) {
    poses_arguments a = {.eyes = DEFAULT_EYES};
    const char *video;
    int exit_status;
    loris_engine_defaults(&a.engine);
    if (!parse_options(&command_poses, argc, argv, &a, &video, &exit_status))
        return exit_status;
    show_messages(a.quiet, a.verbose);
    exit_status = check_video(video);
    if (exit_status == EXIT_DONE)
        exit_status = check_names((const char *const[]){video, a.output}, 2);
    if (exit_status != EXIT_DONE)
        return exit_status;
    char *model = find_model(a.eyes, false);
    if (!model)
        return EXIT_INPUT;
    loris_status status = watch(&a, model, video);
    free(model);
    return finish_output(status == LORIS_OK ? EXIT_DONE : complain_library(status));
}
