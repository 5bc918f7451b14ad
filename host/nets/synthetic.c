#include "nets/synthetic.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

static uint64_t fnv1a(const char *name) {
    uint64_t h = 0xCBF29CE484222325u;
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 0x100000001B3u;
    return h;
}

static uint64_t splitmix64(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

void synthetic_uniform(float *values, const char *name, size_t count) {
    uint64_t at = fnv1a(name);
    for (size_t i = 0; i < count; i++, at += 0x9E3779B97F4A7C15u)
        values[i] = (float)(splitmix64(at) >> 40) * (2.0f / (1 << 24)) - 1.0f;
}

static bool ends_with(const char *name, const char *tail) {
    size_t n = strlen(name), t = strlen(tail);
    return n >= t && !strcmp(name + n - t, tail);
}

void synthetic_weight(float *values, const char *name, int rank, const int64_t *dim) {
    size_t count = 1;
    for (int i = 0; i < rank; i++)
        count *= (size_t)dim[i];
    if (ends_with(name, "pos_emb.position")) {
        for (size_t i = 0; i < count; i++)
            values[i] = (float)i;
        return;
    }
    if (ends_with(name, "pos_emb.div_term")) { /* of 2 count channels: inverse frequencies from 1 down to 1 / 10000 */
        for (size_t i = 0; i < count; i++)
            values[i] = expf((float)(2 * i) * (float)(-log(10000.0) / (2.0 * (double)count)));
        return;
    }
    synthetic_uniform(values, name, count);
    float factor, offset = 0;
    if (ends_with(name, ".groupnorm.weight") || ends_with(name, ".g")) {
        factor = 0.1f;
        offset = 1;
    } else if (ends_with(name, ".bias") || strstr(name, "bias_"))
        factor = 0.05f;
    else if (ends_with(name, "to_time.0.0.weights"))
        factor = 1.5f;
    else if (ends_with(name, "Wt.weight"))
        factor = 1;
    else if (strstr(name, "embedding.weight"))
        factor = 0.5f;
    else
        factor = (float)sqrt(3.0 / ((double)count / (double)dim[0])); /* by fan-in: keeps the variance */
    for (size_t i = 0; i < count; i++)
        values[i] = offset + factor * values[i];
}
