/* Pickles: what state dicts need, and all else refused by opcode, name and byte. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "core/pickle.h"
#include "make_checkpoint.h"

/* Reads from a block of exactly the size, so that AddressSanitizer sees a read beyond it. */
typedef struct reading {
    arena *memory;
    uint8_t *block;
    const pickle_value *root;
    size_t end;
} reading;

static loris_status read_bytes(reading *r, const void *data, size_t size) {
    *r = (reading){.memory = arena_new(), .block = malloc(size ? size : 1)};
    assert_non_null(r->memory);
    assert_non_null(r->block);
    if (size)
        memcpy(r->block, data, size);
    return pickle_read(&r->root, r->memory, r->block, size, &r->end, "f.pt");
}

static void release(reading *r) {
    arena_free(r->memory);
    free(r->block);
}

static void check_refused(const void *data, size_t size, const char *part) {
    reading r;
    assert_fails(read_bytes(&r, data, size), LORIS_ERROR_INPUT, part);
    assert_non_null(strstr(loris_error_message(), "f.pt: byte "));
    release(&r);
}

#define REFUSED(bytes, part) check_refused(bytes, sizeof bytes - 1, part)

/* ---- what is read ------------------------------------------------------------------------------------------------ */

static void test_numbers(void **state) {
    (void)state;
    static const char pickle[] = "\x80\x04\x95\x3a\x00\x00\x00\x00\x00\x00\x00" /* FRAME of 58 bytes */
                                 "("
                                 "K\xff"                                        /* 255 */
                                 "M\xfe\xff"                                    /* 65534 */
                                 "J\xfe\xff\xff\xff"                            /* -2 */
                                 "\x8a\x00"                                     /* 0 */
                                 "\x8a\x01\xff"                                 /* -1 */
                                 "\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80"     /* -2^63 */
                                 "\x8b\x02\x00\x00\x00\x00\x01"                 /* 256 */
                                 "\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x80\x00" /* 2^63 */
                                 "G\xbf\xf8\x00\x00\x00\x00\x00\x00"            /* -1.5 */
                                 "\x88\x89N"
                                 "t.";
    static const int64_t want[] = {255, 65534, -2, 0, -1, INT64_MIN, 256};
    reading r;
    assert_ok(read_bytes(&r, pickle, sizeof pickle - 1));
    assert_int_equal(r.end, sizeof pickle - 1);
    assert_int_equal(r.root->type, PICKLE_TUPLE);
    assert_int_equal(r.root->items.count, 12);
    const pickle_value *const *v = r.root->items.at;
    for (int i = 0; i < 7; i++) {
        assert_int_equal(v[i]->type, PICKLE_INTEGER);
        assert_int_equal(v[i]->integer, want[i]);
    }
    assert_int_equal(v[7]->type, PICKLE_BIG);
    assert_int_equal(v[7]->bytes.length, 9);
    assert_true(v[8]->type == PICKLE_REAL && v[8]->real == -1.5);
    assert_true(v[9]->type == PICKLE_BOOL && v[9]->truth);
    assert_true(v[10]->type == PICKLE_BOOL && !v[10]->truth);
    assert_int_equal(v[11]->type, PICKLE_NONE);
    release(&r);
}

static void test_containers_and_memo(void **state) {
    (void)state;
    /* {"a": [1, 2, "a"], "b": (), "l": (1, 2, 3), "a": "later", 5: b"x"}, opcodes of all protocols mixed. */
    static const char pickle[] = "\x80\x05}\x94("
                                 "X\x01\x00\x00\x00"
                                 "aq\x05"
                                 "]r\x06\x00\x00\x00(K\x01K\x02h\x05"
                                 "eK\x03"
                                 "0" /* POP the 3 again */
                                 "\x8c\x01"
                                 "b)"
                                 "U\x01"
                                 "lK\x01K\x02K\x03\x87"
                                 "j\x05\x00\x00\x00T\x05\x00\x00\x00later"
                                 "K\x05"
                                 "C\x01xu"
                                 "\x8d\x01\x00\x00\x00\x00\x00\x00\x00sB\x00\x00\x00\x00s"
                                 "(K\x09"
                                 "1."; /* POP_MARK */
    reading r;
    assert_ok(read_bytes(&r, pickle, sizeof pickle - 1));
    assert_int_equal(r.root->type, PICKLE_DICT);
    assert_int_equal(r.root->items.count, 12);
    assert_true(pickle_is(pickle_get(r.root, "a"), "later"));
    const pickle_value *list = r.root->items.at[1];
    assert_int_equal(list->type, PICKLE_LIST);
    assert_int_equal(list->items.count, 3);
    assert_ptr_equal(list->items.at[2], r.root->items.at[0]);
    assert_int_equal(pickle_get(r.root, "b")->items.count, 0);
    assert_int_equal(pickle_get(r.root, "l")->items.count, 3);
    assert_int_equal(pickle_get(r.root, "s")->type, PICKLE_BYTES);
    assert_null(pickle_get(r.root, "absent"));
    assert_null(pickle_get(list, "a"));
    release(&r);
}

static void test_several_in_a_row(void **state) {
    (void)state;
    static const uint8_t data[] = {'K', 1, '.', 'K', 2, '.'};
    arena *a = arena_new();
    size_t at = 0;
    const pickle_value *v = NULL;
    for (int i = 1; i <= 2; i++) {
        assert_ok(pickle_read(&v, a, data, sizeof data, &at, "f.pt"));
        assert_int_equal(v->integer, i);
        assert_int_equal(at, 3 * i);
    }
    assert_fails(pickle_read(&v, a, data, sizeof data, &at, "f.pt"), LORIS_ERROR_INPUT, "cut short");
    arena_free(a);
}

static void small_state(text *out) {
    static const int64_t dim[] = {2, 3};
    static const float zeros[6];
    made_checkpoint c = {0};
    made_add(&c, "layer.weight", "Float", 4, 2, dim, zeros)->offset = 7;
    made_pickle(out, &c, false);
    made_free(&c);
}

static void test_tensors(void **state) {
    (void)state;
    text t = {0};
    small_state(&t);
    reading r;
    assert_ok(read_bytes(&r, t.data, t.length));
    const pickle_value *v = pickle_get(r.root, "layer.weight");
    assert_int_equal(v->type, PICKLE_TENSOR);
    assert_int_equal(v->tensor.storage->type, TYPE_F32);
    assert_int_equal(v->tensor.storage->count, 6);
    assert_int_equal(v->tensor.offset, 7);
    assert_int_equal(v->tensor.rank, 2);
    assert_int_equal(v->tensor.dim[1], 3);
    assert_int_equal(v->tensor.stride[0], 3);
    release(&r);
    text_free(&t);
}

static void test_known_names(void **state) {
    (void)state;
    reading r;
    /* Through STACK_GLOBAL and NEWOBJ, with a state set: OrderedDict().__dict__.update({"_metadata": {}}). */
    static const char ordered[] = "\x80\x04\x8c\x0b"
                                  "collections\x8c\x0bOrderedDict\x93)\x81}X\x09\x00\x00\x00_metadata}sb.";
    assert_ok(read_bytes(&r, ordered, sizeof ordered - 1));
    assert_int_equal(r.root->type, PICKLE_DICT);
    assert_int_equal(r.root->items.count, 0);
    release(&r);
    /* As Python 2 wrote one: OrderedDict([["k", 1]]). */
    static const char pairs[] = "\x80\x02"
                                "ccollections\nOrderedDict\n]](U\x01kK\x01"
                                "ea\x85R.";
    assert_ok(read_bytes(&r, pairs, sizeof pairs - 1));
    assert_int_equal(pickle_get(r.root, "k")->integer, 1);
    release(&r);
    static const char size[] = "\x80\x02"
                               "ctorch\nSize\nK\x05\x85\x85R.";
    assert_ok(read_bytes(&r, size, sizeof size - 1));
    assert_int_equal(r.root->type, PICKLE_TUPLE);
    assert_int_equal(r.root->items.at[0]->integer, 5);
    release(&r);
    static const char type[] = "\x80\x02"
                               "ctorch\nbfloat16\n.";
    assert_ok(read_bytes(&r, type, sizeof type - 1));
    assert_int_equal(r.root->type, PICKLE_GLOBAL);
    release(&r);
}

/* ---- what is refused --------------------------------------------------------------------------------------------- */

static void test_names_that_would_run(void **state) {
    (void)state;
    REFUSED("\x80\x02"
            "cos\nsystem\n(U\x07rm -rf ~tR.",
            "byte 2: pickle opcode GLOBAL names os.system");
    REFUSED("\x80\x02"
            "cposix\nsystem\n.",
            "posix.system");
    REFUSED("c__builtin__\neval\n.", "byte 0: pickle opcode GLOBAL names __builtin__.eval");
    REFUSED("\x80\x04\x8c\x08"
            "builtins\x8c\x04"
            "eval\x93.",
            "byte 18: pickle opcode STACK_GLOBAL names builtins.eval");
    REFUSED("cbuiltins\ngetattr\n.", "builtins.getattr");
    REFUSED("csubprocess\nPopen\n.", "subprocess.Popen");
    REFUSED("ctorch\nload\n.", "torch.load");
    REFUSED("ctorch.storage\n_load_from_bytes\n.", "torch.storage._load_from_bytes");
    REFUSED("ctorch.hub\nload\n.", "torch.hub.load");
    REFUSED("cnumpy.core.multiarray\nscalar\n.", "numpy.core.multiarray.scalar");
    REFUSED("ccollections\nOrderedDict.fromkeys\n.", "collections.OrderedDict.fromkeys");
    REFUSED("ccollections\nordereddict\n.", "collections.ordereddict");
    REFUSED("ccollections.OrderedDict\n\n.", "names collections.OrderedDict.");
    REFUSED("ctorch\nShortStorage\n.", "torch.ShortStorage");
    REFUSED("c\x1b[2J\nx\n.", "names ?[2J.x");
    REFUSED("\x80\x02"
            "K\x01K\x02\x93.",
            "needs two strings");
}

static void test_calls_of_what_is_known(void **state) {
    (void)state;
    REFUSED("ctorch\nFloatStorage\n)R.", "REDUCE calls torch.FloatStorage: refused");
    REFUSED("ctorch\nfloat16\n)R.", "REDUCE calls torch.float16: refused");
    REFUSED("ctorch\nfloat16\n)\x81.", "NEWOBJ makes an object of another class");
    REFUSED("ctorch._utils\n_rebuild_tensor_v2\n)\x81.", "NEWOBJ makes an object of another class");
    REFUSED("ctorch._utils\n_rebuild_tensor_v2\n)R.", "other than a storage");
    REFUSED("ctorch._utils\n_rebuild_tensor_v2\n(NNNNNNtR.", "other than a storage");
    REFUSED("ctorch._utils\n_rebuild_parameter\n(N\x88NtR.", "other than a tensor");
    REFUSED("ctorch\nSize\nK\x01\x85R.", "other than a tuple");
    REFUSED("ccollections\nOrderedDict\nK\x01\x85R.", "other than a list");
    REFUSED("ccollections\nOrderedDict\n](K\x01K\x02"
            "e\x85R.",
            "other than pairs");
    REFUSED("ccollections\nOrderedDict\nNR.", "other than a tuple");
    REFUSED("})R.", "calls what is no function");
    REFUSED("ctorch\nfloat16\n}b.", "sets the state of what is no dict");
    REFUSED("]}b.", "sets the state of what is no dict");
    REFUSED("}Nb.", "sets the state of what is no dict");
    REFUSED("U\x03"
            "abcQ.",
            "other than a storage");
    REFUSED("(U\x06moduleU\x01"
            "aU\x01"
            "bU\x01"
            "cU\x01"
            "dtQ.",
            "other than a storage");
    REFUSED("(U\x07storagectorch\nFloatStorage\nU\x01"
            "0U\x03"
            "cpuJ\xff\xff\xff\xfftQ.",
            "other than a storage");
    REFUSED("(U\x07storagectorch\nfloat16\nU\x01"
            "0U\x03"
            "cpuK\x01tQ.",
            "other than a storage");
    REFUSED("(U\x07storagectorch\nFloatStorage\nU\x01"
            "0U\x03"
            "cpuK\x01)tQ.",
            "other than a storage");
}

#define NDARRAY                                                                                                        \
    "cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85"                                                \
    "C\x01"                                                                                                            \
    "btR"
#define F4                                                                                                             \
    "cnumpy\ndtype\n(U\x02"                                                                                            \
    "f4\x89\x88tR(K\x03U\x01<NNNK\x00K\x00K\x00tb"

static void test_arrays(void **state) {
    (void)state;
    reading r;
    static const char good[] = "\x80\x02" NDARRAY "(K\x01K\x02K\x01\x86" F4 "\x88"
                               "C\x08"
                               "01234567tb.";
    assert_ok(read_bytes(&r, good, sizeof good - 1));
    assert_int_equal(r.root->type, PICKLE_ARRAY);
    const pickle_array *a = &r.root->array;
    assert_true(a->type == TYPE_F32 && a->column_major && a->rank == 2 && a->dim[0] == 2 && a->dim[1] == 1);
    assert_memory_equal(a->data.data, "01234567", 8);
    release(&r);

    REFUSED("cnumpy.core.multiarray\n_reconstruct\n(ctorch\nSize\nK\x00\x85"
            "C\x01"
            "btR.",
            "another class than ndarray");
    REFUSED("cnumpy.core.multiarray\n_reconstruct\n)R.", "another class than ndarray");
    REFUSED("cnumpy\nndarray\n)R.", "calls numpy.ndarray: refused");
    REFUSED("cnumpy\ndtype\n(U\x02"
            "O8tR.",
            "a dtype that no weights have");
    REFUSED("cnumpy\ndtype\n)R.", "a dtype without a name");
    REFUSED("cnumpy\ndtype\n(U\x02"
            "f4tR(K\x03U\x01>NNNtb.",
            "not little-endian");
    REFUSED("cnumpy\ndtype\n(U\x02"
            "f4tR(K\x03U\x01|NNNtb.",
            "not little-endian");
    REFUSED("cnumpy\ndtype\n(U\x02"
            "f4tR(K\x03U\x01<]NNtb.",
            "a dtype of several parts");
    REFUSED("cnumpy\ndtype\n(U\x02"
            "f4tR}b.",
            "a state that is none");
    REFUSED(NDARRAY "}b.", "an array a state that is none");
    REFUSED(NDARRAY "(K\x01K\x02\x85" F4 "\x89"
                    "C\x07"
                    "0123456tb.",
            "bytes are not those of its shape");
    REFUSED(NDARRAY "(K\x01K\x03\x85" F4 "\x89"
                    "C\x08"
                    "01234567tb.",
            "bytes are not those of its shape");
    REFUSED(NDARRAY "(K\x01J\xff\xff\xff\xff\x85" F4 "\x89"
                    "C\x08"
                    "01234567tb.",
            "a state that is none");
    REFUSED(NDARRAY "(K\x01K\x02\x85" F4 "\x89]tb.", "a state that is none"); /* objects are a list */
    REFUSED(NDARRAY "q\x01(K\x01K\x01\x85" F4 "\x89"
                    "C\x04"
                    "0123tb(K\x01K\x01\x85" F4 "\x89"
                    "C\x04"
                    "0123tb.",
            "an array two states");
}

#define STORAGE                                                                                                        \
    "(U\x07storagectorch\nFloatStorage\nU\x01"                                                                         \
    "0U\x03"                                                                                                           \
    "cpuK\x08tQ"
#define TENSOR(rest) "ctorch._utils\n_rebuild_tensor_v2\n(" STORAGE rest "tR."

static void test_tensors_that_are_none(void **state) {
    (void)state;
    reading r;
    static const char good[] = TENSOR("K\x00K\x08\x85K\x01\x85\x89}");
    assert_ok(read_bytes(&r, good, sizeof good - 1));
    release(&r);
    static const char newer[] = TENSOR("K\x00K\x08\x85K\x01\x85\x89}}");
    assert_ok(read_bytes(&r, newer, sizeof newer - 1));
    release(&r);
    REFUSED(TENSOR("K\x00K\x08\x85K\x01\x85\x89}}}"), "other than a storage");
    REFUSED(TENSOR("J\xff\xff\xff\xffK\x08\x85K\x01\x85\x89}"), "other than a storage and an offset");
    REFUSED(TENSOR("NK\x08\x85K\x01\x85\x89}"), "other than a storage and an offset");
    REFUSED(TENSOR("K\x00J\xff\xff\xff\xff\x85K\x01\x85\x89}"), "size is not up to 8 whole numbers");
    REFUSED(TENSOR("K\x00N\x85K\x01\x85\x89}"), "size is not");
    REFUSED(TENSOR("K\x00K\x08K\x01\x85\x89}"), "size is not");
    REFUSED(TENSOR("K\x00(K\x01K\x01K\x01K\x01K\x01K\x01K\x01K\x01K\x01tK\x01\x85\x89}"), "size is not up to 8");
    REFUSED(TENSOR("K\x00K\x08\x85)\x89}"), "strides do not fit");
    REFUSED(TENSOR("K\x00K\x08\x85J\xff\xff\xff\xff\x85\x89}"), "strides do not fit");
    REFUSED(TENSOR("K\x00K\x08\x85K\x01\x85\x89}}U\x04"
                   "conj\x88s"),
            "properties beyond its numbers");
}

static void test_opcodes_not_needed(void **state) {
    (void)state;
    static const struct {
        uint8_t opcode;
        const char *name;
    } refused[] = {{'F', "FLOAT"},        {'I', "INT"},
                   {'L', "LONG"},         {'P', "PERSID"},
                   {'S', "STRING"},       {'V', "UNICODE"},
                   {'d', "DICT"},         {'g', "GET"},
                   {'i', "INST"},         {'l', "LIST"},
                   {'o', "OBJ"},          {'p', "PUT"},
                   {0x82, "EXT1"},        {0x83, "EXT2"},
                   {0x84, "EXT4"},        {0x8f, "EMPTY_SET"},
                   {0x90, "ADDITEMS"},    {0x91, "FROZENSET"},
                   {0x92, "NEWOBJ_EX"},   {0x96, "BYTEARRAY8"},
                   {0x97, "NEXT_BUFFER"}, {0x98, "READONLY_BUFFER"},
                   {0x00, "0x00"},        {0xff, "0xff"}};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char part[80];
        const uint8_t pickle[] = {0x80, 2, '(', refused[i].opcode, '1', '\n', '.'};
        snprintf(part, sizeof part, "byte 3: pickle opcode %s is not one that weights need", refused[i].name);
        check_refused(pickle, sizeof pickle, part);
    }
}

static void test_every_opcode_alone(void **state) {
    (void)state;
    /* On an empty stack, on a mark, and on one value: nothing but a clean end. */
    static const char *const before[] = {"", "(", "N", "(N", "}N", "]N"};
    for (size_t b = 0; b < sizeof before / sizeof *before; b++)
        for (int opcode = 0; opcode < 256; opcode++)
            for (int operand = 0; operand < 256; operand += 255) {
                uint8_t pickle[32];
                size_t size = strlen(before[b]);
                memcpy(pickle, before[b], size);
                pickle[size++] = (uint8_t)opcode;
                memset(pickle + size, operand, 10);
                reading r;
                loris_status status = read_bytes(&r, pickle, size + 10);
                assert_true(status == LORIS_OK || status == LORIS_ERROR_INPUT);
                release(&r);
            }
}

static void test_broken_stacks(void **state) {
    (void)state;
    REFUSED(".", "STOP finds the stack empty");
    REFUSED("(.", "STOP finds the stack empty");
    REFUSED("0.", "POP finds the stack empty");
    REFUSED("1.", "POP_MARK finds no mark");
    REFUSED("2.", "DUP finds the stack empty");
    REFUSED("N(2.", "DUP finds the stack empty");
    REFUSED("t.", "TUPLE finds no mark");
    REFUSED("N\x86.", "TUPLE2 finds too little");
    REFUSED("N(N\x86.", "TUPLE2 finds too little");
    REFUSED("(Ne.", "APPENDS finds no container");
    REFUSED("N(Ne.", "APPENDS fills what is no list");
    REFUSED("](Nu.", "SETITEMS fills what is no dict");
    REFUSED("}(Nu.", "a key without a value");
    REFUSED("}Na.", "APPEND fills what is no list");
    REFUSED("](N(a.", "APPEND finds too little");
    REFUSED("}Ns.", "SETITEM finds too little");
    REFUSED("Nh\x00.", "BINGET asks for value 0");
    REFUSED("Nq\x05h\x04.", "BINGET asks for value 4");
    REFUSED("q\x00.", "BINPUT finds the stack empty");
    REFUSED("\x94.", "MEMOIZE finds the stack empty");
    REFUSED("\x80\x01N.", "protocol 1");
    REFUSED("\x80\x06N.", "protocol 6");
    REFUSED("X\x01\x00\x00\x00\xff.", "not UTF-8");
    REFUSED("X\x03\x00\x00\x00\xed\xa0\x80.", "not UTF-8");
}

static void test_counts_beyond_reason(void **state) {
    (void)state;
    REFUSED("X\xff\xff\xff\xff.", "BINUNICODE needs 4294967295 bytes, 1 are left");
    REFUSED("\x8d\xff\xff\xff\xff\xff\xff\xff\xff.", "BINUNICODE8 needs 18446744073709551615 bytes");
    REFUSED("\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.", "BINBYTES8 needs");
    REFUSED("B\x02\x00\x00\x00.", "BINBYTES needs");
    REFUSED("T\xff\xff\xff\xff.", "BINSTRING needs");
    REFUSED("\x8b\xff\xff\xff\x7f.", "LONG4 needs");
    REFUSED("\x8b\xff\xff\xff\xff.", "LONG4 needs");
    REFUSED("\x95\xff\xff\xff\xff\xff\xff\xff\xff.", "FRAME needs");
    REFUSED("Nr\xff\xff\xff\xff.", "LONG_BINPUT goes beyond the 524288 remembered values");
    REFUSED("Nj\xff\xff\xff\xff.", "asks for value 4294967295");
    REFUSED("cno end", "GLOBAL has a name without an end");
    REFUSED("cmodule\nno end", "GLOBAL has a name without an end");
}

/* A pickle of one opcode many times over: ends at a limit, in bounded memory. */
static void check_bomb(const char *start, const char *repeated, size_t times, const char *part) {
    text t = {0};
    put_string(&t, start);
    size_t size = strlen(repeated);
    for (size_t i = 0; i < times; i++)
        text_append(&t, repeated, size);
    put_string(&t, ".");
    assert_false(text_failed(&t));
    check_refused(t.data, t.length, part);
    text_free(&t);
}

static void test_bombs(void **state) {
    (void)state;
    enum { MANY = 600000 };
    check_bomb("", "(", MANY, "MARK goes beyond the 524288 marks");
    check_bomb("", "N", MANY, "NONE goes beyond");
    check_bomb("N", "2", MANY, "DUP goes beyond the 524288 values on the stack");
    check_bomb("", "]", MANY, "goes beyond");
    check_bomb("N", "\x85", MANY, "TUPLE1 goes beyond the 524288 values"); /* a tuple in a tuple in a tuple ... */
    check_bomb("Nq\x01", "h\x01", MANY, "BINGET goes beyond");
    check_bomb("N", "\x94", MANY, "MEMOIZE goes beyond the 524288 remembered values");
    check_bomb("]q\x01",
               "h\x01"
               "a",
               3 * MANY + MANY, "APPEND goes beyond the 2097152 items"); /* a list in itself */
    /* A dict of the same thousand pairs, again and again. */
    text t = {0};
    put_string(&t, "ccollections\nOrderedDict\nq\x02"
                   "0](NNtq\x01"
                   "0](");
    for (int i = 0; i < 1000; i++)
        put_string(&t, "h\x01");
    put_string(&t, "e\x85q\x03");
    for (int i = 0; i < 2000; i++)
        put_string(&t, "0h\x02h\x03R");
    put_string(&t, ".");
    check_refused(t.data, t.length, "REDUCE goes beyond the 2097152 items");
    text_free(&t);
}

/* Doubling by reference costs nothing: values share. */
static void test_shared_values_do_not_grow(void **state) {
    (void)state;
    text t = {0};
    put_string(&t, ")\x94");
    for (int i = 0; i < 60; i++) {
        put_string(&t, "2\x86"); /* (x, x): 2^60 leaves to whoever would walk them */
    }
    put_string(&t, ".");
    reading r;
    assert_ok(read_bytes(&r, t.data, t.length));
    int depth = 0;
    for (const pickle_value *v = r.root; v->items.count; v = v->items.at[0])
        depth++;
    assert_int_equal(depth, 60);
    release(&r);
    text_free(&t);
}

static void test_cut_at_every_byte(void **state) {
    (void)state;
    text t = {0};
    small_state(&t);
    for (size_t size = 0; size < t.length; size++)
        check_refused(t.data, size, "f.pt: byte ");
    text_free(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_containers_and_memo),
        cmocka_unit_test(test_several_in_a_row),
        cmocka_unit_test(test_tensors),
        cmocka_unit_test(test_known_names),
        cmocka_unit_test(test_names_that_would_run),
        cmocka_unit_test(test_calls_of_what_is_known),
        cmocka_unit_test(test_arrays),
        cmocka_unit_test(test_tensors_that_are_none),
        cmocka_unit_test(test_opcodes_not_needed),
        cmocka_unit_test(test_every_opcode_alone),
        cmocka_unit_test(test_broken_stacks),
        cmocka_unit_test(test_counts_beyond_reason),
        cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_shared_values_do_not_grow),
        cmocka_unit_test(test_cut_at_every_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
