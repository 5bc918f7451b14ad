/* Samples alone would not do: seeking low samples moves peaks in between, where BS.1770's true peak finds them. */
#include "media/ceiling.h"

#include <math.h>

void ceiling_filter_make(ceiling_filter *f) {
    const double pi = 3.14159265358979323846;
    f->power = 0;
    for (int i = 0; i < CEILING_TAPS; i++) {
        const double t = i - (CEILING_TAPS - 1) / 2.0, window = cos(pi * t / CEILING_TAPS);
        f->tap[i] = (float)(sin(pi * t) / (pi * t) * window * window);
        f->power += f->tap[i] * f->tap[i];
    }
}

static float excess(float value, float ceiling) {
    return value - fmaxf(-ceiling, fminf(value, ceiling));
}

void ceiling_apply(const ceiling_filter *f, float *x, int count, float ceiling) {
    for (int i = 0; i < count; i++)
        x[i] -= excess(x[i], ceiling);
    /* The nearest signal whose one value in between is the ceiling differs by a multiple of the taps. */
    for (int i = 0; i + CEILING_TAPS <= count; i++) {
        float between = 0;
        for (int k = 0; k < CEILING_TAPS; k++)
            between += f->tap[k] * x[i + k];
        const float beyond = excess(between, ceiling);
        if (beyond != 0)
            for (int k = 0; k < CEILING_TAPS; k++)
                x[i + k] -= beyond / f->power * f->tap[k];
    }
}
