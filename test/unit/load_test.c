/* Tests of loading books. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failing_malloc.h"
#include "memory_db.h"
#include "store/load.h"

#define MANY 50

static MemoryDb *memory;
static AzArena *arena;			/* the job's */
static AzArena *scratch;
static AzError error;
static const AzAggregate order = {"order", "", {1}};
static const AzAggregate unknown = {"order", "", {9}};
static AzLoadWish loads[MANY];
static AzWish *wishes[MANY];

static int
setup(void **state)
{
	memset(loads, 0, sizeof(loads));
	memset(&error, 0, sizeof(error));
	memory = memory_db_create();
	arena = az_arena_create();
	scratch = az_arena_create();
	return memory == NULL || arena == NULL || scratch == NULL;
}

static int
teardown(void **state)
{
	memory_db_free(memory);
	az_arena_free(arena);
	az_arena_free(scratch);
	return 0;
}

static void
want(size_t i, AzAggregate aggregate, bool use_snapshot, int64_t lower,
	 int64_t upper)
{
	AzLoadWish	load = {
		.wish = {.arena = arena,.outcome = AZ_WISH_BUSY},
		.aggregate = aggregate,
		.use_snapshot = use_snapshot,
		.lower = lower,
		.upper = upper
	};

	loads[i] = load;
	wishes[i] = &loads[i].wish;
}

/* What the tick does; the scratch is gone afterwards. */
static bool
run(size_t count)
{
	bool		fulfilled;

	assert_true(az_db_begin(&memory->db, scratch, &error));
	fulfilled = az_load_kind.run(&memory->db, wishes, count, scratch, &error);
	az_db_rollback(&memory->db);
	az_arena_reset(scratch);
	return fulfilled;
}

static void
put_events(const AzAggregate *aggregate, int count)
{
	for (int i = 0; i < count; i++)
		memory_db_put_event(memory, aggregate, "/t.Added", "payload");
}

static void
an_aggregate_nobody_wrote_is_an_empty_book(void **state)
{
	want(0, unknown, true, 0, AZ_EVERY_SEQUENCE);
	assert_true(run(1));
	assert_int_equal(loads[0].wish.outcome, AZ_WISH_FULFILLED);
	assert_int_equal(loads[0].book.count, 0);
	assert_null(loads[0].book.snapshot);
	assert_int_equal(loads[0].book.next_sequence, 0);
	assert_string_equal(loads[0].book.aggregate.domain, "order");
}

static void
a_book_holds_the_events_in_order_after_the_scratch_is_gone(void **state)
{
	put_events(&order, 3);
	want(0, order, true, 0, AZ_EVERY_SEQUENCE);
	assert_true(run(1));
	assert_int_equal(loads[0].book.count, 3);
	assert_int_equal(loads[0].book.next_sequence, 3);
	for (int i = 0; i < 3; i++)
	{
		const AzEvent *event = &loads[0].book.events[i];

		assert_int_equal(event->sequence, i);
		assert_int_equal(event->created_at_us, 1);
		assert_string_equal(event->type_url, "/t.Added");
		assert_string_equal(event->correlation_id, "");
		assert_true(az_bytes_equal(event->payload, az_bytes_of("payload")));
		assert_int_equal(event->external.len, 0);
		assert_int_equal(event->ext.len, 0);
		assert_null(event->cause);
	}
}

static void
the_newest_snapshot_comes_with_the_events_after_it(void **state)
{
	put_events(&order, 5);
	memory_db_put_snapshot(memory, &order, 1, "old");
	memory_db_put_snapshot(memory, &order, 2, "new");
	want(0, order, true, 0, AZ_EVERY_SEQUENCE);
	assert_true(run(1));
	assert_non_null(loads[0].book.snapshot);
	assert_int_equal(loads[0].book.snapshot->sequence, 2);
	assert_int_equal(loads[0].book.snapshot->created_at_us, 1);
	assert_int_equal(loads[0].book.snapshot->retention, AZ_RETENTION_DEFAULT);
	assert_string_equal(loads[0].book.snapshot->type_url, "/test.State");
	assert_true(az_bytes_equal(loads[0].book.snapshot->state,
							   az_bytes_of("new")));
	assert_int_equal(loads[0].book.count, 2);
	assert_int_equal(loads[0].book.events[0].sequence, 3);
	assert_int_equal(loads[0].book.next_sequence, 5);
}

static void
a_look_back_takes_the_snapshot_and_the_events_of_the_point(void **state)
{
	put_events(&order, 5);
	memory_db_put_snapshot(memory, &order, 1, "old");
	memory_db_put_snapshot(memory, &order, 3, "new");
	want(0, order, true, 0, 2);
	want(1, order, true, 0, AZ_EVERY_SEQUENCE);
	loads[1].has_as_of = true;
	loads[1].as_of_us = 0;
	want(2, order, true, 0, AZ_EVERY_SEQUENCE);
	loads[2].has_as_of = true;
	loads[2].as_of_us = 1;
	assert_true(run(3));
	assert_int_equal(loads[0].book.snapshot->sequence, 1);
	assert_int_equal(loads[0].book.count, 1);
	assert_int_equal(loads[0].book.next_sequence, 3);
	assert_null(loads[1].book.snapshot);
	assert_int_equal(loads[1].book.count, 0);
	assert_int_equal(loads[2].book.snapshot->sequence, 3);
	assert_int_equal(loads[2].book.next_sequence, 5);
}

static void
the_sequence_after_a_snapshot_without_later_events_is_next(void **state)
{
	memory_db_put_snapshot(memory, &order, 6, "state");
	want(0, order, true, 0, AZ_EVERY_SEQUENCE);
	assert_true(run(1));
	assert_int_equal(loads[0].book.count, 0);
	assert_int_equal(loads[0].book.next_sequence, 7);
}

static void
a_range_gives_those_events_and_no_snapshot(void **state)
{
	put_events(&order, 6);
	memory_db_put_snapshot(memory, &order, 3, "state");
	want(0, order, false, 2, 4);
	want(1, order, false, 0, AZ_EVERY_SEQUENCE);
	want(2, order, false, 6, 9);
	want(3, order, false, 5, 5);
	assert_true(run(4));
	assert_null(loads[0].book.snapshot);
	assert_int_equal(loads[0].book.count, 3);
	assert_int_equal(loads[0].book.events[0].sequence, 2);
	assert_int_equal(loads[0].book.next_sequence, 5);
	assert_int_equal(loads[1].book.count, 6);
	assert_int_equal(loads[2].book.count, 0);
	assert_int_equal(loads[3].book.count, 1);
	assert_int_equal(loads[3].book.next_sequence, 6);
}

static void
many_books_are_loaded_with_one_statement(void **state)
{
	for (int i = 0; i < MANY; i++)
	{
		AzAggregate aggregate = {"order", "", {(uint8_t) (i / 2), 1}};

		if (i % 2 == 0)
			put_events(&aggregate, i % 6);
		want((size_t) i, aggregate, true, 0, AZ_EVERY_SEQUENCE);
	}
	assert_true(run(MANY));
	assert_int_equal(memory->executed[AZ_STATEMENT_LOAD_BOOKS], 1);
	for (int i = 0; i < MANY; i++)
	{
		assert_int_equal(loads[i].wish.outcome, AZ_WISH_FULFILLED);
		assert_int_equal(loads[i].book.count, (i - i % 2) % 6);
		assert_memory_equal(loads[i].book.aggregate.root,
							loads[i].aggregate.root, AZ_UUID_SIZE);
	}
}

static void
domains_and_editions_are_streams_of_their_own(void **state)
{
	AzAggregate edition = {"order", "trial", {1}};
	AzAggregate cart = {"cart", "", {1}};

	put_events(&order, 1);
	put_events(&edition, 2);
	put_events(&cart, 3);
	want(0, cart, true, 0, AZ_EVERY_SEQUENCE);
	want(1, edition, true, 0, AZ_EVERY_SEQUENCE);
	want(2, order, true, 0, AZ_EVERY_SEQUENCE);
	assert_true(run(3));
	assert_int_equal(loads[0].book.count, 3);
	assert_int_equal(loads[1].book.count, 2);
	assert_int_equal(loads[2].book.count, 1);
	assert_string_equal(loads[1].book.aggregate.edition, "trial");
}

static void
a_failing_statement_spoils_the_transaction(void **state)
{
	memory_db_fail_statement(memory, AZ_STATEMENT_LOAD_BOOKS, 1, "57014");
	want(0, order, true, 0, AZ_EVERY_SEQUENCE);
	assert_false(run(1));
	assert_int_equal(error.code, AZ_CANCELLED);
	assert_string_equal(error.sqlstate, "57014");
}

/* The host's own answer, with the books in another order. */
static bool (*execute) (AzDb *db, AzStatementId statement,
						const AzDbParam *params, AzArena *arena, AzRows *rows,
						AzError *error);

static bool
execute_backwards(AzDb *db, AzStatementId statement, const AzDbParam *params,
				  AzArena *results, AzRows *rows, AzError *failure)
{
	bool		done = execute(db, statement, params, results, rows, failure);

	for (size_t row = 0; done && row < rows->count; row++)
		rows->columns[0].ints[row] = (int64_t) (rows->count - 1 - row);
	return done;
}

static void
an_answer_out_of_order_is_an_internal_error(void **state)
{
	AzDbPort	port = *memory->db.port;

	execute = port.execute;
	port.execute = execute_backwards;
	memory->db.port = &port;
	put_events(&order, 1);
	want(0, order, true, 0, AZ_EVERY_SEQUENCE);
	want(1, order, true, 0, AZ_EVERY_SEQUENCE);
	assert_false(run(2));
	assert_int_equal(error.code, AZ_INTERNAL);
}

static void
a_book_its_job_has_no_memory_for_fails_alone(void **state)
{
	AzArena    *small = az_arena_create();
	int			n_failed_alone = 0;

	put_events(&order, 40);
	want(0, order, true, 0, AZ_EVERY_SEQUENCE);
	want(1, unknown, true, 0, AZ_EVERY_SEQUENCE);
	loads[1].wish.arena = small;
	assert_true(run(2));
	for (int n = 0;; n++)
	{
		bool		fulfilled;

		az_arena_reset(arena);
		az_arena_reset(small);
		memset(&error, 0, sizeof(error));
		az_arena_alloc(scratch, 3900);	/* what follows needs a block */
		fail_malloc_after(n);
		fulfilled = run(2);
		fail_malloc_after(-1);
		if (!fulfilled)
		{
			assert_int_equal(error.code, AZ_RESOURCE_EXHAUSTED);
			continue;
		}
		assert_int_equal(loads[1].wish.outcome, AZ_WISH_FULFILLED);
		if (loads[0].wish.outcome == AZ_WISH_FULFILLED)
			break;
		assert_int_equal(loads[0].wish.outcome, AZ_WISH_FAILED);
		assert_int_equal(loads[0].wish.error.code, AZ_RESOURCE_EXHAUSTED);
		n_failed_alone++;
	}
	assert_true(n_failed_alone > 0);
	assert_int_equal(loads[0].book.count, 40);
	az_arena_free(small);
}

static void
a_point_in_time_ends_the_book(void **state)
{
	for (int i = 0; i < 4; i++)
		memory_db_put_correlated(memory, &order, "", 10 * i);
	want(0, order, true, 0, AZ_EVERY_SEQUENCE);
	loads[0].has_as_of = true;
	loads[0].as_of_us = 20;
	want(1, order, true, 0, 1);
	assert_true(run(2));
	assert_int_equal(loads[0].book.count, 3);
	assert_int_equal(loads[1].book.count, 2);
}

static void
a_cover_that_disagrees_fails_alone_naming_both(void **state)
{
	AzAggregate edition = {"order", "trial", {1}, true, 4};

	put_events(&edition, 2);
	put_events(&order, 1);
	want(0, edition, true, 0, AZ_EVERY_SEQUENCE);
	want(1, order, true, 0, AZ_EVERY_SEQUENCE);
	assert_true(run(2));
	assert_int_equal(loads[0].wish.outcome, AZ_WISH_FAILED);
	assert_int_equal(loads[0].wish.error.code, AZ_FAILED_PRECONDITION);
	assert_non_null(strstr(loads[0].wish.error.message,
						   "diverges at sequence 0, the cover says 4"));
	assert_int_equal(loads[1].wish.outcome, AZ_WISH_FULFILLED);
	assert_int_equal(loads[1].book.count, 1);
	edition.divergence = 0;
	want(0, edition, true, 0, AZ_EVERY_SEQUENCE);
	assert_true(run(2));
	assert_int_equal(loads[0].book.count, 2);
}

static void
a_book_of_too_many_bytes_or_pages_fails_alone(void **state)
{
	const AzAggregate cart = {"cart", "", {3}};

	put_events(&order, 10);
	put_events(&cart, 3);
	want(0, order, true, 0, AZ_EVERY_SEQUENCE);
	want(1, cart, true, 0, AZ_EVERY_SEQUENCE);
	loads[0].max_bytes = 100;
	loads[1].max_bytes = 100;
	assert_true(run(2));
	assert_int_equal(loads[0].wish.outcome, AZ_WISH_FAILED);
	assert_int_equal(loads[0].wish.error.code, AZ_RESOURCE_EXHAUSTED);
	assert_non_null(strstr(loads[0].wish.error.message, "GetEvents"));
	assert_non_null(strstr(loads[0].wish.error.message,
						   "angzarr.max_message_size"));
	assert_int_equal(loads[1].wish.outcome, AZ_WISH_FULFILLED);
	assert_int_equal(loads[1].book.count, 3);
	/* So many bytes of pages alone, whatever they hold. */
	for (int i = 0; i < 5; i++)
		memory_db_put_event(memory, &unknown, "", "");
	want(0, unknown, true, 0, AZ_EVERY_SEQUENCE);
	loads[0].max_bytes = 50;
	assert_true(run(1));
	assert_int_equal(loads[0].wish.outcome, AZ_WISH_FAILED);
	loads[0].max_bytes = 100;
	assert_true(run(1));
	assert_int_equal(loads[0].wish.outcome, AZ_WISH_FULFILLED);
	assert_int_equal(loads[0].book.count, 5);
}

static void
a_load_without_a_limit_lifts_that_of_the_others_for_the_statement(void **state)
{
	put_events(&order, 100);
	want(0, order, true, 0, AZ_EVERY_SEQUENCE);
	want(1, order, true, 0, AZ_EVERY_SEQUENCE);
	loads[1].max_bytes = 100;
	assert_true(run(2));
	assert_int_equal(loads[0].book.count, 100);
	assert_int_equal(loads[1].wish.outcome, AZ_WISH_FAILED);
	assert_int_equal(memory->db.max_group_bytes, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_aggregate_nobody_wrote_is_an_empty_book),
		TEST(a_book_holds_the_events_in_order_after_the_scratch_is_gone),
		TEST(the_newest_snapshot_comes_with_the_events_after_it),
		TEST(a_look_back_takes_the_snapshot_and_the_events_of_the_point),
		TEST(the_sequence_after_a_snapshot_without_later_events_is_next),
		TEST(a_range_gives_those_events_and_no_snapshot),
		TEST(many_books_are_loaded_with_one_statement),
		TEST(domains_and_editions_are_streams_of_their_own),
		TEST(a_failing_statement_spoils_the_transaction),
		TEST(an_answer_out_of_order_is_an_internal_error),
		TEST(a_book_its_job_has_no_memory_for_fails_alone),
		TEST(a_point_in_time_ends_the_book),
		TEST(a_cover_that_disagrees_fails_alone_naming_both),
		TEST(a_book_of_too_many_bytes_or_pages_fails_alone),
		TEST(a_load_without_a_limit_lifts_that_of_the_others_for_the_statement),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
