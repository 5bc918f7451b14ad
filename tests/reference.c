#include "reference.h"

#include <math.h>
#include <stdlib.h>

#include "support_net.h"

#include "compare.h"

array array_new(shape s) {
    array a = {.s = s, .count = shape_elements(s)};
    a.v = calloc(a.count, sizeof *a.v);
    assert_non_null(a.v);
    return a;
}

array array_random(shape s, uint64_t seed) {
    array a = array_new(s);
    support_fill(a.v, a.count, seed);
    return a;
}

void array_free(array *a) {
    free(a->v);
    a->v = NULL;
}

float *array_block(const array *a, int e, int b) {
    const size_t block = (size_t)(a->s.evals > 1 ? e : 0) * (size_t)a->s.batch + (size_t)(a->s.batch > 1 ? b : 0);
    return a->v + block * (a->count / ((size_t)a->s.evals * (size_t)a->s.batch));
}

tensor staged_input(net *n, const char *name, phase p, shape s) {
    return scale(n, net_input(n, name, p, s, STORE_F32), 1.0f);
}

void pretend_kind(int kind) {
    support_compute()->dev.type = kind == 0 ? CL_DEVICE_TYPE_CPU : CL_DEVICE_TYPE_GPU;
}

void pretend_slow(bool slow) {
    static compute_throttle real;
    compute_throttle *t = &support_compute()->throttle;
    if (slow) {
        real = *t;
        t->cautious_flop_per_second = t->flop_per_second = 1e4 / 0.08;
    } else {
        t->cautious_flop_per_second = real.cautious_flop_per_second;
        t->flop_per_second = real.flop_per_second;
    }
}

double reference_activation(activation act, double x) {
    switch (act) {
    case ACTIVATION_SILU:
        return x / (1 + exp(-x));
    case ACTIVATION_GELU:
        return x / 2 * (1 + erf(x / sqrt(2)));
    case ACTIVATION_RELU:
        return x > 0 ? x : 0;
    case ACTIVATION_RELU6:
        return x > 0 ? (x < 6 ? x : 6) : 0;
    default:
        return x;
    }
}

void reference_group_norm(float *out, const float *x, int length, int channels, int groups, const float *gain,
                          const float *shift, const float *scale_shift, activation act) {
    const int size = channels / groups;
    for (int g = 0; g < groups; g++) {
        double mean = 0, variance = 0;
        for (int l = 0; l < length; l++)
            for (int c = g * size; c < (g + 1) * size; c++)
                mean += x[l * channels + c];
        mean /= (double)length * size;
        for (int l = 0; l < length; l++)
            for (int c = g * size; c < (g + 1) * size; c++)
                variance += (x[l * channels + c] - mean) * (x[l * channels + c] - mean);
        variance /= (double)length * size;
        for (int l = 0; l < length; l++)
            for (int c = g * size; c < (g + 1) * size; c++) {
                double y = (x[l * channels + c] - mean) / sqrt(variance + 1e-5) * gain[c] + shift[c];
                if (scale_shift)
                    y = y * (scale_shift[c] + 1.0) + scale_shift[channels + c];
                out[l * channels + c] = (float)reference_activation(act, y);
            }
    }
}

void reference_layer_norm(float *out, const float *x, const float *gain, const float *residual, int rows,
                          int channels) {
    for (int r = 0; r < rows; r++, x += channels, out += channels) {
        double mean = 0, variance = 0;
        for (int c = 0; c < channels; c++)
            mean += x[c];
        mean /= channels;
        for (int c = 0; c < channels; c++)
            variance += (x[c] - mean) * (x[c] - mean);
        variance /= channels;
        for (int c = 0; c < channels; c++)
            out[c] =
                (float)((x[c] - mean) / sqrt(variance + 1e-5) * gain[c] + (residual ? residual[r * channels + c] : 0));
    }
}

double reference_attention(float *out, const float *q, const float *kv, int rows, int keys, int heads, int head) {
    const int width = heads * head;
    double largest = 0, *p = malloc((size_t)keys * sizeof *p);
    assert_non_null(p);
    for (int n = 0; n < rows; n++)
        for (int h = 0; h < heads; h++) {
            double top = -INFINITY, total = 0;
            for (int m = 0; m < keys; m++) {
                double score = 0;
                for (int d = 0; d < head; d++)
                    score += (double)q[n * width + h * head + d] * kv[m * 2 * width + h * head + d];
                p[m] = score / sqrt(head);
                top = fmax(top, p[m]);
                largest = fmax(largest, fabs(p[m]));
            }
            for (int m = 0; m < keys; m++)
                total += p[m] = exp(p[m] - top);
            for (int d = 0; d < head; d++) {
                double sum = 0;
                for (int m = 0; m < keys; m++)
                    sum += p[m] / total * kv[m * 2 * width + width + h * head + d];
                out[n * width + h * head + d] = (float)sum;
            }
        }
    free(p);
    return largest;
}
