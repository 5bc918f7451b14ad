/* Clips of one length laid over a longer whole, and joined. */
#include <math.h>
#include <stdlib.h>

#include "api/pieces.h"

#include "compare.h"

enum { CLIP = 50, OVERLAP = 2 };

static void test_layout(void **state) {
    (void)state;
    for (size_t rows = 1; rows < 500; rows++) {
        const pieces p = pieces_lay_out(rows, CLIP, OVERLAP);
        assert_int_equal(p.rows, rows > CLIP ? rows : CLIP);
        assert_int_equal(pieces_start(&p, 0), 0);
        assert_int_equal(pieces_start(&p, p.count - 1) + CLIP, p.rows);
        for (size_t i = 1; i < p.count; i++) {
            const size_t step = pieces_start(&p, i) - pieces_start(&p, i - 1);
            assert_true(step >= 1 && step <= CLIP - OVERLAP);
        }
        /* one clip fewer would not reach */
        assert_true(p.count == 1 || CLIP + (p.count - 2) * (CLIP - OVERLAP) < rows);
    }
}

/* Where clips overlap by less than the fade, by more, and hardly at all: outside of fades a clip is itself, in them the
 * powers of both weights add up to 1. */
static void test_join(void **state) {
    (void)state;
    static const size_t wholes[] = {1, CLIP, CLIP + 1, 2 * CLIP - OVERLAP, 130};
    enum { ROW = 10, FADE = 30, CHANNELS = 2 };
    for (size_t w = 0; w < sizeof wholes / sizeof *wholes; w++) {
        const pieces p = pieces_lay_out(wholes[w], CLIP, OVERLAP);
        const size_t frames = wholes[w] * ROW, clip = (size_t)CLIP * ROW;
        float *made = malloc(p.count * clip * CHANNELS * sizeof *made), *out = malloc(frames * CHANNELS * sizeof *out);
        assert_true(made && out);
        for (size_t s = 0; s < frames * CHANNELS; s++)
            out[s] = NAN; /* nothing is read that was not written */
        /* Clip i is one of two orthogonal signals: what is left of each is its weight. */
        for (size_t i = 0; i < p.count; i++)
            for (size_t s = 0; s < clip; s++)
                for (size_t c = 0; c < CHANNELS; c++)
                    made[(i * clip + s) * CHANNELS + c] = c == i % 2;
        pieces_join(out, frames, made, CHANNELS, &p, ROW, FADE);
        size_t faded = 0;
        for (size_t s = 0; s < frames; s++) {
            const float *at = out + s * CHANNELS;
            assert_true(fabsf(at[0] * at[0] + at[1] * at[1] - 1) < 1e-6f); /* a few roundings of numbers up to 1 */
            faded += at[0] > 0 && at[1] > 0;
        }
        for (size_t i = 1; i < p.count; i++) {
            const size_t overlap = (pieces_start(&p, i - 1) + CLIP - pieces_start(&p, i)) * ROW;
            faded -= overlap < FADE ? overlap : FADE;
        }
        assert_int_equal(faded, 0);
        free(made);
        free(out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_join),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
