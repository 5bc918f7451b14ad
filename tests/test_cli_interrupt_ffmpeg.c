/* Signals while a driver compiles: no driver can be stopped there, so the program ends without it. The layer's compiler
 * never comes to an end, so that a command that waited for it would not, on a machine of any speed. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/file.h"
#include "make_video.h"
#include "scratch.h"
#include "spawned.h"

#include "compare.h"

static const struct timespec PAUSE = {.tv_nsec = 10 * 1000 * 1000};
enum { TRIES = 3000 }; /* half a minute: a busy machine's programs start slowly */

static const char *make(const char *name) {
    const char *path = scratch(name);
    assert_ok(folder_make(path, 0700));
    return path;
}

/* The process that has begun to compile. */
static pid_t await_compiler(const spawned *s) {
    long process = 0;
    for (int i = 0; i < TRIES && process == 0; i++) {
        FILE *f = fopen(scratch("building"), "r");
        if (f && fscanf(f, "%ld", &process) != 1)
            process = 0;
        if (f)
            fclose(f);
        nanosleep(&PAUSE, NULL);
    }
    if (process == 0) {
        char *said = spawn_peek(s);
        kill(s->process, SIGKILL);
        fail_msg("nothing is compiled; it said: %s", said);
    }
    return (pid_t)process;
}

/* A child that dies with its parent is somebody else's to bury: it may be seen for a moment longer. */
static void expect_no_process(pid_t process) {
    for (int i = 0; i < TRIES; i++) {
        if (kill(process, 0) != 0 && errno == ESRCH)
            return;
        nanosleep(&PAUSE, NULL);
    }
    fail_msg("process %ld is still there", (long)process);
}

static size_t lines_with(const char *text, const char *wanted) {
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, wanted)) != NULL; at += strlen(wanted))
        count++;
    return count;
}

/* `command` works in a folder with clip.mp4 and the file `output`, which it would replace. */
static void interrupt(const char *command, const char *output, int number) {
    char cache[4200], temporary[4200], building[4200], kept[64];
    scratch_teardown(NULL);
    assert_int_equal(scratch_setup(NULL), 0);
    const char *folder = make("work"), *files = make("tmp");
    make_video(scratch("work/clip.mp4"), &(made_video){.width = 96, .height = 64});
    snprintf(kept, sizeof kept, "work/%s", output);
    const char *existing = scratch_file(kept, "old", 3);
    snprintf(cache, sizeof cache, "XDG_CACHE_HOME=%s", make("cache"));
    snprintf(temporary, sizeof temporary, "TMPDIR=%s", files);
    snprintf(building, sizeof building, "LORIS_BUILDING=%s", scratch("building"));
    const char *const environment[] = {cache, temporary, building, "OPENCL_LAYERS=" LORIS_ENDLESS_LAYER, NULL};
    spawned s;
    spawn_start_line(&s, LORIS_PROGRAM, command, &(spawn_settings){.folder = folder, .environment = environment});
    const pid_t compiler = await_compiler(&s);
    assert_int_equal(kill(s.process, number), 0);
    spawn_wait(&s, 30); /* it takes 0.7 s; what is bounded here is whether it ends at all */
    if (s.status != 130)
        fail_msg("%s: status %d: %s", command, s.status, s.err);
    if (lines_with(s.err, "loris-cl: ") != 1 || lines_with(s.err, "loris-cl: interrupted\n") != 1)
        fail_msg("%s: said: %s", command, s.err);
    assert_int_equal(strlen(s.out), 0);
    expect_no_process(compiler);
    spawn_free(&s);
    size_t size;
    char *content = scratch_read(existing, &size);
    assert_int_equal(size, 3);
    assert_memory_equal(content, "old", 3);
    free(content);
    assert_int_equal(scratch_entries(folder), 2);
    assert_int_equal(scratch_entries(files), 0);
}

static void a_soundtrack(void **state) {
    (void)state;
    interrupt("-o kept.mp4 clip.mp4", "kept.mp4", SIGINT);
    interrupt("--takes 2 -o kept.mp4 --midi-out kept.mid clip.mp4", "kept.mid", SIGTERM);
}

static void what_only_watches(void **state) {
    (void)state;
    interrupt("rhythm -o kept.json clip.mp4", "kept.json", SIGHUP);
    interrupt("poses --eyes " LORIS_MODELS "/movenet-lightning -o kept.npy clip.mp4", "kept.npy", SIGTERM);
}

static void checks_and_measurements(void **state) {
    (void)state;
    interrupt("verify", "kept", SIGTERM);
    interrupt("verify " LORIS_TEST_DATA "/unet/uncond", "kept", SIGINT);
    interrupt("tune", "kept", SIGINT);
    interrupt("devices -v", "kept", SIGTERM);
    interrupt("report -o kept.txt", "kept.txt", SIGINT);
}

static void a_profile_whose_soundtrack_is_thrown_away(void **state) {
    (void)state;
    interrupt("profile -o kept.json clip.mp4", "kept.json", SIGTERM);
}

static void a_benchmark_in_a_process_of_its_own(void **state) {
    (void)state;
    interrupt("bench --quick --devices 0", "kept", SIGTERM);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_soundtrack), cmocka_unit_test(what_only_watches), cmocka_unit_test(checks_and_measurements),
        cmocka_unit_test(a_profile_whose_soundtrack_is_thrown_away),
        cmocka_unit_test(a_benchmark_in_a_process_of_its_own)};
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
