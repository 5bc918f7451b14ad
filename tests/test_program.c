/* Programs made of sections, and their binaries on disc. */
#include "compare.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "compute/cache.h"
#include "compute/program.h"
#include "core/file.h"
#include "messages.h"
#include "temporary.h"

/* ---- a device, a folder of kernels, a folder for binaries -------------------------------------------------------- */

/* A macro and a helper of the file's own, so that two sections of it clash unless each gets its suffix and loses its
 * macros. */
static const char scale_source[] = "#define TIMES(x) ((x) * FACTOR)\n"
                                   "#if FACTOR > 2\n"
                                   "#  define EXTRA 0.5f\n"
                                   "#else\n"
                                   "#  define EXTRA 0.25f\n"
                                   "#endif\n"
                                   "static float NAME(helper)(float x) {\n"
                                   "    return TIMES(x) + EXTRA;\n"
                                   "}\n"
                                   "KERNEL(scale)(global float *x) {\n"
                                   "    x[get_global_id(0)] = NAME(helper)(x[get_global_id(0)]);\n"
                                   "}\n";

typedef struct place {
    char root[TEMPORARY_PATH_MAX], kernels[TEMPORARY_PATH_MAX], cache[TEMPORARY_PATH_MAX];
    compute *c;
} place;

static void join(char out[TEMPORARY_PATH_MAX], const char *folder, const char *name) {
    int length = snprintf(out, TEMPORARY_PATH_MAX, "%s/%s", folder, name);
    assert_true(length > 0 && length < TEMPORARY_PATH_MAX);
}

static void open_device(place *at) {
    assert_ok(compute_open(&at->c, &(compute_settings){.kernels_dir = at->kernels, .cache_dir = at->cache}));
}

static place *begin(void) {
    place *at = calloc(1, sizeof *at);
    assert_non_null(at);
    temporary_make(at->root);
    join(at->kernels, at->root, "kernels");
    join(at->cache, at->root, "cache");
    assert_int_equal(mkdir(at->kernels, 0755), 0);
    temporary_write(at->kernels, "scale.cl", scale_source, strlen(scale_source), NULL);
    open_device(at);
    return at;
}

static void end(place *at) {
    compute_close(at->c);
    temporary_remove(at->root);
    free(at);
}

/* Runs kernel `scale` of the section on {1, 2, 3} and expects factor * x + extra. */
static void expect_scaled(place *at, program *p, int section, float factor, float extra) {
    float x[3] = {1, 2, 3};
    const float want[3] = {factor + extra, 2 * factor + extra, 3 * factor + extra};
    cl_mem buffer;
    cl_kernel kernel;
    assert_ok(buffer_new(at->c, &buffer, sizeof x, x, "x"));
    assert_ok(program_kernel(p, section, "scale", &kernel));
    assert_int_equal(clSetKernelArg(kernel, 0, sizeof buffer, &buffer), CL_SUCCESS);
    assert_ok(compute_pace(at->c, 3, "scale"));
    const size_t global = 3, local = 1;
    assert_int_equal(clEnqueueNDRangeKernel(at->c->queue, kernel, 1, NULL, &global, &local, 0, NULL, NULL), CL_SUCCESS);
    assert_ok(buffer_read(at->c, buffer, 0, x, sizeof x, "x"));
    assert_arrays_close(x, want, 3, 0); /* small multiples of 1/4: exact */
    clReleaseKernel(kernel);
    buffer_free(&buffer);
}

/* Builds `scale` with a factor, runs it, stores it. True: it was compiled; false: it came from the cache. */
static bool build_run_store(place *at, int factor) {
    program *p;
    int section;
    char defines[32];
    snprintf(defines, sizeof defines, "FACTOR=%d", factor);
    assert_ok(program_new(&p, at->c));
    assert_ok(program_section(p, "scale", defines, &section));
    assert_ok(program_build(p));
    bool compiled = at->c->throttle.cold_programs > 0;
    expect_scaled(at, p, section, (float)factor, factor > 2 ? 0.5f : 0.25f);
    program_store(p);
    program_free(p);
    assert_int_equal(at->c->throttle.cold_programs, 0);
    programs_release(at->c); /* as if in another process */
    return compiled;
}

/* The number of files in the cache; the path of the last one goes to `path`. */
static int cached(const place *at, char path[TEMPORARY_PATH_MAX]) {
    int count = 0;
    DIR *dir = opendir(at->cache);
    assert_non_null(dir);
    for (const struct dirent *d; (d = readdir(dir)) != NULL;) {
        if (d->d_name[0] == '.')
            continue;
        count++;
        if (path)
            join(path, at->cache, d->d_name);
    }
    closedir(dir);
    return count;
}

/* ---- sections ---------------------------------------------------------------------------------------------------- */

static void sections_of_one_file_do_not_clash(void **state) {
    (void)state;
    place *at = begin();
    program *p;
    int two, three, again;
    assert_ok(program_new(&p, at->c));
    assert_ok(program_section(p, "scale", "FACTOR=2", &two));
    assert_ok(program_section(p, "scale", " FACTOR=3  UNUSED=(1+1)", &three));
    assert_ok(program_section(p, "scale", "FACTOR=2", &again));
    assert_int_equal(two, again);
    assert_int_not_equal(two, three);
    assert_ok(program_build(p));
    expect_scaled(at, p, two, 2, 0.25f);
    expect_scaled(at, p, three, 3, 0.5f);
    program_free(p);
    end(at);
}

static void wrong_requests_are_internal_errors(void **state) {
    (void)state;
    place *at = begin();
    program *p;
    int section;
    cl_kernel kernel;
    assert_ok(program_new(&p, at->c));
    assert_fails(program_section(p, "nosuch", "", &section), LORIS_ERROR_INTERNAL, "nosuch.cl");
    static const char *const bad[] = {"FACTOR", "FACTOR=", "=2", "2X=1", "A=1 B", "A=1\nB=2", "A=1\\"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_fails(program_section(p, "scale", bad[i], &section), LORIS_ERROR_INTERNAL, "scale.cl");
    assert_fails(program_section(p, "../scale", "FACTOR=2", &section), LORIS_ERROR_INTERNAL, "../scale");
    assert_fails(program_section(p, "", "", &section), LORIS_ERROR_INTERNAL, NULL);
    assert_ok(program_section(p, "scale", "FACTOR=2", &section));
    assert_fails(program_kernel(p, section, "scale", &kernel), LORIS_ERROR_INTERNAL, "not built");
    assert_ok(program_build(p));
    assert_fails(program_kernel(p, 1, "scale", &kernel), LORIS_ERROR_INTERNAL, "no such section");
    assert_fails(program_kernel(p, section, "shrink", &kernel), LORIS_ERROR_DEVICE, "shrink of scale.cl");
    assert_fails(program_build(p), LORIS_ERROR_INTERNAL, "twice");
    assert_fails(program_section(p, "scale", "FACTOR=3", &section), LORIS_ERROR_INTERNAL, "built");
    program_free(p);
    end(at);
}

static void a_compile_error_names_file_and_line(void **state) {
    (void)state;
    static const char broken[] = "KERNEL(broken)(global float *x) {\n"
                                 "    x[0] = 1;\n"
                                 "    x[1] = no_such_variable;\n"
                                 "}\n";
    place *at = begin();
    temporary_write(at->kernels, "broken.cl", broken, strlen(broken), NULL);
    program *p;
    int section;
    assert_ok(program_new(&p, at->c));
    assert_ok(program_section(p, "scale", "FACTOR=2", &section));
    assert_ok(program_section(p, "broken", "", &section));
    messages_keep();
    assert_fails(program_build(p), LORIS_ERROR_DEVICE, "broken.cl:3");
    assert_non_null(strstr(loris_error_message(), "no_such_variable"));
    assert_non_null(strstr(loris_error_message(), at->c->dev.name));
    assert_true(messages_contain("no_such_variable"));
    messages_drop();
    program_store(p); /* nothing to store, nothing to fail */
    assert_int_equal(cached(at, NULL), 0);
    program_free(p);
    end(at);
}

/* What a section includes is specialised with it, ends with it, and leaves the lines after it their numbers. */
static void a_section_includes_a_file(void **state) {
    (void)state;
    static const char shared[] = "#define TIMES(x) ((x) * FACTOR)\n"
                                 "static float NAME(helper)(float x) {\n"
                                 "    return TIMES(x);\n"
                                 "}\n";
    static const char whole[] = "#include \"shared.clh\"\n"
                                "KERNEL(scale)(global float *x) {\n"
                                "    x[get_global_id(0)] = NAME(helper)(x[get_global_id(0)]);\n"
                                "}\n";
    static const char broken[] = "#define OWN 1\n"
                                 "#include \"shared.clh\"\n"
                                 "KERNEL(broken)(global float *x) {\n"
                                 "    x[0] = no_such_variable;\n"
                                 "}\n";
    place *at = begin();
    temporary_write(at->kernels, "shared.clh", shared, strlen(shared), NULL);
    temporary_write(at->kernels, "scale.cl", whole, strlen(whole), NULL);
    temporary_write(at->kernels, "broken.cl", broken, strlen(broken), NULL);
    program *p;
    int two, three, section;
    assert_ok(program_new(&p, at->c));
    assert_ok(program_section(p, "scale", "FACTOR=2", &two));
    assert_ok(program_section(p, "scale", "FACTOR=3", &three));
    assert_ok(program_build(p));
    expect_scaled(at, p, two, 2, 0);
    expect_scaled(at, p, three, 3, 0);
    program_free(p);

    assert_ok(program_new(&p, at->c));
    assert_ok(program_section(p, "broken", "FACTOR=2", &section));
    assert_fails(program_build(p), LORIS_ERROR_DEVICE, "broken.cl:4");
    program_free(p);

    static const char nothing[] = "#include \"missing.clh\"\n";
    temporary_write(at->kernels, "nothing.cl", nothing, strlen(nothing), NULL);
    assert_ok(program_new(&p, at->c));
    assert_ok(program_section(p, "nothing", "", &section));
    assert_fails(program_build(p), LORIS_ERROR_INTERNAL, "missing.clh");
    program_free(p);
    end(at);
}

static void files_in_kernels_dir_take_the_embedded_ones_place(void **state) {
    (void)state;
    static const char common[] = "#define KERNEL(name) kernel void name##_0\n"
                                 "#define OVERRIDE 7\n";
    static const char file[] = "KERNEL(scale)(global float *x) { x[get_global_id(0)] *= OVERRIDE; }\n";
    place *at = begin();
    temporary_write(at->kernels, "common.clh", common, strlen(common), NULL);
    temporary_write(at->kernels, "scale.cl", file, strlen(file), NULL);
    program *p;
    int section;
    assert_ok(program_new(&p, at->c));
    assert_ok(program_section(p, "scale", "", &section));
    assert_ok(program_build(p));
    expect_scaled(at, p, section, 7, 0);
    program_free(p);

    compute *c;
    char path[TEMPORARY_PATH_MAX];
    join(path, at->kernels, "scale.cl");
    assert_fails(compute_open(&c, &(compute_settings){.kernels_dir = path}), LORIS_ERROR_ARGUMENT, "not a folder");
    end(at);
}

/* ---- the cache --------------------------------------------------------------------------------------------------- */

static void a_built_section_serves_later_programs(void **state) {
    (void)state;
    place *at = begin();
    program *first, *second, *third;
    int two, three, again;
    assert_ok(program_new(&first, at->c));
    assert_ok(program_section(first, "scale", "FACTOR=2", &two));
    assert_ok(program_build(first));
    program_store(first);
    assert_int_equal(cached(at, NULL), 1);

    assert_ok(program_new(&second, at->c)); /* lent whole: nothing to compile, nothing to store */
    assert_ok(program_section(second, "scale", "FACTOR=2", &again));
    assert_ok(program_build(second));
    assert_int_equal(at->c->throttle.cold_programs, 0);
    program_free(first); /* the lender is not needed any more */
    expect_scaled(at, second, again, 2, 0.25f);
    program_store(second);
    assert_int_equal(cached(at, NULL), 1);

    assert_ok(program_new(&third, at->c)); /* partly lent */
    assert_ok(program_section(third, "scale", "FACTOR=3", &three));
    assert_ok(program_section(third, "scale", "FACTOR=2", &again));
    assert_ok(program_build(third));
    program_free(second);
    expect_scaled(at, third, three, 3, 0.5f);
    expect_scaled(at, third, again, 2, 0.25f);
    program_store(third);
    assert_int_equal(cached(at, NULL), 2);
    program_free(third);
    end(at);
}

static void a_stored_program_is_loaded(void **state) {
    (void)state;
    place *at = begin();
    struct stat info;
    assert_int_equal(stat(at->cache, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    assert_true(build_run_store(at, 2));
    assert_int_equal(cached(at, NULL), 1);
    assert_false(build_run_store(at, 2));
    assert_int_equal(cached(at, NULL), 1);
    assert_true(build_run_store(at, 3)); /* other source, other key */
    assert_int_equal(cached(at, NULL), 2);
    compute_close(at->c);
    open_device(at);
    assert_false(build_run_store(at, 3));
    end(at);
}

static void a_damaged_binary_is_made_again(void **state) {
    (void)state;
    place *at = begin();
    char path[TEMPORARY_PATH_MAX], *good;
    size_t size;
    assert_true(build_run_store(at, 2));
    assert_int_equal(cached(at, path), 1);
    assert_ok(file_read(path, (size_t)1 << 30, &good, &size));
    const size_t cut[] = {0, 1, 8, 39, 40, 41, size / 2, size - 1};
    for (size_t i = 0; i < sizeof cut / sizeof cut[0]; i++) {
        assert_ok(file_write(path, good, cut[i]));
        assert_true(build_run_store(at, 2));
        assert_false(build_run_store(at, 2));
    }
    const size_t flip[] = {0, 9, 40, size / 2, size - 1};
    for (size_t i = 0; i < sizeof flip / sizeof flip[0]; i++) {
        good[flip[i]] ^= 1;
        assert_ok(file_write(path, good, size));
        good[flip[i]] ^= 1;
        assert_true(build_run_store(at, 2));
        assert_false(build_run_store(at, 2));
    }
    free(good);
    end(at);
}

static void a_binary_of_another_key_is_refused(void **state) {
    (void)state;
    place *at = begin();
    char two[TEMPORARY_PATH_MAX], three[TEMPORARY_PATH_MAX], *data;
    size_t size;
    assert_true(build_run_store(at, 2));
    cached(at, two);
    assert_ok(file_read(two, (size_t)1 << 30, &data, &size));
    assert_int_equal(unlink(two), 0);
    assert_true(build_run_store(at, 3));
    cached(at, three);
    assert_ok(file_write(three, data, size));
    free(data);
    assert_true(build_run_store(at, 3));
    end(at);
}

static void a_binary_the_driver_refuses_is_made_again(void **state) {
    (void)state;
    place *at = begin();
    char path[TEMPORARY_PATH_MAX], key[65];
    assert_true(build_run_store(at, 2));
    cached(at, path);
    snprintf(key, sizeof key, "%s", strrchr(path, '/') + 1);
    cache_store(at->cache, key, "no program", 10);
    messages_keep();
    assert_true(build_run_store(at, 2));
    assert_true(messages_contain("refuses"));
    messages_drop();
    assert_false(build_run_store(at, 2));
    end(at);
}

static void a_folder_others_could_write_to_is_not_used(void **state) {
    (void)state;
    static const mode_t unsafe[] = {0777, 0720, 0702};
    place *at = begin();
    for (size_t i = 0; i < sizeof unsafe / sizeof unsafe[0]; i++) {
        compute_close(at->c);
        assert_int_equal(chmod(at->cache, unsafe[i]), 0);
        messages_keep();
        open_device(at);
        assert_true(messages_contain("other users may write"));
        messages_drop();
        assert_true(build_run_store(at, 2));
        assert_true(build_run_store(at, 2));
        assert_int_equal(cached(at, NULL), 0);
    }
    end(at);
}

static void a_folder_of_another_user_is_not_used(void **state) {
    (void)state;
    char root[TEMPORARY_PATH_MAX];
    temporary_make(root);
    /* root can give a folder away, anybody else finds one in root's "/" */
    bool is_root = geteuid() == 0;
    if (is_root)
        assert_int_equal(chown(root, 12345, (gid_t)-1), 0);
    arena *a = arena_new();
    messages_keep();
    assert_null(cache_folder(a, is_root ? root : "/"));
    assert_true(messages_contain("another user"));
    messages_drop();
    arena_free(a);
    temporary_remove(root);
}

static void without_a_usable_folder_programs_are_built_all_the_same(void **state) {
    (void)state;
    place *at = begin();
    /* in the way of the folder: a file */
    compute_close(at->c);
    assert_int_equal(rmdir(at->cache), 0);
    temporary_write(at->root, "cache", "x", 1, NULL);
    messages_keep();
    open_device(at);
    assert_true(messages_contain("nothing is kept"));
    assert_true(build_run_store(at, 2));
    /* gone between opening and storing */
    compute_close(at->c);
    assert_int_equal(unlink(at->cache), 0);
    open_device(at);
    assert_int_equal(rmdir(at->cache), 0);
    assert_true(build_run_store(at, 2));
    messages_drop();
    /* switched off */
    compute_close(at->c);
    at->cache[0] = '\0';
    open_device(at);
    assert_true(build_run_store(at, 2));
    assert_true(build_run_store(at, 2));
    end(at);
}

static void the_default_folder_follows_the_environment(void **state) {
    (void)state;
    char root[TEMPORARY_PATH_MAX], want[TEMPORARY_PATH_MAX];
    const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    char *old_xdg = xdg ? strdup(xdg) : NULL, *old_home = home ? strdup(home) : NULL;
    temporary_make(root);
    arena *a = arena_new();
    setenv("XDG_CACHE_HOME", root, 1);
    join(want, root, "loris-cl");
    assert_string_equal(cache_folder(a, NULL), want);
    setenv("XDG_CACHE_HOME", "relative", 1); /* to be ignored, says the specification */
    setenv("HOME", root, 1);
    join(want, root, ".cache/loris-cl");
    assert_string_equal(cache_folder(a, NULL), want);
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    assert_null(cache_folder(a, NULL));
    assert_null(cache_folder(a, ""));
    arena_free(a);
    if (old_xdg)
        setenv("XDG_CACHE_HOME", old_xdg, 1);
    if (old_home)
        setenv("HOME", old_home, 1);
    free(old_xdg);
    free(old_home);
    temporary_remove(root);
}

/* Gives a file of the folder a last use `seconds` ago. */
static void age(const char *folder, const char *name, time_t seconds) {
    char path[TEMPORARY_PATH_MAX];
    join(path, folder, name);
    const struct timespec then[2] = {{.tv_sec = time(NULL) - seconds}, {.tv_sec = time(NULL) - seconds}};
    assert_int_equal(utimensat(AT_FDCWD, path, then, 0), 0);
}

static void the_folder_is_kept_small(void **state) {
    (void)state;
    char root[TEMPORARY_PATH_MAX], path[TEMPORARY_PATH_MAX], key[3][65], name[96];
    uint8_t payload[1000] = {0}, *data;
    size_t size;
    temporary_make(root);
    for (int i = 0; i < 3; i++) {
        memset(key[i], "abc"[i], 64);
        key[i][64] = '\0';
        cache_store(root, key[i], payload, sizeof payload);
        snprintf(name, sizeof name, "%.64s.bin", key[i]);
        age(root, name, 300 - 100 * i);
    }
    temporary_write(root, "notes.txt", payload, sizeof payload, NULL);
    age(root, "notes.txt", 1000000);
    snprintf(name, sizeof name, ".%.64s.x1y2z3.bin", key[0]);
    temporary_write(root, name, payload, sizeof payload, NULL);
    age(root, name, 100000);

    assert_true(cache_load(root, key[0], &data, &size)); /* the oldest, but used now */
    assert_int_equal(size, sizeof payload);
    free(data);
    cache_trim(root, 2200); /* two entries of 1040 bytes fit */
    assert_true(cache_load(root, key[0], &data, &size));
    free(data);
    assert_false(cache_load(root, key[1], &data, &size));
    assert_true(cache_load(root, key[2], &data, &size));
    free(data);
    join(path, root, "notes.txt");
    assert_true(file_exists(path)); /* not the cache's own */
    join(path, root, name);
    assert_false(file_exists(path)); /* left behind by a writer */
    cache_trim(root, 0);
    assert_false(cache_load(root, key[0], &data, &size));
    temporary_remove(root);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sections_of_one_file_do_not_clash),
        cmocka_unit_test(wrong_requests_are_internal_errors),
        cmocka_unit_test(a_compile_error_names_file_and_line),
        cmocka_unit_test(a_section_includes_a_file),
        cmocka_unit_test(files_in_kernels_dir_take_the_embedded_ones_place),
        cmocka_unit_test(a_built_section_serves_later_programs),
        cmocka_unit_test(a_stored_program_is_loaded),
        cmocka_unit_test(a_damaged_binary_is_made_again),
        cmocka_unit_test(a_binary_of_another_key_is_refused),
        cmocka_unit_test(a_binary_the_driver_refuses_is_made_again),
        cmocka_unit_test(a_folder_others_could_write_to_is_not_used),
        cmocka_unit_test(a_folder_of_another_user_is_not_used),
        cmocka_unit_test(without_a_usable_folder_programs_are_built_all_the_same),
        cmocka_unit_test(the_default_folder_follows_the_environment),
        cmocka_unit_test(the_folder_is_kept_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
