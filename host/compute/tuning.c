#include "compute/tuning.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of entries in the table: what a network has of shapes, several times over. */
enum { MOST_ENTRIES = 4096 };

void tuning_free(tuning *t) {
    if (!t)
        return;
    free(t->entries);
    free(t);
}

bool tuned_choice_equal(const tuned_choice *a, const tuned_choice *b) {
    return a->use == b->use && !memcmp(a->size, b->size, sizeof a->size);
}

void tuned_choice_name(const tuned_choice *c, number_type storage, char name[48]) {
    static const char *const names[] = {[USE_DEFAULT] = "default", [USE_PANEL] = "own panel",
                                        [USE_TILE] = "own tile",   [USE_HALF_TILE] = "own half tile",
                                        [USE_CLBLAST] = "CLBlast", [USE_ONEDNN] = "oneDNN",
                                        [USE_SIZE] = "size"};
    int length = snprintf(name, 48, "%s", names[c->use]);
    for (int i = 0; i < 3 && c->size[i]; i++)
        length += snprintf(name + length, 48 - (size_t)length, "%c%d", i ? 'x' : ' ', c->size[i]);
    if (storage != TYPE_F32)
        snprintf(name + length, 48 - (size_t)length, " %s", number_name(storage));
}

loris_status tuning_add(tuning *t, const tuned_entry *e) {
    if (t->count == MOST_ENTRIES)
        return fail(LORIS_ERROR_INPUT, NULL, "more than %d tuned shapes", MOST_ENTRIES);
    if (t->count == t->capacity) {
        const int capacity = t->capacity ? 2 * t->capacity : 64;
        tuned_entry *entries = realloc(t->entries, (size_t)capacity * sizeof *entries);
        if (!entries)
            return fail_memory("a tuning");
        t->entries = entries;
        t->capacity = capacity;
    }
    t->entries[t->count] = *e;
    tuned_choice_name(&e->choice, e->shape.storage, t->entries[t->count].name);
    t->count++;
    return LORIS_OK;
}

/* How far apart, as the logarithm of the number of rows; negative when they are different work. */
static double distance(const tuned_shape *a, const tuned_shape *b) {
    if (a->kind != b->kind || a->storage != b->storage || a->columns != b->columns || a->channels != b->channels ||
        a->taps != b->taps || a->stride != b->stride)
        return -1;
    if (a->rows == b->rows && a->batch == b->batch)
        return 0;
    return fabs(log2((double)a->rows * a->batch) - log2((double)b->rows * b->batch)) + 1e-3;
}

const tuned_entry *tuning_find(const compute *c, const tuned_shape *shape, double flop) {
    if (c->shape_observer)
        c->shape_observer(c->shape_observer_user, shape, flop);
    const tuned_entry *nearest = NULL;
    if (c->tuning && c->tuning->forced && c->tuning->force.shape.kind == shape->kind)
        return &c->tuning->force;
    double least = 1 + 2e-3;
    for (int i = 0; c->tuning && i < c->tuning->count; i++) {
        const double d = distance(&c->tuning->entries[i].shape, shape);
        if (d >= 0 && d < least) {
            least = d;
            nearest = &c->tuning->entries[i];
        }
    }
    return nearest;
}
