/* loris-cl rhythm: table, JSON and picture of real files, and what is said of videos in which little moves. */
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "core/json.h"
#include "make_video.h"
#include "markup_check.h"
#include "rhythm/rhythm.h"
#include "scratch.h"
#include "spawned.h"

#define BEATS LORIS_TEST_DATA "/videos/beats-100bpm.mp4"

static char cache[512];

static void run_in(spawned *s, const char *folder, const char *line) {
    const char *const environment[] = {cache, NULL};
    spawn_line(s, LORIS_PROGRAM, line, &(spawn_settings){.folder = scratch(folder), .environment = environment});
}

static void assert_status(const spawned *s, int status) {
    if (s->status != status)
        fail_msg("ended with %d: %s", s->status, s->err);
}

/* ---- videos ------------------------------------------------------------------------------------------------------ */

/* Plain texture that differs from slide to slide: blocks of 8 x 8 with a grey of their own. */
static uint8_t block(int x, int y, int slide) {
    uint32_t bits = (uint32_t)(x / 8) * 2654435761u ^ (uint32_t)(y / 8) * 2246822519u ^ (uint32_t)slide * 3266489917u;
    bits ^= bits >> 15;
    bits *= 2246822519u;
    return (uint8_t)(40 + (bits >> 24) * 170 / 255);
}

static uint8_t one_picture(int x, int y, int frame) {
    (void)frame;
    return block(x, y, 0);
}

/* Six slides of 1.2 to 2 s: cuts at 1.6, 3.6, 4.8, 6.6 and 8 s. */
static uint8_t slideshow(int x, int y, int frame) {
    static const int cuts[] = {40, 90, 120, 165, 200};
    int slide = 0;
    while (slide < 5 && frame >= cuts[slide])
        slide++;
    return block(x, y, slide);
}

/* A still picture but for a mouth of 16 x 8 that opens and shuts, irregularly, some 3 times a second. */
static uint8_t speaker(int x, int y, int frame) {
    uint32_t bits = (uint32_t)(frame / 4) * 2654435761u;
    int open = (bits >> 13) % 4;
    bool mouth = x >= 40 && x < 56 && y >= 40 - open && y < 44 + open;
    return mouth ? 20 : block(x, y, 0);
}

static const made_video still = {.width = 96, .height = 64, .frames = 100, .luma = one_picture};
static const made_video slides = {.width = 96, .height = 64, .frames = 240, .luma = slideshow};
static const made_video talking = {.width = 96, .height = 64, .frames = 250, .luma = speaker};

/* ---- tests ------------------------------------------------------------------------------------------------------- */

static int setup(void **state) {
    int failed = scratch_setup(state);
    snprintf(cache, sizeof cache, "XDG_CACHE_HOME=%s", scratch("cache"));
    make_video(scratch("still.mkv"), &still);
    make_video(scratch("slides.mkv"), &slides);
    make_video(scratch("talking.mkv"), &talking);
    return failed;
}

static void test_a_table_by_default(void **state) {
    (void)state;
    spawned s;
    run_in(&s, "", "rhythm -q " BEATS);
    assert_status(&s, 0);
    assert_string_equal(s.err, "");
    assert_contains(s.out, "beats-100bpm.mp4: ");
    assert_contains(s.out, " BPM (confidence ");
    assert_contains(s.out, "bar.beat");
    assert_true(count_of(s.out, "  onset ") >= 10);
    spawn_free(&s);
    run_in(&s, "", "rhythm -q still.mkv");
    assert_status(&s, 0);
    assert_string_equal(s.out, "still.mkv: 4.0 s, no pulse (confidence 0.00), 0 onsets, 0 impacts, 0 cuts\n"
                               "nothing moves: only the duration to compose to\n");
    spawn_free(&s);
}

/* What is printed, what is written and what a run would read are the same, and the picture has a mark for each event.
 */
static void test_json_file_and_picture_agree(void **state) {
    (void)state;
    spawned s;
    run_in(&s, "", "rhythm -q --json -o a.json --svg a.svg " BEATS);
    assert_status(&s, 0);
    arena *a = arena_new();
    const json *root, *events, *beats;
    assert_ok(json_parse(&root, a, s.out, strlen(s.out), "output"));
    assert_ok(json_need_array(root, "events", &events, "output"));
    assert_ok(json_need_array(json_get(root, "tempo"), "beats", &beats, "output"));
    rhythm r;
    assert_ok(rhythm_read(&r, scratch("a.json")));
    assert_int_equal(events->count, r.event_count);
    size_t impacts = 0, size;
    for (size_t i = 0; i < r.event_count; i++)
        impacts += r.events[i].kind == EVENT_IMPACT;
    char *read = scratch_read(scratch("a.svg"), &size), *svg = calloc(size + 1, 1);
    assert_non_null(svg);
    memcpy(svg, read, size);
    assert_well_formed(svg);
    assert_int_equal(count_of(svg, "class=\"event onset\""), r.event_count - impacts);
    assert_int_equal(count_of(svg, "class=\"event impact\""), impacts);
    assert_int_equal(count_of(svg, "class=\"grid"), beats->count);
    assert_in_range(count_of(svg, "<image "), 4, 16); /* at most 8 beside each other, in two rows */
    assert_int_equal(count_of(svg, "href=\"data:image/jpeg;base64,/9j/"), count_of(svg, "<image "));
    assert_int_equal(count_of(svg, "://"), 1); /* the name space's; nothing is loaded from elsewhere */
    free(svg);
    free(read);
    rhythm_free(&r);
    arena_free(a);
    spawn_free(&s);
}

static void test_what_hardly_moves_is_said(void **state) {
    (void)state;
    static const double cuts[] = {1.6, 3.6, 4.8, 6.6, 8};
    spawned s;
    run_in(&s, "", "rhythm -q -o slides.json --svg slides.svg slides.mkv");
    assert_status(&s, 0);
    assert_string_equal(s.out, "");
    spawn_free(&s);
    rhythm r;
    assert_ok(rhythm_read(&r, scratch("slides.json")));
    assert_int_equal(r.event_count, 0);
    assert_int_equal(r.cut_count, 5);
    for (size_t i = 0; i < 5; i++)
        assert_float_equal(r.cuts[i], cuts[i], 0.001);
    rhythm_free(&r);
    run_in(&s, "", "rhythm -q slides.mkv");
    assert_status(&s, 0);
    assert_contains(s.out, "nothing moves: composed to 5 cuts\n");
    assert_int_equal(count_of(s.out, "  cut "), 5);
    spawn_free(&s);
}

static void test_a_talking_head_is_little_movement(void **state) {
    (void)state;
    spawned s;
    run_in(&s, "", "rhythm talking.mkv");
    assert_status(&s, 0);
    assert_contains(s.out, "\nlittle movement: only ");
    spawn_free(&s);
}

static void test_wrong_input(void **state) {
    (void)state;
    static const struct {
        const char *line;
        int status;
        const char *wanted;
    } cases[] = {{"rhythm missing.mkv", 3, "missing.mkv"},
                 {"rhythm text.mkv", 3, "text.mkv"},
                 {"rhythm -q --svg nowhere/a.svg still.mkv", 5, "nowhere"},
                 {"rhythm -q -o nowhere/a.json still.mkv", 5, "nowhere"},
                 {"rhythm -o still.mkv still.mkv", 2, "the video itself"},
                 {"rhythm -o a.x --svg a.x still.mkv", 2, "two outputs"},
                 {"rhythm --device 99 still.mkv", 4, "99"},
                 {"rhythm", 2, "VIDEO"}};
    scratch_file("text.mkv", "once upon a time\n", 17);
    size_t entries = scratch_count();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        spawned s;
        run_in(&s, "", cases[i].line);
        assert_status(&s, cases[i].status);
        assert_contains(s.err, cases[i].wanted);
        assert_string_equal(s.out, "");
        spawn_free(&s);
        assert_int_equal(scratch_count(), entries);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_table_by_default),
        cmocka_unit_test(test_json_file_and_picture_agree),
        cmocka_unit_test(test_what_hardly_moves_is_said),
        cmocka_unit_test(test_a_talking_head_is_little_movement),
        cmocka_unit_test(test_wrong_input),
    };
    return cmocka_run_group_tests(tests, setup, scratch_teardown);
}
