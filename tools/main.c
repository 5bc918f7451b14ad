/* loris-cl: watches a video and composes its soundtrack. Finds the command and handles signals. */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"

const command *const commands[] = {
    &command_run,  &command_rhythm,  &command_poses,  &command_infer,   &command_prepare, &command_convert,
    &command_info, &command_devices, &command_verify, &command_bench,   &command_plan,    &command_profile,
    &command_tune, &command_doctor,  &command_report, &command_version, &command_help,    NULL};

const exit_meaning exit_meanings[] = {
    {EXIT_DONE, "done"},
    {EXIT_FAULT, "wrong values were found, a device is slower than allowed, memory ran out, or the program has a "
                 "fault"},
    {EXIT_USAGE, "an option or argument is wrong"},
    {EXIT_INPUT, "a video, model or other input cannot be used"},
    {EXIT_DEVICE, "there is no such OpenCL device, or it failed"},
    {EXIT_OUTPUT, "an output cannot be written"},
    {EXIT_INTERRUPTED, "interrupted by SIGINT (Ctrl-C), SIGTERM or SIGHUP"},
    {0, NULL}};

const option_word backend_words[] = {{"auto", LORIS_BACKEND_AUTO},
                                     {"own", LORIS_BACKEND_OWN},
                                     {"clblast", LORIS_BACKEND_CLBLAST},
                                     {"onednn", LORIS_BACKEND_ONEDNN},
                                     {NULL, 0}};

const option_word rhythm_source_words[] = {{"flow", LORIS_RHYTHM_FLOW}, {"pose", LORIS_RHYTHM_POSE}, {NULL, 0}};

const option_word precision_words[] = {{"auto", LORIS_PRECISION_AUTO},
                                       {"f32", LORIS_PRECISION_F32},
                                       {"bf16", LORIS_PRECISION_BF16},
                                       {"f16", LORIS_PRECISION_F16},
                                       {NULL, 0}};

const command *command_named(const char *name) {
    for (const command *const *c = commands; *c; c++)
        if (strcmp((*c)->name, name) == 0)
            return *c;
    return NULL;
}

static atomic_bool interrupted;

bool was_interrupted(void) {
    return atomic_load(&interrupted);
}

/* ---- ending at once ---------------------------------------------------------------------------------------------- */

static _Atomic double patience = 0.7;

void set_patience(double seconds) {
    atomic_store(&patience, seconds);
}

static struct {
    pthread_mutex_t lock;
    char *file, *folder;
} leftovers = {.lock = PTHREAD_MUTEX_INITIALIZER};

void set_leftovers(const char *file, const char *folder) {
    pthread_mutex_lock(&leftovers.lock);
    free(leftovers.file);
    free(leftovers.folder);
    leftovers.file = file ? strdup(file) : NULL;
    leftovers.folder = folder ? strdup(folder) : NULL;
    pthread_mutex_unlock(&leftovers.lock);
}

/* Standard error's lock may be with a thread that a stopped terminal or a full pipe holds up: then nothing is said. */
static void say_interrupted(void) {
    const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
    struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&out, 1, 100) != 1 || !(out.revents & POLLOUT))
        return;
    for (int tries = 0; tries < 10; tries++) {
        if (ftrylockfile(stderr) == 0) {
            complain_interrupted();
            funlockfile(stderr);
            return;
        }
        nanosleep(&pause, NULL);
    }
}

_Noreturn static void end_now(void) {
    loris_discard_outputs();
    pthread_mutex_lock(&leftovers.lock);
    if (leftovers.file)
        unlink(leftovers.file);
    if (leftovers.folder)
        rmdir(leftovers.folder);
    say_interrupted();
    _exit(EXIT_INTERRUPTED);
}

/* The first signal asks the library to stop. What does not stop for that, as a driver that compiles a kernel
 * (clBuildProgram), is left behind after a while, and at once when a second signal comes. */
static void *await_signals(void *set) {
    int number;
    if (sigwait(set, &number) != 0)
        return NULL;
    atomic_store(&interrupted, true);
    loris_cancel();
    const double left = atomic_load(&patience);
    const struct timespec limit = {.tv_sec = (time_t)left, .tv_nsec = (long)(1e9 * (left - floor(left)))};
    while (sigtimedwait(set, NULL, &limit) < 0 && errno == EINTR)
        continue; /* a debugger let go */
    end_now();
}

/* A thread waits for signals that are blocked everywhere else. Handlers would not do: the compilers in OpenCL drivers
 * install their own (LLVM's lib/Support/Unix/Signals.inc), in which a second signal ends the process at once. */
static void catch_signals(void) {
    static const int stopping[] = {SIGINT, SIGTERM, SIGHUP};
    static sigset_t set;
    struct sigaction before;
    pthread_t thread;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof stopping / sizeof *stopping; i++)
        /* What the caller has chosen to ignore (nohup, a background job of a script) stays ignored. */
        if (sigaction(stopping[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaddset(&set, stopping[i]);
    pthread_sigmask(SIG_BLOCK, &set, NULL); /* every thread made from now on inherits this */
    if (pthread_create(&thread, NULL, await_signals, &set) == 0)
        pthread_detach(thread);
    else
        pthread_sigmask(SIG_UNBLOCK, &set, NULL); /* then they end the program as they do any other */
    /* A closed pipe and a full quota are errors of a write, to be reported and cleaned up after. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

int main(int argc, char **argv) {
    catch_signals();
    const command *c = argc > 1 ? command_named(argv[1]) : NULL;
    int used = c ? 2 : argc > 0;
    if (!c)
        c = &command_run;
    const int status = finish_output(c->run(argc - used, argv + used));
    const bool worth = status == EXIT_FAULT || status == EXIT_INPUT || status == EXIT_DEVICE || status == EXIT_OUTPUT;
    if (worth && *last_complaint() && c != &command_report)
        keep_last_error(c->name ? c->name : "run", status, last_complaint());
    return status;
}
