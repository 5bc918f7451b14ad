/* What is made of benchmarks' records: joined, tabulated, written, compared. */
#include "loris/bench.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "api/bench_run.h"
#include "bench/compare.h"
#include "bench/report.h"
#include "core/file.h"

/* ---- joining ----------------------------------------------------------------------------------------------------- */

loris_status loris_bench_failed(const loris_device_info *d, const loris_bench_settings *settings, const char *why,
                                char **out) {
    static const char *const types[] = {"CPU", "GPU", "accelerator", "device"};
    arena *a = arena_new();
    record *r = arena_alloc(a, 1, sizeof *r);
    loris_status status = r ? LORIS_OK : fail_memory("a record");
    if (status == LORIS_OK) {
        bench_begin_record(r, a, settings);
        r->failure = why;
        r->device.index = d->index;
        r->device.name = d->name;
        r->device.vendor = d->vendor;
        r->device.type = types[d->type];
        r->device.platform = d->platform;
        r->device.platform_version = "";
        r->device.version = d->version;
        r->device.driver = d->driver;
        r->device.compute_units = d->compute_units;
        r->device.clock_mhz = d->clock_mhz;
        r->device.memory = (double)d->global_memory;
        r->device.max_allocation = (double)d->max_allocation;
        r->device.local_memory = (double)d->local_memory;
        r->device.max_work_group = (double)d->max_work_group;
        r->device.fp16 = d->fp16;
        record_conclude(r);
        status = arena_failed(a) ? fail_memory("a record") : records_json(out, r, 1);
    }
    arena_free(a);
    return status;
}

loris_status loris_bench_join(const char *const *records, size_t count, char **joined) {
    arena *a = arena_new();
    record *r = NULL;
    size_t all = 0;
    loris_status status = a ? LORIS_OK : fail_memory("records");
    for (size_t i = 0; i < count && status == LORIS_OK; i++) {
        char where[48];
        snprintf(where, sizeof where, "text %zu of records", i + 1);
        status = records_parse(&r, &all, a, records[i], strlen(records[i]), where);
    }
    if (status == LORIS_OK)
        status = records_json(joined, r, all);
    arena_free(a);
    return status;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The .json files of a folder, in the order of their names; the list lives in `a`. */
static loris_status list_files(const char *folder, arena *a, const char ***out, size_t *count) {
    enum { MOST = 4096 };
    DIR *d = opendir(folder);
    const char **names = arena_alloc(a, MOST, sizeof *names);
    *count = 0;
    if (!d)
        return fail(LORIS_ERROR_INPUT, NULL, "%s: not a folder that can be read", folder);
    for (struct dirent *e; names && (e = readdir(d)) && *count < MOST;) {
        const size_t length = strlen(e->d_name);
        if (length > 5 && e->d_name[0] != '.' && !strcmp(e->d_name + length - 5, ".json"))
            names[(*count)++] = arena_printf(a, "%s/%s", folder, e->d_name);
    }
    closedir(d);
    if (arena_failed(a))
        return fail_memory("a list of records");
    qsort(names, *count, sizeof *names, by_name);
    *out = names;
    return *count ? LORIS_OK
                  : fail(LORIS_ERROR_INPUT, "records are files that 'loris-cl bench -o NAME.json' writes",
                         "%s: no .json file is in this folder", folder);
}

static loris_status read_all(const char *path, arena *a, record **r, size_t *count) {
    struct stat info;
    *r = NULL;
    *count = 0;
    if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode))
        return records_read(r, count, a, path);
    const char **files = NULL;
    size_t all;
    TRY(list_files(path, a, &files, &all));
    for (size_t i = 0; i < all; i++)
        TRY(records_read(r, count, a, files[i]));
    return LORIS_OK;
}

loris_status loris_bench_read(const char *path, char **records) {
    arena *a = arena_new();
    record *r;
    size_t count;
    loris_status status = a ? read_all(path, a, &r, &count) : fail_memory("records");
    if (status == LORIS_OK)
        status = records_json(records, r, count);
    arena_free(a);
    return status;
}

/* ---- telling ----------------------------------------------------------------------------------------------------- */

loris_status loris_bench_passed(const char *records, bool *all) {
    arena *a = arena_new();
    record *r = NULL;
    size_t count = 0;
    loris_status status =
        a ? records_parse(&r, &count, a, records, strlen(records), "records") : fail_memory("records");
    *all = status == LORIS_OK && count > 0;
    for (size_t i = 0; i < count && status == LORIS_OK; i++)
        *all = *all && r[i].correct && !r[i].failure;
    arena_free(a);
    return status;
}

loris_status loris_bench_table(const char *records, char **markdown) {
    arena *a = arena_new();
    record *r = NULL;
    size_t count = 0;
    text out = {0};
    loris_status status =
        a ? records_parse(&r, &count, a, records, strlen(records), "records") : fail_memory("records");
    if (status == LORIS_OK) {
        report_table(&out, r, count);
        status = text_failed(&out) ? fail_memory("a table") : LORIS_OK;
    }
    arena_free(a);
    if (status == LORIS_OK)
        *markdown = out.data;
    else
        text_free(&out);
    return status;
}

static loris_status write_as(const char *ending, text *out, const record *r, size_t count, const char *path) {
    if (!strcmp(ending, ".md"))
        report_markdown(out, r, count);
    else if (!strcmp(ending, ".csv"))
        report_csv(out, r, count);
    else if (!strcmp(ending, ".html"))
        report_html(out, r, count);
    else
        return fail(LORIS_ERROR_ARGUMENT, "use .json, .csv, .md or .html", "%s: the ending names no format", path);
    return text_failed(out) ? fail_memory("a report") : file_write(path, out->data, out->length);
}

loris_status loris_bench_write(const char *records, const char *path) {
    const char *ending = strrchr(path, '.');
    arena *a = arena_new();
    record *r = NULL;
    size_t count = 0;
    text out = {0};
    loris_status status =
        a ? records_parse(&r, &count, a, records, strlen(records), "records") : fail_memory("records");
    char *whole = NULL;
    if (status == LORIS_OK && ending && !strcmp(ending, ".json")) {
        status = records_json(&whole, r, count);
        if (status == LORIS_OK)
            status = file_write(path, whole, strlen(whole));
    } else if (status == LORIS_OK) {
        status = write_as(ending ? ending : "", &out, r, count, path);
    }
    free(whole);
    text_free(&out);
    arena_free(a);
    return status;
}

loris_status loris_bench_compare(const char *path_a, const char *path_b, double limit, char **markdown, int *slower) {
    arena *memory = arena_new();
    record *a, *b;
    size_t count_a, count_b;
    text out = {0};
    loris_status status = memory ? read_all(path_a, memory, &a, &count_a) : fail_memory("records");
    if (status == LORIS_OK)
        status = read_all(path_b, memory, &b, &count_b);
    if (status == LORIS_OK)
        status = compare_records(&out, a, count_a, b, count_b, limit, slower);
    if (status == LORIS_OK && text_failed(&out))
        status = fail_memory("a comparison");
    arena_free(memory);
    if (status == LORIS_OK)
        *markdown = out.data;
    else
        text_free(&out);
    return status;
}
