/* What the coordinator services of all kinds of components share. */
#include "service/coordinator.h"

#define COMPONENT "x-angzarr-component"

void
az_coordinator_begin(AzServiceCall *call, AzCoordination *asked,
					 void (*done) (AzJob *job))
{
	AzError		error = {0};
	AzJob	   *job;

	asked->component = az_metadata_get(az_server_call_metadata(call->call),
									   COMPONENT);
	job = az_coordinate_create(az_services_jobs(call->services), asked,
							   &error);
	if (job == NULL)
		az_service_fail(call, &error);
	else
		az_service_begin(call, job, done);
}

void
az_coordinator_answer(AzJob *job, const void *response)
{
	az_service_end(job, response,
				   "ask for fewer events, or make the limit higher");
}
