/* loris-cl run: the soundtrack of a video. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

typedef struct run_arguments {
    loris_engine_settings engine;
    loris_settings settings;
    const char *model, *output;
    const char *i3d, *pose, *preset; /* for LORIS checkpoints: the features of the video */
    const char *i3d_model, *eyes;    /* ... or what sees them */
    bool no_cache;
    int genre;
    int takes;
    bool json, quiet, verbose;
} run_arguments;

static int run(int argc, char **argv);

static const option_word styles[] = {{"auto", 0},    {"house", 0},      {"hiphop", 0}, {"pop", 0},
                                     {"funk", 0},    {"rock", 0},       {"jazz", 0},   {"latin", 0},
                                     {"ambient", 0}, {"orchestral", 0}, {"free", 0},   {NULL, 0}};
static const option_word samplers[] = {{"dpmpp2m", 0}, {"adpm2", 0}, {"aeuler", 0}, {"heun", 0}, {NULL, 0}};
static const option_word tempi[] = {{"auto", LORIS_BPM_AUTO}, {"free", LORIS_BPM_FREE}, {NULL, 0}};
static const option_word on_off[] = {{"on", 1}, {"off", 0}, {NULL, 0}};

static const option options[] = {
    {.kind = OPTION_HEADING, .help = "Output"},
    {.kind = OPTION_FILE,
     .letter = 'o',
     .name = "output",
     .argument = "FILE",
     .field = offsetof(run_arguments, output),
     .help = "where to write",
     .detail = ".mp4 .mkv .mov copy the video's packets untouched beside the soundtrack, .wav .flac .ogg hold the "
               "sound alone",
     .fallback =
         "VIDEO's name with \"-soundtrack.mp4\", in the current folder; with several videos, the folder for these"},
    {.kind = OPTION_NUMBER,
     .letter = 't',
     .name = "duration",
     .argument = "SECONDS",
     .field = offsetof(run_arguments, settings.duration),
     .low = 0.5,
     .high = 600,
     .help = "only this much of the video's beginning",
     .detail = "for a quick look; the video's packets are still copied untouched, so a few pictures more may show",
     .fallback = "all of it"},
    {.kind = OPTION_FILE,
     .name = "midi-out",
     .argument = "FILE",
     .field = offsetof(run_arguments, settings.midi_out),
     .help = "write the composed score as a MIDI file"},
    {.kind = OPTION_FILE,
     .name = "rhythm-out",
     .argument = "FILE",
     .field = offsetof(run_arguments, settings.rhythm_out),
     .help = "write what was seen",
     .detail = "tempo, beats, cuts and events, as JSON"},
    OPTION_JSON(run_arguments, "a report"),

    {.kind = OPTION_HEADING, .help = "Music"},
    {.kind = OPTION_SEED,
     .name = "seed",
     .argument = "N",
     .field = offsetof(run_arguments, settings.seed),
     .help = "start of all chance",
     .detail = "the same seed, device and options give the same samples, another seed another piece",
     .fallback = "a new one, which is printed"},
    {.kind = OPTION_INTEGER,
     .name = "takes",
     .argument = "N",
     .field = offsetof(run_arguments, takes),
     .low = 2,
     .high = LORIS_TAKES_MAX,
     .help = "make several soundtracks to choose from",
     .detail = "with seeds that count up, as NAME-take1.mp4 and so on, and NAME-takes.html to listen to them",
     .fallback = "one"},
    {.kind = OPTION_WORD,
     .name = "style",
     .argument = "NAME",
     .field = offsetof(run_arguments, settings.style),
     .words = styles,
     .help = "the style of the music",
     .fallback = "auto, chosen by tempo and energy"},
    {.kind = OPTION_NUMBER,
     .name = "bpm",
     .argument = "auto|free|X",
     .field = offsetof(run_arguments, settings.bpm),
     .low = 30,
     .high = 300,
     .words = tempi,
     .help = "the tempo in beats a minute",
     .detail = "free is without a pulse",
     .fallback = "auto, the video's own"},
    {.kind = OPTION_NUMBER,
     .name = "follow",
     .argument = "X",
     .field = offsetof(run_arguments, settings.follow),
     .low = 0,
     .high = 1,
     .help = "how strictly what is seen rules the music",
     .detail = "at 1 each event is heard, below 1 the strongest share and nearer to the beat, at 0 none",
     .fallback = "1"},
    {.kind = OPTION_SWITCH,
     .name = "score",
     .argument = "on|off",
     .field = offsetof(run_arguments, settings.score),
     .words = on_off,
     .help = "play the composed score",
     .detail = "with off, the network follows the rhythm alone",
     .fallback = "on"},
    {.kind = OPTION_FILE,
     .name = "rhythm",
     .argument = "FILE",
     .field = offsetof(run_arguments, settings.rhythm_in),
     .help = "follow this file instead of watching the video",
     .detail = "as --rhythm-out writes it, edited"},
    OPTION_RHYTHM_FROM(run_arguments, settings.rhythm_from),
    OPTION_EYES(run_arguments),
    {.kind = OPTION_NUMBER,
     .name = "keep-audio",
     .argument = "GAIN",
     .field = offsetof(run_arguments, settings.keep_audio),
     .low = 0,
     .high = 4,
     .help = "mix the video's own sound in at this gain",
     .fallback = "0, not at all"},
    {.kind = OPTION_FLAG,
     .name = "duck",
     .field = offsetof(run_arguments, settings.duck),
     .help = "lower the music under speech",
     .detail = "that of the video's own sound, with --keep-audio"},

    {.kind = OPTION_HEADING, .help = "Network"},
    OPTION_MODEL(run_arguments),
    {.kind = OPTION_INTEGER,
     .name = "steps",
     .argument = "N",
     .field = offsetof(run_arguments, settings.steps),
     .low = 2,
     .high = 1000,
     .help = "steps of denoising",
     .detail = "more take longer and sound finer",
     .fallback = "the model's"},
    {.kind = OPTION_WORD,
     .name = "sampler",
     .argument = "NAME",
     .field = offsetof(run_arguments, settings.sampler),
     .words = samplers,
     .help = "the sampler",
     .fallback = "the model's"},
    {.kind = OPTION_NUMBER,
     .name = "guidance",
     .argument = "X",
     .field = offsetof(run_arguments, settings.guidance),
     .low = 0,
     .high = 100,
     .help = "scale of classifier-free guidance",
     .detail = "1 is none",
     .fallback = "the model's"},

    {.kind = OPTION_HEADING, .help = "LORIS checkpoints"},
    {.kind = OPTION_FILE,
     .name = "i3d",
     .argument = "FILE",
     .field = offsetof(run_arguments, i3d),
     .help = "the video's I3D features, a .npy file",
     .detail = "with --pose; without either, a checkpoint as --model sees the video itself; --seed, --steps, "
               "--sampler and --guidance apply"},
    {.kind = OPTION_FILE,
     .name = "pose",
     .argument = "FILE",
     .field = offsetof(run_arguments, pose),
     .help = "the video's 2-D poses, a .npy file"},
    {.kind = OPTION_INTEGER,
     .name = "genre",
     .argument = "N",
     .field = offsetof(run_arguments, genre),
     .low = 0,
     .high = 1000,
     .help = "the genre's number, for models that attend to genres"},
    {.kind = OPTION_WORD,
     .name = "preset",
     .argument = "NAME",
     .field = offsetof(run_arguments, preset),
     .words = preset_words,
     .help = "the published settings of a dataset",
     .fallback = "dance_s25, or fe_s50 where the model is for 50 s"},

    {.kind = OPTION_FILE,
     .name = "i3d-model",
     .argument = "NAME|FILE",
     .field = offsetof(run_arguments, i3d_model),
     .help = "the I3D that watches the video",
     .detail = "as tools/get-i3d.sh or 'loris-cl convert' makes it",
     .fallback = DEFAULT_I3D},
    {.kind = OPTION_FLAG,
     .name = "no-cache",
     .field = offsetof(run_arguments, no_cache),
     .help = "neither use nor keep features of an earlier run"},

    {.kind = OPTION_HEADING, .help = "Device"},
    OPTION_DEVICE(run_arguments),
    OPTION_BACKEND(run_arguments),
    OPTION_PRECISION(run_arguments),
    OPTION_KERNELS(run_arguments),

    {.kind = OPTION_HEADING, .help = "General"},
    OPTION_QUIET(run_arguments),
    OPTION_VERBOSE(run_arguments),
    OPTIONS_STANDARD};

const command command_run = {
    .name = "run",
    .summary = "give a video its soundtrack",
    .description =
        "Watches a video and composes its soundtrack with a diffusion network, on any OpenCL device. The music follows "
        "what moves: hits fall on movements, the tempo is the video's, sections follow cuts and energy.\n\n"
        "With several videos, each device (-d 0,1) makes one soundtrack at a time while the next videos are already "
        "watched; --output, --midi-out and --rhythm-out then name folders. A video that fails loses no other; the exit "
        "status is that of the first that failed. A single video's windows are shared out over the devices. The "
        "samples are those that one device makes, if all are of its kind.\n\n"
        "Outputs are complete or absent: they are written beside their place and renamed at the end, so an existing "
        "file is replaced only on success. Ctrl-C stops within a second and leaves nothing behind.",
    .options = options,
    .operand = {.name = "VIDEO", .required = true, .kind = OPTION_FILE, .many = true},
    .run = run};

/* ---- names of files ---------------------------------------------------------------------------------------------- */

/* "path/dance.webm" -> "dance-soundtrack.mp4"; free() it. */
static char *default_output(const char *video) {
    static const char ending[] = "-soundtrack.mp4";
    const char *slash = strrchr(video, '/'), *base = slash ? slash + 1 : video, *dot = strrchr(base, '.');
    size_t length = dot && dot > base ? (size_t)(dot - base) : strlen(base);
    char *output = malloc(length + sizeof ending);
    if (output) {
        memcpy(output, base, length);
        memcpy(output + length, ending, sizeof ending);
    }
    return output;
}

/* ---- what is printed at the end ---------------------------------------------------------------------------------- */

typedef enum report_type { REPORT_TEXT, REPORT_INT, REPORT_SIZE, REPORT_DOUBLE } report_type;

static const struct {
    const char *name;
    report_type type;
    size_t field;
} report_fields[] = {{"device", REPORT_TEXT, offsetof(loris_report, device)},
                     {"model", REPORT_TEXT, offsetof(loris_report, model)},
                     {"model_hash", REPORT_TEXT, offsetof(loris_report, model_hash)},
                     {"style", REPORT_TEXT, offsetof(loris_report, style)},
                     {"sampler", REPORT_TEXT, offsetof(loris_report, sampler)},
                     {"steps", REPORT_INT, offsetof(loris_report, steps)},
                     {"windows", REPORT_INT, offsetof(loris_report, windows)},
                     {"guidance", REPORT_DOUBLE, offsetof(loris_report, guidance)},
                     {"duration", REPORT_DOUBLE, offsetof(loris_report, duration)},
                     {"bpm", REPORT_DOUBLE, offsetof(loris_report, bpm)},
                     {"tempo_confidence", REPORT_DOUBLE, offsetof(loris_report, tempo_confidence)},
                     {"events", REPORT_SIZE, offsetof(loris_report, events)},
                     {"beats", REPORT_SIZE, offsetof(loris_report, beats)},
                     {"cuts", REPORT_SIZE, offsetof(loris_report, cuts)},
                     {"notes", REPORT_SIZE, offsetof(loris_report, notes)},
                     {"watch_seconds", REPORT_DOUBLE, offsetof(loris_report, watch_seconds)},
                     {"compose_seconds", REPORT_DOUBLE, offsetof(loris_report, compose_seconds)},
                     {"denoise_seconds", REPORT_DOUBLE, offsetof(loris_report, denoise_seconds)},
                     {"phase_seconds", REPORT_DOUBLE, offsetof(loris_report, phase_seconds)},
                     {"write_seconds", REPORT_DOUBLE, offsetof(loris_report, write_seconds)},
                     {"total_seconds", REPORT_DOUBLE, offsetof(loris_report, total_seconds)},
                     {"denoise_gflop", REPORT_DOUBLE, offsetof(loris_report, denoise_gflop)},
                     {"device_memory", REPORT_SIZE, offsetof(loris_report, device_memory)},
                     {"gain_db", REPORT_DOUBLE, offsetof(loris_report, gain_db)},
                     {"lufs", REPORT_DOUBLE, offsetof(loris_report, lufs)},
                     {"true_peak_db", REPORT_DOUBLE, offsetof(loris_report, true_peak_db)},
                     {"note", REPORT_TEXT, offsetof(loris_report, note)}};

static void print_report(const char *video, const char *output, const loris_report *r) {
    fputs("{\"video\": ", stdout);
    print_json_string(video);
    fputs(", \"output\": ", stdout);
    print_json_string(output);
    printf(", \"version\": \"%s\", \"seed\": %llu", loris_version(), (unsigned long long)r->seed);
    for (size_t i = 0; i < sizeof report_fields / sizeof *report_fields; i++) {
        const void *field = (const char *)r + report_fields[i].field;
        printf(", \"%s\": ", report_fields[i].name);
        if (report_fields[i].type == REPORT_TEXT)
            print_json_string(field);
        else if (report_fields[i].type == REPORT_DOUBLE)
            print_json_number(*(const double *)field);
        else if (report_fields[i].type == REPORT_SIZE)
            printf("%zu", *(const size_t *)field);
        else
            printf("%d", *(const int *)field);
    }
    fputs(", \"joints\": [", stdout);
    for (size_t i = 0; i < r->joint_count; i++) {
        fputs(i ? ", [" : "[", stdout);
        print_json_number(r->joints[i].start);
        fputs(", ", stdout);
        print_json_number(r->joints[i].end);
        putchar(']');
    }
    fputs("]}", stdout);
}

static void print_summary(const char *output, const loris_report *r) {
    char tempo[32] = "no pulse", name[4096];
    snprintf(name, sizeof name, "%s", output);
    make_printable(name);
    if (r->bpm > 0)
        snprintf(tempo, sizeof tempo, "%.4g BPM", r->bpm);
    printf("%s: %.1f s, %s, %s, seed %llu, made in %.1f s (%.2g times real time)\n", name, r->duration, r->style, tempo,
           (unsigned long long)r->seed, r->total_seconds, r->duration / r->total_seconds);
}

void print_soundtrack(bool json, const char *video, const char *output, const loris_report *report) {
    if (json)
        print_report(video, output, report);
    else
        print_summary(output, report);
}

/* ---- the run ----------------------------------------------------------------------------------------------------- */

static void print_result(const run_arguments *a, const char *video, const take_list *takes,
                         const loris_report *reports) {
    for (size_t i = 0; i < takes->count; i++)
        if (a->json) {
            fputs(takes->count == 1 ? "" : i ? ",\n " : "[", stdout);
            print_report(video, takes->take[i].output, &reports[i]);
        } else if (!a->quiet) {
            print_summary(takes->take[i].output, &reports[i]);
        }
    if (a->json)
        puts(takes->count == 1 ? "" : "]");
    else if (!a->quiet && *reports->note)
        printf("%s\n", reports->note);
    if (takes->sheet && !a->json && !a->quiet) {
        char name[4096];
        snprintf(name, sizeof name, "%s", takes->sheet);
        make_printable(name);
        printf("%s: listen and choose\n", name);
    }
}

static int make_soundtracks(const run_arguments *a, const char *video, const take_list *takes) {
    loris_engine *engine = NULL;
    loris_report reports[LORIS_TAKES_MAX];
    progress_begin(a->quiet, a->verbose);
    loris_status status = loris_engine_open(&engine, &a->engine);
    if (status == LORIS_OK)
        status = loris_takes(engine, &a->settings, video, takes->take, takes->count, takes->sheet, reports);
    progress_end(status == LORIS_OK);
    loris_engine_close(engine);
    if (status != LORIS_OK)
        return complain_library(status);
    print_result(a, video, takes, reports);
    return EXIT_DONE;
}

/* A LORIS checkpoint: on features that were extracted elsewhere, or on those that are seen in the video. */
static int make_loris(const run_arguments *a, const char *video) {
    const clip_request request = {.engine = &a->engine,
                                  .settings = {.preset = a->preset,
                                               .model = a->settings.model,
                                               .seed = a->settings.seed,
                                               .steps = a->settings.steps,
                                               .sampler = a->settings.sampler,
                                               .guidance = a->settings.guidance},
                                  .video = video,
                                  .output = a->output,
                                  .i3d = a->i3d,
                                  .pose = a->pose,
                                  .i3d_model = a->i3d_model,
                                  .eyes = a->eyes,
                                  .genre = a->genre,
                                  .keep = !a->no_cache,
                                  .json = a->json,
                                  .quiet = a->quiet,
                                  .verbose = a->verbose};
    return make_clip(&request);
}

static int check_outputs(const run_arguments *a, const char *video, const take_list *takes) {
    const char *names[3 + 2 * LORIS_TAKES_MAX] = {video, a->settings.rhythm_out, takes->sheet};
    size_t count = 3;
    for (size_t i = 0; i < takes->count; i++) {
        names[count++] = takes->take[i].output;
        names[count++] = takes->take[i].midi_out;
    }
    return check_names(names, count);
}

static bool list_takes(take_list *takes, const run_arguments *a, int argc, char **argv) {
    static const char *const without[] = {"seed", "takes", NULL};
    bool listed = take_list_make(takes, (size_t)a->takes, a->settings.seed, a->output, a->settings.midi_out);
    for (size_t i = 0; listed && i < takes->count; i++) {
        char with[48];
        snprintf(with, sizeof with, "--seed %llu", (unsigned long long)takes->take[i].seed);
        takes->take[i].command = repeat_options(&command_run, argc, argv, with, without);
        listed = takes->take[i].command != NULL;
    }
    return listed;
}

/* Several videos, or several devices. */
static int make_several(const run_arguments *a, const char *const *videos) {
    size_t count = 0;
    while (videos[count])
        count++;
    if (a->takes > 1 || a->settings.rhythm_in)
        return complain(EXIT_USAGE, "name one video and one device", "%s is for one video on one device",
                        a->takes > 1 ? "--takes" : "--rhythm");
    const batch_options batch = {.engine = &a->engine,
                                 .settings = &a->settings,
                                 .output = a->output,
                                 .json = a->json,
                                 .quiet = a->quiet,
                                 .verbose = a->verbose};
    return run_batch(&batch, videos, count);
}

/* `loris`: the model is a checkpoint of LORIS, which composes nothing. */
static int make_one(run_arguments *a, bool loris, const char *video, int argc, char **argv) {
    take_list takes = {0};
    char *output = a->output ? NULL : default_output(video);
    if (output)
        a->output = output;
    int status =
        a->output && list_takes(&takes, a, argc, argv) ? EXIT_DONE : complain(EXIT_FAULT, NULL, "out of memory");
    if (status == EXIT_DONE)
        status = check_outputs(a, video, &takes);
    if (status == EXIT_DONE)
        status = loris ? make_loris(a, video) : make_soundtracks(a, video, &takes);
    take_list_free(&takes);
    free(output);
    return status;
}

/* What contradicts itself; EXIT_DONE when nothing does. */
static int check_arguments(const run_arguments *a) {
    if (a->settings.duck && !(a->settings.keep_audio > 0))
        return complain(EXIT_USAGE, "add --keep-audio 1",
                        "--duck makes room for the video's own sound, which is not kept");
    if (!a->i3d != !a->pose)
        return complain(EXIT_USAGE, "name both, or neither to have the video watched",
                        "--i3d and --pose belong together");
    return EXIT_DONE;
}

/* What a checkpoint of LORIS has not. */
static int check_loris(const run_arguments *a, bool several) {
    if (a->takes > 1)
        return complain(EXIT_USAGE, "use --seed for another",
                        "--takes is for soundtracks that are composed, not for a LORIS checkpoint's");
    if (a->settings.duration > 0)
        return complain(EXIT_USAGE, "cut the video, or its features and poses",
                        "--duration is for soundtracks that are composed, not for a LORIS checkpoint's");
    if (several)
        return complain(EXIT_USAGE, "name one video and one device",
                        "a LORIS checkpoint makes the sound of one video on one device");
    return EXIT_DONE;
}

static int make(run_arguments *a, const char *const *videos, int argc, char **argv) {
    const bool several = videos[1] || (a->engine.device && strchr(a->engine.device, ','));
    show_messages(a->quiet, a->verbose);
    int status = check_arguments(a);
    if (status == EXIT_DONE && !videos[1]) /* of several, each that is missing is told in its turn */
        status = check_video(videos[0]);
    if (status != EXIT_DONE)
        return status;
    const bool looks = a->settings.rhythm_from == LORIS_RHYTHM_POSE;
    char *model = find_model(a->model, false), *eyes = model && looks ? find_model(a->eyes, false) : NULL;
    a->settings.model = model;
    a->settings.eyes = eyes;
    const bool loris = model && (a->i3d || is_loris_model(model));
    if (!model || (looks && !eyes))
        status = EXIT_INPUT;
    else if (loris)
        status = check_loris(a, several);
    if (status == EXIT_DONE)
        status = several ? make_several(a, videos) : make_one(a, loris, videos[0], argc, argv);
    free(model);
    free(eyes);
    return status;
}

static int run(int argc, char **argv) {
    run_arguments a = {.model = DEFAULT_MODEL,
                       .i3d_model = DEFAULT_I3D,
                       .eyes = DEFAULT_EYES,
                       .takes = 1,
                       .genre = -1};
    int status;
    loris_engine_defaults(&a.engine);
    loris_settings_defaults(&a.settings);
    a.settings.seed = new_seed();
    a.settings.progress = progress_update;
    const char **videos = calloc((size_t)argc + 1, sizeof *videos);
    if (!videos)
        return complain(EXIT_FAULT, NULL, "out of memory");
    if (parse_options(&command_run, argc, argv, &a, videos, &status))
        status = make(&a, videos, argc, argv);
    free(videos);
    return status;
}
