/* The page on benchmarks. Light and dark as the reader prefers; on a narrow screen figures stand below their names, and
 * tables scroll by themselves. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/report.h"
#include "core/markup.h"

static const char style_sheet[] =
    ":root{color-scheme:light "
    "dark;--ink:#1c2028;--faint:#5a6270;--page:#fcfcfd;--card:#fff;--edge:#d8dbe2;--bar:#1559b3;"
    "--bad:#b3261e;--s0:#7d8590;--s1:#2f8f7f;--s2:#b58900;--s3:#1559b3;--s4:#6f63b8;--s5:#8a6d5a}\n"
    "@media "
    "(prefers-color-scheme:dark){:root{--ink:#e8eaef;--faint:#a2aab8;--page:#14171c;--card:#1b1f26;--edge:#2d323b;"
    "--bar:#7db6ff;--bad:#ff8a80;--s0:#aab2bd;--s1:#5cc9b5;--s2:#e0bd4f;--s3:#7db6ff;--s4:#a79bf0;--s5:#c4a48f}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0 auto;padding:1.2rem;max-width:76rem;background:var(--page);color:var(--ink);"
    "font:1rem/1.45 system-ui,-apple-system,\"Segoe UI\",Helvetica,Arial,sans-serif}\n"
    "h1{font-size:1.5rem;margin:0 0 .3rem}h2{font-size:1.15rem;margin:1.8rem 0 .5rem}h3{font-size:1rem;margin:1rem 0 "
    ".3rem}\n"
    "p{margin:.3rem 0;max-width:60rem}small,.key,.none,figcaption,dt{color:var(--faint)}\n"
    ".bars{display:grid;gap:.35rem}.bar{display:grid;grid-template-columns:minmax(12rem,24rem) 1fr 5rem;gap:.8rem;"
    "align-items:center}.name{overflow-wrap:anywhere}.figure{text-align:right;font-variant-numeric:tabular-nums}\n"
    ".bar .none{grid-column:2/-1}.track,.stack{display:flex;height:1.25rem;gap:2px}\n"
    ".track i{background:var(--bar);border-radius:0 4px 4px 0;min-width:2px}.stack i{flex:1 1 0;min-width:1px}\n"
    ".key span{padding-right:1rem;white-space:nowrap}.key "
    "i{display:inline-block;width:.8em;height:.8em;margin-right:.35em;"
    "border-radius:2px}\n"
    ".s0{background:var(--s0)}.s1{background:var(--s1)}.s2{background:var(--s2)}.s3{background:var(--s3)}"
    ".s4{background:var(--s4)}.s5{background:var(--s5)}\n"
    ".rooflines{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(20rem,100%),1fr));gap:1rem}\n"
    "figure{margin:0;padding:.6rem;background:var(--card);border:1px solid var(--edge);border-radius:8px}\n"
    "svg{display:block;width:100%;height:auto}svg text{fill:var(--faint);font-size:12px}svg .label{fill:var(--ink)}\n"
    ".grid{stroke:var(--edge);fill:none}.roof{stroke:var(--ink);stroke-width:2;fill:none}\n"
    "circle{fill:var(--bar);fill-opacity:.45;stroke:var(--bar)}\n"
    ".scroll{overflow-x:auto;border:1px solid var(--edge);border-radius:8px;background:var(--card)}\n"
    "table{border-collapse:collapse;width:100%;font-size:.92rem}th,td{padding:.35rem .6rem;text-align:left;"
    "border-bottom:1px solid var(--edge);vertical-align:top}tr:last-child td{border-bottom:0}\n"
    "td:first-child{min-width:10rem}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}\n"
    "th "
    "button{font:inherit;font-weight:600;color:inherit;background:none;border:0;padding:0;cursor:pointer;text-align:"
    "inherit}\n"
    "th[aria-sort=ascending] button::after{content:\" \\25B4\"}th[aria-sort=descending] button::after{content:\" "
    "\\25BE\"}\n"
    ".bad{color:var(--bad);font-weight:600}\n"
    "details{margin:.6rem 0;padding:.5rem .9rem;background:var(--card);border:1px solid "
    "var(--edge);border-radius:8px}\n"
    "summary{cursor:pointer;font-weight:600;overflow-wrap:anywhere}dl{display:grid;grid-template-columns:max-content "
    "1fr;"
    "gap:.15rem 1rem;margin:.6rem 0}dd{margin:0;overflow-wrap:anywhere}\n"
    "@media (max-width:40rem){body{padding:.8rem}.bar{grid-template-columns:1fr 4.5rem}.bar .name{grid-column:1/-1}"
    ".bar .none{grid-column:1/-1}dl{grid-template-columns:1fr}dt{margin-top:.3rem}}\n";

/* A click on a heading sorts by its column, another one the other way round; rows without a figure stay last. */
static const char script[] =
    "'use strict';\n"
    "for (const table of document.querySelectorAll('table.sorts')) {\n"
    "  const heads = [...table.tHead.rows[0].cells];\n"
    "  heads.forEach((head, column) => head.firstElementChild.addEventListener('click', () => {\n"
    "    const up = head.getAttribute('aria-sort') === 'descending';\n"
    "    for (const other of heads) other.removeAttribute('aria-sort');\n"
    "    head.setAttribute('aria-sort', up ? 'ascending' : 'descending');\n"
    "    const value = row => row.cells[column].dataset.value ?? row.cells[column].textContent;\n"
    "    const rows = [...table.tBodies[0].rows];\n"
    "    rows.sort((a, b) => {\n"
    "      const x = value(a), y = value(b);\n"
    "      if (x === '' || y === '') return (x === '') - (y === '');\n"
    "      const order = head.className === 'n' ? Number(x) - Number(y) : x.localeCompare(y);\n"
    "      return up ? order : -order;\n"
    "    });\n"
    "    table.tBodies[0].append(...rows);\n"
    "  }));\n"
    "}\n";

/* ---- cells ------------------------------------------------------------------------------------------------------- */

static void put_cell(text *out, const char *value) {
    text_printf(out, "<td>");
    markup_text(out, value ? value : "unknown");
    text_printf(out, "</td>");
}

static void put_number(text *out, double value, int digits) {
    char exact[40] = "";
    if (isfinite(value)) {
        const figure f = figure_of(value, 9);
        memcpy(exact, f.text, sizeof f.text);
    }
    text_printf(out, "<td class=\"n\" data-value=\"%s\">%s</td>", exact, figure_of(value, digits).text);
}

static void put_heads(text *out, const char *const *heads, bool sorts) {
    text_printf(out, "<div class=\"scroll\"><table%s><thead><tr>", sorts ? " class=\"sorts\"" : "");
    for (; *heads; heads++) {
        const bool number = **heads == '#'; /* marks a column of numbers */
        text_printf(out, number ? "<th scope=\"col\" class=\"n\">" : "<th scope=\"col\">");
        text_printf(out, sorts ? "<button type=\"button\">%s</button></th>" : "%s</th>", *heads + number);
    }
    text_printf(out, "</tr></thead><tbody>\n");
}

static void end_table(text *out) {
    text_printf(out, "</tbody></table></div>\n");
}

/* ---- the table of all -------------------------------------------------------------------------------------------- */

static void put_row(text *out, const record *r) {
    const double rate = record_gflops(r);
    text_printf(out, "<tr>");
    put_cell(out, r->device.board ? r->device.board : r->device.name);
    put_cell(out, r->device.platform);
    put_cell(out, r->device.driver);
    put_cell(out, r->workload.name);
    put_number(out, r->has_headline ? r->speed : NAN, 3);
    put_number(out, r->has_headline ? r->seconds : NAN, 3);
    put_number(out, r->has_headline ? r->first_seconds : NAN, 3);
    put_number(out, 1e3 * record_evaluation_seconds(r), 3);
    put_number(out, rate, 3);
    put_number(out, 100 * rate / record_peak(r, "f32"), 3);
    put_number(out, r->device_memory > 0 ? 1e-6 * r->device_memory : NAN, 3);
    put_number(out, r->energy_reason || !r->has_headline ? NAN : r->joules / r->workload.audio_seconds, 3);
    if (r->failure)
        text_printf(out, "<td class=\"bad\">no record</td>");
    else
        text_printf(out, r->correct ? "<td>correct</td>" : "<td class=\"bad\">wrong</td>");
    text_printf(out, "</tr>\n");
}

static void put_table(text *out, const record *r, const size_t *order, size_t count) {
    static const char *const heads[] = {"Device",     "Platform", "Driver",         "Work",     "#Sound s/s",
                                        "#Clip s",    "#First s", "#Evaluation ms", "#GFLOP/s", "#% of peak",
                                        "#Device MB", "#J per s", "Results",        NULL};
    put_heads(out, heads, true);
    for (size_t i = 0; i < count; i++)
        put_row(out, &r[order[i]]);
    end_table(out);
}

/* ---- one device -------------------------------------------------------------------------------------------------- */

static void put_fact(text *out, const char *name, const char *value) {
    text_printf(out, "<dt>%s</dt><dd>", name);
    markup_text(out, value ? value : "unknown");
    text_printf(out, "</dd>\n");
}

static void put_facts(text *out, const record *r) {
    text_printf(out, "<dl>\n");
    put_fact(out, "work", r->workload.what);
    put_fact(out, "model", r->workload.model);
    put_fact(out, "device", r->device.version);
    text_printf(out, "<dt>size</dt><dd>%.0f units, %.0f MHz, %s GB, local memory %.0f KiB</dd>\n",
                r->device.compute_units, r->device.clock_mhz, figure_of(1e-9 * r->device.memory, 3).text,
                r->device.local_memory / 1024);
    put_fact(out, "platform", r->device.platform_version);
    put_fact(out, "board", r->machine.board);
    put_fact(out, "processor", r->machine.processor);
    put_fact(out, "system", r->machine.system);
    put_fact(out, "loris-cl", r->version);
    put_fact(out, "build", r->build);
    text_printf(out, "<dt>settings</dt><dd>backend ");
    markup_text(out, r->backend);
    text_printf(out, ", precision ");
    markup_text(out, r->precision);
    text_printf(out, "; ");
    markup_text(out, r->when);
    text_printf(out, "</dd>\n<dt>memory</dt><dd>%s MB on the device, %s MB of the host</dd>\n<dt>energy</dt><dd>",
                figure_of(1e-6 * r->device_memory, 4).text, figure_of(1e-6 * r->host_memory, 4).text);
    if (r->energy_reason)
        markup_text(out, r->energy_reason);
    else
        text_printf(out, "%s J for a clip, %s W", figure_of(r->joules, 3).text,
                    figure_of(r->joules / r->energy_seconds, 3).text);
    text_printf(out, "</dd>\n<dt>clock</dt><dd>");
    if (r->clock_reason)
        markup_text(out, r->clock_reason);
    else
        text_printf(out, "%.0f MHz before, %.0f MHz after", r->clock_before, r->clock_after);
    text_printf(out, "</dd>\n<dt>load</dt><dd>%s before, %s after</dd>\n",
                r->load_before < 0 ? "unknown" : figure_of(r->load_before, 3).text,
                r->load_after < 0 ? "unknown" : figure_of(r->load_after, 3).text);
    for (int i = 0; i < r->notes; i++)
        put_fact(out, "note", r->note[i]);
    text_printf(out, "</dl>\n");
}

static void put_quantities(text *out, const record *r) {
    static const char *const heads[] = {"Compared", "Precision", "#Largest error", "#Allowed", "#SNR dB",
                                        "Result",   NULL};
    text_printf(out, "<h3>Results against golden output</h3>\n");
    put_heads(out, heads, false);
    for (int i = 0; i < r->quantities; i++) {
        const record_quantity *q = &r->quantity[i];
        text_printf(out, "<tr>");
        put_cell(out, q->name);
        put_cell(out, q->precision);
        put_number(out, q->max_abs_error, 3);
        put_number(out, q->tolerance * q->scale, 3);
        put_number(out, q->snr_db, 4);
        text_printf(out, q->pass ? "<td>pass</td></tr>\n" : "<td class=\"bad\">fail</td></tr>\n");
    }
    end_table(out);
}

static void put_measurements(text *out, const measurement *m, int count, bool stages) {
    static const char *const stage_heads[] = {"Stage", "#Cold s", "#Median s", "#p10", "#p90", "#Samples", "", NULL};
    static const char *const probe_heads[] = {"Probe", "Unit", "#Median", "#p10", "#p90", "#Samples", "", NULL};
    text_printf(out, stages ? "<h3>Stages</h3>\n" : "<h3>What the device can do</h3>\n");
    put_heads(out, stages ? stage_heads : probe_heads, false);
    for (int i = 0; i < count; i++) {
        const summary s = summarise(&m[i].warm);
        text_printf(out, "<tr>");
        put_cell(out, m[i].name);
        if (stages)
            put_number(out, m[i].has_cold ? m[i].cold : NAN, 3);
        else
            put_cell(out, m[i].unit);
        put_number(out, s.median, 3);
        put_number(out, s.p10, 3);
        put_number(out, s.p90, 3);
        put_number(out, s.count, 3);
        put_cell(out, m[i].reason ? m[i].reason : m[i].detail);
        text_printf(out, "</tr>\n");
    }
    end_table(out);
}

static void put_top(text *out, const record *r) {
    static const char *const heads[] = {"Node", "Operation", "Variant", "Where it ran", "#ms", "#GFLOP",
                                        "#MB",  "#GFLOP/s",  "#GB/s",   "#% of roof",   NULL};
    int top[RECORD_TOP_NODES];
    const int count = record_top(r, top);
    if (!count)
        return;
    text_printf(out, "<h3>Nodes of an evaluation that took longest</h3>\n");
    put_heads(out, heads, false);
    for (int i = 0; i < count; i++) {
        const record_node *n = &r->node[top[i]];
        text_printf(out, "<tr>");
        put_cell(out, n->name);
        put_cell(out, n->operation);
        put_cell(out, n->variant);
        put_cell(out, n->place);
        put_number(out, 1e3 * n->seconds, 3);
        put_number(out, 1e-9 * n->flop, 3);
        put_number(out, 1e-6 * n->bytes, 3);
        put_number(out, 1e-9 * n->flop / n->seconds, 3);
        put_number(out, 1e-9 * n->bytes / n->seconds, 3);
        put_number(out, 100 * node_share(r, n, NULL), 3);
        text_printf(out, "</tr>\n");
    }
    end_table(out);
}

static void put_details(text *out, const record *r) {
    text_printf(out, "<details><summary>");
    markup_text(out, r->device.name);
    text_printf(out, " (");
    markup_text(out, r->device.platform);
    text_printf(out, "), ");
    markup_text(out, r->workload.name);
    text_printf(out, "</summary>\n");
    if (r->headline_reason) {
        text_printf(out, "<p class=\"bad\">No headline: ");
        markup_text(out, r->failure ? r->failure : r->headline_reason);
        text_printf(out, ".</p>\n");
    }
    put_facts(out, r);
    if (!r->failure) {
        put_quantities(out, r);
        put_measurements(out, r->stage, r->stages, true);
        put_measurements(out, r->probe, r->probes, false);
        put_top(out, r);
    }
    text_printf(out, "</details>\n");
}

/* ---- the page ---------------------------------------------------------------------------------------------------- */

static void put_page(text *out, const record *r, const size_t *order, size_t count) {
    text_printf(out,
                "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
                "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
                "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
                "script-src 'unsafe-inline'\"/>\n<title>loris-cl bench</title>\n<style>\n%s</style>\n</head>\n<body>\n"
                "<h1>loris-cl bench</h1>\n<p>%zu records. Each device does the same work and has its results compared "
                "with golden "
                "output; one that computes wrong results has no headline. Figures are medians of repeated "
                "measurements, all of which "
                "are in the record.</p>\n",
                style_sheet, count);
    text_printf(out, "<h2>Speed: seconds of sound made a second</h2>\n");
    chart_speeds(out, r, order, count);
    text_printf(out, "<h2>All figures</h2>\n");
    put_table(out, r, order, count);
    text_printf(out, "<h2>Where the time of a clip goes</h2>\n");
    chart_stages(out, r, order, count);
    text_printf(out, "<h2>Rooflines</h2>\n<p>The line is what the device can do at most, as measured by probes: memory "
                     "to the left of the "
                     "bend, f32 arithmetic to the right. Circles are nodes of one evaluation, larger the longer they "
                     "take. Lower precision "
                     "than f32 and data in caches can lie above the line.</p>\n");
    chart_rooflines(out, r, order, count);
    text_printf(out, "<h2>Each device</h2>\n");
    for (size_t i = 0; i < count; i++)
        put_details(out, &r[order[i]]);
    text_printf(out, "<script>\n%s</script>\n</body>\n</html>\n", script);
}

void report_html(text *out, const record *r, size_t count) {
    size_t *order = calloc(count + 1, sizeof *order);
    if (!order) {
        out->failed = true;
        return;
    }
    report_order(r, count, order);
    put_page(out, r, order, count);
    free(order);
}
