/*
 * io.angzarr.v1.EventQueryService: reading books.
 *
 * A call has one job at a time.  What Synchronize is asked while one is under
 * way waits in a queue; the client is granted no more input until the queue
 * is empty, so that it holds what was under way and no more.
 */
#include "service/event_query.h"

#include <string.h>

#include "codec/decode.h"
#include "pipeline/book_stream.h"
#include "pipeline/query.h"
#include "pipeline/roots.h"
#include "pipeline/selection.h"

#define MAX_UNSENT (64 * 1024)	/* bytes of a call that wait for no drain */
#define IN_PIECES \
	"GetEvents gives it in pieces, a range of sequences a part of it"

/* A call that answers with more than one message; in the call's arena. */
typedef struct AzQueryCall
{
	bool		is_full;		/* nothing is sent until output has left */
	bool		is_half_closed;
	AzBuffer	waiting;		/* queries of Synchronize, each after its size */
} AzQueryCall;

static void get_event_book(AzServiceCall *call, AzBytes message);
static void get_events(AzServiceCall *call, AzBytes message);
static void get_aggregate_roots(AzServiceCall *call, AzBytes message);
static void synchronize(AzServiceCall *call, AzBytes message);
static void synchronize_half_closed(AzServiceCall *call);
static void drained(AzServiceCall *call);
static void closed(AzServiceCall *call);
static void query_done(AzJob *job);
static void stream_done(AzJob *job);
static void synchronize_done(AzJob *job);
static bool start_stream(AzServiceCall *call, AzBytes message, bool single,
						 void (*done) (AzJob *job));
static void start_next(AzServiceCall *call);
static AzQueryCall *query_call(AzServiceCall *call);
static AzOutletState send_message(AzJob *job, AzBytes message);

static const AzMethod methods[] = {
	{.name = "GetEventBook",.message = get_event_book,.drained = drained},
	{.name = "GetEvents",.message = get_events,.drained = drained},
	{
		.name = "Synchronize",
		.client_streams = true,
		.message = synchronize,
		.half_closed = synchronize_half_closed,
		.drained = drained,
		.closed = closed
	},
	{
		.name = "GetAggregateRoots",
		.message = get_aggregate_roots,
		.drained = drained
	},
	{NULL}
};

const AzService az_event_query_service = {
	"io.angzarr.v1.EventQueryService", methods
};

/* ---- GetEventBook ---- */

/* One load where that will do, else a stream of one message. */
static void
get_event_book(AzServiceCall *call, AzBytes message)
{
	AzError		error = {0};
	AzQueryJob *query =
	az_query_create(az_services_jobs(call->services), &error);
	AzJob	   *job;
	PbQuery    *request;

	if (query == NULL)
	{
		az_service_fail(call, &error);
		return;
	}
	job = az_query_job(query);
	request = az_decode(&pb_query_descriptor, message, job->arena, &error);
	if (request != NULL && az_selection_is_plain(request))
	{
		az_query_set_request(query, request);
		az_service_begin(call, job, query_done);
		return;
	}
	if (request == NULL)
		az_service_fail(call, &error);
	az_job_cancel(job);
	if (request != NULL)
		(void) start_stream(call, message, true, stream_done);
}

static void
query_done(AzJob *job)
{
	az_service_end(job, az_query_response(job), IN_PIECES);
}

/* ---- GetEvents ---- */

static void
get_events(AzServiceCall *call, AzBytes message)
{
	(void) start_stream(call, message, false, stream_done);
}

static void
stream_done(AzJob *job)
{
	AzServiceCall *call = job->owner;

	call->job = NULL;
	az_service_fail(call, &job->error);
}

/* False when the call was ended instead. */
static bool
start_stream(AzServiceCall *call, AzBytes message, bool single,
			 void (*done) (AzJob *job))
{
	AzError		error = {0};
	AzBookStream *stream;
	PbQuery    *request;

	if (query_call(call) == NULL)
		return false;
	stream = az_book_stream_create(az_services_jobs(call->services),
								   send_message, single, &error);
	if (stream == NULL)
	{
		az_service_fail(call, &error);
		return false;
	}
	request = az_decode(&pb_query_descriptor, message,
						az_book_stream_job(stream)->arena, &error);
	if (request == NULL)
	{
		az_service_fail(call, &error);
		az_job_cancel(az_book_stream_job(stream));
		return false;
	}
	az_book_stream_set_request(stream, request);
	az_service_begin(call, az_book_stream_job(stream), done);
	return call->job != NULL;
}

/* ---- Synchronize ---- */

static void
synchronize(AzServiceCall *call, AzBytes message)
{
	AzQueryCall *own = query_call(call);
	uint32_t	size = (uint32_t) message.len;
	AzError		error = {0};

	if (own == NULL)
		return;
	if (call->job == NULL && !own->is_full)
	{
		(void) start_stream(call, message, false, synchronize_done);
		return;
	}
	az_server_call_hold(call->call, true);
	if (az_buffer_append(&own->waiting, &size, sizeof(size)) &&
		az_buffer_append(&own->waiting, message.data, message.len))
		return;
	az_error_out_of_memory(&error);
	az_service_fail(call, &error);
}

static void
synchronize_half_closed(AzServiceCall *call)
{
	AzQueryCall *own = query_call(call);

	if (own == NULL)
		return;
	own->is_half_closed = true;
	if (call->job == NULL && !own->is_full)
		start_next(call);
}

static void
synchronize_done(AzJob *job)
{
	AzServiceCall *call = job->owner;
	AzQueryCall *own = call->state;

	call->job = NULL;
	if (job->error.code != AZ_OK)
		az_service_fail(call, &job->error);
	else if (!own->is_full)
		start_next(call);
}

/* The next query that waits; none, and none will come: the end. */
static void
start_next(AzServiceCall *call)
{
	AzQueryCall *own = call->state;
	AzBytes		waiting = az_buffer_bytes(&own->waiting);
	AzError		error = {0};
	AzBytes		message;
	uint32_t	size;

	if (waiting.len == 0)
	{
		if (!own->is_half_closed && az_services_is_stopping(call->services))
			az_error_set(&error, NULL, AZ_UNAVAILABLE,
						 "the server is stopping");
		if (own->is_half_closed || error.code != AZ_OK)
			az_service_fail(call, &error);
		return;
	}
	memcpy(&size, waiting.data, sizeof(size));
	message.data = waiting.data + sizeof(size);
	message.len = size;
	if (!start_stream(call, message, false, synchronize_done))
		return;
	az_buffer_consume(&own->waiting, sizeof(size) + size);
	if (az_buffer_bytes(&own->waiting).len == 0)
		az_server_call_hold(call->call, false);
}

static void
closed(AzServiceCall *call)
{
	AzQueryCall *own = call->state;

	if (own != NULL)
		az_buffer_free(&own->waiting);
}

/* ---- GetAggregateRoots ---- */

static void
get_aggregate_roots(AzServiceCall *call, AzBytes message)
{
	AzError		error = {0};
	AzJob	   *job;

	if (query_call(call) == NULL)
		return;
	job = az_roots_create(az_services_jobs(call->services), send_message,
						  &error);
	if (job == NULL)
		az_service_fail(call, &error);
	else if (az_decode(&pb_empty_descriptor, message, job->arena,
					   &error) == NULL)
	{
		az_service_fail(call, &error);
		az_job_cancel(job);
	}
	else
		az_service_begin(call, job, stream_done);
}

/* ---- for all of them ---- */

/* The call's own state, made when needed; NULL when the call was ended. */
static AzQueryCall *
query_call(AzServiceCall *call)
{
	AzError		error = {0};

	if (call->state != NULL)
		return call->state;
	call->state = az_arena_alloc(az_server_call_arena(call->call),
								 sizeof(AzQueryCall));
	if (call->state == NULL)
	{
		az_error_out_of_memory(&error);
		az_service_fail(call, &error);
	}
	return call->state;
}

static AzOutletState
send_message(AzJob *job, AzBytes message)
{
	AzServiceCall *call = job->owner;
	AzQueryCall *own = call->state;

	if (!az_server_call_send(call->call, message))
		return AZ_OUTLET_GONE;
	own->is_full = az_server_call_unsent(call->call) > MAX_UNSENT;
	return own->is_full ? AZ_OUTLET_FULL : AZ_OUTLET_OPEN;
}

/* What the client was sent it has taken: the job goes on. */
static void
drained(AzServiceCall *call)
{
	AzQueryCall *own = call->state;

	if (own == NULL || !own->is_full)
		return;
	own->is_full = false;
	if (call->job != NULL)
		az_job_resume(call->job);
	else if (call->method->client_streams)
		start_next(call);
}
