#include "api/pieces.h"

#include <math.h>

static const double HALF_PI = 1.57079632679489661923;

pieces pieces_lay_out(size_t rows, size_t clip, size_t overlap) {
    pieces p = {.rows = rows > clip ? rows : clip, .clip = clip, .count = 1};
    if (rows > clip)
        p.count += (rows - clip + clip - overlap - 1) / (clip - overlap);
    return p;
}

size_t pieces_start(const pieces *p, size_t i) {
    return p->count > 1 ? i * (p->rows - p->clip) / (p->count - 1) : 0;
}

void pieces_join(float *out, size_t frames, const float *made, size_t channels, const pieces *p, size_t row,
                 size_t fade) {
    const size_t clip = p->clip * row;
    for (size_t i = 0; i < p->count; i++) {
        const float *piece = made + i * clip * channels;
        const size_t start = pieces_start(p, i) * row;
        size_t length = 0, from = start; /* of the fade */
        if (i > 0) {
            const size_t overlap = pieces_start(p, i - 1) * row + clip - start;
            length = overlap < fade ? overlap : fade;
            from = start + (overlap - length) / 2;
        }
        for (size_t s = from; s < start + clip && s < frames; s++) {
            const double at = s - from < length ? ((double)(s - from) + 0.5) / (double)length : 1;
            const float in = (float)sin(at * HALF_PI), before = at < 1 ? (float)cos(at * HALF_PI) : 0;
            for (size_t c = 0; c < channels; c++) {
                float *to = &out[s * channels + c];
                *to = (at < 1 ? *to * before : 0) + piece[(s - start) * channels + c] * in;
            }
        }
    }
}
