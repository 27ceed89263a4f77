/* Tests of net/answer.c: what an answer comes to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "failing_malloc.h"
#include "net/answer.h"

static AzAnswer answer;
static AzBytes message;
static AzError status;

static int
open_answer(void **state)
{
	memset(&answer, 0, sizeof(answer));
	memset(&status, 0, sizeof(status));
	answer.arena = az_arena_create();
	answer.address = "grpc://a:1";
	answer.max_header_bytes = 400;
	answer.max_message_bytes = 10;
	return answer.arena == NULL;
}

static int
close_answer(void **state)
{
	az_answer_free(&answer);
	az_arena_free(answer.arena);
	return 0;
}

static bool
header(const char *name, const char *value)
{
	return az_answer_header(&answer, az_bytes_of(name), az_bytes_of(value));
}

static bool
data(const void *bytes, size_t len)
{
	AzBytes		chunk = {bytes, len};

	return az_answer_data(&answer, chunk);
}

static void
expect(AzCode code, const char *text)
{
	assert_false(az_answer_result(&answer, &message, &status));
	assert_int_equal(status.code, code);
	assert_string_equal(status.message, text);
	assert_int_equal(message.len, 0);
}

static void
headers_a_message_and_status_0_are_an_answer(void **state)
{
	assert_true(header(":status", "200"));
	assert_true(header("content-type", "application/grpc"));
	assert_true(data("\0\0\0\0\2hi", 7));
	assert_true(header("grpc-status", "0"));
	assert_true(az_answer_result(&answer, &message, &status));
	assert_int_equal(status.code, AZ_OK);
	assert_int_equal(message.len, 2);
	assert_memory_equal(message.data, "hi", 2);
}

static void
a_message_may_come_byte_by_byte(void **state)
{
	const char *frame = "\0\0\0\0\2hi";

	header(":status", "200");
	for (int i = 0; i < 7; i++)
		assert_true(data(frame + i, 1));
	header("grpc-status", "0");
	assert_true(az_answer_result(&answer, &message, &status));
	assert_memory_equal(message.data, "hi", 2);
}

static void
a_message_may_be_empty_and_as_large_as_the_limit(void **state)
{
	header(":status", "200");
	assert_true(data("\0\0\0\0\0", 5));
	header("grpc-status", "0");
	assert_true(az_answer_result(&answer, &message, &status));
	assert_int_equal(message.len, 0);
	az_answer_reset(&answer);
	header(":status", "200");
	assert_true(data("\0\0\0\0\n0123456789", 15));
	header("grpc-status", "0");
	assert_true(az_answer_result(&answer, &message, &status));
	assert_int_equal(message.len, 10);
}

static void
a_message_over_the_limit_fails_by_its_header_alone(void **state)
{
	header(":status", "200");
	assert_true(data("\0\0\0\0", 4));
	assert_false(data("\13", 1));
	expect(AZ_RESOURCE_EXHAUSTED,
		   "grpc://a:1 answered with a message of 11 bytes; 10 are allowed");
	assert_false(data("x", 1));
	assert_false(header("grpc-status", "0"));
}

static void
a_second_message_fails_as_soon_as_it_begins(void **state)
{
	header(":status", "200");
	assert_true(data("\0\0\0\0\1a", 6));
	assert_false(data("\0", 1));
	expect(AZ_INTERNAL, "grpc://a:1 answered with more than one message");
}

static void
two_messages_in_one_piece_fail_too(void **state)
{
	header(":status", "200");
	assert_false(data("\0\0\0\0\1a\0\0\0\0\1b", 12));
	expect(AZ_INTERNAL, "grpc://a:1 answered with more than one message");
}

static void
status_0_without_a_message_fails(void **state)
{
	header(":status", "200");
	header("grpc-status", "0");
	expect(AZ_INTERNAL, "grpc://a:1 answered without a message");
}

static void
half_a_message_fails(void **state)
{
	header(":status", "200");
	assert_true(data("\0\0\0\0\2h", 6));
	header("grpc-status", "0");
	expect(AZ_INTERNAL, "grpc://a:1 answered with half a message");
}

static void
a_compressed_message_fails(void **state)
{
	header(":status", "200");
	assert_false(data("\1\0\0\0\1a", 6));
	expect(AZ_INTERNAL, "grpc://a:1 answered with a compressed message");
}

static void
bytes_that_are_no_message_fail(void **state)
{
	header(":status", "200");
	assert_false(data("\7\0\0\0\1a", 6));
	expect(AZ_INTERNAL, "grpc://a:1 answered with bytes that are no gRPC message");
}

static void
an_answer_without_a_status_fails(void **state)
{
	header(":status", "200");
	assert_true(data("\0\0\0\0\1a", 6));
	expect(AZ_INTERNAL, "grpc://a:1 answered without a status");
}

static void
nothing_at_all_fails_like_no_status(void **state)
{
	expect(AZ_INTERNAL, "grpc://a:1 answered without a status");
}

static void
an_http_error_gives_its_code_and_its_page_is_ignored(void **state)
{
	header(":status", "503");
	header("content-type", "text/html");
	assert_true(data("<html>Service unavailable, come back later</html>", 49));
	expect(AZ_UNAVAILABLE, "grpc://a:1 answered with HTTP status 503");
	az_answer_reset(&answer);
	header(":status", "404");
	expect(AZ_UNIMPLEMENTED, "grpc://a:1 answered with HTTP status 404");
}

static void
http_ok_with_another_content_type_is_no_answer(void **state)
{
	assert_false(az_answer_has_begun(&answer));
	assert_true(header(":status", "200"));
	assert_true(az_answer_has_begun(&answer));
	assert_false(header("content-type", "text/html"));
	assert_false(header("grpc-status", "0"));
	expect(AZ_UNKNOWN,
		   "grpc://a:1 answered with content-type \"text/html\", which is not gRPC's");
	az_answer_reset(&answer);
	assert_false(az_answer_has_begun(&answer));
	header(":status", "200");
	assert_true(header("content-type", "application/grpc+proto"));
}

static void
a_final_status_counts_and_not_an_informational_one(void **state)
{
	header(":status", "103");
	header(":status", "200");
	assert_true(data("\0\0\0\0\1a", 6));
	header("grpc-status", "0");
	assert_true(az_answer_result(&answer, &message, &status));
}

static void
the_peers_status_comes_through_as_it_is(void **state)
{
	static const uint8_t details[] = {8, 5};

	header(":status", "200");
	header("grpc-status", "5");
	header("grpc-message", "no%20order");
	header("grpc-status-details-bin", "CAU=");
	expect(AZ_NOT_FOUND, "no order");
	assert_null(status.detail);
	assert_int_equal(status.details.len, 2);
	assert_memory_equal(status.details.data, details, 2);
}

static void
a_status_without_a_message_has_an_empty_one(void **state)
{
	header(":status", "200");
	header("grpc-status", "16");
	expect(AZ_UNAUTHENTICATED, "");
}

static void
a_status_that_is_no_number_is_unknown(void **state)
{
	header(":status", "200");
	header("grpc-status", "fine");
	header("grpc-message", "what");
	expect(AZ_UNKNOWN, "what");
}

static void
a_failing_status_beats_a_message_that_came(void **state)
{
	header(":status", "200");
	assert_true(data("\0\0\0\0\1a", 6));
	header("grpc-status", "10");
	header("grpc-message", "too late");
	expect(AZ_ABORTED, "too late");
}

static void
details_that_are_not_base64_are_dropped(void **state)
{
	header(":status", "200");
	header("grpc-status", "5");
	header("grpc-status-details-bin", "!!!");
	expect(AZ_NOT_FOUND, "");
	assert_int_equal(status.details.len, 0);
}

static void
headers_over_the_limit_fail(void **state)
{
	char		value[400 - 32 - 1 + 1];

	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	assert_true(header("n", value));
	assert_false(header("n", ""));
	expect(AZ_RESOURCE_EXHAUSTED,
		   "grpc://a:1 answered with more than 400 bytes of headers");
}

/* A whole answer, in pieces; false when it did not come through. */
static bool
take_answer(void)
{
	az_answer_reset(&answer);
	return header(":status", "200") && data("\0\0\0\0\4ab", 7) &&
		data("cd", 2) && header("grpc-message", "fine") &&
		header("grpc-status-details-bin", "CAU=") &&
		header("grpc-status", "0") &&
		az_answer_result(&answer, &message, &status);
}

static void
memory_running_out_is_an_error(void **state)
{
	int			n = 0;
	bool		taken;

	do
	{
		AzArena    *old = answer.arena;

		answer.arena = az_arena_create();
		az_arena_free(old);
		while (az_arena_alloc(answer.arena, 8) != NULL &&
			   az_arena_size(answer.arena) < 3 * 8192)
			;
		fail_malloc_after(n++);
		taken = take_answer();
		if (malloc_has_failed() && !taken)
		{
			fail_malloc_after(-1);
			assert_false(az_answer_result(&answer, &message, &status));
			assert_int_equal(status.code, AZ_RESOURCE_EXHAUSTED);
		}
		fail_malloc_after(-1);
	} while (!taken || n < 8);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_answer, close_answer)
	const struct CMUnitTest tests[] = {
		TEST(headers_a_message_and_status_0_are_an_answer),
		TEST(a_message_may_come_byte_by_byte),
		TEST(a_message_may_be_empty_and_as_large_as_the_limit),
		TEST(a_message_over_the_limit_fails_by_its_header_alone),
		TEST(a_second_message_fails_as_soon_as_it_begins),
		TEST(two_messages_in_one_piece_fail_too),
		TEST(status_0_without_a_message_fails),
		TEST(half_a_message_fails),
		TEST(a_compressed_message_fails),
		TEST(bytes_that_are_no_message_fail),
		TEST(an_answer_without_a_status_fails),
		TEST(nothing_at_all_fails_like_no_status),
		TEST(an_http_error_gives_its_code_and_its_page_is_ignored),
		TEST(http_ok_with_another_content_type_is_no_answer),
		TEST(a_final_status_counts_and_not_an_informational_one),
		TEST(the_peers_status_comes_through_as_it_is),
		TEST(a_status_without_a_message_has_an_empty_one),
		TEST(a_status_that_is_no_number_is_unknown),
		TEST(a_failing_status_beats_a_message_that_came),
		TEST(details_that_are_not_base64_are_dropped),
		TEST(headers_over_the_limit_fail),
		TEST(memory_running_out_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
