/* What torch.save() writes, after torch/serialization.py:
 *
 * zip:    NAME/data.pkl (a pickle that refers to storages by key), NAME/data/KEY (each storage's bytes), NAME/byteorder
 * legacy: five pickles (a magic number, the protocol, facts on the machine, the object, the storages' keys), then each
 *         storage in the order of the keys: its count as int64 and its bytes */
#include "core/checkpoint_torch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/pickle_opcode.h"
#include "core/text.h"
#include "core/zip.h"

/* Containers may hold each other many times over, or themselves: what is walked is limited. */
enum {
    DEPTH_LIMIT = 4,       /* of the state dict */
    WALK_DEPTH_LIMIT = 16, /* of containers */
    WALK_LIMIT = 1 << 22,  /* items looked at */
    TENSOR_LIMIT = 1 << 16,
    NAME_LIMIT = 1024,
    LEGACY_PROTOCOL = 1001
};

static const char hint_damaged[] = "download or save the file again";
static const char hint_cut[] = "is the download complete?";
static const char hint_weights[] = "save the weights alone: torch.save(model.state_dict(), FILE)";

/* ---- the state dict within what was saved ------------------------------------------------------------------------ */

typedef struct search {
    const checkpoint_source *source;
    size_t walked; /* items */
    text section;
} search;

/* Does this dict hold tensors itself, under strings? */
static bool holds_tensors(const pickle_value *v) {
    if (v->type != PICKLE_DICT)
        return false;
    for (size_t i = 0; i < v->items.count; i += 2)
        if (v->items.at[i]->type == PICKLE_STRING && v->items.at[i + 1]->type == PICKLE_TENSOR)
            return true;
    return false;
}

static const pickle_value *find_state(search *s, const pickle_value *v, int depth, bool *several);

/* The tensors of one member; the section is the path to it. */
static const pickle_value *find_in_member(search *s, pickle_bytes key, const pickle_value *member, int depth,
                                          bool *several) {
    size_t length = s->section.length;
    if (member->type != PICKLE_DICT || key.length > NAME_LIMIT)
        return NULL;
    s->walked += 1 + member->items.count;
    if (s->walked > WALK_LIMIT)
        return NULL;
    text_append(&s->section, ".", length ? 1 : 0);
    text_append(&s->section, key.data, key.length);
    const pickle_value *found = find_state(s, member, depth + 1, several);
    if (!found && !text_failed(&s->section))
        s->section.length = length;
    return found;
}

/* NULL: none, or several that no rule chooses between. */
static const pickle_value *find_state(search *s, const pickle_value *v, int depth, bool *several) {
    static const char *const preferred[] = {"ema",        "ema_state_dict",   "model_ema", "state_dict_ema",
                                            "state_dict", "model_state_dict", "model",     "net",
                                            "module",     "weights"};
    if (holds_tensors(v))
        return v;
    if (v->type != PICKLE_DICT || depth == DEPTH_LIMIT)
        return NULL;
    for (size_t i = 0; i < sizeof preferred / sizeof *preferred; i++) {
        const pickle_value *member = pickle_get(v, preferred[i]);
        const pickle_bytes key = {preferred[i], strlen(preferred[i])};
        const pickle_value *found = member ? find_in_member(s, key, member, depth, several) : NULL;
        if (found || *several)
            return found;
    }
    const pickle_value *only = NULL, *only_key = NULL;
    for (size_t i = 0; i < v->items.count && !*several; i += 2) {
        const pickle_value *key = v->items.at[i];
        size_t length = s->section.length;
        if (key->type != PICKLE_STRING || !find_in_member(s, key->bytes, v->items.at[i + 1], depth, several))
            continue;
        s->section.length = length;
        *several = *several || only;
        only = v->items.at[i + 1];
        only_key = key;
    }
    return only && !*several ? find_in_member(s, only_key->bytes, only, depth, several) : NULL;
}

static loris_status find_state_dict(const checkpoint_source *source, const pickle_value *root, const pickle_value **out,
                                    const char **section) {
    search s = {.source = source};
    bool several = false;
    text_append(&s.section, "", 0);
    *out = find_state(&s, root, 0, &several);
    bool failed = text_failed(&s.section);
    *section = failed ? NULL : arena_printf(source->memory, "%.*s", (int)s.section.length, s.section.data);
    text_free(&s.section);
    if (!*section)
        return fail_memory(source->path);
    if (several)
        return fail(LORIS_ERROR_INPUT, hint_weights, "%s: holds several dicts of tensors; which is meant is not clear",
                    source->path);
    if (!*out)
        return fail(LORIS_ERROR_INPUT, hint_weights, "%s: holds no dict of names and tensors", source->path);
    return LORIS_OK;
}

/* ---- tensors ----------------------------------------------------------------------------------------------------- */

/* Where a storage's bytes are. */
typedef loris_status locate_function(void *user, const pickle_storage *storage, const uint8_t **data);

loris_status checkpoint_copy_name(const checkpoint_source *s, const pickle_value *key, const char **name) {
    const char *at = key->bytes.data;
    size_t left = key->bytes.length;
    bool good = left > 0 && left <= NAME_LIMIT;
    while (good && left > 0) {
        size_t bytes = utf8_length(at, left);
        good = bytes > 0 && (unsigned char)*at >= 0x20;
        at += bytes;
        left -= bytes;
    }
    if (!good)
        return fail(LORIS_ERROR_INPUT, hint_damaged, "%s: byte %zu of the pickle: a tensor's name is not plain text",
                    s->path, key->at);
    *name = arena_printf(s->memory, "%.*s", (int)key->bytes.length, key->bytes.data);
    return *name ? LORIS_OK : fail_memory(s->path);
}

/* Numbers from the storage's start to the end of the tensor's last one; false when that overflows. */
static bool find_reach(const pickle_tensor *p, uint64_t *reach) {
    uint64_t last = (uint64_t)p->offset;
    for (int k = 0; k < p->rank; k++) {
        uint64_t steps = (uint64_t)p->dim[k] - 1, stride = (uint64_t)p->stride[k];
        if (steps && stride > (INT64_MAX - last) / steps)
            return false;
        last += steps * stride;
    }
    *reach = last + 1;
    return true;
}

static loris_status make_tensor(const checkpoint_source *s, const pickle_tensor *p, locate_function *locate, void *user,
                                checkpoint_tensor *t) {
    const uint8_t *storage = NULL;
    size_t size = number_size(p->storage->type);
    loris_status status = locate(user, p->storage, &storage);
    if (status != LORIS_OK)
        return fail_in(status, "%s: tensor \"%s\"", s->path, t->name);
    t->type = p->storage->type;
    t->rank = p->rank;
    for (int k = 0; k < p->rank; k++) {
        t->dim[k] = p->dim[k];
        t->stride[k] = p->dim[k] == 1 ? 0 : p->stride[k];
    }
    uint64_t reach = 0;
    /* A tensor larger than its storage repeats numbers (a stride of 0): no weight does, and a small file could ask for
     * any amount of memory that way. */
    if (!shape_count(p->dim, p->rank, (size_t)p->storage->count, &t->count))
        return fail(LORIS_ERROR_INPUT, hint_damaged, "%s: tensor \"%s\": has more numbers than its storage of %llu",
                    s->path, t->name, (unsigned long long)p->storage->count);
    if (t->count > 0 && (!find_reach(p, &reach) || reach > p->storage->count))
        return fail(LORIS_ERROR_INPUT, hint_damaged, "%s: tensor \"%s\": reaches beyond its storage of %llu numbers",
                    s->path, t->name, (unsigned long long)p->storage->count);
    t->data = storage + (t->count ? (size_t)p->offset * size : 0);
    t->span = t->count ? (size_t)(reach - (uint64_t)p->offset) * size : 0;
    int64_t stride = 1;
    t->contiguous = true;
    for (int k = t->rank; k-- > 0 && t->count > 0;) {
        t->contiguous = t->contiguous && (t->dim[k] == 1 || t->stride[k] == stride);
        stride *= t->dim[k];
    }
    return LORIS_OK;
}

static loris_status list_tensors(checkpoint_list *list, const checkpoint_source *s, const pickle_value *state,
                                 locate_function *locate, void *user) {
    for (size_t i = 0; i < state->items.count; i += 2) {
        const pickle_value *key = state->items.at[i], *value = state->items.at[i + 1];
        if (value->type != PICKLE_TENSOR)
            continue;
        if (key->type != PICKLE_STRING)
            return fail(LORIS_ERROR_INPUT, hint_weights, "%s: byte %zu of the pickle: a tensor's name is no string",
                        s->path, key->at);
        checkpoint_tensor t = {0};
        TRY(checkpoint_copy_name(s, key, &t.name));
        TRY(make_tensor(s, &value->tensor, locate, user, &t));
        if (list->count == TENSOR_LIMIT)
            return fail(LORIS_ERROR_INPUT, hint_weights, "%s: more than %d tensors", s->path, TENSOR_LIMIT);
        TRY(checkpoint_add(list, &t));
    }
    return LORIS_OK;
}

/* ---- zip --------------------------------------------------------------------------------------------------------- */

typedef struct zip_storages {
    zip *archive;
    const char *folder; /* with its '/' */
} zip_storages;

static loris_status locate_in_zip(void *user, const pickle_storage *storage, const uint8_t **data) {
    const zip_storages *z = user;
    char name[512];
    int length = snprintf(name, sizeof name, "%sdata/%.*s", z->folder,
                          storage->key.length < 200 ? (int)storage->key.length : 200, storage->key.data);
    const zip_entry *entry = length < (int)sizeof name && storage->key.length < 200 ? zip_find(z->archive, name) : NULL;
    if (!entry)
        return fail(LORIS_ERROR_INPUT, hint_damaged, "its storage, zip entry \"%s\", is missing", name);
    size_t size = number_size(storage->type);
    if (entry->size / size != storage->count || entry->size % size)
        return fail(LORIS_ERROR_INPUT, hint_damaged, "zip entry \"%s\" has %zu bytes, not those of %llu numbers of %s",
                    name, entry->size, (unsigned long long)storage->count, number_name(storage->type));
    *data = entry->data;
    return LORIS_OK;
}

static loris_status list_archive(checkpoint_list *list, const char **section, const checkpoint_source *s,
                                 zip_storages *z) {
    const zip_entry *pickled = zip_find_tail(z->archive, "/data.pkl");
    if (!pickled)
        return fail(LORIS_ERROR_INPUT, "expected a file written by torch.save()",
                    "%s: a zip file, but not of PyTorch: it has no data.pkl", s->path);
    z->folder = arena_printf(s->memory, "%.*s", (int)(strlen(pickled->name) - strlen("data.pkl")), pickled->name);
    const char *order_name = arena_printf(s->memory, "%sbyteorder", z->folder);
    const char *where = arena_printf(s->memory, "%s: data.pkl", s->path);
    if (!where)
        return fail_memory(s->path);
    const zip_entry *order = zip_find(z->archive, order_name);
    if (order && (order->size < 6 || memcmp(order->data, "little", 6) != 0))
        return fail(LORIS_ERROR_INPUT, "save it on a little-endian machine", "%s: its numbers are not little-endian",
                    s->path);
    const pickle_value *root = NULL, *state = NULL;
    size_t at = 0;
    TRY(pickle_read(&root, s->memory, pickled->data, pickled->size, &at, where));
    TRY(find_state_dict(s, root, &state, section));
    return list_tensors(list, s, state, locate_in_zip, z);
}

loris_status checkpoint_list_zip(checkpoint_list *list, const char **section, const checkpoint_source *s) {
    zip_storages z = {0};
    TRY(zip_open(&z.archive, s->data, s->size, s->path));
    loris_status status = list_archive(list, section, s, &z);
    zip_close(z.archive);
    return status;
}

/* ---- legacy ------------------------------------------------------------------------------------------------------ */

/* 0x1950a86a20f9469cfc6c, the first pickle. */
static const uint8_t legacy_magic[] = {0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};

bool checkpoint_recognise_legacy(const uint8_t *data, size_t size) {
    return size >= 2 && data[0] == OP_PROTO && data[1] >= 2 && data[1] <= 5;
}

/* A storage as the keys' order finds it, and what the pickle says of it. */
typedef struct legacy_storage {
    pickle_bytes key;
    const pickle_storage *storage;
    const uint8_t *data;
} legacy_storage;

typedef struct legacy_storages {
    legacy_storage *at; /* sorted by key */
    size_t count;
} legacy_storages;

static int compare_bytes(pickle_bytes a, pickle_bytes b) {
    size_t length = a.length < b.length ? a.length : b.length;
    int order = length ? memcmp(a.data, b.data, length) : 0;
    return order ? order : (a.length > b.length) - (a.length < b.length);
}

static int compare_storages(const void *left, const void *right) {
    const legacy_storage *l = left, *r = right;
    return compare_bytes(l->key, r->key);
}

static legacy_storage *find_storage(const legacy_storages *all, pickle_bytes key) {
    const legacy_storage wanted = {.key = key};
    return bsearch(&wanted, all->at, all->count, sizeof *all->at, compare_storages);
}

/* The first three pickles. */
static loris_status check_legacy_head(const checkpoint_source *s, size_t *at) {
    const pickle_value *magic, *protocol, *machine;
    TRY(pickle_read(&magic, s->memory, s->data, s->size, at, s->path));
    if (magic->type != PICKLE_BIG || magic->bytes.length != sizeof legacy_magic ||
        memcmp(magic->bytes.data, legacy_magic, sizeof legacy_magic) != 0)
        return fail(LORIS_ERROR_INPUT, "expected a file written by torch.save()",
                    "%s: a pickle, but not of PyTorch: its magic number is missing", s->path);
    TRY(pickle_read(&protocol, s->memory, s->data, s->size, at, s->path));
    TRY(pickle_read(&machine, s->memory, s->data, s->size, at, s->path));
    if (protocol->type != PICKLE_INTEGER || protocol->integer != LEGACY_PROTOCOL)
        return fail(LORIS_ERROR_INPUT, hint_damaged, "%s: byte %zu: the legacy format's protocol is not 1001", s->path,
                    protocol->at);
    const pickle_value *little = pickle_get(machine, "little_endian");
    if (!little || little->type != PICKLE_BOOL || !little->truth)
        return fail(LORIS_ERROR_INPUT, "save it on a little-endian machine", "%s: its numbers are not little-endian",
                    s->path);
    return LORIS_OK;
}

/* The fifth pickle: a list of the keys. */
static loris_status read_keys(const checkpoint_source *s, size_t *at, legacy_storages *all, const pickle_value **keys) {
    TRY(pickle_read(keys, s->memory, s->data, s->size, at, s->path));
    const pickle_items *items = &(*keys)->items;
    if ((*keys)->type != PICKLE_LIST)
        return fail(LORIS_ERROR_INPUT, hint_damaged, "%s: byte %zu: the storages' keys are not a list", s->path,
                    (*keys)->at);
    all->at = arena_alloc(s->memory, items->count, sizeof *all->at);
    if (!all->at)
        return fail_memory(s->path);
    for (size_t i = 0; i < items->count; i++) {
        if (items->at[i]->type != PICKLE_STRING)
            return fail(LORIS_ERROR_INPUT, hint_damaged, "%s: byte %zu: a storage's key is no string", s->path,
                        items->at[i]->at);
        all->at[i].key = items->at[i]->bytes;
    }
    all->count = items->count;
    qsort(all->at, all->count, sizeof *all->at, compare_storages);
    for (size_t i = 1; i < all->count; i++)
        if (compare_storages(&all->at[i], &all->at[i - 1]) == 0)
            return fail(LORIS_ERROR_INPUT, hint_damaged, "%s: storage %.*s appears twice", s->path,
                        (int)(all->at[i].key.length < NAME_LIMIT ? all->at[i].key.length : NAME_LIMIT),
                        all->at[i].key.data);
    return LORIS_OK;
}

/* A storage's bytes do not tell their size, only the pickle does. */
static loris_status note_storage(const checkpoint_source *s, legacy_storages *all, const pickle_storage *storage) {
    legacy_storage *found = find_storage(all, storage->key);
    int length = storage->key.length < NAME_LIMIT ? (int)storage->key.length : NAME_LIMIT;
    if (!found)
        return fail(LORIS_ERROR_INPUT, hint_damaged, "%s: storage %.*s is missing", s->path, length, storage->key.data);
    if (found->storage && (found->storage->type != storage->type || found->storage->count != storage->count))
        return fail(LORIS_ERROR_INPUT, hint_damaged, "%s: storage %.*s is given two types or sizes", s->path, length,
                    storage->key.data);
    found->storage = storage;
    return LORIS_OK;
}

/* Walks the values, each container once per mention; what repeats itself ends at the limits. */
static loris_status note_storages(const checkpoint_source *s, legacy_storages *all, const pickle_value *v, int depth,
                                  size_t *walked) {
    if (v->type == PICKLE_TENSOR || v->type == PICKLE_STORAGE)
        return note_storage(s, all, v->type == PICKLE_TENSOR ? v->tensor.storage : &v->storage);
    if (v->type != PICKLE_DICT && v->type != PICKLE_LIST && v->type != PICKLE_TUPLE)
        return LORIS_OK;
    *walked += 1 + v->items.count;
    if (depth > WALK_DEPTH_LIMIT || *walked > WALK_LIMIT)
        return fail(LORIS_ERROR_INPUT, hint_weights, "%s: its containers are nested too deeply", s->path);
    for (size_t i = 0; i < v->items.count; i++)
        TRY(note_storages(s, all, v->items.at[i], depth + 1, walked));
    return LORIS_OK;
}

/* The raw storages, from byte `at` of the file to its end. */
static loris_status place_storages(const checkpoint_source *s, legacy_storages *all, const pickle_value *keys,
                                   size_t at) {
    for (size_t i = 0; i < keys->items.count; i++) {
        const pickle_bytes key = keys->items.at[i]->bytes;
        int length = key.length < NAME_LIMIT ? (int)key.length : NAME_LIMIT;
        legacy_storage *storage = find_storage(all, key);
        if (!storage->storage)
            return fail(LORIS_ERROR_INPUT, hint_damaged, "%s: byte %zu: storage %.*s belongs to no tensor", s->path, at,
                        length, key.data);
        size_t size = number_size(storage->storage->type);
        uint64_t count = 0;
        if (s->size - at < 8)
            return fail(LORIS_ERROR_INPUT, hint_cut, "%s: cut short at byte %zu, before storage %.*s", s->path, s->size,
                        length, key.data);
        for (int k = 8; k-- > 0;)
            count = count << 8 | s->data[at + (size_t)k];
        if (count != storage->storage->count)
            return fail(LORIS_ERROR_INPUT, hint_damaged, "%s: byte %zu: storage %.*s has %llu numbers, not %llu",
                        s->path, at, length, key.data, (unsigned long long)count,
                        (unsigned long long)storage->storage->count);
        at += 8;
        if (count > (s->size - at) / size)
            return fail(LORIS_ERROR_INPUT, hint_cut, "%s: cut short at byte %zu, within storage %.*s", s->path, s->size,
                        length, key.data);
        storage->data = s->data + at;
        at += (size_t)count * size;
    }
    if (at != s->size)
        return fail(LORIS_ERROR_INPUT, hint_damaged, "%s: %zu bytes belong to no storage", s->path, s->size - at);
    return LORIS_OK;
}

static loris_status locate_in_legacy(void *user, const pickle_storage *storage, const uint8_t **data) {
    *data = find_storage(user, storage->key)->data; /* note_storages() saw every tensor */
    return LORIS_OK;
}

loris_status checkpoint_list_legacy(checkpoint_list *list, const char **section, const checkpoint_source *s) {
    size_t at = 0, walked = 0;
    const pickle_value *root = NULL, *keys = NULL, *state = NULL;
    legacy_storages all = {0};
    TRY(check_legacy_head(s, &at));
    TRY(pickle_read(&root, s->memory, s->data, s->size, &at, s->path));
    TRY(read_keys(s, &at, &all, &keys));
    TRY(note_storages(s, &all, root, 0, &walked));
    TRY(place_storages(s, &all, keys, at));
    TRY(find_state_dict(s, root, &state, section));
    return list_tensors(list, s, state, locate_in_legacy, &all);
}
