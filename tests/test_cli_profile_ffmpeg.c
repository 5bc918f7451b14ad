/* What `profile` writes and prints: a trace that viewers accept, and nodes that add up. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "compare.h"
#include "core/json.h"
#include "loris/profile.h"
#include "make_video.h"
#include "scratch.h"
#include "spawned.h"

static char cache[1024];
static const char *const environment[] = {cache, NULL};
static const made_video clip = {.width = 96, .height = 64, .frames = 25};

static int setup(void **state) {
    if (scratch_setup(state) != 0)
        return -1;
    snprintf(cache, sizeof cache, "XDG_CACHE_HOME=%s", scratch("cache"));
    make_video(scratch("clip.mp4"), &clip);
    return 0;
}

static void run_line(spawned *s, const char *line) {
    spawn_line(s, LORIS_PROGRAM, line, &(spawn_settings){.folder = scratch(""), .environment = environment});
}

static const char *text_of(const json *object, const char *key) {
    const char *value;
    assert_ok(json_need_string(object, key, &value, "trace"));
    return value;
}

static double number_of(const json *object, const char *key) {
    double value;
    assert_ok(json_need_number(object, key, -1e15, 1e15, &value, "trace"));
    return value;
}

/* ---- the trace --------------------------------------------------------------------------------------------------- */

typedef struct event {
    const char *name;
    int process, thread;
    double start, end; /* microseconds */
} event;

static int outer_first(const void *a, const void *b) {
    const event *x = a, *y = b;
    if (x->process != y->process)
        return x->process - y->process;
    if (x->thread != y->thread)
        return x->thread - y->thread;
    return x->start != y->start ? (x->start < y->start ? -1 : 1) : (x->end > y->end ? -1 : x->end < y->end);
}

/* Viewers draw events of one track that overlap without one lying in the other wrongly or not at all. Times are whole
 * nanoseconds written as microseconds: 1e-4 us is beyond any rounding of theirs. */
static void assert_nested(event *events, size_t count) {
    enum { DEEPEST = 32 };
    const event *open[DEEPEST];
    int depth = 0;
    qsort(events, count, sizeof *events, outer_first);
    for (size_t i = 0; i < count; i++) {
        const event *e = &events[i];
        while (depth && (open[depth - 1]->process != e->process || open[depth - 1]->thread != e->thread ||
                         open[depth - 1]->end <= e->start + 1e-4))
            depth--;
        if (depth && e->end > open[depth - 1]->end + 1e-4)
            fail_msg("%s reaches beyond %s", e->name, open[depth - 1]->name);
        assert_in_range(depth, 0, DEEPEST - 1);
        open[depth++] = e;
    }
}

static bool has_event(const event *events, size_t count, const char *name, int process) {
    for (size_t i = 0; i < count; i++)
        if (events[i].process == process && !strcmp(events[i].name, name))
            return true;
    return false;
}

static void test_a_trace_that_viewers_accept(void **state) {
    (void)state;
    spawned s;
    run_line(&s, "profile --steps 2 clip.mp4");
    if (s.status != 0)
        fail_msg("%d: %s", s.status, s.err);
    assert_contains(s.out, "GFLOP/s");
    assert_contains(s.out, "seconds of the device in");
    spawn_free(&s);

    size_t size;
    char *data = scratch_read(scratch("clip-trace.json"), &size);
    arena *a = arena_new();
    const json *trace, *list;
    assert_ok(json_parse(&trace, a, data, size, "trace"));
    assert_ok(json_need_array(trace, "traceEvents", &list, "trace"));
    event *events = calloc(list->count, sizeof *events);
    size_t count = 0;
    int processes = 0;
    for (size_t i = 0; i < list->count; i++) {
        const json *e = &list->item[i];
        const char *phase = text_of(e, "ph");
        if (!strcmp(phase, "M")) {
            processes += !strcmp(text_of(e, "name"), "process_name");
            assert_true(*text_of(json_get(e, "args"), "name") != '\0');
            continue;
        }
        assert_string_equal(phase, "X");
        const double start = number_of(e, "ts"), duration = number_of(e, "dur");
        assert_true(start >= 0 && duration >= 0);
        events[count++] =
            (event){text_of(e, "name"), (int)number_of(e, "pid"), (int)number_of(e, "tid"), start, start + duration};
    }
    assert_int_equal(processes, 2);
    assert_nested(events, count);
    static const char *const stages[] = {"watch", "decode", "flow", "compose", "build", "denoise", "phase", "write"};
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++)
        if (!has_event(events, count, stages[i], 1))
            fail_msg("no stage %s", stages[i]);
    static const char *const scopes[] = {"flow: step", "level0", "search", "bottleneck", "sampler: step"};
    for (size_t i = 0; i < sizeof scopes / sizeof *scopes; i++)
        if (!has_event(events, count, scopes[i], 2))
            fail_msg("no scope %s", scopes[i]);
    free(events);
    arena_free(a);
    free(data);
}

/* ---- the nodes --------------------------------------------------------------------------------------------------- */

static void test_nodes_as_json(void **state) {
    (void)state;
    spawned s;
    run_line(&s, "profile -q --json --steps 2 -o other.json clip.mp4");
    if (s.status != 0)
        fail_msg("%d: %s", s.status, s.err);
    assert_string_equal(s.err, "");
    arena *a = arena_new();
    const json *list;
    assert_ok(json_parse(&list, a, s.out, strlen(s.out), "nodes"));
    assert_true(list->count > 100);
    double before = 1e9, frames = 0;
    for (size_t i = 0; i < list->count; i++) {
        const json *n = &list->item[i];
        const double seconds = number_of(n, "seconds");
        assert_true(seconds >= 0 && seconds <= before);
        before = seconds;
        assert_true(number_of(n, "launches") >= number_of(n, "calls") && number_of(n, "calls") >= 1);
        if (!strcmp(text_of(n, "operation"), "flow_base"))
            frames = number_of(n, "calls");
    }
    assert_true(frames == clip.frames); /* each frame is looked at once */
    arena_free(a);
    spawn_free(&s);
}

static void test_what_cannot_be_profiled(void **state) {
    (void)state;
    spawned s;
    scratch_file("notes.mp4", "no video", 8);
    run_line(&s, "profile -q -o none.json notes.mp4");
    assert_int_equal(s.status, 3);
    assert_contains(s.err, "notes.mp4");
    spawn_free(&s);
    run_line(&s, "profile -q -o clip.mp4 clip.mp4");
    assert_int_equal(s.status, 2);
    spawn_free(&s);
    run_line(&s, "profile -q --steps 2 -o no/such/folder.json clip.mp4");
    assert_int_equal(s.status, 5);
    assert_contains(s.err, "no/such");
    spawn_free(&s);
    struct stat info;
    assert_int_equal(stat(scratch("none.json"), &info), -1);

    loris_engine *engine;
    loris_profile_node *nodes;
    size_t count;
    assert_ok(loris_engine_open(&engine, &(loris_engine_settings){.cache_dir = ""}));
    assert_fails(loris_profile_nodes(engine, &nodes, &count), LORIS_ERROR_ARGUMENT, "keeps no profile");
    assert_fails(loris_profile_write_trace(engine, scratch("none.json")), LORIS_ERROR_ARGUMENT, "keeps no profile");
    loris_engine_close(engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_trace_that_viewers_accept),
                                       cmocka_unit_test(test_nodes_as_json),
                                       cmocka_unit_test(test_what_cannot_be_profiled)};
    return cmocka_run_group_tests(tests, setup, scratch_teardown);
}
