/* Tests of the books that are kept in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "failing_malloc.h"
#include "store/cache.h"

#define ENOUGH 1000000

static AzCache *cache;
static AzArena *arena;
static AzAggregate order;
static AzEvent events[100];
static AzSnapshot state;

static int
setup(void **test_state)
{
	cache = az_cache_create(ENOUGH);
	arena = az_arena_create();
	order = (AzAggregate)
	{
		.domain = "order",.edition = ""
	};
	memset(order.root, 7, AZ_UUID_SIZE);
	for (int i = 0; i < 100; i++)
	{
		events[i] = (AzEvent)
		{
			.sequence = i,.created_at_us = 1000 + i,
				.correlation_id = "c-1",.type_url = "/shop.ItemAdded"
		};
		events[i].payload = az_bytes_of("payload");
		events[i].ext = az_bytes_of("ext");
	}
	state = (AzSnapshot)
	{
		.sequence = 4,.created_at_us = 9,.type_url = "/shop.Order",
			.retention = AZ_RETENTION_PERSIST
	};
	state.state = az_bytes_of("state");
	return cache == NULL || arena == NULL;
}

static int
teardown(void **test_state)
{
	fail_malloc_after(-1);
	az_cache_free(cache);
	az_arena_free(arena);
	return 0;
}

static AzAggregate
other(uint8_t number)
{
	AzAggregate made = order;

	made.root[0] = number;
	return made;
}

/* A book of some events from "first" on. */
static AzBook
book_of(const AzAggregate *aggregate, size_t first, size_t count)
{
	AzBook		book = {
		.aggregate = *aggregate,.events = events + first,.count = count,
		.next_sequence = (int64_t) (first + count)
	};

	return book;
}

static void
put(const AzAggregate *aggregate, size_t count)
{
	AzBook		book = book_of(aggregate, 0, count);

	az_cache_put(cache, &book, true);
}

static bool
get(const AzAggregate *aggregate, AzBook *book)
{
	return az_cache_get(cache, aggregate, true, arena, book);
}

static AzCacheStats
stats(void)
{
	AzCacheStats now;

	az_cache_stats(cache, &now);
	return now;
}

static void
what_is_put_comes_back_whole_and_as_a_copy(void **test_state)
{
	char		text[] = "mutable";
	AzBook		book = book_of(&order, 5, 2);
	AzBook		got;

	book.snapshot = &state;
	events[6].external = az_bytes_of(text);
	events[6].payload.len = 0;
	az_cache_put(cache, &book, true);
	text[0] = 'x';
	assert_true(get(&order, &got));
	assert_int_equal(got.count, 2);
	assert_int_equal(got.next_sequence, 7);
	assert_string_equal(got.aggregate.domain, "order");
	assert_int_equal(got.events[0].sequence, 5);
	assert_int_equal(got.events[0].created_at_us, 1005);
	assert_string_equal(got.events[0].correlation_id, "c-1");
	assert_string_equal(got.events[0].type_url, "/shop.ItemAdded");
	assert_true(az_bytes_equal(got.events[0].payload, az_bytes_of("payload")));
	assert_true(az_bytes_equal(got.events[0].ext, az_bytes_of("ext")));
	assert_int_equal(got.events[0].external.len, 0);
	assert_int_equal(got.events[1].payload.len, 0);
	assert_true(az_bytes_equal(got.events[1].external, az_bytes_of("mutable")));
	assert_int_equal(got.snapshot->sequence, 4);
	assert_int_equal(got.snapshot->created_at_us, 9);
	assert_int_equal(got.snapshot->retention, AZ_RETENTION_PERSIST);
	assert_string_equal(got.snapshot->type_url, "/shop.Order");
	assert_true(az_bytes_equal(got.snapshot->state, az_bytes_of("state")));

	/* What was got stays when the entry goes. */
	az_cache_clear(cache);
	assert_true(az_bytes_equal(got.events[1].external, az_bytes_of("mutable")));
	assert_true(az_bytes_equal(got.snapshot->state, az_bytes_of("state")));
}

static void
nothing_is_known_of_what_was_not_put(void **test_state)
{
	AzAggregate another = other(1);
	AzAggregate basket = order;
	AzBook		got;

	put(&order, 3);
	basket.domain = "basket";
	assert_false(get(&another, &got));
	assert_false(get(&basket, &got));
	assert_true(get(&order, &got));
	assert_int_equal(stats().hits, 1);
	assert_int_equal(stats().misses, 2);
}

static void
a_newer_book_takes_the_place_of_the_older(void **test_state)
{
	AzBook		got;

	put(&order, 3);
	put(&order, 5);
	assert_true(get(&order, &got));
	assert_int_equal(got.count, 5);
	assert_int_equal(stats().books, 1);
}

static void
what_was_appended_is_added(void **test_state)
{
	AzCause		cause = {.component = "gone after the job"};
	AzBook		got;

	put(&order, 3);
	events[3].cause = &cause;
	events[3].isolated = true;
	for (int i = 3; i < 100; i++)
		az_cache_add(cache, &order, true, &events[i], 1);
	assert_true(get(&order, &got));
	assert_int_equal(got.count, 100);
	assert_int_equal(got.next_sequence, 100);
	for (int i = 0; i < 100; i++)
		assert_int_equal(got.events[i].sequence, i);
	assert_null(got.events[3].cause);
	assert_false(got.events[3].isolated);
}

static void
a_new_aggregate_is_known_from_its_first_events_on(void **test_state)
{
	AzBook		got;

	az_cache_add(cache, &order, true, events, 2);
	assert_true(get(&order, &got));
	assert_int_equal(got.count, 2);
	assert_null(got.snapshot);
}

static void
later_events_of_an_unknown_aggregate_make_no_book(void **test_state)
{
	AzBook		got;

	az_cache_add(cache, &order, true, &events[3], 2);
	assert_false(get(&order, &got));
	assert_int_equal(stats().bytes, 0);
}

static void
events_that_do_not_follow_drop_the_book(void **test_state)
{
	AzBook		got;

	put(&order, 3);
	az_cache_add(cache, &order, true, &events[4], 1);
	assert_false(get(&order, &got));
	put(&order, 3);
	az_cache_add(cache, &order, true, &events[2], 1);
	assert_false(get(&order, &got));
	assert_int_equal(stats().books, 0);
}

static void
a_book_without_snapshot_is_not_one_that_may_have_one(void **test_state)
{
	AzBook		got;

	put(&order, 3);
	assert_false(az_cache_get(cache, &order, false, arena, &got));
	az_cache_add(cache, &order, false, &events[3], 1);
	assert_false(get(&order, &got));
}

static void
editions_and_empty_books_are_not_kept(void **test_state)
{
	AzAggregate branch = order;
	AzBook		got;

	branch.edition = "what-if";
	put(&branch, 3);
	assert_false(get(&branch, &got));
	az_cache_add(cache, &branch, true, events, 1);
	assert_false(get(&branch, &got));
	assert_false(get(&order, &got));
	az_cache_drop(cache, &branch);
	put(&order, 0);
	az_cache_add(cache, &order, true, events, 0);
	assert_false(get(&order, &got));
	assert_int_equal(stats().bytes, 0);
}

static void
those_not_used_for_the_longest_time_go_first(void **test_state)
{
	AzBook		got;
	size_t		one;
	AzAggregate a = other(1);
	AzAggregate b = other(2);
	AzAggregate c = other(3);
	AzAggregate d = other(4);

	put(&a, 10);
	one = stats().bytes;
	az_cache_set_limit(cache, 3 * one);
	put(&b, 10);
	put(&c, 10);
	assert_int_equal(stats().bytes, 3 * one);
	assert_true(get(&a, &got));
	put(&d, 10);
	assert_int_equal(stats().books, 3);
	assert_int_equal(stats().evicted, 1);
	assert_false(get(&b, &got));
	assert_true(get(&c, &got));
	assert_true(get(&d, &got));
	assert_true(get(&a, &got));
	assert_true(stats().bytes <= 3 * one);
}

static void
a_book_that_grows_was_used(void **test_state)
{
	AzAggregate a = other(1);
	AzAggregate b = other(2);
	AzBook		got;

	put(&a, 3);
	put(&b, 3);
	az_cache_add(cache, &a, true, &events[3], 1);
	az_cache_set_limit(cache, stats().bytes - 1);
	assert_true(get(&a, &got));
	assert_false(get(&b, &got));
}

static void
a_book_that_grows_makes_room_too(void **test_state)
{
	AzAggregate a = other(1);
	AzAggregate b = other(2);
	AzBook		got;

	put(&a, 4);
	put(&b, 4);
	az_cache_set_limit(cache, stats().bytes);
	az_cache_add(cache, &b, true, &events[4], 4);
	assert_false(get(&a, &got));
	assert_true(get(&b, &got));
	assert_int_equal(got.count, 8);
}

static void
more_than_the_limit_is_not_kept(void **test_state)
{
	AzBook		got;

	az_cache_set_limit(cache, 2000);
	put(&order, 100);
	assert_false(get(&order, &got));
	assert_int_equal(stats().bytes, 0);
	put(&order, 1);
	assert_true(get(&order, &got));
	for (int i = 1; i < 100; i++)
		az_cache_add(cache, &order, true, &events[i], 1);
	assert_false(get(&order, &got));
	assert_int_equal(stats().bytes, 0);
}

static void
a_smaller_limit_holds_at_once_and_0_keeps_nothing(void **test_state)
{
	AzBook		got;

	for (uint8_t i = 0; i < 20; i++)
	{
		AzAggregate one = other(i);

		put(&one, 3);
	}
	az_cache_set_limit(cache, stats().bytes / 2);
	assert_true(stats().books > 5);
	assert_true(stats().books <= 10);
	az_cache_set_limit(cache, 0);
	assert_int_equal(stats().books, 0);
	assert_int_equal(stats().bytes, 0);
	put(&order, 3);
	az_cache_add(cache, &order, true, events, 1);
	assert_false(get(&order, &got));
}

static void
what_is_dropped_is_gone_and_costs_nothing(void **test_state)
{
	AzAggregate another = other(1);
	AzBook		got;

	put(&order, 3);
	az_cache_drop(cache, &another);
	assert_true(get(&order, &got));
	az_cache_drop(cache, &order);
	az_cache_drop(cache, &order);
	assert_false(get(&order, &got));
	assert_int_equal(stats().bytes, 0);
}

/* Each allocation in turn: the book is whole afterwards, or not there. */
static void
memory_that_is_out_empties_the_cache_and_breaks_nothing(void **test_state)
{
	AzBook		book = book_of(&order, 5, 20);
	AzBook		got;
	int			n_failed = 0;

	book.snapshot = &state;
	for (int n = 0; n < 12; n++)
	{
		fail_malloc_after(n);
		az_cache_put(cache, &book, true);
		az_cache_add(cache, &order, true, &events[25], 30);
		n_failed += malloc_has_failed();
		fail_malloc_after(-1);
		if (get(&order, &got))
		{
			assert_true(got.count == 20 || got.count == 50);
			assert_int_equal(got.next_sequence, 5 + got.count);
			assert_int_equal(got.snapshot->sequence, 4);
		}
		else
			assert_int_equal(stats().bytes, 0);
		az_cache_clear(cache);
		az_arena_reset(arena);
	}
	assert_true(n_failed >= 5);
}

static void
a_copy_without_memory_is_a_miss_that_empties_the_cache(void **test_state)
{
	static uint8_t large[100000];
	AzBook		book = book_of(&order, 0, 3);
	AzBook		got;

	events[2].payload.data = large;
	events[2].payload.len = sizeof(large);
	az_cache_put(cache, &book, true);
	fail_malloc_after(0);
	assert_false(get(&order, &got));
	fail_malloc_after(-1);
	assert_int_equal(stats().books, 0);
}

static void
a_cache_without_memory_is_null(void **test_state)
{
	fail_malloc_after(0);
	assert_null(az_cache_create(1));
	fail_malloc_after(1);
	assert_null(az_cache_create(1));
	fail_malloc_after(-1);
	az_cache_free(NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_put_comes_back_whole_and_as_a_copy),
		TEST(nothing_is_known_of_what_was_not_put),
		TEST(a_newer_book_takes_the_place_of_the_older),
		TEST(what_was_appended_is_added),
		TEST(a_new_aggregate_is_known_from_its_first_events_on),
		TEST(later_events_of_an_unknown_aggregate_make_no_book),
		TEST(events_that_do_not_follow_drop_the_book),
		TEST(a_book_without_snapshot_is_not_one_that_may_have_one),
		TEST(editions_and_empty_books_are_not_kept),
		TEST(those_not_used_for_the_longest_time_go_first),
		TEST(a_book_that_grows_was_used),
		TEST(a_book_that_grows_makes_room_too),
		TEST(more_than_the_limit_is_not_kept),
		TEST(a_smaller_limit_holds_at_once_and_0_keeps_nothing),
		TEST(what_is_dropped_is_gone_and_costs_nothing),
		TEST(memory_that_is_out_empties_the_cache_and_breaks_nothing),
		TEST(a_copy_without_memory_is_a_miss_that_empties_the_cache),
		TEST(a_cache_without_memory_is_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
