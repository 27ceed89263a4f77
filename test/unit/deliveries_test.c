/* Tests of the statements that deliver the log, against the memory database. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "store/deliveries.h"

#include "failing_malloc.h"
#include "memory_db.h"

static MemoryDb *memory;
static AzArena *arena;
static AzError error;
static const char *const names[] = {"all", "nobody", "orders", "pm"};

static const AzAggregate order = {"order", "", {1}};
static const AzAggregate branch = {"order", "try", {1}};
static const AzAggregate stock = {"stock", "", {2}};

static void
add(const char *name, const char *kind, const char *inputs)
{
	MemoryComponent component = {
		.name = name,.kind = kind,.inputs = inputs,.domain = "",.address = ""
	};

	memory_db_register(memory, component);
}

static int
setup(void **state)
{
	memory = memory_db_create();
	arena = az_arena_create();
	memset(&error, 0, sizeof(error));
	add("all", "projector", "");
	add("orders", "saga", "order");
	add("pm", "process_manager", "order");
	return memory == NULL || arena == NULL ||
		!az_db_begin(&memory->db, arena, &error);
}

static int
teardown(void **state)
{
	fail_malloc_after(-1);
	az_db_rollback(&memory->db);
	memory_db_free(memory);
	az_arena_free(arena);
	return 0;
}

static void
put(const AzAggregate *aggregate)
{
	memory_db_put_event(memory, aggregate, "/t.A", "payload");
}

static AzDeliveryRange
range_of(const char *name)
{
	AzDeliveryRange range = {
		.component = name,.up_to = 100,.max_events = 100,.max_bytes = 1000
	};

	return range;
}

static AzLogDelivery *
read_log(AzDeliveryRange *ranges, size_t count, size_t expected)
{
	AzLogDelivery *found;
	size_t		n_found;

	assert_true(az_deliveries_read(&memory->db, ranges, count, &found,
								   &n_found, arena, &error));
	assert_int_equal(n_found, expected);
	return found;
}

static void
leases_are_taken_unless_another_has_them(void **state)
{
	bool		taken[4];

	strcpy(memory->leased_elsewhere, "orders");
	assert_true(az_deliveries_take(&memory->db, names, 4, taken, arena,
								   &error));
	assert_true(taken[0] && taken[1] && !taken[2] && taken[3]);
	assert_true(az_deliveries_drop(&memory->db, names, 4, arena, &error));
	assert_int_equal(memory->pages[AZ_STATEMENT_DROP_LEASES], 4);
}

static void
states_are_told_of_each_that_has_a_cursor(void **state)
{
	AzSubscriptionState states[4];

	memory_db_set_status(memory, "orders", "paused");
	memory_db_reset(memory, "pm", 7);
	assert_true(az_deliveries_states(&memory->db, names, 4, states, arena,
									 &error));
	assert_true(states[0].exists);
	assert_false(states[1].exists);
	assert_true(states[2].is_paused);
	assert_false(states[0].is_paused);
	assert_int_equal(states[3].epoch, 1);
	assert_int_equal(states[3].position, 7);
}

static void
each_component_is_given_its_own_domains(void **state)
{
	AzDeliveryRange ranges[] = {range_of("all"), range_of("orders")};
	AzLogDelivery *found;

	put(&order);
	put(&stock);
	put(&branch);
	found = read_log(ranges, 2, 5);
	assert_int_equal(found[2].component, 0);
	assert_int_equal(found[3].component, 1);
	assert_int_equal(found[3].position, 1);
	assert_int_equal(found[4].position, 3);
	assert_string_equal(found[4].aggregate.edition, "try");
	assert_true(found[4].aggregate.has_divergence);
	assert_int_equal(found[4].aggregate.divergence, 1);
	assert_false(found[3].aggregate.has_divergence);
	assert_string_equal(found[1].aggregate.domain, "stock");
	assert_memory_equal(found[1].aggregate.root, stock.root, AZ_UUID_SIZE);
	assert_string_equal(found[0].event.type_url, "/t.A");
	assert_memory_equal(found[0].event.payload.data, "payload", 7);
	assert_int_equal(found[0].state, AZ_DELIVERY_NEW);
	assert_int_equal(ranges[0].read_to, 100);
	assert_int_equal(ranges[1].read_to, 100);
}

static void
what_a_limit_ends_is_read_up_to_the_last_event(void **state)
{
	AzDeliveryRange ranges[] = {
		range_of("all"), range_of("all"), range_of("all"), range_of("all")
	};

	for (int i = 0; i < 3; i++)
		put(&order);
	ranges[0].max_events = 2;
	ranges[1].max_bytes = 1;
	ranges[2].after = ranges[2].up_to = 3;
	ranges[3].max_events = 4;
	read_log(ranges, 4, 6);
	assert_int_equal(ranges[0].read_to, 2);
	assert_int_equal(ranges[1].read_to, 1);
	assert_int_equal(ranges[2].read_to, 3);
	assert_int_equal(ranges[3].read_to, 100);
}

static void
states_of_events_come_with_them(void **state)
{
	static const char *const texts[] = {
		"done", "reserved", "waiting", "parked", "what is this"
	};
	static const AzDeliveryState states[] = {
		AZ_DELIVERY_DONE, AZ_DELIVERY_RESERVED, AZ_DELIVERY_WAITING,
		AZ_DELIVERY_PARKED, AZ_DELIVERY_WAITING
	};
	AzDeliveryRange range = range_of("all");
	AzLogDelivery *found;

	for (int i = 0; i < 5; i++)
	{
		put(&order);
		memory_db_put_exception(memory, "all", i + 1, texts[i],
								50 + i)->attempts = i;
	}
	found = read_log(&range, 1, 5);
	for (int i = 0; i < 5; i++)
	{
		assert_int_equal(found[i].state, states[i]);
		assert_int_equal(found[i].attempts, i);
		assert_int_equal(found[i].due_us, 50 + i);
	}
	assert_int_equal(found[0].event.payload.len, 0);
	assert_int_equal(found[1].event.payload.len, 7);
}

static void
a_process_manager_is_not_given_what_has_no_correlation_id(void **state)
{
	AzDeliveryRange range = range_of("pm");
	AzLogDelivery *found;

	put(&order);
	memory_db_put_append(memory, &order, "c-1", 1, false);
	memory_db_put_append(memory, &order, "c-1", 1, true);
	found = read_log(&range, 1, 2);
	assert_int_equal(found[0].state, AZ_DELIVERY_DONE);
	assert_int_equal(found[1].state, AZ_DELIVERY_NEW);
	assert_string_equal(found[1].event.correlation_id, "c-1");
}

static void
cursors_and_what_waits_are_written_for_this_epoch_only(void **state)
{
	AzCursorRow cursors[] = {
		{"all", 0, 2, "failing", 3, "nobody there", false},
		{"orders", 0, 2, NULL, 0, NULL, true}
	};
	AzExceptionRow rows[] = {
		{"all", 0, 1, order, "waiting", 2, 99, "no"},
		{"all", 0, 2, order, "parked", 0, 0, NULL},
		{"orders", 0, 1, order, "waiting", 1, 99, "no"}
	};
	const MemoryException *kept;

	put(&order);
	put(&order);
	memory_db_reset(memory, "orders", 0);
	assert_true(az_deliveries_write(&memory->db, cursors, 2, rows, 3, arena,
									&error));
	assert_true(cursors[0].was_written);
	assert_false(cursors[1].was_written);
	assert_int_equal(memory_db_subscription(memory, "all")->position, 2);
	assert_int_equal(memory_db_subscription(memory, "all")->failures, 3);
	assert_string_equal(memory_db_subscription(memory, "all")->status,
						"failing");
	assert_string_equal(memory_db_subscription(memory, "all")->last_error,
						"nobody there");
	assert_int_equal(memory_db_subscription(memory, "orders")->position, 0);
	kept = memory_db_exception(memory, "all", 1);
	assert_string_equal(kept->state, "waiting");
	assert_int_equal(kept->attempts, 2);
	assert_int_equal(kept->due_us, 99);
	assert_string_equal(kept->last_error, "no");
	assert_int_equal(memory_db_exception(memory, "all", 2)->due_us, 0);
	assert_null(memory_db_exception(memory, "orders", 1));
	rows[0].state = NULL;
	assert_true(az_deliveries_write(&memory->db, NULL, 0, rows, 1, arena,
									&error));
	assert_null(memory_db_exception(memory, "all", 1));
}

static void
held_streams_are_told_with_their_first_event(void **state)
{
	AzAggregate wanted[] = {order, branch};
	const char *const all[] = {"all", "all"};
	AzHeldStream *streams;
	AzLogDelivery *found;
	size_t		count;

	put(&order);
	put(&order);
	put(&branch);
	put(&order);
	memory_db_reset(memory, "all", 3);
	memory_db_put_exception(memory, "all", 2, "waiting", 70);
	memory_db_put_exception(memory, "all", 1, "reserved", 60);
	memory_db_put_exception(memory, "all", 4, "waiting", 80);
	assert_true(az_deliveries_held(&memory->db, names, 4, &streams, &count,
								   arena, &error));
	assert_int_equal(count, 1);
	assert_int_equal(streams[0].component, 0);
	assert_true(streams[0].is_reserved);
	assert_int_equal(streams[0].due_us, 60);
	assert_string_equal(streams[0].aggregate.domain, "order");
	assert_string_equal(streams[0].aggregate.edition, "");
	assert_memory_equal(streams[0].aggregate.root, order.root, AZ_UUID_SIZE);
	assert_true(az_deliveries_read_held(&memory->db, all, wanted, 2, &found,
										&count, arena, &error));
	assert_int_equal(count, 1);
	assert_int_equal(found[0].position, 1);
	assert_int_equal(found[0].state, AZ_DELIVERY_RESERVED);
}

/* One of each statement. */
static bool
run(int which)
{
	AzDeliveryRange range = range_of("all");
	AzCursorRow cursor = {"all", 0, 1, NULL, 0, NULL, false};
	AzExceptionRow row = {"all", 0, 1, order, "waiting", 2, 99, "no"};
	AzSubscriptionState state;
	AzHeldStream *streams;
	AzLogDelivery *found;
	AzDb	   *db = &memory->db;
	size_t		count;
	bool		taken;

	switch (which)
	{
		case 0:
			return az_deliveries_take(db, names, 1, &taken, arena, &error);
		case 1:
			return az_deliveries_drop(db, names, 1, arena, &error);
		case 2:
			return az_deliveries_states(db, names, 1, &state, arena, &error);
		case 3:
			return az_deliveries_held(db, names, 1, &streams, &count, arena,
									  &error);
		case 4:
			return az_deliveries_read(db, &range, 1, &found, &count, arena,
									  &error);
		case 5:
			return az_deliveries_read_held(db, names, &order, 1, &found,
										   &count, arena, &error);
		case 6:
			return az_deliveries_write(db, &cursor, 1, NULL, 0, arena, &error);
		default:
			return az_deliveries_write(db, NULL, 0, &row, 1, arena, &error);
	}
}

/* After a failure nothing goes in the old transaction. */
static void
begin_anew(void)
{
	az_db_rollback(&memory->db);
	memset(&error, 0, sizeof(error));
	assert_true(az_db_begin(&memory->db, arena, &error));
}

/* A new arena with room for so few small things; false: it has less. */
static bool
leave_room_for(int things)
{
	int			most = 0;

	fail_malloc_after(0);
	while (az_arena_alloc(arena, 1) != NULL)
		most++;
	fail_malloc_after(-1);
	az_arena_free(arena);
	arena = az_arena_create();
	for (int i = things; i < most; i++)
		assert_non_null(az_arena_alloc(arena, 1));
	return things <= most;
}

static void
memory_that_runs_out_is_an_error_of_each_statement(void **state)
{
	put(&order);
	memory_db_reset(memory, "all", 1);
	memory_db_put_exception(memory, "all", 1, "waiting", 60);
	for (int which = 0; which < 8; which++)
	{
		int			n_failed = 0;

		for (;; n_failed++)
		{
			bool		succeeded;
			bool		was_enough;

			az_arena_free(arena);
			arena = az_arena_create();
			if (!leave_room_for(n_failed))
				break;
			begin_anew();
			fail_malloc_after(0);
			succeeded = run(which);
			was_enough = !malloc_has_failed();
			fail_malloc_after(-1);
			if (was_enough)
				break;
			assert_false(succeeded);
			assert_int_equal(error.code, AZ_RESOURCE_EXHAUSTED);
		}
		assert_true(n_failed > 0);
	}
}

static void
a_database_that_fails_is_an_error_of_each_statement(void **state)
{
	static const AzStatementId statements[] = {
		AZ_STATEMENT_TAKE_LEASES, AZ_STATEMENT_DROP_LEASES,
		AZ_STATEMENT_SUBSCRIPTIONS, AZ_STATEMENT_HELD_STREAMS,
		AZ_STATEMENT_READ_DELIVERIES, AZ_STATEMENT_READ_HELD,
		AZ_STATEMENT_WRITE_CURSORS, AZ_STATEMENT_WRITE_EXCEPTIONS
	};

	for (int which = 0; which < 8; which++)
	{
		begin_anew();
		memory_db_fail_statement(memory, statements[which], 1, "40001");
		assert_false(run(which));
		assert_string_equal(error.sqlstate, "40001");
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(leases_are_taken_unless_another_has_them),
		TEST(states_are_told_of_each_that_has_a_cursor),
		TEST(each_component_is_given_its_own_domains),
		TEST(what_a_limit_ends_is_read_up_to_the_last_event),
		TEST(states_of_events_come_with_them),
		TEST(a_process_manager_is_not_given_what_has_no_correlation_id),
		TEST(cursors_and_what_waits_are_written_for_this_epoch_only),
		TEST(held_streams_are_told_with_their_first_event),
		TEST(memory_that_runs_out_is_an_error_of_each_statement),
		TEST(a_database_that_fails_is_an_error_of_each_statement),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
