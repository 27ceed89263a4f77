/*
 * grpc.health.v1.Health: whether this server serves.
 *
 * Whoever can be asked serves: the engine listens only while it does its
 * work.  So a state changes once, when the server stops: a Watch says its
 * first state, stays open, and ends with NOT_SERVING.
 */
#include "service/health.h"

#include <string.h>

#include "codec/decode.h"
#include "codec/messages.h"
#include "codec/utf8.h"

#define MAX_SHOWN 256			/* bytes of a name in an error */

static void check(AzServiceCall *call, AzBytes message);
static void watch(AzServiceCall *call, AzBytes message);
static void stop_watch(AzServiceCall *call);
static const char *read_service(AzServiceCall *call, AzBytes message);
static bool is_served(const char *name);
static void answer(AzServiceCall *call, int status, bool last);

static const AzMethod methods[] = {
	{.name = "Check",.message = check},
	{.name = "Watch",.message = watch,.stopping = stop_watch},
	{NULL}
};

const AzService az_health_service = {"grpc.health.v1.Health", methods};

static void
check(AzServiceCall *call, AzBytes message)
{
	AzArena    *arena = az_server_call_arena(call->call);
	const char *name = read_service(call, message);
	AzError		error = {0};

	if (name == NULL)
		return;
	if (is_served(name))
	{
		answer(call, PB_SERVING_STATUS_SERVING, true);
		return;
	}
	name = az_utf8_clean(arena, name, MAX_SHOWN);
	az_error_set(&error, arena, AZ_NOT_FOUND,
				 "service \"%s\" is not served here", name != NULL ? name : "");
	az_service_fail(call, &error);
}

static void
watch(AzServiceCall *call, AzBytes message)
{
	const char *name = read_service(call, message);

	if (name != NULL)
		answer(call, is_served(name) ? PB_SERVING_STATUS_SERVING
			   : PB_SERVING_STATUS_SERVICE_UNKNOWN, false);
}

static void
stop_watch(AzServiceCall *call)
{
	answer(call, PB_SERVING_STATUS_NOT_SERVING, false);
}

/* The name asked for, or NULL when the call has been ended. */
static const char *
read_service(AzServiceCall *call, AzBytes message)
{
	const PbHealthCheckRequest *request =
	az_service_request(call, &pb_health_check_request_descriptor, message);

	return request != NULL ? request->service : NULL;
}

/* The empty name is the server as a whole. */
static bool
is_served(const char *name)
{
	if (name[0] == '\0')
		return true;
	for (size_t i = 0; az_services[i] != NULL; i++)
		if (strcmp(az_services[i]->name, name) == 0)
			return true;
	return false;
}

static void
answer(AzServiceCall *call, int status, bool last)
{
	PbHealthCheckResponse response = PB_HEALTH_CHECK_RESPONSE_INIT;

	response.status = status;
	az_service_answer(call, &response, last, NULL);
}
