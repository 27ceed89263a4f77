/*
 * HTTP/2 as a client: one session of streams, bytes in and bytes out.
 *
 * nghttp2's callbacks only store and mark.  A stream is in "streams" until
 * its end is known, then in "over" until az_http2_client_tell, which runs
 * when nghttp2 has returned.  nghttp2 knows a stream as the user data of its
 * own, so that one that is given up is simply not found any more.
 */
#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>

#include "net/http2_client.h"
#include "wire/frame.h"
#include "wire/text.h"

#define STREAM_WINDOW (1024 * 1024)
#define SESSION_WINDOW (16 * 1024 * 1024)
#define LAST_STREAM_ID 0x7ffffff0	/* then the session is worn out */
#define FIXED_HEADERS 8			/* at most, before the caller's metadata */
/* A header that stays as long as the session: not copied, indexed by HPACK. */
#define CONSTANT (NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE)
/* One that differs from call to call and may be secret: copied, not indexed. */
#define PASSING NGHTTP2_NV_FLAG_NO_INDEX
#define USER_AGENT "angzarr/0.1"

struct AzHttp2Client
{
	nghttp2_session *session;
	void	   *owner;
	AzList		streams;
	AzList		over;
	bool		changed;		/* the owner wants to know */
	bool		greeted;		/* the peer's SETTINGS came */
	bool		goodbye;		/* the peer's GOAWAY came */
	uint32_t	blamed;			/* error code of our own GOAWAY */
};

static int	create_session(AzHttp2Client *client);
static int	queue_greeting(AzHttp2Client *client, size_t max_header_bytes);
static bool fail(AzError *why, int rc);
static void detach(AzHttp2Stream *stream);
static void mark_over(AzHttp2Client *client, AzHttp2Stream *stream,
					  AzHttp2Outcome outcome);
static size_t fill_headers(nghttp2_nv *headers, const AzHttp2Request *request,
						   char timeout[16]);
static nghttp2_nv make_header(const char *name, AzBytes value, uint8_t flags);
static AzHttp2Stream *find_stream(nghttp2_session *session, int32_t id);

static void set_callbacks(nghttp2_session_callbacks *callbacks);
static ssize_t on_read(nghttp2_session *session, int32_t id, uint8_t *buf,
					   size_t len, uint32_t *flags,
					   nghttp2_data_source *source, void *user_data);

AzHttp2Client *
az_http2_client_create(size_t max_header_bytes, void *owner)
{
	AzHttp2Client *client = calloc(1, sizeof(AzHttp2Client));

	if (client == NULL)
		return NULL;
	client->owner = owner;
	if (create_session(client) != 0 ||
		queue_greeting(client, max_header_bytes) != 0)
	{
		az_http2_client_free(client);
		return NULL;
	}
	return client;
}

void
az_http2_client_free(AzHttp2Client *client)
{
	AzHttp2Stream *stream;

	if (client == NULL)
		return;
	while ((stream = az_list_first(&client->streams)) != NULL ||
		   (stream = az_list_first(&client->over)) != NULL)
		detach(stream);
	nghttp2_session_del(client->session);
	free(client);
}

void *
az_http2_client_owner(const AzHttp2Client *client)
{
	return client->owner;
}

static int
create_session(AzHttp2Client *client)
{
	nghttp2_session_callbacks *callbacks;
	int			rc = nghttp2_session_callbacks_new(&callbacks);

	if (rc != 0)
		return rc;
	set_callbacks(callbacks);
	rc = nghttp2_session_client_new(&client->session, callbacks, client);
	nghttp2_session_callbacks_del(callbacks);
	return rc;
}

static int
queue_greeting(AzHttp2Client *client, size_t max_header_bytes)
{
	nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
		(uint32_t) max_header_bytes},
	};
	size_t		count = sizeof(settings) / sizeof(settings[0]);

	if (nghttp2_submit_settings(client->session, NGHTTP2_FLAG_NONE, settings,
								count) != 0)
		return NGHTTP2_ERR_NOMEM;
	return nghttp2_session_set_local_window_size(client->session,
												 NGHTTP2_FLAG_NONE, 0,
												 SESSION_WINDOW);
}

/* ---- bytes ---- */

bool
az_http2_client_receive(AzHttp2Client *client, AzBytes input, AzError *why)
{
	ssize_t		rc = nghttp2_session_mem_recv(client->session, input.data,
											  input.len);

	return rc >= 0 || fail(why, (int) rc);
}

bool
az_http2_client_gather(AzHttp2Client *client, AzBuffer *output, size_t enough,
					   AzError *why)
{
	const uint8_t *data;
	ssize_t		len;

	while (az_buffer_bytes(output).len < enough)
	{
		len = nghttp2_session_mem_send(client->session, &data);
		if (len < 0)
			return fail(why, (int) len);
		if (len == 0)
			break;
		if (!az_buffer_append(output, data, (size_t) len))
			return az_error_out_of_memory(why);
	}
	return true;
}

static bool
fail(AzError *why, int rc)
{
	if (rc == NGHTTP2_ERR_NOMEM)
		return az_error_out_of_memory(why);
	memset(why, 0, sizeof(*why));
	why->code = AZ_INTERNAL;
	why->message = nghttp2_strerror(rc);
	return false;
}

bool
az_http2_client_has_output(const AzHttp2Client *client)
{
	return nghttp2_session_want_write(client->session) != 0;
}

/* ---- state ---- */

bool
az_http2_client_is_greeted(const AzHttp2Client *client)
{
	return client->greeted;
}

bool
az_http2_client_is_leaving(const AzHttp2Client *client)
{
	return client->goodbye ||
		nghttp2_session_get_next_stream_id(client->session) > LAST_STREAM_ID;
}

const char *
az_http2_client_blame(const AzHttp2Client *client)
{
	return client->blamed == NGHTTP2_NO_ERROR ? NULL
		: nghttp2_http2_strerror(client->blamed);
}

size_t
az_http2_client_room(const AzHttp2Client *client)
{
	uint32_t	most =
	nghttp2_session_get_remote_settings(client->session,
										NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);

	return most <= client->streams.count ? 0 : most - client->streams.count;
}

size_t
az_http2_client_streams(const AzHttp2Client *client)
{
	return client->streams.count;
}

bool
az_http2_client_ping(AzHttp2Client *client)
{
	return nghttp2_submit_ping(client->session, NGHTTP2_FLAG_NONE, NULL) == 0;
}

bool
az_http2_client_terminate(AzHttp2Client *client)
{
	return nghttp2_session_terminate_session(client->session,
											 NGHTTP2_NO_ERROR) == 0;
}

/* ---- the ends of streams ---- */

bool
az_http2_client_tell(AzHttp2Client *client)
{
	AzHttp2Stream *stream;
	bool		changed = client->changed;

	client->changed = false;
	while ((stream = az_list_first(&client->over)) != NULL)
	{
		changed = true;
		detach(stream);
		/* The answer may be there before the request is out, or given up. */
		if (nghttp2_session_find_stream(client->session, stream->id) != NULL)
			nghttp2_submit_rst_stream(client->session, NGHTTP2_FLAG_NONE,
									  stream->id, NGHTTP2_CANCEL);
		stream->ended(stream, &stream->end);
	}
	return changed;
}

void
az_http2_client_end(AzHttp2Client *client, const AzError *why)
{
	AzHttp2Stream *stream;

	while ((stream = az_list_first(&client->streams)) != NULL)
	{
		detach(stream);
		stream->end.outcome = stream->begun ? AZ_HTTP2_LOST
			: AZ_HTTP2_UNPROCESSED;
		stream->end.lost = why;
		stream->ended(stream, &stream->end);
	}
}

/* The stream is on no connection any more. */
static void
detach(AzHttp2Stream *stream)
{
	nghttp2_session_set_stream_user_data(stream->client->session, stream->id,
										 NULL);
	az_list_remove(&stream->link);
	stream->client = NULL;
}

/* The stream's end is known. */
static void
mark_over(AzHttp2Client *client, AzHttp2Stream *stream, AzHttp2Outcome outcome)
{
	nghttp2_session_set_stream_user_data(client->session, stream->id, NULL);
	az_list_remove(&stream->link);
	az_list_append(&client->over, &stream->link, stream);
	stream->end.outcome = outcome;
}

/* ---- requests ---- */

bool
az_http2_client_send(AzHttp2Client *client, AzHttp2Stream *stream,
					 const AzHttp2Request *request)
{
	nghttp2_data_provider body = {.read_callback = on_read};
	nghttp2_nv *headers = calloc(FIXED_HEADERS + request->metadata->count,
								 sizeof(nghttp2_nv));
	char		timeout[16];
	size_t		count;

	if (headers == NULL)
		return false;
	count = fill_headers(headers, request, timeout);
	stream->message = request->message;
	stream->offset = 0;
	stream->begun = false;
	memset(&stream->end, 0, sizeof(stream->end));
	stream->id = nghttp2_submit_request(client->session, NULL, headers, count,
										&body, stream);
	free(headers);
	if (stream->id < 0)
		return false;
	stream->client = client;
	az_list_append(&client->streams, &stream->link, stream);
	return true;
}

static size_t
fill_headers(nghttp2_nv *headers, const AzHttp2Request *request,
			 char timeout[16])
{
	size_t		count = 0;

	headers[count++] = make_header(":method", az_bytes_of("POST"), CONSTANT);
	headers[count++] = make_header(":scheme", az_bytes_of("http"), CONSTANT);
	headers[count++] = make_header(":path", az_bytes_of(request->path), PASSING);
	headers[count++] = make_header(":authority", az_bytes_of(request->authority),
								   CONSTANT);
	headers[count++] = make_header("te", az_bytes_of("trailers"), CONSTANT);
	headers[count++] = make_header("content-type", az_bytes_of("application/grpc"),
								   CONSTANT);
	headers[count++] = make_header("user-agent", az_bytes_of(USER_AGENT),
								   CONSTANT);
	if (request->timeout_us != INT64_MAX)
	{
		az_timeout_format(request->timeout_us, timeout);
		headers[count++] = make_header("grpc-timeout", az_bytes_of(timeout),
									   PASSING);
	}
	for (size_t i = 0; i < request->metadata->count; i++)
	{
		const AzMetadataEntry *entry = &request->metadata->entries[i];

		headers[count++] = make_header(entry->name, entry->value, PASSING);
	}
	return count;
}

static nghttp2_nv
make_header(const char *name, AzBytes value, uint8_t flags)
{
	nghttp2_nv	header = {
		.name = (uint8_t *) name,
		.namelen = strlen(name),
		.value = (uint8_t *) value.data,
		.valuelen = value.len,
		.flags = flags
	};

	return header;
}

void
az_http2_client_reset(AzHttp2Stream *stream)
{
	AzHttp2Client *client = stream->client;
	bool		is_over = stream->link.list == &client->over;

	detach(stream);
	/* Out of memory, the peer goes on in vain until it has answered. */
	if (!is_over ||
		nghttp2_session_find_stream(client->session, stream->id) != NULL)
		nghttp2_submit_rst_stream(client->session, NGHTTP2_FLAG_NONE,
								  stream->id, NGHTTP2_CANCEL);
}

/* ---- nghttp2's callbacks ---- */

static AzHttp2Stream *
find_stream(nghttp2_session *session, int32_t id)
{
	return nghttp2_session_get_stream_user_data(session, id);
}

static int
on_header(nghttp2_session *session, const nghttp2_frame *frame,
		  const uint8_t *name, size_t name_len, const uint8_t *value,
		  size_t value_len, uint8_t flags, void *user_data)
{
	AzHttp2Stream *stream = find_stream(session, frame->hd.stream_id);
	AzBytes		header = {name, name_len};
	AzBytes		content = {value, value_len};

	if (stream != NULL && !az_answer_header(stream->answer, header, content))
		mark_over(user_data, stream, AZ_HTTP2_ANSWERED);
	return 0;
}

static int
on_data(nghttp2_session *session, uint8_t flags, int32_t id,
		const uint8_t *data, size_t len, void *user_data)
{
	AzHttp2Stream *stream = find_stream(session, id);
	AzBytes		chunk = {data, len};

	if (stream != NULL && !az_answer_data(stream->answer, chunk))
		mark_over(user_data, stream, AZ_HTTP2_ANSWERED);
	return 0;
}

static int
on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
	AzHttp2Client *client = user_data;
	AzHttp2Stream *stream;

	switch (frame->hd.type)
	{
		case NGHTTP2_SETTINGS:
			client->greeted = true;
			client->changed = true;
			break;
		case NGHTTP2_GOAWAY:
			client->goodbye = true;
			break;
		case NGHTTP2_HEADERS:
		case NGHTTP2_DATA:
			stream = find_stream(session, frame->hd.stream_id);
			if (stream != NULL && frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
				mark_over(client, stream, AZ_HTTP2_ANSWERED);
			break;
		default:
			break;
	}
	return 0;
}

/* Our own GOAWAY with an error: what the peer sent broke the protocol. */
static int
on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
	AzHttp2Client *client = user_data;

	if (frame->hd.type == NGHTTP2_GOAWAY)
		client->blamed = frame->goaway.error_code;
	return 0;
}

/* Without the end of an answer before it: reset, refused or not sent. */
static int
on_close(nghttp2_session *session, int32_t id, uint32_t error_code,
		 void *user_data)
{
	AzHttp2Stream *stream = find_stream(session, id);

	if (stream == NULL)
		return 0;
	stream->end.error_code = error_code;
	stream->end.error_name = nghttp2_http2_strerror(error_code);
	mark_over(user_data, stream,
			  error_code == NGHTTP2_REFUSED_STREAM ? AZ_HTTP2_UNPROCESSED
			  : AZ_HTTP2_RESET);
	return 0;
}

static void
set_callbacks(nghttp2_session_callbacks *callbacks)
{
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks,
															  on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_sent);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks,
														   on_close);
}

/* The request's message in its frame, piece by piece. */
static ssize_t
on_read(nghttp2_session *session, int32_t id, uint8_t *buf, size_t len,
		uint32_t *flags, nghttp2_data_source *source, void *user_data)
{
	AzHttp2Stream *stream = find_stream(session, id);
	uint8_t		header[AZ_FRAME_HEADER_SIZE];
	size_t		filled = 0;
	size_t		rest;

	if (stream == NULL)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	stream->begun = true;
	az_frame_encode_header(header, (uint32_t) stream->message.len);
	while (filled < len && stream->offset < sizeof(header))
		buf[filled++] = header[stream->offset++];
	if (stream->offset < sizeof(header))
		return (ssize_t) filled;
	rest = sizeof(header) + stream->message.len - stream->offset;
	if (rest > len - filled)
		rest = len - filled;
	else
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	if (rest > 0)
		memcpy(buf + filled, stream->message.data + (stream->offset - sizeof(header)),
			   rest);
	stream->offset += rest;
	return (ssize_t) (filled + rest);
}
