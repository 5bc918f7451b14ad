/* Several videos at once, on one device and on two: each sounds as it does alone, and one that fails loses no other. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "compare.h"
#include "core/json.h"
#include "make_video.h"
#include "scratch.h"
#include "spawned.h"

static char cache[1024];
static const char *const environment[] = {cache, NULL};
/* Two devices of one kind. Only PoCL makes as many as one asks for; another implementation's first device is taken
 * twice below. */
static const char *const two_devices[] = {cache, "POCL_DEVICES=pthread pthread", NULL};

enum { CLIPS = 3 };

static int setup(void **state) {
    if (scratch_setup(state) != 0)
        return -1;
    snprintf(cache, sizeof cache, "XDG_CACHE_HOME=%s", scratch("cache"));
    for (int i = 0; i < CLIPS; i++) {
        char name[32];
        snprintf(name, sizeof name, "clip%d.mp4", i);
        make_video(scratch(name), &(made_video){.width = 96 + 16 * i, .height = 64, .frames = 20 + 7 * i});
    }
    return 0;
}

static const char *make_folder(const char *name) {
    const char *path = scratch(name);
    assert_int_equal(mkdir(path, 0755), 0);
    return path;
}

static void run_line(spawned *s, const char *line, const char *const *variables) {
    spawn_line(s, LORIS_PROGRAM, line, &(spawn_settings){.folder = scratch(""), .environment = variables});
}

static void assert_same_file(const char *one, const char *other) {
    size_t sizes[2];
    char *a = scratch_read(scratch(one), &sizes[0]), *b = scratch_read(scratch(other), &sizes[1]);
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(a, b, sizes[0]);
    free(a);
    free(b);
}

/* Each clip alone, on the first device: alone/clip0-soundtrack.mp4 ... */
static void make_alone(void) {
    static bool made;
    if (made)
        return;
    made = true;
    make_folder("alone");
    for (int i = 0; i < CLIPS; i++) {
        char line[128];
        spawned s;
        snprintf(line, sizeof line, "-q --steps 2 --seed 5 -d 0 -o alone/clip%d-soundtrack.mp4 clip%d.mp4", i, i);
        run_line(&s, line, two_devices);
        assert_int_equal(s.status, 0);
        spawn_free(&s);
    }
}

static void assert_as_alone(const char *folder) {
    for (int i = 0; i < CLIPS; i++) {
        char one[64], other[64];
        snprintf(one, sizeof one, "alone/clip%d-soundtrack.mp4", i);
        snprintf(other, sizeof other, "%s/clip%d-soundtrack.mp4", folder, i);
        assert_same_file(one, other);
    }
}

static void test_several_videos_on_one_device(void **state) {
    (void)state;
    spawned s;
    make_alone();
    const char *folder = make_folder("one");
    run_line(&s, "--steps 2 --seed 5 -d 0 --midi-out one --rhythm-out one -o one clip0.mp4 clip1.mp4 clip2.mp4",
             two_devices);
    if (s.status != 0)
        fail_msg("%d: %s", s.status, s.err);
    assert_contains(s.out, "one/clip0-soundtrack.mp4: ");
    assert_contains(s.out, "one/clip2-soundtrack.mp4: ");
    spawn_free(&s);
    assert_int_equal(scratch_entries(folder), 3 * CLIPS);
    assert_as_alone("one");
}

static void test_videos_are_shared_out_over_devices(void **state) {
    (void)state;
    static const char *const devices[] = {"0,1", "0,0", "1"};
    make_alone();
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
        char folder[16], line[128];
        spawned s;
        snprintf(folder, sizeof folder, "shared%zu", i);
        make_folder(folder);
        snprintf(line, sizeof line, "-q --steps 2 --seed 5 -d %s -o %s clip0.mp4 clip1.mp4 clip2.mp4", devices[i],
                 folder);
        run_line(&s, line, two_devices);
        if (s.status != 0)
            fail_msg("%d: %s", s.status, s.err);
        assert_string_equal(s.out, "");
        assert_string_equal(s.err, "");
        spawn_free(&s);
        assert_as_alone(folder);
    }
}

/* 14 s are two windows of the default model. */
static void test_one_videos_windows_are_shared_out(void **state) {
    (void)state;
    static const struct {
        const char *line, *said;
    } cases[] = {
        {"-q --steps 2 --seed 5 -d 0 -o long0.mp4 long.mp4", NULL},
        {"-v --steps 2 --seed 5 -d 0,1 -o long1.mp4 long.mp4", "evaluates windows 2 to 2 of 2"},
        {"-v --steps 2 --seed 5 -d 0,1 -o single.mp4 clip1.mp4", "1 window: 1 of 2 devices stays unused"},
    };
    make_alone();
    make_video(scratch("long.mp4"), &(made_video){.width = 64, .height = 48, .frames = 350});
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        spawned s;
        run_line(&s, cases[i].line, two_devices);
        if (s.status != 0 || (cases[i].said && !strstr(s.err, cases[i].said)))
            fail_msg("%s: %d: %s", cases[i].line, s.status, s.err);
        spawn_free(&s);
    }
    assert_same_file("long0.mp4", "long1.mp4");
    assert_same_file("alone/clip1-soundtrack.mp4", "single.mp4");
}

static void test_one_failing_video_loses_no_other(void **state) {
    (void)state;
    spawned s;
    make_alone();
    const char *folder = make_folder("failing");
    scratch_file("notes.mp4", "no video", 8);
    run_line(&s, "--json -q --steps 2 --seed 5 -o failing clip0.mp4 notes.mp4 absent.mp4 clip2.mp4", environment);
    assert_int_equal(s.status, 3);
    assert_contains(s.err, "notes.mp4");
    assert_contains(s.err, "absent.mp4");
    assert_int_equal(scratch_entries(folder), 2);
    arena *a = arena_new();
    const json *list;
    assert_ok(json_parse(&list, a, s.out, strlen(s.out), "report"));
    assert_int_equal(list->count, 4);
    for (size_t i = 0; i < 4; i++) {
        const bool failed = i == 1 || i == 2;
        const char *video;
        double number;
        assert_ok(json_need_string(&list->item[i], "video", &video, "report"));
        if (failed)
            assert_ok(json_need_number(&list->item[i], "status", 3, 3, &number, "report"));
        else
            assert_ok(json_need_number(&list->item[i], "seed", 5, 5, &number, "report"));
    }
    arena_free(a);
    spawn_free(&s);
    assert_same_file("alone/clip0-soundtrack.mp4", "failing/clip0-soundtrack.mp4");
    assert_same_file("alone/clip2-soundtrack.mp4", "failing/clip2-soundtrack.mp4");
}

static void test_what_cannot_be_shared(void **state) {
    (void)state;
    static const struct {
        const char *line;
        int status;
        const char *said;
    } cases[] = {
        {"-o out.mp4 clip0.mp4 clip1.mp4", 2, "names a folder"},
        {"--midi-out a.mid clip0.mp4 clip1.mp4", 2, "--midi-out"},
        {"--takes 2 clip0.mp4 clip1.mp4", 2, "--takes"},
        {"--rhythm a.json clip0.mp4 clip1.mp4", 2, "--rhythm"},
        {"-o names clip0.mp4 names/clip0.mp4", 2, "would both become"},
        {"-d 0,99 -o names clip0.mp4 clip1.mp4", 4, "99"},
        {"-d 0, -o names clip0.mp4 clip1.mp4", 2, "has no name"},
        {"--model /no/such/model -o names clip0.mp4 clip1.mp4", 3, "/no/such/model"},
    };
    make_folder("names");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        spawned s;
        run_line(&s, cases[i].line, environment);
        if (s.status != cases[i].status || !strstr(s.err, cases[i].said))
            fail_msg("%s: %d: %s", cases[i].line, s.status, s.err);
        spawn_free(&s);
    }
    assert_int_equal(scratch_entries(scratch("names")), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_several_videos_on_one_device), cmocka_unit_test(test_videos_are_shared_out_over_devices),
        cmocka_unit_test(test_one_videos_windows_are_shared_out),
        cmocka_unit_test(test_one_failing_video_loses_no_other), cmocka_unit_test(test_what_cannot_be_shared)};
    return cmocka_run_group_tests(tests, setup, scratch_teardown);
}
