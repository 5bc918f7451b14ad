/* Is it XML? For pictures and pages, which are written so that an XML reader takes both. */
#ifndef LORIS_TESTS_MARKUP_CHECK_H
#define LORIS_TESTS_MARKUP_CHECK_H

#include <stddef.h>

/* Fails the test unless elements nest and close, attributes are quoted and not repeated in a tag, references are known,
 * and all is UTF-8 without control characters. Scripts and styles are taken as they are (HTML does not escape in them).
 */
void assert_well_formed(const char *markup);

/* How often `part` occurs, overlaps aside. */
size_t count_of(const char *markup, const char *part);

#endif
