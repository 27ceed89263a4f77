/*
 * The pipeline of a compensation: business logic is given its history and a
 * notification, and only what it answers is written, never the notification
 * (contract section 8, HandleCompensation).
 *
 * It is like a deferred command: done once under the provenance of the
 * command that the notification is about, and never checked for a sequence.
 * The first answer is kept whatever its variant, for a repeat to get it.
 */
#include "pipeline/compensation.h"

#include "codec/book.h"
#include "codec/decode.h"
#include "codec/notification.h"
#include "pipeline/branch.h"
#include "pipeline/commit.h"
#include "pipeline/handler.h"
#include "pipeline/history.h"
#include "pipeline/provenance.h"
#include "pipeline/repeat.h"
#include "pipeline/reply.h"
#include "pipeline/stamp.h"
#include "pipeline/terms.h"
#include "pipeline/upcast.h"

#define DEFERRED_PATH "command.pages[0].header.angzarr_deferred"

struct AzCompensationJob
{
	AzJob		job;			/* must come first */
	PbCommandRequest *request;
	bool		is_own;			/* from the outbox, not from a client */
	bool		is_forwarded;
	int32_t		depth;
	AzNotice	notice;
	AzTarget	target;
	AzKey		key;
	const AzCause *cause;
	bool		is_isolated;

	AzRepeat	repeat;
	AzBranch	branch;
	AzLoadWish	load;
	PbEventBook *history;		/* as business logic is given it */
	AzUpcast	upcast;
	AzEvent    *events;
	size_t		n_events;
	const AzSnapshot *snapshot;
	AzBytes		answer;			/* encoded, when it is not events */
	AzCommit	commit;
	PbBusinessResponse response;
};

static AzStepResult prepare(AzJob *job);
static bool validate(AzCompensationJob *compensation);
static bool read_key(AzCompensationJob *compensation);
static AzStepResult find_key(AzJob *job);
static AzStepResult take_key(AzJob *job);
static AzStepResult read_first_answer(AzJob *job);
static AzStepResult take_first_answer(AzJob *job);
static AzStepResult answer_again(AzCompensationJob *compensation,
								 AzBytes answer);
static AzStepResult find_branch(AzJob *job);
static AzStepResult take_branch(AzJob *job);
static AzStepResult load_history(AzJob *job);
static AzStepResult take_history(AzJob *job);
static AzStepResult upcast_history(AzJob *job);
static AzStepResult take_upcast(AzJob *job);
static AzStepResult call_handler(AzJob *job);
static AzStepResult take_answer(AzJob *job);
static bool stamp(AzCompensationJob *compensation, const PbEventBook *book);
static AzStepResult append_events(AzJob *job);
static AzStepResult take_append(AzJob *job);
static AzStepResult overtaken(AzCompensationJob *compensation);
static AzStepResult answer_new(AzCompensationJob *compensation);
static AzStepResult answer_events(AzCompensationJob *compensation,
								  const AzBook *book);

static const AzStep steps[] = {
	{"find key", AZ_STEP_LOCAL, find_key, take_key},
	{"read first answer", AZ_STEP_LOCAL, read_first_answer, take_first_answer},
	{"find branch", AZ_STEP_LOCAL, find_branch, take_branch},
	{"load history", AZ_STEP_LOCAL, load_history, take_history},
	{"upcast", AZ_STEP_REMOTE, upcast_history, take_upcast},
	{"call handler", AZ_STEP_REMOTE, call_handler, take_answer},
	{"append", AZ_STEP_LOCAL, append_events, take_append},
	{NULL}
};

const AzPipeline az_compensation_pipeline = {"compensation", prepare, steps};

AzCompensationJob *
az_compensation_create(AzJobs *jobs, AzError *error)
{
	return (AzCompensationJob *) az_job_create(jobs, &az_compensation_pipeline,
											   sizeof(AzCompensationJob),
											   error);
}

AzJob *
az_compensation_job(AzCompensationJob *compensation)
{
	return &compensation->job;
}

void
az_compensation_set_request(AzCompensationJob *compensation,
							PbCommandRequest *request)
{
	compensation->request = request;
}

void
az_compensation_set_own(AzCompensationJob *compensation, bool is_forwarded,
						int32_t depth)
{
	compensation->is_own = true;
	compensation->is_forwarded = is_forwarded;
	compensation->depth = depth;
}

const PbBusinessResponse *
az_compensation_response(const AzJob *job)
{
	return &((const AzCompensationJob *) job)->response;
}

static AzStepResult
prepare(AzJob *job)
{
	AzCompensationJob *compensation = (AzCompensationJob *) job;
	const PbCommandRequest *request = compensation->request;

	if (!validate(compensation) || !read_key(compensation) ||
		!az_target_find(&compensation->target, request->command->cover, job) ||
		!az_handler_correlate(job, request->command->cover))
		return AZ_STEP_FAILED;
	/* Nobody waits for what comes of it but who waits for the engine. */
	compensation->is_isolated =
		az_terms_mode(request->sync_mode, request->command->pages[0]->header) ==
		PB_SYNC_MODE_ISOLATED;
	job->aggregate = &compensation->target.aggregate;
	return AZ_STEP_NEXT;
}

/* Our own envelope holds a whole rejected command, whatever its size. */
static bool
validate(AzCompensationJob *compensation)
{
	AzJob	   *job = &compensation->job;
	const AzNotice *notice = &compensation->notice;
	AzValidationLimits limits = job->jobs->settings.validation;
	const PbAny *payload;

	if (compensation->is_own)
		limits.max_payload_bytes = SIZE_MAX;
	if (!az_validate_command(compensation->request, &limits, job->arena,
							 &job->error) ||
		!az_notification_open(compensation->request->command,
							  &compensation->notice, job->arena, &job->error))
		return false;
	payload = notice->notification->payload;
	return compensation->is_forwarded || notice->rejection != NULL ||
		notice->compensate != NULL ||
		az_error_set(&job->error, job->arena, AZ_INVALID_ARGUMENT,
					 "command.pages[0].command holds a payload of type \"%s\", neither a RejectionNotification nor a Compensate of io.angzarr.v1",
					 payload != NULL ? az_type_name(payload->type_url) : "");
}

static bool
read_key(AzCompensationJob *compensation)
{
	AzJob	   *job = &compensation->job;
	const AzNotice *notice = &compensation->notice;

	if (!az_provenance_key(notice->provenance,
						   az_notice_key_kind(notice,
											  compensation->is_forwarded),
						   DEFERRED_PATH, &compensation->key, job->arena,
						   &job->error))
		return false;
	compensation->cause = az_provenance_cause(notice->provenance, job->arena);
	return compensation->cause != NULL || az_error_out_of_memory(&job->error);
}

static AzStepResult
find_key(AzJob *job)
{
	AzCompensationJob *compensation = (AzCompensationJob *) job;

	compensation->repeat.has_key = true;
	compensation->repeat.look.key = compensation->key;
	compensation->repeat.look.aggregate = compensation->target.aggregate;
	return az_repeat_find(&compensation->repeat, job);
}

static AzStepResult
take_key(AzJob *job)
{
	return az_repeat_found(&((AzCompensationJob *) job)->repeat, job);
}

static AzStepResult
read_first_answer(AzJob *job)
{
	AzCompensationJob *compensation = (AzCompensationJob *) job;
	AzBytes		answer = compensation->repeat.look.kept.answer;

	if (az_repeat_is_known(&compensation->repeat) && answer.len > 0)
		return answer_again(compensation, answer);
	return az_repeat_read(&compensation->repeat, job);
}

static AzStepResult
take_first_answer(AzJob *job)
{
	AzCompensationJob *compensation = (AzCompensationJob *) job;

	if (!az_repeat_take(&compensation->repeat, job))
		return AZ_STEP_FAILED;
	return answer_events(compensation, &compensation->repeat.book);
}

static AzStepResult
answer_again(AzCompensationJob *compensation, AzBytes answer)
{
	AzJob	   *job = &compensation->job;
	AzError		broken = {0};
	const PbBusinessResponse *first =
	az_decode(&pb_business_response_descriptor, answer, job->arena, &broken);

	if (first == NULL)
	{
		az_error_set(&job->error, job->arena, AZ_DATA_LOSS,
					 "the first answer that is kept for %s does not decode: %s",
					 az_aggregate_text(&compensation->target.aggregate,
									   job->arena), broken.message);
		return AZ_STEP_FAILED;
	}
	compensation->response = *first;
	return AZ_STEP_END;
}

static AzStepResult
find_branch(AzJob *job)
{
	AzCompensationJob *compensation = (AzCompensationJob *) job;

	return az_branch_find(&compensation->branch, &compensation->target, job);
}

static AzStepResult
take_branch(AzJob *job)
{
	AzCompensationJob *compensation = (AzCompensationJob *) job;

	return az_branch_found(&compensation->branch, &compensation->target, job);
}

static AzStepResult
load_history(AzJob *job)
{
	AzCompensationJob *compensation = (AzCompensationJob *) job;

	return az_history_load(&compensation->load, &compensation->target, NULL,
						   job);
}

static AzStepResult
take_history(AzJob *job)
{
	return az_history_take(&((AzCompensationJob *) job)->load, job) ?
		AZ_STEP_NEXT : AZ_STEP_FAILED;
}

static AzStepResult
upcast_history(AzJob *job)
{
	AzCompensationJob *compensation = (AzCompensationJob *) job;

	compensation->history = az_book_make(&compensation->load.book, job->arena,
										 &job->error);
	return compensation->history != NULL ?
		az_upcast_start(&compensation->upcast, job, compensation->history) :
		AZ_STEP_FAILED;
}

static AzStepResult
take_upcast(AzJob *job)
{
	return az_upcast_finish(&((AzCompensationJob *) job)->upcast, job);
}

static AzStepResult
call_handler(AzJob *job)
{
	AzCompensationJob *compensation = (AzCompensationJob *) job;

	return az_handler_decide(job, &compensation->target, compensation->history,
							 compensation->request->command);
}

static AzStepResult
take_answer(AzJob *job)
{
	AzCompensationJob *compensation = (AzCompensationJob *) job;
	const PbBusinessResponse *answer;

	if (job->status.code != AZ_OK)
		return az_handler_failed(job, &compensation->target);
	answer = az_handler_answer(job, &compensation->target,
							   &pb_business_response_descriptor);
	if (answer == NULL)
		return AZ_STEP_FAILED;
	compensation->response = *answer;
	if (answer->result_case == PB_BUSINESS_RESPONSE_REVOCATION ||
		answer->result_case == PB_BUSINESS_RESPONSE_NOTIFICATION)
		return az_encode(answer, job->arena, &compensation->answer,
						 &job->error) ? AZ_STEP_NEXT : AZ_STEP_FAILED;
	return stamp(compensation,
				 answer->result_case == PB_BUSINESS_RESPONSE_EVENTS ?
				 answer->events : NULL) ? AZ_STEP_NEXT : AZ_STEP_FAILED;
}

static bool
stamp(AzCompensationJob *compensation, const PbEventBook *book)
{
	AzJob	   *job = &compensation->job;
	const PbCover *cover = compensation->request->command->cover;
	AzStamp		stamp = {
		.aggregate = compensation->target.aggregate,
		.next_sequence = compensation->load.book.next_sequence,
		.correlation_id = cover->correlation_id,
		.ext = cover->ext,
		.cause = compensation->cause,
		.isolated = compensation->is_isolated,
		.depth = compensation->depth,
		.limits = &job->jobs->settings.validation
	};

	return az_stamp_events(&stamp, book, &compensation->events,
						   &compensation->n_events, job->arena,
						   &job->error) &&
		az_stamp_snapshot(&stamp, book, &compensation->load.book,
						  compensation->events, compensation->n_events,
						  &compensation->snapshot, job->arena, &job->error);
}

static AzStepResult
append_events(AzJob *job)
{
	AzCompensationJob *compensation = (AzCompensationJob *) job;
	AzAppendWish *append = &compensation->commit.append;

	append->aggregate = compensation->target.aggregate;
	append->events = compensation->events;
	append->count = compensation->n_events;
	append->key = &compensation->key;
	append->snapshot = compensation->snapshot;
	append->begins = compensation->n_events > 0 &&
		az_branch_is_new(&compensation->branch);
	append->kept.answer = compensation->answer;
	return az_commit_start(&compensation->commit, job);
}

static AzStepResult
take_append(AzJob *job)
{
	AzCompensationJob *compensation = (AzCompensationJob *) job;

	switch (az_commit_finish(&compensation->commit, job,
							 &compensation->target))
	{
		case AZ_COMMIT_DONE:
			return answer_new(compensation);
		case AZ_COMMIT_OVERTAKEN:
			return overtaken(compensation);
		case AZ_COMMIT_REPEATED:
			return AZ_STEP_RESTART;
		case AZ_COMMIT_PARKED:
			return AZ_STEP_AGAIN;
		default:
			return AZ_STEP_FAILED;
	}
}

/* Nothing is wrong with it: whoever sent it has to send it again. */
static AzStepResult
overtaken(AzCompensationJob *compensation)
{
	AzJob	   *job = &compensation->job;

	compensation->events = NULL;
	compensation->n_events = 0;
	compensation->snapshot = NULL;
	compensation->answer = (AzBytes)
	{
		NULL, 0
	};
	if (job->restarts < job->jobs->settings.max_append_retries)
		return AZ_STEP_RESTART;
	az_error_set(&job->error, job->arena, AZ_UNAVAILABLE,
				 "others wrote to %s first, %d times (angzarr.max_append_retries); send the notification again",
				 az_aggregate_text(&compensation->target.aggregate,
								   job->arena), job->restarts + 1);
	return AZ_STEP_FAILED;
}

static AzStepResult
answer_new(AzCompensationJob *compensation)
{
	AzBook		book = {
		.aggregate = compensation->target.aggregate,
		.events = compensation->events,
		.count = compensation->n_events,
		.next_sequence = compensation->load.book.next_sequence +
		(int64_t) compensation->n_events
	};

	if (compensation->answer.len > 0)
		return AZ_STEP_END;
	return answer_events(compensation, &book);
}

static AzStepResult
answer_events(AzCompensationJob *compensation, const AzBook *book)
{
	PbBusinessResponse *response = &compensation->response;

	pb_business_response_init(response);
	response->result_case = PB_BUSINESS_RESPONSE_EVENTS;
	response->events =
		az_reply_events(book, compensation->request->command->cover,
						&compensation->job);
	return response->events != NULL ? AZ_STEP_END : AZ_STEP_FAILED;
}
