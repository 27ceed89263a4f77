/* The pipeline of GetAggregateRoots: contract section 9. */
#ifndef AZ_PIPELINE_ROOTS_H
#define AZ_PIPELINE_ROOTS_H

#include "pipeline/job.h"
#include "pipeline/outlet.h"

/*
 * A new job that sends an encoded AggregateRoot for each aggregate with events
 * on main, in the order of root and domain; NULL as az_job_create.  Those
 * that begin meanwhile are among them when they come later in that order.
 */
extern AzJob *az_roots_create(AzJobs *jobs, AzOutlet outlet, AzError *error);

extern const AzPipeline az_roots_pipeline;

#endif
