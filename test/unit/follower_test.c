/* Tests of the follower: when it looks, how far it reads, whom it tells. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "engine/follower.h"

#include "failing_malloc.h"
#include "memory_db.h"

#define POLL_MS 60000

static MemoryDb *memory;
static AzLoop *loop;
static AzReaders readers;
static AzReader reader;
static AzFollower follower;
static int64_t now_us;
static int	warnings;

/* What the reader was told. */
static int	looks;
static int64_t positions[20000];
static size_t n_events;
static int64_t first_horizon;
static int64_t last_up_to;

static const AzAggregate order = {"order", "", {1}};

static int64_t
turned_by_hand(void)
{
	return now_us;
}

static void
count_warnings(AzLogLevel level, const char *message)
{
	warnings += level == AZ_LOG_WARNING;
}

static void
take(AzReader *told, const AzLogBatch *batch)
{
	assert_ptr_equal(told, &reader);
	assert_false(memory->db.in_transaction);
	if (looks++ == 0)
		first_horizon = batch->horizon;
	for (size_t i = 0; i < batch->count; i++)
		positions[n_events++] = batch->events[i].position;
	last_up_to = batch->up_to;
}

static void
ignore(AzReader *told, const AzLogBatch *batch)
{
}

static int
setup(void **state)
{
	static const AzClock by_hand = {turned_by_hand, turned_by_hand};

	memset(&readers, 0, sizeof(readers));
	memset(&reader, 0, sizeof(reader));
	now_us = 1000000;
	looks = warnings = 0;
	n_events = 0;
	az_clock_set(&by_hand);
	az_log_set_sink(count_warnings);
	memory = memory_db_create();
	loop = az_loop_create();
	reader.take = take;
	return memory == NULL || loop == NULL ||
		!az_follower_init(&follower, &memory->db, loop, &readers,
						  POLL_MS * 1000);
}

static int
teardown(void **state)
{
	fail_malloc_after(-1);
	az_follower_free(&follower);
	az_loop_free(loop);
	memory_db_free(memory);
	az_clock_set(NULL);
	az_log_set_sink(NULL);
	return 0;
}

static void
turn(void)
{
	az_loop_turn(loop, 0);
	az_follower_turn(&follower);
}

/* As an engine does, until there is nothing to do. */
static void
turn_until_quiet(void)
{
	for (int i = 0; i < 1000; i++)
	{
		turn();
		if (!az_follower_wants_turn(&follower))
			return;
	}
	fail_msg("it never rests");
}

static void
follow(void)
{
	az_readers_add(&readers, &reader);
	turn_until_quiet();
}

static void
put(const char *correlation_id)
{
	memory_db_put_append(memory, &order, correlation_id, 1, false);
}

static void
expect_positions(int64_t first, size_t count)
{
	assert_int_equal(n_events, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(positions[i], first + (int64_t) i);
}

static void
without_readers_it_does_nothing_at_all(void **state)
{
	put("c");
	assert_false(az_follower_wants_turn(&follower));
	turn();
	now_us += INT64_C(1000) * POLL_MS * 10;
	turn();
	assert_int_equal(memory->begun, 0);
	assert_int_equal(az_loop_timeout_ms(loop), -1);
}

static void
a_reader_is_told_at_once_from_where_on_it_is_told(void **state)
{
	put("c");
	put("c");
	az_readers_add(&readers, &reader);
	assert_true(az_follower_wants_turn(&follower));
	turn();
	assert_int_equal(looks, 1);
	assert_int_equal(first_horizon, 2);
	assert_int_equal(n_events, 0);
	assert_int_equal(memory->executed[AZ_STATEMENT_READ_LOG], 0);
	assert_int_equal(memory->begun, 1);
	assert_int_equal(memory->committed, 1);
}

static void
a_move_of_the_log_makes_it_look_and_read_what_is_new(void **state)
{
	put("c");
	follow();
	put("c");
	put("c");
	assert_true(az_follower_wants_turn(&follower));
	turn_until_quiet();
	expect_positions(2, 2);
	assert_int_equal(last_up_to, 3);
	assert_int_equal(memory->executed[AZ_STATEMENT_READ_LOG], 1);
}

static void
a_move_without_news_costs_one_statement(void **state)
{
	follow();
	memory->moves++;
	turn_until_quiet();
	assert_int_equal(memory->executed[AZ_STATEMENT_HORIZON], 2);
	assert_int_equal(memory->executed[AZ_STATEMENT_READ_LOG], 0);
}

static void
where_nothing_moves_it_asks_nothing_until_the_poll(void **state)
{
	follow();
	for (int i = 0; i < 100; i++)
	{
		now_us += INT64_C(1000) * POLL_MS / 101;
		turn();
	}
	assert_int_equal(memory->begun, 1);
	now_us += INT64_C(1000) * POLL_MS / 50;
	turn();
	assert_int_equal(memory->begun, 2);
}

static void
nothing_above_the_horizon_is_read(void **state)
{
	follow();
	memory->floor = 1;
	memory->holders = 1;
	put("c");
	put("c");
	turn_until_quiet();
	expect_positions(1, 1);
	memory->floor = -1;
	memory->holders = 0;
	memory->moves++;
	turn_until_quiet();
	expect_positions(1, 2);
}

static void
while_somebody_is_open_it_looks_again_more_and_more_rarely(void **state)
{
	static const int pauses[] = {1, 2, 4, 8, 16, 32, 64, 128, 250, 250};
	int			before;

	memory->holders = 1;
	follow();
	for (size_t i = 0; i < sizeof(pauses) / sizeof(pauses[0]); i++)
	{
		before = looks;
		now_us += pauses[i] * 1000 - 1;
		turn();
		assert_int_equal(looks, before);
		now_us += 1;
		turn();
		assert_int_equal(looks, before + 1);
	}
	memory->holders = 0;
	now_us += 250000;
	turn();
	before = looks;
	now_us += 1000000;
	turn();
	assert_int_equal(looks, before);
	memory->holders = 1;
	memory->moves++;
	turn();
	now_us += 1000;
	turn();
	assert_int_equal(looks, before + 2);
}

static void
an_end_that_nobody_told_is_found(void **state)
{
	follow();
	memory->floor = 0;
	memory->holders = 1;
	put("c");
	turn_until_quiet();
	assert_int_equal(n_events, 0);
	memory->floor = -1;
	memory->holders = 0;
	now_us += 250000;
	turn_until_quiet();
	expect_positions(1, 1);
}

static void
many_events_are_read_in_turns_none_left_out(void **state)
{
	follow();
	for (int i = 0; i < 3500; i++)
		put("c");
	turn();
	assert_int_equal(n_events, 1000);
	assert_true(az_follower_wants_turn(&follower));
	turn_until_quiet();
	expect_positions(1, 3500);
}

static void
a_long_run_of_events_for_nobody_is_gone_through_in_turns(void **state)
{
	reader.only_correlated = true;
	follow();
	for (int i = 0; i < 25000; i++)
		put("");
	put("c");
	turn();
	assert_int_equal(last_up_to, 10000);
	turn_until_quiet();
	expect_positions(25001, 1);
	assert_int_equal(memory->executed[AZ_STATEMENT_READ_LOG], 3);
}

static void
events_without_correlation_id_come_to_who_wants_them(void **state)
{
	follow();
	put("");
	turn_until_quiet();
	expect_positions(1, 1);
}

static void
when_the_last_reader_has_gone_it_rests(void **state)
{
	int			begun;

	memory->holders = 1;
	follow();
	begun = memory->begun;
	az_readers_remove(&readers, &reader);
	turn_until_quiet();
	put("c");
	now_us += INT64_C(1000) * POLL_MS * 10;
	turn_until_quiet();
	assert_int_equal(memory->begun, begun);
	assert_int_equal(az_loop_timeout_ms(loop), -1);
}

static void
a_reader_that_comes_later_gets_nothing_from_between(void **state)
{
	follow();
	az_readers_remove(&readers, &reader);
	turn_until_quiet();
	put("c");
	looks = 0;
	follow();
	assert_int_equal(first_horizon, 1);
	put("c");
	turn_until_quiet();
	expect_positions(2, 1);
}

/* Each statement fails once: nothing is lost, it is said once. */
static void
what_fails_is_tried_again_and_said_once(void **state)
{
	follow();
	for (int i = 0; i < 4; i++)
	{
		put("c");
		warnings = 0;
		for (int again = 0; again < 2; again++)
		{
			if (i == 0)
				memory_db_fail_begin(memory, 1, "57P03");
			else if (i == 1)
				memory_db_fail_commit(memory, 1, "40001");
			else
				memory_db_fail_statement(memory,
										 i == 2 ? AZ_STATEMENT_HORIZON
										 : AZ_STATEMENT_READ_LOG, 1, "55P03");
			turn_until_quiet();
			assert_int_equal(n_events, i);
			assert_false(memory->db.in_transaction);
			now_us += 249000;
			turn_until_quiet();
			assert_int_equal(n_events, i);
			now_us += 1000;
		}
		assert_int_equal(warnings, 1);
		turn_until_quiet();
		expect_positions(1, (size_t) i + 1);
	}
}

static void
who_only_wants_the_horizon_is_told_of_it_without_reading_events(void **state)
{
	reader.only_horizon = true;
	follow();
	put("c");
	put("c");
	turn_until_quiet();
	assert_int_equal(n_events, 0);
	assert_int_equal(last_up_to, 2);
	assert_int_equal(memory->executed[AZ_STATEMENT_READ_LOG], 0);
}

static void
events_are_read_when_one_of_the_readers_wants_them(void **state)
{
	AzReader	other = {.only_horizon = true,.take = ignore};

	az_readers_add(&readers, &other);
	follow();
	put("c");
	turn_until_quiet();
	expect_positions(1, 1);
	az_readers_remove(&readers, &other);
}

static void
without_memory_it_is_tried_again(void **state)
{
	follow();
	put("c");
	for (int n = 0; n < 40 && n_events == 0; n++)
	{
		fail_malloc_after(n);
		turn();
		fail_malloc_after(-1);
		now_us += 250000;
	}
	turn_until_quiet();
	expect_positions(1, 1);
}

static void
without_memory_there_is_no_follower(void **state)
{
	AzFollower	other;

	fail_malloc_after(0);
	assert_false(az_follower_init(&other, &memory->db, loop, &readers, 1));
	fail_malloc_after(-1);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(without_readers_it_does_nothing_at_all),
		TEST(a_reader_is_told_at_once_from_where_on_it_is_told),
		TEST(a_move_of_the_log_makes_it_look_and_read_what_is_new),
		TEST(a_move_without_news_costs_one_statement),
		TEST(where_nothing_moves_it_asks_nothing_until_the_poll),
		TEST(nothing_above_the_horizon_is_read),
		TEST(while_somebody_is_open_it_looks_again_more_and_more_rarely),
		TEST(an_end_that_nobody_told_is_found),
		TEST(many_events_are_read_in_turns_none_left_out),
		TEST(a_long_run_of_events_for_nobody_is_gone_through_in_turns),
		TEST(events_without_correlation_id_come_to_who_wants_them),
		TEST(when_the_last_reader_has_gone_it_rests),
		TEST(a_reader_that_comes_later_gets_nothing_from_between),
		TEST(what_fails_is_tried_again_and_said_once),
		TEST(who_only_wants_the_horizon_is_told_of_it_without_reading_events),
		TEST(events_are_read_when_one_of_the_readers_wants_them),
		TEST(without_memory_it_is_tried_again),
		TEST(without_memory_there_is_no_follower),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
