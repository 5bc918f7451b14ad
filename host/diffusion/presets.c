#include "diffusion/presets.h"

#include <math.h>
#include <string.h>

/* Dance (AIST++), floor exercise and figure skating, in clips of 25 or 50 seconds. */
const preset presets[PRESET_COUNT] = {
    /* name, seconds, log2 of samples, Hz, steps, rows of video, poses, guidance, note */
    {"dance_s25", 25, 19, 22050, 50, 50, 400, 20, NULL},
    {"fe_s25", 25, 19, 22050, 100, 50, 400, 20, NULL},
    {"fe_s50", 50, 20, 22050, 50, 100, 800, 20, NULL},
    {"fs_s25", 25, 19, 22050, 50, 50, 400, 20, NULL},
    {"fs_s50", 50, 20, 22050, 50, 100, 800, 20,
     "preset fs_s50 is for 50 s, as its name says; its published file has 25 s of sound and video with 50 s of poses"},
};

loris_status preset_from_name(const char *name, const preset **out) {
    for (int i = 0; i < PRESET_COUNT; i++)
        if (!strcmp(name, presets[i].name)) {
            *out = &presets[i];
            return LORIS_OK;
        }
    return fail(LORIS_ERROR_ARGUMENT, "use dance_s25, fe_s25, fe_s50, fs_s25 or fs_s50", "there is no preset %s", name);
}

const preset *preset_for_tokens(int tokens) {
    int i = 0;
    while (i + 1 < PRESET_COUNT && presets[i].video_rows < tokens)
        i++;
    return presets[i].video_rows < tokens ? &presets[0] : &presets[i];
}

sampling_settings preset_sampling(const preset *p, double sigma_data) {
    return (sampling_settings){.sampler = SAMPLER_ADPM2,
                               .steps = p->steps,
                               .sigma_min = 1e-4,
                               .sigma_max = 3,
                               .rho = 9,
                               .sigma_data = sigma_data,
                               .guidance = p->guidance,
                               .guidance_high = HUGE_VAL,
                               .overlap = 1};
}
