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
static AzStepResult take_first_answer(AzJob *job);
static AzStepResult load_history(AzJob *job);
static AzStepResult take_history(AzJob *job);
static bool fits(AzCommandJob *command);
static AzStepResult file_refusal(AzJob *job);
static AzStepResult take_filed(AzJob *job);
static AzStepResult call_handler(AzJob *job);
static AzStepResult take_answer(AzJob *job);
static AzStepResult confirm_book(AzJob *job);
static AzStepResult take_confirmation(AzJob *job);
static AzStepResult append_events(AzJob *job);
static AzStepResult take_append(AzJob *job);
static AzStepResult overtaken(AzCommandJob *command);
static AzStepResult react(AzJob *job);
static AzStepResult answer_new_events(AzCommandJob *command);
static AzStepResult answer(AzCommandJob *command, const AzBook *book);

static const AzStep steps[] = {
	{"find key", AZ_STEP_LOCAL, az_writer_find_key, az_writer_take_key},
	{"read first answer", AZ_STEP_LOCAL, az_writer_read_first, take_first_answer},
	{"find branch", AZ_STEP_LOCAL, az_writer_find_branch, az_writer_take_branch},
	{"load history", AZ_STEP_LOCAL, load_history, take_history},
	{"file refusal", AZ_STEP_LOCAL, file_refusal, take_filed},
	{"upcast", AZ_STEP_REMOTE, az_writer_upcast, az_writer_take_upcast},
	{"call handler", AZ_STEP_REMOTE, call_handler, take_answer},
	{"confirm book", AZ_STEP_LOCAL, confirm_book, take_confirmation},
	{"load expected", AZ_STEP_LOCAL, az_command_load_expected, az_command_take_expected},
	{"upcast expected", AZ_STEP_REMOTE, az_command_upcast_expected, az_command_take_upcast_expected},
	{"replay expected", AZ_STEP_REMOTE, az_command_call_replay, az_command_take_state},
	{"replay actual", AZ_STEP_REMOTE, az_command_call_replay, az_command_take_state},
	{"replay new", AZ_STEP_REMOTE, az_command_call_replay, az_command_take_state},
	{"merge and append", AZ_STEP_LOCAL, append_events, take_append},
	{"react", AZ_STEP_LOCAL, react, az_writer_take_reaction},
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
	return &command->writer.job;
}

void
az_command_set_request(AzCommandJob *command, PbCommandRequest *request)
{
	command->request = request;
}

void
az_command_set_origin(AzCommandJob *command, const AzOrigin *origin)
{
	command->writer.origin = origin;
}

const AzAftermath *
az_command_aftermath(const AzJob *job)
{
	return &((const AzCommandJob *) job)->writer.aftermath;
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
	if (az_terms_read(&command->writer.terms, command->request, command->writer.origin,
					  job) &&
		az_target_find(&command->writer.target, cover, job) &&
		az_writer_plan(&command->writer,
					   command->request->cascade_error_mode) && az_handler_correlate(job, cover))
	{
		job->aggregate = &command->writer.target.aggregate;
		return AZ_STEP_NEXT;
	}
	return AZ_STEP_FAILED;
}

static AzStepResult
take_first_answer(AzJob *job)
{
	AzCommandJob *command = (AzCommandJob *) job;

	if (!az_repeat_take(&command->writer.repeat, job))
		return AZ_STEP_FAILED;
	return answer(command, &command->writer.repeat.book);
}

/* Of an edition that begins here: what there was at the sequence expected. */
static AzStepResult
load_history(AzJob *job)
{
	AzCommandJob *command = (AzCommandJob *) job;
	AzTarget	target = command->writer.target;

	if (!command->writer.terms.is_deferred)
		az_branch_begin(&command->writer.branch, command->writer.terms.expected,
						&target.aggregate);
	az_history_fill(&command->writer.load, &target, NULL, job);
	/* What a refusal or a comparison rests on has to be sure. */
	if (az_recall_book(&command->recall, job, &command->writer.load) &&
		fits(command) &&
		!az_merge_needs_replay(command->writer.terms.merge, command->writer.terms.expected,
							   command->writer.load.book.next_sequence))
		return AZ_STEP_NEXT;
	return az_job_wish(job, &command->writer.load.wish, &az_load_kind);
}

static AzStepResult
take_history(AzJob *job)
{
	AzCommandJob *command = (AzCommandJob *) job;

	if (az_branch_is_lost(&command->writer.branch, &command->writer.load))
		return AZ_STEP_RESTART;
	if (!az_history_take(&command->writer.load, job))
		return AZ_STEP_FAILED;
	command->writer.load.book.aggregate = command->writer.target.aggregate;
	az_recall_loaded(&command->recall, job, &command->writer.load);
	return fits(command) ? AZ_STEP_NEXT : az_command_refuse(command);
}

static bool
fits(AzCommandJob *command)
{
	return !command->was_overtaken &&
		az_merge_fits(command->writer.terms.merge, command->writer.terms.expected,
					  command->writer.load.book.next_sequence);
}

static AzStepResult
file_refusal(AzJob *job)
{
	AzCommandJob *command = (AzCommandJob *) job;

	return az_refusal_file(&command->refusal, job, &command->writer.target,
						   command->request->command);
}

static AzStepResult
take_filed(AzJob *job)
{
	return az_refusal_filed(&((AzCommandJob *) job)->refusal, job);
}

static AzStepResult
call_handler(AzJob *job)
{
	AzCommandJob *command = (AzCommandJob *) job;

	return az_handler_decide(job, &command->writer.target, command->writer.history,
							 command->request->command);
}

static AzStepResult
take_answer(AzJob *job)
{
	AzCommandJob *command = (AzCommandJob *) job;
	const PbEventBook *book;
	bool		is_fine = az_handler_decided(job, &command->writer.target, &book) &&
	az_writer_stamp(&command->writer, command->request->command->cover, book);

	return az_recall_answered(&command->recall, job,
							  is_fine ? AZ_STEP_NEXT : AZ_STEP_FAILED);
}

static AzStepResult
confirm_book(AzJob *job)
{
	AzCommandJob *command = (AzCommandJob *) job;

	return az_recall_confirm(&command->recall, job, &command->writer.load,
							 command->writer.n_events > 0);
}

static AzStepResult
take_confirmation(AzJob *job)
{
	return az_recall_confirmed(&((AzCommandJob *) job)->recall, job);
}

static AzStepResult
append_events(AzJob *job)
{
	AzCommandJob *command = (AzCommandJob *) job;
	AzCommit   *commit = &command->writer.commit;

	az_writer_fill_append(&command->writer);
	commit->append.seen = az_recall_seen(&command->recall,
										 &command->writer.load);
	return az_commit_is_empty(commit) ? answer_new_events(command) :
		az_writer_append(&command->writer);
}

static AzStepResult
take_append(AzJob *job)
{
	AzCommandJob *command = (AzCommandJob *) job;
	AzCommitOutcome outcome = az_commit_finish(&command->writer.commit, job,
											   &command->writer.target);

	return outcome == AZ_COMMIT_OVERTAKEN &&
		!az_recall_is_to_blame(&command->recall) ?
		overtaken(command) : az_commit_result(outcome);
}

/*
 * What it was decided on is no longer so.  Refused, it expects what it said,
 * or what it was decided on when it did not say.
 */
static AzStepResult
overtaken(AzCommandJob *command)
{
	AzJob	   *job = &command->writer.job;

	if (!az_merge_may_repeat(command->writer.terms.merge) ||
		job->restarts - command->recall.restarts >=
		job->jobs->settings.max_append_retries)
	{
		command->was_overtaken = true;
		if (command->writer.terms.merge == AZ_MERGE_AGGREGATE_HANDLES)
			command->writer.terms.expected = command->writer.load.book.next_sequence;
	}
	return AZ_STEP_RESTART;
}

static AzStepResult
react(AzJob *job)
{
	AzStepResult result = az_writer_react(job);

	return result == AZ_STEP_NEXT ?
		answer_new_events((AzCommandJob *) job) : result;
}

static AzStepResult
answer_new_events(AzCommandJob *command)
{
	return az_writer_end(&command->writer) ?
		answer(command, &command->writer.book) : AZ_STEP_FAILED;
}

/* Cover, the new pages as stored, next_sequence, no snapshot. */
static AzStepResult
answer(AzCommandJob *command, const AzBook *book)
{
	AzJob	   *job = &command->writer.job;
	PbEventBook *events = az_reply_events(book,
										  command->request->command->cover,
										  job);

	if (events == NULL)
		return AZ_STEP_FAILED;
	pb_command_response_init(&command->response);
	command->response.events = events;
	command->response.projections = command->writer.aftermath.projections;
	command->response.n_projections = command->writer.aftermath.n_projections;
	command->response.reaction_errors = command->writer.aftermath.errors;
	command->response.n_reaction_errors = command->writer.aftermath.n_errors;
	return AZ_STEP_END;
}
