/* Records as JSON. Readers take what other people send: every member is checked. What follows from others (medians,
 * verdicts, the headline) is written for readers of the file and computed again when read. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/record.h"
#include "core/file.h"

enum { FILE_LIMIT = 64 << 20, RECORDS_MAX = 256 };

/* ---- writing ----------------------------------------------------------------------------------------------------- */

/* null where it is not finite */
static void put_optional(json_writer *w, const char *key, bool known, double value) {
    if (known)
        json_number(w, key, value);
    else
        json_null(w, key);
}

static void put_text(json_writer *w, const char *key, const char *value) {
    if (value)
        json_string(w, key, value);
    else
        json_null(w, key);
}

static void put_measurement(json_writer *w, const measurement *m, bool stage) {
    const summary s = summarise(&m->warm);
    json_open(w, NULL, '{');
    json_string(w, "name", m->name);
    json_string(w, "unit", m->unit);
    json_string(w, "detail", m->detail);
    put_text(w, "reason", m->reason);
    if (stage)
        put_optional(w, "cold", m->has_cold, m->cold);
    json_number(w, "median", s.median);
    json_number(w, "p10", s.p10);
    json_number(w, "p90", s.p90);
    json_open(w, "samples", '[');
    for (int i = 0; i < m->warm.count; i++)
        json_number(w, NULL, m->warm.value[i]);
    json_close(w, ']');
    json_close(w, '}');
}

static void put_measurements(json_writer *w, const char *key, const measurement *m, int count, bool stages) {
    json_open(w, key, '[');
    for (int i = 0; i < count; i++)
        put_measurement(w, &m[i], stages);
    json_close(w, ']');
}

static void put_origin(json_writer *w, const record *r) {
    json_string(w, "version", r->version);
    json_string(w, "build", r->build);
    json_string(w, "backend", r->backend);
    json_string(w, "precision", r->precision);
    json_string(w, "when", r->when);
    json_open(w, "workload", '{');
    json_string(w, "name", r->workload.name);
    json_string(w, "model", r->workload.model);
    json_string(w, "model_hash", r->workload.model_hash);
    json_string(w, "what", r->workload.what);
    json_number(w, "audio_seconds", r->workload.audio_seconds);
    json_integer(w, "evaluations", r->workload.evaluations);
    json_integer(w, "further_evaluations", r->workload.further_evaluations);
    json_bool(w, "quick", r->workload.quick);
    json_close(w, '}');
    json_open(w, "machine", '{');
    put_text(w, "board", r->machine.board);
    put_text(w, "processor", r->machine.processor);
    json_integer(w, "processors", r->machine.processors);
    json_number(w, "memory", r->machine.memory);
    put_text(w, "system", r->machine.system);
    json_close(w, '}');
    json_open(w, "device", '{');
    json_integer(w, "index", r->device.index);
    json_string(w, "name", r->device.name);
    json_string(w, "vendor", r->device.vendor);
    json_string(w, "type", r->device.type);
    put_text(w, "board", r->device.board);
    json_string(w, "platform", r->device.platform);
    json_string(w, "platform_version", r->device.platform_version);
    json_string(w, "version", r->device.version);
    json_string(w, "driver", r->device.driver);
    json_number(w, "compute_units", r->device.compute_units);
    json_number(w, "clock_mhz", r->device.clock_mhz);
    json_number(w, "memory", r->device.memory);
    json_number(w, "max_allocation", r->device.max_allocation);
    json_number(w, "local_memory", r->device.local_memory);
    json_number(w, "max_work_group", r->device.max_work_group);
    json_bool(w, "fp16", r->device.fp16);
    json_bool(w, "native_kernels", r->device.native_kernels);
    json_bool(w, "unified_memory", r->device.unified_memory);
    json_close(w, '}');
}

static void put_verdict(json_writer *w, const record *r) {
    put_text(w, "failure", r->failure);
    json_open(w, "correctness", '{');
    json_bool(w, "pass", r->correct);
    json_open(w, "quantities", '[');
    for (int i = 0; i < r->quantities; i++) {
        const record_quantity *q = &r->quantity[i];
        json_open(w, NULL, '{');
        json_string(w, "name", q->name);
        json_string(w, "precision", q->precision);
        json_number(w, "max_abs_error", q->max_abs_error);
        json_number(w, "scale", q->scale);
        json_number(w, "tolerance", q->tolerance);
        json_number(w, "snr_db", q->snr_db);
        json_bool(w, "pass", q->pass);
        json_close(w, '}');
    }
    json_close(w, ']');
    json_close(w, '}');
    if (r->has_headline) {
        json_open(w, "headline", '{');
        json_number(w, "audio_seconds_per_second", r->speed);
        json_number(w, "seconds", r->seconds);
        json_number(w, "first_seconds", r->first_seconds);
        json_close(w, '}');
    } else {
        json_null(w, "headline");
    }
    put_text(w, "headline_reason", r->headline_reason);
}

static void put_nodes(json_writer *w, const record *r) {
    json_open(w, "evaluation", '{');
    json_number(w, "flop", r->evaluation_flop);
    json_number(w, "bytes", r->evaluation_bytes);
    put_text(w, "reason", r->nodes_reason);
    json_open(w, "nodes", '[');
    for (int i = 0; i < r->nodes; i++) {
        const record_node *n = &r->node[i];
        json_open(w, NULL, '{');
        json_string(w, "name", n->name);
        json_string(w, "operation", n->operation);
        json_string(w, "variant", n->variant);
        json_string(w, "place", n->place);
        json_number(w, "flop", n->flop);
        json_number(w, "bytes", n->bytes);
        json_number(w, "seconds", n->seconds);
        json_number(w, "share_of_peak", node_share(r, n, NULL));
        json_close(w, '}');
    }
    json_close(w, ']');
    json_close(w, '}');
}

static void put_surroundings(json_writer *w, const record *r) {
    json_open(w, "memory", '{');
    json_number(w, "device", r->device_memory);
    json_number(w, "host_peak", r->host_memory);
    json_close(w, '}');
    if (!r->energy_reason) {
        json_open(w, "energy", '{');
        json_string(w, "source", r->energy_source);
        json_number(w, "joules", r->joules);
        json_number(w, "seconds", r->energy_seconds);
        json_close(w, '}');
    } else {
        json_null(w, "energy");
    }
    put_text(w, "energy_reason", r->energy_reason);
    if (!r->clock_reason) {
        json_open(w, "clock", '{');
        json_string(w, "source", r->clock_source);
        json_number(w, "before_mhz", r->clock_before);
        json_number(w, "after_mhz", r->clock_after);
        json_close(w, '}');
    } else {
        json_null(w, "clock");
    }
    put_text(w, "clock_reason", r->clock_reason);
    json_open(w, "load", '{');
    put_optional(w, "before", r->load_before >= 0, r->load_before);
    put_optional(w, "after", r->load_after >= 0, r->load_after);
    json_close(w, '}');
    json_open(w, "notes", '[');
    for (int i = 0; i < r->notes; i++)
        json_string(w, NULL, r->note[i]);
    json_close(w, ']');
}

loris_status records_json(char **out, const record *r, size_t count) {
    json_writer w;
    json_begin(&w, 1);
    json_open(&w, NULL, '{');
    json_integer(&w, "schema", RECORD_SCHEMA);
    json_open(&w, "records", '[');
    for (size_t i = 0; i < count; i++) {
        json_open(&w, NULL, '{');
        put_origin(&w, &r[i]);
        put_verdict(&w, &r[i]);
        put_measurements(&w, "probes", r[i].probe, r[i].probes, false);
        put_measurements(&w, "stages", r[i].stage, r[i].stages, true);
        put_nodes(&w, &r[i]);
        put_surroundings(&w, &r[i]);
        json_close(&w, '}');
    }
    json_close(&w, ']');
    json_close(&w, '}');
    if (text_failed(&w.out)) {
        text_free(&w.out);
        return fail_memory("a record");
    }
    *out = w.out.data;
    return LORIS_OK;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* What is at hand; the first failure is kept, after which nothing more is read. */
typedef struct reader {
    arena *memory;
    const char *where;
    loris_status status;
} reader;

/* `failure` is not evaluated once there was one: it would replace the first one's message. */
#define NEED(in, failure)                                                                                              \
    do {                                                                                                               \
        if ((in)->status == LORIS_OK)                                                                                  \
            (in)->status = (failure);                                                                                  \
    } while (0)

static const json *need_object(reader *in, const json *from, const char *key) {
    const json *found = json_get(from, key);
    if (!found || found->type != JSON_OBJECT)
        NEED(in, fail(LORIS_ERROR_INPUT, "is it a file of loris-cl bench?", "%s: \"%s\" is missing or no object",
                      in->where, key));
    return found;
}

static const char *need_text(reader *in, const json *from, const char *key) {
    const char *found = "";
    NEED(in, json_need_string(from, key, &found, in->where));
    return in->status == LORIS_OK ? arena_strdup(in->memory, found) : "";
}

/* NULL where the file has null */
static const char *optional_text(reader *in, const json *from, const char *key) {
    const json *found = json_get(from, key);
    return found && found->type == JSON_NULL ? NULL : need_text(in, from, key);
}

static double need_number(reader *in, const json *from, const char *key, double low, double high) {
    double value = 0;
    NEED(in, json_need_number(from, key, low, high, &value, in->where));
    return value;
}

static double need_positive(reader *in, const json *from, const char *key) {
    return need_number(in, from, key, 0, 1e30);
}

static bool need_bool(reader *in, const json *from, const char *key) {
    const json *found = json_get(from, key);
    if (!found || (found->type != JSON_TRUE && found->type != JSON_FALSE))
        NEED(in, fail(LORIS_ERROR_INPUT, NULL, "%s: \"%s\" is neither true nor false", in->where, key));
    return found && found->type == JSON_TRUE;
}

/* The items of an array of objects, at most `limit`; 0 after a failure. */
static size_t need_items(reader *in, const json *from, const char *key, size_t limit, const json **items) {
    const json *array = NULL;
    NEED(in, json_need_array(from, key, &array, in->where));
    if (in->status != LORIS_OK)
        return 0;
    if (array->count > limit)
        NEED(in, fail(LORIS_ERROR_INPUT, NULL, "%s: \"%s\" has %zu items, more than %zu", in->where, key, array->count,
                      limit));
    *items = array->item;
    return in->status == LORIS_OK ? array->count : 0;
}

static void get_series(reader *in, series *s, const json *from) {
    const json *item;
    const size_t count = need_items(in, from, "samples", SERIES_MAX, &item);
    for (size_t i = 0; i < count; i++) {
        if (item[i].type != JSON_NUMBER || !(item[i].number > 0))
            NEED(in, fail(LORIS_ERROR_INPUT, NULL, "%s: a sample is no number above 0", in->where));
        else
            series_add(s, item[i].number);
    }
}

static int get_measurements(reader *in, const json *from, const char *key, measurement *out, int limit, bool stages) {
    const json *item;
    const size_t count = need_items(in, from, key, (size_t)limit, &item);
    for (size_t i = 0; i < count; i++) {
        measurement *m = &out[i];
        m->name = need_text(in, &item[i], "name");
        m->unit = need_text(in, &item[i], "unit");
        m->detail = need_text(in, &item[i], "detail");
        m->reason = optional_text(in, &item[i], "reason");
        const json *cold = stages ? json_get(&item[i], "cold") : NULL;
        m->has_cold = cold && cold->type == JSON_NUMBER;
        m->cold = m->has_cold ? need_positive(in, &item[i], "cold") : 0;
        get_series(in, &m->warm, &item[i]);
    }
    return (int)count;
}

static void get_origin(reader *in, record *r, const json *from) {
    r->version = need_text(in, from, "version");
    r->build = need_text(in, from, "build");
    r->backend = need_text(in, from, "backend");
    r->precision = need_text(in, from, "precision");
    r->when = need_text(in, from, "when");
    const json *work = need_object(in, from, "workload");
    r->workload.name = need_text(in, work, "name");
    r->workload.model = need_text(in, work, "model");
    r->workload.model_hash = need_text(in, work, "model_hash");
    r->workload.what = need_text(in, work, "what");
    r->workload.audio_seconds = need_positive(in, work, "audio_seconds");
    r->workload.evaluations = (int)need_number(in, work, "evaluations", 0, 1e6);
    r->workload.further_evaluations = (int)need_number(in, work, "further_evaluations", 0, 1e6);
    r->workload.quick = need_bool(in, work, "quick");
    const json *machine = need_object(in, from, "machine");
    r->machine.board = optional_text(in, machine, "board");
    r->machine.processor = optional_text(in, machine, "processor");
    r->machine.processors = (int)need_number(in, machine, "processors", 0, 1e6);
    r->machine.memory = need_positive(in, machine, "memory");
    r->machine.system = optional_text(in, machine, "system");
    const json *device = need_object(in, from, "device");
    r->device.index = (int)need_number(in, device, "index", 0, 1e6);
    r->device.name = need_text(in, device, "name");
    r->device.vendor = need_text(in, device, "vendor");
    r->device.type = need_text(in, device, "type");
    r->device.board = optional_text(in, device, "board");
    r->device.platform = need_text(in, device, "platform");
    r->device.platform_version = need_text(in, device, "platform_version");
    r->device.version = need_text(in, device, "version");
    r->device.driver = need_text(in, device, "driver");
    r->device.compute_units = need_positive(in, device, "compute_units");
    r->device.clock_mhz = need_positive(in, device, "clock_mhz");
    r->device.memory = need_positive(in, device, "memory");
    r->device.max_allocation = need_positive(in, device, "max_allocation");
    r->device.local_memory = need_positive(in, device, "local_memory");
    r->device.max_work_group = need_positive(in, device, "max_work_group");
    r->device.fp16 = need_bool(in, device, "fp16");
    r->device.native_kernels = need_bool(in, device, "native_kernels");
    r->device.unified_memory = need_bool(in, device, "unified_memory");
}

/* Errors and ratios that are not finite stand as null: an infinite error, of NaN; an infinite ratio, of equal arrays.
 */
static double number_or_infinity(reader *in, const json *from, const char *key) {
    const json *found = json_get(from, key);
    return found && found->type == JSON_NULL ? INFINITY : need_number(in, from, key, -1e30, 1e30);
}

static void get_quantities(reader *in, record *r, const json *from) {
    const json *item;
    const size_t count = need_items(in, from, "quantities", RECORD_MAX_QUANTITIES, &item);
    for (size_t i = 0; i < count; i++) {
        record_quantity *q = &r->quantity[r->quantities++];
        q->name = need_text(in, &item[i], "name");
        q->precision = need_text(in, &item[i], "precision");
        q->max_abs_error = number_or_infinity(in, &item[i], "max_abs_error");
        q->scale = need_positive(in, &item[i], "scale");
        q->tolerance = need_number(in, &item[i], "tolerance", 0, 1);
        q->snr_db = isfinite(q->max_abs_error) ? number_or_infinity(in, &item[i], "snr_db") : -INFINITY;
        q->pass = q->max_abs_error <= q->tolerance * q->scale;
    }
}

static void get_nodes(reader *in, record *r, const json *from) {
    const json *item;
    r->evaluation_flop = need_positive(in, from, "flop");
    r->evaluation_bytes = need_positive(in, from, "bytes");
    r->nodes_reason = optional_text(in, from, "reason");
    const size_t count = need_items(in, from, "nodes", RECORD_MAX_NODES, &item);
    r->node = arena_alloc(in->memory, count ? count : 1, sizeof *r->node);
    for (size_t i = 0; r->node && i < count; i++) {
        record_node *n = &r->node[r->nodes++];
        n->name = need_text(in, &item[i], "name");
        n->operation = need_text(in, &item[i], "operation");
        n->variant = need_text(in, &item[i], "variant");
        n->place = need_text(in, &item[i], "place");
        n->flop = need_positive(in, &item[i], "flop");
        n->bytes = need_positive(in, &item[i], "bytes");
        n->seconds = need_positive(in, &item[i], "seconds");
    }
}

static void get_surroundings(reader *in, record *r, const json *from) {
    const json *memory = need_object(in, from, "memory");
    r->device_memory = need_positive(in, memory, "device");
    r->host_memory = need_positive(in, memory, "host_peak");
    r->energy_reason = optional_text(in, from, "energy_reason");
    if (!r->energy_reason) {
        const json *energy = need_object(in, from, "energy");
        r->energy_source = need_text(in, energy, "source");
        r->joules = need_positive(in, energy, "joules");
        r->energy_seconds = need_positive(in, energy, "seconds");
    }
    r->clock_reason = optional_text(in, from, "clock_reason");
    if (!r->clock_reason) {
        const json *clock = need_object(in, from, "clock");
        r->clock_source = need_text(in, clock, "source");
        r->clock_before = need_positive(in, clock, "before_mhz");
        r->clock_after = need_positive(in, clock, "after_mhz");
    }
    const json *load = need_object(in, from, "load"), *before = json_get(load, "before"),
               *after = json_get(load, "after");
    r->load_before = before && before->type == JSON_NUMBER ? before->number : -1;
    r->load_after = after && after->type == JSON_NUMBER ? after->number : -1;
    const json *item;
    const size_t count = need_items(in, from, "notes", RECORD_MAX_NOTES, &item);
    for (size_t i = 0; i < count; i++) {
        if (item[i].type == JSON_STRING)
            record_note(r, in->memory, "%s", item[i].string);
        else
            NEED(in, fail(LORIS_ERROR_INPUT, NULL, "%s: a note is no text", in->where));
    }
}

static void get_record(reader *in, record *r, const json *from) {
    memset(r, 0, sizeof *r);
    get_origin(in, r, from);
    r->failure = optional_text(in, from, "failure");
    get_quantities(in, r, need_object(in, from, "correctness"));
    r->probes = get_measurements(in, from, "probes", r->probe, RECORD_MAX_PROBES, false);
    r->stages = get_measurements(in, from, "stages", r->stage, RECORD_MAX_STAGES, true);
    get_nodes(in, r, need_object(in, from, "evaluation"));
    get_surroundings(in, r, from);
    if (in->status == LORIS_OK)
        record_conclude(r);
}

loris_status records_parse(record **out, size_t *count, arena *a, const char *data, size_t size, const char *where) {
    reader in = {.memory = a, .where = where};
    const json *root, *item;
    double schema;
    TRY(json_parse(&root, a, data, size, where));
    TRY(json_need_number(root, "schema", 1, 1e6, &schema, where));
    if (schema != RECORD_SCHEMA)
        return fail(LORIS_ERROR_INPUT, "read it with the version of loris-cl that wrote it",
                    "%s: schema %g, known is %d", where, schema, RECORD_SCHEMA);
    const size_t more = need_items(&in, root, "records", RECORDS_MAX - *count, &item);
    record *all = arena_alloc(a, *count + more + 1, sizeof *all);
    if (!all)
        return fail_memory("records");
    if (*count)
        memcpy(all, *out, *count * sizeof *all);
    for (size_t i = 0; i < more && in.status == LORIS_OK; i++)
        get_record(&in, &all[*count + i], &item[i]);
    TRY(in.status);
    if (arena_failed(a))
        return fail_memory("records");
    *out = all;
    *count += more;
    return LORIS_OK;
}

loris_status records_read(record **out, size_t *count, arena *a, const char *path) {
    char *data;
    size_t size;
    TRY(file_read(path, FILE_LIMIT, &data, &size));
    loris_status status = records_parse(out, count, a, data, size, path);
    free(data);
    return status;
}
