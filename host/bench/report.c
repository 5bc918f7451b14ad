/* Records as Markdown and CSV. */
#include "bench/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- shared ------------------------------------------------------------------------------------------------------ */

void report_order(const record *r, size_t count, size_t *order) {
    for (size_t i = 0; i < count; i++) {
        size_t at = i;
        for (; at > 0; at--) {
            const record *before = &r[order[at - 1]];
            const double speed = before->has_headline ? before->speed : -1;
            if (speed >= (r[i].has_headline ? r[i].speed : -1))
                break;
            order[at] = order[at - 1];
        }
        order[at] = i;
    }
}

double record_evaluation_seconds(const record *r) {
    const measurement *m = record_stage(r, "evaluation");
    return m ? summarise(&m->warm).median : NAN;
}

double record_gflops(const record *r) {
    return 1e-9 * r->evaluation_flop / record_evaluation_seconds(r);
}

/* Without the locale: printf's decimal point may be a comma. */
static void use_points(char *number) {
    for (; *number; number++)
        if (*number == ',')
            *number = '.';
}

figure figure_of(double value, int digits) {
    figure f;
    if (!isfinite(value)) {
        snprintf(f.text, sizeof f.text, "-");
        return f;
    }
    const double size = fabs(value);
    int places = size > 0 ? digits - 1 - (int)floor(log10(size)) : 0;
    if (size > 0 && (size < 1e-4 || size >= 1e9))
        snprintf(f.text, sizeof f.text, "%.*e", digits - 1, value);
    else
        snprintf(f.text, sizeof f.text, "%.*f", places < 0 ? 0 : places > 9 ? 9 : places, value);
    use_points(f.text);
    return f;
}

/* ---- Markdown ---------------------------------------------------------------------------------------------------- */

void report_plain(text *out, const char *value) {
    for (const char *c = value ? value : "unknown"; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            text_append(out, " ", 1);
        else if (strchr("\\`*_{}[]<>#|&~", *c))
            text_printf(out, "\\%c", *c);
        else
            text_append(out, c, 1);
    }
}

static void put_row(text *out, const record *r) {
    text_printf(out, "| ");
    report_plain(out, r->device.board ? r->device.board : r->device.name);
    text_printf(out, " | ");
    report_plain(out, r->device.platform);
    text_printf(out, ", ");
    report_plain(out, r->device.driver);
    text_printf(out, " | ");
    report_plain(out, r->workload.name);
    text_printf(out, "%s | ", r->workload.quick ? " (quick)" : "");
    if (r->has_headline)
        text_printf(out, "%s | %s | %s | ", figure_of(r->speed, 3).text, figure_of(r->seconds, 3).text,
                    figure_of(r->first_seconds, 3).text);
    else
        text_printf(out, "- | - | - | ");
    const double seconds = record_evaluation_seconds(r), rate = record_gflops(r);
    text_printf(out, "%s | %s | %s | %s | ", figure_of(1e3 * seconds, 3).text, figure_of(rate, 3).text,
                figure_of(100 * rate / record_peak(r, "f32"), 3).text,
                figure_of(r->device_memory > 0 ? 1e-6 * r->device_memory : NAN, 3).text);
    text_printf(out, "%s | ",
                r->energy_reason || !r->has_headline ? "-" : figure_of(r->joules / r->workload.audio_seconds, 3).text);
    if (r->failure)
        report_plain(out, r->failure);
    else
        text_printf(out, "%s", r->correct ? "correct" : "**WRONG**");
    text_printf(out, " |\n");
}

void report_table(text *out, const record *r, size_t count) {
    size_t *order = calloc(count + 1, sizeof *order);
    if (!order) {
        out->failed = true;
        return;
    }
    report_order(r, count, order);
    text_printf(out, "| device | platform, driver | workload | seconds of sound a second | clip, s | first time, s | "
                     "evaluation, ms | "
                     "GFLOP/s | %% of f32 peak | device MB | J a second of sound | results |\n"
                     "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n");
    for (size_t i = 0; i < count; i++)
        put_row(out, &r[order[i]]);
    free(order);
}

static void put_measurements(text *out, const measurement *m, int count, bool stages) {
    text_printf(
        out,
        stages
            ? "| stage | cold | median | p10 | p90 | samples | |\n| --- | ---: | ---: | ---: | ---: | ---: | --- |\n"
            : "| probe | median | p10 | p90 | samples | unit | |\n| --- | ---: | ---: | ---: | ---: | --- | --- |\n");
    for (int i = 0; i < count; i++) {
        const summary s = summarise(&m[i].warm);
        text_printf(out, "| ");
        report_plain(out, m[i].name);
        if (stages)
            text_printf(out, " | %s", m[i].has_cold ? figure_of(m[i].cold, 4).text : "-");
        text_printf(out, " | %s | %s | %s | %d | ", figure_of(s.median, 4).text, figure_of(s.p10, 4).text,
                    figure_of(s.p90, 4).text, s.count);
        if (!stages) {
            report_plain(out, m[i].unit);
            text_printf(out, " | ");
        }
        report_plain(out, m[i].reason ? m[i].reason : m[i].detail);
        text_printf(out, " |\n");
    }
    text_printf(out, "\n");
}

static void put_quantities(text *out, const record *r) {
    text_printf(
        out,
        "| compared | precision | largest error | allowed | SNR, dB | |\n| --- | --- | ---: | ---: | ---: | --- |\n");
    for (int i = 0; i < r->quantities; i++) {
        const record_quantity *q = &r->quantity[i];
        text_printf(out, "| ");
        report_plain(out, q->name);
        text_printf(out, " | ");
        report_plain(out, q->precision);
        text_printf(out, " | %s | %s | %s | %s |\n", figure_of(q->max_abs_error, 3).text,
                    figure_of(q->tolerance * q->scale, 3).text, figure_of(q->snr_db, 4).text,
                    q->pass ? "pass" : "**FAIL**");
    }
    text_printf(out, "\n");
}

static void put_top(text *out, const record *r) {
    int top[RECORD_TOP_NODES];
    const int count = record_top(r, top);
    if (!count)
        return;
    text_printf(out, "| node | operation | where | ms | GFLOP/s | GB/s | %% of its roof |\n"
                     "| --- | --- | --- | ---: | ---: | ---: | ---: |\n");
    for (int i = 0; i < count; i++) {
        const record_node *n = &r->node[top[i]];
        bool memory = false;
        const double share = node_share(r, n, &memory);
        text_printf(out, "| ");
        report_plain(out, n->name);
        text_printf(out, " | ");
        report_plain(out, n->operation);
        text_printf(out, ", ");
        report_plain(out, n->variant);
        text_printf(out, " | ");
        report_plain(out, n->place);
        text_printf(out, " | %s | %s | %s | %s%s |\n", figure_of(1e3 * n->seconds, 3).text,
                    figure_of(1e-9 * n->flop / n->seconds, 3).text, figure_of(1e-9 * n->bytes / n->seconds, 3).text,
                    figure_of(100 * share, 3).text, isfinite(share) ? memory ? " memory" : " f32" : "");
    }
    text_printf(out, "\n");
}

static void put_facts(text *out, const record *r) {
    text_printf(out, "- device: ");
    report_plain(out, r->device.type);
    text_printf(out, ", %.0f units, %.0f MHz, %s GB, ", r->device.compute_units, r->device.clock_mhz,
                figure_of(1e-9 * r->device.memory, 3).text);
    report_plain(out, r->device.version);
    text_printf(out, ", driver ");
    report_plain(out, r->device.driver);
    text_printf(out, "\n- machine: ");
    report_plain(out, r->machine.board);
    text_printf(out, "; ");
    report_plain(out, r->machine.processor);
    text_printf(out, ", %d processors, %s GB; ", r->machine.processors, figure_of(1e-9 * r->machine.memory, 3).text);
    report_plain(out, r->machine.system);
    text_printf(out, "\n- loris-cl ");
    report_plain(out, r->version);
    text_printf(out, ", ");
    report_plain(out, r->build);
    text_printf(out, ", backend ");
    report_plain(out, r->backend);
    text_printf(out, ", precision ");
    report_plain(out, r->precision);
    text_printf(out, ", ");
    report_plain(out, r->when);
    text_printf(out, "\n- work: ");
    report_plain(out, r->workload.what);
    text_printf(out, "\n- memory: %s MB on the device, %s MB of the host\n- energy: ",
                figure_of(1e-6 * r->device_memory, 4).text, figure_of(1e-6 * r->host_memory, 4).text);
    if (r->energy_reason)
        report_plain(out, r->energy_reason);
    else
        text_printf(out, "%s J for a clip, %s W", figure_of(r->joules, 3).text,
                    figure_of(r->joules / r->energy_seconds, 3).text);
    text_printf(out, "\n- clock: ");
    if (r->clock_reason)
        report_plain(out, r->clock_reason);
    else
        text_printf(out, "%.0f MHz before, %.0f MHz after", r->clock_before, r->clock_after);
    text_printf(out, "\n- load: %s before, %s after\n", r->load_before < 0 ? "-" : figure_of(r->load_before, 3).text,
                r->load_after < 0 ? "-" : figure_of(r->load_after, 3).text);
    for (int i = 0; i < r->notes; i++) {
        text_printf(out, "- note: ");
        report_plain(out, r->note[i]);
        text_printf(out, "\n");
    }
    text_printf(out, "\n");
}

void report_markdown(text *out, const record *r, size_t count) {
    text_printf(out, "# loris-cl bench\n\n");
    report_table(out, r, count);
    for (size_t i = 0; i < count; i++) {
        text_printf(out, "\n## ");
        report_plain(out, r[i].device.name);
        text_printf(out, " (");
        report_plain(out, r[i].device.platform);
        text_printf(out, "), ");
        report_plain(out, r[i].workload.name);
        text_printf(out, "\n\n");
        if (r[i].headline_reason) {
            text_printf(out, "No headline: ");
            report_plain(out, r[i].failure ? r[i].failure : r[i].headline_reason);
            text_printf(out, ".\n\n");
        }
        put_facts(out, &r[i]);
        if (r[i].failure)
            continue;
        put_quantities(out, &r[i]);
        put_measurements(out, r[i].stage, r[i].stages, true);
        put_measurements(out, r[i].probe, r[i].probes, false);
        put_top(out, &r[i]);
    }
}

/* ---- CSV --------------------------------------------------------------------------------------------------------- */

/* Quoted always; a spreadsheet takes what begins like a formula for one, so it gets a leading apostrophe. */
static void put_field(text *out, const char *value, bool last) {
    text_append(out, "\"", 1);
    if (value && strchr("=+-@\t\r", *value) && *value)
        text_append(out, "'", 1);
    for (const char *c = value ? value : ""; *c; c++)
        text_append(out, *c == '"' ? "\"\"" : c, *c == '"' ? 2 : 1);
    text_append(out, last ? "\"\r\n" : "\",", last ? 3 : 2);
}

static void put_value(text *out, const record *r, const char *kind, const char *name, const char *unit,
                      const char *which, double value) {
    char digits[40] = "";
    if (!isfinite(value))
        return;
    snprintf(digits, sizeof digits, "%.9g", value);
    use_points(digits);
    put_field(out, r->device.name, false);
    put_field(out, r->device.platform, false);
    put_field(out, r->device.driver, false);
    put_field(out, r->workload.name, false);
    put_field(out, kind, false);
    put_field(out, name, false);
    put_field(out, unit, false);
    text_printf(out, "%s,%s\r\n", which, digits);
}

static void put_samples(text *out, const record *r, const char *kind, const measurement *m) {
    char which[16];
    if (m->has_cold)
        put_value(out, r, kind, m->name, m->unit, "cold", m->cold);
    for (int i = 0; i < m->warm.count; i++) {
        snprintf(which, sizeof which, "%d", i + 1);
        put_value(out, r, kind, m->name, m->unit, which, m->warm.value[i]);
    }
}

void report_csv(text *out, const record *r, size_t count) {
    text_printf(out, "device,platform,driver,workload,kind,name,unit,sample,value\r\n");
    for (size_t i = 0; i < count; i++, r++) {
        if (r->has_headline) {
            put_value(out, r, "headline", "speed", "seconds of sound a second", "median", r->speed);
            put_value(out, r, "headline", "clip", "s", "median", r->seconds);
            put_value(out, r, "headline", "first time", "s", "cold", r->first_seconds);
        }
        for (int k = 0; k < r->quantities; k++)
            put_value(out, r, "error", r->quantity[k].name, "of the scale", r->quantity[k].pass ? "pass" : "fail",
                      r->quantity[k].max_abs_error / r->quantity[k].scale);
        for (int k = 0; k < r->stages; k++)
            put_samples(out, r, "stage", &r->stage[k]);
        for (int k = 0; k < r->probes; k++)
            put_samples(out, r, "probe", &r->probe[k]);
        for (int k = 0; k < r->nodes; k++)
            put_value(out, r, "node", r->node[k].name, "s", "median", r->node[k].seconds);
        if (!r->energy_reason)
            put_value(out, r, "energy", "sampling of a clip", "J", "mean", r->joules);
        put_value(out, r, "memory", "device", "bytes", "planned", r->device_memory);
        put_value(out, r, "memory", "host", "bytes", "most", r->host_memory);
    }
}
