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

#ifdef __cplusplus
}
#endif
#endif
