/* io.angzarr.v1.EventQueryService: reading books. */
#include "service/event_query.h"

#include "codec/decode.h"
#include "pipeline/query.h"

static void get_event_book(AzServiceCall *call, AzBytes message);
static void query_done(AzJob *job);

static const AzMethod methods[] = {
	{.name = "GetEventBook",.message = get_event_book},
	{NULL}
};

const AzService az_event_query_service = {
	"io.angzarr.v1.EventQueryService", methods
};

static void
get_event_book(AzServiceCall *call, AzBytes message)
{
	AzError		error = {0};
	AzQueryJob *query =
	az_query_create(az_services_jobs(call->services), &error);
	AzJob	   *job;
	PbQuery    *request;

	if (query == NULL)
	{
		az_service_fail(call, &error);
		return;
	}
	job = az_query_job(query);
	request = az_decode(&pb_query_descriptor, message, job->arena, &error);
	if (request == NULL)
	{
		az_service_fail(call, &error);
		az_job_cancel(job);
		return;
	}
	az_query_set_request(query, request);
	az_service_begin(call, job, query_done);
}

static void
query_done(AzJob *job)
{
	AzServiceCall *call = job->owner;

	call->job = NULL;
	if (job->error.code != AZ_OK)
		az_service_fail(call, &job->error);
	else
		az_service_answer(call, az_query_response(job), true,
						  "ask for a range of sequences");
}
