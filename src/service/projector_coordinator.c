/* io.angzarr.v1.ProjectorCoordinatorService: projectors run by hand. */
#include "service/projector_coordinator.h"

#include "service/coordinator.h"

static void handle_sync(AzServiceCall *call, AzBytes message);
static void handle(AzServiceCall *call, AzBytes message);
static void handle_speculative(AzServiceCall *call, AzBytes message);
static void projection_done(AzJob *job);
static void all_done(AzJob *job);

static const AzMethod methods[] = {
	{.name = "HandleSync",.message = handle_sync},
	{.name = "Handle",.message = handle},
	{.name = "HandleSpeculative",.message = handle_speculative},
	{NULL}
};

const AzService az_projector_coordinator_service = {
	"io.angzarr.v1.ProjectorCoordinatorService", methods
};

static void
handle_sync(AzServiceCall *call, AzBytes message)
{
	const PbEventRequest *request =
	az_service_request(call, &pb_event_request_descriptor, message);
	AzCoordination asked = {0};

	if (request == NULL)
		return;
	asked.kind = "projector";
	asked.path = "events";
	asked.book = request->events;
	asked.sync_mode = PB_SYNC_MODE_SIMPLE;
	asked.wants_one = true;
	az_coordinator_begin(call, &asked, projection_done);
}

static void
handle(AzServiceCall *call, AzBytes message)
{
	PbEventBook *request =
	az_service_request(call, &pb_event_book_descriptor, message);
	AzCoordination asked = {0};

	if (request == NULL)
		return;
	asked.kind = "projector";
	asked.path = "book";
	asked.book = request;
	asked.sync_mode = PB_SYNC_MODE_SIMPLE;
	az_coordinator_begin(call, &asked, all_done);
}

static void
handle_speculative(AzServiceCall *call, AzBytes message)
{
	const PbSpeculateProjectorRequest *request =
	az_service_request(call, &pb_speculate_projector_request_descriptor, message);
	AzCoordination asked = {0};

	if (request == NULL)
		return;
	asked.kind = "projector";
	asked.path = "events";
	asked.book = request->events;
	asked.is_speculative = true;
	asked.wants_one = true;
	az_coordinator_begin(call, &asked, projection_done);
}

static void
projection_done(AzJob *job)
{
	az_coordinator_answer(job, az_coordinate_result(job)->projection);
}

static void
all_done(AzJob *job)
{
	static const PbEmpty nothing = PB_EMPTY_INIT;

	az_coordinator_answer(job, &nothing);
}
