/* Input files, and outputs that are complete or absent. */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compare.h"
#include "core/file.h"
#include "scratch.h"

static void assert_content(const char *path, const char *want) {
    char *data;
    size_t size;
    assert_ok(file_read(path, 1000, &data, &size));
    assert_string_equal(data, want);
    assert_int_equal(size, strlen(want));
    free(data);
}

static const char *make_folder(const char *name) {
    const char *path = scratch(name);
    assert_int_equal(mkdir(path, 0755), 0);
    return path;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static void test_map_shows_the_bytes(void **state) {
    (void)state;
    const char *path = scratch_file("map.bin", "loris\0bytes", 11);
    file_map map;
    assert_ok(file_map_open(&map, path));
    assert_int_equal(map.size, 11);
    assert_memory_equal(map.data, "loris\0bytes", 11);
    file_map_close(&map);
    assert_null(map.data);
    file_map_close(&map);
}

static void test_empty_files(void **state) {
    (void)state;
    const char *path = scratch_file("empty", "", 0);
    file_map map = {.data = (const uint8_t *)path, .size = 1};
    assert_ok(file_map_open(&map, path));
    assert_null(map.data);
    assert_int_equal(map.size, 0);
    file_map_close(&map);
    assert_content(path, "");
}

static void test_what_cannot_be_read(void **state) {
    (void)state;
    file_map map;
    char *data;
    size_t size;
    const char *missing = scratch("missing");
    assert_fails(file_map_open(&map, missing), LORIS_ERROR_INPUT, missing);
    assert_null(map.data);
    assert_fails(file_read(missing, 10, &data, &size), LORIS_ERROR_INPUT, missing);
    assert_null(data);
    assert_fails(file_map_open(&map, scratch("")), LORIS_ERROR_INPUT, "is a folder");
    assert_fails(file_read(scratch(""), 10, &data, &size), LORIS_ERROR_INPUT, "is a folder");
    assert_fails(file_map_open(&map, ""), LORIS_ERROR_INPUT, "empty");
    const char *file = scratch_file("plain", "x", 1);
    char below[4096];
    snprintf(below, sizeof below, "%s/below", file);
    assert_fails(file_map_open(&map, below), LORIS_ERROR_INPUT, "plain/below");
    const char *pipe_path = scratch("pipe");
    assert_int_equal(mkfifo(pipe_path, 0600), 0);
    assert_fails(file_map_open(&map, pipe_path), LORIS_ERROR_INPUT, "not a regular file");
}

static void test_read_ends_with_nul_and_keeps_the_limit(void **state) {
    (void)state;
    const char *path = scratch_file("seven", "a\0b\0c\0d", 7);
    char *data;
    size_t size;
    assert_ok(file_read(path, 7, &data, &size));
    assert_int_equal(size, 7);
    assert_memory_equal(data, "a\0b\0c\0d\0", 8);
    free(data);
    assert_fails(file_read(path, 6, &data, &size), LORIS_ERROR_INPUT, "6 bytes");
    assert_fails(file_read(path, 0, &data, &size), LORIS_ERROR_INPUT, "0 bytes");
    /* An endless file that calls itself empty. */
    assert_fails(file_read("/dev/zero", 100000, &data, &size), LORIS_ERROR_INPUT, "larger than");
}

static void test_read_from_a_pipe(void **state) {
    (void)state;
    enum { SIZE = 50000 }; /* fits a pipe's buffer of 64 KB */
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    char *sent = malloc(SIZE);
    assert_non_null(sent);
    for (size_t i = 0; i < SIZE; i++)
        sent[i] = (char)(i * 31);
    assert_int_equal(write(ends[1], sent, SIZE), SIZE);
    close(ends[1]);
    char path[64], *data;
    size_t size;
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    assert_ok(file_read(path, SIZE, &data, &size));
    assert_int_equal(size, SIZE);
    assert_memory_equal(data, sent, SIZE);
    free(data);
    free(sent);
    close(ends[0]);
}

static void ignore_signal(int number) {
    (void)number;
}

typedef struct interruption {
    pthread_t reader;
    atomic_bool ended;
} interruption;

/* Signals until the reader is back: one sent before it waits would be lost. */
static void *cancel_reader(void *argument) {
    interruption *i = argument;
    loris_cancel();
    while (!atomic_load(&i->ended)) {
        pthread_kill(i->reader, SIGUSR1);
        usleep(1000);
    }
    return NULL;
}

static void test_waiting_for_a_pipe_can_be_cancelled(void **state) {
    (void)state;
    const char *path = scratch("nobody-writes");
    assert_int_equal(mkfifo(path, 0600), 0);
    struct sigaction action = {.sa_handler = ignore_signal}, before; /* without SA_RESTART */
    assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
    interruption i = {.reader = pthread_self()};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, cancel_reader, &i), 0);
    char *data;
    size_t size;
    loris_status status = file_read(path, 10, &data, &size);
    atomic_store(&i.ended, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(sigaction(SIGUSR1, &before, NULL), 0);
    loris_resume();
    assert_fails(status, LORIS_CANCELLED, "cancelled");
}

/* ---- outputs ----------------------------------------------------------------------------------------------------- */

static void write_plain(const char *path, const char *content) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs(content, file);
    assert_int_equal(fclose(file), 0);
}

static void test_commit_replaces_and_discard_leaves(void **state) {
    (void)state;
    const char *folder = make_folder("replace");
    const char *path = scratch_file("replace/out.txt", "old", 3);
    output_file out;
    assert_ok(output_begin(&out, path));
    assert_int_equal(scratch_entries(folder), 2);
    write_plain(out.temporary, "unwanted");
    assert_content(path, "old");
    output_discard(&out);
    assert_int_equal(scratch_entries(folder), 1);
    assert_content(path, "old");
    output_discard(&out);

    assert_ok(output_begin(&out, path));
    write_plain(out.temporary, "new");
    assert_content(path, "old");
    assert_ok(output_commit(&out));
    assert_content(path, "new");
    assert_int_equal(scratch_entries(folder), 1);
    output_discard(&out);
    assert_content(path, "new");
    assert_fails(output_commit(&out), LORIS_ERROR_INTERNAL, "not open");
}

static void test_temporary_lies_beside_with_the_extension(void **state) {
    (void)state;
    static const struct {
        const char *name, *start, *end;
    } cases[] = {
        {"song-soundtrack.mp4", "/.song-soundtrack.", ".mp4"},
        {"plain", "/.plain.", ""},
        {".hidden", "/..hidden.", ""},
        {"two.tar.gz", "/.two.tar.", ".gz"},
        {"dot.", "/.dot.", "."},
        {"-dash \xc3\xa9%s.wav", "/.-dash \xc3\xa9%s.", ".wav"},
    };
    size_t folder = strlen(scratch(""));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        output_file out, second;
        const char *path = scratch(cases[i].name);
        assert_ok(output_begin(&out, path));
        assert_ok(output_begin(&second, path));
        assert_string_not_equal(out.temporary, second.temporary);
        assert_string_equal(out.path, path);
        assert_memory_equal(out.temporary, path, folder);
        assert_memory_equal(out.temporary + folder, cases[i].start, strlen(cases[i].start));
        size_t length = folder + strlen(cases[i].start) + 6 + strlen(cases[i].end);
        assert_int_equal(strlen(out.temporary), length);
        assert_string_equal(out.temporary + length - strlen(cases[i].end), cases[i].end);
        output_discard(&out);
        output_discard(&second);
    }
}

static void test_a_bare_name_is_in_the_current_folder(void **state) {
    (void)state;
    char *before = getcwd(NULL, 0);
    assert_non_null(before);
    assert_int_equal(chdir(make_folder("current")), 0);
    assert_ok(file_write("bare.txt", "here", 4));
    assert_int_equal(chdir(before), 0);
    free(before);
    assert_content(scratch("current/bare.txt"), "here");
    assert_int_equal(scratch_entries(scratch("current")), 1);
}

/* The longest name a file system takes still works, in one-byte and two-byte characters; one more byte is refused at
 * once. */
static void test_longest_names(void **state) {
    (void)state;
    char name[400];
    memset(name, 'n', 251);
    strcpy(name + 251, ".mp4");
    assert_ok(file_write(scratch(name), "x", 1));
    for (size_t i = 0; i < 250; i += 2)
        memcpy(name + i, "\xc3\xa9", 2);
    assert_ok(file_write(scratch(name), "x", 1));
    memset(name, 'n', 256);
    name[256] = '\0';
    assert_fails(file_write(scratch(name), "x", 1), LORIS_ERROR_OUTPUT, "cannot be written");
    memset(name, '.', 1);
    memset(name + 1, 'a', 254);
    memset(name + 2, '.', 1);
    name[255] = '\0';
    assert_fails(file_write(scratch(name), "x", 1), LORIS_ERROR_OUTPUT, "cannot be written"); /* all extension */
    char *endless = malloc(10001);
    assert_non_null(endless);
    memset(endless, 'a', 10000);
    for (size_t i = 100; i < 10000; i += 100)
        endless[i] = '/';
    endless[10000] = '\0';
    assert_fails(file_write(endless, "x", 1), LORIS_ERROR_OUTPUT, "cannot be written");
    free(endless);
}

static void test_permissions_follow_umask(void **state) {
    (void)state;
    static const struct { mode_t mask, mode; } cases[] = {{022, 0644}, {077, 0600}, {002, 0664}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mode_t before = umask(cases[i].mask);
        assert_ok(file_write(scratch("mode"), "x", 1));
        umask(before);
        struct stat info;
        assert_int_equal(stat(scratch("mode"), &info), 0);
        assert_int_equal(info.st_mode & 0777, cases[i].mode);
        assert_int_equal(unlink(scratch("mode")), 0);
    }
}

static void test_impossible_places(void **state) {
    (void)state;
    output_file out;
    make_folder("place");
    const char *file = scratch_file("place/file", "x", 1);
    assert_fails(output_begin(&out, scratch("place/none/out.mp4")), LORIS_ERROR_OUTPUT, "no folder");
    assert_non_null(strstr(loris_error_message(), "place/none"));
    assert_fails(output_begin(&out, scratch("place/file/out.mp4")), LORIS_ERROR_OUTPUT, "is not a folder");
    assert_fails(output_begin(&out, scratch("place")), LORIS_ERROR_OUTPUT, "is a folder");
    assert_fails(output_begin(&out, scratch("place/")), LORIS_ERROR_OUTPUT, "names a folder");
    assert_fails(output_begin(&out, ""), LORIS_ERROR_OUTPUT, "empty");
    assert_fails(output_begin(&out, "/dev/null"), LORIS_ERROR_OUTPUT, "not a regular file");
    assert_int_equal(scratch_entries(scratch("place")), 1);
    assert_content(file, "x");
    output_discard(&out); /* a failed begin leaves nothing to discard, and discarding it is harmless */
}

/* Runs `path`'s output_begin as a user without privileges and compares the error: root may write everywhere. */
static void assert_unprivileged_failure(const char *path, const char *part) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        output_file out;
        if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
            _exit(2);
        bool right = output_begin(&out, path) == LORIS_ERROR_OUTPUT && strstr(loris_error_message(), part);
        if (!right)
            fprintf(stderr, "%s\n", loris_error_message());
        _exit(right ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_places_without_permission(void **state) {
    (void)state;
    assert_int_equal(chmod(scratch(""), 0755), 0);
    make_folder("locked");
    make_folder("open");
    const char *kept = scratch_file("open/kept.wav", "x", 1);
    assert_int_equal(chmod(scratch("locked"), 0555), 0);
    assert_int_equal(chmod(scratch("open"), 0777), 0);
    assert_int_equal(chmod(kept, 0444), 0);
    assert_unprivileged_failure(scratch("locked/out.wav"), "is not writable");
    assert_unprivileged_failure(kept, "write-protected");
    assert_int_equal(chmod(scratch("locked"), 0755), 0);
    assert_int_equal(scratch_entries(scratch("locked")), 0);
}

static void test_a_link_is_written_through(void **state) {
    (void)state;
    make_folder("link");
    const char *target = scratch_file("link/target", "old", 3);
    const char *link_path = scratch("link/name");
    assert_int_equal(symlink("target", link_path), 0);
    assert_ok(file_write(link_path, "new", 3));
    assert_content(target, "new");
    struct stat info;
    assert_int_equal(lstat(link_path, &info), 0);
    assert_true(S_ISLNK(info.st_mode));
}

static void test_a_full_disk_leaves_the_old_file(void **state) {
    (void)state;
    const char *folder = make_folder("full");
    const char *path = scratch_file("full/out.bin", "old", 3);
    struct rlimit before, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 1000;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    char data[3000] = {0};
    loris_status status = file_write(path, data, sizeof data);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_DFL);
    assert_fails(status, LORIS_ERROR_OUTPUT, path);
    assert_int_equal(scratch_entries(folder), 1);
    assert_content(path, "old");
}

static void test_a_lost_temporary_fails_the_commit(void **state) {
    (void)state;
    output_file out;
    const char *path = scratch("lost");
    assert_ok(output_begin(&out, path));
    assert_int_equal(unlink(out.temporary), 0);
    assert_fails(output_commit(&out), LORIS_ERROR_OUTPUT, "lost");
    assert_false(file_exists(path));
}

static void test_discard_all_removes_what_is_open(void **state) {
    (void)state;
    enum { MOST = 64 };
    const char *folder = make_folder("all");
    output_file out[MOST], extra;
    for (int round = 0; round < 2; round++) { /* slots are used again */
        for (int i = 0; i < MOST; i++)
            assert_ok(output_begin(&out[i], scratch("all/out.wav")));
        assert_fails(output_begin(&extra, scratch("all/extra.wav")), LORIS_ERROR_INTERNAL, "64 outputs");
        assert_int_equal(scratch_entries(folder), MOST);
        output_discard(&out[3]);
        errno = 77;
        output_discard_all();
        assert_int_equal(errno, 77);
        assert_int_equal(scratch_entries(folder), 0);
        for (int i = 0; i < MOST; i++)
            output_discard(&out[i]);
    }
    assert_ok(file_write(scratch("all/out.wav"), "kept", 4));
    output_discard_all();
    assert_content(scratch("all/out.wav"), "kept");
}

/* In a child, for it is for good. */
static void test_stopped_outputs_neither_begin_nor_appear(void **state) {
    (void)state;
    const char *folder = make_folder("stop"), *kept = scratch_file("stop/kept", "old", 3);
    const pid_t child = fork();
    if (child == 0) {
        output_group g = {0};
        output_file out, later;
        output_group_hold(&g);
        bool well = file_write(kept, "new", 3) == LORIS_OK && file_write(scratch("stop/a"), "1", 1) == LORIS_OK;
        output_group_rest();
        well = well && output_begin(&out, kept) == LORIS_OK;
        errno = 77;
        output_stop();
        well = well && errno == 77;
        well = well && output_begin(&later, kept) == LORIS_CANCELLED;
        well = well && output_commit(&out) == LORIS_CANCELLED && output_group_commit(&g) == LORIS_CANCELLED;
        output_discard_all();
        _exit(well ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_content(kept, "old");
    assert_int_equal(scratch_entries(folder), 1);
}

/* ---- groups ------------------------------------------------------------------------------------------------------ */

static void test_a_group_appears_together(void **state) {
    (void)state;
    const char *folder = make_folder("group"), *kept = scratch_file("group/kept", "old", 3);
    output_group g = {0};
    output_group_hold(&g);
    assert_ok(file_write(kept, "new", 3));
    assert_ok(file_write(scratch("group/a"), "1", 1));
    output_group_rest();
    assert_ok(file_write(scratch("group/apart"), "2", 1));
    assert_content(scratch("group/apart"), "2");
    assert_content(kept, "old");
    assert_false(file_exists(scratch("group/a")));
    output_group_hold(&g);
    assert_ok(file_write(scratch("group/a"), "3", 1)); /* the later of two under a name stays */
    output_group_rest();
    assert_ok(output_group_commit(&g));
    assert_content(kept, "new");
    assert_content(scratch("group/a"), "3");
    assert_int_equal(scratch_entries(folder), 3);
    assert_ok(output_group_commit(&g)); /* empty now */
}

static void test_a_group_can_be_discarded(void **state) {
    (void)state;
    const char *folder = make_folder("ungroup"), *kept = scratch_file("ungroup/kept", "old", 3);
    for (int all = 0; all < 2; all++) {
        output_group g = {0};
        output_group_hold(&g);
        assert_ok(file_write(kept, "new", 3));
        assert_ok(file_write(scratch("ungroup/a"), "1", 1));
        output_group_rest();
        if (all)
            output_discard_all();
        output_group_discard(&g);
        assert_content(kept, "old");
        assert_int_equal(scratch_entries(folder), 1);
    }
}

static void test_a_group_whose_file_is_lost_fails(void **state) {
    (void)state;
    const char *folder = make_folder("regroup"), *kept = scratch_file("regroup/kept", "old", 3);
    output_group g = {0};
    output_group_hold(&g);
    assert_ok(file_write(scratch("regroup/a"), "1", 1));
    assert_ok(file_write(kept, "new", 3));
    output_group_rest();
    assert_int_equal(unlink(g.held[0].temporary), 0);
    assert_fails(output_group_commit(&g), LORIS_ERROR_OUTPUT, "regroup/a");
    assert_content(kept, "old");
    assert_int_equal(scratch_entries(folder), 1);
}

static void test_write_of_nothing(void **state) {
    (void)state;
    assert_ok(file_write(scratch("nothing"), NULL, 0));
    assert_content(scratch("nothing"), "");
}

/* ---- folders ----------------------------------------------------------------------------------------------------- */

static void test_folder_make(void **state) {
    (void)state;
    mode_t before = umask(022);
    assert_ok(folder_make(scratch("a/b//c/"), 0700));
    umask(before);
    struct stat info;
    assert_int_equal(stat(scratch("a/b/c"), &info), 0);
    assert_true(S_ISDIR(info.st_mode));
    assert_int_equal(info.st_mode & 0777, 0700);
    assert_ok(folder_make(scratch("a/b/c"), 0700));
    assert_ok(folder_make("/", 0700));
    scratch_file("a/file", "x", 1);
    assert_fails(folder_make(scratch("a/file"), 0700), LORIS_ERROR_OUTPUT, "is a file");
    assert_fails(folder_make(scratch("a/file/below"), 0700), LORIS_ERROR_OUTPUT, "is a file");
    assert_fails(folder_make("", 0700), LORIS_ERROR_OUTPUT, "empty");
}

static void test_file_exists(void **state) {
    (void)state;
    assert_false(file_exists(scratch("absent")));
    assert_true(file_exists(scratch_file("present", "", 0)));
    assert_true(file_exists(scratch("")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map_shows_the_bytes),
        cmocka_unit_test(test_empty_files),
        cmocka_unit_test(test_what_cannot_be_read),
        cmocka_unit_test(test_read_ends_with_nul_and_keeps_the_limit),
        cmocka_unit_test(test_read_from_a_pipe),
        cmocka_unit_test(test_waiting_for_a_pipe_can_be_cancelled),
        cmocka_unit_test(test_commit_replaces_and_discard_leaves),
        cmocka_unit_test(test_temporary_lies_beside_with_the_extension),
        cmocka_unit_test(test_a_bare_name_is_in_the_current_folder),
        cmocka_unit_test(test_longest_names),
        cmocka_unit_test(test_permissions_follow_umask),
        cmocka_unit_test(test_impossible_places),
        cmocka_unit_test(test_places_without_permission),
        cmocka_unit_test(test_a_link_is_written_through),
        cmocka_unit_test(test_a_full_disk_leaves_the_old_file),
        cmocka_unit_test(test_a_lost_temporary_fails_the_commit),
        cmocka_unit_test(test_discard_all_removes_what_is_open),
        cmocka_unit_test(test_stopped_outputs_neither_begin_nor_appear),
        cmocka_unit_test(test_a_group_appears_together),
        cmocka_unit_test(test_a_group_can_be_discarded),
        cmocka_unit_test(test_a_group_whose_file_is_lost_fails),
        cmocka_unit_test(test_write_of_nothing),
        cmocka_unit_test(test_folder_make),
        cmocka_unit_test(test_file_exists),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
