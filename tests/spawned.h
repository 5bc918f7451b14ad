/* Runs programs as a user would, with a limit on time, and keeps what they print. */
#ifndef LORIS_TESTS_SPAWNED_H
#define LORIS_TESTS_SPAWNED_H

#include <stdio.h>

#include <sys/types.h>

typedef struct spawn_settings {
    const char *folder;             /* where to run; NULL = here */
    const char *const *environment; /* "NAME=VALUE" that is added or replaced, ended by NULL; or NULL */
    const char *out, *err;          /* standard output or error goes to this file instead; or NULL */
    long file_limit;                /* bytes no file may exceed (RLIMIT_FSIZE); 0 = none */
} spawn_settings;

typedef struct spawned {
    pid_t process;
    FILE *out_file, *err_file;
    int status;      /* exit status; minus the signal that ended it */
    char *out, *err; /* what it printed */
} spawned;

/* Starts argv[0], looked for in PATH; `settings` may be NULL. */
void spawn_start(spawned *s, const char *const *argv, const spawn_settings *settings);

/* What it has printed on standard error so far; free() it. */
char *spawn_peek(const spawned *s);

/* Waits for the end; a process that takes more than `seconds` is killed and fails the test. */
void spawn_wait(spawned *s, double seconds);

/* Splits `line` at spaces; the words follow `program`. */
void spawn_start_line(spawned *s, const char *program, const char *line, const spawn_settings *settings);
void spawn_line(spawned *s, const char *program, const char *line, const spawn_settings *settings); /* and waits */

/* Starts it and waits for up to a minute. */
void spawn_run(spawned *s, const char *const *argv, const spawn_settings *settings);
void spawn_free(spawned *s);

void assert_contains(const char *said, const char *wanted);

#endif
