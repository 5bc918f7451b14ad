/* Sound files, loudness, and mixing. */
#include "compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <signal.h>
#include <sndfile.h>

#include "media/audio.h"
#include "scratch.h"

static const double pi = 3.14159265358979323846;

static audio new_audio(size_t frames, int channels, int rate) {
    audio a = {.samples = calloc(frames * (size_t)channels + 1, sizeof(float)),
               .frames = frames,
               .channels = channels,
               .rate = rate};
    assert_non_null(a.samples);
    return a;
}

static audio sine(double seconds, int channels, int rate, double frequency, double amplitude, double phase) {
    audio a = new_audio((size_t)(seconds * rate), channels, rate);
    for (size_t i = 0; i < a.frames; i++)
        for (int c = 0; c < channels; c++)
            a.samples[i * (size_t)channels + (size_t)c] =
                (float)(amplitude * sin(2 * pi * frequency * (double)i / rate + phase));
    return a;
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

static void kinds_by_extension(void **state) {
    (void)state;
    assert_int_equal(output_kind_of("a.wav"), OUTPUT_AUDIO);
    assert_int_equal(output_kind_of("folder.mp4/a.FLAC"), OUTPUT_AUDIO);
    assert_int_equal(output_kind_of("a.ogg"), OUTPUT_AUDIO);
    assert_int_equal(output_kind_of("a.b.MP4"), OUTPUT_VIDEO);
    assert_int_equal(output_kind_of("a.mkv"), OUTPUT_VIDEO);
    assert_int_equal(output_kind_of("a.mov"), OUTPUT_VIDEO);
    assert_int_equal(output_kind_of("folder.mp4/a"), OUTPUT_UNKNOWN);
    assert_int_equal(output_kind_of("a.avi"), OUTPUT_UNKNOWN);
    assert_int_equal(output_kind_of(""), OUTPUT_UNKNOWN);
}

static const metadata_entry metadata[] = {
    {"title", "A title"}, {"seed", "42"}, {"comment", "by hand"}, {"software", "loris-cl"}};

static double signal_to_noise(const float *got, const float *want, size_t count) {
    double signal = 0, noise = 1e-20;
    for (size_t i = 0; i < count; i++) {
        signal += (double)want[i] * want[i];
        noise += pow((double)got[i] - want[i], 2);
    }
    return 10 * log10(signal / noise);
}

static void files_hold_what_was_written(void **state) {
    (void)state;
    static const char *const name[] = {"a.wav", "a.flac", "a.ogg"};
    static const size_t lengths[] = {1, 4099, 22050};
    for (int n = 0; n < 3; n++)
        for (int channels = 1; channels <= 2; channels++)
            for (int l = 0; l < 3; l++) {
                audio a = new_audio(lengths[l], channels, 44100);
                for (size_t i = 0; i < a.frames * (size_t)channels; i++)
                    a.samples[i] = 0.5f * sinf(0.03f * (float)i);
                assert_ok(audio_write(&a, scratch(name[n]), metadata, 4));
                SF_INFO info = {0};
                SNDFILE *file = sf_open(scratch(name[n]), SFM_READ, &info);
                assert_non_null(file);
                assert_int_equal(info.frames, a.frames);
                assert_int_equal(info.channels, channels);
                assert_int_equal(info.samplerate, 44100);
                if (n < 2)
                    assert_int_equal(info.format & SF_FORMAT_SUBMASK, SF_FORMAT_PCM_24);
                assert_string_equal(sf_get_string(file, SF_STR_TITLE), "A title");
                assert_string_equal(sf_get_string(file, SF_STR_COMMENT), "seed=42; by hand");
                assert_non_null(strstr(sf_get_string(file, SF_STR_SOFTWARE), "loris-cl"));
                float *got = calloc(a.frames * (size_t)channels, sizeof *got);
                assert_non_null(got);
                assert_int_equal(sf_readf_float(file, got, info.frames), info.frames);
                if (n < 2) /* 24 bits: half a step of 2^-23, and the scale of 2^23 - 1 against 2^23 */
                    assert_arrays_close(got, a.samples, a.frames * (size_t)channels, 1.5 / (1 << 23));
                else if (a.frames > 1) /* Vorbis codes what is heard: 30 dB still tell a wrong scale (4 %) or a shift */
                    assert_true(signal_to_noise(got, a.samples, a.frames * (size_t)channels) > 30);
                free(got);
                sf_close(file);
                audio_free(&a);
            }
}

static void samples_beyond_the_range_are_clipped(void **state) {
    (void)state;
    static const float in[] = {1, -1, 1.5f, -1.5f, 1e30f, INFINITY, -INFINITY, 0};
    static const float want[] = {1, -1, 1, -1, 1, 1, -1, 0};
    audio a = new_audio(8, 1, 48000);
    memcpy(a.samples, in, sizeof in);
    for (int n = 0; n < 2; n++) {
        const char *path = scratch(n ? "clip.flac" : "clip.wav");
        assert_ok(audio_write(&a, path, NULL, 0));
        SF_INFO info = {0};
        SNDFILE *file = sf_open(path, SFM_READ, &info);
        assert_non_null(file);
        float got[8];
        assert_int_equal(sf_read_float(file, got, 8), 8);
        sf_close(file);
        assert_arrays_close(got, want, 8, 1.5 / (1 << 23));
    }
    audio_free(&a);
}

static void unwritable_outputs_leave_nothing(void **state) {
    (void)state;
    audio a = sine(0.5, 2, 48000, 440, 0.5, 0);
    size_t before = scratch_count();
    assert_fails(audio_write(&a, scratch("none/a.wav"), NULL, 0), LORIS_ERROR_OUTPUT, "none");
    assert_fails(audio_write(&a, scratch("a.mp3"), NULL, 0), LORIS_ERROR_ARGUMENT, "a.mp3");
    a.samples[5000] = NAN;
    assert_fails(audio_write(&a, scratch("nan.wav"), NULL, 0), LORIS_ERROR_INTERNAL, "5000");
    a.samples[5000] = 0;
    a.channels = 0;
    assert_fails(audio_write(&a, scratch("zero.wav"), NULL, 0), LORIS_ERROR_ARGUMENT, NULL);
    a.channels = 2;
    loris_cancel();
    assert_fails(audio_write(&a, scratch("cancelled.wav"), NULL, 0), LORIS_CANCELLED, NULL);
    loris_resume();
    assert_int_equal(scratch_count(), before);
    audio_free(&a);
}

static void full_disk_keeps_the_old_file(void **state) {
    (void)state;
    static const char *const name[] = {"full.wav", "full.flac", "full.ogg"};
    audio a = new_audio(48000 * 4, 2, 48000);
    for (size_t i = 0; i < a.frames * 2; i++)
        a.samples[i] = (float)((i * 2654435761u & 0xffff) / 65536.0 - 0.5); /* noise: does not compress to nothing */
    struct rlimit old, low;
    getrlimit(RLIMIT_FSIZE, &old);
    low = (struct rlimit){20000, old.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    for (int n = 0; n < 3; n++) {
        scratch_write(scratch(name[n]), "old", 3);
        size_t before = scratch_count(), size;
        setrlimit(RLIMIT_FSIZE, &low);
        loris_status status = audio_write(&a, scratch(name[n]), NULL, 0);
        setrlimit(RLIMIT_FSIZE, &old);
        assert_int_equal(status, LORIS_ERROR_OUTPUT);
        assert_int_equal(scratch_count(), before);
        char *kept = scratch_read(scratch(name[n]), &size);
        assert_int_equal(size, 3);
        assert_memory_equal(kept, "old", 3);
        free(kept);
    }
    audio_free(&a);
}

/* ---- loudness ---------------------------------------------------------------------------------------------------- */

static void loudness_of_known_tones(void **state) {
    (void)state;
    double lufs, peak;
    /* EBU Tech 3341, case 1: 1 kHz in both channels at -23 dBFS is -23.0 LUFS +-0.1. */
    audio a = sine(10, 2, 48000, 1000, pow(10, -23 / 20.0), 0);
    assert_ok(audio_loudness(&a, &lufs, &peak));
    assert_float_equal(lufs, -23, 0.1);
    assert_float_equal(peak, -23, 0.2);
    audio_free(&a);
    /* Case 15 of its true-peak tests: fs/4 at 0.5, sampled at 45 degrees: -6.0 dBTP +0.2 -0.4, though no sample is
     * above -9. */
    a = sine(1, 2, 48000, 12000, 0.5, pi / 4);
    assert_ok(audio_loudness(&a, &lufs, &peak));
    assert_float_equal(peak, -6.1, 0.3);
    audio_free(&a);
    a = new_audio(48000, 2, 48000);
    assert_ok(audio_loudness(&a, &lufs, &peak));
    assert_true(lufs == -HUGE_VAL && peak == -HUGE_VAL);
    audio_free(&a);
    a = (audio){.channels = 2, .rate = 48000};
    assert_ok(audio_loudness(&a, &lufs, &peak));
    assert_true(lufs == -HUGE_VAL && peak == -HUGE_VAL);
    a.channels = 0;
    assert_fails(audio_loudness(&a, &lufs, &peak), LORIS_ERROR_ARGUMENT, NULL);
}

static void normalising_reaches_the_target_or_the_peak(void **state) {
    (void)state;
    double gain, lufs, peak;
    audio a = sine(5, 2, 32000, 1000, 0.02, 0);
    assert_ok(audio_normalise(&a, -16, -1, &gain));
    assert_ok(audio_loudness(&a, &lufs, &peak));
    assert_float_equal(lufs, -16, 0.01);
    assert_float_equal(gain, -16 - 20 * log10(0.02), 0.1);
    /* A click that leaves no room: the peak wins. */
    a.samples[2 * 16000] = 0.9f;
    a.samples[2 * 16000 + 1] = 0.9f;
    assert_ok(audio_normalise(&a, -10, -1, &gain));
    assert_ok(audio_loudness(&a, &lufs, &peak));
    assert_float_equal(peak, -1, 0.01);
    assert_true(lufs < -10);
    audio_free(&a);
    a = new_audio(48000, 1, 48000); /* silence stays so */
    assert_ok(audio_normalise(&a, -16, -1, &gain));
    assert_float_equal(gain, 0, 0);
    audio_free(&a);
    a = sine(0.1, 1, 48000, 1000, 1.4, 0); /* shorter than a block of loudness: only the peak counts */
    assert_ok(audio_normalise(&a, -16, -1, &gain));
    assert_ok(audio_loudness(&a, &lufs, &peak));
    assert_float_equal(peak, -1, 0.01);
    audio_free(&a);
}

/* ---- mixing ------------------------------------------------------------------------------------------------------ */

static void mixing_adds(void **state) {
    (void)state;
    audio a = sine(0.1, 2, 32000, 440, 0.2, 0), b = sine(0.05, 2, 32000, 300, 0.3, 0),
          c = sine(0.1, 2, 32000, 440, 0.2, 0);
    assert_ok(audio_mix_original(&a, &b, 0.5, false));
    for (size_t i = 0; i < b.frames * 2; i++)
        c.samples[i] += 0.5f * b.samples[i];
    assert_arrays_close(a.samples, c.samples, a.frames * 2, 1e-7);
    b.rate = 48000;
    assert_fails(audio_mix_original(&a, &b, 1, false), LORIS_ERROR_ARGUMENT, NULL);
    b.frames = 0; /* no original: nothing to do */
    assert_ok(audio_mix_original(&a, &b, 1, true));
    assert_arrays_close(a.samples, c.samples, a.frames * 2, 1e-7);
    audio_free(&a);
    audio_free(&b);
    audio_free(&c);
}

/* The gain that ducking applies, read off a constant 1: the original itself is added with gain 0. */
static audio ducked_by(const audio *original, double seconds) {
    audio a = new_audio((size_t)(seconds * original->rate), original->channels, original->rate);
    for (size_t i = 0; i < a.frames * (size_t)a.channels; i++)
        a.samples[i] = 1;
    assert_ok(audio_mix_original(&a, original, 0, true));
    return a;
}

static float at(const audio *a, double seconds) {
    return a->samples[(size_t)(seconds * a->rate) * (size_t)a->channels];
}

static void speech_lowers_the_soundtrack_without_clicks(void **state) {
    (void)state;
    /* 1 kHz in syllables of 4 a second, from 1 to 3 s of 6. */
    audio speech = sine(3, 2, 48000, 1000, 0.1, 0);
    for (size_t i = 0; i < speech.frames * 2; i++) {
        double t = (double)(i / 2) / 48000;
        speech.samples[i] *= t < 1 ? 0 : (float)(0.5 - 0.5 * cos(2 * pi * 4 * t));
    }
    audio gain = ducked_by(&speech, 6);
    double low = pow(10, -12 / 20.0);
    assert_float_equal(at(&gain, 0.5), 1, 1e-6);
    for (double t = 1.4; t < 2.9; t += 0.01)
        assert_in_range((int)(1000 * at(&gain, t)), (int)(1000 * low) - 1,
                        400); /* -12 dB, not above -8 between syllables */
    assert_float_equal(at(&gain, 5.9), 1, 0.01);
    /* Steepest: 12 dB within the 50 ms of attack, 240 dB/s, is 27.6 of gain 1 a second. */
    for (size_t i = 2; i < gain.frames * 2; i++)
        assert_true(fabsf(gain.samples[i] - gain.samples[i - 2]) < 1.05 * 27.6 / 48000);
    audio_free(&gain);
    audio_free(&speech);
}

static void other_sounds_do_not(void **state) {
    (void)state;
    static const double frequency[] = {60, 9000};
    for (int i = 0; i < 2; i++) {
        audio rumble = sine(2, 1, 32000, frequency[i], 0.3, 0), gain = ducked_by(&rumble, 2);
        for (double t = 0.2; t < 1.9; t += 0.01)
            assert_float_equal(at(&gain, t), 1, 0.01);
        audio_free(&gain);
        audio_free(&rumble);
    }
    audio hiss = sine(2, 1, 32000, 1000, 1e-4, 0), gain = ducked_by(&hiss, 2); /* -83 dBFS: near silence */
    assert_float_equal(at(&gain, 1), 1, 1e-6);
    audio_free(&gain);
    audio_free(&hiss);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_by_extension),
        cmocka_unit_test(files_hold_what_was_written),
        cmocka_unit_test(samples_beyond_the_range_are_clipped),
        cmocka_unit_test(unwritable_outputs_leave_nothing),
        cmocka_unit_test(full_disk_keeps_the_old_file),
        cmocka_unit_test(loudness_of_known_tones),
        cmocka_unit_test(normalising_reaches_the_target_or_the_peak),
        cmocka_unit_test(mixing_adds),
        cmocka_unit_test(speech_lowers_the_soundtrack_without_clicks),
        cmocka_unit_test(other_sounds_do_not),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
