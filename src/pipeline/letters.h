/* The pipelines of an operator's look at dead letters: list, get, delete. */
#ifndef AZ_PIPELINE_LETTERS_H
#define AZ_PIPELINE_LETTERS_H

#include "pipeline/job.h"

/*
 * New jobs, NULL as az_job_create; the request must stay.  When one is done
 * and error.code is AZ_OK, az_letters_response is its answer, a message of
 * its kind (ListDeadLettersResponse …).  That says "degraded" when the store
 * cannot answer; what is wrong with the request is the job's error.
 */
extern AzJob *az_letters_list(AzJobs *jobs,
							  const PbListDeadLettersRequest *request,
							  AzError *error);
extern AzJob *az_letters_get(AzJobs *jobs, const PbGetDeadLetterRequest *request,
							 AzError *error);
extern AzJob *az_letters_delete(AzJobs *jobs,
								const PbDeleteDeadLetterRequest *request,
								AzError *error);
extern const void *az_letters_response(const AzJob *job);

extern const AzPipeline az_letters_list_pipeline;
extern const AzPipeline az_letters_get_pipeline;
extern const AzPipeline az_letters_delete_pipeline;

#endif
