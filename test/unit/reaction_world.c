/* What reacts, for tests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "codec/decode.h"

#include "failing_malloc.h"
#include "reaction_world.h"

#define PATIENCE_US 10000000

static void start_jobs(Reactions *reactions);
static void stop_jobs(Reactions *reactions);
static void requested(H2Request *request, void *owner);
static void asked_stock(Reactions *reactions, H2Request *request);
static void refuse_stock(Reactions *reactions, H2Request *request);
static void upcast(Reactions *reactions, H2Request *request);
static void done(AzJob *job);
static void begin(Reactions *reactions, const char *component, int stage,
				  int attempt, Outcome *outcome);
static PbCover *stock_cover(Reactions *reactions);

Reactions *
reactions_create(void)
{
	Reactions  *reactions = calloc(1, sizeof(Reactions));
	World	   *world = world_create();
	MemoryComponent stock = {
		.name = "stock",.kind = "aggregate",.domain = "stock",
		.address = world->address
	};
	MemoryComponent saga = {
		.name = "fulfil",.kind = "saga",.inputs = "order",
		.address = world->address,.max_attempts = 3
	};
	MemoryComponent process = {
		.name = "checkout",.kind = "process_manager",.domain = "process",
		.inputs = "order",.address = world->address,.max_attempts = 3
	};

	reactions->world = world;
	memory_db_register(world->memory, stock);
	memory_db_register(world->memory, saga);
	memory_db_register(world->memory, process);
	h2_service_script(world->service)->requested = requested;
	h2_service_script(world->service)->owner = reactions;
	reactions->stock.domain = "stock";
	reactions->stock.edition = "";
	memset(reactions->stock.root, 9, AZ_UUID_SIZE);
	reactions->event.sequence = 3;
	reactions->event.created_at_us = 1000000;
	reactions->event.correlation_id = "order-77";
	reactions->event.type_url = "/shop.OrderPlaced";
	reactions->event.payload = az_bytes_of("placed");
	reactions->sync_mode = PB_SYNC_MODE_ASYNC;
	pb_saga_response_init(&reactions->saga);
	pb_process_manager_handle_response_init(&reactions->process);
	start_jobs(reactions);
	return reactions;
}

void
reactions_free(Reactions *reactions)
{
	stop_jobs(reactions);
	world_free(reactions->world);
	free(reactions);
}

void
reactions_crash(Reactions *reactions)
{
	stop_jobs(reactions);
	start_jobs(reactions);
}

static void
start_jobs(Reactions *reactions)
{
	World	   *world = reactions->world;
	AzDb	   *db = &world->memory->db;

	reactions->loop = az_loop_create();
	reactions->channels = az_channels_create(reactions->loop,
											 &world->settings.client);
	reactions->catalog = az_catalog_create();
	reactions->jobs = az_jobs_create(reactions->loop, reactions->channels,
									 reactions->catalog,
									 &world->settings.jobs);
	assert_non_null(reactions->jobs);
	assert_true(az_tick_init(&reactions->tick, db, 100, 1000000));
	assert_true(az_db_begin(db, world->arena, NULL));
	assert_true(az_catalog_read(reactions->catalog, db, NULL, world->arena));
	assert_true(az_db_commit(db, world->arena, NULL));
}

static void
stop_jobs(Reactions *reactions)
{
	az_jobs_free(reactions->jobs);
	az_tick_free(&reactions->tick);
	az_channels_free(reactions->channels);
	az_catalog_free(reactions->catalog);
	az_loop_free(reactions->loop);
}

void
reactions_turn(Reactions *reactions)
{
	AzLoop	   *outside = reactions->world->outside;

	az_loop_turn(reactions->loop, 0);
	az_jobs_run_ready(reactions->jobs);
	az_tick_run(&reactions->tick, reactions->jobs);
	az_jobs_run_ready(reactions->jobs);
	az_loop_flush(reactions->loop);
	hold_failing_malloc(true);
	az_loop_turn(outside, 1);
	az_loop_flush(outside);
	hold_failing_malloc(false);
}

void
reactions_until(Reactions *reactions, const bool *flag)
{
	int64_t		give_up = az_clock_monotonic_us() + PATIENCE_US;

	while (!*flag)
	{
		if (az_clock_monotonic_us() > give_up)
			fail_msg("what was waited for has not happened within 10 s");
		reactions_turn(reactions);
	}
}

static void
requested(H2Request *request, void *owner)
{
	Reactions  *reactions = owner;
	AzArena    *arena = reactions->world->arena;
	const char *path = h2_header(request, ":path");

	if (strcmp(path, "/io.angzarr.v1.CommandHandlerService/Handle") == 0)
		asked_stock(reactions, request);
	else if (strcmp(path, "/io.angzarr.v1.SagaService/Handle") == 0)
	{
		reactions->saga_calls++;
		reactions->last_saga = az_decode(&pb_saga_handle_request_descriptor,
										 h2_message(request), arena, NULL);
		assert_non_null(reactions->last_saga);
		if (reactions->saga_status != NULL)
			h2_refuse(request, reactions->saga_status, "saga says no");
		else
			answer_message(reactions->world, request, &reactions->saga);
	}
	else if (strcmp(path, "/io.angzarr.v1.ProcessManagerService/Handle") == 0)
	{
		reactions->process_calls++;
		reactions->last_process =
			az_decode(&pb_process_manager_handle_request_descriptor,
					  h2_message(request), arena, NULL);
		assert_non_null(reactions->last_process);
		if (reactions->process_status != NULL)
			h2_refuse(request, reactions->process_status, "process says no");
		else
			answer_message(reactions->world, request, &reactions->process);
	}
	else if (reactions->upcasts &&
			 strcmp(path, "/io.angzarr.v1.UpcasterService/Upcast") == 0)
		upcast(reactions, request);
	else if (reactions->fact_status != NULL &&
			 strcmp(path, "/io.angzarr.v1.CommandHandlerService/HandleFact") == 0)
		h2_refuse(request, reactions->fact_status, "not a fact");
	else
		h2_refuse(request, "12", "no such method");
}

static void
asked_stock(Reactions *reactions, H2Request *request)
{
	reactions->stock_calls++;
	reactions->last_command = az_decode(&pb_contextual_command_descriptor,
										h2_message(request),
										reactions->world->arena, NULL);
	assert_non_null(reactions->last_command);
	if (reactions->stock_status != NULL && reactions->stock_refusals != 0)
	{
		reactions->stock_refusals--;
		refuse_stock(reactions, request);
		return;
	}
	answer_events(reactions->world, request, reactions->last_command);
}

static void
refuse_stock(Reactions *reactions, H2Request *request)
{
	/* The service reads them later. */
	const char **trailers = az_arena_array(reactions->world->arena, 7,
										   sizeof(char *));

	if (reactions->stock_details == NULL)
	{
		h2_refuse(request, reactions->stock_status, "none left");
		return;
	}
	trailers[0] = "grpc-status";
	trailers[1] = reactions->stock_status;
	trailers[2] = "grpc-message";
	trailers[3] = "none left";
	trailers[4] = "grpc-status-details-bin";
	trailers[5] = reactions->stock_details;
	trailers[6] = NULL;
	h2_answer(request, NULL, NULL, 0, trailers);
}

static void
upcast(Reactions *reactions, H2Request *request)
{
	PbUpcastResponse response = PB_UPCAST_RESPONSE_INIT;
	const PbUpcastRequest *asked = az_decode(&pb_upcast_request_descriptor,
											 h2_message(request),
											 reactions->world->arena, NULL);

	assert_non_null(asked);
	for (size_t i = 0; i < asked->n_events; i++)
		asked->events[i]->event->type_url = (char *) "/shop.New";
	response.events = asked->events;
	response.n_events = asked->n_events;
	answer_message(reactions->world, request, &response);
}

Outcome
reactions_deliver(Reactions *reactions, const char *component, int stage,
				  int attempt)
{
	Outcome		outcome;

	begin(reactions, component, stage, attempt, &outcome);
	reactions_until(reactions, &outcome.came);
	return outcome;
}

void
reactions_begin(Reactions *reactions, const char *component, Outcome *outcome)
{
	begin(reactions, component, 0, 1, outcome);
}

static void
begin(Reactions *reactions, const char *component, int stage, int attempt,
	  Outcome *outcome)
{
	AzDelivery	delivery = {
		.component = az_catalog_named(reactions->catalog, component),
		.trigger = {
			.aggregate = reactions->world->order,
			.events = &reactions->event,
			.count = 1
		},
		.attempt = attempt,
		.stage = stage,
		.sync_mode = reactions->sync_mode
	};
	AzError		error = {0};
	AzJob	   *job = az_delivery_create(reactions->jobs, &delivery, &error);

	memset(outcome, 0, sizeof(*outcome));
	if (job == NULL)
	{
		outcome->came = true;
		outcome->code = error.code;
		return;
	}
	job->done = done;
	job->owner = outcome;
	az_job_start(job);
}

static void
done(AzJob *job)
{
	Outcome    *outcome = job->owner;
	const AzDeliveryResult *result = az_delivery_result(job);

	outcome->came = true;
	outcome->code = job->error.code;
	snprintf(outcome->message, sizeof(outcome->message), "%s",
			 job->error.message != NULL ? job->error.message : "");
	outcome->stage = result->stage;
	outcome->was_lettered = result->was_lettered;
	outcome->was_recorded = result->was_recorded;
	outcome->n_errors = result->n_errors;
}

PbCommandBook *
reactions_command(Reactions *reactions)
{
	PbCommandBook *book = world_command(reactions->world)->command;

	book->cover = stock_cover(reactions);
	book->pages[0]->header = NULL;
	return book;
}

PbEventBook *
reactions_fact(Reactions *reactions)
{
	PbEventBook *book = world_fact(reactions->world)->events;

	book->cover = stock_cover(reactions);
	book->pages[0]->header = NULL;
	return book;
}

static PbCover *
stock_cover(Reactions *reactions)
{
	PbCover    *cover = world_command(reactions->world)->command->cover;

	cover->domain = (char *) "stock";
	cover->root->value.data = reactions->stock.root;
	return cover;
}

void
reactions_answer(Reactions *reactions, PbCommandBook *first,
				 PbCommandBook *second)
{
	PbCommandBook **commands = az_arena_array(reactions->world->arena, 2,
											  sizeof(PbCommandBook *));
	size_t		count = first == NULL ? 0 : second == NULL ? 1 : 2;

	commands[0] = first;
	commands[1] = second;
	reactions->saga.commands = commands;
	reactions->saga.n_commands = count;
	reactions->process.commands = commands;
	reactions->process.n_commands = count;
}

void
reactions_answer_fact(Reactions *reactions, PbEventBook *fact)
{
	PbEventBook **facts = az_arena_array(reactions->world->arena, 1,
										 sizeof(PbEventBook *));

	facts[0] = fact;
	reactions->saga.events = facts;
	reactions->saga.n_events = 1;
	reactions->process.facts = facts;
	reactions->process.n_facts = 1;
}

size_t
reactions_stored(Reactions *reactions, const AzAggregate *aggregate)
{
	size_t		count;

	memory_db_events(reactions->world->memory, aggregate, &count);
	return count;
}

size_t
reactions_keys(Reactions *reactions, const char *kind)
{
	const MemoryKept *kept = &reactions->world->memory->kept;
	size_t		count = 0;

	for (size_t i = 0; i < kept->committed_keys; i++)
		count += strcmp(kept->keys[i].kind, kind) == 0 ? 1 : 0;
	return count;
}

PbAngzarrDeadLetter *
reactions_letter(Reactions *reactions, size_t i)
{
	const MemoryKept *kept = &reactions->world->memory->kept;
	PbAngzarrDeadLetter *letter;

	assert_true(i < kept->committed_letters);
	letter = az_decode(&pb_angzarr_dead_letter_descriptor, kept->letters[i],
					   reactions->world->arena, NULL);
	assert_non_null(letter);
	return letter;
}
