/*
 * What was measured to be best on a device: a table that operations ask when they choose their variants, made by the
 * tuner (host/tune) and kept in a file for each device and driver.
 *
 * An operation tells the shape of its work and is given a choice, or none. It checks whether the choice is one of its
 * candidates on this device: a file may say anything.
 */
#ifndef LORIS_COMPUTE_TUNING_H
#define LORIS_COMPUTE_TUNING_H

#include "compute/compute.h"
#include "core/number.h"

typedef enum tuned_kind {
    TUNED_PRODUCT,   /* rows x columns from channels * taps numbers a row, see ops/product.h */
    TUNED_ATTENTION, /* batch: heads and blocks; rows of queries; columns: keys; channels of a head */
    TUNED_STREAM,    /* items of a work-group of flat work; no shape */
    TUNED_ROWS,      /* the same of work by rows */
    TUNED_CLBLAST,   /* CLBlast's parameters for the whole device; no shape */
    TUNED_KINDS
} tuned_kind;

typedef struct tuned_shape {
    tuned_kind kind;
    number_type storage; /* of weights; TYPE_F32 where there are none */
    int batch, rows, columns, channels, taps, stride;
} tuned_shape;

typedef enum tuned_use {
    USE_DEFAULT,
    USE_PANEL,     /* own kernel for CPUs: rows and vectors of an item */
    USE_TILE,      /* own kernel for GPUs: rows and columns of a group, rows of an item */
    USE_HALF_TILE, /* the same, multiplying in half precision */
    USE_CLBLAST,
    USE_ONEDNN,
    USE_SIZE, /* one number */
    TUNED_USES
} tuned_use;

typedef struct tuned_choice {
    tuned_use use;
    int size[3]; /* unused ones are 0 */
} tuned_choice;

typedef struct tuned_entry {
    tuned_shape shape;
    tuned_choice choice;
    double speed, default_speed; /* FLOP a second, with the choice and without; for streams bytes */
    double error;                /* root of the mean square, relative to the result's */
    char name[48];               /* of the choice: "own tile 128x64x8" */
} tuned_entry;

typedef struct tuning {
    tuned_entry *entries;
    int count, capacity;
    bool forced; /* all work of the kind of `force` takes its choice: for measuring */
    tuned_entry force;
    product_precision precision; /* what PRECISION_AUTO means here; PRECISION_AUTO: what it means without a tuning */
} tuning;

void tuning_free(tuning *t); /* NULL is allowed */

/* Adds a copy; its name is made from the choice. */
loris_status tuning_add(tuning *t, const tuned_entry *e);

#define TUNED_REASON "measured to be the fastest here (loris-cl tune)" /* for node_explain_variant() */

bool tuned_choice_equal(const tuned_choice *a, const tuned_choice *b);
void tuned_choice_name(const tuned_choice *c, number_type storage, char name[48]);

/* What is best for `shape` on this device, or NULL. Of entries that differ in rows and batch alone the nearest one
 * within a factor of 2 counts. Tells the device's shape observer, when it has one, of the shape. */
const tuned_entry *tuning_find(const compute *c, const tuned_shape *shape, double flop);

/* ---- files (docs/formats.md) ------------------------------------------------------------------------------------- */

/* The folder `wanted` (NULL = $XDG_CONFIG_HOME/loris-cl or ~/.config/loris-cl; "" = none); NULL = none. In `a`. */
const char *tuning_folder(arena *a, const char *wanted);

/* The file of `d`: named after a digest of device, platform and driver. NULL when memory is out. */
const char *tuning_path(arena *a, const char *folder, const device *d);

/* NULL: there is none, or it cannot be used, of which a warning tells. */
tuning *tuning_load(const char *path, const device *d);

/* Appears complete or not at all; makes the folder, for the user alone. */
loris_status tuning_save(const tuning *t, const char *path, const device *d);

#endif
