#include "api/outline.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/engine.h"
#include "diffusion/bands.h"
#include "diffusion/context.h"
#include "diffusion/presets.h"
#include "nets/flow.h"
#include "nets/i3d.h"
#include "nets/movenet.h"
#include "nets/synthetic.h"

static const double LORIS_SIGMA_DATA = 0.1;
enum { FRAMES_AT_A_TIME = 32 };

/* A model without sampling settings of its own is planned as LORIS is sampled: with its guidance where it has tokens.
 */
loris_status outline_model(compute *c, const model *m, const weights *w, text *out) {
    const unet_config *u = &m->unet;
    sampling_settings settings = preset_sampling(&presets[0], m->sigma_data);
    int hop = unet_hop(u, u->levels), rows = ((1 << presets[0].log2_samples) + hop - 1) / hop * hop;
    if (m->has_bands) {
        TRY(bands_sampling(m, &settings));
        rows = settings.window;
    } else if (!u->embedding_features)
        settings.guidance = 1;
    const clip_conditioning counts = {.rows = rows,
                                      .token_count = u->embedding_max_length,
                                      .peak_count = u->rhythm_max_length -
                                                    2}; /* two poses make a movement, two of those its change */
    const sampling_request request = {
        .compute = c, .weights = w, .unet = u, .settings = &settings, .rows = rows, .conditioning = &counts};
    text_printf(out, "%d rows of %d channels in a window\n", rows, u->in_channels);
    return sampler_outline(&request, out);
}

loris_status outline_loris(compute *c, bool genre, text *out) {
    const preset *published = &presets[0];
    model m = {.unet = unet_config_loris(), .sigma_data = LORIS_SIGMA_DATA};
    weights *w = NULL;
    m.unet.genre = genre;
    TRY(weights_new_generated(&w, c, synthetic_weight)); /* of which drafts ask for names and shapes only */
    loris_status status = outline_model(c, &m, w, out);
    if (status == LORIS_OK)
        status = encode_video_outline(c, w, &m.unet, published->video_rows, out);
    weights_free(w);
    return status;
}

loris_status outline_flow(compute *c, int width, int height, text *out) {
    return flow_net_outline(c, width, height, FRAMES_AT_A_TIME, out);
}

loris_status outline_movenets(compute *c, int width, int height, text *out) {
    static const movenet_config kinds[] = {{"movenet-lightning", 192, 1}, {"movenet-thunder", 256, 1.75}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        TRY(movenet_outline(c, &kinds[i], width, height, out));
    return LORIS_OK;
}

/* Networks that see know themselves by their "kind"; *taken when it was one of them. Frames are those that poses are
 * looked for in when the video is 16:9. */
static loris_status outline_eyes(compute *c, const char *path, text *out, bool *taken) {
    enum { WIDTH = 640, HEIGHT = 360 };
    arena *memory = arena_new();
    safetensors *file = NULL;
    const json *config;
    const char *where, *inside = memory ? model_path(memory, path) : NULL;
    movenet_config eyes;
    loris_status status;
    TRY_GOTO(inside ? safetensors_open(&file, inside) : fail_memory("a model"));
    TRY_GOTO(model_configuration(&config, &where, memory, file));
    const json *kind = json_get(config, "kind");
    const bool seen = kind && kind->type == JSON_STRING, actions = seen && !strcmp(kind->string, "i3d");
    *taken = movenet_is(config) || actions;
    if (actions)
        TRY_GOTO(i3d_outline(c, path, out));
    else if (*taken) {
        TRY_GOTO(movenet_config_read(&eyes, config, where));
        TRY_GOTO(movenet_outline(c, &eyes, WIDTH, HEIGHT, out));
    }
done:
    safetensors_close(file);
    arena_free(memory);
    return status;
}

loris_status loris_model_plan(loris_engine *engine, const char *path, char **plan_text) {
    model *m = NULL;
    weights *w = NULL;
    text out = {0};
    loris_status status;
    bool eyes = false;
    TRY_GOTO(outline_eyes(engine->compute, path, &out, &eyes));
    if (!eyes)
        TRY_GOTO(model_open(&m, path));
    if (!eyes)
        TRY_GOTO(weights_new(&w, engine->compute, m->file, m->prefix));
    if (!eyes)
        TRY_GOTO(outline_model(engine->compute, m, w, &out));
    *plan_text = out.data;
    out.data = NULL;
done:
    text_free(&out);
    weights_free(w);
    model_close(m);
    return status;
}
