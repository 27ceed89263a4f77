/* The pipeline of facts: contract section 6. */
#ifndef AZ_PIPELINE_FACT_H
#define AZ_PIPELINE_FACT_H

#include "pipeline/aftermath.h"
#include "pipeline/terms.h"

/* As in pipeline/command.h. */
typedef struct AzFactJob AzFactJob;

extern AzFactJob *az_fact_create(AzJobs *jobs, AzError *error);
extern AzJob *az_fact_job(AzFactJob *fact);
extern void az_fact_set_request(AzFactJob *fact, PbEventRequest *request);
extern void az_fact_set_origin(AzFactJob *fact, const AzOrigin *origin);

/* What came of its events, while it waited; of one that is a reaction's. */
extern const AzAftermath *az_fact_aftermath(const AzJob *job);
extern const PbFactInjectionResponse *az_fact_response(const AzJob *job);

extern const AzPipeline az_fact_pipeline;

#endif
