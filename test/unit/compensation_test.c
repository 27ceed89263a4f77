/* Tests of HandleCompensation, and of the envelope it takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "codec/book.h"
#include "codec/decode.h"
#include "codec/notification.h"
#include "engine_world.h"
#include "failing_malloc.h"

static World *world;
static PbCover source;
static PbUUID source_root;
static PbAngzarrDeferredSequence deferred;
static int	calls;
static int	variant;			/* PB_BUSINESS_RESPONSE_* */

static int
setup(void **state)
{
	calls = 0;
	variant = PB_BUSINESS_RESPONSE_EVENTS;
	world = world_create();
	pb_uuid_init(&source_root);
	source_root.value.data = world->order.root;
	source_root.value.len = AZ_UUID_SIZE;
	pb_cover_init(&source);
	source.domain = (char *) "order";
	source.root = &source_root;
	pb_angzarr_deferred_sequence_init(&deferred);
	deferred.source = &source;
	deferred.source_seq = 1;
	deferred.source_component = (char *) "fulfil";
	deferred.command_index = 2;
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
answer_variant(World *asked, H2Request *request, PbContextualCommand *command)
{
	PbBusinessResponse response = PB_BUSINESS_RESPONSE_INIT;
	PbRevocationResponse revocation = PB_REVOCATION_RESPONSE_INIT;
	PbNotification notification = PB_NOTIFICATION_INIT;

	calls++;
	if (variant == PB_BUSINESS_RESPONSE_EVENTS)
	{
		answer_events(asked, request, command);
		return;
	}
	revocation.reason = (char *) "cannot";
	revocation.escalate = true;
	notification.cover = &source;
	response.result_case = variant;
	if (variant == PB_BUSINESS_RESPONSE_REVOCATION)
		response.revocation = &revocation;
	else
		response.notification = &notification;
	answer_message(asked, request, &response);
}

static PbCommandBook *
rejection(void)
{
	AzError		status = {
		.code = AZ_FAILED_PRECONDITION,.message = "out of stock"
	};
	AzAddress	address = {
		.target = &source,.correlation_id = "c-1",.provenance = &deferred
	};
	AzError		error = {0};
	PbCommandBook *rejected = world_command(world)->command;
	PbCommandBook *envelope = az_notification_reject(&address, rejected,
													 &status, world->arena,
													 &error);

	assert_non_null(envelope);
	return envelope;
}

static PbCommandBook *
compensate(void)
{
	static uint32_t sequences[] = {3, 4};
	PbCompensate message = PB_COMPENSATE_INIT;
	AzAddress	address = {.target = &source,.provenance = &deferred};
	AzError		error = {0};
	PbCommandBook *envelope;

	message.sequences = sequences;
	message.n_sequences = 2;
	message.reason = (char *) "it failed";
	message.command_type = (char *) "shop.Reserve";
	envelope = az_notification_compensate(&address, &message, world->arena,
										  &error);
	assert_non_null(envelope);
	return envelope;
}

static Reply
send(PbCommandBook *envelope)
{
	PbCommandRequest request = PB_COMMAND_REQUEST_INIT;
	AzBytes		bytes;
	Reply		reply;

	request.command = envelope;
	assert_true(az_encode(&request, world->arena, &bytes, NULL));
	world_send(world,
			   "/io.angzarr.v1.CommandHandlerCoordinatorService/HandleCompensation",
			   bytes, NULL, &reply);
	world_until(world, &reply.came);
	return reply;
}

static const PbBusinessResponse *
answered(Reply reply)
{
	const PbBusinessResponse *response;

	if (reply.code != AZ_OK)
		fail_msg("got %s \"%s\"", az_code_name(reply.code), reply.message);
	response = az_decode(&pb_business_response_descriptor, reply.bytes,
						 world->arena, NULL);
	assert_non_null(response);
	return response;
}

static void
assert_refused(PbCommandBook *envelope, const char *text)
{
	Reply		reply = send(envelope);

	if (reply.code != AZ_INVALID_ARGUMENT ||
		strstr(reply.message, text) == NULL)
		fail_msg("got %s \"%s\", not \"...%s...\"", az_code_name(reply.code),
				 reply.message, text);
	assert_int_equal(calls, 0);
	assert_int_equal(world_stored(world), 0);
}

static void
only_the_events_that_it_answers_are_written(void **state)
{
	const PbBusinessResponse *response;
	const AzEvent *events;
	AzNotice	notice;
	size_t		count;

	memory_db_put_event(world->memory, &world->order, "/shop.Created", "old");
	world->handle = answer_variant;
	world->n_events = 2;
	response = answered(send(rejection()));
	assert_int_equal(response->result_case, PB_BUSINESS_RESPONSE_EVENTS);
	assert_int_equal(response->events->n_pages, 2);
	assert_int_equal(response->events->pages[0]->header->sequence, 1);
	assert_int_equal(response->events->next_sequence, 3);
	assert_string_equal(response->events->cover->correlation_id, "c-1");
	events = memory_db_events(world->memory, &world->order, &count);
	assert_int_equal(count, 3);
	assert_string_equal(events[1].type_url, "/shop.OrderCreated");
	assert_non_null(events[1].cause);
	assert_string_equal(events[1].cause->component, "fulfil");
	/* What it was given: its history, and the notification. */
	assert_int_equal(world->last->events->n_pages, 1);
	assert_true(az_notification_open(world->last->command, &notice,
									 world->arena, NULL));
	assert_string_equal(notice.rejection->rejection_reason, "out of stock");
	assert_string_equal(notice.rejection->rejected_command->cover->domain,
						"order");
	assert_string_equal(notice.notification->cover->correlation_id, "c-1");
	assert_true(notice.notification->sent_at->seconds > 0);
}

static void
a_repeat_returns_the_first_events_and_calls_nobody(void **state)
{
	const PbBusinessResponse *response;

	world->handle = answer_variant;
	world->n_events = 1;
	answered(send(rejection()));
	world->n_events = 5;
	response = answered(send(rejection()));
	assert_int_equal(response->result_case, PB_BUSINESS_RESPONSE_EVENTS);
	assert_int_equal(response->events->n_pages, 1);
	assert_int_equal(calls, 1);
	assert_int_equal(world_stored(world), 1);
	assert_int_equal(world->memory->kept.committed_keys, 1);
	assert_string_equal(world->memory->kept.keys[0].kind,
						"rejection-notification");
}

static void
no_events_are_an_answer_that_is_remembered_too(void **state)
{
	const PbBusinessResponse *response;

	world->handle = answer_variant;
	world->n_events = 0;
	answered(send(rejection()));
	world->n_events = 1;
	response = answered(send(rejection()));
	assert_int_equal(response->events->n_pages, 0);
	assert_int_equal(calls, 1);
	assert_int_equal(world_stored(world), 0);
}

static void
a_revocation_is_returned_and_remembered(void **state)
{
	world->handle = answer_variant;
	variant = PB_BUSINESS_RESPONSE_REVOCATION;
	for (int i = 0; i < 2; i++)
	{
		const PbBusinessResponse *response = answered(send(rejection()));

		assert_int_equal(response->result_case,
						 PB_BUSINESS_RESPONSE_REVOCATION);
		assert_string_equal(response->revocation->reason, "cannot");
		assert_true(response->revocation->escalate);
	}
	assert_int_equal(calls, 1);
	assert_int_equal(world_stored(world), 0);
}

static void
a_notification_is_returned_and_remembered(void **state)
{
	world->handle = answer_variant;
	variant = PB_BUSINESS_RESPONSE_NOTIFICATION;
	for (int i = 0; i < 2; i++)
	{
		const PbBusinessResponse *response = answered(send(rejection()));

		assert_int_equal(response->result_case,
						 PB_BUSINESS_RESPONSE_NOTIFICATION);
		assert_string_equal(response->notification->cover->domain, "order");
	}
	assert_int_equal(calls, 1);
	assert_int_equal(world->memory->outbox.count, 0);
}

static void
a_compensate_of_the_same_command_has_a_key_of_its_own(void **state)
{
	AzNotice	notice;

	world->handle = answer_variant;
	world->n_events = 1;
	answered(send(rejection()));
	answered(send(compensate()));
	assert_int_equal(calls, 2);
	assert_int_equal(world_stored(world), 2);
	assert_string_equal(world->memory->kept.keys[1].kind,
						"compensate-notification");
	assert_true(az_notification_open(world->last->command, &notice,
									 world->arena, NULL));
	assert_null(notice.rejection);
	assert_int_equal(notice.compensate->n_sequences, 2);
	assert_string_equal(notice.compensate->command_type, "shop.Reserve");
}

static void
what_is_no_envelope_is_refused_by_name(void **state)
{
	PbCommandBook *envelope = world_command(world)->command;
	PbNotification own = PB_NOTIFICATION_INIT;
	PbAny		payload = PB_ANY_INIT;
	AzAddress	address = {.target = &source,.provenance = &deferred};

	world->handle = answer_variant;
	assert_refused(envelope,
				   "command.pages[0].command is \"shop.CreateOrder\", not a io.angzarr.v1.Notification");
	envelope = rejection();
	envelope->pages[0]->header->sequence_type_case =
		PB_PAGE_HEADER_SEQUENCE;
	envelope->pages[0]->header->sequence = 0;
	assert_refused(envelope, "command.pages[0].header is not angzarr_deferred");
	envelope = rejection();
	envelope->pages = az_arena_array(world->arena, 2, sizeof(PbCommandPage *));
	envelope->pages[0] = envelope->pages[1] = rejection()->pages[0];
	envelope->n_pages = 2;
	assert_refused(envelope, "command has 2 pages");
	payload.type_url = (char *) "/shop.Own";
	own.payload = &payload;
	assert_refused(az_notification_forward(&address, &own, world->arena, NULL),
				   "payload of type \"shop.Own\"");
	envelope = rejection();
	envelope->pages[0]->command->value.len = 3;
	assert_refused(envelope, "Notification");
	deferred.source = NULL;
	assert_refused(rejection(), "angzarr_deferred.source");
}

static void
a_failure_passes_through_and_is_not_remembered(void **state)
{
	Reply		reply;

	world->handle = hold_request;
	{
		PbCommandRequest request = PB_COMMAND_REQUEST_INIT;
		AzBytes		bytes;

		request.command = rejection();
		assert_true(az_encode(&request, world->arena, &bytes, NULL));
		world_send(world,
				   "/io.angzarr.v1.CommandHandlerCoordinatorService/HandleCompensation",
				   bytes, NULL, &reply);
	}
	while (world->held == NULL)
		world_go_on(world);
	h2_refuse(world->held, "12", "no such method");
	world_until(world, &reply.came);
	assert_int_equal(reply.code, AZ_UNIMPLEMENTED);
	assert_int_equal(world->memory->kept.committed_keys, 0);
	world->handle = answer_variant;
	world->n_events = 1;
	answered(send(rejection()));
	assert_int_equal(calls, 1);
}

static int	overtakings;

static void
append_first(MemoryDb *memory, AzStatementId statement)
{
	if (statement == AZ_STATEMENT_APPEND_PROBED && overtakings-- > 0)
		memory_db_put_event(memory, &world->order, "/shop.Other", "x");
}

static void
whoever_is_overtaken_is_decided_anew_so_many_times(void **state)
{
	Reply		reply;

	world->handle = answer_variant;
	world->n_events = 1;
	world->memory->before = append_first;
	overtakings = 1;
	answered(send(rejection()));
	assert_int_equal(calls, 2);
	assert_int_equal(world_stored(world), 2);
	overtakings = 100;
	deferred.source_seq = 9;
	reply = send(rejection());
	assert_int_equal(reply.code, AZ_UNAVAILABLE);
	assert_non_null(strstr(reply.message, "send the notification again"));
}

static void
without_memory_an_envelope_is_not_made_and_it_is_said(void **state)
{
	PbCommandBook *rejected = world_command(world)->command;
	AzError		status = {.code = AZ_ABORTED,.message = "no"};
	AzAddress	address = {.target = &source,.provenance = &deferred};
	bool		was_made = false;

	for (int n = 0; n < 20 && !was_made; n++)
	{
		AzArena    *arena = az_arena_create();
		AzError		error = {0};

		while (az_arena_size(arena) < 8192)
			assert_non_null(az_arena_alloc(arena, 64));
		fail_malloc_after(n);
		was_made = az_notification_reject(&address, rejected, &status, arena,
										  &error) != NULL;
		fail_malloc_after(-1);
		if (!was_made)
			assert_int_equal(error.code, AZ_RESOURCE_EXHAUSTED);
		az_arena_free(arena);
	}
	assert_true(was_made);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(only_the_events_that_it_answers_are_written),
		TEST(a_repeat_returns_the_first_events_and_calls_nobody),
		TEST(no_events_are_an_answer_that_is_remembered_too),
		TEST(a_revocation_is_returned_and_remembered),
		TEST(a_notification_is_returned_and_remembered),
		TEST(a_compensate_of_the_same_command_has_a_key_of_its_own),
		TEST(what_is_no_envelope_is_refused_by_name),
		TEST(a_failure_passes_through_and_is_not_remembered),
		TEST(whoever_is_overtaken_is_decided_anew_so_many_times),
		TEST(without_memory_an_envelope_is_not_made_and_it_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
