/* An OpenCL layer (cl_layer.h) whose clBuildProgram does not return, as drivers' do not for as long as they compile. It
 * first writes the process to the file $LORIS_BUILDING. Load it with OPENCL_LAYERS. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <CL/cl_layer.h>

static cl_icd_dispatch table;

static cl_int CL_API_CALL build(cl_program program, cl_uint count, const cl_device_id *devices, const char *options,
                                void(CL_CALLBACK *notify)(cl_program, void *), void *user) {
    (void)program, (void)count, (void)devices, (void)options, (void)notify, (void)user;
    const char *path = getenv("LORIS_BUILDING");
    FILE *f = path ? fopen(path, "w") : NULL;
    if (f) {
        fprintf(f, "%ld\n", (long)getpid());
        fclose(f);
    }
    for (;;)
        pause();
}

CL_API_ENTRY cl_int CL_API_CALL clGetLayerInfo(cl_layer_info name, size_t size, void *value, size_t *size_out) {
    static const cl_layer_api_version version = CL_LAYER_API_VERSION_100;
    static const char text[] = "loris-cl layer without an end";
    const void *from = name == CL_LAYER_API_VERSION ? (const void *)&version : text;
    const size_t needed = name == CL_LAYER_API_VERSION ? sizeof version : sizeof text;
    if ((name != CL_LAYER_API_VERSION && name != CL_LAYER_NAME) || (value && size < needed))
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
    table.clBuildProgram = build; /* the loader fills in what is left out */
    *count_out = sizeof table / sizeof table.clGetPlatformIDs;
    *table_out = &table;
    return CL_SUCCESS;
}
