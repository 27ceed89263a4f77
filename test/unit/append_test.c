/* Tests of appending. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failing_malloc.h"
#include "memory_db.h"
#include "store/append.h"

#define MANY 40

static MemoryDb *memory;
static AzArena *arena;
static AzArena *scratch;
static AzError error;
static AzAppendWish appends[MANY];
static AzWish *wishes[MANY];
static const AzAggregate order = {"order", "", {1}};
static const AzAggregate other = {"order", "", {2}};

static int
setup(void **state)
{
	memset(appends, 0, sizeof(appends));
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

/* Wishes to append so many events from a sequence on. */
static AzEvent *
want(size_t i, AzAggregate aggregate, int64_t sequence, size_t count)
{
	AzEvent    *events = az_arena_array(arena, count, sizeof(AzEvent));
	AzAppendWish append = {
		.wish = {.arena = arena,.outcome = AZ_WISH_FAILED},
		.aggregate = aggregate,
		.events = events,
		.count = count
	};

	for (size_t page = 0; page < count; page++)
	{
		events[page].sequence = sequence + (int64_t) page;
		events[page].created_at_us = 1000;
		events[page].correlation_id = "c-1";
		events[page].type_url = "/t.Added";
		events[page].payload = az_bytes_of("payload");
	}
	appends[i] = append;
	wishes[i] = &appends[i].wish;
	return events;
}

/* What the tick does; "plain" is its second try. */
static bool
run(size_t count, bool plain)
{
	bool		fulfilled;

	assert_true(az_db_begin(&memory->db, scratch, &error));
	fulfilled = (plain ? az_append_kind.run_safely : az_append_kind.run)
		(&memory->db, wishes, count, scratch, &error);
	if (fulfilled)
		assert_true(az_db_commit(&memory->db, scratch, &error));
	else
		az_db_rollback(&memory->db);
	az_arena_reset(scratch);
	return fulfilled;
}

static size_t
stored(const AzAggregate *aggregate)
{
	size_t		count;

	memory_db_events(memory, aggregate, &count);
	return count;
}

static void
commands_of_many_aggregates_are_appended_with_one_statement(void **state)
{
	for (size_t i = 0; i < MANY; i++)
	{
		AzAggregate aggregate = {"order", "", {(uint8_t) (200 - i * 3)}};

		want(i, aggregate, 0, 1 + i % 3);
	}
	assert_true(run(MANY, false));
	assert_int_equal(memory->executed[AZ_STATEMENT_APPEND_PROBED], 1);
	assert_int_equal(memory->committed, 1);
	for (size_t i = 0; i < MANY; i++)
	{
		assert_int_equal(appends[i].wish.outcome, AZ_WISH_FULFILLED);
		assert_true(appends[i].appended);
		assert_int_equal(appends[i].next_sequence, 1 + i % 3);
		assert_int_equal(stored(&appends[i].aggregate), 1 + i % 3);
	}
}

static void
a_batch_is_in_the_order_of_the_key(void **state)
{
	const AzAggregate sorted[] = {
		{"order", "", {1}},
		{"cart", "", {1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}},
		{"order", "", {1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}},
		{"order", "a", {1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}},
		{"order", "b", {1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}},
		{"a", "", {255}},
	};
	static const size_t given[] = {4, 0, 5, 2, 1, 3};

	for (size_t i = 0; i < 6; i++)
		want(i, sorted[given[i]], 0, 1);
	assert_true(run(6, false));
	for (size_t i = 0; i < 6; i++)
	{
		const AzAggregate *aggregate = &((AzAppendWish *) wishes[i])->aggregate;

		assert_memory_equal(aggregate->root, sorted[i].root, AZ_UUID_SIZE);
		assert_string_equal(aggregate->domain, sorted[i].domain);
		assert_string_equal(aggregate->edition, sorted[i].edition);
		assert_int_equal(stored(aggregate), 1);
	}
}

static void
everything_an_event_says_is_stored(void **state)
{
	AzCause		cause = {
		.source = {.domain = "cart",.edition = "",.root = {7}},
		.sequence = 3,
		.component = "shipping"
	};
	AzEvent    *events = want(0, order, 0, 3);
	const AzEvent *back;
	size_t		count;

	events[0].ext = az_bytes_of("ext");
	events[0].isolated = true;
	events[0].depth = 4;
	events[0].cause = &cause;
	events[1].payload = (AzBytes)
	{
		0
	};
	events[1].external = az_bytes_of("reference");
	events[1].type_url = "";
	events[2].payload = (AzBytes)
	{
		0
	};
	assert_true(run(1, false));
	back = memory_db_events(memory, &order, &count);
	assert_int_equal(count, 3);
	assert_int_equal(back[0].sequence, 0);
	assert_int_equal(back[0].created_at_us, 1000);
	assert_string_equal(back[0].correlation_id, "c-1");
	assert_string_equal(back[0].type_url, "/t.Added");
	assert_true(az_bytes_equal(back[0].payload, az_bytes_of("payload")));
	assert_null(back[0].external.data);
	assert_true(az_bytes_equal(back[0].ext, az_bytes_of("ext")));
	assert_true(back[0].isolated);
	assert_int_equal(back[0].depth, 4);
	assert_string_equal(back[0].cause->component, "shipping");
	assert_string_equal(back[0].cause->source.domain, "cart");
	assert_int_equal(back[0].cause->source.root[0], 7);
	assert_int_equal(back[0].cause->sequence, 3);
	assert_null(back[1].payload.data);
	assert_true(az_bytes_equal(back[1].external, az_bytes_of("reference")));
	assert_null(back[1].ext.data);
	assert_null(back[1].cause);
	assert_false(back[1].isolated);
	assert_non_null(back[2].payload.data);
	assert_int_equal(back[2].payload.len, 0);
}

static void
an_overtaken_command_writes_nothing_and_learns_where_the_stream_is(void **state)
{
	for (int i = 0; i < 3; i++)
		memory_db_put_event(memory, &order, "/t.E", "p");
	want(0, order, 1, 3);
	want(1, other, 0, 2);
	assert_true(run(2, false));
	assert_int_equal(appends[0].wish.outcome, AZ_WISH_FULFILLED);
	assert_false(appends[0].appended);
	assert_int_equal(appends[0].next_sequence, 3);
	assert_int_equal(stored(&order), 3);
	assert_true(appends[1].appended);
	assert_int_equal(stored(&other), 2);
}

static void
a_command_ahead_of_the_stream_writes_nothing(void **state)
{
	want(0, order, 2, 1);
	assert_true(run(1, false));
	assert_false(appends[0].appended);
	assert_int_equal(appends[0].next_sequence, 0);
	assert_int_equal(stored(&order), 0);
}

static void
a_second_command_for_an_aggregate_is_put_off(void **state)
{
	size_t		busy = 0;

	want(0, order, 0, 1);
	want(1, other, 0, 1);
	want(2, order, 0, 1);
	want(3, order, 0, 1);
	want(4, other, 0, 1);
	assert_true(run(5, false));
	for (size_t i = 0; i < 5; i++)
	{
		if (appends[i].wish.outcome == AZ_WISH_BUSY)
		{
			assert_false(appends[i].appended);
			busy++;
		}
		else
			assert_true(appends[i].appended);
	}
	assert_int_equal(busy, 3);
	assert_int_equal(stored(&order), 1);
	assert_int_equal(stored(&other), 1);
	assert_int_equal(memory->pages[AZ_STATEMENT_APPEND_PROBED], 2);
}

static void
where_somebody_else_is_writing_the_probed_form_is_busy(void **state)
{
	memory_db_be_busy(memory, &order, 1);
	want(0, order, 0, 1);
	want(1, other, 0, 1);
	assert_true(run(2, false));
	assert_int_equal(appends[0].wish.outcome, AZ_WISH_BUSY);
	assert_false(appends[0].appended);
	assert_int_equal(appends[1].wish.outcome, AZ_WISH_FULFILLED);
	assert_int_equal(stored(&order), 0);
	assert_true(run(1, false));
	assert_int_equal(stored(&order), 1);
}

static void
the_plain_form_appends_too(void **state)
{
	memory_db_be_busy(memory, &order, 1);
	want(0, order, 0, 2);
	assert_true(run(1, true));
	assert_true(appends[0].appended);
	assert_int_equal(stored(&order), 2);
	assert_int_equal(memory->executed[AZ_STATEMENT_APPEND], 1);
	assert_int_equal(memory->executed[AZ_STATEMENT_APPEND_PROBED], 0);
}

static void
a_failing_statement_stores_nothing(void **state)
{
	memory_db_fail_statement(memory, AZ_STATEMENT_APPEND_PROBED, 1, "23505");
	want(0, order, 0, 1);
	assert_false(run(1, false));
	assert_string_equal(error.sqlstate, "23505");
	assert_int_equal(stored(&order), 0);
	memory_db_poison(memory, &other, "53200");
	want(1, other, 0, 1);
	assert_false(run(2, false));
	assert_int_equal(error.code, AZ_RESOURCE_EXHAUSTED);
	assert_int_equal(stored(&order), 0);
}

/* The host's own answer, changed. */
static bool (*execute) (AzDb *db, AzStatementId statement,
						const AzDbParam *params, AzArena *arena, AzRows *rows,
						AzError *error);
static void (*change) (AzRows *rows);

static bool
execute_and_change(AzDb *db, AzStatementId statement, const AzDbParam *params,
				   AzArena *results, AzRows *rows, AzError *failure)
{
	if (!execute(db, statement, params, results, rows, failure))
		return false;
	change(rows);
	return true;
}

static void
swap_rows(AzRows *rows)
{
	AzDbColumn *columns = rows->columns;
	AzBytes		outcome = columns[1].bytes[0];

	columns[0].ints[0] = 1;
	columns[0].ints[1] = 0;
	columns[1].bytes[0] = columns[1].bytes[1];
	columns[1].bytes[1] = outcome;
}

static void
lose_row(AzRows *rows)
{
	rows->count--;
}

static void
invent_command(AzRows *rows)
{
	rows->columns[0].ints[0] = 2;
}

static void
invent_negative_command(AzRows *rows)
{
	rows->columns[0].ints[0] = -1;
}

static bool
run_with(void (*changing) (AzRows *rows))
{
	AzDbPort	port = *memory->db.port;
	const AzDbPort *own = memory->db.port;
	bool		fulfilled;

	execute = port.execute;
	change = changing;
	port.execute = execute_and_change;
	memory->db.port = &port;
	fulfilled = run(2, false);
	memory->db.port = own;
	return fulfilled;
}

static void
outcomes_are_told_by_the_commands_number_not_its_place(void **state)
{
	memory_db_put_event(memory, &order, "/t.E", "p");
	want(0, order, 0, 1);
	want(1, other, 0, 1);
	assert_true(run_with(swap_rows));
	assert_false(appends[0].appended);
	assert_true(appends[1].appended);
}

static void
an_answer_for_other_commands_is_an_internal_error(void **state)
{
	void		(*changes[]) (AzRows *rows) = {
		lose_row, invent_command, invent_negative_command
	};

	for (size_t i = 0; i < 3; i++)
	{
		want(0, order, 0, 1);
		want(1, other, 0, 1);
		memset(&error, 0, sizeof(error));
		assert_false(run_with(changes[i]));
		assert_int_equal(error.code, AZ_INTERNAL);
		assert_int_equal(stored(&order), 0);
	}
}

static void
an_append_without_memory_fails_and_stores_nothing(void **state)
{
	int			n_failed = 0;

	for (int n = 0;; n++)
	{
		bool		fulfilled;

		az_arena_reset(arena);
		want(0, order, 0, 300);
		want(1, other, 0, 300);
		memset(&error, 0, sizeof(error));
		fail_malloc_after(n);
		fulfilled = run(2, false);
		fail_malloc_after(-1);
		if (fulfilled)
			break;
		assert_int_equal(error.code, AZ_RESOURCE_EXHAUSTED);
		assert_int_equal(stored(&order), 0);
		assert_int_equal(stored(&other), 0);
		n_failed++;
	}
	assert_true(n_failed >= 5);
	assert_int_equal(stored(&order), 300);
	assert_int_equal(stored(&other), 300);
}

/* ---- keys and snapshots ---- */

static const AzKey once = {"command", {(const uint8_t *) "k", 1}};
static const AzKey twice = {"command", {(const uint8_t *) "l", 1}};
static const AzSnapshot after = {
	.sequence = 1,.type_url = "/t.State",.state = {(const uint8_t *) "s", 1}
};

static void
keys_and_snapshots_of_many_commands_are_one_statement_each(void **state)
{
	want(0, order, 0, 2);
	want(1, other, 0, 1);
	appends[0].key = appends[1].key = &once;
	appends[0].snapshot = appends[1].snapshot = &after;
	assert_true(run(2, false));
	assert_true(appends[0].appended && appends[1].appended);
	assert_int_equal(memory->executed[AZ_STATEMENT_FIND_KEYS], 1);
	assert_int_equal(memory->executed[AZ_STATEMENT_KEEP_KEYS], 1);
	assert_int_equal(memory->executed[AZ_STATEMENT_KEEP_SNAPSHOTS], 1);
	assert_int_equal(memory->kept.committed_keys, 2);
	assert_int_equal(memory->kept.committed_snapshots, 2);
	assert_int_equal(memory->kept.keys[0].first, 0);
	assert_int_equal(memory->kept.keys[0].last, 1);
}

static void
without_keys_and_snapshots_nothing_is_asked_about_them(void **state)
{
	want(0, order, 0, 2);
	assert_true(run(1, false));
	assert_int_equal(memory->executed[AZ_STATEMENT_FIND_KEYS], 0);
	assert_int_equal(memory->executed[AZ_STATEMENT_KEEP_KEYS], 0);
	assert_int_equal(memory->executed[AZ_STATEMENT_KEEP_SNAPSHOTS], 0);
}

static void
a_repeat_appends_nothing_and_learns_what_the_first_one_did(void **state)
{
	want(0, order, 0, 2);
	appends[0].key = &once;
	assert_true(run(1, false));
	want(0, order, 2, 1);
	want(1, other, 0, 1);
	appends[0].key = appends[1].key = &once;
	appends[0].snapshot = &after;
	assert_true(run(2, false));
	for (size_t i = 0; i < 2; i++)
	{
		bool		is_repeat = appends[i].aggregate.root[0] == order.root[0];

		assert_int_equal(appends[i].wish.outcome, AZ_WISH_FULFILLED);
		assert_int_equal(appends[i].repeated, is_repeat);
		assert_int_equal(appends[i].appended, !is_repeat);
	}
	assert_true(appends[0].kept.found);
	assert_int_equal(appends[0].kept.first, 0);
	assert_int_equal(appends[0].kept.last, 1);
	assert_int_equal(stored(&order), 2);
	assert_int_equal(stored(&other), 1);
	assert_int_equal(memory->kept.committed_snapshots, 0);
}

static void
what_has_no_events_keeps_its_key_and_its_answer(void **state)
{
	want(0, order, 0, 0);
	want(1, other, 0, 1);
	appends[0].key = &once;
	appends[0].kept.answer = az_bytes_of("no events");
	assert_true(run(2, false));
	assert_true(appends[0].appended && appends[1].appended);
	assert_int_equal(memory->kept.committed_keys, 1);
	assert_false(memory->kept.keys[0].has_events);
	assert_true(az_bytes_equal(memory->kept.keys[0].answer,
							   az_bytes_of("no events")));
	assert_int_equal(memory->pages[AZ_STATEMENT_APPEND_PROBED], 1);
}

static void
who_is_overtaken_keeps_neither_key_nor_snapshot(void **state)
{
	memory_db_put_event(memory, &order, "/t.E", "p");
	want(0, order, 0, 1);
	want(1, other, 0, 1);
	appends[0].key = appends[1].key = &twice;
	appends[0].snapshot = &after;
	assert_true(run(2, false));
	assert_int_equal(memory->kept.committed_keys, 1);
	assert_memory_equal(memory->kept.keys[0].aggregate.root, other.root,
						AZ_UUID_SIZE);
	assert_int_equal(memory->kept.committed_snapshots, 0);
}

static void
a_key_kept_since_the_look_takes_the_events_back(void **state)
{
	want(0, order, 0, 1);
	appends[0].key = &once;
	memory_db_fail_statement(memory, AZ_STATEMENT_KEEP_KEYS, 1, "23505");
	assert_false(run(1, false));
	assert_int_equal(stored(&order), 0);
	assert_true(run(1, true));
	assert_int_equal(stored(&order), 1);
	assert_int_equal(memory->kept.committed_keys, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(commands_of_many_aggregates_are_appended_with_one_statement),
		TEST(a_batch_is_in_the_order_of_the_key),
		TEST(everything_an_event_says_is_stored),
		TEST(an_overtaken_command_writes_nothing_and_learns_where_the_stream_is),
		TEST(a_command_ahead_of_the_stream_writes_nothing),
		TEST(a_second_command_for_an_aggregate_is_put_off),
		TEST(where_somebody_else_is_writing_the_probed_form_is_busy),
		TEST(the_plain_form_appends_too),
		TEST(a_failing_statement_stores_nothing),
		TEST(outcomes_are_told_by_the_commands_number_not_its_place),
		TEST(an_answer_for_other_commands_is_an_internal_error),
		TEST(an_append_without_memory_fails_and_stores_nothing),
		TEST(keys_and_snapshots_of_many_commands_are_one_statement_each),
		TEST(without_keys_and_snapshots_nothing_is_asked_about_them),
		TEST(a_repeat_appends_nothing_and_learns_what_the_first_one_did),
		TEST(what_has_no_events_keeps_its_key_and_its_answer),
		TEST(who_is_overtaken_keeps_neither_key_nor_snapshot),
		TEST(a_key_kept_since_the_look_takes_the_events_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
