/* The program at work: what it writes, what it says, and what is left behind when something is wrong. */
#include <math.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <sndfile.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "compare.h"
#include "core/json.h"
#include "make_video.h"
#include "scratch.h"
#include "spawned.h"

static char cache[1024];
static const char *const environment[] = {cache,
                                          NULL}; /* compiled kernels stay in this test's folder, shared by its runs */

static void run_line(spawned *s, const char *folder, const char *line) {
    spawn_line(s, LORIS_PROGRAM, line, &(spawn_settings){.folder = folder, .environment = environment});
}

/* "loris-cl: what and where; what to do" on one line */
static void assert_error(const char *said, const char *wanted) {
    const char *end = strchr(said, '\n');
    if (!end || end[1] || strncmp(said, "loris-cl: ", 10) != 0 || !strstr(said, "; "))
        fail_msg("not one line with a hint: %s", said);
    assert_contains(said, wanted);
}

static void assert_content(const char *path, const char *want) {
    size_t size;
    char *got = scratch_read(path, &size);
    assert_int_equal(size, strlen(want));
    assert_memory_equal(got, want, size);
    free(got);
}

static const char *make_folder(const char *name) {
    const char *path = scratch(name);
    assert_int_equal(mkdir(path, 0755), 0);
    return path;
}

/* A second of movement. */
static const made_video clip = {.width = 96, .height = 64, .frames = 25};

/* ---- what succeeds ----------------------------------------------------------------------------------------------- */

static void test_a_soundtrack_with_default_names(void **state) {
    (void)state;
    const char *folder = make_folder("default");
    make_video(scratch("default/clip.mp4"), &clip);
    scratch_file("default/clip-soundtrack.mp4", "old", 3);
    spawned s;
    run_line(&s, folder, "--steps 2 --seed 7 clip.mp4");
    if (s.status != 0)
        fail_msg("%d: %s", s.status, s.err);
    assert_contains(s.out, "clip-soundtrack.mp4: 1.0 s");
    assert_contains(s.out, "seed 7");
    static const char *const stages[] = {"watch", "denoise", "phase", "write"};
    for (int i = 0; i < 4; i++)
        assert_contains(s.err, stages[i]);
    assert_null(strchr(s.err, '\r')); /* no bar where there is no terminal */
    spawn_free(&s);
    assert_int_equal(scratch_entries(folder), 2);
    struct stat info;
    assert_int_equal(stat(scratch("default/clip-soundtrack.mp4"), &info), 0);
    assert_true(info.st_size > 1000);
}

/* Every output in another place; a report that can be parsed, whose seed repeats the run. */
static void test_report_and_outputs(void **state) {
    (void)state;
    const char *folder = make_folder("report");
    make_video(scratch("report/clip.mkv"), &clip);
    spawned s, again;
    run_line(&s, folder,
             "-q --json --steps 2 --sampler heun --style jazz --bpm 100 --midi-out a.mid --rhythm-out a.json -o a.wav "
             "clip.mkv");
    if (s.status != 0)
        fail_msg("%d: %s", s.status, s.err);
    assert_string_equal(s.err, "");
    assert_int_equal(scratch_entries(folder), 4);
    arena *a = arena_new();
    const json *report;
    assert_ok(json_parse(&report, a, s.out, strlen(s.out), "report"));
    const char *member;
    double seed, value;
    assert_ok(json_need_string(report, "output", &member, "report"));
    assert_string_equal(member, "a.wav");
    assert_ok(json_need_string(report, "sampler", &member, "report"));
    assert_string_equal(member, "heun");
    assert_ok(json_need_string(report, "style", &member, "report"));
    assert_string_equal(member, "jazz");
    assert_ok(json_need_string(report, "model_hash", &member, "report"));
    assert_int_equal(strlen(member), 64);
    assert_ok(json_need_number(report, "steps", 2, 2, &value, "report"));
    assert_ok(json_need_number(report, "duration", 0.95, 1.05, &value, "report"));
    assert_ok(json_need_number(report, "device_memory", 1e6, 1e12, &value, "report"));
    const json *joints;
    assert_ok(json_need_array(report, "joints", &joints, "report"));
    assert_int_equal(joints->count, 0); /* a clip of one window */
    assert_ok(json_need_number(report, "seed", 0, 4294967295.0, &seed, "report"));
    char line[256];
    snprintf(line, sizeof line,
             "-q --steps 2 --sampler heun --style jazz --bpm 100 --rhythm a.json --seed %.0f -o b.wav clip.mkv", seed);
    arena_free(a);
    spawn_free(&s);

    run_line(&again, folder, line);
    assert_int_equal(again.status, 0);
    assert_string_equal(again.out, "");
    spawn_free(&again);
    size_t size, size_again;
    char *first = scratch_read(scratch("report/a.wav"), &size),
         *second = scratch_read(scratch("report/b.wav"), &size_again);
    assert_int_equal(size, size_again);
    assert_memory_equal(first, second, size);
    free(first);
    free(second);
}

/* ---- what the video gives ---------------------------------------------------------------------------------------- */

static uint8_t one_picture(int x, int y, int frame) {
    (void)frame;
    return (uint8_t)(40 + (x / 8 * 37 + y / 8 * 91) % 160);
}

/* Watched or read from a file, what is made lasts as long as asked. */
static void test_a_part_of_a_video(void **state) {
    (void)state;
    static const char rhythm[] =
        "{\"version\":1,\"duration_s\":1,\"tempo\":{\"bpm\":120,\"confidence\":1,\"beats\":[0.1,0.9],"
        "\"downbeats\":[0.9]},\"cuts\":[0.2,0.7],\"events\":[{\"t\":0.8,\"kind\":\"onset\",\"strength\":1}]}";
    const char *folder = make_folder("part");
    make_video(scratch("part/clip.mkv"), &clip);
    scratch_file("part/a.json", rhythm, sizeof rhythm - 1);
    static const char *const lines[] = {"-q --json --steps 2 -t 0.6 -o a.mp4 clip.mkv",
                                        "-q --json --steps 2 --duration 0.6 --rhythm a.json -o a.wav clip.mkv"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        spawned s;
        run_line(&s, folder, lines[i]);
        if (s.status != 0)
            fail_msg("%d: %s", s.status, s.err);
        arena *a = arena_new();
        const json *report;
        double value;
        assert_ok(json_parse(&report, a, s.out, strlen(s.out), "report"));
        assert_ok(json_need_number(report, "duration", 0.6, 0.6, &value, "report"));
        if (i == 1) {
            assert_ok(json_need_number(report, "events", 0, 0, &value, "report"));
            assert_ok(json_need_number(report, "cuts", 1, 1, &value, "report"));
        }
        arena_free(a);
        spawn_free(&s);
    }
}

static void test_a_still_picture_is_said_to_be_one(void **state) {
    (void)state;
    static const char said[] = "nothing moves: only the duration to compose to";
    const char *folder = make_folder("still");
    make_video(scratch("still/still.mkv"), &(made_video){.width = 96, .height = 64, .luma = one_picture});
    spawned s;
    run_line(&s, folder, "-v --steps 2 -o a.wav still.mkv");
    assert_int_equal(s.status, 0);
    assert_contains(s.out, said);
    assert_contains(s.err, said);
    spawn_free(&s);
    run_line(&s, folder, "-q --json --steps 2 -o a.wav still.mkv");
    arena *a = arena_new();
    const json *report;
    const char *note;
    assert_ok(json_parse(&report, a, s.out, strlen(s.out), "report"));
    assert_ok(json_need_string(report, "note", &note, "report"));
    assert_string_equal(note, said);
    arena_free(a);
    spawn_free(&s);
}

/* A voice of 1 kHz in syllables of 4 a second, from 1 to 3 s. */
static double voice(double t) {
    const double pi = 3.14159265358979323846;
    return t < 1 || t >= 3 ? 0 : 0.1 * sin(2 * pi * 1000 * t) * (0.5 - 0.5 * cos(2 * pi * 4 * t));
}

/* Mean energy from `from` to `to` seconds, in dB. */
static double level_of(const char *path, double from, double to) {
    SF_INFO info = {0};
    SNDFILE *file = sf_open(path, SFM_READ, &info);
    assert_non_null(file);
    sf_count_t first = (sf_count_t)(from * info.samplerate), count = (sf_count_t)((to - from) * info.samplerate);
    float *samples = calloc((size_t)(count * info.channels), sizeof *samples);
    assert_non_null(samples);
    assert_int_equal(sf_seek(file, first, SEEK_SET), first);
    assert_int_equal(sf_readf_float(file, samples, count), count);
    double sum = 0;
    for (sf_count_t i = 0; i < count * info.channels; i++)
        sum += (double)samples[i] * (double)samples[i];
    free(samples);
    sf_close(file);
    return 10 * log10(sum / (double)count + 1e-20);
}

/* The music steps back by 8 to 12 dB under the voice (host/media/audio_mix.c); the static gain that follows cancels in
 * the difference to a stretch without voice. The voice itself is mixed in at -60 dB and does not count. */
static void test_music_steps_back_under_speech(void **state) {
    (void)state;
    const char *folder = make_folder("duck");
    make_video(scratch("duck/clip.mkv"),
               &(made_video){.width = 96, .height = 64, .frames = 150, .sound_seconds = 6, .sound = voice});
    double under[2];
    for (int duck = 0; duck < 2; duck++) {
        spawned s;
        run_line(&s, folder,
                 duck ? "-q --steps 4 --seed 3 --keep-audio 0.001 --duck -o ducked.wav clip.mkv"
                      : "-q --steps 4 --seed 3 --keep-audio 0.001 -o plain.wav clip.mkv");
        if (s.status != 0)
            fail_msg("%d: %s", s.status, s.err);
        spawn_free(&s);
        const char *path = duck ? scratch("duck/ducked.wav") : scratch("duck/plain.wav");
        under[duck] = level_of(path, 1.4, 2.9) - level_of(path, 5, 5.9);
    }
    print_message("under speech: %.1f dB\n", under[1] - under[0]);
    assert_true(under[1] - under[0] < -8 && under[1] - under[0] > -12.1);
}

/* ---- progress ---------------------------------------------------------------------------------------------------- */

typedef struct terminal {
    int master, slave;
    pthread_t reader;
    char name[64], said[65536]; /* all that was written to it */
    size_t length;
} terminal;

static void *read_terminal(void *argument) {
    terminal *t = argument;
    ssize_t count;
    while ((count = read(t->master, t->said + t->length, sizeof t->said - 1 - t->length)) > 0)
        t->length += (size_t)count;
    return NULL;
}

static void terminal_open(terminal *t, unsigned short columns) {
    const struct winsize size = {.ws_row = 24, .ws_col = columns};
    memset(t, 0, sizeof *t);
    assert_int_equal(openpty(&t->master, &t->slave, t->name, NULL, &size), 0);
    assert_int_equal(pthread_create(&t->reader, NULL, read_terminal, t), 0);
}

/* After the last writer's end. */
static void terminal_close(terminal *t) {
    close(t->slave);
    assert_int_equal(pthread_join(t->reader, NULL), 0);
    close(t->master);
}

/* Runs a clip with a terminal `columns` wide for standard error. */
static void run_on_terminal(terminal *t, unsigned short columns, const char *type, const char *folder) {
    const char *const with[] = {cache, type, "NO_COLOR=1", NULL};
    spawned s;
    terminal_open(t, columns);
    spawn_line(&s, LORIS_PROGRAM, "--steps 4 -o a.wav clip.mp4",
               &(spawn_settings){.folder = folder, .err = t->name, .environment = with});
    assert_int_equal(s.status, 0);
    spawn_free(&s);
    terminal_close(t);
}

static void test_a_bar_on_terminals(void **state) {
    (void)state;
    static const unsigned short widths[] = {80, 9};
    static const char erase[] = "\r\033[K";
    const char *folder = make_folder("bar");
    make_video(scratch("bar/clip.mp4"), &clip);
    terminal t;
    for (int i = 0; i < 2; i++) {
        run_on_terminal(&t, widths[i], "TERM=xterm", folder);
        assert_contains(t.said, "\r\033[Kdenoise");
        assert_null(strchr(t.said, '\n'));
        if (widths[i] == 80)
            assert_contains(t.said, "  [--");
        const char *line = t.said, *next;
        for (; (next = strstr(line, erase)) != NULL; line = next + strlen(erase))
            assert_true(next - line < widths[i]); /* the last column stays free */
        assert_string_equal(line, "");            /* erased at the end */
    }
    run_on_terminal(&t, 80, "TERM=dumb", folder);
    assert_contains(t.said, "denoise");
    assert_null(strchr(t.said, '\033'));
}

/* ---- wrong input ------------------------------------------------------------------------------------------------- */

/* A model whose configuration does not fit its weights. */
static void make_misfit(const char *path) {
    static const char fits[] = "attention_features\\\": 64", misfits[] = "attention_features\\\": 32";
    size_t size;
    char *file = scratch_read(LORIS_MODELS "/base/model.safetensors", &size),
         *at = memmem(file, size, fits, sizeof fits - 1);
    assert_non_null(at);
    memcpy(at, misfits, sizeof misfits - 1);
    scratch_write(path, file, size);
    free(file);
}

static void make_wrong_inputs(void) {
    make_video(scratch("wrong/clip.mp4"), &clip);
    make_video(scratch("wrong/no-frames.mp4"), &(made_video){.frames = -1});
    make_video(
        scratch("wrong/cover.mp4"),
        &(made_video){
            .codec = "mjpeg", .pixel_format = "yuvj420p", .full_range = true, .frames = 1, .cover_picture_only = true});
    make_video(scratch("wrong/short.mp4"), &(made_video){.frames = 5});
    size_t size;
    char *whole = scratch_read(scratch("wrong/clip.mp4"), &size);
    scratch_file("wrong/half.mp4", whole, size / 2);
    free(whole);
    scratch_file("wrong/empty.mp4", "", 0);
    scratch_file("wrong/text.mp4", "once upon a time\n", 17);
    scratch_file("wrong/text.safetensors", "once upon a time\n", 17);
    scratch_file("wrong/bad.json", "{\"version\":1,\"duration_s\":-3}", 29);
    make_folder("wrong/folder");
    make_folder("wrong/folder.mp4");
    make_misfit(scratch("wrong/misfit.safetensors"));
}

static void test_wrong_input_leaves_the_old_output(void **state) {
    (void)state;
    static const struct {
        const char *line;
        int status;
        const char *wanted;
    } cases[] = {
        {"-o kept.mp4 missing.mp4", 3, "missing.mp4"},
        {"-o kept.mp4 empty.mp4", 3, "empty.mp4"},
        {"-o kept.mp4 text.mp4", 3, "text.mp4"},
        {"-o kept.mp4 half.mp4", 3, "half.mp4"},
        {"-o kept.mp4 no-frames.mp4", 3, "no-frames.mp4"},
        {"-o kept.mp4 cover.mp4", 3, "cover.mp4"},
        {"-o kept.mp4 short.mp4", 3, "short.mp4"},
        {"-o kept.mp4 folder", 3, "folder"},
        {"-o kept.mp4 --model text.safetensors clip.mp4", 3, "text.safetensors"},
        {"-o kept.mp4 --model ./folder clip.mp4", 3, "folder"},
        {"-o kept.mp4 --model unheard-of clip.mp4", 3, "known models: base"},
        {"-q -o kept.mp4 --model misfit.safetensors clip.mp4", 3, "attention.fn.to_q.weight"},
        {"-o kept.mp4 --rhythm bad.json clip.mp4", 3, "bad.json"},
        {"-o kept.mp4 --rhythm missing.json clip.mp4", 3, "missing.json"},
        {"-o nowhere/out.mp4 clip.mp4", 5, "nowhere"},
        {"-o clip.mp4/out.mp4 clip.mp4", 5, "clip.mp4"},
        {"-o folder.mp4 clip.mp4", 5, "folder.mp4"},
        {"-q -o kept.mp4 --midi-out nowhere/a.mid clip.mp4", 5, "nowhere"},
        {"-q -o kept.mp4 --rhythm-out nowhere/a.json clip.mp4", 5, "nowhere"},
        {"-o kept.xyz clip.mp4", 2, ".mp4 .mkv .mov"},
        {"-o clip.mp4 clip.mp4", 2, "the video itself"},
        {"-o ./folder/../clip.mp4 clip.mp4", 2, "the video itself"},
        {"-o a.wav --midi-out a.wav clip.mp4", 2, "a.wav"},
        {"-o kept.mp4 --kernels-dir text.mp4 clip.mp4", 2, "text.mp4"},
        {"-o kept.mp4 -d 99 clip.mp4", 4, "99"},
        {"-o kept.mp4 -d no-such-device clip.mp4", 4, "no-such-device"},
    };
    const char *folder = make_folder("wrong"), *kept = scratch_file("wrong/kept.mp4", "old", 3);
    make_wrong_inputs();
    size_t entries = scratch_entries(folder);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        spawned s;
        run_line(&s, folder, cases[i].line);
        if (s.status != cases[i].status)
            fail_msg("'%s' ended with %d: %s", cases[i].line, s.status, s.err);
        assert_error(s.err, cases[i].wanted);
        assert_string_equal(s.out, "");
        spawn_free(&s);
        assert_content(kept, "old");
        assert_int_equal(scratch_entries(folder), entries);
    }
}

/* PoCL shows a device per name in POCL_DEVICES, all of one platform. */
static void test_ambiguous_and_absent_devices(void **state) {
    (void)state;
    const char *folder = make_folder("devices");
    make_video(scratch("devices/clip.mp4"), &clip);
    spawned s;
    const char *const two[] = {cache, "POCL_DEVICES=pthread basic", NULL};
    spawn_line(&s, LORIS_PROGRAM, "-d portable clip.mp4", &(spawn_settings){.folder = folder, .environment = two});
    assert_int_equal(s.status, 4);
    assert_error(s.err, "portable");
    assert_contains(s.err, "basic");
    spawn_free(&s);
    char nowhere[1024];
    snprintf(nowhere, sizeof nowhere, "OCL_ICD_VENDORS=%s/", folder);
    const char *const none[] = {cache, nowhere, NULL};
    spawn_line(&s, LORIS_PROGRAM, "clip.mp4", &(spawn_settings){.folder = folder, .environment = none});
    assert_int_equal(s.status, 4);
    assert_error(s.err, "install");
    spawn_free(&s);
    assert_int_equal(scratch_entries(folder), 1);
}

/* ---- failing late ------------------------------------------------------------------------------------------------ */

/* A limit on the size of files stands for the full disk: above every compiled kernel, below 12 seconds of sound. */
static void test_a_full_disk(void **state) {
    (void)state;
    const char *folder = make_folder("full");
    make_video(scratch("full/clip.mp4"), &clip);
    const char *kept = scratch_file("full/kept.wav", "old", 3);
    static const char twelve_seconds[] =
        "{\"version\":1,\"duration_s\":12,\"tempo\":{\"bpm\":0,\"confidence\":0},\"events\":[]}";
    scratch_file("full/long.json", twelve_seconds, sizeof twelve_seconds - 1);
    spawned s;
    spawn_line(&s, LORIS_PROGRAM, "-q --steps 2 --rhythm long.json -o kept.wav clip.mp4",
               &(spawn_settings){.folder = folder, .environment = environment, .file_limit = 600000});
    if (s.status != 5)
        fail_msg("%d: %s", s.status, s.err);
    assert_error(s.err, "kept.wav");
    spawn_free(&s);
    assert_content(kept, "old");
    assert_int_equal(scratch_entries(folder), 3);
}

/* Starts a run that would take minutes and returns once it denoises. */
static void start_long_run(spawned *s, const char *folder) {
    const struct timespec pause = {.tv_nsec = 10000000};
    spawn_start_line(s, LORIS_PROGRAM, "--steps 1000 -o kept.mp4 clip.mp4",
                     &(spawn_settings){.folder = folder, .environment = environment});
    for (int tries = 0; tries < 3000; tries++) {
        char *said = spawn_peek(s);
        bool denoising = strstr(said, "compose");
        free(said);
        if (denoising)
            return;
        nanosleep(&pause, NULL);
    }
    spawn_wait(s, 0);
}

/* The first signal ends the run within a second; the test allows two more for a busy machine and the driver's own end.
 */
static void test_interrupting(void **state) {
    (void)state;
    static const int signals[][2] = {{SIGINT, 0}, {SIGTERM, 0}, {SIGHUP, 0}, {SIGINT, SIGINT}};
    const char *folder = make_folder("interrupt");
    make_video(scratch("interrupt/clip.mp4"), &clip);
    const char *kept = scratch_file("interrupt/kept.mp4", "old", 3);
    for (int i = 0; i < 4; i++) {
        spawned s;
        start_long_run(&s, folder);
        assert_int_equal(kill(s.process, signals[i][0]), 0);
        if (signals[i][1])
            kill(s.process, signals[i][1]);
        spawn_wait(&s, 3);
        assert_int_equal(s.status, 130);
        if (!signals[i][1])
            assert_contains(s.err, "loris-cl: interrupted\n");
        spawn_free(&s);
        assert_content(kept, "old");
        assert_int_equal(scratch_entries(folder), 2);
    }
}

/* A driver that compiles cannot be stopped, so the program leaves it behind: with no kernel in any cache, nearly all of
 * the first seconds is compiling. */
static void test_interrupting_a_driver_that_compiles(void **state) {
    (void)state;
    const char *folder = make_folder("compile");
    make_video(scratch("compile/clip.mp4"), &clip);
    const char *kept = scratch_file("compile/kept.mp4", "old", 3);
    for (int i = 0; i < 6; i++) {
        const struct timespec wait = {.tv_nsec = 150000000L * (i + 1)};
        char own[1024], driver[1024];
        snprintf(own, sizeof own, "XDG_CACHE_HOME=%s%d", scratch("cold"), i);
        snprintf(driver, sizeof driver, "POCL_CACHE_DIR=%s%d", scratch("driver"), i);
        const char *const none_compiled[] = {own, driver, NULL};
        spawned s;
        spawn_start_line(&s, LORIS_PROGRAM, "-o kept.mp4 clip.mp4",
                         &(spawn_settings){.folder = folder, .environment = none_compiled});
        nanosleep(&wait, NULL);
        assert_int_equal(kill(s.process, SIGINT), 0);
        spawn_wait(&s, 3);
        assert_int_equal(s.status, 130);
        assert_contains(s.err, "loris-cl: interrupted\n");
        spawn_free(&s);
        assert_content(kept, "old");
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
        cmocka_unit_test(test_a_soundtrack_with_default_names),
        cmocka_unit_test(test_report_and_outputs),
        cmocka_unit_test(test_a_part_of_a_video),
        cmocka_unit_test(test_a_still_picture_is_said_to_be_one),
        cmocka_unit_test(test_music_steps_back_under_speech),
        cmocka_unit_test(test_a_bar_on_terminals),
        cmocka_unit_test(test_wrong_input_leaves_the_old_output),
        cmocka_unit_test(test_ambiguous_and_absent_devices),
        cmocka_unit_test(test_a_full_disk),
        cmocka_unit_test(test_interrupting),
        cmocka_unit_test(test_interrupting_a_driver_that_compiles),
    };
    return cmocka_run_group_tests(tests, setup, scratch_teardown);
}
