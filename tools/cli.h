/* What the program's files share. The program knows the public header alone: it is linked with the shared library,
 * which shows nothing else. */
#ifndef LORIS_TOOLS_CLI_H
#define LORIS_TOOLS_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "loris/diagnose.h"
#include "loris/loris.h"

#define PROGRAM "loris-cl"

#if defined(__GNUC__)
#define PRINTF_LIKE(text, first) __attribute__((__format__(__printf__, text, first)))
#else
#define PRINTF_LIKE(text, first)
#endif

/* ---- exit statuses ----------------------------------------------------------------------------------------------- */

enum {
    EXIT_DONE = 0,
    EXIT_FAULT = 1,
    EXIT_USAGE = 2,
    EXIT_INPUT = 3,
    EXIT_DEVICE = 4,
    EXIT_OUTPUT = 5,
    EXIT_INTERRUPTED = 130
};

typedef struct exit_meaning {
    int status;
    const char *meaning;
} exit_meaning;

extern const exit_meaning exit_meanings[]; /* ended by meaning NULL; for help and the manual page */

/* ---- commands and their options: tables from which parsing, help, manual page and completion all follow ---------- */

typedef enum option_kind {
    OPTION_END = 0, /* ends a table */
    OPTION_HEADING, /* no option: starts a group, titled `help` */
    OPTION_HELP,    /* prints the help and ends */
    OPTION_VERSION, /* prints the version and ends */
    OPTION_FLAG,    /* bool, without a value */
    OPTION_WORD,    /* const char *: one of `words` */
    OPTION_SWITCH,  /* bool: the value of one of `words` */
    OPTION_ENUM,    /* int or enum: the value of one of `words` */
    OPTION_TEXT,    /* const char * */
    OPTION_FILE,    /* const char *, completed as a file's name */
    OPTION_FOLDER,  /* const char *, completed as a folder's name */
    OPTION_INTEGER, /* int in low..high */
    OPTION_SEED,    /* uint64_t */
    OPTION_NUMBER   /* double in low..high, or the value of one of `words` */
} option_kind;

typedef struct option_word {
    const char *name;
    double value;
} option_word;

typedef struct option {
    option_kind kind;
    char letter;          /* 0 = none */
    const char *name;     /* without dashes */
    const char *argument; /* "FILE"; NULL when the option takes no value */
    size_t field;         /* offset in the command's arguments */
    double low, high;
    const option_word *words;      /* ended by name NULL */
    bool hidden;                   /* from help, manual page and completion */
    const char *help;              /* one clause, for completion too */
    const char *detail, *fallback; /* what else there is to say; the default; NULL = nothing */
} option;

typedef struct command {
    const char *name, *summary;
    const char *description; /* paragraphs, separated by empty lines */
    const option *options;
    struct {
        const char *name; /* "VIDEO"; NULL = the command takes none */
        bool required;
        option_kind kind;   /* OPTION_FILE, OPTION_FOLDER; OPTION_WORD = a command's name */
        const char *second; /* a file's name that must follow; NULL = none */
        bool many;          /* as many as one likes */
    } operand;
    int (*run)(int argc, char **argv); /* what follows the command's name; returns the exit status */
} command;

extern const command command_run, command_rhythm, command_poses, command_infer, command_prepare, command_convert,
    command_info, command_devices, command_verify, command_bench, command_plan, command_profile, command_tune,
    command_doctor, command_report, command_version, command_help;
enum { COMMANDS_MAX = 24 };
extern const command *const commands[]; /* COMMANDS_MAX at most; command_run first; ended by NULL */

const command *command_named(const char *name); /* or NULL */

/* Options that several commands have; `type` is that of the command's arguments. */
#define OPTION_DEVICE(type)                                                                                            \
    {                                                                                                                  \
        .kind = OPTION_TEXT, .letter = 'd', .name = "device", .argument = "N|NAME",                                    \
        .field = offsetof(type, engine.device), .help = "the OpenCL device, by number or a part of its name",          \
        .fallback = "the best GPU, else the CPU"                                                                       \
    }
#define OPTION_BACKEND(type)                                                                                           \
    {                                                                                                                  \
        .kind = OPTION_ENUM, .name = "backend", .argument = "NAME", .field = offsetof(type, engine.backend),           \
        .words = backend_words, .help = "who computes matrix products", .detail = "own are the program's kernels",     \
        .fallback = "auto, what suits the device"                                                                      \
    }
#define OPTION_PRECISION(type)                                                                                         \
    {                                                                                                                  \
        .kind = OPTION_ENUM, .name = "precision", .argument = "TYPE", .field = offsetof(type, engine.precision),       \
        .words = precision_words, .help = "what the model's matrices are kept in",                                     \
        .detail = "bf16 and f16 take half the memory", .fallback = "auto, f32 for now"                                 \
    }
#define OPTION_KERNELS(type)                                                                                           \
    {                                                                                                                  \
        .kind = OPTION_FOLDER, .name = "kernels-dir", .argument = "DIR", .field = offsetof(type, engine.kernels_dir),  \
        .help = "take kernels from this folder", .detail = "each .cl file replaces the built-in one of its name"       \
    }
#define OPTION_MODEL(type)                                                                                             \
    {                                                                                                                  \
        .kind = OPTION_FILE, .name = "model", .argument = "NAME|FILE", .field = offsetof(type, model),                 \
        .help = "the network", .detail = "an installed model's name, a .safetensors file or its folder",               \
        .fallback = DEFAULT_MODEL                                                                                      \
    }
#define OPTION_EYES(type)                                                                                              \
    {                                                                                                                  \
        .kind = OPTION_FILE, .name = "eyes", .argument = "NAME|FILE", .field = offsetof(type, eyes),                   \
        .help = "the MoveNet that sees poses",                                                                         \
        .detail = "movenet-lightning is four times as fast, movenet-thunder sees better; or a file or folder",         \
        .fallback = DEFAULT_EYES                                                                                       \
    }
#define OPTION_RHYTHM_FROM(type, member)                                                                               \
    {                                                                                                                  \
        .kind = OPTION_ENUM, .name = "rhythm-from", .argument = "flow|pose", .field = offsetof(type, member),          \
        .words = rhythm_source_words, .help = "what the rhythm is seen in",                                            \
        .detail = "all that moves in the picture, or the joints of the person it is about", .fallback = "flow"         \
    }
#define OPTION_QUIET(type)                                                                                             \
    { .kind = OPTION_FLAG, .letter = 'q', .name = "quiet", .field = offsetof(type, quiet), .help = "print errors only" }
#define OPTION_VERBOSE(type)                                                                                           \
    {                                                                                                                  \
        .kind = OPTION_FLAG, .letter = 'v', .name = "verbose", .field = offsetof(type, verbose),                       \
        .help = "tell on standard error what is done", .detail = "device, planned memory, time of each stage"          \
    }
#define OPTION_JSON(type, printed)                                                                                     \
    { .kind = OPTION_FLAG, .name = "json", .field = offsetof(type, json), .help = "print " printed " as JSON" }
#define OPTIONS_STANDARD                                                                                               \
    {.kind = OPTION_HELP, .letter = 'h', .name = "help", .help = "print this help"},                                   \
        {.kind = OPTION_VERSION, .name = "version", .help = "print the version"}, {                                    \
        .kind = OPTION_END                                                                                             \
    }

extern const option_word rhythm_source_words[], backend_words[], precision_words[], preset_words[];

bool was_interrupted(void); /* has a signal asked the program to stop? */

/* How long a run that was asked to stop may take to end by itself; after that the program ends it. 0.7 s unless told.
 */
void set_patience(double seconds);

/* A file and the folder made for it that are removed if the program ends that way; NULL, NULL: no longer. */
void set_leftovers(const char *file, const char *folder);

uint64_t new_seed(void);

/* Reads `argv` into the fields of `arguments`, which holds the defaults, and *operand (may be NULL for a command
 * without one; NULL when not given; of a command with two, an array; of one with many, an array of argc + 1, ended by
 * NULL). False: the command is not to run, and *status is the program's exit status: something was wrong and has been
 * said, or the help or version was asked for. */
bool parse_options(const command *c, int argc, char **argv, void *arguments, const char **operand, int *status);

/* "loris-cl NAME WITH" and the words of a command line that parse_options() took, but for the options named in
 * `without` (ended by NULL); quoted for a shell. free() it; NULL: out of memory. */
char *repeat_options(const command *c, int argc, char **argv, const char *with, const char *const *without);

/* Which of `candidates` (ended by NULL) was most likely meant by `word`; NULL when none is near. */
const char *suggest(const char *word, const char *const *candidates);

/* ---- help, manual page, completion: all printed to standard output ----------------------------------------------- */

void print_help(const command *c);
void print_manual(void);
void print_completion(const char *shell); /* "bash", "zsh" or "fish" */

bool is_option(const option *o); /* not a heading */
bool is_shown(const option *o);  /* in help, manual page and completion */
bool takes_value(const option *o);

/* All that is to be said about an option, without a full stop: "help: words or range; detail (default: fallback)" */
enum { OPTION_TEXT_MAX = 1024 };
void describe_option(const option *o, char text[OPTION_TEXT_MAX]);

/* ---- messages ---------------------------------------------------------------------------------------------------- */

/* Prints "loris-cl: message; hint" as one line on standard error (no hint: NULL or "") and returns `status`. */
int complain(int status, const char *hint, const char *format, ...) PRINTF_LIKE(3, 4);

/* What complain() said last, without the program's name; "" = nothing. */
const char *last_complaint(void);

/* The last run that failed: one line with time, command, exit status and what was said, in $XDG_STATE_HOME/loris-cl (or
 * ~/.local/state/loris-cl). Reading gives false when there is none. */
enum { LAST_ERROR_MAX = 4096 };
void keep_last_error(const char *name, int status, const char *line);
bool read_last_error(char line[LAST_ERROR_MAX]);

int exit_status_of(loris_status status);

/* Says that the run was interrupted, the first time it is called, from whatever thread; returns EXIT_INTERRUPTED. */
int complain_interrupted(void);

/* As complain(), with the library's last message and hint; returns the exit status for `status`. */
int complain_library(loris_status status);

/* Which of the library's messages go to standard error: warnings, with `verbose` all, with `quiet` none. */
void show_messages(bool quiet, bool verbose);

/* Flushes standard output. Returns `status`, or EXIT_OUTPUT when what was printed could not be written. */
int finish_output(int status);

/* Replaces control characters, so that no file's name can move the terminal's cursor. */
void make_printable(char *text);

void write_json_string(FILE *out, const char *text);
void print_json_string(const char *text);
void print_json_number(double value); /* null when not finite */

/* ---- findings ---------------------------------------------------------------------------------------------------- */

/* A line each, under headings: a mark ('+' good, '?' may cause trouble, '!' does), name, value, what follows, source.
 */
void print_findings(FILE *out, const loris_findings *findings, const char *indent);
void print_findings_json(FILE *out, const loris_findings *findings); /* an array, without a line break at its end */
loris_finding_state worst_finding(const loris_findings *findings);

/* ---- progress on standard error ---------------------------------------------------------------------------------- */

/* On a terminal one line that is redrawn and erased at the end; elsewhere, and with `verbose`, a line per finished
 * stage. */
void progress_begin(bool quiet, bool verbose);
void progress_update(void *user, const char *stage, double done, double total); /* a loris_progress_function */
void progress_hide(void); /* before other output to the terminal */
void progress_end(bool completed);

/* ---- files ------------------------------------------------------------------------------------------------------- */

/* A video that is not there is known before any device is opened, and may be a command misspelt. Returns EXIT_DONE, or
 * the exit status after a complaint; so does the next. */
int check_video(const char *video);

/* names[0] is the video, the others are outputs, NULL where there is none: no output may be another, or replace the
 * video. */
int check_names(const char *const *names, size_t count);

/* Can an output be made beside where `output` will be? Known before long work. */
int check_folder(const char *output);

/* ---- takes ------------------------------------------------------------------------------------------------------- */

/* The soundtracks of a run. Of several, names are numbered: "dance.wav" -> "dance-take1.wav", and the page to listen to
 * them is "dance-takes.html". */
typedef struct take_list {
    size_t count;
    loris_take take[LORIS_TAKES_MAX];
    char *sheet; /* NULL for a single one */
} take_list;

/* `midi_out` may be NULL; seeds count up from `seed`. False: out of memory. take_list_free() in any case. */
bool take_list_make(take_list *list, size_t count, uint64_t seed, const char *output, const char *midi_out);
void take_list_free(take_list *list); /* with the takes' commands, made by malloc() */

/* ---- several videos ---------------------------------------------------------------------------------------------- */

typedef struct batch_options {
    const loris_engine_settings *engine; /* device: one, or several separated by commas */
    const loris_settings *settings;      /* midi_out and rhythm_out: folders, with several videos */
    const char *output;                  /* a folder, with several videos; NULL = here */
    bool json, quiet, verbose;
} batch_options;

/* The soundtracks of `count` videos, each reported as it is done. Returns the exit status: that of the first video that
 * failed. */
int run_batch(const batch_options *options, const char *const *videos, size_t count);

/* A soundtrack's report: one JSON object without a line break, or a line for people. */
void print_soundtrack(bool json, const char *video, const char *output, const loris_report *report);

/* ---- LORIS checkpoints ------------------------------------------------------------------------------------------- */

typedef struct clip_request {
    const loris_engine_settings *engine;
    loris_infer_settings settings;
    const char *video, *output;
    const char *i3d, *pose;       /* .npy files; NULL: what the two models below see in the video */
    const char *i3d_model, *eyes; /* names or files */
    int genre;                    /* -1 = none */
    bool keep;                    /* features between runs */
    bool json, quiet, verbose;
} clip_request;

/* Makes the sound of one video with a LORIS checkpoint; the exit status. */
int make_clip(const clip_request *r);

bool is_loris_model(const char *path); /* by its hyper-parameters; false also for what is no model */

/* ---- models ------------------------------------------------------------------------------------------------------ */

#define DEFAULT_MODEL "base"
#define DEFAULT_EYES "movenet-thunder"
#define DEFAULT_I3D "i3d"

/* The file or folder meant by `name`: a path, or a model's name in one of the folders of models; free() it. NULL: there
 * is none; then, unless `optional`, it has been said. */
char *find_model(const char *name, bool optional);
char *find_i3d(const char *name); /* the same for I3D, with a hint of its own; says when there is none */

/* The folder share/loris-cl/KIND that came with the program; free() it. NULL: it is missing, which has been said. */
char *find_data(const char *kind);

#endif
