/* io.angzarr.v1.CommandHandlerCoordinatorService: commands come in here. */
#include "service/command_handler.h"

#include "codec/decode.h"
#include "pipeline/command.h"

static void handle_command(AzServiceCall *call, AzBytes message);
static void command_done(AzJob *job);

static const AzMethod methods[] = {
	{.name = "HandleCommand",.message = handle_command},
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
	request = az_decode(&pb_command_request_descriptor, message, job->arena,
						&error);
	if (request == NULL)
	{
		az_service_fail(call, &error);
		az_job_cancel(job);
		return;
	}
	az_command_set_request(command, request);
	az_service_begin(call, job, command_done);
}

static void
command_done(AzJob *job)
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
	az_service_answer(call, az_command_response(job), true,
					  "the events are stored: read them by range");
}
