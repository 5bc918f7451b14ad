/* Reading a command line by a command's table of options: -o FILE, -oFILE, --output FILE, --output=FILE, clustered
 * letters, unambiguous beginnings of long names, -- before operands. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

enum { WORDS_MAX = 64, LIST_MAX = OPTION_TEXT_MAX };

bool takes_value(const option *o) {
    return o->argument != NULL;
}

bool is_option(const option *o) {
    return o->kind != OPTION_HEADING;
}

bool is_shown(const option *o) {
    return is_option(o) && !o->hidden;
}

static bool has_range(const option *o) {
    return o->kind == OPTION_INTEGER || o->kind == OPTION_NUMBER;
}

/* Appends `text` to the list in `list`, cut where that is full. */
static void append(char list[LIST_MAX], const char *separator, const char *text) {
    size_t used = strlen(list);
    snprintf(list + used, LIST_MAX - used, "%s%s", used ? separator : "", text);
}

/* "auto, free or 30 to 300"; "" when anything goes */
static void list_values(const option *o, char list[LIST_MAX]) {
    char range[96];
    list[0] = '\0';
    for (const option_word *w = o->words; w && w->name; w++)
        append(list, w[1].name || has_range(o) ? ", " : " or ", w->name);
    snprintf(range, sizeof range, "%g to %g", o->low, o->high);
    if (has_range(o))
        append(list, " or ", range);
}

void describe_option(const option *o, char text[OPTION_TEXT_MAX]) {
    char values[LIST_MAX];
    list_values(o, values);
    text[0] = '\0';
    append(text, "", o->help);
    if (*values)
        append(text, ": ", values);
    if (o->detail)
        append(text, "; ", o->detail);
    if (o->fallback) {
        append(text, " (default: ", o->fallback);
        append(text, ")", "");
    }
}

static int complain_hinting_help(const command *c, const char *message, const char *detail) {
    char hint[128];
    snprintf(hint, sizeof hint, "'" PROGRAM " help %s' explains", c->name);
    return complain(EXIT_USAGE, hint, "%s%s", message, detail);
}

/* ---- finding an option ------------------------------------------------------------------------------------------- */

static int complain_unknown(const command *c, const char *name) {
    const char *candidates[WORDS_MAX];
    size_t count = 0;
    for (const option *o = c->options; o->kind != OPTION_END && count < WORDS_MAX - 1; o++)
        if (is_shown(o))
            candidates[count++] = o->name;
    candidates[count] = NULL;
    const char *near = suggest(name, candidates);
    char hint[128];
    if (near)
        snprintf(hint, sizeof hint, "did you mean --%s?", near);
    else
        snprintf(hint, sizeof hint, "'" PROGRAM " help %s' lists the options", c->name);
    return complain(EXIT_USAGE, hint, "unknown option --%s", name);
}

/* The option named by text[0..length): in full, or by a beginning that fits no other. NULL: it has been said. */
static const option *find_long(const command *c, const char *text, size_t length, int *status) {
    const option *found = NULL;
    size_t fitting = 0;
    char candidates[LIST_MAX] = "";
    for (const option *o = c->options; o->kind != OPTION_END; o++) {
        if (!is_option(o) || strncmp(o->name, text, length) != 0)
            continue;
        if (o->name[length] == '\0')
            return o;
        if (o->hidden)
            continue;
        found = o;
        fitting++;
        append(candidates, ", --", o->name);
    }
    if (fitting == 1)
        return found;
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)(length < 63 ? length : 63), text);
    if (fitting == 0 || length == 0)
        *status = complain_unknown(c, name);
    else
        *status = complain(EXIT_USAGE, "write more of it", "option --%s could be --%s", name, candidates);
    return NULL;
}

static const option *find_letter(const command *c, char letter) {
    for (const option *o = c->options; o->kind != OPTION_END; o++)
        if (is_option(o) && o->letter == letter)
            return o;
    return NULL;
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

/* Says what `o` takes. */
static int complain_value(const option *o, const char *value) {
    char values[LIST_MAX], hint[LIST_MAX + 64];
    const char *candidates[WORDS_MAX];
    size_t count = 0;
    for (const option_word *w = o->words; w && w->name && count < WORDS_MAX - 1; w++)
        candidates[count++] = w->name;
    candidates[count] = NULL;
    const char *near = suggest(value, candidates);
    list_values(o, values);
    if (near)
        snprintf(hint, sizeof hint, "did you mean %s?", near);
    else if (o->kind == OPTION_SEED)
        snprintf(hint, sizeof hint, "use a whole number from 0 to %llu", (unsigned long long)UINT64_MAX);
    else
        snprintf(hint, sizeof hint, "use %s%s", values, o->kind == OPTION_INTEGER ? ", a whole number" : "");
    return complain(EXIT_USAGE, hint, "--%s cannot be '%s'", o->name, value);
}

static const option_word *find_word(const option *o, const char *value) {
    for (const option_word *w = o->words; w && w->name; w++)
        if (strcmp(w->name, value) == 0)
            return w;
    return NULL;
}

static bool read_double(const char *value, double low, double high, double *out) {
    char *end;
    errno = 0;
    *out = strtod(value, &end);
    return end != value && !*end && isfinite(*out) && *out >= low && *out <= high;
}

static bool read_seed(const char *value, uint64_t *out) {
    if (!*value || strspn(value, "0123456789") != strlen(value))
        return false;
    errno = 0;
    unsigned long long read = strtoull(value, NULL, 10);
    *out = read;
    return errno == 0 && read <= UINT64_MAX;
}

static bool store_integer(const option *o, const char *value, void *field) {
    double number;
    if (!read_double(value, o->low, o->high, &number) || number != floor(number))
        return false;
    int integer = (int)number;
    memcpy(field, &integer, sizeof integer);
    return true;
}

static bool store_word(const option *o, const char *value, void *field) {
    const option_word *w = find_word(o, value);
    if (!w)
        return false;
    int integer = (int)w->value;
    bool boolean = integer != 0;
    if (o->kind == OPTION_WORD)
        memcpy(field, &w->name, sizeof w->name);
    else if (o->kind == OPTION_SWITCH)
        memcpy(field, &boolean, sizeof boolean);
    else if (o->kind == OPTION_ENUM)
        memcpy(field, &integer, sizeof integer);
    else
        memcpy(field, &w->value, sizeof w->value);
    return true;
}

static bool store_number(const option *o, const char *value, void *field) {
    double number;
    if (store_word(o, value, field))
        return true;
    if (!read_double(value, o->low, o->high, &number))
        return false;
    memcpy(field, &number, sizeof number);
    return true;
}

/* Stores `value` (NULL for an option without one) in the option's field; false when it does not fit. */
static bool store(const option *o, const char *value, void *arguments) {
    static const bool yes = true;
    void *field = (char *)arguments + o->field;
    uint64_t seed;
    switch (o->kind) {
    case OPTION_FLAG:
        memcpy(field, &yes, sizeof yes);
        return true;
    case OPTION_WORD:
    case OPTION_SWITCH:
    case OPTION_ENUM:
        return store_word(o, value, field);
    case OPTION_INTEGER:
        return store_integer(o, value, field);
    case OPTION_NUMBER:
        return store_number(o, value, field);
    case OPTION_SEED:
        if (!read_seed(value, &seed))
            return false;
        memcpy(field, &seed, sizeof seed);
        return true;
    default:
        memcpy(field, &value, sizeof value);
        return true;
    }
}

/* ---- the command line -------------------------------------------------------------------------------------------- */

typedef struct parser {
    const command *command;
    int argc, at;
    char **argv;
    void *arguments;
    int status; /* the exit status once `stopped` */
    bool stopped;
} parser;

static void stop(parser *p, int status) {
    p->status = status;
    p->stopped = true;
}

/* `value`: what is attached to the option, or NULL. */
static void apply(parser *p, const option *o, const char *value) {
    if (o->kind == OPTION_HELP) {
        print_help(p->command);
        stop(p, EXIT_DONE);
    } else if (o->kind == OPTION_VERSION) {
        stop(p, command_version.run(0, NULL));
    } else {
        if (takes_value(o) && !value && ++p->at < p->argc)
            value = p->argv[p->at];
        if (takes_value(o) && !value)
            stop(p, complain(EXIT_USAGE, NULL, "--%s needs a value: --%s %s", o->name, o->name, o->argument));
        else if (!store(o, value, p->arguments))
            stop(p, complain_value(o, value));
    }
}

static void parse_long(parser *p, const char *text) {
    size_t length = strcspn(text, "=");
    const char *value = text[length] == '=' ? text + length + 1 : NULL;
    const option *o = find_long(p->command, text, length, &p->status);
    if (!o)
        p->stopped = true;
    else if (value && !takes_value(o))
        stop(p, complain(EXIT_USAGE, NULL, "--%s takes no value, but '%s' was given", o->name, value));
    else
        apply(p, o, value);
}

static void parse_letters(parser *p, const char *text) {
    for (; *text && !p->stopped; text++) {
        const option *o = find_letter(p->command, *text);
        if (!o) {
            const char unknown[] = {*text, '\0'};
            stop(p, complain_hinting_help(p->command, "unknown option -", unknown));
        } else if (takes_value(o)) {
            apply(p, o, text[1] ? text + 1 : NULL);
            return;
        } else {
            apply(p, o, NULL);
        }
    }
}

static void take_operand(parser *p, const char **operand, const char *word) {
    if (!p->command->operand.name)
        stop(p, complain_hinting_help(p->command, "unexpected argument: ", word));
    else if (p->command->operand.many) {
        while (*operand)
            operand++;
        *operand = word;
        operand[1] = NULL;
    } else if (*operand && p->command->operand.second && !operand[1])
        operand[1] = word;
    else if (*operand && p->command->operand.second)
        stop(p, complain(EXIT_USAGE, "put names with spaces in quotes", "unexpected argument: '%s'", word));
    else if (*operand)
        stop(p, complain(EXIT_USAGE, "put names with spaces in quotes", "more than one %s: '%s' and '%s'",
                         p->command->operand.name, *operand, word));
    else
        *operand = word;
}

bool parse_options(const command *c, int argc, char **argv, void *arguments, const char **operand, int *status) {
    parser p = {.command = c, .argc = argc, .argv = argv, .arguments = arguments};
    const char *ignored = NULL;
    bool options_end = false;
    if (!operand)
        operand = &ignored;
    *operand = NULL;
    if (c->operand.second)
        operand[1] = NULL;
    for (; p.at < argc && !p.stopped; p.at++) {
        const char *word = argv[p.at];
        if (options_end || word[0] != '-' || !word[1])
            take_operand(&p, operand, word);
        else if (strcmp(word, "--") == 0)
            options_end = true;
        else if (word[1] == '-')
            parse_long(&p, word + 2);
        else
            parse_letters(&p, word + 1);
    }
    if (!p.stopped && c->operand.required && !*operand)
        stop(&p, complain_hinting_help(c, "missing argument: ", c->operand.name));
    else if (!p.stopped && *operand && c->operand.second && !operand[1])
        stop(&p, complain_hinting_help(c, "missing argument: ", c->operand.second));
    *status = p.status;
    return !p.stopped;
}

/* ---- the command line, once more --------------------------------------------------------------------------------- */

static bool is_among(const char *name, const char *const *names) {
    for (; *names; names++)
        if (strcmp(name, *names) == 0)
            return true;
    return false;
}

static void print_quoted(FILE *out, const char *word) {
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@%+=:,./-";
    if (*word && strspn(word, plain) == strlen(word)) {
        fprintf(out, " %s", word);
        return;
    }
    fputs(" '", out);
    for (; *word; word++)
        fprintf(out, *word == '\'' ? "'\\''" : "%c", *word);
    fputc('\'', out);
}

/* The option that takes its value from the word after `word`, or stands in it with its value; NULL for an operand and
 * for letters without a value. *values: how many words follow that belong to it. */
static const option *option_of(const command *c, const char *word, int *values) {
    const option *o = NULL;
    int status;
    *values = 0;
    if (word[0] != '-' || !word[1])
        return NULL;
    if (word[1] == '-') {
        size_t length = strcspn(word + 2, "=");
        o = find_long(c, word + 2, length, &status);
        *values = o && takes_value(o) && word[2 + length] != '=';
        return o;
    }
    for (const char *letter = word + 1; *letter; letter++) {
        o = find_letter(c, *letter);
        if (o && takes_value(o)) {
            *values = !letter[1];
            return o;
        }
    }
    return o;
}

char *repeat_options(const command *c, int argc, char **argv, const char *with, const char *const *without) {
    char *line = NULL;
    size_t size;
    FILE *out = open_memstream(&line, &size);
    if (!out)
        return NULL;
    fprintf(out, PROGRAM " %s %s", c->name, with);
    bool options_end = false;
    for (int i = 0; i < argc; i++) {
        int values = 0;
        bool ends = !options_end && strcmp(argv[i], "--") == 0;
        const option *o = options_end || ends ? NULL : option_of(c, argv[i], &values);
        bool left_out = o && is_among(o->name, without);
        options_end = options_end || ends;
        for (int end = i + values; i <= end && i < argc; i++)
            if (!left_out)
                print_quoted(out, argv[i]);
        i--;
    }
    if (fclose(out) == 0)
        return line;
    free(line);
    return NULL;
}
