/* The list of every service that is served. */
#include "service/command_handler.h"
#include "service/dlq_admin.h"
#include "service/event_query.h"
#include "service/event_stream.h"
#include "service/health.h"
#include "service/reflection.h"

const AzService *const az_services[] = {
	&az_health_service,
	&az_reflection_service,
	&az_reflection_alpha_service,
	&az_dlq_admin_service,
	&az_command_handler_service,
	&az_event_query_service,
	&az_event_stream_service,
	NULL
};
