/* loris-cl prepare, and run with a LORIS checkpoint and nothing but a video: what users type, over tiny videos and
 * networks. */
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "core/file.h"
#include "core/npy.h"
#include "make_i3d.h"
#include "make_video.h"
#include "scratch.h"
#include "spawned.h"

#include "compare.h"

/* One cache for all runs: drivers compile kernels once. */
static char cache[600];
static const char *const here[] = {cache, NULL};

static uint8_t moving(int x, int y, int frame) {
    return (uint8_t)(x * 3 + y * 5 + frame * 11);
}

static double tone(double seconds) {
    return 0.5 * sin(2765 * seconds);
}

/* Milliseconds of frames at a variable rate. */
static const int uneven[] = {0, 20, 60, 300, 310, 620, 640, 990};

static int setup(void **state) {
    if (scratch_setup(state))
        return -1;
    snprintf(cache, sizeof cache, "XDG_CACHE_HOME=%s", scratch("cache"));
    made_i3d_write(scratch("i3d.safetensors"), 32);
    assert_int_equal(mkdir(scratch("videos"), 0777) | mkdir(scratch("videos/more"), 0777), 0);
    made_video spec = {.frames = 20, .luma = moving, .sound = tone, .sound_seconds = 0.8};
    make_video(scratch("videos/a_c01_x.mkv"), &spec);
    spec.sound_seconds = 0.5;
    spec.frames = sizeof uneven / sizeof *uneven;
    spec.ticks = uneven;
    make_video(scratch("videos/more/b.mkv"), &spec);
    spec.frames = 1;
    make_video(scratch("videos/a_c02_x.mkv"), &spec);
    make_video(scratch("videos/mute.mp4"), &(made_video){.frames = 10});
    scratch_write(scratch("videos/torn.mp4"), "not a video", 11);
    scratch_write(scratch("videos/notes.txt"), "not meant", 9);
    make_video(scratch("videos/a_c01_x.mov"), &spec); /* comes second in the order of paths */
    return 0;
}


#define PREPARE "prepare --videos videos --pad --i3d-model i3d.safetensors --eyes movenet-lightning "

static void loris(spawned *s, const char *line, const char *const *environment) {
    spawn_start_line(s, LORIS_PROGRAM, line, &(spawn_settings){.folder = scratch(""), .environment = environment});
    spawn_wait(s, 300); /* drivers compile two networks at first, on a machine that may be busy */
}

/* The files of a dataset, by name. */
static const char *const files[] = {
    "audio_s25/a_c01_x_000.wav",    "audio_s25/a_c02_x_000.wav",  "audio_s25/more-b_000.wav",
    "i3d_s25/a_c01_x_000.npy",      "i3d_s25/a_c02_x_000.npy",    "i3d_s25/more-b_000.npy",
    "pose2d_s25/a_c01_x_000.npy",   "pose2d_s25/a_c02_x_000.npy", "pose2d_s25/more-b_000.npy",
    "videos_s25/a_c01_x.json",      "videos_s25/a_c02_x.json",    "videos_s25/more-b.json",
    "videos_s25/mute.json",         "videos_s25/torn.json",       "audio_s25_train_segment.txt",
    "audio_s25_test_segment.txt",   "i3d_s25_train_segment.txt",  "i3d_s25_test_segment.txt",
    "pose2d_s25_train_segment.txt", "pose2d_s25_test_segment.txt"};
enum { FILES = sizeof files / sizeof *files };

static char *read_file(const char *folder, const char *name, size_t *size) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return scratch_read(scratch(path), size);
}

static void check_same_folders(const char *one, const char *other) {
    for (int i = 0; i < FILES; i++) {
        size_t size, other_size;
        char *a = read_file(one, files[i], &size), *b = read_file(other, files[i], &other_size);
        if (size != other_size || memcmp(a, b, size) != 0)
            fail_msg("%s: differs between %s and %s", files[i], one, other);
        free(a);
        free(b);
    }
    for (int kind = 0; kind < 4; kind++) {
        static const char *const folders[] = {"audio_s25", "i3d_s25", "pose2d_s25", "videos_s25"};
        char path[512];
        snprintf(path, sizeof path, "%s/%s", other, folders[kind]);
        assert_int_equal(scratch_entries(scratch(path)), kind < 3 ? 3 : 5); /* and nothing else */
    }
}

static void check_list(const char *name, const char *wanted) {
    size_t size;
    char *list = read_file("whole", name, &size);
    assert_int_equal(size, strlen(wanted));
    assert_memory_equal(list, wanted, size);
    free(list);
}

static void test_layout(void **state) {
    (void)state;
    spawned s;
    loris(&s, PREPARE "--out whole --test-share 0 --json", here);
    assert_int_equal(s.status, 0);
    assert_contains(s.out,
                    "\"videos\": 6, \"made\": 3, \"found\": 0, \"skipped\": 3, \"clips\": 3, \"complete\": true, "
                    "\"train\": 3, \"test\": 0");
    assert_contains(s.err, "skipped: videos/torn.mp4");
    assert_contains(s.err, "skipped: videos/mute.mp4 has no sound");
    assert_contains(s.err, "skipped: videos/a_c01_x.mov: the clips of another video are called a_c01_x");
    spawn_free(&s);
    check_list("audio_s25_train_segment.txt",
               "audio_s25/a_c01_x_000.wav\naudio_s25/a_c02_x_000.wav\naudio_s25/more-b_000.wav\n");
    check_list("pose2d_s25_train_segment.txt",
               "pose2d_s25/a_c01_x_000.npy\npose2d_s25/a_c02_x_000.npy\npose2d_s25/more-b_000.npy\n");
    check_list("i3d_s25_test_segment.txt", "");
    npy a;
    assert_ok(npy_read(&a, scratch("whole/i3d_s25/more-b_000.npy")));
    assert_true(a.rank == 2 && a.dim[0] == 50 && a.dim[1] == 32);
    npy_free(&a);
    assert_ok(npy_read(&a, scratch("whole/pose2d_s25/more-b_000.npy")));
    assert_true(a.rank == 3 && a.dim[0] == 400 && a.dim[1] == 17 && a.dim[2] == 3);
    npy_free(&a);
    size_t size;
    uint8_t *wav = (uint8_t *)read_file("whole", "audio_s25/more-b_000.wav", &size);
    assert_memory_equal(wav, "RIFF", 4);
    assert_int_equal(wav[22], 2);                                                 /* channels */
    assert_int_equal(wav[24] | wav[25] << 8, 22050);                              /* Hz */
    assert_true(size > 25u * 22050 * 2 * 3 && size < 25u * 22050 * 2 * 3 + 4096); /* 24 bit */
    free(wav);
}

/* A second run finds all but what was skipped, and changes nothing. */
static void test_again(void **state) {
    (void)state;
    spawned s;
    loris(&s, PREPARE "--out whole --test-share 0 -q --json", here);
    assert_int_equal(s.status, 0);
    assert_contains(s.out, "\"made\": 0, \"found\": 3, \"skipped\": 3, \"clips\": 3, \"complete\": true");
    spawn_free(&s);
}

static void test_shards(void **state) {
    (void)state;
    spawned s;
    static const char *const slurm[] = {cache, "SLURM_PROCID=1", "SLURM_NTASKS=3", NULL};
    static const char *const mpi[] = {cache, "OMPI_COMM_WORLD_RANK=2", "OMPI_COMM_WORLD_SIZE=3",
                                      NULL};
    loris(&s, PREPARE "--out parts --test-share 0 --shard 1/3 --jobs 2", here);
    assert_int_equal(s.status, 0);
    assert_contains(s.out, "the last shard to end");
    assert_false(file_exists(scratch("parts/i3d_s25_train_segment.txt")));
    spawn_free(&s);
    loris(&s, PREPARE "--out parts --test-share 0 --json", slurm);
    assert_int_equal(s.status, 0);
    assert_contains(s.out, "\"shard\": 2, \"shards\": 3");
    spawn_free(&s);
    loris(&s, PREPARE "--out parts --test-share 0 --json", mpi);
    assert_contains(s.out, "\"shard\": 3, \"shards\": 3");
    assert_contains(s.out, "\"complete\": true");
    spawn_free(&s);
    check_same_folders("whole", "parts");
}

/* Killed when the first video is done, and started again. */
static void test_killed(void **state) {
    (void)state;
    static const struct timespec pause = {.tv_nsec = 20000000};
    spawned s;
    spawn_start_line(&s, LORIS_PROGRAM, PREPARE "--out killed --test-share 0",
                     &(spawn_settings){.folder = scratch(""), .environment = here});
    for (int k = 0; k < 3000 && !file_exists(scratch("killed/videos_s25/a_c01_x.json")); k++)
        nanosleep(&pause, NULL);
    kill(s.process, SIGKILL);
    spawn_wait(&s, 60);
    assert_int_equal(s.status, -SIGKILL);
    spawn_free(&s);
    assert_false(file_exists(scratch("killed/i3d_s25_train_segment.txt")));
    loris(&s, PREPARE "--out killed --test-share 0 --json", here);
    assert_int_equal(s.status, 0);
    assert_null(strstr(s.out, "\"found\": 0"));
    spawn_free(&s);
    for (int i = 0; i < FILES; i++) {
        size_t size, other_size;
        char *a = read_file("whole", files[i], &size), *b = read_file("killed", files[i], &other_size);
        assert_int_equal(size, other_size);
        assert_memory_equal(a, b, size);
        free(a);
        free(b);
    }
}

/* What decides is the name without its camera: both cameras of a take are on one side. */
static void test_split(void **state) {
    (void)state;
    int both = 0;
    for (int share = 1; share < 10; share += 2) {
        spawned s;
        char line[256];
        snprintf(line, sizeof line, PREPARE "--out whole --test-share 0.%d -q", share);
        loris(&s, line, here);
        assert_int_equal(s.status, 0);
        spawn_free(&s);
        size_t size, train_size;
        char *test = read_file("whole", "i3d_s25_test_segment.txt", &size);
        char *train = read_file("whole", "i3d_s25_train_segment.txt", &train_size);
        const bool first = memmem(test, size, "a_c01_x", 7) != NULL, second = memmem(test, size, "a_c02_x", 7) != NULL;
        assert_int_equal(first, second);
        assert_int_equal(memmem(train, train_size, "a_c01_x", 7) == NULL, first);
        both += first;
        free(test);
        free(train);
    }
    assert_in_range(both, 1, 4); /* the share matters */
}

static void test_infer_takes_it(void **state) {
    (void)state;
    spawned s;
    /* one clip is enough */
    scratch_write(scratch("whole/one-i3d.txt"), "i3d_s25/more-b_000.npy\n", 23);
    scratch_write(scratch("whole/one-pose.txt"), "pose2d_s25/more-b_000.npy\n", 26);
    loris(&s,
          "infer -q --model " LORIS_TEST_DATA "/unet/cond --list-i3d whole/one-i3d.txt --list-pose whole/one-pose.txt "
          "--steps 2 --sampler dpmpp2m --out made",
          here);
    assert_string_equal(s.err, "");
    assert_int_equal(s.status, 0);
    assert_true(file_exists(scratch("made/generated_1.wav")));
    spawn_free(&s);
}

static void test_a_checkpoint_sees_a_video(void **state) {
    (void)state;
    spawned s;
    loris(&s,
          "--model " LORIS_TEST_DATA "/unet/cond --i3d-model i3d.safetensors --eyes movenet-lightning --steps 2 "
          "--sampler dpmpp2m --seed 5 --json -o seen.mp4 videos/more/b.mkv",
          here);
    assert_int_equal(s.status, 0);
    assert_contains(s.out, "\"seed\": 5, \"clips\": 1, \"evaluations\": 1");
    assert_true(file_exists(scratch("seen.mp4")));
    assert_int_equal(scratch_entries(scratch("cache/loris-cl/features")), 2);
    spawn_free(&s);
}

static void test_wrong_input(void **state) {
    (void)state;
    static const struct {
        const char *line, *said;
        int status;
    } wrong[] = {{"prepare --videos videos", "--out are both needed", 2},
                 {PREPARE "--out x --shard 4/3", "--shard 4/3", 2},
                 {PREPARE "--out x --segment 30", "30", 2},
                 {"prepare --videos none --out x --i3d-model i3d.safetensors", "none", 3},
                 {"prepare --videos videos --out x --i3d-model " LORIS_MODELS "/base", "not a model of I3D", 3},
                 {"prepare --videos videos --out x", "get-i3d.sh", 3},
                 {"--model " LORIS_TEST_DATA "/unet/cond -o a.wav videos/more/b.mkv", "get-i3d.sh", 3},
                 {"--model " LORIS_TEST_DATA "/unet/cond --takes 2 -o a.wav videos/more/b.mkv", "--takes", 2}};
    static const char *const environment[] = {cache, "XDG_DATA_HOME=/nonexistent", NULL};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        spawned s;
        loris(&s, wrong[i].line, environment);
        assert_int_equal(s.status, wrong[i].status);
        assert_contains(s.err, wrong[i].said);
        assert_ptr_equal(strchr(s.err, '\n'), s.err + strlen(s.err) - 1); /* one line */
        spawn_free(&s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),      cmocka_unit_test(test_again),
        cmocka_unit_test(test_shards),      cmocka_unit_test(test_killed),
        cmocka_unit_test(test_split),       cmocka_unit_test(test_infer_takes_it),
        cmocka_unit_test(test_wrong_input), cmocka_unit_test(test_a_checkpoint_sees_a_video),
    };
    return cmocka_run_group_tests(tests, setup, scratch_teardown);
}
