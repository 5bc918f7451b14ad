/* Thumbnails show the frame of their time. */
#include "compare.h"

#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>

#include "make_video.h"
#include "media/jpeg.h"
#include "media/thumbnail.h"
#include "scratch.h"

/* Mean luma, 0..255. */
static double brightness(const thumbnail *t) {
    AVCodecContext *decoder = avcodec_alloc_context3(avcodec_find_decoder(AV_CODEC_ID_MJPEG));
    AVPacket *packet = av_packet_alloc();
    AVFrame *frame = av_frame_alloc();
    assert_true(decoder && packet && frame);
    assert_int_equal(avcodec_open2(decoder, NULL, NULL), 0);
    assert_int_equal(av_new_packet(packet, (int)t->size), 0);
    memcpy(packet->data, t->jpeg, t->size);
    assert_int_equal(avcodec_send_packet(decoder, packet), 0);
    assert_int_equal(avcodec_receive_frame(decoder, frame), 0);
    assert_int_equal(frame->width, t->width);
    assert_int_equal(frame->height, t->height);
    double sum = 0;
    for (int y = 0; y < frame->height; y++)
        for (int x = 0; x < frame->width; x++)
            sum += frame->data[0][y * frame->linesize[0] + x];
    sum /= (double)frame->width * frame->height;
    av_frame_free(&frame);
    av_packet_free(&packet);
    avcodec_free_context(&decoder);
    return sum;
}

static uint8_t brighter_each_frame(int x, int y, int frame) {
    (void)x;
    (void)y;
    return (uint8_t)(20 + 8 * frame);
}

/* Frames last 40 ms. */
static void frames_are_those_shown_at_the_time(void **state) {
    (void)state;
    static const double times[] = {0, 0.039, 0.041, 0.5, 0.5, 0.99, 7};
    static const int frame[] = {0, 0, 1, 12, 12, 24, 24};
    const char *path = scratch("brighter.mkv");
    thumbnail t[7] = {{0}};
    make_video(path, &(made_video){
                         .codec = "ffv1", .width = 120, .height = 67, .full_range = true, .luma = brighter_each_frame});
    assert_ok(thumbnails_take(t, times, 7, path, 61));
    for (int i = 0; i < 7; i++) {
        assert_int_equal(t[i].width, 61);
        assert_int_equal(t[i].height, 34);
        assert_float_equal(t[i].time, times[i], 0);
        assert_float_equal(brightness(&t[i]), 20 + 8 * frame[i],
                           2); /* half a step of quantisation of the mean is 1.6 */
    }
    thumbnails_free(t, 7);
    assert_null(t[0].jpeg);
}

static void no_times_need_no_frames(void **state) {
    (void)state;
    const char *path = scratch("one.mkv");
    make_video(path, &(made_video){.frames = 1});
    assert_ok(thumbnails_take(NULL, NULL, 0, path, 61));
    static const double late = 5;
    thumbnail t = {0};
    assert_ok(thumbnails_take(&t, &late, 1, path, 7));
    assert_true(t.size > 100);
    thumbnails_free(&t, 1);
    assert_fails(thumbnails_take(&t, &late, 1, scratch("missing.mkv"), 61), LORIS_ERROR_INPUT, "missing.mkv");
}

static void pictures_of_any_size_are_encoded_alike_each_time(void **state) {
    (void)state;
    static const int sizes[][2] = {{1, 1}, {7, 3}, {16, 16}, {31, 17}, {224, 126}};
    for (int i = 0; i < 5; i++) {
        int width = sizes[i][0], height = sizes[i][1];
        uint8_t *rgb = malloc(3 * (size_t)width * (size_t)height), *jpeg, *again;
        size_t size, size_again;
        assert_non_null(rgb);
        for (int k = 0; k < 3 * width * height; k++)
            rgb[k] = (uint8_t)(k * 5);
        assert_ok(jpeg_encode(&jpeg, &size, rgb, width, height));
        assert_ok(jpeg_encode(&again, &size_again, rgb, width, height));
        assert_int_equal(size, size_again);
        assert_memory_equal(jpeg, again, size);
        thumbnail t = {.width = width, .height = height, .jpeg = jpeg, .size = size};
        assert_true(brightness(&t) >= 0);
        free(rgb);
        free(jpeg);
        free(again);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_those_shown_at_the_time),
        cmocka_unit_test(no_times_need_no_frames),
        cmocka_unit_test(pictures_of_any_size_are_encoded_alike_each_time),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
