/* SHA-256 of files that are read run after run: a model of 3 GB takes seconds to hash, and was hashed before. */
#ifndef LORIS_COMPUTE_KNOWN_HASH_H
#define LORIS_COMPUTE_KNOWN_HASH_H

#include "core/sha256.h"

/* As sha256_file(). What it gives is kept in `folder` (a compute's cache_folder; NULL = nowhere) for the file's device,
 * inode, size and times of change, as git knows its files again: one that was written to, replaced or touched is hashed
 * anew. */
loris_status known_hash(const char *folder, const char *path, char hex[SHA256_HEX]);

#endif
