/* Listening sockets: TCP and Unix. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/listener.h"
#include "net/socket_file.h"

#define MAX_SOCKETS 16
#define ACCEPTS_PER_TURN 64
#define REST_US 100000			/* after running out of descriptors */
#define LOG_EVERY_US 60000000
#define STREAM (SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC)

typedef struct Socket
{
	AzWatch		watch;			/* must come first */
	bool		is_tcp;
	AzSocketFile file;			/* of a Unix socket */
} Socket;

struct AzListener
{
	AzLoop	   *loop;
	AzAccepted	accepted;
	void	   *owner;
	Socket		sockets[MAX_SOCKETS];
	size_t		n_sockets;
	bool		shares;			/* others may listen at our ports too */
	bool		joins;			/* ... and do already, at those to come */
	AzTimer		rest;			/* runs while nothing is accepted */
	int64_t		log_again_us;
};

static bool listen_to_all(AzListener *listener, struct addrinfo *found,
						  AzArena *arena, AzError *error);
static int	listen_to(const struct addrinfo *address, bool joins);
static void let_share(int fd);
static bool is_missing(int cause);
static int	port_of(const Socket *entry);
static int	asked_port(const struct addrinfo *address);
static void set_port(struct addrinfo *address, int port);
static void name_socket(const struct sockaddr *address, socklen_t len,
						char name[NI_MAXHOST]);
static void log_serving(const AzListener *listener, size_t first,
						const char *host);
static bool listen_to_path(AzListener *listener, const char *path, int mode);
static Socket *add_socket(AzListener *listener, int fd);
static void close_from(AzListener *listener, size_t first);
static void accept_some(AzWatch *watch, uint32_t events);
static bool accept_one(AzListener *listener, const Socket *entry);
static void rest(AzListener *listener, int cause);
static void resume(AzTimer *timer);

AzListener *
az_listener_create(AzLoop *loop, AzAccepted accepted, void *owner)
{
	AzListener *listener = calloc(1, sizeof(AzListener));

	if (listener == NULL)
		return NULL;
	listener->loop = loop;
	listener->accepted = accepted;
	listener->owner = owner;
	listener->rest.due = resume;
	listener->rest.owner = listener;
	return listener;
}

void
az_listener_free(AzListener *listener)
{
	if (listener == NULL)
		return;
	close_from(listener, 0);
	az_loop_stop_timer(listener->loop, &listener->rest);
	free(listener);
}

void
az_listener_share(AzListener *listener, bool joins)
{
	listener->shares = true;
	listener->joins = joins;
	for (size_t i = 0; i < listener->n_sockets; i++)
	{
		if (listener->sockets[i].is_tcp)
			let_share(listener->sockets[i].watch.fd);
	}
}

int
az_listener_port(const AzListener *listener)
{
	for (size_t i = 0; i < listener->n_sockets; i++)
	{
		if (listener->sockets[i].is_tcp)
			return port_of(&listener->sockets[i]);
	}
	return 0;
}

/* ---- TCP ---- */

bool
az_listener_open_tcp(AzListener *listener, const char *host, int port,
					 AzArena *arena, AzError *error)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC,
	.ai_socktype = SOCK_STREAM,.ai_flags = AI_PASSIVE};
	bool		any = host[0] == '\0' || strcmp(host, "*") == 0;
	size_t		before = listener->n_sockets;
	struct addrinfo *found;
	char		service[16];
	AzError		failure = {0};
	int			rc;

	if (port < 0 || port > 65535)
		return az_error_set(error, arena, AZ_INVALID_ARGUMENT,
							"port %d is not between 0 and 65535", port);
	snprintf(service, sizeof(service), "%d", port);
	rc = getaddrinfo(any ? NULL : host, service, &hints, &found);
	if (rc != 0)
		return az_error_set(error, arena, AZ_UNAVAILABLE,
							"could not look up host \"%s\": %s", host,
							gai_strerror(rc));
	if (listen_to_all(listener, found, arena, &failure))
		log_serving(listener, before, any ? "*" : host);
	else
	{
		close_from(listener, before);
		if (error != NULL)
			*error = failure;
	}
	freeaddrinfo(found);
	return listener->n_sockets > before;
}

/*
 * Listens on every address, but for those this machine does not have at all
 * (::1 where IPv6 is off) as long as there is another one.
 */
static bool
listen_to_all(AzListener *listener, struct addrinfo *found,
			  AzArena *arena, AzError *error)
{
	size_t		before = listener->n_sockets;

	for (struct addrinfo *address = found; address != NULL;
		 address = address->ai_next)
	{
		char		name[NI_MAXHOST];
		Socket	   *entry;
		int			fd;

		/* Port 0 is any for the first address, then the same for all. */
		if (listener->n_sockets > before)
			set_port(address, port_of(&listener->sockets[before]));
		fd = listen_to(address, listener->joins);
		entry = fd < 0 ? NULL : add_socket(listener, fd);
		if (entry != NULL)
		{
			entry->is_tcp = true;
			if (listener->shares)
				let_share(fd);
			continue;
		}
		name_socket(address->ai_addr, address->ai_addrlen, name);
		az_error_set(error, arena, AZ_UNAVAILABLE,
					 "could not listen on %s, port %d: %s", name,
					 asked_port(address), strerror(errno));
		if (errno == EADDRINUSE)
			error->hint = "Give each database a port of its own: ALTER DATABASE ... SET angzarr.listen_port.";
		if (!is_missing(errno))
			return false;
	}
	return listener->n_sockets > before;
}

/*
 * A listening descriptor, or -1 with errno.  Who does not join must have the
 * port alone at first, whatever others allow.
 */
static int
listen_to(const struct addrinfo *address, bool joins)
{
	int			fd = socket(address->ai_family, STREAM, address->ai_protocol);
	int			on = 1;
	int			cause;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (address->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (joins)
		let_share(fd);
	if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 &&
		listen(fd, SOMAXCONN) == 0)
		return fd;
	cause = errno;
	close(fd);
	errno = cause;
	return -1;
}

/* Where that cannot be had, who wants to join finds the port in use. */
static void
let_share(int fd)
{
	int			on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
}

static bool
is_missing(int cause)
{
	return cause == EADDRNOTAVAIL || cause == EAFNOSUPPORT;
}

static int
port_of(const Socket *entry)
{
	union
	{
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	}			address = {0};
	socklen_t	len = sizeof(address);

	getsockname(entry->watch.fd, &address.any, &len);
	return ntohs(address.any.sa_family == AF_INET6
				 ? address.v6.sin6_port : address.v4.sin_port);
}

static int
asked_port(const struct addrinfo *address)
{
	/* The port is at the same place for both families. */
	return ntohs(((const struct sockaddr_in *) address->ai_addr)->sin_port);
}

static void
set_port(struct addrinfo *address, int port)
{
	if (address->ai_family == AF_INET6)
		((struct sockaddr_in6 *) address->ai_addr)->sin6_port = htons(port);
	else
		((struct sockaddr_in *) address->ai_addr)->sin_port = htons(port);
}

/* The address as numbers. */
static void
name_socket(const struct sockaddr *address, socklen_t len,
			char name[NI_MAXHOST])
{
	int			cause = errno;

	if (getnameinfo(address, len, name, NI_MAXHOST, NULL, 0,
					NI_NUMERICHOST) != 0)
		snprintf(name, NI_MAXHOST, "an unknown address");
	errno = cause;
}

static void
log_serving(const AzListener *listener, size_t first, const char *host)
{
	char		names[512] = "";
	size_t		len = 0;

	for (size_t i = first; i < listener->n_sockets; i++)
	{
		struct sockaddr_storage address;
		socklen_t	size = sizeof(address);
		char		name[NI_MAXHOST];

		getsockname(listener->sockets[i].watch.fd,
					(struct sockaddr *) &address, &size);
		name_socket((struct sockaddr *) &address, size, name);
		if (len < sizeof(names))
			len += (size_t) snprintf(names + len, sizeof(names) - len, "%s%s",
									 len == 0 ? "" : ", ", name);
	}
	az_log(AZ_LOG_INFO, "serving gRPC on %s:%d (%s)", host,
		   port_of(&listener->sockets[first]), names);
}

/* ---- Unix sockets ---- */

bool
az_listener_open_unix(AzListener *listener, const char *path, int mode,
					  AzArena *arena, AzError *error)
{
	if (!az_socket_file_fits(path))
		return az_error_set(error, arena, AZ_INVALID_ARGUMENT,
							"path of Unix socket \"%s\" is empty or too long",
							path);
	if (!listen_to_path(listener, path, mode))
		return az_error_set(error, arena, AZ_UNAVAILABLE,
							"could not listen on Unix socket \"%s\": %s",
							path, strerror(errno));
	az_log(AZ_LOG_INFO, "serving gRPC on Unix socket \"%s\"", path);
	return true;
}

/* False with errno; then nothing is left behind. */
static bool
listen_to_path(AzListener *listener, const char *path, int mode)
{
	AzSocketFile file;
	int			fd = az_socket_file_listen(&file, path, mode);
	Socket	   *entry = fd < 0 ? NULL : add_socket(listener, fd);
	int			cause = errno;

	if (entry != NULL)
		entry->file = file;
	else if (fd >= 0)
		az_socket_file_remove(&file);
	errno = cause;
	return entry != NULL;
}

/* ---- all sockets ---- */

/* Begins to accept; closes the descriptor (NULL with errno) when it cannot. */
static Socket *
add_socket(AzListener *listener, int fd)
{
	Socket	   *entry = &listener->sockets[listener->n_sockets];
	int			cause = EMFILE;

	if (listener->n_sockets < MAX_SOCKETS)
	{
		memset(entry, 0, sizeof(Socket));
		entry->watch.fd = fd;
		entry->watch.ready = accept_some;
		entry->watch.owner = listener;
		if (az_loop_watch(listener->loop, &entry->watch, EPOLLIN))
		{
			listener->n_sockets++;
			return entry;
		}
		cause = errno;
	}
	close(fd);
	errno = cause;
	return NULL;
}

static void
close_from(AzListener *listener, size_t first)
{
	while (listener->n_sockets > first)
	{
		Socket	   *entry = &listener->sockets[--listener->n_sockets];

		az_loop_unwatch(listener->loop, &entry->watch);
		close(entry->watch.fd);
		if (!entry->is_tcp)
			az_socket_file_remove(&entry->file);
	}
}

static void
accept_some(AzWatch *watch, uint32_t events)
{
	AzListener *listener = watch->owner;
	Socket	   *entry = (Socket *) watch;

	for (int i = 0; i < ACCEPTS_PER_TURN; i++)
	{
		if (!accept_one(listener, entry))
			return;
	}
}

/* False: no more for now. */
static bool
accept_one(AzListener *listener, const Socket *entry)
{
	int			fd = accept4(entry->watch.fd, NULL, NULL,
							 SOCK_NONBLOCK | SOCK_CLOEXEC);
	int			on = 1;

	if (fd >= 0)
	{
		if (entry->is_tcp)
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		listener->accepted(listener->owner, fd);
		return true;
	}
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return false;
	/* These are about one connection, which is gone already. */
	if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO ||
		errno == EPERM || errno == EHOSTUNREACH || errno == ENETUNREACH)
		return true;
	rest(listener, errno);
	return false;
}

/* Stops accepting for a moment: the socket would be ready without end. */
static void
rest(AzListener *listener, int cause)
{
	int64_t		now_us = az_clock_monotonic_us();

	if (now_us >= listener->log_again_us)
	{
		az_log(AZ_LOG_WARNING, "could not accept a connection: %s",
			   strerror(cause));
		listener->log_again_us = now_us + LOG_EVERY_US;
	}
	if (!az_loop_start_timer(listener->loop, &listener->rest,
							 now_us + REST_US))
		return;
	for (size_t i = 0; i < listener->n_sockets; i++)
		az_loop_unwatch(listener->loop, &listener->sockets[i].watch);
}

static void
resume(AzTimer *timer)
{
	AzListener *listener = timer->owner;

	for (size_t i = 0; i < listener->n_sockets; i++)
	{
		if (!az_loop_watch(listener->loop, &listener->sockets[i].watch,
						   EPOLLIN))
		{
			rest(listener, errno);
			return;
		}
	}
}
