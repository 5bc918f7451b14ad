/* loris-cl prepare: a dataset in LORIS' layout from videos with sound. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "loris/prepare.h"

typedef struct prepare_arguments {
    loris_engine_settings engine;
    loris_prepare_settings settings;
    const char *i3d_model, *eyes, *shard;
    bool json, quiet, verbose;
} prepare_arguments;

static int run(int argc, char **argv);

static const option_word segments[] = {{"25", 25}, {"50", 50}, {NULL, 0}};

static const option options[] = {
    {.kind = OPTION_HEADING, .help = "Input and output"},
    {.kind = OPTION_FOLDER,
     .name = "videos",
     .argument = "DIR",
     .field = offsetof(prepare_arguments, settings.videos),
     .help = "the videos, also in subfolders",
     .detail = "required"},
    {.kind = OPTION_FOLDER,
     .name = "out",
     .argument = "DIR",
     .field = offsetof(prepare_arguments, settings.out),
     .help = "where the dataset is made",
     .detail = "audio_s25, i3d_s25, pose2d_s25 and six lists; required"},
    {.kind = OPTION_ENUM,
     .name = "segment",
     .argument = "SECONDS",
     .field = offsetof(prepare_arguments, settings.segment),
     .words = segments,
     .help = "the length of a clip",
     .fallback = "25"},
    {.kind = OPTION_FLAG,
     .name = "pad",
     .field = offsetof(prepare_arguments, settings.pad),
     .help = "keep rests that are shorter than a clip",
     .detail = "their last picture stays, their sound is silence; otherwise they are left out"},
    {.kind = OPTION_NUMBER,
     .name = "test-share",
     .argument = "X",
     .field = offsetof(prepare_arguments, settings.test_share),
     .low = 0,
     .high = 1,
     .help = "the share of videos that goes to the test lists",
     .detail = "whole videos, and all cameras of a take together",
     .fallback = "0.1"},
    OPTION_JSON(prepare_arguments, "a report"),

    {.kind = OPTION_HEADING, .help = "Distribution"},
    {.kind = OPTION_INTEGER,
     .name = "jobs",
     .argument = "N",
     .field = offsetof(prepare_arguments, settings.jobs),
     .low = 1,
     .high = 64,
     .help = "videos at a time",
     .detail = "more keep a fast device busy; each takes its own memory",
     .fallback = "1"},
    {.kind = OPTION_TEXT,
     .name = "shard",
     .argument = "K/N",
     .field = offsetof(prepare_arguments, shard),
     .help = "do part K of N",
     .detail = "all parts give the files of one process; the last to end writes the lists",
     .fallback = "what mpirun or Slurm say, else 1/1"},

    {.kind = OPTION_HEADING, .help = "Networks"},
    {.kind = OPTION_FILE,
     .name = "i3d-model",
     .argument = "NAME|FILE",
     .field = offsetof(prepare_arguments, i3d_model),
     .help = "the I3D that watches the videos",
     .detail = "as tools/get-i3d.sh or 'loris-cl convert' makes it",
     .fallback = DEFAULT_I3D},
    OPTION_EYES(prepare_arguments),

    {.kind = OPTION_HEADING, .help = "Device"},
    OPTION_DEVICE(prepare_arguments),
    OPTION_BACKEND(prepare_arguments),
    OPTION_PRECISION(prepare_arguments),
    OPTION_KERNELS(prepare_arguments),

    {.kind = OPTION_HEADING, .help = "General"},
    OPTION_QUIET(prepare_arguments),
    OPTION_VERBOSE(prepare_arguments),
    OPTIONS_STANDARD};

const command command_prepare = {
    .name = "prepare",
    .summary = "make a dataset of videos with sound",
    .description =
        "Cuts videos into clips of 25 or 50 s in the layout of LORIS' datasets: sound, I3D features, 2-D poses, and "
        "lists for training and test. Run again after an interruption, it goes on where it was. Videos that cannot be "
        "used are named and skipped.",
    .options = options,
    .operand = {.name = NULL},
    .run = run};

/* ---- shards -------------------------------------------------------------------------------------------------------
 */

/* "3/8" */
static bool read_shard(const char *text, int *shard, int *shards) {
    char *end;
    const long k = strtol(text, &end, 10);
    if (end == text || *end != '/')
        return false;
    const char *second = end + 1;
    const long n = strtol(second, &end, 10);
    if (end == second || *end || k < 1 || n < k || n > 1000000)
        return false;
    *shard = (int)k;
    *shards = (int)n;
    return true;
}

/* A process of several under mpirun (Open MPI; MPICH and others by PMI) or Slurm is one shard. Ranks count from 0. */
static bool shard_of_environment(int *shard, int *shards) {
    static const char *const names[][2] = {
        {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"}, {"PMI_RANK", "PMI_SIZE"}, {"SLURM_PROCID", "SLURM_NTASKS"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *rank = getenv(names[i][0]), *size = getenv(names[i][1]);
        char *rank_end, *size_end;
        if (!rank || !size)
            continue;
        const long k = strtol(rank, &rank_end, 10), n = strtol(size, &size_end, 10);
        if (!*rank || *rank_end || !*size || *size_end || k < 0 || n <= k || n > 1000000)
            return false;
        *shard = (int)k + 1;
        *shards = (int)n;
        return true;
    }
    return true;
}

static int find_shard(prepare_arguments *a) {
    loris_prepare_settings *s = &a->settings;
    if (a->shard && !read_shard(a->shard, &s->shard, &s->shards))
        return complain(EXIT_USAGE, "give it as 3/8, the third of eight", "--shard %s is no part of a whole", a->shard);
    if (!a->shard && !shard_of_environment(&s->shard, &s->shards))
        return complain(EXIT_USAGE, "give --shard K/N", "the environment names a process that is none of its number");
    return EXIT_DONE;
}

/* ---- the run ------------------------------------------------------------------------------------------------------
 */

static void tell_skipped(void *user, const char *video, const char *why) {
    (void)user;
    (void)video;
    char text[1024];
    snprintf(text, sizeof text, "%s", why);
    make_printable(text);
    progress_hide();
    fprintf(stderr, PROGRAM ": skipped: %s\n", text);
}

static void print_report(const prepare_arguments *a, const loris_prepare_report *r) {
    const loris_prepare_settings *s = &a->settings;
    if (a->json) {
        printf("{\"shard\": %d, \"shards\": %d, \"videos\": %zu, \"made\": %zu, \"found\": %zu, \"skipped\": %zu, "
               "\"clips\": %zu, \"complete\": %s, \"train\": %zu, \"test\": %zu, \"seconds\": ",
               s->shard, s->shards, r->videos, r->made, r->found, r->skipped, r->clips, r->complete ? "true" : "false",
               r->train, r->test);
        print_json_number(r->seconds);
        puts("}");
        return;
    }
    if (a->quiet)
        return;
    printf("%zu videos: %zu prepared, %zu were there, %zu skipped; %zu clips (%.1f s)\n", r->videos, r->made, r->found,
           r->skipped, r->clips, r->seconds);
    if (r->complete)
        printf("lists written: %zu clips to train on, %zu to test with\n", r->train, r->test);
    else
        puts("the lists are written by the last shard to end");
}

static int prepare(prepare_arguments *a) {
    loris_prepare_report report;
    a->settings.progress = progress_update;
    a->settings.skipped = tell_skipped;
    progress_begin(a->quiet, a->verbose);
    loris_status status = loris_prepare(&a->engine, &a->settings, &report);
    progress_end(status == LORIS_OK);
    if (status != LORIS_OK)
        return complain_library(status);
    print_report(a, &report);
    if (report.complete && report.train + report.test == 0)
        return complain(EXIT_INPUT, "the reasons stand above", "no video could be used");
    return finish_output(EXIT_DONE);
}

static int run(int argc, char **argv) {
    prepare_arguments a = {.i3d_model = DEFAULT_I3D, .eyes = DEFAULT_EYES};
    int status;
    loris_engine_defaults(&a.engine);
    loris_prepare_defaults(&a.settings);
    a.settings.segment = 25;
    if (!parse_options(&command_prepare, argc, argv, &a, NULL, &status))
        return status;
    show_messages(a.quiet, a.verbose);
    if (!a.settings.videos || !a.settings.out)
        return complain(EXIT_USAGE, "see 'loris-cl help prepare'", "--videos and --out are both needed");
    if ((status = find_shard(&a)) != EXIT_DONE)
        return status;
    char *i3d = find_i3d(a.i3d_model), *eyes = i3d ? find_model(a.eyes, false) : NULL;
    a.settings.i3d_model = i3d;
    a.settings.pose_model = eyes;
    status = i3d && eyes ? prepare(&a) : EXIT_INPUT;
    free(i3d);
    free(eyes);
    return status;
}
