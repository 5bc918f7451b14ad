/* Making soundtracks: what the takes of one video share, and one take. */
#ifndef LORIS_API_JOB_H
#define LORIS_API_JOB_H

#include "api/engine.h"
#include "core/file.h"
#include "core/text.h"
#include "diffusion/bands.h"
#include "media/audio.h"
#include "music/score.h"
#include "rhythm/rhythm.h"

typedef struct job {
    loris_engine *engine;
    const loris_settings *settings;
    const char *video;
    size_t takes, take; /* how many; the one that is made, from 0 */
    model *model;
    char model_hash[65];
    weights *weights;
    const sampling_device *others; /* [other_count], or NULL: devices that share the windows */
    int other_count;
    sampling_settings sampling;
    rhythm rhythm; /* as seen or read */
    char note[LORIS_NOTE_MAX];
    size_t samples, rows;   /* of the clip: of sound, of the spectrogram */
    size_t attack;          /* samples from a note's time to its attack */
    bands_sampler *sampler; /* of the first take, for all */
    uint64_t noise_seed;    /* of the take that is sampled */
    double watch_seconds;
    output_group outputs;
} job;

typedef struct take {
    score score;
    audio audio;
    loris_report report;
} take;

loris_status job_open(job *j);  /* the model */
loris_status job_watch(job *j); /* or read: fills rhythm and note */
void job_set_duration(job *j, double seconds); /* samples and rows; job_watch() does */
void job_reset(job *j); /* for another video: lets go of rhythm, sampler and outputs that were not committed */
void job_close(job *j);         /* and of the model */

/* Are the settings possible, the takes' outputs of a known kind, and can they be written? */
loris_status job_check(const loris_settings *settings, const loris_take *takes, size_t count, const char *sheet);

/* Writes what takes share (the rhythm, and with `sheet` the page of `cards`), then puts all outputs in place. */
loris_status job_commit(job *j, const text *cards, const char *sheet);

/* Composes, samples, sounds and writes into j->outputs. take_free() also after failure. */
loris_status take_make(job *j, const loris_take *wanted, take *t);
void take_free(take *t);

double seconds_now(void); /* of a steady clock */

#endif
