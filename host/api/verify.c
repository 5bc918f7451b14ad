#include "api/verify.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "ops/product.h"

void verify_transpose(float *out, const float *in, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            out[c * rows + r] = in[r * columns + c];
}

static loris_status npy_path(const verifier *v, const char *folder, const char *name, char path[4096]) {
    (void)v;
    int length = snprintf(path, 4096, "%s/%s.npy", folder, name);
    return length > 0 && length < 4096 ? LORIS_OK : fail(LORIS_ERROR_INPUT, NULL, "%s: the path is too long", folder);
}

bool verify_has(const verifier *v, const char *name) {
    char path[4096];
    return npy_path(v, v->folder, name, path) == LORIS_OK && file_exists(path);
}

static loris_status read_array(const verifier *v, const char *name, int rank, const int64_t *dim, bool integers,
                               npy *out) {
    char path[4096];
    TRY(npy_path(v, v->folder, name, path));
    TRY(npy_read(out, path));
    loris_status status = npy_expect(out, path, rank, dim);
    if (status == LORIS_OK && !(integers ? (void *)out->i64 : (void *)out->f32))
        status = fail(LORIS_ERROR_INPUT, NULL, "%s: expected %s numbers", path, integers ? "whole" : "floating-point");
    if (status != LORIS_OK)
        npy_free(out);
    return status;
}

loris_status verify_read(const verifier *v, const char *name, int rank, const int64_t *dim, npy *out) {
    return read_array(v, name, rank, dim, false, out);
}

loris_status verify_read_integers(const verifier *v, const char *name, int rank, const int64_t *dim, npy *out) {
    return read_array(v, name, rank, dim, true, out);
}

double verify_rounded(const verifier *v, double f32_tolerance, double units) {
    static const double roundoff[] = {[TYPE_F32] = 0, [TYPE_F16] = 0x1p-11, [TYPE_BF16] = 0x1p-8};
    return f32_tolerance + units * roundoff[product_storage(v->compute)];
}

double verify_tolerance(const verifier *v, double f32_tolerance) {
    return verify_rounded(v, f32_tolerance, f32_tolerance > EVALUATION_TOLERANCE ? 32 : 16);
}

loris_status verify_compare(verifier *v, const char *name, int rank, const int64_t *dim, const float *got,
                            const float *want, double tolerance) {
    size_t count = 1;
    for (int i = 0; i < rank; i++)
        count *= (size_t)dim[i];
    loris_quantity q = {.name = name, .precision = number_name(product_storage(v->compute)), .tolerance = tolerance};
    double signal = 0, noise = 0;
    for (size_t i = 0; i < count; i++) {
        double error = fabs((double)got[i] - want[i]);
        signal += (double)want[i] * want[i];
        noise += error * error;
        q.scale = fmax(q.scale, fabs((double)want[i]));
        if (!(error <= q.max_abs_error)) /* also when it is NaN */
            q.max_abs_error = isnan(error) ? INFINITY : error;
    }
    q.snr_db = !isfinite(noise) ? -INFINITY : noise > 0 ? 10 * log10(signal / noise) : INFINITY;
    q.pass = q.max_abs_error <= q.tolerance * q.scale;
    v->checked++;
    v->failed += !q.pass;
    if (v->settings->quantity)
        v->settings->quantity(v->settings->quantity_user, &q);
    if (!v->settings->dump)
        return LORIS_OK;
    char path[4096];
    TRY(npy_path(v, v->settings->dump, name, path));
    return npy_write_f32(path, rank, dim, got);
}

loris_status loris_verify(loris_engine *engine, const char *folder, const loris_verify_settings *settings) {
    static const loris_verify_settings none;
    verifier v = {.compute = engine->compute, .folder = folder, .settings = settings ? settings : &none};
    if (v.settings->dump)
        TRY(folder_make(v.settings->dump, 0777));
    if (!folder)
        TRY(verify_device(&v));
    else if (verify_is_bands(&v))
        TRY(verify_bands(&v));
    else if (verify_is_i3d(&v))
        TRY(verify_i3d(&v));
    else if (verify_is_full(&v))
        TRY(verify_full(&v));
    else if (verify_is_movenet(&v))
        TRY(verify_movenet(&v));
    else if (verify_has(&v, "x"))
        TRY(verify_unet(&v));
    else
        return fail(LORIS_ERROR_INPUT,
                    "expected x.npy or frames.npy beside a model, or NAME-score.json with its golden arrays",
                    "%s: holds no golden arrays", folder);
    if (v.failed)
        return fail(LORIS_MISMATCH,
                    "the device or its driver computes wrong results; try another device, and report it",
                    "%d of %d quantities are outside their tolerance on %s", v.failed, v.checked, v.compute->dev.name);
    return LORIS_OK;
}
