/* How far a run is, on standard error. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"

static const double REDRAW = 0.1; /* seconds between redraws, at least */
static const double SETTLE = 0.5; /* seconds of a stage before its remaining time is guessed */

/* In columns: the bar; a stage's name, and what is said behind the bar, for which room is kept so that it holds still.
 */
enum { BAR_MAX = 40, BAR_MIN = 8, STAGE_MAX = 20, STAGE_ROOM = 7, TEXT_ROOM = 36, COUNTED_MAX = 9999, WIDTH_MAX = 400 };

/* The library's messages come from any thread: whoever writes or reads this holds standard error's lock. */
static struct {
    bool bar, lines, bold; /* redraw a bar; leave a line per finished stage; the terminal knows bold */
    bool drawn;            /* is a bar on the terminal now? */
    char stage[STAGE_MAX]; /* "" before the first */
    int room;              /* for it: STAGE_ROOM, or more once a stage's name was longer */
    double since, redrawn; /* when the stage began; when the bar was last drawn */
} state;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void progress_begin(bool quiet, bool verbose) {
    const char *terminal = getenv("TERM"), *plain = getenv("NO_COLOR");
    bool capable = isatty(STDERR_FILENO) && terminal && *terminal && strcmp(terminal, "dumb") != 0;
    memset(&state, 0, sizeof state);
    state.room = STAGE_ROOM;
    state.bar = capable && !quiet;
    state.lines = !quiet && (verbose || !capable);
    state.bold = !(plain && *plain); /* no-color.org */
}

void progress_hide(void) {
    flockfile(stderr);
    if (state.drawn) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
        state.drawn = false;
        state.redrawn = 0;
    }
    funlockfile(stderr);
}

/* ---- the bar ----------------------------------------------------------------------------------------------------- */

static int terminal_width(void) {
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return 80;
    return size.ws_col < WIDTH_MAX ? size.ws_col : WIDTH_MAX;
}

/* "  9 of 24   38 %  0:12 left": what of it is known */
static void describe(char *out, size_t size, double done, double total, double elapsed) {
    size_t used = 0;
    out[0] = '\0';
    if (!(total > 0))
        return;
    if (total > 1 && total <= COUNTED_MAX)
        used += (size_t)snprintf(out, size, "  %.0f of %.0f", floor(done), total);
    used += (size_t)snprintf(out + used, size - used, "  %3.0f %%", floor(100 * done / total));
    if (done > 0 && elapsed > SETTLE) {
        long left = (long)ceil(fmin(elapsed * (total - done) / done, 359999));
        if (left >= 3600)
            snprintf(out + used, size - used, "  %ld:%02ld:%02ld left", left / 3600, left / 60 % 60, left % 60);
        else
            snprintf(out + used, size - used, "  %ld:%02ld left", left / 60, left % 60);
    }
}

/* One line of at most the terminal's width less one: the last column would make some terminals wrap. */
static void draw(double done, double total) {
    char text[96], bar[BAR_MAX + 5] = "";
    double fraction = total > 0 ? fmax(0, fmin(1, done / total)) : 0;
    int width = terminal_width() - 1, room = width - state.room - TEXT_ROOM - 4; /* 4: two spaces, two brackets */
    int length = room < BAR_MAX ? room : BAR_MAX;
    describe(text, sizeof text, fraction * total, total, now() - state.since);
    if (total > 0 && length >= BAR_MIN) {
        int filled = (int)floor(fraction * length);
        memcpy(bar, "  [", 3);
        for (int i = 0; i < length; i++)
            bar[3 + i] = i < filled ? '#' : '-';
        memcpy(bar + 3 + length, "]", 2);
    }
    int left = width - state.room - (int)strlen(bar);
    fprintf(stderr, "\r\033[K%s%-*.*s%s%s%.*s", state.bold ? "\033[1m" : "", state.room, width, state.stage,
            state.bold ? "\033[0m" : "", bar, left > 0 ? left : 0, text);
    fflush(stderr);
    state.drawn = true;
}

/* ---- stages ------------------------------------------------------------------------------------------------------ */

static void end_stage(double at) {
    if (state.lines && state.stage[0]) {
        progress_hide();
        fprintf(stderr, "%-*s %8.2f s\n", state.room, state.stage, at - state.since);
    }
    state.stage[0] = '\0';
}

void progress_update(void *user, const char *stage, double done, double total) {
    (void)user;
    double at = now();
    flockfile(stderr);
    if (strncmp(state.stage, stage, STAGE_MAX - 1) != 0) {
        end_stage(at);
        snprintf(state.stage, sizeof state.stage, "%s", stage);
        state.room = state.room > (int)strlen(state.stage) ? state.room : (int)strlen(state.stage);
        state.since = at;
        state.redrawn = 0;
    }
    if (state.bar && at - state.redrawn >= REDRAW) {
        draw(done, total);
        state.redrawn = at;
    }
    funlockfile(stderr);
}

void progress_end(bool completed) {
    flockfile(stderr);
    progress_hide();
    if (completed)
        end_stage(now());
    memset(&state, 0, sizeof state);
    funlockfile(stderr);
}
