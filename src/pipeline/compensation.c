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

#include <string.h>

#include "codec/book.h"
#include "codec/decode.h"
#include "codec/notification.h"
#include "pipeline/handler.h"
#include "pipeline/reply.h"
#include "pipeline/writer.h"

#define DEFERRED_PATH "command.pages[0].header.angzarr_deferred"

struct AzCompensationJob
{
	AzWriter	writer;			/* must come first */
	PbCommandRequest *request;
	bool		is_own;			/* from the outbox, not from a client */
	bool		is_forwarded;
	AzNotice	notice;
	AzBytes		answer;			/* encoded, when it is not events */
	PbBusinessResponse response;
};

static AzStepResult prepare(AzJob *job);
static bool validate(AzCompensationJob *compensation);
static bool read_key(AzCompensationJob *compensation);
static AzStepResult read_first_answer(AzJob *job);
static AzStepResult take_first_answer(AzJob *job);
static AzStepResult answer_again(AzCompensationJob *compensation,
								 AzBytes answer);
static AzStepResult call_handler(AzJob *job);
static AzStepResult take_answer(AzJob *job);
static AzStepResult append_events(AzJob *job);
static AzStepResult take_append(AzJob *job);
static AzStepResult answer_new(AzCompensationJob *compensation);
static AzStepResult answer_events(AzCompensationJob *compensation,
								  const AzBook *book);

static const AzStep steps[] = {
	{"find key", AZ_STEP_LOCAL, az_writer_find_key, az_writer_take_key},
	{"read first answer", AZ_STEP_LOCAL, read_first_answer, take_first_answer},
	{"find branch", AZ_STEP_LOCAL, az_writer_find_branch, az_writer_take_branch},
	{"load history", AZ_STEP_LOCAL, az_writer_load, az_writer_take_load},
	{"upcast", AZ_STEP_REMOTE, az_writer_upcast, az_writer_take_upcast},
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
	return &compensation->writer.job;
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
	compensation->writer.terms.depth = depth;
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
		!az_target_find(&compensation->writer.target, request->command->cover, job) ||
		!az_handler_correlate(job, request->command->cover))
		return AZ_STEP_FAILED;
	/* Nobody waits for what comes of it: its aftermath is not planned. */
	az_terms_set_mode(&compensation->writer.terms, request->sync_mode,
					  request->command->pages[0]->header);
	job->aggregate = &compensation->writer.target.aggregate;
	return AZ_STEP_NEXT;
}

/* Our own envelope holds a whole rejected command, whatever its size. */
static bool
validate(AzCompensationJob *compensation)
{
	AzJob	   *job = &compensation->writer.job;
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
	const AzNotice *notice = &compensation->notice;

	return az_terms_defer(&compensation->writer.terms, notice->provenance,
						  az_notice_key_kind(notice,
											 compensation->is_forwarded),
						  DEFERRED_PATH, &compensation->writer.job);
}

static AzStepResult
read_first_answer(AzJob *job)
{
	AzCompensationJob *compensation = (AzCompensationJob *) job;
	AzBytes		answer = compensation->writer.repeat.look.kept.answer;

	if (az_repeat_is_known(&compensation->writer.repeat) && answer.len > 0)
		return answer_again(compensation, answer);
	return az_repeat_read(&compensation->writer.repeat, job);
}

static AzStepResult
take_first_answer(AzJob *job)
{
	AzCompensationJob *compensation = (AzCompensationJob *) job;

	if (!az_repeat_take(&compensation->writer.repeat, job))
		return AZ_STEP_FAILED;
	return answer_events(compensation, &compensation->writer.repeat.book);
}

static AzStepResult
answer_again(AzCompensationJob *compensation, AzBytes answer)
{
	AzJob	   *job = &compensation->writer.job;
	AzError		broken = {0};
	const PbBusinessResponse *first =
	az_decode(&pb_business_response_descriptor, answer, job->arena, &broken);

	if (first == NULL)
	{
		az_error_set(&job->error, job->arena, AZ_DATA_LOSS,
					 "the first answer that is kept for %s does not decode: %s",
					 az_aggregate_text(&compensation->writer.target.aggregate,
									   job->arena), broken.message);
		return AZ_STEP_FAILED;
	}
	compensation->response = *first;
	return AZ_STEP_END;
}

static AzStepResult
call_handler(AzJob *job)
{
	AzCompensationJob *compensation = (AzCompensationJob *) job;

	return az_handler_decide(job, &compensation->writer.target, compensation->writer.history,
							 compensation->request->command);
}

static AzStepResult
take_answer(AzJob *job)
{
	AzCompensationJob *compensation = (AzCompensationJob *) job;
	const PbBusinessResponse *answer;

	if (job->status.code != AZ_OK)
		return az_handler_failed(job, &compensation->writer.target);
	answer = az_handler_answer(job, &compensation->writer.target,
							   &pb_business_response_descriptor);
	if (answer == NULL)
		return AZ_STEP_FAILED;
	compensation->response = *answer;
	if (answer->result_case == PB_BUSINESS_RESPONSE_REVOCATION ||
		answer->result_case == PB_BUSINESS_RESPONSE_NOTIFICATION)
		return az_encode(answer, job->arena, &compensation->answer,
						 &job->error) ? AZ_STEP_NEXT : AZ_STEP_FAILED;
	return az_writer_stamp(&compensation->writer,
						   compensation->request->command->cover,
						   answer->result_case == PB_BUSINESS_RESPONSE_EVENTS ?
						   answer->events : NULL) ?
		AZ_STEP_NEXT : AZ_STEP_FAILED;
}

static AzStepResult
append_events(AzJob *job)
{
	AzCompensationJob *compensation = (AzCompensationJob *) job;

	az_writer_fill_append(&compensation->writer);
	compensation->writer.commit.append.kept.answer = compensation->answer;
	return az_writer_append(&compensation->writer);
}

/* Overtaken, it may be answered otherwise the next time. */
static AzStepResult
take_append(AzJob *job)
{
	AzCompensationJob *compensation = (AzCompensationJob *) job;
	AzWriter   *writer = &compensation->writer;
	AzCommitOutcome outcome = az_commit_finish(&writer->commit, job,
											   &writer->target);

	if (outcome == AZ_COMMIT_DONE)
		return answer_new(compensation);
	if (outcome != AZ_COMMIT_OVERTAKEN)
		return az_commit_result(outcome);
	memset(&compensation->answer, 0, sizeof(compensation->answer));
	return az_writer_overtaken(writer, "notification");
}

static AzStepResult
answer_new(AzCompensationJob *compensation)
{
	if (compensation->answer.len > 0)
		return AZ_STEP_END;
	return az_writer_end(&compensation->writer) ?
		answer_events(compensation, &compensation->writer.book) :
		AZ_STEP_FAILED;
}

static AzStepResult
answer_events(AzCompensationJob *compensation, const AzBook *book)
{
	PbBusinessResponse *response = &compensation->response;

	pb_business_response_init(response);
	response->result_case = PB_BUSINESS_RESPONSE_EVENTS;
	response->events =
		az_reply_events(book, compensation->request->command->cover,
						&compensation->writer.job);
	return response->events != NULL ? AZ_STEP_END : AZ_STEP_FAILED;
}
