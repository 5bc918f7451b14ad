#include "api/sheet.h"

#include <math.h>
#include <string.h>

#include "core/markup.h"

/* The picture of a score, in units that the page stretches to its width: pitches from bass to lead, drums below,
 * loudness at the bottom. */
enum { WIDTH = 1000, BINS = 500, LOWEST = 28, HIGHEST = 91 };
static const double PITCH = 1.7, LANE = 4, LEVEL = 15, GAP = 6, MARKS = 8;

typedef struct rolls {
    double pitched, drums, level, height; /* bottoms of pitches and drums, axis of the loudness */
} rolls;

static rolls rolls_of(void) {
    rolls r = {.pitched = MARKS + GAP + (HIGHEST - LOWEST + 1) * PITCH};
    r.drums = r.pitched + GAP + LANE_COUNT * LANE;
    r.level = r.drums + GAP + LEVEL;
    r.height = r.level + LEVEL + 1;
    return r;
}

static decimal x_at(const score *s, double time) {
    return decimal_of(fmin(fmax(time / s->seconds, 0), 1) * WIDTH, 1);
}

/* ---- the picture ------------------------------------------------------------------------------------------------- */

static void draw_note(text *out, const score *s, const note *n, const rolls *r) {
    bool drum = n->part == PART_DRUMS;
    double high = drum ? LANE - 1 : PITCH;
    double y = drum ? r->drums - (n->pitch + 1) * LANE
                    : r->pitched - (fmin(fmax(n->pitch, LOWEST), HIGHEST) - LOWEST + 1) * PITCH;
    double width = drum ? 2 : fmax(n->duration / s->seconds * WIDTH - 0.4, 1.2);
    decimal across = decimal_of(width, 1), down = decimal_of(high, 1);
    text_printf(out, "M%s %sh%sv%sh-%sz", x_at(s, n->time).text, decimal_of(y, 1).text, across.text, down.text,
                across.text);
}

static void draw_notes(text *out, const score *s, const rolls *r) {
    for (int p = 0; p < PART_COUNT; p++) {
        text_printf(out, "<path class=\"%s\" d=\"M0 0", part_name((part)p));
        for (size_t i = 0; i < s->note_count; i++)
            if (s->notes[i].part == (part)p)
                draw_note(out, s, &s->notes[i], r);
        text_printf(out, "\"/>\n");
    }
}

static void draw_marks(text *out, const score *s, const rolls *r) {
    text_printf(out, "<path class=\"sections\" d=\"M0 0");
    for (size_t i = 1; i < s->section_count; i++)
        text_printf(out, "M%s 0V%s", x_at(s, s->sections[i].time).text, decimal_of(r->height, 1).text);
    text_printf(out, "\"/>\n<path class=\"accents\" d=\"M0 0");
    for (size_t i = 0; i < s->accent_count; i++)
        text_printf(out, "M%s %sv-%s", x_at(s, s->accents[i].time).text, decimal_of(MARKS, 1).text,
                    decimal_of(MARKS * fmin(fmax(s->accents[i].strength, 0), 1), 1).text);
    text_printf(out, "\"/>\n");
}

/* Root mean square of each of BINS parts, as a band around an axis. */
static void draw_level(text *out, const audio *a, const rolls *r) {
    double level[BINS], loudest = 1e-9;
    size_t channels = (size_t)a->channels;
    for (size_t b = 0; b < BINS; b++) {
        size_t first = a->frames * b / BINS * channels, end = a->frames * (b + 1) / BINS * channels;
        double sum = 0;
        for (size_t i = first; i < end; i++)
            sum += (double)a->samples[i] * (double)a->samples[i];
        level[b] = end > first ? sqrt(sum / (double)(end - first)) : 0;
        loudest = fmax(loudest, level[b]);
    }
    text_printf(out, "<path class=\"level\" d=\"M0 %s", decimal_of(r->level, 1).text);
    for (size_t b = 0; b < 2 * BINS; b++) {
        bool back = b >= BINS;
        size_t k = back ? 2 * BINS - 1 - b : b;
        double y = r->level + (back ? 1 : -1) * (level[k] / loudest * LEVEL);
        text_printf(out, "L%s %s", decimal_of(((double)k + 0.5) * WIDTH / BINS, 1).text, decimal_of(y, 1).text);
    }
    text_printf(out, "z\"/>\n");
}

static void draw_score(text *out, const take *t) {
    const rolls r = rolls_of();
    text_printf(
        out,
        "<svg viewBox=\"0 0 %d %s\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"Score: %zu notes, %zu "
        "accents of the picture; below, loudness\">\n",
        WIDTH, decimal_of(r.height, 1).text, t->score.note_count, t->score.accent_count);
    draw_marks(out, &t->score, &r);
    draw_notes(out, &t->score, &r);
    draw_level(out, &t->audio, &r);
    text_printf(out, "<line class=\"now\" x1=\"0\" x2=\"0\" y1=\"0\" y2=\"%s\"/>\n</svg>\n",
                decimal_of(r.height, 1).text);
}

/* ---- the card ---------------------------------------------------------------------------------------------------- */

static void describe(text *out, const loris_report *r) {
    text_printf(out, "<p class=\"facts\"><b>%s</b>, ", r->style);
    if (r->bpm > 0)
        text_printf(out, "%s BPM", decimal_of(r->bpm, 1).text);
    else
        text_printf(out, "no pulse");
    text_printf(out, ", %zu notes, ", r->notes);
    if (isfinite(r->lufs))
        text_printf(out, "%s LUFS, peak %s dBTP", decimal_of(r->lufs, 1).text, decimal_of(r->true_peak_db, 1).text);
    else
        text_printf(out, "silent");
    text_printf(out, "; seed %llu</p>\n", (unsigned long long)r->seed);
}

void sheet_add(text *cards, const job *j, const take *t, const loris_take *wanted) {
    const char *element = output_kind_of(wanted->output) == OUTPUT_VIDEO ? "video" : "audio";
    text_printf(cards,
                "<article id=\"take%zu\">\n<h2>Take %zu</h2>\n<%s controls=\"controls\" preload=\"metadata\" src=\"",
                j->take + 1, j->take + 1, element);
    markup_file_url(cards, wanted->output);
    text_printf(cards, "\"></%s>\n<div class=\"take\">\n", element);
    describe(cards, &t->report);
    draw_score(cards, t);
    if (wanted->command) {
        text_printf(cards, "<p class=\"again\">Make it again: <code>");
        markup_text(cards, wanted->command);
        text_printf(cards, "</code></p>\n");
    }
    text_printf(cards, "<p class=\"file\"><a href=\"");
    markup_file_url(cards, wanted->output);
    text_printf(cards, "\">");
    markup_text(cards, base_name(wanted->output));
    text_printf(cards, "</a></p>\n</div>\n</article>\n");
}

/* ---- the page ---------------------------------------------------------------------------------------------------- */

static const char style_sheet[] =
    ":root{color-scheme:light dark;--ink:#1c2028;--faint:#5a6270;--page:#fcfcfd;--card:#fff;--edge:#d8dbe2;"
    "--drums:#6b7280;--bass:#6f63b8;--harmony:#2f8f7f;--lead:#c24a12;--now:#1559b3}\n"
    "@media (prefers-color-scheme:dark){:root{--ink:#e8eaef;--faint:#a2aab8;--page:#14171c;--card:#1b1f26;"
    "--edge:#2d323b;--drums:#98a1b0;--bass:#a79bf0;--harmony:#5cc9b5;--lead:#ffa06b;--now:#7db6ff}}\n"
    "body{margin:0 auto;padding:1.5rem;max-width:72rem;background:var(--page);color:var(--ink);"
    "font:1rem/1.45 system-ui,-apple-system,\"Segoe UI\",Helvetica,Arial,sans-serif}\n"
    "h1{font-size:1.5rem;margin:0 0 .3rem}h2{font-size:1.05rem;margin:0;grid-column:1/-1}p{margin:.3rem 0}\n"
    "article{display:grid;grid-template-columns:minmax(14rem,22rem) 1fr;gap:.6rem 1.2rem;align-items:start;"
    "margin:1rem 0;padding:.9rem 1.1rem;background:var(--card);border:1px solid var(--edge);border-radius:8px}\n"
    "article.playing{border-color:var(--now);box-shadow:0 0 0 1px var(--now)}\n"
    "@media (max-width:44rem){article{grid-template-columns:1fr}}\n"
    "video,audio{width:100%;border-radius:4px}video{background:#000}\n"
    "svg{display:block;width:100%;height:11rem;cursor:pointer;border:1px solid var(--edge);border-radius:4px}\n"
    ".drums{fill:var(--drums)}.bass{fill:var(--bass)}.harmony{fill:var(--harmony)}.lead{fill:var(--lead)}\n"
    ".level{fill:var(--faint);opacity:.55}.sections{stroke:var(--edge)}.accents{stroke:var(--ink);stroke-width:1.5}\n"
    ".sections,.accents,.now{vector-effect:non-scaling-stroke;fill:none}.now{stroke:var(--now);stroke-width:2}\n"
    ".facts,.again,.file,.key{font-size:.9rem}.again,.file,.key{color:var(--faint)}a{color:var(--now)}\n"
    "code{color:var(--ink);overflow-wrap:anywhere}.key span{padding-right:1rem}.key i{display:inline-block;width:.8em;"
    "height:.8em;margin-right:.35em;border-radius:2px}\n";

/* One player at a time; the line over the score follows it; a digit goes on with another take where this one is. */
static const char script[] =
    "'use strict';\n"
    "const takes = [...document.querySelectorAll('article')].map(card => ({\n"
    "  card, media: card.querySelector('video, audio'), score: card.querySelector('svg'),\n"
    "  now: card.querySelector('.now')}));\n"
    "let current = null;\n"
    "function show(take) {\n"
    "  const part = take.media.duration ? take.media.currentTime / take.media.duration : 0;\n"
    "  for (const end of ['x1', 'x2']) take.now.setAttribute(end, 1000 * part);\n"
    "}\n"
    "function follow(take) {\n"
    "  show(take);\n"
    "  if (!take.media.paused) requestAnimationFrame(() => follow(take));\n"
    "}\n"
    "for (const take of takes) {\n"
    "  take.media.addEventListener('play', () => {\n"
    "    for (const other of takes) {\n"
    "      other.card.classList.toggle('playing', other === take);\n"
    "      if (other !== take) other.media.pause();\n"
    "    }\n"
    "    current = take;\n"
    "    follow(take);\n"
    "  });\n"
    "  take.media.addEventListener('seeked', () => show(take));\n"
    "  take.score.addEventListener('click', event => {\n"
    "    const box = take.score.getBoundingClientRect();\n"
    "    take.media.currentTime = (event.clientX - box.left) / box.width * take.media.duration;\n"
    "    take.media.play();\n"
    "  });\n"
    "}\n"
    "document.addEventListener('keydown', event => {\n"
    "  const take = takes[Number(event.key) - 1];\n"
    "  if (!take || event.ctrlKey || event.altKey || event.metaKey) return;\n"
    "  if (current) take.media.currentTime = current.media.currentTime;\n"
    "  take.media.play();\n"
    "  take.card.scrollIntoView({block: 'nearest'});\n"
    "});\n";

static void add_head(text *page, const job *j) {
    text_printf(page, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
                      "<meta name=\"viewport\" content=\"width=device-width\"/>\n<title>Takes for ");
    markup_text(page, base_name(j->video));
    text_printf(page, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<h1>Takes for ", style_sheet);
    markup_text(page, base_name(j->video));
    text_printf(page,
                "</h1>\n<p>%zu soundtracks of the same %s s. Keys 1 to %zu go on with that take at the same moment; a "
                "click on a score plays from there.</p>\n",
                j->takes, decimal_of(j->rhythm.duration, 1).text, j->takes < 9 ? j->takes : 9);
    if (*j->note) {
        text_printf(page, "<p>The video: ");
        markup_text(page, j->note);
        text_printf(page, ".</p>\n");
    }
    text_printf(page, "<p class=\"key\">");
    for (int p = PART_COUNT - 1; p >= 0; p--)
        text_printf(page, "<span><i style=\"background:var(--%s)\"></i>%s</span>", part_name((part)p),
                    part_name((part)p));
    text_printf(page,
                "<span>ticks at the top: accents of the picture</span><span>at the bottom: loudness</span></p>\n");
}

loris_status sheet_write(const job *j, const text *cards, const char *path) {
    text page = {0};
    add_head(&page, j);
    text_append(&page, cards->data ? cards->data : "", cards->length);
    text_printf(&page, "<script>\n%s</script>\n</body>\n</html>\n", script);
    loris_status status = text_failed(cards) || text_failed(&page) ? fail_memory("the page of takes")
                                                                   : file_write(path, page.data, page.length);
    text_free(&page);
    return status;
}
