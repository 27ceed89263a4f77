/* Tests of the text codings of gRPC over HTTP/2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failing_malloc.h"
#include "wire/text.h"

static AzArena *arena;

static int
setup(void **state)
{
	arena = az_arena_create();
	return arena == NULL;
}

static int
teardown(void **state)
{
	az_arena_free(arena);
	return 0;
}

static const char *
percent_decode(const char *text)
{
	return az_percent_decode(arena, az_bytes_of(text));
}

static void
printable_ascii_stays_and_all_else_is_escaped(void **state)
{
	assert_string_equal(az_percent_encode(arena, ""), "");
	assert_string_equal(az_percent_encode(arena, "plain ~text/1!"),
						"plain ~text/1!");
	assert_string_equal(az_percent_encode(arena, "100%"), "100%25");
	assert_string_equal(az_percent_encode(arena, "a\nb\x7f"), "a%0Ab%7F");
	assert_string_equal(az_percent_encode(arena, "\xE2\x82\xAC"), "%E2%82%AC");
}

static void
escapes_of_either_case_are_undone(void **state)
{
	assert_string_equal(percent_decode("%E2%82%ac"), "\xE2\x82\xAC");
	assert_string_equal(percent_decode("a%20b"), "a b");
	assert_string_equal(percent_decode("%2525"), "%25");
	assert_string_equal(percent_decode(""), "");
}

static void
a_broken_escape_stays_as_it_is(void **state)
{
	assert_string_equal(percent_decode("100%"), "100%");
	assert_string_equal(percent_decode("%2"), "%2");
	assert_string_equal(percent_decode("%zz%4G%G4"), "%zz%4G%G4");
	assert_string_equal(percent_decode("%%41"), "%A");
	assert_string_equal(percent_decode("a%00b"), "a%00b");
}

static void
every_text_survives_percent_coding(void **state)
{
	char		text[256];

	for (int i = 0; i < 255; i++)
		text[i] = (char) (i + 1);
	text[255] = '\0';
	assert_string_equal(percent_decode(az_percent_encode(arena, text)), text);
}

static void
assert_base64(const char *bytes, size_t len, const char *encoded,
			  const char *padded)
{
	AzBytes		plain = {(const uint8_t *) bytes, len};
	AzBytes		decoded;

	assert_string_equal(az_base64_encode(arena, plain), encoded);
	assert_true(az_base64_decode(arena, az_bytes_of(encoded), &decoded));
	assert_true(az_bytes_equal(decoded, plain));
	assert_true(az_base64_decode(arena, az_bytes_of(padded), &decoded));
	assert_true(az_bytes_equal(decoded, plain));
}

static void
base64_is_sent_unpadded_and_taken_either_way(void **state)
{
	assert_base64("", 0, "", "");
	assert_base64("f", 1, "Zg", "Zg==");
	assert_base64("fo", 2, "Zm8", "Zm8=");
	assert_base64("foo", 3, "Zm9v", "Zm9v");
	assert_base64("foob", 4, "Zm9vYg", "Zm9vYg==");
	assert_base64("fooba", 5, "Zm9vYmE", "Zm9vYmE=");
	assert_base64("foobar", 6, "Zm9vYmFy", "Zm9vYmFy");
	assert_base64("\0\xFF\xFE\xFB", 4, "AP/++w", "AP/++w==");
}

static void
every_byte_survives_base64(void **state)
{
	uint8_t		bytes[300];

	for (size_t len = 0; len < sizeof(bytes); len++)
	{
		AzBytes		plain = {bytes, len};
		AzBytes		decoded;
		const char *encoded;

		bytes[len] = (uint8_t) (len * 7);
		encoded = az_base64_encode(arena, plain);
		assert_int_equal(strlen(encoded), (len * 4 + 2) / 3);
		assert_true(az_base64_decode(arena, az_bytes_of(encoded), &decoded));
		assert_true(az_bytes_equal(decoded, plain));
		az_arena_reset(arena);
	}
}

static void
what_is_not_base64_is_refused(void **state)
{
	static const char *const texts[] = {
		"A", "AAAAA", "A===", "=", "==", "====", "AA=", "AA=A", "A=AA",
		"AA A", "AA\n", "AA-_", "AA,A", "AAA\x80", "AA===", "AAAA=",
		"Zg==Zg=="
	};
	AzBytes		decoded;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(az_base64_decode(arena, az_bytes_of(texts[i]),
									  &decoded));
}

static void
every_unit_of_a_timeout_is_understood(void **state)
{
	static const struct
	{
		const char *text;
		int64_t		us;
	}			timeouts[] = {
		{"1H", INT64_C(3600000000)},
		{"2M", 120000000},
		{"3S", 3000000},
		{"100m", 100000},
		{"5u", 5},
		{"1n", 1},
		{"1000n", 1},
		{"1001n", 2},
		{"0S", 0},
		{"00000010S", 10000000},
		{"99999999H", INT64_C(359999996400000000)},
	};

	for (size_t i = 0; i < sizeof(timeouts) / sizeof(timeouts[0]); i++)
	{
		int64_t		us = -1;

		assert_true(az_timeout_parse(timeouts[i].text, &us));
		assert_int_equal(us, timeouts[i].us);
	}
}

static void
what_is_no_timeout_is_refused(void **state)
{
	static const char *const texts[] = {
		"", "1", "S", "100000000S", "1s", "1 S", " 1S", "-1S", "+1S", "1SS",
		"1.5S", "1S ", "1x", "0x1S"
	};
	int64_t		us = 42;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(az_timeout_parse(texts[i], &us));
	assert_int_equal(us, 42);
}

static void
a_timeout_is_written_in_the_coarsest_exact_unit(void **state)
{
	static const struct
	{
		int64_t		us;
		const char *text;
	}			timeouts[] = {
		{INT64_MIN, "1n"},
		{-1, "1n"},
		{0, "1n"},
		{1, "1u"},
		{999, "999u"},
		{1000, "1m"},
		{1001, "1001u"},
		{30000000, "30S"},
		{60000000, "1M"},
		{90000000, "90S"},
		{INT64_C(3600000000), "1H"},
		{99999999, "99999999u"},
		{100000000, "100S"},
		{100000001, "100001m"},
		{INT64_C(99999999000), "99999999m"},
		{INT64_C(99999999001), "100000S"},
		{INT64_MAX, "99999999H"},
	};

	for (size_t i = 0; i < sizeof(timeouts) / sizeof(timeouts[0]); i++)
	{
		char		text[16];

		az_timeout_format(timeouts[i].us, text);
		assert_string_equal(text, timeouts[i].text);
	}
}

/* Rounded up, by less than a hundred-thousandth. */
static void
a_written_timeout_is_read_back_as_no_less_and_hardly_more(void **state)
{
	for (int64_t us = 1; us < INT64_C(359999996400000000) / 3; us = us * 3 + 1)
	{
		char		text[16];
		int64_t		back = -1;

		az_timeout_format(us, text);
		assert_true(strlen(text) <= 9);
		assert_true(az_timeout_parse(text, &back));
		assert_true(back >= us);
		assert_true(back - us <= us / 100000);
	}
}

static void
codings_without_memory_fail(void **state)
{
	char	   *text = calloc(1, 9001);
	AzBytes		huge = {.len = SIZE_MAX};
	AzBytes		decoded;

	assert_non_null(text);
	memset(text, 'A', 9000);
	fail_malloc_after(0);
	assert_null(az_percent_encode(arena, text));
	fail_malloc_after(0);
	assert_null(percent_decode(text));
	fail_malloc_after(0);
	assert_null(az_base64_encode(arena, az_bytes_of(text)));
	fail_malloc_after(0);
	assert_false(az_base64_decode(arena, az_bytes_of(text), &decoded));
	assert_true(malloc_has_failed());
	fail_malloc_after(-1);
	huge.data = (const uint8_t *) text;
	assert_null(az_base64_encode(arena, huge));
	free(text);
}

/* Mutations of good texts, each alone on the heap. */
static void
no_input_makes_a_decoder_read_beyond_its_end(void **state)
{
	static const char *const seeds[] = {
		"Zm9vYmE=", "%E2%82%AC 100%", "99999999H", "AAAA", "%"
	};
	uint32_t	random = 7;

	for (int round = 0; round < 20000; round++)
	{
		const char *seed = seeds[round % 5];
		size_t		len = strlen(seed);
		char	   *text = malloc(len + 1);
		AzBytes		bytes = {(uint8_t *) text, len};
		AzBytes		decoded;
		int64_t		us = 0;

		memcpy(text, seed, len + 1);
		for (int i = 0; i < 2; i++)
		{
			random = random * 1664525 + 1013904223;
			text[random % len] = (char) (random >> 24 | 1);
		}
		if (az_base64_decode(arena, bytes, &decoded))
			assert_true(decoded.len <= len * 3 / 4);
		assert_true(strlen(az_percent_decode(arena, bytes)) <= len);
		if (az_timeout_parse(text, &us))
			assert_true(us >= 0);
		text = realloc(text, len);
		bytes.data = (uint8_t *) text;
		az_base64_decode(arena, bytes, &decoded);
		az_percent_decode(arena, bytes);
		free(text);
		az_arena_reset(arena);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(printable_ascii_stays_and_all_else_is_escaped),
		TEST(escapes_of_either_case_are_undone),
		TEST(a_broken_escape_stays_as_it_is),
		TEST(every_text_survives_percent_coding),
		TEST(base64_is_sent_unpadded_and_taken_either_way),
		TEST(every_byte_survives_base64),
		TEST(what_is_not_base64_is_refused),
		TEST(every_unit_of_a_timeout_is_understood),
		TEST(what_is_no_timeout_is_refused),
		TEST(a_timeout_is_written_in_the_coarsest_exact_unit),
		TEST(a_written_timeout_is_read_back_as_no_less_and_hardly_more),
		TEST(codings_without_memory_fail),
		TEST(no_input_makes_a_decoder_read_beyond_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
