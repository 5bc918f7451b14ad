/* loris-cl run with several videos, or on several devices. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"
#include "loris/batch.h"

/* What became of one video. */
typedef struct outcome {
    loris_status status;
    loris_report report;
    char *message;
} outcome;

typedef struct batch {
    const batch_options *options;
    loris_item *items;
    outcome *outcomes;
    size_t count, failed;
} batch;

/* ---- names ------------------------------------------------------------------------------------------------------- */

/* folder/dance + ending for "path/dance.webm"; free() it. */
static char *name_in(const char *folder, const char *video, const char *ending) {
    const char *slash = strrchr(video, '/'), *base = slash ? slash + 1 : video, *dot = strrchr(base, '.');
    const int length = dot && dot > base ? (int)(dot - base) : (int)strlen(base);
    const bool here = !folder || !*folder;
    const char *between = here || folder[strlen(folder) - 1] == '/' ? "" : "/";
    char *name;
    return asprintf(&name, "%s%s%.*s%s", here ? "" : folder, between, length, base, ending) < 0 ? NULL : name;
}

static int check_folder_option(const char *option_name, const char *folder) {
    struct stat info;
    if (!folder || (stat(folder, &info) == 0 && S_ISDIR(info.st_mode)))
        return EXIT_DONE;
    return complain(EXIT_USAGE, "make the folder, or give one video at a time",
                    "--%s %s: with several videos it names a folder", option_name, folder);
}

static int name_items(batch *b, const char *const *videos) {
    const batch_options *o = b->options;
    const loris_settings *s = o->settings;
    const bool several = b->count > 1;
    for (size_t i = 0; i < b->count; i++) {
        loris_item *item = &b->items[i];
        item->video = videos[i];
        item->seed = s->seed;
        item->output = several || !o->output ? name_in(several ? o->output : NULL, videos[i], "-soundtrack.mp4")
                                             : strdup(o->output);
        if (s->midi_out)
            item->midi_out = several ? name_in(s->midi_out, videos[i], ".mid") : strdup(s->midi_out);
        if (s->rhythm_out)
            item->rhythm_out = several ? name_in(s->rhythm_out, videos[i], "-rhythm.json") : strdup(s->rhythm_out);
        if (!item->output || (s->midi_out && !item->midi_out) || (s->rhythm_out && !item->rhythm_out))
            return complain(EXIT_FAULT, NULL, "out of memory");
    }
    return EXIT_DONE;
}

/* Videos of one name in several folders would share an output. */
static int check_items(const batch *b) {
    for (size_t i = 0; i < b->count; i++) {
        const loris_item *item = &b->items[i];
        const char *const names[] = {item->video, item->output, item->midi_out, item->rhythm_out};
        const int status = check_names(names, 4);
        if (status != EXIT_DONE)
            return status;
        for (size_t k = 0; k < i; k++)
            if (!strcmp(b->items[k].output, item->output))
                return complain(EXIT_USAGE, "give them one at a time, or rename one", "%s and %s would both become %s",
                                b->items[k].video, item->video, item->output);
    }
    return EXIT_DONE;
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

static void keep_outcome(void *user, const loris_item_result *r) {
    batch *b = user;
    outcome *o = &b->outcomes[r->item];
    const loris_item *item = &b->items[r->item];
    o->status = r->status;
    if (r->report)
        o->report = *r->report;
    if (r->status != LORIS_OK) {
        b->failed++;
        o->message = strdup(r->message);
        if (r->status != LORIS_CANCELLED) {
            const bool named = strstr(r->message, item->video) != NULL; /* most messages name the file */
            complain(exit_status_of(r->status), r->hint, "%s%s%s", named ? "" : item->video, named ? "" : ": ",
                     r->message);
        }
    } else if (!b->options->json && !b->options->quiet) {
        progress_hide();
        print_soundtrack(false, item->video, item->output, r->report);
        fflush(stdout);
    }
}

static void print_outcomes(const batch *b) {
    for (size_t i = 0; i < b->count; i++) {
        const outcome *o = &b->outcomes[i];
        fputs(i ? ",\n " : "[", stdout);
        if (o->status == LORIS_OK) {
            print_soundtrack(true, b->items[i].video, b->items[i].output, &o->report);
        } else {
            fputs("{\"video\": ", stdout);
            print_json_string(b->items[i].video);
            printf(", \"status\": %d, \"message\": ", exit_status_of(o->status));
            print_json_string(o->message ? o->message : "");
            putchar('}');
        }
    }
    puts("]");
}

static int make_all(batch *b) {
    const batch_options *o = b->options;
    progress_begin(o->quiet, o->verbose);
    const loris_status status = loris_batch(o->engine, o->settings, b->items, b->count, keep_outcome, b);
    progress_end(status == LORIS_OK);
    if (status != LORIS_OK && (!b->failed || status == LORIS_CANCELLED))
        return complain_library(status); /* nothing was begun, or all was stopped */
    if (o->json)
        print_outcomes(b);
    for (size_t i = 0; i < b->count; i++)
        if (b->outcomes[i].status != LORIS_OK)
            return exit_status_of(b->outcomes[i].status);
    return EXIT_DONE;
}

int run_batch(const batch_options *options, const char *const *videos, size_t count) {
    batch b = {.options = options,
               .items = calloc(count, sizeof *b.items),
               .outcomes = calloc(count, sizeof *b.outcomes),
               .count = count};
    int status = b.items && b.outcomes ? EXIT_DONE : complain(EXIT_FAULT, NULL, "out of memory");
    if (status == EXIT_DONE && count > 1)
        status = check_folder_option("output", options->output);
    if (status == EXIT_DONE && count > 1)
        status = check_folder_option("midi-out", options->settings->midi_out);
    if (status == EXIT_DONE && count > 1)
        status = check_folder_option("rhythm-out", options->settings->rhythm_out);
    if (status == EXIT_DONE)
        status = name_items(&b, videos);
    if (status == EXIT_DONE)
        status = check_items(&b);
    if (status == EXIT_DONE)
        status = make_all(&b);
    for (size_t i = 0; b.items && b.outcomes && i < count; i++) {
        free((void *)(uintptr_t)b.items[i].output);
        free((void *)(uintptr_t)b.items[i].midi_out);
        free((void *)(uintptr_t)b.items[i].rhythm_out);
        free(b.outcomes[i].message);
    }
    free(b.items);
    free(b.outcomes);
    return status;
}
