/*
 * Tests of subscriptions in a whole engine: a projector gets the log in
 * order, whoever fails, and its cursor says how far it has come.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "codec/decode.h"

#include "engine_world.h"
#include "failing_malloc.h"
#include "memory_statements.h"

#define SECOND_US INT64_C(1000000)
#define NEVER_US (100 * SECOND_US)

static World *world;
static int64_t now_us;			/* by hand */
static int	warnings;
static bool is_turning;			/* while false the engine's work is undone */

/* What the projector was given, an entry for each event: "a0" and so on. */
static char given[400];
static int	calls;
static size_t largest;			/* most events of one call */

/* How it answers: events of this root fail with this code. */
static int	bad_root;
static const char *bad_code;
static int	good_after;			/* failures; 0 = never */
static int	failures;
static bool holds;				/* it does not answer */
static H2Request *held[8];
static int	n_held;

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
answer_projection(H2Request *request)
{
	PbProjection projection = PB_PROJECTION_INIT;

	answer_message(world, request, &projection);
}

static bool
fails(const PbEventBook *events)
{
	if (bad_root == 0 || events->cover->root->value.data[0] != bad_root ||
		(good_after > 0 && failures >= good_after))
		return false;
	failures++;
	return true;
}

static void
project(World *asked, H2Request *request, PbEventBook *events)
{
	calls++;
	if (events->n_pages > largest)
		largest = events->n_pages;
	if (fails(events))
	{
		h2_refuse(request, bad_code, "I cannot");
		return;
	}
	for (size_t i = 0; i < events->n_pages; i++)
		snprintf(given + strlen(given), sizeof(given) - strlen(given), "%c%u ",
				 events->cover->root->value.data[0],
				 events->pages[i]->header->sequence);
	if (holds)
		held[n_held++] = request;
	else
		answer_projection(request);
}

static void
register_projector(const char *name, const char *inputs)
{
	MemoryComponent component = {
		.name = name,.kind = "projector",.domain = "",.inputs = inputs,
		.address = world->address
	};

	memory_db_register(world->memory, component);
}

static int
setup(void **state)
{
	static const AzClock by_hand = {turned_by_hand, turned_by_hand};

	now_us = 1000 * SECOND_US;
	az_clock_set(&by_hand);
	az_log_set_sink(count_warnings);
	world = world_create();
	world->project = project;
	world->settings.log_poll_us = NEVER_US;
	world->settings.catalog_poll_us = NEVER_US;
	world->settings.jobs.max_attempts = 3;
	warnings = calls = failures = good_after = bad_root = n_held = 0;
	largest = 0;
	bad_code = "13";
	holds = false;
	given[0] = '\0';
	register_projector("orders", "order,payment");
	return !world_start(world);
}

static int
teardown(void **state)
{
	fail_malloc_after(-1);
	world_free(world);
	az_clock_set(NULL);
	az_log_set_sink(NULL);
	return 0;
}

/* Turns until there is nothing to do now; failing the test after 10 s. */
static void
settle(void)
{
	time_t		give_up = time(NULL) + 10;
	int			quiet = 0;

	while (quiet < 5)
	{
		world_go_on(world);
		is_turning = az_engine_timeout_ms(world->engine) == 0 ||
			(!holds && world->memory->db.in_transaction);
		quiet = is_turning ? 0 : quiet + 1;
		if (time(NULL) > give_up)
			fail_msg("it never rests; given so far: %s", given);
	}
}

/* Until so many calls have come to the projector. */
static void
until_called(int count)
{
	time_t		give_up = time(NULL) + 10;

	while (calls < count)
	{
		world_go_on(world);
		if (time(NULL) > give_up)
			fail_msg("%d of %d calls have come", calls, count);
	}
	settle();
}

/* Some time is gone. */
static void
advance(int64_t us)
{
	now_us += us;
	settle();
}

static AzAggregate
aggregate(char root)
{
	AzAggregate aggregate = {"order", "", {0}};

	aggregate.root[0] = (uint8_t) root;
	return aggregate;
}

/* An event for each letter. */
static void
put(const char *roots)
{
	for (; *roots != '\0'; roots++)
	{
		AzAggregate order = aggregate(*roots);

		hold_failing_malloc(true);
		memory_db_put_event(world->memory, &order, "/t.Added", "payload");
		hold_failing_malloc(false);
	}
}

static const MemorySubscription *
cursor_of(const char *name)
{
	const MemorySubscription *cursor = memory_db_subscription(world->memory,
															  name);

	assert_non_null(cursor);
	return cursor;
}

static void
assert_cursor(int64_t position, const char *status)
{
	assert_int_equal(cursor_of("orders")->position, position);
	assert_string_equal(cursor_of("orders")->status, status);
}

static void
assert_exception(int64_t position, const char *state, int attempts)
{
	const MemoryException *exception = memory_db_exception(world->memory,
														   "orders", position);

	if (exception == NULL)
		fail_msg("nothing is kept of event %d", (int) position);
	assert_string_equal(exception->state, state);
	assert_int_equal(exception->attempts, attempts);
}

static void
assert_no_exceptions(void)
{
	assert_int_equal(world->memory->deliveries.n_exceptions, 0);
}

static void
answer_held(void)
{
	holds = false;
	for (int i = 0; i < n_held; i++)
		answer_projection(held[i]);
	n_held = 0;
}

/* ---- going well ---- */

static void
the_log_is_given_in_order_for_each_stream(void **state)
{
	put("aba");
	until_called(2);
	assert_string_equal(given, "a0 a1 b0 ");
	put("ba");
	until_called(4);
	assert_string_equal(given, "a0 a1 b0 b1 a2 ");
	assert_int_equal(warnings, 0);
}

static void
a_stream_is_not_given_on_while_a_call_is_under_way(void **state)
{
	holds = true;
	put("ab");
	until_called(2);
	put("ac");
	until_called(3);
	assert_string_equal(given, "a0 b0 c0 ");
	answer_held();
	until_called(4);
	assert_string_equal(given, "a0 b0 c0 a1 ");
}

static void
only_domains_that_it_listens_to_are_given(void **state)
{
	AzAggregate other = aggregate('x');

	other.domain = "shipping";
	memory_db_put_event(world->memory, &other, "/t.Added", "payload");
	other.domain = "payment";
	memory_db_put_event(world->memory, &other, "/t.Added", "payload");
	put("a");
	until_called(2);
	assert_string_equal(given, "x0 a0 ");
	advance(SECOND_US);
	assert_cursor(3, "active");
}

static void
the_cursor_is_written_at_most_once_a_second(void **state)
{
	put("a");
	until_called(1);
	assert_cursor(1, "active");
	assert_int_equal(cursor_of("orders")->writes, 1);
	for (int i = 0; i < 3; i++)
	{
		put("b");
		until_called(2 + i);
		advance(SECOND_US / 10);
	}
	assert_cursor(1, "active");
	advance(SECOND_US);
	assert_cursor(4, "active");
	assert_int_equal(cursor_of("orders")->writes, 2);
}

static void
an_idle_subscription_asks_the_database_nothing(void **state)
{
	int			begun;

	put("a");
	until_called(1);
	advance(2 * SECOND_US);
	begun = world->memory->begun;
	advance(10 * SECOND_US);
	assert_int_equal(world->memory->begun, begun);
	assert_true(az_engine_timeout_ms(world->engine) != 0);
}

static void
no_more_streams_than_allowed_are_given_at_a_time(void **state)
{
	MemoryComponent component = {
		.name = "narrow",.kind = "projector",.domain = "",.inputs = "order",
		.address = world->address,.max_in_flight = 2
	};

	memory_db_unregister(world->memory, "orders");
	memory_db_register(world->memory, component);
	holds = true;
	put("abcd");
	until_called(2);
	advance(SECOND_US);
	assert_string_equal(given, "a0 b0 ");
	answer_held();
	until_called(4);
	assert_string_equal(given, "a0 b0 c0 d0 ");
}

static void
several_projectors_come_on_each_at_its_own_pace(void **state)
{
	register_projector("more", "");
	put("a");
	until_called(2);
	advance(SECOND_US);
	assert_int_equal(cursor_of("orders")->position, 1);
	assert_int_equal(cursor_of("more")->position, 1);
}

static void
a_window_that_is_full_is_read_on_when_it_has_room(void **state)
{
	for (int i = 0; i < 1200; i++)
		put("a");
	until_called(10);
	for (int i = 0; i < 3; i++)
		advance(SECOND_US);
	assert_cursor(1200, "active");
	assert_int_equal(largest, 100);
}

/* ---- failures ---- */

static void
a_stream_that_fails_alone_waits_and_the_cursor_goes_on(void **state)
{
	bad_root = 'a';
	good_after = 2;
	put("aab");
	until_called(3);
	assert_string_equal(given, "b0 ");
	advance(0);
	assert_cursor(3, "active");
	assert_exception(1, "waiting", 1);
	assert_exception(2, "parked", 0);
	advance(SECOND_US);
	assert_string_equal(given, "b0 a0 a1 ");
	advance(SECOND_US);
	assert_no_exceptions();
	assert_int_equal(world->memory->kept.n_letters, 0);
}

static void
later_events_of_a_stream_that_waits_stay_behind_it(void **state)
{
	world->settings.jobs.retry_delay_us = 10 * SECOND_US;
	world->settings.jobs.max_retry_delay_us = 100 * SECOND_US;
	az_engine_apply(world->engine, &world->settings);
	bad_root = 'a';
	good_after = 1;
	put("a");
	until_called(1);
	put("ab");
	until_called(2);
	advance(SECOND_US);
	assert_string_equal(given, "b0 ");
	assert_exception(1, "waiting", 1);
	assert_exception(2, "parked", 0);
	advance(20 * SECOND_US);
	assert_string_equal(given, "b0 a0 a1 ");
	assert_no_exceptions();
}

static PbAngzarrDeadLetter *
letter(size_t i)
{
	PbAngzarrDeadLetter *found;

	assert_true(i < world->memory->kept.committed_letters);
	found = az_decode(&pb_angzarr_dead_letter_descriptor,
					  world->memory->kept.letters[i], world->arena, NULL);
	assert_non_null(found);
	return found;
}

static void
assert_letter(size_t i, uint32_t sequence, bool is_transient, int retry_count)
{
	PbAngzarrDeadLetter *found = letter(i);

	assert_string_equal(found->cover->domain, "order");
	assert_string_equal(found->source_component, "orders");
	assert_string_equal(found->source_component_type, "projector");
	assert_int_equal(found->payload_case,
					 PB_ANGZARR_DEAD_LETTER_REJECTED_EVENTS);
	assert_int_equal(found->rejected_events->n_pages, 1);
	assert_int_equal(found->rejected_events->pages[0]->header->sequence,
					 sequence);
	assert_string_equal(found->event_processing_failed->error, "I cannot");
	assert_int_equal(found->event_processing_failed->is_transient,
					 is_transient);
	assert_int_equal(found->event_processing_failed->retry_count,
					 retry_count);
}

static void
an_event_that_fails_for_good_becomes_a_dead_letter_at_once(void **state)
{
	bad_root = 'a';
	bad_code = "3";
	put("ab");
	until_called(2);
	advance(SECOND_US);
	assert_int_equal(failures, 1);
	assert_int_equal(world->memory->kept.committed_letters, 1);
	assert_letter(0, 0, false, 0);
	assert_no_exceptions();
	assert_cursor(2, "active");
}

static void
an_event_whose_attempts_are_spent_becomes_a_dead_letter(void **state)
{
	bad_root = 'a';
	put("aa");
	until_called(2);
	for (int i = 0; i < 10; i++)
		advance(SECOND_US);
	/* Both together, then three times each. */
	assert_int_equal(failures, 7);
	assert_int_equal(world->memory->kept.committed_letters, 2);
	assert_letter(0, 0, true, 3);
	assert_letter(1, 1, true, 3);
	assert_no_exceptions();
	assert_cursor(2, "active");
}

static void
a_payload_that_is_kept_elsewhere_is_a_dead_letter_and_no_call(void **state)
{
	PbPayloadReference reference = PB_PAYLOAD_REFERENCE_INIT;
	AzEvent    *event;

	put("a");
	event = &world->memory->log[0].event;
	reference.uri = (char *) "s3://bucket/1";
	assert_true(az_encode(&reference, world->arena, &event->external, NULL));
	event->payload = (AzBytes)
	{
		NULL, 0
	};
	event->type_url = "";
	put("b");
	until_called(1);
	advance(SECOND_US);
	assert_string_equal(given, "b0 ");
	assert_int_equal(world->memory->kept.committed_letters, 1);
	assert_string_equal(letter(0)->source_component, "orders");
	assert_string_equal(letter(0)->payload_retrieval_failed->uri,
						"s3://bucket/1");
	assert_cursor(2, "active");
}

static void
attempts_go_on_where_they_were_after_a_restart(void **state)
{
	AzEngineSettings settings = world->settings;

	bad_root = 'a';
	settings.jobs.retry_delay_us = 10 * SECOND_US;
	settings.jobs.max_retry_delay_us = 100 * SECOND_US;
	az_engine_apply(world->engine, &settings);
	put("a");
	until_called(1);
	advance(SECOND_US);
	assert_exception(1, "waiting", 1);
	az_engine_free(world->engine);
	world->settings = settings;
	assert_true(world_start(world));
	settle();
	assert_int_equal(calls, 1);
	advance(20 * SECOND_US);
	assert_int_equal(calls, 2);
	assert_exception(1, "waiting", 2);
	advance(80 * SECOND_US);
	assert_int_equal(calls, 3);
	assert_int_equal(world->memory->kept.committed_letters, 1);
	assert_no_exceptions();
}

static void
what_another_attempt_came_to_is_in_its_row_soon(void **state)
{
	AzEngineSettings settings = world->settings;

	bad_root = 'a';
	settings.jobs.max_attempts = 10;
	settings.jobs.retry_delay_us = 10 * SECOND_US;
	settings.jobs.max_retry_delay_us = 100 * SECOND_US;
	az_engine_apply(world->engine, &settings);
	put("a");
	until_called(1);
	advance(SECOND_US);
	advance(20 * SECOND_US);
	assert_int_equal(calls, 2);
	advance(SECOND_US);
	assert_exception(1, "waiting", 2);
	assert_string_equal(memory_db_exception(world->memory, "orders", 1)->last_error,
						"I cannot");
}

static void
a_poison_event_among_many_fails_alone(void **state)
{
	AzAggregate order = aggregate('a');

	put("aa");
	memory_db_put_append(world->memory, &order, "", 1, false);
	bad_root = 'a';
	bad_code = "3";
	good_after = 2;
	until_called(4);
	advance(SECOND_US);
	assert_string_equal(given, "a1 a2 ");
	assert_int_equal(world->memory->kept.committed_letters, 1);
	assert_cursor(3, "active");
}

/* ---- a component that cannot be reached ---- */

static void
stop_service(void)
{
	h2_service_stop(world->service);
	world->service = NULL;
	/* What was asked is over. */
	for (int i = 0; i < 20; i++)
		world_go_on(world);
}

static void
start_service_again(void)
{
	int			port;

	assert_int_equal(sscanf(world->address, "grpc://127.0.0.1:%d", &port), 1);
	world->service = h2_service_start(world->outside, "127.0.0.1", port);
	assert_non_null(world->service);
}

static void
a_component_that_cannot_be_reached_costs_no_attempts(void **state)
{
	H2Script	script = *h2_service_script(world->service);

	stop_service();
	put("aabc");
	for (int i = 0; i < 100; i++)
		advance(SECOND_US / 10);
	assert_cursor(0, "failing");
	assert_true(cursor_of("orders")->failures > 0);
	assert_true(cursor_of("orders")->last_error[0] != '\0');
	assert_no_exceptions();
	assert_int_equal(world->memory->kept.n_letters, 0);
	assert_int_equal(warnings, 1);
	start_service_again();
	*h2_service_script(world->service) = script;
	for (int i = 0; i < 100 && calls < 3; i++)
		advance(SECOND_US / 10);
	assert_int_equal(strlen(given), strlen("a0 a1 b0 c0 "));
	assert_non_null(strstr(given, "a0 a1 "));
	assert_non_null(strstr(given, "b0 "));
	assert_non_null(strstr(given, "c0 "));
	advance(SECOND_US);
	assert_cursor(4, "active");
	assert_int_equal(cursor_of("orders")->failures, 0);
	assert_string_equal(cursor_of("orders")->last_error, "");
}

static void
while_it_cannot_be_reached_it_is_not_asked_again_and_again(void **state)
{
	world->settings.jobs.retry_delay_us = 10 * SECOND_US;
	world->settings.jobs.max_retry_delay_us = 100 * SECOND_US;
	az_engine_apply(world->engine, &world->settings);
	stop_service();
	put("ab");
	settle();
	advance(SECOND_US);
	assert_cursor(0, "failing");
	assert_int_equal(cursor_of("orders")->failures, 2);
	assert_true(az_engine_timeout_ms(world->engine) != 0);
	world->service = h2_service_start(world->outside, "127.0.0.1", 0);
}

static void
a_stream_that_is_due_does_not_keep_the_engine_busy_meanwhile(void **state)
{
	H2Script	script = *h2_service_script(world->service);

	AzJobSettings *jobs = &world->settings.jobs;

	jobs->call_timeout_us = NEVER_US;
	jobs->retry_delay_us = jobs->max_retry_delay_us = 10 * SECOND_US;
	az_engine_apply(world->engine, &world->settings);
	bad_root = 'a';
	good_after = 2;
	put("a");
	until_called(1);
	advance(20 * SECOND_US);
	assert_int_equal(failures, 2);
	jobs->retry_delay_us = jobs->max_retry_delay_us = SECOND_US / 1000;
	az_engine_apply(world->engine, &world->settings);
	stop_service();
	put("b");
	settle();
	start_service_again();
	*h2_service_script(world->service) = script;
	holds = true;
	for (int i = 0; i < 20 && n_held == 0; i++)
		advance(SECOND_US / 10);
	/* b asks whether somebody is there again; a must wait for that. */
	assert_string_equal(given, "b0 ");
	advance(40 * SECOND_US);
	assert_string_equal(given, "b0 ");
	answer_held();
	settle();
	assert_string_equal(given, "b0 a0 ");
}

/* ---- who is moved by others ---- */

static void
a_paused_component_is_given_nothing_until_it_goes_on(void **state)
{
	memory_db_set_status(world->memory, "orders", "paused");
	put("a");
	advance(SECOND_US);
	assert_int_equal(calls, 0);
	memory_db_set_status(world->memory, "orders", "active");
	until_called(1);
	assert_string_equal(given, "a0 ");
}

static void
who_is_paused_while_something_is_under_way_stays_paused(void **state)
{
	holds = true;
	put("a");
	until_called(1);
	memory_db_set_status(world->memory, "orders", "paused");
	put("b");
	settle();
	answer_held();
	advance(SECOND_US);
	assert_string_equal(given, "a0 ");
	assert_cursor(1, "paused");
}

static void
a_disabled_component_is_given_nothing(void **state)
{
	MemoryComponent component = {
		.name = "off",.kind = "projector",.domain = "",.inputs = "",
		.address = world->address,.disabled = true
	};

	memory_db_unregister(world->memory, "orders");
	memory_db_register(world->memory, component);
	put("a");
	advance(SECOND_US);
	assert_int_equal(calls, 0);
	assert_int_equal(cursor_of("off")->position, 0);
}

static void
who_is_reset_begins_anew_from_there(void **state)
{
	put("ab");
	until_called(2);
	advance(SECOND_US);
	assert_cursor(2, "active");
	memory_db_reset(world->memory, "orders", 1);
	until_called(3);
	assert_string_equal(given, "a0 b0 b0 ");
	advance(SECOND_US);
	assert_cursor(2, "active");
}

static void
a_cursor_of_before_a_reset_is_not_written(void **state)
{
	put("a");
	until_called(1);
	put("b");
	until_called(2);
	/* It has not been told yet. */
	memory_db_reset(world->memory, "orders", 0);
	world->memory->generation--;
	advance(SECOND_US);
	until_called(4);
	assert_string_equal(given, "a0 b0 a0 b0 ");
	advance(SECOND_US);
	assert_cursor(2, "active");
}

static void
who_is_unregistered_is_given_nothing_more(void **state)
{
	holds = true;
	put("a");
	until_called(1);
	memory_db_unregister(world->memory, "orders");
	settle();
	put("b");
	advance(SECOND_US);
	assert_string_equal(given, "a0 ");
	assert_null(memory_db_subscription(world->memory, "orders"));
	register_projector("orders", "");
	holds = false;
	until_called(3);
	assert_string_equal(given, "a0 a0 b0 ");
}

static void
who_has_no_cursor_is_given_nothing(void **state)
{
	world->memory->deliveries.n_subscriptions = 0;
	world->memory->committed_deliveries = world->memory->deliveries;
	put("a");
	advance(SECOND_US);
	assert_int_equal(calls, 0);
}

static void
a_lease_another_has_is_left_to_it(void **state)
{
	strcpy(world->memory->leased_elsewhere, "orders");
	put("a");
	advance(SECOND_US);
	assert_int_equal(calls, 0);
	assert_int_equal(cursor_of("orders")->writes, 0);
	world->memory->leased_elsewhere[0] = '\0';
	advance(NEVER_US);
	assert_string_equal(given, "a0 ");
}

static void
what_is_settled_is_not_given_again_when_the_catalog_changes(void **state)
{
	MemoryComponent other = {
		.name = "x",.kind = "aggregate",.domain = "x",
		.address = world->address
	};

	put("ab");
	memory_db_put_exception(world->memory, "orders", 1, "waiting", now_us);
	memory_db_subscription(world->memory, "orders")->position = 1;
	world->memory->committed_deliveries = world->memory->deliveries;
	holds = true;
	until_called(2);
	memory_db_register(world->memory, other);
	answer_held();
	advance(SECOND_US);
	assert_int_equal(calls, 2);
	assert_no_exceptions();
}

/* ---- requests that are at an event ---- */

static void
a_reserved_event_waits_for_the_request_that_is_at_it(void **state)
{
	put("aab");
	memory_db_put_exception(world->memory, "orders", 1, "reserved",
							now_us + 30 * SECOND_US);
	until_called(1);
	advance(SECOND_US);
	assert_string_equal(given, "b0 ");
	assert_exception(2, "parked", 0);
	assert_cursor(3, "active");
	memory_db_end_exception(world->memory, "orders", 1, "done");
	advance(SECOND_US);
	advance(SECOND_US);
	assert_string_equal(given, "b0 a1 ");
	put("b");
	until_called(3);
	advance(SECOND_US);
	assert_no_exceptions();
}

static void
an_event_whose_reservation_is_over_is_given(void **state)
{
	put("a");
	memory_db_put_exception(world->memory, "orders", 1, "reserved",
							now_us + 30 * SECOND_US);
	advance(SECOND_US);
	assert_int_equal(calls, 0);
	advance(31 * SECOND_US);
	assert_string_equal(given, "a0 ");
	advance(SECOND_US);
	assert_no_exceptions();
}

static void
an_event_that_a_request_has_done_is_passed(void **state)
{
	put("ab");
	memory_db_put_exception(world->memory, "orders", 1, "done", 0);
	until_called(1);
	advance(SECOND_US);
	assert_string_equal(given, "b0 ");
	assert_cursor(2, "active");
	assert_no_exceptions();
}

/* ---- a database that fails ---- */

static void
a_database_that_fails_is_asked_again_and_complained_of_once(void **state)
{
	memory_db_fail_statement(world->memory, AZ_STATEMENT_READ_DELIVERIES, 1,
							 "53200");
	put("a");
	settle();
	assert_int_equal(calls, 0);
	assert_int_equal(warnings, 1);
	memory_db_fail_commit(world->memory, 1, "53200");
	advance(SECOND_US);
	assert_int_equal(calls, 0);
	advance(SECOND_US);
	until_called(1);
	assert_string_equal(given, "a0 ");
	assert_int_equal(warnings, 1);
}

static void
each_statement_that_fails_only_delays(void **state)
{
	static const AzStatementId statements[] = {
		AZ_STATEMENT_TAKE_LEASES, AZ_STATEMENT_SUBSCRIPTIONS,
		AZ_STATEMENT_HELD_STREAMS, AZ_STATEMENT_READ_DELIVERIES,
		AZ_STATEMENT_WRITE_CURSORS, AZ_STATEMENT_WRITE_EXCEPTIONS,
		AZ_STATEMENT_READ_HELD
	};

	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++)
		memory_db_fail_statement(world->memory, statements[i], 1, "53200");
	bad_root = 'a';
	good_after = 1;
	put("ab");
	for (int i = 0; i < 20; i++)
		advance(SECOND_US);
	assert_string_equal(given, "b0 a0 ");
	assert_cursor(2, "active");
	assert_no_exceptions();
}

static void
a_status_that_could_not_be_written_is_written_later(void **state)
{
	stop_service();
	memory_db_fail_statement(world->memory, AZ_STATEMENT_WRITE_CURSORS, 1,
							 "53200");
	put("a");
	for (int i = 0; i < 10; i++)
		advance(SECOND_US / 10);
	assert_cursor(0, "failing");
	world->service = h2_service_start(world->outside, "127.0.0.1", 0);
}

/* ---- the end ---- */

static void
a_draining_engine_writes_its_last_cursors(void **state)
{
	holds = true;
	put("a");
	until_called(1);
	put("b");
	until_called(2);
	az_engine_drain(world->engine);
	put("c");
	settle();
	assert_false(az_engine_is_drained(world->engine));
	answer_held();
	settle();
	assert_true(az_engine_is_drained(world->engine));
	assert_cursor(2, "active");
	assert_string_equal(given, "a0 b0 ");
}

static void
a_draining_engine_does_not_wait_for_a_database_that_fails(void **state)
{
	put("a");
	until_called(1);
	put("b");
	until_called(2);
	memory_db_fail_begin(world->memory, 1, "53200");
	az_engine_drain(world->engine);
	settle();
	assert_true(az_engine_is_drained(world->engine));
}

static void
an_engine_freed_with_deliveries_under_way_leaves_nothing(void **state)
{
	holds = true;
	put("abc");
	until_called(3);
}

static void
memory_that_runs_out_loses_no_event(void **state)
{
	for (int i = 0; i < 300; i += 7)
	{
		int			before = calls;

		given[0] = '\0';
		fail_malloc_after(i);
		put("a");
		until_called(before);
		advance(SECOND_US);
		fail_malloc_after(-1);
		advance(SECOND_US);
		advance(SECOND_US);
		if (given[0] == '\0')
			fail_msg("nothing was given, memory being out after %d", i);
	}
	assert_int_equal(world->memory->kept.n_letters, 0);
}

static void
memory_that_runs_out_when_it_begins_does_not_forget_what_waits(void **state)
{
	put("ab");
	memory_db_put_exception(world->memory, "orders", 1, "waiting", now_us);
	memory_db_subscription(world->memory, "orders")->position = 1;
	world->memory->committed_deliveries = world->memory->deliveries;
	for (int i = 0; i < 200; i++)
	{
		az_engine_free(world->engine);
		memory_db_reset(world->memory, "orders", 1);
		memory_db_put_exception(world->memory, "orders", 1, "waiting", now_us);
		assert_true(world_start(world));
		given[0] = '\0';
		fail_malloc_after(i);
		settle();
		fail_malloc_after(-1);
		advance(SECOND_US);
		advance(SECOND_US);
		assert_non_null(strstr(given, "a0 "));
		assert_non_null(strstr(given, "b0 "));
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_log_is_given_in_order_for_each_stream),
		TEST(a_stream_is_not_given_on_while_a_call_is_under_way),
		TEST(only_domains_that_it_listens_to_are_given),
		TEST(the_cursor_is_written_at_most_once_a_second),
		TEST(an_idle_subscription_asks_the_database_nothing),
		TEST(no_more_streams_than_allowed_are_given_at_a_time),
		TEST(several_projectors_come_on_each_at_its_own_pace),
		TEST(a_window_that_is_full_is_read_on_when_it_has_room),
		TEST(a_stream_that_fails_alone_waits_and_the_cursor_goes_on),
		TEST(later_events_of_a_stream_that_waits_stay_behind_it),
		TEST(an_event_that_fails_for_good_becomes_a_dead_letter_at_once),
		TEST(an_event_whose_attempts_are_spent_becomes_a_dead_letter),
		TEST(a_payload_that_is_kept_elsewhere_is_a_dead_letter_and_no_call),
		TEST(attempts_go_on_where_they_were_after_a_restart),
		TEST(what_another_attempt_came_to_is_in_its_row_soon),
		TEST(a_poison_event_among_many_fails_alone),
		TEST(a_component_that_cannot_be_reached_costs_no_attempts),
		TEST(while_it_cannot_be_reached_it_is_not_asked_again_and_again),
		TEST(a_stream_that_is_due_does_not_keep_the_engine_busy_meanwhile),
		TEST(a_paused_component_is_given_nothing_until_it_goes_on),
		TEST(who_is_paused_while_something_is_under_way_stays_paused),
		TEST(a_disabled_component_is_given_nothing),
		TEST(who_is_reset_begins_anew_from_there),
		TEST(a_cursor_of_before_a_reset_is_not_written),
		TEST(who_is_unregistered_is_given_nothing_more),
		TEST(who_has_no_cursor_is_given_nothing),
		TEST(a_lease_another_has_is_left_to_it),
		TEST(what_is_settled_is_not_given_again_when_the_catalog_changes),
		TEST(a_reserved_event_waits_for_the_request_that_is_at_it),
		TEST(an_event_whose_reservation_is_over_is_given),
		TEST(an_event_that_a_request_has_done_is_passed),
		TEST(a_database_that_fails_is_asked_again_and_complained_of_once),
		TEST(each_statement_that_fails_only_delays),
		TEST(a_status_that_could_not_be_written_is_written_later),
		TEST(a_draining_engine_writes_its_last_cursors),
		TEST(a_draining_engine_does_not_wait_for_a_database_that_fails),
		TEST(an_engine_freed_with_deliveries_under_way_leaves_nothing),
		TEST(memory_that_runs_out_loses_no_event),
		TEST(memory_that_runs_out_when_it_begins_does_not_forget_what_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
