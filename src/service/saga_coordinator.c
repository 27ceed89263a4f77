/* io.angzarr.v1.SagaCoordinatorService: sagas run by hand. */
#include "service/saga_coordinator.h"

#include "service/coordinator.h"

static void execute(AzServiceCall *call, AzBytes message);
static void execute_speculative(AzServiceCall *call, AzBytes message);
static void saga_done(AzJob *job);

static const AzMethod methods[] = {
	{.name = "Execute",.message = execute},
	{.name = "ExecuteSpeculative",.message = execute_speculative},
	{NULL}
};

const AzService az_saga_coordinator_service = {
	"io.angzarr.v1.SagaCoordinatorService", methods
};

static void
execute(AzServiceCall *call, AzBytes message)
{
	const PbSagaHandleRequest *request =
	az_service_request(call, &pb_saga_handle_request_descriptor, message);
	AzCoordination asked = {0};

	if (request == NULL)
		return;
	asked.kind = "saga";
	asked.path = "source";
	asked.book = request->source;
	asked.sync_mode = request->sync_mode;
	asked.error_mode = request->cascade_error_mode;
	az_coordinator_begin(call, &asked, saga_done);
}

static void
execute_speculative(AzServiceCall *call, AzBytes message)
{
	const PbSpeculateSagaRequest *request =
	az_service_request(call, &pb_speculate_saga_request_descriptor, message);
	AzCoordination asked = {0};

	if (request == NULL)
		return;
	asked.kind = "saga";
	asked.path = "request.source";
	asked.is_speculative = true;
	if (request->request != NULL)
	{
		asked.book = request->request->source;
		asked.sync_mode = request->request->sync_mode;
		asked.error_mode = request->request->cascade_error_mode;
	}
	az_coordinator_begin(call, &asked, saga_done);
}

static void
saga_done(AzJob *job)
{
	az_coordinator_answer(job, &az_coordinate_result(job)->saga);
}
