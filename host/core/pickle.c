#include "core/pickle.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/pickle_array.h"
#include "core/pickle_opcode.h"
#include "core/text.h"

/* Far beyond any state dict (a LORIS checkpoint has 20,000 values), and together under 200 MB. */
enum {
    PICKLE_LIMIT_BYTES = 64 << 20,
    VALUE_LIMIT = 1 << 19,
    STACK_LIMIT = 1 << 19,
    MEMO_LIMIT = 1 << 19,
    ITEM_LIMIT = 1 << 21
};

/* ---- names a pickle may use -------------------------------------------------------------------------------------- */

typedef enum known_kind {
    KNOWN_DICT,
    KNOWN_TENSOR,
    KNOWN_PARAMETER,
    KNOWN_SIZE,
    KNOWN_STORAGE,
    KNOWN_TYPE,
    KNOWN_ARRAY,
    KNOWN_ARRAY_CLASS,
    KNOWN_DTYPE
} known_kind;

static const struct {
    const char *module, *name;
    known_kind kind;
    number_type type; /* KNOWN_STORAGE */
} known[] = {
    {"collections", "OrderedDict", KNOWN_DICT, 0},
    {"torch._utils", "_rebuild_tensor_v2", KNOWN_TENSOR, 0},
    {"torch._utils", "_rebuild_parameter", KNOWN_PARAMETER, 0},
    {"torch", "Size", KNOWN_SIZE, 0},
    {"torch", "FloatStorage", KNOWN_STORAGE, TYPE_F32},
    {"torch", "HalfStorage", KNOWN_STORAGE, TYPE_F16},
    {"torch", "BFloat16Storage", KNOWN_STORAGE, TYPE_BF16},
    {"torch", "DoubleStorage", KNOWN_STORAGE, TYPE_F64},
    {"torch", "LongStorage", KNOWN_STORAGE, TYPE_I64},
    {"torch", "IntStorage", KNOWN_STORAGE, TYPE_I32},
    {"torch", "ByteStorage", KNOWN_STORAGE, TYPE_U8},
    {"torch", "BoolStorage", KNOWN_STORAGE, TYPE_BOOL},
    {"torch", "float32", KNOWN_TYPE, 0},
    {"torch", "float16", KNOWN_TYPE, 0},
    {"torch", "bfloat16", KNOWN_TYPE, 0},
    {"torch", "float64", KNOWN_TYPE, 0},
    {"torch", "int64", KNOWN_TYPE, 0},
    {"torch", "int32", KNOWN_TYPE, 0},
    {"torch", "uint8", KNOWN_TYPE, 0},
    {"torch", "bool", KNOWN_TYPE, 0},
    {"numpy.core.multiarray", "_reconstruct", KNOWN_ARRAY, 0},
    {"numpy._core.multiarray", "_reconstruct", KNOWN_ARRAY, 0},
    {"numpy", "ndarray", KNOWN_ARRAY_CLASS, 0},
    {"numpy", "dtype", KNOWN_DTYPE, 0},
};

/* ---- the machine ------------------------------------------------------------------------------------------------- */

typedef struct machine {
    arena *memory;
    const char *where;
    const uint8_t *data;
    size_t size, at; /* at: the next byte */
    size_t opcode_at;
    uint8_t opcode;
    bool stopped;
    pickle_value **stack, **memo;
    size_t *mark; /* heights of the stack */
    size_t stack_count, stack_capacity, mark_count, mark_capacity, memo_count, memo_capacity;
    size_t values, items;
} machine;

static const char hint_damaged[] = "download or save the file again";
static const char hint_cut[] = "is the download complete?";
static const char hint_weights[] =
    "only weights are read, no code is run: save them alone with torch.save(model.state_dict(), FILE)";

static loris_status fail_at(const machine *m, const char *hint, const char *format, ...) PRINTF_LIKE(3, 4);

static loris_status fail_at(const machine *m, const char *hint, const char *format, ...) {
    char what[ERROR_MESSAGE_MAX], unknown[8];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    const char *name = pickle_opcode_name(m->opcode);
    snprintf(unknown, sizeof unknown, "0x%02x", m->opcode);
    return fail(LORIS_ERROR_INPUT, hint, "%s: byte %zu: pickle opcode %s %s", m->where, m->opcode_at,
                name ? name : unknown, what);
}

static loris_status fail_limit(const machine *m, const char *what, size_t limit) {
    return fail_at(m, hint_weights, "goes beyond the %zu %s allowed", limit, what);
}

/* The operand: the next `count` bytes. */
static loris_status take(machine *m, uint64_t count, const uint8_t **out) {
    if (count > m->size - m->at)
        return fail_at(m, hint_cut, "needs %llu bytes, %zu are left", (unsigned long long)count, m->size - m->at);
    *out = m->data + m->at;
    m->at += (size_t)count;
    return LORIS_OK;
}

/* A little-endian operand of 1 to 8 bytes. */
static loris_status take_number(machine *m, int bytes, uint64_t *out) {
    const uint8_t *p = NULL;
    *out = 0;
    TRY(take(m, (uint64_t)bytes, &p));
    for (int i = 0; i < bytes; i++)
        *out |= (uint64_t)p[i] << (8 * i);
    return LORIS_OK;
}

/* Room for `needed` elements in *block. */
static loris_status reserve(void **block, size_t *capacity, size_t needed, size_t size) {
    if (needed <= *capacity)
        return LORIS_OK;
    size_t wanted = 2 * *capacity > needed ? 2 * *capacity : needed + 63;
    void *grown = realloc(*block, wanted * size);
    if (!grown)
        return fail_memory("a pickle");
    *block = grown;
    *capacity = wanted;
    return LORIS_OK;
}

static loris_status push(machine *m, pickle_value *v) {
    if (m->stack_count == STACK_LIMIT)
        return fail_limit(m, "values on the stack", STACK_LIMIT);
    void *block = m->stack;
    loris_status status = reserve(&block, &m->stack_capacity, m->stack_count + 1, sizeof *m->stack);
    m->stack = block;
    if (status == LORIS_OK)
        m->stack[m->stack_count++] = v;
    return status;
}

/* Nothing below the last mark can be reached. */
static size_t fence(const machine *m) {
    return m->mark_count ? m->mark[m->mark_count - 1] : 0;
}

static loris_status pop(machine *m, pickle_value **out) {
    *out = NULL;
    if (m->stack_count == fence(m))
        return fail_at(m, hint_damaged, "finds the stack empty");
    *out = m->stack[--m->stack_count];
    return LORIS_OK;
}

static loris_status top(const machine *m, pickle_value **out) {
    *out = NULL;
    if (m->stack_count == fence(m))
        return fail_at(m, hint_damaged, "finds the stack empty");
    *out = m->stack[m->stack_count - 1];
    return LORIS_OK;
}

static loris_status push_mark(machine *m) {
    if (m->mark_count == STACK_LIMIT)
        return fail_limit(m, "marks", STACK_LIMIT);
    void *block = m->mark;
    loris_status status = reserve(&block, &m->mark_capacity, m->mark_count + 1, sizeof *m->mark);
    m->mark = block;
    if (status == LORIS_OK)
        m->mark[m->mark_count++] = m->stack_count;
    return status;
}

/* Removes the last mark; the values above it stay, from *first on. */
static loris_status pop_mark(machine *m, size_t *first) {
    if (m->mark_count == 0)
        return fail_at(m, hint_damaged, "finds no mark");
    *first = m->mark[--m->mark_count];
    return LORIS_OK;
}

static loris_status new_value(machine *m, pickle_type type, pickle_value **out) {
    *out = NULL;
    if (m->values == VALUE_LIMIT)
        return fail_limit(m, "values", VALUE_LIMIT);
    pickle_value *v = arena_alloc(m->memory, 1, sizeof *v);
    if (!v)
        return fail_memory("a pickle");
    m->values++;
    v->type = type;
    v->at = m->opcode_at;
    *out = v;
    return LORIS_OK;
}

static loris_status push_new(machine *m, pickle_type type, pickle_value **out) {
    TRY(new_value(m, type, out));
    return push(m, *out);
}

/* ---- constants --------------------------------------------------------------------------------------------------- */

static loris_status push_truth(machine *m, bool truth) {
    pickle_value *v;
    TRY(push_new(m, PICKLE_BOOL, &v));
    v->truth = truth;
    return LORIS_OK;
}

static loris_status push_integer(machine *m, int64_t integer) {
    pickle_value *v;
    TRY(push_new(m, PICKLE_INTEGER, &v));
    v->integer = integer;
    return LORIS_OK;
}

static loris_status push_unsigned(machine *m, int bytes) {
    uint64_t value;
    TRY(take_number(m, bytes, &value));
    return push_integer(m, bytes == 4 ? (int32_t)(uint32_t)value : (int64_t)value); /* BININT is signed */
}

/* Two's complement of any length; what does not fit 64 bits is kept as bytes. */
static loris_status push_long(machine *m, int length_bytes) {
    uint64_t length;
    const uint8_t *p = NULL;
    TRY(take_number(m, length_bytes, &length));
    TRY(take(m, length, &p));
    if (length > 8) {
        pickle_value *v;
        TRY(push_new(m, PICKLE_BIG, &v));
        v->bytes = (pickle_bytes){(const char *)p, (size_t)length};
        return LORIS_OK;
    }
    uint64_t value = length && p[length - 1] & 0x80 ? UINT64_MAX : 0;
    for (uint64_t i = length; i-- > 0;)
        value = value << 8 | p[i];
    return push_integer(m, (int64_t)value);
}

/* Big-endian binary64. */
static loris_status push_real(machine *m) {
    const uint8_t *p = NULL;
    pickle_value *v;
    TRY(take(m, 8, &p));
    TRY(push_new(m, PICKLE_REAL, &v));
    uint64_t bits = 0;
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | p[i];
    memcpy(&v->real, &bits, sizeof bits);
    return LORIS_OK;
}

static bool is_utf8(const char *data, size_t length) {
    while (length > 0) {
        size_t bytes = utf8_length(data, length);
        if (bytes == 0)
            return false;
        data += bytes;
        length -= bytes;
    }
    return true;
}

static loris_status push_bytes(machine *m, pickle_type type, int length_bytes, bool unicode) {
    uint64_t length;
    const uint8_t *p = NULL;
    pickle_value *v;
    TRY(take_number(m, length_bytes, &length));
    TRY(take(m, length, &p));
    if (unicode && !is_utf8((const char *)p, (size_t)length))
        return fail_at(m, hint_damaged, "holds a string that is not UTF-8");
    TRY(push_new(m, type, &v));
    v->bytes = (pickle_bytes){(const char *)p, (size_t)length};
    return LORIS_OK;
}

static loris_status run_constant(machine *m) {
    pickle_value *v;
    switch (m->opcode) {
    case OP_NONE:
        return push_new(m, PICKLE_NONE, &v);
    case OP_NEWTRUE:
    case OP_NEWFALSE:
        return push_truth(m, m->opcode == OP_NEWTRUE);
    case OP_BININT:
        return push_unsigned(m, 4);
    case OP_BININT1:
        return push_unsigned(m, 1);
    case OP_BININT2:
        return push_unsigned(m, 2);
    case OP_LONG1:
        return push_long(m, 1);
    case OP_LONG4:
        return push_long(m, 4);
    case OP_BINFLOAT:
        return push_real(m);
    case OP_SHORT_BINUNICODE:
        return push_bytes(m, PICKLE_STRING, 1, true);
    case OP_BINUNICODE:
        return push_bytes(m, PICKLE_STRING, 4, true);
    case OP_BINUNICODE8:
        return push_bytes(m, PICKLE_STRING, 8, true);
    case OP_SHORT_BINSTRING:
        return push_bytes(m, PICKLE_STRING, 1, false);
    case OP_BINSTRING:
        return push_bytes(m, PICKLE_STRING, 4, false);
    case OP_SHORT_BINBYTES:
        return push_bytes(m, PICKLE_BYTES, 1, false);
    case OP_BINBYTES:
        return push_bytes(m, PICKLE_BYTES, 4, false);
    default: /* OP_BINBYTES8 */
        return push_bytes(m, PICKLE_BYTES, 8, false);
    }
}

/* ---- containers -------------------------------------------------------------------------------------------------- */

/* Appends stack[first..] to the items and takes them from the stack. */
static loris_status move_items(machine *m, pickle_items *items, size_t first) {
    size_t count = m->stack_count - first;
    if (count > ITEM_LIMIT - m->items)
        return fail_limit(m, "items", ITEM_LIMIT);
    m->items += count;
    if (items->count + count > items->capacity) {
        size_t capacity = items->count + count > 2 * items->capacity ? items->count + count : 2 * items->capacity;
        const pickle_value **grown = arena_alloc(m->memory, capacity, sizeof *grown);
        if (!grown)
            return fail_memory("a pickle");
        if (items->count)
            memcpy(grown, items->at, items->count * sizeof *grown);
        items->at = grown;
        items->capacity = capacity;
    }
    for (size_t i = 0; i < count; i++)
        items->at[items->count + i] = m->stack[first + i];
    items->count += count;
    m->stack_count = first;
    return LORIS_OK;
}

static loris_status make_tuple(machine *m, size_t first) {
    pickle_value *v;
    TRY(new_value(m, PICKLE_TUPLE, &v));
    TRY(move_items(m, &v->items, first));
    return push(m, v);
}

static loris_status make_short_tuple(machine *m, size_t count) {
    if (m->stack_count - fence(m) < count)
        return fail_at(m, hint_damaged, "finds too little on the stack");
    return make_tuple(m, m->stack_count - count);
}

/* Moves stack[first..] into the container below: items of a list, or keys and values of a dict. */
static loris_status fill(machine *m, size_t first, pickle_type type) {
    if (first == fence(m))
        return fail_at(m, hint_damaged, "finds no container on the stack");
    pickle_value *container = m->stack[first - 1];
    if (container->type != type)
        return fail_at(m, hint_weights, "fills what is no %s", type == PICKLE_DICT ? "dict" : "list");
    if (type == PICKLE_DICT && (m->stack_count - first) % 2)
        return fail_at(m, hint_damaged, "has a key without a value");
    return move_items(m, &container->items, first);
}

static loris_status run_container(machine *m) {
    pickle_value *v;
    size_t first = 0;
    switch (m->opcode) {
    case OP_EMPTY_TUPLE:
        return push_new(m, PICKLE_TUPLE, &v);
    case OP_EMPTY_LIST:
        return push_new(m, PICKLE_LIST, &v);
    case OP_EMPTY_DICT:
        return push_new(m, PICKLE_DICT, &v);
    case OP_TUPLE1:
    case OP_TUPLE2:
    case OP_TUPLE3:
        return make_short_tuple(m, 1 + (size_t)(m->opcode - OP_TUPLE1));
    case OP_TUPLE:
        TRY(pop_mark(m, &first));
        return make_tuple(m, first);
    case OP_APPENDS:
        TRY(pop_mark(m, &first));
        return fill(m, first, PICKLE_LIST);
    case OP_SETITEMS:
        TRY(pop_mark(m, &first));
        return fill(m, first, PICKLE_DICT);
    default: { /* OP_APPEND, OP_SETITEM */
        size_t count = m->opcode == OP_APPEND ? 1 : 2;
        if (m->stack_count - fence(m) < count + 1)
            return fail_at(m, hint_damaged, "finds too little on the stack");
        return fill(m, m->stack_count - count, m->opcode == OP_APPEND ? PICKLE_LIST : PICKLE_DICT);
    }
    }
}

/* ---- stack and memo ---------------------------------------------------------------------------------------------- */

static loris_status memo_put(machine *m, uint64_t index) {
    pickle_value *v;
    TRY(top(m, &v));
    if (index >= MEMO_LIMIT)
        return fail_limit(m, "remembered values", MEMO_LIMIT);
    void *block = m->memo;
    size_t before = m->memo_capacity;
    loris_status status = reserve(&block, &m->memo_capacity, (size_t)index + 1, sizeof *m->memo);
    m->memo = block;
    if (status != LORIS_OK)
        return status;
    for (size_t i = before; i < m->memo_capacity; i++)
        m->memo[i] = NULL;
    m->memo[index] = v;
    if (index >= m->memo_count)
        m->memo_count = (size_t)index + 1;
    return LORIS_OK;
}

static loris_status memo_get(machine *m, uint64_t index) {
    if (index >= m->memo_count || !m->memo[index])
        return fail_at(m, hint_damaged, "asks for value %llu, which was not remembered", (unsigned long long)index);
    return push(m, m->memo[index]);
}

static loris_status run_stack(machine *m) {
    pickle_value *v;
    size_t first;
    uint64_t index;
    switch (m->opcode) {
    case OP_MARK:
        return push_mark(m);
    case OP_POP:
        if (m->mark_count && m->stack_count == fence(m))
            return pop_mark(m, &first);
        return pop(m, &v);
    case OP_POP_MARK:
        return pop_mark(m, &m->stack_count);
    case OP_DUP:
        TRY(top(m, &v));
        return push(m, v);
    case OP_MEMOIZE:
        return memo_put(m, m->memo_count);
    case OP_BINPUT:
    case OP_LONG_BINPUT:
        TRY(take_number(m, m->opcode == OP_BINPUT ? 1 : 4, &index));
        return memo_put(m, index);
    default: /* OP_BINGET, OP_LONG_BINGET */
        TRY(take_number(m, m->opcode == OP_BINGET ? 1 : 4, &index));
        return memo_get(m, index);
    }
}

/* ---- names, storages, tensors ------------------------------------------------------------------------------------ */

static bool same_text(pickle_bytes bytes, const char *string) {
    return bytes.length == strlen(string) && memcmp(bytes.data, string, bytes.length) == 0;
}

static loris_status push_global(machine *m, pickle_bytes module, pickle_bytes name) {
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (same_text(module, known[i].module) && same_text(name, known[i].name)) {
            pickle_value *v;
            TRY(push_new(m, PICKLE_GLOBAL, &v));
            v->global = (int)i;
            return LORIS_OK;
        }
    int module_length = module.length < 200 ? (int)module.length : 200,
        name_length = name.length < 200 ? (int)name.length : 200;
    return fail_at(m, hint_weights, "names %.*s.%.*s, which weights have no need of: refused", module_length,
                   module.data, name_length, name.data);
}

/* The rest of a line, without its end. */
static loris_status take_line(machine *m, pickle_bytes *out) {
    const char *start = (const char *)m->data + m->at;
    const char *end = memchr(start, '\n', m->size - m->at);
    if (!end)
        return fail_at(m, hint_cut, "has a name without an end");
    *out = (pickle_bytes){start, (size_t)(end - start)};
    m->at += out->length + 1;
    return LORIS_OK;
}

static loris_status run_global(machine *m) {
    pickle_bytes module, name;
    if (m->opcode == OP_GLOBAL) {
        TRY(take_line(m, &module));
        TRY(take_line(m, &name));
        return push_global(m, module, name);
    }
    pickle_value *name_value, *module_value;
    TRY(pop(m, &name_value));
    TRY(pop(m, &module_value));
    if (name_value->type != PICKLE_STRING || module_value->type != PICKLE_STRING)
        return fail_at(m, hint_damaged, "needs two strings");
    return push_global(m, module_value->bytes, name_value->bytes);
}

/* ("storage", torch.FloatStorage, key, location, count), and in the format before zip files a sixth: views of storages,
 * which no PyTorch since 0.4 writes. */
static loris_status run_persistent(machine *m) {
    pickle_value *id, *v;
    TRY(pop(m, &id));
    const pickle_value *const *part = id->items.at;
    if (id->type != PICKLE_TUPLE || id->items.count < 5 || id->items.count > 6 || !pickle_is(part[0], "storage") ||
        part[1]->type != PICKLE_GLOBAL || known[part[1]->global].kind != KNOWN_STORAGE ||
        part[2]->type != PICKLE_STRING || part[4]->type != PICKLE_INTEGER || part[4]->integer < 0 ||
        (id->items.count == 6 && part[5]->type != PICKLE_NONE))
        return fail_at(m, hint_weights, "refers to something other than a storage");
    TRY(push_new(m, PICKLE_STORAGE, &v));
    v->storage = (pickle_storage){
        .type = known[part[1]->global].type, .key = part[2]->bytes, .count = (uint64_t)part[4]->integer};
    return LORIS_OK;
}

/* A tuple of as many whole numbers as `expected` (-1: any number up to 8). */
static bool read_extents(const pickle_value *tuple, int expected, int64_t *out) {
    if (tuple->type != PICKLE_TUPLE || tuple->items.count > PICKLE_MAX_RANK ||
        (expected >= 0 && tuple->items.count != (size_t)expected))
        return false;
    for (size_t i = 0; i < tuple->items.count; i++) {
        if (tuple->items.at[i]->type != PICKLE_INTEGER || tuple->items.at[i]->integer < 0)
            return false;
        out[i] = tuple->items.at[i]->integer;
    }
    return true;
}

/* _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, backward_hooks[, metadata]). */
static loris_status rebuild_tensor(machine *m, const pickle_items *arguments) {
    const pickle_value *const *part = arguments->at;
    pickle_value *v;
    if (arguments->count < 6 || arguments->count > 7 || part[0]->type != PICKLE_STORAGE ||
        part[1]->type != PICKLE_INTEGER || part[1]->integer < 0)
        return fail_at(m, hint_damaged, "rebuilds a tensor from other than a storage and an offset");
    if (arguments->count == 7 && part[6]->type != PICKLE_NONE &&
        (part[6]->type != PICKLE_DICT || part[6]->items.count > 0))
        return fail_at(m, "save plain tensors", "rebuilds a tensor with properties beyond its numbers");
    TRY(push_new(m, PICKLE_TENSOR, &v));
    pickle_tensor *t = &v->tensor;
    t->storage = &part[0]->storage;
    t->offset = part[1]->integer;
    if (!read_extents(part[2], -1, t->dim))
        return fail_at(m, hint_damaged, "rebuilds a tensor whose size is not up to 8 whole numbers");
    t->rank = (int)part[2]->items.count;
    if (!read_extents(part[3], t->rank, t->stride))
        return fail_at(m, hint_damaged, "rebuilds a tensor whose strides do not fit its size");
    return LORIS_OK;
}

/* OrderedDict(), or as Python 2 writes it: OrderedDict([[key, value], ...]). */
static loris_status rebuild_dict(machine *m, const pickle_items *arguments) {
    pickle_value *v;
    if (arguments->count > 1 || (arguments->count == 1 && arguments->at[0]->type != PICKLE_LIST))
        return fail_at(m, hint_damaged, "makes a dict from other than a list");
    TRY(push_new(m, PICKLE_DICT, &v));
    if (arguments->count == 0)
        return LORIS_OK;
    size_t first = m->stack_count;
    const pickle_items *pairs = &arguments->at[0]->items;
    for (size_t i = 0; i < pairs->count; i++) {
        const pickle_value *pair = pairs->at[i];
        if ((pair->type != PICKLE_LIST && pair->type != PICKLE_TUPLE) || pair->items.count != 2)
            return fail_at(m, hint_damaged, "makes a dict from other than pairs");
        TRY(push(m, (pickle_value *)pair->items.at[0]));
        TRY(push(m, (pickle_value *)pair->items.at[1]));
    }
    return move_items(m, &v->items, first);
}

/* _reconstruct(ndarray, (0,), b"b"): what matters comes as its state. */
static loris_status rebuild_array(machine *m, const pickle_items *arguments) {
    pickle_value *v;
    if (arguments->count < 1 || arguments->at[0]->type != PICKLE_GLOBAL ||
        known[arguments->at[0]->global].kind != KNOWN_ARRAY_CLASS)
        return fail_at(m, hint_weights, "rebuilds an array of another class than ndarray: refused");
    return push_new(m, PICKLE_ARRAY, &v);
}

static loris_status rebuild_dtype(machine *m, const pickle_items *arguments) {
    pickle_value *v;
    TRY(push_new(m, PICKLE_DTYPE, &v));
    const char *wrong = pickle_make_dtype(v, arguments);
    return wrong ? fail_at(m, hint_weights, "%s", wrong) : LORIS_OK;
}

static loris_status reduce(machine *m, const pickle_value *callable, const pickle_value *arguments) {
    if (callable->type != PICKLE_GLOBAL)
        return fail_at(m, hint_weights, "calls what is no function");
    if (arguments->type != PICKLE_TUPLE)
        return fail_at(m, hint_damaged, "calls with other than a tuple");
    const pickle_items *items = &arguments->items;
    switch (known[callable->global].kind) {
    case KNOWN_DICT:
        return rebuild_dict(m, items);
    case KNOWN_TENSOR:
        return rebuild_tensor(m, items);
    case KNOWN_PARAMETER: /* (tensor, requires_grad, backward_hooks) */
        if (items->count == 3 && items->at[0]->type == PICKLE_TENSOR)
            return push(m, (pickle_value *)items->at[0]);
        return fail_at(m, hint_damaged, "rebuilds a parameter from other than a tensor");
    case KNOWN_SIZE:
        if (items->count == 1 && items->at[0]->type == PICKLE_TUPLE)
            return push(m, (pickle_value *)items->at[0]);
        return fail_at(m, hint_damaged, "makes a size from other than a tuple");
    case KNOWN_ARRAY:
        return rebuild_array(m, items);
    case KNOWN_DTYPE:
        return rebuild_dtype(m, items);
    default:
        return fail_at(m, hint_weights, "calls %s.%s: refused", known[callable->global].module,
                       known[callable->global].name);
    }
}

/* A module's state dict carries version numbers this way, under the attribute "_metadata"; arrays carry their numbers.
 */
static loris_status set_state(const machine *m, pickle_value *object, const pickle_value *state) {
    const char *wrong = object->type == PICKLE_ARRAY   ? pickle_set_array(object, state)
                        : object->type == PICKLE_DTYPE ? pickle_set_dtype(object, state)
                        : object->type != PICKLE_DICT || state->type != PICKLE_DICT
                            ? "sets the state of what is no dict: refused"
                            : NULL;
    return wrong ? fail_at(m, hint_weights, "%s", wrong) : LORIS_OK;
}

static loris_status run_object(machine *m) {
    pickle_value *object, *second;
    TRY(pop(m, &second));
    switch (m->opcode) {
    case OP_BUILD:
        TRY(top(m, &object));
        return set_state(m, object, second);
    case OP_NEWOBJ:
        TRY(pop(m, &object));
        if (object->type != PICKLE_GLOBAL || known[object->global].kind != KNOWN_DICT)
            return fail_at(m, hint_weights, "makes an object of another class than OrderedDict: refused");
        return reduce(m, object, second);
    default: /* OP_REDUCE */
        TRY(pop(m, &object));
        return reduce(m, object, second);
    }
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

static loris_status run_framing(machine *m) {
    uint64_t value;
    switch (m->opcode) {
    case OP_PROTO:
        TRY(take_number(m, 1, &value));
        if (value < 2 || value > 5)
            return fail_at(m, hint_weights, "asks for protocol %d, 2 to 5 are read", (int)value);
        return LORIS_OK;
    case OP_FRAME: /* how much a reader of a stream may fetch at once: no concern here */
        TRY(take_number(m, 8, &value));
        if (value > m->size - m->at)
            return fail_at(m, hint_cut, "needs %llu bytes, %zu are left", (unsigned long long)value, m->size - m->at);
        return LORIS_OK;
    default: /* OP_STOP */
        m->stopped = true;
        return LORIS_OK;
    }
}

static loris_status step(machine *m) {
    switch (m->opcode) {
    case OP_PROTO:
    case OP_FRAME:
    case OP_STOP:
        return run_framing(m);
    case OP_NONE:
    case OP_NEWTRUE:
    case OP_NEWFALSE:
    case OP_BININT:
    case OP_BININT1:
    case OP_BININT2:
    case OP_LONG1:
    case OP_LONG4:
    case OP_BINFLOAT:
    case OP_SHORT_BINUNICODE:
    case OP_BINUNICODE:
    case OP_BINUNICODE8:
    case OP_SHORT_BINSTRING:
    case OP_BINSTRING:
    case OP_SHORT_BINBYTES:
    case OP_BINBYTES:
    case OP_BINBYTES8:
        return run_constant(m);
    case OP_EMPTY_TUPLE:
    case OP_EMPTY_LIST:
    case OP_EMPTY_DICT:
    case OP_TUPLE1:
    case OP_TUPLE2:
    case OP_TUPLE3:
    case OP_TUPLE:
    case OP_APPEND:
    case OP_APPENDS:
    case OP_SETITEM:
    case OP_SETITEMS:
        return run_container(m);
    case OP_MARK:
    case OP_POP:
    case OP_POP_MARK:
    case OP_DUP:
    case OP_MEMOIZE:
    case OP_BINPUT:
    case OP_LONG_BINPUT:
    case OP_BINGET:
    case OP_LONG_BINGET:
        return run_stack(m);
    case OP_GLOBAL:
    case OP_STACK_GLOBAL:
        return run_global(m);
    case OP_BINPERSID:
        return run_persistent(m);
    case OP_REDUCE:
    case OP_BUILD:
    case OP_NEWOBJ:
        return run_object(m);
    default:
        return fail_at(m, hint_weights, "is not one that weights need: refused");
    }
}

static loris_status run(machine *m, const pickle_value **out) {
    pickle_value *result;
    size_t start = m->at;
    while (!m->stopped) {
        if (m->at == m->size)
            return fail(LORIS_ERROR_INPUT, hint_cut, "%s: byte %zu: the pickle is cut short", m->where, m->at);
        if (m->at - start > PICKLE_LIMIT_BYTES)
            return fail_limit(m, "bytes", PICKLE_LIMIT_BYTES);
        m->opcode_at = m->at;
        m->opcode = m->data[m->at++];
        TRY(step(m));
    }
    TRY(pop(m, &result));
    *out = result;
    return LORIS_OK;
}

loris_status pickle_read(const pickle_value **out, arena *a, const uint8_t *data, size_t size, size_t *at,
                         const char *where) {
    machine m = {.memory = a, .where = where, .data = data, .size = size, .at = *at};
    loris_status status = run(&m, out);
    free(m.stack);
    free(m.memo);
    free(m.mark);
    if (status == LORIS_OK)
        *at = m.at;
    return status;
}

/* ---- using the result -------------------------------------------------------------------------------------------- */

bool pickle_is(const pickle_value *v, const char *string) {
    return v->type == PICKLE_STRING && same_text(v->bytes, string);
}

const pickle_value *pickle_get(const pickle_value *dict, const char *key) {
    if (dict->type != PICKLE_DICT)
        return NULL;
    for (size_t i = dict->items.count; i >= 2; i -= 2)
        if (pickle_is(dict->items.at[i - 2], key))
            return dict->items.at[i - 1];
    return NULL;
}
