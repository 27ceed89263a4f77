/* Tests of the order of database calls, and of reading results. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "db/db.h"
#include "failing_malloc.h"

/* A port that notes what it is asked, and answers one row of components. */
typedef struct NotingDb
{
	AzDb		db;
	char		calls[200];
	bool		fails;
	int			columns_missing;	/* in what it answers */
	size_t		values_missing;
	bool		has_other_type;
} NotingDb;

static NotingDb noting;
static AzArena *arena;
static AzError error;
static AzRows rows;

static bool
note(AzDb *db, const char *call, AzError *failure)
{
	NotingDb   *self = (NotingDb *) db;

	strncat(self->calls, call, sizeof(self->calls) - strlen(self->calls) - 1);
	if (self->fails)
		return az_error_set(failure, NULL, AZ_ABORTED, "told to fail");
	return true;
}

static bool
note_begin(AzDb *db, AzArena *unused, AzError *failure)
{
	return note(db, "begin ", failure);
}

static bool
note_execute(AzDb *db, AzStatementId statement, const AzDbParam *params,
			 AzArena *results, AzRows *answer, AzError *failure)
{
	NotingDb   *self = (NotingDb *) db;

	assert_int_equal(answer->count, 0);
	assert_true(az_rows_create(answer, statement, 1, results));
	answer->n_columns -= self->columns_missing;
	if (self->has_other_type)
		answer->columns[0].type = AZ_DB_BYTEA;
	answer->columns[1].count -= self->values_missing;
	return note(db, "execute ", failure);
}

static bool
note_commit(AzDb *db, AzArena *unused, AzError *failure)
{
	return note(db, "commit ", failure);
}

static void
note_rollback(AzDb *db)
{
	note(db, "rollback ", NULL);
}

static uint64_t
note_generation(AzDb *db)
{
	return 42;
}

static uint64_t
note_log_generation(AzDb *db)
{
	return 43;
}

static const AzDbPort noting_port = {
	.begin = note_begin,
	.execute = note_execute,
	.commit = note_commit,
	.rollback = note_rollback,
	.components_generation = note_generation,
	.log_generation = note_log_generation
};

static int
setup(void **state)
{
	memset(&noting, 0, sizeof(noting));
	memset(&error, 0, sizeof(error));
	noting.db.port = &noting_port;
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
begin(void)
{
	return az_db_begin(&noting.db, arena, &error);
}

static bool
execute(void)
{
	return az_db_execute(&noting.db, AZ_STATEMENT_COMPONENTS, NULL, arena,
						 &rows, &error);
}

static bool
commit(void)
{
	return az_db_commit(&noting.db, arena, &error);
}

static void
assert_internal(void)
{
	assert_int_equal(error.code, AZ_INTERNAL);
	assert_non_null(error.message);
	memset(&error, 0, sizeof(error));
}

static void
calls_in_order_reach_the_host(void **state)
{
	assert_true(begin());
	assert_true(noting.db.in_transaction);
	assert_true(execute());
	assert_true(execute());
	assert_true(commit());
	assert_false(noting.db.in_transaction);
	assert_true(begin());
	az_db_rollback(&noting.db);
	assert_string_equal(noting.calls,
						"begin execute execute commit begin rollback ");
	assert_int_equal(noting.db.commits, 1);
	assert_int_equal(az_db_components_generation(&noting.db), 42);
	assert_int_equal(az_db_log_generation(&noting.db), 43);
}

static void
calls_out_of_order_are_internal_errors_and_do_not_reach_the_host(void **state)
{
	assert_false(execute());
	assert_internal();
	assert_false(commit());
	assert_internal();
	az_db_rollback(&noting.db);
	assert_string_equal(noting.calls, "");
	assert_true(begin());
	assert_false(begin());
	assert_internal();
	assert_string_equal(noting.calls, "begin ");
	assert_true(commit());
	assert_int_equal(noting.db.commits, 1);
}

static void
an_unknown_statement_is_an_internal_error(void **state)
{
	assert_true(begin());
	assert_false(az_db_execute(&noting.db, AZ_STATEMENT_COUNT, NULL, arena,
							   &rows, &error));
	assert_internal();
	assert_true(execute());
}

static void
after_a_failed_execute_only_rollback_is_allowed(void **state)
{
	assert_true(begin());
	noting.fails = true;
	assert_false(execute());
	assert_int_equal(error.code, AZ_ABORTED);
	assert_int_equal(rows.count, 0);
	assert_int_equal(rows.n_columns, 0);
	noting.fails = false;
	assert_false(execute());
	assert_internal();
	az_db_rollback(&noting.db);
	assert_string_equal(noting.calls, "begin execute rollback ");
	assert_true(begin());
	assert_true(execute());
	assert_true(commit());
}

static void
committing_a_failed_transaction_rolls_back(void **state)
{
	assert_true(begin());
	noting.fails = true;
	assert_false(execute());
	noting.fails = false;
	assert_false(commit());
	assert_internal();
	assert_string_equal(noting.calls, "begin execute rollback ");
	assert_false(noting.db.in_transaction);
	assert_int_equal(noting.db.commits, 0);
	assert_true(begin());
}

static void
a_failed_begin_or_commit_leaves_no_transaction(void **state)
{
	noting.fails = true;
	assert_false(begin());
	assert_false(noting.db.in_transaction);
	noting.fails = false;
	assert_true(begin());
	noting.fails = true;
	assert_false(commit());
	assert_int_equal(error.code, AZ_ABORTED);
	assert_false(noting.db.in_transaction);
	assert_int_equal(noting.db.commits, 0);
	az_db_rollback(&noting.db);
	assert_string_equal(noting.calls, "begin begin commit ");
}

static void
assert_answer_refused(void)
{
	assert_true(begin());
	assert_false(execute());
	assert_internal();
	assert_int_equal(rows.count, 0);
	assert_false(commit());
	memset(&error, 0, sizeof(error));
}

static void
an_answer_of_other_columns_is_an_internal_error(void **state)
{
	noting.columns_missing = 1;
	assert_answer_refused();
	noting.columns_missing = 0;
	noting.has_other_type = true;
	assert_answer_refused();
	noting.has_other_type = false;
	noting.values_missing = 1;
	assert_answer_refused();
	noting.values_missing = 0;
	assert_true(begin());
	assert_true(execute());
}

static void
created_rows_have_the_types_of_the_statement(void **state)
{
	assert_true(az_rows_create(&rows, AZ_STATEMENT_LOAD_BOOKS, 3, arena));
	assert_int_equal(rows.count, 3);
	assert_int_equal(rows.n_columns, 10);
	assert_int_equal(rows.columns[0].type, AZ_DB_INT4);
	assert_int_equal(rows.columns[1].type, AZ_DB_BOOL);
	assert_int_equal(rows.columns[2].type, AZ_DB_INT8);
	assert_int_equal(rows.columns[3].type, AZ_DB_TIME);
	assert_int_equal(rows.columns[4].type, AZ_DB_TEXT);
	assert_int_equal(rows.columns[6].type, AZ_DB_BYTEA);
	assert_non_null(rows.columns[3].ints);
	assert_non_null(rows.columns[6].bytes);
	assert_false(az_rows_is_null(&rows, 2, 9));
	assert_int_equal(az_rows_int(&rows, 2, 9), 0);
	assert_true(az_rows_create(&rows, AZ_STATEMENT_LOAD_BOOKS, 0, arena));
	assert_true(az_rows_is_null(&rows, 0, 0));
}

static void
values_are_read_by_row_and_column(void **state)
{
	assert_true(az_rows_create(&rows, AZ_STATEMENT_APPEND, 2, arena));
	rows.columns[0].ints[1] = 7;
	rows.columns[1].bytes[1] = az_bytes_of("busy");
	rows.columns[2].nulls[1] = true;
	rows.columns[2].ints[1] = 99;
	assert_int_equal(az_rows_int(&rows, 1, 0), 7);
	assert_string_equal(az_rows_text(&rows, 1, 1), "busy");
	assert_int_equal(az_rows_bytes(&rows, 1, 1).len, 4);
	assert_true(az_rows_is_null(&rows, 1, 2));
	assert_int_equal(az_rows_int(&rows, 1, 2), 0);
	rows.columns[2].nulls = NULL;
	assert_int_equal(az_rows_int(&rows, 1, 2), 99);
}

static void
what_is_not_there_reads_as_nothing(void **state)
{
	assert_true(az_rows_create(&rows, AZ_STATEMENT_APPEND, 1, arena));
	assert_true(az_rows_is_null(&rows, 1, 0));
	assert_true(az_rows_is_null(&rows, 0, 3));
	assert_true(az_rows_is_null(&rows, 0, -1));
	assert_int_equal(az_rows_int(&rows, 5, 0), 0);
	assert_int_equal(az_rows_int(&rows, 0, 1), 0);
	assert_int_equal(az_rows_bytes(&rows, 0, 0).len, 0);
	assert_string_equal(az_rows_text(&rows, 0, 9), "");
	assert_string_equal(az_rows_text(&rows, 0, 1), "");
}

static void
rows_without_memory_are_not_created(void **state)
{
	int			n_failed = 0;

	for (int n = 0;; n++)
	{
		bool		created;

		az_arena_reset(arena);
		fail_malloc_after(n);
		created = az_rows_create(&rows, AZ_STATEMENT_LOAD_BOOKS, 1000, arena);
		fail_malloc_after(-1);
		if (created)
			break;
		n_failed++;
	}
	assert_true(n_failed >= 10);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(calls_in_order_reach_the_host),
		TEST(calls_out_of_order_are_internal_errors_and_do_not_reach_the_host),
		TEST(an_unknown_statement_is_an_internal_error),
		TEST(after_a_failed_execute_only_rollback_is_allowed),
		TEST(committing_a_failed_transaction_rolls_back),
		TEST(a_failed_begin_or_commit_leaves_no_transaction),
		TEST(an_answer_of_other_columns_is_an_internal_error),
		TEST(created_rows_have_the_types_of_the_statement),
		TEST(values_are_read_by_row_and_column),
		TEST(what_is_not_there_reads_as_nothing),
		TEST(rows_without_memory_are_not_created),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
