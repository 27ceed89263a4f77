/*
 * One connection to a peer: socket, HTTP/2 session, keepalive, idleness.
 *
 * Every event ends with settle(): it tells ended streams, moves the state by
 * what the peer has said, and tells the owner, who may free the connection
 * there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/connection.h"

#define READ_SIZE (32 * 1024)
#define MAX_READS 8				/* in one turn, so that others get theirs */
#define OUTPUT_SIZE (64 * 1024) /* gathered for one write, about */

typedef enum State
{
	CONNECTING,					/* the socket is not connected yet */
	GREETING,					/* waits for the peer's SETTINGS */
	OPEN,						/* takes streams */
	LEAVING,					/* only ends the streams it has */
	LOST						/* nothing goes any more */
} State;

struct AzConnection
{
	AzLoop	   *loop;
	AzConnectionLimits limits;
	const AzConnectionEvents *events;
	void	   *owner;
	State		state;
	AzHttp2Client *http2;		/* NULL while connecting */
	AzWatch		watch;
	AzTimer		timer;
	AzDeferred	output;
	AzBuffer	unsent;			/* gathered, not yet taken by the socket */
	int64_t		heard_us;		/* last sign of life, or begin of waiting */
	int64_t		ping_us;		/* when the unanswered PING went, or 0 */
	int64_t		idle_us;		/* since when there are no streams */
	AzError		why;			/* it is lost */
	char		reason[128];
};

static bool start_connecting(AzConnection *connection,
							 const AzSocketAddress *address, AzError *error);
static void set_state(AzConnection *connection, State state);
static void lose(AzConnection *connection, AzCode code, const char *format,...)
			__attribute__((format(printf, 3, 4)));
static void handle_ready(AzWatch *watch, uint32_t events);
static void finish_connecting(AzConnection *connection);
static void read_input(AzConnection *connection);
static void take_input(AzConnection *connection, const uint8_t *data,
					   size_t len);
static void flush_output(AzDeferred *deferred);
static void write_output(AzConnection *connection);
static bool gather_output(AzConnection *connection);
static void fail_output(AzConnection *connection, int cause);
static void watch_socket(AzConnection *connection);
static void handle_due(AzTimer *timer);
static int64_t next_due(const AzConnection *connection);
static void give_up_opening(AzConnection *connection);
static void handle_silence(AzConnection *connection);
static void leave_idle(AzConnection *connection);
static void arm_timer(AzConnection *connection);
static void settle(AzConnection *connection);
static bool advance(AzConnection *connection);

AzConnection *
az_connection_open(AzLoop *loop, const AzSocketAddress *address,
				   const AzConnectionLimits *limits,
				   const AzConnectionEvents *events, void *owner,
				   AzError *error)
{
	AzConnection *connection = calloc(1, sizeof(AzConnection));

	if (connection == NULL)
	{
		az_error_out_of_memory(error);
		return NULL;
	}
	connection->loop = loop;
	connection->limits = *limits;
	connection->events = events;
	connection->owner = owner;
	connection->heard_us = az_clock_monotonic_us();
	connection->watch.ready = handle_ready;
	connection->watch.owner = connection;
	connection->timer.due = handle_due;
	connection->timer.owner = connection;
	connection->output.run = flush_output;
	connection->output.owner = connection;
	if (start_connecting(connection, address, error))
		return connection;
	az_connection_free(connection);
	return NULL;
}

static bool
start_connecting(AzConnection *connection, const AzSocketAddress *address,
				 AzError *error)
{
	AzLoop	   *loop = connection->loop;

	connection->watch.fd = az_socket_connect(address);
	if (connection->watch.fd < 0 ||
		!az_loop_watch(loop, &connection->watch, EPOLLOUT))
	{
		memset(error, 0, sizeof(*error));
		error->code = AZ_UNAVAILABLE;
		error->message = strerror(errno);
		return false;
	}
	return az_loop_start_timer(loop, &connection->timer,
							   next_due(connection))
		|| az_error_out_of_memory(error);
}

void
az_connection_free(AzConnection *connection)
{
	if (connection == NULL)
		return;
	az_loop_unwatch(connection->loop, &connection->watch);
	az_loop_stop_timer(connection->loop, &connection->timer);
	az_loop_undefer(connection->loop, &connection->output);
	if (connection->watch.fd >= 0)
		close(connection->watch.fd);
	az_http2_client_free(connection->http2);
	az_buffer_free(&connection->unsent);
	free(connection);
}

bool
az_connection_is_open(const AzConnection *connection)
{
	return connection->state == OPEN;
}

bool
az_connection_is_opening(const AzConnection *connection)
{
	return connection->state == CONNECTING || connection->state == GREETING;
}

size_t
az_connection_room(const AzConnection *connection)
{
	return connection->state != OPEN ? 0
		: az_http2_client_room(connection->http2);
}

size_t
az_connection_streams(const AzConnection *connection)
{
	return connection->http2 == NULL ? 0
		: az_http2_client_streams(connection->http2);
}

bool
az_connection_send(AzConnection *connection, AzHttp2Stream *stream,
				   const AzHttp2Request *request)
{
	bool		was_idle = az_connection_streams(connection) == 0;

	if (!az_http2_client_send(connection->http2, stream, request))
		return false;
	if (was_idle)
		connection->heard_us = az_clock_monotonic_us();
	arm_timer(connection);
	az_loop_defer(connection->loop, &connection->output);
	return true;
}

void
az_connection_reset(AzHttp2Stream *stream)
{
	AzConnection *connection = az_http2_client_owner(stream->client);

	az_http2_client_reset(stream);
	connection->idle_us = az_clock_monotonic_us();
	arm_timer(connection);
	az_loop_defer(connection->loop, &connection->output);
}

/* ---- states ---- */

/* The only place that changes the state. */
static void
set_state(AzConnection *connection, State state)
{
	static const unsigned may_follow[] = {
		[CONNECTING] = 1 << GREETING | 1 << LOST,
		[GREETING] = 1 << OPEN | 1 << LOST,
		[OPEN] = 1 << LEAVING | 1 << LOST,
		[LEAVING] = 1 << LOST,
		[LOST] = 0
	};

	if ((may_follow[connection->state] & 1U << state) == 0)
		az_log(AZ_LOG_WARNING, "connection went from state %d to %d",
			   connection->state, state);
	connection->state = state;
}

/* Gives the connection up; settle() tells.  The first reason counts. */
static void
lose(AzConnection *connection, AzCode code, const char *format,...)
{
	va_list		args;

	if (connection->state == LOST)
		return;
	set_state(connection, LOST);
	va_start(args, format);
	vsnprintf(connection->reason, sizeof(connection->reason), format, args);
	va_end(args);
	connection->why.code = code;
	connection->why.message = connection->reason;
	az_loop_unwatch(connection->loop, &connection->watch);
	az_loop_undefer(connection->loop, &connection->output);
}

/* ---- the socket ---- */

static void
handle_ready(AzWatch *watch, uint32_t events)
{
	AzConnection *connection = watch->owner;

	if (connection->state == CONNECTING)
		finish_connecting(connection);
	else
	{
		if (events & (EPOLLIN | EPOLLERR | EPOLLHUP))
			read_input(connection);
		if (events & EPOLLOUT)
			write_output(connection);
	}
	settle(connection);
}

static void
finish_connecting(AzConnection *connection)
{
	int			cause = az_socket_error(connection->watch.fd);

	if (cause != 0)
	{
		lose(connection, AZ_UNAVAILABLE, "%s", strerror(cause));
		return;
	}
	connection->http2 =
		az_http2_client_create(connection->limits.max_header_bytes, connection);
	if (connection->http2 == NULL)
		lose(connection, AZ_RESOURCE_EXHAUSTED, "out of memory");
	else
		set_state(connection, GREETING);
	watch_socket(connection);
}

static void
read_input(AzConnection *connection)
{
	uint8_t		data[READ_SIZE];
	ssize_t		len;

	for (int i = 0; i < MAX_READS && connection->state != LOST; i++)
	{
		len = recv(connection->watch.fd, data, sizeof(data), 0);
		if (len > 0)
			take_input(connection, data, (size_t) len);
		else if (len == 0)
			lose(connection, AZ_UNAVAILABLE, "it closed the connection");
		else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
			lose(connection, AZ_UNAVAILABLE, "%s", strerror(errno));
		if (len < (ssize_t) sizeof(data))
			return;
	}
}

static void
take_input(AzConnection *connection, const uint8_t *data, size_t len)
{
	AzBytes		input = {data, len};
	AzError		why;

	connection->heard_us = az_clock_monotonic_us();
	connection->ping_us = 0;
	if (!az_http2_client_receive(connection->http2, input, &why))
		lose(connection, why.code, "%s", why.message);
}

static void
flush_output(AzDeferred *deferred)
{
	AzConnection *connection = deferred->owner;

	write_output(connection);
	settle(connection);
}

/* Writes until all is out or the socket is full. */
static void
write_output(AzConnection *connection)
{
	while (connection->state != LOST && gather_output(connection))
	{
		AzBytes		bytes = az_buffer_bytes(&connection->unsent);
		ssize_t		len = send(connection->watch.fd, bytes.data, bytes.len,
							   MSG_NOSIGNAL);

		if (len >= 0)
			az_buffer_consume(&connection->unsent, (size_t) len);
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			break;
		else if (errno != EINTR)
			fail_output(connection, errno);
	}
	watch_socket(connection);
}

/* Many frames become one write.  False when there is nothing to write. */
static bool
gather_output(AzConnection *connection)
{
	AzError		why;

	if (!az_http2_client_gather(connection->http2, &connection->unsent,
								OUTPUT_SIZE, &why))
	{
		lose(connection, why.code, "%s", why.message);
		return false;
	}
	return az_buffer_bytes(&connection->unsent).len > 0;
}

/* What the peer said before it went may still be there to be read. */
static void
fail_output(AzConnection *connection, int cause)
{
	read_input(connection);
	lose(connection, AZ_UNAVAILABLE, "%s", strerror(cause));
}

static bool
is_blocked(const AzConnection *connection)
{
	return az_buffer_bytes(&connection->unsent).len > 0;
}

static void
watch_socket(AzConnection *connection)
{
	if (connection->state == LOST)
		return;
	if (!az_loop_watch(connection->loop, &connection->watch,
					   is_blocked(connection) ? EPOLLIN | EPOLLOUT : EPOLLIN))
		lose(connection, AZ_UNAVAILABLE, "%s", strerror(errno));
}

/* ---- the timer: connecting, silence, idleness ---- */

static void
handle_due(AzTimer *timer)
{
	AzConnection *connection = timer->owner;

	/* Its place in the heap is kept, so that moving it needs no memory. */
	az_loop_start_timer(connection->loop, timer, INT64_MAX);
	if (az_clock_monotonic_us() >= next_due(connection))
	{
		if (az_connection_is_opening(connection))
			give_up_opening(connection);
		else if (az_connection_streams(connection) == 0)
			leave_idle(connection);
		else
			handle_silence(connection);
	}
	settle(connection);
}

static int64_t
next_due(const AzConnection *connection)
{
	const AzConnectionLimits *limits = &connection->limits;

	if (az_connection_is_opening(connection))
		return connection->heard_us + limits->connect_timeout_us;
	if (az_connection_streams(connection) == 0)
		return limits->idle_timeout_us == 0 ? INT64_MAX
			: connection->idle_us + limits->idle_timeout_us;
	if (limits->keepalive_us == 0)
		return INT64_MAX;
	if (connection->ping_us != 0)
		return connection->ping_us + limits->keepalive_timeout_us;
	return connection->heard_us + limits->keepalive_us;
}

static void
give_up_opening(AzConnection *connection)
{
	lose(connection, AZ_UNAVAILABLE, "%s within %lld ms",
		 connection->state == CONNECTING ? "no connection" : "no greeting",
		 (long long) connection->limits.connect_timeout_us / 1000);
}

static void
handle_silence(AzConnection *connection)
{
	int64_t		now_us = az_clock_monotonic_us();

	if (connection->ping_us != 0)
		lose(connection, AZ_UNAVAILABLE, "it was silent for %lld ms",
			 (long long) (now_us - connection->heard_us) / 1000);
	else if (!az_http2_client_ping(connection->http2))
		lose(connection, AZ_RESOURCE_EXHAUSTED, "out of memory");
	else
		connection->ping_us = now_us;
}

static void
leave_idle(AzConnection *connection)
{
	/* If the farewell cannot be said, closing says it too. */
	if (az_http2_client_terminate(connection->http2))
		write_output(connection);
	lose(connection, AZ_OK, "it was idle");
}

/* Only ever moved forward here: when it is due too early, it looks again. */
static void
arm_timer(AzConnection *connection)
{
	int64_t		due_us = next_due(connection);

	if (due_us < connection->timer.due_us)
		az_loop_start_timer(connection->loop, &connection->timer, due_us);
}

/* ---- what every event ends with ---- */

/* The owner may free the connection in here: must be the last thing done. */
static void
settle(AzConnection *connection)
{
	bool		had_streams = az_connection_streams(connection) > 0;
	bool		changed = false;

	if (connection->http2 != NULL)
		changed = az_http2_client_tell(connection->http2);
	if (had_streams || changed)
		connection->idle_us = connection->heard_us;
	if (connection->state != LOST && advance(connection))
		changed = true;
	if (connection->state == LOST)
	{
		if (connection->http2 != NULL)
			az_http2_client_end(connection->http2, &connection->why);
		connection->events->lost(connection->owner, &connection->why);
		return;
	}
	/* A socket that is full says when it is not: no need to try before. */
	if (connection->http2 != NULL && !is_blocked(connection) &&
		az_http2_client_has_output(connection->http2))
		az_loop_defer(connection->loop, &connection->output);
	arm_timer(connection);
	if (changed)
		connection->events->changed(connection->owner);
}

/* Moves the state by what the peer has said; true when it did. */
static bool
advance(AzConnection *connection)
{
	State		before = connection->state;

	if (connection->http2 == NULL)
		return false;
	if (az_http2_client_blame(connection->http2) != NULL)
		lose(connection, AZ_INTERNAL, "it does not speak HTTP/2 (%s)",
			 az_http2_client_blame(connection->http2));
	if (connection->state == GREETING &&
		az_http2_client_is_greeted(connection->http2))
		set_state(connection, OPEN);
	if (connection->state == OPEN &&
		az_http2_client_is_leaving(connection->http2))
		set_state(connection, LEAVING);
	if (connection->state == LEAVING &&
		az_connection_streams(connection) == 0)
		lose(connection, AZ_UNAVAILABLE, "it said goodbye");
	return connection->state != before;
}
