/* Parts of XML and HTML. Nothing here depends on the locale. */
#ifndef LORIS_CORE_MARKUP_H
#define LORIS_CORE_MARKUP_H

#include <stdint.h>

#include "core/text.h"

/* `value` with `places` (0..6) digits after the point: decimal_of(x, 1).text */
typedef struct decimal {
    char text[32];
} decimal;
decimal decimal_of(double value, int places);

/* Text for an element or a quoted attribute. What XML 1.0 cannot hold (control characters, bytes that are not UTF-8)
 * becomes U+FFFD. */
void markup_text(text *out, const char *value);

/* The base name of a path as a relative URL reference (RFC 3986): bytes that are not unreserved are percent-encoded. */
void markup_file_url(text *out, const char *path);

/* Base64 (RFC 4648). */
void markup_base64(text *out, const uint8_t *data, size_t size);

const char *base_name(const char *path); /* what follows the last slash */

#endif
