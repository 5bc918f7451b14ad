#include "plan/weights.h"

#include <stdlib.h>
#include <string.h>

#include <pthread.h>

#include "core/arena.h"
#include "core/worker.h"

/* Threads that pack: each holds two copies of a weight meanwhile. */
enum { PACKING_THREADS = 8 };

typedef struct packed {
    struct packed *next;
    const char *key;
    number_type type;
    cl_mem buffer;
    /* how, until weights_fill() has done it */
    struct packed *next_due;
    const weight_entry *entry;
    weight_packer *pack;
    const void *layout;
    size_t count;
} packed;

typedef struct item {
    weight_entry entry;         /* first: a weight_entry * is an item * */
    safetensor own;             /* for weights_add, and for weights made by `generate` */
    weight_generator *generate; /* makes the values each time they are asked for; NULL: they are at source->data */
    packed *copies;
    bool used;
} item;

struct weights {
    arena *memory;
    compute *compute;
    item **items; /* sorted by name */
    size_t count, capacity;
    size_t device_bytes;
    packed *due;             /* buffers that are made and not yet filled */
    const safetensors *file; /* NULL where there is none */
    size_t read_bytes;       /* of the file, since its memory was last given back */
    weight_generator *generate;
};

loris_status weights_new_empty(weights **out, compute *c) {
    arena *memory = arena_new();
    weights *w = arena_alloc(memory, 1, sizeof *w);
    if (!w) {
        arena_free(memory);
        return fail_memory("the table of weights");
    }
    w->memory = memory;
    w->compute = c;
    *out = w;
    return LORIS_OK;
}

void weights_free(weights *w) {
    if (!w)
        return;
    for (size_t i = 0; i < w->count; i++)
        for (packed *p = w->items[i]->copies; p; p = p->next)
            buffer_free(&p->buffer);
    free(w->items);
    arena_free(w->memory);
}

/* The first item whose name is not less than `name`. */
static size_t lower_bound(const weights *w, const char *name) {
    size_t low = 0, high = w->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(w->items[middle]->entry.name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static loris_status insert(weights *w, item *it) {
    if (w->count == w->capacity) {
        size_t capacity = w->capacity ? 2 * w->capacity : 64;
        item **items = realloc(w->items, capacity * sizeof *items);
        if (!items)
            return fail_memory("the table of weights");
        w->items = items;
        w->capacity = capacity;
    }
    size_t at = lower_bound(w, it->entry.name);
    if (at < w->count && !strcmp(w->items[at]->entry.name, it->entry.name))
        return fail(LORIS_ERROR_INPUT, NULL, "weight %s is there twice", it->entry.name);
    memmove(w->items + at + 1, w->items + at, (w->count - at) * sizeof *w->items);
    w->items[at] = it;
    w->count++;
    return LORIS_OK;
}

loris_status weights_new(weights **out, compute *c, const safetensors *file, const char *prefix) {
    weights *w = NULL;
    TRY(weights_new_empty(&w, c));
    w->file = file;
    size_t skip = strlen(prefix);
    for (size_t i = 0; i < safetensors_count(file); i++) {
        const safetensor *t = safetensors_at(file, i);
        if (strncmp(t->name, prefix, skip))
            continue;
        item *it = arena_alloc(w->memory, 1, sizeof *it);
        loris_status status = it ? LORIS_OK : fail_memory("the table of weights");
        if (it) {
            it->entry = (weight_entry){.source = t, .name = t->name + skip};
            status = insert(w, it);
        }
        if (status != LORIS_OK) {
            weights_free(w);
            return status;
        }
    }
    *out = w;
    return LORIS_OK;
}

/* An item of its own name and shape, without values. */
static loris_status new_item(weights *w, item **out, const char *name, int rank, const int64_t *dim) {
    if (rank < 0 || rank > SAFETENSORS_MAX_RANK)
        return fail(LORIS_ERROR_INTERNAL, NULL, "weight %s: rank %d", name, rank);
    item *it = arena_alloc(w->memory, 1, sizeof *it);
    if (!it)
        return fail_memory("a weight");
    it->own = (safetensor){.name = arena_strdup(w->memory, name), .type = TYPE_F32, .rank = rank, .count = 1};
    for (int i = 0; i < rank; i++) {
        it->own.dim[i] = dim[i];
        it->own.count *= (size_t)dim[i];
    }
    it->own.bytes = it->own.count * sizeof(float);
    it->entry = (weight_entry){.source = &it->own, .name = it->own.name};
    *out = it;
    return arena_failed(w->memory) ? fail_memory("a weight") : LORIS_OK;
}

loris_status weights_add(weights *w, const char *name, int rank, const int64_t *dim, const float *values) {
    item *it;
    TRY(new_item(w, &it, name, rank, dim));
    uint8_t *copy = arena_alloc(w->memory, it->own.count ? it->own.count : 1, sizeof(float));
    if (!copy)
        return fail_memory("a weight");
    memcpy(copy, values, it->own.bytes);
    it->own.data = copy;
    return insert(w, it);
}

const weight_entry *weights_find(const weights *w, const char *name) {
    size_t at = lower_bound(w, name);
    return at < w->count && !strcmp(w->items[at]->entry.name, name) ? &w->items[at]->entry : NULL;
}

loris_status weights_new_generated(weights **out, compute *c, weight_generator *generate) {
    TRY(weights_new_empty(out, c));
    (*out)->generate = generate;
    return LORIS_OK;
}

const weight_entry *weights_find_or_make(const weights *w, const char *name, int rank, const int64_t *dim) {
    const weight_entry *found = weights_find(w, name);
    if (found || !w->generate)
        return found;
    weights *mutable = (weights *)w; /* the set grows, what it means does not change */
    item *it;
    if (new_item(mutable, &it, name, rank, dim) != LORIS_OK)
        return NULL;
    it->generate = w->generate;
    return insert(mutable, it) == LORIS_OK ? &it->entry : NULL;
}

loris_status weights_values(const weight_entry *e, float **values) {
    const safetensor *t = e->source;
    weight_generator *generate = ((const item *)e)->generate;
    float *out = malloc(t->count ? t->count * sizeof *out : sizeof *out);
    if (!out)
        return fail_memory(e->name);
    if (generate) {
        generate(out, t->name, t->rank, t->dim);
    } else if (!number_to_f32(out, t->data, t->type, t->count)) {
        free(out);
        return fail(LORIS_ERROR_INPUT, "weights are f32, f16, bf16 or f64", "tensor %s has type %s", t->name,
                    number_name(t->type));
    }
    *values = out;
    return LORIS_OK;
}

/* What was read of a mapped file is not needed again once it is packed. */
static void give_back(weights *w, const weight_entry *e) {
    static const size_t limit = (size_t)16 << 20;
    if (!w->file)
        return;
    w->read_bytes += e->source->bytes;
    if (w->read_bytes >= limit) {
        safetensors_release(w->file);
        w->read_bytes = 0;
    }
}

static loris_status pack_numbers(const weight_entry *e, weight_packer *pack, const void *layout, size_t count,
                                 number_type type, void **out) {
    float *values = NULL;
    if (!pack && count != e->source->count)
        return fail(LORIS_ERROR_INTERNAL, NULL, "weight %s: %zu values asked of %zu", e->name, count, e->source->count);
    TRY(weights_values(e, &values));
    if (pack) {
        float *laid_out = calloc(count ? count : 1, sizeof *laid_out);
        if (laid_out)
            pack(laid_out, values, layout);
        free(values);
        values = laid_out;
    }
    *out = values;
    if (values && type != TYPE_F32) {
        *out = malloc(count ? count * number_size(type) : 1);
        if (*out)
            number_from_f32(*out, type, values, count);
        free(values);
    }
    return *out ? LORIS_OK : fail_memory(e->name);
}

loris_status weights_pack(const weights *w, const weight_entry *e, weight_packer *pack, const void *layout,
                          size_t count, number_type type, void **out) {
    TRY(pack_numbers(e, pack, layout, count, type, out));
    give_back((weights *)w, e);
    return LORIS_OK;
}

loris_status weights_device(const weights *w, const weight_entry *e, const char *key, weight_packer *pack,
                            const void *layout, size_t layout_size, size_t count, number_type type, cl_mem *out) {
    item *it = (item *)e;
    for (packed *p = it->copies; p; p = p->next)
        if (p->type == type && !strcmp(p->key, key)) {
            *out = p->buffer;
            return LORIS_OK;
        }
    weights *mutable = (weights *)w;
    packed *p = arena_alloc(w->memory, 1, sizeof *p);
    const char *key_copy = arena_strdup(w->memory, key);
    void *layout_copy = arena_alloc(w->memory, layout_size ? layout_size : 1, 1);
    if (arena_failed(w->memory))
        return fail_memory("a weight");
    if (layout_size)
        memcpy(layout_copy, layout, layout_size);
    TRY(buffer_new(w->compute, out, count * number_size(type), NULL, e->name));
    *p = (packed){.next = it->copies,
                  .key = key_copy,
                  .type = type,
                  .buffer = *out,
                  .next_due = w->due,
                  .entry = e,
                  .pack = pack,
                  .layout = layout_copy,
                  .count = count};
    it->copies = p;
    mutable->due = p;
    mutable->device_bytes += count * number_size(type);
    return LORIS_OK;
}

typedef struct filling {
    weights *weights;
    packed **due;
    pthread_mutex_t lock; /* of the queue and its throttle, and of what is known of the mapped file */
} filling;

static loris_status fill_one(void *user, int index) {
    filling *f = user;
    const packed *p = f->due[index];
    void *numbers;
    TRY(pack_numbers(p->entry, p->pack, p->layout, p->count, p->type, &numbers));
    pthread_mutex_lock(&f->lock);
    give_back(f->weights, p->entry);
    loris_status status =
        buffer_write(f->weights->compute, p->buffer, 0, numbers, p->count * number_size(p->type), p->entry->name);
    pthread_mutex_unlock(&f->lock);
    free(numbers);
    return status;
}

loris_status weights_fill(const weights *w) {
    int count = 0, processors = worker_processors();
    for (const packed *p = w->due; p; p = p->next_due)
        count++;
    if (!count)
        return LORIS_OK;
    filling f = {.weights = (weights *)w, .due = malloc((size_t)count * sizeof *f.due)};
    if (!f.due)
        return fail_memory("weights");
    int left = count;
    for (packed *p = w->due; p; p = p->next_due)
        f.due[--left] = p; /* in the order they were asked for: the list begins with the last */
    pthread_mutex_init(&f.lock, NULL);
    loris_status status = worker_run(processors < PACKING_THREADS ? processors : PACKING_THREADS, count, fill_one, &f);
    pthread_mutex_destroy(&f.lock);
    free(f.due);
    if (status == LORIS_OK)
        f.weights->due = NULL;
    return status;
}

size_t weights_device_bytes(const weights *w) {
    return w->device_bytes;
}

void weights_mark_used(const weight_entry *e) {
    ((item *)e)->used = true;
}

loris_status weights_all_used(const weights *w) {
    for (size_t i = 0; i < w->count; i++)
        if (!w->items[i]->used)
            return fail(LORIS_ERROR_INPUT, "do the hyper-parameters in its configuration belong to these weights?",
                        "the model holds a tensor that its network does not have: %s", w->items[i]->entry.source->name);
    return LORIS_OK;
}
