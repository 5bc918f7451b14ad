/* The manual page, in man(7) macros, from the same tables as everything else. */
#include <string.h>

#include "cli.h"

/* Prints text so that roff takes none of it for its own; an empty line becomes a paragraph. */
static void print_text(const char *text) {
    bool line_start = true;
    for (; *text; text++) {
        if (*text == '\n') {
            fputs(text[1] == '\n' ? "\n.PP\n" : "\n", stdout);
            text += text[1] == '\n';
            line_start = true;
            continue;
        }
        if (line_start && (*text == '.' || *text == '\''))
            fputs("\\&", stdout);
        if (*text == '\\')
            fputs("\\e", stdout);
        else if (*text == '-')
            fputs("\\-", stdout);
        else if (*text == '\'')
            fputs("\\(aq", stdout);
        else
            putchar(*text);
        line_start = false;
    }
}

static void print_line(const char *text) {
    print_text(text);
    putchar('\n');
}

static void print_option(const option *o) {
    puts(".TP");
    if (o->letter)
        printf("\\fB\\-%c\\fR, ", o->letter);
    fputs("\\fB\\-\\-", stdout);
    print_text(o->name);
    fputs("\\fR", stdout);
    if (o->argument) {
        fputs(" \\fI", stdout);
        print_text(o->argument);
        fputs("\\fR", stdout);
    }
    putchar('\n');
    char text[OPTION_TEXT_MAX];
    describe_option(o, text);
    print_text(text);
    puts(".");
}

static void print_command(const command *c) {
    printf(".SS " PROGRAM " %s [OPTIONS]", c == &command_run ? "[run]" : c->name);
    if (c->operand.second)
        printf(c->operand.required ? " %s %s" : " [%s %s]", c->operand.name, c->operand.second);
    else if (c->operand.name)
        printf(c->operand.required ? " %s%s" : " [%s]%s", c->operand.name, c->operand.many ? " ..." : "");
    putchar('\n');
    print_line(c->description);
    for (const option *o = c->options; o->kind != OPTION_END; o++) {
        if (o->kind == OPTION_HEADING)
            printf(".PP\n.B %s\n", o->help);
        else if (is_shown(o))
            print_option(o);
    }
}

static void print_synopsis(void) {
    puts(".SH SYNOPSIS");
    for (const command *const *c = commands; *c; c++) {
        printf("%s.B " PROGRAM "\n", c == commands ? "" : ".br\n");
        printf(*c == &command_run ? "[\\fB%s\\fR] [\\fIOPTIONS\\fR]" : "\\fB%s\\fR [\\fIOPTIONS\\fR]", (*c)->name);
        if ((*c)->operand.second)
            printf((*c)->operand.required ? " \\fI%s\\fR \\fI%s\\fR" : " [\\fI%s\\fR \\fI%s\\fR]", (*c)->operand.name,
                   (*c)->operand.second);
        else if ((*c)->operand.name)
            printf((*c)->operand.required ? " \\fI%s\\fR%s" : " [\\fI%s\\fR]%s", (*c)->operand.name,
                   (*c)->operand.many ? " ..." : "");
        putchar('\n');
    }
}

static void print_pair(const char *tag, const char *text) {
    fputs(".TP\n\\fB", stdout);
    print_text(tag);
    fputs("\\fR\n", stdout);
    print_line(text);
}

static void print_example(const char *line, const char *text) {
    fputs(".PP\n", stdout);
    print_line(text);
    fputs(".PP\n.RS 4\n.nf\n", stdout);
    print_line(line);
    fputs(".fi\n.RE\n", stdout);
}

void print_manual(void) {
    char status[16];
    printf(".TH LORIS\\-CL 1 \"\" \"" PROGRAM " %s\" \"User Commands\"\n", loris_version());
    puts(".SH NAME\nloris\\-cl \\- watch a video and compose its soundtrack on any OpenCL device");
    print_synopsis();
    puts(".SH DESCRIPTION");
    print_line(command_run.description);
    puts(".PP");
    print_line("The first word names the command; without one it is 'run'. A file named like a command is given as "
               "'run FILE' or "
               "'./FILE'. Long options may be shortened as long as they stay unambiguous, their values written after "
               "'=' or as the "
               "next word. '--' ends the options.");
    puts(".SH COMMANDS AND OPTIONS");
    for (const command *const *c = commands; *c; c++)
        print_command(*c);
    puts(".SH EXIT STATUS");
    for (const exit_meaning *e = exit_meanings; e->meaning; e++) {
        snprintf(status, sizeof status, "%d", e->status);
        print_pair(status, e->meaning);
    }
    puts(".SH FILES");
    print_pair(LORIS_DATADIR "/models", "Installed models, one folder each.");
    print_pair("$XDG_CACHE_HOME/loris-cl, ~/.cache/loris-cl",
               "Compiled kernels, kept by device and driver; may be removed at any time. OpenCL drivers keep caches of "
               "their own.");
    print_pair("$XDG_STATE_HOME/loris-cl, ~/.local/state/loris-cl",
               "How the last run that failed ended, one line for 'loris-cl report'; may be removed at any time.");
    puts(".SH ENVIRONMENT");
    print_pair("TERM, NO_COLOR",
               "A terminal that is 'dumb' gets plain lines instead of a progress bar; NO_COLOR, not empty, no bold.");
    print_pair("OCL_ICD_VENDORS", "Where the OpenCL loader looks for drivers; see its own documentation.");
    puts(".SH EXAMPLES");
    print_example(PROGRAM " dance.mp4", "Give a video its soundtrack, dance-soundtrack.mp4:");
    print_example(PROGRAM " --style latin --seed 7 --keep-audio 0.5 --duck -o out.mkv dance.mp4",
                  "Choose the style, repeat an earlier piece, keep the video's own sound:");
    print_example(PROGRAM " --rhythm-out dance.json dance.mp4\n" PROGRAM " --rhythm dance.json dance.mp4",
                  "See what was seen, edit it, follow it:");
    print_example(PROGRAM " convert --dtype bf16 loris.pt loris.safetensors\n" PROGRAM " info loris.safetensors",
                  "Turn a published checkpoint into a model, and see what it is:");
    print_example(PROGRAM " devices\n" PROGRAM " verify --device 1", "Choose a device and check it:");
}
