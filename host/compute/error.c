/* OpenCL's error codes: names, and what can be done about them. */
#include "compute/compute.h"

#include <stddef.h>

#define CODE(name)                                                                                                     \
    { name, #name }

static const struct {
    cl_int code;
    const char *name;
} codes[] = {
    CODE(CL_SUCCESS),
    CODE(CL_DEVICE_NOT_FOUND),
    CODE(CL_DEVICE_NOT_AVAILABLE),
    CODE(CL_COMPILER_NOT_AVAILABLE),
    CODE(CL_MEM_OBJECT_ALLOCATION_FAILURE),
    CODE(CL_OUT_OF_RESOURCES),
    CODE(CL_OUT_OF_HOST_MEMORY),
    CODE(CL_PROFILING_INFO_NOT_AVAILABLE),
    CODE(CL_MEM_COPY_OVERLAP),
    CODE(CL_IMAGE_FORMAT_MISMATCH),
    CODE(CL_IMAGE_FORMAT_NOT_SUPPORTED),
    CODE(CL_BUILD_PROGRAM_FAILURE),
    CODE(CL_MAP_FAILURE),
    CODE(CL_MISALIGNED_SUB_BUFFER_OFFSET),
    CODE(CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST),
    CODE(CL_COMPILE_PROGRAM_FAILURE),
    CODE(CL_LINKER_NOT_AVAILABLE),
    CODE(CL_LINK_PROGRAM_FAILURE),
    CODE(CL_DEVICE_PARTITION_FAILED),
    CODE(CL_KERNEL_ARG_INFO_NOT_AVAILABLE),
    CODE(CL_INVALID_VALUE),
    CODE(CL_INVALID_DEVICE_TYPE),
    CODE(CL_INVALID_PLATFORM),
    CODE(CL_INVALID_DEVICE),
    CODE(CL_INVALID_CONTEXT),
    CODE(CL_INVALID_QUEUE_PROPERTIES),
    CODE(CL_INVALID_COMMAND_QUEUE),
    CODE(CL_INVALID_HOST_PTR),
    CODE(CL_INVALID_MEM_OBJECT),
    CODE(CL_INVALID_IMAGE_FORMAT_DESCRIPTOR),
    CODE(CL_INVALID_IMAGE_SIZE),
    CODE(CL_INVALID_SAMPLER),
    CODE(CL_INVALID_BINARY),
    CODE(CL_INVALID_BUILD_OPTIONS),
    CODE(CL_INVALID_PROGRAM),
    CODE(CL_INVALID_PROGRAM_EXECUTABLE),
    CODE(CL_INVALID_KERNEL_NAME),
    CODE(CL_INVALID_KERNEL_DEFINITION),
    CODE(CL_INVALID_KERNEL),
    CODE(CL_INVALID_ARG_INDEX),
    CODE(CL_INVALID_ARG_VALUE),
    CODE(CL_INVALID_ARG_SIZE),
    CODE(CL_INVALID_KERNEL_ARGS),
    CODE(CL_INVALID_WORK_DIMENSION),
    CODE(CL_INVALID_WORK_GROUP_SIZE),
    CODE(CL_INVALID_WORK_ITEM_SIZE),
    CODE(CL_INVALID_GLOBAL_OFFSET),
    CODE(CL_INVALID_EVENT_WAIT_LIST),
    CODE(CL_INVALID_EVENT),
    CODE(CL_INVALID_OPERATION),
    CODE(CL_INVALID_GL_OBJECT),
    CODE(CL_INVALID_BUFFER_SIZE),
    CODE(CL_INVALID_MIP_LEVEL),
    CODE(CL_INVALID_GLOBAL_WORK_SIZE),
    CODE(CL_INVALID_PROPERTY),
    CODE(CL_INVALID_IMAGE_DESCRIPTOR),
    CODE(CL_INVALID_COMPILER_OPTIONS),
    CODE(CL_INVALID_LINKER_OPTIONS),
    CODE(CL_INVALID_DEVICE_PARTITION_COUNT),
    {-1001, "CL_PLATFORM_NOT_FOUND_KHR"}, /* cl_khr_icd, absent from the core headers */
};

const char *compute_error_name(cl_int error) {
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (codes[i].code == error)
            return codes[i].name;
    }
    return "unknown error";
}

static const char *hint_for(cl_int error) {
    switch (error) {
    case CL_MEM_OBJECT_ALLOCATION_FAILURE:
    case CL_INVALID_BUFFER_SIZE:
        return "the device's memory is full or the piece too large for it: close other programs that use the device, "
               "work on a "
               "shorter piece, or choose another device";
    case CL_OUT_OF_RESOURCES:
        return "the device ran out of memory or registers, or its driver stopped a launch: close other programs that "
               "use the "
               "device, or choose another device; 'loris-cl verify' checks this one";
    case CL_OUT_OF_HOST_MEMORY:
        return "close other programs or work on a shorter piece";
    case CL_INVALID_WORK_GROUP_SIZE:
    case CL_INVALID_WORK_ITEM_SIZE:
    case CL_INVALID_GLOBAL_WORK_SIZE:
        return "the device does not accept a kernel's work-group size: choose another device, and please report this "
               "one";
    case CL_DEVICE_NOT_AVAILABLE:
        return "is the device in use exclusively or switched off? choose another device ('loris-cl devices')";
    case CL_COMPILER_NOT_AVAILABLE:
        return "the driver comes without a compiler: install the complete one, or choose another device";
    case CL_INVALID_COMMAND_QUEUE:
    case CL_INVALID_CONTEXT:
    case CL_INVALID_DEVICE:
    case CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST:
        return "the device was lost, perhaps to a crash or reset of its driver (see the system's log): try again, or "
               "choose "
               "another device";
    case CL_BUILD_PROGRAM_FAILURE:
    case CL_INVALID_BINARY:
        return "update the device's driver, or choose another device";
    default:
        return error > CL_INVALID_VALUE && error != CL_SUCCESS
                   ? "update the device's driver, or choose another device; 'loris-cl verify' checks one"
                   : "a fault of this program or of the driver: please report it; 'loris-cl verify' checks the device";
    }
}

loris_status compute_check(const compute *c, cl_int error, const char *call, const char *node) {
    if (error == CL_SUCCESS)
        return LORIS_OK;
    loris_status status = error == CL_OUT_OF_HOST_MEMORY ? LORIS_ERROR_MEMORY : LORIS_ERROR_DEVICE;
    return fail(status, hint_for(error), "%s: %s (%d)%s%s, on device %d: %s", call, compute_error_name(error), error,
                node ? ", in " : "", node ? node : "", c->dev.index, c->dev.name);
}
