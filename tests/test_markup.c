/* Escaped text, numbers, URLs and base64. */
#include "compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/markup.h"

static void test_decimals(void **state) {
    (void)state;
    assert_string_equal(decimal_of(1.25, 2).text, "1.25");
    assert_string_equal(decimal_of(-0.04, 1).text, "0.0");
    assert_string_equal(decimal_of(-12.06, 1).text, "-12.1");
    assert_string_equal(decimal_of(0.005, 3).text, "0.005");
    assert_string_equal(decimal_of(41.5, 0).text, "42");
    assert_string_equal(decimal_of(NAN, 1).text, "0.0");
    assert_string_equal(decimal_of(-INFINITY, 6).text, "-1000000000000.000000");
}

static void test_text(void **state) {
    (void)state;
    text t = {0};
    markup_text(&t, "a<b & \"c\"> 'd'\n\x01\x7f\xff\xc3\xa9\xef\xbf\xbf\xf0\x9f\x8e\xb5");
    assert_string_equal(t.data,
                        "a&lt;b &amp; &quot;c&quot;&gt; &#39;d&#39;\n\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xc3\xa9"
                        "\xef\xbf\xbd\xf0\x9f\x8e\xb5");
    text_free(&t);
}

static void test_urls(void **state) {
    (void)state;
    text t = {0};
    markup_file_url(&t, "some/where/50% #1?:\xc3\xa9 a-b_c.~mp4");
    assert_string_equal(t.data, "50%25%20%231%3F%3A%C3%A9%20a-b_c.~mp4");
    text_free(&t);
}

/* RFC 4648, section 10. */
static void test_base64(void **state) {
    (void)state;
    static const char *const answers[][2] = {{"f", "Zg=="},        {"fo", "Zm8="},        {"foo", "Zm9v"},
                                             {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        text t = {0};
        markup_base64(&t, (const uint8_t *)answers[i][0], strlen(answers[i][0]));
        assert_string_equal(t.data, answers[i][1]);
        text_free(&t);
    }
    text t = {0};
    markup_base64(&t, (const uint8_t *)"\xff\xef\xbe", 3);
    assert_string_equal(t.data, "/+++");
    text_free(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decimals),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_base64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
