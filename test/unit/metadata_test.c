/* Tests of gRPC metadata. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "failing_malloc.h"
#include "wire/metadata.h"

static AzArena *arena;
static AzMetadata metadata;

static int
setup(void **state)
{
	memset(&metadata, 0, sizeof(metadata));
	arena = az_arena_create();
	return arena == NULL;
}

static int
teardown(void **state)
{
	az_arena_free(arena);
	return 0;
}

static bool
add(const char *name, const char *value)
{
	return az_metadata_add(&metadata, arena, az_bytes_of(name),
						   az_bytes_of(value));
}

static void
the_first_value_of_a_name_is_found(void **state)
{
	assert_null(az_metadata_get(&metadata, "a"));
	assert_true(add("a", "1"));
	assert_true(add("b", ""));
	assert_true(add("a", "2"));
	assert_string_equal(az_metadata_get(&metadata, "a"), "1");
	assert_string_equal(az_metadata_get(&metadata, "b"), "");
	assert_null(az_metadata_get(&metadata, "c"));
	assert_null(az_metadata_get(&metadata, ""));
}

static void
entries_are_copies_in_the_order_they_came(void **state)
{
	char		name[32];
	char		value[32];

	for (int i = 0; i < 100; i++)
	{
		snprintf(name, sizeof(name), "name-%d", i);
		snprintf(value, sizeof(value), "value %d", i);
		assert_true(add(name, value));
	}
	assert_int_equal(metadata.count, 100);
	for (int i = 0; i < 100; i++)
	{
		snprintf(name, sizeof(name), "name-%d", i);
		snprintf(value, sizeof(value), "value %d", i);
		assert_string_equal(metadata.entries[i].name, name);
		assert_string_equal(az_metadata_get(&metadata, name), value);
	}
}

static void
names_and_values_are_counted_for_limits(void **state)
{
	assert_true(add("abc", "de"));
	assert_true(add("f", ""));
	assert_int_equal(metadata.bytes, 6);
}

static void
an_entry_without_memory_is_not_added(void **state)
{
	char		big[9000];

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	assert_true(add("a", "1"));
	for (int n = 0; n < 2; n++)
	{
		fail_malloc_after(n);
		assert_false(add(big, big));
		assert_true(malloc_has_failed());
		assert_int_equal(metadata.count, 1);
		assert_int_equal(metadata.bytes, 2);
	}
	fail_malloc_after(-1);
	assert_true(add(big, big));
}

/* The arena's first block fills up with names, values and lists. */
static void
entries_survive_an_addition_that_fails(void **state)
{
	size_t		count;

	fail_malloc_after(0);
	while (add("name", "value"))
		assert_true(metadata.count < 1000);
	fail_malloc_after(-1);
	count = metadata.count;
	assert_true(count > 8);
	for (int i = 0; i < 100; i++)
		assert_true(add("late", "x"));
	assert_int_equal(metadata.count, count + 100);
	for (size_t i = 0; i < metadata.count; i++)
		assert_string_equal(metadata.entries[i].name,
							i < count ? "name" : "late");
}

static void
a_caller_may_set_names_of_his_own(void **state)
{
	assert_true(az_metadata_is_custom("x-correlation-id"));
	assert_true(az_metadata_is_custom("traceparent"));
	assert_true(az_metadata_is_custom("key_1.a-bin"));
	assert_true(az_metadata_is_custom("grpcx"));
	assert_true(az_metadata_is_custom("te-x"));
}

static void
a_caller_may_not_set_names_of_the_transport(void **state)
{
	static const char *const names[] = {
		"", ":path", ":custom", "grpc-timeout", "grpc-", "te", "host",
		"content-type", "content-length", "user-agent", "connection",
		"keep-alive", "proxy-connection", "transfer-encoding", "upgrade",
		"trailer", "Upper", "with space", "umlaut\xC3\xA4", "line\nbreak"
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_false(az_metadata_is_custom(names[i]));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_first_value_of_a_name_is_found),
		TEST(entries_are_copies_in_the_order_they_came),
		TEST(names_and_values_are_counted_for_limits),
		TEST(an_entry_without_memory_is_not_added),
		TEST(entries_survive_an_addition_that_fails),
		TEST(a_caller_may_set_names_of_his_own),
		TEST(a_caller_may_not_set_names_of_the_transport),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
