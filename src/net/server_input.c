/*
 * The messages of a call as they come in.
 *
 * Flow control bounds what unfinished messages may hold: beyond a budget per
 * connection, clients are not granted more on streams whose message is
 * unfinished, but for one at a time, so that it can end.
 */
#include "net/http2_server.h"
#include "net/server_input.h"
#include "wire/frame.h"

/* Bytes of unfinished messages of one connection. */
#define INPUT_BUDGET (4 * 1024 * 1024)

static void receive(AzServerCall *call, AzBytes data);
static bool keep(AzServerCall *call, AzBytes data);
static size_t deliver(AzServerCall *call, AzBytes input);
static bool has_patience(AzServerCall *call);
static void refuse_frame(AzServerCall *call, AzFrameResult why,
						 AzBytes frame);
static void allow_more(AzServerCall *call, size_t bytes);
static void feed_starved(AzServerConnection *connection);
static void feed(AzServerCall *call);

void
az_server_input_take(AzServerCall *call, AzBytes data)
{
	if (call->state == AZ_SERVER_CALL_RECEIVING)
		receive(call, data);
	allow_more(call, data.len);
}

void
az_server_call_hold(AzServerCall *call, bool hold)
{
	if (call->is_held == hold || call->state != AZ_SERVER_CALL_RECEIVING)
		return;
	call->is_held = hold;
	/* Inside an event what was read is accounted for when it returns. */
	if (hold || call->delivering)
		return;
	allow_more(call, 0);
	az_server_connection_touch(call->connection);
}

bool
az_server_input_is_unfinished(const AzServerCall *call)
{
	return call->input.len > 0;
}

/* Delivers whole messages; what is left over waits for more. */
static void
receive(AzServerCall *call, AzBytes data)
{
	bool		was_waiting = call->input.len > 0;
	AzBytes		rest = data;
	size_t		used;

	if (was_waiting)
	{
		if (!keep(call, data))
			return;
		rest = az_buffer_bytes(&call->input);
	}
	call->delivering = true;
	used = deliver(call, rest);
	call->delivering = false;
	if (call->state != AZ_SERVER_CALL_RECEIVING)
		az_server_input_drop(call);
	else if (was_waiting)
	{
		az_buffer_consume(&call->input, used);
		call->connection->buffered -= used;
	}
	else
	{
		rest.data += used;
		rest.len -= used;
		keep(call, rest);
	}
}

/* False: memory is out, the call has ended. */
static bool
keep(AzServerCall *call, AzBytes data)
{
	AzError		error = {0};

	if (az_buffer_append(&call->input, data.data, data.len))
	{
		call->connection->buffered += data.len;
		return true;
	}
	az_error_out_of_memory(&error);
	az_server_call_fail(call, &error);
	return false;
}

/* The number of bytes delivered. */
static size_t
deliver(AzServerCall *call, AzBytes input)
{
	AzServerContext *context = call->connection->context;
	size_t		max_size = call->connection->limits.max_message_bytes;
	size_t		total = 0;

	while (call->state == AZ_SERVER_CALL_RECEIVING)
	{
		AzBytes		rest = {input.data + total, input.len - total};
		AzBytes		message;
		size_t		used;
		AzFrameResult result = az_frame_decode(rest, max_size, &message, &used);

		if (result == AZ_FRAME_PARTIAL)
			break;
		if (result != AZ_FRAME_WHOLE)
		{
			refuse_frame(call, result, rest);
			break;
		}
		if (!has_patience(call))
			break;
		context->events->message(context->owner, call, message);
		total += used;
	}
	return total;
}

/*
 * Small questions may have large answers: one read can hold thousands of
 * them, and a client that grants no window takes none of the answers.
 */
static bool
has_patience(AzServerCall *call)
{
	const AzServerConnection *connection = call->connection;
	const AzServerLimits *limits = &connection->limits;
	AzError		error = {0};

	if (!call->responded || connection->queued <=
		2 * limits->max_output_bytes + limits->max_message_bytes)
		return true;
	az_error_set(&error, call->arena, AZ_RESOURCE_EXHAUSTED,
				 "%zu bytes of answers on this connection wait to be read",
				 connection->queued);
	az_server_call_fail(call, &error);
	return false;
}

static void
refuse_frame(AzServerCall *call, AzFrameResult why, AzBytes frame)
{
	AzError		error = {0};

	if (why == AZ_FRAME_TOO_LARGE)
	{
		az_error_set(&error, call->arena, AZ_RESOURCE_EXHAUSTED,
					 "message of %u bytes is over the limit of %zu bytes",
					 (unsigned) frame.data[1] << 24 | frame.data[2] << 16 |
					 frame.data[3] << 8 | frame.data[4],
					 call->connection->limits.max_message_bytes);
		error.hint = "The setting angzarr.max_message_size is the limit.";
	}
	else if (why == AZ_FRAME_COMPRESSED)
	{
		call->request.is_coded = true;
		az_error_set(&error, call->arena, AZ_UNIMPLEMENTED,
					 "compressed messages are not supported");
	}
	else
		az_error_set(&error, call->arena, AZ_INTERNAL,
					 "message begins with flag byte %u, not 0",
					 (unsigned) frame.data[0]);
	az_server_call_fail(call, &error);
}

void
az_server_input_drop(AzServerCall *call)
{
	AzServerConnection *connection = call->connection;

	call->is_held = false;
	/* What an event was given stays until it returns. */
	if (call->delivering)
		return;
	connection->buffered -= az_buffer_bytes(&call->input).len;
	az_buffer_free(&call->input);
	az_list_remove(&call->starved);
	if (connection->fed == call)
		connection->fed = NULL;
	feed_starved(connection);
}

/*
 * Lets the client send as many bytes more as were taken: at once when no
 * message is unfinished, else when it is this call's turn.
 */
static void
allow_more(AzServerCall *call, size_t bytes)
{
	AzServerConnection *connection = call->connection;
	bool		unfinished = call->input.len > 0;

	call->withheld += bytes;
	if (connection->fed == call && (!unfinished || call->is_held))
		connection->fed = NULL;
	if (call->is_held)
		az_list_remove(&call->starved);
	else if (!unfinished || connection->fed == call)
		feed(call);
	else if (call->starved.list == NULL)
		az_list_append(&connection->starved, &call->starved, call);
	feed_starved(connection);
}

/* Over the budget only one call goes on, so that it can end. */
static void
feed_starved(AzServerConnection *connection)
{
	AzServerCall *call;

	while ((call = az_list_first(&connection->starved)) != NULL &&
		   (connection->buffered <= INPUT_BUDGET || connection->fed == NULL))
	{
		if (connection->buffered > INPUT_BUDGET)
			connection->fed = call;
		feed(call);
	}
}

static void
feed(AzServerCall *call)
{
	AzServerConnection *connection = call->connection;

	az_list_remove(&call->starved);
	if (!az_http2_server_grant(connection->http2, call->stream_id,
							   call->withheld))
		az_server_connection_break(connection);
	call->withheld = 0;
}
