/* Tests of reading books in pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "failing_malloc.h"
#include "memory_db.h"
#include "store/read.h"

static MemoryDb *memory;
static AzArena *arena;
static AzArena *scratch;
static AzError error;
static const AzAggregate order = {"order", "", {1}};
static AzSelection selection;
static AzPlanWish plan;
static AzReadWish pages;

static int
setup(void **state)
{
	memset(&error, 0, sizeof(error));
	memset(&selection, 0, sizeof(selection));
	memset(&plan, 0, sizeof(plan));
	memset(&pages, 0, sizeof(pages));
	memory = memory_db_create();
	arena = az_arena_create();
	scratch = az_arena_create();
	selection.correlation_id = "";
	selection.upper = AZ_EVERY_SEQUENCE;
	plan.wish.arena = arena;
	plan.selection = &selection;
	plan.plan.aggregate = order;
	plan.plan.end_position = INT64_MAX;
	pages.wish.arena = arena;
	pages.selection = &selection;
	pages.plan = &plan.plan;
	pages.max_rows = 1000;
	pages.max_bytes = 1000000;
	return memory == NULL || arena == NULL || scratch == NULL;
}

static int
teardown(void **state)
{
	fail_malloc_after(-1);
	memory_db_free(memory);
	az_arena_free(arena);
	az_arena_free(scratch);
	return 0;
}

/* What the tick does; the scratch is gone afterwards. */
static bool
run(const AzWishKind *kind, AzWish *wish)
{
	bool		done;

	memset(&wish->error, 0, sizeof(wish->error));
	assert_true(az_db_begin(&memory->db, scratch, &error));
	done = kind->run(&memory->db, &wish, 1, scratch, &error);
	az_db_rollback(&memory->db);
	az_arena_reset(scratch);
	return done;
}

static void
make_plan(void)
{
	assert_true(run(&az_plan_kind, &plan.wish));
	assert_int_equal(plan.wish.outcome, AZ_WISH_FULFILLED);
	pages.lower = plan.plan.first;
}

static void
read_pages(void)
{
	assert_true(run(&az_read_kind, &pages.wish));
	assert_int_equal(pages.wish.outcome, AZ_WISH_FULFILLED);
}

static void
put(int count)
{
	for (int i = 0; i < count; i++)
		memory_db_put_correlated(memory, &order, i % 2 == 0 ? "even" : "odd",
								 i);
}

static void
a_plan_says_where_a_book_begins_and_ends(void **state)
{
	put(5);
	make_plan();
	assert_int_equal(plan.plan.first, 0);
	assert_int_equal(plan.plan.last, 4);
	assert_string_equal(plan.plan.correlation_id, "even");
	assert_null(plan.plan.snapshot);
	assert_false(plan.plan.aggregate.has_divergence);
	read_pages();
	assert_int_equal(pages.count, 5);
	assert_int_equal(pages.position, plan.plan.end_position);
	assert_int_equal(pages.events[4].created_at_us, 4);
	assert_string_equal(pages.events[4].type_url, "/t.Added");
	assert_int_equal(pages.events[4].payload.len, 4);
	assert_int_equal(pages.events[4].external.len, 0);
}

static void
a_plan_of_nothing_has_no_last_page(void **state)
{
	make_plan();
	assert_int_equal(plan.plan.last, -1);
	assert_string_equal(plan.plan.correlation_id, "");
	assert_int_equal(plan.plan.ext.len, 0);
}

static void
a_plan_holds_the_snapshot_that_was_asked_for(void **state)
{
	put(5);
	memory_db_put_snapshot(memory, &order, 2, "state");
	make_plan();
	assert_null(plan.plan.snapshot);
	selection.use_snapshot = true;
	make_plan();
	assert_int_equal(plan.plan.first, 3);
	assert_int_equal(plan.plan.snapshot->sequence, 2);
	assert_int_equal(plan.plan.snapshot->created_at_us, 1);
	assert_string_equal(plan.plan.snapshot->type_url, "/test.State");
	assert_true(az_bytes_equal(plan.plan.snapshot->state,
							   az_bytes_of("state")));
	selection.upper = 1;
	make_plan();
	assert_null(plan.plan.snapshot);
	assert_int_equal(plan.plan.last, 1);
}

static void
a_point_in_time_ends_the_plan(void **state)
{
	put(5);
	selection.has_as_of = true;
	selection.as_of_us = 2;
	make_plan();
	assert_int_equal(plan.plan.last, 2);
	read_pages();
	assert_int_equal(pages.count, 3);
}

static void
pages_come_in_pieces_of_rows_or_bytes(void **state)
{
	put(6);
	make_plan();
	pages.max_rows = 4;
	read_pages();
	assert_int_equal(pages.count, 4);
	pages.lower = 4;
	read_pages();
	assert_int_equal(pages.count, 2);
	pages.lower = 0;
	pages.max_bytes = 1;
	read_pages();
	assert_int_equal(pages.count, 1);
}

static void
later_pages_are_not_read(void **state)
{
	put(3);
	make_plan();
	put(3);
	read_pages();
	assert_int_equal(pages.count, 3);
	pages.lower = 3;
	read_pages();
	assert_int_equal(pages.count, 0);
}

static void
sequences_and_correlation_ids_choose(void **state)
{
	int64_t		sequences[] = {0, 1, 4, 9};

	put(6);
	selection.correlation_id = "even";
	make_plan();
	assert_int_equal(plan.plan.last, 4);
	read_pages();
	assert_int_equal(pages.count, 3);
	selection.sequences = sequences;
	selection.n_sequences = 4;
	make_plan();
	read_pages();
	assert_int_equal(pages.count, 2);
	selection.correlation_id = "";
	plan.plan.end_position = INT64_MAX;
	make_plan();
	read_pages();
	assert_int_equal(pages.count, 3);
}

static void
a_cover_that_disagrees_fails_alone_naming_both(void **state)
{
	put(1);
	plan.plan.aggregate.has_divergence = true;
	plan.plan.aggregate.divergence = 5;
	assert_true(run(&az_plan_kind, &plan.wish));
	assert_int_equal(plan.wish.outcome, AZ_WISH_FAILED);
	assert_int_equal(plan.wish.error.code, AZ_FAILED_PRECONDITION);
	assert_non_null(strstr(plan.wish.error.message, "sequence 0"));
	assert_non_null(strstr(plan.wish.error.message, "says 5"));
}

static void
a_failing_statement_spoils_the_transaction(void **state)
{
	put(1);
	memory_db_poison(memory, &order, "57014");
	assert_false(run(&az_plan_kind, &plan.wish));
	assert_int_equal(error.code, AZ_CANCELLED);
	assert_false(run(&az_read_kind, &pages.wish));
}

/* The host's own answer, without its rows. */
static bool (*execute) (AzDb *db, AzStatementId statement,
						const AzDbParam *params, AzArena *arena, AzRows *rows,
						AzError *error);

static bool
execute_without_rows(AzDb *db, AzStatementId statement,
					 const AzDbParam *params, AzArena *results, AzRows *rows,
					 AzError *failure)
{
	bool		done = execute(db, statement, params, results, rows, failure);

	rows->count = 0;
	return done;
}

static void
a_plan_without_a_row_is_an_internal_error(void **state)
{
	AzDbPort	port = *memory->db.port;

	execute = port.execute;
	port.execute = execute_without_rows;
	memory->db.port = &port;
	assert_false(run(&az_plan_kind, &plan.wish));
	assert_int_equal(error.code, AZ_INTERNAL);
}

static void
without_memory_the_wish_or_the_batch_fails(void **state)
{
	int			failures = 0;

	put(40);
	memory_db_put_snapshot(memory, &order, 2, "state");
	selection.use_snapshot = true;
	for (int n = 0;; n++)
	{
		bool		done;

		plan.plan.end_position = INT64_MAX;
		az_arena_alloc(arena, 3900);
		az_arena_alloc(scratch, 3900);
		fail_malloc_after(n);
		done = run(&az_plan_kind, &plan.wish)
			&& plan.wish.outcome == AZ_WISH_FULFILLED;
		if (done)
		{
			az_arena_alloc(arena, 3900);
			az_arena_alloc(scratch, 3900);
			done = run(&az_read_kind, &pages.wish)
				&& pages.wish.outcome == AZ_WISH_FULFILLED;
		}
		fail_malloc_after(-1);
		if (done)
			break;
		failures++;
	}
	assert_true(failures > 0);
	assert_int_equal(pages.count, 40);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_plan_says_where_a_book_begins_and_ends),
		TEST(a_plan_of_nothing_has_no_last_page),
		TEST(a_plan_holds_the_snapshot_that_was_asked_for),
		TEST(a_point_in_time_ends_the_plan),
		TEST(pages_come_in_pieces_of_rows_or_bytes),
		TEST(later_pages_are_not_read),
		TEST(sequences_and_correlation_ids_choose),
		TEST(a_cover_that_disagrees_fails_alone_naming_both),
		TEST(a_failing_statement_spoils_the_transaction),
		TEST(a_plan_without_a_row_is_an_internal_error),
		TEST(without_memory_the_wish_or_the_batch_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
