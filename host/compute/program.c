#include "compute/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "compute/cache.h"
#include "compute/embedded.h"
#include "core/file.h"
#include "core/sha256.h"
#include "core/text.h"

/* Multiply-adds may be fused. Not -cl-fast-relaxed-math: it promises the compiler that no infinity or NaN ever occurs,
 * but masked softmax uses the one and the tests' poison the other; and it frees exp and division of their error bounds.
 */
static const char build_options[] = "-cl-std=CL1.2 -cl-mad-enable";

static const char cache_format[] = "program 1"; /* part of the key: change it when what is stored changes */

static const size_t source_limit = (size_t)4 << 20;

/* ---- sources ----------------------------------------------------------------------------------------------------- */

typedef struct source source;
struct source {
    source *next;
    const char *name; /* "norm.cl" */
    const char *path; /* as compilers shall name it: the name, or the path of an override */
    const char *data;
    size_t size;
    char *owned; /* data when it was read from a file, else NULL */
};

typedef struct section section;
struct section {
    section *next;
    int number;
    const source *file;
    const char *name; /* of the file, without ".cl" */
    const char *defines;
    const section *lender; /* the same section in a program that was built before, whose kernels serve; or NULL */
    program *owner;
};

struct program {
    compute *c;
    arena *memory;
    source *sources;
    section *first, *last;
    int sections;
    program *next_kept; /* in compute.programs: built programs stay until the device is closed */
    cl_program built;   /* NULL: not built, or every section is lent */
    char key[65];
    bool ready;  /* program_build() was successful */
    bool stored; /* the cache holds it: loaded from there, or written */
    bool cold;   /* counted in the throttle's cold_programs */
};

/* Overrides are read once per program, so that all sections of a file are the same text. */
static loris_status find_source(program *p, const char *name, const source **out) {
    for (const source *s = p->sources; s; s = s->next) {
        if (strcmp(s->name, name) == 0) {
            *out = s;
            return LORIS_OK;
        }
    }
    source *s = arena_alloc(p->memory, 1, sizeof *s);
    if (!s)
        return fail_memory("kernel sources");
    s->name = s->path = arena_strdup(p->memory, name);
    const char *folder = p->c->settings.kernels_dir;
    char *path = folder ? arena_printf(p->memory, "%s/%s", folder, name) : NULL;
    if (path && file_exists(path)) {
        TRY(file_read(path, source_limit, &s->owned, &s->size));
        s->data = s->owned;
        if (!strpbrk(path, "\"\\\n")) /* else it cannot stand in a #line directive */
            s->path = path;
    }
    for (const embedded_file *e = embedded_kernels; e->name && !s->data; e++) {
        if (strcmp(e->name, name) == 0) {
            s->data = e->data;
            s->size = e->size;
        }
    }
    if (!s->data)
        return fail(LORIS_ERROR_INTERNAL, NULL, "there is no kernel file %s", name);
    s->next = p->sources;
    p->sources = s;
    *out = s;
    return arena_failed(p->memory) ? fail_memory("kernel sources") : LORIS_OK;
}

static size_t identifier_length(const char *at) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
    return *at >= '0' && *at <= '9' ? 0 : strspn(at, letters);
}

/* Blank-separated NAME=VALUE? */
static bool defines_valid(const char *defines) {
    for (const char *at = defines; *(at += strspn(at, " "));) {
        size_t name = identifier_length(at);
        if (name == 0 || at[name] != '=')
            return false;
        at += name + 1;
        size_t value = strcspn(at, " ");
        if (value == 0 || memchr(at, '\n', value) || memchr(at, '\\', value))
            return false;
        at += value;
    }
    return true;
}

/* Does common.clh define one of these macros? Ending the section would take it from the sections that follow. */
static loris_status check_defines(program *p, const char *file, const char *defines) {
    const source *common;
    TRY(find_source(p, "common.clh", &common));
    for (const char *at = defines; *(at += strspn(at, " ")); at += strcspn(at, " ")) {
        int name = (int)identifier_length(at);
        char directive[160];
        snprintf(directive, sizeof directive, "#define %.*s", name, at);
        const char *found = strstr(common->data, directive); /* the data end with a NUL */
        if (found && identifier_length(found + strlen(directive)) == 0)
            return fail(LORIS_ERROR_INTERNAL, NULL, "%s.cl: its macro %.*s is one of common.clh", file, name, at);
    }
    return LORIS_OK;
}

/* A section that an earlier program of this device has compiled: plans of one model share nearly all of theirs. */
static const section *find_kept(const compute *c, const char *name, const char *defines) {
    for (const program *p = c->programs; p; p = p->next_kept)
        for (const section *s = p->first; s; s = s->next)
            if (!s->lender && strcmp(s->file->name, name) == 0 && strcmp(s->defines, defines) == 0)
                return s;
    return NULL;
}

loris_status program_section(program *p, const char *file, const char *defines, int *number) {
    if (p->ready)
        return fail(LORIS_ERROR_INTERNAL, NULL, "%s.cl: added to a program that is built", file);
    if (!*file || identifier_length(file) != strlen(file) || !defines_valid(defines))
        return fail(LORIS_ERROR_INTERNAL, NULL, "malformed kernel section: %s.cl with \"%s\"", file, defines);
    TRY(check_defines(p, file, defines));
    char name[128];
    snprintf(name, sizeof name, "%s.cl", file);
    for (const section *s = p->first; s; s = s->next) {
        if (strcmp(s->file->name, name) == 0 && strcmp(s->defines, defines) == 0) {
            *number = s->number;
            return LORIS_OK;
        }
    }
    section *s = arena_alloc(p->memory, 1, sizeof *s);
    if (!s)
        return fail_memory("kernel sources");
    TRY(find_source(p, name, &s->file));
    s->name = arena_strdup(p->memory, file);
    s->defines = arena_strdup(p->memory, defines);
    if (arena_failed(p->memory))
        return fail_memory("kernel sources");
    s->number = p->sections++;
    s->owner = p;
    s->lender = find_kept(p->c, name, defines);
    if (p->last)
        p->last->next = s;
    else
        p->first = s;
    p->last = s;
    *number = s->number;
    return LORIS_OK;
}

static const section *section_numbered(const program *p, int number) {
    const section *s = p->first;
    while (s && s->number != number)
        s = s->next;
    return s;
}

void program_section_facts(const program *p, int number, const char **file, const char **defines) {
    const section *s = section_numbered(p, number);
    *file = s ? s->name : "";
    *defines = s ? s->defines : "";
}

/* ---- one text of all sections ------------------------------------------------------------------------------------ */

/* The file that a line `#include "tile.clh"` from `line` on names, its length in *length; NULL = the line is another.
 */
static const char *included(const char *line, size_t *length) {
    static const char directive[] = "#include \"";
    if (strncmp(line, directive, sizeof directive - 1) != 0)
        return NULL;
    const char *name = line + sizeof directive - 1;
    *length = strcspn(name, "\"\n");
    return name[*length] == '"' ? name : NULL;
}

static const char *next_line(const char *line, const char *end) {
    const char *next = memchr(line, '\n', (size_t)(end - line));
    return next ? next + 1 : end;
}

static loris_status find_included(program *p, const char *name, size_t length, const source **out) {
    char *copy = arena_printf(p->memory, "%.*s", (int)length, name);
    return copy ? find_source(p, copy, out) : fail_memory("kernel sources");
}

static void append_lines(text *t, const char *path, int number, const char *from, const char *end) {
    text_printf(t, "#line %d \"%s\"\n", number, path);
    text_append(t, from, (size_t)(end - from));
    text_append(t, "\n", 1);
}

/* The text of `s`, and of what it includes where it says so; that includes nothing itself. */
static loris_status append_source(program *p, text *t, const source *s) {
    const char *end = s->data + s->size, *from = s->data;
    int number = 1, first = 1; /* of this line, and of that at `from` */
    for (const char *line = s->data; line < end; line = next_line(line, end), number++) {
        size_t length;
        const char *name = included(line, &length);
        if (!name)
            continue;
        const source *other;
        TRY(find_included(p, name, length, &other));
        append_lines(t, s->path, first, from, line);
        append_lines(t, other->path, 1, other->data, other->data + other->size);
        from = next_line(line, end);
        first = number + 1;
    }
    append_lines(t, s->path, first, from, end);
    return LORIS_OK;
}

static void append_defines(text *t, const char *defines, bool define) {
    for (const char *at = defines; *(at += strspn(at, " "));) {
        int name = (int)identifier_length(at), all = (int)strcspn(at, " ");
        if (define)
            text_printf(t, "#define %.*s %.*s\n", name, at, all - name - 1, at + name + 1);
        else
            text_printf(t, "#undef %.*s\n", name, at);
        at += all;
    }
}

/* Ends the macros a file and what it includes define, which would clash with those of the next section. */
static loris_status append_undefines(program *p, text *t, const source *s) {
    const char *end = s->data + s->size;
    for (const char *line = s->data, *next; line < end; line = next) {
        next = next_line(line, end);
        size_t length;
        const char *name = included(line, &length), *at = line;
        if (name) {
            const source *other;
            TRY(find_included(p, name, length, &other));
            TRY(append_undefines(p, t, other));
            continue;
        }
        while (at < next && (*at == ' ' || *at == '\t'))
            at++;
        if (at < next && *at == '#') {
            at++;
            while (at < next && (*at == ' ' || *at == '\t'))
                at++;
            if (next - at > 7 && memcmp(at, "define", 6) == 0 && (at[6] == ' ' || at[6] == '\t')) {
                at += 6 + strspn(at + 6, " \t"); /* both sorts of data end with a NUL */
                text_printf(t, "#undef %.*s\n", (int)identifier_length(at), at);
            }
        }
    }
    return LORIS_OK;
}

static loris_status assemble(program *p, text *t) {
    const source *common;
    TRY(find_source(p, "common.clh", &common));
    TRY(append_source(p, t, common));
    for (const section *s = p->first; s; s = s->next) {
        if (s->lender)
            continue;
        /* Errors in the macros themselves are then not blamed on the file before. */
        text_printf(t, "#line 1 \"section %d of %s\"\n#define SUFFIX %d\n", s->number, s->file->name, s->number);
        append_defines(t, s->defines, true);
        TRY(append_source(p, t, s->file));
        text_printf(t, "#line 1 \"end of section %d of %s\"\n", s->number, s->file->name);
        TRY(append_undefines(p, t, s->file));
        append_defines(t, s->defines, false);
        text_printf(t, "#undef SUFFIX\n");
        log_message(LORIS_LOG_DEBUG, "section %d: %s %s", s->number, s->file->name, s->defines);
    }
    return text_failed(t) ? fail_memory("kernel sources") : LORIS_OK;
}

loris_status program_text(program *p, text *out) {
    return assemble(p, out);
}

const char *program_options(void) {
    return build_options;
}

/* ---- the cache's key --------------------------------------------------------------------------------------------- */

static void add_to_key(sha256 *s, const char *data, size_t size) {
    uint8_t length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (uint8_t)((uint64_t)size >> (8 * i));
    sha256_update(s, length, sizeof length); /* so that two fields never run into one another */
    sha256_update(s, data, size);
}

/* What CPU drivers compile for: a home folder may be shared by machines whose processors bear the same name but offer
 * other instructions (virtual machines). */
static void add_processor(sha256 *s) {
    static const char *const keys[] = {"flags", "Features", "isa"}; /* x86, Arm, RISC-V */
    char *data = NULL;
    size_t size = 0;
    if (file_read("/proc/cpuinfo", (size_t)64 << 20, &data, &size) != LORIS_OK)
        return;
    for (char *rest = data, *line; (line = strsep(&rest, "\n")) != NULL;) {
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
            size_t length = strlen(keys[i]);
            if (strncmp(line, keys[i], length) == 0 && strchr("\t :", line[length])) {
                add_to_key(s, line, strlen(line));
                free(data);
                return;
            }
        }
    }
    free(data);
}

static void make_key(program *p, const text *sources) {
    const device *d = &p->c->dev;
    const char *const facts[] = {cache_format, LORIS_VERSION,    build_options,      d->name, d->vendor, d->driver,
                                 d->version,   d->platform_name, d->platform_version};
    sha256 s;
    sha256_begin(&s);
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++)
        add_to_key(&s, facts[i], strlen(facts[i]));
    add_to_key(&s, sources->data, sources->length);
    if (d->type & CL_DEVICE_TYPE_CPU)
        add_processor(&s);
    uint8_t digest[32];
    sha256_end(&s, digest);
    for (int i = 0; i < 32; i++)
        snprintf(p->key + 2 * i, 3, "%02x", digest[i]);
}

/* ---- building ---------------------------------------------------------------------------------------------------- */

/* The compiler's log in a new block: free(). NULL when there is none. */
static char *build_log(const compute *c, cl_program made) {
    size_t size = 0;
    if (clGetProgramBuildInfo(made, c->dev.id, CL_PROGRAM_BUILD_LOG, 0, NULL, &size) != CL_SUCCESS || size < 2)
        return NULL;
    char *log = calloc(size + 1, 1);
    if (log && clGetProgramBuildInfo(made, c->dev.id, CL_PROGRAM_BUILD_LOG, size, log, NULL) != CL_SUCCESS) {
        free(log);
        return NULL;
    }
    return log;
}

/* Logs each line; `first` receives the first one that tells of an error, else the first that tells anything. */
static void report_log(char *log, char *first, size_t first_size) {
    bool have_error = false;
    *first = '\0';
    for (char *rest = log, *line; (line = strsep(&rest, "\n")) != NULL;) {
        line += strspn(line, " \t\r");
        if (!*line)
            continue;
        log_message(LORIS_LOG_DEBUG, "compiler: %s", line);
        bool is_error = strcasestr(line, "error") != NULL;
        if (!*first || (is_error && !have_error))
            snprintf(first, first_size, "%s", line);
        have_error = have_error || is_error;
    }
}

static loris_status compile(program *p, const text *sources) {
    compute *c = p->c;
    const char *data = sources->data;
    cl_int error;
    cl_program made = clCreateProgramWithSource(c->context, 1, &data, &sources->length, &error);
    TRY(compute_check(c, error, "clCreateProgramWithSource", NULL));
    error = clBuildProgram(made, 1, &c->dev.id, build_options, NULL, NULL);
    char first[512] = "";
    char *log = build_log(c, made);
    if (log)
        report_log(log, first, sizeof first);
    free(log);
    if (error != CL_SUCCESS) {
        clReleaseProgram(made);
        if (error != CL_BUILD_PROGRAM_FAILURE && error != CL_COMPILE_PROGRAM_FAILURE)
            return compute_check(c, error, "clBuildProgram", NULL);
        return fail(LORIS_ERROR_DEVICE,
                    c->settings.kernels_dir ? "the compiler's whole log is among the debug messages"
                                            : "update the device's driver, or choose another device",
                    "the kernels do not compile on device %d: %s: %s", c->dev.index, c->dev.name,
                    *first ? first : "the compiler says no more");
    }
    p->built = made;
    p->cold = true;
    c->throttle.cold_programs++;
    return LORIS_OK;
}

/* From the cache; true on success. Drivers may refuse what an update of theirs no longer understands. */
static bool load(program *p) {
    compute *c = p->c;
    uint8_t *data;
    size_t size;
    if (!c->cache_folder || !cache_load(c->cache_folder, p->key, &data, &size))
        return false;
    const unsigned char *binary = data;
    cl_int error, status = CL_SUCCESS;
    cl_program made = clCreateProgramWithBinary(c->context, 1, &c->dev.id, &size, &binary, &status, &error);
    if (error == CL_SUCCESS)
        error = status;
    if (error == CL_SUCCESS)
        error = clBuildProgram(made, 1, &c->dev.id, build_options, NULL, NULL);
    free(data);
    if (error == CL_SUCCESS) {
        p->built = made;
        p->stored = true;
        return true;
    }
    if (made)
        clReleaseProgram(made);
    log_message(LORIS_LOG_INFO, "the driver refuses the compiled kernels it made before (%s): they are made again",
                compute_error_name(error));
    cache_remove(c->cache_folder, p->key);
    return false;
}

static bool all_lent(const program *p) {
    for (const section *s = p->first; s; s = s->next)
        if (!s->lender)
            return false;
    return p->first != NULL;
}

static loris_status build_own(program *p) {
    text sources = {0};
    loris_status status = LORIS_OK;
    TRY_GOTO(assemble(p, &sources));
    make_key(p, &sources);
    if (!load(p))
        TRY_GOTO(compile(p, &sources));
    p->next_kept = p->c->programs;
    p->c->programs = p;
done:
    text_free(&sources);
    return status;
}

loris_status program_build(program *p) {
    if (p->ready)
        return fail(LORIS_ERROR_INTERNAL, NULL, "a program is built twice");
    TRY(check_cancelled());
    if (!all_lent(p))
        TRY(build_own(p));
    p->ready = true;
    return LORIS_OK;
}

loris_status program_kernel(program *p, int number, const char *name, cl_kernel *out) {
    *out = NULL;
    const section *s = section_numbered(p, number);
    if (!s || !p->ready)
        return fail(LORIS_ERROR_INTERNAL, NULL, "kernel %s: no such section, or the program is not built", name);
    const section *compiled = s->lender ? s->lender : s;
    char full[256], what[256];
    snprintf(full, sizeof full, "%s_%d", name, compiled->number);
    snprintf(what, sizeof what, "%s of %s", name, s->file->name);
    cl_int error;
    *out = clCreateKernel(compiled->owner->built, full, &error);
    return compute_check(p->c, error, "clCreateKernel", what);
}

/* ---- storing, releasing ------------------------------------------------------------------------------------------ */

static void end_cold(program *p) {
    if (p->cold)
        p->c->throttle.cold_programs--;
    p->cold = false;
}

static void store(program *p) {
    compute *c = p->c;
    end_cold(p);
    if (!p->built || p->stored || !c->cache_folder)
        return;
    p->stored = true; /* whatever happens below: trying again would not help */
    size_t size = 0;
    if (clFinish(c->queue) != CL_SUCCESS || /* what launches compile is complete only now */
        clGetProgramInfo(p->built, CL_PROGRAM_BINARY_SIZES, sizeof size, &size, NULL) != CL_SUCCESS || size == 0) {
        log_message(LORIS_LOG_WARNING, "compiled kernels are not kept: the driver does not hand them out");
        return;
    }
    unsigned char *data = malloc(size);
    if (data && clGetProgramInfo(p->built, CL_PROGRAM_BINARIES, sizeof data, &data, NULL) == CL_SUCCESS)
        cache_store(c->cache_folder, p->key, data, size);
    else
        log_message(LORIS_LOG_WARNING, "compiled kernels are not kept: the driver does not hand them out");
    free(data);
}

void program_store(program *p) {
    store(p);
    for (const section *s = p->first; s; s = s->next)
        if (s->lender)
            store(s->lender->owner);
}

loris_status program_new(program **out, compute *c) {
    *out = NULL;
    program *p = calloc(1, sizeof *p);
    if (!p)
        return fail_memory("program");
    p->c = c;
    p->memory = arena_new();
    if (!p->memory) {
        free(p);
        return fail_memory("program");
    }
    *out = p;
    return LORIS_OK;
}

static void release(program *p) {
    end_cold(p);
    if (p->built)
        clReleaseProgram(p->built);
    for (source *s = p->sources; s; s = s->next)
        free(s->owned);
    arena_free(p->memory);
    free(p);
}

void program_free(program *p) {
    if (p && !p->built)
        release(p);
}

void programs_release(compute *c) {
    while (c->programs) {
        program *p = c->programs;
        c->programs = p->next_kept;
        release(p);
    }
}
