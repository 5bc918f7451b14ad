/* Memory that is released all at once. Allocation failure is sticky: arena_failed() once at the end is enough, because
 * a failed arena keeps handing out NULL, which every arena function accepts. */
#ifndef LORIS_CORE_ARENA_H
#define LORIS_CORE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "core/status.h"

typedef struct arena arena;

arena *arena_new(void); /* NULL when out of memory */
void arena_free(arena *a);
void *arena_alloc(arena *a, size_t count, size_t size); /* zeroed, aligned to 16; NULL on overflow or failure */
char *arena_strdup(arena *a, const char *text);
char *arena_printf(arena *a, const char *format, ...) PRINTF_LIKE(2, 3);
bool arena_failed(const arena *a);

#endif
