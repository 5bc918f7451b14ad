/* Scalar references of the optical flow kernels, written from the definitions in host/ops/flow.h and kernels/flow_*.cl.
 */
#ifndef LORIS_TESTS_FLOW_REFERENCE_H
#define LORIS_TESTS_FLOW_REFERENCE_H

#include <stdint.h>

/* A padded level: pixel (x, y) of -FLOW_PAD .. width + FLOW_PAD - 1 and so on. */
typedef struct flow_image {
    int width, height;
    float *data;
} flow_image;

flow_image flow_image_new(int width, int height); /* zeros; free(image.data) */
float flow_image_at(const flow_image *image, int x, int y);

void reference_base(flow_image *out, const uint8_t *frame);
void reference_down(flow_image *out, const flow_image *fine);

/* The mean squared error, free of brightness and contrast, of patch (i, j) of `before` moved by (u, v) in `now`. */
double reference_patch_error(const flow_image *before, const flow_image *now, int i, int j, double u, double v);

/* patches [grid][grid][8]; coarse [coarse_height][coarse_width][2], or NULL */
void reference_search(float *patches, const flow_image *before, const flow_image *now, const float *coarse,
                      int coarse_width, int coarse_height);
void reference_densify(float *flow, const flow_image *before, const flow_image *now, const float *patches);
/* `camera` holds the motion before, then the new one. */
void reference_camera(float camera[8], const float *patches, int width, int height);
void reference_features(float *features, const flow_image *before, const flow_image *now, const float *flow,
                        const float camera[8]);

#endif
