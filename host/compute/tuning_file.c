/* A device's tuning as JSON in the user's configuration. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compute/tuning.h"
#include "core/file.h"
#include "core/json.h"
#include "core/sha256.h"

static const int VERSION = 1;
static const size_t FILE_LIMIT = (size_t)4 << 20;

static const char *const kinds[TUNED_KINDS] = {[TUNED_PRODUCT] = "product",
                                               [TUNED_ATTENTION] = "attention",
                                               [TUNED_STREAM] = "stream",
                                               [TUNED_ROWS] = "rows",
                                               [TUNED_CLBLAST] = "clblast"};
static const char *const uses[TUNED_USES] = {
    [USE_DEFAULT] = "default", [USE_PANEL] = "panel",   [USE_TILE] = "tile", [USE_HALF_TILE] = "half-tile",
    [USE_CLBLAST] = "clblast", [USE_ONEDNN] = "onednn", [USE_SIZE] = "size"};
static const char *const storages[] = {[TYPE_F32] = "f32", [TYPE_F16] = "f16", [TYPE_BF16] = "bf16"};
static const char *const precisions[] = {
    [PRECISION_AUTO] = "auto", [PRECISION_F32] = "f32", [PRECISION_BF16] = "bf16", [PRECISION_F16] = "f16"};

/* ---- where ------------------------------------------------------------------------------------------------------- */

const char *tuning_folder(arena *a, const char *wanted) {
    if (wanted)
        return *wanted ? arena_strdup(a, wanted) : NULL;
    const char *base = getenv("XDG_CONFIG_HOME");
    if (base && base[0] == '/') /* the specification: relative paths are to be ignored */
        return arena_printf(a, "%s/loris-cl", base);
    base = getenv("HOME");
    return base && base[0] == '/' ? arena_printf(a, "%s/.config/loris-cl", base) : NULL;
}

const char *tuning_path(arena *a, const char *folder, const device *d) {
    const char *const facts[] = {d->name, d->vendor, d->platform_name, d->driver};
    uint8_t digest[32];
    char hex[17];
    sha256 s;
    sha256_begin(&s);
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        sha256_update(&s, facts[i], strlen(facts[i]) + 1);
    sha256_end(&s, digest);
    for (int i = 0; i < 8; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    return arena_printf(a, "%s/tuning-%s.json", folder, hex);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static loris_status read_word(const json *o, const char *key, const char *const *words, int count, int *out,
                              const char *where) {
    const char *word;
    *out = 0;
    TRY(json_need_string(o, key, &word, where));
    for (int i = 0; i < count; i++)
        if (!strcmp(words[i], word)) {
            *out = i;
            return LORIS_OK;
        }
    return fail(LORIS_ERROR_INPUT, NULL, "%s: \"%s\" is an unknown word", where, key);
}

static loris_status read_int(const json *o, const char *key, int *out, const char *where) {
    double number;
    TRY(json_need_number(o, key, 0, INT_MAX, &number, where));
    *out = (int)number;
    return LORIS_OK;
}

static loris_status read_entry(const json *o, tuned_entry *e, const char *where) {
    static const double most = 1e300;
    const json *size;
    int kind, use, storage;
    TRY(read_word(o, "kind", kinds, TUNED_KINDS, &kind, where));
    TRY(read_word(o, "use", uses, TUNED_USES, &use, where));
    TRY(read_word(o, "storage", storages, 3, &storage, where));
    *e = (tuned_entry){.shape = {.kind = (tuned_kind)kind, .storage = (number_type)storage},
                       .choice = {.use = (tuned_use)use}};
    TRY(read_int(o, "batch", &e->shape.batch, where));
    TRY(read_int(o, "rows", &e->shape.rows, where));
    TRY(read_int(o, "columns", &e->shape.columns, where));
    TRY(read_int(o, "channels", &e->shape.channels, where));
    TRY(read_int(o, "taps", &e->shape.taps, where));
    TRY(read_int(o, "stride", &e->shape.stride, where));
    TRY(json_need_number(o, "speed", 0, most, &e->speed, where));
    TRY(json_need_number(o, "default_speed", 0, most, &e->default_speed, where));
    TRY(json_need_number(o, "error", 0, most, &e->error, where));
    TRY(json_need_array(o, "size", &size, where));
    for (size_t i = 0; i < size->count; i++) {
        if (i == 3 || size->item[i].type != JSON_NUMBER ||
            !(size->item[i].number >= 1 && size->item[i].number <= 65536))
            return fail(LORIS_ERROR_INPUT, NULL, "%s: \"size\" is not up to three numbers", where);
        e->choice.size[i] = (int)size->item[i].number;
    }
    return LORIS_OK;
}

/* Fields that tell one device and driver from another. */
static loris_status check_device(const json *root, const device *d, const char *where) {
    const struct {
        const char *key, *value;
    } facts[] = {{"device", d->name}, {"vendor", d->vendor}, {"platform", d->platform_name}, {"driver", d->driver}};
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
        const char *value;
        TRY(json_need_string(root, facts[i].key, &value, where));
        if (strcmp(value, facts[i].value) != 0)
            return fail(LORIS_ERROR_INPUT, NULL, "%s: it is of another %s", where, facts[i].key);
    }
    return LORIS_OK;
}

static loris_status from_json(tuning *t, const json *root, const device *d, const char *where) {
    const json *entries;
    double version;
    int precision;
    TRY(json_need_number(root, "version", VERSION, VERSION, &version, where));
    TRY(check_device(root, d, where));
    TRY(read_word(root, "precision", precisions, 4, &precision, where));
    t->precision = (product_precision)precision;
    TRY(json_need_array(root, "entries", &entries, where));
    for (size_t i = 0; i < entries->count; i++) {
        tuned_entry e;
        char at[256];
        snprintf(at, sizeof at, "%.200s: entries[%zu]", where, i);
        TRY(read_entry(&entries->item[i], &e, at));
        TRY(tuning_add(t, &e));
    }
    return LORIS_OK;
}

static loris_status load(tuning *t, const char *path, const device *d) {
    char *data = NULL;
    size_t size;
    const json *root;
    TRY(file_read(path, FILE_LIMIT, &data, &size));
    arena *a = arena_new();
    loris_status status = a ? json_parse(&root, a, data, size, path) : fail_memory("a tuning");
    if (status == LORIS_OK)
        status = from_json(t, root, d, path);
    arena_free(a);
    free(data);
    return status;
}

tuning *tuning_load(const char *path, const device *d) {
    if (!file_exists(path))
        return NULL;
    tuning *t = calloc(1, sizeof *t);
    loris_status status = t ? load(t, path, d) : fail_memory("a tuning");
    if (status == LORIS_OK)
        return t;
    log_message(LORIS_LOG_WARNING, "the device runs without its tuning ('loris-cl tune' makes it again): %s",
                loris_error_message());
    tuning_free(t);
    return NULL;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static void write_entry(json_writer *w, const tuned_entry *e) {
    json_open(w, NULL, '{');
    json_string(w, "kind", kinds[e->shape.kind]);
    json_string(w, "storage", storages[e->shape.storage]);
    json_integer(w, "batch", e->shape.batch);
    json_integer(w, "rows", e->shape.rows);
    json_integer(w, "columns", e->shape.columns);
    json_integer(w, "channels", e->shape.channels);
    json_integer(w, "taps", e->shape.taps);
    json_integer(w, "stride", e->shape.stride);
    json_string(w, "use", uses[e->choice.use]);
    json_open(w, "size", '[');
    for (int i = 0; i < 3 && e->choice.size[i]; i++)
        json_integer(w, NULL, e->choice.size[i]);
    json_close(w, ']');
    json_number(w, "speed", e->speed);
    json_number(w, "default_speed", e->default_speed);
    json_number(w, "error", e->error);
    json_close(w, '}');
}

static void to_json(const tuning *t, const device *d, json_writer *w) {
    json_begin(w, 1);
    json_open(w, NULL, '{');
    json_integer(w, "version", VERSION);
    json_string(w, "program", LORIS_VERSION);
    json_string(w, "device", d->name);
    json_string(w, "vendor", d->vendor);
    json_string(w, "platform", d->platform_name);
    json_string(w, "driver", d->driver);
    json_string(w, "precision", precisions[t->precision]);
    json_open(w, "entries", '[');
    for (int i = 0; i < t->count; i++)
        write_entry(w, &t->entries[i]);
    json_close(w, ']');
    json_close(w, '}');
}

loris_status tuning_save(const tuning *t, const char *path, const device *d) {
    char folder[PATH_MAX];
    json_writer w;
    const char *slash = strrchr(path, '/');
    if (slash && slash > path) {
        if ((size_t)(slash - path) >= sizeof folder)
            return fail(LORIS_ERROR_OUTPUT, NULL, "%s: the path is too long", path);
        memcpy(folder, path, (size_t)(slash - path));
        folder[slash - path] = '\0';
        TRY(folder_make(folder, 0700));
    }
    to_json(t, d, &w);
    loris_status status = text_failed(&w.out) ? fail_memory("a tuning") : file_write(path, w.out.data, w.out.length);
    text_free(&w.out);
    return status;
}
