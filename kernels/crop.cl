/* Squares of a frame of bytes, brought to `size` x `size` pixels of 3 floats in -1..1, black beyond the frame. Rows
 * first, into scratch memory of all columns of the frame, then columns.
 *
 * New pixel i covers old positions around at = start + (i + 1/2) ratio - 1/2, ratio = side / size. Old pixel k counts
 * 1 - |k - at| / reach, reach = max(1, ratio), where that is positive: bilinear interpolation when enlarging (the
 * weights then sum to 1), a triangle filter when reducing. A ratio of 1 at a whole position is a copy.
 *
 * Macros: VEC (bytes of a row that an item of the first pass takes). */

#define BLACK (-1.0f)

/* Old pixels first .. end - 1 count for a new pixel, including those beyond the frame. */
typedef struct NAME(window) {
    float at, reach;
    int first, end;
} NAME(window);

static NAME(window) NAME(window_of)(int i, float start, float side, int size) {
    NAME(window) w;
    const float ratio = side / (float)size;
    w.at = start + ((float)i + 0.5f) * ratio - 0.5f;
    w.reach = fmax(1.0f, ratio);
    w.first = (int)ceil(w.at - w.reach);
    w.end = (int)floor(w.at + w.reach) + 1;
    return w;
}

static float NAME(weight_of)(NAME(window) w, int k) {
    return fmax(0.0f, 1.0f - fabs((float)k - w.at) / w.reach);
}

/* rows[b][i][w 3 + c] for i < size: item (column vector, i, b). */
KERNEL(crop_rows)
(global const uchar *restrict frame, global const float *restrict squares, global float *restrict rows, int height,
 int bytes, int size) {
    const int first = (int)get_global_id(0) * VEC, i = (int)get_global_id(1), b = (int)get_global_id(2);
    if (first >= bytes || i >= size)
        return;
    const NAME(window) w = NAME(window_of)(i, squares[3 * b + 1], squares[3 * b + 2], size);
    rows += ((size_t)b * size + i) * bytes;
    float all = 0.0f;
    for (int k = w.first; k < w.end; k++)
        all += NAME(weight_of)(w, k);
    const float scale = 1.0f / (127.5f * all);
    if (first + VEC <= bytes) {
        FLOATS sum = 0.0f;
        for (int k = w.first; k < w.end; k++)
            if (k >= 0 && k < height)
                sum =
                    mad(VECTOR_JOIN(convert_float, VEC)(VECTOR_JOIN(vload, VEC)(0, frame + (size_t)k * bytes + first)),
                        (FLOATS)(NAME(weight_of)(w, k)), sum);
        STORE(sum * scale + BLACK, rows + first);
        return;
    }
    for (int j = first; j < bytes; j++) {
        float sum = 0.0f;
        for (int k = w.first; k < w.end; k++)
            if (k >= 0 && k < height)
                sum = mad((float)frame[(size_t)k * bytes + j], NAME(weight_of)(w, k), sum);
        rows[j] = sum * scale + BLACK;
    }
}

/* y[b][i][q][c]: item (q, i, b). */
KERNEL(crop_columns)
(global const float *restrict rows, global const float *restrict squares, global float *restrict y, int width,
 int size) {
    const int q = (int)get_global_id(0), i = (int)get_global_id(1), b = (int)get_global_id(2);
    if (q >= size || i >= size)
        return;
    const NAME(window) w = NAME(window_of)(q, squares[3 * b], squares[3 * b + 2], size);
    const size_t row = (size_t)b * size + i;
    global const float *from = rows + row * width * 3;
    float3 sum = 0.0f;
    float all = 0.0f;
    for (int k = w.first; k < w.end; k++) {
        const float weight = NAME(weight_of)(w, k);
        all += weight;
        sum += weight * (k >= 0 && k < width ? vload3(k, from) : (float3)(BLACK));
    }
    vstore3(sum / all, row * size + q, y);
}
