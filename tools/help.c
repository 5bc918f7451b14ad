/* loris-cl help, and --help of every command. */
#include <string.h>

#include "cli.h"

enum { WIDTH = 80, HELP_COLUMN = 26 };

typedef struct help_arguments {
    bool manual;
    const char *completion;
} help_arguments;

static int run(int argc, char **argv);

static const option_word shells[] = {{"bash", 0}, {"zsh", 0}, {"fish", 0}, {NULL, 0}};

/* The build asks for what it installs. */
static const option options[] = {{.kind = OPTION_FLAG,
                                  .name = "man",
                                  .field = offsetof(help_arguments, manual),
                                  .hidden = true,
                                  .help = "print the manual page"},
                                 {.kind = OPTION_WORD,
                                  .name = "completion",
                                  .argument = "SHELL",
                                  .field = offsetof(help_arguments, completion),
                                  .words = shells,
                                  .hidden = true,
                                  .help = "print a shell's completion"},
                                 OPTIONS_STANDARD};

const command command_help = {.name = "help",
                              .summary = "explain a command",
                              .description =
                                  "Explains a command and its options; without COMMAND, the main one, 'run'.",
                              .options = options,
                              .operand = {.name = "COMMAND", .kind = OPTION_WORD},
                              .run = run};

/* ---- text in columns --------------------------------------------------------------------------------------------- */

/* Prints text from `column` on, broken at spaces before WIDTH, further lines indented; '\n' in the text is kept. Ends
 * the line. */
static void print_wrapped(const char *text, int column, int indent) {
    while (*text) {
        if (*text == '\n') {
            printf("\n%*s", indent, "");
            column = indent;
            text++;
            continue;
        }
        text += strspn(text, " ");
        int length = (int)strcspn(text, " \n");
        bool first = column <= indent;
        if (!first && column + 1 + length > WIDTH) {
            printf("\n%*s", indent, "");
            column = indent;
            first = true;
        }
        printf("%s%.*s", first ? "" : " ", length, text);
        column += length + !first;
        text += length;
    }
    putchar('\n');
}

static void print_option(const option *o) {
    char left[96], right[OPTION_TEXT_MAX];
    int used = snprintf(left, sizeof left, o->letter ? "  -%c, " : "      ", o->letter);
    snprintf(left + used, sizeof left - (size_t)used, "--%s%s%s", o->name, o->argument ? " " : "",
             o->argument ? o->argument : "");
    describe_option(o, right);
    int column = (int)strlen(left);
    fputs(left, stdout);
    if (column > HELP_COLUMN - 2) {
        putchar('\n');
        column = 0;
    }
    printf("%*s", HELP_COLUMN - column, "");
    print_wrapped(right, HELP_COLUMN, HELP_COLUMN);
}

static void print_usage(const command *c) {
    printf("Usage: " PROGRAM " %s [OPTIONS]", c == &command_run ? "[run]" : c->name);
    if (c->operand.second)
        printf(c->operand.required ? " %s %s" : " [%s %s]", c->operand.name, c->operand.second);
    else if (c->operand.name)
        printf(c->operand.required ? " %s%s" : " [%s]%s", c->operand.name, c->operand.many ? " ..." : "");
    putchar('\n');
}

static void print_commands(void) {
    puts("\nOther commands:");
    for (const command *const *c = commands; *c; c++)
        if (*c != &command_run)
            printf("  %-*s%s\n", HELP_COLUMN - 2, (*c)->name, (*c)->summary);
    puts("\nA file named like a command is given as 'run FILE' or './FILE'.\n\nExit status:");
    for (const exit_meaning *e = exit_meanings; e->meaning; e++) {
        printf("  %-*d", HELP_COLUMN - 2, e->status);
        print_wrapped(e->meaning, HELP_COLUMN, HELP_COLUMN);
    }
}

void print_help(const command *c) {
    print_usage(c);
    putchar('\n');
    print_wrapped(c->description, 0, 0);
    if (c->options->kind != OPTION_HEADING)
        puts("\nOptions:");
    for (const option *o = c->options; o->kind != OPTION_END; o++) {
        if (o->kind == OPTION_HEADING)
            printf("\n%s:\n", o->help);
        else if (is_shown(o))
            print_option(o);
    }
    if (c == &command_run)
        print_commands();
}

/* ---- the command ------------------------------------------------------------------------------------------------- */

static int complain_unknown(const char *name) {
    const char *candidates[COMMANDS_MAX + 1];
    char hint[160] = "commands: ";
    size_t count = 0, used = strlen(hint);
    for (const command *const *c = commands; *c; c++) {
        candidates[count] = (*c)->name;
        used += (size_t)snprintf(hint + used, sizeof hint - used, "%s%s", count++ ? ", " : "", (*c)->name);
    }
    candidates[count] = NULL;
    const char *near = suggest(name, candidates);
    if (near)
        snprintf(hint, sizeof hint, "did you mean %s?", near);
    return complain(EXIT_USAGE, hint, "there is no command '%s'", name);
}

static int run(int argc, char **argv) {
    help_arguments arguments = {0};
    const char *name;
    int status;
    if (!parse_options(&command_help, argc, argv, &arguments, &name, &status))
        return status;
    const command *c = name ? command_named(name) : &command_run;
    if (!c)
        return complain_unknown(name);
    if (arguments.manual)
        print_manual();
    else if (arguments.completion)
        print_completion(arguments.completion);
    else
        print_help(c);
    return EXIT_DONE;
}
