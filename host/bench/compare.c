#include "bench/compare.h"

#include <math.h>
#include <string.h>

#include "bench/report.h"

static const double CONFIDENCE = 0.95;

/* B's record of the same device, doing the same work. */
static const record *partner(const record *a, const record *b, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!strcmp(a->device.name, b[i].device.name) && !strcmp(a->device.platform, b[i].device.platform) &&
            !strcmp(a->workload.name, b[i].workload.name) && a->workload.quick == b[i].workload.quick)
            return &b[i];
    return NULL;
}

static const char *verdict(const ratio *r, double limit) {
    if (r->low > 1)
        return r->estimate > 1 + limit ? "SLOWER" : "slower";
    return r->high < 1 ? "faster" : "no difference seen";
}

static loris_status compare_stage(text *out, const record *r, const measurement *a, const measurement *b, double limit,
                                  int *slower) {
    ratio q;
    TRY(ratio_of(&q, &a->warm, &b->warm, CONFIDENCE));
    *slower += q.low > 1 && q.estimate > 1 + limit;
    text_printf(out, "| ");
    report_plain(out, r->device.name);
    text_printf(out, " | ");
    report_plain(out, a->name);
    text_printf(out, " | %s | %s | %s | %s to %s (%.0f %%) | %s |\n", figure_of(summarise(&a->warm).median, 4).text,
                figure_of(summarise(&b->warm).median, 4).text, figure_of(q.estimate, 4).text, figure_of(q.low, 4).text,
                figure_of(q.high, 4).text, 100 * q.confidence, verdict(&q, limit));
    return LORIS_OK;
}

loris_status compare_records(text *out, const record *a, size_t count_a, const record *b, size_t count_b, double limit,
                             int *slower) {
    int compared = 0;
    *slower = 0;
    text_printf(
        out, "| device | stage | A, s | B, s | B / A | interval | |\n| --- | --- | ---: | ---: | ---: | --- | --- |\n");
    for (size_t i = 0; i < count_a; i++) {
        const record *other = partner(&a[i], b, count_b);
        if (!other)
            continue;
        if (a[i].correct && !other->correct)
            return fail(LORIS_ERROR_INPUT, "its times mean nothing", "%s: computes wrong results in B, or gave none",
                        a[i].device.name);
        for (int k = 0; k < a[i].stages; k++) {
            const measurement *m = record_stage(other, a[i].stage[k].name);
            if (!m || !m->warm.count || !a[i].stage[k].warm.count)
                continue;
            TRY(compare_stage(out, &a[i], &a[i].stage[k], m, limit, slower));
            compared++;
        }
    }
    return compared ? LORIS_OK
                    : fail(LORIS_ERROR_INPUT, "compare records of the same device, platform and workload",
                           "the two have no measurement in common");
}
