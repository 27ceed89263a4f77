/* Tests of array parameters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failing_malloc.h"
#include "store/columns.h"

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
parameters_have_the_types_of_the_statement(void **state)
{
	static const AzDbType types[] = {
		AZ_DB_UUID, AZ_DB_TEXT, AZ_DB_TEXT, AZ_DB_INT8, AZ_DB_INT4,
		AZ_DB_TIME, AZ_DB_TEXT, AZ_DB_TEXT, AZ_DB_BYTEA, AZ_DB_BYTEA,
		AZ_DB_BYTEA, AZ_DB_BOOL, AZ_DB_INT4
	};
	AzDbParam  *params = az_columns_create(AZ_STATEMENT_APPEND, 3, arena);

	assert_non_null(params);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
	{
		assert_int_equal(params[i].column.type, types[i]);
		assert_int_equal(params[i].column.count, 3);
		assert_true(params[i].is_array);
		assert_false(params[i].column.nulls[2]);
	}
}

static void
values_are_set_row_by_row(void **state)
{
	AzDbParam  *params = az_columns_create(AZ_STATEMENT_LOAD_BOOKS, 2, arena);

	az_columns_set_int(&params[4], 1, 7);
	az_columns_set_text(&params[1], 0, "order");
	az_columns_set_text(&params[1], 1, NULL);
	az_columns_set_bytes(&params[0], 1, az_bytes_of("0123456789abcdef"));
	az_columns_set_null(&params[3], 0);
	assert_int_equal(params[4].column.ints[0], 0);
	assert_int_equal(params[4].column.ints[1], 7);
	assert_string_equal((const char *) params[1].column.bytes[0].data,
						"order");
	assert_int_equal(params[1].column.bytes[0].len, 5);
	assert_false(params[1].column.nulls[0]);
	assert_true(params[1].column.nulls[1]);
	assert_int_equal(params[0].column.bytes[1].len, 16);
	assert_true(params[3].column.nulls[0]);
}

static void
no_rows_give_arrays_of_nothing(void **state)
{
	AzDbParam  *params = az_columns_create(AZ_STATEMENT_APPEND, 0, arena);

	assert_non_null(params);
	assert_int_equal(params[17].column.count, 0);
	assert_non_null(az_columns_create(AZ_STATEMENT_COMPONENTS, 5, arena));
}

static void
single_values_and_arrays_are_told_apart(void **state)
{
	AzDbParam  *params = az_columns_create(AZ_STATEMENT_READ_PLAN, 1, arena);
	int64_t		sequences[] = {1, 5, 9};

	assert_false(params[0].is_array);
	assert_int_equal(params[0].column.count, 1);
	assert_true(params[5].is_array);
	az_columns_set_ints(&params[5], sequences, 3);
	assert_int_equal(params[5].column.count, 3);
	assert_int_equal(params[5].column.ints[2], 9);
	assert_null(params[5].column.nulls);
}

static void
parameters_without_memory_are_not_created(void **state)
{
	int			n_failed = 0;

	for (int n = 0;; n++)
	{
		AzDbParam  *params;

		az_arena_reset(arena);
		fail_malloc_after(n);
		params = az_columns_create(AZ_STATEMENT_APPEND, 5000, arena);
		fail_malloc_after(-1);
		if (params != NULL)
			break;
		n_failed++;
	}
	assert_true(n_failed >= 30);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(parameters_have_the_types_of_the_statement),
		TEST(values_are_set_row_by_row),
		TEST(no_rows_give_arrays_of_nothing),
		TEST(parameters_without_memory_are_not_created),
		TEST(single_values_and_arrays_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
