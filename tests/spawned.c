#include "spawned.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "compare.h"

extern char **environ;

enum { ENVIRONMENT_MAX = 512 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* This process's environment with `added` in it, and no place for the user's state unless that names one. */
static void make_environment(char *environment[ENVIRONMENT_MAX], const char *const *added) {
    size_t count = 0;
    for (; added && added[count]; count++)
        environment[count] = (char *)(uintptr_t)added[count];
    environment[count++] = (char *)(uintptr_t) "XDG_STATE_HOME=/dev/null"; /* the first of two counts */
    size_t of_added = count;
    for (char **e = environ; *e; e++) {
        bool replaced = false;
        for (size_t i = 0; i < of_added; i++)
            replaced = replaced || strncmp(*e, environment[i], strcspn(environment[i], "=") + 1) == 0;
        if (!replaced && count < ENVIRONMENT_MAX - 1)
            environment[count++] = *e;
    }
    environment[count] = NULL;
}

void spawn_start(spawned *s, const char *const *argv, const spawn_settings *settings) {
    static const spawn_settings none;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    char *environment[ENVIRONMENT_MAX];
    sigset_t defaults;
    struct rlimit before, limit;
    if (!settings)
        settings = &none;
    memset(s, 0, sizeof *s);
    s->out_file = tmpfile();
    s->err_file = tmpfile();
    assert_non_null(s->out_file);
    assert_non_null(s->err_file);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (settings->out)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, settings->out, O_WRONLY, 0);
    else
        posix_spawn_file_actions_adddup2(&actions, fileno(s->out_file), STDOUT_FILENO);
    if (settings->err)
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, settings->err, O_WRONLY | O_NOCTTY, 0);
    else
        posix_spawn_file_actions_adddup2(&actions, fileno(s->err_file), STDERR_FILENO);
    if (settings->folder)
        posix_spawn_file_actions_addchdir_np(&actions, settings->folder);
    /* A test run in a script's background would else hand down an ignored SIGINT. */
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGINT);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    make_environment(environment, settings->environment);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    if (settings->file_limit)
        limit.rlim_cur = (rlim_t)settings->file_limit;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    int error = posix_spawnp(&s->process, argv[0], &actions, &attributes, (char *const *)(uintptr_t)argv, environment);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    assert_int_equal(error, 0);
}

static char *content(FILE *file) {
    off_t size = lseek(fileno(file), 0, SEEK_END);
    assert_true(size >= 0);
    char *text = calloc((size_t)size + 1, 1);
    assert_non_null(text);
    assert_int_equal(pread(fileno(file), text, (size_t)size, 0), size);
    return text;
}

char *spawn_peek(const spawned *s) {
    /* Not content(): the position is shared with the process that writes. */
    enum { MOST = 65536 };
    char *text = calloc(MOST + 1, 1);
    assert_non_null(text);
    assert_true(pread(fileno(s->err_file), text, MOST, 0) >= 0);
    return text;
}

void spawn_wait(spawned *s, double seconds) {
    const struct timespec pause = {.tv_nsec = 5000000};
    double until = now() + seconds;
    int status;
    pid_t ended;
    while ((ended = waitpid(s->process, &status, WNOHANG)) == 0 && now() < until)
        nanosleep(&pause, NULL);
    if (ended == 0) {
        kill(s->process, SIGKILL);
        waitpid(s->process, &status, 0);
    }
    s->out = content(s->out_file);
    s->err = content(s->err_file);
    fclose(s->out_file);
    fclose(s->err_file);
    if (ended == 0)
        fail_msg("still running after %g s; it said: %s%s", seconds, s->out, s->err);
    assert_int_equal(ended, s->process);
    s->status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void spawn_run(spawned *s, const char *const *argv, const spawn_settings *settings) {
    spawn_start(s, argv, settings);
    spawn_wait(s, 60);
}

void spawn_start_line(spawned *s, const char *program, const char *line, const spawn_settings *settings) {
    enum { WORDS_MAX = 32, LENGTH_MAX = 1024 };
    const char *argv[WORDS_MAX + 2] = {program};
    char words[LENGTH_MAX], *rest = *line ? words : NULL;
    assert_true(strlen(line) < sizeof words);
    strcpy(words, line);
    for (int i = 1; rest; i++) {
        assert_true(i <= WORDS_MAX);
        argv[i] = strsep(&rest, " ");
    }
    spawn_start(s, argv, settings);
}

void spawn_line(spawned *s, const char *program, const char *line, const spawn_settings *settings) {
    spawn_start_line(s, program, line, settings);
    spawn_wait(s, 60);
}

void assert_contains(const char *said, const char *wanted) {
    if (!strstr(said, wanted))
        fail_msg("'%s' is not in: %s", wanted, said);
}

void spawn_free(spawned *s) {
    free(s->out);
    free(s->err);
}
