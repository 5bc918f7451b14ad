#include "core/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 16, BLOCK_BYTES = 64 * 1024 };

/* Blocks form a list; requests are cut from the first one. A request too large to share a block gets its own, placed
 * second so that the first keeps serving small ones. */
typedef struct block {
    struct block *next;
    size_t used, capacity; /* bytes after the header */
} block;

struct arena {
    block *blocks;
    bool failed;
};

/* The header is rounded up so that what follows it keeps malloc's alignment. */
static const size_t header_bytes = (sizeof(block) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;

arena *arena_new(void) {
    return calloc(1, sizeof(arena));
}

void arena_free(arena *a) {
    if (!a)
        return;
    for (block *b = a->blocks; b;) {
        block *next = b->next;
        free(b);
        b = next;
    }
    free(a);
}

static void *give_up(arena *a) {
    a->failed = true;
    return NULL;
}

static void *take(block *b, size_t bytes) {
    void *at = (char *)b + header_bytes + b->used;
    b->used += bytes;
    return at;
}

void *arena_alloc(arena *a, size_t count, size_t size) {
    if (!a || a->failed)
        return NULL;
    if (size && count > (SIZE_MAX / 2 - header_bytes) / size)
        return give_up(a);
    size_t bytes = count * size;
    bytes = bytes ? (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT : ALIGNMENT;
    if (a->blocks && bytes <= a->blocks->capacity - a->blocks->used)
        return take(a->blocks, bytes);
    size_t capacity = bytes > BLOCK_BYTES / 4 ? bytes : BLOCK_BYTES;
    block *b = calloc(1, header_bytes + capacity);
    if (!b)
        return give_up(a);
    b->capacity = capacity;
    if (a->blocks && capacity == bytes) {
        b->next = a->blocks->next;
        a->blocks->next = b;
    } else {
        b->next = a->blocks;
        a->blocks = b;
    }
    return take(b, bytes);
}

char *arena_strdup(arena *a, const char *text) {
    if (!text)
        return NULL;
    size_t size = strlen(text) + 1;
    char *copy = arena_alloc(a, size, 1);
    if (copy)
        memcpy(copy, text, size);
    return copy;
}

char *arena_printf(arena *a, const char *format, ...) {
    if (!a || a->failed)
        return NULL;
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *out = length < 0 ? give_up(a) : arena_alloc(a, (size_t)length + 1, 1);
    if (out)
        vsnprintf(out, (size_t)length + 1, format, again);
    va_end(again);
    return out;
}

bool arena_failed(const arena *a) {
    return !a || a->failed;
}
