/*
 * loris/diagnose.h - what a device can do, and why one is missing.
 *
 * Both are told as a list of findings: one fact each, with what follows from it.
 */
#ifndef LORIS_DIAGNOSE_H
#define LORIS_DIAGNOSE_H

#include "loris/loris.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum loris_finding_state {
    LORIS_FINDING_FACT,    /* neither good nor bad */
    LORIS_FINDING_GOOD,    /* checked, as it should be */
    LORIS_FINDING_WARNING, /* may be the cause of trouble */
    LORIS_FINDING_PROBLEM  /* is the cause of trouble */
} loris_finding_state;

/* Texts are one line each, never NULL; "" = nothing to say. */
typedef struct loris_finding {
    loris_finding_state state;
    const char *topic; /* "limits", "choices", "quirks", "known answer"; "drivers", "permissions", ... */
    const char *name, *value;
    const char *why;  /* the reason, or what to do */
    const char *link; /* a source */
} loris_finding;

typedef struct loris_findings loris_findings;
LORIS_API size_t loris_findings_count(const loris_findings *findings);
LORIS_API const loris_finding *loris_finding_at(const loris_findings *findings, size_t i); /* grouped by topic */
LORIS_API void loris_findings_free(loris_findings *findings);                              /* NULL is allowed */

/* Examines the device that `settings` choose (NULL = the default): topics "limits" and "abilities" (as the driver
 * reports them), "choices" (variant and backend of each kind of operation here, and why), "quirks" (what is known of
 * its driver, with links) and "known answer" (what loris_verify() without a folder finds). A device that cannot be
 * opened, or computes wrong results, is a finding (LORIS_FINDING_PROBLEM), no failure. LORIS_ERROR_DEVICE: no such
 * device. */
LORIS_API loris_status loris_device_examine(const loris_engine_settings *settings, loris_findings **findings);

/* Why are there no devices, or not all? Looks at the OpenCL loader, the ICD files and the libraries they name (each is
 * loaded, as the loader does), platforms and devices, GPUs on the PCI bus and their kernel drivers, permissions of
 * device files, and environment variables that hide devices; topic "advice" says what to do. `root` is put before
 * absolute paths like /etc, /dev and /sys; NULL = "". *usable tells whether a device is there that loris_engine_open()
 * takes. */
LORIS_API loris_status loris_doctor(const char *root, loris_findings **findings, bool *usable);

/* What this library was built with: compiler, and the parts that a build may lack. One line. */
LORIS_API const char *loris_build(void);

/* A node of a network on two devices. Texts live during the call that receives it. */
typedef struct loris_node_comparison {
    const char *network, *name, *operation, *shape;
    const char *kernel[2], *variant[2], *backend[2]; /* on the reference, on the device that is tested */
    double error, scale, allowed;                    /* largest |tested - reference| and |reference|; what may be */
    size_t position;                                 /* of the largest error in the output */
    double values[2];                                /* there */
    bool differs;
} loris_node_comparison;

typedef void loris_comparison_function(void *user, const loris_node_comparison *node);

typedef struct loris_compare_settings {
    const char *model;               /* a .safetensors file or its folder; required */
    const char *video;               /* whose conditioning is computed with; NULL = made-up numbers */
    loris_comparison_function *node; /* receives every node; NULL = none */
    void *node_user;
} loris_compare_settings;

/* Computes one evaluation of the model's networks and one update of the sampler on both, node by node, each with the
 * reference's inputs, and compares what each node writes. Both engines should have the same precision. LORIS_MISMATCH:
 * the message names the first node that differs, with kernel, variant and sizes. Tolerances: host/plan/compare.h. */
LORIS_API loris_status loris_compare(loris_engine *reference, loris_engine *tested,
                                     const loris_compare_settings *settings, size_t *nodes);

#ifdef __cplusplus
}
#endif
#endif
