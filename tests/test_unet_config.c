/* Hyper-parameters of the U-Net from JSON. */
#include <stdio.h>
#include <string.h>

#include "nets/unet.h"

#include "compare.h"

static const char base[] =
    "\"in_channels\": 2, \"channels\": 16, \"patch_factor\": 4, \"multipliers\": [1, 2], \"factors\": [4],"
    "\"num_blocks\": [2], \"attentions\": [true], \"attention_heads\": 2, \"attention_features\": 8,"
    "\"attention_multiplier\": 2, \"resnet_groups\": 8, \"kernel_multiplier\": 2, \"context_channels\": [],"
    "\"context_features\": 0";

static loris_status read(unet_config *c, const char *more) {
    char written[2048];
    arena *a = arena_new();
    const json *o;
    snprintf(written, sizeof written, "{%s%s}", base, more);
    assert_ok(json_parse(&o, a, written, strlen(written), "test"));
    loris_status status = unet_config_read(c, o, "test");
    arena_free(a);
    return status;
}

static void models_without_a_context_need_not_say_so(void **state) {
    (void)state;
    unet_config c;
    assert_ok(read(&c, ""));
    assert_true(c.embedding_features == 0 && c.video_features == 0 && !c.genre);
    assert_int_equal(unet_hop(&c, c.levels), 16);
    assert_ok(read(&c, ", \"embedding_features\": 0, \"embedding_max_length\": 50, \"rhythm_max_length\": 400"));
    assert_int_equal(c.embedding_features, 0);
}

static void contexts_are_read(void **state) {
    (void)state;
    unet_config c;
    assert_ok(read(
        &c, ", \"embedding_features\": 32, \"embedding_max_length\": 10, \"rhythm_max_length\": 40, \"genre\": true,"
            "\"video_features\": 24"));
    assert_int_equal(c.embedding_features, 32);
    assert_int_equal(c.embedding_max_length, 10);
    assert_int_equal(c.rhythm_max_length, 40);
    assert_int_equal(c.video_features, 24);
    assert_true(c.genre);
}

static void impossible_contexts_are_refused(void **state) {
    (void)state;
    unet_config c;
    assert_fails(read(&c, ", \"embedding_features\": 32"), LORIS_ERROR_INPUT, "embedding_max_length");
    assert_fails(read(&c, ", \"embedding_features\": 33, \"embedding_max_length\": 10, \"rhythm_max_length\": 40"),
                 LORIS_ERROR_INPUT, "even");
    assert_fails(
        read(&c, ", \"embedding_features\": 32, \"embedding_max_length\": 10, \"rhythm_max_length\": 40, \"genre\": 1"),
        LORIS_ERROR_INPUT, "genre");
    assert_fails(read(&c, ", \"embedding_features\": 32, \"embedding_max_length\": 0, \"rhythm_max_length\": 40"),
                 LORIS_ERROR_INPUT, "embedding_max_length");
    assert_fails(read(&c, ", \"embedding_features\": -1"), LORIS_ERROR_INPUT, "embedding_features");
}

static void the_published_network_has_its_hop(void **state) {
    (void)state;
    const unet_config c = unet_config_loris();
    assert_int_equal(unet_hop(&c, c.levels), 16384);
    assert_int_equal((1 << 19) % unet_hop(&c, c.levels), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_without_a_context_need_not_say_so),
        cmocka_unit_test(contexts_are_read),
        cmocka_unit_test(impossible_contexts_are_refused),
        cmocka_unit_test(the_published_network_has_its_hop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
