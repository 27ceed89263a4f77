/* The list of every service that is served. */
#include "service/command_handler.h"
#include "service/dlq_admin.h"
#include "service/event_query.h"
#include "service/event_stream.h"
#include "service/health.h"
#include "service/process_manager_coordinator.h"
#include "service/projector_coordinator.h"
#include "service/reflection.h"
#include "service/saga_coordinator.h"

const AzService *const az_services[] = {
	&az_health_service,
	&az_reflection_service,
	&az_reflection_alpha_service,
	&az_dlq_admin_service,
	&az_command_handler_service,
	&az_event_query_service,
	&az_event_stream_service,
	&az_process_manager_coordinator_service,
	&az_projector_coordinator_service,
	&az_saga_coordinator_service,
	NULL
};
