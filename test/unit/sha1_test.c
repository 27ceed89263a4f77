/* Tests of SHA-1 with the vectors of its standard. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/sha1.h"

static const char *
hex_of(AzSha1 *sha1)
{
	static char hex[2 * AZ_SHA1_SIZE + 1];
	uint8_t		digest[AZ_SHA1_SIZE];

	az_sha1_final(sha1, digest);
	for (int i = 0; i < AZ_SHA1_SIZE; i++)
		snprintf(&hex[2 * i], 3, "%02x", digest[i]);
	return hex;
}

static const char *
digest_of(const char *text)
{
	AzSha1		sha1;

	az_sha1_init(&sha1);
	az_sha1_update(&sha1, az_bytes_of(text));
	return hex_of(&sha1);
}

static void
the_vectors_of_the_standard_hold(void **state)
{
	assert_string_equal(digest_of(""),
						"da39a3ee5e6b4b0d3255bfef95601890afd80709");
	assert_string_equal(digest_of("abc"),
						"a9993e364706816aba3e25717850c26c9cd0d89d");
	assert_string_equal(digest_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
						"84983e441c3bd26ebaae4aa1f95129e5e54670f1");
}

static void
a_million_letters_may_come_in_pieces(void **state)
{
	AzSha1		sha1;

	az_sha1_init(&sha1);
	for (int i = 0; i < 100000; i++)
		az_sha1_update(&sha1, az_bytes_of("aaaaaaaaaa"));
	assert_string_equal(hex_of(&sha1),
						"34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vectors_of_the_standard_hold),
		cmocka_unit_test(a_million_letters_may_come_in_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
