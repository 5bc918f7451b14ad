/* Completion for bash, zsh and fish, from the same tables as everything else. */
#include <string.h>

#include "cli.h"

static bool is_file(const option *o) {
    return o->kind == OPTION_FILE;
}

static bool is_folder(const option *o) {
    return o->kind == OPTION_FOLDER;
}

static bool is_chosen(const option *o) {
    return o->words != NULL;
}

static bool is_free(const option *o) {
    return takes_value(o) && !is_file(o) && !is_folder(o) && !is_chosen(o);
}

static void print_words(const option_word *words) {
    for (const option_word *w = words; w->name; w++)
        printf("%s%s", w == words ? "" : " ", w->name);
}

static void print_command_names(const char *separator) {
    for (const command *const *c = commands; *c; c++)
        printf("%s%s", c == commands ? "" : separator, (*c)->name);
}

/* ---- bash -------------------------------------------------------------------------------------------------------- */

/* "run:-o | run:--output", the case patterns of an option as the previous word */
static void print_patterns(const command *c, const option *o) {
    if (o->letter)
        printf("%s:-%c | ", c->name, o->letter);
    printf("%s:--%s", c->name, o->name);
}

/* One branch for all options whose value is of a kind. */
static void print_bash_values(bool (*of_kind)(const option *), const char *action) {
    bool first = true;
    for (const command *const *c = commands; *c; c++) {
        for (const option *o = (*c)->options; o->kind != OPTION_END; o++) {
            if (!is_shown(o) || !takes_value(o) || !of_kind(o))
                continue;
            fputs(first ? "    " : " | ", stdout);
            print_patterns(*c, o);
            first = false;
        }
    }
    printf(")\n        %s\n        return\n        ;;\n", action);
}

static void print_bash_choices(void) {
    for (const command *const *c = commands; *c; c++) {
        for (const option *o = (*c)->options; o->kind != OPTION_END; o++) {
            if (!is_shown(o) || !is_chosen(o))
                continue;
            fputs("    ", stdout);
            print_patterns(*c, o);
            fputs(") _loris_cl_words \"", stdout);
            print_words(o->words);
            puts("\"; return ;;");
        }
    }
}

static void print_option_names(const command *c) {
    const char *separator = "";
    for (const option *o = c->options; o->kind != OPTION_END; o++) {
        if (!is_shown(o))
            continue;
        printf("%s--%s", separator, o->name);
        separator = " ";
    }
}

static void print_bash_options(void) {
    for (const command *const *c = commands; *c; c++) {
        printf("    %s:-*) _loris_cl_words \"", (*c)->name);
        print_option_names(*c);
        puts("\" ;;");
    }
}

static void print_bash_operands(void) {
    for (const command *const *c = commands; *c; c++) {
        if (!(*c)->operand.name)
            continue;
        printf("    %s:*) ", (*c)->name);
        if ((*c)->operand.kind == OPTION_WORD) {
            fputs("_loris_cl_words \"", stdout);
            print_command_names(" ");
            puts("\" ;;");
        } else {
            puts((*c)->operand.kind == OPTION_FOLDER ? "_loris_cl_files -d ;;" : "_loris_cl_files -f ;;");
        }
    }
}

static void print_bash(void) {
    puts("_loris_cl_words() { mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$cur\"); }\n"
         "_loris_cl_files() {\n"
         "    compopt -o filenames\n"
         "    mapfile -t -O \"${#COMPREPLY[@]}\" COMPREPLY < <(compgen \"$1\" -- \"$cur\")\n"
         "}\n"
         "_loris_cl() {\n"
         "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command=run\n"
         "    COMPREPLY=()\n"
         "    # bash splits --option=value into three words\n"
         "    if [[ $cur == '=' ]]; then\n"
         "        cur=\n"
         "    elif [[ $prev == '=' && $COMP_CWORD -gt 2 ]]; then\n"
         "        prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
         "    fi\n"
         "    if [[ $COMP_CWORD -gt 1 ]]; then\n"
         "        case ${COMP_WORDS[1]} in");
    fputs("        ", stdout);
    print_command_names(" | ");
    puts(") command=${COMP_WORDS[1]} ;;\n"
         "        esac\n"
         "    fi\n"
         "    case $command:$prev in");
    print_bash_choices();
    print_bash_values(is_file, "_loris_cl_files -f");
    print_bash_values(is_folder, "_loris_cl_files -d");
    print_bash_values(is_free, ":");
    puts("    esac");
    fputs("    [[ $COMP_CWORD -eq 1 && $cur != -* ]] && _loris_cl_words \"", stdout);
    print_command_names(" ");
    puts("\"\n    case $command:$cur in");
    print_bash_options();
    print_bash_operands();
    puts("    esac\n"
         "}\n"
         "complete -F _loris_cl " PROGRAM);
}

/* ---- zsh --------------------------------------------------------------------------------------------------------- */

/* Inside single quotes and an _arguments specification. */
static void print_zsh_text(const char *text) {
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", stdout);
        else if (strchr("[]:\\", *text))
            printf("\\%c", *text);
        else
            putchar(*text);
    }
}

static void print_zsh_action(const option *o) {
    if (!takes_value(o))
        return;
    fputs(":", stdout);
    print_zsh_text(o->argument);
    fputs(":", stdout);
    if (is_file(o)) {
        fputs("_files", stdout);
    } else if (is_folder(o)) {
        fputs("_files -/", stdout);
    } else if (is_chosen(o)) {
        fputs("(", stdout);
        print_words(o->words);
        fputs(")", stdout);
    }
}

static void print_zsh_option(const option *o) {
    const char *value = takes_value(o) ? "=" : "";
    if (o->letter)
        printf("        '(-%c --%s)'{-%c%s,--%s%s}'[", o->letter, o->name, o->letter, takes_value(o) ? "+" : "",
               o->name, value);
    else
        printf("        '--%s%s[", o->name, value);
    print_zsh_text(o->help);
    fputs("]", stdout);
    print_zsh_action(o);
    puts("' \\");
}

static void print_zsh_command(const command *c) {
    printf("    %s)\n        _arguments -s -S \\\n", c->name);
    for (const option *o = c->options; o->kind != OPTION_END; o++)
        if (is_shown(o))
            print_zsh_option(o);
    if (!c->operand.name) {
        puts("        ;;");
        return;
    }
    printf("        '%s:%s:", c->operand.many ? "*" : "1", c->operand.name);
    if (c->operand.kind == OPTION_WORD) {
        fputs("(", stdout);
        print_command_names(" ");
        puts(")'");
    } else {
        printf(c->operand.kind == OPTION_FOLDER ? "_files -/'" : "_files'");
        puts(c->operand.second ? " \\" : "");
    }
    if (c->operand.second)
        printf("        '2:%s:_files'\n", c->operand.second);
    puts("        ;;");
}

static void print_zsh(void) {
    puts("_loris_cl() {\n"
         "    local command=run\n"
         "    local -a commands=(");
    for (const command *const *c = commands; *c; c++) {
        printf("        '%s:", (*c)->name);
        print_zsh_text((*c)->summary);
        puts("'");
    }
    fputs("    )\n"
          "    (( CURRENT == 2 )) && [[ $words[2] != -* ]] && _describe command commands\n"
          "    if (( CURRENT > 2 )) && [[ $words[2] == (",
          stdout);
    print_command_names("|");
    puts(") ]]; then\n"
         "        command=$words[2]\n"
         "        shift words\n"
         "        (( CURRENT-- ))\n"
         "    fi\n"
         "    case $command in");
    for (const command *const *c = commands; *c; c++)
        print_zsh_command(*c);
    puts("    esac\n"
         "}\n"
         "_loris_cl \"$@\"");
}

/* ---- fish -------------------------------------------------------------------------------------------------------- */

static void print_fish_text(const char *text) {
    putchar('\'');
    for (; *text; text++)
        printf(*text == '\'' || *text == '\\' ? "\\%c" : "%c", *text);
    putchar('\'');
}

static void print_fish_condition(const command *c) {
    if (c != &command_run) {
        printf(" -n '__fish_seen_subcommand_from %s'", c->name);
        return;
    }
    fputs(" -n 'not __fish_seen_subcommand_from", stdout);
    for (const command *const *other = commands; *other; other++)
        if (*other != &command_run)
            printf(" %s", (*other)->name);
    putchar('\'');
}

static void print_fish_option(const command *c, const option *o) {
    fputs("complete -c " PROGRAM, stdout);
    print_fish_condition(c);
    if (o->letter)
        printf(" -s %c", o->letter);
    printf(" -l %s", o->name);
    if (is_chosen(o)) {
        fputs(" -x -a '", stdout);
        print_words(o->words);
        putchar('\'');
    } else if (is_folder(o)) {
        fputs(" -x -a '(__fish_complete_directories)'", stdout);
    } else if (is_file(o)) {
        fputs(" -r -F", stdout);
    } else if (takes_value(o)) {
        fputs(" -x", stdout);
    }
    fputs(" -d ", stdout);
    print_fish_text(o->help);
    putchar('\n');
}

static void print_fish_operand(const command *c) {
    if (!c->operand.name)
        return;
    fputs("complete -c " PROGRAM, stdout);
    print_fish_condition(c);
    if (c->operand.kind == OPTION_WORD) {
        fputs(" -a '", stdout);
        print_command_names(" ");
        puts("'");
    } else {
        puts(c->operand.kind == OPTION_FOLDER ? " -a '(__fish_complete_directories)'" : " -F");
    }
}

static void print_fish(void) {
    puts("complete -c " PROGRAM " -f");
    for (const command *const *c = commands; *c; c++) {
        printf("complete -c " PROGRAM " -n __fish_use_subcommand -a %s -d ", (*c)->name);
        print_fish_text((*c)->summary);
        putchar('\n');
    }
    for (const command *const *c = commands; *c; c++) {
        for (const option *o = (*c)->options; o->kind != OPTION_END; o++)
            if (is_shown(o))
                print_fish_option(*c, o);
        print_fish_operand(*c);
    }
}

void print_completion(const char *shell) {
    static const char origin[] = "# Completion of " PROGRAM ", written by its 'help --completion'.";
    if (strcmp(shell, "bash") == 0) {
        puts(origin);
        print_bash();
    } else if (strcmp(shell, "zsh") == 0) {
        printf("#compdef " PROGRAM "\n%s\n", origin);
        print_zsh();
    } else {
        puts(origin);
        print_fish();
    }
}
