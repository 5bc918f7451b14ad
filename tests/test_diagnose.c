/* What is told of devices: quirks, choices, known answers, and why they are missing. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compare.h"
#include "compute/quirks.h"
#include "core/file.h"
#include "loris/diagnose.h"
#include "scratch.h"
#include "wrong_kernels.h"

static int setup(void **state) {
    if (scratch_setup(state) != 0)
        return -1;
    loris_device_info *list;
    size_t count;
    int chosen;
    assert_ok(loris_devices(&list, &count, &chosen)); /* the loader reads its variables at its first call */
    loris_free(list);
    unsetenv("OCL_ICD_VENDORS");
    unsetenv("OPENCL_VENDOR_PATH");
    return 0;
}

/* ---- finding findings -------------------------------------------------------------------------------------------- */

static const loris_finding *find(const loris_findings *f, const char *topic, const char *name) {
    for (size_t i = 0; i < loris_findings_count(f); i++) {
        const loris_finding *at = loris_finding_at(f, i);
        if (!strcmp(at->topic, topic) && (!name || strstr(at->name, name)))
            return at;
    }
    return NULL;
}

static void expect(const loris_findings *f, const char *topic, const char *name, loris_finding_state state,
                   const char *part) {
    const loris_finding *found = find(f, topic, name);
    if (!found)
        fail_msg("nothing is said of %s: %s", topic, name);
    if (found->state != state || !(strstr(found->value, part) || strstr(found->why, part)))
        fail_msg("%s: %s: state %d, \"%s\", \"%s\"", topic, name, (int)found->state, found->value, found->why);
}

/* ---- quirks ------------------------------------------------------------------------------------------------------ */

static void every_quirk_has_a_source(void **state) {
    (void)state;
    int count;
    const quirk *q = quirk_table(&count);
    assert_true(count >= 10);
    for (int i = 0; i < count; i++) {
        assert_true(*q[i].platform && *q[i].name && *q[i].what && *q[i].done && q[i].type);
        assert_int_equal(strncmp(q[i].link, "https://", 8), 0);
    }
}

static int quirks_of(const char *platform, cl_device_type type, const char *version) {
    const device d = {.platform_name = platform, .type = type, .driver = version};
    int count = 0;
    for (const quirk *q = quirk_next(&d, NULL); q; q = quirk_next(&d, q))
        count++;
    return count;
}

static void quirks_concern_their_drivers_alone(void **state) {
    (void)state;
    assert_int_equal(quirks_of("Another Vendor's OpenCL", CL_DEVICE_TYPE_GPU, "1"), 0);
    assert_true(quirks_of("NVIDIA CUDA", CL_DEVICE_TYPE_GPU, "535.1") >= 2);
    assert_true(quirks_of("Intel(R) OpenCL Graphics", CL_DEVICE_TYPE_GPU, "24") >= 2);
    assert_int_equal(quirks_of("Intel(R) OpenCL", CL_DEVICE_TYPE_CPU, "2024"), 0);
    const int old = quirks_of("Portable Computing Language", CL_DEVICE_TYPE_CPU, "3.1+debian");
    assert_true(old > quirks_of("Portable Computing Language", CL_DEVICE_TYPE_CPU, "6.0"));
}

/* ---- a device ---------------------------------------------------------------------------------------------------- */

static void a_device_is_examined(void **state) {
    (void)state;
    loris_findings *f;
    assert_ok(loris_device_examine(&(loris_engine_settings){.cache_dir = ""}, &f));
    static const char *const limits[] = {"compute units", "memory", "local memory", "work-groups", "alignment"};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        assert_non_null(find(f, "limits", limits[i]));
    static const char *const abilities[] = {"fp16", "sub-groups", "native kernels", "out-of-order queues"};
    for (size_t i = 0; i < sizeof abilities / sizeof *abilities; i++)
        assert_non_null(find(f, "abilities", abilities[i]));
    static const char *const chosen[] = {"linear", "conv1d", "attention", "group_norm", "streams"};
    for (size_t i = 0; i < sizeof chosen / sizeof *chosen; i++) {
        assert_non_null(find(f, "choices", chosen[i]));
        assert_true(*find(f, "choices", chosen[i])->why != '\0'); /* it is said why */
    }
    expect(f, "known answer", "evaluation", LORIS_FINDING_GOOD, "error");
    expect(f, "known answer", "guided_sample", LORIS_FINDING_GOOD, "error");
    loris_findings_free(f);
}

static void choices_follow_the_backend_asked_for(void **state) {
    (void)state;
    loris_findings *f;
    assert_ok(loris_device_examine(
        &(loris_engine_settings){.cache_dir = "", .backend = LORIS_BACKEND_CLBLAST, .precision = LORIS_PRECISION_F32},
        &f));
    expect(f, "choices", "linear", LORIS_FINDING_FACT, "CLBlast");
    expect(f, "choices", "linear", LORIS_FINDING_FACT, "asked for");
    loris_findings_free(f);
}

static void a_device_that_computes_wrong_is_a_problem(void **state) {
    (void)state;
    loris_findings *f;
    assert_ok(loris_device_examine(&(loris_engine_settings){.cache_dir = "", .kernels_dir = wrong_silu("silu")}, &f));
    expect(f, "known answer", "evaluation", LORIS_FINDING_PROBLEM, "error");
    loris_findings_free(f);
    assert_fails(loris_device_examine(&(loris_engine_settings){.device = "no such device"}, &f), LORIS_ERROR_DEVICE,
                 "no such device");
}

/* ---- the doctor -------------------------------------------------------------------------------------------------- */

static void make_file(const char *name, const char *content) {
    char folder[4096];
    const char *path = scratch(name), *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
    assert_ok(folder_make(folder, 0777));
    scratch_write(path, content, strlen(content));
}

static loris_findings *ask(const char *root) {
    loris_findings *f;
    bool usable;
    assert_ok(loris_doctor(scratch(root), &f, &usable));
    assert_true(usable); /* this process has a device, whatever the root holds */
    return f;
}

static void drivers_that_do_not_load_are_named(void **state) {
    (void)state;
    loris_findings *f = ask("nothing");
    expect(f, "drivers", "ICD files", LORIS_FINDING_PROBLEM, "/etc/OpenCL/vendors");
    loris_findings_free(f);

    make_file("icds/etc/OpenCL/vendors/absent.icd", "libnosuchdriver.so.1\n");
    make_file("icds/etc/OpenCL/vendors/empty.icd", "");
    make_file("icds/etc/OpenCL/vendors/other.icd", "libm.so.6\n");
    make_file("icds/etc/OpenCL/vendors/read.me", "not an ICD file");
    assert_ok(folder_make(scratch("icds/etc/OpenCL/vendors/folder.icd"), 0777));
    f = ask("icds");
    expect(f, "drivers", "absent.icd", LORIS_FINDING_PROBLEM, "libnosuchdriver.so.1");
    expect(f, "drivers", "empty.icd", LORIS_FINDING_PROBLEM, "is empty");
    expect(f, "drivers", "other.icd", LORIS_FINDING_PROBLEM, "no OpenCL driver");
    expect(f, "drivers", "folder.icd", LORIS_FINDING_PROBLEM, "read");
    assert_null(find(f, "drivers", "read.me"));
    assert_non_null(find(f, "loader", NULL));
    assert_int_equal(find(f, "advice", "devices")->state, LORIS_FINDING_GOOD);
    loris_findings_free(f);
}

static void gpus_without_drivers_are_seen(void **state) {
    (void)state;
    make_file("pci/sys/bus/pci/devices/0000:01:00.0/class", "0x030000\n");
    make_file("pci/sys/bus/pci/devices/0000:01:00.0/vendor", "0x1002\n");
    make_file("pci/sys/bus/pci/devices/0000:02:00.0/class", "0x030200\n");
    make_file("pci/sys/bus/pci/devices/0000:02:00.0/vendor", "0x10de\n");
    assert_int_equal(symlink("../../drivers/nvidia", scratch("pci/sys/bus/pci/devices/0000:02:00.0/driver")), 0);
    make_file("pci/sys/bus/pci/devices/0000:03:00.0/class", "0x020000\n"); /* a network card */
    make_file("pci/sys/bus/pci/devices/0000:03:00.0/vendor", "0x8086\n");
    loris_findings *f = ask("pci");
    expect(f, "hardware", "AMD", LORIS_FINDING_WARNING, "without a kernel driver");
    expect(f, "hardware", "NVIDIA", LORIS_FINDING_FACT, "driver nvidia");
    assert_null(find(f, "hardware", "Intel"));
    expect(f, "permissions", "device files", LORIS_FINDING_WARNING, "container");
    loris_findings_free(f);
}

/* As someone else than root, to whom every file is open. */
static void closed_device_files_are_seen(void **state) {
    (void)state;
    const bool root = geteuid() == 0;
    make_file("closed/dev/dri/renderD128", "");
    make_file("closed/dev/kfd", "");
    assert_int_equal(chmod(scratch("closed/dev/dri/renderD128"), 0), 0);
    assert_int_equal(chmod(scratch("closed/dev/kfd"), 0666), 0);
    assert_int_equal(chmod(scratch(""), 0755), 0);
    if (root)
        assert_int_equal(seteuid(65534), 0);
    loris_findings *f = ask("closed");
    if (root)
        assert_int_equal(seteuid(0), 0);
    expect(f, "permissions", "/dev/dri/renderD128", LORIS_FINDING_PROBLEM, "cannot be opened");
    expect(f, "permissions", "/dev/kfd", LORIS_FINDING_GOOD, "read and written");
    loris_findings_free(f);
}

static void variables_that_hide_devices_are_told(void **state) {
    (void)state;
    setenv("CUDA_VISIBLE_DEVICES", "", 1);
    setenv("ROCR_VISIBLE_DEVICES", "0", 1);
    loris_findings *f = ask("nothing");
    expect(f, "environment", "CUDA_VISIBLE_DEVICES", LORIS_FINDING_WARNING, "hides all");
    expect(f, "environment", "ROCR_VISIBLE_DEVICES", LORIS_FINDING_FACT, "0");
    unsetenv("CUDA_VISIBLE_DEVICES");
    unsetenv("ROCR_VISIBLE_DEVICES");
    loris_findings_free(f);

    setenv("OCL_ICD_VENDORS", "absent.icd", 1);
    f = ask("icds");
    expect(f, "drivers", "absent.icd", LORIS_FINDING_PROBLEM, "libnosuchdriver.so.1");
    assert_null(find(f, "drivers", "other.icd"));
    loris_findings_free(f);
    setenv("OCL_ICD_VENDORS", "libnosuchlibrary.so", 1);
    f = ask("icds");
    expect(f, "drivers", "OCL_ICD_VENDORS", LORIS_FINDING_PROBLEM, "libnosuchlibrary.so");
    unsetenv("OCL_ICD_VENDORS");
    loris_findings_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_quirk_has_a_source),
        cmocka_unit_test(quirks_concern_their_drivers_alone),
        cmocka_unit_test(a_device_is_examined),
        cmocka_unit_test(choices_follow_the_backend_asked_for),
        cmocka_unit_test(a_device_that_computes_wrong_is_a_problem),
        cmocka_unit_test(drivers_that_do_not_load_are_named),
        cmocka_unit_test(gpus_without_drivers_are_seen),
        cmocka_unit_test(closed_device_files_are_seen),
        cmocka_unit_test(variables_that_hide_devices_are_told),
    };
    return cmocka_run_group_tests(tests, setup, scratch_teardown);
}
