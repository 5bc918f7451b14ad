/* Random numbers that are a pure function of seed and position: Philox 4x32-10 (Salmon et al., SC 2011). */
#ifndef LORIS_CORE_RANDOM_H
#define LORIS_CORE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Ten rounds of Philox 4x32 on a counter and a key; matches Random123's known answers. */
void philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* Standard normal noise for elements first .. first+count-1 of stream `stream` under `seed`: element i of a stream is
 * the same whatever range it is asked in. Counter = (i / 4 as 64 bits, stream as 64 bits), key = seed; Box-Muller in
 * double. */
void random_normal(float *out, uint64_t seed, uint64_t stream, uint64_t first, size_t count);

/* A sequential generator for the composer, on top of Philox. */
typedef struct random_state {
    uint64_t seed, stream, next;
} random_state;

random_state random_begin(uint64_t seed, uint64_t stream);
uint32_t random_u32(random_state *r);
double random_uniform(random_state *r); /* [0, 1), 53 bits */
double random_range(random_state *r, double low, double high);
int random_below(random_state *r, int count); /* 0 .. count-1 without bias, count >= 1 */
double random_gauss(random_state *r, double mean, double deviation);

#endif
