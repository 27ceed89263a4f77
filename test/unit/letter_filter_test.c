/* Tests of the filter language of lists of dead letters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "codec/messages.h"
#include "failing_malloc.h"
#include "pipeline/letter_filter.h"

static AzArena *arena;
static AzError error;
static AzLetterFilter filter;

static int
setup(void **state)
{
	arena = az_arena_create();
	memset(&error, 0, sizeof(error));
	return 0;
}

static int
teardown(void **state)
{
	fail_malloc_after(-1);
	az_arena_free(arena);
	return 0;
}

static void
assert_read(const char *text)
{
	memset(&error, 0, sizeof(error));
	if (!az_letter_filter_read(text, &filter, arena, &error))
		fail_msg("'%s': %s", text, error.message);
}

static void
assert_refused(const char *text, const char *message)
{
	memset(&error, 0, sizeof(error));
	if (az_letter_filter_read(text, &filter, arena, &error))
		fail_msg("'%s' was read", text);
	assert_int_equal(error.code, AZ_INVALID_ARGUMENT);
	assert_string_equal(error.message, message);
}

static void
nothing_filters_nothing(void **state)
{
	assert_read("");
	assert_null(filter.domain);
	assert_null(filter.correlation_id);
	assert_null(filter.rejection_type);
	assert_null(filter.source_component);
	assert_false(filter.has_after || filter.has_before);
	assert_read(" \t\n");
}

static void
every_field_can_be_filtered_by(void **state)
{
	assert_read("domain = \"order\" AND correlation_id=\"c-1\" AND "
				"rejection_type = \"sequence_mismatch\" AND\n"
				"source_component=\"to-stock\" AND "
				"occurred_after = \"1970-01-01T00:00:01Z\" AND "
				"occurred_before = \"1970-01-01T00:00:02Z\" ");
	assert_string_equal(filter.domain, "order");
	assert_string_equal(filter.correlation_id, "c-1");
	assert_string_equal(filter.rejection_type, "sequence_mismatch");
	assert_string_equal(filter.source_component, "to-stock");
	assert_true(filter.has_after && filter.has_before);
	assert_int_equal(filter.after_us, 1000000);
	assert_int_equal(filter.before_us, 2000000);
}

static void
every_kind_of_failure_can_be_asked_for(void **state)
{
	assert_read("rejection_type = \"event_processing_failed\"");
	assert_read("rejection_type = \"payload_retrieval_failed\"");
	assert_read("rejection_type = \"compensation_delivery_failed\"");
	assert_string_equal(filter.rejection_type,
						"compensation_delivery_failed");
}

static void
a_value_may_hold_anything(void **state)
{
	assert_read("domain = \"a \\\"b\\\\ AND = ü\"");
	assert_string_equal(filter.domain, "a \"b\\ AND = ü");
	assert_read("domain = \"\"");
	assert_string_equal(filter.domain, "");
}

static void
what_is_wrong_is_shown_with_its_position(void **state)
{
	assert_refused("kind = \"a\"",
				   "filter: found \"kind = \"a\"\" at position 1, where domain, correlation_id, rejection_type, source_component, occurred_after or occurred_before is expected");
	assert_refused("domain > \"a\"",
				   "filter: found \"> \"a\"\" at position 8, where = is expected");
	assert_refused("domain = a",
				   "filter: found \"a\" at position 10, where a value in double quotes is expected");
	assert_refused("domain = \"a",
				   "filter: it ends at position 12, where the value's closing quote is expected");
	assert_refused("domain = \"a\" OR domain = \"b\"",
				   "filter: found \"OR domain = \"b\"\" at position 14, where AND is expected");
	assert_refused("domain = \"a\" AND",
				   "filter: it ends at position 17, where domain, correlation_id, rejection_type, source_component, occurred_after or occurred_before is expected");
	assert_refused("domain",
				   "filter: it ends at position 7, where = is expected");
	assert_refused("domain = \"a\" ANDdomain = \"b\"",
				   "filter: found \"ANDdomain = \"b\"\" at position 14, where AND is expected");
}

static void
positions_count_characters(void **state)
{
	assert_refused("domain = \"ü\" x",
				   "filter: found \"x\" at position 14, where AND is expected");
}

static void
a_value_that_is_none_of_the_field_is_refused(void **state)
{
	assert_refused("rejection_type = \"SEQUENCE_MISMATCH\"",
				   "filter: found \"rejection_type = \"SEQUENCE_MISMATCH\"\" at position 1, where rejection_type = \"sequence_mismatch\", \"event_processing_failed\", \"payload_retrieval_failed\" or \"compensation_delivery_failed\" is expected");
	assert_refused("occurred_after = \"today\"",
				   "filter: found \"occurred_after = \"today\"\" at position 1, where a time like \"2026-01-31T12:00:00Z\" is expected");
	assert_refused("occurred_before = \"\"",
				   "filter: found \"occurred_before = \"\"\" at position 1, where a time like \"2026-01-31T12:00:00Z\" is expected");
}

static void
each_field_is_given_once(void **state)
{
	static const char *const terms[] = {
		"domain = \"a\"", "rejection_type = \"sequence_mismatch\"",
		"occurred_after = \"2026-01-01T00:00:00Z\"",
		"occurred_before = \"2026-01-01T00:00:00Z\""
	};

	for (int i = 0; i < 4; i++)
	{
		assert_false(az_letter_filter_read(az_arena_format(arena, "%s AND %s",
														   terms[i], terms[i]),
										   &filter, arena, &error));
		assert_non_null(strstr(error.message, "each field once"));
	}
}

static void
a_long_filter_is_shown_in_part(void **state)
{
	assert_refused("domain = ########################################0123",
				   "filter: found \"########################################\" at position 10, where a value in double quotes is expected");
}

static void
each_type_has_its_number_but_one(void **state)
{
	assert_int_equal(az_letter_type_number("sequence_mismatch"),
					 PB_REJECTION_TYPE_SEQUENCE_MISMATCH);
	assert_int_equal(az_letter_type_number("event_processing_failed"),
					 PB_REJECTION_TYPE_EVENT_PROCESSING_FAILED);
	assert_int_equal(az_letter_type_number("payload_retrieval_failed"),
					 PB_REJECTION_TYPE_PAYLOAD_RETRIEVAL_FAILED);
	assert_int_equal(az_letter_type_number("compensation_delivery_failed"),
					 PB_REJECTION_TYPE_UNSPECIFIED);
	assert_int_equal(az_letter_type_number("other"),
					 PB_REJECTION_TYPE_UNSPECIFIED);
}

static void
without_memory_it_is_said(void **state)
{
	static char text[200000];

	memset(text, 'x', sizeof(text) - 1);
	memcpy(text, "domain = \"", 10);
	text[sizeof(text) - 2] = '"';
	fail_malloc_after(0);
	assert_false(az_letter_filter_read(text, &filter, arena, &error));
	assert_int_equal(error.code, AZ_RESOURCE_EXHAUSTED);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_filters_nothing),
		TEST(every_field_can_be_filtered_by),
		TEST(every_kind_of_failure_can_be_asked_for),
		TEST(a_value_may_hold_anything),
		TEST(what_is_wrong_is_shown_with_its_position),
		TEST(positions_count_characters),
		TEST(a_value_that_is_none_of_the_field_is_refused),
		TEST(each_field_is_given_once),
		TEST(a_long_filter_is_shown_in_part),
		TEST(each_type_has_its_number_but_one),
		TEST(without_memory_it_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
