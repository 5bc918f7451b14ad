/* What one device can do, what is chosen for it and why, and whether it computes right. */
#include <string.h>

#include "api/engine.h"
#include "api/findings.h"
#include "api/verify.h"
#include "compute/quirks.h"
#include "ops/stream.h"
#include "plan/plan.h"

static const char *yes(bool it_is) {
    return it_is ? "yes" : "no";
}

#define FACT(topic, name, why, ...) findings_add(f, LORIS_FINDING_FACT, topic, name, why, NULL, __VA_ARGS__)

static void add_limits(loris_findings *f, const device *d) {
    FACT("limits", "version", NULL, "%s, driver %s", d->version, d->driver);
    FACT("limits", "compute units", NULL, "%u at %u MHz, %u floats wide", d->compute_units, d->clock_mhz,
         d->float_width);
    FACT("limits", "memory", "tensors are spread over buffers of this size", "%.2f GiB, %.2f GiB in one buffer",
         (double)d->global_memory / (1 << 30), (double)d->max_alloc / (1 << 30));
    FACT("limits", "local memory", NULL, "%.0f KiB, %s", (double)d->local_memory / 1024,
         d->local_is_dedicated ? "on the chip" : "a part of global memory");
    FACT("limits", "work-groups", NULL, "up to %zu items, %zu x %zu x %zu", d->max_work_group, d->max_work_item[0],
         d->max_work_item[1], d->max_work_item[2]);
    FACT("limits", "alignment", NULL, "%zu bytes", d->alignment);
}

static void add_abilities(loris_findings *f, const device *d) {
    cl_command_queue_properties queue = 0;
    clGetDeviceInfo(d->id, CL_DEVICE_QUEUE_PROPERTIES, sizeof queue, &queue, NULL);
    FACT("abilities", "fp16", "not needed: kernels compute in f32 and widen what is stored in 16 bits", "%s",
         yes(d->fp16));
    FACT("abilities", "fp64", "not needed", "%s", yes(strstr(d->extensions, "cl_khr_fp64") != NULL));
    FACT("abilities", "sub-groups", "not needed", "%s", yes(strstr(d->extensions, "subgroups") != NULL));
    FACT("abilities", "native kernels", d->native_kernel ? "oneDNN can run in the queue" : "oneDNN cannot be used",
         "%s", yes(d->native_kernel));
    FACT("abilities", "out-of-order queues", "not used: launches follow each other", "%s",
         yes(queue & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE));
    FACT("abilities", "profiling", "for 'loris-cl profile'", "%s", yes(queue & CL_QUEUE_PROFILING_ENABLE));
    FACT("abilities", "shares memory with the host", NULL, "%s", yes(d->unified_memory));
}

/* ---- choices ----------------------------------------------------------------------------------------------------- */

static bool listed(const plan *p, int before, const profile_node *n) {
    for (int k = 0; k < before; k++) {
        char dims[96];
        const profile_node other = plan_node(p, k, &dims);
        if (!strcmp(other.operation, n->operation) && !strcmp(other.variant, n->variant) &&
            !strcmp(other.backend, n->backend))
            return true;
    }
    return false;
}

/* What the operations of the known-answer network, which uses them all, choose on this device. */
static loris_status add_choices(loris_findings *f, compute *c) {
    plan *p;
    weights *w;
    TRY(known_answer_draft(c, &w, &p));
    FACT("choices", "streams",
         wide_items(c) ? "a CPU: each item takes long runs of numbers"
                       : "items fill its vectors: neighbouring items take neighbours",
         "%d numbers an item", wide_items(c) ? stream_on(c).vector * stream_on(c).repeats : stream_on(c).vector);
    for (int k = 0; k < plan_node_count(p); k++) {
        char dims[96];
        const profile_node n = plan_node(p, k, &dims);
        if (strcmp(n.variant, "-") != 0 && !listed(p, k, &n))
            FACT("choices", n.operation, n.reason, "%s (%s)", n.variant, n.backend);
    }
    plan_free(p);
    weights_free(w);
    return LORIS_OK;
}

/* ---- quirks, known answer ---------------------------------------------------------------------------------------- */

static void add_quirks(loris_findings *f, const device *d) {
    for (const quirk *q = quirk_next(d, NULL); q; q = quirk_next(d, q))
        findings_add(f, LORIS_FINDING_FACT, "quirks", q->name, q->done, q->link, "%s", q->what);
}

static void add_quantity(void *user, const loris_quantity *q) {
    findings_add(user, q->pass ? LORIS_FINDING_GOOD : LORIS_FINDING_PROBLEM, "known answer", q->name,
                 q->pass ? NULL : "this device or its driver computes wrong results: try another, and report it", NULL,
                 "error %.2g of %.2g allowed, in %s", q->max_abs_error, q->tolerance * q->scale, q->precision);
}

/* Failing is a finding; what else goes wrong (out of memory, cancelled) is a failure. */
static loris_status outcome(loris_findings *f, loris_status status, const char *name) {
    if (status == LORIS_MISMATCH)
        return LORIS_OK;
    if (status != LORIS_ERROR_DEVICE)
        return status;
    findings_add(f, LORIS_FINDING_PROBLEM, "known answer", name, loris_error_hint(), NULL, "%s", loris_error_message());
    return LORIS_OK;
}

static loris_status examine(loris_findings *f, const loris_engine_settings *settings) {
    loris_engine *engine = NULL;
    arena *a = arena_new();
    const device *list;
    int count, index;
    loris_status status = a ? device_list(&list, &count, a) : fail_memory("the list of devices");
    if (status == LORIS_OK)
        status = device_choose(list, count, settings ? settings->device : NULL, &index);
    if (status == LORIS_OK) {
        add_limits(f, &list[index]);
        add_abilities(f, &list[index]);
        add_quirks(f, &list[index]);
        status = outcome(f, loris_engine_open(&engine, settings), "opening");
    }
    if (status == LORIS_OK && engine)
        status = outcome(f, add_choices(f, engine->compute), "choices");
    if (status == LORIS_OK && engine) {
        const loris_verify_settings verify = {.quantity = add_quantity, .quantity_user = f};
        status = outcome(f, loris_verify(engine, NULL, &verify), "run");
    }
    loris_engine_close(engine);
    arena_free(a);
    return status;
}

loris_status loris_device_examine(const loris_engine_settings *settings, loris_findings **findings) {
    loris_findings *f = findings_new();
    if (!f)
        return fail_memory("findings");
    return findings_end(f, examine(f, settings), findings);
}
