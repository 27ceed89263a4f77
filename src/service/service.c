/*
 * The dispatcher: routes calls to methods by path, ties jobs to calls, and
 * gives a job up when nobody waits for its answer any more.
 */
#include "service/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "codec/decode.h"
#include "codec/messages.h"
#include "service/event_stream.h"

struct AzServices
{
	AzJobs	   *jobs;
	AzEventStreams *streams;
	AzMap	   *routes;			/* path → AzMethod */
	AzServiceCall *open;
	bool		is_stopping;
};

static bool add_routes(AzServices *services);
static bool add_route(AzServices *services, const AzService *service,
					  const AzMethod *method);
static void call_opened(void *owner, AzServerCall *server_call);
static void call_message(void *owner, AzServerCall *server_call,
						 AzBytes message);
static void call_half_closed(void *owner, AzServerCall *server_call);
static void call_drained(void *owner, AzServerCall *server_call);
static void call_closed(void *owner, AzServerCall *server_call, bool early);
static void fail_text(AzServerCall *call, AzCode code, const char *format,
					  const char *value);
static void stop_call(AzServiceCall *call);
static bool take_metadata(AzServiceCall *call, AzJob *job);

const AzServerEvents az_service_events = {
	.opened = call_opened,
	.message = call_message,
	.half_closed = call_half_closed,
	.drained = call_drained,
	.closed = call_closed
};

AzServices *
az_services_create(AzJobs *jobs)
{
	AzServices *services = calloc(1, sizeof(AzServices));

	if (services == NULL)
		return NULL;
	services->jobs = jobs;
	services->routes = az_map_create();
	services->streams = az_event_streams_create(jobs);
	if (services->routes != NULL && services->streams != NULL &&
		add_routes(services))
		return services;
	az_services_free(services);
	return NULL;
}

void
az_services_free(AzServices *services)
{
	if (services == NULL)
		return;
	if (services->routes != NULL)
		az_map_free(services->routes);
	az_event_streams_free(services->streams);
	free(services);
}

AzJobs *
az_services_jobs(const AzServices *services)
{
	return services->jobs;
}

AzEventStreams *
az_services_streams(const AzServices *services)
{
	return services->streams;
}

bool
az_services_is_stopping(const AzServices *services)
{
	return services->is_stopping;
}

void
az_services_stop(AzServices *services)
{
	AzServiceCall *call;

	services->is_stopping = true;
	DL_FOREACH2(services->open, call, next)
		stop_call(call);
}

void *
az_service_request(AzServiceCall *call, const ProtobufCMessageDescriptor *type,
				   AzBytes message)
{
	AzError		error = {0};
	void	   *request = az_decode(type, message,
									az_server_call_arena(call->call), &error);

	if (request == NULL)
		az_service_fail(call, &error);
	return request;
}

void
az_service_begin(AzServiceCall *call, AzJob *job, void (*done) (AzJob *job))
{
	AzError		error = {0};

	job->deadline_us = az_server_call_deadline_us(call->call);
	job->owner = call;
	job->done = done;
	if (!take_metadata(call, job))
	{
		az_job_cancel(job);
		az_error_out_of_memory(&error);
		az_service_fail(call, &error);
		return;
	}
	call->job = job;
	az_job_start(job);
}

void
az_service_end(AzJob *job, const void *response, const char *advice)
{
	AzServiceCall *call = job->owner;

	call->job = NULL;
	if (job->error.code != AZ_OK)
		az_service_fail(call, &job->error);
	else
		az_service_answer(call, response, true, advice);
}

void
az_service_fail(AzServiceCall *call, const AzError *error)
{
	az_server_call_finish(call->call, error);
}

void
az_service_answer(AzServiceCall *call, const void *message, bool last,
				  const char *advice)
{
	AzArena    *arena = az_server_call_arena(call->call);
	size_t		limit = call->services->jobs->settings.max_message_bytes;
	size_t		size = protobuf_c_message_get_packed_size(message);
	AzError		error = {0};
	AzBytes		bytes;

	if (size > limit)
	{
		az_error_set(&error, arena, AZ_RESOURCE_EXHAUSTED,
					 "the answer has %zu bytes, allowed are %zu (angzarr.max_message_size)%s%s",
					 size, limit, advice != NULL ? "; " : "",
					 advice != NULL ? advice : "");
		az_service_fail(call, &error);
		return;
	}
	if (!az_encode(message, arena, &bytes, &error))
	{
		az_service_fail(call, &error);
		return;
	}
	if (az_server_call_send(call->call, bytes) && last)
		az_server_call_finish(call->call, &error);
}

static bool
add_routes(AzServices *services)
{
	for (const AzService *const *service = az_services; *service != NULL;
		 service++)
		for (const AzMethod *method = (*service)->methods;
			 method->name != NULL; method++)
			if (!add_route(services, *service, method))
				return false;
	return true;
}

static bool
add_route(AzServices *services, const AzService *service,
		  const AzMethod *method)
{
	AzArena    *scratch = az_arena_create();
	const char *path = scratch != NULL ?
	az_arena_format(scratch, "/%s/%s", service->name, method->name) : NULL;
	bool		added = path != NULL &&
	az_map_put(services->routes, az_bytes_of(path), (void *) method);

	az_arena_free(scratch);
	return added;
}

static void
call_opened(void *owner, AzServerCall *server_call)
{
	AzServices *services = owner;
	const char *path = az_server_call_path(server_call);
	const AzMethod *method = az_map_get(services->routes, az_bytes_of(path));
	AzServiceCall *call;

	if (method == NULL)
	{
		fail_text(server_call, AZ_UNIMPLEMENTED, "method %s is not served in this version",
				  path);
		return;
	}
	call = az_arena_alloc(az_server_call_arena(server_call),
						  sizeof(AzServiceCall));
	if (call == NULL)
	{
		fail_text(server_call, AZ_RESOURCE_EXHAUSTED, "%s", "out of memory");
		return;
	}
	call->services = services;
	call->call = server_call;
	call->method = method;
	az_server_call_set_state(server_call, call);
	DL_APPEND2(services->open, call, previous, next);
	if (services->is_stopping)
		stop_call(call);
}

static void
call_message(void *owner, AzServerCall *server_call, AzBytes message)
{
	AzServiceCall *call = az_server_call_state(server_call);

	if (call == NULL)
		return;
	if (call->messages++ > 0 && !call->method->client_streams)
	{
		if (call->job != NULL)
			az_job_cancel(call->job);
		call->job = NULL;
		fail_text(server_call, AZ_INVALID_ARGUMENT,
				  "more than one request message for the unary method %s",
				  call->method->name);
		return;
	}
	call->method->message(call, message);
}

static void
call_half_closed(void *owner, AzServerCall *server_call)
{
	AzServiceCall *call = az_server_call_state(server_call);

	if (call == NULL)
		return;
	if (call->messages == 0 && !call->method->client_streams)
		fail_text(server_call, AZ_INVALID_ARGUMENT,
				  "no request message for the method %s", call->method->name);
	else if (call->method->half_closed != NULL)
		call->method->half_closed(call);
}

static void
call_drained(void *owner, AzServerCall *server_call)
{
	AzServiceCall *call = az_server_call_state(server_call);

	if (call != NULL && call->method->drained != NULL)
		call->method->drained(call);
}

static void
call_closed(void *owner, AzServerCall *server_call, bool early)
{
	AzServiceCall *call = az_server_call_state(server_call);

	if (call == NULL)
		return;
	DL_DELETE2(call->services->open, call, previous, next);
	if (call->job != NULL)
		az_job_cancel(call->job);
	call->job = NULL;
	if (call->method->closed != NULL)
		call->method->closed(call);
}

static void
fail_text(AzServerCall *call, AzCode code, const char *format,
		  const char *value)
{
	AzError		error = {0};
	char		text[256];

	snprintf(text, sizeof(text), format, value);
	error.code = code;
	error.message = text;
	az_server_call_finish(call, &error);
}

/* A call that is answered already takes no notice of this. */
static void
stop_call(AzServiceCall *call)
{
	if (call->job != NULL)
		return;
	if (call->method->stopping != NULL)
		call->method->stopping(call);
	fail_text(call->call, AZ_UNAVAILABLE, "%s", "the server is stopping");
}

/* What travels from callers to business logic: contract section 3. */
static bool
take_metadata(AzServiceCall *call, AzJob *job)
{
	static const char *const travels[] = {
		"x-correlation-id", "traceparent", "tracestate"
	};
	const AzMetadata *metadata = az_server_call_metadata(call->call);

	for (size_t i = 0; i < sizeof(travels) / sizeof(travels[0]); i++)
	{
		const char *value = az_metadata_get(metadata, travels[i]);

		if (value != NULL &&
			!az_metadata_add(&job->metadata, job->arena,
							 az_bytes_of(travels[i]), az_bytes_of(value)))
			return false;
	}
	return true;
}
