/* Tests of putting events together as they were appended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failing_malloc.h"
#include "pipeline/appends.h"

#define EVERYTHING 1000000

static AzAppends appends;
static AzPiece piece;

static int
setup(void **state)
{
	memset(&appends, 0, sizeof(appends));
	memset(&piece, 0, sizeof(piece));
	return 0;
}

static int
teardown(void **state)
{
	fail_malloc_after(-1);
	az_appends_free(&appends);
	assert_null(appends.first);
	return 0;
}

/* An event of order "root"; its texts are gone when this returns. */
static bool
try_put(int root, int64_t sequence, int64_t position, bool opens,
		int64_t next_position)
{
	char		domain[] = "order";
	char		edition[] = "";
	char		id[] = "c";
	char		type[] = "/t.Added";
	uint8_t		payload[100] = {7};
	AzLogEvent	event = {
		.aggregate = {.domain = domain,.edition = edition},
		.event = {.sequence = sequence,.correlation_id = id,.type_url = type,
		.payload = {payload, sizeof(payload)}},
		.position = position,.opens = opens,.next_position = next_position
	};
	bool		done;

	event.aggregate.root[0] = (uint8_t) root;
	done = az_appends_put(&appends, &event);
	memset(domain, '?', 5);
	memset(type, '?', 5);
	return done;
}

static void
put(int root, int64_t sequence, int64_t position, bool opens,
	int64_t next_position)
{
	assert_true(try_put(root, sequence, position, opens, next_position));
}

static bool
next(void)
{
	return az_appends_next(&appends, EVERYTHING, &piece);
}

/* The next piece is of this order, and has these events. */
static void
expect(int root, int64_t first_sequence, size_t count)
{
	assert_int_equal(piece.book.aggregate.root[0], root);
	assert_string_equal(piece.book.aggregate.domain, "order");
	assert_int_equal(piece.book.count, count);
	for (size_t i = 0; i < count; i++)
	{
		assert_int_equal(piece.book.events[i].sequence,
						 first_sequence + (int64_t) i);
		assert_string_equal(piece.book.events[i].type_url, "/t.Added");
		assert_int_equal(piece.book.events[i].payload.data[0], 7);
	}
	assert_int_equal(piece.book.next_sequence,
					 first_sequence + (int64_t) count);
	assert_null(piece.book.snapshot);
}

static void
an_append_of_one_event_is_whole_at_once(void **state)
{
	assert_false(next());
	put(1, 5, 10, true, 0);
	assert_true(next());
	expect(1, 5, 1);
	assert_int_equal(piece.first_position, 10);
	assert_int_equal(piece.last_position, 10);
	assert_false(next());
	assert_null(appends.first);
}

static void
an_append_waits_for_its_last_event(void **state)
{
	for (int i = 0; i < 9; i++)
	{
		put(1, i, 10 + i, i == 0, 11 + i);
		assert_false(next());
	}
	put(1, 9, 19, false, 0);
	assert_true(next());
	expect(1, 0, 10);
	assert_int_equal(piece.first_position, 10);
	assert_int_equal(piece.last_position, 19);
}

static void
appends_come_in_the_order_of_their_first_events(void **state)
{
	put(1, 0, 1, true, 3);
	put(2, 0, 2, true, 0);
	assert_false(next());
	put(1, 1, 3, false, 0);
	assert_true(next());
	expect(1, 0, 2);
	assert_true(next());
	expect(2, 0, 1);
	assert_false(next());
}

static void
events_of_appends_that_are_mixed_find_their_own(void **state)
{
	put(1, 0, 1, true, 3);
	put(2, 7, 2, true, 4);
	put(1, 1, 3, false, 0);
	put(2, 8, 4, false, 0);
	assert_true(next());
	expect(1, 0, 2);
	assert_true(next());
	expect(2, 7, 2);
}

static void
the_rest_of_an_append_from_before_is_left_out(void **state)
{
	put(1, 1, 3, false, 4);
	put(1, 2, 4, false, 0);
	assert_false(next());
	assert_null(appends.first);
}

static void
an_append_whose_rest_is_gone_is_over(void **state)
{
	put(1, 0, 1, true, 3);
	put(2, 0, 2, true, 0);
	az_appends_settle(&appends, 2);
	assert_false(next());
	az_appends_settle(&appends, 3);
	assert_true(next());
	expect(1, 0, 1);
	assert_true(next());
	expect(2, 0, 1);
	assert_false(next());
}

static void
an_append_that_is_too_big_comes_in_pieces(void **state)
{
	for (int i = 0; i < 10; i++)
		put(1, i, 1 + i, i == 0, i < 9 ? 2 + i : 0);
	for (int i = 0; i < 3; i++)
	{
		assert_true(az_appends_next(&appends, 600, &piece));
		expect(1, i * 3, 3);
		assert_int_equal(piece.first_position, 1);
		assert_int_equal(piece.last_position, 3 + i * 3);
	}
	assert_true(az_appends_next(&appends, 600, &piece));
	expect(1, 9, 1);
	assert_false(az_appends_next(&appends, 600, &piece));
}

static void
an_event_that_is_too_big_comes_alone(void **state)
{
	put(1, 0, 1, true, 2);
	put(1, 1, 2, false, 0);
	assert_true(az_appends_next(&appends, 10, &piece));
	expect(1, 0, 1);
	assert_true(az_appends_next(&appends, 10, &piece));
	expect(1, 1, 1);
	assert_false(az_appends_next(&appends, 10, &piece));
}

static void
a_big_append_begins_before_it_is_whole_and_holds_later_ones(void **state)
{
	put(1, 0, 1, true, 2);
	put(1, 1, 2, false, 4);
	put(2, 0, 3, true, 0);
	assert_true(az_appends_next(&appends, 200, &piece));
	expect(1, 0, 1);
	assert_false(az_appends_next(&appends, 200, &piece));
	put(1, 2, 4, false, 5);
	assert_true(az_appends_next(&appends, 200, &piece));
	expect(1, 1, 1);
	assert_int_equal(piece.first_position, 1);
	assert_false(az_appends_next(&appends, 200, &piece));
	put(1, 3, 5, false, 0);
	assert_true(az_appends_next(&appends, 200, &piece));
	expect(1, 2, 1);
	assert_true(az_appends_next(&appends, 200, &piece));
	expect(1, 3, 1);
	assert_true(az_appends_next(&appends, 200, &piece));
	expect(2, 0, 1);
	assert_false(az_appends_next(&appends, 200, &piece));
}

static void
without_memory_putting_fails_and_nothing_is_lost_track_of(void **state)
{
	int			failures = 0;

	for (int n = 0; n < 30; n++)
	{
		bool		done = true;

		fail_malloc_after(n);
		for (int i = 0; i < 100 && done; i++)
			done = try_put(1, i, 1 + i, i == 0, 2 + i);
		fail_malloc_after(-1);
		failures += !done;
		az_appends_free(&appends);
	}
	assert_true(failures > 0);
}

static void
without_memory_pieces_still_come(void **state)
{
	for (int n = 0; n < 8; n++)
	{
		put(1, 0, 1, true, 2);
		put(1, 1, 2, false, 3);
		assert_true(az_appends_next(&appends, 200, &piece));
		fail_malloc_after(n);
		assert_false(az_appends_next(&appends, 200, &piece));
		fail_malloc_after(-1);
		put(1, 2, 3, false, 0);
		assert_true(az_appends_next(&appends, 200, &piece));
		expect(1, 1, 1);
		assert_true(az_appends_next(&appends, 200, &piece));
		expect(1, 2, 1);
		assert_false(az_appends_next(&appends, 200, &piece));
	}
}

static void
what_waits_is_counted(void **state)
{
	size_t		one;

	put(1, 0, 1, true, 2);
	one = appends.bytes;
	assert_in_range(one, 100, 300);
	put(1, 1, 2, false, 4);
	put(2, 0, 3, true, 0);
	assert_int_equal(appends.bytes, 3 * one);
	assert_true(az_appends_next(&appends, one, &piece));
	assert_int_equal(appends.bytes, 2 * one);
	assert_false(az_appends_next(&appends, one, &piece));
	assert_int_equal(appends.bytes, 2 * one);
	az_appends_free(&appends);
	assert_int_equal(appends.bytes, 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_append_of_one_event_is_whole_at_once),
		TEST(an_append_waits_for_its_last_event),
		TEST(appends_come_in_the_order_of_their_first_events),
		TEST(events_of_appends_that_are_mixed_find_their_own),
		TEST(the_rest_of_an_append_from_before_is_left_out),
		TEST(an_append_whose_rest_is_gone_is_over),
		TEST(an_append_that_is_too_big_comes_in_pieces),
		TEST(an_event_that_is_too_big_comes_alone),
		TEST(a_big_append_begins_before_it_is_whole_and_holds_later_ones),
		TEST(without_memory_putting_fails_and_nothing_is_lost_track_of),
		TEST(without_memory_pieces_still_come),
		TEST(what_waits_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
