/* Windows shared out over devices. At each evaluation the sample goes to every further device, each denoises a run of
 * neighbouring windows, and the first device blends what comes back in the windows' order, as it does with its own. */
#include <stdlib.h>

#include "core/worker.h"
#include "diffusion/sampler.h"

struct share {
    sampler *sampler; /* the further device's, which lends */
    float *host;      /* [elements]: denoised windows on their way */
    size_t elements;  /* [clips][end - first][windows.length][in_channels] */
    cl_mem received;  /* the same on the first device */
    plan *join;       /* on the first device: one received window, blended into d */
    int from, to, fresh, weight_start;
};

static net *record_join(const sampler *r, share *s) {
    const int rows = (s->sampler->end - s->sampler->first) * r->windows.length, channels = r->unet->in_channels;
    net *n = net_new(r->compute, NULL, "join", 1);
    if (!n)
        return NULL;
    s->from = net_parameter(n, "from");
    s->to = net_parameter(n, "to");
    s->fresh = net_parameter(n, "fresh");
    s->weight_start = net_parameter(n, "weight start");
    tensor received = net_input(n, "received", PHASE_STEP, shape_1d(r->clips, rows, channels), STORE_F32);
    net_bind(n, received, s->received);
    tensor denoised = net_state(n, "denoised", shape_1d(r->clips, r->windows.total, channels), STORE_F32);
    net_bind(n, denoised, r->d);
    shape all = shape_1d(1, r->windows.count * r->windows.length, 1);
    tensor blending = net_input(n, "weights", PHASE_STEP, all, STORE_F32);
    net_bind(n, blending, r->weight);
    blend(n, denoised, window(n, received, s->from, 1, r->windows.length),
          window(n, blending, s->weight_start, 1, r->windows.length), s->to, s->fresh);
    return n;
}

static loris_status name_device(const sampler *lender, loris_status status) {
    const device *d = &lender->compute->dev;
    return status == LORIS_OK || status == LORIS_CANCELLED ? status
                                                           : fail_in(status, "device %d, %s", d->index, d->name);
}

static loris_status build_lender(sampler *lender) {
    TRY(denoisers_make_buffers(lender));
    TRY(denoisers_build(lender));
    const double packed = (double)weights_device_bytes(lender->request.weights) * 1e-6;
    log_message(LORIS_LOG_INFO,
                "device %d, %s, evaluates windows %d to %d of %d: %.1f MB, of which %.1f MB are weights",
                lender->compute->dev.index, lender->compute->dev.name, lender->first + 1, lender->end,
                lender->windows.count, (double)lender->report.memory * 1e-6 + packed, packed);
    return LORIS_OK;
}

static loris_status make_share(sampler *r, share *s, const sampling_device *other, int first, int end) {
    sampling_request request = r->request;
    request.compute = other->compute;
    request.weights = other->weights;
    sampler *lender = s->sampler = sampler_blank(&request);
    if (!lender)
        return fail_memory("a sampler");
    TRY(sampler_plan(lender));
    lender->lends = true;
    lender->first = first;
    lender->end = end;
    for (int i = 0; i < lender->windows.count * lender->windows.length; i++)
        lender->windows.weight[i] = 1;
    TRY(name_device(lender, build_lender(lender)));
    s->elements =
        (size_t)r->clips * (size_t)(end - first) * (size_t)r->windows.length * (size_t)r->unet->in_channels;
    s->host = calloc(s->elements, sizeof *s->host);
    if (!s->host)
        return fail_memory("a sampler");
    r->report.memory += s->elements * sizeof *s->host;
    TRY(buffer_new(r->compute, &s->received, s->elements * sizeof *s->host, NULL, "windows of another device"));
    TRY(plan_build(&s->join, record_join(r, s)));
    r->report.memory += plan_memory(s->join);
    return LORIS_OK;
}

loris_status shares_new(sampler *r) {
    const int given = r->request.other_count, count = r->windows.count, devices = given < count ? given + 1 : count;
    if (devices <= given)
        log_message(LORIS_LOG_INFO, "%d window%s: %d of %d devices stay%s unused", count, count > 1 ? "s" : "",
                    given + 1 - devices, given + 1, given + 1 - devices > 1 ? "" : "s");
    if (devices == 1)
        return LORIS_OK;
    r->shares = calloc((size_t)(devices - 1), sizeof *r->shares);
    if (!r->shares)
        return fail_memory("a sampler");
    r->share_count = devices - 1;
    for (int k = 0; k < devices; k++) {
        const int first = (int)((long long)count * k / devices), end = (int)((long long)count * (k + 1) / devices);
        if (k)
            TRY(make_share(r, &r->shares[k - 1], &r->request.others[k - 1], first, end));
        else
            r->end = end;
    }
    return LORIS_OK;
}

loris_status shares_begin(sampler *r) {
    for (int k = 0; k < r->share_count; k++) {
        sampler *lender = r->shares[k].sampler;
        lender->request.conditioning = r->request.conditioning;
        TRY(name_device(lender, denoisers_begin(lender)));
    }
    return LORIS_OK;
}

typedef struct evaluating {
    sampler *sampler;
    int index, done;
} evaluating;

static loris_status evaluate_own(const evaluating *e) {
    const sampler *r = e->sampler;
    for (int w = 0; w < r->end; w++) {
        TRY(denoiser_run(r, e->index, w));
        sampler_tell(r, e->done + (int)((long long)(w + 1) * r->windows.count / r->end));
    }
    return LORIS_OK;
}

static loris_status evaluate_lent(const evaluating *e, const share *s) {
    const sampler *lender = s->sampler;
    TRY(buffer_write(lender->compute, lender->x, 0, e->sampler->host, lender->elements * sizeof(float), "the sample"));
    for (int w = lender->first; w < lender->end; w++)
        TRY(denoiser_run(lender, e->index, w));
    TRY(compute_finish(lender->compute, "sampler")); /* tells of launches that failed */
    return buffer_read(lender->compute, lender->d, 0, s->host, s->elements * sizeof *s->host, "denoised windows");
}

static loris_status evaluate_share(void *user, int k) {
    const evaluating *e = user;
    if (!k)
        return evaluate_own(e);
    const share *s = &e->sampler->shares[k - 1];
    return name_device(s->sampler, evaluate_lent(e, s));
}

static loris_status join(const sampler *r, const share *s) {
    const sampler *lender = s->sampler;
    TRY(buffer_write(r->compute, s->received, 0, s->host, s->elements * sizeof *s->host, "windows of another device"));
    for (int w = lender->first; w < lender->end; w++) {
        plan_set(s->join, s->from, (cl_uint)((w - lender->first) * r->windows.length));
        plan_set(s->join, s->to, (cl_uint)r->windows.start[w]);
        plan_set(s->join, s->fresh, (cl_uint)r->windows.fresh[w]);
        plan_set(s->join, s->weight_start, (cl_uint)(w * r->windows.length));
        TRY(plan_run(s->join, PHASE_STEP, 0));
    }
    return LORIS_OK;
}

/* Without waiting, as there is nobody to wait for. */
static loris_status evaluate_alone(const sampler *r, int index, int done) {
    for (int w = 0; w < r->windows.count; w++) {
        TRY(denoiser_run(r, index, w));
        sampler_tell(r, done + w + 1);
    }
    return LORIS_OK;
}

loris_status shares_evaluate(sampler *r, int index, int done) {
    if (!r->share_count)
        return evaluate_alone(r, index, done);
    evaluating e = {r, index, done};
    const size_t bytes = r->elements * sizeof *r->host;
    TRY(buffer_read(r->compute, r->y ? r->y : r->x, 0, r->host, bytes, "the sample"));
    TRY(worker_run(r->share_count + 1, r->share_count + 1, evaluate_share, &e));
    for (int k = 0; k < r->share_count; k++)
        TRY(join(r, &r->shares[k]));
    return LORIS_OK;
}

void shares_drain(const sampler *r) {
    for (int k = 0; k < r->share_count; k++)
        if (r->shares[k].sampler)
            compute_finish(r->shares[k].sampler->compute, "sampler");
}

void shares_free(sampler *r) {
    for (int k = 0; k < r->share_count; k++) {
        share *s = &r->shares[k];
        plan_free(s->join);
        buffer_free(&s->received);
        sampler_free(s->sampler);
        free(s->host);
    }
    free(r->shares);
}
