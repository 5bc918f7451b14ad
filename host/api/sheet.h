/* The page on which takes are listened to and one is chosen. It is HTML that an XML reader takes as well,
 * self-contained but for the media files, which it expects beside it. */
#ifndef LORIS_API_SHEET_H
#define LORIS_API_SHEET_H

#include "api/job.h"
#include "core/text.h"

/* Appends the card of the job's take: player, score and loudness as a picture, what it is. `command` as in
 * loris_takes(). */
void sheet_add(text *cards, const job *j, const take *t, const loris_take *wanted);

loris_status sheet_write(const job *j, const text *cards, const char *path);

#endif
