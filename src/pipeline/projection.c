/*
 * The pipeline of what a projector is given: bring the events into their form
 * of today, call it, and file what it will never take.
 *
 * It is told at least once: a projector remembers how far it has come, or
 * does what can be done twice.
 */
#include "pipeline/projection.h"

#include <string.h>

#include "codec/book.h"
#include "codec/decode.h"
#include "pipeline/failure.h"
#include "pipeline/handler.h"
#include "pipeline/letter.h"
#include "pipeline/upcast.h"

#define HANDLE "/io.angzarr.v1.ProjectorService/Handle"

typedef struct AzProjectionJob
{
	AzDeliveryJob base;			/* must come first */
	AzTarget	target;			/* the projector, as messages call it */
	PbEventBook *book;
	AzUpcast	upcast;
	AzLetter	letter;			/* with the payload that is somewhere else */
} AzProjectionJob;

static AzStepResult prepare(AzJob *job);
static AzStepResult upcast_events(AzJob *job);
static AzStepResult take_upcast(AzJob *job);
static AzStepResult call_projector(AzJob *job);
static AzStepResult take_projection(AzJob *job);
static AzStepResult failed(AzProjectionJob *projection);
static AzStepResult file_letter(AzJob *job);
static AzStepResult take_filed(AzJob *job);

static const AzStep steps[] = {
	{"upcast", AZ_STEP_REMOTE, upcast_events, take_upcast},
	{"call projector", AZ_STEP_REMOTE, call_projector, take_projection},
	{"file letter", AZ_STEP_LOCAL, file_letter, take_filed},
	{NULL}
};

const AzPipeline az_projection_pipeline = {"projection", prepare, steps};

AzJob *
az_projection_create(AzJobs *jobs, const AzDelivery *delivery, AzError *error)
{
	return az_delivery_job(jobs, &az_projection_pipeline,
						   sizeof(AzProjectionJob), delivery, error);
}

static AzStepResult
prepare(AzJob *job)
{
	AzProjectionJob *projection = (AzProjectionJob *) job;
	const AzDelivery *delivery = &projection->base.delivery;

	projection->target.aggregate = delivery->trigger.aggregate;
	az_target_call(&projection->target, delivery->component, job->jobs);
	projection->book = az_book_make(&delivery->trigger, job->arena,
									&job->error);
	return projection->book != NULL &&
		az_handler_correlate(job, projection->book->cover) ?
		AZ_STEP_NEXT : AZ_STEP_FAILED;
}

static AzStepResult
upcast_events(AzJob *job)
{
	AzProjectionJob *projection = (AzProjectionJob *) job;
	AzStepResult result;

	for (size_t i = 0; i < projection->book->n_pages; i++)
		if (projection->book->pages[i]->payload_case ==
			PB_EVENT_PAGE_EXTERNAL)
			projection->letter.reference = projection->book->pages[i]->external;
	if (projection->letter.reference != NULL)
		return AZ_STEP_NEXT;
	result = az_upcast_start(&projection->upcast, job, projection->book);
	return result == AZ_STEP_FAILED ? failed(projection) : result;
}

static AzStepResult
take_upcast(AzJob *job)
{
	AzProjectionJob *projection = (AzProjectionJob *) job;
	AzStepResult result = az_upcast_finish(&projection->upcast, job);

	return result == AZ_STEP_FAILED ? failed(projection) : result;
}

static AzStepResult
call_projector(AzJob *job)
{
	AzProjectionJob *projection = (AzProjectionJob *) job;
	AzStepResult result;

	if (projection->letter.is_due)
		return AZ_STEP_NEXT;
	if (projection->letter.reference != NULL)
	{
		az_error_set(&job->error, job->arena, AZ_FAILED_PRECONDITION,
					 "the payload of %s is stored elsewhere and cannot be retrieved",
					 az_aggregate_text(&projection->target.aggregate,
									   job->arena));
		return failed(projection);
	}
	result = az_handler_call(job, &projection->target, HANDLE,
							 projection->book);
	return result == AZ_STEP_FAILED ? failed(projection) : result;
}

static AzStepResult
take_projection(AzJob *job)
{
	AzProjectionJob *projection = (AzProjectionJob *) job;
	AzDeliveryResult *result = &projection->base.result;

	if (job->status.code != AZ_OK)
	{
		az_handler_failed(job, &projection->target);
		return failed(projection);
	}
	result->projection = az_handler_answer(job, &projection->target,
										   &pb_projection_descriptor);
	return result->projection != NULL ? AZ_STEP_NEXT : failed(projection);
}

/* For good: NEXT, to be filed.  Else it may go better later. */
static AzStepResult
failed(AzProjectionJob *projection)
{
	AzJob	   *job = &projection->base.job;
	const AzDelivery *delivery = &projection->base.delivery;
	bool		is_permanent = az_failure_is_permanent(&job->error,
													   job->arena);

	if (delivery->trigger.count > 1 ||
		delivery->sync_mode != PB_SYNC_MODE_ASYNC ||
		(projection->letter.reference == NULL && !is_permanent &&
		 delivery->attempt < az_delivery_max_attempts(&projection->base)))
		return AZ_STEP_FAILED;
	projection->letter.is_due = true;
	projection->letter.failure = job->error;
	projection->letter.attempts = is_permanent ? 0 : delivery->attempt;
	projection->base.result.failure = job->error;
	memset(&job->error, 0, sizeof(job->error));
	return AZ_STEP_NEXT;
}

static AzStepResult
file_letter(AzJob *job)
{
	AzProjectionJob *projection = (AzProjectionJob *) job;

	return az_letter_file(&projection->letter,
						  projection->base.delivery.component,
						  projection->book, job);
}

static AzStepResult
take_filed(AzJob *job)
{
	AzProjectionJob *projection = (AzProjectionJob *) job;
	AzStepResult result = az_letter_filed(&projection->letter, job);

	projection->base.result.was_lettered = result == AZ_STEP_END;
	return result;
}
