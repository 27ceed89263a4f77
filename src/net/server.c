/* The gRPC server: its listeners, its connections and their limits. */
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/listener.h"
#include "net/server_connection.h"

#define LOG_EVERY_US 60000000

struct AzServer
{
	AzServerContext context;
	AzListener *listener;		/* NULL once draining */
	int64_t		log_again_us;	/* of refused connections */
};

static void accepted(void *owner, int fd);
static void refuse(AzServer *server, int fd);
static bool is_listening(const AzServer *server, AzError *error);

AzServer *
az_server_create(AzLoop *loop, const AzServerLimits *limits,
				 const AzServerEvents *events, void *owner)
{
	AzServer   *server = calloc(1, sizeof(AzServer));

	if (server == NULL)
		return NULL;
	server->context.loop = loop;
	server->context.limits = *limits;
	server->context.events = events;
	server->context.owner = owner;
	server->context.input = malloc(AZ_SERVER_INPUT_SIZE);
	server->listener = az_listener_create(loop, accepted, server);
	if (server->context.input != NULL && server->listener != NULL)
		return server;
	az_server_free(server);
	return NULL;
}

void
az_server_free(AzServer *server)
{
	AzServerConnection *connection;

	if (server == NULL)
		return;
	az_listener_free(server->listener);
	while ((connection = az_list_first(&server->context.connections)) != NULL)
		az_server_connection_close(connection);
	free(server->context.input);
	free(server);
}

void
az_server_set_limits(AzServer *server, const AzServerLimits *limits)
{
	server->context.limits = *limits;
}

void
az_server_share_ports(AzServer *server, bool joins)
{
	if (server->listener != NULL)
		az_listener_share(server->listener, joins);
}

bool
az_server_listen_tcp(AzServer *server, const char *host, int port,
					 AzArena *arena, AzError *error)
{
	return is_listening(server, error) &&
		az_listener_open_tcp(server->listener, host, port, arena, error);
}

bool
az_server_listen_unix(AzServer *server, const char *path, int mode,
					  AzArena *arena, AzError *error)
{
	return is_listening(server, error) &&
		az_listener_open_unix(server->listener, path, mode, arena, error);
}

static bool
is_listening(const AzServer *server, AzError *error)
{
	return server->listener != NULL ||
		az_error_set(error, NULL, AZ_FAILED_PRECONDITION,
					 "the server is shutting down");
}

int
az_server_port(const AzServer *server)
{
	return server->listener == NULL ? 0 : az_listener_port(server->listener);
}

void
az_server_drain(AzServer *server)
{
	AzServerConnection *connection =
	az_list_first(&server->context.connections);

	az_listener_free(server->listener);
	server->listener = NULL;
	for (; connection != NULL; connection = az_list_next(&connection->link))
		az_server_connection_drain(connection);
}

size_t
az_server_connections(const AzServer *server)
{
	return server->context.connections.count;
}

size_t
az_server_calls(const AzServer *server)
{
	return server->context.n_calls;
}

static void
accepted(void *owner, int fd)
{
	AzServer   *server = owner;

	if (server->context.connections.count >=
		server->context.limits.max_connections)
		refuse(server, fd);
	else if (!az_server_connection_open(&server->context, fd))
		az_log(AZ_LOG_WARNING, "no memory for a connection");
}

static void
refuse(AzServer *server, int fd)
{
	int64_t		now_us = az_clock_monotonic_us();

	close(fd);
	if (now_us < server->log_again_us)
		return;
	az_log(AZ_LOG_WARNING, "refused a connection: all %zu are in use",
		   server->context.limits.max_connections);
	server->log_again_us = now_us + LOG_EVERY_US;
}
