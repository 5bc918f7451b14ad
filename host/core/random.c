#include "core/random.h"

#include <math.h>

/* Philox 4x32-10: J. Salmon, M. Moraes, R. Dror, D. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011. */
void philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t even = (uint64_t)0xD2511F53u * c0;
        uint64_t odd = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(odd >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)odd;
        c2 = (uint32_t)(even >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)even;
        k0 += 0x9E3779B9u; /* Weyl constants: golden ratio, sqrt(3) - 1 */
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

static void philox_at(uint64_t seed, uint64_t stream, uint64_t position, uint32_t out[4]) {
    const uint32_t counter[4] = {(uint32_t)position, (uint32_t)(position >> 32), (uint32_t)stream,
                                 (uint32_t)(stream >> 32)};
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    philox4x32(counter, key, out);
}

/* Box-Muller: two uniform words to two normal numbers. The radius' uniform lies in (0, 1] (log stays finite; the
 * largest magnitude is sqrt(-2 ln 2^-32) = 6.66), the angle's in [0, 1). */
static void box_muller(uint32_t radius_word, uint32_t angle_word, double out[2]) {
    const double unit = 1.0 / 4294967296.0, two_pi = 6.283185307179586476925;
    double radius = sqrt(-2.0 * log(((double)radius_word + 1.0) * unit));
    double angle = two_pi * ((double)angle_word * unit);
    out[0] = radius * cos(angle);
    out[1] = radius * sin(angle);
}

void random_normal(float *out, uint64_t seed, uint64_t stream, uint64_t first, size_t count) {
    for (size_t done = 0; done < count;) {
        uint64_t element = first + done;
        uint32_t words[4];
        double normal[4];
        philox_at(seed, stream, element / 4, words);
        box_muller(words[0], words[1], normal);
        box_muller(words[2], words[3], normal + 2);
        for (unsigned lane = (unsigned)(element % 4); lane < 4 && done < count; lane++)
            out[done++] = (float)normal[lane];
    }
}

/* ---- the sequential generator ------------------------------------------------------------------------------------ */

random_state random_begin(uint64_t seed, uint64_t stream) {
    return (random_state){.seed = seed, .stream = stream};
}

/* Word `next` of the stream. Recomputing the block for each of its four words costs 20 ns and keeps the state three
 * numbers. */
uint32_t random_u32(random_state *r) {
    uint32_t words[4];
    philox_at(r->seed, r->stream, r->next / 4, words);
    return words[r->next++ % 4];
}

double random_uniform(random_state *r) {
    uint64_t high = random_u32(r) >> 5, low = random_u32(r) >> 6; /* 27 + 26 = 53 bits */
    return (double)(high << 26 | low) * (1.0 / 9007199254740992.0);
}

double random_range(random_state *r, double low, double high) {
    return low + (high - low) * random_uniform(r);
}

/* D. Lemire, "Fast random integer generation in an interval", 2019: words that would favour small results are drawn
 * again. */
int random_below(random_state *r, int count) {
    if (count <= 1)
        return 0;
    uint32_t range = (uint32_t)count;
    uint32_t rejected = (0u - range) % range; /* 2^32 mod range */
    uint64_t product;
    do {
        product = (uint64_t)random_u32(r) * range;
    } while ((uint32_t)product < rejected);
    return (int)(product >> 32);
}

double random_gauss(random_state *r, double mean, double deviation) {
    double normal[2];
    uint32_t radius_word = random_u32(r), angle_word = random_u32(r);
    box_muller(radius_word, angle_word, normal);
    return mean + deviation * normal[0];
}
