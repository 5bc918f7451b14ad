#include "rhythm/picture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/markup.h"
#include "rhythm/tempo.h"

/* In user units, which are pixels where the picture is shown 1000 wide. */
static const double WIDTH = 1000, LEFT = 78, RIGHT = 22, MARGIN = 20, HEAD = 76, FOOT = 8;
static const double LEADER = 16, FLUX = 58, BEATS = 30, ENERGY = 36, AXIS = 24, ROW_GAP = 22, LANE_GAP = 10;
static const double CAPTION = 16, THUMBNAIL_GAP = 8, TICK_ROOM = 46;
static const double LONGEST_ROW = 20;

typedef struct layout {
    const rhythm *rhythm;
    double seconds; /* of a row */
    size_t rows;
    double thumbnail_w, thumbnail_h;  /* 0 = there is none */
    double flux, beats, energy, axis; /* of a row, from its top: the flux's axis, tops of lanes, the seconds' line */
    double row_height;
} layout;

/* ---- layout ------------------------------------------------------------------------------------------------------ */

static layout layout_of(const rhythm *r, double aspect) {
    layout l = {.rhythm = r, .rows = (size_t)fmax(1, ceil(r->duration / LONGEST_ROW - 1e-9))};
    l.seconds = r->duration / (double)l.rows;
    if (aspect > 0) {
        const double longest = (double)PICTURE_THUMBNAIL / 2;
        l.thumbnail_w = aspect >= 1 ? longest : longest * aspect;
        l.thumbnail_h = l.thumbnail_w / aspect;
    }
    double above = aspect > 0 ? CAPTION + l.thumbnail_h + LEADER : 0;
    l.flux = above + FLUX;
    l.beats = l.flux + FLUX + LANE_GAP;
    l.energy = l.beats + BEATS + LANE_GAP;
    l.axis = l.energy + ENERGY;
    l.row_height = l.axis + AXIS + ROW_GAP;
    return l;
}

static size_t row_of(const layout *l, double time) {
    double row = floor(time / l->seconds);
    return row < 1 ? 0 : row >= (double)l->rows ? l->rows - 1 : (size_t)row;
}

static double x_in_row(const layout *l, double time, size_t row) {
    return LEFT + (time - (double)row * l->seconds) / l->seconds * (WIDTH - LEFT - RIGHT);
}

static double x_of(const layout *l, double time) {
    return x_in_row(l, time, row_of(l, time));
}

static double top_of(const layout *l, size_t row) {
    return HEAD + (double)row * l->row_height;
}

/* Left edge of the thumbnail of an event. */
static double thumbnail_left(const layout *l, double time) {
    return fmin(fmax(x_of(l, time) - l->thumbnail_w / 2, LEFT), WIDTH - RIGHT - l->thumbnail_w);
}

static bool finds_room(const layout *l, double time, const double *taken, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (row_of(l, taken[i]) == row_of(l, time) &&
            fabs(thumbnail_left(l, taken[i]) - thumbnail_left(l, time)) < l->thumbnail_w + THUMBNAIL_GAP)
            return false;
    return true;
}

static int stronger(const void *a, const void *b) {
    const rhythm_event *one = a, *other = b;
    if (one->strength != other->strength)
        return one->strength > other->strength ? -1 : 1;
    return (one->time > other->time) - (one->time < other->time);
}

static int earlier(const void *a, const void *b) {
    const double *one = a, *other = b;
    return (*one > *other) - (*one < *other);
}

loris_status picture_moments(double **times, size_t *count, const rhythm *r, double aspect) {
    layout l = layout_of(r, aspect);
    *count = 0;
    *times = calloc(r->event_count + 1, sizeof **times);
    rhythm_event *ranked = calloc(r->event_count + 1, sizeof *ranked);
    if (!*times || !ranked) {
        free(ranked);
        free(*times);
        *times = NULL;
        return fail_memory("a picture");
    }
    if (r->event_count)
        memcpy(ranked, r->events, r->event_count * sizeof *ranked);
    qsort(ranked, r->event_count, sizeof *ranked, stronger);
    for (size_t i = 0; i < r->event_count; i++)
        if (finds_room(&l, ranked[i].time, *times, *count))
            (*times)[(*count)++] = ranked[i].time;
    qsort(*times, *count, sizeof **times, earlier);
    free(ranked);
    return LORIS_OK;
}

/* ---- elements ---------------------------------------------------------------------------------------------------- */

static void line(text *out, const char *class, double x1, double y1, double x2, double y2) {
    text_printf(out, "<line class=\"%s\" x1=\"%s\" y1=\"%s\" x2=\"%s\" y2=\"%s\"/>\n", class, decimal_of(x1, 1).text,
                decimal_of(y1, 1).text, decimal_of(x2, 1).text, decimal_of(y2, 1).text);
}

/* `class` may name an anchor as well: "small end". */
static void label(text *out, const char *class, double x, double y, const char *words) {
    text_printf(out, "<text class=\"%s\" x=\"%s\" y=\"%s\">", class, decimal_of(x, 1).text, decimal_of(y, 1).text);
    markup_text(out, words);
    text_printf(out, "</text>\n");
}

static void point(text *out, char command, double x, double y) {
    text_printf(out, "%c%s %s", command, decimal_of(x, 1).text, decimal_of(y, 1).text);
}

/* A disc for onsets, a diamond for impacts: told apart without colour too. */
static void marker(text *out, event_kind kind, double x, double y, double size) {
    decimal across = decimal_of(x, 1), down = decimal_of(y, 1), half = decimal_of(1.2 * size, 1);
    if (kind == EVENT_ONSET)
        text_printf(out, "<circle cx=\"%s\" cy=\"%s\" r=\"%s\"/>", across.text, down.text, decimal_of(size, 1).text);
    else
        text_printf(out, "<path d=\"M%s %sm0 -%sl%s %s -%s %s -%s -%sz\"/>", across.text, down.text, half.text,
                    half.text, half.text, half.text, half.text, half.text, half.text);
}

/* ---- lanes ------------------------------------------------------------------------------------------------------- */

/* values[0..count), `step` seconds apart, drawn from `base` towards `base + height` (negative: up). */
static void curve(text *out, const layout *l, size_t row, const char *class, const float *values, size_t count,
                  double step, double base, double height) {
    double from = (double)row * l->seconds, to = from + l->seconds;
    size_t first = (size_t)ceil(from / step - 1e-9), last = first;
    text_printf(out, "<path class=\"%s\" d=\"", class);
    point(out, 'M', x_in_row(l, from, row), base);
    for (; last < count && (double)last * step <= to; last++)
        point(out, 'L', x_in_row(l, (double)last * step, row), base + (double)values[last] * height);
    point(out, 'L', x_in_row(l, last > first ? (double)(last - 1) * step : from, row), base);
    text_printf(out, "Z\"/>\n");
}

static void draw_flux(text *out, const layout *l, size_t row, const flux *f) {
    double top = top_of(l, row), base = top + l->flux;
    if (f && f->count && f->step > 0) {
        curve(out, l, row, "curve onset", f->onset, f->count, f->step, base, -FLUX);
        curve(out, l, row, "curve impact", f->impact, f->count, f->step, base, FLUX);
    }
    line(out, "base", LEFT, base, WIDTH - RIGHT, base);
    label(out, "small end onset", LEFT - 10, base - FLUX / 2 - 3, "starts");
    label(out, "faint end", LEFT - 10, base - FLUX / 2 + 10, "flux up");
    label(out, "small end impact", LEFT - 10, base + FLUX / 2, "stops");
    label(out, "faint end", LEFT - 10, base + FLUX / 2 + 13, "flux down");
}

static void draw_events(text *out, const layout *l, size_t row) {
    double base = top_of(l, row) + l->flux;
    for (size_t i = 0; i < l->rhythm->event_count; i++) {
        const rhythm_event *e = &l->rhythm->events[i];
        if (row_of(l, e->time) != row)
            continue;
        const char *kind = e->kind == EVENT_IMPACT ? "impact" : "onset";
        double strength = (double)e->strength, x = x_of(l, e->time);
        double y = base + (e->kind == EVENT_IMPACT ? 1 : -1) * (6 + strength * (FLUX - 6));
        text_printf(out, "<g class=\"event %s\"><title>%s at %s s, strength %s</title>", kind, kind,
                    decimal_of(e->time, 3).text, decimal_of(strength, 2).text);
        line(out, "stem", x, base, x, y);
        marker(out, e->kind, x, y, 2.2 + 2.6 * strength);
        text_printf(out, "</g>\n");
    }
}

static bool is_downbeat(const rhythm *r, double beat, size_t *bar) {
    for (size_t i = 0; i < r->downbeat_count; i++)
        if (fabs(r->downbeats[i] - beat) < 1e-3) {
            *bar = i + 1;
            return true;
        }
    return false;
}

static void draw_beats(text *out, const layout *l, size_t row) {
    const rhythm *r = l->rhythm;
    double top = top_of(l, row), upper = top + l->flux - FLUX, lane = top + l->beats, bottom = top + l->axis;
    double last_number = -HUGE_VAL;
    label(out, "small end", LEFT - 10, lane + 19, "beats");
    for (size_t i = 0; i < r->beat_count; i++) {
        size_t bar = 0;
        if (row_of(l, r->beats[i]) != row)
            continue;
        double x = x_of(l, r->beats[i]);
        bool down = is_downbeat(r, r->beats[i], &bar);
        line(out, down ? "grid bar" : "grid", x, upper, x, bottom);
        line(out, down ? "beat bar" : "beat", x, lane + (down ? 4 : 13), x, lane + BEATS - 4);
        if (down && x - last_number > 22) {
            char number[24];
            snprintf(number, sizeof number, "%zu", bar);
            label(out, "faint", x + 4, lane + 13, number);
            last_number = x;
        }
    }
    if (!r->beat_count)
        label(out, "faint", LEFT + 4, lane + 19, "no pulse");
}

static double energy_at(const rhythm *r, double time) {
    size_t next = 0;
    while (next < r->energy_count && r->energy[next].time < time)
        next++;
    if (next == 0 || next == r->energy_count)
        return (double)r->energy[next ? next - 1 : 0].value;
    const rhythm_energy *a = &r->energy[next - 1], *b = &r->energy[next];
    return (double)a->value + (double)(b->value - a->value) * (time - a->time) / (b->time - a->time);
}

static void draw_energy(text *out, const layout *l, size_t row) {
    const rhythm *r = l->rhythm;
    double base = top_of(l, row) + l->axis, from = (double)row * l->seconds, to = from + l->seconds;
    label(out, "small end", LEFT - 10, base - ENERGY / 2 + 4, "energy");
    if (!r->energy_count)
        return;
    text_printf(out, "<path class=\"energy\" d=\"");
    point(out, 'M', x_in_row(l, from, row), base);
    point(out, 'L', x_in_row(l, from, row), base - energy_at(r, from) * (ENERGY - 2));
    for (size_t i = 0; i < r->energy_count; i++)
        if (r->energy[i].time > from && r->energy[i].time < to)
            point(out, 'L', x_in_row(l, r->energy[i].time, row), base - (double)r->energy[i].value * (ENERGY - 2));
    point(out, 'L', x_in_row(l, to, row), base - energy_at(r, to) * (ENERGY - 2));
    point(out, 'L', x_in_row(l, to, row), base);
    text_printf(out, "Z\"/>\n");
}

static void draw_cuts(text *out, const layout *l, size_t row) {
    double top = top_of(l, row), last = -HUGE_VAL;
    for (size_t i = 0; i < l->rhythm->cut_count; i++) {
        double time = l->rhythm->cuts[i];
        if (row_of(l, time) != row)
            continue;
        double x = x_of(l, time);
        text_printf(out, "<g class=\"cut\"><title>cut at %s s</title>", decimal_of(time, 3).text);
        line(out, "cut", x, top + l->flux - FLUX, x, top + l->axis);
        if (x - last > 24) {
            label(out, "small cut", x + 4, top + l->flux + FLUX + LANE_GAP - 2, "cut");
            last = x;
        }
        text_printf(out, "</g>\n");
    }
}

/* Seconds between labels: 1, 2 or 5 times a power of ten. */
static double tick_step(const layout *l) {
    double wanted = l->seconds * TICK_ROOM / (WIDTH - LEFT - RIGHT), power = pow(10, floor(log10(wanted)));
    return wanted <= power ? power : wanted <= 2 * power ? 2 * power : wanted <= 5 * power ? 5 * power : 10 * power;
}

static void draw_axis(text *out, const layout *l, size_t row) {
    double base = top_of(l, row) + l->axis, from = (double)row * l->seconds;
    double to = from + l->seconds, step = tick_step(l);
    int places = step < 1 ? (int)ceil(-log10(step) - 1e-9) : 0;
    line(out, "base", LEFT, base, x_in_row(l, to, row), base);
    for (double k = ceil(from / step - 1e-9); k * step <= to + 1e-9; k++) {
        double x = x_in_row(l, k * step, row);
        line(out, "base", x, base, x, base + 5);
        label(out, "faint middle", x, base + 18, decimal_of(k * step, places).text);
    }
    label(out, "faint end", LEFT - 16, base + 18, "seconds");
}

static void draw_thumbnails(text *out, const layout *l, size_t row, const thumbnail *list, size_t count) {
    double top = top_of(l, row);
    for (size_t i = 0; i < count; i++) {
        if (row_of(l, list[i].time) != row)
            continue;
        double left = thumbnail_left(l, list[i].time), bottom = top + CAPTION + l->thumbnail_h;
        double x = x_of(l, list[i].time), middle = left + l->thumbnail_w / 2;
        char words[48];
        snprintf(words, sizeof words, "%s s", decimal_of(list[i].time, 2).text);
        label(out, "faint middle", middle, top + CAPTION - 5, words);
        text_printf(out, "<polyline class=\"leader\" points=\"%s,%s %s,%s %s,%s\"/>\n", decimal_of(middle, 1).text,
                    decimal_of(bottom, 1).text, decimal_of(x, 1).text, decimal_of(bottom + LEADER - 4, 1).text,
                    decimal_of(x, 1).text, decimal_of(top + l->flux, 1).text);
        text_printf(out, "<image x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\" href=\"data:image/jpeg;base64,",
                    decimal_of(left, 1).text, decimal_of(top + CAPTION, 1).text, decimal_of(l->thumbnail_w, 1).text,
                    decimal_of(l->thumbnail_h, 1).text);
        markup_base64(out, list[i].jpeg, list[i].size);
        text_printf(out, "\"><title>the frame at %s s</title></image>\n", decimal_of(list[i].time, 2).text);
        text_printf(out, "<rect class=\"frame\" x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\"/>\n",
                    decimal_of(left, 1).text, decimal_of(top + CAPTION, 1).text, decimal_of(l->thumbnail_w, 1).text,
                    decimal_of(l->thumbnail_h, 1).text);
    }
}

/* ---- head -------------------------------------------------------------------------------------------------------- */

static const char style[] =
    ".page{fill:#fcfcfd;stroke:#d8dbe2}\n"
    "text{font:13px system-ui,-apple-system,\"Segoe UI\",Helvetica,Arial,sans-serif;fill:#1c2028}\n"
    ".title{font-size:18px;font-weight:600}\n"
    ".small{font-size:12px}.faint{font-size:11px;fill:#5a6270}\n"
    ".end{text-anchor:end}.middle{text-anchor:middle}\n"
    "text.onset{fill:#1559b3}text.impact{fill:#b3400f}text.cut{fill:#a3155f}\n"
    ".base{stroke:#8a92a0}.grid{stroke:#e6e8ee}.grid.bar{stroke:#c6cbd6}\n"
    ".beat{stroke:#8a92a0;stroke-width:1.5}.beat.bar{stroke:#1c2028;stroke-width:2.5}\n"
    ".curve{stroke-width:1;stroke-linejoin:round}\n"
    ".curve.onset{fill:#2f7de1;fill-opacity:.22;stroke:#2f7de1;stroke-opacity:.7}\n"
    ".curve.impact{fill:#e2662b;fill-opacity:.22;stroke:#e2662b;stroke-opacity:.7}\n"
    ".event.onset,.key.onset{fill:#1559b3}.event.onset line{stroke:#1559b3}\n"
    ".event.impact,.key.impact{fill:#c24a12}.event.impact line{stroke:#c24a12}\n"
    ".stem{stroke-width:1.6}\n"
    ".energy{fill:#6f63b8;fill-opacity:.28;stroke:#6f63b8}\n"
    "line.cut{stroke:#a3155f;stroke-width:1.5;stroke-dasharray:5 3}\n"
    ".leader{fill:none;stroke:#8a92a0;stroke-dasharray:2 3}\n"
    ".frame{fill:none;stroke:#8a92a0}\n"
    "@media (prefers-color-scheme:dark){\n"
    ".page{fill:#14171c;stroke:#2d323b}text{fill:#e8eaef}.faint{fill:#a2aab8}\n"
    "text.onset{fill:#7db6ff}text.impact{fill:#ffa06b}text.cut{fill:#ff8cc3}\n"
    ".base{stroke:#78808e}.grid{stroke:#262b33}.grid.bar{stroke:#3d444f}.beat.bar{stroke:#e8eaef}\n"
    ".event.onset,.key.onset{fill:#7db6ff}.event.onset line{stroke:#7db6ff}\n"
    ".event.impact,.key.impact{fill:#ffa06b}.event.impact line{stroke:#ffa06b}\n"
    ".energy{fill:#9d92e6;stroke:#9d92e6}line.cut{stroke:#ff8cc3}\n"
    "}\n";

static void count_of(text *out, size_t count, const char *singular) {
    if (count)
        text_printf(out, ", %zu %s%s", count, singular, count == 1 ? "" : "s");
    else
        text_printf(out, ", no %ss", singular);
}

static void summarise(text *out, const rhythm *r) {
    size_t impacts = 0;
    for (size_t i = 0; i < r->event_count; i++)
        impacts += r->events[i].kind == EVENT_IMPACT;
    text_printf(out, "%s s", decimal_of(r->duration, 1).text);
    if (r->bpm > 0 && r->tempo_confidence >= TEMPO_FREE)
        text_printf(out, ", %s BPM (confidence %s)", decimal_of(r->bpm, 1).text,
                    decimal_of(r->tempo_confidence, 2).text);
    else
        text_printf(out, ", no pulse");
    count_of(out, r->event_count - impacts, "onset");
    count_of(out, impacts, "impact");
    count_of(out, r->cut_count, "cut");
}

static void draw_legend(text *out, double y) {
    double x = MARGIN;
    static const struct {
        const char *words;
        double width;
    } entry[] = {{"onset: a move starts", 158},
                 {"impact: a move stops", 164},
                 {"beat and numbered bar", 168},
                 {"cut to another shot", 148},
                 {"energy: how much moves", 0}};
    for (int i = 0; i < 2; i++, x += entry[i - 1].width) {
        text_printf(out, "<g class=\"key %s\">", i ? "impact" : "onset");
        marker(out, i ? EVENT_IMPACT : EVENT_ONSET, x + 6, y - 4, 4.2);
        text_printf(out, "</g>\n");
        label(out, "small", x + 16, y, entry[i].words);
    }
    line(out, "beat", x + 3, y - 8, x + 3, y);
    line(out, "beat bar", x + 9, y - 10, x + 9, y);
    label(out, "small", x + 16, y, entry[2].words);
    x += entry[2].width;
    line(out, "cut", x + 6, y - 12, x + 6, y + 2);
    label(out, "small", x + 16, y, entry[3].words);
    x += entry[3].width;
    text_printf(out, "<path class=\"energy\" d=\"M%s %sl4 -7 4 3 4 -5v9z\"/>\n", decimal_of(x, 1).text,
                decimal_of(y, 1).text);
    label(out, "small", x + 16, y, entry[4].words);
}

static void draw_head(text *out, const layout *l, const char *title) {
    double height = top_of(l, l->rows) - ROW_GAP + FOOT;
    text_printf(out,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %s %s\" width=\"%s\" height=\"%s\" "
                "role=\"img\" aria-labelledby=\"title summary\">\n<title id=\"title\">The rhythm of ",
                decimal_of(WIDTH, 0).text, decimal_of(height, 0).text, decimal_of(WIDTH, 0).text,
                decimal_of(height, 0).text);
    markup_text(out, title);
    text_printf(out, "</title>\n<desc id=\"summary\">");
    summarise(out, l->rhythm);
    text_printf(out, "</desc>\n<style>\n%s</style>\n", style);
    text_printf(out, "<rect class=\"page\" x=\".5\" y=\".5\" width=\"%s\" height=\"%s\" rx=\"8\"/>\n",
                decimal_of(WIDTH - 1, 0).text, decimal_of(height - 1, 0).text);
    label(out, "title", MARGIN, 30, title);
    text_printf(out, "<text class=\"small end\" x=\"%s\" y=\"30\">", decimal_of(WIDTH - RIGHT, 0).text);
    summarise(out, l->rhythm);
    text_printf(out, "</text>\n");
    draw_legend(out, 56);
}

loris_status picture_svg(text *out, const rhythm *r, const flux *curves, const char *title, const thumbnail *thumbnails,
                         size_t count) {
    layout l = layout_of(r, count ? (double)thumbnails->width / thumbnails->height : 0);
    draw_head(out, &l, title);
    for (size_t row = 0; row < l.rows; row++) {
        TRY(check_cancelled());
        draw_beats(out, &l, row);
        draw_thumbnails(out, &l, row, thumbnails, count);
        draw_energy(out, &l, row);
        draw_axis(out, &l, row);
        draw_cuts(out, &l, row);
        draw_flux(out, &l, row, curves);
        draw_events(out, &l, row);
    }
    text_printf(out, "</svg>\n");
    return text_failed(out) ? fail_memory("a picture") : LORIS_OK;
}
