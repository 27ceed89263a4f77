/* Tests of the details that go with our own errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "codec/decode.h"
#include "codec/details.h"
#include "codec/messages.h"
#include "failing_malloc.h"

static AzArena *arena;
static AzError error;

static int
set_up(void **state)
{
	arena = az_arena_create();
	if (arena == NULL)
		return -1;
	az_error_set(&error, arena, AZ_ABORTED, "it did not fit");
	return 0;
}

static int
tear_down(void **state)
{
	fail_malloc_after(-1);
	az_arena_free(arena);
	return 0;
}

static PbStatus *
status(void)
{
	PbStatus   *decoded = az_decode(&pb_status_descriptor, error.details,
									arena, NULL);

	assert_non_null(decoded);
	return decoded;
}

/* What is inside one detail, which must be of that type. */
static void *
detail(size_t i, const char *type_url,
	   const ProtobufCMessageDescriptor *type)
{
	PbAny	   *any;
	AzBytes		bytes;

	assert_true(i < status()->n_details);
	any = status()->details[i];
	assert_string_equal(any->type_url, type_url);
	bytes.data = any->value.data;
	bytes.len = any->value.len;
	return az_decode(type, bytes, arena, NULL);
}

static void
the_status_repeats_code_and_message(void **state)
{
	AzErrorInfo info = {.reason = "X"};

	az_details_add(&error, &info, arena);
	assert_int_equal(status()->code, AZ_ABORTED);
	assert_string_equal(status()->message, "it did not fit");
	assert_int_equal(error.code, AZ_ABORTED);
	assert_string_equal(error.message, "it did not fit");
}

static void
the_reason_and_its_facts_are_there_for_programs(void **state)
{
	static const char *const pairs[][2] = {
		{"domain", "order"}, {"expected", "1"}
	};
	AzErrorInfo info = {
		.reason = "SEQUENCE_MISMATCH",
		.n_pairs = 2,
		.pairs = pairs
	};
	PbErrorInfo *decoded;

	az_details_add(&error, &info, arena);
	decoded = detail(0, "/google.rpc.ErrorInfo", &pb_error_info_descriptor);
	assert_string_equal(decoded->reason, "SEQUENCE_MISMATCH");
	assert_string_equal(decoded->domain, "angzarr.io");
	assert_int_equal(decoded->n_metadata, 2);
	assert_string_equal(decoded->metadata[0]->key, "domain");
	assert_string_equal(decoded->metadata[0]->value, "order");
	assert_string_equal(decoded->metadata[1]->key, "expected");
	assert_string_equal(decoded->metadata[1]->value, "1");
	assert_int_equal(status()->n_details, 1);
}

static void
what_may_be_tried_again_says_so(void **state)
{
	AzErrorInfo info = {.reason = "X",.retryable = true};
	PbRetryInfo *decoded;

	az_details_add(&error, &info, arena);
	assert_int_equal(status()->n_details, 2);
	decoded = detail(1, "/google.rpc.RetryInfo", &pb_retry_info_descriptor);
	assert_non_null(decoded->retry_delay);
	assert_int_equal(decoded->retry_delay->seconds, 0);
	assert_int_equal(decoded->retry_delay->nanos, 0);
}

static void
a_long_message_is_cut_and_a_broken_one_mended(void **state)
{
	AzErrorInfo info = {.reason = "X"};
	char		text[3000];

	memset(text, 'm', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	error.message = text;
	az_details_add(&error, &info, arena);
	assert_int_equal(strlen(status()->message), 1024);
	error.message = "gr\xFC\xDF";
	az_details_add(&error, &info, arena);
	assert_string_equal(status()->message, "gr??");
}

static void
without_memory_the_error_stays_and_has_no_details(void **state)
{
	AzErrorInfo info = {.reason = "X",.retryable = true};
	size_t		failures = 0;

	/* Each round begins with an arena a little fuller than the one before. */
	for (size_t filled = 0; filled < 250; filled++)
	{
		AzArena    *own = az_arena_create();

		for (size_t i = 0; i < filled; i++)
			az_arena_alloc(own, 1);
		error.details = (AzBytes)
		{
			NULL, 0
		};
		fail_malloc_after(0);
		az_details_add(&error, &info, own);
		assert_int_equal(error.code, AZ_ABORTED);
		assert_string_equal(error.message, "it did not fit");
		if (malloc_has_failed())
			assert_int_equal(error.details.len, 0);
		else
			assert_int_not_equal(error.details.len, 0);
		failures += malloc_has_failed();
		fail_malloc_after(-1);
		az_arena_free(own);
	}
	assert_in_range(failures, 5, 249);
}

static void
details_that_are_renamed_say_the_new_message_and_keep_the_rest(void **state)
{
	AzErrorInfo info = {.reason = "NO_STOCK",.retryable = true};

	az_details_add(&error, &info, arena);
	error.message = "Replay: it did not fit";
	az_details_rename(&error, arena);
	assert_string_equal(status()->message, "Replay: it did not fit");
	assert_int_equal(status()->code, AZ_ABORTED);
	assert_int_equal(status()->n_details, 2);
	assert_string_equal(((PbErrorInfo *) detail(0, "/google.rpc.ErrorInfo",
												&pb_error_info_descriptor))->reason,
						"NO_STOCK");
}

static void
details_that_do_not_decode_are_not_renamed_but_dropped(void **state)
{
	error.details = az_bytes_of("\xFF\xFF");
	az_details_rename(&error, arena);
	assert_int_equal(error.details.len, 0);
	az_details_rename(&error, arena);
	assert_int_equal(error.details.len, 0);
	assert_string_equal(error.message, "it did not fit");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(the_status_repeats_code_and_message),
		TEST(the_reason_and_its_facts_are_there_for_programs),
		TEST(what_may_be_tried_again_says_so),
		TEST(a_long_message_is_cut_and_a_broken_one_mended),
		TEST(details_that_are_renamed_say_the_new_message_and_keep_the_rest),
		TEST(details_that_do_not_decode_are_not_renamed_but_dropped),
		TEST(without_memory_the_error_stays_and_has_no_details),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
