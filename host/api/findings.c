#include "api/findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

loris_findings *findings_new(void) {
    loris_findings *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    f->memory = arena_new();
    if (!f->memory) {
        free(f);
        return NULL;
    }
    return f;
}

static const char *copy(loris_findings *f, const char *text) {
    const char *copied = arena_strdup(f->memory, text ? text : "");
    return copied ? copied : "";
}

void findings_add(loris_findings *f, loris_finding_state state, const char *topic, const char *name, const char *why,
                  const char *link, const char *value, ...) {
    char printed[1024];
    va_list arguments;
    va_start(arguments, value);
    vsnprintf(printed, sizeof printed, value, arguments);
    va_end(arguments);
    for (unsigned char *c = (unsigned char *)printed; *c; c++) /* names of files and drivers may hold anything */
        if (*c < 0x20 || *c == 0x7f)
            *c = '?';
    if (f->count == f->capacity) {
        const size_t wanted = f->capacity ? 2 * f->capacity : 64;
        loris_finding *grown = arena_alloc(f->memory, wanted, sizeof *grown);
        if (!grown)
            return;
        for (size_t i = 0; i < f->count; i++)
            grown[i] = f->list[i];
        f->list = grown;
        f->capacity = wanted;
    }
    f->list[f->count++] =
        (loris_finding){state, copy(f, topic), copy(f, name), copy(f, printed), copy(f, why), copy(f, link)};
}

loris_status findings_end(loris_findings *f, loris_status status, loris_findings **out) {
    if (status == LORIS_OK && arena_failed(f->memory))
        status = fail_memory("findings");
    if (status == LORIS_OK)
        *out = f;
    else
        loris_findings_free(f);
    return status;
}

size_t loris_findings_count(const loris_findings *f) {
    return f->count;
}

const loris_finding *loris_finding_at(const loris_findings *f, size_t i) {
    return &f->list[i];
}

void loris_findings_free(loris_findings *f) {
    if (!f)
        return;
    arena_free(f->memory);
    free(f);
}
