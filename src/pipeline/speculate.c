/*
 * The pipeline of a speculative command: load the history as of a point, call
 * the business logic, answer what would have been written (contract 9).
 *
 * It has no lane and no key and looks at no expected sequence: what is not
 * written can neither overtake nor repeat anything.
 */
#include "pipeline/speculate.h"

#include <string.h>

#include "codec/book.h"
#include "pipeline/handler.h"
#include "pipeline/history.h"
#include "pipeline/reply.h"
#include "pipeline/stamp.h"
#include "pipeline/upcast.h"

struct AzSpeculateJob
{
	AzJob		job;			/* must come first */
	PbSpeculateCommandHandlerRequest *request;
	AzTarget	target;
	AzLoadWish	load;
	PbEventBook *history;		/* as business logic is given it */
	AzUpcast	upcast;
	PbCommandResponse response;
};

static AzStepResult prepare(AzJob *job);
static AzStepResult load_history(AzJob *job);
static AzStepResult take_history(AzJob *job);
static AzStepResult upcast_history(AzJob *job);
static AzStepResult take_upcast(AzJob *job);
static AzStepResult call_handler(AzJob *job);
static AzStepResult take_answer(AzJob *job);
static bool stamp(AzSpeculateJob *speculate, const PbEventBook *book,
				  AzEvent **events, size_t *count);

static const AzStep steps[] = {
	{"load history", AZ_STEP_LOCAL, load_history, take_history},
	{"upcast", AZ_STEP_REMOTE, upcast_history, take_upcast},
	{"call handler", AZ_STEP_REMOTE, call_handler, take_answer},
	{NULL}
};

const AzPipeline az_speculate_pipeline = {"speculate", prepare, steps};

AzSpeculateJob *
az_speculate_create(AzJobs *jobs, AzError *error)
{
	return (AzSpeculateJob *) az_job_create(jobs, &az_speculate_pipeline,
											sizeof(AzSpeculateJob), error);
}

AzJob *
az_speculate_job(AzSpeculateJob *speculate)
{
	return &speculate->job;
}

void
az_speculate_set_request(AzSpeculateJob *speculate,
						 PbSpeculateCommandHandlerRequest *request)
{
	speculate->request = request;
}

const PbCommandResponse *
az_speculate_response(const AzJob *job)
{
	return &((const AzSpeculateJob *) job)->response;
}

static AzStepResult
prepare(AzJob *job)
{
	AzSpeculateJob *speculate = (AzSpeculateJob *) job;
	const PbCover *cover;

	if (!az_validate_speculation(speculate->request,
								 &job->jobs->settings.validation, job->arena,
								 &job->error))
		return AZ_STEP_FAILED;
	cover = speculate->request->command->cover;
	if (!az_target_find(&speculate->target, cover, job) ||
		!az_handler_correlate(job, cover))
		return AZ_STEP_FAILED;
	return AZ_STEP_NEXT;
}

static AzStepResult
load_history(AzJob *job)
{
	AzSpeculateJob *speculate = (AzSpeculateJob *) job;

	return az_history_load(&speculate->load, &speculate->target,
						   speculate->request->point_in_time, job);
}

static AzStepResult
take_history(AzJob *job)
{
	return az_history_take(&((AzSpeculateJob *) job)->load, job) ?
		AZ_STEP_NEXT : AZ_STEP_FAILED;
}

static AzStepResult
upcast_history(AzJob *job)
{
	AzSpeculateJob *speculate = (AzSpeculateJob *) job;

	speculate->history = az_book_make(&speculate->load.book, job->arena,
									  &job->error);
	return speculate->history != NULL ?
		az_upcast_start(&speculate->upcast, job, speculate->history) :
		AZ_STEP_FAILED;
}

static AzStepResult
take_upcast(AzJob *job)
{
	return az_upcast_finish(&((AzSpeculateJob *) job)->upcast, job);
}

static AzStepResult
call_handler(AzJob *job)
{
	AzSpeculateJob *speculate = (AzSpeculateJob *) job;

	return az_handler_decide(job, &speculate->target, speculate->history,
							 speculate->request->command);
}

static AzStepResult
take_answer(AzJob *job)
{
	AzSpeculateJob *speculate = (AzSpeculateJob *) job;
	const PbEventBook *decided;
	AzBook		book = {.aggregate = speculate->target.aggregate};

	if (!az_handler_decided(job, &speculate->target, &decided) ||
		!stamp(speculate, decided, &book.events, &book.count))
		return AZ_STEP_FAILED;
	book.next_sequence = speculate->load.book.next_sequence +
		(int64_t) book.count;
	pb_command_response_init(&speculate->response);
	speculate->response.events =
		az_reply_events(&book, speculate->request->command->cover, job);
	return speculate->response.events != NULL ?
		AZ_STEP_END : AZ_STEP_FAILED;
}

static bool
stamp(AzSpeculateJob *speculate, const PbEventBook *book, AzEvent **events,
	  size_t *count)
{
	AzJob	   *job = &speculate->job;
	const PbCover *cover = speculate->request->command->cover;
	AzStamp		stamp = {
		.aggregate = speculate->target.aggregate,
		.next_sequence = speculate->load.book.next_sequence,
		.correlation_id = cover->correlation_id,
		.ext = cover->ext,
		.limits = &job->jobs->settings.validation
	};

	return az_stamp_events(&stamp, book, events, count, job->arena,
						   &job->error);
}
