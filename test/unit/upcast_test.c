/* Tests of upcasting: what business logic is given in place of old events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "codec/decode.h"

#include "engine_world.h"
#include "failing_malloc.h"

static World *world;
static H2Service *upcaster;
static char address[64];

/* How the upcaster answers: "refuse", raw "bytes", or what "change" makes. */
static bool refuse;
static bool hold;
static AzBytes bytes;
static void (*change) (PbUpcastResponse *response);
static PbUpcastRequest *asked;	/* what it was given last */
static const char *correlation; /* the metadata that came along */
static int	times_asked;
static int	times_handled;
static int	times_replayed;
static char replayed[4][128];	/* what each call of Replay was given */

static void upcast_requested(H2Request *request, void *owner);

static MemoryComponent
component(void)
{
	MemoryComponent made = {
		.name = "order-upcaster",.kind = "upcaster",.domain = "order",
		.address = address
	};

	return made;
}

static int
setup(void **state)
{
	world = world_create();
	refuse = false;
	hold = false;
	bytes.len = 0;
	change = NULL;
	asked = NULL;
	correlation = NULL;
	times_asked = 0;
	times_handled = 0;
	times_replayed = 0;
	upcaster = h2_service_start(world->outside, "127.0.0.1", 0);
	h2_service_script(upcaster)->requested = upcast_requested;
	snprintf(address, sizeof(address), "grpc://127.0.0.1:%d",
			 h2_service_port(upcaster));
	memory_db_register(world->memory, component());
	return !world_start(world);
}

static int
teardown(void **state)
{
	fail_malloc_after(-1);
	h2_service_stop(upcaster);
	world_free(world);
	return 0;
}

static void
answer_framed(H2Request *request, AzBytes message)
{
	static const char *const headers[] = {
		":status", "200", "content-type", "application/grpc", NULL
	};
	static const char *const trailers[] = {"grpc-status", "0", NULL};
	uint8_t    *framed = az_arena_alloc(world->arena, message.len + 5);

	framed[3] = (uint8_t) (message.len >> 8);
	framed[4] = (uint8_t) message.len;
	memcpy(framed + 5, message.data, message.len);
	h2_answer(request, headers, framed, message.len + 5, trailers);
}

static void
upcast_requested(H2Request *request, void *owner)
{
	PbUpcastResponse response = PB_UPCAST_RESPONSE_INIT;

	times_asked++;
	assert_string_equal(h2_header(request, ":path"),
						"/io.angzarr.v1.UpcasterService/Upcast");
	asked = az_decode(&pb_upcast_request_descriptor, h2_message(request),
					  world->arena, NULL);
	assert_non_null(asked);
	correlation = h2_header(request, "x-correlation-id");
	if (hold)
		return;
	if (refuse)
	{
		h2_refuse(request, "9", "no such version");
		return;
	}
	if (bytes.len == 0)
	{
		response.events = asked->events;
		response.n_events = asked->n_events;
		if (change != NULL)
			change(&response);
		assert_true(az_encode(&response, world->arena, &bytes, NULL));
	}
	answer_framed(request, bytes);
	bytes.len = 0;
}

/* ---- what an upcaster may do to its answer ---- */

static void
rename_types(PbUpcastResponse *response)
{
	for (size_t i = 0; i < response->n_events; i++)
	{
		PbEventPage *page = response->events[i];

		page->event->type_url = (char *) "/shop.ItemAddedV2";
		page->event->value.data = (uint8_t *) "new!";
		page->event->value.len = 4;
	}
}

static void
forget_the_time(PbUpcastResponse *response)
{
	rename_types(response);
	response->events[0]->created_at = NULL;
	response->events[1]->created_at->seconds = 1;
	response->events[1]->header->_sync_mode_case = PB_PAGE_HEADER_SYNC_MODE;
	response->events[1]->header->sync_mode = PB_SYNC_MODE_CASCADE;
}

static void
drop_the_last(PbUpcastResponse *response)
{
	response->n_events--;
}

static void
double_the_last(PbUpcastResponse *response)
{
	PbEventPage **pages = az_arena_array(world->arena, 4, sizeof(void *));

	memcpy(pages, response->events, 3 * sizeof(void *));
	pages[3] = pages[2];
	response->events = pages;
	response->n_events = 4;
}

static void
swap_two(PbUpcastResponse *response)
{
	PbEventPage *first = response->events[0];

	response->events[0] = response->events[1];
	response->events[1] = first;
}

static void
forget_a_header(PbUpcastResponse *response)
{
	response->events[0]->header = NULL;
}

static void
forget_a_sequence(PbUpcastResponse *response)
{
	pb_page_header_init(response->events[0]->header);
}

static void
forget_a_payload(PbUpcastResponse *response)
{
	response->events[2]->payload_case = 0;
}

/* ---- the tests' own words ---- */

static void
count_and_answer(World *w, H2Request *request, PbContextualCommand *command)
{
	times_handled++;
	answer_events(w, request, command);
}

static void
put_events(int n)
{
	for (int i = 0; i < n; i++)
		memory_db_put_event(world->memory, &world->order, "/shop.ItemAdded",
							"old");
	world->handle = count_and_answer;
}

static AzEvent *
stored(size_t number)
{
	size_t		count;

	return (AzEvent *) &memory_db_events(world->memory, &world->order,
										 &count)[number];
}

/* A command fails so, and nothing was decided or stored. */
static void
assert_fails(AzCode code, const char *text)
{
	Reply		reply = world_handle(world, world_command(world));
	char		whole[256];

	snprintf(whole, sizeof(whole), text, address);
	if (reply.code != code || strstr(reply.message, whole) == NULL)
		fail_msg("got %s \"%s\", not %s \"...%s...\"",
				 az_code_name(reply.code), reply.message, az_code_name(code),
				 whole);
	assert_int_equal(times_handled, 0);
	assert_int_equal(world_stored(world), 3);
}

/* ---- the tests ---- */

static void
business_logic_is_given_what_the_upcaster_makes_of_old_events(void **state)
{
	PbCommandRequest *request = world_command(world);
	PbEventBook *book;

	put_events(3);
	change = rename_types;
	request->command->cover->correlation_id = (char *) "c-1";
	assert_int_equal(world_handle(world, request).code, AZ_OK);
	assert_int_equal(times_asked, 1);
	assert_string_equal(asked->domain, "order");
	assert_int_equal(asked->n_events, 3);
	assert_string_equal(correlation, "c-1");
	book = world->last->events;
	assert_int_equal(book->n_pages, 3);
	assert_int_equal(book->next_sequence, 3);
	for (uint32_t i = 0; i < 3; i++)
	{
		assert_int_equal(book->pages[i]->header->sequence, i);
		assert_string_equal(book->pages[i]->event->type_url,
							"/shop.ItemAddedV2");
		assert_int_equal(book->pages[i]->event->value.len, 4);
		assert_memory_equal(book->pages[i]->event->value.data, "new!", 4);
	}
}

static void
the_upcaster_is_given_the_pages_as_they_are_stored(void **state)
{
	put_events(2);
	stored(1)->created_at_us = INT64_C(1700000000000007);
	assert_int_equal(world_handle(world, world_command(world)).code, AZ_OK);
	assert_int_equal(asked->events[1]->header->sequence, 1);
	assert_int_equal(asked->events[1]->created_at->seconds, 1700000000);
	assert_int_equal(asked->events[1]->created_at->nanos, 7000);
	assert_string_equal(asked->events[1]->event->type_url, "/shop.ItemAdded");
	assert_memory_equal(asked->events[1]->event->value.data, "old", 3);
}

static void
stored_events_and_queries_stay_as_they_are(void **state)
{
	PbQuery		query = PB_QUERY_INIT;
	Reply		reply;
	PbEventBook *book;

	put_events(3);
	change = rename_types;
	assert_int_equal(world_handle(world, world_command(world)).code, AZ_OK);
	assert_string_equal(stored(0)->type_url, "/shop.ItemAdded");
	query.cover = world_command(world)->command->cover;
	reply = world_query(world, &query);
	assert_int_equal(reply.code, AZ_OK);
	book = az_decode(&pb_event_book_descriptor, reply.bytes, world->arena,
					 NULL);
	assert_int_equal(book->n_pages, 4);
	assert_string_equal(book->pages[2]->event->type_url, "/shop.ItemAdded");
	assert_int_equal(times_asked, 1);
}

static void
when_and_where_an_event_stands_is_not_for_the_upcaster_to_say(void **state)
{
	PbEventBook *book;

	put_events(2);
	stored(0)->created_at_us = INT64_C(1600000000000005);
	stored(1)->created_at_us = INT64_C(1700000000000007);
	change = forget_the_time;
	assert_int_equal(world_handle(world, world_command(world)).code, AZ_OK);
	book = world->last->events;
	assert_non_null(book->pages[0]->created_at);
	assert_int_equal(book->pages[0]->created_at->seconds, 1600000000);
	assert_int_equal(book->pages[1]->created_at->seconds, 1700000000);
	assert_int_equal(book->pages[1]->created_at->nanos, 7000);
	assert_int_equal(book->pages[1]->header->_sync_mode_case, 0);
}

static void
snapshot_ext_and_external_payloads_survive(void **state)
{
	PbPayloadReference reference = PB_PAYLOAD_REFERENCE_INIT;
	PbAny		ext = PB_ANY_INIT;
	PbEventBook *book;

	put_events(3);
	reference.uri = (char *) "file:///far/away";
	ext.type_url = (char *) "/test.Ext";
	assert_true(az_encode(&reference, world->arena, &stored(2)->external,
						  NULL));
	assert_true(az_encode(&ext, world->arena, &stored(2)->ext, NULL));
	memory_db_put_snapshot(world->memory, &world->order, 0, "state");
	assert_int_equal(world_handle(world, world_command(world)).code, AZ_OK);
	assert_int_equal(asked->n_events, 2);
	book = world->last->events;
	assert_int_equal(book->n_pages, 2);
	assert_int_equal(book->snapshot->sequence, 0);
	assert_memory_equal(book->snapshot->state->value.data, "state", 5);
	assert_string_equal(book->pages[1]->external->uri, "file:///far/away");
	assert_string_equal(book->cover->ext->type_url, "/test.Ext");
}

static void
without_pages_or_an_upcaster_nobody_is_asked(void **state)
{
	assert_int_equal(world_handle(world, world_command(world)).code, AZ_OK);
	assert_int_equal(times_asked, 0);
	memory_db_unregister(world->memory, "order-upcaster");
	assert_int_equal(world_handle(world, world_command(world)).code, AZ_OK);
	assert_int_equal(times_asked, 0);
	assert_int_equal(world_stored(world), 2);
}

static void
the_upcaster_of_another_domain_is_not_asked(void **state)
{
	MemoryComponent other = component();

	memory_db_unregister(world->memory, "order-upcaster");
	other.domain = "cart";
	memory_db_register(world->memory, other);
	put_events(3);
	assert_int_equal(world_handle(world, world_command(world)).code, AZ_OK);
	assert_int_equal(times_asked, 0);
}

static void
a_command_that_is_refused_for_its_sequence_asks_nobody(void **state)
{
	PbCommandRequest *request = world_command(world);

	put_events(3);
	request->command->pages[0]->merge_strategy = PB_MERGE_STRICT;
	request->command->pages[0]->header->sequence = 1;
	assert_int_equal(world_handle(world, request).code,
					 AZ_FAILED_PRECONDITION);
	assert_int_equal(times_asked, 0);
}

static void
an_answer_of_another_count_is_internal_naming_both(void **state)
{
	put_events(3);
	change = drop_the_last;
	assert_fails(AZ_INTERNAL,
				 "the upcaster of domain \"order\" at %s answered 2 events, it was given 3");
	change = double_the_last;
	assert_fails(AZ_INTERNAL, "answered 4 events, it was given 3");
}

static void
an_answer_with_another_sequence_is_internal_naming_both(void **state)
{
	put_events(3);
	change = swap_two;
	assert_fails(AZ_INTERNAL,
				 "the upcaster of domain \"order\" at %s answered sequence 1 for event 0");
	change = forget_a_header;
	assert_fails(AZ_INTERNAL, "answered no sequence for event 0");
	change = forget_a_sequence;
	assert_fails(AZ_INTERNAL, "answered no sequence for event 0");
}

static void
an_answer_that_lost_a_payload_is_internal(void **state)
{
	put_events(3);
	change = forget_a_payload;
	assert_fails(AZ_INTERNAL, "answered no payload for event 2");
}

static void
garbage_is_internal(void **state)
{
	put_events(3);
	bytes = az_bytes_of("\xff\xff\xff\xff");
	assert_fails(AZ_INTERNAL,
				 "the upcaster of domain \"order\" at %s answered what does not decode");
}

static void
whatever_the_upcaster_answers_its_failure_is_internal(void **state)
{
	put_events(3);
	refuse = true;
	assert_fails(AZ_INTERNAL,
				 "the upcaster of domain \"order\" at %s failed with FAILED_PRECONDITION: no such version");
}

static void
an_upcaster_that_is_down_is_internal(void **state)
{
	MemoryComponent down = component();

	put_events(3);
	memory_db_unregister(world->memory, "order-upcaster");
	down.address = "grpc://127.0.0.1:1";
	memory_db_register(world->memory, down);
	assert_fails(AZ_INTERNAL,
				 "the upcaster of domain \"order\" at grpc://127.0.0.1:1 failed with UNAVAILABLE");
}

static void
an_upcaster_that_is_slow_is_internal_after_its_deadline(void **state)
{
	MemoryComponent slow = component();
	int64_t		begin = az_clock_monotonic_us();

	put_events(3);
	memory_db_unregister(world->memory, "order-upcaster");
	slow.deadline_ms = 50;
	memory_db_register(world->memory, slow);
	hold = true;
	assert_fails(AZ_INTERNAL, "at %s failed with DEADLINE_EXCEEDED");
	assert_true(az_clock_monotonic_us() - begin < 3000000);
	assert_int_equal(times_asked, 1);
}

static void
a_disabled_upcaster_is_not_passed_over(void **state)
{
	MemoryComponent disabled = component();

	memory_db_unregister(world->memory, "order-upcaster");
	disabled.disabled = true;
	memory_db_register(world->memory, disabled);
	put_events(3);
	assert_fails(AZ_UNAVAILABLE,
				 "the upcaster of domain \"order\" is disabled");
	assert_int_equal(times_asked, 0);
}

static void
more_than_a_message_may_hold_is_refused_naming_the_limit(void **state)
{
	static char large[40001];

	memset(large, 'x', sizeof(large) - 1);
	put_events(0);
	for (int i = 0; i < 3; i++)
		memory_db_put_event(world->memory, &world->order, "/shop.ItemAdded",
							large);
	assert_fails(AZ_RESOURCE_EXHAUSTED, "(angzarr.max_message_size)");
	assert_int_equal(times_asked, 0);
}

static void
a_remembered_book_is_upcast_for_each_command(void **state)
{
	put_events(2);
	change = rename_types;
	for (int i = 0; i < 3; i++)
		assert_int_equal(world_handle(world, world_command(world)).code,
						 AZ_OK);
	assert_int_equal(world->memory->executed[AZ_STATEMENT_LOAD_BOOKS], 1);
	assert_int_equal(times_asked, 3);
	assert_int_equal(asked->n_events, 4);
	assert_string_equal(stored(3)->type_url, "/shop.OrderCreated");
	assert_string_equal(world->last->events->pages[3]->event->type_url,
						"/shop.ItemAddedV2");
}

/* Folds to nothing, so nothing overlaps; "S" is the snapshot. */
static void
replay_nothing(World *asked_world, H2Request *request, PbReplayRequest *replay)
{
	PbReplayResponse response = PB_REPLAY_RESPONSE_INIT;
	char	   *text = replayed[times_replayed++];
	size_t		used = 0;

	used += (size_t) snprintf(text, 128, "%s",
							  replay->base_snapshot != NULL ? "S" : "");
	for (size_t i = 0; i < replay->n_events; i++)
		used += (size_t) snprintf(text + used, 128 - used, " %u%s",
								  replay->events[i]->header->sequence,
								  replay->events[i]->event->type_url);
	answer_message(asked_world, request, &response);
}

static PbCommandRequest *
commutative(uint32_t expected)
{
	PbCommandRequest *request = world_command(world);

	request->command->pages[0]->merge_strategy = PB_MERGE_COMMUTATIVE;
	request->command->pages[0]->header->sequence = expected;
	return request;
}

static void
replay_is_given_upcast_events_and_new_ones_as_they_are(void **state)
{
	put_events(2);
	change = rename_types;
	world->replay = replay_nothing;
	assert_int_equal(world_handle(world, commutative(1)).code, AZ_OK);
	assert_int_equal(times_asked, 1);
	assert_int_equal(times_replayed, 3);
	assert_string_equal(replayed[0], " 0/shop.ItemAddedV2");
	assert_string_equal(replayed[1],
						" 0/shop.ItemAddedV2 1/shop.ItemAddedV2");
	assert_string_equal(replayed[2],
						" 0/shop.ItemAddedV2 1/shop.ItemAddedV2 2/shop.OrderCreated");
}

static void
what_has_to_be_loaded_for_replay_is_upcast_too(void **state)
{
	put_events(3);
	memory_db_put_snapshot(world->memory, &world->order, 1, "state");
	change = rename_types;
	world->replay = replay_nothing;
	assert_int_equal(world_handle(world, commutative(1)).code, AZ_OK);
	assert_int_equal(times_asked, 2);
	assert_int_equal(asked->n_events, 1);
	assert_int_equal(asked->events[0]->header->sequence, 0);
	assert_string_equal(replayed[1], "S 2/shop.ItemAddedV2");
	assert_string_equal(replayed[2],
						"S 2/shop.ItemAddedV2 3/shop.OrderCreated");
	if (strstr(replayed[0], " 0/shop.ItemAddedV2") == NULL)
		fail_msg("the first Replay was given \"%s\"", replayed[0]);
}

static void
drop_the_last_of_one(PbUpcastResponse *response)
{
	rename_types(response);
	if (times_asked == 2)
		response->n_events = 0;
}

static void
what_cannot_be_upcast_for_replay_fails_the_command(void **state)
{
	Reply		reply;

	put_events(3);
	memory_db_put_snapshot(world->memory, &world->order, 1, "state");
	change = drop_the_last_of_one;
	world->replay = replay_nothing;
	reply = world_handle(world, commutative(1));
	assert_int_equal(reply.code, AZ_INTERNAL);
	assert_non_null(strstr(reply.message, "answered 0 events, it was given 1"));
	assert_int_equal(times_replayed, 0);
	assert_int_equal(world_stored(world), 3);
}

/* Somebody appends between the load and the append, once. */
static void
write_first(MemoryDb *memory, AzStatementId statement)
{
	if (statement != AZ_STATEMENT_APPEND_PROBED)
		return;
	memory->before = NULL;
	memory_db_put_event(memory, &world->order, "/shop.ItemAdded", "theirs");
}

static void
a_command_that_is_run_again_has_its_new_book_upcast_too(void **state)
{
	put_events(3);
	change = rename_types;
	world->memory->before = write_first;
	assert_int_equal(world_handle(world, world_command(world)).code, AZ_OK);
	assert_int_equal(times_asked, 2);
	assert_int_equal(asked->n_events, 4);
	assert_int_equal(times_handled, 2);
	assert_string_equal(world->last->events->pages[3]->event->type_url,
						"/shop.ItemAddedV2");
	assert_int_equal(world_stored(world), 5);
}

/* ---- books for facts and for speculative commands ---- */

static void
a_fact_is_handled_on_upcast_events_and_recorded_as_it_is(void **state)
{
	PbEventBook *prior;

	put_events(2);
	change = rename_types;
	/* Without the method the facts are appended themselves. */
	assert_int_equal(world_record(world, world_fact(world)).code, AZ_OK);
	assert_int_equal(times_asked, 1);
	prior = world->last_fact->prior_events;
	assert_int_equal(prior->n_pages, 2);
	assert_int_equal(prior->next_sequence, 2);
	assert_string_equal(prior->pages[0]->event->type_url, "/shop.ItemAddedV2");
	assert_string_equal(prior->pages[1]->event->type_url, "/shop.ItemAddedV2");
	assert_string_equal(world->last_fact->facts->pages[0]->event->type_url,
						"/shop.PaymentReceived");
	assert_string_equal(stored(1)->type_url, "/shop.ItemAdded");
	assert_string_equal(stored(2)->type_url, "/shop.PaymentReceived");
}

static void
a_fact_that_nobody_handles_needs_no_upcaster(void **state)
{
	PbEventRequest *request = world_fact(world);

	put_events(2);
	refuse = true;
	request->skip_handler = true;
	assert_int_equal(world_record(world, request).code, AZ_OK);
	assert_int_equal(times_asked, 0);
	assert_int_equal(world_stored(world), 3);
	/* Nor does its repeat: what is answered is what is stored. */
	request->skip_handler = false;
	assert_int_equal(world_record(world, request).code, AZ_OK);
	assert_int_equal(times_asked, 0);
	assert_int_equal(world_stored(world), 3);
}

static void
a_fact_whose_book_cannot_be_upcast_is_not_recorded(void **state)
{
	Reply		reply;

	put_events(2);
	change = drop_the_last;
	reply = world_record(world, world_fact(world));
	assert_int_equal(reply.code, AZ_INTERNAL);
	assert_non_null(strstr(reply.message, "answered 1 events, it was given 2"));
	assert_null(world->last_fact);
	assert_int_equal(world_stored(world), 2);
	assert_int_equal(world->memory->kept.n_keys, 0);
	change = rename_types;
	assert_int_equal(world_record(world, world_fact(world)).code, AZ_OK);
	assert_int_equal(world_stored(world), 3);
}

static Reply
speculate_as_of(uint32_t sequence)
{
	PbSpeculateCommandHandlerRequest request =
	PB_SPECULATE_COMMAND_HANDLER_REQUEST_INIT;
	PbTemporalQuery point = PB_TEMPORAL_QUERY_INIT;

	point.point_in_time_case = PB_TEMPORAL_QUERY_AS_OF_SEQUENCE;
	point.as_of_sequence = sequence;
	request.command = world_command(world)->command;
	request.point_in_time = &point;
	return world_speculate(world, &request);
}

static void
a_speculative_command_meets_upcast_events_of_its_point(void **state)
{
	Reply		reply;
	PbEventBook *given;

	put_events(3);
	change = rename_types;
	reply = speculate_as_of(1);
	assert_int_equal(reply.code, AZ_OK);
	assert_int_equal(times_asked, 1);
	assert_int_equal(asked->n_events, 2);
	given = world->last->events;
	assert_int_equal(given->n_pages, 2);
	assert_string_equal(given->pages[0]->event->type_url, "/shop.ItemAddedV2");
	assert_string_equal(given->pages[1]->event->type_url, "/shop.ItemAddedV2");
	assert_string_equal(world_answer_book(world, &reply)->pages[0]->event->type_url,
						"/shop.OrderCreated");
	assert_int_equal(world_stored(world), 3);
}

static void
a_speculative_command_whose_book_cannot_be_upcast_is_internal(void **state)
{
	Reply		reply;

	put_events(3);
	change = swap_two;
	reply = speculate_as_of(2);
	assert_int_equal(reply.code, AZ_INTERNAL);
	assert_non_null(strstr(reply.message, "answered sequence 1 for event 0"));
	assert_int_equal(times_handled, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(business_logic_is_given_what_the_upcaster_makes_of_old_events),
		TEST(the_upcaster_is_given_the_pages_as_they_are_stored),
		TEST(stored_events_and_queries_stay_as_they_are),
		TEST(when_and_where_an_event_stands_is_not_for_the_upcaster_to_say),
		TEST(snapshot_ext_and_external_payloads_survive),
		TEST(without_pages_or_an_upcaster_nobody_is_asked),
		TEST(the_upcaster_of_another_domain_is_not_asked),
		TEST(a_command_that_is_refused_for_its_sequence_asks_nobody),
		TEST(an_answer_of_another_count_is_internal_naming_both),
		TEST(an_answer_with_another_sequence_is_internal_naming_both),
		TEST(an_answer_that_lost_a_payload_is_internal),
		TEST(garbage_is_internal),
		TEST(whatever_the_upcaster_answers_its_failure_is_internal),
		TEST(an_upcaster_that_is_down_is_internal),
		TEST(an_upcaster_that_is_slow_is_internal_after_its_deadline),
		TEST(a_disabled_upcaster_is_not_passed_over),
		TEST(more_than_a_message_may_hold_is_refused_naming_the_limit),
		TEST(replay_is_given_upcast_events_and_new_ones_as_they_are),
		TEST(what_has_to_be_loaded_for_replay_is_upcast_too),
		TEST(what_cannot_be_upcast_for_replay_fails_the_command),
		TEST(a_remembered_book_is_upcast_for_each_command),
		TEST(a_command_that_is_run_again_has_its_new_book_upcast_too),
		TEST(a_fact_is_handled_on_upcast_events_and_recorded_as_it_is),
		TEST(a_fact_that_nobody_handles_needs_no_upcaster),
		TEST(a_fact_whose_book_cannot_be_upcast_is_not_recorded),
		TEST(a_speculative_command_meets_upcast_events_of_its_point),
		TEST(a_speculative_command_whose_book_cannot_be_upcast_is_internal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
