/* Which device is chosen, on made-up lists; and the real list of this machine. */
#include "compare.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compute/compute.h"
#include "core/worker.h"
#include "temporary.h"

static device made_up(int index, cl_device_type type, const char *name, cl_uint units, cl_uint mhz) {
    return (device){
        .index = index,
        .type = type,
        .name = name,
        .platform_name = "Some Platform",
        .version = "OpenCL 3.0 some driver",
        .compute_units = units,
        .clock_mhz = mhz,
        .available = true,
        .compiler = true,
    };
}

static void expect_choice(const device *list, int count, const char *wanted, int index) {
    int chosen = -1;
    assert_ok(device_choose(list, count, wanted, &chosen));
    assert_int_equal(chosen, index);
}

static void expect_hint(const char *part) {
    if (!strstr(loris_error_hint(), part))
        fail_msg("the hint \"%s\" lacks \"%s\"", loris_error_hint(), part);
}

static void the_best_is_a_gpu_then_an_accelerator_then_a_cpu(void **state) {
    (void)state;
    const device list[] = {
        made_up(0, CL_DEVICE_TYPE_CPU, "Many cores", 256, 4000),
        made_up(1, CL_DEVICE_TYPE_ACCELERATOR, "Card", 64, 1500),
        made_up(2, CL_DEVICE_TYPE_GPU, "Small GPU", 8, 1000),
        made_up(3, CL_DEVICE_TYPE_GPU, "Large GPU", 60, 1700),
        made_up(4, CL_DEVICE_TYPE_GPU, "Middle GPU", 30, 2500),
    };
    expect_choice(list, 5, NULL, 3);
    expect_choice(list, 3, NULL, 2);
    expect_choice(list, 2, NULL, 1);
    expect_choice(list, 1, NULL, 0);
}

static void equal_devices_give_the_first(void **state) {
    (void)state;
    const device list[] = {
        made_up(0, CL_DEVICE_TYPE_CPU, "CPU", 2, 2000),
        made_up(1, CL_DEVICE_TYPE_GPU, "GPU", 30, 2000),
        made_up(2, CL_DEVICE_TYPE_GPU, "GPU", 30, 2000),
    };
    expect_choice(list, 3, NULL, 1);
}

static void the_product_of_units_and_clock_does_not_overflow(void **state) {
    (void)state;
    const device list[] = {
        made_up(0, CL_DEVICE_TYPE_GPU, "Wraps to 0", 65536, 65536),
        made_up(1, CL_DEVICE_TYPE_GPU, "Plain", 60, 1700),
    };
    expect_choice(list, 2, NULL, 0);
}

static void what_cannot_be_used_is_not_the_best(void **state) {
    (void)state;
    device list[] = {
        made_up(0, CL_DEVICE_TYPE_GPU, "Switched off", 60, 2000),
        made_up(1, CL_DEVICE_TYPE_GPU, "No compiler", 60, 2000),
        made_up(2, CL_DEVICE_TYPE_GPU, "Old", 60, 2000),
        made_up(3, CL_DEVICE_TYPE_GPU, "Silent", 60, 2000),
        made_up(4, CL_DEVICE_TYPE_CPU, "CPU", 2, 2000),
    };
    list[0].available = false;
    list[1].compiler = false;
    list[2].version = "OpenCL 1.1 ancient";
    list[3].version = "";
    expect_choice(list, 5, NULL, 4);
    expect_choice(list, 5, "1", 1); /* asked for by name or number it is opened, which fails with the reason */
    assert_non_null(strstr(device_lacks(&list[0]), "not available"));
    assert_non_null(strstr(device_lacks(&list[1]), "compiler"));
    assert_non_null(strstr(device_lacks(&list[2]), "1.2"));
    assert_null(device_lacks(&list[4]));
    list[4].version = "OpenCL 1.2 ";
    assert_null(device_lacks(&list[4]));
    int chosen;
    assert_fails(device_choose(list, 4, NULL, &chosen), LORIS_ERROR_DEVICE, "none of the 4");
    expect_hint("pocl-opencl-icd");
}

static void a_number_is_an_index(void **state) {
    (void)state;
    const device list[] = {
        made_up(0, CL_DEVICE_TYPE_GPU, "RTX 1", 30, 2000),
        made_up(1, CL_DEVICE_TYPE_CPU, "CPU 0", 2, 2000),
    };
    int chosen;
    expect_choice(list, 2, "0", 0);
    expect_choice(list, 2, "1", 1);
    expect_choice(list, 2, "001", 1);
    assert_fails(device_choose(list, 2, "2", &chosen), LORIS_ERROR_DEVICE, "device 2");
    expect_hint("loris-cl devices");
    assert_fails(device_choose(list, 2, "4294967296", &chosen), LORIS_ERROR_DEVICE, "4294967296");
    assert_fails(device_choose(list, 2, "99999999999999999999999999", &chosen), LORIS_ERROR_DEVICE, "only 2");
}

static void a_part_of_a_name_is_enough_when_it_fits_one(void **state) {
    (void)state;
    device list[] = {
        made_up(0, CL_DEVICE_TYPE_GPU, "GeForce RTX 3070", 46, 1700),
        made_up(1, CL_DEVICE_TYPE_GPU, "GeForce RTX 3070 Ti", 48, 1700),
        made_up(2, CL_DEVICE_TYPE_CPU, "Ryzen", 16, 4000),
    };
    int chosen;
    list[2].platform_name = "Portable";
    expect_choice(list, 3, "ryz", 2);
    expect_choice(list, 3, "PORTABLE", 2);
    expect_choice(list, 3, "ryzen (port", 2);
    expect_choice(list, 3, "3070 ti", 1);
    expect_choice(list, 3, "geforce rtx 3070", 0); /* a whole name */
    assert_fails(device_choose(list, 3, "3070 ", &chosen), LORIS_ERROR_DEVICE,
                 "0: GeForce RTX 3070 (Some Platform), 1: ");
    assert_null(strstr(loris_error_message(), "Ryzen"));
    assert_fails(device_choose(list, 3, "radeon", &chosen), LORIS_ERROR_DEVICE, "2: Ryzen (Portable)");
    assert_fails(device_choose(list, 3, "", &chosen), LORIS_ERROR_DEVICE, "may be any");
    expect_choice(list + 2, 1, "", 0);
}

static void long_lists_of_candidates_are_cut(void **state) {
    (void)state;
    enum { COUNT = 1000 };
    device *list = malloc(COUNT * sizeof *list);
    assert_non_null(list);
    for (int i = 0; i < COUNT; i++)
        list[i] = made_up(i, CL_DEVICE_TYPE_GPU, "Twin", 1, 1);
    int chosen;
    assert_fails(device_choose(list, COUNT, "twin", &chosen), LORIS_ERROR_DEVICE,
                 "7: Twin (Some Platform) and 992 more");
    free(list);
}

static void no_device_tells_what_to_install(void **state) {
    (void)state;
    static const char *const packages[] = {"mesa-opencl-icd", "rocm-opencl-icd", "intel-opencl-icd",
                                           "nvidia-opencl-icd", "pocl-opencl-icd"};
    static const char *const wanted[] = {NULL, "0", "gpu"};
    for (size_t w = 0; w < sizeof wanted / sizeof wanted[0]; w++) {
        int chosen;
        assert_fails(device_choose(NULL, 0, wanted[w], &chosen), LORIS_ERROR_DEVICE, "no OpenCL device found");
        for (size_t i = 0; i < sizeof packages / sizeof packages[0]; i++)
            expect_hint(packages[i]);
    }
}

static void types_have_names(void **state) {
    (void)state;
    assert_string_equal(device_type_name(CL_DEVICE_TYPE_GPU | CL_DEVICE_TYPE_DEFAULT), "GPU");
    assert_string_equal(device_type_name(CL_DEVICE_TYPE_CPU), "CPU");
    assert_string_equal(device_type_name(CL_DEVICE_TYPE_ACCELERATOR), "accelerator");
    assert_string_equal(device_type_name(CL_DEVICE_TYPE_CUSTOM), "device");
}

/* Mesa's llvmpipe is a CPU that works as GPUs do. */
static void some_cpus_work_as_gpus_do(void **state) {
    (void)state;
    assert_true(device_is_simt(&(device){.type = CL_DEVICE_TYPE_GPU, .float_width = 4}));
    assert_true(device_is_simt(&(device){.type = CL_DEVICE_TYPE_CPU, .float_width = 1}));
    assert_false(device_is_simt(&(device){.type = CL_DEVICE_TYPE_CPU, .float_width = 4}));
}

static void expect_tidy(const char *s) {
    assert_non_null(s);
    size_t length = strlen(s);
    assert_true(length == 0 || (s[0] != ' ' && s[length - 1] != ' '));
    assert_null(strstr(s, "  "));
    for (size_t i = 0; i < length; i++)
        assert_true(s[i] >= ' ' && s[i] < 0x7f);
}

static void this_machines_devices_are_described(void **state) {
    (void)state;
    arena *a = arena_new();
    const device *list;
    int count;
    assert_ok(device_list(&list, &count, a));
    assert_true(count >= 1); /* the tests need a device */
    for (int i = 0; i < count; i++) {
        const device *d = &list[i];
        assert_int_equal(d->index, i);
        const char *const texts[] = {d->name,    d->vendor, d->platform_name, d->platform_version,
                                     d->version, d->driver, d->extensions};
        for (size_t t = 0; t < sizeof texts / sizeof texts[0]; t++)
            expect_tidy(texts[t]);
        assert_true(*d->name && strncmp(d->version, "OpenCL ", 7) == 0);
        assert_true(d->compute_units >= 1 && d->max_work_group >= 1 && d->float_width >= 1 && d->alignment >= 64);
        assert_true(d->max_work_item[0] >= 1 && d->max_work_item[1] >= 1 && d->max_work_item[2] >= 1);
        /* OpenCL 1.2's minima (32 KiB of local memory, an eighth of the memory but 1 MiB in one buffer), custom devices
         * apart */
        assert_true(d->local_memory >= 32 << 10 && d->global_memory >= d->max_alloc && d->max_alloc >= 1 << 20);
        char number[16];
        snprintf(number, sizeof number, "%d", i);
        expect_choice(list, count, number, i);
    }
    arena_free(a);
}

/* ---- a machine without drivers: this program again, with the loader looking elsewhere ---------------------------- */

static int report_opening(void) {
    compute *c;
    loris_status status = compute_open(&c, NULL);
    printf("%d|%s|%s\n", (int)status, loris_error_message(), loris_error_hint());
    if (status == LORIS_OK)
        compute_close(c);
    return 0;
}

static void expect_nothing_found(const char *folder) {
    char said[4096] = "";
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        setenv("OCL_ICD_VENDORS", folder, 1);
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execl("/proc/self/exe", "test_device", "report", (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    size_t used = 0;
    for (ssize_t got; used < sizeof said - 1 && (got = read(ends[0], said + used, sizeof said - 1 - used)) > 0;)
        used += (size_t)got;
    close(ends[0]);
    int result;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result) && WEXITSTATUS(result) == 0);
    char want[64];
    snprintf(want, sizeof want, "%d|no OpenCL device found|install", (int)LORIS_ERROR_DEVICE);
    if (strncmp(said, want, strlen(want)) != 0 || !strstr(said, "pocl-opencl-icd for any CPU"))
        fail_msg("the child said: %s", said);
}

static void without_a_driver_opening_says_what_to_install(void **state) {
    (void)state;
    static const char missing[] = "libno-such-opencl-driver.so.1\n";
    char folder[TEMPORARY_PATH_MAX];
    temporary_make(folder);
    expect_nothing_found(folder);
    temporary_write(folder, "broken.icd", missing, strlen(missing), NULL);
    expect_nothing_found(folder);
    temporary_remove(folder);
}

static loris_status list_on_a_thread(void *user, int index) {
    arena *a = arena_new();
    const device *list;
    loris_status status = a ? device_list(&list, (int *)user + index, a) : fail_memory("devices");
    for (int i = 0; status == LORIS_OK && i < ((int *)user)[index]; i++)
        if (!list[i].name[0] || !list[i].platform_name[0])
            ((int *)user)[index] = -1;
    arena_free(a);
    return status;
}

/* Comes first: drivers make their devices when they are first asked for them. */
static void threads_that_ask_first_see_the_same_devices(void **state) {
    (void)state;
    int counts[4] = {0};
    assert_ok(worker_run(4, 4, list_on_a_thread, counts));
    for (int i = 0; i < 4; i++) {
        assert_true(counts[i] > 0);
        assert_int_equal(counts[i], counts[0]);
    }
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "report") == 0)
        return report_opening();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_that_ask_first_see_the_same_devices),
        cmocka_unit_test(the_best_is_a_gpu_then_an_accelerator_then_a_cpu),
        cmocka_unit_test(equal_devices_give_the_first),
        cmocka_unit_test(the_product_of_units_and_clock_does_not_overflow),
        cmocka_unit_test(what_cannot_be_used_is_not_the_best),
        cmocka_unit_test(a_number_is_an_index),
        cmocka_unit_test(a_part_of_a_name_is_enough_when_it_fits_one),
        cmocka_unit_test(long_lists_of_candidates_are_cut),
        cmocka_unit_test(no_device_tells_what_to_install),
        cmocka_unit_test(types_have_names),
        cmocka_unit_test(some_cpus_work_as_gpus_do),
        cmocka_unit_test(this_machines_devices_are_described),
        cmocka_unit_test(without_a_driver_opening_says_what_to_install),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
