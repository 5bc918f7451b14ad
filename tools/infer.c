/* loris-cl infer: the sound of clips whose features are known, with a LORIS checkpoint, as its authors' scripts do. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"

typedef struct infer_arguments {
    loris_engine_settings engine;
    loris_infer_settings settings;
    const char *model, *list_i3d, *list_pose, *genre, *out;
    bool json, quiet, verbose;
} infer_arguments;

static int run(int argc, char **argv);

static const option_word samplers[] = {{"adpm2", 0}, {"aeuler", 0}, {"heun", 0}, {"dpmpp2m", 0}, {NULL, 0}};
static const option_word starts[] = {{"seed", 0}, {"zeros", 1}, {NULL, 0}};

static const option options[] = {{.kind = OPTION_HEADING, .help = "Input and output"},
                                 {.kind = OPTION_FILE,
                                  .name = "list-i3d",
                                  .argument = "FILE",
                                  .field = offsetof(infer_arguments, list_i3d),
                                  .help = "a list of I3D features, a .npy file a line",
                                  .detail = "relative to the list's folder; required"},
                                 {.kind = OPTION_FILE,
                                  .name = "list-pose",
                                  .argument = "FILE",
                                  .field = offsetof(infer_arguments, list_pose),
                                  .help = "a list of poses, line N belonging to line N of the other",
                                  .detail = "required"},
                                 {.kind = OPTION_FILE,
                                  .name = "genre",
                                  .argument = "FILE",
                                  .field = offsetof(infer_arguments, genre),
                                  .help = "a .npy file of genres, one-hot rows or numbers",
                                  .detail = "for models that attend to genres"},
                                 {.kind = OPTION_FOLDER,
                                  .name = "out",
                                  .argument = "DIR",
                                  .field = offsetof(infer_arguments, out),
                                  .help = "where generated_1.wav and so on are written",
                                  .fallback = "the current folder"},
                                 OPTION_JSON(infer_arguments, "a report"),

                                 {.kind = OPTION_HEADING, .help = "Network"},
                                 {.kind = OPTION_WORD,
                                  .name = "preset",
                                  .argument = "NAME",
                                  .field = offsetof(infer_arguments, settings.preset),
                                  .words = preset_words,
                                  .help = "the published settings of a dataset",
                                  .fallback = "dance_s25, or fe_s50 where the model is for 50 s"},
                                 {.kind = OPTION_FILE,
                                  .name = "model",
                                  .argument = "FILE",
                                  .field = offsetof(infer_arguments, model),
                                  .help = "a checkpoint that `convert` has made a model",
                                  .detail = "required"},
                                 {.kind = OPTION_SEED,
                                  .name = "seed",
                                  .argument = "N",
                                  .field = offsetof(infer_arguments, settings.seed),
                                  .help = "start of all chance",
                                  .detail = "of the first clip; the following have the following ones",
                                  .fallback = "a new one, which is printed"},
                                 {.kind = OPTION_INTEGER,
                                  .name = "steps",
                                  .argument = "N",
                                  .field = offsetof(infer_arguments, settings.steps),
                                  .low = 2,
                                  .high = 1000,
                                  .help = "steps of denoising",
                                  .fallback = "the preset's"},
                                 {.kind = OPTION_WORD,
                                  .name = "sampler",
                                  .argument = "NAME",
                                  .field = offsetof(infer_arguments, settings.sampler),
                                  .words = samplers,
                                  .help = "the sampler",
                                  .fallback = "adpm2, as published"},
                                 {.kind = OPTION_NUMBER,
                                  .name = "guidance",
                                  .argument = "X",
                                  .field = offsetof(infer_arguments, settings.guidance),
                                  .low = 0,
                                  .high = 100,
                                  .help = "scale of classifier-free guidance",
                                  .fallback = "the preset's"},
                                 {.kind = OPTION_INTEGER,
                                  .name = "batch",
                                  .argument = "N",
                                  .field = offsetof(infer_arguments, settings.batch),
                                  .low = 1,
                                  .high = 64,
                                  .help = "clips made side by side",
                                  .detail = "more take as much more memory; the sound is the same",
                                  .fallback = "1"},
                                 {.kind = OPTION_FLAG,
                                  .name = "pad-tail",
                                  .field = offsetof(infer_arguments, settings.pad_tail),
                                  .help = "fill clips up with their own end",
                                  .detail = "as published; otherwise all of a clip is generated"},
                                 {.kind = OPTION_SWITCH,
                                  .name = "lstm-init",
                                  .argument = "seed|zeros",
                                  .field = offsetof(infer_arguments, settings.lstm_zeros),
                                  .words = starts,
                                  .help = "what the visual encoder starts from",
                                  .fallback = "seed: noise, as published"},

                                 {.kind = OPTION_HEADING, .help = "Device"},
                                 OPTION_DEVICE(infer_arguments),
                                 OPTION_BACKEND(infer_arguments),
                                 OPTION_PRECISION(infer_arguments),
                                 OPTION_KERNELS(infer_arguments),

                                 {.kind = OPTION_HEADING, .help = "General"},
                                 OPTION_QUIET(infer_arguments),
                                 OPTION_VERBOSE(infer_arguments),
                                 OPTIONS_STANDARD};

const command command_infer = {
    .name = "infer",
    .summary = "make the sound of clips from their features",
    .description =
        "Runs a LORIS checkpoint over lists in the layout of its datasets: I3D features and 2-D poses of each clip, "
        "with the published settings of the dataset. Sounds made before a failure stay.",
    .options = options,
    .operand = {.name = NULL},
    .run = run};

const option_word preset_words[] = {{"dance_s25", 0}, {"fe_s25", 0}, {"fe_s50", 0},
                                    {"fs_s25", 0},    {"fs_s50", 0}, {NULL, 0}};

static int infer(const infer_arguments *a) {
    loris_engine *engine = NULL;
    loris_clip *clips = NULL;
    loris_infer_report report;
    size_t count;
    loris_status status = loris_clips_read(&clips, &count, a->list_i3d, a->list_pose, a->genre, a->out);
    progress_begin(a->quiet, a->verbose);
    if (status == LORIS_OK)
        status = loris_engine_open(&engine, &a->engine);
    if (status == LORIS_OK)
        status = loris_infer(engine, &a->settings, clips, count, &report);
    progress_end(status == LORIS_OK);
    loris_engine_close(engine);
    loris_free(clips);
    if (status != LORIS_OK)
        return complain_library(status);
    if (a->json) {
        printf("{\"clips\": %zu, \"evaluations\": %d, \"seed\": %llu, \"pose_seconds\": ", report.clips,
               report.evaluations, (unsigned long long)a->settings.seed);
        print_json_number(report.pose_seconds);
        fputs(", \"seconds\": ", stdout);
        print_json_number(report.seconds);
        fputs(", \"gflop\": ", stdout);
        print_json_number(report.gflop);
        printf(", \"device_memory\": %zu}\n", report.device_memory);
    } else if (!a->quiet)
        printf("%zu clips in %s, %d evaluations each, seed %llu, made in %.1f s\n", report.clips, a->out,
               report.evaluations, (unsigned long long)a->settings.seed, report.seconds);
    return finish_output(EXIT_DONE);
}

static int run(int argc, char **argv) {
    infer_arguments a = {.out = "."};
    int status;
    loris_engine_defaults(&a.engine);
    loris_infer_defaults(&a.settings);
    a.settings.seed = new_seed();
    a.settings.progress = progress_update;
    if (!parse_options(&command_infer, argc, argv, &a, NULL, &status))
        return status;
    show_messages(a.quiet, a.verbose);
    if (!a.model)
        return complain(EXIT_USAGE, "make one from a published checkpoint with 'loris-cl convert'",
                        "--model is missing");
    if (!a.list_i3d || !a.list_pose)
        return complain(EXIT_USAGE, "see 'loris-cl help infer'", "--list-i3d and --list-pose are both needed");
    a.settings.model = a.model;
    if (mkdir(a.out, 0777) != 0 && errno != EEXIST)
        return complain(EXIT_OUTPUT, "does the folder it shall be in exist, and may you write there?", "%s: %s", a.out,
                        strerror(errno));
    return infer(&a);
}
