/* Telling an aggregate of a rejection, or to undo: contract section 8. */
#ifndef AZ_PIPELINE_COMPENSATION_H
#define AZ_PIPELINE_COMPENSATION_H

#include "pipeline/job.h"

/*
 * A job of HandleCompensation.  Decode the request into az_job->arena, or one
 * that stays, and set it (and the job's deadline, metadata, done), start it.
 * When it is done and error.code is AZ_OK, "response" is the answer: the
 * events that were appended with their sequences, a revocation or a
 * notification; of a repeat the first one.  INVALID_ARGUMENT for what is no
 * envelope of a RejectionNotification or Compensate.
 *
 * What a revocation or a notification asks for is the caller's to do.
 */
typedef struct AzCompensationJob AzCompensationJob;

extern AzCompensationJob *az_compensation_create(AzJobs *jobs,
												 AzError *error);
extern AzJob *az_compensation_job(AzCompensationJob *compensation);
extern void az_compensation_set_request(AzCompensationJob *compensation,
										PbCommandRequest *request);

/*
 * Of the engine's own outbox: its envelope may be as large as a message, and
 * a forwarded notification may hold any payload.  "depth" is that of what is
 * written.
 */
extern void az_compensation_set_own(AzCompensationJob *compensation,
									bool is_forwarded, int32_t depth);
extern const PbBusinessResponse *az_compensation_response(const AzJob *job);

extern const AzPipeline az_compensation_pipeline;

#endif
