/* Making the lists of loris/diagnose.h. */
#ifndef LORIS_API_FINDINGS_H
#define LORIS_API_FINDINGS_H

#include "core/arena.h"
#include "core/status.h"
#include "loris/diagnose.h"

struct loris_findings {
    arena *memory;
    loris_finding *list;
    size_t count, capacity;
};

loris_findings *findings_new(void); /* NULL when out of memory */

/* Appends; the value is printf-style, the other texts are copied and may be NULL. Failures are told by findings_end().
 */
void findings_add(loris_findings *f, loris_finding_state state, const char *topic, const char *name, const char *why,
                  const char *link, const char *value, ...) PRINTF_LIKE(7, 8);

/* Gives the list to the caller, or frees it and fails when `status` or an allocation did. */
loris_status findings_end(loris_findings *f, loris_status status, loris_findings **out);

#endif
