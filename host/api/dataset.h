/* A dataset on disk: which videos there are, where their clips go, what is done already (docs/datasets.md). */
#ifndef LORIS_API_DATASET_H
#define LORIS_API_DATASET_H

#include "core/arena.h"
#include "core/sha256.h"
#include "core/status.h"

typedef struct dataset_video {
    const char *path; /* in the folder of videos */
    const char *name; /* of its clips: the path without its extension, in one word */
    bool test;
    bool taken; /* the name is an earlier video's: this one cannot be used */
} dataset_video;

typedef struct dataset {
    const char *videos, *out; /* folders */
    int segment;              /* seconds */
    bool pad;
    char i3d_hash[SHA256_HEX], eyes_hash[SHA256_HEX]; /* of the models */
    const dataset_video *video;                       /* sorted by path */
    size_t count;
} dataset;

/* Fills video and count: the files in d->videos and its subfolders whose extension is a video's. What goes to the test
 * list follows from a video's name alone, cameras of one take (AIST's field "_c01") together. LORIS_ERROR_INPUT: none.
 */
loris_status dataset_list(dataset *d, arena *a, double test_share);

enum { DATASET_AUDIO, DATASET_ACTIONS, DATASET_POSES, DATASET_KINDS };

/* "audio_s25", and so on. */
loris_status dataset_make_folders(const dataset *d);

/* The file of a clip in its folder, in `a`: "OUT/audio_s25/NAME_000.wav"; NULL when out of memory. */
const char *dataset_clip(const dataset *d, arena *a, const dataset_video *v, int kind, size_t clip);

/* What a record says of a video. */
typedef struct dataset_record {
    size_t clips;
    const char *skipped; /* why there are none, or NULL */
} dataset_record;

loris_status dataset_write_record(const dataset *d, const dataset_video *v, const dataset_record *r);

/* False: there is no record, or not of this file, these models and settings. `skipped` lives in `a`. */
bool dataset_read_record(const dataset *d, arena *a, const dataset_video *v, dataset_record *r);

/* Writes the six lists when every video has a record, and tells so in *complete with the number of clips in each. */
loris_status dataset_write_lists(const dataset *d, bool *complete, size_t *train, size_t *test);

#endif
