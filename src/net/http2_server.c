/*
 * The HTTP/2 session of one connection, server side: nghttp2.
 *
 * Callbacks hand on and return; none of them reads, writes or frees the
 * session they run in.  A stream's user data is its call, from the first
 * header until the stream is closed.
 */
#include <stdlib.h>
#include <string.h>

#include <nghttp2/nghttp2.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/http2_server.h"
#include "net/server_call.h"
#include "net/server_input.h"

#define CONNECTION_WINDOW (4 * 1024 * 1024)
#define MAX_HEADERS 8			/* of one answer */
#define MAX_QUEUED_ACKS 100
#define SECOND_US 1000000

/*
 * Headers so many times over the limit end the connection rather than the
 * call: decoding them is work that the client gets for nothing.
 */
#define HEADER_FLOOD 16

/* How often something happened in the running second. */
typedef struct Rate
{
	int64_t		since_us;
	size_t		count;
} Rate;

struct AzHttp2Server
{
	AzServerConnection *connection;
	nghttp2_session *session;
	Rate		resets;
	Rate		controls;
	size_t		block_bytes;	/* of the header block that is arriving */
	bool		is_leaving;		/* goodbye waits for an answer to PING */
};

static bool start_session(AzHttp2Server *http2);
static bool set_options(nghttp2_option **option);
static bool set_callbacks(nghttp2_session_callbacks **callbacks);
static bool greet(AzHttp2Server *http2);
static void *allocate(size_t size, void *unused);
static void release(void *memory, void *unused);
static void *allocate_zeros(size_t count, size_t size, void *unused);
static void *reallocate(void *memory, size_t size, void *unused);
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
static bool exceeds(Rate *rate, size_t limit);
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
static ssize_t give_data(nghttp2_session *session, int32_t stream_id,
						 uint8_t *room, size_t size, uint32_t *flags,
						 nghttp2_data_source *source, void *owner);
static bool submit_trailers(AzHttp2Server *http2, int32_t stream_id,
							const AzTrailers *trailers);
static void set_headers(nghttp2_nv *to, const AzHeader *from, size_t count);

AzHttp2Server *
az_http2_server_create(AzServerConnection *connection)
{
	AzHttp2Server *http2 = calloc(1, sizeof(AzHttp2Server));

	if (http2 == NULL)
		return NULL;
	http2->connection = connection;
	if (start_session(http2) && greet(http2))
		return http2;
	az_http2_server_free(http2);
	return NULL;
}

void
az_http2_server_free(AzHttp2Server *http2)
{
	if (http2 == NULL)
		return;
	nghttp2_session_del(http2->session);
	free(http2);
}

static bool
start_session(AzHttp2Server *http2)
{
	nghttp2_mem mem = {NULL, allocate, release, allocate_zeros, reallocate};
	nghttp2_option *option = NULL;
	nghttp2_session_callbacks *callbacks = NULL;
	bool		done = set_options(&option) && set_callbacks(&callbacks) &&
		nghttp2_session_server_new3(&http2->session, callbacks, http2,
									option, &mem) == 0;

	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(callbacks);
	return done;
}

static bool
set_options(nghttp2_option **option)
{
	if (nghttp2_option_new(option) != 0)
		return false;
	nghttp2_option_set_no_auto_window_update(*option, 1);
	nghttp2_option_set_max_outbound_ack(*option, MAX_QUEUED_ACKS);
	return true;
}

static bool
set_callbacks(nghttp2_session_callbacks **callbacks)
{
	if (nghttp2_session_callbacks_new(callbacks) != 0)
		return false;
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

/* Our SETTINGS, and a window for the connection as a whole. */
static bool
greet(AzHttp2Server *http2)
{
	AzServerLimits *limits = &http2->connection->limits;
	nghttp2_settings_entry entries[] = {
		{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits->max_streams},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits->max_header_bytes},
	};

	return nghttp2_submit_settings(http2->session, NGHTTP2_FLAG_NONE, entries,
								   sizeof(entries) / sizeof(entries[0])) == 0
		&& nghttp2_session_set_local_window_size(http2->session,
												 NGHTTP2_FLAG_NONE, 0,
												 CONNECTION_WINDOW) == 0;
}

/* nghttp2 allocates like us, so that tests can make it fail like us. */
static void *
allocate(size_t size, void *unused)
{
	return malloc(size);
}

static void
release(void *memory, void *unused)
{
	free(memory);
}

static void *
allocate_zeros(size_t count, size_t size, void *unused)
{
	return calloc(count, size);
}

static void *
reallocate(void *memory, size_t size, void *unused)
{
	return realloc(memory, size);
}

/* ---- what the connection asks for ---- */

bool
az_http2_server_take(AzHttp2Server *http2, AzBytes input)
{
	return nghttp2_session_mem_recv(http2->session, input.data,
									input.len) >= 0;
}

bool
az_http2_server_make(AzHttp2Server *http2, AzBuffer *output, size_t enough)
{
	while (az_buffer_bytes(output).len < enough)
	{
		const uint8_t *data;
		ssize_t		len = nghttp2_session_mem_send(http2->session, &data);

		if (len == 0)
			return true;
		if (len < 0 || !az_buffer_append(output, data, (size_t) len))
			return false;
	}
	return true;
}

bool
az_http2_server_has_output(const AzHttp2Server *http2)
{
	return nghttp2_session_want_write(http2->session);
}

bool
az_http2_server_is_over(const AzHttp2Server *http2)
{
	return !nghttp2_session_want_read(http2->session);
}

size_t
az_http2_server_waiting(const AzHttp2Server *http2)
{
	return nghttp2_session_get_outbound_queue_size(http2->session);
}

bool
az_http2_server_ping(AzHttp2Server *http2)
{
	return nghttp2_submit_ping(http2->session, NGHTTP2_FLAG_NONE, NULL) == 0;
}

bool
az_http2_server_goodbye(AzHttp2Server *http2, bool now)
{
	int32_t		last_id = nghttp2_session_get_last_proc_stream_id(http2->session);

	http2->is_leaving = !now;
	if (now)
		return nghttp2_submit_goaway(http2->session, NGHTTP2_FLAG_NONE,
									 last_id, NGHTTP2_NO_ERROR, NULL, 0) == 0;
	return nghttp2_submit_shutdown_notice(http2->session) == 0 &&
		az_http2_server_ping(http2);
}

/* ---- what a call asks for ---- */

bool
az_http2_server_respond(AzHttp2Server *http2, int32_t stream_id,
						const AzHeader *headers, size_t count, bool last)
{
	nghttp2_data_provider provider = {.read_callback = give_data};
	nghttp2_nv	fields[MAX_HEADERS];

	set_headers(fields, headers, count);
	return nghttp2_submit_response(http2->session, stream_id, fields, count,
								   last ? NULL : &provider) == 0;
}

bool
az_http2_server_resume(AzHttp2Server *http2, int32_t stream_id)
{
	return !nghttp2_is_fatal(nghttp2_session_resume_data(http2->session,
														 stream_id));
}

bool
az_http2_server_reset(AzHttp2Server *http2, int32_t stream_id,
					  AzHttp2Reset reset)
{
	static const uint32_t codes[] = {
		[AZ_HTTP2_RESET_DONE] = NGHTTP2_NO_ERROR,
		[AZ_HTTP2_RESET_CANCEL] = NGHTTP2_CANCEL,
		[AZ_HTTP2_RESET_INTERNAL] = NGHTTP2_INTERNAL_ERROR,
	};

	return nghttp2_submit_rst_stream(http2->session, NGHTTP2_FLAG_NONE,
									 stream_id, codes[reset]) == 0;
}

bool
az_http2_server_grant(AzHttp2Server *http2, int32_t stream_id, size_t bytes)
{
	return nghttp2_session_consume_stream(http2->session, stream_id,
										  bytes) == 0;
}

/* ---- what comes in ---- */

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
	if (connection->calls.count < connection->limits.max_streams)
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
	AzServerCall *call =
		nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

	http2->block_bytes += name_len + value_len;
	if (http2->block_bytes > HEADER_FLOOD * limit)
	{
		calm(http2, "header bytes");
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	}
	if (call != NULL && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		az_server_call_take_header(call, (AzBytes) {name, name_len},
								   (AzBytes) {value, value_len});
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
exceeds(Rate *rate, size_t limit)
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

	if (nghttp2_session_consume_connection(session, len) != 0)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	if (call != NULL)
		az_server_input_take(call, (AzBytes) {data, len});
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

static ssize_t
give_data(nghttp2_session *session, int32_t stream_id, uint8_t *room,
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

	set_headers(fields, trailers->headers, trailers->count);
	return nghttp2_submit_trailer(http2->session, stream_id, fields,
								  trailers->count) == 0;
}

static void
set_headers(nghttp2_nv *to, const AzHeader *from, size_t count)
{
	for (size_t i = 0; i < count; i++)
	{
		to[i].name = (uint8_t *) from[i].name;
		to[i].namelen = strlen(from[i].name);
		to[i].value = (uint8_t *) from[i].value;
		to[i].valuelen = strlen(from[i].value);
		to[i].flags = NGHTTP2_NV_FLAG_NO_COPY_NAME;
	}
}
