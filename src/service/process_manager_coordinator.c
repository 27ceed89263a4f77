/* io.angzarr.v1.ProcessManagerCoordinatorService: process managers run by hand. */
#include "service/process_manager_coordinator.h"

#include "service/coordinator.h"

static void handle(AzServiceCall *call, AzBytes message);
static void handle_speculative(AzServiceCall *call, AzBytes message);
static void process_done(AzJob *job);

static const AzMethod methods[] = {
	{.name = "Handle",.message = handle},
	{.name = "HandleSpeculative",.message = handle_speculative},
	{NULL}
};

const AzService az_process_manager_coordinator_service = {
	"io.angzarr.v1.ProcessManagerCoordinatorService", methods
};

static void
handle(AzServiceCall *call, AzBytes message)
{
	const PbProcessManagerCoordinatorRequest *request =
	az_service_request(call, &pb_process_manager_coordinator_request_descriptor, message);
	AzCoordination asked = {0};

	if (request == NULL)
		return;
	asked.kind = "process_manager";
	asked.path = "trigger";
	asked.book = request->trigger;
	asked.sync_mode = request->sync_mode;
	asked.error_mode = request->cascade_error_mode;
	az_coordinator_begin(call, &asked, process_done);
}

static void
handle_speculative(AzServiceCall *call, AzBytes message)
{
	const PbSpeculatePmRequest *request =
	az_service_request(call, &pb_speculate_pm_request_descriptor, message);
	AzCoordination asked = {0};

	if (request == NULL)
		return;
	asked.kind = "process_manager";
	asked.path = "request.trigger";
	asked.is_speculative = true;
	if (request->request != NULL)
	{
		asked.book = request->request->trigger;
		asked.state = request->request->process_state;
	}
	az_coordinator_begin(call, &asked, process_done);
}

static void
process_done(AzJob *job)
{
	az_coordinator_answer(job, &az_coordinate_result(job)->process_manager);
}
