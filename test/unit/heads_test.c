/* Tests of comparing books with where their streams end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "failing_malloc.h"
#include "memory_db.h"
#include "store/heads.h"
#include "store/load.h"

static MemoryDb *memory;
static AzArena *arena;
static AzArena *scratch;
static AzError error;
static AzAggregate order;
static AzLoadWish load;

static int
setup(void **state)
{
	memset(&error, 0, sizeof(error));
	memory = memory_db_create();
	arena = az_arena_create();
	scratch = az_arena_create();
	order = (AzAggregate)
	{
		.domain = "order",.edition = ""
	};
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

static void
put(int count)
{
	for (int i = 0; i < count; i++)
		memory_db_put_event(memory, &order, "/a", "x");
}

/* The book that is compared afterwards. */
static void
load_book(bool use_snapshot)
{
	AzWish	   *wishes[] = {&load.wish};

	memset(&load, 0, sizeof(load));
	load.wish.arena = arena;
	load.aggregate = order;
	load.use_snapshot = use_snapshot;
	load.upper = AZ_EVERY_SEQUENCE;
	assert_true(az_db_begin(&memory->db, scratch, &error));
	assert_true(az_load_kind.run(&memory->db, wishes, 1, scratch, &error));
	az_db_rollback(&memory->db);
}

static bool
compare(AzHeadWish *head)
{
	AzWish	   *wishes[] = {&head->wish};
	bool		succeeded;

	assert_true(az_db_begin(&memory->db, scratch, &error));
	succeeded = az_head_kind.run(&memory->db, wishes, 1, scratch, &error);
	az_db_rollback(&memory->db);
	return succeeded;
}

static bool
holds(void)
{
	AzHeadWish	head = {
		.book = &load.book,.use_snapshot = load.use_snapshot
	};

	assert_true(compare(&head));
	assert_int_equal(head.wish.outcome, AZ_WISH_FULFILLED);
	return head.holds;
}

static void
a_book_holds_until_somebody_appends(void **state)
{
	put(3);
	load_book(true);
	assert_true(holds());
	put(1);
	assert_false(holds());
}

static void
a_book_holds_until_a_snapshot_comes_or_changes(void **state)
{
	put(3);
	load_book(true);
	memory_db_put_snapshot(memory, &order, 1, "state");
	assert_false(holds());
	load_book(true);
	assert_true(holds());
	memory_db_put_snapshot(memory, &order, 2, "state");
	assert_false(holds());
	load_book(true);
	memory_db_put_snapshot(memory, &order, 2, "states");
	assert_false(holds());
}

static void
a_snapshot_of_the_same_event_at_another_time_is_another(void **state)
{
	AzSnapshot	earlier;

	put(3);
	memory_db_put_snapshot(memory, &order, 1, "state");
	load_book(true);
	earlier = *load.book.snapshot;
	earlier.created_at_us++;
	load.book.snapshot = &earlier;
	assert_false(holds());
}

static void
a_book_does_not_hold_when_its_snapshot_has_gone(void **state)
{
	AzSnapshot	gone = {.sequence = 1,.type_url = "/a"};

	put(3);
	load_book(true);
	load.book.snapshot = &gone;
	assert_false(holds());
}

static void
without_snapshots_they_are_not_looked_at(void **state)
{
	put(3);
	load_book(false);
	memory_db_put_snapshot(memory, &order, 2, "state");
	assert_true(holds());
	put(1);
	assert_false(holds());
}

static void
a_book_of_a_snapshot_alone_holds_until_an_event_follows(void **state)
{
	put(3);
	memory_db_put_snapshot(memory, &order, 2, "state");
	load_book(true);
	assert_int_equal(load.book.count, 0);
	assert_true(holds());
	put(1);
	assert_false(holds());
}

static void
an_event_of_another_time_is_another_event(void **state)
{
	put(3);
	load_book(true);
	load.book.events[2].created_at_us--;
	assert_false(holds());
}

static void
events_that_vanished_are_noticed(void **state)
{
	put(3);
	load_book(true);
	order.root[0] = 1;
	load.book.aggregate = order;
	assert_false(holds());
}

static void
many_are_compared_with_one_statement(void **state)
{
	AzLoadWish	loads[3];
	bool		results[3];
	AzHeadRow	rows[3];

	for (uint8_t i = 0; i < 3; i++)
	{
		order.root[0] = i;
		put(2);
		load_book(true);
		loads[i] = load;
		if (i == 1)
			put(1);
		rows[i] = (AzHeadRow)
		{
			.book = &loads[i].book,.use_snapshot = true,.holds = &results[i]
		};
	}
	assert_true(az_db_begin(&memory->db, scratch, &error));
	assert_true(az_heads_compare(&memory->db, rows, 3, scratch, &error));
	az_db_rollback(&memory->db);
	assert_int_equal(memory->executed[AZ_STATEMENT_HEADS], 1);
	assert_true(results[0]);
	assert_false(results[1]);
	assert_true(results[2]);
}

static void
a_comparison_that_fails_is_an_error(void **state)
{
	AzHeadWish	head = {.book = &load.book,.use_snapshot = true};

	put(3);
	load_book(true);
	memory_db_fail_statement(memory, AZ_STATEMENT_HEADS, 1, "53100");
	assert_false(compare(&head));
	assert_int_equal(error.code, AZ_RESOURCE_EXHAUSTED);
}

static void
a_comparison_without_memory_is_an_error(void **state)
{
	static AzHeadRow rows[2000];
	static bool result;

	put(3);
	load_book(true);
	for (int i = 0; i < 2000; i++)
		rows[i] = (AzHeadRow)
	{
		.book = &load.book,.use_snapshot = true,.holds = &result
	};
	for (int n = 0; n < 3; n++)
	{
		memset(&error, 0, sizeof(error));
		assert_true(az_db_begin(&memory->db, scratch, &error));
		fail_malloc_after(n);
		assert_false(az_heads_compare(&memory->db, rows, 2000, scratch,
									  &error));
		fail_malloc_after(-1);
		assert_int_equal(error.code, AZ_RESOURCE_EXHAUSTED);
		az_db_rollback(&memory->db);
		az_arena_reset(scratch);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_book_holds_until_somebody_appends),
		TEST(a_book_holds_until_a_snapshot_comes_or_changes),
		TEST(a_snapshot_of_the_same_event_at_another_time_is_another),
		TEST(a_book_does_not_hold_when_its_snapshot_has_gone),
		TEST(without_snapshots_they_are_not_looked_at),
		TEST(a_book_of_a_snapshot_alone_holds_until_an_event_follows),
		TEST(an_event_of_another_time_is_another_event),
		TEST(events_that_vanished_are_noticed),
		TEST(many_are_compared_with_one_statement),
		TEST(a_comparison_that_fails_is_an_error),
		TEST(a_comparison_without_memory_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
