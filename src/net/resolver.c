/*
 * Looking names up in the loop (c-ares): a host becomes socket addresses.
 *
 * c-ares says which descriptors it wants watched and when it wants to be
 * called again.  Its callbacks only store; "done" is called after c-ares has
 * returned, so that it may stop or start lookups.
 */
#include <arpa/inet.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "net/resolver.h"

/* One question is asked again after so long, twice as long the second time. */
#define TIMEOUT_MS 1000
#define TRIES 2

static const char *configured_file = NULL;
static int	configured_port = 0;

static bool take_literal(AzLookup *lookup, const char *host);
static int	open_channel(AzLookup *lookup);
static void watch_descriptor(void *data, ares_socket_t fd, int readable,
							 int writable);
static AzWatch *find_watch(AzLookup *lookup, int fd, bool make);
static void take_answer(void *data, int status, int timeouts,
						struct ares_addrinfo *answer);
static void take_address(AzLookup *lookup, const struct sockaddr *value,
						 socklen_t len);
static void go_on(AzWatch *watch, uint32_t events);
static void tick(AzTimer *timer);
static void settle(AzLookup *lookup);
static void wait_further(AzLookup *lookup);

void
az_lookup_configure(const char *resolv_conf, int dns_port)
{
	configured_file = resolv_conf;
	configured_port = dns_port;
}

bool
az_lookup_start(AzLookup *lookup, AzLoop *loop, const char *host, int port)
{
	struct ares_addrinfo_hints hints = {
		.ai_flags = ARES_AI_NOSORT,
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM
	};
	int			status = ARES_SUCCESS;

	az_lookup_stop(lookup);
	lookup->loop = loop;
	lookup->port = port;
	lookup->n_addresses = 0;
	lookup->timer.due = tick;
	lookup->timer.owner = lookup;
	lookup->why = "out of memory";
	if (!az_loop_start_timer(loop, &lookup->timer, INT64_MAX))
		return false;
	lookup->running = true;
	if (!take_literal(lookup, host))
		status = open_channel(lookup);
	if (status != ARES_SUCCESS)
	{
		lookup->channel = NULL;
		az_lookup_stop(lookup);
		lookup->why = ares_strerror(status);
		return false;
	}
	if (lookup->channel != NULL)
		ares_getaddrinfo(lookup->channel, host, NULL, &hints, take_answer,
						 lookup);
	wait_further(lookup);
	return true;
}

void
az_lookup_stop(AzLookup *lookup)
{
	if (!lookup->running)
		return;
	/* Destroying reports to take_answer and closes what is watched. */
	if (lookup->channel != NULL)
		ares_destroy(lookup->channel);
	lookup->channel = NULL;
	lookup->running = false;
	lookup->ended = false;
	az_loop_stop_timer(lookup->loop, &lookup->timer);
}

bool
az_lookup_is_running(const AzLookup *lookup)
{
	return lookup->running;
}

/* An IP address needs no server; c-ares 1.18 would ask one. */
static bool
take_literal(AzLookup *lookup, const char *host)
{
	struct sockaddr_in ip4 = {.sin_family = AF_INET};
	struct sockaddr_in6 ip6 = {.sin6_family = AF_INET6};

	if (inet_pton(AF_INET, host, &ip4.sin_addr) == 1)
		take_address(lookup, (struct sockaddr *) &ip4, sizeof(ip4));
	else if (inet_pton(AF_INET6, host, &ip6.sin6_addr) == 1)
		take_address(lookup, (struct sockaddr *) &ip6, sizeof(ip6));
	else
		return false;
	lookup->ended = true;
	lookup->why = NULL;
	return true;
}

static int
open_channel(AzLookup *lookup)
{
	char		order[] = "fb";
	struct ares_options options = {
		.timeout = TIMEOUT_MS,
		.tries = TRIES,
		.lookups = order,
		.sock_state_cb = watch_descriptor,
		.sock_state_cb_data = lookup,
		.resolvconf_path = (char *) configured_file,
		.udp_port = (unsigned short) configured_port,
		.tcp_port = (unsigned short) configured_port
	};
	int			mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
	ARES_OPT_SOCK_STATE_CB;

	if (configured_file != NULL)
		mask |= ARES_OPT_RESOLVCONF | ARES_OPT_UDP_PORT | ARES_OPT_TCP_PORT;
	return ares_init_options(&lookup->channel, &options, mask);
}

/* c-ares: how this descriptor is to be watched from now on. */
static void
watch_descriptor(void *data, ares_socket_t fd, int readable, int writable)
{
	AzLookup   *lookup = data;
	uint32_t	events = (readable ? EPOLLIN : 0) | (writable ? EPOLLOUT : 0);
	AzWatch    *watch = find_watch(lookup, fd, events != 0);

	/* When it cannot be watched the question times out. */
	if (watch != NULL)
		az_loop_watch(lookup->loop, watch, events);
}

/* The watch of a descriptor; or, to be made, one that is free. */
static AzWatch *
find_watch(AzLookup *lookup, int fd, bool make)
{
	AzWatch    *unused = NULL;

	for (size_t i = 0; i < ARES_GETSOCK_MAXNUM; i++)
	{
		AzWatch    *watch = &lookup->watches[i];

		if (watch->events == 0)
			unused = watch;
		else if (watch->fd == fd)
			return watch;
	}
	if (!make || unused == NULL)
		return NULL;
	unused->fd = fd;
	unused->ready = go_on;
	unused->owner = lookup;
	return unused;
}

/* c-ares: the lookup is over. */
static void
take_answer(void *data, int status, int timeouts, struct ares_addrinfo *answer)
{
	AzLookup   *lookup = data;
	const struct ares_addrinfo_node *node = answer == NULL ? NULL
	: answer->nodes;

	lookup->ended = true;
	lookup->why = NULL;
	for (; node != NULL; node = node->ai_next)
		take_address(lookup, node->ai_addr, node->ai_addrlen);
	ares_freeaddrinfo(answer);
	if (lookup->n_addresses == 0)
		lookup->why = status == ARES_SUCCESS ? "the name has no address"
			: ares_strerror(status);
}

static void
take_address(AzLookup *lookup, const struct sockaddr *value, socklen_t len)
{
	AzSocketAddress *address = &lookup->addresses[lookup->n_addresses];

	if (lookup->n_addresses == AZ_MAX_ADDRESSES ||
		!az_socket_address_set(address, value, len))
		return;
	if (value->sa_family == AF_INET)
		address->value.ip4.sin_port = htons((uint16_t) lookup->port);
	else
		address->value.ip6.sin6_port = htons((uint16_t) lookup->port);
	lookup->n_addresses++;
}

static void
go_on(AzWatch *watch, uint32_t events)
{
	AzLookup   *lookup = watch->owner;
	bool		broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
	int			readable = events & EPOLLIN || broken ? watch->fd : ARES_SOCKET_BAD;
	int			writable = events & EPOLLOUT || broken ? watch->fd : ARES_SOCKET_BAD;

	ares_process_fd(lookup->channel, readable, writable);
	settle(lookup);
}

static void
tick(AzTimer *timer)
{
	AzLookup   *lookup = timer->owner;

	/* Its place in the heap is kept, so that moving it needs no memory. */
	az_loop_start_timer(lookup->loop, timer, INT64_MAX);
	if (!lookup->ended)
		ares_process_fd(lookup->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	settle(lookup);
}

/* Tells the owner when it is over; must be the last thing done. */
static void
settle(AzLookup *lookup)
{
	if (!lookup->ended)
	{
		wait_further(lookup);
		return;
	}
	az_lookup_stop(lookup);
	lookup->done(lookup);
}

/* Comes back when c-ares wants to, at once when it has ended. */
static void
wait_further(AzLookup *lookup)
{
	struct timeval left = {0};
	int64_t		wait_us;

	if (!lookup->ended)
		ares_timeout(lookup->channel, NULL, &left);
	wait_us = left.tv_sec * INT64_C(1000000) + left.tv_usec;
	az_loop_start_timer(lookup->loop, &lookup->timer,
						az_clock_monotonic_us() + wait_us);
}
