/* An opened device: errors, buffers, and the throttle that bounds the work in flight. */
#include "compare.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "compute/program.h"
#include "temporary.h"

static compute *open_best(void) {
    compute *c;
    assert_ok(compute_open(&c, &(compute_settings){.cache_dir = ""}));
    return c;
}

/* ---- errors ------------------------------------------------------------------------------------------------------ */

static void errors_have_names(void **state) {
    (void)state;
    assert_string_equal(compute_error_name(CL_SUCCESS), "CL_SUCCESS");
    assert_string_equal(compute_error_name(-5), "CL_OUT_OF_RESOURCES");
    assert_string_equal(compute_error_name(-54), "CL_INVALID_WORK_GROUP_SIZE");
    assert_string_equal(compute_error_name(-1001), "CL_PLATFORM_NOT_FOUND_KHR");
    assert_string_equal(compute_error_name(-9999), "unknown error");
    assert_string_equal(compute_error_name(1), "unknown error");
    /* all of OpenCL 1.2: -1 to -19 and -30 to -68 */
    for (int code = -68; code <= 0; code++) {
        bool defined = code >= -19 || code <= -30;
        assert_int_equal(strcmp(compute_error_name(code), "unknown error") != 0, defined);
    }
}

static void a_check_names_call_node_and_device(void **state) {
    (void)state;
    compute *c = open_best();
    assert_ok(compute_check(c, CL_SUCCESS, "clFlush", "down.0"));
    assert_fails(compute_check(c, CL_OUT_OF_RESOURCES, "clEnqueueNDRangeKernel", "down.0.conv"), LORIS_ERROR_DEVICE,
                 "clEnqueueNDRangeKernel: CL_OUT_OF_RESOURCES (-5), in down.0.conv, on device");
    assert_non_null(strstr(loris_error_message(), c->dev.name));
    assert_non_null(strstr(loris_error_hint(), "memory"));
    assert_fails(compute_check(c, CL_OUT_OF_HOST_MEMORY, "clFlush", NULL), LORIS_ERROR_MEMORY, "clFlush: ");
    assert_null(strstr(loris_error_message(), ", in"));
    for (int code = -1001; code < 0; code++) {
        assert_int_not_equal(compute_check(c, code, "call", NULL), LORIS_OK);
        assert_true(strlen(loris_error_hint()) > 0);
    }
    compute_close(c);
    compute_close(NULL);
}

static void a_device_that_is_not_there_cannot_be_opened(void **state) {
    (void)state;
    compute *c = (compute *)&state; /* anything but NULL */
    assert_fails(compute_open(&c, &(compute_settings){.device = "no such device"}), LORIS_ERROR_DEVICE,
                 "no such device");
    assert_null(c);
    assert_fails(compute_open(&c, &(compute_settings){.device = "9999"}), LORIS_ERROR_DEVICE, "9999");
    assert_fails(compute_open(&c, &(compute_settings){.kernels_dir = "no/such/folder"}), LORIS_ERROR_ARGUMENT,
                 "no/such/folder");
}

/* ---- buffers ----------------------------------------------------------------------------------------------------- */

static void buffers_keep_what_is_written(void **state) {
    (void)state;
    compute *c = open_best();
    const size_t bytes = ((size_t)64 << 20) + 12345; /* three pieces of a transfer, the last not full */
    uint8_t *data = malloc(bytes), *back = malloc(bytes);
    assert_true(data && back);
    for (size_t i = 0; i < bytes; i++)
        data[i] = (uint8_t)(i * 2654435761u >> 24);
    cl_mem buffer;
    assert_ok(buffer_new(c, &buffer, bytes, data, "large"));
    assert_ok(buffer_read(c, buffer, 0, back, bytes, "large"));
    assert_memory_equal(data, back, bytes);
    data[1000] ^= 0xff;
    assert_ok(buffer_write(c, buffer, 1000, data + 1000, 1, "large"));
    assert_ok(buffer_read(c, buffer, 999, back, 3, "large"));
    assert_memory_equal(data + 999, back, 3);
    assert_ok(buffer_write(c, buffer, bytes, data, 0, "large"));
    assert_fails(buffer_write(c, buffer, bytes - 1, data, 2, "too long"), LORIS_ERROR_DEVICE, "too long");
    assert_fails(buffer_read(c, buffer, bytes, back, 1, "too far"), LORIS_ERROR_DEVICE, "too far");

    loris_cancel();
    assert_fails(buffer_read(c, buffer, 0, back, bytes, "large"), LORIS_CANCELLED, NULL);
    assert_fails(buffer_write(c, buffer, 0, data, bytes, "large"), LORIS_CANCELLED, NULL);
    cl_mem other;
    assert_fails(buffer_new(c, &other, bytes, data, "other"), LORIS_CANCELLED, NULL);
    assert_null(other);
    loris_resume();

    buffer_free(&buffer);
    assert_null(buffer);
    buffer_free(&buffer);
    free(data);
    free(back);
    compute_close(c);
}

static void impossible_buffers_fail_with_their_name(void **state) {
    (void)state;
    compute *c = open_best();
    cl_mem buffer;
    assert_fails(buffer_new(c, &buffer, 0, NULL, "nothing"), LORIS_ERROR_INTERNAL, "nothing");
    assert_fails(buffer_new(c, &buffer, (size_t)1 << 60, NULL, "everything"), LORIS_ERROR_DEVICE, "everything");
    assert_null(buffer);
    assert_non_null(strstr(loris_error_hint(), "memory"));
    compute_close(c);
}

/* ---- the throttle ------------------------------------------------------------------------------------------------ */

/* A launch that takes a few milliseconds on any device: `rounds` dependent steps of one work-item. Integer work, which
 * no compiler folds; the sum of all launches tells how many ran. */
static const char busy_source[] = "KERNEL(busy)(global uint *x, uint rounds) {\n"
                                  "    uint v = x[1];\n"
                                  "    for (uint i = 0; i < rounds; i++)\n"
                                  "        v = v * 1664525u + (v >> 16) + 1013904223u;\n"
                                  "    x[1] = v;\n"
                                  "    x[0]++;\n"
                                  "}\n";

enum { LAUNCHES = 4096, ROUNDS = 2000000 };
static const double launch_flop = 4.0 * ROUNDS;

typedef struct busy {
    char folder[TEMPORARY_PATH_MAX];
    compute *c;
    program *p;
    cl_kernel kernel;
    cl_mem x;
    cl_event done[LAUNCHES]; /* of each launch */
    int launches;
} busy;

static busy *busy_begin(void) {
    busy *b = calloc(1, sizeof *b);
    assert_non_null(b);
    temporary_make(b->folder);
    temporary_write(b->folder, "busy.cl", busy_source, strlen(busy_source), NULL);
    assert_ok(compute_open(&b->c, &(compute_settings){.kernels_dir = b->folder, .cache_dir = ""}));
    int section;
    assert_ok(program_new(&b->p, b->c));
    assert_ok(program_section(b->p, "busy", "", &section));
    assert_ok(program_build(b->p));
    assert_ok(program_kernel(b->p, section, "busy", &b->kernel));
    const cl_uint zero[2] = {0}, rounds = ROUNDS;
    assert_ok(buffer_new(b->c, &b->x, sizeof zero, zero, "x"));
    clSetKernelArg(b->kernel, 0, sizeof b->x, &b->x);
    clSetKernelArg(b->kernel, 1, sizeof rounds, &rounds);
    return b;
}

static void busy_end(busy *b) {
    for (int i = 0; i < b->launches; i++)
        clReleaseEvent(b->done[i]);
    clReleaseKernel(b->kernel);
    buffer_free(&b->x);
    program_free(b->p);
    compute_close(b->c);
    temporary_remove(b->folder);
    free(b);
}

static loris_status busy_launch(busy *b, double flop) {
    TRY(compute_pace(b->c, flop, "busy"));
    const size_t one = 1;
    assert_true(b->launches < LAUNCHES);
    return compute_check(
        b->c, clEnqueueNDRangeKernel(b->c->queue, b->kernel, 1, NULL, &one, &one, 0, NULL, &b->done[b->launches++]),
        "clEnqueueNDRangeKernel", "busy");
}

static int busy_in_flight(const busy *b) {
    int count = 0;
    for (int i = b->launches - 1; i >= 0; i--) {
        cl_int state;
        assert_int_equal(clGetEventInfo(b->done[i], CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state, &state, NULL),
                         CL_SUCCESS);
        if (state == CL_COMPLETE)
            break; /* the queue is in order */
        count++;
    }
    return count;
}

static void expect_all_ran(busy *b) {
    cl_uint x[2];
    assert_ok(buffer_read(b->c, b->x, 0, x, sizeof x, "x"));
    assert_int_equal(x[0], b->launches);
}

static void kernels_that_may_compile_go_in_short_chunks(void **state) {
    (void)state;
    busy *b = busy_begin();
    for (int i = 0; i < 64; i++) {
        assert_ok(busy_launch(b, 1));
        assert_in_range(busy_in_flight(b), 0, 8); /* two chunks of 4 */
    }
    assert_int_equal(b->c->throttle.cold_programs, 1);
    program_store(b->p); /* from here on they are known */
    assert_int_equal(b->c->throttle.cold_programs, 0);
    assert_ok(compute_finish(b->c, "busy"));
    assert_int_equal(busy_in_flight(b), 0);
    expect_all_ran(b);
    busy_end(b);
}

static void the_work_in_flight_is_bounded(void **state) {
    (void)state;
    busy *b = busy_begin();
    program_store(b->p);
    for (int i = 0; i < 300; i++) {
        double most =
            2 * compute_launch_flop(b->c); /* the estimate before this call, which may lower it by half, ... */
        assert_ok(busy_launch(b, launch_flop));
        double after = 2 * compute_launch_flop(b->c); /* ... or double it */
        /* two chunks; each may be one launch that is longer than a chunk */
        double allowed = (most > after ? most : after) * 2 + 2 * launch_flop;
        assert_true(busy_in_flight(b) * launch_flop <= allowed);
    }
    assert_ok(compute_finish(b->c, "busy"));
    expect_all_ran(b);
    busy_end(b);
}

static void the_speed_is_measured(void **state) {
    (void)state;
    busy *b = busy_begin();
    program_store(b->p);
    assert_true(compute_launch_flop(b->c) > 0);
    /* Launches said to be a thousand times as long as they are make the device look faster, and the other way round. */
    for (int i = 0; i < 100; i++)
        assert_ok(busy_launch(b, 1000 * launch_flop));
    assert_ok(compute_finish(b->c, "busy"));
    double fast = b->c->throttle.flop_per_second;
    for (int i = 0; i < 200; i++)
        assert_ok(busy_launch(b, launch_flop / 1000));
    assert_ok(compute_finish(b->c, "busy"));
    assert_true(b->c->throttle.flop_per_second < fast);
    expect_all_ran(b);
    busy_end(b);
}

/* Cancels once the main thread is well inside its run. */
static void *cancel_soon(void *unused) {
    (void)unused;
    nanosleep(&(struct timespec){.tv_nsec = 100 * 1000 * 1000}, NULL);
    loris_cancel();
    return NULL;
}

static void cancelling_ends_a_run_and_leaves_the_queue_usable(void **state) {
    (void)state;
    busy *b = busy_begin();
    program_store(b->p);
    pthread_t other;
    assert_int_equal(pthread_create(&other, NULL, cancel_soon, NULL), 0);
    loris_status status = LORIS_OK;
    while (status == LORIS_OK && b->launches < LAUNCHES - 1)
        status = busy_launch(b, launch_flop);
    assert_int_equal(pthread_join(other, NULL), 0);
    assert_int_equal(status, LORIS_CANCELLED);
    assert_fails(busy_launch(b, launch_flop), LORIS_CANCELLED, NULL);
    assert_ok(compute_finish(b->c, "busy")); /* drains, cancelled or not */
    assert_int_equal(busy_in_flight(b), 0);
    loris_resume();
    assert_ok(busy_launch(b, launch_flop));
    assert_ok(compute_finish(b->c, "busy"));
    expect_all_ran(b);
    busy_end(b);
}

static void closing_with_work_in_flight_waits_for_it(void **state) {
    (void)state;
    busy *b = busy_begin();
    for (int i = 0; i < 20; i++)
        assert_ok(busy_launch(b, launch_flop));
    busy_end(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_have_names),
        cmocka_unit_test(a_check_names_call_node_and_device),
        cmocka_unit_test(a_device_that_is_not_there_cannot_be_opened),
        cmocka_unit_test(buffers_keep_what_is_written),
        cmocka_unit_test(impossible_buffers_fail_with_their_name),
        cmocka_unit_test(kernels_that_may_compile_go_in_short_chunks),
        cmocka_unit_test(the_work_in_flight_is_bounded),
        cmocka_unit_test(the_speed_is_measured),
        cmocka_unit_test(cancelling_ends_a_run_and_leaves_the_queue_usable),
        cmocka_unit_test(closing_with_work_in_flight_waits_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
