/* The charts of a benchmark's page: bars of HTML, which any width suits, and rooflines as SVG. */
#include <math.h>
#include <string.h>

#include "bench/report.h"
#include "core/markup.h"

/* ---- speeds ------------------------------------------------------------------------------------------------------ */

static void put_name(text *out, const record *r) {
    text_printf(out, "<span class=\"name\">");
    markup_text(out, r->device.board ? r->device.board : r->device.name);
    text_printf(out, " <small>");
    markup_text(out, r->device.platform);
    text_printf(out, ", ");
    markup_text(out, r->workload.name);
    text_printf(out, "%s</small></span>", r->workload.quick ? ", quick" : "");
}

static double fastest(const record *r, size_t count) {
    double most = 0;
    for (size_t i = 0; i < count; i++)
        if (r[i].has_headline)
            most = fmax(most, r[i].speed);
    return most;
}

void chart_speeds(text *out, const record *r, const size_t *order, size_t count) {
    const double most = fastest(r, count);
    text_printf(out, "<div class=\"bars\">\n");
    for (size_t i = 0; i < count; i++) {
        const record *one = &r[order[i]];
        text_printf(out, "<div class=\"bar\">");
        put_name(out, one);
        if (one->has_headline) {
            text_printf(out,
                        "<span class=\"track\"><i style=\"width:%s%%\"></i></span><span class=\"figure\">%s</span>",
                        decimal_of(100 * one->speed / most, 2).text, figure_of(one->speed, 3).text);
        } else {
            text_printf(out, "<span class=\"none\">no headline: ");
            markup_text(out, one->failure ? one->failure : one->headline_reason);
            text_printf(out, "</span>");
        }
        text_printf(out, "</div>\n");
    }
    text_printf(out, "</div>\n");
}

/* ---- stages ------------------------------------------------------------------------------------------------------ */

static const char *const colours[] = {"decode", "flow", "compose", "sampling", "phase", "write"};
enum { COLOURS = sizeof colours / sizeof *colours };

static int colour_of(const char *stage) {
    for (int i = 0; i < COLOURS; i++)
        if (!strcmp(stage, colours[i]))
            return i;
    return -1;
}

/* What a stage adds to a clip, warm. */
static double share_of(const record *r, const measurement *m) {
    double seconds = m->warm.count ? summarise(&m->warm).median : 0;
    if (!strcmp(m->name, "sampling") && r->workload.further_evaluations)
        seconds += r->workload.further_evaluations * record_evaluation_seconds(r);
    return colour_of(m->name) < 0 ? 0 : seconds;
}

static void put_stack(text *out, const record *r) {
    text_printf(out, "<div class=\"bar\">");
    put_name(out, r);
    text_printf(out, "<span class=\"stack\">");
    for (int i = 0; i < r->stages; i++) {
        const double seconds = share_of(r, &r->stage[i]);
        if (!(seconds > 0))
            continue;
        text_printf(out, "<i class=\"s%d\" style=\"flex-grow:%s\" title=\"", colour_of(r->stage[i].name),
                    decimal_of(1000 * seconds / r->seconds, 2).text);
        markup_text(out, r->stage[i].name);
        text_printf(out, ": %s s, %s %%\"></i>", figure_of(seconds, 3).text,
                    figure_of(100 * seconds / r->seconds, 3).text);
    }
    text_printf(out, "</span><span class=\"figure\">%s s</span></div>\n", figure_of(r->seconds, 3).text);
}

void chart_stages(text *out, const record *r, const size_t *order, size_t count) {
    text_printf(out, "<p class=\"key\">");
    for (int i = 0; i < COLOURS; i++)
        text_printf(out, "<span><i class=\"s%d\"></i>%s</span> ", i, colours[i]);
    text_printf(out, "</p>\n<div class=\"bars\">\n");
    for (size_t i = 0; i < count; i++)
        if (r[order[i]].has_headline)
            put_stack(out, &r[order[i]]);
    text_printf(out, "</div>\n");
}

/* ---- rooflines --------------------------------------------------------------------------------------------------- */

enum { WIDTH = 420, HEIGHT = 300, LEFT = 48, RIGHT = 10, TOP = 12, BOTTOM = 42 };

typedef struct axes {
    double x0, x1, y0, y1; /* decades */
} axes;

static decimal at_x(const axes *a, double value) {
    const double part = (log10(value) - a->x0) / (a->x1 - a->x0);
    return decimal_of(LEFT + fmin(fmax(part, 0), 1) * (WIDTH - LEFT - RIGHT), 1);
}

static decimal at_y(const axes *a, double value) {
    const double part = (log10(value) - a->y0) / (a->y1 - a->y0);
    return decimal_of(HEIGHT - BOTTOM - fmin(fmax(part, 0), 1) * (HEIGHT - TOP - BOTTOM), 1);
}

static bool is_point(const record_node *n) {
    return n->flop > 0 && n->bytes > 0 && n->seconds > 0;
}

/* Whole decades around the roof and all nodes, three at least and eight at most down from the roof. */
static axes axes_of(const record *r, double flops, double memory) {
    const double top = ceil(log10(flops) + 0.15);
    axes a = {.x0 = -1, .x1 = ceil(log10(flops / memory)) + 1, .y0 = top - 3, .y1 = top};
    for (int i = 0; i < r->nodes; i++) {
        if (!is_point(&r->node[i]))
            continue;
        const double intensity = log10(r->node[i].flop / r->node[i].bytes),
                     rate = log10(r->node[i].flop / r->node[i].seconds * 1e-9);
        a.x0 = fmax(fmin(a.x0, floor(intensity)), -3);
        a.x1 = fmin(fmax(a.x1, ceil(intensity)), 5);
        a.y0 = fmax(fmin(a.y0, floor(rate)), top - 8);
        a.y1 = fmin(fmax(a.y1, ceil(rate)), top + 1);
    }
    return a;
}

static void put_grid(text *out, const axes *a) {
    text_printf(out, "<path class=\"grid\" d=\"");
    for (int x = (int)a->x0; x <= (int)a->x1; x++)
        text_printf(out, "M%s %dV%d", at_x(a, pow(10, x)).text, TOP, HEIGHT - BOTTOM);
    for (int y = (int)a->y0; y <= (int)a->y1; y++)
        text_printf(out, "M%d %sH%d", LEFT, at_y(a, pow(10, y)).text, WIDTH - RIGHT);
    text_printf(out, "\"/>\n");
    for (int x = (int)a->x0; x <= (int)a->x1; x++)
        text_printf(out, "<text x=\"%s\" y=\"%d\" text-anchor=\"%s\">%s</text>\n", at_x(a, pow(10, x)).text,
                    HEIGHT - BOTTOM + 16, x == (int)a->x1 ? "end" : "middle", figure_of(pow(10, x), 1).text);
    for (int y = (int)a->y0; y <= (int)a->y1; y++)
        text_printf(out, "<text x=\"%d\" y=\"%s\" text-anchor=\"end\" dy=\"4\">%s</text>\n", LEFT - 5,
                    at_y(a, pow(10, y)).text, figure_of(pow(10, y), 1).text);
    text_printf(out,
                "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">FLOP a byte</text>\n"
                "<text x=\"%d\" y=\"%d\" transform=\"rotate(-90 12 %d)\" text-anchor=\"middle\">GFLOP/s</text>\n",
                WIDTH - RIGHT, HEIGHT - 6, 12, HEIGHT / 2 - 10, HEIGHT / 2 - 10);
}

/* A circle's area is the node's share of the evaluation. */
static void put_points(text *out, const axes *a, const record *r) {
    double all = 0;
    for (int i = 0; i < r->nodes; i++)
        all += r->node[i].seconds;
    for (int i = 0; i < r->nodes; i++) {
        const record_node *n = &r->node[i];
        if (!is_point(n))
            continue;
        const double share = n->seconds / all;
        text_printf(out, "<circle cx=\"%s\" cy=\"%s\" r=\"%s\"><title>", at_x(a, n->flop / n->bytes).text,
                    at_y(a, n->flop / n->seconds * 1e-9).text,
                    decimal_of(fmin(1.5 + 40 * sqrt(share / 3.2), 16), 1).text);
        markup_text(out, n->name);
        text_printf(out, ", ");
        markup_text(out, n->operation);
        text_printf(out, ", ");
        markup_text(out, n->place);
        text_printf(out, ": %s ms, %s %% of an evaluation, %s %% of its roof</title></circle>\n",
                    figure_of(1e3 * n->seconds, 3).text, figure_of(100 * share, 2).text,
                    figure_of(100 * node_share(r, n, NULL), 2).text);
    }
}

static void put_roofline(text *out, const record *r) {
    const double flops = record_peak(r, "f32"), memory = record_peak(r, "memory");
    text_printf(out, "<figure><figcaption>");
    put_name(out, r);
    text_printf(out, "</figcaption>\n");
    if (!(flops > 0) || !(memory > 0) || !r->nodes) {
        text_printf(out, "<p class=\"none\">Nodes or the device's peaks were not measured");
        if (r->nodes_reason) {
            text_printf(out, ": ");
            markup_text(out, r->nodes_reason);
        }
        text_printf(out, ".</p></figure>\n");
        return;
    }
    const axes a = axes_of(r, flops, memory);
    text_printf(out,
                "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"Roofline: %s GFLOP/s, %s GB/s, %d nodes\">\n",
                WIDTH, HEIGHT, figure_of(flops, 3).text, figure_of(memory, 3).text, r->nodes);
    put_grid(out, &a);
    const double left = pow(10, a.x0), right = pow(10, a.x1), ridge = flops / memory;
    const double lowest = pow(10, a.y0), start = fmax(left, lowest / memory);
    text_printf(out, "<path class=\"roof\" d=\"M%s %sL%s %sH%s\"/>\n", at_x(&a, start).text,
                at_y(&a, start * memory).text, at_x(&a, ridge).text, at_y(&a, flops).text, at_x(&a, right).text);
    text_printf(out, "<text class=\"label\" x=\"%d\" y=\"%s\" dy=\"-5\" text-anchor=\"end\">%s GFLOP/s f32</text>\n",
                WIDTH - RIGHT, at_y(&a, flops).text, figure_of(flops, 3).text);
    text_printf(out, "<text class=\"label\" x=\"%s\" y=\"%s\" dx=\"6\" dy=\"4\">%s GB/s</text>\n",
                at_x(&a, ridge / 8).text, at_y(&a, flops / 12).text, figure_of(memory, 3).text);
    put_points(out, &a, r);
    text_printf(out, "</svg></figure>\n");
}

void chart_rooflines(text *out, const record *r, const size_t *order, size_t count) {
    text_printf(out, "<div class=\"rooflines\">\n");
    for (size_t i = 0; i < count; i++)
        if (!r[order[i]].failure)
            put_roofline(out, &r[order[i]]);
    text_printf(out, "</div>\n");
}
