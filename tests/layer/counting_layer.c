/* An OpenCL layer (cl_layer.h) that counts from outside what a program makes and launches, and how often its host waits
 * for the device. At exit it writes "buffers programs kernels launches waits" to the file $LORIS_COUNTS. Load it with
 * OPENCL_LAYERS. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <CL/cl_layer.h>

static cl_icd_dispatch table;
static const cl_icd_dispatch *target;
static atomic_int buffers, programs, kernels, launches, waits;

static void report(void) {
    const char *path = getenv("LORIS_COUNTS");
    FILE *f = path ? fopen(path, "w") : NULL;
    if (!f)
        return;
    fprintf(f, "%d %d %d %d %d\n", buffers, programs, kernels, launches, waits);
    fclose(f);
}

static cl_mem CL_API_CALL create_buffer(cl_context context, cl_mem_flags flags, size_t size, void *host,
                                        cl_int *error) {
    buffers++;
    return target->clCreateBuffer(context, flags, size, host, error);
}

static cl_mem CL_API_CALL create_sub_buffer(cl_mem buffer, cl_mem_flags flags, cl_buffer_create_type type,
                                            const void *info, cl_int *error) {
    buffers++;
    return target->clCreateSubBuffer(buffer, flags, type, info, error);
}

static cl_program CL_API_CALL create_program(cl_context context, cl_uint count, const char **strings,
                                             const size_t *lengths, cl_int *error) {
    programs++;
    return target->clCreateProgramWithSource(context, count, strings, lengths, error);
}

static cl_program CL_API_CALL create_program_from_binary(cl_context context, cl_uint count, const cl_device_id *devices,
                                                         const size_t *lengths, const unsigned char **binaries,
                                                         cl_int *status, cl_int *error) {
    programs++;
    return target->clCreateProgramWithBinary(context, count, devices, lengths, binaries, status, error);
}

static cl_kernel CL_API_CALL create_kernel(cl_program program, const char *name, cl_int *error) {
    kernels++;
    return target->clCreateKernel(program, name, error);
}

static cl_int CL_API_CALL launch(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions, const size_t *offset,
                                 const size_t *global, const size_t *local, cl_uint count, const cl_event *wait,
                                 cl_event *event) {
    bool first = true; /* a long launch comes in pieces, as many as the device's speed asks for: it counts once */
    for (cl_uint d = 0; offset && d < dimensions; d++)
        first = first && offset[d] == 0;
    launches += first;
    return target->clEnqueueNDRangeKernel(queue, kernel, dimensions, offset, global, local, count, wait, event);
}

static cl_int CL_API_CALL finish(cl_command_queue queue) {
    waits++;
    return target->clFinish(queue);
}

static cl_int CL_API_CALL wait_for_events(cl_uint count, const cl_event *events) {
    waits++;
    return target->clWaitForEvents(count, events);
}

static cl_int CL_API_CALL read_buffer(cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset,
                                      size_t size, void *to, cl_uint count, const cl_event *wait, cl_event *event) {
    waits += blocking != CL_FALSE;
    return target->clEnqueueReadBuffer(queue, buffer, blocking, offset, size, to, count, wait, event);
}

static cl_int CL_API_CALL write_buffer(cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset,
                                       size_t size, const void *from, cl_uint count, const cl_event *wait,
                                       cl_event *event) {
    waits += blocking != CL_FALSE;
    return target->clEnqueueWriteBuffer(queue, buffer, blocking, offset, size, from, count, wait, event);
}

static void *CL_API_CALL map_buffer(cl_command_queue queue, cl_mem buffer, cl_bool blocking, cl_map_flags flags,
                                    size_t offset, size_t size, cl_uint count, const cl_event *wait, cl_event *event,
                                    cl_int *error) {
    waits += blocking != CL_FALSE;
    return target->clEnqueueMapBuffer(queue, buffer, blocking, flags, offset, size, count, wait, event, error);
}

CL_API_ENTRY cl_int CL_API_CALL clGetLayerInfo(cl_layer_info name, size_t size, void *value, size_t *size_out) {
    static const cl_layer_api_version version = CL_LAYER_API_VERSION_100;
    static const char text[] = "loris-cl counting layer";
    const void *from = name == CL_LAYER_API_VERSION ? (const void *)&version : text;
    size_t needed = name == CL_LAYER_API_VERSION ? sizeof version : sizeof text;
    if (name != CL_LAYER_API_VERSION && name != CL_LAYER_NAME)
        return CL_INVALID_VALUE;
    if (value && size < needed)
        return CL_INVALID_VALUE;
    if (value)
        memcpy(value, from, needed);
    if (size_out)
        *size_out = needed;
    return CL_SUCCESS;
}

CL_API_ENTRY cl_int CL_API_CALL clInitLayer(cl_uint count, const cl_icd_dispatch *dispatch, cl_uint *count_out,
                                            const cl_icd_dispatch **table_out) {
    if (!dispatch || !count_out || !table_out || count < sizeof table / sizeof table.clGetPlatformIDs)
        return CL_INVALID_VALUE;
    target = dispatch;
    table.clCreateBuffer = create_buffer; /* the loader fills in what is left out */
    table.clCreateSubBuffer = create_sub_buffer;
    table.clCreateProgramWithSource = create_program;
    table.clCreateProgramWithBinary = create_program_from_binary;
    table.clCreateKernel = create_kernel;
    table.clEnqueueNDRangeKernel = launch;
    table.clFinish = finish;
    table.clWaitForEvents = wait_for_events;
    table.clEnqueueReadBuffer = read_buffer;
    table.clEnqueueWriteBuffer = write_buffer;
    table.clEnqueueMapBuffer = map_buffer;
    *count_out = sizeof table / sizeof table.clGetPlatformIDs;
    *table_out = &table;
    atexit(report);
    return CL_SUCCESS;
}
