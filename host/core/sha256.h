/* SHA-256 (FIPS 180-4). */
#ifndef LORIS_CORE_SHA256_H
#define LORIS_CORE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

enum { SHA256_HEX = 65 }; /* 64 digits and a NUL */

typedef struct sha256 {
    uint32_t state[8];
    uint64_t length;
    uint8_t block[64];
    size_t filled;
} sha256;

void sha256_begin(sha256 *s);
void sha256_update(sha256 *s, const void *data, size_t size);
void sha256_end(sha256 *s, uint8_t digest[32]);

/* Of one block of data, as 64 lower-case hex digits and a NUL. */
void sha256_hex(const void *data, size_t size, char hex[SHA256_HEX]);

/* Of a file, which need not fit into memory. */
loris_status sha256_file(const char *path, char hex[SHA256_HEX]);

#endif
