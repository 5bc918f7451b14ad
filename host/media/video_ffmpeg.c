/* Videos in: a thread decodes, scales and turns frames into a small ring, the caller takes them out. */
#include "media/video.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/worker.h"
#include "media/demux.h"
#include "media/frame_clock.h"
#include "media/picture.h"

enum { RING = 4, DECODE_THREADS_MAX = 8 };

typedef struct ring_slot {
    uint8_t *pixels;
    double time;
} ring_slot;

struct video {
    demux input;
    decoder decode;
    picture_scaler scaler;
    frame_clock clock; /* the thread's */
    video_info info;
    int width, height; /* delivered */
    bool exact;        /* info.duration is the pictures' own, not that of longer sound */

    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t filled, emptied;
    bool started; /* the thread runs or has run */

    /* Under the mutex. */
    ring_slot ring[RING];
    int head, count; /* slots head .. head + count - 1 (mod RING) hold frames; the caller may be reading the first */
    bool held;
    bool stop, finished;
    loris_status status; /* of the thread, once finished */
    error_record error;
    double end; /* seconds, once finished */
};

/* ---- what the stream says ---------------------------------------------------------------------------------------- */

/* From the stream, else from the file as a whole (which may hold longer sound), else from all packets. */
static loris_status find_duration(video *v) {
    const AVFormatContext *f = v->input.format;
    const AVStream *s = v->input.video;
    double unit = av_q2d(s->time_base), seconds = s->duration > 0 ? (double)s->duration * unit : 0;
    bool guessed = f->duration_estimation_method == AVFMT_DURATION_FROM_BITRATE;
    v->exact = seconds > 0 || !v->input.audio;
    if (!(seconds > 0) && f->duration > 0) {
        double start = s->start_time != AV_NOPTS_VALUE ? (double)s->start_time * unit : 0;
        seconds = (double)f->duration / AV_TIME_BASE;
        if (start > 0 && start < seconds)
            seconds -= start;
    }
    if (!(seconds > 0) || guessed)
        TRY(demux_measure(v->input.path, &seconds));
    if (!(seconds > 0) || !isfinite(seconds))
        return fail(LORIS_ERROR_INPUT, "is the file complete?", "%s: no frames in its video stream", v->input.path);
    v->info.duration = seconds;
    return LORIS_OK;
}

/* The size the video is shown at: square pixels, then upright. */
static loris_status find_size(video *v, orientation turn) {
    AVStream *s = v->input.video;
    AVRational aspect = av_guess_sample_aspect_ratio(v->input.format, s, NULL);
    double ratio = aspect.num > 0 && aspect.den > 0 ? av_q2d(aspect) : 1;
    double width = fmax(1, round(s->codecpar->width * ratio)), height = s->codecpar->height;
    if (width > VIDEO_LONGEST_SIDE)
        return fail(LORIS_ERROR_INPUT, "correct the video's pixel aspect ratio first",
                    "%s: shown %.0f pixels wide (pixel aspect %d:%d); at most %d a side", v->input.path, width,
                    aspect.num, aspect.den, VIDEO_LONGEST_SIDE);
    v->info.width = (int)(turn.transpose ? height : width);
    v->info.height = (int)(turn.transpose ? width : height);
    return LORIS_OK;
}

/* What frames are delivered as: the longer side at most `longest` (0 = as it is), or the shorter one exactly
 * `shortest`. */
typedef struct wanted_size {
    int longest, shortest;
} wanted_size;

static int scaled(int side, double scale) {
    return (int)fmin(VIDEO_LONGEST_SIDE, fmax(1, (double)lround(side * scale)));
}

static void find_delivered_size(video *v, wanted_size wanted) {
    const int width = v->info.width, height = v->info.height;
    const int longer = width > height ? width : height, shorter = width > height ? height : width;
    double scale = wanted.longest > 0 && wanted.longest < longer ? (double)wanted.longest / longer : 1;
    if (wanted.shortest > 0)
        scale = (double)wanted.shortest / shorter;
    v->width = scaled(width, scale);
    v->height = scaled(height, scale);
}

static loris_status read_info(video *v, orientation turn) {
    const AVStream *s = v->input.video;
    AVRational rate = s->avg_frame_rate.num > 0 && s->avg_frame_rate.den > 0 ? s->avg_frame_rate : s->r_frame_rate;
    v->info.frame_rate = rate.num > 0 && rate.den > 0 ? av_q2d(rate) : 0;
    v->info.has_audio = v->input.audio != NULL;
    v->info.rotation = orientation_degrees(turn);
    snprintf(v->info.codec, sizeof v->info.codec, "%s", avcodec_get_name(s->codecpar->codec_id));
    TRY(find_size(v, turn));
    return find_duration(v);
}

/* ---- the decoding thread ----------------------------------------------------------------------------------------- */

/* Waits for a free slot; NULL when the video is being closed. */
static ring_slot *claim_slot(video *v) {
    pthread_mutex_lock(&v->mutex);
    while (v->count == RING && !v->stop)
        pthread_cond_wait(&v->emptied, &v->mutex);
    ring_slot *slot = v->stop ? NULL : &v->ring[(v->head + v->count) % RING];
    pthread_mutex_unlock(&v->mutex);
    return slot;
}

static void publish_slot(video *v) {
    pthread_mutex_lock(&v->mutex);
    v->count++;
    pthread_cond_signal(&v->filled);
    pthread_mutex_unlock(&v->mutex);
}

static void warn_if_cut_short(const video *v) {
    double end = v->clock.end, wanted = v->info.duration;
    if (v->exact && v->clock.started && end < wanted - 1 && end < 0.98 * wanted)
        log_message(LORIS_LOG_WARNING, "%s: its video ends at %.1f s of %.1f s; is the file complete?", v->input.path,
                    end, wanted);
}

static loris_status decode_all(video *v) {
    loris_status status = LORIS_OK;
    bool end = false;
    AVFrame *frame = av_frame_alloc();
    if (!frame)
        return fail_memory("a frame");
    for (;;) {
        TRY_GOTO(decoder_next(&v->decode, frame, &end));
        ring_slot *slot = end ? NULL : claim_slot(v);
        if (!slot)
            break;
        TRY_GOTO(picture_scale(&v->scaler, frame, slot->pixels));
        slot->time = frame_clock_next(&v->clock, frame->best_effort_timestamp, frame_duration(frame));
        av_frame_unref(frame);
        publish_slot(v);
    }
    if (!v->clock.started && !atomic_load(&v->input.stop))
        status =
            fail(LORIS_ERROR_INPUT, "is the file complete?", "%s: no frame of the video can be decoded", v->input.path);
    else if (end && !atomic_load(&v->input.stop))
        warn_if_cut_short(v);
done:
    av_frame_free(&frame);
    return status;
}

static void *decode_thread(void *user) {
    video *v = user;
    loris_status status = decode_all(v);
    pthread_mutex_lock(&v->mutex);
    v->status = status;
    if (status != LORIS_OK)
        error_take(&v->error);
    v->end = v->clock.end;
    v->finished = true;
    pthread_cond_signal(&v->filled);
    pthread_mutex_unlock(&v->mutex);
    return NULL;
}

/* ---- the caller's side ------------------------------------------------------------------------------------------- */

static loris_status start(video *v, wanted_size wanted, video_pixels pixels) {
    orientation turn = orientation_of(stream_display_matrix(v->input.video));
    TRY(read_info(v, turn));
    find_delivered_size(v, wanted);
    TRY(picture_scaler_init(&v->scaler, turn, v->width, v->height, pixels));
    size_t bytes = (size_t)v->width * (size_t)v->height * (pixels == VIDEO_RGB ? 3 : 1);
    for (int i = 0; i < RING; i++)
        if (!(v->ring[i].pixels = malloc(bytes)))
            return fail_memory("decoded frames");
    int threads = worker_processors();
    TRY(decoder_open(&v->decode, &v->input, v->input.video,
                     threads < DECODE_THREADS_MAX ? threads : DECODE_THREADS_MAX));
    v->clock = frame_clock_begin(av_q2d(v->input.video->time_base), v->info.frame_rate,
                                 v->input.format->iformat->flags & AVFMT_TS_DISCONT);
    if (pthread_create(&v->thread, NULL, decode_thread, v) != 0)
        return fail(LORIS_ERROR_MEMORY, NULL, "no thread to decode %s on", v->input.path);
    v->started = true;
    return LORIS_OK;
}

static loris_status open_video(video **out, const char *path, wanted_size wanted, video_pixels pixels) {
    *out = NULL;
    video *v = calloc(1, sizeof *v);
    if (!v)
        return fail_memory("a video");
    pthread_mutex_init(&v->mutex, NULL);
    pthread_cond_init(&v->filled, NULL);
    pthread_cond_init(&v->emptied, NULL);
    loris_status status = demux_open_video(&v->input, path);
    if (status == LORIS_OK)
        status = start(v, wanted, pixels);
    if (status == LORIS_OK)
        *out = v;
    else
        video_close(v);
    return status;
}

loris_status video_open(video **out, const char *path, int longest, video_pixels pixels) {
    return open_video(out, path, (wanted_size){.longest = longest}, pixels);
}

loris_status video_open_covering(video **out, const char *path, int side, video_pixels pixels) {
    return open_video(out, path, (wanted_size){.shortest = side}, pixels);
}

void video_close(video *v) {
    if (!v)
        return;
    if (v->started) {
        atomic_store(&v->input.stop, true);
        pthread_mutex_lock(&v->mutex);
        v->stop = true;
        pthread_cond_signal(&v->emptied);
        pthread_mutex_unlock(&v->mutex);
        pthread_join(v->thread, NULL);
    }
    decoder_close(&v->decode);
    picture_scaler_free(&v->scaler);
    demux_close(&v->input);
    for (int i = 0; i < RING; i++)
        free(v->ring[i].pixels);
    pthread_cond_destroy(&v->emptied);
    pthread_cond_destroy(&v->filled);
    pthread_mutex_destroy(&v->mutex);
    free(v);
}

const video_info *video_get_info(const video *v) {
    return &v->info;
}

void video_frame_size(const video *v, int *width, int *height) {
    *width = v->width;
    *height = v->height;
}

/* Hands back the slot that the last call lent out, and waits for the next. */
static const ring_slot *next_slot(video *v) {
    if (v->held) {
        v->held = false;
        v->head = (v->head + 1) % RING;
        v->count--;
        pthread_cond_signal(&v->emptied);
    }
    while (v->count == 0 && !v->finished)
        pthread_cond_wait(&v->filled, &v->mutex);
    if (v->count == 0)
        return NULL;
    v->held = true;
    return &v->ring[v->head];
}

loris_status video_next(video *v, video_frame *out, bool *end) {
    TRY(check_cancelled());
    *end = false;
    pthread_mutex_lock(&v->mutex);
    const ring_slot *slot = next_slot(v);
    loris_status status = slot ? LORIS_OK : v->status;
    pthread_mutex_unlock(&v->mutex);
    if (slot) {
        *out = (video_frame){.time = slot->time, .pixels = slot->pixels, .width = v->width, .height = v->height};
        return LORIS_OK;
    }
    if (status != LORIS_OK)
        return error_put(&v->error);
    v->info.duration = v->end;
    *end = true;
    return LORIS_OK;
}
