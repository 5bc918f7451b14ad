#include "core/number.h"

#include <string.h>

static const struct {
    const char *name;
    size_t size;
} types[] = {
    [TYPE_F32] = {"f32", 4}, [TYPE_F16] = {"f16", 2}, [TYPE_BF16] = {"bf16", 2}, [TYPE_F64] = {"f64", 8},
    [TYPE_I64] = {"i64", 8}, [TYPE_I32] = {"i32", 4}, [TYPE_U8] = {"u8", 1},     [TYPE_BOOL] = {"bool", 1},
};

size_t number_size(number_type type) {
    return types[type].size;
}

const char *number_name(number_type type) {
    return types[type].name;
}

static float float_of_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint32_t bits_of_float(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* IEEE binary16 to binary32, exact, without a branch so that the loop is vectorised. A normal number's exponent is
 * rebiased from 15 to 127 (infinity and NaN: from 31 to 255, the payload kept); a subnormal's mantissa is placed under
 * the exponent of 2^-14 and that 2^-14 taken away again, which no flush-to-zero mode disturbs. */
static void widen_f16(float *restrict out, const uint8_t *restrict in, size_t count) {
    const uint32_t smallest_normal = 113u << 23; /* 2^-14 as f32 */
    for (size_t i = 0; i < count; i++) {
        uint16_t half;
        memcpy(&half, in + 2 * i, sizeof half);
        uint32_t magnitude = half & 0x7fffu;
        uint32_t normal = (magnitude << 13) + (112u << 23);
        uint32_t special = (magnitude << 13) + (224u << 23);
        uint32_t subnormal =
            bits_of_float(float_of_bits(smallest_normal + (magnitude << 13)) - float_of_bits(smallest_normal));
        uint32_t bits = magnitude < 0x400u ? subnormal : normal;
        bits = magnitude >= 0x7c00u ? special : bits;
        out[i] = float_of_bits(bits | (uint32_t)(half & 0x8000u) << 16);
    }
}

static void widen_bf16(float *restrict out, const uint8_t *restrict in, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint16_t high;
        memcpy(&high, in + 2 * i, sizeof high);
        out[i] = float_of_bits((uint32_t)high << 16);
    }
}

static void narrow_f64(float *restrict out, const uint8_t *restrict in, size_t count) {
    for (size_t i = 0; i < count; i++) {
        double value;
        memcpy(&value, in + 8 * i, sizeof value);
        out[i] = (float)value;
    }
}

bool number_to_f32(float *out, const void *in, number_type type, size_t count) {
    switch (type) {
    case TYPE_F32:
        if (count)
            memcpy(out, in, count * sizeof *out);
        return true;
    case TYPE_F16:
        widen_f16(out, in, count);
        return true;
    case TYPE_BF16:
        widen_bf16(out, in, count);
        return true;
    case TYPE_F64:
        narrow_f64(out, in, count);
        return true;
    default:
        return false;
    }
}

/* binary32 to binary16. A normal result drops 13 bits of the mantissa, rounded by adding just under half of the last
 * place kept (exactly half where that place is odd); a carry moves on into the exponent as it should. For a subnormal
 * result the sum with 1/2, whose last place is 2^-24 as theirs is, lets the adder round. */
static void narrow_f16(uint8_t *restrict out, const float *restrict in, size_t count) {
    const uint32_t half = 126u << 23; /* 0.5 as f32 */
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = bits_of_float(in[i]), magnitude = bits & 0x7fffffffu;
        uint32_t normal = (magnitude - (112u << 23) + 0xfffu + ((magnitude >> 13) & 1)) >> 13;
        uint32_t subnormal = bits_of_float(float_of_bits(magnitude) + float_of_bits(half)) - half;
        uint32_t narrow = magnitude < (113u << 23) ? subnormal : normal;
        narrow = magnitude >= 0x477ff000u ? 0x7c00u : narrow; /* from 65520 on, the nearest is infinity */
        narrow = magnitude > 0x7f800000u ? 0x7e00u : narrow;
        uint16_t value = (uint16_t)(narrow | (bits >> 16 & 0x8000u));
        memcpy(out + 2 * i, &value, sizeof value);
    }
}

static void narrow_bf16(uint8_t *restrict out, const float *restrict in, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = bits_of_float(in[i]);
        uint32_t narrow = (bits + 0x7fffu + ((bits >> 16) & 1)) >> 16;
        narrow = (bits & 0x7fffffffu) > 0x7f800000u ? (bits >> 16 & 0x8000u) | 0x7fc0u : narrow;
        uint16_t value = (uint16_t)narrow;
        memcpy(out + 2 * i, &value, sizeof value);
    }
}

bool number_from_f32(void *out, number_type type, const float *in, size_t count) {
    switch (type) {
    case TYPE_F32:
        if (count)
            memcpy(out, in, count * sizeof *in);
        return true;
    case TYPE_F16:
        narrow_f16(out, in, count);
        return true;
    case TYPE_BF16:
        narrow_bf16(out, in, count);
        return true;
    default:
        return false;
    }
}

bool shape_count(const int64_t *dim, int rank, size_t limit, size_t *count) {
    bool empty = false;
    for (int i = 0; i < rank; i++) {
        if (dim[i] < 0)
            return false;
        empty = empty || dim[i] == 0;
    }
    size_t product = empty ? 0 : 1;
    for (int i = 0; i < rank && !empty; i++) {
        if ((uint64_t)dim[i] > limit / product)
            return false;
        product *= (size_t)dim[i];
    }
    *count = product;
    return product <= limit;
}
