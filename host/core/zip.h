/* Zip containers as PyTorch writes them: entries are stored, not compressed, with ZIP64 where sizes need it. What is
 * read lies in the caller's memory (a mapped file) and is never copied.
 *
 * The central directory is the truth. Checked before anything is used: every record and every entry's bytes lie within
 * the file and before the directory, entries do not overlap, names are unique. Checksums are not: PyTorch can be told
 * to leave them out and does not check them either. */
#ifndef LORIS_CORE_ZIP_H
#define LORIS_CORE_ZIP_H

#include <stdint.h>

#include "core/status.h"

typedef struct zip_entry {
    const char *name;
    const uint8_t *data;
    size_t size;
} zip_entry;

typedef struct zip zip;

bool zip_recognise(const uint8_t *data, size_t size); /* does it begin like a zip file? */

/* `data` must outlive the zip; `where` names the file in errors. LORIS_ERROR_INPUT: cut short, compressed, encrypted,
 * split or inconsistent. */
loris_status zip_open(zip **out, const uint8_t *data, size_t size, const char *where);
void zip_close(zip *z); /* NULL is allowed */

size_t zip_count(const zip *z);
const zip_entry *zip_at(const zip *z, size_t i);           /* sorted by name */
const zip_entry *zip_find(const zip *z, const char *name); /* NULL when absent; O(log n) */
const zip_entry *zip_find_tail(const zip *z,
                               const char *tail); /* the first whose name ends in `tail`; NULL when none */

#endif
