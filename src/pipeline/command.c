/*
 * The pipeline of a command: load the history, call the business logic,
 * append what it answered (contract section 5).
 *
 * Commands of one aggregate run one after the other in the engine; only
 * writers elsewhere can overtake one, and the append finds out.
 */
#include "pipeline/command.h"

#include <string.h>

#include "base/clock.h"
#include "codec/book.h"
#include "codec/decode.h"
#include "pipeline/merge.h"
#include "pipeline/stamp.h"
#include "store/append.h"
#include "store/load.h"

#define HANDLE_PATH "/io.angzarr.v1.CommandHandlerService/Handle"

struct AzCommandJob
{
	AzJob		job;			/* must come first */
	PbCommandRequest *request;
	AzAggregate aggregate;
	AzMerge		merge;
	int64_t		expected;
	bool		isolated;

	/* From the catalog, copied: it may be read anew while we wait. */
	const char *address;
	int64_t		timeout_us;
	bool		send_snapshots;

	AzLoadWish	load;
	AzAppendWish append;
	AzEvent    *events;
	size_t		n_events;
	int64_t		parked_until_us;	/* 0 = was not parked yet */
	PbCommandResponse response;
};

static AzStepResult prepare(AzJob *job);
static bool send_correlation_id(AzCommandJob *command);
static bool find_handler(AzCommandJob *command);
static bool read_page(AzCommandJob *command);
static bool check_served(AzCommandJob *command);
static bool choose_mode(AzCommandJob *command);
static AzStepResult load_history(AzJob *job);
static AzStepResult take_history(AzJob *job);
static AzStepResult call_handler(AzJob *job);
static AzStepResult take_answer(AzJob *job);
static AzStepResult fail_call(AzCommandJob *command);
static AzStepResult take_business_response(AzCommandJob *command,
										   const PbBusinessResponse *answer);
static bool stamp_events(AzCommandJob *command, const PbEventBook *book);
static AzStepResult append_events(AzJob *job);
static AzStepResult take_append(AzJob *job);
static AzStepResult park(AzCommandJob *command);
static AzStepResult overtaken(AzCommandJob *command);
static AzStepResult answer(AzCommandJob *command);

static const AzStep steps[] = {
	{"load history", AZ_STEP_LOCAL, load_history, take_history},
	{"call handler", AZ_STEP_REMOTE, call_handler, take_answer},
	{"merge and append", AZ_STEP_LOCAL, append_events, take_append},
	{NULL}
};

const AzPipeline az_command_pipeline = {"command", prepare, steps};

AzCommandJob *
az_command_create(AzJobs *jobs, AzError *error)
{
	return (AzCommandJob *) az_job_create(jobs, &az_command_pipeline,
										  sizeof(AzCommandJob), error);
}

AzJob *
az_command_job(AzCommandJob *command)
{
	return &command->job;
}

void
az_command_set_request(AzCommandJob *command, PbCommandRequest *request)
{
	command->request = request;
}

const PbCommandResponse *
az_command_response(const AzJob *job)
{
	return &((const AzCommandJob *) job)->response;
}

/* Validation, and everything that can be known before the database is. */
static AzStepResult
prepare(AzJob *job)
{
	AzCommandJob *command = (AzCommandJob *) job;

	if (!az_validate_command(command->request, &job->jobs->settings.validation,
							 job->arena, &job->error))
		return AZ_STEP_FAILED;
	az_cover_read(command->request->command->cover, &command->aggregate);
	if (!find_handler(command) || !read_page(command) ||
		!check_served(command) || !choose_mode(command))
		return AZ_STEP_FAILED;
	if (!send_correlation_id(command))
	{
		az_error_out_of_memory(&job->error);
		return AZ_STEP_FAILED;
	}
	job->aggregate = &command->aggregate;
	return AZ_STEP_NEXT;
}

/* The command's own id goes out; without one, what its caller sent. */
static bool
send_correlation_id(AzCommandJob *command)
{
	AzMetadata *metadata = &command->job.metadata;
	AzBytes		name = az_bytes_of("x-correlation-id");
	AzBytes		value = az_bytes_of(command->request->command->cover->correlation_id);

	if (value.len == 0)
		return true;
	for (size_t i = 0; i < metadata->count; i++)
		if (az_bytes_equal(az_bytes_of(metadata->entries[i].name), name))
		{
			metadata->entries[i].value = value;
			return true;
		}
	return az_metadata_add(metadata, command->job.arena, name, value);
}

static bool
find_handler(AzCommandJob *command)
{
	AzJob	   *job = &command->job;
	const char *domain = command->aggregate.domain;
	const AzComponent *component;

	if (strcmp(domain, "_angzarr") == 0)
		return az_error_set(&job->error, job->arena, AZ_UNIMPLEMENTED,
							"commands to domain \"_angzarr\" are not served in this version");
	if (!az_catalog_was_read(job->jobs->catalog))
		return az_error_set(&job->error, job->arena, AZ_UNAVAILABLE,
							"the registered components could not be read yet");
	component = az_catalog_aggregate(job->jobs->catalog, domain);
	if (component == NULL)
	{
		az_error_set(&job->error, job->arena, AZ_NOT_FOUND,
					 "no aggregate is registered for domain \"%s\"", domain);
		job->error.hint = "Register it with angzarr.register_aggregate().";
		memcpy(job->error.sqlstate, AZ_SQLSTATE_UNKNOWN_COMPONENT, 6);
		return false;
	}
	if (!component->enabled)
		return az_error_set(&job->error, job->arena, AZ_UNAVAILABLE,
							"the aggregate of domain \"%s\" is disabled", domain);
	command->timeout_us = component->deadline_us > 0 ?
		component->deadline_us : job->jobs->settings.call_timeout_us;
	command->send_snapshots = component->send_snapshots;
	command->address = az_arena_string(job->arena, component->address);
	return command->address != NULL || az_error_out_of_memory(&job->error);
}

/* The first page decides the expected sequence; no header means 0. */
static bool
read_page(AzCommandJob *command)
{
	const PbCommandPage *page = command->request->command->pages[0];
	const PbPageHeader *header = page->header;

	command->merge = page->merge_strategy == 0 ?
		AZ_MERGE_COMMUTATIVE : (AzMerge) page->merge_strategy;
	command->expected = 0;
	if (header != NULL &&
		header->sequence_type_case == PB_PAGE_HEADER_SEQUENCE)
		command->expected = header->sequence;
	return true;
}

/* What the contract has and this version does not serve is said plainly. */
static bool
check_served(AzCommandJob *command)
{
	AzJob	   *job = &command->job;
	const PbPageHeader *header = command->request->command->pages[0]->header;

	if (command->aggregate.edition[0] != '\0')
		return az_error_set(&job->error, job->arena, AZ_UNIMPLEMENTED,
							"editions are not served in this version: command.cover.edition is \"%s\"",
							command->aggregate.edition);
	if (command->merge == AZ_MERGE_MANUAL)
		return az_error_set(&job->error, job->arena, AZ_UNIMPLEMENTED,
							"merge strategy MANUAL is not served in this version");
	if (header != NULL &&
		header->sequence_type_case == PB_PAGE_HEADER_ANGZARR_DEFERRED)
		return az_error_set(&job->error, job->arena, AZ_UNIMPLEMENTED,
							"deferred commands are not served in this version");
	return true;
}

/* The stronger of the request's mode and the command's own: contract 7. */
static bool
choose_mode(AzCommandJob *command)
{
	AzJob	   *job = &command->job;
	const PbPageHeader *header = command->request->command->pages[0]->header;
	int			mode = command->request->sync_mode;
	int			own = PB_SYNC_MODE_UNSPECIFIED;

	/* ISOLATED stands apart: on either of them it always holds. */
	static const int strength[] = {
		[PB_SYNC_MODE_UNSPECIFIED] = 0,[PB_SYNC_MODE_ASYNC] = 0,
		[PB_SYNC_MODE_DECISION] = 1,[PB_SYNC_MODE_SIMPLE] = 2,
		[PB_SYNC_MODE_CASCADE] = 3,[PB_SYNC_MODE_ISOLATED] = 4
	};

	if (header != NULL && header->_sync_mode_case != 0)
		own = header->sync_mode;
	if (strength[own] > strength[mode])
		mode = own;
	command->isolated = mode == PB_SYNC_MODE_ISOLATED;
	if (mode == PB_SYNC_MODE_SIMPLE || mode == PB_SYNC_MODE_CASCADE)
		return az_error_set(&job->error, job->arena, AZ_UNIMPLEMENTED,
							"sync mode %s waits for reactions, which this version does not run",
							mode == PB_SYNC_MODE_SIMPLE ? "SIMPLE" : "CASCADE");
	return true;
}

static AzStepResult
load_history(AzJob *job)
{
	AzCommandJob *command = (AzCommandJob *) job;

	command->load.aggregate = command->aggregate;
	command->load.use_snapshot = command->send_snapshots;
	command->load.lower = 0;
	command->load.upper = AZ_EVERY_SEQUENCE;
	return az_job_wish(job, &command->load.wish, &az_load_kind);
}

static AzStepResult
take_history(AzJob *job)
{
	AzCommandJob *command = (AzCommandJob *) job;

	if (command->load.wish.outcome != AZ_WISH_FULFILLED)
	{
		job->error = command->load.wish.error;
		return AZ_STEP_FAILED;
	}
	if (!az_merge_fits(command->merge, command->expected,
					   command->load.book.next_sequence))
	{
		az_merge_mismatch(&command->aggregate, command->expected,
						  command->load.book.next_sequence, job->arena,
						  &job->error);
		return AZ_STEP_FAILED;
	}
	return AZ_STEP_NEXT;
}

static AzStepResult
call_handler(AzJob *job)
{
	AzCommandJob *command = (AzCommandJob *) job;
	PbContextualCommand contextual = PB_CONTEXTUAL_COMMAND_INIT;
	AzBytes		message;

	contextual.events = az_book_make(&command->load.book, job->arena,
									 &job->error);
	if (contextual.events == NULL)
		return AZ_STEP_FAILED;
	contextual.command = command->request->command;
	/* Main is always sent as an unset edition: contract section 1. */
	if (command->aggregate.edition[0] == '\0')
		contextual.command->cover->edition = NULL;
	if (!az_encode(&contextual, job->arena, &message, &job->error))
		return AZ_STEP_FAILED;
	return az_job_call(job, command->address, HANDLE_PATH, message,
					   command->timeout_us);
}

static AzStepResult
take_answer(AzJob *job)
{
	AzCommandJob *command = (AzCommandJob *) job;
	PbBusinessResponse *business;
	AzError		broken = {0};

	if (job->status.code != AZ_OK)
		return fail_call(command);
	business = az_decode(&pb_business_response_descriptor, job->answer,
						 job->arena, &broken);
	if (business != NULL)
		return take_business_response(command, business);
	az_error_set(&job->error, job->arena, AZ_INTERNAL,
				 "business logic of domain \"%s\" at %s answered what does not decode: %s",
				 command->aggregate.domain, command->address, broken.message);
	return AZ_STEP_FAILED;
}

/* A peer's status goes through as it is; of ours we say whom we called. */
static AzStepResult
fail_call(AzCommandJob *command)
{
	AzJob	   *job = &command->job;

	job->error = job->status;
	if (strcmp(job->status.sqlstate, AZ_SQLSTATE_UNREACHABLE) != 0)
	{
		memcpy(job->error.sqlstate, AZ_SQLSTATE_REJECTED, 6);
		return AZ_STEP_FAILED;
	}
	az_error_set(&job->error, job->arena, job->status.code,
				 "business logic of domain \"%s\": %s",
				 command->aggregate.domain, job->status.message);
	memcpy(job->error.sqlstate, AZ_SQLSTATE_UNREACHABLE, 6);
	return AZ_STEP_FAILED;
}

static AzStepResult
take_business_response(AzCommandJob *command, const PbBusinessResponse *answer)
{
	AzJob	   *job = &command->job;

	switch (answer->result_case)
	{
		case PB_BUSINESS_RESPONSE_REVOCATION:
			az_error_set(&job->error, job->arena, AZ_FAILED_PRECONDITION,
						 "%s", answer->revocation->reason);
			memcpy(job->error.sqlstate, AZ_SQLSTATE_REJECTED, 6);
			return AZ_STEP_FAILED;
		case PB_BUSINESS_RESPONSE_NOTIFICATION:
			az_error_set(&job->error, job->arena, AZ_INTERNAL,
						 "business logic of domain \"%s\" at %s answered a command with a notification, which only a compensation may be answered with",
						 command->aggregate.domain, command->address);
			return AZ_STEP_FAILED;
		case PB_BUSINESS_RESPONSE_EVENTS:
			return stamp_events(command, answer->events) ?
				AZ_STEP_NEXT : AZ_STEP_FAILED;
		default:
			return stamp_events(command, NULL) ?
				AZ_STEP_NEXT : AZ_STEP_FAILED;
	}
}

static bool
stamp_events(AzCommandJob *command, const PbEventBook *book)
{
	AzJob	   *job = &command->job;
	const PbCover *cover = command->request->command->cover;
	AzStamp		stamp = {
		.aggregate = command->aggregate,
		.next_sequence = command->load.book.next_sequence,
		.correlation_id = cover->correlation_id,
		.ext = cover->ext,
		.isolated = command->isolated,
		.limits = &job->jobs->settings.validation
	};

	return az_stamp_events(&stamp, book, &command->events,
						   &command->n_events, job->arena, &job->error);
}

static AzStepResult
append_events(AzJob *job)
{
	AzCommandJob *command = (AzCommandJob *) job;
	AzAppendWish *append = &command->append;

	if (command->n_events == 0)
		return answer(command);
	append->aggregate = command->aggregate;
	append->events = command->events;
	append->count = command->n_events;
	append->wish.bytes = 0;
	for (size_t i = 0; i < command->n_events; i++)
		append->wish.bytes += command->events[i].payload.len +
			command->events[i].external.len + command->events[i].ext.len +
			strlen(command->events[i].type_url) + 256;
	return az_job_wish(job, &append->wish, &az_append_kind);
}

static AzStepResult
take_append(AzJob *job)
{
	AzCommandJob *command = (AzCommandJob *) job;

	switch (command->append.wish.outcome)
	{
		case AZ_WISH_BUSY:
			return park(command);
		case AZ_WISH_FAILED:
			job->error = command->append.wish.error;
			return AZ_STEP_FAILED;
		default:
			return command->append.appended ?
				answer(command) : overtaken(command);
	}
}

/* Another open transaction writes there: look again, but not for ever. */
static AzStepResult
park(AzCommandJob *command)
{
	AzJob	   *job = &command->job;
	int64_t		now = az_clock_monotonic_us();

	if (command->parked_until_us == 0)
		command->parked_until_us = now + command->timeout_us;
	if (now < command->parked_until_us)
		return AZ_STEP_AGAIN;
	az_error_set(&job->error, job->arena, AZ_UNAVAILABLE,
				 "another transaction has been writing to %s for %lld ms and has not ended",
				 az_aggregate_text(&command->aggregate, job->arena),
				 (long long) (command->timeout_us / 1000));
	return AZ_STEP_FAILED;
}

/* Somebody else wrote first: once more from the load, or the mismatch. */
static AzStepResult
overtaken(AzCommandJob *command)
{
	AzJob	   *job = &command->job;

	if (az_merge_may_repeat(command->merge) &&
		job->restarts < job->jobs->settings.max_append_retries)
		return AZ_STEP_RESTART;
	az_merge_mismatch(&command->aggregate, command->load.book.next_sequence,
					  command->append.next_sequence, job->arena, &job->error);
	return AZ_STEP_FAILED;
}

/* Cover, the new pages as stored, next_sequence, no snapshot. */
static AzStepResult
answer(AzCommandJob *command)
{
	AzJob	   *job = &command->job;
	const PbCover *cover = command->request->command->cover;
	AzBook		book = {
		.aggregate = command->aggregate,
		.events = command->events,
		.count = command->n_events,
		.next_sequence = command->load.book.next_sequence +
		(int64_t) command->n_events
	};
	PbEventBook *events = az_book_make(&book, job->arena, &job->error);

	if (events == NULL)
		return AZ_STEP_FAILED;
	/* A book without pages still shows whose command it answers. */
	if (command->n_events == 0)
	{
		events->cover->correlation_id = cover->correlation_id;
		events->cover->ext = cover->ext;
	}
	pb_command_response_init(&command->response);
	command->response.events = events;
	job->jobs->events += command->n_events;
	return AZ_STEP_END;
}
