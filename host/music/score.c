#include "music/score.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "core/json.h"
#include "music/styles.h"

enum { SCORE_FILE_LIMIT = 256 << 20 };

static const char *const lane_names[LANE_COUNT] = {"kick", "snare", "clap", "hat",        "openhat",
                                                   "ride", "crash", "tom",  "percussion", "shaker"};
static const char *const part_names[PART_COUNT] = {"drums", "bass", "harmony", "lead"};

void score_free(score *s) {
    if (!s)
        return;
    free(s->notes);
    free(s->accents);
    free(s->sections);
    *s = (score){0};
}

/* Room for one more element of `size` bytes in *array. */
static loris_status grow(void **array, size_t count, size_t *capacity, size_t size, const char *what) {
    if (count < *capacity)
        return LORIS_OK;
    size_t wanted = *capacity ? 2 * *capacity : 64;
    if (wanted < *capacity || wanted > SIZE_MAX / size)
        return fail_memory(what);
    void *moved = realloc(*array, wanted * size);
    if (!moved)
        return fail_memory(what);
    *array = moved;
    *capacity = wanted;
    return LORIS_OK;
}

loris_status score_add_note(score *s, note n) {
    void *array = s->notes;
    loris_status status = grow(&array, s->note_count, &s->note_capacity, sizeof *s->notes, "the score's notes");
    s->notes = array;
    TRY(status);
    s->notes[s->note_count++] = n;
    return LORIS_OK;
}

loris_status score_add_accent(score *s, accent a) {
    void *array = s->accents;
    loris_status status = grow(&array, s->accent_count, &s->accent_capacity, sizeof *s->accents, "the score's accents");
    s->accents = array;
    TRY(status);
    s->accents[s->accent_count++] = a;
    return LORIS_OK;
}

loris_status score_add_section(score *s, section x) {
    void *array = s->sections;
    loris_status status =
        grow(&array, s->section_count, &s->section_capacity, sizeof *s->sections, "the score's sections");
    s->sections = array;
    TRY(status);
    s->sections[s->section_count++] = x;
    return LORIS_OK;
}

const char *style_name(style s) {
    return style_profile_of(s)->name;
}

const char *lane_name(lane l) {
    return lane_names[l];
}

const char *part_name(part p) {
    return part_names[p];
}

static int index_of(const char *name, const char *const *names, int count) {
    for (int i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    return -1;
}

loris_status style_from_name(const char *name, style *out) {
    char all[160] = "";
    for (int i = 0; i < STYLE_COUNT; i++) {
        if (strcmp(name, style_name((style)i)) == 0) {
            *out = (style)i;
            return LORIS_OK;
        }
        strcat(strcat(all, i ? ", " : ""), style_name((style)i));
    }
    return fail(LORIS_ERROR_ARGUMENT, all, "unknown style '%s'", name);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* Element `column` of a row such as [time, duration, part, pitch, velocity]. */
static loris_status row_number(const json *row, size_t column, double low, double high, double *out, const char *what,
                               size_t index, const char *where) {
    const json *v = &row->item[column];
    if (v->type != JSON_NUMBER || !(v->number >= low && v->number <= high))
        return fail(LORIS_ERROR_INPUT, "compare it with the formats page",
                    "%s: %s %zu, element %zu: expected a number in %g..%g", where, what, index, column, low, high);
    *out = v->number;
    return LORIS_OK;
}

static loris_status check_row(const json *row, size_t columns, const char *what, size_t index, const char *where) {
    if (row->type == JSON_ARRAY && row->count == columns)
        return LORIS_OK;
    return fail(LORIS_ERROR_INPUT, "compare it with the formats page", "%s: %s %zu is not an array of %zu elements",
                where, what, index, columns);
}

/* Times and durations: generous bounds that keep later arithmetic on frames and ticks in range. */
static const double TIME_LIMIT = 1e6;

static loris_status read_note(score *out, const json *row, size_t i, const char *where) {
    note n = {0};
    double pitch = 0, velocity = 0;
    TRY(check_row(row, 5, "note", i, where));
    TRY(row_number(row, 0, -TIME_LIMIT, TIME_LIMIT, &n.time, "note", i, where));
    TRY(row_number(row, 1, 0, TIME_LIMIT, &n.duration, "note", i, where));
    TRY(row_number(row, 4, 1, 127, &velocity, "note", i, where));
    int in = row->item[2].type == JSON_STRING ? index_of(row->item[2].string, part_names, PART_COUNT) : -1;
    if (in < 0)
        return fail(LORIS_ERROR_INPUT, "parts are drums, bass, harmony and lead", "%s: note %zu has an unknown part",
                    where, i);
    n.part = (part)in;
    n.velocity = (int)velocity;
    if (n.part == PART_DRUMS) {
        n.pitch = row->item[3].type == JSON_STRING ? index_of(row->item[3].string, lane_names, LANE_COUNT) : -1;
        if (n.pitch < 0)
            return fail(LORIS_ERROR_INPUT,
                        "lanes are kick, snare, clap, hat, openhat, ride, crash, tom, percussion and shaker",
                        "%s: note %zu has an unknown drum lane", where, i);
    } else {
        TRY(row_number(row, 3, 0, 127, &pitch, "note", i, where));
        n.pitch = (int)pitch;
    }
    return score_add_note(out, n);
}

static loris_status read_arrays(score *out, const json *root, const char *where) {
    const json *list;
    TRY(json_need_array(root, "notes", &list, where));
    for (size_t i = 0; i < list->count; i++)
        TRY(read_note(out, &list->item[i], i, where));
    TRY(json_need_array(root, "accents", &list, where));
    for (size_t i = 0; i < list->count; i++) {
        accent a = {0};
        TRY(check_row(&list->item[i], 2, "accent", i, where));
        TRY(row_number(&list->item[i], 0, -TIME_LIMIT, TIME_LIMIT, &a.time, "accent", i, where));
        TRY(row_number(&list->item[i], 1, 0, 1, &a.strength, "accent", i, where));
        TRY(score_add_accent(out, a));
    }
    TRY(json_need_array(root, "sections", &list, where));
    for (size_t i = 0; i < list->count; i++) {
        section x = {0};
        TRY(check_row(&list->item[i], 2, "section", i, where));
        TRY(row_number(&list->item[i], 0, -TIME_LIMIT, TIME_LIMIT, &x.time, "section", i, where));
        TRY(row_number(&list->item[i], 1, 0, 1, &x.energy, "section", i, where));
        TRY(score_add_section(out, x));
    }
    return LORIS_OK;
}

static loris_status read_root(score *out, const json *root, const char *where) {
    if (root->type != JSON_OBJECT)
        return fail(LORIS_ERROR_INPUT, NULL, "%s: not a JSON object", where);
    const char *name;
    TRY(json_need_string(root, "style", &name, where));
    loris_status status = style_from_name(name, &out->style);
    if (status != LORIS_OK) {
        error_record record;
        error_take(&record);
        return fail(LORIS_ERROR_INPUT, record.hint, "%s: unknown style '%s'", where, name);
    }
    TRY(json_need_number(root, "bpm", 0, 1000, &out->bpm, where));
    TRY(json_need_number(root, "offset", -TIME_LIMIT, TIME_LIMIT, &out->offset, where));
    TRY(json_need_number(root, "seconds", 1e-3, TIME_LIMIT, &out->seconds, where));
    const json *programs = json_get(root, "programs");
    if (!programs || programs->type != JSON_OBJECT)
        return fail(LORIS_ERROR_INPUT, NULL, "%s: \"programs\" is missing or not an object", where);
    for (int p = PART_BASS; p < PART_COUNT; p++) {
        double program;
        TRY(json_need_number(programs, part_names[p], 0, 127, &program, where));
        out->program[p] = (int)program;
    }
    return read_arrays(out, root, where);
}

loris_status score_read(score *out, const char *path) {
    *out = (score){0};
    char *data;
    size_t size;
    TRY(file_read(path, SCORE_FILE_LIMIT, &data, &size));
    loris_status status;
    const json *root;
    arena *a = arena_new();
    if (!a)
        TRY_GOTO(fail_memory("a score file"));
    TRY_GOTO(json_parse(&root, a, data, size, path));
    TRY_GOTO(read_root(out, root, path));
done:
    arena_free(a);
    free(data);
    if (status != LORIS_OK)
        score_free(out);
    return status;
}
