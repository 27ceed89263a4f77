/*
 * What nghttp2 tells and asks the server of one connection.
 *
 * Callbacks hand on and return; none of them reads, writes or frees the
 * session they run in.  A stream's user data is its call, from the first
 * header until the stream is closed.
 */
#include "base/clock.h"
#include "base/log.h"
#include "net/http2_server.h"
#include "net/http2_server_callbacks.h"
#include "net/server_call.h"
#include "net/server_input.h"

#define SECOND_US 1000000

/*
 * Headers so many times over the limit end the connection rather than the
 * call: decoding them is work that the client gets for nothing.
 */
#define HEADER_FLOOD 16

static int	begin_frame(nghttp2_session *session,
						const nghttp2_frame_hd * head, void *owner);
static int	begin_headers(nghttp2_session *session,
						  const nghttp2_frame *frame, void *owner);
static int	take_header(nghttp2_session *session, const nghttp2_frame *frame,
						const uint8_t *name, size_t name_len,
						const uint8_t *value, size_t value_len,
						uint8_t flags, void *owner);
static int	take_frame(nghttp2_session *session, const nghttp2_frame *frame,
					   void *owner);
static void take_headers(AzHttp2Server *http2, const nghttp2_frame *frame);
static void take_end(AzHttp2Server *http2, int32_t stream_id);
static void take_ping(AzHttp2Server *http2, const nghttp2_frame *frame);
static void count_control(AzHttp2Server *http2);
static void count_reset(AzHttp2Server *http2);
static bool exceeds(AzRate *rate, size_t limit);
static void calm(AzHttp2Server *http2, const char *what);
static int	take_data(nghttp2_session *session, uint8_t flags,
					  int32_t stream_id, const uint8_t *data, size_t len,
					  void *owner);
static int	close_stream(nghttp2_session *session, int32_t stream_id,
						 uint32_t error_code, void *owner);
static int	sent_frame(nghttp2_session *session, const nghttp2_frame *frame,
					   void *owner);
static void sent_last_headers(AzHttp2Server *http2, int32_t stream_id);
static int	not_sent_frame(nghttp2_session *session,
						   const nghttp2_frame *frame, int error,
						   void *owner);
static bool submit_trailers(AzHttp2Server *http2, int32_t stream_id,
							const AzTrailers *trailers);

bool
az_http2_server_callbacks_new(nghttp2_session_callbacks **callbacks)
{
	if (nghttp2_session_callbacks_new(callbacks) != 0)
		return false;
	nghttp2_session_callbacks_set_on_begin_frame_callback(*callbacks,
														  begin_frame);
	nghttp2_session_callbacks_set_on_begin_headers_callback(*callbacks,
															begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(*callbacks, take_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(*callbacks,
														 take_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(*callbacks,
															  take_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(*callbacks,
														   close_stream);
	nghttp2_session_callbacks_set_on_frame_send_callback(*callbacks,
														 sent_frame);
	nghttp2_session_callbacks_set_on_frame_not_send_callback(*callbacks,
															 not_sent_frame);
	return true;
}

/* ---- what comes in ---- */

/*
 * nghttp2 passes over headers of a stream that is gone or was left out; a
 * stream of its own that a client opens out of order is an error, though.
 */
static int
begin_frame(nghttp2_session *session, const nghttp2_frame_hd * head,
			void *owner)
{
	AzHttp2Server *http2 = owner;

	if (head->type != NGHTTP2_HEADERS ||
		head->stream_id % 2 == 0 || head->stream_id >= http2->last_stream_id ||
		nghttp2_session_find_stream(session, head->stream_id) != NULL)
		return 0;
	if (nghttp2_session_terminate_session(session,
										  NGHTTP2_PROTOCOL_ERROR) != 0)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	return 0;
}

static int
begin_headers(nghttp2_session *session, const nghttp2_frame *frame,
			  void *owner)
{
	AzHttp2Server *http2 = owner;
	AzServerConnection *connection = http2->connection;
	AzServerCall *call = NULL;

	http2->block_bytes = 0;
	if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	http2->last_stream_id = frame->hd.stream_id;
	if (!http2->is_calmed &&
		connection->calls.count < connection->limits.max_streams)
		call = az_server_call_create(connection, frame->hd.stream_id);
	if (call == NULL)
	{
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE,
								  frame->hd.stream_id,
								  NGHTTP2_REFUSED_STREAM);
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	}
	nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, call);
	return 0;
}

static int
take_header(nghttp2_session *session, const nghttp2_frame *frame,
			const uint8_t *name, size_t name_len,
			const uint8_t *value, size_t value_len,
			uint8_t flags, void *owner)
{
	AzHttp2Server *http2 = owner;
	size_t		limit = http2->connection->limits.max_header_bytes;
	AzBytes		name_bytes = {name, name_len};
	AzBytes		value_bytes = {value, value_len};
	AzServerCall *call =
	nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

	http2->block_bytes += name_len + value_len;
	if (http2->block_bytes > HEADER_FLOOD * limit)
	{
		calm(http2, "header bytes");
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	}
	if (call != NULL && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		az_server_call_take_header(call, name_bytes, value_bytes);
	return 0;
}

static int
take_frame(nghttp2_session *session, const nghttp2_frame *frame, void *owner)
{
	AzHttp2Server *http2 = owner;

	switch (frame->hd.type)
	{
		case NGHTTP2_HEADERS:
			take_headers(http2, frame);
			break;
		case NGHTTP2_DATA:
			if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
				take_end(http2, frame->hd.stream_id);
			else if (frame->hd.length == frame->data.padlen)
				count_control(http2);
			break;
		case NGHTTP2_RST_STREAM:
			count_reset(http2);
			break;
		case NGHTTP2_PING:
			take_ping(http2, frame);
			break;
		case NGHTTP2_SETTINGS:
			az_server_connection_greet(http2->connection);
			count_control(http2);
			break;
		case NGHTTP2_PRIORITY:
			count_control(http2);
			break;
		default:
			break;
	}
	return 0;
}

static void
take_headers(AzHttp2Server *http2, const nghttp2_frame *frame)
{
	AzServerCall *call =
	nghttp2_session_get_stream_user_data(http2->session,
										 frame->hd.stream_id);

	if (call != NULL && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		az_server_call_take_headers_end(call);
	if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
		take_end(http2, frame->hd.stream_id);
}

static void
take_end(AzHttp2Server *http2, int32_t stream_id)
{
	AzServerCall *call =
	nghttp2_session_get_stream_user_data(http2->session, stream_id);

	if (call != NULL)
		az_server_call_take_end(call);
}

static void
take_ping(AzHttp2Server *http2, const nghttp2_frame *frame)
{
	if (!(frame->hd.flags & NGHTTP2_FLAG_ACK))
		count_control(http2);
	else if (http2->is_leaving && !az_http2_server_goodbye(http2, true))
		az_server_connection_break(http2->connection);
}

static void
count_control(AzHttp2Server *http2)
{
	if (exceeds(&http2->controls, http2->connection->limits.max_control_frames))
		calm(http2, "control frames a second");
}

static void
count_reset(AzHttp2Server *http2)
{
	if (exceeds(&http2->resets, http2->connection->limits.max_resets))
		calm(http2, "resets a second");
}

static bool
exceeds(AzRate *rate, size_t limit)
{
	int64_t		now_us = az_clock_monotonic_us();

	if (now_us - rate->since_us >= SECOND_US)
	{
		rate->since_us = now_us;
		rate->count = 0;
	}
	return ++rate->count > limit;
}

/* Ends the connection of a client that makes work for no good reason. */
static void
calm(AzHttp2Server *http2, const char *what)
{
	if (http2->is_calmed)
		return;
	http2->is_calmed = true;
	az_log(AZ_LOG_DEBUG, "closing a connection: too many %s", what);
	if (nghttp2_session_terminate_session(http2->session,
										  NGHTTP2_ENHANCE_YOUR_CALM) != 0)
		az_server_connection_break(http2->connection);
}

static int
take_data(nghttp2_session *session, uint8_t flags, int32_t stream_id,
		  const uint8_t *data, size_t len, void *owner)
{
	AzServerCall *call =
	nghttp2_session_get_stream_user_data(session, stream_id);
	AzBytes		bytes = {data, len};

	if (nghttp2_session_consume_connection(session, len) != 0)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	if (call != NULL)
		az_server_input_take(call, bytes);
	return 0;
}

static int
close_stream(nghttp2_session *session, int32_t stream_id,
			 uint32_t error_code, void *owner)
{
	AzServerCall *call =
	nghttp2_session_get_stream_user_data(session, stream_id);

	nghttp2_session_set_stream_user_data(session, stream_id, NULL);
	if (call != NULL)
		az_server_call_destroy(call);
	return 0;
}

/* ---- what goes out ---- */

static int
sent_frame(nghttp2_session *session, const nghttp2_frame *frame, void *owner)
{
	AzHttp2Server *http2 = owner;

	/* Clients measure the line with a PING for what they receive. */
	if (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA)
		http2->controls.count = 0;
	if (frame->hd.type == NGHTTP2_HEADERS &&
		(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		sent_last_headers(http2, frame->hd.stream_id);

	/* What we must reset is a client's error, unless it is our choice. */
	if (frame->hd.type == NGHTTP2_RST_STREAM &&
		frame->rst_stream.error_code != NGHTTP2_NO_ERROR &&
		frame->rst_stream.error_code != NGHTTP2_REFUSED_STREAM)
		count_reset(http2);
	return 0;
}

static void
sent_last_headers(AzHttp2Server *http2, int32_t stream_id)
{
	AzServerCall *call =
	nghttp2_session_get_stream_user_data(http2->session, stream_id);

	if (call == NULL || !az_server_call_sent_end(call))
		return;
	if (!az_http2_server_reset(http2, stream_id, AZ_HTTP2_RESET_DONE))
		az_server_connection_break(http2->connection);
}

/* An answer that cannot be sent must not leave its stream open. */
static int
not_sent_frame(nghttp2_session *session, const nghttp2_frame *frame,
			   int error, void *owner)
{
	AzHttp2Server *http2 = owner;

	if (frame->hd.type != NGHTTP2_HEADERS ||
		error == NGHTTP2_ERR_STREAM_CLOSED ||
		error == NGHTTP2_ERR_STREAM_CLOSING)
		return 0;
	if (!az_http2_server_reset(http2, frame->hd.stream_id,
							   AZ_HTTP2_RESET_INTERNAL))
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	return 0;
}

ssize_t
az_http2_server_give_data(nghttp2_session *session, int32_t stream_id, uint8_t *room,
						  size_t size, uint32_t *flags, nghttp2_data_source *source,
						  void *owner)
{
	AzServerCall *call =
	nghttp2_session_get_stream_user_data(session, stream_id);
	AzCallOutput output;
	size_t		len;

	if (call == NULL)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	output = az_server_call_give(call, room, size, &len);
	if (output == AZ_CALL_OUTPUT_LATER)
		return NGHTTP2_ERR_DEFERRED;
	if (output == AZ_CALL_OUTPUT_LAST)
	{
		*flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
		if (!submit_trailers(owner, stream_id, az_server_call_trailers(call)))
			return NGHTTP2_ERR_CALLBACK_FAILURE;
	}
	return (ssize_t) len;
}

static bool
submit_trailers(AzHttp2Server *http2, int32_t stream_id,
				const AzTrailers *trailers)
{
	nghttp2_nv	fields[AZ_TRAILERS_MAX];

	az_http2_server_set_headers(fields, trailers->headers, trailers->count);
	return nghttp2_submit_trailer(http2->session, stream_id, fields,
								  trailers->count) == 0;
}
