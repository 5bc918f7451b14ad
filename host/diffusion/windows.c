#include "diffusion/windows.h"

#include <stdlib.h>
#include <string.h>

static int round_up(int value, int unit) {
    return (value + unit - 1) / unit * unit;
}

void windows_free(windows *w) {
    if (!w)
        return;
    free(w->start);
    free(w->fresh);
    free(w->weight);
    memset(w, 0, sizeof *w);
}

/* How far into the overlap [from, to) a row's centre lies: 0 up to the first margin, 1 after the last. */
static float passed(int row, int from, int to, int margin) {
    float low = (float)(from + margin), high = (float)(to - margin);
    float t = ((float)row + 0.5f - low) / (high - low);
    return t < 0 ? 0 : t > 1 ? 1 : t;
}

loris_status windows_new(windows *out, int total, int length, int grid, int overlap, int margin) {
    if (total < 1 || grid < 1 || length < grid || length % grid || margin < 0 || 2 * margin >= overlap ||
        overlap > length / 2)
        return fail(LORIS_ERROR_ARGUMENT, "an overlap is at most half a window and more than twice the margin",
                    "windows of %d rows on a grid of %d cannot overlap by %d with a margin of %d", length, grid,
                    overlap, margin);
    overlap = round_up(overlap, grid);
    windows w = {.length = length, .margin = margin, .total = round_up(total > length ? total : length, grid)};
    int stride = length - overlap;
    w.count = w.total == length ? 1 : (w.total - length + stride - 1) / stride + 1;
    w.start = calloc((size_t)w.count, sizeof *w.start);
    w.fresh = calloc((size_t)w.count, sizeof *w.fresh);
    w.weight = calloc((size_t)w.count * (size_t)length, sizeof *w.weight);
    if (!w.start || !w.fresh || !w.weight) {
        windows_free(&w);
        return fail_memory("the windows of a clip");
    }
    for (int i = 1; i < w.count; i++) { /* spread evenly, moved down to the grid */
        long long span = (w.total - length) / grid;
        w.start[i] = (int)(span * i / (w.count - 1)) * grid;
        w.fresh[i] = w.start[i - 1] + length;
    }
    for (int i = 0; i < w.count; i++)
        for (int l = 0; l < length; l++) {
            /* into(k): how far the row has passed from window k - 1 into window k. The weight of window i is
             * into(1) ... into(i) (1 - into(i + 1)), which telescopes to 1 over all windows. */
            int row = w.start[i] + l;
            float share = 1;
            for (int k = i; k > 0 && row < w.start[k - 1] + length; k--)
                share *= passed(row, w.start[k], w.start[k - 1] + length, margin);
            if (i + 1 < w.count && row >= w.start[i + 1])
                share *= 1 - passed(row, w.start[i + 1], w.start[i] + length, margin);
            w.weight[(size_t)i * (size_t)length + (size_t)l] = share;
        }
    *out = w;
    return LORIS_OK;
}

void windows_joint(const windows *w, int i, int *from, int *to) {
    *from = w->start[i] + w->margin;
    *to = w->start[i - 1] + w->length - w->margin;
}
