/* Samples alone would not do: seeking low samples moves peaks in between, where BS.1770's true peak finds them. */
#include "media/ceiling.h"

#include <math.h>

void ceiling_filter_make(ceiling_filter *f) {
    const double pi = 3.14159265358979323846;
    f->power = f->most = 0;
    for (int i = 0; i < CEILING_TAPS; i++) {
        const double t = i - (CEILING_TAPS - 1) / 2.0, window = cos(pi * t / CEILING_TAPS);
        f->tap[i] = (float)(sin(pi * t) / (pi * t) * window * window);
        f->power += f->tap[i] * f->tap[i];
        f->most += fabsf(f->tap[i]);
    }
}

static float excess(float value, float ceiling) {
    return value - fmaxf(-ceiling, fminf(value, ceiling));
}

/* Half-way after x[CEILING_TAPS / 2 - 1]. The nearest signal whose value there is the ceiling differs by a multiple of
 * the taps. */
static void push_between(const ceiling_filter *f, float *x, float ceiling) {
    float between = 0;
    for (int k = 0; k < CEILING_TAPS; k++)
        between += f->tap[k] * x[k];
    const float beyond = excess(between, ceiling);
    if (beyond != 0)
        for (int k = 0; k < CEILING_TAPS; k++)
            x[k] -= beyond / f->power * f->tap[k];
}

void ceiling_apply(const ceiling_filter *f, float *x, int count, float ceiling) {
    const float harmless =
        0.999f * ceiling / f->most; /* samples up to it have nothing beyond the ceiling between them */
    for (int i = 0; i < count; i++)
        x[i] -= excess(x[i], ceiling);
    for (int i = 0, next; i + CEILING_TAPS <= count; i = next) {
        next = i + CEILING_TAPS + CEILING_TAPS <= count ? i + CEILING_TAPS : count - CEILING_TAPS + 1;
        float highest = 0;
        for (int k = i; k < next + CEILING_TAPS - 1; k++)
            highest = fabsf(x[k]) > highest ? fabsf(x[k]) : highest;
        if (highest > harmless)
            for (int k = i; k < next; k++)
                push_between(f, x + k, ceiling);
    }
}
