/*
 * Whether a stale command can be merged.
 *
 * "Then" is the history that the command expects, "now" the one it met and
 * was decided on.  What changed from then to now and what the command changes
 * must have no field in common.  Then is a piece of now, unless now begins
 * with a snapshot that is too late for it; only then it is loaded.
 */
#include "pipeline/replay.h"

#include <string.h>

#include "codec/book.h"
#include "codec/details.h"
#include "pipeline/handler.h"

#define MAX_TEXT 800			/* bytes of a status message that we say again */

static bool is_due(const AzReplay *replay);
static bool cut_then(AzReplay *replay);
static bool cut_before(AzReplay *replay, AzJob *job);
static bool make_request(const AzReplay *replay, PbReplayRequest *request,
						 AzJob *job);
static bool add_new_pages(const AzReplay *replay, PbReplayRequest *request,
						  AzJob *job);
static AzStepResult refuse(AzReplay *replay);
static AzStepResult take_failure(AzReplay *replay, AzJob *job);
static AzStepResult compare(AzReplay *replay, AzJob *job);
static const char *name_fields(const AzReplay *replay,
							   const AzFieldSet *fields, AzJob *job);
static AzStepResult malformed(const AzReplay *replay, AzJob *job,
							  const AzError *why);

AzStepResult
az_replay_load(AzReplay *replay, AzJob *job)
{
	AzLoadWish *load = &replay->load;

	if (!is_due(replay) || cut_then(replay))
		return AZ_STEP_NEXT;
	load->aggregate = replay->now->aggregate;
	load->use_snapshot = replay->target->send_snapshots;
	load->lower = 0;
	load->upper = replay->expected - 1;
	load->max_bytes = job->jobs->settings.max_message_bytes;
	return az_job_wish(job, &load->wish, &az_load_kind);
}

AzStepResult
az_replay_loaded(AzReplay *replay, AzJob *job)
{
	if (replay->load.wish.outcome != AZ_WISH_FULFILLED)
	{
		job->error = replay->load.wish.error;
		return AZ_STEP_FAILED;
	}
	replay->then = replay->load.book;
	replay->was_loaded = true;
	/* A stream may begin with a snapshot, its events being elsewhere. */
	return replay->then.next_sequence == replay->expected ?
		AZ_STEP_NEXT : refuse(replay);
}

AzStepResult
az_replay_upcast(AzReplay *replay, AzJob *job)
{
	if (!is_due(replay))
		return AZ_STEP_NEXT;
	if (!replay->was_loaded)
		return cut_before(replay, job) ? AZ_STEP_NEXT : AZ_STEP_FAILED;
	replay->before = az_book_make(&replay->then, job->arena, &job->error);
	if (replay->before == NULL)
		return AZ_STEP_FAILED;
	return az_upcast_start(&replay->upcast, job, replay->before);
}

AzStepResult
az_replay_upcasted(AzReplay *replay, AzJob *job)
{
	return az_upcast_finish(&replay->upcast, job);
}

AzStepResult
az_replay_call(AzReplay *replay, AzJob *job)
{
	PbReplayRequest request = PB_REPLAY_REQUEST_INIT;

	if (!is_due(replay))
		return AZ_STEP_NEXT;
	if (!make_request(replay, &request, job))
		return AZ_STEP_FAILED;
	return az_handler_call(job, replay->target, AZ_HANDLER_SERVICE "Replay",
						   &request);
}

AzStepResult
az_replay_answered(AzReplay *replay, AzJob *job)
{
	const PbReplayResponse *response;
	AzState    *state = &replay->states[replay->n_states];

	if (job->status.code != AZ_OK)
		return take_failure(replay, job);
	response = az_handler_answer(job, replay->target,
								 &pb_replay_response_descriptor);
	if (response == NULL)
		return AZ_STEP_FAILED;
	if (response->state != NULL)
	{
		state->type_url = response->state->type_url;
		state->bytes.data = response->state->value.data;
		state->bytes.len = response->state->value.len;
	}
	replay->n_states++;
	return replay->n_states < 3 ? AZ_STEP_NEXT : compare(replay, job);
}

/* Only events of a stale command need to be compared. */
static bool
is_due(const AzReplay *replay)
{
	return replay->count > 0 &&
		az_merge_needs_replay(replay->merge, replay->expected,
							  replay->now->next_sequence);
}

/* What is before the expected sequence; false when now does not hold it. */
static bool
cut_then(AzReplay *replay)
{
	const AzBook *now = replay->now;
	AzBook	   *then = &replay->then;

	*then = *now;
	then->count = 0;
	then->next_sequence = replay->expected;
	if (replay->expected == 0)
		then->snapshot = NULL;
	if (then->snapshot != NULL &&
		then->snapshot->sequence >= replay->expected)
		return false;
	while (then->count < now->count &&
		   now->events[then->count].sequence < replay->expected)
		then->count++;
	return true;
}

/* The same piece of what business logic was given. */
static bool
cut_before(AzReplay *replay, AzJob *job)
{
	replay->before = az_arena_alloc(job->arena, sizeof(PbEventBook));
	if (replay->before == NULL)
		return az_error_out_of_memory(&job->error);
	*replay->before = *replay->history;
	replay->before->n_pages = replay->then.count;
	if (replay->then.snapshot == NULL)
		replay->before->snapshot = NULL;
	return true;
}

/* Of the three calls the first is about then, the others about now. */
static bool
make_request(const AzReplay *replay, PbReplayRequest *request, AzJob *job)
{
	const PbEventBook *message = replay->n_states == 0 ?
	replay->before : replay->history;

	request->base_snapshot = message->snapshot;
	request->events = message->pages;
	request->n_events = message->n_pages;
	return replay->n_states < 2 || add_new_pages(replay, request, job);
}

static bool
add_new_pages(const AzReplay *replay, PbReplayRequest *request, AzJob *job)
{
	size_t		loaded = request->n_events;
	PbEventPage **pages = az_arena_array(job->arena, loaded + replay->count,
										 sizeof(PbEventPage *));

	if (pages == NULL)
		return az_error_out_of_memory(&job->error);
	if (loaded > 0)
		memcpy(pages, request->events, loaded * sizeof(PbEventPage *));
	for (size_t i = 0; i < replay->count; i++)
	{
		pages[loaded + i] = az_page_make(&replay->events[i], job->arena,
										 &job->error);
		if (pages[loaded + i] == NULL)
			return false;
	}
	request->events = pages;
	request->n_events = loaded + replay->count;
	return true;
}

static AzStepResult
refuse(AzReplay *replay)
{
	replay->is_refused = true;
	return AZ_STEP_FAILED;
}

/* No Replay: nobody can tell what changed.  Else it is no rejection. */
static AzStepResult
take_failure(AzReplay *replay, AzJob *job)
{
	const AzError *status = &job->status;
	bool		is_ours = strcmp(status->sqlstate,
								 AZ_SQLSTATE_UNREACHABLE) == 0;

	if (status->code == AZ_UNIMPLEMENTED)
		return refuse(replay);
	az_error_set(&job->error, job->arena, status->code,
				 "Replay by business logic of domain \"%s\" at %s: %.*s",
				 replay->target->aggregate.domain, replay->target->address,
				 MAX_TEXT, status->message);
	memcpy(job->error.sqlstate, is_ours ? AZ_SQLSTATE_UNREACHABLE
		   : AZ_SQLSTATE_REJECTED, 6);
	job->error.details = status->details;
	az_details_rename(&job->error, job->arena);
	return AZ_STEP_FAILED;
}

static AzStepResult
compare(AzReplay *replay, AzJob *job)
{
	const AzState *states = replay->states;
	AzFieldSet	theirs;
	AzFieldSet	ours;
	AzFieldSet	both;
	AzError		why = {0};

	if (!az_fields_compare(&states[0], &states[1], &theirs, job->arena, &why) ||
		!az_fields_compare(&states[1], &states[2], &ours, job->arena, &why))
		return malformed(replay, job, &why);
	if (!az_fields_meet(&theirs, &ours, &both, job->arena, &job->error))
		return AZ_STEP_FAILED;
	if (az_fields_is_empty(&both))
		return AZ_STEP_NEXT;
	replay->overlap = name_fields(replay, &both, job);
	if (replay->overlap != NULL)
		return refuse(replay);
	az_error_out_of_memory(&job->error);
	return AZ_STEP_FAILED;
}

/* By the names of the newest type, where somebody registered it. */
static const char *
name_fields(const AzReplay *replay, const AzFieldSet *fields, AzJob *job)
{
	const AzTypes *types = az_catalog_types(job->jobs->catalog);
	const char **names = az_arena_array(job->arena, fields->count + 1,
										sizeof(char *));
	const char *type_url = NULL;

	for (int i = 0; i < 3; i++)
		if (replay->states[i].type_url != NULL)
			type_url = replay->states[i].type_url;
	if (names == NULL)
		return NULL;
	for (size_t i = 0; types != NULL && i < fields->count; i++)
		names[i] = az_types_field_name(types, az_type_name(type_url),
									   fields->numbers[i]);
	return az_fields_text(fields, names, job->arena);
}

static AzStepResult
malformed(const AzReplay *replay, AzJob *job, const AzError *why)
{
	job->error = *why;
	if (why->code == AZ_INVALID_ARGUMENT)
		az_error_set(&job->error, job->arena, AZ_INTERNAL,
					 "business logic of domain \"%s\" at %s answered Replay with a state that does not decode: %s",
					 replay->target->aggregate.domain,
					 replay->target->address, why->message);
	return AZ_STEP_FAILED;
}
