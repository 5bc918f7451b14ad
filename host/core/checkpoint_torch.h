/* For checkpoint.c: the tensors of torch.save()'s two containers. */
#ifndef LORIS_CORE_CHECKPOINT_TORCH_H
#define LORIS_CORE_CHECKPOINT_TORCH_H

#include "core/arena.h"
#include "core/checkpoint.h"
#include "core/pickle.h"

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

/* A tensor's name, or a part of one: plain text of at most 1024 bytes, LORIS_ERROR_INPUT says where it is not. */
loris_status checkpoint_copy_name(const checkpoint_source *s, const pickle_value *key, const char **name);

bool checkpoint_recognise_legacy(const uint8_t *data, size_t size);

loris_status checkpoint_list_zip(checkpoint_list *list, const char **section, const checkpoint_source *s);
loris_status checkpoint_list_legacy(checkpoint_list *list, const char **section, const checkpoint_source *s);

#endif
