/* The pipeline of what a projector is given: contract sections 8, 10, 11. */
#ifndef AZ_PIPELINE_PROJECTION_H
#define AZ_PIPELINE_PROJECTION_H

#include "pipeline/delivery.h"

/*
 * A job that gives a projector the events of "delivery"; as
 * az_delivery_create.  It is over with OK when the projector has answered,
 * or the one event became a dead letter: its failure is permanent, or the
 * attempts are spent.  Of several events it only fails, so that whoever
 * created it can give them one by one.  The result has the projection.
 */
extern AzJob *az_projection_create(AzJobs *jobs, const AzDelivery *delivery,
								   AzError *error);

extern const AzPipeline az_projection_pipeline;

#endif
