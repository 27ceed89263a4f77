/* Tests of the coordinator services: components run on events at hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "codec/book.h"
#include "codec/decode.h"
#include "engine_world.h"
#include "failing_malloc.h"

#define SAGA "SagaCoordinatorService/"
#define PROCESS "ProcessManagerCoordinatorService/"
#define PROJECTOR "ProjectorCoordinatorService/"

static World *world;
static PbEventBook *book;
static int	projected;

static void
project(World *given, H2Request *request, PbEventBook *events)
{
	PbProjection projection = PB_PROJECTION_INIT;

	projected++;
	projection.projector = (char *) "list";
	answer_message(given, request, &projection);
}

static PbEventBook *
make_book(void)
{
	AzEvent		events[] = {
		{.type_url = "/t.Added",.correlation_id = "c-1"},
		{.type_url = "/t.Added",.correlation_id = "c-1"}
	};
	AzBook		from = {.aggregate = world->order,.count = 2};

	from.events = az_arena_array(world->arena, 2, sizeof(AzEvent));
	memcpy(from.events, events, sizeof(events));
	for (int i = 0; i < 2; i++)
	{
		from.events[i].sequence = 3 + i;
		from.events[i].payload = az_bytes_of("payload");
	}
	return az_book_make(&from, world->arena, NULL);
}

static int
setup(void **state)
{
	world = world_create();
	world->project = project;
	projected = 0;
	book = make_book();
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
add(const char *name, const char *kind, bool disabled)
{
	MemoryComponent component = {
		.name = name,.kind = kind,.address = world->address,
		.inputs = "order",.disabled = disabled
	};

	memory_db_register(world->memory, component);
}

static Reply
ask(const char *method, const void *request, const char *component)
{
	AzMetadata	metadata = {0};
	Reply		reply;
	AzBytes		bytes;

	if (component != NULL)
		assert_true(az_metadata_add(&metadata, world->arena,
									az_bytes_of("x-angzarr-component"),
									az_bytes_of(component)));
	assert_true(az_encode(request, world->arena, &bytes, NULL));
	world_send(world, az_arena_format(world->arena, "/io.angzarr.v1.%s",
									  method), bytes, &metadata, &reply);
	world_until(world, &reply.came);
	return reply;
}

static void
assert_refused(const Reply *reply, AzCode code, const char *text)
{
	if (reply->code != code || strstr(reply->message, text) == NULL)
		fail_msg("got %s \"%s\", not %s \"...%s...\"", az_code_name(reply->code),
				 reply->message, az_code_name(code), text);
}

static Reply
execute(const char *component)
{
	PbSagaHandleRequest request = PB_SAGA_HANDLE_REQUEST_INIT;

	request.source = book;
	return ask(SAGA "Execute", &request, component);
}

static Reply
project_sync(const char *component)
{
	PbEventRequest request = PB_EVENT_REQUEST_INIT;

	request.events = book;
	return ask(PROJECTOR "HandleSync", &request, component);
}

static void
what_is_missing_is_named(void **state)
{
	PbSpeculateSagaRequest speculate = PB_SPECULATE_SAGA_REQUEST_INIT;
	PbSpeculatePmRequest process = PB_SPECULATE_PM_REQUEST_INIT;
	PbEventBook *whole = book;
	Reply		reply;

	book = NULL;
	reply = execute(NULL);
	assert_refused(&reply, AZ_INVALID_ARGUMENT, "source is missing");
	reply = ask(SAGA "ExecuteSpeculative", &speculate, NULL);
	assert_refused(&reply, AZ_INVALID_ARGUMENT, "request.source is missing");
	reply = ask(PROCESS "HandleSpeculative", &process, NULL);
	assert_refused(&reply, AZ_INVALID_ARGUMENT, "request.trigger is missing");
	book = whole;
	book->pages[1]->header->sequence = 9;
	reply = execute(NULL);
	assert_refused(&reply, AZ_INVALID_ARGUMENT, "do not follow");
	book->pages[1]->header = NULL;
	reply = execute(NULL);
	assert_refused(&reply, AZ_INVALID_ARGUMENT, "without header.sequence");
	book->n_pages = 1;
	book->pages[0]->payload_case = 0;
	reply = execute(NULL);
	assert_refused(&reply, AZ_INVALID_ARGUMENT, "without payload");
	book->n_pages = 0;
	reply = execute(NULL);
	assert_refused(&reply, AZ_INVALID_ARGUMENT, "no pages");
	book->cover->root = NULL;
	reply = execute(NULL);
	assert_refused(&reply, AZ_INVALID_ARGUMENT, "source.cover.root");
}

static void
a_process_needs_a_correlation_id(void **state)
{
	PbProcessManagerCoordinatorRequest request =
	PB_PROCESS_MANAGER_COORDINATOR_REQUEST_INIT;
	Reply		reply;

	request.trigger = book;
	reply = ask(PROCESS "Handle", &request, NULL);
	assert_int_equal(reply.code, AZ_OK);
	book->cover->correlation_id = (char *) "";
	reply = ask(PROCESS "Handle", &request, NULL);
	assert_refused(&reply, AZ_INVALID_ARGUMENT, "correlation_id");
}

static void
a_component_is_found_by_its_name_and_kind(void **state)
{
	Reply		reply;

	add("list", "projector", false);
	add("off", "projector", true);
	reply = execute("list");
	assert_refused(&reply, AZ_NOT_FOUND, "\"list\"");
	reply = project_sync("nobody");
	assert_refused(&reply, AZ_NOT_FOUND, "\"nobody\"");
	reply = project_sync("off");
	assert_refused(&reply, AZ_UNAVAILABLE, "\"off\" is disabled");
	reply = project_sync("list");
	assert_int_equal(reply.code, AZ_OK);
	assert_int_equal(projected, 1);
}

static void
without_a_name_all_that_listen_are_meant(void **state)
{
	Reply		reply = project_sync(NULL);

	assert_refused(&reply, AZ_NOT_FOUND, "listens to domain \"order\"");
	reply = execute(NULL);
	assert_int_equal(reply.code, AZ_OK);
	add("list", "projector", false);
	add("other", "projector", false);
	reply = project_sync(NULL);
	assert_refused(&reply, AZ_INVALID_ARGUMENT, "list, other");
	assert_int_equal(projected, 0);
	reply = ask(PROJECTOR "Handle", book, NULL);
	assert_int_equal(reply.code, AZ_OK);
	assert_int_equal(projected, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_missing_is_named, setup,
										teardown),
		cmocka_unit_test_setup_teardown(a_process_needs_a_correlation_id,
										setup, teardown),
		cmocka_unit_test_setup_teardown(a_component_is_found_by_its_name_and_kind,
										setup, teardown),
		cmocka_unit_test_setup_teardown(without_a_name_all_that_listen_are_meant,
										setup, teardown),
	};

	return cmocka_run_group_tests_name("coordinate", tests, NULL, NULL);
}
