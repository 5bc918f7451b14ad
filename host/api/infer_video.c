/* A whole video with a model of clips: pieces that overlap, joined by fades. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/features.h"
#include "api/infer.h"
#include "api/pieces.h"
#include "core/file.h"
#include "diffusion/presets.h"
#include "eyes/actions.h"
#include "eyes/poses.h"
#include "media/audio.h"

enum { POSES_A_ROW = FEATURES_POSE_RATE / ACTIONS_RATE };
static const size_t LEAST_OVERLAP = ACTIONS_RATE; /* rows of I3D's features: a second */
static const double FADE_SECONDS = 1;

/* `rows` rows of `width`, the last one repeated where there are fewer. */
static float *extend(const float *from, size_t have, size_t rows, size_t width) {
    float *out = malloc(rows * width * sizeof *out);
    for (size_t r = 0; r < rows && out; r++)
        memcpy(out + r * width, from + (r < have ? r : have - 1) * width, width * sizeof *out);
    return out;
}

static loris_status write_joined(const infer_sounds *made, const pieces *l, double duration, const char *video,
                                 const char *output) {
    audio a = {.frames = (size_t)fmax(1, (double)llround(duration * made->rate)),
               .channels = made->channels,
               .rate = made->rate};
    const size_t most = l->rows * (size_t)made->rate / ACTIONS_RATE;
    if (a.frames > most)
        a.frames = most;
    a.samples = calloc(a.frames * (size_t)a.channels, sizeof *a.samples);
    if (!a.samples)
        return fail_memory("the sound");
    pieces_join(a.samples, a.frames, made->samples, (size_t)made->channels, l, (size_t)made->rate / ACTIONS_RATE,
                (size_t)(FADE_SECONDS * made->rate));
    const metadata_entry metadata[] = {{"comment", made->comment}, {"software", "loris-cl " LORIS_VERSION}};
    loris_status status = output_kind_of(output) == OUTPUT_AUDIO ? audio_write(&a, output, metadata, 2)
                                                                 : video_mux(video, &a, output, metadata, 2, 0);
    audio_free(&a);
    return status;
}

/* ---- the whole ----------------------------------------------------------------------------------------------------
 */

static infer_piece *cut(const pieces *l, const features *f, const float *action_rows, const float *pose_rows) {
    enum { POSE = JOINTS * FEATURES_POSE_CHANNELS };
    infer_piece *made = malloc(l->count * sizeof *made);
    for (size_t p = 0; p < l->count && made; p++) {
        const size_t start = pieces_start(l, p);
        made[p].actions = (infer_array){action_rows + start * (size_t)f->width, 2, {(int64_t)l->clip, f->width}};
        made[p].poses = (infer_array){pose_rows + start * POSES_A_ROW * POSE,
                                      3,
                                      {(int64_t)l->clip * POSES_A_ROW, JOINTS, FEATURES_POSE_CHANNELS}};
    }
    return made;
}

static loris_status check_output(const char *output) {
    output_file probe; /* an unwritable place is better known now than after the work */
    if (output_kind_of(output) == OUTPUT_UNKNOWN)
        return fail(LORIS_ERROR_ARGUMENT, "use .mp4 .mkv .mov for a video, .wav .flac .ogg for the sound alone",
                    "%s: the extension names no format that can be written", output);
    TRY(output_begin(&probe, output));
    output_discard(&probe);
    return LORIS_OK;
}

loris_status loris_infer_video(loris_engine *engine, const loris_infer_settings *settings, const loris_features *given,
                               int genre, const char *video, const char *output, loris_infer_report *report) {
    const features *f = &given->seen;
    const preset *p;
    float *action_rows = NULL, *pose_rows = NULL;
    infer_piece *clips = NULL;
    infer_sounds made = {0};
    loris_status status;
    TRY(check_output(output));
    TRY(infer_preset(settings, &p));
    const pieces l = pieces_lay_out(f->action_rows, (size_t)p->seconds * ACTIONS_RATE, LEAST_OVERLAP);
    action_rows = extend(f->actions, f->action_rows, l.rows, (size_t)f->width);
    pose_rows = extend(f->poses, f->pose_rows, l.rows * POSES_A_ROW, JOINTS * FEATURES_POSE_CHANNELS);
    clips = action_rows && pose_rows ? cut(&l, f, action_rows, pose_rows) : NULL;
    TRY_GOTO(clips ? LORIS_OK : fail_memory("the features"));
    if (l.count > 1)
        log_message(LORIS_LOG_INFO, "%s: %zu clips of %d s, joined by fades", video, l.count, p->seconds);
    TRY_GOTO(infer_pieces(engine, settings, clips, l.count, genre, video, &made, report));
    status = write_joined(&made, &l, f->duration, video, output);
done:
    free(made.samples);
    free(clips);
    free(action_rows);
    free(pose_rows);
    return status;
}
