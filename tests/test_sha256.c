/* SHA-256 against the examples of FIPS 180-4 and Python's hashlib. */
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "core/sha256.h"

static void assert_digest(const void *data, size_t size, const char *want) {
    char hex[65];
    sha256_hex(data, size, hex);
    assert_string_equal(hex, want);
}

static void test_published_examples(void **state) {
    (void)state;
    assert_digest(NULL, 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_digest("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    const char *two_blocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    assert_digest(two_blocks, strlen(two_blocks), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    char *million = malloc(1000000);
    assert_non_null(million);
    memset(million, 'a', 1000000);
    assert_digest(million, 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(million);
}

/* Byte i of the message of n bytes is 7 i + n: lengths around every edge of block and padding. */
static const struct {
    size_t size;
    const char *digest;
} edges[] = {
    {1, "4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a"},
    {3, "6ab0dba1f4f1dfbb37b4f9eeb092c09fca4900ad32bdcd147d8dde35d6c87c35"},
    {55, "81afe5b788dc2ce138ff83d9b20164db75a94d75d2b2432eea4a0ef605088c72"},
    {56, "2aba54f0ac632420a2b502431408866e40e1d5e430df4cd822642c78ab2eb9c1"},
    {57, "903284efbf9100e8ba1614ec65eacacad125e03f857cae7acbf8b73b23e0fdfe"},
    {63, "733d3d4ee79ee67145bf73da13588f6f235d37414fc64b14a2f00f1762792f5e"},
    {64, "79322907b3e9d013d7dc2c2f256674dbf733045cde01df3539271c6f5605feb8"},
    {65, "d85c007c6eb440f085afa2b84f6f2bce4658b240e9f62cb1364bf0485a57e720"},
    {119, "6c87eedf096b345de205b702e5223b73b447a3207791ded3ea007ba15ed6736e"},
    {120, "42500cf6a1e3936d6b9e0bcfe296d654b63255e525487d3634d0b15fde591c4d"},
    {127, "68f6ff710276900c0ffbbc57426f67e00c2e01f0750c7edc25ac06b8ce7a8095"},
    {128, "489d55fea9a73af36b6dd0be7b4117d8e5683386d39544e8a44c99a87f368707"},
    {129, "4e1556b2e9a50a3cc9478f3254727b01065f9ac5d2c3a8b4cd538ae7240bb87d"},
    {1000, "6b0df76627243d095b0c4400cb658b7e804dd03461cc03aee8fc8fe0bcada168"},
};

static void fill_message(uint8_t *message, size_t size) {
    for (size_t i = 0; i < size; i++)
        message[i] = (uint8_t)(7 * i + size);
}

static void test_lengths_at_the_edges(void **state) {
    (void)state;
    uint8_t message[1000];
    for (size_t e = 0; e < sizeof edges / sizeof *edges; e++) {
        fill_message(message, edges[e].size);
        assert_digest(message, edges[e].size, edges[e].digest);
    }
}

static void test_pieces_give_the_digest_of_the_whole(void **state) {
    (void)state;
    static const size_t pieces[] = {1, 3, 55, 63, 64, 65, 127, 200, 999};
    uint8_t message[1000], whole[32], cut[32];
    fill_message(message, sizeof message);
    sha256 s;
    sha256_begin(&s);
    sha256_update(&s, message, sizeof message);
    sha256_end(&s, whole);
    for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++) {
        sha256_begin(&s);
        for (size_t at = 0; at < sizeof message; at += pieces[p]) {
            size_t rest = sizeof message - at;
            sha256_update(&s, message + at, rest < pieces[p] ? rest : pieces[p]);
            sha256_update(&s, NULL, 0);
        }
        sha256_end(&s, cut);
        assert_memory_equal(cut, whole, sizeof whole);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_examples),
        cmocka_unit_test(test_lengths_at_the_edges),
        cmocka_unit_test(test_pieces_give_the_digest_of_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
