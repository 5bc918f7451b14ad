#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/file.h"
#include "core/markup.h"
#include "media/jpeg.h"
#include "report.h"

/* In user units, which are pixels where the picture is shown 1000 wide. */
static const double WIDTH = 1000, LEFT = 78, RIGHT = 22, HEAD = 64, EVENTS = 20, IMAGE = 192, ONSETS = 18, BEATS = 18,
                    AXIS = 24, ROW_GAP = 20, FOOT = 8, LONGEST_ROW = 14;

typedef struct layout {
    double seconds, row_seconds, row_height;
    int rows;
} layout;

static layout layout_of(double seconds) {
    layout l = {.seconds = seconds, .rows = (int)fmax(1, ceil(seconds / LONGEST_ROW - 1e-9))};
    l.row_seconds = seconds / l.rows;
    l.row_height = EVENTS + IMAGE + ONSETS + BEATS + AXIS + ROW_GAP;
    return l;
}

static double x_of(const layout *l, double time, int row) {
    return LEFT + (time - row * l->row_seconds) / l->row_seconds * (WIDTH - LEFT - RIGHT);
}

static bool in_row(const layout *l, double time, int row) {
    return time >= row * l->row_seconds && time < (row + 1) * l->row_seconds;
}

static void line(text *out, const char *class, double x1, double y1, double x2, double y2) {
    text_printf(out, "<line class=\"%s\" x1=\"%s\" y1=\"%s\" x2=\"%s\" y2=\"%s\"/>\n", class, decimal_of(x1, 1).text,
                decimal_of(y1, 1).text, decimal_of(x2, 1).text, decimal_of(y2, 1).text);
}

static void label(text *out, const char *class, double x, double y, const char *words) {
    text_printf(out, "<text class=\"%s\" x=\"%s\" y=\"%s\">", class, decimal_of(x, 1).text, decimal_of(y, 1).text);
    markup_text(out, words);
    text_printf(out, "</text>\n");
}

/* ---- the image --------------------------------------------------------------------------------------------------- */

/* From black over violet and orange to pale yellow; brighter always means louder, printed in grey too. */
static void colour(double loudness, uint8_t rgb[3]) {
    static const double stops[][3] = {{4, 4, 18}, {60, 15, 110}, {150, 40, 125}, {235, 100, 75}, {252, 245, 190}};
    enum { LAST = sizeof stops / sizeof *stops - 1 };
    double at = fmin(fmax(loudness, 0), 1) * LAST, rest;
    int i = (int)at < LAST ? (int)at : LAST - 1;
    rest = at - i;
    for (int c = 0; c < 3; c++)
        rgb[c] = (uint8_t)lround(stops[i][c] + rest * (stops[i + 1][c] - stops[i][c]));
}

/* Frames of a row as a JPEG, low bands at the bottom, 0 to -60 dB from the loudest. */
static loris_status row_image(uint8_t **jpeg, size_t *size, const float *mel, size_t first, size_t count,
                              float loudest) {
    static const double RANGE = 60;
    uint8_t *rgb = malloc(count * ONSET_MEL_BANDS * 3);
    if (!rgb)
        return fail_memory("a spectrogram");
    for (size_t band = 0; band < ONSET_MEL_BANDS; band++)
        for (size_t t = 0; t < count; t++) {
            float db = mel[(first + t) * ONSET_MEL_BANDS + band] - loudest;
            colour(1 + (double)db / RANGE, rgb + ((ONSET_MEL_BANDS - 1 - band) * count + t) * 3);
        }
    loris_status status = jpeg_encode(jpeg, size, rgb, (int)count, ONSET_MEL_BANDS);
    free(rgb);
    return status;
}

static loris_status draw_image(text *out, const layout *l, int row, double top, const float *mel, size_t frames,
                               float loudest) {
    size_t first = (size_t)(row * l->row_seconds / ONSET_SPACING), size;
    size_t end = (size_t)ceil((row + 1) * l->row_seconds / ONSET_SPACING);
    uint8_t *jpeg;
    end = end < frames ? end : frames;
    TRY(row_image(&jpeg, &size, mel, first, end - first, loudest));
    double left = x_of(l, ((double)first - 0.5) * ONSET_SPACING, row),
           right = x_of(l, ((double)end - 0.5) * ONSET_SPACING, row);
    text_printf(
        out,
        "<svg x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\"><image preserveAspectRatio=\"none\" x=\"%s\" y=\"0\" "
        "width=\"%s\" height=\"%s\" href=\"data:image/jpeg;base64,",
        decimal_of(LEFT, 1).text, decimal_of(top, 1).text, decimal_of(WIDTH - LEFT - RIGHT, 1).text,
        decimal_of(IMAGE, 1).text, decimal_of(left - LEFT, 2).text, decimal_of(right - left, 2).text,
        decimal_of(IMAGE, 1).text);
    markup_base64(out, jpeg, size);
    text_printf(out, "\"/></svg>\n");
    free(jpeg);
    return LORIS_OK;
}

/* ---- lanes ------------------------------------------------------------------------------------------------------- */

/* Where a frequency lies in the image, by Slaney's mel scale: even to 1 kHz, then logarithmic. */
static double height_of(double hz) {
    static const double KNEE = 1000, PER_MEL = 200.0 / 3, LOG_STEP = 0.06875177742094912; /* ln(6.4) / 27 */
    double knee = KNEE / PER_MEL, top = knee + log(ONSET_RATE / 2.0 / KNEE) / LOG_STEP;
    double mel = hz < KNEE ? hz / PER_MEL : knee + log(hz / KNEE) / LOG_STEP;
    return IMAGE * (1 - (mel / top * (ONSET_MEL_BANDS + 1) - 0.5) / ONSET_MEL_BANDS);
}

static void draw_frequencies(text *out, double top) {
    static const struct {
        double hz;
        const char *words;
    } marks[] = {{100, "100 Hz"}, {500, "500"}, {1000, "1 kHz"}, {2000, "2"}, {5000, "5"}, {10000, "10"}};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        double y = top + height_of(marks[i].hz);
        line(out, "base", LEFT - 4, y, LEFT, y);
        label(out, "faint end", LEFT - 8, y + 4, marks[i].words);
    }
}

static void draw_events(text *out, const layout *l, int row, double top, const double *events, size_t count) {
    label(out, "faint end event", LEFT - 8, top + 13, "events");
    for (size_t i = 0; i < count; i++)
        if (in_row(l, events[i], row)) {
            double x = x_of(l, events[i], row);
            text_printf(out, "<path class=\"event\" d=\"M%s %sl5 -9h-10z\"><title>event at %s s</title></path>\n",
                        decimal_of(x, 1).text, decimal_of(top + EVENTS - 3, 1).text, decimal_of(events[i], 3).text);
            line(out, "event line", x, top + EVENTS, x, top + EVENTS + IMAGE);
        }
}

static void draw_onsets(text *out, const layout *l, int row, double top, const double *onsets, size_t count) {
    label(out, "faint end", LEFT - 8, top + 13, "onsets");
    for (size_t i = 0; i < count; i++)
        if (in_row(l, onsets[i], row))
            line(out, "onset", x_of(l, onsets[i], row), top + 3, x_of(l, onsets[i], row), top + ONSETS);
}

static void draw_beats(text *out, const layout *l, int row, double top, const score *s) {
    enum { BEATS_A_BAR = 4 };
    label(out, "faint end", LEFT - 8, top + 13, "beats");
    if (!(s->bpm > 0)) {
        label(out, "faint", LEFT + 4, top + 13, "no pulse");
        return;
    }
    double beat = 60 / s->bpm;
    for (long k = lround(floor(-s->offset / beat)); s->offset + (double)k * beat < l->seconds; k++) {
        double time = s->offset + (double)k * beat;
        bool bar = k % BEATS_A_BAR == 0;
        if (in_row(l, time, row))
            line(out, bar ? "beat bar" : "beat", x_of(l, time, row), top + (bar ? 3 : 9), x_of(l, time, row),
                 top + BEATS);
    }
}

static void draw_axis(text *out, const layout *l, int row, double top) {
    line(out, "base", LEFT, top, WIDTH - RIGHT, top);
    for (double t = ceil(row * l->row_seconds); in_row(l, t, row); t++) {
        line(out, "base", x_of(l, t, row), top, x_of(l, t, row), top + 5);
        label(out, "faint middle", x_of(l, t, row), top + 17, decimal_of(t, 0).text);
    }
    label(out, "faint end", LEFT - 8, top + 17, "seconds");
}

/* ---- the picture ------------------------------------------------------------------------------------------------- */

static const char rules[] =
    ".page{fill:#fcfcfd;stroke:#d8dbe2}\n"
    "text{font:13px system-ui,-apple-system,\"Segoe UI\",Helvetica,Arial,sans-serif;fill:#1c2028}\n"
    ".title{font-size:18px;font-weight:600}.small{font-size:12px}.faint{font-size:11px;fill:#5a6270}\n"
    ".end{text-anchor:end}.middle{text-anchor:middle}\n"
    "path.event{fill:#b3400f}.event.line{stroke:#fff;stroke-opacity:.45;stroke-dasharray:2 3}\n"
    ".base,.beat{stroke:#8a92a0}.beat.bar{stroke:#1c2028;stroke-width:2}.onset{stroke:#1559b3;stroke-width:2}\n"
    "@media (prefers-color-scheme:dark){\n"
    ".page{fill:#14171c;stroke:#2d323b}text{fill:#e8eaef}.faint{fill:#a2aab8}path.event{fill:#ffa06b}\n"
    ".beat.bar{stroke:#e8eaef}.onset{stroke:#7db6ff}\n"
    "}\n";

static void draw_head(text *out, const layout *l, const char *title, const score *written) {
    double height = HEAD + l->rows * l->row_height - ROW_GAP + FOOT;
    char summary[96];
    if (written->bpm > 0)
        snprintf(summary, sizeof summary, "%s, %.4g BPM, seed 0", style_name(written->style), written->bpm);
    else
        snprintf(summary, sizeof summary, "%s, no pulse, seed 0", style_name(written->style));
    text_printf(out,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %s %s\" width=\"%s\" height=\"%s\" "
                "role=\"img\" aria-labelledby=\"title\">\n<title id=\"title\">The sound of ",
                decimal_of(WIDTH, 0).text, decimal_of(height, 0).text, decimal_of(WIDTH, 0).text,
                decimal_of(height, 0).text);
    markup_text(out, title);
    text_printf(out, "</title>\n<style>\n%s</style>\n", rules);
    text_printf(out, "<rect class=\"page\" x=\".5\" y=\".5\" width=\"%s\" height=\"%s\" rx=\"8\"/>\n",
                decimal_of(WIDTH - 1, 0).text, decimal_of(height - 1, 0).text);
    label(out, "title", 20, 30, title);
    label(out, "small end", WIDTH - RIGHT, 30, summary);
    label(out, "faint", 20, 52,
          "mel spectrogram, 60 dB; triangles and dotted lines: events of the picture; blue: onsets heard (librosa's "
          "rule); beats and bars as written");
}

static loris_status draw_rows(text *out, const layout *l, const sound *s, const double *events, size_t event_count,
                              const score *written) {
    float *mel, loudest = -HUGE_VALF;
    double *onsets;
    size_t frames, onset_count;
    TRY(audio_onsets(s->samples, s->count, onset_picking_defaults(), &onsets, &onset_count));
    loris_status status = audio_mel(s->samples, s->count, &mel, &frames);
    if (status != LORIS_OK) {
        free(onsets);
        return status;
    }
    for (size_t i = 0; i < frames * ONSET_MEL_BANDS; i++)
        loudest = fmaxf(loudest, mel[i]);
    for (int row = 0; status == LORIS_OK && row < l->rows; row++) {
        double top = HEAD + row * l->row_height, image = top + EVENTS, below = image + IMAGE;
        status = draw_image(out, l, row, image, mel, frames, loudest);
        draw_events(out, l, row, top, events, event_count);
        draw_frequencies(out, image);
        draw_onsets(out, l, row, below, onsets, onset_count);
        draw_beats(out, l, row, below + ONSETS, written);
        draw_axis(out, l, row, below + ONSETS + BEATS);
    }
    free(mel);
    free(onsets);
    return status;
}

loris_status spectrogram_svg(const char *path, const char *title, const sound *s, const double *events,
                             size_t event_count, const score *written) {
    text out = {0};
    layout l = layout_of(s->seconds);
    draw_head(&out, &l, title, written);
    loris_status status = draw_rows(&out, &l, s, events, event_count, written);
    text_printf(&out, "</svg>\n");
    if (status == LORIS_OK)
        status = text_failed(&out) ? fail_memory("a picture") : file_write(path, out.data, out.length);
    text_free(&out);
    return status;
}
