/* JSON (RFC 8259): a small document tree in an arena, and a writer.
 *
 * The reader is strict and safe on hostile input: nesting of at most 64, no duplicate keys, valid UTF-8, finite numbers
 * as double, nothing after the document. A byte order mark before it is skipped. Errors name the line and column.
 * Neither direction depends on the locale. */
#ifndef LORIS_CORE_JSON_H
#define LORIS_CORE_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "core/arena.h"
#include "core/status.h"
#include "core/text.h"

typedef enum json_type {
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
} json_type;

typedef struct json {
    json_type type;
    const char *key;         /* name within the parent object, else NULL */
    double number;           /* JSON_NUMBER */
    const char *string;      /* JSON_STRING, NUL-terminated (an embedded \u0000 is refused) */
    size_t count;            /* children of an array or object */
    const struct json *item; /* `count` children, contiguous */
} json;

/* Parses data[0..size). `where` names the source in errors. The tree lives in `a`. */
loris_status json_parse(const json **out, arena *a, const char *data, size_t size, const char *where);

const json *json_get(const json *object, const char *key); /* NULL when absent or not an object */

/* A member that must be there: LORIS_ERROR_INPUT, naming `where` and the key, when it is absent, of another type, or a
 * number outside low..high. */
loris_status json_need_number(const json *object, const char *key, double low, double high, double *out,
                              const char *where);
loris_status json_need_string(const json *object, const char *key, const char **out, const char *where);
loris_status json_need_array(const json *object, const char *key, const json **out, const char *where);

enum { JSON_MAX_DEPTH = 64 };

/* Writing. The writer places commas, line breaks and escapes; a number is printed with the fewest digits that read back
 * as the same double (json_float: the same float), a non-finite one as null, and bytes that are not UTF-8 as U+FFFD.
 * With an indent, numbers and strings of an array share a line, and a line break ends the document. Zero-initialised or
 * json_begin() starts; text_failed(&w.out) at the end tells of any failure; the caller frees w.out. */
typedef struct json_writer {
    text out;
    int indent, depth;
    struct {
        char bracket;
        bool filled, broken; /* has children; has them on lines of their own */
    } level[JSON_MAX_DEPTH + 1];
} json_writer;

void json_begin(json_writer *w, int indent);                   /* spaces per level; 0: everything on one line */
void json_open(json_writer *w, const char *key, char bracket); /* '{' or '['; key NULL inside arrays */
void json_close(json_writer *w, char bracket);                 /* '}' or ']' */
void json_string(json_writer *w, const char *key, const char *value);
void json_number(json_writer *w, const char *key, double value);
void json_float(json_writer *w, const char *key, float value);
void json_integer(json_writer *w, const char *key, long long value);
void json_bool(json_writer *w, const char *key, bool value);
void json_null(json_writer *w, const char *key);
void json_value(json_writer *w, const char *key, const json *value); /* a tree that was read, with all below it */

#endif
