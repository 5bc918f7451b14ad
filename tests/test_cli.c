/* The program around its work: options, help, manual page, completion, devices, verify. What it does to videos is in
 * test_cli_run_ffmpeg.c. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compare.h"
#include "core/json.h"
#include "diffusion/schedule.h"
#include "music/score.h"
#include "scratch.h"
#include "spawned.h"
#include "wrong_kernels.h"

static const char *const commands[] = {"run",  "rhythm",  "infer", "convert", "info",   "devices", "verify", "bench",
                                       "plan", "profile", "tune",  "doctor",  "report", "version", "help"};
enum { COMMANDS = sizeof commands / sizeof *commands };

static void run_line(spawned *s, const char *line, const spawn_settings *settings) {
    spawn_line(s, LORIS_PROGRAM, line, settings);
}

static void assert_one_line(const char *said) {
    const char *end = strchr(said, '\n');
    assert_non_null(end);
    if (end[1])
        fail_msg("more than one line: %s", said);
    assert_int_equal(strncmp(said, "loris-cl: ", 10), 0);
}

/* ---- wrong command lines ----------------------------------------------------------------------------------------- */

static void test_wrong_command_lines(void **state) {
    (void)state;
    static const struct {
        const char *line, *wanted;
    } cases[] = {
        {"", "VIDEO"},
        {"run", "VIDEO"},
        {"--", "VIDEO"},
        {"--stlye pop v", "did you mean --style?"},
        {"--nonsense v", "unknown option --nonsense"},
        {"--frobnicate=3 v", "unknown option --frobnicate"},
        {"-z v", "unknown option -z"},
        {"-qz v", "unknown option -z"},
        {"--s 1 v", "--seed"},
        {"--s 1 v", "--steps"},
        {"v -o", "--output FILE"},
        {"v --seed", "--seed N"},
        {"--quiet=yes v", "takes no value"},
        {"--seed -1 v", "18446744073709551615"},
        {"--seed 18446744073709551616 v", "18446744073709551616"},
        {"--seed 1e3 v", "1e3"},
        {"--seed= v", "--seed"},
        {"--takes 1 v", "2 to 16"},
        {"--takes 17 v", "2 to 16"},
        {"--steps 1 v", "2 to 1000"},
        {"--steps 2.5 v", "2.5"},
        {"--steps 1001 v", "1001"},
        {"--bpm 29.9 v", "auto, free or 30 to 300"},
        {"--bpm nan v", "nan"},
        {"--bpm fre v", "did you mean free?"},
        {"--guidance -1 v", "-1"},
        {"--guidance inf v", "inf"},
        {"--keep-audio 4.1 v", "0 to 4"},
        {"--keep-audio 1x v", "1x"},
        {"--score maybe v", "on or off"},
        {"--style lattin v", "did you mean latin?"},
        {"--sampler euler v", "aeuler"},
        {"--backend blas v", "clblast"},
        {"--precision half v", "bf16"},
        {"--duck v", "--keep-audio"},
        {"rhythm a b", "more than one VIDEO"},
        {"devices extra", "extra"},
        {"devices --seed 3", "--seed"},
        {"verify a b", "more than one DIR"},
        {"help vrify", "did you mean verify?"},
        {"version -o x", "-o"},
        {"convert", "missing argument: CHECKPOINT"},
        {"convert a.pt", "missing argument: MODEL.safetensors"},
        {"convert a.pt b.safetensors c", "unexpected argument: 'c'"},
        {"convert --dtype f8 a.pt b.safetensors", "f16 or bf16"},
        {"convert --dtype", "--dtype TYPE"},
        {"info", "missing argument: MODEL"},
        {"info a b", "more than one MODEL"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        spawned s;
        run_line(&s, cases[i].line, &(spawn_settings){.folder = scratch("")});
        if (s.status != 2)
            fail_msg("'%s' ended with %d: %s", cases[i].line, s.status, s.err);
        assert_one_line(s.err);
        assert_contains(s.err, cases[i].wanted);
        assert_string_equal(s.out, "");
        spawn_free(&s);
    }
    assert_int_equal(scratch_count(), 0);
}

/* An option's value is read the same however it is attached; that it was read shows in the error about the video. */
static void test_ways_to_write_options(void **state) {
    (void)state;
    static const char *const lines[] = {"-o out.mp4 none.mp4",
                                        "-oout.mp4 none.mp4",
                                        "--output out.mp4 none.mp4",
                                        "--output=out.mp4 none.mp4",
                                        "--outp=out.mp4 none.mp4",
                                        "none.mp4 -qoout.mp4",
                                        "run none.mp4 --seed 18446744073709551615",
                                        "-q -- none.mp4",
                                        "-qv --bpm free none.mp4"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        spawned s;
        run_line(&s, lines[i], &(spawn_settings){.folder = scratch("")});
        assert_string_equal(s.err, "loris-cl: none.mp4: no such file; check the path\n");
        assert_int_equal(s.status, 3);
        spawn_free(&s);
    }
}

static void test_names_like_commands_and_options(void **state) {
    (void)state;
    static const char *const lines[] = {"run devices", "./devices", "-- devices", "-- -v", "run -- --help"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        spawned s;
        run_line(&s, lines[i], &(spawn_settings){.folder = scratch("")});
        assert_int_equal(s.status, 3);
        assert_one_line(s.err);
        assert_contains(s.err, "no such file");
        spawn_free(&s);
    }
    spawned s;
    run_line(&s, "device", &(spawn_settings){.folder = scratch("")});
    assert_int_equal(s.status, 3);
    assert_contains(s.err, "did you mean the command 'loris-cl devices'?");
    spawn_free(&s);
}

/* ---- help -------------------------------------------------------------------------------------------------------- */

static void assert_fits_80_columns(const char *said) {
    for (; *said; said += strcspn(said, "\n"), said += *said == '\n')
        if (strcspn(said, "\n") > 80)
            fail_msg("wider than 80 columns: %.200s", said);
}

static void test_help_of_every_command(void **state) {
    (void)state;
    for (int i = 0; i < COMMANDS; i++) {
        spawned s, again;
        char line[64];
        snprintf(line, sizeof line, "help %s", commands[i]);
        run_line(&s, line, NULL);
        assert_int_equal(s.status, 0);
        assert_string_equal(s.err, "");
        assert_contains(s.out, i == 0 ? "Usage: loris-cl [run]" : "Usage: loris-cl ");
        assert_contains(s.out, "--help");
        assert_fits_80_columns(s.out);
        snprintf(line, sizeof line, "%s --help", commands[i]);
        run_line(&again, line, NULL);
        assert_int_equal(again.status, 0);
        assert_string_equal(again.out, s.out);
        spawn_free(&s);
        spawn_free(&again);
    }
}

static void test_main_help_names_everything(void **state) {
    (void)state;
    spawned s, main_help, bare;
    run_line(&s, "help run", NULL);
    run_line(&main_help, "--help", NULL);
    run_line(&bare, "help", NULL);
    assert_string_equal(main_help.out, s.out);
    assert_string_equal(bare.out, s.out);
    for (int i = 1; i < COMMANDS; i++)
        assert_contains(s.out, commands[i]);
    /* The tables of the program and the library's own names must not drift apart. */
    for (int i = 0; i < STYLE_COUNT; i++)
        assert_contains(s.out, style_name((style)i));
    for (int i = 0; i < SAMPLER_COUNT; i++)
        assert_contains(s.out, sampler_name((sampler_kind)i));
    spawn_free(&s);
    spawn_free(&main_help);
    spawn_free(&bare);
}

static void test_version(void **state) {
    (void)state;
    static const char *const lines[] = {"--version", "version", "run --version", "devices --version"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        spawned s;
        run_line(&s, lines[i], NULL);
        assert_int_equal(s.status, 0);
        assert_string_equal(s.out, "loris-cl " LORIS_VERSION "\n");
        assert_string_equal(s.err, "");
        spawn_free(&s);
    }
}

static void test_a_full_standard_output_is_an_error(void **state) {
    (void)state;
    spawned s;
    run_line(&s, "help", &(spawn_settings){.out = "/dev/full"});
    assert_int_equal(s.status, 5);
    assert_one_line(s.err);
    spawn_free(&s);
}

/* ---- manual page and completion ---------------------------------------------------------------------------------- */

static bool there(const char *program) {
    spawned s;
    spawn_run(&s, (const char *const[]){"sh", "-c", "command -v \"$0\"", program, NULL}, NULL);
    bool found = s.status == 0;
    spawn_free(&s);
    return found;
}

/* Every line that starts with '.' is one of the macros the page uses; groff, where there is one, finds nothing wrong.
 */
static void test_manual_page(void **state) {
    (void)state;
    static const char *const macros[] = {".TH ",  ".SH ",    ".SS ",  ".TP\n", ".PP\n", ".B ",
                                         ".br\n", ".RS 4\n", ".RE\n", ".nf\n", ".fi\n"};
    spawned s, checked;
    run_line(&s, "help --man", NULL);
    assert_int_equal(s.status, 0);
    assert_int_equal(strncmp(s.out, ".TH LORIS\\-CL 1 ", 16), 0);
    for (const char *line = s.out; *line; line = strchr(line, '\n') + 1) {
        bool known = *line != '.' && *line != '\'';
        for (size_t i = 0; i < sizeof macros / sizeof *macros; i++)
            known = known || strncmp(line, macros[i], strlen(macros[i])) == 0;
        if (!known)
            fail_msg("not a macro of man(7): %.60s", line);
    }
    static const char *const sections[] = {"NAME",  "SYNOPSIS",    "DESCRIPTION", "EXIT STATUS",
                                           "FILES", "ENVIRONMENT", "EXAMPLES"};
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        assert_contains(s.out, sections[i]);
    const char *page = scratch_file("loris-cl.1", s.out, strlen(s.out));
    if (there("groff")) {
        spawn_run(&checked, (const char *const[]){"groff", "-man", "-Tascii", "-ww", page, NULL}, NULL);
        assert_int_equal(checked.status, 0);
        assert_string_equal(checked.err, "");
        assert_contains(checked.out, "latin");
        spawn_free(&checked);
    }
    spawn_free(&s);
    assert_int_equal(unlink(page), 0);
}

static void test_completion_is_valid(void **state) {
    (void)state;
    static const char *const shells[] = {"bash", "zsh", "fish"};
    for (int i = 0; i < 3; i++) {
        spawned s, checked;
        char line[64];
        snprintf(line, sizeof line, "help --completion %s", shells[i]);
        run_line(&s, line, NULL);
        assert_int_equal(s.status, 0);
        assert_contains(s.out, "keep-audio");
        const char *script = scratch_file(shells[i], s.out, strlen(s.out));
        if (there(shells[i])) {
            spawn_run(&checked, (const char *const[]){shells[i], "-n", script, NULL}, NULL);
            assert_int_equal(checked.status, 0);
            assert_string_equal(checked.err, "");
            spawn_free(&checked);
        }
        assert_int_equal(unlink(script), 0);
        spawn_free(&s);
    }
}

/* What bash offers behind a line. */
static void test_completion_completes(void **state) {
    (void)state;
    static const struct {
        const char *line, *offered;
    } cases[] = {{"--sty", "--style"},       {"--style lat", "latin"}, {"--style = lat", "latin"}, {"verif", "verify"},
                 {"verify --dum", "--dump"}, {"help dev", "devices"},  {"--keep-audio 1", ""}};
    static const char call[] =
        "compopt() { :; }; source \"$1\"; COMP_WORDS=(loris-cl $2); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); "
        "_loris_cl; echo \"${COMPREPLY[*]}\"";
    spawned s, offered;
    run_line(&s, "help --completion bash", NULL);
    const char *script = scratch_file("completion", s.out, strlen(s.out));
    spawn_free(&s);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const argv[] = {"bash", "-c", call, "bash", script, cases[i].line, NULL};
        spawn_run(&offered, argv, &(spawn_settings){.folder = scratch("")});
        offered.out[strcspn(offered.out, "\n")] = '\0';
        assert_string_equal(offered.out, cases[i].offered);
        spawn_free(&offered);
    }
    assert_int_equal(unlink(script), 0);
}

/* ---- devices and verify ------------------------------------------------------------------------------------------ */

static void test_devices(void **state) {
    (void)state;
    spawned s;
    run_line(&s, "devices", NULL);
    assert_int_equal(s.status, 0);
    assert_contains(s.out, "units");
    assert_contains(s.out, "\n* ");
    spawn_free(&s);

    run_line(&s, "devices --json", NULL);
    assert_int_equal(s.status, 0);
    arena *a = arena_new();
    const json *list;
    assert_ok(json_parse(&list, a, s.out, strlen(s.out), "devices"));
    assert_int_equal(list->type, JSON_ARRAY);
    assert_true(list->count > 0);
    int defaults = 0;
    for (size_t i = 0; i < list->count; i++) {
        double index;
        assert_ok(json_need_number(&list->item[i], "index", 0, 1000, &index, "devices"));
        assert_int_equal((int)index, i);
        assert_non_null(json_get(&list->item[i], "name"));
        defaults += json_get(&list->item[i], "default")->type == JSON_TRUE;
    }
    assert_int_equal(defaults, 1);
    arena_free(a);
    spawn_free(&s);
}

static void test_no_device(void **state) {
    (void)state;
    char nowhere[1024];
    snprintf(nowhere, sizeof nowhere, "OCL_ICD_VENDORS=%s/", scratch(""));
    static const char *const lines[] = {"devices", "devices --json", "verify"};
    for (size_t i = 0; i < 3; i++) {
        spawned s;
        run_line(&s, lines[i], &(spawn_settings){.environment = (const char *const[]){nowhere, NULL}});
        assert_int_equal(s.status, 4);
        assert_one_line(s.err);
        assert_contains(s.err, "pocl-opencl-icd");
        assert_string_equal(s.out, "");
        spawn_free(&s);
    }
}

static void test_devices_examined(void **state) {
    (void)state;
    spawned s;
    char cache[1024];
    snprintf(cache, sizeof cache, "XDG_CACHE_HOME=%s", scratch("cache"));
    run_line(&s, "devices -v -d 0 --json", &(spawn_settings){.environment = (const char *const[]){cache, NULL}});
    assert_int_equal(s.status, 0);
    assert_string_equal(s.err, "");
    arena *a = arena_new();
    const json *list, *findings;
    assert_ok(json_parse(&list, a, s.out, strlen(s.out), "devices"));
    assert_int_equal(list->count, 1);
    assert_ok(json_need_array(&list->item[0], "findings", &findings, "devices"));
    int answers = 0;
    for (size_t i = 0; i < findings->count; i++) {
        const char *topic, *found;
        assert_ok(json_need_string(&findings->item[i], "topic", &topic, "devices"));
        assert_ok(json_need_string(&findings->item[i], "state", &found, "devices"));
        answers += !strcmp(topic, "known answer") && !strcmp(found, "good");
    }
    assert_int_equal(answers, 2);
    arena_free(a);
    spawn_free(&s);
}

/* An empty list, explained: what the doctor says, and that scripts can tell by its status. */
static void test_the_doctor(void **state) {
    (void)state;
    char nowhere[1024], line[1100];
    spawned s;
    snprintf(nowhere, sizeof nowhere, "OCL_ICD_VENDORS=%s/", scratch(""));
    const spawn_settings settings = {.environment = (const char *const[]){nowhere, NULL}};
    snprintf(line, sizeof line, "doctor --root %s", scratch(""));
    run_line(&s, line, &settings);
    assert_int_equal(s.status, 4);
    assert_string_equal(s.err, "");
    assert_contains(s.out, "! ICD files");
    assert_contains(s.out, "OCL_ICD_VENDORS");
    assert_contains(s.out, "pocl-opencl-icd");
    spawn_free(&s);
    run_line(&s, "doctor --json", NULL);
    assert_int_equal(s.status, 0);
    arena *a = arena_new();
    const json *list;
    assert_ok(json_parse(&list, a, s.out, strlen(s.out), "doctor"));
    assert_true(list->count >= 5);
    arena_free(a);
    spawn_free(&s);
}

/* A report names neither who runs it nor where. */
static void test_a_bug_report(void **state) {
    (void)state;
    char cache[1024], home[1024], host[256], line[1200], state_home[1024];
    size_t size;
    spawned s;
    snprintf(state_home, sizeof state_home, "XDG_STATE_HOME=%s/state", scratch(""));
    snprintf(cache, sizeof cache, "XDG_CACHE_HOME=%s", scratch("cache"));
    snprintf(home, sizeof home, "HOME=%s", scratch(""));
    const spawn_settings settings = {.environment = (const char *const[]){cache, home, state_home, NULL}};
    snprintf(line, sizeof line, "info %s", scratch("not-there.safetensors"));
    run_line(&s, line, &settings);
    assert_int_equal(s.status, 3);
    spawn_free(&s);
    run_line(&s, "info --no-such-option", &settings); /* a slip of the keyboard is no failure to report */
    assert_int_equal(s.status, 2);
    spawn_free(&s);
    snprintf(line, sizeof line, "report -o %s", scratch("report.txt"));
    run_line(&s, line, &settings);
    assert_int_equal(s.status, 0);
    spawn_free(&s);
    char *said = scratch_read(scratch("report.txt"), &size);
    said = realloc(said, size + 1);
    said[size] = '\0';
    static const char *const parts[] = {"loris-cl 0.",  "build ",           "processor ",
                                        "known answer", "+ evaluation",     "doctor",
                                        "drivers",      "model      bands", "exit status 3: ~/not-there.safetensors"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        assert_contains(said, parts[i]);
    assert_null(strstr(said, scratch("")));
    assert_int_equal(gethostname(host, sizeof host), 0);
    for (const char *at = said; strcmp(host, "localhost") && (at = strstr(at, host)); at++) /* not as a word */
        assert_true(isalnum((unsigned char)at[-1]) || isalnum((unsigned char)at[strlen(host)]));
    free(said);

    /* ... not even where a variable tells it */
    char vendors[1100];
    snprintf(vendors, sizeof vendors, "OPENCL_VENDOR_PATH=%s/vendors", scratch(""));
    run_line(&s, "report --json",
             &(spawn_settings){.environment = (const char *const[]){cache, home, state_home, vendors, NULL}});
    assert_int_equal(s.status, 0);
    assert_contains(s.out, "~/vendors");
    assert_null(strstr(s.out, scratch("")));
    arena *a = arena_new();
    const json *report, *doctor;
    assert_ok(json_parse(&report, a, s.out, strlen(s.out), "report"));
    assert_ok(json_need_array(report, "doctor", &doctor, "report"));
    assert_true(doctor->count > 3);
    assert_contains(s.out, "\"last_error\": \"20");
    arena_free(a);
    spawn_free(&s);
    run_line(&s, "report -o /no/such/folder/report.txt", &settings);
    assert_int_equal(s.status, 5);
    spawn_free(&s);
}

/* One device against itself: they agree, unless one has other kernels. */
static void test_verify_against_a_device(void **state) {
    (void)state;
    char cache[1024], line[1400];
    spawned s;
    snprintf(cache, sizeof cache, "XDG_CACHE_HOME=%s", scratch("cache"));
    const spawn_settings settings = {.environment = (const char *const[]){cache, NULL}};
    run_line(&s, "verify --against 0 --model " LORIS_TEST_DATA "/unet/channels", &settings);
    assert_int_equal(s.status, 0);
    assert_contains(s.out, "nodes agree");
    spawn_free(&s);
    snprintf(line, sizeof line, "verify --against 0 --kernels-dir %s --model %s/unet/channels", wrong_silu("silu"),
             LORIS_TEST_DATA);
    run_line(&s, line, &settings);
    assert_int_equal(s.status, 1);
    assert_contains(s.err, "the first: ");
    assert_contains(s.err, "variant");
    assert_contains(s.out, "allowed");
    spawn_free(&s);
    run_line(&s, "verify --against 99", &settings);
    assert_int_equal(s.status, 4);
    spawn_free(&s);
    run_line(&s, "verify --against 0 no-such-video.mp4", &settings);
    assert_int_equal(s.status, 3);
    spawn_free(&s);
}

static void test_verify_knows_the_device(void **state) {
    (void)state;
    spawned s;
    char cache[1024];
    snprintf(cache, sizeof cache, "XDG_CACHE_HOME=%s", scratch("cache"));
    const spawn_settings settings = {.environment = (const char *const[]){cache, NULL}};
    run_line(&s, "verify --json", &settings);
    assert_int_equal(s.status, 0);
    assert_string_equal(s.err, "");
    arena *a = arena_new();
    const json *list;
    assert_ok(json_parse(&list, a, s.out, strlen(s.out), "verify"));
    assert_int_equal(list->type, JSON_ARRAY);
    assert_true(list->count > 0);
    for (size_t i = 0; i < list->count; i++) {
        const json *q = &list->item[i];
        static const char *const numbers[] = {"max_abs_error", "scale", "tolerance"};
        double value;
        assert_int_equal(q->count, 6);
        assert_int_equal(json_get(q, "quantity")->type, JSON_STRING);
        assert_int_equal(json_get(q, "precision")->type, JSON_STRING);
        for (int k = 0; k < 3; k++)
            assert_ok(json_need_number(q, numbers[k], 0, 1e30, &value, "verify"));
        assert_int_equal(json_get(q, "pass")->type, JSON_TRUE);
    }
    arena_free(a);
    spawn_free(&s);

    run_line(&s, "verify", &settings);
    assert_int_equal(s.status, 0);
    assert_contains(s.out, "quantity");
    spawn_free(&s);

    run_line(&s, "verify -q", &settings);
    assert_int_equal(s.status, 0);
    assert_string_equal(s.out, "");
    assert_string_equal(s.err, "");
    spawn_free(&s);
}

static void test_verify_of_what_is_no_folder(void **state) {
    (void)state;
    static const struct {
        const char *line;
        int status;
    } cases[] = {{"verify nowhere", 3}, {"verify .", 3}, {"verify --model nothing", 3}, {"verify -d 99", 4}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        spawned s;
        run_line(&s, cases[i].line, &(spawn_settings){.folder = scratch("")});
        assert_int_equal(s.status, cases[i].status);
        assert_one_line(s.err);
        assert_string_equal(s.out, "");
        spawn_free(&s);
    }
}

/* ---- convert and info -------------------------------------------------------------------------------------------- */

#define CHECKPOINTS LORIS_TEST_DATA "/checkpoints/"

static void test_convert_and_info(void **state) {
    (void)state;
    spawned s;
    const char *const folder = scratch("");
    scratch_write(scratch("heads.json"), "{\"attention_heads\": 2}", 22);
    run_line(&s, "convert --dtype bf16 --config heads.json " CHECKPOINTS "loris.pt model.safetensors",
             &(spawn_settings){.folder = folder});
    assert_int_equal(s.status, 0);
    assert_contains(s.out, "model.safetensors: 0.041 M parameters in 348 tensors");
    spawn_free(&s);
    run_line(&s, "convert --json model.safetensors again.safetensors", &(spawn_settings){.folder = folder});
    assert_int_equal(s.status, 0);
    assert_string_equal(s.err, "");
    arena *memory = arena_new();
    const json *root;
    assert_ok(json_parse(&root, memory, s.out, strlen(s.out), "convert"));
    assert_true(json_get(root, "tensors")->number == 348);
    spawn_free(&s);

    run_line(&s, "info --tensors model.safetensors", &(spawn_settings){.folder = folder});
    assert_int_equal(s.status, 0);
    assert_contains(s.out, "loris: waveform from video features and movement");
    assert_contains(s.out, "0.041 M in 348 tensors of bf16, f32");
    assert_contains(s.out, "\"attention_heads\": 2");
    assert_contains(s.out, "bf16  cond_diffusion.unet.to_mapping.0.weight [32, 32]");
    assert_contains(s.out, "f32   cond_diffusion.unet.to_mapping.0.bias [32]");
    spawn_free(&s);
    run_line(&s, "info --plan " LORIS_MODELS "/base", NULL);
    assert_int_equal(s.status, 0);
    assert_contains(s.out, "1024 rows of 176 channels in a window");
    assert_contains(s.out, "\nguided network: "); /* memory, nodes, GFLOP; then a line a node */
    assert_contains(s.out, "to_in.module_list.0.block.block1.project");
    spawn_free(&s);

    run_line(&s, "info --plan " LORIS_MODELS "/movenet-lightning", NULL);
    assert_int_equal(s.status, 0);
    assert_contains(s.out, "joints of a person in pictures");
    assert_contains(s.out, "blocks.16.project");
    spawn_free(&s);

    run_line(&s, "info --json " CHECKPOINTS "genre.pt", NULL);
    assert_int_equal(s.status, 0);
    assert_ok(json_parse(&root, memory, s.out, strlen(s.out), "info"));
    assert_string_equal(json_get(root, "kind")->string, "loris-genre");
    arena_free(memory);
    spawn_free(&s);
    unlink(scratch("model.safetensors"));
    unlink(scratch("again.safetensors"));
    unlink(scratch("heads.json"));
}

static void test_convert_of_bad_files(void **state) {
    (void)state;
    static const struct {
        const char *line, *wanted;
        int status;
    } cases[] = {
        {"convert none.pt out.safetensors", "none.pt: No such file", 3},
        {"convert bad.pt out.safetensors", "bad.pt: byte 2: pickle opcode GLOBAL names os.system", 3},
        {"convert " CHECKPOINTS "mixed.pt out.safetensors", "holds no U-Net", 3},
        {"convert " CHECKPOINTS "loris.pt out.safetensors", "in how many heads the tensors do not tell", 3},
        {"convert --config none.json " CHECKPOINTS "loris.pt out.safetensors", "none.json", 3},
        {"info bad.pt", "os.system", 3},
        {"info nothing", "there is no model 'nothing'", 3},
    };
    static const char bad[] = "\x80\x02"
                              "cos\nsystem\n(U\x02lstR.";
    scratch_write(scratch("bad.pt"), bad, sizeof bad - 1);
    size_t files = scratch_count();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        spawned s;
        run_line(&s, cases[i].line, &(spawn_settings){.folder = scratch("")});
        if (s.status != cases[i].status)
            fail_msg("'%s' ended with %d: %s", cases[i].line, s.status, s.err);
        assert_one_line(s.err);
        assert_contains(s.err, cases[i].wanted);
        assert_string_equal(s.out, "");
        spawn_free(&s);
    }
    assert_int_equal(scratch_count(), files);
    unlink(scratch("bad.pt"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong_command_lines),
        cmocka_unit_test(test_ways_to_write_options),
        cmocka_unit_test(test_names_like_commands_and_options),
        cmocka_unit_test(test_help_of_every_command),
        cmocka_unit_test(test_main_help_names_everything),
        cmocka_unit_test(test_version),
        cmocka_unit_test(test_a_full_standard_output_is_an_error),
        cmocka_unit_test(test_manual_page),
        cmocka_unit_test(test_completion_is_valid),
        cmocka_unit_test(test_completion_completes),
        cmocka_unit_test(test_devices),
        cmocka_unit_test(test_no_device),
        cmocka_unit_test(test_devices_examined),
        cmocka_unit_test(test_the_doctor),
        cmocka_unit_test(test_a_bug_report),
        cmocka_unit_test(test_verify_against_a_device),
        cmocka_unit_test(test_verify_knows_the_device),
        cmocka_unit_test(test_verify_of_what_is_no_folder),
        cmocka_unit_test(test_convert_and_info),
        cmocka_unit_test(test_convert_of_bad_files),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
