/* What the program says: one line per error, the library's messages, JSON values. */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

enum { MESSAGE_MAX = 2048 };

void make_printable(char *text) {
    for (unsigned char *c = (unsigned char *)text; *c; c++)
        if (*c < 0x20 || *c == 0x7f)
            *c = '?';
}

static char complaint[MESSAGE_MAX];

const char *last_complaint(void) {
    return complaint;
}

int complain(int status, const char *hint, const char *format, ...) {
    char message[MESSAGE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    make_printable(message);
    progress_hide();
    snprintf(complaint, sizeof complaint, "%s", message);
    fprintf(stderr, PROGRAM ": %s%s%s\n", message, hint && *hint ? "; " : "", hint ? hint : "");
    return status;
}

int exit_status_of(loris_status status) {
    static const int exits[] = {[LORIS_OK] = EXIT_DONE,
                                [LORIS_ERROR_INTERNAL] = EXIT_FAULT,
                                [LORIS_ERROR_ARGUMENT] = EXIT_USAGE,
                                [LORIS_ERROR_INPUT] = EXIT_INPUT,
                                [LORIS_ERROR_DEVICE] = EXIT_DEVICE,
                                [LORIS_ERROR_OUTPUT] = EXIT_OUTPUT,
                                [LORIS_ERROR_MEMORY] = EXIT_FAULT,
                                [LORIS_MISMATCH] = EXIT_FAULT};
    if (status == LORIS_CANCELLED)
        return EXIT_INTERRUPTED;
    return (size_t)status < sizeof exits / sizeof *exits ? exits[status] : EXIT_FAULT;
}

int complain_interrupted(void) {
    static atomic_flag told = ATOMIC_FLAG_INIT;
    if (!atomic_flag_test_and_set(&told))
        complain(EXIT_INTERRUPTED, NULL, "interrupted");
    return EXIT_INTERRUPTED;
}

int complain_library(loris_status status) {
    if (status == LORIS_CANCELLED)
        return complain_interrupted();
    return complain(exit_status_of(status), loris_error_hint(), "%s", loris_error_message());
}

static void show_message(void *user, loris_level level, const char *message) {
    const loris_level *most = user;
    if (level > *most)
        return;
    flockfile(stderr);
    progress_hide();
    fprintf(stderr, PROGRAM ": %s%s\n", level == LORIS_LOG_WARNING ? "warning: " : "", message);
    funlockfile(stderr);
}

void show_messages(bool quiet, bool verbose) {
    static loris_level most;
    most = verbose ? LORIS_LOG_DEBUG : LORIS_LOG_WARNING;
    loris_set_log(quiet ? NULL : show_message, &most);
}

int finish_output(int status) {
    bool failed = ferror(stdout);
    if (fflush(stdout) != 0)
        failed = true;
    if (!failed)
        return status;
    /* A reader who has seen enough ('| head') knows. */
    if (errno != EPIPE)
        complain(EXIT_OUTPUT, "is the disk full?", "standard output: %s", strerror(errno));
    return status == EXIT_DONE ? EXIT_OUTPUT : status;
}

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

/* Bytes of the UTF-8 character at `c`; 0 when it is none (RFC 3629). */
static int utf8_length(const unsigned char *c) {
    int length = c[0] < 0x80                   ? 1
                 : c[0] >= 0xc2 && c[0] < 0xe0 ? 2
                 : (c[0] & 0xf0) == 0xe0       ? 3
                 : c[0] >= 0xf0 && c[0] < 0xf5 ? 4
                                               : 0;
    for (int i = 1; i < length; i++)
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xf0 && c[1] < 0x90);
    bool beyond = (c[0] == 0xed && c[1] >= 0xa0) || (c[0] == 0xf4 && c[1] >= 0x90);
    return length > 1 && (overlong || beyond) ? 0 : length;
}

void write_json_string(FILE *out, const char *text) {
    fputc('"', out);
    for (const unsigned char *c = (const unsigned char *)text; *c;) {
        int length = utf8_length(c);
        if (length == 0)
            fputs("\xef\xbf\xbd", out); /* U+FFFD: a file's name may be any bytes, JSON may not */
        else if (*c == '"' || *c == '\\')
            fprintf(out, "\\%c", *c);
        else if (*c < 0x20)
            fprintf(out, "\\u%04x", *c);
        else
            fwrite(c, 1, (size_t)length, out);
        c += length ? length : 1;
    }
    fputc('"', out);
}

void print_json_string(const char *text) {
    write_json_string(stdout, text);
}

void print_json_number(double value) {
    char digits[32];
    if (!isfinite(value)) {
        fputs("null", stdout);
        return;
    }
    for (int precision = 6; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, value);
        if (strtod(digits, NULL) == value)
            break;
    }
    fputs(digits, stdout);
}
