/*
 * The pipeline of a command: load the history, bring its events into their
 * form of today, call the business logic, append what it answered (contract
 * section 5).
 *
 * Commands of one aggregate run one after the other in the engine; only
 * writers elsewhere can overtake one, and the append finds out.  Whoever is
 * overtaken loads again: to be decided anew where the strategy allows it, or
 * else to be refused with the aggregate as it is now.
 */
#include "pipeline/command_job.h"

#include <string.h>

#include "codec/book.h"
#include "pipeline/aftermath.h"
#include "pipeline/branch.h"
#include "pipeline/commit.h"
#include "pipeline/handler.h"
#include "pipeline/history.h"
#include "pipeline/recall.h"
#include "pipeline/refusal.h"
#include "pipeline/repeat.h"
#include "pipeline/replay.h"
#include "pipeline/reply.h"
#include "pipeline/stamp.h"
#include "pipeline/upcast.h"

static AzStepResult prepare(AzJob *job);
static AzStepResult find_key(AzJob *job);
static AzStepResult take_key(AzJob *job);
static AzStepResult read_first_answer(AzJob *job);
static AzStepResult take_first_answer(AzJob *job);
static AzStepResult find_branch(AzJob *job);
static AzStepResult take_branch(AzJob *job);
static AzStepResult load_history(AzJob *job);
static AzStepResult take_history(AzJob *job);
static bool fits(AzCommandJob *command);
static AzStepResult file_refusal(AzJob *job);
static AzStepResult take_filed(AzJob *job);
static AzStepResult upcast_history(AzJob *job);
static AzStepResult take_upcast(AzJob *job);
static AzStepResult call_handler(AzJob *job);
static AzStepResult take_answer(AzJob *job);
static AzStepResult confirm_book(AzJob *job);
static AzStepResult take_confirmation(AzJob *job);
static bool stamp(AzCommandJob *command, const PbEventBook *book);
static AzStepResult append_events(AzJob *job);
static AzStepResult take_append(AzJob *job);
static AzStepResult overtaken(AzCommandJob *command);
static bool plan_aftermath(AzCommandJob *command);
static AzStepResult react(AzJob *job);
static AzStepResult take_reaction(AzJob *job);
static AzStepResult answer_new_events(AzCommandJob *command);
static void fill_book(AzCommandJob *command);
static AzStepResult answer(AzCommandJob *command, const AzBook *book);

static const AzStep steps[] = {
	{"find key", AZ_STEP_LOCAL, find_key, take_key},
	{"read first answer", AZ_STEP_LOCAL, read_first_answer, take_first_answer},
	{"find branch", AZ_STEP_LOCAL, find_branch, take_branch},
	{"load history", AZ_STEP_LOCAL, load_history, take_history},
	{"file refusal", AZ_STEP_LOCAL, file_refusal, take_filed},
	{"upcast", AZ_STEP_REMOTE, upcast_history, take_upcast},
	{"call handler", AZ_STEP_REMOTE, call_handler, take_answer},
	{"confirm book", AZ_STEP_LOCAL, confirm_book, take_confirmation},
	{"load expected", AZ_STEP_LOCAL, az_command_load_expected, az_command_take_expected},
	{"upcast expected", AZ_STEP_REMOTE, az_command_upcast_expected, az_command_take_upcast_expected},
	{"replay expected", AZ_STEP_REMOTE, az_command_call_replay, az_command_take_state},
	{"replay actual", AZ_STEP_REMOTE, az_command_call_replay, az_command_take_state},
	{"replay new", AZ_STEP_REMOTE, az_command_call_replay, az_command_take_state},
	{"merge and append", AZ_STEP_LOCAL, append_events, take_append},
	{"react", AZ_STEP_LOCAL, react, take_reaction},
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

void
az_command_set_origin(AzCommandJob *command, const AzOrigin *origin)
{
	command->origin = origin;
}

const AzAftermath *
az_command_aftermath(const AzJob *job)
{
	return &((const AzCommandJob *) job)->aftermath;
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
	const PbCover *cover;

	if (!az_validate_command(command->request, &job->jobs->settings.validation,
							 job->arena, &job->error))
		return AZ_STEP_FAILED;
	cover = command->request->command->cover;
	if (az_terms_read(&command->terms, command->request, command->origin,
					  job) &&
		az_target_find(&command->target, cover, job) &&
		plan_aftermath(command) && az_handler_correlate(job, cover))
	{
		job->aggregate = &command->target.aggregate;
		return AZ_STEP_NEXT;
	}
	return AZ_STEP_FAILED;
}

static AzStepResult
find_key(AzJob *job)
{
	AzCommandJob *command = (AzCommandJob *) job;

	command->repeat.has_key = command->terms.has_key;
	command->repeat.look.key = command->terms.key;
	command->repeat.look.aggregate = command->target.aggregate;
	return az_repeat_find(&command->repeat, job);
}

static AzStepResult
take_key(AzJob *job)
{
	return az_repeat_found(&((AzCommandJob *) job)->repeat, job);
}

static AzStepResult
read_first_answer(AzJob *job)
{
	return az_repeat_read(&((AzCommandJob *) job)->repeat, job);
}

static AzStepResult
take_first_answer(AzJob *job)
{
	AzCommandJob *command = (AzCommandJob *) job;

	if (!az_repeat_take(&command->repeat, job))
		return AZ_STEP_FAILED;
	return answer(command, &command->repeat.book);
}

static AzStepResult
find_branch(AzJob *job)
{
	AzCommandJob *command = (AzCommandJob *) job;

	return az_branch_find(&command->branch, &command->target, job);
}

static AzStepResult
take_branch(AzJob *job)
{
	AzCommandJob *command = (AzCommandJob *) job;

	return az_branch_found(&command->branch, &command->target, job);
}

/* Of an edition that begins here: what there was at the sequence expected. */
static AzStepResult
load_history(AzJob *job)
{
	AzCommandJob *command = (AzCommandJob *) job;
	AzTarget	target = command->target;

	if (!command->terms.is_deferred)
		az_branch_begin(&command->branch, command->terms.expected,
						&target.aggregate);
	az_history_fill(&command->load, &target, NULL, job);
	/* What a refusal or a comparison rests on has to be sure. */
	if (az_recall_book(&command->recall, job, &command->load) &&
		fits(command) &&
		!az_merge_needs_replay(command->terms.merge, command->terms.expected,
							   command->load.book.next_sequence))
		return AZ_STEP_NEXT;
	return az_job_wish(job, &command->load.wish, &az_load_kind);
}

static AzStepResult
take_history(AzJob *job)
{
	AzCommandJob *command = (AzCommandJob *) job;

	if (az_branch_is_lost(&command->branch, &command->load))
		return AZ_STEP_RESTART;
	if (!az_history_take(&command->load, job))
		return AZ_STEP_FAILED;
	command->load.book.aggregate = command->target.aggregate;
	az_recall_loaded(&command->recall, job, &command->load);
	return fits(command) ? AZ_STEP_NEXT : az_command_refuse(command);
}

static bool
fits(AzCommandJob *command)
{
	return !command->was_overtaken &&
		az_merge_fits(command->terms.merge, command->terms.expected,
					  command->load.book.next_sequence);
}

static AzStepResult
file_refusal(AzJob *job)
{
	AzCommandJob *command = (AzCommandJob *) job;

	return az_refusal_file(&command->refusal, job, &command->target,
						   command->request->command);
}

static AzStepResult
take_filed(AzJob *job)
{
	return az_refusal_filed(&((AzCommandJob *) job)->refusal, job);
}

static AzStepResult
upcast_history(AzJob *job)
{
	AzCommandJob *command = (AzCommandJob *) job;

	command->history = az_book_make(&command->load.book, job->arena,
									&job->error);
	if (command->history == NULL)
		return AZ_STEP_FAILED;
	return az_upcast_start(&command->upcast, job, command->history);
}

static AzStepResult
take_upcast(AzJob *job)
{
	return az_upcast_finish(&((AzCommandJob *) job)->upcast, job);
}

static AzStepResult
call_handler(AzJob *job)
{
	AzCommandJob *command = (AzCommandJob *) job;

	return az_handler_decide(job, &command->target, command->history,
							 command->request->command);
}

static AzStepResult
take_answer(AzJob *job)
{
	AzCommandJob *command = (AzCommandJob *) job;
	const PbEventBook *book;
	bool		is_fine = az_handler_decided(job, &command->target, &book) &&
	stamp(command, book);

	return az_recall_answered(&command->recall, job,
							  is_fine ? AZ_STEP_NEXT : AZ_STEP_FAILED);
}

static AzStepResult
confirm_book(AzJob *job)
{
	AzCommandJob *command = (AzCommandJob *) job;

	return az_recall_confirm(&command->recall, job, &command->load,
							 command->n_events > 0);
}

static AzStepResult
take_confirmation(AzJob *job)
{
	return az_recall_confirmed(&((AzCommandJob *) job)->recall, job);
}

static bool
stamp(AzCommandJob *command, const PbEventBook *book)
{
	AzJob	   *job = &command->job;
	const PbCover *cover = command->request->command->cover;
	AzStamp		stamp = {
		.aggregate = command->target.aggregate,
		.next_sequence = command->load.book.next_sequence,
		.correlation_id = cover->correlation_id,
		.ext = cover->ext,
		.cause = command->terms.cause,
		.isolated = command->terms.is_isolated,
		.depth = command->terms.depth,
		.limits = &job->jobs->settings.validation
	};

	return az_stamp_events(&stamp, book, &command->events,
						   &command->n_events, job->arena, &job->error) &&
		az_stamp_snapshot(&stamp, book, &command->load.book, command->events,
						  command->n_events, &command->snapshot, job->arena,
						  &job->error);
}

static AzStepResult
append_events(AzJob *job)
{
	AzCommandJob *command = (AzCommandJob *) job;
	AzAppendWish *append = &command->commit.append;

	append->aggregate = command->target.aggregate;
	append->events = command->events;
	append->count = command->n_events;
	append->key = command->terms.has_key ? &command->terms.key : NULL;
	append->snapshot = command->snapshot;
	append->begins = az_branch_is_new(&command->branch);
	append->seen = az_recall_seen(&command->recall, &command->load);
	if (az_commit_is_empty(&command->commit))
		return answer_new_events(command);
	append->reservations = az_aftermath_reserve(&command->aftermath, job,
												command->events,
												command->n_events);
	append->n_reservations = append->reservations != NULL ?
		command->aftermath.count : 0;
	return az_commit_start(&command->commit, job);
}

static AzStepResult
take_append(AzJob *job)
{
	AzCommandJob *command = (AzCommandJob *) job;

	switch (az_commit_finish(&command->commit, job, &command->target))
	{
		case AZ_COMMIT_DONE:
			return AZ_STEP_NEXT;
		case AZ_COMMIT_OVERTAKEN:
			return az_recall_is_to_blame(&command->recall) ?
				AZ_STEP_RESTART : overtaken(command);
		case AZ_COMMIT_REPEATED:
			return AZ_STEP_RESTART;
		case AZ_COMMIT_PARKED:
			return AZ_STEP_AGAIN;
		default:
			return AZ_STEP_FAILED;
	}
}

/*
 * What it was decided on is no longer so.  Refused, it expects what it said,
 * or what it was decided on when it did not say.
 */
static AzStepResult
overtaken(AzCommandJob *command)
{
	AzJob	   *job = &command->job;

	if (!az_merge_may_repeat(command->terms.merge) ||
		job->restarts - command->recall.restarts >=
		job->jobs->settings.max_append_retries)
	{
		command->was_overtaken = true;
		if (command->terms.merge == AZ_MERGE_AGGREGATE_HANDLES)
			command->terms.expected = command->load.book.next_sequence;
	}
	return AZ_STEP_RESTART;
}

/* Who is to be waited for; what it causes in turn is told of it. */
static bool
plan_aftermath(AzCommandJob *command)
{
	AzCascade  *cascade = &command->aftermath.cascade;

	cascade->sync_mode = command->terms.sync_mode;
	cascade->error_mode = command->request->cascade_error_mode;
	cascade->above = command->origin != NULL ? command->origin->above : NULL;
	return az_aftermath_plan(&command->aftermath, &command->job, &command->target);
}

static AzStepResult
react(AzJob *job)
{
	AzCommandJob *command = (AzCommandJob *) job;
	AzStepResult result;

	fill_book(command);
	result = az_aftermath_start(&command->aftermath, job, &command->book);

	return result == AZ_STEP_NEXT ? answer_new_events(command) : result;
}

static AzStepResult
take_reaction(AzJob *job)
{
	return az_aftermath_take(&((AzCommandJob *) job)->aftermath, job);
}

/* A client is told of the failure; who caused it asks for it. */
static AzStepResult
answer_new_events(AzCommandJob *command)
{
	fill_book(command);
	if (command->aftermath.failure.code == AZ_OK || command->origin != NULL)
		return answer(command, &command->book);
	az_aftermath_tell(&command->aftermath, &command->job, &command->book);
	return AZ_STEP_FAILED;
}

static void
fill_book(AzCommandJob *command)
{
	AzBook	   *book = &command->book;

	book->aggregate = command->target.aggregate;
	book->events = command->events;
	book->count = command->n_events;
	book->next_sequence = command->load.book.next_sequence +
		(int64_t) command->n_events;
}

/* Cover, the new pages as stored, next_sequence, no snapshot. */
static AzStepResult
answer(AzCommandJob *command, const AzBook *book)
{
	AzJob	   *job = &command->job;
	PbEventBook *events = az_reply_events(book,
										  command->request->command->cover,
										  job);

	if (events == NULL)
		return AZ_STEP_FAILED;
	pb_command_response_init(&command->response);
	command->response.events = events;
	command->response.projections = command->aftermath.projections;
	command->response.n_projections = command->aftermath.n_projections;
	command->response.reaction_errors = command->aftermath.errors;
	command->response.n_reaction_errors = command->aftermath.n_errors;
	return AZ_STEP_END;
}
