/* Tests of the tick: many wishes, one transaction, each its own outcome. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include <cmocka.h>

#include "engine/tick.h"
#include "store/append.h"
#include "store/load.h"

#include "failing_malloc.h"
#include "memory_db.h"

#define MANY 20

typedef struct Order
{
	AzAppendWish append;
	AzLoadWish	load;
	AzEvent		event;
	int			done;
} Order;

static MemoryDb *memory;
static AzJobs jobs;				/* only its queue of wishes is used */
static AzTick tick;
static AzArena *arena;
static Order orders[MANY];
static size_t done_order;

static void
wish_done(AzWish *wish)
{
	Order	   *order = wish->owner;

	assert_false(memory->db.in_transaction);
	order->done++;
	done_order++;
}

static AzAggregate
aggregate(int n)
{
	AzAggregate order = {.domain = "order",.edition = ""};

	order.root[0] = (uint8_t) n;
	return order;
}

static void
queue(Order *order, AzWish *wish, const AzWishKind *kind)
{
	wish->kind = kind;
	wish->arena = arena;
	wish->done = wish_done;
	wish->owner = order;
	DL_APPEND2(jobs.wishes, wish, previous, next);
	jobs.n_wishes++;
}

static void
want_append(int n, int64_t expected)
{
	Order	   *order = &orders[n];

	order->event = (AzEvent)
	{
		.sequence = expected,.correlation_id = "",.type_url = "/a.B",
			.payload = az_bytes_of("x")
	};
	order->append.aggregate = aggregate(n);
	order->append.events = &order->event;
	order->append.count = 1;
	order->append.wish.bytes = 100;
	queue(order, &order->append.wish, &az_append_kind);
}

static void
want_load(int n)
{
	Order	   *order = &orders[n];

	order->load.aggregate = aggregate(n);
	order->load.use_snapshot = true;
	order->load.upper = AZ_EVERY_SEQUENCE;
	queue(order, &order->load.wish, &az_load_kind);
}

static size_t
stored(int n)
{
	AzAggregate order = aggregate(n);
	size_t		count;

	memory_db_events(memory, &order, &count);
	return count;
}

static int
setup(void **state)
{
	memset(orders, 0, sizeof(orders));
	memset(&jobs, 0, sizeof(jobs));
	done_order = 0;
	memory = memory_db_create();
	arena = az_arena_create();
	return !az_tick_init(&tick, &memory->db, MANY, 100000);
}

static int
teardown(void **state)
{
	az_tick_free(&tick);
	az_arena_free(arena);
	memory_db_free(memory);
	return 0;
}

static void
nothing_wished_is_no_transaction(void **state)
{
	az_tick_run(&tick, &jobs);
	assert_int_equal(memory->begun, 0);
}

static void
many_wishes_share_one_transaction_and_one_statement_a_kind(void **state)
{
	for (int n = 0; n < MANY / 2; n++)
		want_append(n, 0);
	for (int n = MANY / 2; n < MANY; n++)
		want_load(n);
	az_tick_run(&tick, &jobs);
	assert_int_equal(memory->committed, 1);
	assert_int_equal(memory->executed[AZ_STATEMENT_APPEND_PROBED], 1);
	assert_int_equal(memory->executed[AZ_STATEMENT_LOAD_BOOKS], 1);
	assert_int_equal(tick.batches, 1);
	assert_int_equal(done_order, MANY);
	for (int n = 0; n < MANY / 2; n++)
	{
		assert_true(orders[n].append.appended);
		assert_int_equal(orders[n].append.next_sequence, 1);
		assert_int_equal(stored(n), 1);
	}
}

static void
a_load_sees_what_the_same_tick_appended(void **state)
{
	want_load(3);
	want_append(3, 0);
	az_tick_run(&tick, &jobs);
	assert_int_equal(orders[3].load.book.next_sequence, 1);
	assert_int_equal(orders[3].load.book.count, 1);
}

static void
one_that_was_overtaken_fails_no_other(void **state)
{
	AzAggregate first = aggregate(1);

	memory_db_put_event(memory, &first, "/a.B", "x");
	want_append(0, 0);
	want_append(1, 0);
	want_append(2, 0);
	az_tick_run(&tick, &jobs);
	assert_int_equal(memory->committed, 1);
	assert_true(orders[0].append.appended);
	assert_false(orders[1].append.appended);
	assert_int_equal(orders[1].append.next_sequence, 1);
	assert_int_equal(orders[1].append.wish.outcome, AZ_WISH_FULFILLED);
	assert_true(orders[2].append.appended);
}

static void
a_race_lost_in_the_batch_is_run_again_in_its_safe_form(void **state)
{
	memory_db_fail_statement(memory, AZ_STATEMENT_APPEND_PROBED, 1, "23505");
	want_append(0, 0);
	want_append(1, 0);
	az_tick_run(&tick, &jobs);
	assert_int_equal(memory->rolled_back, 1);
	assert_int_equal(memory->committed, 1);
	assert_int_equal(memory->executed[AZ_STATEMENT_APPEND], 1);
	assert_int_equal(stored(0) + stored(1), 2);
	assert_int_equal(done_order, 2);
}

static int	races;				/* that are lost from now on */

static void
lose_race(MemoryDb *of, AzStatementId statement)
{
	AzAggregate raced = aggregate(1);

	if (statement == AZ_STATEMENT_APPEND_PROBED ||
		statement == AZ_STATEMENT_APPEND)
		memory_db_poison(of, &raced, races-- > 0 ? "23505" : NULL);
}

/* Twice in the batch, once alone: it may have been another one each time. */
static void
a_race_lost_alone_too_is_run_once_more_and_then_fails(void **state)
{
	memory->before = lose_race;
	races = 3;
	want_append(1, 0);
	az_tick_run(&tick, &jobs);
	assert_int_equal(orders[1].append.wish.outcome, AZ_WISH_FULFILLED);
	assert_int_equal(stored(1), 1);
	races = 4;
	want_append(1, 1);
	az_tick_run(&tick, &jobs);
	assert_int_equal(orders[1].append.wish.outcome, AZ_WISH_FAILED);
	assert_string_equal(orders[1].append.wish.error.sqlstate, "23505");
	assert_int_equal(races, 0);
}

static void
only_the_one_at_fault_fails_when_the_batch_does(void **state)
{
	AzAggregate bad = aggregate(1);

	memory_db_poison(memory, &bad, "53100");
	want_append(0, 0);
	want_append(1, 0);
	want_append(2, 0);
	want_load(4);
	az_tick_run(&tick, &jobs);
	assert_int_equal(orders[0].append.wish.outcome, AZ_WISH_FULFILLED);
	assert_int_equal(orders[2].append.wish.outcome, AZ_WISH_FULFILLED);
	assert_int_equal(orders[4].load.wish.outcome, AZ_WISH_FULFILLED);
	assert_int_equal(orders[1].append.wish.outcome, AZ_WISH_FAILED);
	assert_int_equal(orders[1].append.wish.error.code, AZ_RESOURCE_EXHAUSTED);
	assert_string_equal(orders[1].append.wish.error.sqlstate, "53100");
	assert_non_null(orders[1].append.wish.error.message);
	assert_int_equal(stored(0) + stored(2), 2);
	assert_int_equal(stored(1), 0);
	assert_int_equal(done_order, 4);
}

static void
a_commit_that_fails_stores_nothing_and_is_tried_again(void **state)
{
	memory_db_fail_commit(memory, 1, "53100");
	want_append(0, 0);
	az_tick_run(&tick, &jobs);
	assert_int_equal(memory->committed, 1);
	assert_true(orders[0].append.appended);
	assert_int_equal(stored(0), 1);
}

static void
a_lock_in_the_way_keeps_a_tick_short_and_fails_no_append(void **state)
{
	AzAggregate locked = aggregate(1);

	memory_db_poison(memory, &locked, "55P03");
	for (int n = 0; n < 10; n++)
		want_append(n, 0);
	want_load(10);
	az_tick_run(&tick, &jobs);
	/* The batch twice, the one before the locked one, the locked one. */
	assert_int_equal(memory->begun, 4);
	assert_int_equal(done_order, 2);
	assert_true(orders[0].append.appended);
	assert_int_equal(orders[1].append.wish.outcome, AZ_WISH_BUSY);
	assert_int_equal(jobs.n_wishes, 9);
	az_tick_run(&tick, &jobs);
	assert_int_equal(memory->begun, 5);
	assert_int_equal(done_order, 11);
	for (int n = 0; n < 10; n++)
		assert_int_equal(stored(n), n == 1 ? 0 : 1);
}

static void
a_load_that_meets_a_lock_waits_for_the_next_tick(void **state)
{
	AzAggregate locked = aggregate(1);

	memory_db_poison(memory, &locked, "55P03");
	for (int n = 0; n < 4; n++)
		want_load(n);
	az_tick_run(&tick, &jobs);
	assert_int_equal(done_order, 1);
	assert_int_equal(jobs.n_wishes, 3);
	az_tick_run(&tick, &jobs);
	assert_int_equal(done_order, 1);
	memory_db_poison(memory, &locked, NULL);
	az_tick_run(&tick, &jobs);
	assert_int_equal(done_order, 4);
	for (int n = 0; n < 4; n++)
	{
		assert_int_equal(orders[n].done, 1);
		assert_int_equal(orders[n].load.wish.outcome, AZ_WISH_FULFILLED);
	}
}

static bool
refuse_to_begin(AzDb *db, AzArena *scratch, AzError *error)
{
	return az_error_set(error, scratch, AZ_UNAVAILABLE, "the database is gone");
}

static void
a_database_that_is_gone_fails_every_wish_once(void **state)
{
	AzDbPort	gone = *memory->db.port;
	const AzDbPort *here = memory->db.port;

	gone.begin = refuse_to_begin;
	memory->db.port = &gone;
	for (int n = 0; n < 2; n++)
		want_append(n, 0);
	az_tick_run(&tick, &jobs);
	memory->db.port = here;
	for (int n = 0; n < 2; n++)
	{
		assert_int_equal(orders[n].done, 1);
		assert_int_equal(orders[n].append.wish.outcome, AZ_WISH_FAILED);
		assert_int_equal(orders[n].append.wish.error.code, AZ_UNAVAILABLE);
		assert_string_equal(orders[n].append.wish.error.message,
							"the database is gone");
	}
}

static void
a_busy_aggregate_is_told_so_and_nothing_is_stored(void **state)
{
	AzAggregate busy = aggregate(0);

	memory_db_be_busy(memory, &busy, 1);
	want_append(0, 0);
	want_append(1, 0);
	az_tick_run(&tick, &jobs);
	assert_int_equal(orders[0].append.wish.outcome, AZ_WISH_BUSY);
	assert_int_equal(stored(0), 0);
	assert_true(orders[1].append.appended);
}

static void
a_tick_takes_no_more_wishes_than_allowed_oldest_first(void **state)
{
	tick.max_jobs = 3;
	for (int n = 0; n < 5; n++)
		want_append(n, 0);
	az_tick_run(&tick, &jobs);
	assert_int_equal(done_order, 3);
	assert_int_equal(orders[0].done + orders[1].done + orders[2].done, 3);
	assert_int_equal(jobs.n_wishes, 2);
	az_tick_run(&tick, &jobs);
	assert_int_equal(done_order, 5);
	assert_int_equal(memory->committed, 2);
}

static void
a_tick_takes_no_more_bytes_than_allowed_but_always_one_wish(void **state)
{
	tick.max_bytes = 250;
	for (int n = 0; n < 3; n++)
		want_append(n, 0);
	orders[2].append.wish.bytes = 1000;
	az_tick_run(&tick, &jobs);
	assert_int_equal(done_order, 2);
	az_tick_run(&tick, &jobs);
	assert_int_equal(done_order, 3);
}

static void
memory_that_runs_out_fails_wishes_and_never_doubles_an_event(void **state)
{
	bool		worked = false;

	for (int n = 0; !worked; n++)
	{
		assert_true(n < 200);
		teardown(NULL);
		setup(NULL);
		want_append(0, 0);
		want_append(1, 0);
		want_load(2);
		fail_malloc_after(n);
		az_tick_run(&tick, &jobs);
		worked = !malloc_has_failed();
		fail_malloc_after(-1);
		assert_int_equal(done_order, 3);
		for (int i = 0; i < 2; i++)
			assert_int_equal(stored(i), orders[i].append.wish.outcome ==
							 AZ_WISH_FULFILLED && orders[i].append.appended);
	}
}

static void
memory_that_runs_out_at_the_start_is_told(void **state)
{
	AzTick		other;

	for (int n = 0; n < 2; n++)
	{
		fail_malloc_after(n);
		assert_false(az_tick_init(&other, &memory->db, 10, 10));
		fail_malloc_after(-1);
		assert_null(other.wishes);
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(nothing_wished_is_no_transaction),
		TEST(many_wishes_share_one_transaction_and_one_statement_a_kind),
		TEST(a_load_sees_what_the_same_tick_appended),
		TEST(one_that_was_overtaken_fails_no_other),
		TEST(a_race_lost_in_the_batch_is_run_again_in_its_safe_form),
		TEST(a_race_lost_alone_too_is_run_once_more_and_then_fails),
		TEST(only_the_one_at_fault_fails_when_the_batch_does),
		TEST(a_commit_that_fails_stores_nothing_and_is_tried_again),
		TEST(a_lock_in_the_way_keeps_a_tick_short_and_fails_no_append),
		TEST(a_load_that_meets_a_lock_waits_for_the_next_tick),
		TEST(a_database_that_is_gone_fails_every_wish_once),
		TEST(a_busy_aggregate_is_told_so_and_nothing_is_stored),
		TEST(a_tick_takes_no_more_wishes_than_allowed_oldest_first),
		TEST(a_tick_takes_no_more_bytes_than_allowed_but_always_one_wish),
		TEST(memory_that_runs_out_fails_wishes_and_never_doubles_an_event),
		TEST(memory_that_runs_out_at_the_start_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
