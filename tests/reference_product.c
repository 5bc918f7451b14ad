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
