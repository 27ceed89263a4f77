/* Tests of errors and of the table of codes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "failing_malloc.h"

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

static void
setting_an_error_returns_false_and_replaces_the_old_one(void **state)
{
	AzError		error = {
		.code = AZ_ABORTED,
		.sqlstate = "40001",
		.hint = "old",
		.details = {(const uint8_t *) "old", 3}
	};

	assert_false(az_error_set(&error, arena, AZ_NOT_FOUND, "no %s", "domain"));
	assert_int_equal(error.code, AZ_NOT_FOUND);
	assert_string_equal(error.message, "no domain");
	assert_string_equal(error.sqlstate, "");
	assert_null(error.hint);
	assert_null(error.detail);
	assert_int_equal(error.details.len, 0);
	assert_false(az_error_set(NULL, arena, AZ_NOT_FOUND, "nobody asks"));
	assert_false(az_error_out_of_memory(NULL));
}

static void
without_an_arena_the_format_is_the_message(void **state)
{
	AzError		error = {0};

	assert_false(az_error_set(&error, NULL, AZ_INTERNAL, "as it is"));
	assert_string_equal(error.message, "as it is");
	assert_int_equal(error.code, AZ_INTERNAL);
}

static void
an_error_without_memory_for_its_text_keeps_its_code(void **state)
{
	AzError		error = {0};

	fail_malloc_after(0);
	assert_false(az_error_set(&error, arena, AZ_NOT_FOUND, "%9000d", 1));
	assert_true(malloc_has_failed());
	assert_int_equal(error.code, AZ_NOT_FOUND);
	assert_non_null(strstr(error.message, "out of memory"));
	fail_malloc_after(0);
	assert_false(az_error_out_of_memory(&error));
	assert_false(malloc_has_failed());
	fail_malloc_after(-1);
	assert_int_equal(error.code, AZ_RESOURCE_EXHAUSTED);
	assert_string_equal(error.message, "out of memory");
}

static void
every_code_has_its_name(void **state)
{
	assert_string_equal(az_code_name(AZ_OK), "OK");
	assert_string_equal(az_code_name(AZ_CANCELLED), "CANCELLED");
	assert_string_equal(az_code_name(AZ_UNKNOWN), "UNKNOWN");
	assert_string_equal(az_code_name(AZ_INVALID_ARGUMENT), "INVALID_ARGUMENT");
	assert_string_equal(az_code_name(AZ_UNAUTHENTICATED), "UNAUTHENTICATED");
	assert_string_equal(az_code_name((AzCode) 17), "UNKNOWN");
	assert_string_equal(az_code_name((AzCode) -1), "UNKNOWN");
	for (int code = 0; code <= AZ_UNAUTHENTICATED; code++)
		assert_non_null(az_code_name((AzCode) code));
}

static void
every_code_has_a_sqlstate_of_five_characters(void **state)
{
	for (int code = -1; code <= 17; code++)
		assert_int_equal(strlen(az_code_sqlstate((AzCode) code)), 5);
	assert_string_equal(az_code_sqlstate(AZ_OK), "00000");
	assert_string_equal(az_code_sqlstate(AZ_INVALID_ARGUMENT), "22023");
	assert_string_equal(az_code_sqlstate(AZ_NOT_FOUND), "ZA004");
	assert_string_equal(az_code_sqlstate(AZ_UNAVAILABLE), "ZA003");
	assert_string_equal(az_code_sqlstate((AzCode) 99), "XX000");
}

/* Two status codes share a SQLSTATE with another one. */
static void
a_code_survives_the_way_over_sql(void **state)
{
	for (int code = 0; code <= AZ_UNAUTHENTICATED; code++)
	{
		AzCode		back = az_code_of_sqlstate(az_code_sqlstate((AzCode) code));

		if (code == AZ_UNKNOWN)
			assert_int_equal(back, AZ_INTERNAL);
		else if (code == AZ_DEADLINE_EXCEEDED)
			assert_int_equal(back, AZ_CANCELLED);
		else
			assert_int_equal(back, code);
	}
}

static void
a_sqlstate_means_what_its_class_says_unless_it_says_more(void **state)
{
	static const struct
	{
		const char *sqlstate;
		AzCode		code;
	}			expected[] = {
		{"00000", AZ_OK},
		{"08006", AZ_UNAVAILABLE},
		{"0A000", AZ_UNIMPLEMENTED},
		{"22003", AZ_OUT_OF_RANGE},
		{"22008", AZ_OUT_OF_RANGE},
		{"22021", AZ_INVALID_ARGUMENT},
		{"22023", AZ_INVALID_ARGUMENT},
		{"23505", AZ_ALREADY_EXISTS},
		{"23514", AZ_INTERNAL},
		{"25006", AZ_FAILED_PRECONDITION},
		{"25P02", AZ_INTERNAL},
		{"28P01", AZ_UNAUTHENTICATED},
		{"40001", AZ_ABORTED},
		{"40P01", AZ_ABORTED},
		{"42501", AZ_PERMISSION_DENIED},
		{"42601", AZ_INTERNAL},
		{"42704", AZ_NOT_FOUND},
		{"53100", AZ_RESOURCE_EXHAUSTED},
		{"53200", AZ_RESOURCE_EXHAUSTED},
		{"53300", AZ_RESOURCE_EXHAUSTED},
		{"54000", AZ_RESOURCE_EXHAUSTED},
		{"55000", AZ_FAILED_PRECONDITION},
		{"55P03", AZ_UNAVAILABLE},
		{"57014", AZ_CANCELLED},
		{"57P01", AZ_UNAVAILABLE},
		{"57P03", AZ_UNAVAILABLE},
		{"P0002", AZ_NOT_FOUND},
		{"XX000", AZ_INTERNAL},
		{"XX001", AZ_DATA_LOSS},
		{"ZA001", AZ_FAILED_PRECONDITION},
		{"ZA002", AZ_FAILED_PRECONDITION},
		{"ZA003", AZ_UNAVAILABLE},
		{"ZA004", AZ_NOT_FOUND},
		{"ZA005", AZ_FAILED_PRECONDITION},
		{"ZA006", AZ_INTERNAL},
		{"0", AZ_INTERNAL},
		{"", AZ_INTERNAL},
	};

	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		assert_int_equal(az_code_of_sqlstate(expected[i].sqlstate),
						 expected[i].code);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(setting_an_error_returns_false_and_replaces_the_old_one),
		TEST(without_an_arena_the_format_is_the_message),
		TEST(an_error_without_memory_for_its_text_keeps_its_code),
		TEST(every_code_has_its_name),
		TEST(every_code_has_a_sqlstate_of_five_characters),
		TEST(a_code_survives_the_way_over_sql),
		TEST(a_sqlstate_means_what_its_class_says_unless_it_says_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
