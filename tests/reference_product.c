#include "reference_product.h"

#include <math.h>
#include <stddef.h>

static void start(double *y, double *magnitude, const float *biases, size_t rows, int outputs) {
    for (size_t i = 0; i < rows * (size_t)outputs; i++) {
        y[i] = biases ? biases[i % (size_t)outputs] : 0;
        magnitude[i] = fabs(y[i]);
    }
}

void reference_conv1d(double *y, double *magnitude, const float *x, const float *w, const float *biases, int batch,
                      int length, int channels, int out_length, int outputs, int kernel, int stride, int padding) {
    start(y, magnitude, biases, (size_t)batch * (size_t)out_length, outputs);
    for (int b = 0; b < batch; b++)
        for (int q = 0; q < out_length; q++)
            for (int n = 0; n < outputs; n++, y++, magnitude++)
                for (int j = 0; j < kernel; j++) {
                    const int i = q * stride - padding + j;
                    if (i < 0 || i >= length)
                        continue;
                    for (int c = 0; c < channels; c++) {
                        const double term =
                            (double)x[(b * length + i) * channels + c] * w[(n * channels + c) * kernel + j];
                        *y += term;
                        *magnitude += fabs(term);
                    }
                }
}

void reference_conv_transpose1d(double *y, double *magnitude, const float *x, const float *w, const float *biases,
                                int batch, int length, int channels, int out_length, int outputs, int kernel,
                                int stride, int padding) {
    start(y, magnitude, biases, (size_t)batch * (size_t)out_length, outputs);
    for (int b = 0; b < batch; b++)
        for (int i = 0; i < length; i++)
            for (int j = 0; j < kernel; j++) {
                const int o = i * stride - padding + j;
                if (o < 0 || o >= out_length)
                    continue;
                for (int n = 0; n < outputs; n++)
                    for (int c = 0; c < channels; c++) {
                        const double term =
                            (double)x[(b * length + i) * channels + c] * w[(c * outputs + n) * kernel + j];
                        y[(b * out_length + o) * outputs + n] += term;
                        magnitude[(b * out_length + o) * outputs + n] += fabs(term);
                    }
            }
}

/* Adds what output position q takes of batch x to the `outputs` sums. */
static void window_conv3d(double *y, double *magnitude, const float *x, const float *w, const int sides[3],
                          int channels, int outputs, const int kernel[3], const int first[3]) {
    const int volume = kernel[0] * kernel[1] * kernel[2];
    for (int j = 0; j < volume; j++) {
        const int t = first[0] + j / kernel[2] / kernel[1], h = first[1] + j / kernel[2] % kernel[1];
        const int l = first[2] + j % kernel[2];
        if (t < 0 || t >= sides[0] || h < 0 || h >= sides[1] || l < 0 || l >= sides[2])
            continue;
        for (int n = 0; n < outputs; n++)
            for (int c = 0; c < channels; c++) {
                const double term =
                    (double)x[((t * sides[1] + h) * sides[2] + l) * channels + c] * w[(n * channels + c) * volume + j];
                y[n] += term;
                magnitude[n] += fabs(term);
            }
    }
}

void reference_conv3d(double *y, double *magnitude, const float *x, const float *w, const float *biases, int batch,
                      const int sides[3], int channels, const int out_sides[3], int outputs, const int kernel[3],
                      const int stride[3], const int before[3]) {
    const int rows = out_sides[0] * out_sides[1] * out_sides[2];
    start(y, magnitude, biases, (size_t)batch * (size_t)rows, outputs);
    for (int b = 0; b < batch; b++)
        for (int q = 0; q < rows; q++, y += outputs, magnitude += outputs) {
            const int at[3] = {q / out_sides[2] / out_sides[1], q / out_sides[2] % out_sides[1], q % out_sides[2]};
            int first[3];
            for (int d = 0; d < 3; d++)
                first[d] = at[d] * stride[d] - before[d];
            window_conv3d(y, magnitude, x + (size_t)b * (size_t)(sides[0] * sides[1] * sides[2] * channels), w, sides,
                          channels, outputs, kernel, first);
        }
}
