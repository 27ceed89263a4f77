/*
 * The pipeline of an obligation: one attempt to deliver a row of the outbox,
 * and what follows, recorded in the transaction that closes the row.
 *
 * A crash anywhere before that transaction repeats the attempt: the target
 * answers a repeat with its first answer, and the event of a failed
 * compensation has a key, so what follows is the same and is there once.
 */
#include "pipeline/obligation.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "codec/book.h"
#include "codec/decode.h"
#include "pipeline/branch.h"
#include "pipeline/commit.h"
#include "pipeline/compensation.h"
#include "pipeline/consequence.h"
#include "pipeline/failure.h"
#include "pipeline/handback.h"
#include "pipeline/provenance.h"
#include "pipeline/settle.h"

typedef struct AzObligationJob
{
	AzJob		job;			/* must come first */
	AzOutboxEntry entry;
	AzDelivered delivered;
	bool		is_handback;	/* to a process manager */
	PbCommandRequest request;
	AzError		failure;		/* of the attempt, or OK */
	const PbBusinessResponse *answer;	/* NULL: none */

	/* The event of a failed compensation. */
	AzTarget	target;
	AzBranch	branch;
	AzEvent		event;
	AzKey		key;
	AzCommit	commit;

	AzOutboxRow row;
	AzDeadLetter letter;
	AzObligationWish settled;
	AzPostponeWish postponed;
} AzObligationJob;

static AzStepResult prepare(AzJob *job);
static bool copy_entry(AzObligationJob *obligation,
					   const AzOutboxEntry *entry);
static bool open_envelope(AzObligationJob *obligation, AzError *error);
static AzStepResult deliver(AzJob *job);
static AzStepResult take_delivered(AzJob *job);
static bool keep_answer(AzObligationJob *obligation,
						const PbBusinessResponse *answer);
static const PbRevocationResponse *revocation_of(const AzObligationJob *obligation);
static bool has_event(const AzObligationJob *obligation);
static AzStepResult find_branch(AzJob *job);
static AzStepResult take_branch(AzJob *job);
static AzStepResult append_event(AzJob *job);
static AzStepResult take_append(AzJob *job);
static AzStepResult record(AzJob *job);
static AzStepResult take_recorded(AzJob *job);
static bool is_given_up(const AzObligationJob *obligation);
static AzStepResult postpone(AzObligationJob *obligation);
static AzStepResult settle(AzObligationJob *obligation);
static bool follow_up(AzObligationJob *obligation);
static void tell_operators(const AzObligationJob *obligation);

static const AzStep steps[] = {
	{"deliver", AZ_STEP_REMOTE, deliver, take_delivered},
	{"find branch", AZ_STEP_LOCAL, find_branch, take_branch},
	{"append event", AZ_STEP_LOCAL, append_event, take_append},
	{"record", AZ_STEP_LOCAL, record, take_recorded},
	{NULL}
};

const AzPipeline az_obligation_pipeline = {"obligation", prepare, steps};

AzJob *
az_obligation_create(AzJobs *jobs, const AzOutboxEntry *entry, AzError *error)
{
	AzJob	   *job = az_job_create(jobs, &az_obligation_pipeline,
									sizeof(AzObligationJob), error);

	if (job == NULL)
		return NULL;
	if (copy_entry((AzObligationJob *) job, entry))
		return job;
	az_job_cancel(job);
	az_error_out_of_memory(error);
	return NULL;
}

const char *
az_obligation_abort(const AzJob *job)
{
	const PbRevocationResponse *revocation =
	revocation_of((const AzObligationJob *) job);

	return revocation != NULL && revocation->abort ?
		revocation->reason : NULL;
}

static bool
copy_entry(AzObligationJob *obligation, const AzOutboxEntry *entry)
{
	AzArena    *arena = obligation->job.arena;
	AzOutboxRow *row = &obligation->entry.row;

	obligation->entry = *entry;
	row->kind = az_arena_string(arena, entry->row.kind);
	row->component = az_arena_string(arena, entry->row.component);
	row->target.domain = az_arena_string(arena, entry->row.target.domain);
	row->target.edition = az_arena_string(arena, entry->row.target.edition);
	return row->kind != NULL && row->component != NULL &&
		row->target.domain != NULL && row->target.edition != NULL &&
		az_arena_copy(arena, entry->row.envelope, &row->envelope);
}

/* What does not open fails like a delivery: a letter tells of it in the end. */
static AzStepResult
prepare(AzJob *job)
{
	AzObligationJob *obligation = (AzObligationJob *) job;
	AzDelivered *delivered = &obligation->delivered;
	AzBytes		no_ext = {NULL, 0};

	delivered->entry = &obligation->entry;
	delivered->attempts = obligation->entry.attempts + 1;
	if (open_envelope(obligation, &obligation->failure))
		return AZ_STEP_NEXT;
	memset(&delivered->notice, 0, sizeof(delivered->notice));
	delivered->envelope = az_arena_alloc(job->arena, sizeof(PbCommandBook));
	if (delivered->envelope == NULL)
	{
		az_error_out_of_memory(&job->error);
		return AZ_STEP_FAILED;
	}
	pb_command_book_init(delivered->envelope);
	delivered->envelope->cover = az_cover_make(&obligation->entry.row.target,
											   "", no_ext, job->arena,
											   &job->error);
	return delivered->envelope->cover != NULL ?
		AZ_STEP_NEXT : AZ_STEP_FAILED;
}

static bool
open_envelope(AzObligationJob *obligation, AzError *error)
{
	AzJob	   *job = &obligation->job;
	AzDelivered *delivered = &obligation->delivered;
	AzValidationLimits limits = job->jobs->settings.validation;

	limits.max_payload_bytes = SIZE_MAX;
	pb_command_request_init(&obligation->request);
	delivered->envelope = az_decode(&pb_command_book_descriptor,
									obligation->entry.row.envelope,
									job->arena, error);
	obligation->request.command = delivered->envelope;
	return delivered->envelope != NULL &&
		az_validate_command(&obligation->request, &limits, job->arena,
							error) &&
		az_notification_open(delivered->envelope, &delivered->notice,
							 job->arena, error);
}

static AzStepResult
deliver(AzJob *job)
{
	AzObligationJob *obligation = (AzObligationJob *) job;
	AzCompensationJob *child;
	const AzComponent *process = az_handback_process(&obligation->delivered,
													 job);
	bool		is_forwarded = strcmp(obligation->entry.row.kind,
									  AZ_OUTBOX_NOTIFICATION) == 0;

	if (obligation->failure.code != AZ_OK)
		return AZ_STEP_NEXT;
	obligation->is_handback = process != NULL;
	if (process != NULL)
		return az_handback_start(&obligation->delivered, process, job);
	child = az_compensation_create(job->jobs, &job->error);
	if (child == NULL)
		return AZ_STEP_FAILED;
	az_compensation_set_request(child, &obligation->request);
	az_compensation_set_own(child, is_forwarded, obligation->entry.row.depth);
	return az_job_run(job, az_compensation_job(child));
}

/* The child goes: what is used of it has to be copied. */
static AzStepResult
take_delivered(AzJob *job)
{
	AzObligationJob *obligation = (AzObligationJob *) job;
	const AzError *ended = &job->ended->error;

	/* What follows from a process's answer, its reaction has recorded. */
	if (ended->code == AZ_OK && obligation->is_handback)
		return AZ_STEP_NEXT;
	if (ended->code == AZ_OK)
		return keep_answer(obligation,
						   az_compensation_response(job->ended)) ?
			AZ_STEP_NEXT : AZ_STEP_FAILED;
	if (az_error_copy(&obligation->failure, ended, job->arena))
		return AZ_STEP_NEXT;
	az_error_out_of_memory(&job->error);
	return AZ_STEP_FAILED;
}

/* Of events nothing follows here. */
static bool
keep_answer(AzObligationJob *obligation, const PbBusinessResponse *answer)
{
	AzJob	   *job = &obligation->job;

	if (answer->result_case == PB_BUSINESS_RESPONSE_EVENTS)
		return true;
	obligation->answer = az_message_copy(answer, job->arena, &job->error);
	return obligation->answer != NULL;
}

static const PbRevocationResponse *
revocation_of(const AzObligationJob *obligation)
{
	const PbBusinessResponse *answer = obligation->answer;

	return answer != NULL &&
		answer->result_case == PB_BUSINESS_RESPONSE_REVOCATION ?
		answer->revocation : NULL;
}

static bool
has_event(const AzObligationJob *obligation)
{
	const PbRevocationResponse *revocation = revocation_of(obligation);

	return revocation != NULL && revocation->emit_system_revocation;
}

static AzStepResult
find_branch(AzJob *job)
{
	AzObligationJob *obligation = (AzObligationJob *) job;

	if (!has_event(obligation))
		return AZ_STEP_NEXT;
	if (!az_consequence_event(&obligation->event,
							  &obligation->target.aggregate,
							  &obligation->delivered,
							  revocation_of(obligation), job) ||
		!az_provenance_key(obligation->delivered.notice.provenance,
						   az_notice_key_kind(&obligation->delivered.notice,
											  false),
						   "header.angzarr_deferred", &obligation->key,
						   job->arena, &job->error))
		return AZ_STEP_FAILED;
	obligation->target.timeout_us = job->jobs->settings.call_timeout_us;
	return az_branch_find(&obligation->branch, &obligation->target, job);
}

static AzStepResult
take_branch(AzJob *job)
{
	AzObligationJob *obligation = (AzObligationJob *) job;
	AzStepResult result = az_branch_found(&obligation->branch,
										  &obligation->target, job);

	obligation->event.sequence = obligation->branch.look.next_sequence;
	return result;
}

/* Where the stream ends is not loaded: an append that misses it is told. */
static AzStepResult
append_event(AzJob *job)
{
	AzObligationJob *obligation = (AzObligationJob *) job;
	AzAppendWish *append = &obligation->commit.append;

	if (!has_event(obligation))
		return AZ_STEP_NEXT;
	append->aggregate = obligation->target.aggregate;
	append->events = &obligation->event;
	append->count = 1;
	append->key = &obligation->key;
	append->begins = az_branch_is_new(&obligation->branch);
	return az_commit_start(&obligation->commit, job);
}

static AzStepResult
take_append(AzJob *job)
{
	AzObligationJob *obligation = (AzObligationJob *) job;
	const AzAppendWish *append = &obligation->commit.append;

	switch (az_commit_finish(&obligation->commit, job, &obligation->target))
	{
		case AZ_COMMIT_DONE:
		case AZ_COMMIT_REPEATED:
			return AZ_STEP_NEXT;
		case AZ_COMMIT_OVERTAKEN:
			if (append->lost)
				return AZ_STEP_RESTART;
			if (append->next_sequence >= 0)
				obligation->event.sequence = append->next_sequence;
			return AZ_STEP_AGAIN;
		case AZ_COMMIT_PARKED:
			return AZ_STEP_AGAIN;
		default:
			return AZ_STEP_FAILED;
	}
}

static AzStepResult
record(AzJob *job)
{
	AzObligationJob *obligation = (AzObligationJob *) job;

	if (obligation->failure.code != AZ_OK && !is_given_up(obligation))
		return postpone(obligation);
	return settle(obligation);
}

static AzStepResult
take_recorded(AzJob *job)
{
	AzObligationJob *obligation = (AzObligationJob *) job;
	const AzWish *postponed = &obligation->postponed.wish;
	AzStepResult result;

	if (obligation->failure.code != AZ_OK && !is_given_up(obligation))
	{
		job->error = postponed->error;
		return postponed->outcome == AZ_WISH_FULFILLED ?
			AZ_STEP_END : AZ_STEP_FAILED;
	}
	result = az_settle_finish(&obligation->settled, job);
	if (result == AZ_STEP_NEXT)
		tell_operators(obligation);
	return result == AZ_STEP_NEXT ? AZ_STEP_END : result;
}

/*
 * Business logic that has no such method will not get one by being asked
 * again; somebody on the way to it who says so may be gone next time.
 */
static bool
is_given_up(const AzObligationJob *obligation)
{
	const AzError *failure = &obligation->failure;
	bool		has_no_method = failure->code == AZ_UNIMPLEMENTED &&
	strcmp(failure->sqlstate, AZ_SQLSTATE_UNREACHABLE) != 0;

	return has_no_method || obligation->delivered.attempts >=
		obligation->job.jobs->settings.outbox_max_attempts;
}

static AzStepResult
postpone(AzObligationJob *obligation)
{
	AzJob	   *job = &obligation->job;
	AzPostponeWish *wish = &obligation->postponed;

	wish->id = obligation->entry.id;
	wish->attempts = obligation->delivered.attempts;
	wish->last_error = obligation->failure.message;
	wish->next_attempt_us = az_clock_wall_us() +
		az_failure_delay_us(&job->jobs->settings, wish->attempts);
	return az_job_wish(job, &wish->wish, &az_postpone_kind);
}

static AzStepResult
settle(AzObligationJob *obligation)
{
	AzObligationWish *wish = &obligation->settled;

	wish->rows = &obligation->row;
	wish->letters = &obligation->letter;
	wish->n_rows = 0;
	wish->n_letters = 0;
	wish->closed = obligation->entry.id;
	if (!follow_up(obligation))
		return AZ_STEP_FAILED;
	return az_settle_start(wish, &obligation->job);
}

static bool
follow_up(AzObligationJob *obligation)
{
	AzJob	   *job = &obligation->job;
	AzObligationWish *wish = &obligation->settled;
	const AzDelivered *delivered = &obligation->delivered;
	const PbRevocationResponse *revocation = revocation_of(obligation);

	wish->n_letters = 1;
	if (obligation->failure.code != AZ_OK)
		return az_consequence_give_up(&obligation->letter, delivered,
									  &obligation->failure, job);
	if (revocation != NULL && revocation->send_to_dead_letter_queue)
		return az_consequence_letter(&obligation->letter, delivered,
									 revocation, job);
	wish->n_letters = 0;
	if (obligation->answer == NULL || obligation->answer->result_case !=
		PB_BUSINESS_RESPONSE_NOTIFICATION)
		return true;
	if (!az_consequence_forward(&obligation->row, &obligation->letter,
								delivered, obligation->answer->notification,
								job))
		return false;
	wish->n_rows = obligation->row.kind != NULL ? 1 : 0;
	wish->n_letters = 1 - wish->n_rows;
	return true;
}

static void
tell_operators(const AzObligationJob *obligation)
{
	const PbRevocationResponse *revocation = revocation_of(obligation);
	const AzJob *job = &obligation->job;

	if (revocation == NULL || !revocation->escalate)
		return;
	job->jobs->escalations++;
	az_log(AZ_LOG_WARNING,
		   "%s escalates what component \"%s\" is to undo: %s",
		   az_aggregate_text(&obligation->entry.row.target, job->arena),
		   obligation->delivered.notice.provenance->source_component,
		   revocation->reason);
}
