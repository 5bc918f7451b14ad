/* Standard MIDI File, format 1 (MIDI Manufacturers Association, RP-001): a tempo track, then one track a part. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "core/file.h"
#include "core/text.h"
#include "music/score.h"

enum { TICKS_PER_QUARTER = 480, DRUM_CHANNEL = 9, PULSELESS_BPM = 120 };

static const uint8_t drum_key[LANE_COUNT] = {
    [LANE_KICK] = 36, [LANE_SNARE] = 38, [LANE_CLAP] = 39, [LANE_HAT] = 42,        [LANE_OPENHAT] = 46,
    [LANE_RIDE] = 51, [LANE_CRASH] = 49, [LANE_TOM] = 45,  [LANE_PERCUSSION] = 63, [LANE_SHAKER] = 70};
static const uint8_t channel_of[PART_COUNT] = {
    [PART_DRUMS] = DRUM_CHANNEL, [PART_BASS] = 0, [PART_HARMONY] = 1, [PART_LEAD] = 2};
static const uint8_t volume_of[PART_COUNT] = {
    [PART_DRUMS] = 112, [PART_BASS] = 100, [PART_HARMONY] = 74, [PART_LEAD] = 84};

typedef struct midi_event {
    int64_t tick;
    uint8_t on, key, velocity;
} midi_event;

typedef struct midi_note {
    int64_t start, end;
    uint8_t key, velocity;
} midi_note;

static void put_bytes(text *t, const uint8_t *bytes, size_t count) {
    text_append(t, (const char *)bytes, count);
}

static void put_u32(text *t, uint32_t v) {
    put_bytes(t, (uint8_t[]){(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v}, 4);
}

/* Seven bits a byte, most significant first, the top bit set on all but the last. */
static void put_variable(text *t, uint32_t v) {
    uint8_t bytes[5];
    int first = 4;
    bytes[4] = v & 0x7f;
    while (v >>= 7)
        bytes[--first] = (uint8_t)(0x80 | (v & 0x7f));
    put_bytes(t, bytes + first, (size_t)(5 - first));
}

static void put_meta(text *t, uint8_t kind, const void *data, uint32_t size) {
    put_bytes(t, (uint8_t[]){0, 0xff, kind}, 3);
    put_variable(t, size);
    text_append(t, data, size);
}

static void put_name(text *t, const char *name) {
    uint32_t length = 0;
    while (name[length])
        length++;
    put_meta(t, 0x03, name, length);
}

/* Appends `track` as an MTrk chunk, closed by an end-of-track event, and empties it. */
static void put_track(text *out, text *track) {
    put_meta(track, 0x2f, "", 0);
    text_append(out, "MTrk", 4);
    put_u32(out, (uint32_t)track->length);
    text_append(out, track->data, track->length);
    out->failed |= text_failed(track);
    text_free(track);
    *track = (text){0};
}

static int by_start(const void *a, const void *b) {
    const midi_note *x = a, *y = b;
    if (x->start != y->start)
        return x->start < y->start ? -1 : 1;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (int)x->velocity - (int)y->velocity;
}

/* Note-offs before note-ons of the same tick, so that a repeated key sounds again. */
static int by_tick(const void *a, const void *b) {
    const midi_event *x = a, *y = b;
    if (x->tick != y->tick)
        return x->tick < y->tick ? -1 : 1;
    if (x->on != y->on)
        return x->on ? 1 : -1;
    return (int)x->key - (int)y->key;
}

static int clamp(int v, int low, int high) {
    return v < low ? low : v > high ? high : v;
}

/* A key cannot sound twice at once on a channel: a note ends where its key is struck again, and of two struck on one
 * tick the louder stays, as long as the longer. Returns the number of notes left. */
static size_t separate(midi_note *notes, size_t count) {
    size_t kept = 0, last[128] = {0}; /* index + 1 of the key's latest note */
    for (size_t i = 0; i < count; i++) {
        midi_note n = notes[i], *before = last[n.key] ? &notes[last[n.key] - 1] : NULL;
        if (before && before->start == n.start) {
            before->velocity = n.velocity; /* sorted: the later is the louder */
            before->end = n.end > before->end ? n.end : before->end;
            continue;
        }
        if (before && before->end > n.start)
            before->end = n.start;
        notes[kept++] = n;
        last[n.key] = kept;
    }
    return kept;
}

static loris_status put_part(text *track, const score *s, part p, double ticks_per_second) {
    loris_status status = LORIS_OK;
    size_t count = 0, made = 0;
    for (size_t i = 0; i < s->note_count; i++)
        count += s->notes[i].part == p;
    midi_note *notes = calloc(count + 1, sizeof *notes);
    midi_event *events = calloc(2 * count + 1, sizeof *events);
    if (!notes || !events)
        TRY_GOTO(fail_memory("a MIDI track"));
    for (size_t i = 0; i < s->note_count; i++) {
        const note *n = &s->notes[i];
        if (n->part != p)
            continue;
        int64_t start = llround(fmax(0, n->time) * ticks_per_second);
        int64_t end = llround(fmax(0, n->time + n->duration) * ticks_per_second);
        uint8_t key = p == PART_DRUMS ? drum_key[clamp(n->pitch, 0, LANE_COUNT - 1)] : (uint8_t)clamp(n->pitch, 0, 127);
        notes[made++] = (midi_note){start, end > start ? end : start + 1, key, (uint8_t)clamp(n->velocity, 1, 127)};
    }
    qsort(notes, count, sizeof *notes, by_start);
    count = separate(notes, count);
    for (size_t i = 0; i < count; i++) {
        events[2 * i] = (midi_event){notes[i].start, 1, notes[i].key, notes[i].velocity};
        events[2 * i + 1] = (midi_event){notes[i].end, 0, notes[i].key, 0};
    }
    qsort(events, 2 * count, sizeof *events, by_tick);

    uint8_t channel = channel_of[p];
    put_name(track, part_name(p));
    if (p != PART_DRUMS)
        put_bytes(track, (uint8_t[]){0, 0xc0 | channel, (uint8_t)clamp(s->program[p], 0, 127)}, 3);
    put_bytes(track, (uint8_t[]){0, 0xb0 | channel, 7, volume_of[p]}, 4);
    int64_t now = 0;
    for (size_t i = 0; i < 2 * count; i++) {
        put_variable(track, (uint32_t)(events[i].tick - now));
        put_bytes(track,
                  (uint8_t[]){(uint8_t)((events[i].on ? 0x90 : 0x80) | channel), events[i].key, events[i].velocity}, 3);
        now = events[i].tick;
    }
done:
    free(notes);
    free(events);
    return status;
}

loris_status score_write_midi(const score *s, const char *path) {
    loris_status status = LORIS_OK;
    text out = {0}, track = {0};

    /* The file's tempo is a whole number of microseconds a quarter; ticks are counted in that tempo, so that times stay
     * exact. */
    long tempo = lround(60e6 / (s->bpm > 0 ? s->bpm : PULSELESS_BPM));
    tempo = tempo < 1 ? 1 : tempo > 0xffffff ? 0xffffff : tempo;
    double ticks_per_second = TICKS_PER_QUARTER * 1e6 / (double)tempo;

    text_append(&out, "MThd", 4);
    put_u32(&out, 6);
    put_bytes(&out, (uint8_t[]){0, 1, 0, 1 + PART_COUNT, TICKS_PER_QUARTER >> 8, TICKS_PER_QUARTER & 0xff}, 6);
    put_name(&track, style_name(s->style));
    put_meta(&track, 0x51, (uint8_t[]){(uint8_t)(tempo >> 16), (uint8_t)(tempo >> 8), (uint8_t)tempo}, 3);
    put_meta(&track, 0x58, (uint8_t[]){4, 2, 24, 8}, 4); /* 4/4 */
    put_track(&out, &track);
    for (int p = 0; p < PART_COUNT; p++) {
        TRY_GOTO(put_part(&track, s, (part)p, ticks_per_second));
        put_track(&out, &track);
    }
    if (text_failed(&out))
        TRY_GOTO(fail_memory("a MIDI file"));
    TRY_GOTO(file_write(path, out.data, out.length));
done:
    text_free(&track);
    text_free(&out);
    return status;
}
