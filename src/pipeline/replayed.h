/* What a replay of a dead letter tells whoever works on it. */
#ifndef AZ_PIPELINE_REPLAYED_H
#define AZ_PIPELINE_REPLAYED_H

#include "pipeline/job.h"

#define AZ_REPLAYED_FIELDS 2	/* that a replayed job has */

/*
 * Adds replayed_from_dlq_id and original_correlation_id to what is passed on
 * to business logic, and to jobs that this one runs; false with job->error
 * when memory is out.
 */
extern bool az_replayed_add(AzJob *job, int64_t id,
							const char *correlation_id);

/*
 * The same as metadata of a letter about a job that was replayed: how many of
 * "fields" it filled, 0 or AZ_REPLAYED_FIELDS.  Borrows the job's.
 */
extern size_t az_replayed_tell(const AzJob *job,
							   const char *fields[AZ_REPLAYED_FIELDS][2]);

#endif
