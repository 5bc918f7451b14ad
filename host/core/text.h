/* A growing string. Failure to allocate is sticky (text_failed) and later appends are ignored. Zero-initialise to
 * start. */
#ifndef LORIS_CORE_TEXT_H
#define LORIS_CORE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/status.h"

typedef struct text {
    char *data; /* NUL-terminated once anything was appended; NULL before */
    size_t length, capacity;
    bool failed;
} text;

void text_append(text *t, const char *data, size_t length);
void text_printf(text *t, const char *format, ...) PRINTF_LIKE(2, 3);
bool text_failed(const text *t);
void text_free(text *t);

/* Bytes of the UTF-8 character (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF) that starts at data[0],
 * with `left` bytes there: 1 to 4, or 0 when there is none. */
size_t utf8_length(const char *data, size_t left);

#endif
