/* MIDI files: parsed back by a reader of this file's own, byte by byte. */
#include "compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "music/compose.h"
#include "scratch.h"

enum { TRACKS_MAX = 8, CHANNELS = 16 };

typedef struct sounded {
    int64_t start, end; /* ticks */
    int channel, key, velocity;
} sounded;

typedef struct midi {
    int format, tracks, division;
    int64_t tempo; /* microseconds a quarter */
    int program[CHANNELS], volume[CHANNELS];
    sounded *notes;
    size_t note_count;
} midi;

typedef struct bytes {
    const uint8_t *data;
    size_t size, at;
} bytes;

static uint32_t take(bytes *b, int count) {
    uint32_t v = 0;
    for (int i = 0; i < count; i++) {
        assert_true(b->at < b->size);
        v = v << 8 | b->data[b->at++];
    }
    return v;
}

static uint32_t take_variable(bytes *b) {
    uint32_t v = 0, byte;
    do {
        byte = take(b, 1);
        v = v << 7 | (byte & 0x7f);
    } while (byte & 0x80);
    return v;
}

static void take_tag(bytes *b, const char *tag) {
    for (int i = 0; i < 4; i++)
        assert_int_equal(take(b, 1), tag[i]);
}

/* Returns true at the end of the track. */
static bool parse_meta(midi *m, bytes *b) {
    uint32_t kind = take(b, 1), size = take_variable(b);
    assert_true(size <= b->size - b->at);
    if (kind == 0x51) {
        assert_int_equal(size, 3);
        m->tempo = take(b, 3);
    } else {
        b->at += size;
    }
    return kind == 0x2f;
}

static void parse_track(midi *m, bytes *b) {
    size_t sounding[CHANNELS][128] = {{0}}; /* index + 1 of the note that sounds */
    int64_t now = 0;
    take_tag(b, "MTrk");
    uint32_t size = take(b, 4);
    size_t end = b->at + size;
    assert_true(end <= b->size);
    for (bool over = false; !over;) {
        now += take_variable(b);
        uint32_t status = take(b, 1), channel = status & 0xf;
        if (status == 0xff) {
            over = parse_meta(m, b);
        } else if (status >> 4 == 0xc) {
            m->program[channel] = (int)take(b, 1);
        } else if (status >> 4 == 0xb) {
            assert_int_equal(take(b, 1), 7);
            m->volume[channel] = (int)take(b, 1);
        } else {
            uint32_t key = take(b, 1), velocity = take(b, 1);
            assert_true(key < 128 && velocity < 128);
            if (status >> 4 == 9) {
                assert_true(velocity > 0);
                assert_int_equal(sounding[channel][key], 0); /* no key struck while it sounds */
                m->notes[m->note_count++] = (sounded){now, -1, (int)channel, (int)key, (int)velocity};
                sounding[channel][key] = m->note_count;
            } else {
                assert_int_equal(status >> 4, 8);
                assert_true(sounding[channel][key] > 0);
                m->notes[sounding[channel][key] - 1].end = now;
                sounding[channel][key] = 0;
            }
        }
    }
    assert_int_equal(b->at, end);
    for (int c = 0; c < CHANNELS; c++)
        for (int k = 0; k < 128; k++)
            assert_int_equal(sounding[c][k], 0);
}

static midi parse(const char *path) {
    bytes b = {0};
    void *data = scratch_read(path, &b.size);
    b.data = data;
    midi m = {.notes = calloc(b.size, sizeof *m.notes)};
    assert_non_null(m.notes);
    take_tag(&b, "MThd");
    assert_int_equal(take(&b, 4), 6);
    m.format = (int)take(&b, 2);
    m.tracks = (int)take(&b, 2);
    m.division = (int)take(&b, 2);
    assert_true(m.tracks <= TRACKS_MAX);
    for (int i = 0; i < m.tracks; i++)
        parse_track(&m, &b);
    assert_int_equal(b.at, b.size);
    free(data);
    return m;
}

static int channel_of(part p) {
    return p == PART_DRUMS ? 9 : (int)p - 1;
}

static int key_of(const note *n) {
    static const int keys[LANE_COUNT] = {36, 38, 39, 42, 46, 51, 49, 45, 63, 70};
    return n->part == PART_DRUMS ? keys[n->pitch] : n->pitch;
}

static void assert_holds(const midi *m, const score *s) {
    double ticks_per_second = m->division * 1e6 / (double)m->tempo;
    assert_int_equal(m->note_count, s->note_count);
    for (size_t i = 0; i < s->note_count; i++) {
        const note *n = &s->notes[i];
        bool found = false;
        for (size_t k = 0; k < m->note_count && !found; k++) {
            const sounded *x = &m->notes[k];
            found = x->channel == channel_of(n->part) && x->key == key_of(n) && x->velocity == n->velocity &&
                    fabs((double)x->start - n->time * ticks_per_second) <= 0.5 &&
                    fabs((double)x->end - (n->time + n->duration) * ticks_per_second) <= 1; /* at least a tick long */
        }
        if (!found)
            fail_msg("note %zu (%s %d at %g s) is not in the file", i, part_name(n->part), n->pitch, n->time);
    }
}

static void test_a_composed_score_comes_back(void **state) {
    (void)state;
    rhythm r = {.duration = 30};
    compose_settings settings = compose_defaults();
    for (int i = 0; i < STYLE_COUNT; i++) {
        score s;
        settings.style = i;
        assert_ok(compose(&s, &r, &settings));
        assert_ok(score_write_midi(&s, scratch("a.mid")));
        midi m = parse(scratch("a.mid"));
        assert_int_equal(m.format, 1);
        assert_int_equal(m.tracks, 5);
        assert_int_equal(m.division, 480);
        assert_true(fabs(60e6 / (double)m.tempo - (s.bpm > 0 ? s.bpm : 120)) < 0.01); /* whole microseconds a quarter */
        for (int p = PART_BASS; p < PART_COUNT; p++)
            assert_int_equal(m.program[p - 1], s.program[p]);
        assert_int_equal(m.volume[9], 112);
        assert_int_equal(m.volume[0], 100);
        assert_int_equal(m.volume[1], 74);
        assert_int_equal(m.volume[2], 84);
        assert_holds(&m, &s);
        free(m.notes);
        score_free(&s);
    }
}

static void test_repeated_keys_are_separate(void **state) {
    (void)state;
    score s = {.style = STYLE_FREE, .seconds = 4};
    assert_ok(score_add_note(&s, (note){1, 2, PART_LEAD, 60, 80}));
    assert_ok(score_add_note(&s, (note){2, 1, PART_LEAD, 60, 90})); /* struck while it sounds */
    assert_ok(score_add_note(
        &s, (note){2, 0.5, PART_LEAD, 60, 100})); /* and twice at once: the louder, as long as the longer */
    assert_ok(score_add_note(&s, (note){3, 0, PART_LEAD, 60, 70})); /* as it ends, without a duration */
    assert_ok(score_write_midi(&s, scratch("b.mid")));
    midi m = parse(scratch("b.mid"));
    static const sounded want[] = {{960, 1920, 2, 60, 80}, {1920, 2880, 2, 60, 100}, {2880, 2881, 2, 60, 70}};
    assert_int_equal(m.note_count, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(m.notes[i].start, want[i].start);
        assert_int_equal(m.notes[i].end, want[i].end);
        assert_int_equal(m.notes[i].velocity, want[i].velocity);
        assert_int_equal(m.notes[i].channel, want[i].channel);
    }
    free(m.notes);
    score_free(&s);
}

static void test_empty_and_long_scores(void **state) {
    (void)state;
    score s = {.style = STYLE_ROCK, .seconds = 1, .bpm = 0.01}; /* slower than the format's 24 bits of microseconds */
    assert_ok(score_write_midi(&s, scratch("c.mid")));
    midi m = parse(scratch("c.mid"));
    assert_int_equal(m.note_count, 0);
    assert_int_equal(m.tempo, 0xffffff);
    free(m.notes);
    s.bpm = 133.7;
    assert_ok(score_add_note(&s, (note){3599.999, 1, PART_DRUMS, LANE_CRASH, 127})); /* three bytes of delta time */
    assert_ok(score_write_midi(&s, scratch("c.mid")));
    m = parse(scratch("c.mid"));
    assert_holds(&m, &s);
    free(m.notes);
    score_free(&s);
}

static void test_a_failure_leaves_nothing(void **state) {
    (void)state;
    score s = {.style = STYLE_ROCK, .seconds = 1};
    size_t before = scratch_count();
    assert_fails(score_write_midi(&s, scratch("no/such/folder.mid")), LORIS_ERROR_OUTPUT, NULL);
    assert_int_equal(scratch_count(), before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_composed_score_comes_back),
        cmocka_unit_test(test_repeated_keys_are_separate),
        cmocka_unit_test(test_empty_and_long_scores),
        cmocka_unit_test(test_a_failure_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
