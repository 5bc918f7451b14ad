#include "eyes/cuts.h"

#include <math.h>
#include <string.h>

static const double LEAST_CORRELATION = 0.6;
static const double LEAST_CONTRAST = 2.0;    /* grey levels: below this a copy is plain, and nothing correlates */
static const double PLAIN_DIFFERENCE = 24.0; /* grey levels between two frames of which one is plain */

/* Means over blocks of the frame, of every third pixel in both directions. */
static void shrink(float small[CUTS_SIDE * CUTS_SIDE], const uint8_t *frame, int width, int height) {
    for (int r = 0; r < CUTS_SIDE; r++)
        for (int c = 0; c < CUTS_SIDE; c++) {
            const int top = r * height / CUTS_SIDE, left = c * width / CUTS_SIDE;
            const int bottom = (r + 1) * height / CUTS_SIDE, right = (c + 1) * width / CUTS_SIDE;
            unsigned sum = 0, count = 0;
            int y = top;
            do {
                const uint8_t *row = frame + (size_t)y * (size_t)width * 3;
                int x = left;
                do {
                    sum += 77u * row[3 * x] + 150u * row[3 * x + 1] + 29u * row[3 * x + 2];
                    count++;
                    x += 3;
                } while (x < right);
                y += 3;
            } while (y < bottom);
            small[r * CUTS_SIDE + c] = (float)sum / (256.0f * (float)count);
        }
}

static bool differ(const float *a, const float *b) {
    enum { COUNT = CUTS_SIDE * CUTS_SIDE };
    double mean_a = 0, mean_b = 0, aa = 0, bb = 0, ab = 0;
    for (int i = 0; i < COUNT; i++) {
        mean_a += (double)a[i] / COUNT;
        mean_b += (double)b[i] / COUNT;
    }
    for (int i = 0; i < COUNT; i++) {
        aa += (a[i] - mean_a) * (a[i] - mean_a);
        bb += (b[i] - mean_b) * (b[i] - mean_b);
        ab += (a[i] - mean_a) * (b[i] - mean_b);
    }
    const double plain = LEAST_CONTRAST * LEAST_CONTRAST * COUNT;
    if (aa < plain && bb < plain)
        return fabs(mean_a - mean_b) > PLAIN_DIFFERENCE;
    if (aa < plain || bb < plain) {
        double difference = 0;
        for (int i = 0; i < COUNT; i++)
            difference += fabs((double)a[i] - b[i]) / COUNT;
        return difference > PLAIN_DIFFERENCE;
    }
    return ab < LEAST_CORRELATION * sqrt(aa * bb);
}

bool cuts_next(cut_finder *f, const uint8_t *frame, int width, int height) {
    float small[CUTS_SIDE * CUTS_SIDE];
    shrink(small, frame, width, height);
    const bool cut = f->started && differ(f->last, small);
    memcpy(f->last, small, sizeof small);
    f->started = true;
    return cut;
}
