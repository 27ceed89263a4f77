/*
 * io.angzarr.v1.CommandHandlerCoordinatorService: commands, facts and
 * notifications come in here.
 */
#include "service/command_handler.h"

#include "pipeline/command.h"
#include "pipeline/compensation.h"
#include "pipeline/fact.h"
#include "pipeline/meta.h"
#include "pipeline/speculate.h"

#define STORED "the events are stored: read them by range"

static void handle_command(AzServiceCall *call, AzBytes message);
static void begin_command(AzServiceCall *call, PbCommandRequest *request);
static void command_done(AzJob *job);
static void begin_meta(AzServiceCall *call, const PbCommandRequest *request);
static void meta_done(AzJob *job);
static void handle_event(AzServiceCall *call, AzBytes message);
static void fact_done(AzJob *job);
static void handle_speculative(AzServiceCall *call, AzBytes message);
static void speculate_done(AzJob *job);
static void handle_compensation(AzServiceCall *call, AzBytes message);
static void compensation_done(AzJob *job);
static void job_done(AzJob *job, const void *response, const char *advice);

static const AzMethod methods[] = {
	{.name = "HandleCommand",.message = handle_command},
	{.name = "HandleEvent",.message = handle_event},
	{.name = "HandleSyncSpeculative",.message = handle_speculative},
	{.name = "HandleCompensation",.message = handle_compensation},
	{NULL}
};

const AzService az_command_handler_service = {
	"io.angzarr.v1.CommandHandlerCoordinatorService", methods
};

static void
handle_command(AzServiceCall *call, AzBytes message)
{
	PbCommandRequest *request =
	az_service_request(call, &pb_command_request_descriptor, message);

	if (request == NULL)
		return;
	if (az_meta_is_asked(request))
		begin_meta(call, request);
	else
		begin_command(call, request);
}

static void
begin_command(AzServiceCall *call, PbCommandRequest *request)
{
	AzError		error = {0};
	AzCommandJob *command =
	az_command_create(az_services_jobs(call->services), &error);

	if (command == NULL)
	{
		az_service_fail(call, &error);
		return;
	}
	az_command_set_request(command, request);
	az_service_begin(call, az_command_job(command), command_done);
}

static void
command_done(AzJob *job)
{
	job_done(job, az_command_response(job), STORED);
}

static void
begin_meta(AzServiceCall *call, const PbCommandRequest *request)
{
	AzError		error = {0};
	AzMetaJob  *meta =
	az_meta_create(az_services_jobs(call->services), &error);

	if (meta == NULL)
	{
		az_service_fail(call, &error);
		return;
	}
	az_meta_set_request(meta, request);
	az_service_begin(call, az_meta_job(meta), meta_done);
}

static void
meta_done(AzJob *job)
{
	job_done(job, az_meta_response(job), NULL);
}

static void
handle_event(AzServiceCall *call, AzBytes message)
{
	AzError		error = {0};
	PbEventRequest *request =
	az_service_request(call, &pb_event_request_descriptor, message);
	AzFactJob  *fact;

	if (request == NULL)
		return;
	fact = az_fact_create(az_services_jobs(call->services), &error);
	if (fact == NULL)
	{
		az_service_fail(call, &error);
		return;
	}
	az_fact_set_request(fact, request);
	az_service_begin(call, az_fact_job(fact), fact_done);
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
	PbSpeculateCommandHandlerRequest *request =
	az_service_request(call, &pb_speculate_command_handler_request_descriptor,
					   message);
	AzSpeculateJob *speculate;

	if (request == NULL)
		return;
	speculate = az_speculate_create(az_services_jobs(call->services), &error);
	if (speculate == NULL)
	{
		az_service_fail(call, &error);
		return;
	}
	az_speculate_set_request(speculate, request);
	az_service_begin(call, az_speculate_job(speculate), speculate_done);
}

static void
speculate_done(AzJob *job)
{
	job_done(job, az_speculate_response(job),
			 "send less, or make the limit higher");
}

static void
handle_compensation(AzServiceCall *call, AzBytes message)
{
	AzError		error = {0};
	PbCommandRequest *request =
	az_service_request(call, &pb_command_request_descriptor, message);
	AzCompensationJob *compensation;

	if (request == NULL)
		return;
	compensation = az_compensation_create(az_services_jobs(call->services),
										  &error);
	if (compensation == NULL)
	{
		az_service_fail(call, &error);
		return;
	}
	az_compensation_set_request(compensation, request);
	az_service_begin(call, az_compensation_job(compensation),
					 compensation_done);
}

static void
compensation_done(AzJob *job)
{
	job_done(job, az_compensation_response(job), STORED);
}

static void
job_done(AzJob *job, const void *response, const char *advice)
{
	if (job->error.code == AZ_OK)
		job->jobs->commands++;
	else
		job->jobs->rejected++;
	az_service_end(job, response, advice);
}
