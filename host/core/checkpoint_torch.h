/* For checkpoint.c: the tensors of torch.save()'s two containers. */
#ifndef LORIS_CORE_CHECKPOINT_TORCH_H
#define LORIS_CORE_CHECKPOINT_TORCH_H

#include "core/arena.h"
#include "core/checkpoint.h"

typedef struct checkpoint_list {
    checkpoint_tensor *tensor; /* free() */
    size_t count, capacity;
} checkpoint_list;

loris_status checkpoint_add(checkpoint_list *list, const checkpoint_tensor *t);

/* A mapped file; names and sections are made in `memory`. */
typedef struct checkpoint_source {
    arena *memory;
    const uint8_t *data;
    size_t size;
    const char *path;
} checkpoint_source;

bool checkpoint_recognise_legacy(const uint8_t *data, size_t size);

loris_status checkpoint_list_zip(checkpoint_list *list, const char **section, const checkpoint_source *s);
loris_status checkpoint_list_legacy(checkpoint_list *list, const char **section, const checkpoint_source *s);

#endif
