#include "core/json.h"

#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A value whose container is still being read, and where its key starts (for the error about a duplicate). */
typedef struct pending {
    json value;
    size_t at;
} pending;

typedef struct parser {
    arena *a;
    const char *data;
    size_t size, at;
    const char *where;
    locale_t locale; /* "C": a number's point is a point */
    int depth;
    /* Children of all open containers, innermost last: when one closes, its children move to the arena as one block. */
    pending *stack;
    size_t used, capacity;
} parser;

static loris_status fail_at(const parser *p, size_t at, const char *what) {
    size_t line = 1, column = 1;
    for (size_t i = 0; i < at; i++) {
        if (p->data[i] == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)p->data[i] & 0xc0) != 0x80) {
            column++;
        }
    }
    const char *hint = at < p->size ? "correct the file there" : "is the file complete?";
    return fail(LORIS_ERROR_INPUT, hint, "%s: line %zu, column %zu: %s", p->where, line, column, what);
}

static void skip_space(parser *p) {
    while (p->at < p->size && strchr(" \t\r\n", p->data[p->at]) && p->data[p->at] != '\0')
        p->at++;
}

/* The next byte, or 0 at the end: no byte of JSON outside a string is 0. */
static char peek(const parser *p) {
    return p->at < p->size ? p->data[p->at] : '\0';
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* ---- scalars ----------------------------------------------------------------------------------------------------- */

static loris_status parse_word(parser *p, const char *word, json_type type, json *out) {
    size_t length = strlen(word);
    if (p->size - p->at < length || memcmp(p->data + p->at, word, length) != 0)
        return fail_at(p, p->at, "expected a value");
    p->at += length;
    out->type = type;
    return LORIS_OK;
}

static bool skip_digits(parser *p) {
    size_t start = p->at;
    while (is_digit(peek(p)))
        p->at++;
    return p->at > start;
}

static loris_status parse_number(parser *p, json *out) {
    size_t start = p->at;
    if (peek(p) == '-')
        p->at++;
    if (peek(p) == '0')
        p->at++;
    else if (!skip_digits(p))
        return fail_at(p, p->at, "expected a digit");
    if (is_digit(peek(p)))
        return fail_at(p, p->at, "a number with a leading zero");
    if (peek(p) == '.') {
        p->at++;
        if (!skip_digits(p))
            return fail_at(p, p->at, "expected a digit after the point");
    }
    if (peek(p) == 'e' || peek(p) == 'E') {
        p->at++;
        if (peek(p) == '+' || peek(p) == '-')
            p->at++;
        if (!skip_digits(p))
            return fail_at(p, p->at, "expected a digit in the exponent");
    }
    char digits[1024]; /* the exact decimal value of any double fits */
    size_t length = p->at - start;
    if (length >= sizeof digits)
        return fail_at(p, start, "a number of more than 1023 characters");
    memcpy(digits, p->data + start, length);
    digits[length] = '\0';
    out->type = JSON_NUMBER;
    out->number = strtod_l(digits, NULL, p->locale);
    if (!isfinite(out->number))
        return fail_at(p, start, "a number too large for a double");
    return LORIS_OK;
}

/* Four hexadecimal digits at `at`, or -1. Within a string: its closing quote, known to be there, ends the search. */
static int32_t hex4(const parser *p, size_t at) {
    int32_t code = 0;
    for (size_t i = at; i < at + 4; i++) {
        char c = p->data[i];
        int digit = is_digit(c)            ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        code = code * 16 + digit;
    }
    return code;
}

static size_t encode_utf8(char *out, int32_t code) {
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

/* After "\u" at p->at - 2: one character, which may take a second escape (a surrogate pair). */
static loris_status parse_unicode_escape(parser *p, char *out, size_t *length) {
    size_t start = p->at - 2;
    int32_t code = hex4(p, p->at);
    if (code < 0)
        return fail_at(p, start, "\\u without four hexadecimal digits");
    p->at += 4;
    if (code >= 0xdc00 && code <= 0xdfff)
        return fail_at(p, start, "a low surrogate without its high one");
    if (code >= 0xd800 && code <= 0xdbff) {
        int32_t low = p->size - p->at >= 6 && memcmp(p->data + p->at, "\\u", 2) == 0 ? hex4(p, p->at + 2) : -1;
        if (low < 0xdc00 || low > 0xdfff)
            return fail_at(p, start, "a high surrogate without its low one");
        p->at += 6;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    if (code == 0)
        return fail_at(p, start, "\\u0000 in a string");
    *length = encode_utf8(out, code);
    return LORIS_OK;
}

/* Where the string that starts after a quote at `at` ends: p->size or beyond when it does not. */
static size_t find_quote(const parser *p, size_t at) {
    while (at < p->size && p->data[at] != '"')
        at += p->data[at] == '\\' ? 2 : 1;
    return at;
}

static loris_status parse_string(parser *p, const char **out) {
    size_t start = p->at++;
    size_t end = find_quote(p, p->at);
    if (end >= p->size)
        return fail_at(p, p->size, "a string without its closing quote");
    /* No escape is shorter than what it stands for, so the raw length is enough. */
    char *copy = arena_alloc(p->a, end - start, 1);
    if (!copy)
        return fail_memory(p->where);
    size_t length = 0;
    while (p->at < end) {
        unsigned char c = (unsigned char)p->data[p->at];
        if (c < 0x20)
            return fail_at(p, p->at, "a control character in a string");
        if (c != '\\') {
            size_t bytes = utf8_length(p->data + p->at, end - p->at);
            if (bytes == 0)
                return fail_at(p, p->at, "not UTF-8");
            memcpy(copy + length, p->data + p->at, bytes);
            length += bytes;
            p->at += bytes;
            continue;
        }
        static const char escapes[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
        char escape = p->data[p->at + 1];
        const char *known = escape ? strchr(escapes, escape) : NULL;
        if (known) {
            copy[length++] = meanings[known - escapes];
            p->at += 2;
        } else if (escape == 'u') {
            size_t bytes = 0;
            p->at += 2;
            TRY(parse_unicode_escape(p, copy + length, &bytes));
            length += bytes;
        } else {
            return fail_at(p, p->at, "an unknown escape in a string");
        }
    }
    copy[length] = '\0';
    p->at = end + 1;
    *out = copy;
    return LORIS_OK;
}

/* ---- containers -------------------------------------------------------------------------------------------------- */

static loris_status push(parser *p, const pending *child) {
    if (p->used == p->capacity) {
        size_t capacity = p->capacity ? 2 * p->capacity : 64;
        pending *stack = realloc(p->stack, capacity * sizeof *stack);
        if (!stack)
            return fail_memory(p->where);
        p->stack = stack;
        p->capacity = capacity;
    }
    p->stack[p->used++] = *child;
    return LORIS_OK;
}

static int compare_keys(const void *left, const void *right) {
    const pending *l = left, *r = right;
    int order = strcmp(l->value.key, r->value.key);
    return order ? order : (l->at > r->at) - (l->at < r->at);
}

/* Sorts the children from `first` on, once they are copied: in place, n log n for a hostile object of a million
 * keys. */
static loris_status refuse_duplicates(parser *p, size_t first) {
    qsort(p->stack + first, p->used - first, sizeof *p->stack, compare_keys);
    for (size_t i = first + 1; i < p->used; i++)
        if (strcmp(p->stack[i - 1].value.key, p->stack[i].value.key) == 0) {
            char what[160];
            snprintf(what, sizeof what, "the key \"%.100s\" appears twice", p->stack[i].value.key);
            return fail_at(p, p->stack[i].at, what);
        }
    return LORIS_OK;
}

/* Moves the children from `first` on into `out`. */
static loris_status close_container(parser *p, size_t first, json *out) {
    size_t count = p->used - first;
    json *item = arena_alloc(p->a, count, sizeof *item);
    if (!item)
        return fail_memory(p->where);
    for (size_t i = 0; i < count; i++)
        item[i] = p->stack[first + i].value;
    out->count = count;
    out->item = item;
    if (out->type == JSON_OBJECT && count > 1)
        TRY(refuse_duplicates(p, first));
    p->used = first;
    return LORIS_OK;
}

static loris_status parse_value(parser *p, json *out);

static loris_status parse_key(parser *p, pending *child) {
    skip_space(p);
    child->at = p->at;
    if (peek(p) != '"')
        return fail_at(p, p->at, "expected a key in quotes");
    TRY(parse_string(p, &child->value.key));
    skip_space(p);
    if (peek(p) != ':')
        return fail_at(p, p->at, "expected ':' after the key");
    p->at++;
    return LORIS_OK;
}

static loris_status parse_container(parser *p, json *out) {
    bool object = p->data[p->at] == '{';
    char bracket = object ? '}' : ']';
    if (p->depth == JSON_MAX_DEPTH)
        return fail_at(p, p->at, "nested more than 64 deep");
    p->depth++;
    p->at++;
    size_t first = p->used;
    skip_space(p);
    bool more = peek(p) != bracket;
    while (more) {
        pending child = {0};
        if (object)
            TRY(parse_key(p, &child));
        TRY(parse_value(p, &child.value));
        TRY(push(p, &child));
        skip_space(p);
        more = peek(p) == ',';
        if (more)
            p->at++;
        else if (peek(p) != bracket)
            return fail_at(p, p->at, object ? "expected ',' or '}'" : "expected ',' or ']'");
    }
    p->at++;
    p->depth--;
    out->type = object ? JSON_OBJECT : JSON_ARRAY;
    return close_container(p, first, out);
}

/* Keeps out->key. */
static loris_status parse_value(parser *p, json *out) {
    skip_space(p);
    switch (peek(p)) {
    case '{':
    case '[':
        return parse_container(p, out);
    case '"':
        out->type = JSON_STRING;
        return parse_string(p, &out->string);
    case 't':
        return parse_word(p, "true", JSON_TRUE, out);
    case 'f':
        return parse_word(p, "false", JSON_FALSE, out);
    case 'n':
        return parse_word(p, "null", JSON_NULL, out);
    default:
        if (peek(p) == '-' || is_digit(peek(p)))
            return parse_number(p, out);
        return fail_at(p, p->at, "expected a value");
    }
}

static loris_status parse_document(parser *p, json *root) {
    if (p->size >= 3 && memcmp(p->data, "\xef\xbb\xbf", 3) == 0)
        p->at = 3;
    TRY(parse_value(p, root));
    skip_space(p);
    return p->at == p->size ? LORIS_OK : fail_at(p, p->at, "something follows the end of the document");
}

loris_status json_parse(const json **out, arena *a, const char *data, size_t size, const char *where) {
    *out = NULL;
    json *root = arena_alloc(a, 1, sizeof *root);
    if (!root)
        return fail_memory(where);
    parser p = {.a = a, .data = data, .size = size, .where = where};
    p.locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!p.locale)
        return fail_memory(where);
    loris_status status = parse_document(&p, root);
    freelocale(p.locale);
    free(p.stack);
    if (status == LORIS_OK)
        *out = root;
    return status;
}

/* ---- access ------------------------------------------------------------------------------------------------------ */

const json *json_get(const json *object, const char *key) {
    if (!object || object->type != JSON_OBJECT)
        return NULL;
    for (size_t i = 0; i < object->count; i++)
        if (strcmp(object->item[i].key, key) == 0)
            return &object->item[i];
    return NULL;
}

static loris_status need(const json *object, const char *key, json_type type, const char *type_name, const json **out,
                         const char *where) {
    const json *member = json_get(object, key);
    if (!member)
        return fail(LORIS_ERROR_INPUT, "is it the right file?", "%s: \"%s\" is missing", where, key);
    if (member->type != type)
        return fail(LORIS_ERROR_INPUT, "correct the file there", "%s: \"%s\" is not %s", where, key, type_name);
    *out = member;
    return LORIS_OK;
}

loris_status json_need_number(const json *object, const char *key, double low, double high, double *out,
                              const char *where) {
    const json *member;
    TRY(need(object, key, JSON_NUMBER, "a number", &member, where));
    if (!(member->number >= low && member->number <= high))
        return fail(LORIS_ERROR_INPUT, "correct the file there", "%s: \"%s\" is %.9g, outside %.9g to %.9g", where, key,
                    member->number, low, high);
    *out = member->number;
    return LORIS_OK;
}

loris_status json_need_string(const json *object, const char *key, const char **out, const char *where) {
    const json *member;
    TRY(need(object, key, JSON_STRING, "a string", &member, where));
    *out = member->string;
    return LORIS_OK;
}

loris_status json_need_array(const json *object, const char *key, const json **out, const char *where) {
    return need(object, key, JSON_ARRAY, "an array", out, where);
}
