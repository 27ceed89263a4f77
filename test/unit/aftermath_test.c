/*
 * Tests of requests that wait for reactions: which mode holds, who is waited
 * for, what failures mean, and what the engine does afterwards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "codec/decode.h"
#include "pipeline/terms.h"

#include "engine_world.h"
#include "failing_malloc.h"

static World *world;
static int	projections;
static int	saga_calls;
static uint8_t roots[4][AZ_UUID_SIZE];	/* that it sends to */
static bool comes_back;			/* to the aggregate of the trigger */
static int	depth_wanted;		/* so often the saga answers a command */
static const char *projector_status;
static const char *saga_status;
static void (*others) (H2Request *request, void *owner);

static void
project(World *asked, H2Request *request, PbEventBook *events)
{
	PbProjection projection = PB_PROJECTION_INIT;

	projections++;
	projection.projector = (char *) "sums";
	if (projector_status != NULL)
		h2_refuse(request, projector_status, "never will I");
	else
		answer_message(world, request, &projection);
}

/* The saga sends each command to a new aggregate of the same domain. */
static void
requested(H2Request *request, void *owner)
{
	PbSagaResponse response = PB_SAGA_RESPONSE_INIT;
	PbCommandBook *command = world_command(world)->command;

	if (strcmp(h2_header(request, ":path"),
			   "/io.angzarr.v1.SagaService/Handle") != 0)
	{
		others(request, owner);
		return;
	}
	command->pages[0]->header = NULL;
	if (!comes_back)
		command->cover->root->value.data = memset(roots[saga_calls % 4],
												  100 + saga_calls,
												  AZ_UUID_SIZE);
	response.commands = &command;
	response.n_commands = saga_calls++ < depth_wanted;
	if (saga_status != NULL)
		h2_refuse(request, saga_status, "saga says no");
	else
		answer_message(world, request, &response);
}

static int
setup(void **state)
{
	world = world_create();
	world->project = project;
	others = h2_service_script(world->service)->requested;
	h2_service_script(world->service)->requested = requested;
	projections = 0;
	saga_calls = 0;
	depth_wanted = 0;
	comes_back = false;
	projector_status = NULL;
	saga_status = NULL;
	return 0;
}

static int
teardown(void **state)
{
	world_free(world);
	return 0;
}

static void
start(void)
{
	MemoryComponent sums = {
		.name = "sums",.kind = "projector",.domain = "",.inputs = "order",
		.address = world->address,.max_attempts = 1
	};
	MemoryComponent fulfil = {
		.name = "fulfil",.kind = "saga",.inputs = "order",
		.address = world->address,.max_attempts = 1
	};

	memory_db_register(world->memory, sums);
	memory_db_register(world->memory, fulfil);
	assert_true(world_start(world));
}

static Reply
handle(int sync_mode, int error_mode)
{
	PbCommandRequest *request = world_command(world);

	request->sync_mode = sync_mode;
	request->cascade_error_mode = error_mode;
	return world_handle(world, request);
}

static PbCommandResponse *
response_of(const Reply *reply)
{
	PbCommandResponse *response;

	if (reply->code != AZ_OK)
		fail_msg("got %s \"%s\"", az_code_name(reply->code), reply->message);
	response = az_decode(&pb_command_response_descriptor, reply->bytes,
						 world->arena, NULL);
	assert_non_null(response);
	return response;
}

/* Until both cursors are behind everything: the engine is done, too. */
static void
until_delivered(void)
{
	int64_t		last = memory_db_last_position(world->memory);
	const MemorySubscription *sums = memory_db_subscription(world->memory,
															"sums");
	const MemorySubscription *fulfil = memory_db_subscription(world->memory,
															  "fulfil");

	for (int turns = 0; turns < 5000 && (sums->position < last ||
										 fulfil->position < last); turns++)
		world_go_on(world);
	assert_int_equal(sums->position, last);
	assert_int_equal(fulfil->position, last);
}

/* ---- which mode holds ---- */

static void
the_stronger_of_both_modes_holds_and_isolated_on_either(void **state)
{
	/* In this order each is stronger than those before. */
	static const int modes[] = {
		PB_SYNC_MODE_ASYNC, PB_SYNC_MODE_DECISION, PB_SYNC_MODE_SIMPLE,
		PB_SYNC_MODE_CASCADE, PB_SYNC_MODE_ISOLATED
	};
	PbPageHeader header = PB_PAGE_HEADER_INIT;

	header._sync_mode_case = PB_PAGE_HEADER_SYNC_MODE;
	for (int callers = 0; callers < 5; callers++)
		for (int own = 0; own < 5; own++)
		{
			header.sync_mode = modes[own];
			assert_int_equal(az_terms_mode(modes[callers], &header),
							 modes[callers > own ? callers : own]);
		}
	assert_int_equal(az_terms_mode(PB_SYNC_MODE_UNSPECIFIED, NULL),
					 PB_SYNC_MODE_ASYNC);
	header.sync_mode = PB_SYNC_MODE_UNSPECIFIED;
	assert_int_equal(az_terms_mode(PB_SYNC_MODE_SIMPLE, &header),
					 PB_SYNC_MODE_SIMPLE);
}

/* ---- who is waited for ---- */

static void
simple_brings_projections_and_the_engine_does_not_repeat_them(void **state)
{
	Reply		reply;
	PbCommandResponse *response;

	start();
	reply = handle(PB_SYNC_MODE_SIMPLE, 0);
	response = response_of(&reply);
	assert_int_equal(response->n_projections, 1);
	assert_string_equal(response->projections[0]->projector, "sums");
	until_delivered();
	assert_int_equal(projections, 1);
	assert_int_equal(saga_calls, 1);
}

static void
cascade_waits_for_what_follows_each_reaction_once(void **state)
{
	Reply		reply;
	PbCommandResponse *response;

	start();
	depth_wanted = 1;
	reply = handle(PB_SYNC_MODE_CASCADE, 0);
	response = response_of(&reply);
	assert_int_equal(response->n_projections, 1);
	assert_int_equal(response->n_reaction_errors, 0);
	assert_int_equal(memory_db_last_position(world->memory), 2);
	assert_int_equal(projections, 2);
	assert_int_equal(saga_calls, 2);
	until_delivered();
	assert_int_equal(projections, 2);
	assert_int_equal(saga_calls, 2);
}

/* Its second event is behind the first, for which it waits: the engine's. */
static void
a_cascade_that_comes_back_to_its_stream_does_not_wait_for_itself(void **state)
{
	Reply		reply;

	start();
	comes_back = true;
	depth_wanted = 1;
	reply = handle(PB_SYNC_MODE_CASCADE, 0);
	assert_int_equal(response_of(&reply)->n_reaction_errors, 0);
	until_delivered();
	assert_int_equal(saga_calls, 2);
	assert_int_equal(memory_db_last_position(world->memory), 2);
}

static void
who_is_paused_is_not_waited_for(void **state)
{
	Reply		reply;

	start();
	memory_db_set_status(world->memory, "sums", "paused");
	reply = handle(PB_SYNC_MODE_SIMPLE, 0);
	assert_int_equal(response_of(&reply)->n_projections, 0);
	assert_int_equal(projections, 0);
}

/* ---- failures ---- */

static void
a_projectors_failure_fails_the_request_and_the_events_stay(void **state)
{
	Reply		reply;

	start();
	projector_status = "14";
	reply = handle(PB_SYNC_MODE_SIMPLE, 0);
	assert_int_not_equal(reply.code, AZ_OK);
	assert_non_null(strstr(reply.message, "are stored"));
	assert_non_null(memmem(reply.details.data, reply.details.len,
						   "persisted", 9));
	assert_int_equal(world_stored(world), 1);
}

static void
continue_tells_of_a_failing_saga_and_dead_letter_does_not(void **state)
{
	Reply		reply;
	PbCommandResponse *response;

	start();
	saga_status = "3";
	reply = handle(PB_SYNC_MODE_CASCADE, PB_CASCADE_ERROR_CONTINUE);
	response = response_of(&reply);
	assert_int_equal(response->n_reaction_errors, 1);
	assert_string_equal(response->reaction_errors[0]->component, "fulfil");
	reply = handle(PB_SYNC_MODE_CASCADE, PB_CASCADE_ERROR_DEAD_LETTER);
	response = response_of(&reply);
	assert_int_equal(response->n_reaction_errors, 0);
	assert_int_equal(world_stored(world), 2);
}

static void
fail_fast_fails_for_a_failing_saga_and_the_events_stay(void **state)
{
	Reply		reply;

	start();
	saga_status = "3";
	reply = handle(PB_SYNC_MODE_CASCADE, PB_CASCADE_ERROR_FAIL_FAST);
	assert_int_equal(reply.code, AZ_INVALID_ARGUMENT);
	assert_non_null(strstr(reply.message, "are stored"));
	assert_int_equal(world_stored(world), 1);
}

static void
a_cascade_that_is_too_deep_names_the_chain(void **state)
{
	Reply		reply;

	world->settings.jobs.max_cascade_depth = 2;
	start();
	depth_wanted = 100;
	reply = handle(PB_SYNC_MODE_CASCADE, PB_CASCADE_ERROR_FAIL_FAST);
	assert_int_equal(reply.code, AZ_FAILED_PRECONDITION);
	assert_non_null(strstr(reply.message, "angzarr.max_cascade_depth"));
	assert_non_null(strstr(reply.message, "order/07070707"));
	assert_non_null(strstr(reply.message, "at most 2 commands"));
	assert_int_equal(world_stored(world), 1);
}

/* Reserved with the events, in one transaction: run again, both are there. */
static void
a_batch_that_fails_to_reserve_is_run_again_whole(void **state)
{
	Reply		reply;

	start();
	memory_db_fail_statement(world->memory, AZ_STATEMENT_RESERVE, 1, "53100");
	reply = handle(PB_SYNC_MODE_SIMPLE, 0);
	assert_int_equal(response_of(&reply)->n_projections, 1);
	assert_int_equal(world->memory->executed[AZ_STATEMENT_RESERVE], 2);
	assert_int_equal(world_stored(world), 1);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_stronger_of_both_modes_holds_and_isolated_on_either),
		TEST(simple_brings_projections_and_the_engine_does_not_repeat_them),
		TEST(cascade_waits_for_what_follows_each_reaction_once),
		TEST(a_cascade_that_comes_back_to_its_stream_does_not_wait_for_itself),
		TEST(who_is_paused_is_not_waited_for),
		TEST(a_projectors_failure_fails_the_request_and_the_events_stay),
		TEST(continue_tells_of_a_failing_saga_and_dead_letter_does_not),
		TEST(fail_fast_fails_for_a_failing_saga_and_the_events_stay),
		TEST(a_cascade_that_is_too_deep_names_the_chain),
		TEST(a_batch_that_fails_to_reserve_is_run_again_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
