#include "core/sha256.h"

#include <string.h>

#include "core/file.h"

/* FIPS 180-4, section 4.2.2: the first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
static const uint32_t round_constant[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotate_right(uint32_t x, int bits) {
    return x >> bits | x << (32 - bits);
}

/* Section 6.2.2: one 64-byte block. */
static void compress(uint32_t state[8], const uint8_t block[64]) {
    uint32_t w[64];
    for (int t = 0; t < 16; t++)
        w[t] = (uint32_t)block[4 * t] << 24 | (uint32_t)block[4 * t + 1] << 16 | (uint32_t)block[4 * t + 2] << 8 |
               (uint32_t)block[4 * t + 3];
    for (int t = 16; t < 64; t++) {
        uint32_t s0 = rotate_right(w[t - 15], 7) ^ rotate_right(w[t - 15], 18) ^ w[t - 15] >> 3;
        uint32_t s1 = rotate_right(w[t - 2], 17) ^ rotate_right(w[t - 2], 19) ^ w[t - 2] >> 10;
        w[t] = w[t - 16] + s0 + w[t - 7] + s1;
    }
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (int t = 0; t < 64; t++) {
        uint32_t s1 = rotate_right(e, 6) ^ rotate_right(e, 11) ^ rotate_right(e, 25);
        uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + round_constant[t] + w[t];
        uint32_t s0 = rotate_right(a, 2) ^ rotate_right(a, 13) ^ rotate_right(a, 22);
        uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
        h = g, g = f, f = e, e = d + t1;
        d = c, c = b, b = a, a = t1 + t2;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
    state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

void sha256_begin(sha256 *s) {
    *s = (sha256){
        .state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

void sha256_update(sha256 *s, const void *data, size_t size) {
    const uint8_t *at = data;
    s->length += size;
    if (s->filled) {
        size_t part = sizeof s->block - s->filled;
        if (part > size)
            part = size;
        if (part)
            memcpy(s->block + s->filled, at, part);
        s->filled += part;
        at += part;
        size -= part;
        if (s->filled < sizeof s->block)
            return;
        compress(s->state, s->block);
        s->filled = 0;
    }
    for (; size >= sizeof s->block; at += sizeof s->block, size -= sizeof s->block)
        compress(s->state, at);
    if (size)
        memcpy(s->block, at, size);
    s->filled = size;
}

/* Section 5.1.1: a one bit, zeros, and the length in bits as 64 big-endian bits fill the last block. */
void sha256_end(sha256 *s, uint8_t digest[32]) {
    uint64_t bits = s->length * 8;
    uint8_t padding[72] = {0x80};
    size_t zeros = (s->filled < 56 ? 56 : 120) - s->filled;
    for (int i = 0; i < 8; i++)
        padding[zeros + (size_t)i] = (uint8_t)(bits >> (56 - 8 * i));
    sha256_update(s, padding, zeros + 8);
    for (int i = 0; i < 32; i++)
        digest[i] = (uint8_t)(s->state[i / 4] >> (24 - 8 * (i % 4)));
}

static void end_as_text(sha256 *s, char hex[SHA256_HEX]) {
    static const char digit[] = "0123456789abcdef";
    uint8_t digest[32];
    sha256_end(s, digest);
    for (int i = 0; i < 32; i++) {
        hex[2 * i] = digit[digest[i] >> 4];
        hex[2 * i + 1] = digit[digest[i] & 15];
    }
    hex[64] = '\0';
}

void sha256_hex(const void *data, size_t size, char hex[SHA256_HEX]) {
    sha256 s;
    sha256_begin(&s);
    sha256_update(&s, data, size);
    end_as_text(&s, hex);
}

loris_status sha256_file(const char *path, char hex[SHA256_HEX]) {
    static const size_t piece = (size_t)16 << 20;
    file_map map;
    sha256 s;
    loris_status status = LORIS_OK;
    hex[0] = '\0';
    TRY(file_map_open(&map, path));
    sha256_begin(&s);
    for (size_t done = 0; done < map.size && status == LORIS_OK; done += piece) {
        sha256_update(&s, map.data + done, map.size - done < piece ? map.size - done : piece);
        file_map_release(&map);
        status = check_cancelled();
    }
    file_map_close(&map);
    if (status == LORIS_OK)
        end_as_text(&s, hex);
    return status;
}
