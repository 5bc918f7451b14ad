/* The rhythm's JSON form. A person may have edited it: everything is checked, and errors name the entry. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "rhythm/rhythm.h"

enum { VERSION = 1, FILE_LIMIT = 64 << 20 };
static const double LONGEST = 86400.0; /* a day */
static const double HIGHEST_BPM = 1000.0;
static const double HIGHEST_MOVEMENT = 1000.0; /* pictures a second */

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static const char *kind_name(event_kind kind) {
    return kind == EVENT_IMPACT ? "impact" : "onset";
}

static void write_times(json_writer *w, const char *key, const double *times, size_t count) {
    json_open(w, key, '[');
    for (size_t i = 0; i < count; i++)
        json_number(w, NULL, times[i]);
    json_close(w, ']');
}

loris_status rhythm_to_json(const rhythm *r, json_writer *w) {
    json_open(w, NULL, '{');
    json_integer(w, "version", VERSION);
    json_number(w, "duration_s", r->duration);
    if (r->movement > 0)
        json_number(w, "movement", r->movement);
    json_open(w, "tempo", '{');
    json_number(w, "bpm", r->bpm);
    json_number(w, "confidence", r->tempo_confidence);
    write_times(w, "beats", r->beats, r->beat_count);
    write_times(w, "downbeats", r->downbeats, r->downbeat_count);
    json_close(w, '}');
    write_times(w, "cuts", r->cuts, r->cut_count);
    json_open(w, "energy", '[');
    for (size_t i = 0; i < r->energy_count; i++) {
        json_open(w, NULL, '[');
        json_number(w, NULL, r->energy[i].time);
        json_number(w, NULL, r->energy[i].value);
        json_close(w, ']');
    }
    json_close(w, ']');
    json_open(w, "events", '[');
    for (size_t i = 0; i < r->event_count; i++) {
        json_open(w, NULL, '{');
        json_number(w, "t", r->events[i].time);
        json_string(w, "kind", kind_name(r->events[i].kind));
        json_number(w, "strength", r->events[i].strength);
        json_close(w, '}');
    }
    json_close(w, ']');
    json_close(w, '}');
    return text_failed(&w->out) ? fail_memory("the rhythm's JSON") : LORIS_OK;
}

loris_status rhythm_write(const rhythm *r, const char *path) {
    json_writer w;
    json_begin(&w, 1);
    loris_status status = rhythm_to_json(r, &w);
    if (status == LORIS_OK) {
        text_printf(&w.out, "\n");
        status = text_failed(&w.out) ? fail_memory("the rhythm's JSON") : file_write(path, w.out.data, w.out.length);
    }
    text_free(&w.out);
    return status;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* The array `key` of `object`, or NULL when it is absent. */
static loris_status optional_array(const json *object, const char *key, const json **out, const char *where) {
    *out = NULL;
    return json_get(object, key) ? json_need_array(object, key, out, where) : LORIS_OK;
}

/* One time within the clip, not before `previous`. */
static loris_status check_time(double time, double previous, double duration, const char *where) {
    if (!(time >= 0.0 && time <= duration))
        return fail(LORIS_ERROR_INPUT, "times are seconds from the clip's start", "%s: %.9g is outside 0 to %.9g",
                    where, time, duration);
    if (time < previous)
        return fail(LORIS_ERROR_INPUT, "sort the times", "%s: %.9g comes after %.9g", where, time, previous);
    return LORIS_OK;
}

static loris_status number_of(const json *value, double *out, const char *where) {
    if (value->type != JSON_NUMBER)
        return fail(LORIS_ERROR_INPUT, "correct the file there", "%s: not a number", where);
    *out = value->number;
    return LORIS_OK;
}

/* "path: beats[3]", for messages; a long path is cut. */
typedef struct place {
    char text[256];
} place;

static void name_place(place *p, const char *path, const char *list, size_t i) {
    snprintf(p->text, sizeof p->text, "%.200s: %s[%zu]", path, list, i);
}

static loris_status read_times(const json *object, const char *key, double duration, double **times, size_t *count,
                               const char *path) {
    const json *list;
    TRY(optional_array(object, key, &list, path));
    if (!list || !list->count)
        return LORIS_OK;
    *times = malloc(list->count * sizeof **times);
    if (!*times)
        return fail_memory(key);
    double previous = 0.0;
    place at;
    for (size_t i = 0; i < list->count; i++) {
        name_place(&at, path, key, i);
        TRY(number_of(&list->item[i], &(*times)[i], at.text));
        TRY(check_time((*times)[i], previous, duration, at.text));
        previous = (*times)[i];
        *count = i + 1;
    }
    return LORIS_OK;
}

static loris_status read_energy(const json *object, rhythm *r, const char *path) {
    const json *list;
    TRY(optional_array(object, "energy", &list, path));
    if (!list || !list->count)
        return LORIS_OK;
    r->energy = malloc(list->count * sizeof *r->energy);
    if (!r->energy)
        return fail_memory("energy");
    double previous = 0.0, value = 0.0;
    place at;
    for (size_t i = 0; i < list->count; i++) {
        const json *pair = &list->item[i];
        name_place(&at, path, "energy", i);
        if (pair->type != JSON_ARRAY || pair->count != 2)
            return fail(LORIS_ERROR_INPUT, "correct the file there", "%s: not a pair [seconds, value]", at.text);
        TRY(number_of(&pair->item[0], &r->energy[i].time, at.text));
        TRY(check_time(r->energy[i].time, previous, r->duration, at.text));
        TRY(number_of(&pair->item[1], &value, at.text));
        if (!(value >= 0.0 && value <= 1.0))
            return fail(LORIS_ERROR_INPUT, "energy runs from 0 to 1", "%s: %.9g is outside 0 to 1", at.text, value);
        r->energy[i].value = (float)value;
        previous = r->energy[i].time;
        r->energy_count = i + 1;
    }
    return LORIS_OK;
}

static loris_status read_events(const json *object, rhythm *r, const char *path) {
    const json *list;
    TRY(json_need_array(object, "events", &list, path));
    if (!list->count)
        return LORIS_OK;
    r->events = malloc(list->count * sizeof *r->events);
    if (!r->events)
        return fail_memory("events");
    double previous = 0.0, strength = 0.0;
    const char *kind = NULL;
    place at;
    for (size_t i = 0; i < list->count; i++) {
        rhythm_event *e = &r->events[i];
        name_place(&at, path, "events", i);
        TRY(json_need_number(&list->item[i], "t", 0.0, r->duration, &e->time, at.text));
        TRY(check_time(e->time, previous, r->duration, at.text));
        TRY(json_need_number(&list->item[i], "strength", 0.0, 1.0, &strength, at.text));
        e->strength = (float)strength;
        TRY(json_need_string(&list->item[i], "kind", &kind, at.text));
        e->kind = strcmp(kind, kind_name(EVENT_IMPACT)) == 0 ? EVENT_IMPACT : EVENT_ONSET;
        if (strcmp(kind, kind_name(e->kind)) != 0)
            return fail(LORIS_ERROR_INPUT, "an event is an \"onset\" or an \"impact\"", "%s: unknown kind \"%s\"",
                        at.text, kind);
        previous = e->time;
        r->event_count = i + 1;
    }
    return LORIS_OK;
}

static loris_status from_json(rhythm *r, const json *root, const char *path) {
    double version;
    if (root->type != JSON_OBJECT)
        return fail(LORIS_ERROR_INPUT, "see docs/formats.md", "%s: not a rhythm, which is a JSON object", path);
    TRY(json_need_number(root, "version", VERSION, VERSION, &version, path));
    TRY(json_need_number(root, "duration_s", 0.0, LONGEST, &r->duration, path));
    if (!(r->duration > 0.0))
        return fail(LORIS_ERROR_INPUT, "correct the file there", "%s: \"duration_s\" is not positive", path);
    if (json_get(root, "movement"))
        TRY(json_need_number(root, "movement", 0.0, HIGHEST_MOVEMENT, &r->movement, path));
    const json *tempo = json_get(root, "tempo");
    if (tempo && tempo->type != JSON_OBJECT)
        return fail(LORIS_ERROR_INPUT, "see docs/formats.md", "%s: \"tempo\" is not an object", path);
    if (tempo) {
        TRY(json_need_number(tempo, "bpm", 0.0, HIGHEST_BPM, &r->bpm, path));
        r->tempo_confidence = r->bpm > 0.0 ? 1.0 : 0.0; /* of a tempo that a person wrote down */
        if (json_get(tempo, "confidence"))
            TRY(json_need_number(tempo, "confidence", 0.0, 1.0, &r->tempo_confidence, path));
        TRY(read_times(tempo, "beats", r->duration, &r->beats, &r->beat_count, path));
        TRY(read_times(tempo, "downbeats", r->duration, &r->downbeats, &r->downbeat_count, path));
    }
    TRY(read_times(root, "cuts", r->duration, &r->cuts, &r->cut_count, path));
    TRY(read_energy(root, r, path));
    return read_events(root, r, path);
}

loris_status rhythm_read(rhythm *out, const char *path) {
    *out = (rhythm){0};
    char *data = NULL;
    size_t size = 0;
    TRY(file_read(path, FILE_LIMIT, &data, &size));
    arena *memory = arena_new();
    const json *root = NULL;
    loris_status status = memory ? json_parse(&root, memory, data, size, path) : fail_memory("the rhythm's JSON");
    if (status == LORIS_OK)
        status = from_json(out, root, path);
    if (status != LORIS_OK)
        rhythm_free(out);
    arena_free(memory);
    free(data);
    return status;
}
