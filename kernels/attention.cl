/* Multi-head attention, softmax(q k^T / sqrt D) v, with the softmax taken while the keys stream by (Milakov and
 * Gimelshein, 2018; Dao et al., 2022): no more than one tile of scores exists. q [Eq,Bq,N,H D], kv [Ekv,Bkv,M,2 H D]
 * (keys, then values), out [E,B,N,H D], of which o counts the [E,B] blocks. `scale` is log2(e) / sqrt D, so that all
 * exponentials are powers of two.
 *
 * Macros: TILED 0 or 1 (which kernel), D (1 to 128); untiled: QUERY_VECTORS, STRIP; tiled: TILE_ROWS. */

#if !TILED
/* For processors with wide vectors: an item computes ROWS query rows of one head, a row in each lane of QUERY_VECTORS
 * float16. Transposing q on the way in and the result on the way out is all the shuffling there is: keys and values are
 * broadcast, element by element, straight from where they lie, and the softmax needs no sum across lanes. QUERY_VECTORS
 * of rows by STRIP keys (or STRIP channels of the output) is the block of products held in registers. */
#define ROWS (16 * QUERY_VECTORS)
#define KEYS 64 /* a tile of scores: KEYS x ROWS, a multiple of STRIP */

/* 2^x for x <= 0, to 2e-7 of the result; at most 2^-126 below that. Cephes' exp2f polynomial on [-1/2, 1/2]. */
static float16 NAME(exp2_nonpositive)(float16 x) {
    x = max(x, -126.0f);
    const float16 n = rint(x), f = x - n;
    float16 p = f * 1.535336188319500e-4f + 1.339887440266574e-3f;
    p = p * f + 9.618437357674640e-3f;
    p = p * f + 5.550332471162809e-2f;
    p = p * f + 2.402264791363012e-1f;
    p = p * f + 6.931472028550421e-1f;
    p = p * f + 1.0f;
    return as_float16(as_int16(p) + (convert_int16(n) << 23));
}

/* A 16 x 16 block held by rows becomes held by columns, in four rounds of exchanges at distance 8, 4, 2 and 1. */
#define EXCHANGE(distance, first, second)                                                                              \
    for (int i = 0; i < 16; i++)                                                                                       \
        if (!(i & distance)) {                                                                                         \
            const float16 a = r[i], b = r[i + distance];                                                               \
            r[i] = first;                                                                                              \
            r[i + distance] = second;                                                                                  \
        }
static void NAME(transpose16)(float16 r[16]) {
    EXCHANGE(8, (float16)(a.lo, b.lo), (float16)(a.hi, b.hi))
    EXCHANGE(4, (float16)(a.s0123, b.s0123, a.s89ab, b.s89ab), (float16)(a.s4567, b.s4567, a.scdef, b.scdef))
    EXCHANGE(2, (float16)(a.s01, b.s01, a.s45, b.s45, a.s89, b.s89, a.scd, b.scd),
             (float16)(a.s23, b.s23, a.s67, b.s67, a.sab, b.sab, a.sef, b.sef))
    EXCHANGE(1,
             (float16)(a.s0, b.s0, a.s2, b.s2, a.s4, b.s4, a.s6, b.s6, a.s8, b.s8, a.sa, b.sa, a.sc, b.sc, a.se, b.se),
             (float16)(a.s1, b.s1, a.s3, b.s3, a.s5, b.s5, a.s7, b.s7, a.s9, b.s9, a.sb, b.sb, a.sd, b.sd, a.sf, b.sf))
}

/* columns[d][v] = channel d of rows first + 16 v ..; rows past the last repeat it. */
static void NAME(read_rows)(float16 columns[D][QUERY_VECTORS], global const float *restrict q, size_t width, int first,
                            int rows, float scale) {
    for (int v = 0; v < QUERY_VECTORS; v++) {
        int d = 0;
        for (; d + 16 <= D; d += 16) {
            float16 r[16];
            for (int i = 0; i < 16; i++)
                r[i] = vload16(0, q + min(first + 16 * v + i, rows - 1) * width + d);
            NAME(transpose16)(r);
            for (int i = 0; i < 16; i++)
                columns[d + i][v] = r[i] * scale;
        }
        for (; d < D; d++) {
            float lanes[16];
            for (int i = 0; i < 16; i++)
                lanes[i] = q[min(first + 16 * v + i, rows - 1) * width + d] * scale;
            columns[d][v] = vload16(0, lanes);
        }
    }
}

static void NAME(write_rows)(global float *restrict out, size_t width, int first, int rows,
                             float16 columns[D][QUERY_VECTORS], const float16 factor[QUERY_VECTORS]) {
    for (int v = 0; v < QUERY_VECTORS; v++) {
        const int count = min(rows - first - 16 * v, 16);
        int d = 0;
        for (; d + 16 <= D; d += 16) {
            float16 r[16];
            for (int i = 0; i < 16; i++)
                r[i] = columns[d + i][v] * factor[v];
            NAME(transpose16)(r);
            for (int i = 0; i < count; i++)
                vstore16(r[i], 0, out + (first + 16 * v + i) * width + d);
        }
        for (; d < D; d++) {
            float lanes[16];
            vstore16(columns[d][v] * factor[v], 0, lanes);
            for (int i = 0; i < count; i++)
                out[(first + 16 * v + i) * width + d] = lanes[i];
        }
    }
}

/* scores[k][v] = q . key k, for `count` keys (the rest of a last block repeats key count - 1). Raises `high` to their
 * maximum. */
static void NAME(score_keys)(float16 scores[KEYS][QUERY_VECTORS], float16 high[QUERY_VECTORS],
                             float16 q[D][QUERY_VECTORS], global const float *restrict keys, size_t stride, int count) {
    for (int k = 0; k < count; k += STRIP) {
        float16 s[STRIP][QUERY_VECTORS];
        global const float *restrict key[STRIP];
#pragma unroll
        for (int i = 0; i < STRIP; i++) {
            key[i] = keys + min(k + i, count - 1) * stride;
#pragma unroll
            for (int v = 0; v < QUERY_VECTORS; v++)
                s[i][v] = 0.0f;
        }
        for (int d = 0; d < D; d++)
#pragma unroll
            for (int i = 0; i < STRIP; i++)
#pragma unroll
                for (int v = 0; v < QUERY_VECTORS; v++)
                    s[i][v] += key[i][d] * q[d][v];
#pragma unroll
        for (int i = 0; i < STRIP; i++)
#pragma unroll
            for (int v = 0; v < QUERY_VECTORS; v++) {
                scores[k + i][v] = s[i][v];
                high[v] = max(high[v], s[i][v]);
            }
    }
}

/* sums[d][v] = keep[v] sums[d][v] + sum over k of p[k][v] value k [d]. */
static void NAME(add_values)(float16 sums[D][QUERY_VECTORS], const float16 keep[QUERY_VECTORS],
                             float16 p[KEYS][QUERY_VECTORS], global const float *restrict values, size_t stride,
                             int count) {
    int d = 0;
    for (; d + STRIP <= D; d += STRIP) {
        float16 a[STRIP][QUERY_VECTORS];
#pragma unroll
        for (int i = 0; i < STRIP; i++)
#pragma unroll
            for (int v = 0; v < QUERY_VECTORS; v++)
                a[i][v] = sums[d + i][v] * keep[v];
        for (int k = 0; k < count; k++)
#pragma unroll
            for (int i = 0; i < STRIP; i++)
#pragma unroll
                for (int v = 0; v < QUERY_VECTORS; v++)
                    a[i][v] += values[k * stride + d + i] * p[k][v];
#pragma unroll
        for (int i = 0; i < STRIP; i++)
#pragma unroll
            for (int v = 0; v < QUERY_VECTORS; v++)
                sums[d + i][v] = a[i][v];
    }
    for (; d < D; d++)
        for (int v = 0; v < QUERY_VECTORS; v++) {
            float16 a = sums[d][v] * keep[v];
            for (int k = 0; k < count; k++)
                a += values[k * stride + d] * p[k][v];
            sums[d][v] = a;
        }
}

/* Item (r, head, o). */
KERNEL(attention_rows)(BLOCKS(q), BLOCKS(kv), global float *restrict out, int rows, int keys, int batch, int heads,
                       float scale) {
    const int first = (int)get_global_id(0) * ROWS, head = (int)get_global_id(1);
    const size_t o = get_global_id(2), width = (size_t)heads * D, stride = 2 * width;
    float16 query[D][QUERY_VECTORS], sums[D][QUERY_VECTORS], scores[KEYS][QUERY_VECTORS];
    float16 top[QUERY_VECTORS], total[QUERY_VECTORS];
    q = BLOCK(q, o, batch, rows * width) + head * D;
    kv = BLOCK(kv, o, batch, keys * stride) + head * D;

    NAME(read_rows)(query, q, width, first, rows, scale);
    for (int d = 0; d < D; d++)
        for (int v = 0; v < QUERY_VECTORS; v++)
            sums[d][v] = 0.0f;
    for (int v = 0; v < QUERY_VECTORS; v++) {
        top[v] = -MAXFLOAT;
        total[v] = 0.0f;
    }
    for (int k0 = 0; k0 < keys; k0 += KEYS) {
        const int count = min(KEYS, keys - k0);
        float16 high[QUERY_VECTORS], keep[QUERY_VECTORS];
        for (int v = 0; v < QUERY_VECTORS; v++)
            high[v] = top[v];
        NAME(score_keys)(scores, high, query, kv + k0 * stride, stride, count);
        for (int v = 0; v < QUERY_VECTORS; v++) {
            keep[v] = NAME(exp2_nonpositive)(top[v] - high[v]);
            top[v] = high[v];
            total[v] *= keep[v];
        }
        for (int k = 0; k < count; k++)
            for (int v = 0; v < QUERY_VECTORS; v++) {
                scores[k][v] = NAME(exp2_nonpositive)(scores[k][v] - high[v]);
                total[v] += scores[k][v];
            }
        NAME(add_values)(sums, keep, scores, kv + width + k0 * stride, stride, count);
    }
    for (int v = 0; v < QUERY_VECTORS; v++)
        total[v] = 1.0f / total[v];
    NAME(write_rows)(out + o * rows * width + head * D, width, first, rows, sums, total);
}

#else
/* For processors with fast local memory: a work-group of 8 x TILE_ROWS / 4 items computes TILE_ROWS query rows of one
 * head, in tiles of 32 keys; an item holds the scores of 4 rows by 4 keys, then 4 rows of every eighth channel of the
 * output. */
#define TILE_KEYS 32
#define ACROSS 8                          /* items along keys and channels */
#define DOWN (TILE_ROWS / 4)              /* items along rows */
#define CHANNELS ((D + ACROSS - 1) / ACROSS) /* of the output, each item */
#define ROW_STRIDE (TILE_ROWS + 4)        /* of transposed tiles: 16-byte aligned, and 4 banks further each time */
#define KEY_STRIDE (TILE_KEYS + 4)

/* Item (x, y + DOWN * row tile, head + heads * o). */
__attribute__((reqd_work_group_size(ACROSS, DOWN, 1)))
KERNEL(attention_tiles)(BLOCKS(q), BLOCKS(kv), global float *restrict out, int rows, int keys, int batch, int heads,
                        float scale) {
    local float query[D * ROW_STRIDE];      /* [D][TILE_ROWS] */
    local float tile[D * KEY_STRIDE];       /* keys as [D][TILE_KEYS], then values as [TILE_KEYS][D] */
    local float p[TILE_KEYS * ROW_STRIDE];  /* [TILE_KEYS][TILE_ROWS] */
    local float high[ACROSS * ROW_STRIDE];  /* each item's maximum, then its sum, of its rows */

    const int x = (int)get_local_id(0), y = (int)get_local_id(1), item = y * ACROSS + x;
    const int first = (int)(get_global_id(1) / DOWN) * TILE_ROWS;
    const size_t head = get_global_id(2) % heads, o = get_global_id(2) / heads;
    const size_t width = (size_t)heads * D, stride = 2 * width;
    q = BLOCK(q, o, batch, rows * width) + head * D;
    kv = BLOCK(kv, o, batch, keys * stride) + head * D;
    out += o * rows * width + head * D;

    for (int i = item; i < TILE_ROWS * D; i += ACROSS * DOWN) {
        const int r = i / D, d = i % D;
        query[d * ROW_STRIDE + r] = first + r < rows ? q[(first + r) * width + d] * scale : 0.0f;
    }
    float sums[CHANNELS][4], top[4], total[4];
#pragma unroll
    for (int r = 0; r < 4; r++) {
        top[r] = -MAXFLOAT;
        total[r] = 0.0f;
#pragma unroll
        for (int c = 0; c < CHANNELS; c++)
            sums[c][r] = 0.0f;
    }

    for (int k0 = 0; k0 < keys; k0 += TILE_KEYS) {
        const int count = min(TILE_KEYS, keys - k0);
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int i = item; i < TILE_KEYS * D; i += ACROSS * DOWN) {
            const int k = i / D, d = i % D;
            tile[d * KEY_STRIDE + k] = k < count ? kv[(k0 + k) * stride + d] : 0.0f;
        }
        barrier(CLK_LOCAL_MEM_FENCE);

        float4 s[4]; /* s[r] = row 4 y + r against keys 4 x .. 4 x + 3 */
#pragma unroll
        for (int r = 0; r < 4; r++)
            s[r] = 0.0f;
        for (int d = 0; d < D; d++) {
            const float4 a = vload4(0, query + d * ROW_STRIDE + 4 * y), b = vload4(0, tile + d * KEY_STRIDE + 4 * x);
            s[0] += a.x * b;
            s[1] += a.y * b;
            s[2] += a.z * b;
            s[3] += a.w * b;
        }
        const int4 valid = (int4)(4 * x) + (int4)(0, 1, 2, 3) < (int4)(count);
#pragma unroll
        for (int r = 0; r < 4; r++) {
            s[r] = select((float4)(-MAXFLOAT), s[r], valid);
            high[x * ROW_STRIDE + 4 * y + r] = max(max(s[r].x, s[r].y), max(s[r].z, s[r].w));
        }
        barrier(CLK_LOCAL_MEM_FENCE);

        float keep[4];
#pragma unroll
        for (int r = 0; r < 4; r++) {
            float highest = top[r];
            for (int i = 0; i < ACROSS; i++)
                highest = max(highest, high[i * ROW_STRIDE + 4 * y + r]);
            keep[r] = exp2(top[r] - highest);
            top[r] = highest;
            s[r] = select((float4)(0.0f), exp2(s[r] - highest), valid);
            total[r] = total[r] * keep[r] + (s[r].x + s[r].y) + (s[r].z + s[r].w);
        }
        vstore4((float4)(s[0].x, s[1].x, s[2].x, s[3].x), 0, p + (4 * x + 0) * ROW_STRIDE + 4 * y);
        vstore4((float4)(s[0].y, s[1].y, s[2].y, s[3].y), 0, p + (4 * x + 1) * ROW_STRIDE + 4 * y);
        vstore4((float4)(s[0].z, s[1].z, s[2].z, s[3].z), 0, p + (4 * x + 2) * ROW_STRIDE + 4 * y);
        vstore4((float4)(s[0].w, s[1].w, s[2].w, s[3].w), 0, p + (4 * x + 3) * ROW_STRIDE + 4 * y);
        for (int i = item; i < count * D; i += ACROSS * DOWN)
            tile[i] = kv[(k0 + i / D) * stride + width + i % D];
        barrier(CLK_LOCAL_MEM_FENCE);

#pragma unroll
        for (int c = 0; c < CHANNELS; c++)
#pragma unroll
            for (int r = 0; r < 4; r++)
                sums[c][r] *= keep[r];
        for (int k = 0; k < count; k++) {
            const float4 a = vload4(0, p + k * ROW_STRIDE + 4 * y);
#pragma unroll
            for (int c = 0; c < CHANNELS; c++) {
                const float b = tile[k * D + min(x + ACROSS * c, D - 1)];
                sums[c][0] += a.x * b;
                sums[c][1] += a.y * b;
                sums[c][2] += a.z * b;
                sums[c][3] += a.w * b;
            }
        }
    }

#pragma unroll
    for (int r = 0; r < 4; r++)
        high[x * ROW_STRIDE + 4 * y + r] = total[r];
    barrier(CLK_LOCAL_MEM_FENCE);
#pragma unroll
    for (int r = 0; r < 4; r++) {
        float sum = 0.0f;
        for (int i = 0; i < ACROSS; i++)
            sum += high[i * ROW_STRIDE + 4 * y + r];
        const int row = first + 4 * y + r;
#pragma unroll
        for (int c = 0; c < CHANNELS; c++)
            if (row < rows && x + ACROSS * c < D)
                out[row * width + x + ACROSS * c] = sums[c][r] / sum;
    }
}
#endif
