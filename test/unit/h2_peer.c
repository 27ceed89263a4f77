/* A scripted HTTP/2 peer over a real socket, client or server, for tests. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "h2_peer.h"

#define MAX_HEADERS 4096
#define CHUNK 65536

void	   *__real_realloc(void *old, size_t size);

static void
append(H2Bytes *bytes, const void *data, size_t len)
{
	size_t		end = bytes->skipped + bytes->len;

	if (bytes->capacity < end + len + 1)
	{
		bytes->capacity = 2 * (end + len + 1);
		bytes->data = __real_realloc(bytes->data, bytes->capacity);
	}
	if (len > 0)
		memcpy(bytes->data + end, data, len);
	bytes->len += len;
	bytes->data[end + len] = '\0';
}

static void
drop_front(H2Bytes *bytes, size_t len)
{
	bytes->skipped += len;
	bytes->len -= len;
	if (bytes->skipped < bytes->len)
		return;
	if (bytes->len > 0)
		memmove(bytes->data, bytes->data + bytes->skipped, bytes->len);
	bytes->skipped = 0;
}

static H2Stream *
find_stream(H2Peer *peer, int32_t id)
{
	for (size_t i = 0; i < peer->n_streams; i++)
	{
		if (peer->streams[i].id == id)
			return &peer->streams[i];
	}
	return NULL;
}

static H2Stream *
add_stream(H2Peer *peer, int32_t id)
{
	H2Stream   *stream = &peer->streams[peer->n_streams];

	if (peer->n_streams == H2_PEER_STREAMS)
		return NULL;
	memset(stream, 0, sizeof(*stream));
	stream->id = id;
	peer->n_streams++;
	return stream;
}

/* ---- what comes in ---- */

static int
begin_headers(nghttp2_session *session, const nghttp2_frame *frame,
			  void *owner)
{
	if (find_stream(owner, frame->hd.stream_id) == NULL)
		add_stream(owner, frame->hd.stream_id);
	return 0;
}

static int
take_header(nghttp2_session *session, const nghttp2_frame *frame,
			const uint8_t *name, size_t name_len,
			const uint8_t *value, size_t value_len, uint8_t flags,
			void *owner)
{
	H2Stream   *stream = find_stream(owner, frame->hd.stream_id);
	H2Bytes    *block;

	if (stream == NULL)
		return 0;
	block = stream->got_headers ? &stream->trailers : &stream->headers;
	append(block, name, name_len);
	append(block, ": ", 2);
	append(block, value, value_len);
	append(block, "\n", 1);
	return 0;
}

static int
take_data(nghttp2_session *session, uint8_t flags, int32_t stream_id,
		  const uint8_t *data, size_t len, void *owner)
{
	H2Stream   *stream = find_stream(owner, stream_id);

	if (stream != NULL)
		append(&stream->input, data, len);
	return 0;
}

static void
take_settings(H2Peer *peer, const nghttp2_frame *frame)
{
	if (frame->hd.flags & NGHTTP2_FLAG_ACK)
	{
		peer->n_settled++;
		return;
	}
	peer->n_settings++;
	for (size_t i = 0; i < frame->settings.niv; i++)
	{
		const nghttp2_settings_entry *entry = &frame->settings.iv[i];

		if (entry->settings_id == NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS)
			peer->max_streams = entry->value;
		if (entry->settings_id == NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE)
			peer->max_header_bytes = entry->value;
	}
}

static int
take_frame(nghttp2_session *session, const nghttp2_frame *frame, void *owner)
{
	H2Peer	   *peer = owner;
	H2Stream   *stream = find_stream(peer, frame->hd.stream_id);

	if (frame->hd.type == NGHTTP2_HEADERS && stream != NULL)
		stream->got_headers = true;
	if ((frame->hd.type == NGHTTP2_HEADERS ||
		 frame->hd.type == NGHTTP2_DATA) && stream != NULL)
		stream->ended |= (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
	if (frame->hd.type == NGHTTP2_PING)
		peer->n_pings++;
	if (frame->hd.type == NGHTTP2_SETTINGS)
		take_settings(peer, frame);
	if (frame->hd.type == NGHTTP2_GOAWAY)
	{
		peer->n_goaways++;
		peer->goaway_code = frame->goaway.error_code;
		peer->goaway_last_id = frame->goaway.last_stream_id;
	}
	return 0;
}

static int
close_stream(nghttp2_session *session, int32_t stream_id, uint32_t code,
			 void *owner)
{
	H2Stream   *stream = find_stream(owner, stream_id);

	if (stream != NULL)
	{
		stream->closed = true;
		stream->close_code = code;
	}
	return 0;
}

/* ---- its life ---- */

H2Peer *
h2_peer_create(int fd, char role)
{
	H2Peer	   *peer = __real_realloc(NULL, sizeof(H2Peer));
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *option;

	memset(peer, 0, sizeof(*peer));
	peer->fd = fd;
	nghttp2_option_new(&option);
	nghttp2_option_set_max_send_header_block_length(option, 1 << 20);
	nghttp2_session_callbacks_new(&callbacks);
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks,
															begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, take_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks,
															  take_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks,
														 take_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks,
														   close_stream);
	if (role == 's')
		nghttp2_session_server_new2(&peer->session, callbacks, peer, option);
	else
		nghttp2_session_client_new2(&peer->session, callbacks, peer, option);
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_submit_settings(peer->session, NGHTTP2_FLAG_NONE, NULL, 0);
	return peer;
}

static int
dial(int family, const struct sockaddr *address, socklen_t len)
{
	int			fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int			on = 1;

	if (fd < 0)
		return -1;
	if (connect(fd, address, len) != 0)
	{
		close(fd);
		return -1;
	}
	if (family == AF_INET)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	return fd;
}

int
h2_peer_dial(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET};

	address.sin_port = htons((uint16_t) port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return dial(AF_INET, (struct sockaddr *) &address, sizeof(address));
}

H2Peer *
h2_peer_connect(int port)
{
	int			fd = h2_peer_dial(port);

	return fd < 0 ? NULL : h2_peer_create(fd, 'c');
}

H2Peer *
h2_peer_connect_unix(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int			fd;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	fd = dial(AF_UNIX, (struct sockaddr *) &address, sizeof(address));
	return fd < 0 ? NULL : h2_peer_create(fd, 'c');
}

void
h2_peer_free(H2Peer *peer)
{
	if (peer == NULL)
		return;
	nghttp2_session_del(peer->session);
	for (size_t i = 0; i < peer->n_streams; i++)
	{
		free(peer->streams[i].headers.data);
		free(peer->streams[i].trailers.data);
		free(peer->streams[i].input.data);
		free(peer->streams[i].output.data);
	}
	free(peer->unsent.data);
	close(peer->fd);
	free(peer);
}

static void
write_all(H2Peer *peer)
{
	const uint8_t *data;
	ssize_t		len;

	while ((len = nghttp2_session_mem_send(peer->session, &data)) > 0)
		append(&peer->unsent, data, (size_t) len);
	while (peer->unsent.len > 0)
	{
		len = send(peer->fd, peer->unsent.data + peer->unsent.skipped,
				   peer->unsent.len,
				   MSG_NOSIGNAL);
		if (len <= 0)
			return;
		drop_front(&peer->unsent, (size_t) len);
	}
}

static void
read_all(H2Peer *peer)
{
	static uint8_t chunk[CHUNK];
	ssize_t		len;

	while (!peer->ended && !peer->stops_reading)
	{
		len = recv(peer->fd, chunk, sizeof(chunk), 0);
		if (len < 0 && errno == EAGAIN)
			return;
		if (len <= 0)
		{
			peer->ended = true;
			return;
		}
		if (nghttp2_session_mem_recv(peer->session, chunk, (size_t) len) < 0)
			peer->failed = true;
	}
}

void
h2_peer_pump(H2Peer *peer)
{
	write_all(peer);
	read_all(peer);
	write_all(peer);
}

/* ---- what goes out ---- */

static size_t
fields_of(nghttp2_nv *fields, const H2Header * headers)
{
	size_t		n = 0;

	for (; headers[n][0] != NULL; n++)
	{
		fields[n].name = (uint8_t *) headers[n][0];
		fields[n].namelen = strlen(headers[n][0]);
		fields[n].value = (uint8_t *) headers[n][1];
		fields[n].valuelen = strlen(headers[n][1]);
		fields[n].flags = NGHTTP2_NV_FLAG_NONE;
	}
	return n;
}

static ssize_t
give_data(nghttp2_session *session, int32_t stream_id, uint8_t *room,
		  size_t size, uint32_t *flags, nghttp2_data_source *source,
		  void *owner)
{
	H2Stream   *stream = find_stream(owner, stream_id);
	size_t		len = stream->output.len < size ? stream->output.len : size;
	static nghttp2_nv fields[MAX_HEADERS];

	if (len > 0)
		memcpy(room, stream->output.data + stream->output.skipped, len);
	drop_front(&stream->output, len);
	if (stream->output.len == 0 && stream->output_ends)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	else if (stream->output.len == 0 && stream->output_trailers != NULL)
	{
		*flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
		nghttp2_submit_trailer(session, stream_id, fields,
							   fields_of(fields, stream->output_trailers));
	}
	else if (len == 0)
	{
		stream->deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	return (ssize_t) len;
}

H2Stream *
h2_peer_request(H2Peer *peer, const H2Header * headers)
{
	static nghttp2_nv fields[MAX_HEADERS];
	nghttp2_data_provider provider = {.read_callback = give_data};
	size_t		n = fields_of(fields, headers);
	int32_t		id = nghttp2_submit_request(peer->session, NULL, fields, n,
											&provider, NULL);

	return id < 0 ? NULL : add_stream(peer, id);
}

H2Stream *
h2_peer_call(H2Peer *peer, const char *path, const H2Header * extra)
{
	static H2Header headers[MAX_HEADERS] =
	{
		{
			":method", "POST"
		},
		{
			":scheme", "http"
		},
		{
			":path", NULL
		},
		{
			":authority", "test"
		},
		{
			"content-type", "application/grpc"
		},
		{
			"te", "trailers"
		}
	};
	size_t		n = 6;

	headers[2][1] = path;
	for (; extra != NULL && (*extra)[0] != NULL; extra++, n++)
		memcpy(headers[n], *extra, sizeof(H2Header));
	headers[n][0] = NULL;
	return h2_peer_request(peer, headers);
}

void
h2_peer_respond(H2Peer *peer, H2Stream *stream, const H2Header * headers,
				bool last)
{
	static nghttp2_nv fields[MAX_HEADERS];
	nghttp2_data_provider provider = {.read_callback = give_data};
	size_t		n = fields_of(fields, headers);

	nghttp2_submit_response(peer->session, stream->id, fields, n,
							last ? NULL : &provider);
}

static void
resume(H2Peer *peer, H2Stream *stream)
{
	if (stream->deferred)
		nghttp2_session_resume_data(peer->session, stream->id);
	stream->deferred = false;
}

void
h2_peer_trailers(H2Peer *peer, H2Stream *stream, const H2Header * trailers)
{
	stream->output_trailers = trailers;
	resume(peer, stream);
}

void
h2_peer_send(H2Peer *peer, H2Stream *stream, const void *data, size_t len,
			 bool last)
{
	append(&stream->output, data, len);
	stream->output_ends = last;
	resume(peer, stream);
}

void
h2_peer_send_message(H2Peer *peer, H2Stream *stream, const void *message,
					 size_t len, bool last)
{
	uint8_t		header[5] = {0, (uint8_t) (len >> 24), (uint8_t) (len >> 16),
	(uint8_t) (len >> 8), (uint8_t) len};

	h2_peer_send(peer, stream, header, sizeof(header), false);
	h2_peer_send(peer, stream, message, len, last);
}

void
h2_peer_reset(H2Peer *peer, H2Stream *stream, uint32_t code)
{
	nghttp2_submit_rst_stream(peer->session, NGHTTP2_FLAG_NONE, stream->id,
							  code);
}

void
h2_peer_send_raw(H2Peer *peer, const void *data, size_t len)
{
	append(&peer->unsent, data, len);
}

void
h2_peer_send_frame(H2Peer *peer, uint8_t type, uint8_t flags,
				   int32_t stream_id, const void *payload, size_t len)
{
	uint8_t		header[9] = {(uint8_t) (len >> 16), (uint8_t) (len >> 8),
		(uint8_t) len, type, flags, (uint8_t) (stream_id >> 24),
		(uint8_t) (stream_id >> 16), (uint8_t) (stream_id >> 8),
	(uint8_t) stream_id};

	h2_peer_send_raw(peer, header, sizeof(header));
	h2_peer_send_raw(peer, payload, len);
}

/* ---- for looking at ---- */

H2Stream *
h2_peer_stream(H2Peer *peer, size_t place)
{
	return place < peer->n_streams ? &peer->streams[place] : NULL;
}

const char *
h2_peer_header(const H2Bytes *block, const char *name)
{
	static char value[70000];
	size_t		len = strlen(name);
	const char *line = block->data;

	while (line != NULL && *line != '\0')
	{
		const char *end = strchr(line, '\n');

		if (strncmp(line, name, len) == 0 && strncmp(line + len, ": ", 2) == 0)
		{
			snprintf(value, sizeof(value), "%.*s",
					 (int) (end - line - len - 2), line + len + 2);
			return value;
		}
		line = end + 1;
	}
	return NULL;
}

static const char *
either(const H2Stream *stream, const char *name)
{
	const char *value = h2_peer_header(&stream->trailers, name);

	return value != NULL ? value : h2_peer_header(&stream->headers, name);
}

int
h2_peer_status(const H2Stream *stream)
{
	const char *value = either(stream, "grpc-status");

	return value == NULL ? -1 : (int) strtol(value, NULL, 10);
}

const char *
h2_peer_message(const H2Stream *stream)
{
	return either(stream, "grpc-message");
}
