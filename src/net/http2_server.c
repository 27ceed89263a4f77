/*
 * The HTTP/2 session of one connection, server side: nghttp2.
 *
 * What comes in from it, and what it asks for, is in http2_server_callbacks.c.
 */
#include <stdlib.h>
#include <string.h>

#include <nghttp2/nghttp2.h>

#include "net/http2_server.h"
#include "net/http2_server_callbacks.h"

#define CONNECTION_WINDOW (4 * 1024 * 1024)
#define MAX_HEADERS 8			/* of one answer */
#define MAX_QUEUED_ACKS 100

static bool start_session(AzHttp2Server *http2);
static bool set_options(nghttp2_option **option);
static bool greet(AzHttp2Server *http2);
static void *allocate(size_t size, void *unused);
static void release(void *memory, void *unused);
static void *allocate_zeros(size_t count, size_t size, void *unused);
static void *reallocate(void *memory, size_t size, void *unused);

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
	bool		done = set_options(&option) && az_http2_server_callbacks_new(&callbacks) &&
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
	nghttp2_data_provider provider = {.read_callback = az_http2_server_give_data};
	nghttp2_nv	fields[MAX_HEADERS];

	az_http2_server_set_headers(fields, headers, count);
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

void
az_http2_server_set_headers(nghttp2_nv *to, const AzHeader *from, size_t count)
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
