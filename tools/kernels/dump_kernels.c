/*
 * dump-kernels DIR MODEL: writes every kernel that the program's networks are lowered to on imagined devices, for
 * compilers that need no device. Networks: the spectrogram model MODEL, the published LORIS with and without genres,
 * its visual encoder, optical flow, MoveNet; in every precision, with every backend that has kernels in OpenCL C, and
 * with everything that a tuner may choose (of sizes: with f32, or in half precision).
 *
 *     DIR/options        what the texts are compiled with
 *     DIR/gpu.cl         one text of all sections (host/compute/program.h), for GPUs
 *     DIR/gpu.kernels    a line a kernel: its name in the text, items of a work-group, bytes of local memory among its
 *                        arguments, its name, file and macros
 *     DIR/cpu.cl, cpu.kernels    the same for CPUs
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/outline.h"
#include "compute/program.h"
#include "core/file.h"
#include "ops/product.h"

/* What one kind of device compiles. */
typedef struct collection {
    program *all;
    text kernels;
    loris_status status;
} collection;

static void note_kernel(void *user, const kernel_use *use) {
    collection *c = user;
    int section = 0;
    char line[1280];
    if (c->status == LORIS_OK)
        c->status = program_section(c->all, use->file, use->defines, &section);
    snprintf(line, sizeof line, "%s_%d %zu %zu %s %s.cl %s\n", use->kernel, section,
             use->local[0] * use->local[1] * use->local[2], use->local_bytes, use->kernel, use->file, use->defines);
    if (!c->kernels.data || !strstr(c->kernels.data, line))
        text_append(&c->kernels, line, strlen(line));
}

/* ---- networks ---------------------------------------------------------------------------------------------------- */

static loris_status draft_all(compute *c, const char *model_path) {
    model *m = NULL;
    weights *w = NULL;
    text lines = {0};
    loris_status status;
    TRY_GOTO(model_open(&m, model_path));
    TRY_GOTO(weights_new(&w, c, m->file, m->prefix));
    TRY_GOTO(outline_model(c, m, w, &lines));
    TRY_GOTO(outline_loris(c, false, &lines));
    TRY_GOTO(outline_loris(c, true, &lines));
    TRY_GOTO(outline_flow(c, 256, 144, &lines));
    TRY_GOTO(outline_movenets(c, 640, 360, &lines));
done:
    text_free(&lines);
    weights_free(w);
    model_close(m);
    return status;
}

static loris_status draft_on(const device *imagined, product_backend backend, product_precision precision,
                             collection *out, const char *model_path) {
    const compute_settings settings = {.backend = backend, .precision = precision};
    compute *c;
    TRY(compute_imagine(&c, imagined, &settings));
    c->observer = note_kernel;
    c->observer_user = out;
    loris_status status = draft_all(c, model_path);
    tuned_choice candidates[PRODUCT_MAX_CANDIDATES];
    const int count = backend == BACKEND_OWN ? product_candidates(c, product_storage(c), candidates) : 0;
    for (int i = 0; i < count && status == LORIS_OK; i++) { /* what a tuner may choose as well */
        if (precision != PRECISION_F32 && candidates[i].use != USE_HALF_TILE)
            continue; /* how weights are kept has nothing to do with the sizes */
        tuning forced = {.forced = true, .force = {.shape = {.kind = TUNED_PRODUCT}, .choice = candidates[i]}};
        c->tuning = &forced;
        status = draft_all(c, model_path);
        c->tuning = NULL;
    }
    compute_close(c);
    return status == LORIS_OK ? out->status : status;
}

/* ---- devices ----------------------------------------------------------------------------------------------------- */

static const device blank = {.name = "imagined",
                             .vendor = "",
                             .platform_name = "",
                             .platform_version = "",
                             .version = "OpenCL 1.2",
                             .driver = "",
                             .extensions = "",
                             .compute_units = 32,
                             .clock_mhz = 1500,
                             .max_work_item = {1024, 1024, 64},
                             .local_is_dedicated = true,
                             .global_memory = (cl_ulong)16 << 30,
                             .max_alloc = (cl_ulong)4 << 30,
                             .alignment = 256,
                             .float_width = 1,
                             .fp16 = true,
                             .available = true,
                             .compiler = true};

/* The limits that decide between variants: GPUs by their work-groups and local memory, CPUs by their vectors. */
static int imagine(bool gpu, device out[3]) {
    static const size_t groups[] = {1024, 256, 64};
    static const cl_uint widths[] = {4, 8, 16};
    for (int i = 0; i < 3; i++) {
        out[i] = blank;
        out[i].type = gpu ? CL_DEVICE_TYPE_GPU : CL_DEVICE_TYPE_CPU;
        out[i].max_work_group = gpu ? groups[i] : 4096;
        out[i].local_memory = (cl_ulong)(i == 0 ? 64 : 32) << 10;
        if (!gpu)
            out[i].float_width = widths[i];
    }
    return 3;
}

static loris_status write_text(const char *folder, const char *name, const text *t) {
    char path[4096];
    if (text_failed(t))
        return fail_memory(name);
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return fail(LORIS_ERROR_OUTPUT, NULL, "%s: the path is too long", folder);
    return file_write(path, t->data, t->length);
}

static loris_status collect(bool gpu, collection *out, const char *model_path) {
    device devices[3];
    const int count = imagine(gpu, devices);
    for (int i = 0; i < count; i++) {
        for (int p = PRECISION_F32; p <= PRECISION_F16; p++)
            TRY(draft_on(&devices[i], BACKEND_OWN, (product_precision)p, out, model_path));
        if (gpu)
            TRY(draft_on(&devices[i], BACKEND_CLBLAST, PRECISION_F32, out, model_path));
    }
    return LORIS_OK;
}

static loris_status dump(bool gpu, const char *folder, const char *model_path) {
    collection c = {0};
    compute *assembler = NULL;
    text source = {0};
    loris_status status;
    TRY_GOTO(compute_imagine(&assembler, &blank, NULL));
    TRY_GOTO(program_new(&c.all, assembler));
    TRY_GOTO(collect(gpu, &c, model_path));
    TRY_GOTO(program_text(c.all, &source));
    TRY_GOTO(write_text(folder, gpu ? "gpu.cl" : "cpu.cl", &source));
    TRY_GOTO(write_text(folder, gpu ? "gpu.kernels" : "cpu.kernels", &c.kernels));
done:
    text_free(&source);
    text_free(&c.kernels);
    program_free(c.all);
    compute_close(assembler);
    return status;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: dump-kernels DIR MODEL\n");
        return 2;
    }
    text options = {0};
    text_printf(&options, "%s\n", program_options());
    loris_status status = folder_make(argv[1], 0777);
    if (status == LORIS_OK)
        status = write_text(argv[1], "options", &options);
    if (status == LORIS_OK)
        status = dump(true, argv[1], argv[2]);
    if (status == LORIS_OK)
        status = dump(false, argv[1], argv[2]);
    if (status != LORIS_OK)
        fprintf(stderr, "dump-kernels: %s\n", loris_error_message());
    text_free(&options);
    return status == LORIS_OK ? 0 : 1;
}
