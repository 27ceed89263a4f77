/* Tests of reading the log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failing_malloc.h"
#include "memory_db.h"
#include "store/follow.h"

static MemoryDb *memory;
static AzArena *arena;
static AzError error;
static AzLogBatch batch;
static const AzAggregate order = {"order", "", {1}};
static const AzAggregate branch = {"order", "what-if", {1}};

static int
setup(void **state)
{
	memset(&error, 0, sizeof(error));
	memset(&batch, 0, sizeof(batch));
	memory = memory_db_create();
	arena = az_arena_create();
	return memory == NULL || arena == NULL;
}

static int
teardown(void **state)
{
	fail_malloc_after(-1);
	memory_db_free(memory);
	az_arena_free(arena);
	return 0;
}

static bool
read_log(int64_t after, int64_t up_to, int32_t max_events, int64_t max_bytes,
		 bool only_correlated)
{
	AzLogRange	range = {after, up_to, max_events, max_bytes, only_correlated};
	bool		done;

	assert_true(az_db_begin(&memory->db, arena, &error));
	done = az_follow_read(&memory->db, &range, &batch, arena, &error);
	az_db_rollback(&memory->db);
	return done;
}

static void
the_horizon_says_who_is_open(void **state)
{
	AzLogHorizon horizon;

	memory_db_put_event(memory, &order, "/t.A", "x");
	assert_true(az_db_begin(&memory->db, arena, &error));
	assert_true(az_follow_horizon(&memory->db, &horizon, arena, &error));
	assert_int_equal(horizon.position, 1);
	assert_false(horizon.has_holders);
	memory->holders = 2;
	memory->floor = 0;
	assert_true(az_follow_horizon(&memory->db, &horizon, arena, &error));
	assert_int_equal(horizon.position, 0);
	assert_true(horizon.has_holders);
	az_db_rollback(&memory->db);
}

static void
events_come_with_all_that_is_stored_of_them(void **state)
{
	const AzLogEvent *event;

	memory_db_put_append(memory, &branch, "c", 2, false);
	assert_true(read_log(0, 2, 10, 1000, true));
	assert_int_equal(batch.count, 2);
	assert_int_equal(batch.up_to, 2);
	event = &batch.events[0];
	assert_string_equal(event->aggregate.domain, "order");
	assert_string_equal(event->aggregate.edition, "what-if");
	assert_true(event->aggregate.has_divergence);
	assert_int_equal(event->aggregate.divergence, 1);
	assert_memory_equal(event->aggregate.root, order.root, AZ_UUID_SIZE);
	assert_string_equal(event->event.correlation_id, "c");
	assert_string_equal(event->event.type_url, "/t.Added");
	assert_int_equal(event->event.payload.len, 7);
	assert_int_equal(event->event.created_at_us, 1);
	assert_int_equal(event->position, 1);
	assert_true(event->opens);
	assert_int_equal(event->next_position, 2);
	event = &batch.events[1];
	assert_int_equal(event->event.sequence, 1);
	assert_false(event->opens);
	assert_int_equal(event->next_position, 0);
	assert_true(az_follow_event_size(&event->event) >= 15);
}

static void
a_main_stream_has_no_divergence(void **state)
{
	memory_db_put_append(memory, &order, "c", 1, false);
	assert_true(read_log(0, 1, 10, 1000, true));
	assert_string_equal(batch.events[0].aggregate.edition, "");
	assert_false(batch.events[0].aggregate.has_divergence);
}

static void
isolated_events_and_if_asked_uncorrelated_ones_are_left_out(void **state)
{
	memory_db_put_append(memory, &order, "c", 1, true);
	memory_db_put_event(memory, &order, "/t.A", "x");
	memory_db_put_append(memory, &order, "c", 1, false);
	assert_true(read_log(0, 3, 10, 1000, true));
	assert_int_equal(batch.count, 1);
	assert_int_equal(batch.events[0].position, 3);
	assert_true(read_log(0, 3, 10, 1000, false));
	assert_int_equal(batch.count, 2);
}

static void
without_a_limit_reached_all_up_to_the_end_is_read(void **state)
{
	memory_db_put_append(memory, &order, "c", 3, false);
	memory_db_put_event(memory, &order, "/t.A", "x");
	assert_true(read_log(0, 4, 10, 1000, true));
	assert_int_equal(batch.up_to, 4);
	assert_true(read_log(3, 4, 10, 1000, true));
	assert_int_equal(batch.count, 0);
	assert_int_equal(batch.up_to, 4);
}

static void
where_a_limit_ends_the_reading_it_goes_on_after_the_last_event(void **state)
{
	memory_db_put_append(memory, &order, "c", 5, false);
	assert_true(read_log(0, 5, 2, 1000, true));
	assert_int_equal(batch.count, 2);
	assert_int_equal(batch.up_to, 2);
	assert_true(read_log(2, 5, 10, 8, true));
	assert_int_equal(batch.count, 2);
	assert_int_equal(batch.up_to, 4);
	assert_true(read_log(4, 5, 10, 1, true));
	assert_int_equal(batch.count, 1);
	assert_int_equal(batch.up_to, 5);
}

static void
a_statement_that_fails_says_why(void **state)
{
	AzLogHorizon horizon;

	memory_db_fail_statement(memory, AZ_STATEMENT_READ_LOG, 1, "57014");
	assert_false(read_log(0, 5, 2, 1000, true));
	assert_string_equal(error.sqlstate, "57014");
	memory_db_fail_statement(memory, AZ_STATEMENT_HORIZON, 1, "55000");
	assert_true(az_db_begin(&memory->db, arena, &error));
	assert_false(az_follow_horizon(&memory->db, &horizon, arena, &error));
	assert_string_equal(error.sqlstate, "55000");
	az_db_rollback(&memory->db);
}

static void
without_memory_it_is_an_error(void **state)
{
	int			failures = 0;

	memory_db_put_append(memory, &order, "c", 50, false);
	for (int n = 0; n < 1000; n++)
	{
		bool		done;

		az_arena_reset(arena);
		fail_malloc_after(n);
		done = read_log(0, 50, 100, 100000, true);
		fail_malloc_after(-1);
		if (done)
			break;
		assert_int_equal(error.code, AZ_RESOURCE_EXHAUSTED);
		failures++;
	}
	assert_int_equal(batch.count, 50);
	assert_true(failures > 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_horizon_says_who_is_open),
		TEST(events_come_with_all_that_is_stored_of_them),
		TEST(a_main_stream_has_no_divergence),
		TEST(isolated_events_and_if_asked_uncorrelated_ones_are_left_out),
		TEST(without_a_limit_reached_all_up_to_the_end_is_read),
		TEST(where_a_limit_ends_the_reading_it_goes_on_after_the_last_event),
		TEST(a_statement_that_fails_says_why),
		TEST(without_memory_it_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
