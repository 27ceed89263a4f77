/* Tests of the database in memory, on which other tests rely. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "failing_malloc.h"
#include "memory_db.h"
#include "store/append.h"
#include "store/load.h"

static MemoryDb *memory;
static AzArena *arena;
static const AzAggregate order = {"order", "", {1}};
static const AzAggregate other = {"order", "", {2}};

static int
setup(void **state)
{
	memory = memory_db_create();
	arena = az_arena_create();
	return memory == NULL || arena == NULL;
}

static int
teardown(void **state)
{
	memory_db_free(memory);
	az_arena_free(arena);
	return 0;
}

static AzEvent
event_at(int64_t sequence)
{
	AzEvent		event = {
		.sequence = sequence,
		.created_at_us = 7,
		.correlation_id = "c",
		.type_url = "/t.E",
		.payload = az_bytes_of("p")
	};

	return event;
}

/* Appends one event in the open transaction. */
static bool
append(const AzAggregate *aggregate, int64_t sequence, AzAppendWish *append,
	   AzError *error)
{
	AzEvent    *event = az_arena_alloc(arena, sizeof(AzEvent));
	AzWish	   *wish = &append->wish;

	*event = event_at(sequence);
	memset(append, 0, sizeof(*append));
	append->aggregate = *aggregate;
	append->events = event;
	append->count = 1;
	append->wish.arena = arena;
	return az_append_kind.run(&memory->db, &wish, 1, arena, error);
}

static size_t
stored(const AzAggregate *aggregate)
{
	size_t		count;

	memory_db_events(memory, aggregate, &count);
	return count;
}

static void
what_is_committed_stays_and_what_is_rolled_back_is_gone(void **state)
{
	AzAppendWish wish;
	AzError		error = {0};

	assert_true(az_db_begin(&memory->db, arena, &error));
	assert_true(append(&order, 0, &wish, &error));
	assert_true(wish.appended);
	assert_true(az_db_commit(&memory->db, arena, &error));
	assert_true(az_db_begin(&memory->db, arena, &error));
	assert_true(append(&order, 1, &wish, &error));
	assert_true(append(&other, 0, &wish, &error));
	assert_int_equal(stored(&order), 2);
	az_db_rollback(&memory->db);
	assert_int_equal(stored(&order), 1);
	assert_int_equal(stored(&other), 0);
	assert_int_equal(memory->begun, 2);
	assert_int_equal(memory->committed, 1);
	assert_int_equal(memory->rolled_back, 1);
	assert_int_equal(memory->executed[AZ_STATEMENT_APPEND_PROBED], 3);
}

static void
a_commit_that_fails_has_rolled_back(void **state)
{
	AzAppendWish wish;
	AzError		error = {0};

	memory_db_fail_commit(memory, 1, "53100");
	assert_true(az_db_begin(&memory->db, arena, &error));
	assert_true(append(&order, 0, &wish, &error));
	assert_false(az_db_commit(&memory->db, arena, &error));
	assert_int_equal(error.code, AZ_RESOURCE_EXHAUSTED);
	assert_string_equal(error.sqlstate, "53100");
	assert_int_equal(stored(&order), 0);
	assert_true(az_db_begin(&memory->db, arena, &error));
	assert_true(append(&order, 0, &wish, &error));
	assert_true(az_db_commit(&memory->db, arena, &error));
	assert_int_equal(stored(&order), 1);
}

static void
only_the_nth_execution_fails(void **state)
{
	AzAppendWish wish;
	AzError		error = {0};

	memory_db_fail_statement(memory, AZ_STATEMENT_APPEND_PROBED, 2, "23505");
	for (int i = 0; i < 3; i++)
	{
		assert_true(az_db_begin(&memory->db, arena, &error));
		if (i == 1)
		{
			assert_false(append(&order, 1, &wish, &error));
			assert_string_equal(error.sqlstate, "23505");
			assert_int_equal(error.code, AZ_ALREADY_EXISTS);
		}
		else
			assert_true(append(&order, i, &wish, &error));
		az_db_rollback(&memory->db);
		memory_db_put_event(memory, &order, "/t.E", "p");
	}
}

static void
a_begin_can_be_told_to_fail(void **state)
{
	AzError		error = {0};

	memory_db_fail_begin(memory, 1, "57P01");
	assert_false(az_db_begin(&memory->db, arena, &error));
	assert_int_equal(error.code, AZ_UNAVAILABLE);
	assert_true(az_db_begin(&memory->db, arena, &error));
	assert_int_equal(memory->begun, 1);
}

static void
a_poisoned_aggregate_fails_its_statements_until_it_is_healed(void **state)
{
	AzAppendWish wish;
	AzError		error = {0};

	memory_db_poison(memory, &order, "22021");
	assert_true(az_db_begin(&memory->db, arena, &error));
	assert_true(append(&other, 0, &wish, &error));
	assert_false(append(&order, 0, &wish, &error));
	assert_string_equal(error.sqlstate, "22021");
	az_db_rollback(&memory->db);
	memory_db_poison(memory, &order, NULL);
	assert_true(az_db_begin(&memory->db, arena, &error));
	assert_true(append(&order, 0, &wish, &error));
}

static void
overtake(MemoryDb *db, AzStatementId statement)
{
	memory_db_put_event(db, &order, "/t.Other", "q");
	db->before = NULL;
}

static void
somebody_else_can_write_just_before_a_statement(void **state)
{
	AzAppendWish wish;
	AzError		error = {0};

	memory->before = overtake;
	assert_true(az_db_begin(&memory->db, arena, &error));
	assert_true(append(&order, 0, &wish, &error));
	assert_false(wish.appended);
	assert_int_equal(wish.next_sequence, 1);
	az_db_rollback(&memory->db);
	assert_int_equal(stored(&order), 1);
}

static void
parameters_of_another_shape_are_refused(void **state)
{
	AzDbParam	params[6] = {0};
	AzError		error = {0};
	AzRows		rows;

	assert_true(az_db_begin(&memory->db, arena, &error));
	assert_false(az_db_execute(&memory->db, AZ_STATEMENT_LOAD_BOOKS, params,
							   arena, &rows, &error));
	assert_int_equal(error.code, AZ_INTERNAL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_committed_stays_and_what_is_rolled_back_is_gone),
		TEST(a_commit_that_fails_has_rolled_back),
		TEST(only_the_nth_execution_fails),
		TEST(a_begin_can_be_told_to_fail),
		TEST(a_poisoned_aggregate_fails_its_statements_until_it_is_healed),
		TEST(somebody_else_can_write_just_before_a_statement),
		TEST(parameters_of_another_shape_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
