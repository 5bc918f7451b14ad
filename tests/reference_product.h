/* Scalar references of the products, in double, written from their definitions; x and y are channels last, weights as
 * in the file. `magnitude` receives, for each y, the same sum over absolute values: what rounding errors are measured
 * by. */
#ifndef LORIS_TESTS_REFERENCE_PRODUCT_H
#define LORIS_TESTS_REFERENCE_PRODUCT_H

/* y[b][q][n] = biases[n] + sum over j, c of x[b][q stride - padding + j][c] w[n][c][j]; biases may be NULL. */
void reference_conv1d(double *y, double *magnitude, const float *x, const float *w, const float *biases, int batch,
                      int length, int channels, int out_length, int outputs, int kernel, int stride, int padding);

/* y[b][i stride - padding + j][n] += x[b][i][c] w[c][n][j] for all i, j, starting from biases[n]. */
void reference_conv_transpose1d(double *y, double *magnitude, const float *x, const float *w, const float *biases,
                                int batch, int length, int channels, int out_length, int outputs, int kernel,
                                int stride, int padding);

/* y[b][q][n] = biases[n] + sum over positions j of the kernel, c of x[b][q stride - before + j][c] w[n][c][j], q and j
 * over depth, height and length; `sides` are those of x, `out_sides` those of y. */
void reference_conv3d(double *y, double *magnitude, const float *x, const float *w, const float *biases, int batch,
                      const int sides[3], int channels, const int out_sides[3], int outputs, const int kernel[3],
                      const int stride[3], const int before[3]);

#endif
