/* Tests of gRPC's length-prefixed messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/frame.h"

#define LIMIT 1000

static AzBytes message;
static size_t used;

static AzFrameResult
decode(const char *bytes, size_t len)
{
	AzBytes		input = {(const uint8_t *) bytes, len};

	message = (AzBytes)
	{
		0
	};
	used = 0;
	return az_frame_decode(input, LIMIT, &message, &used);
}

static void
a_whole_message_is_found_with_what_it_used(void **state)
{
	assert_int_equal(decode("\0\0\0\0\3abcd", 9), AZ_FRAME_WHOLE);
	assert_int_equal(message.len, 3);
	assert_memory_equal(message.data, "abc", 3);
	assert_int_equal(used, 8);
}

static void
an_empty_message_is_whole(void **state)
{
	assert_int_equal(decode("\0\0\0\0\0", 5), AZ_FRAME_WHOLE);
	assert_int_equal(message.len, 0);
	assert_int_equal(used, 5);
}

static void
every_shorter_piece_of_a_message_is_partial(void **state)
{
	for (size_t len = 0; len < 8; len++)
		assert_int_equal(decode("\0\0\0\0\3abc", len), AZ_FRAME_PARTIAL);
}

static void
a_message_over_the_limit_is_refused_before_its_payload_arrives(void **state)
{
	assert_int_equal(decode("\0\0\0\x03\xE8", 5), AZ_FRAME_PARTIAL);
	assert_int_equal(decode("\0\0\0\x03\xE9", 5), AZ_FRAME_TOO_LARGE);
	assert_int_equal(decode("\0\xFF\xFF\xFF\xFF", 5), AZ_FRAME_TOO_LARGE);
	assert_int_equal(decode("\0\0\0\x03\xE9", 4), AZ_FRAME_PARTIAL);
}

static void
a_compressed_message_is_refused_at_its_first_byte(void **state)
{
	assert_int_equal(decode("\1", 1), AZ_FRAME_COMPRESSED);
	assert_int_equal(decode("\1\0\0\0\0", 5), AZ_FRAME_COMPRESSED);
}

static void
a_flag_byte_that_means_nothing_is_broken(void **state)
{
	for (int flag = 2; flag < 256; flag++)
	{
		char		bytes[5] = {(char) flag};

		assert_int_equal(decode(bytes, 1), AZ_FRAME_BROKEN);
		assert_int_equal(decode(bytes, 5), AZ_FRAME_BROKEN);
	}
}

static void
an_encoded_header_is_decoded_to_the_same_length(void **state)
{
	static const uint32_t lengths[] = {0, 1, 255, 256, 65536, 16777216};
	char	   *bytes = calloc(1, 16777216 + AZ_FRAME_HEADER_SIZE);

	assert_non_null(bytes);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
	{
		AzBytes		input = {(uint8_t *) bytes, lengths[i] + 5};

		az_frame_encode_header((uint8_t *) bytes, lengths[i]);
		assert_int_equal(az_frame_decode(input, SIZE_MAX, &message, &used),
						 AZ_FRAME_WHOLE);
		assert_int_equal(message.len, lengths[i]);
	}
	free(bytes);
}

/* Each input lies alone on the heap, so that a byte too far is found. */
static void
no_input_makes_it_read_or_answer_beyond_the_end(void **state)
{
	uint32_t	random = 1;

	for (int round = 0; round < 20000; round++)
	{
		size_t		len = (size_t) round % 40;
		uint8_t    *data = malloc(len);
		AzBytes		input = {data, len};

		for (size_t i = 0; i < len; i++)
		{
			random = random * 1664525 + 1013904223;
			data[i] = (uint8_t) (random >> 24);
		}
		/* Mostly plausible: a zero flag and a short length. */
		for (size_t i = 0; i < len && i < 4 && round % 4 != 0; i++)
			data[i] = 0;
		if (len > 4)
			data[4] %= 48;
		if (az_frame_decode(input, LIMIT, &message, &used) == AZ_FRAME_WHOLE)
		{
			assert_true(used <= len);
			assert_int_equal(used, message.len + AZ_FRAME_HEADER_SIZE);
			assert_ptr_equal(message.data, data + AZ_FRAME_HEADER_SIZE);
		}
		free(data);
	}
}

#define TEST(f) cmocka_unit_test(f)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_whole_message_is_found_with_what_it_used),
		TEST(an_empty_message_is_whole),
		TEST(every_shorter_piece_of_a_message_is_partial),
		TEST(a_message_over_the_limit_is_refused_before_its_payload_arrives),
		TEST(a_compressed_message_is_refused_at_its_first_byte),
		TEST(a_flag_byte_that_means_nothing_is_broken),
		TEST(an_encoded_header_is_decoded_to_the_same_length),
		TEST(no_input_makes_it_read_or_answer_beyond_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
