/*
 * loris/profile.h - what a device did, and for how long.
 *
 * An engine opened with loris_engine_settings.profile records every launch with the device's own times, and the stages
 * of the host beside them. Sounds stay the same; a run takes a little longer.
 */
#ifndef LORIS_PROFILE_H
#define LORIS_PROFILE_H

#include "loris/loris.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A node of a network: one operation of it with its weights. Texts are never NULL and live as long as the engine. */
typedef struct loris_profile_node {
    const char *network;   /* "guided network", "flow", ...; "" for a transfer between host and device */
    const char *name;      /* scope and weight: "blocks.0.attention.to_q" */
    const char *operation; /* "conv1d", "attention", ...; "read", "write" */
    const char *variant;   /* what the operation chose for this device; "-" when it has one only */
    const char *backend;   /* whose code computes: "own", "CLBlast", "oneDNN"; "transfer" */
    const char *kernel;    /* its OpenCL kernels, "a, b"; else the backend */
    const char *phase;     /* "load", "clip", "run", "step" */
    const char *shape;     /* of its output: "[2,1024,192]", channels last */
    long calls, launches;  /* a call is one or more launches */
    double seconds;        /* device time of all calls */
    double flop, read_bytes, written_bytes; /* of one call: tensors and weights, each once */
} loris_profile_node;

/* Waits for the device; the nodes that ran, those that took longest first. *nodes is freed with loris_free().
 * LORIS_ERROR_ARGUMENT: the engine keeps no profile. */
LORIS_API loris_status loris_profile_nodes(loris_engine *engine, loris_profile_node **nodes, size_t *count);

/* All launches and stages as a trace in Chrome's Trace Event Format (JSON), for Perfetto (ui.perfetto.dev) or
 * chrome://tracing: the host's stages (watch with decode and flow, compose, denoise, phase, write, build), the device's
 * launches nested by scope, and transfers. Times are microseconds from the first of them. The file appears complete or
 * not at all. */
LORIS_API loris_status loris_profile_write_trace(loris_engine *engine, const char *path);

#ifdef __cplusplus
}
#endif
#endif
