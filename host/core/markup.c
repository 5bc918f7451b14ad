#include "core/markup.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

decimal decimal_of(double value, int places) {
    static const long long powers[] = {1, 10, 100, 1000, 10000, 100000, 1000000};
    decimal d;
    double limited = fmin(fmax(isnan(value) ? 0 : value, -1e12), 1e12);
    long long unit = powers[places], scaled = llround(fabs(limited) * (double)unit);
    const char *sign = limited < 0 && scaled ? "-" : "";
    if (places)
        snprintf(d.text, sizeof d.text, "%s%lld.%0*lld", sign, scaled / unit, places, scaled % unit);
    else
        snprintf(d.text, sizeof d.text, "%s%lld", sign, scaled);
    return d;
}

static const char *entity_of(char c) {
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

/* XML 1.0, 2.2: of the characters that are one byte in UTF-8 these are allowed; so is all above but U+FFFE and U+FFFF,
 * EF BF BE and EF BF BF. */
static bool is_character(const char *c, size_t length) {
    unsigned char first = (unsigned char)*c;
    if (length == 1)
        return first >= 0x20 ? first != 0x7f : first == '\t' || first == '\n';
    return length > 1 && !(length == 3 && memcmp(c, "\xef\xbf", 2) == 0 && (unsigned char)c[2] >= 0xbe);
}

void markup_text(text *out, const char *value) {
    for (size_t left = strlen(value); left;) {
        size_t length = utf8_length(value, left), used = length ? length : 1;
        const char *entity = entity_of(*value);
        if (entity)
            text_append(out, entity, strlen(entity));
        else if (is_character(value, length))
            text_append(out, value, length);
        else
            text_append(out, "\xef\xbf\xbd", 3);
        value += used;
        left -= used;
    }
}

const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

void markup_file_url(text *out, const char *path) {
    static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (const char *c = base_name(path); *c; c++)
        if (strchr(unreserved, *c))
            text_append(out, c, 1);
        else
            text_printf(out, "%%%02X", (unsigned)(unsigned char)*c);
}

void markup_base64(text *out, const uint8_t *data, size_t size) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t bits = (uint32_t)data[i] << 16 | (left > 1 ? (uint32_t)data[i + 1] << 8 : 0) |
                        (left > 2 ? (uint32_t)data[i + 2] : 0);
        const char group[4] = {digits[bits >> 18], digits[bits >> 12 & 63], left > 1 ? digits[bits >> 6 & 63] : '=',
                               left > 2 ? digits[bits & 63] : '='};
        text_append(out, group, 4);
    }
}
