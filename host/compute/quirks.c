#include "compute/quirks.h"

#include <string.h>

#define POCL "Portable Computing Language"
#define NVIDIA "NVIDIA"
#define INTEL "Intel"
#define ANY CL_DEVICE_TYPE_ALL
#define GPU CL_DEVICE_TYPE_GPU

static const quirk table[] = {
    {POCL, ANY, "", "compiling", "compiles a kernel again for each local size, when it is first launched with it",
     "local sizes are fixed; binaries are stored after the first launches",
     "https://portablecl.org/docs/html/kernel_compiler.html"},
    {POCL, ANY, "", "sub-buffers",
     "tracks the contents of sub-buffers one by one, which goes wrong when overlapping ones move between devices",
     "a context has one device", "https://github.com/pocl/pocl/issues/1969"},
    {POCL, ANY, "3.1", "local variables",
     "local variables of a kernel may be shared by work-groups on different threads",
     "kernels take local memory as arguments", "https://github.com/pocl/pocl/issues/1218"},
    {POCL, ANY, "3.1", "native kernels", "hands native kernels the address of a sub-buffer's parent",
     "native kernels are given parents and offsets, and addresses learnt while a network is built",
     "https://github.com/pocl/pocl/blob/v3.1/lib/CL/clEnqueueNativeKernel.c"},
    {NVIDIA, GPU, "", "waiting", "spins on one processor while it waits for the device",
     "the program looks whether work is done, with pauses; only transfers block",
     "https://github.com/openmm/openmm/issues/1541"},
    {NVIDIA, GPU, "", "fp16", "does half-precision arithmetic without reporting cl_khr_fp16", "kernels compute in f32",
     "https://github.com/CNugteren/CLBlast/issues/570"},
    {INTEL, GPU, "", "buffer size", "allows buffers of up to 4 GB, a part of the memory",
     "tensors are spread over several buffers", "https://github.com/intel/compute-runtime/issues/627"},
    {INTEL, GPU, "", "long work", "the kernel driver resets a GPU that works for many seconds on end",
     "launches are cut; at most some 200 ms of work is in flight",
     "https://github.com/intel/compute-runtime/issues/904"},
    {INTEL, GPU, "", "waiting", "spins on one processor while it waits for the device",
     "the program looks whether work is done, with pauses; only transfers block",
     "https://github.com/intel/compute-runtime/issues/363"},
    {"rusticl", ANY, "", "listing",
     "lists a device only when RUSTICL_ENABLE names its driver, or the distribution does",
     "'loris-cl doctor' shows the variable", "https://docs.mesa3d.org/rusticl.html"},
    {"rusticl", ANY, "22.", "profiling", "gives 0, 1, 2, 3 as the times of every launch",
     "where a driver's clock stands still, profiles wait for each launch and take the host's time",
     "https://gitlab.freedesktop.org/mesa/mesa/-/blob/mesa-22.3.6/src/gallium/frontends/rusticl/api/event.rs"},
    {"rusticl", CL_DEVICE_TYPE_CPU, "", "vectors", "fills vectors with work-items, and loads for each of them alone",
     "kernels for GPUs are used, as on all devices that are one float wide",
     "https://docs.mesa3d.org/drivers/llvmpipe.html"},
    {"Clover", ANY, "", "upkeep", "is no longer maintained and does not reach OpenCL 1.2 on every GPU",
     "use Mesa's rusticl: set RUSTICL_ENABLE", "https://www.phoronix.com/news/Mesa-Delete-Clover-Discussion"},
    {"Oclgrind", ANY, "", "speed", "interprets kernels, to check them: it is very slow", "for tests of kernels alone",
     "https://github.com/jrprice/Oclgrind"},
};

const quirk *quirk_table(int *count) {
    *count = (int)(sizeof table / sizeof table[0]);
    return table;
}

const quirk *quirk_next(const device *d, const quirk *after) {
    for (const quirk *q = after ? after + 1 : table; q < table + sizeof table / sizeof table[0]; q++)
        if (strcasestr(d->platform_name, q->platform) && (d->type & q->type) &&
            strncmp(d->driver, q->driver, strlen(q->driver)) == 0)
            return q;
    return NULL;
}
