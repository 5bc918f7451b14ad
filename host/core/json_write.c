#include "core/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void json_begin(json_writer *w, int indent) {
    *w = (json_writer){.indent = indent};
}

static void break_line(json_writer *w) {
    if (w->indent > 0)
        text_printf(&w->out, "\n%*s", w->indent * w->depth, "");
}

/* `string` in quotes. */
static void write_quoted(json_writer *w, const char *string) {
    size_t left = strlen(string);
    text_append(&w->out, "\"", 1);
    while (left) {
        size_t bytes = utf8_length(string, left);
        if (bytes == 0) {
            text_append(&w->out, "\xef\xbf\xbd", 3);
            bytes = 1;
        } else if (*string == '"' || *string == '\\') {
            text_printf(&w->out, "\\%c", *string);
        } else if (*string == '\n') {
            text_append(&w->out, "\\n", 2);
        } else if (*string == '\t') {
            text_append(&w->out, "\\t", 2);
        } else if ((unsigned char)*string < 0x20 || *string == 0x7f) {
            text_printf(&w->out, "\\u%04x", (unsigned)*string);
        } else {
            text_append(&w->out, string, bytes);
        }
        string += bytes;
        left -= bytes;
    }
    text_append(&w->out, "\"", 1);
}

/* What stands before a value: a comma, a line break, the key. */
static void begin_value(json_writer *w, const char *key, bool container) {
    if (w->depth > 0) {
        bool broken = container || w->level[w->depth].bracket == '{';
        if (w->level[w->depth].filled)
            text_append(&w->out, ",", 1);
        if (broken)
            break_line(w);
        else if (w->level[w->depth].filled && w->indent > 0)
            text_append(&w->out, " ", 1);
        w->level[w->depth].filled = true;
        w->level[w->depth].broken = w->level[w->depth].broken || broken;
    }
    if (key) {
        write_quoted(w, key);
        text_append(&w->out, ": ", w->indent > 0 ? 2 : 1);
    }
}

void json_open(json_writer *w, const char *key, char bracket) {
    if (w->depth == JSON_MAX_DEPTH) {
        w->out.failed = true;
        return;
    }
    begin_value(w, key, true);
    text_append(&w->out, &bracket, 1);
    w->depth++;
    w->level[w->depth].bracket = bracket;
    w->level[w->depth].filled = w->level[w->depth].broken = false;
}

void json_close(json_writer *w, char bracket) {
    if (w->depth == 0) {
        w->out.failed = true;
        return;
    }
    bool broken = w->level[w->depth].broken;
    w->depth--;
    if (broken)
        break_line(w);
    text_append(&w->out, &bracket, 1);
    if (w->depth == 0 && w->indent > 0)
        text_append(&w->out, "\n", 1);
}

void json_string(json_writer *w, const char *key, const char *value) {
    begin_value(w, key, false);
    write_quoted(w, value);
}

/* Whatever the locale's decimal point is, possibly of several bytes, becomes a point. */
static void write_digits(json_writer *w, const char *digits) {
    while (*digits) {
        size_t plain = strspn(digits, "0123456789+-e");
        text_append(&w->out, digits, plain);
        digits += plain;
        size_t point = strcspn(digits, "0123456789+-e");
        if (point)
            text_append(&w->out, ".", 1);
        digits += point;
    }
}

void json_number(json_writer *w, const char *key, double value) {
    if (!isfinite(value)) {
        json_null(w, key);
        return;
    }
    char digits[64];
    int precision = 15; /* always right to print, not always enough to read back: then 16 or 17 */
    do {
        snprintf(digits, sizeof digits, "%.*g", precision, value);
    } while (precision++ < 17 && strtod(digits, NULL) != value);
    begin_value(w, key, false);
    write_digits(w, digits);
}

void json_float(json_writer *w, const char *key, float value) {
    if (!isfinite(value)) {
        json_null(w, key);
        return;
    }
    char digits[64];
    int precision = 6;
    do {
        snprintf(digits, sizeof digits, "%.*g", precision, (double)value);
    } while (precision++ < 9 && strtof(digits, NULL) != value);
    begin_value(w, key, false);
    write_digits(w, digits);
}

void json_integer(json_writer *w, const char *key, long long value) {
    begin_value(w, key, false);
    text_printf(&w->out, "%lld", value);
}

void json_bool(json_writer *w, const char *key, bool value) {
    begin_value(w, key, false);
    text_printf(&w->out, "%s", value ? "true" : "false");
}

void json_null(json_writer *w, const char *key) {
    begin_value(w, key, false);
    text_append(&w->out, "null", 4);
}

void json_value(json_writer *w, const char *key, const json *value) {
    bool object = value->type == JSON_OBJECT;
    switch (value->type) {
    case JSON_NULL:
        json_null(w, key);
        break;
    case JSON_FALSE:
    case JSON_TRUE:
        json_bool(w, key, value->type == JSON_TRUE);
        break;
    case JSON_NUMBER:
        json_number(w, key, value->number);
        break;
    case JSON_STRING:
        json_string(w, key, value->string);
        break;
    case JSON_ARRAY:
    case JSON_OBJECT: /* no deeper than the reader's own limit, which is the writer's */
        json_open(w, key, object ? '{' : '[');
        for (size_t i = 0; i < value->count; i++)
            json_value(w, value->item[i].key, &value->item[i]);
        json_close(w, object ? '}' : ']');
        break;
    }
}
