/* What the coordinator services of all kinds of components share. */
#ifndef AZ_SERVICE_COORDINATOR_H
#define AZ_SERVICE_COORDINATOR_H

#include "pipeline/coordinate.h"
#include "service/service.h"

/*
 * Starts the job for a call; metadata x-angzarr-component names the component,
 * else all that listen are meant.
 */
extern void az_coordinator_begin(AzServiceCall *call, AzCoordination *asked,
								 void (*done) (AzJob *job));

/* Of a job that is done: fails the call as it failed, or answers this. */
extern void az_coordinator_answer(AzJob *job, const void *response);

#endif
