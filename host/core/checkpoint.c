#include "core/checkpoint.h"

#include <stdlib.h>
#include <string.h>

#include "core/checkpoint_numpy.h"
#include "core/checkpoint_torch.h"
#include "core/file.h"
#include "core/safetensors.h"
#include "core/zip.h"

struct checkpoint {
    arena *memory;
    const char *path, *container, *section;
    uint64_t bytes;
    file_map map;             /* PyTorch, NumPy */
    safetensors *safetensors; /* or this */
    checkpoint_list tensors;
    const checkpoint_tensor **by_name; /* sorted */
};

static loris_status fail_tensor(const checkpoint *c, const char *name, const char *what) {
    return fail(LORIS_ERROR_INPUT, "download or save the file again", "%s: tensor \"%s\": %s", c->path, name, what);
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static loris_status list_safetensors(checkpoint *c) {
    c->container = "safetensors";
    c->section = "";
    size_t count = safetensors_count(c->safetensors);
    for (size_t i = 0; i < count; i++) {
        const safetensor *s = safetensors_at(c->safetensors, i);
        checkpoint_tensor t = {.name = s->name,
                               .type = s->type,
                               .rank = s->rank,
                               .count = s->count,
                               .contiguous = true,
                               .data = s->data,
                               .span = s->bytes};
        int64_t stride = 1;
        for (int k = s->rank; k-- > 0;) {
            t.dim[k] = s->dim[k];
            t.stride[k] = s->dim[k] > 1 ? stride : 0;
            stride *= s->dim[k] > 1 ? s->dim[k] : 1;
        }
        TRY(checkpoint_add(&c->tensors, &t));
    }
    return LORIS_OK;
}

static loris_status list_pickled(checkpoint *c) {
    const checkpoint_source source = {c->memory, c->map.data, c->map.size, c->path};
    if (checkpoint_recognise_numpy(c->map.data, c->map.size)) {
        c->container = "NumPy pickle";
        return checkpoint_list_numpy(&c->tensors, &source);
    }
    bool zipped = zip_recognise(c->map.data, c->map.size);
    c->container = zipped ? "PyTorch zip" : "PyTorch legacy";
    return zipped ? checkpoint_list_zip(&c->tensors, &c->section, &source)
                  : checkpoint_list_legacy(&c->tensors, &c->section, &source);
}

static int compare_names(const void *left, const void *right) {
    const checkpoint_tensor *const *l = left, *const *r = right;
    return strcmp((*l)->name, (*r)->name);
}

static loris_status index_names(checkpoint *c) {
    size_t count = c->tensors.count;
    c->by_name = arena_alloc(c->memory, count, sizeof *c->by_name);
    if (!c->by_name)
        return fail_memory(c->path);
    for (size_t i = 0; i < count; i++)
        c->by_name[i] = &c->tensors.tensor[i];
    qsort(c->by_name, count, sizeof *c->by_name, compare_names);
    for (size_t i = 1; i < count; i++)
        if (strcmp(c->by_name[i]->name, c->by_name[i - 1]->name) == 0)
            return fail_tensor(c, c->by_name[i]->name, "appears twice");
    return LORIS_OK;
}

/* By the first byte after the header's length; no PyTorch file has it there. */
static bool is_safetensors(const file_map *map) {
    return map->size > 8 && map->data[8] == '{';
}

static loris_status open_checkpoint(checkpoint *c) {
    TRY(file_map_open(&c->map, c->path));
    c->bytes = c->map.size;
    if (is_safetensors(&c->map)) {
        file_map_close(&c->map);
        TRY(safetensors_open(&c->safetensors, c->path));
        TRY(list_safetensors(c));
    } else if (zip_recognise(c->map.data, c->map.size) || checkpoint_recognise_legacy(c->map.data, c->map.size)) {
        TRY(list_pickled(c));
    } else {
        return fail(LORIS_ERROR_INPUT, "a checkpoint is a file of torch.save() or a .safetensors file",
                    c->map.size ? "%s: neither a PyTorch nor a safetensors file" : "%s: is empty", c->path);
    }
    return index_names(c);
}

loris_status checkpoint_open(checkpoint **out, const char *path) {
    *out = NULL;
    arena *memory = arena_new();
    checkpoint *c = arena_alloc(memory, 1, sizeof *c);
    char *name = arena_strdup(memory, path);
    if (arena_failed(memory) || !c) {
        arena_free(memory);
        return fail_memory(path);
    }
    *c = (checkpoint){.memory = memory, .path = name, .section = ""};
    loris_status status = open_checkpoint(c);
    if (status != LORIS_OK)
        checkpoint_close(c);
    else
        *out = c;
    return status;
}

void checkpoint_close(checkpoint *c) {
    if (!c)
        return;
    file_map_close(&c->map);
    safetensors_close(c->safetensors);
    free(c->tensors.tensor);
    arena_free(c->memory); /* c itself lies there */
}

loris_status checkpoint_add(checkpoint_list *list, const checkpoint_tensor *t) {
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 256;
        checkpoint_tensor *grown = realloc(list->tensor, capacity * sizeof *grown);
        if (!grown)
            return fail_memory("a checkpoint");
        list->tensor = grown;
        list->capacity = capacity;
    }
    list->tensor[list->count++] = *t;
    return LORIS_OK;
}

/* ---- using ------------------------------------------------------------------------------------------------------- */

size_t checkpoint_count(const checkpoint *c) {
    return c->tensors.count;
}

const checkpoint_tensor *checkpoint_at(const checkpoint *c, size_t i) {
    return i < c->tensors.count ? &c->tensors.tensor[i] : NULL;
}

const checkpoint_tensor *checkpoint_find(const checkpoint *c, const char *name) {
    checkpoint_tensor wanted = {.name = name};
    const checkpoint_tensor *key = &wanted;
    const checkpoint_tensor **found = bsearch(&key, c->by_name, c->tensors.count, sizeof *c->by_name, compare_names);
    return found ? *found : NULL;
}

const char *checkpoint_container(const checkpoint *c) {
    return c->container;
}

const char *checkpoint_section(const checkpoint *c) {
    return c->section;
}

const json *checkpoint_metadata(const checkpoint *c) {
    return c->safetensors ? safetensors_metadata(c->safetensors) : NULL;
}

const char *checkpoint_path(const checkpoint *c) {
    return c->path;
}

uint64_t checkpoint_bytes(const checkpoint *c) {
    return c->bytes;
}

void checkpoint_read(const checkpoint_tensor *t, size_t first, size_t count, void *out) {
    size_t size = number_size(t->type);
    if (count == 0)
        return;
    if (t->contiguous) {
        memcpy(out, t->data + first * size, count * size);
        return;
    }
    /* The index counts up like an odometer, the last dimension fastest. */
    int64_t index[CHECKPOINT_MAX_RANK] = {0}, place = 0;
    size_t rest = first;
    for (int k = t->rank; k-- > 0;) {
        index[k] = (int64_t)(rest % (size_t)t->dim[k]);
        rest /= (size_t)t->dim[k];
        place += index[k] * t->stride[k];
    }
    uint8_t *to = out;
    for (size_t i = 0; i < count; i++, to += size) {
        memcpy(to, t->data + (size_t)place * size, size);
        for (int k = t->rank; k-- > 0;) {
            place += t->stride[k];
            if (++index[k] < t->dim[k])
                break;
            place -= index[k] * t->stride[k];
            index[k] = 0;
        }
    }
}

bool checkpoint_same(const checkpoint_tensor *a, const checkpoint_tensor *b) {
    bool same = a->data == b->data && a->type == b->type && a->rank == b->rank;
    for (int k = 0; k < a->rank && same; k++)
        same = a->dim[k] == b->dim[k] && a->stride[k] == b->stride[k];
    return same;
}

void checkpoint_release(const checkpoint *c) {
    file_map_release(&c->map);
    if (c->safetensors)
        safetensors_release(c->safetensors);
}
