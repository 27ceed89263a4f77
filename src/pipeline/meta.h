/* The pipeline of commands to angzarr itself: contract section 9. */
#ifndef AZ_PIPELINE_META_H
#define AZ_PIPELINE_META_H

#include "pipeline/job.h"

#define AZ_META_DOMAIN "_angzarr"

/* As in pipeline/command.h. */
typedef struct AzMetaJob AzMetaJob;

/* Whether a request, valid or not, is for this pipeline and not a command. */
extern bool az_meta_is_asked(const PbCommandRequest *request);

extern AzMetaJob *az_meta_create(AzJobs *jobs, AzError *error);
extern AzJob *az_meta_job(AzMetaJob *meta);
extern void az_meta_set_request(AzMetaJob *meta,
								const PbCommandRequest *request);
extern const PbCommandResponse *az_meta_response(const AzJob *job);

extern const AzPipeline az_meta_pipeline;

#endif
