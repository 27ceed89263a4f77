/* Tests of the whole engine: a command's way from socket to store and back. */
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

static int
setup(void **state)
{
	world = world_create();
	return !world_start(world);
}

static int
teardown(void **state)
{
	fail_malloc_after(-1);
	world_free(world);
	return 0;
}

static void
assert_error(const Reply *reply, AzCode code, const char *text)
{
	if (reply->code != code || strstr(reply->message, text) == NULL)
		fail_msg("got %s \"%s\", not %s \"...%s...\"", az_code_name(reply->code),
				 reply->message, az_code_name(code), text);
}

static void
assert_refused(PbCommandRequest *request, AzCode code, const char *text)
{
	Reply		reply = world_handle(world, request);
	size_t		before = world_stored(world);

	assert_error(&reply, code, text);
	assert_int_equal(world_stored(world), before);
}

static void
put_events(int n)
{
	for (int i = 0; i < n; i++)
		memory_db_put_event(world->memory, &world->order, "/shop.ItemAdded",
							"old");
}

/* ---- a command that goes well ---- */

static void
a_command_is_answered_with_its_events_as_stored(void **state)
{
	Reply		reply;
	PbEventBook *book;

	put_events(2);
	world->n_events = 3;
	reply = world_handle(world, world_command(world));
	assert_int_equal(reply.code, AZ_OK);
	book = world_answer_book(world, &reply);
	assert_int_equal(book->n_pages, 3);
	assert_int_equal(book->next_sequence, 5);
	assert_string_equal(book->cover->domain, "order");
	assert_memory_equal(book->cover->root->value.data, world->order.root, 16);
	assert_null(book->snapshot);
	for (int i = 0; i < 3; i++)
	{
		assert_int_equal(book->pages[i]->header->sequence, 2 + i);
		assert_string_equal(book->pages[i]->event->type_url,
							"/shop.OrderCreated");
		assert_non_null(book->pages[i]->created_at);
	}
	assert_int_equal(world_stored(world), 5);
}

static void
the_handler_is_given_the_history_and_the_command_on_main_unset(void **state)
{
	PbCommandRequest *request = world_command(world);
	PbEdition	edition = PB_EDITION_INIT;

	edition.name = (char *) "angzarr";
	request->command->cover->edition = &edition;
	request->command->cover->correlation_id = (char *) "c-1";
	put_events(2);
	assert_int_equal(world_handle(world, request).code, AZ_OK);
	assert_int_equal(world->last->events->n_pages, 2);
	assert_int_equal(world->last->events->next_sequence, 2);
	assert_null(world->last->events->cover->edition);
	assert_null(world->last->command->cover->edition);
	assert_string_equal(world->last->command->cover->correlation_id, "c-1");
	assert_string_equal(world->last->command->pages[0]->command->type_url,
						"/shop.CreateOrder");
}

static void
the_handler_is_given_the_newest_snapshot_unless_it_wants_full_books(void **state)
{
	MemoryComponent component = {
		.name = "order",
		.kind = "aggregate",
		.domain = "order",
		.address = world->address,
		.full_books = true
	};

	put_events(3);
	memory_db_put_snapshot(world->memory, &world->order, 1, "state");
	assert_int_equal(world_handle(world, world_command(world)).code, AZ_OK);
	assert_non_null(world->last->events->snapshot);
	assert_int_equal(world->last->events->n_pages, 1);
	memory_db_unregister(world->memory, "order");
	memory_db_register(world->memory, component);
	assert_int_equal(world_handle(world, world_command(world)).code, AZ_OK);
	assert_null(world->last->events->snapshot);
	assert_int_equal(world->last->events->n_pages, 4);
}

static void
events_carry_the_commands_correlation_id_and_ext(void **state)
{
	PbCommandRequest *request = world_command(world);
	PbAny		ext = PB_ANY_INIT;
	size_t		count;
	const AzEvent *events;

	ext.type_url = (char *) "/tenant.Id";
	request->command->cover->ext = &ext;
	request->command->cover->correlation_id = (char *) "c-1";
	assert_int_equal(world_handle(world, request).code, AZ_OK);
	events = memory_db_events(world->memory, &world->order, &count);
	assert_int_equal(count, 1);
	assert_string_equal(events[0].correlation_id, "c-1");
	assert_non_null(memmem(events[0].ext.data, events[0].ext.len,
						   "/tenant.Id", 10));
	assert_false(events[0].isolated);
}

/* What takes much memory for its size, in a request that may take much. */
static void
an_ext_of_unknown_fields_does_not_close_the_aggregate(void **state)
{
	static uint8_t fields[8 * 1024];
	static uint8_t payload[40 * 1024];
	ProtobufCMessageUnknownField unknown = {
		.tag = 1000,.wire_type = 0,.len = sizeof(fields),.data = fields
	};
	PbCommandRequest *request = world_command(world);
	PbAny		ext = PB_ANY_INIT;
	Reply		reply;

	/* One byte of the first, then many more of field 15. */
	for (size_t i = 0; i < sizeof(fields); i++)
		fields[i] = i % 2 == 0 ? 1 : 15 << 3;
	fields[sizeof(fields) - 1] = 1;
	fields[sizeof(fields) - 2] = 0x81;
	ext.type_url = (char *) "/tenant.Id";
	ext.base.n_unknown_fields = 1;
	ext.base.unknown_fields = &unknown;
	request->command->cover->ext = &ext;
	request->command->pages[0]->command->value.data = payload;
	request->command->pages[0]->command->value.len = sizeof(payload);
	reply = world_handle(world, request);
	assert_error(&reply, AZ_OK, "");
	assert_int_equal(world_handle(world, world_command(world)).code, AZ_OK);
}

static void
an_isolated_commands_events_are_stored_as_isolated(void **state)
{
	PbCommandRequest *request = world_command(world);
	size_t		count;

	request->sync_mode = PB_SYNC_MODE_ISOLATED;
	assert_int_equal(world_handle(world, request).code, AZ_OK);
	assert_true(memory_db_events(world->memory, &world->order,
								 &count)[0].isolated);
}

static void
an_answer_without_events_is_ok_and_stores_nothing(void **state)
{
	PbCommandRequest *request = world_command(world);
	Reply		reply;
	PbEventBook *book;

	request->command->cover->correlation_id = (char *) "c-1";
	put_events(2);
	world->n_events = 0;
	reply = world_handle(world, request);
	assert_int_equal(reply.code, AZ_OK);
	book = world_answer_book(world, &reply);
	assert_int_equal(book->n_pages, 0);
	assert_int_equal(book->next_sequence, 2);
	assert_string_equal(book->cover->correlation_id, "c-1");
	assert_int_equal(world_stored(world), 2);
}

static void
answer_nothing(World *w, H2Request *request, PbContextualCommand *command)
{
	PbBusinessResponse response = PB_BUSINESS_RESPONSE_INIT;

	answer_message(w, request, &response);
}

static void
an_answer_with_no_variant_set_is_no_events(void **state)
{
	world->handle = answer_nothing;
	assert_int_equal(world_handle(world, world_command(world)).code, AZ_OK);
	assert_int_equal(world_stored(world), 0);
}

/* ---- expected sequences ---- */

static void
a_stale_command_is_refused_with_both_numbers_and_asks_nobody(void **state)
{
	PbCommandRequest *request = world_command(world);

	put_events(3);
	request->command->pages[0]->header->sequence = 1;
	request->command->pages[0]->merge_strategy = PB_MERGE_STRICT;
	assert_refused(request, AZ_FAILED_PRECONDITION,
				   "Sequence mismatch: command expects 1, aggregate is at 3");
	assert_int_equal(h2_service_requests(world->service), 0);
}

static void
a_command_without_strategy_or_header_expects_a_new_aggregate(void **state)
{
	PbCommandRequest *request = world_command(world);

	request->command->pages[0]->header = NULL;
	request->command->pages[0]->merge_strategy = 0;
	assert_int_equal(world_handle(world, request).code, AZ_OK);
	assert_refused(request, AZ_FAILED_PRECONDITION,
				   "command expects 0, aggregate is at 1");
}

static int	times_overtaken;

static void
overtake(MemoryDb *memory, AzStatementId statement)
{
	if (statement == AZ_STATEMENT_APPEND_PROBED && times_overtaken-- > 0)
		put_events(1);
}

static void
an_overtaken_command_is_run_again_on_the_new_history(void **state)
{
	Reply		reply;

	world->memory->before = overtake;
	times_overtaken = 2;
	reply = world_handle(world, world_command(world));
	assert_int_equal(reply.code, AZ_OK);
	assert_int_equal(world_answer_book(world, &reply)->next_sequence, 3);
	assert_int_equal(h2_service_requests(world->service), 3);
	assert_int_equal(world->last->events->n_pages, 2);
}

static void
an_overtaken_command_gives_up_after_the_retries_that_are_set(void **state)
{
	Reply		reply;

	world->memory->before = overtake;
	times_overtaken = 100;
	reply = world_handle(world, world_command(world));
	assert_error(&reply, AZ_FAILED_PRECONDITION, "Sequence mismatch");
	assert_int_equal(h2_service_requests(world->service), 6);
	assert_int_equal(world_stored(world), 6);
}

static void
an_overtaken_strict_command_answers_the_mismatch_at_once(void **state)
{
	PbCommandRequest *request = world_command(world);
	Reply		reply;

	request->command->pages[0]->merge_strategy = PB_MERGE_STRICT;
	world->memory->before = overtake;
	times_overtaken = 1;
	reply = world_handle(world, request);
	assert_error(&reply, AZ_FAILED_PRECONDITION,
				 "command expects 0, aggregate is at 1");
	assert_int_equal(h2_service_requests(world->service), 1);
}

static void
a_command_behind_an_open_transaction_waits_and_then_goes_through(void **state)
{
	memory_db_be_busy(world->memory, &world->order, 3);
	assert_int_equal(world_handle(world, world_command(world)).code, AZ_OK);
	assert_int_equal(world->memory->executed[AZ_STATEMENT_APPEND_PROBED], 4);
	assert_int_equal(h2_service_requests(world->service), 1);
}

static void
a_transaction_that_never_ends_makes_the_command_unavailable(void **state)
{
	Reply		reply;

	world->settings.jobs.call_timeout_us = 100000;
	az_engine_apply(world->engine, &world->settings);
	memory_db_be_busy(world->memory, &world->order, 1000000);
	reply = world_handle(world, world_command(world));
	assert_error(&reply, AZ_UNAVAILABLE, "writing to order/07070707-");
	assert_int_equal(world_stored(world), 0);
}

static void
commands_of_one_aggregate_run_one_after_the_other(void **state)
{
	Reply		replies[10];

	for (int i = 0; i < 10; i++)
		world_send_command(world, world_command(world), &replies[i]);
	for (int i = 0; i < 10; i++)
	{
		world_until(world, &replies[i].came);
		assert_int_equal(replies[i].code, AZ_OK);
	}
	assert_int_equal(world_stored(world), 10);
	assert_int_equal(h2_service_requests(world->service), 10);
}

/* ---- business logic that says no, or nonsense ---- */

static void
reject(World *w, H2Request *request, PbContextualCommand *command)
{
	static const char *const trailers[] = {
		"grpc-status", "9", "grpc-message", "cart is empty",
		"grpc-status-details-bin", "CAkSAWE", NULL
	};
	static const char *const headers[] = {
		":status", "200", "content-type", "application/grpc", NULL
	};

	h2_answer(request, headers, NULL, 0, trailers);
}

static void
a_rejection_goes_through_as_it_is(void **state)
{
	static const uint8_t details[] = {8, 9, 18, 1, 'a'};
	Reply		reply;

	world->handle = reject;
	reply = world_handle(world, world_command(world));
	assert_int_equal(reply.code, AZ_FAILED_PRECONDITION);
	assert_string_equal(reply.message, "cart is empty");
	assert_int_equal(reply.details.len, sizeof(details));
	assert_memory_equal(reply.details.data, details, sizeof(details));
	assert_int_equal(world_stored(world), 0);
}

static void
revoke(World *w, H2Request *request, PbContextualCommand *command)
{
	PbBusinessResponse response = PB_BUSINESS_RESPONSE_INIT;
	PbRevocationResponse revocation = PB_REVOCATION_RESPONSE_INIT;

	revocation.reason = (char *) "not any more";
	response.result_case = PB_BUSINESS_RESPONSE_REVOCATION;
	response.revocation = &revocation;
	answer_message(w, request, &response);
}

static void
a_revocation_of_an_ordinary_command_is_its_rejection(void **state)
{
	world->handle = revoke;
	assert_refused(world_command(world), AZ_FAILED_PRECONDITION,
				   "not any more");
}

static void
notify(World *w, H2Request *request, PbContextualCommand *command)
{
	PbBusinessResponse response = PB_BUSINESS_RESPONSE_INIT;
	PbNotification notification = PB_NOTIFICATION_INIT;

	response.result_case = PB_BUSINESS_RESPONSE_NOTIFICATION;
	response.notification = &notification;
	answer_message(w, request, &response);
}

static void
a_notification_as_answer_to_an_ordinary_command_is_internal(void **state)
{
	world->handle = notify;
	assert_refused(world_command(world), AZ_INTERNAL, "notification");
}

static void
answer_garbage(World *w, H2Request *request, PbContextualCommand *command)
{
	static const char *const headers[] = {
		":status", "200", "content-type", "application/grpc", NULL
	};
	static const char *const trailers[] = {"grpc-status", "0", NULL};

	h2_answer(request, headers, "\0\0\0\0\3\377\377\377", 8, trailers);
}

static void
an_answer_that_does_not_decode_is_internal_and_names_who_said_it(void **state)
{
	world->handle = answer_garbage;
	assert_refused(world_command(world), AZ_INTERNAL, "\"order\"");
	assert_refused(world_command(world), AZ_INTERNAL, world->address);
}

static void
misnumber(World *w, H2Request *request, PbContextualCommand *command)
{
	PbBusinessResponse response = PB_BUSINESS_RESPONSE_INIT;
	PbEventBook book = PB_EVENT_BOOK_INIT;
	PbEventPage page = PB_EVENT_PAGE_INIT;
	PbEventPage *pages = &page;
	PbPageHeader header = PB_PAGE_HEADER_INIT;

	header.sequence_type_case = PB_PAGE_HEADER_SEQUENCE;
	header.sequence = 4;
	page.header = &header;
	book.pages = &pages;
	book.n_pages = 1;
	response.result_case = PB_BUSINESS_RESPONSE_EVENTS;
	response.events = &book;
	answer_message(w, request, &response);
}

static void
events_numbered_wrongly_are_internal_and_not_stored(void **state)
{
	world->handle = misnumber;
	assert_refused(world_command(world), AZ_INTERNAL,
				   "numbered an event 4, its place is 0");
}

static void
business_logic_that_is_down_is_unavailable_and_named(void **state)
{
	h2_service_stop(world->service);
	world->service = NULL;
	assert_refused(world_command(world), AZ_UNAVAILABLE, "\"order\"");
	assert_refused(world_command(world), AZ_UNAVAILABLE, world->address);
	world->service = h2_service_start(world->outside, "127.0.0.1", 0);
}

static void
business_logic_that_is_slow_is_deadline_exceeded(void **state)
{
	world->handle = hold_request;
	world->settings.jobs.call_timeout_us = 50000;
	az_engine_apply(world->engine, &world->settings);
	assert_refused(world_command(world), AZ_DEADLINE_EXCEEDED, "\"order\"");
}

static void
a_client_that_goes_away_stops_the_call_and_nothing_is_stored(void **state)
{
	Reply		reply;
	AzEngineStats stats;
	bool		is_reset = false;

	world->handle = hold_request;
	world_send_command(world, world_command(world), &reply);
	while (world->held == NULL)
		world_go_on(world);
	az_call_cancel(reply.call);
	while (!is_reset)
	{
		world_go_on(world);
		is_reset = h2_service_resets(world->service) == 1;
	}
	az_engine_stats(world->engine, &stats);
	assert_int_equal(stats.jobs, 0);
	assert_int_equal(world_stored(world), 0);
}

/* ---- who is asked ---- */

static void
a_domain_nobody_registered_is_not_found_and_named(void **state)
{
	PbCommandRequest *request = world_command(world);

	request->command->cover->domain = (char *) "invoice";
	assert_refused(request, AZ_NOT_FOUND, "\"invoice\"");
}

static void
a_registration_is_in_force_for_the_next_command(void **state)
{
	PbCommandRequest *request = world_command(world);
	MemoryComponent component = {
		.name = "order",
		.kind = "aggregate",
		.domain = "order",
		.address = world->address
	};

	memory_db_unregister(world->memory, "order");
	assert_refused(request, AZ_NOT_FOUND, "\"order\"");
	memory_db_register(world->memory, component);
	assert_int_equal(world_handle(world, request).code, AZ_OK);
}

static void
a_disabled_aggregate_is_unavailable(void **state)
{
	MemoryComponent component = {
		.name = "order",
		.kind = "aggregate",
		.domain = "order",
		.address = world->address,
		.disabled = true
	};

	memory_db_unregister(world->memory, "order");
	memory_db_register(world->memory, component);
	assert_refused(world_command(world), AZ_UNAVAILABLE, "disabled");
}

static void
a_components_own_deadline_goes_before_the_setting(void **state)
{
	MemoryComponent component = {
		.name = "order",
		.kind = "aggregate",
		.domain = "order",
		.address = world->address,
		.deadline_ms = 50
	};
	int64_t		start_us = az_clock_monotonic_us();

	memory_db_unregister(world->memory, "order");
	memory_db_register(world->memory, component);
	world->handle = hold_request;
	assert_refused(world_command(world), AZ_DEADLINE_EXCEEDED, "\"order\"");
	assert_true(az_clock_monotonic_us() - start_us <
				world->settings.jobs.call_timeout_us / 2);
}

static void
an_invalid_command_is_refused_before_anything_is_done(void **state)
{
	PbCommandRequest *request = world_command(world);

	request->command->cover->domain = (char *) "Order";
	assert_refused(request, AZ_INVALID_ARGUMENT, "Order");
	assert_int_equal(world->memory->executed[AZ_STATEMENT_LOAD_BOOKS], 0);
}

static void
what_this_version_does_not_serve_is_said_plainly(void **state)
{
	PbCommandRequest *request = world_command(world);

	request->sync_mode = PB_SYNC_MODE_CASCADE;
	request->cascade_error_mode = PB_CASCADE_ERROR_COMPENSATE;
	assert_refused(request, AZ_UNIMPLEMENTED, "COMPENSATE");
	assert_int_equal(world_stored(world), 0);
}

static void
the_commands_own_mode_can_only_strengthen(void **state)
{
	PbCommandRequest *request = world_command(world);
	PbPageHeader *header = request->command->pages[0]->header;

	header->_sync_mode_case = PB_PAGE_HEADER_SYNC_MODE;
	header->sync_mode = PB_SYNC_MODE_CASCADE;
	request->cascade_error_mode = PB_CASCADE_ERROR_COMPENSATE;
	request->sync_mode = PB_SYNC_MODE_DECISION;
	assert_refused(request, AZ_UNIMPLEMENTED, "COMPENSATE");
	header->sync_mode = PB_SYNC_MODE_ASYNC;
	assert_int_equal(world_handle(world, request).code, AZ_OK);
}

static void
the_error_mode_is_ignored_where_nothing_cascades(void **state)
{
	for (int mode = 0; mode <= PB_CASCADE_ERROR_DEAD_LETTER; mode++)
	{
		PbCommandRequest *request = world_command(world);

		request->command->pages[0]->header->sequence = (uint32_t) mode;
		request->cascade_error_mode = mode;
		assert_int_equal(world_handle(world, request).code, AZ_OK);
		assert_int_equal(world_stored(world), mode + 1);
	}
}

static H2Request seen;
static char seen_correlation[64];
static char seen_trace[64];

static void
note_headers(World *w, H2Request *request, PbContextualCommand *command)
{
	seen = *request;
	snprintf(seen_correlation, sizeof(seen_correlation), "%s",
			 h2_header(request, "x-correlation-id"));
	snprintf(seen_trace, sizeof(seen_trace), "%s",
			 h2_header(request, "traceparent"));
	answer_events(w, request, command);
}

static void
correlation_and_trace_travel_to_business_logic(void **state)
{
	PbCommandRequest *request = world_command(world);
	AzMetadata	metadata = {0};
	AzBytes		bytes;
	Reply		reply;

	world->handle = note_headers;
	az_metadata_add(&metadata, world->arena, az_bytes_of("traceparent"),
					az_bytes_of("00-11-22-01"));
	az_metadata_add(&metadata, world->arena, az_bytes_of("x-correlation-id"),
					az_bytes_of("from-metadata"));
	assert_true(az_encode(request, world->arena, &bytes, NULL));
	world_send(world,
			   "/io.angzarr.v1.CommandHandlerCoordinatorService/HandleCommand",
			   bytes, &metadata, &reply);
	world_until(world, &reply.came);
	assert_string_equal(seen_trace, "00-11-22-01");
	assert_string_equal(seen_correlation, "from-metadata");
	request->command->cover->correlation_id = (char *) "from-cover";
	assert_true(az_encode(request, world->arena, &bytes, NULL));
	world_send(world,
			   "/io.angzarr.v1.CommandHandlerCoordinatorService/HandleCommand",
			   bytes, &metadata, &reply);
	world_until(world, &reply.came);
	assert_string_equal(seen_correlation, "from-cover");
}

/* ---- the database ---- */

static void
a_database_that_fails_fails_the_command_and_says_why(void **state)
{
	memory_db_poison(world->memory, &world->order, "53100");
	assert_refused(world_command(world), AZ_RESOURCE_EXHAUSTED, "");
	memory_db_poison(world->memory, &world->order, NULL);
	assert_int_equal(world_handle(world, world_command(world)).code, AZ_OK);
}

static void
components_that_cannot_be_read_are_read_again_later(void **state)
{
	MemoryComponent component = {
		.name = "stock",
		.kind = "aggregate",
		.domain = "stock",
		.address = world->address
	};

	memory_db_fail_statement(world->memory, AZ_STATEMENT_COMPONENTS, 1,
							 "53100");
	memory_db_register(world->memory, component);
	while (world->memory->executed[AZ_STATEMENT_COMPONENTS] < 2)
		world_go_on(world);
	assert_int_equal(world_handle(world, world_command(world)).code, AZ_OK);
}

static void
fail_components(MemoryDb *memory, AzStatementId statement)
{
	if (statement == AZ_STATEMENT_COMPONENTS)
		memory_db_fail_statement(memory, statement, 1, "55P03");
}

static void
components_that_cannot_be_read_are_not_asked_for_at_every_turn(void **state)
{
	MemoryComponent component = {
		.name = "stock",
		.kind = "aggregate",
		.domain = "stock",
		.address = world->address
	};
	int			reads;

	assert_int_equal(world_handle(world, world_command(world)).code, AZ_OK);
	reads = world->memory->executed[AZ_STATEMENT_COMPONENTS];
	world->memory->before = fail_components;
	memory_db_register(world->memory, component);
	for (int i = 0; i < 20; i++)
		world_go_on(world);
	assert_int_equal(world->memory->executed[AZ_STATEMENT_COMPONENTS],
					 reads + 1);
	assert_true(az_engine_timeout_ms(world->engine) > 0);
	/* What was registered before is served on. */
	assert_int_equal(world_handle(world, world_command(world)).code, AZ_OK);
}

static void
before_the_components_are_known_a_domain_is_not_called_unknown(void **state)
{
	world_free(world);
	world = world_create();
	world->memory->before = fail_components;
	assert_true(world_start(world));
	assert_refused(world_command(world), AZ_UNAVAILABLE,
				   "could not be read yet");
}

static void
an_idle_engine_asks_the_database_nothing(void **state)
{
	int			begun;

	assert_int_equal(world_handle(world, world_command(world)).code, AZ_OK);
	begun = world->memory->begun;
	for (int i = 0; i < 50; i++)
		world_go_on(world);
	assert_int_equal(world->memory->begun, begun);
	assert_true(az_engine_timeout_ms(world->engine) != 0);
}

static void
components_are_read_from_time_to_time_without_news(void **state)
{
	int			reads;
	MemoryComponent component = {
		.name = "stock",
		.kind = "aggregate",
		.domain = "stock",
		.address = world->address
	};

	world->settings.catalog_poll_us = 1000;
	az_engine_apply(world->engine, &world->settings);
	memory_db_register(world->memory, component);
	world_go_on(world);
	reads = world->memory->executed[AZ_STATEMENT_COMPONENTS];
	while (world->memory->executed[AZ_STATEMENT_COMPONENTS] < reads + 3)
		world_go_on(world);
}

/* ---- queries ---- */

static PbQuery
make_query(PbCover *cover, PbUUID *root)
{
	PbQuery		query = PB_QUERY_INIT;

	pb_cover_init(cover);
	pb_uuid_init(root);
	root->value.data = world->order.root;
	root->value.len = AZ_UUID_SIZE;
	cover->root = root;
	cover->domain = (char *) "order";
	query.cover = cover;
	return query;
}

static PbEventBook *
queried(PbQuery *query)
{
	Reply		reply = world_query(world, query);

	assert_int_equal(reply.code, AZ_OK);
	return az_decode(&pb_event_book_descriptor, reply.bytes, world->arena,
					 NULL);
}

static void
a_book_is_the_newest_snapshot_and_the_pages_after_it(void **state)
{
	PbCover		cover;
	PbUUID		root;
	PbQuery		query = make_query(&cover, &root);
	PbEventBook *book;

	put_events(4);
	memory_db_put_snapshot(world->memory, &world->order, 1, "state");
	book = queried(&query);
	assert_int_equal(book->snapshot->sequence, 1);
	assert_int_equal(book->n_pages, 2);
	assert_int_equal(book->pages[0]->header->sequence, 2);
	assert_int_equal(book->next_sequence, 4);
}

static void
a_range_is_its_pages_inclusive_without_snapshot(void **state)
{
	PbCover		cover;
	PbUUID		root;
	PbQuery		query = make_query(&cover, &root);
	PbSequenceRange range = PB_SEQUENCE_RANGE_INIT;
	PbEventBook *book;

	put_events(5);
	memory_db_put_snapshot(world->memory, &world->order, 4, "state");
	query.selection_case = PB_QUERY_RANGE;
	query.range = &range;
	range.lower = 1;
	book = queried(&query);
	assert_null(book->snapshot);
	assert_int_equal(book->n_pages, 4);
	range._upper_case = PB_SEQUENCE_RANGE_UPPER;
	range.upper = 2;
	book = queried(&query);
	assert_int_equal(book->n_pages, 2);
	assert_int_equal(book->next_sequence, 3);
}

static void
an_aggregate_nobody_wrote_is_an_empty_book(void **state)
{
	PbCover		cover;
	PbUUID		root;
	PbQuery		query = make_query(&cover, &root);
	PbEventBook *book;

	cover.domain = (char *) "nobody";
	book = queried(&query);
	assert_int_equal(book->n_pages, 0);
	assert_int_equal(book->next_sequence, 0);
	assert_string_equal(book->cover->domain, "nobody");
}

static void
a_query_of_a_failing_database_says_why(void **state)
{
	PbCover		cover;
	PbUUID		root;
	PbQuery		query = make_query(&cover, &root);
	Reply		reply;

	memory_db_poison(world->memory, &world->order, "53100");
	reply = world_query(world, &query);
	assert_int_equal(reply.code, AZ_RESOURCE_EXHAUSTED);
}

static void
an_answer_larger_than_a_message_may_be_says_what_to_ask_for(void **state)
{
	PbCover		cover;
	PbUUID		root;
	PbQuery		query = make_query(&cover, &root);
	Reply		reply;

	put_events(20);
	world->settings.jobs.max_message_bytes = 300;
	az_engine_apply(world->engine, &world->settings);
	reply = world_query(world, &query);
	assert_error(&reply, AZ_RESOURCE_EXHAUSTED, "angzarr.max_message_size");
	assert_error(&reply, AZ_RESOURCE_EXHAUSTED, "GetEvents");
}

/* ---- the door ---- */

static void
an_unknown_method_is_unimplemented_and_named(void **state)
{
	Reply		reply;

	world_send(world, "/io.angzarr.v1.EventQueryService/GetEverything",
			   az_bytes_of(""), NULL, &reply);
	world_until(world, &reply.came);
	assert_error(&reply, AZ_UNIMPLEMENTED,
				 "/io.angzarr.v1.EventQueryService/GetEverything");
}

static void
a_request_that_does_not_decode_is_an_invalid_argument(void **state)
{
	Reply		reply;

	world_send(world,
			   "/io.angzarr.v1.CommandHandlerCoordinatorService/HandleCommand",
			   az_bytes_of("\377\377"), NULL, &reply);
	world_until(world, &reply.came);
	assert_error(&reply, AZ_INVALID_ARGUMENT, "CommandRequest");
	world_send(world, "/io.angzarr.v1.EventQueryService/GetEventBook",
			   az_bytes_of("\377\377"), NULL, &reply);
	world_until(world, &reply.came);
	assert_error(&reply, AZ_INVALID_ARGUMENT, "Query");
}

static void
more_requests_at_once_than_allowed_are_refused(void **state)
{
	Reply		first;
	Reply		second;
	PbCover		cover;
	PbUUID		root;
	PbQuery		query = make_query(&cover, &root);

	world->settings.jobs.max_jobs = 1;
	az_engine_apply(world->engine, &world->settings);
	world->handle = hold_request;
	world_send_command(world, world_command(world), &first);
	while (world->held == NULL)
		world_go_on(world);
	second = world_handle(world, world_command(world));
	assert_error(&second, AZ_RESOURCE_EXHAUSTED, "angzarr.max_jobs");
	second = world_query(world, &query);
	assert_error(&second, AZ_RESOURCE_EXHAUSTED, "angzarr.max_jobs");
	answer_events(world, world->held, world->last);
	world_until(world, &first.came);
	assert_int_equal(first.code, AZ_OK);
}

static void
what_happened_is_counted(void **state)
{
	AzEngineStats stats;

	world->n_events = 2;
	assert_int_equal(world_handle(world, world_command(world)).code, AZ_OK);
	world->handle = reject;
	world_handle(world, world_command(world));
	az_engine_stats(world->engine, &stats);
	assert_int_equal(stats.commands, 1);
	assert_int_equal(stats.rejected, 1);
	assert_int_equal(stats.events, 2);
	assert_int_equal(stats.batches, 1);
	assert_int_equal(stats.transactions, world->memory->committed);
	assert_int_equal(stats.connections, 1);
	assert_int_equal(stats.jobs, 0);
}

static void
a_draining_engine_ends_what_is_open_and_takes_nothing_new(void **state)
{
	Reply		reply;

	world->handle = hold_request;
	world_send_command(world, world_command(world), &reply);
	while (world->held == NULL)
		world_go_on(world);
	az_engine_drain(world->engine);
	world_go_on(world);
	assert_false(az_engine_is_drained(world->engine));
	answer_events(world, world->held, world->last);
	world_until(world, &reply.came);
	assert_int_equal(reply.code, AZ_OK);
	assert_true(az_engine_is_drained(world->engine));
	reply = world_handle(world, world_command(world));
	assert_int_equal(reply.code, AZ_UNAVAILABLE);
	assert_int_equal(world_stored(world), 1);
}

static void
a_health_watch_does_not_hold_up_the_end(void **state)
{
	Reply		reply;

	world_send(world, "/grpc.health.v1.Health/Watch", az_bytes_of(""), NULL,
			   &reply);
	while (az_engine_is_drained(world->engine))
		world_go_on(world);
	az_engine_drain(world->engine);
	world_until(world, &reply.came);
	assert_true(az_engine_is_drained(world->engine));
	assert_int_not_equal(reply.code, AZ_OK);
}

static void
an_engine_freed_with_work_under_way_leaves_nothing(void **state)
{
	Reply		reply;

	world->handle = hold_request;
	world_send_command(world, world_command(world), &reply);
	while (world->held == NULL)
		world_go_on(world);
	az_engine_free(world->engine);
	world->engine = NULL;
	while (!reply.came)
	{
		az_loop_turn(world->outside, 1);
		az_loop_flush(world->outside);
	}
	assert_int_equal(reply.code, AZ_UNAVAILABLE);
	assert_true(world_start(world));
}

static void
it_says_where_it_listens_and_who_else_does(void **state)
{
	AzError		error = {0};
	AzEngineSettings settings = world->settings;
	MemoryDb   *memory = memory_db_create();
	AzEngine   *engine;
	int			port;

	assert_non_null(strstr(az_engine_listening(world->engine),
						   "/.s.angzarr.1310"));
	assert_null(az_engine_create(&memory->db, &settings, world->arena,
								 &error));
	assert_int_equal(error.code, AZ_UNAVAILABLE);
	assert_non_null(strstr(error.message, "/.s.angzarr.1310"));
	settings.socket_directory = "";
	engine = az_engine_create(&memory->db, &settings, world->arena, &error);
	assert_string_equal(az_engine_listening(engine), "nothing");
	az_engine_free(engine);
	settings.listen_addresses = "127.0.0.1, ::1";
	settings.listen_port = 0;
	engine = az_engine_create(&memory->db, &settings, world->arena, &error);
	assert_non_null(engine);
	assert_int_equal(sscanf(az_engine_listening(engine), "127.0.0.1:%d",
							&port), 1);
	settings.listen_addresses = "127.0.0.1";
	settings.listen_port = port;
	assert_null(az_engine_create(&memory->db, &settings, world->arena,
								 &error));
	az_engine_free(engine);
	settings.listen_addresses = "no-such-host.invalid";
	assert_null(az_engine_create(&memory->db, &settings, world->arena,
								 &error));
	assert_non_null(strstr(error.message, "no-such-host.invalid"));
	memory_db_free(memory);
}

static void
engines_of_one_database_share_its_port_and_have_a_socket_file_each(void **state)
{
	AzError		error = {0};
	AzEngineSettings settings = world->settings;
	AzDb	   *db = &world->memory->db;
	AzEngine   *first;
	AzEngine   *second;

	settings.listen_addresses = "127.0.0.1";
	settings.listen_port = 0;
	settings.worker = 1;
	first = az_engine_create(db, &settings, world->arena, &error);
	assert_non_null(first);
	assert_int_equal(sscanf(az_engine_listening(first), "127.0.0.1:%d",
							&settings.listen_port), 1);
	assert_non_null(strstr(az_engine_listening(first), "/.s.angzarr.0.1"));

	/* The first did not share it when it began, but does from now on. */
	settings.worker = 2;
	settings.shares_port = true;
	settings.joins_port = true;
	assert_null(az_engine_create(db, &settings, world->arena, &error));
	az_engine_apply(first, &settings);
	settings.joins_port = false;
	assert_null(az_engine_create(db, &settings, world->arena, &error));
	assert_non_null(strstr(error.message, "Address already in use"));
	settings.joins_port = true;
	second = az_engine_create(db, &settings, world->arena, &error);
	assert_non_null(second);
	az_engine_free(first);
	az_engine_free(second);
}

/* ---- memory ---- */

static void
memory_that_runs_out_at_the_start_is_told(void **state)
{
	AzEngineSettings settings = world->settings;
	AzEngine   *engine = NULL;

	settings.socket_directory = "";
	settings.listen_addresses = "127.0.0.1";
	settings.listen_port = 0;
	for (int n = 0; engine == NULL; n++)
	{
		AzError		error = {0};

		assert_true(n < 500);
		fail_malloc_after(n);
		engine = az_engine_create(&world->memory->db, &settings, world->arena,
								  &error);
		fail_malloc_after(-1);
		assert_true(engine != NULL || error.code != AZ_OK);
	}
	az_engine_free(engine);
}

/* Whatever allocation fails: an answer, and what it says is what is stored. */
static void
memory_that_runs_out_never_splits_or_doubles_a_command(void **state)
{
	bool		worked = false;

	world->n_events = 2;
	assert_int_equal(world_handle(world, world_command(world)).code, AZ_OK);
	for (int n = 0; !worked; n++)
	{
		size_t		before = world_stored(world);
		Reply		reply;

		assert_true(n < 2000);
		world_send_command(world, world_command(world), &reply);
		fail_malloc_after(n);
		world_until(world, &reply.came);
		worked = !malloc_has_failed();
		fail_malloc_after(-1);
		assert_int_equal((world_stored(world) - before) % 2, 0);
		assert_true(world_stored(world) - before <= 2);
		if (reply.code == AZ_OK)
			assert_int_equal(world_stored(world), before + 2);
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_command_is_answered_with_its_events_as_stored),
		TEST(the_handler_is_given_the_history_and_the_command_on_main_unset),
		TEST(the_handler_is_given_the_newest_snapshot_unless_it_wants_full_books),
		TEST(events_carry_the_commands_correlation_id_and_ext),
		TEST(an_ext_of_unknown_fields_does_not_close_the_aggregate),
		TEST(an_isolated_commands_events_are_stored_as_isolated),
		TEST(an_answer_without_events_is_ok_and_stores_nothing),
		TEST(an_answer_with_no_variant_set_is_no_events),
		TEST(a_stale_command_is_refused_with_both_numbers_and_asks_nobody),
		TEST(a_command_without_strategy_or_header_expects_a_new_aggregate),
		TEST(an_overtaken_command_is_run_again_on_the_new_history),
		TEST(an_overtaken_command_gives_up_after_the_retries_that_are_set),
		TEST(an_overtaken_strict_command_answers_the_mismatch_at_once),
		TEST(a_command_behind_an_open_transaction_waits_and_then_goes_through),
		TEST(a_transaction_that_never_ends_makes_the_command_unavailable),
		TEST(commands_of_one_aggregate_run_one_after_the_other),
		TEST(a_rejection_goes_through_as_it_is),
		TEST(a_revocation_of_an_ordinary_command_is_its_rejection),
		TEST(a_notification_as_answer_to_an_ordinary_command_is_internal),
		TEST(an_answer_that_does_not_decode_is_internal_and_names_who_said_it),
		TEST(events_numbered_wrongly_are_internal_and_not_stored),
		TEST(business_logic_that_is_down_is_unavailable_and_named),
		TEST(business_logic_that_is_slow_is_deadline_exceeded),
		TEST(a_client_that_goes_away_stops_the_call_and_nothing_is_stored),
		TEST(a_domain_nobody_registered_is_not_found_and_named),
		TEST(a_registration_is_in_force_for_the_next_command),
		TEST(a_disabled_aggregate_is_unavailable),
		TEST(a_components_own_deadline_goes_before_the_setting),
		TEST(an_invalid_command_is_refused_before_anything_is_done),
		TEST(what_this_version_does_not_serve_is_said_plainly),
		TEST(the_commands_own_mode_can_only_strengthen),
		TEST(the_error_mode_is_ignored_where_nothing_cascades),
		TEST(correlation_and_trace_travel_to_business_logic),
		TEST(a_database_that_fails_fails_the_command_and_says_why),
		TEST(components_that_cannot_be_read_are_read_again_later),
		TEST(components_that_cannot_be_read_are_not_asked_for_at_every_turn),
		TEST(before_the_components_are_known_a_domain_is_not_called_unknown),
		TEST(an_idle_engine_asks_the_database_nothing),
		TEST(components_are_read_from_time_to_time_without_news),
		TEST(a_book_is_the_newest_snapshot_and_the_pages_after_it),
		TEST(a_range_is_its_pages_inclusive_without_snapshot),
		TEST(an_aggregate_nobody_wrote_is_an_empty_book),
		TEST(a_query_of_a_failing_database_says_why),
		TEST(an_answer_larger_than_a_message_may_be_says_what_to_ask_for),
		TEST(an_unknown_method_is_unimplemented_and_named),
		TEST(a_request_that_does_not_decode_is_an_invalid_argument),
		TEST(more_requests_at_once_than_allowed_are_refused),
		TEST(what_happened_is_counted),
		TEST(a_draining_engine_ends_what_is_open_and_takes_nothing_new),
		TEST(a_health_watch_does_not_hold_up_the_end),
		TEST(an_engine_freed_with_work_under_way_leaves_nothing),
		TEST(it_says_where_it_listens_and_who_else_does),
		TEST(engines_of_one_database_share_its_port_and_have_a_socket_file_each),
		TEST(memory_that_runs_out_at_the_start_is_told),
		TEST(memory_that_runs_out_never_splits_or_doubles_a_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
