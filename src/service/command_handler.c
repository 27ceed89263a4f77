/*
 * io.angzarr.v1.CommandHandlerCoordinatorService: commands and facts come in
 * here.
 */
#include "service/command_handler.h"

#include "codec/decode.h"
#include "pipeline/command.h"
#include "pipeline/fact.h"
#include "pipeline/speculate.h"

#define STORED "the events are stored: read them by range"

static void handle_command(AzServiceCall *call, AzBytes message);
static void command_done(AzJob *job);
static void handle_event(AzServiceCall *call, AzBytes message);
static void fact_done(AzJob *job);
static void handle_speculative(AzServiceCall *call, AzBytes message);
static void speculate_done(AzJob *job);
static void *take_request(AzServiceCall *call, AzJob *job,
						  const ProtobufCMessageDescriptor *type,
						  AzBytes message);
static void job_done(AzJob *job, const void *response, const char *advice);

static const AzMethod methods[] = {
	{.name = "HandleCommand",.message = handle_command},
	{.name = "HandleEvent",.message = handle_event},
	{.name = "HandleSyncSpeculative",.message = handle_speculative},
	{NULL}
};

const AzService az_command_handler_service = {
	"io.angzarr.v1.CommandHandlerCoordinatorService", methods
};

static void
handle_command(AzServiceCall *call, AzBytes message)
{
	AzError		error = {0};
	AzCommandJob *command =
	az_command_create(az_services_jobs(call->services), &error);
	AzJob	   *job;
	PbCommandRequest *request;

	if (command == NULL)
	{
		az_service_fail(call, &error);
		return;
	}
	job = az_command_job(command);
	request = take_request(call, job, &pb_command_request_descriptor, message);
	if (request == NULL)
		return;
	az_command_set_request(command, request);
	az_service_begin(call, job, command_done);
}

static void
command_done(AzJob *job)
{
	job_done(job, az_command_response(job), STORED);
}

static void
handle_event(AzServiceCall *call, AzBytes message)
{
	AzError		error = {0};
	AzFactJob  *fact =
	az_fact_create(az_services_jobs(call->services), &error);
	AzJob	   *job;
	PbEventRequest *request;

	if (fact == NULL)
	{
		az_service_fail(call, &error);
		return;
	}
	job = az_fact_job(fact);
	request = take_request(call, job, &pb_event_request_descriptor, message);
	if (request == NULL)
		return;
	az_fact_set_request(fact, request);
	az_service_begin(call, job, fact_done);
}

static void
fact_done(AzJob *job)
{
	job_done(job, az_fact_response(job), STORED);
}

static void
handle_speculative(AzServiceCall *call, AzBytes message)
{
	AzError		error = {0};
	AzSpeculateJob *speculate =
	az_speculate_create(az_services_jobs(call->services), &error);
	AzJob	   *job;
	PbSpeculateCommandHandlerRequest *request;

	if (speculate == NULL)
	{
		az_service_fail(call, &error);
		return;
	}
	job = az_speculate_job(speculate);
	request = take_request(call, job,
						   &pb_speculate_command_handler_request_descriptor,
						   message);
	if (request == NULL)
		return;
	az_speculate_set_request(speculate, request);
	az_service_begin(call, job, speculate_done);
}

static void
speculate_done(AzJob *job)
{
	job_done(job, az_speculate_response(job),
			 "send less, or make the limit higher");
}

/* Decodes into the job; NULL when the call was failed and the job dropped. */
static void *
take_request(AzServiceCall *call, AzJob *job,
			 const ProtobufCMessageDescriptor *type, AzBytes message)
{
	AzError		error = {0};
	void	   *request = az_decode(type, message, job->arena, &error);

	if (request == NULL)
	{
		az_service_fail(call, &error);
		az_job_cancel(job);
	}
	return request;
}

static void
job_done(AzJob *job, const void *response, const char *advice)
{
	AzServiceCall *call = job->owner;

	call->job = NULL;
	if (job->error.code != AZ_OK)
	{
		job->jobs->rejected++;
		az_service_fail(call, &job->error);
		return;
	}
	job->jobs->commands++;
	az_service_answer(call, response, true, advice);
}
