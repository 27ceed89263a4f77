/*
 * The pipeline of a reaction: what comes of one event that a saga or a process
 * manager is handed (contract section 8).
 */
#ifndef AZ_PIPELINE_REACTION_H
#define AZ_PIPELINE_REACTION_H

#include "pipeline/delivery.h"

/* As az_delivery_create, for these two kinds. */
extern AzJob *az_reaction_create(AzJobs *jobs, const AzDelivery *delivery,
								 AzError *error);

extern const AzPipeline az_reaction_pipeline;

#endif
