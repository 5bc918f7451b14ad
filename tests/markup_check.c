#include "markup_check.h"

#include "compare.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "core/text.h"

enum { DEPTH_MAX = 64, NAMES_MAX = 32 };

typedef struct span {
    const char *start;
    size_t length;
} span;

static bool same(span a, span b) {
    return a.length == b.length && memcmp(a.start, b.start, a.length) == 0;
}

static bool is(span a, const char *name) {
    return same(a, (span){name, strlen(name)});
}

static void check_characters(const char *c) {
    for (size_t left = strlen(c); left;) {
        size_t length = utf8_length(c, left);
        if (!length || ((unsigned char)*c < 0x20 && !strchr("\t\n\r", *c)))
            fail_msg("a character that XML cannot hold: %.40s", c);
        c += length;
        left -= length;
    }
}

/* `c` is at a '&'. */
static void check_reference(const char *c) {
    static const char *const known[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&apos;"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strncmp(c, known[i], strlen(known[i])) == 0)
            return;
    const char *digits = c + 2;
    if (c[1] != '#' || !isdigit((unsigned char)*digits) || digits[strspn(digits, "0123456789")] != ';')
        fail_msg("an unknown reference: %.40s", c);
}

static span take_name(const char **c) {
    span name = {*c, strcspn(*c, " \t\n=/>\"'<&")};
    if (!name.length)
        fail_msg("a name is missing: %.40s", *c);
    *c += name.length;
    return name;
}

/* After the element's name; returns what follows '>', and whether the element is empty. */
static const char *check_attributes(const char *c, bool *empty) {
    span names[NAMES_MAX];
    size_t count = 0;
    for (;;) {
        size_t space = strspn(c, " \t\n");
        c += space;
        *empty = *c == '/';
        if (*c == '>' || *empty) {
            c += *empty;
            if (*c != '>')
                fail_msg("a tag does not end: %.40s", c);
            return c + 1;
        }
        assert_true(space > 0 && count < NAMES_MAX);
        names[count] = take_name(&c);
        for (size_t i = 0; i < count; i++)
            if (same(names[i], names[count]))
                fail_msg("an attribute twice: %.40s", names[count].start);
        count++;
        if (c[0] != '=' || (c[1] != '"' && c[1] != '\''))
            fail_msg("an attribute without a quoted value: %.40s", names[count - 1].start);
        char quote = c[1];
        for (c += 2; *c != quote; c++) {
            if (!*c || *c == '<')
                fail_msg("a value does not end: %.40s", names[count - 1].start);
            if (*c == '&')
                check_reference(c);
        }
        c++;
    }
}

static const char *after(const char *c, const char *end) {
    const char *found = strstr(c, end);
    if (!found)
        fail_msg("'%s' is missing after %.40s", end, c);
    return found + strlen(end);
}

void assert_well_formed(const char *markup) {
    span open[DEPTH_MAX];
    size_t depth = 0, roots = 0;
    check_characters(markup);
    for (const char *c = markup; *c;) {
        if (*c == '&')
            check_reference(c);
        if (*c != '<') {
            if (!depth && !isspace((unsigned char)*c))
                fail_msg("text outside of the root: %.40s", c);
            c++;
        } else if (strncmp(c, "<!--", 4) == 0) {
            c = after(c, "-->");
        } else if (c[1] == '?' || c[1] == '!') {
            c = after(c, ">");
        } else if (c[1] == '/') {
            c += 2;
            span name = take_name(&c);
            if (!depth || !same(open[depth - 1], name) || *c != '>')
                fail_msg("an end that fits no beginning: %.40s", name.start);
            depth--;
            c++;
        } else {
            bool empty;
            c++;
            span name = take_name(&c);
            c = check_attributes(c, &empty);
            roots += depth == 0;
            assert_true(depth < DEPTH_MAX);
            if (!empty)
                open[depth++] = name;
            if (!empty && (is(name, "script") || is(name, "style")))
                c = strstr(c, is(name, "script") ? "</script>" : "</style>");
            assert_non_null(c);
        }
    }
    if (depth)
        fail_msg("not closed: %.40s", open[depth - 1].start);
    assert_int_equal(roots, 1);
}

size_t count_of(const char *markup, const char *part) {
    size_t count = 0;
    for (; (markup = strstr(markup, part)) != NULL; markup += strlen(part))
        count++;
    return count;
}
