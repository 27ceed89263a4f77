/*
 * One connection of a client: its socket, its timeouts, what it has unsent.
 *
 * A connection is freed only by its own watch, timer or deferred work, and by
 * the server, never while its session or an event of a call is running: who
 * finds there that it cannot go on marks it as broken.
 *
 * At its end it shuts down its side and reads on for a moment, because
 * closing a socket with unread input would destroy the last output.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/http2_server.h"
#include "net/server_call.h"

#define READ_PER_TURN (256 * 1024)
#define WRITE_PER_TURN (1024 * 1024)
#define WRITE_CHUNK (64 * 1024)
#define DISCARD_AT_END (1024 * 1024)
#define FRAME_COST 64			/* bytes a waiting frame counts as, roughly */
#define END_TIMEOUT_US 1000000	/* for the last output, and for lingering */
#define GOODBYE_TIMEOUT_US 1000000	/* for the answer to the first GOAWAY */

static bool set_state(AzServerConnection *connection,
					  AzServerConnectionState state);
static void init(AzServerConnection *connection, AzServerContext *context,
				 int fd);
static void ready(AzWatch *watch, uint32_t events);
static void read_input(AzServerConnection *connection);
static bool take_input(AzServerConnection *connection, size_t len);
static bool is_paused(const AzServerConnection *connection);
static void flush(AzDeferred *deferred);
static void write_output(AzServerConnection *connection);
static bool write_some(AzServerConnection *connection, size_t *written);
static void settle(AzServerConnection *connection);
static void linger(AzServerConnection *connection);
static void end_calls(AzServerConnection *connection);
static void watch_what_is_wanted(AzServerConnection *connection);
static void tell_drained(AzTimer *timer);
static void tend(AzTimer *timer);
static void tend_state(AzServerConnection *connection, int64_t now_us);
static void keep_alive(AzServerConnection *connection, int64_t now_us);
static void schedule(AzServerConnection *connection);
static int64_t state_due(const AzServerConnection *connection);
static int64_t keepalive_due(const AzServerConnection *connection);

#define IS_IN(state) (1 << AZ_SERVER_CONNECTION_##state)

/* The states each state may follow. */
static const unsigned predecessors[] = {
	[AZ_SERVER_CONNECTION_HANDSHAKE] = 0,
	[AZ_SERVER_CONNECTION_OPEN] = IS_IN(HANDSHAKE),
	[AZ_SERVER_CONNECTION_DRAINING] = IS_IN(HANDSHAKE) | IS_IN(OPEN),
	[AZ_SERVER_CONNECTION_ENDING] = IS_IN(HANDSHAKE) | IS_IN(OPEN) |
	IS_IN(DRAINING),
	[AZ_SERVER_CONNECTION_LINGERING] = IS_IN(HANDSHAKE) | IS_IN(OPEN) |
	IS_IN(DRAINING) | IS_IN(ENDING),
	[AZ_SERVER_CONNECTION_CLOSED] = IS_IN(HANDSHAKE) | IS_IN(OPEN) |
	IS_IN(DRAINING) | IS_IN(ENDING) | IS_IN(LINGERING),
};

/* The one place that changes a connection's state. */
static bool
set_state(AzServerConnection *connection, AzServerConnectionState state)
{
	if (!(predecessors[state] & 1 << connection->state))
	{
		az_log(AZ_LOG_WARNING, "connection cannot go from state %d to %d",
			   (int) connection->state, (int) state);
		return false;
	}
	connection->state = state;
	connection->state_since_us = az_clock_monotonic_us();
	return true;
}

bool
az_server_connection_open(AzServerContext *context, int fd)
{
	AzServerConnection *connection = calloc(1, sizeof(AzServerConnection));

	if (connection == NULL)
	{
		close(fd);
		return false;
	}
	init(connection, context, fd);
	connection->http2 = az_http2_server_create(connection);
	if (connection->http2 == NULL)
	{
		az_server_connection_close(connection);
		return false;
	}
	az_server_connection_touch(connection);
	schedule(connection);
	return true;
}

static void
init(AzServerConnection *connection, AzServerContext *context, int fd)
{
	connection->context = context;
	connection->limits = context->limits;
	connection->watch.fd = fd;
	connection->watch.ready = ready;
	connection->watch.owner = connection;
	connection->flush.run = flush;
	connection->flush.owner = connection;
	connection->tend.due = tend;
	connection->tend.owner = connection;
	connection->tell_drained.due = tell_drained;
	connection->tell_drained.owner = connection;
	connection->state_since_us = az_clock_monotonic_us();
	connection->heard_us = connection->state_since_us;
	connection->idle_since_us = connection->state_since_us;
	az_list_append(&context->connections, &connection->link, connection);
}

void
az_server_connection_close(AzServerConnection *connection)
{
	AzLoop	   *loop = connection->context->loop;

	set_state(connection, AZ_SERVER_CONNECTION_CLOSED);
	end_calls(connection);
	az_http2_server_free(connection->http2);
	az_loop_unwatch(loop, &connection->watch);
	az_loop_undefer(loop, &connection->flush);
	az_loop_stop_timer(loop, &connection->tend);
	az_loop_stop_timer(loop, &connection->tell_drained);
	close(connection->watch.fd);
	az_buffer_free(&connection->output);
	az_list_remove(&connection->link);
	free(connection);
}

static void
end_calls(AzServerConnection *connection)
{
	AzServerCall *call;

	while ((call = az_list_first(&connection->calls)) != NULL)
		az_server_call_destroy(call);
}

void
az_server_connection_drain(AzServerConnection *connection)
{
	if (connection->state > AZ_SERVER_CONNECTION_OPEN)
		return;
	set_state(connection, AZ_SERVER_CONNECTION_DRAINING);
	if (!az_http2_server_goodbye(connection->http2, false))
		connection->broken = true;
	az_server_connection_touch(connection);
	schedule(connection);
}

void
az_server_connection_touch(AzServerConnection *connection)
{
	az_loop_defer(connection->context->loop, &connection->flush);
}

void
az_server_connection_break(AzServerConnection *connection)
{
	connection->broken = true;
	az_server_connection_touch(connection);
}

void
az_server_connection_greet(AzServerConnection *connection)
{
	if (connection->state != AZ_SERVER_CONNECTION_HANDSHAKE)
		return;
	set_state(connection, AZ_SERVER_CONNECTION_OPEN);
	connection->idle_since_us = connection->state_since_us;
	schedule(connection);
}

void
az_server_connection_rest(AzServerConnection *connection)
{
	if (connection->state == AZ_SERVER_CONNECTION_CLOSED)
		return;
	connection->idle_since_us = az_clock_monotonic_us();
	schedule(connection);
	/* A draining connection is over with its last call. */
	az_server_connection_touch(connection);
}

/* ---- the socket ---- */

static void
ready(AzWatch *watch, uint32_t events)
{
	AzServerConnection *connection = watch->owner;

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		read_input(connection);
	if (events & (EPOLLHUP | EPOLLERR))
		connection->broken = true;
	if ((events & EPOLLOUT) && !connection->broken)
		write_output(connection);
	settle(connection);
}

static void
read_input(AzServerConnection *connection)
{
	size_t		total = 0;

	while (total < READ_PER_TURN && !is_paused(connection))
	{
		ssize_t		len = recv(connection->watch.fd,
							   connection->context->input,
							   AZ_SERVER_INPUT_SIZE, 0);

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (len <= 0 || !take_input(connection, (size_t) len))
		{
			connection->broken = true;
			return;
		}
		if (len < AZ_SERVER_INPUT_SIZE)
			return;
		total += (size_t) len;
	}
}

/* False: nothing more may be read. */
static bool
take_input(AzServerConnection *connection, size_t len)
{
	AzBytes		input = {connection->context->input, len};

	connection->heard_us = az_clock_monotonic_us();
	connection->pinged = false;
	if (connection->state == AZ_SERVER_CONNECTION_LINGERING)
	{
		connection->discarded += len;
		return connection->discarded <= DISCARD_AT_END;
	}
	if (!az_http2_server_take(connection->http2, input))
		return false;
	if (az_http2_server_has_output(connection->http2))
		az_server_connection_touch(connection);
	return true;
}

/*
 * Whether to leave input in the socket because the client does not take its
 * output.  What waits for its flow control does not count while the socket
 * itself takes more: only by reading can we learn that the window opens.
 */
static bool
is_paused(const AzServerConnection *connection)
{
	size_t		unsent = az_buffer_bytes(&connection->output).len;

	if (unsent == 0 || connection->state == AZ_SERVER_CONNECTION_LINGERING)
		return false;
	unsent += connection->queued +
		FRAME_COST * az_http2_server_waiting(connection->http2);
	return unsent > connection->limits.max_output_bytes;
}

static void
flush(AzDeferred *deferred)
{
	AzServerConnection *connection = deferred->owner;

	if (!connection->broken)
		write_output(connection);
	settle(connection);
}

static void
write_output(AzServerConnection *connection)
{
	size_t		written = 0;

	if (connection->state == AZ_SERVER_CONNECTION_LINGERING)
		return;
	while (written < WRITE_PER_TURN && write_some(connection, &written))
		continue;
	if (connection->broken || connection->senders.count == 0 ||
		az_buffer_bytes(&connection->output).len > 0)
		return;

	/* Not from here: what the owner sends then would be written at once. */
	if (!az_loop_start_timer(connection->context->loop,
							 &connection->tell_drained, 0))
		connection->broken = true;
}

/* False: no more now, or broken. */
static bool
write_some(AzServerConnection *connection, size_t *written)
{
	AzBytes		bytes;
	ssize_t		len;

	if (!az_http2_server_make(connection->http2, &connection->output,
							  WRITE_CHUNK))
	{
		connection->broken = true;
		return false;
	}
	bytes = az_buffer_bytes(&connection->output);
	if (bytes.len == 0)
		return false;
	len = send(connection->watch.fd, bytes.data, bytes.len, MSG_NOSIGNAL);
	if (len < 0)
	{
		connection->broken = errno != EAGAIN && errno != EWOULDBLOCK &&
			errno != EINTR;
		return errno == EINTR;
	}
	az_buffer_consume(&connection->output, (size_t) len);
	*written += (size_t) len;
	return (size_t) len == bytes.len;
}

static void
tell_drained(AzTimer *timer)
{
	AzServerConnection *connection = timer->owner;

	az_server_call_tell_drained(connection);
}

/* ---- its end ---- */

/* After everything that happened: closes, lingers, or waits for more. */
static void
settle(AzServerConnection *connection)
{
	if (connection->broken)
	{
		az_server_connection_close(connection);
		return;
	}
	if (connection->state < AZ_SERVER_CONNECTION_ENDING &&
		az_http2_server_is_over(connection->http2))
	{
		set_state(connection, AZ_SERVER_CONNECTION_ENDING);
		schedule(connection);
	}
	if (connection->state == AZ_SERVER_CONNECTION_ENDING &&
		az_buffer_bytes(&connection->output).len == 0 &&
		!az_http2_server_has_output(connection->http2))
		linger(connection);
	watch_what_is_wanted(connection);
}

static void
linger(AzServerConnection *connection)
{
	set_state(connection, AZ_SERVER_CONNECTION_LINGERING);
	end_calls(connection);
	shutdown(connection->watch.fd, SHUT_WR);
	schedule(connection);
}

static void
watch_what_is_wanted(AzServerConnection *connection)
{
	uint32_t	events = is_paused(connection) ? 0 : EPOLLIN;

	if (connection->state != AZ_SERVER_CONNECTION_LINGERING &&
		(az_buffer_bytes(&connection->output).len > 0 ||
		 az_http2_server_has_output(connection->http2)))
		events |= EPOLLOUT;
	if (!az_loop_watch(connection->context->loop, &connection->watch, events))
		az_server_connection_close(connection);
}

/* ---- its timeouts ---- */

static void
tend(AzTimer *timer)
{
	AzServerConnection *connection = timer->owner;
	int64_t		now_us = az_clock_monotonic_us();

	if (now_us >= state_due(connection))
		tend_state(connection, now_us);
	if (now_us >= keepalive_due(connection))
		keep_alive(connection, now_us);
	schedule(connection);
	settle(connection);
}

static void
tend_state(AzServerConnection *connection, int64_t now_us)
{
	switch (connection->state)
	{
		case AZ_SERVER_CONNECTION_OPEN:
			az_server_connection_drain(connection);
			break;
		case AZ_SERVER_CONNECTION_DRAINING:
			connection->said_goodbye = true;
			if (!az_http2_server_goodbye(connection->http2, true))
				connection->broken = true;
			az_server_connection_touch(connection);
			break;
		default:
			connection->broken = true;
	}
}

/* When the state has lasted long enough. */
static int64_t
state_due(const AzServerConnection *connection)
{
	const AzServerLimits *limits = &connection->limits;

	switch (connection->state)
	{
		case AZ_SERVER_CONNECTION_HANDSHAKE:
			return connection->state_since_us + limits->handshake_timeout_us;
		case AZ_SERVER_CONNECTION_OPEN:
			if (connection->calls.count > 0 || limits->idle_timeout_us <= 0)
				return INT64_MAX;
			return connection->idle_since_us + limits->idle_timeout_us;
		case AZ_SERVER_CONNECTION_DRAINING:
			if (connection->said_goodbye)
				return INT64_MAX;
			return connection->state_since_us + GOODBYE_TIMEOUT_US;
		case AZ_SERVER_CONNECTION_ENDING:
		case AZ_SERVER_CONNECTION_LINGERING:
			return connection->state_since_us + END_TIMEOUT_US;
		default:
			return INT64_MAX;
	}
}

static void
keep_alive(AzServerConnection *connection, int64_t now_us)
{
	if (connection->pinged ||
		!az_http2_server_ping(connection->http2))
	{
		connection->broken = true;
		return;
	}
	connection->pinged = true;
	connection->pinged_us = now_us;
	az_server_connection_touch(connection);
}

/* When to ask whether the client is there, or to give it up. */
static int64_t
keepalive_due(const AzServerConnection *connection)
{
	const AzServerLimits *limits = &connection->limits;

	if (limits->keepalive_us <= 0 ||
		connection->state >= AZ_SERVER_CONNECTION_ENDING)
		return INT64_MAX;
	if (connection->pinged)
		return connection->pinged_us + limits->keepalive_timeout_us;
	return connection->heard_us + limits->keepalive_us;
}

/* The timer runs for whatever is due first. */
static void
schedule(AzServerConnection *connection)
{
	AzLoop	   *loop = connection->context->loop;
	int64_t		due_us = state_due(connection);

	if (keepalive_due(connection) < due_us)
		due_us = keepalive_due(connection);
	if (due_us == INT64_MAX)
		az_loop_stop_timer(loop, &connection->tend);
	else if (!az_loop_start_timer(loop, &connection->tend, due_us))
		az_server_connection_break(connection);
}
