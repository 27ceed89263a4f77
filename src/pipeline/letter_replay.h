/* The pipeline of ReplayDeadLetter: what failed is tried again. */
#ifndef AZ_PIPELINE_LETTER_REPLAY_H
#define AZ_PIPELINE_LETTER_REPLAY_H

#include "pipeline/job.h"

/*
 * A new job, NULL as az_job_create; the request must stay.  Its error is what
 * came of the replay, as that says it; NOT_FOUND for an unknown id,
 * INVALID_ARGUMENT for an unknown mode, FAILED_PRECONDITION for what cannot be
 * replayed.  With AZ_OK, "response" is the answer.  The letter stays.
 */
extern AzJob *az_letter_replay(AzJobs *jobs,
							   const PbReplayDeadLetterRequest *request,
							   AzError *error);
extern const PbReplayDeadLetterResponse *az_letter_replay_response(const AzJob *job);

extern const AzPipeline az_letter_replay_pipeline;

#endif
