/* What was made once, on disc (program binaries, features of videos): one file per key in a folder that is the user's
 * alone, because a driver runs what is in it.
 * What is wrong with the cache costs time, never a result: these functions log and go on. */
#ifndef LORIS_COMPUTE_CACHE_H
#define LORIS_COMPUTE_CACHE_H

#include <stdint.h>

#include "core/arena.h"
#include "core/status.h"

/* The folder `wanted` (NULL = $XDG_CACHE_HOME/loris-cl or ~/.cache/loris-cl; "" = none), made with mode 0700 when new;
 * the text lives in `a`. NULL: no cache; with a warning when the folder cannot be made, belongs to another user or can
 * be written by others. */
const char *cache_folder(arena *a, const char *wanted);

/* The data stored under `key` (64 hex digits), in a new block: free(). False when there is none or it is damaged: then
 * it is removed. */
bool cache_load(const char *folder, const char *key, uint8_t **data, size_t *size);

/* Stores atomically, then keeps the folder within 256 MB. */
void cache_store(const char *folder, const char *key, const void *data, size_t size);

void cache_remove(const char *folder, const char *key);

/* Removes the entries used least recently until `limit` bytes are left, and what interrupted writers left behind. Files
 * that are not the cache's own are neither counted nor touched. */
void cache_trim(const char *folder, uint64_t limit);

#endif
