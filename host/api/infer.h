/* Clips of a LORIS model whose features are in memory, and whose sounds stay there. */
#ifndef LORIS_API_INFER_H
#define LORIS_API_INFER_H

#include "loris/loris.h"

enum { INFER_COMMENT_LENGTH = 1024 };

typedef struct infer_array {
    const float *values;
    int rank;
    int64_t dim[3];
} infer_array;

typedef struct infer_piece {
    infer_array actions; /* [rows][features] */
    infer_array poses;   /* [poses][joints][3] */
} infer_piece;

typedef struct infer_sounds {
    float *samples; /* [pieces][frames][channels]; free() */
    size_t frames;
    int channels, rate;
    char comment[INFER_COMMENT_LENGTH]; /* what makes them again */
} infer_sounds;

/* The preset that is named, or the one that suits the model. */
struct preset;
loris_status infer_preset(const loris_infer_settings *settings, const struct preset **out);

/* As loris_infer() of `count` clips, the first with the settings' seed; `where` names the input in errors. */
loris_status infer_pieces(loris_engine *engine, const loris_infer_settings *settings, const infer_piece *pieces,
                          size_t count, int genre, const char *where, infer_sounds *out, loris_infer_report *report);

#endif
