#include "flow_reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ops/flow.h"

enum { P = FLOW_PAD, N = FLOW_PATCH * FLOW_PATCH };

static int limit(int x, int low, int high) {
    return x < low ? low : x > high ? high : x;
}

static double limit_real(double x, double low, double high) {
    return x < low ? low : x > high ? high : x;
}

/* ---- pyramid ----------------------------------------------------------------------------------------------------- */

flow_image flow_image_new(int width, int height) {
    return (flow_image){width, height, calloc((size_t)(width + 2 * P) * (size_t)(height + 2 * P), sizeof(float))};
}

static float *pixel(const flow_image *image, int x, int y) {
    return image->data + (size_t)(y + P) * (size_t)(image->width + 2 * P) + (size_t)(x + P);
}

float flow_image_at(const flow_image *image, int x, int y) {
    return *pixel(image, x, y);
}

void reference_base(flow_image *out, const uint8_t *frame) {
    for (int y = -P; y < out->height + P; y++)
        for (int x = -P; x < out->width + P; x++) {
            int cx = limit(x, 0, out->width - 1), cy = limit(y, 0, out->height - 1), sum = 0;
            for (int j = -1; j <= 1; j++)
                for (int i = -1; i <= 1; i++)
                    sum += (2 - abs(i)) * (2 - abs(j)) *
                           frame[limit(cy + j, 0, out->height - 1) * out->width + limit(cx + i, 0, out->width - 1)];
            *pixel(out, x, y) = (float)sum / 16.0f;
        }
}

void reference_down(flow_image *out, const flow_image *fine) {
    static const double tap[4] = {0.125, 0.375, 0.375, 0.125};
    for (int y = -P; y < out->height + P; y++)
        for (int x = -P; x < out->width + P; x++) {
            int cx = 2 * limit(x, 0, out->width - 1), cy = 2 * limit(y, 0, out->height - 1);
            double sum = 0.0;
            for (int j = 0; j < 4; j++)
                for (int i = 0; i < 4; i++)
                    sum += tap[i] * tap[j] * (double)flow_image_at(fine, cx + i - 1, cy + j - 1);
            *pixel(out, x, y) = (float)sum;
        }
}

static double sample(const flow_image *image, double x, double y) {
    int ix = (int)floor(x), iy = (int)floor(y);
    double fx = x - ix, fy = y - iy;
    double above = (1.0 - fx) * (double)flow_image_at(image, ix, iy) + fx * (double)flow_image_at(image, ix + 1, iy);
    double below =
        (1.0 - fx) * (double)flow_image_at(image, ix, iy + 1) + fx * (double)flow_image_at(image, ix + 1, iy + 1);
    return (1.0 - fy) * above + fy * below;
}

static void gradient(const flow_image *image, int x, int y, double *gx, double *gy) {
    *gx = 0.5 * ((double)flow_image_at(image, x + 1, y) - (double)flow_image_at(image, x - 1, y));
    *gy = 0.5 * ((double)flow_image_at(image, x, y + 1) - (double)flow_image_at(image, x, y - 1));
}

/* ---- search ------------------------------------------------------------------------------------------------------ */

/* A patch of the frame before: values, and gradients free of its mean. */
typedef struct patch_values {
    double value[N], gx[N], gy[N], mean, power; /* power: sum of squares free of the mean, with the gain's ridge */
} patch_values;

static patch_values read_patch(const flow_image *image, int left, int top) {
    patch_values p = {.power = 1600.0};
    double mean_x = 0.0, mean_y = 0.0;
    for (int k = 0; k < N; k++) {
        int x = left + k % FLOW_PATCH, y = top + k / FLOW_PATCH;
        p.value[k] = (double)flow_image_at(image, x, y);
        gradient(image, x, y, &p.gx[k], &p.gy[k]);
        p.mean += p.value[k] / N;
        mean_x += p.gx[k] / N;
        mean_y += p.gy[k] / N;
    }
    for (int k = 0; k < N; k++) {
        p.gx[k] -= mean_x;
        p.gy[k] -= mean_y;
        p.power += (p.value[k] - p.mean) * (p.value[k] - p.mean);
    }
    return p;
}

/* sum of a b over the patch, without what the patch's contrast explains of it */
static double product(const patch_values *p, const double *a, const double *b) {
    double ab = 0.0, av = 0.0, bv = 0.0;
    for (int k = 0; k < N; k++) {
        ab += a[k] * b[k];
        av += a[k] * (p->value[k] - p->mean);
        bv += b[k] * (p->value[k] - p->mean);
    }
    return ab - av * bv / p->power;
}

typedef struct patch_fit {
    double error, shift, x, y; /* sum of squares, mean, products with the gradients */
} patch_fit;

static patch_fit compare(const flow_image *before, const flow_image *now, int left, int top, double u, double v) {
    patch_values p = read_patch(before, left, top);
    double r[N], mean = 0.0;
    for (int k = 0; k < N; k++) {
        r[k] = sample(now, left + k % FLOW_PATCH + u, top + k / FLOW_PATCH + v) - p.value[k];
        mean += r[k] / N;
    }
    for (int k = 0; k < N; k++)
        r[k] -= mean;
    return (patch_fit){product(&p, r, r), mean, product(&p, p.gx, r), product(&p, p.gy, r)};
}

double reference_patch_error(const flow_image *before, const flow_image *now, int i, int j, double u, double v) {
    return compare(before, now, FLOW_STRIDE * (i - 1), FLOW_STRIDE * (j - 1), u, v).error / N;
}

static void structure(const flow_image *image, int left, int top, double *xx, double *xy, double *yy) {
    patch_values p = read_patch(image, left, top);
    *xx = product(&p, p.gx, p.gx);
    *xy = product(&p, p.gx, p.gy);
    *yy = product(&p, p.gy, p.gy);
}

static void search_patch(float out[8], const flow_image *before, const flow_image *now, int left, int top, double u0,
                         double v0) {
    double low_x = 1 - P - left, high_x = now->width + P - FLOW_PATCH - 2 - left;
    double low_y = 1 - P - top, high_y = now->height + P - FLOW_PATCH - 2 - top;
    double xx, xy, yy, u = 0.0, v = 0.0;
    structure(before, left, top, &xx, &xy, &yy);
    patch_fit fit = compare(before, now, left, top, 0.0, 0.0);
    u0 = limit_real(u0, low_x, high_x);
    v0 = limit_real(v0, low_y, high_y);
    patch_fit guess = compare(before, now, left, top, u0, v0);
    if (guess.error <= fit.error) {
        fit = guess;
        u = u0;
        v = v0;
    }
    u0 = u;
    v0 = v;
    double axx = xx + 64.0, ayy = yy + 64.0, determinant = axx * ayy - xy * xy;
    for (int step = 0; step < 8; step++) {
        double du = (ayy * fit.x - xy * fit.y) / determinant, dv = (axx * fit.y - xy * fit.x) / determinant;
        double next_u = limit_real(u - du, low_x, high_x), next_v = limit_real(v - dv, low_y, high_y);
        if (fabs(next_u - u0) > FLOW_PATCH || fabs(next_v - v0) > FLOW_PATCH)
            break;
        patch_fit next = compare(before, now, left, top, next_u, next_v);
        if (next.error >= fit.error)
            break;
        fit = next;
        u = next_u;
        v = next_v;
        if (du * du + dv * dv < 0.02 * 0.02)
            break;
    }
    double values[8] = {u, v, fit.shift, fit.error / N, xx, xy, yy, 0.0};
    for (int k = 0; k < 8; k++)
        out[k] = (float)values[k];
}

void reference_search(float *patches, const flow_image *before, const flow_image *now, const float *coarse,
                      int coarse_width, int coarse_height) {
    int columns = flow_grid(before->width), rows = flow_grid(before->height);
    for (int j = 0; j < rows; j++)
        for (int i = 0; i < columns; i++) {
            int left = FLOW_STRIDE * (i - 1), top = FLOW_STRIDE * (j - 1);
            double u = 0.0, v = 0.0;
            if (coarse) {
                int x = limit((left + FLOW_PATCH / 2) / 2, 0, coarse_width - 1);
                int y = limit((top + FLOW_PATCH / 2) / 2, 0, coarse_height - 1);
                u = 2.0 * (double)coarse[2 * (y * coarse_width + x)];
                v = 2.0 * (double)coarse[2 * (y * coarse_width + x) + 1];
            }
            search_patch(patches + 8 * (j * columns + i), before, now, left, top, u, v);
        }
}

void reference_densify(float *flow, const flow_image *before, const flow_image *now, const float *patches) {
    int width = before->width, height = before->height, columns = flow_grid(width);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            double u = 0.0, v = 0.0, trusts = 0.0;
            for (int k = 0; k < 4; k++) {
                int i = x / FLOW_STRIDE, j = y / FLOW_STRIDE;
                const float *p = patches + 8 * ((j + k / 2) * columns + i + k % 2);
                /* the whole cell of STRIDE x STRIDE pixels is kept within the padding */
                double cell_x = limit_real(i * FLOW_STRIDE + (double)p[0], -P, width + P - FLOW_STRIDE - 1);
                double cell_y = limit_real(j * FLOW_STRIDE + (double)p[1], -P, height + P - FLOW_STRIDE - 1);
                double there = sample(now, cell_x + x % FLOW_STRIDE, cell_y + y % FLOW_STRIDE);
                double trust = 1.0 / fmax(1.0, fabs(there - (double)flow_image_at(before, x, y) - (double)p[2]));
                u += trust * (double)p[0];
                v += trust * (double)p[1];
                trusts += trust;
            }
            flow[2 * (y * width + x)] = (float)(u / trusts);
            flow[2 * (y * width + x) + 1] = (float)(v / trusts);
        }
}

/* ---- camera ------------------------------------------------------------------------------------------------------ */

/* Gauss-Jordan with row pivots on [A | b] of order 6; the solution replaces b. */
static void eliminate(double a[6][7]) {
    for (int i = 0; i < 6; i++) {
        int best = i;
        for (int r = i + 1; r < 6; r++)
            if (fabs(a[r][i]) > fabs(a[best][i]))
                best = r;
        for (int k = 0; k < 7; k++) {
            double swap = a[i][k];
            a[i][k] = a[best][k];
            a[best][k] = swap;
        }
        for (int r = 0; r < 6; r++) {
            double factor = a[r][i] / a[i][i];
            for (int k = i; k < 7 && r != i; k++)
                a[r][k] -= factor * a[i][k];
        }
    }
    for (int i = 0; i < 6; i++)
        a[i][6] /= a[i][i];
}

/* `steps` reweighted solutions, from the model in c[0..5] on; c[6] and c[7] become following and deviation. */
static void refine_camera(double c[8], int steps, double deviation, const float *patches, int width, int height) {
    int columns = flow_grid(width), rows = flow_grid(height), longer = width > height ? width : height;
    for (int step = 0; step < steps; step++) {
        double a[6][7] = {{0}}, following = 0.0, squares = 0.0;
        int samples = 0;
        for (int j = 1; j < rows - 1; j += 2)
            for (int i = 1; i < columns - 1; i += 2, samples++) {
                const float *p = patches + 8 * (j * columns + i);
                double x = (2.0 * i * FLOW_STRIDE - width) / longer, y = (2.0 * j * FLOW_STRIDE - height) / longer;
                double scale = 1.0 / ((double)p[4] + (double)p[6] + 256.0);
                double t[2][2] = {{(double)p[4] * scale, (double)p[5] * scale},
                                  {(double)p[5] * scale, (double)p[6] * scale}};
                double basis[3] = {1.0, x, y}, r[2] = {(double)p[0], (double)p[1]}, squared = 0.0;
                for (int k = 0; k < 6; k++)
                    r[k / 3] -= c[k] * basis[k % 3];
                for (int k = 0; k < 4; k++)
                    squared += r[k / 2] * t[k / 2][k % 2] * r[k % 2];
                double trust = pow(1.0 + squared / (deviation * deviation), -2.0) / (1.0 + (double)p[3] / 100.0);
                following += (t[0][0] + t[1][1]) * trust;
                squares += squared * trust;
                for (int k = 0; k < 6; k++) {
                    for (int m = 0; m < 6; m++)
                        a[k][m] += trust * basis[k % 3] * basis[m % 3] * t[k / 3][m / 3];
                    a[k][6] += trust * basis[k % 3] * (t[k / 3][0] * (double)p[0] + t[k / 3][1] * (double)p[1]);
                }
            }
        for (int k = 0; k < 6; k++)
            a[k][k] += samples * (k % 3 ? 2.5e-4 : 5e-5);
        if (samples)
            eliminate(a);
        for (int k = 0; k < 6; k++)
            c[k] = a[k][6];
        c[6] = following / fmax(samples, 1);
        c[7] = sqrt(squares / fmax(following, 1e-6));
        deviation = fmax(0.7 * deviation, 0.25);
    }
}

void reference_camera(float camera[8], const float *patches, int width, int height) {
    double tracked[8] = {0}, fresh[8] = {0};
    for (int k = 0; k < 6; k++)
        tracked[k] = (double)camera[k];
    refine_camera(tracked, 6, 1.0, patches, width, height);
    refine_camera(fresh, 12, 4.0, patches, width, height);
    for (int k = 0; k < 8; k++)
        camera[k] = (float)(fresh[6] > 1.25 * tracked[6] ? fresh[k] : tracked[k]);
}

/* ---- directogram ------------------------------------------------------------------------------------------------- */

static void count(double *bins, double *total, double u, double v, double gx, double gy, double least) {
    double magnitude = hypot(u, v);
    if (magnitude <= least)
        return;
    double along = pow((gx * u + gy * v) / magnitude, 2.0), amount = along / (along + 16.0) * (magnitude - least);
    double turn = atan2(v, u) / (2.0 * acos(-1.0)), direction = (turn < 0.0 ? turn + 1.0 : turn) * FLOW_BINS;
    int bin = (int)direction % FLOW_BINS;
    *total += amount;
    bins[bin] += amount * (1.0 - (direction - floor(direction)));
    bins[(bin + 1) % FLOW_BINS] += amount * (direction - floor(direction));
}

void reference_features(float *features, const flow_image *before, const flow_image *now, const float *flow,
                        const float camera[8]) {
    int width = before->width, height = before->height, longer = width > height ? width : height;
    double sum[FLOW_SUMS] = {0};
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            double u = (double)flow[2 * (y * width + x)], v = (double)flow[2 * (y * width + x) + 1], gx, gy;
            double unit_x = (2.0 * x + 1.0 - width) / longer, unit_y = (2.0 * y + 1.0 - height) / longer;
            double carried_u = (double)camera[0] + (double)camera[1] * unit_x + (double)camera[2] * unit_y;
            double carried_v = (double)camera[3] + (double)camera[4] * unit_x + (double)camera[5] * unit_y;
            gradient(before, x, y, &gx, &gy);
            double a = (double)flow_image_at(before, x, y) - 128.0;
            double b = sample(now, limit_real(x + u, -P, width + P - 2), limit_real(y + v, -P, height + P - 2)) - 128.0;
            double values[] = {hypot(gx, gy), fabs((double)flow_image_at(now, x, y) - 128.0 - a), a, b, a * a, b * b,
                               a * b};
            for (int k = 0; k < 7; k++)
                sum[FLOW_GRADIENT + k] += values[k];
            count(sum + FLOW_SEEN, &sum[FLOW_SEEN_MAGNITUDE], u, v, gx, gy, 0.15);
            if (x + carried_u >= 0.0 && x + carried_u <= width - 1 && y + carried_v >= 0.0 &&
                y + carried_v <= height - 1)
                count(sum + FLOW_OWN, &sum[FLOW_OWN_MAGNITUDE], u - carried_u, v - carried_v, gx, gy,
                      0.15 + 3.5 * (double)camera[7]);
        }
    for (int k = 0; k < FLOW_SUMS; k++)
        features[k] = (float)(sum[k] / ((double)width * height));
    memcpy(features + FLOW_CAMERA, camera, 8 * sizeof *camera);
}
