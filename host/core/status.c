#include "core/status.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <pthread.h>

/* ---- the last failure of each thread --------------------------------------------------------------------------------- */

static _Thread_local error_record last_error;

/* Text may quote a hostile file: nothing of it may move a terminal's cursor or break a line. C1 controls arrive as the UTF-8
 * pair C2 80..9F; both bytes are replaced. */
static void make_printable(char *text) {
    for (unsigned char *c = (unsigned char *)text; *c; c++) {
        if (*c < 0x20 || *c == 0x7f) {
            *c = '?';
        } else if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f) {
            c[0] = '?';
            c[1] = '?';
        }
    }
}

/* A text cut in the middle of a UTF-8 character loses the incomplete character. `length` is that of the text in full. */
static void drop_cut_character(char *text, int length) {
    if (length < ERROR_MESSAGE_MAX)
        return;
    size_t end = strlen(text), start = end;
    while (start > 0 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
        start--;
    if (start == 0)
        return;
    unsigned char lead = (unsigned char)text[start - 1];
    size_t needed = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
    if (end - start < needed)
        text[start - 1] = '\0';
}

loris_status fail(loris_status status, const char *hint, const char *format, ...) {
    /* The arguments may point into the previous record (a message that quotes the last one): format aside, then copy. */
    error_record record = {.status = status};
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(record.message, sizeof record.message, format, arguments);
    va_end(arguments);
    drop_cut_character(record.message, length);
    length = snprintf(record.hint, sizeof record.hint, "%s", hint ? hint : "");
    drop_cut_character(record.hint, length);
    make_printable(record.message);
    make_printable(record.hint);
    last_error = record;
    return status;
}

loris_status fail_in(loris_status status, const char *format, ...) {
    char prefixed[ERROR_MESSAGE_MAX];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(prefixed, sizeof prefixed, format, arguments);
    va_end(arguments);
    drop_cut_character(prefixed, length);
    size_t used = strlen(prefixed);
    length = snprintf(prefixed + used, sizeof prefixed - used, ": %s", last_error.message);
    drop_cut_character(prefixed, (int)used + length);
    make_printable(prefixed);
    memcpy(last_error.message, prefixed, sizeof prefixed);
    last_error.status = status;
    return status;
}

loris_status fail_memory(const char *what) {
    return fail(LORIS_ERROR_MEMORY, "close other programs or work on a shorter piece", "out of memory: %s", what);
}

void error_take(error_record *out) {
    *out = last_error;
}

loris_status error_put(const error_record *record) {
    last_error = *record;
    return record->status;
}

const char *loris_error_message(void) {
    return last_error.message;
}

const char *loris_error_hint(void) {
    return last_error.hint;
}

const char *loris_version(void) {
    return LORIS_VERSION;
}

/* ---- messages -------------------------------------------------------------------------------------------------------- */

/* Workers report from any thread: the lock keeps the function and its user pointer a pair. It is not held during the call, so
 * that a callback may log or change the callback itself. */
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static loris_log_function *log_function;
static void *log_user;

void loris_set_log(loris_log_function *function, void *user) {
    pthread_mutex_lock(&log_lock);
    log_function = function;
    log_user = user;
    pthread_mutex_unlock(&log_lock);
}

void log_message(loris_level level, const char *format, ...) {
    pthread_mutex_lock(&log_lock);
    loris_log_function *function = log_function;
    void *user = log_user;
    pthread_mutex_unlock(&log_lock);
    if (!function)
        return;
    char message[ERROR_MESSAGE_MAX];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    drop_cut_character(message, length);
    make_printable(message);
    function(user, level, message);
}

/* ---- cancelling ------------------------------------------------------------------------------------------------------ */

/* Set from signal handlers: C11 allows lock-free atomics there. */
static atomic_int cancel_requested;
_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "loris_cancel() must be async-signal-safe");

void loris_cancel(void) {
    atomic_store(&cancel_requested, 1);
}

void loris_resume(void) {
    atomic_store(&cancel_requested, 0);
}

bool cancelled(void) {
    return atomic_load_explicit(&cancel_requested, memory_order_relaxed) != 0;
}

loris_status check_cancelled(void) {
    return cancelled() ? fail(LORIS_CANCELLED, NULL, "cancelled") : LORIS_OK;
}
