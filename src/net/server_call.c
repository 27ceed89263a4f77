/*
 * The calls of clients: gRPC on one stream.
 *
 * A call lives as long as its stream.  Its owner knows it from "opened" until
 * "closed", which may come before the stream ends (its deadline passed) or
 * never (it was refused for its headers).  Freeing its arena frees the call.
 */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/http2_server.h"
#include "net/server_call.h"
#include "net/server_input.h"
#include "wire/frame.h"

/* How long an answer may wait for a client that does not take it. */
#define TAKE_TIMEOUT_US 60000000

/* Every answer begins so. */
#define RESPONSE_HEADERS \
	{":status", "200"}, {"content-type", "application/grpc"}

static bool set_state(AzServerCall *call, AzServerCallState state);
static void refuse(AzServerCall *call, const char *http_status);
static bool start_deadline(AzServerCall *call);
static void expire(AzTimer *timer);
static void tell_closed(AzServerCall *call, bool early);
static void give_up(AzServerCall *call);
static void finish(AzServerCall *call, const AzError *status);
static void limit_wait(AzServerCall *call);
static void respond_with_trailers(AzServerCall *call);
static bool respond(AzServerCall *call, const AzHeader *headers,
					size_t count, bool last);
static void resume(AzServerCall *call);
static void reset(AzServerCall *call, AzHttp2Reset why);

/* The states each state may follow. */
static const unsigned predecessors[] = {
	[AZ_SERVER_CALL_HEADERS] = 0,
	[AZ_SERVER_CALL_RECEIVING] = 1 << AZ_SERVER_CALL_HEADERS,
	[AZ_SERVER_CALL_HALF_CLOSED] = 1 << AZ_SERVER_CALL_RECEIVING,
	[AZ_SERVER_CALL_FINISHED] = 1 << AZ_SERVER_CALL_HEADERS | 1 << AZ_SERVER_CALL_RECEIVING |
	1 << AZ_SERVER_CALL_HALF_CLOSED,
	[AZ_SERVER_CALL_CLOSED] = 1 << AZ_SERVER_CALL_HEADERS | 1 << AZ_SERVER_CALL_RECEIVING |
	1 << AZ_SERVER_CALL_HALF_CLOSED | 1 << AZ_SERVER_CALL_FINISHED,
};

/* The one place that changes a call's state. */
static bool
set_state(AzServerCall *call, AzServerCallState state)
{
	if (!(predecessors[state] & 1 << call->state))
	{
		az_log(AZ_LOG_WARNING, "call of %s cannot go from state %d to %d",
			   call->request.path, (int) call->state, (int) state);
		return false;
	}
	call->state = state;
	return true;
}

/* ---- its life ---- */

AzServerCall *
az_server_call_create(AzServerConnection *connection, int32_t stream_id)
{
	AzArena    *arena = az_arena_create();
	AzServerCall *call;

	if (arena == NULL)
		return NULL;
	call = az_arena_alloc(arena, sizeof(AzServerCall));
	if (call == NULL)
	{
		az_arena_free(arena);
		return NULL;
	}
	call->connection = connection;
	call->stream_id = stream_id;
	call->arena = arena;
	call->deadline_us = INT64_MAX;
	call->timer.due = expire;
	call->timer.owner = call;
	az_server_request_init(&call->request, arena,
						   connection->limits.max_header_bytes);
	az_list_append(&connection->calls, &call->link, call);
	connection->context->n_calls++;
	return call;
}

void
az_server_call_destroy(AzServerCall *call)
{
	AzServerConnection *connection = call->connection;

	set_state(call, AZ_SERVER_CALL_CLOSED);
	az_loop_stop_timer(connection->context->loop, &call->timer);
	az_list_remove(&call->link);
	az_list_remove(&call->sender);
	az_server_input_drop(call);
	connection->queued -= az_buffer_bytes(&call->output).len;
	connection->context->n_calls--;
	tell_closed(call, !call->sent_end);
	az_buffer_free(&call->output);
	az_arena_free(call->arena);
	if (connection->calls.count == 0)
		az_server_connection_rest(connection);
}

void
az_server_call_take_header(AzServerCall *call, AzBytes name, AzBytes value)
{
	az_server_request_take(&call->request, name, value);
}

void
az_server_call_take_headers_end(AzServerCall *call)
{
	AzServerConnection *connection = call->connection;
	AzServerRequest *request = &call->request;
	const char *http_status = az_server_request_http_status(request);

	if (strcmp(http_status, "200") != 0)
	{
		refuse(call, http_status);
		return;
	}
	if (request->refusal.code == AZ_OK &&
		connection->queued > connection->limits.max_output_bytes)
		az_error_set(&request->refusal, request->arena, AZ_RESOURCE_EXHAUSTED,
					 "%zu bytes of answers on this connection wait to be read",
					 connection->queued);
	if (request->refusal.code == AZ_OK && !start_deadline(call))
		az_error_out_of_memory(&request->refusal);
	if (request->refusal.code != AZ_OK)
	{
		finish(call, &request->refusal);
		return;
	}
	set_state(call, AZ_SERVER_CALL_RECEIVING);
	call->told = true;
	connection->context->events->opened(connection->context->owner, call);
}

/* Answers what is not gRPC in the words of HTTP. */
static void
refuse(AzServerCall *call, const char *http_status)
{
	AzHeader	headers[] = {{":status", http_status}, {"allow", "POST"}};
	bool		is_method = strcmp(http_status, "405") == 0;

	set_state(call, AZ_SERVER_CALL_FINISHED);
	respond(call, headers, is_method ? 2 : 1, true);
}

void
az_server_call_take_end(AzServerCall *call)
{
	AzServerContext *context = call->connection->context;
	AzError		error = {0};

	call->request_ended = true;
	if (call->state != AZ_SERVER_CALL_RECEIVING)
		return;
	if (az_server_input_is_unfinished(call))
	{
		az_error_set(&error, call->arena, AZ_INTERNAL,
					 "the request ended inside a message, after %zu bytes of it",
					 az_buffer_bytes(&call->input).len);
		az_server_call_fail(call, &error);
		return;
	}
	set_state(call, AZ_SERVER_CALL_HALF_CLOSED);
	context->events->half_closed(context->owner, call);
}

static bool
start_deadline(AzServerCall *call)
{
	int64_t		now_us;

	if (call->request.timeout_us == INT64_MAX)
		return true;
	now_us = az_clock_monotonic_us();
	if (call->request.timeout_us >= INT64_MAX - now_us)
		return true;
	call->deadline_us = now_us + call->request.timeout_us;
	return az_loop_start_timer(call->connection->context->loop, &call->timer,
							   call->deadline_us);
}

static void
expire(AzTimer *timer)
{
	AzServerCall *call = timer->owner;
	AzError		error = {0};

	if (call->state != AZ_SERVER_CALL_FINISHED)
	{
		az_error_set(&error, call->arena, AZ_DEADLINE_EXCEEDED,
					 "the deadline passed before there was an answer");
		az_server_call_fail(call, &error);
		return;
	}
	reset(call, AZ_HTTP2_RESET_CANCEL);
}

void
az_server_call_fail(AzServerCall *call, const AzError *status)
{
	finish(call, status);
	tell_closed(call, true);
}

static void
tell_closed(AzServerCall *call, bool early)
{
	AzServerContext *context = call->connection->context;

	if (!call->told)
		return;
	call->told = false;
	context->events->closed(context->owner, call, early);
}

/* ---- what goes out ---- */

bool
az_server_call_open(AzServerCall *call)
{
	AzHeader	headers[] = {RESPONSE_HEADERS};

	if (call->state != AZ_SERVER_CALL_RECEIVING && call->state != AZ_SERVER_CALL_HALF_CLOSED)
		return false;
	if (call->responded)
		return true;
	return respond(call, headers, 2, false);
}

bool
az_server_call_send(AzServerCall *call, AzBytes message)
{
	AzServerConnection *connection = call->connection;
	size_t		size = AZ_FRAME_HEADER_SIZE + message.len;
	uint8_t    *room;

	if (!az_server_call_open(call))
		return false;
	if (message.len > UINT32_MAX ||
		(room = az_buffer_reserve(&call->output, size)) == NULL)
	{
		give_up(call);
		return false;
	}
	az_frame_encode_header(room, (uint32_t) message.len);
	if (message.len > 0)
		memcpy(room + AZ_FRAME_HEADER_SIZE, message.data, message.len);
	call->output.len += size;
	connection->queued += size;
	if (call->sender.list == NULL)
		az_list_append(&connection->senders, &call->sender, call);
	resume(call);
	return true;
}

/* There is something to give that HTTP/2 may have asked for in vain. */
static void
resume(AzServerCall *call)
{
	AzServerConnection *connection = call->connection;

	if (call->is_waiting)
	{
		call->is_waiting = false;
		if (!az_http2_server_resume(connection->http2, call->stream_id))
			az_server_connection_break(connection);
	}
	az_server_connection_touch(connection);
}

/* Memory is out for an answer: the stream ends, and with it the call. */
static void
give_up(AzServerCall *call)
{
	set_state(call, AZ_SERVER_CALL_FINISHED);
	reset(call, AZ_HTTP2_RESET_INTERNAL);
}

static void
reset(AzServerCall *call, AzHttp2Reset why)
{
	AzServerConnection *connection = call->connection;

	if (!az_http2_server_reset(connection->http2, call->stream_id, why))
		az_server_connection_break(connection);
	az_server_connection_touch(connection);
}

void
az_server_call_finish(AzServerCall *call, const AzError *status)
{
	if (call->state == AZ_SERVER_CALL_RECEIVING || call->state == AZ_SERVER_CALL_HALF_CLOSED)
		finish(call, status);
}

static void
finish(AzServerCall *call, const AzError *status)
{
	if (!set_state(call, AZ_SERVER_CALL_FINISHED))
		return;
	limit_wait(call);
	az_server_input_drop(call);
	az_list_remove(&call->sender);
	az_trailers_build(&call->trailers, status, call->arena);
	if (call->responded)
		resume(call);
	else
		respond_with_trailers(call);
}

/* Trailers only, in the place of response headers. */
static void
respond_with_trailers(AzServerCall *call)
{
	AzHeader	headers[3 + AZ_TRAILERS_MAX] = {RESPONSE_HEADERS,
	{"grpc-accept-encoding", "identity"}};
	size_t		count = call->request.is_coded ? 3 : 2;

	for (size_t i = 0; i < call->trailers.count; i++)
		headers[count++] = call->trailers.headers[i];
	respond(call, headers, count, true);
}

/* A client that does not take its answer cannot keep it here for ever. */
static void
limit_wait(AzServerCall *call)
{
	int64_t		due_us = az_clock_monotonic_us() + TAKE_TIMEOUT_US;

	if (due_us < call->deadline_us)
		az_loop_start_timer(call->connection->context->loop, &call->timer,
							due_us);
}

static bool
respond(AzServerCall *call, const AzHeader *headers, size_t count, bool last)
{
	AzServerConnection *connection = call->connection;
	bool		done = az_http2_server_respond(connection->http2,
											   call->stream_id, headers,
											   count, last);

	call->responded = true;
	if (!done)
		az_server_connection_break(connection);
	az_server_connection_touch(connection);
	return done;
}

AzCallOutput
az_server_call_give(AzServerCall *call, uint8_t *room, size_t size,
					size_t *len)
{
	AzBytes		output = az_buffer_bytes(&call->output);

	*len = output.len < size ? output.len : size;
	if (*len > 0)
	{
		memcpy(room, output.data, *len);
		az_buffer_consume(&call->output, *len);
		call->connection->queued -= *len;
	}
	if (*len < output.len)
		return AZ_CALL_OUTPUT_MORE;
	if (call->state == AZ_SERVER_CALL_FINISHED)
		return AZ_CALL_OUTPUT_LAST;
	if (*len > 0)
		return AZ_CALL_OUTPUT_MORE;
	call->is_waiting = true;
	return AZ_CALL_OUTPUT_LATER;
}

const AzTrailers *
az_server_call_trailers(const AzServerCall *call)
{
	return &call->trailers;
}

bool
az_server_call_sent_end(AzServerCall *call)
{
	call->sent_end = true;
	return !call->request_ended;
}

void
az_server_call_tell_drained(AzServerConnection *connection)
{
	AzServerContext *context = connection->context;
	AzServerCall *call;
	size_t		count = connection->senders.count;

	while (count-- > 0 &&
		   (call = az_list_first(&connection->senders)) != NULL)
	{
		az_list_remove(&call->sender);
		if (az_server_call_unsent(call) > 0)
			az_list_append(&connection->senders, &call->sender, call);
		else if (context->events->drained != NULL)
			context->events->drained(context->owner, call);
	}
}

/* ---- for the owner ---- */

const char *
az_server_call_path(const AzServerCall *call)
{
	return call->request.path;
}

const AzMetadata *
az_server_call_metadata(const AzServerCall *call)
{
	return &call->request.metadata;
}

int64_t
az_server_call_deadline_us(const AzServerCall *call)
{
	return call->deadline_us;
}

AzArena *
az_server_call_arena(AzServerCall *call)
{
	return call->arena;
}

void
az_server_call_set_state(AzServerCall *call, void *state)
{
	call->owner_state = state;
}

void *
az_server_call_state(const AzServerCall *call)
{
	return call->owner_state;
}

size_t
az_server_call_unsent(const AzServerCall *call)
{
	return az_buffer_bytes(&call->output).len;
}
