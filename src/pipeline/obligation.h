/*
 * Delivering what the outbox holds, and doing what follows from the answer:
 * contract section 8, Outbox and Revocation.
 */
#ifndef AZ_PIPELINE_OBLIGATION_H
#define AZ_PIPELINE_OBLIGATION_H

#include "pipeline/job.h"
#include "store/outbox.h"

/*
 * A job that makes one attempt; "entry" is copied into it.  When it is over
 * with OK the row is closed or put off, with everything that follows recorded
 * in the same transaction; else nothing is, and it is as before: try again
 * after a while.  Set "done" and start it.  NULL as az_job_create.
 */
extern AzJob *az_obligation_create(AzJobs *jobs, const AzOutboxEntry *entry,
								   AzError *error);

/*
 * Of one that is done: the reason of a revocation that says "abort", for a
 * request that waits for it; NULL: none did.
 */
extern const char *az_obligation_abort(const AzJob *job);

extern const AzPipeline az_obligation_pipeline;

#endif
