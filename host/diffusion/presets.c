#include "diffusion/presets.h"

#include <math.h>
#include <string.h>

/* Dance (AIST++), floor exercise and figure skating, in clips of 25 or 50 seconds. */
const preset presets[PRESET_COUNT] = {
    {.name = "dance_s25", .seconds = 25, .log2_samples = 19, .rate = 22050, .steps = 50, .video_rows = 50, .poses = 400, .guidance = 20},
    {.name = "fe_s25", .seconds = 25, .log2_samples = 19, .rate = 22050, .steps = 100, .video_rows = 50, .poses = 400, .guidance = 20},
    {.name = "fe_s50", .seconds = 50, .log2_samples = 20, .rate = 22050, .steps = 50, .video_rows = 100, .poses = 800, .guidance = 20},
    {.name = "fs_s25", .seconds = 25, .log2_samples = 19, .rate = 22050, .steps = 50, .video_rows = 50, .poses = 400, .guidance = 20},
    {.name = "fs_s50", .seconds = 50, .log2_samples = 20, .rate = 22050, .steps = 50, .video_rows = 100, .poses = 800, .guidance = 20,
     .note = "preset fs_s50 is for 50 s, as its name says; its published file has 25 s of sound and video with 50 s of poses"},
};

loris_status preset_from_name(const char *name, const preset **out) {
    for (int i = 0; i < PRESET_COUNT; i++)
        if (!strcmp(name, presets[i].name)) {
            *out = &presets[i];
            return LORIS_OK;
        }
    return fail(LORIS_ERROR_ARGUMENT, "use dance_s25, fe_s25, fe_s50, fs_s25 or fs_s50", "there is no preset %s", name);
}

sampling_settings preset_sampling(const preset *p, double sigma_data) {
    return (sampling_settings){.sampler = SAMPLER_ADPM2, .steps = p->steps, .sigma_min = 1e-4, .sigma_max = 3, .rho = 9,
                               .sigma_data = sigma_data, .guidance = p->guidance, .guidance_high = HUGE_VAL, .overlap = 1};
}
