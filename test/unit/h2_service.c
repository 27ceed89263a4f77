/* A scripted gRPC service for the client's tests. */
#include <arpa/inet.h>
#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "h2_service.h"

struct H2Connection
{
	H2Service  *service;
	AzWatch		watch;
	AzDeferred	output;
	nghttp2_session *session;
	AzBuffer	unsent;
	H2Request  *requests;
	size_t		streams;
	bool		broken;
	H2Connection *next;
};

struct H2Service
{
	AzLoop	   *loop;
	AzWatch		listener;
	H2Script	script;
	H2Connection *connections;
	int			port;
	char		path[108];
	size_t		accepted;
	size_t		requests;
	size_t		resets;
	size_t		pings;
	size_t		reads;
	size_t		most_streams;
};

static void accept_connection(AzWatch *watch, uint32_t events);
static void start_session(H2Connection *connection);
static void handle_ready(AzWatch *watch, uint32_t events);
static void flush_output(AzDeferred *deferred);
static void free_connection(H2Connection *connection);
static void free_request(H2Request *request);

static int
bind_address(H2Service *service, const char *host, int port)
{
	struct sockaddr_un local = {.sun_family = AF_UNIX};
	struct sockaddr_in ip4 = {.sin_family = AF_INET,.sin_port = htons((uint16_t) port)};
	struct sockaddr_in6 ip6 = {.sin6_family = AF_INET6,.sin6_port = htons((uint16_t) port)};
	struct sockaddr *address = (struct sockaddr *) &ip4;
	socklen_t	len = sizeof(ip4);
	int			yes = 1;
	int			fd;

	if (host[0] == '/')
	{
		snprintf(local.sun_path, sizeof(local.sun_path), "%s", host);
		snprintf(service->path, sizeof(service->path), "%s", host);
		unlink(host);
		address = (struct sockaddr *) &local;
		len = sizeof(local);
	}
	else if (inet_pton(AF_INET6, host, &ip6.sin6_addr) == 1)
	{
		address = (struct sockaddr *) &ip6;
		len = sizeof(ip6);
	}
	else
		inet_pton(AF_INET, host, &ip4.sin_addr);
	fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (fd < 0 || bind(fd, address, len) != 0 || listen(fd, 128) != 0)
	{
		close(fd);
		return -1;
	}
	return fd;
}

H2Service *
h2_service_start(AzLoop *loop, const char *host, int port)
{
	H2Service  *service = calloc(1, sizeof(H2Service));
	struct sockaddr_storage bound;
	socklen_t	len = sizeof(bound);

	service->loop = loop;
	service->listener.fd = bind_address(service, host, port);
	service->listener.ready = accept_connection;
	service->listener.owner = service;
	if (service->listener.fd < 0 ||
		!az_loop_watch(loop, &service->listener, EPOLLIN))
	{
		free(service);
		return NULL;
	}
	getsockname(service->listener.fd, (struct sockaddr *) &bound, &len);
	if (bound.ss_family == AF_INET)
		service->port = ntohs(((struct sockaddr_in *) &bound)->sin_port);
	else if (bound.ss_family == AF_INET6)
		service->port = ntohs(((struct sockaddr_in6 *) &bound)->sin6_port);
	return service;
}

void
h2_service_stop(H2Service *service)
{
	if (service == NULL)
		return;
	h2_service_drop(service);
	az_loop_unwatch(service->loop, &service->listener);
	close(service->listener.fd);
	if (service->path[0] != '\0')
		unlink(service->path);
	free(service);
}

void
h2_service_drop(H2Service *service)
{
	while (service->connections != NULL)
		free_connection(service->connections);
}

void
h2_service_silence(H2Service *service)
{
	service->script.mute = true;
	for (H2Connection *c = service->connections; c != NULL; c = c->next)
	{
		az_loop_unwatch(service->loop, &c->watch);
		az_loop_undefer(service->loop, &c->output);
	}
}

void
h2_service_write(H2Service *service, const void *bytes, size_t len)
{
	for (H2Connection *c = service->connections; c != NULL; c = c->next)
		h2_write_raw(c, bytes, len);
}

H2Script *
h2_service_script(H2Service *service)
{
	return &service->script;
}

int
h2_service_port(const H2Service *service)
{
	return service->port;
}

size_t
h2_service_accepted(const H2Service *service)
{
	return service->accepted;
}

size_t
h2_service_requests(const H2Service *service)
{
	return service->requests;
}

size_t
h2_service_resets(const H2Service *service)
{
	return service->resets;
}

size_t
h2_service_pings(const H2Service *service)
{
	return service->pings;
}

size_t
h2_service_reads(const H2Service *service)
{
	return service->reads;
}

size_t
h2_service_connections(const H2Service *service)
{
	size_t		count = 0;

	for (H2Connection *c = service->connections; c != NULL; c = c->next)
		count++;
	return count;
}

size_t
h2_service_most_streams(const H2Service *service)
{
	return service->most_streams;
}

/* ---- connections ---- */

static void
accept_connection(AzWatch *watch, uint32_t events)
{
	H2Service  *service = watch->owner;
	int			fd = accept4(watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	H2Connection *connection;

	if (fd < 0)
		return;
	service->accepted++;
	if (service->script.hang_up)
	{
		close(fd);
		return;
	}
	connection = calloc(1, sizeof(H2Connection));
	connection->service = service;
	connection->watch.fd = fd;
	connection->watch.ready = handle_ready;
	connection->watch.owner = connection;
	connection->output.run = flush_output;
	connection->output.owner = connection;
	connection->next = service->connections;
	service->connections = connection;
	if (service->script.greeting != NULL)
		h2_write_raw(connection, service->script.greeting,
					 strlen(service->script.greeting));
	else if (!service->script.mute)
		start_session(connection);
}

static void
free_connection(H2Connection *connection)
{
	H2Connection **place = &connection->service->connections;

	while (*place != connection)
		place = &(*place)->next;
	*place = connection->next;
	az_loop_unwatch(connection->service->loop, &connection->watch);
	az_loop_undefer(connection->service->loop, &connection->output);
	close(connection->watch.fd);
	nghttp2_session_del(connection->session);
	while (connection->requests != NULL)
		free_request(connection->requests);
	az_buffer_free(&connection->unsent);
	free(connection);
}

static void
free_request(H2Request *request)
{
	H2Request **place = &request->connection->requests;

	while (*place != request)
		place = &(*place)->next;
	*place = request->next;
	az_buffer_free(&request->body);
	az_buffer_free(&request->answer);
	az_arena_free(request->arena);
	free(request);
}

static void
handle_ready(AzWatch *watch, uint32_t events)
{
	H2Connection *connection = watch->owner;
	uint8_t		data[65536];
	ssize_t		len = recv(watch->fd, data, sizeof(data), 0);

	if (len < 0 && errno == EAGAIN)
		len = 0;
	else if (len <= 0)
	{
		free_connection(connection);
		return;
	}
	if (len > 0)
		connection->service->reads++;
	if (len > 0 && connection->session != NULL &&
		nghttp2_session_mem_recv(connection->session, data, (size_t) len) < 0)
	{
		free_connection(connection);
		return;
	}
	flush_output(&connection->output);
}

static void
flush_output(AzDeferred *deferred)
{
	H2Connection *connection = deferred->owner;
	const uint8_t *data;
	ssize_t		len;

	while (connection->session != NULL &&
		   (len = nghttp2_session_mem_send(connection->session, &data)) > 0)
		az_buffer_append(&connection->unsent, data, (size_t) len);
	while (az_buffer_bytes(&connection->unsent).len > 0)
	{
		AzBytes		bytes = az_buffer_bytes(&connection->unsent);

		len = send(connection->watch.fd, bytes.data, bytes.len, MSG_NOSIGNAL);
		if (len < 0)
			break;
		az_buffer_consume(&connection->unsent, (size_t) len);
	}
	if (connection->broken)
	{
		free_connection(connection);
		return;
	}
	az_loop_watch(connection->service->loop, &connection->watch,
				  az_buffer_bytes(&connection->unsent).len > 0
				  ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void
flush_soon(H2Connection *connection)
{
	az_loop_defer(connection->service->loop, &connection->output);
}

/* ---- HTTP/2 ---- */

static int
on_begin(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
	H2Connection *connection = user_data;
	H2Request  *request;

	if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	request = calloc(1, sizeof(H2Request));
	request->connection = connection;
	request->id = frame->hd.stream_id;
	request->arena = az_arena_create();
	request->next = connection->requests;
	connection->requests = request;
	if (++connection->streams > connection->service->most_streams)
		connection->service->most_streams = connection->streams;
	nghttp2_session_set_stream_user_data(session, request->id, request);
	return 0;
}

static int
on_header(nghttp2_session *session, const nghttp2_frame *frame,
		  const uint8_t *name, size_t name_len, const uint8_t *value,
		  size_t value_len, uint8_t flags, void *user_data)
{
	H2Request  *request = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

	AzBytes		header = {name, name_len};
	AzBytes		content = {value, value_len};

	if (request != NULL)
		az_metadata_add(&request->headers, request->arena, header, content);
	return 0;
}

static int
on_data(nghttp2_session *session, uint8_t flags, int32_t id,
		const uint8_t *data, size_t len, void *user_data)
{
	H2Request  *request = nghttp2_session_get_stream_user_data(session, id);

	if (request != NULL)
		az_buffer_append(&request->body, data, len);
	return 0;
}

static int
on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
	H2Connection *connection = user_data;
	H2Script   *script = &connection->service->script;
	H2Request  *request = NULL;

	if (frame->hd.type == NGHTTP2_PING && !(frame->hd.flags & NGHTTP2_FLAG_ACK))
		connection->service->pings++;
	if (frame->hd.type == NGHTTP2_RST_STREAM)
		connection->service->resets++;
	if (frame->hd.type == NGHTTP2_DATA &&
		frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
		request = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	if (request == NULL)
		return 0;
	request->whole = true;
	connection->service->requests++;
	if (script->requested != NULL)
		script->requested(request, script->owner);
	else
		h2_echo(request);
	return 0;
}

static int
on_close(nghttp2_session *session, int32_t id, uint32_t error_code,
		 void *user_data)
{
	H2Connection *connection = user_data;
	H2Request  *request = nghttp2_session_get_stream_user_data(session, id);

	connection->streams--;
	/* A test may still hold it: it lives as long as its connection. */
	if (request != NULL)
		request->reset = true;
	return 0;
}

static void
start_session(H2Connection *connection)
{
	uint32_t	most = connection->service->script.max_streams;
	nghttp2_settings_entry entries[] = {
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 8 * 1024 * 1024},
		{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, most}
	};
	nghttp2_session_callbacks *callbacks;

	nghttp2_session_callbacks_new(&callbacks);
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
	nghttp2_session_server_new(&connection->session, callbacks, connection);
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_submit_settings(connection->session, NGHTTP2_FLAG_NONE, entries,
							most == 0 ? 1 : 2);
	nghttp2_session_set_local_window_size(connection->session, NGHTTP2_FLAG_NONE, 0, 1 << 24);
	az_loop_watch(connection->service->loop, &connection->watch, EPOLLIN);
	flush_soon(connection);
}

/* ---- answers ---- */

static size_t
to_headers(const char *const *pairs, nghttp2_nv *headers)
{
	size_t		count = 0;

	for (; pairs != NULL && pairs[0] != NULL; pairs += 2)
	{
		headers[count].name = (uint8_t *) pairs[0];
		headers[count].namelen = strlen(pairs[0]);
		headers[count].value = (uint8_t *) pairs[1];
		headers[count].valuelen = strlen(pairs[1]);
		headers[count].flags = NGHTTP2_NV_FLAG_NONE;
		count++;
	}
	return count;
}

static ssize_t
on_read(nghttp2_session *session, int32_t id, uint8_t *buf, size_t len,
		uint32_t *flags, nghttp2_data_source *source, void *user_data)
{
	H2Request  *request = source->ptr;
	AzBytes		bytes = az_buffer_bytes(&request->answer);
	nghttp2_nv	headers[32];

	if (len > bytes.len)
		len = bytes.len;
	if (len > 0)
		memcpy(buf, bytes.data, len);
	az_buffer_consume(&request->answer, len);
	if (len < bytes.len)
		return (ssize_t) len;
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	if (request->trailers != NULL)
	{
		*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
		nghttp2_submit_trailer(session, id, headers,
							   to_headers(request->trailers, headers));
	}
	return (ssize_t) len;
}

void
h2_answer(H2Request *request, const char *const *headers, const void *body,
		  size_t len, const char *const *trailers)
{
	static const char *const usual[] = {
		":status", "200", "content-type", "application/grpc", NULL
	};
	nghttp2_data_provider provider = {.source.ptr = request,.read_callback = on_read};
	nghttp2_nv	nv[32];

	request->trailers = trailers;
	az_buffer_append(&request->answer, body, len);
	nghttp2_submit_response(request->connection->session, request->id, nv,
							to_headers(headers == NULL ? usual : headers, nv),
							len == 0 && trailers == NULL ? NULL : &provider);
	flush_soon(request->connection);
}

void
h2_echo(H2Request *request)
{
	static const char *const trailers[] = {"grpc-status", "0", NULL};
	AzBytes		body = az_buffer_bytes(&request->body);

	h2_answer(request, NULL, body.data, body.len, trailers);
}

void
h2_refuse(H2Request *request, const char *status, const char *message)
{
	const char *headers[] = {
		":status", "200", "content-type", "application/grpc",
		"grpc-status", status, message == NULL ? NULL : "grpc-message", message,
		NULL
	};

	h2_answer(request, headers, NULL, 0, NULL);
}

void
h2_reset(H2Request *request, uint32_t error_code)
{
	nghttp2_submit_rst_stream(request->connection->session, NGHTTP2_FLAG_NONE,
							  request->id, error_code);
	flush_soon(request->connection);
}

void
h2_goaway(H2Connection *connection, int32_t last)
{
	nghttp2_submit_goaway(connection->session, NGHTTP2_FLAG_NONE, last,
						  NGHTTP2_NO_ERROR, NULL, 0);
	flush_soon(connection);
}

void
h2_close(H2Connection *connection)
{
	connection->broken = true;
	flush_soon(connection);
}

void
h2_write_raw(H2Connection *connection, const void *bytes, size_t len)
{
	az_buffer_append(&connection->unsent, bytes, len);
	flush_soon(connection);
}

AzBytes
h2_message(const H2Request *request)
{
	AzBytes		body = az_buffer_bytes(&request->body);

	body.data += 5;
	body.len -= 5;
	return body;
}

const char *
h2_header(const H2Request *request, const char *name)
{
	return az_metadata_get(&request->headers, name);
}

AzBytes
h2_frame(AzArena *arena, const char *text)
{
	size_t		len = strlen(text);
	uint8_t    *frame = az_arena_alloc(arena, len + 5);
	AzBytes		framed;

	frame[1] = (uint8_t) (len >> 24);
	frame[2] = (uint8_t) (len >> 16);
	frame[3] = (uint8_t) (len >> 8);
	frame[4] = (uint8_t) len;
	memcpy(frame + 5, text, len);
	framed.data = frame;
	framed.len = len + 5;
	return framed;
}
