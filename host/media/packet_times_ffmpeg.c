#include "media/packet_times.h"

#include <stdlib.h>

#include "core/worker.h"
#include "media/demux.h"

typedef struct order {
    packet_times *times;
    size_t capacity;
    size_t *shown; /* packets in the order they are shown */
    size_t shown_count;
    int64_t step, longest_gap; /* ticks a frame, and an hour */
} order;

/* Appends a packet's decoding time; pts = INT64_MIN marks a packet not yet seen on the screen. */
static loris_status append(order *o, int64_t dts) {
    packet_times *t = o->times;
    if (t->count == o->capacity) {
        o->capacity = o->capacity ? 2 * o->capacity : 1024;
        int64_t *p = realloc(t->pts, o->capacity * sizeof *p);
        t->pts = p ? p : t->pts;
        int64_t *d = realloc(t->dts, o->capacity * sizeof *d);
        t->dts = d ? d : t->dts;
        size_t *s = realloc(o->shown, o->capacity * sizeof *s);
        o->shown = s ? s : o->shown;
        if (!p || !d || !s)
            return fail_memory("times of packets");
    }
    /* Where a time is missing, runs backwards or is absurd, a frame has gone by. */
    int64_t last = t->count ? t->dts[t->count - 1] : -o->step;
    bool usable = dts != AV_NOPTS_VALUE && (t->count == 0 || dts > last) && dts < last + o->longest_gap;
    t->pts[t->count] = INT64_MIN;
    t->dts[t->count] = usable ? dts : last + o->step;
    t->count++;
    return LORIS_OK;
}

static void note_shown(order *o, const AVFrame *frame) {
    if (frame->pts < 0 || (size_t)frame->pts >= o->times->count || o->times->pts[frame->pts] != INT64_MIN)
        return;
    o->times->pts[frame->pts] = 0;
    o->shown[o->shown_count++] = (size_t)frame->pts;
}

/* Packets carry their number in place of a time; decoders hand it on to the frame. */
static loris_status decode_order(order *o, demux *d, decoder *c, AVFrame *frame) {
    for (bool end = false; !end;) {
        TRY(demux_read(d, c->packet, &end));
        if (!end) {
            loris_status status = append(o, c->packet->dts);
            c->packet->pts = (int64_t)o->times->count - 1;
            c->packet->dts = AV_NOPTS_VALUE;
            if (status == LORIS_OK)
                avcodec_send_packet(c->context, c->packet); /* a damaged packet is one that is never shown */
            av_packet_unref(c->packet);
            TRY(status);
        } else {
            avcodec_send_packet(c->context, NULL);
        }
        while (avcodec_receive_frame(c->context, frame) >= 0)
            note_shown(o, frame);
    }
    return LORIS_OK;
}

/* The k-th picture shown gets the k-th decoding time; then decoding is moved ahead until nothing is shown before it. */
static void assign(order *o) {
    packet_times *t = o->times;
    int64_t lag = 0;
    size_t k = 0;
    for (size_t i = 0; i < t->count && k < o->shown_count; i++)
        if (t->pts[i] != INT64_MIN)
            t->pts[o->shown[k++]] = t->dts[i];
    for (size_t i = 0; i < t->count; i++) {
        if (t->pts[i] == INT64_MIN)
            t->pts[i] = t->dts[i];
        lag = t->dts[i] - t->pts[i] > lag ? t->dts[i] - t->pts[i] : lag;
    }
    for (size_t i = 0; i < t->count; i++)
        t->dts[i] -= lag;
}

loris_status packet_times_find(packet_times *t, const char *path) {
    *t = (packet_times){0};
    demux d;
    TRY(demux_open_video(&d, path));
    loris_status status = LORIS_OK;
    decoder c = {0};
    AVRational rate = d.video->avg_frame_rate.num > 0 ? d.video->avg_frame_rate : (AVRational){25, 1};
    order o = {.times = t, .step = av_rescale_q(1, av_inv_q(rate), d.video->time_base)};
    o.longest_gap = av_rescale_q(3600, (AVRational){1, 1}, d.video->time_base);
    AVFrame *frame = av_frame_alloc();
    if (!frame) {
        status = fail_memory("a frame");
        goto done;
    }
    TRY_GOTO(decoder_open(&c, &d, d.video, worker_processors()));
    TRY_GOTO(decode_order(&o, &d, &c, frame));
    assign(&o);
done:
    av_frame_free(&frame);
    decoder_close(&c);
    demux_close(&d);
    free(o.shown);
    if (status != LORIS_OK)
        packet_times_free(t);
    return status;
}

void packet_times_free(packet_times *t) {
    free(t->pts);
    free(t->dts);
    *t = (packet_times){0};
}
