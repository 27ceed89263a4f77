/* Tests of Subscribe: who is sent what, and how subscriptions end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "codec/decode.h"
#include "codec/messages.h"
#include "failing_malloc.h"
#include "fake_call.h"
#include "service/event_stream.h"

#define MAX_CALLS 300
#define SUBSCRIBE "/io.angzarr.v1.EventStreamService/Subscribe"

static AzServices *services;
static AzJobs *jobs;
static AzServerCall *calls[MAX_CALLS];
static int64_t horizon;			/* of the next batch */
static AzArena *arena;			/* for what tests decode */

static int
set_up(void **state)
{
	services = fake_services();
	jobs = az_services_jobs(services);
	arena = az_arena_create();
	memset(calls, 0, sizeof(calls));
	horizon = 100;
	return services == NULL ? -1 : 0;
}

static void
hang_up(int n)
{
	fake_hang_up(services, calls[n]);
	calls[n] = NULL;
}

static int
tear_down(void **state)
{
	fail_malloc_after(-1);
	for (int n = 0; n < MAX_CALLS; n++)
		if (calls[n] != NULL)
			hang_up(n);
	assert_null(jobs->readers.first);
	az_services_free(services);
	az_arena_free(arena);
	return 0;
}

static void
ask(int n, const char *correlation_id)
{
	PbEventStreamFilter filter = PB_EVENT_STREAM_FILTER_INIT;
	AzBytes		bytes;

	filter.correlation_id = (char *) correlation_id;
	assert_true(az_encode(&filter, arena, &bytes, NULL));
	calls[n] = fake_call(services, SUBSCRIBE);
	az_service_events.message(services, calls[n], bytes);
	az_service_events.half_closed(services, calls[n]);
}

/* What the follower does after a look. */
static void
tell(AzLogEvent *events, size_t count)
{
	AzLogBatch	batch = {
		.events = events,.count = count,.up_to = horizon,.horizon = horizon
	};

	az_readers_tell(&jobs->readers, &batch);
}

/* Asks, and is in force. */
static void
subscribe(int n, const char *correlation_id)
{
	ask(n, correlation_id);
	tell(NULL, 0);
	assert_true(calls[n]->opened);
}

static AzLogEvent
event_at(int64_t position, const char *correlation_id)
{
	AzLogEvent	event = {
		.aggregate = {.domain = "order",.edition = ""},
		.event = {.sequence = 5,.correlation_id = correlation_id,
		.type_url = "/t.A",.payload = {(const uint8_t *) "x", 1}},
		.position = position,.opens = true
	};

	event.aggregate.root[15] = 1;
	return event;
}

/* The log brings one event of this id. */
static void
append(const char *correlation_id)
{
	AzLogEvent	event = event_at(++horizon, correlation_id);

	tell(&event, 1);
}

static const PbEventBook *
book(int n, size_t place)
{
	const PbEventBook *sent;

	assert_true(place < calls[n]->n_sent);
	sent = az_decode(&pb_event_book_descriptor, calls[n]->sent[place], arena,
					 NULL);
	assert_non_null(sent);
	return sent;
}

static void
an_id_that_cannot_be_subscribed_to_is_refused(void **state)
{
	static const uint8_t bad[] = {0x0A, 0x05, 'x'};
	AzBytes		bytes = {bad, sizeof(bad)};

	ask(0, "");
	assert_int_equal(calls[0]->code, AZ_INVALID_ARGUMENT);
	assert_string_equal(calls[0]->message,
						"filter.correlation_id is empty: a subscription is to one correlation id");
	ask(1, "a b");
	assert_int_equal(calls[1]->code, AZ_INVALID_ARGUMENT);
	assert_string_equal(calls[1]->message,
						"filter.correlation_id \"a b\" does not match [A-Za-z0-9_-]*");
	calls[2] = fake_call(services, SUBSCRIBE);
	az_service_events.message(services, calls[2], bytes);
	assert_int_equal(calls[2]->code, AZ_INVALID_ARGUMENT);
	assert_null(jobs->readers.first);
}

static void
headers_go_out_at_the_look_after_it_was_asked_for(void **state)
{
	jobs->readers.asked = false;
	ask(0, "c");
	assert_false(calls[0]->opened);
	assert_true(jobs->readers.asked);
	assert_true(az_readers_only_correlated(&jobs->readers));
	tell(NULL, 0);
	assert_true(calls[0]->opened);
	assert_int_equal(calls[0]->n_sent, 0);
	assert_false(calls[0]->finished);
}

static void
each_append_after_that_is_one_book(void **state)
{
	const PbEventBook *sent;
	AzLogEvent	events[2];

	subscribe(0, "c");
	events[0] = event_at(101, "c");
	events[0].next_position = 102;
	events[0].aggregate.edition = "what-if";
	events[0].aggregate.has_divergence = true;
	events[0].aggregate.divergence = 5;
	events[1] = events[0];
	events[1].event.sequence = 6;
	events[1].position = 102;
	events[1].opens = false;
	events[1].next_position = 0;
	horizon = 102;
	tell(events, 2);
	append("c");
	assert_int_equal(calls[0]->n_sent, 2);
	sent = book(0, 0);
	assert_int_equal(sent->n_pages, 2);
	assert_int_equal(sent->pages[1]->header->sequence, 6);
	assert_int_equal(sent->next_sequence, 7);
	assert_null(sent->snapshot);
	assert_string_equal(sent->cover->correlation_id, "c");
	assert_string_equal(sent->cover->domain, "order");
	assert_string_equal(sent->cover->edition->name, "what-if");
	assert_int_equal(sent->cover->edition->divergences[0]->sequence, 5);
	sent = book(0, 1);
	assert_int_equal(sent->n_pages, 1);
	assert_null(sent->cover->edition);
}

static void
an_append_over_two_batches_is_one_book(void **state)
{
	AzLogEvent	first = event_at(101, "c");
	AzLogEvent	second = event_at(102, "c");

	subscribe(0, "c");
	first.next_position = 102;
	second.opens = false;
	second.event.sequence = 6;
	horizon = 101;
	tell(&first, 1);
	assert_int_equal(calls[0]->n_sent, 0);
	horizon = 102;
	tell(&second, 1);
	assert_int_equal(calls[0]->n_sent, 1);
	assert_int_equal(book(0, 0)->n_pages, 2);
}

static void
an_append_whose_rest_was_deleted_comes_without_it(void **state)
{
	AzLogEvent	first = event_at(101, "c");

	subscribe(0, "c");
	first.next_position = 103;
	horizon = 101;
	tell(&first, 1);
	horizon = 103;
	tell(NULL, 0);
	assert_int_equal(calls[0]->n_sent, 1);
	assert_int_equal(book(0, 0)->n_pages, 1);
}

static void
everybody_gets_what_is_theirs(void **state)
{
	char		id[16];

	for (int n = 0; n < MAX_CALLS; n++)
	{
		snprintf(id, sizeof(id), "c%d", n / 2);
		ask(n, id);
	}
	tell(NULL, 0);
	append("c7");
	append("unheard");
	for (int n = 0; n < MAX_CALLS; n++)
		assert_int_equal(calls[n]->n_sent, n / 2 == 7 ? 1 : 0);
}

static void
who_comes_later_gets_only_what_begins_later(void **state)
{
	AzLogEvent	first = event_at(101, "c");
	AzLogEvent	between = event_at(102, "c");
	AzLogEvent	second = event_at(103, "c");

	subscribe(0, "c");
	first.next_position = 103;
	second.opens = false;
	horizon = 101;
	tell(&first, 1);
	ask(1, "c");
	/* Found in force at 103, while the log is told up to there. */
	horizon = 103;
	tell(&between, 1);
	tell(&second, 1);
	append("c");
	assert_int_equal(calls[0]->n_sent, 3);
	assert_int_equal(calls[1]->n_sent, 1);
}

static void
who_does_not_read_is_told_and_let_go_the_others_stay(void **state)
{
	subscribe(0, "c");
	subscribe(1, "c");
	append("c");
	calls[0]->unsent = 1024 * 1024;
	append("c");
	assert_false(calls[0]->finished);
	calls[0]->unsent = 1024 * 1024 + 1;
	append("c");
	append("c");
	assert_true(calls[0]->finished);
	assert_int_equal(calls[0]->n_sent, 2);
	assert_int_equal(calls[0]->code, AZ_RESOURCE_EXHAUSTED);
	assert_string_equal(calls[0]->message,
						"the subscriber is too slow: 1048577 bytes wait to be read, allowed are 1048576 (angzarr.subscriber_buffer); "
						"it is sent everything up to order/00000000-0000-0000-0000-000000000001 sequence 5 (position 102); "
						"subscribe again, then read what is missing with EventQueryService.GetEvents by correlation_id");
	assert_int_equal(calls[1]->n_sent, 4);
	assert_false(calls[1]->finished);
}

static void
who_has_gone_leaves_nothing_behind(void **state)
{
	AzLogEvent	first = event_at(101, "c");

	subscribe(0, "c");
	ask(1, "d");
	first.next_position = 102;
	horizon = 101;
	hang_up(1);
	tell(&first, 1);
	assert_non_null(jobs->readers.first);
	hang_up(0);
	assert_null(jobs->readers.first);
}

static void
one_of_two_who_goes_takes_nothing_from_the_other(void **state)
{
	subscribe(0, "c");
	subscribe(1, "c");
	hang_up(0);
	append("c");
	assert_int_equal(calls[1]->n_sent, 1);
}

static void
when_the_server_stops_subscriptions_end(void **state)
{
	subscribe(0, "c");
	az_services_stop(services);
	assert_int_equal(calls[0]->code, AZ_UNAVAILABLE);
	ask(1, "c");
	assert_int_equal(calls[1]->code, AZ_UNAVAILABLE);
	tell(NULL, 0);
	assert_false(calls[1]->opened);
}

static void
there_are_no_more_than_may_be(void **state)
{
	jobs->settings.max_jobs = 2;
	subscribe(0, "c");
	subscribe(1, "d");
	ask(2, "e");
	assert_int_equal(calls[2]->code, AZ_RESOURCE_EXHAUSTED);
	assert_string_equal(calls[2]->message,
						"2 clients subscribe, allowed are 2 (angzarr.max_jobs)");
	hang_up(0);
	subscribe(3, "e");
}

static void
a_big_append_comes_in_messages_that_are_allowed(void **state)
{
	static uint8_t payload[300];
	AzLogEvent	events[10];

	jobs->settings.max_message_bytes = 1024;
	subscribe(0, "c");
	for (int i = 0; i < 10; i++)
	{
		events[i] = event_at(101 + i, "c");
		events[i].event.sequence = i;
		events[i].event.payload.data = payload;
		events[i].event.payload.len = sizeof(payload);
		events[i].opens = i == 0;
		events[i].next_position = i < 9 ? 102 + i : 0;
	}
	horizon = 110;
	tell(events, 10);
	assert_int_equal(calls[0]->n_sent, 5);
	for (size_t i = 0; i < 5; i++)
	{
		assert_true(calls[0]->sent[i].len <= 1024);
		assert_int_equal(book(0, i)->pages[0]->header->sequence, 2 * i);
		assert_int_equal(book(0, i)->next_sequence, 2 * i + 2);
	}
}

static void
what_waits_for_the_end_of_an_append_is_limited(void **state)
{
	static uint8_t payload[500000];
	AzLogEvent	first = event_at(101, "c");

	subscribe(0, "c");
	subscribe(1, "d");
	first.next_position = 200;
	horizon = 101;
	tell(&first, 1);
	for (int i = 0; i < 5 && !calls[0]->finished; i++)
	{
		AzLogEvent	big = event_at(102 + i, "c");

		big.event.payload.data = payload;
		big.event.payload.len = sizeof(payload);
		assert_true(i < 5);
		horizon = 102 + i;
		tell(&big, 1);
	}
	assert_int_equal(calls[0]->code, AZ_RESOURCE_EXHAUSTED);
	assert_int_equal(calls[0]->n_sent, 0);
	assert_non_null(strstr(calls[0]->message,
						   "bytes of appends that overlap wait for their ends, allowed are 1048576 (angzarr.subscriber_buffer); "
						   "it is sent everything up to when it began; subscribe again"));
	append("d");
	assert_int_equal(calls[1]->n_sent, 1);
}

static void
an_event_that_no_message_can_hold_ends_the_subscription(void **state)
{
	static uint8_t payload[2000];
	AzLogEvent	event = event_at(101, "c");

	jobs->settings.max_message_bytes = 1024;
	subscribe(0, "c");
	subscribe(1, "d");
	event.event.payload.data = payload;
	event.event.payload.len = sizeof(payload);
	horizon = 101;
	tell(&event, 1);
	assert_int_equal(calls[0]->code, AZ_RESOURCE_EXHAUSTED);
	assert_non_null(strstr(calls[0]->message, "order/00000000-0000-0000-0000-000000000001 at sequence 5"));
	assert_non_null(strstr(calls[0]->message, "allowed are 1024 (angzarr.max_message_size)"));
	assert_false(calls[1]->finished);
}

static void
an_ext_that_is_damaged_is_said_to_those_it_was_for(void **state)
{
	AzLogEvent	event = event_at(101, "c");

	subscribe(0, "c");
	subscribe(1, "d");
	event.event.ext.data = (const uint8_t *) "\x0a\x05x";
	event.event.ext.len = 3;
	horizon = 101;
	tell(&event, 1);
	assert_int_equal(calls[0]->code, AZ_DATA_LOSS);
	assert_false(calls[1]->finished);
}

static void
a_call_that_cannot_be_sent_to_is_left_alone(void **state)
{
	subscribe(0, "c");
	calls[0]->send_fails = true;
	append("c");
	calls[0]->send_fails = false;
	append("c");
	assert_int_equal(calls[0]->n_sent, 0);
}

/* Every allocation of subscribing and of sending fails once. */
static void
without_memory_a_subscription_ends_or_misses_nothing(void **state)
{
	for (int n = 0; n < 60; n++)
	{
		AzLogEvent	event;

		fail_malloc_after(-1);
		ask(0, "c");
		if (!calls[0]->finished)
			tell(NULL, 0);
		event = event_at(++horizon, "c");
		fail_malloc_after(n);
		tell(&event, 1);
		fail_malloc_after(-1);
		if (calls[0]->finished)
			assert_int_equal(calls[0]->code, AZ_RESOURCE_EXHAUSTED);
		hang_up(0);
		assert_null(jobs->readers.first);
	}
}

static void
without_memory_one_cannot_subscribe(void **state)
{
	int			failures = 0;

	for (int n = 0; n < 40; n++)
	{
		PbEventStreamFilter filter = PB_EVENT_STREAM_FILTER_INIT;
		AzBytes		bytes;

		filter.correlation_id = (char *) "c";
		assert_true(az_encode(&filter, arena, &bytes, NULL));
		calls[0] = fake_call(services, SUBSCRIBE);
		fail_malloc_after(n);
		az_service_events.message(services, calls[0], bytes);
		fail_malloc_after(-1);
		if (calls[0]->finished)
		{
			assert_int_equal(calls[0]->code, AZ_RESOURCE_EXHAUSTED);
			failures++;
		}
		hang_up(0);
	}
	assert_true(failures > 0);
	for (int n = 0; n < 3; n++)
	{
		fail_malloc_after(n);
		assert_null(az_event_streams_create(jobs));
		fail_malloc_after(-1);
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(an_id_that_cannot_be_subscribed_to_is_refused),
		TEST(headers_go_out_at_the_look_after_it_was_asked_for),
		TEST(each_append_after_that_is_one_book),
		TEST(an_append_over_two_batches_is_one_book),
		TEST(an_append_whose_rest_was_deleted_comes_without_it),
		TEST(everybody_gets_what_is_theirs),
		TEST(who_comes_later_gets_only_what_begins_later),
		TEST(who_does_not_read_is_told_and_let_go_the_others_stay),
		TEST(who_has_gone_leaves_nothing_behind),
		TEST(one_of_two_who_goes_takes_nothing_from_the_other),
		TEST(when_the_server_stops_subscriptions_end),
		TEST(there_are_no_more_than_may_be),
		TEST(a_big_append_comes_in_messages_that_are_allowed),
		TEST(what_waits_for_the_end_of_an_append_is_limited),
		TEST(an_event_that_no_message_can_hold_ends_the_subscription),
		TEST(an_ext_that_is_damaged_is_said_to_those_it_was_for),
		TEST(a_call_that_cannot_be_sent_to_is_left_alone),
		TEST(without_memory_a_subscription_ends_or_misses_nothing),
		TEST(without_memory_one_cannot_subscribe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
