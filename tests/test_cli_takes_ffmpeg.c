/* loris-cl --takes: names, page, report, and that a take's command makes it again. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "compare.h"
#include "core/json.h"
#include "make_video.h"
#include "markup_check.h"
#include "scratch.h"
#include "spawned.h"

static char cache[512];

static void run_in(spawned *s, const char *folder, const char *line) {
    const char *const environment[] = {cache, NULL};
    spawn_line(s, LORIS_PROGRAM, line, &(spawn_settings){.folder = folder, .environment = environment});
    if (s->status != 0)
        fail_msg("'%s' ended with %d: %s", line, s->status, s->err);
}

static const char *make_folder(const char *name) {
    const char *path = scratch(name);
    assert_int_equal(mkdir(path, 0755), 0);
    return path;
}

static char *read_text(const char *path) {
    size_t size;
    char *data = scratch_read(path, &size), *copy = calloc(size + 1, 1);
    assert_non_null(copy);
    memcpy(copy, data, size);
    free(data);
    return copy;
}

static void assert_same_files(const char *a, const char *b, bool same) {
    size_t size, other_size;
    char *one = scratch_read(a, &size), *other = scratch_read(b, &other_size);
    bool equal = size == other_size && memcmp(one, other, size) == 0;
    if (equal != same)
        fail_msg("%s and %s are %s", a, b, equal ? "the same" : "different");
    free(one);
    free(other);
}

/* A second of movement. */
static const made_video clip = {.width = 96, .height = 64, .frames = 25};

static void test_takes_of_a_clip(void **state) {
    (void)state;
    const char *folder = make_folder("takes");
    make_video(scratch("takes/my-clip.mkv"), &clip);
    spawned s;
    run_in(&s, folder, "--takes=3 --steps 2 --style jazz --seed 7 --midi-out notes.mid my-clip.mkv");
    assert_contains(s.out, "my-clip-soundtrack-take1.mp4: 1.0 s, jazz");
    assert_contains(s.out, "seed 9");
    assert_contains(s.out, "my-clip-soundtrack-takes.html: listen and choose\n");
    assert_contains(s.err, "denoise 2/3");
    assert_int_equal(count_of(s.err, "watch "), 1);
    spawn_free(&s);
    assert_int_equal(scratch_entries(folder), 1 + 3 + 3 + 1);
    assert_same_files(scratch("takes/notes-take1.mid"), scratch("takes/notes-take2.mid"), false);
    char *page = read_text(scratch("takes/my-clip-soundtrack-takes.html"));
    assert_well_formed(page);
    assert_int_equal(count_of(page, "<video "), 3);
    for (int i = 1; i <= 3; i++) {
        char wanted[256];
        snprintf(wanted, sizeof wanted, "src=\"my-clip-soundtrack-take%d.mp4\"", i);
        assert_int_equal(count_of(page, wanted), 1);
        snprintf(wanted, sizeof wanted,
                 "<code>loris-cl run --seed %d --steps 2 --style jazz --midi-out notes.mid my-clip.mkv</code>", i + 6);
        assert_int_equal(count_of(page, wanted), 1);
    }
    free(page);
}

/* The command of a take, as the page shows it, gives the same file under the name that was asked for. */
static void test_a_take_is_made_again_by_its_command(void **state) {
    (void)state;
    const char *folder = make_folder("again");
    make_video(scratch("again/clip.mkv"), &clip);
    spawned s;
    run_in(&s, folder, "-q --takes 2 --steps 2 --seed 7 --seed 20 -o a.wav clip.mkv");
    assert_string_equal(s.out, "");
    spawn_free(&s);
    char *page = read_text(scratch("again/a-takes.html")), *start = strstr(page, "--seed 21");
    assert_non_null(start);
    start = strstr(page, "<code>loris-cl run --seed 21");
    assert_non_null(start);
    start += strlen("<code>loris-cl ");
    *strstr(start, "</code>") = '\0';
    assert_string_equal(start, "run --seed 21 -q --steps 2 -o a.wav clip.mkv");
    run_in(&s, folder, start);
    spawn_free(&s);
    free(page);
    assert_same_files(scratch("again/a.wav"), scratch("again/a-take2.wav"), true);
    assert_same_files(scratch("again/a.wav"), scratch("again/a-take1.wav"), false);
}

static void test_reports_of_takes(void **state) {
    (void)state;
    const char *folder = make_folder("reports");
    make_video(scratch("reports/clip.mkv"), &clip);
    spawned s;
    run_in(&s, folder, "-q --json --takes 2 --steps 2 --seed 3 -o b.flac clip.mkv");
    arena *a = arena_new();
    const json *list;
    assert_ok(json_parse(&list, a, s.out, strlen(s.out), "reports"));
    assert_int_equal(list->type, JSON_ARRAY);
    assert_int_equal(list->count, 2);
    for (size_t i = 0; i < 2; i++) {
        const char *output;
        double seed;
        assert_ok(json_need_string(&list->item[i], "output", &output, "reports"));
        assert_string_equal(output, i ? "b-take2.flac" : "b-take1.flac");
        assert_ok(json_need_number(&list->item[i], "seed", 3.0 + (double)i, 3.0 + (double)i, &seed, "reports"));
    }
    arena_free(a);
    spawn_free(&s);
}

/* The words of shells and of HTML in a name stay a name. */
static void test_names_that_need_quotes(void **state) {
    (void)state;
    static const char name[] = "it's <b> & $HOME \"50%\".mkv";
    char path[64];
    const char *folder = make_folder("quotes");
    snprintf(path, sizeof path, "quotes/%s", name);
    make_video(scratch(path), &clip);
    const char *const argv[] = {LORIS_PROGRAM, "-q", "--takes", "2",  "--steps", "2",
                                "--seed",      "1",  "-ox.wav", "--", name,      NULL};
    const char *const environment[] = {cache, NULL};
    spawned s;
    spawn_run(&s, argv, &(spawn_settings){.folder = folder, .environment = environment});
    if (s.status != 0)
        fail_msg("%d: %s", s.status, s.err);
    spawn_free(&s);
    char *page = read_text(scratch("quotes/x-takes.html"));
    assert_well_formed(page);
    assert_contains(page, "--seed 2 -q --steps 2 -ox.wav -- &#39;it&#39;\\&#39;&#39;s &lt;b&gt; &amp; $HOME "
                          "&quot;50%&quot;.mkv&#39;</code>");
    free(page);
}

static void test_names_must_not_meet(void **state) {
    (void)state;
    static const char *const lines[] = {
        "--takes 2 -o a.wav --rhythm-out a-take2.wav clip.mkv", "--takes 2 -o a.wav --midi-out a.wav clip.mkv",
        "--takes 2 -o a.wav --rhythm-out a-takes.html clip.mkv", "--takes 2 -o v.mkv v-take1.mkv"};
    const char *folder = make_folder("meet");
    make_video(scratch("meet/clip.mkv"), &clip);
    make_video(scratch("meet/v-take1.mkv"), &clip);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        const char *const environment[] = {cache, NULL};
        spawned s;
        spawn_line(&s, LORIS_PROGRAM, lines[i], &(spawn_settings){.folder = folder, .environment = environment});
        assert_int_equal(s.status, 2);
        assert_contains(s.err, "give another name");
        spawn_free(&s);
        assert_int_equal(scratch_entries(folder), 2);
    }
}

static int setup(void **state) {
    int failed = scratch_setup(state);
    snprintf(cache, sizeof cache, "XDG_CACHE_HOME=%s", scratch("cache"));
    return failed;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_of_a_clip),     cmocka_unit_test(test_a_take_is_made_again_by_its_command),
        cmocka_unit_test(test_reports_of_takes),    cmocka_unit_test(test_names_that_need_quotes),
        cmocka_unit_test(test_names_must_not_meet),
    };
    return cmocka_run_group_tests(tests, setup, scratch_teardown);
}
