/*
 * A whole engine for tests: a database in memory, a scripted service as
 * business logic, and a client, all in the test's own thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "codec/decode.h"

#include "engine_world.h"
#include "failing_malloc.h"

#define PATIENCE_US 10000000

static void requested(H2Request *request, void *owner);
static void replay_requested(World *world, H2Request *request);
static void requested_fact(World *world, H2Request *request);
static void requested_projection(World *world, H2Request *request);
static void call_done(void *owner, AzBytes answer, const AzError *status);

World *
world_create(void)
{
	World	   *world = calloc(1, sizeof(World));
	AzServerLimits server = {
		.max_connections = 10,.max_streams = 100,.max_header_bytes = 16384,
		.max_message_bytes = 100000,.max_output_bytes = 1000000,
		.max_resets = 100,.max_control_frames = 100,
		.handshake_timeout_us = 5000000
	};
	AzClientLimits client = {
		.connections = 1,.max_inflight = 100,.max_queued = 100,
		.max_header_bytes = 16384,.max_message_bytes = 100000,
		.connect_timeout_us = 2000000,.backoff_min_us = 1000,
		.backoff_max_us = 10000
	};
	AzJobSettings jobs = {
		.validation = {
			.max_pages = 100,.max_payload_bytes = 50000,.max_sequences = 100
		},
		.max_message_bytes = 100000,.stream_chunk_bytes = 10000,
		.call_timeout_us = 5000000,
		.max_append_retries = 5,.max_status_details = 6144,.max_jobs = 1000,
		.cache_bytes = 1000000,
		.max_attempts = 10,.max_deliveries = 32,.max_causation_depth = 256,
		.max_cascade_depth = 16,.outbox_max_attempts = 20,
		.retry_delay_us = 1000,.max_retry_delay_us = 100000,
		.saga_failure_domain = "angzarr-saga-failures"
	};
	AzEngineSettings settings = {
		.listen_addresses = "",.listen_port = 1310,.socket_mode = 0600,
		.server = server,.client = client,.jobs = jobs,
		.max_batch_jobs = 100,.max_batch_bytes = 1000000,
		.catalog_poll_us = 60000000
	};
	MemoryComponent component = {
		.name = "order",
		.kind = "aggregate",
		.domain = "order",
		.address = world->address
	};

	strcpy(world->directory, "/tmp/angzarr_engine_test_XXXXXX");
	assert_non_null(mkdtemp(world->directory));
	snprintf(world->target, sizeof(world->target), "unix:%s/.s.angzarr.1310",
			 world->directory);
	settings.socket_directory = world->directory;
	world->settings = settings;
	world->arena = az_arena_create();
	world->memory = memory_db_create();
	world->outside = az_loop_create();
	world->service = h2_service_start(world->outside, "127.0.0.1", 0);
	h2_service_script(world->service)->requested = requested;
	h2_service_script(world->service)->owner = world;
	snprintf(world->address, sizeof(world->address), "grpc://127.0.0.1:%d",
			 h2_service_port(world->service));
	world->clients = az_channels_create(world->outside, &client);
	memory_db_register(world->memory, component);
	world->order.domain = "order";
	world->order.edition = "";
	memset(world->order.root, 7, AZ_UUID_SIZE);
	world->n_events = 1;
	world->handle = answer_events;
	return world;
}

bool
world_start(World *world)
{
	AzError		error = {0};

	world->engine = az_engine_create(&world->memory->db, &world->settings,
									 world->arena, &error);
	return world->engine != NULL;
}

void
world_free(World *world)
{
	char		path[128];

	az_engine_free(world->engine);
	az_channels_free(world->clients);
	h2_service_stop(world->service);
	az_loop_free(world->outside);
	memory_db_free(world->memory);
	az_arena_free(world->arena);
	snprintf(path, sizeof(path), "%s/.s.angzarr.1310.lock", world->directory);
	unlink(path);
	assert_int_equal(rmdir(world->directory), 0);
	free(world);
}

void
world_go_on(World *world)
{
	hold_failing_malloc(true);
	az_loop_flush(world->outside);
	hold_failing_malloc(false);
	az_engine_turn(world->engine);
	/* Memory runs out for the engine alone. */
	hold_failing_malloc(true);
	az_loop_turn(world->outside, 1);
	az_loop_flush(world->outside);
	hold_failing_malloc(false);
}

void
world_until(World *world, const bool *flag)
{
	int64_t		give_up = az_clock_monotonic_us() + PATIENCE_US;

	while (!*flag)
	{
		if (az_clock_monotonic_us() > give_up)
			fail_msg("what was waited for has not happened within 10 s");
		world_go_on(world);
	}
}

void
world_send(World *world, const char *path, AzBytes bytes,
		   const AzMetadata *metadata, Reply *reply)
{
	AzError		error = {0};
	AzChannel  *channel = az_channels_get(world->clients, world->target,
										  world->arena, &error);
	AzCallRequest request = {
		.path = path,.message = bytes,.deadline_us = INT64_MAX,
		.arena = world->arena,.done = call_done,.owner = reply
	};

	memset(reply, 0, sizeof(*reply));
	if (metadata != NULL)
		request.metadata = *metadata;
	assert_non_null(channel);
	reply->call = az_call_start(channel, &request, &error);
	assert_non_null(reply->call);
}

static void
call_done(void *owner, AzBytes answer, const AzError *status)
{
	Reply	   *reply = owner;

	reply->came = true;
	reply->call = NULL;
	reply->code = status->code;
	reply->details = status->details;
	reply->bytes = answer;
	snprintf(reply->message, sizeof(reply->message), "%s",
			 status->message != NULL ? status->message : "");
}

PbCommandRequest *
world_command(World *world)
{
	AzArena    *arena = world->arena;
	PbCommandRequest *request = az_arena_alloc(arena, sizeof(*request));
	PbCommandBook *book = az_arena_alloc(arena, sizeof(*book));
	PbCover    *cover = az_arena_alloc(arena, sizeof(*cover));
	PbUUID	   *root = az_arena_alloc(arena, sizeof(*root));
	PbCommandPage *page = az_arena_alloc(arena, sizeof(*page));
	PbPageHeader *header = az_arena_alloc(arena, sizeof(*header));
	PbAny	   *payload = az_arena_alloc(arena, sizeof(*payload));

	pb_command_request_init(request);
	pb_command_book_init(book);
	pb_cover_init(cover);
	pb_uuid_init(root);
	pb_command_page_init(page);
	pb_page_header_init(header);
	pb_any_init(payload);
	root->value.data = world->order.root;
	root->value.len = AZ_UUID_SIZE;
	cover->root = root;
	cover->domain = (char *) "order";
	payload->type_url = (char *) "/shop.CreateOrder";
	header->sequence_type_case = PB_PAGE_HEADER_SEQUENCE;
	page->header = header;
	page->merge_strategy = PB_MERGE_AGGREGATE_HANDLES;
	page->payload_case = PB_COMMAND_PAGE_COMMAND;
	page->command = payload;
	book->cover = cover;
	book->pages = az_arena_array(arena, 1, sizeof(PbCommandPage *));
	book->pages[0] = page;
	book->n_pages = 1;
	request->command = book;
	return request;
}

void
world_send_command(World *world, PbCommandRequest *request, Reply *reply)
{
	AzBytes		bytes;

	assert_true(az_encode(request, world->arena, &bytes, NULL));
	world_send(world,
			   "/io.angzarr.v1.CommandHandlerCoordinatorService/HandleCommand",
			   bytes, NULL, reply);
}

Reply
world_handle(World *world, PbCommandRequest *request)
{
	Reply		reply;

	world_send_command(world, request, &reply);
	world_until(world, &reply.came);
	return reply;
}

PbEventRequest *
world_fact(World *world)
{
	AzArena    *arena = world->arena;
	PbEventRequest *request = az_arena_alloc(arena, sizeof(*request));
	PbEventBook *book = az_arena_alloc(arena, sizeof(*book));
	PbEventPage *page = az_arena_alloc(arena, sizeof(*page));
	PbPageHeader *header = az_arena_alloc(arena, sizeof(*header));
	PbExternalDeferredSequence *external = az_arena_alloc(arena,
														  sizeof(*external));
	PbAny	   *payload = az_arena_alloc(arena, sizeof(*payload));

	pb_event_request_init(request);
	pb_event_book_init(book);
	pb_event_page_init(page);
	pb_page_header_init(header);
	pb_external_deferred_sequence_init(external);
	pb_any_init(payload);
	external->external_id = (char *) "payment-1";
	header->sequence_type_case = PB_PAGE_HEADER_EXTERNAL_DEFERRED;
	header->external_deferred = external;
	payload->type_url = (char *) "/shop.PaymentReceived";
	payload->value.data = (uint8_t *) "paid";
	payload->value.len = 4;
	page->header = header;
	page->payload_case = PB_EVENT_PAGE_EVENT;
	page->event = payload;
	book->cover = world_command(world)->command->cover;
	book->pages = az_arena_array(arena, 1, sizeof(PbEventPage *));
	book->pages[0] = page;
	book->n_pages = 1;
	request->events = book;
	return request;
}

void
world_send_fact(World *world, PbEventRequest *request, Reply *reply)
{
	AzBytes		bytes;

	assert_true(az_encode(request, world->arena, &bytes, NULL));
	world_send(world,
			   "/io.angzarr.v1.CommandHandlerCoordinatorService/HandleEvent",
			   bytes, NULL, reply);
}

Reply
world_record(World *world, PbEventRequest *request)
{
	Reply		reply;

	world_send_fact(world, request, &reply);
	world_until(world, &reply.came);
	return reply;
}

Reply
world_speculate(World *world, PbSpeculateCommandHandlerRequest *request)
{
	Reply		reply;
	AzBytes		bytes;

	assert_true(az_encode(request, world->arena, &bytes, NULL));
	world_send(world,
			   "/io.angzarr.v1.CommandHandlerCoordinatorService/HandleSyncSpeculative",
			   bytes, NULL, &reply);
	world_until(world, &reply.came);
	return reply;
}

Reply
world_query(World *world, PbQuery *query)
{
	Reply		reply;
	AzBytes		bytes;

	assert_true(az_encode(query, world->arena, &bytes, NULL));
	world_send(world, "/io.angzarr.v1.EventQueryService/GetEventBook", bytes,
			   NULL, &reply);
	world_until(world, &reply.came);
	return reply;
}

PbEventBook *
world_answer_book(World *world, const Reply *reply)
{
	PbCommandResponse *response = az_decode(&pb_command_response_descriptor,
											reply->bytes, world->arena, NULL);

	assert_non_null(response);
	assert_non_null(response->events);
	return response->events;
}

size_t
world_stored(World *world)
{
	size_t		count;

	memory_db_events(world->memory, &world->order, &count);
	return count;
}

/* Decodes what business logic is given, and lets the test's way answer. */
static void
requested(H2Request *request, void *owner)
{
	World	   *world = owner;
	const char *path = h2_header(request, ":path");

	if (strcmp(path, "/io.angzarr.v1.CommandHandlerService/Replay") == 0)
	{
		replay_requested(world, request);
		return;
	}
	if (strcmp(path, "/io.angzarr.v1.CommandHandlerService/HandleFact") == 0)
	{
		requested_fact(world, request);
		return;
	}
	if (strcmp(path, "/io.angzarr.v1.ProjectorService/Handle") == 0)
	{
		requested_projection(world, request);
		return;
	}
	assert_string_equal(path, "/io.angzarr.v1.CommandHandlerService/Handle");
	world->last = az_decode(&pb_contextual_command_descriptor,
							h2_message(request), world->arena, NULL);
	assert_non_null(world->last);
	world->handle(world, request, world->last);
}

static void
replay_requested(World *world, H2Request *request)
{
	PbReplayRequest *replay = az_decode(&pb_replay_request_descriptor,
										h2_message(request), world->arena,
										NULL);

	assert_non_null(replay);
	if (world->replay != NULL)
		world->replay(world, request, replay);
	else
		h2_refuse(request, "12", "no method Replay");
}

static void
requested_fact(World *world, H2Request *request)
{
	world->last_fact = az_decode(&pb_fact_request_descriptor,
								 h2_message(request), world->arena, NULL);
	assert_non_null(world->last_fact);
	if (world->handle_fact == NULL)
		h2_refuse(request, "12", "no such method");
	else
		world->handle_fact(world, request, world->last_fact);
}

static void
requested_projection(World *world, H2Request *request)
{
	PbProjection projection = PB_PROJECTION_INIT;
	PbEventBook *events = az_decode(&pb_event_book_descriptor,
									h2_message(request), world->arena, NULL);

	assert_non_null(events);
	if (world->project != NULL)
		world->project(world, request, events);
	else
		answer_message(world, request, &projection);
}

void
answer_events(World *world, H2Request *request, PbContextualCommand *command)
{
	PbBusinessResponse response = PB_BUSINESS_RESPONSE_INIT;
	PbEventBook book = PB_EVENT_BOOK_INIT;
	PbEventPage page = PB_EVENT_PAGE_INIT;
	PbAny		event = PB_ANY_INIT;
	PbEventPage *pages[100];

	event.type_url = (char *) "/shop.OrderCreated";
	event.value.data = (uint8_t *) "e";
	event.value.len = 1;
	page.payload_case = PB_EVENT_PAGE_EVENT;
	page.event = &event;
	for (int i = 0; i < world->n_events; i++)
		pages[i] = &page;
	book.pages = pages;
	book.n_pages = (size_t) world->n_events;
	response.result_case = PB_BUSINESS_RESPONSE_EVENTS;
	response.events = &book;
	answer_message(world, request, &response);
}

void
answer_message(World *world, H2Request *request, const void *message)
{
	static const char *const headers[] = {
		":status", "200", "content-type", "application/grpc", NULL
	};
	static const char *const trailers[] = {"grpc-status", "0", NULL};
	AzBytes		bytes;
	uint8_t    *framed;

	assert_true(az_encode(message, world->arena, &bytes, NULL));
	framed = az_arena_alloc(world->arena, bytes.len + 5);
	for (int i = 0; i < 4; i++)
		framed[1 + i] = (uint8_t) (bytes.len >> (24 - 8 * i));
	if (bytes.len > 0)
		memcpy(framed + 5, bytes.data, bytes.len);
	h2_answer(request, headers, framed, bytes.len + 5, trailers);
}

void
hold_request(World *world, H2Request *request, PbContextualCommand *command)
{
	world->held = request;
}
