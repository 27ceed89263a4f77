/* The pipeline of a speculative command: contract section 9. */
#ifndef AZ_PIPELINE_SPECULATE_H
#define AZ_PIPELINE_SPECULATE_H

#include "pipeline/job.h"

/* As in pipeline/command.h; nothing is written. */
typedef struct AzSpeculateJob AzSpeculateJob;

extern AzSpeculateJob *az_speculate_create(AzJobs *jobs, AzError *error);
extern AzJob *az_speculate_job(AzSpeculateJob *speculate);
extern void az_speculate_set_request(AzSpeculateJob *speculate,
									 PbSpeculateCommandHandlerRequest *request);
extern const PbCommandResponse *az_speculate_response(const AzJob *job);

extern const AzPipeline az_speculate_pipeline;

#endif
