/* Tests of the window on the log: order, retries, what is set aside, memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/window.h"

#include "failing_malloc.h"

#define NOW INT64_C(1000000)
#define LATER INT64_C(2000000)

static AzWindow *window;
static AzArena *arena;
static int64_t next_sequence[256];	/* by the first byte of a root */

/* What az_window_settle said last. */
static int64_t cursor;
static AzExceptionRow *rows;
static size_t n_rows;

static void
create(size_t max_items, size_t max_running, size_t max_batch)
{
	AzWindowLimits limits = {max_items, max_running, max_batch};

	az_window_free(window);
	window = az_window_create(&limits, 0);
	assert_non_null(window);
}

static int
setup(void **state)
{
	arena = az_arena_create();
	memset(next_sequence, 0, sizeof(next_sequence));
	create(100, 10, 10);
	return arena == NULL;
}

static int
teardown(void **state)
{
	fail_malloc_after(-1);
	az_window_free(window);
	window = NULL;
	az_arena_free(arena);
	return 0;
}

/* The next event of a stream, as it is read from the log. */
static AzLogDelivery
event_of(int root, int64_t position)
{
	AzLogDelivery event = {
		.aggregate = {.domain = "order",.edition = "",.root = {(uint8_t) root}},
		.event = {
			.sequence = next_sequence[root]++,.correlation_id = "",
			.type_url = "/t.Added",.payload = az_bytes_of("payload")
		},
		.position = position
	};

	return event;
}

static bool
try_add(const AzLogDelivery *event)
{
	return az_window_add(window, event, 1, event->position, NOW);
}

static void
add_event(AzLogDelivery event)
{
	assert_true(try_add(&event));
}

/* Positions from 1; each letter is a stream. */
static void
add(const char *streams)
{
	for (int64_t position = az_window_read_to(window) + 1; *streams != '\0';
		 streams++)
		add_event(event_of(*streams, position++));
}

static bool
next_at(AzParcel *parcel, int64_t now_us)
{
	return az_window_next(window, now_us, parcel);
}

static AzParcel
next(void)
{
	AzParcel	parcel;

	assert_true(next_at(&parcel, NOW));
	return parcel;
}

static void
assert_nothing_to_give(int64_t now_us)
{
	AzParcel	parcel;

	assert_false(next_at(&parcel, now_us));
}

static void
settle(AzParcel *parcel)
{
	az_window_finish(window, parcel, AZ_PARCEL_SETTLED, 0, 0, "");
}

static void
fail_until(AzParcel *parcel, int64_t due_us)
{
	az_window_finish(window, parcel, AZ_PARCEL_FAILED, 0, due_us, "no");
}

/* The stream's letter, the first sequence and the count. */
static void
assert_parcel(const AzParcel *parcel, int root, int64_t first, size_t count)
{
	assert_int_equal(parcel->trigger.aggregate.root[0], root);
	assert_int_equal(parcel->trigger.count, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(parcel->trigger.events[i].sequence,
						 first + (int64_t) i);
	assert_int_equal(parcel->trigger.next_sequence, first + (int64_t) count);
}

static void
look_at_news(void)
{
	assert_true(az_window_settle(window, &cursor, &rows, &n_rows, arena));
}

static void
write_news(int64_t expected_cursor, size_t expected_rows)
{
	look_at_news();
	assert_int_equal(cursor, expected_cursor);
	assert_int_equal(n_rows, expected_rows);
	az_window_written(window);
	assert_int_equal(az_window_cursor(window), expected_cursor);
}

static void
assert_row(size_t row, int64_t position, const char *state, int attempts)
{
	assert_int_equal(rows[row].position, position);
	assert_int_equal(rows[row].attempts, attempts);
	if (state == NULL)
		assert_null(rows[row].state);
	else
		assert_string_equal(rows[row].state, state);
}

static AzStream *
wanted(int64_t now_us)
{
	AzStream   *streams[4];

	assert_int_equal(az_window_wants(window, now_us, streams, 4), 1);
	return streams[0];
}

static void
assert_nothing_wanted(int64_t now_us)
{
	AzStream   *streams[4];

	assert_int_equal(az_window_wants(window, now_us, streams, 4), 0);
}

/* What the table says of an event that was set aside. */
static AzLogDelivery
kept(int root, int64_t sequence, int64_t position, AzDeliveryState state,
	 int attempts, int64_t due_us)
{
	AzLogDelivery event = event_of(root, position);

	next_sequence[root]--;
	event.event.sequence = sequence;
	event.state = state;
	event.attempts = attempts;
	event.due_us = due_us;
	return event;
}

static void
find(const AzLogDelivery *found)
{
	assert_true(az_window_found(window, wanted(LATER), found, NOW));
}

/* One stream whose first event failed, set aside with the one behind it. */
static void
set_two_aside(void)
{
	AzParcel	parcel;

	create(100, 10, 1);
	add("aab");
	parcel = next();
	fail_until(&parcel, LATER);
	parcel = next();
	settle(&parcel);
	write_news(3, 2);
}

/* ---- order ---- */

static void
events_of_a_stream_are_given_in_order_one_parcel_at_a_time(void **state)
{
	AzParcel	parcel;

	create(100, 10, 1);
	add("aaa");
	for (int i = 0; i < 3; i++)
	{
		parcel = next();
		assert_parcel(&parcel, 'a', i, 1);
		assert_int_equal(parcel.attempt, 1);
		assert_int_equal(az_window_running(window), 1);
		assert_nothing_to_give(NOW);
		settle(&parcel);
	}
	assert_int_equal(az_window_running(window), 0);
	assert_nothing_to_give(NOW);
}

static void
streams_run_beside_each_other_up_to_the_limit(void **state)
{
	AzParcel	a;
	AzParcel	b;
	AzParcel	c;

	create(100, 2, 1);
	add("abca");
	a = next();
	assert_parcel(&a, 'a', 0, 1);
	b = next();
	assert_parcel(&b, 'b', 0, 1);
	assert_nothing_to_give(NOW);
	settle(&b);
	c = next();
	assert_parcel(&c, 'c', 0, 1);
	assert_nothing_to_give(NOW);
	settle(&a);
	settle(&c);
}

static void
limits_that_change_count_from_the_next_parcel_on(void **state)
{
	AzWindowLimits more = {100, 2, 1};
	AzParcel	a;
	AzParcel	b;

	create(100, 1, 1);
	add("ab");
	a = next();
	assert_nothing_to_give(NOW);
	az_window_set_limits(window, &more);
	b = next();
	assert_parcel(&b, 'b', 0, 1);
	settle(&a);
	settle(&b);
}

static void
streams_of_one_root_in_several_domains_and_editions_are_not_one(void **state)
{
	AzLogDelivery other = event_of('a', 2);
	AzLogDelivery branch = event_of('a', 3);
	AzParcel	parcels[3];

	add_event(event_of('a', 1));
	other.aggregate.domain = "payment";
	branch.aggregate.edition = "try";
	branch.aggregate.has_divergence = true;
	branch.aggregate.divergence = 7;
	add_event(other);
	add_event(branch);
	for (int i = 0; i < 3; i++)
		parcels[i] = next();
	assert_string_equal(parcels[1].trigger.aggregate.domain, "payment");
	assert_string_equal(parcels[2].trigger.aggregate.edition, "try");
	assert_true(parcels[2].trigger.aggregate.has_divergence);
	assert_int_equal(parcels[2].trigger.aggregate.divergence, 7);
	for (int i = 0; i < 3; i++)
		settle(&parcels[i]);
}

static void
what_is_given_is_a_copy_of_what_was_added(void **state)
{
	char		domain[] = "order";
	char		correlation[] = "c-1";
	char		type[] = "/t.Added";
	char		payload[] = "payload";
	char		ext[] = "ext";
	AzLogDelivery event = event_of('a', 1);
	AzParcel	parcel;

	event.aggregate.domain = domain;
	event.event.correlation_id = correlation;
	event.event.type_url = type;
	event.event.payload = az_bytes_of(payload);
	event.event.ext = az_bytes_of(ext);
	event.event.depth = 4;
	event.event.created_at_us = 99;
	add_event(event);
	domain[0] = correlation[0] = type[0] = payload[0] = ext[0] = 'X';
	parcel = next();
	assert_string_equal(parcel.trigger.aggregate.domain, "order");
	assert_string_equal(parcel.trigger.events[0].correlation_id, "c-1");
	assert_string_equal(parcel.trigger.events[0].type_url, "/t.Added");
	assert_memory_equal(parcel.trigger.events[0].payload.data, "payload", 7);
	assert_memory_equal(parcel.trigger.events[0].ext.data, "ext", 3);
	assert_int_equal(parcel.trigger.events[0].depth, 4);
	assert_int_equal(parcel.trigger.events[0].created_at_us, 99);
	settle(&parcel);
}

/* ---- what goes together ---- */

static void
consecutive_events_go_together_up_to_the_limit(void **state)
{
	AzParcel	parcel;

	create(100, 10, 3);
	add("abaaa");
	parcel = next();
	assert_parcel(&parcel, 'a', 0, 3);
	settle(&parcel);
	parcel = next();
	assert_parcel(&parcel, 'b', 0, 1);
	settle(&parcel);
	parcel = next();
	assert_parcel(&parcel, 'a', 3, 1);
	settle(&parcel);
}

/* Adds two events of which the second is told apart by "change". */
static void
assert_apart(void (*change) (AzLogDelivery *event))
{
	AzLogDelivery first = event_of('a', 1);
	AzLogDelivery second = event_of('a', 2);
	AzParcel	parcel;

	create(100, 10, 10);
	change(&second);
	add_event(first);
	add_event(second);
	parcel = next();
	assert_int_equal(parcel.trigger.count, 1);
	settle(&parcel);
	next_sequence['a'] = 0;
}

static void
skip_a_sequence(AzLogDelivery *event)
{
	event->event.sequence++;
}

static void
change_correlation(AzLogDelivery *event)
{
	event->event.correlation_id = "c-2";
}

static void
change_ext(AzLogDelivery *event)
{
	event->event.ext = az_bytes_of("ext");
}

static void
change_depth(AzLogDelivery *event)
{
	event->event.depth = 2;
}

static void
change_divergence(AzLogDelivery *event)
{
	event->aggregate.divergence = 3;
}

static void
have_divergence(AzLogDelivery *event)
{
	event->aggregate.has_divergence = true;
}

static void
be_due_later(AzLogDelivery *event)
{
	event->due_us = LATER;
}

static void
only_events_of_one_cover_go_together(void **state)
{
	assert_apart(skip_a_sequence);
	assert_apart(change_correlation);
	assert_apart(change_ext);
	assert_apart(change_depth);
	assert_apart(change_divergence);
	assert_apart(have_divergence);
	assert_apart(be_due_later);
}

static void
a_parcel_that_is_split_is_given_one_by_one_and_at_once(void **state)
{
	AzParcel	parcel;

	add("aaa");
	parcel = next();
	assert_int_equal(parcel.trigger.count, 3);
	add("a");
	az_window_finish(window, &parcel, AZ_PARCEL_SPLIT, 0, 0, "no");
	for (int i = 0; i < 3; i++)
	{
		parcel = next();
		assert_parcel(&parcel, 'a', i, 1);
		assert_int_equal(parcel.attempt, 1);
		settle(&parcel);
	}
	add("a");
	parcel = next();
	assert_parcel(&parcel, 'a', 3, 2);
	settle(&parcel);
}

static void
one_of_a_split_parcel_that_could_not_be_tried_is_still_given_alone(void **state)
{
	AzParcel	parcel;

	add("aaa");
	parcel = next();
	az_window_finish(window, &parcel, AZ_PARCEL_SPLIT, 0, 0, "no");
	parcel = next();
	az_window_finish(window, &parcel, AZ_PARCEL_UNTRIED, 0, 0, NULL);
	parcel = next();
	assert_parcel(&parcel, 'a', 0, 1);
	settle(&parcel);
}

static void
what_was_not_tried_is_given_again_as_it_was(void **state)
{
	AzParcel	parcel;

	add("aaa");
	parcel = next();
	az_window_finish(window, &parcel, AZ_PARCEL_UNTRIED, 0, 0, NULL);
	assert_false(az_window_has_news(window));
	parcel = next();
	assert_parcel(&parcel, 'a', 0, 3);
	assert_int_equal(parcel.attempt, 1);
	settle(&parcel);
}

/* ---- attempts ---- */

static void
a_failed_event_is_given_again_when_it_is_due_and_counts(void **state)
{
	AzParcel	parcel;

	create(100, 10, 1);
	add("aab");
	parcel = next();
	fail_until(&parcel, LATER);
	assert_int_equal(az_window_due_us(window), LATER);
	parcel = next();
	assert_parcel(&parcel, 'b', 0, 1);
	settle(&parcel);
	assert_nothing_to_give(LATER - 1);
	assert_true(next_at(&parcel, LATER));
	assert_parcel(&parcel, 'a', 0, 1);
	assert_int_equal(parcel.attempt, 2);
	assert_int_equal(az_window_due_us(window), INT64_MAX);
	settle(&parcel);
	parcel = next();
	assert_parcel(&parcel, 'a', 1, 1);
	assert_int_equal(parcel.attempt, 1);
	settle(&parcel);
}

static void
attempts_are_counted_anew_at_another_stage(void **state)
{
	AzParcel	parcel;

	create(100, 10, 1);
	add("a");
	parcel = next();
	az_window_finish(window, &parcel, AZ_PARCEL_FAILED, 0, NOW, "no");
	parcel = next();
	assert_int_equal(parcel.attempt, 2);
	az_window_finish(window, &parcel, AZ_PARCEL_FAILED, 2, NOW, "no");
	parcel = next();
	assert_int_equal(parcel.attempt, 2);
	assert_int_equal(parcel.stage, 2);
	az_window_finish(window, &parcel, AZ_PARCEL_FAILED, 2, NOW, "no");
	parcel = next();
	assert_int_equal(parcel.attempt, 3);
	settle(&parcel);
}

static void
a_failed_event_is_not_given_with_others_again(void **state)
{
	AzParcel	parcel;

	add("a");
	parcel = next();
	add("aa");
	fail_until(&parcel, NOW);
	parcel = next();
	assert_parcel(&parcel, 'a', 0, 1);
	settle(&parcel);
	parcel = next();
	assert_parcel(&parcel, 'a', 1, 2);
	settle(&parcel);
}

/* ---- the cursor ---- */

static void
the_cursor_stops_before_the_first_event_that_is_not_settled(void **state)
{
	AzParcel	a;
	AzParcel	b;

	create(100, 10, 1);
	add("abab");
	a = next();
	b = next();
	settle(&b);
	assert_false(az_window_has_news(window));
	look_at_news();
	assert_int_equal(cursor, 0);
	assert_int_equal(n_rows, 0);
	settle(&a);
	assert_true(az_window_has_news(window));
	assert_false(az_window_is_urgent(window));
	write_news(2, 0);
	assert_false(az_window_has_news(window));
	assert_int_equal(az_window_room(window), 98);
}

static void
the_cursor_follows_what_was_read_when_nothing_is_open(void **state)
{
	AzParcel	parcel;

	assert_true(az_window_add(window, NULL, 0, 50, NOW));
	assert_int_equal(az_window_read_to(window), 50);
	assert_true(az_window_has_news(window));
	write_news(50, 0);
	assert_false(az_window_has_news(window));
	add("a");
	parcel = next();
	settle(&parcel);
	write_news(51, 0);
	assert_true(az_window_is_idle(window));
}

static void
what_is_not_written_is_said_again(void **state)
{
	AzParcel	parcel;

	add("ab");
	parcel = next();
	settle(&parcel);
	look_at_news();
	assert_int_equal(cursor, 1);
	assert_int_equal(az_window_cursor(window), 0);
	parcel = next();
	settle(&parcel);
	write_news(2, 0);
}

static void
an_event_that_is_done_already_is_not_given(void **state)
{
	AzLogDelivery event = event_of('a', 1);

	event.state = AZ_DELIVERY_DONE;
	add_event(event);
	assert_nothing_to_give(NOW);
	assert_true(az_window_has_news(window));
	write_news(1, 0);
	assert_true(az_window_is_idle(window));
}

static void
it_takes_no_more_than_there_is_room_for(void **state)
{
	AzWindowLimits fewer = {2, 10, 10};

	assert_int_equal(az_window_room(window), 100);
	add("aaa");
	assert_int_equal(az_window_room(window), 97);
	az_window_set_limits(window, &fewer);
	assert_int_equal(az_window_room(window), 0);
}

/* ---- set aside ---- */

static void
what_waits_is_set_aside_with_what_stands_behind_it(void **state)
{
	AzParcel	parcel;

	create(100, 10, 1);
	add("aab");
	parcel = next();
	fail_until(&parcel, LATER);
	parcel = next();
	settle(&parcel);
	assert_true(az_window_has_news(window));
	look_at_news();
	assert_int_equal(cursor, 3);
	assert_int_equal(n_rows, 2);
	assert_row(0, 1, "waiting", 1);
	assert_int_equal(rows[0].due_us, LATER);
	assert_string_equal(rows[0].last_error, "no");
	assert_int_equal(rows[0].aggregate.root[0], 'a');
	assert_row(1, 2, "parked", 0);
	assert_int_equal(rows[1].due_us, 0);
	assert_null(rows[1].last_error);
	az_window_written(window);
	assert_int_equal(az_window_room(window), 100);
	assert_false(az_window_is_idle(window));
}

static void
a_stream_that_was_set_aside_is_looked_at_when_its_first_event_is_due(void **state)
{
	set_two_aside();
	assert_int_equal(az_window_due_us(window), LATER);
	assert_nothing_wanted(LATER - 1);
	assert_int_equal(az_window_aggregate(wanted(LATER))->root[0], 'a');
	add("a");
	assert_nothing_to_give(LATER);
	write_news(4, 1);
	assert_row(0, 4, "parked", 0);
	assert_int_equal(az_window_due_us(window), LATER);
}

static void
what_is_found_is_given_and_then_forgotten(void **state)
{
	AzLogDelivery first = kept('a', 0, 1, AZ_DELIVERY_WAITING, 1, NOW);
	AzLogDelivery second = kept('a', 1, 2, AZ_DELIVERY_PARKED, 0, 0);
	AzParcel	parcel;

	set_two_aside();
	find(&first);
	assert_nothing_wanted(LATER);
	parcel = next();
	assert_parcel(&parcel, 'a', 0, 1);
	assert_int_equal(parcel.attempt, 2);
	assert_false(az_window_has_news(window));
	settle(&parcel);
	assert_true(az_window_is_urgent(window));
	assert_true(az_window_has_news(window));
	write_news(3, 1);
	assert_row(0, 1, NULL, 1);
	assert_false(az_window_is_urgent(window));
	find(&second);
	parcel = next();
	assert_parcel(&parcel, 'a', 1, 1);
	assert_int_equal(parcel.attempt, 1);
	settle(&parcel);
	write_news(3, 1);
	assert_row(0, 2, NULL, 0);
	find(NULL);
	assert_true(az_window_is_idle(window));
}

static void
events_behind_a_held_stream_are_given_when_the_table_has_no_more(void **state)
{
	AzParcel	parcel;

	set_two_aside();
	add("aa");
	assert_nothing_to_give(LATER);
	find(NULL);
	parcel = next();
	assert_parcel(&parcel, 'a', 2, 1);
	settle(&parcel);
	write_news(4, 0);
}

static void
what_was_found_goes_before_what_is_new_and_lets_the_cursor_pass(void **state)
{
	AzLogDelivery first = kept('a', 0, 1, AZ_DELIVERY_WAITING, 1, NOW);
	AzParcel	parcel;

	set_two_aside();
	add("a");
	find(&first);
	parcel = next();
	assert_parcel(&parcel, 'a', 0, 1);
	write_news(4, 1);
	assert_row(0, 4, "parked", 0);
	settle(&parcel);
	assert_nothing_to_give(LATER);
	write_news(4, 1);
	assert_row(0, 1, NULL, 1);
}

static void
a_kept_event_that_fails_again_has_its_row_changed(void **state)
{
	AzLogDelivery first = kept('a', 0, 1, AZ_DELIVERY_WAITING, 1, NOW);
	AzParcel	parcel;

	set_two_aside();
	find(&first);
	parcel = next();
	fail_until(&parcel, LATER);
	assert_true(az_window_has_news(window));
	assert_false(az_window_is_urgent(window));
	write_news(3, 1);
	assert_row(0, 1, "waiting", 2);
	assert_int_equal(rows[0].due_us, LATER);
	assert_false(az_window_has_news(window));
	write_news(3, 0);
	assert_true(next_at(&parcel, LATER));
	assert_int_equal(parcel.attempt, 3);
	settle(&parcel);
}

static void
held_streams_are_looked_at_a_few_at_a_time(void **state)
{
	AzStream   *streams[2];

	for (int root = 1; root <= 3; root++)
	{
		AzLogDelivery event = event_of(root, 1);

		assert_true(az_window_hold(window, &event.aggregate, false, NOW));
	}
	assert_int_equal(az_window_wants(window, NOW, streams, 2), 2);
	assert_int_equal(az_window_aggregate(streams[0])->root[0], 1);
	assert_int_equal(az_window_aggregate(streams[1])->root[0], 2);
}

static void
a_stream_held_from_the_start_is_looked_at_when_it_is_due(void **state)
{
	AzLogDelivery event = event_of('a', 1);

	assert_true(az_window_hold(window, &event.aggregate, false, LATER));
	assert_int_equal(az_window_due_us(window), LATER);
	assert_nothing_wanted(NOW);
	assert_true(az_window_hold(window, &event.aggregate, true, LATER));
	wanted(0);
}

/* ---- reserved by a request ---- */

static void
a_reserved_event_is_left_to_its_row_at_once(void **state)
{
	AzLogDelivery event = event_of('a', 1);

	event.state = AZ_DELIVERY_RESERVED;
	event.due_us = NOW;
	add_event(event);
	assert_nothing_to_give(LATER);
	assert_true(az_window_is_urgent(window));
	assert_true(az_window_has_news(window));
	write_news(1, 0);
	assert_false(az_window_is_urgent(window));
	wanted(0);
}

static void
a_reserved_event_waits_behind_what_is_before_it(void **state)
{
	AzLogDelivery event;
	AzParcel	parcel;

	add("a");
	event = event_of('a', 2);
	event.state = AZ_DELIVERY_RESERVED;
	add_event(event);
	parcel = next();
	assert_parcel(&parcel, 'a', 0, 1);
	settle(&parcel);
	assert_nothing_to_give(LATER);
	write_news(2, 0);
	wanted(0);
}

static void
a_reservation_that_is_not_over_is_looked_at_again_soon(void **state)
{
	AzLogDelivery found = kept('a', 0, 1, AZ_DELIVERY_RESERVED, 0, LATER);
	AzParcel	parcel;

	assert_true(az_window_hold(window, &found.aggregate, true, LATER));
	find(&found);
	assert_nothing_to_give(NOW);
	assert_nothing_wanted(NOW);
	assert_true(az_window_due_us(window) > NOW);
	assert_true(az_window_due_us(window) < NOW + 100000);
	/* The request is gone without a word: the reservation is over. */
	assert_true(az_window_found(window, wanted(LATER), &found, LATER));
	assert_true(next_at(&parcel, LATER));
	assert_parcel(&parcel, 'a', 0, 1);
	settle(&parcel);
}

/* ---- the end, and memory ---- */

static void
a_window_with_parcels_under_way_leaves_nothing(void **state)
{
	AzLogDelivery first = kept('a', 0, 1, AZ_DELIVERY_WAITING, 1, NOW);
	AzParcel	parcels[2];

	set_two_aside();
	find(&first);
	add("bbc");
	parcels[0] = next();
	parcels[1] = next();
	az_window_free(window);
	window = NULL;
	az_arena_free(parcels[0].arena);
	az_arena_free(parcels[1].arena);
	az_window_free(NULL);
}

static void
a_window_with_something_settled_leaves_nothing(void **state)
{
	AzLogDelivery first = kept('a', 0, 1, AZ_DELIVERY_WAITING, 1, NOW);
	AzParcel	parcel;

	set_two_aside();
	find(&first);
	parcel = next();
	settle(&parcel);
}

static void
memory_that_runs_out_loses_no_event_and_gives_none_twice(void **state)
{
	AzParcel	parcel;

	for (int i = 0; i < 60; i++)
	{
		AzLogDelivery first = kept('a', 0, 1, AZ_DELIVERY_NEW, 0, 0);
		AzLogDelivery second = kept('a', 1, 2, AZ_DELIVERY_NEW, 0, 0);
		AzWindowLimits limits = {100, 10, 1};
		bool		was_added;

		az_window_free(window);
		fail_malloc_after(i);
		while ((window = az_window_create(&limits, 0)) == NULL)
			assert_true(malloc_has_failed());
		while (!try_add(&first))
			assert_true(malloc_has_failed());
		was_added = try_add(&second);
		if (!was_added)
		{
			assert_int_equal(az_window_read_to(window), 1);
			assert_true(try_add(&second));
		}
		while (!next_at(&parcel, NOW))
			assert_true(malloc_has_failed());
		assert_parcel(&parcel, 'a', 0, 1);
		settle(&parcel);
		while (!az_window_settle(window, &cursor, &rows, &n_rows, arena))
			assert_true(malloc_has_failed());
		assert_int_equal(cursor, 1);
		az_window_written(window);
		fail_malloc_after(-1);
		parcel = next();
		assert_parcel(&parcel, 'a', 1, 1);
		settle(&parcel);
		assert_nothing_to_give(NOW);
	}
}

static void
memory_that_runs_out_leaves_a_held_stream_held(void **state)
{
	AzLogDelivery found = kept('a', 0, 1, AZ_DELIVERY_PARKED, 0, 0);

	for (int i = 0; i < 20; i++)
	{
		AzParcel	parcel;

		create(100, 10, 1);
		fail_malloc_after(i);
		while (!az_window_hold(window, &found.aggregate, false, 0))
			assert_true(malloc_has_failed());
		while (!az_window_found(window, wanted(NOW), &found, NOW))
			assert_true(malloc_has_failed());
		fail_malloc_after(-1);
		parcel = next();
		assert_parcel(&parcel, 'a', 0, 1);
		settle(&parcel);
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(events_of_a_stream_are_given_in_order_one_parcel_at_a_time),
		TEST(streams_run_beside_each_other_up_to_the_limit),
		TEST(limits_that_change_count_from_the_next_parcel_on),
		TEST(streams_of_one_root_in_several_domains_and_editions_are_not_one),
		TEST(what_is_given_is_a_copy_of_what_was_added),
		TEST(consecutive_events_go_together_up_to_the_limit),
		TEST(only_events_of_one_cover_go_together),
		TEST(a_parcel_that_is_split_is_given_one_by_one_and_at_once),
		TEST(one_of_a_split_parcel_that_could_not_be_tried_is_still_given_alone),
		TEST(what_was_not_tried_is_given_again_as_it_was),
		TEST(a_failed_event_is_given_again_when_it_is_due_and_counts),
		TEST(attempts_are_counted_anew_at_another_stage),
		TEST(a_failed_event_is_not_given_with_others_again),
		TEST(the_cursor_stops_before_the_first_event_that_is_not_settled),
		TEST(the_cursor_follows_what_was_read_when_nothing_is_open),
		TEST(what_is_not_written_is_said_again),
		TEST(an_event_that_is_done_already_is_not_given),
		TEST(it_takes_no_more_than_there_is_room_for),
		TEST(what_waits_is_set_aside_with_what_stands_behind_it),
		TEST(a_stream_that_was_set_aside_is_looked_at_when_its_first_event_is_due),
		TEST(what_is_found_is_given_and_then_forgotten),
		TEST(events_behind_a_held_stream_are_given_when_the_table_has_no_more),
		TEST(what_was_found_goes_before_what_is_new_and_lets_the_cursor_pass),
		TEST(a_kept_event_that_fails_again_has_its_row_changed),
		TEST(held_streams_are_looked_at_a_few_at_a_time),
		TEST(a_stream_held_from_the_start_is_looked_at_when_it_is_due),
		TEST(a_reserved_event_is_left_to_its_row_at_once),
		TEST(a_reserved_event_waits_behind_what_is_before_it),
		TEST(a_reservation_that_is_not_over_is_looked_at_again_soon),
		TEST(a_window_with_parcels_under_way_leaves_nothing),
		TEST(a_window_with_something_settled_leaves_nothing),
		TEST(memory_that_runs_out_loses_no_event_and_gives_none_twice),
		TEST(memory_that_runs_out_leaves_a_held_stream_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
